//! Names of persons, so that two registers agree whether they wrote the same one.
//!
//! Spreadsheets pad two-character names with a wide space, ethnic names carry a middle dot that is typed in half a dozen
//! ways, and copied cells bring invisible characters. All of that is folded; the characters of the name itself never
//! are.
//!
//! Deliberately absent: pinyin, homophones and variant characters. Those make two names *alike*, not the same, and
//! belong to matching, where a person decides.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// The longest name accepted (characters); the longest ethnic names in use stay below it.
const MAX_CHARACTERS: usize = 50;
/// The middle dot of ethnic names (U+00B7), to which all others are folded.
const MIDDLE_DOT: char = '·';

/// A valid name in one spelling. It has no `Display`; its debug form is masked.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PersonName(String);

/// Why a text is refused as a name. The text itself is never part of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.message_en())]
pub enum PersonNameError {
    /// Nothing was written.
    Empty,
    /// More than 50 characters.
    Length,
    /// A line break or another control character inside, as when one cell holds two names.
    ControlCharacter,
    /// No letter of any script, as in `123` or `***`.
    NoLetter,
}

impl PersonNameError {
    /// The stable code of the refusal.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "person_name_empty",
            Self::Length => "person_name_length",
            Self::ControlCharacter => "person_name_control_character",
            Self::NoLetter => "person_name_no_letter",
        }
    }

    /// What is wrong and what to do, in English.
    #[must_use]
    pub const fn message_en(self) -> &'static str {
        match self {
            Self::Empty => "The name is missing; copy it from the identity card.",
            Self::Length => "A name has at most 50 characters; give the name only.",
            Self::ControlCharacter => {
                "The name contains a line break or another control character; give one name per cell."
            }
            Self::NoLetter => "The name contains no letter; copy it from the identity card.",
        }
    }

    /// What is wrong and what to do, in Chinese.
    #[must_use]
    pub const fn message_zh(self) -> &'static str {
        match self {
            Self::Empty => "未填写姓名，请按身份证填写。",
            Self::Length => "姓名不得超过50个字符，请只填写姓名。",
            Self::ControlCharacter => "姓名中有换行或其他控制字符，请每格只填一个姓名。",
            Self::NoLetter => "姓名中没有文字，请按身份证填写。",
        }
    }
}

impl PersonName {
    /// Reads a name as a cell or request holds it: 1 to 50 characters, at least one letter, no control character.
    ///
    /// # Errors
    /// [`PersonNameError`] when the text cannot be a name.
    pub fn parse(text: &str) -> Result<Self, PersonNameError> {
        let folded = fold(text);
        let name = folded.trim();
        if name.is_empty() {
            return Err(PersonNameError::Empty);
        }
        if name.chars().any(char::is_control) {
            return Err(PersonNameError::ControlCharacter);
        }
        // A free-standing accent decomposes into a space and a mark; once the space is gone the mark joins its letter.
        let name: String = without_padding(name).nfc().collect();
        if name.chars().count() > MAX_CHARACTERS {
            return Err(PersonNameError::Length);
        }
        if name.chars().any(char::is_alphabetic) { Ok(Self(name)) } else { Err(PersonNameError::NoLetter) }
    }

    /// The name in one spelling, for showing and sealing: full-width forms and dots folded, padding removed, the single
    /// spaces of a name in Latin letters kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form by which names are compared and indexed: no space, no invisible character, Latin letters in lower case.
    #[must_use]
    pub fn comparison_key(&self) -> String {
        comparison_key(&self.0)
    }

    /// The form other people see: the first character, a star for each of the others (张*, 欧***). A name of one
    /// character is hidden whole.
    #[must_use]
    pub fn masked(&self) -> String {
        let mut characters = self.0.chars();
        let first = characters.next();
        let hidden = characters.count();
        match first {
            Some(first) if hidden > 0 => format!("{first}{}", "*".repeat(hidden)),
            _ => "*".to_owned(),
        }
    }
}

impl fmt::Debug for PersonName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PersonName({})", self.masked())
    }
}

/// Whether two cells hold the same name once spelling differences that mean nothing are folded. Two empty cells do not.
#[must_use]
pub fn same_name(left: &str, right: &str) -> bool {
    let left = comparison_key(left);
    !left.is_empty() && left == comparison_key(right)
}

/// The form by which names are compared, of any text, also of one that [`PersonName::parse`] would refuse.
#[must_use]
pub fn comparison_key(name: &str) -> String {
    fold(name).chars().filter(|character| !character.is_whitespace()).flat_map(char::to_lowercase).nfkc().collect()
}

