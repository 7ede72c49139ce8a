//! The library for those who embed GridWeaver: the engine's own structures, without its dataflow.
//! The crate's documentation begins with it.
//!
//! Nothing here keeps time or draws random numbers; wide searches use rayon's threads.

pub mod bids;
pub mod dispatch;
pub mod pipeline;
pub mod topology;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what no panic can leave half done: every change under these locks is one assignment, or
/// is made on a copy.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
