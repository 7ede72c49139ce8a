//! Decisions about orders: plans, what limited them, activations, transfers, what stays unmet.
//!
//! Costs are exact: thousandths of the currency per MWh times watts, so `cost / 10⁹` is the
//! currency per hour.

use crate::json::JsonWriter;
use crate::units::divide_rounded;
use crate::{Ppm, Price, Text, Time, Watts};
use serde::{Deserialize, Serialize};

/// Decimals of a cost per hour that is held in thousandths × watts.
const COST_DECIMALS: u32 = 9;

/// Why an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EndReason {
    /// It is no longer needed.
    Released,
    /// The participant has done it.
    Completed,
    /// Its bid's window is over.
    Expired,
    /// Its bid was taken back.
    Withdrawn,
    /// Its bid was revised so that it no longer fits.
    Revised,
    /// The participant could not do it.
    Failed,
    /// The participant declined.
    OptedOut,
    /// Nobody acknowledged it in time.
    NoResponse,
    /// A limit no longer holds it.
    Constraint,
    /// Its path no longer joins its areas.
    Island,
    /// What it rests on was removed.
    Removed,
}

impl EndReason {
    /// The reason on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Completed => "completed",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
            Self::Revised => "revised",
            Self::Failed => "failed",
            Self::OptedOut => "opted_out",
            Self::NoResponse => "no_response",
            Self::Constraint => "constraint",
            Self::Island => "island",
            Self::Removed => "removed",
        }
    }
}

/// `dispatch.order_cancelled`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderCancelled {
    /// The plan that it belonged to.
    pub plan: Text,
    /// The order.
    pub order: Text,
    /// Why.
    pub reason: EndReason,
    /// What it stood at.
    pub amount: Watts,
}

impl OrderCancelled {
    pub(super) fn write(&self, object: &mut JsonWriter<'_>) {
        object.text("plan", &self.plan);
        object.text("order", &self.order);
        object.text("reason", self.reason.name());
        object.nested("inputs", |inputs| inputs.megawatts("mw", self.amount));
    }
}

/// The figures that a plan was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlanInputs {
    /// Sum over the area's nodes.
    pub generation: Watts,
    /// What generation could reach.
    pub available: Watts,
    /// Metered.
    pub load: Watts,
    /// What confirmed orders take off the meters.
    pub relief: Watts,
    /// Held back from export.
    pub reserve: Watts,
    /// Declared by an operator.
    pub declared_shortfall: Watts,
    /// Activations held by their minimum run.
    pub held: Watts,
}

/// `dispatch.plan_created`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlanCreated {
    /// The plan.
    pub plan: Text,
    /// The island that its area lies in.
    pub island: Text,
    /// The tick's end.
    pub tick: Time,
    /// What it was made for.
    pub shortfall: Watts,
    /// Served by demand response, held activations included.
    pub demand_response: Watts,
    /// Activated beyond the shortfall, forced by minimums.
    pub over_delivery: Watts,
    /// Delivered by transfers.
    pub transfer: Watts,
    /// Left.
    pub unmet: Watts,
    /// Price × power of activations, and what transfers cost, without lost load.
    pub cost: i128,
    /// Proven distance from the optimal clearing, in parts per 10⁹ of its cost; 0 is optimal.
    pub gap: u64,
    /// The plans that it replaces.
    pub supersedes: Vec<Text>,
    /// What it was made from.
    pub inputs: PlanInputs,
}

impl PlanCreated {
    pub(super) fn write(&self, object: &mut JsonWriter<'_>) {
        object.text("plan", &self.plan);
        object.text("island", &self.island);
        object.time("tick", self.tick);
        object.megawatts("shortfall_mw", self.shortfall);
        object.megawatts("demand_response_mw", self.demand_response);
        object.megawatts("over_delivery_mw", self.over_delivery);
        object.megawatts("transfer_mw", self.transfer);
        object.megawatts("unmet_mw", self.unmet);
        object.scaled("cost_per_h", self.cost, COST_DECIMALS);
        object.scaled("gap", self.gap.into(), 9);
        if !self.supersedes.is_empty() {
            object.texts("supersedes", &self.supersedes);
        }
        object.nested("inputs", |inputs| {
            inputs.megawatts("generation_mw", self.inputs.generation);
            inputs.megawatts("available_mw", self.inputs.available);
            inputs.megawatts("load_mw", self.inputs.load);
            inputs.megawatts("relief_mw", self.inputs.relief);
            inputs.megawatts("reserve_mw", self.inputs.reserve);
            inputs.megawatts("declared_shortfall_mw", self.inputs.declared_shortfall);
            inputs.megawatts("held_mw", self.inputs.held);
        });
    }
}

