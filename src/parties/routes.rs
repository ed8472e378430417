//! HTTP of parties and zones: everybody reads, the operator writes.

use actix_web::{get, patch, post, web};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::store::{PartyFilter, ZoneFilter};
use super::{CheckedParty, NewParty, NewZone, Party, PartyAction, PartyChange, Zone, commands, store};
use crate::app::State;
use crate::db::{Id, Page};
use crate::error::Result;
use crate::http::extract::{IfMatch, Patched};
use crate::http::{Answer, Listing, PageParams, Posted};
use crate::identity::Caller;
use crate::identity::policy::{PartiesRead, PartiesWrite};

/// An action without further words.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct Suspension {}

/// An action without further words.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct Activation {}

/// A zone never changes, so there is one version of it.
const ZONE_VERSION: i64 = 1;

fn shown(party: Party) -> Result<Answer> {
    let version = party.version;
    Ok(Answer::ok(&CheckedParty::from(party))?.version(version))
}

/// Registers a party
///
/// A credit code that fails its check is taken; the doubt is shown in `credit_code_check`.
#[utoipa::path(tag = "parties", request_body = NewParty, responses((status = 201, description = "The party, active", body = CheckedParty, headers(("ETag")))),
    security(("oauth2" = ["parties.write"])))]
#[post("/v1/parties")]
pub async fn register_party(
    state: web::Data<State>,
    caller: Caller<PartiesWrite>,
    posted: Posted<NewParty>,
) -> Result<Answer> {
    let actor = caller.actor(&state);
    let Posted { body, key } = posted;
    key.run(&state, move |connection| {
        let party = commands::register(connection, &actor, &body)?;
        let (location, version) = (format!("/v1/parties/{}", party.id), party.version);
        Ok(Answer::created(location, &CheckedParty::from(party))?.version(version))
    })
    .await
}

/// Lists parties
///
/// Every caller may read every party: partners must be able to name each other.
#[utoipa::path(tag = "parties", params(PageParams, PartyFilter), responses((status = 200, description = "A page of parties", body = Page<CheckedParty>)),
    security(("oauth2" = ["parties.read"])))]
#[get("/v1/parties")]
pub async fn list_parties(
    state: web::Data<State>,
    _caller: Caller<PartiesRead>,
    listing: Listing<PartyFilter>,
) -> Result<Answer> {
    let (page, keys) = (listing.page(&state)?, state.keys.clone());
    let read = state.db.read(move |connection| {
        let rows = store::parties(connection, &listing.filter, &page)?;
        let rows = rows.into_iter().map(CheckedParty::from).collect();
        Answer::page(&page.page(&keys, rows, |row: &CheckedParty| row.party.id))
    });
    read.await
}

/// Reads a party
///
/// Every caller may read every party.
#[utoipa::path(tag = "parties", params(("party_id" = Id, Path, description = "The party")),
    responses((status = 200, description = "The party", body = CheckedParty, headers(("ETag")))), security(("oauth2" = ["parties.read"])))]
#[get("/v1/parties/{party_id}")]
pub async fn get_party(state: web::Data<State>, _caller: Caller<PartiesRead>, path: web::Path<Id>) -> Result<Answer> {
    let id = path.into_inner();
    state.db.read(move |connection| shown(store::party(connection, id)?)).await
}

/// Changes a party
///
/// What is absent stays, null takes away; the kind of a party never changes.
#[utoipa::path(tag = "parties", params(("party_id" = Id, Path, description = "The party")), request_body = PartyChange,
    responses((status = 200, description = "The party, changed", body = CheckedParty, headers(("ETag")))), security(("oauth2" = ["parties.write"])))]
#[patch("/v1/parties/{party_id}")]
pub async fn change_party(
    state: web::Data<State>,
    caller: Caller<PartiesWrite>,
    path: web::Path<Id>,
    patched: Patched<PartyChange>,
) -> Result<Answer> {
    let (actor, id) = (caller.actor(&state), path.into_inner());
    let write = state.db.write(move |connection| {
        let if_match = IfMatch(Some(patched.version));
        shown(commands::change(connection, &actor, id, if_match, &patched.body)?)
    });
    write.await
}

/// Suspends a party
///
/// Its clients get no more tokens. The tokens they hold are void at once on the instance that is asked, within 30 seconds on every other.
#[utoipa::path(tag = "parties", params(("party_id" = Id, Path, description = "The party"), IfMatch), request_body = Suspension,
    responses((status = 200, description = "The party, suspended", body = CheckedParty, headers(("ETag")))), security(("oauth2" = ["parties.write"])))]
