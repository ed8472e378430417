//! The set-based statements of registration: one per step, however many rows.

use std::collections::HashMap;

use diesel::RunQueryDsl;
use diesel::sql_types::Binary;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::db::{Day, DbConnection, Id, RowSet, Uid, statement};
use crate::error::{Error, Result};
use crate::events::Actor;
use crate::regions::RegionCode;
use crate::workers::{GroupCode, GroupMembership, WorkerSex};

/// What the register holds of the person of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The person, if registered.
    pub worker: Option<KnownWorker>,
    /// Who has the row's reference.
    pub reference_holder: Option<Id>,
}

impl Known {
    /// Whether the reference of the row is that of another person.
    #[must_use]
    pub fn reference_belongs_to_another(&self) -> bool {
        self.reference_holder.is_some() && self.reference_holder != self.worker.as_ref().map(|worker| worker.id)
    }
}

/// A registered person, as far as a row may change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownWorker {
    /// Id.
    pub id: Id,
    /// Version of the record.
    pub version: i64,
    /// The sender's own reference.
    pub partner_ref: Option<String>,
    /// Household registration.
    pub hukou_code: RegionCode,
    /// Name, sealed.
    pub name_sealed: Vec<u8>,
    /// Phone, sealed.
    pub phone_sealed: Option<Vec<u8>>,
    /// Memberships.
    pub groups: Vec<GroupMembership>,
}

/// Lets one change of a register happen after another. SQLite has one writer; PostgreSQL takes a lock that ends with the transaction.
///
/// # Errors
/// What the database says.
pub fn lock(connection: &mut DbConnection, party_id: Id) -> Result<()> {
    if matches!(connection, DbConnection::Postgres(_)) {
        statement("select pg_advisory_xact_lock(1, hashtext(?))").bind(party_id.to_string()).run(connection)?;
    }
    Ok(())
}

/// Lets one registration or erasure in the whole exchange decide after another which rows are the same person.
///
/// # Errors
/// What the database says.
pub fn lock_persons(connection: &mut DbConnection) -> Result<()> {
    if matches!(connection, DbConnection::Postgres(_)) {
        statement("select pg_advisory_xact_lock(2, 0)").run(connection)?;
    }
    Ok(())
}

/// A wanted person and what the register holds of it.
type Row =
    (i64, Option<Id>, Option<i64>, Option<String>, Option<RegionCode>, Option<Vec<u8>>, Option<Vec<u8>>, Option<Id>);

/// Who of the wanted persons (identity index and own reference, row by row) the register holds.
///
/// # Errors
/// What the database says.
pub fn known<'a>(
    connection: &mut DbConnection,
    party_id: Id,
    wanted: impl Iterator<Item = ([u8; 32], Option<&'a str>)>,
) -> Result<Vec<Known>> {
    let wanted: Vec<([u8; 32], Option<&str>)> = wanted.collect();
    let mut known = vec![Known::default(); wanted.len()];
    if wanted.is_empty() {
        return Ok(known);
    }
    let sought = RowSet::of(&wanted)
        .shared("party_id", party_id)
        .column("identity_index", |(index, _)| *index)
        .column("partner_ref", |(_, partner_ref)| *partner_ref);
    let rows: Vec<Row> = statement(
        "select r.ordinal, w.id, w.version, w.partner_ref, w.hukou_code, w.name_sealed, w.phone_sealed, h.id from ? r \
         left join worker w on w.party_id = r.party_id and w.identity_index = r.identity_index \
         left join worker h on h.party_id = r.party_id and h.partner_ref = r.partner_ref \
         where w.id is not null or h.id is not null",
    )
    .bind(sought)
    .returning::<(
        BigInt,
        Nullable<Uid>,
        Nullable<BigInt>,
        Nullable<Text>,
        Nullable<Text>,
        Nullable<Binary>,
        Nullable<Binary>,
        Nullable<Uid>,
    )>()
    .load(connection)?;
    let ids: Vec<Id> = rows.iter().filter_map(|row| row.1).collect();
    let mut groups = groups_of(connection, party_id, &ids)?;
    for (ordinal, id, version, partner_ref, hukou_code, name_sealed, phone_sealed, reference_holder) in rows {
        let row = usize::try_from(ordinal).map_err(Error::internal)?;
        let worker = match (id, version, hukou_code, name_sealed) {
            (Some(id), Some(version), Some(hukou_code), Some(name_sealed)) => {
                let groups = groups.remove(&id).unwrap_or_default();
                Some(KnownWorker { id, version, partner_ref, hukou_code, name_sealed, phone_sealed, groups })
            }
            _ => None,
        };
        if let Some(place) = known.get_mut(row) {
            *place = Known { worker, reference_holder };
        }
    }
    Ok(known)
}

/// Memberships of workers, each worker's oldest first.
///
/// # Errors
/// What the database says.
pub fn groups_of(
    connection: &mut DbConnection,
    party_id: Id,
    workers: &[Id],
) -> Result<HashMap<Id, Vec<GroupMembership>>> {
    let mut groups: HashMap<Id, Vec<GroupMembership>> = HashMap::new();
    if workers.is_empty() {
        return Ok(groups);
    }
    let rows: Vec<(Id, GroupCode, Day, Option<Day>, String)> = statement(
        "select g.worker_id, g.group_code, g.valid_from, g.valid_to, g.source \
         from ? r cross join worker_group g where g.party_id = r.party_id and g.worker_id = r.id \
         order by g.worker_id, g.valid_from, g.group_code",
    )
    .bind(RowSet::list("id", workers.iter().copied()).shared("party_id", party_id))
    .returning::<(Uid, Text, Text, Nullable<Text>, Text)>()
    .load(connection)?;
    for (worker_id, group_code, valid_from, valid_to, source) in rows {
        groups.entry(worker_id).or_default().push(GroupMembership { group_code, valid_from, valid_to, source });
    }
    Ok(groups)
}

