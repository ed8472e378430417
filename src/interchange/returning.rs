//! The file that goes back: the same rows at the same numbers, with 校验结果 and 差异说明 beside each, so that a clerk mends and sends the
//! same file again. Identity numbers are written as text.

use rust_xlsxwriter::{Format, Workbook, XlsxError};

use super::ImportVerdict;
use super::layouts::fields::Field;
use super::layouts::heading::Header;
use super::reading::{COLUMNS_MAX, Cell, FileFormat, RawRow};
use super::store::rows::OpenRow;
use crate::error::{Error, Result};
use crate::http::table::{csv_line, spreadsheet_safe};

/// What the two added columns are called.
const ADDED: [&str; 2] = ["校验结果", "差异说明"];

/// Writes the file.
///
/// # Errors
/// An internal error when it cannot be written.
pub fn write(format: FileFormat, sheets: &[String], rows: &[OpenRow]) -> Result<Vec<u8>> {
    match format {
        FileFormat::Csv => Ok(csv(rows)),
        FileFormat::Xlsx => xlsx(sheets, rows).map_err(Error::internal),
    }
}

/// The first column behind everything that the rows hold; a file that came back once keeps its columns where they are.
fn added_at<'a>(rows: impl Iterator<Item = &'a OpenRow> + Clone) -> usize {
    let headers = rows.clone().filter(|row| row.kind == super::ImportRowKind::Header);
    let known = headers.clone().find_map(|row| row.content.cells.iter().position(|cell| cell.shown() == ADDED[0]));
    let widest = rows.map(|row| row.content.cells.len()).max().unwrap_or_default();
    known.unwrap_or(widest).min(COLUMNS_MAX)
}

/// What stands in the added columns of a row.
fn added(row: &OpenRow) -> [String; 2] {
    if row.kind == super::ImportRowKind::Header {
        return ADDED.map(ToOwned::to_owned);
    }
    let told = |separator: &str| -> String {
        let words = row.findings.iter().map(|finding| {
            let cell = finding.cell.as_ref().map(|cell| format!("{cell}：")).unwrap_or_default();
            format!("{cell}{}（{}）", finding.message_zh, finding.code)
        });
        words.collect::<Vec<_>>().join(separator)
    };
    let verdict = match row.verdict {
        ImportVerdict::Skipped => String::new(),
        verdict => verdict.label_zh().to_owned(),
    };
    [verdict, told("；")]
}

/// The cells of a row as they go back; an identity number that was a number becomes text.
fn cells(row: &OpenRow, identity: Option<usize>, width: usize) -> Vec<Cell> {
    let mut cells: Vec<Cell> = row.content.cells.iter().take(width).cloned().collect();
    if let Some(cell) = identity.and_then(|column| cells.get_mut(column)).filter(|cell| matches!(cell, Cell::Number(_)))
    {
        *cell = Cell::Text(cell.shown());
    }
    cells.resize(width, Cell::Empty(()));
    cells
}

/// The identity column of a header row.
fn identity_column(row: &OpenRow) -> Option<usize> {
    let raw = RawRow { number: row.sheet_row, cells: row.content.cells.clone() };
    Header::of(&raw).column(Field::IdentityNumber)
}

fn csv(rows: &[OpenRow]) -> Vec<u8> {
    let width = added_at(rows.iter());
    let mut text = String::from('\u{feff}');
    let mut number = 1;
    for row in rows {
        while number < row.sheet_row {
            text.push_str("\r\n");
            number += 1;
        }
        number += 1;
        let own = cells(row, None, width).into_iter().map(|cell| cell.shown());
        text.push_str(&csv_line(own.chain(added(row)).map(|cell| spreadsheet_safe(&cell).into_owned())));
    }
    text.into_bytes()
}

fn xlsx(sheets: &[String], rows: &[OpenRow]) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let (as_text, as_day) = (Format::new().set_num_format("@"), Format::new().set_num_format("yyyy-mm-dd"));
    for (place, name) in sheets.iter().enumerate() {
        let sheet = workbook.add_worksheet();
        sheet.set_name(name)?;
        let own = rows.iter().filter(|row| row.sheet == place);
        let width = added_at(own.clone());
        let mut identity = None;
        for row in own {
            if row.kind == super::ImportRowKind::Header {
                identity = identity_column(row);
            }
            let number = u32::try_from(row.sheet_row.saturating_sub(1)).unwrap_or(u32::MAX);
            let [verdict, told] = added(row).map(Cell::Text);
            for (column, cell) in cells(row, identity, width).into_iter().chain([verdict, told]).enumerate() {
                let column = u16::try_from(column).unwrap_or(u16::MAX);
                match cell {
                    Cell::Empty(()) => continue,
                    Cell::Text(text) => sheet.write_string_with_format(number, column, limited(&text), &as_text)?,
                    Cell::Number(figure) => sheet.write_number(number, column, figure)?,
                    Cell::Flag(flag) => sheet.write_boolean(number, column, flag)?,
                    Cell::Broken { broken } => sheet.write_string(number, column, broken)?,
                    Cell::Day { day } => {
                        let (year, month, day) = (day.year(), day.month(), day.day());
                        let day = rust_xlsxwriter::ExcelDateTime::from_ymd(
                            u16::try_from(year).unwrap_or(1900),
                            u8::try_from(month).unwrap_or(1),
                            u8::try_from(day).unwrap_or(1),
                        )?;
                        sheet.write_datetime_with_format(number, column, day, &as_day)?
                    }
                };
            }
        }
    }
    workbook.save_to_buffer()
}

/// What a cell of a workbook takes.
fn limited(text: &str) -> String {
    text.chars().take(super::reading::CELL_CHARACTERS_MAX).collect()
}
