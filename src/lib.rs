//! GridWeaver: a streaming dataflow engine for electric grids.
//!
//! Grid events (telemetry, switching, bids, operator declarations) stream in; incremental timely and
//! differential dataflows maintain topology, capacity totals and bid rankings; dispatch orders
//! stream out: demand response first, then transfers between regions over lines with limits and
//! losses, then an honest «unmet». Every decision is an event that can be replayed and proven.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`engine`] | partitions in, decisions out, nobody ahead of the probe |
//! | [`settings`] | the configuration |
//! | [`state`] | what the views held at a time |
//! | [`verify`] | the checker of recorded decisions, independent of the planner |
//! | [`compare`] | two recorded outputs side by side |
//! | [`report`] | latency logs and the day of a run as tables and plots |
//! | [`import`] | known grid formats to records |
//! | [`summary`], [`latency`] | what a run came to |
//!
//! The records are in [`model`], the views in [`dataflows`], files in [`connectors`].

pub mod compare;
pub mod engine;
pub mod import;
pub mod latency;
pub mod report;
pub mod settings;
pub mod state;
pub mod summary;
mod unmet;
pub mod verify;

pub use gridweaver_connectors as connectors;
pub use gridweaver_dataflows as dataflows;
pub use gridweaver_model as model;
