//! arrivals.

pub mod routes;
