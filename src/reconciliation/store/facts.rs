//! Reading the facts of a run: ordered stretches of placements with what is said about each, and everything about single persons.
//!
//! Each query is a range of one ordered index or a set of ids handed over at once; none grows with the agreement, so memory stays flat
//! however many rows a run has. Only what was recorded by the cut-off is read: a row enrolled later is not there yet, one cancelled later
//! still stood, a departure recorded later had not happened, and a quota had the places approved by then. A claim was in effect then if no
//! later claim of the same claimant had replaced it by then.
//!
//! Where one table leads to another, `cross join` and `between x and x` stand for `join` and `= x`: SQLite could take the primary key's
//! first column, the agreement, for the better way in and would read the whole agreement for each row that leads. PostgreSQL reads both
//! forms alike.

use std::collections::{BTreeSet, HashMap};

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use uuid::Uuid;

use super::matches;
use crate::agreements::rule_terms::EvidenceLevel;
use crate::arrivals::{ClaimantRole, ClaimedOutcome};
use crate::db::{Day, DbConnection, Id, Instant, RowSet, Uid, statement};
use crate::error::{Error, Result};
use crate::reconciliation::facts::SeenSummary;
use crate::reconciliation::persons::Gathering;
use crate::reconciliation::records::{
    ClaimRecord, IdentifiedPlacement, IdentityRecord, PlacementRecord, QuotaRecord, Stretch,
};

/// Which facts a run reads.
#[derive(Debug, Clone, Copy)]
pub struct Books {
    /// The agreement.
    pub agreement_id: Id,
    /// The day at whose end both sides are compared.
    pub cut_off: Day,
    /// Facts recorded before this instant count.
    pub known_before: Instant,
}

/// Placements, or claims that name a person, read at a time.
pub const READ_AT_ONCE: usize = 2_000;

/// The columns of a placement `p` with its dispatch `d`.
pub(super) const PLACEMENT: &str = "p.id, p.quota_id, p.employer_id, p.arrival_due_on, p.departed_on, p.departure_recorded_at, p.cancelled_at, \
                         p.enrolled_again_at, d.planned_arrival_on, d.holds_until";
pub(super) type PlacementTypes =
    (Uid, Uid, Uid, Text, Nullable<Text>, Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>, Text, BigInt);
pub(super) type PlacementColumns =
    (Id, Id, Id, Day, Option<Day>, Option<Instant>, Option<Instant>, Option<Instant>, Day, Instant);

/// The end of a placement `p` as it was recorded by then; one bind, the instant.
const ENDED_ON: &str = "(select e.placement_ended_on from exit_entry e where e.agreement_id = p.agreement_id and e.placement_id = p.id \
                        and e.recorded_at < ? order by e.recorded_at desc, e.id desc limit 1)";

/// The columns of a claim `c`.
pub(super) const CLAIM: &str = "c.id, c.placement_id, c.claimant_role, c.claimant_id, c.outcome, c.happened_on, c.employer_id, \
                     c.region_code, c.evidence, c.late, c.recorded_at";
pub(super) type ClaimTypes =
    (Uid, Nullable<Uid>, Text, Uid, Text, Text, Nullable<Uid>, Nullable<Text>, Text, Bool, BigInt);
pub(super) type ClaimColumns =
    (Id, Option<Id>, ClaimantRole, Id, ClaimedOutcome, Day, Option<Id>, Option<String>, EvidenceLevel, bool, Instant);

/// Joins the claim `r` that had replaced `c`; one bind, the instant. What is left without an `r` was in effect.
pub(super) const REPLACED: &str =
    "left join claim r on r.agreement_id = c.agreement_id and r.id = c.replaced_by and r.recorded_at < ?";

/// Whether a claim `c` counts; two binds, the instant and the day.
pub(super) const COUNTS: &str = "r.id is null and c.recorded_at < ? and c.happened_on <= ?";

