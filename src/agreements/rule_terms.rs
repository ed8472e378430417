//! The rules that both sides of an agreement ratify: what counts as arrived, what counts as retained, how strong the proof
//! must be, and which of several placements of one worker is the one that counts.
//!
//! There is no national definition of "arrived" (到岗) or "retained" (稳岗); three and six months, same employer or any,
//! with or without a wage floor are all in force somewhere. So none of this is code: each value here is a field of the
//! ratified terms, and the id of the rule stands on every figure it made.
//!
//! Deliberately absent: how the rules are applied (`retention::rules`, `reconciliation::rules`), targets and deadlines of
//! the plan year, and any default that a side has not seen. A default exists only for the nodes, and it is written out in
//! the document that is ratified.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use super::income_terms::{IncomeFloor, IncomeWindow};

/// Longest node counted in days: three years.
pub const MAX_NODE_DAYS: u16 = 1095;
/// Longest node counted in calendar months: three years.
pub const MAX_NODE_MONTHS: u16 = 36;
/// Longest window, gap or validity, in days: a leap year.
pub const MAX_PERIOD_DAYS: u16 = 366;
/// Highest monthly wage floor: one million yuan, in fen.
pub const MAX_WAGE_FLOOR_FEN: i64 = 100_000_000;
/// Longest rule id, in characters.
pub const MAX_RULE_ID_CHARS: usize = 64;

crate::text_enum! {
    /// How strong a proof is, from `e0` (said on the phone) to `e5` (social insurance paid). Ordered: `e5` is the strongest.
    ///
    /// An agreement names the minimum it accepts. Requiring `e5` would make flexible and over-age workers vanish, so the
    /// strongest level is never demanded by the exchange itself.
    pub enum EvidenceLevel {
        /// A phone call, a broker's word or the worker's own statement (电话、经纪人或本人陈述).
        E0 => "e0" / "电话、经纪人或本人陈述" / "phone call, broker's or worker's own statement",
        /// A visit by a station (服务站走访).
        E1 => "e1" / "服务站走访" / "visit by a station",
        /// The employer's confirmation with seal or signature, or a sealed wage roster (用人单位盖章确认或盖章工资册).
        E2 => "e2" / "用人单位盖章或签字确认、盖章工资册" / "employer's sealed or signed confirmation, or sealed wage roster",
        /// Wages seen in the bank's flow (银行工资流水).
        E3 => "e3" / "银行工资流水" / "wages in the bank's flow",
        /// Employment registration or a filed labour contract (就业登记或劳动合同备案).
        E4 => "e4" / "就业登记或劳动合同备案" / "employment registration or filed labour contract",
        /// Social insurance paid under that credit code in that month (当月社会保险缴费).
        E5 => "e5" / "当月由该单位缴纳社会保险" / "social insurance paid by that employer in that month",
    }
}

crate::text_enum! {
    /// Which event is called "arrived" (到岗) in this agreement.
    pub enum ArrivalMeaning {
        /// The employer accepted the worker into the post (用人单位接收上岗).
        Onboarded => "onboarded" / "用人单位接收上岗",
        /// The worker was handed over at the destination (抵达交接).
        HandedOver => "handed_over" / "抵达交接",
    }
}

/// What "arrived" means and until when a confirmation is on time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArrivalRule {
    /// The event that is called "arrived".
    pub meaning: ArrivalMeaning,
    /// Days after the planned arrival in which a confirmation is on time; a later one is accepted and marked late.
    #[schema(minimum = 0, maximum = 366, example = 14)]
    pub window_days: u16,
    /// The weakest proof that confirms an arrival.
    pub minimum_evidence: EvidenceLevel,
}

impl ArrivalRule {
    /// The faults of the rule; empty when both sides can ratify it.
    #[must_use]
    pub fn faults(&self) -> Vec<RuleFault> {
        let mut faults = Vec::new();
        at_most(&mut faults, "/window_days", self.window_days, 0);
        faults
    }
}

crate::text_enum! {
    /// The unit in which a node is counted.
    pub enum NodeUnit {
        /// Days of the calendar.
        Days => "days" / "日",
        /// Calendar months: from 31 January one month is the last day of February.
        CalendarMonths => "calendar_months" / "日历月",
    }
}

