//! `gridweaver run`: the live engine; without a configuration, the bundled real grid's day.

use super::check::refuse_outputs;
use super::play::{inputs, job, play, settings};
use super::{Failure, usage};
use anyhow::{Context as _, anyhow};
use gridweaver::connectors::file::{FileSink, Start};
use gridweaver::engine::{Course, Output};
use gridweaver::latency::write_log;
use gridweaver::model::Time;
use gridweaver::report::{Log, Section, day, latency, page};
use gridweaver::settings::{Settings, SinkSettings, SourceSettings};
use gridweaver::summary::summary;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const DAY: &[u8] = include_bytes!("../../data/rts-gmlc-day.jsonl.zst");
const DAY_NAME: &str = "rts-gmlc-day.jsonl.zst";
/// What a run leaves beside its latency log.
pub(super) const REPORT_NAME: &str = "report.html";
const DAY_SETTINGS: &str = include_str!("../../data/rts-gmlc-day.toml");

/// Run the engine; without a configuration, play the bundled real grid's day
///
/// Without a configuration it plays one stressed day of the RTS-GMLC system, with outages, and
/// leaves what it wrote and the configuration that it ran with in a folder.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration (TOML)
    config: Option<PathBuf>,
    /// The folder that the bundled run writes into
    #[arg(long, default_value = "gridweaver-run", value_name = "FOLDER")]
    dir: PathBuf,
    /// Timely workers
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Override a key, such as engine.tick=1s
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let (mut settings, start) = match &arguments.config {
        Some(path) => (settings(Some(path), &arguments.set)?, Start::Resume),
        None => (bundled(arguments)?, Start::Anew),
    };
    if let Some(workers) = arguments.workers {
        settings.engine.workers = workers.max(1);
    }
    refuse_outputs(&settings)?;
    let mut job = job(&settings, sources(&settings)?);
    for (index, sink) in settings.sink.iter().enumerate() {
        job.outputs.push(output(index, sink, start, &settings)?);
    }
    if let Some(path) = &settings.dead_letters.path {
        let start = if start == Start::Resume { Start::Append } else { Start::Anew };
        let path = settings.path(path);
        job.dead_letters = Some(Box::new(FileSink::open("dead letters", &path, start)?.sink));
    }
    let rules = job.rules.clone();
    job.course = settings.latency.log.is_some();
    let (outcome, elapsed) = play(job, true)?;
    let reached = outcome.last_tick.map(|tick| rules.end_of(tick));
    let mut text = summary(&outcome, elapsed, reached);
    if let Some(log) = &settings.latency.log {
        let path = settings.path(log);
        write_log(&outcome.written.latencies, &path)
            .with_context(|| format!("the latency log `{}`", path.display()))?;
        write_report(&path, outcome.course.as_ref(), &text)?;
    }
    if arguments.config.is_none() {
        text += &format!(
            "written to {}: orders.jsonl, dead-letters.jsonl, latency.hlog, report.html, gridweaver.toml (edit it, then: gridweaver run {})\n",
            arguments.dir.display(),
            arguments.dir.join("gridweaver.toml").display()
        );
    }
    io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Leaves the day as a page beside the latency log.
fn write_report(log: &Path, course: Option<&Course>, summary: &str) -> Result<(), Failure> {
    let ends = course.and_then(|course| {
        Some((course.moments.first_key_value()?.0, course.moments.last_key_value()?.0))
    });
    let words = match ends {
        Some((first, last)) => format!("From {first} to {last}."),
        None => "No tick closed.".to_owned(),
    };
    let mut sections = course.map(day).unwrap_or_default();
    // A run in which no tick closed has measured nothing.
    if let Ok(log) = Log::read(log) {
        sections.push(latency(&[log]));
    }
    sections.push(Section {
        heading: "What it came to".into(),
        listing: Some(summary.to_owned()),
        ..Section::default()
    });
    let text = page("GridWeaver: the run", &words, &sections);
    super::report::write(&log.with_file_name(REPORT_NAME), &text)
}

/// Lays the bundled day and its configuration into a folder.
fn bundled(arguments: &Arguments) -> Result<Settings, Failure> {
    let dir = &arguments.dir;
    fs::create_dir_all(dir).with_context(|| format!("the folder `{}`", dir.display()))?;
    for (name, bytes) in [(DAY_NAME, DAY), ("gridweaver.toml", DAY_SETTINGS.as_bytes())] {
        let path = dir.join(name);
        fs::write(&path, bytes).with_context(|| format!("`{}`", path.display()))?;
    }
    settings(Some(&dir.join("gridweaver.toml")), &arguments.set)
}

fn sources(settings: &Settings) -> Result<Vec<Box<dyn gridweaver::connectors::Source>>, Failure> {
    if settings.source.is_empty() {
        return Err(usage(anyhow!(
            "the configuration names no [[source]]: add one, such as kind = \"file\""
        )));
    }
    let mut sources = Vec::new();
    for source in &settings.source {
        match source {
            SourceSettings::File { paths, follow } => {
                sources.extend(inputs(paths, &settings.base, *follow, settings)?);
            }
        }
    }
    Ok(sources)
}

/// Opens a sink. One that holds whole ticks already is told on from there.
fn output(
    index: usize,
    sink: &SinkSettings,
    start: Start,
    settings: &Settings,
) -> Result<Output, Failure> {
    let SinkSettings::File { path, types } = sink;
    let opened = FileSink::open(&Output::name(index), &settings.path(path), start)?;
    let from = opened.last_tick_closed.as_deref().map(|line| tick_of(line, path)).transpose()?;
    Ok(Output { sink: Box::new(opened.sink), types: types.clone(), from })
}

/// The tick that a `dispatch.tick_closed` ends.
fn tick_of(line: &[u8], path: &str) -> Result<Time, Failure> {
    let record: serde_json::Value = serde_json::from_slice(line)?;
    let time = record.get("time").and_then(|time| Time::parse(time.as_str()?));
    let broken =
        || anyhow!("the last dispatch.tick_closed of `{path}` bears no time: move the file away");
    time.ok_or_else(|| Failure::Run(broken()))
}