impl Books {
    /// The quotas that were open to arrivals.
    pub fn quotas(&self, connection: &mut DbConnection) -> Result<HashMap<Uuid, QuotaRecord>> {
        let rows: Vec<(Id, String, i64)> = statement(
            "select q.id, q.region_code, a.places from quota q join quota_approval a on a.agreement_id = q.agreement_id and a.quota_id = q.id \
             where q.agreement_id = ? and a.approved_at < ? and not exists (select 1 from quota_approval later \
             where later.agreement_id = a.agreement_id and later.quota_id = a.quota_id and later.version > a.version and later.approved_at < ?)",
        )
        .bind(self.agreement_id)
        .bind(self.known_before)
        .bind(self.known_before)
        .returning::<(Uid, Text, BigInt)>()
        .load(connection)?;
        let quota = |(id, region, places): (Id, String, i64)| {
            let approved_places = u32::try_from(places).unwrap_or(u32::MAX);
            (id.0, QuotaRecord { region, approved_places })
        };
        Ok(rows.into_iter().map(quota).collect())
    }

    /// How many departed placements lie in each quota: where there are no more than places, nothing is over.
    pub fn departed_by_quota(&self, connection: &mut DbConnection) -> Result<HashMap<Uuid, i64>> {
        let rows: Vec<(Id, i64)> = statement(
            "select quota_id, count(*) from placement where agreement_id = ? and departed_on <= ? and departure_recorded_at < ? group by quota_id",
        )
        .bind(self.agreement_id)
        .bind(self.cut_off)
        .bind(self.known_before)
        .returning::<(Uid, BigInt)>()
        .load(connection)?;
        Ok(rows.into_iter().map(|(id, placements)| (id.0, placements)).collect())
    }

    /// How many departures each quota has at the most: those the counters know today, which never become fewer.
    pub fn departed_at_most(&self, connection: &mut DbConnection) -> Result<HashMap<Uuid, i64>> {
        let rows: Vec<(Id, i64)> = statement(
            "select quota_id, cast(sum(placements) as bigint) from tally where agreement_id = ? and quota_id <> ? and scope = 'any' \
             and population = 'all' and measure = 'dispatched' group by quota_id",
        )
        .bind(self.agreement_id)
        .bind(Id::NIL)
        .returning::<(Uid, BigInt)>()
        .load(connection)?;
        Ok(rows.into_iter().map(|(id, placements)| (id.0, placements)).collect())
    }

    /// Whether any claim names a person instead of a placement.
    pub fn names_persons(&self, connection: &mut DbConnection) -> Result<bool> {
        let found: Vec<i64> = statement(
            "select cast(1 as bigint) from claim where agreement_id = ? and placement_id is null and id > ? and recorded_at < ? limit 1",
        )
        .bind(self.agreement_id)
        .bind(Id::NIL)
        .bind(self.known_before)
        .returning::<BigInt>()
        .load(connection)?;
        Ok(!found.is_empty())
    }

    /// The next stretch of placements behind `after`; empty at the end.
    pub fn stretch(&self, connection: &mut DbConnection, after: Id) -> Result<Stretch> {
        let placements = self.placements_behind(connection, after)?;
        let Some(last) = placements.last().map(|last| Id(last.id)) else { return Ok(Stretch::default()) };
        Ok(Stretch {
            claims: matches::together(
                self.claims_between(connection, after, last)?,
                matches::between(self, connection, after, last)?,
            ),
            seen: self.seen_between(connection, after, last)?,
            disputed: self.disputed_between(connection, after, last)?.into_iter().collect(),
            placements,
        })
    }

