//! GridWeaver's connectors: how bytes come in from outside systems and go out to them.
//!
//! A connector carries bytes without interpreting them. It promises order within a partition, a
//! position for every record, bounded memory whatever it is fed, and errors that say what, where
//! and what to do; a sink promises that what it has committed is durable. It knows of no tick, no
//! watermark and no dataflow: those are the engine's.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`contract`] | what every outside system is: [`Source`] or [`Sink`], a [`Batch`] between; a [`Feed`] for load tests |
//! | [`file`](mod@file) | JSONL files, globs, standard input, pipes; `.gz`, `.zst`; growing files |
//! | `kafka` | topics of an Apache Kafka cluster; transactions out |
//! | `nats` | NATS JetStream streams |
//!
//! Each outside system is one folder behind a cargo feature of its name; adding one is adding a
//! folder and a line where the configuration names it.

pub mod contract;
#[cfg(feature = "file")]
pub mod file;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "nats")]
pub mod nats;

pub use contract::{Batch, Feed, Guarantee, Progress, Sink, SinkError, Source, SourceError};
