//! The month a statement is about.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::sql_types::Text;
use jiff::ToSpan;
use serde::{Deserialize, Serialize};
use utoipa::{PartialSchema, ToSchema};

use crate::db::Day;
use crate::error;

/// A calendar month in Asia/Shanghai. JSON: `2026-03`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct Month(Day);

impl Month {
    /// The month of a day.
    #[must_use]
    pub fn of(day: Day) -> Self {
        Self(Day(day.0.first_of_month()))
    }

    /// Its first day.
    #[must_use]
    pub const fn first_day(self) -> Day {
        self.0
    }

    /// Its last day.
    #[must_use]
    pub fn last_day(self) -> Day {
        Day(self.0.0.last_of_month())
    }

    /// The first day of its year.
    #[must_use]
    pub fn year_begins(self) -> Day {
        Day(self.0.0.first_of_year())
    }

    /// The month after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(Day(self.0.0.saturating_add(1.month())))
    }

    /// Reads `2026-03`, and nothing else.
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, error::Text> {
        let first = (text.len() == 7).then(|| Day::parse(&format!("{text}-01")));
        match first {
            Some(Ok(day)) => Ok(Self(day)),
            _ => Err(error::Text::new(
                "expected a month of the form 2026-03, from 1980-01 to 2099-12",
                "须为 2026-03 形式的月份，范围为 1980-01 至 2099-12",
            )),
        }
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.0.0.year(), self.0.0.month())
    }
}

impl Serialize for Month {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(|refusal| serde::de::Error::custom(refusal.joined()))
    }
}

crate::text_column!(Month);

impl<DB: Backend> FromSql<Text, DB> for Month
where
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        let text = String::from_sql(value)?;
        Self::parse(&text).map_err(|refusal| refusal.en.into())
    }
}

impl PartialSchema for Month {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("Calendar month in Asia/Shanghai"))
            .examples([serde_json::Value::String("2026-03".to_owned())])
            .pattern(Some("^(19[89][0-9]|20[0-9]{2})-(0[1-9]|1[0-2])$"))
            .max_length(Some(7))
            .into()
    }
}
impl ToSchema for Month {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_knows_its_days_and_the_month_after_it() {
        for (text, last, next) in [
            ("2024-02", "2024-02-29", "2024-03"),
            ("2026-02", "2026-02-28", "2026-03"),
            ("2026-12", "2026-12-31", "2027-01"),
        ] {
            let month = Month::parse(text).unwrap();
            assert_eq!(month.to_string(), text);
            assert_eq!(month.last_day().to_string(), last);
            assert_eq!(month.next().to_string(), next);
            assert_eq!(Month::of(month.last_day()), month);
        }
    }

    #[test]
    fn what_is_no_month_is_refused() {
        for text in ["2026", "2026-13", "2026-3", "2026-03-01", "1979-12", "二〇二六-三"] {
            assert!(Month::parse(text).is_err(), "{text}");
        }
    }
}
