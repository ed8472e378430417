//! A file as rows of cells: CSV in the encodings people really send, and XLSX, read within bounds that no file can widen.
//!
//! Reading is pure: bytes in, sheets out, or one refusal that says why and what to do. Nothing is taken from what a file claims about
//! itself; sizes are those that come out, and reading stops at the first bound that is passed.
//! Deliberately absent: `.xls` and other old formats (the refusal says how to save the file), formulas (their last result counts), styles.

mod delimited;
mod package;
mod workbook;

pub(super) use workbook::day_of_serial;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::error::Text;

/// Most columns of a row.
pub const COLUMNS_MAX: usize = 100;
/// Most characters of a cell, as Excel has it.
pub const CELL_CHARACTERS_MAX: usize = 32_767;
/// Most bytes of the texts of a row: what is kept of it is sealed as one value.
pub const ROW_BYTES_MAX: usize = 40 * 1024;
/// Most rows of a file, with titles and notes.
pub const ROWS_MAX: usize = 100_000;
/// Most cells of a file.
pub const CELLS_MAX: usize = 2_000_000;
/// Most sheets of a file.
pub const SHEETS_MAX: usize = 200;

crate::text_enum! {
    /// The forms in which files are taken and given back.
    pub enum FileFormat {
        /// Values with commas or tabs between.
        Csv => "csv" / "CSV 文本" / "CSV",
        /// A workbook of Excel or WPS.
        Xlsx => "xlsx" / "XLSX 工作簿" / "XLSX",
    }
}

/// A cell as the file holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// Nothing.
    Empty(()),
    /// Yes or no, by the spreadsheet's own type.
    Flag(bool),
    /// A number, by the spreadsheet's own type.
    Number(f64),
    /// Text.
    Text(String),
    /// A day, by the spreadsheet's own format.
    Day {
        /// The day.
        day: Date,
    },
    /// What the spreadsheet shows when a formula fails, such as `#REF!`.
    Broken {
        /// The mark.
        broken: String,
    },
}

impl Cell {
    /// Whether nothing can be seen in it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Empty(()) => true,
            Self::Text(text) => text.chars().all(is_space),
            _ => false,
        }
    }

    /// What a person sees: a number of more than fifteen digits as the spreadsheet shows it, because its last digits are lost.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Empty(()) => String::new(),
            Self::Flag(true) => "TRUE".to_owned(),
            Self::Flag(false) => "FALSE".to_owned(),
            Self::Number(number) if number.abs() >= 1e15 => format!("{number:.5E}").replace('E', "E+"),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::Day { day } => day.to_string(),
            Self::Broken { broken } => broken.clone(),
        }
    }

    fn text_bytes(&self) -> usize {
        match self {
            // As JSON writes it: a control character takes six bytes, a quotation mark two.
            Self::Text(text) => text
                .bytes()
                .map(|byte| match byte {
                    0..=0x1f => 6,
                    b'"' | b'\\' => 2,
                    _ => 1,
                })
                .sum(),
            _ => 8,
        }
    }
}

/// Whether nothing can be seen of a character: also the full-width space, and the marks that programs leave at the start of a text.
#[must_use]
pub fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}')
}

/// A row that holds something.
#[derive(Debug, Clone, PartialEq)]
pub struct RawRow {
    /// Its number in the sheet, from 1, as the spreadsheet shows it.
    pub number: usize,
    /// Its cells from column A on.
    pub cells: Vec<Cell>,
}

/// A sheet; a CSV file is one without a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// Its name.
    pub name: String,
    /// Its rows, without blank ones.
    pub rows: Vec<RawRow>,
}

/// A file that could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Workbook {
    /// What it is.
    pub format: FileFormat,
    /// The encoding of a CSV file.
    pub charset: Option<&'static str>,
    /// Its sheets, those that are hidden too.
    pub sheets: Vec<Sheet>,
}

/// Why a file is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Stable code.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub detail: Text,
    /// Whether the file is well-formed but too much.
    pub is_too_large: bool,
    /// Where: sheet and row.
    pub place: Option<(String, usize)>,
}

