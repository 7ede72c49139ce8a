//! What every reading from a cluster shares: a client, its questions and its complaints.
//!
//! The library tells of trouble in passing, with what it fetched, and tries on by itself. Which
//! trouble ends a reader and which passes is decided here, once. It reports the id of a topic in
//! nothing but its log, which is why that is read: a topic that was deleted and made anew would
//! else look like the one before.

use super::cluster::{Role, bad_setting};
use super::{Cluster, KafkaError};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::message::BorrowedMessage;
use rdkafka::metadata::MetadataTopic;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a cluster may take to answer before it counts as unreachable.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// How long one question waits; in between it is looked whether the cluster refuses us.
const QUESTION_WAITS: Duration = Duration::from_secs(1);
/// How long it is waited before a question is asked again.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// How long a topic that was just made may be unknown.
const KNOWN_WITHIN: Duration = Duration::from_secs(2);
/// How long it takes to hear what the client has to say without waiting for more.
const HEARING_WAITS: Duration = Duration::from_millis(5);

/// A client that reads.
pub(super) struct Reader {
    brokers: String,
    consumer: BaseConsumer<Overheard>,
}

/// What a reader is told besides records.
pub(super) enum Trouble {
    /// The partition was read to its end.
    End,
    /// It passes by itself, or nothing is known.
    Passing,
    /// The offset that was asked for is not there.
    OutOfRange,
    /// There is no such topic or partition, or not now.
    Unknown,
    /// The cluster refuses us.
    Denied,
    /// What came can't be read.
    Unreadable,
}

impl Reader {
    pub(super) fn open(cluster: &Cluster, role: Role<'_>) -> Result<Self, KafkaError> {
        let config = cluster.configuration(role)?;
        let consumer = config
            .create_with_context(Overheard::default())
            .map_err(|error| bad_setting(&error))?;
        Ok(Self { brokers: cluster.brokers().to_owned(), consumer })
    }

    pub(super) fn brokers(&self) -> &str {
        &self.brokers
    }

    /// All topics and how many partitions each has.
    pub(super) fn topics(&self) -> Result<BTreeMap<String, usize>, KafkaError> {
        let metadata =
            self.ask("list the topics", |wait| self.consumer.fetch_metadata(None, wait))?;
        let topics = metadata.topics().iter();
        Ok(topics.map(|topic| (topic.name().to_owned(), topic.partitions().len())).collect())
    }

    /// How many partitions a topic has.
    pub(super) fn partition_count(&self, topic: &str) -> Result<usize, KafkaError> {
        let missing = || KafkaError::MissingTopic {
            topic: topic.to_owned(),
            brokers: self.brokers.clone(),
            partitions: 1,
        };
        let action = format!("look up topic `{topic}`");
        let asked = Instant::now();
        loop {
            let metadata =
                self.ask(&action, |wait| self.consumer.fetch_metadata(Some(topic), wait))?;
            let answer = metadata.topics().iter().find(|found| found.name() == topic);
            let code = answer.and_then(MetadataTopic::error).map(Code::from);
            match (answer, code) {
                (Some(found), None) if !found.partitions().is_empty() => {
                    return Ok(found.partitions().len());
                }
                (_, Some(code)) if trouble(code) == Some(Trouble::Denied) => {
                    return Err(self.denied(&action, code.to_string()));
                }
                // Just made, it has no leaders yet, or not every broker knows of it.
                (_, Some(Code::LeaderNotAvailable)) if asked.elapsed() < ANSWER_WITHIN => {
                    std::thread::sleep(ASK_AGAIN_AFTER);
                }
                (_, Some(Code::UnknownTopicOrPartition)) if asked.elapsed() < KNOWN_WITHIN => {
                    std::thread::sleep(ASK_AGAIN_AFTER);
                }
                _ => return Err(missing()),
            }
        }
    }

    /// The first offset that is there, and where the next record will lie: behind the last one
    /// that this reader may see.
    pub(super) fn watermarks(&self, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
        let action = format!("ask where partition {partition} of topic `{topic}` ends");
        self.ask(&action, |wait| self.consumer.fetch_watermarks(topic, partition, wait))
    }

    /// The same, if the leader answers at once; else what is the matter.
    pub(super) fn watermarks_now(
        &self,
        topic: &str,
        partition: i32,
        wait: Duration,
    ) -> Result<(i64, i64), Trouble> {
        self.consumer.fetch_watermarks(topic, partition, wait).map_err(|error| {
            error.rdkafka_error_code().and_then(trouble).unwrap_or(Trouble::Passing)
        })
    }

    /// The offset of the first record that is not older; `None` where all are.
    pub(super) fn offset_at(
        &self,
        topic: &str,
        partition: i32,
        time_ms: i64,
    ) -> Result<Option<i64>, KafkaError> {
        let action = format!("ask where a time lies in partition {partition} of topic `{topic}`");
        let answer = self.ask(&action, |wait| {
            let mut times = TopicPartitionList::new();
            times.add_partition_offset(topic, partition, Offset::Offset(time_ms))?;
            self.consumer.offsets_for_times(times, wait)
        })?;
        match answer.find_partition(topic, partition).map(|found| found.offset()) {
            Some(Offset::Offset(offset)) => Ok(Some(offset)),
            _ => Ok(None),
        }
    }

