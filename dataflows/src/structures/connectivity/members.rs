//! The members of a component as a binary heap by rank whose nodes know their positions.
//!
//! The least member comes first, in O(1). Inserting, and removing wherever a node stands, cost
//! O(log n) at worst and O(1) on average, as most nodes stand near the leaves: less than an
//! ordered set, which would offer more order than anyone asks for.

use super::{Node, NodeIndex, narrow, widen};

/// Adds a node that is not among the members.
pub(super) fn insert(members: &mut Vec<NodeIndex>, node: NodeIndex, nodes: &mut [Node]) {
    let last = members.len();
    members.push(node);
    rise(members, last, nodes);
}

/// Removes a node that is among the members.
pub(super) fn remove(members: &mut Vec<NodeIndex>, node: NodeIndex, nodes: &mut [Node]) {
    let position = widen(nodes[node.slot()].position);
    assert_eq!(members[position], node, "a member knows its position");
    members.swap_remove(position);
    if position < members.len() {
        // The last member took the place; it may be out of order either way.
        let settled = rise(members, position, nodes);
        sink(members, settled, nodes);
    }
}

/// Lets the member at a position rise past greater ones; returns where it comes to stand.
fn rise(members: &mut [NodeIndex], mut position: usize, nodes: &mut [Node]) -> usize {
    let node = members[position];
    let rank = nodes[node.slot()].rank;
    while position > 0 {
        let above = (position - 1) / 2;
        let other = members[above];
        if nodes[other.slot()].rank < rank {
            break;
        }
        place(members, position, other, nodes);
        position = above;
    }
    place(members, position, node, nodes);
    position
}

/// Lets the member at a position sink below lesser ones.
fn sink(members: &mut [NodeIndex], mut position: usize, nodes: &mut [Node]) {
    let node = members[position];
    let rank = nodes[node.slot()].rank;
    loop {
        let rank_at = |at: usize| members.get(at).map(|below| nodes[below.slot()].rank);
        let (left, right) = (2 * position + 1, 2 * position + 2);
        let Some(left_rank) = rank_at(left) else {
            break;
        };
        let (below, below_rank) = match rank_at(right) {
            Some(right_rank) if right_rank < left_rank => (right, right_rank),
            _ => (left, left_rank),
        };
        if rank < below_rank {
            break;
        }
        place(members, position, members[below], nodes);
        position = below;
    }
    place(members, position, node, nodes);
}

fn place(members: &mut [NodeIndex], position: usize, node: NodeIndex, nodes: &mut [Node]) {
    members[position] = node;
    nodes[node.slot()].position = narrow(position);
}
