//! `verify` and time: what stands is not ended, replaced or kept but for a reason of the contract.
//!
//! | family | promise |
//! | --- | --- |
//! | `…too_early`, `…too_late`, … | one decision moved, added or left out is told, and nothing else |
//! | `another_planner…` | what a planner with other waits and bands does is told by the rule it breaks |
//!
//! All on one node that lacks 10 MW, is read in every tick of 4 s, and has two bids to serve it.

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "common/forging.rs"]
mod forging;
#[path = "common/history.rs"]
mod history;
#[path = "common/playing.rs"]
mod playing;
#[path = "common/record.rs"]
mod record;

use forging::rewritten;
use gridweaver::model::decision::{BidState, EndReason, Event};
use gridweaver::model::{Decision, Millis, Ppm, Rules, Time, Watts};
use history::History;
use playing::{Play, breaches, decisions};
use std::collections::{BTreeMap, BTreeSet};

type Ticks = BTreeMap<Time, Vec<Decision>>;

/// A history, how it is judged, and what is decided from it.
struct Story {
    history: History,
    rules: Rules,
}

const ENDS_S: i64 = 120;

impl Story {
    /// What a lacks, from tick to tick: the load less the 50 MW that it generates.
    fn lacking(needs: &[(i64, u32)]) -> Self {
        let mut history = History::of_nodes(&["a"]);
        for second in (1..ENDS_S).step_by(4) {
            let need = needs.iter().rev().find(|(from, _)| *from <= second).unwrap().1;
            history.read(second, "a", 50, 50 + need);
        }
        let mut rules = Rules::default();
        rules.dispatch.release_hold = Millis(12_000);
        Self { history, rules }
    }

    /// With 4 MW at 50 and 10 MW at 60; `x` says what else there is to the first.
    fn offering(mut self, x: &str) -> Self {
        self.history.offer("x", 50, 4, x);
        self.history.offer("y", 60, 10, "");
        self
    }

    /// Lacks 10 MW until 21 s, then nothing: released at 36 s.
    fn over_at_21() -> Self {
        Self::lacking(&[(1, 10), (21, 0)])
    }

    fn decided(&self, rules: &Rules) -> Ticks {
        decisions(&Play::by(rules).partitions(&self.history.closed_after(ENDS_S)).orders)
    }

    /// The rules that some decisions break.
    fn told(&self, ticks: &Ticks) -> BTreeSet<&'static str> {
        let partitions = self.history.closed_after(ENDS_S);
        let breaches = breaches(&partitions, &rewritten(ticks), &self.rules);
        breaches.iter().map(|breach| breach.rule).collect()
    }

    /// The rules that are broken once right decisions are changed.
    fn forged(&self, forge: impl FnOnce(&mut Ticks)) -> BTreeSet<&'static str> {
        let mut ticks = self.decided(&self.rules);
        assert_eq!(self.told(&ticks), BTreeSet::new(), "what the engine decides is right");
        let right = ticks.clone();
        forge(&mut ticks);
        assert_ne!(ticks, right, "nothing was forged");
        self.told(&ticks)
    }

    /// The rules that are broken by a planner that goes by others.
    fn played_by(&self, change: impl FnOnce(&mut Rules)) -> BTreeSet<&'static str> {
        let mut rules = self.rules.clone();
        change(&mut rules);
        assert_eq!(self.told(&self.decided(&self.rules)), BTreeSet::new());
        self.told(&self.decided(&rules))
    }
}

fn at(second: i64) -> Time {
    Time(second * 1_000)
}

/// Moves all that is decided in one tick to another.
fn move_all(ticks: &mut Ticks, from: i64, to: i64) {
    let mut moved = std::mem::take(ticks.get_mut(&at(from)).unwrap());
    assert!(!moved.is_empty(), "nothing is decided at {from} s");
    for decision in &mut moved {
        if let Event::PlanCreated(created) = &mut decision.event {
            created.tick = at(to);
        }
    }
    ticks.get_mut(&at(to)).unwrap().append(&mut moved);
}

fn plan_of(ticks: &Ticks, second: i64) -> Decision {
    let is_plan = |it: &&Decision| matches!(it.event, Event::PlanCreated(_));
    ticks[&at(second)].iter().find(is_plan).unwrap().clone()
}

/// The order written on a bid in a tick.
fn activation_of(ticks: &Ticks, second: i64, bid: &str) -> Decision {
    let is_of =
        |it: &&Decision| matches!(&it.event, Event::DemandResponseActivated(it) if it.bid == bid);
    ticks[&at(second)].iter().find(is_of).unwrap().clone()
}

