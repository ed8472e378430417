//! The program itself, started as an operator would start it: a process, its output, its exit code, and a real socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::cluster;

/// Longest wait for something the program is about to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// A folder with a database and keys of its own.
struct Place {
    folder: tempfile::TempDir,
    database: String,
    _cluster: Option<cluster::Database>,
}

impl Place {
    fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}", folder.path().join("data/exchange.db").display());
        Self { folder, database, _cluster: None }
    }

    fn postgres() -> Self {
        let cluster = cluster::fresh_database();
        Self { folder: tempfile::tempdir().unwrap(), database: cluster.url.clone(), _cluster: Some(cluster) }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.settled(Command::new(env!("CARGO_BIN_EXE_labour-exchange")));
        command.args(arguments);
        command
    }

    /// Settings by environment: an option of the test itself wins over them.
    fn settled(&self, mut command: Command) -> Command {
        command
            .env("LABOUR_EXCHANGE_DATABASE", &self.database)
            .env("LABOUR_EXCHANGE_KEY_FILE", self.file("keys.json"))
            .env_remove("LABOUR_EXCHANGE_PUBLIC_URL")
            .current_dir(self.folder.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a command that must succeed prints.
    fn told(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.told(arguments)).unwrap()
    }

    /// Changes the database behind the program's back.
    fn sqlite_command(&self, sql: &'static str) {
        let location = labour_exchange::db::Location::parse(&self.database).unwrap();
        labour_exchange::db::statement(sql).run(&mut location.open(false).unwrap()).unwrap();
    }

    /// What a command that must fail with this exit code says.
    fn refused(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    }
}

/// A server process; ended with the test.
struct Server {
    child: Child,
    address: String,
    log: PathBuf,
}

impl Server {
    fn start(place: &Place, more: &[&str]) -> Self {
        Self::spawned(place, &[&["serve", "--listen", "127.0.0.1:0"], more].concat(), 0)
    }

    /// A command that serves, after so many lines of other words.
    fn spawned(place: &Place, arguments: &[&str], before: usize) -> Self {
        let log = place.file("server.log");
        let mut command = place.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        for _ in 0..=before {
            line.clear();
            told.read_line(&mut line).unwrap();
        }
        let address = line.trim().strip_prefix("listening on http://").unwrap_or_else(|| {
            panic!("{line:?}: {}", std::fs::read_to_string(&log).unwrap());
        });
        Self { address: address.to_owned(), child, log }
    }

