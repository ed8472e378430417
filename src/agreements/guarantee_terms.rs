//! The guarantee (保障期): for how long the origin answers for a worker who has arrived, which exits count, and until when another worker is
//! to be sent in the place of one who left.
//!
//! Agreements differ in all three, so each is a field of the ratified terms. Deliberately absent: how the guarantee is applied
//! (`retention::guarantee`), and money: the exchange keeps no deposits or refunds.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rule_terms::{RuleFault, at_most};

/// Days of guarantee where the parties name none.
const STANDARD_WINDOW_DAYS: u16 = 90;
/// Days to send a replacement where the parties name none.
const STANDARD_REPLACEMENT_DAYS: u16 = 30;

crate::text_enum! {
    /// Whose doing an exit is, by its reason.
    pub enum ExitSide {
        /// The worker's (务工人员).
        Worker => "worker" / "务工人员一方",
        /// The employer's (用人单位).
        Employer => "employer" / "用人单位一方",
        /// Nobody's, or both sides' (双方或不可归责).
        Neither => "neither" / "双方或不可归责",
    }
}

crate::text_enum! {
    /// Why a worker left.
    pub enum ExitReason {
        /// The term of the work was over (合同到期、工作完成).
        ContractEnded => "contract_ended" / "合同到期",
        /// The worker gave notice (辞职).
        Resigned => "resigned" / "辞职",
        /// The worker left without notice (自离).
        LeftWithoutNotice => "left_without_notice" / "自离",
        /// The employer ended it (辞退).
        Dismissed => "dismissed" / "辞退",
        /// Home for the holiday and expected back (返乡过节).
        HolidayHome => "holiday_home" / "返乡过节",
        /// Moved to another employer (转岗).
        Transferred => "transferred" / "转岗",
        /// Went home for good or for family reasons (返乡).
        ReturnedHome => "returned_home" / "返乡",
        /// Illness or injury (伤病).
        IllOrInjured => "ill_or_injured" / "伤病",
        /// The worker died (死亡).
        Deceased => "deceased" / "死亡",
        /// The employer closed or stopped work (停产、倒闭).
        EmployerClosed => "employer_closed" / "停产、倒闭",
        /// Another reason, given in words elsewhere.
        Other => "other" / "其他",
    }
}

impl ExitReason {
    /// Whether the job under the placement is over. Home for the holiday and a move to another employer leave it open.
    #[must_use]
    pub const fn ends_placement(self) -> bool {
        !matches!(self, Self::HolidayHome | Self::Transferred)
    }

    /// Whose doing it is.
    #[must_use]
    pub const fn side(self) -> ExitSide {
        match self {
            Self::Resigned | Self::LeftWithoutNotice | Self::ReturnedHome | Self::HolidayHome => ExitSide::Worker,
            Self::Dismissed | Self::EmployerClosed => ExitSide::Employer,
            Self::ContractEnded | Self::Transferred | Self::IllOrInjured | Self::Deceased | Self::Other => {
                ExitSide::Neither
            }
        }
    }
}

/// When an exit obliges the origin to send another worker (保障期内补员).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GuaranteeRule {
    /// Days after the first day in post within which an exit counts: of 90, who is still in post on day 90 has served them. 0: there is no
    /// guarantee. Left out: 90.
    #[schema(minimum = 0, maximum = 366, example = 90)]
    pub window_days: u16,
    /// Days after the exit was recorded in which another worker is to have arrived; a last day that is a day off moves to the next working
    /// day. Left out: 30.
    #[schema(minimum = 1, maximum = 366, example = 30)]
    pub replacement_days: u16,
    /// Reasons of exits that count. Left out: those on the worker's side, namely `resigned`, `left_without_notice` and `returned_home`.
    #[schema(max_items = 9)]
    pub reasons: Vec<ExitReason>,
}

impl Default for GuaranteeRule {
    fn default() -> Self {
        Self {
            window_days: STANDARD_WINDOW_DAYS,
            replacement_days: STANDARD_REPLACEMENT_DAYS,
            reasons: vec![ExitReason::Resigned, ExitReason::LeftWithoutNotice, ExitReason::ReturnedHome],
        }
    }
}

impl GuaranteeRule {
    /// The faults of the rule; empty when both sides can ratify it.
    #[must_use]
    pub fn faults(&self) -> Vec<RuleFault> {
        let mut faults = Vec::new();
        at_most(&mut faults, "/window_days", self.window_days, 0);
        at_most(&mut faults, "/replacement_days", self.replacement_days, 1);
        if self.reasons.is_empty() && self.window_days > 0 {
            faults.push(RuleFault {
                pointer: "/reasons".to_owned(),
                code: "reasons_missing",
                message_en: "Name at least one reason, or set window_days to 0 for no guarantee.".to_owned(),
                message_zh: "至少填写一种离岗原因；不设保障期请将 window_days 填为 0。".to_owned(),
            });
        }
        for (place, reason) in self.reasons.iter().enumerate() {
            let repeated = self.reasons.iter().take(place).any(|earlier| earlier == reason);
            let (code, message_en, message_zh) = match (reason.ends_placement(), repeated) {
                (false, _) => (
                    "reason_no_exit",
                    "This reason leaves the placement open, so nobody is to be replaced; take it off the list.",
                    "该原因不结束安置，无须补员，请从列表中删除。",
                ),
                (true, true) => ("reason_repeated", "List each reason once.", "每种原因只能列一次。"),
                (true, false) => continue,
            };
            faults.push(RuleFault {
                pointer: format!("/reasons/{place}"),
                code,
                message_en: message_en.to_owned(),
                message_zh: message_zh.to_owned(),
            });
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_ninety_days_and_the_workers_side() {
        let read: GuaranteeRule = serde_json::from_str("{}").unwrap();
        assert_eq!(read, GuaranteeRule::default());
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(written["window_days"], 90);
        assert_eq!(written["reasons"], serde_json::json!(["resigned", "left_without_notice", "returned_home"]));
        assert!(read.faults().is_empty());
        assert!(read.reasons.iter().all(|reason| reason.side() == ExitSide::Worker));
    }

    #[test]
    fn a_guarantee_names_its_days_and_the_exits_that_count() {
        use ExitReason::{Dismissed, HolidayHome, Resigned};
        type Case = (u16, u16, Vec<ExitReason>, &'static [(&'static str, &'static str)]);
        let cases: [Case; 7] = [
            (90, 30, vec![Resigned, Dismissed], &[]),
            (0, 1, vec![], &[]),
            (366, 366, vec![Resigned], &[]),
            (367, 0, vec![Resigned], &[("/window_days", "out_of_range"), ("/replacement_days", "out_of_range")]),
            (90, 30, vec![], &[("/reasons", "reasons_missing")]),
            (90, 30, vec![Resigned, Resigned], &[("/reasons/1", "reason_repeated")]),
            (90, 30, vec![HolidayHome], &[("/reasons/0", "reason_no_exit")]),
        ];
        for (window_days, replacement_days, reasons, expected) in cases {
            let rule = GuaranteeRule { window_days, replacement_days, reasons };
            let faults = rule.faults();
            let found: Vec<_> = faults.iter().map(|fault| (fault.pointer.as_str(), fault.code)).collect();
            assert_eq!(found, expected, "{rule:?}");
        }
    }
}
