//! The thread that puts the parts of a checkpoint together and writes it.

use super::store::CheckpointError;
use super::{Checkpoint, Keep, StreamMark};
use crate::engine::Shared;
use crate::engine::writer::Tally;
use crossbeam_channel::Receiver;
use gridweaver_dataflows::saved::{Piece, Restored};
use gridweaver_model::Tick;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// What the keeper is sent.
pub(in crate::engine) enum Kept {
    /// What one worker's views held at a tick's end.
    Pieces(Tick, Vec<Piece>),
    /// All up to a tick's end is durable.
    Written(Tick, Vec<StreamMark>, Tally),
    /// Nothing more comes.
    End,
}

/// The parts of one.
#[derive(Default)]
struct Parts {
    workers: usize,
    pieces: Vec<Piece>,
    written: Option<(Vec<StreamMark>, Tally)>,
}

/// Keeps until the end. Where that fails, the whole run is told to stop.
pub(in crate::engine) fn keep(
    mut keep: Keep,
    names: &[String],
    shared: &Shared,
    messages: &Receiver<Kept>,
) -> Result<(), CheckpointError> {
    let kept = keep_all(&mut keep, names, shared, messages);
    if kept.is_err() {
        shared.stop.store(true, Ordering::SeqCst);
        shared.gate.wake();
    }
    kept
}

fn keep_all(
    keep: &mut Keep,
    names: &[String],
    shared: &Shared,
    messages: &Receiver<Kept>,
) -> Result<(), CheckpointError> {
    let Some(checkpointing) = &shared.checkpointing else { return Ok(()) };
    let mut parts: BTreeMap<Tick, Parts> = BTreeMap::new();
    while let Ok(message) = messages.recv() {
        let tick = match message {
            Kept::Pieces(tick, mut pieces) => {
                let parts = parts.entry(tick).or_default();
                parts.workers += 1;
                parts.pieces.append(&mut pieces);
                tick
            }
            Kept::Written(tick, streams, tally) => {
                parts.entry(tick).or_default().written = Some((streams, tally));
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
        let Some(Parts { pieces, written: Some((streams, tally)), .. }) = parts.remove(&tick)
        else {
            continue;
        };
        let end = shared.rules.end_of(tick);
        let partitions = names.iter().enumerate().map(|(partition, name)| {
            (name.clone(), checkpointing.marks_of(partition).after(tick, end))
        });
        keep(&Checkpoint {
            rules: shared.rules.clone(),
            views: Restored { tick, pieces },
            partitions: partitions.collect(),
            streams,
            tally,
        })?;
        parts.retain(|other, _| *other > tick);
        checkpointing.busy.store(false, Ordering::SeqCst);
    }
    Ok(())
}
