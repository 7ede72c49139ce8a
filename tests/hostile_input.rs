//! Hostile input: what is no record is a dead letter with its reason, its place and its text, and
//! the rest of the stream comes out as if it had never been there.
//!
//! | test | promise |
//! | --- | --- |
//! | `each_bad_line…` | every kind of bad line gets the contract's reason, at its offset, whole |
//! | `the_rest…` | the decisions are byte for byte those of the stream without them |
//! | `every_record_read…` | every record read has one outcome: the counters add up |
//! | `long_lines…` | lines over the size limit are refused in bounded memory, however long |
//! | `random_bytes…` | no bytes at all make the program fail |

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "common/hostile.rs"]
mod hostile;
#[path = "common/playing.rs"]
mod playing;
#[path = "common/program.rs"]
mod program;
#[path = "common/random.rs"]
mod random;
#[path = "common/record.rs"]
mod record;
#[path = "common/streams.rs"]
mod streams;
#[path = "common/world.rs"]
mod world;

use gridweaver::model::{Rules, Time};
use program::{Folder, Running};
use random::{Random, seeds};
use serde_json::Value;
use std::io::Write as _;
use std::process::Stdio;
use streams::{Manner, Stream};
use world::START_MS;

/// A dead letter as it is told: where, why, and the text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Letter {
    offset: u64,
    reason: String,
    raw: Vec<u8>,
}

fn letters(folder: &Folder, name: &str, source: &str) -> Vec<Letter> {
    let text = folder.read(name);
    let letters = playing::lines(&text).map(|line| {
        let letter: Value = serde_json::from_slice(line).unwrap();
        assert_eq!(letter["source"], source);
        assert!(letter["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{letter}");
        let raw = letter["raw"].as_str().unwrap();
        let raw = match letter["raw_encoding"].as_str().unwrap() {
            "utf8" => raw.as_bytes().to_vec(),
            _ => decoded(raw),
        };
        let reason = letter["reason"].as_str().unwrap().to_owned();
        Letter { offset: letter["offset"].as_u64().unwrap(), reason, raw }
    });
    letters.collect()
}

/// What a base64 text stands for.
fn decoded(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut held, mut bytes) = (0, 0_u32, Vec::new());
    for digit in text.bytes().filter(|digit| *digit != b'=') {
        let value = alphabet.iter().position(|other| *other == digit).expect("a base64 digit");
        held = (held << 6 | u32::try_from(value).unwrap()) & 0xFF_FFFF;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xFF) as u8);
        }
    }
    bytes
}

/// A sound stream with every kind of bad line somewhere in it, and the letters due.
fn spoilt() -> (Vec<u8>, Vec<u8>, Vec<Letter>) {
    let mut stream = Stream::unanswered(7, Manner::Unpunctual);
    stream.lines.retain(|line| line.time_ms.is_some());
    let sound = stream.whole().to_vec();
    let lines: Vec<&[u8]> = playing::lines(&sound).collect();
    let mut bad = hostile::all(START_MS + 100_000);
    Random::new(7).shuffle(&mut bad);
    let (mut spoilt, mut due) = (Vec::new(), Vec::new());
    let mut bad = bad.into_iter();
    for (number, line) in lines.iter().enumerate() {
        spoilt.extend_from_slice(line);
        spoilt.push(b'\n');
        if number % 3 == 0
            && let Some((raw, reason)) = bad.next()
        {
            let offset = spoilt.len() as u64;
            spoilt.extend_from_slice(&raw);
            spoilt.push(b'\n');
            due.push(Letter { offset, reason: reason.name().to_owned(), raw });
        }
        if number % 50 == 0 {
            // Blank lines are no records.
            spoilt.extend_from_slice(b"\n  \t\r\n");
        }
    }
    assert!(bad.next().is_none(), "the stream is too short for all of them");
    (sound, spoilt, due)
}

#[test]
fn each_bad_line_is_a_dead_letter_with_reason_and_place() {
    let (_, spoilt, due) = spoilt();
    let folder = Folder::new();
    folder.write("in.jsonl", spoilt);
    folder.run(&["replay", "--input", "in.jsonl", "--output", "out.jsonl"]).well();
    let found = letters(&folder, "out.dead-letters.jsonl", "file/in.jsonl/0");
    let raw = |letter: &Letter| {
        String::from_utf8_lossy(&letter.raw[..letter.raw.len().min(200)]).into_owned()
    };
    for (due, found) in due.iter().zip(&found) {
        assert!(
            due == found,
            "due {} {} {}\nfound {} {} {}",
            due.offset,
            due.reason,
            raw(due),
            found.offset,
            found.reason,
            raw(found)
        );
    }
    assert_eq!(due.len(), found.len());
}

