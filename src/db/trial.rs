//! Doing something to see what would come of it: the command runs for real, and what it wrote is taken back.

use diesel::connection::SimpleConnection;

use super::connection::DbConnection;
use crate::error::Result;

/// Runs `work` within the transaction and takes back what it wrote; what it found out stays. The words are those of both back ends.
///
/// # Errors
/// What `work` says; then the transaction is of no more use.
pub fn trial<T>(connection: &mut DbConnection, work: impl FnOnce(&mut DbConnection) -> Result<T>) -> Result<T> {
    connection.batch_execute("savepoint trial")?;
    let found = work(connection)?;
    connection.batch_execute("rollback to savepoint trial; release savepoint trial")?;
    Ok(found)
}
