//! The feed: one order over all chains, given after commit, so that "everything after position n" never skips a late commit.

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Text};

use super::Event;
use crate::db::{Db, DbConnection, Id, Instant, RowSet, Uid, statement};
use crate::error::Result;
use crate::identity::Scope;

/// Events given a position in one transaction.
const SEQUENCED_AT_ONCE: i64 = 5_000;

/// Gives every committed event its position. Whoever reads the feed calls it first; it writes only when there is something to give.
///
/// # Errors
/// What the database says.
pub async fn sequence(db: &Db) -> Result<()> {
    loop {
        let waiting = db
            .read(|connection| {
                Ok(statement("select sequence from event where position is null limit 1")
                    .returning::<BigInt>()
                    .load::<i64>(connection)?)
            })
            .await?;
        if waiting.is_empty() {
            return Ok(());
        }
        db.write(sequence_once).await?;
    }
}

/// One step of the sequencer. The lock on the feed's head makes it the only one at work; what it sees is committed.
fn sequence_once(connection: &mut DbConnection) -> Result<()> {
    let lock = match connection {
        DbConnection::Postgres(_) => "select position from feed_head where id = 1 for update",
        DbConnection::Sqlite(_) => "select position from feed_head where id = 1",
    };
    let head: i64 = statement(lock).returning::<BigInt>().get_result(connection)?;
    let mut waiting: Vec<(Id, i64, Instant)> = statement(
        "select chain_id, sequence, recorded_at from event where position is null order by chain_id, sequence limit ?",
    )
    .bind(SEQUENCED_AT_ONCE)
    .returning::<(Uid, BigInt, BigInt)>()
    .load(connection)?;
    if waiting.is_empty() {
        return Ok(());
    }
    order(&mut waiting);
    let count = i64::try_from(waiting.len()).unwrap_or(SEQUENCED_AT_ONCE);
    let rows = RowSet::of(&waiting)
        .shared("first", head + 1)
        .column("chain_id", |(chain, ..)| *chain)
        .column("sequence", |(_, sequence, _)| *sequence);
    statement(
        "update event set position = r.first + r.ordinal from ? r where event.chain_id = r.chain_id and event.sequence = r.sequence",
    )
    .bind(rows)
    .run(connection)?;
    statement("update feed_head set position = ? where id = 1").bind(head + count).run(connection)?;
    Ok(())
}

/// By time of recording, but never against the order within a chain: a clock that jumps back must not turn a chain round.
fn order(waiting: &mut [(Id, i64, Instant)]) {
    let mut latest: Option<(Id, Instant)> = None;
    for (chain, _, recorded_at) in waiting.iter_mut() {
        if let Some((same, instant)) = latest
            && same == *chain
            && instant > *recorded_at
        {
            *recorded_at = instant;
        }
        latest = Some((*chain, *recorded_at));
    }
    waiting.sort_by_key(|(chain, sequence, recorded_at)| (*recorded_at, *chain, *sequence));
}

/// The events behind `after` that the caller may see, in the feed's order.
///
/// # Errors
/// What the database says.
pub fn after(
    connection: &mut DbConnection,
    scope: &Scope,
    after: i64,
    kinds: &[String],
    limit: i64,
) -> Result<Vec<Event>> {
    type Row = (i64, Id, String, Instant, Id, i64, Vec<u8>, String);
    let kinds_filter = if kinds.is_empty() { "" } else { " and e.kind in (select k.kind from ? k)" };
    let mut query = statement(format!(
        "select e.position, e.id, e.kind, e.recorded_at, e.chain_id, e.sequence, e.hash, coalesce(e.payload, 'null') from event e \
         where e.position > ? and (e.chain_id = ? or e.employer_id = ? \
         or exists (select 1 from agreement_party p where p.agreement_id = e.chain_id and p.party_id = ?)){kinds_filter} \
         order by e.position limit ?"
    ))
    .bind(after)
    .bind(scope.party_id)
    .bind(scope.party_id)
    .bind(scope.party_id);
    if !kinds.is_empty() {
        query = query.bind(RowSet::list("kind", kinds.iter().map(String::as_str)));
    }
    let rows: Vec<Row> = query
        .bind(limit)
        .returning::<(BigInt, Uid, Text, BigInt, Uid, BigInt, diesel::sql_types::Binary, Text)>()
        .load(connection)?;
    rows.into_iter()
        .map(|(position, id, kind, timestamp, chain_id, sequence, hash, payload)| {
            Ok(Event {
                position,
                id,
                kind,
                timestamp,
                chain_id,
                sequence,
                hash: hex::encode(hash),
                data: serde_json::from_str(&payload)?,
            })
        })
        .collect()
}
