//! How balances and orders went over time, for whoever looks back at a run.
//!
//! A course has a bounded size however long the run: where it grows too large, neighbouring moments
//! become one. What needs an operator's eye (a shortfall, what stayed unmet) is kept at its greatest,
//! all else as it stood last. It decides nothing, and is kept only where asked for.

use super::Planner;
use super::standing::Instruction;
use gridweaver_model::{Millis, Text, Time, Watts};
use std::collections::BTreeMap;

/// More moments than this are thinned out.
const MOMENTS_MAX: usize = 1_440;
/// Likewise regions × moments; but never to fewer moments than [`MOMENTS_LEAST`].
const CELLS_MAX: usize = 250_000;
const MOMENTS_LEAST: usize = 64;

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// By when each begins: the first tick's end that is in it, or a multiple of the step.
    pub moments: BTreeMap<Time, Moment>,
    /// How much time a moment stands for; 0: one tick.
    step: Millis,
}

/// What held at a tick's end, or over several.
#[derive(Clone, Debug, Default)]
pub struct Moment {
    /// By name.
    pub regions: BTreeMap<Text, RegionMoment>,
    /// By sending and receiving region: what transfers deliver.
    pub transfers: BTreeMap<(Text, Text), Watts>,
    /// How many islands.
    pub islands: u64,
}

/// A region, all of its areas together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegionMoment {
    /// Generated.
    pub generation: Watts,
    /// What generation could reach.
    pub available: Watts,
    /// Metered load.
    pub load: Watts,
    /// Load and the relief of confirmed orders.
    pub demand: Watts,
    /// What its areas lack, before any order.
    pub shortfall: Watts,
    /// What demand response is ordered to take off.
    pub demand_response: Watts,
    /// What transfers are ordered to deliver to it.
    pub received: Watts,
    /// What plans leave unmet.
    pub unmet: Watts,
}

impl Course {
    /// Adds what holds at a tick's end, later than all before.
    pub fn push(&mut self, tick_end: Time, mut moment: Moment) {
        let begin = begin_of(tick_end, self.step);
        if let Some(before) = self.moments.get(&begin) {
            moment.keep_worst_of(before);
        }
        self.moments.insert(begin, moment);
        while self.is_too_large() {
            self.thin_out();
        }
    }

    fn is_too_large(&self) -> bool {
        let count = self.moments.len();
        let regions = self.moments.last_key_value().map_or(0, |(_, moment)| moment.regions.len());
        count > MOMENTS_LEAST && (count > MOMENTS_MAX || count * regions > CELLS_MAX)
    }

    /// Doubles the step, or takes the first one that halves the moments.
    fn thin_out(&mut self) {
        let ends = self.moments.first_key_value().zip(self.moments.last_key_value());
        let Some(((first, _), (last, _))) = ends else { return };
        let half = i64::try_from(self.moments.len() / 2).unwrap_or(i64::MAX);
        self.step = Millis((2 * self.step.0).max((*last - *first).0 / half).max(1));
        for (time, mut moment) in std::mem::take(&mut self.moments) {
            let begin = begin_of(time, self.step);
            if let Some(before) = self.moments.get(&begin) {
                moment.keep_worst_of(before);
            }
            self.moments.insert(begin, moment);
        }
    }
}

fn begin_of(time: Time, step: Millis) -> Time {
    if step == Millis::ZERO { time } else { Time(time.0 - time.0.rem_euclid(step.0)) }
}

impl Moment {
    /// The later of two moments takes on what was worse in the earlier.
    fn keep_worst_of(&mut self, before: &Self) {
        for (name, region) in &mut self.regions {
            if let Some(before) = before.regions.get(name) {
                region.shortfall = region.shortfall.max(before.shortfall);
                region.unmet = region.unmet.max(before.unmet);
            }
        }
        self.islands = self.islands.max(before.islands);
    }
}

impl Planner {
    /// From now on keeps a [`Course`].
    pub fn keep_course(&mut self) {
        self.course = Some(Course::default());
    }

    /// The course so far, where it is kept.
    #[must_use]
    pub fn course(&self) -> Option<&Course> {
        self.course.as_ref()
    }

    /// Adds the tick just decided to the course, where one is kept.
    pub(super) fn note_course(&mut self) {
        if let Some(mut course) = self.course.take() {
            course.push(self.tick_end, self.moment());
            self.course = Some(course);
        }
    }

    fn moment(&self) -> Moment {
        let mut moment = Moment { islands: self.grid.island_count(), ..Moment::default() };
        for (area, (_, identity)) in &self.grid.areas {
            let balance = self.balance(area);
            let region = moment.regions.entry(identity.region.clone()).or_default();
            region.generation += balance.figures.generation;
            region.available += balance.figures.available;
            region.load += balance.figures.load;
            region.demand += balance.figures.load + balance.relief;
            region.shortfall += balance.shortfall;
        }
        for plan in self.standing.plans.values() {
            let Some(receiver) = self.grid.identity(&plan.area) else { continue };
            let mut region = RegionMoment { unmet: plan.unmet, ..RegionMoment::default() };
            for order in plan.orders.iter().map(|name| &self.standing.orders[name]) {
                match &order.instruction {
                    Instruction::DemandResponse { .. } => region.demand_response += order.amount,
                    Instruction::Transfer { path, .. } => {
                        region.received += order.amount;
                        let sender = path.first().and_then(|area| self.grid.identity(area));
                        if let Some(sender) = sender {
                            let ends = (sender.region.clone(), receiver.region.clone());
                            *moment.transfers.entry(ends).or_default() += order.amount;
                        }
                    }
                    Instruction::Curtailment => {}
                }
            }
            let of_receiver = moment.regions.entry(receiver.region.clone()).or_default();
            of_receiver.demand_response += region.demand_response;
            of_receiver.received += region.received;
            of_receiver.unmet += region.unmet;
        }
        moment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmet(watts: i64) -> Moment {
        let region =
            RegionMoment { unmet: Watts(watts), load: Watts(watts), ..RegionMoment::default() };
        Moment { regions: [("r".into(), region)].into(), ..Moment::default() }
    }

    #[test]
    fn a_long_course_stays_small_and_forgets_no_peak() {
        let mut course = Course::default();
        for tick in 0..100_000 {
            course.push(Time(tick * 4_000), unmet(if tick == 31_337 { 7_000 } else { tick % 10 }));
        }
        assert!((MOMENTS_MAX / 3..=MOMENTS_MAX).contains(&course.moments.len()));
        let greatest = course.moments.values().map(|moment| moment.regions["r"].unmet).max();
        assert_eq!(greatest, Some(Watts(7_000)));
        let last = course.moments.values().last().map(|moment| moment.regions["r"].load);
        assert_eq!(last, Some(Watts(9)), "what is no peak is as it stood last");
    }

    #[test]
    fn a_short_course_has_every_tick() {
        let mut course = Course::default();
        (0..1_000).for_each(|tick| course.push(Time(tick * 4_000), unmet(tick)));
        assert_eq!(course.moments.len(), 1_000);
    }
}
