//! Operations on their way out: announced in the document, told in every answer (RFC 9745 `Deprecation`, RFC 8594 `Sunset`), counted by
//! client in the log, and from their last day on answered with 410.
//!
//! An operation retires by one line in [`RETIRING`]. The rest follows from the document, so that what is announced and what is done cannot
//! differ.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use crate::db::Day;
use crate::error::{Code, Error};

/// How long an operation is still there once it is announced to go, at least, in days: two years (api-rules V1).
pub const NOTICE_DAYS: i64 = 730;

/// An operation on its way out.
#[derive(Debug, Clone, Copy)]
pub struct Retiring {
    /// The method, in small letters.
    pub method: &'static str,
    /// The path as the document writes it.
    pub path: &'static str,
    /// First day on which it is announced.
    pub deprecated_on: Day,
    /// First day on which it is no longer there.
    pub sunset_on: Day,
    /// The path that takes its place.
    pub successor: &'static str,
}

/// Every operation that is on its way out. None is.
pub const RETIRING: &[Retiring] = &[];

/// Writes into the document what retires.
pub fn announce(document: &mut Value, retiring: &[Retiring]) {
    for one in retiring {
        let operation = document.get_mut("paths").and_then(|paths| paths.get_mut(one.path)?.get_mut(one.method));
        if let Some(operation) = operation.and_then(Value::as_object_mut) {
            announce_one(operation, one);
        }
    }
}

fn announce_one(operation: &mut Map<String, Value>, one: &Retiring) {
    let Retiring { deprecated_on, sunset_on, successor, .. } = one;
    let known = operation.get("description").and_then(Value::as_str).unwrap_or_default();
    let notice = format!("Deprecated since {deprecated_on}, gone from {sunset_on} on: use `{successor}`.");
    let description = format!("{known}\n\n{notice}");
    for (name, value) in [
        ("description", json!(description)),
        ("deprecated", json!(true)),
        ("x-deprecated-on", json!(deprecated_on)),
        ("x-sunset-on", json!(sunset_on)),
        ("x-successor", json!(successor)),
    ] {
        operation.insert(name.to_owned(), value);
    }
    let text =
        |description: &str| json!({ "schema": { "type": "string", "maxLength": 500 }, "description": description });
    let answers = operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten();
    for headers in answers.filter_map(|(_, answer)| answer.as_object_mut()) {
        if headers.contains_key("$ref") {
            continue;
        }
        if let Some(headers) = headers.entry("headers").or_insert_with(|| json!({})).as_object_mut() {
            headers.insert("Deprecation".to_owned(), text("Since when it is deprecated (RFC 9745)."));
            headers.insert("Sunset".to_owned(), text("When it will be gone (RFC 8594)."));
            headers.entry("Link").or_insert_with(|| text("What takes its place, as `successor-version`."));
        }
    }
}

/// What every answer of a retiring operation tells, read off the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    sunset_on: Day,
    headers: [(HeaderName, HeaderValue); 3],
}

impl Notice {
    /// The notice of an operation of the document; none when it stays.
    #[must_use]
    pub fn of(operation: &Value) -> Option<Self> {
        let text = |name: &str| operation.get(name).and_then(Value::as_str);
        let day = |name: &str| text(name).and_then(|day| Day::parse(day).ok());
        let (deprecated_on, sunset_on) = (day("x-deprecated-on")?, day("x-sunset-on")?);
        let links =
            format!("<{}>; rel=\"successor-version\", </openapi.json>; rel=\"deprecation\"", text("x-successor")?);
        let value = |text: &str| HeaderValue::from_str(text).ok();
        let headers = [
            (HeaderName::from_static("deprecation"), value(&format!("@{}", deprecated_on.start().as_seconds()))?),
            (HeaderName::from_static("sunset"), value(&http_date(sunset_on))?),
            (HeaderName::from_static("link"), value(&links)?),
        ];
        Some(Self { sunset_on, headers })
    }

    /// The refusal, once the last day is over.
    #[must_use]
    pub fn refusal(&self, today: Day) -> Option<Error> {
        (today >= self.sunset_on)
            .then(|| Error::new(Code::OperationRetired).param("sunset_on", self.sunset_on.to_string()))
    }

    /// Tells it in an answer.
    pub fn tell(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.append(name.clone(), value.clone());
        }
    }
}

/// The beginning of a day in Asia/Shanghai, as HTTP writes instants.
fn http_date(day: Day) -> String {
    day.start().timestamp().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A day of a table; what is no day of the calendar is the first of all.
#[must_use]
pub const fn day(year: i16, month: i8, day: i8) -> Day {
    Day(jiff::civil::date(year, month, day))
}

/// What is wrong with a line of the table.
#[must_use]
pub fn fault(document: &Value, one: &Retiring) -> Option<String> {
    let exists = |path: &str| document.get("paths").and_then(|paths| paths.get(path)).is_some();
    let operation = document.get("paths").and_then(|paths| paths.get(one.path)?.get(one.method));
    if operation.is_none() {
        Some(format!("{} {} is not in the document", one.method, one.path))
    } else if !exists(one.successor) {
        Some(format!("{} is not in the document", one.successor))
    } else if one.sunset_on.days_since(one.deprecated_on) < NOTICE_DAYS {
        Some(format!("{} {} goes sooner than {NOTICE_DAYS} days after it was announced", one.method, one.path))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Retiring = Retiring {
        method: "get",
        path: "/v1/old",
        deprecated_on: day(2026, 1, 1),
        sunset_on: day(2028, 1, 1),
        successor: "/v1/new",
    };

    fn document() -> Value {
        json!({ "paths": { "/v1/old": { "get": { "description": "Old.", "responses": { "200": { "description": "ok" } } } }, "/v1/new": { "get": {} } } })
    }

    #[test]
    fn what_retires_is_announced_and_told() {
        let mut document = document();
        assert_eq!(Notice::of(&document["paths"]["/v1/old"]["get"]), None);
        announce(&mut document, &[OLD]);
        let operation = &document["paths"]["/v1/old"]["get"];
        assert_eq!(operation["deprecated"], true);
        assert!(operation["responses"]["200"]["headers"]["Sunset"].is_object());
        let notice = Notice::of(operation).unwrap();
        let mut told = HeaderMap::new();
        notice.tell(&mut told);
        // 1 January 2026 and 2028 begin at 16:00 UTC of the day before.
        assert_eq!(told.get("deprecation").unwrap(), "@1767196800");
        assert_eq!(told.get("sunset").unwrap(), "Fri, 31 Dec 2027 16:00:00 GMT");
        assert_eq!(
            told.get("link").unwrap(),
            "</v1/new>; rel=\"successor-version\", </openapi.json>; rel=\"deprecation\""
        );
        assert!(notice.refusal(day(2027, 12, 31)).is_none());
        assert_eq!(notice.refusal(day(2028, 1, 1)).unwrap().code, Code::OperationRetired);
    }

    #[test]
    fn nobody_is_surprised() {
        assert_eq!(fault(&document(), &OLD), None);
        for wrong in [
            Retiring { sunset_on: day(2027, 6, 1), ..OLD },
            Retiring { successor: "/v1/nowhere", ..OLD },
            Retiring { method: "post", ..OLD },
        ] {
            assert!(fault(&document(), &wrong).is_some(), "{wrong:?}");
        }
    }

    #[test]
    fn the_table_is_sound() {
        let document = crate::http::docs::document();
        let faults: Vec<String> = RETIRING.iter().filter_map(|one| fault(&document, one)).collect();
        assert_eq!(faults, Vec::<String>::new());
    }
}
