//! How division codes and names changed since 1981, and what a former code means today.
//!
//! A code is not a place: 430521 stood for 衡阳县 and then for 邵东县, and whole prefectures swapped their codes in
//! 1982-84 (码位改派). So the chain of changes is walked by place, that is by code *and* name *and* year, and never by
//! code alone, which would turn 邵东县's first code 432523 into 湘潭县.
//!
//! Deliberately absent: population shares of a county that was divided, and guesses from similar names.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::RegionCode;

/// 码位改派: the code was given to another place of the same prefecture.
const REASSIGNED: &str = "码位改派";
/// 撤销: the place was dissolved, usually into one that existed before.
const DISSOLVED: &str = "撤销";

/// One row of `region_changes.csv`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Change {
    year: i16,
    #[serde(rename = "change")]
    kind: String,
    old_code: Option<RegionCode>,
    old_name: String,
    new_code: Option<RegionCode>,
    new_name: String,
}

/// Changes of 2021 that the published table lacks, in its own layout: four counties that became a district or city, three
/// districts that were merged, and 临平区, which was cut out of 余杭区 and stands in the table under 余杭区's code.
pub(super) const MISSING_CHANGES: &str = "\
year,change,old_code,old_name,new_code,new_name
2021,撤县设区,350625,长泰县,350605,长泰区
2021,撤县设区,410322,孟津县,410308,孟津区
2021,撤县设市,431121,祁阳县,431181,祁阳市
2021,撤县设市,520522,黔西县,520581,黔西市
2021,撤销,350403,三元区,350404,三元区
2021,撤销,410306,吉利区,410308,孟津区
2021,撤销,330103,下城区,330105,拱墅区
2021,区划调整,330110,临平区,330113,临平区
";

/// A place as the change table names it: a code in the years it bore one name.
type Place = (RegionCode, String);

#[derive(Debug)]
struct Departure {
    year: i16,
    reassigned: bool,
    to: Option<Place>,
}

/// The years one name stood under a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tenure {
    pub(super) name: String,
    pub(super) from_year: Option<i16>,
    pub(super) until_year: Option<i16>,
}

/// All changes, arranged for walking from a former place to the present.
#[derive(Debug, Default)]
pub(super) struct History {
    departures: BTreeMap<Place, Vec<Departure>>,
    arrivals: BTreeMap<(i16, String), Vec<RegionCode>>,
    tenures: BTreeMap<RegionCode, Vec<Tenure>>,
}

impl History {
    /// Arranges the rows; their order within a year does not matter.
    pub(super) fn new(mut changes: Vec<Change>) -> Self {
        changes.sort_by_key(|change| change.year);
        let mut history = Self::default();
        for year in changes.chunk_by(|left, right| left.year == right.year) {
            // A code can be left and taken in one year: whoever leaves goes first, as in the year itself.
            for change in year {
                history.leave(change);
            }
            for change in year {
                history.arrive(change);
            }
        }
        for tenures in history.tenures.values_mut() {
            tenures.sort_by_key(|tenure| (tenure.until_year.is_none(), tenure.until_year, tenure.from_year));
        }
        history
    }

    fn leave(&mut self, change: &Change) {
        let Some(code) = change.old_code else { return };
        let to = change.new_code.map(|new_code| (new_code, change.new_name.clone()));
        let stays = to.as_ref().is_some_and(|place| *place == (code, change.old_name.clone()));
        if stays {
            return;
        }
        self.departures.entry((code, change.old_name.clone())).or_default().push(Departure {
            year: change.year,
            reassigned: change.kind == REASSIGNED,
            to,
        });
        let tenures = self.tenures.entry(code).or_default();
        let leaving = tenures.iter_mut().find(|tenure| {
            tenure.name == change.old_name && (tenure.until_year.is_none() || tenure.until_year == Some(change.year))
        });
        match leaving {
            Some(tenure) => tenure.until_year = Some(change.year),
            None => {
                tenures.push(Tenure { name: change.old_name.clone(), from_year: None, until_year: Some(change.year) });
            }
        }
    }

    fn arrive(&mut self, change: &Change) {
        let Some(code) = change.new_code else { return };
        self.arrivals.entry((change.year, change.new_name.clone())).or_default().push(code);
        let tenures = self.tenures.entry(code).or_default();
        if tenures.iter().any(|tenure| tenure.name == change.new_name && tenure.until_year.is_none()) {
            return;
        }
        // A place that takes in a dissolved neighbour was usually there before, so its first year stays unknown.
        let from_year = (change.kind != DISSOLVED).then_some(change.year);
        tenures.push(Tenure { name: change.new_name.clone(), from_year, until_year: None });
    }

    /// Every code the table mentions, with the names it stood for, oldest first.
    pub(super) fn codes(&self) -> impl Iterator<Item = (RegionCode, &[Tenure])> {
        self.tenures.iter().map(|(code, tenures)| (*code, tenures.as_slice()))
    }

    /// The names a code stood for, oldest first; empty for a code without changes.
    pub(super) fn tenures(&self, code: RegionCode) -> &[Tenure] {
        self.tenures.get(&code).map_or(&[], Vec::as_slice)
    }

