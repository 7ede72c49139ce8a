//! The grid as a graph: paths, reach and capacity, while lines open and close.
//!
//! ```
//! use gridweaver::model::{Ppm, Watts};
//! use gridweaver::topology::{Edge, Topology};
//!
//! let topology = Topology::new();
//! topology.add_edge(Edge::new("l1", "a", "b", Watts(50)))?;
//! topology.add_edge(Edge { loss: Ppm(20_000), ..Edge::new("l2", "b", "c", Watts(30)) })?;
//!
//! assert_eq!(topology.find_path("a", "c").unwrap(), ["a", "b", "c"]);
//! assert_eq!(topology.reachable_within("a", 1), ["a", "b"]);
//! assert_eq!(topology.validate_transfer(&["a", "b", "c"], Watts(30))?, Watts(29));
//! assert!(topology.validate_transfer(&["a", "b", "c"], Watts(31)).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It is told of edges, or of the records of a grid ([`Topology::apply`]), which it takes as the
//! engine does: the newest of each key counts, whatever order they come in. Writers take turns. A
//! reader works on an immutable [`Snapshot`] that is exchanged whole, so it neither waits for a
//! writer nor sees half of a change, and what was written before a query began is in its answer.
//!
//! Lines side by side act as one: their capacities are added, their losses averaged by capacity.
//! A line carries as much either way. Queries reuse their thread's buffers; those that end in
//! `_into` allocate nothing once these have grown to the grid's size.

mod chunk;
mod exchange;
mod paths;
mod snapshot;
mod sync;
mod weight;
mod working;

pub use snapshot::{Snapshot, TransferError};
pub use working::{Edge, TopologyError};

use exchange::Exchange;
use gridweaver_model::decision::Violation;
use gridweaver_model::{Record, Rules, Text, Watts};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) use working::Working;

/// See the module's documentation.
pub struct Topology {
    exchange: Exchange<Working, Snapshot>,
    /// How many plans were made on it.
    plans: AtomicU64,
}

impl Default for Topology {
    fn default() -> Self {
        Self::new()
    }
}

impl Topology {
    /// An empty grid with the default rules.
    #[must_use]
    pub fn new() -> Self {
        Self::with_rules(&Rules::default())
    }

    /// An empty grid; the rules say what a line loses that does not say so itself, and how long
    /// removals are remembered.
    #[must_use]
    pub fn with_rules(rules: &Rules) -> Self {
        let exchange = Exchange::new(Working::new(rules), Snapshot::default());
        Self { exchange, plans: AtomicU64::new(0) }
    }

    /// Adds a line, or replaces the one of its name. Nodes that are not there yet come to be.
    ///
    /// ```
    /// # use gridweaver::topology::{Edge, Topology};
    /// # use gridweaver::model::Watts;
    /// let topology = Topology::new();
    /// topology.add_edge(Edge::new("l1", "a", "b", Watts(50)))?;
    /// topology.add_edge(Edge::new("l1", "a", "b", Watts(80)))?;
    /// assert_eq!(topology.total_capacity(), Watts(80));
    /// assert!(topology.add_edge(Edge::new("l2", "a", "b", Watts(-1))).is_err());
    /// # Ok::<(), gridweaver::topology::TopologyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where the capacity or the loss is out of range, or both ends are one node.
    pub fn add_edge(&self, edge: Edge) -> Result<(), TopologyError> {
        self.add_edges([edge])
    }

    /// Adds lines in one exchange: readers see none of them or all.
    ///
    /// # Errors
    ///
    /// As [`Topology::add_edge`]; then none is added.
    pub fn add_edges(&self, edges: impl IntoIterator<Item = Edge>) -> Result<(), TopologyError> {
        let edges: Vec<Edge> = edges.into_iter().collect();
        edges.iter().try_for_each(Edge::check)?;
        self.update(|working| edges.into_iter().for_each(|edge| working.add_edge(edge)));
        Ok(())
    }

    /// Removes a line; false where there is none of that name.
    ///
    /// ```
    /// # use gridweaver::model::{Ppm, Watts};
    /// # use gridweaver::topology::{Edge, Topology};
    /// # let topology = Topology::new();
    /// # let edge = |line, from, to, loss| Edge {
    /// #     loss: Ppm(loss), ..Edge::new(line, from, to, Watts(50)) };
    /// # topology.add_edges([edge("l1", "a", "b", 90_000), edge("l2", "a", "c", 20_000),
    /// #     edge("l3", "c", "b", 20_000), edge("l4", "b", "d", 0)])?;
    /// assert!(topology.remove_edge("l4") && !topology.remove_edge("l4"));
    /// assert_eq!(topology.find_path("a", "d"), None);
    /// # Ok::<(), gridweaver::topology::TopologyError>(())
    /// ```
    pub fn remove_edge(&self, line: &str) -> bool {
        self.update(|working| working.set_line(&line.into(), None))
    }

