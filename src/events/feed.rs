//! The feed: one order over all chains, given after commit, so that "everything after position n" never skips a late commit.

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Text};

use super::Event;
use crate::db::{Db, DbConnection, Id, Instant, RowSet, Uid, statement};
use crate::error::{Code, Error, Result};
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

/// Columns of `event e` as [`event`] reads them.
pub const COLUMNS: &str =
    "e.position, e.id, e.kind, e.recorded_at, e.chain_id, e.sequence, e.hash, coalesce(e.payload, 'null')";
/// Which of `event e` a party may see; takes the party three times.
pub const VISIBLE: &str = "(e.chain_id = ? or e.employer_id = ? \
     or exists (select 1 from agreement_party p where p.agreement_id = e.chain_id and p.party_id = ?))";

/// A row of [`COLUMNS`].
pub type EventRow = (i64, Id, String, Instant, Id, i64, Vec<u8>, String);
/// The SQL types of [`COLUMNS`].
pub type EventColumns = (BigInt, Uid, Text, BigInt, Uid, BigInt, Binary, Text);

/// An event as it is told.
///
/// # Errors
/// When the payload is no JSON.
pub fn event((position, id, kind, timestamp, chain_id, sequence, hash, payload): EventRow) -> Result<Event> {
    let data = serde_json::from_str(&payload)?;
    Ok(Event { position, id, kind, timestamp, chain_id, sequence, hash: hex::encode(hash), data })
}

/// The last position given.
///
/// # Errors
/// What the database says.
pub fn head(connection: &mut DbConnection) -> Result<i64> {
    Ok(statement("select position from feed_head where id = 1").returning::<BigInt>().get_result(connection)?)
}

/// What a reader wants of the feed.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Only behind this position.
    pub after: i64,
    /// Only of these kinds; of all when there is none.
    pub kinds: Vec<String>,
    /// Only these events; all when there is none.
    pub ids: Vec<Id>,
    /// At most so many.
    pub limit: i64,
}

/// The events wanted that the caller may see, in the feed's order.
///
/// # Errors
/// [`Code::EventsExpired`] for a position that this feed has not come to: it was started anew since.
pub fn read(connection: &mut DbConnection, scope: &Scope, wanted: &Wanted) -> Result<Vec<Event>> {
    let newest = head(connection)?;
    if wanted.after > newest {
        return Err(Error::new(Code::EventsExpired).param("oldest_after", 0).param("newest", newest));
    }
    let of_kinds = if wanted.kinds.is_empty() { "" } else { " and e.kind in (select k.kind from ? k)" };
    let (events, by_id) =
        if wanted.ids.is_empty() { ("event e", "") } else { ("? i cross join event e", "e.id = i.id and ") };
    let mut query = statement(format!(
        "select {COLUMNS} from {events} where {by_id}e.position > ? and {VISIBLE}{of_kinds} order by e.position limit ?"
    ));
    if !wanted.ids.is_empty() {
        query = query.bind(RowSet::list("id", wanted.ids.iter().copied()));
    }
    query = query.bind(wanted.after).bind(scope.party_id).bind(scope.party_id).bind(scope.party_id);
    if !wanted.kinds.is_empty() {
        query = query.bind(RowSet::list("kind", wanted.kinds.iter().map(String::as_str)));
    }
    let rows: Vec<EventRow> = query.bind(wanted.limit).returning::<EventColumns>().load(connection)?;
    rows.into_iter().map(event).collect()
}
