//! Discrepancies in the database. Each function takes an agreement the caller was let into; the number of statements does not grow with the
//! number of rows.

pub mod candidates;
pub mod claims;
pub mod duties;

use std::collections::HashMap;

use diesel::prelude::*;

use super::cases::Case;
use super::duties::Duty;
use super::{
    Discrepancy, DiscrepancyEntry, DiscrepancyEntryKind, DiscrepancyResolution, DiscrepancyState, ResolutionState,
};
use crate::db::schema::{discrepancy, discrepancy_duty, discrepancy_entry, discrepancy_resolution};
use crate::db::{Day, DbConnection, Id, Instant, PageRequest, RowSet, Uid, statement};
use crate::error::{Error, Result};
use crate::http::query::AnyOf;
use crate::reconciliation::consequences::{DiscrepancyCode, Owner};
use crate::reconciliation::situations::Situation;

/// What a list of discrepancies may be narrowed to.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DiscrepancyFilter {
    /// Only discrepancies in one of these states.
    #[param(inline)]
    pub state: Option<AnyOf<DiscrepancyState>>,
    /// Only discrepancies with one of these failure codes.
    #[param(inline)]
    pub code: Option<AnyOf<DiscrepancyCode>>,
    /// Only discrepancies of rows in one of these situations.
    #[param(inline)]
    pub situation: Option<AnyOf<Situation>>,
    /// Only discrepancies on which one of these has to act.
    #[param(inline)]
    pub owner: Option<AnyOf<Owner>>,
    /// Only discrepancies whose answer is overdue today, or only the others.
    pub overdue: Option<bool>,
    /// Only the discrepancy of this placement.
    pub placement_id: Option<Id>,
    /// Only discrepancies that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// The states in which the owner owes an answer.
pub const OWING: [DiscrepancyState; 2] = [DiscrepancyState::Open, DiscrepancyState::Asked];

/// A page of the discrepancies of an agreement.
pub fn list(
    connection: &mut DbConnection,
    agreement_id: Id,
    today: Day,
    filter: &DiscrepancyFilter,
    page: &PageRequest,
) -> Result<Vec<Discrepancy>> {
    use discrepancy::dsl;
    let mut query =
        dsl::discrepancy.filter(dsl::agreement_id.eq(agreement_id)).select(Discrepancy::as_select()).into_boxed();
    if let Some(states) = &filter.state {
        query = query.filter(dsl::state.eq_any(states.values()));
    }
    if let Some(codes) = &filter.code {
        query = query.filter(dsl::code.eq_any(codes.values()));
    }
    if let Some(situations) = &filter.situation {
        query = query.filter(dsl::situation.eq_any(situations.values()));
    }
    if let Some(owners) = &filter.owner {
        query = query.filter(dsl::owner.eq_any(owners.values()));
    }
    if let Some(placement) = filter.placement_id {
        query = query.filter(dsl::placement_id.eq(placement));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(dsl::updated_at.ge(since));
    }
    let overdue = || dsl::state.eq_any(OWING).and(dsl::due_on.lt(today));
    query = match filter.overdue {
        Some(true) => query.filter(overdue()),
        Some(false) => query.filter(diesel::dsl::not(overdue())),
        None => query,
    };
    Ok(page.narrow(query, dsl::id).load(connection)?)
}

/// A discrepancy with the answers that are owed.
///
/// # Errors
/// [`crate::error::Code::NotFound`].
pub fn case(connection: &mut DbConnection, agreement_id: Id, id: Id) -> Result<Case> {
    let found = discrepancy::table.find((agreement_id, id)).select(Discrepancy::as_select()).get_result(connection);
    let row = found.optional()?.ok_or_else(|| Error::not_found("discrepancy", "差异"))?;
    let owed = discrepancy_duty::table
        .filter(discrepancy_duty::agreement_id.eq(agreement_id).and(discrepancy_duty::discrepancy_id.eq(id)))
        .filter(discrepancy_duty::closed_at.is_null())
        .select(Duty::as_select())
        .load(connection)?;
    Ok(Case::new(row, owed))
}

