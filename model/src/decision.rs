//! What GridWeaver writes: one typed record for each decision, and its JSON line.
//!
//! A decision is complete in itself: the figures it was decided from stand in `inputs`. Its place
//! within a tick, its id and its text are functions of its content alone; only the sequence number
//! is given by whoever writes the stream ([`Decision::write_line`]).

mod dispatch;
pub mod reading;
mod tick_closed;
mod topology;

pub use dispatch::{
    AuditEntry, BidState, BidStatus, CascadeArea, CascadeCleared, CascadeInterface,
    ConstraintApplied, ConstraintKind, CurtailmentRecorded, DemandResponseActivated, EndReason,
    LineShare, OrderCancelled, PlanCreated, PlanInputs, ShortfallUnmet, TransferOrdered,
};
pub use tick_closed::{PassedOver, Refused, TICK_CLOSED, TICK_OPENED, TickClosed, TickOpened};
pub use topology::{IslandChanged, Violation, ViolationKind};

use crate::json::JsonWriter;
use crate::{Text, Time};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The `source` of every record that GridWeaver writes, and the `actor` of what it decides itself.
pub const GRIDWEAVER: &str = "gridweaver";

/// One decision, not yet numbered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Decision {
    /// What was decided.
    pub event: Event,
    /// The region concerned (the receiver's for a transfer); none for islands and cascades.
    pub region: Option<Text>,
    /// The area concerned, likewise.
    pub area: Option<Text>,
}

/// What was decided, by record type; the variants stand in the order in which a tick's records
/// are written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Event {
    /// `topology.island_changed`
    IslandChanged(IslandChanged),
    /// `topology.violation`
    Violation(Violation),
    /// `dispatch.order_cancelled`
    OrderCancelled(OrderCancelled),
    /// `dispatch.plan_created`
    PlanCreated(Box<PlanCreated>),
    /// `dispatch.cascade_cleared`
    CascadeCleared(Box<CascadeCleared>),
    /// `dispatch.constraint_applied`
    ConstraintApplied(ConstraintApplied),
    /// `dispatch.demand_response_activated`
    DemandResponseActivated(Box<DemandResponseActivated>),
    /// `dispatch.transfer_ordered`
    TransferOrdered(Box<TransferOrdered>),
    /// `dispatch.curtailment_recorded`
    CurtailmentRecorded(Box<CurtailmentRecorded>),
    /// `dispatch.shortfall_unmet`
    ShortfallUnmet(ShortfallUnmet),
    /// `dr.bid_status`
    BidStatus(BidStatus),
    /// `audit.entry`
    AuditEntry(AuditEntry),
}

impl Event {
    /// The types of records on the wire, in the order in which they stand within a tick.
    pub const TYPE_NAMES: [&str; 12] = [
        "topology.island_changed",
        "topology.violation",
        "dispatch.order_cancelled",
        "dispatch.plan_created",
        "dispatch.cascade_cleared",
        "dispatch.constraint_applied",
        "dispatch.demand_response_activated",
        "dispatch.transfer_ordered",
        "dispatch.curtailment_recorded",
        "dispatch.shortfall_unmet",
        "dr.bid_status",
        "audit.entry",
    ];

