//! A consumer that only reads a topic to its end.

use crate::kafka::{BROKERS, unique};
use anyhow::Context as _;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

/// Says how many records and bytes there were, and how many seconds it took from the start and from
/// the first record.
pub(crate) fn run(topic: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", BROKERS)
        .set("group.id", unique("bare"))
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()?;
    let mut all = TopicPartitionList::new();
    all.add_partition_offset(topic, 0, Offset::Beginning)?;
    consumer.assign(&all)?;
    let (mut records, mut bytes, mut first) = (0_u64, 0_usize, None);
    loop {
        match consumer.poll(Duration::from_secs(20)).context("nothing came for 20 s")? {
            Ok(message) => {
                records += 1;
                first.get_or_insert_with(Instant::now);
                bytes += message.payload().map_or(0, <[u8]>::len);
            }
            Err(KafkaError::PartitionEOF(_)) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let first = first.context("the topic is empty")?;
    let (whole, sustained) = (begun.elapsed().as_secs_f64(), first.elapsed().as_secs_f64());
    writeln!(io::stdout(), "{records} {bytes} {whole} {sustained}")?;
    Ok(())
}
