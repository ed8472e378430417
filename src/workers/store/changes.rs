//! Changes of one worker's record: correction, a membership, erasure.

use diesel::sql_types::BigInt;
use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
use serde_json::json;

use super::{WorkerRow, register, row, worker as read_worker};
use crate::db::schema::{worker, worker_group};
use crate::db::{DbConnection, Id, statement};
use crate::error::{Code, Error, Result};
use crate::events::{self, Actor, Chain, NewEvent};
use crate::http::extract::IfMatch;
use crate::lifecycle;
use crate::regions::RegionCode;
use crate::seal::KeyRing;
use crate::workers::person_name::PersonName;
use crate::workers::phone::Phone;
use crate::workers::sealing::{self, SealedField};
use crate::workers::{
    ErasureReason, GroupMembership, TRANSITIONS, Worker, WorkerAction, WorkerSex, WorkerState, rules,
};

/// A correction, read and valid; what is absent stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Correction {
    /// Name.
    pub name: Option<PersonName>,
    /// Mobile number, or none.
    pub phone: Option<Option<Phone>>,
    /// Household registration.
    pub hukou_code: Option<RegionCode>,
    /// The sender's own reference, or none.
    pub partner_ref: Option<Option<String>>,
}

/// The row of a worker whose record may change, with the register locked.
fn active(connection: &mut DbConnection, actor: &Actor, worker_id: Id, version: IfMatch) -> Result<WorkerRow> {
    register::lock(connection, actor.scope.party_id)?;
    let row = row(connection, actor.scope.party_id, worker_id)?;
    if row.state == WorkerState::Erased {
        return Err(Error::new(Code::WorkerErased));
    }
    version.check(row.version)?;
    Ok(row)
}

/// Corrects a record. A correction that says nothing new writes nothing.
///
/// # Errors
/// Not found, [`Code::WorkerErased`], [`Code::PreconditionFailed`], [`Code::PartnerRefTaken`].
pub fn correct(
    connection: &mut DbConnection,
    keys: &KeyRing,
    actor: &Actor,
    worker_id: Id,
    version: IfMatch,
    correction: Correction,
) -> Result<Worker> {
    let held = active(connection, actor, worker_id, version)?;
    let opened = held.open(keys)?;
    let name = correction.name.filter(|name| opened.name.as_deref() != Some(name.as_str()));
    let phone = correction.phone.filter(|phone| opened.phone.as_deref() != phone.as_ref().map(Phone::as_str));
    let hukou_code = correction.hukou_code.filter(|code| *code != held.hukou_code);
    let partner_ref = correction.partner_ref.filter(|reference| *reference != held.partner_ref);
    let changed: Vec<&str> = [
        ("name", name.is_some()),
        ("phone", phone.is_some()),
        ("hukou_code", hukou_code.is_some()),
        ("partner_ref", partner_ref.is_some()),
    ]
    .into_iter()
    .filter_map(|(field, changed)| changed.then_some(field))
    .collect();
    if changed.is_empty() {
        return read_worker(connection, keys, actor.scope.party_id, worker_id);
    }
    let sealed_name = name.as_ref().map(|name| SealedField::Name.seal(keys, worker_id, name.as_str())).transpose()?;
    let sealed_phone = match phone {
        Some(Some(phone)) => Some(Some(SealedField::Phone.seal(keys, worker_id, phone.as_str())?)),
        Some(None) => Some(None),
        None => None,
    };
    let version = lifecycle::step(TRANSITIONS, held.state, WorkerAction::Change).map(|_| held.version + 1)?;
    diesel::update(worker::table.filter(worker::party_id.eq(actor.scope.party_id)).filter(worker::id.eq(worker_id)))
        .set((
            sealed_name.map(|sealed| worker::name_sealed.eq(Some(sealed))),
            name.map(|name| worker::name_index.eq(Some(sealing::name_index(keys, &name).to_vec()))),
            sealed_phone.map(|sealed| worker::phone_sealed.eq(sealed)),
            hukou_code.map(|code| worker::hukou_code.eq(code)),
            partner_ref.map(|reference| worker::partner_ref.eq(reference)),
            worker::version.eq(version),
            worker::updated_at.eq(actor.now),
        ))
        .execute(connection)?;
    record(connection, actor, "worker.changed", worker_id, version, json!({ "changed": changed }))?;
    read_worker(connection, keys, actor.scope.party_id, worker_id)
}

