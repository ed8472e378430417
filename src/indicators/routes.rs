//! HTTP of indicators: the definitions, the figures of an agreement and of a party, and the rows behind them.

use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

use super::definitions::{IndicatorTable, table};
use super::reading::{Asked, Moment, Over};
use super::rows::RowsAsked;
use super::{AgreementIndicators, FigureSide, IndicatorRow, PartyIndicators};
use crate::app::State;
use crate::db::{Day, DbConnection, Id, Instant, Page};
use crate::dispatches::tally::Standing;
use crate::error::Result;
use crate::http::query::Query;
use crate::http::{Answer, Listing, PageParams};
use crate::identity::Caller;
use crate::identity::policy::AgreementsRead;
use crate::workers::Population;

/// As of when, and as known when.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct IndicatorMoment {
    /// The day at whose end the figures are told; today unless told.
    pub as_of: Option<Day>,
    /// Only facts recorded before this instant count; the end of the day unless told, or now where the day is not over.
    pub known_before: Option<Instant>,
}

/// Which rows of an indicator.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct IndicatorRowsFilter {
    /// The day at whose end the rows are told; today unless told.
    pub as_of: Option<Day>,
    /// Only facts recorded before this instant count; the end of the day unless told, or now where the day is not over.
    pub known_before: Option<Instant>,
    /// Of which number; the numerator unless told.
    #[param(inline)]
    pub side: Option<FigureSide>,
    /// Of which part, for the numerator of a split.
    #[param(max_length = 40, example = "outside_province")]
    pub part: Option<String>,
    /// How sure; certain unless told.
    // Inline, because the document knows a schema by its name alone, and the standing of an agreement has that name.
    #[serde(default)]
    #[param(inline)]
    pub standing: Option<Standing>,
    /// Of whom: all, or lifted; all unless told.
    pub population: Option<Population>,
    /// Only those whom an agreement outside this reading counts as well.
    pub clashing: Option<bool>,
}

impl IndicatorRowsFilter {
    fn asked(&self) -> RowsAsked {
        RowsAsked {
            side: self.side.unwrap_or(FigureSide::Numerator),
            part: self.part.clone(),
            standing: self.standing.unwrap_or(Standing::Certain),
            population: self.population.unwrap_or(Population::All),
            clashing: self.clashing.unwrap_or(false),
        }
    }
}

/// Lists the definitions of indicators
///
/// Each with code, version, unit, basis, rule and source, in Chinese and English; those that the exchange does not compute among them, with
/// the reason.
#[utoipa::path(tag = "indicators", responses((status = 200, description = "Every definition in every version", body = IndicatorTable, headers(("ETag")))),
    security(("oauth2" = ["agreements.read"])))]
#[get("/v1/indicators")]
async fn list_indicators(_caller: Caller<AgreementsRead>) -> Result<Answer> {
    Ok(Answer::ok(table())?.tagged())
}

/// Reads the indicators of an agreement
///
/// Each with numerator, denominator, unit, basis, bounds, of which formerly poor, and the address of the rows behind it. With `as_of` it
/// tells what was known at the end of that day: the same figures that were read then. Persons are distinct. `credit` says for how many of
/// the certain persons the primary attribution is here, and how many an agreement outside this reading counts as well.
#[utoipa::path(tag = "indicators", params(("agreement_id" = Id, Path, description = "The agreement"), IndicatorMoment),
    responses((status = 200, description = "The figures", body = AgreementIndicators)), security(("oauth2" = ["agreements.read"])))]
#[get("/indicators")]
async fn get_agreement_indicators(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    query: Query<IndicatorMoment>,
) -> Result<Answer> {
    let (agreement_id, keys) = (path.into_inner(), state.keys.clone());
    let moment = Moment::asked(query.0.as_of, query.0.known_before, state.clock.now())?;
    let read = move |connection: &mut DbConnection| {
        let over = Over::Agreement(agreement_id);
        let asked = Asked { scope: &caller.scope, over, moment, keys: &keys };
        Answer::ok(&asked.of_agreement(connection, agreement_id)?)
    };
    state.db.read(read).await
}

