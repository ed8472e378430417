//! Linkage (无号行关联): which rows of two lists are probably the same person, where no identity number says so.
//!
//! Probabilistic record linkage after Fellegi and Sunter, unsupervised: nobody tells it which pairs are true. It is pure and
//! generic: [`link`] takes a list of [`fields`] and two lists of rows, and knows nothing of agreements. One pass:
//! 1. every cell is read once into the form its [`comparison`] needs;
//! 2. pairs that share a [`blocking`] key are compared, each field on a few levels from equal to different;
//! 3. the weight of each level is learnt from the lists themselves ([`estimation`]);
//! 4. a pair's score is the sum of its fields' weights ([`scoring`]); two thresholds and one partner per row make links of pairs
//!    ([`links`]), each with its [`explanation`].
//!
//! Promises, held by tests: the weights of the fields sum to the score; the same rows in any order give the same links, scores and texts;
//! equal candidates are listed and none is picked; a row gets one partner at the most; a name alone, or a name and the sex, links nobody;
//! what is missing counts nothing and is said.
//!
//! What it says of workers (tiers T2 and T3 of domain.md 6.1) is a proposal and never counts as verified until a person or a stronger
//! source confirms. Deliberately absent: repairing cells, transitive groups of more than two rows, and any use of known truth.

pub mod blocking;
pub mod comparison;
pub mod estimation;
pub mod explanation;
pub mod fields;
pub mod generator;
pub mod links;
mod listing;
pub mod names;
pub mod quality;
pub mod roster;
pub mod scoring;
pub mod weight;

use blocking::{BlockingKey, OversizedBlock, ReadRow, candidate_pairs};
use estimation::{Model, Observed, Pattern, counted, drawn_pairs, estimate};
use explanation::Language;
use fields::{FIELDS_MAX, Field, Record, Side};
use links::{Decision, ScoredPair, decide};
use listing::Listing;
use scoring::FieldOutcome;
use weight::Weight;

/// What a caller may choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// A pair more probable than this is linked automatically; at least `review`, below 1.
    pub automatic: f64,
    /// A pair more probable than this is proposed to a person; at least one half, so that no row is proposed two partners.
    pub review: f64,
    /// Pairs are compared that share one of these keys.
    pub blocking: Vec<BlockingKey>,
    /// The most pairs of one block, before it is divided.
    pub block_pairs_max: usize,
    /// How many candidates a row lists; an ambiguous one lists all that are good enough.
    pub candidates_max: usize,
}

impl Settings {
    /// Probability 0.999 for automatic links, one half for proposals; a key per field.
    #[must_use]
    pub fn for_fields(fields: &[Field]) -> Self {
        Self {
            automatic: 0.999,
            review: 0.5,
            blocking: BlockingKey::for_fields(fields),
            block_pairs_max: 20_000,
            candidates_max: 5,
        }
    }
}

/// Why nothing was linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkageError {
    /// No field, or more than [`FIELDS_MAX`].
    #[error("a list of fields has 1 to {FIELDS_MAX} fields, not {0}")]
    FieldCount(usize),
    /// A row has not one value per field.
    #[error("row {row} of the {side:?} list has {found} values, and there are {fields} fields")]
    ValueCount {
        /// The list.
        side: Side,
        /// Its row, from 0, in the order given.
        row: usize,
        /// How many values it has.
        found: usize,
        /// How many fields there are.
        fields: usize,
    },
    /// Two rows of a list have one key.
    #[error("rows of the {0:?} list share a key")]
    DuplicateKey(Side),
    /// A blocking key has no part, or one that names no field.
    #[error("blocking key {0} has no part, or names a field that is not in the list")]
    BlockingKey(usize),
    /// Thresholds out of order.
    #[error("thresholds have to be: one half <= review <= automatic < 1")]
    Thresholds,
}

/// A candidate for a left row.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate<K> {
    /// The right row.
    pub right: K,
    /// The sum of the fields' weights.
    pub score: Weight,
    /// The pair's own probability, as if the two rows had no other candidate.
    pub probability: f64,
    /// Whether a field agrees that may support a link; without one it is never linked.
    pub supported: bool,
    /// Whether the right row was linked to, or proposed for, another left row.
    pub linked_elsewhere: bool,
    /// Every field, in the order of the field list.
    pub outcomes: Vec<FieldOutcome>,
}

/// What was found for a left row.
#[derive(Debug, Clone, PartialEq)]
pub struct RowLinks<K> {
    /// The left row.
    pub left: K,
    /// What is said of it.
    pub decision: Decision,
    /// The linked or proposed row first, if there is one; then by score, then by key.
    pub candidates: Vec<Candidate<K>>,
}

impl<K> RowLinks<K> {
    /// The linked or proposed row.
    #[must_use]
    pub fn partner(&self) -> Option<&Candidate<K>> {
        match self.decision {
            Decision::Automatic | Decision::Review => self.candidates.first(),
            Decision::Ambiguous | Decision::Unlinked => None,
        }
    }
}

/// The result.
#[derive(Debug, Clone, PartialEq)]
pub struct Linkage<K> {
    /// The fields that were compared.
    pub fields: Vec<Field>,
    /// What was learnt of them.
    pub model: Model,
    /// Every left row once, by key.
    pub rows: Vec<RowLinks<K>>,
    /// The right rows that are nobody's partner, by key.
    pub unlinked_right: Vec<K>,
    /// How many pairs were compared.
    pub compared_pairs: usize,
    /// Blocks of rows too much alike to be compared; empty as a rule.
    pub oversized_blocks: Vec<OversizedBlock>,
}

