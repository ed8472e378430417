//! What officials check in such lists (R01-R15), one entry each: the rule, how much it weighs, where it comes from. Pure.
//!
//! The sources are the validation scripts and notices that counties use; a rule that only makes a row suspicious warns.

use super::finding::{Finding, FindingSeverity};
use super::layouts::fields::Field;
use super::record::Record;
use crate::db::Day;
use crate::regions::{RegionCode, Scope, atlas};
use crate::workers::identity_number::{IdentityNumber, Sex};

/// What a rule may look at besides the row.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The present day.
    pub today: Day,
    /// The county whose list it is, where the sender has one.
    pub own_county: Option<RegionCode>,
    /// An earlier row of the file about the same person.
    pub earlier: Option<&'a Record>,
}

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Its number.
    pub code: &'static str,
    /// How much it weighs.
    pub severity: FindingSeverity,
    /// What is wrong, and what to do.
    pub en: &'static str,
    /// The same in Chinese.
    pub zh: &'static str,
    /// Where counties have it from.
    pub source: &'static str,
    broken: fn(&Record, &Context<'_>) -> bool,
}

const MONITORING: &str = "全国防返贫监测信息系统务工月监测核查脚本";
const REGISTER: &str = "农村劳动力资源库数据核查规则";

macro_rules! rules {
    ($($code:literal $severity:ident $source:ident $broken:expr, $en:literal, $zh:literal;)+) => {
        /// Every rule, by its number.
        pub const RULES: &[Rule] = &[$(Rule {
            code: $code, severity: FindingSeverity::$severity, en: $en, zh: $zh, source: $source, broken: $broken,
        }),+];
    };
}

rules! {
    "R01" Error REGISTER wrong_identity_type, "the type of document does not fit the number: 01 is an identity card, 09 a disability card", "证件类型与号码不符：01 为身份证，09 为残疾人证";
    "R02" Error REGISTER other_sex_or_birth, "sex or birth date differ from the identity number; compare them with the card", "性别或出生日期与身份证号码不一致，请核对证件";
    "R03" Error MONITORING under_sixteen, "the person was not yet 16 when the work began; nobody under 16 may be employed", "务工开始时未满 16 周岁，不得招用未满 16 周岁的未成年人";
    "R04" Warning MONITORING at_school, "is recorded at school and at work; correct one of them", "在校生状况与务工状况矛盾，请核实";
    "R05" Warning MONITORING unable, "is recorded with weak or no ability to work, and at work; correct one of them", "劳动能力与务工状况矛盾，请核实";
    "R06" Error REGISTER months_out_of_range, "the months worked must be from 0 to 12", "务工月数须为 0 至 12";
    "R06" Warning REGISTER months_incomplete, "months worked, place, employer and income go together; fill in what is missing", "务工月数与务工地点、单位、收入须同时填写，请补充";
    "R07" Warning MONITORING place_too_coarse, "the workplace must be named down to the county (东莞, 中山, 儋州 and 嘉峪关 have none)", "务工地点须填写到县级（东莞、中山、儋州、嘉峪关除外）";
    "R08" Warning MONITORING working_incomplete, "is at work, but income, employer, industry, channel or point-to-point is empty; fill it in", "已务工但月收入、企业名称、所属行业、就业渠道或点对点为空，请补充";
    "R09" Warning MONITORING income_too_low, "a monthly income below 400 yuan is unlikely; is it in yuan?", "月收入低于 400 元，请核实单位是否为元";
    "R10" Error MONITORING overlaps_earlier, "begins in or before the month in which the work of an earlier row about this person ended; correct the months", "开始时间不晚于该人员前一条务工记录的结束月份，请更正";
    "R11" Warning MONITORING end_missing, "is not at work, but the end is empty or lies ahead; fill in when the work ended", "未务工但结束时间为空或晚于当前月份，请更正";
    "R12" Warning MONITORING welfare_outside, "public-welfare posts and workshops lie in the county, but the workplace does not; correct the channel or the place", "公益岗位、帮扶车间应在县内，但务工地点在县外，请更正";
    "R13" Warning MONITORING fare_at_home, "a fare subsidy is recorded, but the workplace lies in the own county", "务工地点在县内却登记了交通费补助，请核实";
    "R14" Warning MONITORING too_old_for_welfare, "is 70 or older and in a public-welfare post", "年满 70 周岁仍在公益岗位，请核实";
    "R15" Error REGISTER repeated, "an earlier row of the file is about the same person; keep one of them", "文件中前面已有同一人员，请只保留一行";
}

