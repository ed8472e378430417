//! Finding the placements of people in a file: by identity number and name together, in the registers of the agreement's origins.

use crate::agreements::PartyRole;
use crate::agreements::store::parties;
use crate::arrivals::store::subjects::{Sought, by_person};
use crate::db::{DbConnection, Id};
use crate::error::Result;
use crate::interchange::layouts::fields::Field;
use crate::interchange::record::Record;
use crate::interchange::store::rows::OpenRow;
use crate::workers::identity_number::IdentityNumber;
use crate::workers::person_name::PersonName;
use crate::workers::sealing;

use super::Step;

/// Name and number of a row; both were read before.
pub(super) fn person(step: &Step<'_>, record: &Record) -> Option<(PersonName, IdentityNumber)> {
    let name = PersonName::parse(record.text(Field::Name)?).ok()?;
    let number = IdentityNumber::parse(record.text(Field::IdentityNumber)?, step.actor.now.day().0).ok()?;
    Some((name, number))
}

/// The departed placements of each row's person, oldest first.
pub(super) fn placements(connection: &mut DbConnection, step: &Step<'_>, rows: &[&OpenRow]) -> Result<Vec<Vec<Id>>> {
    let agreement_id = step.agreement_id()?;
    let origins: Vec<Id> = parties(connection, agreement_id)?
        .iter()
        .filter(|party| party.role == PartyRole::Origin)
        .map(|party| party.party_id)
        .collect();
    let mut sought = Vec::with_capacity(rows.len() * origins.len());
    for (row, (name, number)) in
        rows.iter().enumerate().filter_map(|(place, row)| Some((place, person(step, &row.content.record)?)))
    {
        let keys = step.tools.keys;
        let name_index = sealing::name_index(keys, &name);
        sought.extend(origins.iter().map(|origin_id| Sought {
            row,
            origin_id: *origin_id,
            identity_index: sealing::identity_index(keys, *origin_id, &number),
            name_index,
        }));
    }
    let mut found = vec![Vec::new(); rows.len()];
    for (row, placement) in by_person(connection, agreement_id, &sought)? {
        if let Some(place) = found.get_mut(row) {
            place.push(placement);
        }
    }
    Ok(found)
}
