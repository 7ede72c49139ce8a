//! Identities seen within the dedup window, each with its sequence and the last tick in which it
//! is remembered.
//!
//! In shards, which an identity's bits choose: it is a hash already. The entries of a shard stand in
//! the order in which they came, 32 bytes each, and memory is not touched before one comes. They
//! are found by open addressing: a place has a number, that of its entry, and a tag of one byte, 0
//! where nothing ever stood, else bits of the identity. Most of what is asked about was never seen,
//! and the tags say so; they fit the caches where the entries do not. Nothing is ever taken out: an
//! entry whose tick is over counts as absent, and a rebuild leaves it behind.
//!
//! It promises that memory follows what is remembered: a shard that is full is rebuilt with room
//! for its live entries and some more, and every new tick looks at one shard that may have become
//! too large. Each shard gets a share of room of its own, or all would grow in the same tick.
//!
//! Ticks never fall: what has once expired may be gone when an earlier tick asks.

use gridweaver_model::Tick;

const SHARDS: usize = 64;
/// The room that a rebuild gives for a hundred live entries: the first shard gets the least, each
/// more than the one before. Enough that rebuilds are rare.
const ROOM_PERCENT_MIN: usize = 144;
/// The least room that a rebuild gives.
const ROOM_MIN: usize = 12;
/// How many of a hundred places are used when a shard is full. Every probe ends at one that is not.
const FILL: usize = 75;

/// See the module's documentation.
pub struct Remembered {
    shards: Vec<Shard>,
    /// The latest tick that was asked about: what ended before it is forgotten.
    now: Tick,
}

#[derive(Clone, Copy)]
struct Entry {
    identity: u128,
    sequence: u64,
    /// The first tick in which it is forgotten.
    end: Tick,
}

/// The tag of a place where nothing ever stood.
const UNUSED: u8 = 0;

struct Shard {
    /// At most `room`, live or not.
    entries: Vec<Entry>,
    room: usize,
    /// Of each place.
    tags: Vec<u8>,
    /// Of each place, where the tag says that it is used.
    numbers: Vec<u32>,
    /// The room that a rebuild gives for a hundred live entries.
    room_percent: usize,
}

impl Remembered {
    /// Remembers nothing.
    #[must_use]
    pub fn new() -> Self {
        let shard = |number| Shard {
            entries: Vec::new(),
            room: 0,
            tags: Vec::new(),
            numbers: Vec::new(),
            room_percent: ROOM_PERCENT_MIN + number,
        };
        Self { shards: (0..SHARDS).map(shard).collect(), now: 0 }
    }

    /// Brings the tags of some identities near, all at once: one at a time, [`Remembered::admit`]
    /// waits for memory most of its time. Twelve or so is a good number. Changes nothing.
    pub fn approach(&self, identities: &[u128]) {
        let touched = identities.iter().map(|identity| {
            let shard = &self.shards[shard_of(*identity)];
            shard.tags.get(shard.home(*identity)).copied().unwrap_or(UNUSED)
        });
        std::hint::black_box(touched.fold(UNUSED, |all, tag| all ^ tag));
    }

    /// The sequence of an identity where it is remembered in that tick.
    pub fn seen(&mut self, identity: u128, tick: Tick) -> Option<u64> {
        self.advance(tick);
        let shard = &self.shards[shard_of(identity)];
        let entry = &shard.entries[shard.find(identity).ok()?];
        (entry.end > tick).then_some(entry.sequence)
    }

    /// Remembers an identity up to and including the tick `until`, unless it is remembered in that
    /// `tick` already; says whether it was not.
    pub fn admit(&mut self, identity: u128, sequence: u64, until: Tick, tick: Tick) -> bool {
        self.advance(tick);
        let shard = &mut self.shards[shard_of(identity)];
        shard.make_room(tick);
        let found = shard.find(identity);
        if found.is_ok_and(|number| shard.entries[number].end > tick) {
            return false;
        }
        shard.put(found, Entry { identity, sequence, end: until.saturating_add(1) });
        true
    }

    fn advance(&mut self, tick: Tick) {
        if tick > self.now {
            self.now = tick;
            let number = usize::try_from(tick).unwrap_or(0) % SHARDS;
            self.shards[number].shrink(tick);
        }
    }

    /// Remembers an identity up to and including the tick `until`, instead of what was remembered
    /// of it before.
    pub fn insert(&mut self, identity: u128, sequence: u64, until: Tick) {
        let shard = &mut self.shards[shard_of(identity)];
        shard.make_room(self.now);
        let found = shard.find(identity);
        shard.put(found, Entry { identity, sequence, end: until.saturating_add(1) });
    }

    /// How many identities are remembered in that tick. It looks at every entry.
    #[must_use]
    pub fn len(&self, tick: Tick) -> usize {
        self.shards.iter().map(|shard| shard.live(tick).count()).sum()
    }

