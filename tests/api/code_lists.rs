//! Code lists: what every enumerated value is called, for pages and reports that people read.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::on_both;
use crate::support::TestApp;
use crate::support::conformance::document;

/// Languages are no business of the exchange; their names are in every browser.
const NOT_LISTED: &[&[&str]] = &[&["en", "zh-CN"]];

/// The enumerations below a place of the document; one with a single value only tells alternatives apart.
fn enumerations<'a>(value: &'a Value, found: &mut Vec<Vec<&'a str>>) {
    if let Some(values) = value["enum"].as_array().filter(|values| values.len() > 1) {
        found.push(values.iter().filter_map(Value::as_str).collect());
    }
    match value {
        Value::Object(fields) => fields.values().for_each(|field| enumerations(field, found)),
        Value::Array(items) => items.iter().for_each(|item| enumerations(item, found)),
        _ => {}
    }
}

fn codes(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["code"].as_str().unwrap()).collect()
}

/// `PlacementState` as the name of its list.
fn kebab_case(name: &str) -> String {
    let dashed = name.chars().flat_map(|letter| letter.is_ascii_uppercase().then_some('-').into_iter().chain([letter]));
    dashed.collect::<String>().trim_start_matches('-').to_lowercase()
}

on_both! {
    /// Whoever shows a code to people finds its words by the name of its schema, without a token and in both languages at once.
    async fn every_enumerated_value_has_a_label_in_both_languages(app: TestApp) {
        let all = app.get_anonymous("/v1/code-lists").await.expect(200);
        let lists: BTreeMap<&str, &Value> =
            all.body["items"].as_array().unwrap().iter().map(|list| (list["name"].as_str().unwrap(), list)).collect();
        let mut found = Vec::new();
        enumerations(document(), &mut found);
        assert!(found.len() > 50, "{}", found.len());
        for values in found.iter().filter(|values| !NOT_LISTED.contains(&values.as_slice())) {
            assert!(lists.values().any(|list| codes(list) == *values), "no list has exactly {values:?}");
        }
        for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
            if let Some(values) = schema["enum"].as_array() {
                let list = lists.get(kebab_case(name).as_str()).unwrap_or_else(|| panic!("{name} has no list of its name"));
                assert_eq!(json!(codes(list)), json!(values), "{name}");
            }
        }
        for (name, list) in lists {
            let alone = app.get_anonymous(&format!("/v1/code-lists/{name}")).await.expect(200);
            assert_eq!(&alone.body, list);
        }
        app.get_anonymous("/v1/code-lists/no-such-list").await.expect(404).problem("not_found");
    }

    /// Lists are kept by caches for an hour and asked for again by their tag; nothing in them depends on the reader's language.
    async fn a_code_list_can_be_kept(app: TestApp) {
        let path = "/v1/code-lists/placement-state";
        let read = |language: &'static str| app.call("GET", path).header("accept-language", language);
        let list = read("zh-CN").send().await.expect(200);
        assert_eq!(list.header("cache-control"), "public, max-age=3600");
        assert!(list.body["items"].as_array().unwrap().contains(&json!({ "code": "no_show", "label_en": "no show", "label_zh": "未到" })));
        let again = read("en").header("if-none-match", list.etag()).send().await.expect(304);
        assert_eq!(again.header("cache-control"), "public, max-age=3600");
    }
}
