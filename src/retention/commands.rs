//! Recording observations, exits and spells: one set-based command each, with a receipt per row.
//!
//! Whatever the number of rows, the facts of the placements they name are read once, weighed in memory, written in one statement per
//! table, and the verdicts of just these placements follow in the same transaction, inside the tallies. A call that changes nothing
//! writes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::json;

use super::admission::{self, KnownEmployer, Named, Seen};
use super::exits::{self, ExitEntry};
use super::history::History;
use super::records::{NewExit, NewObservation, NewSpell, Observation, PlacementName, Reporter, ReporterRole, Spell};
use super::spell_book::{Report, SpellBook, Step};
use super::{EVENT_PLACEMENTS_MAX, ROWS_MAX, checks, guarantee, store};
use crate::db::{DbConnection, Id};
use crate::dispatches::outcomes::transfers::{MovedPlace, Transfers};
use crate::dispatches::outcomes::{self, Ending};
use crate::dispatches::tally;
use crate::error::{Code, Error, Fault, Language, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::http::receipt::{Receipts, RowStatus};

/// A command at work: who reports, and the placements the rows name with all that is known about them.
struct Desk<'a> {
    actor: &'a Actor,
    agreement_id: Id,
    reporter: Reporter,
    found: Vec<Vec<Id>>,
    histories: HashMap<Id, History>,
}

impl<'a> Desk<'a> {
    fn open(
        connection: &mut DbConnection,
        actor: &'a Actor,
        agreement_id: Id,
        names: &[PlacementName],
    ) -> Result<Self> {
        if names.is_empty() || names.len() > ROWS_MAX {
            let en = format!("send 1 to {ROWS_MAX} rows; split a longer file into several calls");
            let zh = format!("每次须提交 1 至 {ROWS_MAX} 行，更长的文件请分多次提交");
            let fault = Fault::body("/rows", "row_count", en, zh).param("max", ROWS_MAX).param("rows", names.len());
            return Err(Error::new(Code::FieldInvalid).fault(fault));
        }
        let reporter = store::reporter(connection, &actor.scope, agreement_id)?;
        store::lock(connection, agreement_id)?;
        let found = store::resolve(connection, agreement_id, reporter, names)?;
        let ids: Vec<Id> = found.iter().filter_map(|ids| ids.first().copied()).collect();
        let histories = store::histories(connection, agreement_id, &ids)?;
        Ok(Self { actor, agreement_id, reporter, found, histories })
    }

    fn named(&self, place: usize) -> Named<'_> {
        match self.found.get(place).map(Vec::as_slice) {
            Some([id]) => match self.histories.get(id) {
                Some(history) if history.concerns(self.reporter) => Named::Found(history),
                _ => Named::Unknown,
            },
            Some([_, _, ..]) => Named::Ambiguous,
            _ => Named::Unknown,
        }
    }

    fn report(&self) -> Report {
        Report { by: self.reporter, now: self.actor.now }
    }

    /// Writes inside the tallies, judges the touched placements anew, and records the events: each employer has its own, and each names so
    /// many placements, so that who follows the feed learns of every one.
    fn finish(
        &self,
        connection: &mut DbConnection,
        touched: &BTreeSet<Id>,
        kind: &'static str,
        write: impl FnOnce(&mut DbConnection) -> Result<()>,
    ) -> Result<()> {
        let histories: Vec<&History> = touched.iter().filter_map(|id| self.histories.get(id)).collect();
        let workers: Vec<(Id, Id)> =
            histories.iter().map(|history| (history.placed.origin_id, history.placed.worker_id)).collect();
        tally::around(connection, self.agreement_id, &workers, |connection| {
            write(connection)?;
            checks::decide(connection, self.agreement_id, &histories, self.actor.now.day())
        })?;
        let mut by_employer: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
        for history in &histories {
            by_employer.entry(history.placed.employer_id).or_default().push(history.placed.id);
        }
        let version = store::figures_version(connection, self.agreement_id)?;
        let parts = by_employer.iter().flat_map(|(employer, placements)| {
            placements.chunks(EVENT_PLACEMENTS_MAX).map(|placements| (*employer, placements))
        });
        let event = |(employer, placements): (Id, &[Id])| NewEvent {
            kind,
            chain: Chain::Agreement(self.agreement_id),
            subject_kind: "retention",
            subject_id: self.agreement_id,
            subject_version: version,
            employer_id: Some(employer),
            payload: json!({
                "agreement_id": self.agreement_id,
                "side": self.reporter.role,
                "placements": placements.len(),
                "placement_ids": placements,
            }),
        };
        log::record_all(connection, parts.map(|part| (self.actor, event(part))).collect())
    }
}

