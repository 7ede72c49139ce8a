//! Decimal text to scaled integers and back, exactly.
//!
//! `8.1665` at three decimals is 8167 (half away from zero), which no `f64` can promise. Reading
//! takes any JSON number, exponents included, and never overflows: what is too large is told
//! apart from what is not a number. Writing gives the shortest text without an exponent.

use std::cmp::Ordering;

/// Reads a JSON number, scales it by `10^decimals` and rounds half away from zero. `limit` is the
/// greatest magnitude allowed, in whole units; the bound is tested on the exact decimal, before
/// rounding. `text` must already be a valid JSON number.
///
/// # Errors
/// [`OutOfRange`] where the magnitude exceeds `limit`.
pub fn scaled(text: &str, decimals: u32, limit: u64) -> Result<i64, OutOfRange> {
    let parts = Parts::of(text);
    if parts.exceeds(limit) {
        return Err(OutOfRange);
    }
    let magnitude = parts.rounded(decimals);
    Ok(if parts.negative { -magnitude } else { magnitude })
}

/// Whether a valid JSON number is below zero (and not minus zero).
#[must_use]
pub fn is_negative(text: &str) -> bool {
    let parts = Parts::of(text);
    parts.negative && parts.digits().any(|digit| digit != 0)
}

/// How two valid JSON numbers compare, exactly.
#[must_use]
pub fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (Parts::of(one), Parts::of(other));
    match (one.sign(), other.sign()) {
        (1, 1) => one.compare_magnitude(&other),
        (-1, -1) => other.compare_magnitude(&one),
        (one, other) => one.cmp(&other),
    }
}

/// A number whose magnitude is above what its unit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange;

/// A JSON number taken apart: `±0.d₁d₂d₃… × 10^point`, d₁ not zero unless the number is.
struct Parts<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    /// How many digits stand before the decimal point; far below 0 for tiny numbers.
    point: i64,
    /// Leading zero digits that `point` already leaves out.
    skip: usize,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, saturated(exponent)),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let (whole, fraction) = (whole.as_bytes(), fraction.as_bytes());
        let skip = whole.iter().chain(fraction).take_while(|digit| **digit == b'0').count();
        let point = i64::try_from(whole.len()).unwrap_or(i64::MAX) + exponent
            - i64::try_from(skip).unwrap_or(i64::MAX);
        Self { negative, whole, fraction, point, skip }
    }

    /// The significant digits, the first one not zero.
    fn digits(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.whole.iter().chain(self.fraction).skip(self.skip).map(|digit| digit - b'0')
    }

    /// -1, 0 or 1.
    fn sign(&self) -> i8 {
        match self.digits().next() {
            None => 0,
            Some(_) if self.negative => -1,
            Some(_) => 1,
        }
    }

    /// Compares magnitudes, neither of which is zero.
    fn compare_magnitude(&self, other: &Self) -> Ordering {
        let (mut ours, mut theirs) = (self.digits(), other.digits());
        let mut order = self.point.cmp(&other.point);
        while order == Ordering::Equal {
            order = match (ours.next(), theirs.next()) {
                (None, None) => break,
                (one, two) => one.unwrap_or(0).cmp(&two.unwrap_or(0)),
            };
        }
        order
    }

    fn exceeds(&self, limit: u64) -> bool {
        if self.digits().next().is_none() {
            return false;
        }
        let places = i64::from(limit.checked_ilog10().map_or(0, |log| log + 1));
        if self.point != places {
            return self.point > places;
        }
        let mut digits = self.digits();
        let mut head = 0u64;
        for _ in 0..places {
            head = head * 10 + u64::from(digits.next().unwrap_or(0));
        }
        head > limit || (head == limit && digits.any(|digit| digit != 0))
    }

    /// The magnitude times `10^decimals`, rounded half up (away from zero, as the sign is apart).
    fn rounded(&self, decimals: u32) -> i64 {
        let kept = self.point + i64::from(decimals);
        if kept < 0 || self.digits().next().is_none() {
            return 0;
        }
        let mut digits = self.digits();
        let mut value = 0i64;
        for _ in 0..kept {
            value = value * 10 + i64::from(digits.next().unwrap_or(0));
        }
        value + i64::from(digits.next().unwrap_or(0) >= 5)
    }
}

