//! Queries of fulfilment: the figures, and the rows behind each.

use diesel::RunQueryDsl;
use diesel::sql_types::BigInt;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Figure, QuotaPlaces, Step, rules};
use crate::agreements::Unit;
use crate::db::{Day, DbConnection, Id, Instant, Keyset, PageRequest, Uid, statement};
use crate::dispatches::tally::Standing;
use crate::error::Result;
use crate::regions::Scope;
use crate::workers::{GroupCode, Population};

/// A row behind a number: one person (with the placement that puts it there) or one placement.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BehindRow {
    /// The worker.
    pub worker_id: Id,
    /// The origin whose register the worker is in.
    pub origin_id: Id,
    /// The placement; for persons the first of theirs that counts.
    pub placement_id: Id,
    /// Placements of this person that count.
    #[schema(minimum = 1, maximum = 1000)]
    pub placements: i64,
}

impl BehindRow {
    /// The id that the rows of a figure are in the order of.
    #[must_use]
    pub const fn key(&self, unit: Unit) -> Id {
        match unit {
            Unit::Person => self.worker_id,
            Unit::PersonTime => self.placement_id,
        }
    }
}

/// Places of every quota that was published, in the order of ids.
pub fn places(connection: &mut DbConnection, agreement_id: Id, now: Instant) -> Result<Vec<QuotaPlaces>> {
    let rows: Vec<(Id, i64, i64, i64, i64)> = statement(
        "select q.id, q.requested_places, q.approved_places, a.reserved - cast(coalesce((select sum(h.places) from place_hold h \
         where h.agreement_id = a.agreement_id and h.account_id = a.id and h.holds_until <= ?), 0) as bigint), a.consumed \
         from quota q join place_account a on a.agreement_id = q.agreement_id and a.id = q.id \
         where q.agreement_id = ? and q.state <> 'draft' order by q.id",
    )
    .bind(now)
    .bind(agreement_id)
    .returning::<(Uid, BigInt, BigInt, BigInt, BigInt)>()
    .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(quota_id, requested, offered, held, filled)| {
            let rows = rules::behind_places(agreement_id, quota_id);
            QuotaPlaces { quota_id, requested, offered, held, filled, rows }
        })
        .collect())
}

/// What a step means as a condition on `p` (placement) and, for nodes, `k` (retention check). Its words are those of
/// [`crate::dispatches::tally`]; a property test holds the two together. Due and unverified take a bind, the day of reading.
fn condition(step: Step) -> &'static str {
    match step {
        Step::Filled => "p.departed_on is not null and p.holds_place",
        Step::Departed => "p.departed_on is not null",
        Step::Onboarded => "p.departed_on is not null and p.onboarded_on is not null",
        Step::NotArrived => {
            "p.departed_on is not null and p.state in ('no_show', 'refused_by_employer', 'refused_by_worker')"
        }
        Step::Ended => "p.departed_on is not null and p.state = 'ended'",
        Step::Due => "k.due_on <= ?",
        Step::Retained => "k.state = 'retained'",
        Step::Left => "k.state = 'left'",
        Step::Unverified => "k.state = 'pending' and k.due_on <= ?",
    }
}

/// That the place of `p` is one of a quota; takes a bind, the quota.
const PLACE_OF_QUOTA: &str = "and coalesce((select t.quota_id from transferred_place t \
    where t.agreement_id = p.agreement_id and t.placement_id = p.id), p.quota_id) = ?";

/// Narrows to the best standing that any row of a person has, certain before probable before disputed.
fn standing_condition(step: Step, standing: Standing) -> String {
    let certain = if step == Step::Departed { "true" } else { "p.certain" };
    let rank = match standing {
        Standing::Certain => 0,
        Standing::Probable => 1,
        Standing::Disputed => 2,
    };
    format!("having min(case when p.disputed then 2 when {certain} then 0 else 1 end) = {rank}")
}

fn population_list(population: Population) -> String {
    let members: Vec<String> =
        GroupCode::ALL.iter().filter(|group| group.is_in(population)).map(|group| format!("'{group}'")).collect();
    members.join(", ")
}

/// The rows behind a figure, in the order of workers (persons) or placements (person-times).
pub fn rows(
    connection: &mut DbConnection,
    agreement_id: Id,
    figure: &Figure,
    today: Day,
    page: &PageRequest,
) -> Result<Vec<BehindRow>> {
    let person = figure.unit == Unit::Person;
    let (key, group) =
        if person { ("p.worker_id", "p.origin_id, p.worker_id") } else { ("p.id", "p.origin_id, p.worker_id, p.id") };
    let check = if figure.step.is_at_node() {
        "join retention_check k on k.agreement_id = p.agreement_id and k.placement_id = p.id and k.node = ?"
    } else {
        ""
    };
    let narrowed = |column: &str, is: bool| if is { format!("and p.{column} = ?") } else { String::new() };
    let plan_year = narrowed("plan_year", figure.plan_year.is_some());
    let quota = match figure.step {
        // After a transfer the place is one of another quota than the worker was sent against.
        Step::Filled if figure.quota_id.is_some() => PLACE_OF_QUOTA.to_owned(),
        _ => narrowed("quota_id", figure.quota_id.is_some()),
    };
    let scope = narrowed("scope", figure.scope.is_some());
    let (condition, populations) = (condition(figure.step), population_list(figure.population));
    let standing = figure.standing.map(|standing| standing_condition(figure.step, standing)).unwrap_or_default();
    let Keyset { condition: behind, order, after } = page.keyset(key);
    let first = first_placement(connection, person);
    let mut query = statement(format!(
        "select p.worker_id, p.origin_id, {first}, count(*) from placement p {check} \
         where p.agreement_id = ? {plan_year} {quota} {scope} and {condition} and p.group_code in ({populations}) and {behind} \
         group by {group} {standing} order by {order} limit ?"
    ));
    if figure.step.is_at_node() {
        query = query.bind(figure.node.clone());
    }
    query = query.bind(agreement_id);
    if let Some(plan_year) = figure.plan_year {
        query = query.bind(plan_year);
    }
    if let Some(quota_id) = figure.quota_id {
        query = query.bind(quota_id);
    }
    if let Some(scope) = figure.scope {
        query = query.bind(Scope::as_str(scope));
    }
    if matches!(figure.step, Step::Due | Step::Unverified) {
        query = query.bind(today);
    }
    let rows: Vec<(Id, Id, Id, i64)> =
        query.bind(after).bind(page.probe()).returning::<(Uid, Uid, Uid, BigInt)>().load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(worker_id, origin_id, placement_id, placements)| BehindRow {
            worker_id,
            origin_id,
            placement_id,
            placements,
        })
        .collect())
}

/// The placement a row names. PostgreSQL has no `min(uuid)`, so the smallest text of it is read back as an id.
fn first_placement(connection: &DbConnection, person: bool) -> &'static str {
    match (person, connection) {
        (false, _) => "p.id",
        (true, DbConnection::Sqlite(_)) => "min(p.id)",
        (true, DbConnection::Postgres(_)) => "cast(min(cast(p.id as text)) as uuid)",
    }
}
