//! The application under test: all of it, in this process, over a fresh database of its own.
//!
//! [`on_both!`] makes two tests of one scenario, one over a SQLite file and one over PostgreSQL. [`TestApp`] sends requests as
//! a party would, with a real token and a fresh Idempotency-Key. Every reply is checked before the test sees it: media type,
//! request id, no 5xx unless the test asked for one, and the body against the schema that the API document promises.
//!
//! Deliberately absent: sockets (the wire is tried where a test is about it) and sleeping (the clock moves when it is told to).

pub mod chance;
pub mod cluster;
pub mod conformance;
pub mod hand_case;
pub mod receiver;
mod repeated;
pub mod scene;
pub mod wire;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use actix_web::body::BoxBody;
use actix_web::dev::Service;
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::test::{TestRequest, init_service, read_body};
use jiff::SignedDuration;
use labour_exchange::app::State;
use labour_exchange::clock::Clock;
use labour_exchange::config::Limits;
use labour_exchange::db::{Id, Instant, Location, statement};
use labour_exchange::identity::policy;
use labour_exchange::identity::token::{Grant, VerifiedTokens};
use labour_exchange::seal::KeyRing;
use serde_json::Value;
use uuid::Uuid;

/// Address of the exchange under test.
pub const PUBLIC_URL: &str = "http://exchange.test";
/// When every test begins: 09:00 in Shanghai.
pub const BEGINNING: &str = "2026-03-02T01:00:00Z";
/// Connections that read; two show what one would hide.
const READERS: usize = 2;

/// Makes two tests of each scenario, `name::sqlite` and `name::postgres`:
/// `on_both! { /// what a user relies on\n async fn name(app: TestApp) { … } }`.
#[macro_export]
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($app:ident: $application:ty) $body:block)+) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, clippy::wildcard_imports, clippy::allow_attributes, reason = "what the scenario uses, it uses from here")]
            use super::*;

            async fn scenario($app: $application) $body

            #[actix_web::test]
            async fn sqlite() {
                scenario(<$application>::over_sqlite().await).await;
            }

            #[actix_web::test]
            async fn postgres() {
                scenario(<$application>::over_postgres().await).await;
            }
        }
    )+};
}

type Answering = Pin<Box<dyn Future<Output = ServiceResponse<BoxBody>>>>;

/// The whole application over a database that belongs to this test. Cheap to clone, so that requests can run side by side.
#[derive(Clone)]
pub struct TestApp {
    /// What the application itself works with.
    pub state: State,
    service: Rc<dyn Fn(TestRequest) -> Answering>,
    tokens: Rc<RefCell<HashMap<(Id, i64, String), String>>>,
    faults_expected: Rc<Cell<bool>>,
    // Last: the database goes after everything that holds a connection to it.
    _database: Rc<Database>,
}

enum Database {
    Sqlite { _folder: tempfile::TempDir },
    Postgres { _database: cluster::Database },
}

/// A party with one client, as the operator would have registered it.
#[derive(Debug, Clone)]
pub struct TestParty {
    /// The party.
    pub id: Id,
    /// Its client.
    pub client_id: Id,
    /// `authority`, `employer`, `station`, `agency` or `operator`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl TestApp {
    /// Over a fresh SQLite file.
    pub async fn over_sqlite() -> Self {
        let folder = quick_folder();
        let path = folder.path().join("exchange.db");
        std::fs::copy(sqlite_template(), &path).unwrap();
        let location = Location::Sqlite(path.to_str().unwrap().to_owned());
        Self::open(location, Database::Sqlite { _folder: folder }).await
    }

    /// Over a fresh PostgreSQL database.
    pub async fn over_postgres() -> Self {
        let database = cluster::fresh_database_from(|url| drop(Location::parse(url).unwrap().migrate().unwrap()));
        let location = Location::parse(&database.url).unwrap();
        Self::open(location, Database::Postgres { _database: database }).await
    }

