//! Where an interrupted output ends, found from its end.
//!
//! An output of ours is a sequence of ticks, each ended by its `dispatch.tick_closed`. A crash
//! may leave the first records of a tick behind the last of them: these are kept, compared with
//! what is decided again, and gone on from. Anything else in the stream is someone else's.
//!
//! Looked at are the stream's first record and those behind the last tick; the digest in each
//! `dispatch.tick_closed` is for readers that doubt the rest.

use super::cursor::{Cursor, Next, Pull};
use super::description::Description;
use super::link::{Link, Trouble};
use super::{NatsError, Servers, records};
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::message::StreamMessage;
use futures_util::{StreamExt, TryStreamExt};
use std::time::Duration;

/// How many records are asked for at once.
const RECORDS_ASKED: usize = 64;
/// How many sequences are looked through for ticks at first; doubled while a reader wants more.
const SPAN_MIN: u64 = 256;
/// The longest stretch: its ticks are held in memory.
const SPAN_MAX: u64 = 16_384;
/// How long a record may take to come before the question is asked anew.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How often a cursor is opened anew before reading fails.
const ATTEMPTS_MAX: u32 = 5;

/// The end of an output.
#[derive(Debug)]
pub(super) struct End {
    pub(super) last_tick_closed: Option<Vec<u8>>,
    /// What lies behind it.
    pub(super) half_tick: Vec<Vec<u8>>,
}

/// Finds the end of an output, and that it is one of ours.
pub(super) async fn find_end(
    link: &Link,
    stream: &str,
    prefix: &str,
    described: &Description,
) -> Result<End, NatsError> {
    let state = &described.state;
    if state.last == 0 {
        return Ok(End { last_tick_closed: None, half_tick: Vec::new() });
    }
    let gone = || NatsError::EndGone { stream: stream.to_owned(), last: state.last };
    if state.messages == 0 {
        return Err(gone());
    }
    let failed = |trouble: Trouble| trouble.into_error(link, "read", stream);
    check_ours(stream, prefix, &record(link, stream, state.first).await.map_err(failed)?)?;
    let tick = match link.last_on(stream, &records::tick_subject(prefix)).await {
        Ok(tick) => Some(tick),
        Err(Trouble::Missing) => None,
        Err(trouble) => return Err(failed(trouble)),
    };
    if let Some(tick) = &tick {
        check_ours(stream, prefix, tick)?;
    }
    let behind = tick.as_ref().map_or(1, |tick| tick.sequence + 1);
    if behind < state.first {
        return Err(gone());
    }
    let mut half_tick = Vec::new();
    let mut asked = futures_util::stream::iter(behind..=state.last)
        .map(|sequence| record(link, stream, sequence))
        .buffered(RECORDS_ASKED);
    while let Some(record) = asked.try_next().await.map_err(failed)? {
        check_ours(stream, prefix, &record)?;
        half_tick.push(record.payload.to_vec());
    }
    Ok(End { last_tick_closed: tick.map(|tick| tick.payload.to_vec()), half_tick })
}

/// A record that must be there.
async fn record(link: &Link, stream: &str, sequence: u64) -> Result<StreamMessage, Trouble> {
    match link.record(stream, sequence).await {
        Err(Trouble::Missing) => {
            Err(NatsError::TickTorn { stream: stream.to_owned(), sequence }.into())
        }
        record => record,
    }
}

/// Whether the record is one that we write, where we write it.
fn check_ours(stream: &str, prefix: &str, record: &StreamMessage) -> Result<(), NatsError> {
    let is_ours = records::type_of_ours(&record.payload).is_some()
        && records::subject_of(prefix, &record.payload)
            .is_ok_and(|subject| subject == record.subject.as_str());
    if is_ours {
        return Ok(());
    }
    Err(NatsError::Foreign { stream: stream.to_owned(), sequence: record.sequence })
}

/// Whether a stream is there: a question that changes nothing.
///
/// # Errors
/// Where the servers can't be asked.
pub fn is_there(servers: &Servers, stream: &str) -> Result<bool, NatsError> {
    records::check_stream_name(stream)?;
    let link = Link::connect(servers)?;
    match link.wait(link.describe(stream, false)) {
        Ok(_) => Ok(true),
        Err(Trouble::Missing) => Ok(false),
        Err(trouble) => Err(trouble.into_error(&link, "describe", stream)),
    }
}

/// Hands over the `dispatch.tick_closed` records of an output from the last to the first, until
/// `wants_more` says no: a restart reads back no more than it needs.
///
/// # Errors
/// Where the stream can't be read.
pub fn visit_ticks_from_the_end(
    servers: &Servers,
    stream: &str,
    subject_prefix: &str,
    mut wants_more: impl FnMut(&[u8]) -> bool,
) -> Result<(), NatsError> {
    records::check_stream_name(stream)?;
    records::check_prefix(subject_prefix)?;
    let link = Link::connect(servers)?;
    let subject = records::tick_subject(subject_prefix);
    let failed = |trouble: Trouble| trouble.into_error(&link, "read", stream);
    let first = link.wait(link.describe(stream, false)).map_err(failed)?.state.first.max(1);
    let mut end = match link.wait(link.last_on(stream, &subject)) {
        Ok(last) => last.sequence + 1,
        Err(Trouble::Missing) => return Ok(()),
        Err(trouble) => return Err(failed(trouble)),
    };
    let mut span = SPAN_MIN;
    while end > first {
        let begin = end.saturating_sub(span).max(first);
        let ticks = link.wait(ticks_between(&link, stream, &subject, begin, end));
        let ticks = ticks.map_err(failed)?;
        if !ticks.iter().rev().all(|tick| wants_more(tick)) {
            return Ok(());
        }
        end = begin;
        span = (span * 2).min(SPAN_MAX);
    }
    Ok(())
}

/// The records on a subject whose sequences lie in `begin..end`.
async fn ticks_between(
    link: &Link,
    stream: &str,
    subject: &str,
    begin: u64,
    end: u64,
) -> Result<Vec<Vec<u8>>, Trouble> {
    let mut ticks = Vec::new();
    let mut position = begin;
    for _ in 0..ATTEMPTS_MAX {
        let policy = DeliverPolicy::ByStartSequence { start_sequence: position };
        let mut cursor = Cursor::open(link, stream, Some(subject), policy).await?;
        let size = Pull { messages: RECORDS_ASKED, bytes: 1 << 20 };
        loop {
            match cursor.next(size, ANSWER_TIMEOUT).await? {
                Next::Message(tick) if tick.sequence >= end => return Ok(ticks),
                Next::Message(tick) => {
                    position = tick.sequence + 1;
                    ticks.push(tick.message.payload.to_vec());
                    if position == end || tick.pending == 0 {
                        return Ok(ticks);
                    }
                }
                Next::Missed | Next::Nothing => break,
                Next::Ended => {
                    let standing = cursor.standing(link).await?;
                    if standing.sent() != cursor.received() {
                        break;
                    }
                    if standing.pending == 0 {
                        return Ok(ticks);
                    }
                }
            }
        }
    }
    Err(Trouble::Away("records are lost on the way again and again".to_owned()))
}
