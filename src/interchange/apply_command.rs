//! An import as a job: each step of trying and applying a transaction of its own, with the cursor of the import and the figures of the job.
//!
//! The job counts the rows as they are decided for good: as they are applied, or, of a file that is only tried, as they are tried.

use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::applying::{self, Tools};
use super::{Import, ImportState, store};
use crate::app::State;
use crate::db::{DbConnection, Id};
use crate::error::Result;
use crate::events::Actor;
use crate::jobs::work::{self, Progress};
use crate::jobs::{Job, JobKind, Leased, receiving};

/// What a job of this kind is about.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct ApplyImport {
    import_id: Id,
}

/// Takes an import on as a job; ring [`State::jobs_waiting`] after the commit.
///
/// # Errors
/// What the database says.
pub fn queue(connection: &mut DbConnection, actor: &Actor, import_id: Id) -> Result<Job> {
    receiving::queue_one(connection, actor, JobKind::Import, serde_json::to_value(ApplyImport { import_id })?)
}

/// Tries or applies the next rows; a [`crate::jobs::JobStep`].
#[must_use]
pub fn step(state: State, leased: Leased) -> Pin<Box<dyn Future<Output = Result<bool>> + Send>> {
    Box::pin(next_rows(state, leased))
}

async fn next_rows(state: State, leased: Leased) -> Result<bool> {
    let ApplyImport { import_id } = serde_json::from_value(leased.job.about.clone())?;
    let (keys, judge, now) = (Arc::clone(&state.keys), state.judge, state.clock.now());
    let write = move |connection: &mut DbConnection| {
        let scope = leased.actor.scope;
        let before = store::locked(connection, &scope, import_id)?;
        let after = applying::step(connection, Tools { keys: &keys, judge, now }, scope, import_id)?;
        let last = !applying::is_under_way(&after);
        let found = if leased.job.row_count == 0 { after.row_count } else { 0 };
        work::progressed(connection, &leased, now, Progress { found, ..decided(&before, &after) }, last)?;
        Ok(last)
    };
    state.db.write(write).await
}

/// What a step decided for good.
fn decided(before: &Import, after: &Import) -> Progress {
    let for_good = before.state == ImportState::Applying || before.options.validate_only;
    if for_good {
        return Progress {
            accepted: after.accepted - before.accepted,
            unchanged: after.unchanged - before.unchanged,
            rejected: after.rejected - before.rejected,
            ..Progress::default()
        };
    }
    // No row can be taken: there is nothing to apply, and trying was all.
    let rejected = if after.state == ImportState::Rejected { after.rejected } else { 0 };
    Progress { rejected, ..Progress::default() }
}

/// Gives up the import of a job that failed or was cancelled; what was applied stands. A [`crate::jobs::Abandon`].
///
/// # Errors
/// What the database says.
pub fn abandon(connection: &mut DbConnection, job: &Job, actor: &Actor, why: &str) -> Result<()> {
    let ApplyImport { import_id } = serde_json::from_value(job.about.clone())?;
    applying::give_up(connection, actor.scope, import_id, why, actor.now)
}
