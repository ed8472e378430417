//! From what is counted to what officials read: bounds, of which, rates, parts and credit.

use super::claims::{Counting, Ledger, Period, Question};
use super::definitions::{Condition, IndicatorDefinition, ScopeSplit};
use super::{Counted, Credit, FigureSide, IndicatorFigure, RateBounds};
use crate::agreements::{Terms, Unit};
use crate::dispatches::tally::Standing;
use crate::fulfilment::Bounds;
use crate::regions::{Scope, ThreeWayScope};

/// The parts of a split, by their codes.
#[must_use]
pub fn parts(split: ScopeSplit) -> Vec<&'static str> {
    match split {
        ScopeSplit::ThreeWay => ThreeWayScope::ALL.iter().map(|part| part.as_str()).collect(),
        ScopeSplit::Local => Scope::ALL.iter().map(|part| part.as_str()).collect(),
    }
}

/// The part a scope lies in.
#[must_use]
pub fn part_of(split: ScopeSplit, scope: Scope) -> &'static str {
    match split {
        ScopeSplit::ThreeWay => scope.three_way().as_str(),
        ScopeSplit::Local => scope.as_str(),
    }
}

/// What stands behind one number of a figure, in the order of the placements.
#[must_use]
pub fn behind<'a>(
    question: &Question<'_>,
    ledger: &'a Ledger,
    side: FigureSide,
    part: Option<&str>,
) -> Vec<Counting<'a>> {
    let IndicatorDefinition { counts, of, split, .. } = question.definition;
    let condition = match side {
        FigureSide::Numerator => *counts,
        FigureSide::Denominator => *of,
    };
    let Some(condition) = condition else { return Vec::new() };
    let mut counted = question.counted(ledger, condition);
    if let (FigureSide::Numerator, Some(split), Some(part)) = (side, *split, part) {
        counted.retain(|counting| part_of(split, counting.fact.scope) == part);
    }
    counted
}

fn bounds<'a>(counted: impl Iterator<Item = &'a Counting<'a>> + Clone) -> Bounds {
    let number = |standing: Standing| {
        i64::try_from(counted.clone().filter(|counting| counting.standing == standing).count()).unwrap_or(i64::MAX)
    };
    Bounds {
        certain: number(Standing::Certain),
        probable: number(Standing::Probable),
        disputed: number(Standing::Disputed),
    }
}

const fn total(bounds: Bounds) -> i64 {
    bounds.certain + bounds.probable + bounds.disputed
}

fn number_of(counted: &[Counting<'_>], rows: String) -> Counted {
    let lifted = counted.iter().filter(|counting| counting.lifted);
    Counted { bounds: bounds(counted.iter()), of_which_lifted: bounds(lifted), rows }
}

fn credit(counted: &[Counting<'_>]) -> Credit {
    let mut credit = Credit::default();
    for counting in counted.iter().filter(|counting| counting.standing == Standing::Certain) {
        credit.primary += i64::from(counting.clash.as_ref().is_none_or(|clash| clash.is_primary));
        credit.also_claimed += i64::from(counting.clash.is_some());
        credit.ten_thousandths += counting.credit();
    }
    credit
}

/// The least and the most a rate can be; none where there is nothing to divide by.
#[must_use]
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "numbers of people are exact in a float")]
pub fn rate(numerator: Bounds, denominator: Bounds) -> Option<RateBounds> {
    let whole = total(denominator);
    let share = |number: i64| number as f64 / whole as f64;
    (whole > 0).then(|| RateBounds { lowest: share(numerator.certain), highest: share(total(numerator)) })
}

/// The rules of the terms that a figure rests on: those that ask for its nodes.
fn rule_ids<'a>(definition: &IndicatorDefinition, terms: impl Iterator<Item = &'a Terms>) -> Vec<String> {
    let asks = |terms: &&Terms| terms.retention.nodes.iter().any(|node| definition.nodes.contains(&node.code()));
    let mut ids: Vec<String> = terms.filter(asks).map(|terms| terms.retention.rule_id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The figures of one indicator: one, or one for each part of its split. `address` gives where the rows of a number are.
pub fn of<'t>(
    question: &Question<'_>,
    ledger: &Ledger,
    terms: impl Iterator<Item = &'t Terms>,
    address: impl Fn(FigureSide, Option<&str>) -> String,
) -> Vec<IndicatorFigure> {
    let definition = question.definition;
    let period = Period::of(definition.basis, question.as_of);
    let rule_ids = rule_ids(definition, terms);
    let whole = definition.of.map(|_| {
        let counted = behind(question, ledger, FigureSide::Denominator, None);
        number_of(&counted, address(FigureSide::Denominator, None))
    });
    let figure = |part: Option<&'static str>| {
        let counted = behind(question, ledger, FigureSide::Numerator, part);
        let numerator = number_of(&counted, address(FigureSide::Numerator, part));
        IndicatorFigure {
            code: definition.code.clone(),
            version: definition.version,
            part,
            unit: definition.unit,
            basis: definition.basis,
            from: period.from,
            to: period.to,
            rule_ids: rule_ids.clone(),
            rate: whole.as_ref().and_then(|whole| rate(numerator.bounds, whole.bounds)),
            credit: (definition.unit == Unit::Person).then(|| credit(&counted)),
            numerator,
            denominator: whole.clone(),
        }
    };
    match definition.split {
        Some(split) => parts(split).into_iter().map(Some).map(figure).collect(),
        None => vec![figure(None)],
    }
}

/// Whether a condition can be asked of a figure at all.
#[must_use]
pub const fn has_side(definition: &IndicatorDefinition, side: FigureSide) -> bool {
    let condition: Option<Condition> = match side {
        FigureSide::Numerator => definition.counts,
        FigureSide::Denominator => definition.of,
    };
    condition.is_some()
}
