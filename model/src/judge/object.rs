//! One JSON object, read strictly.
//!
//! The grammar is serde_json's; what that leaves open inside values which nobody asks for is
//! closed here: no lone surrogates, and no nesting deeper than the contract allows. Members are
//! borrowed from the line as raw text, so that numbers are judged by their decimal digits.
//! Nothing here knows what a record is.

use super::contract::{Fault, Fields, Unit};
use super::name::Name;
use crate::{Time, decimal};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

/// The members of an object in their order, names unescaped.
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A string that is borrowed where it has no escapes.
#[derive(Deserialize)]
struct Unescaped<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Object<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = vec![];
        while let Some(Unescaped(name)) = map.next_key()? {
            members.push((name, map.next_value()?));
        }
        Ok(Object(members))
    }
}

impl<'a> Object<'a> {
    /// Reads a whole text as one object.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub(super) fn parse(text: &'a str, deepest: usize) -> Result<Self, String> {
        let object = serde_json::from_str(text).map_err(|error| error.to_string())?;
        sound(text.as_bytes(), deepest)?;
        Ok(object)
    }

    /// The object that a member is; `None` where it is absent or null.
    pub(super) fn object(&self, name: Name) -> Result<Option<Object<'a>>, Fault> {
        self.read(name, "is not an object")
    }

    /// Refuses a member that is given twice.
    pub(super) fn once(&self, name: Name) -> Result<(), Fault> {
        self.member(name).map(|_| ())
    }

    /// The value of a member, raw; `None` where it is absent or null.
    fn member(&self, name: Name) -> Result<Option<&'a str>, Fault> {
        let mut found = self.0.iter().filter(|(given, _)| given == name.text());
        let first = found.next();
        if found.next().is_some() {
            return Err(Fault::new(name, "is given twice"));
        }
        Ok(first.map(|(_, value)| value.get()).filter(|value| *value != "null"))
    }

    fn read<T: Deserialize<'a>>(&self, name: Name, what: &'static str) -> Result<Option<T>, Fault> {
        let Some(value) = self.member(name)? else {
            return Ok(None);
        };
        serde_json::from_str(value).map(Some).map_err(|_| Fault::new(name, what))
    }

    /// The decimal text of a number.
    fn decimal(&self, name: Name) -> Result<Option<&'a str>, Fault> {
        let value = self.member(name)?;
        if value.is_some_and(|value| !value.starts_with(|first| matches!(first, '-' | '0'..='9'))) {
            return Err(Fault::new(name, "is not a number"));
        }
        Ok(value)
    }
}

impl Fields for Object<'_> {
    fn text(&self, name: Name) -> Result<Option<Cow<'_, str>>, Fault> {
        Ok(self.read(name, "is not text")?.map(|Unescaped(text)| text))
    }

    fn instant(&self, name: Name) -> Result<Option<Time>, Fault> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        match Time::parse(&text) {
            Some(time) => Ok(Some(time)),
            None => Err(Fault::new(name, "is not RFC 3339 of the years 1970 to 2199")),
        }
    }

    fn number(&self, name: Name, unit: &Unit) -> Result<Option<i64>, Fault> {
        let Some(text) = self.decimal(name)? else {
            return Ok(None);
        };
        if !unit.signed && decimal::is_negative(text) {
            return Err(Fault::new(name, "is below 0"));
        }
        let scale = 10i64.pow(unit.decimals);
        // In whole units first: that keeps the scaled value from overflowing.
        let limit = u64::try_from(unit.greatest / scale).unwrap_or(0) + 1;
        let value = decimal::scaled(text, unit.decimals, limit)
            .map_err(|_| Fault::new(name, "is out of range"))?;
        // At the bound itself only the exact decimal says on which side it is.
        let is_above = match value.abs().cmp(&unit.greatest) {
            Ordering::Less => false,
            Ordering::Equal => {
                let greatest = decimal::text(unit.greatest.into(), unit.decimals);
                decimal::compare(text.trim_start_matches('-'), &greatest) == Ordering::Greater
            }
            Ordering::Greater => true,
        };
        if is_above {
            return Err(Fault::new(name, "is out of range"));
        }
        Ok(Some(value))
    }

    fn boolean(&self, name: Name) -> Result<Option<bool>, Fault> {
        self.read(name, "is not true or false")
    }

    fn digits(&self, name: Name) -> Result<Option<u64>, Fault> {
        let Some(value) = self.member(name)? else {
            return Ok(None);
        };
        let text = match value.as_bytes()[0] {
            b'"' => self.text(name)?.unwrap_or_default(),
            _ => Cow::Borrowed(value),
        };
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Fault::new(name, "is not a number of digits only"));
        }
        text.parse().map(Some).map_err(|_| Fault::new(name, "is out of range"))
    }

    fn compare(&self, one: Name, other: Name) -> Ordering {
        let text = |name| self.decimal(name).ok().flatten().unwrap_or("0");
        decimal::compare(text(one), text(other))
    }
}

/// Checks of a text that is valid JSON otherwise: how deep it nests, and that every escaped
/// surrogate is one of a pair.
fn sound(text: &[u8], deepest: usize) -> Result<(), String> {
    let (mut depth, mut at) = (0usize, 0);
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > deepest {
                    return Err(format!("nested deeper than {deepest} at byte {at}"));
                }
            }
            b'}' | b']' => depth -= 1,
            b'"' => at = string_end(text, at)?,
            _ => {}
        }
    }
    Ok(())
}

/// Where the string that begins at `at` has ended, its closing quote included.
fn string_end(text: &[u8], mut at: usize) -> Result<usize, String> {
    while let Some(skip) = memchr::memchr2(b'"', b'\\', &text[at..]) {
        at += skip + 1;
        if text[at - 1] == b'"' {
            break;
        }
        match unit_of_escape(&text[at..]) {
            None => at += 1,
            Some(0xd800..=0xdbff) => {
                let low = text[at + 5..].strip_prefix(b"\\").and_then(unit_of_escape);
                if !matches!(low, Some(0xdc00..=0xdfff)) {
                    return Err(format!("lone surrogate at byte {at}"));
                }
                at += 11;
            }
            Some(0xdc00..=0xdfff) => return Err(format!("lone surrogate at byte {at}")),
            Some(_) => at += 5,
        }
    }
    Ok(at)
}

/// The UTF-16 unit of an escape, which begins behind its backslash; `None` where it is no `\u`.
fn unit_of_escape(escape: &[u8]) -> Option<u32> {
    let digits = escape.strip_prefix(b"u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
}
