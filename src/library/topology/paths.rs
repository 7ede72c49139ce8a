//! Searches. All go backward from the target; the path is then read forward, where the first
//! neighbour that leads on is the one of the least name.

use super::chunk::Link;
use super::snapshot::Snapshot;
use super::weight::{self, compounded};
use gridweaver_model::Text;
use rayon::prelude::*;
use std::cell::RefCell;
use std::cmp::{Ordering as Compared, Reverse};
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// A level of a search with fewer nodes than this is not shared out.
const SHARED_LEVEL: usize = 256;

/// What a thread's searches reuse.
#[derive(Default)]
struct Scratch {
    /// By node: the level it was found in, above `floor`. What is not above it is of an earlier
    /// search.
    found: Vec<AtomicU32>,
    floor: u32,
    queue: Vec<u32>,
    labels: Vec<Label>,
    search: u32,
    open: BinaryHeap<Reverse<(u64, u32, u32)>>,
}

/// The best way found from a node to the target.
#[derive(Clone, Copy, Default)]
struct Label {
    loss: (u64, u64),
    hops: u32,
    /// The search that it is of.
    search: u32,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Scratch {
    /// Prepares for a search by levels.
    fn begin(&mut self, slots: usize) {
        let room = u32::MAX - u32::try_from(slots).unwrap_or(u32::MAX / 2) - 2;
        let last = self.floor.saturating_add(u32::try_from(self.found.len()).unwrap_or(0) + 2);
        self.floor = if last < room { last } else { 0 };
        if self.floor == 0 {
            self.found.clear();
        }
        if self.found.len() < slots {
            self.found.resize_with(slots, AtomicU32::default);
        }
        self.queue.clear();
    }

    /// The hops from a node to where the search began, if it was found.
    fn hops(&self, node: u32) -> Option<u32> {
        self.found[node as usize].load(Ordering::Relaxed).checked_sub(self.floor + 1)
    }

    /// Whether the node had not been found; now it is.
    fn find(&self, node: u32, hops: u32) -> bool {
        let found = &self.found[node as usize];
        let fresh = found.load(Ordering::Relaxed) <= self.floor;
        if fresh {
            found.store(self.floor + 1 + hops, Ordering::Relaxed);
        }
        fresh
    }

    /// Searches level by level until `wanted` is found or `hops_max` levels are done; the nodes
    /// found stand in the queue.
    fn spread(&mut self, grid: &Snapshot, start: u32, wanted: Option<u32>, hops_max: u32) {
        self.begin(grid.slots());
        self.find(start, 0);
        self.queue.push(start);
        let mut at = 0;
        while at < self.queue.len() {
            let node = self.queue[at];
            at += 1;
            let hops = self.hops(node).unwrap_or(0);
            if hops >= hops_max || wanted.is_some_and(|wanted| self.hops(wanted).is_some()) {
                return;
            }
            for near in grid.near(node) {
                if self.find(*near, hops + 1) {
                    self.queue.push(*near);
                }
            }
        }
    }

    /// The same for one target, large levels shared out over threads.
    fn spread_wide(&mut self, grid: &Snapshot, start: u32, wanted: u32) {
        self.begin(grid.slots());
        self.find(start, 0);
        self.queue.push(start);
        let ended = AtomicBool::new(start == wanted);
        let mut hops = 0;
        while !self.queue.is_empty() && !ended.load(Ordering::Relaxed) {
            hops += 1;
            let level = std::mem::take(&mut self.queue);
            let this = &*self;
            let branch = |nodes: &[u32]| {
                let mut next = Vec::new();
                for node in nodes {
                    if ended.load(Ordering::Relaxed) {
                        break;
                    }
                    for near in grid.near(*node) {
                        if this.claim(*near, hops) {
                            next.push(*near);
                            if *near == wanted {
                                ended.store(true, Ordering::Relaxed);
                            }
                        }
                    }
                }
                next
            };
            self.queue = if level.len() < SHARED_LEVEL {
                branch(&level)
            } else {
                level.par_chunks(SHARED_LEVEL / 2).flat_map_iter(branch).collect()
            };
        }
    }

    /// As [`Scratch::find`], for one of several branches.
    fn claim(&self, node: u32, hops: u32) -> bool {
        let found = &self.found[node as usize];
        let held = found.load(Ordering::Relaxed);
        held <= self.floor
            && found
                .compare_exchange(held, self.floor + 1 + hops, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Reads the path off the levels.
    fn read_levels(&self, grid: &Snapshot, from: u32, path: &mut Vec<Text>) -> bool {
        let Some(hops) = self.hops(from) else { return false };
        let mut node = from;
        path.push(grid.name(node).clone());
        for left in (0..hops).rev() {
            let next = grid.near(node).iter().find(|near| self.hops(**near) == Some(left));
            let Some(next) = next else { return false };
            node = *next;
            path.push(grid.name(node).clone());
        }
        true
    }

    /// Labels nodes with the least compounded loss to `target`, until that of `from` is sure.
    fn label(&mut self, grid: &Snapshot, target: u32, from: u32) {
        if self.labels.len() < grid.slots() {
            self.labels.resize(grid.slots(), Label::default());
        }
        self.search = self.search.checked_add(1).unwrap_or_else(|| {
            self.labels.fill(Label::default());
            1
        });
        self.open.clear();
        let search = self.search;
        self.labels[target as usize] = Label { loss: weight::NOTHING, hops: 0, search };
        self.open.push(Reverse((0, 0, target)));
        while let Some(Reverse((loss, hops, node))) = self.open.pop() {
            let label = self.labels[node as usize];
            if (label.loss.0, label.hops) != (loss, hops) {
                continue;
            }
            let goal = self.labels[from as usize];
            // Equal losses may differ by the rounding of their logarithms: one a hop at most.
            if goal.search == search && loss > goal.loss.0.saturating_add(u64::from(goal.hops)) {
                return;
            }
            for (near, link) in grid.links(node) {
                let offered = Label { search, ..onward(label, link) };
                let held = self.labels[near as usize];
                if held.search != search || better(&offered, &held) == Compared::Less {
                    self.labels[near as usize] = offered;
                    self.open.push(Reverse((offered.loss.0, offered.hops, near)));
                }
            }
        }
    }

    fn read_labels(&self, grid: &Snapshot, from: u32, path: &mut Vec<Text>) -> bool {
        let mut node = from;
        if self.labels[node as usize].search != self.search {
            return false;
        }
        path.push(grid.name(node).clone());
        while self.labels[node as usize].hops > 0 {
            let label = self.labels[node as usize];
            let leads = |(near, link): &(u32, &Link)| {
                let next = self.labels[*near as usize];
                next.search == self.search && better(&onward(next, link), &label) == Compared::Equal
            };
            let Some((next, _)) = grid.links(node).find(leads) else { return false };
            node = next;
            path.push(grid.name(node).clone());
        }
        true
    }
}

fn onward(label: Label, link: &Link) -> Label {
    let loss = compounded(label.loss, (link.weight, link.print));
    Label { loss, hops: label.hops + 1, search: label.search }
}

/// Less loss, then fewer hops.
fn better(a: &Label, b: &Label) -> Compared {
    let loss = if a.loss.1 == b.loss.1 { Compared::Equal } else { a.loss.0.cmp(&b.loss.0) };
    loss.then(a.hops.cmp(&b.hops))
}

impl Snapshot {
    /// The path with the fewest hops; among those, at each step the least node name. `None` where
    /// there is none, or a node is unknown.
    #[must_use]
    pub fn find_path(&self, from: &str, to: &str) -> Option<Vec<Text>> {
        let mut path = Vec::new();
        self.find_path_into(from, to, &mut path).then_some(path)
    }

    /// As [`Snapshot::find_path`], into a vector that is reused; false, and it is empty, where
    /// there is no path.
    pub fn find_path_into(&self, from: &str, to: &str, path: &mut Vec<Text>) -> bool {
        self.search(from, to, path, |scratch, from, to, path| {
            scratch.spread(self, to, Some(from), u32::MAX);
            scratch.read_levels(self, from, path)
        })
    }

    /// The path of [`Snapshot::find_path`], found by several branches at once where a search is
    /// wide; all end as soon as one has found the way.
    #[must_use]
    pub fn parallel_find_path(&self, from: &str, to: &str) -> Option<Vec<Text>> {
        let mut path = Vec::new();
        let found = self.search(from, to, &mut path, |scratch, from, to, path| {
            scratch.spread_wide(self, to, from);
            scratch.read_levels(self, from, path)
        });
        found.then_some(path)
    }

    /// The path with the least compounded loss; ties by fewest hops, then at each step the least
    /// node name. `None` where there is none, or a node is unknown.
    #[must_use]
    pub fn cheapest_path(&self, from: &str, to: &str) -> Option<Vec<Text>> {
        let mut path = Vec::new();
        self.cheapest_path_into(from, to, &mut path).then_some(path)
    }

    /// As [`Snapshot::cheapest_path`], into a vector that is reused.
    pub fn cheapest_path_into(&self, from: &str, to: &str, path: &mut Vec<Text>) -> bool {
        self.search(from, to, path, |scratch, from, to, path| {
            scratch.label(self, to, from);
            scratch.read_labels(self, from, path)
        })
    }

    /// The nodes at most `hops` lines away, by name, `from` itself among them; none where it is
    /// unknown.
    #[must_use]
    pub fn reachable_within(&self, from: &str, hops: u32) -> Vec<Text> {
        let mut nodes = Vec::new();
        self.reachable_within_into(from, hops, &mut nodes);
        nodes
    }

    /// As [`Snapshot::reachable_within`], into a vector that is reused.
    pub fn reachable_within_into(&self, from: &str, hops: u32, nodes: &mut Vec<Text>) {
        nodes.clear();
        let Some(from) = self.number(from) else { return };
        // A parallel search may run another job of this thread while it waits.
        SCRATCH.with(|kept| {
            let mut scratch = kept.take();
            scratch.spread(self, from, None, hops);
            nodes.extend(scratch.queue.iter().map(|node| self.name(*node).clone()));
            kept.replace(scratch);
        });
        nodes.sort_unstable();
    }

    fn search(
        &self,
        from: &str,
        to: &str,
        path: &mut Vec<Text>,
        search: impl FnOnce(&mut Scratch, u32, u32, &mut Vec<Text>) -> bool,
    ) -> bool {
        path.clear();
        let (Some(from), Some(to)) = (self.number(from), self.number(to)) else { return false };
        SCRATCH.with(|scratch| {
            let mut taken = scratch.take();
            let found = search(&mut taken, from, to, path);
            scratch.replace(taken);
            found
        })
    }
}
