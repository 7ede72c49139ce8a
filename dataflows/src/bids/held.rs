//! One bid as it is held, and what surrounds all of them: programs, nodes, participants.

use super::phase;
use crate::change::{Offer, Program};
use crate::score::score;
use gridweaver_model::record::{Bid, Version};
use gridweaver_model::{Lookup, Ppm, Rules, Text, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What bids refer to.
#[derive(Default)]
pub(super) struct Surroundings {
    programs: Lookup<Text, Program>,
    by_region: Lookup<Text, BTreeSet<Text>>,
    nodes: Lookup<Text, Text>,
    node_counts: Lookup<Text, u64>,
    reliability: Lookup<Text, Ppm>,
}

impl Surroundings {
    /// Places a node; returns the regions that won their first or lost their last one.
    pub(super) fn place(&mut self, node: Text, region: Option<Text>) -> Vec<Text> {
        let mut turned = Vec::new();
        if let Some(old) = self.nodes.remove(&node)
            && let Some(count) = self.node_counts.get_mut(&old)
        {
            *count -= 1;
            if *count == 0 {
                self.node_counts.remove(&old);
                turned.push(old);
            }
        }
        if let Some(region) = region {
            let count = self.node_counts.entry(region.clone()).or_default();
            *count += 1;
            if *count == 1 {
                turned.push(region.clone());
            }
            self.nodes.insert(node, region);
        }
        turned
    }

    pub(super) fn programs_of(&self, region: &Text) -> impl Iterator<Item = &Text> {
        self.by_region.get(region).into_iter().flatten()
    }

    pub(super) fn set_program(&mut self, name: Text, details: Option<Program>) {
        if let Some(old) = self.programs.remove(&name)
            && let Some(programs) = self.by_region.get_mut(&old.region)
        {
            programs.remove(&name);
        }
        if let Some(details) = details {
            self.by_region.entry(details.region.clone()).or_default().insert(name.clone());
            self.programs.insert(name, details);
        }
    }

    pub(super) fn set_reliability(&mut self, participant: Text, reliability: Option<Ppm>) {
        match reliability {
            Some(reliability) => self.reliability.insert(participant, reliability),
            None => self.reliability.remove(&participant),
        };
    }
}

/// What a checkpoint keeps of a bid: its record with its submission time, and when it was taken
/// back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HeldBid {
    pub(super) bid: Text,
    record: Option<(Version, Box<Bid>, Time)>,
    withdrawn: Option<Time>,
}

/// A bid, or the memory of a withdrawal that came before it.
pub(super) struct Held {
    pub(super) bid: Text,
    record: Option<(Version, Box<Bid>, Time)>,
    withdrawn: Option<Time>,
    /// What was told of it last.
    pub(super) told: Option<Arc<Offer>>,
    pub(super) missing: Option<Text>,
}

impl Held {
    pub(super) fn of(bid: Text) -> Self {
        Self { bid, record: None, withdrawn: None, told: None, missing: None }
    }

    pub(super) fn save(&self) -> HeldBid {
        let (bid, record) = (self.bid.clone(), self.record.clone());
        HeldBid { bid, record, withdrawn: self.withdrawn }
    }

    /// As it was held, with nothing told of it.
    pub(super) fn restored(held: &HeldBid) -> Self {
        let HeldBid { bid, record, withdrawn } = held.clone();
        Self { bid, record, withdrawn, told: None, missing: None }
    }

    /// The program, node and participant that it names.
    pub(super) fn names(&self) -> Option<[Option<Text>; 3]> {
        let (_, bid, _) = self.record.as_ref()?;
        Some([Some(bid.program.clone()), bid.node.clone(), Some(bid.participant.clone())])
    }

    /// Takes a record that is newer than the held one, if it is.
    pub(super) fn submit(&mut self, version: Version, bid: Box<Bid>) {
        let submitted = match &self.record {
            Some((held, ..)) if *held >= version => return,
            Some((_, old, submitted)) if bid.price == old.price && bid.max <= old.max => *submitted,
            _ => version.time,
        };
        self.record = Some((version, bid, submitted));
    }

    pub(super) fn withdraw(&mut self, time: Time) {
        self.withdrawn = self.withdrawn.max(Some(time));
    }

    /// When what is held of it ends.
    fn end(&self) -> Option<Time> {
        self.withdrawn.or_else(|| self.record.as_ref().map(|(_, bid, _)| bid.end))
    }

    pub(super) fn is_forgotten(&self, tick_end: Time, rules: &Rules) -> bool {
        self.end().is_some_and(|end| end + rules.retention <= tick_end)
    }

    /// The next instant after `tick_end` at which time alone changes something.
    pub(super) fn due_after(&self, tick_end: Time, rules: &Rules) -> Option<Time> {
        let forgotten = self.end().map(|end| end + rules.retention);
        let window =
            self.record.iter().filter(|_| self.withdrawn.is_none()).flat_map(|(_, bid, _)| {
                let lead = bid.notice.unwrap_or_default().0 + bid.min_run.unwrap_or_default().0;
                [bid.start, Time(bid.end.0 - lead + 1), bid.end]
            });
        window.chain(forgotten).filter(|due| *due > tick_end).min()
    }

    /// The bid as it stands at a tick's end, and what it names that is not there.
    pub(super) fn offer(
        &self,
        tick_end: Time,
        around: &Surroundings,
        rules: &Rules,
    ) -> Option<(Offer, Option<Text>)> {
        let (_, bid, submitted) = self.record.as_ref()?;
        let program = around.programs.get(&bid.program);
        let node_region = bid.node.as_ref().map(|node| around.nodes.get(node));
        let placed = program.is_some_and(|program| match node_region {
            Some(region) => region == Some(&program.region),
            None => around.node_counts.contains_key(&program.region),
        });
        let too_dear = program
            .and_then(|program| program.max_price)
            .is_some_and(|max_price| bid.price > max_price);
        let reliability = around.reliability.get(&bid.participant).copied();
        let reliability = reliability.or(bid.reliability).unwrap_or(rules.dispatch.reliability);
        let phase = phase(bid, self.withdrawn.is_some(), placed, too_dear, tick_end, rules);
        let missing = if !phase_is_live(phase) {
            None
        } else if program.is_none() {
            Some(format!("program {}", bid.program).into())
        } else {
            let unknown = bid.node.as_ref().filter(|node| !around.nodes.contains_key(*node));
            unknown.map(|node| format!("node {node}").into())
        };
        let offer = Offer {
            participant: bid.participant.clone(),
            program: bid.program.clone(),
            node: bid.node.clone(),
            price: bid.price,
            min: bid.min,
            max: bid.max,
            end: bid.end,
            notice: bid.notice.unwrap_or_default(),
            min_run: bid.min_run.unwrap_or_default(),
            submitted: *submitted,
            score: score(bid.price, reliability, bid.end - bid.start, &rules.dispatch),
            reliability,
            placed,
            phase,
        };
        Some((offer, missing))
    }
}

fn phase_is_live(phase: crate::change::Phase) -> bool {
    use crate::change::Phase;
    match phase {
        Phase::Eligible | Phase::TooDear | Phase::Waiting => true,
        Phase::Expired | Phase::Withdrawn => false,
    }
}
