//! Back-pressure: nobody reads ahead of what is durable, so a sink that stalls costs time and
//! nothing else; and an end that is asked for leaves whole ticks.
//!
//! | family | promise |
//! | --- | --- |
//! | `a_stalled…` | reading stops, memory stays flat, then nothing is lost or reordered |
//! | `reading_stops…` | at the budget and one tick, to the record |
//! | `partitions…`, `an_empty…` | event time far apart neither blocks nor costs |
//! | `a_signal…` | exit code 0, whole ticks, the open tick not decided; it can go on from there |
//!
//! `GRIDWEAVER_LONG=1` stalls for 30 s before 5 million records; `GRIDWEAVER_BINARY` names another
//! build of the program for it.

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]
#![allow(clippy::print_stdout, reason = "figures, for whoever asks for them with --nocapture")]

#[path = "common/playing.rs"]
mod playing;
#[path = "common/program.rs"]
mod program;
#[path = "common/random.rs"]
mod random;
#[path = "common/record.rs"]
mod record;

use gridweaver::connectors::{Guarantee, Sink, SinkError};
use gridweaver::engine::{Limits, Output, Recorded, run};
use gridweaver::model::{Rules, Time};
use playing::{MemorySource, Play, assert_same, lines};
use program::{Folder, Running, wait_until};
use random::Random;
use std::fs::{self, File};
use std::io::{BufWriter, Read as _, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// 2026-03-01T00:00:00Z
const START_MS: i64 = 1_772_323_200_000;
const NODES: u64 = 40;

/// Telemetry of a few nodes in two regions that help each other: `records` of it, `gap_ms` apart.
fn telemetry(out: &mut impl Write, from_ms: i64, records: u64, gap_ms: i64, prefix: &str) {
    let mut random = Random::new(records);
    let mut line = |ms: i64, id: &str, type_name: &str, data: &str| {
        let rest = format!(r#""data":{{{data}}}"#);
        writeln!(out, "{}", record::line(prefix, id, type_name, ms, &rest)).unwrap();
    };
    for node in 0..NODES {
        let (region, next) = (if node < NODES / 2 { "A" } else { "B" }, (node + 1) % NODES);
        let data = format!(r#""node":"n{node}","region":"{region}""#);
        line(from_ms, &format!("n{node}"), "grid.node", &data);
        let data = format!(r#""line":"l{node}","from":"n{node}","to":"n{next}","capacity_mw":30"#);
        line(from_ms, &format!("l{node}"), "grid.line", &data);
    }
    for number in 0..records {
        let node = random.next() % NODES;
        let (generation, load) = (random.between(0, 20), random.between(0, 19));
        let data = format!(r#""node":"n{node}","generation_mw":{generation},"load_mw":{load}"#);
        let ms = from_ms + i64::try_from(number).unwrap() * gap_ms;
        line(ms, &format!("t{number}"), "grid.telemetry", &data);
    }
}

fn write_telemetry(folder: &Folder, name: &str, from_ms: i64, records: u64, gap_ms: i64) {
    let file = File::create(folder.path().join(name)).unwrap();
    let mut out = BufWriter::new(file);
    telemetry(&mut out, from_ms, records, gap_ms, name);
    out.flush().unwrap();
}

/// The text of a partition in memory.
fn text(records: u64, gap_ms: i64) -> Arc<Vec<u8>> {
    let mut text = Vec::new();
    telemetry(&mut text, START_MS, records, gap_ms, "s");
    Arc::new(text)
}

/// How far a process has read a file that it holds open.
fn read_to(running: &Running, name: &str) -> u64 {
    let process = format!("/proc/{}", running.0.id());
    for entry in fs::read_dir(format!("{process}/fd")).unwrap().map(Result::unwrap) {
        let is_it = fs::read_link(entry.path()).is_ok_and(|path| path.ends_with(name));
        if is_it {
            let number = entry.file_name().into_string().unwrap();
            let info = fs::read_to_string(format!("{process}/fdinfo/{number}")).unwrap();
            let position = info.lines().find_map(|line| line.strip_prefix("pos:")).unwrap();
            return position.trim().parse().unwrap();
        }
    }
    0
}

#[test]
fn a_stalled_sink_keeps_memory_flat_and_loses_nothing() {
    let is_long = std::env::var_os("GRIDWEAVER_LONG").is_some();
    let (records, stall, budget) = if is_long {
        (5_000_000, Duration::from_secs(30), "engine.in_flight_records=262144")
    } else {
        (200_000, Duration::from_secs(3), "engine.in_flight_records=20000")
    };
    let folder = Folder::new();
    write_telemetry(&folder, "in.jsonl", START_MS, records, 40);
    let length = fs::metadata(folder.path().join("in.jsonl")).unwrap().len();
    let pipe = folder.pipe("pipe");
    let running = folder.spawn(&[
        "replay",
        "--input",
        "in.jsonl",
        "--set",
        budget,
        "--output",
        "pipe",
        "--dead-letters",
        "dead.jsonl",
    ]);
    let mut reader = File::open(pipe).unwrap();
    let begun = Instant::now();
    // Stalled: nothing has been read for half a second.
    let mut before = (0, Instant::now());
    wait_until("the stall", || {
        let now = read_to(&running, "in.jsonl");
        if now != before.0 {
            before = (now, Instant::now());
        }
        now > 0 && before.1.elapsed() > Duration::from_millis(500)
    });
    let first = running.memory_bytes("VmRSS:");
    thread::sleep(stall.saturating_sub(begun.elapsed()));
    let last = running.memory_bytes("VmRSS:");
    assert_eq!(read_to(&running, "in.jsonl"), before.0, "nobody reads on while the sink stalls");
    assert!(before.0 < length, "all of it was read: there was no stall");
    assert!(last.abs_diff(first) <= 64 << 20, "from {first} to {last} bytes");
    let mut found = Vec::new();
    let resumed = Instant::now();
    reader.read_to_end(&mut found).unwrap();
    println!(
        "{records} records; stalled for {stall:?} at byte {} of {length}; \
         resident from {first} to {last} bytes; the rest in {:?}",
        before.0,
        resumed.elapsed()
    );
    running.finish().well();
    folder.run(&["replay", "--input", "in.jsonl", "--output", "plain.jsonl"]).well();
    assert_same("after the stall", &folder.read("plain.jsonl"), &found);
}

/// A sink that takes nothing until it is let.
#[derive(Clone, Default)]
struct Held {
    is_open: Arc<(Mutex<bool>, Condvar)>,
}

impl Held {
    fn open(&self) {
        *self.is_open.0.lock().unwrap() = true;
        self.is_open.1.notify_all();
    }
}

impl Sink for Held {
    fn name(&self) -> &str {
        "held"
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::BestEffort
    }

    fn append(&mut self, _: &[u8]) -> Result<(), SinkError> {
        let (is_open, opened) = &*self.is_open;
        drop(opened.wait_while(is_open.lock().unwrap(), |is_open| !*is_open).unwrap());
        Ok(())
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

#[test]
fn reading_stops_at_the_budget_and_one_tick() {
    // 100 records a tick of 4 s.
    for (records, workers) in [(1, 1), (500, 1), (500, 2), (4_000, 3)] {
        let play = Play {
            workers,
            limits: Limits { records, bytes: 1 << 30, skew_max: 3 },
            ..Play::by(&Rules::default())
        };
        let source = MemorySource::new(0, text(20_000, 40), usize::MAX);
        let sink = Held::default();
        let mut job = play.job(vec![Box::new(source)]);
        job.outputs.push(Output {
            sink: Box::new(sink.clone()),
            types: Vec::new(),
            from: None,
            recorded: Recorded::default(),
        });
        let progress = Arc::clone(&job.progress);
        let running = thread::spawn(move || run(job).unwrap());
        let read = || progress.records.load(Ordering::Relaxed);
        let mut before = (0, Instant::now());
        wait_until("the stall", || {
            if read() != before.0 {
                before = (read(), Instant::now());
            }
            read() > 0 && before.1.elapsed() > Duration::from_millis(300)
        });
        // What closes the first tick: the grid's description, 4 s of telemetry, 2 s of lateness.
        let (tick, batch) = (2 * NODES + 100 + 50, (records / 4).clamp(1, 2_048));
        assert!(read() <= records + tick + batch, "{} of {records}", read());
        sink.open();
        let outcome = running.join().unwrap();
        assert_eq!(outcome.reading.read, 20_000 + 2 * NODES);
        assert_eq!(outcome.written.tally.outcomes.admitted(), outcome.reading.read);
    }
}

#[test]
fn partitions_ten_minutes_apart_come_to_their_end() {
    let folder = Folder::new();
    write_telemetry(&folder, "early.jsonl", START_MS, 4_000, 50);
    write_telemetry(&folder, "late.jsonl", START_MS + 600_000, 4_000, 50);
    let inputs = ["replay", "--input", "early.jsonl", "late.jsonl", "--output"];
    folder.run(&[&inputs[..], &["plain.jsonl"]].concat()).well();
    for workers in ["1", "2"] {
        let small = ["out.jsonl", "--set", "engine.in_flight_records=1000", "--workers", workers];
        let running = folder.spawn(&[&inputs[..], &small].concat());
        let mut running = running;
        wait_until("its end", || running.0.try_wait().unwrap().is_some());
        running.finish().well();
        assert_same("a small budget", &folder.read("plain.jsonl"), &folder.read("out.jsonl"));
    }
}

#[test]
fn an_empty_year_costs_nothing() {
    let folder = Folder::new();
    let year_ms = 365 * 86_400_000;
    let whose = r#""bid":"b","participant":"v","program":"p""#;
    let window = r#""start":"2026-03-01T00:00:00Z","end":"2026-09-01T00:00:00Z""#;
    let lines = [
        (0, "grid.node", r#""node":"a","region":"A""#.to_owned()),
        (0, "dr.program", r#""program":"p","region":"A","capacity_mw":9"#.to_owned()),
        (0, "dr.bid", format!(r#"{whose},"price":1,"min_mw":0,"max_mw":5,{window}"#)),
        (1, "grid.telemetry", r#""node":"a","generation_mw":10,"load_mw":18"#.to_owned()),
        (year_ms, "grid.telemetry", r#""node":"a","generation_mw":10,"load_mw":9"#.to_owned()),
    ];
    let text = lines.iter().enumerate().map(|(id, (ms, type_name, data))| {
        let rest = format!(r#""data":{{{data}}}"#);
        record::line("s", &id.to_string(), type_name, START_MS + ms, &rest) + "\n"
    });
    folder.write("in.jsonl", text.collect::<String>());
    let begun = Instant::now();
    folder.run(&["replay", "--input", "in.jsonl", "--output", "out.jsonl"]).well();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let orders = String::from_utf8(folder.read("out.jsonl")).unwrap();
    let ticks = orders.matches("dispatch.tick_closed").count();
    // The first, the last, and where the meter goes stale or the bid expires.
    assert!((3..=6).contains(&ticks), "{ticks} ticks closed in a year of which 2 held records");
    let verify = ["verify", "--input", "in.jsonl", "--orders", "out.jsonl"];
    assert_eq!(folder.run(&verify).well(), b"no breach\n");
}

/// A folder with a stream of 10 minutes, what is decided of it, and a configuration that follows
/// or reads it.
fn followed(follow: bool, folder: &Folder) {
    folder.write(
        "run.toml",
        format!(
            "[[source]]\nkind = \"file\"\npaths = [\"in.jsonl\"]\nfollow = {follow}\n\
             [[sink]]\nkind = \"file\"\npath = \"orders.jsonl\"\n"
        ),
    );
}

/// Whole ticks of the uninterrupted output, the open one not decided.
fn assert_whole_ticks(uninterrupted: &[u8], found: &[u8]) {
    assert!(!found.is_empty() && found.len() < uninterrupted.len());
    assert_same("up to the end", &uninterrupted[..found.len()], found);
    let last = String::from_utf8(lines(found).last().unwrap().to_vec()).unwrap();
    assert!(last.contains(r#""type":"dispatch.tick_closed""#), "{last}");
}

#[test]
fn a_signal_ends_a_followed_file_at_whole_ticks() {
    for signal in ["INT", "TERM"] {
        let folder = Folder::new();
        write_telemetry(&folder, "in.jsonl", START_MS, 6_000, 100);
        folder.run(&["replay", "--input", "in.jsonl", "--output", "whole.jsonl"]).well();
        let whole = folder.read("whole.jsonl");
        followed(true, &folder);
        let running = folder.spawn(&["run", "run.toml"]);
        // 600 s of event time: the watermark comes to stand in the last tick but one, at the least.
        let reached = Time(START_MS + 590_000).to_string();
        wait_until("the last ticks", || {
            folder.holds("orders.jsonl")
                && String::from_utf8_lossy(&folder.read("orders.jsonl")).contains(&reached[..18])
        });
        running.signal(signal);
        let ended = running.finish();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "SIG{signal}");
        let found = folder.read("orders.jsonl");
        assert_whole_ticks(&whole, &found);
        // It goes on from there.
        followed(false, &folder);
        folder.run(&["run", "run.toml"]).well();
        assert_same("resumed", &whole, &folder.read("orders.jsonl"));
    }
}

#[test]
fn a_signal_ends_a_silent_pipe_at_whole_ticks() {
    for signal in ["INT", "TERM"] {
        let folder = Folder::new();
        write_telemetry(&folder, "in.jsonl", START_MS, 3_000, 100);
        folder.run(&["replay", "--input", "in.jsonl", "--output", "whole.jsonl"]).well();
        let pipe = folder.pipe("pipe");
        let running = folder.spawn(&["replay", "--input", "pipe", "--output", "orders.jsonl"]);
        let mut writer = File::options().write(true).open(pipe).unwrap();
        let text = folder.read("in.jsonl");
        let half = text.len() / 2;
        writer.write_all(&text[..half]).unwrap();
        // Half a line is on its way when the signal comes.
        let reached = Time(START_MS + 140_000).to_string();
        wait_until("half of the ticks", || {
            folder.holds("orders.jsonl")
                && String::from_utf8_lossy(&folder.read("orders.jsonl")).contains(&reached[..17])
        });
        running.signal(signal);
        let ended = running.finish();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "SIG{signal}");
        assert_whole_ticks(&folder.read("whole.jsonl"), &folder.read("orders.jsonl"));
        drop(writer);
    }
}
