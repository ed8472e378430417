//! Places as people write them in a cell: `浙江义乌`, `义乌市`, `浙江省金华市义乌市`, `重庆市渝北区翠云街道`.
//!
//! The text is read as a chain of division names from above to below, each either in full (`义乌市`) or short (`义乌`),
//! with any link but the last left out. Names that a division bore in the past count too. What fits exactly one
//! division is taken; everything else is handed to a person with the candidates, never chosen.
//!
//! Deliberately absent: spelling correction, pinyin, and zones, which the national table does not know. A zone name is
//! left in `rest` for whoever keeps the zones.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

use super::{Atlas, Region, RegionCode};

/// Longer texts are no place names; the cap bounds the work of one lookup (characters).
const MAX_TEXT: usize = 120;

/// Pseudo divisions of the statistics bureau's lists, which stand between a province and its counties.
const FILLERS: [&str; 5] =
    ["自治区直辖县级行政区划", "省直辖县级行政区划", "自治区直辖县级行政单位", "省直辖县级行政单位", "市辖区"];

/// What a division name ends in, longest first where one contains the other.
const SUFFIXES: [&str; 11] = ["特别行政区", "地区", "林区", "新区", "矿区", "省", "市", "县", "区", "旗", "盟"];

/// Self-governing divisions: the suffix and the short word people use for it (湘西州, 新晃县).
const SELF_GOVERNING: [(&str, &str); 4] = [("自治区", ""), ("自治州", "州"), ("自治县", "县"), ("自治旗", "旗")];

/// Peoples named in self-governing divisions (GB/T 3304), with and without 族 as the names have them.
const PEOPLES: &str = "\
    各族 柯尔克孜 维吾尔 哈萨克 塔吉克 蒙古族 蒙古 锡伯 哈萨克族 达斡尔族 鄂温克族 鄂伦春族 朝鲜族 \
    土家族 布依族 哈尼族 傈僳族 拉祜族 纳西族 景颇族 布朗族 仡佬族 仫佬族 毛南族 独龙族 普米族 \
    裕固族 保安族 东乡族 撒拉族 高山族 塔塔尔族 乌孜别克族 俄罗斯族 赫哲族 门巴族 珞巴族 基诺族 \
    德昂族 阿昌族 回族 藏族 苗族 彝族 壮族 满族 侗族 瑶族 白族 傣族 黎族 佤族 畲族 水族 羌族 \
    土族 怒族 京族";

/// What a place text means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "match", rename_all = "snake_case")]
pub enum PlaceMatch {
    /// Exactly one division fits.
    Unique {
        /// The division.
        region: Region,
        /// What follows the division in the text, such as a street or a zone; empty when nothing does.
        rest: String,
    },
    /// One or more divisions could be meant; a person has to choose.
    Candidates {
        /// The divisions, in the order of their codes.
        regions: Vec<Region>,
    },
    /// No division fits.
    Unknown,
}

/// How a name in the text names a division; the later ones are stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Naming {
    Former,
    Short,
    Full,
}

/// Every way to name a division.
#[derive(Debug, Default)]
pub(super) struct PlaceIndex {
    names: BTreeMap<String, BTreeMap<RegionCode, Naming>>,
    longest: usize,
}

/// One reading of the text: the division it ends in and where the text goes on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Reading {
    code: RegionCode,
    naming: Naming,
    /// Bytes of the text that the names take up.
    taken: usize,
    /// How many names were read.
    links: usize,
}

impl PlaceIndex {
    pub(super) fn add_current(&mut self, code: RegionCode, name: &str) {
        self.add(name, code, Naming::Full);
        for short in short_names(name) {
            self.add(&short, code, Naming::Short);
        }
    }

    pub(super) fn add_former(&mut self, successor: RegionCode, name: &str) {
        self.add(name, successor, Naming::Former);
    }

    fn add(&mut self, name: &str, code: RegionCode, naming: Naming) {
        let length = name.chars().count();
        if length < 2 {
            return;
        }
        self.longest = self.longest.max(length);
        let known = self.names.entry(name.to_owned()).or_default().entry(code).or_insert(naming);
        *known = naming.max(*known);
    }

    pub(super) fn find(&self, atlas: &Atlas, text: &str) -> PlaceMatch {
        let text = tidy(text);
        if text.chars().count() > MAX_TEXT {
            return PlaceMatch::Unknown;
        }
        let mut readings = BTreeSet::new();
        self.read(atlas, &text, 0, None, &mut readings);
        let whole: Vec<&Reading> = readings.iter().filter(|reading| reading.taken == text.len()).collect();
        if let Some(strongest) = whole.iter().map(|reading| reading.naming).max() {
            let codes = whole.iter().filter(|reading| reading.naming == strongest).map(|reading| reading.code);
            return decide(atlas, codes.collect(), "", true);
        }
        self.find_with_rest(atlas, &text, &readings)
    }