/// One point in time at which "still there?" is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionNode {
    /// The unit of `length`.
    pub unit: NodeUnit,
    /// How many units after the start of the clock: 1 to 1095 days or 1 to 36 calendar months.
    #[schema(minimum = 1, maximum = 1095, example = 90)]
    pub length: u16,
}

impl RetentionNode {
    /// A node `length` days after the start.
    #[must_use]
    pub const fn days(length: u16) -> Self {
        Self { unit: NodeUnit::Days, length }
    }

    /// A node `length` calendar months after the start.
    #[must_use]
    pub const fn months(length: u16) -> Self {
        Self { unit: NodeUnit::CalendarMonths, length }
    }

    /// The node's short code, as rows and figures carry it: `90d`, `3m`.
    #[must_use]
    pub fn code(self) -> String {
        let unit = match self.unit {
            NodeUnit::Days => 'd',
            NodeUnit::CalendarMonths => 'm',
        };
        format!("{}{unit}", self.length)
    }

    /// The day it falls due when the clock started on `start`: whole units later, so that 30 days from 1 March are 31 March, and one
    /// month from 31 January is the last day of February.
    #[must_use]
    pub fn due_day(self, start: jiff::civil::Date) -> jiff::civil::Date {
        let span = match self.unit {
            NodeUnit::Days => jiff::Span::new().try_days(self.length),
            NodeUnit::CalendarMonths => jiff::Span::new().try_months(self.length),
        };
        start.saturating_add(span.unwrap_or_default())
    }

    /// Length in millionths of a day, a month taken as a twelfth of the Gregorian year (30.436875 days).
    ///
    /// Only the order of the nodes in the document rests on it; due days are counted on the calendar.
    fn nominal_length(self) -> u64 {
        let per_unit = match self.unit {
            NodeUnit::Days => 1_000_000,
            NodeUnit::CalendarMonths => 30_436_875,
        };
        u64::from(self.length) * per_unit
    }

    fn longest(self) -> u16 {
        match self.unit {
            NodeUnit::Days => MAX_NODE_DAYS,
            NodeUnit::CalendarMonths => MAX_NODE_MONTHS,
        }
    }
}

crate::text_enum! {
    /// Whether the time in post must run on or may be added up.
    pub enum Continuity {
        /// No single absence longer than the allowed gap; absences within it do not stop the clock (连续).
        Continuous => "continuous" / "连续",
        /// Days in post are added up; the clock stops while the worker is away, for no more than the allowed gap in total (累计).
        Cumulative => "cumulative" / "累计",
    }
}

crate::text_enum! {
    /// Whose post counts, narrowest first: who is retained in one is retained in each that follows.
    pub enum EmployerScope {
        /// Only the employer of the arrival, in the region of the arrival. A posting by the same firm to another region does not count.
        FirstEmployer => "first_employer" / "原用人单位",
        /// Any employer in the region of the arrival: a transfer keeps this clock.
        SameRegion => "same_region" / "同一地区任一单位",
        /// Any employer anywhere.
        Any => "any" / "任一单位" / "any employer",
    }
}

crate::text_enum! {
    /// The day on which the clock starts.
    pub enum StartBasis {
        /// The day the employer accepted the worker.
        OnboardedDay => "onboarded_day" / "到岗日",
        /// 1 January of the plan year, or the day of onboarding where that is later.
        JanuaryFirst => "january_first" / "一月一日",
        /// The day the worker was listed in the group that the rule is for, or the day of onboarding where that is later.
        GroupListingDay => "group_listing_day" / "纳入名单日",
    }
}

/// What "retained" (稳岗) means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionRule {
    /// Name of the rule, printed on every figure it made: lower-case letters, digits and underscores.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-z0-9_]+$", example = "stay_3m_continuous")]
    pub rule_id: String,
    /// When to ask, shortest first. Left out: 30, 90, 180 and 365 days.
    #[serde(default = "standard_nodes")]
    #[schema(min_items = 1)]
    pub nodes: Vec<RetentionNode>,
    /// Whether the time must run on or may be added up.
    pub continuity: Continuity,
    /// Days of known absence that do no harm: the longest single one (continuous) or all together (cumulative).
    /// Leaving and returning to the same employer within it is one spell (返岗).
    #[schema(minimum = 0, maximum = 366, example = 15)]
    pub allowed_gap_days: u16,
    /// Whose post counts.
    pub employer_scope: EmployerScope,
    /// The day on which the clock starts.
    pub start_basis: StartBasis,
    /// The weakest proof that counts.
    pub minimum_evidence: EvidenceLevel,
    /// Lowest monthly wage in fen at which an observation counts; null where the agreement has no floor.
    #[schema(minimum = 1, maximum = 100_000_000, example = 100_000)]
    pub monthly_wage_floor_fen: Option<i64>,
    /// For how many days an observation speaks after the last day it saw. A longer silence proves nothing.
    #[schema(minimum = 1, maximum = 366, example = 45)]
    pub evidence_valid_days: u16,
    /// Levels that speak for another number of days, such as a phone call for 7; each once. Left out: all speak equally long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 6)]
    pub evidence_valid_days_by_level: Vec<LevelValidity>,
    /// What must have been earned in all; left out where the agreement asks for no total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub income_floor: Option<IncomeFloor>,
}

