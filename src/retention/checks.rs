//! Verdicts that the facts decide are stored; everything else stays pending and is told by the clock.
//!
//! A placement is judged by the rule that was in effect on the day it was onboarded: an amendment changes what is asked of those
//! who come after it, never of those who are there. Rows are made when the worker is onboarded (`dispatches::checks`), one per
//! node; here they are decided, and decided anew whenever a fact comes in, so that a correction may turn one back.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use diesel::RunQueryDsl;
use diesel::sql_types::{Nullable, Text};

use super::history::History;
use super::store;
use super::verdict::{DecidedBy, NodeResult, NodeState};
use crate::agreements::rule_terms::{EvidenceLevel, RetentionNode, RetentionRule, StartBasis};
use crate::agreements::{self, Terms};
use crate::db::{Day, DbConnection, Id, Instant, RowSet, Uid, statement};
use crate::dispatches::{self, tally};
use crate::error::{Code, Error, Result};

/// The rules of an agreement, one for each version that both sides ratified.
#[derive(Debug, Clone)]
pub struct RuleBook(Vec<(Day, Arc<Terms>)>);

impl RuleBook {
    /// Reads the versions of an agreement.
    ///
    /// # Errors
    /// [`Code::AgreementNotInForce`] while none is ratified.
    pub fn read(connection: &mut DbConnection, agreement_id: Id) -> Result<Self> {
        Self::as_known(connection, agreement_id, Instant::from_micros(i64::MAX))
    }

    /// Reads the versions that had been ratified before an instant.
    ///
    /// # Errors
    /// [`Code::AgreementNotInForce`] while none was.
    pub fn as_known(connection: &mut DbConnection, agreement_id: Id, known_before: Instant) -> Result<Self> {
        let ratified = agreements::store::ratified_before(connection, agreement_id, known_before)?;
        let terms = ratified
            .first_days()
            .into_iter()
            .map(|day| Ok((day, ratified.terms_on(connection, day)?)))
            .collect::<Result<Vec<_>>>()?;
        if terms.is_empty() { Err(Error::new(Code::AgreementNotInForce)) } else { Ok(Self(terms)) }
    }

    /// Terms as if they had held from the beginning: what an amendment would have meant for the past.
    #[must_use]
    pub fn of_one(terms: Terms) -> Self {
        Self(vec![(Day(jiff::civil::Date::MIN), Arc::new(terms))])
    }

    /// The rule in effect on a day; before the first day of the agreement, the one it begins with.
    #[must_use]
    pub fn rule_on(&self, day: Day) -> Option<&RetentionRule> {
        self.terms_on(day).map(|terms| &terms.retention)
    }

    /// The terms of each version with its first day, in order; there is at least one.
    pub fn versions(&self) -> impl Iterator<Item = (Day, &Terms)> {
        self.0.iter().map(|(first, terms)| (*first, terms.as_ref()))
    }

    /// The terms in effect on a day; before the first day of the agreement, those it begins with.
    #[must_use]
    pub fn terms_on(&self, day: Day) -> Option<&Terms> {
        let version = self.0.iter().rfind(|(first, _)| *first <= day).or_else(|| self.0.first());
        version.map(|(_, terms)| terms.as_ref())
    }

    /// Every rule.
    pub fn rules(&self) -> impl Iterator<Item = &RetentionRule> {
        self.0.iter().map(|(_, terms)| &terms.retention)
    }
}

/// Why a check is pending: nothing is known that would decide it.
const SCHEDULED: &str = "scheduled";
/// Why a check is pending: who is known to have left already is only counted as left on the due day. [`come_due`] finds these then.
const AWAITS_DUE_DAY: &str = "awaits_due_day";

/// A stored check.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stored {
    due_on: Day,
    state: String,
    evidence: Option<EvidenceLevel>,
    decided_by: Option<Id>,
    reason: String,
}

impl Stored {
    /// What is to be stored for a verdict; where the start of the clock is not known the due day stays.
    fn of(verdict: NodeResult, due_on: Day) -> Self {
        let due_on = verdict.due_on.map_or(due_on, Day);
        if matches!(verdict.state, NodeState::Retained | NodeState::Left) {
            return Self {
                due_on,
                state: verdict.state.as_str().to_owned(),
                evidence: verdict.evidence,
                decided_by: verdict.decided_by.map(fact_id),
                reason: verdict.reason.as_str().to_owned(),
            };
        }
        Self { due_on, state: "pending".to_owned(), evidence: None, decided_by: None, reason: SCHEDULED.to_owned() }
    }
}

/// What would be said of a node on its due day if nothing more came in.
fn verdict_when_due(history: &History, rule: &RetentionRule, node: RetentionNode, due_on: Day) -> Option<NodeState> {
    let verdicts = history.judge(rule, &[(node, rule.employer_scope)], due_on)?;
    verdicts.first().map(|verdict| verdict.state)
}

fn fact_id(decided_by: DecidedBy) -> Id {
    let (DecidedBy::Observation(id) | DecidedBy::Exit(id) | DecidedBy::Spell(id)) = decided_by;
    Id(id)
}

