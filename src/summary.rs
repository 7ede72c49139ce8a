//! What a run came to, for a person: records by outcome, orders by kind, what stayed unmet, how
//! long ticks took.

use crate::engine::Outcome;
use crate::latency::Latencies;
use gridweaver_model::{Time, Watts, decimal};
use std::fmt::Write as _;
use std::time::Duration;

/// The summary of a run that took `elapsed` and reached `reached`.
#[must_use]
pub fn summary(outcome: &Outcome, elapsed: Duration, reached: Option<Time>) -> String {
    let (reading, written) = (&outcome.reading, &outcome.written.tally);
    let mut out = String::new();
    let rate = outcome.read_now as f64 / elapsed.as_secs_f64().max(1e-9);
    let seconds = elapsed.as_secs_f64();
    let _ = writeln!(out, "{} records in {seconds:.2} s ({rate:.0} records/s)", outcome.read_now);
    if reading.read > outcome.read_now {
        let _ = writeln!(out, "  since the beginning  {}", reading.read);
    }
    if let Some(reached) = reached {
        let _ = writeln!(out, "  event time reached   {reached}, {} ticks closed", written.ticks);
    }
    let refused: u64 = reading.refused.values().sum::<u64>() + written.refused;
    for (name, count) in [
        ("applied", written.outcomes.applied - written.refused.min(written.outcomes.applied)),
        ("duplicates", written.outcomes.duplicates),
        ("bad quality", written.outcomes.bad_quality),
        ("watermarks", reading.control),
        ("dead letters", refused),
        ("in open ticks", open(outcome)),
        ("late among them", written.outcomes.late + reading.late),
    ] {
        let _ = writeln!(out, "  {name:<20} {count}");
    }
    for (reason, count) in &reading.refused {
        let _ = writeln!(out, "    {:<18} {count}", reason.name());
    }
    let _ = writeln!(out, "{} records written", written.records.values().sum::<u64>());
    for (kind, (count, power)) in &written.orders {
        let _ = writeln!(out, "  {kind:<20} {count} orders, {} MW in all", mw(*power));
    }
    let cost: i128 = written.plan_cost;
    let _ = writeln!(
        out,
        "  {:<20} {} plans, {} per h on average",
        "plans",
        written.plans,
        average(cost, written.plans)
    );
    let _ = writeln!(out, "  {:<20} {} MW at most at one time", "unmet", mw(written.unmet_max));
    out.push_str(&latency_line(&outcome.written.latencies));
    out
}

/// Percentiles of the tick latency.
fn latency_line(latencies: &Latencies) -> String {
    let all = &latencies.all;
    let at = |percentile| all.value_at_percentile(percentile) as f64 / 1000.0;
    format!(
        "tick latency, from closing to durable: p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, max {:.2} ms\n",
        at(50.0),
        at(99.0),
        at(99.9),
        all.max() as f64 / 1000.0
    )
}

/// Records read that are in no closed tick and were not refused.
fn open(outcome: &Outcome) -> u64 {
    let reading = &outcome.reading;
    let refused: u64 = reading.refused.values().sum();
    let settled = outcome.written.tally.outcomes.admitted() + reading.control + refused;
    reading.read.saturating_sub(settled)
}

/// Power for people, without a unit.
pub(crate) fn mw(power: Watts) -> String {
    decimal::text(power.0.into(), 6)
}

fn average(cost: i128, plans: u64) -> String {
    decimal::text(cost / i128::from(plans.max(1)) / 10_000_000, 2)
}
