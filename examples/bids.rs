//! Bids from many threads, evaluated for a window and applied: `cargo run --example bids`.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use gridweaver::bids::{BidBook, BidId, EvaluationWindow};
use gridweaver::model::record::Bid;
use gridweaver::model::{Ppm, Price, Time, Watts};
use gridweaver::pipeline::UnifiedPipeline;

const MW: i64 = 1_000_000;
const HOUR_MS: i64 = 3_600_000;
/// 2026-03-01T00:00:00Z
const START: Time = Time(1_772_323_200_000);

fn bid(number: u8, price: i64) -> Bid {
    Bid {
        bid: format!("bid-{number}").into(),
        participant: format!("mill-{number}").into(),
        program: "peak".into(),
        node: None,
        price: Price(price * 1_000),
        min: Watts::ZERO,
        max: Watts(10 * MW),
        start: START,
        end: Time(START.0 + 2 * HOUR_MS),
        notice: None,
        min_run: None,
        reliability: Some(Ppm::ONE),
    }
}

fn main() -> anyhow::Result<()> {
    let pipeline = UnifiedPipeline::new(1_000);
    let book = BidBook::new(&pipeline);
    book.set_program("peak", "west", Watts(25 * MW), Some(Price(100_000)))?;
    std::thread::scope(|scope| {
        for number in 0..4 {
            let book = &book;
            scope.spawn(move || {
                // All offer the same: who submitted earlier comes first, whichever thread is first.
                book.submit_bid(bid(number, 60), Time(START.0 - i64::from(number)))
            });
        }
    });
    book.submit_bid(bid(9, 120), START)?;

    let window = EvaluationWindow::new(START, Time(START.0 + HOUR_MS));
    let accepted = book.evaluate_bids("peak", window)?;
    for bid in &accepted {
        println!("{} rank {}: {} W", bid.bid, bid.rank, bid.amount.0);
    }
    let orders = book.apply_dispatch(&accepted, START)?;
    println!("{} orders until {}", orders.len(), orders[0].until);
    for (name, hour) in [("bid-3", 0), ("bid-0", 0), ("bid-9", 0), ("bid-3", 2)] {
        let now = Time(START.0 + hour * HOUR_MS);
        let status = book.bid_status(&BidId(name.into()), now)?;
        println!("{name} at {now}: {}, {}", status.status.name(), status.reason);
    }
    for event in pipeline.drain() {
        println!("{} {}", event.sequence(), event.type_name());
    }
    Ok(())
}
