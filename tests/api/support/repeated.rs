//! Repeats of what was already done: the same answer, and no second effect.

use std::io::Write;
use std::sync::{LazyLock, Mutex};

use serde_json::Value;

use super::Reply;
use super::conformance::document;
use labour_exchange::http::route_table::RouteTable;

static ROUTES: LazyLock<RouteTable> = LazyLock::new(|| RouteTable::of(document()).unwrap());
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Notes in the file that `LABOUR_EXCHANGE_REPEATED` names which operation was repeated, so that somebody can see that all were.
pub fn count(path: &str) {
    let Ok(file) = std::env::var("LABOUR_EXCHANGE_REPEATED") else { return };
    let path = path.split('?').next().unwrap_or_default();
    let Some(operation) = ROUTES.pattern(path) else { return };
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
    writeln!(file, "{operation}").unwrap();
}

/// What is answered is read, and neither kept nor changed: a repeat is another reading, and stands as one where readings are recorded.
pub fn is_done_each_time(path: &str) -> bool {
    path.ends_with("/identity-readings") || path.ends_with("/preview") || path == "/v1/worker-searches"
}

/// The second answer is the first one, sent again.
pub fn must_be_the_same(first: &Reply, second: &Reply) {
    let about = &first.about;
    assert_eq!(second.header("idempotency-replayed"), "true", "{about} was done twice: {}", second.body);
    assert_eq!(
        (first.status, told(first)),
        (second.status, told(second)),
        "{about}: another answer to the same request"
    );
}

/// What is said again. A secret is told once.
fn told(reply: &Reply) -> Value {
    let mut body = reply.body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("secret");
    }
    body
}