/// Several discrepancies by id; unknown ids are left out.
pub fn cases(connection: &mut DbConnection, agreement_id: Id, ids: &[Id]) -> Result<HashMap<Id, Case>> {
    let rows: Vec<Discrepancy> = discrepancy::table
        .filter(discrepancy::agreement_id.eq(agreement_id).and(discrepancy::id.eq_any(ids)))
        .select(Discrepancy::as_select())
        .load(connection)?;
    let owed: Vec<Duty> = discrepancy_duty::table
        .filter(discrepancy_duty::agreement_id.eq(agreement_id).and(discrepancy_duty::discrepancy_id.eq_any(ids)))
        .filter(discrepancy_duty::closed_at.is_null())
        .select(Duty::as_select())
        .load(connection)?;
    Ok(joined(rows, owed).into_iter().map(|case| (case.row.id, case)).collect())
}

/// Every discrepancy of an agreement, by what its row is known by.
pub fn every_case(connection: &mut DbConnection, agreement_id: Id) -> Result<HashMap<Id, Case>> {
    let rows: Vec<Discrepancy> = discrepancy::table
        .filter(discrepancy::agreement_id.eq(agreement_id))
        .select(Discrepancy::as_select())
        .load(connection)?;
    let owed: Vec<Duty> = discrepancy_duty::table
        .filter(discrepancy_duty::agreement_id.eq(agreement_id).and(discrepancy_duty::closed_at.is_null()))
        .select(Duty::as_select())
        .load(connection)?;
    Ok(joined(rows, owed).into_iter().map(|case| (case.row.subject_id, case)).collect())
}

/// The discrepancies of rows about some subjects, by what each row is known by.
pub fn cases_about(connection: &mut DbConnection, agreement_id: Id, subjects: &[Id]) -> Result<HashMap<Id, Case>> {
    let ids: Vec<Id> = statement(
        "select d.id from ? r cross join discrepancy d where d.agreement_id = r.agreement_id and d.subject_id = r.subject_id",
    )
    .bind(RowSet::list("subject_id", subjects.iter().copied()).shared("agreement_id", agreement_id))
    .returning::<Uid>()
    .load(connection)?;
    let mut found = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(10_000) {
        found.extend(cases(connection, agreement_id, ids)?.into_values().map(|case| (case.row.subject_id, case)));
    }
    Ok(found)
}

fn joined(rows: Vec<Discrepancy>, owed: Vec<Duty>) -> Vec<Case> {
    let mut by_discrepancy: HashMap<Id, Vec<Duty>> = HashMap::new();
    for duty in owed {
        by_discrepancy.entry(duty.discrepancy_id).or_default().push(duty);
    }
    rows.into_iter()
        .map(|row| {
            let owed = by_discrepancy.remove(&row.id).unwrap_or_default();
            Case::new(row, owed)
        })
        .collect()
}

/// The entries of a discrepancy, oldest first.
pub fn entries(connection: &mut DbConnection, agreement_id: Id, id: Id) -> Result<Vec<DiscrepancyEntry>> {
    Ok(discrepancy_entry::table
        .filter(discrepancy_entry::agreement_id.eq(agreement_id).and(discrepancy_entry::discrepancy_id.eq(id)))
        .order(discrepancy_entry::id)
        .select(DiscrepancyEntry::as_select())
        .load(connection)?)
}

/// Every duty of a discrepancy that an entry has made or ended.
pub fn duties_of_entry(connection: &mut DbConnection, entry: &DiscrepancyEntry) -> Result<Vec<Duty>> {
    use discrepancy_duty::dsl;
    Ok(dsl::discrepancy_duty
        .filter(dsl::agreement_id.eq(entry.agreement_id).and(dsl::discrepancy_id.eq(entry.discrepancy_id)))
        .filter(dsl::opened_by.eq(entry.id).or(dsl::closed_by.eq(entry.id)))
        .select(Duty::as_select())
        .load(connection)?)
}