    /// The text goes on after the division (`浙江省义乌市北苑街道`). A division written in full is certain, unless what follows
    /// names a division that is not inside it; a short one (`江西南昌路`) is only a candidate, and only after another name.
    fn find_with_rest(&self, atlas: &Atlas, text: &str, readings: &BTreeSet<Reading>) -> PlaceMatch {
        let in_full = readings.iter().filter(|reading| reading.naming != Naming::Short);
        let furthest = in_full.clone().map(|reading| reading.taken).max();
        if let Some(taken) = furthest {
            let at_end: Vec<&Reading> = in_full.filter(|reading| reading.taken == taken).collect();
            let strongest = at_end.iter().map(|reading| reading.naming).max();
            let mut codes: BTreeSet<RegionCode> =
                at_end.iter().filter(|reading| Some(reading.naming) == strongest).map(|reading| reading.code).collect();
            let rest = text.get(taken..).unwrap_or_default();
            let foreign = self.divisions_at_start(rest);
            let certain = foreign.is_empty();
            codes.extend(foreign);
            return decide(atlas, codes, rest, certain);
        }
        let short = readings.iter().filter(|reading| reading.links > 1).map(|reading| reading.code).collect();
        decide(atlas, short, "", false)
    }

    fn divisions_at_start(&self, rest: &str) -> BTreeSet<RegionCode> {
        self.names_at(rest)
            .flat_map(|(_, codes)| codes.iter())
            .filter(|(_, naming)| **naming != Naming::Short)
            .map(|(code, _)| *code)
            .collect()
    }

    /// Every known name the text starts with, shortest first.
    fn names_at<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, &'a BTreeMap<RegionCode, Naming>)> {
        text.char_indices()
            .map(|(start, character)| start + character.len_utf8())
            .take(self.longest)
            .filter_map(move |end| Some((end, self.names.get(text.get(..end)?)?)))
    }

    fn read(&self, atlas: &Atlas, text: &str, taken: usize, above: Option<&Reading>, readings: &mut BTreeSet<Reading>) {
        let Some(ahead) = text.get(taken..) else { return };
        for (length, codes) in self.names_at(ahead) {
            for (code, naming) in codes {
                if above.is_some_and(|above| !lies_inside(atlas, *code, above.code)) {
                    continue;
                }
                let links = above.map_or(1, |above| above.links + 1);
                let reading = Reading { code: *code, naming: *naming, taken: taken + length, links };
                self.read(atlas, text, reading.taken, Some(&reading), readings);
                readings.insert(reading);
            }
        }
    }
}

fn decide(atlas: &Atlas, codes: BTreeSet<RegionCode>, rest: &str, certain: bool) -> PlaceMatch {
    let mut regions: Vec<Region> = codes.into_iter().filter_map(|code| atlas.region(code)).cloned().collect();
    match (regions.len(), regions.pop()) {
        (1, Some(region)) if certain => PlaceMatch::Unique { region, rest: rest.to_owned() },
        (_, Some(last)) => {
            regions.push(last);
            PlaceMatch::Candidates { regions }
        }
        (_, None) => PlaceMatch::Unknown,
    }
}

fn lies_inside(atlas: &Atlas, code: RegionCode, above: RegionCode) -> bool {
    code != above && atlas.path(code).iter().any(|region| region.code == Some(above))
}

/// One spelling of the text: full-width forms folded, spaces, separators and pseudo divisions removed.
fn tidy(text: &str) -> String {
    let folded: String = text
        .nfkc()
        .filter(|character| {
            !character.is_whitespace()
                && !matches!(character, '-' | '/' | '\\' | ',' | '、' | '·' | '>' | '|' | '_' | '\u{200b}' | '\u{feff}')
        })
        .collect();
    FILLERS.iter().fold(folded, |text, filler| text.replace(filler, ""))
}

/// The short ways to write a division: 义乌 for 义乌市, 湘西 and 湘西州 for 湘西土家族苗族自治州, 内蒙古 for 内蒙古自治区.
fn short_names(name: &str) -> Vec<String> {
    let keep = |short: &str| (short.chars().count() >= 2).then(|| short.to_owned());
    for (suffix, word) in SELF_GOVERNING {
        if let Some(stem) = name.strip_suffix(suffix) {
            let base = without_peoples(stem);
            let worded = if word.is_empty() { None } else { Some(format!("{base}{word}")) };
            return keep(base).into_iter().chain(worded).collect();
        }
    }
    SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).and_then(keep).into_iter().collect()
}

