//! What answers change, on a grid small enough to see by looking.
//!
//! | test | promise |
//! | --- | --- |
//! | `relief_counts…` | in every tick up to the one that ends its order, whatever ends it |
//! | `relief_that_is_over…` | the tick after is planned anew, though another order's load is excluded |
//! | `an_order_that_nobody…` | fails when its time is up, with or without news of anything else |
//! | `a_failure_before…` | one dated before its order takes nothing from the tick that orders |
//! | `who_delivers_less…`, `who_delivers_nothing…` | the order stands at what was confirmed, and more is asked where there is more |

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "common/comparing.rs"]
mod comparing;
#[path = "common/history.rs"]
mod history;
#[path = "common/playing.rs"]
mod playing;
#[path = "common/record.rs"]
mod record;

use comparing::States;
use gridweaver::model::decision::{EndReason, Event};
use gridweaver::model::rules::Stale;
use gridweaver::model::{Millis, Rules, Text, Time, Watts};
use history::History;
use playing::{Play, breaches, decisions};
use std::collections::BTreeSet;

impl History {
    /// All that is decided from it, by the second in which its tick ends. `verify` finds nothing
    /// wrong with it, and the twins show the same state after each of its ticks.
    fn decided(&self, rules: &Rules) -> Vec<(i64, Event)> {
        let partitions = self.closed_after(120);
        let play = Play::by(rules);
        let orders = play.partitions(&partitions).orders;
        assert_eq!(breaches(&partitions, &orders, rules), []);
        let states = States::new(rules, &partitions);
        for second in (4..40).step_by(4) {
            let differ = states.differ(&play, &partitions, Time(second * 1_000));
            assert!(differ.is_empty(), "{differ:?}");
        }
        let ticks = decisions(&orders).into_iter();
        let events = ticks.flat_map(|(tick, decided)| {
            decided.into_iter().map(move |decision| (tick.0 / 1_000, decision.event))
        });
        events.collect()
    }

    /// The order that activates a bid first.
    fn order_on(&self, bid: &str, rules: &Rules) -> Text {
        self.orders_on(bid, rules).remove(0)
    }

    /// The orders that activate a bid, one after the other.
    fn orders_on(&self, bid: &str, rules: &Rules) -> Vec<Text> {
        let events = self.decided(rules).into_iter();
        let orders = events.filter_map(|(_, event)| match event {
            Event::DemandResponseActivated(it) if it.bid == bid => Some(it.order),
            _ => None,
        });
        orders.collect()
    }

