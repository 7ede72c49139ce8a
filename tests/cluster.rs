//! Several processes are one engine: they write what one process writes, and end together.
//!
//! | test | what happens |
//! | --- | --- |
//! | `a_day_over_processes…` | nothing: the same bytes, the same dead letters, the same counts |
//! | `killed_one_after_another…` | one of them is killed, again and again; all end, and others go on |
//! | `stopping_one…` | one of them is asked to stop |
//! | `one_that_waits…` | one is asked to stop while others are not there |
//! | `settings_of_dispatch…` | all are started again with other settings |
//! | `one_that_is_frozen…` | one of them stands still for a while |
//! | `what_fails_in_one…` | a source of one of them fails |
//! | `who_would_decide_otherwise…`, `hosts…` | they are started wrongly |
//!
//! Through Kafka: `live_cluster.rs`.

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "common/processes.rs"]
mod processes;
#[path = "common/program.rs"]
mod program;
#[path = "common/random.rs"]
mod random;

use processes::{Processes, finish, kill_one};
use program::{Folder, wait_until};
use random::Random;
use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

const DAY: &[u8] = include_bytes!("../data/rts-gmlc-day.jsonl.zst");
const FILES: usize = 5;
const ENGINE: &str = "[engine]\nstale_after = \"15m\"\nin_flight_records = 1000\n\
                      checkpoint_every = \"20ms\"\n";
const OUTPUTS: &str = "[[sink]]\nkind = \"file\"\npath = \"orders.jsonl\"\n\
                       [dead_letters]\npath = \"dead-letters.jsonl\"\n";
/// Kills in the short form; `GRIDWEAVER_KILLS=n` asks for so many.
const KILLS: usize = 8;

/// The first records of the day, spread over files, each with something that is no record.
fn day(records: usize) -> Folder {
    let folder = Folder::new();
    let text = String::from_utf8(zstd::decode_all(DAY).unwrap()).unwrap();
    let mut files = vec![String::new(); FILES];
    for (number, line) in text.lines().take(records).enumerate() {
        files[number % FILES] += &format!("{line}\n");
    }
    for (number, file) in files.iter_mut().enumerate() {
        let middle = file[..file.len() / 2].rfind('\n').unwrap() + 1;
        file.insert_str(middle, "no record\n");
        folder.write(&format!("part-{number}.jsonl"), &*file);
    }
    folder.write("run.toml", configuration(false));
    folder
}

fn configuration(follow: bool) -> String {
    let source = "[[source]]\nkind = \"file\"\npaths = [\"part-*.jsonl\"]\n";
    format!("{ENGINE}{source}follow = {follow}\n{OUTPUTS}")
}

/// What is written of it in one process, and the counts of its summary.
fn alone(records: usize) -> (Folder, Vec<String>) {
    let folder = day(records);
    let summary = folder.run(&["run", "run.toml"]).well();
    (folder, counts(&summary))
}

fn counts(summary: &[u8]) -> Vec<String> {
    let text = String::from_utf8(summary.to_vec()).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("  "));
    lines.map(str::to_owned).collect()
}

fn sorted_lines(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines
}

fn assert_same(folder: &Folder, expected: &Folder, what: &str) {
    let (held, wanted) = (folder.read("orders.jsonl"), expected.read("orders.jsonl"));
    let lines = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (held, wanted): (Vec<Vec<u8>>, Vec<Vec<u8>>) = (lines(&held), lines(&wanted));
    for (number, (held, wanted)) in (1..).zip(held.iter().zip(&wanted)) {
        let text = |line: &[u8]| String::from_utf8_lossy(line).into_owned();
        assert_eq!(text(held), text(wanted), "{what}: record {number}");
    }
    assert_eq!(held.len(), wanted.len(), "{what}");
}

