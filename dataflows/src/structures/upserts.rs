//! The newest value of each key, whatever order its records come in.
//!
//! The greatest version wins: a maximum is commutative, associative and idempotent, so arrival
//! order leaves no trace. A removal is a value too (`None`) and is remembered for `retention`, so
//! that an older record cannot bring the key back; then the key is forgotten.

use gridweaver_model::record::Version;
use gridweaver_model::{Lookup, Rules, Tick};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;

/// See the module's documentation.
pub struct Upserts<K, V> {
    held: Lookup<K, (Version, Option<V>)>,
    /// Removed keys, by the tick in which they are forgotten.
    ending: BTreeMap<Tick, BTreeSet<K>>,
    rules: Rules,
}

/// All that is held: the keys, each with its newest version and value.
pub type UpsertsState<K, V> = Vec<(K, Version, Option<V>)>;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upsert {
    /// It is the newest of its key.
    Newest,
    /// A newer one is held.
    Older,
    /// Its key is not held and may have been forgotten: a removal that it would undo cannot be
    /// known any more.
    Refused,
}

impl<K: Clone + Ord + Hash, V> Upserts<K, V> {
    /// Holds nothing.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        Self { held: Lookup::default(), ending: BTreeMap::new(), rules: rules.clone() }
    }

    /// Offers a record. `very_late`: it is late by more than `retention`.
    pub fn offer(&mut self, key: K, version: Version, value: Option<V>, very_late: bool) -> Upsert {
        match self.held.get_mut(&key) {
            None if very_late => return Upsert::Refused,
            Some((newest, _)) if *newest >= version => return Upsert::Older,
            _ => {}
        }
        if value.is_none() {
            let end = version.time + self.rules.retention;
            let tick = self.rules.first_ending_at_or_after(end);
            self.ending.entry(tick).or_default().insert(key.clone());
        }
        self.held.insert(key, (version, value));
        Upsert::Newest
    }

    /// All that is held, removals too.
    #[must_use]
    pub fn state(&self) -> UpsertsState<K, V>
    where
        V: Clone,
    {
        let held = self.held.iter();
        held.map(|(key, (version, value))| (key.clone(), version.clone(), value.clone())).collect()
    }

    /// Takes what was held; returns the keys.
    pub fn restore(&mut self, state: &UpsertsState<K, V>) -> BTreeSet<K>
    where
        V: Clone,
    {
        for (key, version, value) in state {
            self.offer(key.clone(), version.clone(), value.clone(), false);
        }
        state.iter().map(|(key, ..)| key.clone()).collect()
    }

    /// The value of a key that is there.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.held.get(key)?.1.as_ref()
    }

    /// Forgets the removed keys whose time has come, and returns the next tick that has some.
    pub fn forget(&mut self, tick: Tick) -> Option<Tick> {
        while let Some(entry) = self.ending.first_entry().filter(|entry| *entry.key() <= tick) {
            for key in entry.remove() {
                let gone = self.held.get(&key).is_some_and(|(version, value)| {
                    let end = version.time + self.rules.retention;
                    value.is_none() && self.rules.first_ending_at_or_after(end) <= tick
                });
                if gone {
                    self.held.remove(&key);
                }
            }
        }
        self.ending.keys().next().copied()
    }
}

/// The earlier of two wake-ups.
#[must_use]
pub fn earlier(a: Option<Tick>, b: Option<Tick>) -> Option<Tick> {
    a.into_iter().chain(b).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gridweaver_model::{Millis, Time};

    fn version(ms: i64) -> Version {
        Version { time: Time(ms), sequence: 0, source: "s".into(), id: "i".into() }
    }

    #[test]
    fn a_removal_outlives_older_records_and_is_then_forgotten() {
        let rules = Rules { retention: Millis(8_000), ..Rules::default() };
        let mut upserts = Upserts::new(&rules);
        assert_eq!(upserts.offer("k", version(10_000), None, false), Upsert::Newest);
        assert_eq!(upserts.offer("k", version(9_000), Some(1), false), Upsert::Older);
        assert_eq!(upserts.forget(3), Some(4));
        assert_eq!(upserts.forget(4), None);
        assert_eq!(upserts.offer("k", version(9_000), Some(1), true), Upsert::Refused);
        assert_eq!(upserts.offer("k", version(9_000), Some(1), false), Upsert::Newest);
        assert_eq!(upserts.get(&"k"), Some(&1));
    }
}
