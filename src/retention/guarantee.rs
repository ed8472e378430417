//! The guarantee (保障期): an exit within the days of the terms, for a reason that the terms name, obliges the origin to send another worker
//! in the place of the one who left (补员).
//!
//! The duty follows the exit in its transaction: it opens, is corrected or cancelled with what is reported, and the place of the one who
//! left is free again for the replacement. Days count from the first day in post, through transfers; whoever is still in post when they
//! are over has served the guarantee. The rule is the one that was in effect when the worker was onboarded. Whether a duty has lapsed is
//! told by the day, and a replacement that comes late still fulfils it. Deliberately absent: refunds and penalties.

pub mod commands;
pub mod routes;
pub mod rules;
pub mod store;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::facts::ExitReason;
use crate::agreements::guarantee_terms::ExitSide;
use crate::db::{Day, Id, Instant};
use crate::lifecycle::Transition;

crate::text_enum! {
    /// Stored states of a replacement duty; see [`ReplacementStanding`] for what the day adds.
    pub enum ReplacementState {
        /// A replacement is owed.
        Open => "open" / "待补员",
        /// A placement was named as the replacement.
        Fulfilled => "fulfilled" / "已补员",
        /// The destination or the employer does without.
        Waived => "waived" / "已免除",
        /// The exit was withdrawn or corrected so that it no longer counts.
        Cancelled => "cancelled" / "已取消",
    }
}

crate::text_enum! {
    /// What happens to a replacement duty.
    pub enum ReplacementAction {
        /// Name the placement of the replacement; the origin's.
        Fulfil => "fulfil" / "补员",
        /// Do without; the destination's or the employer's.
        Waive => "waive" / "免除",
        /// The exit no longer counts.
        Cancel => "cancel" / "取消",
        /// The exit counts again.
        Reopen => "reopen" / "重新开启",
    }
}

/// The life of a replacement duty.
pub const TRANSITIONS: &[Transition<ReplacementState, ReplacementAction>] = &[
    (ReplacementState::Open, ReplacementAction::Fulfil, ReplacementState::Fulfilled),
    (ReplacementState::Open, ReplacementAction::Waive, ReplacementState::Waived),
    (ReplacementState::Open, ReplacementAction::Cancel, ReplacementState::Cancelled),
    (ReplacementState::Fulfilled, ReplacementAction::Cancel, ReplacementState::Cancelled),
    (ReplacementState::Waived, ReplacementAction::Cancel, ReplacementState::Cancelled),
    (ReplacementState::Cancelled, ReplacementAction::Reopen, ReplacementState::Open),
];

crate::text_enum! {
    /// What the state of a replacement duty, the replacement's arrival and the day say together.
    pub enum ReplacementStanding {
        /// Owed, and the last day is still to come.
        Open => "open" / "待补员",
        /// The replacement has arrived.
        Fulfilled => "fulfilled" / "已补员",
        /// Owed, and the last day has passed.
        Lapsed => "lapsed" / "逾期未补",
        /// Waived.
        Waived => "waived" / "已免除",
        /// Cancelled.
        Cancelled => "cancelled" / "已取消",
    }
}

/// Another worker owed in the place of one who left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable)]
pub struct ReplacementDuty {
    /// Id.
    pub id: Id,
    /// The placement whose worker left.
    pub placement_id: Id,
    /// Who owes the replacement: the origin.
    pub owner_id: Id,
    /// The employer that was left.
    pub employer_id: Id,
    /// The quota whose place is free again for the replacement; null where the worker took none.
    pub quota_id: Option<Id>,
    /// Why the worker left.
    pub reason: ExitReason,
    /// Last day in post.
    pub ended_on: Day,
    /// Days of the guarantee, as the terms give them.
    #[schema(minimum = 1, maximum = 366, example = 90)]
    pub window_days: i64,
    /// Last day on which the replacement arrives in time; a working day.
    pub due_on: Day,
    /// Stored state.
    pub state: ReplacementState,
    /// The placement that was named as the replacement.
    pub replacement_id: Option<Id>,
    /// The replacement's first day in post; null while nobody has arrived.
    pub replacement_arrived_on: Option<Day>,
    /// The party that waived it.
    pub waived_by: Option<Id>,
    /// Why it was waived.
    #[schema(max_length = 500)]
    pub waiver_reason: Option<String>,
    /// Version of this row, also in its ETag.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 1)]
    pub version: i64,
    /// When the exit was recorded.
    pub opened_at: Instant,
    /// Last changed at.
    pub updated_at: Instant,
}

/// A replacement duty with what the day says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReplacementDutyToday {
    /// The duty.
    #[serde(flatten)]
    pub duty: ReplacementDuty,
    /// What its state, the replacement's arrival and today say together.
    pub standing: ReplacementStanding,
    /// Whose doing the exit was.
    pub side: ExitSide,
    /// Whether the replacement arrived after the last day.
    pub late: bool,
}

impl ReplacementDutyToday {
    /// The duty as of `today`.
    #[must_use]
    pub fn of(duty: ReplacementDuty, today: Day) -> Self {
        let (standing, side) = (rules::standing(&duty, today), duty.reason.side());
        let late = standing == ReplacementStanding::Fulfilled
            && duty.replacement_arrived_on.is_some_and(|arrived_on| arrived_on > duty.due_on);
        Self { duty, standing, side, late }
    }
}

/// The placement that replaces the one whose worker left.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"placement_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c52"}))]
pub struct NewReplacement {
    /// A placement of the same origin with the same employer, onboarded on the day of the exit or later, that replaces nobody else.
    pub placement_id: Id,
}

/// Why no replacement is needed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "订单减少，不再补员"}))]
pub struct NewWaiver {
    /// Why; the parties of the agreement read it.
    #[schema(max_length = 500, min_length = 1)]
    pub reason: String,
}

/// How many replacements were owed, and what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReplacementFigures {
    /// Duties that an exit opened and that were not cancelled: the sum of the four below.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub owed: i64,
    /// Still to come, and in time.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub open: i64,
    /// Not come by the last day.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub lapsed: i64,
    /// Arrived, the late ones among them.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub fulfilled: i64,
    /// Of those who arrived, after the last day.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub fulfilled_late: i64,
    /// Done without.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub waived: i64,
    /// Address of the duties themselves.
    #[schema(max_length = 500)]
    pub rows: String,
}
