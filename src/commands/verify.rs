//! `gridweaver verify`: recorded decisions against the rules of dispatch.

use super::Failure;
use super::play::{Configured, inputs, recorded};
use anyhow::anyhow;
use gridweaver::connectors::{Batch, Progress, Source};
use gridweaver::dataflows::twins::history::{Read, Reads};
use gridweaver::model::decode;
use gridweaver::verify::{lines, verify};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

/// Check recorded decisions against the rules of dispatch, independently of the planner
///
/// Prints each breach; exits with 1 if there is any. The orders are the whole stream of one sink,
/// without a types filter.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The recorded events that the decisions were made from
    #[arg(long, short, required = true, num_args = 1.., value_name = "FILE")]
    input: Vec<String>,
    /// The recorded decisions (JSONL); - is standard input
    #[arg(long, value_name = "FILE")]
    orders: PathBuf,
    #[command(flatten)]
    configured: Configured,
}

/// The first failure of an input: an iterator of records can't return it.
pub(super) type Failed = Rc<RefCell<Option<anyhow::Error>>>;

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let settings = arguments.configured.settings()?;
    let sources = inputs(&arguments.input, Path::new(""), false, &settings, |_| 0)?;
    let record_bytes_max =
        usize::try_from(settings.engine.max_record_bytes.0).unwrap_or(usize::MAX);
    let failed = Failed::default();
    let reads =
        sources.into_iter().map(|source| reads(source, record_bytes_max, Rc::clone(&failed)));
    let orders = recorded(&arguments.orders)?;
    let breaches = verify(reads.collect(), lines(orders), &settings.rules());
    if let Some(error) = failed.take() {
        return Err(error.into());
    }
    let mut out = io::stdout().lock();
    for breach in &breaches {
        writeln!(out, "{breach}")?;
    }
    if breaches.is_empty() {
        writeln!(out, "no breach")?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

/// A source's records, decoded, one after the other.
pub(super) fn reads<'a>(
    mut source: Box<dyn Source>,
    record_bytes_max: usize,
    failed: Failed,
) -> Reads<'a> {
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
