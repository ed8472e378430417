//! What may be done with a statement, and when.

use super::month::Month;
use super::{MonthlyStatement, StatementAction, StatementState, TRANSITIONS};
use crate::agreements::PartyRole;
use crate::db::{Day, Id};
use crate::error::{Code, Error, Faults, Result};
use crate::lifecycle::step;

/// Lets the sides of an agreement go on: its origins and destinations. A station helps and signs nothing.
///
/// # Errors
/// [`Code::RoleNotAllowed`].
pub fn require_side(role: PartyRole) -> Result<()> {
    match role {
        PartyRole::Origin | PartyRole::Destination => Ok(()),
        PartyRole::Station => Err(Error::new(Code::RoleNotAllowed).param("required_role", "origin")),
    }
}

/// A statement is about a month that is over and lies within the life of the agreement.
///
/// # Errors
/// [`Code::FieldInvalid`].
pub fn check_month(month: Month, effective_from: Day, today: Day) -> Result<()> {
    let mut faults = Faults::new();
    let (en, zh) = ("this month is not over yet", "该月尚未结束");
    faults.require(month.last_day() < today, "/month", "month_not_over", en, zh);
    let (en, zh) = ("the agreement began later", "协议在该月之后才生效");
    faults.require(month.last_day() >= effective_from, "/month", "before_the_agreement", en, zh);
    faults.check()
}

/// Lets a side object while the window is open.
///
/// # Errors
/// [`Code::TransitionNotAllowed`], [`Code::ObjectionWindowOver`].
pub fn check_objection(statement: &MonthlyStatement, today: Day) -> Result<()> {
    step(TRANSITIONS, statement.state, StatementAction::Object)?;
    match statement.objections_until {
        Some(last) if today > last => {
            Err(Error::new(Code::ObjectionWindowOver).param("objections_until", last.to_string()))
        }
        _ => Ok(()),
    }
}

/// The state after a side's signature, when `signed` have signed the edition and `sides` must.
///
/// # Errors
/// [`Code::TransitionNotAllowed`].
pub fn state_after_signature(state: StatementState, signed: usize, sides: usize) -> Result<StatementState> {
    let state = step(TRANSITIONS, state, StatementAction::Sign)?;
    if signed < sides { Ok(state) } else { step(TRANSITIONS, state, StatementAction::Freeze) }
}

/// The sides that have still to sign.
#[must_use]
pub fn awaited(sides: &[Id], signed: &[Id]) -> Vec<Id> {
    sides.iter().filter(|side| !signed.contains(side)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn only_a_month_that_is_over_can_be_stated() {
        let march = Month::parse("2026-03").unwrap();
        for (began, today, allowed) in [
            ("2026-01-01", "2026-03-31", false),
            ("2026-01-01", "2026-04-01", true),
            ("2026-03-31", "2026-04-01", true),
            ("2026-04-01", "2026-05-01", false),
        ] {
            assert_eq!(check_month(march, day(began), day(today)).is_ok(), allowed, "{began} {today}");
        }
    }

    #[test]
    fn the_last_signature_freezes_and_not_one_before_it() {
        for (state, signed, sides, after) in [
            (StatementState::Open, 1, 2, Some(StatementState::Signed)),
            (StatementState::Signed, 2, 2, Some(StatementState::Frozen)),
            (StatementState::Signed, 2, 3, Some(StatementState::Signed)),
            (StatementState::Draft, 1, 2, None),
            (StatementState::Frozen, 2, 2, None),
        ] {
            assert_eq!(state_after_signature(state, signed, sides).ok(), after, "{state} {signed} of {sides}");
        }
    }

    #[test]
    fn a_station_signs_nothing() {
        assert!(require_side(PartyRole::Origin).is_ok() && require_side(PartyRole::Destination).is_ok());
        assert_eq!(require_side(PartyRole::Station).unwrap_err().code, Code::RoleNotAllowed);
    }
}
