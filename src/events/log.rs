//! Appending to the chains, and checking them.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::kinds::EventKind;
use super::{Actor, Chain, NewEvent};
use crate::db::schema::event;
use crate::db::{DbConnection, Id, Instant, RowSet, Uid, statement};
use crate::error::{Error, Result};

/// What the first entry of a chain has in place of a predecessor.
const GENESIS: [u8; 32] = [0; 32];

/// Records one event in the transaction at hand.
///
/// # Errors
/// What the database says.
pub fn record(connection: &mut DbConnection, actor: &Actor, event: NewEvent) -> Result<()> {
    record_all(connection, vec![(actor, event)])
}

/// Records events of one chain, each with who did it, in order, in the transaction at hand.
///
/// # Errors
/// What the database says; events of different chains in one call are a bug.
pub fn record_all(connection: &mut DbConnection, events: Vec<(&Actor, NewEvent)>) -> Result<()> {
    let Some(chain) = events.first().map(|(_, event)| event.chain) else { return Ok(()) };
    if events.iter().any(|(_, event)| event.chain != chain) {
        return Err(Error::internal("events of one call must lie in one chain"));
    }
    if let Some((_, event)) = events.iter().find(|(_, event)| EventKind::from_text(event.kind).is_none()) {
        return Err(Error::internal(format!("{} is no kind of event", event.kind)));
    }
    let head = lock_head(connection, chain)?;
    let fresh = head.is_none();
    let (mut sequence, mut hash) = head.unwrap_or((0, GENESIS));
    let mut entries = Vec::with_capacity(events.len());
    for (actor, event) in events {
        sequence += 1;
        let salt: [u8; 16] = *uuid::Uuid::new_v4().as_bytes();
        let payload = payload_text(&event);
        let entry = Entry {
            chain_id: chain.id(),
            sequence,
            id: Id::new(),
            kind: event.kind.to_owned(),
            subject_kind: event.subject_kind.to_owned(),
            subject_id: event.subject_id,
            subject_version: event.subject_version,
            employer_id: event.employer_id,
            happened_at: actor.now,
            recorded_at: actor.now,
            actor_party_id: actor.scope.party_id,
            actor_client_id: Some(actor.scope.client_id),
            request_id: actor.request_id,
            commitment: commitment_of(&salt, &payload).to_vec(),
        };
        let previous = hash;
        hash = entry.hash(&previous);
        entries.push(Appended { entry, previous, hash, salt, payload });
    }
    insert_rows(connection, &entries)?;
    let update = if fresh {
        statement("insert into chain_head (sequence, hash, chain_id, chain_kind) values (?, ?, ?, ?)")
    } else {
        statement("update chain_head set sequence = ?, hash = ? where chain_id = ? and chain_kind = ?")
    };
    update.bind(sequence).bind(hash.as_slice()).bind(chain.id()).bind(chain.kind()).run(connection)?;
    Ok(())
}

