//! Tokens that were verified a moment ago, so that a signature is not checked on every call.
//!
//! The memory is bounded, knows tokens by their SHA-256 only, and forgets each one after [`LONGEST_UNCHECKED`], so
//! that a token has to be verified anew, and its client's standing read again from the store, at least that often on
//! every instance (promises P16: nothing opens later than 60 seconds after a revocation). On the instance that is told of
//! a revocation it takes effect at once, and the token does not come back by being verified again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{AccessToken, LONGEST_LIFETIME, Refusal};
use crate::identity::jws::{CLOCK_SKEW, LONGEST_TOKEN};

/// How long a token is believed without looking at it again.
pub const LONGEST_UNCHECKED: SignedDuration = SignedDuration::from_secs(30);

const SHARDS: usize = 16;

type TokenHash = [u8; 32];
type Shard = HashMap<TokenHash, Entry>;

struct Entry {
    token: Arc<AccessToken>,
    good_until: Timestamp,
}

/// What was withdrawn, for as long as a token of that time could still be presented.
#[derive(Default)]
struct Withdrawn {
    tokens: HashMap<Uuid, Timestamp>,
    clients: HashMap<Uuid, Timestamp>,
    parties: HashMap<Uuid, Timestamp>,
}

/// The bounded memory of verified tokens; shared by all workers of an instance.
pub struct VerifiedTokens {
    shards: [Mutex<Shard>; SHARDS],
    per_shard: usize,
    withdrawn: Mutex<Withdrawn>,
}

impl VerifiedTokens {
    /// A memory for about `capacity` tokens, at least 16.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            per_shard: capacity.div_ceil(SHARDS).max(1),
            withdrawn: Mutex::default(),
        }
    }

    /// A token that was verified a moment ago and has been neither revoked nor forgotten. For everything
    /// else the caller verifies the token, asks the store about its client, and calls [`VerifiedTokens::remember`].
    #[must_use]
    pub fn get(&self, token: &str, now: Timestamp) -> Option<Arc<AccessToken>> {
        if token.len() > LONGEST_TOKEN {
            return None;
        }
        let hash = hash(token);
        let mut shard = self.shard(&hash)?;
        let entry = shard.get(&hash)?;
        if now < entry.good_until {
            return Some(Arc::clone(&entry.token));
        }
        shard.remove(&hash);
        None
    }

    /// Remembers a token that has just been verified and whose client the store has found in force.
    ///
    /// # Errors
    /// `Refusal::Revoked` when the token was withdrawn on this instance, also while it was being verified.
    pub fn remember(&self, token: &str, verified: AccessToken, now: Timestamp) -> Result<Arc<AccessToken>, Refusal> {
        let verified = Arc::new(verified);
        let hash = hash(token);
        let Some(mut shard) = self.shard(&hash) else {
            return Ok(verified);
        };
        // Asked while the shard is held: a revocation is written down before the shards are swept, so it is seen
        // either here or by the sweep.
        if self.withdrawn().covers(&verified) {
            return Err(Refusal::Revoked);
        }
        let unchecked = now.checked_add(LONGEST_UNCHECKED).unwrap_or(now);
        let good_until = unchecked.min(verified.expires_at);
        make_room(&mut shard, self.per_shard, now);
        shard.insert(hash, Entry { token: Arc::clone(&verified), good_until });
        Ok(verified)
    }

    /// Withdraws every token that a client holds now. Tokens issued to it in a later second are good again.
    pub fn revoke_client(&self, client_id: Uuid, now: Timestamp) {
        self.withdrawn().add(now, |withdrawn| &mut withdrawn.clients, client_id);
        self.forget(|token| token.client_id == client_id);
    }

    /// Withdraws every token held now in the name of a party: it was suspended or its rights changed.
    pub fn revoke_party(&self, party_id: Uuid, now: Timestamp) {
        self.withdrawn().add(now, |withdrawn| &mut withdrawn.parties, party_id);
        self.forget(|token| token.party_id == party_id);
    }

    /// Withdraws one token for good.
    pub fn revoke_jti(&self, jti: Uuid, now: Timestamp) {
        self.withdrawn().add(now, |withdrawn| &mut withdrawn.tokens, jti);
        self.forget(|token| token.jti == jti);
    }

    /// Forgets every token, so that each is verified anew: after the exchange's keys have changed.
    pub fn clear(&self) {
        self.forget(|_| true);
    }

    /// How many tokens are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Whether no token is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn forget(&self, matches: impl Fn(&AccessToken) -> bool) {
        for shard in &self.shards {
            lock(shard).retain(|_, entry| !matches(&entry.token));
        }
    }

    fn shard(&self, hash: &TokenHash) -> Option<MutexGuard<'_, Shard>> {
        let [first, ..] = *hash;
        self.shards.get(usize::from(first) % SHARDS).map(lock)
    }

    fn withdrawn(&self) -> MutexGuard<'_, Withdrawn> {
        lock(&self.withdrawn)
    }
}

