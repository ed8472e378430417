//! Scope: how far from home somebody works (省外 / 省内市外 / 市内县外 / 县内).
//!
//! Counties, prefectures and the national reports cut the same fact differently, so the scope is always computed from
//! the two codes: the local four-way split first, the national three-way split from it. A label somebody typed is
//! never stored in its place.
//!
//! Deliberately absent: the township (乡内 / 县内乡外), because workplaces are recorded to the county, and work abroad.

use std::collections::BTreeSet;

use super::{Atlas, RegionCode, RegionLevel};

crate::text_enum! {
    /// The local four-way split, seen from the county of origin.
    pub enum Scope {
        /// 省外: in another province.
        OutsideProvince => "outside_province" / "省外" / "outside the province",
        /// 省内市外: in the province, outside the prefecture.
        OutsidePrefecture => "outside_prefecture" / "省内市外" / "in the province, outside the prefecture",
        /// 市内县外: in the prefecture, outside the county.
        InsidePrefecture => "inside_prefecture" / "市内县外" / "in the prefecture, outside the county",
        /// 县内: in the county itself.
        InsideCounty => "inside_county" / "县内" / "in the county",
    }
}

crate::text_enum! {
    /// The national three-way split.
    pub enum ThreeWayScope {
        /// 省外: in another province.
        OutsideProvince => "outside_province" / "省外" / "outside the province",
        /// 省内县外: in the province, outside the county.
        InsideProvinceOutsideCounty => "inside_province_outside_county" / "省内县外" / "in the province, outside the county",
        /// 县内: in the county itself.
        InsideCounty => "inside_county" / "县内" / "in the county",
    }
}

impl Scope {
    /// The national split of the same fact.
    #[must_use]
    pub const fn three_way(self) -> ThreeWayScope {
        match self {
            Self::OutsideProvince => ThreeWayScope::OutsideProvince,
            Self::OutsidePrefecture | Self::InsidePrefecture => ThreeWayScope::InsideProvinceOutsideCounty,
            Self::InsideCounty => ThreeWayScope::InsideCounty,
        }
    }
}

impl From<Scope> for ThreeWayScope {
    fn from(scope: Scope) -> Self {
        scope.three_way()
    }
}

/// Why no scope can be computed for two codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message_en())]
pub enum ScopeError {
    /// The code never was in the national table, or the table does not say what became of it.
    UnknownRegion(RegionCode),
    /// The code was divided among several counties of today, and they give different scopes.
    DividedRegion(RegionCode),
    /// The code is a province or prefecture and the answer depends on where inside it.
    TooCoarse(RegionCode),
}

impl ScopeError {
    /// The stable code of the refusal.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownRegion(_) => "region_unknown",
            Self::DividedRegion(_) => "region_divided",
            Self::TooCoarse(_) => "region_too_coarse",
        }
    }

    /// What is wrong and what to do, in English.
    #[must_use]
    pub fn message_en(self) -> String {
        match self {
            Self::UnknownRegion(code) => {
                format!("Region {code} is not in the national table and has no known successor; give a current code.")
            }
            Self::DividedRegion(code) => {
                format!("Region {code} was divided among several counties; give the code of the county it is today.")
            }
            Self::TooCoarse(code) => {
                format!("Region {code} is not precise enough to tell the scope; give the code of the county.")
            }
        }
    }

    /// What is wrong and what to do, in Chinese.
    #[must_use]
    pub fn message_zh(self) -> String {
        match self {
            Self::UnknownRegion(code) => format!("行政区划代码{code}不在全国代码表中，也查不到沿革，请填写现行代码。"),
            Self::DividedRegion(code) => format!("行政区划代码{code}已分属多个县级区划，请填写现行县级代码。"),
            Self::TooCoarse(code) => format!("行政区划代码{code}不够具体，无法判断务工地域，请填写到县级。"),
        }
    }
}

/// Where a division stands: its province, its prefecture if it has one, and itself when nothing is below it.
#[derive(Debug, PartialEq, Eq)]
struct Standing {
    code: RegionCode,
    province: u32,
    /// The prefecture, the municipality (直辖市) for its own districts, or the county itself when the province runs it.
    prefecture: Option<RegionCode>,
    undivided: bool,
}

