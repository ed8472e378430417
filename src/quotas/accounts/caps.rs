//! The caps of the terms as accounts: the whole agreement, and single destination regions.
//!
//! An amendment takes effect by the clock, so the accounts follow the terms in effect when the next places are asked for. A cap that
//! comes late starts with everything that is held and filled under it, entry by entry, so that its ledger is whole from its first day.

use std::collections::BTreeMap;

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::AccountKind;
use crate::agreements::PlaceCaps;
use crate::db::{DbConnection, Id, RowSet, Uid, statement};
use crate::error::Result;
use crate::regions::RegionCode;

/// The limit of a cap that the terms no longer have: as many places as an agreement can ever have.
const NO_LIMIT: i64 = 10_000_000;

/// A cap as an account, and how many places are taken under it.
struct Kept {
    id: Id,
    region_code: Option<RegionCode>,
    places: i64,
    taken: i64,
}

/// What has to be done for the accounts to say what the terms say.
enum Step {
    Open { region_code: Option<RegionCode>, places: i64 },
    Limit { id: Id, places: i64 },
}

/// Makes the accounts of the caps those of the terms in effect. Costs one statement where nothing has changed.
///
/// # Errors
/// What the database says.
pub fn follow_caps(connection: &mut DbConnection, agreement_id: Id, caps: &PlaceCaps) -> Result<()> {
    if steps(&kept(connection, agreement_id)?, caps).is_empty() {
        return Ok(());
    }
    // Whoever changes the accounts of an agreement's caps does so alone, and looks again once it is alone.
    let lock = format!("select id from agreement where id = ?{}", connection.row_lock());
    statement(lock).bind(agreement_id).returning::<Uid>().load::<Id>(connection)?;
    for step in steps(&kept(connection, agreement_id)?, caps) {
        match step {
            Step::Open { region_code, places } => open(connection, agreement_id, region_code, places)?,
            Step::Limit { id, places } => set_limit(connection, agreement_id, id, places)?,
        }
    }
    Ok(())
}

fn kept(connection: &mut DbConnection, agreement_id: Id) -> Result<Vec<Kept>> {
    let rows: Vec<(Id, Option<RegionCode>, i64, i64)> = statement(
        "select id, region_code, places, reserved + consumed from place_account where agreement_id = ? and quota_id is null",
    )
    .bind(agreement_id)
    .returning::<(Uid, Nullable<Text>, BigInt, BigInt)>()
    .load(connection)?;
    let kept = |(id, region_code, places, taken)| Kept { id, region_code, places, taken };
    Ok(rows.into_iter().map(kept).collect())
}

/// A cap below what is taken already leaves nothing free, and takes nothing back.
fn steps(kept: &[Kept], caps: &PlaceCaps) -> Vec<Step> {
    let mut wanted: BTreeMap<Option<RegionCode>, i64> =
        caps.regions.iter().map(|cap| (Some(cap.region_code), cap.places)).collect();
    wanted.extend(caps.agreement.map(|places| (None, places)));
    let mut steps = Vec::new();
    for account in kept {
        let places = wanted.remove(&account.region_code).unwrap_or(NO_LIMIT).max(account.taken);
        if places != account.places {
            steps.push(Step::Limit { id: account.id, places });
        }
    }
    steps.extend(wanted.into_iter().map(|(region_code, places)| Step::Open { region_code, places }));
    steps
}

fn set_limit(connection: &mut DbConnection, agreement_id: Id, id: Id, places: i64) -> Result<()> {
    statement("update place_account set places = ? where agreement_id = ? and id = ?")
        .bind(places)
        .bind(agreement_id)
        .bind(id)
        .run(connection)?;
    Ok(())
}

/// Opens a cap with what the quotas under it hold and have filled: its counters, its holds, and an entry for each kind of movement of each
/// dispatch.
fn open(connection: &mut DbConnection, agreement_id: Id, region_code: Option<RegionCode>, places: i64) -> Result<()> {
    let (id, text) = (Id::new(), region_code.map(|code| code.to_string()));
    let kind = if region_code.is_some() { AccountKind::Region } else { AccountKind::Agreement };
    // The accounts under the cap; takes two binds.
    let under = "from place_account a join quota q on q.agreement_id = a.agreement_id and q.id = a.id \
        where a.agreement_id = ? and (cast(? as text) is null or q.region_code = ?)";
    let taken: Vec<(i64, i64)> = statement(format!(
        "select cast(coalesce(sum(a.reserved), 0) as bigint), cast(coalesce(sum(a.consumed), 0) as bigint) {under}"
    ))
    .bind(agreement_id)
    .bind(text.clone())
    .bind(text.clone())
    .returning::<(BigInt, BigInt)>()
    .load(connection)?;
    let (reserved, consumed) = taken.first().copied().unwrap_or_default();
    statement(
        "insert into place_account (agreement_id, id, kind, quota_id, region_code, starts_on, places, reserved, consumed) values (?, ?, ?, null, ?, null, ?, ?, ?)",
    )
    .bind(agreement_id)
    .bind(id)
    .bind(kind.as_str())
    .bind(text.clone())
    .bind(places.max(reserved + consumed))
    .bind(reserved)
    .bind(consumed)
    .run(connection)?;
    copy_holds(connection, agreement_id, id, text.as_deref(), under)?;
    copy_entries(connection, agreement_id, id, text.as_deref(), under)
}

