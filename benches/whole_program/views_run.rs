//! The engine's decoder and views in one loop on one thread, without timely.
//!
//! Records are admitted as an intake does, wait by tick in batches of one family, and are closed
//! once the watermark has passed. Decisions are written as text, but without digests and made
//! durable only once.

use crate::chain::Chain;
use anyhow::{anyhow, ensure};
use gridweaver::connectors::file::{FileSink, FileSource, NamedFile, Options, Start};
use gridweaver::connectors::{Batch, Progress, Sink, Source};
use gridweaver::dataflows::admission::{Admission, Partition};
use gridweaver::dataflows::closing::ClosedTick;
use gridweaver::dataflows::row::{Family, Row};
use gridweaver::model::{Rules, Tick, decode};
use std::collections::BTreeMap;
use std::path::Path;

/// As the engine's intake has it.
const BATCH_RECORDS: usize = 2_048;
const BATCH_ROWS: usize = 128;

/// Rows that wait for their tick to close.
#[derive(Default)]
struct Waiting {
    batches: BTreeMap<Tick, Vec<Vec<Row>>>,
    filling: BTreeMap<(Tick, Family), Vec<Row>>,
}

impl Waiting {
    fn put(&mut self, tick: Tick, row: Row) {
        let rows = self.filling.entry((tick, row.family())).or_default();
        if rows.capacity() == 0 {
            rows.reserve_exact(BATCH_ROWS);
        }
        rows.push(row);
        if rows.len() == BATCH_ROWS {
            self.batches.entry(tick).or_default().push(std::mem::take(rows));
        }
    }

    fn first(&self) -> Option<Tick> {
        let full = self.batches.keys().next().copied();
        full.into_iter().chain(self.filling.keys().next().map(|(tick, _)| *tick)).min()
    }

    fn take(&mut self, tick: Tick) -> Vec<Vec<Row>> {
        let mut batches = self.batches.remove(&tick).unwrap_or_default();
        while let Some(entry) = self.filling.first_entry().filter(|entry| entry.key().0 <= tick) {
            batches.push(entry.remove());
        }
        batches
    }
}

/// The views, and where their decisions go.
struct Loop {
    rules: Rules,
    chain: Chain,
    waiting: Waiting,
    sink: FileSink,
    ticks: u64,
    duplicates: u64,
    decisions: u64,
}

/// Returns the number of records read, and what was decided.
pub(crate) fn run(input: &Path, output: &Path) -> anyhow::Result<(u64, String)> {
    let options = Options::default();
    let name = input.to_str().ok_or_else(|| anyhow!("a path that is text"))?;
    let mut source = FileSource::open(NamedFile::new(name, Path::new("")), &options)?;
    let rules = Rules::default();
    let mut all = Loop {
        chain: Chain::new(&rules),
        waiting: Waiting::default(),
        sink: FileSink::open("sink", output, Start::Anew)?.sink,
        ticks: 0,
        duplicates: 0,
        decisions: 0,
        rules: rules.clone(),
    };
    let (mut partition, mut batch) = (Partition::default(), Batch::new(BATCH_RECORDS));
    let (mut read, mut end) = (0, 0);
    while source.read(&mut batch)? == Progress::Read {
        for (_, line) in batch.iter() {
            let record = decode(line, options.record_bytes_max);
            let record = record.map_err(|refusal| anyhow!("{}", refusal.detail))?;
            let admission = partition.admit(&record, &rules);
            let Admission::Admitted { tick, very_late: false } = admission else { continue };
            all.waiting.put(tick, Row { record, origin: None });
            end = end.max(tick + 1);
        }
        read += batch.len() as u64;
        all.close_before(partition.tick(&rules))?;
    }
    ensure!(source.position() > 0, "the stream is empty");
    all.close_before(end)?;
    all.sink.commit()?;
    let Loop { chain, ticks, duplicates, decisions, .. } = all;
    let mut detail =
        format!("{ticks} ticks, {duplicates} duplicates, {decisions} decisions; ms in");
    for (name, spent) in chain.spent() {
        detail += &format!(" {name} {}", spent.as_millis());
    }
    Ok((read, detail))
}

impl Loop {
    /// Closes all ticks before this one in which anything happens.
    fn close_before(&mut self, end: Tick) -> anyhow::Result<()> {
        loop {
            let next = self.waiting.first().into_iter().chain(self.chain.next_wake()).min();
            let Some(tick) = next.filter(|tick| *tick < end) else { return Ok(()) };
            let rows = self.waiting.take(tick);
            for closed in self.chain.close(tick, rows) {
                self.write(&closed)?;
            }
        }
    }

    fn write(&mut self, closed: &ClosedTick) -> anyhow::Result<()> {
        self.ticks += 1;
        self.duplicates += closed.outcomes.duplicates;
        let end = self.rules.end_of(closed.tick);
        let mut text = Vec::new();
        for decision in &closed.decisions {
            self.decisions += 1;
            decision.write_line(&mut text, end, self.decisions);
            text.push(b'\n');
        }
        self.sink.append(&text)?;
        Ok(())
    }
}
