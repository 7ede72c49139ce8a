//! Records to a stream, as their producers write them: on one subject, each acknowledged.

use super::link::Link;
use super::{NatsError, Servers, records};
use crate::{Feed, SinkError};
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use std::collections::VecDeque;
use std::fmt::Display;

/// How many records may be under way.
const WINDOW_RECORDS: usize = 1_024;
/// What stands in a subject for the parts that a pattern leaves open.
const OPEN_PART: &str = "bench";

/// A stream that grows.
pub struct NatsFeed {
    name: String,
    stream: String,
    subject: String,
    link: Link,
    under_way: VecDeque<PublishAckFuture>,
}

impl NatsFeed {
    /// Opens the stream. `subject`: those of its subjects that are read, where these are not all.
    ///
    /// # Errors
    /// Where it can't be reached, or does not take what is read.
    pub fn open(servers: &Servers, stream: &str, subject: Option<&str>) -> Result<Self, NatsError> {
        records::check_stream_name(stream)?;
        let link = Link::connect(servers)?;
        let described = link.wait(link.describe(stream, false));
        let described =
            described.map_err(|trouble| trouble.into_error(&link, "write to", stream))?;
        let patterns =
            subject.into_iter().chain(described.config.subjects.iter().map(String::as_str));
        let pattern = patterns.into_iter().next().unwrap_or(">");
        let subject = filled_in(pattern);
        if !described.takes(&subject) {
            return Err(NatsError::SubjectNotTaken { stream: stream.to_owned(), subject });
        }
        Ok(Self {
            name: format!("the stream `{stream}`"),
            stream: stream.to_owned(),
            subject,
            link,
            under_way: VecDeque::new(),
        })
    }

    /// Waits until no more than so many are under way.
    fn wait_for_all_but(&mut self, count: usize) -> Result<(), SinkError> {
        while self.under_way.len() > count {
            let Some(answer) = self.under_way.pop_front() else { break };
            let answered = self.link.wait(answer.into_future());
            answered.map_err(|error| self.refused(&error))?;
        }
        Ok(())
    }

    fn refused(&self, error: &dyn Display) -> SinkError {
        if let Err(denied) = self.link.check_admitted() {
            return denied.into();
        }
        let (stream, reason) = (self.stream.clone(), error.to_string());
        NatsError::Refused { action: "write to", stream, reason }.into()
    }
}

/// A subject that falls under a pattern.
fn filled_in(pattern: &str) -> String {
    let parts =
        pattern.split('.').map(|part| if matches!(part, "*" | ">") { OPEN_PART } else { part });
    parts.collect::<Vec<_>>().join(".")
}

impl Feed for NatsFeed {
    fn name(&self) -> &str {
        &self.name
    }

    fn partitions(&self) -> usize {
        1
    }

    fn send(&mut self, _partition: usize, record: &[u8]) -> Result<(), SinkError> {
        self.wait_for_all_but(WINDOW_RECORDS - 1)?;
        let message = PublishMessage::build().payload(record.to_vec().into());
        let sent = self.link.wait(self.link.context().send_publish(self.subject.clone(), message));
        self.under_way.push_back(sent.map_err(|error| self.refused(&error))?);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.wait_for_all_but(0)
    }
}

#[cfg(test)]
mod tests {
    use super::filled_in;

    #[test]
    fn what_a_pattern_leaves_open_is_filled_in() {
        assert_eq!(filled_in("grid.*.telemetry.>"), "grid.bench.telemetry.bench");
        assert_eq!(filled_in("grid"), "grid");
    }
}
