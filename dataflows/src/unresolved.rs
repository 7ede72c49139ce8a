//! `unresolved`: nodes that were heard of and do not exist, in differential dataflow.
//!
//! Their readings wait and count as soon as the node comes. (Bids that refer to something missing
//! are told by `bids`, which must know anyway.)

use differential_dataflow::VecCollection;
use gridweaver_model::{Text, Tick};

/// The nodes heard of that do not exist.
pub fn unresolved_telemetry<'scope>(
    heard: VecCollection<'scope, Tick, Text, isize>,
    nodes: VecCollection<'scope, Tick, Text, isize>,
) -> VecCollection<'scope, Tick, Text, isize> {
    heard.map(|node| (node, ())).antijoin(nodes).map(|(node, ())| node)
}
