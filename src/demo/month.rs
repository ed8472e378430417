//! The last month that is over, stated and signed by both sides of every agreement.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::exchange::{Exchange, Who, number, text};
use super::stage::{Signed, Stage};
use crate::error::{Error, Result};
use crate::statements::document::canonical;

/// The month that both sides sign.
pub const STATED_MONTH: &str = "2021-10";

/// Has every agreement's month computed, opened and signed by both sides; how many are frozen over one digest.
///
/// # Errors
/// Whatever the exchange refuses.
pub async fn close(exchange: &mut Exchange, stage: &Stage) -> Result<usize> {
    let mut frozen = 0;
    for signed in &stage.agreements {
        let drafted =
            exchange.post(stage.origin, &signed.path("statements"), &json!({ "month": STATED_MONTH })).await?;
        let statement = text(&drafted, "/id")?;
        let path = signed.path(&format!("statements/{statement}"));
        exchange.post(signed.destination, &format!("{path}/opening"), &json!({})).await?;
        sign(exchange, signed.destination, &path).await?;
        frozen += usize::from(sign(exchange, stage.origin, &path).await? == "frozen");
    }
    Ok(frozen)
}

/// One side reads the statement, signs its exact bytes, and is told the state after it.
async fn sign(exchange: &mut Exchange, side: Who, path: &str) -> Result<String> {
    let edition = number(&exchange.get(side, path).await?, "/edition");
    // The bytes are canonical, so reading them and writing them canonically gives them back.
    let bytes = canonical(&exchange.get(side, &format!("{path}/document")).await?)?;
    let signature = exchange.participant(side)?.key.sign_detached(bytes.as_bytes()).map_err(Error::internal)?;
    let digest = hex::encode(Sha256::digest(bytes.as_bytes()));
    let body = json!({ "edition": edition, "digest": digest, "signature": signature });
    text(&exchange.post(side, &format!("{path}/signature"), &body).await?, "/state")
}

/// Where the statement of an agreement is found.
#[must_use]
pub fn address(signed: &Signed) -> String {
    signed.path(&format!("statements?month={STATED_MONTH}"))
}
