//! Why a figure changed, and what an amendment would have changed.

use actix_web::{get, post, web};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::agreements::VersionState;
use crate::agreements::store::{membership, versions};
use crate::app::State;
use crate::db::{DbConnection, Id, Instant};
use crate::error::{Code, Error, Fault, Result};
use crate::http::query::Query;
use crate::http::{Answer, Posted};
use crate::identity::Caller;
use crate::identity::policy::AgreementsRead;
use crate::retention::checks::RuleBook;
use crate::statements::computing::Question;
use crate::statements::month::Month;
use crate::statements::movement::{AmendmentEffect, FigureMovement, NewPreview, between, explain};
use crate::statements::rules;

pub(super) fn mount_within(config: &mut ServiceConfig) {
    config.service(get_figure_changes).service(preview_amendment);
}

/// Which month, between which instants.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Period {
    /// The month whose figures are asked about; it must be over.
    month: Month,
    /// The figures as they were known just before this instant.
    from: Instant,
    /// The figures as they were known just before this instant; now unless told.
    to: Option<Instant>,
}

fn require_order(from: Instant, to: Instant) -> Result<()> {
    let (en, zh) = ("from must not be later than to", "from 不得晚于 to");
    let fault = || Error::new(Code::ParameterInvalid).fault(Fault::query("from", "after_to", en, zh));
    if from > to { Err(fault()) } else { Ok(()) }
}

/// Find out why figures changed
///
/// The figures of a month as they were known at two instants, every row that is not as it was, which figures it moved, and what was
/// recorded about it in between. The moves of the rows add up to the difference of the placements of each figure.
#[utoipa::path(tag = "statements", params(("agreement_id" = Id, Path, description = "The agreement"), Period),
    responses((status = 200, description = "What moved", body = FigureMovement)), security(("oauth2" = ["agreements.read"])))]
#[get("/figure-changes")]
async fn get_figure_changes(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    query: Query<Period>,
) -> Result<Answer> {
    let (agreement_id, keys, now) = (path.into_inner(), state.keys.clone(), state.clock.now());
    let Period { month, from, to } = query.0;
    let to = to.unwrap_or_else(|| now.just_after());
    require_order(from, to)?;
    let read = move |connection: &mut DbConnection| {
        membership(connection, &caller.scope, agreement_id)?;
        let terms = RuleBook::read(connection, agreement_id)?;
        let at = |known_before| Question {
            agreement_id,
            month,
            known_before,
            in_retrospect: true,
            terms: &terms,
            keys: &keys,
        };
        Answer::ok(&explain(connection, &at(from), &at(to))?)
    };
    state.db.read(read).await
}

/// Preview an amendment
///
/// What the figures of a past month would be if the proposed version had held from the beginning: which would differ, and by which rows.
/// Nothing is written; the month counts as it was ratified.
#[utoipa::path(tag = "statements",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("number" = i64, Path, minimum = 1, maximum = 1_000_000, description = "Number of the proposed version")),
    request_body = NewPreview, responses((status = 200, description = "The effect", body = AmendmentEffect)), security(("oauth2" = ["agreements.read"])))]
#[post("/amendments/{number}/preview")]
async fn preview_amendment(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, i64)>,
    posted: Posted<NewPreview>,
) -> Result<Answer> {
    let ((agreement_id, number), keys, now) = (path.into_inner(), state.keys.clone(), state.clock.now());
    let month = posted.body.month;
    let read = move |connection: &mut DbConnection| {
        let held = membership(connection, &caller.scope, agreement_id)?;
        rules::check_month(month, held.agreement.effective_from, now.day())?;
        let version = versions::version(connection, agreement_id, number)?;
        if version.state == VersionState::Draft {
            return Err(Error::not_found("version of this agreement", "协议版本"));
        }
        let (ratified, proposed) =
            (RuleBook::read(connection, agreement_id)?, RuleBook::of_one(version.document()?.terms));
        let known_before = now.just_after();
        let by = |terms| Question { agreement_id, month, known_before, in_retrospect: false, terms, keys: &keys };
        let (figures, rows) = between(connection, &by(&ratified), &by(&proposed))?;
        Answer::ok(&AmendmentEffect { version: number, month, figures, rows })
    };
    state.db.read(read).await
}
