//! fulfilment.

pub mod routes;
