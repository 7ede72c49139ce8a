//! Twin of the ladder: who is eligible, how reliable, with what score and rank.

use super::collections::Collections;
use super::offers::Life;
use super::shape::Shape;
use gridweaver_model::record::{Bid, Program};
use gridweaver_model::units::divide_rounded;
use gridweaver_model::{Ppm, Price, Rules, Text, Time};
use std::collections::BTreeMap;

/// What there is to say of one bid at a tick's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rated {
    /// By time and withdrawal.
    pub life: Life,
    /// The area that it counts in, if any.
    pub area: Option<Text>,
    /// Why it may not be chosen; none where it may.
    pub barred: Option<&'static str>,
    /// The participant's.
    pub reliability: Ppm,
    /// What it is chosen by.
    pub score: Price,
    /// Its place among its program's eligible bids, from 1.
    pub rank: Option<u64>,
}

impl Rated {
    /// Whether it may be chosen.
    #[must_use]
    pub fn eligible(&self) -> bool {
        self.barred.is_none()
    }
}

/// The reliability of every participant that has a record of its own.
#[must_use]
pub fn reliabilities(collections: &Collections, end: Time, rules: &Rules) -> BTreeMap<Text, Ppm> {
    let mut sums: BTreeMap<&Text, (i128, i128)> = BTreeMap::new();
    for held in collections.offers.performances.values() {
        if end - held.version.time <= rules.dispatch.reliability_window {
            let sum = sums.entry(&held.value.participant).or_default();
            sum.0 += i128::from(held.value.delivered.0);
            sum.1 += i128::from(held.value.instructed.0);
        }
    }
    let ppm = |(delivered, instructed): (i128, i128)| {
        let share = (delivered * 1_000_000 / instructed).min(1_000_000);
        Ppm(u32::try_from(share).unwrap_or(0))
    };
    sums.into_iter().map(|(participant, sum)| (participant.clone(), ppm(sum))).collect()
}

/// Every bid, rated. `out` holds the bids that failed and until when they are out.
#[must_use]
pub fn ladder(
    collections: &Collections,
    shape: &Shape,
    out: &BTreeMap<Text, Time>,
    end: Time,
    rules: &Rules,
) -> BTreeMap<Text, Rated> {
    let reliabilities = reliabilities(collections, end, rules);
    let mut rated = BTreeMap::new();
    let mut rungs: BTreeMap<&Text, Vec<(Price, Time, &Text)>> = BTreeMap::new();
    for (name, known) in &collections.offers.bids {
        let bid = &known.held.value;
        let own = reliabilities.get(&bid.participant).copied();
        let reliability = own.or(bid.reliability).unwrap_or(rules.dispatch.reliability);
        let program = collections.offers.program(&bid.program);
        let life = collections.offers.life(bid, end);
        let area = program.and_then(|program| area_of(bid, program, shape));
        let is_out = out.get(name).is_some_and(|until| end < *until);
        let barred = match (life, program, &area) {
            (Life::Withdrawn, _, _) => Some("it is withdrawn"),
            (Life::Expired, _, _) => Some("its end has passed"),
            (Life::Live, None, _) => Some("its program does not exist"),
            (Life::Live, _, None) => Some("its node or region is not there"),
            (Life::Live, Some(program), Some(_)) => barred(bid, program, is_out, end, rules),
        };
        let score = score(bid, reliability, rules);
        if barred.is_none() {
            rungs.entry(&bid.program).or_default().push((score, known.submitted, name));
        }
        let rating = Rated { life, area, barred, reliability, score, rank: None };
        rated.insert(name.clone(), rating);
    }
    for mut rung in rungs.into_values() {
        rung.sort();
        for (rank, (_, _, name)) in (1..).zip(rung) {
            if let Some(rating) = rated.get_mut(name) {
                rating.rank = Some(rank);
            }
        }
    }
    rated
}

/// The area that a bid counts in: its node's, where that lies in the program's region, or without
/// a node the region's main area.
#[must_use]
pub fn area_of(bid: &Bid, program: &Program, shape: &Shape) -> Option<Text> {
    let region = program.region.as_ref()?;
    match &bid.node {
        Some(node) => {
            let area = shape.area_of.get(node)?;
            (shape.areas.get(area)?.region == *region).then(|| area.clone())
        }
        None => shape.main_area.get(region).cloned(),
    }
}

/// What bars a live bid whose program and area exist.
fn barred(
    bid: &Bid,
    program: &Program,
    is_out: bool,
    end: Time,
    rules: &Rules,
) -> Option<&'static str> {
    let (notice, min_run) = (bid.notice.unwrap_or_default(), bid.min_run.unwrap_or_default());
    if bid.start > end {
        Some("its start is still to come")
    } else if end + notice + min_run > bid.end {
        Some("its notice and minimum run no longer fit before its end")
    } else if is_out {
        Some("it is out after a failure")
    } else if notice > rules.dispatch.lead_time {
        Some("its notice is longer than the lead time")
    } else if program.max_price.is_some_and(|most| bid.price > most) {
        Some("its price exceeds the program's limit")
    } else {
        None
    }
}

/// Price × (1 + w_r × (1 − reliability)) × (1 − w_f × flexibility), a negative price divided by the
/// two factors instead; rounded once.
#[must_use]
pub fn score(bid: &Bid, reliability: Ppm, rules: &Rules) -> Price {
    const MILLION: i128 = 1_000_000;
    let window = i128::from((bid.end - bid.start).0);
    let horizon = i128::from(rules.dispatch.flexibility_horizon.0);
    // Flexibility as a reduced fraction, so that products stay within 128 bits.
    let common = greatest_common_divisor(window.min(horizon), horizon);
    let (flexible, whole) = (window.min(horizon) / common, horizon / common);
    let unreliable = MILLION - i128::from(reliability.0);
    let dearer = MILLION * MILLION + i128::from(rules.dispatch.reliability_weight) * unreliable;
    let cheaper = MILLION * whole - i128::from(rules.dispatch.flexibility_weight) * flexible;
    let price = i128::from(bid.price.0);
    let exact = if price < 0 {
        divide_rounded(price * (MILLION * MILLION * MILLION) * whole, dearer * cheaper)
    } else {
        let common = greatest_common_divisor(dearer, MILLION * MILLION * MILLION);
        let scale = MILLION * MILLION * MILLION / common;
        divide_rounded(price * (dearer / common) * cheaper, scale * whole)
    };
    Price(i64::try_from(exact).unwrap_or(i64::MAX))
}

fn greatest_common_divisor(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
