//! Where a line begins and ends, in bounded memory.
//!
//! A record is a line without its `\n` and without a `\r` before that. Lines of nothing but white
//! space are none. Bytes are passed on as they are, NUL included. Of a line that is longer than
//! the limit only the first `record_bytes_max + 1` bytes are kept, enough for a decoder to refuse
//! it by its size; the rest is counted and skipped.

use crate::Batch;
use memchr::memchr;

/// How much is asked of the operating system at once.
const BLOCK_BYTES: usize = 128 * 1024;

/// Cuts a stream of blocks into lines.
pub(super) struct Lines {
    block: Box<[u8]>,
    /// What of the block is not yet consumed.
    start: usize,
    end: usize,
    /// The stream's position of the byte at `start`.
    position: u64,
    /// The beginning of a line whose end has not come yet.
    open: OpenLine,
    record_bytes_max: usize,
}

/// A line whose end has not come yet.
#[derive(Default)]
struct OpenLine {
    kept: Vec<u8>,
    length: u64,
    ends_in_return: bool,
    /// Whether all that was skipped is white space.
    skipped_only_blanks: bool,
}

impl Lines {
    pub(super) fn new(position: u64, record_bytes_max: usize) -> Self {
        Self {
            block: vec![0; BLOCK_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            position,
            open: OpenLine::new(),
            record_bytes_max,
        }
    }

    /// The position of the next record, or of the beginning of the line that is still open.
    pub(super) fn position(&self) -> u64 {
        self.position - self.open.length
    }

    /// How far the stream was read, whatever of it is still open.
    pub(super) fn read_to(&self) -> u64 {
        self.position + self.unconsumed()
    }

    fn unconsumed(&self) -> u64 {
        (self.end - self.start) as u64
    }

    /// Where the next block is to be put. Only once the one before is used up.
    pub(super) fn block(&mut self) -> &mut [u8] {
        assert!(self.is_used_up(), "a block is used up before the next one is read");
        &mut self.block
    }

    /// Takes the first `count` bytes of the block as read.
    pub(super) fn filled(&mut self, count: usize) {
        (self.start, self.end) = (0, count);
    }

    /// Whether nothing of the block is left.
    pub(super) fn is_used_up(&self) -> bool {
        self.start == self.end
    }

    /// Passes over up to `count` bytes of the block; returns the last of them.
    pub(super) fn skip(&mut self, count: u64) -> u8 {
        assert!(count > 0 && !self.is_used_up(), "there is something to pass over");
        let skipped = usize::try_from(count).unwrap_or(usize::MAX).min(self.end - self.start);
        self.start += skipped;
        self.position += skipped as u64;
        self.block[self.start - 1]
    }

    /// Moves whole lines from the block to the batch, until either has no more of it.
    pub(super) fn fill(&mut self, batch: &mut Batch) {
        while !batch.is_full() {
            let rest = &self.block[self.start..self.end];
            let Some(length) = memchr(b'\n', rest) else {
                self.open.extend(rest, self.record_bytes_max);
                self.position += rest.len() as u64;
                self.start = self.end;
                return;
            };
            let line = &rest[..length];
            if self.open.length == 0 {
                push(batch, self.position, line, self.record_bytes_max);
            } else {
                let begin = self.position - self.open.length;
                self.open.extend(line, self.record_bytes_max);
                self.open.close(batch, begin);
            }
            self.start += length + 1;
            self.position += length as u64 + 1;
        }
    }

    /// Takes the last line as whole although no newline ended it, and goes on at `next`, where
    /// there is more to come.
    pub(super) fn end(&mut self, batch: &mut Batch, next: Option<u64>) {
        assert!(self.is_used_up(), "a stream ends where its last block does");
        let begin = self.position();
        self.open.close(batch, begin);
        self.position = next.unwrap_or(self.position);
    }
}

impl OpenLine {
    fn new() -> Self {
        Self { skipped_only_blanks: true, ..Self::default() }
    }

    fn extend(&mut self, more: &[u8], record_bytes_max: usize) {
        let room = record_bytes_max.saturating_add(1).saturating_sub(self.kept.len());
        let (kept, skipped) = more.split_at(room.min(more.len()));
        self.kept.extend_from_slice(kept);
        self.skipped_only_blanks =
            self.skipped_only_blanks && skipped.iter().all(u8::is_ascii_whitespace);
        self.length += more.len() as u64;
        if let Some(last) = more.last() {
            self.ends_in_return = *last == b'\r';
        }
    }

    /// Hands the line over and begins a new one.
    fn close(&mut self, batch: &mut Batch, position: u64) {
        let full_length = self.length - u64::from(self.ends_in_return);
        let kept = usize::try_from(full_length).unwrap_or(usize::MAX).min(self.kept.len());
        let is_blank = self.skipped_only_blanks && self.kept.iter().all(u8::is_ascii_whitespace);
        if !is_blank {
            batch.push(position, &[&self.kept[..kept]], full_length);
        }
        let mut memory = std::mem::take(&mut self.kept);
        // A line of many blocks is rare: its memory is not kept for the many short ones.
        if memory.capacity() > 2 * BLOCK_BYTES {
            memory = Vec::new();
        }
        memory.clear();
        *self = Self { kept: memory, ..Self::new() };
    }
}

/// Hands over a line that lies whole in the block.
fn push(batch: &mut Batch, position: u64, line: &[u8], record_bytes_max: usize) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    // Nearly every line begins with its brace: looking at one byte settles it.
    if line.iter().all(u8::is_ascii_whitespace) {
        return;
    }
    let kept = &line[..line.len().min(record_bytes_max.saturating_add(1))];
    batch.push(position, &[kept], line.len() as u64);
}
