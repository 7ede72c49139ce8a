//! A pipeline from two producers to windows of a region's events:
//! `cargo run --example pipeline`.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use gridweaver::model::{Millis, Record, decode_text};
use gridweaver::pipeline::{SubmitError, UnifiedPipeline};
use std::sync::Arc;

fn record(source: &str, sequence: u32, type_name: &str, data: &str) -> anyhow::Result<Record> {
    let text = format!(
        r#"{{"specversion":"1.0","id":"{sequence}","source":"{source}","type":"{type_name}",
        "time":"2026-03-01T12:00:{:02}Z","sequence":{sequence},"data":{data}}}"#,
        sequence * 10
    );
    decode_text(&text, 1 << 20).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))
}

fn main() -> anyhow::Result<()> {
    // Each producer has a pipeline of its own: a flood of one does not push out the other.
    let scada = Arc::new(UnifiedPipeline::new(4));
    let market = Arc::new(UnifiedPipeline::new(4));
    let west = UnifiedPipeline::merge([Arc::clone(&scada), Arc::clone(&market)])
        .filter_by_region("west")
        .with_deduplication(Millis(600_000))
        .window_events(Millis(30_000));

    scada.submit(record("scada", 1, "grid.node", r#"{"node":"n1","region":"west"}"#)?)?;
    scada.submit(record("scada", 2, "grid.node", r#"{"node":"n2","region":"east"}"#)?)?;
    let reading = r#"{"node":"n1","generation_mw":90,"load_mw":100}"#;
    let reading = record("scada", 3, "grid.telemetry", reading)?;
    scada.submit(reading.clone())?;
    scada.submit(reading.clone())?;
    // The fifth does not fit: the producer is told so, and may wait or spill.
    assert_eq!(scada.submit(reading), Err(SubmitError::BackPressure));
    println!("scada: back-pressure after {} events", scada.waiting());
    let price = r#"{"region":"west","price":55}"#;
    market.submit(record("market", 4, "grid.energy_price", price)?)?;

    for window in west.sort_by_sequence() {
        println!("{} to {}", window.start, window.end);
        for event in &window.events {
            println!("  {} {} {}", event.sequence(), event.source(), event.type_name());
        }
    }
    let counts = west.counts();
    println!(
        "submitted {}, filtered {}, deduplicated {}, delivered {}",
        counts.submitted, counts.filtered, counts.deduplicated, counts.delivered
    );
    Ok(())
}
