//! What is known of persons, opened for a comparison in memory and shown to nobody.

use diesel::prelude::*;
use diesel::sql_types::{Binary, Nullable, Text};

use crate::arrivals::ClaimantRole;
use crate::arrivals::store::name_place;
use crate::db::{Day, DbConnection, Id, RowSet, Uid, statement};
use crate::error::{Error, Result};
use crate::seal::{KeyRing, Sensitive};
use crate::workers::sealing::SealedField;

/// Announced rows compared with one claim at the most.
const COMPARED_AT_MOST: i64 = 2_000;

/// A person as one side has it.
#[derive(Debug)]
pub struct Known {
    /// The claim or the placement.
    pub id: Id,
    /// The name; none once erased.
    pub name: Option<Sensitive<String>>,
    /// Keyed index of the number, which is compared in its place.
    pub number: Option<Vec<u8>>,
    /// The day of the arrival, claimed or planned.
    pub day: Day,
    /// The employer.
    pub employer: Option<Id>,
    /// The region of the workplace.
    pub region: Option<String>,
}

const ANNOUNCED: &str =
    "select p.id, p.worker_id, w.name_sealed, w.exchange_index, d.planned_arrival_on, p.employer_id, q.region_code";
const JOINED: &str = "join dispatch d on d.agreement_id = p.agreement_id and d.id = p.dispatch_id \
                      join worker w on w.party_id = p.origin_id and w.id = p.worker_id \
                      join quota q on q.agreement_id = p.agreement_id and q.id = p.quota_id";
type Announced = (Id, Id, Option<Vec<u8>>, Option<Vec<u8>>, Day, Id, String);
type AnnouncedTypes = (Uid, Uid, Nullable<Binary>, Nullable<Binary>, Text, Uid, Text);

fn announced(keys: &KeyRing, rows: Vec<Announced>) -> Result<Vec<Known>> {
    rows.into_iter()
        .map(|(id, worker_id, name, number, day, employer, region)| {
            let name = name.map(|sealed| SealedField::Name.open(keys, worker_id, &sealed)).transpose()?;
            Ok(Known { id, name, number, day, employer: Some(employer), region: Some(region) })
        })
        .collect()
}

/// These placements.
pub fn placements(connection: &mut DbConnection, keys: &KeyRing, agreement_id: Id, ids: &[Id]) -> Result<Vec<Known>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Announced> = statement(format!(
        "{ANNOUNCED} from ? r cross join placement p {JOINED} where p.agreement_id = r.agreement_id and p.id = r.id"
    ))
    .bind(RowSet::list("id", ids.iter().copied()).shared("agreement_id", agreement_id))
    .returning::<AnnouncedTypes>()
    .load(connection)?;
    announced(keys, rows)
}

/// The placements of a season that have departed and of which nobody has said what became of them.
pub fn unclaimed(
    connection: &mut DbConnection,
    keys: &KeyRing,
    agreement_id: Id,
    (from, to): (Day, Day),
) -> Result<Vec<Known>> {
    let rows: Vec<Announced> = statement(format!(
        "{ANNOUNCED} from placement p {JOINED} where p.agreement_id = ? and p.state = 'departed' and d.planned_arrival_on >= ? \
         and d.planned_arrival_on <= ? and not exists (select 1 from claim_match m where m.agreement_id = p.agreement_id \
         and m.placement_id = p.id and m.undone_at is null) order by p.id limit ?"
    ))
    .bind(agreement_id)
    .bind(from)
    .bind(to)
    .bind(COMPARED_AT_MOST)
    .returning::<AnnouncedTypes>()
    .load(connection)?;
    announced(keys, rows)
}

type Claimed = (Option<Vec<u8>>, Option<Vec<u8>>, Day, ClaimantRole, Id, Option<Id>, Option<String>);

/// The person a claim names; none where the claim is about a placement.
pub fn claimed(connection: &mut DbConnection, keys: &KeyRing, agreement_id: Id, id: Id) -> Result<Option<Known>> {
    let found: Option<Claimed> = statement(
        "select name_sealed, exchange_index, happened_on, claimant_role, claimant_id, employer_id, region_code from claim \
         where agreement_id = ? and id = ?",
    )
    .bind(agreement_id)
    .bind(id)
    .returning::<(Nullable<Binary>, Nullable<Binary>, Text, Text, Uid, Nullable<Uid>, Nullable<Text>)>()
    .get_result(connection)
    .optional()?;
    let Some((Some(sealed), number, day, role, claimant, employer, region)) = found else { return Ok(None) };
    let name = keys.open(name_place(id), &sealed).map_err(|error| Error::internal(error.code()))?;
    let own = (role == ClaimantRole::Employer).then_some(claimant);
    Ok(Some(Known { id, name: Some(name), number, day, employer: employer.or(own), region }))
}
