//! `openapi`: the API document, byte for byte as it is served.

use crate::http::docs;

/// Prints the document.
pub fn run() {
    print!("{}", docs::text(&docs::document()));
}
