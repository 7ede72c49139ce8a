//! Reading back what was written: one line of an orders file as a typed decision.
//!
//! Strict: a line that GridWeaver could not have written is refused with what is wrong with it, and
//! nothing is rounded. Figures that the types do not hold twice (a transfer's loss and ends, a
//! plan's tick) are held against those they follow from. Whether the decision was *right* is not
//! looked at here. Not kept to the last digit are a transfer's cost, which is recorded per MWh, and
//! a cascade's bound, of which nine decimals are recorded.

use super::tick_closed::{PassedOver, Refused, TICK_CLOSED, TICK_OPENED, TickClosed, TickOpened};
use super::{
    AuditEntry, BidState, BidStatus, CascadeArea, CascadeCleared, CascadeInterface,
    ConstraintApplied, ConstraintKind, CurtailmentRecorded, Decision, DemandResponseActivated,
    EndReason, Event, GRIDWEAVER, IslandChanged, LineShare, OrderCancelled, PlanCreated,
    PlanInputs, ShortfallUnmet, TransferOrdered, Violation, ViolationKind,
};
use crate::units::divide_rounded;
use crate::{Ppm, Price, Text, Time, Watts};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// One record as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Unique in the stream.
    pub id: Text,
    /// The end of its tick.
    pub time: Time,
    /// Its number in the stream.
    pub sequence: u64,
    /// What it is about.
    pub subject: Text,
    /// What ties it to others.
    pub correlation_id: Option<Text>,
    /// What it says.
    pub body: Body,
}

/// A decision, or a record around a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Decided in the tick.
    Decision(Decision),
    /// What a tick rests on.
    TickOpened(TickOpened),
    /// The tick is whole.
    TickClosed(TickClosed),
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

type Read<T> = Result<T, Unreadable>;

/// Reads one line, without its newline.
///
/// # Errors
/// [`Unreadable`] where it is no record that GridWeaver writes.
pub fn read(line: &[u8]) -> Read<Written> {
    let envelope = Fields::of(std::str::from_utf8(line).map_err(|_| wrong("not UTF-8"))?)?;
    if envelope.text("specversion")? != "1.0" {
        return Err(wrong("specversion is not 1.0"));
    }
    if envelope.text("source")? != GRIDWEAVER {
        return Err(wrong("source is not gridweaver"));
    }
    let type_name = envelope.text("type")?;
    let time = envelope.time("time")?;
    let subject = envelope.text("subject")?;
    let data = envelope.nested("data")?;
    data.text("actor")?;
    data.nested("inputs")?;
    if data.has("tick") && data.time("tick")? != time {
        return Err(wrong("tick is not the record's time"));
    }
    let body = if type_name == TICK_CLOSED {
        Body::TickClosed(tick_closed(&data, subject.to_string())?)
    } else if type_name == TICK_OPENED {
        Body::TickOpened(TickOpened {
            sink: subject.to_string(),
            tick: data.time("tick")?,
            passed_over: passed_over(&data)?,
            refused: refused(&data)?,
        })
    } else {
        let event = event(&type_name, &data)?;
        if event.subject() != subject {
            return Err(wrong(format!("subject {subject} is not {}", event.subject())));
        }
        let (region, area) = (data.optional_text("region")?, data.optional_text("area")?);
        Body::Decision(Decision { event, region, area })
    };
    Ok(Written {
        id: envelope.text("id")?,
        time,
        sequence: envelope.sequence()?,
        subject,
        correlation_id: envelope.optional_text("correlationid")?,
        body,
    })
}

fn wrong(what: impl Into<String>) -> Unreadable {
    Unreadable(what.into())
}

