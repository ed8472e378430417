//! Arrivals (到岗): what employers, destinations and stations claim happened to the people an origin has sent, and disputes about it.
//!
//! A claim has a claimant and is never overwritten: a later claim of the same claimant replaces the earlier one in effect, both stay in
//! history, and the other side may dispute but not change it. Silence is no claim: who has not been claimed by the last day on time is
//! overdue, which is computed from the day and never stored. A late claim is accepted and marked.
//!
//! Employer and destination confirm or deny; a station reports (its word makes an outcome probable, never certain); the origin's own
//! report is kept and moves nothing. A person whom no origin announced is kept with the claim, sealed, until reconciliation decides.
//!
//! A first arrival (首次) and a return to post (返岗) are two things. A claim tells what became of a departure; `first_arrival` says
//! whether the origin's register knows an earlier arrival of the same worker in the same prefecture. Coming back to a post after having
//! left it is no arrival: such a claim is rejected, and a spell of the retention slice records it. Deliberately absent: whether somebody is
//! still in post (`retention`), and whose word is right (`reconciliation`).

pub mod claims_command;
pub mod disputing;
pub mod recording;
pub mod routes;
pub mod rules;
pub mod store;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::agreements::PartyRole;
use crate::agreements::rule_terms::EvidenceLevel;
use crate::db::{Day, Id, Instant};
use crate::dispatches::{Placement, PlacementState};
use crate::lifecycle::Transition;
use crate::regions::RegionCode;
use crate::seal::Sensitive;

/// Most claims of a call.
pub const CLAIM_ROWS_MAX: usize = 5_000;

crate::text_enum! {
    /// In which capacity a party makes a claim; the order is that of weight.
    pub enum ClaimantRole {
        /// 用人单位, planned or real.
        Employer => "employer" / "用人单位",
        /// 输入地.
        Destination => "destination" / "输入地",
        /// 劳务工作站.
        Station => "station" / "劳务工作站",
        /// 输出地.
        Origin => "origin" / "输出地",
    }
}

impl ClaimantRole {
    /// Whether this role's word confirms or denies an arrival. A station or the origin can report one, not confirm it.
    #[must_use]
    pub const fn confirms(self) -> bool {
        matches!(self, Self::Employer | Self::Destination)
    }
}

impl From<PartyRole> for ClaimantRole {
    fn from(role: PartyRole) -> Self {
        match role {
            PartyRole::Origin => Self::Origin,
            PartyRole::Destination => Self::Destination,
            PartyRole::Station => Self::Station,
        }
    }
}

crate::text_enum! {
    /// What a party says happened to a placement.
    pub enum ClaimedOutcome {
        /// 到岗: arrived, as the terms define it, at the planned employer.
        Onboarded => "onboarded" / "到岗",
        /// 改派: arrived at another employer or in another region.
        Diverted => "diverted" / "改派",
        /// 未到: did not appear.
        NoShow => "no_show" / "未到",
        /// 用人单位拒收.
        RefusedByEmployer => "refused_by_employer" / "用人单位拒收",
        /// 本人拒绝.
        RefusedByWorker => "refused_by_worker" / "本人拒绝",
    }
}

impl ClaimedOutcome {
    /// Whether it says that the person arrived somewhere.
    #[must_use]
    pub const fn is_arrival(self) -> bool {
        matches!(self, Self::Onboarded | Self::Diverted)
    }

    /// The state of a placement of which this is the outcome.
    #[must_use]
    pub const fn state(self) -> PlacementState {
        match self {
            Self::Onboarded => PlacementState::Onboarded,
            Self::Diverted => PlacementState::Diverted,
            Self::NoShow => PlacementState::NoShow,
            Self::RefusedByEmployer => PlacementState::RefusedByEmployer,
            Self::RefusedByWorker => PlacementState::RefusedByWorker,
        }
    }
}

/// One claim as its claimant sends it. It names its person in exactly one way: `placement_id`, `placement_ref`, or `name` with
/// `identity_number`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "placement_ref": "2026-03-0001", "outcome": "onboarded", "happened_on": "2026-02-26", "evidence": "e2", "client_ref": "GZ-118"
}))]
pub struct NewClaim {
    /// The placement. Left out where the path names it.
    #[serde(default)]
    pub placement_id: Option<Id>,
    /// The origin's own reference of the placement (`partner_ref`).
    #[serde(default)]
    #[schema(max_length = 100, min_length = 1, example = "2026-03-0001")]
    pub placement_ref: Option<String>,
    /// Name of a person whose placement the claimant does not know; sealed.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 50, min_length = 1)]
    pub name: Option<Sensitive<String>>,
    /// Identity number of that person; kept as a keyed index only.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 30, min_length = 15)]
    pub identity_number: Option<Sensitive<String>>,
    /// What happened.
    pub outcome: ClaimedOutcome,
    /// On which day: not before the departure, not in the future.
    pub happened_on: Day,
    /// The employer that really took the person, when not the planned one. An employer that names nobody speaks of itself.
    #[serde(default)]
    pub employer_id: Option<Id>,
    /// Where the person really works, when not the planned region.
    #[serde(default)]
    pub region_code: Option<RegionCode>,
    /// How strong the proof is.
    pub evidence: EvidenceLevel,
    /// The claimant's own reference of the claim, unique among its claims.
    #[serde(default)]
    #[schema(max_length = 100, min_length = 1, example = "GZ-118")]
    pub client_ref: Option<String>,
}

