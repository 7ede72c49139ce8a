//! A run that goes on from a checkpoint writes what the run without an end would have written.
//!
//! | test | what is tried |
//! | --- | --- |
//! | `cut…` | a run that ends after any tick, and a second one on another number of workers |
//! | `taken…` | checkpoints taken while the run goes on, each of them gone on from |
//! | `a_damaged…` | a torn, cut or altered checkpoint: the one before is found |
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
use gridweaver::engine::{Checkpoint, Checkpoints, Outcome, Output, Recorded, Store};
use gridweaver::model::{Rules, Tick};
use playing::{MemorySink, MemorySource, Play, assert_same, decisions, finished};
use random::{Random, seeds};
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use streams::{Manner, Stream};

const SEEDS: u64 = 8;
const CUTS: usize = 4;
/// So seldom that a short run takes one only at its end.
const AT_THE_END: Duration = Duration::from_secs(3_600);

/// What a run left.
struct Left {
    orders: Vec<u8>,
    outcome: Outcome,
    checkpoints: Vec<Checkpoint>,
}

/// Plays partitions from a checkpoint, if there is one, and takes others.
fn go_on(
    play: &Play,
    partitions: &[Arc<Vec<u8>>],
    from: Option<Checkpoint>,
    every: Duration,
) -> Left {
    let sources = partitions.iter().enumerate().map(|(number, bytes)| {
        let source = MemorySource::new(number, Arc::clone(bytes), play.batch_records);
        let mark = from.as_ref().map(|checkpoint| &checkpoint.partitions[source.name()]);
        Box::new(source.starting_at(mark.map_or(0, |mark| mark.position))) as Box<dyn Source>
    });
    let mut job = play.job(sources.collect());
    let (orders, taken) = (MemorySink::default(), Arc::new(Mutex::new(Vec::new())));
    let sink = Box::new(orders.clone());
    job.outputs.push(Output { sink, types: Vec::new(), from: None, recorded: Recorded::default() });
    job.restored = from.map(Arc::new);
    let keeping = Arc::clone(&taken);
    let keep = move |checkpoint: &Checkpoint| {
        keeping.lock().unwrap().push(checkpoint.clone());
        Ok(0)
    };
    job.checkpoints = Some(Checkpoints { keep: Box::new(keep), every });
    let outcome = finished(job);
    let (orders, checkpoints) =
        (orders.text.lock().unwrap().clone(), taken.lock().unwrap().clone());
    Left { orders, outcome, checkpoints }
}

/// What a checkpoint is once it was written to a disk and read again.
fn written(checkpoint: &Checkpoint) -> Checkpoint {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), 1).unwrap();
    store.write(checkpoint).unwrap();
    store.newest(|_| true).unwrap().checkpoint.unwrap()
}

/// The ticks of an output, by number.
fn ticks(orders: &[u8], rules: &Rules) -> Vec<Tick> {
    decisions(orders).keys().map(|end| rules.tick_of(*end) - 1).collect()
}

#[test]
fn cut_after_any_tick_it_goes_on_as_if_nothing_had_been() {
    for seed in seeds(SEEDS) {
        let stream = Stream::random(seed, Manner::Unpunctual);
        let mut random = Random::new(seed);
        let partitions = stream.cut(1 + random.below(3), &mut random);
        let mut play = Play::by(&stream.rules);
        let whole = play.partitions(&partitions);
        let ticks = ticks(&whole.orders, &stream.rules);
        for _ in 0..CUTS {
            let last = *random.pick(&ticks);
            play.workers = 1 + random.below(3);
            play.open_from = Some(last + 1);
            let before = go_on(&play, &partitions, None, AT_THE_END);
            let checkpoint = before.checkpoints.last().unwrap();
            assert_eq!(checkpoint.views.tick, last, "seed {seed}");
            play.workers = 1 + random.below(3);
            play.open_from = None;
            let after = go_on(&play, &partitions, Some(written(checkpoint)), AT_THE_END);
            let what = format!("seed {seed}, cut after tick {last}");
            let both = [before.orders, after.orders].concat();
            assert_same(&what, &whole.orders, &both);
            let (expected, found) = (&whole.outcome, &after.outcome);
            assert_eq!(expected.written.tally.outcomes, found.written.tally.outcomes, "{what}");
            assert_eq!(expected.written.tally.records, found.written.tally.records, "{what}");
            assert_eq!(expected.reading.read, found.reading.read, "{what}");
        }
    }
}

