//! Ranks: numbers that order nodes as their names do (byte order), so that comparing two nodes
//! compares two integers.
//!
//! A new name takes a rank between those of its neighbours. Where none is free, the ranks around
//! it are spread out anew, in the smallest aligned window that is sparse enough for that to last
//! (order maintenance after Bender and others, 2002): O(log n) ranks an insertion, amortised.
//! Spreading keeps the order, so nothing that is ordered by rank needs to be told.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::{Node, NodeIndex};

/// The distance left to the next rank beyond the least or greatest name, where names mostly come.
const STRIDE: u64 = 1 << 32;

#[derive(Default)]
pub(super) struct NameOrder {
    by_name: BTreeMap<Arc<str>, NodeIndex>,
}

impl NameOrder {
    /// Gives a node its rank. No node of that name may be there.
    pub(super) fn insert(&mut self, name: Arc<str>, node: NodeIndex, nodes: &mut [Node]) {
        let rank = match self.rank_between_neighbours(&name, nodes) {
            Some(rank) => rank,
            None => {
                self.spread(&name, nodes);
                self.rank_between_neighbours(&name, nodes).expect("spreading leaves room")
            }
        };
        nodes[node.slot()].rank = rank;
        let previous = self.by_name.insert(name, node);
        assert!(previous.is_none(), "a node's name is its own");
    }

    pub(super) fn remove(&mut self, name: &str) {
        let removed = self.by_name.remove(name);
        assert!(removed.is_some(), "a node that is there has a name");
    }

    pub(super) fn find(&self, name: &str) -> Option<NodeIndex> {
        self.by_name.get(name).copied()
    }

    fn rank_between_neighbours(&self, name: &str, nodes: &[Node]) -> Option<u64> {
        let rank = |node: NodeIndex| nodes[node.slot()].rank;
        let neighbours = (self.below(name).next().map(rank), self.above(name).next().map(rank));
        let (low, high) = match neighbours {
            (None, None) => return Some(u64::MAX / 2),
            (Some(low), None) if low < u64::MAX - STRIDE => return Some(low + STRIDE),
            (None, Some(high)) if high > STRIDE => return Some(high - STRIDE),
            (low, high) => (low.unwrap_or(0), high.unwrap_or(u64::MAX)),
        };
        assert!(low < high, "ranks rise with names");
        let rank = low.midpoint(high);
        (rank > low).then_some(rank)
    }

    /// Spreads out ranks around the place of a name that found none free.
    fn spread(&self, name: &str, nodes: &mut [Node]) {
        let mut below = self.below(name).peekable();
        let mut above = self.above(name).peekable();
        let nearest = below.peek().or(above.peek()).expect("an empty order has room");
        let anchor = nodes[nearest.slot()].rank;
        let (mut lesser, mut greater) = (Vec::new(), Vec::new());
        for bits in 1..u64::BITS {
            let within = |node: &NodeIndex| nodes[node.slot()].rank >> bits == anchor >> bits;
            lesser.extend(std::iter::from_fn(|| below.next_if(within)));
            greater.extend(std::iter::from_fn(|| above.next_if(within)));
            // Sparse is a root of the window's ranks or fewer: each wider window allows a larger
            // fraction of what the next narrower ones hold, so they fill up again only slowly.
            let gaps = u64::try_from(lesser.len() + greater.len()).expect("a count fits") + 2;
            let gap = (1 << bits) / gaps;
            if gap > gaps {
                let mut rank = anchor >> bits << bits;
                for node in lesser.iter().rev().chain(&greater) {
                    rank += gap;
                    nodes[node.slot()].rank = rank;
                }
                return;
            }
        }
        panic!("2^32 nodes leave no room between two ranks");
    }

    /// The nodes of lesser names, the nearest first.
    fn below(&self, name: &str) -> impl Iterator<Item = NodeIndex> + '_ {
        let range = (Bound::Unbounded, Bound::Excluded(name));
        self.by_name.range::<str, _>(range).rev().map(|(_, node)| *node)
    }

    /// The nodes of greater names, the nearest first.
    fn above(&self, name: &str) -> impl Iterator<Item = NodeIndex> + '_ {
        let range = (Bound::Excluded(name), Bound::Unbounded);
        self.by_name.range::<str, _>(range).map(|(_, node)| *node)
    }
}
