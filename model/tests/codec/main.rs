//! The codec as a whole: what each reader takes, what is refused and why, and the way back.
//!
//! | module | what it shows | what it would catch |
//! | --- | --- | --- |
//! | `hostile`, `hostile_data` | lines that are no records, and why | a bound that is off by one |
//! | `edges` | lines that only just are records | a reader too strict, rounding of floats |
//! | `round_trip` | what is written reads back, however spelled | a field lost or rounded |
//! | `mutations` | valid lines with bytes changed | the scanner taking what the judge does not |
//!
//! `strategies` makes records, `spelling` writes one in many ways.

mod edges;
mod hostile;
mod hostile_data;
mod mutations;
mod round_trip;
mod spelling;
mod strategies;

use gridweaver_model::judge::{Refusal, judge};
use gridweaver_model::scan::scan;
use gridweaver_model::{Record, decode};

/// The size limit of the contract.
const MAX_BYTES: usize = 1 << 20;

/// Reads a line by both readers, which must not contradict each other.
fn read(line: &[u8]) -> Result<Record, Refusal> {
    let judged = judge(line, MAX_BYTES);
    let scanned = std::str::from_utf8(line).ok().and_then(scan);
    if let Some(record) = scanned
        && line.len() <= MAX_BYTES
    {
        let text = String::from_utf8_lossy(line);
        assert_eq!(Some(&record), judged.as_ref().ok(), "taken by the scanner alone: {text}");
    }
    assert_eq!(decode(line, MAX_BYTES), judged);
    judged
}

/// One line of telemetry with some members of its envelope replaced: `""` takes one away.
fn with_attributes(replaced: &[(&str, &str)]) -> String {
    let mut line = String::from("{");
    for (name, value) in [
        ("specversion", r#""1.0""#),
        ("id", r#""e1""#),
        ("source", r#""scada/west""#),
        ("type", r#""grid.telemetry""#),
        ("time", r#""2026-03-01T12:00:00Z""#),
        ("data", r#"{"node":"n1","generation_mw":1,"load_mw":2}"#),
    ] {
        let value = replaced.iter().find(|(other, _)| *other == name).map_or(value, |pair| pair.1);
        if !value.is_empty() {
            line.push_str(&format!("\"{name}\":{value},"));
        }
    }
    let known = ["specversion", "id", "source", "type", "time", "data"];
    for (name, value) in replaced.iter().filter(|(name, _)| !known.contains(name)) {
        line.push_str(&format!("\"{name}\":{value},"));
    }
    line.pop();
    line.push('}');
    line
}

/// A line of a type with that payload.
fn with_data(type_name: &str, data: &str) -> String {
    with_attributes(&[("type", &format!("\"{type_name}\"")), ("data", data)])
}
