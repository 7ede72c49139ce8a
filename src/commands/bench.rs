//! `gridweaver bench`: an open-loop load on a running pipeline.

use super::play::settings;
use super::{Failure, connect, generate, usage};
use anyhow::Context as _;
use gridweaver::bench::{Bench, BenchError, Load, OF_RECORDS, Outcome};
use gridweaver::latency::write_log;
use gridweaver::model::Millis;
use gridweaver::report::{Log, table};
use gridweaver::settings::Duration;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time;

/// Put a running pipeline under load and measure how long its orders take
///
/// `gridweaver run CONFIG` runs meanwhile. What its first [[source]] reads is written to, at a rate
/// that is fixed beforehand, whatever becomes of it; what its first [[sink]] writes is read. A
/// latency is counted from when a record was to be sent until the end of its tick can be read, and
/// the orders with it: the waits for the end of the tick and for the lateness are part of it. The
/// records are a synthetic grid's (gridweaver generate), at the present: use topics made for it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration of the pipeline that runs (TOML)
    config: PathBuf,
    #[command(flatten)]
    grid: generate::Grid,
    /// How long is measured
    #[arg(long, default_value = "60s", value_name = "TIME")]
    duration: Duration,
    /// How long the load is on before
    #[arg(long, default_value = "10s", value_name = "TIME")]
    warmup: Duration,
    /// How long is waited for what was sent to come out
    #[arg(long, default_value = "60s", value_name = "TIME")]
    patience: Duration,
    /// Where the latencies go, as an HdrHistogram log
    #[arg(long, value_name = "FILE")]
    latency_log: Option<PathBuf>,
    /// Override a key of the configuration, as the run does
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let settings = settings(Some(&arguments.config), &arguments.set)?;
    let (Duration(duration), Duration(warmup)) = (arguments.duration, arguments.warmup);
    let Duration(Millis(patience_ms)) = arguments.patience;
    let patience = time::Duration::from_millis(patience_ms.unsigned_abs());
    let load = Load { request: arguments.grid.request(), warmup, duration };
    let feed = connect::feed(&settings)?;
    let feed_name = feed.name().to_owned();
    let outputs = connect::written(&settings)?;
    let bench = Bench { feed, outputs, rules: settings.rules(), patience };
    let outcome = bench.run(&load).map_err(|error| match error {
        BenchError::Unsuited(error) => usage(error),
        other => Failure::from(other),
    })?;
    if let Some(path) = &arguments.latency_log {
        write_log(&outcome.records, OF_RECORDS, path)
            .with_context(|| format!("the latency log `{}`", path.display()))?;
    }
    io::stdout().write_all(told(&outcome, &load, &feed_name).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn told(outcome: &Outcome, load: &Load, feed: &str) -> String {
    let Millis(duration_ms) = load.duration;
    let mut logs = vec![Log::of("all records", &outcome.records)];
    if outcome.ticks_with_orders > 0 {
        logs.push(Log::of("with orders", &outcome.of_orders));
    }
    format!(
        "{} readings a second to {feed}, {} s measured; {} records sent in all, at most {:.1} ms behind their time\n{} of {} ticks brought orders\n{}",
        load.request.rate,
        duration_ms as f64 / 1_000.0,
        outcome.sent,
        outcome.behind_max.as_secs_f64() * 1_000.0,
        outcome.ticks_with_orders,
        outcome.ticks,
        table(&logs)
    )
}
