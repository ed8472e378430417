//! What is decided about webhooks, purely: which endpoints are taken, and what follows an attempt.

use super::guard::{Guard, Refused};
use super::{DeliveryFailure, EventTypes, TYPES_MAX};
use crate::db::Instant;
use crate::error::{Fault, Faults, Text};
use crate::events::kinds::{self, EventKind};

/// Longest description, in characters.
pub const DESCRIPTION_LENGTH_MAX: usize = 200;
/// Longest reference of a partner, in characters.
pub const PARTNER_REF_LENGTH_MAX: usize = 100;
/// Seconds from each attempt to the next; the first comes at once. After the last nothing follows by itself.
const PAUSES_S: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// A pause is longer by up to this share of it, so that what failed together does not come back together.
const JITTER: f64 = 0.1;
/// The longest wait a receiver may ask for, in seconds.
const RETRY_AFTER_MAX_S: i64 = 86_400;
/// Days without any success after which an endpoint is disabled.
const FAILING_DAYS: i64 = 5;
/// Seconds between two calls that ask for many deliveries again.
pub const REDELIVERY_PAUSE_S: i64 = 60;
/// Hours for which a secret signs beside the one that takes over.
pub const SECRETS_OVERLAP_S: i64 = 86_400;

/// Checks what an owner set.
pub fn check(
    faults: &mut Faults,
    guard: Guard,
    url: Option<&str>,
    types: Option<&EventTypes>,
    texts: [Option<&str>; 2],
) {
    if let Some(Err(refused)) = url.map(|url| guard.check(url)) {
        faults.push(refusal(refused));
    }
    if let Some(EventTypes(types)) = types {
        check_types(faults, types);
    }
    let [description, partner_ref] = texts;
    faults.optional_text("/description", description, DESCRIPTION_LENGTH_MAX);
    faults.optional_text("/partner_ref", partner_ref, PARTNER_REF_LENGTH_MAX);
}

fn refusal(refused: Refused) -> Fault {
    Fault::body("/url", refused.code(), refused.to_string(), refused.chinese())
}

/// Checks types of event.
pub fn check_types(faults: &mut Faults, types: &[String]) {
    faults.require(types.len() <= TYPES_MAX, "/types", "length", "name at most 20 types", "最多 20 个事件类型");
    for (place, kind) in types.iter().take(TYPES_MAX).enumerate() {
        let pointer = format!("/types/{place}");
        if EventKind::from_text(kind).is_none() {
            let Text { en, zh } = kinds::unknown(kind);
            faults.push(Fault::body(&pointer, "type_unknown", en, zh));
        }
        let repeated = types.iter().take(place).any(|earlier| earlier == kind);
        faults.require(!repeated, &pointer, "type_repeated", "name each type once", "事件类型重复");
    }
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// When it was over.
    pub at: Instant,
    /// HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// Milliseconds until the head of the answer, or until it failed.
    pub duration_ms: i64,
    /// Why it failed; nothing when the receiver took the event.
    pub failure: Option<DeliveryFailure>,
    /// Seconds the receiver asked to be left alone (429, 503).
    pub retry_after_s: Option<i64>,
}

/// What an answer means.
#[must_use]
pub const fn failure_of(status: u16) -> Option<DeliveryFailure> {
    match status {
        200..=299 => None,
        300..=399 => Some(DeliveryFailure::Redirect),
        _ => Some(DeliveryFailure::Status),
    }
}

/// Whether the receiver says that it is gone for good.
#[must_use]
pub const fn is_gone(outcome: &Outcome) -> bool {
    matches!(outcome.status, Some(410))
}

/// When the attempt after the `attempts`-th is due; none after the last. `chance` lies from 0 to 1.
#[must_use]
pub fn next_attempt(attempts: i64, outcome: &Outcome, chance: f64) -> Option<Instant> {
    let made = usize::try_from(attempts).ok()?.checked_sub(1)?;
    let pause_s = *PAUSES_S.get(made)?;
    let asked_s = outcome.retry_after_s.unwrap_or_default().clamp(0, RETRY_AFTER_MAX_S);
    let jittered =
        std::time::Duration::from_secs(pause_s.unsigned_abs()).mul_f64(1.0 + JITTER * chance.clamp(0.0, 1.0));
    let jittered_micros = i64::try_from(jittered.as_micros()).unwrap_or(i64::MAX);
    let scheduled = Instant::from_micros(outcome.at.as_micros().saturating_add(jittered_micros));
    Some(scheduled.max(outcome.at.plus_seconds(asked_s)))
}

