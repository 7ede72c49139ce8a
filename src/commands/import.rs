//! `gridweaver import`: known grid formats to records.

use super::{Failure, instant, usage};
use gridweaver::import::{Format, ImportError, Request, records, write};
use gridweaver::model::Time;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Turn a known grid format into records
///
/// matpower: one case file (.m, .m.gz), at one instant. rts-gmlc: the folder of the RTS-GMLC data,
/// its recorded 5-minute series between --from and --until, or one instant with --at.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The format
    #[arg(value_enum)]
    format: FormatName,
    /// The case file, or the data's folder
    path: PathBuf,
    /// Where the records go (JSONL, .gz, .zst); - is standard output
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// The one instant to import [matpower: 2026-01-01T00:00:00Z]
    #[arg(long, value_parser = instant, value_name = "TIME")]
    at: Option<Time>,
    /// The first instant of recorded data
    #[arg(long, value_parser = instant, value_name = "TIME")]
    from: Option<Time>,
    /// The first instant no longer wanted
    #[arg(long, value_parser = instant, value_name = "TIME")]
    until: Option<Time>,
    /// A script of outages and other incidents (TOML), for recorded data
    #[arg(long, value_name = "FILE")]
    outages: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum FormatName {
    Matpower,
    RtsGmlc,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let format = match arguments.format {
        FormatName::Matpower => Format::Matpower,
        FormatName::RtsGmlc => Format::RtsGmlc,
    };
    let request = Request {
        format,
        path: arguments.path,
        at: arguments.at,
        from: arguments.from,
        until: arguments.until,
        outages: arguments.outages,
    };
    let records = records(&request).map_err(|error| match error {
        ImportError::Unsuited { .. } => usage(error),
        _ => Failure::Run(error.into()),
    })?;
    let count = write(records, &arguments.output)?;
    if arguments.output.as_os_str() != "-" {
        writeln!(io::stdout(), "{count} records written to {}", arguments.output.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
