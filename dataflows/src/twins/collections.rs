//! Twin of the upserts: what every key holds once a tick's records are folded in.
//!
//! The record with the greatest version wins, whatever order they arrive in. Removals are kept like
//! records, so that nothing older undoes them, and forgotten `retention` after their time. A record
//! that is late by more than `retention`, on a key that holds nothing once the tick's other records
//! are folded in, is refused: what it might undo may be forgotten.

use super::history::Row;
use super::offers::Offers;
use gridweaver_model::record::{
    EnergyPrice, InterfaceLimit, Line, LineStatus, Node, Quality, Reserve, Response, Shortfall,
    Telemetry,
};
use gridweaver_model::{Data, Millis, Price, Record, Rules, Text, Time, Version, Watts};
use std::collections::BTreeMap;

/// A value and the version that it came with.
#[derive(Clone, Debug)]
pub struct Held<T> {
    /// What orders it.
    pub version: Version,
    /// What it says.
    pub value: T,
}

/// What is known of one line.
#[derive(Clone, Debug, Default)]
pub struct HeldLine {
    /// Its newest record, a removal included.
    pub newest: Option<Held<Line>>,
    /// Its newest removal: nothing older counts.
    pub removal: Option<Version>,
    /// The newest word on whether it is in service.
    pub word: Option<Held<bool>>,
}

impl HeldLine {
    /// The line, unless it is removed or was never described.
    #[must_use]
    pub fn line(&self) -> Option<&Line> {
        self.newest.as_ref().map(|held| &held.value).filter(|line| !line.is_removed())
    }

    /// What the newest word since its removal says; in service where none was said.
    #[must_use]
    pub fn in_service(&self) -> bool {
        match &self.word {
            Some(word) if self.removal.as_ref().is_none_or(|removal| word.version > *removal) => {
                word.value
            }
            _ => true,
        }
    }
}

/// One answer to an order.
pub type HeldAnswer = Held<Response>;

/// How a row that passed dedup ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Took effect, or was overridden by a newer one of its key.
    pub applied: u64,
    /// Readings of bad quality.
    pub bad_quality: u64,
    /// Refused: later than `retention` on a key that holds nothing.
    pub refused: u64,
}

/// Everything that the records up to a tick leave behind.
#[derive(Clone, Debug, Default)]
pub struct Collections {
    /// Nodes, removed ones included.
    pub nodes: BTreeMap<Text, Held<Node>>,
    /// Lines.
    pub lines: BTreeMap<Text, HeldLine>,
    /// The newest good or suspect reading of each node.
    pub telemetry: BTreeMap<Text, Held<Telemetry>>,
    /// By region.
    pub reserves: BTreeMap<Text, Held<Watts>>,
    /// By region.
    pub energy_prices: BTreeMap<Text, Held<Price>>,
    /// By region.
    pub declared: BTreeMap<Text, Held<Watts>>,
    /// By sending and receiving region; `None` where removed.
    pub limits: BTreeMap<(Text, Text), Held<Option<Watts>>>,
    /// Programs, bids and what participants delivered.
    pub offers: Offers,
    /// The answers of the tick folded in last, by version.
    pub answers: Vec<HeldAnswer>,
    /// Rises whenever a node, a line or a limit changes.
    pub shape_revision: u64,
}

impl Collections {
    /// Folds in the rows of one tick that passed dedup, those that may be refused for their age
    /// after all others.
    pub fn apply(&mut self, mut rows: Vec<Row>, rules: &Rules) -> Outcomes {
        let very_late = |row: &Row| row.late_by > Some(rules.retention);
        rows.sort_by(|a, b| {
            let versions = (&a.record.envelope.version, &b.record.envelope.version);
            very_late(a).cmp(&very_late(b)).then_with(|| versions.0.cmp(versions.1))
        });
        let mut outcomes = Outcomes::default();
        self.answers.clear();
        for row in rows {
            if is_bad(&row.record.data) {
                outcomes.bad_quality += 1;
            } else if very_late(&row) && !self.holds(&row.record.data) {
                outcomes.refused += 1;
            } else {
                outcomes.applied += 1;
                self.fold(row.record);
            }
        }
        outcomes
    }

