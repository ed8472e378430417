//! Registering workers as a command over rows: in a call, or in a job.

use std::sync::Arc;

use actix_web::web;
use serde::{Deserialize, Serialize};

use super::NewWorker;
use super::registration::{Batch, Registration};
use crate::app::State;
use crate::bulk::RowCommand;
use crate::db::DbConnection;
use crate::error::{Error, Language, Result};
use crate::events::Actor;
use crate::http::receipt::Receipts;
use crate::jobs::JobKind;

/// Registers persons in the caller's register.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegisterWorkers {}

impl RowCommand for RegisterWorkers {
    const KIND: JobKind = JobKind::Workers;
    type Row = NewWorker;
    type Prepared = Registration;

    fn admit(&self, _: &mut DbConnection, _: &Actor) -> Result<()> {
        Ok(())
    }

    /// Reads, decides and seals on threads that neither serve requests nor write to the database.
    async fn prepare(&self, state: &State, actor: &Actor, rows: Vec<NewWorker>) -> Result<Registration> {
        let (keys, party_id, today) = (Arc::clone(&state.keys), actor.scope.party_id, actor.now.day());
        let batch = web::block(move || Batch::read(&keys, party_id, &rows, today)).await.map_err(Error::internal)??;
        let (batch, known) = state
            .db
            .read(move |connection| {
                let known = batch.look_up(connection)?;
                Ok((batch, known))
            })
            .await?;
        let keys = Arc::clone(&state.keys);
        web::block(move || batch.plan(&keys, known)).await.map_err(Error::internal)?
    }

    fn apply(
        &self,
        connection: &mut DbConnection,
        state: &State,
        actor: &Actor,
        registration: Registration,
        language: Language,
    ) -> Result<Receipts> {
        registration.commit(connection, &state.keys, actor, language)
    }
}
