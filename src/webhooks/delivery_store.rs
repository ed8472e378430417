//! What is sent to endpoints: who has news, what one of them gets next, and what came of it. What owners see of it lies in
//! [`super::log_store`].

use std::collections::{BTreeMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use super::{Behind, DeliveryFailure, EventTypes, TESTED, WebhookDelivery, WebhookEndpoint, store};
use crate::db::{DbConnection, Id, Instant, RowSet, Statement, Uid, statement};
use crate::error::{Error, Result};
use crate::events::Event;
use crate::events::feed::{COLUMNS, EventColumns, EventRow, VISIBLE, event, head};

/// New events that are taken up at once.
const EVENTS_AT_ONCE: i64 = 100;
/// Deliveries that are due and are taken up at once.
const DUE_AT_ONCE: i64 = 32;
/// Events of one chain that are taken up at once when it was held up.
const OF_CHAIN_AT_ONCE: i64 = 20;
/// Seconds after which somebody else may send to an endpoint: longer than a batch can take.
pub const LEASE_S: i64 = 60;
/// Most events that are counted when an endpoint lags behind.
const BEHIND_MAX: i64 = 10_000;

/// Who reads the feed: an endpoint with what decides which events are for it.
#[derive(Debug, Clone)]
pub struct Reader {
    /// The endpoint.
    pub id: Id,
    /// Whose events.
    pub party_id: Id,
    /// Of which types.
    pub types: EventTypes,
    /// Where it stands.
    pub position: i64,
}

impl Reader {
    /// The endpoint as a reader.
    #[must_use]
    pub fn of(endpoint: &WebhookEndpoint) -> Self {
        Self {
            id: endpoint.id,
            party_id: endpoint.party_id,
            types: endpoint.types.clone(),
            position: endpoint.position,
        }
    }

    /// The condition on `event e` that it is for this reader; [`Self::bind`] binds what it takes.
    fn condition(&self) -> String {
        let wanted = if self.types.0.is_empty() { "true" } else { "e.kind in (select k.kind from ? k)" };
        format!("{VISIBLE} and case when e.kind = '{TESTED}' then e.subject_id = ? else {wanted} end")
    }

    fn bind<ST>(&self, query: Statement<ST>) -> Statement<ST> {
        let query = query.bind(self.party_id).bind(self.party_id).bind(self.party_id).bind(self.id);
        if self.types.0.is_empty() {
            return query;
        }
        query.bind(RowSet::list("kind", self.types.0.iter().map(String::as_str)))
    }
}

/// A delivery that waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// The delivery.
    pub id: Id,
    /// Attempts made.
    pub attempts: i64,
    /// Whether it was asked for again: then its chain does not wait for it.
    pub redelivery: bool,
}

/// Events of one chain, to be sent one after the other.
#[derive(Debug, Clone)]
pub struct ChainOfEvents {
    /// The delivery of the first one, when there is one already.
    pub open: Option<Open>,
    /// The events, in their order.
    pub events: Vec<Event>,
}

/// What an endpoint gets next; until it is settled nobody else sends to it.
#[derive(Debug)]
pub struct Batch {
    /// The endpoint.
    pub endpoint: WebhookEndpoint,
    /// Under which lease.
    pub lease_id: Id,
    /// Sealed secrets that sign now, newest first.
    pub secrets: Vec<(Id, Vec<u8>)>,
    /// What to send.
    pub chains: Vec<ChainOfEvents>,
    /// Where the endpoint stands when all of it is settled.
    pub position: i64,
}

/// The endpoints that may get events now: enabled, of a client and a party in good standing, and held by nobody.
pub fn readers(connection: &mut DbConnection, now: Instant) -> Result<Vec<Reader>> {
    let rows: Vec<(Id, Id, EventTypes, i64)> = statement(
        "select w.id, w.party_id, w.types, w.position from webhook_endpoint w join client c on c.id = w.client_id \
         join party p on p.id = w.party_id where w.state = 'enabled' and w.leased_until <= ? and c.state <> 'revoked' and p.state = 'active'",
    )
    .bind(now)
    .returning::<(Uid, Uid, Text, BigInt)>()
    .load(connection)?;
    Ok(rows.into_iter().map(|(id, party_id, types, position)| Reader { id, party_id, types, position }).collect())
}

/// The endpoints with a delivery that is due.
pub fn due(connection: &mut DbConnection, now: Instant) -> Result<HashSet<Id>> {
    let rows =
        statement("select distinct endpoint_id from webhook_delivery where state = 'pending' and next_attempt_at <= ?");
    Ok(rows.bind(now).returning::<Uid>().load(connection)?.into_iter().collect())
}

/// Whether anything behind `after` is for this reader.
pub fn has_news(connection: &mut DbConnection, reader: &Reader, after: i64) -> Result<bool> {
    let condition = reader.condition();
    let query = statement(format!(
        "select e.position from event e where e.position > ? and {condition} order by e.position limit 1"
    ));
    Ok(reader.bind(query.bind(after)).returning::<BigInt>().get_result::<i64>(connection).optional()?.is_some())
}

