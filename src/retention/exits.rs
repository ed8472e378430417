//! Exits (离岗) as they were reported: every report, every correction and every withdrawal is an entry, and none is ever changed. The spell
//! and the placement keep the latest form; the entries keep how it came about, and let a past day be read as it was.
//!
//! An exit goes by the id of the spell it ended. Its reporter may correct it by reporting it again, or withdraw it where nobody left at
//! all. An exit reported more days after the last day in post than the agreement's terms give is taken and marked late; a correction is
//! as late as what it corrects.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::facts::{DateGrain, ExitReason};
use super::history::History;
use super::records::{Reporter, Spell};
use super::{checks, guarantee, store};
use crate::agreements;
use crate::calendar::calendar;
use crate::db::{Day, DbConnection, Id, Instant};
use crate::dispatches::{outcomes, tally};
use crate::error::{Code, Error, Result};
use crate::events::{Actor, Chain, NewEvent, log};

crate::text_enum! {
    /// What an entry about an exit does.
    pub enum ExitKind {
        /// It reports an exit, or corrects the one reported before.
        Reported => "reported" / "报告离岗",
        /// It takes the exit back: nobody left.
        Withdrawn => "withdrawn" / "撤回离岗",
    }
}

/// An entry about an exit; never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable)]
pub struct ExitEntry {
    /// Id.
    pub id: Id,
    /// The placement.
    pub placement_id: Id,
    /// The spell that ended.
    pub spell_id: Id,
    /// Reported or withdrawn.
    pub kind: ExitKind,
    /// Last day in post, as reported; of a withdrawal, the one that is taken back.
    pub ended_on: Day,
    /// How exact that day is.
    pub grain: DateGrain,
    /// Why.
    pub reason: ExitReason,
    /// Whether it was reported later than the agreement's terms give.
    pub late: bool,
    /// The last day of the whole placement after this entry.
    #[serde(skip)]
    pub placement_ended_on: Option<Day>,
    /// The party that reported it.
    pub reported_by: Id,
    /// When it was recorded.
    pub recorded_at: Instant,
}

/// The exits of a spell that stand, oldest first: home for the holiday, and then for good. A correction stands in the place of what it
/// corrects, a withdrawal takes the latest away.
#[must_use]
pub fn standing(entries: &[ExitEntry], spell_id: Id) -> Vec<&ExitEntry> {
    let mut standing: Vec<&ExitEntry> = Vec::new();
    for entry in entries.iter().filter(|entry| entry.spell_id == spell_id) {
        let corrects = standing.last().is_some_and(|last| last.reason.ends_placement());
        if entry.kind == ExitKind::Withdrawn || corrects {
            standing.pop();
        }
        if entry.kind == ExitKind::Reported {
            standing.push(entry);
        }
    }
    standing
}

/// Whether a report made today of an exit on a day is late: a last day on time that is a day off moves to the next working day. What it
/// corrects decides where there is something to correct.
#[must_use]
pub fn is_late(ended_on: Day, today: Day, exit_days: i64, corrected: Option<&ExitEntry>) -> bool {
    corrected.map_or_else(|| today > calendar().due(ended_on, exit_days), |earlier| earlier.late)
}

/// Marks new entries that were reported too late under the terms of their day.
///
/// # Errors
/// What the database says.
pub(super) fn mark_late(
    connection: &mut DbConnection,
    agreement_id: Id,
    today: Day,
    new: &mut [ExitEntry],
) -> Result<()> {
    let placements: Vec<Id> = new.iter().map(|entry| entry.placement_id).collect();
    let known = store::exits::of(connection, agreement_id, &placements)?;
    for entry in new {
        let exit_days = agreements::store::terms_on(connection, agreement_id, entry.ended_on)?.deadlines.exit_days;
        let standing = standing(&known, entry.spell_id);
        let corrected = standing.last().copied().filter(|earlier| earlier.reason.ends_placement());
        entry.late = is_late(entry.ended_on, today, exit_days, corrected);
    }
    Ok(())
}

/// Takes back the exit that ended a spell: it was reported by mistake. Spell and placement go on, the worker is bound to the placement
/// again unless sent elsewhere meanwhile, and verdicts and figures follow.
///
/// # Errors
/// [`Code::NotFound`], [`Code::RoleNotAllowed`] for a party that did not report it, [`Code::TransitionNotAllowed`] where the spell has not
/// ended by a report, or another one has begun since.
pub fn withdraw(connection: &mut DbConnection, actor: &Actor, agreement_id: Id, spell_id: Id) -> Result<Spell> {
    let reporter = store::reporter(connection, &actor.scope, agreement_id)?;
    store::lock(connection, agreement_id)?;
    let mut history = history_of(connection, agreement_id, reporter, spell_id)?;
    let entries = store::exits::of(connection, agreement_id, &[history.placed.id])?;
    let standing = standing(&entries, spell_id);
    let (latest, before) = standing.split_last().ok_or_else(nothing_to_withdraw)?;
    if latest.reported_by != reporter.party_id {
        return Err(Error::new(Code::RoleNotAllowed)
            .detail("only the party that reported an exit may withdraw it", "仅报送离岗的一方可以撤回")
            .param("reported_by", latest.reported_by.to_string()));
    }
    let spell = history.spells.last_mut().filter(|spell| spell.id == spell_id).ok_or_else(another_has_begun)?;
    let before = before.last();
    spell.ended_on = before.map(|earlier| earlier.ended_on);
    spell.end_reason = before.map(|earlier| earlier.reason);
    spell.reported_by = before.map_or(reporter.party_id, |earlier| earlier.reported_by);
    let reopened = spell.clone();
    let had_ended = history.placed.ended.take().is_some();
    let entry = ExitEntry {
        id: Id::new(),
        kind: ExitKind::Withdrawn,
        placement_ended_on: None,
        recorded_at: actor.now,
        ..(*latest).clone()
    };
    let workers = [(history.placed.origin_id, history.placed.worker_id)];
    tally::around(connection, agreement_id, &workers, |connection| {
        store::write_spells(connection, agreement_id, &[], std::slice::from_ref(&reopened))?;
        store::exits::insert(connection, agreement_id, std::slice::from_ref(&entry))?;
        if had_ended {
            outcomes::reopen(connection, actor, agreement_id, history.placed.id)?;
        }
        checks::decide(connection, agreement_id, &[&history], actor.now.day())
    })?;
    log::record(connection, actor, withdrawn(agreement_id, &history, &entry))?;
    if had_ended {
        guarantee::commands::follow(connection, actor, agreement_id, &[&history])?;
    }
    Ok(reopened)
}