    async fn open(location: Location, database: Database) -> Self {
        let beginning = instant(BEGINNING);
        let keys = KeyRing::generate(beginning.timestamp()).unwrap();
        let mut state = State::open(location, READERS, keys, PUBLIC_URL, Clock::fixed(beginning)).unwrap();
        // A test asks as often as it needs to while its clock stands still.
        state.limits = Limits { tokens_per_client: 0, tokens_per_peer: 0, ..state.limits };
        Self {
            service: served(&state).await,
            state,
            tokens: Rc::default(),
            faults_expected: Rc::default(),
            _database: Rc::new(database),
        }
    }

    /// One more instance over the same database with the same keys, which has seen nothing of what the first one saw; `change` sets
    /// what it is set up with otherwise.
    pub async fn another_instance(&self, change: impl FnOnce(&mut State)) -> Self {
        let mut state = self.state.clone();
        state.verified = Arc::new(VerifiedTokens::new(1_000));
        state.token_requests = Arc::default();
        change(&mut state);
        Self { service: served(&state).await, state, ..self.clone() }
    }

    /// Whether this is the scenario's run over PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self.state.db.location(), Location::Postgres(_))
    }

    /// Moves the clock to 09:00 in Shanghai of a day (`2026-04-01`).
    pub fn clock_set(&self, day: &str) {
        self.clock_set_to(&format!("{day}T01:00:00Z"));
    }

    /// Moves the clock to an instant (`2026-04-01T16:00:00Z`).
    pub fn clock_set_to(&self, text: &str) {
        assert!(self.state.clock.set(instant(text)), "the clock of a test can be moved");
    }

    /// From now on a 5xx is what the test wants to see.
    pub fn expect_faults(&self) {
        self.faults_expected.set(true);
    }

    /// Registers a party with a client that has every scope of its kind. `region` is empty for a party without one.
    pub async fn party(&self, name: &str, kind: &str, region: &str) -> TestParty {
        let party = TestParty { id: Id::new(), client_id: Id::new(), kind: kind.to_owned(), name: name.to_owned() };
        let (written, region) = (party.clone(), (!region.is_empty()).then(|| region.to_owned()));
        let now = self.state.clock.now();
        let writing = self.state.db.write(move |connection| {
            statement("insert into party (id, name, kind, region_code, state, version, created_at, updated_at) values (?, ?, ?, ?, 'active', 1, ?, ?)")
                .bind(written.id)
                .bind(written.name.clone())
                .bind(written.kind.clone())
                .bind(region)
                .bind(now)
                .bind(now)
                .run(connection)?;
            statement("insert into client (id, party_id, name, scopes, state, version, created_at, updated_at) values (?, ?, ?, ?, 'active', 1, ?, ?)")
                .bind(written.client_id)
                .bind(written.id)
                .bind(written.name)
                .bind(policy::default_scopes(&written.kind).join(" "))
                .bind(now)
                .bind(now)
                .run(connection)?;
            Ok(())
        });
        writing.await.unwrap();
        party
    }

    /// A token of the party's client with these scopes; with every scope of its kind when none is named.
    pub fn token(&self, party: &TestParty, scopes: &[&str]) -> String {
        let scopes = if scopes.is_empty() { policy::default_scopes(&party.kind) } else { scopes.to_vec() };
        let now = self.state.clock.now();
        let remembered = (party.client_id, now.as_micros(), scopes.join(" "));
        if let Some(token) = self.tokens.borrow().get(&remembered) {
            return token.clone();
        }
        let scopes: Vec<String> = scopes.into_iter().map(str::to_owned).collect();
        let grant = Grant {
            issuer: PUBLIC_URL,
            audience: PUBLIC_URL,
            client_id: party.client_id.0,
            party_id: party.id.0,
            scopes: &scopes,
            lifetime: SignedDuration::from_mins(10),
        };
        let token = self.state.token_keys.current().issue(now.timestamp(), &grant).unwrap().token.into_exposed();
        self.tokens.borrow_mut().insert(remembered, token.clone());
        token
    }

    /// Starts a request; see [`Call`].
    pub fn call(&self, method: &str, path: &str) -> Call<'_> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Call { app: self, method, path: path.to_owned(), headers: Vec::new(), body: None }
    }

    /// GET as a party.
    pub async fn get(&self, party: &TestParty, path: &str) -> Reply {
        self.call("GET", path).by(party).send().await
    }

    /// GET without a token.
    pub async fn get_anonymous(&self, path: &str) -> Reply {
        self.call("GET", path).send().await
    }

    /// POST as a party, under a fresh Idempotency-Key.
    pub async fn post(&self, party: &TestParty, path: &str, body: Value) -> Reply {
        self.post_with(party, path, body, &[]).await
    }

    /// POST as a party with further headers; a fresh Idempotency-Key unless one is among them.
    pub async fn post_with(&self, party: &TestParty, path: &str, body: Value, headers: &[(&str, &str)]) -> Reply {
        let mut call = self.call("POST", path).by(party).json(&body);
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("idempotency-key")) {
            call = call.fresh_key();
        }
        for (name, value) in headers {
            call = call.header(name, value);
        }
        call.send().await
    }

    /// PATCH as a party, meant for the version in `etag` (as the reply of a GET carries it).
    pub async fn patch(&self, party: &TestParty, path: &str, etag: &str, body: Value) -> Reply {
        self.call("PATCH", path).by(party).header("if-match", etag).merge_patch(&body).send().await
    }
}