/// Observations taken so far, and what stands for what.
struct Intake {
    by_content: HashMap<(Id, Vec<u8>), Id>,
    by_reference: HashMap<String, (Id, Vec<u8>)>,
    new: Vec<Observation>,
}

impl Intake {
    fn open(connection: &mut DbConnection, desk: &Desk<'_>, rows: &[NewObservation]) -> Result<Self> {
        let references: BTreeSet<&str> = rows.iter().filter_map(|row| row.client_ref.as_deref()).collect();
        let by_reference = store::taken_references(connection, desk.reporter.party_id, &references)?;
        let known = desk.histories.values().flat_map(|history| &history.observations);
        let by_content = known.map(|seen| ((seen.placement_id, seen.content_hash.clone()), seen.id)).collect();
        Ok(Self { by_content, by_reference, new: Vec::new() })
    }

    fn take(
        &mut self,
        place: usize,
        row: &NewObservation,
        placement_id: Id,
        seen: Seen,
        report: Report,
    ) -> std::result::Result<(RowStatus, Id), Vec<Fault>> {
        let content_hash = admission::content_hash(row, placement_id, report.by.party_id);
        if let Some(known) = self.by_content.get(&(placement_id, content_hash.clone())) {
            return Ok((RowStatus::Unchanged, *known));
        }
        if let Some((taken, _)) = row.client_ref.as_ref().and_then(|reference| self.by_reference.get(reference)) {
            let fault = Fault::body(
                format!("/rows/{place}/client_ref"),
                "client_ref_taken",
                "stands for another observation; an observation is never changed, send the correction under a new reference",
                "该编号已用于另一条在岗记录；在岗记录不可修改，更正请使用新的编号",
            );
            return Err(vec![fault.param("observation_id", taken.to_string())]);
        }
        let id = Id::new();
        self.by_content.insert((placement_id, content_hash.clone()), id);
        if let Some(reference) = &row.client_ref {
            self.by_reference.insert(reference.clone(), (id, content_hash.clone()));
        }
        self.new.push(Observation {
            id,
            placement_id,
            observer_id: report.by.party_id,
            client_ref: row.client_ref.clone(),
            in_post: row.in_post,
            seen_from: row.seen_from,
            seen_to: row.seen_to,
            employer_id: Some(seen.employer_id),
            region_code: Some(seen.region_code),
            evidence: row.evidence,
            source: row.source,
            monthly_wage_fen: row.monthly_wage_fen,
            content_hash,
            recorded_at: report.now,
        });
        Ok((RowStatus::Accepted, id))
    }
}

/// Records who was seen in post, or missed there.
///
/// # Errors
/// [`Code::FieldInvalid`] for no rows or too many, [`Code::NotFound`] for strangers to the agreement.
pub fn record_observations(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    rows: &[NewObservation],
    language: Language,
) -> Result<Receipts> {
    let mut receipts = Receipts::default();
    for (row, outcome) in rows.iter().zip(observe(connection, actor, agreement_id, rows)?) {
        receipts.push(row.client_ref.clone(), outcome, language);
    }
    Ok(receipts)
}