    /// The placements of a stretch. Their dispatches, which are few, are read once and not once for each placement.
    fn placements_behind(&self, connection: &mut DbConnection, after: Id) -> Result<Vec<PlacementRecord>> {
        type Columns = (Id, Id, Id, Day, Option<Day>, Option<Instant>, Option<Instant>, Option<Instant>, Id);
        let rows: Vec<Columns> = statement(format!(
            "select id, quota_id, employer_id, arrival_due_on, departed_on, departure_recorded_at, cancelled_at, enrolled_again_at, dispatch_id \
             from placement where agreement_id = ? and id > ? and enrolled_at < ? order by id limit {READ_AT_ONCE}"
        ))
        .bind(self.agreement_id)
        .bind(after)
        .bind(self.known_before)
        .returning::<(Uid, Uid, Uid, Text, Nullable<Text>, Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>, Uid)>()
        .load(connection)?;
        let dispatches: BTreeSet<Id> = rows.iter().map(|row| row.8).collect();
        let dispatches = self.dispatches(connection, dispatches)?;
        let placement =
            |(id, quota, employer, due, departed_on, departure_at, cancelled_at, again_at, dispatch): Columns| {
                let (planned, holds_until) =
                    dispatches.get(&dispatch).copied().ok_or_else(|| Error::internal("no dispatch"))?;
                let row =
                    (id, quota, employer, due, departed_on, departure_at, cancelled_at, again_at, planned, holds_until);
                Ok(self.placement(row, None))
            };
        rows.into_iter().map(placement).collect()
    }

    /// When some dispatches are planned to arrive, and until when they hold what they hold.
    fn dispatches(&self, connection: &mut DbConnection, ids: BTreeSet<Id>) -> Result<HashMap<Id, (Day, Instant)>> {
        let rows: Vec<(Id, Day, Instant)> = statement(
            "select d.id, d.planned_arrival_on, d.holds_until from ? r cross join dispatch d where d.agreement_id = r.agreement_id and d.id = r.id",
        )
        .bind(RowSet::list("id", ids).shared("agreement_id", self.agreement_id))
        .returning::<(Uid, Text, BigInt)>()
        .load(connection)?;
        Ok(rows.into_iter().map(|(id, planned, holds_until)| (id, (planned, holds_until))).collect())
    }

    fn claims_between(&self, connection: &mut DbConnection, after: Id, last: Id) -> Result<Vec<ClaimRecord>> {
        let rows: Vec<ClaimColumns> = statement(format!(
            "select {CLAIM} from claim c {REPLACED} where c.agreement_id = ? and c.placement_id > ? and c.placement_id <= ? and {COUNTS} \
             order by c.placement_id, c.id"
        ))
        .bind(self.known_before)
        .bind(self.agreement_id)
        .bind(after)
        .bind(last)
        .bind(self.known_before)
        .bind(self.cut_off)
        .returning::<ClaimTypes>()
        .load(connection)?;
        Ok(rows.into_iter().map(claim).collect())
    }

    fn seen_between(&self, connection: &mut DbConnection, after: Id, last: Id) -> Result<HashMap<Uuid, SeenSummary>> {
        let rows: Vec<(Id, Day, Day)> = statement(
            "select placement_id, min(seen_from), max(seen_to) from observation \
             where agreement_id = ? and placement_id > ? and placement_id <= ? and in_post and recorded_at < ? and seen_from <= ? \
             group by placement_id",
        )
        .bind(self.agreement_id)
        .bind(after)
        .bind(last)
        .bind(self.known_before)
        .bind(self.cut_off)
        .returning::<(Uid, Text, Text)>()
        .load(connection)?;
        Ok(rows.into_iter().map(|row| self.seen(row)).collect())
    }

    pub(super) fn seen(&self, (id, first, last): (Id, Day, Day)) -> (Uuid, SeenSummary) {
        (id.0, SeenSummary { first_seen_on: first.0, last_seen_on: last.0.min(self.cut_off.0) })
    }

    fn disputed_between(&self, connection: &mut DbConnection, after: Id, last: Id) -> Result<Vec<Uuid>> {
        let rows: Vec<Id> = statement(
            "select distinct placement_id from dispute where agreement_id = ? and placement_id > ? and placement_id <= ? \
             and raised_at < ? and (withdrawn_at is null or withdrawn_at >= ?)",
        )
        .bind(self.agreement_id)
        .bind(after)
        .bind(last)
        .bind(self.known_before)
        .bind(self.known_before)
        .returning::<Uid>()
        .load(connection)?;
        Ok(rows.into_iter().map(|id| id.0).collect())
    }

