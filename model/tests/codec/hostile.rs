//! Lines that are no JSON, or whose envelope is wrong: each with its reason and with what the
//! detail must name. `hostile_data` goes on with the payloads.

use crate::{MAX_BYTES, read, with_attributes, with_data};
use gridweaver_model::Reason::{self, BadEnvelope, NotJson, UnknownType};
use gridweaver_model::decode;

pub(crate) fn refused(reason: Reason, named: &str, line: impl AsRef<[u8]>) {
    let line = line.as_ref();
    let shown = String::from_utf8_lossy(&line[..line.len().min(300)]).into_owned();
    let refusal = read(line).expect_err(&shown);
    assert_eq!(refusal.reason, reason, "{shown}: {refusal}");
    assert!(refusal.detail.contains(named), "{shown}: {refusal}");
    assert!(refusal.detail.len() < 300, "{refusal}");
}

#[test]
fn what_is_not_one_json_object() {
    for line in ["", " ", "{", "}", "[]", "null", "17", "\"text\"", "nul", "{} {}", "{}{}", "{},"] {
        refused(NotJson, "", line);
    }
    for line in [r#"{'a':1}"#, r#"{"a":1,}"#, r#"{"a" 1}"#, r#"{a:1}"#, r#"{"a":}"#, r#"{,}"#] {
        refused(NotJson, "", line);
    }
    let valid = with_attributes(&[]);
    assert!(read(valid.as_bytes()).is_ok());
    refused(NotJson, "", format!("\u{feff}{valid}"));
    refused(NotJson, "", format!("{valid} x"));
    refused(NotJson, "", format!("{valid}\0"));
    refused(NotJson, "", format!("[{valid}]"));
    refused(NotJson, "UTF-8", b"\xff\xfe{}");
    refused(NotJson, "UTF-8", b"{\"a\":\"\xc3(\"}");
    refused(NotJson, "UTF-8", b"{\"a\":\"\xed\xa0\x80\"}");
    refused(NotJson, "", b"\0");
}