/// Takes up what an endpoint gets next; nothing when somebody else is at it, or it must get nothing.
pub fn take(connection: &mut DbConnection, id: Id, now: Instant) -> Result<Option<Batch>> {
    let lease_id = Id::new();
    let taken = statement(
        "update webhook_endpoint set lease_id = ?, leased_until = ? where id = ? and state = 'enabled' and leased_until <= ?",
    );
    if taken.bind(lease_id).bind(now.plus_seconds(LEASE_S)).bind(id).bind(now).run(connection)? == 0 {
        return Ok(None);
    }
    let endpoint = of_lease(connection, id, lease_id)?.ok_or_else(|| Error::internal("a leased endpoint is gone"))?;
    let reader = Reader::of(&endpoint);
    let secrets = store::sealed_secrets(connection, id, now)?;
    let newest = head(connection)?;
    let mut chains = due_chains(connection, &reader, now)?;
    let fresh = fresh_events(connection, &reader)?;
    let whole = i64::try_from(fresh.len()).unwrap_or(EVENTS_AT_ONCE) < EVENTS_AT_ONCE;
    let position = if whole { newest } else { fresh.last().map_or(newest, |event| event.position) };
    chains.extend(by_chain(fresh));
    Ok(Some(Batch { endpoint, lease_id, secrets, chains, position }))
}

/// The endpoint, while this lease holds.
pub fn of_lease(connection: &mut DbConnection, id: Id, lease_id: Id) -> Result<Option<WebhookEndpoint>> {
    use crate::db::schema::webhook_endpoint;
    let row = webhook_endpoint::table.find(id).filter(webhook_endpoint::lease_id.eq(lease_id));
    Ok(row.select(WebhookEndpoint::as_select()).get_result(connection).optional()?)
}

fn by_chain(events: Vec<Event>) -> impl Iterator<Item = ChainOfEvents> {
    let mut chains: BTreeMap<Id, Vec<Event>> = BTreeMap::new();
    for event in events {
        chains.entry(event.chain_id).or_default().push(event);
    }
    chains.into_values().map(|events| ChainOfEvents { open: None, events })
}

/// New events, but none of a chain that is held up.
fn fresh_events(connection: &mut DbConnection, reader: &Reader) -> Result<Vec<Event>> {
    let condition = reader.condition();
    let query = statement(format!(
        "select {COLUMNS} from event e where e.position > ? and {condition} and not exists (select 1 from webhook_delivery d \
         where d.endpoint_id = ? and d.chain_id = e.chain_id and d.state = 'pending' and not d.redelivery) order by e.position limit ?"
    ));
    let query = reader.bind(query.bind(reader.position)).bind(reader.id).bind(EVENTS_AT_ONCE);
    let rows: Vec<EventRow> = query.returning::<EventColumns>().load(connection)?;
    rows.into_iter().map(event).collect()
}

/// Deliveries that are due, each with what waits behind it.
fn due_chains(connection: &mut DbConnection, reader: &Reader, now: Instant) -> Result<Vec<ChainOfEvents>> {
    let rows: Vec<(Id, Id, i64, i64, bool)> = statement(
        "select id, chain_id, position, attempts, redelivery from webhook_delivery \
         where endpoint_id = ? and state = 'pending' and next_attempt_at <= ? order by next_attempt_at, id limit ?",
    )
    .bind(reader.id)
    .bind(now)
    .bind(DUE_AT_ONCE)
    .returning::<(Uid, Uid, BigInt, BigInt, Bool)>()
    .load(connection)?;
    let mut chains = Vec::with_capacity(rows.len());
    for (id, chain_id, position, attempts, redelivery) in rows {
        let up_to = if redelivery { position } else { reader.position.max(position) };
        // The first one is sent even if the types that are wanted have changed since.
        let mut events = of_chain(connection, None, chain_id, [position - 1, position], 1)?;
        events.extend(of_chain(connection, Some(reader), chain_id, [position, up_to], OF_CHAIN_AT_ONCE)?);
        chains.push(ChainOfEvents { open: Some(Open { id, attempts, redelivery }), events });
    }
    Ok(chains)
}

/// Events of a chain behind one position up to another, for a reader or all of them.
fn of_chain(
    connection: &mut DbConnection,
    reader: Option<&Reader>,
    chain_id: Id,
    [after, up_to]: [i64; 2],
    limit: i64,
) -> Result<Vec<Event>> {
    if after >= up_to {
        return Ok(Vec::new());
    }
    let condition = reader.map_or_else(|| "true".to_owned(), Reader::condition);
    let query = statement(format!(
        "select {COLUMNS} from event e where e.chain_id = ? and e.position > ? and e.position <= ? and {condition} \
         order by e.sequence limit ?"
    ));
    let query = query.bind(chain_id).bind(after).bind(up_to);
    let query = match reader {
        Some(reader) => reader.bind(query),
        None => query,
    };
    let rows: Vec<EventRow> = query.bind(limit).returning::<EventColumns>().load(connection)?;
    rows.into_iter().map(event).collect()
}

