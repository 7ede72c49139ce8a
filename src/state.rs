//! `gridweaver state`: what the views held at a time, as one JSON object or for a person to read.

use crate::engine::{Observed, Outcome, Reading};
use gridweaver_dataflows::change::Referrer;
use gridweaver_dataflows::planner::OrderPicture;
use gridweaver_model::json::JsonWriter;
use gridweaver_model::{Reason, Rules, Tick, Time, Watts, decimal};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The state at a time.
pub struct State {
    /// The time asked for.
    pub time: Time,
    /// The end of the tick that is shown; `None` before the first.
    pub tick: Option<Time>,
    reading: Reading,
    observed: Observed,
}

impl State {
    /// The state that a run came to.
    #[must_use]
    pub fn of(time: Time, outcome: Outcome, rules: &Rules) -> Option<Self> {
        let first = outcome.reading.first_tick;
        let shown = |tick: &Tick| first.is_some_and(|first| first <= *tick);
        let tick = outcome.last_tick.filter(shown).map(|tick| rules.end_of(tick));
        Some(Self { time, tick, reading: outcome.reading, observed: outcome.observed? })
    }

    /// Records refused, by reason; none is left out for being zero.
    fn dead_letters(&self) -> BTreeMap<Reason, u64> {
        let mut letters: BTreeMap<Reason, u64> = Reason::ALL.map(|reason| (reason, 0)).into();
        for (reason, count) in &self.reading.refused {
            *letters.entry(*reason).or_default() += count;
        }
        *letters.entry(Reason::Late).or_default() += self.observed.picture.refused;
        letters
    }

