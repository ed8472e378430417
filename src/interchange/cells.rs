//! What a cell means, as clerks write it: months, wages, yes and no, places, phones, identity numbers.
//!
//! Each reading is certain or refused with a code and the remedy. A cell that could mean two things is never decided here.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::reading::{Cell, day_of_serial, is_space};
use crate::db::Day;
use crate::regions::place_text::PlaceMatch;
use crate::regions::{RegionCode, atlas};
use crate::workers::identity_number::{IdentityNumber, IdentityNumberError};
use crate::workers::phone::{Phone, PhoneError};

/// Why a cell could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Stable code.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub en: String,
    /// The same in Chinese.
    pub zh: String,
}

/// What a reading gives.
pub type Reading<T> = Result<T, Unread>;

fn unread<T>(code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Reading<T> {
    Err(Unread { code, en: en.into(), zh: zh.into() })
}

/// A cell's text in one spelling: full-width forms folded, spaces at the ends and a spreadsheet's apostrophe removed.
#[must_use]
pub fn plain(cell: &Cell) -> String {
    let folded: String = cell.shown().nfkc().collect();
    folded.trim_matches(is_space).trim_start_matches(['\'', '‘', '’', '`']).trim_matches(is_space).to_owned()
}

/// The same without any space inside.
#[must_use]
pub fn squeezed(cell: &Cell) -> String {
    plain(cell).chars().filter(|character| !is_space(*character)).collect()
}

/// A day, or a month of which no day is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dated {
    /// The first day it can be.
    pub first: Day,
    /// The last day it can be.
    pub last: Day,
}

impl Dated {
    fn day(day: Date) -> Self {
        Self { first: Day(day), last: Day(day) }
    }

    fn month(year: i16, month: i8) -> Option<Self> {
        let first = Date::new(year, month, 1).ok()?;
        Some(Self { first: Day(first), last: Day(first.last_of_month()) })
    }
}

/// A day or a month: `2026年02月`, `2026.2`, `2026/2/1`, `2026-02`, `20260215`, a date cell, a serial number.
///
/// # Errors
/// `date_unreadable`; `month_ambiguous` for a number such as 2026.1, which a spreadsheet also makes of 2026.10.
pub fn dated(cell: &Cell) -> Reading<Option<Dated>> {
    if let Cell::Day { day } = cell {
        return Ok(Some(Dated::day(*day)));
    }
    if let Cell::Number(number) = cell {
        if let Some(day) = day_of_serial(*number).filter(|_| number.fract() == 0.0) {
            return Ok(Some(Dated::day(day)));
        }
        if (1980.0..2100.0).contains(number) && squeezed(cell).ends_with(".1") {
            return unread(
                "month_ambiguous",
                "the number may be January or October, because a spreadsheet drops the last zero; write it as 2026-01 or 2026-10",
                "该数字可能是 1 月或 10 月（表格软件会去掉末尾的 0），请写成 2026-01 或 2026-10",
            );
        }
    }
    // A time of day says nothing here.
    let words = plain(cell).replace('T', " ");
    let text: String = words.split(is_space).filter(|word| !word.contains(':')).collect();
    if text.is_empty() || text == "-" || text == "/" || text == "无" {
        return Ok(None);
    }
    match day_or_month(&text) {
        Some(dated) => Ok(Some(dated)),
        None => unread(
            "date_unreadable",
            "is no day or month; write it as 2026-02-01 or 2026-02",
            "不是日期或月份，请写成 2026-02-01 或 2026-02",
        ),
    }
}

