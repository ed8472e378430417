//! What a finished run makes of the discrepancies of its agreement: opens, changes, opens again, clears.
//!
//! A run is followed when none with a later cut-off was before it: asking once more how things stood in March does not undo what April
//! found. A run that continues another is followed in what it found otherwise; the first of a series in everything that does not agree.
//! These rows and their discrepancies are held in memory; rows that agree never get here.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::cases::Case;
use super::rules::{Finding, facts_of, finding, of_season, owners};
use super::store::{self, claims};
use super::{Discrepancy, DiscrepancyAction, DiscrepancyEntryKind, DiscrepancyState};
use crate::agreements::store::{AgreementParty, locked, parties, terms_on};
use crate::db::{Day, DbConnection, Id};
use crate::dispatches::Placement;
use crate::dispatches::store::placements_of;
use crate::error::{Error, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::reconciliation::facts::AgreementWindows;
use crate::reconciliation::report::{ReconciliationRow, ReconciliationRun};
use crate::reconciliation::store::{rows, runs};

/// What the rows of a run are read with.
struct Surroundings {
    parties: Vec<AgreementParty>,
    placements: HashMap<Id, Placement>,
    claimants: HashMap<Id, Id>,
    roots: HashMap<Id, Id>,
    due_on: Day,
}

/// How many discrepancies a run has moved, and how.
#[derive(Debug, Default)]
struct Moved {
    opened: i64,
    changed: i64,
    reopened: i64,
    cleared: i64,
}

/// Follows a finished run, in its transaction.
///
/// # Errors
/// What the database says.
pub fn follow(connection: &mut DbConnection, actor: &Actor, run: &ReconciliationRun) -> Result<()> {
    // Commands on discrepancies hold the agreement's row too.
    locked(connection, &actor.scope, run.agreement_id)?;
    if runs::is_outdated(connection, run)? {
        return Ok(());
    }
    let (rows, mut known) = concerned(connection, run)?;
    let around = surroundings(connection, actor, run, &rows)?;
    let mut moved = Moved::default();
    let mut found = HashSet::with_capacity(rows.len());
    let mut cases = Vec::new();
    for row in &rows {
        let Some(subject) = around.subject_of(row, &found) else { continue };
        found.insert(subject);
        let case = known.remove(&subject);
        cases.extend(around.take(actor, run, row, (subject, case), &mut moved)?);
    }
    for mut case in known.into_values() {
        if clear(actor, run, &mut case)? {
            moved.cleared += 1;
            cases.push(case);
        }
    }
    if cases.is_empty() {
        return Ok(());
    }
    cases.sort_unstable_by_key(|case| case.row.id);
    store::write(connection, run.agreement_id, &cases)?;
    log::record(connection, actor, event(run, &moved))
}

/// The rows that do not agree and the discrepancies that a run may move. A discrepancy goes by the first claim that named the person, so with a
/// claim come all others about that person.
fn concerned(
    connection: &mut DbConnection,
    run: &ReconciliationRun,
) -> Result<(Vec<ReconciliationRow>, HashMap<Id, Case>)> {
    if run.step == 0 {
        return Ok((rows::differing(connection, run)?, store::every_case(connection, run.agreement_id)?));
    }
    let mut subjects: Vec<Id> = Vec::new();
    let mut claimed: Vec<Id> = Vec::new();
    for (subject, is_placement) in rows::changed(connection, run)? {
        if is_placement { &mut subjects } else { &mut claimed }.push(subject);
    }
    subjects.extend(claims::naming_the_same(connection, run.agreement_id, &claimed)?.into_iter().map(|claim| claim.id));
    subjects.sort_unstable();
    subjects.dedup();
    let rows = rows::differing_about(connection, run, &subjects)?;
    Ok((rows, store::cases_about(connection, run.agreement_id, &subjects)?))
}

fn surroundings(
    connection: &mut DbConnection,
    actor: &Actor,
    run: &ReconciliationRun,
    rows: &[ReconciliationRow],
) -> Result<Surroundings> {
    let agreement_id = run.agreement_id;
    let placed: Vec<Id> = rows.iter().filter_map(|row| row.placement_id).collect();
    let claimed: Vec<Id> = rows.iter().filter_map(|row| row.claim_id).collect();
    let loose: Vec<Id> = rows.iter().filter(|row| row.placement_id.is_none()).filter_map(|row| row.claim_id).collect();
    let terms = terms_on(connection, agreement_id, actor.now.day())?;
    let windows = AgreementWindows::of(&terms.arrival);
    let mut by_asked: HashMap<Id, Vec<claims::NamedClaim>> = HashMap::new();
    for claim in claims::naming_the_same(connection, agreement_id, &loose)? {
        by_asked.entry(claim.asked).or_default().push(claim);
    }
    let root = |(asked, claims): (&Id, &Vec<claims::NamedClaim>)| {
        let root = of_season(&windows, *asked, claims).map(|claim| claim.id).min();
        (*asked, root.unwrap_or(*asked))
    };
    Ok(Surroundings {
        parties: parties(connection, agreement_id)?,
        placements: placements_of(connection, agreement_id, &placed)?.into_iter().map(|row| (row.id, row)).collect(),
        claimants: claims::claimants(connection, agreement_id, &claimed)?,
        roots: by_asked.iter().map(root).collect(),
        due_on: Case::due(actor, terms.deadlines.answer_days),
    })
}

impl Surroundings {
    /// What a row is known by: its placement, or the first claim that named the person in the season, so that a corrected claim, or a second
    /// party's, makes no new matter. Where one person has two rows in one season the later one goes by its own claim.
    fn subject_of(&self, row: &ReconciliationRow, taken: &HashSet<Id>) -> Option<Id> {
        if row.placement_id.is_some() {
            return row.placement_id;
        }
        let claim = row.claim_id?;
        let root = self.roots.get(&claim).copied().unwrap_or(claim);
        [root, claim].into_iter().find(|subject| !taken.contains(subject))
    }

    /// What becomes of a row that does not agree; none where nothing is new.
    fn take(
        &self,
        actor: &Actor,
        run: &ReconciliationRun,
        row: &ReconciliationRow,
        (subject, known): (Id, Option<Case>),
        moved: &mut Moved,
    ) -> Result<Option<Case>> {
        let facts = facts_of(row)?;
        let finding = finding(known.as_ref().map(|case| &case.row), row, &facts);
        let mut case = match known {
            Some(case) => case,
            None => Case::new(self.opened(actor, run, row, subject)?, Vec::new()),
        };
        let kind = match finding {
            Finding::Known => return Ok(None),
            Finding::New => {
                moved.opened += 1;
                DiscrepancyEntryKind::Opened
            }
            Finding::Changed => {
                moved.changed += 1;
                DiscrepancyEntryKind::Changed
            }
            Finding::Reopened => {
                moved.reopened += 1;
                if case.row.state != DiscrepancyState::Open {
                    case.step(DiscrepancyAction::Reopen)?;
                }
                case.row.due_on = self.due_on;
                DiscrepancyEntryKind::Reopened
            }
        };
        self.describe(&mut case.row, row, facts)?;
        let entry = case.enter(actor, kind, |entry| entry.run_id = Some(run.id));
        if kind != DiscrepancyEntryKind::Changed {
            let placement = row.placement_id.and_then(|id| self.placements.get(&id));
            case.settle(actor, entry, |_| true, |_| false);
            case.owe(actor, entry, &owners(row.owner, placement, &self.parties));
        }
        Ok(Some(case))
    }

    fn opened(
        &self,
        actor: &Actor,
        run: &ReconciliationRun,
        row: &ReconciliationRow,
        subject_id: Id,
    ) -> Result<Discrepancy> {
        Ok(Discrepancy {
            agreement_id: run.agreement_id,
            id: Id::new(),
            subject_id,
            placement_id: row.placement_id,
            claim_id: row.claim_id,
            reported_by: self.reporter(row)?,
            code: row.discrepancy.ok_or_else(|| Error::internal("a row without a failure code"))?,
            situation: row.situation,
            owner: row.owner,
            detail: row.detail.clone(),
            facts: Vec::new(),
            state: DiscrepancyState::Open,
            due_on: self.due_on,
            outcome: None,
            version: 1,
            opened_at: actor.now,
            updated_at: actor.now,
        })
    }

    fn describe(&self, known: &mut Discrepancy, row: &ReconciliationRow, facts: Vec<u8>) -> Result<()> {
        known.claim_id = row.claim_id;
        known.reported_by = self.reporter(row)?;
        known.code = row.discrepancy.unwrap_or(known.code);
        known.situation = row.situation;
        known.owner = row.owner;
        known.detail = row.detail.clone();
        known.facts = facts;
        Ok(())
    }

    /// Whose fact is in question: the claim's that decided, or else the announcement of the origin.
    fn reporter(&self, row: &ReconciliationRow) -> Result<Id> {
        let claimant = row.claim_id.and_then(|id| self.claimants.get(&id)).copied();
        let origin = || row.placement_id.and_then(|id| self.placements.get(&id)).map(|row| row.origin_id);
        claimant.or_else(origin).ok_or_else(|| Error::internal("a row that nobody reported"))
    }
}

/// The row agrees now, or is gone: what was still open is cleared, which counts as the answer. What people resolved stays so.
fn clear(actor: &Actor, run: &ReconciliationRun, case: &mut Case) -> Result<bool> {
    if matches!(case.row.state, DiscrepancyState::Resolved | DiscrepancyState::Cleared) {
        return Ok(false);
    }
    case.step(DiscrepancyAction::Clear)?;
    let entry = case.enter(actor, DiscrepancyEntryKind::Cleared, |entry| entry.run_id = Some(run.id));
    case.settle(actor, entry, |_| true, |_| true);
    Ok(true)
}

fn event(run: &ReconciliationRun, moved: &Moved) -> NewEvent {
    NewEvent {
        kind: "discrepancies.followed",
        chain: Chain::Agreement(run.agreement_id),
        subject_kind: "reconciliation",
        subject_id: run.id,
        subject_version: run.version(),
        employer_id: None,
        payload: json!({
            "agreement_id": run.agreement_id,
            "cut_off_on": run.cut_off_on,
            "opened": moved.opened,
            "changed": moved.changed,
            "reopened": moved.reopened,
            "cleared": moved.cleared,
        }),
    }
}
