//! What the exchange is made of: the loom test brings its own.

use arc_swap::ArcSwap;
use std::sync::{Arc, PoisonError};

/// A place that readers take from without waiting.
pub(super) struct Published<S>(ArcSwap<S>);

impl<S> Published<S> {
    pub(super) fn new(first: S) -> Self {
        Self(ArcSwap::from_pointee(first))
    }

    pub(super) fn load(&self) -> impl std::ops::Deref<Target = Arc<S>> {
        self.0.load()
    }

    pub(super) fn store(&self, next: S) {
        self.0.store(Arc::new(next));
    }
}

/// Writers take turns.
pub(super) struct Turn<W>(std::sync::Mutex<W>);

impl<W> Turn<W> {
    pub(super) fn new(working: W) -> Self {
        Self(std::sync::Mutex::new(working))
    }

    pub(super) fn take<R>(&self, work: impl FnOnce(&mut W) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
