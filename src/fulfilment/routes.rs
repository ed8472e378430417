//! HTTP of fulfilment.

use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

use super::store::{self, BehindRow};
use super::{Fulfilment, rules};
use crate::agreements::{self, Target, Terms};
use crate::app::State;
use crate::db::{DbConnection, Id, Page};
use crate::dispatches::tally::{self, Standing};
use crate::error::{Code, Error, Fault, Result};
use crate::http::{Answer, Listing, PageParams};
use crate::identity::Caller;
use crate::identity::policy::AgreementsRead;

/// Which figure's rows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RowsFilter {
    /// Number of the target in the terms in effect, from 1.
    #[param(minimum = 1, maximum = 200, example = 1)]
    pub target: usize,
    /// Which of its three figures; certain unless told.
    // Inline, because the document knows a schema by its name alone, and the standing of an agreement has that name.
    #[serde(default)]
    #[param(inline)]
    pub standing: Option<Standing>,
}

/// Reads how far an agreement is fulfilled
///
/// Every target with numerator, denominator, unit and bounds, the places of each quota, and the funnel from departure to each node.
/// Persons are distinct, placements are person-times; the two are never added.
#[utoipa::path(tag = "fulfilment", params(("agreement_id" = Id, Path, description = "The agreement")),
    responses((status = 200, description = "The fulfilment", body = Fulfilment, headers(("ETag")))), security(("oauth2" = ["agreements.read"])))]
#[get("/v1/agreements/{agreement_id}/fulfilment")]
pub async fn get_fulfilment(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
) -> Result<Answer> {
    let (agreement_id, now) = (path.into_inner(), state.clock.now());
    let read = move |connection: &mut DbConnection| {
        agreements::store::role(connection, &caller.scope, agreement_id)?;
        let terms = agreements::store::terms_on(connection, agreement_id, now.day())?;
        let figures = tally::stored(connection, agreement_id)?;
        let fulfilment = Fulfilment {
            agreement_id,
            as_of: now.day(),
            retention_rule_id: terms.retention.rule_id.clone(),
            targets: rules::targets(agreement_id, &terms, &figures),
            places: store::places(connection, agreement_id, now)?,
            funnel: rules::funnels(&terms, &figures, now.day()),
        };
        Ok(Answer::ok(&fulfilment)?.tagged())
    };
    state.db.read(read).await
}

/// Lists the rows behind a figure
///
/// One row for each person (or placement, when the target counts person-times); their number equals the figure.
#[utoipa::path(tag = "fulfilment", params(("agreement_id" = Id, Path, description = "The agreement"), PageParams, RowsFilter),
    responses((status = 200, description = "A page of rows", body = Page<BehindRow>)), security(("oauth2" = ["agreements.read"])))]
#[get("/v1/agreements/{agreement_id}/fulfilment/rows")]
pub async fn list_fulfilment_rows(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    listing: Listing<RowsFilter>,
) -> Result<Answer> {
    let (page, keys, agreement_id) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let today = state.clock.today();
    let read = move |connection: &mut DbConnection| {
        agreements::store::role(connection, &caller.scope, agreement_id)?;
        let terms = agreements::store::terms_on(connection, agreement_id, today)?;
        let target = target_of(&terms, listing.filter.target)?;
        let standing = listing.filter.standing.unwrap_or(Standing::Certain);
        let rows = store::rows(connection, agreement_id, target, standing, &page)?;
        let person = target.unit == agreements::Unit::Person;
        Answer::page(&page.page(&keys, rows, |row: &BehindRow| if person { row.worker_id } else { row.placement_id }))
    };
    state.db.read(read).await
}

fn target_of(terms: &Terms, number: usize) -> Result<&Target> {
    number.checked_sub(1).and_then(|place| terms.targets.get(place)).ok_or_else(|| {
        Error::new(Code::ParameterInvalid).fault(Fault::query(
            "target",
            "out_of_range",
            "the terms in effect have no target with this number",
            "现行条款中没有该序号的目标",
        ))
    })
}

/// Mounts the routes of this slice.
pub fn mount(config: &mut ServiceConfig) {
    config.service(get_fulfilment).service(list_fulfilment_rows);
}