/// For how long evidence of one level speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LevelValidity {
    /// The level.
    pub level: EvidenceLevel,
    /// Days after the last day it saw.
    #[schema(minimum = 1, maximum = 366, example = 7)]
    pub days: u16,
}

impl RetentionRule {
    /// The faults of the rule; empty when both sides can ratify it.
    #[must_use]
    pub fn faults(&self) -> Vec<RuleFault> {
        let mut faults = Vec::new();
        self.check_rule_id(&mut faults);
        self.check_nodes(&mut faults);
        at_most(&mut faults, "/allowed_gap_days", self.allowed_gap_days, 0);
        at_most(&mut faults, "/evidence_valid_days", self.evidence_valid_days, 1);
        self.check_validity(&mut faults);
        faults.extend(self.income_floor.and_then(IncomeFloor::fault));
        if let Some(floor) = self.monthly_wage_floor_fen
            && !(1..=MAX_WAGE_FLOOR_FEN).contains(&floor)
        {
            faults.push(RuleFault {
                pointer: "/monthly_wage_floor_fen".to_owned(),
                code: "out_of_range",
                message_en: format!(
                    "The wage floor must be between 1 and {MAX_WAGE_FLOOR_FEN} fen a month; send null for no floor."
                ),
                message_zh: format!("月工资下限须在 1 至 {MAX_WAGE_FLOOR_FEN} 分之间;没有下限请填 null。"),
            });
        }
        faults
    }

    /// For how many days evidence of a level speaks after the last day it saw.
    #[must_use]
    pub fn valid_days(&self, level: EvidenceLevel) -> i64 {
        let own = self.evidence_valid_days_by_level.iter().find(|validity| validity.level == level);
        i64::from(own.map_or(self.evidence_valid_days, |validity| validity.days))
    }

    fn check_validity(&self, faults: &mut Vec<RuleFault>) {
        for (place, validity) in self.evidence_valid_days_by_level.iter().enumerate() {
            at_most(faults, &format!("/evidence_valid_days_by_level/{place}/days"), validity.days, 1);
            let mut earlier = self.evidence_valid_days_by_level.iter().take(place);
            if earlier.any(|earlier| earlier.level == validity.level) {
                faults.push(RuleFault {
                    pointer: format!("/evidence_valid_days_by_level/{place}/level"),
                    code: "level_repeated",
                    message_en: "List each level once.".to_owned(),
                    message_zh: "每个证据等级只能列一次。".to_owned(),
                });
            }
        }
    }

    fn check_rule_id(&self, faults: &mut Vec<RuleFault>) {
        let well_formed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        let length = self.rule_id.chars().count();
        if length == 0 || length > MAX_RULE_ID_CHARS || !self.rule_id.chars().all(well_formed) {
            faults.push(RuleFault {
                pointer: "/rule_id".to_owned(),
                code: "malformed_rule_id",
                message_en: format!(
                    "A rule id has 1 to {MAX_RULE_ID_CHARS} lower-case letters, digits or underscores, such as stay_3m_continuous."
                ),
                message_zh: format!(
                    "规则编号为 1 至 {MAX_RULE_ID_CHARS} 个小写字母、数字或下划线,例如 stay_3m_continuous。"
                ),
            });
        }
    }

