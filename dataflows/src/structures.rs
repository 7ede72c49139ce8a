//! The plain data structures inside the views: no dataflow, no I/O, no clock.
//!
//! | module | what it keeps |
//! | --- | --- |
//! | [`connectivity`], [`bridges`] | islands as lines open and close, and what one line's loss would cut off |
//! | [`order_statistics`] | the ranking of a program's bids |
//! | [`clearing`] | the cheapest set of bids for a need, exactly |
//! | [`flow`] | the cheapest transfers over lines with limits and losses, with its certificate |
//! | [`lines`] | lines as their newest records say |
//! | [`parallel_lines`] | lines side by side, as one |
//! | [`remembered`] | identities seen within the dedup window |
//! | [`upserts`] | the newest value of each key |
//! | [`numbered`] | things by name and by number |

pub mod bridges;
pub mod clearing;
pub mod connectivity;
pub mod flow;
pub mod lines;
pub mod numbered;
pub mod order_statistics;
pub mod parallel_lines;
pub mod remembered;
pub mod upserts;
