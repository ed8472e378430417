//! The walk over the books of an agreement: two passes, in steps of bounded size, that put every row before a visitor.
//!
//! The first pass walks the placements in the order of their ids, merged with the claims in the same order; the second walks the
//! claims that name a person and finds those that nobody announced. A walk holds one stretch in memory, one counter for each quota, and the
//! ids of the placements of persons whom claims name.
//!
//! Each outcome is compared by the terms of its day, as arrivals decide it: an amendment changes nothing about those who had arrived.
//!
//! Deliberately absent: what is done with the rows. Runs and statements visit them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Bound;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::attribution::above_places;
use super::comparison::{Compared, Comparison, compare_loose};
use super::facts::AgreementWindows;
use super::persons::{Resolution, resolve};
use super::records::{Measure, Stretch};
use super::store::facts::Books;
use crate::agreements::Terms;
use crate::db::{DbConnection, Id};
use crate::error::{Error, Result};
use crate::retention::checks::RuleBook;

/// Where a walk goes on.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// First pass, behind this placement.
    Placements(Id),
    /// Second pass, behind this claim.
    Claims(Id),
    /// Both passes are done.
    Over,
}

/// A walk on its way.
#[derive(Debug)]
pub struct Walk {
    books: Books,
    /// What the rows are compared by.
    pub measure: Measure,
    entangled: Entangled,
    ranks: HashMap<Uuid, u32>,
    /// Where it goes on.
    pub step: Step,
}

/// Where more than a placement and the claims about it has to be looked at.
#[derive(Debug)]
struct Entangled {
    /// Whether any claim names a person instead of a placement.
    names_persons: bool,
    /// The placements of the persons named so.
    named: BTreeSet<Id>,
    many_origins: bool,
}

impl Entangled {
    fn read(connection: &mut DbConnection, books: &Books) -> Result<Self> {
        let names_persons = books.names_persons(connection)?;
        let named = if names_persons { books.placements_of_named(connection)? } else { Vec::new() };
        Ok(Self {
            names_persons,
            named: named.into_iter().collect(),
            many_origins: books.has_many_origins(connection)?,
        })
    }

    /// The persons of a stretch who have another placement, or are named by a claim.
    fn persons(&self, connection: &mut DbConnection, books: &Books, between: (Id, Id)) -> Result<Vec<Vec<u8>>> {
        let mut placements = books.repeated_between(connection, between, self.many_origins)?;
        placements.extend(self.named.range((Bound::Excluded(between.0), Bound::Included(between.1))));
        if placements.is_empty() {
            return Ok(Vec::new());
        }
        let mut keys: Vec<Vec<u8>> = books.persons_of(connection, &placements)?.into_values().flatten().collect();
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }
}

impl Walk {
    /// Stands before the first row, which is compared by these terms.
    ///
    /// # Errors
    /// What the database says.
    pub fn begin(connection: &mut DbConnection, books: Books, terms: &RuleBook) -> Result<Self> {
        let measure = Measure::read(connection, &books, terms)?;
        let entangled = Entangled::read(connection, &books)?;
        let crowded = measure.crowded(connection, &books)?;
        let ranks = ranks_above_places(connection, &books, &measure, &entangled, &crowded)?;
        Ok(Self { books, measure, entangled, ranks, step: Step::Placements(Id::NIL) })
    }