fn event(type_name: &str, data: &Fields<'_>) -> Read<Event> {
    Ok(match type_name {
        "topology.island_changed" => Event::IslandChanged(IslandChanged {
            island: data.text("island")?,
            nodes: data.count("nodes")?,
            regions: data.texts("regions")?,
            previous: data.texts("previous")?,
        }),
        "topology.violation" => Event::Violation(Violation {
            kind: data.one_of("kind", &VIOLATIONS, ViolationKind::name)?,
            subject: data.text("subject")?,
            detail: data.text("detail")?,
            cleared: data.get("cleared")?,
        }),
        "dispatch.order_cancelled" => Event::OrderCancelled(OrderCancelled {
            plan: data.text("plan")?,
            order: data.text("order")?,
            reason: data.one_of("reason", &REASONS, EndReason::name)?,
            amount: data.nested("inputs")?.optional_watts("mw")?.unwrap_or_default(),
        }),
        "dispatch.plan_created" => Event::PlanCreated(Box::new(plan_created(data)?)),
        "dispatch.cascade_cleared" => Event::CascadeCleared(Box::new(cascade_cleared(data)?)),
        "dispatch.constraint_applied" => Event::ConstraintApplied(ConstraintApplied {
            plan: data.text("plan")?,
            constraint: data.one_of("constraint", &CONSTRAINTS, ConstraintKind::name)?,
            subject: data.text("subject")?,
            limit: data.watts("limit_mw")?,
            requested: data.watts("requested_mw")?,
            granted: data.watts("granted_mw")?,
        }),
        "dispatch.demand_response_activated" => {
            Event::DemandResponseActivated(Box::new(activated(data)?))
        }
        "dispatch.transfer_ordered" => Event::TransferOrdered(Box::new(transfer(data)?)),
        "dispatch.curtailment_recorded" => Event::CurtailmentRecorded(Box::new(curtailment(data)?)),
        "dispatch.shortfall_unmet" => Event::ShortfallUnmet(ShortfallUnmet {
            plan: data.text("plan")?,
            shortfall: data.watts("shortfall_mw")?,
            met: data.watts("met_mw")?,
            unmet: data.watts("unmet_mw")?,
        }),
        "dr.bid_status" => Event::BidStatus(BidStatus {
            bid: data.text("bid")?,
            participant: data.text("participant")?,
            program: data.text("program")?,
            status: data.one_of("status", &STATES, BidState::name)?,
            amount: data.watts("mw")?,
            rank: if data.has("rank") { Some(data.count("rank")?) } else { None },
            reason: data.text("reason")?,
        }),
        "audit.entry" => Event::AuditEntry(audit_entry(data)?),
        other => return Err(wrong(format!("type {other} is not written by gridweaver"))),
    })
}

const VIOLATIONS: [ViolationKind; 4] = [
    ViolationKind::IsolatedNode,
    ViolationKind::SelfLoop,
    ViolationKind::UnknownNode,
    ViolationKind::ZeroCapacity,
];

const REASONS: [EndReason; 11] = [
    EndReason::Released,
    EndReason::Completed,
    EndReason::Expired,
    EndReason::Withdrawn,
    EndReason::Revised,
    EndReason::Failed,
    EndReason::OptedOut,
    EndReason::NoResponse,
    EndReason::Constraint,
    EndReason::Island,
    EndReason::Removed,
];

const CONSTRAINTS: [ConstraintKind; 7] = [
    ConstraintKind::BidMinimum,
    ConstraintKind::Island,
    ConstraintKind::InterfaceLimit,
    ConstraintKind::LineCapacity,
    ConstraintKind::MaxPrice,
    ConstraintKind::ProgramCapacity,
    ConstraintKind::Surplus,
];

const STATES: [BidState; 5] = [
    BidState::Pending,
    BidState::Accepted,
    BidState::Rejected,
    BidState::Expired,
    BidState::Withdrawn,
];

fn plan_created(data: &Fields<'_>) -> Read<PlanCreated> {
    let inputs = data.nested("inputs")?;
    Ok(PlanCreated {
        plan: data.text("plan")?,
        island: data.text("island")?,
        tick: data.time("tick")?,
        shortfall: data.watts("shortfall_mw")?,
        demand_response: data.watts("demand_response_mw")?,
        over_delivery: data.watts("over_delivery_mw")?,
        transfer: data.watts("transfer_mw")?,
        unmet: data.watts("unmet_mw")?,
        cost: data.scaled("cost_per_h", 9)?,
        gap: narrow("gap", data.scaled("gap", 9)?)?,
        supersedes: if data.has("supersedes") { data.texts("supersedes")? } else { vec![] },
        inputs: PlanInputs {
            generation: inputs.watts("generation_mw")?,
            available: inputs.watts("available_mw")?,
            load: inputs.watts("load_mw")?,
            relief: inputs.watts("relief_mw")?,
            reserve: inputs.watts("reserve_mw")?,
            declared_shortfall: inputs.watts("declared_shortfall_mw")?,
            held: inputs.watts("held_mw")?,
        },
    })
}

