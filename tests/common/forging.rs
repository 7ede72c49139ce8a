//! Orders changed and written again as if nothing had happened: numbered, counted and digested.
#![allow(dead_code, reason = "each test file uses a part of its helpers")]

use crate::playing::lines;
use gridweaver::model::decision::TickClosed;
use gridweaver::model::{Decision, Time, decimal};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Recorded orders, to be changed.
pub(crate) struct Orders {
    pub(crate) records: Vec<Value>,
    /// The text of each record as it was, by id: what is not changed is written as it was.
    before: Vec<(Value, String)>,
}

impl Orders {
    pub(crate) fn read(text: &[u8]) -> Self {
        let texts = lines(text).map(|line| String::from_utf8(line.to_vec()).unwrap());
        let before: Vec<(Value, String)> =
            texts.map(|text| (serde_json::from_str(&text).unwrap(), text)).collect();
        Self { records: before.iter().map(|(record, _)| record.clone()).collect(), before }
    }

    /// Where the first record of a type is.
    pub(crate) fn first(&self, type_name: &str) -> Option<usize> {
        self.records.iter().position(|record| record["type"] == type_name)
    }

    /// The whole stream, numbered, counted and digested anew.
    pub(crate) fn written(&self) -> Vec<u8> {
        let mut out = String::new();
        let (mut sequence, mut records, mut begin) = (0, 0, 0);
        for record in &self.records {
            let mut record = record.clone();
            if record["type"] == "dispatch.tick_closed" {
                record["data"]["records"] = records.into();
                record["data"]["digest"] = digest(&out.as_bytes()[begin..]).into();
            } else {
                sequence += 1;
                records += 1;
            }
            record["sequence"] = sequence.into();
            out += &self.text(&record);
            out.push('\n');
            if record["type"] == "dispatch.tick_closed" {
                (records, begin) = (0, out.len());
            }
        }
        out.into_bytes()
    }

    fn text(&self, record: &Value) -> String {
        let unchanged = self.before.iter().find(|(before, _)| before["id"] == record["id"]);
        match unchanged {
            Some((before, text)) if before == record => text.clone(),
            _ => record.to_string(),
        }
    }
}

/// Decisions by the end of their tick, written as the engine writes them, in their place.
pub(crate) fn rewritten(ticks: &BTreeMap<Time, Vec<Decision>>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut sequence = 0;
    for (tick, decisions) in ticks {
        let mut decisions: Vec<&Decision> = decisions.iter().collect();
        decisions.sort_by(|a, b| a.place().cmp(&b.place()));
        let begin = out.len();
        for decision in &decisions {
            sequence += 1;
            decision.write_line(&mut out, *tick, sequence);
            out.push(b'\n');
        }
        let closed = TickClosed {
            sink: "sink/1".into(),
            tick: *tick,
            term: 0,
            records: decisions.len() as u64,
            digest: digest(&out[begin..]).as_str().into(),
            passed_over: vec![],
            refused: vec![],
        };
        closed.write_line(&mut out, sequence);
        out.push(b'\n');
    }
    out
}

fn digest(text: &[u8]) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

/// Sets what a pointer leads to, which must be there.
pub(crate) fn set(record: &mut Value, pointer: &str, to: Value) {
    *record.pointer_mut(pointer).expect("what is forged is there") = to;
}

/// A number of MW in watts.
pub(crate) fn watts(mw: &Value) -> i64 {
    (mw.as_f64().expect("MW is a number") * 1e6).round() as i64
}

/// So many watts less, as MW.
pub(crate) fn mw_below(watts: i64, less: i64) -> Value {
    serde_json::from_str(&decimal::text((watts - less).into(), 6)).unwrap()
}
