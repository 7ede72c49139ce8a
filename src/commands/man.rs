//! `gridweaver man`: the manual, from the definitions of the commands.

use super::{Failure, usage};
use anyhow::{Context as _, anyhow};
use clap::CommandFactory as _;
use clap_mangen::Man;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Print the manual page
///
/// To read it: gridweaver man | man -l -. To install all pages: gridweaver man --dir
/// ~/.local/share/man/man1.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The page of one command instead of the program's
    command: Option<String>,
    /// Write all pages into this folder instead
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut program = super::Arguments::command();
    if let Some(dir) = &arguments.dir {
        fs::create_dir_all(dir).with_context(|| format!("the folder `{}`", dir.display()))?;
        clap_mangen::generate_to(program, dir)
            .with_context(|| format!("manual pages in `{}`", dir.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    program.build();
    let asked = match &arguments.command {
        None => program,
        Some(name) => program.find_subcommand(name).cloned().ok_or_else(|| {
            usage(anyhow!("there is no command `{name}`: gridweaver --help lists them"))
        })?,
    };
    let mut page = Vec::new();
    Man::new(asked).render(&mut page)?;
    io::stdout().write_all(&page)?;
    Ok(ExitCode::SUCCESS)
}
