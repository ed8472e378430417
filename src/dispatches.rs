//! Dispatches (输送批次) and placements (安置): a batch of workers sent under an agreement, and each worker's row in it.
//!
//! The placement is the row everything hangs on: one worker of one dispatch against one quota. A worker has at most one open placement
//! in the whole exchange; the database decides, and the loser learns only that a clash exists. Places are held the moment a roster row
//! is accepted; the hold of a dispatch lapses by the clock. Deliberately absent: 派遣 (licensed labour dispatch) as a mode.

pub mod checks;
pub mod enrolment;
pub mod outcomes;
pub mod returning;
pub mod roster;
pub mod roster_command;
pub mod routes;
pub mod rules;
pub mod store;
pub mod tally;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::agreements::rule_terms::EvidenceLevel;
use crate::db::{Day, Id, Instant};
use crate::lifecycle::Transition;
use crate::regions::{RegionCode, Scope};
use crate::workers::GroupCode;

/// Most rows of a roster call.
pub const ROSTER_ROWS_MAX: usize = 5_000;

crate::text_enum! {
    /// How a batch travels.
    pub enum DispatchMode {
        /// 点对点: one vehicle, one plan, door to door.
        PointToPoint => "point_to_point" / "点对点",
        /// 自行前往, on the roster but not transported.
        SelfArranged => "self_arranged" / "自行前往",
        /// 经营性人力资源机构.
        Agency => "agency" / "经营性人力资源机构",
        /// 劳务经纪人.
        Broker => "broker" / "劳务经纪人",
    }
}

crate::text_enum! {
    /// Stored states of a dispatch.
    pub enum DispatchState {
        /// The roster is being written.
        Draft => "draft" / "编制中",
        /// The roster is fixed.
        Locked => "locked" / "已锁定",
        /// On the way, or there.
        Departed => "departed" / "已出发",
        /// Everything about it is settled.
        Closed => "closed" / "已办结",
        /// Never left.
        Cancelled => "cancelled" / "已取消",
    }
}

crate::text_enum! {
    /// What an origin may do with a dispatch.
    pub enum DispatchAction {
        /// Add workers.
        Enrol => "enrol" / "添加人员",
        /// Plan other days.
        Reschedule => "reschedule" / "改期",
        /// Fix the roster.
        Lock => "lock" / "锁定",
        /// Send a row of the roster back for correction; the destination's and the employer's.
        Return => "return" / "退回更正",
        /// Open the roster again.
        Unlock => "unlock" / "解锁",
        /// It has left.
        Depart => "depart" / "出发",
        /// Everything is settled.
        Close => "close" / "办结",
        /// It will not leave.
        Cancel => "cancel" / "取消",
    }
}

/// The life of a dispatch.
pub const TRANSITIONS: &[Transition<DispatchState, DispatchAction>] = &[
    (DispatchState::Draft, DispatchAction::Enrol, DispatchState::Draft),
    (DispatchState::Draft, DispatchAction::Reschedule, DispatchState::Draft),
    (DispatchState::Draft, DispatchAction::Lock, DispatchState::Locked),
    (DispatchState::Draft, DispatchAction::Cancel, DispatchState::Cancelled),
    (DispatchState::Locked, DispatchAction::Reschedule, DispatchState::Locked),
    (DispatchState::Locked, DispatchAction::Return, DispatchState::Locked),
    (DispatchState::Locked, DispatchAction::Unlock, DispatchState::Draft),
    (DispatchState::Locked, DispatchAction::Depart, DispatchState::Departed),
    (DispatchState::Locked, DispatchAction::Cancel, DispatchState::Cancelled),
    (DispatchState::Departed, DispatchAction::Close, DispatchState::Closed),
];

crate::text_enum! {
    /// Stored states of a placement; `arrival_overdue` is computed.
    pub enum PlacementState {
        /// On the roster, place held.
        Enrolled => "enrolled" / "在册",
        /// Left with the dispatch.
        Departed => "departed" / "已出发",
        /// Accepted at the planned employer and region.
        Onboarded => "onboarded" / "已到岗",
        /// Did not appear.
        NoShow => "no_show" / "未到",
        /// Turned down by the employer.
        RefusedByEmployer => "refused_by_employer" / "用人单位拒收",
        /// Turned down by the worker.
        RefusedByWorker => "refused_by_worker" / "本人拒绝",
        /// Arrived, at another employer or in another region.
        Diverted => "diverted" / "改派",
        /// Was in post and has left.
        Ended => "ended" / "已离岗",
        /// Taken off before departure.
        Cancelled => "cancelled" / "已取消",
    }
}