    /// Whether anything is held on the key of an upsert; facts have none to miss.
    fn holds(&self, data: &Data) -> bool {
        match data {
            Data::Node(node) => self.nodes.contains_key(&node.node),
            Data::Line(line) => self.lines.contains_key(&line.line),
            Data::LineStatus(status) => self.lines.contains_key(&status.line),
            Data::Telemetry(telemetry) => self.telemetry.contains_key(&telemetry.node),
            Data::Reserve(reserve) => self.reserves.contains_key(&reserve.region),
            Data::EnergyPrice(price) => self.energy_prices.contains_key(&price.region),
            Data::Shortfall(declared) => self.declared.contains_key(&declared.region),
            Data::InterfaceLimit(limit) => self.limits.contains_key(&pair(limit)),
            Data::Program(program) => self.offers.programs.contains_key(&program.program),
            Data::Bid(bid) => self.offers.knows_bid(&bid.bid),
            Data::BidWithdrawn(withdrawn) => self.offers.knows_bid(&withdrawn.bid),
            Data::Performance(_) | Data::Response(_) | Data::Watermark => true,
        }
    }

    fn fold(&mut self, record: Record) {
        let version = record.envelope.version;
        match record.data {
            Data::Node(node) => {
                let changed = upsert(&mut self.nodes, node.node.clone(), version, *node);
                self.shape_revision += u64::from(changed);
            }
            Data::Line(line) => self.fold_line(&version, *line),
            Data::LineStatus(status) => self.fold_word(&version, &status),
            Data::Telemetry(reading) => {
                upsert(&mut self.telemetry, reading.node.clone(), version, reading);
            }
            Data::Reserve(Reserve { region, reserve }) => {
                upsert(&mut self.reserves, region, version, reserve);
            }
            Data::EnergyPrice(EnergyPrice { region, price }) => {
                upsert(&mut self.energy_prices, region, version, price);
            }
            Data::Shortfall(Shortfall { region, shortfall }) => {
                upsert(&mut self.declared, region, version, shortfall);
            }
            Data::InterfaceLimit(limit) => {
                let live = limit.live_limit();
                let changed = upsert(&mut self.limits, pair(&limit), version, live);
                self.shape_revision += u64::from(changed);
            }
            Data::Response(response) => self.answers.push(Held { version, value: *response }),
            Data::Program(program) => self.offers.fold_program(version, *program),
            Data::Bid(bid) => self.offers.fold_bid(version, *bid),
            Data::BidWithdrawn(withdrawn) => self.offers.fold_withdrawal(version, withdrawn.bid),
            Data::Performance(fact) => self.offers.fold_performance(version, *fact),
            Data::Watermark => {}
        }
    }

    fn fold_line(&mut self, version: &Version, line: Line) {
        self.shape_revision += 1;
        let held = self.lines.entry(line.line.clone()).or_default();
        if line.is_removed() {
            held.removal = held.removal.take().max(Some(version.clone()));
        } else if let Some(in_service) = line.in_service {
            replace(&mut held.word, version, in_service);
        }
        replace(&mut held.newest, version, line);
    }

    fn fold_word(&mut self, version: &Version, status: &LineStatus) {
        self.shape_revision += 1;
        let held = self.lines.entry(status.line.clone()).or_default();
        replace(&mut held.word, version, status.in_service);
    }

    /// Drops what ended more than `retention` before an instant, the end of a tick.
    pub fn forget(&mut self, now: Time, retention: Millis) {
        let past = |version: &Version| version.time + retention < now;
        self.nodes.retain(|_, held| held.value.live_region().is_some() || !past(&held.version));
        self.lines.retain(|_, held| {
            held.line().is_some()
                || !held.newest.as_ref().is_some_and(|newest| past(&newest.version))
                || held.word.as_ref().is_some_and(|word| {
                    held.removal.as_ref().is_none_or(|removal| word.version > *removal)
                })
        });
        self.limits.retain(|_, held| held.value.is_some() || !past(&held.version));
        self.offers.forget(now, retention);
    }

    /// The energy price of a region.
    #[must_use]
    pub fn energy_price(&self, region: &str, rules: &Rules) -> Price {
        self.energy_prices.get(region).map_or(rules.dispatch.energy_price, |held| held.value)
    }
}

fn is_bad(data: &Data) -> bool {
    matches!(data, Data::Telemetry(Telemetry { quality: Some(Quality::Bad), .. }))
}

fn pair(limit: &InterfaceLimit) -> (Text, Text) {
    (limit.from_region.clone(), limit.to_region.clone())
}

/// Puts a value on its key unless a newer one is there. Whether it took effect.
pub(super) fn upsert<K: Ord, V>(
    map: &mut BTreeMap<K, Held<V>>,
    key: K,
    version: Version,
    value: V,
) -> bool {
    match map.get_mut(&key) {
        Some(held) if held.version >= version => return false,
        Some(held) => *held = Held { version, value },
        None => {
            map.insert(key, Held { version, value });
        }
    }
    true
}

fn replace<V>(slot: &mut Option<Held<V>>, version: &Version, value: V) {
    if slot.as_ref().is_none_or(|held| held.version < *version) {
        *slot = Some(Held { version: version.clone(), value });
    }
}
