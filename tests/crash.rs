//! Killed at any instant, `run` goes on as if it had not been: no tick is lost, written twice, torn
//! or out of order.
//!
//! | test | how it dies |
//! | --- | --- |
//! | `killed_at_random…` | `SIGKILL` after a random time, again and again, until it comes to its end |
//! | `dead_at_each_step…` | at every named step around commits and checkpoints |
//! | `stopped…` | `SIGTERM`: it ends well, and goes on from there |
//! | `what_is_added…` | not at all: an input grew after its end |
//! | `an_output…` | not at all: an output was cut or removed meanwhile |
//! | `a_setting…`, `a_partition…` | not at all: what may and what may not change in between |
//! | `a_full_disk…` | the checkpoints' folder takes nothing more |
//!
//! `GRIDWEAVER_KILLS=n` asks for so many random kills; 50 is the long form.

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "common/program.rs"]
mod program;
#[path = "common/random.rs"]
mod random;
#[path = "common/record.rs"]
mod record;

use program::{Folder, Ran, wait_until};
use random::Random;
use record::line;
use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;
use std::{fs, thread};

const DAY: &[u8] = include_bytes!("../data/rts-gmlc-day.jsonl.zst");
/// Small budgets and many checkpoints, so that there is much to be in the middle of.
const ENGINE: &str = r#"[engine]
stale_after = "15m"
in_flight_records = 400
checkpoint_every = "1ms"
"#;
const SINKS: &str = r#"
[[source]]
kind = "file"
paths = ["day.jsonl.zst", "bad.jsonl"]

[[sink]]
kind = "file"
path = "orders.jsonl"

[[sink]]
kind = "file"
path = "transfers.jsonl"
types = ["dispatch.transfer_ordered"]

[dead_letters]
path = "dead-letters.jsonl"
"#;
const RUN: [&str; 2] = ["run", "gridweaver.toml"];
const OUTPUTS: [&str; 2] = ["orders.jsonl", "transfers.jsonl"];
const KILLS: usize = 12;
const STEPS: [&str; 6] = [
    "before_commit",
    "between_outputs",
    "after_commit",
    "in_checkpoint",
    "before_rename",
    "after_rename",
];

fn day(engine: &str) -> Folder {
    let folder = Folder::new();
    folder.write("day.jsonl.zst", DAY);
    folder.write("bad.jsonl", "no record\n{\"specversion\":\"1.0\"}\n");
    folder.write("gridweaver.toml", format!("{engine}{SINKS}"));
    folder
}

/// What the run that nothing happened to leaves.
fn whole() -> Folder {
    let folder = day(ENGINE);
    folder.run(&RUN).well();
    folder
}

