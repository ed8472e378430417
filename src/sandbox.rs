//! A sandbox: an exchange of one's own whose clock is moved by hand, so that a partner walks an agreement from draft to day 90 in one
//! script.
//!
//! Only the days of the work move. Tokens and assertions go by the real time, as everywhere, so that a partner's client needs no other
//! clock than its own.

pub mod routes;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::db::{Day, Instant};

/// The clock of a sandbox.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(example = json!({ "now": "2026-05-25T01:00:00.000000Z", "today": "2026-05-25" }))]
pub struct SandboxClock {
    /// The instant it shows.
    pub now: Instant,
    /// The day in Asia/Shanghai.
    pub today: Day,
}

/// Where the clock is to go.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "today": "2026-05-25" }))]
pub struct NewSandboxClock {
    /// The day; it is 09:00 in Shanghai then. Not before the day the clock shows.
    pub today: Day,
}
