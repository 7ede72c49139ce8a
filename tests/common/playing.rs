//! The library's engine between partitions in memory and an output in memory.
#![allow(dead_code, reason = "each test file uses a part of its helpers")]

use gridweaver::connectors::{Batch, Guarantee, Progress, Sink, SinkError, Source, SourceError};
use gridweaver::dataflows::twins::replay::reads;
use gridweaver::engine::{DeadLetters, Job, Limits, Outcome, Output, Recorded, run};
use gridweaver::model::decision::reading::{Body, read};
use gridweaver::model::{Decision, Rules, Tick, Time};
use gridweaver::verify::{Breach, verify};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

/// Longer records are refused.
pub(crate) const RECORD_BYTES_MAX: usize = 1 << 20;

/// Far beyond what any replay of these tests takes, on however slow a machine.
const HANGS_AFTER: Duration = Duration::from_secs(60);

/// A partition in memory, read as a file is: lines, blank ones passed over.
pub(crate) struct MemorySource {
    name: String,
    bytes: Arc<Vec<u8>>,
    at: usize,
    /// The most records that one read brings.
    records_max: usize,
}

impl MemorySource {
    pub(crate) fn new(partition: usize, bytes: Arc<Vec<u8>>, records_max: usize) -> Self {
        Self { name: format!("file/{partition}.jsonl/0"), bytes, at: 0, records_max }
    }

    /// From a position on that it told before.
    pub(crate) fn starting_at(self, position: u64) -> Self {
        Self { at: usize::try_from(position).unwrap(), ..self }
    }
}

impl Source for MemorySource {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_finite(&self) -> bool {
        true
    }

    fn read(&mut self, batch: &mut Batch) -> Result<Progress, SourceError> {
        batch.clear();
        while self.at < self.bytes.len() && !batch.is_full() && batch.len() < self.records_max {
            let rest = &self.bytes[self.at..];
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            if !rest[..end].iter().all(u8::is_ascii_whitespace) {
                batch.push(self.at as u64, &[&rest[..end]], end as u64);
            }
            self.at = (self.at + end + 1).min(self.bytes.len());
        }
        Ok(if batch.is_empty() { Progress::Finished } else { Progress::Read })
    }

    fn position(&self) -> u64 {
        self.at as u64
    }

    fn bytes_total(&self) -> Option<u64> {
        Some(self.bytes.len() as u64)
    }

    fn bytes_read(&self) -> u64 {
        self.at as u64
    }
}

/// An output in memory.
#[derive(Clone, Default)]
pub(crate) struct MemorySink {
    pub(crate) text: Arc<Mutex<Vec<u8>>>,
}

impl Sink for MemorySink {
    fn name(&self) -> &str {
        "sink/1"
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::BestEffort
    }

    fn append(&mut self, tick_text: &[u8]) -> Result<(), SinkError> {
        self.text.lock().unwrap().extend_from_slice(tick_text);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// How some partitions are played.
#[derive(Clone)]
pub(crate) struct Play {
    pub(crate) rules: Rules,
    pub(crate) workers: usize,
    pub(crate) limits: Limits,
    /// The most records that one read of a partition brings.
    pub(crate) batch_records: usize,
    pub(crate) open_from: Option<Tick>,
    pub(crate) observed: bool,
}

/// What came of it.
pub(crate) struct Played {
    pub(crate) orders: Vec<u8>,
    pub(crate) dead_letters: Vec<u8>,
    pub(crate) outcome: Outcome,
}

impl Play {
    /// With one worker and the usual limits.
    pub(crate) fn by(rules: &Rules) -> Self {
        Self {
            rules: rules.clone(),
            workers: 1,
            limits: Limits { records: 262_144, bytes: 128 << 20, skew_max: 3 },
            batch_records: usize::MAX,
            open_from: None,
            observed: false,
        }
    }

    /// A job over the sources, with nowhere to write to yet.
    pub(crate) fn job(&self, sources: Vec<Box<dyn Source>>) -> Job {
        let job = Job::new(self.rules.clone(), sources, self.limits, RECORD_BYTES_MAX);
        Job { workers: self.workers, open_from: self.open_from, observed: self.observed, ..job }
    }

    pub(crate) fn sources(&self, sources: Vec<Box<dyn Source>>) -> Played {
        let (orders, letters) = (MemorySink::default(), MemorySink::default());
        let mut job = self.job(sources);
        let sink = Box::new(orders.clone());
        job.outputs.push(Output {
            sink,
            types: Vec::new(),
            from: None,
            recorded: Recorded::default(),
        });
        job.dead_letters = vec![DeadLetters::of_all(Box::new(letters.clone()))];
        let outcome = finished(job);
        let (orders, dead_letters) =
            (orders.text.lock().unwrap().clone(), letters.text.lock().unwrap().clone());
        Played { orders, dead_letters, outcome }
    }

    pub(crate) fn partitions(&self, partitions: &[Arc<Vec<u8>>]) -> Played {
        let sources = partitions.iter().enumerate().map(|(number, bytes)| {
            let source = MemorySource::new(number, Arc::clone(bytes), self.batch_records);
            Box::new(source) as Box<dyn Source>
        });
        self.sources(sources.collect())
    }
}

/// Runs a job that must come to its end: one that hangs fails its test instead of the whole run.
pub(crate) fn finished(job: Job) -> Outcome {
    let (done, waiting) = mpsc::channel();
    // Nobody waits any more where it came too late.
    thread::spawn(move || drop(done.send(run(job))));
    waiting.recv_timeout(HANGS_AFTER).expect("the engine comes to its end").unwrap()
}

/// The decisions of an output, by the end of their tick.
pub(crate) fn decisions(orders: &[u8]) -> BTreeMap<Time, Vec<Decision>> {
    let mut ticks: BTreeMap<Time, Vec<Decision>> = BTreeMap::new();
    for line in lines(orders) {
        let written = read(line).unwrap();
        let tick = ticks.entry(written.time).or_default();
        if let Body::Decision(decision) = written.body {
            tick.push(decision);
        }
    }
    ticks
}

/// What `verify` finds wrong with the orders made from some partitions.
pub(crate) fn breaches(partitions: &[Arc<Vec<u8>>], orders: &[u8], rules: &Rules) -> Vec<Breach> {
    let inputs = partitions.iter().map(|bytes| reads(bytes, RECORD_BYTES_MAX)).collect();
    verify(inputs, gridweaver::verify::lines(orders), rules)
}

/// The lines of a text that ends with a newline.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// Fails with the first line in which two outputs differ.
pub(crate) fn assert_same(what: &str, expected: &[u8], found: &[u8]) {
    if expected == found {
        return;
    }
    let text = |line: Option<&[u8]>| {
        line.map_or("nothing".to_owned(), |line| String::from_utf8_lossy(line).into_owned())
    };
    let (mut left, mut right) = (lines(expected), lines(found));
    for number in 1.. {
        let (one, other) = (left.next(), right.next());
        assert!(
            one == other && one.is_some(),
            "{what}: other bytes from line {number} on\n expected {}\n found    {}",
            text(one),
            text(other)
        );
    }
}
