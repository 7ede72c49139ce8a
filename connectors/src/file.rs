//! Files: JSONL in, JSONL out.
//!
//! A file is one partition, named `file/<path as configured>/0`; the position of a record is the
//! byte at which its line begins, decompressed. Files may be compressed (`.gz`, `.zst`, told by
//! the ending of the name), be pipes or `-` (standard input and output), and grow while they are
//! read ([`Options::follow`]).
//!
//! | module | what it holds |
//! | --- | --- |
//! | `paths` | from configured names and globs to the files to read |
//! | `source` | [`FileSource`]: lines to batches |
//! | `lines` | where a line begins and ends, in bounded memory |
//! | `input` | bytes of plain, compressed and piped files |
//! | `follow` | bytes of a file that grows, is cut off or is replaced |
//! | `sink` | [`FileSink`]: ticks to a durable file |
//! | `resume` | where an interrupted output ends |
//! | `feed` | [`FileFeed`]: records to a file that is followed |
//!
//! This is for Unix: it tells files apart by device and inode.

mod error;
mod feed;
mod follow;
mod input;
mod lines;
mod paths;
mod resume;
mod sink;
mod source;

pub use error::FileError;
pub use feed::FileFeed;
pub use follow::GENERATION_BYTES;
pub use paths::{NamedFile, expand, is_same_file};
pub use resume::visit_ticks_from_the_end;
pub use sink::{FileSink, Opened, Start};
pub use source::{FileSource, Options};

/// The name that stands for standard input or output.
pub const STANDARD_STREAM: &str = "-";