    /// Takes records of the grid (`grid.node`, `grid.line`, `grid.line_status`) in one exchange;
    /// others say nothing about its shape.
    ///
    /// ```
    /// # use gridweaver::topology::Topology;
    /// # use gridweaver::model::{Watts, decode_text};
    /// let topology = Topology::new();
    /// let line = r#"{"specversion":"1.0","id":"e1","source":"scada","type":"grid.line",
    ///     "time":"2026-03-01T12:00:00Z","data":{"line":"l1","from":"a","to":"b","capacity_mw":50}}"#;
    /// topology.apply([&decode_text(line, 1 << 20)?]);
    /// // As in the engine, nodes must be told of: until then the line is not live.
    /// assert_eq!(topology.validate_topology()[0].kind.name(), "unknown_node");
    /// assert_eq!(topology.total_capacity(), Watts(0));
    /// # Ok::<(), gridweaver::model::Refusal>(())
    /// ```
    pub fn apply<'a>(&self, records: impl IntoIterator<Item = &'a Record>) {
        self.update(|working| records.into_iter().for_each(|record| working.apply(record)));
    }

    pub(super) fn update<R>(&self, edit: impl FnOnce(&mut Working) -> R) -> R {
        self.exchange.update(edit, |working| working.snapshot.clone())
    }

    /// A number for a plan made on this grid; no two have the same.
    pub(super) fn next_plan(&self) -> u64 {
        self.plans.fetch_add(1, Ordering::Relaxed)
    }

    /// The grid as it is now. It stays as it is, for as many queries as must agree.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.exchange.read_owned()
    }

    /// [`Snapshot::neighbors`] of the grid as it is now.
    ///
    /// ```
    /// # use gridweaver::model::{Ppm, Watts};
    /// # use gridweaver::topology::{Edge, Topology};
    /// # let topology = Topology::new();
    /// # let edge = |line, from, to, loss| Edge {
    /// #     loss: Ppm(loss), ..Edge::new(line, from, to, Watts(50)) };
    /// # topology.add_edges([edge("l1", "a", "b", 90_000), edge("l2", "a", "c", 20_000),
    /// #     edge("l3", "c", "b", 20_000), edge("l4", "b", "d", 0)])?;
    /// assert_eq!(topology.neighbors("a"), ["b", "c"]);
    /// # Ok::<(), gridweaver::topology::TopologyError>(())
    /// ```
    #[must_use]
    pub fn neighbors(&self, node: &str) -> Vec<Text> {
        self.exchange.read().neighbors(node).cloned().collect()
    }

    /// [`Snapshot::find_path`] of the grid as it is now.
    ///
    /// ```
    /// # use gridweaver::model::{Ppm, Watts};
    /// # use gridweaver::topology::{Edge, Topology};
    /// # let topology = Topology::new();
    /// # let edge = |line, from, to, loss| Edge {
    /// #     loss: Ppm(loss), ..Edge::new(line, from, to, Watts(50)) };
    /// # topology.add_edges([edge("l1", "a", "b", 90_000), edge("l2", "a", "c", 20_000),
    /// #     edge("l3", "c", "b", 20_000), edge("l4", "b", "d", 0)])?;
    /// assert_eq!(topology.find_path("a", "d").unwrap(), ["a", "b", "d"]);
    /// assert_eq!(topology.find_path("a", "nowhere"), None);
    /// # Ok::<(), gridweaver::topology::TopologyError>(())
    /// ```
    #[must_use]
    pub fn find_path(&self, from: &str, to: &str) -> Option<Vec<Text>> {
        self.exchange.read().find_path(from, to)
    }

    /// [`Snapshot::find_path_into`] of the grid as it is now.
    ///
    /// ```
    /// # use gridweaver::model::{Ppm, Watts};
    /// # use gridweaver::topology::{Edge, Topology};
    /// # let topology = Topology::new();
    /// # let edge = |line, from, to, loss| Edge {
    /// #     loss: Ppm(loss), ..Edge::new(line, from, to, Watts(50)) };
    /// # topology.add_edges([edge("l1", "a", "b", 90_000), edge("l2", "a", "c", 20_000),
    /// #     edge("l3", "c", "b", 20_000), edge("l4", "b", "d", 0)])?;
    /// let mut path = Vec::new();
    /// assert!(topology.find_path_into("a", "d", &mut path) && path == ["a", "b", "d"]);
    /// # Ok::<(), gridweaver::topology::TopologyError>(())
    /// ```
    pub fn find_path_into(&self, from: &str, to: &str, path: &mut Vec<Text>) -> bool {
        self.exchange.read().find_path_into(from, to, path)
    }

    /// [`Snapshot::parallel_find_path`] of the grid as it is now.
    ///
    /// ```
    /// # use gridweaver::model::{Ppm, Watts};
    /// # use gridweaver::topology::{Edge, Topology};
    /// # let topology = Topology::new();
    /// # let edge = |line, from, to, loss| Edge {
    /// #     loss: Ppm(loss), ..Edge::new(line, from, to, Watts(50)) };
    /// # topology.add_edges([edge("l1", "a", "b", 90_000), edge("l2", "a", "c", 20_000),
    /// #     edge("l3", "c", "b", 20_000), edge("l4", "b", "d", 0)])?;
    /// let path = topology.parallel_find_path("c", "d");
    /// assert_eq!(path.as_ref().unwrap(), &["c", "b", "d"]);
    /// assert_eq!(path, topology.find_path("c", "d"));
    /// # Ok::<(), gridweaver::topology::TopologyError>(())
    /// ```
    #[must_use]
    pub fn parallel_find_path(&self, from: &str, to: &str) -> Option<Vec<Text>> {
        self.exchange.read().parallel_find_path(from, to)
    }

    /// [`Snapshot::cheapest_path`] of the grid as it is now.
    ///
    /// ```
    /// # use gridweaver::model::{Ppm, Watts};
    /// # use gridweaver::topology::{Edge, Topology};
    /// # let topology = Topology::new();
    /// # let edge = |line, from, to, loss| Edge {
    /// #     loss: Ppm(loss), ..Edge::new(line, from, to, Watts(50)) };
    /// # topology.add_edges([edge("l1", "a", "b", 90_000), edge("l2", "a", "c", 20_000),
    /// #     edge("l3", "c", "b", 20_000), edge("l4", "b", "d", 0)])?;
    /// // Twice 2 % is less than 9 %.
    /// assert_eq!(topology.cheapest_path("a", "b").unwrap(), ["a", "c", "b"]);
    /// # Ok::<(), gridweaver::topology::TopologyError>(())
    /// ```
    #[must_use]
    pub fn cheapest_path(&self, from: &str, to: &str) -> Option<Vec<Text>> {
        self.exchange.read().cheapest_path(from, to)
    }

    /// [`Snapshot::reachable_within`] of the grid as it is now.
    ///
    /// ```
    /// # use gridweaver::model::{Ppm, Watts};
    /// # use gridweaver::topology::{Edge, Topology};
    /// # let topology = Topology::new();
    /// # let edge = |line, from, to, loss| Edge {
    /// #     loss: Ppm(loss), ..Edge::new(line, from, to, Watts(50)) };
    /// # topology.add_edges([edge("l1", "a", "b", 90_000), edge("l2", "a", "c", 20_000),
    /// #     edge("l3", "c", "b", 20_000), edge("l4", "b", "d", 0)])?;
    /// assert_eq!(topology.reachable_within("d", 1), ["b", "d"]);
    /// assert_eq!(topology.reachable_within("d", 2), ["a", "b", "c", "d"]);
    /// # Ok::<(), gridweaver::topology::TopologyError>(())
    /// ```
    #[must_use]
    pub fn reachable_within(&self, from: &str, hops: u32) -> Vec<Text> {
        self.exchange.read().reachable_within(from, hops)
    }

    /// [`Snapshot::validate_transfer`] on the grid as it is now.
    ///
    /// ```
    /// # use gridweaver::model::{Ppm, Watts};
    /// # use gridweaver::topology::{Edge, Topology};
    /// # let topology = Topology::new();
    /// # let edge = |line, from, to, loss| Edge {
    /// #     loss: Ppm(loss), ..Edge::new(line, from, to, Watts(50)) };
    /// # topology.add_edges([edge("l1", "a", "b", 90_000), edge("l2", "a", "c", 20_000),
    /// #     edge("l3", "c", "b", 20_000), edge("l4", "b", "d", 0)])?;
    /// assert_eq!(topology.validate_transfer(&["a", "c", "b"], Watts(50)), Ok(Watts(48)));
    /// let refused = topology.validate_transfer(&["a", "c", "b"], Watts(51)).unwrap_err();
    /// assert_eq!(refused.to_string(), "a > c has 50 W left and would be sent 51 W: send less");
    /// # Ok::<(), gridweaver::topology::TopologyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Why the transfer can't be.
    pub fn validate_transfer(
        &self,
        path: &[impl AsRef<str>],
        sent: Watts,
    ) -> Result<Watts, TransferError> {
        self.exchange.read().validate_transfer(path, sent)
    }

    /// [`Snapshot::remaining_capacity`] of the grid as it is now.
    ///
    /// ```
    /// # use gridweaver::model::{Ppm, Watts};
    /// # use gridweaver::topology::{Edge, Topology};
    /// # let topology = Topology::new();
    /// # let edge = |line, from, to, loss| Edge {
    /// #     loss: Ppm(loss), ..Edge::new(line, from, to, Watts(50)) };
    /// # topology.add_edges([edge("l1", "a", "b", 90_000), edge("l2", "a", "c", 20_000),
    /// #     edge("l3", "c", "b", 20_000), edge("l4", "b", "d", 0)])?;
    /// topology.stand_transfer(&["a", "b"], Watts(30)).unwrap();
    /// assert_eq!(topology.remaining_capacity("a", "b"), Watts(20));
    /// assert_eq!(topology.remaining_capacity("b", "a"), Watts(50));
    /// # Ok::<(), gridweaver::topology::TopologyError>(())
    /// ```
    #[must_use]
    pub fn remaining_capacity(&self, from: &str, to: &str) -> Watts {
        self.exchange.read().remaining_capacity(from, to)
    }

    /// [`Snapshot::total_capacity`] of the grid as it is now.
    ///
    /// ```
    /// # use gridweaver::model::{Ppm, Watts};
    /// # use gridweaver::topology::{Edge, Topology};
    /// # let topology = Topology::new();
    /// # let edge = |line, from, to, loss| Edge {
    /// #     loss: Ppm(loss), ..Edge::new(line, from, to, Watts(50)) };
    /// # topology.add_edges([edge("l1", "a", "b", 90_000), edge("l2", "a", "c", 20_000),
    /// #     edge("l3", "c", "b", 20_000), edge("l4", "b", "d", 0)])?;
    /// assert_eq!(topology.total_capacity(), Watts(200));
    /// # Ok::<(), gridweaver::topology::TopologyError>(())
    /// ```
    #[must_use]
    pub fn total_capacity(&self) -> Watts {
        self.exchange.read().total_capacity()
    }

    /// [`Snapshot::validate_topology`] of the grid as it is now.
    ///
    /// ```
    /// # use gridweaver::model::{Ppm, Watts};
    /// # use gridweaver::topology::{Edge, Topology};
    /// # let topology = Topology::new();
    /// # let edge = |line, from, to, loss| Edge {
    /// #     loss: Ppm(loss), ..Edge::new(line, from, to, Watts(50)) };
    /// # topology.add_edges([edge("l1", "a", "b", 90_000), edge("l2", "a", "c", 20_000),
    /// #     edge("l3", "c", "b", 20_000), edge("l4", "b", "d", 0)])?;
    /// topology.remove_edge("l4");
    /// let violations = topology.validate_topology();
    /// assert_eq!((violations[0].kind.name(), violations[0].subject.as_str()), ("isolated_node", "d"));
    /// # Ok::<(), gridweaver::topology::TopologyError>(())
    /// ```
    #[must_use]
    pub fn validate_topology(&self) -> Vec<Violation> {
        self.exchange.read().validate_topology()
    }

    /// Makes a transfer stand: it takes capacity in its direction until [`Topology::end_transfer`].
    /// Returns what it delivers.
    ///
    /// ```
    /// # use gridweaver::model::{Ppm, Watts};
    /// # use gridweaver::topology::{Edge, Topology};
    /// # let topology = Topology::new();
    /// # let edge = |line, from, to, loss| Edge {
    /// #     loss: Ppm(loss), ..Edge::new(line, from, to, Watts(50)) };
    /// # topology.add_edges([edge("l1", "a", "b", 90_000), edge("l2", "a", "c", 20_000),
    /// #     edge("l3", "c", "b", 20_000), edge("l4", "b", "d", 0)])?;
    /// assert_eq!(topology.stand_transfer(&["a", "b"], Watts(50)), Ok(Watts(45)));
    /// assert!(topology.stand_transfer(&["a", "b"], Watts(1)).is_err());
    /// assert!(topology.end_transfer(&["a", "b"], Watts(50)));
    /// assert!(!topology.end_transfer(&["a", "b"], Watts(50)));
    /// assert_eq!(topology.remaining_capacity("a", "b"), Watts(50));
    /// # Ok::<(), gridweaver::topology::TopologyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Snapshot::validate_transfer`]; then nothing stands.
    pub fn stand_transfer(
        &self,
        path: &[impl AsRef<str>],
        sent: Watts,
    ) -> Result<Watts, TransferError> {
        self.update(|working| working.stand(path, sent).map(|(delivered, _)| delivered))
    }

    /// Gives back what a standing transfer took, whatever has become of its lines; false where none
    /// of this path and power stands.
    pub fn end_transfer(&self, path: &[impl AsRef<str>], sent: Watts) -> bool {
        self.update(|working| working.end(path, sent))
    }
}
