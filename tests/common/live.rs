//! A run from one real system to others, and what a run over files makes of the same records.
//!
//! Kafka is the one that `scripts/services start kafka` starts; each run with NATS has a server of
//! its own.

#![allow(dead_code, reason = "each test file uses a part of it")]

#[path = "../../connectors/tests/common/kafka.rs"]
pub(crate) mod kafka;
#[path = "../../connectors/tests/common/nats.rs"]
pub(crate) mod nats;
#[path = "program.rs"]
pub(crate) mod program;
#[path = "record.rs"]
pub(crate) mod record;

use kafka::{BROKERS, fresh_topic, produce, seen_values};
use nats::{Admin, NatsServer};
use program::{Folder, Running, wait_until};
use record::line;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

pub(crate) const DAY: &[u8] = include_bytes!("../../data/rts-gmlc-day.jsonl.zst");
pub(crate) const RUN: [&str; 2] = ["run", "run.toml"];
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    File,
    Kafka,
    Nats,
}
pub(crate) use System::{File, Kafka, Nats};

/// A stream of records and what is decided of it.
pub(crate) struct Stream {
    pub(crate) lines: Vec<String>,
    /// By output.
    pub(crate) expected: Vec<Vec<String>>,
}

impl Stream {
    /// The first records of the bundled day, and a watermark that closes their last tick.
    pub(crate) fn of_day(records: usize, outputs: usize) -> Self {
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
pub(crate) fn decided(lines: &[String], outputs: usize) -> Vec<Vec<String>> {
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
pub(crate) const ENGINE: &str = "[engine]\nstale_after = \"15m\"\nidle_timeout = \"off\"\n\
                      in_flight_records = 1000\ncheckpoint_every = \"100ms\"\n";

pub(crate) fn lines_of(text: &[u8]) -> Vec<String> {
    String::from_utf8(text.to_vec()).unwrap().lines().map(str::to_owned).collect()
}

pub(crate) fn is_tick_closed(line: &str) -> bool {
    line.contains(r#""type":"dispatch.tick_closed""#)
}

pub(crate) fn now_ms() -> i64 {
    i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
}

/// Readings of one node, each another one, at the times that are asked for.
pub(crate) fn loads() -> impl FnMut(i64) -> String {
    let mut count = 0;
    move |time_ms| {
        count += 1;
        let load_mw = 12 + count % 9;
        let data = format!(r#""data":{{"node":"n","generation_mw":10,"load_mw":{load_mw}}}"#);
        line("scada", &count.to_string(), "grid.telemetry", time_ms, &data)
    }
}

/// Puts records into one partition of a topic.
pub(crate) fn bring_to(topic: &str, partition: i32, lines: &[String]) {
    let records: Vec<kafka::Produced<'_>> = lines
        .iter()
        .map(|line| kafka::Produced { partition, value: Some(line.as_bytes()), timestamp: None })
        .collect();
    kafka::produce_records(BROKERS, topic, &records);
}

/// A configuration from one system to others, and what is there before it runs.
pub(crate) struct Live {
    pub(crate) folder: Folder,
    pub(crate) from: System,
    pub(crate) to: Vec<System>,
    pub(crate) input: String,
    pub(crate) output: String,
    pub(crate) brokers: String,
    pub(crate) nats: Option<(NatsServer, Admin)>,
}

impl Live {
    pub(crate) fn new(from: System, to: &[System], lines: &[String]) -> Self {
        Self::at(BROKERS, from, to, lines)
    }

    /// With another Kafka than the one that `scripts/services` starts.
    pub(crate) fn at(brokers: &str, from: System, to: &[System], lines: &[String]) -> Self {
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

    pub(crate) fn configuration(&self, engine: &str) -> String {
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
    pub(crate) fn bring(&self, lines: &[String]) {
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

    /// Connects anew to its NATS server, which was started again.
    pub(crate) fn meet_nats_again(&mut self) {
        let (server, admin) = self.nats.as_mut().unwrap();
        *admin = server.admin();
    }

    /// What each output holds; of Kafka the records, then the ends of ticks.
    pub(crate) fn outputs(&self) -> Vec<Vec<String>> {
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
    pub(crate) fn expected(&self, stream: &Stream) -> Vec<Vec<String>> {
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
    pub(crate) fn is_whole(&self, stream: &Stream) -> bool {
        let wanted: Vec<usize> = stream.expected.iter().map(Vec::len).collect();
        self.outputs().iter().map(Vec::len).eq(wanted)
    }

    /// Lets it run until it dies at a step.
    pub(crate) fn dies_at(&self, step: &str) {
        let mut command = self.folder.command(&RUN);
        command.env("GRIDWEAVER_DIES_AT", step).stderr(Stdio::null());
        let mut running = Running(command.spawn().unwrap());
        wait_until(step, || running.0.try_wait().unwrap().is_some());
        assert!(running.finish().code.is_none(), "{step}: it ended otherwise");
    }

    /// Lets it come to the end of the stream, and ends it.
    pub(crate) fn run_to_end(&self, stream: &Stream) {
        let running = self.folder.spawn(&RUN);
        self.wait_and_end(running, stream);
    }

    pub(crate) fn wait_and_end(&self, mut running: Running, stream: &Stream) {
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
        // That it stood still where something outside did is rightly told.
        let mut complaints =
            ran.stderr.lines().filter(|line| !line.contains("event time has stood"));
        assert_eq!((ran.code, complaints.next()), (Some(0), None), "{ran:?}");
    }

    pub(crate) fn assert_same(&self, what: &str, stream: &Stream) {
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

    /// What was written to a file is what the topic's replay writes that repeats the clock's choices.
    pub(crate) fn assert_repeatable(&self) {
        let input = format!("kafka://{}/{}", self.brokers, self.input);
        let arguments =
            ["--config", "run.toml", "--ticks", "orders.jsonl", "--output", "again.jsonl"];
        let replay = ["replay", "--input", &input].into_iter().chain(arguments);
        self.folder.run(&replay.collect::<Vec<_>>()).well();
        let (held, again) = (
            lines_of(&self.folder.read("orders.jsonl")),
            lines_of(&self.folder.read("again.jsonl")),
        );
        for (number, (held, again)) in (1..).zip(held.iter().zip(&again)) {
            assert_eq!(held, again, "record {number}");
        }
        assert!(held.len() <= again.len());
    }
}
