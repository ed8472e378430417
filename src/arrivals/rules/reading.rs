//! Reading a claim as it was sent: every fault of a row at once, before anything is looked up.

use crate::agreements::rule_terms::EvidenceLevel;
use crate::arrivals::{ClaimedOutcome, NewClaim};
use crate::db::{Day, Id};
use crate::error::{Fault, Faults};
use crate::regions::{RegionCode, workplace_fault};
use crate::workers::identity_number::IdentityNumber;
use crate::workers::person_name::PersonName;

/// A person named by what the identity card says.
#[derive(Debug, Clone)]
pub struct Person {
    /// The name.
    pub name: PersonName,
    /// The identity number.
    pub number: IdentityNumber,
}

/// Whom a claim is about.
#[derive(Debug, Clone)]
pub enum Target {
    /// A placement by its id.
    Placement(Id),
    /// A placement by the origin's own reference.
    Reference(String),
    /// A person, perhaps one whom no origin announced.
    Person(Box<Person>),
}

impl Target {
    /// The field that names it, for pointers.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Placement(_) => "placement_id",
            Self::Reference(_) => "placement_ref",
            Self::Person(_) => "identity_number",
        }
    }
}

/// A claim that is well-formed.
#[derive(Debug, Clone)]
pub struct Stated {
    /// Whom it is about.
    pub target: Target,
    /// What happened.
    pub outcome: ClaimedOutcome,
    /// On which day.
    pub happened_on: Day,
    /// The employer it names.
    pub employer_id: Option<Id>,
    /// The region it names.
    pub region_code: Option<RegionCode>,
    /// How strong the proof is.
    pub evidence: EvidenceLevel,
    /// The claimant's own reference.
    pub client_ref: Option<String>,
}

/// Reads a row; `at` is its place in the body (`/rows/3`, or nothing where the body is the row).
///
/// # Errors
/// Every fault of the row.
pub fn read(row: &NewClaim, at: &str, today: Day) -> Result<Stated, Vec<Fault>> {
    let mut faults = Faults::new();
    let target = target(row, at, today, &mut faults);
    faults.optional_text(&format!("{at}/client_ref"), row.client_ref.as_deref(), 100);
    faults.require(
        row.happened_on <= today,
        &format!("{at}/happened_on"),
        "date_in_future",
        "must not lie in the future",
        "不得晚于今日",
    );
    faults.add(row.region_code.and_then(|region| workplace_fault(&format!("{at}/region_code"), region)));
    for (given, field) in [(row.employer_id.is_some(), "employer_id"), (row.region_code.is_some(), "region_code")] {
        faults.require(
            row.outcome.is_arrival() || !given,
            &format!("{at}/{field}"),
            "only_for_arrivals",
            "only an arrival has a workplace; leave it out",
            "仅到岗或改派可填写实际单位和地区，请删除",
        );
    }
    match target {
        Some(target) if faults.is_empty() => Ok(Stated {
            target,
            outcome: row.outcome,
            happened_on: row.happened_on,
            employer_id: row.employer_id,
            region_code: row.region_code,
            evidence: row.evidence,
            client_ref: row.client_ref.clone(),
        }),
        _ => Err(faults.into_inner()),
    }
}

/// Exactly one way of naming the person.
fn target(row: &NewClaim, at: &str, today: Day, faults: &mut Faults) -> Option<Target> {
    let person = row.name.is_some() || row.identity_number.is_some();
    let ways = usize::from(row.placement_id.is_some()) + usize::from(row.placement_ref.is_some()) + usize::from(person);
    if ways != 1 {
        faults.push(Fault::body(
            at,
            "target_not_single",
            "name the person in one way: placement_id, placement_ref, or name with identity_number",
            "请且仅请以一种方式指明人员：placement_id、placement_ref，或姓名加身份证号码",
        ));
        return None;
    }
    if let Some(placement_id) = row.placement_id {
        return Some(Target::Placement(placement_id));
    }
    if let Some(reference) = &row.placement_ref {
        faults.text(&format!("{at}/placement_ref"), reference, 100);
        return Some(Target::Reference(reference.clone()));
    }
    let name = read_name(row, at, faults);
    let number = read_number(row, at, today, faults);
    Some(Target::Person(Box::new(Person { name: name?, number: number? })))
}

