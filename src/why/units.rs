//! Figures with their units: for people (`174.9 MW`) and for machines (`174.9`, the unit in the
//! field's name), from the same integers.

use gridweaver_model::units::divide_rounded;
use gridweaver_model::{Millis, Ppm, Price, Time, Watts, decimal};
use serde::{Serialize, Serializer};
use std::fmt;

/// Power: exactly, in MW.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mw(pub Watts);

/// A price or score, per MWh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerMwh(pub Price);

/// What something costs per hour, in thousandths × watts; shown to the hundredth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerHour(pub i128);

/// A share of a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share(pub Ppm);

/// An instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At(pub Time);

/// A duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lasting(pub Millis);

impl PerHour {
    /// What some power costs at a price.
    #[must_use]
    pub fn of(price: Price, power: Watts) -> Self {
        Self(i128::from(price.0) * i128::from(power.0))
    }
}

impl fmt::Display for Mw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} MW", decimal::text(self.0.0.into(), 6))
    }
}

impl fmt::Display for PerMwh {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} per MWh", decimal::text(self.0.0.into(), 3))
    }
}

impl fmt::Display for PerHour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} per h", decimal::text(divide_rounded(self.0, 10_000_000), 2))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} %", decimal::text(self.0.0.into(), 4))
    }
}

/// The day and the time of day, UTC: `2020-07-26 08:15:04`.
impl fmt::Display for At {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let whole = text.trim_end_matches('Z').trim_end_matches(".000").replace('T', " ");
        formatter.write_str(&whole)
    }
}

/// `90 s`, `15 min`, `6 h`: in the largest unit that it is a whole number of.
impl fmt::Display for Lasting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.0;
        match ms {
            0 => formatter.write_str("0 s"),
            _ if ms % 3_600_000 == 0 => write!(formatter, "{} h", ms / 3_600_000),
            _ if ms % 60_000 == 0 => write!(formatter, "{} min", ms / 60_000),
            _ => write!(formatter, "{} s", decimal::text(ms.into(), 3)),
        }
    }
}

/// Serialises an integer as the decimal number that it stands for.
fn number<S: Serializer>(value: i128, decimals: u32, serializer: S) -> Result<S::Ok, S::Error> {
    let text = decimal::text(value, decimals);
    match text.parse::<serde_json::Number>() {
        Ok(number) => number.serialize(serializer),
        Err(_) => serializer.serialize_str(&text),
    }
}

impl Serialize for Mw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(self.0.0.into(), 6, serializer)
    }
}

impl Serialize for PerMwh {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(self.0.0.into(), 3, serializer)
    }
}

impl Serialize for PerHour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(self.0, 9, serializer)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(self.0.0.into(), 6, serializer)
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for Lasting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(self.0.0.into(), 3, serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_the_unit_and_machines_the_number() {
        assert_eq!(Mw(Watts(174_900_000)).to_string(), "174.9 MW");
        assert_eq!(serde_json::to_string(&Mw(Watts(175_919_277))).unwrap(), "175.919277");
        assert_eq!(PerMwh(Price(-136_036)).to_string(), "-136.036 per MWh");
        let cost = PerHour::of(Price(136_036), Watts(11_640_000));
        assert_eq!(cost.to_string(), "1583.46 per h");
        assert_eq!(serde_json::to_string(&cost).unwrap(), "1583.45904");
        assert_eq!(Share(Ppm(903_455)).to_string(), "90.3455 %");
        assert_eq!(Lasting(Millis(90_000)).to_string(), "90 s");
        assert_eq!(Lasting(Millis(21_600_000)).to_string(), "6 h");
        let at = At(Time::parse("2020-07-26T08:15:04.000Z").unwrap());
        assert_eq!(at.to_string(), "2020-07-26 08:15:04");
        assert_eq!(serde_json::to_string(&at).unwrap(), "\"2020-07-26T08:15:04.000Z\"");
    }
}
