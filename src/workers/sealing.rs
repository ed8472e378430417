//! How a worker's identity lies in the register: which cell a sealed value belongs to, and the keyed indexes that find a person.
//!
//! The number is indexed in its normalised 18 characters, so that the 15-digit form, full-width digits and a disability card all find
//! the same person. Deliberately absent: an index of the phone number. Couples and whole villages share one; it never identifies.

use super::identity_number::IdentityNumber;
use super::person_name::PersonName;
use crate::db::Id;
use crate::error::{Error, Result};
use crate::seal::{BlindIndex, KeyRing, Place, SealError, Sensitive};

/// A sealed column of the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedField {
    /// Name, as [`PersonName::as_str`].
    Name,
    /// Identity number, 18 characters.
    IdentityNumber,
    /// Mobile number, 11 digits.
    Phone,
}

impl SealedField {
    const fn place(self, worker_id: Id) -> Place {
        let column = match self {
            Self::Name => "name_sealed",
            Self::IdentityNumber => "identity_sealed",
            Self::Phone => "phone_sealed",
        };
        Place { table: "worker", column, row: worker_id.0 }
    }

    /// Seals a value for a worker's row.
    ///
    /// # Errors
    /// An internal error; values that were read by the rules always fit.
    pub fn seal(self, keys: &KeyRing, worker_id: Id, text: &str) -> Result<Vec<u8>> {
        keys.seal(self.place(worker_id), text).map_err(unusable)
    }

    /// Opens the value of a worker's row.
    ///
    /// # Errors
    /// An internal error when the bytes were changed, moved, or sealed with a key that is not held.
    pub fn open(self, keys: &KeyRing, worker_id: Id, sealed: &[u8]) -> Result<Sensitive<String>> {
        keys.open(self.place(worker_id), sealed).map_err(unusable)
    }
}

fn unusable(error: SealError) -> Error {
    Error::internal(format!("{}: {error}", error.code()))
}

/// What the identity number is called in every index.
const NUMBER: &str = "identity_number";

/// The index by which one party finds a person in its own register.
#[must_use]
pub fn identity_index(keys: &KeyRing, party_id: Id, number: &IdentityNumber) -> [u8; 32] {
    keys.blind_index(BlindIndex::tenant(party_id.0), NUMBER, number.as_str())
}

/// The index by which the exchange knows that two registers speak of the same person. Never shown to a party.
#[must_use]
pub fn exchange_index(keys: &KeyRing, number: &IdentityNumber) -> [u8; 32] {
    keys.blind_index(BlindIndex::platform(), NUMBER, number.as_str())
}

/// The index by which the exchange knows that two registers wrote the same name. Never shown to a party.
#[must_use]
pub fn name_index(keys: &KeyRing, name: &PersonName) -> [u8; 32] {
    keys.blind_index(BlindIndex::platform(), "name", &name.comparison_key())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> KeyRing {
        KeyRing::generate(jiff::Timestamp::UNIX_EPOCH).unwrap()
    }

    fn number(text: &str) -> IdentityNumber {
        IdentityNumber::parse(text, jiff::civil::date(2026, 2, 24)).unwrap()
    }

    #[test]
    fn every_spelling_of_a_number_has_one_index() {
        let keys = keys();
        let index = exchange_index(&keys, &number("432621197501019999"));
        for spelling in ["432621750101999", " ４３２６２１１９７５０１０１９９９９", "'432621 19750101 9999"]
        {
            assert_eq!(exchange_index(&keys, &number(spelling)), index, "{spelling}");
        }
    }

    #[test]
    fn two_counties_cannot_compare_their_indexes() {
        let keys = keys();
        let person = number("432621197501019999");
        let (one, other) = (Id::new(), Id::new());
        assert_ne!(identity_index(&keys, one, &person), identity_index(&keys, other, &person));
        assert_ne!(identity_index(&keys, one, &person), exchange_index(&keys, &person));
    }

    #[test]
    fn a_sealed_value_opens_only_in_its_own_row_and_column() {
        let keys = keys();
        let (one, other) = (Id::new(), Id::new());
        let sealed = SealedField::Name.seal(&keys, one, "张三").unwrap();
        assert_eq!(SealedField::Name.open(&keys, one, &sealed).unwrap().expose(), "张三");
        assert!(SealedField::Name.open(&keys, other, &sealed).is_err());
        assert!(SealedField::Phone.open(&keys, one, &sealed).is_err());
    }
}
