//! From real systems to real systems: what `run` writes is what the files' replay writes, however
//! often it is killed on the way.
//!
//! | test | what happens |
//! | --- | --- |
//! | `a_day_goes_from…` | nothing: the whole day through each pair of systems |
//! | `killed_at_random…` | `SIGKILL` after a random time, again and again, while the stream runs |
//! | `dead_at_each_step…` | it dies at every named step around commits and checkpoints, and then at once again |
//! | `killed_before…` | `SIGKILL` before there is a checkpoint, of a run that began at the end |
//! | `a_source_that_was_added…` | the same, of a source that was added since |
//! | `settings_of_dispatch…` | it is started again with other settings |
//! | `silent_and_future…` | partitions fall silent, records are of the future, and it is killed |
//! | `a_bench_measures…` | a load goes through it, and its latency is measured |
//! | `a_new_partition…`, `a_partition…` | a topic grows while it runs, or while nothing does |
//!
//! `GRIDWEAVER_KILLS=n` asks for so many kills of each pair, and for every step five times.

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "common/live.rs"]
mod live;
#[path = "common/random.rs"]
mod random;

use live::System::{self, File, Kafka, Nats};
use live::kafka::{self, BROKERS};
use live::program::wait_until;
use live::record::line;
use live::{ENGINE, Live, RUN, Stream, bring_to, decided, is_tick_closed, loads, now_ms};
use random::Random;
use std::thread;
use std::time::{Duration, Instant};

/// Kills of a pair in the short form.
const KILLS: usize = 6;
const STEPS: [&str; 5] =
    ["before_commit", "between_outputs", "after_commit", "in_checkpoint", "before_rename"];

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

/// The load goes the way of all records, and what comes of it is read as any reader reads it.
fn is_measured(through: System) {
    let live = Live::new(through, &[through], &[]);
    let engine = "[engine]\ntick = \"100ms\"\nlateness = \"0s\"\n";
    live.folder.write("run.toml", live.configuration(engine));
    let running = live.folder.spawn(&RUN);
    // A run makes its stream itself.
    let look = || live.folder.run(&["check", "run.toml"]);
    wait_until("the output", || !String::from_utf8_lossy(&look().well()).contains("created"));
    let told = live.folder.run(&["bench", "run.toml", "--warmup", "1s", "--duration", "2s"]).well();
    let told = String::from_utf8(told).unwrap();
    let counted = told.lines().find_map(|line| line.strip_prefix("all records")).unwrap();
    let count = counted.split_whitespace().next().unwrap().parse::<u64>().unwrap();
    assert!(count >= 100, "{told}");
    running.signal("TERM");
    running.finish().well();
}

#[test]
fn a_bench_measures_through_kafka() {
    is_measured(Kafka);
}

#[test]
fn a_bench_measures_through_nats() {
    is_measured(Nats);
}

fn killed_at_random(from: System, to: &[System], seed: u64) {
    // As far as the first orders.
    let stream = Stream::of_day(15_000, to.len());
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
    // Each death finds something left to do.
    let records = if kills() > KILLS { 15_000 } else { 6_000 };
    let stream = Stream::of_day(records, to.len());
    for step in STEPS.iter().filter(|step| to.len() > 1 || **step != "between_outputs") {
        let live = Live::new(from, to, &stream.lines);
        let often = live.configuration(&ENGINE.replace("\"100ms\"", "\"1ms\""));
        live.folder.write("run.toml", often);
        let counts = &[1, 2, 1, 2, 1][..if kills() > KILLS { 5 } else { 2 }];
        for count in counts {
            live.dies_at(&format!("{step}:{count}"));
            // And at once again, before it has written anything more.
            live.dies_at("before_commit:1");
        }
        live.run_to_end(&stream);
        live.assert_same(step, &stream);
        println!("{from:?} to {to:?}, {step}: {} times", counts.len());
    }
}

#[test]
fn dead_at_each_step_between_kafka_and_kafka_it_goes_on() {
    dead_at_each_step(Kafka, &[Kafka]);
}

#[test]
fn dead_at_each_step_between_kafka_and_both_it_goes_on() {
    dead_at_each_step(Kafka, &[Kafka, Nats]);
}

#[test]
fn dead_at_each_step_between_nats_and_nats_it_goes_on() {
    dead_at_each_step(Nats, &[Nats]);
}

