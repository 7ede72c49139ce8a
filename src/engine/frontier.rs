//! Where event time stands: the least watermark of all partitions that are not passed over.
//!
//! A partition that was read to its head and stayed silent is *passed over*: it holds nobody back,
//! and its next record is admitted behind whatever was closed meanwhile. Where all are, the greatest
//! of their watermarks stands, and the wall clock drives it on if one of them was live when it fell
//! silent. What results never falls.
//!
//! Whom the wall clock passed over is told once for every tick that depends on it, so that it can
//! be written with the tick and be repeated.

use gridweaver_model::Tick;

/// See the module's documentation. Plain data: whoever shares it locks it.
#[derive(Debug, Default)]
pub(super) struct Frontier {
    partitions: Vec<Standing>,
    passages: Vec<Passage>,
    /// What it came to so far.
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

/// A partition that is passed over.
#[derive(Clone, Copy, Debug)]
struct Silence {
    /// The position of its next record.
    position: u64,
    /// Whether it was live when it fell silent.
    was_live: bool,
}

/// One passing over, from falling silent to the next record.
#[derive(Debug)]
struct Passage {
    partition: usize,
    position: u64,
    /// The tick of the partition's own watermark: those before it do not depend on the passing over.
    from: Tick,
    /// The first tick that its next record may enter, once there is one.
    to: Option<Tick>,
    /// All before it was told.
    told: Tick,
}

/// For a tick that is closed: up to which tick a partition was passed over, and from where on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) partition: usize,
    pub(super) position: u64,
    /// The last tick that was closed without it.
    pub(super) tick: Tick,
}

impl Frontier {
    /// `watermarks`: the ticks in which those of the partitions stand.
    pub(super) fn new(watermarks: impl IntoIterator<Item = Tick>) -> Self {
        let partitions =
            watermarks.into_iter().map(|watermark| Standing { watermark, silence: None });
        Self { partitions: partitions.collect(), ..Self::default() }
    }

    /// Takes in a partition that was found while running: it holds nobody back until it brings its
    /// first record, which lies at `position` or behind it. Returns its number.
    pub(super) fn add(&mut self, position: u64) -> usize {
        self.partitions.push(Standing { watermark: 0, silence: None });
        let partition = self.partitions.len() - 1;
        self.pass_over(partition, position, false);
        partition
    }

    /// The tick in which the least watermark stands. `clock`: the tick that the wall clock has come
    /// to, where it may drive.
    pub(super) fn least(&mut self, clock: impl FnOnce() -> Option<Tick>) -> Tick {
        let heard = self.partitions.iter().filter(|partition| partition.is_heard());
        let now = match heard.map(|partition| partition.watermark).min() {
            Some(least) => least,
            None if self.passed_over().next().is_none() => Tick::MAX,
            None => self.all_silent(clock),
        };
        self.reached = self.reached.max(now);
        self.reached
    }

    fn all_silent(&self, clock: impl FnOnce() -> Option<Tick>) -> Tick {
        let mut greatest = 0;
        let mut is_live = false;
        let silences =
            self.partitions.iter().filter_map(|standing| Some((standing, standing.silence?)));
        for (standing, silence) in silences {
            greatest = greatest.max(standing.watermark);
            is_live |= silence.was_live;
        }
        let clock = if is_live { clock() } else { None };
        clock.map_or(greatest, |clock| clock.max(greatest))
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
        self.close_passage(partition, self.reached);
    }

    /// Whether a partition is passed over.
    pub(super) fn is_passed_over(&self, partition: usize) -> bool {
        self.partitions[partition].silence.is_some()
    }

    /// Those that are passed over.
    pub(super) fn passed_over(&self) -> impl Iterator<Item = usize> {
        let numbered = self.partitions.iter().enumerate();
        numbered.filter(|(_, standing)| standing.silence.is_some()).map(|(number, _)| number)
    }

    /// The partition that holds event time where it stands, if one does.
    pub(super) fn holder(&self) -> Option<usize> {
        let heard = self.partitions.iter().enumerate().filter(|(_, standing)| standing.is_heard());
        heard.min_by_key(|(_, standing)| standing.watermark).map(|(number, _)| number)
    }

