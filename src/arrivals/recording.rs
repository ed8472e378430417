//! Recording claims: one call, one to thousands of rows, each standing alone; the same code whether a clerk confirms one person or an
//! employer sends a file. The number of statements does not grow with the number of rows.
//!
//! A row that says what is already in effect is `unchanged` and writes nothing. Everything else is one new claim; the placements of which
//! something new is said are decided anew from the latest claims of all claimants.

pub mod attaching;
mod effects;
mod events;
mod finding;
mod verdicts;

use super::store::{self, Standing, claims};
use super::{ClaimantRole, NewClaim, rules};
use crate::db::{Day, DbConnection, Id};
use crate::error::{Code, Error, Fault, Result};
use crate::events::{Actor, log};
use crate::http::receipt::RowStatus;
use crate::seal::KeyRing;
use verdicts::Verdict;

/// What became of a row.
pub type RowResult = Result<(RowStatus, Id), Vec<Fault>>;

/// Judges the retention of placements anew that have been found, or found again, to have arrived. Retention lies above arrivals and is
/// handed down.
pub type Judge = fn(&mut DbConnection, Id, &[Id], Day) -> Result<()>;

/// A call as every step of it needs it.
#[derive(Debug, Clone, Copy)]
struct Call<'a> {
    actor: &'a Actor,
    keys: &'a KeyRing,
    agreement_id: Id,
    standing: Standing,
    judge: Judge,
    form: Form,
}

/// Whether the body is one claim or a list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Single,
    Bulk,
}

impl Call<'_> {
    /// The place of a row in the body.
    fn at(&self, row: usize) -> String {
        match self.form {
            Form::Single => String::new(),
            Form::Bulk => format!("/rows/{row}"),
        }
    }

    fn claimant(&self) -> Id {
        self.actor.scope.party_id
    }

    fn today(&self) -> Day {
        self.actor.now.day()
    }

    /// In which capacity the claimant speaks of somebody nobody announced.
    fn role_of_finder(&self) -> ClaimantRole {
        self.standing.member.unwrap_or(ClaimantRole::Employer)
    }
}

/// Records the claims of a call; one result for each row, in the order of the call.
///
/// # Errors
/// [`Code::NotFound`] for outsiders, [`Code::AgreementNotInForce`].
pub fn record_all(
    connection: &mut DbConnection,
    actor: &Actor,
    keys: &KeyRing,
    judge: Judge,
    agreement_id: Id,
    rows: &[NewClaim],
) -> Result<Vec<RowResult>> {
    let standing = store::standing(connection, &actor.scope, agreement_id)?;
    record(connection, &Call { actor, keys, agreement_id, standing, judge, form: Form::Bulk }, rows)
}

/// Records one claim about one placement.
///
/// # Errors
/// [`Code::NotFound`], [`Code::ClaimNotPossible`] where nothing can be claimed of it, [`Code::FieldInvalid`] with every fault.
pub fn record_one(
    connection: &mut DbConnection,
    actor: &Actor,
    keys: &KeyRing,
    judge: Judge,
    agreement_id: Id,
    claim: NewClaim,
) -> Result<(RowStatus, Id)> {
    let standing = store::standing(connection, &actor.scope, agreement_id)?;
    let call = Call { actor, keys, agreement_id, standing, judge, form: Form::Single };
    let result = record(connection, &call, std::slice::from_ref(&claim))?.pop();
    result.ok_or_else(|| Error::internal("a call of one row gave no result"))?.map_err(problem_of)
}

fn problem_of(faults: Vec<Fault>) -> Error {
    let has = |codes: &[&str]| faults.iter().any(|fault| codes.contains(&fault.code));
    if has(&["placement_unknown"]) {
        Error::not_found("placement", "安置记录")
    } else if has(&["claim_not_possible", "return_to_post"]) {
        Error::new(Code::ClaimNotPossible).faults(faults)
    } else {
        Error::new(Code::FieldInvalid).faults(faults)
    }
}

fn record(connection: &mut DbConnection, call: &Call<'_>, rows: &[NewClaim]) -> Result<Vec<RowResult>> {
    let read: Vec<_> =
        rows.iter().enumerate().map(|(row, claim)| rules::reading::read(claim, &call.at(row), call.today())).collect();
    let found = finding::find(connection, call, &read)?;
    let verdicts = verdicts::judge_all(call, &found, read)?;
    let new: Vec<_> = verdicts
        .iter()
        .filter_map(|verdict| match verdict {
            Ok(Verdict::New(row)) => Some((**row).clone()),
            _ => None,
        })
        .collect();
    if !new.is_empty() {
        claims::insert(connection, call.agreement_id, call.actor.now, &new)?;
        let outcomes = effects::apply(connection, call, &found, &new)?;
        let events = events::of(call, &found, &new, &outcomes);
        log::record_all(connection, events.into_iter().map(|event| (call.actor, event)).collect())?;
    }
    Ok(verdicts
        .into_iter()
        .map(|verdict| {
            verdict.map(|verdict| match verdict {
                Verdict::New(row) => (RowStatus::Accepted, row.said.claim_id),
                Verdict::Unchanged(id) => (RowStatus::Unchanged, id),
            })
        })
        .collect())
}
