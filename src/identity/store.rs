//! Clients, their keys, and the assertions they have used: the only queries of this slice.

use diesel::sql_types::Text;
use diesel::{OptionalExtension, RunQueryDsl};

use crate::db::{DbConnection, Id, statement};
use crate::error::{Code, Error, Result};

/// Fine while the client is not revoked and its party not suspended.
///
/// # Errors
/// [`Code::TokenInvalid`], [`Code::PartySuspended`].
pub fn require_active(connection: &mut DbConnection, client_id: Id) -> Result<()> {
    let row: Option<(String, String)> =
        statement("select c.state, p.state from client c join party p on p.id = c.party_id where c.id = ?")
            .bind(client_id)
            .returning::<(Text, Text)>()
            .get_result(connection)
            .optional()?;
    match row {
        Some((client, party)) if client != "revoked" && party == "active" => Ok(()),
        Some((client, _)) if client != "revoked" => Err(Error::new(Code::PartySuspended)),
        _ => Err(Error::new(Code::TokenInvalid)),
    }
}
