//! Place accounts and their ledger: reserve → consume, release, restore.
//!
//! Two counters and a limit per account, moved by one conditional update that all rows of a call share; the ledger entries behind
//! them are written in the same transaction, and `verify` adds them up again. A hold belongs to a dispatch and lapses by the clock.

mod caps;

use std::collections::BTreeMap;

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Nullable, Text};
use serde::Serialize;
use utoipa::ToSchema;

pub use caps::follow_caps;

use super::{NewCohort, Quota};
use crate::db::{Day, DbConnection, Id, Instant, RowSet, Uid, statement};
use crate::error::{Code, Error, Result};
use crate::events::Actor;
use crate::regions::RegionCode;

crate::text_enum! {
    /// What an account limits.
    pub enum AccountKind {
        /// The whole agreement, by the caps of its terms.
        Agreement => "agreement" / "协议",
        /// One destination region, by the caps of its terms.
        Region => "region" / "地区",
        /// One quota: its approved places.
        Quota => "quota" / "岗位名额",
        /// One start date of a quota.
        Cohort => "cohort" / "批次",
    }
}

crate::text_enum! {
    /// How an entry moves the counters of its account.
    pub enum EntryKind {
        /// Reserved goes up: a roster row was accepted.
        Reserve => "reserve" / "预留",
        /// From reserved to consumed: the dispatch departed.
        Consume => "consume" / "占用",
        /// Reserved goes down: the row was cancelled or the hold lapsed.
        Release => "release" / "释放",
        /// Consumed goes down: the person did not arrive.
        Restore => "restore" / "退回",
    }
}

impl EntryKind {
    /// What an entry of `places` does to reserved and consumed.
    #[must_use]
    pub const fn effect(self, places: i64) -> (i64, i64) {
        match self {
            Self::Reserve => (places, 0),
            Self::Consume => (-places, places),
            Self::Release => (-places, 0),
            Self::Restore => (0, -places),
        }
    }
}

/// Takes rosters whose holds have lapsed off the accounts of an agreement. Dispatches lie above quotas and are handed down.
pub type Sweep = fn(&mut DbConnection, &Actor, Id) -> Result<()>;

/// An account as it stands at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Account {
    /// Id.
    pub id: Id,
    /// What it limits.
    pub kind: AccountKind,
    /// The quota, for accounts of quotas and cohorts.
    pub quota_id: Option<Id>,
    /// The region, for a cap on a region.
    pub region_code: Option<RegionCode>,
    /// The start date, for a cohort.
    pub starts_on: Option<Day>,
    /// The limit.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub places: i64,
    /// Held by rosters that have not departed; lapsed holds are not in it.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub held: i64,
    /// Taken by workers who departed.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub filled: i64,
    /// Left: places − held − filled.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub free: i64,
}

type AccountRow = (Id, AccountKind, Option<Id>, Option<RegionCode>, Option<Day>, i64, i64, i64, i64);
type AccountTypes = (Uid, Text, Nullable<Uid>, Nullable<Text>, Nullable<Text>, BigInt, BigInt, BigInt, BigInt);

impl From<AccountRow> for Account {
    fn from((id, kind, quota_id, region_code, starts_on, places, reserved, consumed, lapsed): AccountRow) -> Self {
        let held = reserved - lapsed;
        Self {
            id,
            kind,
            quota_id,
            region_code,
            starts_on,
            places,
            held,
            filled: consumed,
            free: places - held - consumed,
        }
    }
}

/// The columns of an account with what has lapsed by now; takes one bind, the present instant.
const ACCOUNT_COLUMNS: &str = "a.id, a.kind, a.quota_id, a.region_code, a.starts_on, a.places, a.reserved, a.consumed, \
    cast(coalesce((select sum(h.places) from place_hold h where h.agreement_id = a.agreement_id and h.account_id = a.id and h.holds_until <= ?), 0) as bigint)";

