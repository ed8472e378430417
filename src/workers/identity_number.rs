//! Resident identity numbers (公民身份号码, GB 11643) as they arrive in cells and requests.
//!
//! A number is the key by which two registers know that they speak of the same person, so it is either read with
//! certainty or refused with a reason: full-width digits, spaces, an apostrophe from a spreadsheet and every spelling of
//! the X are folded, the old 15-digit form is upgraded, a disability card gives the identity number it begins with. A
//! number that a spreadsheet rounded, or that somebody masked, is refused, because the lost digits cannot be known.
//!
//! Deliberately absent: any judgement of the first six digits. They tell where and when the number was *first* given;
//! an unknown or abolished prefix is no fault. No text here, neither error nor debug output, shows a number.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use jiff::{ToSpan, civil::Date};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

use crate::regions::RegionCode;

/// Weights of the 17 digits before the check character (GB 11643).
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
/// Check characters in the order of the remainder of the weighted sum by 11 (GB 11643).
const CHECK_CHARACTERS: [char; 11] = ['1', '0', 'X', '9', '8', '7', '6', '5', '4', '3', '2'];
/// Nobody at work, and nobody alive, is older (years).
const MAX_AGE: i64 = 130;

/// Sex as the 17th digit of the number tells it (GB/T 2261.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sex {
    /// 男, code 1: the digit is odd.
    Male,
    /// 女, code 2: the digit is even.
    Female,
}

/// The document whose number was written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityDocument {
    /// The 18-digit number in use since 1999.
    ResidentCard,
    /// The old 15-digit number, upgraded to 18.
    FirstGenerationCard,
    /// A disability card (残疾人证): the 18-digit number, then kind and grade, then the mark of a reissue if any.
    DisabilityCard,
}

/// A valid identity number in its 18-character form; two are equal when they name the same person, whatever document
/// they were read from.
#[derive(Clone)]
pub struct IdentityNumber {
    number: String,
    birth_date: Date,
    sex: Sex,
    region_prefix: RegionCode,
    document: IdentityDocument,
}

/// Why a text is refused as an identity number. The number itself is never part of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.message_en())]
pub enum IdentityNumberError {
    /// Nothing was written.
    Empty,
    /// Digits are covered (`430523********9985`).
    Masked,
    /// A spreadsheet turned the number into an approximate one (`4.30523E+17`, or the last digits became 000).
    Damaged,
    /// Something other than digits, or an X that is not the 18th character.
    NotDigits,
    /// Not 15, 18, 20 or 22 characters (rule R01 of the national labour monitoring).
    Length,
    /// The 18th character does not fit the 17 before it: at least one is mistyped.
    CheckDigit,
    /// The date inside is no day, lies after `today` or more than 130 years before it.
    BirthDate,
    /// The kind, grade or reissue mark of a disability card does not exist.
    CardFormat,
}

impl IdentityNumberError {
    /// The stable code of the refusal.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "identity_number_empty",
            Self::Masked => "identity_number_masked",
            Self::Damaged => "identity_number_damaged",
            Self::NotDigits => "identity_number_not_digits",
            Self::Length => "identity_number_length",
            Self::CheckDigit => "identity_number_check_digit",
            Self::BirthDate => "identity_number_birth_date",
            Self::CardFormat => "identity_number_card_format",
        }
    }

    /// What is wrong and what to do, in English.
    #[must_use]
    pub const fn message_en(self) -> &'static str {
        match self {
            Self::Empty => "The identity number is missing; copy it from the identity card.",
            Self::Masked => "The identity number is partly hidden; send the whole number.",
            Self::Damaged => {
                "A spreadsheet rounded the identity number and its last digits are lost; format the column as text and \
                 enter the number again from the identity card."
            }
            Self::NotDigits => {
                "The identity number contains something other than digits; only the 18th character may be X. Enter it \
                 again from the identity card."
            }
            Self::Length => {
                "An identity number has 18 characters (15 in the old form, 20 or 22 on a disability card); count them \
                 against the card."
            }
            Self::CheckDigit => {
                "The last character of the identity number does not fit the others, so one of them is mistyped; compare \
                 it with the identity card."
            }
            Self::BirthDate => {
                "The birth date inside the identity number cannot be right; compare it with the identity card."
            }
            Self::CardFormat => {
                "The characters after the identity number on the disability card are not a kind (1-7), a grade (1-4) \
                 and a reissue mark (B1); compare them with the card or send the identity number alone."
            }
        }
    }

    /// What is wrong and what to do, in Chinese.
    #[must_use]
    pub const fn message_zh(self) -> &'static str {
        match self {
            Self::Empty => "未填写身份证号码，请按身份证填写。",
            Self::Masked => "身份证号码被部分遮盖，请填写完整号码。",
            Self::Damaged => {
                "身份证号码被电子表格按数值保存，末几位已丢失且无法恢复，请将该列设为文本格式后按身份证重新录入。"
            }
            Self::NotDigits => "身份证号码含有非数字字符（只有第18位可以是X），请按身份证重新录入。",
            Self::Length => "身份证号码应为18位（老号码15位，残疾人证20位或22位），请与证件核对位数。",
            Self::CheckDigit => "身份证号码校验位不符，至少有一位录错，请与身份证核对。",
            Self::BirthDate => "身份证号码中的出生日期不合理，请与身份证核对。",
            Self::CardFormat => {
                "残疾人证号在身份证号码之后的类别（1-7）、等级（1-4）或补办标记（B1）有误，请核对或只填身份证号码。"
            }
        }
    }
}

