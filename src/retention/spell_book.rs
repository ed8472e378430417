//! The spells of one placement in order: one post at a time, the first begun by the arrival.
//!
//! Reports come late and from both sides, so a start may fall into a spell that is already closed: the spell is then cut the day
//! before and the rest belongs to the new employer. Nothing here touches the database; the caller writes what has changed.
//! Deliberately absent: verdicts (`retention::rules`) and reopening an ended placement, which is a new dispatch.

use super::day_ranges::{day_after, day_before};
use super::facts::{DateGrain, ExitReason};
use super::records::{Reporter, ReporterRole, Spell};
use crate::db::{Day, Id, Instant};
use crate::error::Fault;

/// The arrival that began the first spell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// The placement.
    pub placement_id: Id,
    /// First day in post.
    pub onboarded_on: Day,
    /// The employer that accepted the worker.
    pub employer_id: Id,
    /// Where.
    pub region_code: &'a str,
}

/// The end of a placement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Last day in post.
    pub on: Day,
    /// Why.
    pub reason: ExitReason,
}

/// When a report is made, by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// By whom.
    pub by: Reporter,
    /// When.
    pub now: Instant,
}

/// A reported day and how exact it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated {
    /// The day, or any day of the month.
    pub on: Day,
    /// How exact.
    pub grain: DateGrain,
}

impl Dated {
    fn first(self) -> Day {
        Day(self.grain.start(self.on.0))
    }

    /// The last day it may mean; what has been reported has happened.
    fn last(self, today: Day) -> Day {
        Day(self.grain.end(self.on.0)).min(today)
    }

    /// Whether a recorded day is the one meant, which resolves to `resolved` today.
    fn means(self, recorded: Day, resolved: Day, grain: DateGrain) -> bool {
        let by_month = self.grain == DateGrain::Month && grain == DateGrain::Month;
        recorded == resolved || (by_month && recorded.0.first_of_month() == self.on.0.first_of_month())
    }
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The spell it speaks of.
    pub spell_id: Id,
    /// Whether anything changed.
    pub changed: bool,
}

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// As in the database.
    None,
    /// Known from the arrival, in no row.
    FromArrival,
    /// To be written.
    New,
    /// To be rewritten.
    Changed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    spell: Spell,
    change: Change,
}

impl Entry {
    fn touch(&mut self, report: Report) {
        self.spell.reported_by = report.by.party_id;
        match self.change {
            Change::FromArrival => {
                self.spell.id = Id::new();
                self.spell.recorded_at = report.now;
                self.change = Change::New;
            }
            Change::None => self.change = Change::Changed,
            Change::New | Change::Changed => {}
        }
    }

    fn is_at(&self, employer: Id, region: &str) -> bool {
        self.spell.employer_id == Some(employer) && self.spell.region_code == region
    }
}

/// The spells of one placement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpellBook {
    onboarded_on: Day,
    entries: Vec<Entry>,
    ended: Option<Ended>,
    end_changed: bool,
}

impl SpellBook {
    /// Opens the book from the recorded spells, in any order.
    #[must_use]
    pub fn open(arrival: Arrival<'_>, recorded: &[Spell], ended: Option<Ended>) -> Self {
        let mut entries: Vec<Entry> =
            recorded.iter().map(|spell| Entry { spell: spell.clone(), change: Change::None }).collect();
        entries.sort_by_key(|entry| (entry.spell.started_on, entry.spell.id));
        let next = entries.first().map(|entry| entry.spell.started_on);
        if next.is_none_or(|next| next > arrival.onboarded_on) {
            let until_next = next.map(|next| Day(day_before(next.0)));
            let spell = Spell {
                id: arrival.placement_id,
                placement_id: arrival.placement_id,
                employer_id: Some(arrival.employer_id),
                region_code: arrival.region_code.to_owned(),
                started_on: arrival.onboarded_on,
                ended_on: until_next.or(ended.map(|ended| ended.on)),
                grain: DateGrain::Day,
                end_reason: until_next.map(|_| ExitReason::Transferred).or(ended.map(|ended| ended.reason)),
                reported_by: Id::NIL,
                recorded_at: arrival.onboarded_on.start(),
            };
            entries.insert(0, Entry { spell, change: Change::FromArrival });
        }
        Self { onboarded_on: arrival.onboarded_on, entries, ended, end_changed: false }
    }

    /// The spells in order, and whether each is known from the arrival alone.
    pub fn spells(&self) -> impl Iterator<Item = (&Spell, bool)> {
        self.entries.iter().map(|entry| (&entry.spell, entry.change == Change::FromArrival))
    }

    /// Spells to be written, and spells to be rewritten.
    #[must_use]
    pub fn changes(&self) -> (Vec<&Spell>, Vec<&Spell>) {
        let with =
            |change| self.entries.iter().filter(|entry| entry.change == change).map(|entry| &entry.spell).collect();
        (with(Change::New), with(Change::Changed))
    }

    /// The end of the placement, when a report made or changed it.
    #[must_use]
    pub fn new_end(&self) -> Option<Ended> {
        self.ended.filter(|_| self.end_changed)
    }

