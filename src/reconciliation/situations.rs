//! The situations of reconciliation: what a row can turn out to be when both sides are compared, and what follows from it.
//!
//! [`SITUATIONS`] is the one table. The classification answers with a [`Situation`]; everything a person is told about it (its
//! meaning, whose turn it is, the cure, whether it counts) comes from here, and so does the documentation.
//!
//! Deliberately absent: how a row gets its situation (`reconciliation::rules`) and the life of a discrepancy after it was
//! found.

pub use super::consequences::{AppliesTo, CountsAs, DiscrepancyCode, Owner, TwoSided};
use serde::Serialize;
use utoipa::ToSchema;

crate::text_enum! {
    /// What one row, or one quota, turns out to be at a cut-off day. Every row is in exactly one.
    pub enum Situation {
        /// Both sides say the same.
        Matched => "matched" / "双方一致",
        /// Both sides say the same, after the deadline.
        Late => "late" / "逾期确认",
        /// Both sides agree on the arrival, above the places approved.
        Over => "over" / "超出名额",
        /// Announced or reported, and the time to answer is still running.
        Awaiting => "awaiting" / "待答复",
        /// Departed, the window has passed, and nobody at the destination has said anything.
        Missing => "missing" / "逾期未到",
        /// The window has passed and the origin has not recorded a departure.
        NotDeparted => "not_departed" / "未记录出发",
        /// Reported by somebody, and not confirmed by the deadline.
        Unanswered => "unanswered" / "逾期未答复",
        /// Claimed by the destination or an employer, and announced by no origin.
        Unannounced => "unannounced" / "未经申报",
        /// The same worker is claimed twice for the same time.
        Duplicate => "duplicate" / "重复",
        /// Two sides give different values for the same field.
        FieldMismatch => "field_mismatch" / "信息不符",
        /// Arrived at an employer other than the planned one.
        WrongEmployer => "wrong_employer" / "用人单位不符",
        /// Arrived in a region other than the planned one.
        WrongRegion => "wrong_region" / "地区不符",
        /// A claim fits several announced rows equally well.
        Ambiguous => "ambiguous" / "无法唯一匹配",
        /// A side has contested a claim.
        Disputed => "disputed" / "有争议",
        /// The destination says that the person did not arrive, and nobody says otherwise.
        NotArrived => "not_arrived" / "未到岗",
        /// Withdrawn before departure, or the held place lapsed, and nobody claims an arrival.
        Void => "void" / "作废",
        /// Of a quota, never of a row: fewer confirmed arrivals than approved places.
        Under => "under" / "名额未满",
    }
}

impl Situation {
    /// Its entry in the table.
    #[must_use]
    pub const fn definition(self) -> &'static SituationDefinition {
        match self {
            Self::Matched => &MATCHED,
            Self::Late => &LATE,
            Self::Over => &OVER,
            Self::Awaiting => &AWAITING,
            Self::Missing => &MISSING,
            Self::NotDeparted => &NOT_DEPARTED,
            Self::Unanswered => &UNANSWERED,
            Self::Unannounced => &UNANNOUNCED,
            Self::Duplicate => &DUPLICATE,
            Self::FieldMismatch => &FIELD_MISMATCH,
            Self::WrongEmployer => &WRONG_EMPLOYER,
            Self::WrongRegion => &WRONG_REGION,
            Self::Ambiguous => &AMBIGUOUS,
            Self::Disputed => &DISPUTED,
            Self::NotArrived => &NOT_ARRIVED,
            Self::Void => &VOID,
            Self::Under => &UNDER,
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.definition().code
    }

    /// The situation of a code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        SITUATIONS.iter().find(|line| line.code == code).map(|line| line.situation)
    }
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct SituationDefinition {
    /// The situation.
    pub situation: Situation,
    /// Its stable code.
    #[schema(max_length = 30, example = "matched")]
    pub code: &'static str,
    /// A row or a quota.
    pub applies_to: AppliesTo,
    /// What it means, in Chinese.
    #[schema(max_length = 300)]
    pub meaning_zh: &'static str,
    /// What it means, in English.
    #[schema(max_length = 300)]
    pub meaning_en: &'static str,
    /// How the sides stand to each other.
    pub two_sided: TwoSided,
    /// The failure it is recorded as; none where there is nothing to resolve. A field mismatch names its own by the field.
    pub discrepancy: Option<DiscrepancyCode>,
    /// Who has to act.
    pub owner: Owner,
    /// Whether it counts.
    pub counts_as: CountsAs,
    /// The cure, in Chinese.
    #[schema(max_length = 300)]
    pub remedy_zh: &'static str,
    /// The cure, in English.
    #[schema(max_length = 300)]
    pub remedy_en: &'static str,
}

