//! What transfers put on lines, interfaces and senders, all of them together.

use super::routes::Hop;
use gridweaver_model::{Text, Watts};
use std::collections::BTreeMap;

/// Sums of what transfers carry.
#[derive(Default)]
pub(super) struct Loads {
    pub(super) lines: BTreeMap<Text, Watts>,
    /// By sending and receiving area.
    pub(super) interfaces: BTreeMap<(Text, Text), Watts>,
    pub(super) senders: BTreeMap<Text, Watts>,
}

impl Loads {
    /// Adds what a route puts on its lines.
    pub(super) fn add_lines(&mut self, route: &[Hop]) {
        for wire in route.iter().flat_map(|hop| &hop.wires) {
            *self.lines.entry(wire.line.clone()).or_default() += wire.power;
        }
    }

    /// Adds what the hops of a path send, to their interfaces and to the sender.
    pub(super) fn add_path(&mut self, path: &[Text], sends: &[Watts]) {
        for (pair, sent) in path.windows(2).zip(sends) {
            let pair = (pair[0].clone(), pair[1].clone());
            *self.interfaces.entry(pair).or_default() += *sent;
        }
        if let (Some(sender), Some(sent)) = (path.first(), sends.first()) {
            *self.senders.entry(sender.clone()).or_default() += *sent;
        }
    }
}
