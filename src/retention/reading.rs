//! Reading retention: the verdicts of one placement with the facts behind them, and observations page by page.
//!
//! Verdicts are told as of a day, from the facts and the clock: a placement that nobody reported turns from "not due" to "cannot be
//! verified" with no write. Facts after that day are not read; facts recorded later about days before it are.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::checks::RuleBook;
use super::exits::ExitEntry;
use super::guarantee::{self, ReplacementDutyToday};
use super::history::History;
use super::records::{Observation, ObservationSource, ReporterRole, Spell};
use super::store;
use super::verdict::{DecidedBy, NodeResult, NodeState, RetentionReason};
use crate::agreements::rule_terms::{EmployerScope, EvidenceLevel, RetentionNode, RetentionRule};
use crate::db::schema::{employment_spell, observation, placement};
use crate::db::{Day, DbConnection, Id, Instant, PageRequest};
use crate::dispatches::outcomes;
use crate::error::{Code, Error, Fault, Result};
use crate::http::query::AnyOf;
use crate::identity::Scope;

/// Observations shown with a placement; the list of observations has them all.
const OBSERVATIONS_SHOWN: usize = 200;
/// What a list of observations may be narrowed to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ObservationFilter {
    /// Only observations of this placement.
    pub placement_id: Option<Id>,
    /// Only observations from one of these sources.
    #[param(inline)]
    pub source: Option<AnyOf<ObservationSource>>,
    /// Only observations that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// As of which day.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AsOf {
    /// The day; left out: today.
    pub as_of: Option<Day>,
}

/// The verdict at one node, for one reading of "whose post counts".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CheckView {
    /// The node's code.
    #[schema(max_length = 5, example = "90d")]
    pub node: String,
    /// Whose post counts.
    pub scope: EmployerScope,
    /// Whether this is the scope that the agreement's figures count.
    pub counts: bool,
    /// The verdict.
    pub state: NodeState,
    /// The day the node falls due; null while the start of the clock is not known.
    pub due_on: Option<Day>,
    /// Why.
    pub reason: RetentionReason,
    /// How strong the deciding observation is.
    pub evidence: Option<EvidenceLevel>,
    /// The fact that decided, or came nearest.
    pub decided_by: Option<DecidedBy>,
    /// State, reason and remedy in English.
    #[schema(max_length = 500)]
    pub text_en: String,
    /// State, reason and remedy in Chinese.
    #[schema(max_length = 500)]
    pub text_zh: String,
}

impl CheckView {
    fn of(rule: &RetentionRule, (node, scope): (RetentionNode, EmployerScope), verdict: NodeResult) -> Self {
        let (state, why) = (verdict.state.label(), verdict.reason.text());
        Self {
            node: node.code(),
            scope,
            counts: scope == rule.employer_scope,
            state: verdict.state,
            due_on: verdict.due_on.map(Day),
            reason: verdict.reason,
            evidence: verdict.evidence,
            decided_by: verdict.decided_by,
            text_en: format!("{}: {}", state.en, why.en),
            text_zh: format!("{}：{}", state.zh, why.zh),
        }
    }
}

/// A spell as the books read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SpellView {
    /// The spell.
    #[serde(flatten)]
    pub spell: Spell,
    /// Known from the arrival alone; `reported_by` is the nil id then.
    pub from_arrival: bool,
    /// Back at the same workplace within the allowed days: one spell with the one before (返岗).
    pub same_as_previous: bool,
}

/// Retention of one placement.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlacementRetention {
    /// The placement.
    pub placement_id: Id,
    /// As of which day.
    pub as_of: Day,
    /// First day in post; null before the arrival is confirmed.
    pub onboarded_on: Option<Day>,
    /// Last day in post, once it has ended.
    pub ended_on: Option<Day>,
    /// The rule, as ratified; null before the arrival is confirmed.
    #[schema(max_length = 64, example = "stay_3m_continuous")]
    pub rule_id: Option<String>,
    /// Every node by every scope.
    #[schema(max_items = 3000)]
    pub checks: Vec<CheckView>,
    /// Where the worker was employed, oldest first.
    #[schema(max_items = 1000)]
    pub spells: Vec<SpellView>,
    /// Every report, correction and withdrawal of an exit, in the order they were recorded.
    #[schema(max_items = 1000)]
    pub exits: Vec<ExitEntry>,
    /// The quota whose place the worker takes; after a transfer that of the new employer, null where none is taken.
    pub place_quota_id: Option<Id>,
    /// The replacement owed for this worker's exit, if one is or was.
    pub replacement_duty: Option<ReplacementDutyToday>,
    /// The latest observations, newest first; the list of observations has them all.
    #[schema(max_items = 200)]
    pub observations: Vec<Observation>,
}

/// The day asked for, or today; the future is not told.
///
/// # Errors
/// [`Code::ParameterInvalid`].
pub fn day_asked(as_of: Option<Day>, today: Day) -> Result<Day> {
    match as_of {
        Some(day) if day > today => Err(Error::new(Code::ParameterInvalid).fault(Fault::query(
            "as_of",
            "day_in_future",
            "must not lie in the future",
            "不得晚于今日",
        ))),
        asked => Ok(asked.unwrap_or(today)),
    }
}