fn day_or_month(text: &str) -> Option<Dated> {
    let numbers: Vec<&str> =
        text.split(|character: char| !character.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    let fits = |character: char| character.is_ascii_digit() || "年月日号./-".contains(character);
    if !text.chars().all(fits) {
        return None;
    }
    let number = |text: &str| text.parse::<i16>().ok();
    let small = |text: &str| text.parse::<i8>().ok();
    match numbers.as_slice() {
        [whole] if whole.len() == 8 => {
            Date::new(number(whole.get(..4)?)?, small(whole.get(4..6)?)?, small(whole.get(6..)?)?).ok().map(Dated::day)
        }
        [whole] if whole.len() == 6 => Dated::month(number(whole.get(..4)?)?, small(whole.get(4..)?)?),
        [year, month] if year.len() == 4 => Dated::month(number(year)?, small(month)?),
        [year, month, day, ..] if year.len() == 4 => {
            Date::new(number(year)?, small(month)?, small(day)?).ok().map(Dated::day)
        }
        // 05/20/06 00:00:00, as American files have it: month, day, year of this century.
        [month, day, year, ..] if text.contains('/') && year.len() == 2 => {
            Date::new(2000 + number(year)?, small(month)?, small(day)?).ok().map(Dated::day)
        }
        _ => None,
    }
}

/// From when to when, in one cell: `2026.2-2026.8`, `2026年2月至2026年8月`, `2026-02-01~2026-08-31`, `2026年2月至今`; one day or month alone
/// is the beginning.
///
/// # Errors
/// `date_unreadable`.
pub fn period(cell: &Cell) -> Reading<Option<(Dated, Option<Dated>)>> {
    let text = squeezed(cell);
    let parts: Vec<&str> = text.split(['至', '~', '—', '到']).filter(|part| !part.is_empty()).collect();
    let halves = match parts.as_slice() {
        [from, to] => Some((*from, *to)),
        [whole] => {
            // One dash between two halves of the same length in signs: 2026.2-2026.8; 2026-02-2026-08.
            let dashes: Vec<usize> = whole.match_indices('-').map(|(at, _)| at).collect();
            let middle = dashes.get(dashes.len() / 2).filter(|_| dashes.len() % 2 == 1).copied();
            middle.and_then(|at| Some((whole.get(..at)?, whole.get(at + 1..)?))).filter(|(_, to)| to.len() > 2)
        }
        _ => None,
    };
    if let Some((from, to)) = halves {
        let end = if to == "今" || to == "现在" { Some(None) } else { day_or_month(to).map(Some) };
        if let (Some(from), Some(end)) = (day_or_month(from), end) {
            return Ok(Some((from, end)));
        }
    }
    dated(cell).map(|from| from.map(|from| (from, None)))
}

/// Yes or no: 是, √, 1 or 否, ×, 0; nothing when the cell is empty.
///
/// # Errors
/// `flag_unreadable`.
pub fn flag(cell: &Cell) -> Reading<Option<bool>> {
    if let Cell::Flag(flag) = cell {
        return Ok(Some(*flag));
    }
    match squeezed(cell).to_lowercase().as_str() {
        "" | "-" | "/" => Ok(None),
        "是" | "√" | "✓" | "✔" | "1" | "有" | "对" | "y" | "yes" | "true" | "01" => Ok(Some(true)),
        "否" | "×" | "✗" | "x" | "0" | "无" | "没有" | "不是" | "n" | "no" | "false" | "02" => Ok(Some(false)),
        _ => {
            unread("flag_unreadable", "is neither 是 nor 否; write one of them", "既不是“是”也不是“否”，请填写其中之一")
        }
    }
}

/// A monthly wage in fen, from and to; both are the same where one figure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wage {
    /// At least.
    pub min_fen: i64,
    /// At most.
    pub max_fen: i64,
}

/// A wage: `5000`, `5000-6000`, `5千`, `0.5万`, `5k以上`; 面议 says nothing.
///
/// # Errors
/// `wage_unreadable`; `wage_not_monthly` for a wage by the day, hour or piece.
pub fn wage(cell: &Cell) -> Reading<Option<Wage>> {
    let text = squeezed(cell).replace([',', '¥', '￥'], "").to_lowercase();
    if text.is_empty() || text == "-" || text.contains("面议") || text.contains("面谈") {
        return Ok(None);
    }
    if ["/天", "/日", "每天", "/小时", "/时", "时薪", "日薪", "计件", "/件"].iter().any(|unit| text.contains(unit))
    {
        return unread(
            "wage_not_monthly",
            "is no monthly wage; write the monthly wage in yuan",
            "不是月工资，请填写月工资（元）",
        );
    }
    let figures: String = ["元/月", "/月", "每月", "元", "左右", "以上", "起", "月薪", "约", "月"]
        .iter()
        .fold(text, |text, word| text.replace(word, ""));
    let halves: Vec<&str> = figures.split(['-', '~', '—', '至', '到']).collect();
    let read = match halves.as_slice() {
        [one] => fen(one, "").map(|fen| Wage { min_fen: fen, max_fen: fen }),
        // 5-6千: the unit stands once, behind the second figure.
        [from, to] => {
            let unit = to.trim_start_matches(|character: char| character.is_ascii_digit() || character == '.');
            fen(from, unit).zip(fen(to, "")).map(|(min_fen, max_fen)| Wage { min_fen, max_fen })
        }
        _ => None,
    };
    match read {
        Some(wage) if wage.min_fen <= wage.max_fen => Ok(Some(wage)),
        _ => unread(
            "wage_unreadable",
            "is no wage; write a figure in yuan such as 5000, or 5000-6000",
            "不是工资金额，请填写以元为单位的数字，例如 5000 或 5000-6000",
        ),
    }
}

