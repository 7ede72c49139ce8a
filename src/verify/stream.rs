//! The recorded output as a stream: lines to ticks.
//!
//! Checked here is all that needs no input: that every line is a record, numbered, in order, used
//! once, and that every tick is closed by a `dispatch.tick_closed` which counts and digests its
//! lines. What is out of order is told and still handed on, so that one fault does not hide others.

use super::breach::Breaches;
use gridweaver_model::decision::reading::{Body, Written, read};
use gridweaver_model::decision::{Decision, Event, TickClosed};
use gridweaver_model::{Rules, Text, Time};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::io::{self, BufRead};

/// The lines of a reader, without their newlines; blank ones are kept out.
pub fn lines(mut reader: impl BufRead) -> impl Iterator<Item = io::Result<Vec<u8>>> {
    std::iter::from_fn(move || {
        let mut line = vec![];
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => {
                if line.last() == Some(&b'\n') {
                    line.pop();
                }
                Some(Ok(line))
            }
            Err(error) => Some(Err(error)),
        }
    })
}

/// A decision and its line in the file, from 1.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) line: u64,
    pub(crate) decision: Decision,
}

/// The records of one tick.
#[derive(Debug, Default)]
pub(super) struct RecordedTick {
    pub(super) end: Time,
    pub(super) records: Vec<Recorded>,
    /// The line of its `tick_closed`.
    pub(super) closed: Option<u64>,
    /// Whether it was closed without waiting for somebody.
    pub(super) passed_over: bool,
}

/// A record read ahead.
struct Ahead {
    line: u64,
    text: Vec<u8>,
    written: Written,
}

/// Reads the records tick by tick.
pub(super) struct Stream<'a> {
    lines: Box<dyn Iterator<Item = io::Result<Vec<u8>>> + 'a>,
    rules: Rules,
    line: u64,
    sequence: u64,
    ids: BTreeSet<Text>,
    ahead: Option<Ahead>,
    ended: bool,
    last_end: Option<Time>,
}

impl<'a> Stream<'a> {
    pub(super) fn new(
        lines: impl Iterator<Item = io::Result<Vec<u8>>> + 'a,
        rules: &Rules,
    ) -> Self {
        Self {
            lines: Box::new(lines),
            rules: rules.clone(),
            line: 0,
            sequence: 0,
            ids: BTreeSet::new(),
            ahead: None,
            ended: false,
            last_end: None,
        }
    }

    /// The end of the next tick, without taking it.
    pub(super) fn next_end(&mut self, breaches: &mut Breaches) -> Option<Time> {
        if self.ahead.is_none() && !self.ended {
            self.ahead = self.read_record(breaches);
            self.ended = self.ahead.is_none();
        }
        self.ahead.as_ref().map(|ahead| ahead.written.time)
    }

    /// The next tick's records, up to its `tick_closed` or to where another tick begins.
    pub(super) fn next_tick(&mut self, breaches: &mut Breaches) -> Option<RecordedTick> {
        let end = self.next_end(breaches)?;
        let mut tick = RecordedTick { end, ..Default::default() };
        let (mut digest, mut count) = (Sha256::new(), 0);
        while self.next_end(breaches) == Some(end) && tick.closed.is_none() {
            let Some(Ahead { line, text, written }) = self.ahead.take() else {
                break;
            };
            self.check_envelope(&written, line, breaches);
            match written.body {
                Body::Decision(decision) => {
                    digest.update(&text);
                    digest.update(b"\n");
                    count += 1;
                    check_place(tick.records.last(), &decision, line, end, breaches);
                    tick.records.push(Recorded { line, decision });
                }
                Body::TickOpened(_) if tick.records.is_empty() => {}
                Body::TickOpened(_) => {
                    let detail = "records of the tick stand before it";
                    breaches.tell(end, line, "a tick_opened comes first in its tick", detail);
                }
                Body::TickClosed(closed) => {
                    tick.closed = Some(line);
                    tick.passed_over = !closed.passed_over.is_empty();
                    let digest = hex(&std::mem::take(&mut digest).finalize());
                    check_closed(&closed, count, &digest, line, breaches);
                }
            }
        }
        self.check_tick(&tick, breaches);
        self.last_end = Some(self.last_end.map_or(end, |last| last.max(end)));
        Some(tick)
    }

