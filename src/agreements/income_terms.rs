//! The least income in all that some places ask for beside, or instead of, a wage of each month, and the months it is added up over.
//!
//! Deliberately absent: how income is added up (`retention::income`).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rule_terms::{MAX_WAGE_FLOOR_FEN, RuleFault};

/// Highest total income that may be asked for: twelve months of the highest wage floor, in fen.
pub const MAX_INCOME_FLOOR_FEN: i64 = 12 * MAX_WAGE_FLOOR_FEN;

crate::text_enum! {
    /// Over which months income is added up.
    pub enum IncomeWindow {
        /// January to December of the plan year (自然年度).
        CalendarYear => "calendar_year" / "自然年度",
        /// October of the year before to September of the plan year: last quarter and first three (工资年度).
        WageYear => "wage_year" / "工资年度（上年四季度至本年三季度）",
        /// The month of the due day and the eleven before it (近十二个月).
        Rolling12Months => "rolling_12_months" / "近十二个月",
    }
}

/// The least income in all over a window, beside which a monthly floor may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncomeFloor {
    /// The least total in fen.
    #[schema(minimum = 1, maximum = 1_200_000_000, example = 1_500_000)]
    pub total_fen: i64,
    /// Over which months.
    pub window: IncomeWindow,
}

impl IncomeFloor {
    /// The fault of the floor, with its place below the rule; none when both sides can ratify it.
    #[must_use]
    pub fn fault(self) -> Option<RuleFault> {
        (!(1..=MAX_INCOME_FLOOR_FEN).contains(&self.total_fen)).then(|| RuleFault {
            pointer: "/income_floor/total_fen".to_owned(),
            code: "out_of_range",
            message_en: format!("The least total must be between 1 and {MAX_INCOME_FLOOR_FEN} fen."),
            message_zh: format!("收入总额下限须在 1 至 {MAX_INCOME_FLOOR_FEN} 分之间。"),
        })
    }
}
