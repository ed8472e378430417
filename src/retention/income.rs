//! Income over a window of months: some places ask for a total of the year beside, or instead of, a wage of each month.
//!
//! A month's wage counts once, however many files carry it; of several figures the highest. An observation carries the wage of the month in
//! which it ends and of every month that it covers whole. Deliberately absent: income from other work, which nobody here can show.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;

use super::day_ranges::DayRange;
use crate::agreements::rule_terms::IncomeWindow;

/// The months of a window, from the first day of the first to the last day of the last.
#[must_use]
pub fn months_of(window: IncomeWindow, plan_year: i16, due: Date) -> (Date, Date) {
    let first_of = |year: i16, month: i8| Date::new(year, month, 1).unwrap_or(due);
    match window {
        IncomeWindow::CalendarYear => (first_of(plan_year, 1), first_of(plan_year, 12).last_of_month()),
        IncomeWindow::WageYear => (first_of(plan_year.saturating_sub(1), 10), first_of(plan_year, 9).last_of_month()),
        IncomeWindow::Rolling12Months => (due.first_of_month().saturating_sub(11.months()), due.last_of_month()),
    }
}

/// The wages of the months, added up, and whether any was shown.
#[must_use]
pub fn total(wages: &[(DayRange, i64)], (first, last): (Date, Date)) -> (i64, bool) {
    let mut by_month: BTreeMap<Date, i64> = BTreeMap::new();
    for (seen, fen) in wages {
        let mut month = seen.first().max(first).first_of_month();
        while month <= seen.last().min(last) {
            let is_whole = seen.first() <= month && month.last_of_month() <= seen.last();
            let ends_here = seen.last() <= month.last_of_month();
            if is_whole || ends_here {
                let known = by_month.entry(month).or_default();
                *known = (*known).max(*fen);
            }
            month = month.saturating_add(1.month());
        }
    }
    (by_month.values().sum(), !by_month.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_months_of_a_window() {
        let due = date(2026, 6, 4);
        let table = [
            ("自然年度 2026", IncomeWindow::CalendarYear, date(2026, 1, 1), date(2026, 12, 31)),
            ("工资年度 2026：上年四季度起", IncomeWindow::WageYear, date(2025, 10, 1), date(2026, 9, 30)),
            ("近十二个月，到期在六月", IncomeWindow::Rolling12Months, date(2025, 7, 1), date(2026, 6, 30)),
        ];
        for (case, window, first, last) in table {
            assert_eq!(months_of(window, 2026, due), (first, last), "{case}");
        }
    }

    #[test]
    fn each_month_counts_once() {
        let seen = |from, to, yuan: i64| (DayRange::new(from, to).unwrap(), yuan * 100);
        let (march, april) = (date(2026, 3, 1), date(2026, 4, 1));
        let whole = |month: Date, yuan| seen(month, month.last_of_month(), yuan);
        // 情形、工资记录、合计（元）
        let table = [
            ("三月、四月各 5000", vec![whole(march, 5000), whole(april, 5000)], 10_000),
            ("同一个月报两次，取高的", vec![whole(march, 4800), whole(march, 5000)], 5_000),
            ("三月到五月一份台账，月工资 5000", vec![seen(march, date(2026, 5, 31), 5000)], 15_000),
            ("月中到岗的三月也算", vec![seen(date(2026, 3, 6), date(2026, 3, 31), 5000)], 5_000),
            ("跨月的一份只算结束的那个月", vec![seen(date(2026, 3, 15), date(2026, 4, 14), 5000)], 5_000),
            ("窗口之外不算", vec![whole(date(2025, 12, 1), 5000), whole(march, 5000)], 5_000),
            ("没有工资记录", vec![], 0),
        ];
        for (case, wages, yuan) in table {
            let year = months_of(IncomeWindow::CalendarYear, 2026, march);
            assert_eq!(total(&wages, year), (yuan * 100, yuan > 0), "{case}");
        }
    }
}
