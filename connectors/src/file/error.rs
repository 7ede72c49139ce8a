//! What can go wrong with a file, each with what to do about it.
//!
//! The texts are one layer: the cause that the operating system or a decoder gave is the error's
//! `source`, printed by whoever prints the chain.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a file can't be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// A pattern without a match.
    #[error("no file matches `{pattern}`: correct the pattern or put the files there")]
    NoMatch {
        /// As configured.
        pattern: String,
    },
    /// A pattern that the glob syntax does not allow.
    #[error("`{pattern}` is no valid pattern: {reason}")]
    BadPattern {
        /// As configured.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A name without a file.
    #[error("there is no file `{path}`: correct the name or put the file there")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A folder where a file is needed.
    #[error("`{path}` is a folder: name a file, or for reading a pattern such as `{path}/*.jsonl`")]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// A compressed file that shall be followed.
    #[error("cannot follow `{path}`: a compressed file does not grow; read it without `follow`")]
    FollowCompressed {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refuses.
    #[error("cannot {action} `{path}`")]
    Refused {
        /// What was tried: a verb.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What it said.
        #[source]
        cause: io::Error,
    },
    /// Reading broke off.
    #[error("cannot read `{path}` at byte {position}: all whole lines before it were read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// How far it was read.
        position: u64,
        /// What the operating system said.
        #[source]
        cause: io::Error,
    },
    /// Compressed data that is no such data, or breaks off.
    #[error(
        "`{path}` is damaged or cut short at byte {position} of its decompressed text: \
         all whole lines before it were read; restore the file"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How far it was read, decompressed.
        position: u64,
        /// What the decoder said.
        #[source]
        cause: io::Error,
    },
    /// A file that ends before the position that reading shall go on from.
    #[error(
        "`{path}` ends before byte {position}, where reading should go on: it is not the file \
         that was read before; put that one back or start anew without the checkpoint"
    )]
    TooShort {
        /// The file.
        path: PathBuf,
        /// Where reading should go on.
        position: u64,
    },
    /// A file in which no line begins at the position that reading shall go on from.
    #[error(
        "no line of `{path}` begins at byte {position}, where reading should go on: it is not \
         the file that was read before; put that one back or start anew without the checkpoint"
    )]
    NoLineThere {
        /// The file.
        path: PathBuf,
        /// Where reading should go on.
        position: u64,
    },
    /// An output that holds what this program did not write.
    #[error(
        "`{path}` holds something else than GridWeaver's records, at byte {position}: \
         it is left as it is; name another output or move it away"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Where the line begins that is not ours.
        position: u64,
    },
    /// An output that another process holds.
    #[error("`{path}` is being written by another process: stop it or name another output")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// Nothing more fits.
    #[error("no space left for `{path}`: make room and start again, nothing committed is lost")]
    NoSpace {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        cause: io::Error,
    },
    /// A sink used after it failed.
    #[error("`{path}` failed before and takes nothing more: start again")]
    FailedBefore {
        /// The file.
        path: PathBuf,
    },
}

impl FileError {
    /// What an attempt to do something with a whole file came to.
    pub(super) fn refused(action: &'static str, path: &Path, cause: io::Error) -> Self {
        let path = path.to_owned();
        match cause.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::IsADirectory => Self::Folder { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::NoSpace { path, cause }
            }
            _ => Self::Refused { action, path, cause },
        }
    }
}
