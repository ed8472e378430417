//! Queries of replacement duties. Each takes an agreement the caller was let into.

use std::collections::HashMap;

use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{OptionalExtension, RunQueryDsl};

use super::{ReplacementDuty, ReplacementFigures, ReplacementStanding};
use crate::db::{Day, DbConnection, Id, Instant, Keyset, PageRequest, RowSet, Uid, statement};
use crate::error::{Error, Result};
use crate::http::query::AnyOf;
use crate::retention::records::{Reporter, ReporterRole};

/// What a list of replacement duties may be narrowed to.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReplacementDutyFilter {
    /// Only duties of one of these standings today.
    #[param(inline)]
    pub standing: Option<AnyOf<ReplacementStanding>>,
    /// Only duties towards this employer.
    pub employer_id: Option<Id>,
    /// Only the duty for this placement.
    pub placement_id: Option<Id>,
    /// Only duties that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

const COLUMNS: &str = "d.id, d.placement_id, d.owner_id, d.employer_id, d.quota_id, d.reason, d.ended_on, d.window_days, d.due_on, d.state, \
    d.replacement_id, p.onboarded_on, d.waived_by, d.waiver_reason, d.version, d.opened_at, d.updated_at";

/// The duty with the placement that was named as its replacement.
const WITH_REPLACEMENT: &str =
    "replacement_duty d left join placement p on p.agreement_id = d.agreement_id and p.id = d.replacement_id";

type DutyTypes = (
    Uid,
    Uid,
    Uid,
    Uid,
    Nullable<Uid>,
    Text,
    Text,
    BigInt,
    Text,
    Text,
    Nullable<Uid>,
    Nullable<Text>,
    Nullable<Uid>,
    Nullable<Text>,
    BigInt,
    BigInt,
    BigInt,
);

/// The duties of placements, by placement.
pub fn of(connection: &mut DbConnection, agreement_id: Id, placements: &[Id]) -> Result<HashMap<Id, ReplacementDuty>> {
    let rows: Vec<ReplacementDuty> = statement(format!(
        "select {COLUMNS} from ? r cross join {WITH_REPLACEMENT} where d.agreement_id = r.agreement_id and d.placement_id = r.id"
    ))
    .bind(RowSet::list("id", placements.iter().copied()).shared("agreement_id", agreement_id))
    .returning::<DutyTypes>()
    .load(connection)?;
    Ok(rows.into_iter().map(|duty| (duty.placement_id, duty)).collect())
}

/// The column in which a duty that the party may see names it; none for who sees every duty of the agreement.
const fn named_in(reader: Reporter) -> Option<&'static str> {
    match reader.role {
        ReporterRole::Origin => Some("owner_id"),
        ReporterRole::Employer => Some("employer_id"),
        ReporterRole::Destination | ReporterRole::Station => None,
    }
}

fn narrowed(column: Option<&str>) -> String {
    column.map(|column| format!("and d.{column} = ?")).unwrap_or_default()
}

/// One duty that the party may see.
///
/// # Errors
/// [`crate::error::Code::NotFound`].
pub fn duty(connection: &mut DbConnection, agreement_id: Id, reader: Reporter, id: Id) -> Result<ReplacementDuty> {
    let seen = named_in(reader);
    let one =
        format!("select {COLUMNS} from {WITH_REPLACEMENT} where d.agreement_id = ? and d.id = ? {}", narrowed(seen));
    let mut query = statement(one).bind(agreement_id).bind(id);
    if seen.is_some() {
        query = query.bind(reader.party_id);
    }
    let found: Option<ReplacementDuty> = query.returning::<DutyTypes>().get_result(connection).optional()?;
    found.ok_or_else(|| Error::not_found("replacement duty", "补员义务"))
}

/// A standing as a condition on `d` and `p`, with one bind, the day.
const fn condition(standing: ReplacementStanding) -> &'static str {
    match standing {
        ReplacementStanding::Open => "(d.state in ('open', 'fulfilled') and p.onboarded_on is null and d.due_on >= ?)",
        ReplacementStanding::Lapsed => "(d.state in ('open', 'fulfilled') and p.onboarded_on is null and d.due_on < ?)",
        ReplacementStanding::Fulfilled => "(d.state = 'fulfilled' and p.onboarded_on <= ?)",
        ReplacementStanding::Waived => "(d.state = 'waived' and d.ended_on <= ?)",
        ReplacementStanding::Cancelled => "(d.state = 'cancelled' and d.ended_on <= ?)",
    }
}

