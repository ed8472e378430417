//! HTTP of the feed.

use actix_web::{get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::{Event, feed};
use crate::app::State;
use crate::db::DbConnection;
use crate::error::{Code, Error, Fault, Result};
use crate::http::Answer;
use crate::http::query::Query;
use crate::identity::Caller;
use crate::identity::policy::EventsRead;

/// Events of one answer unless told otherwise.
const LIMIT_DEFAULT: i64 = 100;
/// Most events of one answer.
const LIMIT_MAX: i64 = 1_000;
/// Most kinds a reader may ask for.
const KINDS_MAX: usize = 20;

/// Where to go on and what to read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct FeedQuery {
    /// Position of the last event already read; 0 reads from the beginning.
    #[serde(default)]
    #[param(minimum = 0, maximum = 9007199254740991_i64, default = 0)]
    pub after: i64,
    /// Kinds of event, comma-separated; all when absent.
    #[serde(default)]
    #[param(
        max_length = 1000,
        pattern = "^[a-z0-9_.]+(,[a-z0-9_.]+){0,19}$",
        example = "dispatch.departed,claim.recorded"
    )]
    pub types: Option<String>,
    /// Most events of the answer.
    #[serde(default)]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<i64>,
}

/// A stretch of the feed.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeedPage {
    /// Events in the feed's order.
    #[schema(max_items = 1000)]
    pub items: Vec<Event>,
    /// Hand this back as `after`. It equals `after` when nothing new has happened.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 142)]
    pub next_after: i64,
}

/// Reads the event feed
///
/// Everything that happened to the caller's agreements, workers and placements, in the order it was committed, without gaps: an event
/// that commits late gets a later position. Positions are dense over the whole exchange, so those of others are missing from this view.
#[utoipa::path(tag = "events", params(FeedQuery), responses((status = 200, description = "A stretch of the feed", body = FeedPage)),
    security(("oauth2" = ["events.read"])))]
#[get("/v1/events")]
pub async fn list_events(
    state: web::Data<State>,
    caller: Caller<EventsRead>,
    query: Query<FeedQuery>,
) -> Result<Answer> {
    let Query(query) = query;
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) || query.after < 0 {
        let fault = Fault::query(
            if query.after < 0 { "after" } else { "limit" },
            "out_of_range",
            "is out of range",
            "超出允许范围",
        );
        return Err(Error::new(Code::ParameterInvalid).fault(fault));
    }
    let kinds = kinds_of(query.types.as_deref())?;
    feed::sequence(&state.db).await?;
    let read = move |connection: &mut DbConnection| {
        let items = feed::after(connection, &caller.scope, query.after, &kinds, limit)?;
        let next_after = items.last().map_or(query.after, |event| event.position);
        Answer::ok(&FeedPage { items, next_after })
    };
    state.db.read(read).await
}

fn kinds_of(types: Option<&str>) -> Result<Vec<String>> {
    let kinds: Vec<String> = types.into_iter().flat_map(|types| types.split(',')).map(ToOwned::to_owned).collect();
    let known = |kind: &String| {
        !kind.is_empty()
            && kind
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'.')
    };
    if kinds.len() > KINDS_MAX || !kinds.iter().all(known) {
        let fault = Fault::query(
            "types",
            "parameter_invalid",
            "at most 20 kinds such as dispatch.departed, separated by commas",
            "最多 20 个事件类型，以逗号分隔",
        );
        return Err(Error::new(Code::ParameterInvalid).fault(fault));
    }
    Ok(kinds)
}

/// Mounts the routes of this slice.
pub fn mount(config: &mut ServiceConfig) {
    config.service(list_events);
}
