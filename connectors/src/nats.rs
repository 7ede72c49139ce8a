//! NATS JetStream: streams in, one stream out.
//!
//! A stream is one partition, named `nats/<stream>/0`; the position of a record is its sequence
//! in the stream. An output is a stream of the sink's own, one message per record, on the subject
//! `<prefix>.<type>.<key>`.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `servers` | [`Servers`]: where they are, who we are, and TLS |
//! | `link` | one connection, its thread, and questions to the JetStream API |
//! | `description` | what a server says of a stream, and which streams are fit |
//! | `cursor` | messages in order, none missed without being noticed |
//! | `source` | [`NatsSource`]: messages to batches |
//! | `records` | the subject of a record, and which records are ours |
//! | `publish` | records to a stream, each exactly once |
//! | `resume` | where an interrupted output ends |
//! | `sink` | [`NatsSink`]: ticks to a stream |
//! | `feed` | [`NatsFeed`]: records to a stream, as their producers write them |
//!
//! A connection that is lost while running is made again, for as long as it takes (a sink has a
//! limit, [`SinkOptions::patience`]); what the server refuses is an error at once, a wrong
//! password included. Servers from 2.9 on.

mod cursor;
mod description;
mod error;
mod feed;
mod link;
mod publish;
mod records;
mod resume;
mod servers;
mod sink;
mod source;

pub use error::NatsError;
pub use feed::NatsFeed;
pub use resume::{is_there, visit_ticks_from_the_end};
pub use servers::{Credentials, Servers, Tls};
pub use sink::{NatsSink, Opened, SinkOptions};
pub use source::{NatsSource, SourceOptions, Start};
