//! Idempotency-Key: a repeated request takes effect once and gets the same answer.
//!
//! The key's row is written in the transaction of the command itself. Its scope is client, method and path; its fingerprint is a
//! keyed hash of media type and body. Answers of executed commands are kept for [`KEPT_DAYS`] days: 2xx and 409. What failed before it was
//! executed (400, 401, 403, 415, 422, 503) is not kept, so that the mended request may use the key again.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::HttpRequest;
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use sha2::{Digest, Sha256};

use super::problem::{PROBLEM_JSON, Problem, language_tag};
use super::{Answer, RequestContext};
use crate::app::State;
use crate::db::{DbConnection, Id, Instant, statement};
use crate::error::{Code, Error, Fault, Kind, Language, Result};

/// How long answers are kept, in days.
pub const KEPT_DAYS: i64 = 3;
/// Expired rows taken away with each new one, so that the table never needs a sweep of its own.
const SWEPT_AT_ONCE: i64 = 4;

/// The keys whose commands are running in this process.
#[derive(Debug, Clone, Default)]
pub struct Running(Arc<Mutex<HashSet<[u8; 32]>>>);

impl Running {
    fn enter(&self, id: [u8; 32]) -> Option<Guard> {
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        fresh.then(|| Guard { running: self.clone(), id })
    }
}

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

    /// The key of a request of `client`.
    #[must_use]
    pub fn new(request: &HttpRequest, client: Id, header: &str, fingerprint: [u8; 32]) -> Self {
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
        let now = state.clock.now();
        let key = self.clone();
        let outcome = state
            .db
            .write(move |connection| {
                if let Some(stored) = key.stored(connection, now)? {
                    return Ok(stored);
                }
                let mut answer = command(connection)?;
                if answer.status == 207 {
                    answer.content_language = Some(language_tag(key.language()).to_owned());
                }
                key.store(connection, &answer, now)?;
                Ok(answer)
            })
            .await;
        let outcome = match outcome {
            Err(error) if error.code.definition().kind == Kind::Conflict && error.code != Code::IdempotencyKeyInUse => {
                self.refused(state, &error, now).await
            }
            outcome => outcome,
        };
        drop(guard);
        outcome
    }

    /// Keeps a refusal (409): the command ran and nothing of it remains but this answer.
    async fn refused(self, state: &State, error: &Error, now: Instant) -> Result<Answer> {
        let problem = Problem::of(error, &self.context);
        let answer = Answer {
            status: problem.status,
            content_type: PROBLEM_JSON.to_owned(),
            location: None,
            etag: None,
            content_language: Some(language_tag(self.language()).to_owned()),
            next: None,
            body: serde_json::to_vec(&problem)?,
            replayed: false,
        };
        let kept = answer.clone();
        state.db.write(move |connection| self.store(connection, &kept, now)).await?;
        Ok(answer)
    }

    fn stored(&self, connection: &mut DbConnection, now: Instant) -> Result<Option<Answer>> {
        type Row = (Vec<u8>, i64, String, Option<String>, Option<String>, Option<String>, Vec<u8>);
        let row = statement("select fingerprint, status, content_type, location, etag, content_language, body from idempotency_key where id = ? and created_at > ?")
            .bind(self.id.as_slice())
            .bind(now.plus_days(-KEPT_DAYS))
            .returning::<(Binary, BigInt, Text, Nullable<Text>, Nullable<Text>, Nullable<Text>, Binary)>();
        let row: Option<Row> = diesel::RunQueryDsl::get_result(row, connection).optional()?;
        let Some((fingerprint, status, content_type, location, etag, content_language, body)) = row else {
            return Ok(None);
        };
        if fingerprint != self.fingerprint {
            return Err(Error::new(Code::IdempotencyKeyReused));
        }
        let status = u16::try_from(status).map_err(Error::internal)?;
        Ok(Some(Answer { status, content_type, location, etag, content_language, next: None, body, replayed: true }))
    }

    fn store(&self, connection: &mut DbConnection, answer: &Answer, now: Instant) -> Result<()> {
        let oldest = now.plus_days(-KEPT_DAYS);
        statement("delete from idempotency_key where id in (select id from idempotency_key where created_at <= ? order by created_at limit ?)")
            .bind(oldest)
            .bind(SWEPT_AT_ONCE)
            .run(connection)?;
        statement(
            "insert into idempotency_key (id, fingerprint, status, content_type, location, etag, content_language, body, created_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?) \
             on conflict (id) do nothing",
        )
        .bind(self.id.as_slice())
        .bind(self.fingerprint.as_slice())
        .bind(i64::from(answer.status))
        .bind(answer.content_type.clone())
        .bind(answer.location.clone())
        .bind(answer.etag.clone())
        .bind(answer.content_language.clone())
        .bind(answer.body.clone())
        .bind(now)
        .run(connection)?;
        Ok(())
    }
}
