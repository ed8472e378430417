//! `mock-partner`: a receiver as a partner would build it, for trying things out: checks signatures, counts each event once, sees gaps and
//! closes them from the feed. With `--fault` it makes one mistake on purpose, to see what `certify` says of it.

pub mod book;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use clap::{Args, ValueEnum};
use serde_json::Value;
use tokio::sync::Mutex;
use uuid::Uuid;

use self::book::{Book, Entry, Gap};
use super::storage::invalid;
use crate::clock::Clock;
use crate::demo::exchange::{Exchange, Participant, Who, items};
use crate::error::{Error, Result};
use crate::identity::client_key::ClientKey;
use crate::seal::Sensitive;
use crate::webhooks::signature::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, Verifier};

/// Most bytes of a message.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// What a receiver that cannot take large messages takes.
const SMALL_BYTES: usize = 8 * 1024;
/// How long a slow receiver takes.
const SLOW: Duration = Duration::from_secs(20);

/// How the receiver listens.
#[derive(Debug, Args)]
pub struct Options {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:9090")]
    listen: SocketAddr,
    /// The endpoint's secret (whsec_…) or public key (whpk_…)
    #[arg(long, env = "LABOUR_EXCHANGE_WEBHOOK_SECRET", hide_env_values = true)]
    secret: String,
    /// The exchange whose feed closes gaps; needs --client and --key
    #[arg(long, requires = "client", requires = "key")]
    exchange: Option<String>,
    /// The client that reads the feed
    #[arg(long)]
    client: Option<Uuid>,
    /// Its private key, as `client new-key` wrote it
    #[arg(long)]
    key: Option<PathBuf>,
    /// One mistake to make on purpose
    #[arg(long, value_enum)]
    fault: Option<MistakeOnPurpose>,
}

/// Mistakes that receivers make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MistakeOnPurpose {
    /// Checks no signature.
    TakesAnySignature,
    /// Checks no timestamp.
    TakesOldTimestamps,
    /// Looks at the first signature only.
    FirstSignatureOnly,
    /// Refuses what it has had already.
    RefusesRepeats,
    /// Counts what it has had already once more.
    CountsRepeats,
    /// Refuses what comes behind its turn.
    RefusesLateOnes,
    /// Says yes to what comes behind its turn, and forgets it.
    DropsLateOnes,
    /// Refuses types it does not know.
    RefusesUnknownTypes,
    /// Refuses more than 8 kB.
    RefusesLargeOnes,
    /// Answers after 20 seconds.
    AnswersSlowly,
    /// Sends callers elsewhere.
    Redirects,
}

/// A receiver with its book and its way to the feed.
struct Partner {
    book: Book,
    feed: Option<(Exchange, Who)>,
}

/// What every request needs.
struct Setting {
    verifier: Verifier,
    fault: Option<MistakeOnPurpose>,
    partner: Mutex<Partner>,
}

/// Listens until it is stopped.
pub fn run(options: &Options) -> Result<()> {
    let verifier = Verifier::parse(&options.secret)
        .map_err(|error| invalid(error.to_string(), "须为 whsec_ 开头的密钥或 whpk_ 开头的公钥"))?;
    let partner = Mutex::new(Partner { book: Book::default(), feed: feed(options)? });
    let setting = web::Data::from(Arc::new(Setting { verifier, fault: options.fault, partner }));
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(setting.clone())
                .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
                .route("/state", web::get().to(state))
                .default_service(web::post().to(receive))
        });
        let server = server.workers(2).bind(options.listen).map_err(|cause| {
            let listen = options.listen;
            invalid(format!("cannot listen on {listen} ({cause})"), format!("无法监听 {listen}（{cause}）"))
        })?;
        for address in server.addrs() {
            println!("listening on http://{address}");
        }
        drop(std::io::stdout().flush());
        server.run().await.map_err(Error::internal)
    })
}

fn feed(options: &Options) -> Result<Option<(Exchange, Who)>> {
    let (Some(base), Some(client), Some(file)) = (&options.exchange, options.client, &options.key) else {
        return Ok(None);
    };
    let unreadable = |cause: String| {
        let name = file.display();
        invalid(format!("the key {name} cannot be used: {cause}"), format!("无法使用密钥 {name}：{cause}"))
    };
    let text = std::fs::read_to_string(file).map_err(|cause| unreadable(cause.to_string()))?;
    let key = ClientKey::from_private_jwk(&Sensitive::new(text)).map_err(|cause| unreadable(cause.to_string()))?;
    let base = base.trim_end_matches('/').to_owned();
    let mut exchange = Exchange::new(base.clone(), base, Clock::System)?;
    let who = exchange.join(Participant::new("mock partner".to_owned(), String::new(), client, key));
    Ok(Some((exchange, who)))
}

async fn state(setting: web::Data<Setting>) -> HttpResponse {
    HttpResponse::Ok().json(&setting.partner.lock().await.book)
}

