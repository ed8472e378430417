//! The document of a version: the one text both sides ratify, as canonical bytes (RFC 8785) with their SHA-256.
//!
//! The bytes are made once, stored, and served exactly so; nothing is ever written anew from the parsed form, because a later
//! release could write the same terms differently and a digest signed on paper would no longer fit. Deliberately absent: anything
//! that may change without the parties (state, standing, who has ratified).

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::{AgreementKind, PartyRole, Terms};
use crate::db::{Day, Id};
use crate::error::{Error, Result};

/// SHA-256 of a document's bytes: what is ratified.
pub type Digest = [u8; 32];

/// A party as the document names it, under the name it had when the document was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Signatory {
    /// The party.
    pub party_id: Id,
    /// Its name.
    #[schema(max_length = 100, example = "邵阳县人力资源和社会保障局")]
    pub name: String,
    /// What it is in this agreement.
    pub role: PartyRole,
}

/// Everything the parties ratify, in one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Number on the paper.
    #[schema(max_length = 100, example = "SY-YW-2026-01")]
    pub number: String,
    /// Title.
    #[schema(max_length = 200, example = "邵阳县—义乌市劳务协作协议")]
    pub title: String,
    /// Kind.
    pub kind: AgreementKind,
    /// The parties, origins first, then destinations, then stations.
    #[schema(min_items = 2, max_items = 50)]
    pub parties: Vec<Signatory>,
    /// First day of the term.
    pub effective_from: Day,
    /// Last day of the term.
    pub effective_to: Day,
    /// Number of this version, from 1.
    #[schema(minimum = 1, maximum = 1_000_000, example = 1)]
    pub version: i64,
    /// SHA-256 of the ratified version this one follows, hexadecimal; null when there is none.
    #[schema(pattern = "^[0-9a-f]{64}$", max_length = 64)]
    pub previous_digest: Option<String>,
    /// The day from which this version holds.
    pub effective_on: Day,
    /// The terms.
    pub terms: Terms,
}

/// A document as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical {
    /// The exact bytes; canonical JSON is UTF-8.
    pub text: String,
    /// Their SHA-256.
    pub digest: Digest,
}

impl Document {
    /// Writes the canonical bytes.
    ///
    /// # Errors
    /// An internal error when the document cannot be written, which no value of these types can cause.
    pub fn canonical(&self) -> Result<Canonical> {
        let text = serde_json_canonicalizer::to_string(self)?;
        let digest = digest_of(text.as_bytes());
        Ok(Canonical { text, digest })
    }

    /// Reads stored bytes, after checking that they are the ones that were ratified.
    ///
    /// # Errors
    /// An internal error when the bytes do not have this digest (somebody changed the database) or are no document.
    pub fn read(text: &str, digest: &[u8]) -> Result<Self> {
        require_intact(text, digest)?;
        Ok(serde_json::from_str(text)?)
    }
}

/// SHA-256 of some bytes.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// Fine when the bytes have this digest.
///
/// # Errors
/// An internal error that names both digests in the log: a changed document is never served.
pub fn require_intact(text: &str, digest: &[u8]) -> Result<()> {
    let found = digest_of(text.as_bytes());
    if found.as_slice() == digest {
        Ok(())
    } else {
        Err(Error::internal(format!(
            "the stored document has SHA-256 {} and not {}: it was changed behind the exchange's back",
            hex::encode(found),
            hex::encode(digest)
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::tests::sample_terms;
    use super::*;
    use proptest::prelude::*;

    fn document(title: &str) -> Document {
        Document {
            number: "SY-YW-2026-01".to_owned(),
            title: title.to_owned(),
            kind: AgreementKind::InterProvincial,
            parties: vec![
                Signatory { party_id: Id::NIL, name: "邵阳县人社局".to_owned(), role: PartyRole::Origin },
                Signatory { party_id: Id::new(), name: "义乌市人社局".to_owned(), role: PartyRole::Destination },
            ],
            effective_from: Day::parse("2026-01-01").unwrap(),
            effective_to: Day::parse("2028-12-31").unwrap(),
            version: 1,
            previous_digest: None,
            effective_on: Day::parse("2026-01-01").unwrap(),
            terms: sample_terms(),
        }
    }

    #[test]
    fn the_same_terms_give_the_same_bytes_with_sorted_names_and_no_white_space() {
        let canonical = document("协议").canonical().unwrap();
        assert_eq!(canonical, document_again(&canonical).canonical().unwrap());
        assert!(canonical.text.starts_with("{\"effective_from\":\"2026-01-01\",\"effective_on\":"));
        assert!(!canonical.text.contains(": ") && !canonical.text.contains('\n'));
    }

    fn document_again(canonical: &Canonical) -> Document {
        Document::read(&canonical.text, &canonical.digest).unwrap()
    }

    #[test]
    fn a_document_changed_behind_our_back_is_not_read() {
        let canonical = document("协议").canonical().unwrap();
        let changed = canonical.text.replace("2500", "9500");
        assert_ne!(changed, canonical.text);
        assert!(Document::read(&changed, &canonical.digest).is_err());
    }

    proptest! {
        #[test]
        fn what_was_written_reads_back_as_it_was(title in "\\PC{1,60}", contact in proptest::option::of("\\PC{1,40}"), number in 1_i64..10_000_000) {
            let mut written = document(&title);
            written.terms.complaints_contact = contact;
            written.terms.targets[0].number = number;
            let canonical = written.canonical().unwrap();
            prop_assert_eq!(&document_again(&canonical), &written);
            prop_assert_eq!(document_again(&canonical).canonical().unwrap(), canonical);
        }

        #[test]
        fn no_bit_of_a_document_can_be_changed_unseen(place in any::<proptest::sample::Index>(), bit in 0_u8..8) {
            let canonical = document("邵阳县—义乌市").canonical().unwrap();
            let mut bytes = canonical.text.clone().into_bytes();
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            prop_assert_ne!(digest_of(&bytes), canonical.digest);
        }
    }
}