/// A request in the making.
pub struct Call<'a> {
    app: &'a TestApp,
    method: Method,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Vec<u8>>,
}

impl Call<'_> {
    /// With a token of the party that has every scope of its kind.
    pub fn by(self, party: &TestParty) -> Self {
        let token = self.app.token(party, &[]);
        self.bearer(&token)
    }

    /// With this token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With an Idempotency-Key nobody has used.
    pub fn fresh_key(self) -> Self {
        self.header("idempotency-key", &Uuid::new_v4().to_string())
    }

    /// With one more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.headers.push((HeaderName::from_bytes(name.as_bytes()).unwrap(), value));
        self
    }

    /// With a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.bytes("application/json", body.to_string())
    }

    /// With a merge patch (RFC 7396) as body.
    pub fn merge_patch(self, body: &Value) -> Self {
        self.bytes("application/merge-patch+json", body.to_string())
    }

    /// With these bytes as body.
    pub fn bytes(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.header("content-type", media_type)
    }

    /// Sends it and checks what every reply must have. What was done under an Idempotency-Key is sent once more: the repeat must get the
    /// same answer, and whatever the test says of its effects afterwards holds of both together (P07).
    pub async fn send(self) -> Reply {
        let reply = self.send_once().await;
        let keyed = self.headers.iter().any(|(name, _)| name.as_str() == "idempotency-key")
            && !repeated::is_done_each_time(&self.path);
        if keyed && self.method == Method::POST && (200..300).contains(&reply.status) && !self.app.faults_expected.get()
        {
            repeated::count(&self.path);
            let again = self.send_once().await;
            repeated::must_be_the_same(&reply, &again);
        }
        reply
    }

    /// Sends it, and does not repeat it.
    pub async fn send_once(&self) -> Reply {
        let mut request = TestRequest::with_uri(&self.path).method(self.method.clone());
        for (name, value) in &self.headers {
            request = request.append_header((name.clone(), value.clone()));
        }
        if let Some(body) = &self.body {
            request = request.set_payload(body.clone());
        }
        let response = (self.app.service)(request).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = read_body(response).await.to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let reply = Reply { about: format!("{} {}", self.method, self.path), status, headers, body, bytes };
        reply.must_be_whole(&self.method, self.app.faults_expected.get());
        reply
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Method and path, for messages.
    pub about: String,
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body as JSON; null when it is none.
    pub body: Value,
    /// The body as it came.
    pub bytes: Vec<u8>,
}

