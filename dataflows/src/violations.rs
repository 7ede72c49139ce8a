//! `violations`: what is wrong with lines and nodes, in differential dataflow.
//!
//! Of a line: an end that does not exist, both ends the same, nothing that it can carry (in
//! service or not). Of a node: no live line. Lines and nodes change rarely, so joins and antijoins
//! say in a few lines what would be pages of bookkeeping; each kind is told once a subject.

use crate::change::KnownLine;
use differential_dataflow::VecCollection;
use gridweaver_model::decision::ViolationKind;
use gridweaver_model::{Text, Tick};

/// One broken rule: its kind and whose, and a detail for a person.
pub type Broken = ((ViolationKind, Text), Text);

/// The rules that the lines and nodes break.
pub fn violations<'scope>(
    lines: VecCollection<'scope, Tick, KnownLine, isize>,
    nodes: VecCollection<'scope, Tick, Text, isize>,
) -> VecCollection<'scope, Tick, Broken, isize> {
    let unknown_node = lines
        .clone()
        .flat_map(|line| [(line.from, line.line.clone()), (line.to, line.line)])
        .antijoin(nodes.clone())
        .map(|(node, line)| {
            ((ViolationKind::UnknownNode, line), ViolationKind::UnknownNode.detail(&node))
        });
    let self_loop = lines.clone().filter(|line| line.from == line.to).map(|line| {
        let detail = ViolationKind::SelfLoop.detail(&line.from);
        ((ViolationKind::SelfLoop, line.line), detail)
    });
    let zero_capacity = lines.clone().filter(|line| !line.carries).map(|line| {
        ((ViolationKind::ZeroCapacity, line.line), ViolationKind::ZeroCapacity.detail(""))
    });
    let live_ends = lines
        .filter(|line| line.in_service && line.carries && line.from != line.to)
        .map(|line| (line.from, line.to))
        .semijoin(nodes.clone())
        .map(|(from, to)| (to, from))
        .semijoin(nodes.clone())
        .flat_map(|(to, from)| [to, from])
        .distinct();
    let isolated_node = nodes.map(|node| (node, ())).antijoin(live_ends).map(|(node, ())| {
        ((ViolationKind::IsolatedNode, node), ViolationKind::IsolatedNode.detail(""))
    });
    unknown_node.concatenate([self_loop, zero_capacity, isolated_node]).reduce_named(
        "violations",
        |_, details, out| {
            let least = details.first().map_or_else(Text::default, |(detail, _)| (*detail).clone());
            out.push((least, 1));
        },
    )
}
