//! How often somebody may ask: so many requests in a minute, all at once or evenly, and no more (promises P18).
//!
//! Each asker has one figure, the moment at which its requests so far would have been paid for at an even pace (the generic cell
//! rate algorithm); a request that would push it more than a minute ahead is refused. The memory is bounded: whoever is paid up is
//! forgotten, and when all are in debt, those with the least.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::db::Instant;

/// The time over which requests are counted, in microseconds.
const WINDOW: i64 = 60_000_000;
/// Askers of one sort that are remembered.
const REMEMBERED: usize = 10_000;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asker {
    /// A client that has proved who it is.
    Client(Uuid),
    /// An address from which anybody may ask.
    Peer(IpAddr),
}

impl Asker {
    /// An address; of IPv6 the network of 64 bits that one subscriber has.
    #[must_use]
    pub fn peer(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => Self::Peer(IpAddr::V6((address.to_bits() >> 64 << 64).into())),
            address @ IpAddr::V4(_) => Self::Peer(address),
        }
    }
}

/// The memory of who asked how often; shared by all workers of an instance.
#[derive(Debug, Default)]
pub struct Throttle {
    paid_until: Mutex<HashMap<Asker, i64>>,
}

/// How an asker stands after a request that was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Requests that would be let through at once.
    pub remaining: i64,
    /// Seconds after which all of them would be again.
    pub reset_s: i64,
}

impl Throttle {
    /// Counts one request; `limit` in a minute, 0 for no limit.
    ///
    /// # Errors
    /// The seconds after which the next one is let through.
    pub fn count(&self, asker: Asker, limit: u32, now: Instant) -> Result<Standing, i64> {
        if limit == 0 {
            return Ok(Standing { remaining: i64::MAX, reset_s: 0 });
        }
        let (pace, now) = (WINDOW / i64::from(limit), now.as_micros());
        let mut paid_until = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        let next = paid_until.get(&asker).copied().unwrap_or(now).max(now).saturating_add(pace);
        let ahead = next.saturating_sub(now).saturating_sub(pace.saturating_mul(i64::from(limit)));
        if ahead > 0 {
            return Err(seconds(ahead));
        }
        make_room(&mut paid_until, &asker, now);
        paid_until.insert(asker, next);
        let debt = next.saturating_sub(now);
        let remaining = (pace.saturating_mul(i64::from(limit)).saturating_sub(debt) / pace).max(0);
        Ok(Standing { remaining, reset_s: seconds(debt) })
    }
}

/// Whole seconds, rounded up.
const fn seconds(micros: i64) -> i64 {
    micros.saturating_add(999_999) / 1_000_000
}

fn make_room<K: Eq + Hash + Copy>(paid_until: &mut HashMap<K, i64>, asker: &K, now: i64) {
    if paid_until.len() < REMEMBERED || paid_until.contains_key(asker) {
        return;
    }
    paid_until.retain(|_, until| *until > now);
    if paid_until.len() >= REMEMBERED {
        let mut debts: Vec<i64> = paid_until.values().copied().collect();
        debts.sort_unstable();
        let least = debts.get(REMEMBERED / 10).copied().unwrap_or(i64::MAX);
        paid_until.retain(|_, until| *until > least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_timestamp(jiff::Timestamp::from_second(1_800_000_000 + seconds).unwrap())
    }

    fn client(number: u128) -> Asker {
        Asker::Client(Uuid::from_u128(number))
    }

    #[test]
    fn ten_in_a_minute_go_through_and_the_next_is_told_when() {
        let throttle = Throttle::default();
        for remaining in (0..10).rev() {
            let standing = throttle.count(client(1), 10, at(0)).unwrap();
            assert_eq!(standing, Standing { remaining, reset_s: (10 - remaining) * 6 });
        }
        assert_eq!(throttle.count(client(1), 10, at(0)), Err(6));
        assert_eq!(throttle.count(client(1), 10, at(5)), Err(1), "a refused request costs nothing");
        assert!(throttle.count(client(2), 10, at(0)).is_ok(), "another client is not held back");
        assert_eq!(throttle.count(client(1), 10, at(6)), Ok(Standing { remaining: 0, reset_s: 60 }));
        assert_eq!(throttle.count(client(1), 10, at(6)), Err(6));
        for _ in 0..10 {
            assert!(throttle.count(client(1), 10, at(70)).is_ok(), "after a minute all is as in the beginning");
        }
    }

    #[test]
    fn no_limit_is_no_limit() {
        let throttle = Throttle::default();
        assert!((0..1_000).all(|_| throttle.count(client(1), 0, at(0)).is_ok()));
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_those_deepest_in_debt() {
        let throttle = Throttle::default();
        for _ in 0..10 {
            throttle.count(client(0), 10, at(0)).unwrap();
        }
        for number in 1..50_000 {
            throttle.count(client(number), 10, at(0)).unwrap();
        }
        assert!(throttle.paid_until.lock().unwrap().len() <= REMEMBERED);
        assert!(throttle.count(client(0), 10, at(0)).is_err(), "the greedy one is not forgotten");
    }

    #[test]
    fn one_subscriber_of_ipv6_is_one_asker() {
        let peer = |text: &str| Asker::peer(text.parse().unwrap());
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:2"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
    }
}