    /// The placements of persons whom a claim names that has no placement of its own.
    pub fn placements_of_named(&self, connection: &mut DbConnection) -> Result<Vec<Id>> {
        Ok(statement(
            "select p.id from claim c cross join worker w cross join placement p where c.agreement_id = ? and c.placement_id is null \
             and w.exchange_index = c.exchange_index and p.origin_id = w.party_id and p.worker_id = w.id and p.agreement_id = c.agreement_id",
        )
        .bind(self.agreement_id)
        .returning::<Uid>()
        .load(connection)?)
    }

    /// Whether more than one origin sends under the agreement.
    pub fn has_many_origins(&self, connection: &mut DbConnection) -> Result<bool> {
        let origins: Vec<Id> = statement("select distinct origin_id from dispatch where agreement_id = ? limit 2")
            .bind(self.agreement_id)
            .returning::<Uid>()
            .load(connection)?;
        Ok(origins.len() > 1)
    }

    /// The placements of a stretch whose person has another one under the agreement. An origin has a person in its register once; with
    /// several origins the registers are compared.
    pub fn repeated_between(
        &self,
        connection: &mut DbConnection,
        (after, last): (Id, Id),
        many_origins: bool,
    ) -> Result<Vec<Id>> {
        let text = if many_origins {
            "select distinct p.id from placement p cross join worker w cross join worker v cross join placement o \
             where w.party_id = p.origin_id and w.id = p.worker_id and v.exchange_index = w.exchange_index \
             and o.origin_id = v.party_id and o.worker_id = v.id and o.agreement_id = p.agreement_id and o.id <> p.id \
             and p.agreement_id = ? and p.id > ? and p.id <= ?"
        } else {
            "select p.id from placement p where p.agreement_id = ? and p.id > ? and p.id <= ? and exists (select 1 from placement o \
             where o.origin_id = p.origin_id and o.worker_id = p.worker_id and o.agreement_id = p.agreement_id and o.id <> p.id)"
        };
        Ok(statement(text).bind(self.agreement_id).bind(after).bind(last).returning::<Uid>().load(connection)?)
    }

    /// The persons named by the next claims without a placement behind `after`, and the last of these claims; none at the end.
    pub fn named_persons(&self, connection: &mut DbConnection, after: Id) -> Result<Option<(Vec<Vec<u8>>, Id)>> {
        let rows: Vec<(Id, Vec<u8>)> = statement(format!(
            "select c.id, c.exchange_index from claim c where c.agreement_id = ? and c.placement_id is null and c.exchange_index is not null \
             and c.id > ? and c.recorded_at < ? order by c.id limit {READ_AT_ONCE}"
        ))
        .bind(self.agreement_id)
        .bind(after)
        .bind(self.known_before)
        .returning::<(Uid, Binary)>()
        .load(connection)?;
        let Some(last) = rows.last().map(|(id, _)| *id) else { return Ok(None) };
        let mut keys: Vec<Vec<u8>> = rows.into_iter().map(|(_, key)| key).collect();
        keys.sort_unstable();
        keys.dedup();
        Ok(Some((keys, last)))
    }

    /// Everything about some persons, found by the exchange-wide keyed index of their ID number.
    pub fn gather(&self, connection: &mut DbConnection, keys: &[Vec<u8>]) -> Result<Gathering> {
        if keys.is_empty() {
            return Ok(Gathering::default());
        }
        let wanted =
            RowSet::list("worker_key", keys.iter().map(Vec::as_slice)).shared("agreement_id", self.agreement_id);
        let rows: Vec<((Vec<u8>, Vec<u8>, Option<Day>), PlacementColumns)> = statement(format!(
            "select w.exchange_index, w.name_index, {ENDED_ON}, {PLACEMENT} from ? k cross join worker w cross join placement p cross join dispatch d \
             where w.exchange_index = k.worker_key and p.origin_id = w.party_id and p.worker_id = w.id \
             and d.agreement_id = p.agreement_id and d.id = p.dispatch_id and p.agreement_id = k.agreement_id and p.enrolled_at < ? order by p.id"
        ))
        .bind(self.known_before)
        .bind(wanted.clone())
        .bind(self.known_before)
        .returning::<((Binary, Binary, Nullable<Text>), PlacementTypes)>()
        .load(connection)?;
        let placements: Vec<IdentifiedPlacement> = rows
            .into_iter()
            .map(|((worker_key, name_key, ended_on), row)| IdentifiedPlacement {
                worker_key,
                name_key,
                placement: self.placement(row, ended_on),
            })
            .collect();
        let ids: Vec<Id> = placements.iter().map(|row| Id(row.placement.id)).collect();
        let mut claims: HashMap<Uuid, Vec<ClaimRecord>> = HashMap::new();
        for claim in self.claims_about(connection, &ids)? {
            claims.entry(claim.placement_id.unwrap_or_default()).or_default().push(claim);
        }
        let identity = self.claims_naming(connection, wanted)?;
        Ok(Gathering { placements, claims, identity })
    }

