//! Workers (务工人员): the persons in an origin's register. Identity is sealed; answers carry the masked form.
//!
//! A person is found by keyed indexes of the identity number: one per origin for its own search, one for the whole exchange that
//! only the open-placement constraint and matching use. Group membership (脱贫人口, 监测对象) is effective-dated, because a person
//! moves between groups. Deliberately absent: poverty cause, health, household income: the destination does not need them.

//!
//! A register belongs to one party, and nobody else can see it or infer anything from it: the same person may stand in the
//! registers of two counties, each under its own id, and neither learns of the other.

pub mod batch_command;
pub mod identity_number;
pub mod person_name;
pub mod phone;
pub mod registration;
pub mod routes;
pub mod rules;
pub mod sealing;
pub mod store;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::db::{Day, Id, Instant};
use crate::lifecycle::Transition;
use crate::regions::RegionCode;
use crate::seal::Sensitive;

/// Most rows of one call.
pub const BATCH_ROWS_MAX: usize = 5_000;
/// Most memberships sent with one person.
pub const GROUPS_MAX: usize = 20;

crate::text_enum! {
    /// The list a person is on at a date; `monitored` is any of the three kinds of 防止返贫致贫监测对象.
    pub enum GroupCode {
        /// 脱贫人口, not monitored.
        Lifted => "lifted" / "脱贫人口",
        /// 脱贫不稳定户.
        UnstableLifted => "unstable_lifted" / "脱贫不稳定户",
        /// 边缘易致贫户.
        Marginal => "marginal" / "边缘易致贫户",
        /// 突发严重困难户.
        SuddenHardship => "sudden_hardship" / "突发严重困难户",
        /// On no list: ordinary rural labour.
        Ordinary => "ordinary" / "一般农村劳动力",
    }
}

crate::text_enum! {
    /// Whether the person's identity is kept.
    pub enum WorkerState {
        /// Kept, sealed.
        Active => "active" / "在册",
        /// Erased on request; placements and totals stay, the person cannot be found any more.
        Erased => "erased" / "已删除",
    }
}

crate::text_enum! {
    /// What may happen to a worker's record.
    pub enum WorkerAction {
        /// Correct name, phone, place or reference, or add a group.
        Change => "change" / "变更",
        /// Remove the identity for good.
        Erase => "erase" / "删除身份信息",
    }
}

/// The life of a worker's record.
pub const TRANSITIONS: &[Transition<WorkerState, WorkerAction>] = &[
    (WorkerState::Active, WorkerAction::Change, WorkerState::Active),
    (WorkerState::Active, WorkerAction::Erase, WorkerState::Erased),
];

crate::text_enum! {
    /// Sex as the identity number tells it (GB/T 2261.1).
    pub enum WorkerSex {
        /// 男.
        Male => "male" / "男",
        /// 女.
        Female => "female" / "女",
        /// Not kept: the worker was erased.
        Unknown => "unknown" / "未知",
    }
}

crate::text_enum! {
    /// Why an identity was erased. A closed list, because a free text would itself be personal data that stays.
    pub enum ErasureReason {
        /// The person asked for it.
        PersonRequest => "person_request" / "本人要求",
        /// The purpose is met or the term has ended.
        PurposeMet => "purpose_met" / "目的已实现或期限届满",
        /// The row was about somebody else or should never have been registered.
        RegisteredInError => "registered_in_error" / "登记错误",
        /// An authority ordered it.
        LegalOrder => "legal_order" / "主管机关要求",
    }
}

crate::text_enum! {
    /// Populations that targets count (see the agreement's terms).
    pub enum Population {
        /// Everybody.
        All => "all" / "全部人员",
        /// 脱贫人口务工规模: formerly-poor people including the monitored (脱贫人口含监测对象).
        Lifted => "lifted" / "脱贫人口（含监测对象）" / "formerly poor, including the monitored",
        /// 防止返贫致贫监测对象 only.
        Monitored => "monitored" / "防止返贫致贫监测对象",
    }
}

impl GroupCode {
    /// Whether a member counts in a population.
    #[must_use]
    pub const fn is_in(self, population: Population) -> bool {
        match population {
            Population::All => true,
            Population::Lifted => !matches!(self, Self::Ordinary),
            Population::Monitored => matches!(self, Self::UnstableLifted | Self::Marginal | Self::SuddenHardship),
        }
    }
}

