//! A recorded history: what was read, and what was decided from it. `verify` and `why` stand on it.

use super::Failure;
use super::connect::histories;
use super::play::Configured;
use super::recorded::recorded_and_chosen;
use anyhow::anyhow;
use gridweaver::connectors::{Batch, Progress, Source};
use gridweaver::dataflows::twins::history::{Read, Reads};
use gridweaver::engine::{Chosen, by_partition};
use gridweaver::model::record::{Envelope, Version};
use gridweaver::model::{Data, Reason, Record, Rules, Time, decode};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::BufRead;
use std::path::PathBuf;
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
        let sources = histories(&self.input, &settings)?;
        let record_bytes_max =
            usize::try_from(settings.engine.max_record_bytes.0).unwrap_or(usize::MAX);
        let failed = Failed::default();
        let (orders, chosen) = recorded_and_chosen(&self.orders)?;
        let mut chosen = by_partition(chosen.values());
        let reads = sources.into_iter().map(|source| {
            let chosen = chosen.remove(source.name()).unwrap_or_default();
            reads_of(source, record_bytes_max, chosen, Rc::clone(&failed))
        });
        Ok(Opened { reads: reads.collect(), orders, rules: settings.rules(), failed })
    }
}

/// A source's records, decoded, one after the other. Where the partition was passed over, a
/// watermark says what was closed meanwhile.
fn reads_of<'a>(
    mut source: Box<dyn Source>,
    record_bytes_max: usize,
    mut chosen: Chosen,
    failed: Failed,
) -> Reads<'a> {
    let mut batch = Batch::new(2_048);
    let mut ready: VecDeque<Read> = VecDeque::new();
    Box::new(std::iter::from_fn(move || {
        while ready.is_empty() {
            match source.read(&mut batch) {
                Ok(Progress::Read) => {
                    for (position, line) in batch.iter() {
                        ready.extend(chosen.closed_at(position).map(|end| Ok(watermark(end))));
                        let read = decode(line, record_bytes_max);
                        let read = read.map_err(|refusal| refusal.reason);
                        let is_refused = read.is_ok() && chosen.is_refused(position);
                        ready.push_back(if is_refused { Err(Reason::Future) } else { read });
                    }
                }
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

/// A promise that nothing earlier comes.
fn watermark(time: Time) -> Record {
    let version =
        Version { time, sequence: 0, source: "gridweaver".into(), id: "passed-over".into() };
    Record { envelope: Envelope { version, correlation_id: None }, data: Data::Watermark }
}