fn copy_holds(
    connection: &mut DbConnection,
    agreement_id: Id,
    id: Id,
    region: Option<&str>,
    under: &str,
) -> Result<()> {
    statement(format!(
        "insert into place_hold (agreement_id, account_id, dispatch_id, places, holds_until) \
         select c.agreement_id, c.id, h.dispatch_id, h.places, h.holds_until from place_account c join \
         (select dispatch_id, cast(sum(places) as bigint) as places, max(holds_until) as holds_until from place_hold \
          where agreement_id = ? and account_id in (select a.id {under}) group by dispatch_id) h on true \
         where c.agreement_id = ? and c.id = ?"
    ))
    .bind(agreement_id)
    .bind(agreement_id)
    .bind(region)
    .bind(region)
    .bind(agreement_id)
    .bind(id)
    .run(connection)?;
    Ok(())
}

/// Entries need ids of their own, which the exchange makes, so the sums are read and written back.
fn copy_entries(
    connection: &mut DbConnection,
    agreement_id: Id,
    id: Id,
    region: Option<&str>,
    under: &str,
) -> Result<()> {
    type Sum = (Id, String, i64, i64);
    let sums: Vec<Sum> = statement(format!(
        "select dispatch_id, kind, cast(sum(places) as bigint), max(recorded_at) from place_entry \
         where agreement_id = ? and account_id in (select a.id {under}) group by dispatch_id, kind order by max(recorded_at)"
    ))
    .bind(agreement_id)
    .bind(agreement_id)
    .bind(region)
    .bind(region)
    .returning::<(Uid, Text, BigInt, BigInt)>()
    .load(connection)?;
    let rows = RowSet::of(&sums)
        .shared("agreement_id", agreement_id)
        .shared("account_id", id)
        .column("id", |_| Id::new())
        .column("dispatch_id", |(dispatch, ..)| *dispatch)
        .column("kind", |(_, kind, ..)| kind.as_str())
        .column("places", |(.., places, _)| *places)
        .column("recorded_at", |(.., at)| *at);
    statement(
        "insert into place_entry (agreement_id, id, account_id, dispatch_id, kind, places, reason, recorded_at) \
         select r.agreement_id, r.id, r.account_id, r.dispatch_id, r.kind, r.places, 'cap_opened', r.recorded_at from ? r",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreements::RegionCap;

    fn account(region_code: Option<&str>, places: i64, taken: i64) -> Kept {
        Kept { id: Id::new(), region_code: region_code.map(|code| code.parse().unwrap()), places, taken }
    }

    fn told(steps: &[Step]) -> Vec<String> {
        steps
            .iter()
            .map(|step| match step {
                Step::Open { region_code, places } => {
                    format!("open {} {places}", region_code.map_or("agreement".to_owned(), |code| code.to_string()))
                }
                Step::Limit { places, .. } => format!("limit {places}"),
            })
            .collect()
    }

    #[test]
    fn the_accounts_follow_the_caps_of_the_terms() {
        let caps = |agreement, region: Option<i64>| PlaceCaps {
            agreement,
            regions: region
                .map(|places| RegionCap { region_code: "330782".parse().unwrap(), places })
                .into_iter()
                .collect(),
        };
        for (kept, caps, expected) in [
            (vec![], caps(None, None), vec![]),
            (vec![], caps(Some(500), Some(200)), vec!["open agreement 500", "open 330782 200"]),
            (vec![account(None, 500, 100)], caps(Some(500), None), vec![]),
            (vec![account(None, 500, 100)], caps(Some(800), None), vec!["limit 800"]),
            (vec![account(None, 500, 300)], caps(Some(200), None), vec!["limit 300"]),
            (vec![account(Some("330782"), 200, 10)], caps(None, None), vec!["limit 10000000"]),
            (vec![account(Some("330782"), NO_LIMIT, 10)], caps(None, None), vec![]),
        ] {
            assert_eq!(told(&steps(&kept, &caps)), expected);
        }
    }
}
