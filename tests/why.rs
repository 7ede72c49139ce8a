//! `why`: what it says of an order is what the records say, and the limit it names is the one that
//! bound.
//!
//! | family | promise |
//! | --- | --- |
//! | `every_order…` | the bundled day and random streams: no order without an explanation, every figure as recorded, sums that add up |
//! | `names…` | a small grid with one limit in it: that limit is named, in words and as data |
//! | `tells…` | answers, ends and their reasons |
//! | `errors…` | an order that is not there, orders that were made from other inputs |

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

use gridweaver::dataflows::twins::replay::reads;
use gridweaver::model::Rules;
use gridweaver::settings::Settings;
use gridweaver::why::{text, why};
use hostile::record;
use playing::{Play, RECORD_BYTES_MAX, lines};
use program::Folder;
use random::{Random, seeds};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use streams::{Manner, Stream};
use world::START_MS;

/// Every order of an output explained: as data and in words.
fn explained(
    partitions: &[Arc<Vec<u8>>],
    orders: &[u8],
    rules: &Rules,
) -> BTreeMap<String, (Value, String)> {
    let inputs = partitions.iter().map(|bytes| reads(bytes, RECORD_BYTES_MAX)).collect();
    let found = why(inputs, gridweaver::verify::lines(orders), &[], rules).unwrap();
    let told = found.iter().map(|it| {
        let data = serde_json::to_value(it).unwrap();
        (it.order.to_string(), (data, text(it)))
    });
    told.collect()
}