/// What the rules find about a row; `cell` gives the place of a column.
#[must_use]
pub fn judge(record: &Record, context: &Context<'_>) -> Vec<Finding> {
    let broken = RULES.iter().filter(|rule| (rule.broken)(record, context));
    broken.map(|rule| Finding::of_row(rule.severity, rule.code, rule.en, rule.zh)).collect()
}

fn number(record: &Record, context: &Context<'_>) -> Option<IdentityNumber> {
    IdentityNumber::parse(record.text(Field::IdentityNumber)?, context.today.0).ok()
}

/// At work: said so, or told by a workplace in a list of those who work.
fn works(record: &Record) -> bool {
    record.flag(Field::IsWorking).unwrap_or_else(|| record.started().is_some())
}

fn wrong_identity_type(record: &Record, _: &Context<'_>) -> bool {
    let typed = record.text(Field::IdentityType);
    // The number itself is read, and refused, before: what is left of R01 is the type.
    typed.is_some_and(|typed| {
        let known = ["01", "1", "身份证", "居民身份证", "09", "9", "残疾人证", "残疾证"].contains(&typed);
        !known
    })
}

fn other_sex_or_birth(record: &Record, context: &Context<'_>) -> bool {
    let Some(number) = number(record, context) else { return false };
    let told = match record.text(Field::Sex) {
        Some("男") => Some(Sex::Male),
        Some("女") => Some(Sex::Female),
        _ => None,
    };
    let other_sex = told.is_some_and(|told| told != number.sex());
    let born = Day(number.birth_date());
    let other_birth = record.date(Field::BirthDate).is_some_and(|told| born < told.first || born > told.last);
    other_sex || other_birth
}

/// The age in whole years on a day.
fn age(number: &IdentityNumber, day: Day) -> i64 {
    let born = number.birth_date();
    let ahead = (born.month(), born.day()) > (day.0.month(), day.0.day());
    day.year() - i64::from(born.year()) - i64::from(ahead)
}

fn under_sixteen(record: &Record, context: &Context<'_>) -> bool {
    // Of a month the last day counts: only who cannot have been sixteen is refused.
    let began = record.started().map_or(context.today, |began| began.last);
    let concerned = works(record) || record.started().is_some();
    concerned && number(record, context).is_some_and(|number| age(&number, began) < 16)
}

fn at_school(record: &Record, _: &Context<'_>) -> bool {
    let at_school = |text: &str| !["否", "无", "非在校生", "不在校", "0"].contains(&text) && !text.contains("毕业");
    works(record) && record.text(Field::SchoolStatus).is_some_and(at_school)
}

fn unable(record: &Record, _: &Context<'_>) -> bool {
    let unable = |text: &str| ["弱", "半", "丧失", "无劳动力"].iter().any(|word| text.contains(word));
    works(record) && record.text(Field::LabourAbility).is_some_and(unable)
}

fn months_out_of_range(record: &Record, _: &Context<'_>) -> bool {
    record.count(Field::MonthsWorked).is_some_and(|months| !(0..=12).contains(&months))
}

fn months_incomplete(record: &Record, _: &Context<'_>) -> bool {
    record.count(Field::MonthsWorked).is_some_and(|months| {
        let rest = [
            record.place(Field::WorkPlace).is_some(),
            record.text(Field::EmployerName).is_some(),
            record.wage(Field::MonthlyIncome).is_some(),
        ];
        if months > 0 { rest.contains(&false) } else { rest.contains(&true) }
    })
}

