//! The grid at one moment: immutable, shared, and asked by any number of readers.

use super::chunk::{Chunk, Link, NODES, Sharded};
use gridweaver_dataflows::structures::flow::delivered_w;
use gridweaver_model::decision::{Violation, ViolationKind};
use gridweaver_model::{Ppm, Price, Text, Watts};
use rayon::prelude::*;
use std::sync::Arc;
use thiserror::Error;

/// Lines from which on their rules are checked in parallel.
const PARALLEL_LINES: usize = 20_000;

/// A line as it is known, live or not.
#[derive(Clone, Debug)]
pub(super) struct KnownLine {
    pub(super) from: Text,
    pub(super) to: Text,
    pub(super) capacity: Watts,
    pub(super) loss: Ppm,
    pub(super) wheeling_price: Price,
    pub(super) in_service: bool,
}

impl KnownLine {
    pub(super) fn carries(&self) -> bool {
        self.capacity > Watts::ZERO
    }
}

/// Why a transfer can't be.
///
/// ```
/// # use gridweaver::topology::{Topology, TransferError};
/// # use gridweaver::model::Watts;
/// let refused = Topology::new().validate_transfer(&["a", "b"], Watts(1));
/// assert_eq!(refused, Err(TransferError::NoLine { from: "a".into(), to: "b".into() }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TransferError {
    /// A transfer goes from one node to another.
    #[error("a path needs two nodes at least")]
    NoHop,
    /// It sends nothing.
    #[error("a transfer must send more than 0 W")]
    NoPower,
    /// No live line joins two nodes of the path.
    #[error("no live line joins {from} and {to}: find another path")]
    NoLine {
        /// The sending end.
        from: Text,
        /// The receiving end.
        to: Text,
    },
    /// A transfer stands the other way: nothing flows both ways at once.
    #[error("{to} > {from} carries a standing transfer: end it, or find another path")]
    Against {
        /// The sending end.
        from: Text,
        /// The receiving end.
        to: Text,
    },
    /// A hop can't carry what it would be sent.
    #[error("{from} > {to} has {} W left and would be sent {} W: send less", remaining.0, sent.0)]
    Capacity {
        /// The sending end.
        from: Text,
        /// The receiving end.
        to: Text,
        /// What it would be sent.
        sent: Watts,
        /// What it has left.
        remaining: Watts,
    },
}

/// See the module's documentation. Nodes are numbers that mean nothing outside.
///
/// ```
/// # use gridweaver::topology::{Edge, Snapshot, Topology};
/// # use gridweaver::model::Watts;
/// let topology = Topology::new();
/// let before: std::sync::Arc<Snapshot> = topology.snapshot();
/// topology.add_edge(Edge::new("l1", "a", "b", Watts(1)))?;
/// assert_eq!((before.find_path("a", "b"), before.node_count()), (None, 0));
/// # Ok::<(), gridweaver::topology::TopologyError>(())
/// ```
#[derive(Clone, Default)]
pub struct Snapshot {
    index: Arc<Sharded<u32>>,
    lines: Arc<Sharded<KnownLine>>,
    line_count: usize,
    names: Vec<Arc<Vec<Text>>>,
    pub(super) chunks: Vec<Arc<Chunk>>,
    free: Arc<Vec<u32>>,
    node_count: usize,
    slots: u32,
    /// Both directions of every link, so twice what lines can carry.
    twice_capacity: i64,
}

