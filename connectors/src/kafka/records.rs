//! Of a line written: its topic and its key.
//!
//! The key decides the partition, and so what stays in order: the records of one region, of one
//! bid, of one island, of one subject of violations.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The type of the line that ends a tick.
pub(super) const TICK_CLOSED: &str = "dispatch.tick_closed";
/// The key of what belongs to no region.
const NO_KEY: &str = "_";

/// Which record goes to which topic.
pub(super) struct Routes {
    /// Where records go.
    pub(super) topic: String,
    /// Where those of some types go instead.
    pub(super) topics: BTreeMap<String, String>,
    /// Where the ends of ticks go.
    pub(super) tick_topic: String,
}

/// Where one line goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) topic: String,
    pub(super) key: String,
    pub(super) is_tick_closed: bool,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    subject: Option<String>,
    #[serde(default)]
    data: Data,
}

#[derive(Default, Deserialize)]
struct Data {
    region: Option<String>,
    bid: Option<String>,
    island: Option<String>,
}

impl Routes {
    /// Every topic that is written to, each once.
    pub(super) fn all(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.topics.values().map(String::as_str).collect();
        all.extend([self.topic.as_str(), &self.tick_topic]);
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Where a line goes; an error says what is wrong with it.
    pub(super) fn route(&self, line: &[u8]) -> Result<Route, String> {
        let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let is_tick_closed = line.kind == TICK_CLOSED;
        let topic = match self.topics.get(&line.kind) {
            _ if is_tick_closed => &self.tick_topic,
            Some(topic) => topic,
            None => &self.topic,
        };
        Ok(Route { topic: topic.clone(), key: line.key(), is_tick_closed })
    }
}

impl Line {
    fn key(self) -> String {
        let key = match self.kind.as_str() {
            "topology.violation" => self.subject,
            "topology.island_changed" | "dispatch.cascade_cleared" => self.data.island,
            "dr.bid_status" => self.data.bid,
            _ => self.data.region,
        };
        // The client hashes an empty key to a partition of its own choice.
        key.filter(|key| !key.is_empty()).unwrap_or_else(|| NO_KEY.to_owned())
    }
}

/// Whether a line ends a tick, and of which sink; `None` where it is none of ours.
pub(super) fn sink_of_tick(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Tick {
        source: String,
        #[serde(rename = "type")]
        kind: String,
        subject: Option<String>,
    }
    let tick: Tick = serde_json::from_slice(line).ok()?;
    (tick.source == "gridweaver" && tick.kind == TICK_CLOSED)
        .then(|| tick.subject.unwrap_or_default())
}
