//! What a party sends about agreements.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::{AgreementKind, AgreementState, PartyRole, Standing, Terms};
use crate::db::{Day, Id, Instant};
use crate::error::Result;
use crate::http::query::AnyOf;

/// Most parties of an agreement.
pub const PARTIES_MAX: usize = 50;

/// A party and what it is to be in the agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSignatory {
    /// The party, registered and active.
    pub party_id: Id,
    /// Its role.
    pub role: PartyRole,
}

/// A draft: everything the parties will ratify. The sender must be one of the parties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!(super::example::agreement()))]
pub struct NewAgreement {
    /// Number on the paper, unique in the exchange.
    #[schema(max_length = 100, min_length = 1, example = "SY-YW-2026-01")]
    pub number: String,
    /// Title.
    #[schema(max_length = 200, min_length = 1, example = "邵阳县—义乌市劳务协作协议")]
    pub title: String,
    /// Kind.
    pub kind: AgreementKind,
    /// First day of the term.
    pub effective_from: Day,
    /// Last day of the term.
    pub effective_to: Day,
    /// The sender's own reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100, min_length = 1, example = "协作-2026-007")]
    pub partner_ref: Option<String>,
    /// Two or more parties, at least one origin and one destination, the sender among them.
    #[schema(min_items = 2, max_items = 50)]
    pub parties: Vec<NewSignatory>,
    /// The terms.
    #[serde(deserialize_with = "Terms::written_out")]
    pub terms: Terms,
}

/// Changes of a draft, as a merge patch (RFC 7396): what is absent stays; lists are replaced whole; inside `terms`, null takes a field away.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "邵阳县—义乌市劳务协作协议（修订稿）", "effective_to": "2029-12-31"}))]
pub struct AgreementChange {
    /// Number on the paper.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, max_length = 100, min_length = 1, example = "SY-YW-2026-01")]
    pub number: Option<String>,
    /// Title.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, max_length = 200, min_length = 1, example = "邵阳县—义乌市劳务协作协议")]
    pub title: Option<String>,
    /// Kind.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AgreementKind, required = false)]
    pub kind: Option<AgreementKind>,
    /// First day of the term.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Day, required = false)]
    pub effective_from: Option<Day>,
    /// Last day of the term.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Day, required = false)]
    pub effective_to: Option<Day>,
    /// The sender's own reference; null takes it away.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false, max_length = 100, min_length = 1)]
    pub partner_ref: Option<Option<String>>,
    /// The parties, all of them.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<NewSignatory>, required = false, min_items = 2, max_items = 50)]
    pub parties: Option<Vec<NewSignatory>>,
    /// What changes in the terms, in the shape of the terms.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    pub terms: Option<Map<String, Value>>,
}

/// Tells a field that is null from one that is absent; null is refused where the type has none.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl AgreementChange {
    /// The draft with these changes.
    ///
    /// # Errors
    /// The problems of a body that does not have the shape of a draft, each with its place.
    pub fn applied_to(&self, draft: &NewAgreement) -> Result<NewAgreement> {
        let mut merged = serde_json::to_value(draft)?;
        merge(&mut merged, serde_json::to_value(self)?);
        crate::http::extract::parse_json(&serde_json::to_vec(&merged)?)
    }
}

