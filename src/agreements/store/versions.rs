//! Versions of the terms and their ratifications in the database.

use diesel::prelude::*;

use crate::agreements::VersionState;
use crate::agreements::document::{self, Document};
use crate::db::schema::{agreement_version, ratification};
use crate::db::{Day, DbConnection, Id, Instant, PageRequest, statement};
use crate::error::{Error, Result};

/// A version's row.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = agreement_version)]
pub struct VersionRow {
    /// The agreement.
    pub agreement_id: Id,
    /// Number of the version, from 1.
    pub number: i64,
    /// Stored state.
    pub state: VersionState,
    /// The day from which it holds.
    pub effective_on: Day,
    /// The exact canonical bytes.
    pub document: String,
    /// Their SHA-256.
    pub digest: Vec<u8>,
    /// Why it was proposed; amendments have one.
    pub reason: Option<String>,
    /// Made at.
    pub created_at: Instant,
    /// Ratified by the last party at.
    pub ratified_at: Option<Instant>,
}

impl VersionRow {
    /// The document, after checking that nobody changed it.
    ///
    /// # Errors
    /// See [`Document::read`].
    pub fn document(&self) -> Result<Document> {
        Document::read(&self.document, &self.digest)
    }
}

/// A ratification's row: who, when, over which digest, and the signature when one was sent.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = ratification)]
pub struct RatificationRow {
    /// The agreement.
    pub agreement_id: Id,
    /// Number of the version.
    pub version: i64,
    /// The party.
    pub party_id: Id,
    /// Its client.
    pub client_id: Id,
    /// The digest it ratified.
    pub digest: Vec<u8>,
    /// Detached signature over the document's bytes.
    pub signature: Option<String>,
    /// The registered key that made it.
    pub key_id: Option<String>,
    /// When.
    pub ratified_at: Instant,
}

/// One version.
///
/// # Errors
/// [`crate::error::Code::NotFound`].
pub fn version(connection: &mut DbConnection, agreement_id: Id, number: i64) -> Result<VersionRow> {
    agreement_version::table
        .find((agreement_id, number))
        .select(VersionRow::as_select())
        .get_result(connection)
        .optional()?
        .ok_or_else(|| Error::not_found("version of this agreement", "协议版本"))
}

/// Number, state and first day of every version, in the order of numbers.
///
/// # Errors
/// What the database says.
pub fn outline(connection: &mut DbConnection, agreement_id: Id) -> Result<Vec<(i64, VersionState, Day)>> {
    Ok(agreement_version::table
        .filter(agreement_version::agreement_id.eq(agreement_id))
        .order(agreement_version::number)
        .select((agreement_version::number, agreement_version::state, agreement_version::effective_on))
        .load(connection)?)
}

/// Versions whose document has not its digest, and ratifications over another digest than their version's; what `verify` asks. The
/// number of versions looked at comes first.
///
/// # Errors
/// What the database says.
pub fn differences(connection: &mut DbConnection, agreement_id: Id) -> Result<(u64, Vec<String>)> {
    let rows: Vec<VersionRow> = agreement_version::table
        .filter(agreement_version::agreement_id.eq(agreement_id))
        .order(agreement_version::number)
        .select(VersionRow::as_select())
        .load(connection)?;
    let ratifications: Vec<RatificationRow> = ratification::table
        .filter(ratification::agreement_id.eq(agreement_id))
        .order((ratification::version, ratification::party_id))
        .select(RatificationRow::as_select())
        .load(connection)?;
    let mut found = Vec::new();
    for row in &rows {
        if document::require_intact(&row.document, &row.digest).is_err() {
            found.push(format!("version {}: its document was changed, it no longer has its digest", row.number));
        }
        let others = ratifications.iter().filter(|given| given.version == row.number && given.digest != row.digest);
        found.extend(others.map(|given| {
            format!("version {}: party {} ratified another digest than the one kept", row.number, given.party_id)
        }));
    }
    Ok((u64::try_from(rows.len()).unwrap_or(u64::MAX), found))
}

