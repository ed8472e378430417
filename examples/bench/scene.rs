//! What is measured: a server over a fresh database, and counties that send people.

use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, web};
use jiff::SignedDuration;
use labour_exchange::app::{self, State};
use labour_exchange::clock::Clock;
use labour_exchange::db::{DbConnection, Id, Location, statement};
use labour_exchange::error::Result;
use labour_exchange::identity::policy;
use labour_exchange::identity::token::Grant;
use labour_exchange::seal::KeyRing;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::books::Template;
use crate::load::{Request, answer};

/// A party and its token.
#[derive(Debug, Clone)]
pub struct Party {
    id: Id,
    /// A token for everything its kind may do.
    pub token: String,
}

/// The server and the plain route beside it.
pub struct Scene {
    state: State,
    /// Where the exchange listens.
    pub address: String,
    /// Where the plain route listens.
    pub hello: String,
    destination: Party,
    employer: Party,
    _folder: tempfile::TempDir,
}

/// One origin with an agreement in force.
pub struct Side {
    address: String,
    /// The origin.
    pub origin: Party,
    destination: Party,
    employer: Party,
    agreement: String,
}

impl Scene {
    /// Starts everything.
    pub async fn start(database: &str) -> Self {
        let folder = tempfile::tempdir_in(std::env::current_dir().unwrap().join("target")).unwrap();
        let location = if database == "sqlite" {
            Location::Sqlite(folder.path().join("bench.db").to_str().unwrap().to_owned())
        } else {
            Location::parse(database).unwrap()
        };
        let keys = KeyRing::generate(jiff::Timestamp::now()).unwrap();
        let state = State::open(location, 2, keys, "http://127.0.0.1", Clock::System).unwrap();
        let (address, hello) = (serve(&state), serve_hello());
        let destination = party(&state, "义乌市", "authority", "330782").await;
        let employer = party(&state, "义乌小商品制造有限公司", "employer", "330782").await;
        Self { state, address, hello, destination, employer, _folder: folder }
    }

    /// Name of the back end.
    pub fn back_end(&self) -> &'static str {
        match self.state.db.location() {
            Location::Sqlite(_) => "SQLite (synchronous=FULL)",
            Location::Postgres(_) => "PostgreSQL",
        }
    }

    /// Shaoyang County.
    pub async fn shaoyang(&self) -> Side {
        self.county("430523", "SY").await
    }

    /// A county with an agreement in force.
    pub async fn county(&self, code: &str, letters: &str) -> Side {
        let origin = party(&self.state, letters, "authority", code).await;
        let mut side = Side {
            address: self.address.clone(),
            origin,
            destination: self.destination.clone(),
            employer: self.employer.clone(),
            agreement: String::new(),
        };
        side.agreement = side.ratify(letters).await;
        side
    }

    /// How many accounts are off their ledger.
    pub async fn ledger_differences(&self) -> usize {
        self.state.db.read(labour_exchange::quotas::accounts::differences).await.unwrap().len()
    }
}

impl Scene {
    /// Writes to the database behind the exchange's back.
    pub async fn write(&self, work: impl FnOnce(&mut DbConnection) -> Result<()> + Send + 'static) {
        self.state.db.write(work).await.unwrap();
    }

    /// How long something took that the database was told behind the exchange's back.
    pub async fn by_hand(&self, work: impl FnOnce(&mut DbConnection) -> Result<Duration> + Send + 'static) -> Duration {
        self.state.db.write(work).await.unwrap()
    }

    /// How long it takes to read something.
    pub async fn timed(&self, work: impl FnOnce(&mut DbConnection) -> Result<()> + Send + 'static) -> Duration {
        let begun = Instant::now();
        self.state.db.read(work).await.unwrap();
        begun.elapsed()
    }

    /// Lets PostgreSQL look at its tables, as it does by itself in the night after.
    pub async fn analyze(&self) {
        if matches!(self.state.db.location(), Location::Postgres(_)) {
            let analyze =
                |connection: &mut DbConnection| statement("analyze").run(connection).map(|_| ()).map_err(Into::into);
            self.state.db.write(analyze).await.unwrap();
        }
    }
}

