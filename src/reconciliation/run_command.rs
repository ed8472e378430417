//! A run as a job: each step of its walk a transaction of its own, so that others write in between and everybody sees how far it is.
//!
//! The run goes by the id of its job. A server that takes the job over goes on where the last step was kept.

use std::pin::Pin;

use serde::{Deserialize, Serialize};

use super::run::{Begun, FullRun, begin_in_steps};
use super::store::runs;
use crate::agreements::store::membership;
use crate::app::State;
use crate::db::{Day, DbConnection, Id};
use crate::error::{Code, Error, Faults, Result};
use crate::events::Actor;
use crate::jobs::work::{self, Moved};
use crate::jobs::{Job, JobKind, Leased, receiving};

/// Placements from which on a run is a job whether asked for or not: about a second of work.
pub const AT_ONCE_MAX: i64 = 50_000;

/// Compares both sides of an agreement at a cut-off.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Reconcile {
    /// The agreement.
    pub agreement_id: Id,
    /// The cut-off.
    pub cut_off_on: Day,
}

impl Reconcile {
    /// Whether the caller may ask for it.
    ///
    /// # Errors
    /// [`Code::NotFound`] for strangers to the agreement, [`Code::FieldInvalid`] for a cut-off to come.
    pub fn admit(self, connection: &mut DbConnection, actor: &Actor) -> Result<()> {
        membership(connection, &actor.scope, self.agreement_id)?;
        let mut faults = Faults::new();
        let (en, zh) = ("the cut-off is today at the latest", "截止日不得晚于今天");
        faults.require(self.cut_off_on <= actor.now.day(), "/cut_off_on", "in_the_future", en, zh);
        faults.check()
    }

    /// Takes the run on as a job.
    ///
    /// # Errors
    /// [`Code::RunInProgress`] while another run of the agreement is running or waits.
    pub fn queue(self, connection: &mut DbConnection, actor: &Actor) -> Result<Job> {
        if let Some(run_id) = runs::running(connection, self.agreement_id)? {
            return Err(Error::new(Code::RunInProgress).param("run_id", run_id.to_string()));
        }
        receiving::queue_one(connection, actor, JobKind::Reconciliation, serde_json::to_value(self)?)
    }
}

/// Carries a run out to its end, step by step; a [`crate::jobs::JobStep`].
#[must_use]
pub fn step(state: State, leased: Leased) -> Pin<Box<dyn Future<Output = Result<bool>> + Send>> {
    Box::pin(carry_out(state, leased))
}

/// Breaks off the run of a job that failed or was cancelled; a [`crate::jobs::Abandon`].
///
/// # Errors
/// What the database says.
pub fn abandon(connection: &mut DbConnection, job: &Job, actor: &Actor, _why: &str) -> Result<()> {
    let command: Reconcile = serde_json::from_value(job.about.clone())?;
    runs::break_off(connection, command.agreement_id, job.id, actor.now)
}

async fn carry_out(state: State, leased: Leased) -> Result<bool> {
    let command: Reconcile = serde_json::from_value(leased.job.about.clone())?;
    let (follow, held) = (state.follow, leased.clone());
    let begin = move |connection: &mut DbConnection| {
        let about = (command.agreement_id, held.job.id, command.cut_off_on);
        let placements = runs::count_placements(connection, command.agreement_id)?;
        let found = placements.saturating_sub(held.job.row_count).max(0);
        let begun = begin_in_steps(connection, &held.actor, follow, about)?;
        let moved = match &begun {
            Begun::Done(run) => Moved { rows: run.row_count, found: run.row_count, last: true },
            Begun::Full(_) => Moved { rows: 0, found, last: false },
        };
        work::moved_on(connection, &held, held.actor.now, moved)?;
        Ok((begun, held.job.row_count.saturating_add(moved.found)))
    };
    match state.db.write(begin).await? {
        (Begun::Done(_), _) => Ok(true),
        (Begun::Full(full), found) => go_on(&state, &leased, full, found).await,
    }
}

/// Every step in a transaction of its own; `found` is how many rows the job expects.
async fn go_on(state: &State, leased: &Leased, mut full: Box<FullRun>, mut found: i64) -> Result<bool> {
    loop {
        let (held, now, follow) = (leased.clone(), state.clock.now(), state.follow);
        let write = move |connection: &mut DbConnection| {
            let before = full.rows();
            let more = full.advance(connection)?;
            let rows = full.rows().saturating_sub(before);
            // Claims that no placement answers to come to light on the way; who was enrolled too late for the cut-off does not.
            let beyond = full.rows().saturating_sub(found);
            let beyond = if more { beyond.max(0) } else { beyond };
            work::moved_on(connection, &held, now, Moved { rows, found: beyond, last: !more })?;
            if more {
                full.keep(connection)?;
                return Ok(Some((full, found.saturating_add(beyond))));
            }
            full.conclude(connection, &Actor { now, ..held.actor }, follow)?;
            Ok(None)
        };
        match state.db.write(write).await? {
            Some(next) => (full, found) = next,
            None => return Ok(true),
        }
    }
}
