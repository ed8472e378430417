//! A row of a list, read: the value of each known column, and what was found about its cells.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cells::{self, Dated, PlaceRead, Unread, Wage};
use super::finding::{Finding, FindingSeverity};
use super::layouts::Layout;
use super::layouts::fields::{CellKind, Field};
use super::layouts::heading::Header;
use super::reading::{Cell, RawRow};
use crate::db::Day;
use crate::regions::RegionCode;
use crate::workers::person_name::PersonName;

/// What a cell was read as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Words, or a number that is a name.
    Text(String),
    /// A day or a month.
    Date(Dated),
    /// From when to when.
    Period(Dated, Option<Dated>),
    /// A division, and whether somebody can work there.
    Place(RegionCode, bool),
    /// Yes or no.
    Flag(bool),
    /// A monthly wage.
    Wage(Wage),
    /// How many.
    Count(i64),
}

/// The values of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record(BTreeMap<Field, Value>);

/// Divisions that several columns name together, from above to below, and the field they are kept under.
const CHAINS: [(Field, &[Field]); 2] = [
    (Field::WorkPlace, &[Field::WorkProvince, Field::WorkCity, Field::WorkCounty, Field::WorkPlace]),
    (Field::HukouAddress, &[Field::HukouProvince, Field::HukouCounty, Field::County, Field::HukouAddress]),
];

/// Fields without whose value the row cannot become anything: what cannot be read there refuses the row, elsewhere it is told.
const ESSENTIAL: [Field; 11] = [
    Field::Name,
    Field::IdentityNumber,
    Field::Headcount,
    Field::ApprovedPlaces,
    Field::ValidUntil,
    Field::ContractState,
    Field::ContractStart,
    Field::PayMonth,
    Field::PaidAmount,
    Field::WorkPeriod,
    Field::EmployerName,
];

impl Record {
    /// Reads the cells of a row below a header.
    #[must_use]
    pub fn read(layout: &Layout, header: &Header, row: &RawRow, today: Day) -> (Self, Vec<Finding>) {
        let mut record = Self::default();
        let mut findings = Vec::new();
        for (column, (field, cell)) in header.columns.iter().zip(&row.cells).enumerate() {
            let Some(field) = field.filter(|field| !is_linked(*field) && layout.fields().any(|own| own == *field))
            else {
                continue;
            };
            let place = (column, row.number);
            if let Cell::Broken { .. } = cell {
                findings.push(finding(field, place, broken()));
                continue;
            }
            match value(field, cell, today) {
                Ok(Some((value, told))) => {
                    record.0.insert(field, value);
                    findings.extend(told.map(|told| Finding::at(FindingSeverity::Warning, field, place, told)));
                }
                Ok(None) => {}
                Err(unread) => findings.push(finding(field, place, unread)),
            }
        }
        for (kept, links) in CHAINS {
            record.read_place(header, row, kept, links, &mut findings);
        }
        (record, findings)
    }

    /// Reads a place from the columns that name it together; what stands in the last of them may repeat what stands before.
    fn read_place(&mut self, header: &Header, row: &RawRow, kept: Field, links: &[Field], findings: &mut Vec<Finding>) {
        let texts: Vec<(usize, String)> = links
            .iter()
            .filter_map(|field| header.column(*field))
            .filter_map(|column| Some((column, row.cells.get(column)?)))
            .filter(|(_, cell)| !cell.is_blank())
            .map(|(column, cell)| (column, cells::squeezed(cell)))
            .collect();
        let Some((column, last)) = texts.last() else { return };
        let joined: String = texts.iter().map(|(_, text)| text.as_str()).collect();
        let above: String = texts.iter().rev().skip(1).rev().map(|(_, text)| text.as_str()).collect();
        let complete = |text: &str| cells::place(text).ok().flatten().filter(|place| place.is_complete);
        let read = complete(&joined).or_else(|| complete(last)).or_else(|| complete(&above));
        match read.map_or_else(|| cells::place(&joined), |read| Ok(Some(read))) {
            Ok(Some(PlaceRead { code, is_complete })) => {
                self.0.insert(kept, Value::Place(code, is_complete));
            }
            Ok(None) => {}
            // Where a household is registered is often written from the township down; that is told when it matters.
            Err(_) if kept == Field::HukouAddress => {}
            Err(unread) => findings.push(finding(kept, (*column, row.number), unread)),
        }
    }