fn read_name(row: &NewClaim, at: &str, faults: &mut Faults) -> Option<PersonName> {
    let text = row.name.as_ref().map(|name| name.expose().as_str()).unwrap_or_default();
    let read = PersonName::parse(text);
    read.map_err(|error| {
        faults.push(Fault::body(format!("{at}/name"), error.code(), error.message_en(), error.message_zh()));
    })
    .ok()
}

fn read_number(row: &NewClaim, at: &str, today: Day, faults: &mut Faults) -> Option<IdentityNumber> {
    let text = row.identity_number.as_ref().map(|number| number.expose().as_str()).unwrap_or_default();
    let read = IdentityNumber::parse(text, today.0);
    read.map_err(|error| {
        faults.push(Fault::body(format!("{at}/identity_number"), error.code(), error.message_en(), error.message_zh()));
    })
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn faults_of(mut row: Value) -> Vec<(String, &'static str)> {
        let given = row.as_object_mut().unwrap();
        for (field, value) in [("outcome", "onboarded"), ("happened_on", "2026-03-01"), ("evidence", "e2")] {
            given.entry(field).or_insert_with(|| json!(value));
        }
        let row: NewClaim = serde_json::from_value(row).unwrap();
        let today = Day::parse("2026-03-02").unwrap();
        let faults = read(&row, "/rows/3", today).err().unwrap_or_default();
        faults
            .into_iter()
            .map(|fault| {
                let crate::error::Place::Body { pointer } = fault.place else { panic!("{:?}", fault.place) };
                (pointer, fault.code)
            })
            .collect()
    }

    #[test]
    fn each_fault_of_a_row_points_at_its_field() {
        let id = "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50";
        let person = json!({"name": "张三", "identity_number": "430523199003079985"});
        let cases = [
            (json!({"placement_id": id}), vec![]),
            (json!({"placement_ref": "2026-1"}), vec![]),
            (person, vec![]),
            (json!({}), vec![("#/rows/3", "target_not_single")]),
            (json!({"placement_id": id, "placement_ref": "2026-1"}), vec![("#/rows/3", "target_not_single")]),
            (json!({"placement_id": id, "name": "张三"}), vec![("#/rows/3", "target_not_single")]),
            (json!({"name": "张三"}), vec![("#/rows/3/identity_number", "identity_number_empty")]),
            (
                json!({"identity_number": "430523199003079986"}),
                vec![
                    ("#/rows/3/name", "person_name_empty"),
                    ("#/rows/3/identity_number", "identity_number_check_digit"),
                ],
            ),
            (
                json!({"placement_id": id, "happened_on": "2026-03-03", "client_ref": ""}),
                vec![("#/rows/3/client_ref", "length"), ("#/rows/3/happened_on", "date_in_future")],
            ),
            (
                json!({"placement_id": id, "region_code": "330000"}),
                vec![("#/rows/3/region_code", "region_not_a_workplace")],
            ),
            (json!({"placement_id": id, "region_code": "432621"}), vec![("#/rows/3/region_code", "region_historic")]),
            (
                json!({"placement_id": id, "outcome": "no_show", "employer_id": id}),
                vec![("#/rows/3/employer_id", "only_for_arrivals")],
            ),
        ];
        for (row, expected) in cases {
            let shown = row.to_string();
            let expected: Vec<_> = expected.into_iter().map(|(pointer, code)| (pointer.to_owned(), code)).collect();
            assert_eq!(faults_of(row), expected, "{shown}");
        }
    }

    #[test]
    fn no_fault_repeats_a_name_or_a_number() {
        let row = json!({"name": "123456", "identity_number": "430523199003079986", "outcome": "no_show",
            "happened_on": "2026-03-01", "evidence": "e0"});
        let row: NewClaim = serde_json::from_value(row).unwrap();
        let faults = read(&row, "", Day::parse("2026-03-02").unwrap()).unwrap_err();
        let shown = format!("{faults:?} {row:?}");
        assert!(!shown.contains("123456") && !shown.contains("19900307"), "{shown}");
    }
}
