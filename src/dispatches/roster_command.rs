//! Enrolling a roster as a command over rows: in a call, or in a job.

use serde::{Deserialize, Serialize};

use super::enrolment::{enrol_roster, origin_in_force};
use super::roster::RosterRow;
use super::{DispatchAction, TRANSITIONS, store};
use crate::app::State;
use crate::bulk::RowCommand;
use crate::db::{DbConnection, Id};
use crate::error::{Code, Error, Fault, Language, Result};
use crate::events::Actor;
use crate::http::extract::IfMatch;
use crate::http::receipt::{Receipts, row_faults};
use crate::jobs::JobKind;
use crate::lifecycle;

/// Enrols workers on the roster of a dispatch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnrolRoster {
    /// The agreement.
    pub agreement_id: Id,
    /// The dispatch.
    pub dispatch_id: Id,
    /// The version of the dispatch the call is meant for; a job asks for it once, when it is taken.
    #[serde(skip)]
    pub if_match: IfMatch,
}

impl RowCommand for EnrolRoster {
    const KIND: JobKind = JobKind::Roster;
    type Row = RosterRow;
    type Prepared = Vec<RosterRow>;

    fn admit(&self, connection: &mut DbConnection, actor: &Actor) -> Result<()> {
        origin_in_force(connection, actor, self.agreement_id, actor.now.day())?;
        let dispatch = store::own_dispatch(connection, &actor.scope, self.agreement_id, self.dispatch_id)?;
        self.if_match.check(dispatch.version)?;
        lifecycle::step(TRANSITIONS, dispatch.state, DispatchAction::Enrol).map(drop)
    }

    async fn prepare(&self, _: &State, _: &Actor, rows: Vec<RosterRow>) -> Result<Vec<RosterRow>> {
        if (1..=super::ROSTER_ROWS_MAX).contains(&rows.len()) {
            return Ok(rows);
        }
        let (en, zh) = ("1 to 5,000 rows in one call", "每次提交 1 至 5000 行");
        Err(Error::new(Code::FieldInvalid).fault(Fault::body("/rows", "row_count", en, zh)))
    }

    fn apply(
        &self,
        connection: &mut DbConnection,
        state: &State,
        actor: &Actor,
        rows: Vec<RosterRow>,
        language: Language,
    ) -> Result<Receipts> {
        let ids = (self.agreement_id, self.dispatch_id);
        let results = enrol_roster(connection, actor, &state.keys, ids, self.if_match, &rows)?;
        let mut receipts = Receipts::default();
        for (place, (row, result)) in rows.into_iter().zip(results).enumerate() {
            receipts.push(row.partner_ref, result.map_err(|error| row_faults(error, place)), language);
        }
        Ok(receipts)
    }
}