fn place_too_coarse(record: &Record, _: &Context<'_>) -> bool {
    record.place(Field::WorkPlace).is_some_and(|(_, is_complete)| !is_complete)
}

fn working_incomplete(record: &Record, _: &Context<'_>) -> bool {
    // Only the monitoring export, which has the flag, has all of these columns.
    record.flag(Field::IsWorking) == Some(true)
        && (record.wage(Field::MonthlyIncome).is_none()
            || record.flag(Field::PointToPoint).is_none()
            || [Field::EmployerName, Field::Industry, Field::Channel].iter().any(|field| record.text(*field).is_none()))
}

fn income_too_low(record: &Record, _: &Context<'_>) -> bool {
    record.wage(Field::MonthlyIncome).is_some_and(|wage| wage.max_fen < 40_000)
}

fn overlaps_earlier(record: &Record, context: &Context<'_>) -> bool {
    let Some(earlier) = context.earlier else { return false };
    match (record.started(), earlier.started(), earlier.ended()) {
        (Some(began), Some(before), Some(ended)) if began.first >= before.first => began.first <= ended.last,
        (Some(began), Some(before), None) => began.first > before.first,
        _ => false,
    }
}

fn end_missing(record: &Record, context: &Context<'_>) -> bool {
    record.flag(Field::IsWorking) == Some(false)
        && record.started().is_some()
        && record.ended().is_none_or(|ended| ended.first > context.today)
}

fn is_welfare(record: &Record) -> bool {
    record.text(Field::Channel).is_some_and(|channel| channel.contains("公益") || channel.contains("车间"))
}

/// Whether the workplace lies in the list's own county; unknown where either is.
fn at_home(record: &Record, context: &Context<'_>) -> Option<bool> {
    let (work, is_complete) = record.place(Field::WorkPlace)?;
    let own = record.place(Field::HukouAddress).filter(|(_, complete)| *complete).map(|(code, _)| code);
    let own = own.or(context.own_county)?;
    is_complete.then(|| atlas().scope_between(own, work).ok().map(|scope| scope == Scope::InsideCounty)).flatten()
}

fn welfare_outside(record: &Record, context: &Context<'_>) -> bool {
    is_welfare(record) && at_home(record, context) == Some(false)
}

fn fare_at_home(record: &Record, context: &Context<'_>) -> bool {
    record.wage(Field::FareSubsidy).is_some_and(|fare| fare.max_fen > 0) && at_home(record, context) == Some(true)
}

fn too_old_for_welfare(record: &Record, context: &Context<'_>) -> bool {
    let in_post = record.text(Field::Channel).is_some_and(|channel| channel.contains("公益"));
    in_post && number(record, context).is_some_and(|number| age(&number, context.today) >= 70)
}

