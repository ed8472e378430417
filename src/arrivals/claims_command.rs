//! Recording claims as a command over rows: in a call, or in a job.

use serde::{Deserialize, Serialize};

use super::{CLAIM_ROWS_MAX, NewClaim, recording, store};
use crate::app::State;
use crate::bulk::RowCommand;
use crate::db::{DbConnection, Id};
use crate::error::{Code, Error, Fault, Language, Result};
use crate::events::Actor;
use crate::http::receipt::Receipts;
use crate::jobs::JobKind;

/// Records what a party says became of people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordClaims {
    /// The agreement.
    pub agreement_id: Id,
}

impl RowCommand for RecordClaims {
    const KIND: JobKind = JobKind::Claims;
    type Row = NewClaim;
    type Prepared = Vec<NewClaim>;

    fn admit(&self, connection: &mut DbConnection, actor: &Actor) -> Result<()> {
        store::viewer(connection, &actor.scope, self.agreement_id).map(drop)
    }

    async fn prepare(&self, _: &State, _: &Actor, rows: Vec<NewClaim>) -> Result<Vec<NewClaim>> {
        if (1..=CLAIM_ROWS_MAX).contains(&rows.len()) {
            return Ok(rows);
        }
        let fault = Fault::body(
            "/rows",
            "row_count",
            "send 1 to 5,000 rows; split the work into several calls",
            "每次提交 1 至 5000 行，请分多次提交",
        );
        Err(Error::new(Code::FieldInvalid).fault(fault.param("rows", rows.len()).param("max", CLAIM_ROWS_MAX)))
    }

    fn apply(
        &self,
        connection: &mut DbConnection,
        state: &State,
        actor: &Actor,
        rows: Vec<NewClaim>,
        language: Language,
    ) -> Result<Receipts> {
        let results = recording::record_all(connection, actor, &state.keys, state.judge, self.agreement_id, &rows)?;
        let mut receipts = Receipts::default();
        for (row, result) in rows.into_iter().zip(results) {
            receipts.push(row.client_ref, result, language);
        }
        Ok(receipts)
    }
}
