//! The fast way in: one pass over a line, taking only what is surely valid.
//!
//! [`scan`] promises that what it takes is what the judge makes of the same line; where it cannot
//! promise that, it takes nothing and the judge decides. It takes the attributes and fields in
//! any order, compact or spaced, any UTF-8 text without escapes, numbers of up to 18 digits
//! without an exponent, and skips attributes and fields that the contract does not name as long as
//! they are plain. It never refuses: it has no reason to give.
//!
//! It borrows from the line until the record is built by the rules that the judge uses, those of
//! `contract`; only the reading of JSON is its own.

mod clock;
mod cursor;

use crate::judge::contract::{self, Fault, Fields, Kind, Unit};
use crate::judge::name::{NAMES, Name};
use crate::{Data, Record, Time};
use cursor::{Cursor, Shape, Value};
use std::borrow::Cow;
use std::cmp::Ordering;

/// Reads a record that is surely valid; `None` says nothing about the line.
#[must_use]
pub fn scan(line: &str) -> Option<Record> {
    let mut cursor = Cursor::new(line.as_bytes());
    let mut attributes = Members::of(line);
    let mut fields = Members::of(line);
    let mut payload = Payload::Missing;
    cursor.skip_space();
    cursor.object(Name::Specversion, |cursor, name| match name {
        Some(Name::Data) if payload == Payload::Missing => {
            payload = read_payload(cursor, &mut fields)?;
            Some(())
        }
        Some(Name::Data) => None,
        name => attributes.take(name, cursor),
    })?;
    cursor.skip_space();
    if !cursor.is_at_end() {
        return None;
    }
    let (envelope, type_name) = contract::envelope(&attributes).ok()?;
    let kind = Kind::of(&type_name)?;
    let data = match payload {
        Payload::Object => contract::data(kind, &fields).ok()?,
        _ if kind == Kind::Watermark => Data::Watermark,
        _ => return None,
    };
    Some(Record { envelope, data })
}

/// What stands under `data`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Payload {
    Missing,
    Null,
    Object,
}

#[inline(always)]
fn read_payload(cursor: &mut Cursor<'_>, fields: &mut Members<'_>) -> Option<Payload> {
    if cursor.peek() != b'{' {
        return (cursor.value()?.shape == Shape::Null).then_some(Payload::Null);
    }
    cursor.object(Name::Node, |cursor, name| fields.take(name, cursor))?;
    Some(Payload::Object)
}

/// The most members of one object that the contract names, and one: a bid has 12.
const SLOTS: usize = 16;

/// The members of one object that have a name of the contract, each at most once.
struct Members<'a> {
    line: &'a str,
    /// How many slots are filled; the first stands for what is absent.
    filled: u8,
    slots: [u8; NAMES],
    values: [Value; SLOTS],
}

impl<'a> Members<'a> {
    #[inline(always)]
    fn of(line: &'a str) -> Self {
        Self { line, filled: 1, slots: [0; NAMES], values: [Value::NULL; SLOTS] }
    }

    /// Reads a member's value and keeps it where its name is one of the contract's.
    #[inline(always)]
    fn take(&mut self, name: Option<Name>, cursor: &mut Cursor<'_>) -> Option<()> {
        let Some(name) = name else {
            return cursor.value().map(|_| ());
        };
        let value = match name {
            Name::Time | Name::Start | Name::End => cursor.instant()?,
            _ => cursor.value()?,
        };
        let slot = &mut self.slots[name as usize];
        if *slot != 0 {
            return None;
        }
        *slot = self.filled;
        *self.values.get_mut(usize::from(self.filled))? = value;
        self.filled += 1;
        Some(())
    }

    #[inline(always)]
    fn value(&self, name: Name) -> Value {
        self.values[usize::from(self.slots[name as usize]) % SLOTS]
    }
}

/// The judge will look, and find the words.
fn doubt(name: Name) -> Fault {
    Fault::new(name, "is not plain")
}

impl Fields for Members<'_> {
    #[inline(always)]
    fn text(&self, name: Name) -> Result<Option<Cow<'_, str>>, Fault> {
        let value = self.value(name);
        match value.shape {
            Shape::Null => Ok(None),
            Shape::Text => {
                value.text(self.line).map(|text| Some(Cow::Borrowed(text))).ok_or(doubt(name))
            }
            _ => Err(doubt(name)),
        }
    }

    #[inline(always)]
    fn instant(&self, name: Name) -> Result<Option<Time>, Fault> {
        let value = self.value(name);
        let time = match value.shape {
            Shape::Null => return Ok(None),
            Shape::Instant => i64::try_from(value.digits).ok().map(Time),
            Shape::Text => value.text(self.line).and_then(Time::parse),
            _ => None,
        };
        time.map(Some).ok_or(doubt(name))
    }

    #[inline(always)]
    fn number(&self, name: Name, unit: &Unit) -> Result<Option<i64>, Fault> {
        let value = self.value(name);
        match value.shape {
            Shape::Null => Ok(None),
            _ => scaled(value, unit).map(Some).ok_or(doubt(name)),
        }
    }

    #[inline(always)]
    fn boolean(&self, name: Name) -> Result<Option<bool>, Fault> {
        match self.value(name).shape {
            Shape::Null => Ok(None),
            Shape::True => Ok(Some(true)),
            Shape::False => Ok(Some(false)),
            _ => Err(doubt(name)),
        }
    }

    #[inline(always)]
    fn digits(&self, name: Name) -> Result<Option<u64>, Fault> {
        let value = self.value(name);
        match (value.shape, value.decimals) {
            (Shape::Null, _) => Ok(None),
            (Shape::Number, 0) => Ok(Some(value.digits)),
            (Shape::Text, _) => {
                let text = value.text(self.line).unwrap_or_default();
                let plain = text.bytes().all(|byte| byte.is_ascii_digit());
                text.parse().ok().filter(|_| plain).map(Some).ok_or(doubt(name))
            }
            _ => Err(doubt(name)),
        }
    }

    /// Of numbers that are not below 0, which is all that the contract compares.
    #[inline(always)]
    fn compare(&self, one: Name, other: Name) -> Ordering {
        let (one, other) = (self.value(one), self.value(other));
        let scaled = |value: Value, by: u8| u128::from(value.digits) * 10u128.pow(by.into());
        let most = one.decimals.max(other.decimals);
        scaled(one, most - one.decimals).cmp(&scaled(other, most - other.decimals))
    }
}

const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut at = 1;
    while at < 20 {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// A number in its unit, rounded half away from zero; `None` where it may be out of range or is no
/// number.
#[inline(always)]
fn scaled(number: Value, unit: &Unit) -> Option<i64> {
    let negative = match number.shape {
        Shape::Number => false,
        Shape::Negative => true,
        _ => return None,
    };
    let (given, kept) = (usize::from(number.decimals), unit.decimals as usize);
    let greatest = u64::try_from(unit.greatest).ok()?;
    let magnitude = if given <= kept {
        number.digits.checked_mul(POWERS[kept - given])?
    } else {
        let divisor = POWERS[given - kept];
        let rounded = (number.digits + divisor / 2) / divisor;
        // At the bound itself only the exact decimal says on which side it is.
        if rounded == greatest {
            return None;
        }
        rounded
    };
    if magnitude > greatest || (negative && !unit.signed && number.digits != 0) {
        return None;
    }
    let magnitude = i64::try_from(magnitude).ok()?;
    Some(if negative { -magnitude } else { magnitude })
}
