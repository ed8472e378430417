//! Enrolling workers on a roster: the hottest command, set-based, with a result for each row.
//!
//! One row and five thousand are the same code: workers, quotas and accounts are read in one statement each, the open-placement table
//! decides who is free, places are handed out in the order of the call, and everything is written in one statement per table.

mod checks;
mod store;

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use utoipa::ToSchema;

use super::Dispatch;
use crate::agreements::Terms;
use crate::db::{Day, DbConnection, Id, Instant};
use crate::error::{Code, Error, Result};
use crate::events::Actor;
use crate::http::receipt::RowStatus;
use crate::quotas::accounts::hold;
use crate::quotas::accounts::{self, Account, EntryKind};
use crate::quotas::rules::allocate;
use crate::regions::{RegionCode, Scope};
use crate::seal::{BlindIndex, KeyRing};
use crate::workers::store::{WorkerFacts, WorkerRef, resolve};
use checks::{Checked, Checks, worker_ref};

/// One row of a roster.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"worker_ref": "SY-2026-00017", "quota_ref": "YW-0042"}))]
pub struct RosterRow {
    /// The worker; or `worker_ref`.
    #[serde(default)]
    pub worker_id: Option<Id>,
    /// The origin's own reference of the worker.
    #[serde(default)]
    #[schema(max_length = 100, min_length = 1)]
    pub worker_ref: Option<String>,
    /// The quota; or `quota_ref`.
    #[serde(default)]
    pub quota_id: Option<Id>,
    /// The destination's own reference of the quota.
    #[serde(default)]
    #[schema(max_length = 100, min_length = 1)]
    pub quota_ref: Option<String>,
    /// First day of work, for a quota with cohorts.
    #[serde(default)]
    pub starts_on: Option<Day>,
    /// The origin's own reference of the row.
    #[serde(default)]
    #[schema(max_length = 100, min_length = 1)]
    pub partner_ref: Option<String>,
    /// Whether this worker was informed and agreed; unless told, what the dispatch says.
    #[serde(default)]
    pub consent_recorded: Option<bool>,
}

/// A roster, or a part of one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"rows": [{"worker_ref": "SY-2026-00017", "quota_ref": "YW-0042"}, {"worker_ref": "SY-2026-00018", "quota_ref": "YW-0042"}]}))]
pub struct RosterCall {
    /// The rows; rows stand alone, what is rejected does not stop the rest.
    #[schema(min_items = 1, max_items = 5000)]
    pub rows: Vec<RosterRow>,
}

/// What a roster is enrolled into.
#[derive(Debug)]
pub struct Target<'a> {
    /// The batch.
    pub dispatch: &'a Dispatch,
    /// The terms in force.
    pub terms: &'a Terms,
    /// Last day on which the holds count: set anew when an earlier hold had lapsed.
    pub holds_until: Instant,
    /// Keys, for the lookup id a loser is given.
    pub keys: &'a KeyRing,
    /// The rows come from as many calls, each of which moves the dispatch on by one version; otherwise all are one call.
    pub calls_of_one_row: bool,
}

/// What became of a row.
pub type RowOutcome = Result<(RowStatus, Id)>;

/// A quota as a roster needs it.
#[derive(Debug, Clone)]
struct OpenQuota {
    id: Id,
    destination_id: Id,
    employer_id: Id,
    region_code: RegionCode,
    partner_ref: Option<String>,
    is_open: bool,
}

/// A row that has passed every check but those the database decides.
struct Candidate {
    row: usize,
    worker: WorkerFacts,
    quota: OpenQuota,
    scope: Scope,
    /// Indexes of its accounts: quota, cohort, caps.
    accounts: Vec<usize>,
    cohort_id: Option<Id>,
    /// A cancelled row of this worker on this roster, taken up again.
    revived: Option<Id>,
    placement_id: Id,
}

