//! The records that GridWeaver reads and writes: their types, units, wire form and validation.
//!
//! Nothing here does I/O, keeps time or knows of a dataflow. A record's way through this crate:
//! a line of bytes goes to [`mod@scan`], which accepts only what is surely valid and fast to read; the
//! rest goes to [`mod@judge`], which decides strictly and names the reason of every refusal. What
//! comes out is a [`Record`]; [`mod@encode`] turns one back into its line. What GridWeaver decides is a
//! [`Decision`], numbered and written as text by the same small [`json`] writer.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`units`], [`decimal`], [`time`] | quantities as integers, read exactly from decimal text |
//! | [`record`] | every record type that is read |
//! | [`mod@scan`], [`mod@judge`], [`mod@encode`] | its codec: the fast path, the strict path, the way back |
//! | [`dead_letter`] | what could not be read, and why |
//! | [`decision`] | every record type that is written |
//! | [`rules`] | the settings that shape ticks, state and decisions |

pub mod dead_letter;
pub mod decimal;
pub mod decision;
pub mod encode;
pub mod json;
pub mod judge;
pub mod record;
pub mod rules;
pub mod scan;
pub mod time;
pub mod units;

pub use dead_letter::{DeadLetter, Reason};
pub use decision::Decision;
pub use judge::{Refusal, decode, decode_text};
pub use record::{Data, Envelope, Record, Version};
pub use rules::{Rules, Tick};
pub use time::Time;
pub use units::{Metres, Microdegrees, Millis, Ppm, Price, Watts};

/// Text of a record: an id, a key, a name. At most 24 bytes are kept without an allocation.
pub type Text = compact_str::CompactString;

/// A map for look-ups only: hashed with a fixed seed, so that it costs the same in every run, and
/// never iterated where the order could reach a decision.
pub type Lookup<K, V> = hashbrown::HashMap<K, V, foldhash::fast::FixedState>;
