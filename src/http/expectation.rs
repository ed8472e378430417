//! What a reader of JSON or of a query expected, said in both languages and without the value that came: it may be personal.
//!
//! The libraries say it in English only. Values of the exchange's own (days, codes) bring both texts along ([`Text::joined`]).

use crate::error::Text;

/// The expectation behind a library's message.
pub fn expectation(message: &str) -> Text {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    if let Some(both) = Text::split(message) {
        return both;
    }
    match message.rsplit_once("expected ") {
        Some((_, expected)) => Text::new(format!("expected {expected}"), in_chinese(expected)),
        None if message.starts_with("UUID") => {
            Text::new("expected the id of something, a UUID", "须为 UUID 形式的编号")
        }
        None => Text::new(message, "字段类型或取值不符合要求"),
    }
}

/// The names a message lists between backticks.
fn listed(expected: &str) -> Vec<&str> {
    expected.split('`').skip(1).step_by(2).collect()
}

fn in_chinese(expected: &str) -> String {
    let names = listed(expected);
    let text = match names.as_slice() {
        [] => kind_in_chinese(expected),
        [one] => return format!("须为 {one}"),
        several => return format!("须为以下之一：{}", several.join("、")),
    };
    text.to_owned()
}

/// The types as serde names them.
fn kind_in_chinese(expected: &str) -> &'static str {
    let number = |kinds: &[&str]| kinds.iter().any(|kind| expected.starts_with(kind));
    if expected.contains("string") {
        "须为文本（加引号）"
    } else if expected.contains("bool") {
        "须为 true 或 false"
    } else if number(&[
        "i8",
        "i16",
        "i32",
        "i64",
        "u8",
        "u16",
        "u32",
        "u64",
        "usize",
        "integer",
        "an integer",
        "nonzero",
    ]) {
        "须为范围内的整数（不加引号）"
    } else if number(&["f32", "f64"]) {
        "须为数字（不加引号）"
    } else if expected.contains("sequence") || expected.contains("array") {
        "须为数组"
    } else if expected.contains("map") || expected.contains("struct") || expected.contains("object") {
        "须为对象"
    } else {
        "字段类型或取值不符合要求"
    }
}

/// The names that are known where an unknown one came; empty when the message lists none.
pub fn known_names(message: &str) -> Vec<String> {
    let expected = message.rsplit_once("expected ").map_or("", |(_, expected)| expected);
    listed(expected).into_iter().map(ToOwned::to_owned).collect()
}

/// The first name between backticks behind a prefix.
pub fn quoted_after(message: &str, prefix: &str) -> Option<String> {
    let rest = message.strip_prefix(prefix)?.strip_prefix('`')?;
    rest.split_once('`').map(|(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::db::Day;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Side {
        Origin,
        Destination,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Row {
        side: Side,
    }

    fn told<T: serde::de::DeserializeOwned + std::fmt::Debug>(json: &str) -> Text {
        expectation(&serde_json::from_str::<T>(json).unwrap_err().to_string())
    }

    #[test]
    fn both_languages_say_what_was_expected_and_not_what_came() {
        let table = [
            (
                told::<Side>("\"430523199001011234\""),
                "expected `origin` or `destination`",
                "须为以下之一：origin、destination",
            ),
            (told::<String>("7"), "expected a string", "须为文本（加引号）"),
            (told::<u32>("\"seven\""), "expected u32", "须为范围内的整数（不加引号）"),
            (told::<u32>("-7"), "expected u32", "须为范围内的整数（不加引号）"),
            (told::<bool>("1"), "expected a boolean", "须为 true 或 false"),
            (told::<Vec<bool>>("{}"), "expected a sequence", "须为数组"),
            (told::<Row>("7"), "expected struct Row", "须为对象"),
            (told::<Day>("\"24.2.2026\""), "expected a day of the form 2026-02-24", "须为 2026-02-24 形式的日期"),
            (told::<crate::db::Id>("\"7\""), "expected the id of something, a UUID", "须为 UUID 形式的编号"),
        ];
        for (told, en, zh) in table {
            assert_eq!((told.en.as_str(), told.zh.as_str()), (en, zh));
        }
    }

    #[test]
    fn a_misspelt_name_finds_those_that_are_known() {
        let message = serde_json::from_str::<Row>("{\"sides\": 1}").unwrap_err().to_string();
        assert_eq!(quoted_after(&message, "unknown field ").as_deref(), Some("sides"));
        assert_eq!(known_names(&message), ["side"]);
    }
}
