//! `gridweaver check`: whether a configuration can be run, and what it would do.

use super::play::{refuse_inputs, settings};
use super::run::REPORT_NAME;
use super::{Failure, connect, usage};
use anyhow::anyhow;
use gridweaver::connectors::file::{STANDARD_STREAM, expand, is_same_file};
use gridweaver::model::decision::{Event, TICK_CLOSED};
use gridweaver::settings::{Settings, SinkSettings, SourceSettings, line_of};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Check a configuration without running it
///
/// All keys and ranges; that the files that sources name are there; that outputs can be written, are
/// no inputs and not one another. Says what it would do. Exits with 2 where something is wrong.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration (TOML)
    config: PathBuf,
    /// Override a key, such as engine.tick=1s
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// A key of the configuration; of tables that there are several of, in which.
#[derive(Clone, Copy)]
struct Place {
    key: &'static str,
    number: usize,
}

/// Something wrong, and where.
struct Problem {
    place: Place,
    what: String,
}

/// A file that a run writes.
struct Output {
    place: Place,
    path: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let settings = settings(Some(&arguments.config), &arguments.set)?;
    let mut problems = Vec::new();
    let mut told = sources(&settings, &mut problems);
    told += &services(&settings, &mut problems);
    let outputs = outputs(&settings);
    problems.extend(misdirected(&outputs, &settings));
    problems.extend(outputs.iter().filter_map(unwritable));
    problems.extend(shared_services(&settings));
    problems.extend(unmatched_types(&settings));
    if !problems.is_empty() {
        let text = fs::read_to_string(&arguments.config).unwrap_or_default();
        let told: Vec<String> = problems.iter().map(|problem| problem.told(&text)).collect();
        return Err(usage(anyhow!("{}: {}", arguments.config.display(), told.join("; also: "))));
    }
    for output in &outputs {
        told += &format!("{:<18} {}\n", output.place.name(), output.path.display());
    }
    let engine = &settings.engine;
    told += &format!("ticks of {} ms, {} worker(s)\nsound\n", engine.tick.0.0, engine.workers);
    io::stdout().write_all(told.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Before anything is written: an output must be neither an input nor another output.
pub(super) fn refuse_outputs(settings: &Settings) -> Result<(), Failure> {
    let problems = misdirected(&outputs(settings), settings).into_iter();
    match problems.chain(shared_services(settings)).next() {
        Some(Problem { place, what }) => Err(usage(anyhow!("{}: {what}", place.name()))),
        None => Ok(()),
    }
}

impl Place {
    /// As a person says it: the table, and which.
    fn name(&self) -> String {
        match self.key.split_once('.') {
            Some((table @ ("source" | "sink"), key)) => format!("{table} {}, {key}", self.number),
            _ => self.key.to_owned(),
        }
    }
}

impl Problem {
    /// With its line, where the text tells it.
    fn told(&self, text: &str) -> String {
        let (name, what) = (self.place.name(), &self.what);
        match line_of(text, self.place.key, self.place.number) {
            Some(line) => format!("line {line}, {name}: {what}"),
            None => format!("{name}: {what}"),
        }
    }
}

/// What is read, a line a source.
fn sources(settings: &Settings, problems: &mut Vec<Problem>) -> String {
    let mut told = String::new();
    if settings.source.is_empty() {
        let what = "there is none: add [[source]] with kind = \"file\" and paths".into();
        problems.push(Problem { place: Place { key: "source", number: 1 }, what });
    }
    for (source, number) in settings.source.iter().zip(1..) {
        let SourceSettings::File { paths, follow } = source else { continue };
        let place = Place { key: "source.paths", number };
        let mut wrong = |what| problems.push(Problem { place, what });
        match expand(paths, &settings.base, *follow) {
            Ok(files) if files.is_empty() => wrong("it names no file: name one".to_owned()),
            Ok(files) => {
                files.iter().filter_map(|file| unreadable(&file.path)).for_each(wrong);
                let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
                let (count, name, names) = (files.len(), place.name(), names.join(", "));
                let how = if *follow { ", followed" } else { "" };
                told += &format!("{name:<18} {count} file(s){how}: {names}\n");
            }
            Err(error) => wrong(format!("{:#}", anyhow!(error))),
        }
    }
    told
}

/// What the systems that are named say, a line each; each is reached out to.
fn services(settings: &Settings, problems: &mut Vec<Problem>) -> String {
    let mut told = String::new();
    let mut tell = |place: Place, looked: Result<String, Failure>| match looked {
        Ok(found) => told += &format!("{:<18} {found}\n", place.name()),
        Err(Failure::Usage(error) | Failure::Run(error)) => {
            problems.push(Problem { place, what: format!("{error:#}") });
        }
    };
    for (source, number) in settings.source.iter().zip(1..) {
        if !matches!(source, SourceSettings::File { .. }) {
            let place = Place { key: "source.kind", number };
            tell(place, connect::look_at_source(source, settings));
        }
    }
    for (sink, number) in settings.sink.iter().zip(1..) {
        if !matches!(sink, SinkSettings::File { .. }) {
            tell(Place { key: "sink.kind", number }, connect::look_at_sink(sink, settings));
        }
    }
    told
}

/// Why a file can't be read. A pipe is not opened: that would wait for its writer.
fn unreadable(path: &Path) -> Option<String> {
    let error = path.is_file().then(|| File::open(path).err()).flatten()?;
    Some(format!("`{}` cannot be read: {error}; give yourself the right to", path.display()))
}

fn outputs(settings: &Settings) -> Vec<Output> {
    let sinks = settings.sink.iter().zip(1..).filter_map(|(sink, number)| {
        let SinkSettings::File { path, .. } = sink else { return None };
        Some(Output { place: Place { key: "sink.path", number }, path: settings.path(path) })
    });
    let only =
        |key, path: &str| Output { place: Place { key, number: 1 }, path: settings.path(path) };
    let letters = settings.dead_letters.path.iter().map(|path| only("dead_letters.path", path));
    let latency = settings.latency.log.iter().flat_map(|path| {
        let log = only("latency.log", path);
        let report = log.path.with_file_name(REPORT_NAME);
        [log, Output { place: Place { key: "latency.log", number: 1 }, path: report }]
    });
    sinks.chain(letters).chain(latency).collect()
}

/// Outputs that are inputs or one another.
fn misdirected(outputs: &[Output], settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, output) in outputs.iter().enumerate() {
        let path = &output.path;
        // A device such as /dev/null may take several.
        let is_file = fs::metadata(path).map_or(true, |metadata| metadata.is_file());
        let mut others = outputs[..index].iter().filter(|_| is_file);
        let twin = others.find(|other| other.path == *path || is_same_file(&other.path, path));
        let input = settings.source.iter().find_map(|source| {
            let SourceSettings::File { paths, .. } = source else { return None };
            match refuse_inputs(path, paths, &settings.base) {
                Err(Failure::Usage(error)) => Some(format!("{error:#}")),
                _ => None,
            }
        });
        let what = match (twin, input) {
            (_, Some(input)) => input,
            (Some(twin), None) => {
                let (path, twin) = (path.display(), twin.place.name());
                format!("`{path}` is written by {twin} already: write elsewhere")
            }
            (None, None) => continue,
        };
        let place = output.place;
        problems.push(Problem { place, what });
    }
    problems
}

/// Outputs to one system that would write over one another, or into what is read.
fn shared_services(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut taken: Vec<(String, usize)> = Vec::new();
    for (sink, number) in settings.sink.iter().zip(1..) {
        let owned: Vec<(&'static str, String)> = match sink {
            SinkSettings::File { .. } => Vec::new(),
            SinkSettings::Kafka { topic, transactional_id, tick_topic, .. } => {
                let ticks = tick_topic.clone().unwrap_or_else(|| format!("{topic}.ticks"));
                vec![
                    ("sink.transactional_id", format!("the transactional id `{transactional_id}`")),
                    ("sink.topic", format!("the tick topic `{ticks}`")),
                ]
            }
            SinkSettings::Nats { stream, .. } => {
                vec![("sink.stream", format!("the stream `{stream}`"))]
            }
        };
        for (key, what) in owned {
            let place = Place { key, number };
            if let Some((_, other)) = taken.iter().find(|(taken, _)| *taken == what) {
                let what = format!("{what} is sink {other}'s: give this one its own");
                problems.push(Problem { place, what });
            }
            taken.push((what, number));
        }
        if settings.source.iter().any(|source| reads_what_it_writes(source, sink)) {
            let what = "it writes to what a [[source]] reads: write elsewhere".to_owned();
            problems.push(Problem { place: Place { key: "sink.kind", number }, what });
        }
    }
    problems
}

fn reads_what_it_writes(source: &SourceSettings, sink: &SinkSettings) -> bool {
    match (source, sink) {
        (
            SourceSettings::Kafka { brokers, topics, .. },
            SinkSettings::Kafka { brokers: to, topic, topics: by_type, .. },
        ) => {
            let mut written = std::iter::once(topic).chain(by_type.values());
            brokers == to && written.any(|topic| topics.contains(topic))
        }
        (
            SourceSettings::Nats { servers, stream, .. },
            SinkSettings::Nats { servers: to, stream: written, .. },
        ) => servers == to && stream == written,
        _ => false,
    }
}

fn unwritable(output: &Output) -> Option<Problem> {
    let error = try_to_write(&output.path).err()?;
    let what = format!(
        "`{}` cannot be written: {error}; name another place, or make this one writable",
        output.path.display()
    );
    Some(Problem { place: output.place, what })
}

/// Types of sinks that no record has.
fn unmatched_types(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    let known = || Event::TYPE_NAMES.into_iter().chain([TICK_CLOSED]);
    for (sink, number) in settings.sink.iter().zip(1..) {
        for wanted in sink.types() {
            let is_known = match wanted.strip_suffix('*') {
                Some(prefix) => known().any(|name| name.starts_with(prefix)),
                None => known().any(|name| name == wanted),
            };
            if is_known {
                continue;
            }
            let likeness = |name: &str| strsim::jaro_winkler(wanted, name);
            let nearest = known().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
            let nearest = nearest.unwrap_or_default();
            let what = format!("no record is of type `{wanted}`; did you mean `{nearest}`?");
            problems.push(Problem { place: Place { key: "sink.types", number }, what });
        }
    }
    problems
}

/// Whether a file could be written, leaving nothing behind and nothing changed.
fn try_to_write(path: &Path) -> io::Result<()> {
    if path.as_os_str() == STANDARD_STREAM {
        return Ok(());
    }
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Err(io::Error::other("it is a folder")),
        Ok(metadata) if metadata.is_file() => {
            return OpenOptions::new().append(true).open(path).map(drop);
        }
        Ok(_) => return Ok(()),
        Err(_) => {}
    }
    let absolute = std::path::absolute(path)?;
    // Folders that are not there are made by a run.
    let folder = absolute.ancestors().skip(1).find(|folder| folder.exists());
    let folder = folder.unwrap_or(Path::new("/"));
    let trial = folder.join(format!(".gridweaver-check-{}", std::process::id()));
    File::create_new(&trial)?;
    fs::remove_file(&trial)
}
