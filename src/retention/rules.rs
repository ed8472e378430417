//! Retention (稳岗) of one placement at one node: was the worker still in post, as the agreement's rule means it?
//!
//! - **not due**: the node's day has not come.
//! - **retained**: the worker was seen in post on or after the due day, and from the start of the clock to that sighting there
//!   is no absence and no silence longer than the rule allows.
//! - **left**: the worker is known to have been away, before the due day, for longer than the rule allows.
//! - **unverifiable**: due, and neither is shown. Silence is not confirmation.
//!
//! Two limits are kept apart. `allowed_gap_days` bounds *known absence*: an exit or an ended spell until the return.
//! `evidence_valid_days` bounds *silence*: how long a sighting speaks for the days after it while the books say "employed", each level of
//! evidence as long as the rule gives it.
//! The confirmed arrival (or the start of the clock) is itself the first sighting.
//!
//! **Continuous**: no single absence that begins before or on the due day may be longer than the gap. An exit with no recorded
//! return means left at once; an ended spell, a trip home for the holiday, or a transfer (where the scope lets another
//! employer count) leaves the gap to return in.
//!
//! **Cumulative**: days in post are added up. The clock stands still during an absence, so the due day moves on by each
//! known absent day. All absences together may last the gap; then the days can no longer be reached in time and the worker
//! has left.
//!
//! More supporting observations, or the passing of time, never turn retained into anything else; and who is retained by first
//! employer is retained by region, and so by any employer.
//!
//! Where the rule asks for an income in all, a worker who is in post is retained once the wages shown reach it (`retention::income`).
//!
//! Deliberately absent: storing the verdict, and rates across placements.

use super::day_ranges::{DayRange, DayRanges, day_after, days_after, days_between};
use super::facts::{ExitReason, PlacementHistory};
use super::income;
use super::presence::{Demand, Presence, Sighting};
use super::verdict::{DecidedBy, NodeResult, NodeState, RetentionReason};
use crate::agreements::rule_terms::{
    Continuity, EmployerScope, EvidenceLevel, RetentionNode, RetentionRule, StartBasis,
};
use jiff::civil::Date;
use uuid::Uuid;

/// The first day of the clock; none where the rule counts from a listing day that is not known.
#[must_use]
pub fn clock_start(history: &PlacementHistory<'_>, basis: StartBasis) -> Option<Date> {
    let onboarded = history.onboarded_on;
    match basis {
        StartBasis::OnboardedDay => Some(onboarded),
        StartBasis::JanuaryFirst => {
            Some(Date::new(history.plan_year, 1, 1).map_or(onboarded, |new_year| new_year.max(onboarded)))
        }
        StartBasis::GroupListingDay => history.group_listed_on.map(|listed| listed.max(onboarded)),
    }
}

/// The day a node falls due when the clock started on `start`: whole units later, so that 30 days from 1 March are 31 March.
#[must_use]
pub fn due_day(start: Date, node: RetentionNode) -> Date {
    node.due_day(start)
}

/// The verdict for one placement at one node, as of `today`.
///
/// `scope` is the rule's own `employer_scope` for the figure that the agreement counts; the other scopes may be asked for
/// comparison. Facts dated after `today` are not read.
#[must_use]
pub fn evaluate(
    history: &PlacementHistory<'_>,
    rule: &RetentionRule,
    node: RetentionNode,
    scope: EmployerScope,
    today: Date,
) -> NodeResult {
    let Some(start) = clock_start(history, rule.start_basis) else {
        return NodeResult {
            state: NodeState::Unverifiable,
            due_on: None,
            reason: RetentionReason::ListingDayUnknown,
            decided_by: None,
            evidence: None,
        };
    };
    let due = due_day(start, node);
    let clock = match DayRange::new(start, today) {
        Some(clock) if due <= today => clock,
        _ => return NodeResult::of(NodeState::NotDue, due, RetentionReason::DueDayAhead),
    };
    let presence = Presence::read(history, scope, today);
    let absences = presence.absences(rule.minimum_evidence, clock);
    let check = Check { history, rule, scope, clock, due, presence, absences };
    let verdict = match rule.continuity {
        Continuity::Continuous => check.continuous(),
        Continuity::Cumulative => check.cumulative(),
    };
    check.with_income(verdict)
}