impl Refusal {
    fn new(code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { code, detail: Text::new(en, zh), is_too_large: false, place: None }
    }

    fn too_large(code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { is_too_large: true, ..Self::new(code, en, zh) }
    }

    fn at(self, sheet: &str, row: usize) -> Self {
        Self { place: Some((sheet.to_owned(), row)), ..self }
    }
}

/// Reads a file. `claimed` is the format its media type names, `charset` the encoding it names.
///
/// # Errors
/// A [`Refusal`] for a file that cannot be read as it is, or is too much.
pub fn read(bytes: &[u8], claimed: FileFormat, charset: Option<&str>) -> Result<Workbook, Refusal> {
    const OLE: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
    if bytes.is_empty() {
        return Err(Refusal::new("file_empty", "the file is empty", "文件为空"));
    }
    if bytes.starts_with(&OLE) {
        return Err(Refusal::new(
            "file_old_or_locked",
            "this is an .xls file of Excel 97-2003, or a workbook with a password; open it, remove the password, and save it as .xlsx",
            "这是旧版 .xls 文件或设有打开密码的工作簿，请打开后取消密码并另存为 .xlsx",
        ));
    }
    let is_zip = bytes.starts_with(b"PK\x03\x04");
    match (claimed, is_zip) {
        (FileFormat::Xlsx, true) => workbook::read(bytes),
        (FileFormat::Csv, false) => delimited::read(bytes, charset),
        (FileFormat::Xlsx, false) => Err(Refusal::new(
            "file_type_differs",
            "Content-Type says XLSX but this is no workbook; send text as text/csv",
            "Content-Type 声明为 XLSX，但内容不是工作簿；文本请使用 text/csv",
        )),
        (FileFormat::Csv, true) => Err(Refusal::new(
            "file_type_differs",
            "Content-Type says CSV but this is a workbook or an archive; name its own media type",
            "Content-Type 声明为 CSV，但内容是工作簿或压缩包，请改用相应的类型",
        )),
    }
}

/// Counts what was read against what may be read.
#[derive(Debug, Default)]
struct Meter {
    rows: usize,
    cells: usize,
}

impl Meter {
    /// Takes a row in, without the blank cells behind its last one; a blank row is none.
    fn row(&mut self, sheet: &str, number: usize, mut cells: Vec<Cell>) -> Result<Option<RawRow>, Refusal> {
        cells.truncate(cells.iter().rposition(|cell| !cell.is_blank()).map_or(0, |last| last + 1));
        if cells.is_empty() {
            return Ok(None);
        }
        self.rows += 1;
        self.cells += cells.len();
        if self.rows > ROWS_MAX || self.cells > CELLS_MAX {
            let en = format!("a file may hold at most {ROWS_MAX} rows and {CELLS_MAX} cells; split it");
            let zh = format!("每个文件最多 {ROWS_MAX} 行、{CELLS_MAX} 个单元格，请拆分后提交");
            return Err(Refusal::too_large("rows_too_many", en, zh).at(sheet, number));
        }
        if cells.iter().map(Cell::text_bytes).sum::<usize>() > ROW_BYTES_MAX {
            let en = format!("the cells of a row may hold at most {ROW_BYTES_MAX} bytes of text together");
            let zh = format!("每行文字合计最多 {ROW_BYTES_MAX} 字节");
            return Err(Refusal::too_large("row_too_long", en, zh).at(sheet, number));
        }
        Ok(Some(RawRow { number, cells }))
    }
}

fn too_many_columns(sheet: &str, row: usize) -> Refusal {
    let en = format!("a row may have at most {COLUMNS_MAX} columns; remove what stands far to the right");
    let zh = format!("每行最多 {COLUMNS_MAX} 列，请删除右侧多余内容");
    Refusal::too_large("columns_too_many", en, zh).at(sheet, row)
}

fn cell_too_long(sheet: &str, row: usize) -> Refusal {
    let en = format!("a cell may hold at most {CELL_CHARACTERS_MAX} characters");
    let zh = format!("每个单元格最多 {CELL_CHARACTERS_MAX} 个字符");
    Refusal::too_large("cell_too_long", en, zh).at(sheet, row)
}
