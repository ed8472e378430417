//! Many rows in one call: JSON, NDJSON or CSV with the same rows, and a receipt for each.
//!
//! A command over rows is one type, [`RowCommand`]; whether its rows come in a request or lie in a job, the same code carries them out.
//! Rows stand alone unless `atomic` is asked for; `validate_only` carries everything out and takes it back, so that its verdicts are those
//! of the real call. What is too long for one answer is received piece by piece and becomes a job ([`crate::jobs`]).
//!
//! A JSON body that does not fit its schema is refused as a whole, as everywhere; of NDJSON and CSV, which people write, only the row is.

pub mod carrying_out;
pub mod cells;
pub mod headings;
pub mod parsing;
pub mod posted;
pub mod records;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, PartialSchema};

use crate::app::State;
use crate::db::DbConnection;
use crate::error::{Language, Result};
use crate::events::Actor;
use crate::http::receipt::Receipts;
use crate::jobs::JobKind;

pub use posted::PostedRows;

/// Most rows of a call that is answered at once.
pub const CALL_ROWS_MAX: usize = 5_000;
/// Most rows of a job.
pub const JOB_ROWS_MAX: usize = 1_000_000;
/// Most bytes of the file of a job.
pub const JOB_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Most bytes of one row.
pub const ROW_BYTES_MAX: usize = 64 * 1024;

/// How the rows of a call are to be taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RowsMode {
    /// Take back what was done and only give the receipts; at most 5,000 rows. Accepted rows have no id then.
    #[serde(default)]
    #[param(default = false)]
    pub validate_only: bool,
    /// All rows or none: where one is rejected the others are `skipped`; at most 5,000 rows.
    #[serde(default)]
    #[param(default = false)]
    pub atomic: bool,
}

/// A command over rows, with what it is about. Serialised, it is what a job keeps of it.
pub trait RowCommand: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The name of the job it becomes when there are too many rows for one answer.
    const KIND: JobKind;
    /// One row as it is sent.
    type Row: DeserializeOwned + PartialSchema + Send + 'static;
    /// The rows made ready: read, compared, sealed, as far as that needs no transaction.
    type Prepared: Send + 'static;

    /// Whether the caller may do this at all to what it is about, so that nobody uploads a file in vain.
    ///
    /// # Errors
    /// As the command itself would refuse every row.
    fn admit(&self, connection: &mut DbConnection, actor: &Actor) -> Result<()>;

    /// Makes rows ready, outside a transaction.
    ///
    /// # Errors
    /// Faults of the shape of rows, each with its place (`/rows/3/…`), or what the database says.
    fn prepare(
        &self,
        state: &State,
        actor: &Actor,
        rows: Vec<Self::Row>,
    ) -> impl Future<Output = Result<Self::Prepared>> + Send;

    /// Carries the rows out in the transaction at hand; a receipt for each, in order.
    ///
    /// # Errors
    /// What refuses the call as a whole; then nothing of it remains.
    fn apply(
        &self,
        connection: &mut DbConnection,
        state: &State,
        actor: &Actor,
        prepared: Self::Prepared,
        language: Language,
    ) -> Result<Receipts>;
}
