//! What a run goes on from: the newest sound checkpoint, and the ticks that its outputs hold.
//!
//! Everything behind the checkpoint is decided again. An output passes over the ticks that it
//! holds, and the engine stops where one of them comes out otherwise than it was written. A
//! checkpoint that an output does not reach (it was cut or put back) is passed over.

use super::super::connect::{OpenedSink, ReadTo};
use super::super::{Failure, usage};
use anyhow::anyhow;
use gridweaver::connectors::Source;
use gridweaver::engine::{
    Beginning, Beginnings, Checkpoint, Checkpoints, Choices, Output, Recorded, Store, StreamMark,
};
use gridweaver::model::decision::reading::{Body, Written, read};
use gridweaver::model::decision::{TickClosed, TickOpened};
use gridweaver::model::{Rules, Time};
use gridweaver::settings::Settings;
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

/// See the module's documentation.
pub(super) struct Restart {
    pub(super) checkpoint: Option<Arc<Checkpoint>>,
    /// Where partitions began that no checkpoint knows.
    beginnings: Beginnings,
    store: Store,
    every: Duration,
    folder: String,
}

impl Restart {
    /// Finds what to go on from. `reaches`: up to where each output does, if it promises to keep what
    /// it was given.
    pub(super) fn open(
        settings: &Settings,
        store: Store,
        reaches: &[Option<Reach>],
    ) -> Result<Self, Failure> {
        let engine = &settings.engine;
        let folder = settings.path(&engine.state_dir);
        let found = store.newest(|checkpoint| {
            let mut streams = reaches.iter().zip(&checkpoint.streams);
            streams.all(|(reach, mark)| reach.is_none_or(|reach| fits(reach, mark)))
        })?;
        for (path, what) in &found.damaged {
            // Where nobody can be warned there is nobody to warn.
            let _ = writeln!(
                io::stderr(),
                "gridweaver: warning: the checkpoint `{}` is damaged ({what}): the one before is used",
                path.display()
            );
        }
        let every = Duration::from_millis(engine.checkpoint_every.0.0.unsigned_abs());
        let folder = folder.display().to_string();
        let beginnings = store.beginnings()?;
        Ok(Self { checkpoint: found.checkpoint.map(Arc::new), beginnings, store, every, folder })
    }

    /// Up to where a partition was read; where no checkpoint knows it, where it began.
    pub(super) fn read_to(&self, partition: &str) -> Option<ReadTo> {
        if let Some(kept) = &self.checkpoint
            && let Some(mark) = kept.partitions.get(partition)
        {
            let identity = kept.identities.get(partition).cloned();
            return Some(ReadTo { position: mark.position, identity });
        }
        let Beginning { position, identity } = self.beginnings.get(partition)?.clone();
        Some(ReadTo { position, identity })
    }

    /// Writes down where each partition begins that no checkpoint knows, before anything is decided
    /// of it: a run that dies before its next checkpoint begins there again.
    pub(super) fn begin(&mut self, sources: &[Box<dyn Source>]) -> Result<(), Failure> {
        let known = self.beginnings.len();
        for source in sources {
            if self.checkpoint.as_ref().is_some_and(|it| it.partitions.contains_key(source.name()))
            {
                continue;
            }
            let identity = source.identity().map(str::to_owned);
            let beginning = Beginning { position: source.position(), identity };
            self.beginnings.entry(source.name().to_owned()).or_insert(beginning);
        }
        if self.beginnings.len() > known {
            self.store.begin(&self.beginnings)?;
        }
        Ok(())
    }

    /// What an output holds from before, up to its last tick's end; and what the wall clock chose
    /// then, and for the tick of which it holds a half.
    pub(super) fn recorded(
        &self,
        opened: &OpenedSink,
        chosen: &mut BTreeMap<Time, Choices>,
    ) -> Result<Recorded, Failure> {
        let place = opened.place.as_str();
        if let Some(Ok(Written { body: Body::TickOpened(begun), .. })) =
            opened.next.as_deref().map(read)
        {
            let TickOpened { tick, passed_over, refused, .. } = begun;
            chosen.entry(tick).or_insert(Choices { passed_over, refused });
        }
        let Some((last, _)) = reach(opened.last_tick_closed.as_deref(), place)? else {
            return Ok(Recorded::default());
        };
        let mut recorded = Recorded { last: Some(last), digests: BTreeMap::new() };
        let kept = self.checkpoint.as_ref().map(|kept| kept.tick_end());
        let mut broken = Ok(());
        (opened.ticks)(&mut |line| match ended(line, place) {
            Ok((closed, _)) => {
                let end = closed.tick;
                let is_behind = Some(end) > kept;
                if is_behind {
                    recorded.digests.insert(end, closed.digest.clone());
                    chosen.insert(end, Choices::from(closed));
                }
                is_behind
            }
            Err(error) => {
                broken = Err(error);
                false
            }
        })?;
        broken.map(|()| recorded)
    }

