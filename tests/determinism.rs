//! Determinism: the records written are a function of the configuration and of what each partition
//! held, byte for byte.
//!
//! | test | what must not show in the output |
//! | --- | --- |
//! | `arrival_order…` | in which order records came, within the lateness |
//! | `partitions…` | how records were dealt out to partitions |
//! | `workers…` | how many workers there were |
//! | `budgets…` | how much was in flight, and how much was read at once |
//! | `repetition…` | that it was run before |
//! | `compression…` | whether a file was compressed |
//!
//! `GRIDWEAVER_SEEDS=n` tries the first `n` seeds, `GRIDWEAVER_SEED=n` that one alone.

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

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

use gridweaver::connectors::Source;
use gridweaver::connectors::file::{FileSource, NamedFile, Options};
use gridweaver::engine::Limits;
use playing::{Play, assert_same, lines};
use random::{Random, seeds};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use streams::{Manner, Stream};

const SEEDS: u64 = 8;

/// The dead letters without where they were read: the same lines are refused for the same reasons.
fn refusals(dead_letters: &[u8]) -> Vec<String> {
    let refusals = lines(dead_letters).map(|line| {
        let letter: serde_json::Value = serde_json::from_slice(line).unwrap();
        format!("{} {} {}", letter["reason"], letter["detail"], letter["raw"])
    });
    let mut refusals: Vec<String> = refusals.collect();
    refusals.sort_unstable();
    refusals
}

#[test]
fn arrival_order_within_the_lateness_does_not_show() {
    for seed in seeds(SEEDS) {
        let stream = Stream::random(seed, Manner::Punctual);
        let play = Play::by(&stream.rules);
        let expected = play.partitions(&[stream.whole()]);
        assert_eq!(expected.outcome.written.tally.outcomes.late, 0, "seed {seed}: nothing is late");
        let mut random = Random::new(seed);
        for round in 0..3 {
            let found = play.partitions(&[stream.shuffled(&mut random).whole()]);
            let what = format!("seed {seed}, shuffled for the {round}. time");
            assert_same(&what, &expected.orders, &found.orders);
            assert_eq!(refusals(&expected.dead_letters), refusals(&found.dead_letters), "{what}");
        }
    }
}

#[test]
fn partitions_do_not_show_where_nothing_is_late() {
    for seed in seeds(SEEDS) {
        let stream = Stream::random(seed, Manner::Punctual);
        let mut play = Play::by(&stream.rules);
        let expected = play.partitions(&[stream.whole()]);
        let mut random = Random::new(seed);
        for partitions in 1..=4 {
            let shuffled = stream.shuffled(&mut random);
            play.workers = 1 + random.below(3);
            let found = play.partitions(&shuffled.cut(partitions, &mut random));
            let what = format!("seed {seed}, {partitions} partitions, {} workers", play.workers);
            assert_same(&what, &expected.orders, &found.orders);
            assert_eq!(refusals(&expected.dead_letters), refusals(&found.dead_letters), "{what}");
        }
    }
}

#[test]
fn workers_do_not_show() {
    for seed in seeds(SEEDS) {
        let stream = Stream::random(seed, Manner::Unpunctual);
        let mut random = Random::new(seed);
        let partitions = stream.cut(1 + random.below(3), &mut random);
        let mut play = Play::by(&stream.rules);
        let expected = play.partitions(&partitions);
        for workers in 2..=4 {
            play.workers = workers;
            let found = play.partitions(&partitions);
            let what = format!("seed {seed}, {workers} workers, {} partitions", partitions.len());
            assert_same(&what, &expected.orders, &found.orders);
            assert_eq!(
                expected.outcome.written.tally.outcomes, found.outcome.written.tally.outcomes,
                "{what}: the records' outcomes"
            );
        }
    }
}

#[test]
fn budgets_and_batches_do_not_show() {
    for seed in seeds(SEEDS) {
        let stream = Stream::random(seed, Manner::Unpunctual);
        let mut random = Random::new(seed);
        let partitions = stream.cut(1 + random.below(3), &mut random);
        let mut play = Play::by(&stream.rules);
        let expected = play.partitions(&partitions);
        for (records, bytes, skew_max, batch_records) in [
            (1, 1, 1, usize::MAX),
            (7, 1 << 20, 1, 1),
            (1_000, 2_000, 3, 3),
            (1 << 20, 1 << 30, 1_000, 1),
        ] {
            play.limits = Limits { records, bytes, skew_max };
            (play.batch_records, play.workers) = (batch_records, 1 + random.below(2));
            let found = play.partitions(&partitions);
            let what = format!("seed {seed}, {:?}, batches of {batch_records}", play.limits);
            assert_same(&what, &expected.orders, &found.orders);
            assert_eq!(refusals(&expected.dead_letters), refusals(&found.dead_letters), "{what}");
        }
    }
}

#[test]
fn repetition_does_not_show() {
    for seed in seeds(SEEDS) {
        let stream = Stream::random(seed, Manner::Unpunctual);
        let partitions = stream.cut(2, &mut Random::new(seed));
        let play = Play::by(&stream.rules);
        let expected = play.partitions(&partitions);
        assert!(expected.outcome.written.tally.ticks > 20, "seed {seed}: hardly a stream");
        for _ in 0..2 {
            let found = play.partitions(&partitions);
            assert_same(&format!("seed {seed}, again"), &expected.orders, &found.orders);
        }
    }
}

#[test]
fn compression_does_not_show() {
    let folder = tempfile::tempdir().unwrap();
    for seed in seeds(3) {
        let stream = Stream::random(seed, Manner::Unpunctual);
        let play = Play::by(&stream.rules);
        let plain = write(folder.path(), "stream.jsonl", &stream.whole());
        let expected = play.sources(vec![open(&plain)]);
        assert_same(
            "a file and memory",
            &play.partitions(&[stream.whole()]).orders,
            &expected.orders,
        );
        for name in ["stream.jsonl.gz", "stream.jsonl.zst"] {
            let found = play.sources(vec![open(&write(folder.path(), name, &stream.whole()))]);
            let what = format!("seed {seed}, {name}");
            assert_same(&what, &expected.orders, &found.orders);
            let plain = String::from_utf8(expected.dead_letters.clone()).unwrap();
            let found = String::from_utf8(found.dead_letters).unwrap();
            assert!(plain.replace("stream.jsonl", name) == found, "{what}: other dead letters");
        }
    }
}

fn open(path: &Path) -> Box<dyn Source> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let file = NamedFile::new(name, path.parent().unwrap());
    Box::new(FileSource::open(file, &Options::default()).unwrap())
}

/// Writes a file as its name asks for: compressed or not.
fn write(folder: &Path, name: &str, bytes: &Arc<Vec<u8>>) -> PathBuf {
    let path = folder.join(name);
    let file = fs::File::create(&path).unwrap();
    match path.extension().unwrap().to_str().unwrap() {
        "gz" => {
            let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap();
        }
        "zst" => zstd::stream::copy_encode(&bytes[..], file, 1).unwrap(),
        _ => fs::write(&path, &bytes[..]).unwrap(),
    }
    path
}
