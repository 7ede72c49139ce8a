//! `gridweaver replay`: recorded history through the same engine.

use super::connect::histories;
use super::play::{Configured, job, play, refuse_inputs};
use super::recorded::{chosen, recorded};
use super::{Failure, instant, usage};
use anyhow::anyhow;
use gridweaver::connectors::file::{FileSink, STANDARD_STREAM, Start};
use gridweaver::engine::{DeadLetters, Output, Pace, Recorded};
use gridweaver::latency;
use gridweaver::model::Time;
use gridweaver::summary::summary;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Play recorded history through the same engine
///
/// Each file is a partition. All input is read; a tick closes only if a record was admitted to it or
/// to a later one. Without --output nothing is written but the summary.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Recorded events: JSONL, also .gz and .zst; names and globs; - is standard input; also
    /// kafka://host:port/topic and nats://host:port/stream
    #[arg(long, short, required = true, num_args = 1.., value_name = "FILE")]
    input: Vec<String>,
    #[command(flatten)]
    configured: Configured,
    /// Where the decisions go (JSONL); - is standard output, and then nothing else is written there
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Decide ticks that end at or before this instant, but do not write them
    #[arg(long, value_parser = instant, value_name = "TIME")]
    from: Option<Time>,
    /// Leave ticks that end after this instant open
    #[arg(long, value_parser = instant, value_name = "TIME")]
    until: Option<Time>,
    /// How fast event time passes: max, or a factor such as 1x or 60x
    #[arg(long, default_value = "max", value_parser = speed, value_name = "SPEED")]
    speed: Speed,
    /// Timely workers
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Where refused records go; by default beside the output
    #[arg(long, value_name = "FILE")]
    dead_letters: Option<PathBuf>,
    /// Recorded dispatch.tick_closed records, such as orders that were written live: what the clock
    /// chose then is repeated
    #[arg(long, value_name = "FILE")]
    ticks: Option<PathBuf>,
    /// Where tick latencies go, as an HdrHistogram log
    #[arg(long, value_name = "FILE")]
    latency_log: Option<PathBuf>,
}

/// How fast event time passes: `None` is as fast as can be.
type Speed = Option<f64>;

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(None);
    }
    let factor = text.strip_suffix('x').and_then(|factor| factor.parse::<f64>().ok());
    let factor = factor.filter(|factor| factor.is_finite() && *factor > 0.0);
    factor.map(Some).ok_or_else(|| "write max, or a factor above 0 such as 1x or 60x".to_owned())
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut settings = arguments.configured.settings()?;
    if let Some(workers) = arguments.workers {
        if workers == 0 {
            return Err(usage(anyhow!("--workers 0: at least one worker is needed")));
        }
        settings.engine.workers = workers;
    }
    let to_stdout = arguments.output.as_deref() == Some(Path::new(STANDARD_STREAM));
    let mut job = job(&settings, histories(&arguments.input, &settings)?);
    job.open_from = arguments.until.map(|until| job.rules.tick_of(until));
    if let Some(path) = &arguments.ticks {
        job.chosen = chosen(recorded(path)?, path)?;
    }
    job.pace = arguments.speed.map(Pace::of);
    for output in arguments.output.iter().chain(&arguments.dead_letters) {
        refuse_inputs(output, &arguments.input, Path::new(""))?;
    }
    if let Some(path) = &arguments.output {
        let sink = FileSink::open(&Output::name(0), path, Start::Anew)?.sink;
        let sink = Box::new(sink);
        job.outputs.push(Output {
            sink,
            types: Vec::new(),
            from: arguments.from,
            recorded: Recorded::default(),
        });
    }
    if let Some(path) = dead_letters(arguments) {
        let sink = FileSink::open("dead letters", &path, Start::Anew)?.sink;
        job.dead_letters.push(DeadLetters::of_all(Box::new(sink)));
    }
    let rules = job.rules.clone();
    let (outcome, elapsed) = play(job, true)?;
    if let Some(path) = &arguments.latency_log {
        latency::write_log(&outcome.written.latencies, latency::OF_TICKS, path)
            .map_err(|error| anyhow!("the latency log `{}`: {error}", path.display()))?;
    }
    if !to_stdout {
        let reached = outcome.last_tick.map(|tick| rules.end_of(tick));
        io::stdout().write_all(summary(&outcome, elapsed, reached).as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where dead letters go: as named, else beside the output.
fn dead_letters(arguments: &Arguments) -> Option<PathBuf> {
    if let Some(path) = &arguments.dead_letters {
        return Some(path.clone());
    }
    let output = arguments.output.as_ref()?;
    if output.as_os_str() == STANDARD_STREAM || (output.exists() && !output.is_file()) {
        return Some(PathBuf::from("dead-letters.jsonl"));
    }
    let stem = output.file_stem()?.to_string_lossy();
    Some(output.with_file_name(format!("{stem}.dead-letters.jsonl")))
}
