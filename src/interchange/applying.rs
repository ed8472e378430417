//! Trying and applying the rows of an import: one step at a time, each in one transaction with its rows, counters and what was written.
//!
//! A step takes the next rows that wait. While an import is `received` it only tries them: the very commands run and what they wrote is
//! taken back, so that the verdicts are those of the real run. From `applying` on they stay. A step that is cut off anywhere leaves
//! nothing of itself, and the next one begins where it began.
//! What one step tries, the next does not see: a file of more than [`super::ROWS_PER_STEP`] rows may be told that places are free
//! which its own earlier rows will take. The real run decides.

mod hires;
mod people;
mod persons;
mod posts;
mod stays;

use serde_json::json;

use super::finding::{Finding, FindingSeverity};
use super::layouts::ImportTarget;
use super::store::rows::{self, OpenRow, RowOutcome};
use super::store::{self, Counts};
use super::{Import, ImportAction, ImportState, ImportVerdict, TRANSITIONS};
use crate::arrivals::recording::Judge;
use crate::db::{DbConnection, Id, Instant, trial};
use crate::error::{Error, Fault, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::http::receipt::RowStatus;
use crate::identity::Scope;
use crate::lifecycle;
use crate::seal::KeyRing;

/// What every step needs besides the database.
#[derive(Debug, Clone, Copy)]
pub struct Tools<'a> {
    /// Keys of the sealed rows, and of the register.
    pub keys: &'a KeyRing,
    /// Judges the retention of people whose arrival is claimed.
    pub judge: Judge,
    /// The present instant.
    pub now: Instant,
}

/// A step at work.
struct Step<'a> {
    tools: Tools<'a>,
    actor: Actor,
    import: &'a Import,
}

impl Step<'_> {
    /// The agreement; the options were checked when the file came.
    fn agreement_id(&self) -> Result<Id> {
        self.import.options.agreement_id.ok_or_else(|| Error::internal("an import without its agreement"))
    }
}

/// What became of one row: taken or already there, with the thing it became; or why not. Either may come with more to tell.
struct Became {
    result: Result<(RowStatus, Id), Vec<Finding>>,
    told: Vec<Finding>,
}

impl Became {
    fn of(result: Result<(RowStatus, Id), Vec<Fault>>) -> Self {
        let findings = |faults: Vec<Fault>| faults.iter().map(Finding::of_fault).collect();
        Self { result: result.map_err(findings), told: Vec::new() }
    }

    fn refused(code: &str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { result: Err(vec![Finding::of_row(FindingSeverity::Error, code, en, zh)]), told: Vec::new() }
    }

    fn outcome(self, number: i64) -> RowOutcome {
        let Self { result, told: mut findings } = self;
        let (verdict, subject_id) = match result {
            Ok((RowStatus::Accepted, id)) => (ImportVerdict::Accepted, Some(id)),
            Ok((RowStatus::Unchanged, id)) => (ImportVerdict::Unchanged, Some(id)),
            Ok((RowStatus::Rejected | RowStatus::Skipped, _)) => (ImportVerdict::Rejected, None),
            Err(why) => {
                findings.extend(why);
                (ImportVerdict::Rejected, None)
            }
        };
        RowOutcome { number, verdict, findings, subject_id }
    }
}

/// Whether an import waits for its next step.
#[must_use]
pub fn is_under_way(import: &Import) -> bool {
    matches!(import.state, ImportState::Received | ImportState::Applying)
}

/// Tries or applies the next rows of an import; gives it as it is then.
///
/// # Errors
/// [`crate::error::Code::NotFound`]; what the command says of the call as a whole, such as an agreement that is not in force.
pub fn step(connection: &mut DbConnection, tools: Tools<'_>, scope: Scope, import_id: Id) -> Result<Import> {
    let mut import = store::locked(connection, &scope, import_id)?;
    if !is_under_way(&import) {
        return Ok(import);
    }
    let waiting = rows::pending(connection, tools.keys, import_id)?;
    let own = Scope { party_id: import.party_id, client_id: import.client_id };
    let step = Step { tools, actor: Actor { scope: own, request_id: None, now: tools.now }, import: &import };
    let (refused, fit): (Vec<&OpenRow>, Vec<&OpenRow>) =
        waiting.iter().partition(|row| row.findings.iter().any(Finding::refuses));
    let mut outcomes: Vec<RowOutcome> = refused
        .iter()
        .map(|row| RowOutcome {
            number: row.number,
            verdict: ImportVerdict::Rejected,
            findings: Vec::new(),
            subject_id: None,
        })
        .collect();
    let became = match import.state {
        ImportState::Received => trial(connection, |connection| run(connection, &step, &fit))?,
        _ => run(connection, &step, &fit)?,
    };
    outcomes.extend(fit.iter().zip(became).map(|(row, became)| became.outcome(row.number)));
    rows::settle(connection, import_id, &outcomes)?;
    count(&mut import, &waiting, &outcomes)?;
    if import.done_count == import.row_count {
        over(connection, tools, &mut import)?;
    }
    import.version += 1;
    import.updated_at = tools.now;
    store::update(connection, &import)?;
    Ok(import)
}

