//! HTTP of the clock of a sandbox.

use actix_web::{get, post, web};
use utoipa_actix_web::service_config::ServiceConfig;

use super::{NewSandboxClock, SandboxClock};
use crate::app::State;
use crate::db::Instant;
use crate::error::{Error, Faults, Result};
use crate::http::{Answer, Posted};
use crate::identity::Caller;
use crate::identity::policy::{AgreementsRead, SandboxWrite};

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
