//! Idempotency-Key: a repeated request takes effect once and gets the same answer.
//!
//! The key's row is written in the transaction of the command itself. Its scope is client, method and path; its fingerprint is a
//! keyed hash of media type and body. Answers of executed commands are kept for [`KEPT_DAYS`] days: 2xx and 409. What failed before it was
//! executed (400, 401, 403, 415, 422, 503) is not kept, so that the mended request may use the key again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_TYPE;
use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use sha2::{Digest, Sha256};

use super::problem::{PROBLEM_JSON, Problem, language_tag};
use super::{Answer, RequestContext};
use crate::app::State;
use crate::db::{DbConnection, Id, Instant, Lane, RowSet, statement};
use crate::error::{Code, Error, Fault, Kind, Language, Result};
use crate::seal::{BlindIndex, KeyRing};

/// How long answers are kept, in days.
pub const KEPT_DAYS: i64 = 3;
/// Expired rows taken away with each new one, so that the table never needs a sweep of its own.
const SWEPT_AT_ONCE: i64 = 4;
/// Answers written in one statement: as many texts are prepared at most.
const STORED_AT_ONCE: usize = 16;

/// The keys whose commands are running in this process.
#[derive(Debug, Clone, Default)]
pub struct Running(Arc<Mutex<HashSet<[u8; 32]>>>);

impl Running {
    fn enter(&self, id: [u8; 32]) -> Option<Arc<Guard>> {
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        fresh.then(|| Arc::new(Guard { running: self.clone(), id }))
    }
}

/// Held by the request and by its command: a command whose caller went away is still running.
struct Guard {
    running: Running,
    id: [u8; 32],
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.running.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// The key of one command.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    id: [u8; 32],
    fingerprint: [u8; 32],
    context: RequestContext,
}

impl IdempotencyKey {
    /// Reads and checks the header: a structured-field string or the bare token.
    ///
    /// # Errors
    /// [`Code::IdempotencyKeyRequired`], [`Code::IdempotencyKeyInvalid`].
    pub fn header(request: &HttpRequest) -> Result<String> {
        let value = request.headers().get("idempotency-key").ok_or_else(|| Error::new(Code::IdempotencyKeyRequired))?;
        let text = value.to_str().unwrap_or_default().trim();
        let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        let fits = (8..=64).contains(&bare.len())
            && bare.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        if fits {
            Ok(bare.to_owned())
        } else {
            Err(Error::new(Code::IdempotencyKeyInvalid).fault(Fault::header(
                "Idempotency-Key",
                "idempotency_key_invalid",
                "8 to 64 printable ASCII characters",
                "8 至 64 个可打印 ASCII 字符",
            )))
        }
    }

    /// The key of a request of `client`, with the digest of its body.
    #[must_use]
    pub fn of_body(request: &HttpRequest, keys: &KeyRing, client: Id, header: &str, body: Sha256) -> Self {
        let content_type = request.headers().get(CONTENT_TYPE).map(|value| value.as_bytes().to_vec());
        let query = request.query_string();
        let hash = Sha256::new()
            .chain_update(content_type.unwrap_or_default())
            .chain_update([0])
            .chain_update(query)
            .chain_update([0])
            .chain_update(body.finalize())
            .finalize();
        // Keyed, because a body may hold an identity number: whoever got hold of a plain hash could try every number.
        let fingerprint = keys.blind_index(BlindIndex::tenant(client.0), "request_body", &hex::encode(hash));
        let id = Sha256::new()
            .chain_update(client.0.as_bytes())
            .chain_update(request.method().as_str())
            .chain_update([0])
            .chain_update(request.path())
            .chain_update([0])
            .chain_update(header)
            .finalize()
            .into();
        Self { id, fingerprint, context: RequestContext::of(request) }
    }

    /// The request id, for the events of the command.
    #[must_use]
    pub fn request_id(&self) -> Id {
        Id(self.context.request_id)
    }

    /// The language of the reader, for receipts.
    #[must_use]
    pub fn language(&self) -> Language {
        self.context.language
    }