/// Claims of one call. Each row stands alone.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "rows": [
    { "placement_ref": "2026-03-0001", "outcome": "onboarded", "happened_on": "2026-02-26", "evidence": "e2" },
    { "placement_ref": "2026-03-0002", "outcome": "no_show", "happened_on": "2026-02-26", "evidence": "e2" }
] }))]
pub struct NewClaims {
    /// The claims.
    #[schema(min_items = 1, max_items = 5000)]
    pub rows: Vec<NewClaim>,
}

/// A claim's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable)]
pub struct Claim {
    /// The agreement.
    pub agreement_id: Id,
    /// Id.
    pub id: Id,
    /// The placement it is about; none when no origin announced the person.
    pub placement_id: Option<Id>,
    /// The party that makes it.
    pub claimant_id: Id,
    /// In which capacity.
    pub claimant_role: ClaimantRole,
    /// The claimant's own reference.
    #[schema(max_length = 100)]
    pub client_ref: Option<String>,
    /// What happened.
    pub outcome: ClaimedOutcome,
    /// On which day.
    pub happened_on: Day,
    /// The employer that really took the person, where the claim says so.
    pub employer_id: Option<Id>,
    /// Where the person really works, where the claim says so.
    pub region_code: Option<RegionCode>,
    /// How strong the proof is.
    pub evidence: EvidenceLevel,
    /// Whether it came after the last day on time.
    pub late: bool,
    /// The later claim of the same claimant that took its place.
    pub replaced_by: Option<Id>,
    /// When it was recorded.
    pub recorded_at: Instant,
    /// Whether an origin announced the person: false as long as no placement is known.
    pub announced: bool,
    /// Whether the origin's register knows no earlier arrival of this worker in the same prefecture; null where nobody arrived or the
    /// person is not announced. Computed, so that a correction of an earlier arrival shows at once.
    pub first_arrival: Option<bool>,
    /// The name of a person nobody announced, masked (张*); null otherwise.
    #[schema(max_length = 50, example = "张*")]
    pub name_masked: Option<String>,
}

/// A placement that has departed and of which nobody who may say so has said what became of it, past the last day on time.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OverdueArrival {
    /// Days since the last day on time.
    #[schema(minimum = 1, maximum = 100_000, example = 3)]
    pub days_overdue: i64,
    /// The placement as it is now.
    pub placement: Placement,
}

crate::text_enum! {
    /// Stored states of a dispute.
    pub enum DisputeState {
        /// Standing.
        Open => "open" / "争议中",
        /// Taken back by the party that raised it.
        Withdrawn => "withdrawn" / "已撤回",
    }
}

crate::text_enum! {
    /// What the raiser may do with a dispute.
    pub enum DisputeAction {
        /// Take it back.
        Withdraw => "withdraw" / "撤回",
    }
}

/// The life of a dispute.
pub const TRANSITIONS: &[Transition<DisputeState, DisputeAction>] =
    &[(DisputeState::Open, DisputeAction::Withdraw, DisputeState::Withdrawn)];

/// A party contests what is said of a placement.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "该员工未到我厂报到" }))]
pub struct NewDispute {
    /// Why; no personal data.
    #[schema(max_length = 500, min_length = 1)]
    pub reason: String,
}

/// A dispute's row. The value it contests stays with its owner; the placement counts in the column of disputed rows while one is open.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable, diesel::Insertable,
)]
#[diesel(table_name = crate::db::schema::dispute)]
pub struct Dispute {
    /// The agreement.
    pub agreement_id: Id,
    /// Id.
    pub id: Id,
    /// The placement.
    pub placement_id: Id,
    /// The party that raised it.
    pub raised_by: Id,
    /// Why.
    #[schema(max_length = 500, example = "该员工未到我厂报到")]
    pub reason: String,
    /// Stored state.
    pub state: DisputeState,
    /// Raised at.
    pub raised_at: Instant,
    /// Taken back at.
    pub withdrawn_at: Option<Instant>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::assert_sound;

    #[test]
    fn a_dispute_can_be_withdrawn_and_nothing_else() {
        assert_sound(TRANSITIONS, DisputeState::Open, DisputeState::ALL);
    }

    #[test]
    fn employer_and_destination_confirm_and_the_employer_weighs_most() {
        let confirming: Vec<_> = ClaimantRole::ALL.iter().filter(|role| role.confirms()).collect();
        assert_eq!(confirming, [&ClaimantRole::Employer, &ClaimantRole::Destination]);
        assert!(ClaimantRole::ALL.is_sorted());
    }
}
