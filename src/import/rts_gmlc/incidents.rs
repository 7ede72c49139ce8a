//! A script of outages and other incidents, laid over the recorded time.
//!
//! A TOML file with any number of these tables; times are RFC 3339 with an offset, `until` may be
//! missing where something lasts to the end:
//!
//! ```toml
//! [[line]]            # a breaker opens, and closes again
//! line = "AB1"
//! from = 2020-07-26T14:00:00Z
//! until = 2020-07-26T15:00:00Z
//! [[generator]]       # a generator trips, and may run again
//! generator = "121_NUCLEAR_1"
//! from = 2020-07-26T14:00:00Z
//! [[silence]]         # the meter of a bus is not heard
//! bus = "101"
//! [[shortfall]]       # an operator declares a shortfall, and clears it
//! region = "1"
//! mw = 50
//! [[interface_limit]] # an operator limits the exchange, and lifts the limit
//! from_region = "1"
//! to_region = "2"
//! mw = 100
//! [[performance]]     # what a customer delivered when last called upon
//! participant = "Abel"
//! instructed_mw = 5
//! delivered_mw = 4.5
//! at = 2020-07-26T00:00:00Z
//! [[withdrawal]]      # a bid is taken back
//! bid = "Abel/economic/2020-07-26T12"
//! at = 2020-07-26T15:00:00Z
//! ```
//!
//! Names that the system does not know are errors. A generator's outage shows in the telemetry,
//! at the next 5 minutes; all else is a record of its own time.

use super::system::System;
use crate::import::{ImportError, Place, text};
use gridweaver_model::record::{BidWithdrawn, InterfaceLimit, LineStatus, Performance, Shortfall};
use gridweaver_model::{Data, Text, Time, Watts, decimal};
use serde::Deserialize;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::value::Datetime;

/// What happens beyond what the data say.
#[derive(Default)]
pub(super) struct Incidents {
    /// Generators that are out, by id.
    outages: Vec<(Text, Span)>,
    /// Buses whose meters are silent, by id.
    silences: Vec<(Text, Span)>,
    /// Records, by time.
    pub(super) records: Vec<(Time, Text, Data)>,
}

/// From when to when; the end is no longer in it.
#[derive(Clone, Copy)]
struct Span {
    from: Time,
    until: Option<Time>,
}

impl Span {
    fn holds(&self, time: Time) -> bool {
        self.from <= time && self.until.is_none_or(|until| time < until)
    }
}

