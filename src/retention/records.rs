//! What is recorded: observations, exits and spells, as they are sent and as they are kept.
//!
//! Deliberately absent: the recorded history of corrections. An observation is never changed; a later or stronger one weighs
//! against it. A spell keeps its latest form, and the events keep how it came about.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::facts::{DateGrain, ExitReason};
use crate::agreements::rule_terms::EvidenceLevel;
use crate::db::{Day, Id, Instant};
use crate::regions::RegionCode;

crate::text_enum! {
    /// Where an observation comes from.
    pub enum ObservationSource {
        /// 用人单位花名册: the employer's roster.
        EmployerRoster => "employer_roster" / "用人单位花名册",
        /// 工资支付台账: the wage ledger.
        WageLedger => "wage_ledger" / "工资支付台账",
        /// 社会保险缴费: the social insurance list.
        SocialInsurance => "social_insurance" / "社会保险缴费",
        /// 服务站走访: a visit by a station.
        StationVisit => "station_visit" / "服务站走访",
        /// 电话回访: a phone call.
        PhoneCall => "phone_call" / "电话回访",
        /// 就业登记: employment registration or a filed contract.
        Registration => "registration" / "就业登记",
    }
}

impl ObservationSource {
    /// The strongest evidence a source can give; weaker is always possible (a roster without a seal).
    #[must_use]
    pub const fn strongest(self) -> EvidenceLevel {
        match self {
            Self::PhoneCall => EvidenceLevel::E0,
            Self::StationVisit => EvidenceLevel::E1,
            Self::EmployerRoster => EvidenceLevel::E2,
            Self::WageLedger => EvidenceLevel::E3,
            Self::Registration => EvidenceLevel::E4,
            Self::SocialInsurance => EvidenceLevel::E5,
        }
    }
}

crate::text_enum! {
    /// In which capacity a party reports.
    pub enum ReporterRole {
        /// 用人单位.
        Employer => "employer" / "用人单位",
        /// 输入地.
        Destination => "destination" / "输入地",
        /// 劳务工作站.
        Station => "station" / "劳务工作站",
        /// 输出地.
        Origin => "origin" / "输出地",
    }
}

/// Who reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reporter {
    /// The party.
    pub party_id: Id,
    /// In which capacity.
    pub role: ReporterRole,
}

/// Which placement a row speaks of: by our id, or by the origin's own reference. Exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PlacementName {
    /// Our id.
    pub id: Option<Id>,
    /// The origin's reference of the roster row.
    pub reference: Option<String>,
}

fn in_post() -> bool {
    true
}

/// Somebody looked whether a worker was in post over a period.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"placement_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50", "seen_from": "2026-03-01", "seen_to": "2026-03-31", "evidence": "e2", "source": "employer_roster"}))]
pub struct NewObservation {
    /// The placement; or send `placement_ref`.
    #[serde(default)]
    pub placement_id: Option<Id>,
    /// The origin's own reference of the placement.
    #[serde(default)]
    #[schema(max_length = 100, min_length = 1)]
    pub placement_ref: Option<String>,
    /// Whether the worker was there; left out: yes.
    #[serde(default = "in_post")]
    pub in_post: bool,
    /// First day it speaks of.
    pub seen_from: Day,
    /// Last day it speaks of; the same day for a call or a visit.
    pub seen_to: Day,
    /// The employer; left out: the employer that reports, or the one the worker is with.
    #[serde(default)]
    pub employer_id: Option<Id>,
    /// Where; left out: where that employer's post is.
    #[serde(default)]
    pub region_code: Option<RegionCode>,
    /// How strong it is; not stronger than the source can be.
    pub evidence: EvidenceLevel,
    /// Where it comes from.
    pub source: ObservationSource,
    /// The month's wage in fen, where the source shows one.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 100_000_000)]
    pub monthly_wage_fen: Option<i64>,
    /// The sender's own reference of the row; one reference stands for one observation.
    #[serde(default)]
    #[schema(max_length = 100, min_length = 1)]
    pub client_ref: Option<String>,
}

/// Observations of one file or month.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"rows": [{"placement_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50", "seen_from": "2026-03-01", "seen_to": "2026-03-31", "evidence": "e3", "source": "wage_ledger", "monthly_wage_fen": 480_000}]}))]
pub struct NewObservations {
    /// The observations.
    #[schema(min_items = 1, max_items = 5000)]
    pub rows: Vec<NewObservation>,
}

/// An observation's row; never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::observation)]
pub struct Observation {
    /// Id.
    pub id: Id,
    /// The placement.
    pub placement_id: Id,
    /// The party that reported it.
    pub observer_id: Id,
    /// The reporting party's own reference.
    #[schema(max_length = 100)]
    pub client_ref: Option<String>,
    /// Whether the worker was there.
    pub in_post: bool,
    /// First day it speaks of.
    pub seen_from: Day,
    /// Last day it speaks of.
    pub seen_to: Day,
    /// The employer.
    pub employer_id: Option<Id>,
    /// Where.
    #[schema(value_type = Option<RegionCode>)]
    pub region_code: Option<String>,
    /// How strong it is.
    pub evidence: EvidenceLevel,
    /// Where it comes from.
    pub source: ObservationSource,
    /// The month's wage in fen.
    #[schema(minimum = 0, maximum = 100_000_000)]
    pub monthly_wage_fen: Option<i64>,
    /// What was sent, hashed: the same again is no new fact.
    #[serde(skip)]
    pub content_hash: Vec<u8>,
    /// Recorded at.
    pub recorded_at: Instant,
}

