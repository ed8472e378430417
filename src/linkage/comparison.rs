//! How two cells are compared: a comparator reads a cell once and then says on which of its few levels two cells agree.
//!
//! Levels are ordered from "equal" to "different". Their starting values say how often true partners (`when_same`) and strangers
//! (`when_different`) stand on each; [`estimation`](super::estimation) learns both from the lists themselves and falls back on these
//! where a list is too short to teach anything. A cell that is empty or cannot be read is missing, and what is missing counts nothing.

mod calendar_day;
mod identity;
mod levels;
mod phone;
mod place;
mod text;

pub use calendar_day::DateParts;
pub use identity::VisibleDigits;
pub use levels::Level;

use super::blocking::KeyForm;
use super::names::NameForms;
use phone::PhoneNumbers;
use place::PlaceText;

/// How the cells of a field are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Comparator {
    /// Equal or different, once case, width and spaces are folded.
    Exact,
    /// Text in Latin letters by Jaro-Winkler similarity, spaces and punctuation left out.
    Text,
    /// As [`Comparator::Text`], of names of persons, which support no link alone.
    Name,
    /// Letters and digits: equal, one slip of the keyboard, different.
    Code,
    /// A calendar day in the ways spreadsheets write it, also to the month or the year.
    Date,
    /// A Chinese name: written forms, variants, homophones, swapped order.
    ChineseName,
    /// 男 or 女, by word or by code of GB/T 2261.1.
    Sex,
    /// One or more phone numbers in a cell.
    Phone,
    /// A resident identity number of which any digits are visible: masked, cut off, mistyped, of 15 digits, or its tail alone.
    IdentityNumber,
    /// A place, more or less of its path: 湖南省邵阳县塘渡口镇, 塘渡口镇, 塘渡口.
    Place,
}

impl Comparator {
    /// Every comparator with the name under which a field list asks for it.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("exact", Self::Exact),
        ("text", Self::Text),
        ("name", Self::Name),
        ("code", Self::Code),
        ("date", Self::Date),
        ("name_zh", Self::ChineseName),
        ("sex", Self::Sex),
        ("phone", Self::Phone),
        ("id", Self::IdentityNumber),
        ("place", Self::Place),
    ];

    /// The comparator of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, comparator)| *comparator)
    }

    /// The levels, from equal to different.
    #[must_use]
    pub const fn levels(self) -> &'static [Level] {
        match self {
            Self::Exact => levels::EXACT,
            Self::Text | Self::Name => levels::TEXT,
            Self::Code => levels::CODE,
            Self::Date => levels::DATE,
            Self::ChineseName => levels::CHINESE_NAME,
            Self::Sex => levels::SEX,
            Self::Phone => levels::PHONE,
            Self::IdentityNumber => levels::IDENTITY_NUMBER,
            Self::Place => levels::PLACE,
        }
    }

    /// The level on which two cells stand; nothing when one is missing or unreadable, or when nothing in them can be compared.
    #[must_use]
    pub fn compare(self, left: &str, right: &str) -> Option<&'static Level> {
        let place = self.read(left)?.level(&self.read(right)?)?;
        self.levels().get(place)
    }

    /// Reads a cell.
    pub(super) fn read(self, cell: &str) -> Option<Value> {
        match self {
            Self::Exact => text::folded(cell).map(Value::Exact),
            Self::Text | Self::Name => text::Letters::read(cell).map(Value::Text),
            Self::Code => text::letters(cell).map(Value::Code),
            Self::Date => DateParts::read(cell).map(Value::Date),
            Self::ChineseName => NameForms::read(cell).map(Value::ChineseName),
            Self::Sex => text::sex(cell).map(Value::Sex),
            Self::Phone => PhoneNumbers::read(cell).map(Value::Phone),
            Self::IdentityNumber => VisibleDigits::read(cell).map(Value::IdentityNumber),
            Self::Place => PlaceText::read(cell).map(Value::Place),
        }
    }
}

