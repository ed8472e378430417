//! The API document is the contract: complete, committed, and kept by the application at every address it names.
//!
//! The matrix of rights is generated from the document, so that an operation cannot be added without being tried.

use std::collections::BTreeSet;
use std::path::Path;

use labour_exchange::error::Code;
use labour_exchange::http::docs;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::conformance::{check, document, resolved};
use crate::support::{PUBLIC_URL, Reply, TestApp, TestParty};

/// What may be read without a token, and why.
const PUBLIC: &[(&str, &str)] = &[
    ("/livez", "an orchestrator has no token"),
    ("/readyz", "a load balancer has no token"),
    ("/", "whoever comes by must find the way"),
    ("/.well-known/api-catalog", "whoever comes by must find the way"),
    ("/openapi.json", "one must be able to read how to get a token"),
    ("/problems/{code}", "a person opens it from a log or a message"),
    ("/v1/code-lists", "the labels of what the public document names"),
    ("/v1/code-lists/{name}", "the labels of what the public document names"),
    ("/v1/public/agreements", "a register that everybody may check keeps agreements honest"),
    ("/v1/public/job-postings", "who looks for work has no token"),
    ("/v1/public/job-postings/{quota_id}", "who looks for work has no token"),
    ("/oauth/token", "the client proves itself by its assertion"),
    ("/.well-known/jwks.json", "keys to check tokens by are public"),
    ("/.well-known/oauth-authorization-server", "one must be able to find out how to get a token"),
    ("/.well-known/oauth-protected-resource", "one must be able to find out how to get a token"),
];

/// One operation of the document.
struct Operation {
    method: String,
    path: String,
    described: &'static Value,
}

fn operations() -> Vec<Operation> {
    let paths = document()["paths"].as_object().unwrap();
    let of = |(path, item): (&'static String, &'static Value)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, described)| Operation {
            method: method.to_uppercase(),
            path: path.clone(),
            described,
        })
    };
    paths.iter().flat_map(of).collect()
}

impl Operation {
    /// The scope it needs; none when it is public.
    fn scope(&self) -> Option<&'static str> {
        let needs =
            self.described["security"].as_array().unwrap_or_else(|| panic!("{} says nothing of security", self.path));
        needs.first().map(|need| need["oauth2"][0].as_str().unwrap())
    }

    fn parameters(&self) -> impl Iterator<Item = &'static Value> {
        self.described["parameters"].as_array().into_iter().flatten().map(resolved)
    }

    /// Its address with made-up path parameters and every query parameter that is needed.
    fn address(&self) -> String {
        let mut path = self.path.clone();
        let mut query = Vec::new();
        for parameter in self.parameters() {
            let name = parameter["name"].as_str().unwrap();
            let example = || {
                let schema = resolved(&parameter["schema"]);
                let first = [&parameter["example"], &schema["example"], &schema["examples"][0], &schema["minimum"]];
                let example = first.into_iter().find(|example| !example.is_null());
                let example = example.unwrap_or_else(|| panic!("{}: {name} has no example", self.path));
                example.as_str().map_or_else(|| example.to_string(), str::to_owned)
            };
            match parameter["in"].as_str() {
                Some("path") => path = path.replace(&format!("{{{name}}}"), &example()),
                Some("query") if parameter["required"] == true => query.push(format!("{name}={}", example())),
                _ => {}
            }
        }
        if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
    }

    /// Asks it with this token, or without one; the body is an empty object.
    async fn ask(&self, app: &TestApp, token: Option<&str>) -> Reply {
        let mut call = app.call(&self.method, &self.address());
        if let Some(token) = token {
            call = call.bearer(token);
        }
        call = match self.method.as_str() {
            "POST" => call.fresh_key().json(&json!({})),
            "PATCH" => call.header("if-match", "\"1\"").json(&json!({})),
            _ => call,
        };
        call.send().await
    }
}

async fn somebody(app: &TestApp) -> TestParty {
    app.party("邵阳县人力资源和社会保障局", "authority", "430523").await
}

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let served = docs::text(document());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/openapi.json");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if committed == served {
        return;
    }
    let found = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openapi.json");
    std::fs::write(&found, &served).unwrap();
    let line = committed.lines().zip(served.lines()).position(|(old, new)| old != new).unwrap_or_default();
    panic!(
        "openapi/openapi.json is not what the code says, from line {} on:\n  committed: {:?}\n  served:    {:?}\nWrite it anew with `make openapi`; what is served now lies in {}.",
        line + 1,
        committed.lines().nth(line),
        served.lines().nth(line),
        found.display()
    );
}

