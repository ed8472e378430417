//! What every operation of the document has in common, added once instead of at every route.
//!
//! A route says what is its own: summary, parameters, bodies, the answer, the scope, whether it heeds `If-Match` and gives an ETag. From
//! its method, path and scope follows the rest: which problems it can answer, which headers it takes and gives, how its id leads on to other operations. The shared
//! parts themselves lie in [`shared`]. Whatever nothing refers to in the end is taken out again.
#![expect(clippy::indexing_slicing, reason = "assigning a member of a JSON object inserts it")]

mod links;
mod shared;
mod webhooks;

use serde_json::{Map, Value, json};

use crate::error::Code;
use crate::http::query::VALUES_MAX;
use crate::http::retiring::{self, RETIRING};

/// The methods an OpenAPI path item can have here.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The subjects of the document, in the order of the work.
const TAGS: &[(&str, &str)] = &[
    ("tokens", "Proof of identity: a client signs an assertion and gets a token of at most ten minutes"),
    (
        "regions",
        "Administrative divisions by their codes of GB/T 2260, current and historic, and how two of them lie to each other",
    ),
    (
        "calendar",
        "Working days of mainland China: weekends, public holidays and the working days that make up for them",
    ),
    (
        "parties",
        "Authorities, employers, stations and agencies that take part, the zones, and the clients that speak for them",
    ),
    ("workers", "The origin's own register of people, masked unless a purpose is stated"),
    ("agreements", "Labour-cooperation agreements: their terms, versions and ratification by digest"),
    ("quotas", "Places that employers offer under an agreement, with their balance"),
    ("dispatches", "Batches of workers sent against quotas: roster, departure, placements"),
    ("placements", "One worker of one dispatch against one quota: the row that everything else is about"),
    ("arrivals", "What a party says happened to a placement, and disputes about it"),
    ("retention", "Who is still in post: observations, exits and retention checks"),
    ("fulfilment", "The agreement's targets with numerator, denominator and the rows behind them"),
    ("reconciliation", "Both sides compared row by row at a cut-off, with the situation and the cure of each row"),
    (
        "statements",
        "The monthly statement both sides sign: figures, the rows behind them, objections, restatements, and why a number changed",
    ),
    (
        "indicators",
        "The figures officials report: their definitions, the figures of an agreement and of a party, the rows behind them, and who else counts a person",
    ),
    (
        "discrepancies",
        "What follows when a row does not agree: questions, answers, resolutions, matches by hand, and who owes an answer",
    ),
    (
        "imports",
        "Files as people have them: lists of workers, rosters, wage ledgers and demand tables, checked row by row and applied",
    ),
    (
        "public",
        "What everybody may read without a token: concluded agreements with their totals, and the posts offered under them",
    ),
    ("code-lists", "Every enumerated value with its label in Chinese and English"),
    (
        "jobs",
        "Work that takes longer than an answer may: large files of rows, how far they are, what became of each row",
    ),
    ("events", "What happened, in order, in hash chains that can be checked"),
    (
        "webhooks",
        "Events posted to a party's own receivers: endpoints, secrets, what was delivered, and delivering it again",
    ),
    ("sandbox", "The clock of an exchange of one's own, to walk an agreement through its days"),
    ("operation", "Health of the server, this document, and a page for each kind of problem"),
];

/// Completes the collected document.
pub fn complete(document: &mut Value) {
    document["servers"] = json!([{ "url": "/", "description": "This exchange" }]);
    let schemas = document.pointer("/components/schemas").cloned().unwrap_or_default();
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for (path, method, operation) in operations(paths) {
        complete_operation(&path, &method, operation, &schemas);
    }
    links::add(paths);
    retiring::announce(document, RETIRING);
    document["webhooks"] = webhooks::described();
    document["tags"] = used_tags(document);
    name_problems(document);
    for (kind, parts) in shared::components() {
        for (name, part) in parts {
            document["components"][kind][name] = part;
        }
    }
    drop_unused(document);
}

/// Names every problem of this version without closing the list: an `enum` would make clients refuse what comes later.
fn name_problems(document: &mut Value) {
    let names: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    if let Some(code) = document.pointer_mut("/components/schemas/Problem/properties/code") {
        code["x-extensible-enum"] = json!(names);
    }
}

/// Every operation with its path and method.
fn operations(paths: &mut Map<String, Value>) -> impl Iterator<Item = (String, String, &mut Map<String, Value>)> {
    paths.iter_mut().flat_map(|(path, item)| {
        let methods = item.as_object_mut().into_iter().flatten();
        methods.filter(|(method, _)| METHODS.contains(&method.as_str())).filter_map(move |(method, operation)| {
            operation.as_object_mut().map(|operation| (path.clone(), method.clone(), operation))
        })
    })
}

