//! Life cycles: a plain enum of states, an enum of actions and ONE table of moves per concept; this file is the only reader of such tables.

use crate::error::{Code, Error, Result};

/// A row of a transition table: from, action, to.
pub type Transition<State, Action> = (State, Action, State);

/// The state after `action`, or the problem with the actions that are legal now.
///
/// # Errors
/// [`Code::TransitionNotAllowed`] with `state` and `allowed_actions`.
pub fn step<State, Action>(table: &[Transition<State, Action>], state: State, action: Action) -> Result<State>
where
    State: Copy + PartialEq + std::fmt::Display,
    Action: Copy + PartialEq + std::fmt::Display,
{
    if let Some((_, _, to)) = table.iter().find(|(from, known, _)| *from == state && *known == action) {
        return Ok(*to);
    }
    let allowed: Vec<String> =
        table.iter().filter(|(from, _, _)| *from == state).map(|(_, action, _)| action.to_string()).collect();
    Err(Error::new(Code::TransitionNotAllowed)
        .detail(format!("in state {state} there is no {action}"), format!("状态 {state} 下不能执行 {action}"))
        .param("state", state.to_string())
        .param("allowed_actions", allowed))
}

/// Checks every table must pass, called by each concept's test: each state is reachable from `start`, and no move is listed twice.
///
/// # Panics
/// When the table is not sound.
#[cfg(test)]
pub fn assert_sound<State, Action>(table: &[Transition<State, Action>], start: State, all: &[State])
where
    State: Copy + PartialEq + std::fmt::Debug,
    Action: Copy + PartialEq + std::fmt::Debug,
{
    let mut reached = vec![start];
    let mut next = 0;
    while let Some(state) = reached.get(next).copied() {
        for (_, _, to) in table.iter().filter(|(from, _, _)| *from == state) {
            if !reached.contains(to) {
                reached.push(*to);
            }
        }
        next += 1;
    }
    for state in all {
        assert!(reached.contains(state), "{state:?} cannot be reached");
    }
    for (place, (from, action, _)) in table.iter().enumerate() {
        let twice = table.iter().skip(place + 1).any(|(other, again, _)| other == from && again == action);
        assert!(!twice, "{from:?} × {action:?} is listed twice");
    }
}