/// A worker to be registered.
#[derive(Debug)]
pub struct NewWorker {
    /// Id.
    pub id: Id,
    /// The sender's own reference.
    pub partner_ref: Option<String>,
    /// Name, sealed.
    pub name_sealed: Vec<u8>,
    /// Identity number, sealed.
    pub identity_sealed: Vec<u8>,
    /// Phone, sealed.
    pub phone_sealed: Option<Vec<u8>>,
    /// Index of the identity number in the register.
    pub identity_index: [u8; 32],
    /// Index of the identity number in the whole exchange.
    pub exchange_index: [u8; 32],
    /// Index of the name in the whole exchange.
    pub name_index: [u8; 32],
    /// From the identity number.
    pub sex: WorkerSex,
    /// From the identity number.
    pub birth_year: i64,
    /// Household registration.
    pub hukou_code: RegionCode,
}

/// Inserts new workers; who stands in another register already stays the same person.
///
/// # Errors
/// What the database says.
pub fn insert(connection: &mut DbConnection, actor: &Actor, workers: &[NewWorker]) -> Result<()> {
    if workers.is_empty() {
        return Ok(());
    }
    lock_persons(connection)?;
    let rows = RowSet::of(workers)
        .shared("party_id", actor.scope.party_id)
        .shared("now", actor.now)
        .column("id", |worker| worker.id)
        .column("partner_ref", |worker| worker.partner_ref.as_deref())
        .column("name_sealed", |worker| worker.name_sealed.as_slice())
        .column("identity_sealed", |worker| worker.identity_sealed.as_slice())
        .column("phone_sealed", |worker| worker.phone_sealed.as_deref())
        .column("identity_index", |worker| worker.identity_index)
        .column("exchange_index", |worker| worker.exchange_index)
        .column("name_index", |worker| worker.name_index)
        .column("sex", |worker| worker.sex)
        .column("birth_year", |worker| worker.birth_year)
        .column("hukou_code", |worker| worker.hukou_code);
    statement(
        "insert into worker (party_id, state, version, created_at, updated_at, id, partner_ref, name_sealed, identity_sealed, \
         phone_sealed, identity_index, exchange_index, person_id, name_index, sex, birth_year, hukou_code) \
         select r.party_id, 'active', 1, r.now, r.now, r.id, r.partner_ref, r.name_sealed, r.identity_sealed, \
         r.phone_sealed, r.identity_index, r.exchange_index, \
         coalesce((select w.person_id from worker w where w.exchange_index = r.exchange_index limit 1), r.id), r.name_index, r.sex, r.birth_year, r.hukou_code \
         from ? r",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}

/// What a registered person is changed to.
#[derive(Debug)]
pub struct ChangedWorker {
    /// The person.
    pub id: Id,
    /// The new version.
    pub version: i64,
    /// The sender's own reference.
    pub partner_ref: Option<String>,
    /// Name, sealed.
    pub name_sealed: Vec<u8>,
    /// Index of the name in the whole exchange.
    pub name_index: [u8; 32],
    /// Phone, sealed.
    pub phone_sealed: Option<Vec<u8>>,
    /// Household registration.
    pub hukou_code: RegionCode,
}

/// Changes known persons.
///
/// # Errors
/// What the database says.
pub fn change(connection: &mut DbConnection, actor: &Actor, workers: &[ChangedWorker]) -> Result<()> {
    if workers.is_empty() {
        return Ok(());
    }
    let rows = RowSet::of(workers)
        .shared("party_id", actor.scope.party_id)
        .column("id", |worker| worker.id)
        .column("version", |worker| worker.version)
        .column("partner_ref", |worker| worker.partner_ref.as_deref())
        .column("name_sealed", |worker| worker.name_sealed.as_slice())
        .column("name_index", |worker| worker.name_index)
        .column("phone_sealed", |worker| worker.phone_sealed.as_deref())
        .column("hukou_code", |worker| worker.hukou_code);
    statement(
        "update worker set version = r.version, partner_ref = r.partner_ref, name_sealed = r.name_sealed, name_index = r.name_index, \
         phone_sealed = r.phone_sealed, hukou_code = r.hukou_code, updated_at = ? \
         from ? r where worker.party_id = r.party_id and worker.id = r.id",
    )
    .bind(actor.now)
    .bind(rows)
    .run(connection)?;
    Ok(())
}

/// Writes memberships, each with its worker; one with a known group and first day takes the new last day and source.
///
/// # Errors
/// What the database says.
pub fn put_groups(connection: &mut DbConnection, actor: &Actor, groups: &[(Id, GroupMembership)]) -> Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    let rows = RowSet::of(groups)
        .shared("party_id", actor.scope.party_id)
        .shared("recorded_at", actor.now)
        .column("worker_id", |(worker_id, _)| *worker_id)
        .column("group_code", |(_, group)| group.group_code)
        .column("valid_from", |(_, group)| group.valid_from)
        .column("valid_to", |(_, group)| group.valid_to)
        .column("source", |(_, group)| group.source.as_str());
    // "where true" keeps SQLite from reading "on conflict" as part of a join.
    statement(
        "insert into worker_group (party_id, worker_id, group_code, valid_from, valid_to, source, recorded_at) \
         select r.party_id, r.worker_id, r.group_code, r.valid_from, r.valid_to, r.source, r.recorded_at \
         from ? r where true on conflict (party_id, worker_id, group_code, valid_from) \
         do update set valid_to = excluded.valid_to, source = excluded.source, recorded_at = excluded.recorded_at",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}
