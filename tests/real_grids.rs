//! Grids of real size and shape: a MATPOWER case imported, switched at random and replayed, held
//! against the twins and `verify`.
//!
//! The case of the usual test is made up here, in the format: 300 buses in 8 areas. Real ones are
//! tried with `GRIDWEAVER_MATPOWER=folder` (each `.m` and `.m.gz` in it; `GRIDWEAVER_TICKS=n` ticks
//! of switching, 60 if it is not set), which prints sizes and times.

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]
#![allow(clippy::print_stdout, reason = "figures, for whoever asks for them with --nocapture")]

#[path = "common/comparing.rs"]
mod comparing;
#[path = "common/playing.rs"]
mod playing;
#[path = "common/random.rs"]
mod random;
#[path = "common/record.rs"]
mod record;

use comparing::States;
use gridweaver::import::{Format, Request, records};
use gridweaver::model::encode::encode;
use gridweaver::model::{Data, Record, Rules, Time, Watts, decimal};
use playing::{Play, assert_same, breaches};
use random::{Random, seeds};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A case file with so many buses and areas: a mesh in every area, ties between them, one area in
/// three with less generation than load.
fn case(buses: usize, areas: usize, random: &mut Random) -> String {
    let area = |bus: usize| bus * areas / buses;
    let mut text = "function mpc = made_up\nmpc.version = '2';\nmpc.baseMVA = 100;\n".to_owned();
    text += "%% bus data\nmpc.bus = [\n";
    for bus in 0..buses {
        let kind = if bus % 97 == 96 { 4 } else { 1 };
        let load = if random.chance(70) { random.between(-2, 60) } else { 0 };
        let place = area(bus) + 1;
        writeln!(
            text,
            "\t{}\t{kind}\t{load}.25\t0\t0\t0\t{place}\t1\t0\t138\t1\t1.1\t0.9;",
            bus + 1
        )
        .unwrap();
    }
    text += "];\nmpc.gen = [\n";
    for bus in (0..buses).step_by(3) {
        let short = area(bus).is_multiple_of(3);
        let output = random.between(0, if short { 60 } else { 110 });
        let max = output + random.between(0, 60);
        let status = i32::from(random.chance(92));
        writeln!(text, "\t{}\t{output}\t0\t0\t0\t1\t100\t{status}\t{max}\t0;", bus + 1).unwrap();
    }
    text += "];\nmpc.branch = [\n";
    let mut branch = |from: usize, to: usize, random: &mut Random| {
        let rating = *random.pick(&[0, 20, 35, 60, 90, 140]);
        let status = i32::from(random.chance(96));
        let (from, to) = (from + 1, to + 1);
        writeln!(text, "\t{from}\t{to}\t0.01\t0.1\t0\t{rating}\t0\t0\t0\t0\t{status}\t-360\t360;")
            .unwrap();
    };
    for bus in 1..buses {
        // Mostly to a neighbour of its area, at times to the area before.
        let back = if random.chance(80) { 1 + random.below(6) } else { 1 + random.below(40) };
        branch(bus, bus.saturating_sub(back), random);
        if random.chance(35) {
            branch(bus, bus.saturating_sub(1 + random.below(12)), random);
        }
    }
    text + "];\n"
}

/// The records of a case, and what happens in it afterwards.
struct Switched {
    nodes: usize,
    lines: usize,
    records: usize,
    text: Arc<Vec<u8>>,
    span_ms: (i64, i64),
}