    /// The worker left.
    ///
    /// # Errors
    /// When the report does not fit; nothing is changed then.
    pub fn exit(&mut self, left: Dated, reason: ExitReason, report: Report) -> Result<Step, Refusal> {
        let today = report.now.day();
        let on = self.within_placement(left, today)?;
        let (ended, onboarded_on) = (self.ended, self.onboarded_on);
        let last = self.entries.last_mut().ok_or(Refusal::NoOpenSpell)?;
        let known = match ended {
            Some(ended) => Some((ended.on, ended.reason)),
            None => last.spell.ended_on.zip(last.spell.end_reason),
        };
        if known.is_some_and(|(day, why)| why == reason && left.means(day, on, last.spell.grain)) {
            return Ok(Step { spell_id: last.spell.id, changed: false });
        }
        if report.by.role == ReporterRole::Employer && last.spell.employer_id != Some(report.by.party_id) {
            return Err(Refusal::NotYourSpell);
        }
        if let Some(ended) = ended {
            let correctable = last.spell.reported_by == report.by.party_id && reason.ends_placement();
            if !correctable {
                return Err(Refusal::AlreadyEnded(ended));
            }
        }
        if on < last.spell.started_on.max(onboarded_on) {
            return Err(Refusal::BeforeSpell(last.spell.started_on));
        }
        let away_since = last.spell.ended_on.filter(|_| ended.is_none());
        match away_since {
            Some(_) if !reason.ends_placement() => return Err(Refusal::NoOpenSpell),
            // Gone home, and then for good: the last day in post stays, the reason becomes final.
            Some(since) if on >= since => {}
            _ => {
                last.spell.ended_on = Some(on);
                last.spell.grain = coarser(last.spell.grain, left.grain);
            }
        }
        last.spell.end_reason = Some(reason);
        last.touch(report);
        if reason.ends_placement() {
            self.ended = Some(Ended { on, reason });
            self.end_changed = true;
        }
        Ok(Step { spell_id: last.spell.id, changed: true })
    }

    /// Work at an employer begins, or goes on.
    ///
    /// # Errors
    /// When the report does not fit; nothing is changed then.
    pub fn start(&mut self, employer: Id, region: &str, began: Dated, report: Report) -> Result<Step, Refusal> {
        let today = report.now.day();
        let latest = self.within_placement(began, today)?;
        let earliest = began.first().max(self.onboarded_on);
        let known = self.entries.iter().find(|entry| {
            let in_month = began.grain == DateGrain::Day || entry.spell.grain == DateGrain::Month;
            entry.is_at(employer, region) && in_month && (earliest..=latest).contains(&entry.spell.started_on)
        });
        if let Some(known) = known {
            return Ok(Step { spell_id: known.spell.id, changed: false });
        }
        let on = self.free_day(earliest, latest)?;
        let place =
            self.entries.iter().rposition(|entry| entry.spell.started_on < on).ok_or(Refusal::OtherSpellThatDay)?;
        let later = self.entries.get(place + 1).map(|entry| entry.spell.started_on);
        let ended = self.ended;
        let before = self.entries.get_mut(place).ok_or(Refusal::OtherSpellThatDay)?;
        let mut spell = Spell {
            id: Id::new(),
            placement_id: before.spell.placement_id,
            employer_id: Some(employer),
            region_code: region.to_owned(),
            started_on: on,
            ended_on: None,
            grain: began.grain,
            end_reason: None,
            reported_by: report.by.party_id,
            recorded_at: report.now,
        };
        if before.spell.ended_on.is_none_or(|last| last >= on) {
            if before.is_at(employer, region) {
                return before.go_on(began, later.is_none() && ended.is_none(), report);
            }
            let was_the_transfer = later.is_none() && before.spell.end_reason == Some(ExitReason::Transferred);
            if !was_the_transfer {
                (spell.ended_on, spell.end_reason) = (before.spell.ended_on, before.spell.end_reason);
            }
            before.spell.ended_on = Some(Day(day_before(on.0)));
            before.spell.end_reason = Some(ExitReason::Transferred);
            before.spell.grain = coarser(before.spell.grain, began.grain);
            before.touch(report);
        } else if let Some(later) = later {
            return Err(Refusal::LaterSpell(later));
        } else if let Some(ended) = ended {
            return Err(Refusal::PlacementEnded(ended));
        }
        let spell_id = spell.id;
        self.entries.insert(place + 1, Entry { spell, change: Change::New });
        Ok(Step { spell_id, changed: true })
    }

    /// The last day the report may mean, when it lies neither in the future nor before the arrival.
    fn within_placement(&self, dated: Dated, today: Day) -> Result<Day, Refusal> {
        if dated.first() > today {
            return Err(Refusal::InTheFuture);
        }
        let last = dated.last(today);
        if last < self.onboarded_on { Err(Refusal::BeforeArrival(self.onboarded_on)) } else { Ok(last) }
    }

    /// The first day of the window on which no spell begins.
    fn free_day(&self, earliest: Day, latest: Day) -> Result<Day, Refusal> {
        let begins = |day: Day| self.entries.iter().any(|entry| entry.spell.started_on == day);
        let mut day = earliest;
        while begins(day) {
            day = Day(day_after(day.0));
        }
        if day > latest { Err(Refusal::OtherSpellThatDay) } else { Ok(day) }
    }
}

impl Entry {
    /// A return to the workplace the spell is at: known by the month, a holiday within that month leaves one spell.
    fn go_on(&mut self, began: Dated, may_reopen: bool, report: Report) -> Result<Step, Refusal> {
        let away = self.spell.end_reason == Some(ExitReason::HolidayHome);
        if began.grain != DateGrain::Month || !may_reopen || !away {
            return Err(Refusal::AlreadyThere(self.spell.started_on));
        }
        self.spell.ended_on = None;
        self.spell.end_reason = None;
        self.touch(report);
        Ok(Step { spell_id: self.spell.id, changed: true })
    }
}

fn coarser(own: DateGrain, other: DateGrain) -> DateGrain {
    if own == DateGrain::Month { own } else { other }
}
