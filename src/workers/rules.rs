//! Which rows a register takes, and what a row changes about a person who is already in it.
//!
//! Every cell is either read with certainty or refused with a code and the place of the cell; the other rows stand. What a row does
//! not mention stays as it is: a file without a phone column does not erase phones. Deliberately absent: any correction of an identity
//! number. Another number is another person.

use super::identity_number::{IdentityNumber, IdentityNumberError};
use super::person_name::PersonName;
use super::phone::Phone;
use super::{GROUPS_MAX, GroupCode, GroupMembership, NewWorker};
use crate::db::Day;
use crate::error::{Fault, Faults};
use crate::regions::{RegionCode, ScopeError, atlas};

/// A row that could be read: who the person is and what the sender says about them.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The person's number; two rows with the same number are the same person.
    pub number: IdentityNumber,
    /// Name in one spelling.
    pub name: PersonName,
    /// Mobile number.
    pub phone: Option<Phone>,
    /// Household registration, as the code in force today.
    pub hukou_code: RegionCode,
    /// The sender's own reference.
    pub partner_ref: Option<String>,
    /// Memberships, free of overlaps.
    pub groups: Vec<GroupMembership>,
}

/// What the register holds of a person, opened.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    /// Name as sealed.
    pub name: &'a str,
    /// Mobile number as sealed.
    pub phone: Option<&'a str>,
    /// Household registration.
    pub hukou_code: RegionCode,
    /// The sender's own reference.
    pub partner_ref: Option<&'a str>,
    /// Memberships.
    pub groups: &'a [GroupMembership],
}

/// What a row changes about a person the register knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Another name.
    pub name: bool,
    /// Another phone.
    pub phone: bool,
    /// Another place of registration.
    pub hukou_code: bool,
    /// Another reference.
    pub partner_ref: bool,
    /// Memberships to write: new ones, and known ones with another last day or source.
    pub groups: Vec<GroupMembership>,
}

