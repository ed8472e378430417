//! Appending to the chains, and checking them.

use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{OptionalExtension, QueryResult, RunQueryDsl};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Actor, Chain, NewEvent};
use crate::db::{Column, DbConnection, Id, Instant, Uid, statement};
use crate::error::{Error, Result};

/// What the first entry of a chain has in place of a predecessor.
const GENESIS: [u8; 32] = [0; 32];

/// Records one event in the transaction at hand.
///
/// # Errors
/// What the database says.
pub fn record(connection: &mut DbConnection, actor: &Actor, event: NewEvent) -> Result<()> {
    record_all(connection, actor, vec![event])
}

/// Records events of one chain, in order, in the transaction at hand.
///
/// # Errors
/// What the database says; events of different chains in one call are a bug.
pub fn record_all(connection: &mut DbConnection, actor: &Actor, events: Vec<NewEvent>) -> Result<()> {
    let Some(chain) = events.first().map(|event| event.chain) else { return Ok(()) };
    if events.iter().any(|event| event.chain != chain) {
        return Err(Error::internal("events of one call must lie in one chain"));
    }
    let head = lock_head(connection, chain)?;
    let fresh = head.is_none();
    let (mut sequence, mut hash) = head.unwrap_or((0, GENESIS));
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        sequence += 1;
        let id = Id::new();
        let salt: [u8; 16] = *uuid::Uuid::new_v4().as_bytes();
        let payload = payload_text(&event);
        let commitment = commitment_of(&salt, &payload);
        let previous = hash;
        hash = hash_of(&previous, chain.id(), sequence, id, event.kind, actor.now, &commitment);
        rows.push(json!([
            sequence,
            id,
            event.kind,
            event.subject_kind,
            event.subject_id,
            event.subject_version,
            event.employer_id,
            hex::encode(commitment),
            hex::encode(previous),
            hex::encode(hash),
            hex::encode(salt),
            payload
        ]));
    }
    insert_rows(connection, actor, chain, rows)?;
    let update = if fresh {
        statement("insert into chain_head (sequence, hash, chain_id, chain_kind) values (?, ?, ?, ?)")
    } else {
        statement("update chain_head set sequence = ?, hash = ? where chain_id = ? and chain_kind = ?")
    };
    update.bind(sequence).bind(hash.as_slice()).bind(chain.id()).bind(chain.kind()).run(connection)?;
    Ok(())
}

/// The head of the chain, locked until the end of the transaction.
fn lock_head(connection: &mut DbConnection, chain: Chain) -> Result<Option<(i64, [u8; 32])>> {
    let mut head = read_head(connection, chain)?;
    if head.is_none() && matches!(connection, DbConnection::Postgres(_)) {
        // Two first events of one chain must not both believe they are the first.
        statement("select pg_advisory_xact_lock(('x' || substr(cast(? as text), 1, 8))::bit(32)::int)")
            .bind(chain.id().to_string())
            .run(connection)?;
        head = read_head(connection, chain)?;
    }
    Ok(head)
}

fn read_head(connection: &mut DbConnection, chain: Chain) -> Result<Option<(i64, [u8; 32])>> {
    let text = match connection {
        DbConnection::Postgres(_) => "select sequence, hash from chain_head where chain_id = ? for update",
        DbConnection::Sqlite(_) => "select sequence, hash from chain_head where chain_id = ?",
    };
    let row: Option<(i64, Vec<u8>)> =
        statement(text).bind(chain.id()).returning::<(BigInt, Binary)>().get_result(connection).optional()?;
    row.map(|(sequence, hash)| Ok((sequence, bytes32(&hash)?))).transpose()
}

fn insert_rows(connection: &mut DbConnection, actor: &Actor, chain: Chain, rows: Vec<Value>) -> QueryResult<()> {
    let source = connection.rows(&[
        ("sequence", Column::Int),
        ("id", Column::Id),
        ("kind", Column::Text),
        ("subject_kind", Column::Text),
        ("subject_id", Column::Id),
        ("subject_version", Column::Int),
        ("employer_id", Column::Id),
        ("commitment", Column::Bytes),
        ("previous_hash", Column::Bytes),
        ("hash", Column::Bytes),
        ("salt", Column::Bytes),
        ("payload", Column::Text),
    ]);
    statement(format!(
        "insert into event (chain_id, happened_at, recorded_at, actor_party_id, actor_client_id, request_id, \
         sequence, id, kind, subject_kind, subject_id, subject_version, employer_id, commitment, previous_hash, hash, salt, payload) \
         select {}, {}, {}, {}, {}, {}, \
         r.sequence, r.id, r.kind, r.subject_kind, r.subject_id, r.subject_version, r.employer_id, r.commitment, r.previous_hash, r.hash, r.salt, r.payload \
         from {source} r order by r.ordinal",
        id_bind(connection), int_bind(connection), int_bind(connection), id_bind(connection), id_bind(connection), id_bind(connection),
    ))
    .bind(chain.id())
    .bind(actor.now)
    .bind(actor.now)
    .bind(actor.scope.party_id)
    .bind(Some(actor.scope.client_id))
    .bind(actor.request_id)
    .bind(Value::Array(rows).to_string())
    .run(connection)?;
    Ok(())
}

