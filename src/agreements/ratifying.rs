//! Ratifying a version, amending, and the steps of a ratified agreement: suspend, resume, terminate.
//!
//! A version holds only when every party has ratified the digest of the same bytes. Deliberately absent: ratifying on behalf of
//! somebody, and ratifying by silence.

use serde_json::json;

use super::document::{self, Digest, Document};
use super::drafting::{event, of_version};
use super::requests::{NewAmendment, NewRatification};
use super::store::versions::{self, RatificationRow, VersionRow};
use super::store::{self, Membership};
use super::{
    Agreement, AgreementAction, AgreementState, TRANSITIONS, VERSION_TRANSITIONS, VersionAction, VersionState, rules,
    validation,
};
use crate::db::{Day, DbConnection, Id};
use crate::error::{Code, Error, Fault, Result};
use crate::events::{Actor, log};
use crate::identity;
use crate::identity::client_assertion::verify_detached;
use crate::lifecycle::step;

/// Records the yes of the caller's party. With the last party the version is ratified, and with its first version the agreement.
///
/// # Errors
/// [`Code::NotFound`], [`Code::TransitionNotAllowed`], [`Code::AlreadyRatified`], [`Code::DigestMismatch`],
/// [`Code::EffectiveDayPassed`], [`Code::SignatureInvalid`].
pub fn ratify(
    connection: &mut DbConnection,
    actor: &Actor,
    mut membership: Membership,
    request: &NewRatification,
) -> Result<Membership> {
    let digest = digest_of(request)?;
    let agreement = &mut membership.agreement;
    rules::require_right(AgreementAction::Ratify, membership.role, false)?;
    let mut version = version_to_ratify(connection, agreement, actor.scope.party_id, request.version)?;
    if version.digest != digest {
        return Err(Error::new(Code::DigestMismatch).param("version", version.number));
    }
    require_day_to_come(agreement.state, version.effective_on, actor.now.day())?;
    document::require_intact(&version.document, &version.digest)?;
    let key_id = match &request.signature {
        Some(signature) => Some(signing_key(connection, actor.scope.client_id, &version.document, signature)?),
        None => None,
    };
    let row = RatificationRow {
        agreement_id: agreement.id,
        version: version.number,
        party_id: actor.scope.party_id,
        client_id: actor.scope.client_id,
        digest: digest.to_vec(),
        signature: request.signature.clone(),
        key_id,
        ratified_at: actor.now,
    };
    versions::insert_ratification(connection, &row)?;
    record(connection, actor, agreement, &mut version, &row)?;
    Ok(membership)
}

/// Moves what the last ratification moves, and writes the events.
fn record(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement: &mut Agreement,
    version: &mut VersionRow,
    row: &RatificationRow,
) -> Result<()> {
    let given = versions::ratifications(connection, agreement.id, version.number, version.number)?.len();
    let needed = store::parties(connection, agreement.id)?.len();
    let complete = given == needed;
    let first = agreement.state == AgreementState::Proposed;
    if complete {
        let to = step(VERSION_TRANSITIONS, version.state, VersionAction::Ratify)?;
        versions::move_version(connection, version, to, actor.now)?;
        if first {
            agreement.state = step(TRANSITIONS, agreement.state, AgreementAction::Ratify)?;
        }
    }
    store::replace(connection, agreement, actor.now)?;
    let mut one = of_version("ratification.recorded", agreement, version);
    if let Some(payload) = one.payload.as_object_mut() {
        payload.insert("party_id".to_owned(), json!(row.party_id));
        payload.insert("key_id".to_owned(), json!(row.key_id));
        payload.insert("ratified_by".to_owned(), json!(given));
        payload.insert("parties".to_owned(), json!(needed));
    }
    let mut events = vec![one];
    if complete {
        let kind = if first { "agreement.ratified" } else { "amendment.ratified" };
        events.push(of_version(kind, agreement, version));
    }
    log::record_all(connection, events.into_iter().map(|event| (actor, event)).collect())
}

