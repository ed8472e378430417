//! Parties (单位): the authorities of origins and destinations, employers, stations, agencies and the operator, and the zones
//! that some of them stand for.
//!
//! A party is registered once by the operator; every caller may read the names of its partners. A zone (经开区, 高新区) has no code
//! of its own and counts as the division that hosts it. The unified social credit code is checked and a doubt is shown, never
//! refused: codes that fail the check have really been issued. Suspending a party withdraws its tokens at once and takes nothing
//! away from what it did before.
//!
//! Deliberately absent: contact persons (personal data without a use here), a look-up in the business register, and deletion.

pub mod commands;
pub mod credit_code;
pub mod routes;
pub mod rules;
pub mod store;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use self::credit_code::{CreditCode, CreditCodeCheck};
use crate::db::{Id, Instant};
use crate::lifecycle::Transition;
use crate::regions::RegionCode;

/// The longest name of a party or zone, in characters.
pub const NAME_LENGTH_MAX: usize = 100;

crate::text_enum! {
    /// What a party is.
    pub enum PartyKind {
        /// A government, human-resources bureau or zone committee: origin or destination of agreements.
        Authority => "authority" / "主管部门",
        /// An employer.
        Employer => "employer" / "用人单位",
        /// A labour service station (劳务服务站).
        Station => "station" / "劳务服务站",
        /// An agency that recruits or escorts.
        Agency => "agency" / "人力资源机构",
        /// Whoever runs the exchange.
        Operator => "operator" / "运营方",
    }
}

crate::text_enum! {
    /// Whether a party takes part.
    pub enum PartyState {
        /// It takes part.
        Active => "active" / "有效",
        /// Its clients get no tokens and those they hold are void.
        Suspended => "suspended" / "已停用",
    }
}

crate::text_enum! {
    /// What the operator may do with a party.
    pub enum PartyAction {
        /// Shut it out.
        Suspend => "suspend" / "停用",
        /// Let it in again.
        Activate => "activate" / "启用",
    }
}

/// The life of a party.
pub const TRANSITIONS: &[Transition<PartyState, PartyAction>] = &[
    (PartyState::Active, PartyAction::Suspend, PartyState::Suspended),
    (PartyState::Suspended, PartyAction::Activate, PartyState::Active),
];

/// A party's row.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable, diesel::Insertable,
)]
#[diesel(table_name = crate::db::schema::party)]
pub struct Party {
    /// Id.
    pub id: Id,
    /// Its name.
    #[schema(max_length = 100, example = "邵阳县人力资源和社会保障局")]
    pub name: String,
    /// What it is.
    pub kind: PartyKind,
    /// The division it acts for or is seated in.
    pub region_code: Option<RegionCode>,
    /// The zone it acts for or is seated in.
    pub zone_id: Option<Id>,
    /// Its unified social credit code.
    pub credit_code: Option<CreditCode>,
    /// Whether it takes part.
    pub state: PartyState,
    /// Version of this row, also in its ETag.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 1)]
    pub version: i64,
    /// Registered at.
    pub created_at: Instant,
    /// Last changed at.
    pub updated_at: Instant,
}

/// A party with what the rules of GB 32100 say about its credit code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CheckedParty {
    /// The party.
    #[serde(flatten)]
    pub party: Party,
    /// The check of `credit_code`; null when there is none. A warning asks for a look at the licence and refuses nothing.
    pub credit_code_check: Option<CreditCodeCheck>,
}

impl From<Party> for CheckedParty {
    fn from(party: Party) -> Self {
        let credit_code_check = party.credit_code.as_ref().map(CreditCode::check);
        Self { party, credit_code_check }
    }
}

/// A party to be registered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "邵阳县人力资源和社会保障局", "kind": "authority", "region_code": "430523"}))]
pub struct NewParty {
    /// Its name.
    #[schema(max_length = 100, min_length = 1)]
    pub name: String,
    /// What it is; cannot be changed later.
    pub kind: PartyKind,
    /// The division it acts for or is seated in; an authority needs this or a zone.
    #[serde(default)]
    pub region_code: Option<RegionCode>,
    /// The zone it acts for or is seated in; `region_code`, when given as well, must be its host.
    #[serde(default)]
    pub zone_id: Option<Id>,
    /// Its unified social credit code, as written on the licence.
    #[serde(default)]
    #[schema(max_length = 40, min_length = 18, example = "91350100M000100Y43")]
    pub credit_code: Option<String>,
}

/// What changes of a party: absent stays, null takes away (RFC 7396).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "邵阳县人力资源和社会保障局", "credit_code": null}))]
pub struct PartyChange {
    /// Its name; cannot be taken away.
    #[serde(default, deserialize_with = "present")]
    #[schema(max_length = 100, min_length = 1, nullable = false)]
    pub name: Option<String>,
    /// The division it acts for or is seated in.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<RegionCode>)]
    pub region_code: Option<Option<RegionCode>>,
    /// The zone it acts for or is seated in.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Id>)]
    pub zone_id: Option<Option<Id>>,
    /// Its unified social credit code.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 40, min_length = 18)]
    pub credit_code: Option<Option<String>>,
}

/// Keeps "null" apart from "absent": a field that is there is `Some`, whatever it holds.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A zone's row; it never changes.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable, diesel::Insertable,
)]
#[diesel(table_name = crate::db::schema::zone)]
pub struct Zone {
    /// Id.
    pub id: Id,
    /// Its name.
    #[schema(max_length = 100, example = "邵阳经济技术开发区")]
    pub name: String,
    /// The division that hosts it and stands for it wherever a code is needed.
    pub host_code: RegionCode,
    /// Registered at.
    pub created_at: Instant,
}

/// A zone to be registered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "邵阳经济技术开发区", "host_code": "430500"}))]
pub struct NewZone {
    /// Its name.
    #[schema(max_length = 100, min_length = 1)]
    pub name: String,
    /// The current division that hosts it.
    pub host_code: RegionCode,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_can_be_shut_out_and_let_in_again() {
        crate::lifecycle::assert_sound(TRANSITIONS, PartyState::Active, PartyState::ALL);
    }

    #[test]
    fn a_change_tells_null_from_absent() {
        let change: PartyChange = serde_json::from_str(r#"{"region_code": null, "name": "甲"}"#).unwrap();
        assert_eq!(change.region_code, Some(None));
        assert_eq!(change.zone_id, None);
        assert_eq!(change.name.as_deref(), Some("甲"));
        serde_json::from_str::<PartyChange>(r#"{"name": null}"#).unwrap_err();
    }
}