/// Full-width and compatibility forms folded, every middle dot the same, invisible characters removed.
fn fold(text: &str) -> String {
    let visible = text.nfkc().filter(|character| {
        !matches!(character, '\u{00ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
    });
    let dotted = visible.map(|character| match character {
        '•' | '.' | '・' | '‧' | '∙' | '⋅' | '●' | 'ᐧ' | '᛫' | '․' => MIDDLE_DOT,
        other => other,
    });
    dotted.nfc().collect()
}

/// Removes spaces except a single one between two Latin letters, where it separates words.
fn without_padding(name: &str) -> String {
    let mut result = String::with_capacity(name.len());
    for word in name.split_whitespace() {
        let apart = result.chars().next_back().is_some_and(is_latin) && word.chars().next().is_some_and(is_latin);
        if apart {
            result.push(' ');
        }
        result.push_str(word);
    }
    result
}

/// Latin letters end before U+0250 (Basic Latin, Latin-1, Latin Extended-A and B).
fn is_latin(character: char) -> bool {
    character.is_alphabetic() && character < '\u{0250}'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_same_name_typed_in_different_ways_is_the_same() {
        for (left, right) in [
            ("张三", "张　三"),
            ("张三", " 张 三 "),
            ("张三", "张\u{200b}三\u{feff}"),
            ("阿卜杜拉·买买提", "阿卜杜拉•买买提"),
            ("阿卜杜拉·买买提", "阿卜杜拉．买买提"),
            ("阿卜杜拉·买买提", "阿卜杜拉.买买提"),
            ("阿卜杜拉·买买提", "阿卜杜拉・买买提"),
            ("阿卜杜拉·买买提", "阿卜杜拉･买买提"),
            ("阿卜杜拉·买买提", "阿卜杜拉 · 买买提"),
            ("Li Hua", "ＬＩ　ＨＵＡ"),
        ] {
            assert!(same_name(left, right), "{left} {right}");
        }
    }

    #[test]
    fn different_names_stay_different() {
        for (left, right) in
            [("张三", "张山"), ("张三", "三张"), ("黄晓", "黄小"), ("", ""), (" ", "　"), ("李?华", "李哗华")]
        {
            assert!(!same_name(left, right), "{left} {right}");
        }
    }

    #[test]
    fn a_name_is_kept_in_one_spelling() {
        for (text, name) in [
            ("张　三", "张三"),
            ("买买提．艾力", "买买提·艾力"),
            (" Li  Hua ", "Li Hua"),
            ("李 Hua", "李Hua"),
            ("𠮷田", "𠮷田"),
        ] {
            assert_eq!(PersonName::parse(text).unwrap().as_str(), name);
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        for (text, code) in [
            ("", "person_name_empty"),
            (" 　\t", "person_name_empty"),
            ("张三\n李四", "person_name_control_character"),
            ("张\u{0007}三", "person_name_control_character"),
            ("12345", "person_name_no_letter"),
            ("***", "person_name_no_letter"),
            ("·", "person_name_no_letter"),
        ] {
            assert_eq!(PersonName::parse(text).unwrap_err().code(), code, "{text:?}");
        }
        assert_eq!(PersonName::parse(&"张".repeat(51)).unwrap_err(), PersonNameError::Length);
        assert!(PersonName::parse(&"张".repeat(50)).is_ok());
    }

    #[test]
    fn only_the_first_character_is_shown() {
        for (name, masked) in [("张三", "张*"), ("欧阳娜娜", "欧***"), ("张", "*"), ("阿依·古丽", "阿****")]
        {
            let name = PersonName::parse(name).unwrap();
            assert_eq!(name.masked(), masked);
            assert_eq!(format!("{name:?}"), format!("PersonName({masked})"));
        }
    }

    #[test]
    fn every_refusal_has_a_remedy_in_both_languages() {
        for error in [
            PersonNameError::Empty,
            PersonNameError::Length,
            PersonNameError::ControlCharacter,
            PersonNameError::NoLetter,
        ] {
            assert!(error.message_zh().contains('请'));
            assert!(error.message_en().contains(';'));
        }
    }

    proptest! {
        #[test]
        fn a_name_read_twice_is_the_same_name(text in "\\PC{0,60}") {
            if let Ok(name) = PersonName::parse(&text) {
                let again = PersonName::parse(name.as_str()).unwrap();
                prop_assert_eq!(&again, &name);
                prop_assert!(same_name(&text, name.as_str()));
                prop_assert_eq!(name.comparison_key(), again.comparison_key());
            }
        }

        #[test]
        fn padding_never_makes_another_name(name in "[\\u{4e00}-\\u{9fa5}]{2,4}", place in 1_usize..2) {
            let (head, tail) = name.split_at(place * 3);
            let padded = format!("\u{3000}{head} {tail}");
            prop_assert!(same_name(&name, &padded));
        }
    }
}
