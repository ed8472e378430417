//! Weights of evidence, in hundredths of a bit: whole numbers, so that the figures a person reads add up exactly.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};

/// Beyond this no weight says more (bits).
const BITS_MAX: f64 = 1_000.0;

/// Evidence for (positive) or against (negative) two rows being one person. One bit doubles the odds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Weight(i32);

impl Weight {
    /// No evidence.
    pub const ZERO: Self = Self(0);

    /// Rounded to the hundredth.
    #[must_use]
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "no more than 100,000 either way")]
    pub fn from_bits(bits: f64) -> Self {
        Self((bits.clamp(-BITS_MAX, BITS_MAX) * 100.0).round() as i32)
    }

    /// In bits.
    #[must_use]
    pub fn bits(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    /// In hundredths of a bit.
    #[must_use]
    pub const fn hundredths(self) -> i32 {
        self.0
    }
}

impl Add for Weight {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Weight {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Weight {
    fn sum<I: Iterator<Item = Self>>(weights: I) -> Self {
        weights.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Weight {
    /// `+7.25`, `−3.10` (with the minus sign of figures), `0`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.0 {
            0 => return formatter.write_str("0"),
            1.. => '+',
            _ => '−',
        };
        let size = self.0.unsigned_abs();
        write!(formatter, "{sign}{}.{:02}", size / 100, size % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_written_with_its_sign_and_two_places() {
        for (bits, text) in
            [(7.254, "+7.25"), (-3.1, "−3.10"), (0.001, "0"), (-0.05, "−0.05"), (f64::NEG_INFINITY, "−1000.00")]
        {
            assert_eq!(Weight::from_bits(bits).to_string(), text);
        }
        assert_eq!([1.11, 2.22, -0.33].map(Weight::from_bits).into_iter().sum::<Weight>().to_string(), "+3.00");
    }
}
