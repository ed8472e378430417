//! What every operation of the document has in common, added once instead of at every route.

use serde_json::{Value, json};

/// Completes the collected document.
pub fn complete(document: &mut Value) {
    if let Some(object) = document.as_object_mut() {
        object.insert("servers".to_owned(), json!([{ "url": "/", "description": "This exchange" }]));
    }
}
