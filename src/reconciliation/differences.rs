//! What a clerk must see to understand a situation: the field, both values and who said each, the deadline, the candidates.
//!
//! Deliberately absent: names. A name that differs is `Sealed` here; who may read it unseals it elsewhere.

use super::consequences::DiscrepancyCode;
use super::facts::{ClaimRow, EmployerRef};
use crate::arrivals::{ClaimantRole, ClaimedOutcome};
use jiff::civil::Date;
use uuid::Uuid;

crate::text_enum! {
    /// A field on which two sides differ.
    pub enum MismatchField {
        /// Arrived or not.
        Outcome => "outcome" / "到岗结果",
        /// The worker's name.
        Name => "name" / "姓名",
        /// The employer.
        Employer => "employer" / "用人单位",
        /// The region.
        Region => "region" / "地区",
        /// The day of the arrival.
        ArrivalDay => "arrival_day" / "到岗日期",
    }
}

impl MismatchField {
    /// The failure a mismatch on this field is recorded as.
    #[must_use]
    pub const fn discrepancy(self) -> DiscrepancyCode {
        match self {
            Self::Outcome => DiscrepancyCode::D06,
            Self::Name => DiscrepancyCode::D02,
            Self::Employer => DiscrepancyCode::D13,
            Self::Region | Self::ArrivalDay => DiscrepancyCode::D10,
        }
    }
}

/// One side's value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// What happened.
    Outcome(ClaimedOutcome),
    /// Seen in post by somebody.
    Seen,
    /// An employer.
    Employer(EmployerRef<'a>),
    /// A region code; none where the side gave no region.
    Region(Option<&'a str>),
    /// A day.
    Day(Date),
    /// A sealed value: known to differ, shown only to those who may read it.
    Sealed,
}

/// Who said a value: the plan of the origin, a claim, or an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaidBy {
    /// The announced placement.
    Plan,
    /// A claim.
    Claim {
        /// The claim.
        claim_id: Uuid,
        /// In which capacity it was made.
        role: ClaimantRole,
    },
    /// The observations of the person.
    Observations,
}

/// A value and who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said<'a> {
    /// Who.
    pub by: SaidBy,
    /// What.
    pub value: FieldValue<'a>,
}

impl<'a> Said<'a> {
    /// A value as a claim gives it.
    #[must_use]
    pub const fn in_claim(claim: &ClaimRow<'_>, value: FieldValue<'a>) -> Self {
        Self { by: SaidBy::Claim { claim_id: claim.claim_id, role: claim.role }, value }
    }
}

/// What a clerk must see to understand the situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail<'a> {
    /// The situation says it all.
    None,
    /// Two values of one field.
    Difference {
        /// The field.
        field: MismatchField,
        /// The plan's value, or else that of the deciding claim.
        one: Said<'a>,
        /// The value that differs.
        other: Said<'a>,
    },
    /// The last day on which an answer is, or was, in time.
    Deadline(Date),
    /// The row that stands for the same worker.
    DuplicateRow(Uuid),
    /// The other claim to the same arrival.
    DuplicateClaim(Uuid),
    /// The candidates, none of them chosen.
    Candidates(&'a [Uuid]),
    /// The place of this arrival and the places there are.
    Places {
        /// Place among the confirmed arrivals.
        rank: u32,
        /// Approved places.
        approved: u32,
    },
}
