//! What `run`, `replay` and `state` share: settings, partitions, signals, a progress bar.

use super::connect::is_address;
use super::{Failure, usage};
use anyhow::anyhow;
use gridweaver::connectors::Source;
use gridweaver::connectors::file::{FileSource, Options, expand, is_same_file};
use gridweaver::engine::{Job, Limits, Outcome, Watch, run};
use gridweaver::model::Time;
use gridweaver::settings::{Settings, SettingsError};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// The configuration, and what overrides it.
#[derive(clap::Args)]
pub(crate) struct Configured {
    /// The configuration (TOML); without one, the defaults
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Override a key, such as engine.tick=1s
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

impl Configured {
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        settings(self.config.as_deref(), &self.set)
    }
}

/// Reads the settings; a wrong one is a matter of usage.
pub(crate) fn settings(path: Option<&Path>, overrides: &[String]) -> Result<Settings, Failure> {
    let read = match path {
        Some(path) => Settings::read(path, overrides),
        None => Settings::defaults(overrides),
    };
    read.map_err(|error: SettingsError| usage(error))
}

/// Opens files: names and globs, relative to `base`, each from its position on.
pub(crate) fn inputs(
    patterns: &[String],
    base: &Path,
    follow: bool,
    settings: &Settings,
    position: impl Fn(&str) -> u64,
) -> Result<Vec<Box<dyn Source>>, Failure> {
    let record_bytes_max =
        usize::try_from(settings.engine.max_record_bytes.0).unwrap_or(usize::MAX);
    let files = expand(patterns, base, follow)?;
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    for file in files {
        let start = position(&FileSource::name_of(&file));
        let options = Options { follow, start, record_bytes_max };
        sources.push(Box::new(FileSource::open(file, &options)?));
    }
    Ok(sources)
}

/// An output that is an input would destroy what is read.
pub(crate) fn refuse_inputs(
    output: &Path,
    patterns: &[String],
    base: &Path,
) -> Result<(), Failure> {
    let patterns: Vec<String> =
        patterns.iter().filter(|pattern| !is_address(pattern)).cloned().collect();
    if patterns.is_empty() {
        return Ok(());
    }
    let files = expand(&patterns, base, true)?;
    match files.iter().find(|file| is_same_file(&file.path, output)) {
        Some(file) => {
            let (output, input) = (output.display(), &file.name);
            Err(usage(anyhow!("`{output}` is the input `{input}`: write elsewhere")))
        }
        None => Ok(()),
    }
}

/// A job with the settings' figures; outputs are to be added.
pub(crate) fn job(settings: &Settings, sources: Vec<Box<dyn Source>>) -> Job {
    let engine = &settings.engine;
    let limits = Limits {
        records: engine.in_flight_records,
        bytes: engine.in_flight_bytes.0,
        skew_max: engine.max_skew,
    };
    let record_bytes_max = usize::try_from(engine.max_record_bytes.0).unwrap_or(usize::MAX);
    let job = Job::new(settings.rules(), sources, limits, record_bytes_max);
    Job { workers: engine.workers, ..job }
}

/// What SIGINT and SIGTERM raise, from the first call of this on: the first of them asks to stop, the
/// second does not wait for a sink that is stuck.
pub(crate) fn stop_flag() -> io::Result<Arc<AtomicBool>> {
    static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    if let Some(stop) = STOP.get() {
        return Ok(Arc::clone(stop));
    }
    let stop = STOP.get_or_init(Arc::default);
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(stop))?;
        signal_hook::flag::register(signal, Arc::clone(stop))?;
    }
    Ok(Arc::clone(stop))
}

/// Runs a job with a progress bar on a terminal, until its end or a signal.
pub(crate) fn play(job: Job, show_progress: bool) -> Result<(Outcome, Duration), Failure> {
    let job = Job { stop: stop_flag()?, ..job };
    let total: Option<u64> = job.sources.iter().map(|source| source.bytes_total()).sum();
    let (watch, done) = (Arc::clone(&job.progress), Arc::new(AtomicBool::new(false)));
    let bar = (show_progress && io::stderr().is_terminal()).then(|| {
        let done = Arc::clone(&done);
        thread::spawn(move || draw(&watch, total, &done))
    });
    let started = Instant::now();
    let outcome = run(job);
    let elapsed = started.elapsed();
    done.store(true, Ordering::SeqCst);
    if let Some(bar) = bar {
        bar.thread().unpark();
        bar.join().map_err(|_| anyhow!("the progress bar's thread panicked"))?;
    }
    Ok((outcome?, elapsed))
}

/// Draws a bar on standard error, if that is a terminal.
fn draw(watch: &Watch, total: Option<u64>, done: &AtomicBool) {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    let template =
        if total.is_some() { "{bar:30} {percent:>3}% {msg} ETA {eta}" } else { "{spinner} {msg}" };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    let started = Instant::now();
    while !done.load(Ordering::SeqCst) {
        let records = watch.records.load(Ordering::Relaxed);
        let rate = records as f64 / started.elapsed().as_secs_f64().max(1e-9);
        let reached = i64::try_from(watch.tick_end_ms.load(Ordering::Relaxed)).unwrap_or_default();
        bar.set_position(watch.bytes.load(Ordering::Relaxed));
        bar.set_message(format!("{records} records, {}, {rate:.0}/s", Time(reached)));
        thread::park_timeout(Duration::from_millis(100));
    }
    bar.finish_and_clear();
}
