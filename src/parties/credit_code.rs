//! The unified social credit code (统一社会信用代码, GB 32100) by which an organisation is known.
//!
//! A text of the wrong length or with a character outside the alphabet is no code and is refused. A code whose check
//! character does not fit is kept with a warning: codes that fail the check have really been issued
//! (`91350211M0000XUF46`), and an employer must not be turned away because of them.
//!
//! Deliberately absent: a look-up in the business register, and the 15-digit registration number used before 2015.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

use crate::error::Text;

/// The characters of a code in the order of their value (GB 32100): no I, O, S, V, Z.
const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
/// The size of the alphabet, by which the weighted sum is divided.
const MODULUS: usize = 31;
/// Each place weighs three times the place before it, modulo 31.
const WEIGHT_STEP: usize = 3;

/// A credit code: 18 characters of the alphabet, capital letters.
#[derive(
    Clone,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
    diesel::expression::AsExpression,
    diesel::deserialize::FromSqlRow,
)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[0-9ABCDEFGHJKLMNPQRTUWXY]{18}$", max_length = 18, example = "91350100M000100Y43")]
#[diesel(sql_type = diesel::sql_types::Text)]
pub struct CreditCode(String);

/// What the rules of GB 32100 say about a code. A warning is shown and recorded; it never refuses the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(tag = "result", content = "reason", rename_all = "snake_case")]
pub enum CreditCodeCheck {
    /// Structure and check character are in order.
    Ok,
    /// Something does not fit; compare the code with the business licence.
    Warning(CreditCodeWarning),
}

crate::text_enum! {
    /// What does not fit.
    pub enum CreditCodeWarning {
        /// The third to eighth characters, the region of registration, are not all digits.
        RegistrationRegion => "registration_region" / "登记地区代码有误",
        /// The last character does not fit the 17 before it.
        CheckCharacter => "check_character" / "校验位不符",
    }
}

impl CreditCodeWarning {
    /// The stable code of the warning.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::RegistrationRegion => "credit_code_registration_region",
            Self::CheckCharacter => "credit_code_check_character",
        }
    }

    /// What does not fit and what to do, in English.
    #[must_use]
    pub const fn message_en(self) -> &'static str {
        match self {
            Self::RegistrationRegion => {
                "The third to eighth characters of the credit code should be the six digits of a region; compare the \
                 code with the licence. It is accepted as written."
            }
            Self::CheckCharacter => {
                "The last character of the credit code does not fit the others; compare the code with the licence. It \
                 is accepted as written, because a few codes were issued like this."
            }
        }
    }

    /// What does not fit and what to do, in Chinese.
    #[must_use]
    pub const fn message_zh(self) -> &'static str {
        match self {
            Self::RegistrationRegion => "统一社会信用代码第3至8位应为6位行政区划数字，请与营业执照核对；已按原样接收。",
            Self::CheckCharacter => {
                "统一社会信用代码校验位不符，请与营业执照核对；个别已发代码确有此情况，已按原样接收。"
            }
        }
    }
}

/// Why a text is no credit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.message_en())]
pub enum CreditCodeError {
    /// Nothing was written.
    Empty,
    /// Not 18 characters.
    Length,
    /// A character that no code contains, such as I, O, S, V or Z.
    Alphabet,
}

impl CreditCodeError {
    /// The stable code of the refusal.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "credit_code_empty",
            Self::Length => "credit_code_length",
            Self::Alphabet => "credit_code_alphabet",
        }
    }

    /// What is wrong and what to do, in English.
    #[must_use]
    pub const fn message_en(self) -> &'static str {
        match self {
            Self::Empty => "The credit code is missing; copy it from the business licence.",
            Self::Length => {
                "A unified social credit code has 18 characters; copy it from the current business licence."
            }
            Self::Alphabet => {
                "A credit code has digits and capital letters without I, O, S, V and Z (often 1, 0, 5, U or 2 is meant); \
                 compare it with the business licence."
            }
        }
    }

    /// What is wrong and what to do, in Chinese.
    #[must_use]
    pub const fn message_zh(self) -> &'static str {
        match self {
            Self::Empty => "未填写统一社会信用代码，请按营业执照填写。",
            Self::Length => "统一社会信用代码应为18位，请按现行营业执照填写。",
            Self::Alphabet => {
                "统一社会信用代码只含数字和大写字母，且不用I、O、S、V、Z（多为1、0、5、U、2之误），请与营业执照核对。"
            }
        }
    }
}

