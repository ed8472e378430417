//! Reads the cases that a clerk writes and checks on paper: twelve persons with their rates (`tests/data/twelve_persons.md`), and one person
//! for each parameter of a rule (`tests/data/retention_rules.md`). The rules and the API are held to the same files, each by tests of its own.

use jiff::civil::Date;
use serde_json::{Value, json};

const TWELVE: &str = include_str!("../../data/twelve_persons.md");
const RULES: &str = include_str!("../../data/retention_rules.md");

/// The readings of "whose post counts", in the order of the columns.
pub const READINGS: [&str; 3] = ["原单位", "本地区", "任一单位"];

/// A day, or a month of which only that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    /// The day; the first of the month where only that is known.
    pub day: Date,
    /// Whether only the month is known.
    pub by_month: bool,
}

/// One fact about a person, as a register would have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// 花名册, 工资台账, 社保, 电话回访, 走访: the person was seen in post.
    Seen {
        /// 本厂, 邻厂 or 外县厂.
        employer: String,
        /// First and last days; a month each, or one day.
        periods: Vec<(Date, Date)>,
        /// The level of the evidence.
        evidence: &'static str,
        /// Where it comes from.
        source: &'static str,
        /// The month's wage, where one is shown.
        monthly_wage_fen: Option<i64>,
    },
    /// 转到: work begins at another employer; 返岗 (none): it goes on at the same.
    Began(Option<String>, When),
    /// 返乡过节, 辞职, 返乡: the last day in post, and why.
    Left(&'static str, When),
}

/// A person of the twelve: number, facts in the order they are written, and what the clerk found for each reading, node by node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// 序号.
    pub number: usize,
    /// 事实.
    pub facts: Vec<Fact>,
    /// Verdicts by 原单位, 本地区, 任一单位: 在岗, 离岗 or 不明 at each node.
    pub verdicts: Vec<Vec<String>>,
}

/// One person under one rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// 情形.
    pub name: String,
    /// 规则, as the terms of an agreement have it.
    pub rule: Value,
    /// 事实.
    pub facts: Vec<Fact>,
    /// 节点.
    pub node: String,
    /// 核查日期.
    pub checked_on: Date,
    /// 结论.
    pub verdict: String,
}

/// The strict rule: same employer, 15 days of absence, sealed rosters, 45 days of silence; at the nodes of the employment statistics.
pub fn strict_rule() -> Value {
    let nodes = [30, 90, 180, 365].map(|length| json!({ "unit": "days", "length": length }));
    json!({
        "rule_id": "stay_days_continuous", "nodes": nodes, "continuity": "continuous", "allowed_gap_days": 15,
        "employer_scope": "first_employer", "start_basis": "onboarded_day", "minimum_evidence": "e2", "monthly_wage_floor_fen": null,
        "evidence_valid_days": 45
    })
}

/// The rows of the table under a heading, cell by cell, without its head.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let under = text.split_once(heading).unwrap().1;
    let rows = under.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn when(text: &str) -> When {
    let by_month = text.len() == "2026-04".len();
    let day = if by_month { format!("{text}-01") } else { text.to_owned() };
    When { day: day.parse().unwrap(), by_month }
}

/// The evidence and source of what somebody saw.
fn evidence_of(word: &str) -> (&'static str, &'static str) {
    match word {
        "花名册" => ("e2", "employer_roster"),
        "工资台账" => ("e3", "wage_ledger"),
        "社保" => ("e5", "social_insurance"),
        "走访" => ("e1", "station_visit"),
        "电话回访" => ("e0", "phone_call"),
        _ => panic!("the clerk wrote what the case has no word for: {word}"),
    }
}

fn months(first: &str, last: &str) -> Vec<(Date, Date)> {
    let next = |month: &Date| Some(month.last_of_month().tomorrow().unwrap());
    let all = std::iter::successors(Some(when(first).day), next).take_while(|month| *month <= when(last).day);
    all.map(|first| (first, first.last_of_month())).collect()
}