impl Atlas {
    /// The scope of a workplace seen from the county of origin. For a zone give its host
    /// ([`Region::scope_code`](super::Region::scope_code)).
    ///
    /// Former codes are resolved first. A workplace recorded only as the origin's own prefecture (a zone it hosts) is
    /// inside the prefecture. Districts of one municipality are inside one prefecture; counties run by a province
    /// (429004) are each a prefecture of their own; a city without counties is its own county.
    ///
    /// # Errors
    /// [`ScopeError`] when a code is unknown, means several counties with different scopes, or is too coarse to tell.
    pub fn scope_between(&self, origin_county: RegionCode, workplace: RegionCode) -> Result<Scope, ScopeError> {
        let origins = self.standings(origin_county)?;
        let workplaces = self.standings(workplace)?;
        let mut scopes = BTreeSet::new();
        for from in &origins {
            for to in &workplaces {
                scopes.insert(scope_of(from, to)?);
            }
        }
        let divided = if origins.len() > 1 { origin_county } else { workplace };
        match (scopes.pop_first(), scopes.is_empty()) {
            (Some(scope), true) => Ok(scope),
            _ => Err(ScopeError::DividedRegion(divided)),
        }
    }

    fn standings(&self, code: RegionCode) -> Result<Vec<Standing>, ScopeError> {
        let standings: Vec<Standing> =
            self.current_codes(code).into_iter().filter_map(|current| self.standing(current)).collect();
        if standings.is_empty() { Err(ScopeError::UnknownRegion(code)) } else { Ok(standings) }
    }

    fn standing(&self, code: RegionCode) -> Option<Standing> {
        let region = self.region(code)?;
        let prefecture = match (region.level, region.parent_code) {
            (RegionLevel::Prefecture, _) => Some(code),
            (RegionLevel::Province, _) => self.is_municipality(code).then_some(code),
            (RegionLevel::County, Some(parent)) if self.is_province(parent) && !self.is_municipality(parent) => {
                Some(code)
            }
            (RegionLevel::County, parent) => parent,
        };
        Some(Standing { code, province: code.province_prefix(), prefecture, undivided: self.is_undivided(code) })
    }

    fn is_province(&self, code: RegionCode) -> bool {
        self.region(code).is_some_and(|region| region.level == RegionLevel::Province)
    }

    /// A municipality is a province of the table that has counties and no prefectures (北京, 天津, 上海, 重庆).
    fn is_municipality(&self, code: RegionCode) -> bool {
        let children = self.children(code);
        self.is_province(code)
            && !children.is_empty()
            && children.iter().all(|child| child.level == RegionLevel::County)
    }
}

