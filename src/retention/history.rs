//! What the books say about one placement after its arrival, and the verdicts that follow.

use super::exits::{ExitEntry, standing};
use super::facts::{self, DateGrain, ExitReason, PlacementHistory};
use super::records::{Observation, Reporter, ReporterRole, Spell};
use super::rules;
use super::spell_book::{Arrival, Ended, SpellBook};
use super::verdict::NodeResult;
use crate::agreements::rule_terms::{EmployerScope, RetentionNode, RetentionRule};
use crate::db::{Day, Id, Instant};

/// A placement as retention needs it. It has been onboarded, or `onboarded_on` is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The placement.
    pub id: Id,
    /// The origin.
    pub origin_id: Id,
    /// The worker, by the origin's register.
    pub worker_id: Id,
    /// The destination.
    pub destination_id: Id,
    /// The planned employer.
    pub planned_employer_id: Id,
    /// The employer that accepted the worker.
    pub employer_id: Id,
    /// Where that post is.
    pub region_code: String,
    /// Plan year.
    pub plan_year: i64,
    /// First day in post.
    pub onboarded_on: Option<Day>,
    /// The recorded end.
    pub ended: Option<Ended>,
    /// The day the worker was listed in the group the placement counts in.
    pub listed_on: Option<Day>,
}

/// A placement with everything that was recorded about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The placement.
    pub placed: Placed,
    /// Recorded spells, oldest first.
    pub spells: Vec<Spell>,
    /// Observations.
    pub observations: Vec<Observation>,
}

impl History {
    /// Whether the party may report about this placement and read what was reported.
    #[must_use]
    pub fn concerns(&self, reporter: Reporter) -> bool {
        let party = reporter.party_id;
        match reporter.role {
            ReporterRole::Origin => self.placed.origin_id == party,
            ReporterRole::Destination => self.placed.destination_id == party,
            ReporterRole::Station => true,
            ReporterRole::Employer => {
                self.placed.planned_employer_id == party
                    || self.placed.employer_id == party
                    || self.spells.iter().any(|spell| spell.employer_id == Some(party))
            }
        }
    }

    /// The spells as a book to write in; none before the arrival.
    #[must_use]
    pub fn book(&self) -> Option<SpellBook> {
        let arrival = Arrival {
            placement_id: self.placed.id,
            onboarded_on: self.placed.onboarded_on?,
            employer_id: self.placed.employer_id,
            region_code: &self.placed.region_code,
        };
        Some(SpellBook::open(arrival, &self.spells, self.placed.ended))
    }

    /// Forgets what was recorded at an instant or later. `entries` are all entries about exits of this placement.
    pub fn forget_since(&mut self, instant: Instant, entries: &[ExitEntry]) {
        let known: Vec<ExitEntry> = entries.iter().filter(|entry| entry.recorded_at < instant).cloned().collect();
        let was_reported = |spell: &Spell| entries.iter().any(|entry| entry.spell_id == spell.id);
        self.observations.retain(|seen| seen.recorded_at < instant);
        while let Some(place) = self.spells.iter().rposition(|spell| spell.recorded_at >= instant) {
            let forgotten = self.spells.remove(place);
            // The spell it had cut short gets its end back; an end that was reported is told by its entries.
            let cut = self.spells.iter_mut().find(|spell| {
                let until_then = spell.ended_on.is_some_and(|last| last.plus_days(1) == forgotten.started_on);
                until_then && spell.end_reason == Some(ExitReason::Transferred) && !was_reported(spell)
            });
            if let Some(cut) = cut {
                let own = (forgotten.ended_on, forgotten.end_reason);
                (cut.ended_on, cut.end_reason) = if was_reported(&forgotten) { (None, None) } else { own };
            }
        }
        for spell in &mut self.spells {
            // A spell without entries was reported with its end.
            if was_reported(spell) {
                let exit = standing(&known, spell.id).last().copied();
                // Who was back within the month has one spell again, and no entry says so.
                let is_back = spell.ended_on.is_none() && exit.is_some_and(|exit| !exit.reason.ends_placement());
                let exit = exit.filter(|_| !is_back);
                (spell.ended_on, spell.end_reason) = (exit.map(|exit| exit.ended_on), exit.map(|exit| exit.reason));
            }
        }
        let last = known.iter().max_by_key(|entry| (entry.recorded_at, entry.id));
        self.placed.ended = last.and_then(|entry| Some(Ended { on: entry.placement_ended_on?, reason: entry.reason }));
    }

