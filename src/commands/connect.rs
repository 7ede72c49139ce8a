//! From the configuration to the systems that it names: a source, a sink, and how its ticks are
//! read back. Adding a system is adding its folder among the connectors, and its lines here.

#![cfg_attr(
    not(all(feature = "kafka", feature = "nats")),
    allow(dead_code, unused_variables, reason = "what is for systems that are not built in")
)]

mod history;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "nats")]
mod nats;

pub(super) use history::{histories, is_address};

use super::play::inputs;
use super::{Failure, usage};
use anyhow::{Context as _, anyhow};
use gridweaver::connectors::file::{FileFeed, FileSink, Start, visit_ticks_from_the_end};
use gridweaver::connectors::{Feed, Sink, Source};
use gridweaver::engine::{DeadLetters, Discover, Output};
use gridweaver::settings::{Settings, SinkSettings, SourceSettings};
use std::fs;
use std::path::PathBuf;

/// Where a partition was read to, as a checkpoint has it.
pub(super) struct ReadTo {
    pub(super) position: u64,
    /// What its stream was.
    pub(super) identity: Option<String>,
}

/// What a checkpoint knows of a partition, by its name.
pub(super) type Begins<'a> = dyn Fn(&str) -> Option<ReadTo> + 'a;

/// Opens all partitions of all sources, each where it was read to.
pub(super) fn sources(
    settings: &Settings,
    begins: &Begins<'_>,
) -> Result<Vec<Box<dyn Source>>, Failure> {
    if settings.source.is_empty() {
        return Err(usage(anyhow!(
            "the configuration names no [[source]]: add one, such as kind = \"file\""
        )));
    }
    let mut sources = Vec::new();
    for source in &settings.source {
        sources.extend(match source {
            SourceSettings::File { paths, follow } => {
                let position = |name: &str| begins(name).map_or(0, |read_to| read_to.position);
                inputs(paths, &settings.base, *follow, settings, position)?
            }
            #[cfg(feature = "kafka")]
            SourceSettings::Kafka { .. } => kafka::sources(source, settings, begins)?,
            #[cfg(feature = "nats")]
            SourceSettings::Nats { .. } => vec![nats::source(source, settings, begins)?],
            #[cfg(not(all(feature = "kafka", feature = "nats")))]
            other => return Err(not_built_in(kind_of_source(other))),
        });
    }
    Ok(sources)
}

/// Whether every source has an end that is known beforehand.
pub(super) fn have_all_an_end(settings: &Settings) -> bool {
    settings
        .source
        .iter()
        .all(|source| matches!(source, SourceSettings::File { follow: false, .. }))
}

/// What finds partitions that come to be while running, where there may be any.
pub(super) fn discover(settings: &Settings) -> Option<Discover> {
    #[cfg(feature = "kafka")]
    return kafka::discover(settings);
    #[cfg(not(feature = "kafka"))]
    None
}

/// An output that was opened.
pub(super) struct OpenedSink {
    pub(super) sink: Box<dyn Sink>,
    /// What names it in errors.
    pub(super) place: String,
    /// The last `dispatch.tick_closed` that it holds.
    pub(super) last_tick_closed: Option<Vec<u8>>,
    /// The first record behind it, where half of a tick is there.
    pub(super) next: Option<Vec<u8>>,
    /// Reads its ticks back.
    pub(super) ticks: Ticks,
}

/// Hands over `dispatch.tick_closed` records from the last to the first, until it is told that these
/// are enough.
pub(super) type Ticks = Box<dyn Fn(&mut dyn FnMut(&[u8]) -> bool) -> Result<(), Failure>>;

/// Opens an output. `start`: of a file, what becomes of what it holds; `was_written`: whether a
/// checkpoint says that there is something to go on from.
pub(super) fn sink(
    index: usize,
    sink: &SinkSettings,
    start: Start,
    settings: &Settings,
    was_written: bool,
) -> Result<OpenedSink, Failure> {
    let name = Output::name(index);
    match sink {
        SinkSettings::File { path, .. } => file_sink(&name, settings.path(path), start),
        #[cfg(feature = "kafka")]
        SinkSettings::Kafka { .. } => kafka::sink(&name, sink),
        #[cfg(feature = "nats")]
        SinkSettings::Nats { .. } => nats::sink(&name, sink, settings, was_written),
        #[cfg(not(all(feature = "kafka", feature = "nats")))]
        other => Err(not_built_in(kind_of_sink(other))),
    }
}

