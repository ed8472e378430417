//! Reading indicators: the facts of agreements as of a day and as they were known, and what they come to.

use std::collections::{BTreeMap, BTreeSet};

use super::claims::{Ledger, PlacementFact, Question};
use super::definitions::{IndicatorDefinition, computed_on};
use super::rows::RowsAsked;
use super::{
    AgreementIndicators, AgreementRef, FigureSide, IndicatorFigure, IndicatorRow, PartyIndicators, figures, rows, store,
};
use crate::agreements;
use crate::agreements::rule_terms::{AttributionRule, SplitCredit};
use crate::db::{Day, DbConnection, Id, Instant, PageRequest};
use crate::error::{Code, Error, Fault, Result};
use crate::identity::Scope;
use crate::retention::checks::RuleBook;
use crate::seal::{BlindIndex, KeyRing};
use crate::statements::row_book::{BookRow, Reading, RowBook};

/// As of when, and as known when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The day at whose end figures are told.
    pub as_of: Day,
    /// Facts recorded before this instant count.
    pub known_before: Instant,
}

impl Moment {
    /// The moment asked for: today as it is known now, or a past day as it was known at its end.
    ///
    /// # Errors
    /// [`Code::ParameterInvalid`] for what lies in the future.
    pub fn asked(as_of: Option<Day>, known_before: Option<Instant>, now: Instant) -> Result<Self> {
        let as_of = crate::retention::reading::day_asked(as_of, now.day())?;
        let latest = now.just_after();
        let end_of_day = as_of.plus_days(1).start();
        let known_before = known_before.unwrap_or_else(|| end_of_day.min(latest));
        if known_before > latest {
            let (en, zh) = ("must not lie in the future", "不得晚于当前时间");
            let fault = Fault::query("known_before", "instant_in_future", en, zh);
            return Err(Error::new(Code::ParameterInvalid).fault(fault));
        }
        Ok(Self { as_of, known_before })
    }

    fn query(self) -> String {
        format!("as_of={}&known_before={}", self.as_of, self.known_before)
    }
}

/// Over which agreements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// One.
    Agreement(Id),
    /// All those a party takes part in.
    Party(Id),
}

impl Over {
    fn path(self) -> String {
        match self {
            Self::Agreement(id) => format!("/v1/agreements/{id}/indicators"),
            Self::Party(id) => format!("/v1/parties/{id}/indicators"),
        }
    }

    /// The agreements, for a caller who may see them.
    fn agreements(self, connection: &mut DbConnection, scope: &Scope, known_before: Instant) -> Result<Vec<Id>> {
        match self {
            Self::Agreement(id) => {
                agreements::store::role(connection, scope, id)?;
                Ok(vec![id])
            }
            Self::Party(id) => store::agreements_of(connection, scope, id, known_before),
        }
    }
}

/// What a reading needs besides the database.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// For whom.
    pub scope: &'a Scope,
    /// Over which agreements.
    pub over: Over,
    /// When.
    pub moment: Moment,
    /// Keys, for the lookup ids of clashes.
    pub keys: &'a KeyRing,
}

/// Agreements with their terms and everything that is counted in them.
struct Gathered {
    agreements: Vec<Id>,
    terms: Vec<RuleBook>,
    ledger: Ledger,
}

