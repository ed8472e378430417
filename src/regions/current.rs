//! Regions as a request names them: divisions of today. For a former code the successors are told, so that the caller can choose.
//!
//! Deliberately absent: putting a successor in the place of a former code. One code may have become several divisions, and what both
//! sides put on record is what one of them wrote.

use super::{RegionCode, RegionLevel, atlas};
use crate::error::Fault;

/// The fault of a code that no division has today.
#[must_use]
pub fn current_fault(pointer: &str, code: RegionCode) -> Option<Fault> {
    if atlas().region(code).is_some() {
        return None;
    }
    let successors: Vec<String> = atlas().current_codes(code).iter().map(ToString::to_string).collect();
    Some(if successors.is_empty() {
        Fault::body(
            pointer,
            "region_unknown",
            "this code is not in the national table; find the code at /v1/regions",
            "该代码不在全国行政区划代码表中，请在 /v1/regions 查询",
        )
    } else {
        Fault::body(
            pointer,
            "region_historic",
            "this code is no longer in force; give a code named in successors",
            "该代码已停用，请使用 successors 所列现行代码",
        )
        .param("successors", successors)
    })
}

/// The fault of a code that no workplace can have: not of today, or a whole province.
#[must_use]
pub fn workplace_fault(pointer: &str, code: RegionCode) -> Option<Fault> {
    let province = atlas().region(code).is_some_and(|region| region.level == RegionLevel::Province);
    let too_wide = province && !atlas().is_complete_workplace(code);
    let wide = || {
        Fault::body(
            pointer,
            "region_not_a_workplace",
            "must be a county or prefecture code; a province is too wide",
            "须为县级或地级区划代码，省级范围过大",
        )
    };
    current_fault(pointer, code).or_else(|| too_wide.then(wide))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(fault: Option<Fault>) -> Option<(&'static str, String)> {
        fault.map(|fault| (fault.code, fault.params.get("successors").map(ToString::to_string).unwrap_or_default()))
    }

    #[test]
    fn a_former_code_is_refused_with_its_successors_and_a_province_is_no_workplace() {
        for (code, expected) in [
            ("430523", None),
            ("330700", None),
            ("810000", None),
            ("430000", Some(("region_not_a_workplace", ""))),
            ("432621", Some(("region_historic", r#"["430523"]"#))),
            ("999999", Some(("region_unknown", ""))),
        ] {
            let expected = expected.map(|(fault, successors)| (fault, successors.to_owned()));
            assert_eq!(told(workplace_fault("/region_code", code.parse().unwrap())), expected, "{code}");
        }
    }
}
