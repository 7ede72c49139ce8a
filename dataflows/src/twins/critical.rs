//! Twin of the contingency view: the live lines whose loss alone would split their island.
//!
//! Bridges are found by one depth-first walk of each island: a line is one where nothing below it
//! reaches above it by another line. What hangs below is then a run of the walk's order.

use super::shape::{Island, Shape};
use gridweaver_model::{Text, Watts};
use std::collections::{BTreeMap, BTreeSet};

/// What a critical line's loss would cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutOff {
    /// How many nodes.
    pub nodes: usize,
    /// Their regions.
    pub regions: BTreeSet<Text>,
    /// Their load.
    pub load: Watts,
}

/// The critical lines, by name; `load` gives a node's load.
#[must_use]
pub fn critical_lines(shape: &Shape, load: impl Fn(&Text) -> Watts) -> BTreeMap<Text, CutOff> {
    let mut neighbours: BTreeMap<&Text, Vec<(&Text, &Text)>> = BTreeMap::new();
    for (name, line) in &shape.lines {
        neighbours.entry(&line.from).or_default().push((name, &line.to));
        neighbours.entry(&line.to).or_default().push((name, &line.from));
    }
    let mut found = BTreeMap::new();
    for (start, island) in &shape.islands {
        let walk = Walk::of(start, &neighbours);
        for (line, below) in walk.bridges() {
            let nodes = smaller_side(&walk, below, island);
            let regions = nodes
                .iter()
                .map(|node| shape.areas[&shape.area_of[*node]].region.clone())
                .collect();
            let load = nodes.iter().map(|node| load(node)).sum();
            found.insert(line.clone(), CutOff { nodes: nodes.len(), regions, load });
        }
    }
    found
}

/// The side with fewer nodes; of equal ones the side without the island's least node, which is
/// where every walk starts.
fn smaller_side<'a>(
    walk: &Walk<'a>,
    below: std::ops::Range<usize>,
    island: &Island,
) -> Vec<&'a Text> {
    if 2 * below.len() <= island.nodes.len() {
        walk.order[below].to_vec()
    } else {
        let (before, after) = (&walk.order[..below.start], &walk.order[below.end..]);
        before.iter().chain(after).copied().collect()
    }
}

/// A depth-first walk: nodes in the order in which they were first met.
struct Walk<'a> {
    order: Vec<&'a Text>,
    /// The line that each node was reached by; none for the first.
    reached_by: Vec<Option<&'a Text>>,
    /// The least place reached from each node or from below it, but for the line it was reached by.
    lowest: Vec<usize>,
    /// The place behind the last node below each.
    end: Vec<usize>,
}

impl<'a> Walk<'a> {
    fn of(start: &'a Text, neighbours: &BTreeMap<&'a Text, Vec<(&'a Text, &'a Text)>>) -> Self {
        let mut walk = Self { order: vec![], reached_by: vec![], lowest: vec![], end: vec![] };
        let mut place: BTreeMap<&Text, usize> = BTreeMap::new();
        walk.meet(start, None, &mut place);
        // The nodes from the start to where the walk stands, each with its next line to try.
        let mut path = vec![(0, 0)];
        while let Some((at, tried)) = path.last_mut() {
            let at = *at;
            let lines = neighbours.get(walk.order[at]).map_or(&[][..], Vec::as_slice);
            let Some(&(line, next)) = lines.get(*tried) else {
                walk.end[at] = walk.order.len();
                path.pop();
                if let Some((above, _)) = path.last() {
                    walk.lowest[*above] = walk.lowest[*above].min(walk.lowest[at]);
                }
                continue;
            };
            *tried += 1;
            if walk.reached_by[at] == Some(line) {
                continue;
            }
            if let Some(&known) = place.get(next) {
                walk.lowest[at] = walk.lowest[at].min(known);
            } else {
                path.push((walk.meet(next, Some(line), &mut place), 0));
            }
        }
        walk
    }

    fn meet(
        &mut self,
        node: &'a Text,
        by: Option<&'a Text>,
        place: &mut BTreeMap<&'a Text, usize>,
    ) -> usize {
        let at = self.order.len();
        place.insert(node, at);
        self.order.push(node);
        self.reached_by.push(by);
        self.lowest.push(at);
        self.end.push(at);
        at
    }

    /// The bridges, each with the places of the nodes below it.
    fn bridges(&self) -> impl Iterator<Item = (&'a Text, std::ops::Range<usize>)> + '_ {
        (0..self.order.len()).filter_map(|at| {
            let line = self.reached_by[at]?;
            (self.lowest[at] == at).then_some((line, at..self.end[at]))
        })
    }
}
