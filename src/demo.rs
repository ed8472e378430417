//! The demonstration: the year 2021 of 邵阳县, as one published article tells it, played through the HTTP API of a real server.
//!
//! The server runs in this process over an empty database with a clock that is moved through the year; everything but the first
//! operator is done over HTTP by each party with a token of its own. In the end the published figures stand beside those of the
//! ledger, and every planned fault beside the faults found. People, and employers the article does not name, are made up.
//!
//! Deliberately absent: the article's person-times (45,000 organised departures of all channels), which no ledger of persons can be
//! held against, and its figures about training, fairs and workshops, which are no matter of an agreement.

pub mod departures;
pub mod exchange;
pub mod findings;
pub mod month;
pub mod names;
pub mod people;
pub mod plan;
pub mod published;
pub mod random;
pub mod report;
pub mod stage;
pub mod stays;
pub mod year;

use std::io::Write;
use std::net::TcpListener;
use std::time::Instant as Stopwatch;

use actix_web::HttpServer;
use diesel::RunQueryDsl;
use diesel::sql_types::BigInt;
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

use self::exchange::{Exchange, Participant, Who};
use self::findings::Findings;
use self::stage::Stage;
use crate::app::{State, app};
use crate::clock::Clock;
use crate::config::Limits;
use crate::db::{Day, Location, statement};
use crate::error::{Code, Error, Result};
use crate::events::Actor;
use crate::identity::clients::{NewClient, PublicJwk};
use crate::identity::{self, Scope, client_key::ClientKey};
use crate::jobs;
use crate::parties::{self, NewParty, PartyKind};
use crate::seal::KeyRing;

/// What a demonstration needs.
#[derive(Debug)]
pub struct Setting {
    /// An empty database.
    pub location: Location,
    /// Keys.
    pub keys: KeyRing,
    /// Where the server listens.
    pub listener: TcpListener,
    /// Address of the exchange for its clients.
    pub public_url: String,
    /// HTTP workers; 0 means one per core.
    pub workers: usize,
    /// Database threads that read.
    pub readers: usize,
    /// Whether to end when everything has been played, instead of serving on.
    pub once: bool,
}

/// Plays the year; says whether everything came out as planned.
///
/// # Errors
/// [`Code::ConfigurationInvalid`] for a database that is not empty, and whatever goes otherwise than planned.
pub async fn run(setting: Setting) -> Result<bool> {
    let Setting { location, keys, listener, public_url, workers, readers, once } = setting;
    let started = Stopwatch::now();
    let clock = Clock::fixed(day(plan::SIGNED_ON)?.start());
    let mut state = State::open(location, readers, keys, &public_url, clock.clone())?;
    // A year of every party's calls comes from one address within a minute.
    state.limits = Limits { tokens_per_client: 0, tokens_per_peer: 0, ..state.limits };
    refuse_used_database(&state).await?;
    let address = listener.local_addr().map_err(Error::internal)?;
    let shared = state.clone();
    let mut http = HttpServer::new(move || app(&shared)).disable_signals();
    if workers > 0 {
        http = http.workers(workers);
    }
    let running = http.listen(listener).map_err(Error::internal)?.run();
    let handle = running.handle();
    let serving = actix_web::rt::spawn(running);
    actix_web::rt::spawn(jobs::work::run(state.clone()));
    let mut exchange = Exchange::new(format!("http://{address}"), state.public_url.to_string(), clock)?;
    let operator = bootstrap(&state, &mut exchange).await?;
    let (played, findings) = match play(&mut exchange, operator, started).await {
        Ok(played) => played,
        Err(error) => {
            handle.stop(false).await;
            return Err(error);
        }
    };
    if !once {
        show_where_to_look(&mut exchange, &played, &address.to_string()).await?;
        until_told_to_stop().await?;
    }
    handle.stop(true).await;
    serving.await.map_err(Error::internal)?.map_err(Error::internal)?;
    Ok(findings.hold())
}

async fn until_told_to_stop() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Error::internal),
    }
}

/// A line for whoever watches; nobody watching stops nothing.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{line}"));
    drop(out.flush());
}

fn day(text: &str) -> Result<Day> {
    Day::parse(text).map_err(|refusal| Error::internal(refusal.en))
}

async fn refuse_used_database(state: &State) -> Result<()> {
    let parties = state.db.read(|connection| {
        Ok(statement("select count(*) from party").returning::<BigInt>().get_result::<i64>(connection)?)
    });
    if parties.await? == 0 {
        return Ok(());
    }
    Err(Error::new(Code::ConfigurationInvalid).detail(
        "the demonstration needs an empty database, and this one has parties in it; name a new one with --database, or leave it out",
        "演示需要空数据库，而该数据库中已有单位；请用 --database 指定新的数据库，或不填该参数",
    ))
}

