//! What was recorded since an earlier run, and everything about the placements and persons that it touches.
//!
//! Each kind of fact has an index by the instant of its recording, or is few under one agreement. Of a dispatch and of a worker only the
//! latest change is known, so each of their placements counts as touched. What is named too much is examined for nothing and stays as it
//! was; what is not named is not looked at.

use std::collections::{BTreeSet, HashMap};

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Nullable};
use uuid::Uuid;

use super::facts::{
    Books, CLAIM, COUNTS, ClaimColumns, ClaimTypes, PLACEMENT, PlacementColumns, PlacementTypes, REPLACED, claim,
};
use super::matches;
use crate::db::{Day, DbConnection, Id, Instant, RowSet, Uid, statement};
use crate::error::Result;
use crate::reconciliation::facts::SeenSummary;
use crate::reconciliation::records::{IdentifiedPlacement, PlacementRecord, Stretch};

/// What is to be examined again.
#[derive(Debug, Default)]
pub struct Touched {
    /// Placements.
    pub placements: BTreeSet<Id>,
    /// Persons, by the exchange-wide keyed index of their ID number.
    pub persons: BTreeSet<Vec<u8>>,
}

/// Placements about which something was recorded; the agreement and the instant, twice each where two instants count.
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

/// Persons named by a claim that was recorded, matched by hand, or parted from its placement.
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

    /// How many placements of each quota were recorded as departed at that instant or later.
    pub fn departed_since(&self, connection: &mut DbConnection, since: Instant) -> Result<Vec<(Uuid, i64)>> {
        let rows: Vec<(Id, i64)> = statement(
            "select p.quota_id, count(*) from dispatch d cross join placement p where d.agreement_id = ? and d.updated_at >= ? \
             and p.agreement_id = d.agreement_id and p.dispatch_id = d.id and p.departure_recorded_at >= ? and p.departure_recorded_at < ? \
             and p.departed_on <= ? group by p.quota_id",
        )
        .bind(self.agreement_id)
        .bind(since)
        .bind(since)
        .bind(self.known_before)
        .bind(self.cut_off)
        .returning::<(Uid, BigInt)>()
        .load(connection)?;
        Ok(rows.into_iter().map(|(id, placements)| (id.0, placements)).collect())
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

    /// Some placements with what is said about each, in the form of a stretch.
    pub fn stretch_of(&self, connection: &mut DbConnection, placements: &[Id]) -> Result<Stretch> {
        let rows: Vec<PlacementColumns> = statement(format!(
            "select {PLACEMENT} from ? r cross join placement p cross join dispatch d where p.agreement_id = r.agreement_id and p.id = r.id \
             and d.agreement_id = p.agreement_id and d.id = p.dispatch_id and p.enrolled_at < ? order by p.id"
        ))
        .bind(self.keyed("id", placements))
        .bind(self.known_before)
        .returning::<PlacementTypes>()
        .load(connection)?;
        let known: Vec<PlacementRecord> = rows.into_iter().map(|row| self.placement(row, None)).collect();
        let identified = |placement: &PlacementRecord| IdentifiedPlacement {
            worker_key: Vec::new(),
            name_key: Vec::new(),
            placement: placement.clone(),
        };
        let matched = matches::of(self, connection, &known.iter().map(identified).collect::<Vec<_>>())?;
        let mut claims = matches::together(self.claims_about(connection, placements)?, matched);
        claims.sort_unstable_by_key(|claim| (claim.placement_id, claim.id));
        Ok(Stretch {
            claims,
            seen: self.seen_of(connection, placements)?,
            disputed: self.disputed_of(connection, placements)?.into_iter().map(|id| id.0).collect(),
            placements: known,
        })
    }

    fn claims_about(
        &self,
        connection: &mut DbConnection,
        placements: &[Id],
    ) -> Result<Vec<crate::reconciliation::records::ClaimRecord>> {
        let rows: Vec<ClaimColumns> = statement(format!(
            "select {CLAIM} from ? k cross join claim c {REPLACED} \
             where c.agreement_id = k.agreement_id and c.placement_id = k.id and {COUNTS} order by c.placement_id, c.id"
        ))
        .bind(self.keyed("id", placements))
        .bind(self.known_before)
        .bind(self.known_before)
        .bind(self.cut_off)
        .returning::<ClaimTypes>()
        .load(connection)?;
        Ok(rows.into_iter().map(claim).collect())
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
        .returning::<(Uid, diesel::sql_types::Text, diesel::sql_types::Text)>()
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
