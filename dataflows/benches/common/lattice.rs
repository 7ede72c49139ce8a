//! A made grid as sparse as a transmission grid: a square lattice, thinned to a spanning tree and
//! a quarter as many chords as there are nodes. Regions are rectangles of it.
#![allow(dead_code, reason = "each bench uses a part of its helpers")]

use super::random::Random;
use std::collections::VecDeque;

/// See the module's documentation. Nodes, lines and regions are numbers from 0.
pub(crate) struct Lattice {
    pub(crate) nodes: usize,
    pub(crate) regions: usize,
    /// The ends of each line.
    pub(crate) lines: Vec<(usize, usize)>,
    width: usize,
}

impl Lattice {
    pub(crate) fn new(nodes: usize, regions: usize, random: &mut Random) -> Self {
        let width = nodes.isqrt().max(1);
        let right = |node: usize| (node + 1, !(node + 1).is_multiple_of(width));
        let below = |node: usize| (node + width, true);
        let mut possible: Vec<(usize, usize)> = (0..nodes)
            .flat_map(|node| [right(node), below(node)].map(|(to, there)| (node, to, there)))
            .filter(|(_, to, there)| *there && *to < nodes)
            .map(|(from, to, _)| (from, to))
            .collect();
        random.shuffle(&mut possible);
        let mut joined = Joined((0..nodes).collect());
        let (mut lines, chords): (Vec<_>, Vec<_>) =
            possible.into_iter().partition(|(from, to)| joined.join(*from, *to));
        lines.extend(chords.into_iter().take(nodes / 4));
        Self { nodes, regions, lines, width }
    }

    pub(crate) fn region(&self, node: usize) -> usize {
        let across = self.regions.isqrt().max(1);
        let down = self.regions.div_ceil(across);
        let height = self.nodes.div_ceil(self.width);
        let (column, row) = (node % self.width, node / self.width);
        let place = (row * down / height) * across + column * across / self.width;
        place.min(self.regions - 1)
    }
}

/// Which nodes are joined so far: each leads to another of its tree, or to itself.
struct Joined(Vec<usize>);

impl Joined {
    /// Joins two nodes; false where they were joined already.
    fn join(&mut self, a: usize, b: usize) -> bool {
        let (a, b) = (self.end(a), self.end(b));
        self.0[a] = b;
        a != b
    }

    fn end(&mut self, mut node: usize) -> usize {
        while self.0[node] != node {
            self.0[node] = self.0[self.0[node]];
            node = self.0[node];
        }
        node
    }
}

/// Lines that are switched one after the other while the share of open ones stays as it is.
pub(crate) struct Switchboard {
    is_open: Vec<bool>,
    opened: VecDeque<usize>,
    open_next: bool,
}

impl Switchboard {
    /// Opens lines at random until so many are.
    pub(crate) fn new(lines: usize, open: usize, random: &mut Random) -> Self {
        let mut board =
            Self { is_open: vec![false; lines], opened: VecDeque::new(), open_next: true };
        while board.opened.len() < open {
            board.open_one(random);
        }
        board
    }

    /// The lines that are open.
    pub(crate) fn open(&self) -> impl Iterator<Item = usize> + '_ {
        self.opened.iter().copied()
    }

    /// Opens a line or, in turn, closes the one that has been open for longest; returns it and
    /// whether it is in service now.
    pub(crate) fn switch(&mut self, random: &mut Random) -> (usize, bool) {
        self.open_next = !self.open_next;
        if !self.open_next {
            return (self.open_one(random), false);
        }
        let line = self.opened.pop_front().expect("one was opened just before");
        self.is_open[line] = false;
        (line, true)
    }

    fn open_one(&mut self, random: &mut Random) -> usize {
        loop {
            let line = random.below(self.is_open.len());
            if !self.is_open[line] {
                self.is_open[line] = true;
                self.opened.push_back(line);
                return line;
            }
        }
    }
}
