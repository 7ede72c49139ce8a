//! The engine as a program uses it: a file in, a durable file out, one worker.

use anyhow::anyhow;
use gridweaver::connectors::file::{FileSink, FileSource, NamedFile, Options, Start};
use gridweaver::engine::{Job, Limits, Output, Recorded, Watch, run as run_job};
use gridweaver::settings::Settings;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Returns the number of records read, and what was decided.
pub(crate) fn run(input: &Path, output: &Path) -> anyhow::Result<(u64, String)> {
    let settings = Settings::defaults(&[])?;
    let engine = &settings.engine;
    let name = input.to_str().ok_or_else(|| anyhow!("a path that is text"))?;
    let source = FileSource::open(NamedFile::new(name, Path::new("")), &Options::default())?;
    let sink = FileSink::open(&Output::name(0), output, Start::Anew)?.sink;
    let outcome = run_job(Job {
        rules: settings.rules(),
        sources: vec![Box::new(source)],
        outputs: vec![Output {
            sink: Box::new(sink),
            types: Vec::new(),
            from: None,
            recorded: Recorded::default(),
        }],
        discover: None,
        dead_letters: Vec::new(),
        workers: 1,
        limits: Limits {
            records: engine.in_flight_records,
            bytes: engine.in_flight_bytes.0,
            skew_max: engine.max_skew,
        },
        record_bytes_max: Options::default().record_bytes_max,
        open_from: None,
        live: None,
        chosen: std::collections::BTreeMap::new(),
        restored: None,
        checkpoints: None,
        pace: None,
        observed: false,
        course: false,
        stop: Arc::new(AtomicBool::new(false)),
        progress: Arc::new(Watch::default()),
    })?;
    let written = &outcome.written.tally;
    let decisions: u64 = written.records.values().sum();
    let detail = format!(
        "{} ticks, {} duplicates, {decisions} decisions, {} plans",
        written.ticks, written.outcomes.duplicates, written.plans
    );
    Ok((outcome.reading.read, detail))
}
