//! A topic for what can't be read.
//!
//! Each letter is a record; its key is the partition that it came from, so that the letters of
//! one stay in order. A letter that was appended is there after [`Sink::commit`], and after a
//! crash perhaps twice. One that is larger than a record may be keeps what tells where it came
//! from and why, and the beginning of its `raw`.

use super::cluster::Role;
use super::producer::{Producer, Setback};
use super::reader::Reader;
use super::{Cluster, KafkaError};
use crate::{Guarantee, Sink, SinkError};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The client's own limit for a record, with room for its key and what goes around it.
const LETTER_BYTES_MAX: usize = 1_000_000 - 1024;
/// How much of the `raw` of a larger one is kept: escaped, it may take six times as much.
const RAW_BYTES_KEPT: usize = 128 * 1024;
/// How long it is tried to write one.
const PATIENCE: Duration = Duration::from_secs(310);

/// Dead letters in a topic.
pub struct KafkaDeadLetters {
    name: String,
    brokers: String,
    topic: String,
    producer: Producer,
    has_failed: bool,
}

impl KafkaDeadLetters {
    /// Opens the topic; `name` is the sink's.
    ///
    /// # Errors
    /// Where the cluster can't be reached or refuses us, or the topic is not there.
    pub fn open(name: &str, cluster: &Cluster, topic: &str) -> Result<Self, KafkaError> {
        let config = cluster.configuration(Role::Writer)?;
        let isolation = super::cluster::Isolation::Committed;
        Reader::open(cluster, Role::Inspector { isolation })?.partition_count(topic)?;
        Ok(Self {
            name: name.to_owned(),
            brokers: cluster.brokers().to_owned(),
            topic: topic.to_owned(),
            producer: Producer::open(&config)?,
            has_failed: false,
        })
    }

    fn check(&self) -> Result<(), KafkaError> {
        if self.has_failed {
            return Err(KafkaError::FailedBefore { topic: self.topic.clone() });
        }
        Ok(())
    }

    fn send_all(&mut self, text: &[u8]) -> Result<(), KafkaError> {
        let deadline = Instant::now() + PATIENCE;
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let letter: Value = serde_json::from_slice(line).map_err(|error| {
                KafkaError::BadLine { topic: self.topic.clone(), reason: error.to_string() }
            })?;
            let key = letter.get("source").and_then(Value::as_str).unwrap_or("_").to_owned();
            let short = (line.len() > LETTER_BYTES_MAX).then(|| shortened(letter).to_string());
            let value = short.as_ref().map_or(line, String::as_bytes);
            let sent = self.producer.send(&self.topic, None, &key, value, deadline);
            sent.map_err(|setback| self.failure(setback))?;
        }
        Ok(())
    }

    fn failure(&self, setback: Setback) -> KafkaError {
        setback.into_error(&self.topic, &self.brokers)
    }
}

/// A letter with only the beginning of its `raw`.
fn shortened(mut letter: Value) -> Value {
    let Some(Value::String(raw)) = letter.get_mut("raw") else {
        return letter;
    };
    let mut kept = raw.len().min(RAW_BYTES_KEPT);
    // A multiple of four keeps base64 whole, and no character is cut in two.
    while kept % 4 != 0 || !raw.is_char_boundary(kept) {
        kept -= 1;
    }
    let full = raw.len();
    raw.truncate(kept);
    if let Some(Value::String(detail)) = letter.get_mut("detail") {
        detail.push_str(&format!(" (of the {full} bytes of `raw` only the first {kept} are here)"));
    }
    letter
}

impl Sink for KafkaDeadLetters {
    fn name(&self) -> &str {
        &self.name
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::BestEffort
    }

    fn append(&mut self, letters: &[u8]) -> Result<(), SinkError> {
        self.check()?;
        let sent = self.send_all(letters);
        self.has_failed = sent.is_err();
        Ok(sent?)
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        self.check()?;
        let delivered = self.producer.wait_until_delivered(Instant::now() + PATIENCE);
        self.has_failed = delivered.is_err();
        delivered.map_err(|setback| self.failure(setback))?;
        Ok(())
    }
}
