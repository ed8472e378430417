//! What can be said of a roster's row before the database decides who is free and what is left.

use std::collections::{HashMap, HashSet};

use super::super::{PlacementState, rules};
use super::{Candidate, OpenQuota, RosterRow, Target, store};
use crate::db::{DbConnection, Id};
use crate::error::{Code, Error, Fault, Result};
use crate::events::Actor;
use crate::quotas::accounts::{self, Account, AccountKind};
use crate::regions::atlas;
use crate::workers::store::{WorkerFacts, WorkerRef, younger_than};

/// A worker's row that stands on the roster already.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) placement_id: Id,
    pub(super) quota_id: Id,
    pub(super) cohort_id: Option<Id>,
    pub(super) partner_ref: Option<String>,
    pub(super) state: PlacementState,
}

/// What the rows of a call are checked against.
pub(super) struct Checks<'a> {
    target: &'a Target<'a>,
    quotas: Vec<OpenQuota>,
    /// By worker.
    listed: HashMap<Id, Listed>,
    pub(super) accounts: Vec<Account>,
    too_young: HashSet<Id>,
}

/// What became of a row that was checked.
pub(super) enum Checked {
    Candidate(Box<Candidate>),
    Unchanged(Id),
}

fn refuse(field: &str, code: &'static str, en: &str, zh: &str) -> Error {
    Error::new(Code::FieldInvalid).fault(Fault::body(format!("/{field}"), code, en, zh))
}

/// How a row names its worker.
pub(super) fn worker_ref(row: &RosterRow) -> WorkerRef {
    match (row.worker_id, &row.worker_ref) {
        (Some(id), _) => WorkerRef::Id(id),
        (None, Some(reference)) => WorkerRef::PartnerRef(reference.clone()),
        // No worker has the nil id, so the row is answered as unknown.
        (None, None) => WorkerRef::Id(Id::NIL),
    }
}

impl<'a> Checks<'a> {
    /// Reads what the rows name; the accounts stay locked until the end of the transaction.
    pub(super) fn read(
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
    pub(super) fn check(
        &self,
        row: &RosterRow,
        worker: Option<WorkerFacts>,
        seen: &mut HashSet<Id>,
    ) -> Result<Checked> {
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