impl CreditCode {
    /// Reads a code as people write it: full-width forms, spaces, dashes, an apostrophe and small letters are folded.
    ///
    /// # Errors
    /// [`CreditCodeError`] for a wrong length or a character outside the alphabet. A failing check character is no
    /// error: ask [`CreditCode::check`].
    pub fn parse(text: &str) -> Result<Self, CreditCodeError> {
        let code: String = text
            .nfkc()
            .filter(|character| {
                !character.is_whitespace()
                    && !matches!(character, '-' | '\'' | '‘' | '’' | '`' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}')
            })
            .map(|character| character.to_ascii_uppercase())
            .collect();
        if code.is_empty() {
            return Err(CreditCodeError::Empty);
        }
        if code.chars().count() != 18 {
            return Err(CreditCodeError::Length);
        }
        if code.chars().all(|character| ALPHABET.contains(character)) {
            Ok(Self(code))
        } else {
            Err(CreditCodeError::Alphabet)
        }
    }

    /// The 18 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the rules of GB 32100 say about the code.
    #[must_use]
    pub fn check(&self) -> CreditCodeCheck {
        let region = self.0.get(2..8).unwrap_or_default();
        if !region.bytes().all(|byte| byte.is_ascii_digit()) {
            return CreditCodeCheck::Warning(CreditCodeWarning::RegistrationRegion);
        }
        if self.0.chars().next_back() == check_character(&self.0) {
            CreditCodeCheck::Ok
        } else {
            CreditCodeCheck::Warning(CreditCodeWarning::CheckCharacter)
        }
    }
}

/// The check character of the first 17 characters. A remainder of 0 gives `0`; subtracting from 31 without taking the
/// remainder once more would look for a 32nd character.
fn check_character(code: &str) -> Option<char> {
    let mut sum = 0;
    let mut weight = 1;
    for character in code.chars().take(17) {
        sum += ALPHABET.find(character)? * weight;
        weight = weight * WEIGHT_STEP % MODULUS;
    }
    ALPHABET.chars().nth((MODULUS - sum % MODULUS) % MODULUS)
}

impl TryFrom<String> for CreditCode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).map_err(|error| Text::new(error.message_en(), error.message_zh()).joined())
    }
}

impl From<CreditCode> for String {
    fn from(code: CreditCode) -> Self {
        code.0
    }
}

impl fmt::Display for CreditCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

crate::text_column!(CreditCode);

impl<DB: diesel::backend::Backend> diesel::deserialize::FromSql<diesel::sql_types::Text, DB> for CreditCode
where
    String: diesel::deserialize::FromSql<diesel::sql_types::Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
        let text = String::from_sql(value)?;
        Self::parse(&text).map_err(Into::into)
    }
}

