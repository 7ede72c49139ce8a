//! Random numbers that a seed repeats on every machine (SplitMix64).
#![allow(dead_code, reason = "each test file uses a part of its helpers")]

/// A sequence of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).unwrap()
    }

    /// From `least` to `greatest`, both included.
    pub(crate) fn between(&mut self, least: i64, greatest: i64) -> i64 {
        least + i64::try_from(self.next() % (greatest - least + 1).unsigned_abs()).unwrap()
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
    }
}

/// Those of [`seeds`], and `kept` ones that once showed something wrong, if not one alone is asked
/// for.
pub(crate) fn seeds_and_kept(usual: u64, kept: &[u64]) -> Vec<u64> {
    let mut all = seeds(usual);
    if std::env::var_os("GRIDWEAVER_SEED").is_none() {
        all.extend_from_slice(kept);
        all.sort_unstable();
        all.dedup();
    }
    all
}

/// The seeds of a test: `GRIDWEAVER_SEED=n` only that one, `GRIDWEAVER_SEEDS=n` the first `n`, else
/// `usual` of them.
pub(crate) fn seeds(usual: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    match number("GRIDWEAVER_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("GRIDWEAVER_SEEDS").unwrap_or(usual)).collect(),
    }
}
