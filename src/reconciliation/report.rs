//! What a run answers: its rows as both sides read them, and its figures.
//!
//! A row says which situation it is in, who has to act and what to do; the difference stands beside it with both values and who said
//! each. Deliberately absent: personal data. Names are compared by keyed index, so a row says that the name differs and no more.

use super::consequences::{CountsAs, DiscrepancyCode, Owner, TwoSided};
use super::differences::{Detail, FieldValue, MismatchField, Said, SaidBy};
use super::matching::IdentityTier;
use super::rules::Classification;
use super::situations::{AppliesTo, SITUATIONS, Situation, SituationDefinition};
use crate::db::{Day, Id, Instant};
use diesel::backend::Backend;
use diesel::deserialize::{FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

crate::text_enum! {
    /// How far a run has got.
    pub enum RunState {
        /// Comparing.
        Running => "running" / "对账中",
        /// Finished; rows, counts and hash are final.
        Done => "done" / "已完成",
        /// Broken off; its rows are worth nothing.
        Failed => "failed" / "失败",
    }
}

/// A request to compare both sides.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"cut_off_on": "2026-03-31"}))]
pub struct NewReconciliation {
    /// The day at whose end (in Asia/Shanghai) both sides are compared; today at the latest. Facts recorded after that day do not count.
    pub cut_off_on: Day,
}

/// A comparison of both sides at a cut-off. The same facts give the same rows and the same hash.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReconciliationRun {
    /// The agreement.
    pub agreement_id: Id,
    /// Id.
    pub id: Id,
    /// The run that examined every row and began the series that this run continues; its own id where it did so itself.
    pub series_id: Id,
    /// Its place in the series, from 0. What did not change since the step before was taken over.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 3)]
    pub step: i64,
    /// The day at whose end both sides are compared.
    pub cut_off_on: Day,
    /// How far it has got.
    pub state: RunState,
    /// Rows of the run, each in exactly one situation.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 300)]
    pub row_count: i64,
    /// Rows that were looked at: all of them where a series begins, later those touched by what was recorded since.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 12)]
    pub examined_rows: i64,
    /// SHA-256 over the cut-off and the sum of all rows, hexadecimal; null until the run is done.
    #[schema(
        pattern = "^[0-9a-f]{64}$",
        max_length = 64,
        example = "7d9f0c6c2f5e4b1a8d3c5e7f9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b"
    )]
    pub rows_hash: Option<String>,
    /// The figures.
    pub counts: RunCounts,
    /// The party that asked for it.
    pub requested_by: Id,
    /// Begun at.
    pub started_at: Instant,
    /// Finished at.
    pub finished_at: Option<Instant>,
}

impl ReconciliationRun {
    /// Version of the row: a run changes once, when it finishes.
    #[must_use]
    pub const fn version(&self) -> i64 {
        match self.state {
            RunState::Running => 1,
            RunState::Done | RunState::Failed => 2,
        }
    }
}

/// The figures of a run. The counts by situation, by two-sided standing and by weight each add up to the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunCounts {
    /// Rows by situation; every situation of a row is listed.
    #[schema(max_items = 100)]
    pub situations: Vec<SituationCount>,
    /// Rows by how the two sides stand to each other.
    #[schema(max_items = 20)]
    pub two_sided: Vec<TwoSidedCount>,
    /// Rows by whether they count as an arrival.
    #[schema(max_items = 20)]
    pub counts_as: Vec<CountsAsCount>,
    /// What each side says, with what is in dispute in a column of its own.
    pub totals: SideTotals,
    /// The quotas as a whole.
    pub quotas: QuotaCounts,
}

/// Rows in a situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SituationCount {
    /// The situation.
    pub situation: Situation,
    /// Rows in it.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 12)]
    pub rows: i64,
}

/// Rows in which the two sides stand to each other in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TwoSidedCount {
    /// How they stand.
    pub two_sided: TwoSided,
    /// Such rows.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 12)]
    pub rows: i64,
}

/// Rows of one weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CountsAsCount {
    /// The weight.
    pub counts_as: CountsAs,
    /// Such rows.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 12)]
    pub rows: i64,
}

/// What each side says. A disputed row is in neither side's total.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SideTotals {
    /// Rows the origin announces: neither cancelled nor with a lapsed hold.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 300)]
    pub announced: i64,
    /// Rows for which employer or destination says, with the evidence the agreement asks for, that the person arrived.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 288)]
    pub arrived: i64,
    /// Rows in dispute.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 2)]
    pub disputed: i64,
}

/// How the quotas stand at the cut-off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuotaCounts {
    /// Quotas with fewer confirmed arrivals than approved places.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 3)]
    pub under: i64,
    /// Approved places of these quotas without a confirmed arrival.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 17)]
    pub places_under: i64,
    /// Quotas with more confirmed arrivals than approved places.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 0)]
    pub over: i64,
    /// Confirmed arrivals above the approved places of these quotas.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 0)]
    pub places_over: i64,
}

impl RunCounts {
    /// The figures of rows counted by situation.
    #[must_use]
    pub fn of(rows: &BTreeMap<Situation, i64>, totals: SideTotals, quotas: QuotaCounts) -> Self {
        let of_rows = SITUATIONS.iter().filter(|line| line.applies_to == AppliesTo::Row);
        let mut counts = Self { totals, quotas, ..Self::default() };
        for line in of_rows {
            let rows = rows.get(&line.situation).copied().unwrap_or_default();
            counts.situations.push(SituationCount { situation: line.situation, rows });
            match counts.two_sided.iter_mut().find(|count| count.two_sided == line.two_sided) {
                Some(count) => count.rows += rows,
                None => counts.two_sided.push(TwoSidedCount { two_sided: line.two_sided, rows }),
            }
            match counts.counts_as.iter_mut().find(|count| count.counts_as == line.counts_as) {
                Some(count) => count.rows += rows,
                None => counts.counts_as.push(CountsAsCount { counts_as: line.counts_as, rows }),
            }
        }
        counts
    }
}

