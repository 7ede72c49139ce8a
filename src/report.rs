//! Reports: latency logs as tables and plots, and the day of a run as a page.
//!
//! A page is one file that needs nothing from outside, in light and dark. The plots are written by
//! hand ([`chart`]): what is shown is little, and must be legible before all.

pub mod chart;
mod day;
mod latencies;
mod page;
mod percentiles;

pub use day::day;
pub use latencies::{Log, LogError, table};
pub use page::{Section, Table, page};
pub use percentiles::{latency, percentiles};
