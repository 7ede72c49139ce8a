//! A stream as a sink: ticks, acknowledged before they count as written.
//!
//! - One message per record, without its newline, on `<prefix>.<type>.<key>`. The stream is the
//!   sink's own; it is created where it is missing and may be.
//! - A tick is not written at once: a reader that wants whole ticks waits for the
//!   `dispatch.tick_closed`. After a crash the first records of a tick may be there. They are
//!   handed out at the opening ([`Opened::records_of_next`]), must be the first of the next tick
//!   that is appended, byte for byte, and are not written again.
//! - A lost connection, a server that is killed or stopped: [`Sink::commit`] waits for it, up to
//!   [`SinkOptions::patience`] without progress, and goes on behind what has arrived.
//! - Where somebody else writes to the stream, or it loses what was acknowledged, the sink fails
//!   and writes nothing more.

use super::link::{Link, Trouble};
use super::publish::{HEADER_BYTES, Outgoing, Output, Publisher};
use super::{NatsError, Servers, description, records, resume};
use crate::{Guarantee, Sink, SinkError};
use async_nats::jetstream::context::CreateStreamErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use description::Description;
use std::time::Duration;

/// For how long a created stream remembers the names of messages: as good as not at all, as
/// their sequence is checked.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(1);

/// How often the end of a stream is looked for that moves meanwhile: what a dead predecessor had
/// sent arrives within moments, a living writer goes on.
const QUIET_ATTEMPTS_MAX: u32 = 10;
/// The pause between two looks.
const QUIET_PAUSE: Duration = Duration::from_millis(100);

/// How a stream is written.
#[derive(Clone, Debug)]
pub struct SinkOptions {
    /// The stream.
    pub stream: String,
    /// What the subjects begin with.
    pub subject_prefix: String,
    /// Whether a stream that is missing is created. Not, where it was written before.
    pub may_create: bool,
    /// For how long a commit waits for a server that does not answer.
    pub patience: Duration,
}

impl SinkOptions {
    /// Writes to this stream, which is created where it is missing.
    #[must_use]
    pub fn new(stream: &str, subject_prefix: &str) -> Self {
        Self {
            stream: stream.to_owned(),
            subject_prefix: subject_prefix.to_owned(),
            may_create: true,
            patience: Duration::from_secs(300),
        }
    }
}

/// A stream that ticks are written to.
pub struct NatsSink {
    name: String,
    link: Link,
    options: SinkOptions,
    described: Description,
    publisher: Publisher,
    /// The beginning of the next tick that is there already.
    half_tick: Vec<Vec<u8>>,
    has_failed: bool,
}

/// A sink, and how far it had got.
pub struct Opened {
    /// The sink.
    pub sink: NatsSink,
    /// The last `dispatch.tick_closed`, without a newline.
    pub last_tick_closed: Option<Vec<u8>>,
    /// The records behind it, in order and without newlines: the beginning of the next tick. The
    /// first is its `dispatch.tick_opened`, where it has one.
    pub records_of_next: Vec<Vec<u8>>,
}

impl NatsSink {
    /// Opens the stream; `name` is the sink's.
    ///
    /// # Errors
    /// Where it can't be reached or created, is unfit, holds something else than GridWeaver's
    /// records, or lacks its end.
    pub fn open(name: &str, servers: &Servers, options: &SinkOptions) -> Result<Opened, NatsError> {
        let SinkOptions { stream, subject_prefix, may_create, patience } = options;
        records::check_stream_name(stream)?;
        records::check_prefix(subject_prefix)?;
        let link = Link::connect(servers)?;
        let described =
            link.wait(describe_or_create(&link, stream, subject_prefix, *may_create))?;
        described.check_writable(stream)?;
        let tick_subject = records::tick_subject(subject_prefix);
        if !described.takes(&tick_subject) {
            let stream = stream.clone();
            return Err(NatsError::SubjectNotTaken { stream, subject: tick_subject });
        }
        let (described, end) =
            link.wait(find_quiet_end(&link, stream, subject_prefix, described))?;
        let output = Output {
            stream: stream.clone(),
            identity: described.created.clone(),
            written: described.state.last,
        };
        let publisher = Publisher::new(&link, output, *patience);
        let sink = Self {
            name: name.to_owned(),
            link,
            options: options.clone(),
            described,
            publisher,
            half_tick: end.half_tick.clone(),
            has_failed: false,
        };
        let resume::End { last_tick_closed, half_tick } = end;
        Ok(Opened { sink, last_tick_closed, records_of_next: half_tick })
    }

