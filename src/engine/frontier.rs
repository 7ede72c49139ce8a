//! Where event time stands: the least watermark of all partitions that are not passed over.
//!
//! A partition that was read to its head and stayed silent is *passed over*: it holds nobody back,
//! and its next record is admitted behind whatever was closed meanwhile. Where all are, the greatest
//! of their watermarks stands, and the wall clock drives it on if one of them was live when it fell
//! silent.
//!
//! Of the partitions that other processes read it knows a summary, a little old: what follows from
//! it may come later than it could, never earlier.

use gridweaver_model::Tick;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// See the module's documentation. Plain data: whoever shares it locks it.
#[derive(Debug, Default)]
pub(super) struct Frontier {
    partitions: Vec<Standing>,
    /// By their numbers, what the other processes say of theirs.
    others: BTreeMap<usize, Summary>,
    /// How far partitions that are passed over may have followed.
    reached: Tick,
}

/// Where one partition stands.
#[derive(Debug)]
struct Standing {
    /// The tick in which its watermark stands; the greatest where it has ended.
    watermark: Tick,
    silence: Option<Silence>,
}

impl Standing {
    /// Whether it may hold others back.
    fn is_heard(&self) -> bool {
        self.silence.is_none() && self.watermark < Tick::MAX
    }
}

/// Of a partition that is passed over.
#[derive(Clone, Copy, Debug)]
struct Silence {
    /// Whether it was live when it fell silent.
    was_live: bool,
}

/// Where the partitions of one process stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Summary {
    /// The least watermark of those that are heard; the greatest tick where none is.
    heard: Tick,
    /// The greatest watermark of those that are passed over, and whether one was live when it fell
    /// silent.
    silent: Option<(Tick, bool)>,
    /// How far those may have followed.
    reached: Tick,
}

/// Who holds event time where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// A partition that is read here, its watermark in this tick.
    Own(usize, Tick),
    /// One that another process reads.
    Other(usize),
    /// None: all are silent or have ended.
    Nobody,
}

impl Frontier {
    /// `watermarks`: the ticks in which those of the partitions stand; `others`: the other
    /// processes, which hold everything until they say where they stand.
    pub(super) fn new(
        watermarks: impl IntoIterator<Item = Tick>,
        others: impl IntoIterator<Item = usize>,
    ) -> Self {
        let partitions =
            watermarks.into_iter().map(|watermark| Standing { watermark, silence: None });
        let others = others.into_iter().map(|process| (process, Summary::default()));
        Self { partitions: partitions.collect(), others: others.collect(), reached: 0 }
    }

    /// Takes in a partition that was found while running: it holds nobody back until it brings its
    /// first record. Returns its number.
    pub(super) fn add(&mut self) -> usize {
        self.partitions.push(Standing { watermark: 0, silence: None });
        let partition = self.partitions.len() - 1;
        self.pass_over(partition, false);
        partition
    }

    /// Takes in what another process says.
    pub(super) fn learn(&mut self, process: usize, summary: Summary) {
        self.others.insert(process, summary);
    }

    /// What the other processes are to know.
    pub(super) fn summary(&self) -> Summary {
        let mut summary = Summary { heard: Tick::MAX, silent: None, reached: self.reached };
        for Standing { watermark, silence } in &self.partitions {
            match silence {
                None => summary.heard = summary.heard.min(*watermark),
                Some(Silence { was_live }) => {
                    let (greatest, is_live) = summary.silent.unwrap_or_default();
                    summary.silent = Some((greatest.max(*watermark), is_live || *was_live));
                }
            }
        }
        summary
    }

    /// The tick in which the least watermark stands. `clock`: the tick that the wall clock has come
    /// to, where it may drive.
    pub(super) fn least(&mut self, clock: impl FnOnce() -> Option<Tick>) -> Tick {
        let mut all = self.summary();
        for other in self.others.values() {
            all.heard = all.heard.min(other.heard);
            all.reached = all.reached.max(other.reached);
            all.silent = match (all.silent, other.silent) {
                (Some((one, is_live)), Some((two, was_live))) => {
                    Some((one.max(two), is_live || was_live))
                }
                (one, two) => one.or(two),
            };
        }
        let least = match all.silent {
            Some((greatest, is_live)) if all.heard == Tick::MAX => {
                let clock = if is_live { clock() } else { None };
                clock.unwrap_or_default().max(greatest).max(all.reached)
            }
            _ => all.heard,
        };
        self.reached = self.reached.max(least);
        least
    }

    /// Where the watermark of a partition stands; of one that is passed over, where all stands.
    pub(super) fn of(&self, partition: usize) -> Tick {
        let standing = &self.partitions[partition];
        if standing.silence.is_some() { self.reached } else { standing.watermark }
    }

    /// A partition has come to a watermark. True: that is news.
    pub(super) fn advance(&mut self, partition: usize, watermark: Tick) -> bool {
        let standing = &mut self.partitions[partition];
        let is_news = standing.watermark != watermark;
        standing.watermark = watermark;
        is_news
    }

