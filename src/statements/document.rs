//! The document of an edition: the one text both sides sign, as canonical bytes (RFC 8785) with their SHA-256.
//!
//! It holds every figure, the root over every row, the digests of the terms it was computed by, and the digest of the statement before
//! it, so that nothing of it can be exchanged unseen. Deliberately absent: who has signed; a signature is over these bytes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::figures::{Basis, Count, RowContent, StatementFigure, StatementIndicator};
use super::month::Month;
use crate::db::{Day, Id, Instant};
use crate::error::Result;

/// The definition of the figures; another meaning of a figure is another definition.
pub const DEFINITION: &str = "labour-exchange/monthly-statement/1";

/// A version of the terms that a month was computed by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TermsRef {
    /// Number of the version.
    #[schema(minimum = 1, maximum = 1_000_000, example = 1)]
    pub version: i64,
    /// SHA-256 of its ratified bytes, hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$", max_length = 64)]
    pub digest: String,
}

/// The frozen statement of the month before this one's, or of the last one frozen before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FrozenRef {
    /// The statement.
    pub statement_id: Id,
    /// Its month.
    pub month: Month,
    /// SHA-256 of the signed bytes, hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$", max_length = 64)]
    pub digest: String,
}

/// A figure that two computations give differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FigureChange {
    /// What is counted.
    pub indicator: StatementIndicator,
    /// At which node, for what is counted there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(max_length = 5, example = "90d")]
    pub node: Option<String>,
    /// Over which time.
    pub basis: Basis,
    /// As it was: certain, probable, disputed.
    #[schema(min_items = 3, max_items = 3)]
    pub before: [Count; 3],
    /// As it is: certain, probable, disputed.
    #[schema(min_items = 3, max_items = 3)]
    pub after: [Count; 3],
}

/// A row that two computations give differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowChange {
    /// The placement or claim it is about.
    pub subject_id: Id,
    /// The fields that differ; all of them where the row stands on one side only.
    #[schema(max_items = 20)]
    pub fields: Vec<String>,
    /// As it was; null where it was not there.
    pub before: Option<RowContent>,
    /// As it is; null where it is no longer there.
    pub after: Option<RowContent>,
}

/// What today's facts say of a frozen month (F38). The month stays as it was published; this entry corrects it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Restatement {
    /// The frozen statement that is corrected.
    #[serde(flatten)]
    pub corrects: FrozenRef,
    /// The figures that differ from those frozen.
    #[schema(max_items = 1000)]
    pub figures: Vec<FigureChange>,
    /// The rows that differ from those frozen.
    #[schema(max_items = 1_000_000)]
    pub rows: Vec<RowChange>,
}

/// Everything both sides sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// [`DEFINITION`].
    pub definition: String,
    /// The agreement.
    pub agreement_id: Id,
    /// Its number on the paper.
    pub agreement_number: String,
    /// The month.
    pub month: Month,
    /// The edition.
    pub edition: i64,
    /// The day at whose end both sides were compared.
    pub cut_off_on: Day,
    /// Facts recorded before this instant count.
    pub computed_at: Instant,
    /// The versions of the terms in effect until the cut-off.
    pub terms: Vec<TermsRef>,
    /// The retention rule in effect at the cut-off.
    pub retention_rule_id: String,
    /// The frozen statement before this one.
    pub previous: Option<FrozenRef>,
    /// Rows.
    pub row_count: i64,
    /// Root of the Merkle tree over the rows, hexadecimal.
    pub rows_root: String,
    /// The figures.
    pub figures: Vec<StatementFigure>,
    /// Corrections of frozen months.
    pub restatements: Vec<Restatement>,
}

/// The canonical bytes of a row or a document.
///
/// # Errors
/// An internal error when the value cannot be written, which no value of these types can cause.
pub fn canonical<T: Serialize>(value: &T) -> Result<String> {
    Ok(serde_json_canonicalizer::to_string(value)?)
}
