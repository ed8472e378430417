//! Queries of imports. An import is its party's own; nobody else can see it.

pub mod employers;
pub mod rows;

use diesel::prelude::*;
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::layouts::ImportTarget;
use super::{FindingCount, Import, ImportState};
use crate::db::schema::file_import;
use crate::db::{DbConnection, Id, Instant, PageRequest, RowSet, Uid, statement};
use crate::error::{Error, Result};
use crate::http::query::AnyOf;
use crate::identity::Scope;
use crate::seal::{KeyRing, Place, SealError};

/// How often something was found, kept as JSON.
#[derive(
    Debug,
    Clone,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    diesel::expression::AsExpression,
    diesel::deserialize::FromSqlRow,
)]
#[diesel(sql_type = Text)]
#[serde(transparent)]
pub struct Counts(pub Vec<FindingCount>);

impl<DB> diesel::deserialize::FromSql<Text, DB> for Counts
where
    DB: diesel::backend::Backend,
    String: diesel::deserialize::FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
        Ok(serde_json::from_str(&String::from_sql(value)?)?)
    }
}

impl Counts {
    /// Counts what was found about one more row; each code once.
    pub fn add(&mut self, findings: &[Finding]) {
        for (place, finding) in findings.iter().enumerate() {
            let same = |other: &Finding| (&other.code, other.severity) == (&finding.code, finding.severity);
            if findings.iter().take(place).any(same) {
                continue;
            }
            let known =
                self.0.iter_mut().find(|count| count.code == finding.code && count.severity == finding.severity);
            match known {
                Some(count) => count.rows += 1,
                None => self.0.push(FindingCount { code: finding.code.clone(), severity: finding.severity, rows: 1 }),
            }
        }
        self.0.sort_by(|left, right| (left.severity, &left.code).cmp(&(right.severity, &right.code)));
    }
}

pub(super) fn unusable(error: SealError) -> Error {
    Error::internal(format!("{}: {error}", error.code()))
}

const fn sheets_place(import: Id) -> Place {
    Place { table: "file_import", column: "sheets_sealed", row: import.0 }
}

/// Writes a new import with its rows.
///
/// # Errors
/// What the database says.
pub fn insert(
    connection: &mut DbConnection,
    keys: &KeyRing,
    import: &Import,
    digest: [u8; 32],
    sheets: &[String],
    rows: &[rows::SealedRow],
) -> Result<()> {
    let sheets = keys.seal(sheets_place(import.id), &serde_json::to_string(sheets)?).map_err(unusable)?;
    let one = RowSet::of([import])
        .column("id", |import| import.id)
        .column("party_id", |import| import.party_id)
        .column("client_id", |import| import.client_id)
        .column("layout", |import| import.options.layout.as_str())
        .column("target", |import| import.target)
        .column("format", |import| import.format)
        .column("charset", |import| import.charset.as_deref())
        .column("byte_count", |import| import.byte_count)
        .column("digest", |_| digest)
        .column("sheets_sealed", |_| sheets.as_slice())
        .column("agreement_id", |import| import.options.agreement_id)
        .column("dispatch_id", |import| import.options.dispatch_id)
        .column("quota_id", |import| import.options.quota_id)
        .column("employer_id", |import| import.options.employer_id)
        .column("region_code", |import| import.options.region_code)
        .column("pay_month", |import| import.options.pay_month.as_deref())
        .column("valid_until", |import| import.options.valid_until)
        .column("list_date", |import| import.options.list_date)
        .column("validate_only", |import| import.options.validate_only)
        .column("state", |import| import.state)
        .column("row_count", |import| import.row_count)
        .column("skipped_count", |import| import.skipped_count)
        .column("created_at", |import| import.created_at);
    statement(
        "insert into file_import (id, party_id, client_id, layout, target, format, charset, byte_count, digest, sheets_sealed, agreement_id, \
         dispatch_id, quota_id, employer_id, region_code, pay_month, valid_until, list_date, validate_only, state, row_count, skipped_count, \
         done_count, accepted, unchanged, rejected, warned, findings, refusal, version, created_at, updated_at) \
         select r.id, r.party_id, r.client_id, r.layout, r.target, r.format, r.charset, r.byte_count, r.digest, r.sheets_sealed, r.agreement_id, \
         r.dispatch_id, r.quota_id, r.employer_id, r.region_code, r.pay_month, r.valid_until, r.list_date, r.validate_only, r.state, r.row_count, \
         r.skipped_count, 0, 0, 0, 0, 0, '[]', null, 1, r.created_at, r.created_at from ? r",
    )
    .bind(one)
    .run(connection)?;
    for rows in rows.chunks(rows::ROWS_AT_ONCE) {
        rows::insert(connection, import.id, rows)?;
    }
    Ok(())
}

