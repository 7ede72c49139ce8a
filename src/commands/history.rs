//! A recorded history: what was read, and what was decided from it. `verify` and `why` stand on it.

use super::Failure;
use super::play::{Configured, inputs, recorded};
use anyhow::anyhow;
use gridweaver::connectors::{Batch, Progress, Source};
use gridweaver::dataflows::twins::history::{Read, Reads};
use gridweaver::model::{Rules, decode};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Where it lies.
#[derive(clap::Args)]
pub(crate) struct History {
    /// The recorded events that the decisions were made from
    #[arg(long, short, required = true, num_args = 1.., value_name = "FILE")]
    input: Vec<String>,
    /// The recorded decisions (JSONL), the whole stream of one sink; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(super) orders: PathBuf,
    #[command(flatten)]
    configured: Configured,
}

/// Its records, and the rules that it was decided by.
pub(super) struct Opened<'a> {
    pub(super) reads: Vec<Reads<'a>>,
    pub(super) orders: Box<dyn BufRead>,
    pub(super) rules: Rules,
    pub(super) failed: Failed,
}

/// The first failure of an input: an iterator of records can't return it.
pub(super) type Failed = Rc<RefCell<Option<anyhow::Error>>>;

impl History {
    pub(super) fn open<'a>(&self) -> Result<Opened<'a>, Failure> {
        let settings = self.configured.settings()?;
        let sources = inputs(&self.input, Path::new(""), false, &settings, |_| 0)?;
        let record_bytes_max =
            usize::try_from(settings.engine.max_record_bytes.0).unwrap_or(usize::MAX);
        let failed = Failed::default();
        let reads = sources.into_iter();
        let reads = reads.map(|source| reads_of(source, record_bytes_max, Rc::clone(&failed)));
        let reads = reads.collect();
        Ok(Opened { reads, orders: recorded(&self.orders)?, rules: settings.rules(), failed })
    }
}

/// A source's records, decoded, one after the other.
fn reads_of<'a>(mut source: Box<dyn Source>, record_bytes_max: usize, failed: Failed) -> Reads<'a> {
    let mut batch = Batch::new(2_048);
    let mut ready: VecDeque<Read> = VecDeque::new();
    Box::new(std::iter::from_fn(move || {
        while ready.is_empty() {
            match source.read(&mut batch) {
                Ok(Progress::Read) => ready.extend(batch.iter().map(|(_, line)| {
                    decode(line, record_bytes_max).map_err(|refusal| refusal.reason)
                })),
                Ok(Progress::Waiting) => {}
                Ok(Progress::Finished) => return None,
                Err(error) => {
                    failed.borrow_mut().get_or_insert(anyhow!(error));
                    return None;
                }
            }
        }
        ready.pop_front()
    }))
}
