//! Unmasked readings: recorded first, then answered, in one transaction.

use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl, SelectableHelper};
use serde_json::json;

use super::{changes, row};
use crate::db::schema::identity_read;
use crate::db::{DbConnection, Id, PageRequest};
use crate::error::{Code, Error, Result};
use crate::events::Actor;
use crate::seal::KeyRing;
use crate::workers::{IdentityReading, UnmaskedIdentity};

/// Records a reading and gives the identity. Without the record there is no identity: both belong to one transaction, and the answer
/// goes out after its commit.
///
/// # Errors
/// Not found, [`Code::WorkerErased`].
pub fn read(
    connection: &mut DbConnection,
    keys: &KeyRing,
    actor: &Actor,
    worker_id: Id,
    purpose: &str,
) -> Result<UnmaskedIdentity> {
    let party_id = actor.scope.party_id;
    let row = row(connection, party_id, worker_id)?;
    let reading_id = Id::new();
    diesel::insert_into(identity_read::table)
        .values((
            identity_read::party_id.eq(party_id),
            identity_read::id.eq(reading_id),
            identity_read::worker_id.eq(worker_id),
            identity_read::client_id.eq(actor.scope.client_id),
            identity_read::reader_party_id.eq(party_id),
            identity_read::purpose.eq(purpose.trim()),
            identity_read::request_id.eq(actor.request_id),
            identity_read::read_at.eq(actor.now),
        ))
        .execute(connection)?;
    // The chain makes it impossible to remove the record unnoticed; the purpose is free text and stays out of it.
    let payload = json!({ "reading_id": reading_id });
    changes::record(connection, actor, "worker.identity_read", worker_id, row.version, payload)?;
    let opened = row.open(keys)?;
    match (opened.name, opened.identity_number) {
        (Some(name), Some(identity_number)) => {
            Ok(UnmaskedIdentity { reading_id, worker_id, name, identity_number, phone: opened.phone })
        }
        _ => Err(Error::new(Code::WorkerErased)),
    }
}

/// A page of the recorded readings of a worker.
///
/// # Errors
/// Not found.
pub fn list(
    connection: &mut DbConnection,
    party_id: Id,
    worker_id: Id,
    page: &PageRequest,
) -> Result<Vec<IdentityReading>> {
    row(connection, party_id, worker_id)?;
    let query = identity_read::table
        .filter(identity_read::party_id.eq(party_id))
        .filter(identity_read::worker_id.eq(worker_id))
        .select(IdentityReading::as_select())
        .into_boxed();
    Ok(page.narrow(query, identity_read::id).load(connection)?)
}