    /// Status and body of a GET.
    fn get(&self, path: &str, token: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let host = &self.address;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    /// Status and body of a POST of JSON.
    fn post(&self, path: &str, token: &str, body: &str) -> (u16, String) {
        self.send(path, token, "application/json", body)
    }

    /// Status and body of a POST, under a key of its own.
    fn send(&self, path: &str, token: &str, media_type: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (host, key) = (&self.address, labour_exchange::db::Id::new());
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {key}\r\n\
             Content-Type: {media_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end; whether it was a clean one.
    fn ended(&mut self) -> bool {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            assert!(start.elapsed() < PATIENCE, "{}", std::fs::read_to_string(&self.log).unwrap());
            std::thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// From nothing to a call: the operator, a party, a key, a client, a token, a server.
fn an_operator_gets_from_nothing_to_a_call(place: &Place) {
    let operator = place.json(&["operator", "init", "--key-out", "operator.jwk.json"]);
    assert_eq!(operator["created"], true);
    let mode = std::fs::metadata(place.file("operator.jwk.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else may read a private key");
    let again = place.json(&["operator", "init", "--key-out", "another.jwk.json"]);
    assert_eq!((&again["created"], &again["party_id"]), (&Value::Bool(false), &operator["party_id"]));
    assert!(!place.file("another.jwk.json").exists());

    let party = place.json(&["party", "add", "--name", "邵阳县人社局", "--kind", "authority", "--region", "430523"]);
    let public = place.told(&["client", "new-key", "--out", "origin.jwk.json"]);
    assert!(!public.contains("\"d\""), "the private part stays in its file");
    std::fs::write(place.file("public.jwk.json"), public).unwrap();
    let party_id = party["party_id"].as_str().unwrap();
    let client = place.json(&[
        "client",
        "add",
        "--party",
        party_id,
        "--public-key",
        "public.jwk.json",
        "--scopes",
        "parties.read events.read",
    ]);
    let client_id = client["client_id"].as_str().unwrap();

    let mut server = Server::start(place, &[]);
    let token = place.told(&["token", "--client", client_id]);
    assert_eq!(token.lines().count(), 1, "the token and nothing else");
    let (status, body) = server.get("/v1/parties", token.trim());
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("邵阳县人社局"));
    let narrow = place.told(&["token", "--client", client_id, "--scopes", "events.read"]);
    assert_eq!(server.get("/v1/parties", narrow.trim()).0, 403);
    let (_, served) = server.get("/openapi.json", "");
    assert_eq!(served, place.told(&["openapi"]), "what is served is what is printed");

    let verified = place.told(&["verify"]);
    assert!(verified.contains("0 differences"), "{verified}");
    place.json(&["client", "revoke", "--client", client_id]);
    assert!(place.refused(&["token", "--client", client_id], 1).contains("revoked"));
    server.signal("-INT");
    assert!(server.ended());
}

#[test]
fn an_operator_gets_from_nothing_to_a_call_on_sqlite() {
    an_operator_gets_from_nothing_to_a_call(&Place::sqlite());
}

#[test]
fn an_operator_gets_from_nothing_to_a_call_on_postgres() {
    an_operator_gets_from_nothing_to_a_call(&Place::postgres());
}

#[test]
fn a_server_told_to_stop_says_so_first_and_then_ends_cleanly() {
    let place = Place::sqlite();
    let mut server = Server::start(&place, &["--drain-s", "600"]);
    assert_eq!(server.get("/readyz", "").0, 200);
    server.signal("-TERM");
    let start = Instant::now();
    while server.get("/readyz", "").0 != 503 {
        assert!(start.elapsed() < PATIENCE);
    }
    assert_eq!(server.get("/livez", "").0, 200, "it still answers while balancers turn away");
    server.signal("-TERM");
    assert!(server.ended(), "a second signal ends the pause");
}

#[test]
fn a_wrong_setting_is_named_in_both_languages_with_its_remedy() {
    let place = Place::sqlite();
    let said = place.refused(&["serve", "--public-url", "exchange.example.cn"], 2);
    assert!(said.contains("--public-url") && said.contains("对外地址"), "{said}");
    let said = place.refused(&["migrate", "--database", "mysql://x"], 2);
    assert!(said.contains("sqlite:PATH") && said.contains("数据库地址"), "{said}");
    place.told(&["migrate"]);
    let said = place.refused(&["token", "--client", "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50"], 2);
    assert!(said.contains("cannot be read") && said.contains("密钥文件"), "{said}");
    drop(Server::start(&place, &[]));
    std::fs::set_permissions(place.file("keys.json"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = place.refused(&["serve", "--listen", "127.0.0.1:0"], 2);
    assert!(said.contains("chmod 600") && said.contains("可被其他账户读取"), "{said}");
    place.refused(&["serve", "--listen", "nowhere"], 2);
    let said = place.refused(&["serve", "--log", "inof"], 2);
    assert!(said.contains("--log says \"inof\"") && said.contains("有误；请填写级别"), "{said}");
    place.refused(&["party", "add", "--name", "甲", "--kind", "village"], 2);
}

#[test]
fn a_refused_command_leaves_nothing_behind() {
    let place = Place::sqlite();
    std::fs::write(place.file("taken.jwk.json"), "{}").unwrap();
    place.refused(&["operator", "init", "--key-out", "taken.jwk.json"], 2);
    let operator = place.json(&["operator", "init", "--key-out", "free.jwk.json"]);
    assert_eq!(operator["created"], true, "the refused one left no party");
    let said = place.refused(&["party", "add", "--name", "甲", "--kind", "authority", "--region", "330103"], 1);
    assert!(said.contains("region_code"), "{said}");
}

#[test]
fn migrations_run_once_and_are_named() {
    let place = Place::sqlite();
    assert!(place.told(&["migrate"]).contains("identity"));
    assert_eq!(place.told(&["migrate"]), "");
}

#[test]
fn verify_names_a_changed_event_and_fails() {
    let place = Place::sqlite();
    place.told(&["operator", "init", "--key-out", "operator.jwk.json"]);
    let path = place.database.strip_prefix("sqlite:").unwrap();
    let mut connection = labour_exchange::db::Location::Sqlite(path.to_owned()).open(false).unwrap();
    labour_exchange::db::statement("update event set payload = '{}' where sequence = 1").run(&mut connection).unwrap();
    drop(connection);
    let output = place.run(&["verify"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("its payload was changed"), "{said}");
}

#[test]
fn the_log_can_be_read_by_programs() {
    let place = Place::sqlite();
    let server = Server::start(&place, &["--log-format", "json"]);
    assert_eq!(server.get("/v1/parties", "secret.token.text").0, 401);
    let log = std::fs::read_to_string(&server.log).unwrap();
    assert!(!log.is_empty());
    for line in log.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert!(!log.contains("secret.token.text"), "no token in the log");
}

/// Runs a scenario of the command line over both back ends.
fn on_each_back_end(scenario: impl Fn(&Place)) {
    scenario(&Place::sqlite());
    scenario(&Place::postgres());
}

/// Under other keys nothing stored would open and nobody be found again, so a mistyped key file stops the start.
#[test]
fn a_database_opens_with_its_own_key_file_only() {
    on_each_back_end(|place| {
        let operator = place.json(&["operator", "init", "--key-out", "operator.jwk.json"]);
        let client = operator["client_id"].as_str().unwrap();
        drop(Server::start(place, &[]));
        for arguments in [
            &["serve", "--listen", "127.0.0.1:0", "--key-file", "mistyped.json"][..],
            &["token", "--client", client, "--key-file", "mistyped.json"],
        ] {
            let said = place.refused(arguments, 2);
            assert!(said.contains("mistyped.json") && said.contains("密钥文件"), "{said}");
            assert!(!place.file("mistyped.json").exists(), "no new keys beside stored data: {arguments:?}");
        }
        let other = Place::sqlite();
        drop(Server::start(&other, &[]));
        std::fs::copy(other.file("keys.json"), place.file("foreign.json")).unwrap();
        for arguments in [
            &["serve", "--listen", "127.0.0.1:0", "--key-file", "foreign.json"][..],
            &["token", "--client", client, "--key-file", "foreign.json"],
        ] {
            let said = place.refused(arguments, 2);
            assert!(said.contains("belongs to the key ring") && said.contains("--key-file"), "{said}");
            assert!(said.contains("该数据库属于密钥环") && said.contains("从备份恢复"), "{said}");
        }
        drop(Server::start(place, &[]));
        place.told(&["token", "--client", client]);
    });
}

/// D19: a newer program may have given the tables another meaning; the older one keeps its hands off.
#[test]
fn a_database_of_a_newer_program_is_refused() {
    on_each_back_end(|place| {
        place.told(&["migrate"]);
        let location = labour_exchange::db::Location::parse(&place.database).unwrap();
        let sql = "insert into __diesel_schema_migrations (version) values ('20990101000001')";
        labour_exchange::db::statement(sql).run(&mut location.open(false).unwrap()).unwrap();
        for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate"], &["verify"], &["operator", "init"]] {
            let said = place.refused(arguments, 2);
            assert!(said.contains("newer than this program (migrations 20990101000001)"), "{arguments:?}: {said}");
            assert!(said.contains("数据库结构比本程序新"), "{arguments:?}: {said}");
        }
        assert!(!place.file("keys.json").exists(), "nothing was made");
    });
}

/// A leaked or old signing key is exchanged without a restart: what was issued stays good until it ends, unless its key is revoked.
#[test]
fn signing_keys_are_exchanged_while_the_server_runs() {
    let place = Place::sqlite();
    let operator = place.json(&["operator", "init", "--key-out", "operator.jwk.json"]);
    let client = operator["client_id"].as_str().unwrap();
    let server = Server::start(&place, &[]);
    let token = || place.told(&["token", "--client", client]).trim().to_owned();
    let published = || {
        let set: Value = serde_json::from_str(&server.get("/.well-known/jwks.json", "").1).unwrap();
        let kids = set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned());
        kids.collect::<std::collections::BTreeSet<_>>()
    };
    let reloaded = |without: &dyn Fn(&std::collections::BTreeSet<String>) -> bool| {
        server.signal("-HUP");
        let start = Instant::now();
        while !without(&published()) {
            assert!(start.elapsed() < PATIENCE, "{}", std::fs::read_to_string(&server.log).unwrap());
        }
    };
    let old = token();
    assert_eq!(server.get("/v1/parties", &old).0, 200);
    let said = place.refused(&["keys", "rotate"], 2);
    assert!(
        said.contains("rotate again after") && said.contains("再轮换"),
        "clients do not know the next key yet: {said}"
    );

    publish_an_hour_ago(&place);
    let keys = place.json(&["keys", "rotate"]);
    let mode = std::fs::metadata(place.file("keys.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else may read the keys");
    let (active, retained) = (keys["active"][0].as_str().unwrap(), keys["retained"][0].as_str().unwrap());
    reloaded(&|kids| kids.len() == 3 && kids.contains(active) && kids.contains(retained));
    let new = token();
    assert_eq!(server.get("/v1/parties", &old).0, 200, "a token of the old key is good until it ends");
    assert_eq!(server.get("/v1/parties", &new).0, 200);

    place.refused(&["keys", "revoke", "--kid", "nobody"], 2);
    place.json(&["keys", "revoke", "--kid", retained]);
    reloaded(&|kids| !kids.contains(retained));
    assert_eq!(server.get("/v1/parties", &old).0, 401, "the tokens of a leaked key end with it");
    assert_eq!(server.get("/v1/parties", &new).0, 200);

    std::fs::write(place.file("keys.json"), "{}").unwrap();
    server.signal("-HUP");
    let start = Instant::now();
    while !std::fs::read_to_string(&server.log).unwrap().contains("signing keys not taken over") {
        assert!(start.elapsed() < PATIENCE);
    }
    assert_eq!(server.get("/v1/parties", &new).0, 200, "a damaged file changes nothing");
}

/// As if the key file had been made an hour earlier.
fn publish_an_hour_ago(place: &Place) {
    let path = place.file("keys.json");
    let mut keys: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for key in keys["signing"].as_array_mut().unwrap() {
        let since: jiff::Timestamp = key["since"].as_str().unwrap().parse().unwrap();
        key["since"] = Value::from((since - jiff::SignedDuration::from_hours(1)).to_string());
    }
    std::fs::write(path, keys.to_string()).unwrap();
}

/// P06: whatever a caller types where, an identity number does not reach the log.
#[test]
fn no_identity_number_reaches_the_log_however_it_is_sent() {
    let place = Place::sqlite();
    let operator = place.json(&["operator", "init", "--key-out", "operator.jwk.json"]);
    let client = operator["client_id"].as_str().unwrap();
    let server = Server::start(&place, &["--log", "trace", "--log-format", "json"]);
    let token = place.told(&["token", "--client", client]).trim().to_owned();
    let canary = crate::support::scene::identity_number(5);
    let body = format!("{{\"name\":\"{canary}\",\"identity_number\":\"{canary}\",\"{canary}\":1}}");
    for (first_line, bearer) in [
        (format!("GET /v1/workers/{canary}"), token.as_str()),
        (format!("GET /v1/workers?identity_number={canary}"), "no.such.token"),
        (format!("GET /v1/parties?name={canary}"), token.as_str()),
        (format!("GET /v1/{canary}/{canary}?{canary}"), token.as_str()),
        (format!("POST /v1/workers/{canary}"), token.as_str()),
        ("POST /v1/parties".to_owned(), token.as_str()),
        ("POST /v1/workers".to_owned(), "no.such.token"),
        ("POST /oauth/token".to_owned(), canary.as_str()),
        (format!("X{canary} /v1/parties"), token.as_str()),
    ] {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        write!(
            stream,
            "{first_line} HTTP/1.1\r\nHost: {canary}\r\nAuthorization: Bearer {bearer}\r\nUser-Agent: {canary}\r\nReferer: /{canary}\r\n\
             Idempotency-Key: {canary}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 "), "{first_line}: {answer}");
    }
    let log = std::fs::read_to_string(&server.log).unwrap();
    assert!(
        log.contains("\"route\":\"/v1/workers\"") && log.contains("access token refused"),
        "requests are logged: {log}"
    );
    let found: Vec<&str> = log.lines().filter(|line| line.contains(&canary)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// The tutorial of the README, as it is written: from two parties to the number and the rows behind it.
fn the_first_agreement_works_as_written(place: &Place) {
    place.told(&["operator", "init"]);
    let server = Server::start(place, &[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/first_agreement.sh");
    let program = env!("CARGO_BIN_EXE_labour-exchange");
    let mut walk = place.settled(Command::new("bash"));
    walk.arg(script).env("EXCHANGE", program).env("BASE", format!("http://{}", server.address));
    let output = walk.output().unwrap();
    let (told, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(told.contains("onboarded: 1 / 2"), "{told}");
    let rows: Value = serde_json::from_str(told.trim_end().rsplit('\n').next().unwrap()).unwrap();
    assert_eq!(rows["items"].as_array().unwrap().len(), 1, "the number equals its rows");
}

#[test]
fn the_tutorial_works_on_sqlite() {
    the_first_agreement_works_as_written(&Place::sqlite());
}

#[test]
fn the_tutorial_works_on_postgres() {
    the_first_agreement_works_as_written(&Place::postgres());
}

/// A sandbox has its partners, their keys and a clock that goes forward when it is told to; another server has no such clock.
#[test]
fn a_sandbox_walks_through_the_days_it_is_told() {
    let place = Place::sqlite();
    let sandbox = || {
        let arguments = ["sandbox", "--folder", "box", "--from", "2026-01-05", "--listen", "127.0.0.1:0"];
        Server::spawned(&place, &arguments, 1)
    };
    let mut server = sandbox();
    let named: Value = serde_json::from_slice(&std::fs::read(place.file("box/sandbox.json")).unwrap()).unwrap();
    let client = named["partners"]["origin"]["client_id"].as_str().unwrap().to_owned();
    let boxed = |name: &str| place.file(&format!("box/{name}")).display().to_string();
    let (database, keys) = (format!("sqlite:{}", boxed("exchange.db")), boxed("keys.json"));
    let url = named["url"].as_str().unwrap();
    let token = ["--database", &database, "--key-file", &keys, "--public-url", url, "token", "--client", &client];
    let token = place.told(&token).trim().to_owned();
    let shown =
        |server: &Server| -> Value { serde_json::from_str(&server.get("/v1/sandbox/clock", &token).1).unwrap() };
    assert_eq!(shown(&server)["today"], "2026-01-05");
    let (status, moved) = server.post("/v1/sandbox/clock", &token, "{\"today\":\"2026-04-05\"}");
    assert_eq!((status, moved.contains("2026-04-05T01:00:00")), (200, true), "{moved}");
    assert_eq!(shown(&server)["today"], "2026-04-05", "the token of before is still good: it goes by the real time");
    assert_eq!(server.post("/v1/sandbox/clock", &token, "{\"today\":\"2026-04-04\"}").0, 422);
    server.signal("-INT");
    assert!(server.ended());
    let again = sandbox();
    let now: Value = serde_json::from_slice(&std::fs::read(place.file("box/sandbox.json")).unwrap()).unwrap();
    assert_eq!(now["partners"], named["partners"], "a sandbox is gone on with");
    drop(again);

    let other = Place::sqlite();
    let operator = other.json(&["operator", "init", "--key-out", "operator.jwk.json"]);
    let party = other.json(&["party", "add", "--name", "邵阳县人社局", "--kind", "authority", "--region", "430523"]);
    let public = other.told(&["client", "new-key", "--out", "origin.jwk.json"]);
    std::fs::write(other.file("public.jwk.json"), public).unwrap();
    assert!(operator["created"].as_bool().unwrap());
    let party = party["party_id"].as_str().unwrap();
    let client = other.json(&["client", "add", "--party", party, "--public-key", "public.jwk.json"]);
    let server = Server::start(&other, &[]);
    let token = other.told(&["token", "--client", client["client_id"].as_str().unwrap()]).trim().to_owned();
    assert_eq!(server.get("/v1/sandbox/clock", &token).0, 404);
    let (status, told) = server.post("/v1/sandbox/clock", &token, "{\"today\":\"2026-04-05\"}");
    assert_eq!(
        (status, told.contains("sandbox.write")),
        (403, true),
        "nobody has this scope outside a sandbox: {told}"
    );
}

/// A server that is killed in the middle of a job goes on with it when it is started again, and no row is there twice.
#[test]
fn a_job_survives_the_death_of_its_server() {
    let place = Place::sqlite();
    place.json(&["operator", "init", "--key-out", "operator.jwk.json"]);
    let party = place.json(&["party", "add", "--name", "邵阳县人社局", "--kind", "authority", "--region", "430523"]);
    let public = place.told(&["client", "new-key", "--out", "origin.jwk.json"]);
    std::fs::write(place.file("public.jwk.json"), public).unwrap();
    let party = party["party_id"].as_str().unwrap();
    let client = place.json(&["client", "add", "--party", party, "--public-key", "public.jwk.json"]);
    let client = client["client_id"].as_str().unwrap();
    let rows = 20_000;
    let file = (0..rows)
        .map(|n| {
            let (name, number) = (crate::support::scene::name(n), crate::support::scene::identity_number(n));
            format!("{{\"name\":\"{name}\",\"identity_number\":\"{number}\",\"hukou_code\":\"430523\"}}\n")
        })
        .collect::<Vec<_>>()
        .concat();
    let server = Server::start(&place, &[]);
    let token = place.told(&["token", "--client", client]).trim().to_owned();
    let (status, job) = server.send("/v1/worker-batches", &token, "application/x-ndjson", &file);
    assert_eq!(status, 202, "{job}");
    let id = serde_json::from_str::<Value>(&job).unwrap()["id"].as_str().unwrap().to_owned();
    let read =
        |server: &Server| -> Value { serde_json::from_str(&server.get(&format!("/v1/jobs/{id}"), &token).1).unwrap() };
    let start = Instant::now();
    while read(&server)["processed_rows"] == 0 {
        assert!(start.elapsed() < PATIENCE);
    }
    server.signal("-KILL");
    drop(server);
    // The lease of the dead server runs out in two minutes; nobody waits that long in a test.
    place.sqlite_command("update job set leased_until = 0 where lease is not null");
    let server = Server::start(&place, &[]);
    let start = Instant::now();
    let job = loop {
        let job = read(&server);
        if job["state"] != "running" {
            break job;
        }
        assert!(start.elapsed() < PATIENCE, "{job}");
    };
    assert_eq!((&job["state"], &job["accepted_rows"]), (&Value::from("succeeded"), &Value::from(rows)), "{job}");
    assert!(place.told(&["verify"]).contains("0 differences"));
}
