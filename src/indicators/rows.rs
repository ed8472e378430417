//! The rows behind a figure, as they are listed.

use super::claims::{Counting, Ledger, Question};
use super::definitions::IndicatorDefinition;
use super::{FigureSide, IndicatorRow, PlacementRef, figures};
use crate::db::{Id, PageRequest};
use crate::dispatches::tally::Standing;
use crate::error::{Code, Error, Fault, Result};
use crate::workers::Population;

/// Which rows of an indicator.
#[derive(Debug, Clone)]
pub struct RowsAsked {
    /// Of which number.
    pub side: FigureSide,
    /// Of which part of a split.
    pub part: Option<String>,
    /// How sure.
    pub standing: Standing,
    /// Of whom.
    pub population: Population,
    /// Only those whom somebody else counts as well.
    pub clashing: bool,
}

impl RowsAsked {
    /// Refuses what the indicator does not have.
    ///
    /// # Errors
    /// [`Code::ParameterInvalid`].
    pub fn check(&self, definition: &IndicatorDefinition) -> Result<()> {
        let refuse = |name, code, en, zh| {
            let fault = Fault::query(name, code, en, zh);
            Err(Error::new(Code::ParameterInvalid).fault(fault))
        };
        if !figures::has_side(definition, self.side) {
            return refuse("side", "no_denominator", "this indicator is no rate", "该指标不是比率，没有分母");
        }
        if self.population == Population::Monitored {
            return refuse("population", "not_offered", "population must be all or lifted", "人群只能是 all 或 lifted");
        }
        let known = definition.split.map(figures::parts).unwrap_or_default();
        let fits = match &self.part {
            Some(part) => self.side == FigureSide::Numerator && known.contains(&part.as_str()),
            None => self.side == FigureSide::Denominator || known.is_empty(),
        };
        if fits {
            return Ok(());
        }
        let (en, zh) = ("name a part of a split for its numerator, and none otherwise", "仅构成类指标的分子须指明部分");
        let fault = Fault::query("part", "part_unknown", en, zh);
        Err(Error::new(Code::ParameterInvalid).fault(fault.param("parts", known)))
    }

    fn has(&self, counting: &Counting<'_>) -> bool {
        counting.standing == self.standing
            && (self.population == Population::All || counting.lifted)
            && (!self.clashing || counting.clash.is_some())
    }
}

/// A page of the rows behind a number.
#[must_use]
pub fn page(question: &Question<'_>, ledger: &Ledger, asked: &RowsAsked, page: &PageRequest) -> Vec<IndicatorRow> {
    let mut rows: Vec<IndicatorRow> = figures::behind(question, ledger, asked.side, asked.part.as_deref())
        .into_iter()
        .filter(|counting| asked.has(counting))
        .map(row)
        .collect();
    if page.descending {
        rows.reverse();
    }
    let behind = |id: Id| match page.after {
        Some(after) if page.descending => id < after,
        Some(after) => id > after,
        None => true,
    };
    let wanted = usize::try_from(page.probe()).unwrap_or(usize::MAX);
    rows.into_iter().filter(|row| behind(row.placement_id)).take(wanted).collect()
}

fn row(counting: Counting<'_>) -> IndicatorRow {
    let fact = counting.fact;
    let also = |fact: &super::claims::PlacementFact| PlacementRef {
        agreement_id: fact.agreement_id,
        placement_id: fact.placement_id,
    };
    IndicatorRow {
        agreement_id: fact.agreement_id,
        placement_id: fact.placement_id,
        origin_id: fact.origin_id,
        worker_id: fact.worker_id,
        standing: counting.standing,
        lifted: counting.lifted,
        scope: fact.scope,
        departed_on: fact.departed_on,
        arrived_on: fact.arrived_on,
        ended_on: fact.ended_on,
        also_claimed_by: counting.also.into_iter().map(also).collect(),
        clash: counting.clash,
    }
}
