//! Recorded history on the command line: files, and what a broker holds up to now.
//!
//! `kafka://host:port/topic` is all partitions of a topic, `nats://host:port/stream` a stream; behind
//! a `?` may stand `from=` and `until=`: the position of the first record, and that behind the last
//! one; `from=` may also be the time at which the first one was taken in. How to be let in (TLS,
//! credentials) is taken from the configuration's `[[source]]` with the same address.

use super::super::play::inputs;
use super::{Failure, usage};
use anyhow::anyhow;
use gridweaver::connectors::Source;
use gridweaver::model::Time;
use gridweaver::settings::Settings;
use std::path::Path;

/// A place in a broker.
pub(super) struct Address<'a> {
    /// `kafka` or `nats`.
    pub(super) scheme: &'a str,
    /// `host:port`, or several with commas.
    pub(super) servers: Vec<&'a str>,
    /// The topic or stream.
    pub(super) name: &'a str,
    pub(super) from: From,
    pub(super) until: Option<u64>,
}

/// Where to begin.
#[derive(Clone, Copy)]
pub(super) enum From {
    Beginning,
    Position(u64),
    Time(Time),
}

/// Whether an input is a place in a broker.
pub(in crate::commands) fn is_address(input: &str) -> bool {
    input.starts_with("kafka://") || input.starts_with("nats://")
}

/// Opens recorded history.
pub(in crate::commands) fn histories(
    wanted: &[String],
    settings: &Settings,
) -> Result<Vec<Box<dyn Source>>, Failure> {
    let (addresses, files): (Vec<String>, Vec<String>) =
        wanted.iter().cloned().partition(|input| is_address(input));
    let mut sources = if files.is_empty() {
        Vec::new()
    } else {
        inputs(&files, Path::new(""), false, settings, |_| 0)?
    };
    for address in &addresses {
        sources.extend(opened(&Address::parse(address)?, settings)?);
    }
    Ok(sources)
}

fn opened(address: &Address<'_>, settings: &Settings) -> Result<Vec<Box<dyn Source>>, Failure> {
    match address.scheme {
        #[cfg(feature = "kafka")]
        "kafka" => super::kafka::history(address, settings),
        #[cfg(feature = "nats")]
        "nats" => Ok(vec![super::nats::history(address, settings)?]),
        other => Err(super::not_built_in(other)),
    }
}

impl<'a> Address<'a> {
    fn parse(text: &'a str) -> Result<Self, Failure> {
        let wrong = |what: &str| {
            usage(anyhow!(
                "`{text}`: {what}; write it as kafka://host:port/topic or nats://host:port/stream, with ?from=POSITION&until=POSITION where only a part is wanted"
            ))
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("no address"))?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (servers, name) = place.split_once('/').unwrap_or((place, ""));
        if servers.is_empty() || name.is_empty() {
            return Err(wrong("the server or what to read is missing"));
        }
        let servers = servers.split(',').collect();
        let mut address = Self { scheme, servers, name, from: From::Beginning, until: None };
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("from", value)) => {
                    let position = value.parse().ok().map(From::Position);
                    let from = position.or_else(|| Time::parse(value).map(From::Time));
                    address.from = from.ok_or_else(|| wrong("from= is no position and no time"))?;
                }
                Some(("until", value)) => {
                    let until = value.parse().map_err(|_| wrong("until= is no position"))?;
                    address.until = Some(until);
                }
                _ => return Err(wrong(&format!("`{part}` says nothing here"))),
            }
        }
        Ok(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_name_a_part() {
        let address = Address::parse("kafka://a:1,b:2/grid?from=7&until=9").ok().unwrap();
        assert_eq!((address.servers, address.name), (vec!["a:1", "b:2"], "grid"));
        assert!(matches!(address.from, From::Position(7)) && address.until == Some(9));
        let address = Address::parse("nats://h:1/GRID?from=2026-03-01T00:00:00Z").ok().unwrap();
        assert!(matches!(address.from, From::Time(Time(1_772_323_200_000))));
        for wrong in ["kafka://a:1", "kafka:///t", "nats://h/S?from=x", "nats://h/S?to=1"] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }
}
