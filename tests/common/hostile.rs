//! Lines that are no records, each with the reason that the contract gives it.
#![allow(dead_code, reason = "each test file uses a part of its helpers")]

use crate::random::Random;
use gridweaver::model::{Reason, Time};

/// A record that would be sound with this `data` and this type.
pub(crate) fn record(id: &str, type_name: &str, time_ms: i64, data: &str) -> String {
    let time = Time(time_ms);
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"hostile","type":"{type_name}","time":"{time}","data":{data}}}"#
    )
}

/// Every kind of line that can't be read, at an instant.
pub(crate) fn all(time_ms: i64) -> Vec<(Vec<u8>, Reason)> {
    let mut lines: Vec<(Vec<u8>, Reason)> = Vec::new();
    let mut add = |reason, text: Vec<u8>| lines.push((text, reason));
    let telemetry = |fields: &str| record("h", "grid.telemetry", time_ms, &format!("{{{fields}}}"));
    let sound = telemetry(r#""node":"n00","generation_mw":1,"load_mw":1"#);

    for end in [1, 10, sound.len() / 2, sound.len() - 1] {
        add(Reason::NotJson, sound.as_bytes()[..end].to_vec());
    }
    for text in [
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
    ] {
        add(Reason::NotJson, text.as_bytes().to_vec());
    }
    add(Reason::NotJson, format!("{sound} x").into_bytes());
    add(Reason::NotJson, format!("\u{feff}{sound}").into_bytes());
    for number in ["NaN", "Infinity", "-Infinity", "0x10", "1e", "--1"] {
        let fields = format!(r#""node":"n00","generation_mw":{number},"load_mw":1"#);
        add(Reason::NotJson, telemetry(&fields).into_bytes());
    }
    add(Reason::NotJson, b"{\"a\":\"\xff\xfe\"}".to_vec());
    add(Reason::NotJson, [sound.as_bytes(), b"\0"].concat());
    let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    add(Reason::NotJson, nested(65).into_bytes());
    add(Reason::NotJson, "[".repeat(100_000).into_bytes());

    for (from, to) in [
        (r#""specversion":"1.0""#, r#""specversion":"2.0""#),
        (r#""specversion":"1.0","#, ""),
        (r#""id":"h""#, r#""id":"""#),
        (r#""id":"h""#, r#""id":7"#),
        (r#""id":"h""#, r#""id":"h","id":"h""#),
        (r#""source":"hostile""#, r#""source":null"#),
        (r#""type":"grid.telemetry""#, r#""type":["grid.telemetry"]"#),
        (r#""data":"#, r#""sequence":-1,"data":"#),
        (r#""data":"#, r#""sequence":1.5,"data":"#),
        (r#""data":"#, r#""sequence":18446744073709551616,"data":"#),
        (r#""data":"#, r#""correlationid":{},"data":"#),
    ] {
        assert!(sound.contains(from), "{from}");
        add(Reason::BadEnvelope, sound.replacen(from, to, 1).into_bytes());
    }
    let time = format!(r#""time":"{}""#, Time(time_ms));
    for wrong in [
        "2026-02-30T00:00:00Z",
        "2026-03-01 00:00:00Z",
        "2026-03-01T00:00:60Z",
        "now",
        "2200-01-01T00:00:00Z",
    ] {
        let wrong = format!(r#""time":"{wrong}""#);
        add(Reason::BadEnvelope, sound.replacen(&time, &wrong, 1).into_bytes());
    }
    add(
        Reason::BadEnvelope,
        sound.replacen(r#""id":"h""#, &format!(r#""id":"{}""#, "h".repeat(129)), 1).into_bytes(),
    );
    add(Reason::BadEnvelope, nested(64).into_bytes());

    for type_name in ["grid.Telemetry", "dispatch.tick_closed", "x"] {
        let text = sound.replacen("grid.telemetry", type_name, 1);
        add(Reason::UnknownType, text.into_bytes());
    }

    for fields in [
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
    ] {
        add(Reason::BadData, telemetry(fields).into_bytes());
    }
    let long = format!(r#""node":"{}","generation_mw":1,"load_mw":1"#, "n".repeat(129));
    add(Reason::BadData, telemetry(&long).into_bytes());
    for (type_name, data) in [
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
    ] {
        add(Reason::BadData, record("h", type_name, time_ms, data).into_bytes());
    }
    let bid = |min: &str, max: &str, start: &str, end: &str| {
        let whose = r#""bid":"b","participant":"v","program":"p","price":1"#;
        let data =
            format!(r#"{{{whose},"min_mw":{min},"max_mw":{max},"start":"{start}","end":"{end}"}}"#);
        record("h", "dr.bid", time_ms, &data)
    };
    let (earlier, later) = ("2026-03-01T00:00:00Z", "2026-03-01T01:00:00Z");
    for text in [
        bid("2", "1", earlier, later),
        bid("0", "0", earlier, later),
        bid("0", "1", later, earlier),
        bid("0", "1", earlier, earlier),
        bid("0", "1", "yesterday", later),
    ] {
        add(Reason::BadData, text.into_bytes());
    }
    lines
}

/// One of them.
pub(crate) fn line(random: &mut Random, time_ms: i64) -> Vec<u8> {
    random.pick(&all(time_ms)).0.clone()
}
