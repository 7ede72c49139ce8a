//! The rules of the contract, told once for both readers of a record.
//!
//! [`Fields`] is one JSON object as the scanner or the judge has read it; the functions here ask
//! it for what the contract names, and test every bound: missing, empty, too long, of the wrong
//! type, out of range, contradictory. Ranges are tested on the decimal text, and what must be
//! above 0 must also round above 0. The envelope is [`envelope`]'s, every payload [`data`]'s.
//!
//! A [`Fault`] names the first rule that was broken. From the judge it is final; from the scanner
//! it only means that the judge must look.

use super::name::Name;
use crate::record::{
    Answer, Bid, BidWithdrawn, EnergyPrice, InterfaceLimit, Line, LineStatus, Node, Performance,
    Program, Quality, Reserve, Response, Shortfall, Telemetry,
};
use crate::{Data, Envelope, Metres, Microdegrees, Millis, Ppm, Price, Text, Time, Version, Watts};
use std::borrow::Cow;
use std::cmp::Ordering;

/// The most bytes of an id, a source, a type, a key or a name.
const LONGEST_TEXT: usize = 128;

/// A rule that was broken, and by which attribute or field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) name: Name,
    pub(crate) what: &'static str,
}

impl Fault {
    pub(crate) fn new(name: Name, what: &'static str) -> Self {
        Self { name, what }
    }
}

/// How a number is kept and what it may be.
pub(crate) struct Unit {
    /// Kept in units of `10^-decimals` of the wire's.
    pub(crate) decimals: u32,
    /// Whether it may be below 0.
    pub(crate) signed: bool,
    /// The greatest magnitude, in the units that it is kept in.
    pub(crate) greatest: i64,
}

const POWER: Unit = Unit { decimals: 6, signed: false, greatest: 1_000_000_000_000 };
const PRICE: Unit = Unit { decimals: 3, signed: true, greatest: 1_000_000_000 };
const CHARGE: Unit = Unit { decimals: 3, signed: false, greatest: 1_000_000_000 };
const LENGTH: Unit = Unit { decimals: 3, signed: false, greatest: 100_000_000 };
const LOSS: Unit = Unit { decimals: 6, signed: false, greatest: 500_000 };
const SHARE: Unit = Unit { decimals: 6, signed: false, greatest: 1_000_000 };
const SPAN: Unit = Unit { decimals: 3, signed: false, greatest: 1_000_000_000_000 };
const LATITUDE: Unit = Unit { decimals: 6, signed: true, greatest: 90_000_000 };
const LONGITUDE: Unit = Unit { decimals: 6, signed: true, greatest: 180_000_000 };

/// One JSON object. What is absent or null is `None`; what is given twice or of another type than
/// asked is a [`Fault`].
pub(crate) trait Fields {
    /// A string, unescaped.
    fn text(&self, name: Name) -> Result<Option<Cow<'_, str>>, Fault>;
    /// An RFC 3339 text.
    fn instant(&self, name: Name) -> Result<Option<Time>, Fault>;
    /// A number within its unit's bounds, rounded half away from zero.
    fn number(&self, name: Name, unit: &Unit) -> Result<Option<i64>, Fault>;
    /// `true` or `false`.
    fn boolean(&self, name: Name) -> Result<Option<bool>, Fault>;
    /// A u64: a number of digits only, or a string of them.
    fn digits(&self, name: Name) -> Result<Option<u64>, Fault>;
    /// How the exact decimals of two fields compare that [`Fields::number`] has already read.
    fn compare(&self, one: Name, other: Name) -> Ordering;
}

