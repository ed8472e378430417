//! Whether a reply is one that the API document promises: status, headers, media type, and the body against its schema.
//!
//! The part of JSON Schema that the document uses, written down once more so that a mistake in the document shows in every
//! test. Patterns are left to the outside judges, which carry an engine for them.

use std::sync::OnceLock;

use serde_json::Value;

use super::Reply;

/// The document as the application serves it.
pub fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(labour_exchange::http::docs::document)
}

/// What the document promises differently from what came; none for addresses it does not know.
pub fn complaints(method: &str, path: &str, reply: &Reply) -> Vec<String> {
    let Some(operation) = operation(method, path) else { return Vec::new() };
    let responses = &operation["responses"];
    let status = reply.status.to_string();
    let promised = responses.get(&status).or_else(|| (reply.status >= 400).then(|| &responses["default"]));
    let Some(response) = promised.map(resolved) else { return vec![format!("status {status} is not in the document")] };
    let mut complaints = Vec::new();
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        if resolved(header)["required"] == true && reply.header(name).is_empty() {
            complaints.push(format!("header {name} is missing"));
        }
    }
    for name in ["etag", "location", "link", "idempotency-replayed"] {
        let promised =
            response["headers"].as_object().into_iter().flatten().any(|(header, _)| header.eq_ignore_ascii_case(name));
        // An operation on its way out tells its successor in every answer, also in those that operations share.
        let retires = name == "link" && !reply.header("sunset").is_empty();
        if !reply.header(name).is_empty() && !promised && !retires {
            complaints.push(format!("header {name} is not in the document"));
        }
    }
    if method == "HEAD" {
        return complaints;
    }
    let media_type = reply.header("content-type").split(';').next().unwrap_or_default();
    match response["content"].as_object() {
        None if reply.bytes.is_empty() => {}
        None => complaints.push("the document promises no body".to_owned()),
        Some(content) => match content.get(media_type) {
            None => complaints.push(format!("media type {media_type} is not in the document")),
            Some(described) if media_type.ends_with("json") => {
                check(&described["schema"], &reply.body, "", &mut complaints);
            }
            Some(_) => {}
        },
    }
    complaints
}

/// The operation at an address; fixed segments win over parameters.
pub fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let method = if method == "HEAD" { "get".to_owned() } else { method.to_ascii_lowercase() };
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let segments: Vec<&str> = template.split('/').collect();
        let same = |(segment, part): (&&str, &&str)| segment == part || (segment.starts_with('{') && !part.is_empty());
        segments.len() == parts.len() && segments.iter().zip(&parts).all(same)
    };
    let mut fitting: Vec<(&String, &Value)> = document()["paths"]
        .as_object()?
        .iter()
        .filter(|(template, item)| fits(template) && item.get(&method).is_some())
        .collect();
    fitting.sort_by_key(|(template, _)| template.matches('{').count());
    fitting.first().map(|(_, item)| &item[&method])
}

/// What a `$ref` stands for; the value itself when it is none.
pub fn resolved(value: &'static Value) -> &'static Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(name) => resolved(document().pointer(name.trim_start_matches('#')).unwrap_or(&Value::Null)),
        None => value,
    }
}

/// Adds what is wrong with `value` by `schema`, each with its place.
pub fn check(schema: &'static Value, value: &Value, place: &str, complaints: &mut Vec<String>) {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        match document().pointer(name.trim_start_matches('#')) {
            Some(target) => check(target, value, place, complaints),
            None => complaints.push(format!("{place}: {name} is nowhere")),
        }
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(part, value, place, complaints);
    }
    check_alternatives(schema, value, place, complaints);
    check_value(schema, value, place, complaints);
    match value {
        Value::Object(_) => check_fields(schema, value, place, complaints),
        Value::Array(items) => {
            limit(schema, "maxItems", place, complaints, |most| items.len() as f64 <= most);
            limit(schema, "minItems", place, complaints, |least| items.len() as f64 >= least);
            if schema["items"].is_object() {
                for (index, item) in items.iter().enumerate() {
                    check(&schema["items"], item, &format!("{place}/{index}"), complaints);
                }
            }
        }
        Value::String(text) => {
            limit(schema, "maxLength", place, complaints, |most| text.chars().count() as f64 <= most);
            limit(schema, "minLength", place, complaints, |least| text.chars().count() as f64 >= least);
            if !has_format(schema["format"].as_str(), text) {
                complaints.push(format!("{place}: {text:?} is no {}", schema["format"]));
            }
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            limit(schema, "maximum", place, complaints, |most| number <= most);
            limit(schema, "minimum", place, complaints, |least| number >= least);
        }
        Value::Bool(_) | Value::Null => {}
    }
}

