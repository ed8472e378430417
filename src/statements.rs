//! Monthly statements (月度对账单): what both sides say of one month of an agreement, signed over the same digest.
//!
//! A statement is computed from the facts, never from counters, and every figure in it can be walked down to its rows. It is opened for
//! objection for the days the terms give; either side may object, have it computed anew, and signs the digest of one edition with
//! its registered key. With the last signature it is frozen. A fact that comes later leaves it as it was published and is told in the
//! restatements of the statements that follow.
//!
//! Deliberately absent: changing a figure by hand, signing for somebody, and freezing by silence.

pub mod commands;
pub mod computing;
pub mod difference;
pub mod document;
pub mod figures;
pub mod merkle;
pub mod month;
pub mod movement;
pub mod package;
pub mod restating;
pub mod routes;
pub mod row_book;
pub mod rules;
pub mod store;
pub mod verifying;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::db::{Day, Id, Instant};
use crate::lifecycle::Transition;
use document::Restatement;
use figures::StatementFigure;
use month::Month;

crate::text_enum! {
    /// Stored states of a statement.
    pub enum StatementState {
        /// Computed; neither side is asked yet.
        Draft => "draft" / "草稿",
        /// Open for objection.
        Open => "open" / "公示中",
        /// Signed by at least one side, not by all.
        Signed => "signed" / "部分签署",
        /// Signed by every side; it never changes again.
        Frozen => "frozen" / "已定稿",
    }
}

crate::text_enum! {
    /// What a side may do with a statement.
    pub enum StatementAction {
        /// Compute it anew from today's facts.
        Recompute => "recompute" / "重新计算",
        /// Open it for objection.
        Open => "open" / "公示",
        /// Object to it.
        Object => "object" / "提出异议",
        /// Sign one edition.
        Sign => "sign" / "签署",
        /// The last side has signed.
        Freeze => "freeze" / "定稿",
    }
}

/// The life of a statement. What is computed anew after a signature waits for both sides again.
pub const TRANSITIONS: &[Transition<StatementState, StatementAction>] = &[
    (StatementState::Draft, StatementAction::Recompute, StatementState::Draft),
    (StatementState::Draft, StatementAction::Open, StatementState::Open),
    (StatementState::Open, StatementAction::Recompute, StatementState::Open),
    (StatementState::Open, StatementAction::Object, StatementState::Open),
    (StatementState::Open, StatementAction::Sign, StatementState::Signed),
    (StatementState::Signed, StatementAction::Recompute, StatementState::Open),
    (StatementState::Signed, StatementAction::Object, StatementState::Signed),
    (StatementState::Signed, StatementAction::Sign, StatementState::Signed),
    (StatementState::Signed, StatementAction::Freeze, StatementState::Frozen),
];

crate::text_enum! {
    /// States of an objection.
    pub enum ObjectionState {
        /// It stands: nobody can sign.
        Open => "open" / "待处理",
        /// Taken back by the side that raised it.
        Withdrawn => "withdrawn" / "已撤回",
    }
}

crate::text_enum! {
    /// What may be done with an objection.
    pub enum ObjectionAction {
        /// Take it back.
        Withdraw => "withdraw" / "撤回",
    }
}

/// The life of an objection.
pub const OBJECTION_TRANSITIONS: &[Transition<ObjectionState, ObjectionAction>] =
    &[(ObjectionState::Open, ObjectionAction::Withdraw, ObjectionState::Withdrawn)];

/// A request for the statement of a month.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"month": "2026-03"}))]
pub struct NewStatement {
    /// The month; it must be over, and not before the agreement began.
    pub month: Month,
}

/// A signature under one edition.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"edition": 2, "digest": "7d9f0c6c2f5e4b1a8d3c5e7f9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b", "signature": "eyJhbGciOiJFUzI1NiJ9..c2lnbmF0dXJl"}))]
pub struct NewSignature {
    /// The edition that is signed.
    #[schema(minimum = 1, maximum = 1_000_000, example = 2)]
    pub edition: i64,
    /// SHA-256 of the exact bytes of its document, hexadecimal.
    #[schema(min_length = 64, max_length = 64, pattern = "^[0-9a-f]{64}$")]
    pub digest: String,
    /// Detached JWS (RFC 7515, appendix F) over these bytes, made with a key registered for the client.
    #[schema(min_length = 1, max_length = 4096)]
    pub signature: String,
}