impl<K> Linkage<K> {
    /// A candidate in words, without any value of a cell.
    #[must_use]
    pub fn explain(&self, candidate: &Candidate<K>, language: Language) -> String {
        explanation::explain(&self.fields, &candidate.outcomes, language)
    }
}

/// Links two lists. The result does not depend on the order of their rows.
pub fn link<K: Ord + Clone>(
    fields: &[Field],
    left: &[Record<'_, K>],
    right: &[Record<'_, K>],
    settings: &Settings,
) -> Result<Linkage<K>, LinkageError> {
    check(fields, settings)?;
    let (left_keys, left) = read(Side::Left, fields, left)?;
    let (right_keys, right) = read(Side::Right, fields, right)?;
    let found = candidate_pairs(&left, &right, &settings.blocking, settings.block_pairs_max);
    let patterns = patterns_of(&left, &right, &found.pairs);
    let drawn = patterns_of(&left, &right, &drawn_pairs(left.len(), right.len()));
    let rows = (left.len(), right.len());
    let model = estimate(fields, &Observed { compared: &counted(&patterns), drawn: &counted(&drawn), rows });
    let rarity = scoring::rarity(fields, &left, &right);
    let scored: Vec<ScoredPair> = found
        .pairs
        .iter()
        .zip(&patterns)
        .filter_map(|((one, other), pattern)| {
            let (left, right) = (usize::try_from(*one).ok()?, usize::try_from(*other).ok()?);
            let (score, supported) = scoring::score(fields, &model, *pattern, rarity.get(left)?);
            Some(ScoredPair { left, right, score, supported })
        })
        .collect();
    let thresholds = (settings.automatic, settings.review);
    let decided = decide(&scored, rows, model.prior_bits(), thresholds);
    let unlinked_right = right_keys.iter().zip(&decided.partner_of_right).filter(|(_, partner)| partner.is_none());
    let unlinked_right = unlinked_right.map(|(key, _)| key.clone()).collect();
    let listing = Listing { fields, model: &model, left: &left, right: &right, rarity: &rarity, settings };
    let rows = listing.rows(&left_keys, &right_keys, &scored, &decided);
    Ok(Linkage {
        fields: fields.to_vec(),
        rows,
        unlinked_right,
        compared_pairs: found.pairs.len(),
        oversized_blocks: found.oversized,
        model,
    })
}

/// The pairs that [`link`] compares, by key: for judging the matcher on the very pairs it looks at.
pub fn compared_pairs<K: Ord + Clone>(
    fields: &[Field],
    left: &[Record<'_, K>],
    right: &[Record<'_, K>],
    settings: &Settings,
) -> Result<Vec<(K, K)>, LinkageError> {
    check(fields, settings)?;
    let (left_keys, left) = read(Side::Left, fields, left)?;
    let (right_keys, right) = read(Side::Right, fields, right)?;
    let found = candidate_pairs(&left, &right, &settings.blocking, settings.block_pairs_max);
    let keys = |(one, other): (u32, u32)| Some((row(&left_keys, one)?.clone(), row(&right_keys, other)?.clone()));
    Ok(found.pairs.into_iter().filter_map(keys).collect())
}

fn check(fields: &[Field], settings: &Settings) -> Result<(), LinkageError> {
    if fields.is_empty() || fields.len() > FIELDS_MAX {
        return Err(LinkageError::FieldCount(fields.len()));
    }
    let sound = |key: &BlockingKey| !key.parts.is_empty() && key.parts.iter().all(|(field, _)| *field < fields.len());
    if let Some(key) = settings.blocking.iter().position(|key| !sound(key)) {
        return Err(LinkageError::BlockingKey(key));
    }
    let ordered = 0.5 <= settings.review && settings.review <= settings.automatic && settings.automatic < 1.0;
    if ordered { Ok(()) } else { Err(LinkageError::Thresholds) }
}

/// Reads every cell, the rows in the order of their keys: from here on the order of the list is forgotten.
fn read<K: Ord + Clone>(
    side: Side,
    fields: &[Field],
    records: &[Record<'_, K>],
) -> Result<(Vec<K>, Vec<ReadRow>), LinkageError> {
    let mut ordered: Vec<&Record<'_, K>> = Vec::with_capacity(records.len());
    for (row, record) in records.iter().enumerate() {
        if record.values.len() != fields.len() {
            let (found, fields) = (record.values.len(), fields.len());
            return Err(LinkageError::ValueCount { side, row, found, fields });
        }
        ordered.push(record);
    }
    ordered.sort_by(|one, other| one.key.cmp(&other.key));
    if ordered.windows(2).any(|pair| matches!(pair, [one, other] if one.key == other.key)) {
        return Err(LinkageError::DuplicateKey(side));
    }
    let read = |record: &&Record<'_, K>| -> ReadRow {
        let cells = fields.iter().zip(&record.values);
        cells.map(|(field, cell)| cell.as_deref().and_then(|cell| field.comparator().read(cell))).collect()
    };
    Ok((ordered.iter().map(|record| record.key.clone()).collect(), ordered.iter().map(read).collect()))
}

fn patterns_of(left: &[ReadRow], right: &[ReadRow], pairs: &[(u32, u32)]) -> Vec<Pattern> {
    let pattern = |(one, other): &(u32, u32)| Some(scoring::pattern(row(left, *one)?, row(right, *other)?));
    pairs.iter().filter_map(pattern).collect()
}

fn row<T>(rows: &[T], at: u32) -> Option<&T> {
    rows.get(usize::try_from(at).ok()?)
}
