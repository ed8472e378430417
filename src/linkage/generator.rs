//! Invented rosters with a truth column: what the matcher is measured on, in Chinese.
//!
//! [`generate`] draws people of one county and writes them down twice, as the origin and as the destination would: the second time with the
//! faults that rosters have (domain.md 5, 10 and D02). Around the true pairs stand those who make matching hard: brothers and couples who
//! share surname, township and phone, namesakes, people who never arrived and people nobody announced. The same seed gives the same rosters
//! on every machine.
//!
//! Nobody here exists: order numbers of identity numbers are 996 to 999 only, phones begin with the unassigned 100.

mod draws;
mod faults;
mod words;

use draws::Draws;

/// One row of a generated roster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GeneratedRow {
    /// Unique in its roster.
    pub key: String,
    /// The truth: two rows are one person when this is equal. Never given to the matcher.
    pub person: u32,
    /// 姓名.
    pub name: String,
    /// 身份证号码, whole or damaged; empty when it was left out.
    pub identity_number: String,
    /// 性别.
    pub sex: String,
    /// 出生日期.
    pub birth_date: String,
    /// 联系电话.
    pub phone: String,
    /// 乡镇.
    pub township: String,
}

/// The columns of a generated file, in the order of [`GeneratedRow::cells`].
pub const COLUMNS: [&str; 8] = ["行号", "真值", "姓名", "身份证号码", "性别", "出生日期", "联系电话", "乡镇"];

impl GeneratedRow {
    /// The cells under [`COLUMNS`].
    #[must_use]
    pub fn cells(&self) -> [String; 8] {
        [
            self.key.clone(),
            self.person.to_string(),
            self.name.clone(),
            self.identity_number.clone(),
            self.sex.clone(),
            self.birth_date.clone(),
            self.phone.clone(),
            self.township.clone(),
        ]
    }

    /// The row for [`roster`](super::roster), under its own key.
    #[must_use]
    pub fn record(&self) -> super::fields::Record<'_, String> {
        let cells = [&self.name, &self.identity_number, &self.sex, &self.birth_date, &self.phone, &self.township];
        super::fields::Record::new(self.key.clone(), cells.into_iter().map(String::as_str))
    }
}

/// Two rosters of the same people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GeneratedRosters {
    /// As the origin sent them.
    pub origin: Vec<GeneratedRow>,
    /// As the destination wrote them down.
    pub destination: Vec<GeneratedRow>,
}

/// How many people of ten stand in both rosters; the others in one of them.
const IN_BOTH_OF_TEN: u32 = 8;

/// Draws two rosters of `rows` rows each.
#[must_use]
pub fn generate(rows: u32, seed: u64) -> GeneratedRosters {
    let mut draws = Draws::new(seed);
    let in_both = rows / 10 * IN_BOTH_OF_TEN + rows % 10;
    let mut people = People::default();
    let mut rosters = GeneratedRosters::default();
    let in_one = rows - in_both;
    for person in 0..in_both + 2 * in_one {
        let drawn = people.next(&mut draws);
        let row = drawn.row(person);
        if person < in_both + in_one {
            let origin = GeneratedRow { key: format!("O{:05}", person + 1), ..row.clone() };
            rosters.origin.push(faults::of_origin(origin, &mut draws));
        }
        if person < in_both || person >= in_both + in_one {
            let destination = GeneratedRow { key: String::new(), ..row };
            rosters.destination.push(faults::of_destination(destination, &mut draws));
        }
    }
    draws.shuffle(&mut rosters.destination);
    for (number, row) in (1..).zip(&mut rosters.destination) {
        row.key = format!("D{number:05}");
    }
    rosters
}

/// A person as the register knows them.
#[derive(Debug, Clone, Default)]
struct Person {
    surname: &'static str,
    given: String,
    female: bool,
    birth: (u32, u32, u32),
    phone: String,
    township: &'static str,
    area: &'static str,
}

/// People drawn so far, of whom the next may be a relative or a namesake.
#[derive(Default)]
struct People {
    last: Option<Person>,
}

impl People {
    fn next(&mut self, draws: &mut Draws) -> Person {
        let mut person = stranger(draws);
        if let Some(last) = &self.last {
            match draws.below(100) {
                // Husband and wife: phone and township shared.
                0..8 => {
                    person = Person { phone: last.phone.clone(), township: last.township, ..person };
                    person.female = !last.female;
                }
                // Brother or sister: surname, township and the character of the generation shared, sometimes the phone.
                8..16 => {
                    let generation = last.given.chars().next().unwrap_or('小');
                    person.given = format!("{generation}{}", draws.pick(words::GIVEN));
                    person = Person { surname: last.surname, township: last.township, area: last.area, ..person };
                    if draws.chance(30) {
                        person.phone.clone_from(&last.phone);
                    }
                }
                // Twins.
                16..17 => {
                    let generation = last.given.chars().next().unwrap_or('小');
                    person = Person { given: format!("{generation}{}", draws.pick(words::GIVEN)), ..last.clone() };
                    person.female = draws.chance(50);
                }
                // A namesake of the same county.
                17..21 => person = Person { surname: last.surname, given: last.given.clone(), ..person },
                _ => {}
            }
        }
        self.last = Some(person.clone());
        person
    }
}