    /// The record's `type` on the wire.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        Self::TYPE_NAMES[usize::from(self.rank())]
    }

    /// The place of the record's type within a tick.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::IslandChanged(_) => 0,
            Self::Violation(_) => 1,
            Self::OrderCancelled(_) => 2,
            Self::PlanCreated(_) => 3,
            Self::CascadeCleared(_) => 4,
            Self::ConstraintApplied(_) => 5,
            Self::DemandResponseActivated(_) => 6,
            Self::TransferOrdered(_) => 7,
            Self::CurtailmentRecorded(_) => 8,
            Self::ShortfallUnmet(_) => 9,
            Self::BidStatus(_) => 10,
            Self::AuditEntry(_) => 11,
        }
    }

    /// What the record is about.
    #[must_use]
    pub fn subject(&self) -> &str {
        match self {
            Self::IslandChanged(data) => &data.island,
            Self::Violation(data) => &data.subject,
            Self::OrderCancelled(data) => &data.order,
            Self::PlanCreated(data) => &data.plan,
            Self::CascadeCleared(data) => &data.island,
            Self::ConstraintApplied(data) => &data.subject,
            Self::DemandResponseActivated(data) => &data.order,
            Self::TransferOrdered(data) => &data.order,
            Self::CurtailmentRecorded(data) => &data.order,
            Self::ShortfallUnmet(data) => &data.plan,
            Self::BidStatus(data) => &data.bid,
            Self::AuditEntry(data) => &data.subject,
        }
    }

    /// The plan that the record belongs to.
    #[must_use]
    pub fn plan(&self) -> Option<&str> {
        match self {
            Self::IslandChanged(_)
            | Self::Violation(_)
            | Self::CascadeCleared(_)
            | Self::BidStatus(_) => None,
            Self::OrderCancelled(data) => Some(&data.plan),
            Self::PlanCreated(data) => Some(&data.plan),
            Self::ConstraintApplied(data) => Some(&data.plan),
            Self::DemandResponseActivated(data) => Some(&data.plan),
            Self::TransferOrdered(data) => Some(&data.plan),
            Self::CurtailmentRecorded(data) => Some(&data.plan),
            Self::ShortfallUnmet(data) => Some(&data.plan),
            Self::AuditEntry(data) => data.plan.as_deref(),
        }
    }

    /// What tells records of one type, subject and plan apart.
    fn qualifier(&self) -> &str {
        match self {
            Self::Violation(data) => data.kind.name(),
            Self::ConstraintApplied(data) => data.constraint.name(),
            Self::AuditEntry(data) => &data.action,
            _ => "",
        }
    }

    fn write_data(&self, object: &mut JsonWriter<'_>) {
        match self {
            Self::IslandChanged(data) => data.write(object),
            Self::Violation(data) => data.write(object),
            Self::OrderCancelled(data) => data.write(object),
            Self::PlanCreated(data) => data.write(object),
            Self::CascadeCleared(data) => data.write(object),
            Self::ConstraintApplied(data) => data.write(object),
            Self::DemandResponseActivated(data) => data.write(object),
            Self::TransferOrdered(data) => data.write(object),
            Self::CurtailmentRecorded(data) => data.write(object),
            Self::ShortfallUnmet(data) => data.write(object),
            Self::BidStatus(data) => data.write(object),
            Self::AuditEntry(data) => data.write(object),
        }
    }
}

impl Decision {
    /// A decision about one area.
    #[must_use]
    pub fn of_area(event: Event, region: &Text, area: &Text) -> Self {
        Self { event, region: Some(region.clone()), area: Some(area.clone()) }
    }

    /// A decision about an island or another thing that lies in no one area.
    #[must_use]
    pub fn of_no_area(event: Event) -> Self {
        Self { event, region: None, area: None }
    }

    /// The total order of a tick's decisions.
    #[must_use]
    pub fn place(&self) -> (u8, &str, &str, &str) {
        let event = &self.event;
        (event.rank(), event.subject(), event.plan().unwrap_or_default(), event.qualifier())
    }

    /// The record's id: what it decides, and when.
    #[must_use]
    pub fn id(&self, tick_end: Time) -> Text {
        let event = &self.event;
        derived_id(
            "",
            &[
                &tick_end.to_string(),
                event.type_name(),
                event.subject(),
                event.plan().unwrap_or_default(),
                event.qualifier(),
            ],
        )
    }

    /// Appends the decision as one JSON line, without its newline. `tick_end` is its time and
    /// `sequence` its number in the stream.
    pub fn write_line(&self, out: &mut Vec<u8>, tick_end: Time, sequence: u64) {
        let event = &self.event;
        let plan = event.plan();
        let id = self.id(tick_end);
        let mut object = open_envelope(out, &id, event.type_name(), tick_end, sequence);
        object.text("subject", event.subject());
        if let Some(plan) = plan {
            object.text("correlationid", plan);
        }
        object.nested("data", |data| {
            event.write_data(data);
            data.text("actor", GRIDWEAVER);
            data.optional_text("region", self.region.as_deref());
            data.optional_text("area", self.area.as_deref());
        });
        object.end();
    }
}

/// Begins a record's line up to its `sequence`.
fn open_envelope<'a>(
    out: &'a mut Vec<u8>,
    id: &str,
    type_name: &str,
    time: Time,
    sequence: u64,
) -> JsonWriter<'a> {
    let mut object = JsonWriter::object(out);
    object.text("specversion", "1.0");
    object.text("id", id);
    object.text("source", GRIDWEAVER);
    object.text("type", type_name);
    object.time("time", time);
    object.integer("sequence", sequence.into());
    object
}

/// An id that follows from what it stands for: `prefix` and 80 bits of the SHA-256 of the parts.
#[must_use]
pub fn derived_id(prefix: &str, parts: &[&str]) -> Text {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    let mut id = Text::from(prefix);
    for byte in &hash.finalize()[..10] {
        for nibble in [byte >> 4, byte & 15] {
            id.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
    }
    id
}
