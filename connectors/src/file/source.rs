//! A file as a source: lines to batches.
//!
//! Promises of [`FileSource`], besides those of [`Source`]:
//! - Memory is bounded by one block, one batch and one record of the greatest size.
//! - Every whole line before a failure is delivered before the failure is.
//! - The last line of a file that ends counts without a newline; that of a followed one waits for
//!   its newline, until the file is replaced or cut off.
//!
//! What it can't do: go on in the middle of a compressed file without decompressing what lies
//! before, or find what was renamed away while nobody read.

use super::follow::{Followed, GENERATION_BYTES};
use super::input::{self, Chunk, Compression, Count, Input, Pipe};
use super::lines::Lines;
use super::{FileError, NamedFile};
use crate::{Batch, Progress, Source, SourceError};
use std::io;

/// How a file is read.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether to wait for more at its end, as `tail -F` does.
    pub follow: bool,
    /// The position to go on from: 0, or where a record began when the file was read before.
    pub start: u64,
    /// Of a longer line only one byte more than this is passed on.
    pub record_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { follow: false, start: 0, record_bytes_max: 1024 * 1024 }
    }
}

/// One file, pipe or standard input.
pub struct FileSource {
    name: String,
    file: NamedFile,
    is_followed: bool,
    is_compressed: bool,
    input: Box<dyn Input>,
    lines: Lines,
    /// The position to go on from, while it is not reached.
    start: Option<u64>,
    state: State,
    count: Count,
    bytes_total: Option<u64>,
}

enum State {
    Reading,
    /// It failed behind what the last batch held: the next call says so.
    Failing(FileError),
    Finished,
}

impl FileSource {
    /// What a file is called as a partition.
    #[must_use]
    pub fn name_of(file: &NamedFile) -> String {
        format!("file/{}/0", file.name)
    }

    /// Opens a file, at its start or where `options` say.
    ///
    /// # Errors
    /// Where it is missing, a folder, unreadable, or not the file that `start` is a position of;
    /// and where a compressed file shall be followed.
    pub fn open(file: NamedFile, options: &Options) -> Result<Self, FileError> {
        let count = Count::default();
        let is_compressed = Compression::of(&file.path) != Compression::None;
        let opened = if options.follow {
            Self::open_followed(&file, options.start, &count)?
        } else {
            input::open(&file, options.start, &count)?
        };
        Ok(Self {
            name: Self::name_of(&file),
            is_followed: options.follow,
            is_compressed,
            input: opened.input,
            lines: Lines::new(opened.position, options.record_bytes_max),
            start: (opened.position < options.start).then_some(options.start),
            state: State::Reading,
            count,
            bytes_total: opened.bytes_total,
            file,
        })
    }

    fn open_followed(
        file: &NamedFile,
        start: u64,
        count: &Count,
    ) -> Result<input::Opened, FileError> {
        let is_there = file.is_standard_input() || file.path.exists();
        if is_there && input::is_piped(file)? {
            let pipe = Pipe::open(file, true, count.clone());
            let input = pipe.into_input();
            return Ok(input::Opened { input, position: 0, bytes_total: None });
        }
        if Compression::of(&file.path) != Compression::None {
            return Err(FileError::FollowCompressed { path: file.path.clone() });
        }
        // Of the byte before the start only what it is counts: the end of a line.
        let position = start - u64::from(!start.is_multiple_of(GENERATION_BYTES));
        let followed = Followed::open(&file.path, position % GENERATION_BYTES, count.clone())?;
        Ok(input::Opened { input: Box::new(followed), position, bytes_total: None })
    }

    /// Reads one block and passes over what lies before the start.
    fn next_block(&mut self) -> Result<Chunk, FileError> {
        let chunk = match self.input.read(self.lines.block()) {
            Ok(chunk) => chunk,
            Err(cause) => return Err(self.failure(cause)),
        };
        if let Chunk::Bytes(bytes) = chunk {
            self.lines.filled(bytes);
        }
        self.pass_over(&chunk)?;
        Ok(chunk)
    }

    /// Passes over what lies before the start; there a line must begin, or the file end.
    fn pass_over(&mut self, chunk: &Chunk) -> Result<(), FileError> {
        let Some(start) = self.start else {
            return Ok(());
        };
        let path = || self.file.path.clone();
        let position = self.lines.position();
        match chunk {
            // The last line was read as a record without its newline, and yet it goes on.
            Chunk::Bytes(_) if position == start => {
                Err(FileError::NoLineThere { path: path(), position: start })
            }
            Chunk::Bytes(_) => {
                let last = self.lines.skip(start - position);
                let is_reached = self.lines.position() == start;
                if is_reached && last == b'\n' {
                    self.start = None;
                } else if is_reached && !self.lines.is_used_up() {
                    return Err(FileError::NoLineThere { path: path(), position: start });
                }
                Ok(())
            }
            Chunk::Nothing => Ok(()),
            Chunk::End if position == start => Ok(()),
            Chunk::End | Chunk::Replaced => {
                Err(FileError::TooShort { path: path(), position: start })
            }
        }
    }

    fn failure(&self, cause: io::Error) -> FileError {
        let (path, position) = (self.file.path.clone(), self.lines.read_to());
        let is_of_the_decoder = matches!(
            cause.kind(),
            io::ErrorKind::UnexpectedEof
                | io::ErrorKind::InvalidData
                | io::ErrorKind::InvalidInput
                | io::ErrorKind::Other
        );
        match cause.kind() {
            io::ErrorKind::IsADirectory => FileError::Folder { path },
            _ if self.is_compressed && is_of_the_decoder => {
                FileError::Damaged { path, position, cause }
            }
            _ => FileError::Unreadable { path, position, cause },
        }
    }

    /// Fills the batch as far as it goes without waiting for long.
    fn fill(&mut self, batch: &mut Batch) -> Result<(), FileError> {
        loop {
            self.lines.fill(batch);
            if batch.is_full() {
                return Ok(());
            }
            match self.next_block()? {
                Chunk::Bytes(_) => {}
                Chunk::Nothing => return Ok(()),
                Chunk::Replaced => {
                    let generation = self.lines.read_to() / GENERATION_BYTES;
                    self.lines.end(batch, Some((generation + 1) * GENERATION_BYTES));
                }
                Chunk::End => {
                    self.lines.end(batch, None);
                    self.state = State::Finished;
                    return Ok(());
                }
            }
        }
    }
}

impl Source for FileSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_finite(&self) -> bool {
        !self.is_followed
    }

    fn read(&mut self, batch: &mut Batch) -> Result<Progress, SourceError> {
        batch.clear();
        match std::mem::replace(&mut self.state, State::Finished) {
            State::Reading => self.state = State::Reading,
            State::Failing(error) => return Err(error.into()),
            State::Finished => return Ok(Progress::Finished),
        }
        if let Err(error) = self.fill(batch) {
            if batch.is_empty() {
                self.state = State::Finished;
                return Err(error.into());
            }
            self.state = State::Failing(error);
        }
        Ok(match self.state {
            _ if !batch.is_empty() => Progress::Read,
            State::Reading | State::Failing(_) => Progress::Waiting,
            State::Finished => Progress::Finished,
        })
    }

    fn position(&self) -> u64 {
        self.start.unwrap_or_else(|| self.lines.position())
    }

    fn bytes_total(&self) -> Option<u64> {
        self.bytes_total
    }

    fn bytes_read(&self) -> u64 {
        self.count.get()
    }
}