impl Incidents {
    pub(super) fn read(path: &Path, system: &System) -> Result<Self, ImportError> {
        let text = text::read(path)?;
        let script: Script = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(0, |span| line_of(&text, &span));
            Place::new(path, line).malformed(error.message().trim())
        })?;
        let reading = Reading { path, text: &text, system };
        let mut incidents = Self::default();
        script.outages(&reading, &mut incidents)?;
        script.declarations(&reading, &mut incidents)?;
        script.customers(&reading, &mut incidents)?;
        incidents.records.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        Ok(incidents)
    }

    /// Whether a generator is out.
    pub(super) fn is_out(&self, generator: &Text, time: Time) -> bool {
        self.outages.iter().any(|(id, span)| id == generator && span.holds(time))
    }

    /// Whether a bus's meter is not heard.
    pub(super) fn is_silent(&self, bus: &Text, time: Time) -> bool {
        self.silences.iter().any(|(id, span)| id == bus && span.holds(time))
    }

    /// Adds the record that begins something, and the one that ends it.
    fn add_span(&mut self, key: &str, span: Span, begin: Data, end: Data) {
        self.records.push((span.from, Text::from(format!("{key}/begin")), begin));
        if let Some(until) = span.until {
            self.records.push((until, Text::from(format!("{key}/end")), end));
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    #[serde(default)]
    line: Vec<LineOutage>,
    #[serde(default)]
    generator: Vec<GeneratorOutage>,
    #[serde(default)]
    silence: Vec<Silence>,
    #[serde(default)]
    shortfall: Vec<Declared>,
    #[serde(default)]
    interface_limit: Vec<Limited>,
    #[serde(default)]
    performance: Vec<Performed>,
    #[serde(default)]
    withdrawal: Vec<Withdrawal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineOutage {
    line: Spanned<String>,
    from: Spanned<Datetime>,
    until: Option<Spanned<Datetime>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GeneratorOutage {
    generator: Spanned<String>,
    from: Spanned<Datetime>,
    until: Option<Spanned<Datetime>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Silence {
    bus: Spanned<String>,
    from: Spanned<Datetime>,
    until: Option<Spanned<Datetime>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    region: Spanned<String>,
    mw: Spanned<f64>,
    from: Spanned<Datetime>,
    until: Option<Spanned<Datetime>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limited {
    from_region: Spanned<String>,
    to_region: Spanned<String>,
    mw: Spanned<f64>,
    from: Spanned<Datetime>,
    until: Option<Spanned<Datetime>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Performed {
    participant: Spanned<String>,
    instructed_mw: Spanned<f64>,
    delivered_mw: Spanned<f64>,
    at: Spanned<Datetime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Withdrawal {
    bid: String,
    at: Spanned<Datetime>,
}

impl Script {
    fn outages(&self, reading: &Reading<'_>, into: &mut Incidents) -> Result<(), ImportError> {
        let system = reading.system;
        for outage in &self.line {
            let lines = system.branches.iter().map(|branch| &branch.id);
            let line = reading.known(&outage.line, lines)?;
            let span = reading.span(&outage.from, outage.until.as_ref())?;
            let status =
                |in_service| Data::LineStatus(LineStatus { line: line.clone(), in_service });
            let key = format!("line_status/{line}/{}", span.from);
            into.add_span(&key, span, status(false), status(true));
        }
        for outage in &self.generator {
            let units = system.units.iter().map(|unit| &unit.id);
            let all = units.chain(system.plants.iter().map(|plant| &plant.id));
            let generator = reading.known(&outage.generator, all)?;
            let span = reading.span(&outage.from, outage.until.as_ref())?;
            into.outages.push((generator, span));
        }
        for silence in &self.silence {
            let bus = reading.known(&silence.bus, system.buses.iter().map(|bus| &bus.id))?;
            let span = reading.span(&silence.from, silence.until.as_ref())?;
            into.silences.push((bus, span));
        }
        Ok(())
    }

    fn declarations(&self, reading: &Reading<'_>, into: &mut Incidents) -> Result<(), ImportError> {
        let regions = &reading.system.regions;
        for declared in &self.shortfall {
            let region = reading.known(&declared.region, regions.iter())?;
            let span = reading.span(&declared.from, declared.until.as_ref())?;
            let shortfall =
                |shortfall| Data::Shortfall(Shortfall { region: region.clone(), shortfall });
            let key = format!("shortfall/{region}/{}", span.from);
            let power = reading.power(&declared.mw)?;
            into.add_span(&key, span, shortfall(power), shortfall(Watts::ZERO));
        }
        for limited in &self.interface_limit {
            let from_region = reading.known(&limited.from_region, regions.iter())?;
            let to_region = reading.known(&limited.to_region, regions.iter())?;
            let span = reading.span(&limited.from, limited.until.as_ref())?;
            let key = format!("interface_limit/{from_region}/{to_region}/{}", span.from);
            let limit = |limit: Option<Watts>| {
                Data::InterfaceLimit(Box::new(InterfaceLimit {
                    from_region: from_region.clone(),
                    to_region: to_region.clone(),
                    limit,
                    removed: limit.is_none().then_some(true),
                }))
            };
            let power = reading.power(&limited.mw)?;
            into.add_span(&key, span, limit(Some(power)), limit(None));
        }
        Ok(())
    }

    fn customers(&self, reading: &Reading<'_>, into: &mut Incidents) -> Result<(), ImportError> {
        for (number, performed) in self.performance.iter().enumerate() {
            let names = reading.system.buses.iter().map(|bus| &bus.name);
            let participant = reading.known(&performed.participant, names)?;
            let at = reading.time(&performed.at)?;
            let key = format!("performance/{participant}/{at}/{number}");
            let performance = Performance {
                participant,
                instructed: reading.power(&performed.instructed_mw)?,
                delivered: reading.power(&performed.delivered_mw)?,
            };
            into.records.push((at, key.into(), Data::Performance(Box::new(performance))));
        }
        for withdrawal in &self.withdrawal {
            let bid = Text::from(withdrawal.bid.as_str());
            let key = format!("bid_withdrawn/{bid}");
            let data = Data::BidWithdrawn(BidWithdrawn { bid });
            into.records.push((reading.time(&withdrawal.at)?, key.into(), data));
        }
        Ok(())
    }
}

/// The script with what its errors and checks need.
struct Reading<'a> {
    path: &'a Path,
    text: &'a str,
    system: &'a System,
}

impl Reading<'_> {
    fn malformed(&self, span: &Range<usize>, problem: String) -> ImportError {
        Place::new(self.path, line_of(self.text, span)).malformed(problem)
    }

    fn known<'a>(
        &self,
        name: &Spanned<String>,
        mut known: impl Iterator<Item = &'a Text>,
    ) -> Result<Text, ImportError> {
        let text = name.get_ref();
        let found = known.find(|known| *known == text.as_str());
        found
            .cloned()
            .ok_or_else(|| self.malformed(&name.span(), format!("the system knows no `{text}`")))
    }

    fn time(&self, time: &Spanned<Datetime>) -> Result<Time, ImportError> {
        let text = time.get_ref().to_string();
        Time::parse(&text).ok_or_else(|| {
            let problem = format!("`{text}` is no instant: write it as `2020-07-26T14:00:00Z`");
            self.malformed(&time.span(), problem)
        })
    }

    fn span(
        &self,
        from: &Spanned<Datetime>,
        until: Option<&Spanned<Datetime>>,
    ) -> Result<Span, ImportError> {
        let span = Span {
            from: self.time(from)?,
            until: until.map(|until| self.time(until)).transpose()?,
        };
        if span.until.is_some_and(|until| until <= span.from) {
            return Err(self.malformed(&from.span(), "it ends before it begins".to_owned()));
        }
        Ok(span)
    }

    fn power(&self, mw: &Spanned<f64>) -> Result<Watts, ImportError> {
        // The shortest text of a float is the decimal number that was written.
        let text = mw.get_ref().to_string();
        let is_power = mw.get_ref().is_finite() && *mw.get_ref() >= 0.0;
        match decimal::scaled(if is_power { &text } else { "-1" }, 6, 1_000_000) {
            Ok(watts) if watts >= 0 => Ok(Watts(watts)),
            _ => Err(self.malformed(&mw.span(), format!("`{text}` is not from 0 to 1 000 000 MW"))),
        }
    }
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = text.as_bytes().get(..span.start).unwrap_or_default();
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}
