//! Event time: milliseconds since the Unix epoch, UTC, and its RFC 3339 text.
//!
//! Reading is strict: a `T` or `t` between date and time, seconds 00 to 59 (no leap second), `Z`,
//! `z` or an offset; any number of decimals, truncated to milliseconds. Years 1970 to 2199, after
//! the offset is applied. Dates follow the proleptic Gregorian calendar.

use crate::units::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Sub};

/// An instant, in milliseconds since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Time(pub i64);

impl Add<Millis> for Time {
    type Output = Self;
    fn add(self, span: Millis) -> Self {
        Self(self.0 + span.0)
    }
}

impl Sub for Time {
    type Output = Millis;
    fn sub(self, earlier: Self) -> Millis {
        Millis(self.0 - earlier.0)
    }
}

const DAY_MS: i64 = 86_400_000;

impl Time {
    /// The first instant of the year 2200: no record is that late.
    pub const END: Self = Self(7_258_118_400_000);

    /// Reads RFC 3339 text.
    ///
    /// `None` where it is not of that form or outside the years 1970 to 2199.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (stamp, rest) = bytes.split_at_checked(19)?;
        let number = |range: std::ops::Range<usize>| digits(&stamp[range]);
        let punctuated = stamp[4] == b'-'
            && stamp[7] == b'-'
            && matches!(stamp[10], b'T' | b't')
            && stamp[13] == b':'
            && stamp[16] == b':';
        if !punctuated {
            return None;
        }
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
        let sound = (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        if !sound {
            return None;
        }
        let (milli, zone) = fraction(rest)?;
        let offset_min = offset(zone)?;
        let local = days_from_civil(year, month, day) * DAY_MS
            + hour * 3_600_000
            + minute * 60_000
            + second * 1000
            + milli;
        let time = Self(local - offset_min * 60_000);
        (Self(0)..Self::END).contains(&time).then_some(time)
    }

    /// Appends RFC 3339 text in UTC with three decimals, 24 bytes.
    pub fn write(self, out: &mut Vec<u8>) {
        let (days, rest) = (self.0.div_euclid(DAY_MS), self.0.rem_euclid(DAY_MS));
        let (year, month, day) = civil_from_days(days);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        put(&mut text[0..4], year);
        put(&mut text[5..7], month);
        put(&mut text[8..10], day);
        put(&mut text[11..13], rest / 3_600_000);
        put(&mut text[14..16], rest / 60_000 % 60);
        put(&mut text[17..19], rest / 1000 % 60);
        put(&mut text[20..23], rest % 1000);
        out.extend_from_slice(&text);
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(24);
        self.write(&mut out);
        formatter.write_str(&String::from_utf8_lossy(&out))
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0i64, |sum, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
    })
}

/// The milliseconds of an optional fraction, and what stands behind it.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(decimals) = rest.strip_prefix(b".") else { return Some((0, rest)) };
    let count = decimals.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let (decimals, zone) = decimals.split_at(count);
    let digit = |at: usize| decimals.get(at).map_or(0, |byte| i64::from(byte - b'0'));
    Some((digit(0) * 100 + digit(1) * 10 + digit(2), zone))
}

/// The minutes that an offset is ahead of UTC.
fn offset(zone: &[u8]) -> Option<i64> {
    match zone {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), hours @ .., b':', _, _] if hours.len() == 2 => {
            let (hours, minutes) = (digits(hours)?, digits(&zone[4..6])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours * 60 + minutes;
            Some(if *sign == b'-' { -offset } else { offset })
        }
        _ => None,
    }
}

fn put(field: &mut [u8], mut value: i64) {
    for byte in field.iter_mut().rev() {
        *byte = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since the epoch of a civil date, counting years from March so that a leap day is the
/// last day of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_every_form_that_rfc_3339_allows() {
        let noon = Time::parse("2026-03-01T12:00:00Z");
        assert!(noon.is_some());
        assert_eq!(Time::parse("2026-03-01t12:00:00z"), noon);
        assert_eq!(Time::parse("2026-03-01T13:30:00.000999999+01:30"), noon);
        assert_eq!(Time::parse("2026-03-01T07:00:00-05:00"), noon);
        assert_eq!(Time::parse("1970-01-01T00:00:00Z"), Some(Time(0)));
        assert_eq!(Time::parse("2199-12-31T23:59:59.999Z"), Some(Time(Time::END.0 - 1)));
    }

    #[test]
    fn refuses_what_is_not_an_instant() {
        for text in [
            "",
            "2026-03-01",
            "2026-03-01 12:00:00Z",
            "2026-03-01T12:00:00",
            "2026-03-01T12:00:60Z",
            "2026-03-01T24:00:00Z",
            "2026-02-29T12:00:00Z",
            "2026-13-01T12:00:00Z",
            "2026-03-01T12:00:00.Z",
            "2026-03-01T12:00:00+1:00",
            "2026-03-01T12:00:00+24:00",
            "2026-03-01T12:00:00+0100",
            "2026-03-01T12:00:00ZZ",
            "2200-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "２026-03-01T12:00:00Z",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_calendar_library(ms in 0..Time::END.0) {
            let time = Time(ms);
            let twin = jiff::Timestamp::from_millisecond(ms).unwrap();
            prop_assert_eq!(time.to_string(), format!("{twin:.3}"));
            prop_assert_eq!(Time::parse(&time.to_string()), Some(time));
        }
    }
}