fn cascade_cleared(data: &Fields<'_>) -> Read<CascadeCleared> {
    if data.text("cascade")?.is_empty() {
        return Err(wrong("cascade is empty"));
    }
    Ok(CascadeCleared {
        island: data.text("island")?,
        areas: data.rows("areas", |row| {
            Ok(CascadeArea {
                area: row.text("area")?,
                need: row.watts("need_mw")?,
                surplus: row.watts("surplus_mw")?,
                energy_price: row.price("energy_price")?,
                price: row.price("price")?,
            })
        })?,
        interfaces: data.rows("interfaces", |row| {
            Ok(CascadeInterface {
                from_area: row.text("from_area")?,
                to_area: row.text("to_area")?,
                capacity: row.watts("capacity_mw")?,
                loss: row.fraction("loss")?,
                wheeling_price: row.price("wheeling_price")?,
                flow: row.watts("flow_mw")?,
            })
        })?,
        served: data.watts("served_mw")?,
        unmet: data.watts("unmet_mw")?,
        cost: data.scaled("cost_per_h", 9)?,
        bound: data.scaled("bound_per_h", 9)?.saturating_mul(1_000_000),
    })
}

fn activated(data: &Fields<'_>) -> Read<DemandResponseActivated> {
    let inputs = data.nested("inputs")?;
    Ok(DemandResponseActivated {
        plan: data.text("plan")?,
        order: data.text("order")?,
        bid: data.text("bid")?,
        participant: data.text("participant")?,
        program: data.text("program")?,
        amount: data.watts("mw")?,
        price: data.price("price")?,
        score: data.price("score")?,
        rank: data.count("rank")?,
        start: data.time("start")?,
        until: data.time("until")?,
        supersedes: data.optional_text("supersedes")?,
        need: inputs.watts("need_mw")?,
        min: inputs.watts("min_mw")?,
        max: inputs.watts("max_mw")?,
        program_remaining: inputs.watts("program_remaining_mw")?,
        reliability: inputs.fraction("reliability")?,
    })
}

fn transfer(data: &Fields<'_>) -> Read<TransferOrdered> {
    let inputs = data.nested("inputs")?;
    let (sent, delivered) = (data.watts("sent_mw")?, data.watts("delivered_mw")?);
    if data.watts("loss_mw")? != sent - delivered {
        return Err(wrong("loss_mw is not sent_mw less delivered_mw"));
    }
    let path = data.texts("path")?;
    let (from, to) = (data.text("from_area")?, data.text("to_area")?);
    if path.len() < 2 || path.first() != Some(&from) || path.last() != Some(&to) {
        return Err(wrong("path does not lead from from_area to to_area"));
    }
    let per_mwh = data.scaled("cost_per_mwh", 6)?;
    let cost = per_mwh.saturating_mul(delivered.0.into());
    Ok(TransferOrdered {
        plan: data.text("plan")?,
        order: data.text("order")?,
        path,
        lines: data.rows("lines", |row| {
            Ok(LineShare { line: row.text("line")?, power: row.watts("mw")? })
        })?,
        sent,
        delivered,
        cost: divide_rounded(cost, 1000),
        supersedes: data.optional_text("supersedes")?,
        need: inputs.watts("need_mw")?,
        surplus: inputs.watts("surplus_mw")?,
        energy_price: inputs.price("energy_price")?,
    })
}

fn curtailment(data: &Fields<'_>) -> Read<CurtailmentRecorded> {
    let inputs = data.nested("inputs")?;
    Ok(CurtailmentRecorded {
        plan: data.text("plan")?,
        order: data.text("order")?,
        amount: data.watts("mw")?,
        reason: data.text("reason")?,
        supersedes: data.optional_text("supersedes")?,
        need: inputs.watts("need_mw")?,
        demand_response: inputs.watts("demand_response_mw")?,
        transfer: inputs.watts("transfer_mw")?,
    })
}

