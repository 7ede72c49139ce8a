//! `totals`: what each area generates, consumes and could generate, and what of it is stale.
//!
//! Sums change by what a reading or a node's move changes. A node goes stale by time alone: it is
//! due in the first tick that ends more than `stale_after` after its newest reading. Under `hold`
//! it keeps its values and is counted apart; under `exclude` they count 0. Of nodes that bids name
//! it also tells when they were last read.

use crate::by_tick::{Batches, View};
use crate::change::{AreaKey, Change, Figures, Reading};
use crate::row::Row;
use gridweaver_model::rules::Stale;
use gridweaver_model::{Lookup, Rules, Text, Tick, Time, Watts};
use std::collections::BTreeMap;

/// The state of `totals`.
pub struct Totals {
    rules: Rules,
    numbers: Lookup<Text, u32>,
    nodes: Vec<Node>,
    sums: Lookup<AreaKey, Sums>,
    /// Which nodes may go stale in a tick.
    due: BTreeMap<Tick, Vec<u32>>,
    /// The areas whose sums are touched, each once.
    touched: Vec<AreaKey>,
}

#[derive(Default)]
struct Node {
    reading: Option<Reading>,
    area: Option<AreaKey>,
    stale: bool,
    /// Its name, where a bid names it.
    named: Option<Text>,
}

#[derive(Default)]
struct Sums {
    figures: Figures,
    told: Option<Figures>,
    is_touched: bool,
    /// Who holds the newest reading has left: it must be looked for.
    newest_left: bool,
}

impl Totals {
    /// Knows no node.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        Self {
            rules: rules.clone(),
            numbers: Lookup::default(),
            nodes: Vec::new(),
            sums: Lookup::default(),
            due: BTreeMap::new(),
            touched: Vec::new(),
        }
    }

    /// The load of a node as it counts.
    #[must_use]
    pub fn load(&self, node: &Text) -> Watts {
        let Some(number) = self.numbers.get(node) else { return Watts::ZERO };
        let node = &self.nodes[*number as usize];
        match node.reading {
            Some(reading) if !(node.stale && self.rules.stale == Stale::Exclude) => reading.load,
            _ => Watts::ZERO,
        }
    }

    fn number(&mut self, node: Text) -> u32 {
        let next = u32::try_from(self.nodes.len()).expect("fewer than 2^32 nodes");
        let number = *self.numbers.entry(node).or_insert(next);
        if number == next {
            self.nodes.push(Node::default());
        }
        number
    }

    /// The first tick in which a reading is too old.
    fn stale_in(&self, time: Time) -> Tick {
        self.rules.first_ending_at_or_after(Time(time.0 + self.rules.stale_after.0 + 1))
    }

    /// Changes a node, and the sums of its area by what that changes.
    fn change(&mut self, number: u32, change: impl FnOnce(&mut Node)) {
        let node = &mut self.nodes[number as usize];
        let Some(area) = node.area else { return change(node) };
        let sums = touched(&mut self.sums, &mut self.touched, area);
        sums.count(node, self.rules.stale, -1);
        change(node);
        sums.count(node, self.rules.stale, 1);
    }

    /// Moves a node from the sums of one area to those of another.
    fn place(&mut self, number: u32, area: Option<AreaKey>) {
        let node = &mut self.nodes[number as usize];
        let old = std::mem::replace(&mut node.area, area);
        if let Some(old) = old {
            let sums = touched(&mut self.sums, &mut self.touched, old);
            sums.count(node, self.rules.stale, -1);
            let newest = node.reading.map(|reading| reading.time);
            sums.newest_left |=
                newest.is_some() && sums.figures.newest == newest && area != Some(old);
        }
        if let Some(area) = area {
            let sums = touched(&mut self.sums, &mut self.touched, area);
            sums.count(node, self.rules.stale, 1);
        }
    }

    /// A bid names a node.
    fn name(&mut self, node: &Text, out: &mut Vec<Change>) {
        let number = self.number(node.clone());
        let known = &mut self.nodes[number as usize];
        if known.named.is_none() {
            known.named = Some(node.clone());
            out.extend(known.heard());
        }
    }

    fn read(&mut self, tick: Tick, node: Text, reading: Reading, out: &mut Vec<Change>) {
        let number = self.number(node);
        let due = self.stale_in(reading.time);
        self.change(number, |node| {
            node.reading = Some(reading);
            node.stale = due <= tick;
            out.extend(node.heard());
        });
        if due > tick {
            self.due.entry(due).or_default().push(number);
        }
    }

    fn go_stale(&mut self, tick: Tick) {
        while let Some(entry) = self.due.first_entry().filter(|entry| *entry.key() <= tick) {
            for number in entry.remove() {
                let node = &self.nodes[number as usize];
                let due = node.reading.map(|reading| self.stale_in(reading.time));
                if !node.stale && due.is_some_and(|due| due <= tick) {
                    self.change(number, |node| node.stale = true);
                }
            }
        }
    }

    fn tell(&mut self, out: &mut Vec<Change>) {
        self.touched.sort_unstable();
        for area in self.touched.drain(..) {
            let Some(sums) = self.sums.get_mut(&area) else { continue };
            sums.is_touched = false;
            if std::mem::take(&mut sums.newest_left) {
                let inside = self.nodes.iter().filter(|node| node.area == Some(area));
                sums.figures.newest = inside.filter_map(|node| Some(node.reading?.time)).max();
            }
            if sums.told != Some(sums.figures) {
                sums.told = Some(sums.figures);
                out.push(Change::Figures { area, figures: sums.figures });
            }
        }
    }
}

