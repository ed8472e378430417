//! What the API document promises of a parameter's value: its length, its form, its range.
//!
//! Read off the document and held to before any route is asked, so that no route can forget what its document says. Types and
//! sets of values are not looked at here: the readers of the routes know them.

use regex::Regex;
use serde_json::Value;

use crate::error::{Fault, Place, Text};

/// The promised bounds of one parameter; empty ones hold for every value.
#[derive(Debug, Default)]
pub struct ValueLimits {
    length_min: Option<u64>,
    length_max: Option<u64>,
    form: Option<Regex>,
    range: Option<(i64, i64)>,
}

impl ValueLimits {
    /// Reads the bounds off the schema of a parameter, as it stands there: a schema that is only referred to has a reader of its own.
    #[must_use]
    pub fn of(schema: &Value) -> Self {
        let number = |name: &str| schema.get(name).and_then(Value::as_u64);
        let end = |name: &str| schema.get(name).and_then(Value::as_i64);
        Self {
            length_min: number("minLength"),
            length_max: number("maxLength"),
            form: schema.get("pattern").and_then(Value::as_str).and_then(|pattern| Regex::new(pattern).ok()),
            range: end("minimum").zip(end("maximum")),
        }
    }

    /// The fault of a value that is out of bounds. It never holds the value.
    #[must_use]
    pub fn fault(&self, place: Place, value: &str) -> Option<Fault> {
        let fault = |code, detail| Some(Fault { place, code, detail, params: serde_json::Map::new() });
        let length = u64::try_from(value.chars().count()).unwrap_or(u64::MAX);
        let (shortest, longest) = (self.length_min.unwrap_or_default(), self.length_max.unwrap_or(u64::MAX));
        if !(shortest..=longest).contains(&length) {
            let detail = match self.length_max {
                Some(longest) => Text::new(
                    format!("must have {shortest} to {longest} characters"),
                    format!("长度须为 {shortest} 至 {longest} 个字符"),
                ),
                None => {
                    Text::new(format!("must have at least {shortest} characters"), format!("至少 {shortest} 个字符"))
                }
            };
            return fault("length", detail).map(|fault| fault.param("length", length));
        }
        if self.form.as_ref().is_some_and(|form| !form.is_match(value)) {
            return fault("form", Text::new("is not of the form this parameter has", "格式不符合要求"));
        }
        let (least, most) = self.range?;
        let out_of_range =
            value.parse::<i128>().is_ok_and(|number| !(i128::from(least)..=i128::from(most)).contains(&number));
        if out_of_range {
            let detail = Text::new(format!("must be from {least} to {most}"), format!("须在 {least} 到 {most} 之间"));
            return fault("out_of_range", detail);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_held_to_its_schema() {
        let name =
            json!({ "type": "string", "minLength": 1, "maxLength": 4, "pattern": "^[^\\u0000-\\u001f\\u007f]+$" });
        let limit = json!({ "type": "integer", "minimum": 1, "maximum": 200 });
        for (schema, value, code) in [
            (&name, "邵阳县局", None),
            (&name, "", Some("length")),
            (&name, "邵阳县人社局", Some("length")),
            (&name, "邵\u{f}阳", Some("form")),
            (&name, "邵\u{7f}阳", Some("form")),
            (&limit, "1", None),
            (&limit, "200", None),
            (&limit, "0", Some("out_of_range")),
            (&limit, "201", Some("out_of_range")),
            (&limit, "-99999999999999999999", Some("out_of_range")),
            // What is no number is told by the reader of the query.
            (&limit, "many", None),
            (&json!({}), "", None),
            (&json!({ "minLength": 1 }), "", Some("length")),
        ] {
            let place = Place::Parameter { within: "query", name: "planted".to_owned() };
            let fault = ValueLimits::of(schema).fault(place, value);
            assert_eq!(fault.map(|fault| fault.code), code, "{schema} {value}");
        }
    }
}
