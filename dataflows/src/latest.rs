//! `latest`: the newest reading of each node.
//!
//! The greatest (time, sequence, source, id) wins, so a late reading never overwrites a newer one.
//! What is told is net: a node read five times in a tick is told once.

use crate::by_tick::{Batches, View};
use crate::change::{Change, Reading};
use crate::refused::refused;
use crate::row::{Row, key_hash};
use crate::saved::{Piece, Restored, Saved, Share};
use foldhash::fast::FixedState;
use gridweaver_model::record::{Telemetry, Version};
use gridweaver_model::{Data, Rules, Text, Tick};
use hashbrown::HashTable;
use std::hash::BuildHasher as _;

/// The state of `latest` on one worker: the nodes whose names hash there. Telemetry is never
/// removed, so no key is ever forgotten.
pub struct Latest {
    rules: Rules,
    nodes: Vec<Node>,
    /// Places among them, by the hashes of their names.
    numbers: HashTable<u32>,
    touched: Vec<u32>,
}

/// The newest reading of each node, with what orders it among others.
pub type LatestState = Vec<(Text, Version, Reading)>;

struct Node {
    name: Text,
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
        Self { rules, nodes: Vec::new(), numbers: HashTable::new(), touched: Vec::new() }
    }

    fn number_of(&self, name: &Text) -> Option<u32> {
        let is_it = |number: &u32| self.nodes[*number as usize].name == *name;
        self.numbers.find(name_hash(name), is_it).copied()
    }

    /// Takes a reading later than `retention`, of a node that is held.
    fn fold_very_late(&mut self, tick: Tick, row: &mut Row, out: &mut Vec<Change>) {
        let Data::Telemetry(telemetry) = &row.record.data else { return };
        if self.number_of(&telemetry.node).is_some() {
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
        let Some(number) = self.number_of(&telemetry.node) else {
            self.hear(tick, telemetry.node.clone(), version.clone(), reading);
            return;
        };
        let node = &mut self.nodes[number as usize];
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
        let number = u32::try_from(self.nodes.len()).expect("fewer than 2^32 nodes");
        let hash = name_hash(&name);
        self.nodes.push(Node { name, version, reading, touched_in: Some(tick), first: true });
        let nodes = &self.nodes;
        let rehash = |number: &u32| name_hash(&nodes[*number as usize].name);
        self.numbers.insert_unique(hash, number, rehash);
        self.touched.push(number);
    }
}

fn name_hash(name: &Text) -> u64 {
    FixedState::default().hash_one(name.as_str())
}

impl Saved for Latest {
    fn save(&self) -> Piece {
        let nodes = self.nodes.iter();
        Piece::Latest(
            nodes.map(|node| (node.name.clone(), node.version.clone(), node.reading)).collect(),
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
            let node = &mut self.nodes[number as usize];
            let first = std::mem::take(&mut node.first);
            let (node, reading) = (node.name.clone(), node.reading);
            out.push(Change::Reading { node, reading, first });
        }
        None
    }
}
