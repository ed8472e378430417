//! Comparing again what was touched: some persons with everything about them, and some placements whose person was erased.
//!
//! What comes out for a person depends on the facts of that person alone (see [`super::persons`]), so a row that is examined here comes to
//! what a walk over all rows comes to.

use std::collections::{BTreeSet, HashMap};

use super::comparison::{Compared, Comparison, compare_loose};
use super::persons::resolve;
use super::records::Measure;
use super::store::facts::Books;
use super::store::touched::Touched;
use crate::db::{DbConnection, Id};
use crate::error::{Error, Result};

/// Persons, or placements, examined at a time.
const AT_ONCE: usize = 500;

/// An examination on its way.
#[derive(Debug)]
pub struct Examination<'m> {
    books: Books,
    measure: &'m Measure,
    persons: BTreeSet<Vec<u8>>,
    /// Placements without a person.
    alone: BTreeSet<Id>,
}

impl<'m> Examination<'m> {
    /// Takes up what was touched.
    ///
    /// # Errors
    /// What the database says.
    pub fn begin(connection: &mut DbConnection, books: Books, measure: &'m Measure, touched: Touched) -> Result<Self> {
        let mut examination = Self { books, measure, persons: touched.persons, alone: BTreeSet::new() };
        examination.take_up_placements(connection, touched.placements)?;
        if !examination.alone.is_empty() {
            examination.take_up_named(connection)?;
        }
        Ok(examination)
    }

    /// Takes up every person whom a claim names: the claims about somebody who was erased belong to nobody's placement now, and which they
    /// are is not known any more.
    fn take_up_named(&mut self, connection: &mut DbConnection) -> Result<()> {
        let mut after = Id::NIL;
        while let Some((persons, last)) = self.books.named_persons(connection, after)? {
            self.persons.extend(persons);
            after = last;
        }
        Ok(())
    }

    /// Takes up what rows are about: a placement, or a claim that names a person.
    ///
    /// # Errors
    /// What the database says.
    pub fn take_up(&mut self, connection: &mut DbConnection, rows: &[(Option<Id>, Option<Id>)]) -> Result<()> {
        self.take_up_placements(connection, rows.iter().filter_map(|(placement, _)| *placement).collect())?;
        let claims: Vec<Id> = rows.iter().filter_map(|(_, claim)| *claim).collect();
        for claims in claims.chunks(AT_ONCE) {
            self.persons.extend(self.books.persons_named_in(connection, claims)?);
        }
        Ok(())
    }

    fn take_up_placements(&mut self, connection: &mut DbConnection, placements: BTreeSet<Id>) -> Result<()> {
        let placements: Vec<Id> = placements.into_iter().collect();
        for placements in placements.chunks(AT_ONCE) {
            for (placement, person) in self.books.persons_of(connection, placements)? {
                match person {
                    Some(person) => self.persons.insert(person),
                    None => self.alone.insert(placement),
                };
            }
        }
        Ok(())
    }

    /// Examines the next part: what was found, and everything it may have been found about; none at the end.
    ///
    /// # Errors
    /// What the database says.
    pub fn advance<F>(
        &mut self,
        connection: &mut DbConnection,
        find: impl Fn(&Compared<'_>) -> F,
    ) -> Result<Option<(Vec<F>, Vec<Id>)>> {
        let persons: Vec<Vec<u8>> = std::iter::from_fn(|| self.persons.pop_first()).take(AT_ONCE).collect();
        let alone = if persons.is_empty() { AT_ONCE } else { 0 };
        let mut placements: Vec<Id> = std::iter::from_fn(|| self.alone.pop_first()).take(alone).collect();
        if persons.is_empty() && placements.is_empty() {
            return Ok(None);
        }
        let gathering = self.books.gather(connection, &persons)?;
        placements.extend(gathering.placements.iter().map(|row| Id(row.placement.id)));
        let stretch = self.books.stretch_of(connection, &gathering, &placements)?;
        let resolution = resolve(&gathering, self.measure);
        let mut found = Vec::new();
        let mut keep = |row: &Compared<'_>| {
            found.push(find(row));
            Ok::<(), Error>(())
        };
        let ranks = HashMap::new();
        Comparison { stretch: &stretch, resolution: &resolution, measure: self.measure, ranks: &ranks }
            .each(&mut keep)?;
        for claims in &resolution.loose {
            compare_loose(claims, self.measure, &mut keep)?;
        }
        let mut subjects = placements;
        subjects.extend(self.books.claims_naming_any(connection, &persons)?);
        Ok(Some((found, subjects)))
    }
}
