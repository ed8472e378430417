//! Queries of retention: the facts of placements, set by set, never one by one.

pub mod exits;

use std::collections::{BTreeSet, HashMap};

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};

use super::admission::KnownEmployer;
use super::facts::ExitReason;
use super::history::{History, Placed};
use super::records::{Observation, PlacementName, Reporter, ReporterRole, Spell};
use super::spell_book::Ended;
use crate::agreements::{self, PartyRole};
use crate::db::{Day, DbConnection, Id, RowSet, Uid, statement};
use crate::error::{Code, Result};
use crate::identity::Scope;
use crate::regions::RegionCode;

/// In which capacity the caller reports under an agreement: as a party of it, or as an employer of one of its placements.
///
/// # Errors
/// [`Code::NotFound`] for everybody else.
pub fn reporter(connection: &mut DbConnection, scope: &Scope, agreement_id: Id) -> Result<Reporter> {
    let role = match agreements::store::readable(connection, scope, agreement_id) {
        Ok(Some(PartyRole::Origin)) => ReporterRole::Origin,
        Ok(Some(PartyRole::Destination)) => ReporterRole::Destination,
        Ok(Some(PartyRole::Station)) => ReporterRole::Station,
        Ok(None) => ReporterRole::Employer,
        Err(error) if error.code == Code::NotFound && employs(connection, agreement_id, scope.party_id)? => {
            ReporterRole::Employer
        }
        Err(error) => return Err(error),
    };
    Ok(Reporter { party_id: scope.party_id, role })
}

/// Whether a party that no quota names took a worker of the agreement over.
fn employs(connection: &mut DbConnection, agreement_id: Id, party_id: Id) -> Result<bool> {
    let found: Vec<Id> = statement(
        "select s.placement_id from employment_spell s where s.employer_id = ? and s.agreement_id = ? \
         union select p.id from placement p where p.agreement_id = ? and p.real_employer_id = ? limit 1",
    )
    .bind(party_id)
    .bind(agreement_id)
    .bind(agreement_id)
    .bind(party_id)
    .returning::<Uid>()
    .load(connection)?;
    Ok(!found.is_empty())
}

/// One reporter at a time: what two files say about one placement is weighed in order. The tallies take the same lock.
pub fn lock(connection: &mut DbConnection, agreement_id: Id) -> Result<()> {
    let lock = connection.row_lock();
    let _: Vec<Id> = statement(format!("select id from agreement where id = ?{lock}"))
        .bind(agreement_id)
        .returning::<Uid>()
        .load(connection)?;
    Ok(())
}

/// What the names of placements stand for: none, one, or several; in the order of the names.
pub fn resolve(
    connection: &mut DbConnection,
    agreement_id: Id,
    reporter: Reporter,
    names: &[PlacementName],
) -> Result<Vec<Vec<Id>>> {
    let mut found: Vec<Vec<Id>> = names.iter().map(|name| name.id.into_iter().collect()).collect();
    let references: BTreeSet<&str> =
        names.iter().filter(|name| name.id.is_none()).filter_map(|name| name.reference.as_deref()).collect();
    if references.is_empty() {
        return Ok(found);
    }
    let matches: Vec<(String, Id, Id)> = statement(
        "select r.reference, p.id, p.origin_id from ? r cross join placement p \
         where p.agreement_id = r.agreement_id and p.partner_ref = r.reference order by p.id",
    )
    .bind(RowSet::list("reference", references).shared("agreement_id", agreement_id))
    .returning::<(Text, Uid, Uid)>()
    .load(connection)?;
    let mut by_reference: HashMap<String, Vec<Id>> = HashMap::new();
    for (reference, id, origin_id) in matches {
        if reporter.role != ReporterRole::Origin || origin_id == reporter.party_id {
            by_reference.entry(reference).or_default().push(id);
        }
    }
    for (name, ids) in names.iter().zip(&mut found) {
        if let (None, Some(reference)) = (name.id, &name.reference) {
            ids.extend(by_reference.get(reference).into_iter().flatten());
        }
    }
    Ok(found)
}

type PlacedRow = (Id, Id, Id, Id, Id, Id, String, i64, Option<Day>, Option<Day>, Option<String>, Option<Day>);
type PlacedTypes =
    (Uid, Uid, Uid, Uid, Uid, Uid, Text, BigInt, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>);

const PLACED: &str = "p.id, p.origin_id, p.worker_id, p.destination_id, p.employer_id, coalesce(p.real_employer_id, p.employer_id), \
    coalesce(p.real_region_code, q.region_code), p.plan_year, p.onboarded_on, p.ended_on, p.end_reason, \
    (select min(g.valid_from) from worker_group g where g.party_id = p.origin_id and g.worker_id = p.worker_id \
     and g.group_code = p.group_code and g.group_code <> 'ordinary' and (g.valid_to is null or g.valid_to >= p.onboarded_on))";

