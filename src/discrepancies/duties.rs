//! Duties (待办): the answers that parties owe, how many of them are overdue, and how punctual each party has been.
//!
//! Two kinds: to say what became of somebody who has departed, which the planned employer owes until the arrival window closes, and to answer
//! a discrepancy, which its owner owes until the due day. A discrepancy owned by both is a duty of each. A duty about a row in dispute stands
//! in a column of its own. Everything is counted as of a day, so the sum over the parties is the whole at any day.

use serde::Serialize;
use utoipa::ToSchema;

use crate::agreements::PartyRole;
use crate::agreements::store::AgreementParty;
use crate::db::{Day, Id, Instant};
use std::collections::BTreeMap;

crate::text_enum! {
    /// How a duty ended.
    pub enum DutyClosing {
        /// Answered, or the row put right, by the due day.
        InTime => "in_time" / "按期答复" / "in time",
        /// Answered after the due day.
        Late => "late" / "逾期答复",
        /// Settled by others after the due day, without an answer.
        Missed => "missed" / "逾期未答复",
        /// Settled by others before the due day; it counts nowhere.
        Lifted => "lifted" / "无需答复" / "no longer needed",
    }
}

/// An answer that a party owes.
#[derive(Debug, Clone, PartialEq, Eq, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::discrepancy_duty)]
pub struct Duty {
    /// The agreement.
    pub agreement_id: Id,
    /// Id.
    pub id: Id,
    /// The discrepancy.
    pub discrepancy_id: Id,
    /// The party.
    pub party_id: Id,
    /// Last day on which the answer is in time.
    pub due_on: Day,
    /// The entry that made it.
    pub opened_by: Id,
    /// Since when.
    pub opened_at: Instant,
    /// The entry that ended it.
    pub closed_by: Option<Id>,
    /// When it ended.
    pub closed_at: Option<Instant>,
    /// How it ended.
    pub closing: Option<DutyClosing>,
}

/// How a duty ends on a day.
#[must_use]
pub fn closing(due_on: Day, today: Day, fulfilled: bool) -> DutyClosing {
    match (fulfilled, today <= due_on) {
        (true, true) => DutyClosing::InTime,
        (true, false) => DutyClosing::Late,
        (false, true) => DutyClosing::Lifted,
        (false, false) => DutyClosing::Missed,
    }
}

/// Duties of one kind, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct DutyCount {
    /// Answers owed, those in dispute left out.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 12)]
    pub open: i64,
    /// Of these, those whose last day has passed.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 3)]
    pub overdue: i64,
    /// Answers owed about rows in dispute.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 1)]
    pub disputed: i64,
    /// Answers that were given, or whose last day has passed.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 40)]
    pub due: i64,
    /// Of these, the answers given in time: `in_time` / `due` is the punctuality.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 36)]
    pub in_time: i64,
}

impl std::ops::Add for DutyCount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            open: self.open + other.open,
            overdue: self.overdue + other.overdue,
            disputed: self.disputed + other.disputed,
            due: self.due + other.due,
            in_time: self.in_time + other.in_time,
        }
    }
}

/// The duties of one party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PartyDuties {
    /// The party.
    pub party_id: Id,
    /// What it is in the agreement; null for an employer.
    pub role: Option<PartyRole>,
    /// To say what became of people who have departed.
    pub arrivals: DutyCount,
    /// To answer discrepancies.
    pub discrepancies: DutyCount,
    /// Both together.
    pub total: DutyCount,
}

/// The duties of an agreement as of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Duties {
    /// As of the end of this day.
    pub as_of: Day,
    /// Those of every party together.
    pub total: DutyCount,
    /// Every party of the agreement, and every employer that ever owed an answer.
    #[schema(max_items = 10000)]
    pub parties: Vec<PartyDuties>,
}

/// Puts the counts of both kinds together, party by party: the parties of the agreement first, then the employers.
#[must_use]
pub fn together(
    as_of: Day,
    members: &[AgreementParty],
    arrivals: Vec<(Id, DutyCount)>,
    discrepancies: Vec<(Id, DutyCount)>,
) -> Duties {
    let mut counts: BTreeMap<Id, (DutyCount, DutyCount)> = BTreeMap::new();
    for (party, count) in arrivals {
        counts.entry(party).or_default().0 = count;
    }
    for (party, count) in discrepancies {
        counts.entry(party).or_default().1 = count;
    }
    let mut parties = Vec::with_capacity(counts.len() + members.len());
    let of = |party_id, role, (arrivals, discrepancies): (DutyCount, DutyCount)| PartyDuties {
        party_id,
        role,
        arrivals,
        discrepancies,
        total: arrivals + discrepancies,
    };
    for member in members {
        let count = counts.remove(&member.party_id).unwrap_or_default();
        parties.push(of(member.party_id, Some(member.role), count));
    }
    parties.extend(counts.into_iter().map(|(party, count)| of(party, None, count)));
    let total = parties.iter().fold(DutyCount::default(), |sum, party| sum + party.total);
    Duties { as_of, total, parties }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_in_time_until_the_due_day_and_what_others_settle_is_held_against_nobody_before_it() {
        let day = |text| Day::parse(text).unwrap();
        let due = day("2026-04-07");
        for (today, fulfilled, expected) in [
            ("2026-04-07", true, DutyClosing::InTime),
            ("2026-04-08", true, DutyClosing::Late),
            ("2026-04-07", false, DutyClosing::Lifted),
            ("2026-04-08", false, DutyClosing::Missed),
        ] {
            assert_eq!(closing(due, day(today), fulfilled), expected, "{today}");
        }
    }

    #[test]
    fn the_sum_over_the_parties_is_the_whole() {
        let id = |number| Id(uuid::Uuid::from_u128(number));
        let member = |number, role| AgreementParty {
            party_id: id(number),
            role,
            name: String::new(),
            kind: String::new(),
            region_code: None,
        };
        let members = [member(1, PartyRole::Origin), member(2, PartyRole::Destination)];
        let count = |open, overdue, due, in_time| DutyCount { open, overdue, disputed: 0, due, in_time };
        let arrivals = vec![(id(3), count(5, 2, 10, 8))];
        let discrepancies = vec![(id(2), count(3, 1, 2, 1)), (id(3), count(1, 0, 0, 0))];
        let duties = together(Day::parse("2026-04-07").unwrap(), &members, arrivals, discrepancies);
        assert_eq!(duties.total, count(9, 3, 12, 9));
        let of: Vec<_> = duties.parties.iter().map(|party| (party.party_id, party.role, party.total.open)).collect();
        assert_eq!(
            of,
            [(id(1), Some(PartyRole::Origin), 0), (id(2), Some(PartyRole::Destination), 3), (id(3), None, 6)]
        );
    }
}
