//! Pure rules of the guarantee: which exits count, what follows from one, and who can be a replacement.

use super::{ReplacementDuty, ReplacementStanding, ReplacementState};
use crate::agreements::guarantee_terms::GuaranteeRule;
use crate::db::{Day, Id};
use crate::dispatches::Placement;
use crate::error::Fault;
use crate::retention::spell_book::Ended;

/// Whether an exit obliges the origin to send another worker: it has a reason that the terms name, and the last day in post lies before the
/// guarantee was served.
#[must_use]
pub fn is_owed(rule: Option<&GuaranteeRule>, onboarded_on: Day, ended: Ended) -> bool {
    rule.is_some_and(|rule| {
        ended.on.days_since(onboarded_on) < i64::from(rule.window_days) && rule.reasons.contains(&ended.reason)
    })
}

/// What an exit, its correction or its withdrawal does to the duty of the placement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// A duty begins.
    Open,
    /// A cancelled one begins anew.
    Reopen,
    /// It goes on with the corrected day and reason.
    Correct,
    /// It is no longer owed.
    Cancel,
    /// Nothing.
    Nothing,
}

/// What follows for the duty that is known, if any, from whether one is owed now.
#[must_use]
pub const fn consequence(owed: bool, known: Option<ReplacementState>) -> Consequence {
    match (owed, known) {
        (true, None) => Consequence::Open,
        (true, Some(ReplacementState::Cancelled)) => Consequence::Reopen,
        (true, Some(_)) => Consequence::Correct,
        (false, None | Some(ReplacementState::Cancelled)) => Consequence::Nothing,
        (false, Some(_)) => Consequence::Cancel,
    }
}

/// The state that counts: a replacement whose arrival was denied since replaces nobody.
#[must_use]
pub const fn state_in_effect(duty: &ReplacementDuty) -> ReplacementState {
    match (duty.state, duty.replacement_arrived_on) {
        (ReplacementState::Fulfilled, None) => ReplacementState::Open,
        (state, _) => state,
    }
}

/// What the state, the replacement's arrival and the day say together.
#[must_use]
pub fn standing(duty: &ReplacementDuty, today: Day) -> ReplacementStanding {
    match state_in_effect(duty) {
        ReplacementState::Open if today > duty.due_on => ReplacementStanding::Lapsed,
        ReplacementState::Open => ReplacementStanding::Open,
        ReplacementState::Fulfilled => ReplacementStanding::Fulfilled,
        ReplacementState::Waived => ReplacementStanding::Waived,
        ReplacementState::Cancelled => ReplacementStanding::Cancelled,
    }
}

