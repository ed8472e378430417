//! The atlas: every current division of China with its place in the tree, and every code that was once in force.
//!
//! The two tables are compiled into the program, so the atlas needs no file, no database and no network. A row that
//! cannot be read is never dropped in silence: it becomes an [`AtlasDefect`], a unit test keeps the shipped tables free
//! of defects, and whoever starts the program can ask for [`Atlas::defects`] and refuse to serve.
//!
//! Deliberately absent: zones (they belong to the party that runs them) and townships.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use serde::{Deserialize, de::DeserializeOwned};

use super::{
    FormerHolder, Region, RegionCode, RegionKind, RegionLevel, RegionStatus,
    history::{Change, History, MISSING_CHANGES, Tenure},
    place_text::{PlaceIndex, PlaceMatch},
};

const REGIONS: &str = include_str!("data/regions.csv");
const REGION_CHANGES: &str = include_str!("data/region_changes.csv");

static ATLAS: LazyLock<Atlas> = LazyLock::new(|| Atlas::from_tables(REGIONS, &[REGION_CHANGES, MISSING_CHANGES]));

/// The atlas of the national table, read once at first use.
#[must_use]
pub fn atlas() -> &'static Atlas {
    &ATLAS
}

/// A row of an embedded table that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtlasDefect {
    /// Line of the table, the header being line 1; 0 when the defect belongs to no single line.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// Current divisions, their tree, their names and the history of their codes.
#[derive(Debug)]
pub struct Atlas {
    regions: BTreeMap<RegionCode, Region>,
    children: BTreeMap<RegionCode, Vec<RegionCode>>,
    history: History,
    places: PlaceIndex,
    defects: Vec<AtlasDefect>,
}

#[derive(Debug, Deserialize)]
struct RegionRow {
    code: RegionCode,
    name: String,
    level: RegionLevel,
    parent_code: Option<RegionCode>,
}

impl Atlas {
    fn from_tables(regions_csv: &str, changes_csv: &[&str]) -> Self {
        let mut defects = Vec::new();
        let rows: Vec<RegionRow> = read_table(regions_csv, &mut defects);
        let changes: Vec<Change> = changes_csv.iter().flat_map(|table| read_table(table, &mut defects)).collect();
        let mut regions = BTreeMap::new();
        let mut children: BTreeMap<RegionCode, Vec<RegionCode>> = BTreeMap::new();
        for row in rows {
            if let Some(parent) = row.parent_code {
                children.entry(parent).or_default().push(row.code);
            }
            let region = Region {
                code: Some(row.code),
                name: row.name,
                level: row.level,
                parent_code: row.parent_code,
                kind: RegionKind::Statutory,
                host_code: None,
            };
            if regions.insert(row.code, region).is_some() {
                defects.push(AtlasDefect { line: 0, reason: format!("{} is listed twice", row.code) });
            }
        }
        defects.extend(tree_defects(&regions));
        let mut atlas =
            Self { regions, children, history: History::new(changes), places: PlaceIndex::default(), defects };
        atlas.places = atlas.index_names();
        atlas
    }

    fn index_names(&self) -> PlaceIndex {
        let mut places = PlaceIndex::default();
        for (code, region) in &self.regions {
            places.add_current(*code, &region.name);
        }
        for (code, tenures) in self.history.codes() {
            for tenure in self.former_tenures(code, tenures) {
                for successor in self.successors_of(code, tenure) {
                    places.add_former(successor, &tenure.name);
                }
            }
        }
        places
    }

    /// Rows of the embedded tables that could not be used; empty in every build that passed its tests.
    #[must_use]
    pub fn defects(&self) -> &[AtlasDefect] {
        &self.defects
    }

    /// The division that holds `code` today; `None` for a former or unknown code.
    #[must_use]
    pub fn region(&self, code: RegionCode) -> Option<&Region> {
        self.regions.get(&code)
    }