fn check_alternatives(schema: &'static Value, value: &Value, place: &str, complaints: &mut Vec<String>) {
    for (keyword, exactly_one) in [("oneOf", true), ("anyOf", false)] {
        let Some(alternatives) = schema[keyword].as_array() else { continue };
        let fitting = alternatives.iter().filter(|alternative| {
            let mut wrong = Vec::new();
            check(alternative, value, place, &mut wrong);
            wrong.is_empty()
        });
        let fitting = fitting.count();
        if fitting == 0 || (exactly_one && fitting > 1) {
            complaints.push(format!("{place}: {fitting} of {} {keyword} fit {value}", alternatives.len()));
        }
    }
}

fn check_value(schema: &Value, value: &Value, place: &str, complaints: &mut Vec<String>) {
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => value.is_null(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind)) {
        complaints.push(format!("{place}: {value} is no {kinds:?}"));
    }
    if schema["enum"].as_array().is_some_and(|known| !known.contains(value)) {
        complaints.push(format!("{place}: {value} is none of {}", schema["enum"]));
    }
    if schema.get("const").is_some_and(|only| only != value) {
        complaints.push(format!("{place}: {value} is not {}", schema["const"]));
    }
}

fn check_fields(schema: &'static Value, value: &Value, place: &str, complaints: &mut Vec<String>) {
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            complaints.push(format!("{place}/{name} is missing"));
        }
    }
    for (name, field) in value.as_object().into_iter().flatten() {
        let place = format!("{place}/{name}");
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(described), _) | (None, Some(described @ Value::Object(_))) => {
                check(described, field, &place, complaints);
            }
            (None, Some(Value::Bool(false))) => complaints.push(format!("{place} is not in the document")),
            (None, _) => {}
        }
    }
}

fn limit(schema: &Value, keyword: &str, place: &str, complaints: &mut Vec<String>, holds: impl Fn(f64) -> bool) {
    if let Some(bound) = schema[keyword].as_f64()
        && !holds(bound)
    {
        complaints.push(format!("{place}: breaks {keyword} {bound}"));
    }
}

fn has_format(format: Option<&str>, text: &str) -> bool {
    match format {
        Some("uuid") => uuid::Uuid::try_parse(text).is_ok(),
        Some("date") => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
        Some("date-time") => text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wrong(schema: Value, value: Value) -> Vec<String> {
        let mut complaints = Vec::new();
        check(Box::leak(Box::new(schema)), &value, "", &mut complaints);
        complaints
    }

    #[test]
    fn the_check_can_fail() {
        for (schema, good, bad) in [
            (json!({ "type": "integer", "minimum": 1 }), json!(1), json!(0)),
            (json!({ "type": ["string", "null"], "maxLength": 2 }), json!(null), json!("三个字")),
            (json!({ "required": ["id"] }), json!({ "id": 1 }), json!({})),
            (
                json!({ "properties": { "day": { "format": "date" } } }),
                json!({ "day": "2026-03-02" }),
                json!({ "day": "yesterday" }),
            ),
            (json!({ "items": { "enum": ["a"] } }), json!(["a"]), json!(["b"])),
            (json!({ "oneOf": [{ "type": "string" }, { "type": "null" }] }), json!("a"), json!(1)),
            (json!({ "allOf": [{ "type": "object" }, { "required": ["id"] }] }), json!({ "id": 1 }), json!({})),
            (
                json!({ "$ref": "#/components/schemas/Problem" }),
                json!({ "type": "a", "title": "b", "status": 404, "code": "not_found",
                "detail": "d", "instance": "i", "retryable": false }),
                json!({ "status": 404 }),
            ),
            (json!({ "properties": {}, "additionalProperties": false }), json!({}), json!({ "more": 1 })),
        ] {
            assert_eq!(wrong(schema.clone(), good), Vec::<String>::new(), "{schema}");
            assert!(!wrong(schema.clone(), bad).is_empty(), "{schema}");
        }
    }
}
