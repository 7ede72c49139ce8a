//! `gridweaver verify`: recorded decisions against the rules of dispatch.

use super::Failure;
use super::history::{History, Opened};
use gridweaver::verify::{lines, verify};
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Check recorded decisions against the rules of dispatch, independently of the planner
///
/// Prints each breach; exits with 1 if there is any. The orders are the whole stream of one sink,
/// without a types filter.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    history: History,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Opened { reads, orders, rules, failed } = arguments.history.open()?;
    let breaches = verify(reads, lines(orders), &rules);
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