/// Why a placement cannot be the replacement; `replaces` is the duty it was named for already.
#[must_use]
pub fn replacement_fault(duty: &ReplacementDuty, placement: Option<&Placement>, replaces: Option<Id>) -> Option<Fault> {
    const POINTER: &str = "/placement_id";
    let own = placement.filter(|row| row.origin_id == duty.owner_id && row.id != duty.placement_id);
    let Some(row) = own else {
        return Some(Fault::body(
            POINTER,
            "placement_unknown",
            "is no other placement of yours under this agreement",
            "不是贵方在本协议下的其他安置记录",
        ));
    };
    let Some(arrived_on) = row.onboarded_on else {
        return Some(Fault::body(
            POINTER,
            "not_onboarded",
            "the worker is not recorded as onboarded; name the placement once the arrival is confirmed",
            "该人员尚未登记到岗，请在确认到岗后再填报",
        ));
    };
    if row.real_employer_id.unwrap_or(row.employer_id) != duty.employer_id {
        let fault = Fault::body(
            POINTER,
            "other_employer",
            "works for another employer than the one that was left; name a placement with employer_id",
            "所在单位不是原离岗单位，请填报在 employer_id 单位到岗的安置",
        );
        return Some(fault.param("employer_id", duty.employer_id.to_string()));
    }
    if arrived_on < duty.ended_on {
        let fault = Fault::body(
            POINTER,
            "arrived_before_exit",
            "was in post before the other worker left, so it fills another place",
            "在原人员离岗之前已到岗，不能作为补员",
        );
        return Some(fault.param("ended_on", duty.ended_on.to_string()));
    }
    replaces.filter(|other| *other != duty.id).map(|other| {
        Fault::body(
            POINTER,
            "replaces_another",
            "was named as the replacement of another worker already",
            "已作为其他人员的补员填报",
        )
        .param("replacement_duty_id", other.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::assert_sound;
    use crate::retention::facts::ExitReason;
    use crate::retention::guarantee::{ReplacementDutyToday, TRANSITIONS};

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    /// Everybody here is accepted on 6 March 2026; day 90 is 4 June.
    const ACCEPTED_ON: &str = "2026-03-06";

    #[test]
    fn every_state_of_a_duty_can_be_reached() {
        assert_sound(TRANSITIONS, ReplacementState::Open, ReplacementState::ALL);
    }

    #[test]
    fn which_exits_open_a_replacement() {
        use ExitReason::{ContractEnded, Deceased, Dismissed, EmployerClosed, IllOrInjured, LeftWithoutNotice, Other};
        use ExitReason::{Resigned, ReturnedHome};
        let standard = || Some(GuaranteeRule::default());
        let with = |window_days, reasons: &[ExitReason]| {
            Some(GuaranteeRule { window_days, reasons: reasons.to_vec(), ..GuaranteeRule::default() })
        };
        // 约定、最后在岗日（第几天）、原因、是否补员
        let table = [
            ("标准 90 天，第 0 天辞职", standard(), "2026-03-06", Resigned, true),
            ("标准 90 天，第 89 天辞职", standard(), "2026-06-03", Resigned, true),
            ("标准 90 天，第 90 天辞职：已满保障期", standard(), "2026-06-04", Resigned, false),
            ("标准 90 天，第 91 天辞职", standard(), "2026-06-05", Resigned, false),
            ("标准 90 天，第 10 天自离", standard(), "2026-03-16", LeftWithoutNotice, true),
            ("标准 90 天，第 10 天返乡", standard(), "2026-03-16", ReturnedHome, true),
            ("标准 90 天，第 10 天被辞退：用人单位一方", standard(), "2026-03-16", Dismissed, false),
            ("标准 90 天，第 10 天企业停产：用人单位一方", standard(), "2026-03-16", EmployerClosed, false),
            ("标准 90 天，第 10 天合同到期", standard(), "2026-03-16", ContractEnded, false),
            ("标准 90 天，第 10 天伤病", standard(), "2026-03-16", IllOrInjured, false),
            ("标准 90 天，第 10 天死亡", standard(), "2026-03-16", Deceased, false),
            ("标准 90 天，第 10 天其他原因", standard(), "2026-03-16", Other, false),
            ("约定 30 天，第 29 天辞职", with(30, &[Resigned]), "2026-04-04", Resigned, true),
            ("约定 30 天，第 30 天辞职", with(30, &[Resigned]), "2026-04-05", Resigned, false),
            ("约定辞退也补员", with(90, &[Resigned, Dismissed]), "2026-03-16", Dismissed, true),
            ("约定只管自离，辞职不补", with(90, &[LeftWithoutNotice]), "2026-03-16", Resigned, false),
            ("约定不设保障期", with(0, &[Resigned]), "2026-03-06", Resigned, false),
            ("条款没有保障期", None, "2026-03-16", Resigned, false),
        ];
        for (case, rule, ended_on, reason, expected) in table {
            let ended = Ended { on: day(ended_on), reason };
            assert_eq!(is_owed(rule.as_ref(), day(ACCEPTED_ON), ended), expected, "{case}");
        }
    }

    #[test]
    fn a_duty_follows_what_is_reported_of_the_exit() {
        use ReplacementState::{Cancelled, Fulfilled, Open, Waived};
        let table = [
            ("离岗", true, None, Consequence::Open),
            ("离岗不在保障期内", false, None, Consequence::Nothing),
            ("更正日期，仍在保障期内", true, Some(Open), Consequence::Correct),
            ("已补员后更正原因", true, Some(Fulfilled), Consequence::Correct),
            ("已免除后更正日期", true, Some(Waived), Consequence::Correct),
            ("撤回离岗", false, Some(Open), Consequence::Cancel),
            ("补员后撤回离岗", false, Some(Fulfilled), Consequence::Cancel),
            ("免除后撤回离岗", false, Some(Waived), Consequence::Cancel),
            ("撤回后再次离岗", true, Some(Cancelled), Consequence::Reopen),
            ("取消后再次更正，仍不在保障期内", false, Some(Cancelled), Consequence::Nothing),
        ];
        for (case, owed, known, expected) in table {
            assert_eq!(consequence(owed, known), expected, "{case}");
        }
    }

    fn duty(state: ReplacementState, arrived_on: Option<&str>) -> ReplacementDuty {
        let id = |number| Id(uuid::Uuid::from_u128(number));
        ReplacementDuty {
            id: id(1),
            placement_id: id(2),
            owner_id: id(3),
            employer_id: id(4),
            quota_id: None,
            reason: ExitReason::Resigned,
            ended_on: day("2026-06-03"),
            window_days: 90,
            due_on: day("2026-07-06"),
            state,
            replacement_id: (state == ReplacementState::Fulfilled).then(|| id(5)),
            replacement_arrived_on: arrived_on.map(day),
            waived_by: None,
            waiver_reason: None,
            version: 1,
            opened_at: day("2026-06-04").start(),
            updated_at: day("2026-06-04").start(),
        }
    }

    #[test]
    fn the_day_says_whether_a_duty_has_lapsed_and_a_late_replacement_still_fulfils_it() {
        use ReplacementState::{Cancelled, Fulfilled, Open, Waived};
        let table = [
            ("最后一天", Open, None, "2026-07-06", ReplacementStanding::Open, false),
            ("过了最后一天", Open, None, "2026-07-07", ReplacementStanding::Lapsed, false),
            ("最后一天到岗", Fulfilled, Some("2026-07-06"), "2026-08-01", ReplacementStanding::Fulfilled, false),
            ("晚一天到岗", Fulfilled, Some("2026-07-07"), "2026-08-01", ReplacementStanding::Fulfilled, true),
            ("补员的到岗被否认", Fulfilled, None, "2026-07-06", ReplacementStanding::Open, false),
            ("补员的到岗被否认，已过期", Fulfilled, None, "2026-07-07", ReplacementStanding::Lapsed, false),
            ("已免除", Waived, None, "2026-08-01", ReplacementStanding::Waived, false),
            ("已取消", Cancelled, None, "2026-08-01", ReplacementStanding::Cancelled, false),
        ];
        for (case, state, arrived_on, today, standing, late) in table {
            let shown = ReplacementDutyToday::of(duty(state, arrived_on), day(today));
            assert_eq!((shown.standing, shown.late), (standing, late), "{case}");
        }
    }
}
