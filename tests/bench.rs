//! `gridweaver bench`: every record that was to be sent is counted, from when it was to be sent.

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "common/program.rs"]
mod program;

use gridweaver::report::Log;
use program::{Folder, Running, wait_until};
use std::thread;
use std::time::Duration;

/// A pipeline over a file that grows.
fn pipeline() -> Folder {
    let folder = Folder::new();
    folder.write("in.jsonl", "");
    let text = "[engine]\ntick = \"100ms\"\nlateness = \"0s\"\n\
                [[source]]\nkind = \"file\"\npaths = [\"in.jsonl\"]\nfollow = true\n\
                [[sink]]\nkind = \"file\"\npath = \"orders.jsonl\"\n";
    folder.write("run.toml", text);
    folder
}

fn run(folder: &Folder) -> Running {
    let running = folder.spawn(&["run", "run.toml"]);
    wait_until("the output", || folder.holds("orders.jsonl"));
    running
}

/// Four seconds are measured.
const BENCH: [&str; 10] = [
    "bench",
    "run.toml",
    "--rate",
    "500",
    "--warmup",
    "1s",
    "--duration",
    "4s",
    "--latency-log",
    "bench.hlog",
];

#[test]
fn every_record_is_counted_until_the_end_of_its_tick_can_be_read() {
    let folder = pipeline();
    let running = run(&folder);
    let told = String::from_utf8(folder.run(&BENCH).well()).unwrap();
    assert!(told.starts_with("500 readings a second to `in.jsonl`, 4 s measured"), "{told}");
    assert!(told.contains("all records"), "{told}");
    let log = Log::read(&folder.path().join("bench.hlog")).unwrap();
    // Besides the readings there is what is told of lines, bids and prices.
    assert!((2_000..2_200).contains(&log.all.len()), "{}", log.all.len());
    assert!(log.what.as_ref().unwrap().contains("was to be sent"));
    // The wait for the tick's end alone is half of a tick for the usual record.
    assert!(log.all.mean() > 45_000.0, "{} us", log.all.mean());
    assert_eq!(log.intervals.len(), 4, "seconds");
    running.signal("TERM");
    running.finish().well();
}

#[test]
fn what_waits_while_the_pipeline_stands_still_is_counted_from_when_it_was_due() {
    let folder = pipeline();
    let running = run(&folder);
    let bench = folder.spawn(&BENCH);
    thread::sleep(Duration::from_millis(2_500));
    running.signal("STOP");
    thread::sleep(Duration::from_secs(2));
    running.signal("CONT");
    bench.finish().well();
    let log = Log::read(&folder.path().join("bench.hlog")).unwrap();
    let waited = log.all.count_between(900_000, u64::MAX);
    assert!(waited >= 400, "{waited} of {} records waited for a second", log.all.len());
    running.signal("TERM");
    running.finish().well();
}

#[test]
fn a_pipeline_that_does_not_run_is_told() {
    let folder = pipeline();
    let quick = ["bench", "run.toml", "--warmup", "0s", "--duration", "1s", "--patience", "1s"];
    folder.run(&quick).complains(1, &["orders.jsonl", "which the run writes"]);
    folder.write("orders.jsonl", "");
    folder.run(&quick).complains(1, &["no tick", "in.jsonl", "is `gridweaver run` at work"]);
    folder.run(&["bench", "run.toml", "--regions", "0"]).complains(2, &["regions"]);
    let unfollowed = "source.0.follow=false";
    assert!(folder.run(&["bench", "run.toml", "--set", unfollowed]).code != Some(0));
}
