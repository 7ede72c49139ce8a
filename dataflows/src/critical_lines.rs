//! `critical_lines`: live lines whose loss alone would split their island, and what each would cut
//! off: the nodes of the smaller side (ties: the side without the island's least node).
//!
//! An island is searched anew when one of its lines came or went, once a tick, in time that
//! follows the island. What is kept is compact (one order of the nodes, an interval a line); node
//! lists, regions and load are made when somebody asks.

use crate::by_tick::{Batches, View};
use crate::change::Change;
use crate::row::Row;
use crate::structures::bridges::{BridgeSearch, Bridges};
use crate::structures::connectivity::{ComponentIndex, Connectivity, EdgeIndex, NodeIndex};
use gridweaver_model::{Lookup, Text, Tick};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The state of `critical_lines`.
#[derive(Default)]
pub struct CriticalLines {
    graph: Connectivity,
    nodes: Lookup<Text, NodeIndex>,
    regions: Lookup<Text, Text>,
    edges: Lookup<Text, EdgeIndex>,
    line_of: BTreeMap<EdgeIndex, Text>,
    search: BridgeSearch,
    bridges: BTreeMap<ComponentIndex, Bridges>,
}

/// A critical line and the nodes that it would cut off, with their regions.
pub struct CriticalLine<'a> {
    /// The line.
    pub line: &'a Text,
    /// The nodes of the smaller side and the region of each.
    pub cut_off: Vec<(&'a str, &'a Text)>,
}

impl CriticalLines {
    /// All critical lines, by name.
    #[must_use]
    pub fn list(&self) -> Vec<CriticalLine<'_>> {
        let mut lines = Vec::new();
        for bridges in self.bridges.values() {
            for bridge in bridges.bridges() {
                let side = bridges.lesser_side(bridge).into_iter().flatten();
                let cut_off = side.map(|node| {
                    let name = self.graph.name(*node);
                    (name, &self.regions[name])
                });
                lines.push(CriticalLine {
                    line: &self.line_of[&bridge.edge],
                    cut_off: cut_off.collect(),
                });
            }
        }
        lines.sort_unstable_by_key(|line| line.line);
        lines
    }

    fn set_line(&mut self, line: &Text, ends: Option<&(Text, Text)>) {
        if let Some((from, to)) = ends {
            let edge = self.graph.insert_edge(self.nodes[from], self.nodes[to]);
            self.edges.insert(line.clone(), edge);
            self.line_of.insert(edge, line.clone());
        }
    }

    fn remove_line(&mut self, line: &Text) {
        if let Some(edge) = self.edges.remove(line) {
            self.graph.remove_edge(edge);
            self.line_of.remove(&edge);
        }
    }

    fn set_node(&mut self, node: Text, region: Option<Text>) {
        match region {
            Some(region) => {
                let graph = &mut self.graph;
                self.nodes
                    .entry(node.clone())
                    .or_insert_with(|| graph.insert_node(Arc::<str>::from(node.as_str()), 0));
                self.regions.insert(node, region);
            }
            None => {
                self.regions.remove(&node);
                if let Some(index) = self.nodes.remove(&node) {
                    self.graph.remove_node(index);
                }
            }
        }
    }
}

impl View for CriticalLines {
    type Row = Row;
    type Change = Change;
    type Out = ();

    fn close(
        &mut self,
        _: Tick,
        _: Batches<Row>,
        changes: Batches<Change>,
        _: &mut Vec<()>,
    ) -> Option<Tick> {
        let changes: Vec<Change> = changes.into_iter().flatten().collect();
        // Lines that went come first, then nodes, then lines that came: an edge needs its nodes.
        for change in &changes {
            if let Change::LiveLine { line, .. } = change {
                self.remove_line(line);
            }
        }
        for change in &changes {
            if let Change::Node { node, region } = change {
                self.set_node(node.clone(), region.clone());
            }
        }
        for change in &changes {
            if let Change::LiveLine { line, ends } = change {
                self.set_line(line, ends.as_deref());
            }
        }
        let moves = self.graph.take_moves();
        let vanished = moves.components.iter().filter(|change| change.after.is_none());
        for change in vanished {
            self.bridges.remove(&change.component);
        }
        for component in moves.rewired {
            let bridges = self.search.bridges(&self.graph, component);
            self.bridges.insert(component, bridges);
        }
        None
    }
}
