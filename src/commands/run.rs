//! `gridweaver run`: the live engine; without a configuration, the bundled real grid's day.

mod restart;

use self::restart::{Reach, Restart, reach};
use super::check::refuse_outputs;
use super::play::{inputs, job, play, settings};
use super::{Failure, usage};
use anyhow::{Context as _, anyhow};
use gridweaver::connectors::file::{FileSink, Opened, Start};
use gridweaver::connectors::{Guarantee, Sink, Source};
use gridweaver::engine::{Course, Outcome, Output, Recorded};
use gridweaver::latency::write_log;
use gridweaver::report::{Log, Section, day, latency, page};
use gridweaver::settings::{Settings, SinkSettings, SourceSettings};
use gridweaver::summary::summary;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

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
    let mut settings = match &arguments.config {
        Some(path) => settings(Some(path), &arguments.set)?,
        None => bundled(arguments)?,
    };
    if let Some(workers) = arguments.workers {
        settings.engine.workers = workers.max(1);
    }
    refuse_outputs(&settings)?;
    let (outcome, elapsed) =
        if arguments.config.is_some() { go_on(&settings)? } else { begin(&settings)? };
    let reached = outcome.last_tick.map(|tick| settings.rules().end_of(tick));
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

/// Runs from the beginning, whatever the outputs held.
fn begin(settings: &Settings) -> Result<(Outcome, Duration), Failure> {
    let mut job = job(settings, sources(settings, |_| 0)?);
    for (index, sink) in settings.sink.iter().enumerate() {
        let (opened, _, types) = open_sink(index, sink, Start::Anew, settings)?;
        let sink = Box::new(opened.sink);
        job.outputs.push(Output { sink, types, from: None, recorded: Recorded::default() });
    }
    job.dead_letters = dead_letters(settings, Start::Anew)?;
    job.course = settings.latency.log.is_some();
    play(job, true)
}

/// Goes on from the newest checkpoint. Where settings of `[dispatch]` have changed, what was written
/// is first decided again by the old ones.
fn go_on(settings: &Settings) -> Result<(Outcome, Duration), Failure> {
    loop {
        let mut sinks = Vec::new();
        for (index, sink) in settings.sink.iter().enumerate() {
            let (opened, path, types) = open_sink(index, sink, Start::Resume, settings)?;
            let reach = reach(opened.last_tick_closed.as_deref(), &path)?;
            sinks.push((opened.sink, path, types, reach));
        }
        let keeps = |sink: &FileSink| sink.guarantee() != Guarantee::BestEffort;
        let reaches: Vec<Option<Reach>> =
            sinks.iter().map(|(sink, .., reach)| keeps(sink).then_some(*reach)).collect();
        let restart = Restart::open(settings, &reaches)?;
        let mut job = job(settings, sources(settings, |name| restart.position(name))?);
        for (sink, path, types, reach) in sinks {
            let recorded = restart.recorded(&path, reach)?;
            job.outputs.push(Output { sink: Box::new(sink), types, from: None, recorded });
        }
        job.dead_letters = dead_letters(settings, Start::Append)?;
        job.course = settings.latency.log.is_some();
        let names: Vec<String> = job.sources.iter().map(|source| source.name().into()).collect();
        restart.refuse_missing(&names)?;
        let (rules, until) = restart.rules(job.rules, &job.outputs)?;
        job.open_from = until.map(|until| rules.tick_of(until));
        job.rules = rules;
        job.restored.clone_from(&restart.checkpoint);
        job.checkpoints = Some(restart.checkpoints());
        let played = play(job, true)?;
        if until.is_none() || played.0.stopped {
            return Ok(played);
        }
    }
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

fn sources(
    settings: &Settings,
    position: impl Fn(&str) -> u64,
) -> Result<Vec<Box<dyn Source>>, Failure> {
    if settings.source.is_empty() {
        return Err(usage(anyhow!(
            "the configuration names no [[source]]: add one, such as kind = \"file\""
        )));
    }
    let mut sources = Vec::new();
    for source in &settings.source {
        match source {
            SourceSettings::File { paths, follow } => {
                sources.extend(inputs(paths, &settings.base, *follow, settings, &position)?);
            }
        }
    }
    Ok(sources)
}

/// Opens a sink; returns it with its path and the types that it takes.
fn open_sink(
    index: usize,
    sink: &SinkSettings,
    start: Start,
    settings: &Settings,
) -> Result<(Opened, PathBuf, Vec<String>), Failure> {
    let SinkSettings::File { path, types } = sink;
    let path = settings.path(path);
    let opened = FileSink::open(&Output::name(index), &path, start)?;
    Ok((opened, path, types.clone()))
}

fn dead_letters(settings: &Settings, start: Start) -> Result<Option<Box<dyn Sink>>, Failure> {
    let Some(path) = &settings.dead_letters.path else { return Ok(None) };
    let opened = FileSink::open("dead letters", &settings.path(path), start)?;
    Ok(Some(Box::new(opened.sink)))
}
