//! What is found wrong: where, which rule, and the figures that show it. For people.

use gridweaver_model::{Price, Time, Watts, decimal};
use std::fmt;

/// One rule broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The end of the tick concerned, where it is known.
    pub tick: Option<Time>,
    /// The line of the orders concerned, from 1, where there is one.
    pub line: Option<u64>,
    /// The rule.
    pub rule: &'static str,
    /// What is wrong with which figures.
    pub detail: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tick) = self.tick {
            write!(formatter, "{tick} ")?;
        }
        if let Some(line) = self.line {
            write!(formatter, "line {line} ")?;
        }
        write!(formatter, "{}: {}", self.rule, self.detail)
    }
}

/// The most breaches that are told.
const TOLD_MAX: usize = 1_000;

/// The breaches found so far.
#[derive(Default)]
pub(super) struct Breaches {
    told: Vec<Breach>,
    untold: u64,
}

impl Breaches {
    pub(super) fn tell(
        &mut self,
        tick: impl Into<Option<Time>>,
        line: impl Into<Option<u64>>,
        rule: &'static str,
        detail: impl Into<String>,
    ) {
        if self.told.len() < TOLD_MAX {
            let (tick, line, detail) = (tick.into(), line.into(), detail.into());
            self.told.push(Breach { tick, line, rule, detail });
        } else {
            self.untold += 1;
        }
    }

    pub(super) fn finish(mut self) -> Vec<Breach> {
        if self.untold > 0 {
            let detail = format!("{} more breaches are not shown", self.untold);
            self.told.push(Breach { tick: None, line: None, rule: "cut off", detail });
        }
        self.told
    }
}

/// Power for people: MW, exactly.
pub(super) fn mw(power: Watts) -> String {
    format!("{} MW", decimal::text(power.0.into(), 6))
}

/// A price or score for people, per MWh.
pub(super) fn per_mwh(price: Price) -> String {
    format!("{}/MWh", decimal::text(price.0.into(), 3))
}

/// A cost per hour for people, from thousandths × watts.
pub(super) fn per_hour(cost: i128) -> String {
    format!("{}/h", decimal::text(cost, 9))
}