fn placed(row: PlacedRow) -> Placed {
    let (id, origin_id, worker_id, destination_id, planned_employer_id, employer_id, region_code, ..) = row;
    let (.., plan_year, onboarded_on, ended_on, end_reason, listed_on) = row;
    let reason = end_reason.and_then(|reason| ExitReason::from_text(&reason)).unwrap_or(ExitReason::Other);
    Placed {
        id,
        origin_id,
        worker_id,
        destination_id,
        planned_employer_id,
        employer_id,
        region_code,
        plan_year,
        onboarded_on,
        ended: ended_on.map(|on| Ended { on, reason }),
        listed_on,
    }
}

/// The placements of ids with everything recorded about them; unknown ids and rosters that have not left are missing.
pub fn histories(connection: &mut DbConnection, agreement_id: Id, ids: &[Id]) -> Result<HashMap<Id, History>> {
    let unique: BTreeSet<Id> = ids.iter().copied().collect();
    if unique.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = RowSet::list("id", unique).shared("agreement_id", agreement_id);
    let rows: Vec<PlacedRow> = statement(format!(
        "select {PLACED} from ? r cross join placement p join quota q on q.agreement_id = p.agreement_id and q.id = p.quota_id \
         where p.agreement_id = r.agreement_id and p.id = r.id and p.departed_on is not null"
    ))
    .bind(ids.clone())
    .returning::<PlacedTypes>()
    .load(connection)?;
    let mut histories: HashMap<Id, History> = rows
        .into_iter()
        .map(|row| (row.0, History { placed: placed(row), spells: Vec::new(), observations: Vec::new() }))
        .collect();
    for spell in spells_of(connection, ids.clone())? {
        if let Some(history) = histories.get_mut(&spell.placement_id) {
            history.spells.push(spell);
        }
    }
    for seen in observations_of(connection, ids)? {
        if let Some(history) = histories.get_mut(&seen.placement_id) {
            history.observations.push(seen);
        }
    }
    Ok(histories)
}

type SpellTypes = (Uid, Uid, Nullable<Uid>, Text, Text, Nullable<Text>, Text, Nullable<Text>, Uid, BigInt);

fn spells_of(connection: &mut DbConnection, ids: RowSet<Id>) -> Result<Vec<Spell>> {
    Ok(statement(
        "select s.id, s.placement_id, s.employer_id, s.region_code, s.started_on, s.ended_on, s.grain, s.end_reason, s.reported_by, s.recorded_at \
         from ? r cross join employment_spell s where s.agreement_id = r.agreement_id and s.placement_id = r.id order by s.started_on, s.id",
    )
    .bind(ids)
    .returning::<SpellTypes>()
    .load(connection)?)
}

type ObservationTypes = (
    Uid,
    Uid,
    Uid,
    Nullable<Text>,
    Bool,
    Text,
    Text,
    Nullable<Uid>,
    Nullable<Text>,
    Text,
    Text,
    Nullable<BigInt>,
    Binary,
    BigInt,
);

fn observations_of(connection: &mut DbConnection, ids: RowSet<Id>) -> Result<Vec<Observation>> {
    Ok(statement(
        "select o.id, o.placement_id, o.observer_id, o.client_ref, o.in_post, o.seen_from, o.seen_to, o.employer_id, o.region_code, o.evidence, \
         o.source, o.monthly_wage_fen, o.content_hash, o.recorded_at \
         from ? r cross join observation o where o.agreement_id = r.agreement_id and o.placement_id = r.id order by o.id",
    )
    .bind(ids)
    .returning::<ObservationTypes>()
    .load(connection)?)
}

/// Those of the placements about which anything was observed or reported after the arrival.
pub fn with_facts(connection: &mut DbConnection, agreement_id: Id, ids: &[Id]) -> Result<Vec<Id>> {
    Ok(statement(
        "select r.id from ? r where exists (select 1 from observation o where o.agreement_id = r.agreement_id and o.placement_id = r.id) \
         or exists (select 1 from employment_spell s where s.agreement_id = r.agreement_id and s.placement_id = r.id)",
    )
    .bind(RowSet::list("id", ids.iter().copied()).shared("agreement_id", agreement_id))
    .returning::<Uid>()
    .load(connection)?)
}

