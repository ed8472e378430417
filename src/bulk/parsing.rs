//! Records as rows: what each record says, or what is wrong with it.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::PartialSchema;
use utoipa::openapi::{RefOr, Schema};

use super::cells::Cells;
use super::headings::{Columns, chinese};
use super::records::Record;
use crate::error::{Code, Error, Fault, Result};
use crate::http::body::nfc;
use crate::http::extract::{parse_json, pointer_of, shape_error};
use crate::http::receipt::row_faults;

/// The form rows are written in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "encoding")]
pub enum Form {
    /// A JSON object a line.
    Ndjson,
    /// Cells with commas between, below these headings.
    Csv {
        /// As they stand in the file.
        headings: Vec<String>,
    },
}

/// A record read: the row, or its faults.
pub type Parsed<R> = std::result::Result<R, Vec<Fault>>;

impl Form {
    /// Reads the heading line of a CSV file.
    ///
    /// # Errors
    /// [`Code::FieldMissing`] when a column that every row needs is not there: one fault for the file, not one for each row.
    pub fn of_headings<R: PartialSchema>(record: &Record) -> Result<Self> {
        let headings = cells_of(&record.text);
        let fields = Fields::of::<R>();
        let columns = Columns::read(&headings, &fields.known);
        let missing: Vec<&String> =
            fields.needed.iter().filter(|field| !columns.fields.iter().flatten().any(|have| have == *field)).collect();
        if missing.is_empty() {
            return Ok(Self::Csv { headings });
        }
        let fault = |field: &String| {
            let zh = chinese(field).map_or_else(|| field.clone(), |heading| format!("{heading}（{field}）"));
            Fault::body(
                format!("/headings/{field}"),
                "column_missing",
                format!("the heading line {} has no column {field}, which every row needs", record.line),
                format!("第 {} 行的表头缺少必填列：{zh}", record.line),
            )
        };
        Err(Error::new(Code::FieldMissing).faults(missing.into_iter().map(fault).collect()))
    }

    /// Headings that no field of these rows answers to.
    #[must_use]
    pub fn unknown_columns<R: PartialSchema>(&self) -> Vec<String> {
        match self {
            Self::Ndjson => Vec::new(),
            Self::Csv { headings } => Columns::read(headings, &Fields::of::<R>().known).unknown,
        }
    }

    /// Reads records; the faults of each point below `/rows/{its place}`.
    pub fn parse<R: DeserializeOwned + PartialSchema>(&self, records: &[Record], first: usize) -> Vec<Parsed<R>> {
        let columns = match self {
            Self::Ndjson => None,
            Self::Csv { headings } => Some(Columns::read(headings, &Fields::of::<R>().known)),
        };
        let read = |(place, record): (usize, &Record)| {
            let row = match &columns {
                None => parse_json(record.text.as_bytes()),
                Some(columns) => parse_cells(columns, &record.text),
            };
            row.map_err(|error| row_faults(error, first + place))
        };
        records.iter().enumerate().map(read).collect()
    }
}

/// The cells of one record.
#[must_use]
pub fn cells_of(text: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let record = reader.records().next().and_then(std::result::Result::ok).unwrap_or_default();
    record.iter().map(nfc).collect()
}

fn parse_cells<R: DeserializeOwned>(columns: &Columns, text: &str) -> Result<R> {
    let cells = cells_of(text);
    if cells.iter().skip(columns.fields.len()).any(|cell| !cell.trim().is_empty()) {
        return Err(Error::new(Code::FieldInvalid).fault(Fault::body(
            "",
            "too_many_cells",
            "the row has more cells than the file has headings; put cells that hold a comma in quotes",
            "该行的单元格多于表头；含逗号的单元格请加引号",
        )));
    }
    let pairs = columns.fields.iter().zip(&cells).filter_map(|(field, cell)| Some((field.as_deref()?, cell.as_str())));
    serde_path_to_error::deserialize(Cells::of(pairs))
        .map_err(|error| shape_error(&pointer_of(error.path()), error.inner()))
}

/// The fields of a row, as the API document has them.
struct Fields {
    known: BTreeSet<String>,
    needed: Vec<String>,
}

impl Fields {
    fn of<R: PartialSchema>() -> Self {
        let RefOr::T(Schema::Object(object)) = R::schema() else {
            return Self { known: BTreeSet::new(), needed: Vec::new() };
        };
        Self { known: object.properties.keys().cloned().collect(), needed: object.required }
    }
}