/// What is there before a run begins at the end is never read, and nothing else is left out.
fn killed_before_its_first_checkpoint(from: System) {
    let stream = Stream::of_day(3_000, 1);
    let live = Live::new(from, &[File], &stream.lines[..200]);
    let kind = if from == Kafka { "topics = " } else { "stream = \"GRID\"" };
    let at_the_end = format!("start = \"end\"\n{kind}");
    let seldom = ENGINE.replace("\"100ms\"", "\"1h\"");
    live.folder.write("run.toml", live.configuration(&seldom).replacen(kind, &at_the_end, 1));
    let mut running = live.folder.spawn(&RUN);
    wait_until("where it begins", || live.folder.holds("gridweaver-state/beginnings.json"));
    for lines in [&stream.lines[200..1_500], &stream.lines[1_500..2_500]] {
        let held = live.outputs()[0].len();
        live.bring(lines);
        wait_until("more ticks", || live.outputs()[0].len() > held + 10);
        running.signal("KILL");
        running.finish();
        running = live.folder.spawn(&RUN);
    }
    live.bring(&stream.lines[2_500..]);
    let expected = decided(&stream.lines[200..], 1).swap_remove(0);
    wait_until("the end", || live.outputs()[0].len() >= expected.len());
    running.signal("TERM");
    running.finish().well();
    assert!(live.outputs()[0] == expected);
}

#[test]
fn killed_before_its_first_checkpoint_a_run_from_the_end_of_a_topic_goes_on_from_there() {
    killed_before_its_first_checkpoint(Kafka);
}

#[test]
fn killed_before_its_first_checkpoint_a_run_from_the_end_of_a_stream_goes_on_from_there() {
    killed_before_its_first_checkpoint(Nats);
}

