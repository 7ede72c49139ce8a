//! The checker of recorded decisions: what `gridweaver verify` stands on.
//!
//! [`verify`] reads an input history and the orders recorded from it side by side, tick by tick,
//! and tells every rule of dispatch that the records break. It stands on the twins of the views
//! alone (`gridweaver_dataflows::twins`) and shares no code with the planner: a plan is never made
//! here, only judged. Where the contract can be read in more than one way, each reading passes.
//!
//! What stands is judged over time too: a plan is made anew, an order ended or released only for a
//! reason that the contract names, and not kept once it must not stand. Two things it cannot know.
//! When a plan was last compared with a new one is nowhere written, so a cheaper plan may come as
//! soon as the old one is `replan_every` old. And that a better plan could have been made, and was
//! not, takes a planner to say: a planner that never looks whether it could shed less, or serve
//! dearer needs more cheaply, passes.
//!
//! | module | what is checked |
//! | --- | --- |
//! | `stream` | envelope, numbers, order of records, counts and digests of ticks |
//! | `topology` | islands and violations as recorded are those of the input |
//! | `ends`, `causes` | orders end for the reasons given, and where an answer, or none, ends them |
//! | `failures` | what failed is not ordered again for a while |
//! | `activations`, `transfers` | new orders are what the input allows, to the watt |
//! | `standing`, `loads` | every limit, at every tick's end, over all that stands |
//! | `steadiness`, `holds`, `worth` | plans and orders stand, and go, for a reason; minimum runs |
//! | `plans`, `held`, `clearing`, `cascade` | plans are there, add up, and are optimal |
//! | `statuses` | what is written of bids is what holds |
//!
//! It needs the whole stream of one sink, without a `types` filter, and finite inputs.

mod activations;
mod breach;
pub(crate) mod cascade;
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
pub(crate) mod stream;
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
