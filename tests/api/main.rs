//! The exchange as its users meet it: every test talks HTTP to the whole application over a real database, on both back ends.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a test fails by panicking, and says so with the cause"
)]

mod agreements;
mod append_only;
mod arrivals;
mod bulk;
mod calendar;
mod certification;
mod code_lists;
mod command_line;
mod continued_runs;
mod contract;
mod discrepancies;
mod dispatches;
mod edge;
mod event_consumers;
mod events;
mod fulfilment;
mod idempotency;
mod identity;
mod imports;
mod indicators;
mod journey;
mod ledger;
mod lists;
mod migrations;
mod parties;
mod plans;
mod problems;
mod quotas;
mod races;
mod reconciliation;
mod regions;
mod retention;
mod row_sets;
mod statements;
mod support;
mod verify;
mod webhooks;
mod workers;
