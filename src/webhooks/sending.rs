//! One attempt: the event as the feed shows it, signed, posted to a receiver, and what came back.

use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER, USER_AGENT};
use reqwest::{Client, Response, redirect};

use super::DeliveryFailure;
use super::guard::{AddressRefused, Guard, GuardedResolver, Lookup};
use super::rules::{Outcome, failure_of};
use super::signature::{self, ID_HEADER, SIGNATURE_HEADER, SigningSecret, TIMESTAMP_HEADER};
use crate::clock::Clock;
use crate::error::{Code, Error, Result};
use crate::events::Event;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a receiver may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// Most bytes of an answer that are read before the connection is given up; nothing is done with them.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How long is waited for them, once the receiver has said that it took the event.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// How long an idle connection is kept for the next event. It goes to an address that was checked.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// Who calls.
const AGENT: &str = concat!("labour-exchange/", env!("CARGO_PKG_VERSION"));

/// Posts events. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    client: Client,
    guard: Guard,
    clock: Clock,
    timeout: Duration,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("guard", &self.guard).finish_non_exhaustive()
    }
}

impl Sender {
    /// A sender that goes where `guard` allows, by what `lookup` says of names.
    ///
    /// # Errors
    /// [`Code::ConfigurationInvalid`] when this machine cannot check certificates.
    pub fn new(guard: Guard, lookup: Arc<dyn Lookup>, clock: Clock) -> Result<Self> {
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .https_only(!guard.allow_private)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .dns_resolver(GuardedResolver::new(guard, lookup))
            .build()
            .map_err(|cause| {
                Error::new(Code::ConfigurationInvalid).detail(
                    format!("no https client can be made ({cause}); install the system's root certificates (package ca-certificates)"),
                    format!("无法建立 https 客户端（{cause}）；请安装系统根证书（ca-certificates）"),
                )
            })?;
        Ok(Self { client, guard, clock, timeout: ANSWER_TIMEOUT })
    }

    /// The same with another patience, for tests that have receivers without an answer.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends an event once.
    pub async fn send(&self, url: &str, secrets: &[SigningSecret], event: &Event) -> Outcome {
        let started = Stopwatch::now();
        let answered = self.post(url, secrets, event).await;
        let duration_ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let outcome = Outcome { at: self.clock.now(), status: None, duration_ms, failure: None, retry_after_s: None };
        match answered {
            Err(failure) => Outcome { failure: Some(failure), ..outcome },
            Ok(response) => {
                let status = response.status().as_u16();
                let retry_after_s = if matches!(status, 429 | 503) {
                    retry_after(response.headers(), outcome.at.timestamp())
                } else {
                    None
                };
                drain(response).await;
                Outcome { status: Some(status), failure: failure_of(status), retry_after_s, ..outcome }
            }
        }
    }

    async fn post(
        &self,
        url: &str,
        secrets: &[SigningSecret],
        event: &Event,
    ) -> std::result::Result<Response, DeliveryFailure> {
        // The resolver is not asked about addresses: what stands in the URL is checked here, at every attempt.
        let url = self.guard.check(url).map_err(|_| DeliveryFailure::AddressRefused)?;
        let body = serde_json::to_vec(event).map_err(|_| DeliveryFailure::Connection)?;
        let (id, timestamp) = (event.id.to_string(), self.clock.now().as_seconds());
        let signatures = signature::signatures(secrets, &id, timestamp, &body);
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, AGENT)
            .header(ID_HEADER, id)
            .header(TIMESTAMP_HEADER, timestamp.to_string())
            .header(SIGNATURE_HEADER, signatures)
            .body(body);
        match tokio::time::timeout(self.timeout, request.send()).await {
            Err(_) => Err(DeliveryFailure::Timeout),
            Ok(answered) => answered.map_err(|error| failure(&error)),
        }
    }
}

fn failure(error: &reqwest::Error) -> DeliveryFailure {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(found) = cause {
        if found.is::<AddressRefused>() {
            return DeliveryFailure::AddressRefused;
        }
        cause = found.source();
    }
    if error.is_timeout() { DeliveryFailure::Timeout } else { DeliveryFailure::Connection }
}

/// Reads a short answer to its end, so that the connection can serve the next event; a long or endless one ends with its connection.
async fn drain(mut response: Response) {
    let mut read = 0;
    let reading = async {
        while let Ok(Some(bytes)) = response.chunk().await {
            read += bytes.len();
            if read > ANSWER_BYTES_MAX {
                return;
            }
        }
    };
    drop(tokio::time::timeout(DRAIN_TIMEOUT, reading).await);
}

/// Seconds to wait by a `Retry-After`, which may be a number or a date.
fn retry_after(headers: &HeaderMap, now: jiff::Timestamp) -> Option<i64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(at.duration_since(now).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_as_a_number_or_a_date() {
        let now = "2026-03-02T01:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            ("Mon, 02 Mar 2026 01:02:00 GMT", Some(120)),
            ("Mon, 02 Mar 2026 00:59:00 GMT", Some(-60)),
            ("soon", None),
            ("99999999999999999999", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            assert_eq!(retry_after(&headers, now), seconds, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
