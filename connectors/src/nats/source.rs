//! A stream as a source: messages to batches.
//!
//! Promises of [`NatsSource`], besides those of [`Source`]:
//! - Memory is bounded by one pull ([`SourceOptions::queued_bytes_max`], or one message where
//!   that is larger) and one batch; a source that is not called asks for nothing.
//! - The sequences of what it delivers rise without a gap, save for records that somebody
//!   deleted one by one and that the stream lists as deleted, and (with a filter) those of other
//!   subjects. Records that went away in any other way before they were read are an error: by a
//!   purge, by the stream's limits, by an older copy put back, by a stream made anew. That is
//!   looked for when it opens, and while it runs at every silence, at every gap, after every
//!   lost connection, and once a second.
//! - A lost connection is no error, however long it lasts; no access is.
//!
//! What it can't notice: an older copy put back while nobody reads, and written to until it is
//! longer than what was read.

use super::cursor::{Cursor, Next, Numbered, Pull};
use super::description::Description;
use super::link::{Link, Trouble};
use super::{NatsError, Servers, records};
use crate::contract::BATCH_BYTES;
use crate::{Batch, Progress, Source, SourceError};
use async_nats::jetstream::consumer::DeliverPolicy;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long a call waits where nothing is there.
const WAIT: Duration = Duration::from_millis(100);
/// How often the stream is looked at while it brings records.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// How long a call may wait for what the server says of the stream.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(1);
/// How many messages a pull asks for at most; what the client library queues is above that.
const PULL_MESSAGES: usize = 8192;

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At a position that a reader has stored.
    Sequence(u64),
    /// With the first record that is there.
    Beginning,
    /// With the first record that comes from now on.
    End,
    /// With the first record that the server took at this time or later (ms since the epoch).
    Time(i64),
}

/// How a stream is read.
#[derive(Clone, Debug)]
pub struct SourceOptions {
    /// Where reading begins.
    pub start: Start,
    /// Only records on subjects under this are read.
    pub subject: Option<String>,
    /// What [`Source::identity`] was when the start was stored: another stream is refused.
    pub identity: Option<String>,
    /// Whether the end is what the stream's end is at the opening.
    pub is_finite: bool,
    /// Of a longer record only one byte more than this is passed on.
    pub record_bytes_max: usize,
    /// How many bytes of records may wait here to be read.
    pub queued_bytes_max: usize,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self {
            start: Start::Beginning,
            subject: None,
            identity: None,
            is_finite: false,
            record_bytes_max: 1024 * 1024,
            queued_bytes_max: 4 * BATCH_BYTES,
        }
    }
}

/// One stream.
pub struct NatsSource {
    name: String,
    link: Link,
    stream: String,
    options: SourceOptions,
    identity: String,
    position: u64,
    /// Behind the last record to read, of a finite one.
    end: Option<u64>,
    /// Behind the last record that is known to be there.
    head: u64,
    cursor: Option<Cursor>,
    /// The last record read and when the server took it (ns): what shows that the stream still
    /// is what it was.
    last_read: Option<(u64, i128)>,
    checked: Instant,
    state: State,
    bytes_read: u64,
}

enum State {
    Reading,
    /// It failed behind what the last batch held: the next call says so.
    Failing(NatsError),
    Failed,
    Finished,
}

impl NatsSource {
    /// What a stream is called as a partition.
    #[must_use]
    pub fn name_of(stream: &str) -> String {
        format!("nats/{stream}/0")
    }

    /// Opens a stream where the options say.
    ///
    /// # Errors
    /// Where it can't be reached, is unfit, or is not the one that was read before.
    pub fn open(
        servers: &Servers,
        stream: &str,
        options: &SourceOptions,
    ) -> Result<Self, NatsError> {
        records::check_stream_name(stream)?;
        if let Some(subject) = &options.subject {
            records::check_pattern(subject)?;
        }
        let link = Link::connect(servers)?;
        let described = link.wait(link.describe(stream, false));
        let described = described.map_err(|trouble| trouble.into_error(&link, "read", stream))?;
        described.check_readable(stream)?;
        if let Some(identity) = &options.identity {
            described.check_identity(stream, identity)?;
        }
        let position = link.wait(position_of(&link, stream, options, &described))?;
        described.check_position(stream, position)?;
        let head = described.state.last + 1;
        Ok(Self {
            name: Self::name_of(stream),
            link,
            stream: stream.to_owned(),
            options: options.clone(),
            identity: described.created,
            position,
            end: options.is_finite.then_some(head),
            head,
            cursor: None,
            last_read: None,
            checked: Instant::now(),
            state: State::Reading,
            bytes_read: 0,
        })
    }

