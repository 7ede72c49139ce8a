//! The commonest forms of an instant, read in one go: UTC with `T` and `Z`, whole seconds or any
//! decimals.
//!
//! Other forms of RFC 3339 are left to [`Time::parse`], which this agrees with on all that it
//! reads.

use crate::Time;

/// Days of a common year before each month.
const DAYS_BEFORE: [i64; 13] = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const DAYS_IN: [i64; 13] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Reads an instant that a quote ends; also what stands behind that quote.
#[inline(always)]
pub(super) fn instant(text: &[u8]) -> Option<(Time, &[u8])> {
    let (stamp, rest) = text.split_first_chunk::<19>()?;
    let date = pairs(stamp.first_chunk()?, b"0000-00-")?;
    let middle = pairs(stamp[8..].first_chunk()?, b"00T00:00")?;
    let clock = pairs(stamp.last_chunk()?, b"00:00:00")?;
    let (milli, rest) = match rest {
        [b'Z', b'"', rest @ ..] => (0, rest),
        [b'.', rest @ ..] => decimals(rest)?,
        _ => return None,
    };
    let (year, month, day) = (pair(date, 0) * 100 + pair(date, 2), pair(date, 5), pair(middle, 0));
    let (hour, minute, second) = (pair(clock, 0), pair(clock, 3), pair(clock, 6));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_at = usize::try_from(month).ok().filter(|month| (1..=12).contains(month))?;
    let sound = (1970..2200).contains(&year)
        && day >= 1
        && day <= DAYS_IN[month_at] + i64::from(leap && month == 2)
        && hour < 24
        && minute < 60
        && second < 60;
    if !sound {
        return None;
    }
    // Leap days from 1970 up to the year before: 1972 has the first, 2100 has none.
    let leap_days = (year - 1969) / 4 - (year - 1901) / 100 + (year - 1601) / 400;
    let days = (year - 1970) * 365
        + leap_days
        + DAYS_BEFORE[month_at]
        + i64::from(leap && month > 2)
        + day
        - 1;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some((Time(seconds * 1000 + milli), rest))
}

/// Every two digits that stand side by side as one number, in the lane of the first, where `text`
/// has a digit wherever the form has a `0` and else the form's own character.
#[inline(always)]
fn pairs(text: &[u8; 8], form: &[u8; 8]) -> Option<u64> {
    let mut signs = [0; 8];
    for (sign, byte) in signs.iter_mut().zip(form) {
        *sign = if *byte == b'0' { 0 } else { 0xff };
    }
    // A digit leaves 0 to 9, the form's own character 0, all else more in some bit below.
    let lanes = u64::from_le_bytes(*text) ^ u64::from_le_bytes(*form);
    let above_nine = (lanes | lanes.wrapping_add(0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080;
    if above_nine | (lanes & u64::from_le_bytes(signs)) != 0 {
        return None;
    }
    Some(lanes * 10 + (lanes >> 8))
}

#[inline(always)]
fn pair(pairs: u64, lane: u32) -> i64 {
    i64::from(pairs.to_le_bytes()[lane as usize])
}

/// The milliseconds of the decimals behind a point, and what stands behind the closing quote.
#[inline(always)]
fn decimals(text: &[u8]) -> Option<(i64, &[u8])> {
    let digit = |byte: u8| i64::from(byte - b'0');
    if let [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b'Z', b'"', rest @ ..] = text {
        return Some((digit(*a) * 100 + digit(*b) * 10 + digit(*c), rest));
    }
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(count);
    let rest = rest.strip_prefix(b"Z\"").filter(|_| count > 0)?;
    let at = |place: usize| digits.get(place).map_or(0, |byte| digit(*byte));
    Some((at(0) * 100 + at(1) * 10 + at(2), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<Time> {
        let quoted = format!("{text}\",");
        let (time, rest) = instant(quoted.as_bytes())?;
        assert_eq!(rest, b",");
        Some(time)
    }

    #[test]
    fn reads_every_day_as_the_strict_reader_does() {
        for year in 1969..=2200 {
            for month in 0..=13 {
                for day in 0..=32 {
                    let text = format!("{year}-{month:02}-{day:02}T23:59:59.987Z");
                    assert_eq!(read(&text), Time::parse(&text), "{text}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn what_it_reads_the_strict_reader_reads_equal(
            date in "20[0-9]{2}-[01][0-9]-[0-3][0-9][Tt ]",
            clock in "[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,10})?[Zz]?",
            at in 0usize..30,
            byte in 0u8..128,
        ) {
            let text = date + &clock;
            prop_assert!(read(&text).is_none_or(|time| Time::parse(&text) == Some(time)));
            let mut bytes = text.into_bytes();
            if let Some(old) = bytes.get_mut(at) {
                *old = byte;
            }
            let text = String::from_utf8(bytes).unwrap();
            if !text.contains('"') {
                prop_assert!(read(&text).is_none_or(|time| Time::parse(&text) == Some(time)));
            }
        }
    }
}
