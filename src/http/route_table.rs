//! What each path of the API document knows: its methods, for 405, `Allow` and OPTIONS, and the parameters of each method.
//!
//! Read off the document, so that what is promised and what is enforced cannot differ.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use matchit::{InsertError, Router};
use serde_json::Value;

use super::retiring::Notice;
use super::value_limits::ValueLimits;
use crate::error::{Fault, Place};

/// The paths of the document, found without looking at every one of them.
#[derive(Debug, Default)]
pub struct RouteTable(Router<Route>);

#[derive(Debug)]
struct Route {
    /// The path as the document writes it.
    path: String,
    /// Parameters by method, `GET` for the method that HEAD is answered by.
    methods: BTreeMap<String, Parameters>,
    /// Where GET answers with a page of a list: the fields of its rows.
    fields: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Parameters {
    /// Whether a file of rows is taken as body.
    takes_rows: bool,
    /// Media types of the body.
    media_types: Vec<String>,
    /// What is told of a method on its way out.
    notice: Option<Notice>,
    query: BTreeMap<String, ValueLimits>,
    headers: Vec<(String, ValueLimits)>,
}

impl RouteTable {
    /// Reads the table off the API document.
    ///
    /// # Errors
    /// Two paths of the document that differ by nothing but the name of a parameter.
    pub fn of(document: &Value) -> Result<Self, InsertError> {
        let mut router = Router::new();
        for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
            router.insert(path, Route::of(path, item, document))?;
        }
        Ok(Self(router))
    }

    /// The path as the document writes it, such as `/v1/agreements/{agreement_id}`; none for an unknown path.
    #[must_use]
    pub fn pattern(&self, path: &str) -> Option<&str> {
        self.route(path).map(|route| route.path.as_str())
    }

    /// The methods of the path, as an `Allow` header; none for an unknown path.
    #[must_use]
    pub fn allow(&self, path: &str) -> Option<String> {
        let mut methods: BTreeSet<&str> = self.route(path)?.methods.keys().map(String::as_str).collect();
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
        let known = &self.route(path)?.methods.get(method)?.query;
        let mut names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
        names.find(|name| !known.contains_key(name.as_ref())).map(Cow::into_owned)
    }

    /// Whether this method of this path takes a file of rows.
    #[must_use]
    pub fn takes_rows(&self, method: &str, path: &str) -> bool {
        self.route(path).and_then(|route| route.methods.get(method)).is_some_and(|known| known.takes_rows)
    }

    /// The media types that this method of this path takes as body.
    #[must_use]
    pub fn media_types(&self, method: &str, path: &str) -> &[String] {
        let known = self.route(path).and_then(|route| route.methods.get(method));
        known.map_or(&[], |known| known.media_types.as_slice())
    }

    /// What is told of this method of this path, when it is on its way out.
    #[must_use]
    pub fn notice(&self, method: &str, path: &str) -> Option<&Notice> {
        self.route(path)?.methods.get(method)?.notice.as_ref()
    }

    /// The faults of the query parameters and headers that are not as long, of the form or in the range that the document promises.
    pub fn beyond_limits<'a>(
        &self,
        method: &str,
        path: &str,
        query: &str,
        header: impl Fn(&str) -> Option<&'a [u8]>,
    ) -> Vec<Fault> {
        let Some(known) = self.route(path).and_then(|route| route.methods.get(method)) else { return Vec::new() };
        let place = |within, name: &str| Place::Parameter { within, name: name.to_owned() };
        let in_query = form_urlencoded::parse(query.as_bytes())
            .filter_map(|(name, value)| known.query.get(name.as_ref())?.fault(place("query", &name), &value));
        let in_headers = known
            .headers
            .iter()
            .filter_map(|(name, limits)| limits.fault(place("header", name), &String::from_utf8_lossy(header(name)?)));
        in_query.chain(in_headers).collect()
    }

    /// The fields that the rows of a list have; none for a path that is no list.
    #[must_use]
    pub fn fields_of_rows(&self, path: &str) -> &BTreeSet<String> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        self.route(path).map_or(&NONE, |route| &route.fields)
    }

    fn route(&self, path: &str) -> Option<&Route> {
        self.0.at(path).ok().map(|found| found.value)
    }
}

