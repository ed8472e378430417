//! The year: departures, what is said about them, who is seen in post month by month, and who leaves.

use serde_json::{Value, json};

use super::exchange::{Exchange, Who, text};
use super::names::written_otherwise;
use super::plan::{DEPARTURES, Fate, WITHOUT_NAMES};
use super::stage::{Seat, Signed, Stage};
use crate::db::Day;
use crate::error::{Error, Result};

/// Most people of one dispatch.
const DISPATCH_ROWS: usize = 1_000;

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
fn day_of(wave: usize, after: i64) -> Result<Day> {
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

fn dispatch(signed: &Signed, wave: usize, part: usize, mode: &str) -> Result<Value> {
    let place = signed.plan.place;
    Ok(json!({
        "title": format!("2021年第{}批（{place}）第{}车队", wave + 1, part + 1), "mode": mode, "vehicle": format!("湘E·大巴·{:02}", part + 1),
        "legal_basis": "协议第六条；就业促进法第三十五条", "consent_recorded": true,
        "planned_departure_on": day_of(wave, 0)?, "planned_arrival_on": day_of(wave, 1)?,
    }))
}

fn roster_row(signed: &Signed, employer: usize, wave: usize, reference: &str) -> Result<Value> {
    let mut row = json!({
        "worker_ref": reference, "quota_ref": signed.employer(employer)?.quota_ref, "partner_ref": reference,
    });
    if let Some(object) = row.as_object_mut().filter(|_| signed.plan.cohorts) {
        object.insert("starts_on".to_owned(), json!(day_of(wave, 0)?));
    }
    Ok(row)
}

/// Dispatches of at most a thousand people: prepared, enrolled, locked, gone.
async fn depart(exchange: &mut Exchange, origin: Who, signed: &mut Signed, wave: usize) -> Result<usize> {
    let travelling: Vec<usize> =
        signed.seats.iter().enumerate().filter(|(_, seat)| seat.wave == wave).map(|(number, _)| number).collect();
    for (part, numbers) in travelling.chunks(DISPATCH_ROWS).enumerate() {
        let seats = || numbers.iter().filter_map(|number| signed.seats.get(*number));
        let rows: Result<Vec<Value>> =
            seats().map(|seat| roster_row(signed, seat.employer, wave, &seat.person.reference)).collect();
        let prepared =
            exchange.post(origin, &signed.path("dispatches"), &dispatch(signed, wave, part, "point_to_point")?);
        let id = text(&prepared.await?, "/id")?;
        let action = |name: &str| signed.path(&format!("dispatches/{id}/{name}"));
        let placements = exchange.rows("roster", origin, &action("roster"), &rows?).await?;
        exchange.post(origin, &action("lock"), &json!({})).await?;
        exchange.post(origin, &action("departure"), &json!({ "departed_on": day_of(wave, 0)? })).await?;
        for (number, placement) in numbers.iter().zip(placements) {
            if let Some(seat) = signed.seats.get_mut(*number) {
                seat.placement = placement;
            }
        }
    }
    Ok(travelling.len())
}

/// What must not work: people listed twice, children, a number without names.
async fn attempts(exchange: &mut Exchange, stage: &Stage) -> Result<usize> {
    let of = |key: &str| stage.agreements.iter().find(|signed| signed.plan.key == key);
    let (Some(first), Some(second), Some(third)) = (of("YW"), of("HN"), of("CS")) else {
        return Err(Error::internal("the plan lacks an agreement"));
    };
    let mut rows = Vec::new();
    let twice = first.seats.iter().filter(|seat| seat.wave == 0 && seat.fate == Fate::Stays);
    for seat in twice.take(super::plan::LISTED_TWICE) {
        rows.push(roster_row(second, 0, 0, &seat.person.reference)?);
    }
    for child in &stage.children {
        rows.push(roster_row(second, 0, 0, &child.reference)?);
    }
    let broker = exchange.post(stage.origin, &second.path("dispatches"), &dispatch(second, 0, 1, "broker")?).await?;
    let broker = second.path(&format!("dispatches/{}/", text(&broker, "/id")?));
    exchange.rows("roster", stage.origin, &format!("{broker}roster"), &rows).await?;
    exchange.post(stage.origin, &format!("{broker}cancellation"), &json!({})).await?;
    for part in 0..WITHOUT_NAMES {
        let empty = dispatch(third, 0, 8 + part, "agency")?;
        let empty = exchange.post(stage.origin, &third.path("dispatches"), &empty).await?;
        let empty = third.path(&format!("dispatches/{}/", text(&empty, "/id")?));
        exchange.post_in_vain("lock", stage.origin, &format!("{empty}lock"), &json!({})).await?;
        exchange.post(stage.origin, &format!("{empty}cancellation"), &json!({})).await?;
    }
    Ok(rows.len())
}

/// More people than places.
async fn beyond_places(exchange: &mut Exchange, stage: &Stage) -> Result<usize> {
    let Some(signed) = stage.agreements.iter().find(|signed| signed.plan.key == "WC") else { return Ok(0) };
    let rows: Result<Vec<Value>> =
        stage.beyond_places.iter().map(|person| roster_row(signed, 0, 3, &person.reference)).collect();
    let prepared = exchange.post(stage.origin, &signed.path("dispatches"), &dispatch(signed, 3, 1, "point_to_point")?);
    let path = signed.path(&format!("dispatches/{}/", text(&prepared.await?, "/id")?));
    let placed = exchange.rows("roster", stage.origin, &format!("{path}roster"), &rows?).await?;
    exchange.post(stage.origin, &format!("{path}cancellation"), &json!({})).await?;
    Ok(placed.len())
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
async fn by_employers(
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
async fn by_party(
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

fn seen(seat: &Seat, (from, to): (Day, Day), evidence: &str, source: &str) -> Value {
    json!({
        "placement_ref": seat.person.reference, "seen_from": from, "seen_to": to, "evidence": evidence, "source": source,
    })
}

/// Whether the person is in post for sure, at the planned employer, and somebody keeps books about it.
const fn on_the_books(fate: Fate) -> bool {
    fate.counts() && !matches!(fate, Fate::OtherEmployer | Fate::OtherRegion | Fate::PhoneOnly)
}

/// The days of the clock from the first to the last of these, the arrival being day 0.
fn stretch(departed_on: Day, from: i64, to: i64) -> (Day, Day) {
    (departed_on.plus_days(1 + from), departed_on.plus_days(1 + to))
}

/// What the destination reports of those who work elsewhere than planned, and the origin of those it can only phone.
async fn from_afar(
    exchange: &mut Exchange,
    origin: Who,
    signed: &Signed,
    wave: usize,
    (from, to): (i64, i64),
) -> Result<usize> {
    let moved = move |seat: &Seat, day: Day| {
        let elsewhere = matches!(seat.fate, Fate::OtherEmployer | Fate::OtherRegion);
        elsewhere.then(|| seen(seat, stretch(day, from, to), "e2", "employer_roster"))
    };
    let sent = by_party(exchange, signed.destination, signed, wave, "observations", &moved).await?;
    let phoned = move |seat: &Seat, day: Day| {
        (seat.fate == Fate::PhoneOnly).then(|| seen(seat, stretch(day, to, to), "e0", "phone_call"))
    };
    Ok(sent + by_party(exchange, origin, signed, wave, "observations", &phoned).await?)
}

async fn rosters(exchange: &mut Exchange, origin: Who, signed: &Signed, wave: usize) -> Result<usize> {
    let listed = |seat: &Seat, day: Day| {
        on_the_books(seat.fate).then(|| seen(seat, stretch(day, 0, 30), "e2", "employer_roster"))
    };
    let sent = by_employers(exchange, signed, wave, "observations", &listed).await?;
    Ok(sent + from_afar(exchange, origin, signed, wave, (0, 30)).await?)
}

async fn exits(exchange: &mut Exchange, signed: &Signed, wave: usize) -> Result<usize> {
    const REASONS: [&str; 4] = ["resigned", "returned_home", "contract_ended", "ill_or_injured"];
    let exit = |seat: &Seat, day: Day, reason: &str| json!({ "placement_ref": seat.person.reference, "ended_on": day.plus_days(51), "grain": "day", "reason": reason });
    let told = |seat: &Seat, day: Day| {
        let last_digit = seat.person.reference.bytes().last().map_or(0, usize::from);
        let reason = REASONS.get(last_digit % REASONS.len())?;
        (seat.fate == Fate::Leaves).then(|| exit(seat, day, reason))
    };
    let mut sent = by_employers(exchange, signed, wave, "exits", &told).await?;
    let found =
        |seat: &Seat, day: Day| (seat.fate == Fate::LeavesOnPaperStays).then(|| exit(seat, day, "left_without_notice"));
    sent += by_party(exchange, signed.destination, signed, wave, "exits", &found).await?;
    let employers: Vec<&str> = signed.employers.iter().map(|hired| hired.party_id.as_str()).collect();
    let second_post = |seat: &Seat, day: Day| {
        let other = employers.get((seat.employer + 1) % employers.len().max(1))?;
        (seat.fate == Fate::TwoPosts).then(|| {
            json!({
                "placement_ref": seat.person.reference, "employer_id": other, "region_code": signed.plan.region,
                "started_on": day.plus_days(1), "grain": "day",
            })
        })
    };
    Ok(sent + by_party(exchange, signed.destination, signed, wave, "spells", &second_post).await?)
}

async fn wages(exchange: &mut Exchange, origin: Who, signed: &Signed, wave: usize) -> Result<usize> {
    let paid = |seat: &Seat, day: Day| {
        let wage = signed.plan.employers.get(seat.employer)?.wage;
        let listed = on_the_books(seat.fate) && seat.fate != Fate::Leaves && seat.fate != Fate::Uninsured;
        let mut row = seen(seat, stretch(day, 31, 90), "e3", "wage_ledger");
        row.as_object_mut()?.insert("monthly_wage_fen".to_owned(), json!((wage.0 + wage.1) * 50));
        listed.then_some(row)
    };
    let mut sent = by_employers(exchange, signed, wave, "observations", &paid).await?;
    sent += uninsured(exchange, signed, wave, (31, 90)).await?;
    Ok(sent + from_afar(exchange, origin, signed, wave, (31, 90)).await?)
}

/// Those for whom there is never more than the employer's sealed roster.
async fn uninsured(exchange: &mut Exchange, signed: &Signed, wave: usize, (from, to): (i64, i64)) -> Result<usize> {
    let listed = move |seat: &Seat, day: Day| {
        (seat.fate == Fate::Uninsured).then(|| seen(seat, stretch(day, from, to), "e2", "employer_roster"))
    };
    by_employers(exchange, signed, wave, "observations", &listed).await
}

async fn insurance(exchange: &mut Exchange, origin: Who, signed: &Signed, wave: usize) -> Result<usize> {
    let insured = |seat: &Seat, day: Day| {
        let listed = on_the_books(seat.fate) && !seat.fate.leaves() && seat.fate != Fate::Uninsured;
        listed.then(|| seen(seat, stretch(day, 91, 180), "e5", "social_insurance"))
    };
    let mut sent = by_party(exchange, signed.destination, signed, wave, "observations", &insured).await?;
    sent += uninsured(exchange, signed, wave, (91, 180)).await?;
    Ok(sent + from_afar(exchange, origin, signed, wave, (91, 180)).await?)
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

    #[test]
    fn nobody_is_seen_before_the_arrival_or_after_the_day_of_the_report() {
        for (day, wave, step) in calendar().unwrap() {
            let departed_on = day_of(wave, 0).unwrap();
            for (reported, (from, to)) in
                [(Step::Rosters, (0, 30)), (Step::Wages, (31, 90)), (Step::Insurance, (91, 180))]
            {
                let (first, last) = stretch(departed_on, from, to);
                assert!(step != reported || (first > departed_on && last < day), "{step:?}");
            }
        }
    }
}