/// A bulk resolution.
///
/// # Errors
/// [`crate::error::Code::NotFound`].
pub fn resolution(connection: &mut DbConnection, agreement_id: Id, id: Id) -> Result<DiscrepancyResolution> {
    discrepancy_resolution::table
        .find((agreement_id, id))
        .select(DiscrepancyResolution::as_select())
        .get_result(connection)
        .optional()?
        .ok_or_else(|| Error::not_found("resolution", "处理决定"))
}

/// The discrepancies for which a bulk resolution was proposed, in the order of the call.
pub fn proposed(connection: &mut DbConnection, row: &DiscrepancyResolution) -> Result<Vec<Id>> {
    use discrepancy_entry::dsl;
    Ok(dsl::discrepancy_entry
        .filter(dsl::agreement_id.eq(row.agreement_id).and(dsl::resolution_id.eq(row.id)))
        .filter(dsl::kind.eq(DiscrepancyEntryKind::Proposed))
        .order(dsl::id)
        .select(dsl::discrepancy_id)
        .load(connection)?)
}

/// Writes a bulk resolution.
pub fn insert_resolution(connection: &mut DbConnection, row: &DiscrepancyResolution) -> Result<()> {
    diesel::insert_into(discrepancy_resolution::table).values(row.clone()).execute(connection)?;
    Ok(())
}

/// Notes the second person of a bulk resolution.
pub fn confirm_resolution(connection: &mut DbConnection, row: &DiscrepancyResolution) -> Result<()> {
    statement("update discrepancy_resolution set state = ?, confirmed_by = ?, confirmed_at = ? where agreement_id = ? and id = ?")
        .bind(ResolutionState::InEffect.as_str())
        .bind(row.confirmed_by)
        .bind(row.confirmed_at)
        .bind(row.agreement_id)
        .bind(row.id)
        .run(connection)?;
    Ok(())
}

/// Writes what was done to cases: rows new or anew, entries, duties.
pub fn write(connection: &mut DbConnection, agreement_id: Id, cases: &[Case]) -> Result<()> {
    let changed: Vec<&Case> = cases.iter().filter(|case| case.is_changed()).collect();
    write_rows(connection, agreement_id, &changed)?;
    write_entries(connection, agreement_id, &changed)?;
    write_duties(connection, agreement_id, &changed)
}