/// An objection, as it is raised.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "三月二十日到岗的七人未计入", "placement_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50"}))]
pub struct NewObjection {
    /// What is wrong, and what should stand there.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
    /// The placement it is about, when it is about one.
    #[serde(default)]
    pub placement_id: Option<Id>,
}

/// An objection (异议). While one stands nobody can sign.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable, diesel::Insertable,
)]
#[diesel(table_name = crate::db::schema::statement_objection)]
pub struct Objection {
    /// The agreement.
    pub agreement_id: Id,
    /// Id.
    pub id: Id,
    /// The statement.
    pub statement_id: Id,
    /// The edition it was raised against.
    #[schema(minimum = 1, maximum = 1_000_000, example = 1)]
    pub edition: i64,
    /// The placement it is about, when it is about one.
    pub placement_id: Option<Id>,
    /// The party that raised it.
    pub raised_by: Id,
    /// What is wrong, in its words.
    #[schema(max_length = 500)]
    pub reason: String,
    /// Whether it stands.
    pub state: ObjectionState,
    /// Raised at.
    pub raised_at: Instant,
    /// Withdrawn at.
    pub withdrawn_at: Option<Instant>,
}

/// The yes of a party to one edition.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable, diesel::Insertable,
)]
#[diesel(table_name = crate::db::schema::statement_signature)]
pub struct Signature {
    /// The agreement.
    #[serde(skip)]
    pub agreement_id: Id,
    /// The statement.
    #[serde(skip)]
    pub statement_id: Id,
    /// The edition.
    #[schema(minimum = 1, maximum = 1_000_000, example = 2)]
    pub edition: i64,
    /// The party.
    pub party_id: Id,
    /// Its client.
    pub client_id: Id,
    /// The registered key.
    #[schema(max_length = 200)]
    pub key_id: String,
    /// That key as a JWK (RFC 7517), as it was registered.
    #[schema(max_length = 4096)]
    pub public_key: String,
    /// Detached JWS over the document's bytes.
    #[schema(max_length = 4096)]
    pub signature: String,
    /// When.
    pub signed_at: Instant,
}

/// A statement's row.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable, diesel::Insertable,
)]
#[diesel(table_name = crate::db::schema::monthly_statement)]
pub struct MonthlyStatement {
    /// The agreement.
    pub agreement_id: Id,
    /// Id.
    pub id: Id,
    /// The month.
    pub month: Month,
    /// How far it has got.
    pub state: StatementState,
    /// Number of the latest edition, from 1: each computation is one.
    #[schema(minimum = 1, maximum = 1_000_000, example = 2)]
    pub edition: i64,
    /// The party that asked for it first.
    pub drafted_by: Id,
    /// Last day on which a side may object to the latest edition; null before it is opened.
    pub objections_until: Option<Day>,
    /// When the last side signed.
    pub frozen_at: Option<Instant>,
    /// Version of this row, also in its ETag.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 3)]
    pub version: i64,
    /// Made at.
    pub created_at: Instant,
    /// Changed last at.
    pub updated_at: Instant,
}

/// A statement with the content of one edition.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StatementDetail {
    /// The statement.
    #[serde(flatten)]
    pub statement: MonthlyStatement,
    /// SHA-256 of the edition's exact bytes, hexadecimal: what is signed.
    #[schema(pattern = "^[0-9a-f]{64}$", max_length = 64)]
    pub digest: String,
    /// Root of the Merkle tree (RFC 6962) over its rows, hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$", max_length = 64)]
    pub rows_root: String,
    /// Its rows.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 300)]
    pub row_count: i64,
    /// The party that asked for this computation.
    pub computed_by: Id,
    /// Facts recorded before this instant count.
    pub computed_at: Instant,
    /// The figures.
    #[schema(max_items = 1000)]
    pub figures: Vec<StatementFigure>,
    /// Frozen months that today's facts would give otherwise.
    #[schema(max_items = 1000)]
    pub restatements: Vec<Restatement>,
    /// Who has signed this edition.
    #[schema(max_items = 50)]
    pub signatures: Vec<Signature>,
    /// The parties that have still to sign it.
    #[schema(max_items = 50)]
    pub awaited: Vec<Id>,
    /// Objections that stand.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 0)]
    pub open_objections: i64,
}
