//! Agreements (劳务协作协议): a framework between two or more parties with roles, and the terms they ratify.
//!
//! Terms are versioned. What is ratified is the SHA-256 of the exact canonical bytes (RFC 8785) of one version; an amendment is a new
//! version that takes effect on its day after every party ratified it, and the old one stays readable. Whether an agreement is in
//! force, expiring or expired is computed from the day, never stored. Deliberately absent: penalties and payment.
//!
//! Read [`rules`] (who may do what, when it holds), [`validation`] (what can be ratified), [`document`] (the bytes), then
//! [`drafting`], [`ratifying`] and [`store`].

pub mod answers;
pub mod document;
pub mod drafting;
pub mod example;
pub mod guarantee_terms;
pub mod income_terms;
pub mod ratifying;
pub mod requests;
pub mod routes;
pub mod rule_terms;
pub mod rules;
pub mod store;
pub mod validation;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::db::{Day, Id, Instant};
use crate::lifecycle::Transition;
use crate::regions::{RegionCode, Scope};
use crate::workers::Population;
use guarantee_terms::GuaranteeRule;
use rule_terms::{ArrivalRule, AttributionRule, RetentionNode, RetentionRule, SplitCredit, standard_split_credit};

crate::text_enum! {
    /// Kinds of agreement seen in the field.
    pub enum AgreementKind {
        /// 东西部协作.
        EastWest => "east_west" / "东西部协作" / "east-west cooperation",
        /// 省际、跨省劳务协作.
        InterProvincial => "inter_provincial" / "省际劳务协作" / "between provinces",
        /// 省内劳务协作.
        IntraProvincial => "intra_provincial" / "省内劳务协作" / "within a province",
        /// 市内劳务协作.
        IntraPrefecture => "intra_prefecture" / "市内劳务协作" / "within a prefecture",
        /// 区域劳务协作联盟, more than two parties.
        Alliance => "alliance" / "区域劳务协作联盟" / "regional alliance",
        /// 三方共建劳务工作站.
        TripartiteStation => "tripartite_station" / "三方共建劳务工作站" / "labour station of three parties",
        /// 县企协议、订单.
        GovernmentEnterprise => "government_enterprise" / "县企协议" / "government and enterprise",
    }
}

crate::text_enum! {
    /// Stored states; see [`Standing`] for what the day adds.
    pub enum AgreementState {
        /// Being written by the party that drafted it; only that party sees it.
        Draft => "draft" / "草案",
        /// Before the parties; the terms can no longer change.
        Proposed => "proposed" / "待签",
        /// Ratified by every party.
        Ratified => "ratified" / "已签",
        /// Paused by a party: no new dispatches.
        Suspended => "suspended" / "已中止",
        /// Ended for good.
        Terminated => "terminated" / "已终止",
    }
}

crate::text_enum! {
    /// What a party may do with an agreement.
    pub enum AgreementAction {
        /// Write the draft anew.
        Change => "change" / "修改",
        /// Put the draft before the parties.
        Propose => "propose" / "提交",
        /// Take the proposal back to a draft.
        Withdraw => "withdraw" / "撤回",
        /// The last party has ratified.
        Ratify => "ratify" / "签署",
        /// Propose a new version of the terms.
        Amend => "amend" / "变更条款",
        /// Pause it.
        Suspend => "suspend" / "中止",
        /// Go on.
        Resume => "resume" / "恢复",
        /// End it.
        Terminate => "terminate" / "终止",
    }
}

/// The life of an agreement.
pub const TRANSITIONS: &[Transition<AgreementState, AgreementAction>] = &[
    (AgreementState::Draft, AgreementAction::Change, AgreementState::Draft),
    (AgreementState::Draft, AgreementAction::Propose, AgreementState::Proposed),
    (AgreementState::Proposed, AgreementAction::Withdraw, AgreementState::Draft),
    (AgreementState::Proposed, AgreementAction::Ratify, AgreementState::Ratified),
    (AgreementState::Ratified, AgreementAction::Amend, AgreementState::Ratified),
    (AgreementState::Ratified, AgreementAction::Suspend, AgreementState::Suspended),
    (AgreementState::Suspended, AgreementAction::Resume, AgreementState::Ratified),
    (AgreementState::Ratified, AgreementAction::Terminate, AgreementState::Terminated),
    (AgreementState::Suspended, AgreementAction::Terminate, AgreementState::Terminated),
];