fn without_peoples(stem: &str) -> &str {
    let mut base = stem;
    loop {
        let shorter = PEOPLES
            .split_whitespace()
            .filter_map(|people| base.strip_suffix(people))
            .find(|shorter| shorter.chars().count() >= 2);
        match shorter {
            Some(shorter) => base = shorter,
            None => return base,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regions::atlas;
    use proptest::{prelude::*, sample::Index};

    fn found(text: &str) -> String {
        match atlas().find_by_place_text(text) {
            PlaceMatch::Unique { region, rest } if rest.is_empty() => region.code.unwrap().to_string(),
            PlaceMatch::Unique { region, rest } => format!("{} + {rest}", region.code.unwrap()),
            PlaceMatch::Candidates { regions } => {
                let codes: Vec<String> = regions.iter().map(|region| region.code.unwrap().to_string()).collect();
                format!("? {}", codes.join(" "))
            }
            PlaceMatch::Unknown => "unknown".to_owned(),
        }
    }

    #[test]
    fn the_three_ways_clerks_write_a_place_find_the_same_city() {
        for text in
            ["浙江义乌", "义乌市", "浙江省金华市义乌市", "义乌", "浙江省 义乌市", "浙江/金华/义乌", "浙江省义乌县"]
        {
            assert_eq!(found(text), "330782", "{text}");
        }
    }

    #[test]
    fn places_of_every_kind_are_found() {
        for (text, expected) in [
            ("湖南省邵阳市邵阳县", "430523"),
            ("邵阳县", "430523"),
            ("邵阳市", "430500"),
            ("湖南长沙望城", "430112"),
            ("望城县", "430112"),
            ("邵东县", "430582"),
            ("广东东莞", "441900"),
            ("东莞市", "441900"),
            ("湖北仙桃", "429004"),
            ("湖北省省直辖县级行政区划仙桃市", "429004"),
            ("北京市市辖区朝阳区", "110105"),
            ("北京", "110000"),
            ("重庆市渝北区", "500157"),
            ("吉林市", "220200"),
            ("湘西州", "433100"),
            ("湘西", "433100"),
            ("新晃县", "431227"),
            ("内蒙古", "150000"),
            ("新疆", "650000"),
            ("广西南宁", "450100"),
            ("香港", "810000"),
            ("浦东新区", "310115"),
            ("上海浦东", "310115"),
            ("神农架", "429021"),
            ("黔东南州", "522600"),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn what_could_be_two_places_is_handed_to_a_person() {
        for (text, expected) in [
            ("长沙", "? 430100 430121"),
            ("湖南邵阳", "? 430500 430523"),
            ("朝阳区", "? 110105 220104"),
            ("吉林", "? 220000 220200"),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn a_street_or_zone_after_the_division_is_kept_as_the_rest() {
        for (text, expected) in [
            ("浙江省义乌市北苑街道", "330782 + 北苑街道"),
            ("湖南省邵阳市经开区", "430500 + 经开区"),
            ("广东深圳宝安区福永街道", "440306 + 福永街道"),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn a_short_name_before_a_street_is_proposed_and_not_taken() {
        assert_eq!(found("浙江义乌北苑街道"), "? 330782");
    }

    #[test]
    fn names_that_contradict_each_other_are_not_settled_in_silence() {
        assert_eq!(found("湖南省衡阳市邵东县"), "? 430400 430582");
    }

    #[test]
    fn what_is_no_place_is_unknown() {
        for text in ["", " ", "不详", "外地", "路", "四川路桥公司", "区"] {
            assert_eq!(found(text), "unknown", "{text}");
        }
        assert_eq!(found(&"邵阳县".repeat(60)), "unknown");
    }

    fn any_region(index: Index) -> &'static Region {
        let all: Vec<&Region> = atlas().regions().collect();
        all[index.index(all.len())]
    }

    #[test]
    fn every_division_written_with_its_whole_path_is_found() {
        for region in atlas().regions() {
            let path: String = atlas().path(region.code.unwrap()).iter().map(|region| region.name.as_str()).collect();
            assert_eq!(found(&path), region.code.unwrap().to_string(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_division_is_always_among_the_answers_to_its_own_name(index: Index) {
            let region = any_region(index);
            match atlas().find_by_place_text(&region.name) {
                PlaceMatch::Unique { region: only, .. } => prop_assert_eq!(only.code, region.code),
                PlaceMatch::Candidates { regions } => prop_assert!(regions.contains(region)),
                PlaceMatch::Unknown => prop_assert!(false, "{} is not found", region.name),
            }
        }

        #[test]
        fn any_text_gets_an_answer(text in ".{0,60}", index: Index) {
            let _ = atlas().find_by_place_text(&text);
            let _ = atlas().find_by_place_text(&format!("{}{text}", any_region(index).name));
        }
    }
}
