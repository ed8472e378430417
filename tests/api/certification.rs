//! The conformance kit: the mock partner passes, each planted mistake is named, and gaps are closed from a real exchange's feed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PATIENCE: Duration = Duration::from_mins(1);

/// A process that tells where it listens; ended with the test.
struct Listening {
    child: Child,
    url: String,
    _told: BufReader<std::process::ChildStdout>,
}

impl Listening {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        told.read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Self { child, url, _told: told }
    }

    fn partner(more: &[&str]) -> Self {
        let arguments = ["mock-partner", "--listen", "127.0.0.1:0"];
        Self::start(program().args(arguments).args(more).env("LABOUR_EXCHANGE_WEBHOOK_SECRET", SECRET))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_labour-exchange"))
}

fn certify(partner: &Listening, more: &[&str]) -> (bool, String) {
    let state = format!("{}/state", partner.url);
    let hooks = format!("{}/hooks", partner.url);
    let mut command = program();
    command.args(["certify", &hooks, "--secret", SECRET, "--state-url", &state]).args(more);
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// The names of the requirements that are not met.
fn failed(report: &str) -> Vec<String> {
    let report: Value = serde_json::from_str(report).unwrap_or_else(|cause| panic!("{cause}: {report}"));
    let checks = report["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["verdict"] == "failed")
        .map(|check| check["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_good_receiver_passes() {
    let partner = Listening::partner(&[]);
    let (passed, report) = certify(&partner, &["--json"]);
    assert!(passed && failed(&report).is_empty(), "{report}");
    let counts: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&counts["passed"], &counts["not_checked"]), (&json!(17), &json!(0)));
    let (passed, report) = certify(&partner, &[]);
    assert!(passed && report.contains("✓ 接受签名正确的事件 / takes an event with a right signature"), "{report}");
    assert!(report.contains("通过 / PASSED") && !report.contains('✗'), "{report}");
}

#[test]
fn each_planted_mistake_is_named() {
    for (fault, names) in [
        (
            "takes-any-signature",
            vec!["refuses_forged", "refuses_changed", "refuses_bare", "refuses_old", "refuses_ahead"],
        ),
        ("takes-old-timestamps", vec!["refuses_old", "refuses_ahead"]),
        ("first-signature-only", vec!["accepts_rotation"]),
        ("refuses-repeats", vec!["accepts_repeat"]),
        ("counts-repeats", vec!["counts_once"]),
        ("refuses-late-ones", vec!["accepts_late", "keeps_late"]),
        ("drops-late-ones", vec!["keeps_late"]),
        ("refuses-unknown-types", vec!["accepts_unknown"]),
        ("refuses-large-ones", vec!["accepts_large"]),
    ] {
        let partner = Listening::partner(&["--fault", fault]);
        let (passed, report) = certify(&partner, &["--json"]);
        let named = failed(&report);
        // Whether a cut connection still brought its letter is the network's to say; a repeat may then be one or not.
        let named: Vec<&String> = named.iter().filter(|name| *name != "accepts_after_lost_answer").collect();
        assert!(!passed && named == names.iter().collect::<Vec<_>>(), "{fault}: {named:?}");
    }
    let partner = Listening::partner(&["--fault", "redirects"]);
    let (_, report) = certify(&partner, &["--json"]);
    assert!(failed(&report).contains(&"never_redirects".to_owned()), "{report}");
}

#[test]
fn a_wrong_url_or_secret_is_a_wrong_setting() {
    for arguments in
        [["certify", "nowhere", "--secret", SECRET], ["certify", "http://127.0.0.1:1/", "--secret", "hunter2"]]
    {
        assert_eq!(program().args(arguments).output().unwrap().status.code(), Some(2), "{arguments:?}");
    }
    let nobody = program().args(["certify", "http://127.0.0.1:1/", "--secret", SECRET, "--json"]).output().unwrap();
    let report = String::from_utf8(nobody.stdout).unwrap();
    assert!(nobody.status.code() == Some(1) && failed(&report).contains(&"answers_in_time".to_owned()), "{report}");
}

/// An exchange as an operator starts it, with a client that may do what webhooks need.
struct Exchange {
    folder: tempfile::TempDir,
    client: String,
    server: Option<Listening>,
}

impl Exchange {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut exchange = Self { folder, client: String::new(), server: None };
        exchange.told(&["operator", "init", "--key-out", "operator.jwk.json"]);
        let party =
            exchange.told(&["party", "add", "--name", "邵阳县人社局", "--kind", "authority", "--region", "430523"]);
        let party: Value = serde_json::from_str(&party).unwrap();
        std::fs::write(
            exchange.folder.path().join("public.jwk"),
            exchange.told(&["client", "new-key", "--out", "partner.jwk"]),
        )
        .unwrap();
        let added = exchange.told(&[
            "client",
            "add",
            "--party",
            party["party_id"].as_str().unwrap(),
            "--public-key",
            "public.jwk",
        ]);
        let added: Value = serde_json::from_str(&added).unwrap();
        added["client_id"].as_str().unwrap().clone_into(&mut exchange.client);
        // The address must be known beforehand: it is what assertions are made out to.
        let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let url = format!("http://{listen}");
        let arguments =
            ["serve", "--listen", &listen, "--public-url", &url, "--webhook-allow-private", "--drain-s", "0"];
        exchange.server = Some(Listening::start(exchange.command().args(arguments)));
        exchange
    }

    fn command(&self) -> Command {
        let mut command = program();
        let folder = self.folder.path();
        command
            .current_dir(folder)
            .env("LABOUR_EXCHANGE_DATABASE", format!("sqlite:{}", folder.join("exchange.db").display()))
            .env("LABOUR_EXCHANGE_KEY_FILE", folder.join("keys.json"));
        command
    }

    fn told(&self, arguments: &[&str]) -> String {
        let output = self.command().args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn url(&self) -> String {
        self.server.as_ref().unwrap().url.clone()
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Value {
        let url = self.url();
        let token = self.told(&["token", "--public-url", &url, "--client", &self.client]);
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = reqwest::Client::new().request(method, format!("{url}{path}")).bearer_auth(token.trim());
        request = request.header("idempotency-key", uuid::Uuid::new_v4().to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.json(&body).send().await.unwrap();
        let status = answer.status();
        let body = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }
}

/// The whole way, with nothing of it in this process: a server delivers over HTTP to a partner that misses events, because its endpoint
/// names few types; it sees the gap by `sequence` and closes it from the feed with its own client key.
#[actix_web::test]
async fn a_gap_is_seen_and_closed_from_the_feed() {
    let exchange = Exchange::start();
    let hooks = "/v1/webhook-endpoints";
    let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let new = json!({ "url": format!("http://{listen}/hooks"), "types": ["webhook_endpoint.changed"] });
    let made = exchange.ask("POST", hooks, &[], new).await;
    let path = format!("{hooks}/{}", made["id"].as_str().unwrap());
    let url = exchange.url();
    let mut command = exchange.command();
    command.args(["mock-partner", "--listen", &listen, "--secret", made["secret"].as_str().unwrap()]);
    command.args(["--exchange", &url, "--client", &exchange.client, "--key", "partner.jwk"]);
    let partner = Listening::start(&mut command);
    let change = async |version: &str| {
        exchange.ask("PATCH", &path, &[("if-match", version)], json!({ "description": format!("第{version}版") })).await
    };
    change("\"1\"").await;
    exchange.ask("POST", &format!("{path}/deactivation"), &[], json!({})).await;
    exchange.ask("POST", &format!("{path}/activation"), &[], json!({})).await;
    change("\"4\"").await;
    let started = Instant::now();
    let book: Value = loop {
        let state = reqwest::get(format!("{}/state", partner.url)).await.unwrap().text().await.unwrap();
        let book: Value = serde_json::from_str(&state).unwrap();
        if book["events"].as_array().unwrap().len() >= 4 {
            break book;
        }
        assert!(started.elapsed() < PATIENCE, "{book}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((&book["gaps"][0]["closed"], &book["refused"]), (&json!(true), &json!(0)), "{book}");
    let feed = exchange
        .ask(
            "GET",
            "/v1/events?types=webhook_endpoint.changed,webhook_endpoint.disabled,webhook_endpoint.enabled",
            &[],
            json!({}),
        )
        .await;
    let ids: Vec<&Value> = feed["items"].as_array().unwrap().iter().map(|event| &event["id"]).collect();
    assert_eq!(json!(ids), book["events"], "in the feed's order, each once");
    let lag = exchange.ask("GET", &path, &[], json!({})).await;
    assert_eq!(lag["behind"]["events"], 0);
}