fn serve(state: &State) -> String {
    let state = state.clone();
    listen(move || {
        let state = state.clone();
        actix_web::rt::spawn(labour_exchange::jobs::work::run(state.clone()));
        HttpServer::new(move || app::app(&state))
            .workers(2)
            .bind(("127.0.0.1", 0))
            .map(|server| (server.addrs()[0].to_string(), server.run()))
            .unwrap()
    })
}

fn serve_hello() -> String {
    listen(|| {
        let hello =
            || App::new().route("/hello", web::get().to(async || HttpResponse::Ok().json(json!({ "hello": "world" }))));
        HttpServer::new(hello)
            .workers(2)
            .bind(("127.0.0.1", 0))
            .map(|server| (server.addrs()[0].to_string(), server.run()))
            .unwrap()
    })
}

/// Runs a server on a thread with a runtime of its own.
fn listen(start: impl FnOnce() -> (String, actix_web::dev::Server) + Send + 'static) -> String {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let (address, server) = start();
            tell.send(address).unwrap();
            server.await.unwrap();
        });
    });
    told.recv().unwrap()
}

async fn party(state: &State, name: &str, kind: &'static str, region: &str) -> Party {
    let (party, client, now) = (Id::new(), Id::new(), state.clock.now());
    let (name, region) = (name.to_owned(), region.to_owned());
    state
        .db
        .write(move |connection| {
            statement("insert into party (id, name, kind, region_code, state, version, created_at, updated_at) values (?, ?, ?, ?, 'active', 1, ?, ?)")
                .bind(party)
                .bind(name)
                .bind(kind)
                .bind(region)
                .bind(now)
                .bind(now)
                .run(connection)?;
            statement("insert into client (id, party_id, name, scopes, state, version, created_at, updated_at) values (?, ?, 'bench', '', 'active', 1, ?, ?)")
                .bind(client)
                .bind(party)
                .bind(now)
                .bind(now)
                .run(connection)?;
            Ok(())
        })
        .await
        .unwrap();
    let scopes: Vec<String> = policy::default_scopes(kind).into_iter().map(ToOwned::to_owned).collect();
    let grant = Grant {
        issuer: &state.public_url,
        audience: &state.public_url,
        client_id: client.0,
        party_id: party.0,
        scopes: &scopes,
        lifetime: SignedDuration::from_secs(600),
    };
    let token = state.token_keys.current().issue(now.timestamp(), &grant).unwrap().token.expose().clone();
    Party { id: party, token }
}

/// The rows of a roster call.
pub fn roster_body(workers: &[String], quota: &str) -> String {
    let rows: Vec<String> =
        workers.iter().map(|worker| format!("{{\"worker_id\":\"{worker}\",\"quota_id\":\"{quota}\"}}")).collect();
    format!("{{\"rows\":[{}]}}", rows.join(","))
}

