//! Requesting places as a command: one from a destination's call, or a whole demand table, with a result for each row.
//!
//! A row is known by its reference: one that says the same again is unchanged, one that says something else is refused, because parties
//! may have read the quota as it is.

use std::collections::HashMap;

use serde_json::json;

use super::{NewCohort, NewQuota, Quota, QuotaAction, QuotaState, TRANSITIONS, accounts, rules, store};
use crate::agreements::{self, PartyRole};
use crate::db::{DbConnection, Id};
use crate::error::{Code, Error, Fault, Faults, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::http::receipt::RowStatus;
use crate::lifecycle;
use crate::parties::{self, PartyKind};

/// A row of a demand table.
#[derive(Debug, Clone)]
pub struct Request {
    /// What is asked for.
    pub new: NewQuota,
    /// As many are approved already; the quota is then published with them.
    pub approved: Option<i64>,
}

/// What became of a row.
pub type RowResult = Result<(RowStatus, Id), Vec<Fault>>;

/// What happened to a quota.
#[must_use]
pub fn event(quota: &Quota, kind: &'static str) -> NewEvent {
    let payload = json!({ "agreement_id": quota.agreement_id, "state": quota.state, "requested_places": quota.requested_places, "approved_places": quota.approved_places });
    NewEvent {
        kind,
        // A draft is its destination's own.
        chain: match quota.state {
            QuotaState::Draft => Chain::Party(quota.destination_id),
            QuotaState::Published | QuotaState::Withdrawn => Chain::Agreement(quota.agreement_id),
        },
        subject_kind: "quota",
        subject_id: quota.id,
        subject_version: quota.version,
        employer_id: (quota.state != QuotaState::Draft).then_some(quota.employer_id),
        payload,
    }
}

/// The agreement of a destination that may ask for places today, with its terms.
fn desk(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
) -> Result<(agreements::Agreement, std::sync::Arc<agreements::Terms>)> {
    let membership = agreements::store::membership(connection, &actor.scope, agreement_id)?;
    if membership.role != PartyRole::Destination {
        return Err(Error::new(Code::RoleNotAllowed).param("required_role", "destination"));
    }
    let terms = agreements::store::terms_in_force(connection, &membership.agreement, actor.now.day())?;
    Ok((membership.agreement, terms))
}

/// Requests places for one post.
///
/// # Errors
/// [`Code::RoleNotAllowed`], [`Code::AgreementNotInForce`], [`Code::FieldInvalid`], [`Code::ReferenceUnknown`].
pub fn request(connection: &mut DbConnection, actor: &Actor, agreement_id: Id, new: NewQuota) -> Result<Quota> {
    let (agreement, terms) = desk(connection, actor, agreement_id)?;
    rules::check(&new, actor.now.day(), agreement.effective_to)?;
    require_references(connection, &new)?;
    let quota = store::draft(actor, agreement_id, &new);
    write(connection, actor, agreement_id, &[(quota.clone(), new.cohorts.as_slice())])?;
    accounts::follow_caps(connection, agreement_id, &terms.caps)?;
    Ok(quota)
}

fn write(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    drafts: &[(Quota, &[NewCohort])],
) -> Result<()> {
    let quotas: Vec<Quota> = drafts.iter().map(|(quota, _)| quota.clone()).collect();
    store::insert(connection, &quotas)?;
    let opened: Vec<(&Quota, &[NewCohort])> = drafts.iter().map(|(quota, cohorts)| (quota, *cohorts)).collect();
    accounts::open(connection, agreement_id, &opened)?;
    log::record_all(connection, quotas.iter().map(|quota| (actor, event(quota, "quota.requested"))).collect())
}

fn require_references(connection: &mut DbConnection, new: &NewQuota) -> Result<()> {
    let mut faults = Faults::new();
    let employer = parties::store::party_if_any(connection, new.employer_id)?;
    faults.require(
        employer.is_some_and(|party| party.kind == PartyKind::Employer),
        "/employer_id",
        EMPLOYER_UNKNOWN.0,
        EMPLOYER_UNKNOWN.1,
        EMPLOYER_UNKNOWN.2,
    );
    if let Some(zone_id) = new.zone_id {
        let zone = parties::store::zone_if_any(connection, zone_id)?;
        faults.require(
            zone.is_some_and(|zone| zone.host_code == new.region_code),
            "/zone_id",
            "zone_unknown",
            "no zone with this id is hosted by region_code",
            "该区划下没有此园区",
        );
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::new(Code::ReferenceUnknown).faults(faults.into_inner())) }
}

