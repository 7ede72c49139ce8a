//! Which ticks can be read from the output since when, and which of them brought orders.

use super::BenchError;
use crossbeam_channel::Sender;
use gridweaver_connectors::{Batch, Progress, Source};
use gridweaver_model::Time;
use gridweaver_model::decision::Event;
use gridweaver_model::decision::reading::{Body, read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What was read.
pub(super) enum Seen {
    /// A tick's end, and when it could be read.
    Closed { tick: Time, at: Instant },
    /// An order.
    Order { tick: Time },
}

/// Reads a partition of the output until all is over.
pub(super) fn watch(
    mut output: Box<dyn Source>,
    seen: &Sender<Result<Seen, BenchError>>,
    is_over: &AtomicBool,
) {
    let mut batch = Batch::new(1_000);
    while !is_over.load(Ordering::SeqCst) {
        let read = output.read(&mut batch);
        let at = Instant::now();
        if let Err(error) = read {
            drop(seen.send(Err(error.into())));
            return;
        }
        for (_, line) in batch.iter() {
            let told = look_at(line, at, output.name()).transpose();
            if told.is_some_and(|told| seen.send(told).is_err()) {
                return;
            }
        }
        if matches!(read, Ok(Progress::Finished)) {
            return;
        }
    }
}

/// What a line tells.
fn look_at(line: &[u8], at: Instant, output: &str) -> Result<Option<Seen>, BenchError> {
    let written = read(line).map_err(|error| BenchError::Foreign {
        output: output.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(match written.body {
        Body::TickClosed(closed) => Some(Seen::Closed { tick: closed.tick, at }),
        Body::Decision(decision) => {
            let is_order = matches!(
                decision.event,
                Event::DemandResponseActivated(_)
                    | Event::TransferOrdered(_)
                    | Event::CurtailmentRecorded(_)
            );
            is_order.then_some(Seen::Order { tick: written.time })
        }
        Body::TickOpened(_) => None,
    })
}
