//! What one output came to: records counted, and orders and unmet power added up over the time that
//! they stand. An order stands from its tick's end until it is cancelled or superseded.

use crate::unmet::Unmet;
use gridweaver_model::decision::{EndReason, Event};
use gridweaver_model::{Text, Time, Watts};
use std::collections::BTreeMap;

/// Watts × milliseconds of an hour at one watt.
const HOUR_MS: i128 = 3_600_000;

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Totals {
    /// Ticks with records.
    pub ticks: u64,
    /// Records but for those that end ticks.
    pub records: u64,
    /// By kind.
    pub ordered: BTreeMap<&'static str, Ordered>,
    /// Cancellations by reason.
    pub cancelled: BTreeMap<EndReason, u64>,
    /// Plans made.
    pub plans: u64,
    /// Greatest sum of unmet power that stood at once.
    pub unmet_max: Watts,
    /// Watts × milliseconds.
    unmet_over_time: i128,
    /// Thousandths of the currency per MWh × watts × milliseconds.
    cost_over_time: i128,
    standing: BTreeMap<Text, Standing>,
    unmet: Unmet,
    reached: Option<Time>,
}

/// Orders of a kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ordered {
    /// How many were given.
    pub orders: u64,
    /// Their power added up.
    pub power: Watts,
    /// Watts × milliseconds.
    over_time: i128,
}

impl Ordered {
    /// What the orders come to over the time that they stood, in Wh.
    #[must_use]
    pub fn energy_wh(&self) -> i128 {
        self.over_time / HOUR_MS
    }
}

#[derive(Debug)]
struct Standing {
    kind: &'static str,
    power: Watts,
    /// Thousandths × watts.
    cost_per_h: i128,
}

impl Totals {
    /// What was unmet over time, in Wh.
    #[must_use]
    pub fn unmet_wh(&self) -> i128 {
        self.unmet_over_time / HOUR_MS
    }

    /// What the orders cost over the time that they stood, without lost load, in 10⁻⁹ of the currency.
    #[must_use]
    pub fn cost(&self) -> i128 {
        self.cost_over_time / HOUR_MS
    }

    /// A tick with records begins: what stands has stood until its end.
    pub(super) fn begin(&mut self, tick_end: Time) {
        self.ticks += 1;
        let before = self.reached.replace(tick_end).unwrap_or(tick_end);
        let span = i128::from((tick_end - before).0);
        for order in self.standing.values() {
            self.ordered.entry(order.kind).or_default().over_time +=
                i128::from(order.power.0) * span;
            self.cost_over_time += order.cost_per_h * span;
        }
        self.unmet_over_time += i128::from(self.unmet.sum().0) * span;
    }

    /// Counts a record.
    pub(super) fn count(&mut self, event: &Event) {
        self.records += 1;
        self.unmet.note(event);
        match event {
            Event::DemandResponseActivated(data) => {
                let cost = i128::from(data.price.0) * i128::from(data.amount.0);
                self.order("demand response", data.amount, cost, &data.order, &data.supersedes);
            }
            Event::TransferOrdered(data) => {
                self.order("transfer", data.delivered, data.cost, &data.order, &data.supersedes);
            }
            Event::CurtailmentRecorded(data) => {
                self.order("curtailment", data.amount, 0, &data.order, &data.supersedes);
            }
            Event::OrderCancelled(data) => {
                *self.cancelled.entry(data.reason).or_default() += 1;
                self.standing.remove(&data.order);
            }
            Event::PlanCreated(_) => self.plans += 1,
            _ => {}
        }
    }

    fn order(
        &mut self,
        kind: &'static str,
        power: Watts,
        cost_per_h: i128,
        order: &Text,
        supersedes: &Option<Text>,
    ) {
        let ordered = self.ordered.entry(kind).or_default();
        ordered.orders += 1;
        ordered.power += power;
        if let Some(before) = supersedes {
            self.standing.remove(before);
        }
        self.standing.insert(order.clone(), Standing { kind, power, cost_per_h });
    }

    /// The tick is counted.
    pub(super) fn end(&mut self) {
        self.unmet_max = self.unmet_max.max(self.unmet.sum());
    }
}