/// The sums of an area, which is to be told of.
fn touched<'a>(
    sums: &'a mut Lookup<AreaKey, Sums>,
    touched: &mut Vec<AreaKey>,
    area: AreaKey,
) -> &'a mut Sums {
    let sums = sums.entry(area).or_default();
    if !std::mem::replace(&mut sums.is_touched, true) {
        touched.push(area);
    }
    sums
}

impl Node {
    fn heard(&self) -> Option<Change> {
        let (node, time) = (self.named.clone()?, self.reading?.time);
        Some(Change::Heard { node, time })
    }
}

impl Sums {
    fn count(&mut self, node: &Node, stale: Stale, sign: i64) {
        let Some(reading) = node.reading else { return };
        let figures = &mut self.figures;
        let signed = |watts: Watts| Watts(sign * watts.0);
        if sign > 0 {
            figures.newest = figures.newest.max(Some(reading.time));
        }
        if node.stale {
            figures.stale_nodes = figures.stale_nodes.wrapping_add_signed(sign);
            figures.stale_load += signed(reading.load);
            figures.stale_available += signed(reading.available);
            if stale == Stale::Exclude {
                return;
            }
        }
        figures.generation += signed(reading.generation);
        figures.load += signed(reading.load);
        figures.available += signed(reading.available);
    }
}

impl View for Totals {
    type Row = Row;
    type Change = Change;
    type Out = Change;

    fn close(
        &mut self,
        tick: Tick,
        _: Batches<Row>,
        changes: Batches<Change>,
        out: &mut Vec<Change>,
    ) -> Option<Tick> {
        for change in changes.into_iter().flatten() {
            match change {
                Change::Reading { node, reading, .. } => {
                    self.read(tick, node, reading, out);
                }
                Change::Placed { node, area } => {
                    let number = self.number(node);
                    self.place(number, area);
                }
                Change::Bid { offer: Some(offer), .. } => {
                    offer.node.iter().for_each(|node| self.name(node, out));
                }
                Change::Area { area, identity: None } => {
                    touched(&mut self.sums, &mut self.touched, area).told = None;
                }
                _ => {}
            }
        }
        self.go_stale(tick);
        self.tell(out);
        self.due.keys().next().copied()
    }
}