const MATCHED: SituationDefinition = SituationDefinition {
    situation: Situation::Matched,
    code: "matched",
    applies_to: AppliesTo::Row,
    meaning_zh: "双方一致,已按期确认到岗。",
    meaning_en: "Both sides agree: the arrival was confirmed in time.",
    two_sided: TwoSided::Agreed,
    discrepancy: None,
    owner: Owner::None,
    counts_as: CountsAs::Counted,
    remedy_zh: "无需处理。",
    remedy_en: "Nothing to do.",
};

const LATE: SituationDefinition = SituationDefinition {
    situation: Situation::Late,
    code: "late",
    applies_to: AppliesTo::Row,
    meaning_zh: "双方一致,但到岗或确认晚于约定期限。",
    meaning_en: "Both sides agree, but the arrival or its confirmation came after the deadline.",
    two_sided: TwoSided::Agreed,
    discrepancy: None,
    owner: Owner::None,
    counts_as: CountsAs::Counted,
    remedy_zh: "无需处理;逾期情况计入时效统计。",
    remedy_en: "Nothing to do; the delay shows in the timeliness figures.",
};

const OVER: SituationDefinition = SituationDefinition {
    situation: Situation::Over,
    code: "over",
    applies_to: AppliesTo::Row,
    meaning_zh: "到岗已确认,但超出批准的岗位数。",
    meaning_en: "The arrival is confirmed, but above the places approved in its quota.",
    two_sided: TwoSided::Agreed,
    discrepancy: Some(DiscrepancyCode::D03),
    owner: Owner::Destination,
    counts_as: CountsAs::Provisional,
    remedy_zh: "输入方增批岗位,或将该人员改登到有余额的岗位。",
    remedy_en: "The destination approves more places, or the worker is moved to a quota with places left.",
};

const AWAITING: SituationDefinition = SituationDefinition {
    situation: Situation::Awaiting,
    code: "awaiting",
    applies_to: AppliesTo::Row,
    meaning_zh: "已登记或已有报告,尚在约定的确认期限内。",
    meaning_en: "Announced or reported, and the time to confirm is still running.",
    two_sided: TwoSided::Pending,
    discrepancy: None,
    owner: Owner::None,
    counts_as: CountsAs::NotCounted,
    remedy_zh: "等待期限届满前的确认。",
    remedy_en: "Wait for the confirmation until the deadline.",
};

const MISSING: SituationDefinition = SituationDefinition {
    situation: Situation::Missing,
    code: "missing",
    applies_to: AppliesTo::Row,
    meaning_zh: "已出发,确认期限已过,输入地没有任何反馈。",
    meaning_en: "Departed, the window has passed, and nobody at the destination has said anything.",
    two_sided: TwoSided::OriginOnly,
    discrepancy: Some(DiscrepancyCode::D04),
    owner: Owner::Destination,
    counts_as: CountsAs::NotCounted,
    remedy_zh: "输入方核实该人员是否到岗,并登记到岗或未到岗原因。",
    remedy_en: "The destination finds out whether the worker arrived and records the arrival or what happened instead.",
};

const NOT_DEPARTED: SituationDefinition = SituationDefinition {
    situation: Situation::NotDeparted,
    code: "not_departed",
    applies_to: AppliesTo::Row,
    meaning_zh: "计划到岗期限已过,输出方尚未登记出发。",
    meaning_en: "The planned arrival window has passed and no departure is recorded.",
    two_sided: TwoSided::OriginOnly,
    discrepancy: None,
    owner: Owner::Origin,
    counts_as: CountsAs::NotCounted,
    remedy_zh: "输出方登记出发,或取消该人员并释放岗位。",
    remedy_en: "The origin records the departure, or cancels the placement and so releases the place.",
};

const UNANSWERED: SituationDefinition = SituationDefinition {
    situation: Situation::Unanswered,
    code: "unanswered",
    applies_to: AppliesTo::Row,
    meaning_zh: "已有一方报告,用人单位和输入方逾期未作有效确认。沉默不等于确认。",
    meaning_en: "Reported, but neither employer nor destination confirmed it with sufficient evidence by the deadline. Silence is not confirmation.",
    two_sided: TwoSided::Pending,
    discrepancy: Some(DiscrepancyCode::D06),
    owner: Owner::Employer,
    counts_as: CountsAs::Provisional,
    remedy_zh: "用人单位按协议约定的证明等级确认或否认;输入方督促。",
    remedy_en: "The employer confirms with the evidence the agreement asks for, or denies; the destination follows up.",
};

