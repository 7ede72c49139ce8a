//! The records around a tick: that which ends it is the sink's mark, the log of what the wall clock
//! chose, and a reader's proof that the tick is whole.

use super::{derived_id, open_envelope};
use crate::Time;
use crate::json::JsonWriter;
use serde::{Deserialize, Serialize};

/// A partition that was passed over while idle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// The partition.
    pub partition: String,
    /// The position of its next record.
    pub position: u64,
    /// The end of the last tick closed without it.
    pub tick: Time,
}

/// A range of records refused as `future`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The partition.
    pub partition: String,
    /// Position of the first.
    pub from: u64,
    /// Position of the last.
    pub to: u64,
}

/// `dispatch.tick_closed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickClosed {
    /// The sink whose stream it closes.
    pub sink: String,
    /// The tick's end.
    pub tick: Time,
    /// The leader's term; 0 without election.
    pub term: u64,
    /// The tick's records in this stream, this one not counted.
    pub records: u64,
    /// SHA-256 of those records' texts, each with its newline; lower-case hex.
    pub digest: String,
    /// What was passed over since the last such record.
    pub passed_over: Vec<PassedOver>,
    /// What was refused since the last such record.
    pub refused: Vec<Refused>,
}

/// The type name of the record that ends a tick.
pub const TICK_CLOSED: &str = "dispatch.tick_closed";

impl TickClosed {
    /// Appends the record as one JSON line, without its newline. `sequence` is the last record's.
    pub fn write_line(&self, out: &mut Vec<u8>, sequence: u64) {
        let id = derived_id("", &[&self.tick.to_string(), TICK_CLOSED, &self.sink]);
        let mut object = open_envelope(out, &id, TICK_CLOSED, self.tick, sequence);
        object.text("subject", &self.sink);
        object.nested("data", |data| {
            data.time("tick", self.tick);
            data.integer("term", self.term.into());
            data.integer("records", self.records.into());
            data.text("digest", &self.digest);
            chosen(data, &self.passed_over, &self.refused);
        });
        object.end();
    }
}

/// `dispatch.tick_opened`: on a sink that is not atomic, what a tick rests on, before its first
/// record. It is written only where there is something to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickOpened {
    /// The sink in whose stream it stands.
    pub sink: String,
    /// The tick's end.
    pub tick: Time,
    /// What was passed over since the last `dispatch.tick_closed`.
    pub passed_over: Vec<PassedOver>,
    /// What was refused since then.
    pub refused: Vec<Refused>,
}

/// The type name of the record that begins a tick.
pub const TICK_OPENED: &str = "dispatch.tick_opened";

impl TickOpened {
    /// Appends the record as one JSON line, without its newline. `sequence` is that of the last
    /// record before it.
    pub fn write_line(&self, out: &mut Vec<u8>, sequence: u64) {
        let id = derived_id("", &[&self.tick.to_string(), TICK_OPENED, &self.sink]);
        let mut object = open_envelope(out, &id, TICK_OPENED, self.tick, sequence);
        object.text("subject", &self.sink);
        object.nested("data", |data| {
            data.time("tick", self.tick);
            chosen(data, &self.passed_over, &self.refused);
        });
        object.end();
    }
}

/// What the wall clock chose, and who is told to act.
fn chosen(data: &mut JsonWriter<'_>, passed_over: &[PassedOver], refused: &[Refused]) {
    data.objects("passed_over", passed_over, |row, passed| {
        row.text("partition", &passed.partition);
        row.integer("position", passed.position.into());
        row.time("tick", passed.tick);
    });
    data.objects("refused", refused, |row, refused| {
        row.text("partition", &refused.partition);
        row.integer("from", refused.from.into());
        row.integer("to", refused.to.into());
    });
    data.text("actor", super::GRIDWEAVER);
    data.null("region");
    data.null("area");
    data.nested("inputs", |_| {});
}