async fn receive(request: HttpRequest, bytes: web::Bytes, setting: web::Data<Setting>) -> HttpResponse {
    let status = take(&request, &bytes, &setting).await;
    let mut response = HttpResponse::build(status);
    if status.is_redirection() {
        response.insert_header(("location", "/elsewhere"));
    }
    response.finish()
}

async fn take(request: &HttpRequest, bytes: &[u8], setting: &Setting) -> StatusCode {
    let fault = |fault: MistakeOnPurpose| setting.fault == Some(fault);
    if fault(MistakeOnPurpose::AnswersSlowly) {
        tokio::time::sleep(SLOW).await;
    }
    if fault(MistakeOnPurpose::Redirects) {
        return StatusCode::TEMPORARY_REDIRECT;
    }
    if fault(MistakeOnPurpose::RefusesLargeOnes) && bytes.len() > SMALL_BYTES {
        return StatusCode::PAYLOAD_TOO_LARGE;
    }
    let mut partner = setting.partner.lock().await;
    if let Err(refusal) = verified(request, bytes, setting) {
        say(&format!("refused  {refusal}"));
        partner.book.refused += 1;
        return StatusCode::BAD_REQUEST;
    }
    let event: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let Some(entry) = Entry::read(&event) else { return StatusCode::BAD_REQUEST };
    let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
    if fault(MistakeOnPurpose::RefusesUnknownTypes) && kind.starts_with("certificate.") {
        return StatusCode::UNPROCESSABLE_ENTITY;
    }
    partner.take(&entry, kind, setting.fault).await
}

fn verified(request: &HttpRequest, bytes: &[u8], setting: &Setting) -> std::result::Result<(), String> {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let mut signature = text(SIGNATURE_HEADER);
    let mut now_s = Clock::System.now().as_seconds();
    match setting.fault {
        Some(MistakeOnPurpose::TakesAnySignature) => return Ok(()),
        Some(MistakeOnPurpose::FirstSignatureOnly) => signature = signature.and_then(|all| all.split(' ').next()),
        Some(MistakeOnPurpose::TakesOldTimestamps) => {
            now_s = text(TIMESTAMP_HEADER).and_then(|text| text.parse().ok()).unwrap_or(now_s);
        }
        _ => {}
    }
    let headers = [text(ID_HEADER), text(TIMESTAMP_HEADER), signature];
    setting.verifier.verify(headers, bytes, now_s).map_err(|error| error.to_string())
}

impl Partner {
    async fn take(&mut self, entry: &Entry, kind: &str, fault: Option<MistakeOnPurpose>) -> StatusCode {
        if self.book.has(&entry.id) {
            self.book.repeats += 1;
            say(&format!("repeat   {kind} {}", entry.id));
            match fault {
                Some(MistakeOnPurpose::RefusesRepeats) => return StatusCode::CONFLICT,
                Some(MistakeOnPurpose::CountsRepeats) => self.book.events.push(entry.id.clone()),
                _ => {}
            }
            return StatusCode::OK;
        }
        if self.book.is_late(entry) {
            match fault {
                Some(MistakeOnPurpose::RefusesLateOnes) => return StatusCode::CONFLICT,
                Some(MistakeOnPurpose::DropsLateOnes) => return StatusCode::OK,
                _ => {}
            }
        }
        if let Some(last) = self.book.gap_before(entry) {
            let closed = self.close(entry, last.position).await;
            let (after, before) = (last.sequence, entry.place.sequence);
            say(&format!(
                "gap      {} {after} … {before} {}",
                entry.chain_id,
                if closed { "closed from the feed" } else { "open" }
            ));
            self.book.gaps.push(Gap { chain_id: entry.chain_id.clone(), after, before, closed });
        }
        self.book.enter(entry);
        say(&format!("event    {kind} {} {}", entry.chain_id, entry.place.sequence));
        StatusCode::OK
    }

    /// Reads the feed from the last place that is whole up to this event; whether everything between was there.
    async fn close(&mut self, entry: &Entry, mut after: i64) -> bool {
        let Some((exchange, who)) = &mut self.feed else { return false };
        loop {
            let page = match exchange.get(*who, &format!("/v1/events?after={after}&limit=1000")).await {
                Ok(page) => page,
                Err(error) => {
                    say(&format!("feed     {error}"));
                    return false;
                }
            };
            let events: Vec<Entry> = items(&page, "/items").iter().filter_map(Entry::read).collect();
            let Some(last) = events.last() else { return false };
            after = last.place.position;
            for missed in events.iter().filter(|event| event.chain_id == entry.chain_id) {
                if missed.place.sequence >= entry.place.sequence {
                    return self.book.gap_before(entry).is_none();
                }
                self.book.enter(missed);
            }
        }
    }
}

/// A line for whoever watches; nobody watching stops nothing.
fn say(line: &str) {
    drop(writeln!(std::io::stdout().lock(), "{line}"));
}
