//! What clerks write, and what it is read as: tables a clerk can check.

use jiff::civil::date;

use super::*;

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn shown(dated: Dated) -> String {
    format!("{}..{}", dated.first, dated.last)
}

#[test]
fn months_and_days() {
    for (written, read) in [
        ("2026年02月", "2026-02-01..2026-02-28"),
        ("2026年2月", "2026-02-01..2026-02-28"),
        ("2026.2", "2026-02-01..2026-02-28"),
        ("2026.10", "2026-10-01..2026-10-31"),
        ("2026-02", "2026-02-01..2026-02-28"),
        ("202602", "2026-02-01..2026-02-28"),
        ("2026/2/1", "2026-02-01..2026-02-01"),
        ("２０２６年２月１日", "2026-02-01..2026-02-01"),
        ("2026.02.15", "2026-02-15..2026-02-15"),
        ("20260215", "2026-02-15..2026-02-15"),
        ("2026-02-15 08:00:00", "2026-02-15..2026-02-15"),
        ("05/20/06 00:00:00", "2006-05-20..2006-05-20"),
        ("2024年02月", "2024-02-01..2024-02-29"),
    ] {
        assert_eq!(dated(&text(written)).unwrap().map(shown).as_deref(), Some(read), "{written}");
    }
    for (cell, read) in [
        (Cell::Day { day: date(2026, 2, 1) }, "2026-02-01..2026-02-01"),
        (Cell::Number(46_054.0), "2026-02-01..2026-02-01"),
        (Cell::Number(202_602.0), "2026-02-01..2026-02-28"),
        (Cell::Number(20_260_215.0), "2026-02-15..2026-02-15"),
        (Cell::Number(2026.2), "2026-02-01..2026-02-28"),
    ] {
        assert_eq!(dated(&cell).unwrap().map(shown).as_deref(), Some(read), "{cell:?}");
    }
    for nothing in ["", "  ", "-", "/", "无"] {
        assert_eq!(dated(&text(nothing)).unwrap(), None, "{nothing:?}");
    }
    for wrong in ["长期", "2026.13", "2026-02-30", "二月", "2026", "26.2.1", "2月"] {
        assert_eq!(dated(&text(wrong)).unwrap_err().code, "date_unreadable", "{wrong}");
    }
    assert_eq!(dated(&Cell::Number(2026.1)).unwrap_err().code, "month_ambiguous");
    assert_eq!(dated(&text("2026.1")).unwrap().map(shown).as_deref(), Some("2026-01-01..2026-01-31"));
}

#[test]
fn periods() {
    for (written, from, to) in [
        ("2026.2-2026.8", "2026-02-01", Some("2026-08-31")),
        ("2026年2月至2026年8月", "2026-02-01", Some("2026-08-31")),
        ("2026-02-2026-08", "2026-02-01", Some("2026-08-31")),
        ("2026/2/1-2026/8/15", "2026-02-01", Some("2026-08-15")),
        ("2026-02-01~2026-08-15", "2026-02-01", Some("2026-08-15")),
        ("2026年2月至今", "2026-02-01", None),
        ("2026年2月", "2026-02-01", None),
        ("2026-02", "2026-02-01", None),
        ("2026-02-01", "2026-02-01", None),
    ] {
        let (first, last) = period(&text(written)).unwrap().unwrap();
        let last = last.map(|last| last.last.to_string());
        assert_eq!((first.first.to_string().as_str(), last.as_deref()), (from, to), "{written}");
    }
    assert_eq!(period(&text("去年到今年")).unwrap_err().code, "date_unreadable");
}

#[test]
fn yes_and_no() {
    for (written, read) in [
        ("是", Some(true)),
        ("√", Some(true)),
        ("１", Some(true)),
        ("否", Some(false)),
        ("×", Some(false)),
        ("0", Some(false)),
        ("", None),
        ("　", None),
    ] {
        assert_eq!(flag(&text(written)).unwrap(), read, "{written}");
    }
    assert_eq!(flag(&Cell::Number(1.0)).unwrap(), Some(true));
    assert_eq!(flag(&Cell::Flag(false)).unwrap(), Some(false));
    assert_eq!(flag(&text("也许")).unwrap_err().code, "flag_unreadable");
}

