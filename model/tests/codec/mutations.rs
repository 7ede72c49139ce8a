//! Valid lines with bytes changed: whatever the scanner takes, the judge takes as the same record.
//!
//! `GRIDWEAVER_MUTATIONS` sets how many (200 000 unless told), `GRIDWEAVER_SEED` where they begin.

use crate::read;
use crate::spelling::{Dice, spell};
use crate::strategies::record;
use gridweaver_model::encode::encode;
use gridweaver_model::scan::scan;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a whole number"))
}

/// Bytes and words that mean something to a JSON reader.
const WORDS: &[&str] = &[
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    "\0",
    "0",
    "9",
    "-",
    "+",
    ".",
    "e",
    "E5",
    "null",
    "true",
    "NaN",
    "\\u0000",
    "\\ud800",
    "\"\"",
    "{}",
    "[]",
    "00",
    "1e400",
    "\u{e9}",
    "@",
    ",\"id\":\"x\"",
    ",\"data\":{}",
    ",\"removed\":true",
    "999999999999999999",
    "Z",
    "+00:00",
];

fn mutate(line: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(line.len().max(1)).min(line.len());
    let to = (at + dice.below(12)).min(line.len());
    let word = WORDS[dice.below(WORDS.len())].as_bytes();
    match dice.below(8) {
        0 if at < line.len() => line[at] ^= 1 << dice.below(8),
        1 if at < line.len() => line[at] = word[0],
        2 => drop(line.drain(at..to)),
        3 => drop(line.splice(at..to, word.iter().copied())),
        4 => line.truncate(at),
        5 => {
            let copied = line[at..to].to_vec();
            let place = dice.below(line.len() + 1);
            drop(line.splice(place..place, copied));
        }
        6 if at < line.len() => line[at] = line[at].wrapping_add(1),
        _ => drop(line.splice(at..at, word.iter().copied())),
    }
}

#[test]
fn what_the_scanner_takes_of_mutated_lines_the_judge_takes_equal() {
    let count = setting("GRIDWEAVER_MUTATIONS", 200_000);
    let seed = setting("GRIDWEAVER_SEED", 1);
    let mut dice = Dice(seed);
    let mut runner = TestRunner::deterministic();
    let (mut line, mut scanned, mut outcomes) = (vec![], 0u64, BTreeMap::<&str, u64>::new());
    for turn in 0..count {
        if turn % 16 == 0 {
            let record = record().new_tree(&mut runner).unwrap().current();
            line = spell(&record, &mut dice, turn % 64 != 0);
        }
        let mut changed = line.clone();
        for _ in 0..=dice.below(3) {
            mutate(&mut changed, &mut dice);
        }
        // `read` compares the two.
        let outcome = read(&changed);
        scanned += u64::from(std::str::from_utf8(&changed).ok().and_then(scan).is_some());
        if let Ok(record) = &outcome {
            let mut again = vec![];
            encode(record, &mut again);
            assert_eq!(read(&again).as_ref(), Ok(record), "seed {seed}, turn {turn}");
        }
        *outcomes
            .entry(outcome.map_or_else(|refusal| refusal.reason.name(), |_| "ok"))
            .or_default() += 1;
    }
    // Enough of every kind, or the mutations are too wild to show anything.
    assert!(scanned > count / 100, "{scanned} of {count} scanned, {outcomes:?}");
    assert!(outcomes.values().all(|cases| *cases > count / 200), "{outcomes:?}");
    assert_eq!(outcomes.len(), 5, "{outcomes:?}");
}