fn assert_same(what: &str, expected: &Folder, found: &Folder) {
    for output in OUTPUTS {
        let (expected, found) = (expected.read(output), found.read(output));
        let same = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
        assert!(
            expected == found,
            "{what}: {output} differs from byte {same} on; {} and {} bytes",
            expected.len(),
            found.len()
        );
    }
    // A dead letter of a tick that was not closed may be there twice; none is missing.
    let letters = |folder: &Folder| -> BTreeSet<String> {
        let text = String::from_utf8(folder.read("dead-letters.jsonl")).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    assert_eq!(letters(expected), letters(found), "{what}: dead letters");
}

fn size(folder: &Folder, name: &str) -> u64 {
    fs::metadata(folder.path().join(name)).map_or(0, |data| data.len())
}

/// Lets it run for a while and kills it. True: it had ended before.
fn run_and_kill(folder: &Folder, after: Duration) -> bool {
    let mut running = folder.spawn(&RUN);
    thread::sleep(after);
    let ended = running.0.try_wait().unwrap();
    if let Some(status) = ended {
        assert!(status.success(), "{:?}", running.finish());
        return true;
    }
    running.signal("KILL");
    running.finish();
    false
}

#[test]
fn killed_at_random_it_goes_on() {
    let kills = std::env::var("GRIDWEAVER_KILLS").ok().and_then(|kills| kills.parse().ok());
    let kills = kills.unwrap_or(KILLS);
    let expected = whole();
    let mut random = Random::new(1);
    let (mut killed, mut days) = (0, 0);
    while killed < kills {
        let folder = day(ENGINE);
        days += 1;
        let mut in_a_row = 0;
        loop {
            // Now and then again before it has done anything.
            let longest_ms = if random.chance(20) { 30 } else { 400 + 200 * in_a_row };
            let after =
                Duration::from_millis(u64::try_from(random.between(1, longest_ms)).unwrap());
            if killed >= kills {
                folder.run(&RUN).well();
                break;
            }
            if run_and_kill(&folder, after) {
                break;
            }
            (killed, in_a_row) = (killed + 1, in_a_row + 1);
        }
        assert_same(&format!("after {killed} kills"), &expected, &folder);
    }
    println!("{killed} kills over {days} days");
}

#[test]
fn dead_at_each_step_it_goes_on() {
    let expected = whole();
    for step in STEPS {
        let folder = day(ENGINE);
        let mut hit = 0;
        for count in [1, 2, 3, 5, 8] {
            let asked = format!("{step}:{count}");
            let mut command = folder.command(&RUN);
            let status = command.env("GRIDWEAVER_DIES_AT", &asked).stderr(Stdio::null()).status();
            let died = status.unwrap().code().is_none();
            assert!(died, "{asked} was not come to");
            hit += 1;
            // And at once again, before it has come far.
            run_and_kill(&folder, Duration::from_millis(15 * count));
        }
        folder.run(&RUN).well();
        assert_same(step, &expected, &folder);
        println!("{step}: {hit} times");
    }
}

#[test]
fn stopped_it_ends_well_and_goes_on_from_there() {
    let expected = whole();
    let folder = day(ENGINE);
    let running = folder.spawn(&RUN);
    wait_until("a tick", || size(&folder, "orders.jsonl") > 10_000);
    running.signal("TERM");
    running.finish().well();
    let before = size(&folder, "orders.jsonl");
    assert!(before < expected.read("orders.jsonl").len() as u64, "stopped too late");
    folder.run(&RUN).well();
    assert_same("after SIGTERM", &expected, &folder);
}

#[test]
fn an_output_that_was_cut_or_removed_is_made_whole() {
    let expected = whole();
    let folder = day(ENGINE);
    folder.run(&RUN).well();
    let orders = folder.read("orders.jsonl");
    folder.write("orders.jsonl", &orders[..orders.len() / 3]);
    folder.run(&RUN).well();
    assert_same("cut to a third", &expected, &folder);
    fs::remove_file(folder.path().join("transfers.jsonl")).unwrap();
    folder.run(&RUN).well();
    assert_same("one of two removed", &expected, &folder);
}

#[test]
fn what_is_added_to_an_input_afterwards_is_late_and_not_lost() {
    let folder = Folder::new();
    let config = "[[source]]\nkind = \"file\"\npaths = [\"in.jsonl\"]\n\n[[sink]]\nkind = \"file\"\npath = \"orders.jsonl\"\n";
    folder.write("gridweaver.toml", config);
    let node = line("s", "1", "grid.node", 1_000, r#""data":{"node":"n","region":"R"}"#);
    let data = r#""data":{"node":"n","generation_mw":5,"load_mw":5}"#;
    let read = |id, second: i64| line("s", id, "grid.telemetry", second * 1_000, data);
    let before = [node, read("2", 2)].join("\n") + "\n";
    folder.write("in.jsonl", &before);
    folder.run(&RUN).well();
    // The tick of the third second was closed with the history's end; its record counts in the next.
    let lacking = r#""data":{"region":"R","shortfall_mw":7}"#;
    let added = [line("s", "3", "grid.shortfall", 3_000, lacking), read("4", 9)].join("\n") + "\n";
    folder.write("in.jsonl", before + &added);
    let told = String::from_utf8(folder.run(&RUN).well()).unwrap();
    assert!(told.contains("2 records in") && told.contains("since the beginning  4"), "{told}");
    let orders = String::from_utf8(folder.read("orders.jsonl")).unwrap();
    assert!(orders.contains(r#""shortfall_mw":7"#), "{orders}");
}

#[test]
fn another_number_of_workers_goes_on_as_well() {
    let expected = whole();
    let folder = day(ENGINE);
    for (workers, ms) in [("2", 700), ("3", 700)] {
        let running = folder.spawn(&["run", "gridweaver.toml", "--workers", workers]);
        thread::sleep(Duration::from_millis(ms));
        running.signal("KILL");
        running.finish();
    }
    folder.run(&RUN).well();
    assert_same("1 after 2 and 3 workers", &expected, &folder);
}

#[test]
fn a_setting_that_decided_what_is_written_may_not_change() {
    let folder = day(ENGINE);
    run_and_kill(&folder, Duration::from_millis(1_500));
    let changed = |set: &str| folder.run(&["run", "gridweaver.toml", "--set", set]);
    changed("engine.dedup_window=11m").complains(2, &["engine.dedup_window", "set it back"]);
    changed("engine.tick=5s").complains(2, &["engine.tick"]);
    changed("dispatch.lost_load_price=9000").well();
}

#[test]
fn a_partition_that_was_read_may_not_be_taken_away() {
    let folder = day(ENGINE);
    folder.run(&RUN).well();
    let fewer = SINKS.replace(", \"bad.jsonl\"", "");
    folder.write("gridweaver.toml", format!("{ENGINE}{fewer}"));
    folder.run(&RUN).complains(2, &["bad.jsonl", "name it again"]);
}

#[test]
fn an_input_that_changed_is_told_and_nothing_is_written() {
    let engine = ENGINE.replace("checkpoint_every = \"1ms\"", "checkpoint_every = \"1h\"");
    let folder = day(&engine);
    let running = folder.spawn(&RUN);
    wait_until("a tick", || size(&folder, "orders.jsonl") > 10_000);
    running.signal("KILL");
    running.finish();
    let before = folder.read("orders.jsonl");
    // The same day with every bid dearer: the ticks written before come out otherwise.
    let text = String::from_utf8(zstd::decode_all(DAY).unwrap()).unwrap();
    let dearer = text.replace("\"price\":", "\"price\":1");
    folder.write("day.jsonl.zst", zstd::encode_all(dearer.as_bytes(), 1).unwrap());
    let ran: Ran = folder.run(&RUN);
    ran.complains(1, &["sink/1 holds other records", "has changed"]);
    let kept = folder.read("orders.jsonl");
    assert!(before.starts_with(&kept), "only a tick that was not closed was cut off");
}

#[test]
fn a_full_disk_ends_in_a_clear_error_and_the_stream_stays_whole() {
    let expected = whole();
    let folder = day(ENGINE);
    // A folder in which nothing can be created stands for a disk that takes nothing more.
    fs::create_dir(folder.path().join("gridweaver-state")).unwrap();
    fs::create_dir(folder.path().join("gridweaver-state/unfinished")).unwrap();
    folder.run(&RUN).complains(1, &["checkpoint", "could not be written", "whole"]);
    fs::remove_dir(folder.path().join("gridweaver-state/unfinished")).unwrap();
    folder.run(&RUN).well();
    assert_same("after a full disk", &expected, &folder);
}
