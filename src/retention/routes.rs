//! HTTP of retention.

use actix_web::{get, post, web};
use utoipa_actix_web::service_config::ServiceConfig;

use super::cohort::{self, CohortFigures, CohortFilter};
use super::curve::{self, CurveFilter, RetentionCurve};
use super::exits;
use super::reading::{self, AsOf, ObservationFilter, PlacementRetention};
use super::records::{NewExits, NewObservations, NewSpells, Observation, Spell};
use super::row_commands::{RecordExits, RecordObservations, RecordSpells};
use crate::app::State;
use crate::bulk::{PostedRows, RowsMode};
use crate::db::{DbConnection, Id, Page};
use crate::error::Result;
use crate::http::extract::EmptyBody;
use crate::http::query::Query;
use crate::http::receipt::Receipts;
use crate::http::{Answer, Listing, PageParams, Posted};
use crate::identity::Caller;
use crate::identity::policy::{AgreementsRead, RetentionWrite};
use crate::jobs::Job;

/// Records observations
///
/// Who was seen in post over a period, or looked for and missed: a month of a roster, wage ledger or insurance list, a visit or a call.
/// Reported by the employer about its own posts, the destination, a station, or the origin (at most e1). A row whose content was
/// reported before is unchanged. Verdicts of the placements follow at once; a stronger or equally strong row may turn one back.
#[utoipa::path(tag = "retention", params(("agreement_id" = Id, Path, description = "The agreement"), RowsMode),
    request_body(content((NewObservations = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"))),
    responses((status = 202, description = "The job the rows became", body = Job), (status = 207, description = "What became of each row", body = Receipts)), security(("oauth2" = ["retention.write"])))]
#[post("/observations")]
pub async fn record_observations(
    state: web::Data<State>,
    caller: Caller<RetentionWrite>,
    path: web::Path<Id>,
    posted: PostedRows<RecordObservations>,
) -> Result<Answer> {
    posted.run(&state, caller.actor(&state), RecordObservations { agreement_id: path.into_inner() }).await
}

/// Records exits
///
/// Who left, on which day or in which month, and why. The open spell ends; `holiday_home` and `transferred` leave the placement open,
/// every other reason ends it and frees the worker for another dispatch. The party that reported an end may correct it, or withdraw it. An
/// exit reported later than `deadlines.exit_days` of the terms gives is taken and marked late. One within the `guarantee` of the terms opens
/// a replacement duty and frees the place.
#[utoipa::path(tag = "retention", params(("agreement_id" = Id, Path, description = "The agreement"), RowsMode),
    request_body(content((NewExits = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"))),
    responses((status = 202, description = "The job the rows became", body = Job), (status = 207, description = "What became of each row; the id is the spell that ended", body = Receipts)), security(("oauth2" = ["retention.write"])))]
#[post("/exits")]
pub async fn record_exits(
    state: web::Data<State>,
    caller: Caller<RetentionWrite>,
    path: web::Path<Id>,
    posted: PostedRows<RecordExits>,
) -> Result<Answer> {
    posted.run(&state, caller.actor(&state), RecordExits { agreement_id: path.into_inner() }).await
}

/// Withdraws an exit
///
/// It was reported by mistake and nobody left. Only the party that reported it may, and only while no other spell has begun. Spell and
/// placement go on, the worker is bound to the placement again unless sent elsewhere meanwhile, verdicts and figures follow. The report and
/// its withdrawal both stay on record, under `exits` of the placement's retention.
#[utoipa::path(tag = "retention",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("spell_id" = Id, Path, description = "The spell that the exit ended, as its receipt gave it")),
    request_body = EmptyBody, responses((status = 200, description = "The spell, going on", body = Spell)), security(("oauth2" = ["retention.write"])))]
#[post("/exits/{spell_id}/withdrawal")]
pub async fn withdraw_exit(
    state: web::Data<State>,
    caller: Caller<RetentionWrite>,
    path: web::Path<(Id, Id)>,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    let (actor, (agreement_id, spell_id)) = (caller.actor(&state), path.into_inner());
    let withdraw =
        move |connection: &mut DbConnection| Answer::ok(&exits::withdraw(connection, &actor, agreement_id, spell_id)?);
    posted.key.run(&state, withdraw).await
}

