//! The dataflows of GridWeaver: from admitted records to a tick's decisions.
//!
//! Each maintained view is a file and a named operator: a plain [`View`](by_tick::View) that is
//! given all of a tick at once and tells what changed. No I/O, no clock, no configuration file.
//! Three vocabularies flow: [`row::Row`]s in, [`change::Change`]s between views, decisions out.
//!
//! | module | what it maintains |
//! | --- | --- |
//! | [`admission`] | a partition's watermark, and the tick that a record enters |
//! | [`dedup`] | which copy of a record counts |
//! | [`islands`] | nodes, live lines, islands and areas |
//! | [`interfaces`], [`critical_lines`], [`violations`] | what follows from them |
//! | [`latest`], [`totals`] | the newest readings, and their sums by area |
//! | [`regions`] | reserves, prices, limits, declared shortfalls |
//! | [`programs`], [`reliability`], [`bids`], [`score`] | demand response on offer |
//! | [`unresolved`] | what refers to something missing |
//! | [`planner`] | orders that stand |
//! | [`closing`] | a tick's decisions, in order |
//! | [`pipeline`] | how they are joined |
//! | [`structures`] | the plain data structures inside them |
//! | [`picture`] | what a state shows |

pub mod admission;
pub mod bids;
pub mod by_tick;
pub mod change;
pub mod closing;
pub mod critical_lines;
pub mod dedup;
mod differences;
pub mod facts;
pub mod interfaces;
pub mod islands;
pub mod latest;
pub mod picture;
pub mod pipeline;
pub mod planner;
pub mod programs;
mod refused;
pub mod regions;
pub mod reliability;
pub mod row;
pub mod saved;
pub mod score;
pub mod structures;
pub mod totals;
pub mod twins;
pub mod unresolved;
pub mod violations;