const UNANNOUNCED: SituationDefinition = SituationDefinition {
    situation: Situation::Unannounced,
    code: "unannounced",
    applies_to: AppliesTo::Row,
    meaning_zh: "输入地报告了该人员,但没有有效的输出登记。",
    meaning_en: "The destination reports this person, and no live announcement of an origin exists.",
    two_sided: TwoSided::DestinationOnly,
    discrepancy: Some(DiscrepancyCode::D10),
    owner: Owner::Origin,
    counts_as: CountsAs::NotCounted,
    remedy_zh: "输出方补登记该人员的输送,或说明其非本协议输送人员。",
    remedy_en: "The origin records the dispatch, or states that the person was not sent under this agreement.",
};

const DUPLICATE: SituationDefinition = SituationDefinition {
    situation: Situation::Duplicate,
    code: "duplicate",
    applies_to: AppliesTo::Row,
    meaning_zh: "同一人员在同一时段被重复登记或被多个单位申报。",
    meaning_en: "The same worker is registered or claimed more than once for the same time.",
    two_sided: TwoSided::Conflicting,
    discrepancy: Some(DiscrepancyCode::D01),
    owner: Owner::Both,
    counts_as: CountsAs::NotCounted,
    remedy_zh: "双方核实实际到岗单位,保留一条,作废其余。",
    remedy_en: "Both sides find out where the worker really is, keep one record and void the others.",
};

const FIELD_MISMATCH: SituationDefinition = SituationDefinition {
    situation: Situation::FieldMismatch,
    code: "field_mismatch",
    applies_to: AppliesTo::Row,
    meaning_zh: "双方对同一字段的填报不一致。",
    meaning_en: "Two sides give different values for the same field.",
    two_sided: TwoSided::Conflicting,
    discrepancy: Some(DiscrepancyCode::D10),
    owner: Owner::Both,
    counts_as: CountsAs::Provisional,
    remedy_zh: "由该字段的责任方核对原始凭证后更正,另一方可提出异议。",
    remedy_en: "The side that owns the field corrects it from its papers; the other side may dispute it.",
};

const WRONG_EMPLOYER: SituationDefinition = SituationDefinition {
    situation: Situation::WrongEmployer,
    code: "wrong_employer",
    applies_to: AppliesTo::Row,
    meaning_zh: "已到岗,但用人单位与计划不符。",
    meaning_en: "Arrived, but at an employer other than the planned one.",
    two_sided: TwoSided::Conflicting,
    discrepancy: Some(DiscrepancyCode::D05),
    owner: Owner::Destination,
    counts_as: CountsAs::Provisional,
    remedy_zh: "输入方确认实际用人单位,输出方办理转岗或提出异议。",
    remedy_en: "The destination confirms the real employer; the origin records the transfer or disputes it.",
};

const WRONG_REGION: SituationDefinition = SituationDefinition {
    situation: Situation::WrongRegion,
    code: "wrong_region",
    applies_to: AppliesTo::Row,
    meaning_zh: "已到岗,但务工地区与计划不符。",
    meaning_en: "Arrived, but in a region other than the planned one.",
    two_sided: TwoSided::Conflicting,
    discrepancy: Some(DiscrepancyCode::D05),
    owner: Owner::Destination,
    counts_as: CountsAs::Provisional,
    remedy_zh: "输入方确认实际务工地区;不属本协议区域的,履约统计也只计为待核实,不计为确定。",
    remedy_en: "The destination confirms the real region; outside the agreement's regions the arrival is never certain in fulfilment either.",
};

const AMBIGUOUS: SituationDefinition = SituationDefinition {
    situation: Situation::Ambiguous,
    code: "ambiguous",
    applies_to: AppliesTo::Row,
    meaning_zh: "一条申报同时符合多条输出登记,系统不代为选择。",
    meaning_en: "A claim fits several announced rows equally well; the exchange does not choose.",
    two_sided: TwoSided::Pending,
    discrepancy: Some(DiscrepancyCode::D02),
    owner: Owner::Both,
    counts_as: CountsAs::NotCounted,
    remedy_zh: "从列出的候选中人工选定,或补充能区分的信息。",
    remedy_en: "Choose one of the listed candidates by hand, or add what tells them apart.",
};