/// A figure in yuan, 千 or 万 as fen, exactly; `unit` holds where the figure has none.
fn fen(figure: &str, unit: &str) -> Option<i64> {
    let digits = figure.trim_end_matches(|character: char| !character.is_ascii_digit());
    let own = figure.get(digits.len()..)?;
    let yuan_fen = match if own.is_empty() { unit } else { own } {
        "" => 100,
        "千" | "k" => 100_000,
        "万" | "w" => 1_000_000,
        _ => return None,
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty()
        || whole.len() > 9
        || part.len() > 6
        || !format!("{whole}{part}").bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let scale = 10_i64.checked_pow(u32::try_from(part.len()).ok()?)?;
    let figure: i64 = format!("{whole}{part}").parse().ok()?;
    let scaled = figure.checked_mul(yuan_fen)?;
    // What is less than a fen is a spreadsheet's rounding.
    scaled.checked_add(scale / 2)?.checked_div(scale)
}

/// A count of people or months.
///
/// # Errors
/// `count_unreadable`.
pub fn count(cell: &Cell) -> Reading<Option<i64>> {
    let text = squeezed(cell).replace(',', "");
    let figure = text.trim_end_matches(['人', '名', '个', '月', '天']);
    let figure = figure.strip_suffix(".0").unwrap_or(figure);
    if figure.is_empty() || figure == "-" {
        return Ok(None);
    }
    match figure.parse::<i64>() {
        Ok(count) if count >= 0 => Ok(Some(count)),
        _ => unread("count_unreadable", "is no whole number; write digits only", "不是整数，请只填写数字"),
    }
}

/// A place, as far as the text names one: a county or a city without counties is complete, anything above is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceRead {
    /// The division.
    pub code: RegionCode,
    /// Whether somebody can work there: not merely a province or a city with counties.
    pub is_complete: bool,
}

/// A place: 浙江义乌, 义乌市, 浙江省金华市义乌市, or a code.
///
/// # Errors
/// `place_ambiguous` with those it may be, `place_unknown`.
pub fn place(text: &str) -> Reading<Option<PlaceRead>> {
    let text: String = text.chars().filter(|character| !is_space(*character)).collect();
    if text.is_empty() || text == "-" || text == "无" {
        return Ok(None);
    }
    let read = |code| Ok(Some(PlaceRead { code, is_complete: atlas().is_complete_workplace(code) }));
    if let Ok(code) = RegionCode::parse_lenient(&text) {
        let mut current = atlas().current_codes(code).into_iter();
        if let (Some(code), None) = (current.next(), current.next()) {
            return read(code);
        }
    }
    match atlas().find_by_place_text(&text) {
        PlaceMatch::Unique { region, .. } => region.code.map_or(Ok(None), read),
        PlaceMatch::Candidates { regions } => {
            let names: Vec<String> =
                regions.iter().take(5).filter_map(|region| Some(format!("{} {}", region.code?, region.name))).collect();
            let names = names.join("、");
            unread(
                "place_ambiguous",
                format!("may be {names}; write it with province and city"),
                format!("可能是 {names}，请写明省、市、县"),
            )
        }
        PlaceMatch::Unknown => unread(
            "place_unknown",
            "names no province, city or county; write it as 浙江省金华市义乌市",
            "未能识别省、市、县，请写成“浙江省金华市义乌市”的形式",
        ),
    }
}

/// A mobile number; of two in one cell the first, and that there were two.
///
/// # Errors
/// The code of [`PhoneError`].
pub fn phone(cell: &Cell) -> Reading<Option<(String, bool)>> {
    let text = plain(cell);
    match Phone::parse(&text) {
        Ok(phone) => Ok(Some((phone.as_str().to_owned(), false))),
        Err(PhoneError::Empty) => Ok(None),
        Err(PhoneError::Several) => {
            let parts = text.split(|character: char| !(character.is_ascii_digit() || "+- ".contains(character)));
            let first = parts.flat_map(|part| part.split_whitespace()).find_map(|part| Phone::parse(part).ok());
            first.map_or_else(
                || {
                    unread(
                        PhoneError::Several.code(),
                        PhoneError::Several.message_en(),
                        PhoneError::Several.message_zh(),
                    )
                },
                |phone| Ok(Some((phone.as_str().to_owned(), true))),
            )
        }
        Err(error) => unread(error.code(), error.message_en(), error.message_zh()),
    }
}

/// An identity number. A number cell of more than fifteen digits has lost its last ones: it is reported, never guessed.
///
/// # Errors
/// The code of [`IdentityNumberError`].
pub fn identity_number(cell: &Cell, today: Day) -> Reading<Option<IdentityNumber>> {
    let fault = |error: IdentityNumberError| unread(error.code(), error.message_en(), error.message_zh());
    if matches!(cell, Cell::Number(number) if number.abs() >= 1e15) {
        return fault(IdentityNumberError::Damaged);
    }
    match IdentityNumber::parse(&cell.shown(), today.0) {
        Ok(number) => Ok(Some(number)),
        Err(IdentityNumberError::Empty) => Ok(None),
        Err(error) => fault(error),
    }
}

#[cfg(test)]
mod tests;
