//! The rows of a request, in whichever form they come, answered at once or taken as a job.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::carrying_out::{Rows, carry_out};
use super::parsing::Form;
use super::records::{Charset, Record, Records};
use super::{CALL_ROWS_MAX, JOB_BYTES_MAX, ROW_BYTES_MAX, RowCommand, RowsMode};
use crate::app::State;
use crate::error::{Code, Error, Fault, Result};
use crate::events::Actor;
use crate::http::body::{in_time, read_body, unsupported_media_type};
use crate::http::extract::{Prefer, parse_json};
use crate::http::idempotency::IdempotencyKey;
use crate::http::query::Query;
use crate::http::{Answer, BODY_BYTES_MAX};
use crate::identity::Bearer;
use crate::jobs::receiving;

/// Rows as they were posted; [`Self::run`] carries them out.
pub struct PostedRows<C: RowCommand> {
    /// How they are to be taken.
    mode: RowsMode,
    /// Whether the sender asks for a job (`Prefer: respond-async`).
    as_job: bool,
    content: Content<C::Row>,
    sender: Sender,
}

/// What the idempotency key is made of once the whole body is known.
struct Sender {
    request: HttpRequest,
    client: Bearer,
    header: String,
}

impl Sender {
    fn key(&self, state: &State, digest: Sha256) -> IdempotencyKey {
        IdempotencyKey::of_body(&self.request, &state.keys, self.client.client_id, &self.header, digest)
    }
}

enum Content<R> {
    Json { rows: Vec<R>, bytes: web::Bytes },
    File(File),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonRows<R> {
    rows: Vec<R>,
}

#[derive(Deserialize)]
struct RawRows<'a> {
    #[serde(borrow)]
    rows: Vec<&'a RawValue>,
}

impl<C: RowCommand> std::fmt::Debug for PostedRows<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostedRows").field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl<C: RowCommand> FromRequest for PostedRows<C> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = web::Payload::from_request(&request, payload);
        let mode = Query::<RowsMode>::from_request(&request, &mut Payload::None);
        Box::pin(async move {
            let client = Bearer::of(&request).await?;
            let header = IdempotencyKey::header(&request)?;
            let Query(mode) = mode.await?;
            let payload = payload.await.map_err(Error::internal)?;
            let content = match media_type(&request)? {
                Media::Json => {
                    let bytes = read_body(&request, payload).await?;
                    Content::Json { rows: parse_json::<JsonRows<C::Row>>(&bytes)?.rows, bytes }
                }
                Media::File { quoting, charset } => Content::File(File::open(payload, quoting, charset)),
            };
            let as_job = Prefer::from_request(&request, &mut Payload::None).await?.respond_async;
            Ok(Self { mode, as_job, content, sender: Sender { request, client, header } })
        })
    }
}

enum Media {
    Json,
    File { quoting: bool, charset: Charset },
}

fn media_type(request: &HttpRequest) -> Result<Media> {
    let text = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let text = text.to_ascii_lowercase();
    let (essence, parameters) = text.split_once(';').unwrap_or((&text, ""));
    let quoting = match essence.trim() {
        "text/csv" => true,
        "application/x-ndjson" | "application/jsonl" => false,
        // What is neither is refused there.
        _ => return Ok(Media::Json),
    };
    let named = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("charset="));
    let charset = match named.map(|name| name.trim_matches('"')) {
        None if quoting => Charset::Undeclared,
        None => Charset::Utf8,
        Some(name) => Charset::named(name).ok_or_else(|| {
            unsupported_media_type(request)
                .detail("charset must be utf-8 or gb18030", "charset 只能是 utf-8 或 gb18030")
        })?,
    };
    Ok(Media::File { quoting, charset })
}

/// A file on its way in.
pub struct File {
    payload: web::Payload,
    records: Records,
    quoting: bool,
    digest: Sha256,
    bytes: usize,
    over: bool,
}

impl File {
    fn open(payload: web::Payload, quoting: bool, charset: Charset) -> Self {
        let records = Records::new(quoting, charset, ROW_BYTES_MAX);
        Self { payload, records, quoting, digest: Sha256::new(), bytes: 0, over: false }
    }

    /// The next records, as many as that or what is left.
    ///
    /// # Errors
    /// [`Code::BodyTooLarge`], [`Code::RequestTimeout`], [`Code::RowsUnreadable`].
    pub async fn next(&mut self, request: &HttpRequest, wanted: usize) -> Result<Vec<Record>> {
        let mut found = Vec::new();
        while found.len() < wanted {
            let next = if self.over { self.records.finish()? } else { self.records.take()? };
            match next {
                Some(record) => found.push(record),
                None if self.over => break,
                None => self.receive(request).await?,
            }
        }
        Ok(found)
    }

    async fn receive(&mut self, request: &HttpRequest) -> Result<()> {
        match in_time(request, self.payload.next()).await? {
            None => self.over = true,
            Some(Err(cause)) => {
                return Err(Error::new(Code::RowsUnreadable)
                    .detail(format!("the body could not be read: {cause}"), "请求体读取失败"));
            }
            Some(Ok(bytes)) => {
                self.bytes += bytes.len();
                if self.bytes > JOB_BYTES_MAX {
                    return Err(Error::new(Code::BodyTooLarge).param("limit_bytes", JOB_BYTES_MAX));
                }
                self.digest.update(&bytes);
                self.records.push(&bytes);
            }
        }
        Ok(())
    }