#[post("/v1/parties/{party_id}/suspension")]
pub async fn suspend_party(
    state: web::Data<State>,
    caller: Caller<PartiesWrite>,
    path: web::Path<Id>,
    if_match: IfMatch,
    posted: Posted<Suspension>,
) -> Result<Answer> {
    let (actor, id) = (caller.actor(&state), path.into_inner());
    let now = actor.now;
    let command = posted.key.run(&state, move |connection| {
        shown(commands::advance(connection, &actor, id, if_match, PartyAction::Suspend)?)
    });
    let answer = command.await?;
    // A repeated request must not void the tokens of a party that has been activated since.
    if answer.status == 200 && !answer.replayed {
        state.verified.revoke_party(id.0, now.timestamp());
    }
    Ok(answer)
}

/// Activates a party
///
/// It takes part again, with fresh tokens: those from before the suspension stay void.
#[utoipa::path(tag = "parties", params(("party_id" = Id, Path, description = "The party"), IfMatch), request_body = Activation,
    responses((status = 200, description = "The party, active", body = CheckedParty, headers(("ETag")))), security(("oauth2" = ["parties.write"])))]
#[post("/v1/parties/{party_id}/activation")]
pub async fn activate_party(
    state: web::Data<State>,
    caller: Caller<PartiesWrite>,
    path: web::Path<Id>,
    if_match: IfMatch,
    posted: Posted<Activation>,
) -> Result<Answer> {
    let (actor, id) = (caller.actor(&state), path.into_inner());
    let command = posted.key.run(&state, move |connection| {
        shown(commands::advance(connection, &actor, id, if_match, PartyAction::Activate)?)
    });
    command.await
}

/// Registers a zone
///
/// A zone has no code of its own: the division that hosts it stands for it in every scope.
#[utoipa::path(tag = "parties", request_body = NewZone, responses((status = 201, description = "The zone", body = Zone, headers(("ETag")))),
    security(("oauth2" = ["parties.write"])))]
#[post("/v1/zones")]
pub async fn register_zone(
    state: web::Data<State>,
    caller: Caller<PartiesWrite>,
    posted: Posted<NewZone>,
) -> Result<Answer> {
    let actor = caller.actor(&state);
    let Posted { body, key } = posted;
    key.run(&state, move |connection| {
        let zone = commands::register_zone(connection, &actor, &body)?;
        Ok(Answer::created(format!("/v1/zones/{}", zone.id), &zone)?.version(ZONE_VERSION))
    })
    .await
}

/// Lists zones
///
/// Development zones with the division that hosts each; every caller may read them.
#[utoipa::path(tag = "parties", params(PageParams, ZoneFilter), responses((status = 200, description = "A page of zones", body = Page<Zone>)),
    security(("oauth2" = ["parties.read"])))]
#[get("/v1/zones")]
pub async fn list_zones(
    state: web::Data<State>,
    _caller: Caller<PartiesRead>,
    listing: Listing<ZoneFilter>,
) -> Result<Answer> {
    let (page, keys) = (listing.page(&state)?, state.keys.clone());
    let read = state.db.read(move |connection| {
        let rows = store::zones(connection, &listing.filter, &page)?;
        Answer::page(&page.page(&keys, rows, |row| row.id))
    });
    read.await
}

/// Reads a zone
///
/// A zone never changes.
#[utoipa::path(tag = "parties", params(("zone_id" = Id, Path, description = "The zone")),
    responses((status = 200, description = "The zone", body = Zone, headers(("ETag")))), security(("oauth2" = ["parties.read"])))]
#[get("/v1/zones/{zone_id}")]
pub async fn get_zone(state: web::Data<State>, _caller: Caller<PartiesRead>, path: web::Path<Id>) -> Result<Answer> {
    let id = path.into_inner();
    let read = state.db.read(move |connection| Ok(Answer::ok(&store::zone(connection, id)?)?.version(ZONE_VERSION)));
    read.await
}

/// Mounts the routes of this slice.
pub fn mount(config: &mut ServiceConfig) {
    config
        .service(register_party)
        .service(list_parties)
        .service(get_party)
        .service(change_party)
        .service(suspend_party)
        .service(activate_party)
        .service(register_zone)
        .service(list_zones)
        .service(get_zone);
}
