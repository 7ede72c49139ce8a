//! `gridweaver completions`: what a shell needs to complete our commands, from their definitions.

use super::Failure;
use clap::CommandFactory as _;
use clap_complete::Shell;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Print a completion script for a shell
///
/// For bash: gridweaver completions bash > ~/.local/share/bash-completion/completions/gridweaver.
/// For zsh, into a folder of $fpath as _gridweaver. For fish, into
/// ~/.config/fish/completions/gridweaver.fish.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    let mut command = super::Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "gridweaver", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
