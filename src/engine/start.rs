//! Partitions are set to be read: those of the beginning, and those that are found while running.
//!
//! One that is found comes behind everything that was closed without it. Its worker must hold a
//! capability for it before it counts for anything, so that no tick passes under its first record.

use super::EngineError;
use super::checkpoint::{Mark, Named};
use super::inlet::Delivery;
use super::intake::Intake;
use super::pace::Pace;
use super::shared::Shared;
use super::silence::Live;
use gridweaver_connectors::{Source, SourceError};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Opens the partitions that are there now, those whose names are wanted.
pub type Discover =
    Box<dyn FnMut(&dyn Fn(&str) -> bool) -> Result<Vec<Box<dyn Source>>, SourceError> + Send>;

/// How long after one look for new partitions the next is taken.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long to sleep before looking whether the run is over.
const SLEEP: Duration = Duration::from_millis(50);

/// The thread of a partition.
pub(super) type IntakeThread = JoinHandle<Result<(), SourceError>>;

/// What every partition's thread is given.
#[derive(Clone)]
pub(super) struct Starter {
    pub(super) shared: Arc<Shared>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) record_bytes_max: usize,
    pub(super) pace: Option<Pace>,
    pub(super) live: Option<Live>,
}

impl Starter {
    /// Reads a partition from its mark on.
    pub(super) fn start(
        &self,
        partition: usize,
        source: Box<dyn Source>,
        mark: Mark,
        is_found: bool,
    ) -> Result<IntakeThread, EngineError> {
        let intake = Intake {
            partition,
            live: self.live.filter(|_| !source.is_finite()),
            is_found,
            source,
            shared: Arc::clone(&self.shared),
            delivery: self.delivery_of(partition).clone(),
            record_bytes_max: self.record_bytes_max,
            pace: self.pace.clone(),
            mark,
        };
        super::spawn(&format!("intake-{partition}"), move || intake.run())
    }

    fn delivery_of(&self, partition: usize) -> &Delivery {
        &self.deliveries[partition % self.deliveries.len()]
    }

    /// Looks for new partitions until the run is over, then waits for those that it found.
    pub(super) fn discover(&self, find: &mut Discover) -> Result<(), EngineError> {
        let mut intakes = Vec::new();
        let looked = self.look(find, &mut intakes);
        if looked.is_err() {
            self.shared.fail();
        }
        self.shared.leave();
        self.delivery_of(0).wake();
        for intake in intakes {
            join(intake)?;
        }
        looked
    }

    fn look(
        &self,
        find: &mut Discover,
        intakes: &mut Vec<IntakeThread>,
    ) -> Result<(), EngineError> {
        let mut looked = Instant::now();
        while !self.shared.is_over() {
            thread::sleep(SLEEP);
            if looked.elapsed() < LOOK_EVERY {
                continue;
            }
            looked = Instant::now();
            let known: BTreeSet<String> = self.shared.names().into_iter().collect();
            for source in find(&|name: &str| !known.contains(name))? {
                self.shared.join();
                intakes.push(self.start_found(source)?);
            }
        }
        Ok(())
    }

    fn start_found(&self, source: Box<dyn Source>) -> Result<IntakeThread, EngineError> {
        let named: Named = (source.name().to_owned(), source.identity().map(str::to_owned));
        let position = source.position();
        let mark = Mark { position, ..Mark::default() };
        let partition = self.shared.add(named, mark.clone());
        self.delivery_of(partition).begin(partition, position);
        let numbered = self.shared.gate.add();
        debug_assert_eq!(partition, numbered, "one thread alone adds partitions");
        self.start(partition, source, mark, true)
    }
}

/// Waits for a partition's thread.
pub(super) fn join(intake: IntakeThread) -> Result<(), EngineError> {
    Ok(intake.join().map_err(|_| EngineError::Panicked("intake"))??)
}
