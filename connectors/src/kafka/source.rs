//! One partition of a topic as a source.
//!
//! Promises of [`KafkaSource`], besides those of [`Source`]:
//! - Only records of committed transactions are read, and those written without one.
//! - Nothing is skipped in silence: where the offset to go on from is not there, because retention
//!   deleted it or the topic is another one, that is an error.
//! - Memory is bounded by [`SourceOptions::queued_bytes_max`], one answer of a broker and a batch.
//!   While nobody reads, nothing more is fetched.
//! - A broker that is away ends nothing: reading goes on when it is back. Until then the source
//!   does not say that it waits, as nobody knows what it would have brought. What ends it are
//!   refused credentials or rights, and topics that are deleted or made anew.
//!
//! [`Source::identity`] is the id of the topic; brokers before 2.8 have none, and then nobody
//! can tell that a topic was made anew if it holds as much as before.

use super::cluster::Role;
use super::reader::{Reader, Trouble};
use super::{Cluster, KafkaError};
use crate::{Batch, Progress, Source, SourceError};
use rdkafka::Message;
use std::time::{Duration, Instant};

/// How long a call waits for records.
const READ_WAITS: Duration = Duration::from_millis(100);
/// How often the leader is asked where the partition ends.
const HEAD_EVERY: Duration = Duration::from_secs(1);
/// How long that may take: a silent partition's leader is busy with a fetch for 50 ms.
const HEAD_WAITS: Duration = Duration::from_millis(200);
/// For how long its answer counts.
const HEAD_COUNTS: Duration = Duration::from_secs(3);

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At this offset: where a reader was before.
    Offset(u64),
    /// At the first record that is there.
    Beginning,
    /// Behind the last one.
    End,
    /// At the first record whose timestamp is not before this, in ms since the Unix epoch; behind
    /// the last one where all are.
    Time(i64),
}

/// How a partition is read.
#[derive(Clone, Debug)]
pub struct SourceOptions {
    /// Where to begin.
    pub start: Start,
    /// Whether reading ends where the partition ended when it was opened.
    pub is_finite: bool,
    /// Of a finite one the offset before which it ends, where that is earlier.
    pub until: Option<u64>,
    /// Of a longer record only one byte more than this is passed on.
    pub record_bytes_max: usize,
    /// How many bytes are fetched ahead.
    pub queued_bytes_max: usize,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self {
            start: Start::Beginning,
            is_finite: false,
            until: None,
            record_bytes_max: 1024 * 1024,
            queued_bytes_max: 16 * 1024 * 1024,
        }
    }
}

/// One partition of a topic.
pub struct KafkaSource {
    name: String,
    topic: String,
    partition: i32,
    reader: Reader,
    identity: Option<String>,
    record_bytes_max: usize,
    position: u64,
    /// Where a finite one ends.
    end: Option<u64>,
    head: Head,
    bytes_read: u64,
    state: State,
}

enum State {
    Reading,
    /// It failed behind what the last batch held: the next call says so.
    Failing(KafkaError),
    Finished,
}

/// What is known of the end of the partition.
struct Head {
    /// Behind the last record, as the leader last said.
    offset: u64,
    /// When it was asked, and when it answered.
    asked: Instant,
    answered: Instant,
    /// Whether everything up to the end was read, and no record came since.
    is_reached: bool,
    /// Whether anything came since it was asked.
    has_news: bool,
}

impl KafkaSource {
    /// What a partition is called.
    #[must_use]
    pub fn name_of(topic: &str, partition: i32) -> String {
        format!("kafka/{topic}/{partition}")
    }

