//! The limits that an adopted plan reached, one record each.

use super::Planner;
use super::draft::{AreaDraft, LEAST};
use gridweaver_model::decision::{ConstraintApplied, ConstraintKind, Event};
use gridweaver_model::{Decision, Text, Watts};
use std::collections::BTreeSet;

/// A limit that was reached.
struct Reached {
    kind: ConstraintKind,
    subject: Text,
    limit: Watts,
    granted: Watts,
    /// What the plan still wanted through it.
    wanted: Watts,
}

impl Planner {
    /// Tells the limits that the new plan of an area reached; what stands is already its.
    pub(super) fn tell_constraints(&mut self, draft: &AreaDraft, plan: &Text) {
        let mut reached = self.programs_reached(draft);
        reached.extend(self.minimum_reached(draft));
        reached.extend(self.prices_reached(draft));
        reached.extend(self.paths_reached(draft));
        reached.extend(self.island_reached(draft));
        for limit in reached {
            let event = Event::ConstraintApplied(ConstraintApplied {
                plan: plan.clone(),
                constraint: limit.kind,
                subject: limit.subject,
                limit: limit.limit,
                requested: limit.granted + limit.wanted,
                granted: limit.granted,
            });
            self.told.push(Decision::of_area(event, &draft.region, &draft.area));
        }
    }

    fn programs_reached(&self, draft: &AreaDraft) -> Vec<Reached> {
        let programs = draft.program_left.keys();
        let full = programs.filter_map(|name| {
            let capacity = self.offers.programs.get(name)?.capacity;
            let committed = self.standing.committed(name);
            (committed == capacity).then(|| Reached {
                kind: ConstraintKind::ProgramCapacity,
                subject: name.clone(),
                limit: capacity,
                granted: committed,
                wanted: draft.left(),
            })
        });
        full.collect()
    }

    /// The last bid taken, where its minimum forced more than was needed.
    fn minimum_reached(&self, draft: &AreaDraft) -> Option<Reached> {
        let over = draft.over_delivery();
        let forced = draft.taken.iter().rev().filter(|_| over > Watts::ZERO);
        let mut at_minimum = forced.filter_map(|(bid, amount)| {
            let min = self.offers.get(bid)?.offer.min;
            (*amount == min).then(|| (bid.clone(), min))
        });
        let (subject, min) = at_minimum.next()?;
        let kind = ConstraintKind::BidMinimum;
        Some(Reached { kind, subject, limit: min, granted: min, wanted: Watts(-over.0) })
    }

    fn prices_reached(&self, draft: &AreaDraft) -> Vec<Reached> {
        if draft.left() < LEAST {
            return Vec::new();
        }
        let programs = self.offers.programs_of_region(&draft.region);
        let dear = programs.map(|program| (program, self.offers.too_dear(program)));
        dear.filter(|(_, max)| *max > Watts::ZERO)
            .map(|(program, max)| Reached {
                kind: ConstraintKind::MaxPrice,
                subject: program.clone(),
                limit: Watts::ZERO,
                granted: Watts::ZERO,
                wanted: max,
            })
            .collect()
    }

    /// Interfaces and senders that this area's transfers use up, all orders together.
    fn paths_reached(&self, draft: &AreaDraft) -> Vec<Reached> {
        let mut reached = Vec::new();
        let mut seen: BTreeSet<(&Text, &Text)> = BTreeSet::new();
        let mut senders: BTreeSet<&Text> = BTreeSet::new();
        for transfer in &draft.transfers {
            for hop in transfer.path.windows(2) {
                let Some(interface) = self.grid.interface(&hop[0], &hop[1]) else { continue };
                let flow = self.drafted_flow.get(&(hop[0].clone(), hop[1].clone()));
                if seen.insert((&hop[0], &hop[1])) && flow == Some(&interface.capacity) {
                    let kind = if interface.limited {
                        ConstraintKind::InterfaceLimit
                    } else {
                        ConstraintKind::LineCapacity
                    };
                    reached.push(Reached {
                        kind,
                        subject: format!("{} > {}", hop[0], hop[1]).into(),
                        limit: interface.capacity,
                        granted: interface.capacity,
                        wanted: draft.unmet(),
                    });
                }
            }
            let sender = &transfer.path[0];
            let sent = self.drafted_sent.get(sender).copied().unwrap_or_default();
            if senders.insert(sender) && sent == transfer.surplus {
                reached.push(Reached {
                    kind: ConstraintKind::Surplus,
                    subject: sender.clone(),
                    limit: transfer.surplus,
                    granted: sent,
                    wanted: draft.unmet(),
                });
            }
        }
        reached
    }

    /// The island, where something stays unmet and no other area of it has anything to send.
    fn island_reached(&self, draft: &AreaDraft) -> Option<Reached> {
        let island = &self.grid.identity(&draft.area)?.island;
        let surplus: Watts =
            self.grid.areas_of_island(island).map(|area| self.balance(area).surplus).sum();
        let alone = draft.unmet() >= LEAST && surplus == Watts::ZERO;
        alone.then(|| Reached {
            kind: ConstraintKind::Island,
            subject: island.clone(),
            limit: Watts::ZERO,
            granted: Watts::ZERO,
            wanted: draft.unmet(),
        })
    }
}
