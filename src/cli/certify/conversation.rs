//! What is said to a receiver under certification, and what it answers.

use std::time::{Duration, Instant as Stopwatch};

use reqwest::{Client, Url, redirect};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::db::Id;
use crate::error::{Error, Result};
use crate::webhooks::signature::{ID_HEADER, SIGNATURE_HEADER, SignatureKind, SigningSecret, TIMESTAMP_HEADER};

/// Waits longer than the receiver may, to tell slow from dead.
const MARGIN: Duration = Duration::from_secs(5);

/// An event as the exchange would post it.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Its id.
    pub id: String,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// How a letter is sent.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// Seconds by which its timestamp is off.
    pub seconds_off: i64,
    /// Signed by somebody else.
    pub forged: bool,
    /// A signature that does not fit stands before the one that does.
    pub rotating: bool,
    /// Other bytes than those signed.
    pub changed: bool,
    /// Without the three headers.
    pub bare: bool,
}

/// What the receiver answered: its status, when there was one, and how long it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// HTTP status.
    pub status: Option<u16>,
    /// Time until the head of the answer.
    pub took: Duration,
}

impl Answered {
    /// Whether it took the letter.
    #[must_use]
    pub fn is_taken(self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// A talk with a receiver.
pub struct Conversation {
    client: Client,
    url: Url,
    secret: SigningSecret,
    stranger: SigningSecret,
    state_url: Option<String>,
    /// How long the receiver may take.
    pub patience: Duration,
    /// Everything it answered.
    pub answers: Vec<Answered>,
}

impl Conversation {
    /// Begins to talk.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(url: Url, secret: SigningSecret, state_url: Option<String>, patience: Duration) -> Result<Self> {
        let kind = if secret.public_key().is_some() { SignatureKind::V1a } else { SignatureKind::V1 };
        let stranger = SigningSecret::parse(SigningSecret::generate(kind).expose()).map_err(Error::internal)?;
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(patience + MARGIN)
            .build()
            .map_err(Error::internal)?;
        Ok(Self { client, url, secret, stranger, state_url, patience, answers: Vec::new() })
    }

    /// The receiver's address.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// A letter about a chain.
    #[must_use]
    pub fn letter(chain_id: Id, sequence: i64, kind: &str, more: &Value) -> Letter {
        let id = Id::new().to_string();
        let event = json!({
            "position": sequence,
            "id": id,
            "type": kind,
            "timestamp": Clock::System.now(),
            "chain_id": chain_id,
            "sequence": sequence,
            "hash": "00".repeat(32),
            "data": { "subject": { "kind": "dispatch", "id": chain_id, "version": sequence }, "certification": more },
        });
        Letter { id, body: event.to_string().into_bytes() }
    }

    /// Sends a letter and waits for the answer.
    pub async fn send(&mut self, letter: &Letter, manner: &Manner) -> Answered {
        let answered = answered(self.request(letter, manner)).await;
        self.answers.push(answered);
        answered
    }

    /// Sends letters side by side.
    pub async fn send_together(&mut self, letters: &[Letter]) -> Vec<Answered> {
        let requests = letters.iter().map(|letter| self.request(letter, &Manner::default()));
        let running: Vec<_> = requests.map(|request| tokio::spawn(answered(request))).collect();
        let mut all = Vec::with_capacity(running.len());
        for request in running {
            all.push(request.await.unwrap_or(Answered { status: None, took: Duration::ZERO }));
        }
        self.answers.extend(&all);
        all
    }

    /// Sends a letter and hangs up before the answer can be heard.
    pub async fn send_and_hang_up(&self, letter: &Letter) {
        let request = self.request(letter, &Manner::default());
        drop(tokio::time::timeout(Duration::from_millis(20), request.send()).await);
    }

    fn request(&self, letter: &Letter, manner: &Manner) -> reqwest::RequestBuilder {
        let timestamp = Clock::System.now().as_seconds() + manner.seconds_off;
        let signer = if manner.forged { &self.stranger } else { &self.secret };
        let mut signature = signer.sign(&letter.id, timestamp, &letter.body);
        if manner.rotating {
            signature = format!("{} {signature}", self.stranger.sign(&letter.id, timestamp, &letter.body));
        }
        let mut body = letter.body.clone();
        if manner.changed {
            body.push(b' ');
        }
        let request = self.client.post(self.url.clone()).header("content-type", "application/json").body(body);
        if manner.bare {
            return request;
        }
        request
            .header(ID_HEADER, &letter.id)
            .header(TIMESTAMP_HEADER, timestamp.to_string())
            .header(SIGNATURE_HEADER, signature)
    }

    /// The ids of the events that count at the receiver; nothing when it does not tell.
    pub async fn counted(&self) -> Option<Vec<String>> {
        let answer = self.client.get(self.state_url.as_ref()?).send().await.ok()?;
        let state: Value = serde_json::from_slice(&answer.bytes().await.ok()?).ok()?;
        let ids = state.get("events")?.as_array()?.iter().filter_map(Value::as_str);
        Some(ids.map(ToOwned::to_owned).collect())
    }
}

async fn answered(request: reqwest::RequestBuilder) -> Answered {
    let started = Stopwatch::now();
    let status = request.send().await.ok().map(|response| response.status().as_u16());
    Answered { status, took: started.elapsed() }
}
