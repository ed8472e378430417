//! The levels of every comparator, with their labels and starting values.
//!
//! The starting values are round figures of experience, not fitted to any list: they count as much as a handful of pairs (see
//! [`estimation`](crate::linkage::estimation)) and are soon outvoted where there is something to learn from.

/// A degree of agreement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Stable code.
    pub code: &'static str,
    /// Label in Chinese.
    pub zh: &'static str,
    /// Label in English.
    pub en: &'static str,
    /// Share of true partners that stand here, to begin with; the levels of a comparator sum to one.
    pub when_same: f64,
    /// Share of strangers that stand here, to begin with; the levels of a comparator sum to one.
    pub when_different: f64,
}

const fn level(code: &'static str, zh: &'static str, en: &'static str, when_same: f64, when_different: f64) -> Level {
    Level { code, zh, en, when_same, when_different }
}

pub(super) const EXACT: &[Level] =
    &[level("equal", "一致", "equal", 0.9, 0.1), level("different", "不一致", "different", 0.1, 0.9)];

pub(super) const SEX: &[Level] =
    &[level("equal", "一致", "equal", 0.98, 0.5), level("different", "不一致", "different", 0.02, 0.5)];

pub(super) const TEXT: &[Level] = &[
    level("equal", "一致", "equal", 0.80, 0.02),
    level("very_similar", "非常相近", "very similar", 0.10, 0.01),
    level("similar", "相近", "similar", 0.04, 0.03),
    level("different", "不一致", "different", 0.06, 0.94),
];

pub(super) const CODE: &[Level] = &[
    level("equal", "一致", "equal", 0.85, 0.02),
    level("slip", "差一个字符", "one slip of the keyboard", 0.08, 0.02),
    level("different", "不一致", "different", 0.07, 0.96),
];

pub(super) const DATE: &[Level] = &[
    level("equal", "一致", "equal", 0.80, 0.001),
    level("same_month", "年月一致", "equal to the month", 0.08, 0.002),
    level("slip", "差一位或月日颠倒", "one digit off, or day and month swapped", 0.05, 0.005),
    level("same_year", "仅年份一致", "only the year is equal", 0.03, 0.03),
    level("different", "不一致", "different", 0.04, 0.962),
];

pub(super) const CHINESE_NAME: &[Level] = &[
    level("equal", "一致", "equal", 0.80, 0.002),
    level("same_form", "繁简、异体或语序不同，实为同名", "the same name in other characters or order", 0.06, 0.001),
    level("same_sound", "同音", "sounds the same", 0.07, 0.003),
    level("near", "读音相近或差一个字", "sounds nearly the same, or one character off", 0.04, 0.014),
    level("same_surname", "仅姓氏一致", "only the surname is equal", 0.02, 0.06),
    level("different", "不一致", "different", 0.01, 0.92),
];

pub(super) const PHONE: &[Level] = &[
    level("equal", "一致", "equal", 0.70, 0.002),
    level("near", "差一位，或可见位一致", "one digit off, or visible digits equal", 0.05, 0.001),
    level("different", "不一致", "different", 0.25, 0.997),
];

pub(super) const IDENTITY_NUMBER: &[Level] = &[
    level("equal", "一致", "equal", 0.55, 0.0002),
    level("visible_equal", "可见位一致", "all visible digits are equal", 0.25, 0.002),
    level("slip", "差一位", "one digit off", 0.12, 0.0008),
    level("part_equal", "少数可见位一致", "the few visible digits are equal", 0.05, 0.05),
    level("different", "不一致", "different", 0.03, 0.947),
];

pub(super) const PLACE: &[Level] = &[
    level("equal", "一致", "equal", 0.75, 0.05),
    level("contained", "写法详略不同，实为同一地点", "the same place, written shorter or longer", 0.12, 0.02),
    level("similar", "相近", "similar", 0.03, 0.08),
    level("different", "不一致", "different", 0.10, 0.85),
];