crate::text_enum! {
    /// Stored states of one version of the terms.
    pub enum VersionState {
        /// Part of a draft; its document may still change.
        Draft => "draft" / "草案",
        /// Before the parties; its document never changes again.
        Proposed => "proposed" / "待签",
        /// Ratified by every party.
        Ratified => "ratified" / "已签",
        /// Taken back before every party had ratified; kept for the record.
        Withdrawn => "withdrawn" / "已撤回",
    }
}

crate::text_enum! {
    /// What happens to a version.
    pub enum VersionAction {
        /// Put it before the parties.
        Propose => "propose" / "提交",
        /// Take it back.
        Withdraw => "withdraw" / "撤回",
        /// The last party has ratified it.
        Ratify => "ratify" / "签署",
    }
}

/// The life of a version. What is withdrawn is never proposed again: the next proposal is a new version.
pub const VERSION_TRANSITIONS: &[Transition<VersionState, VersionAction>] = &[
    (VersionState::Draft, VersionAction::Propose, VersionState::Proposed),
    (VersionState::Proposed, VersionAction::Withdraw, VersionState::Withdrawn),
    (VersionState::Proposed, VersionAction::Ratify, VersionState::Ratified),
];

crate::text_enum! {
    /// What the state and the day say together.
    pub enum Standing {
        /// Not ratified, or the first day is still to come.
        NotYetInForce => "not_yet_in_force" / "未生效",
        /// Ratified and within its term.
        InForce => "in_force" / "生效中",
        /// In force, with at most 60 days left.
        Expiring => "expiring" / "即将到期",
        /// Past its last day.
        Expired => "expired" / "已到期",
        /// Suspended.
        Suspended => "suspended" / "已中止",
        /// Terminated.
        Terminated => "terminated" / "已终止",
    }
}

crate::text_enum! {
    /// What a party is in an agreement.
    pub enum PartyRole {
        /// 输出地: sends workers.
        Origin => "origin" / "输出地",
        /// 输入地: offers places and receives workers.
        Destination => "destination" / "输入地",
        /// 劳务工作站.
        Station => "station" / "劳务工作站",
    }
}

crate::text_enum! {
    /// What a target counts.
    pub enum Indicator {
        /// 输送: departed under the agreement.
        Dispatched => "dispatched" / "输送",
        /// 到岗: arrived as the terms define it.
        Onboarded => "onboarded" / "到岗",
        /// 稳定就业: retained at a node of the terms' rule.
        Retained => "retained" / "稳定就业",
    }
}

crate::text_enum! {
    /// Persons and person-times are different units and are never added.
    pub enum Unit {
        /// 人: distinct persons.
        Person => "person" / "人",
        /// 人次: placements.
        PersonTime => "person_time" / "人次" / "person-time",
    }
}

/// A number both sides set themselves for a plan year (年度目标任务).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The calendar year the target is for.
    #[schema(minimum = 1980, maximum = 2099, example = 2026)]
    pub plan_year: i64,
    /// What is counted.
    pub indicator: Indicator,
    /// At which node, when the indicator is `retained`: one of the nodes of the retention rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<RetentionNode>,
    /// Of whom.
    pub population: Population,
    /// How far from the origin; absent for everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Persons or person-times.
    pub unit: Unit,
    /// The number.
    #[schema(minimum = 1, maximum = 10_000_000, example = 2500)]
    pub number: i64,
}

/// On which basis personal data goes to the destination (PIPL 13, 34).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSharing {
    /// The lawful basis in words.
    #[schema(
        max_length = 200,
        min_length = 1,
        example = "Statutory duty of employment services; Employment Promotion Law art. 35"
    )]
    pub legal_basis: String,
    /// What the data is used for, and nothing else.
    #[schema(max_length = 200, min_length = 1, example = "Handover at arrival and follow-up of employment")]
    pub purpose: String,
    /// Days after the end of a placement until the destination deletes it.
    #[schema(minimum = 1, maximum = 3660, example = 1095)]
    pub retention_days: i64,
}