    fn check_nodes(&self, faults: &mut Vec<RuleFault>) {
        if self.nodes.is_empty() {
            faults.push(RuleFault {
                pointer: "/nodes".to_owned(),
                code: "nodes_missing",
                message_en: "Name at least one node, for example 90 days.".to_owned(),
                message_zh: "至少填写一个核查节点,例如 90 天。".to_owned(),
            });
        }
        let mut previous = 0;
        for (place, node) in self.nodes.iter().enumerate() {
            let longest = node.longest();
            if node.length == 0 || node.length > longest {
                faults.push(RuleFault {
                    pointer: format!("/nodes/{place}/length"),
                    code: "out_of_range",
                    message_en: format!("The length of this node must be between 1 and {longest}."),
                    message_zh: format!("该节点的长度须在 1 至 {longest} 之间。"),
                });
            }
            if node.nominal_length() <= previous && place > 0 {
                faults.push(RuleFault {
                    pointer: format!("/nodes/{place}"),
                    code: "nodes_not_ascending",
                    message_en: "List each node once, the shortest first.".to_owned(),
                    message_zh: "核查节点须由短到长排列,且不得重复。".to_owned(),
                });
            }
            previous = node.nominal_length();
        }
    }
}

/// The nodes of the employment statistics: 30, 90, 180 and 365 days.
#[must_use]
pub fn standard_nodes() -> Vec<RetentionNode> {
    [30, 90, 180, 365].into_iter().map(RetentionNode::days).collect()
}

crate::text_enum! {
    /// Which placement counts where one worker has several that would.
    pub enum AttributionRule {
        /// The placement whose arrival was confirmed for the earliest day.
        EarliestConfirmedArrival => "earliest_confirmed_arrival" / "最早确认到岗的安置",
        /// The placement that departed first.
        FirstDispatch => "first_dispatch" / "最先出发的安置",
    }
}

crate::text_enum! {
    /// What becomes of the credit for a person whom several agreements count in one indicator and period.
    pub enum SplitCredit {
        /// All of it goes to the agreement of the primary attribution.
        WholeToPrimary => "whole_to_primary" / "全部计入主归属协议",
        /// Every agreement has the same share, where each of them says so; otherwise the primary one has all of it.
        EqualShares => "equal_shares" / "各协议平均分摊",
    }
}

/// What holds where the terms say nothing of it; written out in the document that is ratified.
#[must_use]
pub const fn standard_split_credit() -> SplitCredit {
    SplitCredit::WholeToPrimary
}

/// One fault of a rule: where it is, what it is called, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFault {
    /// JSON pointer below the rule, such as `/nodes/1/length`; the caller puts the place of the rule before it.
    pub pointer: String,
    /// Stable code, `snake_case`.
    pub code: &'static str,
    /// The fault and its remedy in English.
    pub message_en: String,
    /// The fault and its remedy in Chinese.
    pub message_zh: String,
}

