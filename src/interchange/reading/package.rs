//! The look at a workbook's archive before anything of it is believed: how many parts, where they claim to lie, and what comes out of them.
//!
//! Every part is inflated once into a small buffer and thrown away; only the counts remain. What passes has parts of bounded size,
//! and texts that hold no document type (and so no entities), and no text or tag longer than a cell may be.

use std::io::{Cursor, Read};

use memchr::{memchr, memmem, memrchr};
use zip::ZipArchive;

use super::Refusal;

/// Most parts of a workbook.
const PARTS_MAX: usize = 1_000;
/// Most bytes that all parts may come to.
const INFLATED_MAX: usize = 96 * 1024 * 1024;
/// Most bytes of the part that holds the texts, which is read whole.
const STRINGS_MAX: usize = 32 * 1024 * 1024;
/// Most bytes of a part that is no text, such as a picture. It is not searched, so it must not be worth reading either.
const PICTURE_MAX: usize = 8 * 1024 * 1024;
/// How many times its size a part may become; spreadsheets come to thirty, bombs to a thousand.
const RATIO_MAX: usize = 200;
/// A small part may be very regular.
const RATIO_FROM: usize = 1024 * 1024;
/// Longest stretch without a tag: a cell of as many characters as Excel takes, each written as an entity.
const STRETCH_MAX: usize = 256 * 1024;
/// Digits of a number of texts that a workbook may claim: up to a million less one.
const COUNT_DIGITS_MAX: usize = 6;
/// How much of a part is looked at together with what follows, in bytes.
const TAIL: usize = 128;
/// The end record of an archive and the longest comment behind it.
const END_RECORD: usize = 22;
const COMMENT_MAX: usize = 65_535;

/// Fine when the archive may be read as a workbook.
///
/// # Errors
/// A [`Refusal`] naming what is wrong with it.
pub(super) fn inspect(bytes: &[u8]) -> Result<(), Refusal> {
    if parts_claimed(bytes).ok_or_else(truncated)? > PARTS_MAX {
        return Err(bomb("it has too many parts", "部件过多"));
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| truncated())?;
    let mut inflated = 0;
    let mut is_workbook = false;
    for place in 0..archive.len() {
        let part = archive.by_index(place).map_err(|_| truncated())?;
        let name = part.name().map_err(|_| truncated())?.to_ascii_lowercase();
        if part.encrypted() || name.starts_with('/') || name.contains("..") || name.contains('\\') {
            return Err(bomb("a part of it is locked or lies outside of it", "部件被加密或路径异常"));
        }
        is_workbook |= name == "xl/workbook.xml";
        let is_text = matches!(name.rsplit('.').next(), Some("xml" | "rels"));
        let packed = usize::try_from(part.compressed_size()).unwrap_or(usize::MAX);
        let claimed = part.size();
        let most = match name.as_str() {
            "xl/sharedstrings.xml" => STRINGS_MAX,
            _ if is_text => INFLATED_MAX,
            _ => PICTURE_MAX,
        };
        let size = measure(part, packed, most.min(INFLATED_MAX - inflated), is_text)?;
        if u64::try_from(size) != Ok(claimed) {
            return Err(bomb("a part is not as large as it says", "部件大小与声明不符"));
        }
        inflated += size;
    }
    if is_workbook { Ok(()) } else { Err(no_workbook()) }
}

/// How many parts the end record speaks of, before the library makes room for them.
fn parts_claimed(bytes: &[u8]) -> Option<usize> {
    let from = bytes.len().saturating_sub(END_RECORD + COMMENT_MAX);
    let tail = bytes.get(from..)?;
    let at = memmem::rfind(tail, b"PK\x05\x06")?;
    let count = tail.get(at + 10..)?.first_chunk::<2>()?;
    Some(usize::from(u16::from_le_bytes(*count)))
}

/// The size of a part as it really comes out.
fn measure(mut part: impl Read, packed: usize, most: usize, is_text: bool) -> Result<usize, Refusal> {
    let mut buffer = vec![0; 64 * 1024];
    let mut scan = Scan::default();
    let mut size = 0;
    loop {
        let read = part.read(&mut buffer).map_err(|_| truncated())?;
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else { return Ok(size) };
        if is_text && size == 0 && (piece.starts_with(&[0xfe, 0xff]) || piece.starts_with(&[0xff, 0xfe])) {
            return Err(bomb("a part is not written in UTF-8", "部件不是 UTF-8 编码"));
        }
        size += read;
        if size > most || (size > RATIO_FROM && size > packed.saturating_mul(RATIO_MAX)) {
            return Err(bomb("a part of it swells beyond what a workbook needs", "部件解压后异常膨胀"));
        }
        if is_text {
            scan.piece(piece)?;
        }
    }
}

/// What is looked for in the text of a part, piece by piece.
#[derive(Default)]
struct Scan {
    /// Bytes since the last tag began.
    stretch: usize,
    /// The end of the pieces before: what is looked for may lie across two of them.
    tail: Vec<u8>,
}

impl Scan {
    fn piece(&mut self, piece: &[u8]) -> Result<(), Refusal> {
        // A piece is shorter than what is allowed, so only its first tag and its last matter.
        match (memchr(b'<', piece), memrchr(b'<', piece)) {
            (Some(first), Some(last)) => {
                within_stretch(self.stretch + first)?;
                self.stretch = piece.len() - last;
            }
            _ => self.stretch += piece.len(),
        }
        within_stretch(self.stretch)?;
        let mut text = std::mem::take(&mut self.tail);
        text.extend_from_slice(piece);
        let declares = |at: usize| matches!(text.get(at + 2), Some(b'D' | b'E' | b'd' | b'e'));
        if memmem::find_iter(&text, b"<!").any(declares) {
            return Err(bomb("a part of it declares a document type", "部件含有文档类型声明"));
        }
        // The reader makes room for as many texts as this attribute claims.
        let claims_much = |at: usize| {
            let after = text.get(at..).unwrap_or_default().iter().skip("uniqueCount".len());
            after
                .take(TAIL / 2)
                .skip_while(|byte| !byte.is_ascii_digit())
                .take_while(|byte| byte.is_ascii_digit())
                .count()
                > COUNT_DIGITS_MAX
        };
        if memmem::find_iter(&text, b"uniqueCount").any(claims_much) {
            return Err(bomb("it claims to hold more texts than a workbook can", "声明的文本数量异常"));
        }
        text.drain(..text.len().saturating_sub(TAIL));
        self.tail = text;
        Ok(())
    }
}

fn within_stretch(bytes: usize) -> Result<(), Refusal> {
    if bytes > STRETCH_MAX {
        return Err(bomb("a cell of it is longer than any cell", "单元格内容超长"));
    }
    Ok(())
}

fn bomb(en: &str, zh: &str) -> Refusal {
    Refusal::new(
        "workbook_refused",
        format!("the workbook is not read because {en}; save it anew with a spreadsheet program"),
        format!("工作簿未读取：{zh}；请用表格软件重新保存"),
    )
}

pub(super) fn truncated() -> Refusal {
    Refusal::new(
        "workbook_damaged",
        "the workbook is cut off or damaged; save it anew and send it again",
        "工作簿不完整或已损坏，请重新保存后再次提交",
    )
}

fn no_workbook() -> Refusal {
    Refusal::new(
        "file_type_differs",
        "this archive holds no workbook; send the .xlsx file itself",
        "压缩包中没有工作簿，请直接提交 .xlsx 文件",
    )
}