    fn read_record(&mut self, breaches: &mut Breaches) -> Option<Ahead> {
        loop {
            let text = match self.lines.next()? {
                Ok(text) => text,
                Err(error) => {
                    let after = format!("after line {}: {error}", self.line);
                    breaches.tell(None, None, "the orders cannot be read", after);
                    return None;
                }
            };
            self.line += 1;
            if text.is_empty() {
                continue;
            }
            match read(&text) {
                Ok(written) => {
                    return Some(Ahead { line: self.line, text, written });
                }
                Err(why) => {
                    // It was numbered all the same; its place among its tick's lines is lost.
                    self.sequence += 1;
                    let why = why.to_string();
                    breaches.tell(None, self.line, "not a record that gridweaver writes", why);
                }
            }
        }
    }

    fn check_envelope(&mut self, written: &Written, line: u64, breaches: &mut Breaches) {
        let end = written.time;
        if written.id.is_empty() || !self.ids.insert(written.id.clone()) {
            let detail = format!("id {} is empty or was used before", written.id);
            breaches.tell(end, line, "ids are unique", detail);
        }
        if written.subject.is_empty() {
            breaches.tell(end, line, "every record has a subject", "it is empty");
        }
        if end.0.rem_euclid(self.rules.tick.0) != 0 {
            breaches.tell(end, line, "a record's time is its tick's end", "no tick ends then");
        }
        // The records around a tick are not counted: their number is the last record's.
        let counted = matches!(written.body, Body::Decision(_));
        self.sequence += u64::from(counted);
        if written.sequence != self.sequence {
            let detail = format!("sequence {}, expected {}", written.sequence, self.sequence);
            breaches.tell(end, line, "records are numbered from 1 without a gap", detail);
            self.sequence = written.sequence;
        }
        if let Body::Decision(decision) = &written.body {
            check_plan_and_area(decision, written, line, breaches);
        }
    }

    fn check_tick(&self, tick: &RecordedTick, breaches: &mut Breaches) {
        let end = tick.end;
        let line = tick.records.first().map(|recorded| recorded.line).or(tick.closed);
        if self.last_end.is_some_and(|last| end < last) {
            breaches.tell(end, line, "ticks are in order", "time goes back");
        }
        if self.last_end == Some(end) {
            breaches.tell(end, line, "a tick is closed once", "records after its tick_closed");
        }
        if tick.closed.is_none() {
            let detail = "its records are not followed by a tick_closed";
            breaches.tell(end, line, "every tick is closed", detail);
        }
    }
}

fn check_plan_and_area(decision: &Decision, written: &Written, line: u64, breaches: &mut Breaches) {
    let event = &decision.event;
    let tied = event.plan().is_none_or(|plan| written.correlation_id.as_deref() == Some(plan));
    if !tied && !matches!(event, Event::AuditEntry(_)) {
        let detail = "correlationid is not its plan";
        breaches.tell(written.time, line, "a plan's records are tied by its id", detail);
    }
    let of_no_area = matches!(event, Event::IslandChanged(_) | Event::CascadeCleared(_));
    if of_no_area && (decision.area.is_some() || decision.region.is_some()) {
        let detail = "area and region are null for islands and cascades";
        breaches.tell(written.time, line, "a record names its region and area", detail);
    }
}

/// Within a tick records go by type, subject, plan and kind.
fn check_place(
    before: Option<&Recorded>,
    decision: &Decision,
    line: u64,
    end: Time,
    breaches: &mut Breaches,
) {
    let Some(before) = before else { return };
    if decision.place() < before.decision.place() {
        let (event, before) = (&decision.event, &before.decision.event);
        let detail = format!(
            "{} {} stands after {} {}",
            event.type_name(),
            event.subject(),
            before.type_name(),
            before.subject()
        );
        breaches.tell(end, line, "records of a tick go by type, subject, plan and kind", detail);
    }
}

fn check_closed(closed: &TickClosed, count: u64, digest: &str, line: u64, breaches: &mut Breaches) {
    if closed.records != count {
        let detail = format!("it says {}, there are {count}", closed.records);
        breaches.tell(closed.tick, line, "tick_closed counts its records", detail);
    }
    if closed.digest != digest {
        let detail = format!("it says {}, the lines give {digest}", closed.digest);
        breaches.tell(closed.tick, line, "tick_closed digests its records", detail);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