impl IdentityNumber {
    /// Reads a number as clerks and spreadsheets write it.
    ///
    /// `today` is the day in Asia/Shanghai against which the birth date has to be plausible.
    ///
    /// # Errors
    /// [`IdentityNumberError`] when the number cannot be read with certainty; nothing is repaired by guessing.
    pub fn parse(text: &str, today: Date) -> Result<Self, IdentityNumberError> {
        let folded = fold(text);
        refuse_what_is_no_number(&folded)?;
        let (number, document, card_marks) = split_by_length(&folded)?;
        let Some((body, check)) =
            number.char_indices().nth(17).and_then(|(end, check)| Some((number.get(..end)?, check)))
        else {
            return Err(IdentityNumberError::Length);
        };
        let digits: Vec<u32> = body.chars().filter_map(|character| character.to_digit(10)).collect();
        if check_character(&digits) != Some(check) {
            let rounded = number.ends_with("000");
            return Err(if rounded { IdentityNumberError::Damaged } else { IdentityNumberError::CheckDigit });
        }
        let birth_date = birth_date(&digits, today)?;
        if !card_marks_exist(card_marks) {
            return Err(IdentityNumberError::CardFormat);
        }
        let female = digits.last().is_some_and(|digit| digit % 2 == 0);
        let region_prefix =
            body.get(..6).and_then(|prefix| prefix.parse().ok()).ok_or(IdentityNumberError::NotDigits)?;
        Ok(Self { birth_date, sex: if female { Sex::Female } else { Sex::Male }, region_prefix, document, number })
    }

    /// The normalised 18 characters, the last one a digit or a capital X. This is the match key between registers.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.number
    }

    /// The birth date inside the number.
    #[must_use]
    pub const fn birth_date(&self) -> Date {
        self.birth_date
    }

    /// The sex the 17th digit tells.
    #[must_use]
    pub const fn sex(&self) -> Sex {
        self.sex
    }

    /// The first six digits: where the number was first given. It may be abolished or unknown and says nothing about
    /// where the person is registered today.
    #[must_use]
    pub const fn region_prefix(&self) -> RegionCode {
        self.region_prefix
    }

    /// The document the number was read from.
    #[must_use]
    pub const fn document(&self) -> IdentityDocument {
        self.document
    }

    /// Whether the number ends in three zeros although it fits. One true number in a thousand does, and so does one in
    /// eleven that a spreadsheet rounded: where other rows of the file are damaged, ask for a look at the card.
    #[must_use]
    pub fn may_be_rounded(&self) -> bool {
        self.number.ends_with("000")
    }

    /// The form other people see: the first three and the last two characters, thirteen hidden.
    ///
    /// Public notices usually show six and four. Together with a name and an origin county that leaves only the birth
    /// date to find, so here neither the county, nor the birth date, nor the whole order number can be read; what
    /// remains is enough to tell two rows of a roster apart.
    #[must_use]
    pub fn masked(&self) -> String {
        mask(&self.number)
    }

    /// The last four characters, by which a person at the desk confirms a number. Sealed like the number itself.
    #[must_use]
    pub fn tail4(&self) -> &str {
        self.number.get(14..).unwrap_or_default()
    }
}

/// The masked form of a normalised number that was valid when it was taken; see [`IdentityNumber::masked`].
#[must_use]
pub fn mask(number: &str) -> String {
    let first = number.get(..3).unwrap_or_default();
    let last = number.get(16..).unwrap_or_default();
    format!("{first}{}{last}", "*".repeat(13))
}