/// A worker left a post.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"placement_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50", "ended_on": "2026-05-29", "grain": "day", "reason": "resigned"}))]
pub struct NewExit {
    /// The placement; or send `placement_ref`.
    #[serde(default)]
    pub placement_id: Option<Id>,
    /// The origin's own reference of the placement.
    #[serde(default)]
    #[schema(max_length = 100, min_length = 1)]
    pub placement_ref: Option<String>,
    /// Last day in post; any day of the month when only the month is known.
    pub ended_on: Day,
    /// How exact that is.
    pub grain: DateGrain,
    /// Why. `holiday_home` and `transferred` end the spell and leave the placement open.
    pub reason: ExitReason,
    /// The sender's own reference of the row, given back in the receipt.
    #[serde(default)]
    #[schema(max_length = 100, min_length = 1)]
    pub client_ref: Option<String>,
}

/// Exits of one file or month.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"rows": [{"placement_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50", "ended_on": "2026-05-29", "grain": "day", "reason": "resigned"}]}))]
pub struct NewExits {
    /// The exits.
    #[schema(min_items = 1, max_items = 5000)]
    pub rows: Vec<NewExit>,
}

/// Work at an employer begins, or goes on after an absence (返岗). Where the worker is with another employer until then, that spell
/// ends the day before as a transfer, and the place moves to the quota of the new employer, in the same step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"placement_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50", "employer_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c51", "region_code": "330782", "started_on": "2026-04-16", "grain": "day"}))]
pub struct NewSpell {
    /// The placement; or send `placement_ref`.
    #[serde(default)]
    pub placement_id: Option<Id>,
    /// The origin's own reference of the placement.
    #[serde(default)]
    #[schema(max_length = 100, min_length = 1)]
    pub placement_ref: Option<String>,
    /// The employer.
    pub employer_id: Id,
    /// Where the work is.
    pub region_code: RegionCode,
    /// First day in post; any day of the month when only the month is known.
    pub started_on: Day,
    /// How exact that is.
    pub grain: DateGrain,
    /// The quota of that employer whose place the worker takes; the place at the employer before is free again. Left out: the employer's
    /// only quota there that takes anybody on that day, where it has a place left; where it has none, the move takes no place. Of several
    /// the row has to name one.
    #[serde(default)]
    pub quota_id: Option<Id>,
    /// The sender's own reference of the row, given back in the receipt.
    #[serde(default)]
    #[schema(max_length = 100, min_length = 1)]
    pub client_ref: Option<String>,
}

/// Spells of one file or month.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"rows": [{"placement_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50", "employer_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c51", "region_code": "330782", "started_on": "2026-04-16", "grain": "day"}]}))]
pub struct NewSpells {
    /// The spells.
    #[schema(min_items = 1, max_items = 5000)]
    pub rows: Vec<NewSpell>,
}

/// A spell's row. The days are resolved: where only a month was known they are its first and last day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::employment_spell)]
pub struct Spell {
    /// Id; the placement's own where the spell is known from the arrival alone.
    pub id: Id,
    /// The placement.
    pub placement_id: Id,
    /// The employer.
    pub employer_id: Option<Id>,
    /// Where the work is.
    #[schema(value_type = RegionCode)]
    pub region_code: String,
    /// First day in post.
    pub started_on: Day,
    /// Last day in post; null while it runs.
    pub ended_on: Option<Day>,
    /// `month` when one of the days is known only by its month.
    pub grain: DateGrain,
    /// Why it ended.
    pub end_reason: Option<ExitReason>,
    /// The party that reported its latest form: the start while it runs, the end once it has ended.
    pub reported_by: Id,
    /// First recorded at.
    pub recorded_at: Instant,
}

macro_rules! names_a_placement {
    ($($row:ident)+) => {$(
        impl $row {
            /// Which placement the row speaks of.
            #[must_use]
            pub fn placement(&self) -> PlacementName {
                PlacementName { id: self.placement_id, reference: self.placement_ref.clone() }
            }
        }
    )+};
}
names_a_placement! { NewObservation NewExit NewSpell }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_source_gives_stronger_evidence_than_it_can() {
        let table = [
            (ObservationSource::PhoneCall, EvidenceLevel::E0),
            (ObservationSource::StationVisit, EvidenceLevel::E1),
            (ObservationSource::EmployerRoster, EvidenceLevel::E2),
            (ObservationSource::WageLedger, EvidenceLevel::E3),
            (ObservationSource::Registration, EvidenceLevel::E4),
            (ObservationSource::SocialInsurance, EvidenceLevel::E5),
        ];
        assert_eq!(table.len(), ObservationSource::ALL.len());
        for (source, strongest) in table {
            assert_eq!(source.strongest(), strongest, "{source}");
        }
    }
}