/// A placement's row. Holds no personal data: the worker is an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::placement)]
pub struct Placement {
    /// The agreement.
    pub agreement_id: Id,
    /// Id.
    pub id: Id,
    /// The batch.
    pub dispatch_id: Id,
    /// The quota it was sent against. Since a transfer its place may be one of another: `place_quota_id` of its retention.
    pub quota_id: Id,
    /// The cohort of the quota, when it has cohorts.
    pub cohort_id: Option<Id>,
    /// The worker, by the origin's register.
    pub worker_id: Id,
    /// The origin.
    pub origin_id: Id,
    /// The destination.
    pub destination_id: Id,
    /// The planned employer.
    pub employer_id: Id,
    /// The plan year it counts in.
    #[schema(minimum = 1980, maximum = 2099, example = 2026)]
    pub plan_year: i64,
    /// The origin's own reference of the row.
    #[schema(max_length = 100)]
    pub partner_ref: Option<String>,
    /// The worker's group on the day of departure (until then: of enrolment).
    pub group_code: GroupCode,
    /// How far from the origin, always computed from the region codes of hukou and workplace.
    pub scope: Scope,
    /// Last day on which an arrival is on time.
    pub arrival_due_on: Day,
    /// Stored state.
    pub state: PlacementState,
    /// Day of departure.
    pub departed_on: Option<Day>,
    /// Day of the outcome.
    pub outcome_on: Option<Day>,
    /// First day in post.
    pub onboarded_on: Option<Day>,
    /// The employer that really took the worker.
    pub real_employer_id: Option<Id>,
    /// Where the worker really works.
    pub real_region_code: Option<RegionCode>,
    /// The strongest evidence of the outcome.
    pub evidence: Option<EvidenceLevel>,
    /// Whether the evidence of the arrival meets the agreement's minimum.
    pub certain: bool,
    /// Whether the outcome was reported after the deadline.
    pub late: bool,
    /// Whether a party disputes it; disputed rows stand in a column of their own.
    pub disputed: bool,
    /// Whether it takes a place.
    pub holds_place: bool,
    /// Last day in post.
    pub ended_on: Option<Day>,
    /// Why it ended.
    #[schema(max_length = 50)]
    pub end_reason: Option<String>,
    /// Version of this row, also in its ETag.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 4)]
    pub version: i64,
    /// When it was enrolled first. This and the following three are for reading the books as they were; the API does not show them.
    #[serde(skip)]
    pub enrolled_at: Instant,
    /// When it was last taken off the roster.
    #[serde(skip)]
    pub cancelled_at: Option<Instant>,
    /// When it was last taken up again after that.
    #[serde(skip)]
    pub enrolled_again_at: Option<Instant>,
    /// When the departure was recorded.
    #[serde(skip)]
    pub departure_recorded_at: Option<Instant>,
}

/// A placement with what the day says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlacementToday {
    /// The placement.
    #[serde(flatten)]
    pub placement: Placement,
    /// Whether the person has departed, the last day on time has passed, and nobody who may say so has said what became of them. Told by
    /// the day, never stored.
    pub arrival_overdue: bool,
}

impl PlacementToday {
    /// The placement as of `today`.
    #[must_use]
    pub fn of(placement: Placement, today: Day) -> Self {
        Self { arrival_overdue: rules::is_arrival_overdue(&placement, today), placement }
    }
}

/// Why a row of a roster is sent back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "该工种须持焊工证，请改报其他岗位"}))]
pub struct NewRosterReturn {
    /// Why, so that the origin can correct it.
    #[schema(max_length = 500, min_length = 1)]
    pub reason: String,
}