impl Difference {
    /// Whether the row says nothing new.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// Faults of a row's shape: what the API document forbids. They refuse the whole call, because the sender's program is wrong, not its
/// data.
pub fn check_shape(row: &NewWorker, at: &str, faults: &mut Faults) {
    within(faults, &format!("{at}/name"), row.name.expose(), 200);
    within(faults, &format!("{at}/identity_number"), row.identity_number.expose(), 64);
    if let Some(phone) = &row.phone {
        within(faults, &format!("{at}/phone"), phone.expose(), 64);
    }
    within(faults, &format!("{at}/hukou_code"), &row.hukou_code, 100);
    faults.optional_text(&format!("{at}/partner_ref"), row.partner_ref.as_deref(), 100);
    if row.groups.len() > GROUPS_MAX {
        faults.push(Fault::body(format!("{at}/groups"), "too_many", "at most 20 memberships", "最多 20 条类别记录"));
    }
    for (number, group) in row.groups.iter().enumerate() {
        faults.text(&format!("{at}/groups/{number}/source"), &group.source, 100);
    }
}

/// A cell of at most `max` characters; an empty cell is a matter of the data, not of the shape.
pub fn within(faults: &mut Faults, pointer: &str, value: &str, max: usize) {
    let length = value.chars().count();
    if length > max {
        let fault = Fault::body(pointer, "length", format!("at most {max} characters"), format!("最多 {max} 个字符"));
        faults.push(fault.param("max", max).param("length", length));
    }
}

/// Reads a row as it came in a request or a file. `at` is the row's place in the body.
///
/// # Errors
/// Every fault of the row, each with the place of its cell.
pub fn read(row: &NewWorker, at: &str, today: Day) -> Result<Candidate, Vec<Fault>> {
    let mut faults = Faults::new();
    let number = note(&mut faults, read_number(row.identity_number.expose(), at, today));
    let name = note(&mut faults, read_name(row.name.expose(), at));
    let phone = note(&mut faults, row.phone.as_ref().map(|phone| read_phone(phone.expose(), at)).transpose());
    let hukou_code = note(&mut faults, read_hukou(&row.hukou_code, at));
    if let Some(partner_ref) = &row.partner_ref {
        note(&mut faults, check_partner_ref(partner_ref, at, today));
    }
    let groups = match merge_groups(&[], &row.groups, &format!("{at}/groups")) {
        Ok(groups) => groups,
        Err(found) => {
            for fault in found {
                faults.push(fault);
            }
            Vec::new()
        }
    };
    match (number, name, phone, hukou_code) {
        (Some(number), Some(name), Some(phone), Some(hukou_code)) if faults.is_empty() => {
            Ok(Candidate { number, name, phone, hukou_code, partner_ref: row.partner_ref.clone(), groups })
        }
        _ => Err(faults.into_inner()),
    }
}

fn note<T>(faults: &mut Faults, read: Result<T, Fault>) -> Option<T> {
    read.map_err(|fault| faults.push(fault)).ok()
}

/// Reads an identity number.
///
/// # Errors
/// The fault, with the code of [`IdentityNumberError`].
pub fn read_number(text: &str, at: &str, today: Day) -> Result<IdentityNumber, Fault> {
    IdentityNumber::parse(text, today.0).map_err(|error: IdentityNumberError| {
        Fault::body(format!("{at}/identity_number"), error.code(), error.message_en(), error.message_zh())
    })
}

/// Reads a name.
///
/// # Errors
/// The fault, with the code of [`super::person_name::PersonNameError`].
pub fn read_name(text: &str, at: &str) -> Result<PersonName, Fault> {
    PersonName::parse(text)
        .map_err(|error| Fault::body(format!("{at}/name"), error.code(), error.message_en(), error.message_zh()))
}

/// Reads a phone number.
///
/// # Errors
/// The fault, with the code of [`super::phone::PhoneError`].
pub fn read_phone(text: &str, at: &str) -> Result<Phone, Fault> {
    Phone::parse(text)
        .map_err(|error| Fault::body(format!("{at}/phone"), error.code(), error.message_en(), error.message_zh()))
}

/// Reads a place of household registration. A code that is no longer in force is taken when it means exactly one county today; the
/// answer is the code of today.
///
/// # Errors
/// The fault, with the code of the region rule that refused.
pub fn read_hukou(text: &str, at: &str) -> Result<RegionCode, Fault> {
    let pointer = format!("{at}/hukou_code");
    let code = RegionCode::parse_lenient(text)
        .map_err(|error| Fault::body(&pointer, error.code(), error.message_en(), error.message_zh()))?;
    let today = atlas().current_codes(code);
    let refused = match today.first() {
        None => ScopeError::UnknownRegion(code),
        Some(_) if today.len() > 1 => ScopeError::DividedRegion(code),
        Some(_) if !atlas().is_complete_workplace(code) => ScopeError::TooCoarse(code),
        Some(current) => return Ok(*current),
    };
    let fault = Fault::body(pointer, refused.code(), refused.message_en(), refused.message_zh());
    let successors: Vec<String> = today.iter().map(ToString::to_string).collect();
    Err(if successors.len() > 1 { fault.param("successors", successors) } else { fault })
}

/// A reference stands in the clear in answers and events of the sender's systems, so it must not be what is sealed here.
///
/// # Errors
/// The fault `partner_ref_personal` when the reference is an identity number or a phone number.
pub fn check_partner_ref(partner_ref: &str, at: &str, today: Day) -> Result<(), Fault> {
    let personal = IdentityNumber::parse(partner_ref, today.0).is_ok() || Phone::parse(partner_ref).is_ok();
    if !personal {
        return Ok(());
    }
    Err(Fault::body(
        format!("{at}/partner_ref"),
        PARTNER_REF_PERSONAL,
        "A reference must not be an identity number or a phone number; use a number of your own system.",
        "编号不得使用身份证号码或电话号码，请使用贵方系统自编的编号。",
    ))
}

/// The code of a reference that is itself personal data; such a reference is not repeated in the receipt.
pub const PARTNER_REF_PERSONAL: &str = "partner_ref_personal";

/// What a row changes about the person the register holds.
///
/// # Errors
/// The faults of memberships that overlap with known ones.
pub fn difference(held: &Held<'_>, candidate: &Candidate, at: &str) -> Result<Difference, Vec<Fault>> {
    let phone = candidate.phone.as_ref().map(Phone::as_str);
    let partner_ref = candidate.partner_ref.as_deref();
    Ok(Difference {
        name: held.name != candidate.name.as_str(),
        phone: phone.is_some() && phone != held.phone,
        hukou_code: held.hukou_code != candidate.hukou_code,
        partner_ref: partner_ref.is_some() && partner_ref != held.partner_ref,
        groups: merge_groups(held.groups, &candidate.groups, &format!("{at}/groups"))?,
    })
}

/// The memberships of `sent` that have to be written next to `held`: new ones, and known ones (same group, same first day) with
/// another last day or source. Two memberships of one group never share a day.
///
/// # Errors
/// `group_days_reversed`, `group_overlaps`.
pub fn merge_groups(
    held: &[GroupMembership],
    sent: &[GroupMembership],
    at: &str,
) -> Result<Vec<GroupMembership>, Vec<Fault>> {
    merge_groups_at(held, sent, |number| format!("{at}/{number}"))
}

fn merge_groups_at(
    held: &[GroupMembership],
    sent: &[GroupMembership],
    at: impl Fn(usize) -> String,
) -> Result<Vec<GroupMembership>, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut merged = held.to_vec();
    let mut to_write: Vec<GroupMembership> = Vec::new();
    for (number, group) in sent.iter().enumerate() {
        if group.valid_to.is_some_and(|last| last < group.valid_from) {
            faults.push(Fault::body(
                format!("{}/valid_to", at(number)),
                "group_days_reversed",
                "The last day lies before the first; swap or mend them.",
                "结束日期早于开始日期，请更正。",
            ));
            continue;
        }
        if merged.contains(group) {
            continue;
        }
        let again = to_write.iter().any(|other| is_same_membership(other, group));
        let overlaps = merged.iter().any(|other| !is_same_membership(other, group) && share_a_day(other, group));
        if again || overlaps {
            faults.push(Fault::body(
                format!("{}/valid_from", at(number)),
                "group_overlaps",
                "The person is already in this group on some of these days; end the earlier membership first.",
                "该人员在此期间已属于该类别，请先结束较早的记录。",
            ));
            continue;
        }
        merged.retain(|other| !is_same_membership(other, group));
        merged.push(group.clone());
        to_write.push(group.clone());
    }
    if faults.is_empty() { Ok(to_write) } else { Err(faults) }
}