    /// As one JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        let mut out = Vec::new();
        let mut object = JsonWriter::object(&mut out);
        object.time("time", self.time);
        match self.tick {
            Some(tick) => object.time("tick", tick),
            None => object.null("tick"),
        }
        self.write_areas(&mut object);
        self.write_topology(&mut object);
        self.write_bids(&mut object);
        self.write_orders(&mut object);
        self.write_findings(&mut object);
        self.write_counters(&mut object);
        object.end();
        String::from_utf8_lossy(&out).into_owned()
    }

    fn write_areas(&self, object: &mut JsonWriter<'_>) {
        object.objects("areas", &self.observed.planner.areas, |row, area| {
            let (balance, figures) = (&area.balance, &area.balance.figures);
            row.text("area", &area.area);
            row.text("region", &area.region);
            row.text("island", &area.island);
            row.integer("nodes", area.nodes.into());
            row.integer("stale_nodes", figures.stale_nodes.into());
            row.megawatts("generation_mw", figures.generation);
            row.megawatts("load_mw", figures.load);
            row.megawatts("available_mw", figures.available);
            row.megawatts("stale_load_mw", figures.stale_load);
            row.megawatts("stale_available_mw", figures.stale_available);
            row.megawatts("relief_mw", balance.relief);
            row.megawatts("reserve_mw", balance.reserve);
            row.megawatts("declared_shortfall_mw", balance.declared);
            row.megawatts("shortfall_mw", balance.shortfall);
            row.megawatts("surplus_mw", balance.surplus);
        });
        let interfaces = &self.observed.planner.interfaces;
        object.objects("interfaces", interfaces, |row, ((from, to), (interface, flow))| {
            row.text("from_area", from);
            row.text("to_area", to);
            row.megawatts("capacity_mw", interface.capacity);
            row.megawatts("flow_mw", *flow);
            row.fraction("loss", interface.loss);
            row.price("wheeling_price", interface.wheeling_price);
        });
    }

    fn write_topology(&self, object: &mut JsonWriter<'_>) {
        let islands = &self.observed.picture.islands;
        object.objects("islands", islands, |row, (island, (nodes, regions))| {
            row.text("island", island);
            row.integer("nodes", (*nodes).into());
            row.texts("regions", regions);
        });
        object.objects("critical_lines", &self.observed.critical_lines, |row, line| {
            row.text("line", &line.line);
            row.integer("nodes", line.nodes.into());
            row.megawatts("load_mw", line.load);
            row.texts("regions", &line.regions);
        });
    }

    fn write_bids(&self, object: &mut JsonWriter<'_>) {
        object.objects("programs", &self.observed.planner.programs, |row, program| {
            row.text("program", &program.program);
            row.text("region", &program.region);
            row.megawatts("capacity_mw", program.capacity);
            row.megawatts("committed_mw", program.committed);
            row.megawatts("remaining_mw", program.capacity - program.committed);
        });
        object.objects("bids", &self.observed.planner.bids, |row, bid| {
            row.text("bid", &bid.bid);
            row.text("program", &bid.program);
            row.text("participant", &bid.participant);
            row.text("status", bid.status.name());
            row.boolean("eligible", bid.eligible);
            match bid.rank {
                Some(rank) => row.integer("rank", rank.into()),
                None => row.null("rank"),
            }
            match bid.score {
                Some(score) => row.price("score", score),
                None => row.null("score"),
            }
            row.megawatts("mw", bid.accepted);
        });
        let participants = &self.observed.picture.participants;
        object.objects("participants", participants, |row, (participant, reliability)| {
            row.text("participant", participant);
            row.fraction("reliability", *reliability);
        });
    }

    fn write_orders(&self, object: &mut JsonWriter<'_>) {
        object.objects("orders", &self.observed.planner.orders, |row, order| {
            row.text("order", &order.order);
            row.text("kind", order.kind);
            row.text("plan", &order.plan);
            row.text("area", &order.area);
            row.megawatts("mw", order.amount);
            row.time("since", order.since);
            match order.until {
                Some(until) => row.time("until", until),
                None => row.null("until"),
            }
            row.text("status", order.status);
            match order.confirmed {
                Some(confirmed) => row.megawatts("confirmed_mw", confirmed),
                None => row.null("confirmed_mw"),
            }
        });
        object.objects("plans", &self.observed.planner.plans, |row, (name, plan)| {
            row.text("plan", name);
            row.text("area", &plan.area);
            row.megawatts("shortfall_mw", plan.shortfall);
            row.megawatts("demand_response_mw", plan.demand_response);
            row.megawatts("transfer_mw", plan.transfer);
            row.megawatts("unmet_mw", plan.unmet);
        });
    }

    fn write_findings(&self, object: &mut JsonWriter<'_>) {
        let violations = &self.observed.picture.violations;
        object.objects("violations", violations, |row, (kind, subject)| {
            row.text("kind", kind.name());
            row.text("subject", subject);
        });
        let unresolved = &self.observed.picture.unresolved;
        object.objects("unresolved", unresolved, |row, ((referrer, key), missing)| {
            let name = match referrer {
                Referrer::Bid => "dr.bid",
                Referrer::Telemetry => "grid.telemetry",
            };
            row.text("type", name);
            row.text("key", key);
            row.text("missing", missing);
        });
    }

    fn write_counters(&self, object: &mut JsonWriter<'_>) {
        let outcomes = &self.observed.picture.outcomes;
        object.nested("counters", |row| {
            row.integer("read", self.reading.read.into());
            row.integer("applied", outcomes.applied.into());
            row.integer("duplicates", outcomes.duplicates.into());
            row.integer("bad_quality", outcomes.bad_quality.into());
            row.integer("control", self.reading.control.into());
            row.integer("open", self.reading.open.into());
            row.integer("late", (outcomes.late + self.reading.late).into());
            row.nested("dead_letters", |letters| {
                for (reason, count) in self.dead_letters() {
                    letters.integer(reason.name(), count.into());
                }
            });
        });
    }

    /// For a person to read.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mw = |watts: Watts| decimal::text(watts.0.into(), 6);
        let tick = self.tick.map_or("before the first tick".into(), |tick| tick.to_string());
        let planner = &self.observed.planner;
        let _ = writeln!(out, "state at {} (tick ending {tick})\n", self.time);
        let _ = writeln!(
            out,
            "{:<16} {:<12} {:>6} {:>12} {:>12} {:>12} {:>12} {:>12}",
            "area", "island", "nodes", "generation", "load", "available", "shortfall", "surplus"
        );
        for area in &planner.areas {
            let (balance, figures) = (&area.balance, &area.balance.figures);
            let _ = writeln!(
                out,
                "{:<16} {:<12} {:>6} {:>12} {:>12} {:>12} {:>12} {:>12}",
                area.area,
                area.island,
                area.nodes,
                mw(figures.generation),
                mw(figures.load),
                mw(figures.available),
                mw(balance.shortfall),
                mw(balance.surplus)
            );
        }
        let _ = writeln!(
            out,
            "\n{:<27} {:<16} {:<16} {:>12} {:<8} bid / path",
            "order", "kind", "area", "MW", "status"
        );
        for order in &planner.orders {
            let (name, kind, area, status) = (&order.order, order.kind, &order.area, order.status);
            let (amount, bid_or_path) = (mw(order.amount), bid_or_path(order));
            let line =
                format!("{name:<27} {kind:<16} {area:<16} {amount:>12} {status:<8} {bid_or_path}");
            let _ = writeln!(out, "{}", line.trim_end());
        }
        let picture = &self.observed.picture;
        let eligible = planner.bids.iter().filter(|bid| bid.eligible).count();
        let _ = writeln!(
            out,
            "\n{} islands, {} critical lines, {} violations, {} unresolved; {} bids, {eligible} eligible",
            picture.islands.len(),
            self.observed.critical_lines.len(),
            picture.violations.len(),
            picture.unresolved.len(),
            planner.bids.len(),
        );
        let outcomes = &picture.outcomes;
        let _ = writeln!(
            out,
            "{} records read: {} applied, {} duplicates, {} of bad quality, {} control, {} open, {} dead letters; {} late",
            self.reading.read,
            outcomes.applied,
            outcomes.duplicates,
            outcomes.bad_quality,
            self.reading.control,
            self.reading.open,
            self.dead_letters().values().sum::<u64>(),
            outcomes.late + self.reading.late,
        );
        out
    }
}

/// What an order rests on: a bid, or a path of areas; nothing where load is shed.
fn bid_or_path(order: &OrderPicture) -> String {
    let bid = order.bid.as_ref().map(ToString::to_string);
    bid.unwrap_or_else(|| order.path.join(" > "))
}
