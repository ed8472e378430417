//! Why two rows were put together, or were not, in words: every field with its weight, the sum, and the field that decided.
//!
//! No value of a cell stands in an explanation, only what was found about it: it may be logged and sent like any other text.

use super::fields::Field;
use super::scoring::{FieldOutcome, Outcome};
use super::weight::Weight;

/// The language of an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// 中文.
    Chinese,
    /// English.
    English,
}

/// The field that weighs most in the direction of the score; nothing when no field says anything.
#[must_use]
pub fn deciding_field(outcomes: &[FieldOutcome]) -> Option<&FieldOutcome> {
    let score: Weight = outcomes.iter().map(|outcome| outcome.weight).sum();
    let direction = if score < Weight::ZERO { -1 } else { 1 };
    let spoken = outcomes.iter().filter(|outcome| outcome.weight != Weight::ZERO);
    // Of equals the first field of the list.
    spoken.rev().max_by_key(|outcome| direction * outcome.weight.hundredths())
}

/// The fields that speak against the pair, the heaviest first: what would have to change for the two rows to fit.
#[must_use]
pub fn objections(outcomes: &[FieldOutcome]) -> Vec<&FieldOutcome> {
    let mut against: Vec<&FieldOutcome> = outcomes.iter().filter(|outcome| outcome.weight < Weight::ZERO).collect();
    against.sort_by_key(|outcome| (outcome.weight, outcome.field));
    against
}

/// The explanation of a pair.
#[must_use]
pub fn explain(fields: &[Field], outcomes: &[FieldOutcome], language: Language) -> String {
    let score: Weight = outcomes.iter().map(|outcome| outcome.weight).sum();
    let parts: Vec<String> =
        outcomes.iter().filter_map(|outcome| Some(part(fields.get(outcome.field)?, outcome, language))).collect();
    let deciding = deciding_field(outcomes).and_then(|outcome| fields.get(outcome.field));
    match (language, deciding) {
        (Language::Chinese, Some(field)) => {
            format!("得分 {score}，起决定作用的是{}。{}。", field.label_zh(), parts.join("；"))
        }
        (Language::Chinese, None) => format!("得分 {score}，没有可比的字段。{}。", parts.join("；")),
        (Language::English, Some(field)) => {
            format!("Score {score}, decided by {}. {}.", field.label_en(), parts.join("; "))
        }
        (Language::English, None) => format!("Score {score}, nothing could be compared. {}.", parts.join("; ")),
    }
}

fn part(field: &Field, outcome: &FieldOutcome, language: Language) -> String {
    let words = match (outcome.outcome, language) {
        (Outcome::Level(level), Language::Chinese) => level.zh,
        (Outcome::Level(level), Language::English) => level.en,
        (Outcome::MissingLeft, Language::Chinese) => "左表缺失，不计分",
        (Outcome::MissingLeft, Language::English) => "missing on the left, counts nothing",
        (Outcome::MissingRight, Language::Chinese) => "右表缺失，不计分",
        (Outcome::MissingRight, Language::English) => "missing on the right, counts nothing",
        (Outcome::MissingBoth, Language::Chinese) => "两表均缺失，不计分",
        (Outcome::MissingBoth, Language::English) => "missing on both sides, counts nothing",
        (Outcome::Incomparable, Language::Chinese) => "无共同可见内容，不计分",
        (Outcome::Incomparable, Language::English) => "nothing visible in common, counts nothing",
    };
    let weight = outcome.weight;
    let rarity = outcome.rarity;
    match language {
        Language::Chinese => {
            let label = field.label_zh();
            match outcome.outcome {
                Outcome::Level(_) if rarity > Weight::ZERO => format!("{label}{words} {weight}（其中少见值 {rarity}）"),
                Outcome::Level(_) if rarity < Weight::ZERO => format!("{label}{words} {weight}（其中常见值 {rarity}）"),
                Outcome::Level(_) => format!("{label}{words} {weight}"),
                _ => format!("{label}{words}"),
            }
        }
        Language::English => {
            let label = field.label_en();
            match outcome.outcome {
                Outcome::Level(_) if rarity > Weight::ZERO => {
                    format!("{label}: {words} {weight} (a rare value: {rarity} of it)")
                }
                Outcome::Level(_) if rarity < Weight::ZERO => {
                    format!("{label}: {words} {weight} (a common value: {rarity} of it)")
                }
                Outcome::Level(_) => format!("{label}: {words} {weight}"),
                _ => format!("{label}: {words}"),
            }
        }
    }
}