#[test]
fn wages() {
    for (written, min, max) in [
        ("5000", 500_000, 500_000),
        ("5000-6000", 500_000, 600_000),
        ("5000～6000元/月", 500_000, 600_000),
        ("5千", 500_000, 500_000),
        ("0.5万", 500_000, 500_000),
        ("5-6千", 500_000, 600_000),
        ("5k-8k", 500_000, 800_000),
        ("4,500.50", 450_050, 450_050),
        ("６０００以上", 600_000, 600_000),
        ("¥5200", 520_000, 520_000),
    ] {
        let expected = Some(Wage { min_fen: min, max_fen: max });
        assert_eq!(wage(&text(written)).unwrap(), expected, "{written}");
    }
    assert_eq!(wage(&Cell::Number(5200.5)).unwrap(), Some(Wage { min_fen: 520_050, max_fen: 520_050 }));
    for nothing in ["", "面议", "工资面议", "-"] {
        assert_eq!(wage(&text(nothing)).unwrap(), None, "{nothing}");
    }
    for (wrong, code) in [
        ("六千", "wage_unreadable"),
        ("6000-5000", "wage_unreadable"),
        ("200元/天", "wage_not_monthly"),
        ("计件", "wage_not_monthly"),
        ("5000-6000-7000", "wage_unreadable"),
    ] {
        assert_eq!(wage(&text(wrong)).unwrap_err().code, code, "{wrong}");
    }
}

#[test]
fn counts() {
    for (written, read) in [("30", Some(30)), ("30人", Some(30)), ("1,200", Some(1200)), ("", None), ("12.0", Some(12))]
    {
        assert_eq!(count(&text(written)).unwrap(), read, "{written}");
    }
    assert_eq!(count(&Cell::Number(30.0)).unwrap(), Some(30));
    for wrong in ["若干", "-3", "3.5"] {
        assert_eq!(count(&text(wrong)).unwrap_err().code, "count_unreadable", "{wrong}");
    }
}

#[test]
fn places() {
    for (written, code, complete) in [
        ("浙江义乌", 330_782, true),
        ("义乌市", 330_782, true),
        ("浙江省金华市义乌市", 330_782, true),
        ("浙江省/金华市/义乌市", 330_782, true),
        ("广东省东莞市", 441_900, true),
        ("浙江省金华市", 330_700, false),
        ("浙江省", 330_000, false),
        ("330782", 330_782, true),
        ("432621", 430_523, true),
    ] {
        let read = place(written).unwrap().unwrap();
        assert_eq!((read.code.number(), read.is_complete), (code, complete), "{written}");
    }
    assert_eq!(place("").unwrap(), None);
    assert_eq!(place("鼓楼区").unwrap_err().code, "place_ambiguous");
    assert_eq!(place("老家").unwrap_err().code, "place_unknown");
}

#[test]
fn phones() {
    for (written, read, several) in [
        ("14200001234", "14200001234", false),
        ("142 0000 1234", "14200001234", false),
        ("14200001234/14200005678", "14200001234", true),
        ("14200001234、14200005678", "14200001234", true),
    ] {
        assert_eq!(phone(&text(written)).unwrap(), Some((read.to_owned(), several)), "{written}");
    }
    assert_eq!(phone(&Cell::Number(14_200_001_234.0)).unwrap(), Some(("14200001234".to_owned(), false)));
    assert_eq!(phone(&text("")).unwrap(), None);
    assert!(phone(&text("1420000")).is_err());
}

#[test]
fn identity_numbers() {
    let today = Day(date(2026, 3, 2));
    for written in
        ["430523199003079985", "'430523199003079985", " 430523 19900307 9985 ", "４３０５２３１９９００３０７９９８５"]
    {
        let number = identity_number(&text(written), today).unwrap().unwrap();
        assert_eq!(number.as_str(), "430523199003079985", "{written}");
    }
    for damaged in [text("4.30523E+17"), Cell::Number(430_523_199_003_079_985.0), Cell::Number(4.305_23e17)] {
        assert_eq!(
            identity_number(&damaged, today).unwrap_err().code,
            IdentityNumberError::Damaged.code(),
            "{damaged:?}"
        );
    }
    assert_eq!(
        identity_number(&Cell::Number(432_621_750_101_999.0), today).unwrap().unwrap().as_str(),
        "432621197501019999"
    );
    assert_eq!(identity_number(&text("　"), today).unwrap(), None);
}
