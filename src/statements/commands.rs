//! What the sides do with a statement: have it computed, open it, object, sign.
//!
//! Each command holds the agreement's row, so that two sides never work on one statement at once.

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::computing::{Question, compute};
use super::document::{DEFINITION, Document, TermsRef, canonical};
use super::restating::{frozen_ref, restatements};
use super::store::{self, editions, objections};
use super::{
    MonthlyStatement, NewObjection, NewSignature, NewStatement, OBJECTION_TRANSITIONS, Objection, ObjectionAction,
    ObjectionState, Signature, StatementAction, StatementDetail, StatementState, TRANSITIONS, rules,
};
use crate::agreements::store::versions;
use crate::agreements::{self, PartyRole, VersionState};
use crate::db::{DbConnection, Id};
use crate::dispatches;
use crate::error::{Code, Error, Fault, Faults, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::identity;
use crate::identity::client_assertion::verify_detached;
use crate::identity::jwks::RegisteredKey;
use crate::lifecycle::step;
use crate::retention::checks::RuleBook;
use crate::seal::KeyRing;
use editions::Edition;

/// What every command on a statement has: who, in which agreement, with which keys.
#[derive(Debug, Clone, Copy)]
pub struct Command<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// The agreement, which the caller holds.
    pub agreement: &'a agreements::Agreement,
    /// Keys, for the tokens of persons.
    pub keys: &'a KeyRing,
}

/// Computes the statement of a month for the first time.
///
/// # Errors
/// [`Code::FieldInvalid`], [`Code::StatementExists`], [`Code::AgreementNotInForce`].
pub fn draft(connection: &mut DbConnection, command: &Command<'_>, new: NewStatement) -> Result<MonthlyStatement> {
    let Command { actor, agreement, .. } = *command;
    rules::check_month(new.month, agreement.effective_from, actor.now.day())?;
    if let Some(known) = store::of_month(connection, agreement.id, new.month)? {
        return Err(Error::new(Code::StatementExists).param("statement_id", known.id.to_string()));
    }
    let row = MonthlyStatement {
        agreement_id: agreement.id,
        id: Id::new(),
        month: new.month,
        state: StatementState::Draft,
        edition: 1,
        drafted_by: actor.scope.party_id,
        objections_until: None,
        frozen_at: None,
        version: 1,
        created_at: actor.now,
        updated_at: actor.now,
    };
    store::insert(connection, &row)?;
    let edition = write_edition(connection, command, &row)?;
    record(connection, actor, "statement.drafted", &row, &edition)?;
    Ok(row)
}

/// Computes a statement anew from everything recorded by now, as its next edition. Once it was opened, the time to object begins again.
///
/// # Errors
/// [`Code::TransitionNotAllowed`].
pub fn recompute(
    connection: &mut DbConnection,
    command: &Command<'_>,
    mut row: MonthlyStatement,
) -> Result<MonthlyStatement> {
    row.state = step(TRANSITIONS, row.state, StatementAction::Recompute)?;
    row.edition += 1;
    if row.state == StatementState::Open {
        open_window(connection, command, &mut row)?;
    }
    let edition = write_edition(connection, command, &row)?;
    store::replace(connection, &mut row, command.actor.now)?;
    record(connection, command.actor, "statement.recomputed", &row, &edition)?;
    Ok(row)
}

/// Opens a statement for objection.
///
/// # Errors
/// [`Code::TransitionNotAllowed`].
pub fn open(
    connection: &mut DbConnection,
    command: &Command<'_>,
    mut row: MonthlyStatement,
) -> Result<MonthlyStatement> {
    row.state = step(TRANSITIONS, row.state, StatementAction::Open)?;
    open_window(connection, command, &mut row)?;
    let edition = editions::one(connection, &row, None)?;
    store::replace(connection, &mut row, command.actor.now)?;
    record(connection, command.actor, "statement.opened", &row, &edition)?;
    Ok(row)
}

fn open_window(connection: &mut DbConnection, command: &Command<'_>, row: &mut MonthlyStatement) -> Result<()> {
    let today = command.actor.now.day();
    let terms = agreements::store::terms_on(connection, row.agreement_id, row.month.last_day())?;
    row.objections_until = Some(today.plus_days(terms.deadlines.objection_days));
    Ok(())
}

