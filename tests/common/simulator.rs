//! A small grid that does what it is ordered: load falls when an order starts and rises when it ends.
//!
//! Region A is short for a while, again and again; region B can send some of what it lacks over one
//! line. A participant acts on an order after some ticks and delivers most of it; its meter shows
//! no more and no less. The operator sheds what is ordered as a curtailment in the same way.

use super::random::Random;
use super::record::line;
use gridweaver::model::decision::Event;
use gridweaver::model::{Decision, Text, Watts};
use std::collections::{BTreeMap, VecDeque};

pub(crate) const TICK_MS: i64 = 4_000;
/// What A can generate, and B beyond its own load.
const AVAILABLE_W: i64 = 100_000_000;
const LINE_W: i64 = 12_000_000;
/// A's load rests on a low and on a high, in turn, and takes so long from one to the other.
const REST_TICKS: i64 = 150;
const RAMP_TICKS: i64 = 50;
const PERIOD_TICKS: i64 = 2 * (REST_TICKS + RAMP_TICKS);
const LOW_W: i64 = 80_000_000;
const HIGHS_W: [i64; 5] = [120_000_000, 108_000_000, 145_000_000, 101_500_000, 130_000_000];
/// Metered load is off by so much at most: less than the deadband.
const NOISE_W: i64 = 300_000;

/// Who offers demand response.
pub(crate) struct Participant {
    pub(crate) bid: Text,
    pub(crate) min_w: i64,
    pub(crate) max_w: i64,
    pub(crate) min_run_s: i64,
    price: i64,
    delay_ticks: i64,
    delivered_percent: i64,
}

/// What an actor is told.
struct Told {
    /// From which tick on it does it.
    due: i64,
    /// The order and its power; none: an order has ended.
    order: Option<(Text, i64)>,
    /// What it takes off the meters from then on.
    power_w: i64,
}

/// What acts on orders: a participant's load, or the operator's breakers.
#[derive(Default)]
struct Actor {
    /// What it is told to do.
    told: VecDeque<Told>,
    /// What it takes off the meters now.
    active_w: i64,
}

/// An order that stands, as its records say.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) bid: Option<Text>,
    pub(crate) amount: Watts,
    /// When it was first told to run.
    since_tick: i64,
    is_transfer: bool,
}

/// The grid.
pub(crate) struct Simulator {
    random: Random,
    pub(crate) participants: Vec<Participant>,
    actors: BTreeMap<Text, Actor>,
    pub(crate) orders: BTreeMap<Text, Standing>,
    /// What A truly lacks without any order, tick by tick.
    pub(crate) needs_w: Vec<i64>,
    /// When somebody last said that less was done than was ordered.
    pub(crate) fell_short_in: Option<i64>,
    /// What plans leave unmet.
    unmet: BTreeMap<Text, Watts>,
    serial: u64,
}

/// The operator's breakers, among the actors.
const BREAKERS: &str = "breakers";

impl Simulator {
    pub(crate) fn new(seed: u64, delay_ticks: &[i64]) -> Self {
        let mut random = Random::new(seed);
        let participants = (0..6).map(|number| Participant {
            bid: format!("b{number}").into(),
            min_w: *random.pick(&[0, 500_000, 1_000_000]),
            max_w: random.between(3, 6) * 1_000_000,
            min_run_s: *random.pick(&[0, 20, 60]),
            price: random.between(40, 400),
            delay_ticks: *random.pick(delay_ticks),
            delivered_percent: random.between(80, 100),
        });
        Self {
            participants: participants.collect(),
            random,
            actors: BTreeMap::new(),
            orders: BTreeMap::new(),
            needs_w: Vec::new(),
            fell_short_in: None,
            unmet: BTreeMap::new(),
            serial: 0,
        }
    }

    /// What demand response and the line could serve at most: all that is delivered of a bid, but of
    /// one that is held by its minimum run what it does.
    pub(crate) fn servable_w(&self, tick: i64) -> i64 {
        let given = |one: &Participant| {
            let is_held =
                |order: &&Standing| (tick - order.since_tick) * TICK_MS < one.min_run_s * 1_000;
            let held = self.order_on(&one.bid).filter(is_held);
            held.map_or(one.max_w, |order| order.amount.0) * one.delivered_percent / 100
        };
        // The line loses 2 %.
        self.participants.iter().map(given).sum::<i64>() + LINE_W * 98 / 100
    }

