//! The exchange as its partners see it: a base address, a token for each party, requests and receipts.
//!
//! Everything the demonstration does goes through here, over HTTP, as any partner system would do it. The clock moves a second with
//! each request, and to another day when the demonstration says so.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::Clock;
use crate::db::{Day, Instant};
use crate::error::{Code, Error, Result};
use crate::identity::client_key::ClientKey;

/// What the token endpoint calls a signed assertion (RFC 7523).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Rows sent in one call.
const ROWS_AT_ONCE: usize = 5_000;
/// A token is used for this long and then asked for anew.
const TOKEN_USED: jiff::SignedDuration = jiff::SignedDuration::from_mins(8);
/// How long a single answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A party that takes part, by its place in the list of participants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who(usize);

/// A party with its client.
pub struct Participant {
    /// Name.
    pub name: String,
    /// The party.
    pub party_id: String,
    /// Its client.
    pub client_id: Uuid,
    /// The client's key.
    pub key: ClientKey,
    token: Option<(String, Instant)>,
}

impl Participant {
    /// A party whose client holds `key`.
    #[must_use]
    pub const fn new(name: String, party_id: String, client_id: Uuid, key: ClientKey) -> Self {
        Self { name, party_id, client_id, key, token: None }
    }
}

/// The exchange over HTTP.
pub struct Exchange {
    http: reqwest::Client,
    base: String,
    issuer: String,
    clock: Clock,
    participants: Vec<Participant>,
    /// What was refused: at which step, with which code, how often.
    pub refused: BTreeMap<(&'static str, String), usize>,
    /// Requests sent.
    pub requests: usize,
}

/// An answer.
struct Reply {
    status: u16,
    body: Value,
}

/// A text in an answer, by its JSON pointer.
///
/// # Errors
/// [`Code::InternalError`] when the answer lacks it.
pub fn text(body: &Value, pointer: &str) -> Result<String> {
    let found = body.pointer(pointer).and_then(Value::as_str).map(ToOwned::to_owned);
    found.ok_or_else(|| Error::internal(format!("an answer has no {pointer}")))
}

/// A whole number in an answer, by its JSON pointer; 0 when the answer lacks it.
#[must_use]
pub fn number(body: &Value, pointer: &str) -> i64 {
    body.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// The elements of a list in an answer.
#[must_use]
pub fn items<'v>(body: &'v Value, pointer: &str) -> &'v [Value] {
    body.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

impl Exchange {
    /// The exchange at `base`, whose tokens are issued by `issuer`, with a clock that can be moved.
    ///
    /// # Errors
    /// [`Code::InternalError`] when no HTTP client can be made.
    pub fn new(base: String, issuer: String, clock: Clock) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().map_err(Error::internal)?;
        Ok(Self { http, base, issuer, clock, participants: Vec::new(), refused: BTreeMap::new(), requests: 0 })
    }

    /// Lets a party take part.
    pub fn join(&mut self, participant: Participant) -> Who {
        self.participants.push(participant);
        Who(self.participants.len() - 1)
    }

    /// A party that takes part.
    ///
    /// # Errors
    /// [`Code::InternalError`] for one that never joined.
    pub fn participant(&self, who: Who) -> Result<&Participant> {
        self.participants.get(who.0).ok_or_else(|| Error::internal("nobody joined under this number"))
    }

    /// Moves the clock to nine in the morning of a day; it never goes back.
    pub fn stand_on(&self, day: Day) {
        let morning = day.start().timestamp() + jiff::SignedDuration::from_hours(9);
        let morning = Instant::from_timestamp(morning);
        if morning > self.clock.now() {
            self.clock.set(morning);
        }
    }

    /// Today.
    #[must_use]
    pub fn today(&self) -> Day {
        self.clock.today()
    }

    /// A token of a party, asked for with a signed assertion when the last one is used up.
    ///
    /// # Errors
    /// [`Code::InternalError`] when the exchange gives none.
    pub async fn token(&mut self, who: Who) -> Result<String> {
        let now = self.clock.now();
        let participant = self.participant(who)?;
        if let Some((token, since)) = &participant.token
            && now.timestamp().duration_since(since.timestamp()) < TOKEN_USED
        {
            return Ok(token.clone());
        }
        let assertion = participant
            .key
            .sign_assertion(participant.client_id, &self.issuer, now.timestamp())
            .map_err(Error::internal)?;
        let form: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_assertion_type", ASSERTION_TYPE)
            .append_pair("client_assertion", assertion.expose())
            .finish();
        let request = self.http.post(format!("{}/oauth/token", self.base));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        let reply = self.answer(request).await?;
        if reply.status != 200 {
            return Err(unexpected("POST", "/oauth/token", &reply));
        }
        let token = text(&reply.body, "/access_token")?;
        if let Some(participant) = self.participants.get_mut(who.0) {
            participant.token = Some((token.clone(), now));
        }
        Ok(token)
    }

