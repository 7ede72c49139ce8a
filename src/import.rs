//! Known grid formats to records: `gridweaver import`.
//!
//! An import is a function of its files and its [`Request`] alone: the same bytes in give the same
//! records out, ids and sequence numbers included. All input is read and checked before the first
//! record comes, so an import that begins does not fail half-way on bad input. Nothing is invented
//! in silence: what a format lacks is absent, what is synthesised is described where it is made.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`matpower`] | MATPOWER cases: one instant of a grid |
//! | [`rts_gmlc`] | the RTS-GMLC system: a year of a grid in steps of 5 minutes |
//! | `error` | what can be wrong with a file, and where |
//! | `text` | files as text, compressed or not |
//! | `output` | records to a file, compressed or not |

mod error;
pub mod matpower;
mod output;
pub mod rts_gmlc;
mod text;

pub use error::{ImportError, Place};
pub use output::write;

use gridweaver_model::record::Version;
use gridweaver_model::{Data, Envelope, Record, Text, Time};
use std::path::PathBuf;

/// A format that can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A MATPOWER case file, `.m` or `.m.gz`.
    Matpower,
    /// The folder of the RTS-GMLC data.
    RtsGmlc,
}

impl Format {
    /// Every format, in the order in which they are listed.
    pub const ALL: [Self; 2] = [Self::Matpower, Self::RtsGmlc];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Matpower => "matpower",
            Self::RtsGmlc => "rts-gmlc",
        }
    }
}

/// What to import.
#[derive(Clone, Debug)]
pub struct Request {
    /// The format of what lies at `path`.
    pub format: Format,
    /// The case file or the data's folder.
    pub path: PathBuf,
    /// The one instant to import: of a MATPOWER case the time that its records bear, of recorded
    /// data the interval that holds it.
    pub at: Option<Time>,
    /// Of recorded data the first instant wanted; absent: its beginning.
    pub from: Option<Time>,
    /// Of recorded data the first instant no longer wanted; absent: its end.
    pub until: Option<Time>,
    /// A script of outages and other incidents, for recorded data.
    pub outages: Option<PathBuf>,
}

impl Request {
    /// All that lies at a path.
    #[must_use]
    pub fn new(format: Format, path: impl Into<PathBuf>) -> Self {
        Self { format, path: path.into(), at: None, from: None, until: None, outages: None }
    }
}

/// Reads what is asked for. The records come ordered by time.
///
/// # Errors
/// Where a file is missing or malformed, or the request does not suit the format.
pub fn records(request: &Request) -> Result<Box<dyn Iterator<Item = Record>>, ImportError> {
    let has_span = request.from.is_some() || request.until.is_some();
    match request.format {
        Format::Matpower if has_span || request.outages.is_some() => Err(ImportError::Unsuited {
            reason: "a MATPOWER case is one instant: give its time with --at, \
                     and no --from, --until or --outages"
                .to_owned(),
        }),
        Format::RtsGmlc if has_span && request.at.is_some() => Err(ImportError::Unsuited {
            reason: "--at is one instant and --from and --until are a span: give one of both"
                .to_owned(),
        }),
        Format::Matpower => {
            let time = request.at.unwrap_or(matpower::DEFAULT_TIME);
            Ok(Box::new(matpower::records(&request.path, time)?.into_iter()))
        }
        Format::RtsGmlc => Ok(Box::new(rts_gmlc::records(request)?)),
    }
}

/// Gives records of one source their ids and rising sequence numbers.
struct Producer {
    source: Text,
    sequence: u64,
}

impl Producer {
    fn new(source: &str) -> Self {
        Self { source: source.into(), sequence: 0 }
    }

    /// The next record of the source; `id` is unique within it.
    fn record(&mut self, time: Time, id: Text, data: Data) -> Record {
        self.sequence += 1;
        let version = Version { time, sequence: self.sequence, source: self.source.clone(), id };
        Record { envelope: Envelope { version, correlation_id: None }, data }
    }
}
