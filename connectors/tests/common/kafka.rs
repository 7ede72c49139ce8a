//! A real Kafka for tests: fresh topics in the one that runs, and brokers of their own for tests
//! that kill theirs. What is read back is read by a client that knows nothing of this crate.

#![allow(dead_code, reason = "each test file uses a part of it")]

#[allow(clippy::duplicate_mod, reason = "each who includes it has a range of its own")]
#[path = "ports.rs"]
mod ports;

use gridweaver_connectors::kafka::Cluster;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The broker that `scripts/services` starts.
pub(crate) const BROKERS: &str = "127.0.0.1:19092";
const WAIT: Duration = Duration::from_secs(20);

pub(crate) fn cluster() -> Cluster {
    cluster_of(BROKERS, &[])
}

pub(crate) fn cluster_of(brokers: &str, client: &[(&str, &str)]) -> Cluster {
    let client = client.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Cluster::new(&[brokers.to_owned()], client).unwrap()
}

/// A name that no other test uses, in this run or an earlier one.
pub(crate) fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_micros();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{name}-{now}-{}-{count}", std::process::id())
}

/// A new topic in the broker that runs.
pub(crate) fn fresh_topic(name: &str, partitions: i32) -> String {
    assert!(
        TcpStream::connect(BROKERS).is_ok(),
        "there is no Kafka at {BROKERS}: start it with `scripts/services start kafka`"
    );
    let topic = unique(name);
    create_topic(BROKERS, &topic, partitions, &[]);
    topic
}

fn admin(brokers: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap()
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(WAIT)).operation_timeout(Some(WAIT))
}

pub(crate) fn create_topic(brokers: &str, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
    let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    for (name, value) in settings {
        new = new.set(name, value);
    }
    for result in pollster::block_on(admin(brokers).create_topics(&[new], &options())).unwrap() {
        result.unwrap();
    }
}

pub(crate) fn delete_topic(brokers: &str, topic: &str) {
    for result in pollster::block_on(admin(brokers).delete_topics(&[topic], &options())).unwrap() {
        result.unwrap();
    }
}

/// Deletes a topic and makes it anew, under its name.
pub(crate) fn remake_topic(brokers: &str, topic: &str) {
    delete_topic(brokers, topic);
    let begun = Instant::now();
    loop {
        let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
        let made = pollster::block_on(admin(brokers).create_topics(&[new], &options())).unwrap();
        if made[0].is_ok() {
            return;
        }
        assert!(begun.elapsed() < WAIT, "{made:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn add_partitions(brokers: &str, topic: &str, count: usize) {
    let new = NewPartitions::new(topic, count);
    for result in pollster::block_on(admin(brokers).create_partitions(&[new], &options())).unwrap()
    {
        result.unwrap();
    }
}

/// Deletes the records before an offset, as retention does.
pub(crate) fn delete_before(brokers: &str, topic: &str, partition: i32, offset: i64) {
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
    pollster::block_on(admin(brokers).delete_records(&offsets, &options())).unwrap();
}

pub(crate) struct Produced<'a> {
    pub(crate) partition: i32,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) timestamp: Option<i64>,
}

/// Writes values to partition 0, without transactions.
pub(crate) fn produce<V: AsRef<[u8]>>(brokers: &str, topic: &str, values: &[V]) {
    let records: Vec<_> = values
        .iter()
        .map(|value| Produced { partition: 0, value: Some(value.as_ref()), timestamp: None })
        .collect();
    produce_records(brokers, topic, &records);
}

pub(crate) fn produce_records(brokers: &str, topic: &str, records: &[Produced<'_>]) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("message.max.bytes", "20000000")
        .set("enable.idempotence", "true")
        .create()
        .unwrap();
    send(&producer, topic, records);
    producer.flush(WAIT).unwrap();
}

fn send(producer: &BaseProducer, topic: &str, records: &[Produced<'_>]) {
    for produced in records {
        let mut record: BaseRecord<'_, str, [u8]> = BaseRecord::to(topic);
        record.partition = Some(produced.partition);
        record.payload = produced.value;
        record.timestamp = produced.timestamp;
        loop {
            match producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(_), returned)) => {
                    record = returned;
                    producer.poll(Duration::from_millis(10));
                }
                Err((error, _)) => panic!("{error}"),
            }
        }
    }
}

/// A producer of its own for transactions, ready to begin.
pub(crate) fn transactional(brokers: &str, id: &str) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("transactional.id", id)
        .create()
        .unwrap();
    producer.init_transactions(WAIT).unwrap();
    producer
}

/// Writes values to partition 0 in a transaction that is left open.
pub(crate) fn begin<V: AsRef<[u8]>>(producer: &BaseProducer, topic: &str, values: &[V]) {
    producer.begin_transaction().unwrap();
    add(producer, topic, values);
}

