//! Why a report does not fit into the spell book, and how the party that sent it is told.

use super::Ended;
use crate::db::Day;
use crate::error::Fault;

/// Why a report does not fit into the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The day is still to come.
    InTheFuture,
    /// The day lies before the arrival.
    BeforeArrival(Day),
    /// The day lies before the first day of the spell it would end.
    BeforeSpell(Day),
    /// No spell is open that could end.
    NoOpenSpell,
    /// The worker is with another employer than the one that reports.
    NotYourSpell,
    /// Another party has recorded another end.
    AlreadyEnded(Ended),
    /// The placement has ended before that day.
    PlacementEnded(Ended),
    /// According to the book the worker is at this workplace already, since that day.
    AlreadyThere(Day),
    /// Another spell begins on that day.
    OtherSpellThatDay,
    /// A later spell is recorded, and no spell runs on that day.
    LaterSpell(Day),
}

impl Refusal {
    /// The refusal as a fault of a row; `day` and `employer` are the pointers of the row's fields.
    #[must_use]
    pub fn fault(self, day: &str, employer: &str) -> Fault {
        match self {
            Self::InTheFuture => {
                Fault::body(day, "day_in_future", "lies in the future; report it when it has happened", "日期在将来，请在发生后再报送")
            }
            Self::BeforeArrival(arrival) => Fault::body(
                day,
                "before_onboarding",
                format!("lies before the worker was onboarded on {arrival}; check the day or correct the arrival"),
                format!("早于到岗日期 {arrival}，请核对日期或更正到岗信息"),
            )
            .param("onboarded_on", arrival.to_string()),
            Self::BeforeSpell(start) => Fault::body(
                day,
                "before_spell",
                format!("lies before the spell it would end, which began on {start}; check the day or the start of that spell"),
                format!("早于该段就业的开始日期 {start}，请核对离岗日期或该段开始日期"),
            )
            .param("started_on", start.to_string()),
            Self::NoOpenSpell => Fault::body(
                day,
                "no_open_spell",
                "the worker is not recorded in any post; record the start of the next spell first",
                "当前没有在岗记录，请先报送新的上岗信息",
            ),
            Self::NotYourSpell => Fault::body(
                employer,
                "not_your_spell",
                "the worker is recorded with another employer; that employer or a party of the agreement reports the exit",
                "该人员登记在其他用人单位，应由该单位或协议方报送离岗",
            ),
            Self::AlreadyEnded(ended) => ended_fault(
                day,
                "already_ended",
                ended,
                "another party has recorded another end; raise a dispute if it is wrong",
                "他方已报送不同的离岗信息，如有异议请提出争议",
            ),
            Self::PlacementEnded(ended) => ended_fault(
                day,
                "placement_ended",
                ended,
                "the placement has ended before that day; a return afterwards is a new dispatch",
                "该安置此前已结束，之后返岗须另行输送",
            ),
            Self::AlreadyThere(since) => Fault::body(
                day,
                "already_there",
                format!("the worker is recorded at this workplace since {since}; record the exit first if there was an absence"),
                format!("该人员自 {since} 起已登记在该单位；如曾离岗，请先报送离岗"),
            )
            .param("started_on", since.to_string()),
            Self::OtherSpellThatDay => Fault::body(
                day,
                "other_spell_that_day",
                "another spell begins on that day; if the worker arrived elsewhere, correct the arrival",
                "同日已有其他就业记录开始；如到岗单位有误，请更正到岗信息",
            ),
            Self::LaterSpell(start) => Fault::body(
                day,
                "later_spell_recorded",
                format!("a later spell is recorded from {start} on; check the days"),
                format!("已登记自 {start} 开始的后续就业，请核对日期"),
            )
            .param("started_on", start.to_string()),
        }
    }
}

fn ended_fault(day: &str, code: &'static str, ended: Ended, en: &str, zh: &str) -> Fault {
    Fault::body(day, code, en, zh).param("ended_on", ended.on.to_string()).param("reason", ended.reason.as_str())
}
