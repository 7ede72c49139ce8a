//! Twin of admission: which tick each record belongs to, and what becomes of those that belong to
//! none.
//!
//! [`History`] reads partitions record by record and hands out whole ticks in order, each with
//! every row admitted to it. It holds no more than the rows of ticks that some partition may still
//! add to. A partition's admission depends on its own content alone; the order in which partitions
//! are read does not show. Every partition is finite here: a tick is handed out only if a record
//! other than a watermark was admitted to it, and so every tick up to the last one closes.

use gridweaver_model::rules::Late;
use gridweaver_model::{Data, Millis, Reason, Record, Rules, Tick, Time};
use std::collections::BTreeMap;

/// What a place in a partition held: a record, or the reason why it is none.
pub type Read = Result<Record, Reason>;

/// What a partition holds, in its order.
pub type Reads<'a> = Box<dyn Iterator<Item = Read> + 'a>;

/// One record, admitted.
#[derive(Clone, Debug)]
pub struct Row {
    /// The record.
    pub record: Record,
    /// How long before its admission tick its own time lies, where it is late.
    pub late_by: Option<Millis>,
}

/// What was counted of records that never reach a tick's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Places read, whatever they held.
    pub read: u64,
    /// Watermarks.
    pub control: u64,
    /// Refused, by reason.
    pub dead_letters: BTreeMap<Reason, u64>,
}

struct Partition<'a> {
    reads: Reads<'a>,
    watermark: Option<Time>,
    finished: bool,
}

/// The input of a replay, tick by tick.
pub struct History<'a> {
    rules: Rules,
    partitions: Vec<Partition<'a>>,
    waiting: BTreeMap<Tick, Vec<Row>>,
    /// Late records refused under the `dead_letter` policy, by the tick that they came to.
    late_refused: BTreeMap<Tick, u64>,
    reading: Reading,
}

impl<'a> History<'a> {
    /// A history of some partitions, nothing of it read yet.
    #[must_use]
    pub fn new(partitions: Vec<Reads<'a>>, rules: &Rules) -> Self {
        let partitions = partitions
            .into_iter()
            .map(|reads| Partition { reads, watermark: None, finished: false })
            .collect();
        Self {
            rules: rules.clone(),
            partitions,
            waiting: BTreeMap::new(),
            late_refused: BTreeMap::new(),
            reading: Reading::default(),
        }
    }

    /// What was read so far.
    #[must_use]
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// How many late records were refused whose tick is at most this one.
    #[must_use]
    pub fn late_refused_up_to(&self, tick: Tick) -> u64 {
        self.late_refused.range(..=tick).map(|(_, count)| count).sum()
    }

    /// The first tick not handed out yet to which a record was admitted, with all its rows.
    pub fn next_tick(&mut self) -> Option<(Tick, Vec<Row>)> {
        loop {
            let first = self.waiting.keys().next().copied();
            let Some(behind) = self.partition_that_may_add_to(first) else {
                return self.waiting.pop_first();
            };
            self.read_one(behind);
        }
    }

    /// The partition with the least watermark among those that may yet bring a record of this tick
    /// or an earlier one.
    fn partition_that_may_add_to(&self, tick: Option<Tick>) -> Option<usize> {
        let open = |partition: &Partition<'_>| {
            let past = partition.watermark.map(|watermark| self.rules.tick_of(watermark));
            !partition.finished && tick.is_none_or(|tick| past.is_none_or(|past| past <= tick))
        };
        let candidates = self.partitions.iter().enumerate().filter(|(_, each)| open(each));
        candidates.min_by_key(|(_, each)| each.watermark).map(|(at, _)| at)
    }

    fn read_one(&mut self, at: usize) {
        let partition = &mut self.partitions[at];
        let Some(read) = partition.reads.next() else {
            partition.finished = true;
            return;
        };
        self.reading.read += 1;
        let record = match read {
            Ok(record) => record,
            Err(reason) => {
                *self.reading.dead_letters.entry(reason).or_default() += 1;
                return;
            }
        };
        let before = partition.watermark;
        let time = record.time();
        let is_watermark = matches!(record.data, Data::Watermark);
        let promised = if is_watermark { time } else { Time(time.0 - self.rules.lateness.0) };
        partition.watermark = before.max(Some(promised));
        if is_watermark {
            self.reading.control += 1;
        } else {
            self.admit(record, before);
        }
    }

    /// Admits a record to the greater of its own tick and that of its partition's watermark.
    fn admit(&mut self, record: Record, watermark: Option<Time>) {
        let own = self.rules.tick_of(record.time());
        let reached = watermark.map_or(0, |watermark| self.rules.tick_of(watermark));
        let tick = own.max(reached);
        let late_by = (tick > own).then(|| self.rules.start_of(tick) - record.time());
        if late_by.is_some() && self.rules.late == Late::DeadLetter && !record.data.is_fact() {
            *self.reading.dead_letters.entry(Reason::Late).or_default() += 1;
            *self.late_refused.entry(tick).or_default() += 1;
        } else {
            self.waiting.entry(tick).or_default().push(Row { record, late_by });
        }
    }
}