/// RFC 7396, section 2.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(members) = target.as_object_mut() else { return };
    for (name, value) in patch {
        if value.is_null() {
            members.remove(&name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// Why a party takes a step; it stands in the event the other parties read. Name no persons.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "双方协商一致，因产业调整暂停输送"}))]
pub struct ReasonedStep {
    /// The reason.
    #[schema(max_length = 200, min_length = 1, example = "双方协商一致，因产业调整暂停输送")]
    pub reason: String,
}

/// A party says yes to exactly these bytes.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"digest": "7d9f0c6c2f5e4b1a8d3c5e7f9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b"}))]
pub struct NewRatification {
    /// SHA-256 of the document's bytes, hexadecimal, as the party computed it.
    #[schema(
        pattern = "^[0-9a-f]{64}$",
        min_length = 64,
        max_length = 64,
        example = "7d9f0c6c2f5e4b1a8d3c5e7f9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b"
    )]
    pub digest: String,
    /// The version meant; left out, the one that is before the parties.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub version: Option<i64>,
    /// Detached compact JWS (`header..signature`) over the document's bytes, by a key registered for the client.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 4096)]
    pub signature: Option<String>,
}

/// A new version of the terms of a ratified agreement.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"effective_on": "2026-07-01", "terms": super::example::terms(), "reason": "年度目标由2500人调整为3000人"}))]
pub struct NewAmendment {
    /// The day from which it holds once every party has ratified it: not before today, within the term, after every earlier version.
    pub effective_on: Day,
    /// The terms, whole.
    #[serde(deserialize_with = "Terms::written_out")]
    pub terms: Terms,
    /// Why; kept with the version.
    #[schema(max_length = 200, min_length = 1, example = "年度目标由2500人调整为3000人")]
    pub reason: String,
}

/// Filters of the list of agreements.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AgreementFilter {
    /// Only agreements in one of these stored states.
    #[param(inline)]
    pub state: Option<AnyOf<AgreementState>>,
    /// Only agreements in which the caller's party has one of these roles.
    #[param(inline)]
    pub role: Option<AnyOf<PartyRole>>,
    /// Only agreements of one of these standings today.
    #[param(inline)]
    pub standing: Option<AnyOf<Standing>>,
    /// Only the agreement the caller's party drafted under this reference.
    #[param(min_length = 1, max_length = 100)]
    pub partner_ref: Option<String>,
    /// Only agreements that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// On which day to look.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AsOf {
    /// The day whose version is wanted; left out, today.
    pub as_of: Option<Day>,
}

/// Which version's document.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct WhichVersion {
    /// Number of the version; left out, the one in effect today, or while nothing is ratified the one before the parties.
    #[param(minimum = 1, maximum = 1_000_000)]
    pub version: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::super::rules::tests::sample_terms;
    use super::*;
    use crate::error::Code;
    use serde_json::json;

    fn draft() -> NewAgreement {
        NewAgreement {
            number: "SY-YW-2026-01".to_owned(),
            title: "协议".to_owned(),
            kind: AgreementKind::InterProvincial,
            effective_from: Day::parse("2026-01-01").unwrap(),
            effective_to: Day::parse("2026-12-31").unwrap(),
            partner_ref: Some("007".to_owned()),
            parties: vec![NewSignatory { party_id: Id::NIL, role: PartyRole::Origin }],
            terms: sample_terms(),
        }
    }

    fn changed(change: Value) -> Result<NewAgreement> {
        let change: AgreementChange = crate::http::extract::parse_json(change.to_string().as_bytes())?;
        change.applied_to(&draft())
    }

    #[test]
    fn a_change_touches_only_what_it_names() {
        assert_eq!(changed(json!({})).unwrap(), draft());
        let found = changed(json!({ "title": "新名", "terms": { "deadlines": { "exit_days": 10 } } })).unwrap();
        let mut expected = draft();
        expected.title = "新名".to_owned();
        expected.terms.deadlines.exit_days = 10;
        assert_eq!(found, expected);
    }

    #[test]
    fn null_takes_away_what_may_be_absent_and_is_refused_elsewhere() {
        let found = changed(json!({ "partner_ref": null, "terms": { "complaints_contact": null } })).unwrap();
        assert_eq!((found.partner_ref, found.terms.complaints_contact), (None, None));
        assert_eq!(changed(json!({ "title": null })).unwrap_err().code, Code::FieldInvalid);
        assert_eq!(changed(json!({ "terms": { "hold_days": null } })).unwrap_err().code, Code::FieldMissing);
        assert_eq!(changed(json!({ "terms": { "hold_dayz": 3 } })).unwrap_err().code, Code::UnknownField);
    }
}