impl Withdrawn {
    fn covers(&self, token: &AccessToken) -> bool {
        let held_then = |since: &Timestamp| token.issued_at <= *since;
        self.tokens.contains_key(&token.jti)
            || self.clients.get(&token.client_id).is_some_and(held_then)
            || self.parties.get(&token.party_id).is_some_and(held_then)
    }

    fn add(&mut self, now: Timestamp, of: impl Fn(&mut Self) -> &mut HashMap<Uuid, Timestamp>, id: Uuid) {
        // Longer than any token lives, with room for both clocks.
        let kept = LONGEST_LIFETIME.saturating_add(CLOCK_SKEW).saturating_add(CLOCK_SKEW);
        for list in [&mut self.tokens, &mut self.clients, &mut self.parties] {
            list.retain(|_, since| now.duration_since(*since) <= kept);
        }
        of(self).insert(id, now);
    }
}

/// Drops what is over; when that is not enough, what ends first.
fn make_room(shard: &mut Shard, capacity: usize, now: Timestamp) {
    if shard.len() < capacity {
        return;
    }
    shard.retain(|_, entry| now < entry.good_until);
    while shard.len() >= capacity {
        let first = shard.iter().min_by_key(|(_, entry)| entry.good_until).map(|(hash, _)| *hash);
        match first {
            Some(hash) => shard.remove(&hash),
            None => return,
        };
    }
}

fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// A panic elsewhere cannot leave these maps half-written, so a poisoned lock is taken as it is.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn token(client: u128, jti: u128, issued: i64) -> AccessToken {
        AccessToken {
            client_id: Uuid::from_u128(client),
            party_id: Uuid::from_u128(client + 1_000),
            scopes: vec!["agreements.read".to_owned()],
            jti: Uuid::from_u128(jti),
            issued_at: at(issued),
            expires_at: at(issued + 600),
        }
    }

    #[test]
    fn a_token_is_remembered_for_half_a_minute_and_never_past_its_end() {
        let tokens = VerifiedTokens::new(100);
        tokens.remember("a", token(1, 1, 0), at(0)).unwrap();
        assert_eq!(tokens.get("a", at(29)).unwrap().jti, Uuid::from_u128(1));
        assert_eq!(tokens.get("b", at(0)), None);
        assert_eq!(tokens.get("a", at(30)), None);
        assert!(tokens.is_empty(), "what is over is dropped when it is asked for");
        tokens.remember("a", token(1, 1, 0), at(590)).unwrap();
        assert!(tokens.get("a", at(599)).is_some());
        assert_eq!(tokens.get("a", at(600)), None);
    }

    #[test]
    fn the_memory_never_holds_more_than_it_was_given() {
        let tokens = VerifiedTokens::new(160);
        for number in 0..5_000_u32 {
            let seconds = i64::from(number % 7);
            let verified = token(1, u128::from(number), 0);
            tokens.remember(&number.to_string(), verified, at(seconds)).unwrap();
            assert!(tokens.len() <= 160, "{}", tokens.len());
        }
        assert!(tokens.len() > 140, "{}", tokens.len());
        assert!(tokens.get("4999", at(6)).is_some(), "the newest is there");
        tokens.clear();
        assert!(tokens.is_empty());
    }

    #[test]
    fn a_full_memory_drops_what_is_over_before_what_is_good() {
        let tokens = VerifiedTokens::new(1);
        for number in 0..1_000_u32 {
            tokens.remember(&number.to_string(), token(1, 1, 0), at(0)).unwrap();
        }
        assert_eq!(tokens.len(), 16, "one for each part of the memory");
        tokens.remember("late", token(1, 1, 0), at(40)).unwrap();
        assert!(tokens.get("late", at(40)).is_some());
    }

    #[test]
    fn a_revoked_client_is_out_at_once_and_its_old_tokens_do_not_come_back() {
        let tokens = VerifiedTokens::new(100);
        tokens.remember("mine", token(1, 1, 0), at(0)).unwrap();
        tokens.remember("other", token(2, 2, 0), at(0)).unwrap();
        tokens.revoke_client(Uuid::from_u128(1), at(10));
        assert_eq!(tokens.get("mine", at(10)), None);
        assert!(tokens.get("other", at(10)).is_some());
        for issued in [0, 10] {
            let again = tokens.remember("mine", token(1, 1, issued), at(11));
            assert_eq!(again, Err(Refusal::Revoked));
        }
        assert!(tokens.remember("new", token(1, 3, 11), at(11)).is_ok(), "issued after the revocation");
    }

    #[test]
    fn a_suspended_party_takes_all_its_clients_along() {
        let tokens = VerifiedTokens::new(100);
        tokens.remember("mine", token(1, 1, 0), at(0)).unwrap();
        tokens.revoke_party(Uuid::from_u128(1_001), at(1));
        assert_eq!(tokens.get("mine", at(1)), None);
        assert_eq!(tokens.remember("mine", token(1, 1, 0), at(2)), Err(Refusal::Revoked));
    }

    #[test]
    fn a_revoked_token_stays_out_until_it_would_have_ended() {
        let tokens = VerifiedTokens::new(100);
        tokens.remember("mine", token(1, 1, 0), at(0)).unwrap();
        tokens.revoke_jti(Uuid::from_u128(1), at(5));
        assert_eq!(tokens.get("mine", at(5)), None);
        tokens.revoke_jti(Uuid::from_u128(99), at(600));
        assert_eq!(tokens.remember("mine", token(1, 1, 0), at(600)), Err(Refusal::Revoked));
        assert!(tokens.remember("second", token(1, 2, 0), at(600)).is_ok());
    }

    #[test]
    fn the_list_of_revocations_does_not_grow_for_ever() {
        let tokens = VerifiedTokens::new(100);
        for number in 0..2_000_u32 {
            tokens.revoke_jti(Uuid::from_u128(u128::from(number)), at(i64::from(number)));
        }
        assert_eq!(tokens.withdrawn().tokens.len(), 661);
    }

    #[test]
    fn a_revocation_wins_against_calls_running_at_the_same_time() {
        let tokens = VerifiedTokens::new(1_000);
        thread::scope(|scope| {
            for worker in 0..4 {
                let tokens = &tokens;
                scope.spawn(move || {
                    for number in 0..500_u32 {
                        let name = format!("{worker}/{number}");
                        let _ = tokens.remember(&name, token(1, 1, 0), at(0));
                    }
                });
            }
            scope.spawn(|| tokens.revoke_client(Uuid::from_u128(1), at(0)));
        });
        assert!(tokens.is_empty(), "nothing slipped in after the revocation");
    }

    #[test]
    fn a_token_is_not_kept_in_the_memory_itself() {
        let name = "eyJhbGciOiJFUzI1NiJ9.secret";
        assert_ne!(hash(name).as_slice(), name.as_bytes());
        assert_eq!(VerifiedTokens::new(16).get(&"a".repeat(LONGEST_TOKEN + 1), at(0)), None);
    }
}
