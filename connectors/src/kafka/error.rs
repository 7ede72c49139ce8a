//! What can go wrong with Kafka, each with what to do about it.

use thiserror::Error;

/// Why a topic can't be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KafkaError {
    /// No broker at all.
    #[error("no brokers are named: list some as `host:port`")]
    NoBrokers,
    /// A setting of the client that is not the user's to choose.
    #[error("the client setting `{setting}` can't be set: {reason}")]
    RefusedSetting {
        /// The setting.
        setting: String,
        /// Why it is refused, and what to do instead.
        reason: &'static str,
    },
    /// A setting that the client library does not know or take.
    #[error("the client setting `{setting}` is not valid: {reason}")]
    BadSetting {
        /// The setting.
        setting: String,
        /// What the library says.
        reason: String,
    },
    /// Settings that are valid each, but not together.
    #[error("the client settings for Kafka are not valid: {reason}")]
    BadSettings {
        /// What the library says.
        reason: String,
    },
    /// No broker answered.
    #[error(
        "cannot {action}: no answer from Kafka at {brokers} ({reason}); \
         start it or correct `brokers` and the client settings"
    )]
    Unreachable {
        /// What was tried.
        action: String,
        /// The brokers, as configured.
        brokers: String,
        /// The last that went wrong.
        reason: String,
    },
    /// The cluster knows us not, or does not let us.
    #[error(
        "Kafka at {brokers} refuses to let us {action}: {reason}; \
         correct the credentials in the client settings or the access rights in the cluster"
    )]
    Denied {
        /// What was tried.
        action: String,
        /// The brokers, as configured.
        brokers: String,
        /// What it said.
        reason: String,
    },
    /// A topic that is not there.
    #[error(
        "there is no topic `{topic}` at {brokers}: correct the name or create it: kafka-topics.sh \
         --bootstrap-server {brokers} --create --topic {topic} --partitions {partitions}"
    )]
    MissingTopic {
        /// The topic.
        topic: String,
        /// The brokers, as configured.
        brokers: String,
        /// How many partitions to suggest.
        partitions: u32,
    },
    /// A pattern without a match.
    #[error("no topic at {brokers} matches `{pattern}`: correct the pattern or create a topic")]
    NoMatch {
        /// As configured.
        pattern: String,
        /// The brokers, as configured.
        brokers: String,
    },
    /// A pattern that is no regular expression.
    #[error("`{pattern}` is no valid pattern for topics: {reason}")]
    BadPattern {
        /// As configured.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A partition that is not there.
    #[error("topic `{topic}` has no partition {partition}: name another topic or start anew")]
    MissingPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// Records that were still to be read, or the place where reading should go on, are gone.
    #[error(
        "cannot read partition {partition} of topic `{topic}` from offset {offset} on: it holds \
         {low} up to, not including, {high}; what is missing was deleted (retention) or the topic \
         was made anew; restore it, or start anew without the checkpoint and keep records for longer"
    )]
    OffsetOutOfRange {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Where reading should go on.
        offset: u64,
        /// The first offset that is there.
        low: i64,
        /// Where the next record will lie.
        high: i64,
    },
    /// A topic that was deleted and made anew while it was read.
    #[error(
        "topic `{topic}` was made anew while partition {partition} was read, up to offset \
         {offset}: its offsets mean something else now; start anew without the checkpoint"
    )]
    Remade {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// How far it was read.
        offset: u64,
    },
    /// A topic that was deleted while it was read.
    #[error(
        "topic `{topic}` was deleted while partition {partition} was read, up to offset {offset}: \
         restore it or take it out of the configuration"
    )]
    Gone {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// How far it was read.
        offset: u64,
    },
    /// What came can't be read.
    #[error("cannot read partition {partition} of topic `{topic}` at offset {offset}: {reason}")]
    Unreadable {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// How far it was read.
        offset: u64,
        /// What the client library says.
        reason: String,
    },
    /// A tick topic that would not keep ticks in order.
    #[error(
        "the tick topic `{topic}` has {partitions} partitions and must have one, or its ticks have \
         no order: name another or create it anew with one partition"
    )]
    TickTopicPartitions {
        /// The topic.
        topic: String,
        /// How many it has.
        partitions: usize,
    },
    /// A tick topic that holds what this program did not write.
    #[error(
        "the tick topic `{topic}` holds something else than GridWeaver's ticks, at offset \
         {offset}: it is left as it is; name another tick topic"
    )]
    Foreign {
        /// The topic.
        topic: String,
        /// Where the record lies that is not ours.
        offset: u64,
    },
    /// A tick topic of another sink.
    #[error(
        "the tick topic `{topic}` holds the ticks of the sink `{found}`, not those of `{sink}`: \
         each sink needs a tick topic of its own; name another"
    )]
    OtherSink {
        /// The topic.
        topic: String,
        /// Whose ticks it holds.
        found: String,
        /// Who wanted to write there.
        sink: String,
    },
    /// A tick topic that somebody else writes to in a transaction.
    #[error(
        "the tick topic `{topic}` holds a transaction of someone else that does not end: which \
         tick was the last can't be known; stop the other writer or name another tick topic"
    )]
    HeldOpen {
        /// The topic.
        topic: String,
    },
    /// Another engine has taken over.
    #[error(
        "another engine with the transactional id `{transactional_id}` has taken over: nothing \
         more was written; stop one of them, or give each a `transactional_id` of its own, and start \
         again"
    )]
    Fenced {
        /// The transactional id.
        transactional_id: String,
    },
    /// A sink whose options contradict each other.
    #[error("the sink `{sink}` can't be written: {reason}")]
    BadOptions {
        /// The sink.
        sink: String,
        /// What contradicts what.
        reason: String,
    },
    /// A record that can't be written.
    #[error("cannot write to topic `{topic}`: {reason}")]
    Unwritable {
        /// The topic.
        topic: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A line that is no record of this program.
    #[error("cannot write a line that is no record of ours to topic `{topic}`: {reason}")]
    BadLine {
        /// The topic.
        topic: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A sink used after it failed.
    #[error("topic `{topic}` failed before and takes nothing more: start again")]
    FailedBefore {
        /// The topic.
        topic: String,
    },
}