/// What references of one observer already stand for: the observation and the hash of its content.
pub fn taken_references(
    connection: &mut DbConnection,
    observer_id: Id,
    references: &BTreeSet<&str>,
) -> Result<HashMap<String, (Id, Vec<u8>)>> {
    if references.is_empty() {
        return Ok(HashMap::new());
    }
    let found: Vec<(String, Id, Vec<u8>)> = statement(
        "select r.reference, o.id, o.content_hash from ? r cross join observation o where o.observer_id = r.observer_id and o.client_ref = r.reference",
    )
    .bind(RowSet::list("reference", references.iter().copied()).shared("observer_id", observer_id))
    .returning::<(Text, Uid, Binary)>()
    .load(connection)?;
    Ok(found.into_iter().map(|(reference, id, hash)| (reference, (id, hash))).collect())
}

/// The registered employers among these parties.
pub fn employers(connection: &mut DbConnection, ids: &BTreeSet<Id>) -> Result<HashMap<Id, KnownEmployer>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found: Vec<(Id, Option<RegionCode>)> =
        statement("select p.id, p.region_code from ? r cross join party p where p.id = r.id and p.kind = 'employer'")
            .bind(RowSet::list("id", ids.iter().copied()))
            .returning::<(Uid, Nullable<Text>)>()
            .load(connection)?;
    Ok(found.into_iter().map(|(id, region_code)| (id, KnownEmployer { region_code })).collect())
}

/// Writes observations.
pub fn insert_observations(connection: &mut DbConnection, agreement_id: Id, new: &[Observation]) -> Result<()> {
    let rows = RowSet::of(new)
        .shared("agreement_id", agreement_id)
        .column("id", |seen| seen.id)
        .column("placement_id", |seen| seen.placement_id)
        .column("observer_id", |seen| seen.observer_id)
        .column("client_ref", |seen| seen.client_ref.as_deref())
        .column("in_post", |seen| seen.in_post)
        .column("seen_from", |seen| seen.seen_from)
        .column("seen_to", |seen| seen.seen_to)
        .column("employer_id", |seen| seen.employer_id)
        .column("region_code", |seen| seen.region_code.as_deref())
        .column("evidence", |seen| seen.evidence)
        .column("source", |seen| seen.source)
        .column("monthly_wage_fen", |seen| seen.monthly_wage_fen)
        .column("content_hash", |seen| seen.content_hash.as_slice())
        .column("recorded_at", |seen| seen.recorded_at);
    statement(
        "insert into observation (agreement_id, id, placement_id, observer_id, client_ref, in_post, seen_from, seen_to, employer_id, region_code, \
         evidence, source, monthly_wage_fen, content_hash, recorded_at) \
         select r.agreement_id, r.id, r.placement_id, r.observer_id, r.client_ref, r.in_post, r.seen_from, r.seen_to, r.employer_id, r.region_code, \
         r.evidence, r.source, r.monthly_wage_fen, r.content_hash, r.recorded_at from ? r",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}

fn spell_rows(agreement_id: Id, spells: &[Spell]) -> RowSet<&Spell> {
    RowSet::of(spells)
        .shared("agreement_id", agreement_id)
        .column("id", |spell| spell.id)
        .column("placement_id", |spell| spell.placement_id)
        .column("employer_id", |spell| spell.employer_id)
        .column("region_code", |spell| spell.region_code.as_str())
        .column("started_on", |spell| spell.started_on)
        .column("ended_on", |spell| spell.ended_on)
        .column("grain", |spell| spell.grain)
        .column("end_reason", |spell| spell.end_reason)
        .column("reported_by", |spell| spell.reported_by)
        .column("recorded_at", |spell| spell.recorded_at)
}

/// Writes new spells and rewrites changed ones.
pub fn write_spells(connection: &mut DbConnection, agreement_id: Id, new: &[Spell], changed: &[Spell]) -> Result<()> {
    if !changed.is_empty() {
        statement(
            "update employment_spell set ended_on = r.ended_on, grain = r.grain, end_reason = r.end_reason, reported_by = r.reported_by from ? r \
             where employment_spell.agreement_id = r.agreement_id and employment_spell.id = r.id",
        )
        .bind(spell_rows(agreement_id, changed))
        .run(connection)?;
    }
    if !new.is_empty() {
        statement(
            "insert into employment_spell (agreement_id, id, placement_id, employer_id, region_code, started_on, ended_on, grain, end_reason, reported_by, recorded_at) \
             select r.agreement_id, r.id, r.placement_id, r.employer_id, r.region_code, r.started_on, r.ended_on, r.grain, r.end_reason, r.reported_by, r.recorded_at \
             from ? r",
        )
        .bind(spell_rows(agreement_id, new))
        .run(connection)?;
    }
    Ok(())
}

/// The version of the agreement's figures, which every command that changes them counts up.
pub fn figures_version(connection: &mut DbConnection, agreement_id: Id) -> Result<i64> {
    Ok(statement("select tally_version from agreement where id = ?")
        .bind(agreement_id)
        .returning::<BigInt>()
        .get_result(connection)?)
}