    /// A partition has ended: it holds nobody back.
    pub(super) fn end(&mut self, partition: usize) {
        self.partitions[partition] = Standing { watermark: Tick::MAX, silence: None };
    }

    /// Whether a partition is passed over.
    pub(super) fn is_passed_over(&self, partition: usize) -> bool {
        self.partitions[partition].silence.is_some()
    }

    /// Who holds event time where it stands.
    pub(super) fn holder(&self) -> Holder {
        let own = self.partitions.iter().enumerate().filter(|(_, standing)| standing.is_heard());
        let own = own.map(|(number, standing)| {
            (standing.watermark, Holder::Own(number, standing.watermark))
        });
        let others = self.others.iter().filter(|(_, summary)| summary.heard < Tick::MAX);
        let others = others.map(|(process, summary)| (summary.heard, Holder::Other(*process)));
        let least = own.chain(others).min_by_key(|(watermark, _)| *watermark);
        least.map_or(Holder::Nobody, |(_, holder)| holder)
    }

    /// A partition is passed over from now on.
    pub(super) fn pass_over(&mut self, partition: usize, was_live: bool) {
        self.partitions[partition].silence = Some(Silence { was_live });
    }

    /// A partition that was passed over is heard again. Returns the first tick that it may still
    /// bring records to.
    pub(super) fn hear(&mut self, partition: usize, clock: impl FnOnce() -> Option<Tick>) -> Tick {
        self.least(clock);
        let standing = &mut self.partitions[partition];
        if standing.silence.take().is_some() {
            standing.watermark = standing.watermark.max(self.reached);
        }
        standing.watermark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(watermarks: impl IntoIterator<Item = Tick>) -> Frontier {
        Frontier::new(watermarks, [])
    }

    fn least(frontier: &mut Frontier) -> Tick {
        frontier.least(|| Some(1_000))
    }

    #[test]
    fn a_silent_partition_holds_nobody_back_and_comes_back_behind_what_was_closed() {
        let mut frontier = alone([5, 5]);
        frontier.advance(1, 20);
        assert_eq!(least(&mut frontier), 5);
        frontier.pass_over(0, false);
        assert_eq!(least(&mut frontier), 20);
        assert_eq!(frontier.hear(0, || None), 20);
        frontier.advance(1, 30);
        assert_eq!(least(&mut frontier), 20, "it is heard again");
    }

    #[test]
    fn the_clock_drives_only_what_was_live() {
        let mut frontier = alone([5, 9]);
        frontier.pass_over(1, false);
        frontier.pass_over(0, false);
        assert_eq!(least(&mut frontier), 9, "recorded data does not jump to the present");
        frontier.hear(0, || None);
        frontier.pass_over(0, true);
        assert_eq!(least(&mut frontier), 1_000);
        assert_eq!(frontier.least(|| Some(900)), 1_000, "it never falls");
    }

    #[test]
    fn what_has_ended_counts_for_nothing() {
        let mut frontier = alone([5, 9]);
        frontier.end(0);
        frontier.pass_over(1, false);
        assert_eq!(least(&mut frontier), 9);
        frontier.end(1);
        assert_eq!(least(&mut frontier), Tick::MAX);
    }

    #[test]
    fn what_is_found_while_running_comes_behind_what_was_closed() {
        let mut frontier = alone([5]);
        least(&mut frontier);
        let found = frontier.add();
        assert_eq!(frontier.of(found), 5);
        frontier.advance(0, 8);
        assert_eq!(frontier.hear(found, || None), 8);
    }

    #[test]
    fn what_others_read_counts_as_what_is_read_here() {
        let (mut one, mut two) = (Frontier::new([5], [1]), Frontier::new([9], [0]));
        assert_eq!(least(&mut one), 0, "nobody goes on before all have said where they stand");
        let tell = |from: &Frontier, to: &mut Frontier, process| to.learn(process, from.summary());
        tell(&one, &mut two, 0);
        tell(&two, &mut one, 1);
        assert_eq!([least(&mut one), least(&mut two)], [5, 5]);
        assert_eq!([one.holder(), two.holder()], [Holder::Own(0, 5), Holder::Other(0)]);
        one.pass_over(0, true);
        assert_eq!(least(&mut one), 9);
        two.pass_over(0, false);
        tell(&two, &mut one, 1);
        assert_eq!(least(&mut one), 1_000, "all are silent");
        tell(&one, &mut two, 0);
        assert_eq!(two.least(|| None), 1_000, "one clock is enough");
        assert_eq!(two.hear(0, || None), 1_000, "behind what was closed meanwhile");
    }

    #[test]
    fn who_was_heard_elsewhere_unnoticed_is_waited_for_by_what_is_not_closed_yet() {
        let mut frontier = Frontier::new([5], [1]);
        let heard = |heard| Summary { heard, silent: None, reached: 0 };
        frontier.learn(1, heard(20));
        frontier.pass_over(0, false);
        assert_eq!(least(&mut frontier), 20);
        frontier.learn(1, heard(15));
        assert_eq!(least(&mut frontier), 15, "its records still enter these ticks");
        assert_eq!(frontier.hear(0, || None), 20, "this one has followed further");
    }
}
