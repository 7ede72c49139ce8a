//! How the generators are run: the data say what load and nature do, not who generates.
//!
//! Each region serves itself; exchange between regions is what GridWeaver is there to order. In
//! each interval of 5 minutes, per region:
//!
//! 1. **Commitment** (the day before). Units, by the average cost of full output, are on in an
//!    hour until their full output covers the greater of this and the next hour's forecast: load,
//!    less wind, sun and water, plus twice the spinning reserve (which is 3 % of the load; the
//!    rule of the western interconnection is 3 % of load and 3 % of generation). Who was needed
//!    stays on for its minimum up time. Nobody foresees an outage.
//! 2. **Output.** What the plants do not cover is shared out by the same order, each unit between
//!    its minimum and maximum and no further from its last output than its ramp allows. A unit
//!    that comes on begins at its minimum. Where even the minima are too much, plants are
//!    curtailed. Outputs are set every 5 minutes: what a unit gave that has failed meanwhile is
//!    missing until the next time.
//! 3. **Available** is what the units that are on could reach within 5 minutes, the lead time.
//! 4. **Recourse.** Where that falls short of load and reserve, units that can start warm within
//!    an hour are started in order; they come on when their start-up time is over. A unit that is
//!    no longer committed is stopped once the others can do without it.
//!
//! Left out: start-up costs, minimum down times, ramping down before a stop, network limits.

use super::series::{HOUR, Series};
use super::system::{System, Unit};
use gridweaver_model::units::divide_rounded;
use gridweaver_model::{Price, Time, Watts};

/// The longest start-up that helps within the day, in intervals: an hour.
const START_UP_MAX: usize = 12;

/// What the day before has decided.
pub(super) struct Commitment {
    start: Time,
    /// Hour by hour, whether each unit is on.
    is_on: Vec<Vec<bool>>,
}

/// The day-ahead forecasts, hour by hour.
pub(super) struct Forecast {
    pub(super) load: Series,
    /// Per region.
    pub(super) reserve: Vec<Series>,
    pub(super) plants: Vec<PlantSeries>,
}

/// A series of plants, and which plant each of its columns is.
pub(super) struct PlantSeries {
    pub(super) series: Series,
    pub(super) plants: Vec<usize>,
}

impl Commitment {
    pub(super) fn plan(system: &System, merit: &[Vec<usize>], forecast: &Forecast) -> Self {
        let (start, end) = (forecast.load.start(), forecast.load.end());
        let hours = usize::try_from((end - start).0 / HOUR.0).unwrap_or(0);
        let time = |hour: usize| Time(start.0 + i64::try_from(hour).unwrap_or(0) * HOUR.0);
        let mut is_on = vec![vec![false; system.units.len()]; hours];
        for (region, order) in merit.iter().enumerate() {
            let needs: Vec<_> =
                (0..=hours).map(|hour| forecast.need(system, region, time(hour))).collect();
            for hour in 0..hours {
                let mut rest = needs[hour].max(needs[hour + 1]);
                for unit in order {
                    if rest <= Watts::ZERO {
                        break;
                    }
                    rest -= system.units[*unit].max;
                    let stays = system.units[*unit].min_up.div_ceil(12).max(1);
                    for later in &mut is_on[hour..hours.min(hour + stays)] {
                        later[*unit] = true;
                    }
                }
            }
        }
        Self { start, is_on }
    }

    fn is_on(&self, unit: usize, time: Time) -> bool {
        let hour = usize::try_from((time - self.start).0.div_euclid(HOUR.0)).unwrap_or(0);
        self.is_on.get(hour).or(self.is_on.last()).is_some_and(|units| units[unit])
    }
}

impl Forecast {
    /// What the units of a region must cover in an hour, reserve included.
    fn need(&self, system: &System, region: usize, time: Time) -> Watts {
        let nature: Watts = self
            .plants
            .iter()
            .flat_map(|series| series.plants.iter().zip(series.series.at(time)))
            .filter(|(plant, _)| system.plants[**plant].region == region)
            .map(|(_, power)| *power)
            .sum();
        let reserve = self.reserve[region].at(time)[0];
        self.load.at(time)[region] + reserve + reserve - nature
    }
}

/// The units of each region, by the average cost of full output.
pub(super) fn merit_order(system: &System) -> Vec<Vec<usize>> {
    let mut merit = vec![Vec::new(); system.regions.len()];
    for (index, unit) in system.units.iter().enumerate() {
        merit[unit.region].push(index);
    }
    for order in &mut merit {
        order.sort_by_key(|index| {
            let unit = &system.units[*index];
            (unit.curve.average(), unit.id.clone())
        });
    }
    merit
}

/// The units as they run.
pub(super) struct Operation {
    merit: Vec<Vec<usize>>,
    commitment: Commitment,
    units: Vec<Running>,
    interval: usize,
}

/// One unit as it runs.
#[derive(Clone, Copy, Default)]
pub(super) struct Running {
    pub(super) output: Watts,
    /// What it can reach within 5 minutes.
    pub(super) available: Watts,
    is_on: bool,
    /// Started without being committed: the intervals from which it is on, and may be stopped.
    started: Option<(usize, usize)>,
    /// On beyond its commitment until the others can do without.
    is_stopped: bool,
}

/// What a region asks of its units in an interval.
pub(super) struct Need {
    /// The load that the plants do not cover; below 0 where they more than cover it.
    pub(super) load: Watts,
    pub(super) reserve: Watts,
}

/// What came of it.
pub(super) struct Outcome {
    /// What the next MWh costs.
    pub(super) price: Price,
    /// What of the plants' power is too much.
    pub(super) curtailed: Watts,
}