/// A row that was sent back for correction (退回补正), as it was; the placement holds the correction.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable, diesel::Insertable,
)]
#[diesel(table_name = crate::db::schema::roster_return)]
pub struct RosterReturn {
    /// The agreement.
    pub agreement_id: Id,
    /// Id.
    pub id: Id,
    /// The placement.
    pub placement_id: Id,
    /// The quota it stood against.
    pub quota_id: Id,
    /// The cohort it stood in.
    pub cohort_id: Option<Id>,
    /// The destination or employer that sent it back.
    pub returned_by: Id,
    /// Why.
    #[schema(max_length = 500, example = "该工种须持焊工证，请改报其他岗位")]
    pub reason: String,
    /// When.
    pub returned_at: Instant,
}

/// What an origin says about a batch.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "2026年春季第一批", "mode": "point_to_point", "vehicle": "湘E·大巴·03", "leader_name": "周建国",
    "leader_phone": "14000000001", "legal_basis": "协议第六条", "consent_recorded": true, "planned_departure_on": "2026-03-05", "planned_arrival_on": "2026-03-06"}))]
pub struct NewDispatch {
    /// Title.
    #[schema(max_length = 200, min_length = 1, example = "2026年春季第一批（义乌）")]
    pub title: String,
    /// How it travels.
    pub mode: DispatchMode,
    /// Vehicle or train number (一车一方案).
    #[serde(default)]
    #[schema(max_length = 100, min_length = 1, example = "湘E·大巴·03")]
    pub vehicle: Option<String>,
    /// Name of the leader; sealed.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 50)]
    pub leader_name: Option<crate::seal::Sensitive<String>>,
    /// Phone of the leader; sealed.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 30)]
    pub leader_phone: Option<crate::seal::Sensitive<String>>,
    /// Basis on which personal data goes to the destination.
    #[schema(max_length = 200, min_length = 1, example = "协议第六条；就业促进法第三十五条")]
    pub legal_basis: String,
    /// Whether each worker was informed and agreed.
    pub consent_recorded: bool,
    /// Planned day of departure; its year is the plan year.
    pub planned_departure_on: Day,
    /// Planned day of arrival.
    pub planned_arrival_on: Day,
    /// The origin's own reference.
    #[serde(default)]
    #[schema(max_length = 100, min_length = 1)]
    pub partner_ref: Option<String>,
}

/// Other days for a batch that has not left.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"planned_departure_on": "2026-03-20", "planned_arrival_on": "2026-03-21"}))]
pub struct Rescheduling {
    /// Planned day of departure, in the plan year of the batch.
    pub planned_departure_on: Day,
    /// Planned day of arrival.
    pub planned_arrival_on: Day,
}

/// Whom to call about a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"name": "刘建国", "phone": "13800000000"}))]
pub struct Leader {
    /// Name.
    #[schema(max_length = 50)]
    pub name: Option<String>,
    /// Phone.
    #[schema(max_length = 30)]
    pub phone: Option<String>,
}

/// A dispatch's row, without the sealed leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::dispatch)]
pub struct Dispatch {
    /// The agreement.
    pub agreement_id: Id,
    /// Id.
    pub id: Id,
    /// The origin.
    pub origin_id: Id,
    /// The plan year it counts in.
    #[schema(minimum = 1980, maximum = 2099, example = 2026)]
    pub plan_year: i64,
    /// Title.
    #[schema(max_length = 200)]
    pub title: String,
    /// How it travels.
    pub mode: DispatchMode,
    /// Vehicle or train number.
    #[schema(max_length = 100)]
    pub vehicle: Option<String>,
    /// Basis on which personal data goes to the destination.
    #[schema(max_length = 200)]
    pub legal_basis: String,
    /// Whether each worker was informed and agreed.
    pub consent_recorded: bool,
    /// Planned day of departure.
    pub planned_departure_on: Day,
    /// Planned day of arrival.
    pub planned_arrival_on: Day,
    /// Until when its places are held.
    pub holds_until: Instant,
    /// Day of departure.
    pub departed_on: Option<Day>,
    /// Stored state.
    pub state: DispatchState,
    /// Rows on the roster that are not cancelled.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub placements: i64,
    /// The origin's own reference.
    #[schema(max_length = 100)]
    pub partner_ref: Option<String>,
    /// Version of this row, also in its ETag.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 5)]
    pub version: i64,
    /// Made at.
    pub created_at: Instant,
    /// Last changed at.
    pub updated_at: Instant,
}
