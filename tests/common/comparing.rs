//! The engine's state against the twins', field by field.
#![allow(dead_code, reason = "each test file uses a part of its helpers")]

use crate::playing::{Play, RECORD_BYTES_MAX, decisions};
use gridweaver::dataflows::twins::state_at;
use gridweaver::model::{Decision, Rules, Time};
use gridweaver::state::State;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the engine decided from some partitions, to stand the twins on.
pub(crate) struct States {
    rules: Rules,
    decisions: BTreeMap<Time, Vec<Decision>>,
}

impl States {
    pub(crate) fn new(rules: &Rules, partitions: &[Arc<Vec<u8>>]) -> Self {
        let orders = Play::by(rules).partitions(partitions).orders;
        Self { rules: rules.clone(), decisions: decisions(&orders) }
    }

    /// Where the engine's state at a time is not the twins'.
    pub(crate) fn differ(&self, play: &Play, partitions: &[Arc<Vec<u8>>], at: Time) -> Vec<String> {
        let open_from = Some(self.rules.tick_of(at));
        let looking = Play { open_from, observed: true, ..play.clone() };
        let outcome = looking.partitions(partitions).outcome;
        let found = State::of(at, outcome, &self.rules).expect("an observed run has a state");
        let files: Vec<&[u8]> = partitions.iter().map(|bytes| bytes.as_slice()).collect();
        let expected = state_at(&files, at, &self.decisions, &self.rules, RECORD_BYTES_MAX);
        let differ = differences(&expected.json(), &found.json());
        differ.into_iter().map(|difference| format!("at {at}: {difference}")).collect()
    }
}

/// What names a row in each list.
const KEYS: [(&str, &[&str]); 11] = [
    ("areas", &["area"]),
    ("interfaces", &["from_area", "to_area"]),
    ("islands", &["island"]),
    ("critical_lines", &["line"]),
    ("programs", &["program"]),
    ("bids", &["bid"]),
    ("participants", &["participant"]),
    ("orders", &["order"]),
    ("plans", &["plan"]),
    ("violations", &["kind", "subject"]),
    ("unresolved", &["type", "key"]),
];

/// Where two states, as JSON, differ.
pub(crate) fn differences(expected: &str, found: &str) -> Vec<String> {
    let (expected, found) = (flat(expected), flat(found));
    let fields: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let mut differences = Vec::new();
    for field in fields {
        match (expected.get(field), found.get(field)) {
            (one, other) if one == other => {}
            (Some(one), Some(other)) => {
                differences.push(format!("{field}: the twin has {one}, the state {other}"));
            }
            (Some(one), None) => differences.push(format!("{field}: the state lacks {one}")),
            (None, other) => {
                let other = other.unwrap_or(&Value::Null);
                differences.push(format!("{field}: the state has {other} too many"));
            }
        }
    }
    differences
}

/// A state as one row a figure; the order of rows is a row of its own. Left out are reasons for
/// which there is no dead letter, and of what is unresolved that which the contract leaves open:
/// bids that have ended, and what exactly a record waits for where that is more than one thing.
fn flat(state: &str) -> BTreeMap<String, Value> {
    let mut state: Map<String, Value> = serde_json::from_str(state).unwrap();
    let mut rows = BTreeMap::new();
    if let Some(Value::Array(unresolved)) = state.remove("unresolved") {
        let bids = state["bids"].as_array().unwrap();
        let has_ended = |row: &Value| {
            let is_it = |bid: &&Value| row["type"] == "dr.bid" && bid["bid"] == row["key"];
            let status = bids.iter().find(is_it).map(|bid| bid["status"].as_str().unwrap());
            matches!(status, Some("expired" | "withdrawn"))
        };
        let live = unresolved.into_iter().filter(|row| !has_ended(row)).collect();
        flatten_list("unresolved", live, &mut rows);
    }
    for (name, value) in state {
        match value {
            Value::Array(list) => flatten_list(&name, list, &mut rows),
            Value::Object(counters) => flatten_counters(&name, counters, &mut rows),
            other => {
                rows.insert(name, other);
            }
        }
    }
    rows
}

fn flatten_list(name: &str, list: Vec<Value>, rows: &mut BTreeMap<String, Value>) {
    let (_, key) = KEYS.iter().find(|(list, _)| *list == name).expect("a list that is known");
    let mut order: Vec<String> = Vec::new();
    for row in list {
        let Value::Object(row) = row else { panic!("{name}: {row} is no row") };
        let key: Vec<&str> = key.iter().map(|field| row[*field].as_str().unwrap()).collect();
        let key = key.join(" > ");
        if name == "unresolved" {
            assert_ne!(row["missing"], "", "{key} waits for something");
            order.extend((order.last() != Some(&key)).then_some(key));
            continue;
        }
        for (field, value) in row {
            let is_new = rows.insert(format!("{name} {key} {field}"), value).is_none();
            assert!(is_new, "{name} {key} is there twice");
        }
        order.push(key);
    }
    rows.insert(format!("{name}, in order"), order.into());
}

fn flatten_counters(name: &str, counters: Map<String, Value>, rows: &mut BTreeMap<String, Value>) {
    for (counter, value) in counters {
        let Value::Object(letters) = value else {
            rows.insert(format!("{name} {counter}"), value);
            continue;
        };
        for (reason, count) in letters.into_iter().filter(|(_, count)| *count != 0) {
            rows.insert(format!("{name} {counter} {reason}"), count);
        }
    }
}