#[test]
fn what_is_no_json_value_even_where_nobody_asks_for_it() {
    for number in
        ["NaN", "Infinity", "-Infinity", "0777", "+7", ".5", "7.", "1e", "1e+", "-", "0x1", "1_0"]
    {
        refused(NotJson, "", with_attributes(&[("note", number)]));
        let data = format!(r#"{{"node":"n","generation_mw":{number},"load_mw":1}}"#);
        refused(NotJson, "", with_data("grid.telemetry", &data));
    }
    for text in [
        r#""\ud800""#,
        r#""\ud800x""#,
        r#""\ud800\n""#,
        r#""\udc00""#,
        r#""\ud800\ud800""#,
        r#""\ud83d\u0041""#,
        r#""\udc00\ud800""#,
        r#""\u12g4""#,
        r#""\u123""#,
        r#""\x""#,
        "\"\n\"",
        "\"\0\"",
        "\"\u{1f}\"",
        "tru",
        "True",
        "undefined",
    ] {
        refused(NotJson, "", with_attributes(&[("note", text)]));
        refused(NotJson, "", with_attributes(&[("id", text)]));
        refused(NotJson, "", with_attributes(&[("note", &format!("[{{\"a\":{text}}}]"))]));
        refused(NotJson, "", with_data("source.watermark", &format!("{{\"a\":{text}}}")));
    }
    refused(NotJson, "surrogate", with_attributes(&[(r"\udc00", "1"), ("note", r#""\udc00""#)]));
}

#[test]
fn a_line_cut_short_anywhere() {
    let escaped = r#"{"node":"\u00e9\ud83d\ude00","generation_mw":1.5e2,"load_mw":0.25}"#;
    for line in [with_attributes(&[]), with_data("grid.telemetry", escaped)] {
        for length in 0..line.len() {
            refused(NotJson, "", &line[..length]);
        }
    }
}

#[test]
fn nesting_deeper_than_64() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(read(with_attributes(&[("note", &nested(63))]).as_bytes()).is_ok());
    refused(NotJson, "deeper than 64", with_attributes(&[("note", &nested(64))]));
    refused(NotJson, "deeper than 64", with_attributes(&[("note", &nested(100_000))]));
    let data = |levels| format!(r#"{{"a":{}}}"#, nested(levels));
    assert!(read(with_data("source.watermark", &data(62)).as_bytes()).is_ok());
    refused(NotJson, "deeper than 64", with_data("source.watermark", &data(63)));
    refused(NotJson, "", "{\"a\":".repeat(200_000));
    refused(NotJson, "", "{".repeat(200_000));
    refused(NotJson, "", "[".repeat(1_000_000));
    // Brackets in text nest nothing.
    let text = format!("\"\\\"{}\"", "[{".repeat(100));
    assert!(read(with_attributes(&[("note", &text)]).as_bytes()).is_ok());
}

#[test]
fn longer_than_the_limit() {
    let padded = |bytes: usize| {
        let line = with_attributes(&[("note", "\"\"")]);
        line.replace("\"note\":\"\"", &format!("\"note\":\"{}\"", "x".repeat(bytes - line.len())))
    };
    assert!(read(padded(MAX_BYTES).as_bytes()).is_ok());
    refused(NotJson, "limit", padded(MAX_BYTES + 1));
    refused(NotJson, "limit", padded(2 << 20));
    refused(NotJson, "limit", "x".repeat(2 << 20));
    let line = with_attributes(&[]);
    assert!(decode(line.as_bytes(), line.len()).is_ok());
    assert!(decode(line.as_bytes(), line.len() - 1).is_err());
}

#[test]
fn an_envelope_that_lacks_something() {
    for name in ["specversion", "id", "source", "type", "time"] {
        let missing = format!("{name} is missing");
        refused(BadEnvelope, &missing, with_attributes(&[(name, "")]));
        refused(BadEnvelope, &missing, with_attributes(&[(name, "null")]));
        for value in ["7", "true", "[]", "{}"] {
            refused(BadEnvelope, name, with_attributes(&[(name, value)]));
        }
        refused(BadEnvelope, name, with_attributes(&[(name, "\"\"")]));
    }
    refused(BadEnvelope, "specversion is missing", "{}");
    for name in ["id", "source", "type"] {
        let long = format!("\"{}\"", "x".repeat(129));
        refused(BadEnvelope, "longer than 128", with_attributes(&[(name, &long)]));
        let long = format!("\"{}\"", "\u{e9}".repeat(65));
        refused(BadEnvelope, "longer than 128", with_attributes(&[(name, &long)]));
        let long = format!("\"{}\"", "\\u00e9".repeat(65));
        refused(BadEnvelope, "longer than 128", with_attributes(&[(name, &long)]));
    }
    for version in ["\"0.3\"", "\"1\"", "\"1.0 \"", "1.0"] {
        refused(BadEnvelope, "specversion", with_attributes(&[("specversion", version)]));
    }
    for value in ["7", "true", "[]", "{}", "\"\""] {
        refused(BadEnvelope, "correlationid", with_attributes(&[("correlationid", value)]));
    }
}

#[test]
fn an_attribute_given_twice() {
    for (name, value) in [
        ("specversion", "\"1.0\""),
        ("id", "\"e1\""),
        ("source", "\"scada/west\""),
        ("type", "\"grid.telemetry\""),
        ("time", "\"2026-03-01T12:00:00Z\""),
        ("sequence", "1"),
        ("correlationid", "\"c\""),
        ("data", "{}"),
    ] {
        let twice = |value| {
            let line = with_attributes(&[("sequence", "1"), ("correlationid", "\"c\"")]);
            line.replacen('{', &format!("{{\"{name}\":{value},"), 1)
        };
        refused(BadEnvelope, &format!("{name} is given twice"), twice(value));
        refused(BadEnvelope, &format!("{name} is given twice"), twice("null"));
        let escaped =
            twice(value).replacen(name, &format!("\\u{:04x}{}", name.as_bytes()[0], &name[1..]), 1);
        refused(BadEnvelope, &format!("{name} is given twice"), escaped);
    }
    // The envelope comes before the type, the type before the data.
    let line = with_data("grid.unknown", "5").replacen('{', "{\"data\":{},", 1);
    refused(BadEnvelope, "data is given twice", line);
    refused(BadEnvelope, "id", with_attributes(&[("id", "\"\""), ("type", "\"no\"")]));
}

#[test]
fn a_time_that_is_none() {
    for time in [
        "2026-02-30T00:00:00Z",
        "2026-03-01",
        "2026-03-01T00:00:00",
        "2026-03-01 00:00:00Z",
        "1969-12-31T23:59:59.999Z",
        "2200-01-01T00:00:00Z",
        "yesterday",
        "2026-03-01T24:00:00Z",
        "2026-03-01T00:00:60Z",
        "2026-03-01T00:00:00+24:00",
        "2026-03-01T00:00:00.Z",
        "2026-03-01T00:00:00Z ",
    ] {
        refused(BadEnvelope, "time", with_attributes(&[("time", &format!("\"{time}\""))]));
    }
}

#[test]
fn a_sequence_that_is_none() {
    for sequence in [
        "-1",
        "-0",
        "1.5",
        "5.0",
        "1E3",
        "1e0",
        "true",
        "[]",
        "{}",
        "\"\"",
        "\"x\"",
        "\"-3\"",
        "\"+3\"",
        "\" 3\"",
        "\"3.0\"",
        "\"0x3\"",
        "18446744073709551616",
        "\"18446744073709551616\"",
        "99999999999999999999999999",
        "\"\u{664}\"",
    ] {
        refused(BadEnvelope, "sequence", with_attributes(&[("sequence", sequence)]));
    }
}

#[test]
fn a_type_that_is_not_read() {
    for name in ["grid.unknown", "grid.telemetry ", "Grid.telemetry", "dispatch.plan_created"] {
        for data in ["", "null", "5", "{}"] {
            refused(UnknownType, name, with_data(name, data));
        }
    }
}
