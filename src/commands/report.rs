//! `gridweaver report`: latency logs as a table, a plot, a page.

use super::Failure;
use anyhow::Context as _;
use gridweaver::report::{Log, latency, page, percentiles, table};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Show latency logs: percentiles, plots, comparison of runs
///
/// The logs are HdrHistogram logs in microseconds, as run leaves one and replay and bench do with
/// --latency-log.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The logs (.hlog)
    #[arg(required = true, value_name = "FILE")]
    logs: Vec<PathBuf>,
    /// Write a page of its own: percentiles, time course, comparison
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the percentile plot
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let logs = arguments.logs.iter().map(|path| Log::read(path));
    let mut logs: Vec<Log> = logs.collect::<Result<_, _>>()?;
    // Logs of one name, such as those of two folders, are told apart by their paths.
    let names: Vec<String> = logs.iter().map(|log| log.name.clone()).collect();
    for (log, path) in logs.iter_mut().zip(&arguments.logs) {
        if names.iter().filter(|name| **name == log.name).count() > 1 {
            log.name = path.display().to_string();
        }
    }
    if let Some(path) = &arguments.svg {
        write(path, &percentiles(&logs).file())?;
    }
    if let Some(path) = &arguments.html {
        let files = arguments.logs.iter().map(|path| path.display().to_string());
        let words = files.collect::<Vec<_>>().join(", ");
        write(path, &page("GridWeaver: latency", &words, &[latency(&logs)]))?;
    }
    io::stdout().write_all(table(&logs).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a report's file.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).with_context(|| format!("the report `{}`", path.display()))?;
    Ok(())
}
