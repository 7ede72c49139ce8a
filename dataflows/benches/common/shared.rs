//! What the benches share.

pub(crate) mod chain;
pub(crate) mod feed;
pub(crate) mod lattice;
pub(crate) mod measure;

#[path = "../../../tests/common/random.rs"]
#[allow(clippy::unwrap_used, reason = "it is a helper of tests")]
pub(crate) mod random;
