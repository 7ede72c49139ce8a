//! How a snapshot is exchanged: writers edit a working copy in turn and publish it whole, readers
//! take what is published.
//!
//! Publishing belongs to a writer's turn. After it, two writers could publish in the other order,
//! and the later edit would be lost until the next. `tests/exchange.rs` runs this file under loom
//! in every interleaving, and shows that such an exchange fails there.

use super::sync::{Published, Turn};
use std::ops::Deref;
use std::sync::Arc;

pub(super) struct Exchange<W, S> {
    working: Turn<W>,
    published: Published<S>,
}

impl<W, S> Exchange<W, S> {
    pub(super) fn new(working: W, first: S) -> Self {
        Self { working: Turn::new(working), published: Published::new(first) }
    }

    /// What is published now, for a short while.
    pub(super) fn read(&self) -> impl Deref<Target = Arc<S>> {
        self.published.load()
    }

    /// What is published now, to keep.
    pub(super) fn read_owned(&self) -> Arc<S> {
        Arc::clone(&self.read())
    }

    /// Edits the working copy and publishes what has become of it.
    pub(super) fn update<R>(
        &self,
        edit: impl FnOnce(&mut W) -> R,
        snapshot_of: impl FnOnce(&W) -> S,
    ) -> R {
        self.working.take(|working| {
            let result = edit(working);
            self.published.store(snapshot_of(working));
            result
        })
    }
}