/// A cell that was read. No `Debug`: it is personal data.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    Exact(String),
    Text(text::Letters),
    Code(String),
    Date(DateParts),
    ChineseName(NameForms),
    Sex(text::Sex),
    Phone(PhoneNumbers),
    IdentityNumber(VisibleDigits),
    Place(PlaceText),
}

impl Value {
    /// The place among the comparator's levels; nothing when the two have nothing to compare.
    pub(super) fn level(&self, other: &Self) -> Option<usize> {
        match (self, other) {
            (Self::Exact(left), Self::Exact(right)) => Some(usize::from(left != right)),
            (Self::Sex(left), Self::Sex(right)) => Some(usize::from(left != right)),
            (Self::Text(left), Self::Text(right)) => Some(left.level(right)),
            (Self::Code(left), Self::Code(right)) => Some(text::slip_level(left, right)),
            (Self::Date(left), Self::Date(right)) => Some(left.level(*right)),
            (Self::ChineseName(left), Self::ChineseName(right)) => Some(name_level(left, right)),
            (Self::Phone(left), Self::Phone(right)) => Some(left.level(right)),
            (Self::IdentityNumber(left), Self::IdentityNumber(right)) => left.level(right),
            (Self::Place(left), Self::Place(right)) => Some(left.level(right)),
            _ => None,
        }
    }

    /// What is counted to know whether a value is common: 王伟 proves less than 欧阳娜, a phone of the whole village less than one's own.
    /// Two values on the level "equal" have the same.
    pub(super) fn frequency_key(&self) -> Option<&str> {
        match self {
            Self::Exact(text) | Self::Code(text) => Some(text),
            Self::Text(letters) => Some(letters.as_str()),
            Self::ChineseName(name) => Some(&name.written),
            Self::Place(place) => Some(place.as_str()),
            Self::Phone(phones) => phones.only(),
            // Sex and dates are as common as each other; a number is its person's own.
            Self::Date(_) | Self::Sex(_) | Self::IdentityNumber(_) => None,
        }
    }