fn parsed(orders: &[u8]) -> Vec<Value> {
    lines(orders).map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// A figure in millionths.
fn millionths(value: &Value) -> i64 {
    let number = value.as_f64().unwrap_or_else(|| panic!("{value} is no number"));
    (number * 1e6).round() as i64
}

/// Holds an explanation of every order against the records; what is checked was read without any
/// code of `why`.
fn check_against_records(told: &BTreeMap<String, (Value, String)>, orders: &[u8]) {
    let records = parsed(orders);
    let mut written = BTreeSet::new();
    let mut plans = BTreeMap::new();
    for record in &records {
        let data = &record["data"];
        match record["type"].as_str().unwrap() {
            "dispatch.plan_created" => {
                plans.insert(data["plan"].as_str().unwrap(), record);
            }
            "dispatch.demand_response_activated"
            | "dispatch.transfer_ordered"
            | "dispatch.curtailment_recorded" => {
                let order = data["order"].as_str().unwrap();
                written.insert(order.to_owned());
                let (it, text) = told.get(order).unwrap_or_else(|| panic!("no word of {order}"));
                check_order(order, it, text, record);
            }
            _ => {}
        }
    }
    assert!(told.keys().eq(&written), "every order is explained, and no other");
    for (order, (it, _)) in told {
        check_plan(order, it, plans[it["plan"]["plan"].as_str().unwrap()]);
        check_end(order, it, &records);
    }
}

fn check_order(order: &str, it: &Value, text: &str, record: &Value) {
    let data = &record["data"];
    assert_eq!(it["time"], record["time"], "{order}");
    assert_eq!((&it["area"], &it["region"]), (&data["area"], &data["region"]), "{order}");
    let same = |told: &Value, recorded: &Value, what: &str| {
        assert_eq!(millionths(told), millionths(recorded), "{what} of {order}");
    };
    let asks = &it["asks"];
    match record["type"].as_str().unwrap() {
        "dispatch.demand_response_activated" => {
            let asks = &asks["demand_response"];
            same(&it["mw"], &data["mw"], "mw");
            same(&asks["price_per_mwh"], &data["price"], "price");
            same(&asks["score_per_mwh"], &data["score"], "score");
            for name in ["bid", "participant", "program", "rank", "start", "until"] {
                assert_eq!(asks[name], data[name], "{name} of {order}");
            }
            for name in ["min_mw", "max_mw", "program_remaining_mw", "reliability"] {
                same(&asks[name], &data["inputs"][name], name);
            }
            let cost = data["price"].as_f64().unwrap() * data["mw"].as_f64().unwrap();
            let told = it["cost_per_h"].as_f64().unwrap();
            assert!((told - cost).abs() < 1e-6 * cost.abs().max(1.0), "{told} is not {cost}");
        }
        "dispatch.transfer_ordered" => {
            let asks = &asks["transfer"];
            same(&it["mw"], &data["delivered_mw"], "mw");
            assert_eq!(asks["path"], data["path"], "{order}");
            for name in ["sent_mw", "delivered_mw", "loss_mw"] {
                same(&asks[name], &data[name], name);
            }
            same(&asks["surplus_mw"], &data["inputs"]["surplus_mw"], "surplus");
            same(&asks["need_mw"], &data["inputs"]["need_mw"], "need");
            let cost = data["cost_per_mwh"].as_f64().unwrap();
            let told = asks["cost_per_mwh"].as_f64().unwrap();
            assert!((told - cost).abs() <= 0.000_501, "{told} is not {cost}");
        }
        _ => {
            same(&it["mw"], &data["mw"], "mw");
            assert_eq!(asks["curtailment"]["reason"], data["reason"], "{order}");
        }
    }
    assert_eq!(it["supersedes"]["order"].as_str(), data["supersedes"].as_str(), "{order}");
    let mw = format!("{} MW", it["mw"]);
    let mw = mw.replace(".0 MW", " MW");
    assert!(text.contains(&mw) && text.starts_with(order), "no {mw} in {text}");
}

fn check_plan(order: &str, it: &Value, record: &Value) {
    let (plan, data) = (&it["plan"], &record["data"]);
    for name in
        ["shortfall_mw", "demand_response_mw", "over_delivery_mw", "transfer_mw", "unmet_mw"]
    {
        assert_eq!(millionths(&plan[name]), millionths(&data[name]), "{name} of {order}");
    }
    if plan["time"] != it["time"] {
        return;
    }
    // What `why` rebuilt from the input is what the planner recorded that it saw.
    let lacked = &it["shortfall"];
    for name in [
        "load_mw",
        "relief_mw",
        "generation_mw",
        "available_mw",
        "reserve_mw",
        "declared_shortfall_mw",
    ] {
        assert_eq!(
            millionths(&lacked[name]),
            millionths(&data["inputs"][name]),
            "{name} of {order}"
        );
    }
    assert_eq!(millionths(&lacked["shortfall_mw"]), millionths(&data["shortfall_mw"]), "{order}");
    let sum = |kind: &str| -> i64 {
        let serving = it["serving"].as_array().unwrap().iter();
        serving.filter(|each| each["kind"] == kind).map(|each| millionths(&each["mw"])).sum()
    };
    assert_eq!(sum("transfer"), millionths(&data["transfer_mw"]), "transfers beside {order}");
    let paths: i64 =
        it["paths"].as_array().unwrap().iter().map(|path| millionths(&path["delivered_mw"])).sum();
    assert_eq!(paths, sum("transfer"), "paths beside {order}");
    let bids: i64 =
        it["bids"].as_array().unwrap().iter().map(|bid| millionths(&bid["taken_mw"])).sum();
    assert_eq!(bids, sum("demand_response"), "bids beside {order}");
}

fn check_end(order: &str, it: &Value, records: &[Value]) {
    let cancelled = records.iter().find(|record| {
        record["type"] == "dispatch.order_cancelled" && record["data"]["order"] == *order
    });
    let heirs: Vec<&Value> =
        records.iter().filter(|record| record["data"]["supersedes"] == *order).collect();
    let end = &it["end"];
    match (cancelled, heirs.first()) {
        (Some(record), _) => {
            assert_eq!(end["reason"], record["data"]["reason"], "{order}");
            assert_eq!(end["time"], record["time"], "{order}");
        }
        (None, Some(heir)) => {
            assert_eq!((&end["reason"], &end["time"]), (&"superseded".into(), &heir["time"]));
            let told: BTreeSet<&str> = end["by"]
                .as_array()
                .unwrap()
                .iter()
                .map(|by| by["order"].as_str().unwrap())
                .collect();
            let recorded: BTreeSet<&str> =
                heirs.iter().map(|heir| heir["data"]["order"].as_str().unwrap()).collect();
            assert_eq!(told, recorded, "{order}");
        }
        (None, None) => assert!(end.is_null(), "{order} never ended, {end}"),
    }
    if !end.is_null() {
        assert!(!end["why"].as_str().unwrap().is_empty(), "{order}");
    }
}

/// Every bid and path that was not used to the full has a reason, and the counterfactual adds up.
fn check_reasons(told: &BTreeMap<String, (Value, String)>) {
    for (order, (it, text)) in told {
        for choice in [&it["bids"], &it["paths"]] {
            for each in choice.as_array().unwrap() {
                assert!(!each["why"].as_str().unwrap().is_empty(), "{order}: {each}");
            }
        }
        assert!(!it["plan"]["why"].as_str().unwrap().is_empty(), "{order}");
        let without = &it["without"];
        let instead: i64 =
            without["instead"].as_array().unwrap().iter().map(|by| millionths(&by["mw"])).sum();
        let (lacking, unmet) =
            (millionths(&without["lacking_mw"]), millionths(&without["unmet_mw"]));
        assert!(instead + unmet >= lacking && unmet <= lacking, "{order}: {without}");
        for heading in ["lacked", "What was planned", "Without this order", "What became of it"] {
            assert!(text.contains(heading), "no «{heading}» in {text}");
        }
        assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
    }
}

#[test]
fn every_order_of_the_bundled_day_is_explained_by_its_records() {
    let folder = Folder::new();
    folder.run(&["run", "--dir", "day"]).well();
    let orders = folder.read("day/orders.jsonl");
    let rules = Settings::read(&folder.path().join("day/gridweaver.toml"), &[]).unwrap().rules();
    let packed = folder.read("day/rts-gmlc-day.jsonl.zst");
    let partitions = vec![Arc::new(zstd::decode_all(&packed[..]).unwrap())];
    let told = explained(&partitions, &orders, &rules);
    assert!(told.len() > 100, "the day has {} orders", told.len());
    check_against_records(&told, &orders);
    check_reasons(&told);
    for (order, (it, text)) in &told {
        assert_eq!(it["breaches"], Value::Array(vec![]), "{order}");
        assert!(text.contains("break no rule of dispatch"), "{text}");
    }
    // The program says the same, of one order of each kind.
    for kind in ["demand_response", "transfer", "curtailment"] {
        let (order, (data, text)) = told.iter().find(|(_, (it, _))| it["kind"] == kind).unwrap();
        let why = ["why", "-c", "day/gridweaver.toml", "-i", "day/rts-gmlc-day.jsonl.zst"];
        let asked = ["--orders", "day/orders.jsonl", order];
        let printed = folder.run(&[&why[..], &asked].concat()).well();
        assert_eq!(String::from_utf8(printed).unwrap(), *text);
        let printed = folder.run(&[&why[..], &asked, &["--json"]].concat()).well();
        assert_eq!(serde_json::from_slice::<Value>(&printed).unwrap(), *data);
    }
}

#[test]
fn every_order_of_random_streams_is_explained_by_its_records() {
    let mut seen = BTreeSet::new();
    for seed in seeds(8) {
        for manner in [Manner::Punctual, Manner::Unpunctual] {
            let stream = Stream::random(seed, manner);
            let mut random = Random::new(seed);
            let partitions = stream.cut(1 + random.below(3), &mut random);
            let orders = Play::by(&stream.rules).partitions(&partitions).orders;
            let told = explained(&partitions, &orders, &stream.rules);
            check_against_records(&told, &orders);
            check_reasons(&told);
            let ends = told.values().map(|(it, _)| it["end"]["reason"].to_string());
            seen.extend(ends);
        }
    }
    for reason in ["superseded", "released", "constraint", "expired", "failed", "completed"] {
        assert!(seen.contains(&format!("\"{reason}\"")), "no order ended as {reason}: {seen:?}");
    }
}

/// A grid of two regions: A lacks 10 MW at the first look, B has 40 MW to spare over a line of 20.
/// `more` is said besides, in the first second; `then` later, each at its second.
struct Small {
    folder: Folder,
    told: BTreeMap<String, Value>,
}

fn small(more: &[(&str, &str)], then: &[(i64, &str, &str)]) -> Small {
    let mut number = 0;
    let mut said = Vec::new();
    let mut say = |second: i64, type_name: &str, data: &str| {
        number += 1;
        let time_ms = START_MS + 1_000 * second;
        said.push((second, record(&format!("{number:04}"), type_name, time_ms, data)));
    };
    say(1, "grid.node", r#"{"node":"a","region":"A"}"#);
    say(1, "grid.node", r#"{"node":"b","region":"B"}"#);
    say(1, "grid.line", r#"{"line":"l","from":"a","to":"b","capacity_mw":20,"loss":0.02}"#);
    say(1, "dr.program", r#"{"program":"p","region":"A","capacity_mw":7}"#);
    for (type_name, data) in more {
        say(1, type_name, data);
    }
    for second in (1..60).step_by(4) {
        say(second, "grid.telemetry", r#"{"node":"b","generation_mw":90,"load_mw":50}"#);
        say(second, "grid.telemetry", r#"{"node":"a","generation_mw":50,"load_mw":60}"#);
    }
    for (second, type_name, data) in then {
        say(*second, type_name, data);
    }
    said.sort_by_key(|(second, _)| *second);
    let text: String = said.into_iter().map(|(_, line)| line + "\n").collect();
    let folder = Folder::new();
    folder.write("in.jsonl", &text);
    folder.run(&["replay", "--input", "in.jsonl", "--output", "out.jsonl"]).well();
    let partitions = [Arc::new(text.into_bytes())];
    let told = explained(&partitions, &folder.read("out.jsonl"), &Rules::default());
    Small { folder, told: told.into_iter().map(|(order, (it, _))| (order, it)).collect() }
}

impl Small {
    /// The first order of a kind.
    fn order(&self, kind: &str) -> &Value {
        let of_kind = self.told.values().filter(|it| it["kind"] == kind);
        let first = of_kind.min_by_key(|it| it["time"].to_string());
        first.unwrap_or_else(|| panic!("no {kind} among {:?}", self.told.keys()))
    }
}

/// Why a bid was taken as it was, as an order's explanation says.
fn why_bid<'a>(it: &'a Value, bid: &str) -> &'a str {
    let bids = it["bids"].as_array().unwrap();
    let found = bids.iter().find(|each| each["bid"] == bid);
    found.unwrap_or_else(|| panic!("no bid {bid} in {bids:?}"))["why"].as_str().unwrap()
}

fn bid(name: &str, price: i64, rest: &str) -> String {
    let window = r#""start":"2026-03-01T00:00:00Z","end":"2026-03-01T04:00:00Z""#;
    let window = if rest.contains("\"end\"") { "" } else { window };
    let comma = if window.is_empty() || rest.is_empty() { "" } else { "," };
    format!(
        r#"{{"bid":"{name}","participant":"v","program":"p","price":{price},{rest}{comma}{window}}}"#
    )
}

#[test]
fn names_the_limit_that_bound_a_cheaper_bid() {
    let bids = [
        bid("cheap-taken", 10, r#""min_mw":0,"max_mw":1"#),
        bid("cheap-notice", 11, r#""min_mw":0,"max_mw":1,"notice_s":1800"#),
        bid("cheap-run", 12, r#""min_mw":0,"max_mw":1,"min_run_s":36000"#),
        bid("cheap-big", 13, r#""min_mw":9,"max_mw":9"#),
        bid("dear", 60, r#""min_mw":0,"max_mw":8"#),
        bid("dearest", 70, r#""min_mw":0,"max_mw":8"#),
        bid("capped", 500, r#""min_mw":0,"max_mw":8"#),
    ];
    let mut more: Vec<(&str, &str)> = bids.iter().map(|bid| ("dr.bid", bid.as_str())).collect();
    more.push(("dr.program", r#"{"program":"p","region":"A","capacity_mw":7,"max_price":100}"#));
    let gone = bid("gone", 5, r#""min_mw":0,"max_mw":3"#);
    more.extend([("dr.bid", gone.as_str()), ("dr.bid_withdrawn", r#"{"bid":"gone"}"#)]);
    let small = small(&more, &[]);
    let it = small
        .told
        .values()
        .find(|it| it["asks"]["demand_response"]["bid"] == "dear")
        .expect("the dear bid is activated");
    assert_eq!(why_bid(it, "cheap-taken"), "taken in full");
    assert!(why_bid(it, "cheap-notice").contains("notice is longer than the lead time (30 min"));
    assert!(why_bid(it, "cheap-run").contains("no longer fit before its end (0 s and 10 h"));
    assert!(why_bid(it, "cheap-big").contains("program p is full: 7 MW of 7 MW"));
    assert!(why_bid(it, "dearest").contains("program p is full"));
    assert!(why_bid(it, "capped").contains("(500 per MWh against 100 per MWh)"));
    assert!(why_bid(it, "gone").contains("withdrawn at 2026-03-01 00:00:01"));
    // 6 MW less of `dear` is 6 MW more of the next bid.
    let instead = &it["without"]["instead"];
    assert_eq!(instead[0]["name"], "dearest");
    assert_eq!(
        (millionths(&instead[0]["mw"]), instead[0]["price_per_mwh"].as_f64()),
        (6_000_000, Some(70.0))
    );
    let limits = it["plan"]["limits"].to_string();
    assert!(limits.contains("its bids together may reach 7 MW"), "{limits}");
}

#[test]
fn names_a_minimum_that_does_not_fit() {
    let big = bid("big", 10, r#""min_mw":30,"max_mw":40"#);
    let fits = bid("fits", 12, r#""min_mw":0,"max_mw":40"#);
    let wide = ("dr.program", r#"{"program":"p","region":"A","capacity_mw":70}"#);
    let small = small(&[wide, ("dr.bid", &big), ("dr.bid", &fits)], &[]);
    let it = small.order("demand_response");
    assert_eq!(it["asks"]["demand_response"]["bid"], "fits");
    assert!(why_bid(it, "big").contains("its minimum does not fit"), "{}", why_bid(it, "big"));
    assert_eq!(why_bid(it, "fits"), "no more was needed");
}

#[test]
fn names_the_limit_that_bound_a_path() {
    let why_path = |it: &Value| it["paths"][0]["why"].as_str().unwrap().to_owned();
    let narrow = r#"{"line":"l","from":"a","to":"b","capacity_mw":6,"loss":0.02}"#;
    let line = small(&[("grid.line", narrow)], &[]);
    let it = line.order("curtailment");
    assert!(why_path(it).contains("the lines from area B to area A carry all they can, 6 MW"));
    let limit = r#"{"from_region":"B","to_region":"A","limit_mw":5}"#;
    let limited = small(&[("grid.interface_limit", limit)], &[]);
    let it = limited.order("curtailment");
    assert!(why_path(it).contains("the limit declared from area B to area A, 5 MW, is reached"));
    let reserve = small(&[("grid.reserve", r#"{"region":"B","reserve_mw":36}"#)], &[]);
    let it = reserve.order("curtailment");
    assert!(why_path(it).contains("area B sends all it can spare, 4 MW"));
    let reserve = small(&[("grid.reserve", r#"{"region":"B","reserve_mw":40}"#)], &[]);
    let it = reserve.order("curtailment");
    let why = it["neighbours"][0]["why"].as_str().unwrap();
    assert_eq!(why, "90 MW available less 50 MW load, less 40 MW reserve held back leaves nothing");
    let out = small(&[("grid.line_status", r#"{"line":"l","in_service":false}"#)], &[]);
    let it = out.order("curtailment");
    assert_eq!(it["neighbours"], Value::Array(vec![]));
    assert_eq!(it["island_lines_out"][0]["line"], "l");
}

#[test]
fn names_a_declared_shortfall_and_stale_readings() {
    let declared = small(&[("grid.shortfall", r#"{"region":"A","shortfall_mw":15}"#)], &[]);
    let it = declared.order("transfer");
    assert_eq!(millionths(&it["shortfall"]["declared_shortfall_mw"]), 15_000_000);
    assert_eq!(millionths(&it["shortfall"]["shortfall_mw"]), 15_000_000);
    let silent = r#"{"node":"old","region":"A"}"#;
    let reading = r#"{"node":"old","generation_mw":0,"load_mw":2}"#;
    let late = r#"{"node":"a","generation_mw":40,"load_mw":60}"#;
    let stale = small(
        &[("grid.node", silent), ("grid.telemetry", reading)],
        &[(600, "grid.telemetry", late), (604, "grid.telemetry", late)],
    );
    let it = stale.told.values().find(|it| it["shortfall"]["stale_nodes"] != 0);
    let it = it.expect("an order after the silence");
    assert!(millionths(&it["shortfall"]["stale_load_mw"]) >= 2_000_000);
}

#[test]
fn tells_the_answer_that_ended_an_order_and_what_took_its_place() {
    let first = bid("first", 10, r#""min_mw":0,"max_mw":4"#);
    let second = bid("second", 20, r#""min_mw":0,"max_mw":4"#);
    let bids = [("dr.bid", first.as_str()), ("dr.bid", second.as_str())];
    // Ids are a function of the input up to their tick: what comes later does not change them.
    let before = small(&bids, &[]);
    let of = |told: &BTreeMap<String, Value>, bid: &str| {
        let of_bid = |it: &&Value| it["asks"]["demand_response"]["bid"] == bid;
        told.values().filter(of_bid).min_by_key(|it| it["time"].to_string()).unwrap().clone()
    };
    let order = of(&before.told, "first")["order"].as_str().unwrap().to_owned();
    let received = format!(r#"{{"order":"{order}","status":"received"}}"#);
    let failed = format!(r#"{{"order":"{order}","status":"failed"}}"#);
    let answers =
        [(22, "dispatch.response", received.as_str()), (30, "dispatch.response", failed.as_str())];
    let small = small(&bids, &answers);
    let it = &small.told[&order];
    let statuses: Vec<&str> = it["answers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| answer["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["received", "failed"]);
    assert_eq!(it["end"]["reason"], "failed");
    let why = it["end"]["why"].as_str().unwrap();
    assert!(why.contains("its participant failed: answered at 2026-03-01 00:00:30"), "{why}");
    let next = small
        .told
        .values()
        .find(|it| it["time"] == small.told[&order]["end"]["time"] && it["kind"] != "curtailment");
    let next = next.expect("the rest is planned again");
    let why = next["plan"]["why"].as_str().unwrap();
    assert!(why.contains(&format!("order {order}")) && why.contains("had to end"), "{why}");
    assert!(
        why_bid(next, "first").contains("it is out after a failure (until 2026-03-01 04:00:00)")
    );
}

#[test]
fn tells_a_release_and_the_hold_before_it() {
    let enough = r#"{"node":"a","generation_mw":70,"load_mw":60}"#;
    let then: Vec<(i64, &str, &str)> =
        (61..200).step_by(4).map(|second| (second, "grid.telemetry", enough)).collect();
    let small = small(&[], &then);
    let it = small.order("transfer");
    assert_eq!(it["end"]["reason"], "released");
    let why = it["end"]["why"].as_str().unwrap();
    assert!(
        why.contains("less than the deadband of 1 MW since 2026-03-01 00:01:04, for the release hold of 1 min"),
        "{why}"
    );
    assert!(!why.contains("minimum run"), "{why}");
}

#[test]
fn tells_the_minimum_run_that_kept_an_order_beyond_the_hold() {
    let runs = bid("runs", 10, r#""min_mw":0,"max_mw":4,"min_run_s":150"#);
    let enough = r#"{"node":"a","generation_mw":70,"load_mw":60}"#;
    let then: Vec<(i64, &str, &str)> =
        (61..300).step_by(4).map(|second| (second, "grid.telemetry", enough)).collect();
    let small = small(&[("dr.bid", &runs)], &then);
    let it = small.order("demand_response");
    assert_eq!(it["end"]["reason"], "released");
    let why = it["end"]["why"].as_str().unwrap();
    assert!(why.contains("since 2026-03-01 00:01:04"), "{why}");
    assert!(why.contains("its minimum run of 150 s kept it until 2026-03-01 00:02:34"), "{why}");
}

#[test]
fn tells_that_load_shed_is_served_again_at_once() {
    let out = ("grid.line_status", r#"{"line":"l","in_service":false}"#);
    let then = [
        (30, "grid.telemetry", r#"{"node":"a","generation_mw":70,"load_mw":60}"#),
        (34, "grid.telemetry", r#"{"node":"a","generation_mw":70,"load_mw":60}"#),
    ];
    let small = small(&[out], &then);
    let it = small.order("curtailment");
    assert_eq!(it["end"]["reason"], "released");
    let why = it["end"]["why"].as_str().unwrap();
    assert!(why.contains("a plan that sheds 10 MW is given up at once"), "{why}");
}

#[test]
fn tells_what_a_clearing_would_choose_in_an_orders_place() {
    // Without `first`, 4 MW are lacking: 3 of `spare` would leave less than the minimum of `least`.
    let bids = [
        bid("first", 10, r#""min_mw":0,"max_mw":4"#),
        bid("spare", 20, r#""min_mw":0,"max_mw":6"#),
        bid("least", 30, r#""min_mw":2,"max_mw":6"#),
    ];
    let mut more: Vec<(&str, &str)> = bids.iter().map(|bid| ("dr.bid", bid.as_str())).collect();
    more.push(("grid.line_status", r#"{"line":"l","in_service":false}"#));
    let small = small(&more, &[]);
    let of_first = |it: &&Value| it["asks"]["demand_response"]["bid"] == "first";
    let it = small.told.values().find(of_first).expect("the cheapest bid is activated");
    let instead: Vec<(&str, i64)> = it["without"]["instead"]
        .as_array()
        .unwrap()
        .iter()
        .map(|by| (by["name"].as_str().unwrap(), millionths(&by["mw"])))
        .collect();
    assert_eq!(instead, [("spare", 2_000_000), ("least", 2_000_000)]);
    assert_eq!(millionths(&it["without"]["unmet_mw"]), 0);
}

#[test]
fn names_the_dearer_minimum_that_cut_a_bid_back() {
    let bids =
        [bid("cheap", 10, r#""min_mw":0,"max_mw":9"#), bid("dear", 20, r#""min_mw":3,"max_mw":6"#)];
    let mut more: Vec<(&str, &str)> = bids.iter().map(|bid| ("dr.bid", bid.as_str())).collect();
    more.push(("dr.program", r#"{"program":"p","region":"A","capacity_mw":20}"#));
    let small = small(&more, &[]);
    let it = small.order("demand_response");
    assert_eq!(why_bid(it, "cheap"), "cut back so that the minimum of dear, 3 MW, fits");
    assert!(why_bid(it, "dear").contains("it is at its minimum"), "{}", why_bid(it, "dear"));
}

#[test]
fn tells_the_limit_that_ended_a_transfer() {
    let lowered = r#"{"from_region":"B","to_region":"A","limit_mw":3}"#;
    let small = small(&[], &[(30, "grid.interface_limit", lowered)]);
    let it = small.order("transfer");
    let why = it["end"]["why"].as_str().unwrap();
    assert!(why.contains("from area B to area A only 3 MW may now flow, and 10.2"), "{why}");
}

#[test]
fn errors_name_the_nearest_orders_and_the_orders_of_a_plan_or_bid() {
    let first = bid("first", 10, r#""min_mw":0,"max_mw":4"#);
    let small = small(&[("dr.bid", &first)], &[]);
    let ask = |order: &str| {
        small.folder.run(&["why", "--input", "in.jsonl", "--orders", "out.jsonl", order])
    };
    let order = small.order("demand_response");
    let name = order["order"].as_str().unwrap();
    let mistyped = format!("{}x", &name[..name.len() - 1]);
    ask(&mistyped).complains(2, &["out.jsonl", &mistyped, "nearest are", name]);
    ask("first").complains(2, &["it is a bid; its orders are", name]);
    let plan = order["plan"]["plan"].as_str().unwrap();
    ask(plan).complains(2, &["it is a plan; its orders are", name]);
    small.folder.write("none.jsonl", "");
    let none = ["why", "--input", "in.jsonl", "--orders", "none.jsonl", name];
    small.folder.run(&none).complains(2, &["holds no order at all"]);
    let missing = ["why", "--input", "in.jsonl", "--orders", "missing.jsonl", name];
    small.folder.run(&missing).complains(1, &["missing.jsonl"]);
}

#[test]
fn says_so_where_the_orders_were_made_from_other_inputs() {
    let small = small(&[], &[]);
    let text = String::from_utf8(small.folder.read("in.jsonl")).unwrap();
    small.folder.write("other.jsonl", text.replace(r#""load_mw":60"#, r#""load_mw":61"#));
    let order = small.order("transfer")["order"].as_str().unwrap().to_owned();
    let ask = ["why", "--input", "other.jsonl", "--orders", "out.jsonl", &order];
    let told = String::from_utf8(small.folder.run(&ask).well()).unwrap();
    assert!(told.contains("What is wrong with the records"), "{told}");
    assert!(told.contains("Are --input and --config those"), "{told}");
}