/// Opens the accounts of quotas and their cohorts.
pub fn open(connection: &mut DbConnection, agreement_id: Id, quotas: &[(&Quota, &[NewCohort])]) -> Result<()> {
    let accounts = quotas.iter().flat_map(|(quota, cohorts)| {
        let own = (quota.id, quota.id, "quota", quota.approved_places, None);
        let cohorts =
            cohorts.iter().map(|cohort| (Id::new(), quota.id, "cohort", cohort.places, Some(cohort.starts_on)));
        std::iter::once(own).chain(cohorts)
    });
    let rows = RowSet::of(accounts)
        .shared("agreement_id", agreement_id)
        .column("id", |(id, ..)| id)
        .column("quota_id", |(_, quota_id, ..)| quota_id)
        .column("kind", |(_, _, kind, ..)| kind)
        .column("places", |(.., places, _)| places)
        .column("starts_on", |(.., starts_on)| starts_on);
    statement(
        "insert into place_account (agreement_id, id, kind, quota_id, region_code, starts_on, places, reserved, consumed) \
         select r.agreement_id, r.id, r.kind, r.quota_id, null, r.starts_on, r.places, 0, 0 from ? r",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}

/// Changes the limit of a quota's account; the database refuses fewer than are taken.
pub fn set_places(connection: &mut DbConnection, quota: &Quota, places: i64) -> Result<()> {
    statement("update place_account set places = ? where agreement_id = ? and id = ?")
        .bind(places)
        .bind(quota.agreement_id)
        .bind(quota.id)
        .run(connection)?;
    Ok(())
}

/// The accounts of a quota (itself first, then its cohorts by day) and the caps above it.
pub fn of_quota(connection: &mut DbConnection, quota: &Quota, now: Instant) -> Result<Vec<Account>> {
    let rows: Vec<AccountRow> = statement(format!(
        "select {ACCOUNT_COLUMNS} from place_account a where a.agreement_id = ? and (a.quota_id = ? or a.kind = 'agreement' or a.region_code = ?) \
         order by case a.kind when 'quota' then 0 when 'cohort' then 1 when 'region' then 2 else 3 end, a.starts_on"
    ))
    .bind(now)
    .bind(quota.agreement_id)
    .bind(quota.id)
    .bind(quota.region_code)
    .returning::<AccountTypes>()
    .load(connection)?;
    Ok(rows.into_iter().map(Account::from).collect())
}

/// Every account of the agreement that the quotas need, locked until the end of the transaction and in one order for all callers.
pub fn lock_for(connection: &mut DbConnection, agreement_id: Id, quotas: &[Id], now: Instant) -> Result<Vec<Account>> {
    let lock = match connection {
        DbConnection::Postgres(_) => " for update of a",
        DbConnection::Sqlite(_) => "",
    };
    let rows: Vec<AccountRow> = statement(format!(
        "select {ACCOUNT_COLUMNS} from place_account a where a.agreement_id = ? \
         and (a.quota_id is null or a.quota_id in (select r.id from ? r)) order by a.id{lock}"
    ))
    .bind(now)
    .bind(agreement_id)
    .bind(RowSet::list("id", quotas.iter().copied()))
    .returning::<AccountTypes>()
    .load(connection)?;
    Ok(rows.into_iter().map(Account::from).collect())
}

/// Moves places of many accounts for one dispatch: counters by one conditional update, entries beside it.
///
/// # Errors
/// [`Code::PlacesExhausted`] when a counter would leave its bounds; the CHECK says the same behind it.
pub fn post(
    connection: &mut DbConnection,
    agreement_id: Id,
    dispatch_id: Id,
    kind: EntryKind,
    reason: &str,
    moves: &BTreeMap<Id, i64>,
    now: Instant,
) -> Result<()> {
    if moves.is_empty() {
        return Ok(());
    }
    let entries: Vec<(Id, Id, i64, i64, i64)> = moves
        .iter()
        .map(|(account, places)| {
            let (reserved, consumed) = kind.effect(*places);
            (Id::new(), *account, *places, reserved, consumed)
        })
        .collect();
    let rows = RowSet::of(&entries)
        .shared("agreement_id", agreement_id)
        .column("account_id", |(_, account, ..)| *account)
        .column("places", |(_, _, places, ..)| *places);
    let counters =
        rows.clone().column("reserved", |(.., reserved, _)| *reserved).column("consumed", |(.., consumed)| *consumed);
    let moved = statement(
        "update place_account set reserved = place_account.reserved + r.reserved, consumed = place_account.consumed + r.consumed from ? r \
         where place_account.agreement_id = r.agreement_id and place_account.id = r.account_id and place_account.reserved + r.reserved >= 0 \
         and place_account.consumed + r.consumed >= 0 \
         and place_account.reserved + r.reserved + place_account.consumed + r.consumed <= place_account.places",
    )
    .bind(counters)
    .run(connection)?;
    if moved != moves.len() {
        return Err(Error::new(Code::PlacesExhausted));
    }
    let ledger = rows
        .shared("dispatch_id", dispatch_id)
        .shared("kind", kind.as_str())
        .shared("reason", reason)
        .shared("recorded_at", now)
        .column("id", |(id, ..)| *id);
    statement(
        "insert into place_entry (agreement_id, id, account_id, dispatch_id, kind, places, reason, recorded_at) \
         select r.agreement_id, r.id, r.account_id, r.dispatch_id, r.kind, r.places, r.reason, r.recorded_at from ? r",
    )
    .bind(ledger)
    .run(connection)?;
    Ok(())
}

/// What a dispatch moves of each account, as rows.
fn move_rows(agreement_id: Id, dispatch_id: Id, moves: &BTreeMap<Id, i64>) -> RowSet<(&Id, &i64)> {
    RowSet::of(moves)
        .shared("agreement_id", agreement_id)
        .shared("dispatch_id", dispatch_id)
        .column("account_id", |(account, _)| *account)
        .column("places", |(_, places)| *places)
}

/// Adds to what a dispatch holds of its accounts.
pub fn hold(
    connection: &mut DbConnection,
    agreement_id: Id,
    dispatch_id: Id,
    moves: &BTreeMap<Id, i64>,
    until: Instant,
) -> Result<()> {
    let rows = move_rows(agreement_id, dispatch_id, moves).shared("holds_until", until);
    statement(
        "insert into place_hold (agreement_id, account_id, dispatch_id, places, holds_until) \
         select r.agreement_id, r.account_id, r.dispatch_id, r.places, r.holds_until from ? r where true \
         on conflict (agreement_id, account_id, dispatch_id) do update set places = place_hold.places + excluded.places, holds_until = excluded.holds_until",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}

/// What a dispatch holds, by account.
pub fn held_by(connection: &mut DbConnection, agreement_id: Id, dispatch_id: Id) -> Result<BTreeMap<Id, i64>> {
    let rows: Vec<(Id, i64)> =
        statement("select account_id, places from place_hold where agreement_id = ? and dispatch_id = ?")
            .bind(agreement_id)
            .bind(dispatch_id)
            .returning::<(Uid, BigInt)>()
            .load(connection)?;
    Ok(rows.into_iter().collect())
}

/// Ends what a dispatch holds: its places are consumed (it departed) or released.
pub fn settle_holds(
    connection: &mut DbConnection,
    agreement_id: Id,
    dispatch_id: Id,
    kind: EntryKind,
    reason: &str,
    now: Instant,
) -> Result<()> {
    let held = held_by(connection, agreement_id, dispatch_id)?;
    post(connection, agreement_id, dispatch_id, kind, reason, &held, now)?;
    statement("delete from place_hold where agreement_id = ? and dispatch_id = ?")
        .bind(agreement_id)
        .bind(dispatch_id)
        .run(connection)?;
    Ok(())
}

/// Gives back some of what a dispatch holds.
pub fn release(
    connection: &mut DbConnection,
    agreement_id: Id,
    dispatch_id: Id,
    moves: &BTreeMap<Id, i64>,
    reason: &str,
    now: Instant,
) -> Result<()> {
    post(connection, agreement_id, dispatch_id, EntryKind::Release, reason, moves, now)?;
    let rows = move_rows(agreement_id, dispatch_id, moves);
    statement(
        "delete from place_hold where agreement_id = ? and dispatch_id = ? \
         and exists (select 1 from ? r where r.account_id = place_hold.account_id and r.places >= place_hold.places)",
    )
    .bind(agreement_id)
    .bind(dispatch_id)
    .bind(rows.clone())
    .run(connection)?;
    statement(
        "update place_hold set places = place_hold.places - r.places from ? r \
         where place_hold.agreement_id = r.agreement_id and place_hold.dispatch_id = r.dispatch_id and place_hold.account_id = r.account_id",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}

/// How many accounts there are.
pub fn count(connection: &mut DbConnection) -> Result<u64> {
    let count: i64 = statement("select count(*) from place_account").returning::<BigInt>().get_result(connection)?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Accounts whose counters are not the sum of their entries; what `verify` asks.
pub fn differences(connection: &mut DbConnection) -> Result<Vec<(Id, i64, i64, i64, i64)>> {
    Ok(statement(
        "select a.id, a.reserved, a.consumed, cast(coalesce(e.reserved, 0) as bigint), cast(coalesce(e.consumed, 0) as bigint) from place_account a \
         left join (select agreement_id, account_id, \
           sum(case kind when 'reserve' then places when 'consume' then -places when 'release' then -places else 0 end) as reserved, \
           sum(case kind when 'consume' then places when 'restore' then -places else 0 end) as consumed \
           from place_entry group by agreement_id, account_id) e on e.agreement_id = a.agreement_id and e.account_id = a.id \
         where a.reserved <> coalesce(e.reserved, 0) or a.consumed <> coalesce(e.consumed, 0)",
    )
    .returning::<(Uid, BigInt, BigInt, BigInt, BigInt)>()
    .load(connection)?)
}
