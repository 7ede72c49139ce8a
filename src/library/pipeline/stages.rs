//! The stages of a pipeline as plain functions over events, and what each remembers in a pipeline.
//!
//! A function starts with an empty memory; a pipeline keeps its stages' memories from one drain to
//! the next. Both ask the same `keeps`, event by event.

use super::{Event, Happening};
use gridweaver_dataflows::dedup::identity;
use gridweaver_dataflows::structures::remembered::Remembered;
use gridweaver_model::{Data, Lookup, Millis, Text, Time};
use std::collections::BTreeMap;

/// Events of one stretch of event time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first instant; a multiple of its size.
    pub start: Time,
    /// The first instant after it.
    pub end: Time,
    /// What happened in it.
    pub events: Vec<Event>,
}

/// The events of one type; a trailing `*` stands for any ending.
///
/// ```
/// # use gridweaver::pipeline::filter_by_type;
/// # use gridweaver::pipeline::Event;
/// # let price = |second: u32, region: &str| -> Event { format!(r#"{{"specversion":"1.0",
/// #     "id":"{second}","source":"market","type":"grid.energy_price","sequence":{second},
/// #     "time":"1970-01-01T00:00:{second:02}Z","data":{{"region":"{region}","price":60}}}}"#)
/// #     .parse().unwrap() };
/// let events = [price(1, "west"), price(2, "east")];
/// assert_eq!(filter_by_type(&events, "grid.*").len(), 2);
/// assert_eq!(filter_by_type(&events, "grid.energy_price").len(), 2);
/// assert!(filter_by_type(&events, "dispatch.*").is_empty());
/// ```
#[must_use]
pub fn filter_by_type(events: &[Event], type_name: &str) -> Vec<Event> {
    kept(events, Stage::of_type(type_name))
}

/// The events of one region: those that name it, and those whose node, line or program lies there
/// by the `grid.node`, `grid.line` and `dr.program` records before them. A line lies in the regions
/// of both its ends. Withdrawals, performance, answers and watermarks lie nowhere.
///
/// ```
/// # use gridweaver::pipeline::filter_by_region;
/// # use gridweaver::pipeline::Event;
/// # let price = |second: u32, region: &str| -> Event { format!(r#"{{"specversion":"1.0",
/// #     "id":"{second}","source":"market","type":"grid.energy_price","sequence":{second},
/// #     "time":"1970-01-01T00:00:{second:02}Z","data":{{"region":"{region}","price":60}}}}"#)
/// #     .parse().unwrap() };
/// let events = [price(1, "west"), price(2, "east")];
/// assert_eq!(filter_by_region(&events, "west"), events[..1]);
/// ```
#[must_use]
pub fn filter_by_region(events: &[Event], region: &str) -> Vec<Event> {
    kept(events, Stage::of_region(region))
}

/// The events without copies: one is dropped where its (`source`, `id`) passed with the same or a
/// higher sequence, at a time no more than `window` before the latest time seen.
///
/// ```
/// # use gridweaver::pipeline::deduplicate_events;
/// # use gridweaver::model::Millis;
/// # use gridweaver::pipeline::Event;
/// # let price = |second: u32, region: &str| -> Event { format!(r#"{{"specversion":"1.0",
/// #     "id":"{second}","source":"market","type":"grid.energy_price","sequence":{second},
/// #     "time":"1970-01-01T00:00:{second:02}Z","data":{{"region":"{region}","price":60}}}}"#)
/// #     .parse().unwrap() };
/// let events = [price(1, "west"), price(1, "west"), price(20, "west"), price(1, "west")];
/// assert_eq!(deduplicate_events(&events, Millis(60_000)).len(), 2);
/// // Ten seconds later the first is forgotten.
/// assert_eq!(deduplicate_events(&events, Millis(10_000)).len(), 3);
/// ```
#[must_use]
pub fn deduplicate_events(events: &[Event], window: Millis) -> Vec<Event> {
    kept(events, Stage::deduplicating(window))
}