/// The envelope and the `type`, which may still be one that is not known.
#[inline]
pub(crate) fn envelope<F: Fields>(from: &F) -> Result<(Envelope, Cow<'_, str>), Fault> {
    let specversion = from.text(Name::Specversion)?;
    if must(specversion, Name::Specversion)? != "1.0" {
        return Err(Fault::new(Name::Specversion, "is not \"1.0\""));
    }
    let id = need(from, Name::Id, key)?;
    let source = need(from, Name::Source, key)?;
    let type_name = must(short(from, Name::Type)?, Name::Type)?;
    let time = need(from, Name::Time, F::instant)?;
    let sequence = from.digits(Name::Sequence)?.unwrap_or(0);
    let correlation = from.text(Name::Correlationid)?;
    if correlation.as_deref() == Some("") {
        return Err(Fault::new(Name::Correlationid, "is empty"));
    }
    let correlation_id = correlation.map(|text| Box::from(&*text));
    Ok((Envelope { version: Version { time, sequence, source, id }, correlation_id }, type_name))
}

/// The record types that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Response,
    Bid,
    BidWithdrawn,
    Performance,
    Program,
    EnergyPrice,
    InterfaceLimit,
    Line,
    LineStatus,
    Node,
    Reserve,
    Shortfall,
    Telemetry,
    Watermark,
}

impl Kind {
    /// The type of that name; `None` where it is not one that is read.
    pub(crate) fn of(type_name: &str) -> Option<Self> {
        Some(match type_name {
            "grid.telemetry" => Self::Telemetry,
            "dr.bid" => Self::Bid,
            "dispatch.response" => Self::Response,
            "dr.bid_withdrawn" => Self::BidWithdrawn,
            "dr.performance" => Self::Performance,
            "dr.program" => Self::Program,
            "grid.energy_price" => Self::EnergyPrice,
            "grid.interface_limit" => Self::InterfaceLimit,
            "grid.line" => Self::Line,
            "grid.line_status" => Self::LineStatus,
            "grid.node" => Self::Node,
            "grid.reserve" => Self::Reserve,
            "grid.shortfall" => Self::Shortfall,
            "source.watermark" => Self::Watermark,
            _ => return None,
        })
    }
}

/// The payload of a record of that type.
#[inline]
pub(crate) fn data<F: Fields>(kind: Kind, from: &F) -> Result<Data, Fault> {
    Ok(match kind {
        Kind::Response => Data::Response(Box::new(response(from)?)),
        Kind::Bid => Data::Bid(Box::new(bid(from)?)),
        Kind::BidWithdrawn => Data::BidWithdrawn(BidWithdrawn { bid: need(from, Name::Bid, key)? }),
        Kind::Performance => Data::Performance(Box::new(performance(from)?)),
        Kind::Program => Data::Program(Box::new(program(from)?)),
        Kind::EnergyPrice => Data::EnergyPrice(EnergyPrice {
            region: need(from, Name::Region, region)?,
            price: need(from, Name::Price, price)?,
        }),
        Kind::InterfaceLimit => Data::InterfaceLimit(Box::new(interface_limit(from)?)),
        Kind::Line => Data::Line(Box::new(line(from)?)),
        Kind::LineStatus => Data::LineStatus(LineStatus {
            line: need(from, Name::Line, key)?,
            in_service: must(from.boolean(Name::InService)?, Name::InService)?,
        }),
        Kind::Node => Data::Node(Box::new(node(from)?)),
        Kind::Reserve => Data::Reserve(Reserve {
            region: need(from, Name::Region, region)?,
            reserve: need(from, Name::ReserveMw, power)?,
        }),
        Kind::Shortfall => Data::Shortfall(Shortfall {
            region: need(from, Name::Region, region)?,
            shortfall: need(from, Name::ShortfallMw, power)?,
        }),
        Kind::Telemetry => Data::Telemetry(telemetry(from)?),
        Kind::Watermark => Data::Watermark,
    })
}

