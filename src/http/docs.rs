//! The API document: collected from the routes, completed by one set of rules, served as JSON and as a page that needs no network.

mod complete;
mod pages;

use serde_json::Value;
use utoipa::OpenApi;
use utoipa_actix_web::AppExt;

pub use pages::{mount, mount_reader, reader_allows};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Labour exchange",
        version = "1.0.0",
        description = "Origin counties and destination regions publish labour-cooperation agreements, job quotas and worker dispatches; employers confirm arrivals; both sides are reconciled against each agreement.\n\nEvery POST needs an `Idempotency-Key`. Lists are read with `limit` and `cursor`. Problems are RFC 9457 `application/problem+json`: branch on `code`, never on text. Days are days in Asia/Shanghai, instants are UTC. Clients must ignore fields and values they do not know: sets of codes may grow within v1.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact(name = "Operator of the exchange", url = "https://labour-exchange.invalid/contact"),
    ),
    components(schemas(super::problem::Problem, super::problem::FaultView))
)]
struct Base;

/// The whole document, as it is served and committed.
#[must_use]
pub fn document() -> Value {
    let (_, collected) = actix_web::App::new()
        .into_utoipa_app()
        .openapi(Base::openapi())
        .configure(crate::app::routes)
        .split_for_parts();
    let mut document = serde_json::to_value(collected).unwrap_or_default();
    complete::complete(&mut document);
    document
}

/// The document's text: what is served, byte for byte what is committed.
#[must_use]
pub fn text(document: &Value) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}