/// Computes a month and writes it as the edition that the row names.
fn write_edition(connection: &mut DbConnection, command: &Command<'_>, row: &MonthlyStatement) -> Result<Edition> {
    let Command { actor, agreement, keys } = *command;
    // What is recorded in this very instant is in it.
    let known_before = actor.now.just_after();
    let terms = RuleBook::read(connection, agreement.id)?;
    let question = Question {
        agreement_id: agreement.id,
        month: row.month,
        known_before,
        in_retrospect: false,
        terms: &terms,
        keys,
    };
    let mut written = 0;
    let computed = compute(connection, &question, |connection, rows| {
        editions::append_rows(connection, row, row.edition, written, rows)?;
        written += i64::try_from(rows.len()).map_err(Error::internal)?;
        Ok(())
    })?;
    let frozen = store::frozen_before(connection, agreement.id, row.month)?;
    let cut_off_on = row.month.last_day();
    let document = Document {
        definition: DEFINITION.to_owned(),
        agreement_id: agreement.id,
        agreement_number: agreement.number.clone(),
        month: row.month,
        edition: row.edition,
        cut_off_on,
        computed_at: actor.now,
        terms: terms_until(connection, agreement.id, row)?,
        retention_rule_id: agreements::store::terms_on(connection, agreement.id, cut_off_on)?.retention.rule_id.clone(),
        previous: frozen.last().map(|last| frozen_ref(connection, last)).transpose()?,
        row_count: computed.row_count,
        rows_root: hex::encode(computed.rows_root),
        figures: computed.figures,
        restatements: restatements(connection, &question, &frozen)?,
    };
    let text = canonical(&document)?;
    let edition = Edition {
        agreement_id: agreement.id,
        statement_id: row.id,
        edition: row.edition,
        digest: Sha256::digest(text.as_bytes()).to_vec(),
        document: text,
        rows_root: computed.rows_root.to_vec(),
        row_count: computed.row_count,
        computed_by: actor.scope.party_id,
        computed_at: actor.now,
    };
    editions::insert(connection, &edition)?;
    Ok(edition)
}

/// The ratified versions that held until the end of the month.
fn terms_until(connection: &mut DbConnection, agreement_id: Id, row: &MonthlyStatement) -> Result<Vec<TermsRef>> {
    let outline = versions::outline(connection, agreement_id)?;
    let held = outline
        .into_iter()
        .filter(|(_, state, from)| *state == VersionState::Ratified && *from <= row.month.last_day());
    held.map(|(number, ..)| {
        let version = versions::version(connection, agreement_id, number)?;
        Ok(TermsRef { version: number, digest: hex::encode(version.digest) })
    })
    .collect()
}

/// Raises an objection; while it stands nobody signs.
///
/// # Errors
/// [`Code::TransitionNotAllowed`], [`Code::ObjectionWindowOver`], [`Code::FieldInvalid`].
pub fn object(
    connection: &mut DbConnection,
    actor: &Actor,
    row: &MonthlyStatement,
    new: &NewObjection,
) -> Result<Objection> {
    rules::check_objection(row, actor.now.day())?;
    let mut faults = Faults::new();
    faults.text("/reason", &new.reason, 500);
    if let Some(id) = new.placement_id {
        let known = dispatches::store::placements_of(connection, row.agreement_id, &[id])?;
        let (en, zh) = ("no such placement under this agreement", "本协议下没有该安置记录");
        faults.require(!known.is_empty(), "/placement_id", "reference_unknown", en, zh);
    }
    faults.check()?;
    let objection = Objection {
        agreement_id: row.agreement_id,
        id: Id::new(),
        statement_id: row.id,
        edition: row.edition,
        placement_id: new.placement_id,
        raised_by: actor.scope.party_id,
        reason: new.reason.trim().to_owned(),
        state: ObjectionState::Open,
        raised_at: actor.now,
        withdrawn_at: None,
    };
    objections::insert(connection, &objection)?;
    log::record(connection, actor, objection_event("objection.raised", 1, &objection))?;
    Ok(objection)
}

/// Takes the caller's own objection back.
///
/// # Errors
/// [`Code::RoleNotAllowed`] for another party's, [`Code::TransitionNotAllowed`] when it is withdrawn already.
pub fn withdraw_objection(
    connection: &mut DbConnection,
    actor: &Actor,
    row: &MonthlyStatement,
    id: Id,
) -> Result<Objection> {
    let objection = objections::one(connection, row, id)?;
    if objection.raised_by != actor.scope.party_id {
        return Err(Error::new(Code::RoleNotAllowed)
            .detail("only the party that raised an objection may withdraw it", "仅提出异议的一方可以撤回")
            .param("raised_by", objection.raised_by.to_string()));
    }
    let state = step(OBJECTION_TRANSITIONS, objection.state, ObjectionAction::Withdraw)?;
    objections::withdraw(connection, &objection, actor.now)?;
    let withdrawn = Objection { state, withdrawn_at: Some(actor.now), ..objection };
    log::record(connection, actor, objection_event("objection.withdrawn", 2, &withdrawn))?;
    Ok(withdrawn)
}