/// Adds a membership, or gives a known one (same group, same first day) another last day or source.
///
/// # Errors
/// Not found, [`Code::WorkerErased`], [`Code::PreconditionFailed`], [`Code::FieldInvalid`] when it overlaps with another of its group.
pub fn add_group(
    connection: &mut DbConnection,
    keys: &KeyRing,
    actor: &Actor,
    worker_id: Id,
    version: IfMatch,
    group: GroupMembership,
) -> Result<Worker> {
    let held = active(connection, actor, worker_id, version)?;
    let party_id = actor.scope.party_id;
    let known = register::groups_of(connection, party_id, &[worker_id])?.remove(&worker_id).unwrap_or_default();
    let to_write = rules::add_group(&known, group).map_err(|faults| Error::new(Code::FieldInvalid).faults(faults))?;
    if let Some(group) = to_write {
        let version = lifecycle::step(TRANSITIONS, held.state, WorkerAction::Change).map(|_| held.version + 1)?;
        register::put_groups(connection, actor, &[(worker_id, group)])?;
        diesel::update(worker::table.filter(worker::party_id.eq(party_id)).filter(worker::id.eq(worker_id)))
            .set((worker::version.eq(version), worker::updated_at.eq(actor.now)))
            .execute(connection)?;
        record(connection, actor, "worker.changed", worker_id, version, json!({ "changed": ["groups"] }))?;
    }
    read_worker(connection, keys, party_id, worker_id)
}

/// Erases a worker's identity: sealed values, indexes, reference, memberships, sex and birth year. Placements and totals stay.
///
/// # Errors
/// Not found, [`Code::WorkerErased`], [`Code::PreconditionFailed`], [`Code::TransitionNotAllowed`] while one of the party's own
/// placements of the worker is open.
pub fn erase(
    connection: &mut DbConnection,
    keys: &KeyRing,
    actor: &Actor,
    worker_id: Id,
    version: IfMatch,
    reason: ErasureReason,
) -> Result<Worker> {
    let party_id = actor.scope.party_id;
    let held = active(connection, actor, worker_id, version)?;
    hold(connection, party_id, worker_id)?;
    register::lock_persons(connection)?;
    let state = lifecycle::step(TRANSITIONS, held.state, WorkerAction::Erase)?;
    refuse_while_placed(connection, party_id, &held)?;
    let version = held.version + 1;
    let nothing: Option<Vec<u8>> = None;
    diesel::update(worker::table.filter(worker::party_id.eq(party_id)).filter(worker::id.eq(worker_id)))
        .set((
            worker::state.eq(state),
            worker::partner_ref.eq(None::<String>),
            worker::name_sealed.eq(nothing.clone()),
            worker::identity_sealed.eq(nothing.clone()),
            worker::phone_sealed.eq(nothing.clone()),
            worker::identity_index.eq(nothing.clone()),
            worker::exchange_index.eq(nothing.clone()),
            worker::name_index.eq(nothing),
            worker::sex.eq(WorkerSex::Unknown),
            worker::birth_year.eq(None::<i64>),
            worker::version.eq(version),
            worker::updated_at.eq(actor.now),
        ))
        .execute(connection)?;
    let memberships = worker_group::table.filter(worker_group::party_id.eq(party_id));
    diesel::delete(memberships.filter(worker_group::worker_id.eq(worker_id))).execute(connection)?;
    record(connection, actor, "worker.erased", worker_id, version, json!({ "reason": reason }))?;
    read_worker(connection, keys, party_id, worker_id)
}

/// Waits for rosters that have found the worker but not committed yet; see [`super::resolve`].
fn hold(connection: &mut DbConnection, party_id: Id, worker_id: Id) -> Result<()> {
    let lock = connection.row_lock();
    if !lock.is_empty() {
        statement(format!("select version from worker where party_id = ? and id = ?{lock}"))
            .bind(party_id)
            .bind(worker_id)
            .returning::<BigInt>()
            .load::<i64>(connection)?;
    }
    Ok(())
}

/// Only the party's own placements count: that another county has placed the same person must not show here.
fn refuse_while_placed(connection: &mut DbConnection, party_id: Id, held: &WorkerRow) -> Result<()> {
    let open: Vec<i64> = statement(
        "select cast(count(*) as bigint) from open_placement o \
         join placement p on p.agreement_id = o.agreement_id and p.id = o.placement_id \
         where o.person_id = ? and p.origin_id = ? and p.worker_id = ?",
    )
    .bind(held.person_id)
    .bind(party_id)
    .bind(held.id)
    .returning::<BigInt>()
    .load(connection)?;
    if open.iter().sum::<i64>() == 0 {
        return Ok(());
    }
    let allowed: Vec<&str> = vec![WorkerAction::Change.as_str()];
    Err(Error::new(Code::TransitionNotAllowed)
        .detail("the worker has an open placement; end or cancel it first", "该人员有未结束的安置，请先结束或取消")
        .param("state", held.state.as_str())
        .param("allowed_actions", allowed))
}

/// Records an event of one worker in the chain of its party.
///
/// # Errors
/// What the database says.
pub fn record(
    connection: &mut DbConnection,
    actor: &Actor,
    kind: &'static str,
    worker_id: Id,
    version: i64,
    payload: serde_json::Value,
) -> Result<()> {
    let event = NewEvent {
        kind,
        chain: Chain::Party(actor.scope.party_id),
        subject_kind: "worker",
        subject_id: worker_id,
        subject_version: version,
        employer_id: None,
        payload,
    };
    events::log::record(connection, actor, event)
}
