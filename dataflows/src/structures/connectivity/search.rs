//! Whether two nodes that just lost an edge are still joined: a search from both ends in step.
//!
//! Each side looks along one link in turn, breadth first, until one reaches what the other has
//! visited (still joined) or has no link left (parted, and it visited its whole side). The links
//! looked along are thus at most twice those of the smaller side, never more than those of the
//! component, and few where a short detour exists. A parallel edge is one of the end's own links.

use super::NodeIndex;
use super::adjacency::Adjacency;

/// One of the two searches; its number is that of the end it started from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    First,
    Second,
}

/// What both searches keep, reused from one to the next.
#[derive(Default)]
pub(super) struct Search {
    /// By node: the last search that visited it, and from which end. Apart from all else that is
    /// known of a node, so that the cache holds many.
    marks: Vec<u32>,
    /// The first side's mark in the last search; the second's is one more.
    mark: u32,
    first: Frontier,
    second: Frontier,
}

/// One side's visited nodes, and how far it has looked along their links.
#[derive(Default)]
struct Frontier {
    visited: Vec<NodeIndex>,
    /// The visited node whose links are being looked along, and how many of them were.
    current: usize,
    looked_along: usize,
}

enum Step {
    Further,
    Met,
    Exhausted,
}

impl Search {
    /// `None` if the two nodes are still joined, else a side all of whose nodes were found.
    pub(super) fn part(&mut self, graph: &Adjacency, a: NodeIndex, b: NodeIndex) -> Option<Side> {
        let (first, second) = self.new_marks(graph.node_count());
        self.first.start(a, first, &mut self.marks);
        self.second.start(b, second, &mut self.marks);
        loop {
            match self.first.step(first, second, graph, &mut self.marks) {
                Step::Further => {}
                Step::Met => return None,
                Step::Exhausted => return Some(Side::First),
            }
            match self.second.step(second, first, graph, &mut self.marks) {
                Step::Further => {}
                Step::Met => return None,
                Step::Exhausted => return Some(Side::Second),
            }
        }
    }

    /// Marks that no node has. As they only grow, none is cleared until the numbers run out.
    fn new_marks(&mut self, nodes: usize) -> (u32, u32) {
        self.marks.resize(nodes, 0);
        if self.mark >= u32::MAX - 3 {
            self.marks.fill(0);
            self.mark = 0;
        }
        self.mark += 2;
        (self.mark, self.mark + 1)
    }

    /// Lends the nodes that a side visited in the last search.
    pub(super) fn take_found(&mut self, side: Side) -> Vec<NodeIndex> {
        std::mem::take(&mut self.frontier(side).visited)
    }

    /// Returns what was lent, so that the next search need not allocate.
    pub(super) fn give_back(&mut self, side: Side, found: Vec<NodeIndex>) {
        self.frontier(side).visited = found;
    }

    fn frontier(&mut self, side: Side) -> &mut Frontier {
        match side {
            Side::First => &mut self.first,
            Side::Second => &mut self.second,
        }
    }
}

impl Frontier {
    fn start(&mut self, node: NodeIndex, mark: u32, marks: &mut [u32]) {
        self.visited.clear();
        self.visited.push(node);
        self.current = 0;
        self.looked_along = 0;
        marks[node.slot()] = mark;
    }

    /// Looks along one link.
    fn step(&mut self, own: u32, other: u32, graph: &Adjacency, marks: &mut [u32]) -> Step {
        let link = loop {
            let Some(node) = self.visited.get(self.current) else {
                return Step::Exhausted;
            };
            if let Some(link) = graph.links(*node).get(self.looked_along) {
                break link;
            }
            self.current += 1;
            self.looked_along = 0;
        };
        self.looked_along += 1;
        let mark = &mut marks[link.neighbour.slot()];
        if *mark == other {
            return Step::Met;
        }
        if *mark != own {
            *mark = own;
            self.visited.push(link.neighbour);
        }
        Step::Further
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_that_ran_out_start_anew() {
        let mut graph = Adjacency::default();
        (0..3).for_each(|_| graph.push_node());
        let [a, b, c] = [0, 1, 2].map(NodeIndex);
        graph.insert_edge(a, b);
        let mut search = Search::default();
        assert_eq!(search.part(&graph, a, b), None);
        search.mark = u32::MAX - 5;
        for _ in 0..3 {
            assert_eq!(search.part(&graph, a, b), None);
            assert!(search.part(&graph, b, c).is_some());
        }
        assert!(search.mark < 16);
    }
}
