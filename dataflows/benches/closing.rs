//! What does `closing` cost a tick: the statuses of its bids and the cancellations of its orders
//! put in the order in which they are written?

#[path = "common/shared.rs"]
mod shared;

use criterion::BenchmarkId;
use gridweaver_dataflows::by_tick::View;
use gridweaver_dataflows::change::Change;
use gridweaver_dataflows::closing::Closing;
use gridweaver_dataflows::dedup::Outcomes;
use gridweaver_model::decision::{BidState, BidStatus, EndReason, Event, OrderCancelled};
use gridweaver_model::{Decision, Rules, Text, Watts};
use shared::feed::{program_name, region_name};
use shared::measure::{measure, run};
use shared::random::Random;

/// A tick of 4 s in which 0.5 %, 5 % and 50 % of 10 000 records/s are bids.
const STATUSES: [usize; 3] = [200, 2_000, 20_000];
/// Of a hundred decisions, those that are no statuses.
const CANCELLED_PERCENT: usize = 5;
const REGIONS: usize = 50;
const SEED: u64 = 1;

fn main() {
    run(|criterion| {
        let mut group = criterion.benchmark_group("closing");
        let mut random = Random::new(SEED);
        for statuses in STATUSES {
            let cancelled = statuses * CANCELLED_PERCENT / 100;
            let prepare = || decided(statuses, cancelled, &mut random);
            let id = BenchmarkId::new("a tick", format!("{statuses} statuses"));
            measure(&mut group, id, statuses + cancelled, prepare, |changes| {
                let mut closed = Vec::new();
                let outcomes = vec![vec![Outcomes { applied: 1, ..Outcomes::default() }]];
                Closing::new(&Rules::default()).close(1, outcomes, vec![changes], &mut closed);
                closed
            });
        }
    });
}

/// A tick's decisions in no order.
fn decided(statuses: usize, cancelled: usize, random: &mut Random) -> Vec<Change> {
    let mut events: Vec<Event> = (0..statuses).map(status).collect();
    events.extend((0..cancelled).map(cancellation));
    random.shuffle(&mut events);
    events
        .into_iter()
        .map(|event| {
            let region = region_name(random.below(REGIONS));
            Change::Decision(Box::new(Decision::of_area(event, &region, &region)))
        })
        .collect()
}

fn status(bid: usize) -> Event {
    Event::BidStatus(BidStatus {
        bid: Text::from(format!("b{bid}")),
        participant: Text::from(format!("v{bid}")),
        program: program_name(bid % REGIONS),
        status: BidState::Pending,
        amount: Watts::ZERO,
        rank: Some(1),
        reason: "not decided yet".into(),
    })
}

fn cancellation(order: usize) -> Event {
    Event::OrderCancelled(OrderCancelled {
        plan: Text::from(format!("plan-{}", order % REGIONS)),
        order: Text::from(format!("dr-{order}")),
        reason: EndReason::Released,
        amount: Watts(1_000_000),
    })
}
