//! Registering many persons at once: what becomes of each row, decided and sealed before the write transaction.
//!
//! The order is: read the rows, look up who is known, decide and seal (all of it outside the writer), then look up again inside the
//! transaction. Only if the register has moved in between is the decision made anew there. Registering one person is the same code
//! with one row. The new worker's id is made with the row, because a sealed value belongs to the row it lies in.

mod plan;

use serde_json::json;

use plan::{Outcome, Plan};

use super::NewWorker;
use super::identity_number::IdentityNumberError;
use super::rules::{self, Candidate};
use super::sealing;
use super::store::register::{self, Known};
use crate::db::{Day, DbConnection, Id};
use crate::error::{Code, Error, Fault, Faults, Language, Result};
use crate::events::{self, Actor, Chain, NewEvent};
use crate::http::receipt::{Receipts, RowStatus};
use crate::seal::KeyRing;

/// What became of a row, with the sender's reference of it.
pub type RegisteredRow = (Option<String>, Result<(RowStatus, Id), Vec<Fault>>);

/// A row that could be read.
#[derive(Debug)]
struct Entry {
    /// Its place in the call.
    row: usize,
    /// Its place in the body, for faults.
    at: String,
    /// The id the person gets when new.
    id: Id,
    identity_index: [u8; 32],
    candidate: Candidate,
}

/// The rows of a call, read but not yet compared with the register.
#[derive(Debug)]
pub struct Batch {
    party_id: Id,
    entries: Vec<Entry>,
    refused: Vec<(usize, Vec<Fault>)>,
    /// The senders' references by row; none where the reference itself is personal data.
    partner_refs: Vec<Option<String>>,
}

impl Batch {
    /// Reads the rows of a call; rows that cannot be read are kept with their faults.
    ///
    /// # Errors
    /// [`Code::FieldInvalid`] when the shape of the call is wrong: the whole call is refused.
    pub fn read(keys: &KeyRing, party_id: Id, rows: &[NewWorker], today: Day) -> Result<Self> {
        let mut faults = Faults::new();
        faults.require(
            (1..=super::BATCH_ROWS_MAX).contains(&rows.len()),
            "/rows",
            "length",
            "must have 1 to 5000 rows",
            "须为 1 至 5000 行",
        );
        for (row, new) in rows.iter().enumerate() {
            rules::check_shape(new, &format!("/rows/{row}"), &mut faults);
        }
        faults.check()?;
        let mut batch = Self::empty(party_id);
        for (row, new) in rows.iter().enumerate() {
            batch.add(keys, new, format!("/rows/{row}"), today);
        }
        batch.doubt_round_numbers();
        Ok(batch)
    }

    /// Reads one person, sent alone.
    ///
    /// # Errors
    /// [`Code::FieldInvalid`] with every fault.
    pub fn read_one(keys: &KeyRing, party_id: Id, new: &NewWorker, today: Day) -> Result<Self> {
        let mut faults = Faults::new();
        rules::check_shape(new, "", &mut faults);
        faults.check()?;
        let mut batch = Self::empty(party_id);
        batch.add(keys, new, String::new(), today);
        match batch.refused.pop() {
            Some((_, faults)) => Err(Error::new(Code::FieldInvalid).faults(faults)),
            None => Ok(batch),
        }
    }

    const fn empty(party_id: Id) -> Self {
        Self { party_id, entries: Vec::new(), refused: Vec::new(), partner_refs: Vec::new() }
    }

    fn add(&mut self, keys: &KeyRing, new: &NewWorker, at: String, today: Day) {
        let row = self.partner_refs.len();
        let mut partner_ref = new.partner_ref.clone();
        match rules::read(new, &at, today) {
            Ok(candidate) => self.entries.push(Entry {
                row,
                at,
                id: Id::new(),
                identity_index: sealing::identity_index(keys, self.party_id, &candidate.number),
                candidate,
            }),
            Err(faults) => {
                partner_ref =
                    partner_ref.filter(|_| faults.iter().all(|fault| fault.code != rules::PARTNER_REF_PERSONAL));
                self.refused.push((row, faults));
            }
        }
        self.partner_refs.push(partner_ref);
    }

    /// Where a spreadsheet has damaged some numbers of a file it has damaged others so that they still fit: one in eleven. A number in
    /// such a file that ends in three zeros is somebody else's as likely as not, so a person looks at the card.
    fn doubt_round_numbers(&mut self) {
        let damaged = |faults: &[Fault]| faults.iter().any(|fault| fault.code == IdentityNumberError::Damaged.code());
        if !self.refused.iter().any(|(_, faults)| damaged(faults)) {
            return;
        }
        let (doubtful, sure) = std::mem::take(&mut self.entries)
            .into_iter()
            .partition(|entry: &Entry| entry.candidate.number.may_be_rounded());
        self.entries = sure;
        let fault = |entry: Entry| {
            let fault = Fault::body(
                format!("{}/identity_number", entry.at),
                "identity_number_may_be_rounded",
                "ends in 000 in a file whose other numbers a spreadsheet has rounded; compare it with the identity card and send it on its own",
                "同一文件中其他号码已被表格软件舍入，此号码以 000 结尾，请核对身份证后单独提交",
            );
            (entry.row, vec![fault])
        };
        self.refused.extend(doubtful.into_iter().map(fault));
    }