/// An exponent, held within what keeps sums of digits and exponents from overflowing.
fn saturated(exponent: &str) -> i64 {
    let (negative, digits) = match exponent.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let magnitude = digits
        .iter()
        .fold(0i64, |sum, digit| (sum * 10 + i64::from(digit - b'0')).min(1_000_000_000_000));
    if negative { -magnitude } else { magnitude }
}

/// Appends `value / 10^decimals` with as many decimals as it needs and no exponent.
pub fn write(out: &mut Vec<u8>, value: i128, decimals: u32) {
    if value < 0 {
        out.push(b'-');
    }
    let scale = 10u128.pow(decimals);
    let magnitude = value.unsigned_abs();
    write_digits(out, magnitude / scale, 1);
    let mut rest = magnitude % scale;
    if rest == 0 {
        return;
    }
    let mut width = decimals as usize;
    while rest.is_multiple_of(10) {
        rest /= 10;
        width -= 1;
    }
    out.push(b'.');
    write_digits(out, rest, width);
}

fn write_digits(out: &mut Vec<u8>, value: u128, width: usize) {
    let mut buffer = [b'0'; 40];
    let mut at = buffer.len();
    // Nearly every figure fits 64 bits, whose division is many times faster.
    let mut rest = value;
    while rest > u128::from(u64::MAX) {
        at -= 1;
        buffer[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    let mut rest = u64::try_from(rest).unwrap_or(0);
    while rest > 0 {
        at -= 1;
        buffer[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    at = at.min(buffer.len() - width);
    out.extend_from_slice(&buffer[at..]);
}

/// [`write()`] as text.
#[must_use]
pub fn text(value: i128, decimals: u32) -> String {
    let mut out = Vec::with_capacity(24);
    write(&mut out, value, decimals);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_the_decimal_text_not_the_nearest_float() {
        assert_eq!(scaled("8.1665", 3, 1_000_000), Ok(8167));
        assert_eq!(scaled("1.0000005", 6, 1_000_000), Ok(1_000_001));
        assert_eq!(scaled("-1.0000005", 6, 1_000_000), Ok(-1_000_001));
        assert_eq!(scaled("1.00000049999999999999999999", 6, 1_000_000), Ok(1_000_000));
        assert_eq!(scaled("0.0000005", 6, 1_000_000), Ok(1));
        assert_eq!(scaled("5e-7", 6, 1_000_000), Ok(1));
        assert_eq!(scaled("4e-8", 6, 1_000_000), Ok(0));
        assert_eq!(scaled("1E3", 6, 1_000_000), Ok(1_000_000_000));
        assert_eq!(scaled("0e999999999999999999999", 6, 1_000_000), Ok(0));
        assert_eq!(scaled("0.00001e5", 3, 1_000_000), Ok(1_000));
    }

    #[test]
    fn tests_the_range_before_rounding() {
        assert_eq!(scaled("1000000", 6, 1_000_000), Ok(1_000_000_000_000));
        assert_eq!(scaled("1000000.0000001", 6, 1_000_000), Err(OutOfRange));
        assert_eq!(scaled("1e400", 6, 1_000_000), Err(OutOfRange));
        assert_eq!(scaled("1e99999999999999999999999", 6, 1_000_000), Err(OutOfRange));
        assert_eq!(scaled("1.0000000000000000000000001", 6, 1), Err(OutOfRange));
        assert_eq!(scaled("0.9999999", 6, 1), Ok(1_000_000));
    }

    #[test]
    fn compares_without_rounding() {
        let rising = ["-1e30", "-2", "-1.0000001", "-1", "0", "1e-400", "0.5", "0.50000001", "5"];
        for (at, one) in rising.iter().enumerate() {
            for (to, other) in rising.iter().enumerate() {
                assert_eq!(compare(one, other), at.cmp(&to), "{one} {other}");
            }
        }
        assert_eq!(compare("-0.0", "0e7"), Ordering::Equal);
        assert_eq!(compare("0.05e1", "0.500"), Ordering::Equal);
        assert_eq!(compare("-100", "-1E+2"), Ordering::Equal);
    }

    #[test]
    fn writes_no_more_decimals_than_needed() {
        assert_eq!(text(1_500_000, 6), "1.5");
        assert_eq!(text(-1, 6), "-0.000001");
        assert_eq!(text(0, 6), "0");
        assert_eq!(text(99_999_000_000, 6), "99999");
        assert_eq!(text(i128::MAX, 0), i128::MAX.to_string());
    }
}