/// One area of a cascade, and its price in the certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CascadeArea {
    /// Its name.
    pub area: Text,
    /// What it lacks after demand response.
    pub need: Watts,
    /// What it can send.
    pub surplus: Watts,
    /// What that costs.
    pub energy_price: Price,
    /// The certificate's price.
    pub price: Price,
}

/// One direction of an interface of a cascade.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CascadeInterface {
    /// The sender.
    pub from_area: Text,
    /// The receiver.
    pub to_area: Text,
    /// What it can carry.
    pub capacity: Watts,
    /// Lost of what is sent.
    pub loss: Ppm,
    /// Per MWh sent.
    pub wheeling_price: Price,
    /// What it carries at its sending end.
    pub flow: Watts,
}

/// `dispatch.cascade_cleared`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CascadeCleared {
    /// The island.
    pub island: Text,
    /// All of the island, sorted.
    pub areas: Vec<CascadeArea>,
    /// All of the island, both directions, sorted.
    pub interfaces: Vec<CascadeInterface>,
    /// Delivered.
    pub served: Watts,
    /// Left.
    pub unmet: Watts,
    /// Thousandths × watts, without lost load.
    pub cost: i128,
    /// Thousandths × watts × 10⁶, with lost load: no plan is cheaper.
    pub bound: i128,
}

impl CascadeCleared {
    pub(super) fn write(&self, object: &mut JsonWriter<'_>) {
        object.text("cascade", &self.island);
        object.text("island", &self.island);
        object.objects("areas", &self.areas, |row, area| {
            row.text("area", &area.area);
            row.megawatts("need_mw", area.need);
            row.megawatts("surplus_mw", area.surplus);
            row.price("energy_price", area.energy_price);
            row.price("price", area.price);
        });
        object.objects("interfaces", &self.interfaces, |row, interface| {
            row.text("from_area", &interface.from_area);
            row.text("to_area", &interface.to_area);
            row.megawatts("capacity_mw", interface.capacity);
            row.fraction("loss", interface.loss);
            row.price("wheeling_price", interface.wheeling_price);
            row.megawatts("flow_mw", interface.flow);
        });
        object.megawatts("served_mw", self.served);
        object.megawatts("unmet_mw", self.unmet);
        object.scaled("cost_per_h", self.cost, COST_DECIMALS);
        object.scaled("bound_per_h", self.bound.div_euclid(1_000_000), COST_DECIMALS);
        object.nested("inputs", |_| {});
    }
}

/// A kind of limit; variants stand in the byte order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConstraintKind {
    /// A bid's minimum forced more than was needed.
    BidMinimum,
    /// Nothing can reach the area from within its island.
    Island,
    /// A limit declared between two regions.
    InterfaceLimit,
    /// What the lines of an interface can carry.
    LineCapacity,
    /// Bids above the program's price.
    MaxPrice,
    /// What a program's bids may reach together.
    ProgramCapacity,
    /// What an area can send.
    Surplus,
}

impl ConstraintKind {
    /// The kind on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BidMinimum => "bid_minimum",
            Self::Island => "island",
            Self::InterfaceLimit => "interface_limit",
            Self::LineCapacity => "line_capacity",
            Self::MaxPrice => "max_price",
            Self::ProgramCapacity => "program_capacity",
            Self::Surplus => "surplus",
        }
    }
}

/// `dispatch.constraint_applied`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConstraintApplied {
    /// The plan that met it.
    pub plan: Text,
    /// What kind.
    pub constraint: ConstraintKind,
    /// Whose limit: a program, a bid, an area, an island, `FROM > TO`.
    pub subject: Text,
    /// The limit.
    pub limit: Watts,
    /// What the plan still wanted through it.
    pub requested: Watts,
    /// What it got.
    pub granted: Watts,
}

