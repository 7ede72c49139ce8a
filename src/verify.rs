//! The checker of recorded decisions: what `gridweaver verify` stands on.
//!
//! [`verify`] reads an input history and the orders recorded from it side by side, tick by tick,
//! and tells every rule of dispatch that the records break. It stands on the twins of the views
//! alone (`gridweaver_dataflows::twins`) and shares no code with the planner: a plan is never made
//! here, only judged. What it cannot know (why a standing plan was kept or looked at anew) it does
//! not judge, so a planner that plans afresh in every tick passes as well as one that stands by its
//! orders for as long as the contract lets it. Where the contract can be read in more than one way,
//! each reading passes.
//!
//! | module | what is checked |
//! | --- | --- |
//! | `stream` | envelope, numbers, order of records, counts and digests of ticks |
//! | `topology` | islands and violations as recorded are those of the input |
//! | `ends` | orders end for the reasons given, and where an answer ends them |
//! | `activations`, `transfers` | new orders are what the input allows, to the watt |
//! | `standing` | every limit, at every tick's end, over all that stands |
//! | `plans`, `held`, `clearing`, `cascade` | plans are there, add up, and are optimal |
//! | `statuses` | what is written of bids is what holds |
//!
//! It needs the whole stream of one sink, without a `types` filter, and finite inputs.

mod activations;
mod breach;
mod cascade;
mod causes;
mod clearing;
mod ends;
mod failures;
mod held;
mod holds;
mod loads;
mod plans;
pub(crate) mod routes;
pub(crate) mod scene;
pub(crate) mod standing;
mod statuses;
mod steadiness;
mod stream;
mod topology;
mod transfers;
mod walk;
mod worth;

#[cfg(test)]
mod tests;

pub use breach::Breach;
pub use stream::lines;

use gridweaver_dataflows::twins::history::Reads;
use gridweaver_model::Rules;
use std::io;

/// Checks the orders recorded from some inputs. `inputs` are the partitions' records, decoded;
/// `orders` the lines of the recorded output, without their newlines ([`lines`] splits a reader).
///
/// The list is empty where nothing is wrong. It is cut off, and says so, after the first thousand
/// breaches: one wrong record can break many rules after it.
pub fn verify<'a>(
    inputs: Vec<Reads<'a>>,
    orders: impl Iterator<Item = io::Result<Vec<u8>>> + 'a,
    rules: &Rules,
) -> Vec<Breach> {
    walk(inputs, orders, rules, &mut |_| ())
}

/// The same walk, with each of its ticks shown, as its checks see it.
pub(crate) fn walk<'a>(
    inputs: Vec<Reads<'a>>,
    orders: impl Iterator<Item = io::Result<Vec<u8>>> + 'a,
    rules: &Rules,
    look: &mut dyn FnMut(&scene::Scene<'_>),
) -> Vec<Breach> {
    walk::Checker::new(inputs, rules).run(stream::Stream::new(orders, rules), look)
}