/// Judges placements anew that have been found to have arrived, or found again after a denial: somebody may have been seen in post
/// already, and a rule that counts from the listing day of the group has another due day than the arrival alone gives.
///
/// # Errors
/// What the database says.
pub fn judge_corrected(connection: &mut DbConnection, agreement_id: Id, placements: &[Id], today: Day) -> Result<()> {
    let listing = |rule: &RetentionRule| rule.start_basis == StartBasis::GroupListingDay;
    let by_listing = RuleBook::read(connection, agreement_id)?.rules().any(listing);
    let concerned =
        if by_listing { placements.to_vec() } else { store::with_facts(connection, agreement_id, placements)? };
    if concerned.is_empty() {
        return Ok(());
    }
    let workers: Vec<(Id, Id)> = dispatches::store::placements_of(connection, agreement_id, &concerned)?
        .iter()
        .map(|row| (row.origin_id, row.worker_id))
        .collect();
    tally::around(connection, agreement_id, &workers, |connection| {
        decide_anew(connection, agreement_id, &concerned, today)
    })
}

/// Placements whose due day has come and who are known to have left before it: the day alone decides them, and nobody tells. A few
/// thousand at most; ask again after [`judge_corrected`].
///
/// # Errors
/// What the database says.
pub fn come_due(connection: &mut DbConnection, agreement_id: Id, today: Day) -> Result<Vec<Id>> {
    // In line, so that the index of these checks alone is used.
    let awaiting = format!(
        "select distinct placement_id from retention_check where agreement_id = ? and due_on <= ? and reason = '{AWAITS_DUE_DAY}' limit 2000"
    );
    Ok(statement(awaiting).bind(agreement_id).bind(today).returning::<Uid>().load(connection)?)
}

/// Judges placements anew from the facts in the database. Call it inside `dispatches::tally::around`.
///
/// # Errors
/// What the database says.
fn decide_anew(connection: &mut DbConnection, agreement_id: Id, placements: &[Id], today: Day) -> Result<()> {
    let histories = store::histories(connection, agreement_id, placements)?;
    let touched: Vec<&History> = histories.values().collect();
    decide(connection, agreement_id, &touched, today)
}

/// Judges placements by their rule and writes what is decided or no longer so. Call it inside `dispatches::tally::around`.
///
/// # Errors
/// What the database says.
pub fn decide(connection: &mut DbConnection, agreement_id: Id, histories: &[&History], today: Day) -> Result<()> {
    let rules = RuleBook::read(connection, agreement_id)?;
    let mut stored = stored_checks(connection, agreement_id, histories)?;
    let mut changed = Vec::new();
    for history in histories {
        let Some(rule) = history.placed.onboarded_on.and_then(|day| rules.rule_on(day)) else { continue };
        let questions: Vec<_> = rule.nodes.iter().map(|node| (*node, rule.employer_scope)).collect();
        let verdicts = history.judge(rule, &questions, today).unwrap_or_default();
        for (node, verdict) in rule.nodes.iter().zip(verdicts) {
            let code = node.code();
            let Some(known) = stored.remove(&(history.placed.id, code.clone())) else { continue };
            let is_ahead = verdict.state == NodeState::NotDue;
            let mut now = Stored::of(verdict, known.due_on);
            if is_ahead && verdict_when_due(history, rule, *node, now.due_on) == Some(NodeState::Left) {
                AWAITS_DUE_DAY.clone_into(&mut now.reason);
            }
            if now != known {
                changed.push((history.placed.id, code, now));
            }
        }
    }
    write(connection, agreement_id, &changed)
}

type CheckRow = (Id, String, Day, String, Option<EvidenceLevel>, Option<Id>, String);
type CheckTypes = (Uid, Text, Text, Text, Nullable<Text>, Nullable<Uid>, Text);

fn stored_checks(
    connection: &mut DbConnection,
    agreement_id: Id,
    histories: &[&History],
) -> Result<HashMap<(Id, String), Stored>> {
    let ids: BTreeSet<Id> = histories.iter().map(|history| history.placed.id).collect();
    let rows: Vec<CheckRow> = statement(
        "select k.placement_id, k.node, k.due_on, k.state, k.evidence, k.decided_by, k.reason \
         from ? r cross join retention_check k where k.agreement_id = r.agreement_id and k.placement_id = r.id",
    )
    .bind(RowSet::list("id", ids).shared("agreement_id", agreement_id))
    .returning::<CheckTypes>()
    .load(connection)?;
    let stored = |(placement, node, due_on, state, evidence, decided_by, reason): CheckRow| {
        ((placement, node), Stored { due_on, state, evidence, decided_by, reason })
    };
    Ok(rows.into_iter().map(stored).collect())
}

fn write(connection: &mut DbConnection, agreement_id: Id, changed: &[(Id, String, Stored)]) -> Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let rows = RowSet::of(changed)
        .shared("agreement_id", agreement_id)
        .column("placement_id", |(placement_id, ..)| *placement_id)
        .column("node", |(_, node, _)| node.as_str())
        .column("due_on", |(.., now)| now.due_on)
        .column("state", |(.., now)| now.state.as_str())
        .column("evidence", |(.., now)| now.evidence)
        .column("decided_by", |(.., now)| now.decided_by)
        .column("reason", |(.., now)| now.reason.as_str());
    statement(
        "update retention_check set due_on = r.due_on, state = r.state, evidence = r.evidence, decided_by = r.decided_by, reason = r.reason from ? r \
         where retention_check.agreement_id = r.agreement_id and retention_check.placement_id = r.placement_id and retention_check.node = r.node",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}
