//! What is around a run fails: its servers, its streams, its disk, its place as the only writer.
//!
//! | test | what happens |
//! | --- | --- |
//! | `a_frozen_engine…` | another one with its transactional id takes over meanwhile |
//! | `a_kafka…`, `a_nats_server…` | the server is killed, and later frozen |
//! | `an_answer_to_a_commit…` | it comes long after nobody waits for it any more |
//! | `a_nats_stream…` | what was read is purged, made anew, or put back to an older copy |
//! | `an_output…` | what was written is put back to an older copy |
//! | `a_full_disk…` | there is no room for a checkpoint |
//!
//! `GRIDWEAVER_LONG=1`: servers are frozen for a minute instead of some seconds.

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "common/live.rs"]
mod live;
#[path = "../connectors/tests/common/proxy.rs"]
mod proxy;

use live::System::{File, Kafka, Nats};
use live::kafka::{self, KafkaBroker};
use live::program::{Folder, wait_until};
use live::{ENGINE, Live, RUN, Stream};
use proxy::Proxy;
use std::fs;
use std::thread;
use std::time::Duration;

/// How long a server is frozen.
fn frozen_for() -> Duration {
    let is_long = std::env::var_os("GRIDWEAVER_LONG").is_some();
    Duration::from_secs(if is_long { 60 } else { 5 })
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
    let mut broker = KafkaBroker::start();
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
    thread::sleep(frozen_for());
    broker.thaw();
    live.bring(last);
    live.wait_and_end(running, &stream);
    broker.assert_sound();
    live.assert_same("after the broker was killed and frozen", &stream);
}

#[test]
fn an_answer_to_a_commit_that_comes_when_nobody_waits_any_more_changes_nothing() {
    let stream = Stream::of_day(4_000, 1);
    let port = kafka::free_port();
    let proxy = Proxy::start(port);
    let broker = KafkaBroker::start_beside(port, proxy.port());
    let (before, after) = stream.lines.split_at(1_500);
    let live = Live::at(&broker.address(), Kafka, &[Kafka], before);
    let through = live.configuration(ENGINE).replace(&broker.address(), &proxy.address());
    // Long enough to be given up within the test: its client, and the whole transaction.
    let timeouts = "\"transaction.timeout.ms\" = 4000\n\"socket.timeout.ms\" = 1500";
    let through = through.replace("\"transaction.timeout.ms\" = 10000", timeouts);
    live.folder.write("run.toml", through);
    let running = live.folder.spawn(&RUN);
    wait_until("a tick", || !live.outputs()[0].is_empty());
    proxy.hold_commits(true);
    live.bring(after);
    proxy.wait_until_held();
    thread::sleep(Duration::from_secs(7));
    proxy.hold_commits(false);
    live.wait_and_end(running, &stream);
    live.assert_same("after an answer to a commit was held back", &stream);
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
    thread::sleep(frozen_for());
    server.signal("-CONT");
    live.meet_nats_again();
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
fn a_nats_stream_that_is_put_back_to_an_older_copy_ends_the_run_clearly() {
    let stream = Stream::of_day(3_000, 1);
    let behind_the_copy = Stream::of_day(1_500, 1).expected[0].len();
    for while_it_runs in [false, true] {
        let mut live = Live::new(Nats, &[File], &stream.lines[..1_000]);
        let copy = live.nats.as_mut().unwrap().0.copy_store();
        live.meet_nats_again();
        live.bring(&stream.lines[1_000..2_000]);
        let running = live.folder.spawn(&RUN);
        wait_until("what is behind the copy", || live.outputs()[0].len() > behind_the_copy);
        // For a checkpoint that knows of it.
        thread::sleep(Duration::from_secs(1));
        if while_it_runs {
            live.nats.as_mut().unwrap().0.put_back(&copy);
            running.finish().complains(1, &["GRID", "older copy"]);
        } else {
            running.signal("TERM");
            running.finish().well();
            live.nats.as_mut().unwrap().0.put_back(&copy);
        }
        let held = live.folder.read("orders.jsonl");
        live.folder.run(&RUN).complains(1, &["GRID", "older copy"]);
        assert!(held == live.folder.read("orders.jsonl"), "nothing was written");
    }
}

#[test]
fn an_output_that_is_put_back_to_an_older_copy_is_made_whole() {
    let stream = Stream::of_day(3_000, 1);
    let mut live = Live::new(File, &[Nats], &stream.lines[..1_000]);
    let running = live.folder.spawn(&RUN);
    wait_until("some ticks", || live.outputs()[0].len() > 20);
    running.signal("TERM");
    running.finish().well();
    let copy = live.nats.as_mut().unwrap().0.copy_store();
    live.meet_nats_again();
    live.bring(&stream.lines);
    live.run_to_end(&stream);
    live.nats.as_mut().unwrap().0.put_back(&copy);
    live.meet_nats_again();
    assert!(!live.is_whole(&stream));
    live.run_to_end(&stream);
    live.assert_same("after the output was put back", &stream);
}

#[test]
fn a_full_disk_under_the_checkpoints_ends_the_run_clearly_and_outputs_stay_whole() {
    let stream = Stream::of_day(3_000, 2);
    let live = Live::new(Kafka, &[Kafka, Nats], &stream.lines);
    // A folder in which nothing can be created stands for a disk that takes nothing more.
    let state = live.folder.path().join("gridweaver-state");
    fs::create_dir(&state).unwrap();
    fs::create_dir(state.join("unfinished")).unwrap();
    live.folder.run(&RUN).complains(1, &["checkpoint", "could not be written", "whole"]);
    fs::remove_dir(state.join("unfinished")).unwrap();
    live.run_to_end(&stream);
    live.assert_same("after a full disk", &stream);
}
