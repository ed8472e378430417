//! XLSX, cell by cell: no rectangle is ever laid out, so that a cell far away costs as much as a near one.

use std::io::{BufReader, Cursor};
use std::panic::catch_unwind;

use calamine::{DataRef, ExcelDateTime, Reader, SheetType, Xlsx, XlsxCellReader};
use jiff::civil::{Date, date};

use super::{
    CELL_CHARACTERS_MAX, COLUMNS_MAX, Cell, FileFormat, Meter, Refusal, SHEETS_MAX, Sheet, Workbook, cell_too_long,
    package, too_many_columns,
};

pub(super) fn read(bytes: &[u8]) -> Result<Workbook, Refusal> {
    package::inspect(bytes)?;
    // A file made to break the library is a damaged file, not a broken server.
    catch_unwind(|| sheets(bytes)).unwrap_or_else(|_| Err(package::truncated()))
}

fn sheets(bytes: &[u8]) -> Result<Workbook, Refusal> {
    let mut workbook: Xlsx<_> = Xlsx::new(BufReader::new(Cursor::new(bytes))).map_err(|_| package::truncated())?;
    let names: Vec<String> = workbook
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        .map(|sheet| sheet.name.clone())
        .collect();
    if names.len() > SHEETS_MAX {
        let (en, zh) =
            (format!("a file may have at most {SHEETS_MAX} sheets"), format!("每个文件最多 {SHEETS_MAX} 个工作表"));
        return Err(Refusal::too_large("sheets_too_many", en, zh));
    }
    let mut meter = Meter::default();
    let mut sheets = Vec::with_capacity(names.len());
    for name in names {
        let cells = workbook.worksheet_cells_reader(&name).map_err(|_| package::truncated())?;
        let rows = rows(cells, &name, &mut meter)?;
        sheets.push(Sheet { name, rows });
    }
    Ok(Workbook { format: FileFormat::Xlsx, charset: None, sheets })
}

fn rows<R: std::io::Read + std::io::Seek>(
    mut reader: XlsxCellReader<'_, R>,
    sheet: &str,
    meter: &mut Meter,
) -> Result<Vec<super::RawRow>, Refusal> {
    let mut rows = Vec::new();
    let (mut number, mut cells) = (0, Vec::new());
    while let Some(found) = reader.next_cell().map_err(|_| package::truncated())? {
        let (row, column) = found.get_position();
        let (row, column) =
            (usize::try_from(row).unwrap_or_default() + 1, usize::try_from(column).unwrap_or(usize::MAX));
        let cell = cell(found.get_value(), sheet, row)?;
        if cell.is_blank() {
            continue;
        }
        if column >= COLUMNS_MAX {
            return Err(too_many_columns(sheet, row));
        }
        if row != number {
            rows.extend(meter.row(sheet, number, std::mem::take(&mut cells))?);
            // Rows come in their order; a file in which they do not was made to mislead.
            if row < number {
                return Err(package::truncated());
            }
            number = row;
        }
        if cells.len() <= column {
            cells.resize(column + 1, Cell::Empty(()));
        }
        if let Some(place) = cells.get_mut(column) {
            *place = cell;
        }
    }
    rows.extend(meter.row(sheet, number, cells)?);
    Ok(rows)
}

fn cell(value: &DataRef<'_>, sheet: &str, row: usize) -> Result<Cell, Refusal> {
    let text = |text: &str| {
        if text.chars().count() > CELL_CHARACTERS_MAX {
            return Err(cell_too_long(sheet, row));
        }
        Ok(if text.is_empty() { Cell::Empty(()) } else { Cell::Text(text.to_owned()) })
    };
    Ok(match value {
        DataRef::Empty => Cell::Empty(()),
        #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a spreadsheet has no other numbers")]
        DataRef::Int(number) => Cell::Number(*number as f64),
        DataRef::Float(number) => Cell::Number(*number),
        DataRef::String(value) => text(value)?,
        DataRef::SharedString(value) => text(value)?,
        DataRef::Bool(flag) => Cell::Flag(*flag),
        DataRef::DateTime(at) => day_of(at).map_or(Cell::Number(at.as_f64()), |day| Cell::Day { day }),
        DataRef::DateTimeIso(value) | DataRef::DurationIso(value) => {
            let day = value.get(..10).and_then(|day| day.parse().ok());
            day.map_or_else(|| text(value), |day| Ok(Cell::Day { day }))?
        }
        DataRef::Error(broken) => Cell::Broken { broken: broken.to_string() },
    })
}

/// The day of a date cell; times of a day and spans are numbers.
fn day_of(at: &ExcelDateTime) -> Option<Date> {
    if !at.is_datetime() || at.as_f64() < 61.0 {
        return None;
    }
    let (year, month, day, ..) = at.to_ymd_hms_milli();
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// The day of a serial number of the 1900 system, where it is one of our time (1980 to 2099).
#[must_use]
pub(in crate::interchange) fn day_of_serial(serial: f64) -> Option<Date> {
    if !(29_221.0..73_051.0).contains(&serial) {
        return None;
    }
    let days = format!("{serial:.0}").parse::<i64>().ok()?;
    date(1899, 12, 30).checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}