#[test]
fn a_day_over_processes_is_the_day_in_one() {
    let (expected, wanted) = alone(40_000);
    for (count, more) in [(2, &[][..]), (3, &["--workers", "2"][..])] {
        let folder = day(40_000);
        let processes = Processes::new(count, &folder);
        let ran = finish(processes.start(&folder, more));
        let what = format!("{count} processes");
        assert_eq!(counts(&ran[0].stdout), wanted, "{what}: {ran:?}");
        for (process, ran) in ran.into_iter().enumerate() {
            let told = String::from_utf8(ran.well()).unwrap();
            let read = told.split_whitespace().next().unwrap();
            assert_ne!(read, "0", "process {process} reads its part: {told}");
        }
        assert_same(&folder, &expected, &what);
        let (letters, all) =
            (folder.read("dead-letters.jsonl"), expected.read("dead-letters.jsonl"));
        assert_eq!(sorted_lines(&letters), sorted_lines(&all), "{what}");
    }
}

#[test]
fn killed_one_after_another_they_go_on_together() {
    let (expected, wanted) = alone(40_000);
    let mut random = Random::new(7);
    let folder = day(40_000);
    let asked = std::env::var("GRIDWEAVER_KILLS").ok().and_then(|kills| kills.parse().ok());
    for kill in 0..asked.unwrap_or(KILLS) {
        let count = 2 + kill % 2;
        let running = Processes::new(count, &folder).start(&folder, &[]);
        let victim = random.below(count);
        thread::sleep(Duration::from_millis(random.between(50, 700).unsigned_abs()));
        kill_one(running, victim);
    }
    let mut held = counts(&folder.run(&["run", "run.toml"]).well());
    assert_same(&folder, &expected, "one after two and three processes");
    held.retain(|line| !line.contains("since"));
    assert_eq!(held, wanted);
}

#[test]
fn settings_of_dispatch_that_changed_hold_from_the_same_tick_on() {
    let folder = day(40_000);
    let written = || folder.holds("orders.jsonl").then(|| folder.read("orders.jsonl").len());
    let running = Processes::new(2, &folder).start(&folder, &[]);
    wait_until("orders", || written() > Some(600_000));
    running[0].signal("KILL");
    finish(running);
    let copy = Folder::new();
    let (from, to) = (folder.path().join("."), copy.path());
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
    let changed = ["--set", "dispatch.lost_load_price=20"];
    copy.run(&["run", "run.toml", changed[0], changed[1]]).well();
    let ran = finish(Processes::new(2, &folder).start(&folder, &changed));
    ran.into_iter().for_each(|ran| drop(ran.well()));
    assert_same(&folder, &copy, "with another price");
    let (unchanged, _) = alone(40_000);
    assert_ne!(folder.read("orders.jsonl"), unchanged.read("orders.jsonl"), "the price decides");
}

#[test]
fn stopping_one_stops_all_with_whole_ticks() {
    let folder = day(20_000);
    folder.write("run.toml", configuration(true));
    let processes = Processes::new(3, &folder);
    for asked in [1, 0, 2] {
        let running = processes.start(&folder, &[]);
        let before =
            if folder.holds("orders.jsonl") { folder.read("orders.jsonl").len() } else { 0 };
        if before == 0 {
            wait_until("a tick", || {
                folder.holds("orders.jsonl") && !folder.read("orders.jsonl").is_empty()
            });
        } else {
            processes.wait_until_they_run();
        }
        running[asked].signal("TERM");
        finish(running).into_iter().for_each(|ran| drop(ran.well()));
        let held = folder.read("orders.jsonl");
        let last = held.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap();
        assert!(String::from_utf8_lossy(last).contains("dispatch.tick_closed"));
        let kept = fs::read_dir(folder.path().join("gridweaver-state")).unwrap();
        assert!(kept.count() > 0, "a checkpoint was written");
    }
}