/// Signs an edition for the caller's party. With the last side's signature the statement is frozen.
///
/// # Errors
/// [`Code::TransitionNotAllowed`], [`Code::StatementDigestDiffers`], [`Code::AlreadySigned`], [`Code::ObjectionStanding`],
/// [`Code::SignatureInvalid`].
pub fn sign(
    connection: &mut DbConnection,
    actor: &Actor,
    mut row: MonthlyStatement,
    new: &NewSignature,
) -> Result<MonthlyStatement> {
    step(TRANSITIONS, row.state, StatementAction::Sign)?;
    let edition = editions::one(connection, &row, None)?;
    let digest = hex::encode(&edition.digest);
    if new.edition != edition.edition || new.digest != digest {
        let to = edition.edition;
        let difference = format!(
            "/v1/agreements/{}/statements/{}/difference?from={}&to={to}",
            row.agreement_id, row.id, new.edition
        );
        return Err(Error::new(Code::StatementDigestDiffers)
            .param("edition", to)
            .param("digest", digest)
            .param("difference", (new.edition < to).then_some(difference)));
    }
    let mut signed: Vec<Id> =
        store::signatures(connection, &row, edition.edition)?.iter().map(|given| given.party_id).collect();
    if signed.contains(&actor.scope.party_id) {
        return Err(Error::new(Code::AlreadySigned).param("edition", edition.edition));
    }
    let standing = objections::standing(connection, &row)?;
    if standing > 0 {
        return Err(Error::new(Code::ObjectionStanding).param("open_objections", standing));
    }
    let key = signing_key(connection, actor.scope.client_id, &edition.document, &new.signature)?;
    let signature = Signature {
        agreement_id: row.agreement_id,
        statement_id: row.id,
        edition: edition.edition,
        party_id: actor.scope.party_id,
        client_id: actor.scope.client_id,
        public_key: canonical(&key.to_jwk())?,
        key_id: key.kid,
        signature: new.signature.clone(),
        signed_at: actor.now,
    };
    store::insert_signature(connection, &signature)?;
    signed.push(signature.party_id);
    let sides = sides(connection, row.agreement_id)?;
    row.state = rules::state_after_signature(row.state, signed.len(), sides.len())?;
    let frozen = row.state == StatementState::Frozen;
    row.frozen_at = frozen.then_some(actor.now);
    store::replace(connection, &mut row, actor.now)?;
    record(connection, actor, "statement.signed", &row, &edition)?;
    if frozen {
        record(connection, actor, "statement.frozen", &row, &edition)?;
    }
    Ok(row)
}

/// The registered key of the client that made the signature.
fn signing_key(connection: &mut DbConnection, client_id: Id, document: &str, signature: &str) -> Result<RegisteredKey> {
    let keys = identity::store::signing_keys(connection, client_id)?;
    keys.into_iter().find(|key| verify_detached(key, document.as_bytes(), signature).is_ok()).ok_or_else(|| {
        Error::new(Code::SignatureInvalid).fault(Fault::body(
            "/signature",
            "signature_invalid",
            "does not belong to the bytes of this edition and a key registered for your client",
            "与该版次的原始字节或贵方登记的密钥不符",
        ))
    })
}

/// The parties that must sign: origins and destinations.
fn sides(connection: &mut DbConnection, agreement_id: Id) -> Result<Vec<Id>> {
    let parties = agreements::store::parties(connection, agreement_id)?;
    Ok(parties.into_iter().filter(|party| party.role != PartyRole::Station).map(|party| party.party_id).collect())
}

/// A statement with the content of one edition; the latest unless told.
///
/// # Errors
/// [`Code::NotFound`].
pub fn detail(connection: &mut DbConnection, row: MonthlyStatement, edition: Option<i64>) -> Result<StatementDetail> {
    let edition = editions::one(connection, &row, edition)?;
    let document = edition.read()?;
    let signatures = store::signatures(connection, &row, edition.edition)?;
    let signed: Vec<Id> = signatures.iter().map(|given| given.party_id).collect();
    let awaited = rules::awaited(&sides(connection, row.agreement_id)?, &signed);
    Ok(StatementDetail {
        open_objections: objections::standing(connection, &row)?,
        statement: row,
        digest: hex::encode(edition.digest),
        rows_root: hex::encode(edition.rows_root),
        row_count: edition.row_count,
        computed_by: edition.computed_by,
        computed_at: edition.computed_at,
        figures: document.figures,
        restatements: document.restatements,
        signatures,
        awaited,
    })
}

fn record(
    connection: &mut DbConnection,
    actor: &Actor,
    kind: &'static str,
    row: &MonthlyStatement,
    edition: &Edition,
) -> Result<()> {
    let event = NewEvent {
        kind,
        chain: Chain::Agreement(row.agreement_id),
        subject_kind: "statement",
        subject_id: row.id,
        subject_version: row.version,
        employer_id: None,
        payload: json!({
            "agreement_id": row.agreement_id,
            "month": row.month,
            "state": row.state,
            "edition": edition.edition,
            "digest": hex::encode(&edition.digest),
            "objections_until": row.objections_until,
            "party_id": actor.scope.party_id,
        }),
    };
    log::record(connection, actor, event)
}

fn objection_event(kind: &'static str, version: i64, objection: &Objection) -> NewEvent {
    NewEvent {
        kind,
        chain: Chain::Agreement(objection.agreement_id),
        subject_kind: "objection",
        subject_id: objection.id,
        subject_version: version,
        employer_id: None,
        payload: json!({
            "statement_id": objection.statement_id,
            "edition": objection.edition,
            "raised_by": objection.raised_by,
            "placement_id": objection.placement_id,
            "state": objection.state,
        }),
    }
}
