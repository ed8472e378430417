//! Quotas (岗位名额): the places a destination offers under an agreement, and the ledger of who holds them.
//!
//! Every limit on places is an account: the quota itself, each of its cohorts, and the caps of the agreement's terms. Taking places
//! moves all accounts on the way in one conditional update, and a CHECK on the account is the last word: reserved + consumed never
//! exceeds places. Holds lapse by the clock: the next read counts them as free although nothing was written. Behind every counter
//! stand append-only ledger entries. Deliberately absent: sex or ethnicity as a condition of a post (not lawful to publish).

pub mod accounts;
pub mod requesting;
pub mod routes;
pub mod rules;
pub mod store;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use accounts::{Account, EntryKind};

use crate::db::{Day, Id, Instant};
use crate::lifecycle::Transition;
use crate::regions::RegionCode;

crate::text_enum! {
    /// Stored states of a quota; filled and expired are computed.
    pub enum QuotaState {
        /// Requested, not yet open.
        Draft => "draft" / "待发布",
        /// Open for rosters.
        Published => "published" / "已发布",
        /// Closed for new rosters.
        Withdrawn => "withdrawn" / "已撤回",
    }
}

crate::text_enum! {
    /// What a destination may do with a quota.
    pub enum QuotaAction {
        /// Open it with the approved places.
        Publish => "publish" / "发布",
        /// Change the number of approved places.
        Approve => "approve" / "核定名额",
        /// Close it for new rosters.
        Withdraw => "withdraw" / "撤回",
    }
}

/// The life of a quota.
pub const TRANSITIONS: &[Transition<QuotaState, QuotaAction>] = &[
    (QuotaState::Draft, QuotaAction::Publish, QuotaState::Published),
    (QuotaState::Draft, QuotaAction::Withdraw, QuotaState::Withdrawn),
    (QuotaState::Published, QuotaAction::Approve, QuotaState::Published),
    (QuotaState::Published, QuotaAction::Withdraw, QuotaState::Withdrawn),
];

/// What a destination says about the post; kept as sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"employer_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c52", "post_title": "普工", "region_code": "330782", "requested_places": 300,
    "monthly_wage_min_fen": 450_000, "monthly_wage_max_fen": 600_000, "valid_until": "2026-12-31", "partner_ref": "YW-0042",
    "cohorts": [{"starts_on": "2026-03-10", "places": 200}, {"starts_on": "2026-04-10", "places": 100}]}))]
pub struct NewQuota {
    /// The employer, a registered party.
    pub employer_id: Id,
    /// The post as the employer words it.
    #[schema(max_length = 100, min_length = 1, example = "普工")]
    pub post_title: String,
    /// Occupation code, when known.
    #[serde(default)]
    #[schema(max_length = 20, example = "6-31-03-00")]
    pub occupation_code: Option<String>,
    /// Workplace: county, or a city that has no counties.
    pub region_code: RegionCode,
    /// Zone of the workplace, when it lies in one.
    #[serde(default)]
    pub zone_id: Option<Id>,
    /// Places asked for.
    #[schema(minimum = 1, maximum = 1_000_000, example = 300)]
    pub requested_places: i64,
    /// Lowest monthly wage in fen.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 100_000_000, example = 450_000)]
    pub monthly_wage_min_fen: Option<i64>,
    /// Highest monthly wage in fen.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 100_000_000, example = 600_000)]
    pub monthly_wage_max_fen: Option<i64>,
    /// Last day on which rosters are taken.
    pub valid_until: Day,
    /// Staggered starts; their places add up to the places asked for. None means one start for all.
    #[serde(default)]
    #[schema(max_items = 36)]
    pub cohorts: Vec<NewCohort>,
    /// The destination's own reference.
    #[serde(default)]
    #[schema(max_length = 100, min_length = 1)]
    pub partner_ref: Option<String>,
}

/// A start date within a quota.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCohort {
    /// First day of work.
    pub starts_on: Day,
    /// Places of this start.
    #[schema(minimum = 1, maximum = 1_000_000, example = 100)]
    pub places: i64,
}