fn audit_entry(data: &Fields<'_>) -> Read<AuditEntry> {
    let inputs = data.nested("inputs")?;
    Ok(AuditEntry {
        action: data.text("action")?,
        subject: data.text("subject")?,
        plan: data.optional_text("plan")?,
        decision: data.text("decision")?,
        reason: data.text("reason")?,
        considered: inputs.count("considered")?,
        accepted: inputs.count("accepted")?,
        rejected: inputs.count("rejected")?,
        marginal_bid: inputs.optional_text("marginal_bid")?,
    })
}

fn tick_closed(data: &Fields<'_>, sink: String) -> Read<TickClosed> {
    Ok(TickClosed {
        sink,
        tick: data.time("tick")?,
        term: data.count("term")?,
        records: data.count("records")?,
        digest: data.text("digest")?.to_string(),
        passed_over: passed_over(data)?,
        refused: refused(data)?,
    })
}

fn passed_over(data: &Fields<'_>) -> Read<Vec<PassedOver>> {
    data.rows("passed_over", |row| {
        Ok(PassedOver {
            partition: row.text("partition")?.to_string(),
            position: row.count("position")?,
            tick: row.time("tick")?,
        })
    })
}

fn refused(data: &Fields<'_>) -> Read<Vec<Refused>> {
    data.rows("refused", |row| {
        Ok(Refused {
            partition: row.text("partition")?.to_string(),
            from: row.count("from")?,
            to: row.count("to")?,
        })
    })
}

/// The greatest figures that are read: sums over a whole grid, and far from where sums of *them*
/// overflow.
const WATTS_MAX: i128 = 1_000_000_000_000_000;
const PRICE_MAX: i128 = 10_000_000_000_000;
const COST_MAX: i128 = 1_000_000_000_000_000_000_000_000_000_000;

/// The fields of one object, each value still as its text. A null counts as absent.
struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    fn of(text: &'a str) -> Read<Self> {
        let mut fields: BTreeMap<String, &RawValue> =
            serde_json::from_str(text).map_err(|why| wrong(format!("no JSON object: {why}")))?;
        fields.retain(|_, value| value.get() != "null");
        Ok(Self(fields))
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn raw(&self, name: &str) -> Read<&'a str> {
        self.0.get(name).map(|value| value.get()).ok_or_else(|| wrong(format!("{name} is missing")))
    }

    fn get<T: serde::Deserialize<'a>>(&self, name: &str) -> Read<T> {
        serde_json::from_str(self.raw(name)?).map_err(|why| wrong(format!("{name}: {why}")))
    }

    fn text(&self, name: &str) -> Read<Text> {
        self.get::<String>(name).map(Text::from)
    }

    fn optional_text(&self, name: &str) -> Read<Option<Text>> {
        if self.has(name) { self.text(name).map(Some) } else { Ok(None) }
    }

    fn texts(&self, name: &str) -> Read<Vec<Text>> {
        Ok(self.get::<Vec<String>>(name)?.into_iter().map(Text::from).collect())
    }

    fn nested(&self, name: &str) -> Read<Fields<'a>> {
        Fields::of(self.raw(name)?).map_err(|Unreadable(why)| wrong(format!("{name}: {why}")))
    }

    fn rows<T>(&self, name: &str, read: impl Fn(&Fields<'a>) -> Read<T>) -> Read<Vec<T>> {
        let rows = self.get::<Vec<&'a RawValue>>(name)?;
        let row = |raw: &'a RawValue| Fields::of(raw.get()).and_then(|fields| read(&fields));
        let read = rows.into_iter().map(row).collect::<Read<Vec<T>>>();
        read.map_err(|Unreadable(why)| wrong(format!("{name}: {why}")))
    }

    fn one_of<T: Copy>(&self, name: &str, all: &[T], called: fn(T) -> &'static str) -> Read<T> {
        let text = self.text(name)?;
        let found = all.iter().copied().find(|each| called(*each) == text);
        found.ok_or_else(|| wrong(format!("{name} is {text}")))
    }

    fn time(&self, name: &str) -> Read<Time> {
        let text = self.text(name)?;
        Time::parse(&text).ok_or_else(|| wrong(format!("{name}: {text} is no instant")))
    }

    fn count(&self, name: &str) -> Read<u64> {
        self.get(name)
    }

    /// A JSON number, or its digits as text.
    fn sequence(&self) -> Read<u64> {
        let raw = self.raw("sequence")?;
        raw.trim_matches('"').parse().map_err(|_| wrong(format!("sequence: {raw} is no number")))
    }

    fn scaled(&self, name: &str, decimals: usize) -> Read<i128> {
        self.bounded(name, decimals, COST_MAX)
    }

    fn bounded(&self, name: &str, decimals: usize, most: i128) -> Read<i128> {
        let raw = self.raw(name)?;
        let value = exact(raw, decimals).ok_or_else(|| {
            wrong(format!("{name}: {raw} is no number of at most {decimals} decimals"))
        })?;
        if value.abs() > most {
            return Err(wrong(format!("{name}: {raw} is out of range")));
        }
        Ok(value)
    }

    fn watts(&self, name: &str) -> Read<Watts> {
        narrow(name, self.bounded(name, 6, WATTS_MAX)?).map(Watts)
    }

    fn optional_watts(&self, name: &str) -> Read<Option<Watts>> {
        if self.has(name) { self.watts(name).map(Some) } else { Ok(None) }
    }

    fn price(&self, name: &str) -> Read<Price> {
        narrow(name, self.bounded(name, 3, PRICE_MAX)?).map(Price)
    }

    fn fraction(&self, name: &str) -> Read<Ppm> {
        narrow(name, self.scaled(name, 6)?).map(Ppm)
    }
}