    async fn answer(&mut self, request: reqwest::RequestBuilder) -> Result<Reply> {
        self.requests += 1;
        let now = self.clock.now().timestamp() + jiff::SignedDuration::from_secs(1);
        self.clock.set(Instant::from_timestamp(now));
        let response = request.send().await.map_err(Error::internal)?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.map_err(Error::internal)?;
        Ok(Reply { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
    }

    async fn send_post(&mut self, who: Who, path: &str, body: &Value) -> Result<Reply> {
        let token = self.token(who).await?;
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(token);
        let request = request.header("idempotency-key", Uuid::new_v4().to_string()).json(body);
        self.answer(request).await
    }

    /// Reads.
    ///
    /// # Errors
    /// [`Code::InternalError`] for any answer but 200.
    pub async fn get(&mut self, who: Who, path: &str) -> Result<Value> {
        let token = self.token(who).await?;
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(token);
        let reply = self.answer(request).await?;
        if reply.status == 200 { Ok(reply.body) } else { Err(unexpected("GET", path, &reply)) }
    }

    /// Reads a list to its end. `path` has its other parameters already.
    ///
    /// # Errors
    /// [`Code::InternalError`] for any answer but 200.
    pub async fn list(&mut self, who: Who, path: &str) -> Result<Vec<Value>> {
        let mut found = Vec::new();
        let mut cursor = None;
        let separator = if path.contains('?') { '&' } else { '?' };
        loop {
            let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let page = self.get(who, &format!("{path}{separator}limit=200{after}")).await?;
            found.extend(items(&page, "/items").iter().cloned());
            cursor = page.pointer("/next_cursor").and_then(Value::as_str).map(ToOwned::to_owned);
            if cursor.is_none() {
                return Ok(found);
            }
        }
    }

    /// Commands.
    ///
    /// # Errors
    /// [`Code::InternalError`] when it is refused.
    pub async fn post(&mut self, who: Who, path: &str, body: &Value) -> Result<Value> {
        let reply = self.send_post(who, path, body).await?;
        if (200..300).contains(&reply.status) { Ok(reply.body) } else { Err(unexpected("POST", path, &reply)) }
    }

    /// Commands something that has to be refused, and counts the refusal.
    ///
    /// # Errors
    /// [`Code::InternalError`] when it is done all the same.
    pub async fn post_in_vain(&mut self, step: &'static str, who: Who, path: &str, body: &Value) -> Result<()> {
        let reply = self.send_post(who, path, body).await?;
        if !(400..500).contains(&reply.status) {
            return Err(unexpected("POST", path, &reply));
        }
        *self.refused.entry((step, text(&reply.body, "/code")?)).or_default() += 1;
        Ok(())
    }

    /// Sends rows, 5,000 in a call, and counts what is refused. Gives the id each row came to.
    ///
    /// # Errors
    /// [`Code::InternalError`] when a call as a whole is refused.
    pub async fn rows(
        &mut self,
        step: &'static str,
        who: Who,
        path: &str,
        rows: &[Value],
    ) -> Result<Vec<Option<String>>> {
        let mut ids = Vec::with_capacity(rows.len());
        for part in rows.chunks(ROWS_AT_ONCE) {
            let receipts = self.post(who, path, &json!({ "rows": part })).await?;
            for receipt in items(&receipts, "/results") {
                ids.push(receipt.pointer("/id").and_then(Value::as_str).map(ToOwned::to_owned));
                if receipt.pointer("/status").and_then(Value::as_str) == Some("rejected") {
                    let code = text(receipt, "/errors/0/code")?;
                    *self.refused.entry((step, code)).or_default() += 1;
                }
            }
        }
        Ok(ids)
    }
}

fn unexpected(method: &str, path: &str, reply: &Reply) -> Error {
    let body: String = reply.body.to_string().chars().take(2_000).collect();
    let status = reply.status;
    Error::new(Code::InternalError).detail(
        format!("the demonstration did not expect {status} for {method} {path}: {body}"),
        format!("演示中 {method} {path} 返回了意外的 {status}：{body}"),
    )
}
