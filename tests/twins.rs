//! Every view against its slow twin: at any time the state of the dataflow is what a plain
//! recomputation from the same bytes comes to, field by field.
//!
//! What stands (orders, plans, relief, commitments) the twin projects from the records that the
//! engine wrote; all else it works out from the input alone. Seen at ticks' ends and between them,
//! before the first and after the last, on one worker and on three, over one partition or several.
//!
//! `GRIDWEAVER_SEEDS=n` tries the first `n` seeds, `GRIDWEAVER_SEED=n` that one alone.

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "common/comparing.rs"]
mod comparing;
#[path = "common/hostile.rs"]
mod hostile;
#[path = "common/playing.rs"]
mod playing;
#[path = "common/random.rs"]
mod random;
#[path = "common/record.rs"]
mod record;
#[path = "common/streams.rs"]
mod streams;
#[path = "common/world.rs"]
mod world;

use comparing::{States, differences};
use gridweaver::model::Time;
use playing::Play;
use random::{Random, seeds_and_kept};
use streams::{Manner, Stream};

/// Seeds with what is rare: transfers whose areas are renamed to names that others bear (17, 222),
/// a program that is removed under a confirmed order (18, 85, 99), a record that is very late on a
/// key that the same tick brings (118, 226).
const KEPT: [u64; 7] = [17, 18, 85, 99, 118, 222, 226];

#[test]
fn every_view_is_its_twins() {
    let mut broken = Vec::new();
    for seed in seeds_and_kept(12, &KEPT) {
        let stream = Stream::random(seed, Manner::Unpunctual);
        let mut random = Random::new(seed);
        let partitions = stream.cut(1 + random.below(3), &mut random);
        let states = States::new(&stream.rules, &partitions);
        let (first, last) = stream.span();
        let mut looks = vec![first - 10_000, first, last + 1_000_000];
        looks.extend((0..6).map(|_| random.between(first, last)));
        looks.sort_unstable();
        for look in looks {
            for workers in [1, 3] {
                let play = Play { workers, ..Play::by(&stream.rules) };
                let differ = states.differ(&play, &partitions, Time(look));
                if let Some(first) = differ.first() {
                    let count = differ.len();
                    broken
                        .push(format!("seed {seed}, {workers} workers, {first} ({count} differ)"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{} states differ:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn a_difference_is_seen() {
    let one = r#"{"areas":[{"area":"A","load_mw":1,"nodes":2}],"counters":{"read":1}}"#;
    let same = differences(one, one);
    assert!(same.is_empty(), "{same:?}");
    for (what, other) in [
        ("a figure", one.replace(r#""load_mw":1"#, r#""load_mw":1.000001"#)),
        ("a counter", one.replace(r#""read":1"#, r#""read":2"#)),
        ("a row", one.replace(r#"{"area":"A","load_mw":1,"nodes":2}"#, "")),
        ("a field", one.replace(r#","nodes":2"#, "")),
        ("a name", one.replace(r#""A""#, r#""B""#)),
    ] {
        assert!(!differences(one, &other).is_empty(), "{what}");
        assert!(!differences(&other, one).is_empty(), "{what}");
    }
}
