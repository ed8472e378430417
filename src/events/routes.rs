//! HTTP of the feed.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::cloud_event::{CLOUD_EVENTS, CloudEvents};
use super::feed::Wanted;
use super::kinds::{self, EventKind};
use super::{Event, feed};
use crate::app::State;
use crate::db::{DbConnection, Id};
use crate::error::{Code, Error, Fault, Result, Text};
use crate::http::Answer;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::identity::Caller;
use crate::identity::policy::EventsRead;

/// Events of one answer unless told otherwise.
const LIMIT_DEFAULT: i64 = 100;
/// Most events of one answer.
const LIMIT_MAX: i64 = 1_000;
/// Most kinds a reader may ask for.
const KINDS_MAX: usize = 20;

/// Most events a reader may name by their ids.
const IDS_MAX: usize = 100;

/// Where to go on and what to read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct FeedQuery {
    /// Position of the last event already read; 0 reads from the beginning.
    #[serde(default)]
    #[param(minimum = 0, maximum = 9007199254740991_i64, default = 0)]
    pub after: i64,
    /// Kinds of event, comma-separated; all when absent. `/v1/code-lists/event-kind` has them.
    #[serde(default)]
    #[param(
        max_length = 1000,
        pattern = "^[a-z0-9_.]+(,[a-z0-9_.]+){0,19}$",
        example = "dispatch.departed,claims.recorded"
    )]
    pub types: Option<String>,
    /// Only the events with these ids, comma-separated: for details of what a webhook told.
    #[serde(default)]
    #[param(
        max_length = 3699,
        pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(,[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}){0,99}$",
        example = "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50"
    )]
    pub ids: Option<String>,
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

/// Whether the reader asks for CloudEvents.
#[derive(Debug, Clone, Copy)]
pub struct AsCloudEvents(bool);

impl FromRequest for AsCloudEvents {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        ready(Ok(Self(accept.contains("application/cloudevents"))))
    }
}

/// Read the event feed
///
/// Everything that happened to the caller's agreements, workers and placements, in the order it was committed, without gaps: an event
/// that commits late gets a later position. Positions are dense over the whole exchange, so those of others are missing from this view.
///
/// Events are never deleted, so a position never runs out: 0 reads everything, and what was erased since (a worker's identity) stands as an
/// event of its own. Only where the exchange was restored to an earlier state does a position lie ahead of the feed; that is
/// `events_expired` (410), with the position to go on from. With `Accept: application/cloudevents+json` events come as a batch of CloudEvents 1.0.
#[utoipa::path(tag = "events", params(FeedQuery), responses(
        (status = 200, description = "A stretch of the feed", content((FeedPage = "application/json"), (CloudEvents = "application/cloudevents-batch+json"))),
        (status = 410, description = "The feed has not come to this position", body = Problem, content_type = "application/problem+json")),
    security(("oauth2" = ["events.read"])))]
#[get("/v1/events")]
pub async fn list_events(
    state: web::Data<State>,
    caller: Caller<EventsRead>,
    cloud: AsCloudEvents,
    query: Query<FeedQuery>,
) -> Result<Answer> {
    let wanted = query.0.wanted()?;
    feed::sequence(&state.db).await?;
    let public_url = Arc::clone(&state.public_url);
    let read = move |connection: &mut DbConnection| {
        let items = feed::read(connection, &caller.scope, &wanted)?;
        if cloud.0 {
            let batch = CloudEvents::of(&items, &public_url);
            return Ok(Answer { content_type: CLOUD_EVENTS.to_owned(), ..Answer::ok(&batch)? });
        }
        let next_after = items.last().map_or(wanted.after, |event| event.position);
        Answer::ok(&FeedPage { items, next_after })
    };
    state.db.read(read).await
}

impl FeedQuery {
    fn wanted(&self) -> Result<Wanted> {
        let limit = self.limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) || self.after < 0 {
            let name = if self.after < 0 { "after" } else { "limit" };
            let fault = Fault::query(name, "out_of_range", "is out of range", "超出允许范围");
            return Err(Error::new(Code::ParameterInvalid).fault(fault));
        }
        let kinds = kinds_of(self.types.as_deref())?;
        Ok(Wanted { after: self.after, kinds, ids: ids_of(self.ids.as_deref())?, limit })
    }
}

fn ids_of(ids: Option<&str>) -> Result<Vec<Id>> {
    let parsed: Result<Vec<Id>, _> = ids.into_iter().flat_map(|ids| ids.split(',')).map(Id::parse).collect();
    parsed.ok().filter(|ids| ids.len() <= IDS_MAX).ok_or_else(|| {
        let (en, zh) = ("at most 100 ids of events, separated by commas", "最多 100 个事件编号，以逗号分隔");
        Error::new(Code::ParameterInvalid).fault(Fault::query("ids", "parameter_invalid", en, zh))
    })
}

fn kinds_of(types: Option<&str>) -> Result<Vec<String>> {
    let kinds: Vec<String> = types.into_iter().flat_map(|types| types.split(',')).map(ToOwned::to_owned).collect();
    let fault = if kinds.len() > KINDS_MAX {
        let (en, zh) = ("at most 20 kinds, separated by commas", "最多 20 个事件类型，以逗号分隔");
        Fault::query("types", "parameter_invalid", en, zh)
    } else if let Some(unknown) = kinds.iter().find(|kind| EventKind::from_text(kind).is_none()) {
        let Text { en, zh } = kinds::unknown(unknown);
        Fault::query("types", "type_unknown", en, zh)
    } else {
        return Ok(kinds);
    };
    Err(Error::new(Code::ParameterInvalid).fault(fault))
}

/// Mounts the routes of this slice.
pub fn mount(config: &mut ServiceConfig) {
    config.service(list_events);
}