    /// A participant starts, with so much.
    fn start(&mut self, second: i64, order: &str, kw: u32) {
        let mw = f64::from(kw) / 1_000.0;
        let data = format!(r#""order":"{order}","status":"started","mw":{mw}"#);
        self.say(second, "dispatch.response", &data);
    }
}

/// The bids activated: when, and for how much, in kW.
fn activated(events: &[(i64, Event)]) -> Vec<(i64, &str, i64)> {
    let activated = events.iter().filter_map(|(second, event)| match event {
        Event::DemandResponseActivated(it) => Some((*second, it.bid.as_str(), it.amount.0 / 1_000)),
        _ => None,
    });
    activated.collect()
}

/// The plans made: when, for what, and with what relief, in MW.
fn plans(events: &[(i64, Event)]) -> Vec<(i64, i64, i64)> {
    let mw = |power: Watts| power.0 / 1_000_000;
    let plans = events.iter().filter_map(|(second, event)| match event {
        Event::PlanCreated(it) => Some((*second, mw(it.shortfall), mw(it.inputs.relief))),
        _ => None,
    });
    plans.collect()
}

#[test]
fn relief_counts_until_its_order_ends() {
    let rules = Rules::default();
    for node in ["", r#","node":"a""#] {
        let mut history = History::of_nodes(&["a"]);
        history.read(1, "a", 50, 60);
        history.offer("x", 50, 4, node);
        let order = history.order_on("x", &rules);
        history.answer(5, &order, "started");
        history.read(6, "a", 50, 56);
        history.say(9, "dr.program", r#""program":"p","removed":true"#);
        // The tick that ends the order still reads the load that it took off; the next does not.
        let decided = history.decided(&rules);
        assert_eq!(plans(&decided), [(4, 10, 0), (12, 10, 4), (16, 6, 0)]);
    }
}

#[test]
fn relief_that_is_over_is_planned_without() {
    let stale_after = Millis(10_000);
    let rules = Rules { stale: Stale::Exclude, stale_after, ..Rules::default() };
    let mut history = History::of_nodes(&["a", "b"]);
    history.read(1, "a", 20, 30);
    history.read(1, "b", 20, 20);
    history.offer("x", 50, 3, r#","node":"a""#);
    history.offer("y", 60, 4, r#","node":"b""#);
    let [first, second] = ["x", "y"].map(|bid| history.order_on(bid, &rules));
    history.answer(5, &first, "started");
    history.answer(5, &second, "started");
    history.read(6, "a", 20, 27);
    history.read(6, "b", 20, 16);
    // From the tick that ends at 20 s on nothing of b counts, and no relief of y.
    history.read(14, "a", 20, 27);
    history.answer(21, &first, "completed");
    history.read(22, "a", 20, 27);
    // Nothing but the end of that relief changes the tick that ends at 28 s.
    let decided = history.decided(&rules);
    assert_eq!(plans(&decided)[..3], [(4, 10, 0), (24, 10, 3), (28, 7, 0)]);
}

#[test]
fn an_order_that_nobody_answers_fails_in_time_though_nothing_else_happens() {
    let mut rules = Rules::default();
    rules.dispatch.response_timeout = Some(Millis(7_000));
    let mut history = History::of_nodes(&["a"]);
    history.read(1, "a", 50, 60);
    history.offer("x", 50, 4, "");
    let ended: Vec<_> = history.decided(&rules).into_iter().filter_map(cancelled).collect();
    // What is left of the need is curtailed, and nobody answers to that either.
    assert_eq!(ended, [(12, EndReason::NoResponse), (12, EndReason::NoResponse)]);
}

fn cancelled((second, event): (i64, Event)) -> Option<(i64, EndReason)> {
    match event {
        Event::OrderCancelled(it) => Some((second, it.reason)),
        _ => None,
    }
}

#[test]
fn a_failure_before_its_order_takes_nothing_from_the_tick_that_orders() {
    let rules = Rules::default();
    let mut history = History::of_nodes(&["a"]);
    history.read(1, "a", 50, 60);
    history.offer("x", 50, 4, "");
    history.offer("y", 60, 3, "");
    let order = history.order_on("x", &rules);
    history.answer(2, &order, "failed");
    let decided = history.decided(&rules);
    let activated = decided.iter().filter_map(|(second, event)| match event {
        Event::DemandResponseActivated(it) => Some((*second, it.bid.as_str(), it.rank)),
        _ => None,
    });
    assert_eq!(activated.collect::<BTreeSet<_>>(), BTreeSet::from([(4, "x", 1), (4, "y", 2)]));
    let cancelled = decided.iter().find_map(|(second, event)| match event {
        Event::OrderCancelled(it) if it.order == order => Some((*second, it.reason)),
        _ => None,
    });
    assert_eq!(cancelled, Some((8, EndReason::Failed)));
}

#[test]
fn who_delivers_less_than_it_was_ordered_is_asked_for_more_where_it_has_more() {
    let rules = Rules::default();
    let mut history = History::of_nodes(&["a"]);
    history.read(1, "a", 50, 60);
    history.offer("x", 50, 12, "");
    history.offer("y", 60, 10, "");
    // 8 MW of 10: 2 MW more than that are asked for. 10 of those 12: that is all it has.
    history.start(5, &history.order_on("x", &rules), 8_000);
    history.read(6, "a", 50, 52);
    history.start(9, &history.orders_on("x", &rules)[1], 9_000);
    history.read(10, "a", 50, 51);
    let decided = history.decided(&rules);
    assert_eq!(activated(&decided), [(4, "x", 10_000), (8, "x", 12_000), (12, "y", 1_000)]);
    // However often it is planned anew: it keeps what it was ordered.
    history.read(14, "a", 50, 54);
    let decided = history.decided(&rules);
    assert_eq!(activated(&decided)[3..], [(16, "y", 4_000)]);
}

#[test]
fn who_delivers_nothing_keeps_its_order_and_others_serve() {
    let rules = Rules::default();
    let mut history = History::of_nodes(&["a"]);
    history.read(1, "a", 50, 60);
    history.offer("x", 50, 10, "");
    history.offer("y", 60, 20, "");
    history.start(5, &history.order_on("x", &rules), 0);
    history.read(6, "a", 50, 60);
    history.read(10, "a", 50, 65);
    let decided = history.decided(&rules);
    assert_eq!(activated(&decided), [(4, "x", 10_000), (8, "y", 10_000), (12, "y", 15_000)]);
    assert_eq!(decided.into_iter().filter_map(cancelled).count(), 0);
}
