//! The command line: one file a command.

mod bench;
mod check;
mod compare;
mod completions;
mod connect;
mod generate;
mod history;
mod import;
mod man;
mod play;
mod recorded;
mod replay;
mod report;
mod run;
mod state;
mod verify;
mod why;

use clap::{Parser, Subcommand};
use gridweaver::connectors::SinkError;
use gridweaver::connectors::file::STANDARD_STREAM;
use gridweaver::engine::{ClusterError, EngineError};
use gridweaver::import::ImportError;
use std::io;
use std::process::ExitCode;

/// A streaming dataflow engine for electric grids: live grid events in, provable dispatch orders out.
///
/// GridWeaver plans a transport model: limits, losses and islands, not voltages or phase angles. It
/// is no substitute for an AGC.
#[derive(Parser)]
#[command(version, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Each command is described where its arguments are.
#[derive(Subcommand)]
enum Command {
    Run(run::Arguments),
    Replay(replay::Arguments),
    State(state::Arguments),
    Verify(verify::Arguments),
    Why(why::Arguments),
    Compare(compare::Arguments),
    Import(import::Arguments),
    Generate(generate::Arguments),
    Report(report::Arguments),
    Bench(bench::Arguments),
    Check(check::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// Why a command failed.
pub(crate) enum Failure {
    /// It was asked for wrongly: exit code 2.
    Usage(anyhow::Error),
    /// It could not do it: exit code 1.
    Run(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Run(error.into())
    }
}

impl Failure {
    /// Whether it was asked to stop before there was anything to end.
    pub(crate) fn is_stop(&self) -> bool {
        let (Self::Usage(error) | Self::Run(error)) = self;
        matches!(error.downcast_ref(), Some(ClusterError::Stopped))
    }

    /// Whether all that failed is that whoever read standard output has left, as `head` does.
    pub(crate) fn is_reader_gone(&self) -> bool {
        let (Self::Usage(error) | Self::Run(error)) = self;
        if let Some(EngineError::Sink(SinkError::ReaderGone { output })) = error.downcast_ref() {
            return output == STANDARD_STREAM;
        }
        // What commands write to standard output themselves bears no context.
        let written = error.downcast_ref::<io::Error>().filter(|_| error.chain().len() == 1);
        written.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
            || error.downcast_ref().is_some_and(ImportError::is_reader_gone)
    }
}

/// A failure of usage or configuration.
fn usage(error: impl Into<anyhow::Error>) -> Failure {
    Failure::Usage(error.into())
}

/// Runs a command.
pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::State(arguments) => state::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Why(arguments) => why::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Import(arguments) => import::run(arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}

/// Reads an instant from the command line.
fn instant(text: &str) -> Result<gridweaver::model::Time, String> {
    gridweaver::model::Time::parse(text)
        .ok_or_else(|| "write it as RFC 3339, such as 2026-03-01T12:00:00Z".to_owned())
}
