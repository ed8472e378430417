//! Everything a call needs to know, looked up for all of its rows at once.

use std::collections::{HashMap, HashSet};

use super::Call;
use crate::agreements::{self, PartyRole};
use crate::arrivals::ClaimantRole;
use crate::arrivals::rules::judging::Subject;
use crate::arrivals::rules::placement_unknown;
use crate::arrivals::rules::reading::{Person, Stated, Target};
use crate::arrivals::store::claims::{self, InEffect, Known};
use crate::arrivals::store::subjects::{self, Sought};
use crate::db::{DbConnection, Id};
use crate::error::{Fault, Result};
use crate::workers::sealing;

/// The keyed indexes of a person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Indexes {
    /// Of the identity number, in the whole exchange.
    pub number: [u8; 32],
    /// Of the name, in the whole exchange.
    pub name: [u8; 32],
}

impl Indexes {
    /// Whether these are the recorded indexes of number and name.
    pub(super) fn are(&self, (number, name): &(Vec<u8>, Vec<u8>)) -> bool {
        self.number == number.as_slice() && self.name == name.as_slice()
    }
}

/// What is known before any row is judged.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Placements by id.
    pub subjects: HashMap<Id, Subject>,
    /// Claims in effect, by placement.
    pub claims: HashMap<Id, Vec<InEffect>>,
    /// The claimant's claims in effect about people nobody announced, by the index of the person.
    pub unannounced: HashMap<Vec<u8>, Vec<InEffect>>,
    /// The claimant's own references in use.
    pub references: HashMap<String, Known>,
    /// Parties that can be a workplace.
    pub workplaces: HashSet<Id>,
    /// Indexes of the people named in rows.
    pub people: HashMap<usize, Indexes>,
    candidates: HashMap<usize, Vec<Id>>,
}

/// Whom a row is about.
pub(super) enum About<'a> {
    /// A placement of which the claimant may speak, in this capacity.
    Placement(&'a Subject, ClaimantRole),
    /// A person with no single placement the claimant may speak of.
    Person(&'a Person, Indexes),
}

pub(super) fn find(
    connection: &mut DbConnection,
    call: &Call<'_>,
    read: &[Result<Stated, Vec<Fault>>],
) -> Result<Found> {
    let stated: Vec<(usize, &Stated)> =
        read.iter().enumerate().filter_map(|(row, stated)| Some((row, stated.as_ref().ok()?))).collect();
    let mut found = Found::default();
    find_people(connection, call, &stated, &mut found)?;
    let named: Vec<(usize, &str)> = stated
        .iter()
        .filter_map(|(row, stated)| match &stated.target {
            Target::Reference(reference) => Some((*row, reference.as_str())),
            _ => None,
        })
        .collect();
    for (row, id) in subjects::by_reference(connection, call.agreement_id, &named)? {
        found.candidates.entry(row).or_default().push(id);
    }
    let direct = stated.iter().filter_map(|(_, stated)| match stated.target {
        Target::Placement(id) => Some(id),
        _ => None,
    });
    let ids: HashSet<Id> = found.candidates.values().flatten().copied().chain(direct).collect();
    found.subjects = subjects::locked(connection, call.agreement_id, &ids)?;
    found.claims = claims::about(connection, call.agreement_id, found.subjects.keys().copied())?;
    let employers: HashSet<Id> = stated.iter().filter_map(|(_, stated)| stated.employer_id).collect();
    found.workplaces = subjects::workplaces(connection, &employers)?;
    let references: Vec<&str> = stated.iter().filter_map(|(_, stated)| stated.client_ref.as_deref()).collect();
    found.references = claims::by_client_ref(connection, call.claimant(), &references)?;
    Ok(found)
}

fn find_people(
    connection: &mut DbConnection,
    call: &Call<'_>,
    stated: &[(usize, &Stated)],
    found: &mut Found,
) -> Result<()> {
    let people: Vec<(usize, &Person)> = stated
        .iter()
        .filter_map(|(row, stated)| match &stated.target {
            Target::Person(person) => Some((*row, person.as_ref())),
            _ => None,
        })
        .collect();
    if people.is_empty() {
        return Ok(());
    }
    let parties = agreements::store::parties(connection, call.agreement_id)?;
    let origins: Vec<Id> =
        parties.iter().filter(|party| party.role == PartyRole::Origin).map(|party| party.party_id).collect();
    let mut sought = Vec::with_capacity(people.len() * origins.len());
    for (row, person) in &people {
        let indexes = Indexes {
            number: sealing::exchange_index(call.keys, &person.number),
            name: sealing::name_index(call.keys, &person.name),
        };
        found.people.insert(*row, indexes);
        sought.extend(origins.iter().map(|origin_id| Sought {
            row: *row,
            origin_id: *origin_id,
            identity_index: sealing::identity_index(call.keys, *origin_id, &person.number),
            name_index: indexes.name,
        }));
    }
    let numbers: Vec<[u8; 32]> = found.people.values().map(|indexes| indexes.number).collect();
    found.unannounced = claims::about_unannounced(connection, call.agreement_id, call.claimant(), &numbers)?;
    for (row, id) in subjects::by_person(connection, call.agreement_id, &sought)? {
        found.candidates.entry(row).or_default().push(id);
    }
    Ok(())
}

impl Found {
    /// Whom a row is about, as far as the claimant may know.
    pub(super) fn about<'a>(&'a self, call: &Call<'_>, row: usize, stated: &'a Stated) -> Result<About<'a>, Fault> {
        let pointer = || format!("{}/{}", call.at(row), stated.target.field());
        let open = |id: &Id| {
            let subject = self.subjects.get(id)?;
            let role = subject.capacity_of(call.claimant(), call.standing.member)?;
            Some((subject, role))
        };
        let candidates = || self.candidates.get(&row).into_iter().flatten().filter_map(open);
        match &stated.target {
            Target::Placement(id) => open(id)
                .map(|(subject, role)| About::Placement(subject, role))
                .ok_or_else(|| placement_unknown(pointer())),
            Target::Reference(_) => {
                let mut departed = candidates().filter(|(subject, _)| subject.placement.departed_on.is_some());
                match (departed.next(), departed.next()) {
                    (Some(_), Some(_)) => Err(Fault::body(
                        pointer(),
                        "reference_ambiguous",
                        "several placements have this reference; use placement_id",
                        "多条安置记录使用该编号，请改用 placement_id",
                    )),
                    (single, _) => single
                        .or_else(|| candidates().next())
                        .map(|(subject, role)| About::Placement(subject, role))
                        .ok_or_else(|| placement_unknown(pointer())),
                }
            }
            Target::Person(person) => {
                let mut in_season = candidates().filter(|(subject, _)| subject.season_contains(stated.happened_on));
                match (in_season.next(), in_season.next(), self.people.get(&row)) {
                    (Some((subject, role)), None, _) => Ok(About::Placement(subject, role)),
                    (_, _, Some(indexes)) => Ok(About::Person(person, *indexes)),
                    _ => Err(placement_unknown(pointer())),
                }
            }
        }
    }
}