#[test]
fn taken_while_it_runs_each_checkpoint_can_be_gone_on_from() {
    let mut tried = 0;
    for seed in seeds(SEEDS) {
        let stream = Stream::random(seed, Manner::Unpunctual);
        let mut random = Random::new(seed);
        let partitions = stream.cut(1 + random.below(3), &mut random);
        let mut play = Play::by(&stream.rules);
        (play.workers, play.limits.records, play.batch_records) = (1 + random.below(3), 50, 10);
        let whole = go_on(&play, &partitions, None, Duration::ZERO);
        let all = ticks(&whole.orders, &stream.rules);
        for _ in 0..CUTS {
            let checkpoint = random.pick(&whole.checkpoints);
            play.workers = 1 + random.below(3);
            let after = go_on(&play, &partitions, Some(written(checkpoint)), Duration::ZERO);
            let kept = all.iter().filter(|tick| **tick <= checkpoint.views.tick).count();
            let what = format!("seed {seed}, from tick {}", checkpoint.views.tick);
            assert_same(&what, &behind(&whole.orders, kept), &after.orders);
            assert_eq!(
                whole.outcome.written.tally.outcomes, after.outcome.written.tally.outcomes,
                "{what}"
            );
            tried += usize::from(kept > 0 && kept < all.len());
        }
    }
    assert!(tried > CUTS, "hardly any was taken in the middle: {tried}");
}

/// An output behind its first ticks.
fn behind(orders: &[u8], ticks: usize) -> Vec<u8> {
    let closed = |line: &&[u8]| line.windows(20).any(|part| part == b"dispatch.tick_closed");
    let mut rest = orders;
    for _ in 0..ticks {
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, behind) = rest.split_at(end + 1);
            rest = behind;
            if closed(&line) {
                break;
            }
        }
    }
    rest.to_vec()
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let stream = Stream::random(1, Manner::Punctual);
    let play = Play::by(&stream.rules);
    let left = go_on(&play, &[stream.whole()], None, AT_THE_END);
    let newest = left.checkpoints.last().unwrap();
    let mut older = newest.clone();
    older.views.tick -= 1;
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 4] = [
        ("torn", |bytes| bytes.truncate(bytes.len() / 2)),
        ("emptied", Vec::clear),
        ("altered", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }),
        ("zeroed", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle..].fill(0);
        }),
    ];
    for (what, damage) in damages {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), 2).unwrap();
        store.write(&older).unwrap();
        store.write(newest).unwrap();
        let path = folder.path().join(format!("checkpoint-{:020}", newest.views.tick));
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let found = store.newest(|_| true).unwrap();
        assert_eq!(found.checkpoint.unwrap().views.tick, older.views.tick, "{what}");
        assert_eq!(found.damaged.len(), 1, "{what}");
    }
}

#[test]
fn only_so_many_are_kept_and_one_engine_holds_the_folder() {
    let stream = Stream::random(1, Manner::Punctual);
    let left = go_on(&Play::by(&stream.rules), &[stream.whole()], None, AT_THE_END);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), 3).unwrap();
    let mut checkpoint = left.checkpoints.last().unwrap().clone();
    for tick in 0..5 {
        checkpoint.views.tick = tick;
        store.write(&checkpoint).unwrap();
    }
    let names = fs::read_dir(folder.path()).unwrap().filter(|entry| {
        entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("checkpoint-")
    });
    assert_eq!(names.count(), 3);
    assert_eq!(store.newest(|_| true).unwrap().checkpoint.unwrap().views.tick, 4);
    let error = Store::open(folder.path(), 3).err().unwrap().to_string();
    assert!(error.contains("in use by another engine"), "{error}");
}
