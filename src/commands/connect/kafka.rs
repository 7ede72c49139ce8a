//! Kafka, as the configuration names it.

use super::history::{Address, From};
use super::{Begins, OpenedSink};
use crate::commands::{Failure, usage};
use anyhow::anyhow;
use gridweaver::connectors::kafka::{
    Cluster, KafkaDeadLetters, KafkaError, KafkaFeed, KafkaSink, KafkaSource, SinkOptions,
    SourceOptions, Start, Topics, partitions, visit_ticks_from_the_end,
};
use gridweaver::connectors::{Feed, Source};
use gridweaver::engine::{DeadLetters, Discover};
use gridweaver::settings::{Settings, SinkSettings, SourceSettings, Start as Wanted};
use std::collections::{BTreeMap, BTreeSet};

/// One `[[source]]`.
#[derive(Clone)]
struct Named {
    cluster: Cluster,
    topics: Topics,
    start: Start,
    dead_letter_topic: Option<String>,
}

impl Named {
    fn of(source: &SourceSettings) -> Result<Option<Self>, Failure> {
        let SourceSettings::Kafka {
            brokers,
            topics,
            topic_pattern,
            start,
            dead_letter_topic,
            client,
        } = source
        else {
            return Ok(None);
        };
        let topics = match (topics.as_slice(), topic_pattern) {
            ([_, ..], None) => Topics::Names(topics.clone()),
            ([], Some(pattern)) => Topics::Pattern(pattern.clone()),
            ([], None) => {
                return Err(usage(anyhow!(
                    "a [[source]] of kind \"kafka\" names no topic: add topics or topic_pattern"
                )));
            }
            ([_, ..], Some(_)) => {
                return Err(usage(anyhow!(
                    "a [[source]] of kind \"kafka\" has topics and topic_pattern: keep one of them"
                )));
            }
        };
        let start = match start {
            Wanted::Beginning => Start::Beginning,
            Wanted::End => Start::End,
            Wanted::Time(time) => Start::Time(time.0),
        };
        let cluster = cluster(brokers, client)?;
        let dead_letter_topic = dead_letter_topic.clone();
        Ok(Some(Self { cluster, topics, start, dead_letter_topic }))
    }

    fn partitions(&self) -> Result<Vec<(String, i32)>, KafkaError> {
        partitions(&self.cluster, &self.topics)
    }
}

fn cluster(
    brokers: &[String],
    client: &BTreeMap<String, gridweaver::settings::Scalar>,
) -> Result<Cluster, Failure> {
    let client = client.iter().map(|(key, value)| (key.clone(), value.0.clone())).collect();
    Cluster::new(brokers, client).map_err(usage)
}

/// How a partition is read; the budget of bytes is shared by all.
fn options(settings: &Settings, start: Start, partitions: usize) -> SourceOptions {
    let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    let share = bytes(settings.engine.in_flight_bytes.0) / partitions.max(1);
    SourceOptions {
        start,
        record_bytes_max: bytes(settings.engine.max_record_bytes.0),
        queued_bytes_max: share.clamp(64 << 10, 16 << 20),
        ..SourceOptions::default()
    }
}

/// Opens each partition where it was read to. One that has come to be since the others were read is
/// read from its beginning, as one that is found while running is.
pub(super) fn sources(
    source: &SourceSettings,
    settings: &Settings,
    begins: &Begins<'_>,
) -> Result<Vec<Box<dyn Source>>, Failure> {
    let Some(named) = Named::of(source)? else { return Ok(Vec::new()) };
    let partitions = named.partitions()?;
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    let name = |(topic, partition): &(String, i32)| KafkaSource::name_of(topic, *partition);
    let was_read = partitions.iter().any(|partition| begins(&name(partition)).is_some());
    let of_unknown = if was_read { Start::Beginning } else { named.start };
    for found in &partitions {
        let read_to = begins(&name(found));
        let (topic, partition) = found;
        let start = read_to.as_ref().map_or(of_unknown, |read_to| Start::Offset(read_to.position));
        let options = options(settings, start, partitions.len());
        let opened = KafkaSource::open(&named.cluster, topic, *partition, &options)?;
        if let Some(before) = read_to.and_then(|read_to| read_to.identity)
            && opened.identity().is_some_and(|now| now != before)
        {
            return Err(Failure::Run(anyhow!(
                "the topic `{topic}` is not the one that was read before: it was deleted and made anew (its id was {before}); begin anew with another engine.state_dir and other outputs"
            )));
        }
        sources.push(Box::new(opened));
    }
    Ok(sources)
}

