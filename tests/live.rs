//! From real systems to real systems: what `run` writes is what the files' replay writes, whatever
//! happens to it on the way.
//!
//! | test | what happens |
//! | --- | --- |
//! | `a_day_goes_from…` | nothing: the whole day through each pair of systems |
//! | `killed_at_random…` | `SIGKILL` after a random time, again and again, while the stream runs |
//! | `dead_at_each_step…` | it dies at every named step around commits and checkpoints |
//! | `a_frozen_engine…` | another one with its transactional id takes over meanwhile |
//! | `a_kafka…`, `a_nats_server…` | the server is killed, and later frozen |
//! | `a_nats_stream…` | what was read is purged, or deleted and made anew |
//! | `silent_and_future…` | partitions fall silent, records are of the future, and it is killed |
//! | `a_new_partition…` | a topic grows while it runs |
//!
//! Kafka is the one that `scripts/services start kafka` starts; each test has a NATS server of its
//! own. `GRIDWEAVER_KILLS=n` asks for so many kills of each pair, and for every step five times.

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "../connectors/tests/common/kafka.rs"]
mod kafka;
#[path = "../connectors/tests/common/nats.rs"]
mod nats;
#[path = "common/program.rs"]
mod program;
#[path = "common/random.rs"]
mod random;
#[path = "common/record.rs"]
mod record;

use kafka::{BROKERS, fresh_topic, produce, seen_values};
use nats::{Admin, NatsServer};
use program::{Folder, Running, wait_until};
use random::Random;
use record::line;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