    /// Who of these persons the register holds.
    ///
    /// # Errors
    /// What the database says.
    pub fn look_up(&self, connection: &mut DbConnection) -> Result<Vec<Known>> {
        let wanted = self.entries.iter().map(|entry| (entry.identity_index, entry.candidate.partner_ref.as_deref()));
        register::known(connection, self.party_id, wanted)
    }

    /// Decides and seals as if the register knew none of these persons; the transaction finds out whether it does.
    ///
    /// # Errors
    /// None in practice; see [`Self::plan`].
    pub fn plan_new(self, keys: &KeyRing) -> Result<Registration> {
        let known = vec![Known::default(); self.entries.len()];
        self.plan(keys, known)
    }

    /// Decides every row against what the register holds, and seals what will be written.
    ///
    /// # Errors
    /// An internal error when the register holds a value that does not open.
    pub fn plan(self, keys: &KeyRing, known: Vec<Known>) -> Result<Registration> {
        let plan = Plan::of(keys, &self, &known)?;
        Ok(Registration { batch: self, known, plan })
    }
}

/// A call that is ready to be committed.
#[derive(Debug)]
pub struct Registration {
    batch: Batch,
    known: Vec<Known>,
    plan: Plan,
}

impl Registration {
    /// Writes the batch: one statement for new persons, one for changed ones, one for memberships, one event. A call that changes
    /// nothing writes nothing.
    ///
    /// # Errors
    /// What the database says.
    pub fn commit(
        self,
        connection: &mut DbConnection,
        keys: &KeyRing,
        actor: &Actor,
        language: Language,
    ) -> Result<Receipts> {
        let mut receipts = Receipts::default();
        for (partner_ref, outcome) in self.commit_rows(connection, keys, actor)? {
            receipts.push(partner_ref, outcome, language);
        }
        Ok(receipts)
    }

    /// The same, with what became of each row and the sender's reference of it.
    ///
    /// # Errors
    /// What the database says.
    pub fn commit_rows(
        mut self,
        connection: &mut DbConnection,
        keys: &KeyRing,
        actor: &Actor,
    ) -> Result<Vec<RegisteredRow>> {
        self.settle(connection, keys)?;
        let (registered, changed) = (self.plan.inserts.len(), self.plan.changes.len());
        self.plan.write(connection, actor)?;
        if registered + changed > 0 {
            let event = NewEvent {
                kind: "workers.registered",
                chain: Chain::Party(self.batch.party_id),
                subject_kind: "worker_batch",
                subject_id: Id::new(),
                subject_version: 1,
                employer_id: None,
                payload: json!({ "registered": registered, "changed": changed }),
            };
            events::log::record(connection, actor, event)?;
        }
        let outcome = |outcome| match outcome {
            Outcome::Registered(id) | Outcome::Changed(id) => Ok((RowStatus::Accepted, id)),
            Outcome::Unchanged(id) => Ok((RowStatus::Unchanged, id)),
            Outcome::Refused(faults) => Err(faults),
        };
        let rows = self.batch.partner_refs.into_iter().zip(self.plan.outcomes);
        Ok(rows.map(|(partner_ref, became)| (partner_ref, outcome(became))).collect())
    }

    /// Writes one person who must be new; gives the new id.
    ///
    /// # Errors
    /// [`Code::WorkerAlreadyRegistered`] with `worker_id`, [`Code::PartnerRefTaken`].
    pub fn commit_one(mut self, connection: &mut DbConnection, keys: &KeyRing, actor: &Actor) -> Result<Id> {
        self.settle(connection, keys)?;
        if let Some(worker) = self.known.first().and_then(|known| known.worker.as_ref()) {
            return Err(Error::new(Code::WorkerAlreadyRegistered).param("worker_id", worker.id.to_string()));
        }
        let id = match self.plan.outcomes.first() {
            Some(Outcome::Registered(id)) => *id,
            Some(Outcome::Refused(_)) => return Err(Error::new(Code::PartnerRefTaken)),
            _ => return Err(Error::internal("one person, no outcome")),
        };
        self.plan.write(connection, actor)?;
        let event = NewEvent {
            kind: "worker.registered",
            chain: Chain::Party(self.batch.party_id),
            subject_kind: "worker",
            subject_id: id,
            subject_version: 1,
            employer_id: None,
            payload: json!({}),
        };
        events::log::record(connection, actor, event)?;
        Ok(id)
    }

    /// Makes sure the decision fits the register as it is now, with the register locked.
    fn settle(&mut self, connection: &mut DbConnection, keys: &KeyRing) -> Result<()> {
        register::lock(connection, self.batch.party_id)?;
        let known = self.batch.look_up(connection)?;
        if known != self.known {
            self.plan = Plan::of(keys, &self.batch, &known)?;
            self.known = known;
        }
        Ok(())
    }
}
