//! From configured names and globs to the files to read.
//!
//! Names keep the order in which they were given; the matches of one pattern are sorted by path.
//! A file that is named twice, be it by another spelling, a link or an overlapping pattern, is
//! read once, at its first place. Patterns are matched once, at the start: a file that appears
//! later is not found, a single name that is followed may appear later.

use super::{FileError, STANDARD_STREAM};
use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file to read, with the name that it goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// As configured, or as a configured pattern spells it; `-` is standard input.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
}

impl NamedFile {
    /// Standard input, where `name` is `-`, or the file of that name below `base`.
    #[must_use]
    pub fn new(name: &str, base: &Path) -> Self {
        let path = if name == STANDARD_STREAM { name.into() } else { base.join(name) };
        Self { name: name.to_owned(), path }
    }

    pub(super) fn is_standard_input(&self) -> bool {
        self.name == STANDARD_STREAM
    }
}

/// Finds the files that `patterns` name. Relative ones are relative to `base` (empty: the current
/// folder). With `follow` a plain name need not exist yet.
///
/// # Errors
/// Where a pattern is malformed or matches nothing, or a named file is missing or a folder.
pub fn expand(patterns: &[String], base: &Path, follow: bool) -> Result<Vec<NamedFile>, FileError> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for pattern in patterns {
        for file in matches(pattern, base, follow)? {
            if seen.insert(identity(&file)) {
                found.push(file);
            }
        }
    }
    Ok(found)
}

fn matches(pattern: &str, base: &Path, follow: bool) -> Result<Vec<NamedFile>, FileError> {
    let literal = NamedFile::new(pattern, base);
    if literal.is_standard_input() {
        return Ok(vec![literal]);
    }
    // A file that is really called `a[1].jsonl` is meant by that name.
    match fs::metadata(&literal.path) {
        Ok(metadata) if metadata.is_dir() => {
            return Err(FileError::Folder { path: literal.path });
        }
        Ok(_) => return Ok(vec![literal]),
        Err(_) if is_pattern(pattern) => {}
        Err(_) if follow => return Ok(vec![literal]),
        Err(cause) => return Err(FileError::refused("read", &literal.path, cause)),
    }
    let files = glob_matches(pattern, base)?;
    if files.is_empty() {
        return Err(FileError::NoMatch { pattern: pattern.to_owned() });
    }
    Ok(files)
}

fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

fn glob_matches(pattern: &str, base: &Path) -> Result<Vec<NamedFile>, FileError> {
    // The folder of the configuration is a name, whatever characters it holds.
    let escaped_base = glob::Pattern::escape(&base.to_string_lossy());
    let whole = Path::new(&escaped_base).join(pattern);
    let paths = glob::glob(&whole.to_string_lossy()).map_err(|error| FileError::BadPattern {
        pattern: pattern.to_owned(),
        reason: error.msg,
    })?;
    let mut files = Vec::new();
    for path in paths {
        let path = path.map_err(|error| {
            let path = error.path().to_owned();
            FileError::refused("search", &path, error.into())
        })?;
        if path.is_dir() {
            continue;
        }
        let name = path.strip_prefix(base).unwrap_or(&path).to_string_lossy().into_owned();
        files.push(NamedFile { name, path });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// What two names of one file have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Identity {
    StandardInput,
    Present { device: u64, inode: u64 },
    Absent(PathBuf),
}

fn identity(file: &NamedFile) -> Identity {
    if file.is_standard_input() {
        return Identity::StandardInput;
    }
    match fs::metadata(&file.path) {
        Ok(metadata) => {
            let (device, inode) = device_and_inode(&metadata);
            Identity::Present { device, inode }
        }
        Err(_) => Identity::Absent(file.path.clone()),
    }
}

pub(super) fn device_and_inode(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Whether both paths lead to one existing file: to be asked before one is read and the other is
/// written.
#[must_use]
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => device_and_inode(&one) == device_and_inode(&other),
        _ => false,
    }
}
