//! Demand tables become quotas: a draft for each row and, where the table says how many places are approved, published with as many.

use super::{Became, Step};
use crate::db::{Day, DbConnection};
use crate::error::Result;
use crate::interchange::layouts::Layout;
use crate::interchange::layouts::fields::Field;
use crate::interchange::record::Record;
use crate::interchange::store::employers::{NamedEmployer, named};
use crate::interchange::store::rows::OpenRow;
use crate::quotas::NewQuota;
use crate::quotas::requesting::{Request, request_all};

pub(super) fn request(connection: &mut DbConnection, step: &Step<'_>, rows: &[&OpenRow]) -> Result<Vec<Became>> {
    let wanted: Vec<(Option<&str>, Option<&str>)> = rows
        .iter()
        .map(|row| {
            let record = &row.content.record;
            (record.text(Field::EmployerName), record.text(Field::EmployerCreditCode))
        })
        .collect();
    let employers = named(connection, &wanted)?;
    let mut became: Vec<Option<Became>> = rows.iter().map(|_| None).collect();
    let (mut places, mut requests) = (Vec::new(), Vec::new());
    for (place, ((row, employers), became)) in rows.iter().zip(&employers).zip(became.iter_mut()).enumerate() {
        match quota(step, &row.content.record, employers) {
            Ok(request) => {
                places.push(place);
                requests.push(request);
            }
            Err(why) => *became = Some(*why),
        }
    }
    if !requests.is_empty() {
        let results = request_all(connection, &step.actor, step.agreement_id()?, &requests)?;
        for (place, result) in places.into_iter().zip(results) {
            if let Some(became) = became.get_mut(place) {
                *became = Some(Became::of(result));
            }
        }
    }
    Ok(became.into_iter().map(|became| became.unwrap_or_else(unknown_employer)).collect())
}

fn quota(step: &Step<'_>, record: &Record, employers: &[NamedEmployer]) -> Result<Request, Box<Became>> {
    let options = &step.import.options;
    let (employer_id, own_region) = match (options.employer_id, employers) {
        (Some(employer), _) => (employer, None),
        (None, [employer]) => (employer.id, employer.region_code),
        (None, []) => return Err(Box::new(unknown_employer())),
        (None, _) => {
            return Err(Box::new(Became::refused(
                "employer_ambiguous",
                "several registered employers have this name; add the credit code (统一社会信用代码)",
                "有多个同名用人单位，请补充统一社会信用代码",
            )));
        }
    };
    let named = record.place(Field::WorkPlace).filter(|(_, is_complete)| *is_complete).map(|(code, _)| code);
    let Some(region_code) = named.or(options.region_code).or(own_region) else {
        return Err(Box::new(Became::refused(
            "workplace_unknown",
            "names no county where the work is; fill it in or send region_code",
            "未写明工作地点所在县，请补充或注明 region_code",
        )));
    };
    let year_end = Day(step.actor.now.day().0.last_of_year());
    // A file with the column says until when each post is offered; what is blank there is not made up.
    let has_column =
        Layout::find(&step.import.options.layout).is_some_and(|layout| layout.required.contains(&Field::ValidUntil));
    let valid_until = record.date(Field::ValidUntil).map(|until| until.last);
    let Some(valid_until) = valid_until.or(options.valid_until).or((!has_column).then_some(year_end)) else {
        return Err(Box::new(Became::refused(
            "valid_until_missing",
            "says not until when the post is offered; fill it in or send valid_until",
            "未写明有效期，请补充或注明 valid_until",
        )));
    };
    let wage = record.wage(Field::WageOffer);
    let new = NewQuota {
        employer_id,
        post_title: record.text(Field::PostTitle).unwrap_or_default().to_owned(),
        occupation_code: None,
        region_code,
        zone_id: None,
        requested_places: record.count(Field::Headcount).unwrap_or_default(),
        monthly_wage_min_fen: wage.map(|wage| wage.min_fen),
        monthly_wage_max_fen: wage.map(|wage| wage.max_fen),
        valid_until,
        cohorts: Vec::new(),
        partner_ref: record.text(Field::Reference).map(ToOwned::to_owned),
    };
    let approved = record.count(Field::ApprovedPlaces).filter(|approved| *approved > 0);
    Ok(Request { new, approved })
}

fn unknown_employer() -> Became {
    Became::refused(
        "employer_unknown",
        "no registered employer has this name or credit code; ask the operator to register it, or send employer_id",
        "没有登记该名称或信用代码的用人单位，请联系运营方登记，或注明 employer_id",
    )
}