    /// Every current code reached from a place, walking forward in time only.
    ///
    /// `since` is the year from which the place is followed; `current_name` tells the name a code bears today.
    pub(super) fn successors<'a>(
        &self,
        code: RegionCode,
        name: &str,
        since: i16,
        current_name: impl Fn(RegionCode) -> Option<&'a str>,
    ) -> BTreeSet<RegionCode> {
        let mut reached = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![((code, name.to_owned()), since)];
        while let Some((place, year)) = open.pop() {
            if !seen.insert((place.clone(), year)) {
                continue;
            }
            let next = self.next_places(&place, year);
            let stays = next.as_ref().is_none_or(|(left_in, _)| !self.comes_back(&place, *left_in));
            if stays && current_name(place.0) == Some(place.1.as_str()) {
                reached.insert(place.0);
            }
            if let Some((left_in, places)) = next {
                open.extend(places.into_iter().map(|next| (next, left_in)));
            }
        }
        reached
    }

    /// Where a place went at its first change in or after `since`; `None` when it never changed again.
    fn next_places(&self, place: &Place, since: i16) -> Option<(i16, Vec<Place>)> {
        let later = || self.departures.get(place).into_iter().flatten().filter(|departure| departure.year >= since);
        let year = later().map(|departure| departure.year).min()?;
        let mut places = Vec::new();
        for departure in later().filter(|departure| departure.year == year) {
            let Some(to) = &departure.to else { continue };
            let elsewhere = if departure.reassigned { self.taken_elsewhere(place, year) } else { Vec::new() };
            if elsewhere.is_empty() {
                places.push(to.clone());
            } else {
                places.extend(elsewhere);
            }
        }
        Some((year, places))
    }

    /// Whether the place is shown under the same code again after it left. A place that never comes back in the table and
    /// yet is there today did not leave: only a part was cut out of it (余杭区, 2021).
    fn comes_back(&self, (code, name): &Place, left_in: i16) -> bool {
        self.tenures(*code)
            .iter()
            .any(|tenure| tenure.name == *name && tenure.from_year.is_some_and(|year| year >= left_in))
    }

    /// The codes of the same province under which the place turns up in the year its code was given away. When there is
    /// none, the row was a renaming (320800 淮阴市, 2000) and the place keeps its code.
    fn taken_elsewhere(&self, (code, name): &Place, year: i16) -> Vec<Place> {
        self.arrivals
            .get(&(year, name.clone()))
            .into_iter()
            .flatten()
            .filter(|taken| *taken != code && taken.province_prefix() == code.province_prefix())
            .map(|taken| (*taken, name.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> RegionCode {
        text.parse().unwrap()
    }

    fn history(rows: &[(i16, &str, &str, &str, &str, &str)]) -> History {
        History::new(
            rows.iter()
                .map(|(year, kind, old_code, old_name, new_code, new_name)| Change {
                    year: *year,
                    kind: (*kind).to_owned(),
                    old_code: old_code.parse().ok(),
                    old_name: (*old_name).to_owned(),
                    new_code: new_code.parse().ok(),
                    new_name: (*new_name).to_owned(),
                })
                .collect(),
        )
    }

    fn reached(history: &History, from: (&str, &str), today: &[(&str, &str)]) -> Vec<String> {
        let today: BTreeMap<RegionCode, &str> = today.iter().map(|(text, name)| (code(text), *name)).collect();
        history
            .successors(code(from.0), from.1, 0, |asked| today.get(&asked).copied())
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn two_counties_that_swapped_codes_are_each_followed_to_their_own_place() {
        let history = history(&[
            (1982, REASSIGNED, "100001", "甲县", "100001", "乙县"),
            (1982, REASSIGNED, "100002", "乙县", "100002", "甲县"),
        ]);
        let today = [("100001", "乙县"), ("100002", "甲县")];
        assert_eq!(reached(&history, ("100001", "甲县"), &today), ["100002"]);
        assert_eq!(reached(&history, ("100002", "乙县"), &today), ["100001"]);
    }

    #[test]
    fn a_county_divided_in_one_year_leads_to_every_part() {
        let history = history(&[
            (2000, "区划调整", "100001", "甲县", "100003", "丙区"),
            (2000, "区划调整", "100001", "甲县", "100004", "丁区"),
        ]);
        assert_eq!(
            reached(&history, ("100001", "甲县"), &[("100003", "丙区"), ("100004", "丁区")]),
            ["100003", "100004"]
        );
    }

    #[test]
    fn a_table_that_runs_in_circles_ends_without_an_answer() {
        let history = history(&[
            (2000, "更名", "100001", "甲县", "100002", "乙县"),
            (2000, "更名", "100002", "乙县", "100001", "甲县"),
        ]);
        assert!(reached(&history, ("100001", "甲县"), &[("100001", "甲县")]).is_empty());
    }

    #[test]
    fn a_place_that_left_a_code_is_older_than_the_one_that_took_it_in_the_same_year() {
        let history = history(&[
            (1990, "同名改码", "100009", "新县", "100001", "新县"),
            (1990, "同名改码", "100001", "旧县", "100002", "旧县"),
        ]);
        let names: Vec<&str> = history.tenures(code("100001")).iter().map(|tenure| tenure.name.as_str()).collect();
        assert_eq!(names, ["旧县", "新县"]);
    }
}
