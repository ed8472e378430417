//! What the exchange answers about agreements: the rows, and what the day and the versions add to them.

use serde::Serialize;
use utoipa::ToSchema;

use super::document::Document;
use super::store::versions::{self, RatificationRow, VersionRow};
use super::store::{AgreementParty, Membership};
use super::{Agreement, PartyRole, Standing, Terms, VersionState, rules, store};
use crate::db::{Day, DbConnection, Id, Instant};
use crate::error::{Error, Result};

/// An agreement in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AgreementSummary {
    /// The agreement.
    #[serde(flatten)]
    pub agreement: Agreement,
    /// What the caller's party is in it.
    pub role: PartyRole,
    /// What its state and today say together.
    pub standing: Standing,
}

impl AgreementSummary {
    /// The summary of a row as of `today`.
    #[must_use]
    pub fn of(membership: Membership, today: Day) -> Self {
        let Membership { agreement, role } = membership;
        let standing = rules::standing(agreement.state, agreement.effective_from, agreement.effective_to, today);
        Self { agreement, role, standing }
    }
}

/// An agreement with its parties and the text that holds.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AgreementDetail {
    /// The agreement, the caller's role, and today's standing.
    #[serde(flatten)]
    pub summary: AgreementSummary,
    /// The parties: origins, then destinations, then stations.
    #[schema(min_items = 2, max_items = 50)]
    pub parties: Vec<AgreementParty>,
    /// The version in effect on the day asked for; before the term begins the one it begins with; while nothing is ratified, the one
    /// being written or before the parties.
    pub current: AgreementText,
    /// Number of the version that is before the parties now and waits for ratification, if there is one.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub open_version: Option<i64>,
}

/// A version with its terms.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AgreementText {
    /// The version.
    #[serde(flatten)]
    pub version: AgreementVersion,
    /// Clauses a good agreement has and this one lacks, by stable name; more names may come.
    #[schema(max_items = 20, example = json!(["complaints"]))]
    pub missing_clauses: Vec<&'static str>,
    /// The terms.
    pub terms: Terms,
}

/// A version of an agreement's text: when it holds and who has ratified it. Its bytes are at `…/document?version=`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AgreementVersion {
    /// Number of the version, from 1.
    #[schema(minimum = 1, maximum = 1_000_000, example = 1)]
    pub number: i64,
    /// Stored state.
    pub state: VersionState,
    /// The day from which it holds.
    pub effective_on: Day,
    /// SHA-256 of the document's bytes, hexadecimal.
    #[schema(
        pattern = "^[0-9a-f]{64}$",
        max_length = 64,
        example = "7d9f0c6c2f5e4b1a8d3c5e7f9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b"
    )]
    pub digest: String,
    /// Why it was proposed; amendments have one.
    #[schema(max_length = 200)]
    pub reason: Option<String>,
    /// Made at.
    pub created_at: Instant,
    /// When the last party ratified it.
    pub ratified_at: Option<Instant>,
    /// Who has ratified it.
    #[schema(max_items = 50)]
    pub ratifications: Vec<Ratification>,
}

/// One party's yes to one version.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Ratification {
    /// The party.
    pub party_id: Id,
    /// Its client.
    pub client_id: Id,
    /// The digest it ratified.
    #[schema(pattern = "^[0-9a-f]{64}$", max_length = 64)]
    pub digest: String,
    /// Detached compact JWS over the document's bytes, when the party sent one; it was verified.
    #[schema(max_length = 4096)]
    pub signature: Option<String>,
    /// Id of the registered key that made the signature.
    #[schema(max_length = 128)]
    pub key_id: Option<String>,
    /// When.
    pub ratified_at: Instant,
}

impl AgreementVersion {
    /// A version with those of `ratifications` that are its own.
    #[must_use]
    pub fn of(row: &VersionRow, ratifications: &[RatificationRow]) -> Self {
        let own = ratifications.iter().filter(|ratification| ratification.version == row.number);
        Self {
            number: row.number,
            state: row.state,
            effective_on: row.effective_on,
            digest: hex::encode(&row.digest),
            reason: row.reason.clone(),
            created_at: row.created_at,
            ratified_at: row.ratified_at,
            ratifications: own.map(Ratification::of).collect(),
        }
    }
}

impl Ratification {
    fn of(row: &RatificationRow) -> Self {
        Self {
            party_id: row.party_id,
            client_id: row.client_id,
            digest: hex::encode(&row.digest),
            signature: row.signature.clone(),
            key_id: row.key_id.clone(),
            ratified_at: row.ratified_at,
        }
    }
}

/// The whole agreement as of `day`.
///
/// # Errors
/// What the database says; an internal error when the stored document was changed.
pub fn detail(connection: &mut DbConnection, membership: Membership, day: Day, today: Day) -> Result<AgreementDetail> {
    let id = membership.agreement.id;
    let outline = versions::outline(connection, id)?;
    let number = spoken_version(&outline, day).ok_or_else(|| Error::internal("an agreement without a version"))?;
    let row = versions::version(connection, id, number)?;
    let ratifications = versions::ratifications(connection, id, number, number)?;
    let Document { terms, .. } = row.document()?;
    let open = outline.iter().find(|(_, state, _)| *state == VersionState::Proposed);
    Ok(AgreementDetail {
        parties: store::parties(connection, id)?,
        current: AgreementText {
            version: AgreementVersion::of(&row, &ratifications),
            missing_clauses: rules::missing_clauses(&terms),
            terms,
        },
        open_version: open.map(|(number, ..)| *number),
        summary: AgreementSummary::of(membership, today),
    })
}

/// The version that speaks on `day`: of the ratified ones the one in effect, else the last that was not withdrawn.
#[must_use]
pub fn spoken_version(outline: &[(i64, VersionState, Day)], day: Day) -> Option<i64> {
    let in_state = |wanted: VersionState| outline.iter().filter(move |(_, state, _)| *state == wanted);
    rules::in_effect(in_state(VersionState::Ratified).map(|(number, _, on)| (*number, *on)), day)
        .or_else(|| outline.iter().rfind(|(_, state, _)| *state != VersionState::Withdrawn).map(|(number, ..)| *number))
}
