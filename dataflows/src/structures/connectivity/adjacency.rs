//! The edges at each node: one block of links a node, all blocks in one pool.
//!
//! A pool, and blocks laid down in the order of nodes, because searches are bound by the cache:
//! with a vector of its own for each node, the slowest hundredth of openings took 1.6 times as
//! long at 70 000 nodes. A node's links always lie side by side. A block that is full moves to one
//! twice its size, and what it leaves serves the next node that grows to that size. A block does
//! not shrink: it waits for the edges to come back, or with its handle for the next node.

use super::{EdgeIndex, NodeIndex, narrow, widen};

/// The links that a block has room for at first. Few nodes of a grid have more.
const FIRST_CAPACITY: u32 = 4;

/// One edge as seen from one of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The other end.
    pub neighbour: NodeIndex,
    /// The edge that leads there.
    pub edge: EdgeIndex,
}

/// What fills the room for further links.
const NO_LINK: Link = Link { neighbour: NodeIndex(u32::MAX), edge: EdgeIndex(u32::MAX) };

#[derive(Default)]
pub(super) struct Adjacency {
    /// By node.
    blocks: Vec<Block>,
    pool: Vec<Link>,
    /// Where blocks that were outgrown begin, by the binary logarithm of their capacity.
    outgrown: Vec<Vec<u32>>,
    edges: Vec<Edge>,
    free_edges: Vec<EdgeIndex>,
}

/// The part of the pool that holds a node's links.
#[derive(Clone, Copy)]
struct Block {
    start: u32,
    length: u32,
    capacity: u32,
}

/// An edge that is not there has ends that are equal.
struct Edge {
    ends: [NodeIndex; 2],
    /// Where the edge stands among the links of either end.
    positions: [u32; 2],
}

impl Adjacency {
    /// Makes room for one more node; its handle is the number of nodes so far.
    pub(super) fn push_node(&mut self) {
        let start = self.claim(FIRST_CAPACITY);
        self.blocks.push(Block { start, length: 0, capacity: FIRST_CAPACITY });
    }

    /// The number of nodes, those removed included.
    pub(super) fn node_count(&self) -> usize {
        self.blocks.len()
    }

    pub(super) fn links(&self, node: NodeIndex) -> &[Link] {
        let block = self.blocks[node.slot()];
        let start = widen(block.start);
        &self.pool[start..start + widen(block.length)]
    }

    pub(super) fn insert_edge(&mut self, a: NodeIndex, b: NodeIndex) -> EdgeIndex {
        assert_ne!(a, b, "an edge joins two nodes");
        let edge = self.free_edges.pop().unwrap_or_else(|| EdgeIndex(narrow(self.edges.len())));
        let positions =
            [(a, b), (b, a)].map(|(end, neighbour)| self.push_link(end, Link { neighbour, edge }));
        let inserted = Edge { ends: [a, b], positions };
        match self.edges.get_mut(edge.slot()) {
            Some(slot) => *slot = inserted,
            None => self.edges.push(inserted),
        }
        edge
    }

    /// Returns the ends that the edge had.
    pub(super) fn remove_edge(&mut self, edge: EdgeIndex) -> [NodeIndex; 2] {
        let Edge { ends, positions } = self.edges[edge.slot()];
        assert_ne!(ends[0], ends[1], "an edge is removed once");
        for (end, position) in ends.into_iter().zip(positions) {
            self.swap_remove_link(end, position);
        }
        self.edges[edge.slot()].ends = [ends[0]; 2];
        self.free_edges.push(edge);
        ends
    }

    pub(super) fn ends(&self, edge: EdgeIndex) -> [NodeIndex; 2] {
        let ends = self.edges[edge.slot()].ends;
        assert_ne!(ends[0], ends[1], "the edge was removed");
        ends
    }

    /// Returns the position of the link at its node.
    fn push_link(&mut self, node: NodeIndex, link: Link) -> u32 {
        let mut block = self.blocks[node.slot()];
        if block.length == block.capacity {
            block = self.grow(block);
        }
        self.pool[widen(block.start + block.length)] = link;
        self.blocks[node.slot()] = Block { length: block.length + 1, ..block };
        block.length
    }

    /// Takes a link away and puts the node's last one in its position.
    fn swap_remove_link(&mut self, node: NodeIndex, position: u32) {
        let block = &mut self.blocks[node.slot()];
        block.length -= 1;
        let last = widen(block.start + block.length);
        if position < block.length {
            let moved = self.pool[last];
            self.pool[widen(block.start + position)] = moved;
            let edge = &mut self.edges[moved.edge.slot()];
            edge.positions[usize::from(edge.ends[1] == node)] = position;
        }
        self.pool[last] = NO_LINK;
    }

    /// Moves a full block to one twice its size.
    fn grow(&mut self, full: Block) -> Block {
        let start = self.claim(full.capacity * 2);
        let links = widen(full.start)..widen(full.start + full.length);
        self.pool.copy_within(links, widen(start));
        let class = class(full.capacity);
        if self.outgrown.len() <= class {
            self.outgrown.resize_with(class + 1, Vec::new);
        }
        self.outgrown[class].push(full.start);
        Block { start, length: full.length, capacity: full.capacity * 2 }
    }

    /// Finds room in the pool for a number of links that is a power of two.
    fn claim(&mut self, capacity: u32) -> u32 {
        if let Some(start) = self.outgrown.get_mut(class(capacity)).and_then(Vec::pop) {
            return start;
        }
        let start = narrow(self.pool.len());
        self.pool.resize(self.pool.len() + widen(capacity), NO_LINK);
        start
    }
}

fn class(capacity: u32) -> usize {
    widen(capacity.trailing_zeros())
}
