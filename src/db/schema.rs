//! The tables, as both back ends have them: one file for each slice, one for the platform.
//!
//! The migrations decide; a test compares these files, the SQLite schema and the PostgreSQL schema column by column.

mod agreements;
mod arrivals;
mod discrepancies;
mod dispatches;
mod guarantee;
mod interchange;
mod jobs;
mod parties;
mod platform;
mod quotas;
mod reconciliation;
mod retention;
mod statements;
mod webhooks;
mod workers;

pub use agreements::{agreement, agreement_party, agreement_version, ratification};
pub use arrivals::{claim, dispute};
pub use discrepancies::{claim_match, discrepancy, discrepancy_duty, discrepancy_entry, discrepancy_resolution};
pub use dispatches::{dispatch, open_placement, placement, retention_due, roster_return, tally};
pub use guarantee::{replacement_duty, transferred_place};
pub use interchange::{file_import, import_row};
pub use jobs::{job, job_part};
pub use parties::{party, zone};
pub use platform::{chain_head, client, client_key, event, feed_head, idempotency_key, key_ring, used_assertion};
pub use quotas::{place_account, place_entry, place_hold, quota, quota_approval};
pub use reconciliation::{reconciliation_row, reconciliation_run};
pub use retention::{employment_spell, exit_entry, observation, retention_check};
pub use statements::{monthly_statement, statement_edition, statement_objection, statement_row, statement_signature};
pub use webhooks::{webhook_delivery, webhook_endpoint, webhook_secret};
pub use workers::{identity_read, worker, worker_group};

// Tables that one of Diesel's own queries names together; the texts of statements need no leave.
diesel::allow_tables_to_appear_in_same_query!(agreement, agreement_party);
diesel::allow_tables_to_appear_in_same_query!(quota, place_account, place_entry, place_hold);
diesel::allow_tables_to_appear_in_same_query!(worker, worker_group);
diesel::allow_tables_to_appear_in_same_query!(
    quota,
    dispatch,
    placement,
    claim,
    claim_match,
    dispute,
    employment_spell,
    observation,
    exit_entry
);
