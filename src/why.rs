//! Why an order was given: what `gridweaver why` stands on.
//!
//! [`why`] walks through the input and the recorded output side by side, as [`crate::verify`] does
//! and over the same views, which are rebuilt from the input without the planner. In the tick in
//! which an order was written it gathers what there was to choose from and which limits bound; then
//! it follows the order to its end. What it says is therefore true of the records whoever wrote
//! them; where they break a rule of dispatch in those ticks, it says so too.
//!
//! | module | what it finds |
//! | --- | --- |
//! | `shortfall`, `plan` | what was lacking and since when, why a plan was made, what limited it |
//! | `bids`, `network`, `paths` | what there was to choose from, and why no more of it was taken |
//! | `without`, `refill` | what would serve in the order's place |
//! | `misfit`, `ending` | what no longer let it stand, how it ended |
//! | `index`, `watch` | which orders there are; what is noted on the walk |
//! | [`facts`], [`units`], `telling` | all of it as data, and in words |

mod bids;
mod ending;
pub mod facts;
mod index;
mod misfit;
mod network;
mod paths;
mod plan;
mod refill;
mod shortfall;
mod telling;
pub mod units;
mod watch;
mod without;

pub use facts::Explanation;
pub use telling::text;

use gridweaver_dataflows::twins::history::Reads;
use gridweaver_model::{Rules, Text};
use std::collections::BTreeMap;
use std::io;

/// Why an order cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    /// No record of it.
    #[error("the orders hold no order `{order}`: {instead}")]
    Unknown {
        /// The name asked for.
        order: Text,
        /// What there is instead.
        instead: String,
    },
    /// Its record stands where it cannot be read in its place.
    #[error("order `{0}` is recorded out of its place: gridweaver verify says what is wrong")]
    Misplaced(Text),
    /// The orders cannot be read.
    #[error("the orders cannot be read")]
    Orders(#[source] io::Error),
}

/// Explains some recorded orders; without names, all of them. `inputs` are the partitions' records,
/// decoded; `orders` the lines of the recorded output, without their newlines.
///
/// # Errors
/// [`WhyError`] where an order is not among those recorded, or the orders cannot be read.
pub fn why<'a>(
    inputs: Vec<Reads<'a>>,
    orders: impl Iterator<Item = io::Result<Vec<u8>>>,
    wanted: &[Text],
    rules: &Rules,
) -> Result<Vec<Explanation>, WhyError> {
    let lines: Vec<Vec<u8>> = orders.collect::<io::Result<_>>().map_err(WhyError::Orders)?;
    let index = index::Index::of(lines.iter());
    let mut regions = index.region_of.clone();
    if !wanted.is_empty() {
        if let Some(order) = wanted.iter().find(|order| !regions.contains_key(*order)) {
            let instead = index.instead_of(order);
            return Err(WhyError::Unknown { order: order.clone(), instead });
        }
        regions.retain(|order, _| wanted.contains(order));
    }
    let mut watch = watch::Watch::of(regions);
    let lines = lines.into_iter().map(Ok);
    let breaches = crate::verify::walk(inputs, lines, rules, &mut |scene| watch.look(scene));
    let mut told: BTreeMap<Text, Explanation> = watch.finish(&breaches);
    if wanted.is_empty() {
        return Ok(told.into_values().collect());
    }
    let found = wanted
        .iter()
        .map(|order| told.remove(order).ok_or_else(|| WhyError::Misplaced(order.clone())));
    found.collect()
}