fn fact(text: &str) -> Option<Fact> {
    let seen = |word: &str, employer: &str, periods, fen| {
        let (evidence, source) = evidence_of(word);
        Fact::Seen { employer: employer.to_owned(), periods, evidence, source, monthly_wage_fen: fen }
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    Some(match words.as_slice() {
        ["无人报告"] => return None,
        [word, employer, first, "至", last] => seen(word, employer, months(first, last), None),
        [word, employer, first, "至", last, "每月", yuan, "元"] => {
            seen(word, employer, months(first, last), Some(yuan.parse::<i64>().unwrap() * 100))
        }
        [word @ ("电话回访" | "走访"), day] => seen(word, "本厂", vec![(when(day).day, when(day).day)], None),
        [day, "返岗"] => Fact::Began(None, when(day)),
        [day, "返乡过节"] => Fact::Left("holiday_home", when(day)),
        [day, "辞职"] => Fact::Left("resigned", when(day)),
        [day, "返乡"] => Fact::Left("returned_home", when(day)),
        [day, to] => Fact::Began(Some(to.strip_prefix("转到").unwrap().to_owned()), when(day)),
        _ => panic!("the clerk wrote what the case has no word for: {text}"),
    })
}

fn facts(cell: &str) -> Vec<Fact> {
    cell.split('；').filter_map(fact).collect()
}

/// The rule with what a case has in another way.
fn rule(cell: &str) -> Value {
    let mut rule = strict_rule();
    let (mut by_level, fen) = (Vec::new(), |yuan: &str| yuan.parse::<i64>().unwrap() * 100);
    for (name, value) in cell.split('；').map(|part| part.split_once('=').unwrap_or((part, ""))) {
        let days = || json!(value.parse::<u16>().unwrap());
        match name {
            "连续" => rule["continuity"] = json!("continuous"),
            "累计" => rule["continuity"] = json!("cumulative"),
            "离开" => rule["allowed_gap_days"] = days(),
            "有效" => rule["evidence_valid_days"] = days(),
            "E0有效" => by_level.push(json!({ "level": "e0", "days": days() })),
            "证据" => rule["minimum_evidence"] = json!(value.to_lowercase()),
            "节点" => {
                let length = value.trim_end_matches('m').parse::<u16>().unwrap();
                rule["nodes"] = json!([{ "unit": "calendar_months", "length": length }]);
            }
            "口径" => {
                let place = READINGS.iter().position(|reading| *reading == value).unwrap();
                rule["employer_scope"] = json!(["first_employer", "same_region", "any"][place]);
            }
            "工资下限" => rule["monthly_wage_floor_fen"] = json!(fen(value)),
            "收入" => {
                let (yuan, window) = value.split_once('/').unwrap();
                let window = match window {
                    "自然年度" => "calendar_year",
                    "工资年度" => "wage_year",
                    _ => "rolling_12_months",
                };
                rule["income_floor"] = json!({ "total_fen": fen(yuan), "window": window });
            }
            _ => panic!("the clerk wrote what the case has no word for: {cell}"),
        }
    }
    if !by_level.is_empty() {
        rule["evidence_valid_days_by_level"] = json!(by_level);
    }
    rule
}

/// One person for each parameter of a rule.
pub fn cases() -> Vec<Case> {
    let case = |cells: &Vec<String>| Case {
        name: cells[0].clone(),
        rule: rule(&cells[1]),
        facts: facts(&cells[2]),
        node: cells[3].clone(),
        checked_on: when(&cells[4]).day,
        verdict: cells[5].clone(),
    };
    table(RULES, "## 对照表").iter().map(case).collect()
}

/// The twelve in the order of their numbers.
pub fn persons() -> Vec<Person> {
    let words = |cell: &String| cell.split_whitespace().map(ToOwned::to_owned).collect();
    let person = |cells: &Vec<String>| Person {
        number: cells[0].parse().unwrap(),
        facts: facts(&cells[1]),
        verdicts: cells[3..].iter().map(words).collect(),
    };
    table(TWELVE, "## 事实与逐人结论").iter().map(person).collect()
}

/// The rates of each reading, node by node: how many are in post, of how many who are due.
pub fn rates() -> Vec<(String, Vec<(u32, u32)>)> {
    let rate = |cell: &String| {
        let (retained, due) = cell.split_once('/').unwrap();
        (retained.parse().unwrap(), due.parse().unwrap())
    };
    let row = |cells: &Vec<String>| (cells[0].clone(), cells[1..].iter().map(rate).collect());
    table(TWELVE, "## 手算的稳岗率").iter().map(row).collect()
}
