//! The HTTP edge: what every request passes, from the outside in.
//!
//! - `TracingLogger` gives the request its id and its span ([`request_span`]).
//! - [`edge::edge`] answers HEAD as GET, turns errors into problems in the reader's language, compares `If-None-Match`, and sets the
//!   headers every answer carries; it counts the calls of each client ([`rate_limits`]).
//! - The slice's route: permission and tenant come with the [`crate::identity::Caller`] argument, the body with [`extract::Posted`],
//!   which also carries the Idempotency-Key, a list's page and filters with [`query::Listing`].
//!
//! Limits: [`BODY_BYTES_MAX`] per body, and the time a client may take to send a request (`--request-timeout-s`).

pub mod answer;
pub mod body;
pub mod docs;
pub mod edge;
mod expectation;
pub mod export;
pub mod extract;
pub mod idempotency;
pub mod objects;
pub mod posted_file;
pub mod problem;
pub mod query;
pub mod rate_limits;
pub mod receipt;
pub mod request_span;
pub mod retiring;
pub mod route_table;
pub mod table;
pub mod value_limits;

pub use answer::Answer;
pub use extract::{Posted, RequestContext};
pub use posted_file::PostedFile;
pub use query::{Listing, PageParams};

/// Most bytes of a body; a roster of 5,000 rows needs about a fifth of it.
pub const BODY_BYTES_MAX: usize = 5 * 1024 * 1024;
