//! What the placements' own rows and the facts about them tell a computation.

use std::collections::HashMap;

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::db::{Day, DbConnection, Id, Instant, RowSet, Uid, statement};
use crate::error::Result;
use crate::regions::{RegionCode, Scope};
use crate::statements::movement::{FactKind, MovingFact};
use crate::workers::GroupCode;

/// Who a placement is about.
#[derive(Debug, Clone)]
pub struct PlacedPerson {
    /// The person's number, which never leaves the exchange.
    pub person_id: Id,
    /// The origin whose register the worker is in.
    pub origin_id: Id,
    /// The worker in that register.
    pub worker_id: Id,
    /// The group it counts in.
    pub group: GroupCode,
    /// How far from home, as the placement has it today.
    pub scope: Scope,
    /// The workplace that scope was told by.
    pub scope_of: RegionCode,
    /// Where home is.
    pub hukou_code: RegionCode,
    /// The employer the worker was sent to.
    pub planned_employer_id: Id,
    /// The workplace the worker was sent to.
    pub planned_region: RegionCode,
    /// The last day in post, as it was known then.
    pub ended_on: Option<Day>,
}

type PersonRow = (Id, Id, Id, Id, GroupCode, Scope, RegionCode, RegionCode, Id, RegionCode, Option<Day>);
type PersonTypes = (Uid, Uid, Uid, Uid, Text, Text, Text, Text, Uid, Text, Nullable<Text>);

/// Who placements are about, as it was known before an instant.
///
/// # Errors
/// What the database says.
pub fn persons(
    connection: &mut DbConnection,
    agreement_id: Id,
    placements: &[Id],
    known_before: Instant,
) -> Result<HashMap<Id, PlacedPerson>> {
    let found: Vec<PersonRow> = statement(
        "select p.id, w.person_id, p.origin_id, p.worker_id, p.group_code, p.scope, coalesce(p.real_region_code, q.region_code), w.hukou_code, \
         p.employer_id, q.region_code, (select e.placement_ended_on from exit_entry e where e.agreement_id = p.agreement_id \
         and e.placement_id = p.id and e.recorded_at < ? order by e.recorded_at desc, e.id desc limit 1) \
         from ? r cross join placement p cross join worker w cross join quota q where p.agreement_id = r.agreement_id and p.id = r.id \
         and w.party_id = p.origin_id and w.id = p.worker_id and q.agreement_id = p.agreement_id and q.id = p.quota_id",
    )
    .bind(known_before)
    .bind(RowSet::list("id", placements.iter().copied()).shared("agreement_id", agreement_id))
    .returning::<PersonTypes>()
    .load(connection)?;
    let person = |row: PersonRow| {
        let (id, person_id, origin_id, worker_id, group, scope, scope_of, hukou_code, planned_employer_id, ..) = row;
        let (.., planned_region, ended_on) = row;
        let person = PlacedPerson {
            person_id,
            origin_id,
            worker_id,
            group,
            scope,
            scope_of,
            hukou_code,
            planned_employer_id,
            planned_region,
            ended_on,
        };
        (id, person)
    };
    Ok(found.into_iter().map(person).collect())
}

/// Where facts about placements are recorded, and when.
const FACTS: [(FactKind, &str, &str); 4] = [
    (FactKind::Claim, "claim", "recorded_at"),
    (FactKind::Exit, "exit_entry", "recorded_at"),
    (FactKind::Observation, "observation", "recorded_at"),
    (FactKind::Dispute, "dispute", "raised_at"),
];

/// What was recorded about placements between two instants, by placement.
///
/// # Errors
/// What the database says.
pub fn recorded_between(
    connection: &mut DbConnection,
    agreement_id: Id,
    (from, to): (Instant, Instant),
    placements: &[Id],
) -> Result<HashMap<Id, Vec<MovingFact>>> {
    let mut facts: HashMap<Id, Vec<MovingFact>> = HashMap::new();
    let ids = RowSet::list("id", placements.iter().copied()).shared("agreement_id", agreement_id);
    for (kind, table, at) in FACTS.into_iter().filter(|_| !placements.is_empty()) {
        let found: Vec<(Id, Id, Instant)> = statement(format!(
            "select f.placement_id, f.id, f.{at} from ? r cross join {table} f \
             where f.agreement_id = r.agreement_id and f.placement_id = r.id and f.{at} >= ? and f.{at} < ?"
        ))
        .bind(ids.clone())
        .bind(from)
        .bind(to)
        .returning::<(Uid, Uid, BigInt)>()
        .load(connection)?;
        for (placement_id, id, recorded_at) in found {
            facts.entry(placement_id).or_default().push(MovingFact { kind, id, recorded_at });
        }
    }
    Ok(facts)
}
