//! What the meters read: load that follows the time of day, generation that follows load, wind and
//! the sun, and what incidents do to both. All in thousandths, interpolated in integers.

use super::START;
use super::grid::{Drive, Grid, metered};
use super::incidents::Incidents;
use super::random::Random;
use gridweaver_model::record::Telemetry;
use gridweaver_model::{Time, Watts};

/// How long wind and clouds go in one direction.
const WEATHER_STEP_MS: i64 = 300_000;

const HOUR_MS: i64 = 3_600_000;

/// Load by the hour of the day, of that at 17 h.
const LOAD: [i64; 24] = [
    690, 660, 640, 630, 640, 680, 760, 850, 900, 920, 930, 940, 940, 930, 930, 940, 960, 1_000,
    1_040, 1_050, 1_030, 980, 880, 780,
];

/// What the sun gives by the hour of the day, of the most.
const SUN: [i64; 24] = [
    0, 0, 0, 0, 10, 60, 180, 340, 520, 690, 830, 930, 980, 980, 930, 840, 710, 550, 370, 200, 70,
    10, 0, 0,
];

/// What a plant reaches at 17 h on most days.
pub(super) fn usual_availability(drive: Drive) -> i64 {
    match drive {
        Drive::Thermal => 1_000,
        Drive::Wind => 600,
        Drive::Sun => 550,
    }
}

/// A day's curve at a time.
fn of_day(curve: &[i64; 24], time: Time) -> i64 {
    let of_day = time.0.rem_euclid(24 * HOUR_MS);
    let hour = usize::try_from(of_day / HOUR_MS).unwrap_or(0);
    between(curve[hour], curve[(hour + 1) % 24], of_day % HOUR_MS, HOUR_MS)
}

/// The value between two at a part of the way.
fn between(from: i64, to: i64, part: i64, whole: i64) -> i64 {
    from + (to - from) * part / whole
}

/// What the meters of a grid read.
pub(super) struct Meters {
    seed: u64,
    noise: Random,
}

impl Meters {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, noise: Random::of(seed, "noise", 0) }
    }

    /// A node's reading at a time, without a quality.
    pub(super) fn reading(
        &mut self,
        grid: &Grid,
        incidents: &Incidents,
        node: usize,
        time: Time,
    ) -> Telemetry {
        let it = &grid.nodes[node];
        let region = &grid.regions[it.region];
        let demand = of_day(&LOAD, time) * incidents.load(it.region, time) / 1_000;
        let load = it.load.0 / 1_000 * demand / 100_000 * self.noise.between(99_850, 100_150);
        let available = it.plant.map_or(0, |(drive, capacity)| {
            if incidents.is_tripped(node, time) {
                0
            } else {
                capacity.0 / 1_000 * self.availability(drive, it.region, time)
            }
        });
        // Plants share what their region needs; one that lacks power runs at what it reaches.
        let used = (demand * 1_000 / region.margin).min(1_000);
        Telemetry {
            node: it.name.clone(),
            generation: metered(Watts(available / 1_000 * used)),
            load: metered(Watts(load)),
            available: it.plant.map(|_| metered(Watts(available))),
            quality: None,
        }
    }

    /// What the plants of a region reach of their capacity, by what drives them.
    fn availability(&self, drive: Drive, region: usize, time: Time) -> i64 {
        match drive {
            Drive::Thermal => 1_000,
            Drive::Wind => self.weather("wind", region, time, 420, 780),
            Drive::Sun => {
                of_day(&SUN, time) * self.weather("clouds", region, time, 850, 1_000) / 1_000
            }
        }
    }

    /// Something that wanders between two values.
    fn weather(&self, what: &str, region: usize, time: Time, least: i64, most: i64) -> i64 {
        let since = (time - START).0.max(0);
        let at = |step: i64| {
            let place = (region as u64) << 32 | step.unsigned_abs();
            Random::of(self.seed, what, place).between(least, most)
        };
        let step = since / WEATHER_STEP_MS;
        between(at(step), at(step + 1), since % WEATHER_STEP_MS, WEATHER_STEP_MS)
    }
}