    /// Opens a partition.
    ///
    /// # Errors
    /// Where the cluster can't be reached or refuses us, the topic or partition is not there, or
    /// the offset to begin at is not.
    pub fn open(
        cluster: &Cluster,
        topic: &str,
        partition: i32,
        options: &SourceOptions,
    ) -> Result<Self, KafkaError> {
        let role = Role::Source { queued_bytes_max: options.queued_bytes_max };
        let reader = Reader::open(cluster, role)?;
        let count = reader.partition_count(topic)?;
        if usize::try_from(partition).map_or(true, |partition| partition >= count) {
            return Err(KafkaError::MissingPartition { topic: topic.to_owned(), partition });
        }
        let identity = reader.topic_id(topic);
        let (low, high) = reader.watermarks(topic, partition)?;
        let start = match options.start {
            Start::Beginning => low,
            Start::End => high,
            Start::Time(time_ms) => reader.offset_at(topic, partition, time_ms)?.unwrap_or(high),
            Start::Offset(offset) => {
                let asked = i64::try_from(offset).unwrap_or(i64::MAX);
                if !(low..=high).contains(&asked) {
                    let topic = topic.to_owned();
                    return Err(KafkaError::OffsetOutOfRange {
                        topic,
                        partition,
                        offset,
                        low,
                        high,
                    });
                }
                asked
            }
        };
        reader.read_from(topic, partition, start)?;
        let [position, offset] = [start, high].map(|offset| u64::try_from(offset).unwrap_or(0));
        let end = options.is_finite.then(|| options.until.map_or(offset, |end| end.min(offset)));
        let is_finished = end.is_some_and(|end| position >= end);
        let now = Instant::now();
        Ok(Self {
            name: Self::name_of(topic, partition),
            topic: topic.to_owned(),
            partition,
            reader,
            identity,
            record_bytes_max: options.record_bytes_max,
            position,
            end,
            head: Head { offset, asked: now, answered: now, is_reached: false, has_news: true },
            bytes_read: 0,
            state: if is_finished { State::Finished } else { State::Reading },
        })
    }

    /// Fills the batch with what is there, waiting for the first of it.
    fn fill(&mut self, batch: &mut Batch) -> Result<(), KafkaError> {
        let mut wait = READ_WAITS;
        while !batch.is_full() {
            let trouble = match self.reader.poll(wait) {
                None => break,
                Some(Err(trouble)) => trouble,
                Some(Ok(message)) => {
                    wait = Duration::ZERO;
                    let offset = u64::try_from(message.offset()).unwrap_or(0);
                    if self.end.is_some_and(|end| offset >= end) {
                        self.state = State::Finished;
                        break;
                    }
                    // Read anew after trouble, it may begin with what was handed out before.
                    if offset < self.position {
                        continue;
                    }
                    let value = message.payload().unwrap_or_default();
                    let passed = value.len().min(self.record_bytes_max.saturating_add(1));
                    batch.push(offset, &[&value[..passed]], value.len() as u64);
                    self.bytes_read += value.len() as u64;
                    self.position = offset + 1;
                    self.head.is_reached = false;
                    self.head.has_news = true;
                    if self.end == Some(self.position) {
                        self.state = State::Finished;
                        break;
                    }
                    continue;
                }
            };
            self.judge(&trouble)?;
            if trouble == Trouble::End {
                wait = Duration::ZERO;
                if self.end.is_some() {
                    // What the end was when it was opened lies before the end that is reached.
                    self.state = State::Finished;
                    break;
                }
            }
        }
        self.check_identity()
    }

    /// What other news than a record means: nothing, or the end.
    fn judge(&mut self, trouble: &Trouble) -> Result<(), KafkaError> {
        match trouble {
            Trouble::Passing => Ok(()),
            Trouble::End => {
                // The ends of transactions have offsets too, and nothing to hand out.
                let position = self.reader.position(&self.topic, self.partition);
                self.position = self.position.max(position.unwrap_or(0));
                self.head.is_reached = true;
                self.head.has_news = true;
                Ok(())
            }
            Trouble::Unknown => self.find_again(),
            Trouble::OutOfRange => Err(self.out_of_range()),
            Trouble::Denied => {
                let action = format!("read topic `{}`", self.topic);
                Err(self.reader.denied(&action, self.reader.complaint()))
            }
            Trouble::Unreadable => Err(KafkaError::Unreadable {
                topic: self.topic.clone(),
                partition: self.partition,
                offset: self.position,
                reason: self.reader.complaint(),
            }),
        }
    }

    fn out_of_range(&self) -> KafkaError {
        let known = self.reader.watermarks_now(&self.topic, self.partition, READ_WAITS * 20);
        let (low, high) = known.unwrap_or((-1, -1));
        let (topic, partition) = (self.topic.clone(), self.partition);
        KafkaError::OffsetOutOfRange { topic, partition, offset: self.position, low, high }
    }

