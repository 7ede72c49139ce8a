//! Several processes, each with its part of the partitions of a topic, are one engine: what they
//! write into Kafka is what the files' replay writes, whichever of them is killed.
//!
//! | test | what happens |
//! | --- | --- |
//! | `killed_one_after_another…` | one of them is killed at random, again and again; all go on |
//! | `silence_in_one…` | partitions of each fall silent, records are of the future, and one is killed |
//! | `a_partition_found…` | a topic grows, and the process whose turn it is reads it |
//!
//! `GRIDWEAVER_KILLS=n` asks for so many kills.

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "common/live.rs"]
mod live;
#[path = "common/processes.rs"]
mod processes;
#[path = "common/random.rs"]
mod random;
use live::program;

use live::kafka::{self, BROKERS};
use live::program::wait_until;
use live::record::line;
use live::{ENGINE, File, Kafka, Live, Stream, bring_to, loads, now_ms};
use processes::{Processes, finish, kill_one};
use random::Random;
use std::thread;
use std::time::{Duration, Instant};

const PARTITIONS: usize = 4;
const KILLS: usize = 6;

fn kills() -> usize {
    let asked = std::env::var("GRIDWEAVER_KILLS").ok().and_then(|kills| kills.parse().ok());
    asked.unwrap_or(KILLS)
}

/// Lines spread over the partitions of a topic; the last one to each.
fn spread(live: &Live, lines: &[String]) {
    kafka::add_partitions(BROKERS, &live.input, PARTITIONS);
    let (last, lines) = lines.split_last().unwrap();
    for partition in 0..PARTITIONS {
        let own = lines.iter().skip(partition).step_by(PARTITIONS).cloned();
        // Each its own record.
        let end = last.replace(r#""id":"end""#, &format!(r#""id":"end-{partition}""#));
        let own: Vec<String> = own.chain([end]).collect();
        bring_to(&live.input, i32::try_from(partition).unwrap(), &own);
    }
}

#[test]
fn killed_one_after_another_they_go_on_together() {
    let stream = Stream::of_day(15_000, 1);
    let mut random = Random::new(11);
    let mut killed = 0;
    while killed < kills() {
        let live = Live::new(Kafka, &[Kafka], &[]);
        spread(&live, &stream.lines);
        let processes = Processes::new(2, &live.folder);
        while killed < kills() && !live.is_whole(&stream) {
            let running = processes.start(&live.folder, &[]);
            thread::sleep(Duration::from_millis(random.between(100, 4_000).unsigned_abs()));
            kill_one(running, random.below(2));
            killed += 1;
        }
        let mut running = processes.start(&live.folder, &[]);
        // All may have been written before.
        processes.wait_until_they_run();
        let begun = Instant::now();
        while !live.is_whole(&stream) {
            let has_ended = running.iter_mut().any(|one| one.0.try_wait().unwrap().is_some());
            assert!(!has_ended, "{:?}", finish(running));
            assert!(begun.elapsed() < Duration::from_secs(120), "the end never came");
            thread::sleep(Duration::from_millis(200));
        }
        running[1].signal("TERM");
        finish(running).into_iter().for_each(|ran| drop(ran.well()));
        live.assert_same(&format!("after {killed} kills"), &stream);
    }
    println!("{killed} kills");
}

#[test]
fn silence_in_one_and_records_of_the_future_are_repeated_through_kills() {
    let mut random = Random::new(5);
    let live = Live::new(Kafka, &[File], &[]);
    kafka::add_partitions(BROKERS, &live.input, PARTITIONS);
    let engine = ENGINE.replace("\"off\"", "\"200ms\"") + "max_ahead = \"1m\"\ntick = \"1s\"\n";
    live.folder.write("run.toml", live.configuration(&engine));
    let processes = Processes::new(2, &live.folder);
    let start_ms = now_ms() / 1_000 * 1_000;
    let mut load = loads();
    let node = line("gis", "n", "grid.node", start_ms, r#""data":{"node":"n","region":"west"}"#);
    bring_to(&live.input, 0, &[node]);
    for _ in 0..kills() {
        let running = processes.start(&live.folder, &[]);
        let (begun, runs_ms) = (Instant::now(), random.between(1_500, 5_000).unsigned_abs());
        while begun.elapsed() < Duration::from_millis(runs_ms) {
            let ahead_ms = if random.chance(10) { 100_000 } else { 0 };
            let partition = i32::try_from(random.below(PARTITIONS)).unwrap();
            if random.chance(70) {
                bring_to(&live.input, partition, &[load(now_ms() + ahead_ms)]);
            }
            thread::sleep(Duration::from_millis(40));
        }
        kill_one(running, random.below(2));
    }
    // Whatever chance brought before: one of each here, seen to be written after all kills.
    let running = processes.start(&live.folder, &[]);
    let kept = live.outputs()[0].len();
    for partition in 0..2 {
        bring_to(&live.input, partition, &[load(now_ms()), load(now_ms() + 100_000)]);
    }
    let is_told = |choice: &str| live.outputs()[0][kept..].iter().any(|line| line.contains(choice));
    wait_until("a partition passed over", || is_told(r#""passed_over":[{"#));
    for partition in 0..2 {
        let refused = format!(r#""refused":[{{"partition":"kafka/{}/{partition}""#, live.input);
        let also = format!(r#"}},{{"partition":"kafka/{}/{partition}","from""#, live.input);
        wait_until("a record of the future refused", || is_told(&refused) || is_told(&also));
    }
    running[0].signal("TERM");
    finish(running).into_iter().for_each(|ran| drop(ran.well()));
    live.assert_repeatable();
}

#[test]
fn a_partition_found_while_running_is_read_by_the_process_whose_turn_it_is() {
    let then_ms = 1_772_323_200_000;
    let load = |node: &str, id: &str, second: i64| {
        let data = format!(r#""data":{{"node":"{node}","generation_mw":10,"load_mw":12}}"#);
        line("scada", id, "grid.telemetry", then_ms + 1_000 * second, &data)
    };
    let promised =
        |id: &str| line("scada", id, "source.watermark", then_ms + 100_000, r#""data":{}"#);
    let node = line("gis", "n", "grid.node", then_ms, r#""data":{"node":"n","region":"west"}"#);
    let live = Live::new(Kafka, &[File], &[node, load("n", "0", 0), load("n", "20", 20)]);
    let processes = Processes::new(2, &live.folder);
    let running = processes.start(&live.folder, &[]);
    let has = |what: &str| live.outputs()[0].iter().any(|line| line.contains(what));
    wait_until("the first tick", || has("dispatch.plan_created"));
    kafka::add_partitions(BROKERS, &live.input, 3);
    bring_to(&live.input, 1, &[load("n", "late", 1), promised("w1")]);
    bring_to(&live.input, 2, &[load("n", "later", 2), promised("w2")]);
    bring_to(&live.input, 0, &[load("n", "30", 30)]);
    wait_until("a tick without them", || has("00:00:24.000Z"));
    thread::sleep(Duration::from_secs(6));
    bring_to(&live.input, 0, &[load("n", "60", 60), promised("w0")]);
    for partition in [1, 2] {
        let name = format!(r#""partition":"kafka/{}/{partition}","position":0"#, live.input);
        wait_until("that it was not waited for", || has(&name));
    }
    wait_until("the last tick", || has("00:01:04.000Z"));
    running[1].signal("TERM");
    finish(running).into_iter().for_each(|ran| drop(ran.well()));
    live.assert_repeatable();
}
