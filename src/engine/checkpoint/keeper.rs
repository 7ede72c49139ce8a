//! The thread that puts the parts of a checkpoint together and writes it.

use super::store::CheckpointError;
use super::{Checkpoint, Keep, Mark, Saved, WrittenUpTo};
use crate::engine::board::CheckpointBoard;
use crate::engine::choices::{Chosen, by_partition};
use crate::engine::shared::Shared;
use crossbeam_channel::Receiver;
use gridweaver_dataflows::saved::{Piece, Restored};
use gridweaver_model::Tick;
use std::collections::BTreeMap;
use std::time::Instant;

/// What the keeper is sent.
pub(in crate::engine) enum Kept {
    /// What was saved at a tick's end.
    Saved(Tick, Saved),
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
    processes: usize,
    marks: BTreeMap<String, Mark>,
    identities: BTreeMap<String, String>,
    written: Option<Box<WrittenUpTo>>,
}

/// What makes one whole, and what was before.
pub(in crate::engine) struct Keeping {
    /// Makes one durable.
    pub(in crate::engine) keep: Keep,
    /// Workers of all processes.
    pub(in crate::engine) workers: usize,
    /// Processes.
    pub(in crate::engine) processes: usize,
    /// What the wall clock chose and was written, from each partition's mark on.
    pub(in crate::engine) chosen: BTreeMap<String, Chosen>,
}

/// Keeps until the end. Where that fails, the whole run is told to stop.
pub(in crate::engine) fn keep(
    keeping: Keeping,
    shared: &Shared,
    messages: &Receiver<Kept>,
) -> Result<(), CheckpointError> {
    let kept = keep_all(keeping, shared, messages);
    if kept.is_err() {
        shared.fail();
    }
    kept
}

fn keep_all(
    keeping: Keeping,
    shared: &Shared,
    messages: &Receiver<Kept>,
) -> Result<(), CheckpointError> {
    let Keeping { mut keep, workers, processes, mut chosen } = keeping;
    let Some(checkpointing) = &shared.checkpointing else { return Ok(()) };
    let mut all: BTreeMap<Tick, Parts> = BTreeMap::new();
    while let Ok(message) = messages.recv() {
        let tick = match message {
            Kept::Saved(tick, Saved::Views(mut pieces)) => {
                let parts = all.entry(tick).or_default();
                parts.workers += 1;
                parts.pieces.append(&mut pieces);
                tick
            }
            Kept::Saved(tick, Saved::Partitions { mut marks, mut identities }) => {
                let parts = all.entry(tick).or_default();
                parts.processes += 1;
                parts.marks.append(&mut marks);
                parts.identities.append(&mut identities);
                tick
            }
            Kept::Written(tick, written) => {
                for (name, more) in by_partition([&written.choices]) {
                    chosen.entry(name).or_default().join(&more);
                }
                all.entry(tick).or_default().written = Some(written);
                tick
            }
            Kept::End => return Ok(()),
        };
        let is_whole = all.get(&tick).is_some_and(|parts| {
            parts.workers == workers && parts.processes == processes && parts.written.is_some()
        });
        if !is_whole {
            continue;
        }
        let Some(Parts { pieces, mut marks, identities, written: Some(written), .. }) =
            all.remove(&tick)
        else {
            continue;
        };
        // What was chosen before a mark is not needed any more.
        for (name, mark) in &mut marks {
            let own = chosen.entry(name.clone()).or_default();
            own.forget_before(mark.position);
            mark.chosen.clone_from(own);
        }
        let WrittenUpTo { streams, tally, .. } = *written;
        let bytes = keep(&Checkpoint {
            rules: shared.rules.clone(),
            views: Restored { tick, pieces },
            partitions: marks,
            identities,
            streams,
            tally,
        })?;
        shared.progress.lock().checkpoint =
            Some(CheckpointBoard { written_at: Instant::now(), bytes });
        all.retain(|other, _| *other > tick);
        checkpointing.is_kept();
    }
    Ok(())
}
