//! A decision in plain words, in two parts: what it is about, and what it says of that.

use crate::summary::mw;
use gridweaver_model::decision::Event;
use gridweaver_model::{Price, decimal};

fn price(price: Price) -> String {
    decimal::text(price.0.into(), 3)
}

/// See the module's documentation.
pub(super) fn told(event: &Event, area: Option<&str>) -> (String, String) {
    let area = area.unwrap_or("no area");
    match event {
        Event::IslandChanged(data) => (
            format!("island {}", data.island),
            format!("{} nodes of {}", data.nodes, data.regions.join(", ")),
        ),
        Event::Violation(data) => {
            let ends = if data.cleared { "ends" } else { "begins" };
            (format!("violation {} of {}", data.kind.name(), data.subject), ends.to_owned())
        }
        Event::OrderCancelled(data) => (
            format!("area {area}: orders cancelled as {}", data.reason.name()),
            format!("{} MW", mw(data.amount)),
        ),
        Event::PlanCreated(data) => (
            format!("area {area}: plan"),
            format!(
                "{} MW lacking: {} by demand response, {} by transfer, {} unmet; {} per h",
                mw(data.shortfall),
                mw(data.demand_response),
                mw(data.transfer),
                mw(data.unmet),
                decimal::text(data.cost / 10_000_000, 2)
            ),
        ),
        Event::CascadeCleared(data) => (
            format!("island {}: cascade", data.island),
            format!("{} MW served, {} unmet", mw(data.served), mw(data.unmet)),
        ),
        Event::ConstraintApplied(data) => (
            format!("area {area}: limit {} of {}", data.constraint.name(), data.subject),
            format!("{} MW of {} granted", mw(data.granted), mw(data.requested)),
        ),
        Event::DemandResponseActivated(data) => (
            format!("area {area}: demand response, bid {}", data.bid),
            format!("{} MW at {} per MWh", mw(data.amount), price(data.price)),
        ),
        Event::TransferOrdered(data) => (
            format!("area {area}: transfer {}", data.path.join(" > ")),
            format!("{} MW sent, {} delivered", mw(data.sent), mw(data.delivered)),
        ),
        Event::CurtailmentRecorded(data) => {
            (format!("area {area}: curtailment"), format!("{} MW", mw(data.amount)))
        }
        Event::ShortfallUnmet(data) => (
            format!("area {area}: unmet"),
            format!("{} MW of {}", mw(data.unmet), mw(data.shortfall)),
        ),
        Event::BidStatus(data) => {
            (format!("bid {}", data.bid), format!("{} {} MW", data.status.name(), mw(data.amount)))
        }
        Event::AuditEntry(data) => {
            (format!("audit {} of {}", data.action, data.subject), data.decision.to_string())
        }
    }
}
