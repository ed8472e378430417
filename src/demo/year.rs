//! The year: what happens on which day, and what is said about those who have departed.

use serde_json::{Value, json};

use super::departures::{attempts, beyond_places, depart};
use super::exchange::{Exchange, Who};
use super::names::written_otherwise;
use super::plan::{DEPARTURES, Fate};
use super::stage::{Seat, Signed, Stage};
use super::stays::{exits, insurance, rosters, wages};
use crate::db::Day;
use crate::error::{Error, Result};

/// What is done on a day for the people of one departure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// They depart.
    Depart,
    /// Employers, destinations and stations say who has arrived.
    Claim,
    /// The other side is heard, and heads nobody sent are claimed.
    Contradict,
    /// Late confirmations come in.
    ConfirmLate,
    /// Rosters of the first thirty days.
    Rosters,
    /// Exits, and second posts.
    Exits,
    /// Wage ledgers until the ninetieth day.
    Wages,
    /// Insurance lists until the hundred and eightieth day.
    Insurance,
}

impl Step {
    const ALL: [(Self, i64); 8] = [
        (Self::Depart, 0),
        (Self::Claim, 3),
        (Self::Contradict, 12),
        (Self::ConfirmLate, 25),
        (Self::Rosters, 32),
        (Self::Exits, 56),
        (Self::Wages, 92),
        (Self::Insurance, 182),
    ];

    /// What is shown while it runs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Depart => "输送出发 departures",
            Self::Claim => "到岗确认 arrivals claimed",
            Self::Contradict => "异议与申报 second words",
            Self::ConfirmLate => "逾期确认 late confirmations",
            Self::Rosters => "30天花名册 rosters",
            Self::Exits => "离岗 exits",
            Self::Wages => "90天工资台账 wage ledgers",
            Self::Insurance => "180天社保名单 insurance lists",
        }
    }
}

/// A day of a departure, counted from the departure.
///
/// # Errors
/// [`crate::error::Code::InternalError`] for a departure the plan does not have.
pub fn day_of(wave: usize, after: i64) -> Result<Day> {
    let departure = DEPARTURES.get(wave).and_then(|day| Day::parse(day).ok());
    departure.map(|day| day.plus_days(after)).ok_or_else(|| Error::internal("the plan has no such departure"))
}

/// Everything that happens, in the order of days.
///
/// # Errors
/// [`crate::error::Code::InternalError`] for a day of the plan that is none.
pub fn calendar() -> Result<Vec<(Day, usize, Step)>> {
    let mut entries = Vec::new();
    for wave in 0..DEPARTURES.len() {
        for (step, after) in Step::ALL {
            entries.push((day_of(wave, after)?, wave, step));
        }
    }
    entries.sort_by_key(|(day, wave, _)| (*day, *wave));
    Ok(entries)
}

/// Plays one entry of the calendar; gives how many rows were sent.
///
/// # Errors
/// Whatever the exchange refuses beyond the plan.
pub async fn play(exchange: &mut Exchange, stage: &mut Stage, wave: usize, step: Step) -> Result<usize> {
    let origin = stage.origin;
    let mut rows = 0;
    for number in 0..stage.agreements.len() {
        let Some(signed) = stage.agreements.get_mut(number) else { continue };
        if step == Step::Depart {
            rows += depart(exchange, origin, signed, wave).await?;
            continue;
        }
        let signed = &*signed;
        rows += match step {
            Step::Depart => 0,
            Step::Claim => claim(exchange, signed, wave).await?,
            Step::Contradict => contradict(exchange, origin, signed, wave).await?,
            Step::ConfirmLate => {
                by_employers(exchange, signed, wave, "claims", &|seat, day| {
                    (seat.fate == Fate::ConfirmedLate).then(|| arrival(seat, day))
                })
                .await?
            }
            Step::Rosters => rosters(exchange, origin, signed, wave).await?,
            Step::Exits => exits(exchange, signed, wave).await?,
            Step::Wages => wages(exchange, origin, signed, wave).await?,
            Step::Insurance => insurance(exchange, origin, signed, wave).await?,
        };
    }
    match (wave, step) {
        (0, Step::Depart) => rows += attempts(exchange, stage).await?,
        (3, Step::Depart) => rows += beyond_places(exchange, stage).await?,
        (0, Step::Contradict) => rows += padded_heads(exchange, stage).await?,
        _ => {}
    }
    Ok(rows)
}

fn claim_of(seat: &Seat, outcome: &str, happened_on: Day, evidence: &str) -> Value {
    json!({
        "placement_ref": seat.person.reference, "outcome": outcome, "happened_on": happened_on, "evidence": evidence,
    })
}

fn arrival(seat: &Seat, departed_on: Day) -> Value {
    claim_of(seat, "onboarded", departed_on.plus_days(1), "e2")
}

/// Lets each employer send a row for each of its people about whom `row` has something to say.
///
/// # Errors
/// Whatever the exchange refuses beyond the plan.
pub async fn by_employers(
    exchange: &mut Exchange,
    signed: &Signed,
    wave: usize,
    what: &'static str,
    row: &(dyn Fn(&Seat, Day) -> Option<Value> + Sync),
) -> Result<usize> {
    let departed_on = day_of(wave, 0)?;
    let mut sent = 0;
    for (number, employer) in signed.employers.iter().enumerate() {
        let own = signed.seats.iter().filter(|seat| seat.wave == wave && seat.employer == number);
        let rows: Vec<Value> = own.filter_map(|seat| row(seat, departed_on)).collect();
        exchange.rows(what, employer.who, &signed.path(what), &rows).await?;
        sent += rows.len();
    }
    Ok(sent)
}

