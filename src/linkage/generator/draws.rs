//! Drawing by a seed: a fixed sequence, bound to no library's version, so that a published figure can be had again.

use crate::linkage::estimation::next;

/// A sequence of draws.
pub(super) struct Draws(u64);

impl Draws {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 to below `end`.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        u32::try_from((u128::from(next(&mut self.0)) * u128::from(end)) >> 64).unwrap_or(0)
    }

    /// True so many times in a hundred.
    pub(super) fn chance(&mut self, of_hundred: u32) -> bool {
        self.below(100) < of_hundred
    }

    fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u32::try_from(length).unwrap_or(u32::MAX))).unwrap_or(0)
    }

    /// One of a list, each as likely.
    pub(super) fn pick<T: Copy + Default>(&mut self, list: &[T]) -> T {
        let place = self.place(list.len());
        list.get(place).copied().unwrap_or_default()
    }

    /// One of a list, the earlier the likelier: names follow fashions.
    pub(super) fn pick_early<T: Copy + Default>(&mut self, list: &[T]) -> T {
        let place = self.place(list.len()).min(self.place(list.len()));
        list.get(place).copied().unwrap_or_default()
    }

    /// One of a list by its weight.
    pub(super) fn pick_weighted<T: Copy + Default>(&mut self, list: &[(T, u32)]) -> T {
        let mut left = self.below(list.iter().map(|(_, weight)| weight).sum());
        for (value, weight) in list {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return *value,
            }
        }
        T::default()
    }

    /// Fisher and Yates.
    pub(super) fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            let place = self.place(end + 1);
            list.swap(place, end);
        }
    }
}
