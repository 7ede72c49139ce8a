//! The twins: one slow, plain recomputation of every maintained view.
//!
//! Each says in loops and ordered maps what a view means, from scratch, with no thought for speed.
//! Tests hold the dataflows to them and `gridweaver verify` stands on them, so they share nothing
//! with the operators and the planner: only the model crate (records, units, decoding).
//!
//! | module | the view that it doubles |
//! | --- | --- |
//! | [`history`], [`dedup`] | watermarks, admission, late records, duplicates |
//! | [`collections`], [`offers`] | upserts, removals, submission times, what is forgotten |
//! | [`shape`], [`interfaces`], [`critical`] | islands, areas, violations, interfaces, bridges |
//! | [`totals`], [`ladder`] | capacity totals and staleness; eligibility, score and rank |
//! | [`book`], [`replies`] | standing orders as recorded, answers and relief |
//! | [`picture`], [`telling`], [`replay`] | all of it at one tick's end, as `state` shows it |

pub mod book;
pub mod collections;
pub mod critical;
pub mod dedup;
pub mod history;
pub mod interfaces;
pub mod ladder;
pub mod offers;
pub mod picture;
pub mod replay;
pub mod replies;
pub mod shape;
pub mod telling;
pub mod totals;

#[cfg(test)]
mod tests;

pub use picture::Picture;
pub use replay::{State, state_at};
