//! Reconciliation (对账): the origin's roster, the claims of employers and destinations, and what stations, ledgers and insurance show,
//! compared row by row at a cut-off.
//!
//! Every row is in exactly one situation ([`situations::SITUATIONS`]); what only the clock decides is derived at the cut-off and never
//! stored. The same facts give the same rows and the same hash, in one run or in many. Deliberately absent here: choosing between candidates. Ambiguous is a
//! situation, never a choice.

pub mod attribution;
pub mod comparison;
pub mod consequences;
pub mod differences;
pub mod examination;
pub mod facts;
pub mod matching;
pub mod persons;
pub mod records;
pub mod report;
pub mod routes;
pub mod rules;
pub mod run;
pub mod run_command;
pub mod run_hash;
pub mod situations;
pub mod store;
pub mod testimony;
pub mod walk;