/// The id of the event recorded last in a chain, in the transaction at hand.
///
/// # Errors
/// What the database says.
pub fn newest(connection: &mut DbConnection, chain: Chain) -> Result<Id> {
    let newest = event::table.filter(event::chain_id.eq(chain.id())).order(event::sequence.desc());
    Ok(newest.select(event::id).first(connection)?)
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

/// An entry, and what is kept beside it.
struct Appended {
    entry: Entry,
    previous: [u8; 32],
    hash: [u8; 32],
    salt: [u8; 16],
    payload: String,
}

fn insert_rows(connection: &mut DbConnection, entries: &[Appended]) -> QueryResult<()> {
    let rows = RowSet::of(entries)
        .column("chain_id", |row| row.entry.chain_id)
        .column("sequence", |row| row.entry.sequence)
        .column("id", |row| row.entry.id)
        .column("kind", |row| row.entry.kind.as_str())
        .column("subject_kind", |row| row.entry.subject_kind.as_str())
        .column("subject_id", |row| row.entry.subject_id)
        .column("subject_version", |row| row.entry.subject_version)
        .column("employer_id", |row| row.entry.employer_id)
        .column("happened_at", |row| row.entry.happened_at)
        .column("recorded_at", |row| row.entry.recorded_at)
        .column("actor_party_id", |row| row.entry.actor_party_id)
        .column("actor_client_id", |row| row.entry.actor_client_id)
        .column("request_id", |row| row.entry.request_id)
        .column("commitment", |row| row.entry.commitment.as_slice())
        .column("previous_hash", |row| row.previous)
        .column("hash", |row| row.hash)
        .column("salt", |row| row.salt)
        .column("payload", |row| row.payload.as_str());
    let columns = "chain_id, sequence, id, kind, subject_kind, subject_id, subject_version, employer_id, happened_at, recorded_at, \
        actor_party_id, actor_client_id, request_id, commitment, previous_hash, hash, salt, payload";
    statement(format!("insert into event ({columns}) select {columns} from ? r")).bind(rows).run(connection)?;
    Ok(())
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

/// What the chain covers of an event: everything but the payload itself, for which its salted commitment stands.
#[derive(diesel::Queryable)]
struct Entry {
    chain_id: Id,
    sequence: i64,
    id: Id,
    kind: String,
    subject_kind: String,
    subject_id: Id,
    subject_version: i64,
    employer_id: Option<Id>,
    happened_at: Instant,
    recorded_at: Instant,
    actor_party_id: Id,
    actor_client_id: Option<Id>,
    request_id: Option<Id>,
    commitment: Vec<u8>,
}

impl Entry {
    /// The hash of this entry and, by the hash before it, of all before it. Each text goes in behind its length, each absent id as nil.
    fn hash(&self, previous: &[u8; 32]) -> [u8; 32] {
        let id = |id: Option<Id>| *id.unwrap_or(Id::NIL).0.as_bytes();
        let mut hash = Sha256::new().chain_update(b"labour-exchange event 1").chain_update(previous);
        for text in [&self.kind, &self.subject_kind] {
            hash = hash.chain_update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes()).chain_update(text);
        }
        for number in [self.sequence, self.subject_version, self.happened_at.as_micros(), self.recorded_at.as_micros()]
        {
            hash = hash.chain_update(number.to_be_bytes());
        }
        let ids = [Some(self.chain_id), Some(self.id), Some(self.subject_id), Some(self.actor_party_id)];
        for bytes in ids.into_iter().chain([self.employer_id, self.actor_client_id, self.request_id]).map(id) {
            hash = hash.chain_update(bytes);
        }
        hash.chain_update(&self.commitment).finalize().into()
    }
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

type ChainRow = (Entry, Vec<u8>, Vec<u8>, Option<Vec<u8>>, Option<String>);

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
        let rows: Vec<ChainRow> = event::table
            .filter(event::chain_id.eq(chain_id))
            .filter(event::sequence.ge(expected))
            .order(event::sequence)
            .limit(VERIFIED_AT_ONCE)
            .select((
                (
                    event::chain_id,
                    event::sequence,
                    event::id,
                    event::kind,
                    event::subject_kind,
                    event::subject_id,
                    event::subject_version,
                    event::employer_id,
                    event::happened_at,
                    event::recorded_at,
                    event::actor_party_id,
                    event::actor_client_id,
                    event::request_id,
                    event::commitment,
                ),
                event::previous_hash,
                event::hash,
                event::salt,
                event::payload,
            ))
            .load(connection)?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            if let Some(reason) = entry_fault(&row, expected, &previous) {
                return Ok((count, Some(Broken { chain_id, sequence: expected, reason })));
            }
            previous = bytes32(&row.2)?;
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

fn entry_fault(row: &ChainRow, expected: i64, previous: &[u8; 32]) -> Option<&'static str> {
    let (entry, previous_hash, hash, salt, payload) = row;
    if entry.sequence != expected {
        return Some("an entry is missing");
    }
    if previous_hash.as_slice() != previous {
        return Some("it does not follow the entry before it");
    }
    if entry.hash(previous).as_slice() != hash.as_slice() {
        return Some("its hash does not fit its content");
    }
    match (salt, payload) {
        (Some(salt), Some(payload)) if commitment_of(salt, payload).as_slice() != entry.commitment => {
            Some("its payload was changed")
        }
        _ => None,
    }
}
