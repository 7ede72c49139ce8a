//! What a server says of a stream, as far as it matters here, and which streams are fit.

use super::NatsError;
use serde::Deserialize;
use std::ops::RangeInclusive;

/// The answer to `STREAM.INFO`.
#[derive(Debug, Deserialize)]
pub(super) struct Description {
    /// When the stream was created: what tells it from another one of the same name.
    pub(super) created: String,
    pub(super) config: Config,
    pub(super) state: State,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) retention: String,
    pub(super) storage: String,
    pub(super) discard: String,
    pub(super) subjects: Vec<String>,
    #[serde(rename = "max_age")]
    pub(super) max_age_ns: i64,
    pub(super) max_bytes: i64,
    pub(super) max_msgs: i64,
    pub(super) max_msgs_per_subject: i64,
    pub(super) no_ack: bool,
    pub(super) sealed: bool,
    pub(super) mirror: Option<serde::de::IgnoredAny>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            retention: "limits".to_owned(),
            storage: "file".to_owned(),
            discard: "old".to_owned(),
            subjects: Vec::new(),
            max_age_ns: 0,
            max_bytes: -1,
            max_msgs: -1,
            max_msgs_per_subject: -1,
            no_ack: false,
            sealed: false,
            mirror: None,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct State {
    pub(super) messages: u64,
    /// The lowest sequence that is there; where none is, at most the last given and one.
    #[serde(rename = "first_seq")]
    pub(super) first: u64,
    /// The highest sequence that was ever given.
    #[serde(rename = "last_seq")]
    pub(super) last: u64,
    /// The sequences that were deleted from the middle, where they were asked for.
    #[serde(default)]
    pub(super) deleted: Option<Vec<u64>>,
}

impl Description {
    /// Whether a reader gets every record once, in order, and none before its time.
    pub(super) fn check_readable(&self, stream: &str) -> Result<(), NatsError> {
        let unfit = |reason: &str| {
            Err(NatsError::Unfit { stream: stream.to_owned(), reason: reason.to_owned() })
        };
        if self.config.retention != "limits" {
            return unfit(
                "its retention is not `limits`, so records go away when somebody else has read \
                 them; make a stream with `limits` that takes its records from this one",
            );
        }
        if self.config.max_msgs_per_subject > 0 {
            return unfit(
                "it keeps only some records of a subject (`max_msgs_per_subject`), so a newer \
                 one pushes out another before it is read; set that to -1",
            );
        }
        Ok(())
    }

    /// Whether what we write stays there.
    pub(super) fn check_writable(&self, stream: &str) -> Result<(), NatsError> {
        const AGE_NS_MIN: i64 = 24 * 3600 * 1_000_000_000;
        const MESSAGES_MIN: i64 = 100_000;
        const BYTES_MIN: i64 = 64 << 20;
        let config = &self.config;
        let drops_old = config.discard != "new";
        let is_below = |limit: i64, least: i64| limit > 0 && limit < least;
        let reasons = [
            (config.mirror.is_some(), "it is a mirror of another one"),
            (config.sealed, "it is sealed"),
            (config.no_ack, "it does not acknowledge (`no_ack`)"),
            (config.retention != "limits", "its retention is not `limits`"),
            (config.storage != "file", "it is kept in memory; make it anew with storage `file`"),
            (
                config.max_msgs_per_subject > 0,
                "it keeps only some records of a subject; set `max_msgs_per_subject` to -1",
            ),
            (
                is_below(config.max_age_ns, AGE_NS_MIN),
                "it keeps records for less than a day, which may drop the tick to go on from; \
                 set `max_age` to 24h or more, or to 0",
            ),
            (
                drops_old && is_below(config.max_msgs, MESSAGES_MIN),
                "it keeps less than 100000 records and drops old ones; raise `max_msgs`, or set \
                 `discard` to `new`",
            ),
            (
                drops_old && is_below(config.max_bytes, BYTES_MIN),
                "it keeps less than 64 MiB and drops old records; raise `max_bytes`, or set \
                 `discard` to `new`",
            ),
        ];
        match reasons.iter().find(|(holds, _)| *holds) {
            Some((_, reason)) => {
                Err(NatsError::Unfit { stream: stream.to_owned(), reason: (*reason).to_owned() })
            }
            None => Ok(()),
        }
    }

    /// Whether the stream is the one that is known by this time of creation.
    pub(super) fn check_identity(&self, stream: &str, expected: &str) -> Result<(), NatsError> {
        if self.created == expected {
            return Ok(());
        }
        Err(NatsError::Recreated {
            stream: stream.to_owned(),
            expected: expected.to_owned(),
            found: self.created.clone(),
        })
    }

    /// Whether the stream still holds what comes at the position, and held what lies before.
    pub(super) fn check_position(&self, stream: &str, position: u64) -> Result<(), NatsError> {
        let State { first, last, .. } = self.state;
        let stream = || stream.to_owned();
        if position > last + 1 {
            return Err(NatsError::Shrunk { stream: stream(), read: position - 1, last });
        }
        if position < first {
            return Err(NatsError::Lost { stream: stream(), position, first });
        }
        Ok(())
    }

    /// The first of the sequences that the stream neither has dropped nor lists as deleted.
    pub(super) fn first_unexplained(&self, missing: RangeInclusive<u64>) -> Option<u64> {
        let deleted = self.state.deleted.as_deref().unwrap_or_default();
        let mut expected = *missing.start();
        let begin = deleted.partition_point(|sequence| *sequence < expected);
        for sequence in &deleted[begin..] {
            if *sequence != expected || expected > *missing.end() {
                break;
            }
            expected += 1;
        }
        (expected <= *missing.end()).then_some(expected)
    }

    /// Whether messages on this subject come into the stream.
    pub(super) fn takes(&self, subject: &str) -> bool {
        self.config.subjects.iter().any(|pattern| matches(pattern, subject))
    }
}

/// Whether a subject falls under a pattern with `*` and `>`.
fn matches(pattern: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for part in pattern.split('.') {
        match (part, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (part, Some(token)) if part == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_subject_falls_under_its_patterns() {
        for pattern in ["a.b.c", "a.*.c", "a.>", ">", "*.*.*", "a.b.>"] {
            assert!(matches(pattern, "a.b.c"), "{pattern}");
        }
        for pattern in ["a.b", "a.b.c.>", "a.b.c.d", "*.*", "a.c.>", "b.>"] {
            assert!(!matches(pattern, "a.b.c"), "{pattern}");
        }
    }
}