/// The event that a chain goes on with, if it has one up to a position.
pub fn next_of_chain(
    connection: &mut DbConnection,
    reader: &Reader,
    chain_id: Id,
    within: [i64; 2],
) -> Result<Option<Event>> {
    Ok(of_chain(connection, Some(reader), chain_id, within, 1)?.pop())
}

/// Writes deliveries that were not there before.
pub fn insert(connection: &mut DbConnection, endpoint_id: Id, rows: &[WebhookDelivery]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let set = RowSet::of(rows)
        .shared("endpoint_id", endpoint_id)
        .column("id", |row| row.id)
        .column("event_id", |row| row.event_id)
        .column("chain_id", |row| row.chain_id)
        .column("sequence", |row| row.sequence)
        .column("position", |row| row.position)
        .column("kind", |row| row.kind.as_str())
        .column("state", |row| row.state)
        .column("redelivery", |row| row.redelivery)
        .column("attempts", |row| row.attempts)
        .column("next_attempt_at", |row| row.next_attempt_at.map(Instant::as_micros))
        .column("last_attempt_at", |row| row.last_attempt_at.map(Instant::as_micros))
        .column("response_status", |row| row.response_status)
        .column("duration_ms", |row| row.duration_ms)
        .column("failure", |row| row.failure)
        .column("created_at", |row| row.created_at);
    let columns = "endpoint_id, id, event_id, chain_id, sequence, position, kind, state, redelivery, attempts, next_attempt_at, \
        last_attempt_at, response_status, duration_ms, failure, created_at";
    statement(format!(
        "insert into webhook_delivery ({columns}) select {columns} from ? r where true on conflict (endpoint_id, event_id) do nothing"
    ))
    .bind(set)
    .run(connection)?;
    Ok(())
}

/// Writes how a delivery stands after an attempt.
pub fn update(connection: &mut DbConnection, endpoint_id: Id, row: &WebhookDelivery) -> Result<()> {
    statement(
        "update webhook_delivery set state = ?, attempts = ?, next_attempt_at = ?, last_attempt_at = ?, response_status = ?, \
         duration_ms = ?, failure = ? where endpoint_id = ? and id = ?",
    )
    .bind(row.state.as_str())
    .bind(row.attempts)
    .bind(row.next_attempt_at)
    .bind(row.last_attempt_at)
    .bind(row.response_status)
    .bind(row.duration_ms)
    .bind(row.failure.map(DeliveryFailure::as_str))
    .bind(endpoint_id)
    .bind(row.id)
    .run(connection)?;
    Ok(())
}

/// Locks an endpoint until the end of the transaction; `false` when the lease of the batch was lost.
pub fn hold(connection: &mut DbConnection, batch: &Batch) -> Result<bool> {
    let lock = format!("select version from webhook_endpoint where id = ? and lease_id = ?{}", connection.row_lock());
    let held = statement(lock).bind(batch.endpoint.id).bind(batch.lease_id).returning::<BigInt>();
    Ok(held.get_result::<i64>(connection).optional()?.is_some())
}

/// Moves an endpoint on and lets go of it.
pub fn release(connection: &mut DbConnection, batch: &Batch, failing_since: Option<Instant>) -> Result<()> {
    statement(
        "update webhook_endpoint set position = ?, failing_since = ?, lease_id = null, leased_until = 0 where id = ?",
    )
    .bind(batch.position)
    .bind(failing_since)
    .bind(batch.endpoint.id)
    .run(connection)?;
    Ok(())
}

/// Moves a position over events that are for nobody, so that a restart need not read them again.
pub fn skip_to(connection: &mut DbConnection, reader: &Reader, position: i64) -> Result<()> {
    statement("update webhook_endpoint set position = ? where id = ? and position = ? and leased_until = 0")
        .bind(position)
        .bind(reader.id)
        .bind(reader.position)
        .run(connection)?;
    Ok(())
}

/// How far an endpoint lags behind the feed.
pub fn behind(connection: &mut DbConnection, endpoint: &WebhookEndpoint, now: Instant) -> Result<Behind> {
    let (reader, most) = (Reader::of(endpoint), BEHIND_MAX + 1);
    let condition = reader.condition();
    let query = statement(format!(
        "select count(*), coalesce(min(b.recorded_at), ?) from (\
         select * from (select e.recorded_at from event e where e.position > ? and {condition} order by e.position limit ?) as fresh \
         union all select * from (select e.recorded_at from webhook_delivery d join event e on e.chain_id = d.chain_id \
         where d.endpoint_id = ? and d.state = 'pending' and not d.redelivery and e.position >= d.position and e.position <= ? \
         and {condition} limit ?) as held) as b"
    ));
    let query = reader.bind(query.bind(now).bind(reader.position)).bind(most).bind(reader.id).bind(reader.position);
    let row = reader.bind(query).bind(most).returning::<(BigInt, BigInt)>().get_result(connection)?;
    let (events, oldest): (i64, Instant) = row;
    let seconds = now.as_seconds().saturating_sub(oldest.as_seconds()).max(0);
    Ok(Behind { events: events.min(BEHIND_MAX), is_capped: events > BEHIND_MAX, seconds })
}
