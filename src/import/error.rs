//! What can be wrong with a file that is imported, and where.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why an import fails.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The operating system or a decoder refuses.
    #[error("cannot read `{path}`")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What it said.
        #[source]
        cause: io::Error,
    },
    /// The operating system refuses.
    #[error("cannot write `{path}`")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What it said.
        #[source]
        cause: io::Error,
    },
    /// Data without one of its files.
    #[error("`{folder}` holds no file `{name}`, nor one of that name with `.gz`")]
    NoFile {
        /// Where it should lie.
        folder: PathBuf,
        /// The file.
        name: String,
    },
    /// A file without one of its tables.
    #[error("`{path}` holds no table `{table}`: it is no MATPOWER case of version 2")]
    NoTable {
        /// The file.
        path: PathBuf,
        /// The table.
        table: &'static str,
    },
    /// Something in a file that is not as it should be.
    #[error("{place}: {problem}")]
    Malformed {
        /// Where.
        place: Place,
        /// What, and what to do where that is not plain.
        problem: String,
    },
    /// A request that does not suit the format or the data.
    #[error("{reason}")]
    Unsuited {
        /// Why, and what to ask for instead.
        reason: String,
    },
}

impl ImportError {
    /// Whether whoever read standard output has gone: a way to end, nothing to complain of.
    #[must_use]
    pub fn is_reader_gone(&self) -> bool {
        match self {
            Self::Unwritable { path, cause } => {
                path.as_os_str() == "-" && cause.kind() == io::ErrorKind::BrokenPipe
            }
            _ => false,
        }
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from 1; 0 where it is the file as a whole.
    pub line: usize,
    /// The table, where the file holds several.
    pub table: Option<&'static str>,
    /// The column.
    pub column: Option<String>,
}

impl Place {
    /// A line of a file.
    pub(super) fn new(path: &Path, line: usize) -> Self {
        Self { path: path.to_owned(), line, table: None, column: None }
    }

    pub(super) fn malformed(self, problem: impl Into<String>) -> ImportError {
        ImportError::Malformed { place: self, problem: problem.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`", self.path.display())?;
        if self.line > 0 {
            write!(formatter, " line {}", self.line)?;
        }
        if let Some(table) = self.table {
            write!(formatter, ", table `{table}`")?;
        }
        if let Some(column) = &self.column {
            write!(formatter, ", column `{column}`")?;
        }
        Ok(())
    }
}
