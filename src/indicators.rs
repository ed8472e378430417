//! Indicators (指标): the figures that officials report, each with its definition, version, unit, basis, rule and bounds, and the rows
//! behind it.
//!
//! The definitions are data (`data/definitions.json`), those that the exchange cannot compute among them, with the reason. Every figure is
//! counted from the rows of the statements (`statements::row_book`), as of a day and as it was known by then, so that a figure read on a
//! day can be read again later. Persons are counted anew in every roll-up over agreements, never added.
//!
//! A person whom several agreements count in one indicator and period has one primary attribution. The other side of such a clash learns
//! that there is one, by a lookup id that both have, and nothing else.
//!
//! Deliberately absent: counters. Reading walks all rows of an agreement; what is read every minute is for `fulfilment`.

pub mod attribution;
pub mod claims;
pub mod definitions;
pub mod figures;
pub mod reading;
pub mod routes;
pub mod rows;
pub mod store;

use serde::Serialize;
use utoipa::{PartialSchema, ToSchema};

use crate::agreements::Unit;
use crate::db::{Day, Id, Instant};
use crate::dispatches::tally::Standing;
use crate::fulfilment::Bounds;
use crate::regions::Scope;
use definitions::IndicatorBasis;

crate::text_enum! {
    /// Which number of an indicator.
    pub enum FigureSide {
        /// What is counted.
        Numerator => "numerator" / "分子",
        /// What a rate is of.
        Denominator => "denominator" / "分母",
    }
}

/// A number with its bounds, of which formerly poor, and where its rows are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Counted {
    /// Certain, probable and disputed.
    pub bounds: Bounds,
    /// Of which formerly poor or monitored (脱贫人口含监测对象); never more.
    pub of_which_lifted: Bounds,
    /// Address of the rows; narrow it by `standing` and `population`.
    #[schema(max_length = 500)]
    pub rows: String,
}

/// The least and the most that a rate can be, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct RateBounds {
    /// Certain of everything in the denominator.
    #[schema(minimum = 0, maximum = 1, example = 0.91)]
    pub lowest: f64,
    /// Certain, probable and disputed of everything in the denominator.
    #[schema(minimum = 0, maximum = 1, example = 0.94)]
    pub highest: f64,
}

/// Whose credit the certain persons of a figure are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Credit {
    /// Persons whose primary attribution is here.
    #[schema(minimum = 0, maximum = 10_000_000, example = 2405)]
    pub primary: i64,
    /// Persons whom an agreement outside this reading counts as well.
    #[schema(minimum = 0, maximum = 10_000_000, example = 6)]
    pub also_claimed: i64,
    /// The credit for all of them after splitting, in ten-thousandths of a person: 10000 for each whom nobody else counts.
    #[schema(minimum = 0, maximum = 100_000_000_000_i64, example = 24_080_000)]
    pub ten_thousandths: i64,
}

/// One figure of an indicator.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct IndicatorFigure {
    /// Code of the indicator.
    #[schema(max_length = 40, example = "onboarded")]
    pub code: String,
    /// Version of its definition.
    #[schema(minimum = 1, maximum = 1000, example = 1)]
    pub version: i64,
    /// Which part of a split; absent for figures that are not split.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 40, example = "outside_province")]
    pub part: Option<&'static str>,
    /// Persons or person-times; of a rate, what both its numbers count.
    pub unit: Unit,
    /// Stock, flow or cumulative.
    pub basis: IndicatorBasis,
    /// First day of the period; absent for a stock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Day>,
    /// Last day of the period, or the day of a stock.
    pub to: Day,
    /// Rules of the terms that made it; empty where no rule did, or no terms ask for it.
    #[schema(max_items = 200)]
    pub rule_ids: Vec<String>,
    /// What is counted.
    pub numerator: Counted,
    /// What a rate is of; absent where the figure is no rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denominator: Option<Counted>,
    /// The rate; absent where there is none, or nothing to divide by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateBounds>,
    /// Whose credit the certain persons are; absent where person-times are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit: Option<Credit>,
}

/// The indicators of one agreement.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AgreementIndicators {
    /// The agreement.
    pub agreement_id: Id,
    /// The day at whose end the figures are told.
    pub as_of: Day,
    /// Facts recorded before this instant count; with `as_of` it gives the same figures at any later time.
    pub known_before: Instant,
    /// The figures, in the order of the definitions.
    #[schema(max_items = 200)]
    pub figures: Vec<IndicatorFigure>,
}

/// The indicators of a party over all its agreements.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PartyIndicators {
    /// The party.
    pub party_id: Id,
    /// The day at whose end the figures are told.
    pub as_of: Day,
    /// Facts recorded before this instant count; with `as_of` it gives the same figures at any later time.
    pub known_before: Instant,
    /// The agreements they are counted over: those of the party that were ratified by then.
    #[schema(max_items = 10_000)]
    pub agreements: Vec<AgreementRef>,
    /// The figures over all of them. Who counts in several agreements is one person.
    #[schema(max_items = 200)]
    pub figures: Vec<IndicatorFigure>,
}

/// An agreement of a roll-up, and where its own figures are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgreementRef {
    /// The agreement.
    pub agreement_id: Id,
    /// Its own figures as of the same day.
    #[schema(max_length = 500)]
    pub indicators: String,
}

/// That somebody else counts this person as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CreditClash {
    /// What both sides of the clash call it; it says nothing of the person, the other agreement or its parties.
    #[schema(pattern = "^[0-9a-f]{24}$", max_length = 24, example = "5d1f0a9c27b3e8641f02c9aa")]
    pub lookup_id: String,
    /// Whether the primary attribution is here.
    pub is_primary: bool,
    /// The credit that is left here, in ten-thousandths.
    #[schema(minimum = 0, maximum = 10_000, example = 10_000)]
    pub credit_ten_thousandths: i64,
}

/// A placement that another one stands for, because a person counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlacementRef {
    /// The agreement.
    pub agreement_id: Id,
    /// The placement.
    pub placement_id: Id,
}

/// A row behind a figure: a person, by the placement it is attributed to, or a placement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IndicatorRow {
    /// The agreement.
    pub agreement_id: Id,
    /// The placement; for a person the one of the primary attribution.
    pub placement_id: Id,
    /// The origin whose register the worker is in.
    pub origin_id: Id,
    /// The worker.
    pub worker_id: Id,
    /// How sure it is.
    // Written out, because the document knows a schema by its name alone, and the standing of an agreement has that name.
    #[schema(schema_with = Standing::schema)]
    pub standing: Standing,
    /// Whether the person is formerly poor or monitored.
    pub lifted: bool,
    /// How far from home.
    pub scope: Scope,
    /// Day of departure.
    pub departed_on: Option<Day>,
    /// Day of arrival.
    pub arrived_on: Option<Day>,
    /// Last day in post.
    pub ended_on: Option<Day>,
    /// Other placements of the person that claim to be counted here.
    #[schema(max_items = 1000)]
    pub also_claimed_by: Vec<PlacementRef>,
    /// That an agreement outside this reading counts the person in the same period; absent where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clash: Option<CreditClash>,
}