    /// Every current division in the order of its code.
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.values()
    }

    /// What is known about a code that is or was in force; `None` when the table never had it.
    #[must_use]
    pub fn resolve(&self, code: RegionCode) -> Option<RegionStatus> {
        let tenures = self.history.tenures(code);
        let former_holders = self
            .former_tenures(code, tenures)
            .map(|tenure| FormerHolder {
                name: tenure.name.clone(),
                from_year: tenure.from_year,
                until_year: tenure.until_year,
                successors: self.regions_of(self.successors_of(code, tenure)),
            })
            .collect();
        if let Some(region) = self.region(code) {
            return Some(RegionStatus::Current { region: region.clone(), former_holders });
        }
        let last = tenures.last()?;
        let successors = self.regions_of(self.successors_of(code, last));
        Some(RegionStatus::Historic { code, former_holders, successors })
    }

    /// The current codes that `code` means today: itself, or what its last holder became.
    ///
    /// Empty for an unknown code and for a former one whose successor the table does not name; several for a division
    /// that was divided.
    #[must_use]
    pub fn current_codes(&self, code: RegionCode) -> BTreeSet<RegionCode> {
        if self.regions.contains_key(&code) {
            return BTreeSet::from([code]);
        }
        self.history.tenures(code).last().map(|last| self.successors_of(code, last)).unwrap_or_default()
    }

    /// The divisions from the province down to `code` itself; empty for a code that is not in force.
    #[must_use]
    pub fn path(&self, code: RegionCode) -> Vec<&Region> {
        let mut path: Vec<&Region> = std::iter::successors(self.region(code), |region| {
            region.parent_code.and_then(|parent| self.region(parent))
        })
        // The table has three rungs; a damaged table with a cycle must not hang the program.
        .take(3)
        .collect();
        path.reverse();
        path
    }

    /// The divisions directly below `code`, in the order of their codes; empty for a county.
    #[must_use]
    pub fn children(&self, code: RegionCode) -> Vec<&Region> {
        self.children.get(&code).into_iter().flatten().filter_map(|child| self.region(*child)).collect()
    }

    /// Current divisions whose name starts with or contains `text`, or whose code starts with it.
    ///
    /// At most `limit` divisions: names that start with the text first, each group in the order of the codes. An empty
    /// text finds nothing.
    #[must_use]
    pub fn search(&self, text: &str, limit: usize) -> Vec<&Region> {
        let text = text.trim();
        if text.is_empty() {
            return Vec::new();
        }
        let starts = |region: &&Region| {
            region.name.starts_with(text) || region.code.is_some_and(|code| code.to_string().starts_with(text))
        };
        let (first, rest): (Vec<&Region>, Vec<&Region>) =
            self.regions.values().filter(|region| starts(region) || region.name.contains(text)).partition(starts);
        first.into_iter().chain(rest).take(limit).collect()
    }

    /// Reads a place the way clerks write it: `浙江义乌`, `义乌市`, `浙江省金华市义乌市`.
    ///
    /// See [`PlaceMatch`] for what is certain and what goes to a person.
    #[must_use]
    pub fn find_by_place_text(&self, text: &str) -> PlaceMatch {
        self.places.find(self, text)
    }

    /// Whether a workplace recorded with `code` is recorded as precisely as the national table allows.
    ///
    /// That is a county, one of the four cities without counties (东莞, 中山, 儋州, 嘉峪关), or Hong Kong, Macao and Taiwan,
    /// below which the table has nothing (rule R07 of the national labour monitoring). A former code counts when it
    /// means exactly one such division today.
    #[must_use]
    pub fn is_complete_workplace(&self, code: RegionCode) -> bool {
        let current = self.current_codes(code);
        current.len() == 1 && current.iter().all(|code| self.is_undivided(*code))
    }

    /// Whether the table has nothing below a current division.
    pub(super) fn is_undivided(&self, code: RegionCode) -> bool {
        !self.children.contains_key(&code)
    }

    fn former_tenures<'a>(&self, code: RegionCode, tenures: &'a [Tenure]) -> impl Iterator<Item = &'a Tenure> {
        let today = self.region(code).map(|region| region.name.clone());
        tenures.iter().filter(move |tenure| today.as_deref() != Some(tenure.name.as_str()))
    }

    fn successors_of(&self, code: RegionCode, tenure: &Tenure) -> BTreeSet<RegionCode> {
        let since = tenure.until_year.or(tenure.from_year).unwrap_or(i16::MIN);
        self.history
            .successors(code, &tenure.name, since, |asked| self.region(asked).map(|region| region.name.as_str()))
    }

    fn regions_of(&self, codes: BTreeSet<RegionCode>) -> Vec<Region> {
        codes.into_iter().filter_map(|code| self.region(code)).cloned().collect()
    }
}