/// A page of the duties that the party may see.
pub fn list(
    connection: &mut DbConnection,
    agreement_id: Id,
    reader: Reporter,
    today: Day,
    filter: &ReplacementDutyFilter,
    page: &PageRequest,
) -> Result<Vec<ReplacementDuty>> {
    let standings = filter.standing.as_ref().map(AnyOf::values).unwrap_or_default();
    let any: Vec<&str> = standings.iter().copied().map(condition).collect();
    let standing = if any.is_empty() { String::new() } else { format!("and ({})", any.join(" or ")) };
    let seen = narrowed(named_in(reader));
    let employer = narrowed(filter.employer_id.map(|_| "employer_id"));
    let placement = narrowed(filter.placement_id.map(|_| "placement_id"));
    let updated = if filter.updated_since.is_some() { "and d.updated_at >= ?" } else { "" };
    let Keyset { condition: behind, order, after } = page.keyset("d.id");
    let mut query = statement(format!(
        "select {COLUMNS} from {WITH_REPLACEMENT} where d.agreement_id = ? {seen} {standing} {employer} {placement} {updated} and {behind} \
         order by {order} limit ?"
    ))
    .bind(agreement_id);
    if named_in(reader).is_some() {
        query = query.bind(reader.party_id);
    }
    for _ in &standings {
        query = query.bind(today);
    }
    for id in [filter.employer_id, filter.placement_id].into_iter().flatten() {
        query = query.bind(id);
    }
    if let Some(since) = filter.updated_since {
        query = query.bind(since);
    }
    Ok(query.bind(after).bind(page.probe()).returning::<DutyTypes>().load(connection)?)
}

/// The duty for which a placement was named as the replacement.
pub fn replaces(connection: &mut DbConnection, agreement_id: Id, placement_id: Id) -> Result<Option<Id>> {
    Ok(statement("select id from replacement_duty where agreement_id = ? and replacement_id = ?")
        .bind(agreement_id)
        .bind(placement_id)
        .returning::<Uid>()
        .get_result(connection)
        .optional()?)
}

fn rows(agreement_id: Id, duties: &[ReplacementDuty]) -> RowSet<&ReplacementDuty> {
    RowSet::of(duties)
        .shared("agreement_id", agreement_id)
        .column("id", |duty| duty.id)
        .column("placement_id", |duty| duty.placement_id)
        .column("owner_id", |duty| duty.owner_id)
        .column("employer_id", |duty| duty.employer_id)
        .column("quota_id", |duty| duty.quota_id)
        .column("reason", |duty| duty.reason)
        .column("ended_on", |duty| duty.ended_on)
        .column("window_days", |duty| duty.window_days)
        .column("due_on", |duty| duty.due_on)
        .column("state", |duty| duty.state)
        .column("replacement_id", |duty| duty.replacement_id)
        .column("waived_by", |duty| duty.waived_by)
        .column("waiver_reason", |duty| duty.waiver_reason.as_deref())
        .column("version", |duty| duty.version)
        .column("opened_at", |duty| duty.opened_at)
        .column("updated_at", |duty| duty.updated_at)
}

/// Writes new duties.
pub fn insert(connection: &mut DbConnection, agreement_id: Id, new: &[ReplacementDuty]) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    statement(
        "insert into replacement_duty (agreement_id, id, placement_id, owner_id, employer_id, quota_id, reason, ended_on, window_days, due_on, state, \
         replacement_id, waived_by, waiver_reason, version, opened_at, updated_at) \
         select r.agreement_id, r.id, r.placement_id, r.owner_id, r.employer_id, r.quota_id, r.reason, r.ended_on, r.window_days, r.due_on, r.state, \
         r.replacement_id, r.waived_by, r.waiver_reason, r.version, r.opened_at, r.updated_at from ? r",
    )
    .bind(rows(agreement_id, new))
    .run(connection)?;
    Ok(())
}

/// Writes changed duties over what they were.
pub fn rewrite(connection: &mut DbConnection, agreement_id: Id, changed: &[ReplacementDuty]) -> Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    statement(
        "update replacement_duty set employer_id = r.employer_id, quota_id = r.quota_id, reason = r.reason, ended_on = r.ended_on, \
         window_days = r.window_days, due_on = r.due_on, state = r.state, replacement_id = r.replacement_id, waived_by = r.waived_by, \
         waiver_reason = r.waiver_reason, version = r.version, updated_at = r.updated_at from ? r \
         where replacement_duty.agreement_id = r.agreement_id and replacement_duty.id = r.id",
    )
    .bind(rows(agreement_id, changed))
    .run(connection)?;
    Ok(())
}

/// How many replacements were owed under an agreement, and what became of them by a day.
pub fn figures(connection: &mut DbConnection, agreement_id: Id, today: Day) -> Result<ReplacementFigures> {
    let counts: Vec<(String, i64)> = statement(format!(
        "select c.standing, count(*) from (select case when d.state in ('waived', 'cancelled') then d.state \
         when p.onboarded_on > d.due_on then 'late' when p.onboarded_on is not null then 'fulfilled' \
         when d.due_on < ? then 'lapsed' else 'open' end as standing \
         from {WITH_REPLACEMENT} where d.agreement_id = ?) c group by c.standing"
    ))
    .bind(today)
    .bind(agreement_id)
    .returning::<(Text, BigInt)>()
    .load(connection)?;
    let counts: HashMap<String, i64> = counts.into_iter().collect();
    let of = |standing: &str| counts.get(standing).copied().unwrap_or_default();
    let (fulfilled, fulfilled_late) = (of("fulfilled") + of("late"), of("late"));
    let (open, lapsed, waived) = (of("open"), of("lapsed"), of("waived"));
    Ok(ReplacementFigures {
        owed: open + lapsed + fulfilled + waived,
        open,
        lapsed,
        fulfilled,
        fulfilled_late,
        waived,
        rows: format!("/v1/agreements/{agreement_id}/replacement-duties"),
    })
}