impl Reply {
    /// This very status, else the test fails and shows what came.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.about, String::from_utf8_lossy(&self.bytes));
        self
    }

    /// A problem of this code.
    #[track_caller]
    pub fn problem(self, code: &str) -> Self {
        let shown = String::from_utf8_lossy(&self.bytes);
        assert!(self.status >= 400, "{}: {} is no problem: {shown}", self.about, self.status);
        assert_eq!(self.header("content-type"), "application/problem+json", "{}: {shown}", self.about);
        assert_eq!(self.body["code"], code, "{}: {shown}", self.about);
        self
    }

    /// A header's text; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The ETag.
    pub fn etag(&self) -> &str {
        self.header("etag")
    }

    /// A text in the body by its JSON pointer (`/id`).
    #[track_caller]
    pub fn text(&self, pointer: &str) -> String {
        let found = self.body.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("{}: no text at {pointer} in {}", self.about, self.body)).to_owned()
    }

    /// The `id` of the body.
    #[track_caller]
    pub fn id(&self) -> String {
        self.text("/id")
    }

    fn path(&self) -> &str {
        self.about.split_once(' ').map_or("", |(_, path)| path)
    }

    fn must_be_whole(&self, method: &Method, faults_expected: bool) {
        let shown = String::from_utf8_lossy(&self.bytes);
        let about = &self.about;
        assert!(self.status < 500 || faults_expected, "{about}: {} {shown}", self.status);
        assert!(Uuid::try_parse(self.header("x-request-id")).is_ok(), "{about}: no X-Request-Id");
        let media_type = self.header("content-type");
        if self.status == 204 || (300..400).contains(&self.status) {
            assert!(self.bytes.is_empty(), "{about}: {} has a body: {shown}", self.status);
        } else if self.status >= 400 {
            let refusal_of_token = self.path() == "/oauth/token" && media_type.starts_with("application/json");
            if !refusal_of_token {
                assert!(
                    matches!(self.header("content-language"), "en" | "zh-CN"),
                    "{about}: no Content-Language: {shown}"
                );
                assert!(self.header("vary").contains("Accept-Language"), "{about}: Vary");
            }
            assert!(media_type == "application/problem+json" || refusal_of_token, "{about}: {media_type}: {shown}");
        } else {
            assert!(!media_type.is_empty() || method == Method::HEAD, "{about}: no Content-Type: {shown}");
        }
        let mut complaints = conformance::complaints(method.as_str(), self.path(), self);
        if self.path().contains("fields=") {
            // Whoever names fields gets no others, required or not.
            complaints.retain(|complaint| !complaint.ends_with(" is missing"));
        }
        assert!(
            complaints.is_empty(),
            "{about}: {} {shown}\nis not what the document promises: {complaints:#?}",
            self.status
        );
        if media_type.contains("json") && method != Method::HEAD {
            // A batch of CloudEvents is a list by its specification.
            let is_batch = media_type.starts_with("application/cloudevents-batch");
            assert!(self.body.is_object() || is_batch, "{about}: the body must be a JSON object: {shown}");
        }
    }
}

async fn served(state: &State) -> Rc<dyn Fn(TestRequest) -> Answering> {
    let service = init_service(labour_exchange::app::app(state)).await;
    Rc::new(move |request: TestRequest| -> Answering {
        let answering = service.call(request.to_request());
        Box::pin(
            async move { answering.await.expect("the edge turns every error into an answer").map_into_boxed_body() },
        )
    })
}

/// Sends requests side by side and gives the replies in the order of the requests.
pub async fn together(requests: impl IntoIterator<Item = impl Future<Output = Reply> + 'static>) -> Vec<Reply> {
    let running: Vec<_> = requests.into_iter().map(actix_web::rt::spawn).collect();
    let mut replies = Vec::with_capacity(running.len());
    for request in running {
        replies.push(request.await.unwrap());
    }
    replies
}

fn instant(text: &str) -> Instant {
    Instant::from_timestamp(text.parse().unwrap())
}

/// In memory where that is to be had: these databases prove what the application does, not what the disk does.
fn quick_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A migrated, empty SQLite file; made once.
fn sqlite_template() -> &'static PathBuf {
    static TEMPLATE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = TEMPLATE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("template.db");
        Location::Sqlite(path.to_str().unwrap().to_owned()).migrate().unwrap();
        (folder, path)
    });
    path
}
