//! parties.

pub mod credit_code;
pub mod routes;
