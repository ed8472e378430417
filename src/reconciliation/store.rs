//! The database of reconciliation: reading facts ([`facts`]), and keeping runs and their rows ([`runs`]).

pub mod facts;
pub mod runs;