impl Snapshot {
    /// How many nodes there are.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.node_count
    }

    /// Whether the node exists.
    #[must_use]
    pub fn contains(&self, node: &str) -> bool {
        self.index.get(node).is_some()
    }

    /// The nodes that live lines join to `node`, by name; none where it is unknown.
    pub fn neighbors(&self, node: &str) -> impl Iterator<Item = &Text> {
        let near = self.number(node).map_or(&[][..], |node| self.near(node));
        near.iter().map(|near| self.name(*near))
    }

    /// What can be sent from a node to its neighbour besides the transfers that stand that way; 0
    /// where no live line joins them.
    #[must_use]
    pub fn remaining_capacity(&self, from: &str, to: &str) -> Watts {
        let link = self.link(from, to).copied().unwrap_or_default();
        (link.capacity - link.standing).max(Watts::ZERO)
    }

    /// What all live lines can carry together.
    #[must_use]
    pub fn total_capacity(&self) -> Watts {
        Watts(self.twice_capacity / 2)
    }

    /// Whether `sent` can go along `path` now: every hop joined by a live line with enough capacity
    /// left, and nothing standing the other way. Returns what arrives, each hop's loss rounded up to the watt.
    ///
    /// # Errors
    ///
    /// The first thing that is against it, from the sender on.
    pub fn validate_transfer(
        &self,
        path: &[impl AsRef<str>],
        sent: Watts,
    ) -> Result<Watts, TransferError> {
        if path.len() < 2 {
            return Err(TransferError::NoHop);
        }
        if sent <= Watts::ZERO {
            return Err(TransferError::NoPower);
        }
        let mut power = sent;
        for (at, ends) in path.windows(2).enumerate() {
            let (from, to) = (ends[0].as_ref(), ends[1].as_ref());
            let Some(arriving) = self.arriving(from, to, power) else {
                return Err(TransferError::NoLine { from: from.into(), to: to.into() });
            };
            if self.stands(to, from) {
                return Err(TransferError::Against { from: from.into(), to: to.into() });
            }
            // A path that comes by twice would load the hop twice, or flow both ways.
            let again = path.windows(2).take(at).any(|hop| {
                let hop = (hop[0].as_ref(), hop[1].as_ref());
                hop == (from, to) || hop == (to, from)
            });
            let remaining = if again { Watts::ZERO } else { self.remaining_capacity(from, to) };
            if power > remaining {
                let (from, to) = (from.into(), to.into());
                return Err(TransferError::Capacity { from, to, sent: power, remaining });
            }
            power = arriving;
        }
        Ok(power)
    }

    /// What is wrong with lines and nodes, by kind and subject: the rules of `topology.violation`.
    #[must_use]
    pub fn validate_topology(&self) -> Vec<Violation> {
        let lines = self.lines.shards();
        let nodes = self.index.shards();
        let of_lines =
            |shard: usize| lines[shard].iter().flat_map(|(name, line)| self.broken_by(name, line));
        let of_nodes = |shard: usize| {
            let alone = nodes[shard].iter().filter(|(_, node)| self.near(**node).is_empty());
            alone.map(|(name, _)| violation(ViolationKind::IsolatedNode, name, ""))
        };
        let broken = |shard: usize| of_lines(shard).chain(of_nodes(shard));
        let mut violations: Vec<Violation> = if self.line_count >= PARALLEL_LINES {
            (0..lines.len()).into_par_iter().flat_map_iter(broken).collect()
        } else {
            (0..lines.len()).flat_map(broken).collect()
        };
        violations.sort_unstable_by(|a, b| (a.kind, &a.subject).cmp(&(b.kind, &b.subject)));
        violations
    }

    fn broken_by(&self, name: &Text, line: &KnownLine) -> impl Iterator<Item = Violation> {
        let unknown = [&line.from, &line.to].into_iter().filter(|end| !self.contains(end)).min();
        let looped = (line.from == line.to).then_some(&line.from);
        let empty = (!line.carries()).then(|| violation(ViolationKind::ZeroCapacity, name, ""));
        let of = |kind, end: Option<&Text>| end.map(|end| violation(kind, name, end));
        [of(ViolationKind::UnknownNode, unknown), of(ViolationKind::SelfLoop, looped), empty]
            .into_iter()
            .flatten()
    }

    pub(super) fn number(&self, node: &str) -> Option<u32> {
        self.index.get(node).copied()
    }

    pub(super) fn name(&self, node: u32) -> &Text {
        &self.names[node as usize / NODES][node as usize % NODES]
    }

    /// Numbers are below this.
    pub(super) fn slots(&self) -> usize {
        self.slots as usize
    }

    /// The neighbours of a node, by name.
    pub(super) fn near(&self, node: u32) -> &[u32] {
        let chunk = &self.chunks[node as usize / NODES];
        &chunk.to[chunk.range(node as usize % NODES)]
    }

    /// The same, with what joins them.
    pub(super) fn links(&self, node: u32) -> impl Iterator<Item = (u32, &Link)> {
        let chunk = &self.chunks[node as usize / NODES];
        let range = chunk.range(node as usize % NODES);
        chunk.to[range.clone()].iter().copied().zip(&chunk.links[range])
    }

    fn link(&self, from: &str, to: &str) -> Option<&Link> {
        let (from, to) = (self.number(from)?, self.number(to)?);
        self.links(from).find(|(near, _)| *near == to).map(|(_, link)| link)
    }

    fn stands(&self, from: &str, to: &str) -> bool {
        self.link(from, to).is_some_and(|link| link.standing > Watts::ZERO)
    }

    /// What a hop delivers of `sent`; none where no live line joins its ends.
    pub(super) fn arriving(&self, from: &str, to: &str, sent: Watts) -> Option<Watts> {
        Some(Watts(delivered_w(sent.0, self.link(from, to)?.loss.0)))
    }

    /// What is left each way between the nodes of an island: from, to, capacity, loss, price.
    pub(in crate::library) fn left_between(
        &self,
        nodes: &[Text],
    ) -> Vec<(usize, usize, Watts, Ppm, Price)> {
        let mut rows = Vec::new();
        for (from, name) in nodes.iter().enumerate() {
            let Some(number) = self.number(name) else { continue };
            for (near, link) in self.links(number) {
                let Ok(to) = nodes.binary_search(self.name(near)) else { continue };
                // Nothing is sent against what stands.
                let against = self
                    .links(near)
                    .any(|(back, link)| back == number && link.standing > Watts::ZERO);
                let left = (link.capacity - link.standing).max(Watts::ZERO);
                let left = if against { Watts::ZERO } else { left };
                rows.push((from, to, left, link.loss, link.wheeling_price));
            }
        }
        rows
    }

    pub(super) fn line(&self, line: &str) -> Option<&KnownLine> {
        self.lines.get(line)
    }

    pub(super) fn set_line(&mut self, line: &Text, known: Option<KnownLine>) -> Option<KnownLine> {
        let comes = known.is_some();
        let old = Arc::make_mut(&mut self.lines).set(line, known);
        self.line_count = self.line_count + usize::from(comes) - usize::from(old.is_some());
        old
    }

    pub(super) fn insert_node(&mut self, name: &Text) {
        let number = match Arc::make_mut(&mut self.free).pop() {
            Some(number) => {
                let names = Arc::make_mut(&mut self.names[number as usize / NODES]);
                names[number as usize % NODES] = name.clone();
                number
            }
            None => {
                let number = self.slots;
                if (number as usize).is_multiple_of(NODES) {
                    self.names.push(Arc::default());
                    self.chunks.push(Arc::new(Chunk::new()));
                }
                Arc::make_mut(&mut self.names[number as usize / NODES]).push(name.clone());
                self.slots += 1;
                number
            }
        };
        Arc::make_mut(&mut self.index).set(name, Some(number));
        self.node_count += 1;
    }

    /// Removes a node and its links.
    pub(super) fn remove_node(&mut self, name: &Text) {
        let Some(number) = self.number(name) else { return };
        for near in self.near(number).to_vec() {
            let near = self.name(near).clone();
            self.set_link(name, &near, None);
            self.set_link(&near, name, None);
        }
        Arc::make_mut(&mut self.index).set(name, None);
        Arc::make_mut(&mut self.free).push(number);
        self.node_count -= 1;
    }

    /// Sets or removes one direction between two nodes.
    pub(super) fn set_link(&mut self, from: &Text, to: &Text, link: Option<Link>) {
        let (Some(from), Some(to_number)) = (self.number(from), self.number(to)) else { return };
        let near = self.near(from);
        let place = near.binary_search_by(|near| self.name(*near).cmp(to));
        let at = from as usize % NODES;
        let chunk = &mut self.chunks[from as usize / NODES];
        let start = chunk.range(at).start;
        match (place, link) {
            (Ok(place), Some(link)) => {
                let held = &mut Arc::make_mut(chunk).links[start + place];
                self.twice_capacity += link.capacity.0 - held.capacity.0;
                *held = link;
            }
            (Ok(place), None) => {
                self.twice_capacity -= chunk.links[start + place].capacity.0;
                Arc::make_mut(chunk).remove(at, start + place);
            }
            (Err(place), Some(link)) => {
                self.twice_capacity += link.capacity.0;
                Arc::make_mut(chunk).insert(at, start + place, to_number, link);
            }
            (Err(_), None) => {}
        }
    }
}

fn violation(kind: ViolationKind, subject: &Text, end: &str) -> Violation {
    Violation { kind, subject: subject.clone(), detail: kind.detail(end), cleared: false }
}