    /// The claims about some placements, in ascending order of placement and claim.
    pub(super) fn claims_about(&self, connection: &mut DbConnection, placements: &[Id]) -> Result<Vec<ClaimRecord>> {
        let wanted = RowSet::list("placement_id", placements.iter().copied());
        let rows: Vec<ClaimColumns> = statement(format!(
            "select {CLAIM} from ? k cross join claim c {REPLACED} \
             where c.agreement_id = k.agreement_id and c.placement_id = k.placement_id and {COUNTS} order by c.placement_id, c.id"
        ))
        .bind(wanted.shared("agreement_id", self.agreement_id))
        .bind(self.known_before)
        .bind(self.known_before)
        .bind(self.cut_off)
        .returning::<ClaimTypes>()
        .load(connection)?;
        Ok(matches::together(rows.into_iter().map(claim).collect(), matches::of(self, connection, placements)?))
    }

    fn claims_naming(&self, connection: &mut DbConnection, wanted: RowSet<&[u8]>) -> Result<Vec<IdentityRecord>> {
        let rows: Vec<((Vec<u8>, Vec<u8>), ClaimColumns)> = statement(format!(
            "select c.exchange_index, c.name_index, {CLAIM} from ? k cross join claim c {REPLACED} \
             where c.agreement_id = k.agreement_id and c.exchange_index = k.worker_key and c.placement_id is null and {COUNTS} and {} \
             order by c.id",
            matches::NOT_MATCHED
        ))
        .bind(wanted)
        .bind(self.known_before)
        .bind(self.known_before)
        .bind(self.cut_off)
        .bind(self.known_before)
        .bind(self.known_before)
        .returning::<((Binary, Binary), ClaimTypes)>()
        .load(connection)?;
        let named = |((worker_key, name_key), row)| IdentityRecord { worker_key, name_key, claim: claim(row) };
        Ok(rows.into_iter().map(named).collect())
    }

    pub(super) fn placement(&self, row: PlacementColumns, ended_on: Option<Day>) -> PlacementRecord {
        let (id, quota, employer, due, departed_on, departure_at, cancelled_at, again_at, planned, holds_until) = row;
        let known = |at: Option<Instant>| at.is_some_and(|at| at < self.known_before);
        PlacementRecord {
            id: id.0,
            quota_id: quota.0,
            employer_id: employer.0,
            cancelled: known(cancelled_at) && !known(again_at),
            hold_lapsed: holds_until <= self.cut_off.plus_days(1).start(),
            planned_arrival_on: planned.0,
            arrival_due_on: due.0,
            departed_on: departed_on.filter(|_| known(departure_at)).map(|day| day.0),
            ended_on: ended_on.map(|day| day.0),
        }
    }
}

pub(super) fn claim(row: ClaimColumns) -> ClaimRecord {
    let (id, placement, role, claimant, outcome, day, employer, region, evidence, late, recorded_at) = row;
    ClaimRecord {
        id: id.0,
        placement_id: placement.map(|id| id.0),
        role,
        claimant: claimant.0,
        outcome,
        day: day.0,
        employer: employer.map(|id| id.0),
        region,
        evidence,
        late,
        recorded_at: recorded_at.as_micros(),
    }
}
