//! Carrying out jobs: whose turn it is, one step at a time, and what is over taken away.

use std::time::Duration;

use serde_json::{Value, json};

pub use super::store::Progress;
use super::{JobCode, JobKind, Kept, Leased, store};
use crate::app::State;
use crate::db::{DbConnection, Instant};
use crate::error::{Code, Error, Language, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::identity;

/// How long a step may take before another server takes the job for abandoned, in seconds.
const LEASE_SECONDS: i64 = 120;
/// Steps of one job before it is another's turn.
const STEPS_IN_A_ROW: usize = 8;
/// How often one looks whether another server has left work behind.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Days a finished job is kept.
pub const KEPT_DAYS: i64 = 30;
/// Seconds without a row after which an upload counts as cut.
const STALLED_SECONDS: i64 = 300;

/// When the lease of a step that begins now runs out.
pub(super) fn until(now: Instant) -> Instant {
    now.plus_seconds(LEASE_SECONDS)
}

/// Carries out jobs until the server is told to stop; the step at hand is finished.
pub async fn run(state: State) {
    while !state.draining.load(std::sync::atomic::Ordering::Acquire) {
        let worked = turn(&state).await;
        match worked {
            Ok(true) => {}
            Ok(false) => pause(&state).await,
            Err(error) => {
                tracing::error!(error = %error, "jobs cannot be carried out; trying again");
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }
}

async fn pause(state: &State) {
    drop(tokio::time::timeout(LOOK_AGAIN, state.jobs_waiting.notified()).await);
    if let Err(error) = sweep(state).await {
        tracing::warn!(error = %error, "old jobs not taken away");
    }
}

/// Gives one job its turn; false when none waits.
///
/// # Errors
/// What the database says.
pub async fn turn(state: &State) -> Result<bool> {
    let now = state.clock.now();
    let lease = move |connection: &mut DbConnection| store::lease(connection, now, until(now));
    let Some(mut leased) = state.db.write(lease).await? else { return Ok(false) };
    for _ in 0..STEPS_IN_A_ROW {
        match step(state, &leased).await {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error) => return stopped(state, leased, error).await.map(|()| true),
        }
        let (id, lease) = (leased.job.id, leased.lease);
        let now = state.clock.now();
        match state.db.read(move |connection| store::held(connection, id, lease, now)).await? {
            Some(held) => leased = held,
            None => return Ok(true),
        }
    }
    let now = state.clock.now();
    state.db.write(move |connection| store::let_go(connection, &leased, now, None)).await?;
    Ok(true)
}

async fn step(state: &State, leased: &Leased) -> Result<bool> {
    let step = code_of(state, leased.job.kind)?.step;
    let scope = leased.actor.scope;
    state.db.read(move |connection| identity::store::require_active(connection, scope.client_id, None)).await?;
    step(state.clone(), leased.clone()).await
}

/// The code for a kind of job.
///
/// # Errors
/// A kind that nobody carries out is a bug.
pub(super) fn code_of(state: &State, kind: JobKind) -> Result<JobCode> {
    let known = state.job_codes.iter().find(|code| code.kind == kind);
    known.copied().ok_or_else(|| Error::internal("nobody carries out jobs of this kind"))
}

/// How far a step got.
#[derive(Debug, Clone, Copy)]
pub struct Moved {
    /// Rows handled.
    pub rows: i64,
    /// Rows that turned out to be more than were known of, or fewer.
    pub found: i64,
    /// Whether this was the last step.
    pub last: bool,
}

/// Moves a job on that has no parts, in the transaction of its step.
///
/// # Errors
/// [`Code::TransitionNotAllowed`] when it is no longer in these hands.
pub fn moved_on(connection: &mut DbConnection, leased: &Leased, now: Instant, moved: Moved) -> Result<()> {
    let progress = Progress { accepted: moved.rows, found: moved.found, ..Progress::default() };
    progressed(connection, leased, now, progress, moved.last)
}

/// The same, with what became of the rows.
///
/// # Errors
/// See [`moved_on`].
pub fn progressed(
    connection: &mut DbConnection,
    leased: &Leased,
    now: Instant,
    progress: Progress,
    last: bool,
) -> Result<()> {
    store::advance(connection, leased, progress, (now, until(now)), last)?;
    if last { finished(connection, leased) } else { Ok(()) }
}

/// A step that was refused: what may pass later waits, what will not has failed.
async fn stopped(state: &State, leased: Leased, error: Error) -> Result<()> {
    let now = state.clock.now();
    let definition = error.code.definition();
    tracing::warn!(job = %leased.job.id, error = %error, "a step of a job was refused");
    let problem = (!definition.retryable || error.code == Code::InternalError).then(|| told(&error, leased.language));
    let failed = problem.is_some();
    let abandon = code_of(state, leased.job.kind)?.abandon;
    let write = move |connection: &mut DbConnection| {
        if store::let_go(connection, &leased, now, problem)? && failed {
            abandon(connection, &leased.job, &Actor { now, ..leased.actor }, error.code.as_str())?;
            finished(connection, &leased)?;
        }
        Ok(())
    };
    state.db.write(write).await?;
    if !failed {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
}

/// The problem as the job keeps it.
fn told(error: &Error, language: Language) -> Value {
    let definition = error.code.definition();
    let (title, remedy) = match language {
        Language::English => (definition.title_en, definition.remedy_en),
        Language::Chinese => (definition.title_zh, definition.remedy_zh),
    };
    let detail = error.detail.as_deref().map_or(remedy, |detail| detail.in_language(language));
    let mut problem = error.params.clone();
    for (name, value) in [("code", definition.name), ("title", title), ("detail", detail)] {
        problem.insert(name.to_owned(), json!(value));
    }
    Value::Object(problem)
}

/// Tells the party that its job is over.
pub(super) fn finished(connection: &mut DbConnection, leased: &Leased) -> Result<()> {
    let job = store::one(connection, &leased.actor.scope, leased.job.id)?;
    let event = NewEvent {
        kind: "job.finished",
        chain: Chain::Party(leased.actor.scope.party_id),
        subject_kind: "job",
        subject_id: job.id,
        subject_version: job.version,
        employer_id: None,
        payload: json!({
            "kind": job.kind,
            "state": job.state,
            "row_count": job.row_count,
            "accepted_rows": job.accepted_rows,
            "unchanged_rows": job.unchanged_rows,
            "rejected_rows": job.rejected_rows,
        }),
    };
    log::record(connection, &leased.actor, event)
}

/// Takes away what was over long ago, and uploads that were cut.
///
/// # Errors
/// What the database says.
pub async fn sweep(state: &State) -> Result<usize> {
    let now = state.clock.now();
    let (over, stalled) = (now.plus_days(-KEPT_DAYS), now.plus_seconds(-STALLED_SECONDS));
    let jobs = Kept { over: store::over, delete: store::delete };
    let mut gone = take_away(state, Kept { over: store::stalled, ..jobs }, stalled).await?;
    for kept in std::iter::once(jobs).chain(state.job_codes.iter().filter_map(|code| code.kept)) {
        gone += take_away(state, kept, over).await?;
    }
    Ok(gone)
}

async fn take_away(state: &State, kept: Kept, before: Instant) -> Result<usize> {
    let gone = state.db.read(move |connection| (kept.over)(connection, before)).await?;
    let count = gone.len();
    if count > 0 {
        let write = move |connection: &mut DbConnection| gone.iter().try_for_each(|id| (kept.delete)(connection, *id));
        state.db.write(write).await?;
    }
    Ok(count)
}
