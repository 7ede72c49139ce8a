//! Records to the end of a file that a source follows.

use super::FileError;
use crate::{Feed, SinkError};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file that grows.
pub struct FileFeed {
    path: PathBuf,
    name: String,
    file: BufWriter<File>,
}

impl FileFeed {
    /// Opens the file, which is there.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let opened = OpenOptions::new().append(true).open(path);
        let file = opened.map_err(|cause| FileError::refused("write to", path, cause))?;
        let name = format!("`{}`", path.display());
        Ok(Self { path: path.to_owned(), name, file: BufWriter::new(file) })
    }

    fn refused(&self, cause: std::io::Error) -> SinkError {
        FileError::refused("write to", &self.path, cause).into()
    }
}

impl Feed for FileFeed {
    fn name(&self) -> &str {
        &self.name
    }

    fn partitions(&self) -> usize {
        1
    }

    fn send(&mut self, _partition: usize, record: &[u8]) -> Result<(), SinkError> {
        let sent = self.file.write_all(record).and_then(|()| self.file.write_all(b"\n"));
        sent.map_err(|cause| self.refused(cause))
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.file.flush().map_err(|cause| self.refused(cause))
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.flush()
    }
}