/// What kind of operation it is, as far as the common parts depend on it.
struct Nature {
    is_token: bool,
    is_list: bool,
    /// It answers with an ETag: the route gives the header its name.
    is_tagged: bool,
    /// It takes `If-Match`, needed or not: the route names it among its parameters.
    takes_version: bool,
    is_secured: bool,
    takes_body: bool,
    has_path_parameter: bool,
}

impl Nature {
    fn of(path: &str, method: &str, operation: &Map<String, Value>) -> Self {
        let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
        let is_list = method == "get" && parameters.clone().any(|parameter| parameter["name"] == "cursor");
        let is_secured = operation.get("security").and_then(Value::as_array).is_some_and(|needs| !needs.is_empty());
        let takes_version = parameters.clone().any(is_if_match) || method == "patch";
        let answers = operation.get("responses").and_then(Value::as_object).into_iter().flatten();
        let is_tagged = answers.into_iter().any(|(_, answer)| answer.pointer("/headers/ETag").is_some());
        let has_path_parameter = path.contains('{');
        Self {
            is_token: path == "/oauth/token",
            is_list,
            is_tagged,
            takes_version,
            is_secured,
            takes_body: matches!(method, "post" | "put" | "patch"),
            has_path_parameter,
        }
    }
}

/// Whether a parameter is `If-Match` as a route names it.
fn is_if_match(parameter: &Value) -> bool {
    parameter["in"] == "header" && parameter["name"] == "if-match"
}

fn complete_operation(path: &str, method: &str, operation: &mut Map<String, Value>, schemas: &Value) {
    let nature = Nature::of(path, method, operation);
    if let Some(Value::String(name)) = operation.get_mut("operationId") {
        *name = camel_case(name);
    }
    if let Some(Value::String(summary)) = operation.get_mut("summary") {
        summary.truncate(summary.trim_end_matches('.').len());
    }
    if !nature.is_secured {
        operation.insert("security".to_owned(), json!([]));
    }
    if let Some(body) = operation.get_mut("requestBody").and_then(Value::as_object_mut) {
        let required = needs_something(body, schemas);
        body.insert("required".to_owned(), json!(required));
        if method == "patch" {
            offer_merge_patch(body);
        }
    }
    files_are_bytes(operation);
    add_parameters(&nature, method, operation);
    add_problems(&nature, method, operation);
    add_response_headers(&nature, method, operation);
}

/// Media types of files: what a client reads and writes as it is.
const FILES: [&str; 4] = [
    "text/csv",
    "application/x-ndjson",
    "application/zip",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
];

/// A file is bytes, whatever type the route has for it; so generated clients take and give files.
fn files_are_bytes(operation: &mut Map<String, Value>) {
    let mut contents = Vec::new();
    for (name, part) in operation.iter_mut() {
        match name.as_str() {
            "requestBody" => contents.extend(part.get_mut("content")),
            "responses" => {
                contents.extend(part.as_object_mut().into_iter().flatten().filter_map(|(_, it)| it.get_mut("content")));
            }
            _ => {}
        }
    }
    let described = contents.into_iter().filter_map(Value::as_object_mut).flatten();
    for (_, media) in described.filter(|(name, _)| FILES.contains(&name.split(';').next().unwrap_or_default())) {
        media["schema"] = json!({ "type": "string", "format": "binary" });
    }
}

/// Whether a body must be sent: one without a needed field may stay away, since an empty body reads as an empty object.
fn needs_something(body: &Map<String, Value>, schemas: &Value) -> bool {
    let schemas_of_body =
        body.get("content").and_then(Value::as_object).into_iter().flatten().map(|(_, media)| &media["schema"]);
    schemas_of_body.into_iter().any(|schema| {
        let name = schema["$ref"].as_str().and_then(|address| address.strip_prefix("#/components/schemas/"));
        let schema = name.map_or(schema, |name| &schemas[name]);
        schema["required"].as_array().is_some_and(|needed| !needed.is_empty())
    })
}

/// PATCH takes `application/merge-patch+json`, and plain JSON with the same meaning.
fn offer_merge_patch(body: &mut Map<String, Value>) {
    if let Some(content) = body.get_mut("content").and_then(Value::as_object_mut)
        && let Some(json) = content.get("application/json").cloned()
    {
        content.entry("application/merge-patch+json").or_insert(json);
    }
}

