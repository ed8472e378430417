//! What was recorded since an earlier run, and everything about the placements and persons that it touches.
//!
//! Each kind of fact has an index by the instant of its recording, or is few under one agreement. Of a dispatch and of a worker only the
//! latest change is known, so each of their placements counts as touched. What is named too much is examined for nothing and stays as it
//! was; what is not named is not looked at.

use std::collections::{BTreeSet, HashMap};

use diesel::RunQueryDsl;
use diesel::sql_types::{Binary, Nullable, Text};
use uuid::Uuid;

use super::facts::{Books, PLACEMENT, PlacementColumns, PlacementTypes};
use crate::db::{Day, DbConnection, Id, Instant, RowSet, Uid, statement};
use crate::error::Result;
use crate::reconciliation::facts::SeenSummary;
use crate::reconciliation::persons::Gathering;
use crate::reconciliation::records::{ClaimRecord, PlacementRecord, Stretch};

/// What is to be examined again.
#[derive(Debug, Default)]
pub struct Touched {
    /// Placements.
    pub placements: BTreeSet<Id>,
    /// Persons, by the exchange-wide keyed index of their ID number.
    pub persons: BTreeSet<Vec<u8>>,
}

impl Touched {
    /// Whether they are so few of the rows of a run that looking them up one by one takes less time than walking through all. A look-up
    /// takes about four times as long as a step of the walk; with a hundred rows it is no matter.
    #[must_use]
    pub fn are_few_of(&self, rows: i64) -> bool {
        let touched = i64::try_from(self.placements.len() + self.persons.len()).unwrap_or(i64::MAX);
        touched < 100 || touched.saturating_mul(4) < rows
    }
}

/// Placements about which something was recorded; two binds, the agreement and the instant.
const PLACEMENTS: [&str; 7] = [
    "select placement_id from claim where agreement_id = ? and recorded_at >= ? and placement_id is not null",
    "select placement_id from observation where agreement_id = ? and recorded_at >= ?",
    "select placement_id from exit_entry where agreement_id = ? and recorded_at >= ?",
    "select placement_id from dispute where agreement_id = ? and coalesce(withdrawn_at, raised_at) >= ?",
    "select placement_id from claim_match where agreement_id = ? and coalesce(undone_at, recorded_at) >= ?",
    "select p.id from dispatch d cross join placement p where d.agreement_id = ? and d.updated_at >= ? \
     and p.agreement_id = d.agreement_id and p.dispatch_id = d.id",
    "select p.id from agreement_party a cross join worker w cross join placement p where a.agreement_id = ? and w.party_id = a.party_id \
     and w.version > 1 and w.updated_at >= ? and p.origin_id = w.party_id and p.worker_id = w.id and p.agreement_id = a.agreement_id",
];

/// Persons named by a claim that was recorded, matched by hand, or parted from its placement; the same binds.
const PERSONS: [&str; 2] = [
    "select exchange_index from claim where agreement_id = ? and recorded_at >= ? and placement_id is null and exchange_index is not null",
    "select c.exchange_index from claim_match m join claim c on c.agreement_id = m.agreement_id and c.id = m.claim_id \
     where m.agreement_id = ? and coalesce(m.undone_at, m.recorded_at) >= ? and c.exchange_index is not null",
];

impl Books {
    /// The placements and persons about whom anything was recorded at that instant or later.
    pub fn touched_since(&self, connection: &mut DbConnection, since: Instant) -> Result<Touched> {
        let mut touched = Touched::default();
        for text in PLACEMENTS {
            let ids: Vec<Id> =
                statement(text).bind(self.agreement_id).bind(since).returning::<Uid>().load(connection)?;
            touched.placements.extend(ids);
        }
        for text in PERSONS {
            let keys: Vec<Vec<u8>> =
                statement(text).bind(self.agreement_id).bind(since).returning::<Binary>().load(connection)?;
            touched.persons.extend(keys);
        }
        Ok(touched)
    }

    /// The persons of placements; none of those whose identity was erased.
    pub fn persons_of(&self, connection: &mut DbConnection, placements: &[Id]) -> Result<HashMap<Id, Option<Vec<u8>>>> {
        let rows: Vec<(Id, Option<Vec<u8>>)> = statement(
            "select p.id, w.exchange_index from ? r cross join placement p cross join worker w \
             where p.agreement_id = r.agreement_id and p.id = r.id and w.party_id = p.origin_id and w.id = p.worker_id",
        )
        .bind(self.keyed("id", placements))
        .returning::<(Uid, Nullable<Binary>)>()
        .load(connection)?;
        Ok(rows.into_iter().collect())
    }

