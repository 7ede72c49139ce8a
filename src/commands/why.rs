//! `gridweaver why`: one order, explained.

use super::history::{History, Opened};
use super::{Failure, usage};
use anyhow::anyhow;
use gridweaver::model::Text;
use gridweaver::verify::lines;
use gridweaver::why::{WhyError, text, why};
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Explain one recorded order in plain words
///
/// What was lacking and since when, what there was to choose from and which limits bound, what would
/// serve in its place, how it ended. The figures are rebuilt from the input, independently of the
/// planner, and the records are checked on the way.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    history: History,
    /// The order's id
    #[arg(value_name = "ORDER")]
    order: Text,
    /// The same facts as one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Opened { reads, orders, rules, failed } = arguments.history.open()?;
    let wanted = std::slice::from_ref(&arguments.order);
    let explained = why(reads, lines(orders), wanted, &rules);
    if let Some(error) = failed.take() {
        return Err(error.into());
    }
    let explained = explained.map_err(|error| match error {
        WhyError::Unknown { .. } => {
            usage(anyhow!("`{}`: {error}", arguments.history.orders.display()))
        }
        WhyError::Misplaced(_) | WhyError::Orders(_) => Failure::Run(error.into()),
    })?;
    let mut out = io::stdout().lock();
    for explanation in &explained {
        if arguments.json {
            writeln!(out, "{}", serde_json::to_string_pretty(explanation)?)?;
        } else {
            write!(out, "{}", text(explanation))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