#[test]
fn the_rest_of_the_stream_is_unharmed() {
    let (sound, spoilt, _) = spoilt();
    let folder = Folder::new();
    folder.write("sound.jsonl", sound);
    folder.write("spoilt.jsonl", spoilt);
    folder.run(&["replay", "--input", "sound.jsonl", "--output", "sound.out"]).well();
    folder.run(&["replay", "--input", "spoilt.jsonl", "--output", "spoilt.out"]).well();
    assert!(!folder.read("sound.out").is_empty());
    playing::assert_same("spoilt", &folder.read("sound.out"), &folder.read("spoilt.out"));
}

#[test]
fn every_record_read_has_exactly_one_outcome() {
    for seed in seeds(4) {
        let mut stream = Stream::unanswered(seed, Manner::Unpunctual);
        stream.rules = Rules::default();
        let (first, last) = stream.span();
        let folder = Folder::new();
        let partitions = stream.cut(2, &mut Random::new(seed));
        folder.write("1.jsonl", &partitions[0][..]);
        folder.write("2.jsonl", &partitions[1][..]);
        for at in [first - 60_000, first, (first + last) / 2, last + 60_000] {
            let at = Time(at).to_string();
            let state = folder
                .run(&["state", "--input", "1.jsonl", "2.jsonl", "--at", &at, "--json"])
                .well();
            let state: Value = serde_json::from_slice(&state).unwrap();
            let counters = &state["counters"];
            let count = |name: &str| counters[name].as_u64().unwrap();
            let letters = counters["dead_letters"].as_object().unwrap().values();
            let letters: u64 = letters.map(|count| count.as_u64().unwrap()).sum();
            assert_eq!(count("read"), stream.lines.len() as u64, "seed {seed} at {at}");
            let told = ["applied", "duplicates", "bad_quality", "control", "open"];
            let told: u64 = told.map(count).iter().sum::<u64>() + letters;
            assert_eq!(count("read"), told, "seed {seed} at {at}: {counters}");
        }
    }
}

#[test]
fn long_lines_are_refused_in_bounded_memory() {
    let folder = Folder::new();
    let limit = 1 << 20;
    let reserve = r#"{"region":"A","reserve_mw":1}"#;
    let padded = |length: usize| {
        let record = hostile::record("long", "grid.reserve", START_MS, reserve);
        let padding = length - record.len() - r#","pad":"""#.len();
        let record = record.strip_suffix('}').unwrap();
        format!(r#"{record},"pad":"{}"}}"#, "x".repeat(padding)) + "\n"
    };
    let short = hostile::record("short", "grid.reserve", START_MS, reserve) + "\n";
    let lines = [padded(limit), padded(limit + 1), padded(2 * limit), padded(128 * limit), short];
    let mut running = Running(
        folder
            .command(&["replay", "--input", "-", "--output", "out.jsonl"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut stdin = running.0.stdin.take().unwrap();
    lines.iter().for_each(|line| stdin.write_all(line.as_bytes()).unwrap());
    let greatest = running.memory_bytes("VmHWM:");
    assert!(greatest < 96 << 20, "{greatest} bytes for a line of {}", lines[3].len());
    drop(stdin);
    let summary = String::from_utf8(running.finish().well()).unwrap();
    assert!(summary.starts_with("5 records"), "{summary}");
    let letters = letters(&folder, "out.dead-letters.jsonl", "file/-/0");
    // A line of exactly the limit, its newline apart, is a record.
    assert_eq!(letters.len(), 3);
    let mut offset = lines[0].len();
    for (letter, line) in letters.iter().zip(&lines[1..]) {
        assert_eq!((letter.offset, letter.reason.as_str()), (offset as u64, "not_json"));
        assert!(line.as_bytes().starts_with(&letter.raw) && letter.raw.len() > limit);
        offset += line.len();
    }
}

#[test]
fn random_bytes_make_nothing_fail() {
    for seed in seeds(6) {
        let mut random = Random::new(seed);
        let stream = Stream::unanswered(seed, Manner::Punctual);
        let mut bytes = stream.whole().to_vec();
        for _ in 0..bytes.len() / 60 {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] = u8::try_from(random.below(256)).unwrap(),
                1 => bytes[at] = *random.pick(b"\n\"{}[]:,\\0-e."),
                2 => drop(bytes.remove(at)),
                _ => bytes.insert(at, *random.pick(b"\n\"{}[]:,\\0-e.")),
            }
        }
        let folder = Folder::new();
        folder.write("in.jsonl", &bytes);
        folder.run(&["replay", "--input", "in.jsonl", "--output", "out.jsonl"]).well();
        for letter in letters(&folder, "out.dead-letters.jsonl", "file/in.jsonl/0") {
            let at = usize::try_from(letter.offset).unwrap();
            assert!(bytes[at..].starts_with(&letter.raw), "seed {seed}, offset {at}");
            assert!(at == 0 || bytes[at - 1] == b'\n', "seed {seed}, offset {at}: within a line");
        }
    }
}
