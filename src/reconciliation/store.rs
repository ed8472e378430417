//! The database of reconciliation: reading facts ([`facts`]) and what people matched by hand (`matches`), finding what was recorded since
//! an earlier run ([`touched`]), and keeping runs and their rows ([`runs`], [`rows`]).

pub mod facts;
mod matches;
pub mod rows;
pub mod runs;
pub mod touched;
