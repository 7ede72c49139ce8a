//! The orders that a recorded output holds: whether one is there, and which is nearest where not.

use gridweaver_model::Text;
use gridweaver_model::decision::Event;
use gridweaver_model::decision::reading::{Body, read};
use std::collections::{BTreeMap, BTreeSet};

/// How many names an error suggests.
const SUGGESTED_MAX: usize = 3;

/// The orders of an output.
#[derive(Default)]
pub(super) struct Index {
    /// The region that each order serves.
    pub(super) region_of: BTreeMap<Text, Text>,
    /// The orders of each plan and each bid.
    of: BTreeMap<Text, (&'static str, BTreeSet<Text>)>,
}

impl Index {
    /// The orders in some lines. What is no record is passed over here; `verify` tells of it.
    pub(super) fn of<'a>(lines: impl Iterator<Item = &'a Vec<u8>>) -> Self {
        let mut index = Self::default();
        for line in lines {
            let Ok(written) = read(line) else { continue };
            let Body::Decision(decision) = written.body else { continue };
            let (order, plan, bid) = match &decision.event {
                Event::DemandResponseActivated(it) => (&it.order, &it.plan, Some(&it.bid)),
                Event::TransferOrdered(it) => (&it.order, &it.plan, None),
                Event::CurtailmentRecorded(it) => (&it.order, &it.plan, None),
                _ => continue,
            };
            index.region_of.insert(order.clone(), decision.region.clone().unwrap_or_default());
            for (kind, name) in [("plan", Some(plan)), ("bid", bid)]
                .into_iter()
                .filter_map(|it| Some((it.0, it.1?)))
            {
                let orders = index.of.entry(name.clone()).or_insert((kind, BTreeSet::new()));
                orders.1.insert(order.clone());
            }
        }
        index
    }

    /// What to say of a name that is no order's.
    pub(super) fn instead_of(&self, name: &str) -> String {
        if let Some((kind, orders)) = self.of.get(name) {
            return format!("it is a {kind}; its orders are {}", listed(orders.iter()));
        }
        if self.region_of.is_empty() {
            return "the output holds no order at all".to_owned();
        }
        let mut near: Vec<(bool, usize, &Text)> = self
            .region_of
            .keys()
            .map(|order| (!order.contains(name), strsim::damerau_levenshtein(order, name), order))
            .collect();
        near.sort();
        let nearest = near.iter().take(SUGGESTED_MAX).map(|(_, _, order)| *order);
        format!("nearest are {}", nearest.map(Text::as_str).collect::<Vec<_>>().join(", "))
    }
}

/// The first few of some names.
fn listed<'a>(names: impl ExactSizeIterator<Item = &'a Text>) -> String {
    const LISTED_MAX: usize = 8;
    let more = names.len().saturating_sub(LISTED_MAX);
    let mut text = names.take(LISTED_MAX).map(Text::as_str).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text += &format!(" and {more} more");
    }
    text
}
