//! `sandbox`: an exchange of one's own with four partners ready-made and a clock that is moved over the API.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{client, serve, storage};
use crate::app::State;
use crate::clock::Clock;
use crate::config::{ServerConfig, StorageConfig};
use crate::db::{Day, DbConnection, Id, once};
use crate::error::{Error, Result};
use crate::events::Actor;
use crate::identity::clients::{NewClient, PublicJwk, Scopes};
use crate::identity::policy::{Permission, SandboxWrite, default_scopes};
use crate::identity::{self, Scope};
use crate::parties::{self, NewParty, PartyKind};
use crate::webhooks::guard::Guard;

/// The sandbox to be set up, or gone on with.
#[derive(Debug, Args)]
pub struct Options {
    /// Folder of the sandbox: database, keys of the exchange, keys of the partners, and sandbox.json that names them all
    #[arg(long, env = "LABOUR_EXCHANGE_SANDBOX_FOLDER", default_value = "sandbox")]
    folder: PathBuf,
    /// The day on which its clock begins [default: today]
    #[arg(long, env = "LABOUR_EXCHANGE_SANDBOX_FROM", value_parser = read_day)]
    from: Option<Day>,
    #[command(flatten)]
    server: ServerConfig,
}

fn read_day(text: &str) -> Result<Day, String> {
    Day::parse(text).map_err(|refusal| refusal.en)
}

/// The partners every sandbox has: the name of the key file, the party's name, its kind and its region.
const PARTNERS: [(&str, &str, PartyKind, Option<&str>); 4] = [
    ("operator", "沙箱运营方", PartyKind::Operator, None),
    ("origin", "邵阳县人力资源和社会保障局", PartyKind::Authority, Some("430523")),
    ("destination", "义乌市人力资源和社会保障局", PartyKind::Authority, Some("330782")),
    ("employer", "义乌市示例针织有限公司", PartyKind::Employer, Some("330782")),
];

/// Serves until SIGTERM or SIGINT. A folder that holds a sandbox already is gone on with, its clock where `from` says.
pub fn run(options: &Options) -> Result<()> {
    let mut server = options.server.clone();
    server.listen = free_address(server.listen)?;
    let config = StorageConfig {
        database: format!("sqlite:{}", options.folder.join("exchange.db").display()),
        key_file: options.folder.join("keys.json"),
        public_url: format!("http://{}", server.listen),
    };
    let location = storage::location(&config)?;
    let keys = storage::keys(&config, &location)?;
    let from = options.from.unwrap_or_else(|| Clock::System.today());
    let clock = Clock::fixed(from.start().plus_seconds(9 * 3_600));
    let named = options.folder.join("sandbox.json");
    let partners = match std::fs::read(&named) {
        Ok(told) => serde_json::from_slice::<Value>(&told)?.get("partners").cloned().unwrap_or_default(),
        Err(_) => once(&mut location.open(false)?, |connection| seed(connection, options, &clock))?,
    };
    let told = json!({ "url": config.public_url, "partners": partners });
    std::fs::write(&named, format!("{told:#}\n")).map_err(Error::internal)?;
    println!("{}", named.display());
    let url = storage::public_url(&config)?;
    let mut state = State::open(location, options.server.database_readers, keys, url, clock)?;
    state.is_sandbox = true;
    state.token_clock = Clock::System;
    state.limits = options.server.limits();
    state.webhook_guard = Guard { allow_private: options.server.webhook_allow_private };
    actix_web::rt::System::new().block_on(serve::serve(state, &config, &server))
}

/// The address that will be listened on; a free port in the place of port 0, because tokens name the address.
fn free_address(listen: SocketAddr) -> Result<SocketAddr> {
    if listen.port() != 0 {
        return Ok(listen);
    }
    std::net::TcpListener::bind(listen).and_then(|listener| listener.local_addr()).map_err(Error::internal)
}

fn seed(connection: &mut DbConnection, options: &Options, clock: &Clock) -> Result<Value> {
    let mut told = serde_json::Map::new();
    let scope = Scope { party_id: Id::NIL, client_id: Id::NIL };
    let mut actor = Actor { scope, request_id: None, now: clock.now() };
    for (name, party_name, kind, region) in PARTNERS {
        let region_code = region.map(str::parse).transpose().map_err(|_| Error::internal("a region of the sandbox"))?;
        let new = NewParty { name: party_name.to_owned(), kind, region_code, zone_id: None, credit_code: None };
        let party = parties::commands::register(connection, &actor, &new)?;
        if actor.scope.party_id == Id::NIL {
            actor.scope.party_id = party.id;
        }
        let key_file = options.folder.join(format!("{name}.jwk.json"));
        // Of a sandbox that was begun and not finished; nobody was registered with it.
        drop(std::fs::remove_file(&key_file));
        let public_key = PublicJwk(client::new_key(&key_file)?);
        let scopes: BTreeSet<&str> =
            default_scopes(party.kind.as_str()).into_iter().chain([SandboxWrite::SCOPE]).collect();
        let scopes = Some(Scopes::parse(&Vec::from_iter(scopes).join(" ")));
        let new = NewClient { party_id: party.id, name: party_name.to_owned(), scopes, public_key };
        let registered = identity::commands::register(connection, &actor, &new)?;
        told.insert(
            name.to_owned(),
            json!({ "party_id": party.id, "client_id": registered.client.id, "name": party_name,
                "private_key": key_file.display().to_string() }),
        );
    }
    Ok(Value::Object(told))
}
