//! Identities seen within the dedup window, each with its sequence and the last tick in which it
//! is remembered.
//!
//! Open addressing with 32 bytes a slot, in shards. An identity is a hash already: its upper bits
//! choose the shard, its lower ones the place, so that slots stand in the order of their hashes
//! and a rebuild runs through memory once. Nothing is ever taken out; an entry whose tick is over
//! counts as absent, its slot is taken by the next that comes by, and a rebuild leaves it behind.
//!
//! It promises that memory follows what is remembered: a shard is rebuilt at the size of its live
//! entries when it fills up, and every new tick looks at one shard that may have become too large.
//! Each shard has a fill limit of its own, or all would grow in the same tick.
//!
//! Ticks never fall: what has once expired may be gone when an earlier tick asks.

use gridweaver_model::Tick;

const SHARDS: usize = 64;
/// Shards are rebuilt when this share of their slots is used, the first of them at `FILL_LEAST`.
const FILL_LEAST: usize = 52;
const FILL_MOST: usize = FILL_LEAST + SHARDS / 3;
/// What a rebuild leaves used. Far enough below the limits that rebuilds are rare.
const FILL_REBUILT: usize = 36;
const LEAST_SLOTS: usize = 16;

// Every probe ends at a slot that is not used.
const _: () = assert!(FILL_REBUILT < FILL_LEAST && FILL_MOST < 80 && LEAST_SLOTS > 4);

/// See the module's documentation.
pub struct Remembered {
    shards: Vec<Shard>,
    /// The latest tick that was asked about: what ended before it is forgotten.
    now: Tick,
}

#[derive(Clone, Copy)]
struct Slot {
    identity: u128,
    sequence: u64,
    /// The first tick in which it is forgotten; 0 where the slot was never used.
    end: Tick,
}

/// A slot as it is kept: in plain words, which the allocator hands out zeroed, so that a new shard
/// is not written before it is used.
type Words = [u64; 4];

const UNUSED: Words = [0; 4];

struct Shard {
    slots: Vec<Words>,
    /// Slots that hold an entry, live or not.
    used: usize,
    /// The most that may be used of a hundred.
    fill: usize,
}

impl Remembered {
    /// Remembers nothing.
    #[must_use]
    pub fn new() -> Self {
        let shard = |number| Shard { slots: Vec::new(), used: 0, fill: FILL_LEAST + number / 3 };
        Self { shards: (0..SHARDS).map(shard).collect(), now: 0 }
    }

    /// Brings the slots of some identities near, all at once: one at a time, [`Remembered::seen`]
    /// waits for memory most of its time. Twelve or so is a good number. Changes nothing.
    pub fn approach(&self, identities: &[u128]) {
        let touched = identities.iter().map(|identity| {
            let shard = &self.shards[shard_of(*identity)];
            shard.slots.get(shard.home(*identity)).map_or(0, |words| Slot::of(words).end)
        });
        std::hint::black_box(touched.fold(0, |all, end| all ^ end));
    }

    /// The sequence of an identity where it is remembered in that tick.
    pub fn seen(&mut self, identity: u128, tick: Tick) -> Option<u64> {
        if tick > self.now {
            self.now = tick;
            let number = usize::try_from(tick).unwrap_or(0) % SHARDS;
            self.shards[number].shrink(tick);
        }
        let slot = self.shards[shard_of(identity)].find(identity)?;
        (slot.end > tick).then_some(slot.sequence)
    }

    /// Remembers an identity up to and including the tick `until`, instead of what was remembered
    /// of it before.
    pub fn insert(&mut self, identity: u128, sequence: u64, until: Tick) {
        let slot = Slot { identity, sequence, end: until.saturating_add(1) };
        self.shards[shard_of(identity)].insert(&slot, self.now);
    }

    /// How many identities are remembered in that tick. It looks at every slot.
    #[must_use]
    pub fn len(&self, tick: Tick) -> usize {
        self.shards.iter().map(|shard| shard.live(tick)).sum()
    }

