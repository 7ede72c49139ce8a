//! Decisions about the shape of the grid.

use crate::Text;
use crate::json::JsonWriter;
use serde::{Deserialize, Serialize};

/// An island whose nodes differ from those of the same name a tick earlier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IslandChanged {
    /// Its name: its least node.
    pub island: Text,
    /// How many nodes it has; 0 where it vanished.
    pub nodes: u64,
    /// Its regions, sorted.
    pub regions: Vec<Text>,
    /// The islands that its nodes were in, sorted.
    pub previous: Vec<Text>,
}

impl IslandChanged {
    pub(super) fn write(&self, object: &mut JsonWriter<'_>) {
        object.text("island", &self.island);
        object.integer("nodes", self.nodes.into());
        object.texts("regions", &self.regions);
        object.texts("previous", &self.previous);
        object.nested("inputs", |_| {});
    }
}

/// What is wrong with a line or a node; variants stand in the byte order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ViolationKind {
    /// A node without a live line.
    IsolatedNode,
    /// A line that begins and ends at one node.
    SelfLoop,
    /// A line whose end does not exist.
    UnknownNode,
    /// A line that can carry nothing.
    ZeroCapacity,
}

impl ViolationKind {
    /// The kind on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IsolatedNode => "isolated_node",
            Self::SelfLoop => "self_loop",
            Self::UnknownNode => "unknown_node",
            Self::ZeroCapacity => "zero_capacity",
        }
    }

    /// What is wrong, for a person; `node` is the line's end concerned, where one is.
    #[must_use]
    pub fn detail(self, node: &str) -> Text {
        match self {
            Self::IsolatedNode => "no live line".into(),
            Self::SelfLoop => format!("both ends are node {node}").into(),
            Self::UnknownNode => format!("node {node} does not exist").into(),
            Self::ZeroCapacity => "its capacity is 0 MW".into(),
        }
    }
}

/// A violation that begins or ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Violation {
    /// What is wrong.
    pub kind: ViolationKind,
    /// The line or node.
    pub subject: Text,
    /// For a person.
    pub detail: Text,
    /// True where it ends.
    pub cleared: bool,
}

impl Violation {
    pub(super) fn write(&self, object: &mut JsonWriter<'_>) {
        object.text("kind", self.kind.name());
        object.text("subject", &self.subject);
        object.text("detail", &self.detail);
        object.boolean("cleared", self.cleared);
        object.nested("inputs", |_| {});
    }
}