/// What lay in its topic before it was added is never read, and nothing else is left out.
#[test]
fn a_source_that_was_added_begins_again_where_it_began() {
    let at = |second: i64| 1_772_323_200_000 + 1_000 * second;
    let node = |region: &str| {
        let data = format!(r#""data":{{"node":"in {region}","region":"{region}"}}"#);
        line("gis", region, "grid.node", at(0), &data)
    };
    let lacks = |region: &str, id: &str, second: i64, mw: i64| {
        let data = format!(r#""data":{{"region":"{region}","shortfall_mw":{mw}}}"#);
        line("operator", id, "grid.shortfall", at(second), &data)
    };
    let live = Live::new(Kafka, &[File], &[node("west"), lacks("west", "w1", 20, 1)]);
    let has = |what: &str| live.outputs()[0].iter().any(|line| line.contains(what));
    let running = live.folder.spawn(&RUN);
    wait_until("a tick", || has("dispatch.tick_closed"));
    running.signal("TERM");
    running.finish().well();

    let added = kafka::fresh_topic("added", 1);
    bring_to(&added, 0, &[node("east"), lacks("east", "before", 30, 5)]);
    let source = format!(
        "[[source]]\nkind = \"kafka\"\nbrokers = [\"{BROKERS}\"]\ntopics = [\"{added}\"]\n\
         start = \"end\"\n"
    );
    let seldom = ENGINE.replace("\"100ms\"", "\"1h\"");
    live.folder.write("run.toml", live.configuration(&seldom) + &source);
    let mut running = live.folder.spawn(&RUN);
    let began = || live.folder.read("gridweaver-state/beginnings.json");
    wait_until("where it begins", || String::from_utf8_lossy(&began()).contains(&added));
    for (number, mw) in [(1, 7), (2, 9)] {
        let id = |region: &str| format!("{region}{number}");
        live.bring(&[lacks("west", &id("then"), 60 * number, number)]);
        bring_to(&added, 0, &[node("east"), lacks("east", &id("added"), 60 * number - 20, mw)]);
        bring_to(&added, 0, &[lacks("east", &id("later"), 60 * number, mw)]);
        wait_until("its shortfall", || has(&format!(r#""shortfall_mw":{mw}"#)));
        running.signal("KILL");
        running.finish();
        running = live.folder.spawn(&RUN);
    }
    thread::sleep(Duration::from_secs(2));
    running.signal("TERM");
    running.finish().well();
    assert!(!has(r#""shortfall_mw":5"#));
}

#[test]
fn a_partition_that_came_to_be_while_nothing_ran_is_read_from_its_beginning() {
    let live = Live::new(Kafka, &[File], &[]);
    let at_the_end = live.configuration(ENGINE).replacen("topics", "start = \"end\"\ntopics", 1);
    live.folder.write("run.toml", at_the_end);
    let load = |id: &str, second: i64| {
        let data = r#""data":{"region":"west","shortfall_mw":7}"#;
        line("operator", id, "grid.shortfall", 1_772_323_200_000 + 1_000 * second, data)
    };
    let running = live.folder.spawn(&RUN);
    wait_until("where it begins", || live.folder.holds("gridweaver-state/beginnings.json"));
    running.signal("TERM");
    running.finish().well();
    kafka::add_partitions(BROKERS, &live.input, 2);
    bring_to(&live.input, 0, &[load("1", 1), load("2", 60)]);
    bring_to(&live.input, 1, &[load("3", 2), load("4", 60)]);
    let running = live.folder.spawn(&RUN);
    wait_until("a tick of both", || {
        live.outputs()[0].iter().any(|line| line.contains("00:00:04.000Z"))
    });
    running.signal("TERM");
    let told = String::from_utf8(running.finish().well()).unwrap();
    assert!(told.starts_with("4 records in"), "{told}");
}

#[test]
fn settings_of_dispatch_that_changed_hold_from_where_nothing_was_written_yet() {
    // A need that grows with every tick, and that nobody serves.
    let load = |number: i64| {
        let data =
            format!(r#""data":{{"node":"n","generation_mw":10,"load_mw":{}}}"#, 20 + 5 * number);
        let time_ms = 1_772_323_200_000 + 4_000 * number;
        line("scada", &number.to_string(), "grid.telemetry", time_ms, &data)
    };
    let node =
        line("gis", "n", "grid.node", 1_772_323_200_000, r#""data":{"node":"n","region":"west"}"#);
    let lines: Vec<String> = std::iter::once(node).chain((1..120).map(load)).collect();
    let live = Live::new(Kafka, &[File], &lines[..40]);
    let run_until_more = |arguments: &[&str], end: &str| {
        let held = live.outputs()[0].len();
        let running = live.folder.spawn(arguments);
        wait_until("more ticks", || live.outputs()[0].len() > held + 10);
        running.signal(end);
        running.finish()
    };
    run_until_more(&RUN, "TERM").well();
    // What is written now lies behind the last checkpoint.
    live.bring(&lines[40..80]);
    run_until_more(&["run", "run.toml", "--set", "engine.checkpoint_every=1h"], "KILL");
    let held = live.outputs().swap_remove(0);
    let last_closed = held.iter().rposition(|line| is_tick_closed(line)).unwrap();
    live.bring(&lines[80..]);
    let dearer = ["run", "run.toml", "--set", "dispatch.lost_load_price=9000"];
    run_until_more(&dearer, "TERM").well();
    let now = live.outputs().swap_remove(0);
    assert!(now[..=last_closed] == held[..=last_closed], "what was written stays");
    let price = |lines: &[String], price: &str| {
        lines
            .iter()
            .filter(|line| line.contains("dispatch.cascade_cleared") && line.contains(price))
            .count()
    };
    assert_eq!(price(&held, "\"price\":9000"), 0);
    let (old, new) = (
        price(&now[last_closed..], "\"price\":10000"),
        price(&now[last_closed..], "\"price\":9000"),
    );
    assert!(old == 0 && new > 0, "{old} decisions at the old price, {new} at the new one");
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
    live.assert_repeatable();
}

#[test]
fn silent_partitions_and_records_of_the_future_are_repeated_through_kills() {
    let mut random = Random::new(4);
    let live = Live::new(Kafka, &[File], &[]);
    kafka::add_partitions(BROKERS, &live.input, 3);
    let engine = ENGINE.replace("\"off\"", "\"200ms\"") + "max_ahead = \"1m\"\ntick = \"1s\"\n";
    live.folder.write("run.toml", live.configuration(&engine));
    let start_ms = now_ms() / 1_000 * 1_000;
    let mut load = loads();
    let node = line("gis", "n", "grid.node", start_ms, r#""data":{"node":"n","region":"west"}"#);
    bring_to(&live.input, 0, &[node]);
    for _ in 0..kills() {
        let mut running = live.folder.spawn(&RUN);
        let begun = Instant::now();
        let runs_ms = random.between(300, 2_500);
        while begun.elapsed() < Duration::from_millis(u64::try_from(runs_ms).unwrap()) {
            let ahead_ms = if random.chance(10) { 100_000 } else { 0 };
            let partition = i32::try_from(random.below(3)).unwrap();
            if random.chance(70) {
                bring_to(&live.input, partition, &[load(now_ms() + ahead_ms)]);
            }
            thread::sleep(Duration::from_millis(40));
        }
        assert!(running.0.try_wait().unwrap().is_none(), "it ended: {:?}", running.finish());
        running.signal("KILL");
        running.finish();
    }
    // Whatever chance brought before: one of each here, seen to be written after all kills.
    let running = live.folder.spawn(&RUN);
    let kept = live.outputs()[0].len();
    bring_to(&live.input, 0, &[load(now_ms()), load(now_ms() + 100_000)]);
    let is_told = |choice: &str| live.outputs()[0][kept..].iter().any(|line| line.contains(choice));
    wait_until("a partition passed over", || is_told(r#""passed_over":[{"#));
    wait_until("a record of the future refused", || is_told(r#""refused":[{"#));
    running.signal("TERM");
    running.finish().well();
    live.assert_repeatable();
}
