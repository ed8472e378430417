//! CSV and its relatives: the encoding said or found out, RFC 4180 quoting, field after field into a bounded buffer.

use std::borrow::Cow;

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};
use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};

use super::{CELL_CHARACTERS_MAX, COLUMNS_MAX, Cell, FileFormat, Meter, RawRow, Refusal, Sheet, Workbook};
use super::{cell_too_long, too_many_columns};
use crate::http::table::original;

/// How much of a file decides what stands between its values, in bytes.
const SAMPLE: usize = 4096;

pub(super) fn read(bytes: &[u8], charset: Option<&str>) -> Result<Workbook, Refusal> {
    let (text, charset) = decode(bytes, charset)?;
    if text.contains('\0') {
        return Err(Refusal::new(
            "file_type_differs",
            "this is no text; send a workbook as XLSX",
            "内容不是文本；工作簿请以 XLSX 提交",
        ));
    }
    let rows = split(text.trim_start_matches('\u{feff}').as_bytes())?;
    Ok(Workbook { format: FileFormat::Csv, charset: Some(charset), sheets: vec![Sheet { name: String::new(), rows }] })
}

/// The text and the name of its encoding: as said, by its mark, UTF-8 where it is valid, else GB18030, which Excel saves in China.
fn decode<'a>(bytes: &'a [u8], charset: Option<&str>) -> Result<(Cow<'a, str>, &'static str), Refusal> {
    let marked = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    let said = charset.map(|name| Encoding::for_label(name.as_bytes()).ok_or_else(unknown_charset)).transpose()?;
    let encoding = match (marked, said) {
        (Some(encoding), _) => encoding,
        // GBK and GB2312 are parts of GB18030.
        (None, Some(encoding)) if encoding.name() != "GBK" => encoding,
        (None, None) if std::str::from_utf8(bytes).is_ok() => UTF_8,
        (None, _) => GB18030,
    };
    if ![UTF_8, GB18030, UTF_16LE, UTF_16BE].contains(&encoding) {
        return Err(unknown_charset());
    }
    let (text, _, damaged) = encoding.decode(bytes);
    if damaged {
        return Err(Refusal::new(
            "encoding_damaged",
            format!("the bytes are no {}; save the file as CSV UTF-8 or name its charset", encoding.name()),
            format!("内容不符合 {} 编码，请另存为“CSV UTF-8”或在 Content-Type 中注明 charset", encoding.name()),
        ));
    }
    Ok((text, encoding.name()))
}

fn unknown_charset() -> Refusal {
    Refusal::new(
        "encoding_unknown",
        "charset must be utf-8, gb18030, gbk or gb2312",
        "charset 须为 utf-8、gb18030、gbk 或 gb2312",
    )
}

/// What stands between the values: the sign that the first lines have most of, outside of quotes.
fn delimiter(text: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0_usize), (b'\t', 0), (b';', 0)];
    for byte in text.iter().take(SAMPLE) {
        quoted ^= *byte == b'"';
        if !quoted {
            for (sign, count) in &mut counts {
                *count += usize::from(sign == byte);
            }
        }
    }
    // The last of equals wins, so the comma stands last.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(sign, _)| *sign)
}

/// Splits the text into rows. They are measured before any is kept, so that a file of too many costs no memory.
fn split(text: &[u8]) -> Result<Vec<RawRow>, Refusal> {
    walk(text, drop)?;
    let mut rows = Vec::new();
    walk(text, |row| rows.push(row))?;
    Ok(rows)
}

/// Goes through the rows of the text. Blank lines count, so that a row has the number that a spreadsheet shows.
fn walk(text: &[u8], mut each: impl FnMut(RawRow)) -> Result<(), Refusal> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter(text)).build();
    // A character of UTF-8 has at most four bytes.
    let mut field = vec![0; CELL_CHARACTERS_MAX * 4];
    let mut meter = Meter::default();
    let (mut rest, mut number) = (text, 0);
    loop {
        let blank;
        (rest, blank) = without_blank_lines(rest);
        if rest.is_empty() {
            return Ok(());
        }
        number += blank + 1;
        let cells;
        (rest, cells) = record(&mut reader, rest, &mut field, number)?;
        if let Some(row) = meter.row("", number, cells)? {
            each(row);
        }
    }
}

/// The rest after the line ends at its start, and how many of them are blank lines.
fn without_blank_lines(mut rest: &[u8]) -> (&[u8], usize) {
    let mut blank = 0;
    loop {
        rest = match rest {
            [b'\r', b'\n', after @ ..] | [b'\n' | b'\r', after @ ..] => after,
            _ => return (rest, blank),
        };
        blank += 1;
    }
}