    /// The keys under which the value is filed in one form; none when the form says nothing about it.
    pub(super) fn keys(&self, form: KeyForm) -> Vec<String> {
        match (self, form) {
            (Self::Exact(text) | Self::Code(text), form) => text::keys(text, form),
            (Self::Text(letters), form) => text::keys(letters.as_str(), form),
            (Self::ChineseName(name), KeyForm::Whole) => vec![name.folded.iter().collect()],
            (Self::ChineseName(name), KeyForm::Sound) => vec![name.sound.clone()],
            (Self::ChineseName(name), KeyForm::Start) => vec![name.surname_sound()],
            (Self::Place(place), KeyForm::Whole) => vec![place.as_str().to_owned()],
            (Self::Place(place), KeyForm::Start) => vec![place.last_part().to_owned()],
            (Self::Phone(phones), KeyForm::Whole) => phones.all().to_vec(),
            (Self::IdentityNumber(number), KeyForm::Tail) => number.tail().into_iter().collect(),
            (Self::IdentityNumber(number), KeyForm::Whole) => number.whole().into_iter().collect(),
            (Self::IdentityNumber(number), KeyForm::Month) => number.birth_month().into_iter().collect(),
            (Self::Date(day), form) => day.key(form).into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

fn name_level(left: &NameForms, right: &NameForms) -> usize {
    if left.written == right.written {
        0
    } else if left.same_form(right) {
        1
    } else if left.same_sound(right) {
        2
    } else if left.is_near(right) {
        3
    } else if left.same_surname(right) {
        4
    } else {
        5
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The level's code, in both directions.
    fn found(comparator: Comparator, left: &str, right: &str) -> &'static str {
        let code = |left, right| comparator.compare(left, right).map_or("nothing", |level| level.code);
        assert_eq!(code(left, right), code(right, left), "{left} / {right}");
        code(left, right)
    }

    fn table(comparator: Comparator, rows: &[(&str, &str, &str)]) {
        for (left, right, code) in rows {
            assert_eq!(found(comparator, left, right), *code, "{left} / {right}");
        }
    }

    #[test]
    fn chinese_names() {
        table(
            Comparator::ChineseName,
            &[
                ("张三", "张　三", "equal"),
                ("阿卜杜拉·买买提", "阿卜杜拉．买买提", "equal"),
                ("ＬＩ ＨＵＡ", "li hua", "equal"),
                // Traditional, variant and rare characters.
                ("刘国华", "劉國華", "same_form"),
                ("李喆", "李哲", "same_form"),
                ("王堃", "王坤", "same_form"),
                ("邓甯", "鄧宁", "same_form"),
                ("吴凤", "吳鳳", "same_form"),
                // Given name first.
                ("张伟强", "伟强张", "same_form"),
                ("阿卜杜拉·买买提", "买买提·阿卜杜拉", "same_form"),
                // Homophones, also by a second reading, and characters that nobody could type.
                ("张伟", "章卫", "same_sound"),
                ("李红", "李宏", "same_sound"),
                ("单红", "善红", "same_sound"),
                ("张磊", "张lei", "same_sound"),
                ("吕芳", "lv芳", "same_sound"),
                ("王煜", "王?", "same_sound"),
                ("王煜", "王□", "same_sound"),
                // By a southern ear, or one character of three.
                ("刘兰", "刘南", "near"),
                ("陈英", "陈音", "near"),
                ("黄志强", "黄自强", "near"),
                ("张伟强", "张伟军", "near"),
                ("张伟强", "张强", "near"),
                ("张伟", "张强", "same_surname"),
                ("张伟", "章强", "same_surname"),
                ("张伟", "李强", "different"),
                ("", "张伟", "nothing"),
                ("123", "张伟", "nothing"),
            ],
        );
    }

    #[test]
    fn identity_numbers_with_digits_missing() {
        table(
            Comparator::IdentityNumber,
            &[
                ("430523199003079985", "４３０５２３１９９００３０７９９８５", "equal"),
                ("43052319900307997X", "43052319900307997x", "equal"),
                // The old form, upgraded; a disability card.
                ("430523900307998", "430523199003079985", "equal"),
                ("43052319900307998543", "430523199003079985", "equal"),
                // Masked, cut off, rounded by a spreadsheet.
                ("430523********9985", "430523199003079985", "visible_equal"),
                ("4305231990030799", "430523199003079985", "visible_equal"),
                ("430523199003079000", "430523199003079985", "visible_equal"),
                ("4.3052319900307E+17", "430523199003079985", "part_equal"),
                ("430***********9985", "430523199003079985", "part_equal"),
                ("9985", "430523199003079985", "part_equal"),
                ("43052319900307", "430523199003079985", "part_equal"),
                // A wrong check digit, a wrong digit, a digit left out, two exchanged.
                ("430523199003079984", "430523199003079985", "slip"),
                ("430523199103079985", "430523199003079985", "slip"),
                ("43052319900307985", "430523199003079985", "slip"),
                ("430523199003709985", "430523199003079985", "slip"),
                ("430523********9986", "430523199003079985", "different"),
                ("430582200109099971", "430523199003079985", "different"),
                ("9985", "430523********", "nothing"),
                ("******************", "430523199003079985", "nothing"),
                ("未办理", "430523199003079985", "nothing"),
            ],
        );
    }

    #[test]
    fn dates_as_spreadsheets_write_them() {
        table(
            Comparator::Date,
            &[
                ("1990-03-07", "1990年3月7日", "equal"),
                ("19900307", "1990/3/7", "equal"),
                ("1990.3.7", "32939", "equal"),
                ("1990-03-07", "1990年03月", "same_month"),
                ("1990.3", "1990-03", "same_month"),
                ("1990-03-07", "1990-07-03", "slip"),
                ("1990-03-07", "1990-03-17", "slip"),
                ("1990-03-07", "1999-03-07", "slip"),
                ("1990-03-07", "1990-11-20", "same_year"),
                ("1990-03-07", "1990", "same_year"),
                ("1990-03-07", "1985-11-20", "different"),
                ("不详", "1990-03-07", "nothing"),
                ("90-3-7", "1990-03-07", "nothing"),
            ],
        );
    }

    #[test]
    fn phones_of_a_cell() {
        table(
            Comparator::Phone,
            &[
                ("10012345678", "+86 100-1234-5678", "equal"),
                ("10012345678/10087654321", "10087654321", "equal"),
                ("10012345678", "100****5678", "near"),
                ("10012345678", "10012345679", "near"),
                ("10012345678", "10012354678", "near"),
                ("0739-6821234", "07396821234", "equal"),
                ("10012345678", "10099999999", "different"),
                ("无", "10012345678", "nothing"),
            ],
        );
    }

    #[test]
    fn places_with_more_or_less_of_their_path() {
        table(
            Comparator::Place,
            &[
                ("塘渡口镇", "塘渡口镇 ", "equal"),
                ("湖南省邵阳县塘渡口镇", "塘渡口镇", "contained"),
                ("邵阳县塘渡口镇", "湖南省邵阳市邵阳县塘渡口镇", "contained"),
                ("塘渡口", "塘渡口镇", "contained"),
                ("小溪市乡", "邵阳县小溪市乡", "contained"),
                ("长阳铺镇", "长阳浦镇", "similar"),
                ("塘渡口镇", "白仓镇", "different"),
                ("邵阳县白仓镇", "邵阳县黄荆乡", "different"),
            ],
        );
    }

    #[test]
    fn sex_text_and_codes() {
        table(
            Comparator::Sex,
            &[("男", "1", "equal"), ("女", "Female", "equal"), ("男", "女", "different"), ("9", "男", "nothing")],
        );
        table(Comparator::Exact, &[(" NSW", "nsw", "equal"), ("nsw", "vic", "different")]);
        table(
            Comparator::Text,
            &[
                ("pridham street", "pridhamstreet", "equal"),
                ("mccarthy", "mccarhty", "very_similar"),
                ("dixon", "dicksonx", "different"),
                ("mitchell", "green", "different"),
                ("", "green", "nothing"),
            ],
        );
        table(
            Comparator::Code,
            &[
                ("4880", "4881", "slip"),
                ("4880", "4808", "slip"),
                ("48", "49", "different"),
                ("4880", "2119", "different"),
            ],
        );
    }

    #[test]
    fn starting_values_are_shares_and_more_agreement_never_weighs_less() {
        for (name, comparator) in Comparator::NAMES {
            let levels = comparator.levels();
            let sum = |share: fn(&Level) -> f64| levels.iter().map(share).sum::<f64>();
            assert!((sum(|level| level.when_same) - 1.0).abs() < 1e-9, "{name}");
            assert!((sum(|level| level.when_different) - 1.0).abs() < 1e-9, "{name}");
            assert!(levels.iter().all(|level| level.when_same > 0.0 && level.when_different > 0.0), "{name}");
            assert!(levels.len() < 15, "{name} fits into four bits");
            assert_eq!(Comparator::named(name), Some(*comparator));
        }
    }

    proptest! {
        #[test]
        fn no_cell_breaks_a_comparator(left in "\\PC{0,30}", right in "\\PC{0,30}") {
            for (_, comparator) in Comparator::NAMES {
                found(*comparator, &left, &right);
                if comparator.read(&left).is_some() {
                    prop_assert_ne!(found(*comparator, &left, &left), "different");
                }
            }
        }

        #[test]
        fn damaged_numbers_get_an_answer(left in "[0-9X*?]{0,23}", right in "[0-9X*]{14,19}") {
            found(Comparator::IdentityNumber, &left, &right);
        }

        #[test]
        fn the_short_cut_for_strangers_changes_no_level(left in "[a-e]{1,12}", right in "[a-e]{1,12}") {
            let similarity = strsim::jaro_winkler(&left, &right);
            let level = found(Comparator::Text, &left, &right);
            prop_assert_eq!(level == "different", similarity < 0.84);
        }
    }
}
