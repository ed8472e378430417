//! Webhooks (事件推送): the events of the feed, sent to a party's receivers as they come.
//!
//! An endpoint (推送地址) has a URL, the types it wants and a secret that signs. Each event is sent at least once, and in the order of its
//! chain: while one fails, what follows it in the same agreement waits, and other agreements go on. What fails is tried again for three
//! days and then lies among the failed ones until somebody asks for it anew. Whatever happens, the feed has everything: a receiver that
//! sees a gap in `sequence` reads it there.
//!
//! The outbox is the log itself. An endpoint keeps the position up to which all was sent; rows are written for what was sent, after it
//! was, and one for each chain that is held up. So an event costs its command nothing, and a delivery one row.
//!
//! Deliberately absent: copies of events, a queue beside the log, bodies of answers, and redirects.

pub mod commands;
pub mod courier;
pub mod delivery_store;
pub mod guard;
pub mod log_store;
pub mod routes;
pub mod rules;
pub mod sending;
pub mod settling;
pub mod signature;
pub mod store;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::sql_types::Text;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::db::{Id, Instant};
use crate::lifecycle::Transition;
use signature::SignatureKind;

/// Most endpoints of a client.
pub const ENDPOINTS_OF_CLIENT_MAX: i64 = 20;
/// Most types an endpoint may name.
pub const TYPES_MAX: usize = 20;
/// The event by which an endpoint is tried out; only the endpoint it is about gets it.
pub const TESTED: &str = "webhook_endpoint.tested";
/// Days a delivery stays in the log.
pub const KEPT_DAYS: i64 = 30;

crate::text_enum! {
    /// Whether events are sent to an endpoint.
    pub enum WebhookState {
        /// They are.
        Enabled => "enabled" / "启用",
        /// Not now; it goes on from where it stopped.
        Disabled => "disabled" / "停用",
    }
}

crate::text_enum! {
    /// What may be done with an endpoint.
    pub enum WebhookAction {
        /// Stop sending.
        Disable => "disable" / "停用",
        /// Send again, from where it stopped.
        Enable => "enable" / "启用",
        /// Send an event to try it out.
        Test => "test" / "测试",
        /// Send again what has not arrived.
        Redeliver => "redeliver" / "重新投递",
    }
}

/// The life of an endpoint.
pub const TRANSITIONS: &[Transition<WebhookState, WebhookAction>] = &[
    (WebhookState::Enabled, WebhookAction::Disable, WebhookState::Disabled),
    (WebhookState::Disabled, WebhookAction::Enable, WebhookState::Enabled),
    (WebhookState::Enabled, WebhookAction::Test, WebhookState::Enabled),
    (WebhookState::Enabled, WebhookAction::Redeliver, WebhookState::Enabled),
];

crate::text_enum! {
    /// Why nothing is sent to an endpoint.
    pub enum DisabledReason {
        /// Its owner wanted it so.
        ByOwner => "by_owner" / "所属方停用",
        /// The receiver answered 410: it is not there any more.
        Gone => "gone" / "接收方已撤销（410）" / "the receiver is gone (410)",
        /// Nothing arrived for five days.
        Failing => "failing" / "连续五天投递失败" / "nothing arrived for five days",
    }
}

crate::text_enum! {
    /// How a delivery stands.
    pub enum DeliveryState {
        /// Waits for its next attempt.
        Pending => "pending" / "待投递",
        /// The receiver took it.
        Delivered => "delivered" / "已送达",
        /// Given up after the last attempt; it can be asked for again.
        Failed => "failed" / "投递失败",
    }
}

crate::text_enum! {
    /// Why an attempt failed.
    pub enum DeliveryFailure {
        /// An answer other than 2xx.
        Status => "status" / "返回非 2xx 状态码" / "answer other than 2xx",
        /// A redirect, which is never followed.
        Redirect => "redirect" / "返回重定向" / "redirect",
        /// No answer within 15 seconds.
        Timeout => "timeout" / "超时未响应" / "no answer in time",
        /// No connection, or it broke; also a certificate that cannot be trusted.
        Connection => "connection" / "无法建立连接" / "no connection",
        /// The URL stands for an address that is not public.
        AddressRefused => "address_refused" / "地址不是公网地址" / "address not public",
    }
}

