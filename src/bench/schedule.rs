//! What is sent when: a synthetic grid and its stream, shifted to the present.

use crate::generate::{Request, START, Unsuited, records};
use gridweaver_model::encode::encode;
use gridweaver_model::{Data, Millis, Record, Rules, Text, Time};
use std::collections::BTreeMap;

/// What to put on the pipeline.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The grid, the rate and the seed; how long it lasts and whether it is punctual follow from
    /// the rest.
    pub request: Request,
    /// How long is sent before it is measured; the grid itself is sent at its beginning.
    pub warmup: Millis,
    /// How long is measured.
    pub duration: Millis,
}

/// A record to be sent.
pub(super) struct Due {
    /// When, and its own time.
    pub(super) time: Time,
    pub(super) partition: usize,
    pub(super) line: Vec<u8>,
}

/// All records in the order in which they are to be sent, from `start` on. The tail behind what is
/// measured closes its last tick.
pub(super) fn schedule(
    load: &Load,
    rules: &Rules,
    start: Time,
    partitions: usize,
) -> Result<impl Iterator<Item = Due> + Send + use<>, Unsuited> {
    let regions = load.request.regions;
    if regions < partitions {
        return Err(Unsuited::because(format!(
            "{regions} regions for {partitions} partitions: each needs one, or it holds back the watermark; give --regions {partitions}"
        )));
    }
    let tail = Millis(2 * rules.tick.0 + rules.lateness.0 + 1_000);
    let duration = load.warmup + load.duration + tail;
    let request = Request { duration, is_punctual: true, ..load.request };
    let mut sources: BTreeMap<Text, usize> = BTreeMap::new();
    let records = records(&request)?;
    Ok(records.map(move |mut record| {
        shift(&mut record, start - START);
        let source = &mut record.envelope.version.source;
        // Regions come first, so that each partition has one; they never fall silent.
        let number = sources.len();
        let partition = *sources.entry(source.clone()).or_insert(number) % partitions;
        // What an earlier load sent is not what this one sends again.
        *source = format!("bench-{}/{source}", start.0).into();
        let mut line = Vec::new();
        encode(&record, &mut line);
        Due { time: record.time(), partition, line }
    }))
}

/// Moves all that a record says of times.
fn shift(record: &mut Record, by: Millis) {
    let time = &mut record.envelope.version.time;
    *time = *time + by;
    if let Data::Bid(bid) = &mut record.data {
        bid.start = bid.start + by;
        bid.end = bid.end + by;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time(1_800_000_000_000);

    fn dues(partitions: usize) -> Vec<Due> {
        let load =
            Load { request: Request::default(), warmup: Millis(5_000), duration: Millis(60_000) };
        schedule(&load, &Rules::default(), START, partitions).ok().unwrap().collect()
    }

    #[test]
    fn it_begins_when_it_shall_and_never_goes_back() {
        let dues = dues(1);
        assert_eq!(dues[0].time, START);
        assert!(dues.is_sorted_by_key(|due| due.time));
        assert!(dues.last().unwrap().time >= START + Millis(65_000) + Rules::default().lateness);
        let time = format!(r#""time":"{}""#, dues[0].time);
        assert!(String::from_utf8_lossy(&dues[0].line).contains(&time));
    }

    #[test]
    fn no_partition_is_silent_for_a_second() {
        let dues = dues(8);
        for partition in 0..8 {
            let times = dues.iter().filter(|due| due.partition == partition).map(|due| due.time.0);
            let mut times = times.collect::<Vec<_>>().into_iter();
            let mut last = times.next().unwrap();
            assert_eq!(last, START.0);
            for time in times {
                assert!(time - last < 10_000, "{partition}: {}", time - last);
                last = time;
            }
        }
    }

    #[test]
    fn more_partitions_than_regions_are_refused() {
        let load =
            Load { request: Request::default(), warmup: Millis(0), duration: Millis(60_000) };
        assert!(schedule(&load, &Rules::default(), START, 9).is_err());
    }
}
