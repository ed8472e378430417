//! Regions: where a worker is from and where the work is.
//!
//! A region is a division of the national code table (GB/T 2260: province, prefecture, county, two digits each), or a
//! zone (经开区, 高新区), which has no code of its own and counts as its host division. Codes change over the years, so a
//! code is looked up in its history before anything is computed from it, and how far somebody went to work
//! ([`Scope`]) is always computed from two codes, never taken from a label somebody typed.
//!
//! Deliberately absent: townships and villages (the table ends at the county), the statistics bureau's pseudo codes for
//! zones, and any judgement of an identity number by its prefix, which tells where and when the number was first given
//! and nothing about today.

pub mod atlas;
pub mod code;
pub mod current;
pub mod history;
pub mod place_text;
pub mod routes;
pub mod scope;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use atlas::{Atlas, AtlasDefect, atlas};
pub use code::{RegionCode, RegionCodeError};
pub use current::{current_fault, workplace_fault};
pub use place_text::PlaceMatch;
pub use scope::{Scope, ScopeError, ThreeWayScope};

crate::text_enum! {
    /// The rung of the national code table a division stands on (GB/T 2260).
    pub enum RegionLevel {
        /// 省级: a province, autonomous region, municipality or special administrative region.
        Province => "province" / "省级",
        /// 地级: a prefecture-level city, prefecture, autonomous prefecture or league.
        Prefecture => "prefecture" / "地级",
        /// 县级: a county, county-level city, district or banner.
        County => "county" / "县级",
    }
}

crate::text_enum! {
    /// Whether the national table knows the region.
    pub enum RegionKind {
        /// A division of GB/T 2260 with a code of its own.
        Statutory => "statutory" / "行政区划",
        /// A development zone without a code of its own; its `host_code` stands for it.
        Zone => "zone" / "园区",
    }
}

/// One region as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Region {
    /// The GB/T 2260 code; `null` for a zone, which has none.
    pub code: Option<RegionCode>,
    /// The name in the national table, or the zone's own name.
    #[schema(example = "邵阳县", max_length = 100)]
    pub name: String,
    /// The rung of the table; a zone stands on the rung of its host.
    pub level: RegionLevel,
    /// The division directly above; `null` for a province. A province-run county (429004) has the province here.
    pub parent_code: Option<RegionCode>,
    /// Statutory division or zone.
    pub kind: RegionKind,
    /// For a zone, the division that hosts it; `null` for a statutory division.
    pub host_code: Option<RegionCode>,
}

impl Region {
    /// A zone hosted by a statutory division, for example 邵阳经开区 hosted by 430500.
    ///
    /// Returns `None` when `host` is not a current division of the atlas: a zone without a host has no scope.
    #[must_use]
    pub fn zone(atlas: &Atlas, name: &str, host: RegionCode) -> Option<Self> {
        let host_region = atlas.region(host)?;
        Some(Self {
            code: None,
            name: name.to_owned(),
            level: host_region.level,
            parent_code: host_region.parent_code,
            kind: RegionKind::Zone,
            host_code: Some(host),
        })
    }

    /// The code that stands for the region when a scope is computed: its own, or its host's.
    ///
    /// `None` only for a value that was read from outside with neither code.
    #[must_use]
    pub fn scope_code(&self) -> Option<RegionCode> {
        self.code.or(self.host_code)
    }
}

/// A name a code stood for in the past, and where that place is today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FormerHolder {
    /// The name the place had under this code.
    #[schema(example = "邵东县", max_length = 100)]
    pub name: String,
    /// The year the table first shows it under this code; `null` when it was there before the table begins (1981).
    #[schema(minimum = 1900, maximum = 2100)]
    pub from_year: Option<i16>,
    /// The year it left this code; `null` when the table does not say.
    #[schema(minimum = 1900, maximum = 2100)]
    pub until_year: Option<i16>,
    /// The current regions the place became; empty when the table names none.
    #[schema(max_items = 50)]
    pub successors: Vec<Region>,
}

/// What the atlas knows about a code that is or was in the national table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum RegionStatus {
    /// The code is in force.
    Current {
        /// The division that holds the code today.
        region: Region,
        /// Names the code stood for before, oldest first.
        former_holders: Vec<FormerHolder>,
    },
    /// The code is no longer in force.
    Historic {
        /// The code that was asked for.
        code: RegionCode,
        /// Names the code stood for, oldest first; an identity number with this prefix may come from any of them.
        former_holders: Vec<FormerHolder>,
        /// The current regions reached from the code's last holder; empty when the table names none. This is what a
        /// register that still uses the code means today.
        successors: Vec<Region>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> RegionCode {
        text.parse().unwrap()
    }

    #[test]
    fn a_zone_counts_as_its_host_and_has_no_code() {
        let zone = Region::zone(atlas(), "邵阳经开区", code("430500")).unwrap();
        assert_eq!(zone.code, None);
        assert_eq!(zone.scope_code(), Some(code("430500")));
        assert_eq!(zone.level, RegionLevel::Prefecture);
        assert_eq!(zone.kind, RegionKind::Zone);
    }

    #[test]
    fn a_zone_needs_a_host_that_is_in_force() {
        assert!(Region::zone(atlas(), "某经开区", code("432621")).is_none());
        assert!(Region::zone(atlas(), "某经开区", code("999999")).is_none());
    }

    #[test]
    fn a_client_reads_codes_as_text_and_words_in_snake_case() {
        let region = atlas().region(code("430523")).unwrap();
        let json = serde_json::to_value(region).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "code": "430523", "name": "邵阳县", "level": "county", "parent_code": "430500",
                "kind": "statutory", "host_code": null
            })
        );
        let status = serde_json::to_value(atlas().resolve(code("432621")).unwrap()).unwrap();
        assert_eq!(status["status"], "historic");
        assert_eq!(status["successors"][0]["code"], "430523");
    }
}