fn add_parameters(nature: &Nature, method: &str, operation: &mut Map<String, Value>) {
    let mut names = Vec::new();
    if method == "post" && !nature.is_token {
        names.push("IdempotencyKey");
    }
    if nature.takes_version {
        names.push(if method == "patch" { "IfMatchRequired" } else { "IfMatch" });
    }
    if nature.is_tagged && method == "get" {
        names.push("IfNoneMatch");
    }
    // An answer of 202 with a job is one that may be asked for; other work decides by its size alone.
    let taken_on = operation
        .get("responses")
        .and_then(|responses| responses.pointer("/202/content/application~1json/schema/$ref").and_then(Value::as_str));
    if taken_on == Some("#/components/schemas/Job") {
        names.push("Prefer");
    }
    names.push("AcceptLanguage");
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    if let Some(parameters) = parameters.as_array_mut() {
        parameters.retain(|parameter| !is_if_match(parameter));
        // Several values of one filter stand in one parameter, with commas between.
        for several in parameters.iter_mut().filter(|parameter| parameter["schema"]["type"] == "array") {
            several["style"] = json!("form");
            several["explode"] = json!(false);
            several["schema"]["minItems"] = json!(1);
            several["schema"]["maxItems"] = json!(VALUES_MAX);
        }
        parameters.extend(names.into_iter().map(|name| reference("parameters", name)));
    }
}

fn add_problems(nature: &Nature, method: &str, operation: &mut Map<String, Value>) {
    let mut problems = vec![("default", "Problem"), ("503", "ServiceUnavailable")];
    if !nature.is_token {
        problems.push(("400", "BadRequest"));
    }
    if nature.is_secured {
        problems.extend([("401", "Unauthorized"), ("403", "Forbidden"), ("429", "TooManyRequests")]);
    }
    if nature.has_path_parameter {
        problems.push(("404", "NotFound"));
    }
    if nature.takes_body {
        problems.push(("413", "ContentTooLarge"));
    }
    if nature.takes_body && !nature.is_token {
        problems.extend([
            ("408", "RequestTimeout"),
            ("409", "Conflict"),
            ("415", "UnsupportedMediaType"),
            ("422", "UnprocessableContent"),
        ]);
    }
    if nature.takes_version {
        problems.push(("412", "PreconditionFailed"));
    }
    if method == "patch" {
        problems.push(("428", "PreconditionRequired"));
    }
    if nature.is_tagged && method == "get" {
        problems.push(("304", "NotModified"));
    }
    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    if let Some(responses) = responses.as_object_mut() {
        for (status, name) in problems {
            responses.entry(status).or_insert_with(|| reference("responses", name));
        }
        responses.sort_keys();
    }
}

fn add_response_headers(nature: &Nature, method: &str, operation: &mut Map<String, Value>) {
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
    for (status, response) in responses.into_iter().flatten().filter(|(status, _)| status.starts_with('2')) {
        let mut names = vec![("X-Request-Id", "RequestId")];
        if nature.is_list {
            names.push(("Link", "NextPage"));
        }
        if nature.is_secured {
            names.extend([("RateLimit-Policy", "RateLimitPolicy"), ("RateLimit", "RateLimit")]);
        }
        if response["headers"].get("ETag").is_some() {
            response["headers"]["ETag"] = reference("headers", "ETag");
        }
        if method == "post" && !nature.is_token {
            names.push(("Idempotency-Replayed", "IdempotencyReplayed"));
        }
        if status == "201" || status == "202" {
            names.push(("Location", "Location"));
        }
        if status == "202" {
            names.push(("Retry-After", "RetryAfter"));
        }
        for (header, name) in names {
            let headers = &mut response["headers"];
            if headers.get(header).is_none() {
                headers[header] = reference("headers", name);
            }
        }
    }
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut text, word| {
        let mut letters = word.chars();
        text.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        text.push_str(letters.as_str());
        text
    })
}

fn used_tags(document: &Value) -> Value {
    let items = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let operations = items.flat_map(|(_, item)| item.as_object().into_iter().flatten());
    let used: Vec<&str> = operations
        .flat_map(|(_, operation)| operation.get("tags").and_then(Value::as_array).into_iter().flatten())
        .filter_map(Value::as_str)
        .collect();
    let tags = TAGS.iter().filter(|(name, _)| used.contains(name));
    tags.map(|(name, description)| json!({ "name": name, "description": description })).collect()
}