const DISPUTED: SituationDefinition = SituationDefinition {
    situation: Situation::Disputed,
    code: "disputed",
    applies_to: AppliesTo::Row,
    meaning_zh: "一方对申报提出异议;数值仍归原申报方,单列统计。",
    meaning_en: "A side has contested a claim; the value stays with its owner and counts in a column of its own.",
    two_sided: TwoSided::Conflicting,
    discrepancy: Some(DiscrepancyCode::D10),
    owner: Owner::Both,
    counts_as: CountsAs::NotCounted,
    remedy_zh: "双方提交证据,协商或裁定后撤销异议或更正申报。",
    remedy_en: "Both sides bring evidence; the dispute is withdrawn or the claim corrected.",
};

const NOT_ARRIVED: SituationDefinition = SituationDefinition {
    situation: Situation::NotArrived,
    code: "not_arrived",
    applies_to: AppliesTo::Row,
    meaning_zh: "输入方确认未到岗,没有任何一方主张到岗。",
    meaning_en: "The destination says that the person did not arrive, and nobody says otherwise.",
    two_sided: TwoSided::Agreed,
    discrepancy: Some(DiscrepancyCode::D04),
    owner: Owner::None,
    counts_as: CountsAs::NotCounted,
    remedy_zh: "无需核对;输出方可另行补送。",
    remedy_en: "Nothing to reconcile; the origin may send a replacement.",
};

const VOID: SituationDefinition = SituationDefinition {
    situation: Situation::Void,
    code: "void",
    applies_to: AppliesTo::Row,
    meaning_zh: "出发前已取消或占用已失效,无人主张到岗。",
    meaning_en: "Cancelled before departure, or the held place lapsed, and nobody claims an arrival.",
    two_sided: TwoSided::Void,
    discrepancy: None,
    owner: Owner::None,
    counts_as: CountsAs::NotCounted,
    remedy_zh: "无需处理。",
    remedy_en: "Nothing to do.",
};

const UNDER: SituationDefinition = SituationDefinition {
    situation: Situation::Under,
    code: "under",
    applies_to: AppliesTo::Quota,
    meaning_zh: "确认到岗人数少于批准的岗位数。",
    meaning_en: "Fewer confirmed arrivals than approved places.",
    two_sided: TwoSided::OriginOnly,
    discrepancy: None,
    owner: Owner::Both,
    counts_as: CountsAs::NotCounted,
    remedy_zh: "输出方补送,或输入方撤回剩余岗位。",
    remedy_en: "The origin sends more workers, or the destination withdraws the places left.",
};

/// Every situation, in the order in which documents and answers list them.
pub const SITUATIONS: [SituationDefinition; 17] = [
    MATCHED,
    LATE,
    OVER,
    AWAITING,
    MISSING,
    NOT_DEPARTED,
    UNANSWERED,
    UNANNOUNCED,
    DUPLICATE,
    FIELD_MISMATCH,
    WRONG_EMPLOYER,
    WRONG_REGION,
    AMBIGUOUS,
    DISPUTED,
    NOT_ARRIVED,
    VOID,
    UNDER,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_situation_has_one_line_that_people_can_act_on() {
        let codes: BTreeSet<_> = SITUATIONS.iter().map(|line| line.code).collect();
        assert_eq!(codes.len(), SITUATIONS.len());
        for line in &SITUATIONS {
            assert_eq!(line.situation.definition(), line);
            assert_eq!(serde_json::to_value(line.situation).unwrap(), line.code);
            for text in [line.meaning_zh, line.meaning_en, line.remedy_zh, line.remedy_en] {
                assert!(!text.is_empty(), "{}", line.code);
            }
        }
        assert!(SITUATIONS.iter().map(|line| line.situation).is_sorted(), "listed in the order of the enum");
    }

    #[test]
    fn only_what_both_sides_agree_on_is_counted_for_certain() {
        for line in &SITUATIONS {
            if line.counts_as == CountsAs::Counted {
                assert_eq!((line.two_sided, line.discrepancy), (TwoSided::Agreed, None), "{}", line.code);
            }
            let somebody_acts = line.owner != Owner::None;
            let conflict = matches!(line.two_sided, TwoSided::Conflicting | TwoSided::DestinationOnly);
            assert!(somebody_acts || !conflict, "a conflict without an owner: {}", line.code);
        }
    }

    #[test]
    fn only_a_quota_can_be_under() {
        for line in &SITUATIONS {
            assert_eq!(line.applies_to == AppliesTo::Quota, line.situation == Situation::Under);
        }
    }
}
