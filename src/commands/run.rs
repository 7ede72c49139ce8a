//! `gridweaver run`: the live engine; without a configuration, the bundled real grid's day.

mod cluster;
mod restart;

use self::restart::{Reach, Restart, open_store, reach};
use super::check::refuse_outputs;
use super::play::{job, play, settings, stop_flag};
use super::{Failure, connect, usage};
use anyhow::{Context as _, anyhow};
use gridweaver::connectors::file::Start;
use gridweaver::connectors::{Guarantee, Sink};
use gridweaver::engine::{Cluster, Course, Job, Live, Outcome, Output, Recorded};
use gridweaver::http::{Server, serve};
use gridweaver::latency::{OF_TICKS, write_log};
use gridweaver::model::Millis;
use gridweaver::report::{Log, Section, day, latency, page};
use gridweaver::settings::{Settings, SinkSettings};
use gridweaver::summary::summary;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
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
    #[command(flatten)]
    cluster: cluster::ClusterArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    // Asked to stop while it opens what it needs, it ends as well as later.
    stop_flag()?;
    let mut settings = match &arguments.config {
        Some(path) => settings(Some(path), &arguments.set)?,
        None => bundled(arguments)?,
    };
    if let Some(workers) = arguments.workers {
        settings.engine.workers = workers.max(1);
    }
    refuse_outputs(&settings)?;
    let cluster = arguments.cluster.cluster()?;
    let (outcome, elapsed) = match (&arguments.config, &cluster) {
        (Some(_), Some(cluster)) if !cluster.is_first() => return follow(&settings, cluster),
        (Some(_), cluster) => go_on(&settings, cluster.as_ref())?,
        (None, None) => begin(&settings)?,
        (None, Some(_)) => {
            return Err(usage(anyhow!(
                "the bundled day runs in one process: --processes needs a configuration"
            )));
        }
    };
    let reached = outcome.last_tick.map(|tick| settings.rules().end_of(tick));
    let mut text = summary(&outcome, elapsed, reached);
    if let Some(log) = &settings.latency.log {
        let path = settings.path(log);
        write_log(&outcome.written.latencies, OF_TICKS, &path)
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
    let mut job = job(settings, connect::sources(settings, &|_| None)?);
    for (index, sink) in settings.sink.iter().enumerate() {
        let opened = connect::sink(index, sink, Start::Anew, settings, false)?;
        job.outputs.push(output(opened.sink, sink, Recorded::default()));
    }
    job.dead_letters = connect::dead_letters(settings, Start::Anew)?;
    job.live = Some(live(settings));
    job.course = settings.latency.log.is_some();
    play(job, true)
}

/// Goes on from the newest checkpoint. Where settings of `[dispatch]` have changed, what was written
/// is first decided again by the old ones.
///
/// Outputs are opened before they are read back: an engine that still writes to them is cut off.
fn go_on(settings: &Settings, cluster: Option<&Cluster>) -> Result<(Outcome, Duration), Failure> {
    loop {
        let store = open_store(settings)?;
        let mut opened = Vec::new();
        for (index, sink) in settings.sink.iter().enumerate() {
            opened.push(connect::sink(index, sink, Start::Resume, settings, store.holds_any()?)?);
        }
        let reaches = opened.iter().map(|sink| {
            let keeps = sink.sink.guarantee() != Guarantee::BestEffort;
            let reach = reach(sink.last_tick_closed.as_deref(), &sink.place)?;
            Ok(keeps.then_some(reach))
        });
        let reaches: Vec<Option<Reach>> = reaches.collect::<Result<_, Failure>>()?;
        let mut restart = Restart::open(settings, store, &reaches)?;
        let mut job = job(settings, connect::sources(settings, &|name| restart.read_to(name))?);
        restart.begin(&job.sources)?;
        for (sink, opened) in settings.sink.iter().zip(opened) {
            let recorded = restart.recorded(&opened, &mut job.chosen)?;
            job.outputs.push(output(opened.sink, sink, recorded));
        }
        job.discover = connect::discover(settings);
        job.dead_letters = connect::dead_letters(settings, Start::Append)?;
        job.live = Some(live(settings));
        job.course = settings.latency.log.is_some();
        let names: Vec<String> = job.sources.iter().map(|source| source.name().into()).collect();
        restart.refuse_missing(&names)?;
        let (rules, until) = restart.rules(job.rules, &job.outputs)?;
        job.open_from = until.map(|until| rules.tick_of(until));
        job.rules = rules;
        job.written = job.outputs.iter().filter_map(|output| output.recorded.last).max();
        job.restored.clone_from(&restart.checkpoint);
        job.checkpoints = Some(restart.checkpoints());
        if let Some(cluster) = cluster {
            cluster::lead(cluster, settings, &mut job, until.is_some())?;
        }
        let _server = shown(settings, &job)?;
        let played = play(job, true)?;
        if until.is_none() || played.0.stopped {
            return Ok(played);
        }
    }
}

/// Reads for the first process, which decides and writes, until all end.
fn follow(settings: &Settings, cluster: &Cluster) -> Result<ExitCode, Failure> {
    loop {
        let (mut job, is_prelude) = cluster::follow(cluster, settings)?;
        job.live = Some(live(settings));
        let _server = shown(settings, &job)?;
        let (outcome, elapsed) = play(job, true)?;
        if !is_prelude || outcome.stopped {
            let text = format!(
                "{} records in {:.2} s for process 0, which writes what is decided\n",
                outcome.read_now,
                elapsed.as_secs_f64()
            );
            io::stdout().write_all(text.as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// Answers over HTTP how the job stands, where that is configured.
fn shown(settings: &Settings, job: &Job) -> Result<Option<Server>, Failure> {
    let Some(listen) = &settings.http.listen else { return Ok(None) };
    let server = serve(listen, Arc::clone(&job.progress));
    Ok(Some(server.with_context(|| {
        format!("http.listen = \"{listen}\": it can't be listened at; name another host:port")
    })?))
}

fn output(sink: Box<dyn Sink>, settings: &SinkSettings, recorded: Recorded) -> Output {
    Output { sink, types: settings.types().to_vec(), from: None, recorded }
}

/// What the wall clock decides.
fn live(settings: &Settings) -> Live {
    let engine = &settings.engine;
    let duration = |span: Millis| Duration::from_millis(span.0.unsigned_abs());
    Live {
        idle_timeout: engine.idle_timeout.0.map(duration),
        ahead_max: engine.max_ahead.0,
        stalled_after: duration(engine.stalled_after.0),
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
