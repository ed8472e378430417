//! Departures: dispatches with their rosters, and rosters that must not come about.

use serde_json::{Value, json};

use super::exchange::{Exchange, Who, text};
use super::plan::{Fate, LISTED_TWICE, WITHOUT_NAMES};
use super::stage::{Signed, Stage};
use super::year::day_of;
use crate::error::{Error, Result};

/// Most people of one dispatch.
const DISPATCH_ROWS: usize = 1_000;

fn dispatch(signed: &Signed, wave: usize, part: usize, mode: &str) -> Result<Value> {
    let place = signed.plan.place;
    Ok(json!({
        "title": format!("2021年第{}批（{place}）第{}车队", wave + 1, part + 1), "mode": mode, "vehicle": format!("湘E·大巴·{:02}", part + 1),
        "legal_basis": "协议第六条；就业促进法第三十五条", "consent_recorded": true,
        "planned_departure_on": day_of(wave, 0)?, "planned_arrival_on": day_of(wave, 1)?,
    }))
}

/// Prepares a dispatch; gives its id.
async fn prepare(exchange: &mut Exchange, origin: Who, signed: &Signed, dispatch: &Value) -> Result<String> {
    text(&exchange.post(origin, &signed.path("dispatches"), dispatch).await?, "/id")
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
///
/// # Errors
/// Whatever the exchange refuses beyond the plan.
pub async fn depart(exchange: &mut Exchange, origin: Who, signed: &mut Signed, wave: usize) -> Result<usize> {
    let travelling: Vec<usize> =
        signed.seats.iter().enumerate().filter(|(_, seat)| seat.wave == wave).map(|(number, _)| number).collect();
    for (part, numbers) in travelling.chunks(DISPATCH_ROWS).enumerate() {
        let seats = || numbers.iter().filter_map(|number| signed.seats.get(*number));
        let rows: Result<Vec<Value>> =
            seats().map(|seat| roster_row(signed, seat.employer, wave, &seat.person.reference)).collect();
        let dispatch = dispatch(signed, wave, part, "point_to_point")?;
        let id = prepare(exchange, origin, signed, &dispatch).await?;
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
///
/// # Errors
/// Whatever the exchange refuses beyond the plan.
pub async fn attempts(exchange: &mut Exchange, stage: &Stage) -> Result<usize> {
    let of = |key: &str| stage.agreements.iter().find(|signed| signed.plan.key == key);
    let (Some(first), Some(second), Some(third)) = (of("YW"), of("HN"), of("CS")) else {
        return Err(Error::internal("the plan lacks an agreement"));
    };
    let mut rows = Vec::new();
    let twice = first.seats.iter().filter(|seat| seat.wave == 0 && seat.fate == Fate::Stays);
    for seat in twice.take(LISTED_TWICE) {
        rows.push(roster_row(second, 0, 0, &seat.person.reference)?);
    }
    for child in &stage.children {
        rows.push(roster_row(second, 0, 0, &child.reference)?);
    }
    let broker = prepare(exchange, stage.origin, second, &dispatch(second, 0, 1, "broker")?).await?;
    let broker = second.path(&format!("dispatches/{broker}/"));
    exchange.rows("roster", stage.origin, &format!("{broker}roster"), &rows).await?;
    exchange.post(stage.origin, &format!("{broker}cancellation"), &json!({})).await?;
    for part in 0..WITHOUT_NAMES {
        let empty = prepare(exchange, stage.origin, third, &dispatch(third, 0, 8 + part, "agency")?).await?;
        let empty = third.path(&format!("dispatches/{empty}/"));
        exchange.post_in_vain("lock", stage.origin, &format!("{empty}lock"), &json!({})).await?;
        exchange.post(stage.origin, &format!("{empty}cancellation"), &json!({})).await?;
    }
    Ok(rows.len())
}

/// More people than places.
///
/// # Errors
/// Whatever the exchange refuses beyond the plan.
pub async fn beyond_places(exchange: &mut Exchange, stage: &Stage) -> Result<usize> {
    let Some(signed) = stage.agreements.iter().find(|signed| signed.plan.key == "WC") else { return Ok(0) };
    let rows: Result<Vec<Value>> =
        stage.beyond_places.iter().map(|person| roster_row(signed, 0, 3, &person.reference)).collect();
    let prepared = prepare(exchange, stage.origin, signed, &dispatch(signed, 3, 1, "point_to_point")?).await?;
    let path = signed.path(&format!("dispatches/{prepared}/"));
    let placed = exchange.rows("roster", stage.origin, &format!("{path}roster"), &rows?).await?;
    exchange.post(stage.origin, &format!("{path}cancellation"), &json!({})).await?;
    Ok(placed.len())
}
