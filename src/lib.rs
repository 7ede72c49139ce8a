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
//! | [`why`] | an order, explained from the records |
//! | [`compare`] | two recorded outputs side by side |
//! | [`report`] | latency logs and the day of a run as tables and plots |
//! | [`import`] | known grid formats to records |
//! | [`generate`] | a synthetic grid and its event stream |
//! | [`bench`](mod@bench) | an open-loop load on a running pipeline |
//! | [`http`] | what a live run shows: metrics, whether it is well |
//! | [`summary`], [`latency`] | what a run came to |
//!
//! The records are in [`model`], the views in [`dataflows`], outside systems in [`connectors`].
//!
//! # Embedding
//!
//! Those who embed GridWeaver have its own structures without its dataflow. Nothing there keeps time
//! or draws random numbers. Each module begins with an example; `examples/` holds a program for each.
//!
//! | module | what an embedder gets |
//! | --- | --- |
//! | [`pipeline`] | a bounded pipeline of events with composable stages |
//! | [`topology`] | paths, reach and capacity of a grid that changes while it is read |
//! | [`dispatch`] | transfers for a shortfall, ordered by the leader alone |
//! | [`bids`] | demand-response bids: submitted from many threads, ranked, cleared, applied |
//!
//! ```
//! use gridweaver::dispatch::{Alone, Dispatcher, Surplus};
//! use gridweaver::model::{Price, Time, Watts};
//! use gridweaver::pipeline::UnifiedPipeline;
//! use gridweaver::topology::{Edge, Topology};
//!
//! let topology = Topology::new();
//! topology.add_edge(Edge::new("tie-1", "north", "south", Watts(80_000_000)))?;
//! let pipeline = UnifiedPipeline::new(10_000).filter_by_type("dispatch.*");
//!
//! let mut dispatcher = Dispatcher::new(&topology, &Alone, &pipeline);
//! dispatcher.set_time(Time(1_772_323_200_000));
//! let surplus = Surplus { power: Watts(100_000_000), energy_price: Price(40_000) };
//! dispatcher.set_surplus("north", surplus);
//!
//! let orders = dispatcher.cascade_dispatch("south", Watts(50_000_000))?;
//! assert_eq!(orders[0].path, ["north", "south"]);
//! for event in pipeline.sort_by_sequence() {
//!     println!("{} {}", event.sequence(), event.type_name());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod bench;
pub mod compare;
pub mod engine;
pub mod generate;
pub mod http;
pub mod import;
pub mod latency;
mod library;
pub mod report;
pub mod settings;
pub mod state;
pub mod summary;
mod unmet;
pub mod verify;
pub mod why;

pub use gridweaver_connectors as connectors;
pub use gridweaver_dataflows as dataflows;
pub use gridweaver_model as model;
pub use library::{bids, dispatch, pipeline, topology};
