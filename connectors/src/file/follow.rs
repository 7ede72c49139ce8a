//! A file that grows, is cut off or is replaced, as `tail -F` reads it.
//!
//! - At its end it is looked at again every [`POLL`]; nothing spins.
//! - One that is **replaced** (renamed or deleted, another under its name) is read to its end
//!   first. The new one is begun once it holds something: by then its writer has left the old one.
//! - One that is **cut off** is read again from its start. That it was cut is seen by its length;
//!   one that has already grown past what was read of it can't be told from one that was not cut.
//! - What follows a replacement or cut is a new **generation**: the positions of its lines are
//!   those in the file plus the generation times [`GENERATION_BYTES`], so that positions never
//!   fall. Reading goes on from a position on the assumption that the file is still that
//!   generation; where it is too short, or no line begins there, it is refused.

use super::FileError;
use super::input::{Chunk, Count, Input};
use super::paths::device_and_inode;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a file that was read to its end is looked at.
const POLL: Duration = Duration::from_millis(25);

/// How far the positions of one generation of a followed file lie from those of the next, and so
/// how large a followed file may be: 16 TiB.
pub const GENERATION_BYTES: u64 = 1 << 44;

/// The followed file.
pub(super) struct Followed {
    path: PathBuf,
    /// `None` until it appears for the first time.
    file: Option<File>,
    /// Where in the file the next byte will be read.
    offset: u64,
    /// Whether the last answer was that there is nothing: the next one takes its time.
    is_drained: bool,
    count: Count,
}

impl Followed {
    /// Opens the file at `offset`; it may be missing, but then nothing of it was read yet.
    pub(super) fn open(path: &Path, offset: u64, count: Count) -> Result<Self, FileError> {
        let refused = |cause| FileError::refused("open", path, cause);
        let mut file = match File::open(path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound && offset == 0 => None,
            Err(error) => return Err(refused(error)),
        };
        if let Some(file) = &mut file {
            let metadata = file.metadata().map_err(refused)?;
            if metadata.is_dir() {
                return Err(FileError::Folder { path: path.to_owned() });
            }
            if metadata.len() < offset {
                return Err(FileError::TooShort { path: path.to_owned(), position: offset });
            }
            file.seek(SeekFrom::Start(offset)).map_err(refused)?;
        }
        Ok(Self { path: path.to_owned(), file, offset, is_drained: false, count })
    }

    fn read_on(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let Some(file) = &mut self.file else {
            return Ok(0);
        };
        loop {
            match file.read(block) {
                Ok(bytes) => {
                    self.offset += bytes as u64;
                    if self.offset >= GENERATION_BYTES {
                        return Err(io::ErrorKind::FileTooLarge.into());
                    }
                    self.count.add(bytes);
                    return Ok(bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What has become of a file that was read to its end.
    fn look(&self) -> io::Result<Found> {
        let there = match fs::metadata(&self.path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let Some(file) = &self.file else {
            return Ok(if there.is_some() { Found::First } else { Found::NothingNew });
        };
        let ours = file.metadata()?;
        if ours.len() < self.offset {
            return Ok(Found::CutOff);
        }
        Ok(match there {
            Some(there)
                if device_and_inode(&there) != device_and_inode(&ours) && there.len() > 0 =>
            {
                Found::Another
            }
            _ => Found::NothingNew,
        })
    }

    /// Opens what lies under the name now; it may just have been moved away again.
    fn reopen(&mut self) -> io::Result<bool> {
        match File::open(&self.path) {
            Ok(file) => {
                (self.file, self.offset) = (Some(file), 0);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn at_the_end(&mut self, block: &mut [u8]) -> io::Result<Chunk> {
        match self.look()? {
            Found::NothingNew => Ok(Chunk::Nothing),
            Found::First => {
                if self.reopen()? {
                    let bytes = self.read_on(block)?;
                    return Ok(if bytes > 0 { Chunk::Bytes(bytes) } else { Chunk::Nothing });
                }
                Ok(Chunk::Nothing)
            }
            Found::CutOff => {
                if let Some(file) = &mut self.file {
                    file.seek(SeekFrom::Start(0))?;
                }
                self.offset = 0;
                Ok(Chunk::Replaced)
            }
            Found::Another => {
                // The old one may have grown between our reaching its end and the new one's
                // first line.
                let bytes = self.read_on(block)?;
                if bytes > 0 {
                    return Ok(Chunk::Bytes(bytes));
                }
                Ok(if self.reopen()? { Chunk::Replaced } else { Chunk::Nothing })
            }
        }
    }
}

enum Found {
    NothingNew,
    First,
    CutOff,
    Another,
}

impl Input for Followed {
    fn read(&mut self, block: &mut [u8]) -> io::Result<Chunk> {
        if self.is_drained {
            std::thread::sleep(POLL);
        }
        let bytes = self.read_on(block)?;
        let chunk = if bytes > 0 { Chunk::Bytes(bytes) } else { self.at_the_end(block)? };
        self.is_drained = chunk == Chunk::Nothing;
        Ok(chunk)
    }
}
