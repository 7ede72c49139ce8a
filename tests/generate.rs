//! `generate`: what is asked for comes, the same every time, and the engine has work with it.
//!
//! | family | promise |
//! | --- | --- |
//! | `the_same…` | one request, the same bytes: twice, compressed, and as they were when this was written |
//! | `what_is_asked…` | nodes, lines, regions, bids, rate and duration, to the record |
//! | `the_stream…` | no dead letters, every kind of incident, real dispatch, no breach |
//! | `errors…` | figures that do not fit together |

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "common/playing.rs"]
mod playing;
#[path = "common/program.rs"]
mod program;

use gridweaver::generate::{Request, START, records};
use gridweaver::model::encode::encode;
use gridweaver::model::{Data, Millis, Record, Rules};
use playing::{Play, breaches};
use program::Folder;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn small() -> Request {
    let duration = Millis(600_000);
    Request {
        nodes: 80,
        lines: 110,
        regions: 5,
        bids: 150,
        rate: 40,
        duration,
        seed: 1,
        is_punctual: false,
    }
}

fn bytes(request: &Request) -> Vec<u8> {
    let mut text = Vec::new();
    for record in records(request).unwrap() {
        encode(&record, &mut text);
        text.push(b'\n');
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let folder = Folder::new();
    let asked = ["generate", "--nodes", "80", "--lines", "110", "--regions", "5", "--bids", "150"];
    let more = ["--rate", "40", "--duration", "10m", "--seed"];
    let printed = |seed: &str| folder.run(&[&asked[..], &more, &[seed]].concat()).well();
    let first = printed("1");
    assert_eq!(first, bytes(&small()));
    assert_eq!(printed("1"), first);
    assert_ne!(printed("2"), first);
    folder.run(&[&asked[..], &more, &["1", "-o", "g.jsonl.zst"]].concat()).well();
    assert_eq!(zstd::decode_all(&folder.read("g.jsonl.zst")[..]).unwrap(), first);
}

#[test]
fn the_same_bytes_as_when_this_was_written() {
    // A change here breaks who has kept a seed instead of a file: make it on purpose.
    let written = "ddf26b0b44dffa8c4ba43b5bcad92d820fe5f177d5e846f3acb8d6e8a30a6455";
    assert_eq!(hex(&bytes(&small())), written);
}

#[test]
fn the_same_grid_and_market_at_another_rate() {
    let described = |request: &Request| -> Vec<Data> {
        let described = records(request).unwrap().map(|record| record.data);
        described
            .filter(|data| {
                matches!(data, Data::Node(_) | Data::Line(_) | Data::Program(_) | Data::Bid(_))
            })
            .collect()
    };
    let sorted = |mut data: Vec<Data>| {
        data.sort();
        data
    };
    let slow = Request { rate: 3, ..small() };
    assert_eq!(sorted(described(&small())), sorted(described(&slow)));
}

#[test]
fn what_is_asked_for_comes() {
    let odd = Request { nodes: 37, lines: 36, regions: 37, bids: 11, rate: 7, ..small() };
    let alone = Request { nodes: 1, lines: 0, regions: 1, bids: 1, rate: 1, ..small() };
    let brief = Request { bids: 0, rate: 1_000, duration: Millis(1_500), ..small() };
    for request in [small(), odd, alone, brief] {
        check_counts(&request);
    }
}

#[test]
fn a_punctual_stream_is_in_order_and_brings_nothing_twice() {
    let request = Request { is_punctual: true, ..small() };
    check_counts(&request);
    let mut last = START;
    let mut names = BTreeSet::new();
    for record in records(&request).unwrap() {
        assert!(last <= record.time(), "{record:?}");
        last = record.time();
        let version = record.envelope.version;
        assert!(names.insert((version.source, version.id)), "twice");
    }
}

fn check_counts(request: &Request) {
    let (mut nodes, mut lines, mut regions, mut bids) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut readings: BTreeSet<(String, String)> = BTreeSet::new();
    let mut sequences: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    let end = START + request.duration;
    for record in records(request).unwrap() {
        let time = record.time();
        assert!(START <= time && time < end, "{record:?}");
        let version = &record.envelope.version;
        sequences.entry(version.source.to_string()).or_default().insert(version.sequence);
        match &record.data {
            Data::Node(node) => {
                nodes.insert(node.node.clone());
                regions.extend(node.region.clone());
            }
            Data::Line(line) => {
                assert_ne!(line.from, line.to);
                lines.insert(line.line.clone());
            }
            Data::Bid(bid) => {
                bids.insert(bid.bid.clone());
            }
            Data::Telemetry(_) => {
                readings.insert((version.source.to_string(), version.id.to_string()));
            }
            _ => {}
        }
    }
    let found = (nodes.len(), lines.len(), regions.len(), bids.len());
    assert_eq!(found, (request.nodes, request.lines, request.regions, request.bids));
    let asked =
        request.nodes as u64 + u64::from(request.rate) * request.duration.0.unsigned_abs() / 1_000;
    assert_eq!(readings.len() as u64, asked, "each node once, then at the rate asked for");
    for (source, numbers) in sequences {
        let expected: BTreeSet<u64> = (1..=numbers.len() as u64).collect();
        assert_eq!(numbers, expected, "{source} numbers its records without a gap");
    }
}

#[test]
fn the_stream_is_read_without_dead_letters_and_leads_to_dispatch() {
    let mut orders_seen = BTreeSet::new();
    for seed in 1..=4 {
        let request = Request { seed, ..small() };
        let rules = Rules::default();
        let partitions = vec![Arc::new(bytes(&request))];
        let played = Play::by(&rules).partitions(&partitions);
        assert!(played.dead_letters.is_empty(), "seed {seed}");
        let outcome = &played.outcome.written.tally.outcomes;
        assert!(
            outcome.duplicates > 0 && outcome.bad_quality > 0 && outcome.late > 0,
            "{outcome:?}"
        );
        let found = breaches(&partitions, &played.orders, &rules);
        assert!(found.is_empty(), "seed {seed}: {found:?}");
        let text = String::from_utf8(played.orders).unwrap();
        for type_name in [
            "dispatch.demand_response_activated",
            "dispatch.transfer_ordered",
            "dispatch.curtailment_recorded",
            "dispatch.order_cancelled",
            "topology.island_changed",
        ] {
            if text.contains(type_name) {
                orders_seen.insert(type_name);
            }
        }
        assert!(text.contains("dispatch.demand_response_activated"), "seed {seed}");
    }
    assert_eq!(orders_seen.len(), 5, "only {orders_seen:?}");
}

#[test]
fn the_stream_holds_every_kind_of_incident() {
    let request = Request { duration: Millis(3_600_000), rate: 5, ..small() };
    let all: Vec<Record> = records(&request).unwrap().collect();
    let kinds: BTreeSet<&str> = all.iter().map(|record| record.data.type_name()).collect();
    for kind in [
        "dr.bid",
        "dr.bid_withdrawn",
        "dr.performance",
        "dr.program",
        "grid.energy_price",
        "grid.interface_limit",
        "grid.line",
        "grid.line_status",
        "grid.node",
        "grid.reserve",
        "grid.shortfall",
        "grid.telemetry",
    ] {
        assert!(kinds.contains(kind), "no {kind} in {kinds:?}");
    }
    // A line that trips returns, if the stream lasts that long.
    let mut out: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for record in &all {
        if let Data::LineStatus(status) = &record.data {
            let counts = out.entry(&status.line).or_default();
            if status.in_service { counts.1 += 1 } else { counts.0 += 1 }
        }
    }
    let returned = out.values().filter(|(trips, returns)| trips == returns).count();
    assert!(returned * 2 > out.len(), "{out:?}");
    // Load follows the evening: it rises from 17 to 18 h.
    let load = |from_ms: i64| -> i64 {
        let within = |record: &&Record| {
            (0..60_000).contains(&(record.time() - START).0.wrapping_sub(from_ms))
        };
        let loads = all.iter().filter(within).filter_map(|record| match &record.data {
            Data::Telemetry(reading) if reading.quality.is_none() => Some(reading.load.0),
            _ => None,
        });
        let loads: Vec<i64> = loads.collect();
        loads.iter().sum::<i64>() / loads.len() as i64
    };
    assert!(load(3_540_000) > load(0), "load does not rise");
}

#[test]
fn errors_say_which_figures_do_not_fit() {
    let folder = Folder::new();
    let ask = |more: &[&str]| folder.run(&[&["generate", "-o", "g.jsonl"], more].concat());
    ask(&["--lines", "100"]).complains(2, &["100 lines do not join 200 nodes", "at least 199"]);
    ask(&["--regions", "0"]).complains(2, &["at least one region"]);
    ask(&["--regions", "300"]).complains(2, &["200 nodes in 300 regions"]);
    ask(&["--nodes", "1", "--regions", "1"]).complains(2, &["a line joins two"]);
    ask(&["--rate", "0"]).complains(2, &["a rate of 0", "1 to 1000000"]);
    ask(&["--duration", "500ms"]).complains(2, &["one second to 30 days"]);
    assert_eq!(ask(&["--duration", "soon"]).code, Some(2));
    assert!(!folder.holds("g.jsonl"));
}
