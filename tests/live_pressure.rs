//! Back-pressure with real systems: whoever is slow costs time and nothing else.
//!
//! | test | what happens |
//! | --- | --- |
//! | `a_burst…` | a hundred times the usual rate, nearly all of it in one partition of three |
//! | `an_output_that_stands_still…` | the Kafka that is written to is frozen, longer than a partition may be silent |
//! | `a_reader_that_is_slow…` | orders go to a pipe that is hardly read |
//!
//! Each time memory stays within the budget and what is not read yet is shown as lag; no record is
//! late and no partition is passed over because it was us who did not read it: what is written is
//! what a replay of the topic writes.

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "common/live.rs"]
mod live;

use live::kafka::{self, BROKERS, KafkaBroker, Produced, fresh_topic, seen_values};
use live::lines_of;
use live::program::{Folder, Running, free_address, http_answer, wait_until};
use live::record::line;
use std::fs::File;
use std::io::Read as _;
use std::thread;
use std::time::{Duration, Instant};

/// 2026-03-01T00:00:00Z
const START_MS: i64 = 1_772_323_200_000;
const PARTITIONS: i32 = 3;
const NODES: u64 = 30;
/// What a run may hold besides its budget and what it starts with: buffers of the client library,
/// of the allocator, and the views.
const BEYOND_BUDGET_BYTES: u64 = 80 << 20;

/// A small budget, and little patience with silent partitions.
const ENGINE: &str = "[engine]\ntick = \"1s\"\nlateness = \"1s\"\nidle_timeout = \"2s\"\n\
                      in_flight_records = 5000\nin_flight_bytes = \"4MiB\"\n\
                      dedup_window = \"10s\"\ncheckpoint_every = \"500ms\"\n";

/// Telemetry in three partitions, by event time, most of it in the first.
struct Load {
    topic: String,
    /// Readings made.
    sent: u64,
    /// Records brought to the topic.
    brought: usize,
    time_ms: i64,
}