/// The same, with what became of each row.
///
/// # Errors
/// See [`record_observations`].
pub fn observe(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    rows: &[NewObservation],
) -> Result<Vec<Result<(RowStatus, Id), Vec<Fault>>>> {
    let names: Vec<PlacementName> = rows.iter().map(NewObservation::placement).collect();
    let mut desk = Desk::open(connection, actor, agreement_id, &names)?;
    let (report, today) = (desk.report(), actor.now.day());
    let own = (report.by.role == ReporterRole::Employer).then_some(report.by.party_id);
    let employers = known_employers(connection, rows.iter().filter_map(|row| row.employer_id).chain(own))?;
    let mut intake = Intake::open(connection, &desk, rows)?;
    let mut outcomes = Vec::with_capacity(rows.len());
    for (place, row) in rows.iter().enumerate() {
        let employer = row.employer_id.or(own).and_then(|id| employers.get(&id).copied());
        let outcome = admission::observation(place, row, desk.named(place), employer, report.by, today)
            .and_then(|(history, seen)| intake.take(place, row, history.placed.id, seen, report));
        outcomes.push(outcome);
    }
    let new = intake.new;
    if new.is_empty() {
        return Ok(outcomes);
    }
    let touched: BTreeSet<Id> = new.iter().map(|seen| seen.placement_id).collect();
    for seen in &new {
        if let Some(history) = desk.histories.get_mut(&seen.placement_id) {
            history.observations.push(seen.clone());
        }
    }
    desk.finish(connection, &touched, "observations.recorded", |connection| {
        store::insert_observations(connection, agreement_id, &new)
    })?;
    Ok(outcomes)
}

fn known_employers(connection: &mut DbConnection, ids: impl Iterator<Item = Id>) -> Result<HashMap<Id, KnownEmployer>> {
    store::employers(connection, &ids.collect())
}

/// The spell books of a command, opened when a row first needs them.
#[derive(Default)]
struct Books(HashMap<Id, SpellBook>);

impl Books {
    fn of(&mut self, named: Named<'_>) -> Option<&mut SpellBook> {
        let Named::Found(history) = named else { return None };
        let id = history.placed.id;
        if let std::collections::hash_map::Entry::Vacant(e) = self.0.entry(id) {
            e.insert(history.book()?);
        }
        self.0.get_mut(&id)
    }

    /// Writes what the books have changed.
    fn finish(self, connection: &mut DbConnection, mut desk: Desk<'_>, kind: &'static str) -> Result<()> {
        let (mut new, mut changed, mut endings): (Vec<Spell>, Vec<Spell>, Vec<Ending>) = Default::default();
        let mut exits: Vec<ExitEntry> = Vec::new();
        let mut touched = BTreeSet::new();
        for (placement_id, book) in &self.0 {
            let (fresh, rewritten) = book.changes();
            if fresh.is_empty() && rewritten.is_empty() {
                continue;
            }
            touched.insert(*placement_id);
            new.extend(fresh.into_iter().cloned());
            changed.extend(rewritten.into_iter().cloned());
            exits.extend(book.exits().iter().cloned());
            endings.extend(book.new_end().map(|ended| Ending {
                placement_id: *placement_id,
                ended_on: ended.on,
                end_reason: ended.reason.as_str().to_owned(),
            }));
            if let Some(history) = desk.histories.get_mut(placement_id) {
                history.take_over(book);
            }
        }
        if touched.is_empty() {
            return Ok(());
        }
        let agreement_id = desk.agreement_id;
        exits::mark_late(connection, agreement_id, desk.actor.now.day(), &mut exits)?;
        desk.finish(connection, &touched, kind, |connection| {
            store::write_spells(connection, agreement_id, &new, &changed)?;
            store::exits::insert(connection, agreement_id, &exits)?;
            if endings.is_empty() { Ok(()) } else { outcomes::end(connection, agreement_id, &endings) }
        })?;
        let ended: Vec<&History> =
            endings.iter().filter_map(|ending| desk.histories.get(&ending.placement_id)).collect();
        guarantee::commands::follow(connection, desk.actor, agreement_id, &ended)
    }
}

fn receipt(step: std::result::Result<Step, Vec<Fault>>) -> std::result::Result<(RowStatus, Id), Vec<Fault>> {
    step.map(|step| (if step.changed { RowStatus::Accepted } else { RowStatus::Unchanged }, step.spell_id))
}