impl Side {
    /// The path of something under the agreement.
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/agreements/{}{rest}", self.agreement)
    }

    /// Sends a request that must succeed.
    pub async fn call(&self, request: &Request) -> Value {
        let (status, body) = self.call_any(request).await;
        assert!(status < 300, "{body}");
        body
    }

    async fn call_any(&self, request: &Request) -> (u16, Value) {
        let mut buffer = Vec::new();
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        request.send(&mut stream).await;
        let status = answer(&mut stream, &mut buffer).await;
        let end = buffer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        (status, serde_json::from_slice(&buffer[end + 4..]).unwrap())
    }

    /// Reads something as the origin, whether it is there yet or not.
    pub async fn get(&self, path: &str) -> Value {
        self.call_any(&Request::get(&self.address, path, Some(&self.origin.token))).await.1
    }

    /// Posts as a party, and reads the answer.
    pub async fn post(&self, party: &Party, path: &str, body: &Value) -> Value {
        self.call(&Request::post(&self.address, path, &party.token, &body.to_string(), 0)).await
    }

    async fn ratify(&self, letters: &str) -> String {
        let terms = json!({
            "targets": [
                { "plan_year": year(), "indicator": "dispatched", "population": "all", "unit": "person", "number": 2500 },
                { "plan_year": year(), "indicator": "onboarded", "population": "lifted", "scope": "outside_province", "unit": "person", "number": 900 }
            ],
            "arrival": { "meaning": "onboarded", "window_days": 7, "minimum_evidence": "e2" },
            "retention": { "rule_id": "stay_3m_continuous", "nodes": [{ "unit": "days", "length": 30 }, { "unit": "days", "length": 90 }, { "unit": "days", "length": 180 }],
                "continuity": "continuous", "allowed_gap_days": 15, "employer_scope": "same_region", "start_basis": "onboarded_day",
                "minimum_evidence": "e2", "monthly_wage_floor_fen": null, "evidence_valid_days": 62 },
            "attribution": "earliest_confirmed_arrival", "hold_days": 30, "deadlines": { "answer_days": 14, "exit_days": 7 },
            "data_sharing": { "legal_basis": "协议第六条", "purpose": "到岗交接", "retention_days": 1095 }
        });
        let body = json!({
            "number": format!("{letters}-YW"), "title": "劳务协作协议", "kind": "inter_provincial",
            "effective_from": format!("{}-01-01", year()), "effective_to": format!("{}-12-31", year() + 2),
            "parties": [{ "party_id": self.origin.id, "role": "origin" }, { "party_id": self.destination.id, "role": "destination" }], "terms": terms
        });
        let agreement = self.post(&self.origin, "/v1/agreements", &body).await["id"].as_str().unwrap().to_owned();
        self.post(&self.origin, &format!("/v1/agreements/{agreement}/proposal"), &json!({})).await;
        let shown = self
            .call(&Request::get(&self.address, &format!("/v1/agreements/{agreement}"), Some(&self.origin.token)))
            .await;
        let digest = find(&shown, "digest").expect("an agreement shows the digest of its version");
        for party in [&self.origin, &self.destination] {
            self.post(party, &format!("/v1/agreements/{agreement}/ratification"), &json!({ "digest": digest })).await;
        }
        agreement
    }

    /// A published quota.
    pub async fn quota(&self, places: i64) -> String {
        let body = json!({ "employer_id": self.employer.id, "post_title": "普工", "region_code": "330782", "requested_places": places, "valid_until": format!("{}-12-31", year() + 1) });
        let quota = self.post(&self.destination, &self.path("/quotas"), &body).await["id"].as_str().unwrap().to_owned();
        self.post(
            &self.destination,
            &self.path(&format!("/quotas/{quota}/publication")),
            &json!({ "approved_places": places }),
        )
        .await;
        quota
    }

    /// Invented people, registered in calls of 5,000.
    pub async fn workers(&self, first: usize, count: usize) -> Vec<String> {
        let mut ids = Vec::with_capacity(count);
        let people: Vec<usize> = (first..first + count).collect();
        for people in people.chunks(5_000) {
            let rows: Vec<Value> = people
                .iter()
                .map(|n| json!({ "name": "刘春玉", "identity_number": identity_number(*n), "hukou_code": "430523" }))
                .collect();
            let receipts = self.post(&self.origin, "/v1/worker-batches", &json!({ "rows": rows })).await;
            ids.extend(
                receipts["results"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()),
            );
        }
        ids
    }

    /// A dispatch as a draft.
    pub async fn dispatch(&self) -> String {
        let today = today();
        let body = json!({ "title": "批次", "mode": "point_to_point", "legal_basis": "协议第六条", "consent_recorded": true,
            "planned_departure_on": today, "planned_arrival_on": today });
        self.post(&self.origin, &self.path("/dispatches"), &body).await["id"].as_str().unwrap().to_owned()
    }

    /// Enrols workers.
    pub async fn enrol(&self, dispatch: &str, quota: &str, workers: &[String]) {
        let path = self.path(&format!("/dispatches/{dispatch}/roster"));
        self.call(&Request::post(&self.address, &path, &self.origin.token, &roster_body(workers, quota), 207)).await;
    }

    /// Lets a dispatch depart.
    pub async fn depart(&self, dispatch: &str) {
        let shown = self
            .call(&Request::get(
                &self.address,
                &self.path(&format!("/dispatches/{dispatch}")),
                Some(&self.origin.token),
            ))
            .await;
        self.post(&self.origin, &self.path(&format!("/dispatches/{dispatch}/lock")), &json!({})).await;
        self.post(
            &self.origin,
            &self.path(&format!("/dispatches/{dispatch}/departure")),
            &json!({ "departed_on": shown["planned_departure_on"] }),
        )
        .await;
    }

    /// One person who has departed and of whom the employer says that they are there.
    pub async fn one_arrival(&self, places: usize) -> Template {
        let quota = self.quota(i64::try_from(places).unwrap()).await;
        let worker = self.workers(7_000_000, 1).await;
        let dispatch = self.dispatch().await;
        self.enrol(&dispatch, &quota, &worker).await;
        self.depart(&dispatch).await;
        let path = self.first_placement().await;
        let placement = path.rsplit('/').next().unwrap().to_owned();
        self.claim("onboarded", std::slice::from_ref(&placement)).await;
        Template { agreement: id(&self.agreement), placement: id(&placement) }
    }

    /// The employer says of these placements what became of them.
    pub async fn claim(&self, outcome: &str, placements: &[String]) {
        let row =
            |id: &String| json!({ "placement_id": id, "outcome": outcome, "happened_on": today(), "evidence": "e2" });
        let rows: Vec<Value> = placements.iter().map(row).collect();
        let answer = self.post(&self.employer, &self.path("/claims"), &json!({ "rows": rows })).await;
        assert!(answer["accepted"] == placements.len(), "{answer}");
    }

    /// Path of one placement.
    pub async fn first_placement(&self) -> String {
        let page =
            self.call(&Request::get(&self.address, &self.path("/placements?limit=1"), Some(&self.origin.token))).await;
        self.path(&format!("/placements/{}", page["items"][0]["id"].as_str().unwrap()))
    }

    /// Places held of a quota.
    pub async fn held(&self, quota: &str) -> i64 {
        let balance = self
            .call(&Request::get(
                &self.address,
                &self.path(&format!("/quotas/{quota}/balance")),
                Some(&self.origin.token),
            ))
            .await;
        balance["accounts"][0]["held"].as_i64().unwrap()
    }
}

