//! Retention (稳岗): who is still in post at the nodes of the agreement's rule (30, 90, 180, 365 days or its months), by first
//! employer, in the region, or with any employer.
//!
//! Three kinds of fact are recorded: an *observation* (somebody looked and found the worker in post, or did not), an *exit* with its
//! day, reason and reporting side, and a *spell* (work at an employer begins, or goes on after an absence, 返岗). Verdicts follow from
//! the facts: what they decide (`retained`, `left`) is stored in the transaction of the fact; "not due" and "cannot be verified" are
//! told by the clock when somebody reads. An exit within the guarantee opens the duty to send another worker (`guarantee`); a move to another
//! employer takes its place along (`dispatches::outcomes::transfers`). Deliberately absent: subsidies and who may claim them.

pub mod admission;
pub mod checks;
pub mod cohort;
pub mod commands;
pub mod curve;
pub mod day_ranges;
pub mod exits;
pub mod facts;
pub mod guarantee;
#[cfg(test)]
mod hand_cases;
pub mod history;
pub mod income;
pub mod presence;
pub mod reading;
pub mod records;
pub mod routes;
pub mod row_commands;
pub mod rules;
pub mod spell_book;
pub mod store;
pub mod verdict;
pub mod wording;

/// Most rows of a call.
pub const ROWS_MAX: usize = 5_000;
/// Most placements one event names. A longer call makes several events, each complete.
pub const EVENT_PLACEMENTS_MAX: usize = 200;
