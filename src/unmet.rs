//! Unmet power that stands, as the records of plans tell it.
//!
//! It is kept by plan: the area of a plan may be called otherwise by the time that the plan ends.

use gridweaver_model::decision::Event;
use gridweaver_model::{Text, Watts};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// See the module's documentation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Unmet {
    by_plan: BTreeMap<Text, Watts>,
}

impl Unmet {
    /// Takes a record in, where it is one that matters.
    pub(crate) fn note(&mut self, event: &Event) {
        match event {
            Event::PlanCreated(plan) => {
                plan.supersedes.iter().for_each(|before| self.set(before, Watts::ZERO));
                self.set(&plan.plan, plan.unmet);
            }
            Event::ShortfallUnmet(told) => self.set(&told.plan, told.unmet),
            _ => {}
        }
    }

    fn set(&mut self, plan: &Text, unmet: Watts) {
        if unmet == Watts::ZERO {
            self.by_plan.remove(plan);
        } else {
            self.by_plan.insert(plan.clone(), unmet);
        }
    }

    /// What all plans that stand leave unmet.
    pub(crate) fn sum(&self) -> Watts {
        self.by_plan.values().copied().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gridweaver_model::decision::{PlanCreated, PlanInputs, ShortfallUnmet};
    use gridweaver_model::{Time, Watts};

    fn plan(plan: &str, unmet: i64, supersedes: &[&str]) -> Event {
        Event::PlanCreated(Box::new(PlanCreated {
            plan: plan.into(),
            island: "i".into(),
            tick: Time(0),
            shortfall: Watts(unmet),
            demand_response: Watts::ZERO,
            over_delivery: Watts::ZERO,
            transfer: Watts::ZERO,
            unmet: Watts(unmet),
            cost: 0,
            gap: 0,
            supersedes: supersedes.iter().map(|plan| (*plan).into()).collect(),
            inputs: PlanInputs::default(),
        }))
    }

    #[test]
    fn what_stands_ends_with_its_plan_or_its_follower() {
        let mut unmet = Unmet::default();
        let mut after = |event: &Event| {
            unmet.note(event);
            unmet.sum()
        };
        assert_eq!(after(&plan("one", 5, &[])), Watts(5));
        assert_eq!(after(&plan("other", 3, &[])), Watts(8));
        assert_eq!(after(&plan("follower", 4, &["one"])), Watts(7));
        let over = ShortfallUnmet {
            plan: "other".into(),
            shortfall: Watts(3),
            met: Watts(3),
            unmet: Watts::ZERO,
        };
        assert_eq!(after(&Event::ShortfallUnmet(over)), Watts(4));
        assert_eq!(after(&plan("last", 0, &["follower"])), Watts::ZERO);
    }
}