/// One due node with its facts laid out.
struct Check<'a> {
    history: &'a PlacementHistory<'a>,
    rule: &'a RetentionRule,
    scope: EmployerScope,
    clock: DayRange,
    due: Date,
    presence: Presence<'a>,
    absences: DayRanges,
}

impl Check<'_> {
    fn continuous(&self) -> NodeResult {
        for absence in self.absences.iter().filter(|absence| absence.first() <= self.due) {
            let too_long = absence.days() > self.allowed_gap();
            let came_back = absence.last() < self.clock.last();
            let reason = match (came_back, self.exit_behind(absence)) {
                (true, _) if too_long => RetentionReason::BreakTooLong,
                (true, _) => continue,
                (false, Some(exit)) if self.is_final(exit) => RetentionReason::Exited,
                (false, _) if too_long => RetentionReason::NotBackWithinGap,
                (false, _) => return self.ended(NodeState::Unverifiable, RetentionReason::ReturnWindowOpen, absence),
            };
            return self.ended(NodeState::Left, reason, absence);
        }
        match self.proof(self.demand()) {
            Some(sighting) => self.retained(&sighting),
            None => self.unverifiable(RetentionReason::SilenceTooLong),
        }
    }

    fn cumulative(&self) -> NodeResult {
        if let Some(sighting) = self.proof(self.demand()) {
            return self.retained(&sighting);
        }
        let Some(counted) = self.counting_period() else {
            return self.unverifiable(RetentionReason::DaysNotShown);
        };
        let away = self.absences.within(counted);
        let absent_days = away.total_days();
        if absent_days > self.allowed_gap()
            && let Some(longest) = away.iter().max_by_key(|absence| (absence.days(), absence.first()))
        {
            return self.ended(NodeState::Left, RetentionReason::AbsencesTooLong, longest);
        }
        let moved_due = days_after(self.due, absent_days);
        if self.clock.last() < moved_due {
            return NodeResult::of(NodeState::NotDue, moved_due, RetentionReason::ClockPaused);
        }
        NodeResult { due_on: Some(moved_due), ..self.unverifiable(RetentionReason::DaysNotShown) }
    }

    /// Who is in post but has not shown the income that the rule asks for is not retained yet; more wages may show it.
    fn with_income(&self, verdict: NodeResult) -> NodeResult {
        let Some(floor) = self.rule.income_floor.filter(|_| verdict.state == NodeState::Retained) else {
            return verdict;
        };
        let months = income::months_of(floor.window, self.history.plan_year, self.due);
        let (shown, any) = income::total(&self.presence.wages(self.rule.minimum_evidence), months);
        if shown >= floor.total_fen {
            return verdict;
        }
        let reason = if any { RetentionReason::IncomeBelowFloor } else { RetentionReason::WageNotShown };
        NodeResult { state: NodeState::Unverifiable, reason, ..verdict }
    }

    /// The sighting that shows the worker retained, under a demand that may be weaker than the rule's own.
    fn proof(&self, demand: Demand) -> Option<Sighting> {
        let sightings = self.presence.sightings(demand);
        let runs = self.runs(&sightings);
        let reached = match self.rule.continuity {
            Continuity::Continuous => {
                let first_run = runs.iter().find(|run| run.contains(self.clock.first()))?;
                (first_run.last() >= self.due).then_some(self.due)?
            }
            Continuity::Cumulative => {
                let shown = DayRanges::covering(runs).without(&self.absences).within(self.counting_period()?);
                nth_day(&shown, days_between(self.clock.first(), self.due) + 1)?
            }
        };
        sightings.into_iter().find(|sighting| sighting.days.last() >= reached)
    }

    /// The start of the clock and the sightings, joined over silences that the rule tolerates: as long as the evidence before them speaks.
    fn runs(&self, sightings: &[Sighting]) -> Vec<DayRange> {
        let speaks_until = |last: Date, days: i64| days_after(last, days.max(self.allowed_gap()));
        let mut runs: Vec<(DayRange, Date)> = Vec::new();
        let start = DayRange::new(self.clock.first(), self.clock.first());
        let start = start.map(|days| (days, i64::from(self.rule.evidence_valid_days)));
        let seen = sightings.iter().map(|sighting| (sighting.days, self.rule.valid_days(sighting.evidence)));
        for (days, valid) in start.into_iter().chain(seen) {
            let until = speaks_until(days.last(), valid);
            let joined = runs.last().copied().and_then(|(run, known)| {
                let run = DayRange::new(run.first().min(days.first()), run.last().max(days.last()))?;
                (days.first() <= day_after(known)).then_some((run, known.max(until)))
            });
            match (joined, runs.last_mut()) {
                (Some(joined), Some(run)) => *run = joined,
                _ => runs.push((days, until)),
            }
        }
        runs.into_iter().map(|(run, _)| run).collect()
    }

    /// The days among which a cumulative rule adds up: from the start until the due day plus the allowed gap.
    fn counting_period(&self) -> Option<DayRange> {
        let closing = days_after(self.due, self.allowed_gap());
        DayRange::new(self.clock.first(), closing.min(self.clock.last()))
    }

    fn retained(&self, sighting: &Sighting) -> NodeResult {
        NodeResult::of(NodeState::Retained, self.due, RetentionReason::SeenInPost).seen_by(sighting)
    }

    fn ended(&self, state: NodeState, reason: RetentionReason, absence: DayRange) -> NodeResult {
        let decided_by =
            match self.exit_behind(absence) {
                Some((id, _)) => Some(DecidedBy::Exit(id)),
                None => self.presence.spell_behind(absence).map(DecidedBy::Spell).or_else(|| {
                    self.presence.missed_by(absence, self.rule.minimum_evidence).map(DecidedBy::Observation)
                }),
            };
        NodeResult { decided_by, ..NodeResult::of(state, self.due, reason) }
    }

    /// Names the most useful remedy: a weaker proof that is there, else the latest sighting, else that there is none.
    fn unverifiable(&self, seen_since_due: RetentionReason) -> NodeResult {
        let result = |reason| NodeResult::of(NodeState::Unverifiable, self.due, reason);
        let own = self.demand();
        if let Some(sighting) = self.proof(Demand { wage_floor_fen: None, ..own }) {
            let reason = if self.shows_a_wage_below_the_floor() {
                RetentionReason::WageBelowFloor
            } else {
                RetentionReason::WageNotShown
            };
            return result(reason).seen_by(&sighting);
        }
        let anything = Demand { minimum_evidence: EvidenceLevel::E0, wage_floor_fen: None };
        if let Some(sighting) = self.proof(anything) {
            return result(RetentionReason::EvidenceBelowMinimum).seen_by(&sighting);
        }
        let sightings = self.presence.sightings(own);
        let latest = sightings
            .iter()
            .filter(|sighting| sighting.days.last() >= self.clock.first())
            .max_by_key(|sighting| (sighting.days.last(), sighting.evidence, sighting.observation));
        let Some(latest) = latest else { return result(RetentionReason::NeverObserved) };
        let age = days_between(latest.days.last(), self.due);
        let reason = if age <= 0 {
            seen_since_due
        } else if age <= self.rule.valid_days(latest.evidence) {
            RetentionReason::NotSeenSinceDue
        } else {
            RetentionReason::EvidenceStale
        };
        result(reason).seen_by(latest)
    }

    fn shows_a_wage_below_the_floor(&self) -> bool {
        self.rule.monthly_wage_floor_fen.is_some_and(|floor| {
            self.history
                .observations
                .iter()
                .filter(|look| look.in_post && look.evidence >= self.rule.minimum_evidence)
                .filter(|look| look.to >= self.clock.first())
                .any(|look| look.monthly_wage_fen.is_some_and(|wage| wage < floor))
        })
    }

    /// The recorded exit, where the absence holds the day after it.
    fn exit_behind(&self, absence: DayRange) -> Option<(Uuid, ExitReason)> {
        let exit = self.history.exit?;
        absence.contains(day_after(exit.grain.end(exit.on))).then_some((exit.id, exit.reason))
    }

    fn is_final(&self, (_, reason): (Uuid, ExitReason)) -> bool {
        match reason {
            ExitReason::HolidayHome => false,
            ExitReason::Transferred => self.scope == EmployerScope::FirstEmployer,
            _ => true,
        }
    }

    fn demand(&self) -> Demand {
        Demand { minimum_evidence: self.rule.minimum_evidence, wage_floor_fen: self.rule.monthly_wage_floor_fen }
    }

    fn allowed_gap(&self) -> i64 {
        i64::from(self.rule.allowed_gap_days)
    }
}