/// What a single membership adds: itself, or nothing when the person has it exactly so.
///
/// # Errors
/// As [`merge_groups`], and the fault of a source that is empty or too long.
pub fn add_group(held: &[GroupMembership], sent: GroupMembership) -> Result<Option<GroupMembership>, Vec<Fault>> {
    let mut faults = Faults::new();
    faults.text("/source", &sent.source, 100);
    if !faults.is_empty() {
        return Err(faults.into_inner());
    }
    merge_groups_at(held, &[sent], |_| String::new()).map(|to_write| to_write.into_iter().next())
}

fn is_same_membership(left: &GroupMembership, right: &GroupMembership) -> bool {
    left.group_code == right.group_code && left.valid_from == right.valid_from
}

fn share_a_day(left: &GroupMembership, right: &GroupMembership) -> bool {
    let ends_before =
        |one: &GroupMembership, other: &GroupMembership| one.valid_to.is_some_and(|last| last < other.valid_from);
    left.group_code == right.group_code && !ends_before(left, right) && !ends_before(right, left)
}

/// Groups from the most needy to the least. Where a person is in several on a day, the first of these counts.
pub const BY_NEED: [GroupCode; 5] =
    [GroupCode::SuddenHardship, GroupCode::Marginal, GroupCode::UnstableLifted, GroupCode::Lifted, GroupCode::Ordinary];