fn node<F: Fields>(from: &F) -> Result<Node, Fault> {
    let node = Node {
        node: need(from, Name::Node, key)?,
        region: region(from, Name::Region)?,
        name: key(from, Name::Label)?,
        latitude: from.number(Name::Latitude, &LATITUDE)?.map(Microdegrees),
        longitude: from.number(Name::Longitude, &LONGITUDE)?.map(Microdegrees),
        removed: from.boolean(Name::Removed)?,
    };
    unless_removed(node.removed, &node.region, Name::Region)?;
    Ok(node)
}

fn line<F: Fields>(from: &F) -> Result<Line, Fault> {
    let line = Line {
        line: need(from, Name::Line, key)?,
        from: key(from, Name::From)?,
        to: key(from, Name::To)?,
        capacity: power(from, Name::CapacityMw)?,
        length: from.number(Name::LengthKm, &LENGTH)?.map(Metres),
        loss: parts(from, Name::Loss, &LOSS)?,
        wheeling_price: from.number(Name::WheelingPrice, &CHARGE)?.map(Price),
        in_service: from.boolean(Name::InService)?,
        removed: from.boolean(Name::Removed)?,
    };
    unless_removed(line.removed, &line.from, Name::From)?;
    unless_removed(line.removed, &line.to, Name::To)?;
    unless_removed(line.removed, &line.capacity, Name::CapacityMw)?;
    Ok(line)
}

fn telemetry<F: Fields>(from: &F) -> Result<Telemetry, Fault> {
    Ok(Telemetry {
        node: need(from, Name::Node, key)?,
        generation: need(from, Name::GenerationMw, power)?,
        load: need(from, Name::LoadMw, power)?,
        available: power(from, Name::AvailableMw)?,
        quality: match from.text(Name::Quality)?.as_deref() {
            None => None,
            Some("good") => Some(Quality::Good),
            Some("suspect") => Some(Quality::Suspect),
            Some("bad") => Some(Quality::Bad),
            Some(_) => return Err(Fault::new(Name::Quality, "is not good, suspect or bad")),
        },
    })
}

fn interface_limit<F: Fields>(from: &F) -> Result<InterfaceLimit, Fault> {
    let limit = InterfaceLimit {
        from_region: need(from, Name::FromRegion, region)?,
        to_region: need(from, Name::ToRegion, region)?,
        limit: power(from, Name::LimitMw)?,
        removed: from.boolean(Name::Removed)?,
    };
    unless_removed(limit.removed, &limit.limit, Name::LimitMw)?;
    Ok(limit)
}

fn program<F: Fields>(from: &F) -> Result<Program, Fault> {
    let program = Program {
        program: need(from, Name::Program, key)?,
        region: region(from, Name::Region)?,
        capacity: power(from, Name::CapacityMw)?,
        max_price: price(from, Name::MaxPrice)?,
        removed: from.boolean(Name::Removed)?,
    };
    unless_removed(program.removed, &program.region, Name::Region)?;
    unless_removed(program.removed, &program.capacity, Name::CapacityMw)?;
    Ok(program)
}

fn bid<F: Fields>(from: &F) -> Result<Bid, Fault> {
    let bid = Bid {
        bid: need(from, Name::Bid, key)?,
        participant: need(from, Name::Participant, key)?,
        program: need(from, Name::Program, key)?,
        node: key(from, Name::Node)?,
        price: need(from, Name::Price, price)?,
        min: need(from, Name::MinMw, power)?,
        max: need(from, Name::MaxMw, power)?,
        start: need(from, Name::Start, F::instant)?,
        end: need(from, Name::End, F::instant)?,
        notice: from.number(Name::NoticeS, &SPAN)?.map(Millis),
        min_run: from.number(Name::MinRunS, &SPAN)?.map(Millis),
        reliability: parts(from, Name::Reliability, &SHARE)?,
    };
    above_zero(bid.max, Name::MaxMw)?;
    if from.compare(Name::MaxMw, Name::MinMw) == Ordering::Less {
        return Err(Fault::new(Name::MaxMw, "is below min_mw"));
    }
    if bid.end <= bid.start {
        return Err(Fault::new(Name::End, "is not after start"));
    }
    Ok(bid)
}