fn digest_of(request: &NewRatification) -> Result<Digest> {
    let bytes = hex::decode(&request.digest).ok().and_then(|bytes| Digest::try_from(bytes).ok());
    bytes.ok_or_else(|| {
        Error::new(Code::FieldInvalid).fault(Fault::body(
            "/digest",
            "digest_malformed",
            "must be a SHA-256 in 64 hexadecimal digits",
            "须为 64 位十六进制的 SHA-256 摘要",
        ))
    })
}

/// The version the caller's yes is for: the one named, or the one before the parties.
fn version_to_ratify(
    connection: &mut DbConnection,
    agreement: &Agreement,
    party_id: Id,
    named: Option<i64>,
) -> Result<VersionRow> {
    let outline = versions::outline(connection, agreement.id)?;
    let open = outline.iter().find(|(_, state, _)| *state == VersionState::Proposed).map(|(number, ..)| *number);
    let known = |number: &i64| outline.iter().any(|(known, state, _)| known == number && *state != VersionState::Draft);
    if let Some(number) = named.filter(|number| !known(number)) {
        return Err(Error::new(Code::ReferenceUnknown).fault(
            Fault::body(
                "/version",
                "reference_unknown",
                "no version with this number was proposed",
                "没有提交过此编号的版本",
            )
            .param("version", number),
        ));
    }
    // Without a name and without an open version, a repeat is about the version ratified last.
    let last_ratified =
        outline.iter().rfind(|(_, state, _)| *state == VersionState::Ratified).map(|(number, ..)| *number);
    let number = named.or(open).or(last_ratified);
    let ended =
        !matches!(agreement.state, AgreementState::Proposed | AgreementState::Ratified | AgreementState::Suspended);
    let Some(number) = number.filter(|_| !ended) else {
        step(TRANSITIONS, agreement.state, AgreementAction::Ratify)?;
        return Err(Error::internal("a proposal without a version"));
    };
    let given = versions::ratifications(connection, agreement.id, number, number)?;
    if given.iter().any(|ratification| ratification.party_id == party_id) {
        return Err(Error::new(Code::AlreadyRatified).param("version", number));
    }
    let row = versions::version(connection, agreement.id, number)?;
    step(VERSION_TRANSITIONS, row.state, VersionAction::Ratify)?;
    Ok(row)
}

/// An amendment whose day has passed cannot come into force any more: it would change what held on days that are over. The first
/// version may be older than the exchange.
fn require_day_to_come(state: AgreementState, effective_on: Day, today: Day) -> Result<()> {
    if state == AgreementState::Proposed || effective_on >= today {
        return Ok(());
    }
    Err(Error::new(Code::EffectiveDayPassed).param("effective_on", effective_on.to_string()))
}

/// The registered key of the client that made the signature.
fn signing_key(connection: &mut DbConnection, client_id: Id, document: &str, signature: &str) -> Result<String> {
    for key in identity::store::signing_keys(connection, client_id)? {
        match verify_detached(&key, document.as_bytes(), signature) {
            Ok(_) => return Ok(key.kid),
            Err(refusal) => tracing::info!(kid = key.kid, reason = refusal.reason(), "signature refused"),
        }
    }
    Err(Error::new(Code::SignatureInvalid).fault(Fault::body(
        "/signature",
        "signature_invalid",
        "does not belong to the bytes of this version and a key registered for your client",
        "与该版本的原始字节或贵方登记的密钥不符",
    )))
}

