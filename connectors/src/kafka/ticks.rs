//! Which ticks a topic holds: where a sink goes on.
//!
//! A tick topic has one partition and holds nothing but the `dispatch.tick_closed` of one sink,
//! each written in the transaction of its tick's records: what a reader of committed records sees
//! there last is the last tick that was written as a whole.

use super::cluster::{Isolation, Role};
use super::reader::{ANSWER_WITHIN, Reader, Trouble};
use super::{Cluster, KafkaError, records};
use rdkafka::Message;
use std::time::{Duration, Instant};

/// How many offsets are read at once, from the end to the beginning.
const BLOCK_OFFSETS: i64 = 256;
/// How long it is waited for the transactions of others to end, our own being aborted.
const TRANSACTION_ENDS_WITHIN: Duration = Duration::from_secs(10);

/// One record.
type Record = (i64, Vec<u8>);

/// Hands over the committed `dispatch.tick_closed` records of a tick topic from the last to the
/// first, until `wants_more` says no: a restart reads back no more than it needs.
///
/// # Errors
/// Where the topic can't be read.
pub fn visit_ticks_from_the_end(
    cluster: &Cluster,
    tick_topic: &str,
    mut wants_more: impl FnMut(&[u8]) -> bool,
) -> Result<(), KafkaError> {
    let reader = Reader::open(cluster, Role::Inspector { isolation: Isolation::Committed })?;
    check_one_partition(&reader, tick_topic)?;
    visit(&reader, tick_topic, |_, value| {
        records::sink_of_tick(value).is_none() || wants_more(value)
    })
}

/// Refuses a tick topic with more or fewer than one partition.
pub(super) fn check_one_partition(reader: &Reader, tick_topic: &str) -> Result<(), KafkaError> {
    match reader.partition_count(tick_topic)? {
        1 => Ok(()),
        partitions => {
            Err(KafkaError::TickTopicPartitions { topic: tick_topic.to_owned(), partitions })
        }
    }
}

/// The last tick of a sink that was committed.
pub(super) fn last(
    cluster: &Cluster,
    tick_topic: &str,
    sink: &str,
) -> Result<Option<Vec<u8>>, KafkaError> {
    let reader = Reader::open(cluster, Role::Inspector { isolation: Isolation::Committed })?;
    let mut last = None;
    visit(&reader, tick_topic, |offset, value| {
        last = Some((offset, value.to_vec()));
        false
    })?;
    let Some((offset, value)) = last else {
        return Ok(None);
    };
    let topic = tick_topic.to_owned();
    match records::sink_of_tick(&value) {
        Some(found) if found == sink => Ok(Some(value)),
        Some(found) => Err(KafkaError::OtherSink { topic, found, sink: sink.to_owned() }),
        None => Err(KafkaError::Foreign { topic, offset: u64::try_from(offset).unwrap_or(0) }),
    }
}

/// Waits until no transaction is open in the topic: behind an open one, later ticks are hidden.
pub(super) fn wait_until_settled(cluster: &Cluster, tick_topic: &str) -> Result<(), KafkaError> {
    let open = |isolation| Reader::open(cluster, Role::Inspector { isolation });
    let (committed, all) = (open(Isolation::Committed)?, open(Isolation::Uncommitted)?);
    let begun = Instant::now();
    loop {
        let (_, end) = all.watermarks(tick_topic, 0)?;
        let (_, stable) = committed.watermarks(tick_topic, 0)?;
        if stable >= end {
            return Ok(());
        }
        if begun.elapsed() >= TRANSACTION_ENDS_WITHIN {
            return Err(KafkaError::HeldOpen { topic: tick_topic.to_owned() });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Hands over committed records from the last to the first.
fn visit(
    reader: &Reader,
    topic: &str,
    mut wants_more: impl FnMut(i64, &[u8]) -> bool,
) -> Result<(), KafkaError> {
    let (low, mut end) = reader.watermarks(topic, 0)?;
    while end > low {
        let start = low.max(end - BLOCK_OFFSETS);
        for (offset, value) in block(reader, topic, start, end)?.iter().rev() {
            if !wants_more(*offset, value) {
                return Ok(());
            }
        }
        end = start;
    }
    Ok(())
}

/// The committed records from one offset up to another that is known to be there or the end.
fn block(reader: &Reader, topic: &str, start: i64, end: i64) -> Result<Vec<Record>, KafkaError> {
    reader.read_from(topic, 0, start)?;
    let mut records = Vec::new();
    let mut heard = Instant::now();
    while heard.elapsed() < ANSWER_WITHIN {
        match reader.poll(Duration::from_millis(100)) {
            None | Some(Err(Trouble::Passing)) => {}
            Some(Err(Trouble::End)) => return Ok(records),
            Some(Ok(message)) if message.offset() >= end => return Ok(records),
            Some(Ok(message)) => {
                records.push((message.offset(), message.payload().unwrap_or_default().to_vec()));
                if message.offset() + 1 == end {
                    return Ok(records);
                }
                heard = Instant::now();
            }
            Some(Err(Trouble::Denied)) => {
                return Err(reader.denied(&format!("read topic `{topic}`"), reader.complaint()));
            }
            Some(Err(Trouble::OutOfRange | Trouble::Unknown | Trouble::Unreadable)) => {
                return Err(KafkaError::Unreadable {
                    topic: topic.to_owned(),
                    partition: 0,
                    offset: u64::try_from(start).unwrap_or(0),
                    reason: reader.complaint(),
                });
            }
        }
    }
    Err(KafkaError::Unreachable {
        action: format!("read topic `{topic}`"),
        brokers: reader.brokers().to_owned(),
        reason: reader.complaint(),
    })
}