    /// The persons named by claims.
    pub fn persons_named_in(&self, connection: &mut DbConnection, claims: &[Id]) -> Result<Vec<Vec<u8>>> {
        Ok(statement(
            "select c.exchange_index from ? r cross join claim c where c.agreement_id = r.agreement_id and c.id = r.id \
             and c.placement_id is null and c.exchange_index is not null",
        )
        .bind(self.keyed("id", claims))
        .returning::<Binary>()
        .load(connection)?)
    }

    /// Every claim that names one of these persons, replaced ones too.
    pub fn claims_naming_any(&self, connection: &mut DbConnection, persons: &[Vec<u8>]) -> Result<Vec<Id>> {
        let named =
            RowSet::list("worker_key", persons.iter().map(Vec::as_slice)).shared("agreement_id", self.agreement_id);
        Ok(statement(
            "select c.id from ? k cross join claim c where c.agreement_id = k.agreement_id and c.exchange_index = k.worker_key \
             and c.placement_id is null",
        )
        .bind(named)
        .returning::<Uid>()
        .load(connection)?)
    }

    /// Some placements with what is said about each, in the form of a stretch; what was gathered of them is not read again.
    pub fn stretch_of(&self, connection: &mut DbConnection, gathering: &Gathering, wanted: &[Id]) -> Result<Stretch> {
        let mut missing: BTreeSet<Id> = wanted.iter().copied().collect();
        let gathered = gathering.placements.iter().map(|row| &row.placement);
        let mut placements: Vec<PlacementRecord> =
            gathered.filter(|placement| missing.remove(&Id(placement.id))).cloned().collect();
        let about = |placement: &PlacementRecord| gathering.claims.get(&placement.id).cloned().unwrap_or_default();
        let mut claims: Vec<ClaimRecord> = placements.iter().flat_map(about).collect();
        if !missing.is_empty() {
            let missing = Vec::from_iter(missing);
            placements.extend(self.placements(connection, &missing)?);
            claims.extend(self.claims_about(connection, &missing)?);
        }
        placements.sort_unstable_by_key(|placement| placement.id);
        claims.sort_unstable_by_key(|claim| (claim.placement_id, claim.id));
        let ids: Vec<Id> = placements.iter().map(|placement| Id(placement.id)).collect();
        let disputed = self.disputed_of(connection, &ids)?.into_iter().map(|id| id.0).collect();
        Ok(Stretch { claims, seen: self.seen_of(connection, &ids)?, disputed, placements })
    }

    fn placements(&self, connection: &mut DbConnection, ids: &[Id]) -> Result<Vec<PlacementRecord>> {
        let rows: Vec<PlacementColumns> = statement(format!(
            "select {PLACEMENT} from ? r cross join placement p cross join dispatch d where p.agreement_id = r.agreement_id and p.id = r.id \
             and d.agreement_id = p.agreement_id and d.id = p.dispatch_id and p.enrolled_at < ?"
        ))
        .bind(self.keyed("id", ids))
        .bind(self.known_before)
        .returning::<PlacementTypes>()
        .load(connection)?;
        Ok(rows.into_iter().map(|row| self.placement(row, None)).collect())
    }

    fn seen_of(&self, connection: &mut DbConnection, placements: &[Id]) -> Result<HashMap<Uuid, SeenSummary>> {
        let rows: Vec<(Id, Day, Day)> = statement(
            "select o.placement_id, min(o.seen_from), max(o.seen_to) from ? r cross join observation o \
             where o.agreement_id = r.agreement_id and o.placement_id = r.id and o.in_post and o.recorded_at < ? and o.seen_from <= ? \
             group by o.placement_id",
        )
        .bind(self.keyed("id", placements))
        .bind(self.known_before)
        .bind(self.cut_off)
        .returning::<(Uid, Text, Text)>()
        .load(connection)?;
        Ok(rows.into_iter().map(|row| self.seen(row)).collect())
    }

    fn disputed_of(&self, connection: &mut DbConnection, placements: &[Id]) -> Result<Vec<Id>> {
        Ok(statement(
            "select distinct o.placement_id from ? r cross join dispute o where o.agreement_id = r.agreement_id and o.placement_id = r.id \
             and o.raised_at < ? and (o.withdrawn_at is null or o.withdrawn_at >= ?)",
        )
        .bind(self.keyed("id", placements))
        .bind(self.known_before)
        .bind(self.known_before)
        .returning::<Uid>()
        .load(connection)?)
    }

    fn keyed(&self, name: &'static str, ids: &[Id]) -> RowSet<Id> {
        RowSet::list(name, ids.iter().copied()).shared("agreement_id", self.agreement_id)
    }
}