    /// Begins to read one partition, and no other any more.
    pub(super) fn read_from(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<(), KafkaError> {
        let mut assignment = TopicPartitionList::new();
        assignment
            .add_partition_offset(topic, partition, Offset::Offset(offset))
            .and_then(|()| self.consumer.assign(&assignment))
            .map_err(|error| KafkaError::Unreadable {
                topic: topic.to_owned(),
                partition,
                offset: u64::try_from(offset).unwrap_or(0),
                reason: error.to_string(),
            })
    }

    /// The next record, or what else there is to say; `None` where nothing came in time.
    pub(super) fn poll(&self, wait: Duration) -> Option<Result<BorrowedMessage<'_>, Trouble>> {
        let polled = self.consumer.poll(wait)?;
        Some(polled.map_err(|error| match error {
            ClientError::PartitionEOF(_) => Trouble::End,
            ClientError::MessageConsumptionFatal(_) => Trouble::Unreadable,
            other => other.rdkafka_error_code().and_then(trouble).unwrap_or(Trouble::Passing),
        }))
    }

    /// Behind what was handed out and behind the ends of transactions that followed it.
    pub(super) fn position(&self, topic: &str, partition: i32) -> Option<u64> {
        let positions = self.consumer.position().ok()?;
        match positions.find_partition(topic, partition)?.offset() {
            Offset::Offset(offset) => u64::try_from(offset).ok(),
            _ => None,
        }
    }

    /// The id of a topic, as last heard. `None` from brokers that have no ids.
    pub(super) fn topic_id(&self, topic: &str) -> Option<String> {
        self.consumer.context().lock().topic_ids.get(topic).cloned()
    }

    /// What the client complained of last.
    pub(super) fn complaint(&self) -> String {
        let heard = self.consumer.context().lock().complaint.clone();
        heard.map_or_else(|| "it does not answer".to_owned(), |(_, reason)| reason)
    }

    pub(super) fn denied(&self, action: &str, reason: String) -> KafkaError {
        KafkaError::Denied { action: action.to_owned(), brokers: self.brokers.clone(), reason }
    }

    /// Takes in what the client has to say. Only while no partition is read: it would be lost.
    fn hear(&self) {
        while self.consumer.poll(HEARING_WAITS).is_some() {}
    }

    /// Asks until there is an answer, a refusal, or it took too long.
    fn ask<Answer>(
        &self,
        action: &str,
        mut question: impl FnMut(Duration) -> Result<Answer, ClientError>,
    ) -> Result<Answer, KafkaError> {
        let asked = Instant::now();
        loop {
            let answer = question(QUESTION_WAITS);
            self.hear();
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let heard = self.consumer.context().lock().complaint.clone();
            let code = error.rdkafka_error_code();
            if let Some(code) = code
                && trouble(code) == Some(Trouble::Denied)
            {
                return Err(self.denied(action, code.to_string()));
            }
            if let Some((code, reason)) = heard
                && trouble(code) == Some(Trouble::Denied)
            {
                return Err(self.denied(action, reason));
            }
            if asked.elapsed() >= ANSWER_WITHIN {
                let (action, brokers) = (action.to_owned(), self.brokers.clone());
                return Err(KafkaError::Unreachable { action, brokers, reason: self.complaint() });
            }
            // A refusal that comes at once is not asked for again at once.
            std::thread::sleep(ASK_AGAIN_AFTER);
        }
    }
}

impl PartialEq for Trouble {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// What an error of the library or of a broker means to a reader, where it means anything.
pub(super) fn trouble(code: Code) -> Option<Trouble> {
    match code {
        Code::AutoOffsetReset | Code::OffsetOutOfRange => Some(Trouble::OutOfRange),
        Code::UnknownTopic
        | Code::UnknownPartition
        | Code::UnknownTopicOrPartition
        | Code::UnknownTopicId => Some(Trouble::Unknown),
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => Some(Trouble::Denied),
        // The library goes on behind what it could not read: so it must end here.
        Code::BadMessage
        | Code::BadCompression
        | Code::NotImplemented
        | Code::MessageSizeTooLarge => Some(Trouble::Unreadable),
        _ => None,
    }
}

/// What the library said in passing.
#[derive(Default)]
pub(super) struct Overheard(Mutex<Heard>);

#[derive(Default)]
struct Heard {
    complaint: Option<(Code, String)>,
    topic_ids: BTreeMap<String, String>,
}

impl Overheard {
    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Overheard {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, message: &str) {
        if let Some((topic, id)) = new_topic_id(message) {
            self.lock().topic_ids.insert(topic.to_owned(), id.to_owned());
        }
    }

    fn error(&self, error: ClientError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else {
            return;
        };
        // That all are down says less than why the last one is.
        if code != Code::AllBrokersDown && code != Code::PartitionEOF {
            self.lock().complaint = Some((code, reason.to_owned()));
        }
    }
}

impl ConsumerContext for Overheard {}

/// A line of the library's log that tells the id of a topic.
fn new_topic_id(message: &str) -> Option<(&str, &str)> {
    let (before, after) = message.split_once(" changed id from ")?;
    let topic = before.rsplit_once("Topic ")?.1;
    let id = after.split_once(" to ")?.1;
    Some((topic, id.trim()))
}