/// Takes out what ends the order on a bid in a tick, and says so of the bid.
fn take_cancellation(ticks: &mut Ticks, second: i64, bid: &str) -> Vec<Decision> {
    let Event::DemandResponseActivated(order) = activation_of(ticks, 4, bid).event else {
        unreachable!()
    };
    let is_of = |it: &mut Decision| match &it.event {
        Event::OrderCancelled(it) => it.order == order.order,
        Event::BidStatus(it) => it.bid == bid,
        _ => false,
    };
    let taken: Vec<Decision> = ticks.get_mut(&at(second)).unwrap().extract_if(.., is_of).collect();
    assert_eq!(taken.len(), 2, "the order on {bid} ends at {second} s");
    taken
}

fn only(rule: &'static str) -> BTreeSet<&'static str> {
    BTreeSet::from([rule])
}

const RELEASE: &str = "a release has a reason";
const OVERDUE: &str = "what is not needed any longer is released";
const REASON: &str = "a plan is made anew only for a reason";

#[test]
fn a_release_a_tick_too_early() {
    let story = Story::over_at_21().offering("");
    assert_eq!(story.forged(|ticks| move_all(ticks, 36, 32)), only(RELEASE));
}

#[test]
fn a_release_a_tick_too_late() {
    let story = Story::over_at_21().offering("");
    assert_eq!(story.forged(|ticks| move_all(ticks, 36, 40)), only(OVERDUE));
}

#[test]
fn a_release_in_part() {
    let story = Story::over_at_21().offering("");
    let told = story.forged(|ticks| {
        let mut rest = take_cancellation(ticks, 36, "y");
        ticks.get_mut(&at(40)).unwrap().append(&mut rest);
    });
    assert_eq!(told, BTreeSet::from(["all is released that is not held", OVERDUE]));
}

#[test]
fn a_release_within_a_minimum_run() {
    let story = Story::over_at_21().offering(r#","min_run_s":60"#);
    let told = story.forged(|ticks| move_all(ticks, 64, 36));
    assert_eq!(told, only("a minimum run is kept"));
}

#[test]
fn a_release_after_a_minimum_run_too_late() {
    let story = Story::over_at_21().offering(r#","min_run_s":60"#);
    assert_eq!(story.forged(|ticks| move_all(ticks, 64, 68)), only(OVERDUE));
}

#[test]
fn an_order_that_had_to_end_for_nothing() {
    let story = Story::over_at_21().offering("");
    let told = story.forged(|ticks| {
        for decision in ticks.get_mut(&at(36)).unwrap() {
            if let Event::OrderCancelled(cancelled) = &mut decision.event {
                cancelled.reason = EndReason::Constraint;
            }
        }
    });
    assert_eq!(told, only("an order ends for the reason given"));
}

#[test]
fn a_plan_made_again_without_a_reason() {
    let story = Story::lacking(&[(1, 10)]).offering("");
    let told = story.forged(|ticks| {
        let mut again = plan_of(ticks, 4);
        let Event::PlanCreated(created) = &mut again.event else { unreachable!() };
        created.supersedes = vec![std::mem::replace(&mut created.plan, "again".into())];
        created.tick = at(12);
        ticks.get_mut(&at(12)).unwrap().push(again);
    });
    assert_eq!(told, BTreeSet::from([REASON, "a plan that comes out the same stays"]));
}

#[test]
fn a_plan_kept_though_the_need_doubled() {
    let story = Story::lacking(&[(1, 5), (13, 10)]).offering("");
    let told = story.forged(|ticks| ticks.get_mut(&at(16)).unwrap().clear());
    assert_eq!(told, only("a plan follows its area's need"));
}

#[test]
fn a_plan_made_anew_before_the_need_moved() {
    let story = Story::lacking(&[(1, 5), (13, 10)]).offering("");
    let told = story.forged(|ticks| move_all(ticks, 16, 12));
    assert!(told.contains(REASON), "{told:?}");
}

#[test]
fn an_order_that_stays_and_is_written_again() {
    let story = Story::lacking(&[(1, 5), (13, 10)]).offering("");
    let told = story.forged(|ticks| {
        let mut again = activation_of(ticks, 4, "x");
        let Event::PlanCreated(plan) = plan_of(ticks, 16).event else { unreachable!() };
        let Event::DemandResponseActivated(order) = &mut again.event else { unreachable!() };
        order.supersedes = Some(std::mem::replace(&mut order.order, "again".into()));
        (order.plan, order.need) = (plan.plan, plan.shortfall);
        ticks.get_mut(&at(16)).unwrap().push(again);
    });
    assert_eq!(told, only("what a plan keeps is not written again"));
}

#[test]
fn an_order_written_without_a_plan() {
    let story = Story::lacking(&[(1, 5)]).offering("");
    let told = story.forged(|ticks| {
        let mut more = activation_of(ticks, 4, "y");
        let Event::DemandResponseActivated(order) = &mut more.event else { unreachable!() };
        order.supersedes = Some(std::mem::replace(&mut order.order, "more".into()));
        order.amount = Watts(6_000_000);
        let mut status = ticks[&at(4)]
            .iter()
            .find(|it| matches!(&it.event, Event::BidStatus(it) if it.bid == "y"))
            .unwrap()
            .clone();
        let Event::BidStatus(told) = &mut status.event else { unreachable!() };
        assert_eq!(told.status, BidState::Accepted);
        told.amount = Watts(6_000_000);
        ticks.get_mut(&at(12)).unwrap().extend([more, status]);
    });
    assert_eq!(told, only("an order is written with its plan"));
}

#[test]
fn a_failure_that_ends_nothing() {
    let mut story = Story::lacking(&[(1, 5), (13, 10)]).offering("");
    let ticks = story.decided(&story.rules);
    let Event::DemandResponseActivated(order) = activation_of(&ticks, 4, "y").event else {
        unreachable!()
    };
    // By then another order has taken its place.
    story.history.answer(25, &order.order, "failed");
    let told = story.forged(|ticks| ticks.get_mut(&at(28)).unwrap().clear());
    assert_eq!(told, only("a final answer ends its order"));
}

#[test]
fn an_order_that_nobody_answers() {
    let mut story = Story::lacking(&[(1, 5)]).offering("");
    story.rules.dispatch.response_timeout = Some(Millis(10_000));
    let told = story.played_by(|rules| rules.dispatch.response_timeout = None);
    assert_eq!(told, only("an order that nobody answers ends"));
    let later = Some(Millis(14_000));
    let told = story.played_by(|rules| rules.dispatch.response_timeout = later);
    assert!(told.contains("an order that nobody answers ends"), "{told:?}");
    story.rules.dispatch.response_timeout = later;
    let sooner = Some(Millis(10_000));
    let told = story.played_by(|rules| rules.dispatch.response_timeout = sooner);
    assert!(told.contains("an order ends for the reason given"), "{told:?}");
}

#[test]
fn a_curtailment_that_failed_is_ordered_again() {
    let mut story = Story::lacking(&[(1, 10), (33, 12)]);
    story.rules.dispatch.release_hold = Millis(60_000);
    let ticks = story.decided(&story.rules);
    let order = ticks[&at(4)].iter().find_map(|it| match &it.event {
        Event::CurtailmentRecorded(it) => Some(it.order.clone()),
        _ => None,
    });
    story.history.answer(9, &order.unwrap(), "failed");
    let told = story.played_by(|rules| rules.dispatch.release_hold = Millis(12_000));
    assert_eq!(told, only("what failed is not ordered again for a while"));
}

/// Lacks 10 MW until 21 s that nothing serves; from 12 s on nothing is ordered, as shedding failed.
fn unserved() -> Story {
    let mut story = Story::lacking(&[(1, 10), (21, 0)]);
    let ticks = story.decided(&story.rules);
    let order = ticks[&at(4)].iter().find_map(|it| match &it.event {
        Event::CurtailmentRecorded(it) => Some(it.order.clone()),
        _ => None,
    });
    story.history.answer(9, &order.unwrap(), "failed");
    story
}

#[test]
fn what_stays_unmet_taken_back_too_early() {
    let told = unserved().forged(|ticks| {
        let mut over = ticks[&at(24)].clone();
        ticks.get_mut(&at(20)).unwrap().append(&mut over);
        ticks.get_mut(&at(24)).unwrap().clear();
    });
    assert_eq!(told, BTreeSet::from([RELEASE, "an area in shortfall has a plan"]));
}

#[test]
fn what_stays_unmet_never_taken_back() {
    let told = unserved().forged(|ticks| ticks.get_mut(&at(24)).unwrap().clear());
    assert_eq!(told, only(OVERDUE));
}

#[test]
fn less_of_a_bid_within_its_minimum_run() {
    let story = Story::lacking(&[(1, 5), (13, 10)]).offering(r#","min_run_s":60"#);
    let told = story.forged(|ticks| {
        let mut less = activation_of(ticks, 4, "x");
        let Event::PlanCreated(plan) = plan_of(ticks, 16).event else { unreachable!() };
        let Event::DemandResponseActivated(order) = &mut less.event else { unreachable!() };
        order.supersedes = Some(std::mem::replace(&mut order.order, "less".into()));
        (order.plan, order.amount) = (plan.plan, Watts(3_000_000));
        ticks.get_mut(&at(16)).unwrap().push(less);
    });
    assert!(told.contains("a minimum run is kept"), "{told:?}");
}

#[test]
fn another_planner_with_a_narrower_band() {
    let story = Story::lacking(&[(1, 10), (13, 12), (29, 9)]).offering("");
    let mut wide = Story { rules: story.rules.clone(), ..story };
    wide.rules.dispatch.deadband = Watts(5_000_000);
    assert_eq!(wide.played_by(|rules| rules.dispatch.deadband = Watts(1_000_000)), only(REASON));
}

#[test]
fn another_planner_with_a_wider_band() {
    let story = Story::lacking(&[(1, 10), (13, 12), (29, 9)]).offering("");
    let told = story.played_by(|rules| rules.dispatch.deadband = Watts(5_000_000));
    assert_eq!(told, only("a plan follows its area's need"));
}

#[test]
fn another_planner_with_another_hold() {
    let story = Story::over_at_21().offering("");
    let hold = |ms| move |rules: &mut Rules| rules.dispatch.release_hold = Millis(ms);
    assert_eq!(story.played_by(hold(8_000)), only(RELEASE));
    assert_eq!(story.played_by(hold(16_000)), only(OVERDUE));
}

#[test]
fn another_planner_that_holds_where_no_need_is_under_the_band() {
    let mut story = Story::over_at_21().offering("");
    story.rules.dispatch.deadband = Watts(0);
    let told = story.played_by(|rules| rules.dispatch.deadband = Watts(1_000_000));
    assert_eq!(told, only(OVERDUE));
}

#[test]
fn a_plan_that_hides_what_it_replaces() {
    let story = Story::lacking(&[(1, 5), (13, 10)]).offering("");
    let told = story.forged(|ticks| {
        for decision in ticks.get_mut(&at(16)).unwrap() {
            if let Event::PlanCreated(created) = &mut decision.event {
                created.supersedes.clear();
            }
        }
    });
    assert_eq!(told, only("a plan supersedes what stood in its area"));
}

/// 10 MW at 60, and from 13 s on at half of that.
fn cheaper_from_13() -> Story {
    let mut story = Story::lacking(&[(1, 10)]);
    story.history.offer("y", 60, 10, "");
    let window = r#""start":"1970-01-01T00:00:00Z","end":"1970-01-01T04:00:00Z""#;
    let power = r#""price":30,"min_mw":0,"max_mw":10"#;
    let whose = r#""bid":"z","participant":"v","program":"p""#;
    story.history.say(13, "dr.bid", &format!("{whose},{power},{window}"));
    story.rules.dispatch.replan_every = Millis(40_000);
    story
}

#[test]
fn another_planner_that_looks_sooner() {
    let story = cheaper_from_13();
    let told = story.played_by(|rules| rules.dispatch.replan_every = Millis(20_000));
    assert_eq!(told, only(REASON));
}

#[test]
fn another_planner_that_gains_less() {
    let mut story = cheaper_from_13();
    story.rules.dispatch.replan_gain = Ppm(600_000);
    let told = story.played_by(|rules| rules.dispatch.replan_gain = Ppm(50_000));
    assert_eq!(told, only(REASON));
}

/// So that the stories are what they say.
#[test]
fn the_stories_go_as_they_are_told() {
    let ends = |story: &Story| -> Vec<(i64, usize)> {
        let ticks = story.decided(&story.rules);
        let ended = |all: &Vec<Decision>| {
            all.iter().filter(|it| matches!(it.event, Event::OrderCancelled(_))).count()
        };
        ticks.iter().map(|(end, all)| (end.0 / 1_000, ended(all))).filter(|it| it.1 > 0).collect()
    };
    assert_eq!(ends(&Story::over_at_21().offering("")), [(36, 2)]);
    assert_eq!(ends(&Story::over_at_21().offering(r#","min_run_s":60"#)), [(36, 1), (64, 1)]);
    assert_eq!(ends(&cheaper_from_13()), [(44, 1)]);
}
