//! The command line: one file a command.

mod import;
mod play;
mod replay;
mod run;
mod state;
mod verify;

use clap::{Parser, Subcommand};
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

#[derive(Subcommand)]
enum Command {
    /// Run the engine; without a configuration, play the bundled real grid's day
    Run(run::Arguments),
    /// Play recorded history through the same engine
    Replay(replay::Arguments),
    /// Show what the views held at a time
    State(state::Arguments),
    /// Check recorded decisions against the rules of dispatch, independently of the planner
    Verify(verify::Arguments),
    /// Turn a known grid format into records
    Import(import::Arguments),
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
        Command::Import(arguments) => import::run(arguments),
    }
}

/// Reads an instant from the command line.
fn instant(text: &str) -> Result<gridweaver::model::Time, String> {
    gridweaver::model::Time::parse(text)
        .ok_or_else(|| "write it as RFC 3339, such as 2026-03-01T12:00:00Z".to_owned())
}