const DAY: &[u8] = include_bytes!("../data/rts-gmlc-day.jsonl.zst");
const RUN: [&str; 2] = ["run", "run.toml"];
/// Kills of a pair in the short form.
const KILLS: usize = 6;
const STEPS: [&str; 5] =
    ["before_commit", "between_outputs", "after_commit", "in_checkpoint", "before_rename"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum System {
    File,
    Kafka,
    Nats,
}
use System::{File, Kafka, Nats};

/// A stream of records and what is decided of it.
struct Stream {
    lines: Vec<String>,
    /// By output.
    expected: Vec<Vec<String>>,
}

impl Stream {
    /// The first records of the bundled day, and a watermark that closes their last tick.
    fn of_day(records: usize, outputs: usize) -> Self {
        let text = String::from_utf8(zstd::decode_all(DAY).unwrap()).unwrap();
        let mut lines: Vec<String> = text.lines().take(records).map(str::to_owned).collect();
        let expected: Vec<Vec<String>> =
            (0..outputs).map(|index| decided(&lines, outputs).swap_remove(index)).collect();
        let last = expected[0].last().unwrap();
        let end = last.split(r#""time":""#).nth(1).unwrap().split('"').next().unwrap();
        let end_ms = gridweaver::model::Time::parse(end).unwrap().0;
        lines.push(line("test", "end", "source.watermark", end_ms, r#""data":{}"#));
        Self { lines, expected }
    }
}

/// What a run over files writes.
fn decided(lines: &[String], outputs: usize) -> Vec<Vec<String>> {
    let folder = Folder::new();
    folder.write("in.jsonl", lines.join("\n") + "\n");
    let source = "\n[[source]]\nkind = \"file\"\npaths = [\"in.jsonl\"]\n";
    let sinks: String = (0..outputs)
        .map(|index| format!("[[sink]]\nkind = \"file\"\npath = \"out-{index}.jsonl\"\n"))
        .collect();
    folder.write("run.toml", format!("{ENGINE}{source}{sinks}"));
    folder.run(&RUN).well();
    (0..outputs).map(|index| lines_of(&folder.read(&format!("out-{index}.jsonl")))).collect()
}

/// Small budgets and many checkpoints, so that there is much to be in the middle of.
const ENGINE: &str = "[engine]\nstale_after = \"15m\"\nidle_timeout = \"off\"\n\
                      in_flight_records = 1000\ncheckpoint_every = \"100ms\"\n";

fn lines_of(text: &[u8]) -> Vec<String> {
    String::from_utf8(text.to_vec()).unwrap().lines().map(str::to_owned).collect()
}

fn is_tick_closed(line: &str) -> bool {
    line.contains(r#""type":"dispatch.tick_closed""#)
}

/// A configuration from one system to others, and what is there before it runs.
struct Live {
    folder: Folder,
    from: System,
    to: Vec<System>,
    input: String,
    output: String,
    brokers: String,
    nats: Option<(NatsServer, Admin)>,
}

impl Live {
    fn new(from: System, to: &[System], lines: &[String]) -> Self {
        Self::at(BROKERS, from, to, lines)
    }

    /// With another Kafka than the one that `scripts/services` starts.
    fn at(brokers: &str, from: System, to: &[System], lines: &[String]) -> Self {
        let folder = Folder::new();
        let nats = (from == Nats || to.contains(&Nats)).then(|| {
            let server = NatsServer::start();
            let admin = server.admin();
            (server, admin)
        });
        let topic = |name: &str, is_used: bool| match is_used {
            true if brokers == BROKERS => fresh_topic(name, 1),
            true => {
                kafka::create_topic(brokers, name, 1, &[]);
                name.to_owned()
            }
            false => String::new(),
        };
        let input = topic("grid", from == Kafka);
        let output = topic("orders", to.contains(&Kafka));
        if to.contains(&Kafka) {
            kafka::create_topic(brokers, &format!("{output}.ticks"), 1, &[("retention.ms", "-1")]);
        }
        let brokers = brokers.to_owned();
        let live = Self { folder, from, to: to.to_vec(), input, output, brokers, nats };
        live.bring(lines);
        live.folder.write("run.toml", live.configuration(ENGINE));
        live
    }

    fn configuration(&self, engine: &str) -> String {
        let url = self.nats.as_ref().map(|(server, _)| server.url()).unwrap_or_default();
        let (input, output, brokers) = (&self.input, &self.output, &self.brokers);
        let source = match self.from {
            File => "kind = \"file\"\npaths = [\"in.jsonl\"]\nfollow = true\n".to_owned(),
            Kafka => {
                format!("kind = \"kafka\"\nbrokers = [\"{brokers}\"]\ntopics = [\"{input}\"]\n")
            }
            Nats => format!("kind = \"nats\"\nservers = [\"{url}\"]\nstream = \"GRID\"\n"),
        };
        let sinks = self.to.iter().map(|to| match to {
            File => "[[sink]]\nkind = \"file\"\npath = \"orders.jsonl\"\n".to_owned(),
            Kafka => format!(
                "[[sink]]\nkind = \"kafka\"\nbrokers = [\"{brokers}\"]\ntopic = \"{output}\"\n\
                 transactional_id = \"{output}\"\n\
                 [sink.client]\n\"transaction.timeout.ms\" = 10000\n"
            ),
            Nats => format!(
                "[[sink]]\nkind = \"nats\"\nservers = [\"{url}\"]\nstream = \"ORDERS\"\n\
                 subject_prefix = \"orders\"\n"
            ),
        });
        format!(
            "{engine}\n[dead_letters]\npath = \"dead-letters.jsonl\"\n[[source]]\n{source}{}",
            sinks.collect::<String>()
        )
    }

    /// Puts records where they are read from.
    fn bring(&self, lines: &[String]) {
        match self.from {
            File => self.folder.write("in.jsonl", lines.join("\n") + "\n"),
            Kafka => produce(&self.brokers, &self.input, lines),
            Nats => {
                let (_, admin) = self.nats.as_ref().unwrap();
                if admin.wait(admin.context.get_stream("GRID")).is_err() {
                    admin.create("GRID");
                }
                admin.publish_all("grid.any", lines.iter().cloned());
            }
        }
    }

    /// What each output holds; of Kafka the records, then the ends of ticks.
    fn outputs(&self) -> Vec<Vec<String>> {
        let held = self.to.iter().map(|to| match to {
            File if !self.folder.holds("orders.jsonl") => Vec::new(),
            File => lines_of(&self.folder.read("orders.jsonl")),
            Kafka => {
                let mut lines = seen_values(&self.brokers, &self.output);
                lines.extend(seen_values(&self.brokers, &format!("{}.ticks", self.output)));
                lines
            }
            Nats => {
                let (_, admin) = self.nats.as_ref().unwrap();
                let is_there = admin.wait(admin.context.get_stream("ORDERS")).is_ok();
                let holds_any = is_there && admin.last_sequence("ORDERS") > 0;
                let content = if holds_any { admin.content("ORDERS") } else { Vec::new() };
                content.into_iter().map(|(_, payload)| payload).collect()
            }
        });
        held.collect()
    }

    /// The same, of what a run over files wrote.
    fn expected(&self, stream: &Stream) -> Vec<Vec<String>> {
        let each = self.to.iter().zip(&stream.expected).map(|(to, lines)| {
            let mut lines = lines.clone();
            if *to == Kafka {
                let (mut records, ticks): (Vec<String>, Vec<String>) =
                    lines.into_iter().partition(|line| !is_tick_closed(line));
                records.extend(ticks);
                lines = records;
            }
            lines
        });
        each.collect()
    }

    /// How many records the outputs hold: cheaper than what they are.
    fn is_whole(&self, stream: &Stream) -> bool {
        let wanted: Vec<usize> = stream.expected.iter().map(Vec::len).collect();
        self.outputs().iter().map(Vec::len).eq(wanted)
    }

    /// Lets it come to the end of the stream, and ends it.
    fn run_to_end(&self, stream: &Stream) {
        let running = self.folder.spawn(&RUN);
        self.wait_and_end(running, stream);
    }

    fn wait_and_end(&self, mut running: Running, stream: &Stream) {
        let begun = Instant::now();
        // Where all was written before it began, it must at least have come to where it reads.
        while begun.elapsed() < Duration::from_secs(2) || !self.is_whole(stream) {
            if running.0.try_wait().unwrap().is_some() {
                panic!("it ended: {:?}", running.finish());
            }
            if begun.elapsed() > Duration::from_secs(180) {
                let held: Vec<usize> = self.outputs().iter().map(Vec::len).collect();
                panic!("the end of the stream never came: {held:?} records");
            }
            thread::sleep(Duration::from_millis(200));
        }
        running.signal("TERM");
        let ran = running.finish();
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    }

    fn assert_same(&self, what: &str, stream: &Stream) {
        for (index, (held, expected)) in
            self.outputs().iter().zip(&self.expected(stream)).enumerate()
        {
            let place = format!("{what}, {:?} to {:?}", self.from, self.to[index]);
            for (number, (held, expected)) in (1..).zip(held.iter().zip(expected)) {
                assert_eq!(held, expected, "{place}: record {number}");
            }
            assert_eq!(held.len(), expected.len(), "{place}");
        }
    }
}

fn kills() -> usize {
    let asked = std::env::var("GRIDWEAVER_KILLS").ok().and_then(|kills| kills.parse().ok());
    asked.unwrap_or(KILLS)
}

fn a_day_goes(from: System, to: &[System]) {
    let stream = Stream::of_day(usize::MAX, to.len());
    let live = Live::new(from, to, &stream.lines);
    live.run_to_end(&stream);
    live.assert_same("the day", &stream);
}

#[test]
fn a_day_goes_from_files_to_kafka_and_nats() {
    a_day_goes(File, &[Kafka, Nats]);
}

#[test]
fn a_day_goes_from_kafka_to_files_and_kafka() {
    a_day_goes(Kafka, &[File, Kafka]);
}

#[test]
fn a_day_goes_from_kafka_to_nats() {
    a_day_goes(Kafka, &[Nats]);
}

#[test]
fn a_day_goes_from_nats_to_files_and_kafka() {
    a_day_goes(Nats, &[File, Kafka]);
}

#[test]
fn a_day_goes_from_nats_to_nats() {
    a_day_goes(Nats, &[Nats]);
}

fn killed_at_random(from: System, to: &[System], seed: u64) {
    let stream = Stream::of_day(6_000, to.len());
    let mut random = Random::new(seed);
    let (mut killed, mut streams) = (0, 0);
    while killed < kills() {
        let live = Live::new(from, to, &stream.lines);
        streams += 1;
        let mut in_a_row = 0;
        while killed < kills() && !(in_a_row % 3 == 2 && live.is_whole(&stream)) {
            // Now and then again before it has done anything.
            let longest_ms = if random.chance(20) { 100 } else { 800 + 400 * in_a_row };
            let after = u64::try_from(random.between(1, longest_ms)).unwrap();
            let mut running = live.folder.spawn(&RUN);
            thread::sleep(Duration::from_millis(after));
            if let Some(status) = running.0.try_wait().unwrap() {
                panic!("it ended ({status}): {:?}", running.finish());
            }
            running.signal("KILL");
            running.finish();
            (killed, in_a_row) = (killed + 1, in_a_row + 1);
        }
        live.run_to_end(&stream);
        live.assert_same(&format!("after {killed} kills"), &stream);
    }
    println!("{from:?} to {to:?}: {killed} kills over {streams} streams");
}

#[test]
fn killed_at_random_between_kafka_and_kafka_it_goes_on() {
    killed_at_random(Kafka, &[Kafka], 1);
}

#[test]
fn killed_at_random_between_nats_and_nats_it_goes_on() {
    killed_at_random(Nats, &[Nats], 2);
}

#[test]
fn killed_at_random_between_kafka_and_both_it_goes_on() {
    killed_at_random(Kafka, &[Kafka, Nats], 3);
}

fn dead_at_each_step(from: System, to: &[System]) {
    let stream = Stream::of_day(3_000, to.len());
    for step in STEPS.iter().filter(|step| to.len() > 1 || **step != "between_outputs") {
        let live = Live::new(from, to, &stream.lines);
        let often = live.configuration(&ENGINE.replace("\"100ms\"", "\"1ms\""));
        live.folder.write("run.toml", often);
        let counts = &[1, 2, 1, 2, 1][..if kills() > KILLS { 5 } else { 2 }];
        for count in counts {
            let asked = format!("{step}:{count}");
            let mut command = live.folder.command(&RUN);
            command.env("GRIDWEAVER_DIES_AT", &asked).stderr(Stdio::null());
            let mut running = Running(command.spawn().unwrap());
            wait_until(&asked, || running.0.try_wait().unwrap().is_some());
            assert!(running.finish().code.is_none(), "{asked}: it ended otherwise");
        }
        live.run_to_end(&stream);
        live.assert_same(step, &stream);
        println!("{from:?} to {to:?}, {step}: {} times", counts.len());
    }
}

#[test]
fn dead_at_each_step_between_kafka_and_both_it_goes_on() {
    dead_at_each_step(Kafka, &[Kafka, Nats]);
}

#[test]
fn dead_at_each_step_between_nats_and_nats_it_goes_on() {
    dead_at_each_step(Nats, &[Nats]);
}

#[test]
fn a_frozen_engine_that_another_took_over_from_writes_nothing_more_and_says_so() {
    let stream = Stream::of_day(6_000, 1);
    let (before, after) = stream.lines.split_at(3_000);
    let live = Live::new(Kafka, &[Kafka], before);
    let first = live.folder.spawn(&RUN);
    wait_until("a tick", || !live.outputs()[0].is_empty());
    first.signal("STOP");
    live.bring(after);
    let folder = Folder::new();
    folder.write("run.toml", live.folder.read("run.toml"));
    let second = folder.spawn(&RUN);
    live.wait_and_end(second, &stream);
    first.signal("CONT");
    let ended = first.finish();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("taken over"), "{}", ended.stderr);
    live.assert_same("after it was taken over", &stream);
}

#[test]
fn a_kafka_that_is_killed_and_frozen_meanwhile_is_waited_for() {
    let stream = Stream::of_day(4_000, 1);
    let mut broker = kafka::KafkaBroker::start();
    let (before, after) = stream.lines.split_at(1_500);
    let live = Live::at(&broker.address(), Kafka, &[Kafka], before);
    let running = live.folder.spawn(&RUN);
    wait_until("a tick", || !live.outputs()[0].is_empty());
    let (then, last) = after.split_at(1_000);
    live.bring(then);
    broker.kill();
    thread::sleep(Duration::from_secs(2));
    broker.restart();
    broker.freeze();
    thread::sleep(Duration::from_secs(5));
    broker.thaw();
    live.bring(last);
    live.wait_and_end(running, &stream);
    broker.assert_sound();
    live.assert_same("after the broker was killed and frozen", &stream);
}

#[test]
fn a_nats_server_that_is_killed_and_frozen_meanwhile_is_waited_for() {
    let stream = Stream::of_day(4_000, 1);
    let (before, after) = stream.lines.split_at(1_500);
    let mut live = Live::new(Nats, &[Nats], before);
    let running = live.folder.spawn(&RUN);
    wait_until("a tick", || !live.outputs()[0].is_empty());
    let (then, last) = after.split_at(1_000);
    live.bring(then);
    let (server, _) = live.nats.as_mut().unwrap();
    server.kill();
    thread::sleep(Duration::from_secs(2));
    server.start_again();
    server.signal("-STOP");
    thread::sleep(Duration::from_secs(5));
    server.signal("-CONT");
    let admin = server.admin();
    live.nats.as_mut().unwrap().1 = admin;
    live.bring(last);
    live.wait_and_end(running, &stream);
    live.assert_same("after the server was killed and frozen", &stream);
}

#[test]
fn a_nats_stream_that_is_purged_or_made_anew_ends_the_run_clearly() {
    let stream = Stream::of_day(3_000, 1);
    for is_remade in [false, true] {
        let live = Live::new(Nats, &[File], &stream.lines[..2_000]);
        let running = live.folder.spawn(&RUN);
        wait_until("a tick", || !live.outputs()[0].is_empty());
        // It leaves a checkpoint.
        running.signal("TERM");
        running.finish().well();
        live.bring(&stream.lines[2_000..]);
        let (_, admin) = live.nats.as_ref().unwrap();
        if is_remade {
            admin.delete("GRID");
            live.bring(&stream.lines);
        } else {
            admin.purge("GRID");
        }
        let held = live.outputs();
        live.folder.run(&RUN).complains(1, &["GRID"]);
        assert!(held == live.outputs(), "nothing was written");
    }
}

#[test]
fn a_new_partition_is_read_and_comes_behind_what_was_closed() {
    let then_ms = 1_772_323_200_000;
    let load = |node: &str, id: &str, second: i64| {
        let data = format!(r#""data":{{"node":"{node}","generation_mw":10,"load_mw":12}}"#);
        line("scada", id, "grid.telemetry", then_ms + 1_000 * second, &data)
    };
    let node = line("gis", "n", "grid.node", then_ms, r#""data":{"node":"n","region":"west"}"#);
    let live = Live::new(Kafka, &[File], &[node, load("n", "0", 0), load("n", "20", 20)]);
    let running = live.folder.spawn(&RUN);
    let has = |what: &str| live.outputs()[0].iter().any(|line| line.contains(what));
    wait_until("the first tick", || has("dispatch.plan_created"));
    kafka::add_partitions(BROKERS, &live.input, 2);
    let record = load("n", "late", 1);
    let promised =
        |id: &str| line("scada", id, "source.watermark", then_ms + 100_000, r#""data":{}"#);
    bring_to(&live.input, 1, &[record, promised("w1")]);
    // Nothing waits for it until it is found.
    bring_to(&live.input, 0, &[load("n", "30", 30)]);
    wait_until("a tick without it", || has("00:00:24.000Z"));
    thread::sleep(Duration::from_secs(6));
    bring_to(&live.input, 0, &[load("n", "60", 60), promised("w0")]);
    let name = format!(r#""partition":"kafka/{}/1","position":0"#, live.input);
    wait_until("that it was not waited for", || has(&name));
    wait_until("the last tick", || has("00:01:04.000Z"));
    running.signal("TERM");
    running.finish().well();
    assert_repeatable(&live);
}

fn bring_to(topic: &str, partition: i32, lines: &[String]) {
    let records: Vec<kafka::Produced<'_>> = lines
        .iter()
        .map(|line| kafka::Produced { partition, value: Some(line.as_bytes()), timestamp: None })
        .collect();
    kafka::produce_records(BROKERS, topic, &records);
}

/// What was written to a file is what the topic's replay writes that repeats the clock's choices.
fn assert_repeatable(live: &Live) {
    let input = format!("kafka://{BROKERS}/{}", live.input);
    let arguments = ["--config", "run.toml", "--ticks", "orders.jsonl", "--output", "again.jsonl"];
    let replay = ["replay", "--input", &input].into_iter().chain(arguments);
    live.folder.run(&replay.collect::<Vec<_>>()).well();
    let (held, again) =
        (lines_of(&live.folder.read("orders.jsonl")), lines_of(&live.folder.read("again.jsonl")));
    for (number, (held, again)) in (1..).zip(held.iter().zip(&again)) {
        assert_eq!(held, again, "record {number}");
    }
    assert!(held.len() <= again.len());
}

#[test]
fn silent_partitions_and_records_of_the_future_are_repeated_through_kills() {
    let mut random = Random::new(4);
    let live = Live::new(Kafka, &[File], &[]);
    kafka::add_partitions(BROKERS, &live.input, 3);
    let engine = ENGINE.replace("\"off\"", "\"200ms\"") + "max_ahead = \"1m\"\ntick = \"1s\"\n";
    live.folder.write("run.toml", live.configuration(&engine));
    let start_ms = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let start_ms = i64::try_from(start_ms).unwrap() / 1_000 * 1_000;
    let mut count = 0;
    let mut load = |time_ms: i64| {
        count += 1;
        let data =
            format!(r#""data":{{"node":"n","generation_mw":10,"load_mw":{}}}"#, 12 + count % 9);
        line("scada", &count.to_string(), "grid.telemetry", time_ms, &data)
    };
    let node = line("gis", "n", "grid.node", start_ms, r#""data":{"node":"n","region":"west"}"#);
    bring_to(&live.input, 0, &[node]);
    for _ in 0..kills() {
        let mut running = live.folder.spawn(&RUN);
        let begun = Instant::now();
        let runs_ms = random.between(300, 2_500);
        while begun.elapsed() < Duration::from_millis(u64::try_from(runs_ms).unwrap()) {
            let now_ms =
                i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
            let ahead_ms = if random.chance(10) { 100_000 } else { 0 };
            let partition = i32::try_from(random.below(3)).unwrap();
            if random.chance(70) {
                bring_to(&live.input, partition, &[load(now_ms + ahead_ms)]);
            }
            thread::sleep(Duration::from_millis(40));
        }
        assert!(running.0.try_wait().unwrap().is_none(), "it ended: {:?}", running.finish());
        running.signal("KILL");
        running.finish();
    }
    let running = live.folder.spawn(&RUN);
    let kept = live.outputs()[0].len();
    let now_ms = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    bring_to(&live.input, 0, &[load(now_ms)]);
    wait_until("more ticks", || live.outputs()[0].len() > kept + 2);
    running.signal("TERM");
    running.finish().well();
    let told = live.outputs()[0].join("\n");
    assert!(told.contains(r#""passed_over":[{"#) && told.contains(r#""refused":[{"#), "{told}");
    assert_repeatable(&live);
}