/// Lets one party send a row for each person about whom `row` has something to say.
///
/// # Errors
/// Whatever the exchange refuses beyond the plan.
pub async fn by_party(
    exchange: &mut Exchange,
    who: Who,
    signed: &Signed,
    wave: usize,
    what: &'static str,
    row: &(dyn Fn(&Seat, Day) -> Option<Value> + Sync),
) -> Result<usize> {
    let departed_on = day_of(wave, 0)?;
    let seats = signed.seats.iter().filter(|seat| seat.wave == wave);
    let rows: Vec<Value> = seats.filter_map(|seat| row(seat, departed_on)).collect();
    exchange.rows(what, who, &signed.path(what), &rows).await?;
    Ok(rows.len())
}

async fn claim(exchange: &mut Exchange, signed: &Signed, wave: usize) -> Result<usize> {
    let by_employer = |seat: &Seat, day: Day| match seat.fate {
        Fate::NoShow => Some(claim_of(seat, "no_show", day.plus_days(2), "e2")),
        Fate::RefusedByEmployer => Some(claim_of(seat, "refused_by_employer", day.plus_days(1), "e2")),
        Fate::RefusedByWorker => Some(claim_of(seat, "refused_by_worker", day.plus_days(1), "e2")),
        Fate::OtherName => Some(json!({
            "name": written_otherwise(&seat.person.name), "identity_number": seat.person.identity_number,
            "outcome": "onboarded", "happened_on": day.plus_days(1), "evidence": "e2",
        })),
        Fate::OtherEmployer | Fate::OtherRegion | Fate::Unheard | Fate::StationOnly | Fate::ConfirmedLate => None,
        _ => Some(arrival(seat, day)),
    };
    let mut sent = by_employers(exchange, signed, wave, "claims", &by_employer).await?;
    let employers: Vec<&str> = signed.employers.iter().map(|hired| hired.party_id.as_str()).collect();
    let elsewhere = |seat: &Seat, day: Day| {
        let mut row = claim_of(seat, "diverted", day.plus_days(1), "e2");
        let object = row.as_object_mut()?;
        match seat.fate {
            Fate::OtherEmployer => {
                let other = employers.get((seat.employer + 1) % employers.len().max(1))?;
                object.insert("employer_id".to_owned(), json!(other));
            }
            Fate::OtherRegion => drop(object.insert("region_code".to_owned(), json!("330702"))),
            _ => return None,
        }
        Some(row)
    };
    sent += by_party(exchange, signed.destination, signed, wave, "claims", &elsewhere).await?;
    if let Some(station) = signed.station {
        let seen = |seat: &Seat, day: Day| {
            (seat.fate == Fate::StationOnly).then(|| claim_of(seat, "onboarded", day.plus_days(1), "e1"))
        };
        sent += by_party(exchange, station, signed, wave, "claims", &seen).await?;
    }
    Ok(sent)
}

async fn contradict(exchange: &mut Exchange, origin: Who, signed: &Signed, wave: usize) -> Result<usize> {
    let otherwise = |seat: &Seat, day: Day| match seat.fate {
        Fate::Contradicted => Some(claim_of(seat, "no_show", day.plus_days(5), "e2")),
        Fate::OtherDay => Some(claim_of(seat, "onboarded", day.plus_days(9), "e2")),
        _ => None,
    };
    let mut sent = by_party(exchange, signed.destination, signed, wave, "claims", &otherwise).await?;
    for seat in signed.seats.iter().filter(|seat| seat.wave == wave && seat.fate == Fate::Contested) {
        let Some(placement) = &seat.placement else { continue };
        let dispute = json!({ "reason": "家属反映该员工未到该单位上班" });
        exchange.post(origin, &signed.path(&format!("placements/{placement}/disputes")), &dispute).await?;
        sent += 1;
    }
    Ok(sent)
}

/// An employer claims people whom nobody has sent.
async fn padded_heads(exchange: &mut Exchange, stage: &Stage) -> Result<usize> {
    let Some(signed) = stage.agreements.iter().find(|signed| signed.plan.key == "JKQ") else { return Ok(0) };
    let claims: Result<Vec<Value>> = stage
        .padded
        .iter()
        .map(|person| {
            Ok(json!({
                "name": person.name, "identity_number": person.identity_number, "outcome": "onboarded",
                "happened_on": day_of(0, 1)?, "evidence": "e2",
            }))
        })
        .collect();
    let claims = claims?;
    exchange.rows("claims", signed.employer(0)?.who, &signed.path("claims"), &claims).await?;
    Ok(claims.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::plan::{PUBLISHED_ON, SIGNED_ON};

    #[test]
    fn the_year_runs_from_the_signing_to_the_day_of_publication() {
        let calendar = calendar().unwrap();
        assert_eq!(calendar.len(), 32);
        assert!(calendar.is_sorted_by_key(|(day, ..)| *day));
        let (first, last) = (calendar.first().unwrap().0, calendar.last().unwrap().0);
        assert!(first > Day::parse(SIGNED_ON).unwrap() && last < Day::parse(PUBLISHED_ON).unwrap());
    }
}
