//! Reads the twelve-person hand case (`tests/data/twelve_persons.md`): a table that a clerk writes and checks on paper. The rules and the API
//! are held to the same file, each by a test of its own.

use jiff::civil::Date;

/// The case as it is written.
const TEXT: &str = include_str!("../../data/twelve_persons.md");

/// The readings of "whose post counts", in the order of the columns.
pub const READINGS: [&str; 3] = ["原单位", "本地区", "任一单位"];

/// One fact about a person, as a register would have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// 花名册: sealed rosters of an employer, one for each month.
    Rosters {
        /// 本厂, 邻厂 or 外县厂.
        employer: String,
        /// First and last day of each month.
        months: Vec<(Date, Date)>,
    },
    /// 电话回访: the person answered the phone.
    Called(Date),
    /// 转到: the first day at another employer.
    Moved(String, Date),
    /// 返岗: the first day back at the same employer.
    Back(Date),
    /// 返乡过节: the last day before the holiday.
    HomeForHoliday(Date),
    /// 辞职: the last day in post.
    Resigned(Date),
}

/// A person of the case: number, facts in the order they are written, and what the clerk found for each reading, node by node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// 序号.
    pub number: usize,
    /// 事实.
    pub facts: Vec<Fact>,
    /// Verdicts by 原单位, 本地区, 任一单位: 在岗, 离岗 or 不明 at each node.
    pub verdicts: Vec<Vec<String>>,
}

/// The rows of the table under a heading, cell by cell, without its head.
fn table(heading: &str) -> Vec<Vec<String>> {
    let under = TEXT.split_once(heading).unwrap().1;
    let rows = under.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn fact(text: &str) -> Option<Fact> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let month = |text: &str| format!("{text}-01").parse::<Date>().unwrap();
    Some(match words.as_slice() {
        ["无人报告"] => return None,
        ["花名册", employer, first, "至", last] => {
            let months =
                std::iter::successors(Some(month(first)), |month| Some(month.last_of_month().tomorrow().unwrap()));
            let months =
                months.take_while(|at| *at <= month(last)).map(|first| (first, first.last_of_month())).collect();
            Fact::Rosters { employer: (*employer).to_owned(), months }
        }
        ["电话回访", day] => Fact::Called(day.parse().unwrap()),
        [day, "返岗"] => Fact::Back(day.parse().unwrap()),
        [day, "返乡过节"] => Fact::HomeForHoliday(day.parse().unwrap()),
        [day, "辞职"] => Fact::Resigned(day.parse().unwrap()),
        [day, to] => Fact::Moved(to.strip_prefix("转到").unwrap().to_owned(), day.parse().unwrap()),
        _ => panic!("the clerk wrote what the case has no word for: {text}"),
    })
}

/// The persons in the order of their numbers.
pub fn persons() -> Vec<Person> {
    let words = |cell: &String| cell.split_whitespace().map(ToOwned::to_owned).collect();
    table("## 事实与逐人结论")
        .iter()
        .map(|cells| Person {
            number: cells[0].parse().unwrap(),
            facts: cells[1].split('；').filter_map(fact).collect(),
            verdicts: cells[3..].iter().map(words).collect(),
        })
        .collect()
}

/// The rates of each reading, node by node: how many are in post, of how many who are due.
pub fn rates() -> Vec<(String, Vec<(u32, u32)>)> {
    let rate = |cell: &String| {
        let (retained, due) = cell.split_once('/').unwrap();
        (retained.parse().unwrap(), due.parse().unwrap())
    };
    table("## 手算的稳岗率").iter().map(|cells| (cells[0].clone(), cells[1..].iter().map(rate).collect())).collect()
}