/// An import of the caller's own.
///
/// # Errors
/// [`crate::error::Code::NotFound`].
pub fn import(connection: &mut DbConnection, scope: &Scope, id: Id) -> Result<Import> {
    let own = file_import::table.find(id).filter(file_import::party_id.eq(scope.party_id));
    let found = own.select(Import::as_select()).get_result(connection).optional()?;
    found.ok_or_else(|| Error::not_found("import", "导入"))
}

/// The same, locked until the end of the transaction: one step of an import runs at a time.
///
/// # Errors
/// [`crate::error::Code::NotFound`].
pub fn locked(connection: &mut DbConnection, scope: &Scope, id: Id) -> Result<Import> {
    let lock = format!("select id from file_import where id = ?{}", connection.row_lock());
    statement(lock).bind(id).returning::<Uid>().load::<Id>(connection)?;
    import(connection, scope, id)
}

/// What a list of imports may be narrowed to.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportFilter {
    /// Only imports in one of these states.
    #[param(inline)]
    pub state: Option<AnyOf<ImportState>>,
    /// Only imports whose rows become this.
    #[param(inline)]
    pub target: Option<AnyOf<ImportTarget>>,
    /// Only imports under this agreement.
    pub agreement_id: Option<Id>,
    /// Only imports that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// A page of the caller's imports.
///
/// # Errors
/// What the database says.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &ImportFilter,
    page: &PageRequest,
) -> Result<Vec<Import>> {
    let mut query =
        file_import::table.filter(file_import::party_id.eq(scope.party_id)).select(Import::as_select()).into_boxed();
    if let Some(states) = &filter.state {
        query = query.filter(file_import::state.eq_any(states.values()));
    }
    if let Some(targets) = &filter.target {
        query = query.filter(file_import::target.eq_any(targets.values()));
    }
    if let Some(agreement) = filter.agreement_id {
        query = query.filter(file_import::agreement_id.eq(agreement));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(file_import::updated_at.ge(since));
    }
    Ok(page.narrow(query, file_import::id).load(connection)?)
}

/// Imports that were over, or tried and left so, before an instant; a hundred at most.
///
/// # Errors
/// What the database says.
pub fn over(connection: &mut DbConnection, before: Instant) -> Result<Vec<Id>> {
    let over = statement(
        "select id from file_import where state in ('applied', 'checked', 'rejected') and updated_at < ? limit 100",
    );
    Ok(over.bind(before).returning::<Uid>().load(connection)?)
}

/// Takes an import away with its rows.
///
/// # Errors
/// What the database says.
pub fn delete(connection: &mut DbConnection, id: Id) -> Result<()> {
    statement("delete from import_row where import_id = ?").bind(id).run(connection)?;
    statement("delete from file_import where id = ?").bind(id).run(connection)?;
    Ok(())
}

/// The names of an import's sheets.
///
/// # Errors
/// What the database says; an internal error when they do not open.
pub fn sheets(connection: &mut DbConnection, keys: &KeyRing, import_id: Id) -> Result<Vec<String>> {
    let sealed: Vec<u8> =
        file_import::table.find(import_id).select(file_import::sheets_sealed).get_result(connection)?;
    Ok(serde_json::from_str(keys.open(sheets_place(import_id), &sealed).map_err(unusable)?.expose())?)
}

/// Writes how far an import is.
///
/// # Errors
/// What the database says.
pub fn update(connection: &mut DbConnection, import: &Import) -> Result<()> {
    statement(
        "update file_import set state = ?, validate_only = ?, done_count = ?, accepted = ?, unchanged = ?, rejected = ?, warned = ?, findings = ?, refusal = ?, \
         version = ?, updated_at = ? where id = ?",
    )
    .bind(import.state.as_str())
    .bind(import.options.validate_only)
    .bind(import.done_count)
    .bind(import.accepted)
    .bind(import.unchanged)
    .bind(import.rejected)
    .bind(import.warned)
    .bind(serde_json::to_string(&import.findings)?)
    .bind(import.refusal.as_deref())
    .bind(import.version)
    .bind(import.updated_at)
    .bind(import.id)
    .run(connection)?;
    Ok(())
}