impl Asked<'_> {
    /// The indicators of an agreement.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::AgreementNotInForce`].
    pub fn of_agreement(&self, connection: &mut DbConnection, agreement_id: Id) -> Result<AgreementIndicators> {
        let gathered = self.gather(connection)?;
        let Moment { as_of, known_before } = self.moment;
        Ok(AgreementIndicators { agreement_id, as_of, known_before, figures: self.figures(&gathered) })
    }

    /// The indicators of a party over all its agreements.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub fn of_party(&self, connection: &mut DbConnection, party_id: Id) -> Result<PartyIndicators> {
        let gathered = self.gather(connection)?;
        let Moment { as_of, known_before } = self.moment;
        let reference = |agreement_id: &Id| AgreementRef {
            agreement_id: *agreement_id,
            indicators: format!("{}?{}", Over::Agreement(*agreement_id).path(), self.moment.query()),
        };
        let agreements = gathered.agreements.iter().map(reference).collect();
        Ok(PartyIndicators { party_id, as_of, known_before, agreements, figures: self.figures(&gathered) })
    }

    /// A page of the rows behind a number of an indicator.
    ///
    /// # Errors
    /// [`Code::NotFound`], also for an indicator that is not computed; [`Code::ParameterInvalid`], [`Code::AgreementNotInForce`].
    pub fn rows(
        &self,
        connection: &mut DbConnection,
        code: &str,
        asked: &RowsAsked,
        page: &PageRequest,
    ) -> Result<Vec<IndicatorRow>> {
        let known_before = self.moment.known_before;
        self.over.agreements(connection, self.scope, known_before)?;
        let definition = computed_on(self.moment.as_of).into_iter().find(|definition| definition.code == code);
        let definition = definition.ok_or_else(|| Error::not_found("computed indicator", "可计算的指标"))?;
        asked.check(definition)?;
        let gathered = self.gather(connection)?;
        let lookup = |person: Id, period: &str| lookup_id(self.keys, person, period);
        let question = Question { definition, as_of: self.moment.as_of, lookup: &lookup };
        Ok(rows::page(&question, &gathered.ledger, asked, page))
    }

    fn figures(&self, gathered: &Gathered) -> Vec<IndicatorFigure> {
        let lookup = |person: Id, period: &str| lookup_id(self.keys, person, period);
        let of = |definition: &'static IndicatorDefinition| {
            let question = Question { definition, as_of: self.moment.as_of, lookup: &lookup };
            let terms = gathered.terms.iter().flat_map(RuleBook::versions).map(|(_, terms)| terms);
            let address = |side: FigureSide, part: Option<&str>| {
                let part = part.map(|part| format!("&part={part}")).unwrap_or_default();
                let (path, when) = (self.over.path(), self.moment.query());
                format!("{path}/{}/rows?{when}&side={side}{part}", definition.code)
            };
            figures::of(&question, &gathered.ledger, terms, address)
        };
        computed_on(self.moment.as_of).into_iter().flat_map(of).collect()
    }

    fn gather(&self, connection: &mut DbConnection) -> Result<Gathered> {
        let known_before = self.moment.known_before;
        let agreements = self.over.agreements(connection, self.scope, known_before)?;
        let (mut terms, mut ledger) = (Vec::new(), Ledger::default());
        let mut rivals: BTreeMap<Id, BTreeSet<Id>> = BTreeMap::new();
        for agreement_id in &agreements {
            let book = RuleBook::as_known(connection, *agreement_id, known_before)?;
            ledger.own.extend(self.facts(connection, *agreement_id, &book)?);
            terms.push(book);
            for (other, placements) in store::rivals(connection, *agreement_id, known_before)? {
                rivals.entry(other).or_default().extend(placements);
            }
        }
        for (other, placements) in rivals.into_iter().filter(|(other, _)| !agreements.contains(other)) {
            for fact in self.facts_of(connection, other, &placements)? {
                ledger.others.entry(fact.person_id).or_default().push(fact);
            }
        }
        Ok(Gathered { agreements, terms, ledger })
    }

    /// Every placement of an agreement.
    fn facts(&self, connection: &mut DbConnection, agreement_id: Id, terms: &RuleBook) -> Result<Vec<PlacementFact>> {
        let marked = self.marked(connection, agreement_id, terms)?;
        let mut book = RowBook::open(connection, self.reading(agreement_id, terms))?;
        let mut facts = Vec::new();
        while let Some(rows) = book.next(connection)? {
            facts.extend(rows.into_iter().filter_map(|row| marked.fact(row)));
        }
        Ok(facts)
    }

    /// Some placements of an agreement that is not read.
    fn facts_of(
        &self,
        connection: &mut DbConnection,
        agreement_id: Id,
        placements: &BTreeSet<Id>,
    ) -> Result<Vec<PlacementFact>> {
        let terms = RuleBook::as_known(connection, agreement_id, self.moment.known_before)?;
        let marked = self.marked(connection, agreement_id, &terms)?;
        let book = RowBook::open(connection, self.reading(agreement_id, &terms))?;
        let rows = book.rows_of(connection, &Vec::from_iter(placements.iter().copied()))?;
        Ok(rows.into_iter().filter_map(|row| marked.fact(row)).collect())
    }

    fn reading<'t>(&self, agreement_id: Id, terms: &'t RuleBook) -> Reading<'t> {
        let Moment { as_of, known_before } = self.moment;
        let since = Day(as_of.0.first_of_year());
        // Told in retrospect even of today: what is read now and what is read of now later are then made in one way.
        Reading { agreement_id, since, cut_off: as_of, known_before, in_retrospect: true, terms }
    }

    fn marked(&self, connection: &mut DbConnection, agreement_id: Id, terms: &RuleBook) -> Result<Marked> {
        let kind = store::kind(connection, agreement_id)?;
        let terms = terms.terms_on(self.moment.as_of).ok_or_else(|| Error::new(Code::AgreementNotInForce))?;
        Ok(Marked { agreement_id, kind, rule: terms.attribution, split: terms.split_credit })
    }
}

/// What all facts of an agreement have in common.
struct Marked {
    agreement_id: Id,
    kind: agreements::AgreementKind,
    rule: AttributionRule,
    split: SplitCredit,
}

impl Marked {
    /// A row as a fact; none where nobody announced the person, because such a row counts in no figure.
    fn fact(&self, row: BookRow) -> Option<PlacementFact> {
        let BookRow { content, placed, went_home_on, back_on } = row;
        let placed = placed?;
        Some(PlacementFact {
            agreement_id: self.agreement_id,
            kind: self.kind,
            rule: self.rule,
            split: self.split,
            placement_id: content.placement_id?,
            origin_id: placed.origin_id,
            worker_id: placed.worker_id,
            person_id: placed.person_id,
            lifted: content.lifted,
            scope: content.scope?,
            standing: content.standing,
            departed_on: content.departed_on,
            arrived_on: content.arrived_on,
            ended_on: content.ended_on,
            went_home_on,
            back_on,
            nodes: content.nodes,
        })
    }
}

/// What both sides of a clash call it. It is keyed, so that nobody can try out who it may be, and says another thing in each indicator and
/// period, so that clashes cannot be put together to one person.
fn lookup_id(keys: &KeyRing, person_id: Id, indicator_and_period: &str) -> String {
    // The nil id is no party's: this index is the exchange's own.
    let domain = BlindIndex::tenant(Id::NIL.0);
    let tag = keys.blind_index(domain, "credit_clash", &format!("{person_id}/{indicator_and_period}"));
    hex::encode(tag.first_chunk::<12>().unwrap_or(&[0; 12]))
}
