//! Records that reach a view and are refused there: too late for a key that may be forgotten.

use crate::change::Change;
use crate::row::Origin;
use gridweaver_model::{DeadLetter, Reason, Rules, Text};

/// The dead letter of such a record. Only records whose origin was kept can be refused.
#[must_use]
pub(crate) fn refused(origin: Option<Box<Origin>>, key: &Text, rules: &Rules) -> Option<Change> {
    let origin = *origin?;
    let retention_s = rules.retention.0 / 1000;
    Some(Change::Refused(Box::new(DeadLetter {
        source: origin.source,
        offset: origin.offset,
        reason: Reason::Late,
        detail: format!(
            "late by more than the retention of {retention_s} s, and `{key}` is not held"
        ),
        raw: origin.raw,
    })))
}
