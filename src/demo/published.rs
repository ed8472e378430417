//! The figures of the article that a ledger of persons can be held against.

use super::plan::AGREEMENTS;
use crate::regions::Scope;

/// A figure of the article that the ledger can be held against: persons against persons, agreements against agreements.
#[derive(Debug, Clone, Copy)]
pub struct PublishedFigure {
    /// Its id in the data file of the article.
    pub id: &'static str,
    /// In Chinese.
    pub zh: &'static str,
    /// In English.
    pub en: &'static str,
    /// The number.
    pub value: i64,
    /// Whether the article says "more than".
    pub at_least: bool,
    /// Unit in Chinese.
    pub unit_zh: &'static str,
    /// Whose persons are recounted; none for the number of agreements itself.
    pub scope: Option<Scope>,
}

impl PublishedFigure {
    /// The figure the ledger must come to.
    #[must_use]
    pub fn planned(&self) -> i64 {
        let agreements = AGREEMENTS.iter().filter(|agreement| agreement.named && Some(agreement.scope) == self.scope);
        let persons: usize = agreements.map(|agreement| agreement.arrivals).sum();
        i64::try_from(if self.scope.is_some() { persons } else { AGREEMENTS.len() }).unwrap_or_default()
    }

    /// Whether a figure of the ledger agrees with what was published.
    #[must_use]
    pub const fn agrees_with(&self, ledger: i64) -> bool {
        ledger == self.value || (self.at_least && ledger > self.value)
    }
}

/// The figures of the article that are compared.
pub const PUBLISHED: [PublishedFigure; 4] = [
    PublishedFigure {
        id: "agreements_signed",
        zh: "签订劳务协作协议",
        en: "agreements signed",
        value: 7,
        at_least: false,
        unit_zh: "份",
        scope: None,
    },
    PublishedFigure {
        id: "sent_outside_province",
        zh: "省外：义乌、海宁",
        en: "outside the province",
        value: 2_500,
        at_least: true,
        unit_zh: "人",
        scope: Some(Scope::OutsideProvince),
    },
    PublishedFigure {
        id: "sent_outside_prefecture",
        zh: "省内市外：长沙（含望城）、浏阳",
        en: "outside the prefecture",
        value: 3_300,
        at_least: true,
        unit_zh: "人",
        scope: Some(Scope::OutsidePrefecture),
    },
    PublishedFigure {
        id: "sent_inside_prefecture",
        zh: "市内县外：邵阳市经开区",
        en: "inside the prefecture",
        value: 5_300,
        at_least: true,
        unit_zh: "人",
        scope: Some(Scope::InsidePrefecture),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_planned_agrees_with_what_was_published() {
        let planned: Vec<i64> = PUBLISHED.iter().map(PublishedFigure::planned).collect();
        assert_eq!(planned, [7, 2_512, 3_314, 5_316]);
        for figure in &PUBLISHED {
            assert!(figure.agrees_with(figure.planned()), "{}", figure.id);
            assert!(!figure.agrees_with(figure.value - 1), "{}", figure.id);
        }
    }

    #[test]
    fn targets_add_up_to_the_published_figures() {
        for figure in PUBLISHED.iter().filter(|figure| figure.scope.is_some()) {
            let targets = AGREEMENTS.iter().filter(|plan| plan.named && Some(plan.scope) == figure.scope);
            assert_eq!(targets.map(|plan| plan.target).sum::<i64>(), figure.value, "{}", figure.id);
        }
    }
}