    /// The rules to decide by, and up to which tick's end only: settings of `[dispatch]` may change,
    /// but not for ticks that were written under others.
    pub(super) fn rules(
        &self,
        wanted: Rules,
        outputs: &[Output],
    ) -> Result<(Rules, Option<Time>), Failure> {
        let Some(checkpoint) = &self.checkpoint else { return Ok((wanted, None)) };
        self.refuse_changed(&wanted, &checkpoint.rules)?;
        let last = outputs.iter().filter_map(|output| output.recorded.last).max();
        if wanted == checkpoint.rules || last <= Some(checkpoint.tick_end()) {
            return Ok((wanted, None));
        }
        Ok((checkpoint.rules.clone(), last))
    }

    fn refuse_changed(&self, wanted: &Rules, kept: &Rules) -> Result<(), Failure> {
        let same = [
            ("tick", wanted.tick == kept.tick),
            ("lateness", wanted.lateness == kept.lateness),
            ("late", wanted.late == kept.late),
            ("dedup_window", wanted.dedup_window == kept.dedup_window),
            ("stale_after", wanted.stale_after == kept.stale_after),
            ("stale", wanted.stale == kept.stale),
            ("retention", wanted.retention == kept.retention),
        ];
        match same.iter().find(|(_, same)| !same) {
            None => Ok(()),
            Some((key, _)) => Err(usage(anyhow!(
                "engine.{key} has changed since the checkpoint in `{}`, and it decides what was written: set it back, or begin anew with another engine.state_dir and other outputs",
                self.folder
            ))),
        }
    }

    /// Refuses to pass over a partition that was read before.
    pub(super) fn refuse_missing(&self, sources: &[String]) -> Result<(), Failure> {
        let Some(checkpoint) = &self.checkpoint else { return Ok(()) };
        match checkpoint.partitions.keys().find(|name| !sources.contains(name)) {
            None => Ok(()),
            Some(gone) => Err(usage(anyhow!(
                "the checkpoint in `{}` reads `{gone}`, which the configuration no longer names: name it again, or begin anew with another engine.state_dir and other outputs",
                self.folder
            ))),
        }
    }

    /// What the engine is given to keep on.
    pub(super) fn checkpoints(self) -> Checkpoints {
        let store = self.store;
        Checkpoints { keep: Box::new(move |kept| store.write(kept)), every: self.every }
    }
}

/// The end of the last tick that an output holds, and its last record's number.
pub(super) type Reach = Option<(Time, u64)>;

/// Whether an output reaches what a checkpoint knows of it, and may be the same.
fn fits(reach: Reach, mark: &StreamMark) -> bool {
    let end = reach.map(|(end, _)| end);
    let is_there = reach.is_none_or(|(_, sequence)| sequence == mark.sequence);
    end > mark.tick_end || (end == mark.tick_end && is_there)
}

/// Opens the folder of checkpoints.
pub(super) fn open_store(settings: &Settings) -> Result<Store, Failure> {
    let engine = &settings.engine;
    Ok(Store::open(&settings.path(&engine.state_dir), engine.checkpoints_kept)?)
}

/// Up to where an output reaches, by its last `dispatch.tick_closed`.
pub(super) fn reach(last: Option<&[u8]>, place: &str) -> Result<Reach, Failure> {
    let Some(line) = last else { return Ok(None) };
    let (closed, sequence) = ended(line, place)?;
    Ok(Some((closed.tick, sequence)))
}

/// A `dispatch.tick_closed`, and its number.
fn ended(line: &[u8], place: &str) -> Result<(TickClosed, u64), Failure> {
    match read(line) {
        Ok(Written { body: Body::TickClosed(closed), sequence, .. }) => Ok((closed, sequence)),
        _ => Err(Failure::Run(anyhow!(
            "a dispatch.tick_closed of {place} can't be read: it is not what gridweaver wrote; begin anew with another output"
        ))),
    }
}
