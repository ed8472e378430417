//! What a receiver keeps of what it got: each event once, the last number of each chain, and the gaps it saw.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde_json::Value;

/// The book of a receiver. Its JSON is what `certify --state-url` reads.
#[derive(Debug, Default, Serialize)]
pub struct Book {
    /// Ids of the events that count, in the order they came to count.
    pub events: Vec<String>,
    /// Messages that had come before.
    pub repeats: usize,
    /// Messages that were refused.
    pub refused: usize,
    /// Gaps that were seen.
    pub gaps: Vec<Gap>,
    #[serde(skip)]
    seen: HashSet<String>,
    #[serde(skip)]
    chains: HashMap<String, Place>,
}

/// Numbers of a chain that did not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The chain.
    pub chain_id: String,
    /// The last number before the gap.
    pub after: i64,
    /// The number behind it.
    pub before: i64,
    /// Whether the feed gave what was missing.
    pub closed: bool,
}

/// Where a chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Last number that counts.
    pub sequence: i64,
    /// Its place in the feed.
    pub position: i64,
}

/// An event as far as the book needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Id.
    pub id: String,
    /// Chain.
    pub chain_id: String,
    /// Where in the chain, where in the feed.
    pub place: Place,
}

impl Entry {
    /// Reads the envelope; nothing when it is none.
    #[must_use]
    pub fn read(event: &Value) -> Option<Self> {
        let text = |name: &str| event.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let number = |name: &str| event.get(name).and_then(Value::as_i64);
        let place = Place { sequence: number("sequence")?, position: number("position")? };
        Some(Self { id: text("id")?, chain_id: text("chain_id")?, place })
    }
}

impl Book {
    /// Whether the event had come before.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.seen.contains(id)
    }

    /// Where the chain stands, when numbers are missing between there and this event.
    #[must_use]
    pub fn gap_before(&self, entry: &Entry) -> Option<Place> {
        let last = self.chains.get(&entry.chain_id)?;
        (entry.place.sequence > last.sequence + 1).then_some(*last)
    }

    /// Whether the event comes behind one that follows it.
    #[must_use]
    pub fn is_late(&self, entry: &Entry) -> bool {
        self.chains.get(&entry.chain_id).is_some_and(|last| entry.place.sequence < last.sequence)
    }

    /// Lets an event count, once.
    pub fn enter(&mut self, entry: &Entry) {
        if !self.seen.insert(entry.id.clone()) {
            return;
        }
        self.events.push(entry.id.clone());
        let place = self.chains.entry(entry.chain_id.clone()).or_insert(entry.place);
        // A late one counts, but what came after it still stands.
        if entry.place.sequence > place.sequence {
            *place = entry.place;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, sequence: i64) -> Entry {
        Entry { id: id.to_owned(), chain_id: "a".to_owned(), place: Place { sequence, position: sequence * 10 } }
    }

    #[test]
    fn each_event_counts_once_and_a_gap_is_seen() {
        let mut book = Book::default();
        assert_eq!(book.gap_before(&entry("five", 5)), None, "where one begins is no gap");
        book.enter(&entry("five", 5));
        book.enter(&entry("five", 5));
        assert_eq!(book.gap_before(&entry("six", 6)), None);
        assert_eq!(book.gap_before(&entry("eight", 8)), Some(Place { sequence: 5, position: 50 }));
        book.enter(&entry("eight", 8));
        book.enter(&entry("six", 6));
        assert_eq!(book.gap_before(&entry("nine", 9)), None, "a late one does not move the chain back");
        assert_eq!(book.events, ["five", "eight", "six"]);
        assert!(book.has("six") && !book.has("nine"));
    }
}
