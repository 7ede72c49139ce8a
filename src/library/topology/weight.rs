//! A compounded loss as two integers that are added and multiplied along a path.
//!
//! What a path keeps is a product of fractions. Its `weight`, minus its binary logarithm in 2⁻⁴⁸,
//! orders paths; sums of rounded logarithms cannot tell equal products from nearly equal ones, so
//! its `print`, the product modulo a prime of 61 bits, says which are equal. No float is used, so
//! every machine orders alike.

use gridweaver_model::Ppm;

const PRIME: u64 = (1 << 61) - 1;
const PRECISION: u32 = 48;
const MILLION: u64 = 1_000_000;
/// One over a million, modulo the prime.
const INVERSE: u64 = power(MILLION, PRIME - 2);

/// What loses nothing.
pub(super) const NOTHING: (u64, u64) = (0, 1);

const fn product(a: u64, b: u64) -> u64 {
    ((a as u128 * b as u128) % PRIME as u128) as u64
}

const fn power(base: u64, mut exponent: u64) -> u64 {
    let (mut result, mut square) = (1, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = product(result, square);
        }
        square = product(square, square);
        exponent >>= 1;
    }
    result
}

/// The weight and print of one loss, at most one half.
pub(super) fn of(loss: Ppm) -> (u64, u64) {
    let kept = MILLION - u64::from(loss.0).min(MILLION / 2);
    if kept * 2 == MILLION {
        return (1 << PRECISION, product(kept, INVERSE));
    }
    // The logarithm of a number in [1, 2), bit by bit: where its square is 2 or more, a bit is set.
    let mut number = (u128::from(MILLION) << 62) / u128::from(kept);
    let mut weight = 0;
    for _ in 0..PRECISION {
        number = (number * number) >> 62;
        weight <<= 1;
        if number >> 63 != 0 {
            weight |= 1;
            number >>= 1;
        }
    }
    (weight, product(kept, INVERSE))
}

/// Both, along a path.
pub(super) fn compounded(a: (u64, u64), b: (u64, u64)) -> (u64, u64) {
    (a.0.saturating_add(b.0), product(a.1, b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_products_of_other_losses_have_one_print() {
        let (tenth, fifth, both) = (of(Ppm(100_000)), of(Ppm(200_000)), of(Ppm(280_000)));
        assert_eq!(compounded(tenth, fifth).1, both.1, "0.9 × 0.8 = 0.72");
        assert!(compounded(tenth, fifth).0.abs_diff(both.0) <= 2);
        assert_ne!(compounded(tenth, tenth).1, both.1);
        assert!(tenth.0 < fifth.0 && fifth.0 < of(Ppm(200_001)).0);
        assert_eq!(of(Ppm(0)), NOTHING);
    }
}
