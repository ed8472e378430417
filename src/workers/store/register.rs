//! The set-based statements of registration: one per step, however many rows.

use std::collections::HashMap;

use diesel::RunQueryDsl;
use diesel::sql_types::Binary;
use diesel::sql_types::{BigInt, Nullable, Text};
use serde_json::{Value, json};

use crate::db::{Column, Day, DbConnection, Id, Uid, statement};
use crate::error::{Error, Result};
use crate::events::Actor;
use crate::regions::RegionCode;
use crate::workers::{GroupCode, GroupMembership};

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
    let wanted: Vec<Value> = wanted.map(|(index, partner_ref)| json!([hex::encode(index), partner_ref])).collect();
    let mut known = vec![Known::default(); wanted.len()];
    if wanted.is_empty() {
        return Ok(known);
    }
    let source = connection.rows(&[("identity_index", Column::Bytes), ("partner_ref", Column::Text)]);
    let rows: Vec<Row> = statement(format!(
        "select r.ordinal, w.id, w.version, w.partner_ref, w.hukou_code, w.name_sealed, w.phone_sealed, h.id \
         from {source} r \
         left join worker w on w.party_id = ? and w.identity_index = r.identity_index \
         left join worker h on h.party_id = ? and h.partner_ref = r.partner_ref \
         where w.id is not null or h.id is not null"
    ))
    .bind(Value::Array(wanted).to_string())
    .bind(party_id)
    .bind(party_id)
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
    let source = connection.rows(&[("id", Column::Id)]);
    let ids: Vec<Value> = workers.iter().map(|id| json!([id])).collect();
    let rows: Vec<(Id, GroupCode, Day, Option<Day>, String)> = statement(format!(
        "select g.worker_id, g.group_code, g.valid_from, g.valid_to, g.source \
         from {source} r cross join worker_group g where g.party_id = ? and g.worker_id = r.id \
         order by g.worker_id, g.valid_from, g.group_code"
    ))
    .bind(Value::Array(ids).to_string())
    .bind(party_id)
    .returning::<(Uid, Text, Text, Nullable<Text>, Text)>()
    .load(connection)?;
    for (worker_id, group_code, valid_from, valid_to, source) in rows {
        groups.entry(worker_id).or_default().push(GroupMembership { group_code, valid_from, valid_to, source });
    }
    Ok(groups)
}

/// Inserts new workers; who stands in another register already stays the same person. A row: id, partner_ref, name_sealed, identity_sealed, phone_sealed, identity_index, exchange_index, name_index
/// (bytes in hexadecimal), sex, birth_year, hukou_code.
///
/// # Errors
/// What the database says.
pub fn insert(connection: &mut DbConnection, actor: &Actor, rows: Vec<Value>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    lock_persons(connection)?;
    let source = connection.rows(&[
        ("id", Column::Id),
        ("partner_ref", Column::Text),
        ("name_sealed", Column::Bytes),
        ("identity_sealed", Column::Bytes),
        ("phone_sealed", Column::Bytes),
        ("identity_index", Column::Bytes),
        ("exchange_index", Column::Bytes),
        ("name_index", Column::Bytes),
        ("sex", Column::Text),
        ("birth_year", Column::Int),
        ("hukou_code", Column::Text),
    ]);
    statement(format!(
        "insert into worker (party_id, state, version, created_at, updated_at, id, partner_ref, name_sealed, identity_sealed, \
         phone_sealed, identity_index, exchange_index, person_id, name_index, sex, birth_year, hukou_code) \
         select p.id, 'active', 1, cast(? as bigint), cast(? as bigint), r.id, r.partner_ref, r.name_sealed, r.identity_sealed, \
         r.phone_sealed, r.identity_index, r.exchange_index, \
         coalesce((select w.person_id from worker w where w.exchange_index = r.exchange_index limit 1), r.id), r.name_index, r.sex, r.birth_year, r.hukou_code \
         from {source} r join party p on p.id = ?"
    ))
    .bind(actor.now)
    .bind(actor.now)
    .bind(Value::Array(rows).to_string())
    .bind(actor.scope.party_id)
    .run(connection)?;
    Ok(())
}

/// Changes known persons. A row: id, new version, partner_ref, name_sealed, name_index, phone_sealed, hukou_code.
///
/// # Errors
/// What the database says.
pub fn change(connection: &mut DbConnection, actor: &Actor, rows: Vec<Value>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let source = connection.rows(&[
        ("id", Column::Id),
        ("version", Column::Int),
        ("partner_ref", Column::Text),
        ("name_sealed", Column::Bytes),
        ("name_index", Column::Bytes),
        ("phone_sealed", Column::Bytes),
        ("hukou_code", Column::Text),
    ]);
    let key = connection.driven_key();
    statement(format!(
        "update worker set version = r.version, partner_ref = r.partner_ref, name_sealed = r.name_sealed, name_index = r.name_index, \
         phone_sealed = r.phone_sealed, hukou_code = r.hukou_code, updated_at = ? \
         from {source} r where worker.party_id = {key} and worker.id = r.id"
    ))
    .bind(actor.now)
    .bind(Value::Array(rows).to_string())
    .bind(actor.scope.party_id)
    .run(connection)?;
    Ok(())
}

/// A membership as a row of [`put_groups`].
#[must_use]
pub fn group_row(worker_id: Id, group: &GroupMembership) -> Value {
    json!([worker_id, group.group_code, group.valid_from, group.valid_to, group.source])
}

/// Writes memberships; one with a known group and first day takes the new last day and source.
///
/// # Errors
/// What the database says.
pub fn put_groups(connection: &mut DbConnection, actor: &Actor, rows: Vec<Value>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let source = connection.rows(&[
        ("worker_id", Column::Id),
        ("group_code", Column::Text),
        ("valid_from", Column::Text),
        ("valid_to", Column::Text),
        ("source", Column::Text),
    ]);
    // "where true" keeps SQLite from reading "on conflict" as part of the join.
    statement(format!(
        "insert into worker_group (party_id, worker_id, group_code, valid_from, valid_to, source, recorded_at) \
         select p.id, r.worker_id, r.group_code, r.valid_from, r.valid_to, r.source, cast(? as bigint) \
         from {source} r join party p on p.id = ? where true \
         on conflict (party_id, worker_id, group_code, valid_from) \
         do update set valid_to = excluded.valid_to, source = excluded.source, recorded_at = excluded.recorded_at"
    ))
    .bind(actor.now)
    .bind(Value::Array(rows).to_string())
    .bind(actor.scope.party_id)
    .run(connection)?;
    Ok(())
}