fn scope_of(origin: &Standing, workplace: &Standing) -> Result<Scope, ScopeError> {
    if origin.province != workplace.province {
        return Ok(Scope::OutsideProvince);
    }
    if origin.code == workplace.code && origin.undivided {
        return Ok(Scope::InsideCounty);
    }
    match (origin.prefecture, workplace.prefecture) {
        (Some(from), Some(to)) if from != to => Ok(Scope::OutsidePrefecture),
        (Some(_), Some(_)) if origin.undivided => Ok(Scope::InsidePrefecture),
        (Some(_), None) => Err(ScopeError::TooCoarse(workplace.code)),
        _ => Err(ScopeError::TooCoarse(origin.code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regions::{Region, atlas};
    use proptest::{prelude::*, sample::Index};

    fn code(text: &str) -> RegionCode {
        text.parse().unwrap()
    }

    fn scope(origin: &str, workplace: &str) -> Result<Scope, ScopeError> {
        atlas().scope_between(code(origin), code(workplace))
    }

    #[test]
    fn the_published_destinations_of_shaoyang_county_have_the_published_scope() {
        for (place, workplace, expected) in [
            ("义乌市", "330782", Scope::OutsideProvince),
            ("海宁市", "330481", Scope::OutsideProvince),
            ("长沙市", "430100", Scope::OutsidePrefecture),
            ("浏阳市", "430181", Scope::OutsidePrefecture),
            ("望城区", "430112", Scope::OutsidePrefecture),
            ("邵阳市", "430500", Scope::InsidePrefecture),
            ("邵东市", "430582", Scope::InsidePrefecture),
            ("邵阳县", "430523", Scope::InsideCounty),
            ("东莞市", "441900", Scope::OutsideProvince),
            ("仙桃市", "429004", Scope::OutsideProvince),
            ("浙江省", "330000", Scope::OutsideProvince),
            ("香港", "810000", Scope::OutsideProvince),
            ("望城县, before 2011", "430122", Scope::OutsidePrefecture),
            ("邵阳县, before 1986", "432621", Scope::InsideCounty),
        ] {
            assert_eq!(scope("430523", workplace), Ok(expected), "{place}");
        }
    }

    #[test]
    fn a_zone_has_the_scope_of_its_host() {
        let zone = Region::zone(atlas(), "邵阳经开区", code("430500")).unwrap();
        let scope = atlas().scope_between(code("430523"), zone.scope_code().unwrap()).unwrap();
        assert_eq!(scope, Scope::InsidePrefecture);
        assert_eq!(scope.label_zh(), "市内县外");
    }

    #[test]
    fn cities_without_counties_and_province_run_counties_are_each_their_own() {
        for (origin, workplace, expected) in [
            ("441900", "441900", Scope::InsideCounty),
            ("441900", "442000", Scope::OutsidePrefecture),
            ("441900", "440106", Scope::OutsidePrefecture),
            ("429004", "429004", Scope::InsideCounty),
            ("429004", "429005", Scope::OutsidePrefecture),
            ("429004", "420102", Scope::OutsidePrefecture),
            ("469002", "460400", Scope::OutsidePrefecture),
        ] {
            assert_eq!(scope(origin, workplace), Ok(expected), "{origin} {workplace}");
        }
    }

    #[test]
    fn districts_of_one_municipality_are_inside_one_prefecture() {
        for (origin, workplace, expected) in [
            ("110101", "110101", Scope::InsideCounty),
            ("110101", "110105", Scope::InsidePrefecture),
            ("110101", "110000", Scope::InsidePrefecture),
            ("500101", "500235", Scope::InsidePrefecture),
            ("500101", "510104", Scope::OutsideProvince),
        ] {
            assert_eq!(scope(origin, workplace), Ok(expected), "{origin} {workplace}");
        }
    }

    #[test]
    fn an_origin_known_only_by_its_old_code_is_resolved_first() {
        assert_eq!(scope("432621", "430500"), Ok(Scope::InsidePrefecture));
        assert_eq!(scope("430521", "430582"), Ok(Scope::InsideCounty));
        assert_eq!(scope("432124", "430181"), Ok(Scope::InsideCounty));
    }

    #[test]
    fn no_scope_is_invented_when_a_code_is_unknown_or_too_coarse() {
        assert_eq!(scope("999999", "430523"), Err(ScopeError::UnknownRegion(code("999999"))));
        assert_eq!(scope("430523", "430000"), Err(ScopeError::TooCoarse(code("430000"))));
        assert_eq!(scope("430000", "430523"), Err(ScopeError::TooCoarse(code("430000"))));
        assert_eq!(scope("430500", "430523"), Err(ScopeError::TooCoarse(code("430500"))));
        assert_eq!(scope("430500", "430500"), Err(ScopeError::TooCoarse(code("430500"))));
        assert_eq!(scope("430500", "430112"), Ok(Scope::OutsidePrefecture));
        assert_eq!(scope("430000", "330782"), Ok(Scope::OutsideProvince));
    }

    #[test]
    fn the_national_split_follows_from_the_local_one() {
        for (four, three, label) in [
            (Scope::OutsideProvince, ThreeWayScope::OutsideProvince, "省外"),
            (Scope::OutsidePrefecture, ThreeWayScope::InsideProvinceOutsideCounty, "省内县外"),
            (Scope::InsidePrefecture, ThreeWayScope::InsideProvinceOutsideCounty, "省内县外"),
            (Scope::InsideCounty, ThreeWayScope::InsideCounty, "县内"),
        ] {
            assert_eq!(ThreeWayScope::from(four), three);
            assert_eq!(three.label_zh(), label);
        }
        assert_eq!(serde_json::to_string(&Scope::OutsidePrefecture).unwrap(), "\"outside_prefecture\"");
        assert_eq!(
            serde_json::to_string(&ThreeWayScope::InsideProvinceOutsideCounty).unwrap(),
            "\"inside_province_outside_county\""
        );
    }

    fn workplaces() -> Vec<RegionCode> {
        atlas().regions().filter_map(|region| region.code).filter(|code| atlas().is_complete_workplace(*code)).collect()
    }

    proptest! {
        #[test]
        fn two_complete_workplaces_always_have_one_scope_and_it_is_the_same_both_ways(a: Index, b: Index) {
            let all = workplaces();
            let (left, right) = (*a.get(&all), *b.get(&all));
            let scope = atlas().scope_between(left, right).unwrap();
            prop_assert_eq!(atlas().scope_between(right, left), Ok(scope));
            prop_assert_eq!(scope == Scope::InsideCounty, left == right);
            prop_assert_eq!(scope == Scope::OutsideProvince, left.province_prefix() != right.province_prefix());
        }

        #[test]
        fn any_two_codes_get_an_answer_or_a_reason(left in "[0-9]{6}", right in "[0-9]{6}") {
            match scope(&left, &right) {
                Ok(scope) => prop_assert!(!scope.label_en().is_empty()),
                Err(error) => prop_assert!(error.message_zh().contains("行政区划代码")),
            }
        }
    }
}