/// Finds partitions that are there now and were not before; they are read from their beginning.
pub(super) fn discover(settings: &Settings) -> Option<Discover> {
    let named: Vec<Named> =
        settings.source.iter().filter_map(|source| Named::of(source).ok().flatten()).collect();
    if named.is_empty() {
        return None;
    }
    let settings = settings.clone();
    Some(Box::new(move |is_wanted: &dyn Fn(&str) -> bool| {
        let mut found: Vec<Box<dyn Source>> = Vec::new();
        for named in &named {
            // A cluster that is not reached for now has no news; those who read it say what is wrong.
            let Ok(partitions) = named.partitions() else { continue };
            for (topic, partition) in &partitions {
                if !is_wanted(&KafkaSource::name_of(topic, *partition)) {
                    continue;
                }
                let options = options(&settings, Start::Beginning, partitions.len());
                match KafkaSource::open(&named.cluster, topic, *partition, &options) {
                    Ok(source) => found.push(Box::new(source)),
                    Err(
                        away @ (KafkaError::Unreachable { .. }
                        | KafkaError::MissingTopic { .. }
                        | KafkaError::MissingPartition { .. }),
                    ) => tracing::warn!("a partition that was found is looked for again: {away}"),
                    Err(other) => return Err(other.into()),
                }
            }
        }
        Ok(found)
    }))
}

/// The topics for what can't be read, each for the partitions of its source.
pub(super) fn dead_letters(settings: &Settings) -> Result<Vec<DeadLetters>, Failure> {
    let mut outputs = Vec::new();
    for source in &settings.source {
        let Some(named) = Named::of(source)? else { continue };
        let Some(topic) = &named.dead_letter_topic else { continue };
        let sink = KafkaDeadLetters::open("dead letters", &named.cluster, topic)?;
        let topics = named.topics.clone();
        let takes = move |partition: &str| {
            let topic = partition.strip_prefix("kafka/").and_then(|rest| rest.rsplit_once('/'));
            topic.is_some_and(|(topic, _)| topics.hold(topic))
        };
        outputs.push(DeadLetters { sink: Box::new(sink), takes: Box::new(takes) });
    }
    Ok(outputs)
}

/// All partitions of a topic as far as they reach now.
pub(super) fn history(
    address: &Address<'_>,
    settings: &Settings,
) -> Result<Vec<Box<dyn Source>>, Failure> {
    let brokers: Vec<String> = address.servers.iter().map(|&server| server.into()).collect();
    let configured = settings.source.iter().find_map(|source| match source {
        SourceSettings::Kafka { brokers: known, client, .. }
            if known.iter().any(|known| brokers.contains(known)) =>
        {
            Some(client.clone())
        }
        _ => None,
    });
    let cluster = cluster(&brokers, &configured.unwrap_or_default())?;
    let start = match address.from {
        From::Beginning => Start::Beginning,
        From::Position(offset) => Start::Offset(offset),
        From::Time(time) => Start::Time(time.0),
    };
    let found = partitions(&cluster, &Topics::Names(vec![address.name.into()]))?;
    let options = SourceOptions {
        is_finite: true,
        until: address.until,
        ..options(settings, start, found.len())
    };
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    for (topic, partition) in found {
        sources.push(Box::new(KafkaSource::open(&cluster, &topic, partition, &options)?));
    }
    Ok(sources)
}

