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
    let events_per_s = parameters.number("rate", stream::RATE);
    let [records_per_s, ratio] = ["records/s", "ratio"];
    writeln!(out, "{:>12}{:>30}{:>38}", "", "from the start", "sustained")?;
    write!(out, "{:>12}", "")?;
    for _ in 0..2 {
        write!(out, "{:>15}{:>15}{ratio:>8}", "bare", "engine")?;
    }
    writeln!(out, "   {records_per_s}")?;
    let mut rounds: Vec<[Rate; 2]> = Vec::new();
    for number in 1..=parameters.number("rounds", ROUNDS).max(1) {
        let (records, bare) = bare_round(&topic)?;
        let round = [bare, engine_round(&topic, records, end, events_per_s)?];
        write_row(&mut out, &number.to_string(), &round)?;
        rounds.push(round);
    }
    let middle = |figure: fn(&Rate) -> f64, contender: usize| {
        median(rounds.iter().map(|round| figure(&round[contender])))
    };
    let of = |contender| Rate {
        whole: middle(|rate| rate.whole, contender),
        sustained: middle(|rate| rate.sustained, contender),
    };
    write_row(&mut out, "median", &[of(0), of(1)])?;
    let ratios = |figure: fn(&Rate) -> f64| {
        median(rounds.iter().map(|[bare, engine]| figure(engine) / figure(bare)))
    };
    let (whole, sustained) = (ratios(|rate| rate.whole), ratios(|rate| rate.sustained));
    writeln!(
        out,
        "median of the rounds' ratios: {whole:.2} from the start, {sustained:.2} sustained"
    )?;
    Ok(())
}

/// Records a second.
struct Rate {
    /// From before it connects.
    whole: f64,
    /// Of the bare consumer from its first record; of the engine from the end of its first tick, which
    /// holds the whole grid.
    sustained: f64,
}

fn write_row(out: &mut impl io::Write, name: &str, [bare, engine]: &[Rate; 2]) -> io::Result<()> {
    write!(out, "{name:>12}")?;
    for figure in [|rate: &Rate| rate.whole, |rate: &Rate| rate.sustained] {
        let (bare, engine) = (figure(bare), figure(engine));
        write!(out, "{bare:>15.0}{engine:>15.0}{:>8.2}", engine / bare)?;
    }
    writeln!(out)
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
    // Of a topic that was just made the brokers may not know yet.
    let ask = |_| consumer.fetch_watermarks(topic, 0, Duration::from_secs(2)).ok();
    let (low, high) = (0..10).find_map(ask).context("the topic's end is not known")?;
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Offset((high - records).max(low)))?;
    consumer.assign(&partitions)?;
    Ok(consumer)
}

/// How many records there are, and how fast a bare consumer reads them.
fn bare_round(topic: &str) -> anyhow::Result<(f64, Rate)> {
    let program = std::env::current_exe()?;
    let output = Command::new(program).arg(format!("bare={topic}")).output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the bare consumer failed: {complaint}");
    let text = String::from_utf8(output.stdout)?;
    let numbers = text.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    let [records, _bytes, whole, sustained] = numbers[..] else {
        anyhow::bail!("the bare consumer said: {text}")
    };
    Ok((records, Rate { whole: records / whole, sustained: records / sustained }))
}

/// A larger budget than the default, as one who wants throughput sets it: what is in flight evens out
/// heavy ticks.
const ENGINE: &str =
    "idle_timeout = \"off\"\nin_flight_records = 1000000\nin_flight_bytes = \"512MiB\"";

/// From the engine's start until its last tick can be read.
fn engine_round(topic: &str, records: f64, end: Time, events_per_s: usize) -> anyhow::Result<Rate> {
    let begun = Instant::now();
    let mut pipeline = Pipeline::start(topic, ENGINE)?;
    let ticks = tail_of(&pipeline.tick_topic, 0)?;
    let mut first = None;
    loop {
        let Some(message) = ticks.poll(Duration::from_millis(200)) else {
            ensure!(pipeline.is_running(), "the engine ended early");
            continue;
        };
        let message = message?;
        let Body::TickClosed(closed) = read(message.payload().unwrap_or_default())?.body else {
            continue;
        };
        let (first_end, first_at) = *first.get_or_insert((closed.tick, Instant::now()));
        if closed.tick >= end {
            let behind_first = (end.0 - first_end.0) as f64 / 1_000.0 * events_per_s as f64;
            let whole = records / begun.elapsed().as_secs_f64();
            let sustained = behind_first / first_at.elapsed().as_secs_f64();
            return Ok(Rate { whole, sustained });
        }
    }
}
