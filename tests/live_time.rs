//! Time when data stops: what the wall clock chooses of a live stream is written with the ticks that
//! depend on it, and is repeated from there.
//!
//! Streams are followed files; `replay --ticks` of what was written must give the same bytes.

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "common/program.rs"]
mod program;
#[path = "common/record.rs"]
mod record;

use program::{Folder, Running, wait_until};
use record::line;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

/// Recorded data: far from now.
const THEN_MS: i64 = 1_772_323_200_000;
const PARTITIONS: [&str; 2] = ["a.jsonl", "b.jsonl"];
const RUN: [&str; 2] = ["run", "run.toml"];

fn now_ms() -> i64 {
    i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
}

/// Two followed files, each tick a second long.
fn followed(engine: &str) -> Folder {
    let folder = Folder::new();
    PARTITIONS.iter().for_each(|name| folder.write(name, ""));
    folder.write(
        "run.toml",
        format!(
            "[engine]\ntick = \"1s\"\nlateness = \"0s\"\ncheckpoint_every = \"50ms\"\n{engine}\n\
             [[source]]\nkind = \"file\"\npaths = [\"a.jsonl\", \"b.jsonl\"]\nfollow = true\n\
             [[sink]]\nkind = \"file\"\npath = \"orders.jsonl\"\n\
             [dead_letters]\npath = \"dead-letters.jsonl\"\n"
        ),
    );
    folder
}

fn append(folder: &Folder, name: &str, lines: &[String]) -> u64 {
    let mut file = OpenOptions::new().append(true).open(folder.path().join(name)).unwrap();
    let before = file.metadata().unwrap().len();
    file.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
    before
}