/// A limit on places beyond the single quotas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlaceCaps {
    /// Most places taken at once under the whole agreement.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000_000)]
    pub agreement: Option<i64>,
    /// Most places taken at once in single destination regions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub regions: Vec<RegionCap>,
}

/// A limit on places in one destination region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegionCap {
    /// The region; quotas whose workplace has this code fall under it.
    pub region_code: RegionCode,
    /// Most places.
    #[schema(minimum = 1, maximum = 10_000_000, example = 3000)]
    pub places: i64,
}

/// What both parties ratify: targets, what "arrived" and "retained" mean, limits, deadlines, and the basis of sharing data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Targets per plan year.
    #[schema(max_items = 200)]
    pub targets: Vec<Target>,
    /// What "arrived" means.
    pub arrival: ArrivalRule,
    /// What "retained" means.
    pub retention: RetentionRule,
    /// Which agreement a person counts for when several could.
    pub attribution: AttributionRule,
    /// How the credit for a person is split whom several agreements count. Left out: all of it to the primary one.
    #[serde(default = "standard_split_credit")]
    pub split_credit: SplitCredit,
    /// Limits on places.
    #[serde(default)]
    pub caps: PlaceCaps,
    /// Days a roster holds its places before the hold lapses.
    #[schema(minimum = 1, maximum = 365, example = 30)]
    pub hold_days: i64,
    /// Days after an event in which it must be reported.
    pub deadlines: Deadlines,
    /// When an exit obliges the origin to send another worker. Left out: 90 days, written out in the document that is ratified; terms that
    /// were ratified without it have no guarantee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guarantee: Option<GuaranteeRule>,
    /// Basis and purpose of sharing personal data.
    pub data_sharing: DataSharing,
    /// Where workers complain, if the agreement says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, min_length = 1)]
    pub complaints_contact: Option<String>,
}

impl Terms {
    /// Reads terms as a party sends them, with what it leaves out written out: nobody ratifies a default that it has not seen.
    ///
    /// # Errors
    /// What the deserializer says.
    pub fn written_out<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let mut terms = Self::deserialize(deserializer)?;
        terms.guarantee.get_or_insert_default();
        Ok(terms)
    }
}

/// Days in which each kind of event must be reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deadlines {
    /// Employer or destination answers a reported arrival.
    #[schema(minimum = 1, maximum = 90, example = 14)]
    pub answer_days: i64,
    /// Employer reports an exit.
    #[schema(minimum = 1, maximum = 90, example = 7)]
    pub exit_days: i64,
    /// Days in which a side may object to a monthly statement. Left out: 7, written out in the document that is ratified.
    #[serde(default = "standard_objection_days")]
    #[schema(minimum = 1, maximum = 90, example = 7)]
    pub objection_days: i64,
}

const fn standard_objection_days() -> i64 {
    7
}

/// An agreement's row. The terms are in its versions.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable, diesel::Insertable,
)]
#[diesel(table_name = crate::db::schema::agreement)]
pub struct Agreement {
    /// Id.
    pub id: Id,
    /// Number on the paper, unique in the exchange.
    #[schema(max_length = 100, example = "SY-YW-2026-01")]
    pub number: String,
    /// Title.
    #[schema(max_length = 200, example = "邵阳县—义乌市劳务协作协议")]
    pub title: String,
    /// Kind.
    pub kind: AgreementKind,
    /// Stored state.
    pub state: AgreementState,
    /// The party that drafted it.
    pub drafted_by: Id,
    /// First day of its term.
    pub effective_from: Day,
    /// Last day of its term.
    pub effective_to: Day,
    /// The drafting party's own reference.
    #[schema(max_length = 100)]
    pub partner_ref: Option<String>,
    /// Counts every change of its figures.
    #[serde(skip)]
    pub tally_version: i64,
    /// Version of this row, also in its ETag.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 3)]
    pub version: i64,
    /// Made at.
    pub created_at: Instant,
    /// Last changed at.
    pub updated_at: Instant,
}
