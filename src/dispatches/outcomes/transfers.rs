//! The place follows the worker: who moves to another employer gives the place at the old one back and takes one of the new one's quota, in
//! one transaction (F14).
//!
//! Rows of a call are weighed one after the other over the locked accounts before anything is written, so that a place given back by an
//! earlier row serves a later one. A move is a fact: where the new employer has no place, and the row named none, it is recorded without
//! one. A place in a cohort is for a start date; a place taken by a transfer is none of a cohort's.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::places;
use crate::db::{Day, DbConnection, Id};
use crate::dispatches::{Placement, store};
use crate::error::Result;
use crate::events::Actor;
use crate::quotas::accounts::{self, Account, AccountKind, EntryKind};
use crate::regions::RegionCode;

/// A published quota, as a worker who moves may take a place of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenQuota {
    /// The quota.
    pub id: Id,
    /// Its employer.
    pub employer_id: Id,
    /// Its workplace.
    pub region_code: RegionCode,
    /// The last day on which it takes anybody.
    pub valid_until: Day,
}

/// Why no place can be given to a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The named quota is none of the new employer's that takes anybody on that day.
    QuotaUnknown,
    /// The named quota has no place left, or a cap above it.
    Exhausted,
    /// The employer has several quotas there, and none was named.
    Several(Vec<Id>),
}

/// Where somebody starts.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    /// The employer.
    pub employer_id: Id,
    /// Region code of the workplace.
    pub region: &'a str,
    /// First day.
    pub on: Day,
    /// The quota, where the report names one.
    pub quota_id: Option<Id>,
}

/// A place that moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MovedPlace {
    /// The quota that has it back; none where none was taken.
    pub from: Option<Id>,
    /// The quota of which one is taken; none where there was none.
    pub to: Option<Id>,
    /// The placement.
    pub placement_id: Id,
}

/// Moves of one call, weighed before anything is written.
#[derive(Debug, Default)]
pub struct Transfers {
    free: Vec<i64>,
    quotas: Vec<OpenQuota>,
    paths: HashMap<Id, Vec<usize>>,
    taken: HashMap<Id, Vec<usize>>,
    moved: BTreeMap<Id, Option<Id>>,
}

impl Transfers {
    /// Locks the accounts that moves of these placements to these employers may touch.
    ///
    /// # Errors
    /// What the database says.
    pub fn open(
        connection: &mut DbConnection,
        actor: &Actor,
        agreement_id: Id,
        placements: &[Id],
        employers: &BTreeSet<Id>,
    ) -> Result<Self> {
        // What has lapsed counts as free, so it must be free for the ledger too.
        super::sweep_lapsed(connection, actor, agreement_id)?;
        let quotas = places::open_quotas(connection, agreement_id, employers)?;
        let taken = places::quotas_taken(connection, agreement_id, placements)?;
        let needed: BTreeSet<Id> = quotas.iter().map(|quota| quota.id).chain(taken.into_values()).collect();
        let needed: Vec<Id> = needed.into_iter().collect();
        let accounts = accounts::lock_for(connection, agreement_id, &needed, actor.now)?;
        let rows = store::placements_of(connection, agreement_id, placements)?;
        let holding: Vec<&Placement> = rows.iter().filter(|row| row.holds_place).collect();
        let pairs = places::account_paths(connection, agreement_id, &holding)?;
        Ok(Self::over(&accounts, quotas, pairs))
    }

    fn over(accounts: &[Account], quotas: Vec<OpenQuota>, pairs: Vec<(Id, Id)>) -> Self {
        let at: HashMap<Id, usize> = accounts.iter().enumerate().map(|(place, account)| (account.id, place)).collect();
        let mut taken: HashMap<Id, Vec<usize>> = HashMap::new();
        for (placement, account) in pairs {
            taken.entry(placement).or_default().extend(at.get(&account));
        }
        let path = |quota: &OpenQuota| {
            let on_the_way = |account: &Account| match account.kind {
                AccountKind::Quota => account.id == quota.id,
                AccountKind::Agreement => true,
                AccountKind::Region => account.region_code == Some(quota.region_code),
                AccountKind::Cohort => false,
            };
            let accounts = accounts.iter().enumerate().filter(|(_, account)| on_the_way(account));
            (quota.id, accounts.map(|(place, _)| place).collect())
        };
        let paths = quotas.iter().map(path).collect();
        Self {
            free: accounts.iter().map(|account| account.free).collect(),
            quotas,
            paths,
            taken,
            moved: BTreeMap::new(),
        }
    }

