//! Adjacency in chunks of nodes, and maps in shards: a change copies one of them, the rest is
//! shared with the snapshots before it.

use gridweaver_model::{Lookup, Ppm, Price, Text, Watts};
use std::hash::BuildHasher;
use std::sync::Arc;

/// Nodes of a chunk: a chunk is then a few kilobytes, a grid of 70 000 nodes 1 100 chunks.
pub(super) const NODES: usize = 64;
const SHARDS: usize = 256;

/// What joins a node to a neighbour: the live lines between them, as one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Link {
    pub(super) capacity: Watts,
    pub(super) loss: Ppm,
    pub(super) wheeling_price: Price,
    /// What standing transfers send this way.
    pub(super) standing: Watts,
    /// The loss as it is compounded; see [`super::weight`].
    pub(super) weight: u64,
    pub(super) print: u64,
}

/// The links of [`NODES`] nodes, one after the other, each node's by the name of the neighbour.
#[derive(Clone)]
pub(super) struct Chunk {
    /// Where each node's links end.
    ends: [u32; NODES],
    pub(super) to: Vec<u32>,
    pub(super) links: Vec<Link>,
}

impl Chunk {
    pub(super) fn new() -> Self {
        Self { ends: [0; NODES], to: Vec::new(), links: Vec::new() }
    }

    pub(super) fn range(&self, at: usize) -> std::ops::Range<usize> {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        start..self.ends[at] as usize
    }

    pub(super) fn insert(&mut self, at: usize, place: usize, to: u32, link: Link) {
        self.to.insert(place, to);
        self.links.insert(place, link);
        self.ends[at..].iter_mut().for_each(|end| *end += 1);
    }

    pub(super) fn remove(&mut self, at: usize, place: usize) {
        self.to.remove(place);
        self.links.remove(place);
        self.ends[at..].iter_mut().for_each(|end| *end -= 1);
    }
}

/// A map by name whose copies share all shards that did not change.
#[derive(Clone)]
pub(super) struct Sharded<V> {
    shards: Vec<Arc<Lookup<Text, V>>>,
}

impl<V> Default for Sharded<V> {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Arc::default()).collect() }
    }
}

impl<V: Clone> Sharded<V> {
    fn shard(&self, name: &str) -> usize {
        let hash = self.shards[0].hasher().hash_one(name);
        // The map's own place comes from the ends of the hash.
        usize::try_from(hash >> 24).unwrap_or(0) % SHARDS
    }

    pub(super) fn get(&self, name: &str) -> Option<&V> {
        self.shards[self.shard(name)].get(name)
    }

    pub(super) fn set(&mut self, name: &Text, value: Option<V>) -> Option<V> {
        let shard = self.shard(name);
        let map = Arc::make_mut(&mut self.shards[shard]);
        match value {
            Some(value) => map.insert(name.clone(), value),
            None => map.remove(name),
        }
    }

    /// The shards, each in no order that means anything.
    pub(super) fn shards(&self) -> &[Arc<Lookup<Text, V>>] {
        &self.shards
    }
}