/// Takes out what no operation leads to, however indirectly. Security schemes are named, not referred to, and stay.
fn drop_unused(document: &mut Value) {
    let mut used = Vec::new();
    for part in ["paths", "webhooks"] {
        collect_references(document.get(part).unwrap_or(&Value::Null), &mut used);
    }
    let mut seen = 0;
    while let Some(name) = used.get(seen).cloned() {
        seen += 1;
        collect_references(document.pointer(&name).unwrap_or(&Value::Null), &mut used);
    }
    let kinds = document.get_mut("components").and_then(Value::as_object_mut);
    for (kind, parts) in kinds.into_iter().flatten().filter(|(kind, _)| *kind != "securitySchemes") {
        if let Some(parts) = parts.as_object_mut() {
            parts.retain(|name, _| used.contains(&format!("/components/{kind}/{name}")));
        }
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(pointer) = fields.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'))
                && !found.iter().any(|known| known == pointer)
            {
                found.push(pointer.to_owned());
            }
            fields.values().for_each(|value| collect_references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(path: &str, method: &str, operation: Value) -> Value {
        let mut document = json!({ "paths": { path: { method: operation } }, "components": { "schemas": {
            "Problem": { "type": "object" }, "Nobody": { "type": "object" } } } });
        complete(&mut document);
        document
    }

    fn secured(success: &str) -> Value {
        json!({ "operationId": "propose_agreement", "summary": "Proposes the terms.", "tags": ["agreements"],
            "security": [{ "oauth2": ["agreements.write"] }],
            "responses": { success: { "description": "Done" } } })
    }

    fn names(operation: &Value) -> Vec<&str> {
        let parameters = operation["parameters"].as_array().unwrap().iter();
        parameters.map(|parameter| parameter["$ref"].as_str().unwrap().rsplit('/').next().unwrap()).collect()
    }

    fn statuses(operation: &Value) -> Vec<&str> {
        operation["responses"].as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn an_action_takes_a_key_and_the_version_it_names() {
        let mut action = secured("200");
        action["parameters"] = json!([{ "name": "if-match", "in": "header", "required": false }]);
        action["responses"]["200"]["headers"] = json!({ "ETag": { "schema": { "type": "string" } } });
        let document = completed("/v1/agreements/{id}/proposal", "post", action);
        let operation = &document["paths"]["/v1/agreements/{id}/proposal"]["post"];
        assert_eq!(operation["operationId"], "proposeAgreement");
        assert_eq!(operation["summary"], "Proposes the terms");
        assert_eq!(names(operation), ["IdempotencyKey", "IfMatch", "AcceptLanguage"]);
        assert_eq!(
            statuses(operation),
            ["200", "400", "401", "403", "404", "408", "409", "412", "413", "415", "422", "429", "503", "default"]
        );
        assert_eq!(operation["responses"]["200"]["headers"]["ETag"]["$ref"], "#/components/headers/ETag");
    }

    #[test]
    fn what_a_route_does_not_do_is_not_promised() {
        let document = completed("/v1/agreements/{id}/withdrawal", "post", secured("200"));
        let operation = &document["paths"]["/v1/agreements/{id}/withdrawal"]["post"];
        assert_eq!(names(operation), ["IdempotencyKey", "AcceptLanguage"]);
        assert!(!statuses(operation).contains(&"412"));
        assert!(operation["responses"]["200"]["headers"]["ETag"].is_null());
        let document = completed("/v1/agreements/{id}/balance", "get", secured("200"));
        let operation = &document["paths"]["/v1/agreements/{id}/balance"]["get"];
        assert!(!names(operation).contains(&"IfNoneMatch") && !statuses(operation).contains(&"304"));
    }

    #[test]
    fn a_change_needs_the_version_it_is_meant_for() {
        let mut change = secured("200");
        change["requestBody"] = json!({ "content": { "application/json": { "schema": { "required": ["phone"] } } } });
        let document = completed("/v1/workers/{id}", "patch", change);
        let operation = &document["paths"]["/v1/workers/{id}"]["patch"];
        assert_eq!(names(operation), ["IfMatchRequired", "AcceptLanguage"]);
        assert!(statuses(operation).contains(&"428"));
        assert!(operation["requestBody"]["content"]["application/merge-patch+json"].is_object());
        assert_eq!(operation["requestBody"]["required"], true);
    }

    #[test]
    fn what_is_made_says_where_it_is() {
        let document = completed("/v1/agreements", "post", secured("201"));
        let operation = &document["paths"]["/v1/agreements"]["post"];
        assert_eq!(operation["responses"]["201"]["headers"]["Location"]["$ref"], "#/components/headers/Location");
        assert!(!names(operation).contains(&"IfMatch"), "nothing is there yet that could have a version");
    }

    #[test]
    fn a_public_page_asks_for_no_token() {
        let page = json!({ "operationId": "livez", "tags": ["operation"], "responses": { "200": { "description": "Alive" } } });
        let document = completed("/livez", "get", page);
        let operation = &document["paths"]["/livez"]["get"];
        assert_eq!(operation["security"], json!([]));
        assert_eq!(statuses(operation), ["200", "400", "503", "default"]);
    }

    #[test]
    fn only_what_is_used_is_described() {
        let document = completed("/v1/agreements", "post", secured("201"));
        assert!(document["components"]["schemas"]["Nobody"].is_null());
        assert!(document["components"]["schemas"]["Problem"].is_object());
        assert!(document["components"]["parameters"]["IfNoneMatch"].is_null());
        assert_eq!(document["tags"].as_array().unwrap().len(), 1);
    }
}