impl Route {
    fn of(path: &str, item: &Value, document: &Value) -> Self {
        let operations = item.as_object().into_iter().flatten();
        let methods = operations
            .filter(|(name, _)| matches!(name.as_str(), "get" | "post" | "put" | "patch" | "delete"))
            .map(|(name, operation)| (name.to_ascii_uppercase(), Parameters::of(operation, document)));
        let page =
            item.pointer("/get/responses/200/content/application~1json/schema").map(|page| resolved(page, document));
        let row = page.and_then(|page| page.pointer("/properties/items/items"));
        let mut fields = BTreeSet::new();
        if let Some(row) = row {
            properties_of(row, document, &mut fields);
        }
        Self { path: path.to_owned(), methods: methods.collect(), fields }
    }
}

/// A part of the document, or what it refers to.
fn resolved<'a>(part: &'a Value, document: &'a Value) -> &'a Value {
    let shared = part.get("$ref").and_then(Value::as_str).and_then(|address| address.strip_prefix('#'));
    shared.and_then(|pointer| document.pointer(pointer)).unwrap_or(part)
}

/// The names of the properties of an object, also of one that is put together of several.
fn properties_of(schema: &Value, document: &Value, names: &mut BTreeSet<String>) {
    let schema = resolved(schema, document);
    names.extend(
        schema.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.clone()),
    );
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        properties_of(part, document, names);
    }
}

impl Parameters {
    fn of(operation: &Value, document: &Value) -> Self {
        let takes_rows = operation.pointer("/requestBody/content/text~1csv").is_some();
        let bodies = operation.pointer("/requestBody/content").and_then(Value::as_object).into_iter().flatten();
        let media_types = bodies.map(|(media_type, _)| media_type.clone()).collect();
        let mut parameters = Self { takes_rows, media_types, notice: Notice::of(operation), ..Self::default() };
        for parameter in operation.get("parameters").and_then(Value::as_array).into_iter().flatten() {
            let parameter = resolved(parameter, document);
            let text = |name: &str| parameter.get(name).and_then(Value::as_str);
            let (Some(place), Some(name)) = (text("in"), text("name")) else { continue };
            let limits = ValueLimits::of(parameter.get("schema").unwrap_or(&Value::Null));
            match place {
                "query" => drop(parameters.query.insert(name.to_owned(), limits)),
                // The key has a reader and a problem of its own.
                "header" if name != "Idempotency-Key" => parameters.headers.push((name.to_owned(), limits)),
                _ => {}
            }
        }
        parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table() -> RouteTable {
        RouteTable::of(&json!({ "paths": {
            "/v1/agreements": { "get": { "parameters": [
                { "name": "limit", "in": "query", "schema": { "type": "integer", "minimum": 1, "maximum": 200 } },
                { "$ref": "#/components/parameters/AcceptLanguage" },
            ] }, "post": {} },
            "/v1/agreements/{id}": { "get": {}, "patch": {} },
        }, "components": { "parameters": { "AcceptLanguage":
            { "name": "Accept-Language", "in": "header", "schema": { "type": "string", "maxLength": 5 } } } } }))
        .unwrap()
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
        assert_eq!(table().pattern("/v1/agreements/0192"), Some("/v1/agreements/{id}"), "without what was asked for");
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

    #[test]
    fn all_that_is_beyond_limits_is_told_at_once() {
        let found = |method: &str, path: &str, language: &'static str| {
            let header = |name: &str| (name == "Accept-Language").then_some(language.as_bytes());
            let faults = table().beyond_limits(method, path, "limit=0&other=1", header);
            faults.into_iter().map(|fault| (fault.place, fault.code)).collect::<Vec<_>>()
        };
        let at = |within, name: &str| Place::Parameter { within, name: name.to_owned() };
        let limit = || (at("query", "limit"), "out_of_range");
        assert_eq!(found("GET", "/v1/agreements", "zh-CN"), [limit()]);
        let both = [limit(), (at("header", "Accept-Language"), "length")];
        assert_eq!(found("GET", "/v1/agreements", "zh-CN,en"), both);
        assert_eq!(found("POST", "/v1/agreements", "zh-CN,en"), []);
        assert_eq!(found("GET", "/v2", "zh-CN,en"), []);
    }
}
