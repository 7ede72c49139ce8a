//! Records to a stream, each exactly once and in order.
//!
//! Every record is published under two conditions that the server checks: that the stream's last
//! sequence is the one before it, and that the message there is the one that we sent before it.
//! So a record that was lost takes all behind it with it, a record that comes twice is refused
//! the second time, and where somebody else writes in between nothing of ours follows.
//!
//! Where an answer does not come (a lost connection, a server that was killed or stopped), the
//! stream says what has arrived: what lies behind the last acknowledged record must be, byte for
//! byte, records of ours that are in doubt; publishing goes on behind them. Anything else there is
//! somebody else's.
//!
//! At most [`WINDOW_RECORDS`] and [`WINDOW_BYTES`] are under way.

use super::NatsError;
use super::link::{Link, Trouble};
use async_nats::jetstream::Error as ServerAnswer;
use async_nats::jetstream::context::{PublishAckFuture, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use std::collections::VecDeque;
use std::error::Error;
use std::time::{Duration, Instant};

/// How many records may be under way.
const WINDOW_RECORDS: usize = 256;
/// How many bytes of them.
const WINDOW_BYTES: usize = 4 << 20;
/// The pause before a server that did not answer is asked again.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a refusal that the stream does not explain is met before it is taken at its word.
const REFUSALS_MAX: u32 = 20;
/// What the headers of a record take at most, besides the name of its stream.
pub(super) const HEADER_BYTES: usize = 512;

/// A record and where it goes.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) subject: String,
    pub(super) payload: Vec<u8>,
}

/// The writing end of a stream.
pub(super) struct Publisher {
    stream: String,
    /// When the stream was created.
    identity: String,
    /// The sequence of the last record that is known to be there.
    written: u64,
    /// Up to where records of ours may be that were not acknowledged.
    in_doubt: u64,
    /// Whether this run has written anything.
    has_written: bool,
    /// What is to be written, beginning behind `written`.
    queue: VecDeque<Outgoing>,
    /// Tells this run's messages from every other's.
    run: String,
    attempts: u64,
    patience: Duration,
}

/// A stream to be written to, and how far it was.
pub(super) struct Output {
    pub(super) stream: String,
    /// When it was created.
    pub(super) identity: String,
    /// The sequence of its last record.
    pub(super) written: u64,
}

/// How an attempt ended.
enum Attempt {
    /// All is there.
    Done,
    /// The stream's end is not where we think.
    OutOfStep,
    /// No answer came.
    Unanswered(String),
    /// The server said no.
    Refused(String),
}

impl Publisher {
    pub(super) fn new(link: &Link, output: Output, patience: Duration) -> Self {
        let Output { stream, identity, written } = output;
        Self {
            stream,
            identity,
            written,
            in_doubt: written,
            has_written: false,
            queue: VecDeque::new(),
            run: link.unique_text(),
            attempts: 0,
            patience,
        }
    }

    /// Takes a record to be written by the next [`Publisher::publish`].
    pub(super) fn push(&mut self, record: Outgoing) {
        self.queue.push_back(record);
    }

