//! A source of numbers that looks random and never changes: the same seed makes the same people on every machine and in every year.
//!
//! Deliberately absent: any use for secrets. Keys, salts and tokens come from the operating system.

/// SplitMix64 (Steele, Lea and Flood, 2014): one addition and two multiplications a number, good enough for sample data.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A source that starts from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `limit` − 1; 0 when `limit` is 0.
    pub fn below(&mut self, limit: u32) -> u32 {
        let drawn = self.next() % u64::from(limit.max(1));
        u32::try_from(drawn).unwrap_or_default()
    }

    /// Whether something holds that holds in `share` of `whole` cases.
    pub fn in_share(&mut self, share: u32, whole: u32) -> bool {
        self.below(whole) < share
    }

    /// One of the entries; the default of the type when there is none.
    pub fn pick<T: Copy + Default>(&mut self, entries: &[T]) -> T {
        let limit = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let place = usize::try_from(self.below(limit)).unwrap_or_default();
        entries.get(place).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_always_makes_the_same_numbers() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..5).map(|_| random.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(2021), draw(2021));
        assert_ne!(draw(2021), draw(2022));
    }

    #[test]
    fn every_entry_is_picked_about_equally_often() {
        let mut random = Random::new(7);
        let mut times = [0_u32; 4];
        for _ in 0..4_000 {
            times[random.pick(&[0_usize, 1, 2, 3])] += 1;
        }
        assert!(times.iter().all(|times| (900..1_100).contains(times)), "{times:?}");
        assert_eq!(random.pick::<u8>(&[]), 0);
        assert_eq!(random.below(0), 0);
    }
}