fn write_rows(connection: &mut DbConnection, agreement_id: Id, cases: &[&Case]) -> Result<()> {
    let details = cases.iter().map(|case| serde_json::to_string(&case.row.detail)).collect::<Result<Vec<_>, _>>()?;
    let rows = RowSet::of(cases.iter().map(|case| &case.row).zip(&details))
        .shared("agreement_id", agreement_id)
        .column("id", |(row, _)| row.id)
        .column("subject_id", |(row, _)| row.subject_id)
        .column("placement_id", |(row, _)| row.placement_id)
        .column("claim_id", |(row, _)| row.claim_id)
        .column("reported_by", |(row, _)| row.reported_by)
        .column("code", |(row, _)| row.code)
        .column("situation", |(row, _)| row.situation)
        .column("owner", |(row, _)| row.owner)
        .column("detail", |(_, detail)| detail.as_str())
        .column("facts", |(row, _)| row.facts.as_slice())
        .column("state", |(row, _)| row.state)
        .column("due_on", |(row, _)| row.due_on)
        .column("outcome", |(row, _)| row.outcome)
        .column("version", |(row, _)| row.version)
        .column("opened_at", |(row, _)| row.opened_at)
        .column("updated_at", |(row, _)| row.updated_at);
    if rows.is_empty() {
        return Ok(());
    }
    // SQLite takes "on conflict" behind a bare select for the condition of a join.
    statement(
        "insert into discrepancy (agreement_id, id, subject_id, placement_id, claim_id, reported_by, code, situation, owner, detail, facts, \
         state, due_on, outcome, version, opened_at, updated_at) \
         select r.agreement_id, r.id, r.subject_id, r.placement_id, r.claim_id, r.reported_by, r.code, r.situation, r.owner, r.detail, r.facts, \
         r.state, r.due_on, r.outcome, r.version, r.opened_at, r.updated_at from ? r where true \
         on conflict (agreement_id, id) do update set claim_id = excluded.claim_id, reported_by = excluded.reported_by, code = excluded.code, \
         situation = excluded.situation, owner = excluded.owner, detail = excluded.detail, facts = excluded.facts, state = excluded.state, \
         due_on = excluded.due_on, outcome = excluded.outcome, version = excluded.version, updated_at = excluded.updated_at",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}

fn write_entries(connection: &mut DbConnection, agreement_id: Id, cases: &[&Case]) -> Result<()> {
    let rows = RowSet::of(cases.iter().flat_map(|case| &case.entries))
        .shared("agreement_id", agreement_id)
        .column("id", |entry| entry.id)
        .column("discrepancy_id", |entry| entry.discrepancy_id)
        .column("kind", |entry| entry.kind)
        .column("state", |entry| entry.state)
        .column("due_on", |entry| entry.due_on)
        .column("outcome", |entry| entry.outcome)
        .column("words", |entry| entry.words.as_deref())
        .column("party_id", |entry| entry.party_id)
        .column("client_id", |entry| entry.client_id)
        .column("run_id", |entry| entry.run_id)
        .column("resolution_id", |entry| entry.resolution_id)
        .column("placement_id", |entry| entry.placement_id)
        .column("forced", |entry| entry.forced)
        .column("undoes", |entry| entry.undoes)
        .column("recorded_at", |entry| entry.recorded_at);
    if rows.is_empty() {
        return Ok(());
    }
    statement(
        "insert into discrepancy_entry (agreement_id, id, discrepancy_id, kind, state, due_on, outcome, words, party_id, client_id, run_id, \
         resolution_id, placement_id, forced, undoes, recorded_at) \
         select r.agreement_id, r.id, r.discrepancy_id, r.kind, r.state, r.due_on, r.outcome, r.words, r.party_id, r.client_id, r.run_id, \
         r.resolution_id, r.placement_id, r.forced, r.undoes, r.recorded_at from ? r",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}

fn write_duties(connection: &mut DbConnection, agreement_id: Id, cases: &[&Case]) -> Result<()> {
    let rows = RowSet::of(cases.iter().flat_map(|case| &case.duties))
        .shared("agreement_id", agreement_id)
        .column("id", |duty| duty.id)
        .column("discrepancy_id", |duty| duty.discrepancy_id)
        .column("party_id", |duty| duty.party_id)
        .column("due_on", |duty| duty.due_on)
        .column("opened_by", |duty| duty.opened_by)
        .column("opened_at", |duty| duty.opened_at)
        .column("closed_by", |duty| duty.closed_by)
        .column("closed_at", |duty| duty.closed_at.map(Instant::as_micros))
        .column("closing", |duty| duty.closing);
    if rows.is_empty() {
        return Ok(());
    }
    statement(
        "insert into discrepancy_duty (agreement_id, id, discrepancy_id, party_id, due_on, opened_by, opened_at, closed_by, closed_at, closing) \
         select r.agreement_id, r.id, r.discrepancy_id, r.party_id, r.due_on, r.opened_by, r.opened_at, r.closed_by, r.closed_at, r.closing \
         from ? r where true \
         on conflict (agreement_id, id) do update set closed_by = excluded.closed_by, closed_at = excluded.closed_at, closing = excluded.closing",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}