/// A quota's row.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable, diesel::Insertable,
)]
#[diesel(table_name = crate::db::schema::quota)]
pub struct Quota {
    /// The agreement it is offered under.
    pub agreement_id: Id,
    /// Id.
    pub id: Id,
    /// The destination that offers it.
    pub destination_id: Id,
    /// The employer.
    pub employer_id: Id,
    /// The post as the employer words it.
    #[schema(max_length = 100, example = "普工")]
    pub post_title: String,
    /// Occupation code.
    #[schema(max_length = 20)]
    pub occupation_code: Option<String>,
    /// Workplace.
    pub region_code: RegionCode,
    /// Zone of the workplace.
    pub zone_id: Option<Id>,
    /// Places asked for.
    #[schema(minimum = 1, maximum = 1_000_000, example = 300)]
    pub requested_places: i64,
    /// Places approved.
    #[schema(minimum = 0, maximum = 1_000_000, example = 280)]
    pub approved_places: i64,
    /// Why fewer were approved than asked for.
    #[schema(max_length = 200)]
    pub approval_reason: Option<String>,
    /// Why it was withdrawn.
    #[schema(max_length = 200)]
    pub withdrawal_reason: Option<String>,
    /// Lowest monthly wage in fen.
    #[schema(minimum = 0, maximum = 100_000_000)]
    pub monthly_wage_min_fen: Option<i64>,
    /// Highest monthly wage in fen.
    #[schema(minimum = 0, maximum = 100_000_000)]
    pub monthly_wage_max_fen: Option<i64>,
    /// Last day on which rosters are taken.
    pub valid_until: Day,
    /// Stored state.
    pub state: QuotaState,
    /// The destination's own reference.
    #[schema(max_length = 100)]
    pub partner_ref: Option<String>,
    /// Version of this row, also in its ETag.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 2)]
    pub version: i64,
    /// Made at.
    pub created_at: Instant,
    /// Last changed at.
    pub updated_at: Instant,
}

/// How many of the requested places are approved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"approved_places": 280, "reason": "宿舍床位不足"}))]
pub struct Approval {
    /// Places approved, at most the places requested.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub approved_places: i64,
    /// Why fewer than requested; needed then.
    #[serde(default)]
    #[schema(max_length = 200, min_length = 1)]
    pub reason: Option<String>,
}

/// Why a quota is closed for new rosters.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "企业停产，不再招工"}))]
pub struct QuotaWithdrawal {
    /// Why; the parties of the agreement read it.
    #[schema(max_length = 200, min_length = 1)]
    pub reason: String,
}

crate::text_enum! {
    /// What the state of a quota, its places and the day say together.
    pub enum QuotaStanding {
        /// Requested, not yet open.
        Draft => "draft" / "草稿",
        /// Takes rosters while places are free.
        Open => "open" / "开放",
        /// Every approved place is taken by a worker who departed.
        Filled => "filled" / "已满",
        /// The last day for rosters has passed, and places were left.
        Expired => "expired" / "已过期",
        /// Closed for new rosters.
        Withdrawn => "withdrawn" / "已撤回",
    }
}

/// A quota with what its places and the day say of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct QuotaToday {
    /// The quota.
    #[serde(flatten)]
    pub quota: Quota,
    /// What its state, its places and today say together; filled and expired are never stored.
    pub standing: QuotaStanding,
}

/// Who holds places of an account.
#[derive(Debug, Clone, Serialize, ToSchema, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::place_hold)]
pub struct Hold {
    /// The account.
    pub account_id: Id,
    /// The dispatch that holds them.
    pub dispatch_id: Id,
    /// How many.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub places: i64,
    /// Until when.
    pub holds_until: Instant,
}

/// Places of a quota: its accounts and the open holds, read in one snapshot, so that the holds add up to what is held.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Balance {
    /// When it was read; holds that ran out before count as free.
    pub as_of: Instant,
    /// The quota itself, its cohorts, and the caps above it.
    #[schema(max_items = 200)]
    pub accounts: Vec<Account>,
    /// Open holds on the quota and its cohorts.
    #[schema(max_items = 100_000)]
    pub holds: Vec<Hold>,
}

/// An entry of the ledger.
#[derive(Debug, Clone, Serialize, ToSchema, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::place_entry)]
pub struct LedgerEntry {
    /// Id; entries are listed in the order they were made.
    pub id: Id,
    /// The account.
    pub account_id: Id,
    /// The dispatch that moved the places.
    pub dispatch_id: Id,
    /// How it moves the counters.
    pub kind: EntryKind,
    /// How many places.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub places: i64,
    /// Why.
    #[schema(max_length = 50, example = "enrolled")]
    pub reason: String,
    /// When.
    pub recorded_at: Instant,
}
