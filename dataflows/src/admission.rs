//! Watermarks and admission: which tick a record belongs to.
//!
//! A partition's watermark is its greatest event time so far less the allowed lateness, or what a
//! `source.watermark` promised if that is greater; it never falls. A record is admitted to the
//! greater of the tick of its `time` and the tick of the watermark just before it. That makes
//! admission a pure function of the partition's own content, whatever other partitions do.

use gridweaver_model::rules::Late;
use gridweaver_model::{Data, Record, Rules, Tick, Time};
use serde::{Deserialize, Serialize};

/// The watermark of one source partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    watermark: Option<Time>,
}

/// What becomes of a record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It enters this tick. `very_late` where its key may have been forgotten meanwhile.
    Admitted {
        /// The tick.
        tick: Tick,
        /// Late by more than `retention`.
        very_late: bool,
    },
    /// It moved the watermark and is done.
    Control,
    /// It is late, and the late policy refuses it.
    Refused {
        /// The tick that it would have entered.
        tick: Tick,
        /// How late, in milliseconds.
        late_ms: i64,
    },
}

impl Partition {
    /// As it is where all ticks before a time are closed, whoever closed them: what it still brings
    /// to them is late.
    #[must_use]
    pub fn closed_before(mut self, time: Time) -> Self {
        self.raise(time);
        self
    }

    /// Admits a well-formed record and then moves the watermark by it.
    pub fn admit(&mut self, record: &Record, rules: &Rules) -> Admission {
        let time = record.time();
        if matches!(record.data, Data::Watermark) {
            self.raise(time);
            return Admission::Control;
        }
        let own = rules.tick_of(time);
        let tick = own.max(self.tick(rules));
        self.raise(Time(time.0 - rules.lateness.0));
        if tick == own {
            return Admission::Admitted { tick, very_late: false };
        }
        let late_ms = rules.start_of(tick).0 - time.0;
        if rules.late == Late::DeadLetter && !record.data.is_fact() {
            return Admission::Refused { tick, late_ms };
        }
        let very_late = late_ms > rules.retention.0 && !record.data.is_fact();
        Admission::Admitted { tick, very_late }
    }

    /// The watermark, once a record has moved it.
    #[must_use]
    pub fn watermark(&self) -> Option<Time> {
        self.watermark
    }

    /// The tick that the watermark stands in: all before it are complete in this partition.
    #[must_use]
    pub fn tick(&self, rules: &Rules) -> Tick {
        self.watermark.map_or(0, |watermark| rules.tick_of(watermark))
    }

    fn raise(&mut self, to: Time) {
        self.watermark = Some(self.watermark.map_or(to, |now| now.max(to)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gridweaver_model::record::{Envelope, Reserve, Version};
    use gridweaver_model::{Millis, Watts};

    fn record(ms: i64, data: Data) -> Record {
        let version =
            Version { time: Time(ms), sequence: 0, source: "s".into(), id: ms.to_string().into() };
        Record { envelope: Envelope { version, correlation_id: None }, data }
    }

    fn reserve() -> Data {
        Data::Reserve(Reserve { region: "r".into(), reserve: Watts(1) })
    }

    #[test]
    fn a_record_behind_its_own_partition_enters_the_watermarks_tick() {
        let rules = Rules::default();
        let mut partition = Partition::default();
        let admitted = |tick| Admission::Admitted { tick, very_late: false };
        assert_eq!(partition.admit(&record(9_000, reserve()), &rules), admitted(2));
        // The watermark stands at 7 000, in tick 1: what is older enters that tick.
        assert_eq!(partition.admit(&record(1_000, reserve()), &rules), admitted(1));
        assert_eq!(partition.admit(&record(20_000, Data::Watermark), &rules), Admission::Control);
        assert_eq!(partition.admit(&record(9_000, reserve()), &rules), admitted(5));
    }

    #[test]
    fn the_late_policy_refuses_and_says_how_late() {
        let rules = Rules { late: Late::DeadLetter, ..Rules::default() };
        let mut partition = Partition::default();
        partition.admit(&record(20_000, Data::Watermark), &rules);
        assert_eq!(
            partition.admit(&record(9_000, reserve()), &rules),
            Admission::Refused { tick: 5, late_ms: 11_000 }
        );
    }

    #[test]
    fn later_than_retention_is_marked() {
        let rules = Rules { retention: Millis(1_000), ..Rules::default() };
        let mut partition = Partition::default();
        partition.admit(&record(20_000, Data::Watermark), &rules);
        assert_eq!(
            partition.admit(&record(9_000, reserve()), &rules),
            Admission::Admitted { tick: 5, very_late: true }
        );
    }
}
