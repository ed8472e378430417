//! A discrepancy in hand: its row, the answers that are owed, and what an act adds to them. Nothing is written until the store is handed
//! the case.

use super::duties::{Duty, closing};
use super::{Discrepancy, DiscrepancyAction, DiscrepancyEntry, DiscrepancyEntryKind, DiscrepancyState, TRANSITIONS};
use crate::calendar::calendar;
use crate::db::{Day, Id};
use crate::error::Result;
use crate::events::Actor;
use crate::lifecycle::step;

/// A discrepancy with its open duties, and what has been done to it since it was read.
#[derive(Debug, Clone)]
pub struct Case {
    /// The row as it is after the acts so far.
    pub row: Discrepancy,
    /// The answers that are owed.
    pub owed: Vec<Duty>,
    /// Duties that are new or closed.
    pub duties: Vec<Duty>,
    /// New entries.
    pub entries: Vec<DiscrepancyEntry>,
}

impl Case {
    /// A case to which nothing has been done yet.
    #[must_use]
    pub const fn new(row: Discrepancy, owed: Vec<Duty>) -> Self {
        Self { row, owed, duties: Vec::new(), entries: Vec::new() }
    }

    /// Whether there is anything to write.
    #[must_use]
    pub const fn is_changed(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Moves the row to the state after an action.
    ///
    /// # Errors
    /// [`crate::error::Code::TransitionNotAllowed`].
    pub fn step(&mut self, action: DiscrepancyAction) -> Result<()> {
        self.row.state = step(TRANSITIONS, self.row.state, action)?;
        if self.row.state != DiscrepancyState::Resolved {
            self.row.outcome = None;
        }
        Ok(())
    }

    /// Adds an entry about the row as it is now; `tell` adds what only this entry has. Gives its id.
    pub fn enter(&mut self, actor: &Actor, kind: DiscrepancyEntryKind, tell: impl FnOnce(&mut DiscrepancyEntry)) -> Id {
        // An id in the order of the entries, also of those made in one instant.
        let mut entry = DiscrepancyEntry {
            agreement_id: self.row.agreement_id,
            id: Id::new(),
            discrepancy_id: self.row.id,
            kind,
            state: self.row.state,
            due_on: self.row.due_on,
            outcome: self.row.outcome,
            words: None,
            party_id: actor.scope.party_id,
            client_id: actor.scope.client_id,
            run_id: None,
            resolution_id: None,
            placement_id: None,
            forced: false,
            undoes: None,
            recorded_at: actor.now,
        };
        tell(&mut entry);
        self.row.version += i64::from(kind != DiscrepancyEntryKind::Opened);
        self.row.updated_at = actor.now;
        let id = entry.id;
        self.entries.push(entry);
        id
    }

    /// The parties owe an answer, each until the row's due day.
    pub fn owe(&mut self, actor: &Actor, entry: Id, parties: &[Id]) {
        let duty = |party: &Id| Duty {
            agreement_id: self.row.agreement_id,
            id: Id::new(),
            discrepancy_id: self.row.id,
            party_id: *party,
            due_on: self.row.due_on,
            opened_by: entry,
            opened_at: actor.now,
            closed_by: None,
            closed_at: None,
            closing: None,
        };
        let duties: Vec<Duty> = parties.iter().map(duty).collect();
        self.owed.extend(duties.iter().cloned());
        self.duties.extend(duties);
    }

    /// Ends the duties concerned; whether each is fulfilled goes by its party.
    pub fn settle(
        &mut self,
        actor: &Actor,
        entry: Id,
        concerned: impl Fn(&Duty) -> bool,
        fulfilled: impl Fn(Id) -> bool,
    ) {
        let (settled, owed): (Vec<Duty>, Vec<Duty>) = std::mem::take(&mut self.owed).into_iter().partition(concerned);
        self.owed = owed;
        for duty in settled {
            let closing = closing(duty.due_on, actor.now.day(), fulfilled(duty.party_id));
            self.duties.retain(|known| known.id != duty.id);
            self.duties.push(Duty {
                closed_by: Some(entry),
                closed_at: Some(actor.now),
                closing: Some(closing),
                ..duty
            });
        }
    }

    /// Takes back what an entry did to duties: those it made are ended, those it ended are owed again.
    pub fn restore(&mut self, actor: &Actor, entry: Id, undone: Id, duties: Vec<Duty>) {
        self.settle(actor, entry, |duty| duty.opened_by == undone, |_| false);
        for duty in duties.into_iter().filter(|duty| duty.closed_by == Some(undone)) {
            let owed = Duty { closed_by: None, closed_at: None, closing: None, ..duty };
            self.owed.push(owed.clone());
            self.duties.push(owed);
        }
    }

    /// The last day of an answer that is asked for today.
    #[must_use]
    pub fn due(actor: &Actor, answer_days: i64) -> Day {
        calendar().due(actor.now.day(), answer_days)
    }
}