/// Whether an endpoint has failed long enough to be disabled.
#[must_use]
pub fn is_given_up(failing_since: Instant, now: Instant) -> bool {
    failing_since.plus_days(FAILING_DAYS) <= now
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_micros(1_772_413_200_000_000);

    fn failed(status: u16, retry_after_s: Option<i64>) -> Outcome {
        Outcome { at: NOW, status: Some(status), duration_ms: 3, failure: failure_of(status), retry_after_s }
    }

    #[test]
    fn pauses_are_those_of_the_specification() {
        let pauses: Vec<Option<i64>> = (1..=10)
            .map(|attempts| {
                next_attempt(attempts, &failed(500, None), 0.0).map(|next| next.as_seconds() - NOW.as_seconds())
            })
            .collect();
        let minutes = |minutes: i64| Some(minutes * 60);
        let hours = |hours: i64| minutes(hours * 60);
        let expected =
            [Some(5), minutes(5), minutes(30), hours(2), hours(5), hours(10), hours(14), hours(20), hours(24), None];
        assert_eq!(pauses, expected);
    }

    #[test]
    fn chance_only_lengthens_a_pause_and_by_a_tenth_at_most() {
        for attempts in 1..10 {
            let at = |chance| next_attempt(attempts, &failed(500, None), chance).unwrap().as_micros() - NOW.as_micros();
            assert!(at(0.5) > at(0.0) && at(1.0) <= at(0.0) + at(0.0) / 10 + 1, "{attempts}");
            assert_eq!(at(7.0), at(1.0));
        }
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_ever() {
        for (asked, seconds) in [(Some(3), 5), (Some(60), 60), (Some(i64::MAX), 86_400), (Some(-7), 5), (None, 5)] {
            let next = next_attempt(1, &failed(503, asked), 0.0).unwrap();
            assert_eq!(next.as_seconds() - NOW.as_seconds(), seconds, "{asked:?}");
        }
    }

    #[test]
    fn only_2xx_is_success() {
        for (status, failure, gone) in [
            (200, None, false),
            (204, None, false),
            (299, None, false),
            (100, Some(DeliveryFailure::Status), false),
            (301, Some(DeliveryFailure::Redirect), false),
            (308, Some(DeliveryFailure::Redirect), false),
            (404, Some(DeliveryFailure::Status), false),
            (410, Some(DeliveryFailure::Status), true),
            (500, Some(DeliveryFailure::Status), false),
        ] {
            assert_eq!((failure_of(status), is_gone(&failed(status, None))), (failure, gone), "{status}");
        }
    }

    #[test]
    fn five_days_without_success_are_enough() {
        assert!(!is_given_up(NOW, NOW.plus_days(5).plus_seconds(-1)));
        assert!(is_given_up(NOW, NOW.plus_days(5)));
    }

    #[test]
    fn every_fault_of_an_endpoint_is_told() {
        let codes = |url: &str, types: &[&str], texts| {
            let types = EventTypes(types.iter().map(|kind| (*kind).to_owned()).collect());
            let mut faults = Faults::new();
            check(&mut faults, Guard::default(), Some(url), Some(&types), texts);
            faults.into_inner().into_iter().map(|fault| fault.code).collect::<Vec<_>>()
        };
        let good = "https://partner.example.cn/hooks";
        assert_eq!(codes(good, &["dispatch.departed", "claim.recorded"], [Some("系统"), None]), [""; 0]);
        assert_eq!(
            codes(
                "http://127.0.0.1/",
                &["Dispatch", "quota.published", "quota.published", "dispatch.left"],
                [Some(""), Some(" ")]
            ),
            ["url_scheme", "type_unknown", "type_repeated", "type_unknown", "length", "length"]
        );
        let many: Vec<&str> = EventKind::ALL.iter().take(21).map(|kind| kind.as_str()).collect();
        assert_eq!(codes(good, &many, [None, None]), ["length"]);
    }
}
