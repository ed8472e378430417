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

/// A cell that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
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
            (Self::Date(left), Self::Date(right)) => Some(left.level(right)),
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
