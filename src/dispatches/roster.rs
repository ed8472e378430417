//! Enrolling workers on a roster: the hottest command, set-based, with a result for each row.
//!
//! One row and five thousand are the same code: workers, quotas and accounts are read in one statement each, the open-placement table
//! decides who is free, places are handed out in the order of the call, and everything is written in one statement per table.

mod store;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use utoipa::ToSchema;

use super::{Dispatch, PlacementState, rules};
use crate::agreements::Terms;
use crate::db::{Day, DbConnection, Id, Instant};
use crate::error::{Code, Error, Fault, Result};
use crate::events::Actor;
use crate::http::receipt::RowStatus;
use crate::quotas::accounts::hold;
use crate::quotas::accounts::{self, Account, AccountKind, EntryKind};
use crate::quotas::rules::allocate;
use crate::regions::{RegionCode, Scope, atlas};
use crate::seal::{BlindIndex, KeyRing};
use crate::workers::store::{WorkerFacts, WorkerRef, resolve, younger_than};

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

/// A worker's row that stands on the roster already.
#[derive(Debug, Clone)]
struct Listed {
    placement_id: Id,
    quota_id: Id,
    cohort_id: Option<Id>,
    partner_ref: Option<String>,
    state: PlacementState,
}

/// What the rows of a call are checked against.
struct Checks<'a> {
    target: &'a Target<'a>,
    quotas: Vec<OpenQuota>,
    /// By worker.
    listed: HashMap<Id, Listed>,
    accounts: Vec<Account>,
    too_young: HashSet<Id>,
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

enum Checked {
    Candidate(Box<Candidate>),
    Unchanged(Id),
}

fn refuse(field: &str, code: &'static str, en: &str, zh: &str) -> Error {
    Error::new(Code::FieldInvalid).fault(Fault::body(format!("/{field}"), code, en, zh))
}

fn worker_ref(row: &RosterRow) -> WorkerRef {
    match (row.worker_id, &row.worker_ref) {
        (Some(id), _) => WorkerRef::Id(id),
        (None, Some(reference)) => WorkerRef::PartnerRef(reference.clone()),
        // No worker has the nil id, so the row is answered as unknown.
        (None, None) => WorkerRef::Id(Id::NIL),
    }
}

impl<'a> Checks<'a> {
    fn read(
        connection: &mut DbConnection,
        actor: &Actor,
        target: &'a Target<'a>,
        rows: &[RosterRow],
        workers: &[Option<WorkerFacts>],
    ) -> Result<Self> {
        let dispatch = target.dispatch;
        let known: Vec<WorkerFacts> = workers.iter().flatten().cloned().collect();
        let too_young = younger_than(
            connection,
            target.keys,
            dispatch.origin_id,
            &known,
            rules::YOUNGEST_AGE,
            dispatch.planned_departure_on,
        )?;
        let quotas = store::quotas(connection, dispatch.agreement_id, rows, actor.now.day())?;
        let listed = store::already_listed(connection, dispatch, workers)?;
        let quota_ids: Vec<Id> = quotas.iter().map(|quota| quota.id).collect();
        let accounts = accounts::lock_for(connection, dispatch.agreement_id, &quota_ids, actor.now)?;
        Ok(Self { target, quotas, listed, accounts, too_young })
    }

    /// Everything about a row that the database need not decide.
    fn check(&self, row: &RosterRow, worker: Option<WorkerFacts>, seen: &mut HashSet<Id>) -> Result<Checked> {
        let worker = self.check_worker(row, worker, seen)?;
        let quota = find_quota(row, &self.quotas)?;
        let (path, cohort_id) = account_path(row, quota, &self.accounts)?;
        let revived = match self.listed.get(&worker.id) {
            Some(listed) if listed.state != PlacementState::Cancelled => return listed.again(row, quota.id, cohort_id),
            listed => listed.map(|listed| listed.placement_id),
        };
        if !quota.is_open {
            return Err(Error::new(Code::QuotaNotOpen));
        }
        let scope = atlas().scope_between(worker.hukou_code, quota.region_code).map_err(|error| {
            let fault = Fault::body("/quota_id", error.code(), error.message_en(), error.message_zh());
            Error::new(Code::FieldInvalid).fault(fault)
        })?;
        Ok(Checked::Candidate(Box::new(Candidate {
            row: 0,
            worker,
            quota: quota.clone(),
            scope,
            accounts: path,
            cohort_id,
            placement_id: revived.unwrap_or_default(),
            revived,
        })))
    }

    fn check_worker(
        &self,
        row: &RosterRow,
        worker: Option<WorkerFacts>,
        seen: &mut HashSet<Id>,
    ) -> Result<WorkerFacts> {
        let named = if row.worker_id.is_none() && row.worker_ref.is_some() { "worker_ref" } else { "worker_id" };
        let worker = worker.ok_or_else(|| {
            refuse(named, "worker_unknown", "no such worker in your register", "贵方名册中没有该人员")
        })?;
        if !row.consent_recorded.unwrap_or(self.target.dispatch.consent_recorded) {
            let (en, zh) = ("record that the worker was informed and agreed", "请先记录该人员已知情并同意");
            return Err(refuse("consent_recorded", "consent_missing", en, zh));
        }
        if self.too_young.contains(&worker.id) {
            return Err(refuse(named, "under_sixteen", "is under 16 when the dispatch departs", "出发时未满 16 周岁"));
        }
        if !seen.insert(worker.id) {
            let (en, zh) = ("stands twice in this call; the first row counts", "在本次提交中重复出现，以第一行为准");
            return Err(refuse(named, "repeated_in_call", en, zh));
        }
        Ok(worker)
    }
}

