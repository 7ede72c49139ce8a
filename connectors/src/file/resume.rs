//! Where an interrupted output ends, found from its end.
//!
//! An output of ours is a sequence of ticks, each ended by its `dispatch.tick_closed`. A crash
//! may leave a part of a tick behind the last of them, its last line torn, or (after a loss of
//! power) pages of zeros. That is what may be cut off, and nothing else: where a whole line is
//! found that this program did not write, the file is someone else's.
//!
//! Only the lines behind the last tick are looked at, and the file's beginning; the digest in each
//! `dispatch.tick_closed` is for readers that doubt the rest.

use super::FileError;
use memchr::{memchr, memrchr};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// How every line of ours begins, up to its id.
const LINE_BEGINS: &[u8] = br#"{"specversion":"1.0","id":""#;
/// What comes behind the id, up to the type.
const LINE_GOES_ON: &[u8] = br#"","source":"gridweaver","type":""#;
/// The type of the line that ends a tick.
const TICK_CLOSED: &[u8] = b"dispatch.tick_closed";

/// How every dead letter begins.
const LETTER_BEGINS: &[u8] = br#"{"source":""#;

/// How much is read at once; doubled while a line is longer.
const BLOCK_BYTES: u64 = 64 * 1024;

/// Where what is kept of an output ends.
#[derive(Debug)]
pub(super) struct End {
    pub(super) length: u64,
    pub(super) last_tick_closed: Option<Vec<u8>>,
}

/// Finds the last whole `dispatch.tick_closed` of an output.
pub(super) fn last_whole_tick(file: &File, path: &Path) -> Result<End, FileError> {
    let refused = |cause| FileError::refused("read", path, cause);
    let foreign = |position| FileError::Foreign { path: path.to_owned(), position };
    let length = file.metadata().map_err(refused)?.len();
    let mut head = vec![0; LINE_BEGINS.len()];
    head.truncate(usize::try_from(length).unwrap_or(usize::MAX).min(head.len()));
    file.read_exact_at(&mut head, 0).map_err(refused)?;
    if !may_begin_with(&head, LINE_BEGINS) {
        return Err(foreign(0));
    }
    let mut lines = LinesFromTheEnd::new(file, length);
    while let Some(line) = lines.previous().map_err(refused)? {
        match line_type(line.bytes) {
            Some(TICK_CLOSED) if line.is_whole => {
                let length = line.position + line.bytes.len() as u64 + 1;
                return Ok(End { length, last_tick_closed: Some(line.bytes.to_vec()) });
            }
            Some(_) => {}
            None if !line.is_whole && may_begin_with(line.bytes, LINE_BEGINS) => {}
            // Zeros are what a loss of power leaves of pages that were not yet written.
            None if memchr(0, line.bytes).is_some() => {}
            None => return Err(foreign(line.position)),
        }
    }
    Ok(End { length: 0, last_tick_closed: None })
}

/// Finds the end of the last whole line of dead letters.
pub(super) fn last_whole_line(file: &File, path: &Path) -> Result<End, FileError> {
    let refused = |cause| FileError::refused("read", path, cause);
    let length = file.metadata().map_err(refused)?.len();
    let mut lines = LinesFromTheEnd::new(file, length);
    let length = match lines.previous().map_err(refused)? {
        Some(Line { is_whole: true, .. }) | None => length,
        Some(line) if may_begin_with(line.bytes, LETTER_BEGINS) => line.position,
        Some(line) => {
            return Err(FileError::Foreign { path: path.to_owned(), position: line.position });
        }
    };
    Ok(End { length, last_tick_closed: None })
}

/// The type of a line that this program wrote, as far as its envelope tells.
fn line_type(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(LINE_BEGINS)?;
    let rest = rest[memchr(b'"', rest)?..].strip_prefix(LINE_GOES_ON)?;
    Some(&rest[..memchr(b'"', rest)?])
}

/// Whether the bytes may be what a crash has left of a line that begins like this.
fn may_begin_with(bytes: &[u8], begins: &[u8]) -> bool {
    let common = bytes.len().min(begins.len());
    bytes[..common] == begins[..common] || bytes.first() == Some(&0)
}

/// Hands over the `dispatch.tick_closed` records of an output from the last to the first, each
/// without its newline, until `wants_more` says no: a restart reads back no more than it needs.
///
/// # Errors
/// Where the file can't be read.
pub fn visit_ticks_from_the_end(
    path: &Path,
    mut wants_more: impl FnMut(&[u8]) -> bool,
) -> Result<(), FileError> {
    let refused = |cause| FileError::refused("read", path, cause);
    let file = File::open(path).map_err(refused)?;
    let length = file.metadata().map_err(refused)?.len();
    let mut lines = LinesFromTheEnd::new(&file, length);
    while let Some(line) = lines.previous().map_err(refused)? {
        let is_tick_closed = line.is_whole && line_type(line.bytes) == Some(TICK_CLOSED);
        if is_tick_closed && !wants_more(line.bytes) {
            break;
        }
    }
    Ok(())
}

struct Line<'a> {
    position: u64,
    /// Without its newline.
    bytes: &'a [u8],
    /// Whether a newline ends it.
    is_whole: bool,
}

/// Walks a file from its last line to its first; memory is bounded by the longest line.
struct LinesFromTheEnd<'a> {
    file: &'a File,
    /// The file from `start` on, up to the end of the last line handed out.
    buffer: Vec<u8>,
    start: u64,
    /// Where in the buffer the lines not yet handed out end.
    end: usize,
}

impl<'a> LinesFromTheEnd<'a> {
    fn new(file: &'a File, length: u64) -> Self {
        Self { file, buffer: Vec::new(), start: length, end: 0 }
    }

    fn previous(&mut self) -> io::Result<Option<Line<'_>>> {
        self.buffer.truncate(self.end);
        if self.buffer.is_empty() && !self.extend(BLOCK_BYTES)? {
            return Ok(None);
        }
        // Only the very last line of the file can lack its newline.
        let is_whole = self.buffer.last() == Some(&b'\n');
        let mut block_bytes = BLOCK_BYTES;
        let begin = loop {
            let content = self.buffer.len() - usize::from(is_whole);
            if let Some(newline) = memrchr(b'\n', &self.buffer[..content]) {
                break newline + 1;
            }
            if !self.extend(block_bytes)? {
                break 0;
            }
            block_bytes *= 2;
        };
        self.end = begin;
        let content = self.buffer.len() - usize::from(is_whole);
        Ok(Some(Line {
            position: self.start + begin as u64,
            bytes: &self.buffer[begin..content],
            is_whole,
        }))
    }

    /// Reads what lies before the buffer; false where nothing does.
    fn extend(&mut self, bytes: u64) -> io::Result<bool> {
        let bytes = bytes.min(self.start);
        let mut block = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut block, self.start - bytes)?;
        self.start -= bytes;
        block.append(&mut self.buffer);
        self.buffer = block;
        Ok(bytes > 0)
    }
}