impl Operation {
    pub(super) fn new(system: &System, forecast: &Forecast) -> Self {
        let merit = merit_order(system);
        let commitment = Commitment::plan(system, &merit, forecast);
        let units = vec![Running::default(); system.units.len()];
        Self { merit, commitment, units, interval: 0 }
    }

    pub(super) fn unit(&self, index: usize) -> Running {
        self.units[index]
    }

    /// Runs all regions for one interval. `needs` has one for each region.
    pub(super) fn step(
        &mut self,
        system: &System,
        time: Time,
        needs: &[Need],
        is_out: &dyn Fn(usize) -> bool,
    ) -> Vec<Outcome> {
        let merit = std::mem::take(&mut self.merit);
        let outcomes = merit.iter().zip(needs).map(|(order, need)| {
            let lost = self.switch(system, order, time, is_out);
            let outcome = self.share_out(system, order, need.load - lost);
            self.plan_ahead(system, order, time, need, is_out);
            outcome
        });
        let outcomes = outcomes.collect();
        self.merit = merit;
        self.interval += 1;
        outcomes
    }

    /// Settles who is on; returns the output of those that have just failed.
    fn switch(
        &mut self,
        system: &System,
        order: &[usize],
        time: Time,
        is_out: &dyn Fn(usize) -> bool,
    ) -> Watts {
        let mut lost = Watts::ZERO;
        for index in order {
            let running = &mut self.units[*index];
            if is_out(*index) {
                lost += running.output;
                *running = Running::default();
                continue;
            }
            let is_committed = self.commitment.is_on(*index, time);
            let is_started = running.started.is_some_and(|(from, _)| self.interval >= from);
            let stays_on = running.is_on && !running.is_stopped;
            let was_on = running.is_on;
            running.is_on = is_committed || is_started || stays_on;
            running.is_stopped = false;
            if is_committed {
                running.started = None;
            }
            if !running.is_on {
                (running.output, running.available) = (Watts::ZERO, Watts::ZERO);
            } else if !was_on {
                running.output = system.units[*index].min;
            }
        }
        lost
    }

    /// Shares a load out over the units that are on.
    fn share_out(&mut self, system: &System, order: &[usize], load: Watts) -> Outcome {
        let is_first = self.interval == 0;
        let bounds = |unit: &Unit, running: &Running| {
            if is_first {
                return (unit.min, unit.max);
            }
            let low = unit.min.max(running.output - unit.ramp).min(unit.max);
            (low, unit.max.min(running.output + unit.ramp).max(low))
        };
        let on: Vec<_> = order.iter().copied().filter(|index| self.units[*index].is_on).collect();
        let mut rest = load;
        let mut lows = Watts::ZERO;
        for index in &on {
            lows += bounds(&system.units[*index], &self.units[*index]).0;
        }
        rest -= lows;
        let curtailed = (-rest).max(Watts::ZERO);
        let mut price = None;
        for index in on {
            let unit = &system.units[index];
            let (low, high) = bounds(unit, &self.units[index]);
            let more = rest.clamp(Watts::ZERO, high - low);
            rest -= more;
            let running = &mut self.units[index];
            running.output = low + more;
            running.available = unit.max.min(running.output + unit.ramp);
            let next = unit.curve.price_at(running.output);
            // The dearest of those that give more than they must; where nobody does, the cheapest
            // of all would give the next MWh.
            price = match price {
                None => Some((more > Watts::ZERO, next)),
                Some((true, known)) if more > Watts::ZERO => Some((true, next.max(known))),
                Some((false, _)) if more > Watts::ZERO => Some((true, next)),
                Some((false, known)) => Some((false, next.min(known))),
                known => known,
            };
        }
        let price = price.map_or(Price::ZERO, |(_, price)| price);
        Outcome { price: if curtailed > Watts::ZERO { Price::ZERO } else { price }, curtailed }
    }

    /// Starts units where load and reserve are not covered, and stops those that are not needed.
    fn plan_ahead(
        &mut self,
        system: &System,
        order: &[usize],
        time: Time,
        need: &Need,
        is_out: &dyn Fn(usize) -> bool,
    ) {
        let mut margin = -need.load - need.reserve;
        let mut starting = Watts::ZERO;
        for index in order {
            let running = &self.units[*index];
            margin += running.available;
            if !running.is_on && running.started.is_some() {
                starting += system.units[*index].max;
            }
        }
        for index in order {
            let unit = &system.units[*index];
            let running = &mut self.units[*index];
            let can_start = !running.is_on && running.started.is_none() && !is_out(*index);
            let is_short = margin + starting < Watts::ZERO;
            if is_short && can_start && unit.start_up <= START_UP_MAX {
                let on_from = self.interval + 1 + unit.start_up;
                running.started = Some((on_from, on_from + unit.min_up));
                starting += unit.max;
            }
        }
        // The dearest goes first, and only where those that are on already can do without it.
        for index in order.iter().rev() {
            let running = &mut self.units[*index];
            let may_stop = running.is_on
                && !self.commitment.is_on(*index, time)
                && running.started.is_none_or(|(_, until)| self.interval >= until);
            if may_stop && margin >= running.available {
                margin -= running.available;
                running.started = None;
                running.is_stopped = true;
            }
        }
    }
}

/// A plant's part in what its region must curtail: in proportion to what it could give.
pub(super) fn curtailed(power: Watts, region_power: Watts, region_curtailed: Watts) -> Watts {
    if region_power <= Watts::ZERO {
        return Watts::ZERO;
    }
    let cut = i128::from(region_curtailed.min(region_power).0) * i128::from(power.0);
    Watts(i64::try_from(divide_rounded(cut, region_power.0.into())).unwrap_or(0))
}