/// Lists the rows behind an indicator of an agreement
///
/// One row for each person, or for each placement where person-times are counted; their number equals the figure. A person stands by the
/// placement of the primary attribution, the others stand in `also_claimed_by`. That another agreement counts the person as well is told by
/// a lookup id that both sides have, and nothing else.
#[utoipa::path(tag = "indicators",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("indicator" = String, Path, max_length = 40, pattern = "^[a-z0-9_]+$", description = "Code of the indicator", example = "onboarded"), PageParams, IndicatorRowsFilter),
    responses((status = 200, description = "A page of rows", body = Page<IndicatorRow>)), security(("oauth2" = ["agreements.read"])))]
#[get("/indicators/{indicator}/rows")]
async fn list_agreement_indicator_rows(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, String)>,
    listing: Listing<IndicatorRowsFilter>,
) -> Result<Answer> {
    let (agreement_id, code) = path.into_inner();
    rows(&state, &caller, Over::Agreement(agreement_id), code, listing).await
}

/// Reads the indicators of a party
///
/// Over all agreements that the party takes part in, for the party itself. Persons are counted anew: who counts in two agreements is one
/// person, so the figures are not the sums of those of the agreements.
#[utoipa::path(tag = "indicators", params(("party_id" = Id, Path, description = "The caller's own party"), IndicatorMoment),
    responses((status = 200, description = "The figures", body = PartyIndicators)), security(("oauth2" = ["agreements.read"])))]
#[get("/v1/parties/{party_id}/indicators")]
async fn get_party_indicators(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    query: Query<IndicatorMoment>,
) -> Result<Answer> {
    let (party_id, keys) = (path.into_inner(), state.keys.clone());
    let moment = Moment::asked(query.0.as_of, query.0.known_before, state.clock.now())?;
    let read = move |connection: &mut DbConnection| {
        let asked = Asked { scope: &caller.scope, over: Over::Party(party_id), moment, keys: &keys };
        Answer::ok(&asked.of_party(connection, party_id)?)
    };
    state.db.read(read).await
}

/// Lists the rows behind an indicator of a party
///
/// As for an agreement, over all agreements that the party takes part in; each row says in which agreement its placement is.
#[utoipa::path(tag = "indicators",
    params(("party_id" = Id, Path, description = "The caller's own party"), ("indicator" = String, Path, max_length = 40, pattern = "^[a-z0-9_]+$", description = "Code of the indicator", example = "onboarded"), PageParams, IndicatorRowsFilter),
    responses((status = 200, description = "A page of rows", body = Page<IndicatorRow>)), security(("oauth2" = ["agreements.read"])))]
#[get("/v1/parties/{party_id}/indicators/{indicator}/rows")]
async fn list_party_indicator_rows(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, String)>,
    listing: Listing<IndicatorRowsFilter>,
) -> Result<Answer> {
    let (party_id, code) = path.into_inner();
    rows(&state, &caller, Over::Party(party_id), code, listing).await
}

async fn rows(
    state: &State,
    caller: &Caller<AgreementsRead>,
    over: Over,
    code: String,
    listing: Listing<IndicatorRowsFilter>,
) -> Result<Answer> {
    let (page, keys, scope) = (listing.page(state)?, state.keys.clone(), caller.scope);
    let moment = Moment::asked(listing.filter.as_of, listing.filter.known_before, state.clock.now())?;
    let rows_asked = listing.filter.asked();
    let read = move |connection: &mut DbConnection| {
        let asked = Asked { scope: &scope, over, moment, keys: &keys };
        let rows = asked.rows(connection, &code, &rows_asked, &page)?;
        Answer::page(&page.page(&keys, rows, |row| row.placement_id))
    };
    state.db.read(read).await
}

/// Mounts what belongs to no single agreement.
pub fn mount(config: &mut ServiceConfig) {
    config.service(list_indicators).service(get_party_indicators).service(list_party_indicator_rows);
}

/// Mounts the routes of this part below `/v1/agreements/{agreement_id}`.
pub fn mount_within(config: &mut ServiceConfig) {
    config.service(get_agreement_indicators).service(list_agreement_indicator_rows);
}