const EMPLOYER_UNKNOWN: (&str, &str, &str) =
    ("employer_unknown", "no registered employer has this id", "没有登记该用人单位");

/// Requests places for many posts, each row known by its reference; what is approved already is published. Rows name no zones and no
/// cohorts.
///
/// # Errors
/// [`Code::RoleNotAllowed`], [`Code::AgreementNotInForce`].
pub fn request_all(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    rows: &[Request],
) -> Result<Vec<RowResult>> {
    let (agreement, terms) = desk(connection, actor, agreement_id)?;
    let employers = store::employers(connection, rows.iter().map(|row| row.new.employer_id))?;
    let references: Vec<&str> = rows.iter().filter_map(|row| row.new.partner_ref.as_deref()).collect();
    let known = store::of_references(connection, agreement_id, actor.scope.party_id, &references)?;
    let mut own: HashMap<&str, usize> = HashMap::new();
    let mut drafts = Vec::new();
    let mut results = Vec::with_capacity(rows.len());
    for (place, row) in rows.iter().enumerate() {
        let reference = row.new.partner_ref.as_deref();
        let twice = reference.is_some_and(|reference| own.insert(reference, place).is_some());
        let held = reference.and_then(|reference| known.get(reference));
        results.push(match held {
            _ if twice => refused("/partner_ref", "partner_ref_repeated", "an earlier row has this reference", "前面行中已使用该编号"),
            Some(held) if says(row, held) => Ok((RowStatus::Unchanged, held.id)),
            Some(_) => refused("/partner_ref", "quota_differs", "there is a quota with this reference that says something else; withdraw it or give the row another reference", "该编号的名额已存在且内容不同，请先撤回原名额或更换编号"),
            None => check(row, actor, agreement.effective_to, employers.contains(&row.new.employer_id)).map(|()| {
                let quota = store::draft(actor, agreement_id, &row.new);
                let id = quota.id;
                drafts.push((quota, row.approved));
                (RowStatus::Accepted, id)
            }),
        });
    }
    if drafts.is_empty() {
        return Ok(results);
    }
    let written: Vec<(Quota, &[NewCohort])> = drafts.iter().map(|(quota, _)| (quota.clone(), [].as_slice())).collect();
    write(connection, actor, agreement_id, &written)?;
    publish(connection, actor, agreement_id, drafts)?;
    accounts::follow_caps(connection, agreement_id, &terms.caps)?;
    Ok(results)
}

fn refused(pointer: &str, code: &'static str, en: &str, zh: &str) -> RowResult {
    Err(vec![Fault::body(pointer, code, en, zh)])
}

fn check(row: &Request, actor: &Actor, agreement_ends: crate::db::Day, known_employer: bool) -> Result<(), Vec<Fault>> {
    let mut faults =
        rules::check(&row.new, actor.now.day(), agreement_ends).map_or_else(|error| error.faults, |()| Vec::new());
    if !known_employer {
        let (code, en, zh) = EMPLOYER_UNKNOWN;
        faults.push(Fault::body("/employer_id", code, en, zh));
    }
    if row.approved.is_some_and(|approved| !(0..=row.new.requested_places).contains(&approved)) {
        let (en, zh) = ("must be from 0 to the places requested", "须在 0 到申请名额之间");
        faults.push(Fault::body("/approved_places", "out_of_range", en, zh));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Whether a quota says what a row says. Approvals move on after the request and are not compared.
fn says(row: &Request, held: &Quota) -> bool {
    let new = &row.new;
    (held.employer_id, held.region_code, held.requested_places, held.valid_until)
        == (new.employer_id, new.region_code, new.requested_places, new.valid_until)
        && held.post_title == new.post_title.trim()
        && (held.monthly_wage_min_fen, held.monthly_wage_max_fen)
            == (new.monthly_wage_min_fen, new.monthly_wage_max_fen)
}

fn publish(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    drafts: Vec<(Quota, Option<i64>)>,
) -> Result<()> {
    let state = lifecycle::step(TRANSITIONS, QuotaState::Draft, QuotaAction::Publish)?;
    let approved = drafts.into_iter().filter_map(|(quota, approved)| Some((quota, approved?)));
    let published: Vec<Quota> = approved
        .map(|(quota, approved_places)| {
            let fewer = approved_places < quota.requested_places;
            let reason = fewer.then(|| "名额表所列核定人数".to_owned());
            Quota { state, approved_places, approval_reason: reason, version: quota.version + 1, ..quota }
        })
        .collect();
    store::publish(connection, actor, agreement_id, &published)?;
    log::record_all(connection, published.iter().map(|quota| (actor, event(quota, "quota.published"))).collect())
}
