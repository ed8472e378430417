//! Where an answer leads: from what was made (201) to the operations that take its id.

use serde_json::{Map, Value, json};

/// Adds the links of every operation that makes something.
pub fn add(paths: &mut Map<String, Value>) {
    let targets: Vec<(String, String)> = paths
        .iter()
        .filter_map(|(path, item)| Some((path.clone(), item.get("get")?.get("operationId")?.as_str()?.to_owned())))
        .collect();
    for (path, item) in paths.iter_mut() {
        let Some(made) = item.get_mut("post").and_then(|operation| operation["responses"].get_mut("201")) else {
            continue;
        };
        let links: Map<String, Value> = targets.iter().filter_map(|(target, name)| link(path, target, name)).collect();
        if !links.is_empty() {
            made["links"] = Value::Object(links);
        }
    }
}

/// The link from what `path` makes to the operation at `target`, when the id just made completes that address.
fn link(path: &str, target: &str, operation: &str) -> Option<(String, Value)> {
    let collection = path.rsplit('/').next()?;
    let parts: Vec<&str> = target.split('/').collect();
    let place = parts.iter().position(|part| *part == collection)?.checked_add(1)?;
    let parameter = |part: &str| part.strip_prefix('{').and_then(|part| part.strip_suffix('}')).map(str::to_owned);
    let made = parameter(parts.get(place)?)?;
    let mut parameters = Map::new();
    for part in &parts {
        let Some(name) = parameter(part) else { continue };
        let source = if name == made {
            "$response.body#/id".to_owned()
        } else if path.contains(part) {
            format!("$request.path.{name}")
        } else {
            return None;
        };
        parameters.insert(name, Value::String(source));
    }
    let link =
        json!({ "operationId": operation, "parameters": parameters, "description": "Goes on with what was made" });
    Some((operation.to_owned(), link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_leads_to_itself_and_to_what_belongs_to_it() {
        let (name, made) = link("/v1/agreements", "/v1/agreements/{agreement_id}/quotas", "listQuotas").unwrap();
        assert_eq!(name, "listQuotas");
        assert_eq!(made["parameters"], json!({ "agreement_id": "$response.body#/id" }));
        let (_, made) =
            link("/v1/agreements/{agreement_id}/quotas", "/v1/agreements/{agreement_id}/quotas/{quota_id}", "getQuota")
                .unwrap();
        assert_eq!(
            made["parameters"],
            json!({ "agreement_id": "$request.path.agreement_id", "quota_id": "$response.body#/id" })
        );
    }

    #[test]
    fn an_address_that_needs_more_than_is_known_is_no_link() {
        assert!(link("/v1/agreements", "/v1/agreements/{id}/quotas/{quota_id}", "getQuota").is_none());
        assert!(link("/v1/agreements", "/v1/workers/{id}", "getWorker").is_none());
        assert!(link("/v1/agreements", "/v1/agreements", "listAgreements").is_none());
    }
}