#[test]
fn every_operation_says_what_it_is() {
    let tags: Vec<&Value> = document()["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let mut ids = BTreeSet::new();
    let mut complaints = Vec::new();
    for operation in operations() {
        let described = operation.described;
        let summary = described["summary"].as_str().unwrap_or_default();
        let description = described["description"].as_str().unwrap_or_default();
        let id = described["operationId"].as_str().unwrap_or_default();
        let own_tags = described["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
        let camel_case = id.starts_with(|letter: char| letter.is_ascii_lowercase())
            && id.chars().all(|letter| letter.is_ascii_alphanumeric());
        let public = PUBLIC.iter().any(|(path, _)| *path == operation.path);
        for (holds, complaint) in [
            (
                !summary.is_empty() && summary.lines().count() == 1 && !summary.ends_with('.'),
                "has no summary of one line without a full stop",
            ),
            (summary.chars().count() <= 80, "has a summary of more than 80 characters"),
            (!description.is_empty(), "has no description"),
            (camel_case, "has no camelCase operationId"),
            (ids.insert(id), "has the operationId of another"),
            (own_tags.len() == 1 && tags.contains(&&own_tags[0]), "has not exactly one tag, defined for the document"),
            (
                operation.scope().is_none() == public,
                "needs no token without being in the list of what is public, or the other way round",
            ),
            (described["responses"]["default"].is_object(), "has no default problem"),
            (
                described["responses"].as_object().unwrap().keys().any(|status| status.starts_with('2')),
                "never succeeds",
            ),
        ] {
            if !holds {
                complaints.push(format!("{} {} {complaint}", operation.method, operation.path));
            }
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn every_problem_is_named_and_more_may_come() {
    let code = &document()["components"]["schemas"]["Problem"]["properties"]["code"];
    let named: Vec<&str> = code["x-extensible-enum"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(named, Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>());
    assert!(code["enum"].is_null(), "a generated client would refuse a code that comes later: {code}");
    assert!(code["description"].as_str().unwrap().contains("accept a code you do not know"), "{code}");
}

/// Every place of the document that points to another part of it.
fn references(value: &'static Value, found: &mut BTreeSet<&'static str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn what_the_document_points_to_is_there() {
    let mut found = BTreeSet::new();
    references(document(), &mut found);
    assert!(found.len() > 100, "references were read: {}", found.len());
    let lost: Vec<_> =
        found.into_iter().filter(|name| document().pointer(name.trim_start_matches('#')).is_none()).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn what_is_made_leads_on() {
    for operation in operations() {
        let made = &operation.described["responses"]["201"];
        for (name, link) in made["links"].as_object().into_iter().flatten() {
            let known = operations().iter().any(|other| other.described["operationId"] == link["operationId"]);
            assert!(known, "{}: the link {name} leads nowhere", operation.path);
        }
    }
}

/// Whoever writes a client for the first time starts from an example that can be sent.
#[test]
fn every_body_comes_with_an_example_that_fits() {
    let mut bodies = 0;
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(content) = operation.pointer("/requestBody/content/application~1json") else { continue };
            let schema = resolved(&content["schema"]);
            let example = &schema["example"];
            assert!(example.is_object(), "{method} {path} has no example of its body");
            let mut complaints = Vec::new();
            check(schema, example, "", &mut complaints);
            assert!(complaints.is_empty(), "{method} {path}: {complaints:?}");
            bodies += 1;
        }
    }
    assert!(bodies > 40, "bodies were found: {bodies}");
}

/// Whoever builds a receiver finds the three headers, the envelope of the feed, and examples of it.
#[test]
fn what_is_posted_to_others_is_described() {
    let post = &document()["webhooks"]["event"]["post"];
    let parameters = post["parameters"].as_array().unwrap();
    let headers: Vec<&str> = parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    assert_eq!(headers, ["webhook-id", "webhook-timestamp", "webhook-signature"]);
    assert!(parameters.iter().all(|parameter| parameter["required"] == true && parameter["in"] == "header"));
    let content = &post["requestBody"]["content"]["application/json"];
    let of_feed = &document()["components"]["schemas"]["FeedPage"]["properties"]["items"]["items"];
    assert_eq!(&content["schema"], of_feed, "one schema for feed and webhook");
    let examples = content["examples"].as_object().unwrap();
    assert!(!examples.is_empty());
    for (name, example) in examples {
        let mut complaints = Vec::new();
        check(resolved(&content["schema"]), &example["value"], "", &mut complaints);
        assert!(complaints.is_empty(), "{name}: {complaints:?}");
    }
}

on_both! {
    /// The address in `type` opens a page with the cause and the remedy, in the language of the reader.
    async fn every_kind_of_problem_has_its_page(app: TestApp) {
        for code in Code::ALL {
            let path = format!("/problems/{}", code.as_str());
            let definition = code.definition();
            for (language, tag, title, remedy) in [
                ("en", "en", definition.title_en, definition.remedy_en),
                ("zh-CN", "zh-CN", definition.title_zh, definition.remedy_zh),
            ] {
                let json = app.call("GET", &path).header("accept-language", language).send().await.expect(200);
                assert_eq!((json.body["title"].as_str(), json.body["remedy"].as_str()), (Some(title), Some(remedy)));
                assert_eq!(json.header("content-language"), tag);
                let page = app.call("GET", &path).header("accept-language", language).header("accept", "text/html").send().await;
                let html = String::from_utf8(page.expect(200).bytes).unwrap();
                assert!(html.contains(title) && html.contains(remedy) && html.contains(&format!("lang=\"{tag}\"")), "{html}");
            }
        }
        app.get_anonymous("/problems/no_such_problem").await.expect(404).problem("not_found");
    }

    /// Without a token nothing but the public pages answers.
    async fn nothing_answers_without_a_token(app: TestApp) {
        let mut tried = 0;
        for operation in operations().into_iter().filter(|operation| operation.scope().is_some()) {
            let reply = operation.ask(&app, None).await.expect(401).problem("token_invalid");
            let challenge = reply.header("www-authenticate").to_owned();
            assert!(challenge.starts_with("Bearer ") && challenge.contains("error=\"invalid_token\""), "{challenge}");
            assert!(challenge.contains(&format!("resource_metadata=\"{PUBLIC_URL}/.well-known/oauth-protected-resource\"")), "{challenge}");
            operation.ask(&app, Some("not.a.token")).await.expect(401).problem("token_invalid");
            tried += 1;
        }
        assert_eq!(tried + PUBLIC.iter().filter(|(path, _)| document()["paths"].get(path).is_some()).count(), operations().len());
    }

    /// A token does what its scopes say: the one the document names is needed, and it is enough.
    async fn every_operation_needs_the_scope_it_names(app: TestApp) {
        let party = somebody(&app).await;
        for operation in operations() {
            let Some(scope) = operation.scope() else { continue };
            let other = if scope == "events.read" { "parties.read" } else { "events.read" };
            let lacking = app.token(&party, &[other]);
            let reply = operation.ask(&app, Some(&lacking)).await.expect(403).problem("insufficient_scope");
            assert!(reply.header("www-authenticate").contains(&format!("scope=\"{scope}\"")), "{}", reply.header("www-authenticate"));
            assert_eq!(reply.body["required_scope"], scope);
            let enough = app.token(&party, &[scope]);
            let reply = operation.ask(&app, Some(&enough)).await;
            assert_ne!(reply.status, 401, "{}", reply.about);
            assert_ne!(reply.body["code"], "insufficient_scope", "{}: the document names {scope}", reply.about);
        }
    }

    /// A method that an address does not know is refused with those it knows; OPTIONS tells them too.
    async fn every_address_tells_its_methods(app: TestApp) {
        let party = somebody(&app).await;
        let addresses: BTreeSet<(String, String)> =
            operations().iter().map(|operation| (operation.path.clone(), operation.address())).collect();
        for (path, address) in addresses {
            let item = document()["paths"][&path].as_object().unwrap();
            let address = address.split('?').next().unwrap();
            let allow = app.call("OPTIONS", address).send().await.expect(204).header("allow").to_owned();
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                let known = item.contains_key(&method.to_lowercase());
                // An address can fit a fixed path and a path with a parameter; it then knows the methods of both.
                if !allow.split(", ").any(|allowed| allowed == method) {
                    assert!(!known, "{path}: {method} is missing in Allow: {allow}");
                    let refused = app.call(method, address).by(&party).send().await.expect(405);
                    if path == "/oauth/token" {
                        assert_eq!(refused.body["error"], "invalid_request", "the token endpoint refuses in OAuth's words: {}", refused.body);
                    } else {
                        assert_eq!(refused.body["code"], "method_not_allowed", "{path}: {}", refused.body);
                    }
                    assert_eq!(refused.header("allow"), allow, "{path}");
                }
            }
            assert_eq!(allow.contains("HEAD"), allow.contains("GET"), "{path}");
        }
    }

    /// HEAD tells what GET would.
    async fn head_answers_like_get(app: TestApp) {
        let party = somebody(&app).await;
        for operation in operations().into_iter().filter(|operation| operation.method == "GET") {
            let token = operation.scope().map(|scope| app.token(&party, &[scope]));
            let get = operation.ask(&app, token.as_deref()).await;
            let head = Operation { method: "HEAD".to_owned(), ..operation }.ask(&app, token.as_deref()).await;
            assert_eq!(head.status, get.status, "{}", get.about);
            for name in ["content-type", "etag", "cache-control", "link"] {
                assert_eq!(head.header(name), get.header(name), "{}", get.about);
            }
        }
    }

    /// A mistyped filter never gives the unfiltered list.
    async fn a_mistyped_parameter_is_refused_everywhere(app: TestApp) {
        let party = somebody(&app).await;
        // The token endpoint ignores what it does not know (RFC 6749, section 3.2).
        for operation in operations().into_iter().filter(|operation| operation.path != "/oauth/token") {
            let token = operation.scope().map(|scope| app.token(&party, &[scope]));
            let address = operation.address();
            let mark = if address.contains('?') { '&' } else { '?' };
            let mut call = app.call(&operation.method, &format!("{address}{mark}no_such_parameter=1"));
            if let Some(token) = token {
                call = call.bearer(&token);
            }
            let refused = call.send().await.expect(400).problem("unknown_parameter");
            assert_eq!(refused.body["errors"][0]["name"], "no_such_parameter");
            assert_eq!(refused.body["errors"][0]["in"], "query");
        }
    }

    /// A parameter that is longer, shorter, of another form or out of the range that the document gives it is named, and its value is not.
    async fn a_parameter_beyond_its_limits_is_refused_everywhere(app: TestApp) {
        let mut tried = 0;
        for operation in operations().into_iter().filter(|operation| operation.path != "/oauth/token") {
            for parameter in operation.parameters() {
                let (name, within) = (parameter["name"].as_str().unwrap(), parameter["in"].as_str().unwrap());
                // The key has a problem of its own; what a path holds is read by its type.
                if within == "path" || name == "Idempotency-Key" {
                    continue;
                }
                let schema = &parameter["schema"];
                let number = |limit: &str, step: i64| Some((schema[limit].as_i64()? + step).to_string());
                let long = schema["maxLength"].as_u64().map(|longest| "7".repeat(usize::try_from(longest).unwrap() + 1));
                let short = schema["minLength"].as_u64().filter(|shortest| *shortest > 0).map(|_| String::new());
                let malformed = schema["pattern"].is_string().then(|| "\u{1}".to_owned());
                let beyond = [long, short, malformed, number("minimum", -1), number("maximum", 1)];
                for value in beyond.into_iter().flatten() {
                    let address = operation.address();
                    let address = address.split('?').next().unwrap();
                    let query = form_urlencoded::Serializer::new(String::new()).append_pair(name, &value).finish();
                    let call = if within == "query" {
                        app.call(&operation.method, &format!("{address}?{query}"))
                    } else {
                        app.call(&operation.method, address).header(name, &value)
                    };
                    let refused = call.send().await.expect(400).problem("parameter_invalid");
                    let fault = &refused.body["errors"][0];
                    assert_eq!((fault["name"].as_str(), fault["in"].as_str()), (Some(name), Some(within)), "{}", refused.about);
                    assert!(value.len() < 5 || !String::from_utf8_lossy(&refused.bytes).contains(&value), "{}", refused.body);
                    tried += 1;
                }
            }
        }
        assert!(tried > 200, "{tried}");
    }

    /// Every value that the document offers for a filter is one that the filter knows.
    async fn every_offered_value_of_a_filter_is_known(app: TestApp) {
        let party = somebody(&app).await;
        for operation in operations() {
            let Some(scope) = operation.scope() else { continue };
            let token = app.token(&party, &[scope]);
            for parameter in operation.parameters().filter(|parameter| parameter["in"] == "query") {
                let name = parameter["name"].as_str().unwrap();
                let schema = resolved(&parameter["schema"]);
                let offered = [&schema["enum"], &schema["items"]["enum"]].into_iter().filter_map(Value::as_array).flatten();
                let mut offered: Vec<String> = offered.map(|value| value.as_str().unwrap().to_owned()).collect();
                if schema["type"] == "array" {
                    assert_eq!((&parameter["style"], &parameter["explode"]), (&json!("form"), &json!(false)), "{name}");
                    offered.push(offered.join(","));
                }
                for value in offered {
                    let address = operation.address();
                    let mark = if address.contains('?') { '&' } else { '?' };
                    let reply = app.call(&operation.method, &format!("{address}{mark}{name}={value}"));
                    let reply = reply.bearer(&token).send().await;
                    assert_ne!(reply.status, 400, "{}: {}", reply.about, reply.body);
                }
            }
        }
    }
}

#[test]
fn a_body_is_needed_where_a_field_is() {
    for operation in operations() {
        let body = &operation.described["requestBody"];
        let Some(content) = body["content"].as_object() else { continue };
        let needs = |media: &'static Value| {
            resolved(&media["schema"])["required"].as_array().is_some_and(|needed| !needed.is_empty())
        };
        assert_eq!(body["required"], content.values().any(needs), "{} {}", operation.method, operation.path);
    }
    let registration =
        resolved(&document()["paths"]["/v1/parties"]["post"]["requestBody"]["content"]["application/json"]["schema"]);
    assert!(registration["properties"]["name"].is_object(), "a party is registered by its name: {registration}");
}