    /// Runs `command` in a transaction, once: a repeat gets the stored answer, a twin that is still running is told so.
    ///
    /// # Errors
    /// [`Code::IdempotencyKeyInUse`], [`Code::IdempotencyKeyReused`], and what the command says.
    pub async fn run<F>(self, state: &State, command: F) -> Result<Answer>
    where
        F: FnOnce(&mut DbConnection) -> Result<Answer> + Send + 'static,
    {
        let guard = state.running.enter(self.id).ok_or_else(|| Error::new(Code::IdempotencyKeyInUse))?;
        let (within, now, key) = (guard.clone(), state.token_clock.now(), self.clone());
        let outcome = state
            .db
            .write(move |connection| {
                let _guard = within;
                if let Some(stored) = stored(connection, &[&key], now)?.remove(&key.id) {
                    return key.replay(stored);
                }
                let answer = key.spoken(command(connection)?);
                store(connection, &[(&key, &answer)], now)?;
                Ok(answer)
            })
            .await;
        let outcome = match outcome {
            Err(error) if is_kept(&error) => self.refused(state, &error, now).await,
            outcome => outcome,
        };
        drop(guard);
        outcome
    }

    /// Runs the request in a lane, once, like [`Self::run`]; the lane's command must be made with [`together`].
    ///
    /// # Errors
    /// [`Code::IdempotencyKeyInUse`], [`Code::IdempotencyKeyReused`], and what the command says.
    pub async fn run_in<I: Send + 'static>(
        self,
        state: &State,
        lane: &Lane<Keyed<I>, Answer>,
        request: I,
    ) -> Result<Answer> {
        let guard = state.running.enter(self.id).ok_or_else(|| Error::new(Code::IdempotencyKeyInUse))?;
        let now = state.token_clock.now();
        match lane.run(Keyed { request, key: self.clone(), now, _guard: guard.clone() }).await {
            Err(error) if is_kept(&error) => self.refused(state, &error, now).await,
            outcome => outcome,
        }
    }

    /// Keeps a refusal (409): the command ran and nothing of it remains but this answer.
    async fn refused(self, state: &State, error: &Error, now: Instant) -> Result<Answer> {
        let answer = self.refusal(error)?;
        let kept = answer.clone();
        state.db.write(move |connection| store(connection, &[(&self, &kept)], now)).await?;
        Ok(answer)
    }

    /// A refusal as the answer it gives.
    fn refusal(&self, error: &Error) -> Result<Answer> {
        let problem = Problem::of(error, &self.context);
        Ok(Answer {
            status: problem.status,
            content_type: PROBLEM_JSON.to_owned(),
            location: None,
            etag: None,
            content_language: Some(language_tag(self.language()).to_owned()),
            next: None,
            body: serde_json::to_vec(&problem)?,
            replayed: false,
        })
    }

    /// Receipts speak the reader's language; the answer says so.
    fn spoken(&self, mut answer: Answer) -> Answer {
        if answer.status == 207 {
            answer.content_language = Some(language_tag(self.language()).to_owned());
        }
        answer
    }

    fn replay(&self, stored: Stored) -> Result<Answer> {
        if stored.fingerprint == self.fingerprint {
            Ok(stored.answer)
        } else {
            Err(Error::new(Code::IdempotencyKeyReused))
        }
    }
}

/// Whether a refusal is kept: the command was executed, and refused for what it met, which will not go away by itself.
fn is_kept(error: &Error) -> bool {
    let definition = error.code.definition();
    definition.kind == Kind::Conflict && !definition.retryable
}

/// A request of a lane, with the key it takes effect once under.
pub struct Keyed<I> {
    /// The request.
    pub request: I,
    key: IdempotencyKey,
    now: Instant,
    _guard: Arc<Guard>,
}

/// Runs requests of a lane once each: repeats get their stored answers, the rest goes to `command` together, and what it answers is
/// kept in the same transaction.
///
/// # Errors
/// What the database says; then each request must be tried alone.
pub fn together<I>(
    connection: &mut DbConnection,
    requests: &[Keyed<I>],
    command: impl FnOnce(&mut DbConnection, &[&Keyed<I>]) -> Result<Vec<Result<Answer>>>,
) -> Result<Vec<Result<Answer>>> {
    let now = requests.iter().map(|request| request.now).max().ok_or_else(|| Error::internal("nothing to run"))?;
    let keys: Vec<&IdempotencyKey> = requests.iter().map(|request| &request.key).collect();
    let mut stored = stored(connection, &keys, now)?;
    let fresh: Vec<&Keyed<I>> = requests.iter().filter(|request| !stored.contains_key(&request.key.id)).collect();
    let mut answers = HashMap::with_capacity(fresh.len());
    if !fresh.is_empty() {
        for (request, result) in fresh.iter().zip(command(connection, &fresh)?) {
            let answer = match result {
                Err(error) if is_kept(&error) => request.key.refusal(&error),
                result => result.map(|answer| request.key.spoken(answer)),
            };
            answers.insert(request.key.id, answer);
        }
        let kept =
            fresh.iter().filter_map(|request| Some((&request.key, answers.get(&request.key.id)?.as_ref().ok()?)));
        store(connection, &kept.collect::<Vec<_>>(), now)?;
    }
    let missing = || Err(Error::internal("a request of a lane has no answer"));
    let results = keys.into_iter().map(|key| match stored.remove(&key.id) {
        Some(stored) => key.replay(stored),
        None => answers.remove(&key.id).unwrap_or_else(missing),
    });
    Ok(results.collect())
}

