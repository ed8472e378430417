//! The six-digit division code of GB/T 2260, two digits each for province, prefecture and county.
//!
//! The type says that the text has the shape of a code. Whether a division holds it today, or ever did, is a question
//! for the [`Atlas`](super::Atlas).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Text;

/// A GB/T 2260 division code: exactly six digits, written as text (`430523`).
#[derive(
    Clone,
    Copy,
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
#[schema(value_type = String, pattern = "^[0-9]{6}$", max_length = 6, example = "430523")]
#[diesel(sql_type = diesel::sql_types::Text)]
pub struct RegionCode(u32);

/// Why a text is not a division code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message_en())]
pub enum RegionCodeError {
    /// Not exactly six digits.
    NotSixDigits,
    /// Not six digits, twelve digits ending in six zeros, or a path of such codes that lie inside each other.
    NotADivision,
}

impl RegionCodeError {
    /// The stable code of the refusal.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotSixDigits => "region_code_not_six_digits",
            Self::NotADivision => "region_code_not_a_division",
        }
    }

    /// What is wrong and what to do, in English.
    #[must_use]
    pub const fn message_en(self) -> &'static str {
        match self {
            Self::NotSixDigits => "A region code has exactly six digits, for example 430523; write it as text.",
            Self::NotADivision => {
                "Write a region as six digits (430523), twelve digits (430523000000) or a path from province to county \
                 separated by slashes; townships are not accepted, give the county."
            }
        }
    }

    /// What is wrong and what to do, in Chinese.
    #[must_use]
    pub const fn message_zh(self) -> &'static str {
        match self {
            Self::NotSixDigits => "行政区划代码应为6位数字，例如430523，请按文本填写。",
            Self::NotADivision => {
                "行政区划请填写6位代码（430523）、12位代码（430523000000），或以斜杠分隔的省、市、县代码路径；不接受乡镇代码，请填到县级。"
            }
        }
    }
}

impl RegionCode {
    /// Reads the ways registers write a division: six digits, twelve digits ending in six zeros, or a whole path
    /// `430000000000/430500000000/430523000000`, of which the last element counts.
    ///
    /// # Errors
    /// [`RegionCodeError::NotADivision`] for anything else: a township or village code, or a path with an element that
    /// is no code or lies in another province than the last.
    pub fn parse_lenient(text: &str) -> Result<Self, RegionCodeError> {
        let mut last: Option<Self> = None;
        for element in text.trim().split('/') {
            let code = Self::parse_element(element.trim())?;
            if last.is_some_and(|above| above.province_prefix() != code.province_prefix()) {
                return Err(RegionCodeError::NotADivision);
            }
            last = Some(code);
        }
        last.ok_or(RegionCodeError::NotADivision)
    }

    fn parse_element(element: &str) -> Result<Self, RegionCodeError> {
        let six = if element.len() == 12 { element.strip_suffix("000000").unwrap_or(element) } else { element };
        six.parse().map_err(|_| RegionCodeError::NotADivision)
    }

    /// The code as a number; codes sort as their numbers do.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The first two digits: the province.
    #[must_use]
    pub const fn province_prefix(self) -> u32 {
        self.0 / 10_000
    }
}

impl FromStr for RegionCode {
    type Err = RegionCodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().map(Self).map_err(|_| RegionCodeError::NotSixDigits)
        } else {
            Err(RegionCodeError::NotSixDigits)
        }
    }
}

impl TryFrom<&str> for RegionCode {
    type Error = RegionCodeError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<String> for RegionCode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map_err(|error: RegionCodeError| Text::new(error.message_en(), error.message_zh()).joined())
    }
}

impl From<RegionCode> for String {
    fn from(code: RegionCode) -> Self {
        code.to_string()
    }
}

impl fmt::Display for RegionCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:06}", self.0)
    }
}

impl fmt::Debug for RegionCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RegionCode({self})")
    }
}

crate::text_column!(RegionCode);

impl<DB: diesel::backend::Backend> diesel::deserialize::FromSql<diesel::sql_types::Text, DB> for RegionCode
where
    String: diesel::deserialize::FromSql<diesel::sql_types::Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
        let text = String::from_sql(value)?;
        Self::try_from(text).map_err(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use utoipa::PartialSchema;

    #[test]
    fn the_ways_registers_write_a_county_mean_the_same_county() {
        for text in
            ["430523", " 430523 ", "430523000000", "430000000000/430500000000/430523000000", "430000/430500/430523"]
        {
            assert_eq!(RegionCode::parse_lenient(text).unwrap().to_string(), "430523", "{text}");
        }
    }

    #[test]
    fn what_is_not_a_division_is_refused() {
        for text in [
            "",
            "43052",
            "4305230",
            "430523101000",
            "430523101",
            "43052３",
            "abcdef",
            "430523/",
            "430000/330782",
            "+43052",
            "-30523",
        ] {
            assert_eq!(RegionCode::parse_lenient(text), Err(RegionCodeError::NotADivision), "{text}");
        }
        assert_eq!("430523000000".parse::<RegionCode>(), Err(RegionCodeError::NotSixDigits));
    }

    #[test]
    fn a_number_in_json_is_refused_so_that_leading_zeros_are_never_lost() {
        assert!(serde_json::from_str::<RegionCode>("430523").is_err());
        assert!(serde_json::from_str::<RegionCode>("\"43052\"").is_err());
        assert_eq!(serde_json::from_str::<RegionCode>("\"430523\"").unwrap().to_string(), "430523");
    }

    #[test]
    fn the_contract_shows_a_six_digit_string() {
        let schema = serde_json::to_value(RegionCode::schema()).unwrap();
        assert_eq!(schema["type"], "string");
        assert_eq!(schema["pattern"], "^[0-9]{6}$");
        assert_eq!(schema["example"], "430523");
    }

    proptest! {
        #[test]
        fn every_six_digits_come_back_unchanged(text in "[0-9]{6}") {
            let code: RegionCode = text.parse().unwrap();
            prop_assert_eq!(code.to_string(), text.clone());
            let json = serde_json::to_string(&code).unwrap();
            prop_assert_eq!(serde_json::from_str::<RegionCode>(&json).unwrap(), code);
        }

        #[test]
        fn reading_any_text_never_breaks(text in ".{0,40}") {
            let _ = RegionCode::parse_lenient(&text);
        }

        #[test]
        fn codes_sort_like_their_text(left in "[0-9]{6}", right in "[0-9]{6}") {
            let (a, b): (RegionCode, RegionCode) = (left.parse().unwrap(), right.parse().unwrap());
            prop_assert_eq!(a.cmp(&b), left.cmp(&right));
        }
    }
}
