//! `latest`: the newest reading of each node.
//!
//! The greatest (time, sequence, source, id) wins, so a late reading never overwrites a newer one.
//! What is told is net: a node read five times in a tick is told once.

use crate::by_tick::{Batches, View};
use crate::change::{Change, Reading};
use crate::refused::refused;
use crate::row::{Row, key_hash};
use crate::saved::{Piece, Restored, Saved, Share};
use crate::structures::numbered::Numbered;
use gridweaver_model::record::{Telemetry, Version};
use gridweaver_model::{Data, Rules, Text, Tick};

/// The state of `latest` on one worker: the nodes whose names hash there. Telemetry is never
/// removed, so no key is ever forgotten.
pub struct Latest {
    rules: Rules,
    nodes: Numbered<Node>,
    touched: Vec<u32>,
}

/// The newest reading of each node, with what orders it among others.
pub type LatestState = Vec<(Text, Version, Reading)>;

struct Node {
    version: Version,
    reading: Reading,
    /// The last tick in which it was touched, and whether it was first heard of then.
    touched_in: Option<Tick>,
    first: bool,
}

impl Latest {
    /// No node was heard of.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        let rules = rules.clone();
        Self { rules, nodes: Numbered::default(), touched: Vec::new() }
    }

    /// Takes a reading later than `retention`, of a node that is held.
    fn fold_very_late(&mut self, tick: Tick, row: &mut Row, out: &mut Vec<Change>) {
        let Data::Telemetry(telemetry) = &row.record.data else { return };
        if self.nodes.number(&telemetry.node).is_some() {
            self.fold(tick, &row.record.envelope.version, telemetry);
        } else {
            out.extend(refused(row.origin.take(), &telemetry.node, &self.rules));
        }
    }

    fn fold(&mut self, tick: Tick, version: &Version, telemetry: &Telemetry) {
        let reading = Reading {
            time: version.time,
            generation: telemetry.generation,
            load: telemetry.load,
            available: telemetry.available.unwrap_or(telemetry.generation),
        };
        let Some(number) = self.nodes.number(&telemetry.node) else {
            self.hear(tick, telemetry.node.clone(), version.clone(), reading);
            return;
        };
        let node = &mut self.nodes[number];
        if *version > node.version {
            node.version.clone_from(version);
            node.reading = reading;
            if node.touched_in != Some(tick) {
                node.touched_in = Some(tick);
                self.touched.push(number);
            }
        }
    }

    /// Hears of a node for the first time.
    fn hear(&mut self, tick: Tick, name: Text, version: Version, reading: Reading) {
        let node = Node { version, reading, touched_in: Some(tick), first: true };
        let number = self.nodes.insert(name, node);
        self.touched.push(number);
    }
}

impl Saved for Latest {
    fn save(&self) -> Piece {
        let nodes = self.nodes.iter();
        Piece::Latest(
            nodes.map(|(name, node)| (name.clone(), node.version.clone(), node.reading)).collect(),
        )
    }

    fn restore(&mut self, restored: &Restored, share: Share) {
        for piece in &restored.pieces {
            let Piece::Latest(nodes) = piece else { continue };
            for (name, version, reading) in
                nodes.iter().filter(|(name, ..)| share.holds(key_hash(name)))
            {
                self.hear(0, name.clone(), version.clone(), *reading);
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
        mut rows: Batches<Row>,
        _: Batches<Change>,
        out: &mut Vec<Change>,
    ) -> Option<Tick> {
        let mut very_late = Vec::new();
        for row in rows.iter_mut().flatten() {
            if row.origin.is_some() {
                very_late.push(row);
            } else if let Data::Telemetry(telemetry) = &row.record.data {
                self.fold(tick, &row.record.envelope.version, telemetry);
            }
        }
        for row in very_late {
            self.fold_very_late(tick, row, out);
        }
        out.reserve(self.touched.len());
        for number in self.touched.drain(..) {
            let node = &mut self.nodes[number];
            let (first, reading) = (std::mem::take(&mut node.first), node.reading);
            let node = self.nodes.name(number).clone();
            out.push(Change::Reading { node, reading, first });
        }
        None
    }
}
