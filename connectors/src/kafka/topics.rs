//! From names and patterns to partitions.

use super::cluster::{Isolation, Role};
use super::reader::Reader;
use super::{Cluster, KafkaError};
use regex::Regex;

/// Which topics are read.
#[derive(Clone, Debug)]
pub enum Topics {
    /// These.
    Names(Vec<String>),
    /// All those that a regular expression finds something in; `^` and `$` bind it to the whole
    /// name. Kafka's own topics (`__…`) never count.
    Pattern(String),
}

impl Topics {
    /// Whether a topic is one of them.
    #[must_use]
    pub fn hold(&self, topic: &str) -> bool {
        match self {
            Self::Names(names) => names.iter().any(|name| name == topic),
            Self::Pattern(text) => {
                !topic.starts_with("__") && Regex::new(text).is_ok_and(|is| is.is_match(topic))
            }
        }
    }
}

/// All partitions of the topics as they are now, by topic and number, each once. To be called
/// again and again where new ones count: partitions are added to topics, and topics to patterns.
///
/// # Errors
/// Where the cluster can't be asked, a named topic is not there, or no topic matches.
pub fn partitions(cluster: &Cluster, topics: &Topics) -> Result<Vec<(String, i32)>, KafkaError> {
    let reader = Reader::open(cluster, Role::Inspector { isolation: Isolation::Committed })?;
    let mut found = Vec::new();
    for (topic, count) in matching(&reader, topics)? {
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        found.extend((0..count).map(|partition| (topic.clone(), partition)));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// The topics, each with how many partitions it has.
fn matching(reader: &Reader, topics: &Topics) -> Result<Vec<(String, usize)>, KafkaError> {
    match topics {
        Topics::Names(names) => {
            names.iter().map(|name| Ok((name.clone(), reader.partition_count(name)?))).collect()
        }
        Topics::Pattern(text) => {
            let pattern = Regex::new(text).map_err(|error| KafkaError::BadPattern {
                pattern: text.clone(),
                reason: error.to_string(),
            })?;
            let found: Vec<_> = reader
                .topics()?
                .into_iter()
                .filter(|(name, _)| !name.starts_with("__") && pattern.is_match(name))
                .collect();
            if found.is_empty() {
                let brokers = reader.brokers().to_owned();
                return Err(KafkaError::NoMatch { pattern: text.clone(), brokers });
            }
            Ok(found)
        }
    }
}
