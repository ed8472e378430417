//! A sandbox: an exchange of one's own whose clock is moved by hand, so that a partner walks an agreement from draft to day 90 in one
//! script.
//!
//! Only the days of the work move. Tokens and assertions go by the real time, as everywhere, so that a partner's client needs no other
//! clock than its own.

use actix_web::{get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::app::State;
use crate::db::{Day, Instant};
use crate::error::{Error, Faults, Result};
use crate::http::{Answer, Posted};
use crate::identity::Caller;
use crate::identity::policy::{AgreementsRead, SandboxWrite};

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

/// Mounts the routes of this slice.
pub fn mount(config: &mut ServiceConfig) {
    config.service(get_sandbox_clock).service(move_sandbox_clock);
}

fn shown(state: &State) -> SandboxClock {
    let now = state.clock.now();
    SandboxClock { now, today: now.day() }
}

fn require_sandbox(state: &State) -> Result<()> {
    if state.is_sandbox { Ok(()) } else { Err(Error::not_found("sandbox", "沙箱")) }
}

/// Read the clock of the sandbox
///
/// Only a sandbox has one (`labour-exchange sandbox`); everywhere else the answer is 404.
#[utoipa::path(tag = "sandbox", responses((status = 200, description = "The clock", body = SandboxClock)), security(("oauth2" = ["agreements.read"])))]
#[get("/v1/sandbox/clock")]
async fn get_sandbox_clock(state: web::Data<State>, _caller: Caller<AgreementsRead>) -> Result<Answer> {
    require_sandbox(&state)?;
    Answer::ok(&shown(&state))
}

/// Move the clock of the sandbox
///
/// Forward only, for everybody who works in this sandbox: what falls due by then is due. 404 where there is no sandbox.
#[utoipa::path(tag = "sandbox", request_body = NewSandboxClock,
    responses((status = 200, description = "The clock as it is now", body = SandboxClock)), security(("oauth2" = ["sandbox.write"])))]
#[post("/v1/sandbox/clock")]
async fn move_sandbox_clock(
    state: web::Data<State>,
    _caller: Caller<SandboxWrite>,
    posted: Posted<NewSandboxClock>,
) -> Result<Answer> {
    require_sandbox(&state)?;
    let (within, wanted) = (state.clone(), posted.body.today);
    let answer = posted.key.run(&state, move |_| {
        let mut faults = Faults::new();
        let (en, zh) = ("the clock only goes forward", "时钟只能向前");
        faults.require(wanted >= within.clock.today(), "/today", "in_the_past", en, zh);
        faults.check()?;
        let morning = Instant::from_micros(wanted.start().as_micros().saturating_add(MORNING));
        within.clock.set(morning.max(within.clock.now()));
        Answer::ok(&shown(&within))
    });
    answer.await
}

/// 09:00, in microseconds.
const MORNING: i64 = 9 * 3_600 * 1_000_000;
