//! `latest`: the newest reading of each node.
//!
//! The greatest (time, sequence, source, id) wins, so a late reading never overwrites a newer one.
//! What is told is net: a node read five times in a tick is told once.

use crate::by_tick::{Batches, View};
use crate::change::{Change, Reading};
use crate::row::Row;
use gridweaver_model::record::{Telemetry, Version};
use gridweaver_model::{Data, Lookup, Text, Tick};

/// The state of `latest` on one worker: the nodes whose names hash there. Telemetry is never
/// removed, so no key is ever forgotten.
#[derive(Default)]
pub struct Latest {
    numbers: Lookup<Text, u32>,
    nodes: Vec<Node>,
    touched: Vec<u32>,
}

struct Node {
    name: Text,
    version: Version,
    reading: Reading,
    /// The last tick in which it was touched, and whether it was first heard of then.
    touched_in: Option<Tick>,
    first: bool,
}

impl Latest {
    fn fold(&mut self, tick: Tick, version: Version, telemetry: Telemetry) {
        let reading = Reading {
            time: version.time,
            generation: telemetry.generation,
            load: telemetry.load,
            available: telemetry.available.unwrap_or(telemetry.generation),
        };
        let Some(number) = self.numbers.get(&telemetry.node) else {
            let number = u32::try_from(self.nodes.len()).expect("fewer than 2^32 nodes");
            self.numbers.insert(telemetry.node.clone(), number);
            let name = telemetry.node;
            self.nodes.push(Node { name, version, reading, touched_in: Some(tick), first: true });
            self.touched.push(number);
            return;
        };
        let node = &mut self.nodes[*number as usize];
        if version > node.version {
            node.version = version;
            node.reading = reading;
            if node.touched_in != Some(tick) {
                node.touched_in = Some(tick);
                self.touched.push(*number);
            }
        }
    }
}

impl View for Latest {
    type Row = Row;
    type Change = Change;
    type Out = Change;

    fn close(
        &mut self,
        tick: Tick,
        rows: Batches<Row>,
        _: Batches<Change>,
        out: &mut Vec<Change>,
    ) -> Option<Tick> {
        for row in rows.into_iter().flatten() {
            if let Data::Telemetry(telemetry) = row.record.data {
                self.fold(tick, row.record.envelope.version, telemetry);
            }
        }
        out.reserve(self.touched.len());
        for number in self.touched.drain(..) {
            let node = &mut self.nodes[number as usize];
            let first = std::mem::take(&mut node.first);
            let (node, reading) = (node.name.clone(), node.reading);
            out.push(Change::Reading { node, reading, first });
        }
        None
    }
}
