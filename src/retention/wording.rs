//! What a verdict says to a person, with the remedy, in English and Chinese.

use super::verdict::{NodeState, RetentionReason};
use crate::error::Text;

impl NodeState {
    /// The state as officials say it.
    #[must_use]
    pub fn label(self) -> Text {
        match self {
            Self::NotDue => Text::new("not due", "未到期"),
            Self::Retained => Text::new("retained", "在岗"),
            Self::Left => Text::new("left", "已离岗"),
            Self::Unverifiable => Text::new("cannot be verified", "无法核实"),
        }
    }
}

impl RetentionReason {
    /// Why, and what to do about it where something can be done.
    #[must_use]
    pub fn text(self) -> Text {
        let (en, zh) = match self {
            Self::DueDayAhead => ("The due day is still to come.", "未到核查日。"),
            Self::ClockPaused => (
                "The clock stood still while the worker was away; the due day has moved on.",
                "离岗期间暂停计时，核查日相应顺延。",
            ),
            Self::SeenInPost => ("Seen in post on or after the due day.", "核查日当日或之后有在岗记录。"),
            Self::Exited => ("The exit recorded lies before the due day.", "核查日前已登记离岗。"),
            Self::NotBackWithinGap => (
                "The worker left the post before the due day and did not come back within the allowed days.",
                "核查日前离岗，未在允许的间断天数内返岗。",
            ),
            Self::BreakTooLong => {
                ("The worker came back after a longer absence than allowed.", "间断时间超过允许天数后才返岗。")
            }
            Self::AbsencesTooLong => ("All absences together are longer than allowed.", "累计离岗天数超过允许天数。"),
            Self::ListingDayUnknown => (
                "The rule counts from the day the worker was listed in the group, and that day is not known: record the group with its first day.",
                "规则自纳入帮扶对象之日起算，但该日期未知：请登记人员类别及纳入日期。",
            ),
            Self::ReturnWindowOpen => (
                "The worker is away and may still come back within the allowed days: report the return when it happens.",
                "目前离岗，仍在允许的返岗期限内：返岗后请及时报送。",
            ),
            Self::NeverObserved => (
                "Nobody has reported the worker in post: ask the employer for its roster.",
                "没有任何在岗记录：请向用人单位索取花名册。",
            ),
            Self::NotSeenSinceDue => (
                "Seen shortly before the due day, not since: the next roster or wage ledger will tell.",
                "核查日前不久有在岗记录，之后暂无：待下一期花名册或工资台账核实。",
            ),
            Self::EvidenceStale => (
                "The last record is too old to speak for the due day: ask the employer for the roster of that month.",
                "最近的在岗记录已超过有效期：请向用人单位索取核查当月的花名册。",
            ),
            Self::SilenceTooLong => (
                "Seen at the due day, but nobody reported the worker for too long before it: ask the employer for the months between.",
                "核查日有在岗记录，但此前记录空缺过长：请向用人单位补充中间月份的花名册。",
            ),
            Self::DaysNotShown => (
                "Too few days in post are shown: ask the employer for the months that are missing.",
                "能证明的在岗天数不足：请向用人单位补充缺失月份的记录。",
            ),
            Self::EvidenceBelowMinimum => (
                "The records would do, but their evidence is weaker than the agreement demands: ask for a sealed roster, wage ledger or insurance list.",
                "有在岗记录，但证据等级低于协议要求：请补充盖章花名册、工资台账或社保缴费记录。",
            ),
            Self::WageBelowFloor => (
                "The records would do, but they show a wage under the floor of the agreement: check the wage ledger.",
                "有在岗记录，但工资低于协议规定的下限：请核对工资台账。",
            ),
            Self::IncomeBelowFloor => (
                "In post, but the wages shown add up to less than the income that the agreement asks for: ask for the wage ledgers of the missing months.",
                "核查日在岗，但已载明的工资合计未达协议规定的收入总额：请补充缺失月份的工资台账。",
            ),
            Self::WageNotShown => (
                "The records would do, but they show no wage, and the agreement has a floor: ask for the wage ledger.",
                "有在岗记录，但未载明工资，而协议规定了工资下限：请补充工资台账。",
            ),
        };
        Text::new(en, zh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_verified_says_what_to_ask_for() {
        use RetentionReason as Why;
        let unverifiable = [
            Why::ListingDayUnknown,
            Why::ReturnWindowOpen,
            Why::NeverObserved,
            Why::NotSeenSinceDue,
            Why::EvidenceStale,
            Why::SilenceTooLong,
            Why::DaysNotShown,
            Why::EvidenceBelowMinimum,
            Why::WageBelowFloor,
            Why::IncomeBelowFloor,
            Why::WageNotShown,
        ];
        for reason in unverifiable {
            let text = reason.text();
            assert!(text.en.contains(": "), "{reason}: {}", text.en);
            assert!(text.zh.contains('：'), "{reason}: {}", text.zh);
        }
    }

    #[test]
    fn no_two_reasons_read_alike() {
        for (place, reason) in RetentionReason::ALL.iter().enumerate() {
            for other in &RetentionReason::ALL[..place] {
                assert_ne!(reason.text(), other.text());
            }
        }
        assert_eq!(NodeState::Unverifiable.label().zh, "无法核实");
    }
}