/// Types of event, stored as one text with commas between; none stands for all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[serde(transparent)]
#[diesel(sql_type = Text)]
pub struct EventTypes(pub Vec<String>);

impl std::fmt::Display for EventTypes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

crate::text_column!(EventTypes);

impl<DB: diesel::backend::Backend> FromSql<Text, DB> for EventTypes
where
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        let text = String::from_sql(value)?;
        Ok(Self(text.split(',').filter(|kind| !kind.is_empty()).map(ToOwned::to_owned).collect()))
    }
}

impl PartialSchema for EventTypes {
    fn schema() -> RefOr<Schema> {
        let name = ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .description(Some("A type of event"))
            .pattern(Some("^[a-z0-9_]+(\\.[a-z0-9_]+)+$"))
            .max_length(Some(100))
            .examples([serde_json::Value::from("dispatch.departed")]);
        ArrayBuilder::new()
            .items(name)
            .max_items(Some(TYPES_MAX))
            .description(Some("Types of event that are wanted; none stands for all"))
            .into()
    }
}
impl ToSchema for EventTypes {}

/// Where a party wants its events sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::webhook_endpoint)]
pub struct WebhookEndpoint {
    /// Id.
    pub id: Id,
    /// The party whose events are sent.
    pub party_id: Id,
    /// The client that registered it; with the client it ends.
    pub client_id: Id,
    /// Where to.
    #[schema(max_length = 500, example = "https://partner.example.cn/hooks")]
    pub url: String,
    /// What it is for.
    #[schema(max_length = 200, example = "劳务输出管理系统")]
    pub description: Option<String>,
    /// The partner system's own reference.
    #[schema(max_length = 100, example = "hooks-1")]
    pub partner_ref: Option<String>,
    /// Which events.
    pub types: EventTypes,
    /// How they are signed.
    pub signature: SignatureKind,
    /// Whether they are sent.
    pub state: WebhookState,
    /// Why not.
    pub disabled_reason: Option<DisabledReason>,
    /// Since when not.
    pub disabled_at: Option<Instant>,
    /// Since when nothing has arrived; null while something does. Five days of it disable the endpoint.
    pub failing_since: Option<Instant>,
    /// Place in the feed up to which everything was sent, or waits behind a delivery that is pending.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 142)]
    pub position: i64,
    /// Version of what its owner set, also in its ETag.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 1)]
    pub version: i64,
    /// Registered at.
    pub created_at: Instant,
    /// Last changed at.
    pub updated_at: Instant,
}

/// A secret by what may be told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::webhook_secret)]
pub struct WebhookSecret {
    /// Id.
    pub id: Id,
    /// What signatures of `v1a` are checked with; null for `v1`.
    #[schema(max_length = 100, example = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")]
    pub public_key: Option<String>,
    /// Made at.
    pub created_at: Instant,
    /// Signs until; null for the newest.
    pub ends_at: Option<Instant>,
}

/// How far an endpoint lags behind the feed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Behind {
    /// Events that have not arrived; failed ones are not among them.
    #[schema(minimum = 0, maximum = 10000, example = 0)]
    pub events: i64,
    /// Whether there are more than can be counted.
    pub is_capped: bool,
    /// Seconds since the oldest of them was recorded; 0 when there is none.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 0)]
    pub seconds: i64,
}

/// An endpoint with its secrets and how far it lags behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WebhookEndpointToday {
    /// The endpoint.
    #[serde(flatten)]
    pub endpoint: WebhookEndpoint,
    /// What signs now, newest first.
    #[schema(max_items = 2)]
    pub secrets: Vec<WebhookSecret>,
    /// How far it lags behind the feed.
    pub behind: Behind,
    /// The shared secret, told once: when it is made. A repeated request is answered without it; who lost it makes a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100, example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub secret: Option<String>,
}

