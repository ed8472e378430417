//! Rows carried out: those that could be read by the command, the others answered with their faults, all in their own order.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection;

use super::parsing::Parsed;
use super::{RowCommand, RowsMode};
use crate::app::State;
use crate::db::DbConnection;
use crate::error::{Error, Fault, Language, Place, Result};
use crate::events::Actor;
use crate::http::receipt::{Receipt, Receipts};

/// Where each row of a call stands: the ones the command is given, and the ones that were refused before.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// The place in the call of each row the command is given.
    given: Vec<usize>,
    /// Faults by place.
    refused: BTreeMap<usize, Vec<Fault>>,
    /// Lines of the file by place; none for JSON.
    lines: Vec<usize>,
    /// The place of the first row: not 0 where the call is a part of a file.
    first: usize,
}

impl Rows {
    /// Rows of a file, from this place on, with the line each begins in.
    #[must_use]
    pub const fn of_file(first: usize, lines: Vec<usize>) -> Self {
        Self { given: Vec::new(), refused: BTreeMap::new(), lines, first }
    }

    /// So many rows that could all be read.
    #[must_use]
    pub fn all(count: usize) -> Self {
        Self { given: (0..count).collect(), ..Self::default() }
    }

    /// Takes what was read: gives the rows for the command and keeps the rest. A row refused before stays so.
    pub fn take<R>(&mut self, parsed: Vec<Parsed<R>>) -> Vec<R> {
        self.given.clear();
        let mut rows = Vec::with_capacity(parsed.len());
        for (place, parsed) in parsed.into_iter().enumerate().map(|(at, parsed)| (self.first + at, parsed)) {
            match parsed {
                _ if self.refused.contains_key(&place) => {}
                Ok(row) => {
                    self.given.push(place);
                    rows.push(row);
                }
                Err(faults) => drop(self.refused.insert(place, faults)),
            }
        }
        rows
    }

    /// Takes a refusal of the whole call for a refusal of the rows it names, so that the others can be tried without them.
    ///
    /// # Errors
    /// The refusal itself where it is not about rows of this call.
    pub fn refuse(&mut self, error: Error) -> Result<()> {
        let named: Option<Vec<(usize, Fault)>> = error.faults.iter().map(|fault| self.named(fault)).collect();
        match named {
            Some(named) if !named.is_empty() => {
                for (place, fault) in named {
                    self.refused.entry(place).or_default().push(fault);
                }
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// The place of the row a fault is about, and the fault with its pointer there.
    fn named(&self, fault: &Fault) -> Option<(usize, Fault)> {
        let Place::Body { pointer } = &fault.place else { return None };
        let rest = pointer.strip_prefix("#/rows/")?;
        let (number, field) = rest
            .split_once('/')
            .map_or((rest, ""), |(number, _)| (number, rest.strip_prefix(number).unwrap_or_default()));
        let place = *self.given.get(number.parse::<usize>().ok()?)?;
        let place_of = Place::Body { pointer: format!("#/rows/{place}{field}") };
        Some((place, Fault { place: place_of, ..fault.clone() }))
    }

    /// Every row's receipt in order: those of the command at their places, and those refused before.
    fn gather(&self, receipts: Receipts, language: Language) -> Receipts {
        let own = self.given.iter().zip(receipts.results).map(|(place, receipt)| (*place, receipt.at(*place)));
        let refused = self.refused.iter();
        let refused =
            refused.map(|(place, faults)| (*place, Receipt::unreadable(place.saturating_add(1), faults, language)));
        let all: BTreeMap<usize, Receipt> = own.chain(refused).collect();
        let mut gathered = Receipts { unknown_columns: receipts.unknown_columns, ..Receipts::default() };
        for (place, mut receipt) in all {
            receipt.line = place.checked_sub(self.first).and_then(|at| self.lines.get(at)).copied();
            gathered.add(receipt);
        }
        gathered
    }
}

/// Carries out a call in the transaction at hand.
///
/// # Errors
/// What refuses the call as a whole.
pub fn carry_out<C: RowCommand>(
    connection: &mut DbConnection,
    (state, actor, language): (&State, &Actor, Language),
    command: &C,
    mode: RowsMode,
    (rows, prepared): (&Rows, Option<C::Prepared>),
) -> Result<Receipts> {
    let may_be_taken_back = mode.validate_only || mode.atomic;
    if may_be_taken_back {
        connection.batch_execute("savepoint rows_mode")?;
    }
    let receipts = match prepared {
        Some(prepared) => command.apply(connection, state, actor, prepared, language)?,
        None => Receipts::default(),
    };
    let receipts = rows.gather(receipts, language);
    let held_back = mode.atomic && receipts.rejected > 0;
    if !may_be_taken_back {
        return Ok(receipts);
    }
    if mode.validate_only || held_back {
        connection.batch_execute("rollback to savepoint rows_mode")?;
    }
    connection.batch_execute("release savepoint rows_mode")?;
    Ok(if mode.validate_only || held_back { receipts.taken_back(held_back) } else { receipts })
}
