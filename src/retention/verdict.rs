//! The verdict of a retention check: its state, the day it fell due, why, and which fact decided; and how verdicts are counted.
//!
//! Deliberately absent: how a verdict is reached (`retention::rules`) and sums over several agreements, which recount persons
//! instead of adding tallies.

use super::presence::Sighting;
use crate::agreements::rule_terms::EvidenceLevel;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

crate::text_enum! {
    /// What is known about a placement at a node.
    pub enum NodeState {
        /// The node's day has not come (未到期).
        NotDue => "not_due" / "未到期",
        /// Seen in post on or after the due day, with no longer break than allowed (在岗).
        Retained => "retained" / "在岗",
        /// Known to have left before the due day (已离岗).
        Left => "left" / "已离岗",
        /// Due, and no sufficient evidence either way (无法核实).
        Unverifiable => "unverifiable" / "无法核实",
    }
}

crate::text_enum! {
    /// Why a node has its state.
    pub enum RetentionReason {
        /// The due day is still to come.
        DueDayAhead => "due_day_ahead" / "未到期",
        /// The clock stood still during known absences and the moved due day is still to come (cumulative rules).
        ClockPaused => "clock_paused" / "计时暂停",
        /// Seen in post on or after the due day.
        SeenInPost => "seen_in_post" / "到期后在岗",
        /// The placement ended before the due day.
        Exited => "exited" / "到期前离岗",
        /// The work ended before the due day and the worker did not come back within the allowed gap.
        NotBackWithinGap => "not_back_within_gap" / "未在允许间隔内返岗",
        /// The worker came back, but after a longer absence than allowed.
        BreakTooLong => "break_too_long" / "中断过长",
        /// All absences together are longer than allowed (cumulative rules).
        AbsencesTooLong => "absences_too_long" / "累计缺勤过长",
        /// The rule counts from the listing day of the group, and that day is not known. Remedy: record it.
        ListingDayUnknown => "listing_day_unknown" / "纳入日期不明",
        /// The work ended before the due day, and the allowed gap to come back is still open.
        ReturnWindowOpen => "return_window_open" / "返岗期限未过",
        /// Nobody has seen the worker since the start. Remedy: ask for the employer's roster.
        NeverObserved => "never_observed" / "从未核实在岗",
        /// Recently seen, but not yet on or after the due day. Remedy: the next roster will tell.
        NotSeenSinceDue => "not_seen_since_due" / "到期后尚未核实",
        /// The last sighting is too old to speak for the due day. Remedy: ask for the roster of that month.
        EvidenceStale => "evidence_stale" / "证据过旧",
        /// Seen on or after the due day, but for too long before it nobody saw the worker. Remedy: ask for the months between.
        SilenceTooLong => "silence_too_long" / "长期无核实记录",
        /// Too few days in post are shown (cumulative rules). Remedy: ask for the months between.
        DaysNotShown => "days_not_shown" / "在岗天数不足",
        /// The observations that would show it are weaker than the agreement demands.
        EvidenceBelowMinimum => "evidence_below_minimum" / "证据等级不足",
        /// The observations that would show it carry a wage under the floor.
        WageBelowFloor => "wage_below_floor" / "工资低于下限",
        /// In post at the node, but the wages shown add up to less than the income that the rule asks for. Remedy: ask for the wage ledgers of the
        /// months that are missing.
        IncomeBelowFloor => "income_below_floor" / "收入总额未达下限",
        /// The observations that would show it carry no wage, and the agreement has a floor.
        WageNotShown => "wage_not_shown" / "缺少工资信息",
    }
}

/// The fact that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum DecidedBy {
    /// An observation.
    Observation(Uuid),
    /// The recorded end of the placement.
    Exit(Uuid),
    /// A recorded employment spell.
    Spell(Uuid),
}

/// The verdict at one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeResult {
    /// The verdict.
    pub state: NodeState,
    /// The day the node falls due; none while the start of the clock is not known. Under a cumulative rule it moves on by
    /// each known absent day.
    pub due_on: Option<Date>,
    /// Why.
    pub reason: RetentionReason,
    /// The deciding fact, where one fact decides. For unverifiable: the fact that came nearest.
    pub decided_by: Option<DecidedBy>,
    /// How strong the deciding observation is.
    pub evidence: Option<EvidenceLevel>,
}

impl NodeResult {
    pub(super) const fn of(state: NodeState, due_on: Date, reason: RetentionReason) -> Self {
        Self { state, due_on: Some(due_on), reason, decided_by: None, evidence: None }
    }

    pub(super) const fn seen_by(self, sighting: &Sighting) -> Self {
        Self {
            decided_by: Some(DecidedBy::Observation(sighting.observation)),
            evidence: Some(sighting.evidence),
            ..self
        }
    }
}

/// Verdicts counted at one node: persons, one placement each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct NodeTally {
    /// Seen in post.
    pub retained: u32,
    /// Known to have left.
    pub left: u32,
    /// Due, and not shown either way.
    pub unverifiable: u32,
    /// Not due yet; in no rate.
    pub not_due: u32,
}

impl NodeTally {
    /// Counts verdicts.
    pub fn count(states: impl IntoIterator<Item = NodeState>) -> Self {
        let mut tally = Self::default();
        for state in states {
            tally.add(state);
        }
        tally
    }

    /// Counts one more verdict.
    pub fn add(&mut self, state: NodeState) {
        let counter = match state {
            NodeState::Retained => &mut self.retained,
            NodeState::Left => &mut self.left,
            NodeState::Unverifiable => &mut self.unverifiable,
            NodeState::NotDue => &mut self.not_due,
        };
        *counter = counter.saturating_add(1);
    }

    /// The denominator of the keep rate (稳岗率): every placement whose node is due, the unverifiable ones too.
    #[must_use]
    pub fn due(&self) -> u32 {
        self.retained.saturating_add(self.left).saturating_add(self.unverifiable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_cannot_be_verified_stays_in_the_denominator_and_who_is_not_due_does_not() {
        let tally = NodeTally::count([
            NodeState::Retained,
            NodeState::Retained,
            NodeState::Left,
            NodeState::Unverifiable,
            NodeState::NotDue,
        ]);
        assert_eq!((tally.retained, tally.due()), (2, 4));
        assert_eq!(tally.not_due, 1);
    }

    #[test]
    fn the_deciding_fact_is_written_with_its_kind() {
        let written = serde_json::to_value(DecidedBy::Exit(Uuid::nil())).unwrap();
        assert_eq!(written["kind"], "exit");
        assert_eq!(serde_json::to_value(RetentionReason::BreakTooLong).unwrap(), "break_too_long");
    }
}
