//! What every outside system is to the engine: a [`Source`] of records, a [`Sink`] for decisions.
//!
//! - One thread owns one source or sink and calls it; nothing here is shared or async.
//! - A source reads only when it is asked, and at most one [`Batch`]: that is the whole of its
//!   part in back-pressure. Whoever does not call it stalls it.
//! - A position means something to its source alone, but never falls: every record read so far
//!   lies before [`Source::position`], every later one at or behind it.
//! - An error of a source or sink is final for it: nothing is retried in here unless its own
//!   documentation says so, and after an error the only sound call is to drop it.
//!
//! Nothing here decodes a record, and no trait knows of a tick beyond «the bytes of one».

use thiserror::Error;

/// How many bytes of records a batch holds before it counts as full.
pub const BATCH_BYTES: usize = 256 * 1024;

/// One partition of an outside stream, read in order by one thread.
pub trait Source: Send {
    /// What names the partition in dead letters, checkpoints and errors:
    /// `<connector>/<topic or path>/<partition>`.
    fn name(&self) -> &str;

    /// Whether the stream has an end that is known beforehand. `false`: it may always bring more,
    /// and the rules of live operation (idleness, the wall clock) hold for it. It may finish even
    /// so, as a pipe does when its last writer leaves.
    fn is_finite(&self) -> bool;

    /// Clears the batch and fills it with the next records, stopping where it is full. Where
    /// nothing is there yet it waits, but not for more than about 100 ms.
    ///
    /// # Errors
    /// Where the outside world fails. All whole records before the failure were delivered by
    /// earlier calls.
    fn read(&mut self, batch: &mut Batch) -> Result<Progress, SourceError>;

    /// Where the next record will lie, or before it: where a reader starts that wants to go on
    /// from here.
    fn position(&self) -> u64;

    /// Where the record behind the last one that is known to be there will lie: what lies between
    /// [`Source::position`] and it is the lag. `None` where the stream does not tell.
    fn head(&self) -> Option<u64> {
        None
    }

    /// Asks how far the stream reaches by now, without reading on: to be called now and then where
    /// the source may not be read, so that [`Source::head`] is of the present.
    ///
    /// # Errors
    /// As [`Source::read`].
    fn look_ahead(&mut self) -> Result<(), SourceError> {
        Ok(())
    }

    /// What tells this stream from another one of the same name: positions mean nothing in a
    /// stream that was deleted and made anew. `None` where the source itself sees to it.
    fn identity(&self) -> Option<&str> {
        None
    }

    /// How much there is to read, where that is known: for a progress bar, on the scale of
    /// [`Source::bytes_read`] (of a compressed file its size on disk).
    fn bytes_total(&self) -> Option<u64>;

    /// How much of it was read.
    fn bytes_read(&self) -> u64;
}

/// How a call of [`Source::read`] went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The batch holds records; where it is empty, more are on their way or nothing is known.
    Read,
    /// The batch is empty: nothing for now. The source was read to its head, so its silence is
    /// the stream's and not ours.
    Waiting,
    /// The batch is empty, and so will every later one be.
    Finished,
}

/// Records as they came, in one buffer that is used again and again.
///
/// It is the reader that says how many it can take: a source stops at `records_max` records or
/// [`BATCH_BYTES`] bytes, whichever comes first, but always delivers one whole record.
#[derive(Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    records: Vec<Slice>,
    records_max: usize,
}

/// Where one record lies in the batch; it begins where the one before it ends.
#[derive(Clone, Copy, Debug)]
struct Slice {
    position: u64,
    end: usize,
    full_length: u64,
}

impl Batch {
    /// An empty batch for at most `records_max` records, which is above 0.
    ///
    /// # Panics
    /// Where `records_max` is 0: such a batch would never bring anything.
    #[must_use]
    pub fn new(records_max: usize) -> Self {
        assert!(records_max > 0, "a batch holds at least one record");
        Self { bytes: Vec::new(), records: Vec::new(), records_max }
    }

    /// Sets how many records the next call may bring.
    ///
    /// # Panics
    /// Where `records_max` is 0.
    pub fn set_records_max(&mut self, records_max: usize) {
        assert!(records_max > 0, "a batch holds at least one record");
        self.records_max = records_max;
    }

