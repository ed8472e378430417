//! Mobile phone numbers of workers: how to reach a person, never who the person is.
//!
//! A number is often shared by a couple or a whole village, so it may support a match and never makes one.
//!
//! Deliberately absent: landlines, foreign numbers and lists of prefixes in use, which change every year.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// A mobile number in mainland China: 11 digits starting with 1. It has no `Display`; its debug form is masked.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Phone(String);

/// Why a text is refused as a phone number. The text itself is never part of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.message_en())]
pub enum PhoneError {
    /// Nothing was written.
    Empty,
    /// More than one number in the cell.
    Several,
    /// Digits are covered (`138****1234`).
    Masked,
    /// A spreadsheet shows the number as an approximate one (`1.38E+10`).
    Damaged,
    /// Something other than digits and the usual separators.
    NotDigits,
    /// Not 11 digits starting with 1.
    NotMobile,
}

impl PhoneError {
    /// The stable code of the refusal.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "phone_empty",
            Self::Several => "phone_several",
            Self::Masked => "phone_masked",
            Self::Damaged => "phone_damaged",
            Self::NotDigits => "phone_not_digits",
            Self::NotMobile => "phone_not_mobile",
        }
    }

    /// What is wrong and what to do, in English.
    #[must_use]
    pub const fn message_en(self) -> &'static str {
        match self {
            Self::Empty => "The phone number is missing; give one or leave the column out.",
            Self::Several => {
                "The cell holds more than one phone number; keep the one on which the person can be reached."
            }
            Self::Masked => "The phone number is partly hidden; send the whole number.",
            Self::Damaged => "A spreadsheet shortened the phone number; format the column as text and enter it again.",
            Self::NotDigits => "The phone number contains something other than digits; give the number only.",
            Self::NotMobile => "A mobile number has 11 digits and starts with 1; compare it with the person.",
        }
    }

    /// What is wrong and what to do, in Chinese.
    #[must_use]
    pub const fn message_zh(self) -> &'static str {
        match self {
            Self::Empty => "未填写联系电话，请填写或不要该列。",
            Self::Several => "同一格有多个电话号码，请只保留能联系到本人的一个。",
            Self::Masked => "电话号码被部分遮盖，请填写完整号码。",
            Self::Damaged => "电话号码被电子表格按数值缩写，请将该列设为文本格式后重新录入。",
            Self::NotDigits => "电话号码含有非数字字符，请只填写号码。",
            Self::NotMobile => "手机号码应为以1开头的11位数字，请与本人核对。",
        }
    }
}

impl Phone {
    /// Reads a number as clerks write it: spaces, dashes, full-width digits, `+86`, a spreadsheet's apostrophe or `.0`.
    ///
    /// # Errors
    /// [`PhoneError`] when it is not exactly one mobile number.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let folded: String = text.nfkc().collect();
        let cell = folded.trim().trim_start_matches(['\'', '‘', '’', '`']);
        let cell = cell.strip_suffix(".0").unwrap_or(cell);
        if cell.contains(['*', '●', '•', '█', '#']) || cell.to_ascii_lowercase().contains("xx") {
            return Err(PhoneError::Masked);
        }
        if is_scientific(cell) {
            return Err(PhoneError::Damaged);
        }
        let digits: String = cell.chars().filter(char::is_ascii_digit).collect();
        if digits.is_empty() {
            let nothing = cell.chars().all(is_separator);
            return Err(if nothing { PhoneError::Empty } else { PhoneError::NotDigits });
        }
        if holds_several(cell, &digits) {
            return Err(PhoneError::Several);
        }
        if cell.chars().any(|character| !character.is_ascii_digit() && !is_separator(character)) {
            return Err(PhoneError::NotDigits);
        }
        let national = without_country(&digits);
        if is_mobile(national) { Ok(Self(national.to_owned())) } else { Err(PhoneError::NotMobile) }
    }

    /// The 11 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form other people see: `138****1234`.
    #[must_use]
    pub fn masked(&self) -> String {
        let first = self.0.get(..3).unwrap_or_default();
        let last = self.0.get(7..).unwrap_or_default();
        format!("{first}****{last}")
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Phone({})", self.masked())
    }
}

fn is_mobile(digits: &str) -> bool {
    digits.len() == 11 && digits.starts_with('1')
}

