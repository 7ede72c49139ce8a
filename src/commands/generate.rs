//! `gridweaver generate`: a synthetic grid and its event stream.

use super::{Failure, usage};
use gridweaver::generate::{Request, records};
use gridweaver::import::write;
use gridweaver::model::Millis;
use gridweaver::settings::Duration;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// The grid and its market, and how much is read of it.
#[derive(clap::Args)]
pub(super) struct Grid {
    /// Nodes
    #[arg(long, default_value_t = Request::default().nodes, value_name = "N")]
    nodes: usize,
    /// Lines; at least one fewer than nodes
    #[arg(long, default_value_t = Request::default().lines, value_name = "N")]
    lines: usize,
    /// Regions
    #[arg(long, default_value_t = Request::default().regions, value_name = "N")]
    regions: usize,
    /// Bids of demand response
    #[arg(long, default_value_t = Request::default().bids, value_name = "N")]
    bids: usize,
    /// Meter readings a second of event time
    #[arg(long, default_value_t = Request::default().rate, value_name = "N")]
    rate: u32,
    /// What all random numbers follow from
    #[arg(long, default_value_t = Request::default().seed, value_name = "N")]
    seed: u64,
}

impl Grid {
    pub(super) fn request(&self) -> Request {
        let Self { nodes, lines, regions, bids, rate, seed } = *self;
        Request { nodes, lines, regions, bids, rate, seed, ..Request::default() }
    }
}

/// Generate a synthetic grid and its event stream, reproducible by seed
///
/// The same arguments give the same bytes on every machine. The grid is there at the first instant
/// (2026-06-15T17:00:00Z), with a reading of every node; from then on meters are read at the rate
/// given while lines trip and return, units fail, bids come and go.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    grid: Grid,
    /// How long the stream lasts, in event time, such as 90s or 2h
    #[arg(long, default_value = "30m", value_name = "TIME")]
    duration: Duration,
    /// Each record arrives once and at its own time: nothing out of order, late or twice
    #[arg(long)]
    punctual: bool,
    /// Where the records go (JSONL, .gz, .zst); - is standard output
    #[arg(long, short, default_value = "-", value_name = "FILE")]
    output: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Duration(duration) = arguments.duration;
    let request = Request { duration, is_punctual: arguments.punctual, ..arguments.grid.request() };
    let count = write(records(&request).map_err(usage)?, &arguments.output)?;
    if arguments.output.as_os_str() != "-" {
        let Millis(ms) = duration;
        let (output, seconds) = (arguments.output.display(), ms / 1_000);
        writeln!(io::stdout(), "{count} records over {seconds} s written to {output}")?;
    }
    Ok(ExitCode::SUCCESS)
}
