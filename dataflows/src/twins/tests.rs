//! The twins on small histories whose outcome can be seen by looking.

use super::book::{Book, Kind, Order, Standing, heirs};
use super::critical::critical_lines;
use super::ladder::score;
use super::replay::{State, state_at};
use super::shape::Shape;
use gridweaver_model::record::Bid;
use gridweaver_model::rules::Late;
use gridweaver_model::{Millis, Ppm, Price, Reason, Rules, Text, Time, Watts};
use std::collections::BTreeMap;

/// One record as a line; `time` in seconds since the epoch.
fn line(id: &str, type_name: &str, second: u32, data: &str) -> String {
    let (minute, second) = (second / 60, second % 60);
    let envelope = format!(r#""specversion":"1.0","id":"{id}","source":"s","type":"{type_name}""#);
    let time = format!("1970-01-01T00:{minute:02}:{second:02}Z");
    format!(r#"{{{envelope},"time":"{time}","data":{{{data}}}}}"#) + "\n"
}

fn reserve(id: &str, second: u32, reserve_mw: u32) -> String {
    let data = format!(r#""region":"A","reserve_mw":{reserve_mw}"#);
    line(id, "grid.reserve", second, &data)
}

fn state(files: &[String], second: i64, rules: &Rules) -> State {
    let files: Vec<&[u8]> = files.iter().map(String::as_bytes).collect();
    state_at(&files, Time(second * 1_000), &BTreeMap::new(), rules, 1 << 20)
}

#[test]
fn a_late_record_is_admitted_to_its_partitions_tick_and_keeps_its_time() {
    // 20 s puts the watermark at 18 s, in the tick that ends at 20 s.
    let file = reserve("1", 1, 1) + &reserve("2", 20, 2) + &reserve("3", 5, 3);
    let files = [file];
    let before = state(&files, 8, &Rules::default()).counters;
    assert_eq!((before.applied, before.late, before.open), (1, 0, 2));
    let after = state(&files, 24, &Rules::default()).counters;
    assert_eq!((after.applied, after.late, after.open), (3, 1, 0));
}

#[test]
fn a_late_record_may_be_refused_but_a_fact_never_is() {
    let rules = Rules { late: Late::DeadLetter, ..Rules::default() };
    let fact = r#""participant":"p","instructed_mw":1,"delivered_mw":1"#;
    let late = reserve("3", 5, 3) + &line("4", "dr.performance", 5, fact);
    let files = [reserve("1", 20, 1) + &late];
    let counters = state(&files, 24, &rules).counters;
    assert_eq!((counters.applied, counters.late), (2, 2));
    assert_eq!(counters.dead_letters, BTreeMap::from([(Reason::Late, 1)]));
}

#[test]
fn what_is_very_late_finds_what_the_same_tick_holds() {
    let rules = Rules { retention: Millis(10_000), ..Rules::default() };
    // 40 s puts the watermark at 38 s: what is older enters the tick that ends at 40 s.
    let opened = line("1", "grid.energy_price", 40, r#""region":"A","price":1"#);
    let refused = |between: &str| {
        let files = [opened.clone() + between + &reserve("3", 5, 3)];
        state(&files, 44, &rules).counters.dead_letters
    };
    assert_eq!(refused(""), BTreeMap::from([(Reason::Late, 1)]));
    assert_eq!(refused(&reserve("2", 37, 2)), BTreeMap::new());
}

#[test]
fn nothing_closes_past_the_last_record_that_is_no_watermark() {
    let files = [reserve("1", 1, 1) + &line("2", "source.watermark", 600, "")];
    let state = state(&files, 600, &Rules::default());
    assert_eq!(state.picture.map(|picture| picture.end), Some(Time(4_000)));
    assert_eq!(state.counters.control, 1);
}

#[test]
fn a_copy_passes_again_once_its_identity_is_forgotten() {
    let again =
        |second| [reserve("1", 1, 1), reserve("2", 700, 2), reserve("1", second, 3)].concat();
    let rules = Rules { lateness: Millis(1_000_000), ..Rules::default() };
    let duplicates = |second| state(&[again(second)], 900, &rules).counters.duplicates;
    // Remembered while a tick begins at 601 s at the latest.
    assert_eq!(duplicates(603), 1);
    assert_eq!(duplicates(604), 0);
}

#[test]
fn a_word_older_than_a_lines_removal_counts_for_nothing() {
    let nodes = [("1", "a"), ("2", "b")]
        .map(|(id, node)| line(id, "grid.node", 1, &format!(r#""node":"{node}","region":"A""#)));
    let described = r#""line":"l","from":"a","to":"b","capacity_mw":1"#;
    let rest = [
        line("3", "grid.line", 1, described),
        line("4", "grid.line", 3, r#""line":"l","removed":true"#),
        line("5", "grid.line", 9, described),
        line("6", "grid.line_status", 2, r#""line":"l","in_service":false"#),
    ];
    let state = state(&[nodes.concat() + &rest.concat()], 12, &Rules::default());
    assert_eq!(state.picture.unwrap().shape.lines.len(), 1);
}

#[test]
fn a_parallel_line_is_not_critical() {
    let node = |id: &str, node: &str| {
        line(id, "grid.node", 1, &format!(r#""node":"{node}","region":"A""#))
    };
    let join = |name: &str, from: &str, to: &str| {
        let data = format!(r#""line":"{name}","from":"{from}","to":"{to}","capacity_mw":1"#);
        line(name, "grid.line", 1, &data)
    };
    let file = [node("1", "a"), node("2", "b"), node("3", "c")].concat()
        + &[join("x", "a", "b"), join("y", "b", "a"), join("z", "c", "b")].concat();
    let picture = state(&[file], 4, &Rules::default()).picture.unwrap();
    let critical = critical_lines(&picture.shape, |_| Watts(5));
    assert_eq!(critical.keys().collect::<Vec<_>>(), ["z"]);
    assert_eq!((critical["z"].nodes, critical["z"].load), (1, Watts(5)));
}

#[test]
fn a_negative_price_is_divided_so_that_worse_is_higher() {
    let bid = |price| Bid {
        bid: "x".into(),
        participant: "v".into(),
        program: "p".into(),
        node: None,
        price: Price(price),
        min: Watts::ZERO,
        max: Watts(1),
        start: Time(0),
        end: Time(14_400_000),
        notice: None,
        min_run: None,
        reliability: None,
    };
    let rules = Rules::default();
    assert_eq!(score(&bid(50_000), Ppm(900_000), &rules), Price(49_500));
    assert_eq!(score(&bid(-50_000), Ppm(900_000), &rules), Price(-50_505));
    assert!(score(&bid(-50_000), Ppm(0), &rules) > score(&bid(-50_000), Ppm::ONE, &rules));
}

#[test]
fn an_order_follows_most_of_its_areas_nodes() {
    let node = |id: &str| line(id, "grid.node", 1, &format!(r#""node":"{id}","region":"R""#));
    let join = |from: &str, to: &str| {
        let data = format!(r#""line":"{from}{to}","from":"{from}","to":"{to}","capacity_mw":1"#);
        line(&format!("l{from}{to}"), "grid.line", 1, &data)
    };
    let nodes = [node("a"), node("b"), node("c")].concat();
    let whole = nodes.clone() + &join("a", "b") + &join("b", "c");
    let shape = |file: String| state(&[file], 4, &Rules::default()).picture.unwrap().shape;
    let (before, after): (Shape, Shape) = (shape(whole), shape(nodes + &join("b", "c")));
    let path = vec![Text::from("S"), Text::from("R")];
    let order = Order {
        id: "o".into(),
        kind: Kind::Transfer { path: path.clone(), lines: vec![], sent: Watts(1) },
        plan: "p".into(),
        region: "R".into(),
        amount: Watts(1),
        since: Time(0),
        start: Time(0),
        until: None,
        supersedes: None,
    };
    let (area, plan) = (Text::from("R"), Text::from("p"));
    let standing = Standing {
        order,
        plan,
        area,
        path,
        runs_from: Time(0),
        received: false,
        started: vec![],
        finals: vec![],
        failed_before: vec![],
    };
    let mut book = Book::default();
    book.standing.insert("o".into(), standing);
    book.follow(&heirs(&before, &after));
    assert_eq!(book.standing["o"].area, "R@b");
    assert_eq!(book.standing["o"].path, ["S", "R@b"]);
}