/// Adds values to an open transaction.
pub(crate) fn add<V: AsRef<[u8]>>(producer: &BaseProducer, topic: &str, values: &[V]) {
    let records: Vec<_> = values
        .iter()
        .map(|value| Produced { partition: 0, value: Some(value.as_ref()), timestamp: None })
        .collect();
    send(producer, topic, &records);
    producer.flush(WAIT).unwrap();
}

/// A record as another client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: String,
    pub(crate) value: String,
}

/// All committed records of a topic, by partition and offset.
pub(crate) fn seen(brokers: &str, topic: &str) -> Vec<Seen> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", unique("seen"))
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), WAIT).unwrap();
    let count = metadata.topics()[0].partitions().len();
    let mut all = TopicPartitionList::new();
    for partition in 0..count {
        let partition = i32::try_from(partition).unwrap();
        all.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&all).unwrap();
    let (mut seen, mut ended) = (Vec::new(), 0);
    let begun = Instant::now();
    while ended < count {
        assert!(begun.elapsed() < WAIT, "{topic} can't be read to its end");
        match consumer.poll(Duration::from_millis(100)) {
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Ok(message)) => {
                let text = |bytes: Option<&[u8]>| {
                    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
                };
                seen.push(Seen {
                    partition: message.partition(),
                    offset: message.offset(),
                    key: text(message.key()),
                    value: text(message.payload()),
                });
            }
            Some(Err(_)) | None => {}
        }
    }
    seen.sort_by_key(|seen| (seen.partition, seen.offset));
    seen
}

pub(crate) fn seen_values(brokers: &str, topic: &str) -> Vec<String> {
    seen(brokers, topic).into_iter().map(|seen| seen.value).collect()
}

/// How often each value is there.
pub(crate) fn counted(values: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value.as_str()).or_default() += 1;
    }
    counts
}

pub(crate) fn free_port() -> u16 {
    ports::free_port(20_000..26_000)
}

/// A broker of a test's own, stopped and deleted when it goes out of scope.
pub(crate) struct KafkaBroker {
    folder: tempfile::TempDir,
    port: u16,
    controller_port: u16,
    advertised_port: u16,
    reached_at: u16,
    process: Child,
}

impl KafkaBroker {
    pub(crate) fn start() -> Self {
        let port = free_port();
        Self::start_behind(port, port, "")
    }

    /// One that tells its clients to come to another port, that of a proxy.
    pub(crate) fn start_behind(port: u16, advertised_port: u16, extra_properties: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("extra.properties"), extra_properties).unwrap();
        let controller_port = free_port();
        let process = spawn(folder.path(), port, controller_port, advertised_port);
        let reached_at = port;
        let mut broker =
            Self { folder, port, controller_port, advertised_port, reached_at, process };
        broker.wait_until_ready();
        broker
    }

    /// The same, with a second listener for those who read back and must not be held by a proxy.
    pub(crate) fn start_beside(port: u16, advertised_port: u16) -> Self {
        let direct = free_port();
        let extra = format!(
            "listeners=PLAINTEXT://127.0.0.1:{port},DIRECT://127.0.0.1:{direct},\
             CONTROLLER://127.0.0.1:@CONTROLLER_PORT@\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:@ADVERTISED_PORT@,\
             DIRECT://127.0.0.1:{direct}\n\
             inter.broker.listener.name=DIRECT\n\
             listener.security.protocol.map=\
             PLAINTEXT:PLAINTEXT,DIRECT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
        );
        Self::start_behind(port, advertised_port, &extra).reached_at(direct)
    }

    /// The same, talked to at another of its listeners.
    pub(crate) fn reached_at(mut self, port: u16) -> Self {
        self.reached_at = port;
        self
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.reached_at)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn wait_until_ready(&mut self) {
        let begun = Instant::now();
        while TcpStream::connect(self.address()).is_err() {
            let is_gone = self.process.try_wait().unwrap().is_some();
            assert!(!is_gone && begun.elapsed() < WAIT * 3, "no broker started:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) fn restart(&mut self) {
        self.process =
            spawn(self.folder.path(), self.port, self.controller_port, self.advertised_port);
        self.wait_until_ready();
    }

    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Some versions of Kafka lose the end of a transaction when they are killed: then the
    /// broker is at fault and no client.
    pub(crate) fn assert_sound(&self) {
        assert!(!self.log().contains("Couldn't find leader endpoint"), "the broker is at fault");
    }
}

impl Drop for KafkaBroker {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn spawn(folder: &Path, port: u16, controller_port: u16, advertised_port: u16) -> Child {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let script = above.map(|folder| folder.join("scripts/services")).find(|path| path.exists());
    let script: PathBuf = script.expect("the project has scripts/services");
    let log = File::options().append(true).create(true).open(folder.join("log")).unwrap();
    Command::new(script)
        .args(["run", "kafka"])
        .arg(folder)
        .args([port, controller_port, advertised_port].map(|port| port.to_string()))
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}
