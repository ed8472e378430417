//! The proposed cure: which placements come nearest, what speaks for and against each, and which field would have to change.
//!
//! Only weights and degrees of agreement leave this module, never a cell: the side that reads them learns that a name sounds the same, not
//! which name. A number is compared by its keyed index. Deliberately absent: choosing.

use serde::Serialize;
use utoipa::ToSchema;

use super::store::candidates::{self, Known};
use super::{Discrepancy, DiscrepancyState};
use crate::agreements::store::terms_on;
use crate::db::{DbConnection, Id};
use crate::error::{Error, Result};
use crate::linkage::blocking::{BlockingKey, KeyForm};
use crate::linkage::comparison::Comparator;
use crate::linkage::explanation::{Language, objections};
use crate::linkage::fields::{Field, Record};
use crate::linkage::scoring::Outcome;
use crate::linkage::{self, Settings, link};
use crate::reconciliation::differences::MismatchField;
use crate::reconciliation::facts::AgreementWindows;
use crate::reconciliation::situations::Situation;
use crate::seal::KeyRing;

/// A placement that comes near.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Candidate {
    /// The placement.
    pub placement_id: Id,
    /// The sum of the fields' weights, in bits: each bit doubles the odds that it is the same person.
    #[schema(minimum = -10000, maximum = 10000, example = 7.25)]
    pub score: f64,
    /// Every field that was compared.
    #[schema(max_items = 16)]
    pub fields: Vec<CandidateField>,
    /// The same in words, in Chinese.
    #[schema(max_length = 1000)]
    pub explanation_zh: String,
    /// The same in words, in English.
    #[schema(max_length = 1000)]
    pub explanation_en: String,
}

/// What one field says.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CandidateField {
    /// The field.
    #[schema(max_length = 50, example = "name")]
    pub field: String,
    /// How far both sides agree: `equal`, `same_sound`, … `different`; `missing` and `incomparable` count nothing.
    #[schema(max_length = 50, example = "same_sound")]
    pub level: String,
    /// What it counts, in bits.
    #[schema(minimum = -10000, maximum = 10000, example = 5.1)]
    pub weight: f64,
    /// What it would count if both sides were equal.
    #[schema(minimum = -10000, maximum = 10000, example = 8.6)]
    pub weight_if_equal: f64,
    /// Whether it speaks against the pair, so that one side would have to correct it.
    pub must_change: bool,
}

const NAME: usize = 0;
const NUMBER: usize = 1;
const DAY: usize = 2;
const EMPLOYER: usize = 3;

fn fields() -> Vec<Field> {
    vec![
        Field::new("name", Comparator::ChineseName).labelled("姓名", "name"),
        Field::new("identity_number", Comparator::Exact).labelled("证件号码", "ID number"),
        Field::new("arrival_day", Comparator::Date).labelled("到岗日期", "day of arrival").not_corroborating(),
        Field::new("employer", Comparator::Exact).labelled("用人单位", "employer").not_corroborating(),
        Field::new("region", Comparator::Exact).labelled("务工地区", "region").not_corroborating(),
    ]
}

/// A pair is looked at when it shares the number, the sound of the name, or the employer with the month or the surname.
fn settings(fields: &[Field]) -> Settings {
    let blocking = vec![
        BlockingKey::of(&[(NUMBER, KeyForm::Whole)]),
        BlockingKey::of(&[(NAME, KeyForm::Sound)]),
        BlockingKey::of(&[(NAME, KeyForm::Start), (EMPLOYER, KeyForm::Whole)]),
        BlockingKey::of(&[(DAY, KeyForm::Month), (EMPLOYER, KeyForm::Whole)]),
        BlockingKey::of(&[(DAY, KeyForm::Month)]),
    ];
    Settings { blocking, ..Settings::for_fields(fields) }
}

/// The nearest placements of a discrepancy that is about who somebody is; empty for others, and once it is settled.
///
/// # Errors
/// What the database says.
pub fn nearest(connection: &mut DbConnection, keys: &KeyRing, row: &Discrepancy) -> Result<Vec<Candidate>> {
    if matches!(row.state, DiscrepancyState::Resolved | DiscrepancyState::Cleared) {
        return Ok(Vec::new());
    }
    let claimed = match row.claim_id {
        Some(claim) => candidates::claimed(connection, keys, row.agreement_id, claim)?,
        None => None,
    };
    let placed: Vec<Id> = row.placement_id.into_iter().collect();
    let (left, right) = match row.situation {
        Situation::Unannounced => {
            let Some(left) = claimed else { return Ok(Vec::new()) };
            let terms = terms_on(connection, row.agreement_id, left.day)?;
            let windows = AgreementWindows::of(&terms.arrival);
            let season = (
                left.day.plus_days(-i64::from(windows.season_after_days)),
                left.day.plus_days(i64::from(windows.season_before_days)),
            );
            let right = candidates::unclaimed(connection, keys, row.agreement_id, season)?;
            (Some(left), right)
        }
        Situation::Ambiguous => {
            (claimed, candidates::placements(connection, keys, row.agreement_id, &row.detail.candidates)?)
        }
        Situation::Duplicate => {
            let counted: Vec<Id> = row.detail.duplicate_of_placement_id.into_iter().collect();
            let own = candidates::placements(connection, keys, row.agreement_id, &placed)?.pop();
            (own, candidates::placements(connection, keys, row.agreement_id, &counted)?)
        }
        Situation::FieldMismatch if row.detail.field == Some(MismatchField::Name) => {
            (claimed, candidates::placements(connection, keys, row.agreement_id, &placed)?)
        }
        _ => return Ok(Vec::new()),
    };
    left.map_or_else(|| Ok(Vec::new()), |left| compared(&left, &right))
}

