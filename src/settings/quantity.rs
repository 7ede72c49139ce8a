//! Values of a configuration: durations and sizes with units, exact decimals, variables.

use gridweaver_model::{Millis, decimal};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, de};
use std::fmt;
use std::str::FromStr;

/// A duration, such as `"4s"`, `"10m"`, `"250ms"`, `"24h"`, `"30d"`.
#[derive(Clone, Copy, Debug)]
pub struct Duration(pub Millis);

/// A duration, or `"off"`.
#[derive(Clone, Copy, Debug)]
pub struct OrOff(pub Option<Millis>);

/// A size, such as `"128MiB"` or a number of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

/// A number scaled by `10^D`, exact as written.
#[derive(Clone, Copy, Debug)]
pub struct Decimal<const D: u32>(pub i64);

/// Text, a number or a boolean, as text: what a client library takes.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Written")]
pub struct Scalar(pub String);

#[derive(Deserialize)]
#[serde(untagged, expecting = "text, a number or true or false")]
enum Written {
    Text(String),
    Number(i64),
    Boolean(bool),
}

impl From<Written> for Scalar {
    fn from(written: Written) -> Self {
        Self(match written {
            Written::Text(text) => text,
            Written::Number(number) => number.to_string(),
            Written::Boolean(boolean) => boolean.to_string(),
        })
    }
}

const DURATION_UNITS: [(&str, i64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZE_UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// A number and its unit.
fn measured(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    Some((text[..end].parse().ok()?, text[end..].trim()))
}

fn duration(text: &str) -> Result<Millis, String> {
    let found = measured(text).and_then(|(number, unit)| {
        let (_, scale) = DURATION_UNITS.iter().find(|(name, _)| *name == unit)?;
        Some(Millis(i64::from(number) * scale))
    });
    found.ok_or_else(|| {
        format!(
            "`{text}` is no duration: a whole number and a unit (ms, s, m, h, d), such as \"4s\""
        )
    })
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        duration(text).map(Self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        duration(&text).map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for OrOff {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "off" {
            return Ok(Self(None));
        }
        duration(&text).map(|span| Self(Some(span))).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sizes;
        impl Visitor<'_> for Sizes {
            type Value = Size;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a size such as \"128MiB\"")
            }
            fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Size, E> {
                u64::try_from(bytes).map(Size).map_err(|_| E::custom("a size is not below 0"))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                let found = measured(text).and_then(|(number, unit)| {
                    let (_, scale) = SIZE_UNITS.iter().find(|(name, _)| *name == unit)?;
                    Some(Size(u64::from(number) * scale))
                });
                found.ok_or_else(|| {
                    E::custom(format!("`{text}` is no size: a whole number and a unit (B, KiB, MiB, GiB, kB, MB, GB)"))
                })
            }
        }
        deserializer.deserialize_any(Sizes)
    }
}

impl<'de, const D: u32> Deserialize<'de> for Decimal<D> {
    fn deserialize<S: Deserializer<'de>>(deserializer: S) -> Result<Self, S::Error> {
        struct Decimals<const D: u32>;
        impl<const D: u32> Visitor<'_> for Decimals<D> {
            type Value = Decimal<D>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a number")
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Decimal<D>, E> {
                scaled(&number.to_string())
            }
            // The shortest text that reads back as this number is what was written, up to 15 digits.
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Decimal<D>, E> {
                if number.is_finite() {
                    scaled(&format!("{number}"))
                } else {
                    Err(E::custom("a number that is not finite"))
                }
            }
        }
        fn scaled<const D: u32, E: de::Error>(text: &str) -> Result<Decimal<D>, E> {
            let value = decimal::scaled(text, D, 1_000_000);
            value.map(Decimal).map_err(|_| E::custom(format!("{text} is out of range (±1000000)")))
        }
        deserializer.deserialize_any(Decimals::<D>)
    }
}

/// The text with `${VARIABLE}` replaced from the environment.
pub(super) fn expanded(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        if line.trim_start().starts_with('#') {
            out.push_str(line);
            continue;
        }
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, behind)) = after.split_once('}') else { break };
            let value = std::env::var(name).map_err(|_| {
                format!(
                    "line {number}: `${{{name}}}`: the environment has no such variable; set it"
                )
            })?;
            out.push_str(before);
            out.push_str(&value);
            rest = behind;
        }
        out.push_str(rest);
    }
    Ok(out)
}

/// Applies `a.b=c` to a table. The value is TOML, or text where it is not.
pub(super) fn set(table: &mut toml::Table, setting: &str) -> Result<(), String> {
    let (key, value) = setting
        .split_once('=')
        .ok_or_else(|| "write key=value, such as engine.tick=1s".to_owned())?;
    let parsed = format!("value = {value}").parse::<toml::Table>().ok();
    let value = parsed
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let mut path: Vec<&str> = key.split('.').collect();
    let last = path.pop().filter(|last| !last.is_empty());
    let last = last.ok_or_else(|| "the key is empty: write key=value".to_owned())?;
    let mut inner = table;
    for part in path {
        let entry = inner.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        inner =
            entry.as_table_mut().ok_or_else(|| format!("`{part}` is no table: override a key"))?;
    }
    inner.insert(last.to_owned(), value);
    Ok(())
}
