//! The spells of one placement in order: one post at a time, the first begun by the arrival.
//!
//! Reports come late and from both sides, so a start may fall into a spell that is already closed: the spell is then cut the day
//! before and the rest belongs to the new employer. Nothing here touches the database; the caller writes what has changed.
//! Deliberately absent: verdicts (`retention::rules`), and taking an exit back (`retention::exits`).

mod refusal;

pub use refusal::Refusal;

use super::day_ranges::{day_after, day_before};
use super::exits::{ExitEntry, ExitKind};
use super::facts::{DateGrain, ExitReason};
use super::records::{Reporter, ReporterRole, Spell};
use crate::db::{Day, Id, Instant};

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
    exits: Vec<ExitEntry>,
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
        Self { onboarded_on: arrival.onboarded_on, entries, ended, end_changed: false, exits: Vec::new() }
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

    /// The latest spell, while the placement goes on.
    #[must_use]
    pub fn latest(&self) -> Option<&Spell> {
        self.entries.last().filter(|_| self.ended.is_none()).map(|entry| &entry.spell)
    }

    /// The exits that were reported, in order; which of them are late is for the terms to say.
    #[must_use]
    pub fn exits(&self) -> &[ExitEntry] {
        &self.exits
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
        self.exits.push(ExitEntry {
            id: Id::new(),
            placement_id: last.spell.placement_id,
            spell_id: last.spell.id,
            kind: ExitKind::Reported,
            ended_on: last.spell.ended_on.unwrap_or(on),
            grain: left.grain,
            reason,
            late: false,
            placement_ended_on: self.ended.map(|ended| ended.on),
            reported_by: report.by.party_id,
            recorded_at: report.now,
        });
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
