//! Recording observations, exits and spells as commands over rows: in a call, or in a job.

use serde::{Deserialize, Serialize};

use super::commands::{record_exits, record_observations, record_spells};
use super::records::{NewExit, NewObservation, NewSpell};
use super::store;
use crate::app::State;
use crate::bulk::RowCommand;
use crate::db::{DbConnection, Id};
use crate::error::{Language, Result};
use crate::events::Actor;
use crate::http::receipt::Receipts;
use crate::jobs::JobKind;

macro_rules! row_command {
    ($(#[doc = $about:literal])+ $name:ident, $kind:ident, $row:ident, $record:ident) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Serialize, Deserialize)]
        pub struct $name {
            /// The agreement.
            pub agreement_id: Id,
        }

        impl RowCommand for $name {
            const KIND: JobKind = JobKind::$kind;
            type Row = $row;
            type Prepared = Vec<$row>;

            fn admit(&self, connection: &mut DbConnection, actor: &Actor) -> Result<()> {
                store::reporter(connection, &actor.scope, self.agreement_id).map(drop)
            }

            async fn prepare(&self, _: &State, _: &Actor, rows: Vec<$row>) -> Result<Vec<$row>> {
                Ok(rows)
            }

            fn apply(
                &self,
                connection: &mut DbConnection,
                _: &State,
                actor: &Actor,
                rows: Vec<$row>,
                language: Language,
            ) -> Result<Receipts> {
                $record(connection, actor, self.agreement_id, &rows, language)
            }
        }
    };
}

row_command! {
    /// Records who was seen in post, or missed there.
    RecordObservations, Observations, NewObservation, record_observations
}
row_command! {
    /// Records who left, when and why.
    RecordExits, Exits, NewExit, record_exits
}
row_command! {
    /// Records where work begins, or goes on after an absence.
    RecordSpells, Spells, NewSpell, record_spells
}