    /// Moves the place of a placement.
    ///
    /// # Errors
    /// When no place can be given; nothing is changed then.
    pub fn move_to(&mut self, placement_id: Id, to: Destination<'_>) -> std::result::Result<(), Refusal> {
        let before = self.taken.get(&placement_id).cloned().unwrap_or_default();
        self.change(&before, 1);
        match self.place_for(to) {
            Ok(quota) => {
                let accounts = quota.and_then(|quota| self.paths.get(&quota)).cloned().unwrap_or_default();
                self.change(&accounts, -1);
                self.taken.insert(placement_id, accounts);
                self.moved.insert(placement_id, quota);
                Ok(())
            }
            Err(refusal) => {
                self.change(&before, -1);
                Err(refusal)
            }
        }
    }

    fn change(&mut self, accounts: &[usize], places: i64) {
        for account in accounts {
            if let Some(free) = self.free.get_mut(*account) {
                *free += places;
            }
        }
    }

    fn has_room(&self, quota: Id) -> bool {
        let path = self.paths.get(&quota).map(Vec::as_slice).unwrap_or_default();
        !path.is_empty() && path.iter().all(|account| self.free.get(*account).is_some_and(|free| *free > 0))
    }

    fn place_for(&self, to: Destination<'_>) -> std::result::Result<Option<Id>, Refusal> {
        let takes = |quota: &&OpenQuota| quota.employer_id == to.employer_id && to.on <= quota.valid_until;
        if let Some(named) = to.quota_id {
            let known = self.quotas.iter().filter(takes).any(|quota| quota.id == named);
            return match (known, self.has_room(named)) {
                (false, _) => Err(Refusal::QuotaUnknown),
                (true, false) => Err(Refusal::Exhausted),
                (true, true) => Ok(Some(named)),
            };
        }
        let there = self.quotas.iter().filter(takes).filter(|quota| quota.region_code.to_string() == to.region);
        let there: Vec<Id> = there.map(|quota| quota.id).collect();
        match there.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(*only).filter(|quota| self.has_room(*quota))),
            _ => Err(Refusal::Several(there)),
        }
    }

    /// Writes the moves: places given back, places taken, and where each lies now.
    ///
    /// # Errors
    /// What the database says.
    pub fn write(self, connection: &mut DbConnection, actor: &Actor, agreement_id: Id) -> Result<Vec<MovedPlace>> {
        if self.moved.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Id> = self.moved.keys().copied().collect();
        let from = places::quotas_taken(connection, agreement_id, &ids)?;
        let rows = store::placements_of(connection, agreement_id, &ids)?;
        let holding: Vec<&Placement> = rows.iter().filter(|row| row.holds_place).collect();
        let takes = |row: &&Placement| self.moved.get(&row.id).is_some_and(Option::is_some);
        let (taking, without): (Vec<&Placement>, Vec<&Placement>) = rows.iter().partition(takes);
        places::move_places(connection, actor, agreement_id, &holding, &[EntryKind::Restore], "transferred")?;
        places::point(connection, agreement_id, &self.moved, actor.now)?;
        let kinds = [EntryKind::Reserve, EntryKind::Consume];
        places::move_places(connection, actor, agreement_id, &taking, &kinds, "transferred")?;
        places::set_holds_place(connection, agreement_id, &taking, true)?;
        places::set_holds_place(connection, agreement_id, &without, false)?;
        let moved = self.moved.into_iter();
        Ok(moved
            .map(|(placement_id, to)| MovedPlace { from: from.get(&placement_id).copied(), to, placement_id })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Id = Id(uuid::Uuid::from_u128(1));
    const NEW: Id = Id(uuid::Uuid::from_u128(2));
    const FAR: Id = Id(uuid::Uuid::from_u128(3));
    const CAP: Id = Id(uuid::Uuid::from_u128(9));
    const OLD_EMPLOYER: Id = Id(uuid::Uuid::from_u128(11));
    const NEW_EMPLOYER: Id = Id(uuid::Uuid::from_u128(12));

    fn account(id: Id, kind: AccountKind, free: i64) -> Account {
        let quota_id = (kind == AccountKind::Quota).then_some(id);
        Account { id, kind, quota_id, region_code: None, starts_on: None, places: 10, held: 0, filled: 10 - free, free }
    }

    fn quota(id: Id, employer_id: Id, region: &str) -> OpenQuota {
        let valid_until = Day::parse("2026-12-31").unwrap();
        OpenQuota { id, employer_id, region_code: region.parse().unwrap(), valid_until }
    }

    fn worker(number: u128) -> Id {
        Id(uuid::Uuid::from_u128(100 + number))
    }

    /// Two workers at the old employer; the new one has so many places in Yiwu, and one quota in Haining.
    fn moves(free: i64) -> Transfers {
        let accounts = [
            account(OLD, AccountKind::Quota, 0),
            account(NEW, AccountKind::Quota, free),
            account(FAR, AccountKind::Quota, 5),
            account(CAP, AccountKind::Agreement, 0),
        ];
        let quotas = vec![
            quota(OLD, OLD_EMPLOYER, "330782"),
            quota(NEW, NEW_EMPLOYER, "330782"),
            quota(FAR, NEW_EMPLOYER, "330481"),
        ];
        let taken = [1, 2].into_iter().flat_map(|number| [(worker(number), OLD), (worker(number), CAP)]).collect();
        Transfers::over(&accounts, quotas, taken)
    }

    fn to(employer_id: Id, quota_id: Option<Id>) -> Destination<'static> {
        Destination { employer_id, region: "330782", on: Day::parse("2026-04-21").unwrap(), quota_id }
    }

    #[test]
    fn a_move_gives_one_place_back_and_takes_another_even_under_a_full_cap() {
        let mut moves = moves(1);
        assert_eq!(moves.move_to(worker(1), to(NEW_EMPLOYER, None)), Ok(()));
        assert_eq!(moves.free, [1, 0, 5, 0], "the cap of the agreement is as full as before");
        assert_eq!(moves.moved[&worker(1)], Some(NEW));
    }

    #[test]
    fn a_full_quota_refuses_who_names_it_and_takes_nobody_else() {
        let mut moves = moves(0);
        assert_eq!(moves.move_to(worker(1), to(NEW_EMPLOYER, Some(NEW))), Err(Refusal::Exhausted));
        assert_eq!(moves.free, [0, 0, 5, 0], "nothing has changed");
        assert_eq!(moves.move_to(worker(1), to(NEW_EMPLOYER, None)), Ok(()));
        assert_eq!((moves.free[0], moves.moved[&worker(1)]), (1, None), "moved, without a place");
    }

    #[test]
    fn a_place_given_back_serves_the_next_row() {
        let mut moves = moves(1);
        assert_eq!(moves.move_to(worker(1), to(NEW_EMPLOYER, None)), Ok(()));
        assert_eq!(moves.move_to(worker(2), to(NEW_EMPLOYER, Some(NEW))), Err(Refusal::Exhausted));
        assert_eq!(moves.move_to(worker(1), to(OLD_EMPLOYER, None)), Ok(()));
        assert_eq!(moves.move_to(worker(2), to(NEW_EMPLOYER, Some(NEW))), Ok(()));
        assert_eq!(moves.free, [1, 0, 5, 0]);
    }

    #[test]
    fn the_quota_is_the_new_employers_and_nobody_chooses_between_two() {
        let mut one = moves(1);
        assert_eq!(one.move_to(worker(1), to(NEW_EMPLOYER, Some(OLD))), Err(Refusal::QuotaUnknown));
        let late = Destination { on: Day::parse("2027-01-01").unwrap(), ..to(NEW_EMPLOYER, Some(NEW)) };
        assert_eq!(one.move_to(worker(1), late), Err(Refusal::QuotaUnknown), "it takes nobody any more");
        let mut two = moves(1);
        two.quotas.push(quota(CAP, NEW_EMPLOYER, "330782"));
        assert_eq!(two.move_to(worker(1), to(NEW_EMPLOYER, None)), Err(Refusal::Several(vec![NEW, CAP])));
        assert_eq!(two.move_to(worker(1), to(NEW_EMPLOYER, Some(NEW))), Ok(()));
        let unknown = Id(uuid::Uuid::from_u128(77));
        assert_eq!(two.move_to(worker(2), to(unknown, None)), Ok(()), "an employer without quotas gives no place");
        assert_eq!(two.moved[&worker(2)], None);
    }
}
