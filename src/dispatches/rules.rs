//! Pure rules of dispatches: what a batch must say, and whether a worker may be put on a roster.

use super::{NewDispatch, Placement, PlacementState, Rescheduling};
use crate::calendar::calendar;
use crate::db::Day;
use crate::error::{Faults, Result};
use crate::workers::person_name::PersonName;
use crate::workers::phone::Phone;

/// Youngest age at the start of work (Labour Law art. 15; import rule R03).
pub const YOUNGEST_AGE: i64 = 16;

/// Checks a new batch; every fault is told at once.
pub fn check(new: &NewDispatch, today: Day) -> Result<()> {
    let mut faults = Faults::new();
    faults.text("/title", &new.title, 200);
    faults.text("/legal_basis", &new.legal_basis, 200);
    faults.optional_text("/vehicle", new.vehicle.as_deref(), 100);
    faults.optional_text("/partner_ref", new.partner_ref.as_deref(), 100);
    check_days(&mut faults, new.planned_departure_on, new.planned_arrival_on, today);
    if let Some(Err(error)) = new.leader_name.as_ref().map(|name| PersonName::parse(name.expose())) {
        faults.push(crate::error::Fault::body("/leader_name", error.code(), error.message_en(), error.message_zh()));
    }
    if let Some(Err(error)) = new.leader_phone.as_ref().map(|phone| Phone::parse(phone.expose())) {
        faults.push(crate::error::Fault::body("/leader_phone", error.code(), error.message_en(), error.message_zh()));
    }
    faults.check()
}

/// Checks other days for a batch: the year it counts in stays.
pub fn check_rescheduling(new: &Rescheduling, plan_year: i64, today: Day) -> Result<()> {
    let mut faults = Faults::new();
    check_days(&mut faults, new.planned_departure_on, new.planned_arrival_on, today);
    faults.require(
        new.planned_departure_on.year() == plan_year,
        "/planned_departure_on",
        "other_plan_year",
        "must stay in the plan year of the dispatch; cancel it and prepare another for the next year",
        "须在该批次的计划年度内；跨年请取消后另建批次",
    );
    faults.check()
}

/// Whether the last day on time, moved to a working day, has passed for somebody of whom nothing has been said since the departure.
#[must_use]
pub fn is_arrival_overdue(placement: &Placement, today: Day) -> bool {
    placement.state == PlacementState::Departed && calendar().moved(placement.arrival_due_on) < today
}

fn check_days(faults: &mut Faults, departure: Day, arrival: Day, today: Day) {
    faults.require(
        arrival >= departure,
        "/planned_arrival_on",
        "before_departure",
        "must not lie before planned_departure_on",
        "不得早于计划出发日期",
    );
    faults.require(
        departure >= today.plus_days(-31) && departure <= today.plus_days(366),
        "/planned_departure_on",
        "date_out_of_range",
        "must lie between a month ago and a year ahead",
        "须在一个月前至一年后之间",
    );
}

#[cfg(test)]
mod tests {
    use crate::dispatches::{DispatchAction, DispatchState, TRANSITIONS};
    use crate::lifecycle::{assert_sound, step};

    #[test]
    fn every_state_of_a_dispatch_can_be_reached() {
        assert_sound(TRANSITIONS, DispatchState::Draft, DispatchState::ALL);
    }

    #[test]
    fn a_roster_changes_only_while_the_dispatch_is_a_draft() {
        for state in DispatchState::ALL {
            assert_eq!(
                step(TRANSITIONS, *state, DispatchAction::Enrol).is_ok(),
                *state == DispatchState::Draft,
                "{state}"
            );
        }
    }

    #[test]
    fn a_dispatch_that_left_or_was_cancelled_never_leaves_again() {
        for state in [DispatchState::Departed, DispatchState::Closed, DispatchState::Cancelled] {
            assert!(step(TRANSITIONS, state, DispatchAction::Depart).is_err());
            assert!(step(TRANSITIONS, state, DispatchAction::Cancel).is_err());
        }
    }
}