    /// Words.
    #[must_use]
    pub fn text(&self, field: Field) -> Option<&str> {
        match self.0.get(&field) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A day or a month.
    #[must_use]
    pub fn date(&self, field: Field) -> Option<Dated> {
        match self.0.get(&field) {
            Some(Value::Date(dated)) => Some(*dated),
            _ => None,
        }
    }

    /// Yes or no.
    #[must_use]
    pub fn flag(&self, field: Field) -> Option<bool> {
        match self.0.get(&field) {
            Some(Value::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    /// A place, and whether somebody can work there.
    #[must_use]
    pub fn place(&self, field: Field) -> Option<(RegionCode, bool)> {
        match self.0.get(&field) {
            Some(Value::Place(code, is_complete)) => Some((*code, *is_complete)),
            _ => None,
        }
    }

    /// A wage.
    #[must_use]
    pub fn wage(&self, field: Field) -> Option<Wage> {
        match self.0.get(&field) {
            Some(Value::Wage(wage)) => Some(*wage),
            _ => None,
        }
    }

    /// How many.
    #[must_use]
    pub fn count(&self, field: Field) -> Option<i64> {
        match self.0.get(&field) {
            Some(Value::Count(count)) => Some(*count),
            _ => None,
        }
    }

    /// When the work began.
    #[must_use]
    pub fn started(&self) -> Option<Dated> {
        match self.0.get(&Field::WorkPeriod) {
            Some(Value::Period(from, _)) => Some(*from),
            _ => self.date(Field::StartDate),
        }
    }

    /// When it ended, where it has.
    #[must_use]
    pub fn ended(&self) -> Option<Dated> {
        match self.0.get(&Field::WorkPeriod) {
            Some(Value::Period(_, to)) => *to,
            _ => self.date(Field::EndDate),
        }
    }

    /// Sets a value.
    pub fn set(&mut self, field: Field, value: Value) {
        self.0.insert(field, value);
    }

    /// The record without a field.
    #[must_use]
    pub fn without(&self, field: Field) -> Self {
        Self(self.0.iter().filter(|(own, _)| **own != field).map(|(own, value)| (*own, value.clone())).collect())
    }

    /// A record of these values.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = (Field, Value)>) -> Self {
        Self(values.into_iter().collect())
    }
}

/// Whether a column is read together with others.
fn is_linked(field: Field) -> bool {
    CHAINS.iter().any(|(_, links)| links.contains(&field))
}

fn finding(field: Field, place: (usize, usize), unread: Unread) -> Finding {
    let severity = if ESSENTIAL.contains(&field) { FindingSeverity::Error } else { FindingSeverity::Warning };
    Finding::at(severity, field, place, unread)
}

fn broken() -> Unread {
    Unread {
        code: "cell_broken",
        en: "the formula of this cell has failed; write the value".to_owned(),
        zh: "该单元格公式出错，请直接填写数值".to_owned(),
    }
}

type Told = (Value, Option<Unread>);

/// Reads a cell as what its field holds; a value may come with something to tell.
fn value(field: Field, cell: &Cell, today: Day) -> cells::Reading<Option<Told>> {
    let sure = |value| (value, None);
    Ok(match field.kind() {
        CellKind::Text => text(cell)?.map(|text| sure(Value::Text(text))),
        CellKind::Name => name(cell)?.map(|name| sure(Value::Text(name))),
        CellKind::Identity => {
            cells::identity_number(cell, today)?.map(|number| sure(Value::Text(number.as_str().to_owned())))
        }
        CellKind::Phone => {
            cells::phone(cell)?.map(|(phone, several)| (Value::Text(phone), several.then(several_phones)))
        }
        CellKind::Place => {
            cells::place(&cells::squeezed(cell))?.map(|place| sure(Value::Place(place.code, place.is_complete)))
        }
        CellKind::Date => cells::dated(cell)?.map(|dated| sure(Value::Date(dated))),
        CellKind::Period => cells::period(cell)?.map(|(from, to)| sure(Value::Period(from, to))),
        CellKind::Flag => cells::flag(cell)?.map(|flag| sure(Value::Flag(flag))),
        CellKind::Wage => cells::wage(cell)?.map(|wage| sure(Value::Wage(wage))),
        CellKind::Count => cells::count(cell)?.map(|count| sure(Value::Count(count))),
    })
}

/// Words of a cell in one line; what is longer than any field takes is refused.
fn text(cell: &Cell) -> cells::Reading<Option<String>> {
    let words: Vec<String> = cells::plain(cell)
        .split(|character: char| character.is_control() || character.is_whitespace())
        .filter(|word| !word.is_empty())
        .map(ToOwned::to_owned)
        .collect();
    let text = words.join(" ");
    if text.chars().count() > 100 {
        return Err(Unread {
            code: "text_too_long",
            en: "is longer than 100 characters; shorten it".to_owned(),
            zh: "超过 100 个字符，请精简".to_owned(),
        });
    }
    Ok((!text.is_empty()).then_some(text))
}

fn name(cell: &Cell) -> cells::Reading<Option<String>> {
    if cell.is_blank() {
        return Ok(None);
    }
    let fault = |error: crate::workers::person_name::PersonNameError| Unread {
        code: error.code(),
        en: error.message_en().to_owned(),
        zh: error.message_zh().to_owned(),
    };
    PersonName::parse(&cell.shown()).map(|name| Some(name.as_str().to_owned())).map_err(fault)
}

fn several_phones() -> Unread {
    Unread {
        code: "phone_first_taken",
        en: "holds more than one number; the first is taken".to_owned(),
        zh: "填写了多个号码，已采用第一个".to_owned(),
    }
}

impl Serialize for Field {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let known = Self::ALL.iter().find(|field| field.name() == name).copied();
        known.ok_or_else(|| serde::de::Error::custom(format!("{name} is no field")))
    }
}