impl From<identity_number::Sex> for WorkerSex {
    fn from(sex: identity_number::Sex) -> Self {
        match sex {
            identity_number::Sex::Male => Self::Male,
            identity_number::Sex::Female => Self::Female,
        }
    }
}

/// Membership of a group from day to day, both included; without a last day it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::worker_group)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "group_code": "lifted", "valid_from": "2014-12-31", "valid_to": null, "source": "全国防返贫监测信息系统"
}))]
pub struct GroupMembership {
    /// The group.
    pub group_code: GroupCode,
    /// First day.
    pub valid_from: Day,
    /// Last day.
    #[serde(default)]
    pub valid_to: Option<Day>,
    /// The list it was read from.
    #[schema(max_length = 100, min_length = 1)]
    pub source: String,
}

/// A person to be registered. Sex and birth year come from the identity number.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "张三", "identity_number": "430523199003079985", "phone": "13800001234", "hukou_code": "430523",
    "partner_ref": "SY-2026-000017",
    "groups": [{ "group_code": "lifted", "valid_from": "2014-12-31", "source": "全国防返贫监测信息系统" }]
}))]
pub struct NewWorker {
    /// Name as on the identity card; spelling differences that mean nothing are folded.
    #[schema(value_type = String, max_length = 200)]
    pub name: Sensitive<String>,
    /// Resident identity number: 18 characters, 15 in the old form, or the number of a disability card. Damaged and masked numbers are
    /// refused, never guessed.
    #[schema(value_type = String, max_length = 64)]
    pub identity_number: Sensitive<String>,
    /// Mobile number; a couple may share one. Left out on a known person, it stays as it is.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 64)]
    pub phone: Option<Sensitive<String>>,
    /// Household registration (户籍) to the county: six digits, twelve, or a path. A former code is taken when it means one county today.
    #[schema(max_length = 100)]
    pub hukou_code: String,
    /// The partner system's own reference; unique in the register. Never an identity number.
    #[serde(default)]
    #[schema(max_length = 100, min_length = 1)]
    pub partner_ref: Option<String>,
    /// Memberships. One that is known with the same group and first day takes the last day and source given here; others stay.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub groups: Vec<GroupMembership>,
}

/// Persons to be registered in one call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "rows": [
    { "name": "张三", "identity_number": "430523199003079985", "phone": "13800001234", "hukou_code": "430523" },
    { "name": "李四", "identity_number": "432621197501019999", "phone": "13800001234", "hukou_code": "432621" }
] }))]
pub struct NewWorkerBatch {
    /// The rows.
    #[schema(min_items = 1, max_items = 5000)]
    pub rows: Vec<NewWorker>,
}

/// A worker as the register's owner sees it: masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50", "partner_ref": "SY-2026-000017", "state": "active",
    "masked_name": "张*", "masked_identity_number": "430*************85", "masked_phone": "138****1234",
    "sex": "female", "birth_year": 1990, "hukou_code": "430523", "groups": [], "version": 1,
    "created_at": "2026-02-24T01:30:00.000000Z", "updated_at": "2026-02-24T01:30:00.000000Z"
}))]
pub struct Worker {
    /// Id.
    pub id: Id,
    /// The partner system's own reference; null after erasure.
    #[schema(max_length = 100)]
    pub partner_ref: Option<String>,
    /// Whether the identity is kept.
    pub state: WorkerState,
    /// First character and a star for each other; null after erasure.
    #[schema(max_length = 50)]
    pub masked_name: Option<String>,
    /// First three and last two characters; null after erasure.
    #[schema(max_length = 18)]
    pub masked_identity_number: Option<String>,
    /// First three and last four digits; null when none is known.
    #[schema(max_length = 11)]
    pub masked_phone: Option<String>,
    /// From the identity number.
    pub sex: WorkerSex,
    /// From the identity number; null after erasure.
    #[schema(minimum = 1850, maximum = 2099)]
    pub birth_year: Option<i64>,
    /// Household registration (户籍), as the code in force today.
    pub hukou_code: RegionCode,
    /// Memberships, oldest first.
    #[schema(max_items = 1000)]
    pub groups: Vec<GroupMembership>,
    /// Version of this record, also in its ETag.
    #[schema(minimum = 1, maximum = 9007199254740991_i64)]
    pub version: i64,
    /// Registered at.
    pub created_at: Instant,
    /// Last changed at.
    pub updated_at: Instant,
}