/// One row of a run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReconciliationRow {
    /// What the row is about: the placement, or the claim where nobody announced the person.
    pub subject_id: Id,
    /// The one situation the row is in.
    pub situation: Situation,
    /// How the two sides stand to each other.
    pub two_sided: TwoSided,
    /// The failure it is recorded as; null where there is nothing to resolve.
    pub discrepancy: Option<DiscrepancyCode>,
    /// Who has to act.
    pub owner: Owner,
    /// Whether it counts as an arrival.
    pub counts_as: CountsAs,
    /// What to look at.
    pub detail: RowDetail,
    /// What to do, in Chinese.
    #[schema(max_length = 300)]
    pub remedy_zh: &'static str,
    /// What to do, in English.
    #[schema(max_length = 300)]
    pub remedy_en: &'static str,
    /// The placement; null where nobody announced the person.
    pub placement_id: Option<Id>,
    /// The claim that decided; null where none did.
    pub claim_id: Option<Id>,
    /// How well the identity fits, where a claim that names a person was matched.
    pub tier: Option<IdentityTier>,
}

impl ReconciliationRow {
    /// The row with everything that follows from its situation.
    #[must_use]
    pub fn of(
        subject_id: Id,
        situation: Situation,
        detail: RowDetail,
        about: (Option<Id>, Option<Id>),
        tier: Option<IdentityTier>,
    ) -> Self {
        let line = situation.definition();
        let by_field = detail.field.filter(|_| situation == Situation::FieldMismatch);
        Self {
            subject_id,
            situation,
            two_sided: line.two_sided,
            discrepancy: by_field.map(MismatchField::discrepancy).or(line.discrepancy),
            owner: line.owner,
            counts_as: line.counts_as,
            detail,
            remedy_zh: line.remedy_zh,
            remedy_en: line.remedy_en,
            placement_id: about.0,
            claim_id: about.1,
            tier,
        }
    }
}

/// What to look at in a row. Only what the situation needs is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
#[serde(default)]
pub struct RowDetail {
    /// The confirmed day of arrival.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrived_on: Option<Day>,
    /// The field on which the two sides differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<MismatchField>,
    /// Both values of that field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 2)]
    pub values: Vec<SaidValue>,
    /// The last day on which an answer is, or was, in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_on: Option<Day>,
    /// The placement of the same worker that counts instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_of_placement_id: Option<Id>,
    /// The other claim to the same arrival.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_claim_id: Option<Id>,
    /// Placements among which the claim cannot be told apart; none of them is chosen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 1000)]
    pub candidates: Vec<Id>,
    /// Place of this arrival among the confirmed ones of its quota.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000_000, example = 31)]
    pub rank: Option<u32>,
    /// Approved places of the quota.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000, example = 30)]
    pub approved_places: Option<u32>,
}

/// One side's value of a field, and who said it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SaidValue {
    /// `plan`, `observations`, or the role of the claimant.
    #[schema(max_length = 20, example = "employer")]
    pub by: String,
    /// The claim; null where it was no claim.
    pub claim_id: Option<Id>,
    /// The value: an outcome, an employer's id, a region code or a day. Null where it is a name, which is never shown, or was not given.
    #[schema(max_length = 100, example = "2026-02-26")]
    pub value: Option<String>,
}

impl RowDetail {
    /// The detail of a classified row.
    #[must_use]
    pub fn of(row: &Classification<'_>) -> Self {
        let mut detail = Self { arrived_on: row.arrived_on.map(Day), ..Self::default() };
        match row.detail {
            Detail::None => {}
            Detail::Difference { field, one, other } => {
                detail.field = Some(field);
                detail.values = vec![SaidValue::of(one), SaidValue::of(other)];
            }
            Detail::Deadline(day) => detail.deadline_on = Some(Day(day)),
            Detail::DuplicateRow(id) => detail.duplicate_of_placement_id = Some(Id(id)),
            Detail::DuplicateClaim(id) => detail.duplicate_claim_id = Some(Id(id)),
            Detail::Candidates(ids) => detail.candidates = ids.iter().copied().map(Id).collect(),
            Detail::Places { rank, approved } => {
                detail.rank = Some(rank);
                detail.approved_places = Some(approved);
            }
        }
        detail
    }
}

/// A row keeps its detail as JSON.
impl<DB: Backend> FromSql<Text, DB> for RowDetail
where
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
        Ok(serde_json::from_str(&String::from_sql(value)?)?)
    }
}

impl SaidValue {
    fn of(said: Said<'_>) -> Self {
        let (by, claim_id) = match said.by {
            SaidBy::Plan => ("plan", None),
            SaidBy::Observations => ("observations", None),
            SaidBy::Claim { claim_id, role } => (role.as_str(), Some(Id(claim_id))),
        };
        let value = match said.value {
            FieldValue::Outcome(outcome) => Some(outcome.as_str().to_owned()),
            FieldValue::Employer(employer) => employer.party.map(|party| party.to_string()),
            FieldValue::Region(region) => region.map(ToOwned::to_owned),
            FieldValue::Day(day) => Some(day.to_string()),
            FieldValue::Seen | FieldValue::Sealed => None,
        };
        Self { by: by.to_owned(), claim_id, value }
    }
}

/// Every situation and what follows from it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SituationTable {
    /// The lines, in the order in which answers list them.
    #[schema(max_items = 100)]
    pub items: Vec<SituationDefinition>,
}
