//! What happened: one append-only log, written in the transaction of the command.
//!
//! Each agreement has one dense hash chain; what belongs to no agreement lies in the chain of its party. The chain covers a salted
//! commitment of the payload, so that a payload can be erased and the chain still verifies. Payloads are thin: ids, states,
//! versions and counts, never a name, a number or a phone. The feed's order is given after commit by one sequencer, so that a
//! reader never misses a late commit.

pub mod cloud_event;
pub mod feed;
pub mod kinds;
pub mod log;
pub mod routes;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::db::{Id, Instant};
use crate::identity::Scope;

/// Who does something, in which request, when: what every command is told and every event keeps.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Whose command it is.
    pub scope: Scope,
    /// The request it came in; quoted as `instance` in problems.
    pub request_id: Option<Id>,
    /// The present instant.
    pub now: Instant,
}

/// The chain an event lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// The chain of an agreement; its parties see it.
    Agreement(Id),
    /// The chain of a party; only that party sees it.
    Party(Id),
}

impl Chain {
    /// The id the chain goes by.
    #[must_use]
    pub const fn id(self) -> Id {
        match self {
            Self::Agreement(id) | Self::Party(id) => id,
        }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Agreement(_) => "agreement",
            Self::Party(_) => "party",
        }
    }
}

/// An event to be recorded.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// What happened: one of [`kinds::EventKind`].
    pub kind: &'static str,
    /// Where it is recorded.
    pub chain: Chain,
    /// What it happened to: `agreement`, `placement`, …
    pub subject_kind: &'static str,
    /// Which one.
    pub subject_id: Id,
    /// Its version after the event; receivers drop older ones.
    pub subject_version: i64,
    /// The employer who may see it although no party of the agreement.
    pub employer_id: Option<Id>,
    /// Ids, states, versions, counts. An object.
    pub payload: Value,
}

/// An event as the feed and webhooks carry it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Event {
    /// Place in the feed; hand the last one back as `after`.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 42)]
    pub position: i64,
    /// Id of the event, the same in feed and webhook.
    pub id: Id,
    /// What happened; more kinds may come.
    #[serde(rename = "type")]
    #[schema(example = "dispatch.departed", max_length = 100)]
    pub kind: String,
    /// When it was recorded.
    pub timestamp: Instant,
    /// Chain: the agreement, or the party when no agreement is concerned.
    pub chain_id: Id,
    /// Dense number within the chain, from 1.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 7)]
    pub sequence: i64,
    /// SHA-256 of this entry and all before it in the chain, hexadecimal.
    #[schema(
        pattern = "^[0-9a-f]{64}$",
        max_length = 64,
        example = "7d9f0c6c2f5e4b1a8d3c5e7f9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b"
    )]
    pub hash: String,
    /// The thing it happened to and what changed; ids, states, versions and counts only.
    #[schema(value_type = Object)]
    pub data: Value,
}