/// Today, as the exchange counts days.
pub fn today() -> String {
    Clock::System.now().day().to_string()
}

fn year() -> i64 {
    i64::from(jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).year())
}

/// The first text under this name, wherever it stands.
fn find(value: &Value, name: &str) -> Option<String> {
    match value {
        Value::Object(members) => members
            .get(name)
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
            .or_else(|| members.values().find_map(|member| find(member, name))),
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

/// The identity number of the `n`-th invented person: an order number no living person has.
fn identity_number(n: usize) -> String {
    const PREFIXES: [&str; 12] = [
        "430523", "430521", "430522", "430524", "430525", "430527", "430528", "430529", "430502", "430503", "430511",
        "432621",
    ];
    let days = 14_000;
    let day =
        jiff::civil::date(1962, 1, 1).saturating_add(jiff::Span::new().try_days(((n / 4) % days) as i64).unwrap());
    let prefix_number = n / 4 / days;
    let prefix = if prefix_number < PREFIXES.len() {
        PREFIXES[prefix_number].to_owned()
    } else {
        format!("{}", 110_000 + prefix_number)
    };
    let body = format!("{prefix}{:04}{:02}{:02}{}", day.year(), day.month(), day.day(), 996 + n % 4);
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = body.chars().zip(weights).map(|(digit, weight)| digit.to_digit(10).unwrap() * weight).sum();
    format!("{body}{}", "10X98765432".chars().nth((sum % 11) as usize).unwrap())
}

fn id(text: &str) -> Id {
    Id(text.parse().unwrap())
}