/// An answer that is kept, and the fingerprint of the request it answers.
struct Stored {
    fingerprint: [u8; 32],
    answer: Answer,
}

/// The answers that are kept under these keys and have not expired.
fn stored(connection: &mut DbConnection, keys: &[&IdempotencyKey], now: Instant) -> Result<HashMap<[u8; 32], Stored>> {
    type Row = (Vec<u8>, Vec<u8>, i64, String, Option<String>, Option<String>, Option<String>, Vec<u8>);
    type Types = (Binary, Binary, BigInt, Text, Nullable<Text>, Nullable<Text>, Nullable<Text>, Binary);
    let rows: Vec<Row> = statement(
        "select k.id, k.fingerprint, k.status, k.content_type, k.location, k.etag, k.content_language, k.body \
         from ? r cross join idempotency_key k where k.id = r.id and k.created_at > ?",
    )
    .bind(RowSet::list("id", keys.iter().map(|key| key.id)))
    .bind(now.plus_days(-KEPT_DAYS))
    .returning::<Types>()
    .load(connection)?;
    rows.into_iter()
        .map(|(id, fingerprint, status, content_type, location, etag, content_language, body)| {
            let status = u16::try_from(status).map_err(Error::internal)?;
            let answer =
                Answer { status, content_type, location, etag, content_language, next: None, body, replayed: true };
            Ok((bytes32(id)?, Stored { fingerprint: bytes32(fingerprint)?, answer }))
        })
        .collect()
}

fn bytes32(bytes: Vec<u8>) -> Result<[u8; 32]> {
    <[u8; 32]>::try_from(bytes).map_err(|_| Error::internal("a hash has not 32 bytes"))
}

/// Keeps answers under their keys. An expired answer gives way; a living one means that another instance ran the same request at
/// the same time, and this run must be taken back.
fn store(connection: &mut DbConnection, answers: &[(&IdempotencyKey, &Answer)], now: Instant) -> Result<()> {
    if answers.is_empty() {
        return Ok(());
    }
    let expired = now.plus_days(-KEPT_DAYS);
    let swept = SWEPT_AT_ONCE.saturating_mul(i64::try_from(answers.len()).unwrap_or(i64::MAX));
    statement("delete from idempotency_key where id in (select id from idempotency_key where created_at <= ? order by created_at limit ?)")
        .bind(expired)
        .bind(swept)
        .run(connection)?;
    let mut kept = 0;
    for answers in answers.chunks(STORED_AT_ONCE) {
        let mut insert = statement(format!(
            "insert into idempotency_key (id, fingerprint, status, content_type, location, etag, content_language, body, created_at) \
             values {} on conflict (id) do update set fingerprint = excluded.fingerprint, status = excluded.status, content_type = excluded.content_type, \
             location = excluded.location, etag = excluded.etag, content_language = excluded.content_language, body = excluded.body, \
             created_at = excluded.created_at where idempotency_key.created_at <= ?",
            vec!["(?, ?, ?, ?, ?, ?, ?, ?, ?)"; answers.len()].join(", ")
        ));
        for (key, answer) in answers {
            insert = insert
                .bind(key.id.as_slice())
                .bind(key.fingerprint.as_slice())
                .bind(i64::from(answer.status))
                .bind(answer.content_type.as_str())
                .bind(answer.location.as_deref())
                .bind(answer.etag.as_deref())
                .bind(answer.content_language.as_deref())
                .bind(answer.body.as_slice())
                .bind(now);
        }
        kept += insert.bind(expired).run(connection)?;
    }
    if kept == answers.len() { Ok(()) } else { Err(Error::new(Code::IdempotencyKeyInUse)) }
}
