//! HTTP of fulfilment.

use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

use super::store::{self, BehindRow};
use super::{Figure, Fulfilment, Step, rules};
use crate::agreements::{self, Target, Terms, Unit};
use crate::app::State;
use crate::db::{DbConnection, Id, Page};
use crate::dispatches::tally::{self, Standing};
use crate::error::{Code, Error, Fault, Result};
use crate::http::{Answer, Listing, PageParams};
use crate::identity::policy::AgreementsRead;
use crate::identity::{self, Caller};
use crate::regions::Scope;
use crate::retention::{checks, guarantee};
use crate::workers::Population;

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

/// Lets the figures follow the calendar before they are read: who is known to have left is counted at a node on its due day.
async fn settle(state: &State, scope: identity::Scope, agreement_id: Id) -> Result<()> {
    let (today, mut before) = (state.clock.today(), Vec::new());
    loop {
        let read = move |connection: &mut DbConnection| {
            agreements::store::role(connection, &scope, agreement_id)?;
            checks::come_due(connection, agreement_id, today)
        };
        let awaited = state.db.read(read).await?;
        if awaited.is_empty() || awaited == before {
            return Ok(());
        }
        before.clone_from(&awaited);
        let judge = state.judge;
        state.db.write(move |connection| judge(connection, agreement_id, &awaited, today)).await?;
    }
}

/// Reads how far an agreement is fulfilled
///
/// Every target with numerator, denominator, unit and bounds, the places of each quota, and the funnel from departure to each node.
/// Persons are distinct, placements are person-times; the two are never added.
#[utoipa::path(tag = "fulfilment", params(("agreement_id" = Id, Path, description = "The agreement")),
    responses((status = 200, description = "The fulfilment", body = Fulfilment, headers(("ETag")))), security(("oauth2" = ["agreements.read"])))]
#[get("/fulfilment")]
pub async fn get_fulfilment(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
) -> Result<Answer> {
    let (agreement_id, now) = (path.into_inner(), state.clock.now());
    settle(&state, caller.scope, agreement_id).await?;
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
            replacements: guarantee::store::figures(connection, agreement_id, now.day())?,
            funnel: rules::funnels(agreement_id, &terms, &figures, now.day()),
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
#[get("/fulfilment/rows")]
pub async fn list_fulfilment_rows(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    listing: Listing<RowsFilter>,
) -> Result<Answer> {
    let (page, keys, agreement_id) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let today = state.clock.today();
    settle(&state, caller.scope, agreement_id).await?;
    let read = move |connection: &mut DbConnection| {
        agreements::store::role(connection, &caller.scope, agreement_id)?;
        let terms = agreements::store::terms_on(connection, agreement_id, today)?;
        let target = target_of(&terms, listing.filter.target)?;
        let standing = listing.filter.standing.unwrap_or(Standing::Certain);
        let figure = rules::figure_of(target, standing);
        let rows = store::rows(connection, agreement_id, &figure, today, &page)?;
        Answer::page(&page.page(&keys, rows, |row| row.key(figure.unit)))
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

/// Which number of the funnel.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct FunnelRowsFilter {
    /// Only of this plan year.
    #[param(minimum = 1980, maximum = 2099, example = 2026)]
    pub plan_year: Option<i64>,
    /// Only against this quota.
    pub quota_id: Option<Id>,
    /// Only this far from the origin.
    pub scope: Option<Scope>,
    /// The node, for due, retained, left and unverified.
    #[param(max_length = 10, pattern = "^[0-9]{1,4}[dm]$", example = "90d")]
    pub node: Option<String>,
    /// Of which; everybody unless told.
    pub population: Option<Population>,
    /// Persons, or placements; placements unless told.
    pub unit: Option<Unit>,
}

impl FunnelRowsFilter {
    fn figure(&self, step: Step) -> Result<Figure> {
        let fault = match (step.is_at_node(), self.node.is_some()) {
            (true, false) => Fault::query("node", "node_needed", "say at which node", "请指明考核节点"),
            (false, true) => Fault::query("node", "node_not_asked", "this step has no node", "该环节不按节点统计"),
            _ => {
                return Ok(Figure {
                    step,
                    plan_year: self.plan_year,
                    quota_id: self.quota_id,
                    scope: self.scope,
                    node: self.node.clone(),
                    population: self.population.unwrap_or(Population::All),
                    unit: self.unit.unwrap_or(Unit::PersonTime),
                    standing: None,
                });
            }
        };
        // Each parameter is well-formed; there is no such list.
        let missing = Error::new(Code::NotFound)
            .detail("there is no such list of rows; errors says why", "没有这样的明细，原因见 errors");
        Err(missing.fault(fault))
    }
}

/// Lists the rows behind a number of the funnel
///
/// The fulfilment carries the address for each of its numbers; there are as many rows as the number says. One row for each placement,
/// or, with `unit=person`, for each person; whoever is disputed is among them.
#[utoipa::path(tag = "fulfilment",
    params(("agreement_id" = Id, Path, description = "The agreement"),
        ("step" = inline(Step), Path, description = "What the rows have in common", example = "onboarded"), PageParams, FunnelRowsFilter),
    responses((status = 200, description = "A page of rows", body = Page<BehindRow>)), security(("oauth2" = ["agreements.read"])))]
#[get("/fulfilment/funnel/{step}/rows")]
pub async fn list_funnel_rows(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Step)>,
    listing: Listing<FunnelRowsFilter>,
) -> Result<Answer> {
    let (page, keys, (agreement_id, step)) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let (figure, today) = (listing.filter.figure(step)?, state.clock.today());
    settle(&state, caller.scope, agreement_id).await?;
    let read = move |connection: &mut DbConnection| {
        agreements::store::role(connection, &caller.scope, agreement_id)?;
        let rows = store::rows(connection, agreement_id, &figure, today, &page)?;
        Answer::page(&page.page(&keys, rows, |row| row.key(figure.unit)))
    };
    state.db.read(read).await
}

/// Mounts the routes of this part below `/v1/agreements/{agreement_id}`.
pub fn mount_within(config: &mut ServiceConfig) {
    config.service(get_fulfilment).service(list_fulfilment_rows).service(list_funnel_rows);
}
