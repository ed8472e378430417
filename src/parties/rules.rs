//! What must hold for a party or zone to be registered, decided from values alone.

use unicode_normalization::UnicodeNormalization;

use super::credit_code::CreditCode;
use super::{NAME_LENGTH_MAX, NewParty, NewZone, Party, PartyChange, PartyKind, Zone};
use crate::db::Id;
use crate::error::{Fault, Faults, Result};
use crate::regions::{RegionCode, current_fault};

/// The facts of a party that passed every rule, as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyFacts {
    /// Its name, trimmed, in Unicode's composed form.
    pub name: String,
    /// What it is.
    pub kind: PartyKind,
    /// Its division.
    pub region_code: Option<RegionCode>,
    /// Its zone.
    pub zone_id: Option<Id>,
    /// Its credit code, in the form of the standard.
    pub credit_code: Option<CreditCode>,
}

/// The party as it would be after a change.
#[must_use]
pub fn changed(party: &Party, change: &PartyChange) -> NewParty {
    let credit_code = party.credit_code.as_ref().map(ToString::to_string);
    NewParty {
        name: change.name.clone().unwrap_or_else(|| party.name.clone()),
        kind: party.kind,
        region_code: change.region_code.unwrap_or(party.region_code),
        zone_id: change.zone_id.unwrap_or(party.zone_id),
        credit_code: change.credit_code.clone().unwrap_or(credit_code),
    }
}

/// Checks a party; `zone` is the registered zone of `zone_id`, if there is one.
///
/// # Errors
/// [`crate::error::Code::FieldInvalid`] with every fault.
pub fn party_facts(new: &NewParty, zone: Option<&Zone>) -> Result<PartyFacts> {
    let mut faults = Faults::new();
    faults.text("/name", &new.name, NAME_LENGTH_MAX);
    if let Some(code) = new.region_code {
        faults.add(current_fault("/region_code", code));
    }
    if new.kind == PartyKind::Authority {
        faults.require(
            new.region_code.is_some() || new.zone_id.is_some(),
            "/region_code",
            "region_needed",
            "an authority acts for a division or a zone; give region_code or zone_id",
            "主管部门须对应行政区划或园区，请填写 region_code 或 zone_id",
        );
    }
    if new.zone_id.is_some() {
        check_zone(&mut faults, new, zone);
    }
    let credit_code = new.credit_code.as_deref().and_then(|text| read_credit_code(&mut faults, text));
    faults.check()?;
    Ok(PartyFacts {
        name: tidy_name(&new.name),
        kind: new.kind,
        region_code: new.region_code,
        zone_id: new.zone_id,
        credit_code,
    })
}

fn check_zone(faults: &mut Faults, new: &NewParty, zone: Option<&Zone>) {
    let Some(zone) = zone else {
        faults.push(Fault::body("/zone_id", "zone_unknown", "no zone with this id is registered", "没有登记该园区"));
        return;
    };
    faults.require(
        new.region_code.is_none_or(|code| code == zone.host_code),
        "/region_code",
        "zone_host_mismatch",
        "region_code must be the division that hosts the zone, or be left out",
        "region_code 须为该园区的托管区划，也可不填",
    );
}

fn read_credit_code(faults: &mut Faults, text: &str) -> Option<CreditCode> {
    CreditCode::parse(text)
        .map_err(|error| {
            faults.push(Fault::body("/credit_code", error.code(), error.message_en(), error.message_zh()));
        })
        .ok()
}

/// Checks a zone and gives its name as it is stored.
///
/// # Errors
/// [`crate::error::Code::FieldInvalid`] with every fault.
pub fn zone_name(new: &NewZone) -> Result<String> {
    let mut faults = Faults::new();
    faults.text("/name", &new.name, NAME_LENGTH_MAX);
    faults.add(current_fault("/host_code", new.host_code));
    faults.check()?;
    Ok(tidy_name(&new.name))
}

fn tidy_name(name: &str) -> String {
    name.trim().nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Instant;
    use crate::error::Error;

    fn authority(region: Option<&str>) -> NewParty {
        NewParty {
            name: " 邵阳县人社局 ".to_owned(),
            kind: PartyKind::Authority,
            region_code: region.map(|code| code.parse().unwrap()),
            zone_id: None,
            credit_code: None,
        }
    }

    fn zone(host: &str) -> Zone {
        let created_at = Instant::from_micros(0);
        Zone { id: Id::new(), name: "经开区".to_owned(), host_code: host.parse().unwrap(), created_at }
    }

    fn fault_codes(error: &Error) -> Vec<&str> {
        error.faults.iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn a_name_is_kept_without_the_blanks_around_it() {
        assert_eq!(party_facts(&authority(Some("430523")), None).unwrap().name, "邵阳县人社局");
    }

    #[test]
    fn an_authority_without_a_division_or_zone_is_refused() {
        let error = party_facts(&authority(None), None).unwrap_err();
        assert_eq!(fault_codes(&error), ["region_needed"]);
    }

    #[test]
    fn a_zone_committee_needs_no_code_of_its_own() {
        let zone = zone("430500");
        let party = NewParty { zone_id: Some(zone.id), ..authority(None) };
        assert_eq!(party_facts(&party, Some(&zone)).unwrap().region_code, None);
        let elsewhere = NewParty { zone_id: Some(zone.id), ..authority(Some("430523")) };
        assert_eq!(fault_codes(&party_facts(&elsewhere, Some(&zone)).unwrap_err()), ["zone_host_mismatch"]);
        assert_eq!(fault_codes(&party_facts(&party, None).unwrap_err()), ["zone_unknown"]);
    }

    #[test]
    fn a_former_code_is_refused_with_the_codes_of_today() {
        let error = party_facts(&authority(Some("330103")), None).unwrap_err();
        assert_eq!(fault_codes(&error), ["region_historic"]);
        let successors = error.faults[0].params["successors"].as_array().unwrap();
        assert!(successors.contains(&serde_json::json!("330105")), "{successors:?}");
        assert_eq!(fault_codes(&party_facts(&authority(Some("999999")), None).unwrap_err()), ["region_unknown"]);
    }

    #[test]
    fn a_credit_code_that_fails_its_check_is_taken_and_one_that_is_no_code_is_not() {
        let doubtful = NewParty { credit_code: Some("91350211M0000XUF46".to_owned()), ..authority(Some("430523")) };
        assert!(party_facts(&doubtful, None).unwrap().credit_code.is_some());
        let broken = NewParty { credit_code: Some("12345".to_owned()), ..doubtful };
        assert_eq!(fault_codes(&party_facts(&broken, None).unwrap_err()), ["credit_code_length"]);
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let new = NewParty { name: String::new(), credit_code: Some("1".to_owned()), ..authority(None) };
        let error = party_facts(&new, None).unwrap_err();
        assert_eq!(fault_codes(&error), ["length", "region_needed", "credit_code_length"]);
    }
}
