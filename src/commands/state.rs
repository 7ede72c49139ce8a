//! `gridweaver state`: what the views held at a time.

use super::connect::histories;
use super::play::{Configured, job, play};
use super::{Failure, instant};
use anyhow::anyhow;
use gridweaver::model::Time;
use gridweaver::state::State;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Show what the views held at a time
///
/// All input is read; what is shown is as of the end of the last tick that ends at or before the
/// time, or of the input's last tick if that is earlier.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Recorded events: JSONL, also .gz and .zst; names and globs; - is standard input
    #[arg(long, short, required = true, num_args = 1.., value_name = "FILE")]
    input: Vec<String>,
    /// The time
    #[arg(long, value_parser = instant, value_name = "TIME")]
    at: Time,
    #[command(flatten)]
    configured: Configured,
    /// One JSON object instead of tables
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let settings = arguments.configured.settings()?;
    let mut job = job(&settings, histories(&arguments.input, &settings)?);
    let rules = job.rules.clone();
    job.open_from = Some(rules.tick_of(arguments.at));
    job.observed = true;
    let (outcome, _) = play(job, true)?;
    let state = State::of(arguments.at, outcome, &rules)
        .ok_or_else(|| anyhow!("the run ended before its state could be read"))?;
    let text = if arguments.json { state.json() + "\n" } else { state.text() };
    io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