fn narrow<T: TryFrom<i128>>(name: &str, value: i128) -> Read<T> {
    T::try_from(value).map_err(|_| wrong(format!("{name} is out of range")))
}

/// A decimal text without an exponent, scaled by `10^decimals`; `None` where it has more decimals
/// than that, but for zeros behind them.
fn exact(text: &str, decimals: usize) -> Option<i128> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let (kept, beyond) = fraction.split_at_checked(decimals).unwrap_or((fraction, ""));
    if whole.is_empty() || beyond.bytes().any(|digit| digit != b'0') {
        return None;
    }
    let padding = std::iter::repeat_n(b'0', decimals.saturating_sub(kept.len()));
    let mut value = 0i128;
    for digit in whole.bytes().chain(kept.bytes()).chain(padding) {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let plan = PlanCreated {
            plan: "p".into(),
            island: "a".into(),
            tick: Time(8_000),
            shortfall: Watts(1_500_001),
            demand_response: Watts(1_500_000),
            over_delivery: Watts::ZERO,
            transfer: Watts::ZERO,
            unmet: Watts(1),
            cost: 123_456_789,
            gap: 1_000,
            supersedes: vec!["q".into()],
            inputs: PlanInputs { load: Watts(7), ..Default::default() },
        };
        let decision = Decision::of_area(
            Event::PlanCreated(Box::new(plan)),
            &Text::from("R"),
            &Text::from("R@a"),
        );
        let mut line = vec![];
        decision.write_line(&mut line, Time(8_000), 3);
        let written = read(&line).unwrap();
        assert_eq!(written.sequence, 3);
        assert_eq!(written.correlation_id.as_deref(), Some("p"));
        assert_eq!(written.body, Body::Decision(decision));
    }

    #[test]
    fn decimals_are_read_exactly_or_not_at_all() {
        assert_eq!(exact("-1.5", 6), Some(-1_500_000));
        assert_eq!(exact("0.0000010", 6), Some(1));
        assert_eq!(exact("0.0000001", 6), None);
        assert_eq!(exact("1e3", 6), None);
        assert_eq!(exact("", 6), None);
        assert_eq!(exact("é", 6), None);
    }

    #[test]
    fn foreign_lines_are_refused_with_a_reason() {
        for line in [&b"[]"[..], b"{", b"\xff", b"{}", b"{\"specversion\":\"1.0\"}"] {
            assert!(read(line).is_err());
        }
    }
}