/// The history a recorded spell belongs to, for a party that may report about it.
fn history_of(connection: &mut DbConnection, agreement_id: Id, reporter: Reporter, spell_id: Id) -> Result<History> {
    let absent = || Error::not_found("exit", "离岗记录");
    let placement_id = store::exits::placement_of_spell(connection, agreement_id, spell_id)?.ok_or_else(absent)?;
    let history = store::histories(connection, agreement_id, &[placement_id])?.remove(&placement_id);
    history.filter(|history| history.concerns(reporter)).ok_or_else(absent)
}

fn nothing_to_withdraw() -> Error {
    Error::new(Code::TransitionNotAllowed)
        .detail("no exit of this spell stands that could be withdrawn", "该段就业没有可撤回的离岗记录")
}

fn another_has_begun() -> Error {
    Error::new(Code::TransitionNotAllowed).detail(
        "another spell has begun since; what was reported of the former one stays",
        "此后已登记新的就业时段，原离岗记录不能撤回",
    )
}

fn withdrawn(agreement_id: Id, history: &History, entry: &ExitEntry) -> NewEvent {
    NewEvent {
        kind: "exit.withdrawn",
        chain: Chain::Agreement(agreement_id),
        subject_kind: "exit",
        subject_id: entry.spell_id,
        subject_version: entry.recorded_at.as_micros(),
        employer_id: Some(history.placed.employer_id),
        payload: json!({
            "placement_id": entry.placement_id,
            "spell_id": entry.spell_id,
            "ended_on": entry.ended_on,
            "reason": entry.reason,
            "reported_by": entry.reported_by,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    fn entry(kind: ExitKind, reason: ExitReason, on: &str) -> ExitEntry {
        ExitEntry {
            id: Id::new(),
            placement_id: Id(uuid::Uuid::from_u128(1)),
            spell_id: Id(uuid::Uuid::from_u128(2)),
            kind,
            ended_on: day(on),
            grain: DateGrain::Day,
            reason,
            late: false,
            placement_ended_on: reason.ends_placement().then(|| day(on)),
            reported_by: Id(uuid::Uuid::from_u128(3)),
            recorded_at: day(on).start(),
        }
    }

    #[test]
    fn a_withdrawal_brings_back_what_stood_before_the_exit_and_its_corrections() {
        use ExitKind::{Reported, Withdrawn};
        let home = entry(Reported, ExitReason::HolidayHome, "2026-02-10");
        let gone = entry(Reported, ExitReason::Resigned, "2026-02-20");
        let corrected = entry(Reported, ExitReason::Dismissed, "2026-02-21");
        let back = entry(Withdrawn, ExitReason::Dismissed, "2026-02-21");
        let all = [home.clone(), gone.clone(), corrected.clone(), back];
        let spell = home.spell_id;
        for (count, expected) in
            [(0, vec![]), (1, vec![&home]), (2, vec![&home, &gone]), (3, vec![&home, &corrected]), (4, vec![&home])]
        {
            assert_eq!(standing(&all[..count], spell), expected, "after {count} entries");
        }
        assert!(standing(&all, home.id).is_empty(), "of another spell");
    }

    #[test]
    fn an_exit_is_late_when_more_days_have_passed_than_the_terms_give() {
        let in_time = entry(ExitKind::Reported, ExitReason::Resigned, "2026-06-01");
        let late = ExitEntry { late: true, ..in_time.clone() };
        for (on, today, corrected, expected) in [
            ("2026-06-01", "2026-06-08", None, false),
            ("2026-06-01", "2026-06-09", None, true),
            // Due on Sunday the 7th, so on time until Monday.
            ("2026-05-31", "2026-06-08", None, false),
            ("2026-05-31", "2026-06-09", None, true),
            // Due on 3 October, within the National Day holiday, so on time until the first working day after it.
            ("2026-09-26", "2026-10-08", None, false),
            ("2026-09-26", "2026-10-09", None, true),
            ("2026-05-20", "2026-06-08", Some(&in_time), false),
            ("2026-06-05", "2026-06-08", Some(&late), true),
        ] {
            assert_eq!(is_late(day(on), day(today), 7, corrected), expected, "{on} on {today}, corrects {corrected:?}");
        }
    }
}