/// One record, and what follows its line end.
fn record<'a>(
    reader: &mut Reader,
    mut rest: &'a [u8],
    field: &mut [u8],
    number: usize,
) -> Result<(&'a [u8], Vec<Cell>), Refusal> {
    let mut cells = Vec::new();
    loop {
        let (result, taken, written) = reader.read_field(rest, field);
        let ended_by_return = taken.checked_sub(1).and_then(|last| rest.get(last)) == Some(&b'\r');
        rest = rest.get(taken..).unwrap_or_default();
        let record_end = match result {
            ReadFieldResult::OutputFull => return Err(cell_too_long("", number)),
            ReadFieldResult::InputEmpty => {
                // The text is over; an empty input tells the reader so, and it hands out the last field.
                let (_, _, more) = reader.read_field(&[], field.get_mut(written..).unwrap_or_default());
                cells.push(cell(field.get(..written + more).unwrap_or_default(), number)?);
                return Ok((&[], cells));
            }
            ReadFieldResult::Field { record_end } => record_end,
            ReadFieldResult::End => return Ok((&[], cells)),
        };
        if cells.len() == COLUMNS_MAX {
            return Err(too_many_columns("", number));
        }
        cells.push(cell(field.get(..written).unwrap_or_default(), number)?);
        if record_end {
            let line_feed = ended_by_return && rest.first() == Some(&b'\n');
            return Ok((rest.get(usize::from(line_feed)..).unwrap_or_default(), cells));
        }
    }
}

fn cell(bytes: &[u8], row: usize) -> Result<Cell, Refusal> {
    let text = String::from_utf8_lossy(bytes);
    if text.chars().count() > CELL_CHARACTERS_MAX {
        return Err(cell_too_long("", row));
    }
    // A spreadsheet writes "=\"430…\"" to keep a number as text, and we write an apostrophe before what it would take for a formula.
    let kept = text.strip_prefix("=\"").and_then(|text| text.strip_suffix('"')).unwrap_or(&text);
    let kept = original(kept);
    Ok(if kept.is_empty() { Cell::Empty(()) } else { Cell::Text(kept.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(usize, Vec<String>)> {
        let workbook = read(text.as_bytes(), None).unwrap();
        let sheet = workbook.sheets.into_iter().next().unwrap();
        sheet.rows.iter().map(|row| (row.number, row.cells.iter().map(Cell::shown).collect())).collect()
    }

    fn row(number: usize, cells: &[&str]) -> (usize, Vec<String>) {
        (number, cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn rows_keep_the_numbers_a_spreadsheet_shows() {
        let expected =
            vec![row(1, &["姓名", "电话"]), row(3, &["张,三", "1\n2"]), row(6, &["李\"四"]), row(7, &["x", "y"])];
        let text = "姓名,电话\n\n\"张,三\",\"1\n2\"\n\n\n\"李\"\"四\",\nx,y";
        assert_eq!(rows(text), expected);
        assert_eq!(
            rows(&text.replace('\n', "\r\n")),
            [expected[0].clone(), row(3, &["张,三", "1\r\n2"]), expected[2].clone(), expected[3].clone()]
        );
        assert_eq!(rows(&format!("{text}\n\n")), expected, "line ends behind the last row are no rows");
    }

    #[test]
    fn commas_tabs_and_semicolons_stand_between_values() {
        for sign in [",", "\t", ";"] {
            assert_eq!(rows(&format!("a{sign}b{sign}\"c,;\td\"")), [row(1, &["a", "b", "c,;\td"])], "{sign:?}");
        }
    }

    #[test]
    fn four_encodings_of_one_file_read_the_same() {
        let text = "姓名,籍贯\n张三,䶮村";
        let (gb, _, _) = GB18030.encode(text);
        let mut marked = vec![0xef, 0xbb, 0xbf];
        marked.extend(text.as_bytes());
        let wide: Vec<u8> = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let plain = read(text.as_bytes(), None).unwrap();
        for (bytes, said, found) in [
            (marked.as_slice(), None, "UTF-8"),
            (&gb, None, "gb18030"),
            (&gb, Some("GBK"), "gb18030"),
            (&gb, Some("gb2312"), "gb18030"),
            (&wide, None, "UTF-16LE"),
        ] {
            let read = read(bytes, said).unwrap();
            assert_eq!((read.sheets, read.charset), (plain.sheets.clone(), Some(found)));
        }
        assert_eq!(read(&gb, Some("utf-8")).unwrap_err().code, "encoding_damaged");
        assert_eq!(read(&gb, Some("latin1")).unwrap_err().code, "encoding_unknown");
        assert_eq!(read(&[0x81, 0x20, 0xff], None).unwrap_err().code, "encoding_damaged");
        assert_eq!(read(b"a\0b", None).unwrap_err().code, "file_type_differs");
    }

    #[test]
    fn a_number_kept_as_text_by_a_formula_is_that_text() {
        assert_eq!(rows("=\"430523199003079985\",x"), [row(1, &["430523199003079985", "x"])]);
        assert_eq!(rows("\"=\"\"430523199003079985\"\"\",x"), [row(1, &["430523199003079985", "x"])]);
    }
}
