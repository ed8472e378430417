//! Which key ring a database belongs to: one row with the fingerprint of the ring it was first opened with.
//!
//! Under another ring nothing that is stored opens and nobody is found again, so every start and every command that
//! uses keys compares first.

use diesel::OptionalExtension;
use diesel::RunQueryDsl;
use diesel::sql_types::Text;

use super::KeyRing;
use crate::db::{DbConnection, Instant, statement};
use crate::error::{Code, Error, Result};

/// The fingerprint of the ring this database belongs to; none before the first start.
pub fn bound_to(connection: &mut DbConnection) -> Result<Option<String>> {
    let bound = statement("select fingerprint from key_ring where id = 1").returning::<Text>();
    Ok(bound.get_result(connection).optional()?)
}

/// Fine while the database belongs to this ring or to none yet.
///
/// # Errors
/// [`Code::ConfigurationInvalid`] with both fingerprints and the remedy.
pub fn compare(connection: &mut DbConnection, ring: &KeyRing) -> Result<()> {
    let given = ring.fingerprint();
    match bound_to(connection)? {
        Some(bound) if bound != given => Err(Error::new(Code::ConfigurationInvalid).detail(
            format!(
                "this database belongs to the key ring {bound}, and the key file holds the ring {given}; \
                 name the right file with --key-file, or restore it from its backup"
            ),
            format!("该数据库属于密钥环 {bound}，而密钥文件中是 {given}；请用 --key-file 指定正确的文件，或从备份恢复"),
        )),
        _ => Ok(()),
    }
}

/// Binds a database that belongs to no ring yet to this one; of two that come at once, the first counts.
///
/// # Errors
/// As [`compare`].
pub fn bind(connection: &mut DbConnection, ring: &KeyRing, now: Instant) -> Result<()> {
    statement("insert into key_ring (id, fingerprint, bound_at) values (1, ?, ?) on conflict (id) do nothing")
        .bind(ring.fingerprint())
        .bind(now)
        .run(connection)?;
    compare(connection, ring)
}