/// The group of a place in [`BY_NEED`], counted from 1; what is on no list is ordinary.
#[must_use]
pub fn group_of_need(place: i64) -> GroupCode {
    let place = usize::try_from(place.saturating_sub(1)).unwrap_or(usize::MAX);
    BY_NEED.get(place).copied().unwrap_or(GroupCode::Ordinary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Sensitive;
    use proptest::prelude::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    fn today() -> Day {
        day("2026-03-02")
    }

    fn group(code: GroupCode, from: &str, to: Option<&str>) -> GroupMembership {
        GroupMembership { group_code: code, valid_from: day(from), valid_to: to.map(day), source: "甲".to_owned() }
    }

    fn row() -> NewWorker {
        NewWorker {
            name: Sensitive::new("张三".to_owned()),
            identity_number: Sensitive::new("430523199003079985".to_owned()),
            phone: Some(Sensitive::new("13800001234".to_owned())),
            hukou_code: "430523".to_owned(),
            partner_ref: None,
            groups: Vec::new(),
        }
    }

    fn codes(faults: &[Fault]) -> Vec<&'static str> {
        faults.iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn every_fault_of_a_row_is_told_at_once_with_its_place() {
        let bad = NewWorker {
            name: Sensitive::new(String::new()),
            identity_number: Sensitive::new("4.30523E+17".to_owned()),
            phone: Some(Sensitive::new("138****1234".to_owned())),
            hukou_code: "湖南".to_owned(),
            partner_ref: Some("13800001234".to_owned()),
            groups: vec![group(GroupCode::Lifted, "2024-01-02", Some("2024-01-01"))],
        };
        let faults = read(&bad, "/rows/7", today()).unwrap_err();
        assert_eq!(
            codes(&faults),
            [
                "identity_number_damaged",
                "person_name_empty",
                "phone_masked",
                "region_code_not_a_division",
                "partner_ref_personal",
                "group_days_reversed"
            ]
        );
        assert_eq!(
            faults.last().unwrap().place,
            crate::error::Place::Body { pointer: "#/rows/7/groups/0/valid_to".to_owned() }
        );
    }

    #[test]
    fn no_fault_repeats_what_was_in_the_cell() {
        let mut bad = row();
        bad.identity_number = Sensitive::new("430523199003079984".to_owned());
        bad.partner_ref = Some("430523199003079985".to_owned());
        let told = format!("{:?}", read(&bad, "", today()).unwrap_err());
        assert!(!told.contains("19900307"), "{told}");
    }

    #[test]
    fn an_old_county_code_means_the_county_of_today() {
        for (sent, expected) in [
            ("430523", Ok("430523")),
            ("430523000000", Ok("430523")),
            ("430000000000/430500000000/430523000000", Ok("430523")),
            ("432621", Ok("430523")),
            ("430521", Ok("430582")),
            ("441900", Ok("441900")),
            ("430500", Err("region_too_coarse")),
            ("999999", Err("region_unknown")),
            ("邵阳县", Err("region_code_not_a_division")),
        ] {
            let read = read_hukou(sent, "").map(|code| code.to_string()).map_err(|fault| fault.code);
            assert_eq!(read, expected.map(ToOwned::to_owned), "{sent}");
        }
    }

    #[test]
    fn a_county_that_was_divided_is_asked_back_with_the_counties_it_became() {
        let codes = (110_000..660_000).map(|number: u32| number.to_string().parse::<RegionCode>().unwrap());
        let divided = codes.into_iter().find(|code| atlas().current_codes(*code).len() > 1).unwrap();
        let fault = read_hukou(&divided.to_string(), "").unwrap_err();
        assert_eq!(fault.code, "region_divided");
        assert!(fault.params["successors"].as_array().unwrap().len() > 1);
    }

    #[test]
    fn only_what_a_row_says_differently_is_a_change() {
        let candidate = |change: fn(&mut NewWorker)| {
            let mut sent = row();
            change(&mut sent);
            read(&sent, "", today()).unwrap()
        };
        let groups = [group(GroupCode::Lifted, "2014-12-31", None)];
        let held = Held {
            name: "张三",
            phone: Some("13800001234"),
            hukou_code: "430523".parse().unwrap(),
            partner_ref: Some("SY-1"),
            groups: &groups,
        };
        let changes = |change| difference(&held, &candidate(change), "").unwrap();
        assert!(changes(|_| ()).is_empty());
        assert!(changes(|row| row.name = Sensitive::new("张　三".to_owned())).is_empty());
        assert!(changes(|row| row.phone = None).is_empty());
        assert!(changes(|row| row.groups = vec![group(GroupCode::Lifted, "2014-12-31", None)]).is_empty());
        assert!(changes(|row| row.name = Sensitive::new("张珊".to_owned())).name);
        assert!(changes(|row| row.phone = Some(Sensitive::new("13900001234".to_owned()))).phone);
        assert!(changes(|row| row.hukou_code = "430582".to_owned()).hukou_code);
        assert!(changes(|row| row.partner_ref = Some("SY-2".to_owned())).partner_ref);
        let ended = changes(|row| row.groups = vec![group(GroupCode::Lifted, "2014-12-31", Some("2020-12-31"))]);
        assert_eq!(ended.groups, [group(GroupCode::Lifted, "2014-12-31", Some("2020-12-31"))]);
    }

    #[test]
    fn memberships_of_one_group_never_share_a_day() {
        let held = [group(GroupCode::Lifted, "2014-12-31", Some("2020-12-31"))];
        for (sent, expected) in [
            (vec![group(GroupCode::Lifted, "2021-01-01", None)], Ok(1)),
            (vec![group(GroupCode::Lifted, "2020-12-31", None)], Err("group_overlaps")),
            (vec![group(GroupCode::Lifted, "2010-01-01", Some("2014-12-30"))], Ok(1)),
            (vec![group(GroupCode::Lifted, "2010-01-01", None)], Err("group_overlaps")),
            (vec![group(GroupCode::Marginal, "2015-01-01", None)], Ok(1)),
            (vec![group(GroupCode::Lifted, "2014-12-31", Some("2020-12-31"))], Ok(0)),
            (
                vec![
                    group(GroupCode::Lifted, "2014-12-31", Some("2018-12-31")),
                    group(GroupCode::Lifted, "2019-01-01", None),
                ],
                Ok(2),
            ),
            (
                vec![
                    group(GroupCode::Marginal, "2015-01-01", None),
                    group(GroupCode::Marginal, "2015-01-01", Some("2016-01-01")),
                ],
                Err("group_overlaps"),
            ),
        ] {
            let merged = merge_groups(&held, &sent, "").map(|groups| groups.len()).map_err(|faults| faults[0].code);
            assert_eq!(merged, expected, "{sent:?}");
        }
    }

    #[test]
    fn the_most_needy_group_counts_and_nobody_on_a_list_is_ordinary() {
        assert_eq!((1..=5).map(group_of_need).collect::<Vec<_>>(), BY_NEED);
        assert_eq!([group_of_need(0), group_of_need(6), group_of_need(i64::MIN)], [GroupCode::Ordinary; 3]);
    }

    proptest! {
        #[test]
        fn what_was_written_is_unchanged_when_it_is_sent_again(
            spans in proptest::collection::vec((0_usize..5, 0_i64..3_000, proptest::option::of(0_i64..400)), 0..12)
        ) {
            let start = day("2015-01-01");
            let sent: Vec<GroupMembership> = spans.into_iter().map(|(code, from, length)| {
                let valid_from = start.plus_days(from);
                let valid_to = length.map(|length| valid_from.plus_days(length));
                GroupMembership { group_code: BY_NEED[code], valid_from, valid_to, source: "甲".to_owned() }
            }).collect();
            // Whatever of it the register takes, row after row, it takes without change the second time, and nothing overlaps.
            let mut held: Vec<GroupMembership> = Vec::new();
            let mut taken = Vec::new();
            for group in sent {
                if let Ok(written) = merge_groups(&held, std::slice::from_ref(&group), "") {
                    held.retain(|other| written.iter().all(|new| !is_same_membership(new, other)));
                    held.extend(written);
                    taken.retain(|other| !is_same_membership(other, &group));
                    taken.push(group);
                }
            }
            prop_assert_eq!(merge_groups(&held, &taken, "").unwrap(), Vec::new());
            for (place, one) in held.iter().enumerate() {
                prop_assert!(held.iter().skip(place + 1).all(|other| !share_a_day(one, other)));
            }
        }
    }
}