impl ConstraintApplied {
    pub(super) fn write(&self, object: &mut JsonWriter<'_>) {
        object.text("plan", &self.plan);
        object.text("constraint", self.constraint.name());
        object.text("subject", &self.subject);
        object.megawatts("limit_mw", self.limit);
        object.megawatts("requested_mw", self.requested);
        object.megawatts("granted_mw", self.granted);
        object.nested("inputs", |_| {});
    }
}

/// `dispatch.demand_response_activated`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DemandResponseActivated {
    /// The plan.
    pub plan: Text,
    /// The order.
    pub order: Text,
    /// The bid that it accepts.
    pub bid: Text,
    /// Whose bid.
    pub participant: Text,
    /// Under which program.
    pub program: Text,
    /// How much.
    pub amount: Watts,
    /// Paid per MWh.
    pub price: Price,
    /// What it was chosen by.
    pub score: Price,
    /// Its place among the program's eligible bids, from 1.
    pub rank: u64,
    /// From when: the tick's end and the bid's notice.
    pub start: Time,
    /// To when at the latest: the bid's end.
    pub until: Time,
    /// The order that it replaces.
    pub supersedes: Option<Text>,
    /// What the area lacked.
    pub need: Watts,
    /// The bid's minimum.
    pub min: Watts,
    /// The bid's maximum.
    pub max: Watts,
    /// What the program had left before this plan.
    pub program_remaining: Watts,
    /// The participant's.
    pub reliability: Ppm,
}

impl DemandResponseActivated {
    pub(super) fn write(&self, object: &mut JsonWriter<'_>) {
        object.text("plan", &self.plan);
        object.text("order", &self.order);
        object.text("bid", &self.bid);
        object.text("participant", &self.participant);
        object.text("program", &self.program);
        object.megawatts("mw", self.amount);
        object.price("price", self.price);
        object.price("score", self.score);
        object.integer("rank", self.rank.into());
        object.time("start", self.start);
        object.time("until", self.until);
        if let Some(order) = &self.supersedes {
            object.text("supersedes", order);
        }
        object.nested("inputs", |inputs| {
            inputs.megawatts("need_mw", self.need);
            inputs.megawatts("min_mw", self.min);
            inputs.megawatts("max_mw", self.max);
            inputs.megawatts("program_remaining_mw", self.program_remaining);
            inputs.fraction("reliability", self.reliability);
        });
    }
}

/// A line's part of a transfer's hop, at the sending end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LineShare {
    /// The line.
    pub line: Text,
    /// What it carries of the order.
    pub power: Watts,
}

/// `dispatch.transfer_ordered`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TransferOrdered {
    /// The plan.
    pub plan: Text,
    /// The order.
    pub order: Text,
    /// The areas that it passes, sender first.
    pub path: Vec<Text>,
    /// One row a hop and line, hop by hop.
    pub lines: Vec<LineShare>,
    /// At the sender.
    pub sent: Watts,
    /// At the receiver.
    pub delivered: Watts,
    /// What the order costs, in thousandths × watts.
    pub cost: i128,
    /// The order that it replaces.
    pub supersedes: Option<Text>,
    /// What the receiver lacked.
    pub need: Watts,
    /// What the sender could send.
    pub surplus: Watts,
    /// The sender's.
    pub energy_price: Price,
}

impl TransferOrdered {
    pub(super) fn write(&self, object: &mut JsonWriter<'_>) {
        let end = |area: Option<&Text>| area.cloned().unwrap_or_default();
        object.text("plan", &self.plan);
        object.text("order", &self.order);
        object.text("from_area", &end(self.path.first()));
        object.text("to_area", &end(self.path.last()));
        object.texts("path", &self.path);
        object.objects("lines", &self.lines, |row, share| {
            row.text("line", &share.line);
            row.megawatts("mw", share.power);
        });
        object.megawatts("sent_mw", self.sent);
        object.megawatts("delivered_mw", self.delivered);
        object.megawatts("loss_mw", self.sent - self.delivered);
        let delivered_w = i128::from(self.delivered.0.max(1));
        object.scaled("cost_per_mwh", divide_rounded(self.cost * 1000, delivered_w), 6);
        if let Some(order) = &self.supersedes {
            object.text("supersedes", order);
        }
        object.nested("inputs", |inputs| {
            inputs.megawatts("need_mw", self.need);
            inputs.megawatts("surplus_mw", self.surplus);
            inputs.price("energy_price", self.energy_price);
        });
    }
}

