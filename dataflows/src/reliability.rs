//! `reliability`: each participant's own record, in differential dataflow.
//!
//! Reliability is Σ delivered / Σ instructed over the facts that count, in whole ppm, rounded down,
//! capped at 1.

use differential_dataflow::VecCollection;
use differential_dataflow::operators::CountTotal;
use gridweaver_model::record::Performance;
use gridweaver_model::{Ppm, Text, Tick};

/// The reliability of every participant with a record of its own.
pub fn reliability<'scope>(
    facts: VecCollection<'scope, Tick, Performance, isize>,
) -> VecCollection<'scope, Tick, (Text, Ppm), isize> {
    facts
        .explode(|fact| {
            let sums = (fact.instructed.0 as isize, fact.delivered.0 as isize);
            Some((fact.participant, sums))
        })
        .count_total()
        .map(|(participant, (instructed, delivered))| (participant, ratio(instructed, delivered)))
}

fn ratio(instructed: isize, delivered: isize) -> Ppm {
    let ppm = delivered as i128 * 1_000_000 / (instructed as i128).max(1);
    Ppm(u32::try_from(ppm).unwrap_or(u32::MAX).min(1_000_000))
}
