//! The step of a job over rows: one part, carried out as a call of that many rows.

use std::pin::Pin;

use super::store::{self, Part, Progress};
use super::work::{finished, until};
use super::{Leased, receiving};
use crate::app::State;
use crate::bulk::carrying_out::{Rows, carry_out};
use crate::bulk::records::Record;
use crate::bulk::{RowCommand, RowsMode};
use crate::db::DbConnection;
use crate::error::{Error, Result};
use crate::http::receipt::Receipts;

/// The step of jobs of this command; a [`super::JobStep`].
#[must_use]
pub fn step_of<C: RowCommand>(state: State, leased: Leased) -> Pin<Box<dyn Future<Output = Result<bool>> + Send>> {
    Box::pin(part_of::<C>(state, leased))
}

async fn part_of<C: RowCommand>(state: State, leased: Leased) -> Result<bool> {
    let command: C = serde_json::from_value(leased.job.about.clone())?;
    let (job_id, from) = (leased.job.id, leased.job.processed_rows);
    let parts = state.db.read(move |connection| store::parts(connection, job_id, (from, false), 1)).await?;
    let part = parts.into_iter().next().ok_or_else(|| Error::internal("a part of a job is gone"))?;
    let sealed = state.keys.open(receiving::place(part.id), &part.rows).map_err(Error::internal)?;
    let records: Vec<Record> = serde_json::from_str(sealed.expose())?;
    let first = usize::try_from(part.first_row).map_err(Error::internal)?;
    let mut rows = Rows::of_file(first, records.iter().map(|record| record.line).collect());
    loop {
        let given = rows.take(leased.form.parse::<C::Row>(&records, first));
        let prepared =
            if given.is_empty() { Ok(None) } else { command.prepare(&state, &leased.actor, given).await.map(Some) };
        let outcome = match prepared {
            Ok(prepared) => settle(&state, &leased, (&command, &part), (rows.clone(), prepared)).await,
            Err(error) => Err(error),
        };
        match outcome {
            Err(error) => rows.refuse(error)?,
            settled => return settled,
        }
    }
}

/// The transaction of the step.
async fn settle<C: RowCommand>(
    state: &State,
    leased: &Leased,
    (command, part): (&C, &Part),
    (rows, prepared): (Rows, Option<C::Prepared>),
) -> Result<bool> {
    let last = leased.parts_done + 1 >= leased.part_count;
    let (command, within, leased, number) = (command.clone(), state.clone(), leased.clone(), part.number);
    let write = move |connection: &mut DbConnection| {
        let context = (&within, &leased.actor, leased.language);
        let receipts = carry_out(connection, context, &command, RowsMode::default(), (&rows, prepared))?;
        let progress = progress_of(&receipts)?;
        let told = (progress.rejected, serde_json::to_string(&receipts.results)?);
        store::settle_part(connection, leased.job.id, number, (told.0, &told.1))?;
        let now = leased.actor.now;
        store::advance(connection, &leased, progress, (now, until(now)), last)?;
        if last {
            finished(connection, &leased)?;
        }
        Ok(last)
    };
    state.db.write(write).await
}

fn progress_of(receipts: &Receipts) -> Result<Progress> {
    let number = |count: usize| i64::try_from(count).map_err(Error::internal);
    Ok(Progress {
        accepted: number(receipts.accepted)?,
        unchanged: number(receipts.unchanged)?,
        rejected: number(receipts.rejected)?,
        parts: 1,
        found: 0,
    })
}