/// Imports a case and switches it for some ticks: lines trip and return, one at a time and many at
/// once, meters report, bids are there to be called.
fn switched(path: &Path, ticks: i64, random: &mut Random) -> Switched {
    let imported: Vec<Record> = records(&Request::new(Format::Matpower, path)).unwrap().collect();
    let start_ms = imported[0].time().0;
    let (mut text, mut nodes, mut lines, mut meters) = (Vec::new(), 0, Vec::new(), Vec::new());
    let mut regions = std::collections::BTreeSet::new();
    for record in &imported {
        encode(record, &mut text);
        text.push(b'\n');
        match &record.data {
            Data::Node(node) => {
                nodes += 1;
                regions.extend(node.region.clone());
            }
            Data::Line(line) => lines.push(line.line.clone()),
            Data::Telemetry(telemetry) => meters.push(telemetry.clone()),
            _ => {}
        }
    }
    let mut count = imported.len();
    let mut say = |ms: i64, type_name: &str, data: &str| {
        count += 1;
        let rest = format!(r#""data":{{{data}}}"#);
        let line = record::line("switching", &count.to_string(), type_name, ms, &rest);
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    };
    let window = format!(r#""start":"{}","end":"{}""#, Time(start_ms), Time(start_ms + 9_000_000));
    for region in regions.iter().take(40) {
        let data = format!(r#""program":"p{region}","region":"{region}","capacity_mw":60"#);
        say(start_ms, "dr.program", &data);
        for bid in 0..4 {
            let (price, max) = (random.between(20, 300), random.between(1, 25));
            let whose =
                format!(r#""bid":"b{region}-{bid}","participant":"v{bid}","program":"p{region}""#);
            let offer = format!(r#""price":{price},"min_mw":0,"max_mw":{max}"#);
            say(start_ms, "dr.bid", &format!("{whose},{offer},{window}"));
        }
    }
    let mw = |power: Watts| decimal::text(power.0.into(), 6);
    for tick in 1..=ticks {
        let ms = start_ms + 4_000 * tick;
        let switches = if tick % 15 == 7 { lines.len() / 20 } else { random.below(8) };
        for _ in 0..switches {
            let (line, is_in) = (random.pick(&lines), random.chance(45));
            say(ms, "grid.line_status", &format!(r#""line":"{line}","in_service":{is_in}"#));
        }
        for _ in 0..random.below(1 + meters.len() / 10) {
            let meter = random.pick(&meters);
            let load = Watts(meter.load.0 * random.between(80, 125) / 100);
            let (node, generation, load) = (&meter.node, mw(meter.generation), mw(load));
            let available = mw(meter.available.unwrap_or(meter.generation));
            let data = format!(r#""node":"{node}","generation_mw":{generation},"load_mw":{load}"#);
            let data = format!(r#"{data},"available_mw":{available}"#);
            say(ms + 1_000, "grid.telemetry", &data);
        }
    }
    let span_ms = (start_ms, start_ms + 4_000 * ticks);
    Switched { nodes, lines: lines.len(), records: count, text: Arc::new(text), span_ms }
}

/// Replays, compares and checks a case; returns how long each took.
fn hold(path: &Path, ticks: i64, looks: usize, random: &mut Random) -> String {
    let case = switched(path, ticks, random);
    let rules = Rules::default();
    let partitions = vec![Arc::clone(&case.text)];
    let play = Play::by(&rules);
    let (played, replay) = timed(|| play.partitions(&partitions));
    let written = &played.outcome.written;
    let tally = &written.tally;
    assert!(tally.plans > 0, "{}: nobody was ever short", path.display());
    assert_eq!(tally.outcomes.applied, case.records as u64);
    let again = Play { workers: 2, ..play.clone() }.partitions(&partitions).orders;
    assert_same("2 workers", &played.orders, &again);
    let (breaches, verify) = timed(|| breaches(&partitions, &played.orders, &rules));
    let states = States::new(&rules, &partitions);
    let ((), twins) = timed(|| {
        for look in 1..=looks {
            let (first, last) = case.span_ms;
            let at = Time(
                first
                    + (last - first) * i64::try_from(look).unwrap() / i64::try_from(looks).unwrap(),
            );
            let differ = states.differ(&play, &partitions, at);
            assert!(
                differ.is_empty(),
                "{}: {} differ: {}",
                path.display(),
                differ.len(),
                differ[0]
            );
        }
    });
    let told = breaches.first().map(ToString::to_string).unwrap_or_default();
    assert!(breaches.is_empty(), "{}: {} breaches: {told}", path.display(), breaches.len());
    format!(
        "{}: {} nodes, {} lines, {} records, {} ticks, {} plans: replay {replay:?} \
         (tick p50 {} µs, max {} µs), verify {verify:?}, {looks} looks at the twins {twins:?}",
        path.display(),
        case.nodes,
        case.lines,
        case.records,
        tally.ticks,
        tally.plans,
        written.latencies.all.value_at_quantile(0.5),
        written.latencies.all.max(),
    )
}

fn timed<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let outcome = what();
    (outcome, begun.elapsed())
}

#[test]
fn a_made_up_case_of_300_buses_holds() {
    let folder = tempfile::tempdir().unwrap();
    for seed in seeds(2) {
        let mut random = Random::new(seed);
        let path = folder.path().join(format!("made_up_{seed}.m"));
        std::fs::write(&path, case(300, 8, &mut random)).unwrap();
        println!("{}", hold(&path, 45, 3, &mut random));
    }
}

#[test]
#[ignore = "needs real cases: GRIDWEAVER_MATPOWER=folder cargo test --test real_grids -- --ignored"]
fn real_cases_hold() {
    let folder = std::env::var_os("GRIDWEAVER_MATPOWER");
    let folder = folder.expect("GRIDWEAVER_MATPOWER names a folder of MATPOWER cases");
    let ticks = std::env::var("GRIDWEAVER_TICKS").map_or(60, |ticks| ticks.parse().unwrap());
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_case = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".m") || name.ends_with(".m.gz")
    };
    let mut cases: Vec<PathBuf> = entries.filter(is_case).collect();
    cases.sort();
    assert!(!cases.is_empty(), "GRIDWEAVER_MATPOWER names a folder without a case");
    for path in cases {
        println!("{}", hold(&path, ticks, 1, &mut Random::new(1)));
    }
}