fn stranger(draws: &mut Draws) -> Person {
    let surname = draws.pick_weighted(words::SURNAMES);
    let second = if draws.chance(75) { draws.pick_early(words::GIVEN) } else { "" };
    let rare = draws.chance(6);
    let first = if rare { draws.pick(words::RARE) } else { draws.pick_early(words::GIVEN) };
    let ethnic = draws.chance(3);
    let (surname, given) = if ethnic {
        (draws.pick(words::ETHNIC_GIVEN), format!("·{}", draws.pick(words::ETHNIC_FATHER)))
    } else {
        (surname, format!("{first}{second}"))
    };
    Person {
        surname,
        given,
        female: draws.chance(40),
        birth: (1962 + draws.below(44), 1 + draws.below(12), 1 + draws.below(28)),
        phone: format!("100{:08}", draws.below(100_000_000)),
        township: draws.pick(words::TOWNSHIPS),
        area: draws.pick_weighted(words::AREAS),
    }
}

impl Person {
    fn row(&self, person: u32) -> GeneratedRow {
        let (year, month, day) = self.birth;
        // 996 and 998 are women, 997 and 999 men; the person decides which of the two.
        let order = if self.female { 996 } else { 997 } + 2 * (person % 2);
        GeneratedRow {
            key: String::new(),
            person,
            name: format!("{}{}", self.surname, self.given),
            identity_number: faults::with_check(&format!("{}{year:04}{month:02}{day:02}{order}", self.area)),
            sex: if self.female { "女" } else { "男" }.to_owned(),
            birth_date: format!("{year:04}-{month:02}-{day:02}"),
            phone: self.phone.clone(),
            township: self.township.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::identity_number::IdentityNumber;
    use jiff::civil::date;
    use std::collections::BTreeSet;

    #[test]
    fn the_same_seed_gives_the_same_rosters_and_another_seed_others() {
        assert_eq!(generate(200, 7), generate(200, 7));
        assert_ne!(generate(200, 7), generate(200, 8));
    }

    #[test]
    fn four_of_five_people_stand_in_both_rosters_under_different_keys() {
        let rosters = generate(1_000, 1);
        assert_eq!((rosters.origin.len(), rosters.destination.len()), (1_000, 1_000));
        let people = |rows: &[GeneratedRow]| rows.iter().map(|row| row.person).collect::<BTreeSet<_>>();
        let keys: BTreeSet<_> = rosters.origin.iter().chain(&rosters.destination).map(|row| row.key.clone()).collect();
        assert_eq!(keys.len(), 2_000);
        assert_eq!(people(&rosters.origin).intersection(&people(&rosters.destination)).count(), 800);
    }

    #[test]
    fn nobody_exists() {
        let rosters = generate(1_000, 1);
        for row in &rosters.origin {
            assert!(row.phone.is_empty() || row.phone.starts_with("100"), "{row:?}");
            if let Ok(number) = IdentityNumber::parse(&row.identity_number, date(2026, 3, 1)) {
                assert!(("996"..="999").contains(&&number.as_str()[14..17]), "{row:?}");
            } else {
                assert!(row.identity_number.is_empty(), "the origin's numbers are whole: {row:?}");
            }
        }
    }

    #[test]
    fn every_fault_occurs() {
        let rosters = generate(1_000, 1);
        let seen = |what: &str, fault: fn(&GeneratedRow) -> bool| {
            let rows = rosters.destination.iter().filter(|row| fault(row)).count();
            assert!((5..600).contains(&rows), "{what}: {rows}");
        };
        seen("masked number", |row| row.identity_number.contains('*'));
        seen("number cut off", |row| row.identity_number.len() == 14);
        seen("15 digits", |row| row.identity_number.len() == 15);
        seen("tail alone", |row| row.identity_number.len() == 4);
        seen("wrong digit", |row| {
            let parsed = IdentityNumber::parse(&row.identity_number, date(2026, 3, 1));
            row.identity_number.len() == 18 && !row.identity_number.contains('*') && parsed.is_err()
        });
        seen("date to the month", |row| row.birth_date.ends_with('月'));
        seen("phone of the team", |row| row.phone.starts_with("1000000000"));
        seen("no phone", |row| row.phone.is_empty());
        seen("character that could not be typed", |row| row.name.contains('?'));
        let of_origin = |row: &GeneratedRow| rosters.origin.iter().find(|origin| origin.person == row.person).cloned();
        let pairs: Vec<_> = rosters.destination.iter().filter_map(|row| Some((of_origin(row)?, row))).collect();
        let differ = |differs: fn(&GeneratedRow, &GeneratedRow) -> bool| {
            pairs.iter().filter(|(origin, row)| differs(origin, row)).count()
        };
        assert!(differ(|origin, row| origin.name != row.name) > 100);
        assert!(differ(|origin, row| !row.township.is_empty() && !row.township.ends_with(&origin.township[9..])) > 20);
    }
}
