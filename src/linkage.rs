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

#[cfg(test)]
mod benchmarks;
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

#[cfg(test)]
mod tests {
    use super::*;
    use explanation::{deciding_field, objections};
    use proptest::prelude::*;
    use proptest::sample::select;
    use scoring::Outcome;
    use std::collections::BTreeSet;

    /// Name, number, sex, birth date, phone, township.
    type Cells = [&'static str; 6];

    const ZHANG: Cells = ["张伟强", "430523********9985", "男", "1990-03-07", "10012345678", "塘渡口镇"];
    const LI: Cells = ["李红梅", "432621********9999", "女", "1975-01-01", "10087654321", "白仓镇"];
    const WANG: Cells = ["王芳", "430582********9971", "女", "2001-09-09", "10055555555", "黄荆乡"];

    fn records(rows: &[(u32, Cells)]) -> Vec<Record<'static, u32>> {
        rows.iter().map(|(key, cells)| Record::new(*key, *cells)).collect()
    }

    fn linked(left: &[(u32, Cells)], right: &[(u32, Cells)]) -> Linkage<u32> {
        link(&roster::fields(), &records(left), &records(right), &roster::settings()).unwrap()
    }

    fn only(left: Cells, right: &[(u32, Cells)]) -> RowLinks<u32> {
        linked(&[(1, left)], right).rows.remove(0)
    }

    #[test]
    fn rows_that_agree_in_everything_are_linked_and_strangers_are_not() {
        let linkage = linked(&[(1, ZHANG), (2, LI)], &[(10, LI), (11, ZHANG), (12, WANG)]);
        let partners: Vec<_> = linkage.rows.iter().map(|row| (row.left, row.partner().unwrap().right)).collect();
        assert_eq!(partners, [(1, 11), (2, 10)]);
        assert_eq!(linkage.unlinked_right, [12]);
    }

    #[test]
    fn two_equal_candidates_are_both_listed_and_none_is_picked() {
        let row = only(ZHANG, &[(12, ZHANG), (10, LI), (11, ZHANG)]);
        assert_eq!(row.decision, Decision::Ambiguous);
        assert_eq!(row.partner(), None);
        assert_eq!(row.candidates.iter().map(|candidate| candidate.right).collect::<Vec<_>>(), [11, 12]);
        assert_eq!(row.candidates[0].score, row.candidates[1].score);
        // The other way round as well: two rows that want the same one.
        let linkage = linked(&[(1, ZHANG), (2, ZHANG)], &[(10, ZHANG)]);
        assert!(linkage.rows.iter().all(|row| row.decision == Decision::Ambiguous && row.candidates.len() == 1));
        assert_eq!(linkage.unlinked_right, [10]);
    }

    #[test]
    fn all_equal_candidates_are_listed_however_many() {
        let eight: Vec<(u32, Cells)> = (10..18).map(|key| (key, ZHANG)).collect();
        assert_eq!(only(ZHANG, &eight).candidates.len(), 8);
    }

    #[test]
    fn a_name_alone_or_with_the_sex_links_nobody() {
        let rare: Cells = ["欧阳喆", "", "男", "", "", ""];
        for settings in [roster::settings(), Settings { automatic: 0.5, review: 0.5, ..roster::settings() }] {
            let linkage = link(&roster::fields(), &records(&[(1, rare)]), &records(&[(10, rare)]), &settings).unwrap();
            let row = &linkage.rows[0];
            assert_eq!(row.decision, Decision::Unlinked);
            assert_eq!((row.candidates[0].right, row.candidates[0].supported), (10, false), "listed as the nearest");
        }
    }

    #[test]
    fn what_is_missing_counts_nothing_and_is_said() {
        let without = ["张伟强", "", "男", "1990-03-07", "无", "塘渡口镇"];
        let linkage = linked(&[(1, ZHANG)], &[(10, without)]);
        let candidate = &linkage.rows[0].candidates[0];
        let missing: Vec<_> =
            candidate.outcomes.iter().filter(|outcome| outcome.outcome == Outcome::MissingRight).collect();
        assert_eq!(missing.iter().map(|outcome| outcome.field).collect::<Vec<_>>(), [1, 4]);
        assert!(missing.iter().all(|outcome| outcome.weight == Weight::ZERO));
        assert!(linkage.explain(candidate, Language::Chinese).contains("联系电话右表缺失，不计分"));
        assert!(linkage.explain(candidate, Language::English).contains("phone: missing on the right, counts nothing"));
    }