/// What a `[[source]]` would read, without reading it.
pub(super) fn look_at_source(source: &SourceSettings) -> Result<String, Failure> {
    let Some(named) = Named::of(source)? else { return Ok(String::new()) };
    if let Some(topic) = &named.dead_letter_topic {
        partitions(&named.cluster, &Topics::Names(vec![topic.clone()]))?;
    }
    let found = named.partitions()?;
    let topics: BTreeSet<&str> = found.iter().map(|(topic, _)| topic.as_str()).collect();
    let topics = topics.into_iter().collect::<Vec<_>>().join(", ");
    Ok(format!("{} partition(s) of {topics}", found.len()))
}

/// Whether the topics of an output are there, without writing to them.
pub(super) fn look_at_sink(sink: &SinkSettings) -> Result<String, Failure> {
    let SinkSettings::Kafka { brokers, client, .. } = sink else {
        return Ok(String::new());
    };
    let names = topics_of(sink);
    partitions(&cluster(brokers, client)?, &Topics::Names(names.clone()))?;
    Ok(names.join(", "))
}

/// The topics of an output, its tick topic among them.
fn topics_of(sink: &SinkSettings) -> Vec<String> {
    let SinkSettings::Kafka { topic, topics, .. } = sink else { return Vec::new() };
    let of_records = std::iter::once(topic).chain(topics.values()).cloned();
    of_records.chain(tick_topic(sink)).collect()
}

/// What an output brings from now on, as a reader gets it.
pub(super) fn written(
    sink: &SinkSettings,
    settings: &Settings,
) -> Result<Vec<Box<dyn Source>>, Failure> {
    let SinkSettings::Kafka { brokers, client, .. } = sink else { return Ok(Vec::new()) };
    // Settings that are for writing are none for reading.
    let mut client = client.clone();
    client.retain(|key, _| !key.starts_with("transaction."));
    let cluster = cluster(brokers, &client)?;
    let found = partitions(&cluster, &Topics::Names(topics_of(sink)))?;
    let options = options(settings, Start::End, found.len());
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    for (topic, partition) in found {
        sources.push(Box::new(KafkaSource::open(&cluster, &topic, partition, &options)?));
    }
    Ok(sources)
}

/// The writing end of a source's topic.
pub(super) fn feed(source: &SourceSettings) -> Result<Box<dyn Feed>, Failure> {
    let SourceSettings::Kafka { brokers, topics, client, .. } = source else {
        return Err(usage(anyhow!("no source from Kafka")));
    };
    let [topic] = topics.as_slice() else {
        return Err(usage(anyhow!(
            "a load goes to one topic: give the first [[source]] topics = [\"…\"] with one name"
        )));
    };
    Ok(Box::new(KafkaFeed::open(&cluster(brokers, client)?, topic)?))
}

/// Where the ends of an output's ticks go.
pub(super) fn tick_topic(sink: &SinkSettings) -> Option<String> {
    let SinkSettings::Kafka { topic, tick_topic, .. } = sink else { return None };
    Some(tick_topic.clone().unwrap_or_else(|| format!("{topic}.ticks")))
}

/// Opens an output: whoever wrote it until now can't any more.
pub(super) fn sink(name: &str, sink: &SinkSettings) -> Result<OpenedSink, Failure> {
    let (
        SinkSettings::Kafka {
            brokers, topic, topics, transactional_id, tick_topic, client, ..
        },
        Some(ticks),
    ) = (sink, tick_topic(sink))
    else {
        return Err(usage(anyhow!("no output to Kafka")));
    };
    let cluster = cluster(brokers, client)?;
    let options = SinkOptions {
        topic: topic.clone(),
        topics: topics.clone(),
        tick_topic: tick_topic.clone(),
        transactional_id: transactional_id.clone(),
    };
    let opened = KafkaSink::open(name, &cluster, &options)?;
    Ok(OpenedSink {
        sink: Box::new(opened.sink),
        place: format!("the topic `{ticks}`"),
        last_tick_closed: opened.last_tick_closed,
        next: None,
        ticks: Box::new(move |wants_more| {
            visit_ticks_from_the_end(&cluster, &ticks, wants_more).map_err(Failure::from)
        }),
    })
}