/// Hands rows to the command of their layout; one result for each, in their order.
fn run(connection: &mut DbConnection, step: &Step<'_>, rows: &[&OpenRow]) -> Result<Vec<Became>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    match step.import.target {
        ImportTarget::Workers | ImportTarget::Roster => people::register(connection, step, rows),
        ImportTarget::Quotas => posts::request(connection, step, rows),
        ImportTarget::Arrivals => hires::claim(connection, step, rows),
        ImportTarget::Wages | ImportTarget::Stays => stays::observe(connection, step, rows),
    }
}

fn count(import: &mut Import, waiting: &[OpenRow], outcomes: &[RowOutcome]) -> Result<()> {
    import.done_count += i64::try_from(outcomes.len()).map_err(Error::internal)?;
    for outcome in outcomes {
        let on_its_face = waiting.iter().find(|row| row.number == outcome.number).map(|row| row.findings.as_slice());
        let mut findings = on_its_face.unwrap_or_default().to_vec();
        findings.extend_from_slice(&outcome.findings);
        import.findings.add(&findings);
        let warns = findings.iter().any(|finding| finding.severity == FindingSeverity::Warning);
        match outcome.verdict {
            ImportVerdict::Accepted => import.accepted += 1,
            ImportVerdict::Unchanged => import.unchanged += 1,
            _ => import.rejected += 1,
        }
        import.warned += i64::from(warns && outcome.verdict != ImportVerdict::Rejected);
    }
    Ok(())
}

/// Every row was tried or applied: the import goes on to its next state.
fn over(connection: &mut DbConnection, tools: Tools<'_>, import: &mut Import) -> Result<()> {
    if import.state == ImportState::Applying {
        import.state = lifecycle::step(TRANSITIONS, import.state, ImportAction::Finish)?;
        return applied(connection, tools, import);
    }
    let is_of_use = import.accepted + import.unchanged > 0;
    let action = if is_of_use { ImportAction::Check } else { ImportAction::Reject };
    import.state = lifecycle::step(TRANSITIONS, import.state, action)?;
    if is_of_use && !import.options.validate_only {
        begin(connection, import)?;
    }
    Ok(())
}

/// Lets the rows of a checked import be applied, from the first.
///
/// # Errors
/// [`crate::error::Code::TransitionNotAllowed`].
pub fn begin(connection: &mut DbConnection, import: &mut Import) -> Result<()> {
    import.state = lifecycle::step(TRANSITIONS, import.state, ImportAction::Apply)?;
    (import.done_count, import.accepted, import.unchanged, import.rejected, import.warned) = (0, 0, 0, 0, 0);
    import.findings = Counts::default();
    rows::wait_again(connection, import.id)
}

/// An import that shall be applied: one that was tried begins. One whose rows are still being tried is applied when that is over.
///
/// # Errors
/// [`crate::error::Code::TransitionNotAllowed`].
pub fn shall_be_applied(connection: &mut DbConnection, mut import: Import, now: Instant) -> Result<Import> {
    match import.state {
        ImportState::Applying => return Ok(import),
        ImportState::Received => import.options.validate_only = false,
        _ => begin(connection, &mut import)?,
    }
    import.version += 1;
    import.updated_at = now;
    store::update(connection, &import)?;
    Ok(import)
}

/// Tells of an import that wrote something; one that changed nothing is no event.
fn applied(connection: &mut DbConnection, tools: Tools<'_>, import: &Import) -> Result<()> {
    if import.accepted == 0 {
        return Ok(());
    }
    let own = Scope { party_id: import.party_id, client_id: import.client_id };
    let event = NewEvent {
        kind: "import.applied",
        chain: Chain::Party(import.party_id),
        subject_kind: "import",
        subject_id: import.id,
        subject_version: import.version + 1,
        employer_id: None,
        payload: json!({
            "layout": import.options.layout, "target": import.target, "agreement_id": import.options.agreement_id,
            "accepted": import.accepted, "unchanged": import.unchanged, "rejected": import.rejected,
        }),
    };
    log::record(connection, &Actor { scope: own, request_id: None, now: tools.now }, event)
}

/// Steps until an import of a request is over.
///
/// # Errors
/// See [`step`].
pub fn finish(connection: &mut DbConnection, tools: Tools<'_>, scope: Scope, mut import: Import) -> Result<Import> {
    while is_under_way(&import) {
        import = step(connection, tools, scope, import.id)?;
    }
    Ok(import)
}

/// Gives an import up that cannot go on, and keeps why: the code of a problem.
///
/// # Errors
/// What the database says.
pub fn give_up(connection: &mut DbConnection, scope: Scope, import_id: Id, why: &str, now: Instant) -> Result<()> {
    let mut import = store::locked(connection, &scope, import_id)?;
    import.state = lifecycle::step(TRANSITIONS, import.state, ImportAction::Reject)?;
    import.refusal = Some(why.to_owned());
    import.version += 1;
    import.updated_at = now;
    store::update(connection, &import)
}
