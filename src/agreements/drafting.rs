//! Writing an agreement: draft, change, propose, withdraw. Each function is one command in one transaction.
//!
//! A draft is the drafter's own: its events lie in that party's chain. From the proposal on they lie in the agreement's.

use std::collections::HashMap;

use serde_json::json;

use super::document::{Canonical, Document, Signatory};
use super::requests::{AgreementChange, NewAgreement, NewSignatory};
use super::store::versions::{self, VersionRow};
use super::store::{self, Membership};
use super::{
    Agreement, AgreementAction, AgreementState, TRANSITIONS, VERSION_TRANSITIONS, VersionAction, VersionState, rules,
    validation,
};
use crate::db::{DbConnection, Id};
use crate::error::{Code, Error, Fault, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::lifecycle::step;

/// Writes a draft.
///
/// # Errors
/// [`Code::FieldInvalid`], [`Code::ReferenceUnknown`], [`Code::AgreementNumberTaken`], [`Code::PartnerRefTaken`].
pub fn draft(connection: &mut DbConnection, actor: &Actor, new: &NewAgreement) -> Result<Membership> {
    let drafter = actor.scope.party_id;
    let names = checked(connection, new, drafter)?;
    let agreement = Agreement {
        id: Id::new(),
        number: new.number.clone(),
        title: new.title.clone(),
        kind: new.kind,
        state: AgreementState::Draft,
        drafted_by: drafter,
        effective_from: new.effective_from,
        effective_to: new.effective_to,
        partner_ref: new.partner_ref.clone(),
        tally_version: 1,
        version: 1,
        created_at: actor.now,
        updated_at: actor.now,
    };
    store::insert(connection, &agreement, &new.parties)?;
    let version = version_row(agreement.id, 1, &document(new, &names, 1)?, new, actor);
    versions::insert_version(connection, &version)?;
    log::record(connection, actor, in_draft("agreement.drafted", &agreement))?;
    store::membership(connection, &actor.scope, agreement.id)
}

/// Changes a draft.
///
/// # Errors
/// [`Code::NotFound`], [`Code::TransitionNotAllowed`], [`Code::PreconditionFailed`], and those of [`draft`].
pub fn change(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    expected_version: i64,
    change: &AgreementChange,
) -> Result<Membership> {
    let Membership { mut agreement, role } = store::locked(connection, &actor.scope, agreement_id)?;
    rules::require_right(AgreementAction::Change, role, agreement.drafted_by == actor.scope.party_id)?;
    step(TRANSITIONS, agreement.state, AgreementAction::Change)?;
    crate::http::extract::IfMatch(Some(expected_version)).check(agreement.version)?;
    let mut version = last_version(connection, agreement_id)?;
    let new = change.applied_to(&content(&agreement, version.document()?))?;
    let names = checked(connection, &new, agreement.drafted_by)?;
    require_signatories_kept(connection, agreement_id, &new.parties)?;
    write(connection, &mut version, &new, &names)?;
    store::replace_parties(connection, agreement_id, &new.parties)?;
    agreement.number = new.number;
    agreement.title = new.title;
    agreement.kind = new.kind;
    agreement.effective_from = new.effective_from;
    agreement.effective_to = new.effective_to;
    agreement.partner_ref = new.partner_ref;
    store::replace(connection, &mut agreement, actor.now)?;
    log::record(connection, actor, in_draft("agreement.changed", &agreement))?;
    store::membership(connection, &actor.scope, agreement_id)
}

/// Puts a draft before the parties: its document is written with the names of today and never changes again.
///
/// # Errors
/// [`Code::NotFound`], [`Code::TransitionNotAllowed`], [`Code::ReferenceUnknown`] when a party is no longer active.
pub fn propose(connection: &mut DbConnection, actor: &Actor, mut membership: Membership) -> Result<Membership> {
    let agreement = &mut membership.agreement;
    rules::require_right(AgreementAction::Propose, membership.role, agreement.drafted_by == actor.scope.party_id)?;
    agreement.state = step(TRANSITIONS, agreement.state, AgreementAction::Propose)?;
    let mut version = last_version(connection, agreement.id)?;
    let to = step(VERSION_TRANSITIONS, version.state, VersionAction::Propose)?;
    let new = content(agreement, version.document()?);
    let names = checked(connection, &new, agreement.drafted_by)?;
    write(connection, &mut version, &new, &names)?;
    versions::move_version(connection, &mut version, to, actor.now)?;
    store::replace(connection, agreement, actor.now)?;
    log::record(connection, actor, of_version("agreement.proposed", agreement, &version))?;
    Ok(membership)
}

/// Takes a proposal back. The version that was before the parties is kept as withdrawn, with whatever ratifications it had; the
/// draft goes on as a new version.
///
/// # Errors
/// [`Code::NotFound`], [`Code::RoleNotAllowed`], [`Code::TransitionNotAllowed`].
pub fn withdraw(connection: &mut DbConnection, actor: &Actor, mut membership: Membership) -> Result<Membership> {
    let agreement = &mut membership.agreement;
    rules::require_right(AgreementAction::Withdraw, membership.role, agreement.drafted_by == actor.scope.party_id)?;
    agreement.state = step(TRANSITIONS, agreement.state, AgreementAction::Withdraw)?;
    let mut version = last_version(connection, agreement.id)?;
    let to = step(VERSION_TRANSITIONS, version.state, VersionAction::Withdraw)?;
    let new = content(agreement, version.document()?);
    let names = version.document()?.parties.into_iter().map(|party| (party.party_id, party.name)).collect();
    versions::move_version(connection, &mut version, to, actor.now)?;
    let number = version.number + 1;
    let next = version_row(agreement.id, number, &document(&new, &names, number)?, &new, actor);
    versions::insert_version(connection, &next)?;
    store::replace(connection, agreement, actor.now)?;
    log::record(connection, actor, of_version("agreement.withdrawn", agreement, &version))?;
    Ok(membership)
}

/// Checks a draft and gives the names of its parties.
fn checked(connection: &mut DbConnection, new: &NewAgreement, drafter: Id) -> Result<HashMap<Id, String>> {
    let ids: Vec<Id> = new.parties.iter().map(|party| party.party_id).collect();
    let names = store::active_parties(connection, &ids)?;
    validation::check_draft(new, drafter, |id| names.contains_key(&id))?;
    Ok(names)
}

/// A party that ratified an earlier proposal stays on record, and so among the parties.
fn require_signatories_kept(connection: &mut DbConnection, agreement_id: Id, parties: &[NewSignatory]) -> Result<()> {
    let signatories = versions::have_ratified(connection, agreement_id)?;
    if signatories.iter().all(|id| parties.iter().any(|party| party.party_id == *id)) {
        return Ok(());
    }
    Err(Error::new(Code::FieldInvalid).fault(Fault::body(
        "/parties",
        "signatory_missing",
        "a party that ratified an earlier proposal cannot be left out; draft a new agreement instead",
        "已批准过先前文本的一方不能删除；请另行起草协议",
    )))
}

/// What a draft says, read back from its row and its document.
fn content(agreement: &Agreement, document: Document) -> NewAgreement {
    let parties = document.parties.into_iter().map(|party| NewSignatory { party_id: party.party_id, role: party.role });
    NewAgreement {
        number: agreement.number.clone(),
        title: agreement.title.clone(),
        kind: agreement.kind,
        effective_from: agreement.effective_from,
        effective_to: agreement.effective_to,
        partner_ref: agreement.partner_ref.clone(),
        parties: parties.collect(),
        terms: document.terms,
    }
}

fn document(new: &NewAgreement, names: &HashMap<Id, String>, version: i64) -> Result<Canonical> {
    let mut parties: Vec<Signatory> = new
        .parties
        .iter()
        .map(|party| Signatory {
            party_id: party.party_id,
            name: names.get(&party.party_id).cloned().unwrap_or_default(),
            role: party.role,
        })
        .collect();
    parties.sort_by_key(|party| (party.role, party.party_id));
    let document = Document {
        number: new.number.clone(),
        title: new.title.clone(),
        kind: new.kind,
        parties,
        effective_from: new.effective_from,
        effective_to: new.effective_to,
        version,
        previous_digest: None,
        effective_on: new.effective_from,
        terms: new.terms.clone(),
    };
    document.canonical()
}

fn version_row(agreement_id: Id, number: i64, canonical: &Canonical, new: &NewAgreement, actor: &Actor) -> VersionRow {
    VersionRow {
        agreement_id,
        number,
        state: VersionState::Draft,
        effective_on: new.effective_from,
        document: canonical.text.clone(),
        digest: canonical.digest.to_vec(),
        reason: None,
        created_at: actor.now,
        ratified_at: None,
    }
}

fn write(
    connection: &mut DbConnection,
    version: &mut VersionRow,
    new: &NewAgreement,
    names: &HashMap<Id, String>,
) -> Result<()> {
    let canonical = document(new, names, version.number)?;
    version.effective_on = new.effective_from;
    version.document = canonical.text;
    version.digest = canonical.digest.to_vec();
    versions::replace_draft(connection, version)
}

fn last_version(connection: &mut DbConnection, agreement_id: Id) -> Result<VersionRow> {
    let outline = versions::outline(connection, agreement_id)?;
    let number = outline.last().map(|(number, ..)| *number);
    versions::version(
        connection,
        agreement_id,
        number.ok_or_else(|| Error::internal("an agreement without a version"))?,
    )
}

fn in_draft(kind: &'static str, agreement: &Agreement) -> NewEvent {
    NewEvent { chain: Chain::Party(agreement.drafted_by), ..event(kind, agreement, json!({})) }
}

/// An event about a version, in the agreement's chain.
pub(super) fn of_version(kind: &'static str, agreement: &Agreement, version: &VersionRow) -> NewEvent {
    let text = json!({
        "number": version.number,
        "state": version.state,
        "digest": hex::encode(&version.digest),
        "effective_on": version.effective_on,
    });
    event(kind, agreement, json!({ "version": text }))
}

/// An event about an agreement, in its chain: its state, and what `facts` add.
pub(super) fn event(kind: &'static str, agreement: &Agreement, mut facts: serde_json::Value) -> NewEvent {
    if let Some(facts) = facts.as_object_mut() {
        facts.insert("state".to_owned(), json!(agreement.state));
    }
    NewEvent {
        kind,
        chain: Chain::Agreement(agreement.id),
        subject_kind: "agreement",
        subject_id: agreement.id,
        subject_version: agreement.version,
        employer_id: None,
        payload: facts,
    }
}
