//! The engine as a program uses it: a file in, a durable file out, one worker.

use anyhow::anyhow;
use gridweaver::connectors::file::{FileSink, FileSource, NamedFile, Options, Start};
use gridweaver::engine::{Job, Limits, Output, Recorded, run as run_job};
use gridweaver::settings::Settings;
use std::path::Path;

/// Returns the number of records read, and what was decided.
pub(crate) fn run(input: &Path, output: &Path) -> anyhow::Result<(u64, String)> {
    let settings = Settings::defaults(&[])?;
    let engine = &settings.engine;
    let name = input.to_str().ok_or_else(|| anyhow!("a path that is text"))?;
    let source = FileSource::open(NamedFile::new(name, Path::new("")), &Options::default())?;
    let sink = FileSink::open(&Output::name(0), output, Start::Anew)?.sink;
    let limits = Limits {
        records: engine.in_flight_records,
        bytes: engine.in_flight_bytes.0,
        skew_max: engine.max_skew,
    };
    let record_bytes_max = Options::default().record_bytes_max;
    let mut job = Job::new(settings.rules(), vec![Box::new(source)], limits, record_bytes_max);
    job.outputs.push(Output {
        sink: Box::new(sink),
        types: Vec::new(),
        from: None,
        recorded: Recorded::default(),
    });
    let outcome = run_job(job)?;
    let written = &outcome.written.tally;
    let decisions: u64 = written.records.values().sum();
    let detail = format!(
        "{} ticks, {} duplicates, {decisions} decisions, {} plans",
        written.ticks, written.outcomes.duplicates, written.plans
    );
    Ok((outcome.reading.read, detail))
}