    #[test]
    fn a_candidate_says_what_decided_and_what_would_have_to_change() {
        let mistyped = ["张伟强", "430523********9985", "男", "1981-12-20", "10012345678", "塘渡口镇"];
        let linkage = linked(&[(1, ZHANG)], &[(10, mistyped)]);
        let candidate = &linkage.rows[0].candidates[0];
        let against = objections(&candidate.outcomes);
        assert_eq!(
            against.iter().map(|outcome| linkage.fields[outcome.field].name()).collect::<Vec<_>>(),
            ["birth_date"]
        );
        assert!(against[0].weight_if_equal > Weight::ZERO);
        let text = linkage.explain(candidate, Language::Chinese);
        let deciding = &linkage.fields[deciding_field(&candidate.outcomes).unwrap().field];
        assert!(
            text.starts_with(&format!("得分 {}，起决定作用的是{}。", candidate.score, deciding.label_zh())),
            "{text}"
        );
        for value in ["张伟强", "9985", "1990", "1981", "10012345678", "塘渡口"] {
            assert!(!text.contains(value), "{text} shows a cell");
        }
    }

    #[test]
    fn what_cannot_be_linked_is_refused_with_its_reason() {
        let fields = roster::fields();
        let settings = roster::settings();
        let one = records(&[(1, ZHANG)]);
        let refused = |fields: &[Field], left: &[Record<'_, u32>], settings: &Settings| {
            link(fields, left, &one, settings).unwrap_err()
        };
        assert_eq!(refused(&[], &one, &settings), LinkageError::FieldCount(0));
        let many = vec![fields[0].clone(); FIELDS_MAX + 1];
        assert_eq!(refused(&many, &one, &settings), LinkageError::FieldCount(17));
        let twice = records(&[(1, ZHANG), (1, LI)]);
        assert_eq!(refused(&fields, &twice, &settings), LinkageError::DuplicateKey(Side::Left));
        let short = vec![Record::new(1, ["张三"])];
        let count = LinkageError::ValueCount { side: Side::Left, row: 0, found: 1, fields: 6 };
        assert_eq!(refused(&fields, &short, &settings), count);
        let elsewhere = BlockingKey::of(&[(6, blocking::KeyForm::Whole)]);
        let blocking = Settings { blocking: vec![elsewhere], ..settings.clone() };
        assert_eq!(refused(&fields, &one, &blocking), LinkageError::BlockingKey(0));
        for (review, automatic) in [(0.4, 0.9), (0.9, 0.8), (0.9, 1.0), (f64::NAN, 0.9)] {
            let thresholds = Settings { automatic, review, ..settings.clone() };
            assert_eq!(refused(&fields, &one, &thresholds), LinkageError::Thresholds);
        }
    }

    fn row() -> impl Strategy<Value = Cells> {
        let of = |values: &'static [&'static str]| select(values);
        (
            of(&["张伟强", "張偉強", "张伟军", "李红", "李宏", "王芳", "王?", ""]),
            of(&["430523********9985", "430523199003079985", "430523199003079984", "9971", ""]),
            of(&["男", "女", ""]),
            of(&["1990-03-07", "1990年3月", "1975-01-01", ""]),
            of(&["10012345678", "10087654321", ""]),
            of(&["塘渡口镇", "邵阳县塘渡口镇", "白仓镇", ""]),
        )
            .prop_map(|(name, number, sex, birth, phone, township)| [name, number, sex, birth, phone, township])
    }

    proptest! {
        #[test]
        fn every_linkage_keeps_its_promises(
            left in prop::collection::vec(row(), 0..14),
            right in prop::collection::vec(row(), 0..14),
            turn in 0_usize..14,
        ) {
            let mut left = records(&(0..).zip(left).collect::<Vec<_>>());
            let mut right = records(&(100..).zip(right).collect::<Vec<_>>());
            let fields = roster::fields();
            let linkage = link(&fields, &left, &right, &roster::settings()).unwrap();

            prop_assert_eq!(linkage.rows.len(), left.len());
            let mut partners = BTreeSet::new();
            for row in &linkage.rows {
                for candidate in &row.candidates {
                    let sum: Weight = candidate.outcomes.iter().map(|outcome| outcome.weight).sum();
                    prop_assert_eq!(sum, candidate.score, "the weights sum to the score");
                    for outcome in &candidate.outcomes {
                        prop_assert!(matches!(outcome.outcome, Outcome::Level(_)) || outcome.weight == Weight::ZERO);
                        prop_assert!(outcome.weight_if_equal >= outcome.weight);
                    }
                }
                if let Some(partner) = row.partner() {
                    prop_assert!(partners.insert(partner.right), "a right row has one partner at the most");
                    prop_assert!(partner.supported && partner.probability > 0.5);
                    let alike = row.candidates.iter().filter(|other| other.score == partner.score && !other.linked_elsewhere);
                    prop_assert_eq!(alike.count(), 1, "equal candidates are never picked from");
                }
                if row.decision == Decision::Ambiguous {
                    prop_assert!(!row.candidates.is_empty());
                }
            }
            prop_assert_eq!(linkage.unlinked_right.len() + partners.len(), right.len());

            // The same rows in another order.
            left.reverse();
            let turn = turn % right.len().max(1);
            right.rotate_left(turn);
            prop_assert_eq!(link(&fields, &left, &right, &roster::settings()).unwrap(), linkage);
        }
    }
}