fn read_table<Row: DeserializeOwned>(table: &str, defects: &mut Vec<AtlasDefect>) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let mut rows = Vec::new();
    for row in reader.deserialize() {
        match row {
            Ok(row) => rows.push(row),
            Err(error) => defects
                .push(AtlasDefect { line: error.position().map_or(0, csv::Position::line), reason: error.to_string() }),
        }
    }
    rows
}

/// A tree is sound when each division hangs on a division of a higher rung in its own province.
fn tree_defects(regions: &BTreeMap<RegionCode, Region>) -> Vec<AtlasDefect> {
    let hangs_well = |code: RegionCode, region: &Region| match region.parent_code {
        None => region.level == RegionLevel::Province,
        Some(parent) => regions
            .get(&parent)
            .is_some_and(|above| above.level < region.level && parent.province_prefix() == code.province_prefix()),
    };
    regions
        .iter()
        .filter(|(code, region)| !hangs_well(**code, region))
        .map(|(code, _)| AtlasDefect { line: 0, reason: format!("{code} does not hang on a division above it") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(text: &str) -> RegionCode {
        text.parse().unwrap()
    }

    fn names(regions: &[Region]) -> Vec<&str> {
        regions.iter().map(|region| region.name.as_str()).collect()
    }

    fn today(text: &str) -> Vec<String> {
        atlas().current_codes(code(text)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_row_of_the_shipped_tables_is_used() {
        assert_eq!(atlas().defects(), []);
        assert_eq!(atlas().regions().count(), 3_214);
        let of = |level| atlas().regions().filter(|region| region.level == level).count();
        assert_eq!([of(RegionLevel::Province), of(RegionLevel::Prefecture), of(RegionLevel::County)], [34, 333, 2_847]);
        let changes: Vec<Change> = read_table(REGION_CHANGES, &mut Vec::new());
        assert_eq!(changes.len(), 5_212);
        let missing: Vec<Change> = read_table(MISSING_CHANGES, &mut Vec::new());
        assert_eq!(missing.len(), 8);
    }

    #[test]
    fn a_row_that_cannot_be_read_is_reported_and_the_others_stay() {
        let table =
            "code,name,level,parent_code\n430000,湖南省,province,\n43,湖北省,province,\n430523,邵阳县,county,430500\n";
        let atlas = Atlas::from_tables(table, &[]);
        let lines: Vec<u64> = atlas.defects().iter().map(|defect| defect.line).collect();
        assert_eq!(lines, [3, 0]);
        assert_eq!(atlas.defects()[1].reason, "430523 does not hang on a division above it");
        assert!(atlas.region(code("430000")).is_some());
    }

    #[test]
    fn the_path_of_every_county_starts_in_its_province_and_ends_in_itself() {
        for region in atlas().regions() {
            let own = region.code.unwrap();
            let path = atlas().path(own);
            let first = path.first().unwrap();
            assert_eq!(first.level, RegionLevel::Province, "{own}");
            assert_eq!(first.code.unwrap().province_prefix(), own.province_prefix(), "{own}");
            assert_eq!(path.last().unwrap().code, Some(own));
        }
    }

    #[test]
    fn a_county_of_a_province_or_municipality_has_no_prefecture_in_its_path() {
        let path = |text| -> Vec<&str> { atlas().path(code(text)).iter().map(|region| region.name.as_str()).collect() };
        assert_eq!(path("430523"), ["湖南省", "邵阳市", "邵阳县"]);
        assert_eq!(path("429004"), ["湖北省", "仙桃市"]);
        assert_eq!(path("110101"), ["北京市", "东城区"]);
        assert_eq!(path("441900"), ["广东省", "东莞市"]);
        assert!(path("432621").is_empty());
    }

    #[test]
    fn old_codes_mean_the_county_of_today() {
        for (old, now) in [
            ("432621", "430523"),
            ("430521", "430582"),
            ("432523", "430582"),
            ("432124", "430181"),
            ("430123", "430181"),
            ("439008", "430181"),
            ("430122", "430112"),
            ("339007", "330782"),
            ("332425", "330782"),
            ("339002", "330481"),
            ("422401", "429004"),
            ("422427", "429004"),
            ("500112", "500157"),
            ("350625", "350605"),
            ("431121", "431181"),
            ("330104", "330102"),
            ("330103", "330105"),
            ("410306", "410308"),
        ] {
            assert_eq!(today(old), [now], "{old}");
        }
        assert_eq!(today("430523"), ["430523"]);
        assert!(today("999999").is_empty());
    }

    #[test]
    fn a_code_that_two_counties_shared_shows_both_and_where_each_is_now() {
        let Some(RegionStatus::Historic { former_holders, successors, .. }) = atlas().resolve(code("430521")) else {
            panic!("430521 is a former code");
        };
        assert_eq!(names(&successors), ["邵东市"]);
        let holders: Vec<_> = former_holders
            .iter()
            .map(|holder| (holder.name.as_str(), holder.from_year, holder.until_year, names(&holder.successors)))
            .collect();
        assert_eq!(
            holders,
            [("衡阳县", Some(1983), Some(1984), vec!["衡阳县"]), ("邵东县", Some(1984), Some(2019), vec!["邵东市"]),]
        );
    }

    #[test]
    fn a_district_that_was_divided_leads_to_both_parts() {
        assert_eq!(today("330184"), ["330110", "330113"]);
    }

    #[test]
    fn a_code_in_force_shows_the_county_that_had_it_before() {
        let Some(RegionStatus::Current { region, former_holders }) = atlas().resolve(code("430421")) else {
            panic!("430421 is in force");
        };
        assert_eq!(region.name, "衡阳县");
        assert_eq!(former_holders.len(), 1);
        assert_eq!(former_holders[0].name, "湘潭县");
        assert_eq!(names(&former_holders[0].successors), ["湘潭县"]);
    }

    #[test]
    fn a_code_the_table_never_had_is_unknown() {
        assert_eq!(atlas().resolve(code("999999")), None);
    }

    #[test]
    fn every_former_code_ends_and_nearly_all_are_found_again() {
        let mut lost = 0;
        let mut total = 0;
        for (code, _) in atlas().history.codes() {
            if atlas().region(code).is_some() {
                continue;
            }
            total += 1;
            match atlas().resolve(code).unwrap() {
                RegionStatus::Historic { successors, former_holders, .. } => {
                    assert!(!former_holders.is_empty());
                    lost += usize::from(successors.is_empty());
                }
                RegionStatus::Current { .. } => panic!("{code} is not in force"),
            }
        }
        assert_eq!((total, lost), (3_546, 152));
    }

    #[test]
    fn a_workplace_is_complete_at_the_county_and_in_the_cities_without_counties() {
        for complete in ["430523", "441900", "442000", "460400", "620200", "429004", "110101", "810000", "432621"] {
            assert!(atlas().is_complete_workplace(code(complete)), "{complete}");
        }
        for coarse in ["430000", "430500", "110000", "430100", "330700", "999999"] {
            assert!(!atlas().is_complete_workplace(code(coarse)), "{coarse}");
        }
    }

    #[test]
    fn a_search_shows_names_that_start_with_the_text_first() {
        let found = |text, limit| -> Vec<&str> {
            atlas().search(text, limit).iter().map(|region| region.name.as_str()).collect()
        };
        assert_eq!(found("邵阳", 10), ["邵阳市", "邵阳县"]);
        assert_eq!(found("4305", 2), ["邵阳市", "双清区"]);
        assert_eq!(found("阳县", 1).len(), 1);
        assert!(found("  ", 10).is_empty());
    }

    #[test]
    fn children_are_the_next_rung_only() {
        let children = atlas().children(code("420000"));
        assert!(children.iter().any(|region| region.name == "武汉市"));
        assert!(children.iter().any(|region| region.name == "仙桃市"));
        assert!(!children.iter().any(|region| region.name == "江岸区"));
        assert!(atlas().children(code("430523")).is_empty());
    }

    proptest! {
        #[test]
        fn whatever_a_code_leads_to_is_in_force(number in 110_000_u32..700_000) {
            let asked = code(&number.to_string());
            for now in atlas().current_codes(asked) {
                prop_assert!(atlas().region(now).is_some());
            }
        }
    }
}