/// An endpoint to be registered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "url": "https://partner.example.cn/hooks", "types": ["dispatch.departed", "claims.recorded"], "description": "劳务输出管理系统" }))]
pub struct NewWebhookEndpoint {
    /// Where to: https, a public host, port 443 or 8443, no user and no fragment.
    #[schema(max_length = 500, min_length = 1)]
    pub url: String,
    /// Which events, of `/v1/code-lists/event-kind`; all of them when absent or empty.
    #[serde(default)]
    pub types: EventTypes,
    /// How they are signed; `v1` when absent.
    #[serde(default = "shared")]
    pub signature: SignatureKind,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 200, min_length = 1)]
    pub description: Option<String>,
    /// The partner system's own reference.
    #[serde(default)]
    #[schema(max_length = 100, min_length = 1)]
    pub partner_ref: Option<String>,
    /// Send everything behind this position of the feed; only what happens from now on when absent.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    pub after: Option<i64>,
}

const fn shared() -> SignatureKind {
    SignatureKind::V1
}

/// A change of an endpoint (RFC 7396).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "types": ["dispatch.departed"] }))]
pub struct WebhookEndpointPatch {
    /// Where to.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, max_length = 500, min_length = 1)]
    pub url: Option<String>,
    /// Which events, from now on.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = EventTypes)]
    pub types: Option<EventTypes>,
    /// What it is for; null removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 200, min_length = 1)]
    pub description: Option<Option<String>>,
    /// The partner system's own reference; null removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 100, min_length = 1)]
    pub partner_ref: Option<Option<String>>,
}

/// Keeps "absent" apart from "null".
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A secret that takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "revoke_others": false }))]
pub struct NewWebhookSecret {
    /// Whether the earlier secret ends at once instead of signing for 24 hours more: for one that leaked.
    #[serde(default)]
    pub revoke_others: bool,
}

/// Which deliveries to make again: all that have not arrived.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z" }))]
pub struct NewRedelivery {
    /// First tried at this instant or later.
    pub from: Instant,
    /// First tried before this instant.
    pub to: Instant,
    /// Only of these types; all of them when absent or empty.
    #[serde(default)]
    pub types: EventTypes,
}

/// What was asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Redelivery {
    /// Deliveries that will be made now.
    #[schema(minimum = 0, maximum = 1000, example = 12)]
    pub deliveries: i64,
    /// Whether more fit than one call takes; ask again after a minute.
    pub more: bool,
}

/// An event that tries an endpoint out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct WebhookTest {
    /// The event; its delivery stands in the log of the endpoint.
    pub event_id: Id,
}

/// One event on its way to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::webhook_delivery)]
pub struct WebhookDelivery {
    /// Id.
    pub id: Id,
    /// The event; `webhook-id` of every attempt.
    pub event_id: Id,
    /// Its chain.
    pub chain_id: Id,
    /// Its number within the chain.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 7)]
    pub sequence: i64,
    /// Its place in the feed.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 142)]
    pub position: i64,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(max_length = 100, example = "dispatch.departed")]
    pub kind: String,
    /// How the delivery stands.
    pub state: DeliveryState,
    /// Whether it was asked for again; then nothing waits for it.
    pub redelivery: bool,
    /// Attempts made, since it was last asked for.
    #[schema(minimum = 0, maximum = 10, example = 1)]
    pub attempts: i64,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Instant>,
    /// When the last attempt was made.
    pub last_attempt_at: Option<Instant>,
    /// HTTP status of the last answer.
    #[schema(minimum = 100, maximum = 999, example = 200)]
    pub response_status: Option<i64>,
    /// Milliseconds from the beginning of the last attempt to the head of its answer, or to its failure.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 38)]
    pub duration_ms: Option<i64>,
    /// Why the last attempt failed.
    pub failure: Option<DeliveryFailure>,
    /// First tried at.
    pub created_at: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_can_always_be_brought_back() {
        crate::lifecycle::assert_sound(TRANSITIONS, WebhookState::Enabled, WebhookState::ALL);
    }
}
