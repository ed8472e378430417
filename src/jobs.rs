//! Work that takes longer than an answer may: kept in the database, carried out step by step.
//!
//! Each step is one transaction: what it does, the cursor behind it and the figures commit together, so that a server may be killed at any
//! moment and another, or the same one started again, goes on without a row lost or doubled. A step is done under a lease; whoever lost the
//! lease loses the step. What a job is about is the serialised command; [`JobStep`] finds the code for it by its kind.

pub mod receiving;
pub mod routes;
pub mod row_jobs;
mod store;
pub mod work;

use std::pin::Pin;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::State;
use crate::bulk::parsing::Form;
use crate::db::{DbConnection, Id, Instant};
use crate::error::{Language, Result};
use crate::events::Actor;

crate::text_enum! {
    /// What a job does.
    pub enum JobKind {
        /// Registers workers.
        Workers => "workers" / "登记人员",
        /// Enrols workers on a roster.
        Roster => "roster" / "登记名单",
        /// Records claims.
        Claims => "claims" / "提交到岗信息",
        /// Records observations.
        Observations => "observations" / "提交在岗记录",
        /// Records exits.
        Exits => "exits" / "提交离岗信息",
        /// Records spells.
        Spells => "spells" / "提交就业时段",
        /// Compares both sides.
        Reconciliation => "reconciliation" / "对账",
        /// Applies a file.
        Import => "import" / "导入文件",
    }
}

crate::text_enum! {
    /// States of a job.
    pub enum JobState {
        /// Its rows are still arriving.
        Receiving => "receiving" / "接收中",
        /// It waits for its turn.
        Queued => "queued" / "排队中",
        /// It is being carried out.
        Running => "running" / "执行中",
        /// It was carried out to its end; single rows may have been rejected.
        Succeeded => "succeeded" / "已完成",
        /// It had to stop; error says why. What was done before stands.
        Failed => "failed" / "失败",
        /// It was cancelled; what was done before stands.
        Cancelled => "cancelled" / "已取消",
    }
}

/// A job as its party sees it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50", "kind": "roster", "state": "running",
    "about": { "agreement_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c51", "dispatch_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c52" },
    "row_count": 100_000, "processed_rows": 42_000, "accepted_rows": 41_990, "unchanged_rows": 0, "rejected_rows": 10,
    "unknown_columns": [], "error": null, "version": 44,
    "created_at": "2026-02-24T01:30:00.000000Z", "started_at": "2026-02-24T01:30:01.000000Z", "finished_at": null,
    "updated_at": "2026-02-24T01:30:09.000000Z"
}))]
pub struct Job {
    /// Id.
    pub id: Id,
    /// What it does.
    pub kind: JobKind,
    /// How far it is.
    pub state: JobState,
    /// What it is about: the ids the call named.
    #[schema(value_type = Object)]
    pub about: Value,
    /// Rows to be handled.
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    pub row_count: i64,
    /// Rows handled.
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    pub processed_rows: i64,
    /// Of these accepted.
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    pub accepted_rows: i64,
    /// Of these already there.
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    pub unchanged_rows: i64,
    /// Of these rejected.
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    pub rejected_rows: i64,
    /// Headings of the file that mean no field; their cells are not read.
    #[schema(max_items = 1000, max_length = 100)]
    pub unknown_columns: Vec<String>,
    /// The problem that stopped it, with `code`, `title` and `detail`.
    #[schema(value_type = Option<Object>)]
    pub error: Option<Value>,
    /// Version of this record, also in its ETag.
    #[schema(minimum = 1, maximum = 9007199254740991_i64)]
    pub version: i64,
    /// Received at.
    pub created_at: Instant,
    /// First step at.
    pub started_at: Option<Instant>,
    /// Over at.
    pub finished_at: Option<Instant>,
    /// Last step at.
    pub updated_at: Instant,
}

impl Job {
    /// Where it can be read.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/v1/jobs/{}", self.id)
    }
}

/// A job in the hands of a server that carries it out.
#[derive(Debug, Clone)]
pub struct Leased {
    /// The job.
    pub job: Job,
    /// Proof that it is in these hands.
    pub lease: Id,
    /// Whose command it is.
    pub actor: Actor,
    /// Language of its receipts.
    pub language: Language,
    /// Form of its rows.
    pub form: Form,
    /// Parts its rows lie in.
    pub part_count: i64,
    /// Parts carried out.
    pub parts_done: i64,
}

/// Carries out the next step of a job in a transaction of its own; true when it was the last.
pub type JobStep = fn(State, Leased) -> Pin<Box<dyn Future<Output = Result<bool>> + Send>>;

/// Undoes what an unfinished job must not leave, in the transaction in which it fails or is cancelled. It is told by whom or
/// for whom, and why: the code of the problem, or [`CANCELLED`].
pub type Abandon = fn(&mut DbConnection, &Job, &Actor, &str) -> Result<()>;

/// Why a job was abandoned that was cancelled.
pub const CANCELLED: &str = "cancelled";

/// The code for a kind of job.
#[derive(Debug, Clone, Copy)]
pub struct JobCode {
    /// The kind.
    pub kind: JobKind,
    /// Its step.
    pub step: JobStep,
    /// What is to be undone.
    pub abandon: Abandon,
    /// What it keeps besides the job.
    pub kept: Option<Kept>,
}

/// Rows that work of one kind keeps besides its job, sealed or not: taken away as long after as the job itself.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// What was over before an instant, a hundred at most.
    pub over: fn(&mut DbConnection, Instant) -> Result<Vec<Id>>,
    /// Takes one away.
    pub delete: fn(&mut DbConnection, Id) -> Result<()>,
}

impl JobCode {
    /// A kind whose steps stand for themselves: nothing is undone.
    #[must_use]
    pub const fn of(kind: JobKind, step: JobStep) -> Self {
        Self { kind, step, abandon: |_, _, _, _| Ok(()), kept: None }
    }
}

/// The code for each kind of job; handed down, because the commands lie above.
pub type JobCodes = &'static [JobCode];
