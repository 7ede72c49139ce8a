//! The settings that shape ticks, state and decisions, with the defaults of the contract.
//!
//! They decide what is written, so a checkpoint keeps them and `verify` must be given the same.

use crate::units::divide_rounded;
use crate::{Metres, Millis, Ppm, Price, Time, Watts};
use serde::{Deserialize, Serialize};

/// The number of a tick: it holds event times `[tick · length, (tick + 1) · length)` ms.
pub type Tick = u64;

/// What becomes of a late record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Late {
    /// It takes effect in the tick that it is admitted to, with its own time kept.
    NextTick,
    /// It goes to the dead letters (facts never do).
    DeadLetter,
}

/// What the last reading of a stale node counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stale {
    /// It keeps its values, but no surplus rests on them.
    Hold,
    /// All of it counts 0.
    Exclude,
}

/// Every setting that the same input needs to give the same output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Length of a tick, above 0.
    pub tick: Millis,
    /// How far a partition's watermark stays behind its greatest event time.
    pub lateness: Millis,
    /// What becomes of a late record.
    pub late: Late,
    /// How long an identity is remembered.
    pub dedup_window: Millis,
    /// How old a node's newest reading may be.
    pub stale_after: Millis,
    /// What a stale node counts for.
    pub stale: Stale,
    /// How long what has ended is remembered.
    pub retention: Millis,
    /// The settings of `[dispatch]`.
    pub dispatch: Dispatch,
}

/// How orders are decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    /// Loss of a line that gives none: parts per 10¹² and km (0.000 05 is 50 000 000).
    pub loss_per_km: u64,
    /// Energy price of a region that has none.
    pub energy_price: Price,
    /// What a MWh not served costs.
    pub lost_load_price: Price,
    /// How far ahead of need orders are given.
    pub lead_time: Millis,
    /// How far a need may move without a new plan.
    pub deadband: Watts,
    /// How long a need must be over before its orders are released.
    pub release_hold: Millis,
    /// How often a standing plan is compared with a new one.
    pub replan_every: Millis,
    /// How much cheaper the new one must be.
    pub replan_gain: Ppm,
    /// How long an order may go without `received`; `None`: for ever.
    pub response_timeout: Option<Millis>,
    /// Reliability of a participant with no record and no figure of its own.
    pub reliability: Ppm,
    /// How long performance counts.
    pub reliability_window: Millis,
    /// Weight of unreliability in the score, in ppm.
    pub reliability_weight: u32,
    /// Weight of flexibility in the score, in ppm, below one.
    pub flexibility_weight: u32,
    /// The window length that counts as wholly flexible; above 0.
    pub flexibility_horizon: Millis,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            tick: Millis(4_000),
            lateness: Millis(2_000),
            late: Late::NextTick,
            dedup_window: Millis(600_000),
            stale_after: Millis(300_000),
            stale: Stale::Hold,
            retention: Millis(86_400_000),
            dispatch: Dispatch::default(),
        }
    }
}

impl Default for Dispatch {
    fn default() -> Self {
        Self {
            loss_per_km: 50_000_000,
            energy_price: Price(50_000),
            lost_load_price: Price(10_000_000),
            lead_time: Millis(300_000),
            deadband: Watts(1_000_000),
            release_hold: Millis(60_000),
            replan_every: Millis(60_000),
            replan_gain: Ppm(50_000),
            response_timeout: None,
            reliability: Ppm(900_000),
            reliability_window: Millis(2_592_000_000),
            reliability_weight: 1_000_000,
            flexibility_weight: 100_000,
            flexibility_horizon: Millis(14_400_000),
        }
    }
}

impl Dispatch {
    /// A line's loss: its own, else its length times the loss per km, rounded half away from zero
    /// and at most one half.
    #[must_use]
    pub fn line_loss(&self, loss: Option<Ppm>, length: Option<Metres>) -> Ppm {
        loss.unwrap_or_else(|| {
            let metres = i128::from(length.unwrap_or_default().0);
            let ppm = divide_rounded(metres * i128::from(self.loss_per_km), 1_000_000_000);
            Ppm(u32::try_from(ppm).unwrap_or(u32::MAX).min(500_000))
        })
    }
}

impl Rules {
    /// The tick that holds an instant.
    #[must_use]
    pub fn tick_of(&self, time: Time) -> Tick {
        Tick::try_from(time.0.div_euclid(self.tick.0)).unwrap_or(0)
    }

    /// When a tick begins.
    #[must_use]
    pub fn start_of(&self, tick: Tick) -> Time {
        Time(i64::try_from(tick).unwrap_or(i64::MAX).saturating_mul(self.tick.0))
    }

    /// When a tick ends: the time of all that is decided in it.
    #[must_use]
    pub fn end_of(&self, tick: Tick) -> Time {
        self.start_of(tick.saturating_add(1))
    }

    /// The first tick that ends at or after an instant: where what is due then takes effect.
    #[must_use]
    pub fn first_ending_at_or_after(&self, time: Time) -> Tick {
        self.tick_of(Time(time.0 - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_half_open() {
        let rules = Rules::default();
        assert_eq!(rules.tick_of(Time(3_999)), 0);
        assert_eq!(rules.tick_of(Time(4_000)), 1);
        assert_eq!(rules.end_of(0), Time(4_000));
        assert_eq!(rules.first_ending_at_or_after(Time(4_000)), 0);
        assert_eq!(rules.first_ending_at_or_after(Time(4_001)), 1);
    }
}