/// What destination and employer may see of a person sent to them: name, masked number, contact (PIPL 6, domain.md 8).
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "worker_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50", "name": "张三",
    "masked_identity_number": "430*************85", "phone": "13800001234"
}))]
pub struct WorkerCard {
    /// The worker.
    pub worker_id: Id,
    /// Name; null after erasure.
    #[schema(max_length = 50)]
    pub name: Option<String>,
    /// First three and last two characters of the identity number; null after erasure.
    #[schema(max_length = 18)]
    pub masked_identity_number: Option<String>,
    /// Mobile number, when one is known.
    #[schema(max_length = 11)]
    pub phone: Option<String>,
}

/// A change of a worker's record (RFC 7396). The identity number cannot be changed: another number is another person.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "phone": "13900005678" }))]
pub struct WorkerPatch {
    /// Name as on the identity card.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, max_length = 200)]
    pub name: Option<Sensitive<String>>,
    /// Mobile number; null removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 64)]
    pub phone: Option<Option<Sensitive<String>>>,
    /// Household registration (户籍) to the county.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, max_length = 100)]
    pub hukou_code: Option<String>,
    /// The partner system's own reference; null removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 100, min_length = 1)]
    pub partner_ref: Option<Option<String>>,
}

/// Keeps "absent" apart from "null".
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A search by identity number, in the body so that the number never stands in an address or a log.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "identity_number": "430523199003079985" }))]
pub struct WorkerSearch {
    /// The whole number, in any form that registration takes.
    #[schema(value_type = String, max_length = 64)]
    pub identity_number: Sensitive<String>,
}

/// Who was found: nobody or one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WorkerMatches {
    /// The matches.
    #[schema(max_items = 1)]
    pub items: Vec<Worker>,
}

/// The purpose of an unmasked reading.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "purpose": "核对社保参保信息" }))]
pub struct NewIdentityReading {
    /// What the identity is needed for; kept with the reading. No names or numbers here.
    #[schema(max_length = 200, min_length = 1)]
    pub purpose: String,
}

/// The unmasked identity, answered once per recorded reading and never stored.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "reading_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c51", "worker_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50",
    "name": "张三", "identity_number": "430523199003079985", "phone": "13800001234"
}))]
pub struct UnmaskedIdentity {
    /// The record of this reading.
    pub reading_id: Id,
    /// The worker.
    pub worker_id: Id,
    /// Name.
    #[schema(max_length = 50)]
    pub name: String,
    /// Resident identity number, 18 characters.
    #[schema(max_length = 18)]
    pub identity_number: String,
    /// Mobile number, when one is known.
    #[schema(max_length = 11)]
    pub phone: Option<String>,
}

/// A recorded reading: who saw the unmasked identity, when and what for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::identity_read)]
pub struct IdentityReading {
    /// Id.
    pub id: Id,
    /// Whose identity.
    pub worker_id: Id,
    /// The party that read it.
    pub reader_party_id: Id,
    /// Its client.
    pub client_id: Id,
    /// What for.
    #[schema(max_length = 200)]
    pub purpose: String,
    /// The request, as in X-Request-Id.
    pub request_id: Option<Id>,
    /// When.
    pub read_at: Instant,
}

/// An order to erase an identity.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "person_request" }))]
pub struct NewErasure {
    /// Why.
    pub reason: ErasureReason,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_life_of_a_record_is_sound() {
        crate::lifecycle::assert_sound(TRANSITIONS, WorkerState::Active, WorkerState::ALL);
    }

    #[test]
    fn a_patch_tells_removing_a_phone_from_not_mentioning_it() {
        let silent: WorkerPatch = serde_json::from_str("{}").unwrap();
        assert!(silent.phone.is_none());
        let removed: WorkerPatch = serde_json::from_str(r#"{"phone":null}"#).unwrap();
        assert_eq!(removed.phone, Some(None));
        assert!(serde_json::from_str::<WorkerPatch>(r#"{"name":null}"#).is_err());
        assert!(serde_json::from_str::<WorkerPatch>(r#"{"identity_number":"430523199003079985"}"#).is_err());
    }
}
