//! What a new plan takes as given: the activations that their minimum run holds.
//!
//! An activation is held until its start and minimum run are over. Two things are left open by the
//! contract: whether an order that replaces another of its bid begins its run anew, and whether one
//! that only follows its bid's moved end is held by what it replaces. Both readings are legal; the
//! plan's own `held_mw` says which it takes.

use super::scene::{NewPlan, Scene};
use gridweaver_dataflows::twins::book::{Kind, Standing};
use gridweaver_model::{Text, Watts};
use std::collections::BTreeSet;

/// A figure that may lie between two: an order that a participant confirmed at another power than
/// was ordered may count at either.
#[derive(Clone, Copy, Default)]
pub(super) struct Range {
    pub(super) least: Watts,
    pub(super) most: Watts,
}

impl Range {
    /// Adds what an order counts for: a new one at its power, one that stood as it was confirmed; one
    /// that only follows its bid's moved end, or takes the place of one that was confirmed at less,
    /// as the one before it was.
    pub(super) fn add(&mut self, scene: &Scene<'_>, standing: &Standing) {
        let full = standing.order.amount;
        let confirmed = if scene.is_new(standing) {
            let short = || replaced(scene, standing).filter(|old| is_short(old));
            followed(scene, standing).or_else(short).and_then(Standing::confirmed)
        } else {
            standing.confirmed()
        };
        let confirmed = confirmed.unwrap_or(full);
        self.least += confirmed.min(full);
        self.most += confirmed.max(full);
    }

    /// Whether an order may count at more than one power.
    pub(super) fn is_open(scene: &Scene<'_>, standing: &Standing) -> bool {
        let mut range = Self::default();
        range.add(scene, standing);
        range.least != range.most
    }

    pub(super) fn holds(self, figure: Watts) -> bool {
        (self.least..=self.most).contains(&figure)
    }
}

/// The activations of an area that are held in a plan.
pub(super) struct Held {
    /// Their orders.
    pub(super) orders: BTreeSet<Text>,
    /// What they come to.
    pub(super) power: Range,
    /// Whether that is what the plan says.
    pub(super) is_told: bool,
}

impl Held {
    /// The held activations of a new plan, in the reading that its own figure bears out.
    pub(super) fn of(scene: &Scene<'_>, plan: &NewPlan<'_>) -> Self {
        let mut first = None;
        for anew in [false, true] {
            for replacing in [true, false] {
                let held = Self::reading(scene, plan, anew, replacing);
                if held.is_told {
                    return held;
                }
                first.get_or_insert(held);
            }
        }
        first.unwrap_or_else(|| Self::reading(scene, plan, false, true))
    }

    pub(super) fn has(&self, standing: &Standing) -> bool {
        self.orders.contains(&standing.order.id)
    }

    /// One reading: whether a replacing order runs `anew`, and whether what is `replacing` a held
    /// order at the same power is held.
    fn reading(scene: &Scene<'_>, plan: &NewPlan<'_>, anew: bool, replacing: bool) -> Self {
        let (mut orders, mut power) = (BTreeSet::new(), Range::default());
        for standing in scene.orders_of(plan.area) {
            let replaced = standing.order.supersedes.as_ref().and_then(|old| scene.before.get(old));
            let held = if scene.is_new(standing) {
                replacing
                    && replaced.is_some_and(|old| {
                        old.order.amount == standing.order.amount && is_held(scene, old, anew)
                    })
            } else {
                is_held(scene, standing, anew)
            };
            if held {
                orders.insert(standing.order.id.clone());
                power.add(scene, standing);
            }
        }
        let is_told = power.holds(plan.created.inputs.held);
        Self { orders, power, is_told }
    }
}

/// The order that a new one replaces.
fn replaced<'a>(scene: &Scene<'a>, standing: &Standing) -> Option<&'a Standing> {
    let replaced = standing.order.supersedes.as_ref().filter(|_| scene.is_new(standing));
    replaced.and_then(|old| scene.before.get(old))
}

/// The order that a new one replaces, where the two differ in their ends and not in their power.
pub(super) fn followed<'a>(scene: &Scene<'a>, standing: &Standing) -> Option<&'a Standing> {
    replaced(scene, standing).filter(|old| {
        old.order.amount == standing.order.amount && old.order.until != standing.order.until
    })
}

/// Whether less was confirmed than was ordered.
fn is_short(standing: &Standing) -> bool {
    standing.confirmed().is_some_and(|confirmed| confirmed < standing.order.amount)
}

fn is_held(scene: &Scene<'_>, standing: &Standing, anew: bool) -> bool {
    let Kind::DemandResponse { bid, .. } = &standing.order.kind else { return false };
    let min_run = scene.bid(bid).and_then(|bid| bid.min_run).unwrap_or_default();
    let start = if anew { standing.order.start } else { standing.runs_from };
    scene.end < start + min_run
}
