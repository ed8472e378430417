//! The field list for rosters of workers: what an origin, an employer or a station writes down of a person besides a usable number.
//!
//! Tiers T2 and T3 of domain.md 6.1 come out of it by themselves: visible digits with name and birth date weigh more than name and phone,
//! and those more than name and township. A name alone, or with the sex, supports nothing.

use std::borrow::Cow;

use super::Settings;
use super::blocking::{BlockingKey, KeyForm};
use super::comparison::Comparator;
use super::fields::{Field, Record};

/// One row of a roster, each cell as it was written.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RosterRow<'a> {
    /// 姓名.
    pub name: Option<&'a str>,
    /// 身份证号码, as far as it is visible.
    pub identity_number: Option<&'a str>,
    /// 性别, by word or code.
    pub sex: Option<&'a str>,
    /// 出生日期, to the day, month or year.
    pub birth_date: Option<&'a str>,
    /// 联系电话, one or more.
    pub phone: Option<&'a str>,
    /// 户籍 or 家庭住址, down to the township.
    pub township: Option<&'a str>,
}

const NAME: usize = 0;
const IDENTITY_NUMBER: usize = 1;
const BIRTH_DATE: usize = 3;
const PHONE: usize = 4;
const TOWNSHIP: usize = 5;

/// The fields, in the order of [`RosterRow`].
#[must_use]
pub fn fields() -> Vec<Field> {
    vec![
        Field::new("name", Comparator::ChineseName).labelled("姓名", "name"),
        Field::new("identity_number", Comparator::IdentityNumber).labelled("身份证号码可见部分", "visible ID digits"),
        Field::new("sex", Comparator::Sex).labelled("性别", "sex"),
        Field::new("birth_date", Comparator::Date).labelled("出生日期", "birth date"),
        Field::new("phone", Comparator::Phone).labelled("联系电话", "phone"),
        Field::new("township", Comparator::Place).labelled("乡镇", "township"),
    ]
}

/// Blocking on several keys, each of which survives another fault: a misheard name, a changed phone, a masked number, a move.
#[must_use]
pub fn settings() -> Settings {
    let blocking = vec![
        BlockingKey::of(&[(NAME, KeyForm::Sound)]),
        BlockingKey::of(&[(PHONE, KeyForm::Whole)]),
        BlockingKey::of(&[(BIRTH_DATE, KeyForm::Whole)]),
        BlockingKey::of(&[(IDENTITY_NUMBER, KeyForm::Whole)]),
        BlockingKey::of(&[(IDENTITY_NUMBER, KeyForm::Tail), (NAME, KeyForm::Start)]),
        BlockingKey::of(&[(IDENTITY_NUMBER, KeyForm::Month), (NAME, KeyForm::Start)]),
        BlockingKey::of(&[(BIRTH_DATE, KeyForm::Month), (NAME, KeyForm::Start)]),
        BlockingKey::of(&[(TOWNSHIP, KeyForm::Start), (NAME, KeyForm::Start), (BIRTH_DATE, KeyForm::Start)]),
    ];
    Settings { blocking, ..Settings::for_fields(&fields()) }
}

impl<'a> RosterRow<'a> {
    /// The row for the matcher.
    #[must_use]
    pub fn record<K>(&self, key: K) -> Record<'a, K> {
        let cells = [self.name, self.identity_number, self.sex, self.birth_date, self.phone, self.township];
        Record { key, values: cells.map(|cell| cell.map(Cow::Borrowed)).to_vec() }
    }
}