impl fmt::Debug for CreditCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CreditCode({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str) -> CreditCodeCheck {
        CreditCode::parse(text).unwrap().check()
    }

    #[test]
    fn codes_that_follow_the_standard_pass() {
        for code in ["91350100M000100Y43", "91330782MA00012AA0"] {
            assert_eq!(check(code), CreditCodeCheck::Ok, "{code}");
        }
    }

    #[test]
    fn a_code_really_issued_that_fails_the_check_is_kept_with_a_warning() {
        assert_eq!(check("91350211M0000XUF46"), CreditCodeCheck::Warning(CreditCodeWarning::CheckCharacter));
        assert_eq!(check("91350100M000100Y44"), CreditCodeCheck::Warning(CreditCodeWarning::CheckCharacter));
        assert_eq!(check("91A50100M000100Y43"), CreditCodeCheck::Warning(CreditCodeWarning::RegistrationRegion));
    }

    #[test]
    fn the_spellings_found_in_sheets_mean_the_same_code() {
        for text in [
            "91350100m000100y43",
            " 9135 0100 M000100Y43",
            "９１３５０１００Ｍ０００１００Ｙ４３",
            "'91350100M000100Y43",
            "91350100-M000100Y-43",
        ] {
            assert_eq!(CreditCode::parse(text).unwrap().as_str(), "91350100M000100Y43", "{text}");
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for (text, code) in [
            ("", "credit_code_empty"),
            (" ' ", "credit_code_empty"),
            ("91350100M000100Y4", "credit_code_length"),
            ("91350100M000100Y433", "credit_code_length"),
            ("430500000012345", "credit_code_length"),
            ("9135O100M000100Y43", "credit_code_alphabet"),
            ("91350100M000100I43", "credit_code_alphabet"),
            ("邵阳市某某鞋业有限责任公司一二三四五", "credit_code_alphabet"),
        ] {
            assert_eq!(CreditCode::parse(text).unwrap_err().code(), code, "{text}");
        }
    }

    #[test]
    fn a_client_reads_the_check_as_words() {
        assert_eq!(serde_json::to_value(CreditCodeCheck::Ok).unwrap(), serde_json::json!({"result": "ok"}));
        assert_eq!(
            serde_json::to_value(check("91350211M0000XUF46")).unwrap(),
            serde_json::json!({"result": "warning", "reason": "check_character"})
        );
    }

    #[test]
    fn every_finding_has_a_remedy_in_both_languages() {
        for (english, chinese) in [
            (CreditCodeError::Empty.message_en(), CreditCodeError::Empty.message_zh()),
            (CreditCodeError::Length.message_en(), CreditCodeError::Length.message_zh()),
            (CreditCodeError::Alphabet.message_en(), CreditCodeError::Alphabet.message_zh()),
            (CreditCodeWarning::CheckCharacter.message_en(), CreditCodeWarning::CheckCharacter.message_zh()),
            (CreditCodeWarning::RegistrationRegion.message_en(), CreditCodeWarning::RegistrationRegion.message_zh()),
        ] {
            assert!(english.contains("licence"));
            assert!(chinese.contains("请"));
        }
        assert!(CreditCodeWarning::CheckCharacter.code().starts_with("credit_code_"));
    }

    prop_compose! {
        fn body()(head in "9[123]", region in "[1-6][0-9]{5}", organisation in "[0-9ABCDEFGHJKLMNPQRTUWXY]{9}") -> String {
            format!("{head}{region}{organisation}")
        }
    }

    proptest! {
        #[test]
        fn every_code_with_its_own_check_character_passes(body in body()) {
            let code = format!("{body}{}", check_character(&body).unwrap());
            prop_assert_eq!(check(&code), CreditCodeCheck::Ok);
            let json = serde_json::to_string(&CreditCode::parse(&code).unwrap()).unwrap();
            prop_assert_eq!(serde_json::from_str::<CreditCode>(&json).unwrap().to_string(), code);
        }

        #[test]
        fn a_single_wrong_character_is_noticed_and_never_refused(body in body(), place in 0_usize..18, other in "[0-9ABCDEFGHJKLMNPQRTUWXY]") {
            let code = format!("{body}{}", check_character(&body).unwrap());
            let mut wrong = code.clone();
            wrong.replace_range(place..=place, &other);
            prop_assume!(wrong != code);
            prop_assert_ne!(check(&wrong), CreditCodeCheck::Ok);
        }

        #[test]
        fn any_text_gets_an_answer(text in "\\PC{0,30}") {
            let _ = CreditCode::parse(&text);
        }
    }
}