    /// What is remembered in the latest tick that was asked about, in no order: (identity,
    /// sequence, last tick). Inserting all of it into an empty memory gives the same memory.
    #[must_use]
    pub fn entries(&self) -> Vec<(u128, u64, Tick)> {
        let slots = self.shards.iter().flat_map(|shard| &shard.slots);
        let live = slots.map(Slot::of).filter(|slot| slot.end > self.now);
        live.map(|slot| (slot.identity, slot.sequence, slot.end - 1)).collect()
    }

    /// The memory that is held, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.slots.capacity() * size_of::<Words>()).sum()
    }
}

impl Default for Remembered {
    fn default() -> Self {
        Self::new()
    }
}

fn shard_of(identity: u128) -> usize {
    (identity >> 64) as usize % SHARDS
}

impl Slot {
    fn of([low, high, sequence, end]: &Words) -> Self {
        let identity = u128::from(*high) << 64 | u128::from(*low);
        Self { identity, sequence: *sequence, end: *end }
    }

    fn words(&self) -> Words {
        [self.identity as u64, (self.identity >> 64) as u64, self.sequence, self.end]
    }
}

impl Shard {
    /// Where an identity belongs: its lower half as a fraction of all slots.
    fn home(&self, identity: u128) -> usize {
        let fraction = u128::from(identity as u64);
        ((fraction * self.slots.len() as u128) >> 64) as usize
    }

    fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }

    fn find(&self, identity: u128) -> Option<Slot> {
        let mut at = self.home(identity);
        loop {
            let slot = Slot::of(self.slots.get(at)?);
            if slot.end == 0 {
                return None;
            }
            if slot.identity == identity {
                return Some(slot);
            }
            at = self.after(at);
        }
    }

    fn insert(&mut self, new: &Slot, now: Tick) {
        if (self.used + 1) * 100 > self.slots.len() * self.fill {
            self.rebuild(now);
        }
        let mut at = self.home(new.identity);
        let mut over = None;
        loop {
            let slot = Slot::of(&self.slots[at]);
            if slot.end == 0 || slot.identity == new.identity {
                break;
            }
            if slot.end <= now && over.is_none() {
                over = Some(at);
            }
            at = self.after(at);
        }
        let unused = Slot::of(&self.slots[at]).end == 0;
        // The place of one that is over serves again; what stands behind it is still found.
        let place = over.filter(|_| unused).unwrap_or(at);
        self.used += usize::from(unused && place == at);
        self.slots[place] = new.words();
    }

    fn live(&self, tick: Tick) -> usize {
        self.slots.iter().filter(|words| Slot::of(words).end > tick).count()
    }

    /// Gives memory back where most of it holds nothing any more.
    fn shrink(&mut self, now: Tick) {
        if self.slots.len() > LEAST_SLOTS && self.slots.len() > 2 * slots_for(self.live(now)) {
            self.rebuild(now);
        }
    }

    /// Moves what is live to as many slots as it needs.
    fn rebuild(&mut self, now: Tick) {
        let slots = vec![UNUSED; slots_for(self.live(now))];
        let old = std::mem::replace(&mut self.slots, slots);
        self.used = 0;
        for words in old.into_iter().filter(|words| Slot::of(words).end > now) {
            let mut at = self.home(Slot::of(&words).identity);
            while Slot::of(&self.slots[at]).end != 0 {
                at = self.after(at);
            }
            self.slots[at] = words;
            self.used += 1;
        }
    }
}

