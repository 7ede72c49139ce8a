//! What can go wrong with NATS, each with what to do about it.

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a stream can't be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NatsError {
    /// The operating system gives no thread.
    #[error("cannot start a thread for the connection to NATS")]
    NoThread {
        /// What it said.
        #[source]
        cause: io::Error,
    },
    /// An address that is none.
    #[error("`{server}` is no address of a NATS server: write `nats://host:port`")]
    BadAddress {
        /// As configured.
        server: String,
    },
    /// A name that a stream can't have.
    #[error("`{stream}` is no name of a stream: no spaces, `.`, `*`, `>`, `/` or `\\` in it")]
    BadStreamName {
        /// As configured.
        stream: String,
    },
    /// A subject or a prefix of one that NATS does not allow.
    #[error("`{subject}` is no valid subject: {reason}")]
    BadSubject {
        /// As configured.
        subject: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file with a secret that can't be read.
    #[error("cannot read the {what} `{path}`")]
    SecretUnreadable {
        /// What the file is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system or its decoder said.
        #[source]
        cause: io::Error,
    },
    /// A key file without a key.
    #[error(
        "`{path}` holds no nkey seed: a line that begins with `SU`, as `nk -gen user` makes it"
    )]
    NoSeed {
        /// The file.
        path: PathBuf,
    },
    /// A certificate without its key, or a key without its certificate.
    #[error("`cert_file` and `key_file` belong together: name both, or none")]
    HalfCertificate,
    /// The server does not let us in, or not do what is needed.
    #[error("{servers} denies access: {reason}; correct the credentials or the permissions")]
    Denied {
        /// The servers, as configured.
        servers: String,
        /// What the server said.
        reason: String,
    },
    /// No server answers.
    #[error("cannot reach NATS at {servers}: {reason}; start it or correct `servers` and `tls`")]
    Unreachable {
        /// The servers, as configured.
        servers: String,
        /// What was met.
        reason: String,
    },
    /// A server that answered before did not for too long.
    #[error(
        "stream `{stream}` took nothing for {waited_s} s: {reason}; what is committed is there. \
         Start again when NATS is well"
    )]
    Silent {
        /// The stream.
        stream: String,
        /// How long it was tried.
        waited_s: u64,
        /// What was met last.
        reason: String,
    },
    /// The server refuses.
    #[error("NATS will not {action} stream `{stream}`: {reason}")]
    Refused {
        /// What was tried: a verb.
        action: &'static str,
        /// The stream.
        stream: String,
        /// What the server said.
        reason: String,
    },
    /// A name without a stream.
    #[error("there is no stream `{stream}`: correct the name or create it")]
    NoStream {
        /// The stream.
        stream: String,
    },
    /// A stream whose settings do not allow what we promise.
    #[error("stream `{stream}` is unfit: {reason}")]
    Unfit {
        /// The stream.
        stream: String,
        /// Which setting, why, and what it should be.
        reason: String,
    },
    /// Records went away before they were read.
    #[error(
        "stream `{stream}` begins at sequence {first}, but records from {position} on are still \
         to be read: it was purged, or its limits dropped them. Start anew without the \
         checkpoint, or at a sequence that is there"
    )]
    Lost {
        /// The stream.
        stream: String,
        /// What should be read next.
        position: u64,
        /// What is there first.
        first: u64,
    },
    /// Records are missing in the middle, and the stream does not say that they were deleted.
    #[error(
        "stream `{stream}` does not bring the records {from} to {to}, and does not list them as \
         deleted: it is damaged. Restore it, or start at a sequence behind them"
    )]
    Gap {
        /// The stream.
        stream: String,
        /// The first that is missing.
        from: u64,
        /// The last that is missing.
        to: u64,
    },
    /// The stream ends before what was read already.
    #[error(
        "stream `{stream}` ends at sequence {last}, but everything up to {read} was read before: \
         it was restored from an older copy or lost its end. Restore the newer one, or start \
         anew without the checkpoint"
    )]
    Shrunk {
        /// The stream.
        stream: String,
        /// The last that was read.
        read: u64,
        /// The last that is there.
        last: u64,
    },
    /// The stream holds other records than those that were read.
    #[error(
        "record {sequence} of stream `{stream}` is not the one that was read: the stream was \
         restored from an older copy and written to again. Restore the newer one, or start anew \
         without the checkpoint"
    )]
    Rewritten {
        /// The stream.
        stream: String,
        /// The record that was looked at.
        sequence: u64,
    },
    /// Another stream of the same name.
    #[error(
        "stream `{stream}` was deleted and made anew: it was created at {found}, the one read \
         before at {expected}. Start anew without the checkpoint, or restore the old one"
    )]
    Recreated {
        /// The stream.
        stream: String,
        /// When the one that we know was created.
        expected: String,
        /// When this one was.
        found: String,
    },
    /// An output that holds what this program did not write.
    #[error(
        "stream `{stream}` holds something else than GridWeaver's records, at sequence \
         {sequence}: it is left as it is; name another stream for the output"
    )]
    Foreign {
        /// The stream.
        stream: String,
        /// The first record found that is not ours.
        sequence: u64,
    },
    /// An output without the end that says how far it had got.
    #[error(
        "stream `{stream}` was written up to sequence {last}, but what was written last is gone \
         (purged, deleted or dropped by its limits): how far it had got can't be known. Restore \
         it, or delete it and start anew"
    )]
    EndGone {
        /// The stream.
        stream: String,
        /// The last sequence that it gave.
        last: u64,
    },
    /// What was written goes away again.
    #[error(
        "record {sequence} of stream `{stream}` was written and is gone before its tick is whole: \
         purged or dropped by its limits. Restore it, or delete it and start anew"
    )]
    TickTorn {
        /// The stream.
        stream: String,
        /// The record.
        sequence: u64,
    },
    /// The output ends before what was acknowledged.
    #[error(
        "stream `{stream}` ends at sequence {last}, but everything up to {written} was written \
         and acknowledged: it was restored from an older copy or lost its end. Nothing more was \
         written; restore the newer one, or start again to go on from there"
    )]
    OutputShrunk {
        /// The stream.
        stream: String,
        /// The last that was acknowledged.
        written: u64,
        /// The last that is there.
        last: u64,
    },
    /// What is decided now differs from what was written of the same tick.
    #[error(
        "record {sequence} of stream `{stream}` belongs to a tick that was half written, and is \
         not what is decided now: the input or the configuration changed. Nothing was written; \
         put both back, or name another stream"
    )]
    Diverged {
        /// The stream.
        stream: String,
        /// The first record that differs.
        sequence: u64,
    },
    /// Somebody else writes too.
    #[error(
        "somebody else wrote record {sequence} of stream `{stream}`: another engine runs, or a \
         second sink has this stream. Nothing more was written; let only one write, then start \
         again"
    )]
    AnotherWriter {
        /// The stream.
        stream: String,
        /// Their first record.
        sequence: u64,
    },
    /// A record that the server would not take.
    #[error(
        "a record of {length} bytes for `{subject}` is above the {limit} bytes that the server \
         takes: raise its `max_payload`"
    )]
    TooLarge {
        /// The record's subject.
        subject: String,
        /// The record with its headers.
        length: usize,
        /// The server's limit.
        limit: usize,
    },
    /// A stream that does not listen to a subject of ours.
    #[error("stream `{stream}` does not take the subject `{subject}`: add it to its subjects")]
    SubjectNotTaken {
        /// The stream.
        stream: String,
        /// The subject.
        subject: String,
    },
    /// A line that is no record.
    #[error("a line for stream `{stream}` is no record of ours: {reason}")]
    NoRecord {
        /// The stream.
        stream: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A sink or source used after it failed.
    #[error("stream `{stream}` failed before and goes no further: start again")]
    FailedBefore {
        /// The stream.
        stream: String,
    },
}
