//! The folder of checkpoints.
//!
//! A checkpoint is written beside the others, made durable and then given its name, so that a name
//! never stands for half of one. Each is framed by a format number, its length and a checksum: a
//! torn, cut or altered one is passed over, and the one before is used.
//!
//! Beside them stands where each partition began to be read for the first time: what a run goes on
//! from that died before its first checkpoint, wherever its source would begin by now.
//!
//! The folder belongs to one engine at a time.

use super::Checkpoint;
use crate::engine::fault;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What every checkpoint begins with.
const MAGIC: &[u8; 16] = b"gridweaver-state";
/// The form that this program writes and reads: raised with every change of what is kept.
const FORMAT: u32 = 4;
/// Magic, format, length, checksum.
const HEADER_BYTES: usize = 16 + 4 + 8 + 16;

const NAME_BEGINS: &str = "checkpoint-";
const UNFINISHED: &str = "unfinished";
const BEGINNINGS: &str = "beginnings.json";

/// Why checkpoints can't be written or used.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The folder or a file in it.
    #[error("the checkpoint `{}` could not be {action}: {cause}; the output is whole up to its last dispatch.tick_closed", path.display())]
    Refused {
        /// Which.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why not.
        cause: io::Error,
    },
    /// Another engine uses the folder.
    #[error("the folder `{}` is in use by another engine: end it, or give this one another engine.state_dir", path.display())]
    Busy {
        /// Which.
        path: PathBuf,
    },
    /// Where partitions began is not what was written.
    #[error("`{}` does not tell where reading began: {reason}; restore it, or remove the folder to begin anew with other outputs", path.display())]
    BadBeginnings {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Another version of this program wrote it.
    #[error("the checkpoint `{}` has format {found}, this program reads {FORMAT}: use the program that wrote it, or remove the folder to begin anew", path.display())]
    OtherFormat {
        /// Which.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
}

/// Where a partition began to be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beginning {
    /// The position of its first record.
    pub position: u64,
    /// What tells its stream from another of that name, where something does.
    pub identity: Option<String>,
}

/// By the partitions' names.
pub type Beginnings = BTreeMap<String, Beginning>;

/// See the module's documentation.
pub struct Store {
    folder: PathBuf,
    kept: usize,
    /// Holds the folder against other engines.
    _lock: File,
}

/// The newest sound checkpoint that fits, and those that are damaged.
#[derive(Debug, Default)]
pub struct Found {
    /// What to go on from.
    pub checkpoint: Option<Checkpoint>,
    /// Newer ones that are damaged, each with what is wrong.
    pub damaged: Vec<(PathBuf, &'static str)>,
}

impl Store {
    /// Opens or creates the folder; at least one checkpoint is kept.
    ///
    /// # Errors
    /// Where it can't be used, or another engine uses it.
    pub fn open(folder: &Path, kept: usize) -> Result<Self, CheckpointError> {
        let refused = |path: &Path, action| {
            let path = path.to_owned();
            move |cause| CheckpointError::Refused { path, action, cause }
        };
        fs::create_dir_all(folder).map_err(refused(folder, "created"))?;
        let path = folder.join("lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let lock = lock.map_err(refused(&path, "opened"))?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            return Err(CheckpointError::Busy { path: folder.to_owned() });
        }
        Ok(Self { folder: folder.to_owned(), kept: kept.max(1), _lock: lock })
    }

    /// Writes a checkpoint; older ones beyond the number that is kept are removed. Returns its size
    /// in bytes.
    ///
    /// # Errors
    /// Where the disk does not take it. What stood before still stands.
    pub fn write(&self, checkpoint: &Checkpoint) -> Result<u64, CheckpointError> {
        let name = format!("{NAME_BEGINS}{:020}", checkpoint.views.tick);
        let bytes = self.put(&name, || framed(checkpoint), fault::step)?;
        for old in self.names()?.into_iter().rev().skip(self.kept) {
            fs::remove_file(&old).map_err(|cause| CheckpointError::Refused {
                path: old,
                action: "removed",
                cause,
            })?;
        }
        Ok(bytes)
    }