/// `dispatch.curtailment_recorded`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CurtailmentRecorded {
    /// The plan.
    pub plan: Text,
    /// The order.
    pub order: Text,
    /// How much is shed.
    pub amount: Watts,
    /// Why, for a person.
    pub reason: Text,
    /// The order that it replaces.
    pub supersedes: Option<Text>,
    /// What the area lacked.
    pub need: Watts,
    /// What demand response served of it.
    pub demand_response: Watts,
    /// What transfers served of it.
    pub transfer: Watts,
}

impl CurtailmentRecorded {
    pub(super) fn write(&self, object: &mut JsonWriter<'_>) {
        object.text("plan", &self.plan);
        object.text("order", &self.order);
        object.megawatts("mw", self.amount);
        object.text("reason", &self.reason);
        if let Some(order) = &self.supersedes {
            object.text("supersedes", order);
        }
        object.nested("inputs", |inputs| {
            inputs.megawatts("need_mw", self.need);
            inputs.megawatts("demand_response_mw", self.demand_response);
            inputs.megawatts("transfer_mw", self.transfer);
        });
    }
}

/// `dispatch.shortfall_unmet`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ShortfallUnmet {
    /// The plan.
    pub plan: Text,
    /// What it was made for.
    pub shortfall: Watts,
    /// What it serves.
    pub met: Watts,
    /// What it leaves; 0 where that ends.
    pub unmet: Watts,
}

impl ShortfallUnmet {
    pub(super) fn write(&self, object: &mut JsonWriter<'_>) {
        object.text("plan", &self.plan);
        object.megawatts("shortfall_mw", self.shortfall);
        object.megawatts("met_mw", self.met);
        object.megawatts("unmet_mw", self.unmet);
        object.nested("inputs", |_| {});
    }
}

/// Where a bid stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BidState {
    /// Not decided yet.
    Pending,
    /// An order stands on it.
    Accepted,
    /// Left out of the newest clearing, too dear for its program, or out after a failure.
    Rejected,
    /// Its window is over.
    Expired,
    /// Taken back.
    Withdrawn,
}

impl BidState {
    /// The status on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether the bid may still be accepted.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Accepted | Self::Rejected)
    }
}

/// `dr.bid_status`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BidStatus {
    /// The bid.
    pub bid: Text,
    /// Whose bid.
    pub participant: Text,
    /// Under which program.
    pub program: Text,
    /// Where it stands.
    pub status: BidState,
    /// What is accepted of it.
    pub amount: Watts,
    /// Its place among the program's eligible bids, where it has one.
    pub rank: Option<u64>,
    /// For a person.
    pub reason: Text,
}

impl BidStatus {
    pub(super) fn write(&self, object: &mut JsonWriter<'_>) {
        object.text("bid", &self.bid);
        object.text("participant", &self.participant);
        object.text("program", &self.program);
        object.text("status", self.status.name());
        object.megawatts("mw", self.amount);
        if let Some(rank) = self.rank {
            object.integer("rank", rank.into());
        }
        object.text("reason", &self.reason);
        object.nested("inputs", |_| {});
    }
}

/// `audit.entry`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AuditEntry {
    /// What was done.
    pub action: Text,
    /// To what.
    pub subject: Text,
    /// The plan that came of it.
    pub plan: Option<Text>,
    /// What came of it, for a person.
    pub decision: Text,
    /// Why, for a person.
    pub reason: Text,
    /// Bids looked at.
    pub considered: u64,
    /// Bids taken.
    pub accepted: u64,
    /// Bids left out.
    pub rejected: u64,
    /// The dearest bid taken.
    pub marginal_bid: Option<Text>,
}

impl AuditEntry {
    pub(super) fn write(&self, object: &mut JsonWriter<'_>) {
        object.text("action", &self.action);
        object.text("subject", &self.subject);
        object.text("decision", &self.decision);
        object.text("reason", &self.reason);
        if let Some(plan) = &self.plan {
            object.text("plan", plan);
        }
        object.nested("inputs", |inputs| {
            inputs.integer("considered", self.considered.into());
            inputs.integer("accepted", self.accepted.into());
            inputs.integer("rejected", self.rejected.into());
            inputs.optional_text("marginal_bid", self.marginal_bid.as_deref());
        });
    }
}
