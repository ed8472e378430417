//! Lists as tables: CSV that a spreadsheet opens without harm, and workbooks with cells of their own types.
//!
//! A cell whose text a spreadsheet would take for a formula gets an apostrophe before it (OWASP, CSV injection), also where the sign is the
//! full-width one; [`original`] takes it off again, so that what goes out comes back in as it was.

use std::borrow::Cow;

/// Signs at which a spreadsheet begins to calculate, or which hide one that does.
const CALCULATING: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

fn is_guarded(text: &str) -> bool {
    text.starts_with(CALCULATING) || text.starts_with('\'')
}

/// A text that no spreadsheet takes for a formula.
#[must_use]
pub fn spreadsheet_safe(text: &str) -> Cow<'_, str> {
    if is_guarded(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// A text as it was before it was made safe.
#[must_use]
pub fn original(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| is_guarded(rest)).unwrap_or(text)
}

/// A line of CSV (RFC 4180), with its line end.
#[must_use]
pub fn csv_line(cells: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut line = String::new();
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            line.push(',');
        }
        let cell = cell.as_ref();
        if cell.contains(['"', ',', ';', '\t', '\r', '\n']) || cell.starts_with(' ') || cell.ends_with(' ') {
            line.push('"');
            line.push_str(&cell.replace('"', "\"\""));
            line.push('"');
        } else {
            line.push_str(cell);
        }
    }
    line.push_str("\r\n");
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_that_goes_out_calculates() {
        for (text, safe) in [
            ("=1+1", "'=1+1"),
            ("＝cmd", "'＝cmd"),
            ("-5", "'-5"),
            ("@sum", "'@sum"),
            ("\t=1", "'\t=1"),
            ("'=1", "''=1"),
            ("张三", "张三"),
            ("", ""),
        ] {
            assert_eq!(spreadsheet_safe(text), safe);
            assert_eq!(original(safe), text);
        }
        assert_eq!(csv_line(["a", "b,c", "d\"e", ""]), "a,\"b,c\",\"d\"\"e\",\r\n");
    }

    proptest! {
        #[test]
        fn what_was_made_safe_comes_back_as_it_was(text in "\\PC*") {
            let safe = spreadsheet_safe(&text);
            prop_assert_eq!(original(&safe), text.as_str());
        }
    }
}
