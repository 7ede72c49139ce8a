//! The thread that puts the parts of a checkpoint together and writes it.

use super::store::CheckpointError;
use super::{Checkpoint, Keep, WrittenUpTo};
use crate::engine::Shared;
use crate::engine::board::CheckpointBoard;
use crate::engine::choices::{Chosen, by_partition};
use crossbeam_channel::Receiver;
use gridweaver_dataflows::saved::{Piece, Restored};
use gridweaver_model::Tick;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// What the keeper is sent.
pub(in crate::engine) enum Kept {
    /// What one worker's views held at a tick's end.
    Pieces(Tick, Vec<Piece>),
    /// All up to a tick's end is durable.
    Written(Tick, Box<WrittenUpTo>),
    /// Nothing more comes.
    End,
}

/// The parts of one.
#[derive(Default)]
struct Parts {
    workers: usize,
    pieces: Vec<Piece>,
    written: Option<Box<WrittenUpTo>>,
}

/// Keeps until the end. Where that fails, the whole run is told to stop.
pub(in crate::engine) fn keep(
    mut keep: Keep,
    shared: &Shared,
    messages: &Receiver<Kept>,
) -> Result<(), CheckpointError> {
    let kept = keep_all(&mut keep, shared, messages);
    if kept.is_err() {
        shared.fail();
    }
    kept
}

fn keep_all(
    keep: &mut Keep,
    shared: &Shared,
    messages: &Receiver<Kept>,
) -> Result<(), CheckpointError> {
    let Some(checkpointing) = &shared.checkpointing else { return Ok(()) };
    let mut parts: BTreeMap<Tick, Parts> = BTreeMap::new();
    // What the wall clock chose and was written, from each partition's mark on.
    let mut chosen: BTreeMap<String, Chosen> = checkpointing.chosen();
    while let Ok(message) = messages.recv() {
        let tick = match message {
            Kept::Pieces(tick, mut pieces) => {
                let parts = parts.entry(tick).or_default();
                parts.workers += 1;
                parts.pieces.append(&mut pieces);
                tick
            }
            Kept::Written(tick, written) => {
                for (name, more) in by_partition([&written.choices]) {
                    chosen.entry(name).or_default().join(&more);
                }
                parts.entry(tick).or_default().written = Some(written);
                tick
            }
            Kept::End => return Ok(()),
        };
        let is_whole = parts
            .get(&tick)
            .is_some_and(|parts| parts.workers == checkpointing.workers && parts.written.is_some());
        if !is_whole {
            continue;
        }
        let Some(Parts { pieces, written: Some(written), .. }) = parts.remove(&tick) else {
            continue;
        };
        let WrittenUpTo { streams, tally, .. } = *written;
        let (partitions, identities) = checkpointing.marks_after(tick, &mut chosen, &shared.rules);
        let bytes = keep(&Checkpoint {
            rules: shared.rules.clone(),
            views: Restored { tick, pieces },
            partitions,
            identities,
            streams,
            tally,
        })?;
        shared.progress.lock().checkpoint =
            Some(CheckpointBoard { written_at: Instant::now(), bytes });
        parts.retain(|other, _| *other > tick);
        checkpointing.busy.store(false, Ordering::SeqCst);
    }
    Ok(())
}
