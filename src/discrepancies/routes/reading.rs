//! Reading discrepancies: the list, one with its entries and candidates, a bulk resolution, and the duties of every party.

use std::collections::HashSet;

use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::agreements::store::{membership, parties};
use crate::app::State;
use crate::db::{Day, DbConnection, Id, Page};
use crate::discrepancies::cures::nearest;
use crate::discrepancies::duties::{Duties, together};
use crate::discrepancies::store::{self, DiscrepancyFilter, duties};
use crate::discrepancies::{Discrepancy, DiscrepancyDetail, DiscrepancyResolution, DiscrepancyToday};
use crate::dispatches::store::placements_of;
use crate::error::{Error, Result};
use crate::http::query::Query;
use crate::http::{Answer, Listing, PageParams};
use crate::identity::Caller;
use crate::identity::policy::AgreementsRead;

pub(super) fn mount_within(config: &mut ServiceConfig) {
    config.service(list_discrepancies).service(get_discrepancy).service(get_discrepancy_resolution).service(get_duties);
}

/// Discrepancies with what the day and their placements say of them.
pub(super) fn today(
    connection: &mut DbConnection,
    agreement_id: Id,
    today: Day,
    rows: Vec<Discrepancy>,
) -> Result<Vec<DiscrepancyToday>> {
    let placed: Vec<Id> = rows.iter().filter_map(|row| row.placement_id).collect();
    let placements = if placed.is_empty() { Vec::new() } else { placements_of(connection, agreement_id, &placed)? };
    let disputed: HashSet<Id> = placements.iter().filter(|row| row.disputed).map(|row| row.id).collect();
    let shown = |row: Discrepancy| {
        let is_disputed = row.placement_id.is_some_and(|id| disputed.contains(&id));
        DiscrepancyToday::of(row, today, is_disputed)
    };
    Ok(rows.into_iter().map(shown).collect())
}

/// List discrepancies
///
/// The rows that do not agree, each once however many runs have found it, with who has to act, until when, and what to do. For the parties
/// of the agreement.
#[utoipa::path(tag = "discrepancies", params(("agreement_id" = Id, Path, description = "The agreement"), PageParams, DiscrepancyFilter),
    responses((status = 200, description = "A page of discrepancies", body = Page<DiscrepancyToday>)), security(("oauth2" = ["agreements.read"])))]
#[get("/discrepancies")]
async fn list_discrepancies(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    listing: Listing<DiscrepancyFilter>,
) -> Result<Answer> {
    let (page, keys, agreement_id) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let day = state.clock.today();
    let read = move |connection: &mut DbConnection| {
        membership(connection, &caller.scope, agreement_id)?;
        let rows = store::list(connection, agreement_id, day, &listing.filter, &page)?;
        let rows = today(connection, agreement_id, day, rows)?;
        Answer::page(&page.page(&keys, rows, |row: &DiscrepancyToday| row.discrepancy.id))
    };
    state.db.read(read).await
}

/// Read a discrepancy
///
/// With everything that happened to it and, while it is not settled and about who somebody is, the nearest placements: what speaks for
/// and against each, field by field, and which field would have to change. No name or number is shown.
#[utoipa::path(tag = "discrepancies",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("discrepancy_id" = Id, Path, description = "The discrepancy")),
    responses((status = 200, description = "The discrepancy", body = DiscrepancyDetail, headers(("ETag")))), security(("oauth2" = ["agreements.read"])))]
#[get("/discrepancies/{discrepancy_id}")]
async fn get_discrepancy(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
) -> Result<Answer> {
    let (keys, day, (agreement_id, id)) = (state.keys.clone(), state.clock.today(), path.into_inner());
    let read = move |connection: &mut DbConnection| {
        membership(connection, &caller.scope, agreement_id)?;
        let row = store::case(connection, agreement_id, id)?.row;
        let (version, candidates) = (row.version, nearest(connection, &keys, &row)?);
        let discrepancy = today(connection, agreement_id, day, vec![row])?.pop();
        let discrepancy = discrepancy.ok_or_else(|| Error::internal("a row was lost"))?;
        let entries = store::entries(connection, agreement_id, id)?;
        Ok(Answer::ok(&DiscrepancyDetail { discrepancy, entries, candidates })?.shown(version))
    };
    state.db.read(read).await
}

/// Read a resolution of many discrepancies
///
/// Whether it has taken effect, who made it and who confirmed it.
#[utoipa::path(tag = "discrepancies",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("resolution_id" = Id, Path, description = "The resolution")),
    responses((status = 200, description = "The resolution", body = DiscrepancyResolution, headers(("ETag")))), security(("oauth2" = ["agreements.read"])))]
#[get("/discrepancy-resolutions/{resolution_id}")]
async fn get_discrepancy_resolution(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
) -> Result<Answer> {
    let (agreement_id, id) = path.into_inner();
    let read = move |connection: &mut DbConnection| {
        membership(connection, &caller.scope, agreement_id)?;
        Ok(Answer::ok(&store::resolution(connection, agreement_id, id)?)?.tagged())
    };
    state.db.read(read).await
}

/// As of which day.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AsOf {
    /// The day to look from; today unless given.
    as_of: Option<Day>,
}

/// Read the duties of every party
///
/// How many answers each party owes, how many are overdue, and how many it gave in time: to say what became of people who have departed
/// (the planned employer), and to answer discrepancies (their owners). What is in dispute stands in a column of its own. The sum over the
/// parties is the total.
#[utoipa::path(tag = "discrepancies", params(("agreement_id" = Id, Path, description = "The agreement"), AsOf),
    responses((status = 200, description = "The duties", body = Duties, headers(("ETag")))), security(("oauth2" = ["agreements.read"])))]
#[get("/duties")]
async fn get_duties(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    query: Query<AsOf>,
) -> Result<Answer> {
    let (agreement_id, as_of) = (path.into_inner(), query.0.as_of.unwrap_or_else(|| state.clock.today()));
    let read = move |connection: &mut DbConnection| {
        membership(connection, &caller.scope, agreement_id)?;
        let members = parties(connection, agreement_id)?;
        let arrivals = duties::arrivals(connection, agreement_id, as_of)?;
        let discrepancies = duties::discrepancies(connection, agreement_id, as_of)?;
        Ok(Answer::ok(&together(as_of, &members, arrivals, discrepancies))?.tagged())
    };
    state.db.read(read).await
}
