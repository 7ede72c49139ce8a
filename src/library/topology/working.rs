//! The copy of the grid that writers edit: what records and edges say, and what stands.

use super::chunk::Link;
use super::snapshot::{KnownLine, Snapshot, TransferError};
use super::weight;
use gridweaver_dataflows::structures::lines::Lines;
use gridweaver_dataflows::structures::parallel_lines::{Used, joined, share};
use gridweaver_dataflows::structures::upserts::{Upsert, Upserts};
use gridweaver_model::decision::LineShare;
use gridweaver_model::rules::Dispatch;
use gridweaver_model::{Data, Lookup, Ppm, Price, Record, Rules, Text, Time, Watts};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// What a line can carry at most: 1 000 000 MW.
const CAPACITY_MAX: Watts = Watts(1_000_000_000_000);
const LOSS_MAX: Ppm = Ppm(500_000);

/// A line between two nodes.
///
/// ```
/// # use gridweaver::topology::Edge;
/// # use gridweaver::model::{Price, Watts};
/// let edge = Edge { wheeling_price: Price(500), ..Edge::new("l1", "a", "b", Watts(10)) };
/// assert_eq!(edge.loss.0, 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The line's name.
    pub line: Text,
    /// One end.
    pub from: Text,
    /// The other.
    pub to: Text,
    /// What it can carry either way: above 0, at most 1 000 000 MW.
    pub capacity: Watts,
    /// Lost of what is sent, at most one half.
    pub loss: Ppm,
    /// Per MWh sent, not below 0.
    pub wheeling_price: Price,
}

/// Why an edge was not taken.
///
/// ```
/// # use gridweaver::topology::{Edge, Topology, TopologyError};
/// # use gridweaver::model::Watts;
/// let refused = Topology::new().add_edge(Edge::new("l1", "a", "a", Watts(10)));
/// assert_eq!(refused, Err(TopologyError::SelfLoop("l1".into())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TopologyError {
    /// Both ends of the line are one node.
    #[error("line {0} begins and ends at one node: give it two")]
    SelfLoop(Text),
    /// The line's capacity is out of range.
    #[error("line {0}: its capacity must be above 0 and at most 1 000 000 MW")]
    Capacity(Text),
    /// The line loses more than half, or its price is below 0.
    #[error("line {0}: its loss must be at most one half, its wheeling price not below 0")]
    Loss(Text),
}

impl Edge {
    /// A line that loses and costs nothing.
    #[must_use]
    pub fn new(line: &str, from: &str, to: &str, capacity: Watts) -> Self {
        let (loss, wheeling_price) = (Ppm(0), Price::ZERO);
        Self { line: line.into(), from: from.into(), to: to.into(), capacity, loss, wheeling_price }
    }

    pub(super) fn check(&self) -> Result<(), TopologyError> {
        if self.from == self.to {
            return Err(TopologyError::SelfLoop(self.line.clone()));
        }
        if self.capacity <= Watts::ZERO || self.capacity > CAPACITY_MAX {
            return Err(TopologyError::Capacity(self.line.clone()));
        }
        if self.loss > LOSS_MAX || self.wheeling_price < Price::ZERO {
            return Err(TopologyError::Loss(self.line.clone()));
        }
        Ok(())
    }
}

/// One hop of a standing transfer: what it is sent, and each line's share of that.
pub(in crate::library) struct Hop {
    sent: Watts,
    pub(in crate::library) lines: Vec<LineShare>,
}

pub(in crate::library) struct Working {
    pub(super) snapshot: Snapshot,
    dispatch: Dispatch,
    rules: Rules,
    latest: Time,
    nodes: Upserts<Text, Text>,
    lines: Lines,
    /// Which lines name a node, whether or not it exists.
    lines_at: Lookup<Text, BTreeSet<Text>>,
    /// The hops of each transfer that stands, by its path and what it sends.
    transfers: BTreeMap<(Vec<Text>, Watts), Vec<Vec<Hop>>>,
    /// What stands, by hop.
    standing: BTreeMap<(Text, Text), Watts>,
    /// What lines carry, by sending node.
    used: BTreeMap<Text, Used>,
}

impl Working {
    pub(super) fn new(rules: &Rules) -> Self {
        Self {
            snapshot: Snapshot::default(),
            dispatch: rules.dispatch.clone(),
            rules: rules.clone(),
            latest: Time(0),
            nodes: Upserts::new(rules),
            lines: Lines::new(rules),
            lines_at: Lookup::default(),
            transfers: BTreeMap::new(),
            standing: BTreeMap::new(),
            used: BTreeMap::new(),
        }
    }

    pub(super) fn add_edge(&mut self, edge: Edge) {
        for end in [&edge.from, &edge.to] {
            if !self.snapshot.contains(end) {
                self.set_node(end, true);
            }
        }
        let line = KnownLine {
            from: edge.from,
            to: edge.to,
            capacity: edge.capacity,
            loss: edge.loss,
            wheeling_price: edge.wheeling_price,
            in_service: true,
        };
        self.set_line(&edge.line, Some(&line));
    }

    pub(super) fn apply(&mut self, record: &Record) {
        let version = record.envelope.version.clone();
        self.latest = self.latest.max(version.time);
        let line = match &record.data {
            Data::Node(node) => {
                let region = node.live_region().cloned();
                let exists = region.is_some();
                let outcome = self.nodes.offer(node.node.clone(), version, region, false);
                if outcome == Upsert::Newest {
                    self.set_node(&node.node, exists);
                }
                self.nodes.forget(self.rules.tick_of(self.latest));
                return;
            }
            Data::Line(line) => {
                self.lines.offer_line((**line).clone(), version, false);
                &line.line
            }
            Data::LineStatus(status) => {
                self.lines.offer_word(&status.line, version, status.in_service, false);
                &status.line
            }
            _ => return,
        };
        let view = self.lines.get(line).map(|view| KnownLine {
            loss: self.dispatch.line_loss(view.loss, view.length),
            from: view.from,
            to: view.to,
            capacity: view.capacity,
            wheeling_price: view.wheeling_price,
            in_service: view.in_service,
        });
        self.set_line(line, view.as_ref());
        self.lines.forget(self.rules.tick_of(self.latest));
    }

