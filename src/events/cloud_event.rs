//! Events as CloudEvents 1.0, for readers that know that form: the same facts under its names.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Event;
use crate::db::{Id, Instant};

/// Media type of a batch.
pub const CLOUD_EVENTS: &str = "application/cloudevents-batch+json";
/// Stands before each type.
const TYPE_PREFIX: &str = "cn.labour-exchange.";

/// A stretch of the feed as a batch of CloudEvents; its end is the `position` of the last one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(max_items = 1000)]
pub struct CloudEvents(Vec<CloudEvent>);

/// One CloudEvent.
#[derive(Debug, Serialize, ToSchema)]
pub struct CloudEvent {
    /// Version of the specification.
    #[schema(example = "1.0", max_length = 3)]
    pub specversion: &'static str,
    /// Id of the event, the same as in feed and webhook.
    pub id: Id,
    /// The feed it comes from.
    #[schema(max_length = 300, example = "https://exchange.example.cn/v1/events")]
    pub source: String,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(max_length = 150, example = "cn.labour-exchange.dispatch.departed")]
    pub kind: String,
    /// What it happened to; absent when the event was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 150, example = "dispatch/0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50")]
    pub subject: Option<String>,
    /// When it was recorded.
    pub time: Instant,
    /// Media type of the data.
    #[schema(example = "application/json", max_length = 20)]
    pub datacontenttype: &'static str,
    /// Where the data is described.
    #[schema(max_length = 300, example = "https://exchange.example.cn/openapi.json#/components/schemas/Event")]
    pub dataschema: String,
    /// The chain: what has the same key is in order.
    pub partitionkey: Id,
    /// Dense number within the chain, as text of sixteen digits, so that texts sort like numbers.
    #[schema(max_length = 20, example = "0000000000000007")]
    pub sequence: String,
    /// Place in the feed, in digits; hand the last one back as `after`.
    #[schema(max_length = 20, example = "142")]
    pub position: String,
    /// Ids, states, versions and counts.
    #[schema(value_type = Object)]
    pub data: Value,
}

impl CloudEvents {
    /// The view of events of the exchange at `public_url`.
    #[must_use]
    pub fn of(events: &[Event], public_url: &str) -> Self {
        Self(events.iter().map(|event| CloudEvent::of(event, public_url)).collect())
    }
}

impl CloudEvent {
    fn of(event: &Event, public_url: &str) -> Self {
        let text = |pointer: &str| event.data.pointer(pointer).and_then(Value::as_str);
        Self {
            specversion: "1.0",
            id: event.id,
            source: format!("{public_url}/v1/events"),
            kind: format!("{TYPE_PREFIX}{}", event.kind),
            subject: text("/subject/kind").zip(text("/subject/id")).map(|(kind, id)| format!("{kind}/{id}")),
            time: event.timestamp,
            datacontenttype: "application/json",
            dataschema: format!("{public_url}/openapi.json#/components/schemas/Event"),
            partitionkey: event.chain_id,
            sequence: format!("{:016}", event.sequence),
            position: event.position.to_string(),
            data: event.data.clone(),
        }
    }
}
