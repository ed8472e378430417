//! Claims that name a person and were matched to a placement by hand: from then on, and until that is undone, they are read as claims about
//! the placement. The claim itself stays as it was sent.

use std::collections::BTreeMap;

use diesel::RunQueryDsl;
use uuid::Uuid;

use super::facts::{Books, CLAIM, COUNTS, ClaimColumns, ClaimTypes, REPLACED, claim};
use crate::db::{DbConnection, Id, RowSet, statement};
use crate::error::Result;
use crate::reconciliation::persons::latest_of_each;
use crate::reconciliation::records::ClaimRecord;

/// Whether a match `m` stood by then; two binds, the instant twice.
const STOOD: &str = "m.recorded_at < ? and (m.undone_at is null or m.undone_at >= ?)";

/// Leaves the claims `c` out that were matched; two binds, the instant twice.
pub(super) const NOT_MATCHED: &str = "not exists (select 1 from claim_match m where m.agreement_id = c.agreement_id and m.claim_id = c.id \
                                      and m.recorded_at < ? and (m.undone_at is null or m.undone_at >= ?))";

/// The columns of a claim `c`, with the placement that it was matched to in the place of its own.
fn columns() -> String {
    CLAIM.replace("c.placement_id", "m.placement_id")
}

/// The claims matched to the placements of a stretch.
pub(super) fn between(books: &Books, connection: &mut DbConnection, after: Id, last: Id) -> Result<Vec<ClaimRecord>> {
    let rows: Vec<ClaimColumns> = statement(format!(
        "select {} from claim_match m cross join claim c {REPLACED} where m.agreement_id = ? and m.placement_id > ? and m.placement_id <= ? \
         and {STOOD} and c.agreement_id = m.agreement_id and c.id = m.claim_id and {COUNTS}",
        columns()
    ))
    .bind(books.known_before)
    .bind(books.agreement_id)
    .bind(after)
    .bind(last)
    .bind(books.known_before)
    .bind(books.known_before)
    .bind(books.known_before)
    .bind(books.cut_off)
    .returning::<ClaimTypes>()
    .load(connection)?;
    Ok(rows.into_iter().map(claim).collect())
}

/// The claims matched to these placements.
pub(super) fn of(books: &Books, connection: &mut DbConnection, placements: &[Id]) -> Result<Vec<ClaimRecord>> {
    let wanted = RowSet::list("placement_id", placements.iter().copied());
    let rows: Vec<ClaimColumns> = statement(format!(
        "select {} from ? k cross join claim_match m cross join claim c {REPLACED} \
         where m.agreement_id = k.agreement_id and m.placement_id = k.placement_id and {STOOD} \
         and c.agreement_id = k.agreement_id and c.id = m.claim_id and {COUNTS}",
        columns()
    ))
    .bind(wanted.shared("agreement_id", books.agreement_id))
    .bind(books.known_before)
    .bind(books.known_before)
    .bind(books.known_before)
    .bind(books.known_before)
    .bind(books.cut_off)
    .returning::<ClaimTypes>()
    .load(connection)?;
    Ok(rows.into_iter().map(claim).collect())
}

/// Direct and matched claims together: of each claimant the latest about each placement, in ascending order of placement and claim.
pub(super) fn together(direct: Vec<ClaimRecord>, matched: Vec<ClaimRecord>) -> Vec<ClaimRecord> {
    if matched.is_empty() {
        return direct;
    }
    let mut by_placement: BTreeMap<Option<Uuid>, Vec<ClaimRecord>> = BTreeMap::new();
    for claim in direct.into_iter().chain(matched) {
        by_placement.entry(claim.placement_id).or_default().push(claim);
    }
    by_placement.into_values().flat_map(latest_of_each).collect()
}