/// Proposes a new version of the terms of a ratified agreement; one at a time.
///
/// # Errors
/// [`Code::NotFound`], [`Code::RoleNotAllowed`], [`Code::TransitionNotAllowed`], [`Code::AmendmentOpen`], [`Code::FieldInvalid`].
pub fn amend(
    connection: &mut DbConnection,
    actor: &Actor,
    membership: &mut Membership,
    request: NewAmendment,
) -> Result<VersionRow> {
    let agreement = &mut membership.agreement;
    rules::require_right(AgreementAction::Amend, membership.role, agreement.drafted_by == actor.scope.party_id)?;
    agreement.state = step(TRANSITIONS, agreement.state, AgreementAction::Amend)?;
    let outline = versions::outline(connection, agreement.id)?;
    if let Some((number, ..)) = outline.iter().find(|(_, state, _)| *state == VersionState::Proposed) {
        return Err(Error::new(Code::AmendmentOpen).param("version", *number));
    }
    let latest = outline.iter().rfind(|(_, state, _)| *state == VersionState::Ratified);
    let (latest, _, latest_day) = *latest.ok_or_else(|| Error::internal("ratified without a ratified version"))?;
    let term = (agreement.effective_from, agreement.effective_to);
    let day_faults = rules::amendment_day_faults(request.effective_on, actor.now.day(), term, latest_day);
    let ratified = outline.iter().filter(|(_, state, _)| *state == VersionState::Ratified);
    let known_rules = ratified
        .map(|(number, ..)| Ok(versions::version(connection, agreement.id, *number)?.document()?.terms.retention))
        .collect::<Result<Vec<_>>>()?;
    validation::check_amendment(&request.terms, &request.reason, term, day_faults, &known_rules)?;
    let previous = versions::version(connection, agreement.id, latest)?;
    let number = outline.last().map_or(1, |(number, ..)| number + 1);
    let canonical = Document {
        version: number,
        previous_digest: Some(hex::encode(&previous.digest)),
        effective_on: request.effective_on,
        terms: request.terms,
        ..previous.document()?
    }
    .canonical()?;
    let row = VersionRow {
        agreement_id: agreement.id,
        number,
        state: VersionState::Proposed,
        effective_on: request.effective_on,
        document: canonical.text,
        digest: canonical.digest.to_vec(),
        reason: Some(request.reason),
        created_at: actor.now,
        ratified_at: None,
    };
    versions::insert_version(connection, &row)?;
    store::replace(connection, agreement, actor.now)?;
    log::record(connection, actor, of_version("amendment.proposed", agreement, &row))?;
    Ok(row)
}

/// Takes an amendment off the table, by whichever origin or destination: an amendment needs every party, so each may refuse it.
///
/// # Errors
/// [`Code::NotFound`], [`Code::RoleNotAllowed`], [`Code::TransitionNotAllowed`].
pub fn withdraw_amendment(
    connection: &mut DbConnection,
    actor: &Actor,
    membership: &mut Membership,
    number: i64,
) -> Result<VersionRow> {
    let agreement = &mut membership.agreement;
    rules::require_right(AgreementAction::Amend, membership.role, agreement.drafted_by == actor.scope.party_id)?;
    let mut row = versions::version(connection, agreement.id, number)?;
    // The first proposal is withdrawn with the agreement itself.
    if matches!(agreement.state, AgreementState::Draft | AgreementState::Proposed) {
        step(TRANSITIONS, agreement.state, AgreementAction::Amend)?;
    }
    let to = step(VERSION_TRANSITIONS, row.state, VersionAction::Withdraw)?;
    versions::move_version(connection, &mut row, to, actor.now)?;
    store::replace(connection, agreement, actor.now)?;
    log::record(connection, actor, of_version("amendment.withdrawn", agreement, &row))?;
    Ok(row)
}

/// Suspends, resumes or terminates.
///
/// # Errors
/// [`Code::NotFound`], [`Code::RoleNotAllowed`], [`Code::TransitionNotAllowed`], [`Code::FieldInvalid`].
pub fn take_step(
    connection: &mut DbConnection,
    actor: &Actor,
    mut membership: Membership,
    action: AgreementAction,
    reason: &str,
) -> Result<Membership> {
    let mut faults = crate::error::Faults::new();
    faults.text("/reason", reason, 200);
    faults.check()?;
    let agreement = &mut membership.agreement;
    rules::require_right(action, membership.role, agreement.drafted_by == actor.scope.party_id)?;
    agreement.state = step(TRANSITIONS, agreement.state, action)?;
    store::replace(connection, agreement, actor.now)?;
    let kind = match action {
        AgreementAction::Suspend => "agreement.suspended",
        AgreementAction::Resume => "agreement.resumed",
        _ => "agreement.terminated",
    };
    let facts = json!({ "reason": reason, "party_id": actor.scope.party_id });
    log::record(connection, actor, event(kind, agreement, facts)).map(|()| membership)
}