    /// Writes everything that was pushed, and returns when all of it is there.
    pub(super) async fn publish(&mut self, link: &Link) -> Result<(), NatsError> {
        if self.queue.is_empty() {
            return Ok(());
        }
        let first = self.written + 1;
        let mut progress = Progress { written: self.written, at: Instant::now(), refusals: 0 };
        loop {
            let attempt = self.attempt(link).await;
            if let Attempt::Done = attempt {
                self.has_written = true;
                return self.verify(link, first).await;
            }
            self.find_out(link, &mut progress).await?;
            progress.note(self.written);
            self.take_stock(link, attempt, &mut progress)?;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether another attempt makes sense.
    fn take_stock(
        &self,
        link: &Link,
        attempt: Attempt,
        progress: &mut Progress,
    ) -> Result<(), NatsError> {
        let refused = |reason| {
            Err(NatsError::Refused { action: "write to", stream: self.stream.clone(), reason })
        };
        match attempt {
            Attempt::Refused(reason) => refused(reason),
            Attempt::Unanswered(reason) => self.check_patience(link, reason, progress),
            Attempt::OutOfStep => {
                progress.refusals += 1;
                if progress.refusals > REFUSALS_MAX {
                    return refused("it refuses the sequence that it says comes next".to_owned());
                }
                Ok(())
            }
            Attempt::Done => Ok(()),
        }
    }

    fn check_patience(
        &self,
        link: &Link,
        reason: String,
        progress: &Progress,
    ) -> Result<(), NatsError> {
        link.check_admitted()?;
        if progress.at.elapsed() < self.patience {
            return Ok(());
        }
        let waited_s = self.patience.as_secs();
        Err(NatsError::Silent { stream: self.stream.clone(), waited_s, reason })
    }

    /// Publishes the queue from its beginning until something fails.
    async fn attempt(&mut self, link: &Link) -> Attempt {
        self.attempts += 1;
        let doubt_before = self.in_doubt;
        let mut under_way: VecDeque<(PublishAckFuture, usize)> = VecDeque::new();
        let mut bytes = 0;
        let mut acknowledged = 0;
        loop {
            while under_way.len() < WINDOW_RECORDS && bytes < WINDOW_BYTES {
                let Some(record) = self.queue.get(under_way.len()) else { break };
                let sequence = self.written + under_way.len() as u64 + 1;
                let message = self.message(record, sequence, acknowledged + under_way.len());
                self.in_doubt = self.in_doubt.max(sequence);
                let sent = link.context().send_publish(record.subject.clone(), message).await;
                match sent {
                    Ok(answer) => under_way.push_back((answer, record.payload.len())),
                    Err(error) => return Attempt::Unanswered(error.to_string()),
                }
                bytes += record.payload.len();
            }
            let Some((answer, length)) = under_way.pop_front() else { return Attempt::Done };
            match answer.await {
                Ok(answer) if answer.sequence == self.written + 1 => {}
                Ok(_) => return Attempt::OutOfStep,
                Err(error) => return self.failed(doubt_before, &error),
            }
            bytes -= length;
            acknowledged += 1;
            self.written += 1;
            self.queue.pop_front();
        }
    }

    fn message(&self, record: &Outgoing, sequence: u64, index: usize) -> PublishMessage {
        let id = |index: usize| format!("{}.{}.{index}", self.run, self.attempts);
        let message = PublishMessage::build()
            .payload(record.payload.clone().into())
            .message_id(id(index))
            .expected_stream(&self.stream)
            .expected_last_sequence(sequence - 1);
        // What lies before the first is known by its sequence, and was read where it matters.
        match index {
            0 => message,
            index => message.expected_last_message_id(id(index - 1)),
        }
    }

    /// What the answer to the record behind `written` means for it and those sent behind it.
    fn failed(
        &mut self,
        doubt_before: u64,
        error: &async_nats::jetstream::context::PublishError,
    ) -> Attempt {
        let attempt = match error.kind() {
            PublishErrorKind::WrongLastSequence | PublishErrorKind::WrongLastMessageId => {
                Attempt::OutOfStep
            }
            PublishErrorKind::MaxPayloadExceeded => Attempt::Refused(error.to_string()),
            PublishErrorKind::Other => {
                let cause = error.source().and_then(|cause| cause.downcast_ref::<ServerAnswer>());
                match cause.map(Trouble::answered) {
                    Some(Trouble::Refused(reason)) => Attempt::Refused(reason),
                    _ => return Attempt::Unanswered(error.to_string()),
                }
            }
            _ => return Attempt::Unanswered(error.to_string()),
        };
        // A refused record is not there, nor is any that was sent behind it.
        self.in_doubt = doubt_before.max(self.written);
        attempt
    }

    /// Finds out what of the queue is there, however long that takes.
    async fn find_out(&mut self, link: &Link, progress: &mut Progress) -> Result<(), NatsError> {
        loop {
            match self.compare(link).await {
                Ok(()) => return Ok(()),
                Err(Trouble::Away(reason)) => {
                    progress.note(self.written);
                    self.check_patience(link, reason, progress)?;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(trouble) => return Err(trouble.into_error(link, "write to", &self.stream)),
            }
        }
    }

    /// Takes what is there of the queue as written.
    async fn compare(&mut self, link: &Link) -> Result<(), Trouble> {
        let described = link.describe(&self.stream, false).await?;
        let last = described.state.last;
        described.check_identity(&self.stream, &self.identity)?;
        self.check_length(last)?;
        while self.written < last {
            let sequence = self.written + 1;
            let stream = self.stream.clone();
            let another = NatsError::AnotherWriter { stream, sequence };
            let Some(record) = self.queue.front() else { return Err(another.into()) };
            if self.has_written && sequence > self.in_doubt {
                return Err(another.into());
            }
            let found = match link.record(&self.stream, sequence).await {
                Err(Trouble::Missing) => {
                    return Err(
                        NatsError::TickTorn { stream: self.stream.clone(), sequence }.into()
                    );
                }
                found => found?,
            };
            if found.payload != record.payload || found.subject.as_str() != record.subject {
                return Err(another.into());
            }
            self.written = sequence;
            self.queue.pop_front();
        }
        Ok(())
    }

    fn check_length(&self, last: u64) -> Result<(), NatsError> {
        if last < self.written {
            let (stream, written) = (self.stream.clone(), self.written);
            return Err(NatsError::OutputShrunk { stream, written, last });
        }
        Ok(())
    }

    /// Looks whether what was acknowledged is there, and nothing else.
    async fn verify(&self, link: &Link, first: u64) -> Result<(), NatsError> {
        let stream = || self.stream.clone();
        let described = match link.describe(&self.stream, false).await {
            Ok(described) => described,
            // It was acknowledged: that is enough where the server has just gone.
            Err(Trouble::Away(_)) => return Ok(()),
            Err(trouble) => return Err(trouble.into_error(link, "write to", &self.stream)),
        };
        described.check_identity(&self.stream, &self.identity)?;
        self.check_length(described.state.last)?;
        if described.state.last > self.written {
            return Err(NatsError::AnotherWriter { stream: stream(), sequence: self.written + 1 });
        }
        if described.state.first > first {
            return Err(NatsError::TickTorn { stream: stream(), sequence: first });
        }
        Ok(())
    }
}

/// When something was last written, for those who wait.
struct Progress {
    written: u64,
    at: Instant,
    refusals: u32,
}

impl Progress {
    fn note(&mut self, written: u64) {
        if written > self.written {
            *self = Self { written, at: Instant::now(), refusals: 0 };
        }
    }
}