/// Enrols rows; gives a result for each, in the order of the call. What is rejected leaves no trace.
pub fn enrol(
    connection: &mut DbConnection,
    actor: &Actor,
    target: &Target<'_>,
    rows: &[RosterRow],
) -> Result<Vec<RowOutcome>> {
    let dispatch = target.dispatch;
    let refs: Vec<WorkerRef> = rows.iter().map(worker_ref).collect();
    let workers = resolve(connection, dispatch.origin_id, &refs, dispatch.planned_departure_on)?;
    let checks = Checks::read(connection, actor, target, rows, &workers)?;
    let mut outcomes: Vec<Option<RowOutcome>> = Vec::with_capacity(rows.len());
    let mut candidates = Vec::with_capacity(rows.len());
    let mut seen = HashSet::with_capacity(rows.len());
    for (number, (row, worker)) in rows.iter().zip(workers).enumerate() {
        outcomes.push(match checks.check(row, worker, &mut seen) {
            Ok(Checked::Candidate(candidate)) => {
                candidates.push(Candidate { row: number, ..*candidate });
                None
            }
            Ok(Checked::Unchanged(id)) => Some(Ok((RowStatus::Unchanged, id))),
            Err(error) => Some(Err(error)),
        });
    }
    let enrolled = place(connection, actor, target, &checks.accounts, candidates, &mut outcomes)?;
    write(connection, actor, target, rows, &checks.accounts, &enrolled)?;
    for candidate in &enrolled {
        if let Some(outcome) = outcomes.get_mut(candidate.row) {
            *outcome = Some(Ok((RowStatus::Accepted, candidate.placement_id)));
        }
    }
    Ok(outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap_or_else(|| Err(Error::internal("a roster row has no outcome"))))
        .collect())
}

/// Lets the open-placement table decide who is free, then hands out places; the rest gets its reason. Gives those enrolled.
fn place(
    connection: &mut DbConnection,
    actor: &Actor,
    target: &Target<'_>,
    accounts: &[Account],
    candidates: Vec<Candidate>,
    outcomes: &mut [Option<RowOutcome>],
) -> Result<Vec<Candidate>> {
    if candidates.is_empty() {
        return Ok(candidates);
    }
    let won = store::open_placements(connection, actor, target, &candidates)?;
    let (winners, losers): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|candidate| won.contains(&candidate.placement_id));
    let clashes = store::clashes(connection, &losers)?;
    for loser in &losers {
        let lookup = clashes.get(&loser.worker.person_id).map(|placement| lookup_id(target.keys, *placement));
        set(outcomes, loser.row, Error::new(Code::WorkerAlreadyPlaced).param("lookup_id", lookup));
    }
    let mut free: Vec<i64> = accounts.iter().map(|account| account.free).collect();
    let wants: Vec<Vec<usize>> = winners.iter().map(|candidate| candidate.accounts.clone()).collect();
    let given = allocate(&mut free, &wants);
    let mut enrolled = Vec::with_capacity(winners.len());
    let mut refused = Vec::new();
    for (candidate, given) in winners.into_iter().zip(given) {
        if given {
            enrolled.push(candidate);
        } else {
            set(
                outcomes,
                candidate.row,
                Error::new(Code::PlacesExhausted)
                    .param("free_places", 0)
                    .param("quota_id", candidate.quota.id.to_string()),
            );
            refused.push(candidate);
        }
    }
    store::give_up(connection, &refused)?;
    Ok(enrolled)
}

fn set(outcomes: &mut [Option<RowOutcome>], row: usize, error: Error) {
    if let Some(outcome) = outcomes.get_mut(row) {
        *outcome = Some(Err(error));
    }
}

/// What a loser may quote to the operator; it says nothing about the other side.
fn lookup_id(keys: &KeyRing, placement: Id) -> String {
    let digest = keys.blind_index(BlindIndex::platform(), "lookup_id", &placement.to_string());
    hex::encode(digest).chars().take(16).collect()
}

/// Writes the enrolled rows, moves their places and brings the dispatch up to date.
fn write(
    connection: &mut DbConnection,
    actor: &Actor,
    target: &Target<'_>,
    rows: &[RosterRow],
    accounts: &[Account],
    enrolled: &[Candidate],
) -> Result<()> {
    if enrolled.is_empty() {
        return Ok(());
    }
    let dispatch = target.dispatch;
    let (revived, fresh): (Vec<_>, Vec<_>) = enrolled.iter().partition(|candidate| candidate.revived.is_some());
    store::insert(connection, actor.now, target, rows, &fresh)?;
    store::revive(connection, actor.now, dispatch, rows, &revived)?;
    let mut moves: BTreeMap<Id, i64> = BTreeMap::new();
    for account in enrolled.iter().flat_map(|candidate| &candidate.accounts).filter_map(|index| accounts.get(*index)) {
        *moves.entry(account.id).or_default() += 1;
    }
    accounts::post(connection, dispatch.agreement_id, dispatch.id, EntryKind::Reserve, "enrolled", &moves, actor.now)?;
    hold(connection, dispatch.agreement_id, dispatch.id, &moves, target.holds_until)?;
    store::count_in(connection, actor, target, enrolled.len())
}
