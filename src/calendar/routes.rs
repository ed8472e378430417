//! HTTP of the working-day calendar. The table is compiled into the program, so nothing here asks the database.

use actix_web::get;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::{CalendarDay, calendar};
use crate::db::Day;
use crate::error::{Code, Error, Fault, Result};
use crate::http::Answer;
use crate::http::query::Query;
use crate::identity::Caller;
use crate::identity::policy::PartiesRead;

/// Most days of an answer: a leap year.
const DAYS_MAX: i64 = 366;

/// From which day to which.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DaySpan {
    /// First day.
    #[param(example = "2026-09-19")]
    pub from: Day,
    /// Last day, at most a year later.
    #[param(example = "2026-10-11")]
    pub to: Day,
}

/// Days in a row.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkingDays {
    /// How many of them are working days.
    #[schema(minimum = 0, maximum = 366, example = 15)]
    pub working_days: usize,
    /// Every day, in order.
    #[schema(max_items = 366)]
    pub items: Vec<CalendarDay>,
}

/// List the days of the working-day calendar
///
/// Each day of a span with whether people work on it and why, by the State Council's notice of the year. Of a year whose notice is not here
/// (`is_published` false) only the weekends are known. A deadline that falls on a day off moves to the next working day.
#[utoipa::path(tag = "calendar", params(DaySpan), responses((status = 200, description = "The days", body = WorkingDays, headers(("ETag")))),
    security(("oauth2" = ["parties.read"])))]
#[get("/v1/working-days")]
pub async fn list_working_days(_caller: Caller<PartiesRead>, query: Query<DaySpan>) -> Result<Answer> {
    let Query(DaySpan { from, to }) = query;
    let days = to.days_since(from) + 1;
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(Error::new(Code::ParameterInvalid).fault(Fault::query(
            "to",
            "out_of_range",
            "must not lie before `from`, nor more than a year after it",
            "不得早于 from，且跨度不超过一年",
        )));
    }
    let items: Vec<CalendarDay> = (0..days).map(|step| calendar().day(from.plus_days(step))).collect();
    let working_days = items.iter().filter(|day| day.is_working).count();
    Ok(Answer::ok(&WorkingDays { working_days, items })?.tagged())
}

/// Mounts the routes of this slice.
pub fn mount(config: &mut ServiceConfig) {
    config.service(list_working_days);
}