fn node(name: &str, time_ms: i64) -> String {
    line(
        "gis",
        name,
        "grid.node",
        time_ms,
        &format!(r#""data":{{"node":"{name}","region":"west"}}"#),
    )
}

fn load(node: &str, id: &str, time_ms: i64, load_mw: i64) -> String {
    let data = format!(r#""data":{{"node":"{node}","generation_mw":10,"load_mw":{load_mw}}}"#);
    line("scada", id, "grid.telemetry", time_ms, &data)
}

fn watermark(time_ms: i64) -> String {
    line("scada", &format!("w{time_ms}"), "source.watermark", time_ms, r#""data":{}"#)
}

/// Whether the tick that ends then is closed.
fn is_closed(folder: &Folder, end_ms: i64) -> bool {
    !closed(folder, end_ms).is_empty()
}

fn closed(folder: &Folder, end_ms: i64) -> String {
    let end = gridweaver::model::Time(end_ms).to_string();
    let orders = String::from_utf8(folder.read("orders.jsonl")).unwrap();
    let found = orders.lines().find(|line| {
        line.contains(r#""type":"dispatch.tick_closed""#)
            && line.contains(&format!(r#""tick":"{end}""#))
            && line.ends_with('}')
    });
    found.unwrap_or_default().to_owned()
}

fn wait_for(folder: &Folder, end_ms: i64) {
    wait_until(&format!("the tick that ends at {end_ms}"), || {
        folder.holds("orders.jsonl") && is_closed(folder, end_ms)
    });
}

/// Closes empty ticks from this time on until one of them is the last of a checkpoint.
fn go_on_to_a_checkpoint(folder: &Folder, from_ms: i64) {
    let name = |ms: i64| format!("gridweaver-state/checkpoint-{:020}", ms / 1_000);
    let mut to_ms = from_ms;
    wait_until("a checkpoint", || {
        append(folder, "a.jsonl", &[watermark(to_ms)]);
        to_ms += 200;
        thread::sleep(Duration::from_millis(20));
        (from_ms / 1_000..=to_ms / 1_000).any(|tick| folder.holds(&name(1_000 * tick)))
    });
}

fn kill(mut running: Running) {
    running.0.kill().unwrap();
    running.0.wait().unwrap();
}

fn end(running: Running) {
    running.signal("TERM");
    running.finish().well();
}

/// The same from the files and what was written of the clock's choices; and sound. What was read
/// and not decided when it ended, the replay decides.
fn assert_repeatable(folder: &Folder) {
    let config = ["--config", "run.toml"];
    let input = ["--input", "a.jsonl", "b.jsonl"];
    let mut replay = vec!["replay", "--output", "again.jsonl", "--ticks", "orders.jsonl"];
    replay.extend(config.iter().chain(&input));
    folder.run(&replay).well();
    let (live, again) = (folder.read("orders.jsonl"), folder.read("again.jsonl"));
    assert_same(&live, &again);
    let mut verify = vec!["verify", "--orders", "again.jsonl"];
    verify.extend(config.iter().chain(&input));
    assert_eq!(text(&folder.run(&verify).well()), "no breach\n");
}

/// The tick that ends then tells that one record of the first file was refused, and no other.
fn assert_refusal_told(folder: &Folder, end_ms: i64, at: u64) {
    let told = closed(folder, end_ms);
    let range = format!(r#""refused":[{{"partition":"file/a.jsonl/0","from":{at},"to":{at}}}]"#);
    assert!(told.contains(&range), "{told}");
}

fn assert_same(live: &[u8], again: &[u8]) {
    let (live, again) = (text(live), text(again));
    let (live, again): (Vec<&str>, Vec<&str>) = (live.lines().collect(), again.lines().collect());
    for (number, (live, again)) in (1..).zip(live.iter().zip(&again)) {
        assert_eq!(live, again, "line {number}");
    }
    assert!(live.len() <= again.len(), "only live: {:?}", live.get(again.len()));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_silent_partition_is_passed_over_and_what_it_brings_then_comes_behind() {
    let folder = followed("idle_timeout = \"300ms\"");
    append(&folder, "a.jsonl", &[node("n", THEN_MS), load("n", "l0", THEN_MS, 12)]);
    append(&folder, "b.jsonl", &[load("n", "m0", THEN_MS + 500, 13)]);
    let running = folder.spawn(&RUN);
    let later = |s: i64| load("n", &format!("l{s}"), THEN_MS + 1_000 * s, 12 + s);
    append(&folder, "a.jsonl", &(1..=20).map(later).collect::<Vec<_>>());
    wait_for(&folder, THEN_MS + 20_000);
    let told = closed(&folder, THEN_MS + 20_000);
    let position = folder.read("b.jsonl").len();
    assert!(told.contains(r#""partition":"file/b.jsonl/0""#), "{told}");
    assert!(told.contains(&format!(r#""position":{position},"#)), "{told}");
    // It comes too late for its own time.
    append(
        &folder,
        "b.jsonl",
        &[load("n", "m1", THEN_MS + 5_000, 30), watermark(THEN_MS + 40_000)],
    );
    append(&folder, "a.jsonl", &[later(25), watermark(THEN_MS + 40_000)]);
    wait_for(&folder, THEN_MS + 26_000);
    end(running);
    assert_repeatable(&folder);
}

#[test]
fn killed_while_one_is_silent_it_goes_on_as_it_began() {
    let folder = followed("idle_timeout = \"200ms\"");
    append(&folder, "a.jsonl", &[node("n", THEN_MS), load("n", "l0", THEN_MS, 12)]);
    append(&folder, "b.jsonl", &[load("n", "m0", THEN_MS, 13)]);
    for round in 0..4 {
        let running = folder.spawn(&RUN);
        let first = 1 + 10 * round;
        let later = |s: i64| load("n", &format!("l{s}"), THEN_MS + 1_000 * s, 12 + s % 7);
        append(&folder, "a.jsonl", &(first..first + 10).map(later).collect::<Vec<_>>());
        wait_for(&folder, THEN_MS + 1_000 * (first + 9));
        let id = format!("m{first}");
        append(&folder, "b.jsonl", &[load("n", &id, THEN_MS + 500, 20 + round)]);
        kill(running);
    }
    let running = folder.spawn(&RUN);
    let last = THEN_MS + 60_000;
    append(&folder, "b.jsonl", &[watermark(last + 1_000)]);
    append(&folder, "a.jsonl", &[load("n", "last", last, 40), watermark(last + 1_000)]);
    wait_for(&folder, last + 1_000);
    end(running);
    assert_repeatable(&folder);
}

#[test]
fn the_clock_drives_a_live_stream_that_fell_silent_and_no_recorded_one() {
    let folder = followed(
        "idle_timeout = \"200ms\"\nstale_after = \"3s\"\nstale = \"exclude\"\n[dispatch]\nrelease_hold = \"1s\"",
    );
    let start_ms = now_ms() / 1_000 * 1_000;
    append(&folder, "a.jsonl", &[node("n", start_ms), load("n", "l0", start_ms, 12)]);
    let running = folder.spawn(&RUN);
    // The load counts no longer once it is stale, and that needs no record.
    wait_until("an end of the shortfall", || {
        folder.holds("orders.jsonl")
            && text(&folder.read("orders.jsonl")).contains("dispatch.order_cancelled")
    });
    end(running);
    assert_repeatable(&folder);

    let folder = followed(
        "idle_timeout = \"100ms\"\nstale_after = \"3s\"\nstale = \"exclude\"\n[dispatch]\nrelease_hold = \"1s\"",
    );
    append(&folder, "a.jsonl", &[node("n", THEN_MS), load("n", "l0", THEN_MS, 12)]);
    let running = folder.spawn(&RUN);
    append(&folder, "b.jsonl", &[load("n", "l1", THEN_MS + 2_000, 12)]);
    wait_for(&folder, THEN_MS + 1_000);
    thread::sleep(Duration::from_millis(600));
    end(running);
    assert!(!text(&folder.read("orders.jsonl")).contains("dispatch.order_cancelled"));
    assert_repeatable(&folder);
}

#[test]
fn a_record_of_the_future_is_refused_once_and_for_all() {
    let folder = followed("max_ahead = \"1h\"\nidle_timeout = \"off\"");
    let start_ms = now_ms() / 1_000 * 1_000 - 60_000;
    let future = load("n", "f", start_ms + 100 * 60_000, 99);
    let first =
        [node("n", start_ms), future, load("n", "l0", start_ms, 12), watermark(start_ms + 1_000)];
    append(&folder, "a.jsonl", &first);
    append(&folder, "b.jsonl", &[watermark(start_ms + 90_000)]);
    let running = folder.spawn(&RUN);
    wait_for(&folder, start_ms + 1_000);
    assert_refusal_told(&folder, start_ms + 1_000, first[0].len() as u64 + 1);
    end(running);
    let letters = text(&folder.read("dead-letters.jsonl"));
    assert!(letters.contains(r#""reason":"future""#) && letters.lines().count() == 1, "{letters}");

    // Where the clock has come to it meanwhile, it stays refused.
    let config = text(&folder.read("run.toml")).replace("\"1h\"", "\"100d\"");
    folder.write("run.toml", config);
    let running = folder.spawn(&RUN);
    append(
        &folder,
        "a.jsonl",
        &[load("n", "l1", start_ms + 5_000, 13), watermark(start_ms + 90_000)],
    );
    wait_for(&folder, start_ms + 6_000);
    end(running);
    assert_eq!(text(&folder.read("dead-letters.jsonl")), letters);
    assert_repeatable(&folder);
}

#[test]
fn a_refusal_that_no_tick_told_of_is_in_the_checkpoint() {
    let folder = followed("max_ahead = \"1h\"\nidle_timeout = \"off\"");
    let start_ms = now_ms() / 1_000 * 1_000 - 60_000;
    let at = |s: i64| start_ms + 1_000 * s;
    append(&folder, "a.jsonl", &[node("n", at(0)), load("n", "l0", at(0), 12), watermark(at(1))]);
    append(&folder, "b.jsonl", &[watermark(at(90))]);
    let running = folder.spawn(&RUN);
    wait_for(&folder, at(1));
    // Ticks close that have nothing to write, so that none tells of it.
    let future = load("n", "f", at(6_000), 99);
    let silent = [watermark(at(20)), future];
    let from = append(&folder, "a.jsonl", &silent) + silent[0].len() as u64 + 1;
    go_on_to_a_checkpoint(&folder, at(30));
    kill(running);

    // By now the clock may have come to it.
    let config = text(&folder.read("run.toml")).replace("\"1h\"", "\"100d\"");
    folder.write("run.toml", config);
    append(&folder, "a.jsonl", &[load("n", "l1", at(50), 13), watermark(at(90))]);
    let running = folder.spawn(&RUN);
    wait_for(&folder, at(51));
    end(running);
    assert_refusal_told(&folder, at(51), from);
    assert_repeatable(&folder);
}

#[test]
fn a_refusal_that_no_tick_told_of_is_told_behind_those_that_are_decided_again() {
    let folder = followed("max_ahead = \"1h\"\nidle_timeout = \"off\"");
    let config = text(&folder.read("run.toml")).replace("\"50ms\"", "\"1h\"");
    folder.write("run.toml", config);
    let start_ms = now_ms() / 1_000 * 1_000 - 60_000;
    let at = |s: i64| start_ms + 1_000 * s;
    append(&folder, "a.jsonl", &[node("n", at(0)), load("n", "l0", at(0), 12), watermark(at(1))]);
    append(&folder, "b.jsonl", &[watermark(at(90))]);
    let running = folder.spawn(&RUN);
    wait_for(&folder, at(1));
    let from = append(&folder, "a.jsonl", &[load("n", "f", at(6_000), 99)]);
    wait_until("the refusal", || text(&folder.read("dead-letters.jsonl")).contains("future"));
    kill(running);

    // Read again with all that came before it, it is refused before the written tick is decided again.
    append(&folder, "a.jsonl", &[load("n", "l1", at(50), 13), watermark(at(90))]);
    let running = folder.spawn(&RUN);
    wait_for(&folder, at(51));
    end(running);
    assert_refusal_told(&folder, at(51), from);
    assert_repeatable(&folder);
}

/// Killed at a checkpoint whose ticks passed over the second file and told of it nowhere, it goes on
/// with what that file brings late, as its replay does. `before`: what the second file brought.
fn assert_goes_on_behind_an_untold_silence(lateness: &str, before: &[String], late: &str) {
    let folder = followed("idle_timeout = \"300ms\"");
    folder.write("run.toml", text(&folder.read("run.toml")).replace("\"0s\"", lateness));
    append(&folder, "a.jsonl", &[node("n", THEN_MS), load("n", "l0", THEN_MS, 12)]);
    append(&folder, "b.jsonl", before);
    let running = folder.spawn(&RUN);
    let at = |s: i64| THEN_MS + 1_000 * s;
    append(&folder, "a.jsonl", &[load("n", "l1", at(1), 14), watermark(at(2))]);
    wait_for(&folder, at(2));
    // Ticks close without the other one that have nothing to write, so that none tells of it.
    go_on_to_a_checkpoint(&folder, at(20));
    kill(running);

    append(&folder, "b.jsonl", &[late.to_owned(), watermark(at(160))]);
    append(&folder, "a.jsonl", &[load("n", "l2", at(150), 15), watermark(at(160))]);
    let running = folder.spawn(&RUN);
    wait_for(&folder, at(151));
    end(running);
    assert_repeatable(&folder);
}

#[test]
fn a_silence_that_no_tick_told_of_is_in_the_checkpoint() {
    let late = load("n", "m1", THEN_MS + 10_000, 30);
    assert_goes_on_behind_an_untold_silence("\"0s\"", &[load("n", "m0", THEN_MS, 13)], &late);
}

#[test]
fn what_comes_after_an_untold_silence_enters_no_tick_of_the_checkpoint() {
    // Its watermark is at 5 s, though it brought something to a tick behind the checkpoint.
    let before = [load("n", "m0", THEN_MS, 13), load("n", "m1", THEN_MS + 100_000, 20)];
    let late = load("n", "m2", THEN_MS + 6_000, 30);
    assert_goes_on_behind_an_untold_silence("\"95s\"", &before, &late);
}
