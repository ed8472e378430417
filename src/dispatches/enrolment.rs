//! Enrolling as a command: the dispatch made ready, the rows enrolled, an event for each call.
//!
//! Single workers come in their own requests; those that wait together run as one roster and each gets its own answer and event, as
//! if they had come one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::roster::{RosterRow, RowOutcome, Target, enrol};
use super::{Dispatch, DispatchAction, DispatchState, PlacementToday, TRANSITIONS, outcomes, store};
use crate::agreements::{self, PartyRole, Terms};
use crate::db::{Day, DbConnection, Id, Instant, Lane};
use crate::error::{Code, Error, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::http::Answer;
use crate::http::extract::IfMatch;
use crate::http::idempotency::{Keyed, together};
use crate::http::receipt::RowStatus;
use crate::lifecycle;
use crate::quotas::accounts;
use crate::seal::KeyRing;

/// Where the requests for single workers wait for each other.
pub type Enrolments = Lane<Keyed<Enrolment>, Answer>;

/// One worker to be enrolled.
#[derive(Debug)]
pub struct Enrolment {
    /// Whose request it is.
    pub actor: Actor,
    /// Keys, for the lookup id a loser is given.
    pub keys: Arc<KeyRing>,
    /// The agreement.
    pub agreement_id: Id,
    /// The dispatch.
    pub dispatch_id: Id,
    /// The version of the dispatch that the request is meant for, when it says so.
    pub if_match: IfMatch,
    /// The row.
    pub row: RosterRow,
}

/// What happened to a dispatch. A draft is its origin's own, so what happens to it stays in the origin's chain; once it was locked the
/// members of the agreement know of it.
pub fn event(row: &Dispatch, kind: &'static str) -> NewEvent {
    let chain = if row.state == DispatchState::Draft {
        Chain::Party(row.origin_id)
    } else {
        Chain::Agreement(row.agreement_id)
    };
    NewEvent {
        kind,
        chain,
        subject_kind: "dispatch",
        subject_id: row.id,
        subject_version: row.version,
        employer_id: None,
        payload: json!({ "agreement_id": row.agreement_id, "state": row.state, "placements": row.placements }),
    }
}

/// What happened to a dispatch that the members knew of before, whatever it is now.
pub fn event_for_members(row: &Dispatch, kind: &'static str) -> NewEvent {
    NewEvent { chain: Chain::Agreement(row.agreement_id), ..event(row, kind) }
}

/// Lets an origin of an agreement go on that was in force on `day`: a departure may be recorded after the agreement has expired.
pub fn origin_in_force(connection: &mut DbConnection, actor: &Actor, agreement_id: Id, day: Day) -> Result<Arc<Terms>> {
    let membership = agreements::store::membership(connection, &actor.scope, agreement_id)?;
    if membership.role != PartyRole::Origin {
        return Err(Error::new(Code::RoleNotAllowed).param("required_role", "origin"));
    }
    agreements::store::terms_in_force(connection, &membership.agreement, day)
}

/// The dispatch of a roster call, ready to take rows: in force, a draft, lapsed holds swept.
fn ready(
    connection: &mut DbConnection,
    actor: &Actor,
    ids: (Id, Id),
    if_match: IfMatch,
) -> Result<(Dispatch, Arc<Terms>, Instant)> {
    let terms = origin_in_force(connection, actor, ids.0, actor.now.day())?;
    outcomes::sweep_lapsed(connection, actor, ids.0)?;
    accounts::follow_caps(connection, ids.0, &terms.caps)?;
    let dispatch = store::own_dispatch(connection, &actor.scope, ids.0, ids.1)?;
    if_match.check(dispatch.version)?;
    lifecycle::step(TRANSITIONS, dispatch.state, DispatchAction::Enrol)?;
    let renewed = actor.now.plus_days(terms.hold_days);
    let holds_until = if dispatch.holds_until <= actor.now { renewed } else { dispatch.holds_until };
    Ok((dispatch, terms, holds_until))
}

fn is_accepted(result: &RowOutcome) -> bool {
    matches!(result, Ok((RowStatus::Accepted, _)))
}

/// Enrols the rows of one call and records one event for it, unless nothing changed.
pub fn enrol_roster(
    connection: &mut DbConnection,
    actor: &Actor,
    keys: &KeyRing,
    ids: (Id, Id),
    if_match: IfMatch,
    rows: &[RosterRow],
) -> Result<Vec<RowOutcome>> {
    let (dispatch, terms, holds_until) = ready(connection, actor, ids, if_match)?;
    let target = Target { dispatch: &dispatch, terms: &terms, holds_until, keys, calls_of_one_row: false };
    let results = enrol(connection, actor, &target, rows)?;
    let accepted = results.iter().filter(|result| is_accepted(result)).count();
    if accepted > 0 {
        let placements = dispatch.placements + i64::try_from(accepted).unwrap_or_default();
        let changed = Dispatch { version: dispatch.version + 1, placements, ..dispatch };
        log::record(connection, actor, event(&changed, "dispatch.roster_changed"))?;
    }
    Ok(results)
}

/// Enrols the workers of requests that waited together; what a [`Lane`] of enrolments runs.
///
/// # Errors
/// Whatever is wrong with a dispatch as a whole, or with the requests as one call: each is then tried alone.
pub fn enrol_waiting(connection: &mut DbConnection, requests: &[Keyed<Enrolment>]) -> Result<Vec<Result<Answer>>> {
    together(connection, requests, |connection, requests| {
        let mut rosters: BTreeMap<(Id, Id, Id, Option<i64>), Vec<usize>> = BTreeMap::new();
        for (place, Keyed { request, .. }) in requests.iter().enumerate() {
            let origin = request.actor.scope.party_id;
            let roster = (origin, request.agreement_id, request.dispatch_id, request.if_match.0);
            rosters.entry(roster).or_default().push(place);
        }
        let mut answers: Vec<(usize, Result<Answer>)> = Vec::with_capacity(requests.len());
        for places in rosters.into_values() {
            let roster: Vec<&Enrolment> =
                places.iter().filter_map(|place| requests.get(*place)).map(|keyed| &keyed.request).collect();
            answers.extend(places.into_iter().zip(enrol_one_by_one(connection, &roster)?));
        }
        answers.sort_unstable_by_key(|(place, _)| *place);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    })
}

/// Workers of one dispatch, each of a request of its own.
fn enrol_one_by_one(connection: &mut DbConnection, requests: &[&Enrolment]) -> Result<Vec<Result<Answer>>> {
    let first = *requests.first().ok_or_else(|| Error::internal("nobody to enrol"))?;
    if requests.len() > 1 && first.if_match.0.is_some() {
        return Err(Error::internal("requests for one version of a dispatch run one after the other"));
    }
    let ids = (first.agreement_id, first.dispatch_id);
    let (dispatch, terms, holds_until) = ready(connection, &first.actor, ids, first.if_match)?;
    let target = Target { dispatch: &dispatch, terms: &terms, holds_until, keys: &first.keys, calls_of_one_row: true };
    let rows: Vec<RosterRow> = requests.iter().map(|request| request.row.clone()).collect();
    let results = enrol(connection, &first.actor, &target, &rows)?;
    if requests.len() > 1
        && results.iter().any(|result| matches!(result, Err(error) if error.is_about("repeated_in_call")))
    {
        return Err(Error::internal("requests for one worker run one after the other"));
    }
    record(connection, dispatch, requests, &results)?;
    answers(connection, ids.0, results, first.actor.now.day())
}

/// An event for each request that was accepted, with the version the dispatch had after it.
fn record(
    connection: &mut DbConnection,
    mut dispatch: Dispatch,
    requests: &[&Enrolment],
    results: &[RowOutcome],
) -> Result<()> {
    let mut events = Vec::with_capacity(requests.len());
    for (request, _) in requests.iter().zip(results).filter(|(_, result)| is_accepted(result)) {
        dispatch.version += 1;
        dispatch.placements += 1;
        events.push((&request.actor, event(&dispatch, "dispatch.roster_changed")));
    }
    log::record_all(connection, events)
}

fn answers(
    connection: &mut DbConnection,
    agreement_id: Id,
    results: Vec<RowOutcome>,
    today: Day,
) -> Result<Vec<Result<Answer>>> {
    let ids: Vec<Id> = results.iter().filter_map(|result| result.as_ref().ok()).map(|(_, id)| *id).collect();
    let rows: BTreeMap<Id, _> =
        store::placements_of(connection, agreement_id, &ids)?.into_iter().map(|row| (row.id, row)).collect();
    let answer = |(_, id): (RowStatus, Id)| {
        let row = rows.get(&id).ok_or_else(|| Error::internal("an enrolled placement is gone"))?;
        let location = format!("/v1/agreements/{}/placements/{}", row.agreement_id, row.id);
        Answer::created(location, &PlacementToday::of(row.clone(), today)).map(|answer| answer.version(row.version))
    };
    Ok(results.into_iter().map(|result| result.and_then(answer)).collect())
}