    /// Forgets the records and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
    }

    /// Appends a record whose bytes come in the given parts. `full_length` is its length in the
    /// outside world, more than what is handed over where only its beginning is.
    pub fn push(&mut self, position: u64, parts: &[&[u8]], full_length: u64) {
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.records.push(Slice { position, end: self.bytes.len(), full_length });
    }

    /// The records, each with its position.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, &[u8])> + '_ {
        let mut start = 0;
        self.records.iter().map(move |slice| {
            let bytes = &self.bytes[start..slice.end];
            start = slice.end;
            (slice.position, bytes)
        })
    }

    /// How long the record at this index is in the outside world. Above the length of its bytes
    /// here, the source passed on only the beginning of a record over the size limit.
    ///
    /// # Panics
    /// Where there is no such record.
    #[must_use]
    pub fn full_length(&self, index: usize) -> u64 {
        self.records[index].full_length
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many bytes the records have.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        self.bytes.len()
    }

    /// Whether a source must stop here.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.records.len() >= self.records_max || self.bytes.len() >= BATCH_BYTES
    }
}

/// What a sink promises about records that were committed when the engine died and restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarantee {
    /// A tick is there as a whole or not at all.
    Transactional,
    /// A part of a tick may be there, and is cut off or passed over when the sink is opened
    /// again; what it held last is known then.
    Resumable,
    /// A part of a tick may be there and stays there: it is gone on from. What the tick rests on must
    /// go before its records.
    Continued,
    /// What was written before is not known: ticks may be missing or there twice.
    BestEffort,
}

/// Where decisions go, tick by tick.
pub trait Sink: Send {
    /// What names the sink in errors and in its `dispatch.tick_closed` records.
    fn name(&self) -> &str;

    /// What holds after a crash.
    fn guarantee(&self) -> Guarantee;

    /// Takes the text of one tick: whole lines, its records and then its `dispatch.tick_closed`.
    /// It need not be durable, nor visible to readers, before [`Sink::commit`].
    ///
    /// # Errors
    /// Where the outside world does not take it.
    fn append(&mut self, tick_text: &[u8]) -> Result<(), SinkError>;

    /// Makes all that was appended durable before it returns. Several ticks may share one commit:
    /// how many is the caller's choice.
    ///
    /// # Errors
    /// Where that can't be promised.
    fn commit(&mut self) -> Result<(), SinkError>;
}

/// Brings records to a stream that a [`Source`] reads, as those who produce them do: for load tests.
pub trait Feed: Send {
    /// What names the stream in errors.
    fn name(&self) -> &str;

    /// How many partitions the stream has, at least 1.
    fn partitions(&self) -> usize;

    /// Sends a record, which has no newline, without waiting until it is there; it waits for room
    /// where too many are under way. `partition` is below [`Feed::partitions`].
    ///
    /// # Errors
    /// Where the outside world does not take it.
    fn send(&mut self, partition: usize, record: &[u8]) -> Result<(), SinkError>;

    /// Sees to it that nothing that was sent is held back here.
    ///
    /// # Errors
    /// Where the outside world does not take it.
    fn flush(&mut self) -> Result<(), SinkError>;

    /// Waits until everything that was sent is there.
    ///
    /// # Errors
    /// Where something that was sent did not arrive.
    fn finish(&mut self) -> Result<(), SinkError>;
}

/// Why a source can't go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A file or pipe.
    #[cfg(feature = "file")]
    #[error(transparent)]
    File(#[from] crate::file::FileError),
    /// A Kafka topic.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Kafka(#[from] crate::kafka::KafkaError),
    /// A NATS stream.
    #[cfg(feature = "nats")]
    #[error(transparent)]
    Nats(#[from] crate::nats::NatsError),
}

/// Why a sink can't go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SinkError {
    /// Whoever read our output has left. On standard output (`-`) that is a way to end.
    #[error("the reader of `{output}` has gone: start it again, then this")]
    ReaderGone {
        /// The pipe, as configured; `-` is standard output.
        output: String,
    },
    /// A file or pipe.
    #[cfg(feature = "file")]
    #[error(transparent)]
    File(#[from] crate::file::FileError),
    /// A Kafka topic.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Kafka(#[from] crate::kafka::KafkaError),
    /// A NATS stream.
    #[cfg(feature = "nats")]
    #[error(transparent)]
    Nats(#[from] crate::nats::NatsError),
}