fn slots_for(live: usize) -> usize {
    (live * 100 / FILL_REBUILT).max(LEAST_SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// A hash of a small number, for tests that need many identities.
    fn spread(number: u64) -> u128 {
        let mixed = u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        mixed ^ (mixed >> 61)
    }

    #[derive(Clone, Debug)]
    enum Step {
        Ask(u64),
        Insert(u64, u64, Tick),
        Advance(Tick),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..300u64).prop_map(Step::Ask),
            8 => (0..300u64, any::<u64>(), 0..12u64).prop_map(|(a, b, c)| Step::Insert(a, b, c)),
            1 => (0..6u64).prop_map(Step::Advance),
        ]
    }

    proptest! {
        #[test]
        fn agrees_with_a_map(
            crowded in any::<bool>(),
            steps in prop::collection::vec(step(), 1..2000),
        ) {
            // Crowded: all in one shard, with places that collide and wrap around.
            let identity = |number: u64| match crowded {
                true => u128::from(u64::MAX - number % 3) | (u128::from(number) << 70),
                false => spread(number),
            };
            let mut memory = Remembered::new();
            let mut map = BTreeMap::<u128, (u64, Tick)>::new();
            let mut tick = 0;
            for step in steps {
                match step {
                    Step::Ask(number) => {
                        let asked = identity(number);
                        memory.approach(&[asked, !asked]);
                        let kept = map.get(&asked).filter(|(_, until)| *until >= tick);
                        prop_assert_eq!(memory.seen(asked, tick), kept.map(|kept| kept.0));
                    }
                    Step::Insert(number, sequence, ticks) => {
                        // As its caller does: what is inserted in a tick was asked about in it.
                        let _ = memory.seen(identity(number), tick);
                        memory.insert(identity(number), sequence, tick + ticks);
                        map.insert(identity(number), (sequence, tick + ticks));
                    }
                    Step::Advance(ticks) => tick += ticks,
                }
            }
            map.retain(|_, (_, until)| *until >= tick);
            let kept = map.into_iter().map(|(key, value)| (key, value.0, value.1));
            let kept: Vec<_> = kept.collect();
            prop_assert_eq!(memory.len(tick), kept.len());
            let _ = memory.seen(0, tick);
            let mut entries = memory.entries();
            entries.sort_unstable();
            prop_assert_eq!(entries, kept);
        }
    }

    #[test]
    fn an_identity_is_remembered_up_to_its_last_tick() {
        let mut memory = Remembered::new();
        memory.insert(7, 3, 10);
        assert_eq!(memory.seen(7, 10), Some(3));
        memory.insert(7, 5, 12);
        assert_eq!(memory.seen(7, 12), Some(5));
        assert_eq!(memory.seen(7, 13), None);
        assert_eq!(memory.seen(8, 13), None);
        memory.insert(7, 0, Tick::MAX);
        assert_eq!(memory.seen(7, Tick::MAX - 1), Some(0));
    }

    #[test]
    fn memory_follows_what_is_remembered() {
        let (mut memory, mut number, mut peak) = (Remembered::new(), 0, 0);
        let window = 20;
        for tick in 0..400 {
            for _ in 0..if tick < 200 { 2000 } else { 20 } {
                assert_eq!(memory.seen(spread(number), tick), None);
                memory.insert(spread(number), number, tick + window);
                number += 1;
            }
            peak = peak.max(memory.bytes());
        }
        let live = 2000 * usize::try_from(window + 1).unwrap();
        assert!(peak < live * 32 * 4, "{peak} bytes for {live} entries");
        assert!(memory.bytes() < peak / 20, "{} of {peak} bytes", memory.bytes());
        assert_eq!(memory.entries().len(), 20 * 21);
    }

    #[test]
    fn shards_do_not_all_grow_at_once() {
        let mut memory = Remembered::new();
        let (mut most, mut growths) = (0, 0);
        for batch in 0..2000u64 {
            let before: Vec<usize> = memory.shards.iter().map(|shard| shard.slots.len()).collect();
            for number in batch * 100..(batch + 1) * 100 {
                memory.insert(spread(number), 0, 1);
            }
            let grown =
                memory.shards.iter().zip(before).filter(|(shard, old)| shard.slots.len() > *old);
            let grown = grown.count();
            growths += grown;
            if batch > 200 {
                most = most.max(grown);
            }
        }
        assert!(growths > SHARDS, "{growths}");
        assert!(most < SHARDS / 4, "{most} shards of {SHARDS} in one batch");
    }
}