/// Records who left, when and why.
///
/// # Errors
/// [`Code::FieldInvalid`] for no rows or too many, [`Code::NotFound`] for strangers to the agreement.
pub fn record_exits(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    rows: &[NewExit],
    language: Language,
) -> Result<Receipts> {
    let names: Vec<PlacementName> = rows.iter().map(NewExit::placement).collect();
    let desk = Desk::open(connection, actor, agreement_id, &names)?;
    let mut books = Books::default();
    let mut receipts = Receipts::default();
    for (place, row) in rows.iter().enumerate() {
        let found = desk.named(place);
        let step = admission::exit(place, row, found, books.of(found), desk.report());
        receipts.push(row.client_ref.clone(), receipt(step), language);
    }
    books.finish(connection, desk, "exits.recorded")?;
    Ok(receipts)
}

/// Records where work begins, or goes on after an absence.
///
/// # Errors
/// [`Code::FieldInvalid`] for no rows or too many, [`Code::NotFound`] for strangers to the agreement.
pub fn record_spells(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    rows: &[NewSpell],
    language: Language,
) -> Result<Receipts> {
    let names: Vec<PlacementName> = rows.iter().map(NewSpell::placement).collect();
    let desk = Desk::open(connection, actor, agreement_id, &names)?;
    let employers = known_employers(connection, rows.iter().map(|row| row.employer_id))?;
    let mut transfers = transfers_of(connection, &desk, rows)?;
    let mut books = Books::default();
    let mut receipts = Receipts::default();
    for (place, row) in rows.iter().enumerate() {
        let found = desk.named(place);
        let employer = employers.get(&row.employer_id).copied();
        let step = admission::spell(place, row, found, books.of(found), employer, desk.report(), &mut transfers);
        receipts.push(row.client_ref.clone(), receipt(step), language);
    }
    books.finish(connection, desk, "spells.recorded")?;
    let moved = transfers.write(connection, actor, agreement_id)?;
    log::record_all(connection, places_transferred(agreement_id, actor, &moved))?;
    Ok(receipts)
}

/// The places that the rows may move; a call in which nobody changes the employer locks none.
fn transfers_of(connection: &mut DbConnection, desk: &Desk<'_>, rows: &[NewSpell]) -> Result<Transfers> {
    let today = desk.actor.now.day();
    let moves = |(place, row): (usize, &NewSpell)| match desk.named(place) {
        Named::Found(history) => row.quota_id.is_some() || history.workplace_on(today).0 != row.employer_id,
        Named::Unknown | Named::Ambiguous => false,
    };
    if !rows.iter().enumerate().any(moves) {
        return Ok(Transfers::default());
    }
    let placements: Vec<Id> = desk.histories.keys().copied().collect();
    let employers: BTreeSet<Id> = rows.iter().map(|row| row.employer_id).collect();
    Transfers::open(connection, desk.actor, desk.agreement_id, &placements, &employers)
}

/// An event for each pair of quotas between which places moved, each naming so many placements.
fn places_transferred<'a>(agreement_id: Id, actor: &'a Actor, moved: &[MovedPlace]) -> Vec<(&'a Actor, NewEvent)> {
    let mut by_pair: BTreeMap<(Option<Id>, Option<Id>), Vec<Id>> = BTreeMap::new();
    for place in moved.iter().filter(|place| place.from.is_some() || place.to.is_some()) {
        by_pair.entry((place.from, place.to)).or_default().push(place.placement_id);
    }
    let parts = by_pair
        .iter()
        .flat_map(|(pair, placements)| placements.chunks(EVENT_PLACEMENTS_MAX).map(|placements| (*pair, placements)));
    let event = |((from, to), placements): ((Option<Id>, Option<Id>), &[Id])| NewEvent {
        kind: "places.transferred",
        chain: Chain::Agreement(agreement_id),
        subject_kind: "quota",
        subject_id: to.or(from).unwrap_or(agreement_id),
        subject_version: actor.now.as_micros(),
        employer_id: None,
        payload: json!({
            "agreement_id": agreement_id,
            "from_quota_id": from,
            "to_quota_id": to,
            "places": placements.len(),
            "placement_ids": placements,
        }),
    };
    parts.map(|part| (actor, event(part))).collect()
}