    /// What is remembered in the latest tick that was asked about, in no order: (identity,
    /// sequence, last tick). Inserting all of it into an empty memory gives the same memory.
    #[must_use]
    pub fn entries(&self) -> Vec<(u128, u64, Tick)> {
        let live = self.shards.iter().flat_map(|shard| shard.live(self.now));
        live.map(|entry| (entry.identity, entry.sequence, entry.end - 1)).collect()
    }

    /// The memory that is held, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(Shard::bytes).sum()
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

/// Never that of a place where nothing stood.
fn tag_of(identity: u128) -> u8 {
    (identity >> 120) as u8 | 1
}

impl Shard {
    /// Where an identity belongs: its lower half as a fraction of all places.
    fn home(&self, identity: u128) -> usize {
        let fraction = u128::from(identity as u64);
        ((fraction * self.tags.len() as u128) >> 64) as usize
    }

    /// The number of an identity's entry; else the unused place where it would be put.
    fn find(&self, identity: u128) -> Result<usize, usize> {
        let tag = tag_of(identity);
        let mut at = self.home(identity);
        loop {
            // Where there is no place yet, there is no tag.
            let seen = self.tags.get(at).copied().unwrap_or(UNUSED);
            if seen == UNUSED {
                return Err(at);
            }
            if seen == tag {
                let number = self.numbers[at] as usize;
                if self.entries[number].identity == identity {
                    return Ok(number);
                }
            }
            at = if at + 1 == self.tags.len() { 0 } else { at + 1 };
        }
    }

    fn put(&mut self, found: Result<usize, usize>, entry: Entry) {
        match found {
            Ok(number) => self.entries[number] = entry,
            Err(place) => {
                self.refer(place, entry.identity, self.entries.len());
                self.entries.push(entry);
            }
        }
    }

    /// Puts the number of an identity's entry at a place.
    fn refer(&mut self, place: usize, identity: u128, number: usize) {
        self.tags[place] = tag_of(identity);
        self.numbers[place] = u32::try_from(number).expect("fewer than 2^32 entries in a shard");
    }

    /// Makes sure that one more fits.
    fn make_room(&mut self, now: Tick) {
        if self.entries.len() == self.room {
            self.rebuild(now);
        }
    }

    /// What is remembered in a tick.
    fn live(&self, tick: Tick) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.end > tick)
    }

    fn room_for(&self, live: usize) -> usize {
        (live * self.room_percent / 100).max(ROOM_MIN)
    }

    /// Gives memory back where most of it holds nothing any more.
    fn shrink(&mut self, now: Tick) {
        if self.room > ROOM_MIN && self.room > 2 * self.room_for(self.live(now).count()) {
            self.rebuild(now);
        }
    }

    /// Keeps what is live, with as much room as it needs.
    fn rebuild(&mut self, now: Tick) {
        self.entries.retain(|entry| entry.end > now);
        self.room = self.room_for(self.entries.len());
        self.entries.shrink_to(self.room);
        self.entries.reserve_exact(self.room - self.entries.len());
        let places = self.room * 100 / FILL;
        (self.tags, self.numbers) = (vec![UNUSED; places], vec![0; places]);
        for number in 0..self.entries.len() {
            let identity = self.entries[number].identity;
            let place = self.find(identity).expect_err("an identity has one entry");
            self.refer(place, identity, number);
        }
    }

    fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + self.tags.len() * (size_of::<u8>() + size_of::<u32>())
    }
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
        Admit(u64, u64, Tick),
        Advance(Tick),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..300u64).prop_map(Step::Ask),
            4 => (0..300u64, any::<u64>(), 0..12u64).prop_map(|(a, b, c)| Step::Insert(a, b, c)),
            8 => (0..300u64, any::<u64>(), 0..12u64).prop_map(|(a, b, c)| Step::Admit(a, b, c)),
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
                    Step::Admit(number, sequence, ticks) => {
                        let is_new =
                            map.get(&identity(number)).is_none_or(|(_, until)| *until < tick);
                        let admitted = memory.admit(identity(number), sequence, tick + ticks, tick);
                        prop_assert_eq!(admitted, is_new);
                        if is_new {
                            map.insert(identity(number), (sequence, tick + ticks));
                        }
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
        assert!(peak < live * 32 * 3, "{peak} bytes for {live} entries");
        assert!(memory.bytes() < peak / 20, "{} of {peak} bytes", memory.bytes());
        assert_eq!(memory.entries().len(), 20 * 21);
    }

    #[test]
    fn shards_do_not_all_grow_at_once() {
        let mut memory = Remembered::new();
        let (mut most, mut growths) = (0, 0);
        for batch in 0..2000u64 {
            let before: Vec<usize> = memory.shards.iter().map(|shard| shard.room).collect();
            for number in batch * 100..(batch + 1) * 100 {
                memory.insert(spread(number), 0, 1);
            }
            let grown = memory.shards.iter().zip(before).filter(|(shard, old)| shard.room > *old);
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