#[test]
fn one_that_waits_for_others_stops_where_it_is_asked_to() {
    let folder = day(1_000);
    let processes = Processes::new(3, &folder);
    // The last one waits for the first to be there, which waits to be come to.
    for waits in [2, 0] {
        let running = processes.spawn(&folder, waits, &[]);
        processes.wait_for(waits);
        running.signal("TERM");
        running.finish().well();
    }
}

#[test]
fn one_that_is_frozen_is_told_of_and_waited_for() {
    let folder = day(20_000);
    let fast = "tick = \"100ms\"\nlateness = \"0s\"\nstalled_after = \"500ms\"\n";
    folder.write("run.toml", configuration(true).replace(ENGINE, &(ENGINE.to_owned() + fast)));
    let whole: Vec<Vec<u8>> =
        (0..FILES).map(|number| folder.read(&format!("part-{number}.jsonl"))).collect();
    let bring = |portion: usize| {
        for (number, file) in whole.iter().enumerate() {
            let end = file.len() * portion / 2;
            let end = file[..end].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
            folder.write(&format!("part-{number}.jsonl"), &file[..end]);
        }
    };
    let written = || folder.holds("orders.jsonl").then(|| folder.read("orders.jsonl").len());
    bring(1);
    let running = Processes::new(2, &folder).start(&folder, &[]);
    wait_until("a tick", || written() > Some(0));
    running[1].signal("STOP");
    bring(2);
    thread::sleep(Duration::from_secs(3));
    let before = written();
    running[1].signal("CONT");
    wait_until("more ticks", || written() > before);
    running[1].signal("TERM");
    let ran = finish(running);
    ran.iter().for_each(|ran| assert_eq!(ran.code, Some(0), "{ran:?}"));
    let told = |words: &str| ran[0].stderr.contains(words);
    assert!(told("another process") || told("process 1 reads"), "{ran:?}");
}

#[test]
fn what_fails_in_one_ends_all_and_is_told_by_it() {
    let folder = day(20_000);
    for number in 0..4 {
        let name = format!("damaged-{number}.jsonl.zst");
        folder.write(&name, &zstd::encode_all(&*folder.read("part-0.jsonl"), 1).unwrap()[..9_000]);
        folder.write(
            "run.toml",
            format!("{}[[source]]\nkind = \"file\"\npaths = [\"{name}\"]\n", configuration(true)),
        );
        let processes = Processes::new(2, &folder);
        let ran = finish(processes.start(&folder, &[]));
        let told = ran.iter().filter(|ran| ran.stderr.contains(&name)).count();
        assert_eq!(told, 1, "{ran:?}");
        ran.iter().for_each(|ran| assert_eq!(ran.code, Some(1), "{ran:?}"));
        fs::remove_dir_all(folder.path().join("gridweaver-state")).unwrap();
        fs::remove_file(folder.path().join("orders.jsonl")).unwrap();
    }
}

#[test]
fn who_would_decide_otherwise_is_refused() {
    let folder = day(1_000);
    let processes = Processes::new(2, &folder);
    let first = processes.spawn(&folder, 0, &[]);
    let second = processes.spawn(&folder, 1, &["--set", "engine.tick=1s"]);
    for (number, ran) in finish(vec![first, second]).into_iter().enumerate() {
        let other = format!("process {}", 1 - number);
        ran.complains(1, &[&other, "configuration"]);
    }
}

#[test]
fn hosts_that_do_not_fit_are_told() {
    let folder = day(1_000);
    let processes = Processes::new(2, &folder);
    let run = |arguments: &[String]| {
        folder.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    run(&processes.arguments(2, &[])).complains(2, &["--process 2", "0 to 1"]);
    folder.write("hosts", "127.0.0.1:1\n");
    run(&processes.arguments(0, &[])).complains(2, &["hosts", "1 addresses", "--processes 2"]);
    folder.run(&["run", "run.toml", "--processes", "2"]).complains(2, &["--process", "--hosts"]);
    let bundled = ["run", "--processes", "1", "--process", "0", "--hosts", "hosts", "--dir", "."];
    folder.run(&bundled).well();
}
