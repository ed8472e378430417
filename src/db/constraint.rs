//! The database is the referee: a named constraint refuses, this file says which one it was.
//!
//! PostgreSQL names the constraint in the error. SQLite names a CHECK by its name and a UNIQUE by its columns, so the
//! columns of each unique constraint whose refusal a caller can cause are listed here.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// Unique constraints as SQLite reports them.
const UNIQUE_COLUMNS: &[(&str, &str)] = &[
    ("zone.host_code, zone.name", "zone_name_unique"),
    ("party.credit_code", "party_credit_code_unique"),
    ("client_key.client_id, client_key.kid", "client_key_pkey"),
    ("used_assertion.client_id, used_assertion.jti", "used_assertion_pkey"),
    ("worker.party_id, worker.identity_index", "worker_identity_unique"),
    ("worker.party_id, worker.partner_ref", "worker_partner_ref_unique"),
    ("agreement.number", "agreement_number_unique"),
    ("agreement.drafted_by, agreement.partner_ref", "agreement_partner_ref_unique"),
    ("ratification.agreement_id, ratification.version, ratification.party_id", "ratification_pkey"),
    ("quota.destination_id, quota.partner_ref", "quota_partner_ref_unique"),
    ("dispatch.origin_id, dispatch.partner_ref", "dispatch_partner_ref_unique"),
    ("placement.agreement_id, placement.dispatch_id, placement.worker_id", "placement_worker_once"),
    ("open_placement.person_id", "open_placement_pkey"),
    ("claim.claimant_id, claim.client_ref", "claim_client_ref_unique"),
    ("observation.observer_id, observation.client_ref", "observation_client_ref_unique"),
    ("reconciliation_run.agreement_id", "reconciliation_run_one_running"),
    ("webhook_endpoint.party_id, webhook_endpoint.partner_ref", "webhook_endpoint_partner_ref_unique"),
    ("idempotency_key.id", "idempotency_key_pkey"),
];

/// The name of the constraint that refused, if one did.
#[must_use]
pub fn violated(error: &DieselError) -> Option<String> {
    let DieselError::DatabaseError(kind, information) = error else { return None };
    if let Some(name) = information.constraint_name() {
        return Some(name.to_owned());
    }
    let message = information.message();
    match kind {
        DatabaseErrorKind::UniqueViolation => {
            let columns = message.strip_prefix("UNIQUE constraint failed: ")?;
            let known = UNIQUE_COLUMNS.iter().find(|(listed, _)| *listed == columns);
            Some(known.map_or(columns, |(_, name)| name).to_owned())
        }
        DatabaseErrorKind::CheckViolation => message.strip_prefix("CHECK constraint failed: ").map(ToOwned::to_owned),
        DatabaseErrorKind::ForeignKeyViolation => Some("foreign_key".to_owned()),
        _ => None,
    }
}

/// Whether the named constraint refused.
#[must_use]
pub fn is_violated(error: &DieselError, name: &str) -> bool {
    violated(error).is_some_and(|violated| violated == name)
}