pub(super) fn at_most(faults: &mut Vec<RuleFault>, pointer: &str, value: u16, lowest: u16) {
    if !(lowest..=MAX_PERIOD_DAYS).contains(&value) {
        faults.push(RuleFault {
            pointer: pointer.to_owned(),
            code: "out_of_range",
            message_en: format!("This number of days must be between {lowest} and {MAX_PERIOD_DAYS}."),
            message_zh: format!("天数须在 {lowest} 至 {MAX_PERIOD_DAYS} 之间。"),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(nodes: Vec<RetentionNode>) -> RetentionRule {
        RetentionRule {
            rule_id: "stay_3m_continuous".to_owned(),
            nodes,
            continuity: Continuity::Continuous,
            allowed_gap_days: 15,
            employer_scope: EmployerScope::SameRegion,
            start_basis: StartBasis::OnboardedDay,
            minimum_evidence: EvidenceLevel::E2,
            monthly_wage_floor_fen: None,
            evidence_valid_days: 45,
            evidence_valid_days_by_level: Vec::new(),
            income_floor: None,
        }
    }

    fn fault_list(rule: &RetentionRule) -> Vec<(String, &'static str)> {
        rule.faults().into_iter().map(|fault| (fault.pointer, fault.code)).collect()
    }

    #[test]
    fn the_rules_in_force_in_real_counties_can_be_ratified() {
        let days = RetentionNode::days;
        let months = RetentionNode::months;
        for nodes in [
            standard_nodes(),
            vec![months(3)],
            vec![months(3), months(6), months(12)],
            vec![days(30), months(3), days(180), months(12)],
            vec![days(90), months(3)],
            vec![days(1095)],
            vec![months(36)],
        ] {
            assert_eq!(fault_list(&rule(nodes.clone())), Vec::new(), "{nodes:?}");
        }
    }

    #[test]
    fn nodes_are_listed_once_and_the_shortest_first() {
        let days = RetentionNode::days;
        let cases = [
            (vec![], vec![("/nodes", "nodes_missing")]),
            (vec![days(0)], vec![("/nodes/0/length", "out_of_range")]),
            (vec![days(1096)], vec![("/nodes/0/length", "out_of_range")]),
            (vec![RetentionNode::months(37)], vec![("/nodes/0/length", "out_of_range")]),
            (vec![days(90), days(30)], vec![("/nodes/1", "nodes_not_ascending")]),
            (vec![days(90), days(90)], vec![("/nodes/1", "nodes_not_ascending")]),
            (vec![RetentionNode::months(3), days(90)], vec![("/nodes/1", "nodes_not_ascending")]),
        ];
        for (nodes, expected) in cases {
            let expected: Vec<_> = expected.into_iter().map(|(pointer, code)| (pointer.to_owned(), code)).collect();
            assert_eq!(fault_list(&rule(nodes.clone())), expected, "{nodes:?}");
        }
    }

    #[test]
    fn every_fault_of_a_rule_is_named_at_once() {
        let mut broken = rule(vec![]);
        broken.rule_id = "Stay 3m".to_owned();
        broken.allowed_gap_days = 367;
        broken.evidence_valid_days = 0;
        broken.monthly_wage_floor_fen = Some(0);
        broken.income_floor = Some(IncomeFloor { total_fen: 0, window: IncomeWindow::WageYear });
        broken.evidence_valid_days_by_level =
            [0, 7].map(|days| LevelValidity { level: EvidenceLevel::E0, days }).to_vec();
        let pointers: Vec<_> = broken.faults().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(
            pointers,
            [
                "/rule_id",
                "/nodes",
                "/allowed_gap_days",
                "/evidence_valid_days",
                "/evidence_valid_days_by_level/0/days",
                "/evidence_valid_days_by_level/1/level",
                "/income_floor/total_fen",
                "/monthly_wage_floor_fen"
            ]
        );
    }

    #[test]
    fn the_arrival_window_is_at_most_a_year() {
        let mut arrival =
            ArrivalRule { meaning: ArrivalMeaning::Onboarded, window_days: 14, minimum_evidence: EvidenceLevel::E2 };
        assert!(arrival.faults().is_empty());
        arrival.window_days = 367;
        assert_eq!(arrival.faults().len(), 1);
    }

    #[test]
    fn a_rule_reads_back_as_it_was_written_and_knows_no_other_fields() {
        let text = r#"{"rule_id":"stay_3m_continuous","nodes":[{"unit":"calendar_months","length":3}],
            "continuity":"continuous","allowed_gap_days":15,"employer_scope":"same_region",
            "start_basis":"january_first","minimum_evidence":"e2","monthly_wage_floor_fen":null,
            "evidence_valid_days":45}"#;
        let read: RetentionRule = serde_json::from_str(text).unwrap();
        assert_eq!(read.nodes, [RetentionNode::months(3)]);
        let again: RetentionRule = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
        assert_eq!(again, read);

        let misspelt = text.replace("\"continuity\"", "\"wage_flor\":1,\"continuity\"");
        assert!(serde_json::from_str::<RetentionRule>(&misspelt).is_err());
        let unknown_level = text.replace("e2", "e6");
        assert!(serde_json::from_str::<RetentionRule>(&unknown_level).is_err());
    }

    #[test]
    fn nodes_left_out_are_written_out_in_what_is_ratified() {
        let text = r#"{"rule_id":"stay","continuity":"cumulative","allowed_gap_days":185,
            "employer_scope":"first_employer","start_basis":"group_listing_day",
            "minimum_evidence":"e0","monthly_wage_floor_fen":100000,"evidence_valid_days":45}"#;
        let read: RetentionRule = serde_json::from_str(text).unwrap();
        assert_eq!(read.nodes, standard_nodes());
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(written["nodes"][3]["length"], 365);
    }

    #[test]
    fn evidence_is_ordered_and_every_level_has_its_code_and_labels() {
        for pair in EvidenceLevel::ALL.windows(2) {
            assert!(pair[0] < pair[1]);
        }
        for level in EvidenceLevel::ALL {
            assert_eq!(serde_json::to_value(level).unwrap(), level.as_str());
            assert!(!level.label_zh().is_empty() && !level.label_en().is_empty());
        }
    }
}