/// A bare bind in a select list has no type on PostgreSQL; these give it one.
fn id_bind(connection: &DbConnection) -> &'static str {
    if matches!(connection, DbConnection::Postgres(_)) { "cast(? as uuid)" } else { "?" }
}

fn int_bind(connection: &DbConnection) -> &'static str {
    if matches!(connection, DbConnection::Postgres(_)) { "cast(? as bigint)" } else { "?" }
}

fn payload_text(event: &NewEvent) -> String {
    let mut payload = event.payload.clone();
    if let Some(object) = payload.as_object_mut() {
        object.insert(
            "subject".to_owned(),
            json!({ "kind": event.subject_kind, "id": event.subject_id, "version": event.subject_version }),
        );
    }
    payload.to_string()
}

fn commitment_of(salt: &[u8], payload: &str) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(payload).finalize().into()
}

fn hash_of(
    previous: &[u8; 32],
    chain: Id,
    sequence: i64,
    id: Id,
    kind: &str,
    recorded_at: Instant,
    commitment: &[u8; 32],
) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"labour-exchange event 1")
        .chain_update(previous)
        .chain_update(chain.0.as_bytes())
        .chain_update(sequence.to_be_bytes())
        .chain_update(id.0.as_bytes())
        .chain_update(recorded_at.as_micros().to_be_bytes())
        .chain_update(commitment)
        .chain_update(kind)
        .finalize()
        .into()
}

fn bytes32(bytes: &[u8]) -> Result<[u8; 32]> {
    <[u8; 32]>::try_from(bytes).map_err(|_| Error::internal("a hash has not 32 bytes"))
}

/// What is wrong in a chain, at its first bad entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which chain.
    pub chain_id: Id,
    /// The first entry that does not fit.
    pub sequence: i64,
    /// What does not fit.
    pub reason: &'static str,
}

/// Recomputes every chain; gives the number of entries and the first bad entry of each broken chain.
///
/// # Errors
/// What the database says.
pub fn verify(connection: &mut DbConnection) -> Result<(u64, Vec<Broken>)> {
    let heads: Vec<(Id, i64, Vec<u8>)> = statement("select chain_id, sequence, hash from chain_head order by chain_id")
        .returning::<(Uid, BigInt, Binary)>()
        .load(connection)?;
    let chains: Vec<Id> =
        statement("select distinct chain_id from event order by chain_id").returning::<Uid>().load(connection)?;
    let mut entries = 0;
    let mut broken = Vec::new();
    for (chain_id, sequence, hash) in &heads {
        let (count, fault) = verify_chain(connection, *chain_id, *sequence, hash)?;
        entries += count;
        broken.extend(fault);
    }
    for chain_id in chains.into_iter().filter(|chain| !heads.iter().any(|(head, _, _)| head == chain)) {
        broken.push(Broken { chain_id, sequence: 1, reason: "the chain has no head" });
    }
    Ok((entries, broken))
}

type ChainRow = (i64, Id, String, i64, Vec<u8>, Vec<u8>, Vec<u8>, Option<Vec<u8>>, Option<String>);

/// Entries read at a time, so that memory stays flat.
const VERIFIED_AT_ONCE: i64 = 10_000;

fn verify_chain(
    connection: &mut DbConnection,
    chain_id: Id,
    head_sequence: i64,
    head_hash: &[u8],
) -> Result<(u64, Option<Broken>)> {
    let mut previous = GENESIS;
    let mut expected = 1;
    let mut count = 0;
    loop {
        let rows: Vec<ChainRow> = statement(
            "select sequence, id, kind, recorded_at, commitment, previous_hash, hash, salt, payload from event where chain_id = ? and sequence >= ? order by sequence limit ?",
        )
        .bind(chain_id)
        .bind(expected)
        .bind(VERIFIED_AT_ONCE)
        .returning::<(BigInt, Uid, Text, BigInt, Binary, Binary, Binary, Nullable<Binary>, Nullable<Text>)>()
        .load(connection)?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            if let Some(reason) = entry_fault(&row, chain_id, expected, &previous) {
                return Ok((count, Some(Broken { chain_id, sequence: expected, reason })));
            }
            previous = bytes32(&row.6)?;
            expected += 1;
            count += 1;
        }
    }
    let whole = expected - 1 == head_sequence && previous.as_slice() == head_hash;
    let fault = (!whole).then_some(Broken {
        chain_id,
        sequence: expected,
        reason: "the chain does not end where its head says",
    });
    Ok((count, fault))
}

fn entry_fault(row: &ChainRow, chain_id: Id, expected: i64, previous: &[u8; 32]) -> Option<&'static str> {
    let (sequence, id, kind, recorded_at, commitment, previous_hash, hash, salt, payload) = row;
    if *sequence != expected {
        return Some("an entry is missing");
    }
    if previous_hash.as_slice() != previous {
        return Some("it does not follow the entry before it");
    }
    let Ok(commitment) = bytes32(commitment) else { return Some("its commitment is malformed") };
    if hash_of(previous, chain_id, *sequence, *id, kind, Instant::from_micros(*recorded_at), &commitment).as_slice()
        != hash.as_slice()
    {
        return Some("its hash does not fit its content");
    }
    match (salt, payload) {
        (Some(salt), Some(payload)) if commitment_of(salt, payload) != commitment => Some("its payload was changed"),
        _ => None,
    }
}
