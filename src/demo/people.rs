//! People who do not exist: the workers of the demonstration.
//!
//! Every identity number is well-formed and ends in an order number from 996 to 999, which offices kept for centenarians and give to
//! nobody of working age, so that no number here belongs to a living person. The first six digits fit the time the number was first
//! given: 432621 (邵阳县 until 1986) or 430523, and now and then 430521 (邵东县) of somebody who married into the county. Couples
//! share a phone; phone numbers start with a prefix that no operator was given. The same seed makes the same people.
//!
//! The share of lifted people is that of the article where it names both in one breath (6,000 of 45,000); the demonstration
//! shows it and compares it with nothing, because the 45,000 are person-times.

use std::collections::HashSet;

use jiff::civil::{Date, date};
use serde_json::{Value, json};

use super::names;
use super::random::Random;
use crate::workers::GroupCode;
use crate::workers::identity_number::{Sex, check_character};

/// The county of every household register here.
pub const HUKOU: &str = "430523";
/// First day of the numbers of 1986, when 邵阳县 went from the code 432621 to 430523.
const CODE_CHANGED_ON: Date = date(1986, 1, 1);
/// Lifted people among the workers: 2 of 15.
const LIFTED: (u32, u32) = (2, 15);
/// A prefix of mobile numbers that no operator was given.
const PHONE_PREFIX: &str = "142";

/// Somebody to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The origin's own reference, also of the person's place on a roster.
    pub reference: String,
    /// Name as on the identity card.
    pub name: String,
    /// Identity number.
    pub identity_number: String,
    /// Mobile number, perhaps shared with the spouse.
    pub phone: String,
    /// Day of birth.
    pub born_on: Date,
    /// Sex.
    pub sex: Sex,
    /// The list the person is on, and since when.
    pub group: Option<(GroupCode, Date)>,
}

impl Person {
    /// A seat that nobody has taken yet.
    #[must_use]
    pub fn nobody() -> Self {
        let [reference, name, identity_number, phone] = <[String; 4]>::default();
        Self { reference, name, identity_number, phone, born_on: CODE_CHANGED_ON, sex: Sex::Female, group: None }
    }

    /// The person as a row of a worker batch.
    #[must_use]
    pub fn registration(&self) -> Value {
        let groups: Vec<Value> = self
            .group
            .iter()
            .map(|(code, since)| json!({ "group_code": code, "valid_from": since, "source": "演示名单" }))
            .collect();
        json!({
            "name": self.name, "identity_number": self.identity_number, "phone": self.phone, "hukou_code": HUKOU,
            "partner_ref": self.reference, "groups": groups,
        })
    }
}

/// Makes people one after another, no two with the same number.
#[derive(Debug)]
pub struct Village {
    random: Random,
    numbers: HashSet<String>,
    people: u32,
    spouse: Option<(Sex, Date, String)>,
}

impl Village {
    /// A village that grows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), numbers: HashSet::new(), people: 0, spouse: None }
    }

    /// Somebody of working age.
    pub fn worker(&mut self) -> Person {
        if let Some((sex, born_on, phone)) = self.spouse.take() {
            let years = i16::try_from(self.random.below(5)).unwrap_or_default() - 2;
            let year = (born_on.year() + years).clamp(1962, 2003);
            return self.person(other(sex), year, Some(phone));
        }
        let sex = if self.random.in_share(11, 20) { Sex::Male } else { Sex::Female };
        let year = 1962 + i16::try_from(self.random.below(42)).unwrap_or_default();
        let person = self.person(sex, year, None);
        if year < 1999 && self.random.in_share(1, 5) {
            self.spouse = Some((person.sex, person.born_on, person.phone.clone()));
        }
        person
    }

    /// Several of working age.
    pub fn workers(&mut self, count: usize) -> Vec<Person> {
        (0..count).map(|_| self.worker()).collect()
    }

    /// Somebody who is not sixteen in 2021 and whom nobody may send.
    pub fn child(&mut self) -> Person {
        let year = 2006 + i16::try_from(self.random.below(3)).unwrap_or_default();
        self.person(Sex::Female, year, None)
    }

    fn person(&mut self, sex: Sex, year: i16, phone: Option<String>) -> Person {
        self.people += 1;
        let (identity_number, born_on) = self.free_number(sex, year);
        let phone = phone.unwrap_or_else(|| format!("{PHONE_PREFIX}{:08}", self.random.below(100_000_000)));
        Person {
            reference: format!("SY-2021-{:05}", self.people),
            name: names::name(&mut self.random, sex),
            identity_number,
            phone,
            born_on,
            sex,
            group: self.group(),
        }
    }

    /// A number nobody here has. There are 2 for each sex, day and prefix, many more than people.
    fn free_number(&mut self, sex: Sex, year: i16) -> (String, Date) {
        loop {
            let month = i8::try_from(self.random.below(12) + 1).unwrap_or(1);
            let first = Date::new(year, month, 1).unwrap_or(CODE_CHANGED_ON);
            let day = i8::try_from(self.random.below(u32::from(first.days_in_month().unsigned_abs())) + 1).unwrap_or(1);
            let born_on = Date::new(year, month, day).unwrap_or(first);
            let order = self.random.pick(if sex == Sex::Male { &["997", "999"] } else { &["996", "998"] });
            let body = format!("{}{}{order}", self.prefix(born_on), born_on.strftime("%Y%m%d"));
            let number = complete(&body);
            if self.numbers.insert(number.clone()) {
                return (number, born_on);
            }
        }
    }

    /// Numbers were first given from 1984 on, so most of those born before 1986 got theirs under the old code.
    fn prefix(&mut self, born_on: Date) -> &'static str {
        if born_on.year() >= 1984 && self.random.in_share(1, 30) {
            "430521"
        } else if born_on < CODE_CHANGED_ON && self.random.in_share(4, 5) {
            "432621"
        } else {
            "430523"
        }
    }

    fn group(&mut self) -> Option<(GroupCode, Date)> {
        const MONITORED: [GroupCode; 3] = [GroupCode::UnstableLifted, GroupCode::Marginal, GroupCode::SuddenHardship];
        if self.random.in_share(LIFTED.0, LIFTED.1) {
            if self.random.in_share(1, 20) {
                let place = usize::try_from(self.random.below(3)).unwrap_or_default();
                return MONITORED.get(place).map(|code| (*code, date(2020, 12, 31)));
            }
            return Some((GroupCode::Lifted, date(2014, 12, 31)));
        }
        None
    }
}

