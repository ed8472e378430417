//! reconciliation.

pub mod routes;