    /// The form of the rows; of CSV, the first record holds the headings.
    async fn form<C: RowCommand>(&mut self, request: &HttpRequest) -> Result<Form> {
        if !self.quoting {
            return Ok(Form::Ndjson);
        }
        match self.next(request, 1).await?.first() {
            Some(headings) => Form::of_headings::<C::Row>(headings),
            None => Err(no_rows()),
        }
    }
}

fn no_rows() -> Error {
    let fault = Fault::body("/rows", "row_count", "the file has no row", "文件中没有数据行");
    Error::new(Code::FieldInvalid).fault(fault)
}

impl<C: RowCommand> PostedRows<C> {
    /// Carries the rows out and answers with a receipt for each, or takes them as a job.
    ///
    /// # Errors
    /// What refuses the call as a whole.
    pub async fn run(self, state: &State, actor: Actor, command: C) -> Result<Answer> {
        let Self { mode, as_job, content, sender } = self;
        if as_job && mode != RowsMode::default() {
            return Err(not_as_job());
        }
        match content {
            Content::Json { rows, bytes } if !as_job => {
                let key = sender.key(state, Sha256::new_with_prefix(&bytes));
                let places = Rows::all(rows.len());
                let prepared = command.prepare(state, &actor, rows).await?;
                at_once(&key, state, actor, (command, mode), places, Some(prepared)).await
            }
            Content::Json { bytes, .. } => {
                let records = raw_rows(&bytes)?;
                let key = sender.key(state, Sha256::new_with_prefix(&bytes));
                let mut upload = receiving::begin(state, &actor, &command, (&Form::Ndjson, key.language())).await?;
                upload.put(records).await?;
                upload.finish(key).await
            }
            Content::File(file) => from_file(state, actor, command, file, &sender, (mode, as_job)).await,
        }
    }
}

fn not_as_job() -> Error {
    let (en, zh) = (
        "validate_only and atomic are for calls of at most 5,000 rows that are answered at once",
        "validate_only 与 atomic 仅用于不超过 5000 行、当场答复的请求",
    );
    Error::new(Code::TooManyRows).detail(en, zh).param("max", CALL_ROWS_MAX)
}

fn raw_rows(bytes: &[u8]) -> Result<Vec<Record>> {
    let raw: RawRows<'_> = serde_json::from_slice(bytes)?;
    let rows = raw.rows.iter().enumerate();
    Ok(rows.map(|(place, row)| Record { line: place.saturating_add(1), text: row.get().to_owned() }).collect())
}

async fn from_file<C: RowCommand>(
    state: &State,
    actor: Actor,
    command: C,
    mut file: File,
    sender: &Sender,
    (mode, as_job): (RowsMode, bool),
) -> Result<Answer> {
    let request = &sender.request;
    let form = file.form::<C>(request).await?;
    let mut records = file.next(request, CALL_ROWS_MAX.saturating_add(1)).await?;
    if records.is_empty() {
        return Err(no_rows());
    }
    if !as_job && records.len() <= CALL_ROWS_MAX && file.bytes <= BODY_BYTES_MAX {
        let key = sender.key(state, file.digest);
        return call(&key, state, actor, (command, mode), (&form, &records)).await;
    }
    if mode != RowsMode::default() {
        return Err(not_as_job());
    }
    let language = crate::http::RequestContext::of(request).language;
    let mut upload = receiving::begin(state, &actor, &command, (&form, language)).await?;
    while !records.is_empty() {
        upload.put(records).await?;
        records = file.next(request, CALL_ROWS_MAX).await?;
    }
    upload.finish(sender.key(state, file.digest)).await
}

/// Answers a file at once. Rows the command cannot take at all are refused one by one and the rest is tried without them.
async fn call<C: RowCommand>(
    key: &IdempotencyKey,
    state: &State,
    actor: Actor,
    (command, mode): (C, RowsMode),
    (form, records): (&Form, &[Record]),
) -> Result<Answer> {
    let mut rows = Rows::of_file(0, records.iter().map(|record| record.line).collect());
    loop {
        let given = rows.take(form.parse::<C::Row>(records, 0));
        let prepared = if given.is_empty() { Ok(None) } else { command.prepare(state, &actor, given).await.map(Some) };
        let outcome = match prepared {
            Ok(prepared) => {
                let unknown = form.unknown_columns::<C::Row>();
                let call = (command.clone(), mode);
                at_once_with(key, state, actor.clone(), call, (rows.clone(), unknown), prepared).await
            }
            Err(error) => Err(error),
        };
        match outcome {
            Err(error) => rows.refuse(error)?,
            answered => return answered,
        }
    }
}

async fn at_once<C: RowCommand>(
    key: &IdempotencyKey,
    state: &State,
    actor: Actor,
    call: (C, RowsMode),
    rows: Rows,
    prepared: Option<C::Prepared>,
) -> Result<Answer> {
    at_once_with(key, state, actor, call, (rows, Vec::new()), prepared).await
}

async fn at_once_with<C: RowCommand>(
    key: &IdempotencyKey,
    state: &State,
    actor: Actor,
    (command, mode): (C, RowsMode),
    (rows, unknown_columns): (Rows, Vec<String>),
    prepared: Option<C::Prepared>,
) -> Result<Answer> {
    let (language, within) = (key.language(), state.clone());
    let run = key.clone().run(state, move |connection| {
        command.admit(connection, &actor)?;
        let context = (&within, &actor, language);
        let receipts = carry_out(connection, context, &command, mode, (&rows, prepared))?;
        Answer::multi_status(&crate::http::receipt::Receipts { unknown_columns, ..receipts })
    });
    run.await
}