    /// Takes over what a book has changed.
    pub fn take_over(&mut self, book: &SpellBook) {
        self.spells = book.spells().filter(|(_, from_arrival)| !from_arrival).map(|(spell, _)| spell.clone()).collect();
        self.placed.ended = book.new_end().or(self.placed.ended);
    }

    /// The employer the worker is with on a day according to the books, and where.
    #[must_use]
    pub fn workplace_on(&self, day: Day) -> (Id, &str) {
        let latest = self.spells.iter().filter(|spell| spell.started_on <= day).max_by_key(|spell| spell.started_on);
        latest
            .and_then(|spell| Some((spell.employer_id?, spell.region_code.as_str())))
            .unwrap_or((self.placed.employer_id, &self.placed.region_code))
    }

    /// Where the worker's post with an employer is according to the books.
    #[must_use]
    pub fn region_with(&self, employer: Id) -> Option<&str> {
        if employer == self.placed.employer_id {
            return Some(&self.placed.region_code);
        }
        self.spells.iter().rfind(|spell| spell.employer_id == Some(employer)).map(|spell| spell.region_code.as_str())
    }

    /// The verdicts at nodes and scopes as of a day; none before the arrival.
    #[must_use]
    pub fn judge(
        &self,
        rule: &RetentionRule,
        questions: &[(RetentionNode, EmployerScope)],
        today: Day,
    ) -> Option<Vec<NodeResult>> {
        let onboarded_on = self.placed.onboarded_on?;
        let spells: Vec<facts::Spell<'_>> = self.spells.iter().filter_map(spell_fact).collect();
        let observations: Vec<facts::Observation<'_>> =
            self.observations.iter().map(|seen| self.observation_fact(seen)).collect();
        let history = PlacementHistory {
            onboarded_on: onboarded_on.0,
            first_employer: self.placed.employer_id.0,
            first_region: &self.placed.region_code,
            plan_year: i16::try_from(self.placed.plan_year).unwrap_or(onboarded_on.0.year()),
            group_listed_on: self.placed.listed_on.map(|day| day.0),
            exit: self.exit(),
            spells: &spells,
            observations: &observations,
        };
        let judge =
            |(node, scope): &(RetentionNode, EmployerScope)| rules::evaluate(&history, rule, *node, *scope, today.0);
        Some(questions.iter().map(judge).collect())
    }

    /// The end of the placement; while it is open, the latest move to another employer, which ends the first employer's clock.
    fn exit(&self) -> Option<facts::Exit> {
        let exit = |id: Id, on: Day, reason| facts::Exit { id: id.0, on: on.0, grain: DateGrain::Day, reason };
        if let Some(ended) = self.placed.ended {
            let closing = self.spells.iter().rfind(|spell| spell.end_reason == Some(ended.reason));
            return Some(exit(closing.map_or(self.placed.id, |spell| spell.id), ended.on, ended.reason));
        }
        let moved = self.spells.iter().rfind(|spell| spell.end_reason == Some(ExitReason::Transferred))?;
        Some(exit(moved.id, moved.ended_on?, ExitReason::Transferred))
    }

    fn observation_fact<'a>(&'a self, seen: &'a Observation) -> facts::Observation<'a> {
        facts::Observation {
            id: seen.id.0,
            employer: seen.employer_id.unwrap_or(self.placed.employer_id).0,
            region: seen.region_code.as_deref().unwrap_or(&self.placed.region_code),
            from: seen.seen_from.0,
            to: seen.seen_to.0,
            evidence: seen.evidence,
            monthly_wage_fen: seen.monthly_wage_fen,
            in_post: seen.in_post,
        }
    }
}

/// The days of a kept spell are resolved, so they are exact here. A spell with an employer nobody registered is nobody's.
fn spell_fact(spell: &Spell) -> Option<facts::Spell<'_>> {
    Some(facts::Spell {
        id: spell.id.0,
        employer: spell.employer_id?.0,
        region: &spell.region_code,
        from: spell.started_on.0,
        to: spell.ended_on.map(|day| day.0),
        grain: DateGrain::Day,
    })
}
