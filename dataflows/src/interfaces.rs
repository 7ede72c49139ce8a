//! `interfaces`: what can flow between two areas, in each direction.
//!
//! An interface exists where live lines join two areas. Its capacity is the sum of theirs,
//! lowered in each direction by the limit between the two regions, if there is one; where the
//! regions are split, the limit is shared out in proportion to line capacity, rounded down to the
//! watt. Loss and wheeling price are capacity-weighted means, rounded up. Only pairs of regions
//! that a change concerns are recomputed.

use crate::by_tick::{Batches, View};
use crate::change::{AreaIdentity, AreaKey, Change, Interface, Tie};
use crate::row::Row;
use crate::structures::parallel_lines;
use gridweaver_model::{Lookup, Text, Tick, Watts};
use std::collections::{BTreeMap, BTreeSet};

/// Two regions by number, the lesser first.
type RegionPair = [u32; 2];

/// The state of `interfaces`.
#[derive(Default)]
pub struct Interfaces {
    identities: BTreeMap<AreaKey, AreaIdentity>,
    numbers: Lookup<Text, u32>,
    ties: Lookup<Text, Tie>,
    pairs: BTreeMap<RegionPair, BTreeSet<Text>>,
    limits: Lookup<(Text, Text), Watts>,
    told: BTreeMap<RegionPair, BTreeMap<(Text, Text), Interface>>,
    touched: BTreeSet<RegionPair>,
}

impl Interfaces {
    fn take(&mut self, change: Change) {
        match change {
            Change::Area { area, identity } => {
                let regions = self.pairs.keys().filter(|pair| pair.contains(&area.region));
                self.touched.extend(regions.copied());
                match identity {
                    Some(identity) => {
                        self.numbers.insert(identity.region.clone(), area.region);
                        self.identities.insert(area, *identity);
                    }
                    None => {
                        self.identities.remove(&area);
                    }
                }
            }
            Change::Tie { line, tie } => self.take_tie(line, tie.map(|tie| *tie)),
            Change::Limit { from, to, limit } => {
                if let (Some(a), Some(b)) = (self.numbers.get(&from), self.numbers.get(&to)) {
                    self.touched.insert(pair(*a, *b));
                }
                match limit {
                    Some(limit) => self.limits.insert((from, to), limit),
                    None => self.limits.remove(&(from, to)),
                };
            }
            _ => {}
        }
    }

    fn take_tie(&mut self, line: Text, tie: Option<Tie>) {
        if let Some(old) = self.ties.remove(&line) {
            let pair = tie_pair(&old);
            self.touched.insert(pair);
            if let Some(lines) = self.pairs.get_mut(&pair) {
                lines.remove(&line);
                if lines.is_empty() {
                    self.pairs.remove(&pair);
                }
            }
        }
        if let Some(tie) = tie {
            let pair = tie_pair(&tie);
            self.touched.insert(pair);
            self.pairs.entry(pair).or_default().insert(line.clone());
            self.ties.insert(line, tie);
        }
    }

    fn recompute(&self, pair: RegionPair) -> BTreeMap<(Text, Text), Interface> {
        let mut groups: BTreeMap<[AreaKey; 2], Vec<(&Text, &Tie)>> = BTreeMap::new();
        for line in self.pairs.get(&pair).into_iter().flatten() {
            let tie = &self.ties[line];
            let mut areas = tie.areas;
            areas.sort_unstable_by_key(|area| area.region);
            groups.entry(areas).or_default().push((line, tie));
        }
        let total: i128 =
            groups.values().flatten().map(|(_, tie)| i128::from(tie.capacity.0)).sum();
        let mut interfaces = BTreeMap::new();
        for (areas, lines) in groups {
            let [Some(a), Some(b)] = areas.map(|area| self.identities.get(&area)) else { continue };
            let joined = joined(&lines);
            for (from, to) in [(a, b), (b, a)] {
                let limit = self.limits.get(&(from.region.clone(), to.region.clone()));
                let share = limit.map(|limit| {
                    let share = i128::from(limit.0) * i128::from(joined.capacity.0) / total;
                    Watts(i64::try_from(share).unwrap_or(i64::MAX))
                });
                let mut interface = joined.clone();
                if let Some(share) = share.filter(|share| *share < interface.capacity) {
                    interface.capacity = share;
                    interface.limited = true;
                }
                interfaces.insert((from.name.clone(), to.name.clone()), interface);
            }
        }
        interfaces
    }
}

/// The lines of one interface together, without limits.
fn joined(lines: &[(&Text, &Tie)]) -> Interface {
    let joined = parallel_lines::joined(
        lines.iter().map(|(_, tie)| (tie.capacity, tie.loss, tie.wheeling_price)),
    );
    Interface {
        capacity: joined.capacity,
        limited: false,
        loss: joined.loss,
        wheeling_price: joined.wheeling_price,
        lines: lines.iter().map(|(line, tie)| ((*line).clone(), tie.capacity)).collect(),
    }
}

fn pair(a: u32, b: u32) -> RegionPair {
    [a.min(b), a.max(b)]
}

fn tie_pair(tie: &Tie) -> RegionPair {
    pair(tie.areas[0].region, tie.areas[1].region)
}

impl View for Interfaces {
    type Row = Row;
    type Change = Change;
    type Out = Change;

    fn close(
        &mut self,
        _: Tick,
        _: Batches<Row>,
        changes: Batches<Change>,
        out: &mut Vec<Change>,
    ) -> Option<Tick> {
        for change in changes.into_iter().flatten() {
            self.take(change);
        }
        for pair in std::mem::take(&mut self.touched) {
            let now = self.recompute(pair);
            let told = self.told.remove(&pair).unwrap_or_default();
            for (from, to) in told.keys().filter(|key| !now.contains_key(*key)) {
                let (from, to) = (from.clone(), to.clone());
                out.push(Change::Interface { from, to, interface: None });
            }
            for (key, interface) in now.iter().filter(|(key, now)| told.get(*key) != Some(*now)) {
                let ((from, to), interface) = (key.clone(), Some(Box::new(interface.clone())));
                out.push(Change::Interface { from, to, interface });
            }
            if !now.is_empty() {
                self.told.insert(pair, now);
            }
        }
        None
    }
}