/// Two rows about a person are two stays where both say when; else one of them is too many.
fn repeated(record: &Record, context: &Context<'_>) -> bool {
    context.earlier.is_some_and(|earlier| {
        let two_stays = record.started().is_some()
            && earlier.started().is_some()
            && record.started().map(|began| began.first) != earlier.started().map(|began| began.first);
        !two_stays
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interchange::cells;
    use crate::interchange::reading::Cell;
    use crate::interchange::record::Value;

    const BORN_1990: &str = "430523199003079985";
    const BORN_1975: &str = "432621197501019999";

    fn record(values: &[(Field, &str)]) -> Record {
        use crate::interchange::layouts::fields::CellKind;
        Record::of(values.iter().map(|(field, text)| {
            let cell = Cell::Text((*text).to_owned());
            let value = match field.kind() {
                CellKind::Place => cells::place(text).unwrap().map(|place| Value::Place(place.code, place.is_complete)),
                CellKind::Date => cells::dated(&cell).unwrap().map(Value::Date),
                CellKind::Flag => cells::flag(&cell).unwrap().map(Value::Flag),
                CellKind::Wage => cells::wage(&cell).unwrap().map(Value::Wage),
                CellKind::Count => cells::count(&cell).unwrap().map(Value::Count),
                _ => Some(Value::Text((*text).to_owned())),
            };
            (*field, value.unwrap())
        }))
    }

    fn found(values: &[(Field, &str)], earlier: Option<&[(Field, &str)]>) -> Vec<String> {
        let earlier = earlier.map(record);
        let context = Context {
            today: Day::parse("2026-03-02").unwrap(),
            own_county: Some("430523".parse().unwrap()),
            earlier: earlier.as_ref(),
        };
        judge(&record(values), &context).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn each_rule_finds_what_it_is_about_and_nothing_else() {
        use Field::*;
        let whole: Vec<(Field, &str)> = vec![
            (IdentityNumber, BORN_1990),
            (IsWorking, "是"),
            (WorkPlace, "浙江省金华市义乌市"),
            (EmployerName, "义乌小商品制造有限公司"),
            (Industry, "制造业"),
            (Channel, "外出务工"),
            (PointToPoint, "是"),
            (MonthlyIncome, "5200"),
            (StartDate, "2026-02"),
        ];
        assert_eq!(found(&whole, None), Vec::<String>::new());
        let cases: &[(&str, &[(Field, &str)])] = &[
            ("R01", &[(IdentityNumber, BORN_1990), (IdentityType, "护照")]),
            ("R02", &[(IdentityNumber, BORN_1990), (Sex, "男")]),
            ("R02", &[(IdentityNumber, BORN_1990), (BirthDate, "1991-03")]),
            ("R03", &[(IdentityNumber, BORN_1990), (StartDate, "2005-03")]),
            ("R04", &[(StartDate, "2026-02"), (SchoolStatus, "普通高中在校生")]),
            ("R05", &[(StartDate, "2026-02"), (LabourAbility, "弱劳动力或半劳动力")]),
            ("R06", &[(MonthsWorked, "13"), (WorkPlace, "义乌市"), (EmployerName, "厂"), (MonthlyIncome, "5000")]),
            ("R06", &[(MonthsWorked, "3")]),
            ("R07", &[(WorkPlace, "浙江省")]),
            ("R08", &[(IsWorking, "是"), (MonthlyIncome, "5200")]),
            ("R09", &[(MonthlyIncome, "52")]),
            ("R11", &[(IsWorking, "否"), (StartDate, "2026-01")]),
            ("R12", &[(Channel, "公益岗位"), (WorkPlace, "义乌市")]),
            ("R13", &[(FareSubsidy, "400"), (WorkPlace, "邵阳县")]),
            ("R14", &[(Channel, "公益岗位"), (IdentityNumber, "430582195509099977")]),
        ];
        for (code, values) in cases {
            assert_eq!(found(values, None), [*code], "{values:?}");
        }
    }

    #[test]
    fn rows_about_one_person_are_two_stays_or_one_too_many() {
        use Field::*;
        let earlier: &[(Field, &str)] = &[(IdentityNumber, BORN_1975), (StartDate, "2025-02"), (EndDate, "2025-08")];
        for (start, codes) in [("2025-09", vec![]), ("2025-08", vec!["R10"]), ("2025-02", vec!["R10", "R15"])] {
            assert_eq!(found(&[(IdentityNumber, BORN_1975), (StartDate, start)], Some(earlier)), codes, "{start}");
        }
        assert_eq!(found(&[(IdentityNumber, BORN_1975)], Some(&[(IdentityNumber, BORN_1975)])), ["R15"]);
    }

    #[test]
    fn cities_without_counties_are_places_enough() {
        for city in ["东莞市", "中山市", "儋州市", "嘉峪关市"] {
            assert_eq!(found(&[(Field::WorkPlace, city)], None), Vec::<String>::new(), "{city}");
        }
    }

    #[test]
    fn every_number_from_one_to_fifteen_has_its_rule_and_says_where_it_is_from() {
        let mut codes: Vec<&str> = RULES.iter().map(|rule| rule.code).collect();
        codes.dedup();
        assert_eq!(codes, (1..=15).map(|number| format!("R{number:02}")).collect::<Vec<_>>());
        assert!(RULES.iter().all(|rule| !rule.source.is_empty()));
    }
}