impl Listed {
    /// The same row again changes nothing; what is to be different must be cancelled first.
    fn again(&self, row: &RosterRow, quota_id: Id, cohort_id: Option<Id>) -> Result<Checked> {
        if self.quota_id != quota_id {
            return Err(refuse(
                "quota_id",
                "listed_with_other_quota",
                "is on this roster against another quota; cancel that row first",
                "该人员已在本名单中占用其他名额，请先取消原记录",
            ));
        }
        if self.cohort_id != cohort_id {
            return Err(refuse(
                "starts_on",
                "listed_with_other_start",
                "is on this roster with another start; cancel that row first",
                "该人员已在本名单中选择其他开始日期，请先取消原记录",
            ));
        }
        if row.partner_ref.is_some() && row.partner_ref != self.partner_ref {
            return Err(refuse(
                "partner_ref",
                "listed_with_other_reference",
                "is on this roster under another reference; cancel that row first",
                "该人员已在本名单中使用其他编号，请先取消原记录",
            ));
        }
        Ok(Checked::Unchanged(self.placement_id))
    }
}

fn find_quota<'q>(row: &RosterRow, quotas: &'q [OpenQuota]) -> Result<&'q OpenQuota> {
    let unknown =
        |field| refuse(field, "quota_unknown", "no such quota under this agreement", "本协议下没有该岗位名额");
    match (row.quota_id, &row.quota_ref) {
        (Some(id), _) => quotas.iter().find(|quota| quota.id == id).ok_or_else(|| unknown("quota_id")),
        (None, Some(reference)) => {
            let mut named = quotas.iter().filter(|quota| quota.partner_ref.as_ref() == Some(reference));
            match (named.next(), named.next()) {
                (Some(quota), None) => Ok(quota),
                (Some(_), Some(_)) => Err(refuse(
                    "quota_ref",
                    "quota_ref_ambiguous",
                    "several destinations use this reference; give quota_id",
                    "多个输入地使用该编号，请改用 quota_id",
                )),
                (None, _) => Err(unknown("quota_ref")),
            }
        }
        (None, None) => {
            Err(refuse("quota_id", "field_missing", "give quota_id or quota_ref", "请填写 quota_id 或 quota_ref"))
        }
    }
}

/// The accounts a row takes a place of: its quota, the cohort it starts in, and the caps of the terms.
fn account_path(row: &RosterRow, quota: &OpenQuota, accounts: &[Account]) -> Result<(Vec<usize>, Option<Id>)> {
    let has_cohorts =
        accounts.iter().any(|account| account.kind == AccountKind::Cohort && account.quota_id == Some(quota.id));
    let mut cohort_id = None;
    let mut path = Vec::with_capacity(4);
    for (index, account) in accounts.iter().enumerate() {
        let on_the_way = match account.kind {
            AccountKind::Agreement => true,
            AccountKind::Region => account.region_code == Some(quota.region_code),
            AccountKind::Quota => account.id == quota.id,
            AccountKind::Cohort => {
                account.quota_id == Some(quota.id) && row.starts_on.is_some() && account.starts_on == row.starts_on
            }
        };
        if on_the_way {
            path.push(index);
            if account.kind == AccountKind::Cohort {
                cohort_id = Some(account.id);
            }
        }
    }
    match (has_cohorts, row.starts_on, cohort_id) {
        (true, _, None) => Err(refuse(
            "starts_on",
            "cohort_unknown",
            "this quota has starts; give the day of one of them",
            "该名额分批开始，请填写其中一个开始日期",
        )),
        (false, Some(_), _) => Err(refuse(
            "starts_on",
            "no_cohorts",
            "this quota has no starts; leave starts_on out",
            "该名额不分批，请勿填写 starts_on",
        )),
        _ => Ok((path, cohort_id)),
    }
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
        let lookup = clashes.get(&loser.worker.exchange_index).map(|placement| lookup_id(target.keys, *placement));
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
            refused.push(candidate.placement_id);
        }
    }
    store::give_up(connection, target.dispatch.id, &refused)?;
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
    store::insert(connection, target, rows, &fresh)?;
    store::revive(connection, dispatch, rows, &revived)?;
    let mut moves: BTreeMap<Id, i64> = BTreeMap::new();
    for account in enrolled.iter().flat_map(|candidate| &candidate.accounts).filter_map(|index| accounts.get(*index)) {
        *moves.entry(account.id).or_default() += 1;
    }
    accounts::post(connection, dispatch.agreement_id, dispatch.id, EntryKind::Reserve, "enrolled", &moves, actor.now)?;
    hold(connection, dispatch.agreement_id, dispatch.id, &moves, target.holds_until)?;
    store::count_in(connection, actor, target, enrolled.len())
}
