//! The plain data structures inside the views: no dataflow, no I/O, no clock.
//!
//! | module | what it keeps |
//! | --- | --- |
//! | [`connectivity`], [`bridges`] | islands as lines open and close, and what one line's loss would cut off |
//! | [`order_statistics`] | the ranking of a program's bids |
//! | [`clearing`] | the cheapest set of bids for a need, exactly |
//! | [`flow`] | the cheapest transfers over lines with limits and losses, with its certificate |
//! | [`remembered`] | identities seen within the dedup window |
//! | [`upserts`] | the newest value of each key |
//! | [`numbered`] | things by name and by number |

pub mod bridges;
pub mod clearing;
pub mod connectivity;
pub mod flow;
pub mod numbered;
pub mod order_statistics;
pub mod remembered;
pub mod upserts;
