//! `gridweaver why`: one order, explained.

use super::play::{Configured, inputs};
use super::verify::{Failed, reads};
use super::{Failure, usage};
use anyhow::{Context as _, anyhow};
use gridweaver::model::Text;
use gridweaver::verify::lines;
use gridweaver::why::{WhyError, text, why};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

/// Explain one recorded order in plain words
///
/// What was lacking and since when, what there was to choose from and which limits bound, what would
/// serve in its place, how it ended. The figures are rebuilt from the input, independently of the
/// planner, and the records are checked on the way.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The recorded events that the decisions were made from
    #[arg(long, short, required = true, num_args = 1.., value_name = "FILE")]
    input: Vec<String>,
    /// The recorded decisions (JSONL), the whole stream of one sink; - is standard input
    #[arg(long, value_name = "FILE")]
    orders: PathBuf,
    /// The order's id
    #[arg(value_name = "ORDER")]
    order: Text,
    #[command(flatten)]
    configured: Configured,
    /// The same facts as one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let settings = arguments.configured.settings()?;
    let sources = inputs(&arguments.input, Path::new(""), false, &settings, |_| 0)?;
    let record_bytes_max =
        usize::try_from(settings.engine.max_record_bytes.0).unwrap_or(usize::MAX);
    let failed = Failed::default();
    let reads =
        sources.into_iter().map(|source| reads(source, record_bytes_max, Rc::clone(&failed)));
    let name = arguments.orders.display();
    let orders: Box<dyn BufRead> = if arguments.orders.as_os_str() == "-" {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let file = File::open(&arguments.orders);
        Box::new(BufReader::new(file.with_context(|| format!("the orders `{name}`"))?))
    };
    let wanted = std::slice::from_ref(&arguments.order);
    let explained = why(reads.collect(), lines(orders), wanted, &settings.rules());
    if let Some(error) = failed.take() {
        return Err(error.into());
    }
    let explained = explained.map_err(|error| match error {
        WhyError::Unknown { .. } => usage(anyhow!("`{name}`: {error}")),
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
