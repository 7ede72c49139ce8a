//! `gridweaver compare`: two recorded outputs of one day side by side.

use super::recorded::recorded;
use super::{Failure, usage};
use anyhow::anyhow;
use gridweaver::compare::compare;
use gridweaver::connectors::file::STANDARD_STREAM;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Show two recorded outputs of one day side by side
///
/// Orders by kind, power, cost and what stayed unmet; then the first ticks in which they part, and
/// what differs. Records are held against each other by bids, areas and paths, not by their ids.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The recorded decisions (JSONL): once for A, once for B; - is standard input
    #[arg(long, required = true, num_args = 1, value_name = "FILE")]
    orders: Vec<PathBuf>,
    /// One JSON object, with all differences
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let [a, b] = arguments.orders.as_slice() else {
        let found = arguments.orders.len();
        return Err(usage(anyhow!(
            "two outputs are compared, {found} named: write --orders A --orders B"
        )));
    };
    if [a, b].iter().all(|path| path.as_os_str() == STANDARD_STREAM) {
        return Err(usage(anyhow!("--orders: only one of the two can be standard input (-)")));
    }
    let [name_a, name_b] = [a, b].map(|path| path.display().to_string());
    let comparison = compare((&name_a, recorded(a)?), (&name_b, recorded(b)?))?;
    let text = if arguments.json {
        comparison.json() + "\n"
    } else {
        format!("A is {name_a}, B is {name_b}\n\n{}", comparison.text())
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