    /// Takes the next step and puts its rows before the visitor; gives `false` when there was none left.
    ///
    /// # Errors
    /// What the database or the visitor says.
    pub fn advance(
        &mut self,
        connection: &mut DbConnection,
        visit: impl FnMut(&Compared<'_>) -> Result<()>,
    ) -> Result<bool> {
        match self.step {
            Step::Placements(after) => self.announced(connection, after, visit)?,
            Step::Claims(after) => self.left_over(connection, after, visit)?,
            Step::Over => return Ok(false),
        }
        Ok(true)
    }

    /// Puts some placements before the visitor as the walk would, wherever it stands; what was not enrolled by then is left out.
    ///
    /// # Errors
    /// What the database or the visitor says.
    pub fn visit(
        &self,
        connection: &mut DbConnection,
        placements: &[Id],
        visit: impl FnMut(&Compared<'_>) -> Result<()>,
    ) -> Result<()> {
        let Self { books, measure, ranks, .. } = self;
        let persons: HashSet<Vec<u8>> = books.persons_of(connection, placements)?.into_values().flatten().collect();
        let gathering = books.gather(connection, &Vec::from_iter(persons))?;
        let (stretch, resolution) =
            (books.stretch_of(connection, &gathering, placements)?, resolve(&gathering, measure));
        Comparison { stretch: &stretch, resolution: &resolution, measure, ranks }.each(visit)
    }

    /// The rows of the next stretch of placements.
    fn announced(
        &mut self,
        connection: &mut DbConnection,
        after: Id,
        visit: impl FnMut(&Compared<'_>) -> Result<()>,
    ) -> Result<()> {
        let Some((stretch, resolution)) = load(connection, &self.books, &self.measure, &self.entangled, after)? else {
            self.step = if self.entangled.names_persons { Step::Claims(Id::NIL) } else { Step::Over };
            return Ok(());
        };
        self.step = Step::Placements(last_of(&stretch));
        let Self { measure, ranks, .. } = self;
        Comparison { stretch: &stretch, resolution: &resolution, measure, ranks }.each(visit)
    }

    /// The rows of the next claims that belong to no placement.
    fn left_over(
        &mut self,
        connection: &mut DbConnection,
        after: Id,
        mut visit: impl FnMut(&Compared<'_>) -> Result<()>,
    ) -> Result<()> {
        let Some((persons, last)) = self.books.named_persons(connection, after)? else {
            self.step = Step::Over;
            return Ok(());
        };
        self.step = Step::Claims(last);
        let gathering = self.books.gather(connection, &persons)?;
        let mut loose = resolve(&gathering, &self.measure).loose;
        // A person may be named in several steps; each row belongs to the step that its key lies in.
        loose.retain(|claims| claims.key > after.0 && claims.key <= last.0);
        loose.sort_unstable_by_key(|claims| claims.key);
        for claims in &loose {
            compare_loose(claims, &self.measure, &mut visit)?;
        }
        Ok(())
    }
}

/// The next stretch of placements, and what the facts of its persons come to.
fn load(
    connection: &mut DbConnection,
    books: &Books,
    measure: &Measure,
    entangled: &Entangled,
    after: Id,
) -> Result<Option<(Stretch, Resolution)>> {
    let stretch = books.stretch(connection, after)?;
    if stretch.placements.is_empty() {
        return Ok(None);
    }
    let persons = entangled.persons(connection, books, (after, last_of(&stretch)))?;
    let gathering = books.gather(connection, &persons)?;
    let resolution = resolve(&gathering, measure);
    Ok(Some((stretch, resolution)))
}

/// The arrivals above the places of their quota, by day and placement id. Whoever came and left again keeps the place taken. Where no
/// quota has more departures than places, nothing is read for it.
fn ranks_above_places(
    connection: &mut DbConnection,
    books: &Books,
    measure: &Measure,
    entangled: &Entangled,
    crowded: &HashSet<Uuid>,
) -> Result<HashMap<Uuid, u32>> {
    let mut arrivals: HashMap<Uuid, Vec<(jiff::civil::Date, Uuid)>> = HashMap::new();
    let mut after = Id::NIL;
    let none = HashMap::new();
    while !crowded.is_empty() {
        let Some((stretch, resolution)) = load(connection, books, measure, entangled, after)? else { break };
        after = last_of(&stretch);
        let comparison = Comparison { stretch: &stretch, resolution: &resolution, measure, ranks: &none };
        comparison.each(|row| {
            let (Some(placement), Some(day)) = (row.placement, row.classification.arrived_on) else { return Ok(()) };
            if crowded.contains(&placement.quota_id) {
                arrivals.entry(placement.quota_id).or_default().push((day, placement.id));
            }
            Ok::<(), Error>(())
        })?;
    }
    Ok(arrivals.into_iter().flat_map(|(quota, arrivals)| above_places(arrivals, measure.places(&quota))).collect())
}

fn last_of(stretch: &Stretch) -> Id {
    stretch.placements.last().map_or(Id::NIL, |last| Id(last.id))
}

impl Measure {
    /// What the books of an agreement are compared by.
    ///
    /// # Errors
    /// What the database says.
    pub fn read(connection: &mut DbConnection, books: &Books, terms: &RuleBook) -> Result<Self> {
        let mut versions = terms.versions().map(|(first, terms)| (first.0, windows(terms)));
        let (_, first) = versions.next().ok_or_else(|| Error::internal("an agreement in force without terms"))?;
        Ok(Self {
            cut_off: books.cut_off.0,
            windows: first,
            later_windows: versions.collect(),
            attributions: terms.versions().map(|(first, terms)| (first.0, terms.attribution)).collect(),
            quotas: books.quotas(connection)?,
        })
    }

    /// The quotas with more departures than places: only there can an arrival be above the places. Placements are counted only where
    /// the counters leave it open.
    ///
    /// # Errors
    /// What the database says.
    pub fn crowded(&self, connection: &mut DbConnection, books: &Books) -> Result<HashSet<Uuid>> {
        let above = |departed: HashMap<Uuid, i64>| -> HashSet<Uuid> {
            let above = departed.into_iter().filter(|(quota, departed)| *departed > i64::from(self.places(quota)));
            above.map(|(quota, _)| quota).collect()
        };
        if above(books.departed_at_most(connection)?).is_empty() {
            return Ok(HashSet::new());
        }
        Ok(above(books.departed_by_quota(connection)?))
    }

    fn places(&self, quota: &Uuid) -> u32 {
        self.quotas.get(quota).map_or(0, |quota| quota.approved_places)
    }
}

fn windows(terms: &Terms) -> AgreementWindows {
    let standard = AgreementWindows::of(&terms.arrival);
    let answer_days = u16::try_from(terms.deadlines.answer_days).unwrap_or(standard.answer_days);
    AgreementWindows { answer_days, ..standard }
}