/// Writes a new version.
///
/// # Errors
/// What the database says.
pub fn insert_version(connection: &mut DbConnection, row: &VersionRow) -> Result<()> {
    diesel::insert_into(agreement_version::table).values(row).execute(connection)?;
    Ok(())
}

/// Writes a version of a draft anew; a version that was ever proposed never changes its document.
///
/// # Errors
/// An internal error when it is no draft.
pub fn replace_draft(connection: &mut DbConnection, row: &VersionRow) -> Result<()> {
    let changed = statement(
        "update agreement_version set document = ?, digest = ?, effective_on = ? where agreement_id = ? and number = ? and state = 'draft'",
    )
    .bind(row.document.clone())
    .bind(row.digest.clone())
    .bind(row.effective_on)
    .bind(row.agreement_id)
    .bind(row.number)
    .run(connection)?;
    if changed == 1 { Ok(()) } else { Err(Error::internal("the version is no draft")) }
}

/// Moves a version from one state to the next.
///
/// # Errors
/// An internal error when it is in another state.
pub fn move_version(connection: &mut DbConnection, row: &mut VersionRow, to: VersionState, now: Instant) -> Result<()> {
    let ratified_at = (to == VersionState::Ratified).then_some(now);
    let changed = statement(
        "update agreement_version set state = ?, ratified_at = ? where agreement_id = ? and number = ? and state = ?",
    )
    .bind(to.as_str())
    .bind(ratified_at)
    .bind(row.agreement_id)
    .bind(row.number)
    .bind(row.state.as_str())
    .run(connection)?;
    if changed != 1 {
        return Err(Error::internal("the version is in another state"));
    }
    row.state = to;
    row.ratified_at = ratified_at;
    Ok(())
}

/// Versions of a page, in the order of their numbers.
///
/// # Errors
/// What the database says.
pub fn page(connection: &mut DbConnection, agreement_id: Id, page: &PageRequest) -> Result<Vec<VersionRow>> {
    let query = agreement_version::table
        .filter(agreement_version::agreement_id.eq(agreement_id))
        .select(VersionRow::as_select())
        .into_boxed();
    Ok(page.narrow(query, agreement_version::number).load(connection)?)
}

/// The ratifications of an agreement's versions `from..=to`.
///
/// # Errors
/// What the database says.
pub fn ratifications(
    connection: &mut DbConnection,
    agreement_id: Id,
    from: i64,
    to: i64,
) -> Result<Vec<RatificationRow>> {
    Ok(ratification::table
        .filter(ratification::agreement_id.eq(agreement_id))
        .filter(ratification::version.between(from, to))
        .order((ratification::version, ratification::ratified_at, ratification::party_id))
        .select(RatificationRow::as_select())
        .load(connection)?)
}

/// The ratifications of these versions of one agreement.
///
/// # Errors
/// What the database says.
pub fn ratifications_of(
    connection: &mut DbConnection,
    agreement_id: Id,
    rows: &[VersionRow],
) -> Result<Vec<RatificationRow>> {
    let numbers = || rows.iter().map(|row| row.number);
    let (Some(first), Some(last)) = (numbers().min(), numbers().max()) else { return Ok(Vec::new()) };
    ratifications(connection, agreement_id, first, last)
}

/// Keeps a ratification.
///
/// # Errors
/// [`crate::error::Code::AlreadyRatified`].
pub fn insert_ratification(connection: &mut DbConnection, row: &RatificationRow) -> Result<()> {
    diesel::insert_into(ratification::table).values(row).execute(connection)?;
    Ok(())
}

/// The parties that ratified any version, also one that was withdrawn.
///
/// # Errors
/// What the database says.
pub fn have_ratified(connection: &mut DbConnection, agreement_id: Id) -> Result<Vec<Id>> {
    Ok(ratification::table
        .filter(ratification::agreement_id.eq(agreement_id))
        .select(ratification::party_id)
        .distinct()
        .load(connection)?)
}
