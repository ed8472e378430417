//! The facts that a reconciliation compares: what the origin announced, what each side claims, and who has been seen.
//!
//! All of it is borrowed, so that a run over a million rows reads two ordered scans and allocates nothing for a row that
//! agrees. Deliberately absent: names and ID numbers (only their keyed indexes are here), and how a fact was recorded. The caller
//! passes the facts recorded until the cut-off.

use crate::agreements::rule_terms::{ArrivalRule, EvidenceLevel};
use crate::arrivals::{ClaimantRole, ClaimedOutcome};
use jiff::civil::Date;
use uuid::Uuid;

/// How far the origin's row has got. What happened after the departure is read from the claims, never from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OriginState {
    /// Enrolled, not departed.
    Enrolled {
        /// Whether the hold on the place has lapsed by the cut-off.
        hold_lapsed: bool,
    },
    /// Departed, whatever came of it.
    Departed,
    /// Cancelled before departure.
    Cancelled,
}

/// An employer as a side names it: by party, by credit code, or by both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EmployerRef<'a> {
    /// The party's id, where the employer is registered.
    pub party: Option<Uuid>,
    /// The unified social credit code, where one was given.
    pub credit_code: Option<&'a str>,
}

impl EmployerRef<'_> {
    /// Whether the two are known to be different. The same party or the same code makes them the same; where nothing can be
    /// compared nothing differs.
    #[must_use]
    pub fn differs_from(&self, other: &Self) -> bool {
        let parties = self.party.zip(other.party).map(|(own, other)| own != other);
        let codes = self.credit_code.zip(other.credit_code).map(|(own, other)| !own.eq_ignore_ascii_case(other));
        match (parties, codes) {
            (Some(parties), Some(codes)) => parties && codes,
            (parties, codes) => parties.or(codes).unwrap_or(false),
        }
    }
}

/// One announced person: a placement as the origin registered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginRow<'a> {
    /// The placement's id.
    pub placement_id: Uuid,
    /// Keyed index of the worker's ID number.
    pub worker_key: &'a [u8],
    /// Keyed index of the worker's name.
    pub name_key: &'a [u8],
    /// The quota that holds the place.
    pub quota_id: Uuid,
    /// Where the worker is to work.
    pub planned_employer: EmployerRef<'a>,
    /// Region code of that workplace.
    pub planned_region: &'a str,
    /// The day the worker is expected there.
    pub planned_arrival_on: Date,
    /// The last day on which an arrival, and its confirmation, is on time.
    pub arrival_due_on: Date,
    /// How far the row has got.
    pub state: OriginState,
    /// The recorded day of departure.
    pub departed_on: Option<Date>,
}

impl OriginRow<'_> {
    /// Whether it announces anybody at all: neither cancelled nor with a lapsed hold.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        !matches!(self.state, OriginState::Cancelled | OriginState::Enrolled { hold_lapsed: true })
    }
}

/// The latest claim of one claimant about one placement or, where no origin announced it, about one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimRow<'a> {
    /// The claim's id.
    pub claim_id: Uuid,
    /// In which capacity it is made.
    pub role: ClaimantRole,
    /// The party that makes it.
    pub claimant: Uuid,
    /// What is said to have happened.
    pub outcome: ClaimedOutcome,
    /// On which day.
    pub day: Date,
    /// Where the worker really is; empty where the claimant does not say.
    pub real_employer: EmployerRef<'a>,
    /// Region code of that workplace, where the claimant says it.
    pub real_region: Option<&'a str>,
    /// How strong the proof is.
    pub evidence: EvidenceLevel,
    /// Whether it was recorded after the deadline.
    pub late: bool,
    /// Whether a side has contested it.
    pub disputed: bool,
}

/// What rosters, ledgers and visits show about a person, summed up: somebody was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenSummary {
    /// First day anybody saw the person in post.
    pub first_seen_on: Date,
    /// Last such day.
    pub last_seen_on: Date,
}

/// The periods of the agreement that the comparison rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgreementWindows {
    /// The weakest proof that confirms an arrival.
    pub minimum_evidence: EvidenceLevel,
    /// Days the employer has to answer after it was asked or after somebody else reported the arrival.
    pub answer_days: u16,
    /// Days by which two statements of the same arrival may differ.
    pub day_tolerance_days: u16,
    /// How many days before the planned arrival a claim may still belong to the placement.
    pub season_before_days: u16,
    /// How many days after the planned arrival a claim may still belong to the placement.
    pub season_after_days: u16,
}

/// The windows of an agreement through its versions: each outcome is compared by the terms of its day, as arrivals decide it.
#[derive(Debug, Clone, Copy)]
pub struct WindowsInTime<'a> {
    first: &'a AgreementWindows,
    later: &'a [(Date, AgreementWindows)],
}

impl<'a> From<&'a AgreementWindows> for WindowsInTime<'a> {
    fn from(first: &'a AgreementWindows) -> Self {
        Self { first, later: &[] }
    }
}

impl<'a> WindowsInTime<'a> {
    /// The windows of the first version, and of each later one with its first day, in order.
    #[must_use]
    pub const fn new(first: &'a AgreementWindows, later: &'a [(Date, AgreementWindows)]) -> Self {
        Self { first, later }
    }

    /// The windows in effect on a day.
    #[must_use]
    pub fn on(&self, day: Date) -> &'a AgreementWindows {
        self.later.iter().rfind(|(first_day, _)| *first_day <= day).map_or(self.first, |(_, windows)| windows)
    }
}

impl AgreementWindows {
    /// The windows of an agreement that names only its arrival rule: 14 days to answer, 3 days' tolerance, and a season from 30
    /// days before to 120 days after the planned arrival, so that the same worker next year is another placement.
    #[must_use]
    pub const fn of(rule: &ArrivalRule) -> Self {
        Self {
            minimum_evidence: rule.minimum_evidence,
            answer_days: 14,
            day_tolerance_days: 3,
            season_before_days: 30,
            season_after_days: 120,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_employer_is_the_same_by_party_or_by_code() {
        let employer =
            |party: Option<u128>, credit_code| EmployerRef { party: party.map(Uuid::from_u128), credit_code };
        let cases = [
            (employer(Some(1), None), employer(Some(1), None), false),
            (employer(Some(1), None), employer(Some(2), None), true),
            (employer(Some(1), Some("A")), employer(Some(2), Some("a")), false),
            (employer(Some(1), Some("A")), employer(Some(1), Some("B")), false),
            (employer(Some(1), Some("A")), employer(Some(2), Some("B")), true),
            (employer(None, Some("A")), employer(Some(2), Some("B")), true),
            (employer(Some(1), None), employer(None, Some("B")), false),
            (employer(None, None), employer(Some(1), Some("A")), false),
        ];
        for (one, other, expected) in cases {
            assert_eq!(one.differs_from(&other), expected, "{one:?} {other:?}");
            assert_eq!(other.differs_from(&one), expected, "{other:?} {one:?}");
        }
    }
}
