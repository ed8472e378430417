//! The public register (公开名录): which agreements there are and which posts are offered under them, for everybody and without a token.
//!
//! It shows what governments and employers have made public by concluding it: parties, terms, totals, posts. Totals count person-times of
//! a whole agreement; nothing here is about a single person, and no id leads to one. Drafts, proposals and unpublished quotas are not shown.

pub mod job_posting;
pub mod routes;
mod store;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::agreements::{AgreementKind, PartyRole, Standing};
use crate::db::{Day, Id};
use crate::regions::RegionCode;

/// An agreement as everybody sees it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50", "number": "SY-YW-2026-01", "title": "邵阳县—义乌市劳务协作协议", "kind": "inter_provincial",
    "standing": "in_force", "effective_from": "2026-01-01", "effective_to": "2028-12-31",
    "parties": [{ "name": "邵阳县人力资源和社会保障局", "role": "origin", "region_code": "430523" },
        { "name": "义乌市人力资源和社会保障局", "role": "destination", "region_code": "330782" }],
    "places": 600, "dispatched_person_times": 412, "onboarded_person_times": 398
}))]
pub struct PublicAgreement {
    /// Id.
    pub id: Id,
    /// Number of the agreement.
    #[schema(max_length = 50, example = "SY-YW-2026-01")]
    pub number: String,
    /// Title.
    #[schema(max_length = 200)]
    pub title: String,
    /// Kind.
    pub kind: AgreementKind,
    /// What its state and today say together.
    pub standing: Standing,
    /// First day of its term.
    pub effective_from: Day,
    /// Last day of its term.
    pub effective_to: Day,
    /// Its parties: origins, then destinations, then stations.
    #[schema(max_items = 50)]
    pub parties: Vec<PublicParty>,
    /// Places approved in quotas that were published.
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    pub places: i64,
    /// Departures (人次) under the agreement that nobody disputes.
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    pub dispatched_person_times: i64,
    /// Arrivals (人次) that are shown as the agreement demands and that nobody disputes.
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    pub onboarded_person_times: i64,
}

/// A party of an agreement as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PublicParty {
    /// Its name.
    #[schema(max_length = 100, example = "邵阳县人力资源和社会保障局")]
    pub name: String,
    /// What it is in the agreement.
    pub role: PartyRole,
    /// The division it acts for or is seated in.
    pub region_code: Option<RegionCode>,
}

/// What the list of agreements may be narrowed to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PublicAgreementFilter {
    /// Only agreements with a party of this division.
    pub region_code: Option<RegionCode>,
}

/// What the list of job postings may be narrowed to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobPostingFilter {
    /// Only posts in this division.
    pub region_code: Option<RegionCode>,
    /// Only posts that are open today, or only those that are closed.
    pub open: Option<bool>,
}
