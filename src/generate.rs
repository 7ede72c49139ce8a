//! A synthetic grid and its event stream, from a seed: `gridweaver generate`.
//!
//! The same [`Request`] gives the same records on every machine: integers, and random numbers of a
//! generator that is written down here (`random`). The grid and its market depend on the seed and
//! on their own sizes alone, so that one grid can be played at several rates.
//!
//! What it is like:
//!
//! - **The grid.** Regions lie on a lattice, nodes scatter around their centres; each region's lines
//!   are a tree of short ones and more of them, ties join neighbouring regions. Some nodes generate
//!   (thermal, wind, sun), most have load. Regions differ in what they have to spare: some lack a
//!   little, others help.
//! - **The time.** An evening in June from 17:00 UTC: load rises, the sun sinks, wind wanders.
//! - **Incidents.** Waves of load, units that trip, lines that trip and return, once in a while a
//!   region that loses all its ties, limits between regions, shortfalls declared by the operator, a
//!   meter that falls silent.
//! - **The market.** Two programs a region; bids, some there at the beginning and some made on the
//!   way, some revised, some withdrawn, some dearer than their program allows; what participants
//!   delivered before.
//! - **The stream.** In order of arrival. Of a thousand readings about five come twice, two come
//!   late by more than the default lateness, three are of bad and five of suspect quality. No
//!   record is refused: there are no dead letters in it.
//!
//! Every node is read once at the beginning; from then on there are `rate` readings a second, node
//! after node. What is not like a real grid: loads are independent of each other and of what is
//! ordered, and no participant answers (an answer names an order, which is not there yet).
//!
//! | module | what it holds |
//! | --- | --- |
//! | `grid` | regions, nodes and lines |
//! | `incidents`, `market` | what happens when |
//! | `meters` | what a node's meter reads at a time |
//! | `stream` | all of it, in order of arrival |
//! | [`random`] | random numbers that a seed repeats |

mod grid;
mod incidents;
mod market;
mod meters;
pub mod random;
mod stream;

use gridweaver_model::{Millis, Record, Time};

/// When the stream begins: 2026-06-15T17:00:00Z.
pub const START: Time = Time(1_781_542_800_000);

/// The longest stream.
const DURATION_MAX: Millis = Millis(30 * 86_400_000);

/// The most readings a second.
pub const RATE_MAX: u32 = 1_000_000;

/// What to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// How many nodes.
    pub nodes: usize,
    /// How many lines; at least enough to join all nodes.
    pub lines: usize,
    /// How many regions; at most one a node.
    pub regions: usize,
    /// How many bids.
    pub bids: usize,
    /// Meter readings a second, besides those at the beginning.
    pub rate: u32,
    /// How long the stream lasts.
    pub duration: Millis,
    /// What all random numbers follow from.
    pub seed: u64,
    /// Whether every record arrives once, at its own time: nothing out of order, late or twice.
    pub is_punctual: bool,
}

impl Default for Request {
    fn default() -> Self {
        let duration = Millis(1_800_000);
        Self {
            nodes: 200,
            lines: 260,
            regions: 8,
            bids: 400,
            rate: 50,
            duration,
            seed: 1,
            is_punctual: false,
        }
    }
}

/// What cannot be generated, and what can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsuited(String);

impl Unsuited {
    pub(crate) fn because(reason: String) -> Self {
        Self(reason)
    }
}

/// Generates what is asked for, in order of arrival.
///
/// # Errors
/// [`Unsuited`] where the figures do not fit together.
pub fn records(request: &Request) -> Result<impl Iterator<Item = Record> + use<>, Unsuited> {
    check(request)?;
    Ok(stream::Stream::new(request))
}

fn check(request: &Request) -> Result<(), Unsuited> {
    let Request { nodes, lines, regions, rate, duration, .. } = *request;
    let refused = |reason: String| Err(Unsuited(reason));
    if regions == 0 || nodes < regions {
        return refused(format!(
            "{nodes} nodes in {regions} regions: give at least one region, and a node for each"
        ));
    }
    if lines + 1 < nodes {
        let least = nodes - 1;
        return refused(format!(
            "{lines} lines do not join {nodes} nodes: give at least {least} lines"
        ));
    }
    if nodes == 1 && lines > 0 {
        return refused(format!("{lines} lines with 1 node: a line joins two, give 0 lines"));
    }
    if rate == 0 || rate > RATE_MAX {
        return refused(format!("a rate of {rate} readings a second: give 1 to {RATE_MAX}"));
    }
    if duration < Millis(1_000) || duration > DURATION_MAX {
        return refused("the duration: give one second to 30 days, such as 30m".to_owned());
    }
    Ok(())
}
