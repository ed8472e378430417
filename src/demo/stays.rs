//! Stays: who is seen in post, by whom and how surely, and who leaves.

use serde_json::{Value, json};

use super::exchange::{Exchange, Who};
use super::plan::Fate;
use super::stage::{Seat, Signed};
use super::year::{by_employers, by_party};
use crate::db::Day;
use crate::error::Result;

fn seen(seat: &Seat, (from, to): (Day, Day), evidence: &str, source: &str) -> Value {
    json!({
        "placement_ref": seat.person.reference, "seen_from": from, "seen_to": to, "evidence": evidence, "source": source,
    })
}

/// Whether the person is in post for sure, at the planned employer, and somebody keeps books about it.
const fn on_the_books(fate: Fate) -> bool {
    fate.counts() && !matches!(fate, Fate::OtherEmployer | Fate::PhoneOnly)
}

/// The days of the clock from the first to the last of these, the arrival being day 0.
fn stretch(departed_on: Day, from: i64, to: i64) -> (Day, Day) {
    (departed_on.plus_days(1 + from), departed_on.plus_days(1 + to))
}

/// What the destination reports of those who work elsewhere than planned, and the origin of those it can only phone, every month.
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
    let mut sent = by_party(exchange, signed.destination, signed, wave, "observations", &moved).await?;
    for month in (from..=to).filter(|day| *day > 0 && day % 30 == 0) {
        let phoned = move |seat: &Seat, day: Day| {
            (seat.fate == Fate::PhoneOnly).then(|| seen(seat, stretch(day, month, month), "e0", "phone_call"))
        };
        sent += by_party(exchange, origin, signed, wave, "observations", &phoned).await?;
    }
    Ok(sent)
}

/// The first thirty days, from the employers' rosters.
///
/// # Errors
/// Whatever the exchange refuses beyond the plan.
pub async fn rosters(exchange: &mut Exchange, origin: Who, signed: &Signed, wave: usize) -> Result<usize> {
    let listed = |seat: &Seat, day: Day| {
        on_the_books(seat.fate).then(|| seen(seat, stretch(day, 0, 30), "e2", "employer_roster"))
    };
    let sent = by_employers(exchange, signed, wave, "observations", &listed).await?;
    Ok(sent + from_afar(exchange, origin, signed, wave, (0, 30)).await?)
}

/// Who has left, and second posts for the same days.
///
/// # Errors
/// Whatever the exchange refuses beyond the plan.
pub async fn exits(exchange: &mut Exchange, signed: &Signed, wave: usize) -> Result<usize> {
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

/// The days until the ninetieth, from wage ledgers.
///
/// # Errors
/// Whatever the exchange refuses beyond the plan.
pub async fn wages(exchange: &mut Exchange, origin: Who, signed: &Signed, wave: usize) -> Result<usize> {
    let paid = |seat: &Seat, day: Day| {
        let (lowest, highest) = signed.plan.employers.get(seat.employer)?.wage;
        let listed = on_the_books(seat.fate) && seat.fate != Fate::Leaves && seat.fate != Fate::Uninsured;
        let mut row = seen(seat, stretch(day, 31, 90), "e3", "wage_ledger");
        row.as_object_mut()?.insert("monthly_wage_fen".to_owned(), json!((lowest + highest) * 50));
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

/// The days until the hundred and eightieth, from the insurance lists of the destination.
///
/// # Errors
/// Whatever the exchange refuses beyond the plan.
pub async fn insurance(exchange: &mut Exchange, origin: Who, signed: &Signed, wave: usize) -> Result<usize> {
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
    use crate::demo::year::{Step, calendar, day_of};

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