fn performance<F: Fields>(from: &F) -> Result<Performance, Fault> {
    let performance = Performance {
        participant: need(from, Name::Participant, key)?,
        instructed: need(from, Name::InstructedMw, power)?,
        delivered: need(from, Name::DeliveredMw, power)?,
    };
    above_zero(performance.instructed, Name::InstructedMw)?;
    Ok(performance)
}

fn response<F: Fields>(from: &F) -> Result<Response, Fault> {
    let order = need(from, Name::Order, key)?;
    let status = match &*must(from.text(Name::Status)?, Name::Status)? {
        "completed" => Answer::Completed,
        "failed" => Answer::Failed,
        "opted_out" => Answer::OptedOut,
        "received" => Answer::Received,
        "started" => Answer::Started,
        _ => {
            let what = "is not received, started, completed, failed or opted_out";
            return Err(Fault::new(Name::Status, what));
        }
    };
    Ok(Response { order, status, confirmed: power(from, Name::Mw)? })
}

/// A field that must be there, read by `read`.
#[inline]
fn need<F: Fields, T>(
    from: &F,
    name: Name,
    read: impl FnOnce(&F, Name) -> Result<Option<T>, Fault>,
) -> Result<T, Fault> {
    must(read(from, name)?, name)
}

#[inline]
fn must<T>(value: Option<T>, name: Name) -> Result<T, Fault> {
    value.ok_or(Fault::new(name, "is missing"))
}

#[inline]
fn unless_removed<T>(removed: Option<bool>, value: &Option<T>, name: Name) -> Result<(), Fault> {
    if value.is_none() && removed != Some(true) {
        return Err(Fault::new(name, "is missing"));
    }
    Ok(())
}

/// Text of 1 to 128 bytes.
#[inline]
fn short<F: Fields>(from: &F, name: Name) -> Result<Option<Cow<'_, str>>, Fault> {
    let text = from.text(name)?;
    match text.as_ref().map_or(1, |text| text.len()) {
        0 => Err(Fault::new(name, "is empty")),
        1..=LONGEST_TEXT => Ok(text),
        _ => Err(Fault::new(name, "is longer than 128 bytes")),
    }
}

#[inline]
fn key<F: Fields>(from: &F, name: Name) -> Result<Option<Text>, Fault> {
    Ok(short(from, name)?.map(|text| Text::new(&*text)))
}

/// A region: areas are named `region@node` and directions `from>to`, so it holds neither sign.
#[inline]
fn region<F: Fields>(from: &F, name: Name) -> Result<Option<Text>, Fault> {
    let text = short(from, name)?;
    if text.as_ref().is_some_and(|text| text.bytes().any(|byte| matches!(byte, b'@' | b'>'))) {
        return Err(Fault::new(name, "holds @ or >"));
    }
    Ok(text.map(|text| Text::new(&*text)))
}

#[inline]
fn power<F: Fields>(from: &F, name: Name) -> Result<Option<Watts>, Fault> {
    Ok(from.number(name, &POWER)?.map(Watts))
}

#[inline]
fn price<F: Fields>(from: &F, name: Name) -> Result<Option<Price>, Fault> {
    Ok(from.number(name, &PRICE)?.map(Price))
}

#[inline]
fn parts<F: Fields>(from: &F, name: Name, unit: &Unit) -> Result<Option<Ppm>, Fault> {
    let Some(value) = from.number(name, unit)? else {
        return Ok(None);
    };
    match u32::try_from(value) {
        Ok(parts) => Ok(Some(Ppm(parts))),
        Err(_) => Err(Fault::new(name, "is out of range")),
    }
}

#[inline]
fn above_zero(value: Watts, name: Name) -> Result<(), Fault> {
    if value == Watts::ZERO {
        return Err(Fault::new(name, "is not above 0, or rounds to 0 W"));
    }
    Ok(())
}