fn without_country(digits: &str) -> &str {
    ["0086", "86"]
        .iter()
        .filter_map(|country| digits.strip_prefix(country))
        .find(|rest| is_mobile(rest))
        .unwrap_or(digits)
}

fn is_separator(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '-' | '‐' | '‑' | '–' | '—' | '−' | '+' | '(' | ')' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}')
}

/// Two numbers written side by side, whatever stands between them, or one after another without anything.
fn holds_several(cell: &str, digits: &str) -> bool {
    let numbers = cell
        .split(|character: char| !character.is_ascii_digit())
        .filter(|part| part.len() >= 7 && !part.starts_with("86") || part.len() >= 11)
        .count();
    let parts = cell
        .split(['/', '、', ',', ';', '|', '或', '\n'])
        .filter(|part| part.chars().filter(char::is_ascii_digit).count() >= 7)
        .count();
    numbers > 1 || parts > 1 || digits.len() >= 22
}

/// `1.38E+10`: digits, at most one point, an exponent.
fn is_scientific(cell: &str) -> bool {
    let Some((mantissa, exponent)) = cell.split_once(['E', 'e']) else { return false };
    let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
    let whole = mantissa.replacen('.', "", 1);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(exponent) && digits(&whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(text: &str) -> &'static str {
        Phone::parse(text).unwrap_err().code()
    }

    #[test]
    fn the_ways_a_number_is_written_mean_the_same_number() {
        for text in [
            "10012345678",
            "100 1234 5678",
            "100-1234-5678",
            "+86 10012345678",
            "+86-100-1234-5678",
            "(+86)10012345678",
            "8610012345678",
            "008610012345678",
            "１００１２３４５６７８",
            "'10012345678",
            "10012345678.0",
            "10012345678\n",
            "\u{202d}10012345678\u{202c}",
        ] {
            assert_eq!(Phone::parse(text).unwrap().as_str(), "10012345678", "{text}");
        }
    }

    #[test]
    fn what_is_not_one_mobile_number_is_refused_with_a_reason() {
        for (text, code) in [
            ("", "phone_empty"),
            (" - ", "phone_empty"),
            ("10012345678/10087654321", "phone_several"),
            ("10012345678、10087654321", "phone_several"),
            ("10012345678 10087654321", "phone_several"),
            ("100-1234-5678，100-8765-4321", "phone_several"),
            ("1001234567810087654321", "phone_several"),
            ("10012345678（妻）10087654321", "phone_several"),
            ("100****5678", "phone_masked"),
            ("100xxxx5678", "phone_masked"),
            ("1.00E+10", "phone_damaged"),
            ("无", "phone_not_digits"),
            ("10012345678 张三", "phone_not_digits"),
            ("1001234567", "phone_not_mobile"),
            ("100123456789", "phone_not_mobile"),
            ("0739-6821234", "phone_not_mobile"),
            ("20012345678", "phone_not_mobile"),
        ] {
            assert_eq!(refused(text), code, "{text}");
        }
    }

    #[test]
    fn the_middle_of_the_number_is_hidden() {
        let phone = Phone::parse("10012345678").unwrap();
        assert_eq!(phone.masked(), "100****5678");
        assert_eq!(format!("{phone:?}"), "Phone(100****5678)");
    }

    #[test]
    fn every_refusal_has_a_remedy_in_both_languages() {
        for error in [
            PhoneError::Empty,
            PhoneError::Several,
            PhoneError::Masked,
            PhoneError::Damaged,
            PhoneError::NotDigits,
            PhoneError::NotMobile,
        ] {
            assert!(error.message_zh().contains('请'));
            assert!(error.message_en().contains(';'));
        }
    }

    proptest! {
        #[test]
        fn every_number_comes_back_unchanged(number in "1[0-9]{10}") {
            let phone = Phone::parse(&number).unwrap();
            prop_assert_eq!(phone.as_str(), &number);
            let international = format!("+86 {number}");
            prop_assert_eq!(Phone::parse(&international).unwrap(), phone);
        }

        #[test]
        fn two_numbers_in_one_cell_are_never_taken_for_one(left in "1[0-9]{10}", right in "1[0-9]{10}", between in "[/、，,; 或\n]") {
            let cell = format!("{left}{between}{right}");
            prop_assert_eq!(Phone::parse(&cell), Err(PhoneError::Several));
        }

        #[test]
        fn any_text_gets_an_answer(text in "\\PC{0,40}") {
            let _ = Phone::parse(&text);
        }
    }
}
