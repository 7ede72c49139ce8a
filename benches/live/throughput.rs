//! Kafka to Kafka beside a consumer that only reads.

use crate::kafka::{BROKERS, produce, unique};
use crate::parameters::Parameters;
use crate::pipeline::Pipeline;
use crate::rounds::{load_average, median};
use crate::{kafka, stream};
use anyhow::{Context as _, ensure};
use gridweaver::model::decision::reading::{Body, read};
use gridweaver::model::{Rules, Time};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::Command;
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
/// Records that are produced together.
const CHUNK: usize = 50_000;

pub(crate) fn run(parameters: &Parameters) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let topic = kafka::fresh_topic("throughput", 1);
    let about = fill(&topic, parameters)?;
    writeln!(out, "{about}; load average {}", load_average())?;
    let rules = Rules::default();
    let end = rules.end_of(rules.tick_of(last_time(&topic)?));
    let mark = format!(
        r#"{{"specversion":"1.0","id":"end","source":"bench","type":"source.watermark","time":"{end}","sequence":1,"data":{{}}}}"#
    );
    produce(BROKERS, &topic, &[mark]);
    writeln!(out, "{:>18}{:>18}{:>8}", "bare, records/s", "engine, records/s", "ratio")?;
    let (mut bare, mut engine) = (Vec::new(), Vec::new());
    for _ in 0..parameters.number("rounds", ROUNDS).max(1) {
        let (records, alone) = bare_round(&topic)?;
        bare.push(records / alone);
        engine.push(records / engine_round(&topic, end)?);
        if let (Some(bare), Some(engine)) = (bare.last(), engine.last()) {
            writeln!(out, "{bare:>18.0}{engine:>18.0}{:>8.2}", engine / bare)?;
        }
    }
    let ratio = median(bare.iter().zip(&engine).map(|(bare, engine)| engine / bare));
    let (bare, engine) = (median(bare.into_iter()), median(engine.into_iter()));
    writeln!(out, "{bare:>18.0}{engine:>18.0}{ratio:>8.2}  median")?;
    Ok(())
}

/// Fills a topic with a made stream.
fn fill(topic: &str, parameters: &Parameters) -> anyhow::Result<String> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("stream.jsonl");
    let about = stream::write(&path, parameters)?;
    let mut lines = BufReader::new(fs::File::open(path)?).lines();
    loop {
        let chunk = lines.by_ref().take(CHUNK).collect::<Result<Vec<String>, _>>()?;
        if chunk.is_empty() {
            return Ok(about);
        }
        produce(BROKERS, topic, &chunk);
    }
}

/// The greatest event time among the last records.
fn last_time(topic: &str) -> anyhow::Result<Time> {
    let tail = tail_of(topic, CHUNK as i64)?;
    let mut latest = None;
    loop {
        let Some(message) = tail.poll(Duration::from_secs(2)) else { break };
        let message = message?;
        let text = std::str::from_utf8(message.payload().unwrap_or_default())?;
        let time = text.split_once(r#""time":""#).and_then(|(_, rest)| rest.split_once('"'));
        latest = latest.max(time.and_then(|(time, _)| Time::parse(time)));
    }
    latest.context("no record has a time")
}

/// Reads the last records of a topic, and what comes.
fn tail_of(topic: &str, records: i64) -> anyhow::Result<BaseConsumer> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", BROKERS)
        .set("group.id", unique("tail"))
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .create()?;
    let (low, high) = consumer.fetch_watermarks(topic, 0, Duration::from_secs(20))?;
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Offset((high - records).max(low)))?;
    consumer.assign(&partitions)?;
    Ok(consumer)
}

/// How many records a bare consumer read, and in how many seconds.
fn bare_round(topic: &str) -> anyhow::Result<(f64, f64)> {
    let program = std::env::current_exe()?;
    let output = Command::new(program).arg(format!("bare={topic}")).output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the bare consumer failed: {complaint}");
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let (records, _bytes, seconds) = (numbers.next(), numbers.next(), numbers.next());
    Ok((records.context("no count")??, seconds.context("no time")??))
}

/// The seconds from the engine's start until its last tick can be read.
fn engine_round(topic: &str, end: Time) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut pipeline = Pipeline::start(topic, "idle_timeout = \"off\"")?;
    let ticks = tail_of(&pipeline.tick_topic, 0)?;
    loop {
        let Some(message) = ticks.poll(Duration::from_millis(200)) else {
            ensure!(pipeline.is_running(), "the engine ended early");
            continue;
        };
        let message = message?;
        if let Body::TickClosed(closed) = read(message.payload().unwrap_or_default())?.body
            && closed.tick >= end
        {
            return Ok(begun.elapsed().as_secs_f64());
        }
    }
}
