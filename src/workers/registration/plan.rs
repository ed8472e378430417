//! What becomes of each row of a registration, and what will be written of it, sealed.

use std::collections::HashSet;

use super::{Batch, Entry};
use crate::db::{DbConnection, Id};
use crate::error::{Fault, Result, Text};
use crate::events::Actor;
use crate::seal::{KeyRing, Sensitive};
use crate::workers::rules::{self, Candidate, Difference, Held};
use crate::workers::sealing::{self, SealedField};
use crate::workers::store::register::{self, ChangedWorker, Known, KnownWorker, NewWorker};
use crate::workers::{GroupMembership, WorkerSex};

/// What became of a row.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Registered(Id),
    Changed(Id),
    Unchanged(Id),
    Refused(Vec<Fault>),
}

/// What will be written, sealed.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) inserts: Vec<NewWorker>,
    pub(super) changes: Vec<ChangedWorker>,
    groups: Vec<(Id, GroupMembership)>,
}

impl Plan {
    pub(super) fn of(keys: &KeyRing, batch: &Batch, known: &[Known]) -> Result<Self> {
        let nothing = || Outcome::Refused(Vec::new());
        let mut plan = Self {
            outcomes: std::iter::repeat_with(nothing).take(batch.partner_refs.len()).collect(),
            ..Self::default()
        };
        for (row, faults) in &batch.refused {
            plan.settle(*row, Outcome::Refused(faults.clone()));
        }
        let mut people = HashSet::with_capacity(batch.entries.len());
        let mut references = HashSet::new();
        for (entry, known) in batch.entries.iter().zip(known) {
            let partner_ref = entry.candidate.partner_ref.as_deref();
            let repeated = if people.contains(&entry.identity_index) {
                Some(("identity_number", REPEATED_NUMBER))
            } else if partner_ref.is_some_and(|reference| references.contains(reference)) {
                Some(("partner_ref", REPEATED_REFERENCE))
            } else if known.reference_belongs_to_another() {
                Some(("partner_ref", TAKEN_REFERENCE))
            } else {
                None
            };
            let outcome = match (repeated, &known.worker) {
                (Some((field, (code, en, zh))), _) => {
                    let Text { en, zh } = Text::new(en, zh);
                    Outcome::Refused(vec![Fault::body(format!("{}/{field}", entry.at), code, en, zh)])
                }
                (None, None) => plan.register(keys, entry)?,
                (None, Some(worker)) => plan.compare(keys, entry, worker)?,
            };
            if !matches!(outcome, Outcome::Refused(_)) {
                people.insert(entry.identity_index);
                references.extend(partner_ref);
            }
            plan.settle(entry.row, outcome);
        }
        Ok(plan)
    }

    fn settle(&mut self, row: usize, outcome: Outcome) {
        if let Some(place) = self.outcomes.get_mut(row) {
            *place = outcome;
        }
    }

    fn register(&mut self, keys: &KeyRing, entry: &Entry) -> Result<Outcome> {
        let Entry { id, candidate, identity_index, .. } = entry;
        let phone =
            candidate.phone.as_ref().map(|phone| SealedField::Phone.seal(keys, *id, phone.as_str())).transpose()?;
        self.inserts.push(NewWorker {
            id: *id,
            partner_ref: candidate.partner_ref.clone(),
            name_sealed: SealedField::Name.seal(keys, *id, candidate.name.as_str())?,
            identity_sealed: SealedField::IdentityNumber.seal(keys, *id, candidate.number.as_str())?,
            phone_sealed: phone,
            identity_index: *identity_index,
            exchange_index: sealing::exchange_index(keys, &candidate.number),
            name_index: sealing::name_index(keys, &candidate.name),
            sex: WorkerSex::from(candidate.number.sex()),
            birth_year: i64::from(candidate.number.birth_date().year()),
            hukou_code: candidate.hukou_code,
        });
        self.add_groups(*id, &candidate.groups);
        Ok(Outcome::Registered(*id))
    }

    fn compare(&mut self, keys: &KeyRing, entry: &Entry, worker: &KnownWorker) -> Result<Outcome> {
        let Entry { candidate, at, .. } = entry;
        let name = SealedField::Name.open(keys, worker.id, &worker.name_sealed)?;
        let phone =
            worker.phone_sealed.as_ref().map(|sealed| SealedField::Phone.open(keys, worker.id, sealed)).transpose()?;
        let held = Held {
            name: name.expose(),
            phone: phone.as_ref().map(|phone: &Sensitive<String>| phone.expose().as_str()),
            hukou_code: worker.hukou_code,
            partner_ref: worker.partner_ref.as_deref(),
            groups: &worker.groups,
        };
        match rules::difference(&held, candidate, at) {
            Err(faults) => Ok(Outcome::Refused(faults)),
            Ok(difference) if difference.is_empty() => Ok(Outcome::Unchanged(worker.id)),
            Ok(difference) => self.change(keys, candidate, worker, &difference),
        }
    }

    fn change(
        &mut self,
        keys: &KeyRing,
        candidate: &Candidate,
        worker: &KnownWorker,
        difference: &Difference,
    ) -> Result<Outcome> {
        let name_sealed = if difference.name {
            SealedField::Name.seal(keys, worker.id, candidate.name.as_str())?
        } else {
            worker.name_sealed.clone()
        };
        let phone_sealed = match &candidate.phone {
            Some(phone) if difference.phone => Some(SealedField::Phone.seal(keys, worker.id, phone.as_str())?),
            _ => worker.phone_sealed.clone(),
        };
        self.changes.push(ChangedWorker {
            id: worker.id,
            version: worker.version + 1,
            partner_ref: candidate.partner_ref.as_ref().or(worker.partner_ref.as_ref()).cloned(),
            name_sealed,
            name_index: sealing::name_index(keys, &candidate.name),
            phone_sealed,
            hukou_code: candidate.hukou_code,
        });
        self.add_groups(worker.id, &difference.groups);
        Ok(Outcome::Changed(worker.id))
    }

    fn add_groups(&mut self, worker_id: Id, groups: &[GroupMembership]) {
        self.groups.extend(groups.iter().map(|group| (worker_id, group.clone())));
    }

    pub(super) fn write(&self, connection: &mut DbConnection, actor: &Actor) -> Result<()> {
        register::insert(connection, actor, &self.inserts)?;
        register::change(connection, actor, &self.changes)?;
        register::put_groups(connection, actor, &self.groups)
    }
}

const REPEATED_NUMBER: (&str, &str, &str) = (
    "identity_number_repeated",
    "This person is already in an earlier row of the call; keep one of the rows.",
    "同一人员在本次提交的前面行中已出现，请只保留一行。",
);
const REPEATED_REFERENCE: (&str, &str, &str) = (
    "partner_ref_repeated",
    "This reference is already in an earlier row of the call; give every person a reference of their own.",
    "该编号在本次提交的前面行中已使用，请为每名人员使用不同的编号。",
);
const TAKEN_REFERENCE: (&str, &str, &str) = (
    "partner_ref_taken",
    "Another person of your register has this reference; compare the identity numbers.",
    "名册中另一人员已使用该编号，请核对身份证号码。",
);