/// The events in tumbling windows of `size` (1 ms at least), aligned to the epoch: by start, empty
/// ones left out, the events of each in the order given.
///
/// ```
/// # use gridweaver::pipeline::{Window, window_events};
/// # use gridweaver::model::{Millis, Time};
/// # use gridweaver::pipeline::Event;
/// # let price = |second: u32, region: &str| -> Event { format!(r#"{{"specversion":"1.0",
/// #     "id":"{second}","source":"market","type":"grid.energy_price","sequence":{second},
/// #     "time":"1970-01-01T00:00:{second:02}Z","data":{{"region":"{region}","price":60}}}}"#)
/// #     .parse().unwrap() };
/// let events = [price(25, "west"), price(3, "west"), price(9, "west")];
/// let windows: Vec<Window> = window_events(&events, Millis(10_000));
/// assert_eq!((windows[0].start, windows[0].events.len()), (Time(0), 2));
/// assert_eq!((windows[1].start, windows[1].end), (Time(20_000), Time(30_000)));
/// ```
#[must_use]
pub fn window_events(events: &[Event], size: Millis) -> Vec<Window> {
    let size = size.0.max(1);
    let mut windows: BTreeMap<i64, Vec<Event>> = BTreeMap::new();
    for event in events {
        let start = event.time().0.div_euclid(size).saturating_mul(size);
        windows.entry(start).or_default().push(event.clone());
    }
    windows
        .into_iter()
        .map(|(start, events)| Window {
            start: Time(start),
            end: Time(start.saturating_add(size)),
            events,
        })
        .collect()
}

/// The events by sequence; ties by time, source, id and type, so that the order does not depend on
/// who submitted first.
///
/// ```
/// # use gridweaver::pipeline::sort_by_sequence;
/// # use gridweaver::pipeline::Event;
/// # let price = |second: u32, region: &str| -> Event { format!(r#"{{"specversion":"1.0",
/// #     "id":"{second}","source":"market","type":"grid.energy_price","sequence":{second},
/// #     "time":"1970-01-01T00:00:{second:02}Z","data":{{"region":"{region}","price":60}}}}"#)
/// #     .parse().unwrap() };
/// let sorted = sort_by_sequence(&[price(2, "west"), price(1, "west")]);
/// assert_eq!(sorted, [price(1, "west"), price(2, "west")]);
/// ```
#[must_use]
pub fn sort_by_sequence(events: &[Event]) -> Vec<Event> {
    let mut events = events.to_vec();
    events.sort_by(|a, b| {
        let key = |event: &Event| (event.sequence(), event.time());
        key(a)
            .cmp(&key(b))
            .then_with(|| a.source().cmp(b.source()))
            .then_with(|| a.id().cmp(&b.id()))
            .then_with(|| a.type_name().cmp(b.type_name()))
    });
    events
}

fn kept(events: &[Event], mut stage: Stage) -> Vec<Event> {
    events.iter().filter(|event| stage.keeps(event)).cloned().collect()
}

/// One stage and its memory.
pub(super) enum Stage {
    Type(Text),
    Region(Regions),
    Deduplication(Deduplication),
}

impl Stage {
    pub(super) fn of_type(type_name: &str) -> Self {
        Self::Type(type_name.into())
    }

    pub(super) fn of_region(region: &str) -> Self {
        Self::Region(Regions { region: region.into(), ..Regions::default() })
    }

    pub(super) fn deduplicating(window: Millis) -> Self {
        Self::Deduplication(Deduplication { window, now: 0, remembered: Remembered::new() })
    }

    pub(super) fn keeps(&mut self, event: &Event) -> bool {
        match self {
            Self::Type(wanted) => match wanted.strip_suffix('*') {
                Some(prefix) => event.type_name().starts_with(prefix),
                None => event.type_name() == wanted.as_str(),
            },
            Self::Region(regions) => regions.keeps(event),
            Self::Deduplication(copies) => copies.keeps(event),
        }
    }

