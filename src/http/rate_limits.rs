//! How often a client may call: reads, writes and calls of many rows each have a policy of their own, told with every answer.
//!
//! `RateLimit-Policy` and `RateLimit` are written as in draft-ietf-httpapi-ratelimit-headers-11, which is no standard yet; what clients
//! can rely on is 429 with `Retry-After`. Clients are told apart by who they have proved to be, never by address.

use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use super::route_table::RouteTable;
use crate::config::Limits;
use crate::db::{Id, Instant};
use crate::error::{Code, Error, Result};
use crate::identity::throttle::{Asker, Standing, Throttle};

/// The kinds of call that are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// GET and HEAD.
    Read,
    /// Everything that changes something.
    Write,
    /// Calls that take many rows.
    Bulk,
}

impl Policy {
    /// The policy a call falls under.
    #[must_use]
    pub fn of(routes: &RouteTable, method: &Method, path: &str) -> Self {
        if *method == Method::GET || *method == Method::HEAD || *method == Method::OPTIONS {
            Self::Read
        } else if routes.takes_rows(method.as_str(), path) {
            Self::Bulk
        } else {
            Self::Write
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Bulk => "bulk",
        }
    }

    const fn limit(self, limits: &Limits) -> u32 {
        match self {
            Self::Read => limits.reads_per_client,
            Self::Write => limits.writes_per_client,
            Self::Bulk => limits.bulk_per_client,
        }
    }
}

/// Who called how often; shared by all workers of an instance.
#[derive(Debug, Default)]
pub struct RateLimits {
    read: Throttle,
    write: Throttle,
    bulk: Throttle,
}

/// A call that was counted, as its answer tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    policy: Policy,
    limit: u32,
    standing: Standing,
}

impl RateLimits {
    /// Counts a call; none where there is no limit.
    ///
    /// # Errors
    /// [`Code::RateLimited`] with how the client stands, for the headers of the refusal.
    pub fn count(
        &self,
        limits: &Limits,
        policy: Policy,
        client: Id,
        now: Instant,
    ) -> Result<Option<Counted>, (Error, Counted)> {
        let limit = policy.limit(limits);
        let throttle = match policy {
            Policy::Read => &self.read,
            Policy::Write => &self.write,
            Policy::Bulk => &self.bulk,
        };
        match throttle.count(Asker::Client(client.0), limit, now) {
            Ok(standing) => Ok((limit > 0).then_some(Counted { policy, limit, standing })),
            Err(seconds) => {
                let error = Error::new(Code::RateLimited)
                    .param("violated-policies", vec![policy.name()])
                    .param("limit_per_minute", limit)
                    .param(super::problem::RETRY_AFTER, seconds);
                Err((error, Counted { policy, limit, standing: Standing { remaining: 0, reset_s: seconds } }))
            }
        }
    }
}

impl Counted {
    /// Tells it.
    pub fn tell(self, headers: &mut HeaderMap) {
        let Self { policy, limit, standing } = self;
        let name = policy.name();
        let policy = format!("\"{name}\";q={limit};w=60");
        let state = format!("\"{name}\";r={};t={}", standing.remaining, standing.reset_s);
        for (header, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(header), value);
            }
        }
    }
}
