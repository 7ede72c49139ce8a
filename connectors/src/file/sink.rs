//! A file as a sink: ticks, durable before they count as written.
//!
//! - [`Start::Anew`] empties or creates the file; [`Start::Resume`] keeps it up to its last whole
//!   `dispatch.tick_closed` and cuts off the rest; [`Start::Append`] keeps all whole lines.
//! - Missing folders of the path are created; a new file is durable under its name, not only in
//!   its content. One process holds the file at a time.
//! - A pipe, a device and standard output (`-`) are only written to: nothing is cut or synced,
//!   and the guarantee is best effort. Opening a FIFO waits for its reader.
//! - After a failed write the file is cut back to whole ticks, so that nobody reads half of one.
//!   After any failure the sink takes nothing more: what a failed sync has lost can't be known.

use super::{FileError, STANDARD_STREAM, resume};
use crate::{Guarantee, Sink, SinkError};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What becomes of what the file holds already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It is discarded, whatever it is.
    Anew,
    /// It is kept up to and including its last whole `dispatch.tick_closed`. A file that holds
    /// anything but GridWeaver's records is refused and left as it is.
    Resume,
    /// All whole lines are kept, a torn dead letter is cut off: for dead letters, which no tick
    /// ends.
    Append,
}

/// A file, pipe or standard output.
pub struct FileSink {
    name: String,
    path: PathBuf,
    output: Output,
    has_failed: bool,
}

enum Output {
    Regular {
        file: File,
        /// Up to the end of the last whole tick.
        length: u64,
        /// Whether anything was written since the last commit.
        is_dirty: bool,
    },
    Piped(Box<dyn Write + Send>),
}

/// A sink, and how far it had got.
pub struct Opened {
    /// The sink.
    pub sink: FileSink,
    /// The last `dispatch.tick_closed` that was kept, without its newline.
    pub last_tick_closed: Option<Vec<u8>>,
}

impl FileSink {
    /// Opens the output; `name` is the sink's, `-` as a path is standard output.
    ///
    /// # Errors
    /// Where the file can't be written, another process writes it, or [`Start::Resume`] finds
    /// something else than GridWeaver's records.
    pub fn open(name: &str, path: &Path, start: Start) -> Result<Opened, FileError> {
        let (output, last_tick_closed) = if path.as_os_str() == STANDARD_STREAM {
            (Output::Piped(Box::new(io::stdout())), None)
        } else if is_piped(path)? {
            let refused = |cause| FileError::refused("open", path, cause);
            let pipe = OpenOptions::new().write(true).open(path).map_err(refused)?;
            (Output::Piped(Box::new(pipe)), None)
        } else {
            let file = open_regular(path)?;
            let end = kept(&file, path, start)?;
            let output =
                cut(file, end.length).map_err(|cause| FileError::refused("write", path, cause))?;
            (output, end.last_tick_closed)
        };
        let (name, path) = (name.to_owned(), path.to_owned());
        Ok(Opened { sink: Self { name, path, output, has_failed: false }, last_tick_closed })
    }

    fn fail(&mut self, action: &'static str, cause: io::Error) -> SinkError {
        self.has_failed = true;
        if cause.kind() == io::ErrorKind::BrokenPipe {
            return SinkError::ReaderGone { output: self.path.display().to_string() };
        }
        FileError::refused(action, &self.path, cause).into()
    }

    fn check(&self) -> Result<(), SinkError> {
        if self.has_failed {
            return Err(FileError::FailedBefore { path: self.path.clone() }.into());
        }
        Ok(())
    }
}

impl Sink for FileSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn guarantee(&self) -> Guarantee {
        match self.output {
            Output::Regular { .. } => Guarantee::Resumable,
            Output::Piped(_) => Guarantee::BestEffort,
        }
    }

    fn append(&mut self, tick_text: &[u8]) -> Result<(), SinkError> {
        self.check()?;
        debug_assert!(tick_text.last().is_none_or(|byte| *byte == b'\n'), "whole lines");
        let written = match &mut self.output {
            Output::Regular { file, length, is_dirty } => {
                *is_dirty = true;
                let written = file.write_all(tick_text);
                match written {
                    Ok(()) => *length += tick_text.len() as u64,
                    // Where even this fails, the next start cuts it off.
                    Err(_) => drop(file.set_len(*length)),
                }
                written
            }
            Output::Piped(pipe) => pipe.write_all(tick_text),
        };
        written.map_err(|cause| self.fail("write", cause))
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        self.check()?;
        let committed = match &mut self.output {
            Output::Regular { is_dirty: false, .. } => Ok(()),
            Output::Regular { file, is_dirty, .. } => {
                *is_dirty = false;
                file.sync_data()
            }
            Output::Piped(pipe) => pipe.flush(),
        };
        committed.map_err(|cause| self.fail("sync", cause))
    }
}

fn is_piped(path: &Path) -> Result<bool, FileError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(FileError::Folder { path: path.to_owned() }),
        Ok(metadata) => Ok(!metadata.is_file()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(FileError::refused("open", path, cause)),
    }
}

/// Opens or creates the file with nothing of it lost, and holds it against other processes.
fn open_regular(path: &Path) -> Result<File, FileError> {
    let refused = |cause| FileError::refused("open", path, cause);
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let is_new = !path.exists();
    if is_new {
        create_folders(parent)?;
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(refused)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            return Err(FileError::Busy { path: path.to_owned() });
        }
        // A file system without locks: then whoever runs two of us must see to it.
        Ok(()) | Err(TryLockError::Error(_)) => {}
    }
    if is_new {
        sync_folder(parent)?;
    }
    Ok(file)
}

/// Creates a folder and those above it, and makes their names durable.
fn create_folders(folder: &Path) -> Result<(), FileError> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = match folder.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    create_folders(parent)?;
    match fs::create_dir(folder) {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => {
            Err(FileError::refused("create", folder, cause))
        }
        _ => sync_folder(parent),
    }
}

fn sync_folder(folder: &Path) -> Result<(), FileError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|cause| FileError::refused("sync", folder, cause))
}

fn kept(file: &File, path: &Path, start: Start) -> Result<resume::End, FileError> {
    match start {
        Start::Anew => Ok(resume::End { length: 0, last_tick_closed: None }),
        Start::Resume => resume::last_whole_tick(file, path),
        Start::Append => resume::last_whole_line(file, path),
    }
}

fn cut(mut file: File, length: u64) -> io::Result<Output> {
    if file.metadata()?.len() != length {
        file.set_len(length)?;
        file.sync_all()?;
    }
    file.seek(SeekFrom::Start(length))?;
    Ok(Output::Regular { file, length, is_dirty: false })
}
