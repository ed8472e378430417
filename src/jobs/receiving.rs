//! A file taken in as a job: its rows arrive piece by piece and wait, sealed, until the last is there.

use super::store::{self, NewJob, NewPart};
use super::{Job, JobKind, JobState};
use serde_json::Value;

use crate::app::State;
use crate::bulk::parsing::Form;
use crate::bulk::records::Record;
use crate::bulk::{JOB_ROWS_MAX, RowCommand};
use crate::db::{DbConnection, Id};
use crate::error::{Code, Error, Language, Result};
use crate::events::Actor;
use crate::http::Answer;
use crate::http::idempotency::IdempotencyKey;
use crate::seal::Place;

/// Most rows of a part, which is what one step carries out.
const PART_ROWS: usize = 1_000;
/// Most bytes of the texts of a part.
const PART_BYTES: usize = 512 * 1024;

/// A file on its way in.
#[derive(Debug)]
pub struct Upload {
    state: State,
    actor: Actor,
    job_id: Id,
    parts: i64,
    rows: usize,
    waiting: Vec<Record>,
    waiting_bytes: usize,
    /// Whether the job stands; otherwise what arrived is taken away again.
    settled: bool,
}

/// Begins to take in a file whose rows are for this command.
///
/// # Errors
/// As [`RowCommand::admit`]: what can be refused is refused before the file is taken in.
pub async fn begin<C: RowCommand>(
    state: &State,
    actor: &Actor,
    command: &C,
    (form, language): (&Form, Language),
) -> Result<Upload> {
    let job_id = Id::new();
    let about = serde_json::to_value(command)?;
    let (command, within, form) = (command.clone(), actor.clone(), form.clone());
    let write = move |connection: &mut DbConnection| {
        command.admit(connection, &within)?;
        let unknown_columns = form.unknown_columns::<C::Row>();
        let state = JobState::Receiving;
        let new = NewJob { id: job_id, kind: C::KIND, state, about, form: &form, language, unknown_columns };
        store::insert(connection, &within, &new)
    };
    state.db.write(write).await?;
    Ok(Upload {
        state: state.clone(),
        actor: actor.clone(),
        job_id,
        parts: 0,
        rows: 0,
        waiting: Vec::new(),
        waiting_bytes: 0,
        settled: false,
    })
}

impl Upload {
    /// Takes rows in.
    ///
    /// # Errors
    /// [`Code::TooManyRows`].
    pub async fn put(&mut self, records: Vec<Record>) -> Result<()> {
        for record in records {
            if self.waiting.len() == PART_ROWS || self.waiting_bytes + record.text.len() > PART_BYTES {
                self.write().await?;
            }
            self.rows += 1;
            if self.rows > JOB_ROWS_MAX {
                return Err(Error::new(Code::TooManyRows).param("max", JOB_ROWS_MAX));
            }
            self.waiting_bytes += record.text.len();
            self.waiting.push(record);
        }
        Ok(())
    }

    async fn write(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let records = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let count = number(records.len())?;
        let first_row = number(self.rows)? - count;
        let part = NewPart { number: self.parts, id: Id::new(), first_row, row_count: count, rows: Vec::new() };
        let rows = self.state.keys.seal(place(part.id), &serde_json::to_string(&records)?).map_err(Error::internal)?;
        let (job_id, now) = (self.job_id, self.state.clock.now());
        self.parts += 1;
        let part = NewPart { rows, ..part };
        self.state.db.write(move |connection| store::add_part(connection, job_id, &part, now)).await
    }

    /// Queues the job under the idempotency key of the request and answers with it. A repeat of the request takes its own rows away.
    ///
    /// # Errors
    /// [`Code::IdempotencyKeyReused`], and what the database says.
    pub async fn finish(mut self, key: IdempotencyKey) -> Result<Answer> {
        self.write().await?;
        let (job_id, actor, state) = (self.job_id, self.actor.clone(), self.state.clone());
        let answer = key
            .run(&state, move |connection| {
                store::queue(connection, job_id, actor.now)?;
                accepted(&store::one(connection, &actor.scope, job_id)?)
            })
            .await?;
        if answer.replayed {
            return Ok(answer);
        }
        self.settled = true;
        state.jobs_waiting.notify_one();
        Ok(answer)
    }
}

/// Queues a job that has no rows of its own, in the transaction at hand; ring [`State::jobs_waiting`] after the commit.
///
/// # Errors
/// What the database says.
pub fn queue_one(connection: &mut DbConnection, actor: &Actor, kind: JobKind, about: Value) -> Result<Job> {
    let (id, state, language) = (Id::new(), JobState::Queued, Language::English);
    let new = NewJob { id, kind, state, about, form: &Form::Ndjson, language, unknown_columns: Vec::new() };
    store::insert(connection, actor, &new)?;
    store::one(connection, &actor.scope, id)
}

/// 202 with the job, and where to look for it.
///
/// # Errors
/// When the job cannot be written as JSON.
pub fn accepted(job: &Job) -> Result<Answer> {
    Answer::accepted(job.path(), job)
}

/// The cell that the rows of a part are sealed for.
pub(super) const fn place(part: Id) -> Place {
    Place { table: "job_part", column: "rows", row: part.0 }
}

fn number(count: usize) -> Result<i64> {
    i64::try_from(count).map_err(Error::internal)
}

/// An upload that was cut leaves nothing behind; what the process itself takes with it, the sweep does.
impl Drop for Upload {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let (state, job_id) = (self.state.clone(), self.job_id);
        actix_web::rt::spawn(async move {
            if let Err(error) = state.db.write(move |connection| store::delete(connection, job_id)).await {
                tracing::warn!(error = error.code.as_str(), "the rows of a cut upload stay until the sweep");
            }
        });
    }
}