/// Compares one person with several placements; pure.
///
/// # Errors
/// An internal error; the field list is fixed and fits.
pub fn compared(left: &Known, right: &[Known]) -> Result<Vec<Candidate>> {
    let fields = fields();
    let (left, right) = ([record(left)], right.iter().map(record).collect::<Vec<_>>());
    let linkage = link(&fields, &left, &right, &settings(&fields)).map_err(Error::internal)?;
    let found = linkage.rows.first().map(|row| row.candidates.as_slice()).unwrap_or_default();
    Ok(found.iter().map(|candidate| shown(&linkage, candidate)).collect())
}

fn record(known: &Known) -> Record<'_, Id> {
    let cells = [
        known.name.as_ref().map(|name| name.expose().clone()),
        known.number.as_ref().map(hex::encode),
        Some(known.day.to_string()),
        known.employer.map(|employer| employer.to_string()),
        known.region.clone(),
    ];
    Record { key: known.id, values: cells.into_iter().map(|cell| cell.map(Into::into)).collect() }
}

fn shown(linkage: &linkage::Linkage<Id>, candidate: &linkage::Candidate<Id>) -> Candidate {
    let against: Vec<usize> = objections(&candidate.outcomes).iter().map(|outcome| outcome.field).collect();
    let fields = candidate.outcomes.iter().filter_map(|outcome| {
        let level = match outcome.outcome {
            Outcome::Level(level) => level.code,
            Outcome::MissingLeft | Outcome::MissingRight | Outcome::MissingBoth => "missing",
            Outcome::Incomparable => "incomparable",
        };
        Some(CandidateField {
            field: linkage.fields.get(outcome.field)?.name().to_owned(),
            level: level.to_owned(),
            weight: outcome.weight.bits(),
            weight_if_equal: outcome.weight_if_equal.bits(),
            must_change: against.contains(&outcome.field),
        })
    });
    Candidate {
        placement_id: candidate.right,
        score: candidate.score.bits(),
        fields: fields.collect(),
        explanation_zh: linkage.explain(candidate, Language::Chinese),
        explanation_en: linkage.explain(candidate, Language::English),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Day;
    use crate::seal::Sensitive;

    fn person(id: u128, name: &str, number: &[u8], day: &str) -> Known {
        Known {
            id: Id(uuid::Uuid::from_u128(id)),
            name: Some(Sensitive::new(name.to_owned())),
            number: Some(number.to_vec()),
            day: Day::parse(day).unwrap(),
            employer: Some(Id(uuid::Uuid::from_u128(50))),
            region: Some("330782".to_owned()),
        }
    }

    #[test]
    fn the_nearest_comes_first_with_the_field_that_would_have_to_change_and_without_a_name() {
        let claimed = person(1, "刘建国", b"one", "2026-03-08");
        let announced = [
            person(11, "陈小华", b"two", "2026-03-06"),
            person(12, "刘建过", b"three", "2026-03-06"),
            person(13, "刘建国", b"one", "2026-03-06"),
        ];
        let found = compared(&claimed, &announced).unwrap();
        let order: Vec<u128> = found.iter().map(|candidate| candidate.placement_id.0.as_u128()).collect();
        assert_eq!(order[..2], [13, 12], "{found:#?}");
        let homophone = &found[1];
        let of = |name: &str| homophone.fields.iter().find(|field| field.field == name).unwrap();
        assert_eq!((of("name").level.as_str(), of("identity_number").must_change), ("same_sound", true));
        let sum: f64 = homophone.fields.iter().map(|field| field.weight).sum();
        assert!((sum - homophone.score).abs() < 0.001, "the weights sum to the score");
        let told = serde_json::to_string(&found).unwrap();
        assert!(!told.contains("刘") && !told.contains("陈") && !told.contains("建国"), "{told}");
    }
}