/// Records spells
///
/// Work begins at an employer, or goes on after an absence (返岗). Where the worker is with another employer until then, that spell ends
/// the day before as a transfer: the clock of the region runs on, the clock of the first employer does not, the old place is free and one
/// of the new employer's quota is taken (`quota_id`). The first spell is known from the arrival and needs no row.
#[utoipa::path(tag = "retention", params(("agreement_id" = Id, Path, description = "The agreement"), RowsMode),
    request_body(content((NewSpells = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"))),
    responses((status = 202, description = "The job the rows became", body = Job), (status = 207, description = "What became of each row; the id is the spell", body = Receipts)), security(("oauth2" = ["retention.write"])))]
#[post("/spells")]
pub async fn record_spells(
    state: web::Data<State>,
    caller: Caller<RetentionWrite>,
    path: web::Path<Id>,
    posted: PostedRows<RecordSpells>,
) -> Result<Answer> {
    posted.run(&state, caller.actor(&state), RecordSpells { agreement_id: path.into_inner() }).await
}

/// Reads the retention of a placement
///
/// The verdict at every node of the rule by first employer, by region and with any employer, as of a day; why, by which fact, and what
/// to ask for where it cannot be verified. The rule is the one in effect on the day the worker was onboarded.
#[utoipa::path(tag = "retention", params(("agreement_id" = Id, Path, description = "The agreement"), ("placement_id" = Id, Path, description = "The placement"), AsOf),
    responses((status = 200, description = "Verdicts, spells and the latest observations", body = PlacementRetention, headers(("ETag")))), security(("oauth2" = ["agreements.read"])))]
#[get("/placements/{placement_id}/retention")]
pub async fn get_placement_retention(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
    query: Query<AsOf>,
) -> Result<Answer> {
    let (agreement_id, placement_id) = path.into_inner();
    let as_of = reading::day_asked(query.0.as_of, state.clock.today())?;
    let read = move |connection: &mut _| {
        reading::placement_retention(connection, &caller.scope, agreement_id, placement_id, as_of)
    };
    Ok(Answer::ok(&state.db.read(read).await?)?.tagged())
}

/// Lists observations
///
/// In the order they were recorded. An employer sees those about workers who are or were with it.
#[utoipa::path(tag = "retention", params(("agreement_id" = Id, Path, description = "The agreement"), PageParams, ObservationFilter),
    responses((status = 200, description = "A page of observations", body = Page<Observation>)), security(("oauth2" = ["agreements.read"])))]
#[get("/observations")]
pub async fn list_observations(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    listing: Listing<ObservationFilter>,
) -> Result<Answer> {
    let agreement_id = path.into_inner();
    let page = listing.page(&state)?;
    let (wanted, filter) = (page.clone(), listing.filter);
    let read =
        move |connection: &mut _| reading::observations(connection, &caller.scope, agreement_id, &filter, &wanted);
    let rows = state.db.read(read).await?;
    Answer::page(&page.page(&state.keys, rows, |row| row.id))
}

/// Reads cohort figures of retention
///
/// Of the placements onboarded by a day: how many are due at each node of the rule, retained, left, or cannot be verified, and the keep
/// rate as its two numbers. For the parties of the agreement. A placement counts under the rule in effect when it was onboarded.
#[utoipa::path(tag = "retention", params(("agreement_id" = Id, Path, description = "The agreement"), CohortFilter),
    responses((status = 200, description = "One figure for each rule, node and scope", body = CohortFigures, headers(("ETag")))), security(("oauth2" = ["agreements.read"])))]
#[get("/retention")]
pub async fn get_retention_figures(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    query: Query<CohortFilter>,
) -> Result<Answer> {
    let (agreement_id, filter) = (path.into_inner(), query.0);
    let as_of = reading::day_asked(filter.as_of, state.clock.today())?;
    let read = move |connection: &mut _| cohort::figures(connection, &caller.scope, agreement_id, &filter, as_of);
    Ok(Answer::ok(&state.db.read(read).await?)?.tagged())
}

/// Reads the retention curve
///
/// Which share of those who arrived is still there after so many days (Kaplan-Meier, with the 95 % interval). Who is not known to have left
/// is counted up to the last day anybody saw them. A group of fewer than ten placements is hidden. Placements are counted (人次).
#[utoipa::path(tag = "retention", params(("agreement_id" = Id, Path, description = "The agreement"), CurveFilter),
    responses((status = 200, description = "The curve", body = RetentionCurve, headers(("ETag")))), security(("oauth2" = ["agreements.read"])))]
#[get("/retention/curve")]
pub async fn get_retention_curve(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    query: Query<CurveFilter>,
) -> Result<Answer> {
    let (agreement_id, filter, today) = (path.into_inner(), query.0, state.clock.today());
    let read = move |connection: &mut _| curve::curve(connection, &caller.scope, agreement_id, &filter, today);
    Ok(Answer::ok(&state.db.read(read).await?)?.tagged())
}

/// Mounts the routes of this part below `/v1/agreements/{agreement_id}`.
pub fn mount_within(config: &mut ServiceConfig) {
    config
        .service(record_observations)
        .service(record_exits)
        .service(withdraw_exit)
        .service(record_spells)
        .service(get_placement_retention)
        .service(list_observations)
        .service(get_retention_figures)
        .service(get_retention_curve);
    super::guarantee::routes::mount_within(config);
}