/// The day on which the set reaches `count` days, counted from its first.
fn nth_day(days: &DayRanges, count: i64) -> Option<Date> {
    let mut left = count;
    for range in days.iter() {
        if left <= range.days() {
            return Some(days_after(range.first(), left - 1));
        }
        left -= range.days();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreements::rule_terms::{IncomeFloor, IncomeWindow, LevelValidity};
    use crate::retention::facts::{DateGrain, Exit, Observation, Spell};
    use jiff::civil::date;
    use proptest::prelude::*;

    const HAINING: &str = "330481";
    const YIWU: &str = "330782";
    const FIRST: Uuid = Uuid::from_u128(1);
    const NEIGHBOUR: Uuid = Uuid::from_u128(2);
    const FAR: Uuid = Uuid::from_u128(3);

    fn rule() -> RetentionRule {
        RetentionRule {
            rule_id: "stay_days_continuous".to_owned(),
            nodes: vec![RetentionNode::days(30), RetentionNode::days(90), RetentionNode::days(180)],
            continuity: Continuity::Continuous,
            allowed_gap_days: 15,
            employer_scope: EmployerScope::FirstEmployer,
            start_basis: StartBasis::OnboardedDay,
            minimum_evidence: EvidenceLevel::E2,
            monthly_wage_floor_fen: None,
            evidence_valid_days: 45,
            evidence_valid_days_by_level: Vec::new(),
            income_floor: None,
        }
    }

    /// One worker accepted by the first employer in Haining on 1 March 2026.
    #[derive(Debug, Clone)]
    struct Worker {
        exit: Option<Exit>,
        spells: Vec<Spell<'static>>,
        observations: Vec<Observation<'static>>,
        listed_on: Option<Date>,
        plan_year: i16,
    }

    fn worker() -> Worker {
        Worker { exit: None, spells: vec![], observations: vec![], listed_on: None, plan_year: 2026 }
    }

    fn workplace(employer: Uuid) -> &'static str {
        if employer == FAR { YIWU } else { HAINING }
    }

    impl Worker {
        fn leaves(mut self, on: Date, reason: ExitReason) -> Self {
            self.exit = Some(Exit { id: Uuid::from_u128(500), on, grain: DateGrain::Day, reason });
            self
        }

        fn works(mut self, employer: Uuid, from: Date, to: Option<Date>) -> Self {
            let id = Uuid::from_u128(600 + u128::try_from(self.spells.len()).unwrap());
            let region = workplace(employer);
            self.spells.push(Spell { id, employer, region, from, to, grain: DateGrain::Day });
            self
        }

        fn seen(mut self, employer: Uuid, from: Date, to: Date, evidence: EvidenceLevel) -> Self {
            let id = Uuid::from_u128(700 + u128::try_from(self.observations.len()).unwrap());
            self.observations.push(Observation {
                id,
                employer,
                region: workplace(employer),
                from,
                to,
                evidence,
                monthly_wage_fen: None,
                in_post: true,
            });
            self
        }

        fn earning(mut self, fen: i64) -> Self {
            self.observations.last_mut().unwrap().monthly_wage_fen = Some(fen);
            self
        }

        fn not_there(mut self) -> Self {
            self.observations.last_mut().unwrap().in_post = false;
            self
        }

        /// Sealed monthly rosters of one employer, each for a whole month of 2026.
        fn rosters(mut self, employer: Uuid, months: std::ops::RangeInclusive<i8>) -> Self {
            for month in months {
                let first = date(2026, month, 1);
                self = self.seen(employer, first, first.last_of_month(), EvidenceLevel::E2);
            }
            self
        }

        fn check(&self, rule: &RetentionRule, node: RetentionNode, scope: EmployerScope, today: Date) -> NodeResult {
            let history = PlacementHistory {
                onboarded_on: date(2026, 3, 1),
                first_employer: FIRST,
                first_region: HAINING,
                plan_year: self.plan_year,
                group_listed_on: self.listed_on,
                exit: self.exit,
                spells: &self.spells,
                observations: &self.observations,
            };
            evaluate(&history, rule, node, scope, today)
        }

        fn at_90(&self) -> NodeResult {
            self.check(&rule(), RetentionNode::days(90), EmployerScope::FirstEmployer, date(2026, 9, 30))
        }
    }

    #[test]
    fn a_node_is_asked_from_its_due_day_on() {
        let stays = worker().rosters(FIRST, 3..=9);
        let on = |today| stays.check(&rule(), RetentionNode::days(30), EmployerScope::FirstEmployer, today);
        assert_eq!(on(date(2026, 3, 30)).state, NodeState::NotDue);
        assert_eq!(on(date(2026, 3, 31)).state, NodeState::Retained);
        assert_eq!(on(date(2026, 3, 31)).due_on, Some(date(2026, 3, 31)));
        assert_eq!(on(date(2025, 3, 31)).state, NodeState::NotDue, "before the arrival");
    }

    #[test]
    fn leaving_the_day_before_is_left_and_leaving_on_the_due_day_is_not() {
        let leaves = |day| worker().rosters(FIRST, 3..=5).leaves(day, ExitReason::Resigned).at_90();
        assert_eq!(leaves(date(2026, 5, 29)).state, NodeState::Left);
        assert_eq!(leaves(date(2026, 5, 29)).reason, RetentionReason::Exited);
        assert_eq!(leaves(date(2026, 5, 29)).decided_by, Some(DecidedBy::Exit(Uuid::from_u128(500))));
        assert_eq!(leaves(date(2026, 5, 30)).state, NodeState::Retained);
    }

    #[test]
    fn the_clerk_is_told_what_is_missing() {
        use RetentionReason as Why;
        let april = || worker().rosters(FIRST, 3..=4);
        let cases = [
            ("nobody reported", worker(), Why::NeverObserved),
            ("seen 30 days before the due day", april(), Why::NotSeenSinceDue),
            ("last seen 60 days before", worker().rosters(FIRST, 3..=3), Why::EvidenceStale),
            ("nothing for April and May", worker().rosters(FIRST, 3..=3).rosters(FIRST, 6..=6), Why::SilenceTooLong),
            (
                "the phone only at the end",
                april().seen(FIRST, date(2026, 6, 2), date(2026, 6, 2), EvidenceLevel::E0),
                Why::EvidenceBelowMinimum,
            ),
        ];
        for (case, worker, reason) in cases {
            let result = worker.at_90();
            assert_eq!((result.state, result.reason), (NodeState::Unverifiable, reason), "{case}");
        }
    }

    #[test]
    fn a_spell_that_ended_leaves_the_gap_to_come_back_in() {
        let ended = || worker().rosters(FIRST, 3..=5).works(FIRST, date(2026, 3, 1), Some(date(2026, 5, 25)));
        let on = |worker: &Worker, today| {
            worker.check(&rule(), RetentionNode::days(90), EmployerScope::FirstEmployer, today)
        };
        let waiting = on(&ended(), date(2026, 6, 9));
        assert_eq!((waiting.state, waiting.reason), (NodeState::Unverifiable, RetentionReason::ReturnWindowOpen));
        let gone = on(&ended(), date(2026, 6, 10));
        assert_eq!((gone.state, gone.reason), (NodeState::Left, RetentionReason::NotBackWithinGap));
        assert_eq!(gone.decided_by, Some(DecidedBy::Spell(Uuid::from_u128(600))));
        let back = ended().works(FIRST, date(2026, 6, 10), None).rosters(FIRST, 6..=6);
        assert_eq!(on(&back, date(2026, 7, 1)).state, NodeState::Retained, "away for 15 days");
        let late = ended().works(FIRST, date(2026, 6, 11), None).rosters(FIRST, 6..=6);
        let late = on(&late, date(2026, 7, 1));
        assert_eq!((late.state, late.reason), (NodeState::Left, RetentionReason::BreakTooLong), "away for 16 days");
    }

    #[test]
    fn home_for_the_holiday_is_not_gone() {
        let home = || worker().rosters(FIRST, 3..=5).leaves(date(2026, 5, 25), ExitReason::HolidayHome);
        let on = |worker: &Worker, today| {
            worker.check(&rule(), RetentionNode::days(90), EmployerScope::FirstEmployer, today)
        };
        assert_eq!(on(&home(), date(2026, 6, 5)).reason, RetentionReason::ReturnWindowOpen);
        let back = home().seen(FIRST, date(2026, 6, 5), date(2026, 6, 30), EvidenceLevel::E2);
        assert_eq!(on(&back, date(2026, 7, 1)).state, NodeState::Retained);
        assert_eq!(on(&home(), date(2026, 7, 1)).state, NodeState::Left);
    }

    #[test]
    fn a_months_roster_does_not_outweigh_a_recorded_last_day() {
        let padded = worker().rosters(FIRST, 3..=5).leaves(date(2026, 5, 10), ExitReason::LeftWithoutNotice);
        assert_eq!(padded.at_90().state, NodeState::Left);
    }

    #[test]
    fn a_stronger_look_that_misses_the_worker_outweighs_a_roster() {
        let may = (date(2026, 5, 1), date(2026, 6, 30));
        let missed = |evidence| worker().rosters(FIRST, 3..=6).seen(FIRST, may.0, may.1, evidence).not_there().at_90();
        assert_eq!(missed(EvidenceLevel::E1).state, NodeState::Retained, "a weaker look changes nothing");
        assert_eq!(missed(EvidenceLevel::E2).state, NodeState::Unverifiable, "equally strong: neither is proof");
        let stronger = missed(EvidenceLevel::E5);
        assert_eq!(stronger.state, NodeState::Left);
        assert!(matches!(stronger.decided_by, Some(DecidedBy::Observation(_))));
    }

    #[test]
    fn a_wage_under_the_floor_does_not_count() {
        let floor = RetentionRule { monthly_wage_floor_fen: Some(100_000), ..rule() };
        let check = |fen: Option<i64>| {
            let mut worker = worker();
            for month in 3..=6 {
                worker = worker.rosters(FIRST, month..=month);
                worker = match fen {
                    Some(fen) => worker.earning(fen),
                    None => worker,
                };
            }
            worker.check(&floor, RetentionNode::days(90), EmployerScope::FirstEmployer, date(2026, 7, 1))
        };
        assert_eq!(check(Some(100_000)).state, NodeState::Retained);
        assert_eq!(check(Some(99_999)).state, NodeState::Unverifiable);
        assert_eq!(check(Some(99_999)).reason, RetentionReason::WageBelowFloor);
        assert_eq!(check(None).reason, RetentionReason::WageNotShown);
    }

    #[test]
    fn the_clock_starts_where_the_rule_says() {
        let check = |basis, worker: &Worker| {
            let rule = RetentionRule { start_basis: basis, ..rule() };
            worker.check(&rule, RetentionNode::months(3), EmployerScope::FirstEmployer, date(2027, 6, 1))
        };
        let mut stays = worker().rosters(FIRST, 3..=12);
        assert_eq!(check(StartBasis::OnboardedDay, &stays).due_on, Some(date(2026, 6, 1)));
        assert_eq!(check(StartBasis::JanuaryFirst, &stays).due_on, Some(date(2026, 6, 1)), "arrived after 1 January");
        assert_eq!(check(StartBasis::GroupListingDay, &stays).reason, RetentionReason::ListingDayUnknown);
        stays.listed_on = Some(date(2026, 5, 31));
        let listed = check(StartBasis::GroupListingDay, &stays);
        assert_eq!((listed.due_on, listed.state), (Some(date(2026, 8, 31)), NodeState::Retained));
        stays.plan_year = 2027;
        stays = stays.seen(FIRST, date(2027, 2, 10), date(2027, 4, 10), EvidenceLevel::E5);
        let next_year = check(StartBasis::JanuaryFirst, &stays);
        assert_eq!((next_year.due_on, next_year.state), (Some(date(2027, 4, 1)), NodeState::Retained));
    }

    #[test]
    fn a_spell_known_only_by_its_months_counts_each_named_month_whole() {
        let mut moved = worker().rosters(FIRST, 3..=3).rosters(NEIGHBOUR, 4..=6);
        moved =
            moved.works(FIRST, date(2026, 3, 15), Some(date(2026, 3, 15))).works(NEIGHBOUR, date(2026, 4, 20), None);
        for spell in &mut moved.spells {
            spell.grain = DateGrain::Month;
        }
        let result = moved.check(&rule(), RetentionNode::days(90), EmployerScope::SameRegion, date(2026, 7, 1));
        assert_eq!(result.state, NodeState::Retained);
    }

    #[test]
    fn days_are_added_up_where_the_rule_is_cumulative() {
        let rule = RetentionRule { continuity: Continuity::Cumulative, allowed_gap_days: 60, ..rule() };
        let on =
            |worker: &Worker, today| worker.check(&rule, RetentionNode::days(90), EmployerScope::FirstEmployer, today);
        // Works 61 days, is away 31 days, works on: 90 days are complete on 29 June, and the next sighting is on 30 June.
        let returns = worker()
            .works(FIRST, date(2026, 3, 1), Some(date(2026, 4, 30)))
            .works(FIRST, date(2026, 6, 1), None)
            .rosters(FIRST, 3..=7);
        let paused = on(&returns, date(2026, 6, 29));
        assert_eq!((paused.state, paused.reason), (NodeState::NotDue, RetentionReason::ClockPaused));
        assert_eq!(paused.due_on, Some(date(2026, 6, 30)));
        assert_eq!(on(&returns, date(2026, 6, 30)).state, NodeState::Retained);
        // Never comes back: after 60 absent days the 90 can no longer be reached in time.
        let gone = worker().rosters(FIRST, 3..=4).leaves(date(2026, 4, 30), ExitReason::Resigned);
        assert_eq!(on(&gone, date(2026, 6, 29)).state, NodeState::NotDue);
        let gone = on(&gone, date(2026, 6, 30));
        assert_eq!((gone.state, gone.reason), (NodeState::Left, RetentionReason::AbsencesTooLong));
        assert_eq!(gone.decided_by, Some(DecidedBy::Exit(Uuid::from_u128(500))));
        // In the books, but nobody reports.
        let silent = on(&worker().rosters(FIRST, 3..=3), date(2026, 9, 1));
        assert_eq!(silent.state, NodeState::Unverifiable);
    }

    fn some_day() -> impl Strategy<Value = Date> {
        (0_i64..300).prop_map(|step| days_after(date(2026, 2, 1), step))
    }

    fn some_employer() -> impl Strategy<Value = Uuid> {
        prop::sample::select(vec![FIRST, FIRST, NEIGHBOUR, FAR])
    }

    fn some_observation() -> impl Strategy<Value = Observation<'static>> {
        let wage = prop::option::of(prop::sample::select(vec![90_000_i64, 150_000]));
        (any::<u32>(), some_employer(), some_day(), 0_i64..70, 0_usize..6, wage, prop::bool::weighted(0.85)).prop_map(
            |(id, employer, from, length, level, monthly_wage_fen, in_post)| Observation {
                id: Uuid::from_u128(10_000 + u128::from(id)),
                employer,
                region: workplace(employer),
                from,
                to: days_after(from, length),
                evidence: EvidenceLevel::ALL[level],
                monthly_wage_fen,
                in_post,
            },
        )
    }

    fn some_spell() -> impl Strategy<Value = Spell<'static>> {
        (any::<u32>(), some_employer(), some_day(), prop::option::of(0_i64..150), any::<bool>()).prop_map(
            |(id, employer, from, length, by_month)| Spell {
                id: Uuid::from_u128(u128::from(id)),
                employer,
                region: workplace(employer),
                from,
                to: length.map(|length| days_after(from, length)),
                grain: if by_month { DateGrain::Month } else { DateGrain::Day },
            },
        )
    }

    fn some_worker() -> impl Strategy<Value = Worker> {
        let reason = prop::sample::select(vec![ExitReason::Resigned, ExitReason::HolidayHome, ExitReason::Transferred]);
        let exit = prop::option::weighted(0.3, (some_day(), reason));
        let spells = prop::collection::vec(some_spell(), 0..3);
        (exit, spells, prop::collection::vec(some_observation(), 0..9), prop::option::of(some_day())).prop_map(
            |(exit, spells, observations, listed_on)| {
                let random = Worker { spells, observations, listed_on, ..worker() };
                match exit {
                    Some((on, reason)) => random.leaves(on, reason),
                    None => random,
                }
            },
        )
    }

    fn some_rule() -> impl Strategy<Value = RetentionRule> {
        let basis =
            prop::sample::select(vec![StartBasis::OnboardedDay, StartBasis::JanuaryFirst, StartBasis::GroupListingDay]);
        (any::<bool>(), 0_u16..70, 1_u16..70, 0_usize..4, basis, prop::option::of(Just(100_000))).prop_map(
            |(continuous, allowed_gap_days, evidence_valid_days, level, start_basis, monthly_wage_floor_fen)| {
                let by_level = allowed_gap_days % 3 == 0;
                let short = LevelValidity { level: EvidenceLevel::E2, days: evidence_valid_days.div_ceil(2) };
                let income = IncomeFloor { total_fen: 150_000, window: IncomeWindow::CalendarYear };
                RetentionRule {
                    evidence_valid_days_by_level: by_level.then_some(short).into_iter().collect(),
                    income_floor: (allowed_gap_days % 5 == 0).then_some(income),
                    continuity: if continuous { Continuity::Continuous } else { Continuity::Cumulative },
                    allowed_gap_days,
                    evidence_valid_days,
                    minimum_evidence: EvidenceLevel::ALL[level],
                    start_basis,
                    monthly_wage_floor_fen,
                    ..rule()
                }
            },
        )
    }

    fn some_node() -> impl Strategy<Value = RetentionNode> {
        prop::sample::select(vec![RetentionNode::days(20), RetentionNode::days(60), RetentionNode::months(3)])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn one_more_supporting_observation_never_undoes_retained(
            worker in some_worker(), rule in some_rule(), node in some_node(), more in some_observation(), today in some_day()
        ) {
            for scope in EmployerScope::ALL.iter().copied() {
                if worker.check(&rule, node, scope, today).state == NodeState::Retained {
                    let mut supported = worker.clone();
                    supported.observations.push(Observation { in_post: true, ..more });
                    prop_assert_eq!(supported.check(&rule, node, scope, today).state, NodeState::Retained);
                }
            }
        }

        #[test]
        fn time_alone_never_undoes_retained(
            worker in some_worker(), rule in some_rule(), node in some_node(), today in some_day(), later in 0_i64..200
        ) {
            for scope in EmployerScope::ALL.iter().copied() {
                if worker.check(&rule, node, scope, today).state == NodeState::Retained {
                    let verdict = worker.check(&rule, node, scope, days_after(today, later));
                    prop_assert_eq!(verdict.state, NodeState::Retained);
                }
            }
        }

        #[test]
        fn retained_by_employer_is_retained_by_region_and_by_any(
            worker in some_worker(), rule in some_rule(), node in some_node(), today in some_day()
        ) {
            let retained: Vec<bool> = EmployerScope::ALL
                .iter()
                .copied()
                .map(|scope| worker.check(&rule, node, scope, today).state == NodeState::Retained)
                .collect();
            prop_assert!(retained.is_sorted(), "{:?}", retained);
        }

        #[test]
        fn the_order_in_which_facts_are_read_does_not_matter(
            worker in some_worker(), rule in some_rule(), node in some_node(), today in some_day()
        ) {
            let mut turned = worker.clone();
            turned.spells.reverse();
            turned.observations.reverse();
            for scope in EmployerScope::ALL.iter().copied() {
                prop_assert_eq!(worker.check(&rule, node, scope, today), turned.check(&rule, node, scope, today));
            }
        }
    }
}
