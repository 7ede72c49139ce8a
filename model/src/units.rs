//! Physical and commercial quantities as integers.
//!
//! No float is kept in any state or compared in any decision, so that every machine and every
//! number of workers decides the same. Each quantity is read from the *decimal text* of the
//! record (see [`crate::decimal`]) and rounded once, half away from zero.

use serde::{Deserialize, Serialize};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub struct $name(pub $inner);

        impl $name {
            /// Nothing of it.
            pub const ZERO: Self = Self(0);
        }
        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }
        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
                items.fold(Self::ZERO, Add::add)
            }
        }
    };
}

quantity! {
    /// Power in watts; MW on the wire, at most ±1 000 000 MW in one record.
    Watts(i64)
}
quantity! {
    /// A price or score in thousandths of the currency per MWh; at most ±1 000 000 per MWh on the
    /// wire.
    Price(i64)
}
quantity! {
    /// Length in metres; km on the wire, 0 to 100 000 km.
    Metres(i64)
}
quantity! {
    /// A duration in milliseconds; seconds on the wire, 0 to 10⁹ s.
    Millis(i64)
}
quantity! {
    /// An angle in millionths of a degree: latitude or longitude; degrees on the wire.
    Microdegrees(i64)
}

/// Parts per million: a loss (0 to 500 000), a reliability or a share (0 to 1 000 000).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Ppm(pub u32);

impl Ppm {
    /// The whole: 1 on the wire.
    pub const ONE: Self = Self(1_000_000);
}

/// Divides and rounds half away from zero; `divisor` is above 0.
#[must_use]
pub fn divide_rounded(dividend: i128, divisor: i128) -> i128 {
    debug_assert!(divisor > 0, "a divisor above zero");
    let (quotient, rest) = (dividend / divisor, dividend % divisor);
    if 2 * rest.abs() >= divisor { quotient + dividend.signum() } else { quotient }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_away_from_zero() {
        assert_eq!(divide_rounded(5, 2), 3);
        assert_eq!(divide_rounded(-5, 2), -3);
        assert_eq!(divide_rounded(7, 3), 2);
        assert_eq!(divide_rounded(-1, 3), 0);
    }
}
