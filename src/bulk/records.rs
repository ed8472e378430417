//! Bytes cut into records, as they arrive: lines of NDJSON, or records of CSV, whose quoted cells may hold line breaks.
//!
//! The cut is made on bytes, before anything is decoded: in UTF-8 and in GB18030 a quote and a line break are never part of another
//! character.

use encoding_rs::GB18030;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};

/// One record, without its line break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The line it begins in, from 1.
    pub line: usize,
    /// The text of it, as UTF-8.
    pub text: String,
}

/// What the bytes of a text mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charset {
    /// Nobody said: UTF-8 as long as it is, GB18030 from the first record that is not. Excel on Chinese Windows saves the latter.
    #[default]
    Undeclared,
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// GB18030, which holds GBK and GB 2312.
    Gb18030,
}

impl Charset {
    /// The charset a media type names, in lower case; none for one that is not taken.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "utf-8" | "utf8" | "us-ascii" => Some(Self::Utf8),
            "gb18030" | "gbk" | "gb2312" => Some(Self::Gb18030),
            _ => None,
        }
    }
}

/// Cuts what arrives.
#[derive(Debug)]
pub struct Records {
    quoting: bool,
    charset: Charset,
    buffer: Vec<u8>,
    /// Bytes of the buffer that belong to records already given.
    given: usize,
    /// Bytes of the buffer already looked at.
    seen: usize,
    within_quotes: bool,
    line: usize,
    /// Lines begun within the record at hand.
    broken: usize,
    row_bytes_max: usize,
}

impl Records {
    /// Nothing has arrived yet. With `quoting` a line break between quotes is part of its record.
    #[must_use]
    pub const fn new(quoting: bool, charset: Charset, row_bytes_max: usize) -> Self {
        Self {
            quoting,
            charset,
            buffer: Vec::new(),
            given: 0,
            seen: 0,
            within_quotes: false,
            line: 1,
            broken: 0,
            row_bytes_max,
        }
    }

    /// Takes bytes in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.given);
        self.seen = self.seen.saturating_sub(self.given);
        self.given = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next record that is whole.
    ///
    /// # Errors
    /// [`Code::BodyTooLarge`] for a record without an end, [`Code::RowsUnreadable`] for bytes that are no text.
    pub fn take(&mut self) -> Result<Option<Record>> {
        while let Some(byte) = self.buffer.get(self.seen) {
            self.seen += 1;
            match byte {
                b'"' if self.quoting => self.within_quotes = !self.within_quotes,
                b'\n' if self.within_quotes => self.broken += 1,
                b'\n' => {
                    if let Some(record) = self.give(self.seen.saturating_sub(1))? {
                        return Ok(Some(record));
                    }
                }
                _ => {}
            }
        }
        if self.seen.saturating_sub(self.given) > self.row_bytes_max {
            return Err(Error::new(Code::BodyTooLarge)
                .detail(
                    format!("the row that begins in line {} does not end; a quote may be missing", self.line),
                    format!("第 {} 行开始的记录没有结束，可能缺少引号", self.line),
                )
                .param("limit_bytes", self.row_bytes_max));
        }
        Ok(None)
    }

    /// The last record, which may have no line break.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn finish(&mut self) -> Result<Option<Record>> {
        match self.take()? {
            Some(record) => Ok(Some(record)),
            None => self.give(self.buffer.len()),
        }
    }

    /// Gives the record up to `end`; none when the line is blank.
    fn give(&mut self, end: usize) -> Result<Option<Record>> {
        let line = self.line;
        let bytes = self.buffer.get(self.given..end).unwrap_or_default();
        let bytes = if line == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let (text, charset) = decoded(bytes, self.charset).ok_or_else(|| unreadable(line))?;
        self.charset = charset;
        self.given = self.seen;
        self.line += self.broken + 1;
        (self.broken, self.within_quotes) = (0, false);
        let blank = text.chars().all(|letter| letter.is_whitespace() || letter == ',' && self.quoting);
        Ok((!blank).then_some(Record { line, text }))
    }
}

fn decoded(bytes: &[u8], charset: Charset) -> Option<(String, Charset)> {
    match (std::str::from_utf8(bytes), charset) {
        (Ok(text), Charset::Utf8 | Charset::Undeclared) => Some((text.to_owned(), charset)),
        (Err(_), Charset::Utf8) => None,
        (_, Charset::Gb18030 | Charset::Undeclared) => {
            let text = GB18030.decode_without_bom_handling_and_without_replacement(bytes)?;
            Some((text.into_owned(), Charset::Gb18030))
        }
    }
}

fn unreadable(line: usize) -> Error {
    Error::new(Code::RowsUnreadable).detail(
        format!("line {line} is neither UTF-8 nor GB18030, or not what the charset parameter says"),
        format!("第 {line} 行既不是 UTF-8 也不是 GB18030，或与 charset 参数不符"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every record of a text that arrives in pieces of `size` bytes.
    fn cut(bytes: &[u8], size: usize, quoting: bool, charset: Charset) -> Result<Vec<(usize, String)>> {
        let mut records = Records::new(quoting, charset, 100);
        let mut found = Vec::new();
        for piece in bytes.chunks(size) {
            records.push(piece);
            while let Some(record) = records.take()? {
                found.push((record.line, record.text));
            }
        }
        while let Some(record) = records.finish()? {
            found.push((record.line, record.text));
        }
        Ok(found)
    }

    #[test]
    fn the_pieces_a_file_arrives_in_do_not_matter() {
        let file = "\u{feff}姓名,备注\r\n张三,\"两行\n备注\"\r\n\r\n,,\r\n李四,\"他说\"\"好\"\"\"".as_bytes();
        let expected = [(1, "姓名,备注"), (2, "张三,\"两行\n备注\""), (6, "李四,\"他说\"\"好\"\"\"")];
        for size in 1..=file.len() {
            let found = cut(file, size, true, Charset::Undeclared).unwrap();
            let found: Vec<_> = found.iter().map(|(line, text)| (*line, text.as_str())).collect();
            assert_eq!(found, expected, "pieces of {size} bytes");
        }
    }

    #[test]
    fn a_quote_means_nothing_in_a_line_of_json() {
        let found = cut(b"{\"a\":\"1\n{\"b\":2}\n", 4, false, Charset::Utf8).unwrap();
        assert_eq!(found, [(1, "{\"a\":\"1".to_owned()), (2, "{\"b\":2}".to_owned())]);
    }

    #[test]
    fn a_file_saved_by_excel_on_chinese_windows_is_read() {
        let (bytes, _, _) = GB18030.encode("ref,姓名\nA1,张三\n");
        for charset in [Charset::Undeclared, Charset::Gb18030] {
            let found = cut(&bytes, 5, true, charset).unwrap();
            assert_eq!(found, [(1, "ref,姓名".to_owned()), (2, "A1,张三".to_owned())]);
        }
        assert_eq!(cut(&bytes, 5, true, Charset::Utf8).unwrap_err().code, Code::RowsUnreadable);
    }

    #[test]
    fn a_row_without_an_end_is_refused_before_it_fills_the_memory() {
        let endless = format!("a,b\n1,\"{}", "x".repeat(500));
        let error = cut(endless.as_bytes(), 50, true, Charset::Utf8).unwrap_err();
        assert_eq!(error.code, Code::BodyTooLarge);
        assert!(error.detail.unwrap().en.contains("line 2"));
    }
}
