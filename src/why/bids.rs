//! The bids that there were to choose from, and why so much of each was taken and no more.

use super::facts::Bid;
use super::units::{At, Lasting, Mw, PerMwh, Share};
use crate::verify::scene::Scene;
use gridweaver_dataflows::twins::book::{Kind, Standing};
use gridweaver_dataflows::twins::ladder::Rated;
use gridweaver_dataflows::twins::offers::Life;
use gridweaver_dataflows::twins::picture::commitments;
use gridweaver_model::record::{self, Program};
use gridweaver_model::{Price, Text, Time, Watts};
use std::collections::BTreeMap;

/// The bids of an area at a tick's end.
pub(super) struct Choice<'a> {
    scene: &'a Scene<'a>,
    area: &'a Text,
    /// What stands under each program.
    committed: BTreeMap<Text, Watts>,
    /// The activations of the area, by bid.
    taken: BTreeMap<&'a Text, &'a Standing>,
    /// What demand response leaves of the shortfall.
    short: Watts,
}

/// A bid, with what is known of it.
pub(super) struct Candidate<'a> {
    pub(super) bid: &'a record::Bid,
    pub(super) rated: &'a Rated,
    submitted: Time,
    pub(super) taken: Watts,
}

impl<'a> Choice<'a> {
    /// The bids of an order's area. `short` is what demand response leaves of the shortfall.
    pub(super) fn of(scene: &'a Scene<'a>, area: &'a Text, short: Watts) -> Self {
        let mut taken = BTreeMap::new();
        for standing in scene.orders_of(area) {
            if let Kind::DemandResponse { bid, .. } = &standing.order.kind {
                taken.insert(bid, standing);
            }
        }
        let (committed, _) = commitments(scene.book);
        Self { scene, area, committed, taken, short }
    }

