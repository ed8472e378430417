//! retention.

pub mod day_ranges;
pub mod facts;
pub mod presence;
pub mod routes;
pub mod rules;
pub mod verdict;