impl Load {
    fn new() -> Self {
        let topic = fresh_topic("grid", PARTITIONS);
        let mut load = Self { topic, sent: 0, brought: 0, time_ms: START_MS };
        let node = |node: u64| {
            let data = format!(r#""data":{{"node":"n{node}","region":"r{}"}}"#, node % 3);
            (0, line("gis", &format!("n{node}"), "grid.node", START_MS, &data))
        };
        load.bring(&(0..NODES).map(node).collect::<Vec<_>>());
        load.usual(3);
        load
    }

    fn bring(&mut self, lines: &[(i32, String)]) {
        self.brought += lines.len();
        let records: Vec<Produced<'_>> = lines
            .iter()
            .map(|(partition, line)| Produced {
                partition: *partition,
                value: Some(line.as_bytes()),
                timestamp: None,
            })
            .collect();
        kafka::produce_records(BROKERS, &self.topic, &records);
    }

    fn reading(&mut self, partition: i32) -> (i32, String) {
        self.sent += 1;
        let (number, node) = (self.sent, self.sent % NODES);
        let data = format!(
            r#""data":{{"node":"n{node}","generation_mw":{},"load_mw":{}}}"#,
            number % 17,
            number % 13
        );
        let source = format!("scada/{partition}");
        (partition, line(&source, &number.to_string(), "grid.telemetry", self.time_ms, &data))
    }

    /// So many seconds of event time, ten readings in each of every partition.
    fn usual(&mut self, seconds: u32) {
        let mut lines = Vec::new();
        for _ in 0..10 * seconds {
            self.time_ms += 100;
            lines.extend((0..PARTITIONS).map(|partition| self.reading(partition)));
        }
        self.bring(&lines);
    }

    /// So many seconds of event time at a hundred times the usual rate; of a hundred readings the
    /// last partition gets one, the second nine.
    fn burst(&mut self, seconds: u32) {
        let mut lines = Vec::new();
        for number in 0..3_000 * seconds {
            if number % 3 == 0 {
                self.time_ms += 1;
            }
            let partition = match number % 100 {
                0 => 2,
                1..=9 => 1,
                _ => 0,
            };
            lines.push(self.reading(partition));
        }
        self.bring(&lines);
    }

    /// Nothing comes any more: all that is open can be closed.
    fn end(&mut self) {
        self.time_ms += 10_000;
        let promised = |partition: i32| {
            let source = format!("scada/{partition}");
            (partition, line(&source, "end", "source.watermark", self.time_ms, r#""data":{}"#))
        };
        self.bring(&(0..PARTITIONS).map(promised).collect::<Vec<_>>());
    }

    /// What a replay of all of it writes.
    fn decided(&self, folder: &Folder) -> Vec<String> {
        let input = format!("kafka://{BROKERS}/{}", self.topic);
        let arguments = ["replay", "--config", "run.toml", "--output", "again.jsonl", "--input"];
        folder.run(&[&arguments[..], &[&input]].concat()).well();
        lines_of(&folder.read("again.jsonl"))
    }
}

/// A run under a load, and what is seen of it.
struct Pressed {
    folder: Folder,
    address: String,
    running: Running,
    memory_bytes: u64,
}

impl Pressed {
    fn start(load: &Load, folder: Folder, sink: &str) -> Self {
        let address = free_address();
        let source = format!(
            "[[source]]\nkind = \"kafka\"\nbrokers = [\"{BROKERS}\"]\ntopics = [\"{}\"]\n",
            load.topic
        );
        let http = format!("[http]\nlisten = \"{address}\"\n");
        folder.write("run.toml", format!("{ENGINE}{http}{source}{sink}"));
        let running = folder.spawn(&["run", "run.toml"]);
        Self { folder, address, running, memory_bytes: 0 }
    }

    /// What it holds once it is at its usual load.
    fn note_memory(&mut self) {
        self.memory_bytes = self.running.memory_bytes("VmRSS:");
    }

    /// The sum of a figure over all partitions.
    fn figure(&self, name: &str) -> f64 {
        let text = http_answer(&self.address, "/metrics");
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    fn ticks(&self) -> f64 {
        self.figure("gridweaver_ticks_total")
    }

    /// What must hold whatever happens outside.
    fn assert_within_budget(&self) {
        let in_flight = self.figure("gridweaver_in_flight_records");
        // Besides the budget there may be the tick that all wait for, and a batch of each partition.
        let most = 5_000 + 3_000 + 3 * 1_250;
        assert!(in_flight <= f64::from(most), "{in_flight} records in flight");
        // One that was read to its end may be.
        let text = http_answer(&self.address, "/metrics");
        for partition in (0..PARTITIONS).map(|number| format!("/{number}\"}} ")) {
            let of = |name: &str| {
                let mut lines = text.lines().filter(|line| line.starts_with(name));
                lines.find_map(|line| line.split_once(&partition)).map(|(_, figure)| figure)
            };
            let is_taken_for_silent = of("gridweaver_partition_passed_over") == Some("1");
            let lag = of("gridweaver_partition_lag");
            assert!(!is_taken_for_silent || lag == Some("0.0"), "taken for silent: {text}");
        }
        let grown = self.running.memory_bytes("VmRSS:").saturating_sub(self.memory_bytes);
        assert!(grown < (4 << 20) + BEYOND_BUDGET_BYTES, "{grown} bytes more than at first");
    }

    /// Watches it until everything is decided; returns the greatest lag seen.
    fn watch_until_read(&self, load: &Load) -> f64 {
        let mut lag_max: f64 = 0.0;
        wait_until("the end of the topic", || {
            self.assert_within_budget();
            lag_max = lag_max.max(self.figure("gridweaver_partition_lag"));
            self.figure("gridweaver_partition_position") == load.brought as f64
                && self.figure("gridweaver_in_flight_records") == 0.0
        });
        lag_max
    }

    fn end(self) -> Folder {
        assert_eq!(self.figure("gridweaver_partition_late_records"), 0.0, "late");
        self.running.signal("TERM");
        self.running.finish().well();
        self.folder
    }
}

const TO_A_FILE: &str = "[[sink]]\nkind = \"file\"\npath = \"orders.jsonl\"\n";

#[test]
fn a_burst_over_skewed_partitions_stays_within_the_budget_and_nothing_is_late() {
    let mut load = Load::new();
    let mut pressed = Pressed::start(&load, Folder::new(), TO_A_FILE);
    wait_until("a tick", || pressed.ticks() > 0.0);
    pressed.note_memory();
    load.usual(2);
    // To the run it comes all at once; that it was held up itself says nothing of the partitions.
    pressed.running.signal("STOP");
    load.burst(150);
    load.usual(2);
    load.end();
    pressed.running.signal("CONT");
    let lag_max = pressed.watch_until_read(&load);
    assert!(lag_max > 50_000.0, "{lag_max} records of lag were shown at most");
    let folder = pressed.end();
    assert!(lines_of(&folder.read("orders.jsonl")) == load.decided(&folder));
}

#[test]
fn an_output_that_stands_still_holds_everything_back_and_nobody_is_taken_for_silent() {
    let broker = KafkaBroker::start();
    let orders = broker.address();
    for topic in ["orders", "orders.ticks"] {
        kafka::create_topic(&orders, topic, 1, &[("retention.ms", "-1")]);
    }
    let mut load = Load::new();
    let sink = format!(
        "[[sink]]\nkind = \"kafka\"\nbrokers = [\"{orders}\"]\ntopic = \"orders\"\n\
         transactional_id = \"orders\"\n"
    );
    let mut pressed = Pressed::start(&load, Folder::new(), &sink);
    wait_until("a tick", || pressed.ticks() > 0.0);
    pressed.note_memory();
    broker.freeze();
    load.burst(30);
    load.end();
    let begun = Instant::now();
    wait_until("that it reads no more", || {
        let before = pressed.figure("gridweaver_partition_position");
        thread::sleep(Duration::from_millis(500));
        before > 1_000.0 && pressed.figure("gridweaver_partition_position") == before
    });
    // Longer than a partition may be silent.
    while begun.elapsed() < Duration::from_secs(8) {
        pressed.assert_within_budget();
        thread::sleep(Duration::from_millis(100));
    }
    let lag = pressed.figure("gridweaver_partition_lag");
    assert!(lag > 50_000.0, "{lag} records of lag are shown");
    broker.thaw();
    pressed.watch_until_read(&load);
    let folder = pressed.end();
    let is_tick = |line: &String| live::is_tick_closed(line);
    let (ticks, records): (Vec<String>, Vec<String>) =
        load.decided(&folder).into_iter().partition(is_tick);
    assert!(seen_values(&orders, "orders") == records);
    assert!(seen_values(&orders, "orders.ticks") == ticks);
}

#[test]
fn a_reader_that_is_slow_slows_all_down_and_nothing_else() {
    let mut load = Load::new();
    let folder = Folder::new();
    let pipe = folder.pipe("pipe");
    let sink = "[[sink]]\nkind = \"file\"\npath = \"pipe\"\n";
    let reader = thread::spawn(move || {
        let mut pipe = File::open(pipe).unwrap();
        let (mut text, mut piece) = (Vec::new(), vec![0; 16 << 10]);
        loop {
            let length = pipe.read(&mut piece).unwrap();
            if length == 0 {
                return text;
            }
            text.extend_from_slice(&piece[..length]);
            thread::sleep(Duration::from_millis(40));
        }
    });
    let mut pressed = Pressed::start(&load, folder, sink);
    wait_until("a tick", || pressed.ticks() > 0.0);
    pressed.note_memory();
    load.burst(20);
    load.end();
    pressed.watch_until_read(&load);
    let folder = pressed.end();
    let text = reader.join().unwrap();
    assert!(lines_of(&text) == load.decided(&folder));
}
