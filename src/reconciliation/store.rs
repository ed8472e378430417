//! The database of reconciliation: reading facts ([`facts`]) and what people matched by hand (`matches`), and keeping runs and their rows
//! ([`runs`]).

pub mod facts;
mod matches;
pub mod runs;
