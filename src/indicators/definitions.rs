//! The definitions as data: what each indicator counts, in which unit, on which basis, by which rule, and why some are not computed.
//!
//! A change of a definition is a new version beside the old one, which stays readable; a figure is made by the latest version that is in
//! effect on its day. The words a definition counts by are [`Condition`]s; what they mean is in `figures`.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::agreements::{AgreementKind, Unit};
use crate::db::Day;

const DEFINITIONS: &str = include_str!("data/definitions.json");

static TABLE: LazyLock<IndicatorTable> = LazyLock::new(|| serde_json::from_str(DEFINITIONS).unwrap_or_default());

crate::text_enum! {
    /// Over which time an indicator runs.
    pub enum IndicatorBasis {
        /// What stands at the end of a day (存量).
        Stock => "stock" / "存量",
        /// What happened in the month of the day, up to the day (当期).
        Flow => "flow" / "当期",
        /// What happened from 1 January to the day (累计).
        Cumulative => "cumulative" / "累计",
    }
}

crate::text_enum! {
    /// What a row must be to be counted.
    pub enum Condition {
        /// It departed in the period.
        Departed => "departed" / "期内出发",
        /// It departed in the period and has arrived.
        DepartedAndArrived => "departed_and_arrived" / "期内出发且已到岗",
        /// It arrived in the period.
        Arrived => "arrived" / "期内到岗",
        /// It arrived in the period and is in post on the last day.
        ArrivedAndInPost => "arrived_and_in_post" / "期内到岗且仍在岗",
        /// It is in post on the last day.
        InPost => "in_post" / "在岗",
        /// It is in post on the last day, and the person is formerly poor or monitored.
        LiftedInPost => "lifted_in_post" / "脱贫人口在岗",
        /// The node fell due in the period.
        Due => "due" / "期内核查到期",
        /// The node fell due in the period and the person was retained at it.
        Retained => "retained" / "期内到期且稳岗",
        /// It went home for the holiday in the period.
        WentHome => "went_home" / "期内返乡过节",
        /// It went home for the holiday in the period and is back.
        WentHomeAndBack => "went_home_and_back" / "期内返乡过节且已返岗",
    }
}

crate::text_enum! {
    /// Into which parts an indicator is split.
    pub enum ScopeSplit {
        /// The national three parts.
        ThreeWay => "three_way" / "全国三分法",
        /// The local four parts.
        Local => "local" / "地方四分法",
    }
}

/// A definition in one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IndicatorDefinition {
    /// Code, the same in every version.
    #[schema(max_length = 40, pattern = "^[a-z0-9_]+$", example = "stay_3m")]
    pub code: String,
    /// Version, from 1.
    #[schema(minimum = 1, maximum = 1000, example = 1)]
    pub version: i64,
    /// First day for which figures are made by it.
    pub effective_from: Day,
    /// Name in Chinese.
    #[schema(max_length = 100, example = "稳定就业3个月")]
    pub name_zh: String,
    /// Name in English.
    #[schema(max_length = 100, example = "stable employment for 3 months")]
    pub name_en: String,
    /// Persons or person-times; of a rate, what both its numbers count.
    pub unit: Unit,
    /// Stock, flow or cumulative.
    pub basis: IndicatorBasis,
    /// What is counted; absent where it is not computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Condition>,
    /// What a rate is of; absent for a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Condition>,
    /// The nodes it is asked at: of each row the first that its rule has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 10)]
    pub nodes: Vec<String>,
    /// Into which parts it is split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<ScopeSplit>,
    /// Under which kind of agreement only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement_kind: Option<AgreementKind>,
    /// The rule in Chinese.
    #[schema(max_length = 1000)]
    pub rule_zh: String,
    /// The rule in English.
    #[schema(max_length = 1000)]
    pub rule_en: String,
    /// Where the definition comes from, in Chinese.
    #[schema(max_length = 300)]
    pub source_zh: String,
    /// Where the definition comes from, in English.
    #[schema(max_length = 300)]
    pub source_en: String,
    /// Why the exchange does not compute it, in Chinese.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub not_computed_zh: Option<String>,
    /// Why the exchange does not compute it, in English.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub not_computed_en: Option<String>,
}

/// Every definition in every version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IndicatorTable {
    /// What the table is, in Chinese.
    #[schema(max_length = 300)]
    pub notice_zh: String,
    /// What the table is, in English.
    #[schema(max_length = 300)]
    pub notice_en: String,
    /// The definitions.
    #[schema(max_items = 1000)]
    pub definitions: Vec<IndicatorDefinition>,
}

/// The table.
#[must_use]
pub fn table() -> &'static IndicatorTable {
    &TABLE
}

/// The definitions that make figures of a day: of each code the latest version in effect, in the order of the table.
#[must_use]
pub fn computed_on(day: Day) -> Vec<&'static IndicatorDefinition> {
    let in_effect = |one: &&IndicatorDefinition| one.effective_from <= day || one.version == 1;
    let latest = |one: &&IndicatorDefinition| {
        let versions = table().definitions.iter().filter(|other| other.code == one.code).filter(in_effect);
        versions.map(|other| other.version).max() == Some(one.version)
    };
    table().definitions.iter().filter(in_effect).filter(latest).filter(|one| one.counts.is_some()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_can_be_read_and_each_version_stands_once() {
        let read: IndicatorTable = serde_json::from_str(DEFINITIONS).unwrap();
        let names: BTreeSet<(&str, i64)> =
            read.definitions.iter().map(|one| (one.code.as_str(), one.version)).collect();
        assert_eq!(names.len(), read.definitions.len());
        assert!(read.definitions.len() >= 20);
    }

    #[test]
    fn a_definition_is_computed_or_says_why_not() {
        for one in &table().definitions {
            let reasons = (one.not_computed_zh.is_some(), one.not_computed_en.is_some());
            assert_eq!(reasons, (one.counts.is_none(), one.counts.is_none()), "{}", one.code);
            let chinese = |text: &str| text.chars().any(|letter| letter > '一');
            assert!(chinese(&one.name_zh) && chinese(&one.rule_zh) && chinese(&one.source_zh), "{}", one.code);
            assert!(!chinese(&one.name_en) && !chinese(&one.rule_en) && !chinese(&one.source_en), "{}", one.code);
            let asks_at_node = matches!(one.counts, Some(Condition::Retained | Condition::Due));
            assert_eq!(asks_at_node, !one.nodes.is_empty(), "{}", one.code);
            assert!(one.split.is_none() || one.of.is_some(), "{}: a part is of a whole", one.code);
        }
    }

    #[test]
    fn before_the_first_version_began_a_figure_is_made_by_it() {
        let early = computed_on(Day::parse("2020-05-01").unwrap());
        assert_eq!(early, computed_on(Day::parse("2026-05-01").unwrap()));
        assert!(early.iter().any(|one| one.code == "keep_rate"));
        assert!(early.iter().all(|one| one.code != "broker_count"), "what is not computed makes no figure");
    }
}