    /// Those that may be chosen, or are, or are barred though their window is open; cheapest first.
    pub(super) fn candidates(&self) -> Vec<Candidate<'a>> {
        let mut found: Vec<Candidate<'a>> = vec![];
        for (name, rated) in self.scene.rated() {
            let Some(known) = self.scene.collections.offers.bids.get(name) else { continue };
            let bid = &known.held.value;
            let taken = self.taken.get(name).map(|it| it.order.amount).unwrap_or_default();
            let here = rated.area.as_ref() == Some(self.area);
            let open = bid.start <= self.scene.end && self.scene.end < bid.end;
            if (here && open) || taken > Watts::ZERO {
                found.push(Candidate { bid, rated, submitted: known.submitted, taken });
            }
        }
        found.sort_by_key(|it| (it.rated.score, it.submitted, &it.bid.bid));
        found
    }

    /// How many bids of the area's region are outside their windows, and how many of the others are
    /// in other areas of the region.
    pub(super) fn elsewhere(&self, region: &Text) -> (usize, usize) {
        let (mut outside, mut cut_off) = (0, 0);
        for (name, rated) in self.scene.rated() {
            let Some(bid) = self.scene.bid(name) else { continue };
            let program = self.program(&bid.program);
            if program.and_then(|program| program.region.as_ref()) != Some(region) {
                continue;
            }
            if bid.end <= self.scene.end || bid.start > self.scene.end {
                outside += 1;
            } else if rated.area.is_some() && rated.area.as_ref() != Some(self.area) {
                cut_off += 1;
            }
        }
        (outside, cut_off)
    }

    /// What they are, and why each was taken as it was.
    pub(super) fn told(&self, this: &Text) -> Vec<Bid> {
        let candidates = self.candidates();
        // Those that must run on were not chosen anew.
        let chosen = |it: &&Candidate<'_>| it.taken > Watts::ZERO && !self.is_held(it);
        let dearest = candidates.iter().rev().find(chosen);
        let dearest = dearest.map_or(Price::ZERO, |it| it.rated.score);
        let told = candidates.iter().map(|it| {
            let order = self.taken.get(&it.bid.bid).map(|standing| standing.order.id.clone());
            Bid {
                bid: it.bid.bid.clone(),
                program: it.bid.program.clone(),
                price_per_mwh: PerMwh(it.bid.price),
                score_per_mwh: PerMwh(it.rated.score),
                reliability: Share(it.rated.reliability),
                rank: it.rated.rank,
                min_mw: Mw(it.bid.min),
                max_mw: Mw(it.bid.max),
                taken_mw: Mw(it.taken),
                held: self.is_held(it),
                this: order.as_ref() == Some(this),
                order,
                why: self.why(it, &candidates, dearest),
            }
        });
        told.collect()
    }

    fn program(&self, name: &Text) -> Option<&'a Program> {
        self.scene.collections.offers.program(name)
    }

    /// What a program has left at the tick's end.
    pub(super) fn room(&self, program: &Text) -> Watts {
        let capacity = self.program(program).and_then(|it| it.capacity).unwrap_or_default();
        capacity - self.committed.get(program).copied().unwrap_or_default()
    }

    /// Why so much of a bid was taken and no more.
    fn why(&self, it: &Candidate<'_>, all: &[Candidate<'_>], dearest: Price) -> String {
        let held = self.taken.get(&it.bid.bid).and_then(|order| self.held_until(order, it.bid));
        if let Some(until) = held {
            let min_run = Lasting(it.bid.min_run.unwrap_or_default());
            return format!(
                "taken before, and held until {} by its minimum run of {min_run}",
                At(until)
            );
        }
        if it.taken == it.bid.max {
            return "taken in full".to_owned();
        }
        if let Some(barred) = it.rated.barred {
            return self.barred(it, barred);
        }
        let lost_load = self.scene.rules.dispatch.lost_load_price;
        if it.rated.score >= lost_load {
            return format!("its score is not below the price of lost load, {}", PerMwh(lost_load));
        }
        if let Some(why) = self.confirmed_less(it) {
            return why;
        }
        self.bound(it, all, dearest)
    }

    /// Which limit binds an eligible bid that is not taken in full.
    fn bound(&self, it: &Candidate<'_>, all: &[Candidate<'_>], dearest: Price) -> String {
        let program = &it.bid.program;
        let (room, least) = (self.room(program), it.bid.min);
        let capacity = self.program(program).and_then(|it| it.capacity).unwrap_or_default();
        if it.taken == Watts::ZERO && self.short == Watts::ZERO && it.rated.score >= dearest {
            let held = all.iter().any(|other| self.is_held(other));
            let others =
                if held { "cheaper bids, and those that must run on," } else { "cheaper bids" };
            return format!("not needed: {others} meet the need");
        }
        if room <= Watts::ZERO {
            return format!(
                "program {program} is full: {} of {}",
                Mw(capacity - room),
                Mw(capacity)
            );
        }
        if it.taken > Watts::ZERO && self.short == Watts::ZERO {
            return self.in_part(it, all);
        }
        if it.taken == Watts::ZERO && room < least {
            let (room, capacity) = (Mw(room), Mw(capacity));
            return format!(
                "program {program} has {room} of {capacity} left, less than its minimum"
            );
        }
        if it.taken == Watts::ZERO && self.short > Watts::ZERO && least > self.short {
            let short = Mw(self.short);
            return format!("its minimum is more than the {short} that demand response leaves");
        }
        if it.taken == Watts::ZERO && self.short == Watts::ZERO && least > Watts::ZERO {
            return "its minimum does not fit: the bids taken meet the need at less cost"
                .to_owned();
        }
        "the choice of bids that costs least does without it".to_owned()
    }

    /// Why an eligible bid is taken in part, with nothing short and room left in its program.
    fn in_part(&self, it: &Candidate<'_>, all: &[Candidate<'_>]) -> String {
        let key = |it: &Candidate<'_>| (it.rated.score, it.submitted, it.bid.bid.clone());
        let chosen = |other: &&Candidate<'_>| other.taken > Watts::ZERO && !self.is_held(other);
        let at_minimum = |other: &&Candidate<'_>| other.taken == other.bid.min;
        let mut dearer = all.iter().filter(|other| key(other) > key(it)).filter(chosen);
        if let Some(last) = dearer.rfind(at_minimum) {
            let (bid, least) = (&last.bid.bid, Mw(last.bid.min));
            return format!("cut back so that the minimum of {bid}, {least}, fits");
        }
        let cheaper = all.iter().filter(|other| key(other) < key(it)).filter(chosen);
        let mut spare_of: BTreeMap<&Text, Watts> = BTreeMap::new();
        for other in cheaper {
            *spare_of.entry(&other.bid.program).or_default() += other.bid.max - other.taken;
        }
        let reached = spare_of.into_iter().map(|(program, spare)| {
            let own = if *program == it.bid.program { it.taken } else { Watts::ZERO };
            spare.min(self.room(program) + own)
        });
        let spare: Watts = reached.sum();
        if it.taken == it.bid.min && Watts::ZERO < spare && spare < it.taken {
            let spare = Mw(spare);
            return format!(
                "it is at its minimum, and the cheaper bids in use have only {spare} left to give in \
                 its place"
            );
        }
        "no more was needed".to_owned()
    }

    /// That its participant confirmed less than was ordered, where it did.
    pub(super) fn confirmed_less(&self, it: &Candidate<'_>) -> Option<String> {
        let of_bid = |standing: &&Standing| standing.order.kind.bid() == Some(&it.bid.bid);
        let before = self.scene.before.values().find(of_bid)?;
        let confirmed = before.confirmed().filter(|power| *power < before.order.amount)?;
        let confirmed = Mw(confirmed);
        Some(format!("its participant confirmed only {confirmed} of what it was ordered"))
    }

    /// Until when a minimum run holds an order that stood before the tick.
    fn held_until(&self, order: &Standing, bid: &record::Bid) -> Option<Time> {
        let until = order.runs_from + bid.min_run.unwrap_or_default();
        (!self.scene.is_new(order) && self.scene.end < until).then_some(until)
    }

    fn is_held(&self, it: &Candidate<'_>) -> bool {
        let order = self.taken.get(&it.bid.bid);
        order.is_some_and(|order| self.held_until(order, it.bid).is_some())
    }

    fn barred(&self, it: &Candidate<'_>, barred: &str) -> String {
        let dispatch = &self.scene.rules.dispatch;
        let (bid, offers) = (it.bid, &self.scene.collections.offers);
        if offers.life(bid, self.scene.end) == Life::Withdrawn {
            return match offers.withdrawals.get(&bid.bid) {
                Some(version) => format!("withdrawn at {}", At(version.time)),
                None => "withdrawn".to_owned(),
            };
        }
        let (notice, min_run) = (bid.notice.unwrap_or_default(), bid.min_run.unwrap_or_default());
        let most = self.program(&bid.program).and_then(|program| program.max_price);
        let figures = if let Some(out) = self.scene.out.get(&bid.bid) {
            format!("until {}", At(*out))
        } else if self.scene.end + notice + min_run > bid.end {
            format!("{} and {} before {}", Lasting(notice), Lasting(min_run), At(bid.end))
        } else if notice > dispatch.lead_time {
            format!("{} against {}", Lasting(notice), Lasting(dispatch.lead_time))
        } else if let Some(most) = most.filter(|most| bid.price > *most) {
            format!("{} against {}", PerMwh(bid.price), PerMwh(most))
        } else {
            return barred.to_owned();
        };
        format!("{barred} ({figures})")
    }
}
