//! Histories of a grid small enough to see by looking, written record by record.
#![allow(dead_code, reason = "each test file uses a part of its helpers")]

use crate::record;
use std::sync::Arc;

/// A history, record by record, each with its second.
#[derive(Clone, Default)]
pub(crate) struct History(Vec<(i64, String)>);

impl History {
    pub(crate) fn say(&mut self, second: i64, type_name: &str, data: &str) {
        let id = self.0.len().to_string();
        let rest = format!(r#""data":{{{data}}}"#);
        self.0.push((second, record::line("s", &id, type_name, second * 1_000, &rest)));
    }

    /// A region whose program may activate 100 MW; `nodes` hang on one line each.
    pub(crate) fn of_nodes(nodes: &[&str]) -> Self {
        let mut history = Self::default();
        for node in nodes {
            history.say(1, "grid.node", &format!(r#""node":"{node}","region":"R""#));
        }
        for (number, ends) in nodes.windows(2).enumerate() {
            let ends = format!(r#""from":"{}","to":"{}""#, ends[0], ends[1]);
            history.say(1, "grid.line", &format!(r#""line":"{number}",{ends},"capacity_mw":100"#));
        }
        history.say(1, "dr.program", r#""program":"p","region":"R","capacity_mw":100"#);
        history
    }

    pub(crate) fn read(&mut self, second: i64, node: &str, generation_mw: u32, load_mw: u32) {
        let power = format!(r#""generation_mw":{generation_mw},"load_mw":{load_mw}"#);
        self.say(second, "grid.telemetry", &format!(r#""node":"{node}",{power}"#));
    }

    pub(crate) fn offer(&mut self, bid: &str, price: u32, max_mw: u32, node: &str) {
        let whose = format!(r#""bid":"{bid}","participant":"v","program":"p"{node}"#);
        let power = format!(r#""price":{price},"min_mw":0,"max_mw":{max_mw}"#);
        let window = r#""start":"1970-01-01T00:00:00Z","end":"1970-01-01T04:00:00Z""#;
        self.say(1, "dr.bid", &format!("{whose},{power},{window}"));
    }

    pub(crate) fn answer(&mut self, second: i64, order: &str, status: &str) {
        self.say(second, "dispatch.response", &format!(r#""order":"{order}","status":"{status}""#));
    }

    /// All of it as one partition, in order of time. What comes last closes all ticks before it.
    pub(crate) fn closed_after(&self, second: i64) -> [Arc<Vec<u8>>; 1] {
        let mut whole = self.clone();
        whole.say(second, "grid.reserve", r#""region":"nowhere","reserve_mw":0"#);
        whole.0.sort_by_key(|(second, _)| *second);
        let text: String = whole.0.into_iter().map(|(_, line)| line + "\n").collect();
        [Arc::new(text.into_bytes())]
    }
}