/// The operator and its client: the only thing nobody can ask for over HTTP.
async fn bootstrap(state: &State, exchange: &mut Exchange) -> Result<Who> {
    let key = ClientKey::generate().map_err(Error::internal)?;
    let public_key = PublicJwk(key.public().to_jwk());
    let now = state.clock.now();
    let made = state.db.write(move |connection| {
        let nobody = Scope { party_id: crate::db::Id::NIL, client_id: crate::db::Id::NIL };
        let mut actor = Actor { scope: nobody, request_id: None, now };
        let name = "演示运营方".to_owned();
        let new = NewParty { name, kind: PartyKind::Operator, region_code: None, zone_id: None, credit_code: None };
        let party = parties::commands::register(connection, &actor, &new)?;
        actor.scope.party_id = party.id;
        let new = NewClient { party_id: party.id, name: party.name.clone(), scopes: None, public_key };
        let client = identity::commands::register(connection, &actor, &new)?;
        Ok((party, client.client.id))
    });
    let (party, client_id) = made.await?;
    Ok(exchange.join(Participant::new(party.name, party.id.to_string(), client_id.0, key)))
}

async fn play(exchange: &mut Exchange, operator: Who, started: Stopwatch) -> Result<(Stage, Findings)> {
    let told = |exchange: &Exchange, what: &str, rows: usize| {
        let seconds = report::right(&format!("{:.1}", started.elapsed().as_secs_f64()), 6);
        let rows = report::right(&report::grouped(i64::try_from(rows).unwrap_or_default()), 8);
        say(&format!("{seconds} s  {}  {}{rows}", exchange.today(), report::left(what, 44)));
    };
    exchange.stand_on(day(plan::SIGNED_ON)?);
    let mut stage = stage::build(exchange, operator).await?;
    told(exchange, "签订协议、发布名额 agreements, quotas", stage.agreements.len());
    let registered = stage::populate(exchange, &mut stage).await?;
    told(exchange, "登记人员 workers registered", registered);
    for (on, wave, step) in year::calendar()? {
        exchange.stand_on(on);
        let rows = year::play(exchange, &mut stage, wave, step).await?;
        if rows > 0 {
            told(exchange, &format!("第{}批 {}", wave + 1, step.label()), rows);
        }
    }
    exchange.stand_on(day(plan::PUBLISHED_ON)?);
    let mut findings = findings::gather(exchange, &stage).await?;
    told(exchange, "对账、履约 reconciliations, fulfilment", stage.agreements.len());
    let frozen = month::close(exchange, &stage).await?;
    findings.frozen(frozen);
    told(exchange, "双方签署月度对账单 statements signed", frozen);
    say("");
    for line in report::lines(&findings) {
        say(&line);
    }
    say("");
    let verdict = if findings.hold() {
        "全部与计划一致 / everything as planned"
    } else {
        "与计划不一致 / NOT as planned"
    };
    say(&format!("{verdict}: {:.1} s, {} requests", started.elapsed().as_secs_f64(), exchange.requests));
    Ok((stage, findings))
}

/// Addresses and tokens to try things with; the judges of the project read the tokens here. The clock stands still, so the tokens do not
/// run out while this server runs.
async fn show_where_to_look(exchange: &mut Exchange, stage: &Stage, address: &str) -> Result<()> {
    let base = format!("http://{address}");
    say("");
    say("服务继续运行，时钟停在公布当日，按 Ctrl-C 结束 / Serving on; the clock stands on that day; Ctrl-C ends it");
    say(&format!("  API       {base}"));
    say(&format!("  docs      {base}/docs/    {base}/openapi.json"));
    let Some(first) = stage.agreements.first() else { return Ok(()) };
    let employer = first.employer(0)?.who;
    let parties = [("ORIGIN", stage.origin), ("DESTINATION", first.destination), ("EMPLOYER", employer)];
    for (name, who) in parties {
        let token = exchange.token(who).await?;
        say("");
        say(&format!("  # {}", exchange.participant(who)?.name));
        say(&format!("  {name}={token}"));
    }
    let agreement = &first.id;
    let stated = month::address(first);
    say("");
    say(&format!("  curl -sH \"Authorization: Bearer $ORIGIN\" {base}/v1/agreements"));
    for path in ["fulfilment", "reconciliations", "retention/curve", "placements?limit=5"] {
        say(&format!("  curl -sH \"Authorization: Bearer $ORIGIN\" '{base}/v1/agreements/{agreement}/{path}'"));
    }
    say(&format!("  curl -sH \"Authorization: Bearer $ORIGIN\" '{base}{stated}'"));
    say(&format!(
        "  curl -sH \"Authorization: Bearer $EMPLOYER\" '{base}/v1/agreements/{agreement}/placements?limit=5'"
    ));
    Ok(())
}

/// A fresh place for a demonstration that was given none.
#[must_use]
pub fn fresh_folder() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("labour-exchange-demo-{}", Uuid::new_v4()))
}