    fn pull(&self) -> Pull {
        Pull { messages: PULL_MESSAGES, bytes: self.options.queued_bytes_max.max(BATCH_BYTES) }
    }

    /// Fills the batch as far as it goes without waiting for long.
    async fn fill(&mut self, batch: &mut Batch) -> Result<Progress, Trouble> {
        let deadline = Instant::now() + WAIT;
        loop {
            if self.end.is_some_and(|end| self.position >= end) {
                return Ok(Progress::Finished);
            }
            if self.checked.elapsed() >= CHECK_EVERY {
                self.check().await?;
            }
            if self.cursor.as_ref().is_none_or(|cursor| cursor.is_stale(&self.link)) {
                self.open_cursor().await?;
            }
            let size = self.pull();
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = if batch.is_empty() { left } else { Duration::ZERO };
            let Some(cursor) = &mut self.cursor else { return Ok(Progress::Read) };
            match cursor.next(size, wait).await? {
                Next::Message(message) => {
                    if self.take(&message, batch).await? && !batch.is_full() {
                        continue;
                    }
                    return Ok(Progress::Read);
                }
                Next::Missed => self.cursor = None,
                Next::Ended | Next::Nothing if !batch.is_empty() => return Ok(Progress::Read),
                Next::Ended if !left.is_zero() => {}
                Next::Ended => return self.look_for_the_head(true).await,
                Next::Nothing => return self.look_for_the_head(false).await,
            }
            if left.is_zero() {
                return Ok(Progress::Read);
            }
        }
    }

    /// Takes a record into the batch; false where it is none to read.
    async fn take(&mut self, numbered: &Numbered, batch: &mut Batch) -> Result<bool, Trouble> {
        let sequence = numbered.sequence;
        if sequence < self.position {
            self.cursor = None;
            return Ok(false);
        }
        if sequence > self.position && self.options.subject.is_none() {
            self.explain(self.position, sequence - 1).await?;
        }
        if self.end.is_some_and(|end| sequence >= end) {
            self.position = self.end.unwrap_or(sequence);
            return Ok(false);
        }
        let payload = &numbered.message.payload;
        let kept = payload.len().min(self.options.record_bytes_max.saturating_add(1));
        batch.push(sequence, &[&payload[..kept]], payload.len() as u64);
        self.bytes_read += payload.len() as u64;
        self.position = sequence + 1;
        self.last_read = Some((sequence, numbered.published_ns));
        self.head = self.head.max(self.position + numbered.pending);
        Ok(true)
    }

    /// Sees to it that the sequences that did not come were deleted one by one.
    async fn explain(&mut self, from: u64, to: u64) -> Result<(), Trouble> {
        let described = self.link.describe(&self.stream, true).await?;
        self.check_same(&described)?;
        match described.first_unexplained(from..=to) {
            None => Ok(()),
            Some(from) => {
                Err(Trouble::Fatal(NatsError::Gap { stream: self.stream.clone(), from, to }))
            }
        }
    }

    fn check_same(&mut self, described: &Description) -> Result<(), NatsError> {
        described.check_identity(&self.stream, &self.identity)?;
        described.check_position(&self.stream, self.position)?;
        self.head = described.state.last + 1;
        self.checked = Instant::now();
        Ok(())
    }

    /// Looks whether the stream is still the one that it was.
    async fn check(&mut self) -> Result<u64, Trouble> {
        let question = self.link.describe(&self.stream, false);
        let described = match timeout(QUESTION_TIMEOUT, question).await {
            Err(_) => return Err(Trouble::Away("no answer".to_owned())),
            Ok(Err(Trouble::Missing)) => {
                return Err(NatsError::NoStream { stream: self.stream.clone() }.into());
            }
            Ok(described) => described?,
        };
        self.check_same(&described)?;
        Ok(described.state.last)
    }

