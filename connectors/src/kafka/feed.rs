//! Records to a topic, as their producers write them: without transactions, into the partition that
//! is asked for.

use super::cluster::{Isolation, Role};
use super::producer::{Producer, Setback};
use super::reader::Reader;
use super::{Cluster, KafkaError};
use crate::{Feed, SinkError};
use std::time::{Duration, Instant};

/// How long it is tried to write a record.
const PATIENCE: Duration = Duration::from_secs(60);

/// A topic that grows.
pub struct KafkaFeed {
    name: String,
    topic: String,
    brokers: String,
    partitions: usize,
    producer: Producer,
}

impl KafkaFeed {
    /// Opens the topic.
    ///
    /// # Errors
    /// Where the cluster can't be reached or refuses us, or the topic is not there.
    pub fn open(cluster: &Cluster, topic: &str) -> Result<Self, KafkaError> {
        let config = cluster.configuration(Role::Writer)?;
        let inspector = Role::Inspector { isolation: Isolation::Committed };
        let partitions = Reader::open(cluster, inspector)?.partition_count(topic)?;
        Ok(Self {
            name: format!("the topic `{topic}`"),
            topic: topic.to_owned(),
            brokers: cluster.brokers().to_owned(),
            partitions,
            producer: Producer::open(&config)?,
        })
    }

    fn failure(&self, setback: Setback) -> SinkError {
        setback.into_error(&self.topic, &self.brokers).into()
    }
}

impl Feed for KafkaFeed {
    fn name(&self) -> &str {
        &self.name
    }

    fn partitions(&self) -> usize {
        self.partitions
    }

    fn send(&mut self, partition: usize, record: &[u8]) -> Result<(), SinkError> {
        let partition = i32::try_from(partition).ok();
        let sent =
            self.producer.send(&self.topic, partition, "", record, Instant::now() + PATIENCE);
        sent.map_err(|setback| self.failure(setback))
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.producer.check().map_err(|setback| self.failure(setback))
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        let delivered = self.producer.wait_until_delivered(Instant::now() + PATIENCE);
        delivered.map_err(|setback| self.failure(setback))
    }
}
