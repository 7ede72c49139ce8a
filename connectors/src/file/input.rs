//! The bytes of plain, compressed and piped files.
//!
//! A pipe is read by a thread of its own, so that one whose writer is silent never holds up the
//! reader for longer than [`PIPE_WAIT`]; at most [`PIPE_CHUNKS`] chunks are read ahead. That thread
//! ends with its pipe, or when it next reads something after its reader has gone.

use super::{FileError, NamedFile};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

/// How long a reader waits for a silent pipe.
const PIPE_WAIT: Duration = Duration::from_millis(50);
const PIPE_CHUNKS: usize = 4;
const PIPE_CHUNK_BYTES: usize = 64 * 1024;

/// What came of asking for bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// So many.
    Bytes(usize),
    /// None for now.
    Nothing,
    /// The file has ended, and another has taken its place: the next bytes are of that one.
    Replaced,
    /// The end.
    End,
}

/// Where bytes come from.
pub(super) trait Input: Send {
    /// Reads into a block. A source that waits for more answers [`Chunk::Nothing`] at once where
    /// it has just brought something, and else only after a while: so it is never slow to pass
    /// on what it has, and never spins.
    fn read(&mut self, block: &mut [u8]) -> io::Result<Chunk>;
}

/// How many bytes were read from a file, before decompression.
#[derive(Clone, Default)]
pub(super) struct Count(Arc<AtomicU64>);

impl Count {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstandard,
}

impl Compression {
    /// Told by the ending of the name, as it is everywhere.
    pub(super) fn of(path: &Path) -> Self {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("gz") => Self::Gzip,
            Some("zst") => Self::Zstandard,
            _ => Self::None,
        }
    }
}

/// A file that has an end, ready to be read.
pub(super) struct Opened {
    pub(super) input: Box<dyn Input>,
    /// Where reading begins: at `start`, or before it where the file can't be read from there.
    pub(super) position: u64,
    pub(super) bytes_total: Option<u64>,
}

/// Opens a file that is read to its end. Of a plain file reading begins with the byte before
/// `start`, so that the caller sees whether a line ends there.
pub(super) fn open(file: &NamedFile, start: u64, count: &Count) -> Result<Opened, FileError> {
    let refused = |cause| FileError::refused("open", &file.path, cause);
    let compression = Compression::of(&file.path);
    if is_piped(file)? {
        let pipe = Pipe::open(file, false, count.clone());
        let input = decompressed(pipe, compression).map_err(refused)?;
        return Ok(Opened { input, position: 0, bytes_total: None });
    }
    let mut plain = File::open(&file.path).map_err(refused)?;
    let metadata = plain.metadata().map_err(refused)?;
    if metadata.is_dir() {
        return Err(FileError::Folder { path: file.path.clone() });
    }
    let position = match compression {
        Compression::None => start.saturating_sub(1),
        Compression::Gzip | Compression::Zstandard => 0,
    };
    plain.seek(SeekFrom::Start(position)).map_err(refused)?;
    count.add(usize::try_from(position).unwrap_or(usize::MAX));
    let counted = Counted { inner: plain, count: count.clone() };
    let input = decompressed(counted, compression).map_err(refused)?;
    Ok(Opened { input, position, bytes_total: Some(metadata.len()) })
}

/// Whether the file is standard input, a FIFO or a device: read once, in one direction.
pub(super) fn is_piped(file: &NamedFile) -> Result<bool, FileError> {
    if file.is_standard_input() {
        return Ok(true);
    }
    let kind = fs::metadata(&file.path)
        .map_err(|cause| FileError::refused("open", &file.path, cause))?
        .file_type();
    Ok(kind.is_fifo() || kind.is_char_device() || kind.is_socket())
}

fn decompressed(
    reader: impl Read + Send + 'static,
    compression: Compression,
) -> io::Result<Box<dyn Input>> {
    Ok(match compression {
        Compression::None => Box::new(ToTheEnd(reader)),
        Compression::Gzip => Box::new(ToTheEnd(flate2::read::MultiGzDecoder::new(reader))),
        Compression::Zstandard => Box::new(ToTheEnd(zstd::Decoder::new(reader)?)),
    })
}

/// Any reader as an input; `WouldBlock` means nothing for now.
struct ToTheEnd<R>(R);

impl<R: Read + Send> Input for ToTheEnd<R> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<Chunk> {
        loop {
            match self.0.read(block) {
                Ok(0) => return Ok(Chunk::End),
                Ok(bytes) => return Ok(Chunk::Bytes(bytes)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Chunk::Nothing);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

struct Counted<R> {
    inner: R,
    count: Count,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(buffer)?;
        self.count.add(bytes);
        Ok(bytes)
    }
}

/// A pipe that answers `WouldBlock` where its writer is silent.
pub(super) struct Pipe {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    used: usize,
    /// Whether the last answer was that there is nothing: the next one takes its time.
    is_drained: bool,
    count: Count,
}

impl Pipe {
    /// Starts to read; opening a FIFO that has no writer yet holds up only the thread. With
    /// `follow` a FIFO whose last writer left waits for the next one.
    pub(super) fn open(file: &NamedFile, follow: bool, count: Count) -> Self {
        let (sender, chunks) = sync_channel(PIPE_CHUNKS);
        let path = (!file.is_standard_input()).then(|| file.path.clone());
        std::thread::spawn(move || pump(path, follow, &sender));
        Self { chunks, chunk: Vec::new(), used: 0, is_drained: false, count }
    }

    pub(super) fn into_input(self) -> Box<dyn Input> {
        Box::new(ToTheEnd(self))
    }

    fn next_chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let next = if self.is_drained {
            self.chunks.recv_timeout(PIPE_WAIT)
        } else {
            self.chunks.try_recv().map_err(|error| match error {
                TryRecvError::Empty => RecvTimeoutError::Timeout,
                TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            })
        };
        self.is_drained = matches!(next, Err(RecvTimeoutError::Timeout));
        match next {
            Ok(chunk) => chunk.map(Some),
            Err(RecvTimeoutError::Timeout) => Err(io::ErrorKind::WouldBlock.into()),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.used == self.chunk.len() {
            let Some(chunk) = self.next_chunk()? else {
                return Ok(0);
            };
            (self.chunk, self.used) = (chunk, 0);
        }
        let rest = &self.chunk[self.used..];
        let bytes = rest.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&rest[..bytes]);
        self.used += bytes;
        self.count.add(bytes);
        Ok(bytes)
    }
}

/// Reads a pipe, chunk by chunk, until it ends or nobody wants it any more.
fn pump(path: Option<PathBuf>, follow: bool, chunks: &SyncSender<io::Result<Vec<u8>>>) {
    let Some(path) = path else {
        pump_one(io::stdin(), chunks);
        return;
    };
    loop {
        let goes_on = match File::open(&path) {
            Ok(pipe) => pump_one(pipe, chunks),
            Err(error) => {
                // Nobody is left to be told where the reader has gone.
                drop(chunks.send(Err(error)));
                false
            }
        };
        if !goes_on || !follow {
            return;
        }
    }
}

/// Returns whether there is still a reader and the pipe is sound.
fn pump_one(mut pipe: impl Read, chunks: &SyncSender<io::Result<Vec<u8>>>) -> bool {
    let mut buffer = vec![0; PIPE_CHUNK_BYTES];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => return true,
            Ok(bytes) => {
                if chunks.send(Ok(buffer[..bytes].to_vec())).is_err() {
                    return false;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                // As above: a failed send has no one to go to.
                drop(chunks.send(Err(error)));
                return false;
            }
        }
    }
}