fn file_sink(name: &str, path: PathBuf, start: Start) -> Result<OpenedSink, Failure> {
    let opened = FileSink::open(name, &path, start)?;
    Ok(OpenedSink {
        sink: Box::new(opened.sink),
        place: format!("`{}`", path.display()),
        last_tick_closed: opened.last_tick_closed,
        next: None,
        ticks: Box::new(move |wants_more| {
            visit_ticks_from_the_end(&path, wants_more).map_err(Failure::from)
        }),
    })
}

/// What a source would read, as far as its system says so; nothing is read.
pub(super) fn look_at_source(
    source: &SourceSettings,
    settings: &Settings,
) -> Result<String, Failure> {
    match source {
        #[cfg(feature = "kafka")]
        SourceSettings::Kafka { .. } => kafka::look_at_source(source),
        #[cfg(feature = "nats")]
        SourceSettings::Nats { .. } => nats::look_at_source(source, settings),
        other => Err(not_built_in(kind_of_source(other))),
    }
}

/// What an output would write to, as far as its system says so; nothing is written.
pub(super) fn look_at_sink(sink: &SinkSettings, settings: &Settings) -> Result<String, Failure> {
    match sink {
        #[cfg(feature = "kafka")]
        SinkSettings::Kafka { .. } => kafka::look_at_sink(sink),
        #[cfg(feature = "nats")]
        SinkSettings::Nats { .. } => nats::look_at_sink(sink, settings),
        other => Err(not_built_in(kind_of_sink(other))),
    }
}

/// The dead-letter outputs: the file for all, and a topic for a source's own.
pub(super) fn dead_letters(settings: &Settings, start: Start) -> Result<Vec<DeadLetters>, Failure> {
    let mut outputs = Vec::new();
    if let Some(path) = &settings.dead_letters.path {
        let opened = FileSink::open("dead letters", &settings.path(path), start)?;
        outputs.push(DeadLetters::of_all(Box::new(opened.sink)));
    }
    #[cfg(feature = "kafka")]
    outputs.extend(kafka::dead_letters(settings)?);
    Ok(outputs)
}

/// The writing end of what the first source reads.
pub(super) fn feed(settings: &Settings) -> Result<Box<dyn Feed>, Failure> {
    let Some(source) = settings.source.first() else {
        return Err(usage(anyhow!("the configuration names no [[source]] to write to")));
    };
    match source {
        SourceSettings::File { paths, follow } => match paths.as_slice() {
            [path] if *follow => Ok(Box::new(FileFeed::open(&settings.path(path))?)),
            _ => Err(usage(anyhow!(
                "a load goes to one file that is followed: give the [[source]] one path and follow = true"
            ))),
        },
        #[cfg(feature = "kafka")]
        SourceSettings::Kafka { .. } => kafka::feed(source),
        #[cfg(feature = "nats")]
        SourceSettings::Nats { .. } => nats::feed(source, settings),
        #[cfg(not(all(feature = "kafka", feature = "nats")))]
        other => Err(not_built_in(kind_of_source(other))),
    }
}

/// What the first sink writes, as a reader gets it from now on.
pub(super) fn written(settings: &Settings) -> Result<Vec<Box<dyn Source>>, Failure> {
    let Some(sink) = settings.sink.first() else {
        return Err(usage(anyhow!("the configuration names no [[sink]] to read from")));
    };
    match sink {
        SinkSettings::File { path, .. } => {
            let (path, file) = ([path.clone()], settings.path(path));
            let length = fs::metadata(&file)
                .with_context(|| format!("`{}`, which the run writes", file.display()))?;
            inputs(&path, &settings.base, true, settings, |_| length.len())
        }
        #[cfg(feature = "kafka")]
        SinkSettings::Kafka { .. } => kafka::written(sink, settings),
        #[cfg(feature = "nats")]
        SinkSettings::Nats { .. } => nats::written(sink, settings),
        #[cfg(not(all(feature = "kafka", feature = "nats")))]
        other => Err(not_built_in(kind_of_sink(other))),
    }
}

fn not_built_in(kind: &str) -> Failure {
    usage(anyhow!(
        "kind = \"{kind}\": this program was built without it; build it with `cargo build --release --features kafka,nats`"
    ))
}

fn kind_of_source(source: &SourceSettings) -> &'static str {
    match source {
        SourceSettings::File { .. } => "file",
        SourceSettings::Kafka { .. } => "kafka",
        SourceSettings::Nats { .. } => "nats",
    }
}

fn kind_of_sink(sink: &SinkSettings) -> &'static str {
    match sink {
        SinkSettings::File { .. } => "file",
        SinkSettings::Kafka { .. } => "kafka",
        SinkSettings::Nats { .. } => "nats",
    }
}