/// Retention of one placement as of a day, for whoever may report about it; an origin's roster is hidden until it has left.
///
/// # Errors
/// [`Code::NotFound`].
pub fn placement_retention(
    connection: &mut DbConnection,
    scope: &Scope,
    agreement_id: Id,
    placement_id: Id,
    as_of: Day,
) -> Result<PlacementRetention> {
    let reader = store::reporter(connection, scope, agreement_id)?;
    let history = store::histories(connection, agreement_id, &[placement_id])?.remove(&placement_id);
    let party = reader.role != ReporterRole::Employer;
    let history = history
        .filter(|history| party || history.concerns(reader))
        .ok_or_else(|| Error::not_found("placement", "安置记录"))?;
    let rules = RuleBook::read(connection, agreement_id)?;
    let rule = history.placed.onboarded_on.and_then(|day| rules.rule_on(day));
    let ids = [placement_id];
    let exits = store::exits::of(connection, agreement_id, &ids)?;
    let duty = guarantee::store::of(connection, agreement_id, &ids)?.remove(&placement_id);
    let place_quota_id = outcomes::quotas_taken(connection, agreement_id, &ids)?.remove(&placement_id);
    let replacement_duty =
        duty.filter(|duty| duty.opened_at.day() <= as_of).map(|duty| ReplacementDutyToday::of(duty, as_of));
    Ok(PlacementRetention { exits, place_quota_id, replacement_duty, ..view(history, rule, as_of) })
}

fn view(history: History, rule: Option<&RetentionRule>, as_of: Day) -> PlacementRetention {
    let checks = rule.map(|rule| {
        let questions = questions(rule);
        let verdicts = history.judge(rule, &questions, as_of).unwrap_or_default();
        questions.into_iter().zip(verdicts).map(|(question, verdict)| CheckView::of(rule, question, verdict)).collect()
    });
    let spells = rule.map(|rule| spell_views(&history, i64::from(rule.allowed_gap_days)));
    let placed = history.placed;
    let mut observations = history.observations;
    observations.reverse();
    observations.truncate(OBSERVATIONS_SHOWN);
    PlacementRetention {
        placement_id: placed.id,
        as_of,
        onboarded_on: placed.onboarded_on,
        ended_on: placed.ended.map(|ended| ended.on),
        rule_id: rule.map(|rule| rule.rule_id.clone()),
        checks: checks.unwrap_or_default(),
        spells: spells.unwrap_or_default(),
        exits: Vec::new(),
        place_quota_id: None,
        replacement_duty: None,
        observations,
    }
}

/// Every node by every scope, narrowest first.
pub(super) fn questions(rule: &RetentionRule) -> Vec<(RetentionNode, EmployerScope)> {
    rule.nodes.iter().flat_map(|node| EmployerScope::ALL.iter().map(|scope| (*node, *scope))).collect()
}

fn spell_views(history: &History, allowed_gap_days: i64) -> Vec<SpellView> {
    let Some(book) = history.book() else { return Vec::new() };
    let mut views: Vec<SpellView> = Vec::new();
    for (spell, from_arrival) in book.spells() {
        let same_as_previous = views.last().is_some_and(|previous| {
            let same_place =
                previous.spell.employer_id == spell.employer_id && previous.spell.region_code == spell.region_code;
            let near = |ended: Day| spell.started_on.days_since(ended) - 1 <= allowed_gap_days;
            same_place && previous.spell.ended_on.is_some_and(near)
        });
        views.push(SpellView { spell: spell.clone(), from_arrival, same_as_previous });
    }
    views
}

/// A page of observations: every party of the agreement sees all, an employer those about its workers and its own.
///
/// # Errors
/// [`Code::NotFound`].
pub fn observations(
    connection: &mut DbConnection,
    scope: &Scope,
    agreement_id: Id,
    filter: &ObservationFilter,
    page: &PageRequest,
) -> Result<Vec<Observation>> {
    let reader = store::reporter(connection, scope, agreement_id)?;
    let mut query = observation::table
        .filter(observation::agreement_id.eq(agreement_id))
        .select(Observation::as_select())
        .into_boxed();
    if reader.role == ReporterRole::Employer {
        let party = reader.party_id;
        let own = placement::table
            .filter(placement::agreement_id.eq(agreement_id))
            .filter(placement::employer_id.eq(party).or(placement::real_employer_id.eq(party)))
            .select(placement::id);
        let taken_over = employment_spell::table
            .filter(employment_spell::agreement_id.eq(agreement_id))
            .filter(employment_spell::employer_id.eq(party))
            .select(employment_spell::placement_id);
        query = query.filter(observation::placement_id.eq_any(own).or(observation::placement_id.eq_any(taken_over)));
    }
    if let Some(placement) = filter.placement_id {
        query = query.filter(observation::placement_id.eq(placement));
    }
    if let Some(sources) = &filter.source {
        query = query.filter(observation::source.eq_any(sources.values()));
    }
    // An observation never changes.
    if let Some(since) = filter.updated_since {
        query = query.filter(observation::recorded_at.ge(since));
    }
    Ok(page.narrow(query, observation::id).load(connection)?)
}