    pub(crate) fn order_on(&self, bid: &Text) -> Option<&Standing> {
        self.orders.values().find(|order| order.bid.as_ref() == Some(bid))
    }

    /// What the orders that stand take off or bring, as far as it is known.
    pub(crate) fn counted(&self) -> Watts {
        let percent = |order: &Standing| {
            let participant =
                self.participants.iter().find(|one| Some(&one.bid) == order.bid.as_ref());
            participant.map_or(100, |participant| participant.delivered_percent)
        };
        self.orders.values().map(|order| Watts(order.amount.0 * percent(order) / 100)).sum()
    }

    /// By how much a bid's minimum may force more than is needed.
    pub(crate) fn greatest_minimum(&self) -> Watts {
        Watts(self.participants.iter().map(|participant| participant.min_w).max().unwrap())
    }

    pub(crate) fn unmet(&self) -> Watts {
        self.unmet.values().copied().sum()
    }

    /// The records of a tick, which decide what the tick decides.
    pub(crate) fn records(&mut self, tick: i64) -> String {
        let mut text = String::new();
        if tick == 0 {
            self.lay_out(&mut text);
        }
        self.act(tick, &mut text);
        let at_ms = tick * TICK_MS + 2_000;
        let noise_w = self.random.between(-NOISE_W, NOISE_W);
        let load_w = base_load_w(tick) + noise_w;
        self.needs_w.push((load_w - AVAILABLE_W).max(0));
        let off_w: i64 = self.actors.values().map(|actor| actor.active_w).sum();
        let a = format!(
            r#""node":"a","generation_mw":{},"load_mw":{}"#,
            mw(AVAILABLE_W.min(load_w - off_w)),
            mw(load_w - off_w)
        );
        let a = format!(r#"{a},"available_mw":{}"#, mw(AVAILABLE_W));
        self.say(&mut text, "grid.telemetry", at_ms, &a);
        let b = r#""node":"b","generation_mw":40,"load_mw":40,"available_mw":70"#;
        self.say(&mut text, "grid.telemetry", at_ms, b);
        self.say(&mut text, "source.watermark", (tick + 1) * TICK_MS, "");
        text
    }

    fn lay_out(&mut self, text: &mut String) {
        for (node, region) in [("a", "A"), ("b", "B")] {
            self.say(text, "grid.node", 0, &format!(r#""node":"{node}","region":"{region}""#));
        }
        let line = format!(r#""line":"l","from":"a","to":"b","capacity_mw":{}"#, mw(LINE_W));
        self.say(text, "grid.line", 0, &format!(r#"{line},"loss":0.02"#));
        self.say(text, "grid.energy_price", 0, r#""region":"B","price":500"#);
        self.say(text, "dr.program", 0, r#""program":"p","region":"A","capacity_mw":1000"#);
        for number in 0..self.participants.len() {
            let Participant { bid, min_w, max_w, min_run_s, price, .. } =
                &self.participants[number];
            let whose = format!(r#""bid":"{bid}","participant":"v{number}","program":"p""#);
            let power = format!(r#""min_mw":{},"max_mw":{}"#, mw(*min_w), mw(*max_w));
            let window = r#""start":"1970-01-01T00:00:00Z","end":"1970-01-02T00:00:00Z""#;
            let data =
                format!(r#"{whose},"price":{price},{power},{window},"min_run_s":{min_run_s}"#);
            self.say(text, "dr.bid", 0, &data);
        }
    }

    /// Whoever was told long enough ago acts, and says so, whatever became of the order meanwhile.
    fn act(&mut self, tick: i64, text: &mut String) {
        let mut started = Vec::new();
        for actor in self.actors.values_mut() {
            while actor.told.front().is_some_and(|told| told.due <= tick) {
                let Some(told) = actor.told.pop_front() else { break };
                actor.active_w = told.power_w;
                started
                    .extend(told.order.map(|(order, ordered_w)| (order, ordered_w, told.power_w)));
            }
        }
        for (order, ordered_w, power_w) in started {
            if power_w < ordered_w {
                self.fell_short_in = Some(tick);
            }
            let data = format!(r#""order":"{order}","status":"started","mw":{}"#, mw(power_w));
            self.say(text, "dispatch.response", tick * TICK_MS + 1_000, &data);
        }
    }

    /// Takes what a tick decided.
    pub(crate) fn take(&mut self, tick: i64, decisions: &[Decision]) {
        for decision in decisions {
            match &decision.event {
                Event::DemandResponseActivated(order) => {
                    let ended = self.end(order.supersedes.as_ref());
                    let standing = Standing {
                        bid: Some(order.bid.clone()),
                        amount: order.amount,
                        since_tick: ended.map_or(tick, |ended| ended.since_tick),
                        is_transfer: false,
                    };
                    self.orders.insert(order.order.clone(), standing);
                    self.tell(tick, &order.bid, Some(&order.order), order.amount);
                }
                Event::TransferOrdered(order) => {
                    self.end(order.supersedes.as_ref());
                    let standing = Standing {
                        bid: None,
                        amount: order.delivered,
                        since_tick: tick,
                        is_transfer: true,
                    };
                    self.orders.insert(order.order.clone(), standing);
                }
                Event::CurtailmentRecorded(order) => {
                    self.end(order.supersedes.as_ref());
                    let standing = Standing {
                        bid: None,
                        amount: order.amount,
                        since_tick: tick,
                        is_transfer: false,
                    };
                    self.orders.insert(order.order.clone(), standing);
                    self.tell(tick, &BREAKERS.into(), Some(&order.order), order.amount);
                }
                Event::OrderCancelled(cancelled) => {
                    let ended = self.end(Some(&cancelled.order));
                    if let Some(ended) = ended.filter(|ended| !ended.is_transfer) {
                        let actor = ended.bid.unwrap_or_else(|| BREAKERS.into());
                        self.tell(tick, &actor, None, Watts::ZERO);
                    }
                }
                Event::PlanCreated(plan) => {
                    self.unmet.retain(|name, _| !plan.supersedes.contains(name));
                    self.unmet.insert(plan.plan.clone(), plan.unmet);
                }
                Event::ShortfallUnmet(told) => {
                    self.unmet.insert(told.plan.clone(), told.unmet);
                }
                _ => {}
            }
        }
    }

    fn end(&mut self, order: Option<&Text>) -> Option<Standing> {
        self.orders.remove(order?)
    }

    fn tell(&mut self, tick: i64, actor: &Text, order: Option<&Text>, amount: Watts) {
        let participant = self.participants.iter().find(|participant| participant.bid == *actor);
        let (delay, percent) = participant.map_or((0, 100), |participant| {
            (participant.delay_ticks, participant.delivered_percent)
        });
        let power_w = amount.0 * percent / 100;
        let actor = self.actors.entry(actor.clone()).or_default();
        let order = order.map(|order| (order.clone(), amount.0));
        actor.told.push_back(Told { due: tick + 1 + delay, order, power_w });
    }

    fn say(&mut self, text: &mut String, type_name: &str, time_ms: i64, data: &str) {
        self.serial += 1;
        let rest = format!(r#""data":{{{data}}}"#);
        *text += &line("grid", &self.serial.to_string(), type_name, time_ms, &rest);
        *text += "\n";
    }
}

/// A's load as it would be without noise.
fn base_load_w(tick: i64) -> i64 {
    let period = usize::try_from(tick / PERIOD_TICKS).unwrap();
    let high_w = HIGHS_W[period % HIGHS_W.len()];
    let phase = tick % PERIOD_TICKS;
    // 0 on the low, RAMP_TICKS on the high.
    let height = if phase < PERIOD_TICKS / 2 {
        phase.min(RAMP_TICKS)
    } else {
        RAMP_TICKS - (phase - PERIOD_TICKS / 2).min(RAMP_TICKS)
    };
    LOW_W + (high_w - LOW_W) * height / RAMP_TICKS
}

/// Watts as megawatts, exactly.
fn mw(watts: i64) -> String {
    format!("{}.{:06}", watts / 1_000_000, watts % 1_000_000)
}
