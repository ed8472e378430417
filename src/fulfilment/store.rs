//! Queries of fulfilment: the figures, and the rows behind each.

use diesel::RunQueryDsl;
use diesel::sql_types::BigInt;
use serde::Serialize;
use utoipa::ToSchema;

use super::QuotaPlaces;
use super::rules::measure_of;
use crate::agreements::{Target, Unit};
use crate::db::{DbConnection, Id, Instant, Keyset, PageRequest, Uid, statement};
use crate::dispatches::tally::{Measure, Standing};
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
        .map(|(quota_id, requested, offered, held, filled)| QuotaPlaces { quota_id, requested, offered, held, filled })
        .collect())
}

/// What a measure means as a condition on `p` (placement) and, for nodes, `k` (retention check). Its words are those of
/// [`crate::dispatches::tally`]; a property test holds the two together.
fn measure_condition(measure: Measure) -> &'static str {
    match measure {
        Measure::Dispatched => "p.departed_on is not null",
        Measure::Onboarded => "p.departed_on is not null and p.onboarded_on is not null",
        Measure::NotArrived => {
            "p.departed_on is not null and p.state in ('no_show', 'refused_by_employer', 'refused_by_worker')"
        }
        Measure::Ended => "p.departed_on is not null and p.state = 'ended'",
        Measure::Retained => "k.state = 'retained'",
        Measure::Left => "k.state = 'left'",
    }
}

/// Ranks the standing of a row: 0 certain, 1 probable, 2 disputed.
fn standing_rank(measure: Measure) -> &'static str {
    if measure == Measure::Dispatched {
        "case when p.disputed then 2 else 0 end"
    } else {
        "case when p.disputed then 2 when p.certain then 0 else 1 end"
    }
}

fn population_list(population: Population) -> String {
    let members: Vec<String> =
        GroupCode::ALL.iter().filter(|group| group.is_in(population)).map(|group| format!("'{group}'")).collect();
    members.join(", ")
}

/// The rows behind one figure of a target, in the order of workers (persons) or placements (person-times).
pub fn rows(
    connection: &mut DbConnection,
    agreement_id: Id,
    target: &Target,
    standing: Standing,
    page: &PageRequest,
) -> Result<Vec<BehindRow>> {
    let measure = measure_of(target.indicator);
    let (condition, rank) = (measure_condition(measure), standing_rank(measure));
    let check = if target.node.is_some() {
        "join retention_check k on k.agreement_id = p.agreement_id and k.placement_id = p.id and k.node = ?"
    } else {
        ""
    };
    let scope = if target.scope.is_some() { "and p.scope = ?" } else { "" };
    let populations = population_list(target.population);
    let person = target.unit == Unit::Person;
    let (key, group) =
        if person { ("p.worker_id", "p.origin_id, p.worker_id") } else { ("p.id", "p.origin_id, p.worker_id, p.id") };
    let Keyset { condition: behind, order, after } = page.keyset(key);
    let first = first_placement(connection, person);
    let mut query = statement(format!(
        "select p.worker_id, p.origin_id, {first}, count(*) from placement p {check} \
         where p.agreement_id = ? and p.plan_year = ? and {condition} and p.group_code in ({populations}) {scope} and {behind} \
         group by {group} having min({rank}) = ? order by {order} limit ?"
    ));
    if let Some(node) = target.node {
        query = query.bind(node.code());
    }
    query = query.bind(agreement_id).bind(target.plan_year);
    if let Some(scope) = target.scope {
        query = query.bind(Scope::as_str(scope));
    }
    let rank_value = Standing::ALL
        .iter()
        .position(|known| *known == standing)
        .and_then(|rank| i64::try_from(rank).ok())
        .unwrap_or_default();
    let rows: Vec<(Id, Id, Id, i64)> = query
        .bind(after)
        .bind(rank_value)
        .bind(page.probe())
        .returning::<(Uid, Uid, Uid, BigInt)>()
        .load(connection)?;
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