    /// Writes a file beside the others, and then gives it its name.
    fn put(
        &self,
        name: &str,
        bytes: impl Fn() -> io::Result<Vec<u8>>,
        step: impl Fn(&'static str),
    ) -> Result<u64, CheckpointError> {
        let path = self.folder.join(name);
        let unfinished = self.folder.join(UNFINISHED);
        let written = || -> io::Result<u64> {
            let mut file = File::create(&unfinished)?;
            let bytes = bytes()?;
            let (first, second) = bytes.split_at(bytes.len() / 2);
            file.write_all(first)?;
            step(fault::IN_CHECKPOINT);
            file.write_all(second)?;
            file.sync_all()?;
            step(fault::BEFORE_RENAME);
            fs::rename(&unfinished, &path)?;
            File::open(&self.folder)?.sync_all()?;
            step(fault::AFTER_RENAME);
            Ok(bytes.len() as u64)
        };
        written().map_err(|cause| {
            // It would only take the room that is lacking.
            drop(fs::remove_file(&unfinished));
            CheckpointError::Refused { path: path.clone(), action: "written", cause }
        })
    }

    /// Writes where partitions began to be read.
    ///
    /// # Errors
    /// Where the disk does not take it.
    pub fn begin(&self, beginnings: &Beginnings) -> Result<(), CheckpointError> {
        self.put(BEGINNINGS, || Ok(serde_json::to_vec(beginnings)?), |_| ()).map(drop)
    }

    /// Where partitions began to be read; nothing where none ever was.
    ///
    /// # Errors
    /// Where that can't be read.
    pub fn beginnings(&self) -> Result<Beginnings, CheckpointError> {
        let path = self.folder.join(BEGINNINGS);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                CheckpointError::BadBeginnings { path, reason: error.to_string() }
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Beginnings::new()),
            Err(cause) => Err(CheckpointError::Refused { path, action: "read", cause }),
        }
    }

    /// Whether there is any checkpoint, sound or not.
    ///
    /// # Errors
    /// Where the folder can't be read.
    pub fn holds_any(&self) -> Result<bool, CheckpointError> {
        Ok(!self.names()?.is_empty())
    }

    /// Finds the newest checkpoint that is sound and fits.
    ///
    /// # Errors
    /// Where the folder can't be read, or a checkpoint is of another format.
    pub fn newest(&self, fits: impl Fn(&Checkpoint) -> bool) -> Result<Found, CheckpointError> {
        let mut found = Found::default();
        for path in self.names()?.into_iter().rev() {
            let bytes = fs::read(&path).map_err(|cause| CheckpointError::Refused {
                path: path.clone(),
                action: "read",
                cause,
            })?;
            match unframed(&bytes) {
                Ok(checkpoint) if fits(&checkpoint) => {
                    found.checkpoint = Some(checkpoint);
                    break;
                }
                Ok(_) => {}
                Err(Flaw::Format(format)) => {
                    return Err(CheckpointError::OtherFormat { path, found: format });
                }
                Err(Flaw::Damage(what)) => found.damaged.push((path, what)),
            }
        }
        Ok(found)
    }

    /// The checkpoints' paths, the oldest first.
    fn names(&self) -> Result<Vec<PathBuf>, CheckpointError> {
        let refused =
            |cause| CheckpointError::Refused { path: self.folder.clone(), action: "listed", cause };
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(refused)? {
            let entry = entry.map_err(refused)?;
            if entry.file_name().to_string_lossy().starts_with(NAME_BEGINS) {
                names.push(entry.path());
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// What is wrong with a file.
enum Flaw {
    Format(u32),
    Damage(&'static str),
}

fn framed(checkpoint: &Checkpoint) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; HEADER_BYTES];
    bincode::serde::encode_into_std_write(checkpoint, &mut bytes, bincode::config::standard())
        .map_err(io::Error::other)?;
    let (header, content) = bytes.split_at_mut(HEADER_BYTES);
    header[..16].copy_from_slice(MAGIC);
    header[16..20].copy_from_slice(&FORMAT.to_le_bytes());
    header[20..28].copy_from_slice(&(content.len() as u64).to_le_bytes());
    header[28..].copy_from_slice(&xxhash_rust::xxh3::xxh3_128(content).to_le_bytes());
    Ok(bytes)
}

fn unframed(bytes: &[u8]) -> Result<Checkpoint, Flaw> {
    let damage = |what| move || Flaw::Damage(what);
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(damage("it does not begin like one"))?;
    let (format, rest) = rest.split_first_chunk().ok_or_else(damage("it is cut off"))?;
    let (length, rest) = rest.split_first_chunk().ok_or_else(damage("it is cut off"))?;
    let (checksum, content) = rest.split_first_chunk().ok_or_else(damage("it is cut off"))?;
    let format = u32::from_le_bytes(*format);
    if content.len() as u64 != u64::from_le_bytes(*length) {
        return Err(Flaw::Damage("its length is not what it says"));
    }
    if xxhash_rust::xxh3::xxh3_128(content) != u128::from_le_bytes(*checksum) {
        return Err(Flaw::Damage("its checksum does not hold"));
    }
    if format != FORMAT {
        return Err(Flaw::Format(format));
    }
    let decoded = bincode::serde::decode_from_slice(content, bincode::config::standard());
    decoded.map(|(checkpoint, _)| checkpoint).map_err(|_| Flaw::Damage("it can't be decoded"))
}