    /// What happens to an event that it does not keep.
    pub(super) fn drops_as(&self) -> Happening {
        match self {
            Self::Type(_) | Self::Region(_) => Happening::Filtered,
            Self::Deduplication(_) => Happening::Deduplicated,
        }
    }
}

/// The region wanted, and what lies where.
#[derive(Default)]
pub(super) struct Regions {
    region: Text,
    nodes: Lookup<Text, Text>,
    programs: Lookup<Text, Text>,
    lines: Lookup<Text, [Text; 2]>,
}

impl Regions {
    fn keeps(&mut self, event: &Event) -> bool {
        let record = match event {
            Event::Decision(decided) => {
                return decided.decision.region.as_ref() == Some(&self.region);
            }
            Event::Record(record) => record,
        };
        match &record.data {
            Data::Node(node) => {
                let before = self.node_is_here(&node.node);
                set(&mut self.nodes, &node.node, node.live_region().cloned());
                before || self.node_is_here(&node.node)
            }
            Data::Line(line) => {
                let before = self.line_is_here(&line.line);
                let ends = line.from.clone().zip(line.to.clone()).map(<[Text; 2]>::from);
                set(&mut self.lines, &line.line, ends.filter(|_| !line.is_removed()));
                before || self.line_is_here(&line.line)
            }
            Data::Program(program) => {
                let before = self.program_is_here(&program.program);
                let region = program.region.clone().filter(|_| !program.is_removed());
                set(&mut self.programs, &program.program, region);
                before || self.program_is_here(&program.program)
            }
            Data::LineStatus(status) => self.line_is_here(&status.line),
            Data::Telemetry(telemetry) => self.node_is_here(&telemetry.node),
            Data::Bid(bid) => match &bid.node {
                Some(node) => self.node_is_here(node),
                None => self.program_is_here(&bid.program),
            },
            Data::EnergyPrice(price) => price.region == self.region,
            Data::Reserve(reserve) => reserve.region == self.region,
            Data::Shortfall(shortfall) => shortfall.region == self.region,
            Data::InterfaceLimit(limit) => {
                limit.from_region == self.region || limit.to_region == self.region
            }
            Data::BidWithdrawn(_) | Data::Performance(_) | Data::Response(_) | Data::Watermark => {
                false
            }
        }
    }

    fn node_is_here(&self, node: &Text) -> bool {
        self.nodes.get(node) == Some(&self.region)
    }

    fn line_is_here(&self, line: &Text) -> bool {
        self.lines.get(line).is_some_and(|ends| ends.iter().any(|end| self.node_is_here(end)))
    }

    fn program_is_here(&self, program: &Text) -> bool {
        self.programs.get(program) == Some(&self.region)
    }
}

fn set<V>(map: &mut Lookup<Text, V>, key: &Text, value: Option<V>) {
    match value {
        Some(value) => map.insert(key.clone(), value),
        None => map.remove(key),
    };
}

/// The engine's memory of identities, with a tick of one millisecond.
pub(super) struct Deduplication {
    window: Millis,
    /// The latest event time seen: what is remembered is measured from there.
    now: u64,
    remembered: Remembered,
}

impl Deduplication {
    fn keeps(&mut self, event: &Event) -> bool {
        let instant = |ms: i64| u64::try_from(ms).unwrap_or(0);
        let time = event.time().0;
        self.now = self.now.max(instant(time));
        let identity = identity(event.source(), &event.id());
        let seen = self.remembered.seen(identity, self.now);
        if seen.is_some_and(|sequence| sequence >= event.sequence()) {
            return false;
        }
        let until = instant(time.saturating_add(self.window.0)).max(self.now);
        self.remembered.insert(identity, event.sequence(), until);
        true
    }
}