    fn set_node(&mut self, node: &Text, exists: bool) {
        if exists == self.snapshot.contains(node) {
            return;
        }
        if !exists {
            self.snapshot.remove_node(node);
            return;
        }
        self.snapshot.insert_node(node);
        let lines: Vec<Text> = self.lines_at.get(node).into_iter().flatten().cloned().collect();
        for line in lines {
            if let Some(known) = self.snapshot.line(&line).cloned() {
                self.relink(&known.from, &known.to);
            }
        }
    }

    /// Sets or removes a line; whether there was one.
    pub(super) fn set_line(&mut self, line: &Text, known: Option<&KnownLine>) -> bool {
        let old = self.snapshot.set_line(line, known.cloned());
        for end in old.iter().flat_map(|old| [&old.from, &old.to]) {
            if let Some(lines) = self.lines_at.get_mut(end) {
                lines.remove(line);
                if lines.is_empty() {
                    self.lines_at.remove(end);
                }
            }
        }
        for end in known.iter().flat_map(|known| [&known.from, &known.to]) {
            self.lines_at.entry(end.clone()).or_default().insert(line.clone());
        }
        for line in old.iter().chain(known) {
            self.relink(&line.from, &line.to);
        }
        old.is_some()
    }

    /// The live lines between two nodes, by name.
    fn live_between(&self, a: &Text, b: &Text) -> Vec<(Text, &KnownLine)> {
        let there = self.snapshot.contains(a) && self.snapshot.contains(b) && a != b;
        let lines = self.lines_at.get(a).filter(|_| there);
        lines
            .into_iter()
            .flatten()
            .filter_map(|line| Some((line.clone(), self.snapshot.line(line)?)))
            .filter(|(_, line)| {
                let ends = (&line.from, &line.to);
                (ends == (a, b) || ends == (b, a)) && line.in_service && line.carries()
            })
            .collect()
    }

    /// Makes the links between two nodes what the lines between them say.
    fn relink(&mut self, a: &Text, b: &Text) {
        let lines = self.live_between(a, b);
        let live = !lines.is_empty();
        let figures = lines.iter().map(|(_, line)| (line.capacity, line.loss, line.wheeling_price));
        let joined = joined(figures);
        let (weight, print) = weight::of(joined.loss);
        for (from, to) in [(a, b), (b, a)] {
            let standing = self.standing.get(&(from.clone(), to.clone()));
            let link = live.then(|| Link {
                capacity: joined.capacity,
                loss: joined.loss,
                wheeling_price: joined.wheeling_price,
                standing: standing.copied().unwrap_or_default(),
                weight,
                print,
            });
            self.snapshot.set_link(from, to, link);
        }
    }

    /// Makes a transfer stand; what it delivers, and what each hop takes of which line.
    pub(in crate::library) fn stand(
        &mut self,
        path: &[impl AsRef<str>],
        sent: Watts,
    ) -> Result<(Watts, &[Hop]), TransferError> {
        let delivered = self.snapshot.validate_transfer(path, sent)?;
        let path = named(path);
        let mut power = sent;
        let mut hops = Vec::new();
        for ends in path.windows(2) {
            let (from, to) = (&ends[0], &ends[1]);
            let lines = self.live_between(from, to).into_iter();
            let lines: Vec<(Text, Watts)> =
                lines.map(|(name, line)| (name, line.capacity)).collect();
            let used = self.used.entry(from.clone()).or_default();
            hops.push(Hop { sent: power, lines: share(power, &lines, used) });
            *self.standing.entry((from.clone(), to.clone())).or_default() += power;
            self.relink(from, to);
            power = self.snapshot.arriving(from, to, power).unwrap_or_default();
        }
        let alike = self.transfers.entry((path, sent)).or_default();
        alike.push(hops);
        Ok((delivered, alike.last().map_or(&[], Vec::as_slice)))
    }

    /// Gives back what a transfer took, whatever has become of its lines; false where none of this
    /// path and power stands.
    pub(in crate::library) fn end(&mut self, path: &[impl AsRef<str>], sent: Watts) -> bool {
        let key = (named(path), sent);
        let Some(alike) = self.transfers.get_mut(&key) else { return false };
        let hops = alike.pop().unwrap_or_default();
        if alike.is_empty() {
            self.transfers.remove(&key);
        }
        for (ends, hop) in key.0.windows(2).zip(hops) {
            let (from, to) = (&ends[0], &ends[1]);
            give_back(&mut self.standing, (from.clone(), to.clone()), hop.sent);
            let used = self.used.entry(from.clone()).or_default();
            for share in hop.lines {
                give_back(used, share.line, share.power);
            }
            self.relink(from, to);
        }
        true
    }
}

fn named(path: &[impl AsRef<str>]) -> Vec<Text> {
    path.iter().map(|node| Text::from(node.as_ref())).collect()
}

fn give_back<K: Ord>(taken: &mut BTreeMap<K, Watts>, key: K, power: Watts) {
    if let Entry::Occupied(mut held) = taken.entry(key) {
        *held.get_mut() -= power;
        if *held.get() <= Watts::ZERO {
            held.remove();
        }
    }
}