const fn other(sex: Sex) -> Sex {
    match sex {
        Sex::Male => Sex::Female,
        Sex::Female => Sex::Male,
    }
}

/// A whole number from its first 17 digits.
fn complete(body: &str) -> String {
    let digits: Vec<u32> = body.chars().filter_map(|digit| digit.to_digit(10)).collect();
    let check = check_character(&digits).map(String::from).unwrap_or_default();
    format!("{body}{check}")
}

/// How a number is spoilt on its way through spreadsheets and hands, and the code by which it is refused.
pub const SPOILT: &[(&str, &str)] = &[
    ("rounded", "identity_number_damaged"),
    ("masked", "identity_number_masked"),
    ("mistyped", "identity_number_check_digit"),
    ("short", "identity_number_length"),
];

/// The number, spoilt in one of the ways of [`SPOILT`].
#[must_use]
pub fn spoilt(number: &str, way: &str) -> String {
    let head = |length: usize| number.get(..length).unwrap_or_default();
    match way {
        "rounded" => {
            let (whole, rest) = head(6).split_at_checked(1).unwrap_or_default();
            format!("{whole}.{rest}E+17")
        }
        "masked" => format!("{}********{}", head(6), number.get(14..).unwrap_or_default()),
        "short" => head(17).to_owned(),
        _ => {
            let last = number.chars().next_back();
            format!("{}{}", head(17), if last == Some('3') { '4' } else { '3' })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::identity_number::IdentityNumber;
    use crate::workers::phone::Phone;
    use std::collections::HashMap;

    const TODAY: Date = date(2021, 2, 20);

    fn county() -> Vec<Person> {
        Village::new(2021).workers(11_500)
    }

    #[test]
    fn every_number_is_valid_unique_and_of_nobody_alive() {
        let mut seen = HashSet::new();
        for person in county() {
            let number = IdentityNumber::parse(&person.identity_number, TODAY).unwrap();
            assert!(("996"..="999").contains(&&person.identity_number[14..17]), "an order number that people have");
            assert_eq!((number.birth_date(), number.sex()), (person.born_on, person.sex));
            assert!(seen.insert(person.identity_number), "the same number twice");
        }
    }

    #[test]
    fn prefixes_fit_the_time_in_which_the_number_was_given() {
        let mut prefixes: HashMap<String, u32> = HashMap::new();
        for person in county() {
            let prefix = person.identity_number[..6].to_owned();
            match prefix.as_str() {
                "432621" => assert!(person.born_on < CODE_CHANGED_ON, "born {}", person.born_on),
                "430521" => assert!(person.born_on.year() >= 1984, "born {}", person.born_on),
                other => assert_eq!(other, "430523"),
            }
            *prefixes.entry(prefix).or_default() += 1;
        }
        assert_eq!(prefixes.len(), 3);
        assert!(prefixes["432621"] > 4_000 && prefixes["430521"] > 100, "{prefixes:?}");
    }

    #[test]
    fn everybody_is_of_working_age_and_children_are_not() {
        assert!(county().iter().all(|person| (1962..=2003).contains(&person.born_on.year())));
        let mut village = Village::new(1);
        assert!((0..50).all(|_| 2021 - village.child().born_on.year() < 16));
    }

    #[test]
    fn couples_share_a_phone_and_nobody_else_does() {
        let people = county();
        let mut by_phone: HashMap<&str, Vec<&Person>> = HashMap::new();
        for person in &people {
            assert!(Phone::parse(&person.phone).is_ok() && person.phone.starts_with(PHONE_PREFIX));
            by_phone.entry(&person.phone).or_default().push(person);
        }
        let shared: Vec<_> = by_phone.values().filter(|sharing| sharing.len() > 1).collect();
        assert!(shared.len() > 1_000, "{} couples", shared.len());
        assert!(shared.iter().all(|sharing| sharing.len() == 2 && sharing[0].sex != sharing[1].sex));
    }

    #[test]
    fn the_lifted_share_is_that_of_the_article() {
        let people = county();
        let lifted = people.iter().filter(|person| person.group.is_some()).count() * 45_000 / people.len();
        assert!((5_500..=6_500).contains(&lifted), "{lifted} of 45,000");
    }

    #[test]
    fn the_same_seed_makes_the_same_people_with_references_in_order() {
        let people = Village::new(2021).workers(3);
        assert_eq!(people, Village::new(2021).workers(3));
        assert_eq!(people[2].reference, "SY-2021-00003");
    }

    #[test]
    fn a_spoilt_number_is_refused_for_what_was_done_to_it() {
        for person in county().into_iter().take(500) {
            for (way, code) in SPOILT {
                let refused = IdentityNumber::parse(&spoilt(&person.identity_number, way), TODAY);
                assert_eq!(refused.expect_err(way).code(), *code, "{way}");
            }
        }
    }
}