    async fn open_cursor(&mut self) -> Result<(), Trouble> {
        self.cursor = None;
        self.check().await?;
        if let Some((sequence, published_ns)) = self.last_read {
            match self.link.record(&self.stream, sequence).await {
                Ok(record) if record.time.unix_timestamp_nanos() != published_ns => {
                    let stream = self.stream.clone();
                    return Err(NatsError::Rewritten { stream, sequence }.into());
                }
                // Deleted since, or dropped by the limits: that is no harm to what was read.
                Ok(_) | Err(Trouble::Missing) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        let policy = DeliverPolicy::ByStartSequence { start_sequence: self.position };
        let filter = self.options.subject.as_deref();
        self.cursor = Some(Cursor::open(&self.link, &self.stream, filter, policy).await?);
        Ok(())
    }

    /// Where nothing came: whether that is so because all was read.
    async fn look_for_the_head(&mut self, has_pull_ended: bool) -> Result<Progress, Trouble> {
        let last = self.check().await?;
        if self.position > last {
            return Ok(Progress::Waiting);
        }
        let Some(cursor) = &self.cursor else { return Ok(Progress::Read) };
        let standing = cursor.standing(&self.link).await?;
        if standing.sent() != cursor.received() {
            // Under way, or lost: after the end of a pull nothing is under way.
            if has_pull_ended {
                self.cursor = None;
            }
            return Ok(Progress::Read);
        }
        if standing.pending > 0 {
            return Ok(Progress::Read);
        }
        if self.options.subject.is_none() {
            self.explain(self.position, last).await?;
        }
        self.position = last + 1;
        Ok(if self.end.is_some() { Progress::Read } else { Progress::Waiting })
    }

    /// Whether reading may go on; the pause is what keeps it from asking without end.
    fn overcome(&mut self, trouble: Trouble) -> Result<(), NatsError> {
        let thread = self.link.thread();
        let _entered = thread.enter();
        match trouble {
            Trouble::Fatal(error) => return Err(error),
            Trouble::Refused(reason) => {
                return Err(NatsError::Refused {
                    action: "read",
                    stream: self.stream.clone(),
                    reason,
                });
            }
            // The cursor is gone: where the stream is too, opening a new one will say so.
            Trouble::Missing => {}
            Trouble::Away(_) => std::thread::sleep(WAIT),
        }
        self.cursor = None;
        Ok(())
    }
}

/// The position that the start comes to.
async fn position_of(
    link: &Link,
    stream: &str,
    options: &SourceOptions,
    described: &Description,
) -> Result<u64, NatsError> {
    let start_ms = match options.start {
        Start::Sequence(sequence) => return Ok(sequence.max(1)),
        Start::Beginning => return Ok(described.state.first.max(1)),
        Start::End => return Ok(described.state.last + 1),
        Start::Time(start_ms) => start_ms,
    };
    let refused =
        |reason: String| NatsError::Refused { action: "read", stream: stream.to_owned(), reason };
    let start_time = async_nats::datetime::from_nanos(i128::from(start_ms) * 1_000_000)
        .map_err(|error| refused(error.to_string()))?;
    let policy = DeliverPolicy::ByStartTime { start_time };
    let cursor = Cursor::open(link, stream, None, policy).await;
    let cursor = cursor.map_err(|trouble| trouble.into_error(link, "read", stream))?;
    Ok(cursor.start().max(described.state.first).min(described.state.last + 1))
}

impl Drop for NatsSource {
    fn drop(&mut self) {
        // The end of a pull is told to the server, which is work for the link's thread.
        let thread = self.link.thread();
        let _entered = thread.enter();
        self.cursor = None;
    }
}

impl Source for NatsSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_finite(&self) -> bool {
        self.options.is_finite
    }

    fn read(&mut self, batch: &mut Batch) -> Result<Progress, SourceError> {
        batch.clear();
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Reading => {}
            State::Failing(error) => return Err(error.into()),
            State::Failed => {
                return Err(NatsError::FailedBefore { stream: self.stream.clone() }.into());
            }
            State::Finished => {
                self.state = State::Finished;
                return Ok(Progress::Finished);
            }
        }
        let thread = self.link.thread();
        let filled = thread.block_on(self.fill(batch));
        let progress = match filled {
            Ok(progress) => progress,
            Err(trouble) => match self.overcome(trouble) {
                Ok(()) => Progress::Read,
                Err(error) if batch.is_empty() => return Err(error.into()),
                Err(error) => {
                    self.state = State::Failing(error);
                    return Ok(Progress::Read);
                }
            },
        };
        self.state = State::Reading;
        if !batch.is_empty() {
            return Ok(Progress::Read);
        }
        if progress == Progress::Finished {
            self.state = State::Finished;
        }
        Ok(progress)
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn head(&self) -> Option<u64> {
        Some(self.head)
    }

    fn look_ahead(&mut self) -> Result<(), SourceError> {
        let may_ask = matches!(self.state, State::Reading) && self.checked.elapsed() >= CHECK_EVERY;
        if !may_ask {
            return Ok(());
        }
        let thread = self.link.thread();
        match thread.block_on(self.check()) {
            Ok(_) => Ok(()),
            Err(trouble) => Ok(self.overcome(trouble)?),
        }
    }

    fn identity(&self) -> Option<&str> {
        Some(&self.identity)
    }

    fn bytes_total(&self) -> Option<u64> {
        None
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}
