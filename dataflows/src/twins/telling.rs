//! The twins' picture as text: the one JSON object that `gridweaver state --json` prints.

use super::book::{Kind, Plan, Standing};
use super::picture::{BidRow, Picture};
use super::replay::{Counters, State};
use super::totals::Totals;
use gridweaver_model::json::JsonWriter;
use gridweaver_model::{Text, Time};

impl State {
    /// The object, without a newline.
    #[must_use]
    pub fn json(&self) -> String {
        let mut out = vec![];
        let mut object = JsonWriter::object(&mut out);
        object.time("time", self.time);
        match &self.picture {
            Some(picture) => {
                object.time("tick", picture.end);
                picture.write(&mut object);
            }
            None => write_nothing(&mut object),
        }
        self.counters.write(&mut object);
        object.end();
        String::from_utf8_lossy(&out).into_owned()
    }
}

fn write_nothing(object: &mut JsonWriter<'_>) {
    object.null("tick");
    for list in [
        "areas",
        "interfaces",
        "islands",
        "critical_lines",
        "programs",
        "bids",
        "participants",
        "orders",
        "plans",
        "violations",
        "unresolved",
    ] {
        object.texts(list, [""; 0]);
    }
}

impl Counters {
    fn write(&self, object: &mut JsonWriter<'_>) {
        object.nested("counters", |row| {
            row.integer("read", self.read.into());
            row.integer("applied", self.applied.into());
            row.integer("duplicates", self.duplicates.into());
            row.integer("bad_quality", self.bad_quality.into());
            row.integer("control", self.control.into());
            row.integer("open", self.open.into());
            row.integer("late", self.late.into());
            row.nested("dead_letters", |letters| {
                for (reason, count) in &self.dead_letters {
                    letters.integer(reason.name(), (*count).into());
                }
            });
        });
    }
}

impl Picture {
    fn write(&self, object: &mut JsonWriter<'_>) {
        self.write_grid(object);
        self.write_market(object);
        object.objects("orders", &self.book.standing, |row, (order, standing)| {
            write_order(row, order, standing);
        });
        object.objects("plans", &self.book.plans, |row, (plan, standing)| {
            write_plan(row, plan, standing);
        });
        object.objects("violations", &self.shape.violations, |row, (kind, subject)| {
            row.text("kind", kind.name());
            row.text("subject", subject);
        });
        object.objects("unresolved", &self.unresolved, |row, waiting| {
            row.text("type", waiting.type_name);
            row.text("key", &waiting.key);
            row.text("missing", &waiting.missing);
        });
    }

    fn write_grid(&self, object: &mut JsonWriter<'_>) {
        object.objects("areas", &self.shape.areas, |row, (name, area)| {
            row.text("area", name);
            row.text("region", &area.region);
            row.text("island", &area.island);
            row.integer("nodes", count(area.nodes.len()));
            write_totals(row, &self.totals[name]);
        });
        object.objects("interfaces", &self.interfaces, |row, (pair, interface)| {
            row.text("from_area", &pair.0);
            row.text("to_area", &pair.1);
            row.megawatts("capacity_mw", interface.capacity);
            row.megawatts("flow_mw", self.flows.get(pair).copied().unwrap_or_default());
            row.fraction("loss", interface.loss);
            row.price("wheeling_price", interface.wheeling_price);
        });
        object.objects("islands", &self.shape.islands, |row, (name, island)| {
            row.text("island", name);
            row.integer("nodes", count(island.nodes.len()));
            row.texts("regions", &island.regions);
        });
        object.objects("critical_lines", &self.critical_lines, |row, (line, cut_off)| {
            row.text("line", line);
            row.integer("nodes", count(cut_off.nodes));
            row.megawatts("load_mw", cut_off.load);
            row.texts("regions", &cut_off.regions);
        });
    }

    fn write_market(&self, object: &mut JsonWriter<'_>) {
        object.objects("programs", &self.programs, |row, (name, program)| {
            row.text("program", name);
            row.text("region", &program.region);
            row.megawatts("capacity_mw", program.capacity);
            row.megawatts("committed_mw", program.committed);
            row.megawatts("remaining_mw", program.capacity - program.committed);
        });
        object.objects("bids", &self.bids, |row, (name, bid)| {
            write_bid(row, name, bid);
        });
        object.objects("participants", &self.participants, |row, (name, reliability)| {
            row.text("participant", name);
            row.fraction("reliability", *reliability);
        });
    }
}

fn count(value: usize) -> i128 {
    i128::try_from(value).unwrap_or(i128::MAX)
}

fn write_totals(row: &mut JsonWriter<'_>, totals: &Totals) {
    row.integer("stale_nodes", totals.stale_nodes.into());
    row.megawatts("generation_mw", totals.generation);
    row.megawatts("load_mw", totals.load);
    row.megawatts("available_mw", totals.available);
    row.megawatts("stale_load_mw", totals.stale_load);
    row.megawatts("stale_available_mw", totals.stale_available);
    row.megawatts("relief_mw", totals.relief);
    row.megawatts("reserve_mw", totals.reserve);
    row.megawatts("declared_shortfall_mw", totals.declared_shortfall);
    row.megawatts("shortfall_mw", totals.shortfall);
    row.megawatts("surplus_mw", totals.surplus);
}

fn write_bid(row: &mut JsonWriter<'_>, name: &Text, bid: &BidRow) {
    row.text("bid", name);
    row.text("program", &bid.program);
    row.text("participant", &bid.participant);
    row.text("status", bid.status.name());
    row.boolean("eligible", bid.rated.eligible());
    match bid.rated.rank {
        Some(rank) => {
            row.integer("rank", rank.into());
            row.price("score", bid.rated.score);
        }
        None => {
            row.null("rank");
            row.null("score");
        }
    }
    row.megawatts("mw", bid.amount);
}

fn write_order(row: &mut JsonWriter<'_>, order: &Text, standing: &Standing) {
    row.text("order", order);
    let kind = match standing.order.kind {
        Kind::DemandResponse { .. } => "demand_response",
        Kind::Transfer { .. } => "transfer",
        Kind::Curtailment => "curtailment",
    };
    row.text("kind", kind);
    row.text("plan", &standing.plan);
    row.text("area", &standing.area);
    row.megawatts("mw", standing.order.amount);
    row.time("since", standing.order.since);
    write_until(row, standing.order.until);
    let status = if !standing.started.is_empty() {
        "started"
    } else if standing.received {
        "received"
    } else {
        "issued"
    };
    row.text("status", status);
    match standing.confirmed() {
        Some(confirmed) => row.megawatts("confirmed_mw", confirmed),
        None => row.null("confirmed_mw"),
    }
}

fn write_until(row: &mut JsonWriter<'_>, until: Option<Time>) {
    match until {
        Some(until) => row.time("until", until),
        None => row.null("until"),
    }
}

fn write_plan(row: &mut JsonWriter<'_>, name: &Text, plan: &Plan) {
    row.text("plan", name);
    row.text("area", &plan.area);
    row.megawatts("shortfall_mw", plan.created.shortfall);
    row.megawatts("demand_response_mw", plan.created.demand_response);
    row.megawatts("transfer_mw", plan.created.transfer);
    row.megawatts("unmet_mw", plan.created.unmet);
}
