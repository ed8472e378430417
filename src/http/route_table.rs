//! What each path of the API document knows: its methods, for 405, `Allow` and OPTIONS, and the query parameters of each method.
//!
//! Read off the document, so that what is promised and what is enforced cannot differ.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The paths of the document.
#[derive(Debug, Default)]
pub struct RouteTable(Vec<Route>);

#[derive(Debug)]
struct Route {
    segments: Vec<Segment>,
    /// Query parameters by method, `GET` for the method that HEAD is answered by.
    methods: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug, PartialEq)]
enum Segment {
    Fixed(String),
    Any,
}

impl RouteTable {
    /// Reads the table off the API document.
    #[must_use]
    pub fn of(document: &Value) -> Self {
        let paths = document.get("paths").and_then(Value::as_object);
        Self(paths.into_iter().flatten().map(|(path, item)| Route::of(path, item)).collect())
    }

    /// The methods of the path, as an `Allow` header; none for an unknown path.
    #[must_use]
    pub fn allow(&self, path: &str) -> Option<String> {
        let mut methods: BTreeSet<&str> =
            self.fitting(path).flat_map(|route| route.methods.keys()).map(String::as_str).collect();
        if methods.is_empty() {
            return None;
        }
        if methods.contains("GET") {
            methods.insert("HEAD");
        }
        methods.insert("OPTIONS");
        Some(methods.into_iter().collect::<Vec<_>>().join(", "))
    }

    /// The first query parameter that this method of this path does not know. Nothing is said of unknown paths and methods.
    #[must_use]
    pub fn unknown_parameter(&self, method: &str, path: &str, query: &str) -> Option<String> {
        if query.is_empty() {
            return None;
        }
        let known: Vec<&BTreeSet<String>> = self.fitting(path).filter_map(|route| route.methods.get(method)).collect();
        if known.is_empty() {
            return None;
        }
        let mut names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
        names.find(|name| !known.iter().any(|names| names.contains(name.as_ref()))).map(std::borrow::Cow::into_owned)
    }

    fn fitting<'a>(&'a self, path: &str) -> impl Iterator<Item = &'a Route> {
        let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        self.0.iter().filter(move |route| route.fits(&parts))
    }
}

impl Route {
    fn of(path: &str, item: &Value) -> Self {
        let segments = path
            .split('/')
            .map(|part| if part.starts_with('{') { Segment::Any } else { Segment::Fixed(part.to_owned()) });
        let operations = item.as_object().into_iter().flatten();
        let methods = operations
            .filter(|(name, _)| matches!(name.as_str(), "get" | "post" | "put" | "patch" | "delete"))
            .map(|(name, operation)| (name.to_ascii_uppercase(), query_parameters(operation)));
        Self { segments: segments.collect(), methods: methods.collect() }
    }

    fn fits(&self, parts: &[String]) -> bool {
        self.segments.len() == parts.len()
            && self.segments.iter().zip(parts).all(|(segment, part)| match segment {
                Segment::Fixed(fixed) => fixed == part,
                Segment::Any => !part.is_empty(),
            })
    }
}

fn query_parameters(operation: &Value) -> BTreeSet<String> {
    let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    let in_query = parameters.filter(|parameter| parameter.get("in").is_some_and(|place| place == "query"));
    in_query.filter_map(|parameter| parameter.get("name")?.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table() -> RouteTable {
        RouteTable::of(&json!({ "paths": {
            "/v1/agreements": { "get": { "parameters": [{ "name": "limit", "in": "query" }, { "name": "Accept-Language", "in": "header" }] }, "post": {} },
            "/v1/agreements/{id}": { "get": {}, "patch": {} },
        } }))
    }

    #[test]
    fn a_path_tells_its_methods() {
        for (path, allow) in [
            ("/v1/agreements", Some("GET, HEAD, OPTIONS, POST")),
            ("/v1/agreements/0192", Some("GET, HEAD, OPTIONS, PATCH")),
            ("/v1/agreements/", None),
            ("/v1/agreements/0192/quotas", None),
            ("/v2/agreements", None),
        ] {
            assert_eq!(table().allow(path).as_deref(), allow, "{path}");
        }
    }

    #[test]
    fn a_mistyped_parameter_is_named() {
        for (method, query, unknown) in [
            ("GET", "limit=5", None),
            ("GET", "limit=5&limlt=6", Some("limlt")),
            ("GET", "Accept-Language=en", Some("Accept-Language")),
            ("GET", "%6cimit=5", None),
            ("POST", "limit=5", Some("limit")),
            ("DELETE", "limit=5", None),
            ("GET", "", None),
        ] {
            assert_eq!(
                table().unknown_parameter(method, "/v1/agreements", query).as_deref(),
                unknown,
                "{method} {query}"
            );
        }
    }
}
