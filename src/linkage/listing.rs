//! Which candidates a row lists, and in which order.

use std::cmp::Reverse;

use super::blocking::ReadRow;
use super::estimation::Model;
use super::fields::Field;
use super::links::{Decided, Decision, ScoredPair, lone_probability};
use super::{Candidate, RowLinks, Settings, scoring};

/// What a listing is made from.
pub(super) struct Listing<'a> {
    pub(super) fields: &'a [Field],
    pub(super) model: &'a Model,
    pub(super) left: &'a [ReadRow],
    pub(super) right: &'a [ReadRow],
    pub(super) rarity: &'a [Vec<f64>],
    pub(super) settings: &'a Settings,
}

impl Listing<'_> {
    /// Every left row with its candidates; `pairs` are in ascending order of their rows.
    pub(super) fn rows<K: Clone>(
        &self,
        left_keys: &[K],
        right_keys: &[K],
        pairs: &[ScoredPair],
        decided: &Decided,
    ) -> Vec<RowLinks<K>> {
        let mut rest = pairs;
        let mut rows = Vec::with_capacity(left_keys.len());
        for ((left, key), decision) in left_keys.iter().enumerate().zip(&decided.decisions) {
            let (own, later) = rest.split_at(rest.partition_point(|pair| pair.left <= left));
            rest = later;
            let listed = self.listed(own, *decision, decided);
            let candidates = listed.iter().filter_map(|pair| self.candidate(pair, right_keys, decided)).collect();
            rows.push(RowLinks { left: key.clone(), decision: *decision, candidates });
        }
        rows
    }

    /// The partner first, then by score; of an ambiguous row all that are good enough, of others no more than asked for.
    fn listed(&self, own: &[ScoredPair], decision: Decision, decided: &Decided) -> Vec<ScoredPair> {
        let mut listed = own.to_vec();
        listed.sort_by_key(|pair| (Reverse(is_partner(pair, decided)), Reverse(pair.score), pair.right));
        let good_enough = |pair: &&ScoredPair| {
            pair.supported && lone_probability(pair.score, self.model.prior_bits()) > self.settings.review
        };
        let at_least = if decision == Decision::Ambiguous { listed.iter().filter(good_enough).count() } else { 1 };
        listed.truncate(self.settings.candidates_max.max(at_least));
        listed
    }

    fn candidate<K: Clone>(&self, pair: &ScoredPair, right_keys: &[K], decided: &Decided) -> Option<Candidate<K>> {
        let partner = decided.partner_of_right.get(pair.right).copied().flatten();
        let cells = (self.left.get(pair.left)?, self.right.get(pair.right)?);
        Some(Candidate {
            right: right_keys.get(pair.right)?.clone(),
            score: pair.score,
            probability: lone_probability(pair.score, self.model.prior_bits()),
            supported: pair.supported,
            linked_elsewhere: partner.is_some_and(|partner| partner != pair.left),
            outcomes: scoring::outcomes(self.fields, self.model, cells, self.rarity.get(pair.left)?),
        })
    }
}

fn is_partner(pair: &ScoredPair, decided: &Decided) -> bool {
    decided.partner_of_left.get(pair.left).copied().flatten() == Some(pair.right)
}
