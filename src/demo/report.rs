//! What is shown in the end: tables that line up in a terminal, where a Chinese character is as wide as two Latin ones.

use super::findings::{FigureRow, Findings};

/// Columns a text takes in a terminal.
#[must_use]
pub fn width(text: &str) -> usize {
    let wide = |character: char| {
        matches!(u32::from(character),
            0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F | 0xFF00..=0xFF60
            | 0xFFE0..=0xFFE6 | 0x2_0000..=0x3_FFFD)
    };
    text.chars().map(|character| if wide(character) { 2 } else { 1 }).sum()
}

/// A text with spaces behind it, `columns` wide.
#[must_use]
pub fn left(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// A text with spaces before it, `columns` wide.
#[must_use]
pub fn right(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

/// A number in groups of three digits.
#[must_use]
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

const fn mark(holds: bool) -> &'static str {
    if holds { "✓" } else { "✗" }
}

fn figure(row: &FigureRow) -> String {
    let published = &row.published;
    let bound = if published.at_least { "≥ " } else { "" };
    format!(
        "  {} {} {} {} {}  {}",
        left(published.zh, 34),
        left(published.en, 24),
        right(&format!("{bound}{}", grouped(published.value)), 8),
        right(&grouped(row.ledger), 8),
        left(published.unit_zh, 2),
        mark(row.holds())
    )
}

/// The whole report, line by line.
#[must_use]
pub fn lines(findings: &Findings) -> Vec<String> {
    let heading = |zh: &str, en: &str, one: &str, other: &str| {
        format!("  {} {} {} {}", left(zh, 34), left(en, 24), right(one, 8), right(other, 8))
    };
    let mut lines = vec![
        "公布数与台账数对照：人对人，不与人次相比 / Published figure against ledger figure: persons against persons"
            .to_owned(),
        heading("指标", "figure", "公布数", "台账数"),
        heading("", "", "published", "ledger"),
    ];
    lines.extend(findings.figures.iter().map(figure));
    let (departures, lifted) = (grouped(findings.person_times), grouped(findings.lifted_persons));
    lines.push(format!(
        "  人次另列，不作比较：输送 {departures} 人次 / person-times, compared with nothing: {departures} departures"
    ));
    lines.push(format!("  其中脱贫人口（含监测对象）到岗 {lifted} 人 / of whom formerly poor: {lifted} persons"));
    lines.push(String::new());
    lines.push("预设问题与查出问题对照 / Faults planned and faults found".to_owned());
    let head = |one: &str, other: &str| format!("{} {}", right(one, 7), right(other, 7));
    lines.push(format!(
        "  {} {} {} {}",
        left("", 4),
        left("问题", 28),
        left("fault · told by", 52),
        head("预设", "查出")
    ));
    for row in &findings.faults {
        lines.push(format!(
            "  {} {} {} {}  {}",
            left(row.code, 4),
            left(row.zh, 28),
            left(row.en, 52),
            head(&row.planned.to_string(), &row.found.to_string()),
            mark(row.planned == row.found)
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::findings::FaultRow;
    use crate::demo::published::PUBLISHED;

    #[test]
    fn columns_line_up_whatever_the_script() {
        assert_eq!(width("义乌 Yiwu（人）"), 4 + 5 + 6);
        for text in ["", "a", "省外", "≥ 2,500", "𫖯"] {
            assert_eq!(width(&left(text, 10)), 10, "{text}");
            assert_eq!(width(&right(text, 10)), 10, "{text}");
        }
    }

    #[test]
    fn large_numbers_are_grouped() {
        let table = [(0, "0"), (999, "999"), (1_000, "1,000"), (-52_000, "-52,000"), (1_240_482, "1,240,482")];
        for (number, text) in table {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_figure_that_does_not_hold_is_marked_and_spoils_the_whole() {
        let figures = |off: i64| PUBLISHED.map(|published| FigureRow { published, ledger: published.planned() - off });
        let good = Findings { figures: figures(0).to_vec(), ..Findings::default() };
        assert!(good.hold() && lines(&good).iter().all(|line| !line.contains('✗')));
        let bad = Findings { figures: figures(1).to_vec(), ..Findings::default() };
        assert!(!bad.hold() && lines(&bad).iter().any(|line| line.contains('✗')));
        let fault = FaultRow { code: "D01", zh: "重复登记", en: "listed twice", planned: 2, found: 1 };
        assert!(!Findings { faults: vec![fault], ..Findings::default() }.hold());
    }
}