impl fmt::Debug for IdentityNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "IdentityNumber({})", self.masked())
    }
}

impl PartialEq for IdentityNumber {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for IdentityNumber {}

impl Hash for IdentityNumber {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

/// One spelling: full-width forms folded, spaces and a spreadsheet's apostrophe removed, every X a capital Latin X. For those who have to
/// look at what is no valid number; everybody else parses.
#[must_use]
pub fn fold(text: &str) -> String {
    let spread: String = text
        .nfkc()
        .filter(|character| {
            !character.is_whitespace()
                && !matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}')
        })
        .map(|character| match character {
            '×' | '✕' | '╳' | 'Х' | 'х' | 'Χ' | 'χ' => 'X',
            other => other.to_ascii_uppercase(),
        })
        .collect();
    spread.trim_start_matches(['\'', '‘', '’', '`']).to_owned()
}

fn refuse_what_is_no_number(folded: &str) -> Result<(), IdentityNumberError> {
    if folded.is_empty() {
        return Err(IdentityNumberError::Empty);
    }
    let hidden = folded.contains(['*', '●', '•', '█', '■', '□', '○', '?', '#']) || folded.contains("XX");
    if hidden {
        return Err(IdentityNumberError::Masked);
    }
    if is_scientific(folded) {
        return Err(IdentityNumberError::Damaged);
    }
    let not_a_number = folded.chars().enumerate().any(|(place, character)| match character {
        '0'..='9' => false,
        'X' => place != 17,
        'B' => place != 20,
        _ => true,
    });
    if not_a_number { Err(IdentityNumberError::NotDigits) } else { Ok(()) }
}

/// `4.30523E+17`, `4E17`: digits, at most one point, an exponent.
fn is_scientific(folded: &str) -> bool {
    let Some((mantissa, exponent)) = folded.split_once('E') else { return false };
    let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
    let whole = mantissa.replacen('.', "", 1);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(exponent) && digits(&whole)
}

/// The 18 characters, the document they come from, and what a disability card adds to them.
fn split_by_length(folded: &str) -> Result<(String, IdentityDocument, &str), IdentityNumberError> {
    match folded.len() {
        15 => {
            let upgraded = upgrade(folded).ok_or(IdentityNumberError::NotDigits)?;
            Ok((upgraded, IdentityDocument::FirstGenerationCard, ""))
        }
        18 => Ok((folded.to_owned(), IdentityDocument::ResidentCard, "")),
        20 | 22 => {
            let (number, marks) = folded.split_at_checked(18).ok_or(IdentityNumberError::NotDigits)?;
            Ok((number.to_owned(), IdentityDocument::DisabilityCard, marks))
        }
        _ => Err(IdentityNumberError::Length),
    }
}

/// The 18 characters of a number in the old form, which left out the century and the check character; everybody who has one was born in the
/// 1900s. Nothing when it is not 15 digits.
#[must_use]
pub fn upgrade(fifteen: &str) -> Option<String> {
    let (region, rest) = fifteen.split_at_checked(6)?;
    let body = format!("{region}19{rest}");
    let digits: Vec<u32> = body.chars().map(|character| character.to_digit(10)).collect::<Option<_>>()?;
    Some(format!("{body}{}", check_character(&digits)?))
}

/// The check character of the first 17 digits (GB 11643); nothing for any other number of digits.
#[must_use]
pub fn check_character(digits: &[u32]) -> Option<char> {
    if digits.len() != WEIGHTS.len() {
        return None;
    }
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    CHECK_CHARACTERS.get(usize::try_from(sum % 11).ok()?).copied()
}

fn birth_date(digits: &[u32], today: Date) -> Result<Date, IdentityNumberError> {
    let number = |skip: usize, take: usize| -> i16 {
        digits.iter().skip(skip).take(take).fold(0, |sum, digit| sum * 10 + i16::try_from(*digit).unwrap_or(0))
    };
    let small = |skip: usize| i8::try_from(number(skip, 2)).unwrap_or(0);
    let born = Date::new(number(6, 4), small(10), small(12)).map_err(|_| IdentityNumberError::BirthDate)?;
    let earliest = today.saturating_sub(MAX_AGE.years());
    if born > today || born < earliest { Err(IdentityNumberError::BirthDate) } else { Ok(born) }
}

/// Kind 1-7, grade 1-4, then nothing, `B1`..`B9` or a two-digit reissue count.
fn card_marks_exist(marks: &str) -> bool {
    let mut characters = marks.chars();
    match (characters.next(), characters.next()) {
        (None, _) => true,
        (Some('1'..='7'), Some('1'..='4')) => {
            matches!((characters.next(), characters.next()), (None, _) | (Some('B' | '0'..='9'), Some('0'..='9')))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    const TODAY: Date = date(2026, 9, 11);

    fn read(text: &str) -> Result<IdentityNumber, IdentityNumberError> {
        IdentityNumber::parse(text, TODAY)
    }

    fn refused(text: &str) -> &'static str {
        read(text).expect_err(text).code()
    }

    /// A whole number from its first 17 digits.
    fn complete(body: &str) -> String {
        let digits: Vec<u32> = body.chars().map(|digit| digit.to_digit(10).unwrap()).collect();
        format!("{body}{}", check_character(&digits).unwrap())
    }

    #[test]
    fn a_valid_number_tells_birth_date_sex_and_where_it_was_first_given() {
        for (number, born, sex, prefix) in [
            ("11010519491231002X", date(1949, 12, 31), Sex::Female, "110105"),
            ("432621197501019999", date(1975, 1, 1), Sex::Male, "432621"),
            ("430523199003079985", date(1990, 3, 7), Sex::Female, "430523"),
            ("430582200109099971", date(2001, 9, 9), Sex::Male, "430582"),
        ] {
            let identity = read(number).unwrap();
            assert_eq!(identity.as_str(), number);
            assert_eq!(identity.birth_date(), born);
            assert_eq!(identity.sex(), sex);
            assert_eq!(identity.region_prefix().to_string(), prefix);
            assert_eq!(identity.document(), IdentityDocument::ResidentCard);
        }
    }

    #[test]
    fn the_spellings_found_in_real_sheets_mean_the_same_number() {
        for text in [
            "11010519491231002x",
            "11010519491231002Ｘ",
            "11010519491231002×",
            "'11010519491231002X",
            "’11010519491231002X",
            " 110105 19491231 002X ",
            "１１０１０５１９４９１２３１００２Ｘ",
            "\u{feff}11010519491231002X\u{200b}",
            "11010519491231002Х",
        ] {
            assert_eq!(read(text).unwrap().as_str(), "11010519491231002X", "{text}");
        }
    }

    #[test]
    fn the_old_fifteen_digits_become_eighteen() {
        let identity = read("430523900307998").unwrap();
        assert_eq!(identity.as_str(), "430523199003079985");
        assert_eq!(identity.document(), IdentityDocument::FirstGenerationCard);
        assert_eq!(identity, read("430523199003079985").unwrap());
        assert_eq!(refused("430523901307998"), "identity_number_birth_date");
    }

    #[test]
    fn a_disability_card_gives_the_identity_number_it_begins_with() {
        for text in ["43052319900307998543", "43052319900307998543B1", "4305231990030799854301"] {
            let identity = read(text).unwrap();
            assert_eq!(identity.as_str(), "430523199003079985", "{text}");
            assert_eq!(identity.document(), IdentityDocument::DisabilityCard);
        }
        assert_eq!(read("11010519491231002X14").unwrap().as_str(), "11010519491231002X");
        assert_eq!(refused("43052319900307998583"), "identity_number_card_format");
        assert_eq!(refused("43052319900307998545"), "identity_number_card_format");
        assert_eq!(refused("43052319900307998643"), "identity_number_check_digit");
    }

    #[test]
    fn a_place_code_that_no_longer_or_never_existed_is_no_fault() {
        for prefix in ["432621", "999999", "000000"] {
            assert!(read(&complete(&format!("{prefix}19900307998"))).is_ok(), "{prefix}");
        }
    }

    #[test]
    fn what_cannot_be_read_with_certainty_is_refused_with_a_reason() {
        for (text, code) in [
            ("", "identity_number_empty"),
            (" ' ", "identity_number_empty"),
            ("430523********9985", "identity_number_masked"),
            ("430523＊＊＊＊＊＊＊＊9985", "identity_number_masked"),
            ("430523xxxxxxxx9985", "identity_number_masked"),
            ("4.30523E+17", "identity_number_damaged"),
            ("4.30523e17", "identity_number_damaged"),
            ("4E+17", "identity_number_damaged"),
            ("430523199003079000", "identity_number_damaged"),
            ("43052319900307900000", "identity_number_damaged"),
            ("430523199003079986", "identity_number_check_digit"),
            ("43052319900307998X", "identity_number_check_digit"),
            ("43052319900307998", "identity_number_length"),
            ("4305231990030799855", "identity_number_length"),
            ("430523X99003079985", "identity_number_not_digits"),
            ("430523-19900307-9985", "identity_number_not_digits"),
            ("43052319900307998E", "identity_number_not_digits"),
            ("43052390030799X", "identity_number_not_digits"),
            ("护照G12345678", "identity_number_not_digits"),
            ("430523199003079985,430582200109099971", "identity_number_not_digits"),
        ] {
            assert_eq!(refused(text), code, "{text}");
        }
    }

    #[test]
    fn a_number_that_ends_in_three_zeros_and_fits_is_accepted_and_marked() {
        // Prefix 999999 was never given to anybody, so this is nobody's number whatever its order number.
        let number = (1..10)
            .map(|hundreds| complete(&format!("99999919900307{hundreds}00")))
            .find(|number| number.ends_with("000"))
            .unwrap();
        assert!(read(&number).unwrap().may_be_rounded());
        assert!(!read("430523199003079985").unwrap().may_be_rounded());
    }

    #[test]
    fn a_birth_date_must_be_a_day_that_can_be() {
        for (born, plausible) in [
            ("19900229", false),
            ("20000229", true),
            ("19901301", false),
            ("19900100", false),
            ("20260911", true),
            ("20260912", false),
            ("18960911", true),
            ("18960910", false),
        ] {
            let read = read(&complete(&format!("430523{born}998")));
            assert_eq!(read.is_ok(), plausible, "{born}");
            if let Err(error) = read {
                assert_eq!(error, IdentityNumberError::BirthDate, "{born}");
            }
        }
    }

    #[test]
    fn no_output_shows_the_number() {
        let identity = read("430523199003079985").unwrap();
        assert_eq!(identity.masked(), "430*************85");
        assert_eq!(identity.tail4(), "9985");
        assert_eq!(format!("{identity:?}"), "IdentityNumber(430*************85)");
    }

    #[test]
    fn every_refusal_has_a_remedy_in_both_languages() {
        for error in [
            IdentityNumberError::Empty,
            IdentityNumberError::Masked,
            IdentityNumberError::Damaged,
            IdentityNumberError::NotDigits,
            IdentityNumberError::Length,
            IdentityNumberError::CheckDigit,
            IdentityNumberError::BirthDate,
            IdentityNumberError::CardFormat,
        ] {
            assert!(error.code().starts_with("identity_number_"));
            assert!(error.message_zh().contains('请'), "{error:?}");
            assert!(error.message_en().ends_with('.'), "{error:?}");
        }
    }

    prop_compose! {
        /// Order numbers 996-999 only: no living person has one.
        fn body()(prefix in 110_000_u32..660_000, days in 0_i32..45_000, order in 996_u32..=999) -> String {
            let born = date(1897, 1, 1).saturating_add(days.days());
            format!("{prefix}{:04}{:02}{:02}{order}", born.year(), born.month(), born.day())
        }
    }

    proptest! {
        #[test]
        fn every_valid_number_comes_back_unchanged(body in body()) {
            let number = complete(&body);
            let identity = read(&number).unwrap();
            prop_assert_eq!(identity.as_str(), &number);
            let again = read(identity.as_str()).unwrap();
            prop_assert_eq!(again, identity);
        }

        #[test]
        fn a_single_wrong_character_is_always_refused(body in body(), place in 0_usize..18, other in "[0-9X]") {
            let number = complete(&body);
            let mut wrong = number.clone();
            wrong.replace_range(place..=place, &other);
            prop_assume!(wrong != number);
            prop_assert!(read(&wrong).is_err());
        }

        #[test]
        fn two_swapped_neighbours_are_always_refused(body in body(), place in 0_usize..16) {
            let number = complete(&body);
            let mut characters: Vec<char> = number.chars().collect();
            characters.swap(place, place + 1);
            let wrong: String = characters.into_iter().collect();
            prop_assume!(wrong != number);
            prop_assert!(read(&wrong).is_err());
        }

        #[test]
        fn the_masked_form_keeps_birth_date_and_county_hidden(body in body()) {
            let masked = read(&complete(&body)).unwrap().masked();
            prop_assert_eq!(masked.chars().filter(|character| *character == '*').count(), 13);
            prop_assert_eq!(masked.len(), 18);
        }

        #[test]
        fn any_text_gets_an_answer_that_does_not_repeat_it(text in "\\PC{0,30}") {
            if let Err(error) = read(&text) {
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                prop_assert!(digits.len() < 6 || !error.to_string().contains(&digits));
            }
        }
    }
}