    fn check(&self) -> Result<(), NatsError> {
        if self.has_failed {
            return Err(NatsError::FailedBefore { stream: self.options.stream.clone() });
        }
        Ok(())
    }

    fn take(&mut self, tick_text: &[u8]) -> Result<(), NatsError> {
        let lines = || tick_text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let records = lines().map(|line| self.outgoing(line)).collect::<Result<Vec<_>, _>>()?;
        if records.is_empty() {
            return Ok(());
        }
        let there = self.half_tick.len();
        let has_diverged = |index: &usize| {
            records.get(*index).is_none_or(|record| record.payload != self.half_tick[*index])
        };
        // A tick that is there as a whole would have been kept as such.
        let diverged = (0..there).find(has_diverged);
        if let Some(index) = diverged.or((there == records.len()).then_some(there)) {
            let stream = self.options.stream.clone();
            let sequence = self.described.state.last - there as u64 + index as u64 + 1;
            return Err(NatsError::Diverged { stream, sequence });
        }
        self.half_tick.clear();
        for record in records.into_iter().skip(there) {
            self.publisher.push(record);
        }
        Ok(())
    }

    /// A line and where it goes, if the stream and the server will take it.
    fn outgoing(&self, line: &[u8]) -> Result<Outgoing, NatsError> {
        let stream = || self.options.stream.clone();
        let subject = records::subject_of(&self.options.subject_prefix, line)
            .map_err(|error| NatsError::NoRecord { stream: stream(), reason: error.to_string() })?;
        if !self.described.takes(&subject) {
            return Err(NatsError::SubjectNotTaken { stream: stream(), subject });
        }
        let length = line.len() + HEADER_BYTES + self.options.stream.len();
        let limit = self.link.message_bytes_max();
        if length > limit {
            return Err(NatsError::TooLarge { subject, length, limit });
        }
        Ok(Outgoing { subject, payload: line.to_vec() })
    }
}

/// Finds the end of a stream that nobody writes to while it is looked at.
async fn find_quiet_end(
    link: &Link,
    stream: &str,
    prefix: &str,
    described: Description,
) -> Result<(Description, resume::End), NatsError> {
    let mut described = described;
    for _ in 0..QUIET_ATTEMPTS_MAX {
        let end = resume::find_end(link, stream, prefix, &described).await?;
        let again = link.describe(stream, false).await;
        let again = again.map_err(|trouble| trouble.into_error(link, "read", stream))?;
        if again.state.last == described.state.last {
            return Ok((described, end));
        }
        described = again;
        tokio::time::sleep(QUIET_PAUSE).await;
    }
    let sequence = described.state.last;
    Err(NatsError::AnotherWriter { stream: stream.to_owned(), sequence })
}

async fn describe_or_create(
    link: &Link,
    stream: &str,
    prefix: &str,
    may_create: bool,
) -> Result<Description, NatsError> {
    match link.describe(stream, false).await {
        Ok(described) => return Ok(described),
        Err(Trouble::Missing) if may_create => {}
        Err(trouble) => return Err(trouble.into_error(link, "write to", stream)),
    }
    let config = Config {
        name: stream.to_owned(),
        description: Some("GridWeaver's decisions, tick by tick".to_owned()),
        subjects: records::subjects(prefix),
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        // A full stream takes nothing more, instead of dropping what was decided.
        discard: DiscardPolicy::New,
        duplicate_window: DUPLICATE_WINDOW,
        num_replicas: 1,
        ..Config::default()
    };
    let refused =
        |reason| NatsError::Refused { action: "create", stream: stream.to_owned(), reason };
    link.context().create_stream(config).await.map_err(|error| match error.kind() {
        CreateStreamErrorKind::TimedOut => link.unreachable(&error.to_string()),
        _ => refused(error.to_string()),
    })?;
    let described = link.describe(stream, false).await;
    described.map_err(|trouble| trouble.into_error(link, "create", stream))
}

impl Sink for NatsSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Continued
    }

    fn append(&mut self, tick_text: &[u8]) -> Result<(), SinkError> {
        self.check()?;
        debug_assert!(tick_text.last().is_none_or(|byte| *byte == b'\n'), "whole lines");
        let taken = self.take(tick_text);
        self.has_failed = taken.is_err();
        Ok(taken?)
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        self.check()?;
        let thread = self.link.thread();
        let published = thread.block_on(self.publisher.publish(&self.link));
        self.has_failed = published.is_err();
        Ok(published?)
    }
}