    /// A partition is passed over from now on; its next record lies at `position` or behind it.
    pub(super) fn pass_over(&mut self, partition: usize, position: u64, was_live: bool) {
        let standing = &mut self.partitions[partition];
        standing.silence = Some(Silence { position, was_live });
        let from = standing.watermark;
        self.passages.push(Passage { partition, position, from, to: None, told: 0 });
    }

    /// A partition that was passed over is heard again. Returns the first tick that it may still
    /// bring records to.
    pub(super) fn hear(&mut self, partition: usize, clock: impl FnOnce() -> Option<Tick>) -> Tick {
        let least = self.least(clock);
        let standing = &mut self.partitions[partition];
        let Some(silence) = standing.silence.take() else { return standing.watermark };
        let to = standing.watermark.max(least);
        standing.watermark = to;
        debug_assert!(self.passages.iter().any(|passage| passage.position == silence.position));
        self.close_passage(partition, to);
        to
    }

    fn close_passage(&mut self, partition: usize, to: Tick) {
        let mut own = self.passages.iter_mut().rev();
        let open = own.find(|passage| passage.partition == partition && passage.to.is_none());
        if let Some(open) = open {
            open.to = Some(to);
        }
    }

    /// Whom a closed tick, or one before it, was closed without: what was not told yet.
    pub(super) fn tell(&mut self, closed: Tick) -> Vec<Told> {
        let mut told = Vec::new();
        for passage in &mut self.passages {
            let end = passage.to.map_or(closed + 1, |to| to.min(closed + 1));
            if end > passage.from.max(passage.told) {
                passage.told = end;
                let Passage { partition, position, .. } = *passage;
                told.push(Told { partition, position, tick: end - 1 });
            }
        }
        self.passages
            .retain(|passage| passage.to.is_none_or(|to| to > passage.from.max(passage.told)));
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn least(frontier: &mut Frontier) -> Tick {
        frontier.least(|| Some(1_000))
    }

    #[test]
    fn a_silent_partition_holds_nobody_back_and_comes_back_behind_what_was_closed() {
        let mut frontier = Frontier::new([5, 5]);
        frontier.advance(1, 20);
        assert_eq!(least(&mut frontier), 5);
        frontier.pass_over(0, 77, false);
        assert_eq!(least(&mut frontier), 20);
        let told = |tick| Told { partition: 0, position: 77, tick };
        assert_eq!(frontier.tell(4), []);
        assert_eq!(frontier.tell(5), [told(5)]);
        assert_eq!(frontier.hear(0, || None), 20);
        frontier.advance(1, 30);
        assert_eq!(least(&mut frontier), 20, "it is heard again");
        assert_eq!(frontier.tell(12), [told(12)], "told for ticks closed later too");
        assert_eq!(frontier.tell(25), [told(19)]);
        assert_eq!(frontier.tell(26), []);
    }

    #[test]
    fn the_clock_drives_only_what_was_live() {
        let mut frontier = Frontier::new([5, 9]);
        frontier.pass_over(1, 1, false);
        frontier.pass_over(0, 1, false);
        assert_eq!(least(&mut frontier), 9, "recorded data does not jump to the present");
        frontier.hear(0, || None);
        frontier.pass_over(0, 2, true);
        assert_eq!(least(&mut frontier), 1_000);
        assert_eq!(frontier.least(|| Some(900)), 1_000, "it never falls");
    }

    #[test]
    fn what_has_ended_counts_for_nothing() {
        let mut frontier = Frontier::new([5, 9]);
        frontier.end(0);
        frontier.pass_over(1, 1, false);
        assert_eq!(least(&mut frontier), 9);
        frontier.end(1);
        assert_eq!(least(&mut frontier), Tick::MAX);
    }

    #[test]
    fn what_is_found_while_running_comes_behind_what_was_closed() {
        let mut frontier = Frontier::new([5]);
        least(&mut frontier);
        let found = frontier.add(0);
        assert_eq!(frontier.of(found), 5);
        frontier.advance(0, 8);
        assert_eq!(frontier.hear(found, || None), 8);
        assert_eq!(frontier.tell(8), [Told { partition: 1, position: 0, tick: 7 }]);
    }
}
