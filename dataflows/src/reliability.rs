//! `reliability`: each participant's own record, in differential dataflow.
//!
//! A fact counts from the tick it is admitted to until the first that ends more than
//! `reliability_window` after its time; a revision replaces it. Reliability is Σ delivered /
//! Σ instructed over what counts, in whole ppm, rounded down, capped at 1.

use differential_dataflow::operators::CountTotal;
use differential_dataflow::{AsCollection, VecCollection};
use gridweaver_model::record::Performance;
use gridweaver_model::{Ppm, Rules, Text, Tick, Time};
use timely::dataflow::operators::vec::Map;

/// A fact under its identity: what tells revisions apart, then what it says.
pub type Fact = ((Text, Text), (u64, Time, Performance));

/// The reliability of every participant with a record of its own.
pub fn reliability<'scope>(
    facts: VecCollection<'scope, Tick, Fact, isize>,
    rules: &Rules,
) -> VecCollection<'scope, Tick, (Text, Ppm), isize> {
    let rules = rules.clone();
    facts
        .inner
        .flat_map(move |(fact, tick, difference)| {
            let (_, (_, time, _)) = &fact;
            let over = Time(time.0 + rules.dispatch.reliability_window.0 + 1);
            let until = rules.first_ending_at_or_after(over).max(tick);
            [(fact.clone(), tick, difference), (fact, until, -difference)]
        })
        .as_collection()
        .consolidate()
        .reduce_named("reliability: newest of each fact", |_, revisions, out| {
            if let Some((newest, _)) = revisions.last() {
                out.push(((*newest).clone(), 1));
            }
        })
        .explode(|(_, (_, _, fact))| {
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
