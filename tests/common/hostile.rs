//! Lines that are no records, each with the reason that the contract gives it.
#![allow(dead_code, reason = "each test file uses a part of its helpers")]

use crate::random::Random;
use crate::record::line;
use gridweaver::model::{Reason, Time};

/// A record that would be sound with this `data` and this type.
pub(crate) fn record(id: &str, type_name: &str, time_ms: i64, data: &str) -> String {
    line("hostile", id, type_name, time_ms, &format!(r#""data":{data}"#))
}

/// A line that is no record, and why.
type Bad = (Vec<u8>, Reason);

/// Every kind of line that can't be read, at an instant.
pub(crate) fn all(time_ms: i64) -> Vec<Bad> {
    let sound = telemetry(time_ms, r#""node":"n00","generation_mw":1,"load_mw":1"#);
    let mut all = Vec::new();
    let mut add = |reason, lines: Vec<Vec<u8>>| {
        all.extend(lines.into_iter().map(|line| (line, reason)));
    };
    add(Reason::NotJson, not_json(time_ms, &sound));
    add(Reason::BadEnvelope, bad_envelopes(time_ms, &sound));
    for type_name in ["grid.Telemetry", "dispatch.tick_closed", "x"] {
        let text = sound.replacen("grid.telemetry", type_name, 1);
        add(Reason::UnknownType, vec![text.into_bytes()]);
    }
    add(Reason::BadData, bad_readings(time_ms));
    add(Reason::BadData, bad_payloads(time_ms));
    add(Reason::BadData, bad_bids(time_ms));
    all
}

fn telemetry(time_ms: i64, fields: &str) -> String {
    record("h", "grid.telemetry", time_ms, &format!("{{{fields}}}"))
}

fn nested(depth: usize) -> Vec<u8> {
    format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth)).into_bytes()
}

fn not_json(time_ms: i64, sound: &str) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = [1, 10, sound.len() / 2, sound.len() - 1]
        .map(|end| sound.as_bytes()[..end].to_vec())
        .into();
    let texts = [
        "[]",
        "null",
        "17",
        "\"text\"",
        "{} {}",
        "nul",
        "{'a':1}",
        "{\"a\":1,}",
        "\u{feff}{}",
        "\u{0}",
        "{\"a\":\u{0}}",
        "{\"a\":\"\u{1}\"}",
        r#"{"a":"\ud800"}"#,
        "{\"a\":01}",
        "{\"a\":.5}",
        "{\"a\":+1}",
    ];
    lines.extend(texts.map(|text| text.as_bytes().to_vec()));
    lines.push(format!("{sound} x").into_bytes());
    lines.push(format!("\u{feff}{sound}").into_bytes());
    for number in ["NaN", "Infinity", "-Infinity", "0x10", "1e", "--1"] {
        let fields = format!(r#""node":"n00","generation_mw":{number},"load_mw":1"#);
        lines.push(telemetry(time_ms, &fields).into_bytes());
    }
    lines.push(b"{\"a\":\"\xff\xfe\"}".to_vec());
    lines.push([sound.as_bytes(), b"\0"].concat());
    lines.push(nested(65));
    lines.push(b"[".repeat(100_000));
    lines
}

fn bad_envelopes(time_ms: i64, sound: &str) -> Vec<Vec<u8>> {
    let long_id = format!(r#""id":"{}""#, "h".repeat(129));
    let mut changes = vec![
        (r#""specversion":"1.0""#, r#""specversion":"2.0""#.to_owned()),
        (r#""specversion":"1.0","#, String::new()),
        (r#""id":"h""#, r#""id":"""#.to_owned()),
        (r#""id":"h""#, r#""id":7"#.to_owned()),
        (r#""id":"h""#, r#""id":"h","id":"h""#.to_owned()),
        (r#""id":"h""#, long_id),
        (r#""source":"hostile""#, r#""source":null"#.to_owned()),
        (r#""type":"grid.telemetry""#, r#""type":["grid.telemetry"]"#.to_owned()),
        (r#""data":"#, r#""sequence":-1,"data":"#.to_owned()),
        (r#""data":"#, r#""sequence":1.5,"data":"#.to_owned()),
        (r#""data":"#, r#""sequence":18446744073709551616,"data":"#.to_owned()),
        (r#""data":"#, r#""correlationid":{},"data":"#.to_owned()),
    ];
    let time = format!(r#""time":"{}""#, Time(time_ms));
    for wrong in [
        "2026-02-30T00:00:00Z",
        "2026-03-01 00:00:00Z",
        "2026-03-01T00:00:60Z",
        "2200-01-01T00:00:00Z",
        "now",
    ] {
        changes.push((&time, format!(r#""time":"{wrong}""#)));
    }
    let lines = changes.into_iter().map(|(from, to)| {
        assert!(sound.contains(from), "{from}");
        sound.replacen(from, &to, 1).into_bytes()
    });
    lines.chain([nested(64)]).collect()
}

fn bad_readings(time_ms: i64) -> Vec<Vec<u8>> {
    let long = format!(r#""node":"{}","generation_mw":1,"load_mw":1"#, "n".repeat(129));
    let fields = [
        r#""node":"n00","load_mw":1"#,
        r#""node":"n00","generation_mw":-1,"load_mw":1"#,
        r#""node":"n00","generation_mw":"1","load_mw":1"#,
        r#""node":"n00","generation_mw":1e999,"load_mw":1"#,
        r#""node":"n00","generation_mw":1000000.0000001,"load_mw":1"#,
        r#""node":"n00","generation_mw":123456789012345678901234567890,"load_mw":1"#,
        r#""node":"","generation_mw":1,"load_mw":1"#,
        r#""node":"n00","node":"n01","generation_mw":1,"load_mw":1"#,
        r#""node":"n00","generation_mw":1,"load_mw":1,"quality":"Good""#,
        r#""node":["n00"],"generation_mw":1,"load_mw":1"#,
        &long,
    ];
    fields.map(|fields| telemetry(time_ms, fields).into_bytes()).into()
}

fn bad_payloads(time_ms: i64) -> Vec<Vec<u8>> {
    let payloads = [
        ("grid.telemetry", "[]"),
        ("grid.telemetry", "null"),
        ("grid.node", r#"{"node":"n00"}"#),
        ("grid.node", r#"{"node":"n00","region":"A@B"}"#),
        ("grid.node", r#"{"node":"n00","region":"A","removed":"true"}"#),
        ("grid.node", r#"{"node":"n00","region":"A","latitude":91}"#),
        ("grid.line", r#"{"line":"l","from":"a","to":"b"}"#),
        ("grid.line", r#"{"line":"l","from":"a","to":"b","capacity_mw":1,"loss":0.6}"#),
        ("grid.line_status", r#"{"line":"l00","in_service":1}"#),
        ("grid.reserve", r#"{"region":"A>B","reserve_mw":1}"#),
        ("grid.energy_price", r#"{"region":"A","price":1000001}"#),
        ("grid.interface_limit", r#"{"from_region":"A","to_region":"B"}"#),
        ("grid.shortfall", r#"{"region":"A","shortfall_mw":-0.1}"#),
        ("dr.program", r#"{"program":"p","region":"A"}"#),
        ("dr.performance", r#"{"participant":"v","instructed_mw":0,"delivered_mw":0}"#),
        ("dr.performance", r#"{"participant":"v","instructed_mw":0.0000001,"delivered_mw":0}"#),
        ("dr.bid_withdrawn", "{}"),
        ("dispatch.response", r#"{"order":"o","status":"done"}"#),
    ];
    payloads.map(|(type_name, data)| record("h", type_name, time_ms, data).into_bytes()).into()
}

fn bad_bids(time_ms: i64) -> Vec<Vec<u8>> {
    let bid = |min: &str, max: &str, start: &str, end: &str| {
        let whose = r#""bid":"b","participant":"v","program":"p","price":1"#;
        let data =
            format!(r#"{{{whose},"min_mw":{min},"max_mw":{max},"start":"{start}","end":"{end}"}}"#);
        record("h", "dr.bid", time_ms, &data)
    };
    let (earlier, later) = ("2026-03-01T00:00:00Z", "2026-03-01T01:00:00Z");
    let bids = [
        bid("2", "1", earlier, later),
        bid("0", "0", earlier, later),
        bid("0", "1", later, earlier),
        bid("0", "1", earlier, earlier),
        bid("0", "1", "yesterday", later),
    ];
    bids.map(String::into_bytes).into()
}

/// One of them.
pub(crate) fn any(random: &mut Random, time_ms: i64) -> Vec<u8> {
    random.pick(&all(time_ms)).0.clone()
}