    /// A broker that has just started may not know its topics yet: asks again for a while.
    fn find_again(&self) -> Result<(), KafkaError> {
        for _ in 0..5 {
            match self.reader.partition_count(&self.topic) {
                Ok(count) if usize::try_from(self.partition).is_ok_and(|own| own < count) => {
                    self.check_identity()?;
                    return self.read_again();
                }
                Ok(_) | Err(KafkaError::MissingTopic { .. }) => std::thread::sleep(READ_WAITS * 5),
                Err(KafkaError::Unreachable { .. }) => return self.read_again(),
                Err(other) => return Err(other),
            }
        }
        let (topic, partition) = (self.topic.clone(), self.partition);
        Err(KafkaError::Gone { topic, partition, offset: self.position })
    }

    /// Fetches anew what was not yet handed out.
    fn read_again(&self) -> Result<(), KafkaError> {
        let position = i64::try_from(self.position).unwrap_or(i64::MAX);
        self.reader.read_from(&self.topic, self.partition, position)
    }

    /// Whether it is still the topic that was opened.
    fn check_identity(&self) -> Result<(), KafkaError> {
        let now = self.reader.topic_id(&self.topic);
        if self.identity.is_some() && now.is_some() && now != self.identity {
            let (topic, partition) = (self.topic.clone(), self.partition);
            return Err(KafkaError::Remade { topic, partition, offset: self.position });
        }
        Ok(())
    }

    /// Asks the leader now and then where the partition ends.
    fn look_at_the_head(&mut self) -> Result<(), KafkaError> {
        if self.head.asked.elapsed() < HEAD_EVERY {
            return Ok(());
        }
        self.head.asked = Instant::now();
        let answer = self.reader.watermarks_now(&self.topic, self.partition, HEAD_WAITS);
        let high = match answer {
            Ok((_, high)) => high,
            Err(trouble) => return self.judge(&trouble),
        };
        let offset = u64::try_from(high).unwrap_or(0);
        // The same end twice with nothing between: what is left before it are no records, but
        // what the brokers have compacted away.
        if self.head.is_reached && !self.head.has_news && self.head.offset == offset {
            self.position = self.position.max(offset);
        }
        self.head.offset = offset;
        self.head.answered = self.head.asked;
        self.head.has_news = false;
        Ok(())
    }

    fn progress(&self, batch: &Batch) -> Progress {
        let head = &self.head;
        let is_known = head.answered.elapsed() < HEAD_COUNTS;
        match self.state {
            _ if !batch.is_empty() => Progress::Read,
            State::Finished => Progress::Finished,
            _ if head.is_reached && is_known && self.position >= head.offset => Progress::Waiting,
            _ => Progress::Read,
        }
    }
}

impl Source for KafkaSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_finite(&self) -> bool {
        self.end.is_some()
    }

    fn read(&mut self, batch: &mut Batch) -> Result<Progress, SourceError> {
        batch.clear();
        match std::mem::replace(&mut self.state, State::Reading) {
            State::Failing(error) => return Err(error.into()),
            State::Finished => {
                self.state = State::Finished;
                return Ok(Progress::Finished);
            }
            State::Reading => {}
        }
        match self.fill(batch).and_then(|()| self.look_at_the_head()) {
            Ok(()) => {}
            // Of a topic made anew nobody knows whose records these are.
            Err(error @ KafkaError::Remade { .. }) => {
                batch.clear();
                return Err(error.into());
            }
            Err(error) if batch.is_empty() => return Err(error.into()),
            Err(error) => self.state = State::Failing(error),
        }
        Ok(self.progress(batch))
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn head(&self) -> Option<u64> {
        Some(self.head.offset.max(self.position))
    }

    fn look_ahead(&mut self) -> Result<(), SourceError> {
        match self.state {
            State::Reading => {
                // What lies before the end was not asked for: nothing follows from it for the
                // position, neither now nor at the next look.
                self.head.has_news = true;
                let looked = self.look_at_the_head();
                self.head.has_news = true;
                Ok(looked?)
            }
            // Reading on tells.
            State::Failing(_) | State::Finished => Ok(()),
        }
    }

    fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    fn bytes_total(&self) -> Option<u64> {
        None
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}
