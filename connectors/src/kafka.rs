//! Apache Kafka: topics in, topics out.
//!
//! A partition is named `kafka/<topic>/<partition>`; the position of a record is its offset. The
//! offsets of a partition have gaps where transactions ended or were aborted.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `cluster` | [`Cluster`]: whom to talk to, and which settings of the client are ours |
//! | `topics` | [`Topics`]: from names and patterns to [`partitions`] |
//! | `reader` | what every reading from a cluster shares |
//! | `source` | [`KafkaSource`]: one partition to batches |
//! | `records` | of a line written: its topic and its key |
//! | `producer` | what every writing to a cluster shares |
//! | `sink` | [`KafkaSink`]: ticks to transactions |
//! | `ticks` | which ticks a topic holds: where a sink goes on |
//! | `dead_letters` | [`KafkaDeadLetters`]: a topic for what can't be read |
//! | `feed` | [`KafkaFeed`]: records to a topic, as their producers write them |
//!
//! Connections may be encrypted and authenticated as the client library can: TLS, SASL `PLAIN` and
//! `SCRAM`. It is built without Kerberos (`GSSAPI`) and without `OAUTHBEARER`.
//!
//! Each source has a client of its own, with a few threads and a connection to each broker that
//! it needs: for tens of partitions a process, not for thousands.

mod cluster;
mod dead_letters;
mod error;
mod feed;
mod producer;
mod reader;
mod records;
mod sink;
mod source;
mod ticks;
mod topics;

pub use cluster::Cluster;
pub use dead_letters::KafkaDeadLetters;
pub use error::KafkaError;
pub use feed::KafkaFeed;
pub use sink::{KafkaSink, Opened, SinkOptions};
pub use source::{KafkaSource, SourceOptions, Start};
pub use ticks::visit_ticks_from_the_end;
pub use topics::{Topics, partitions};
