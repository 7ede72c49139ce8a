//! Two recorded outputs of one day side by side: what each came to, and where they part.
//!
//! Records are held against each other by what they say of bids, areas and paths, not by their
//! derived ids: those differ wherever the figures behind them do. Both outputs are read once, tick
//! by tick.

mod telling;
mod told;
mod totals;

pub use totals::{Ordered, Totals};

use crate::verify::lines;
use gridweaver_model::Time;
use gridweaver_model::decision::reading::{Body, Written, read};
use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::iter::Peekable;

/// Why outputs can't be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A file can't be read.
    #[error("`{name}` cannot be read after line {line}")]
    Unreadable {
        /// The file.
        name: String,
        /// The last line read.
        line: u64,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A line is no record of ours.
    #[error(
        "`{name}` line {line} is no record that gridweaver writes: {problem}; is it an orders file?"
    )]
    Foreign {
        /// The file.
        name: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
}

/// Something that the outputs say differently of one tick.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is about.
    pub about: String,
    /// What the first says; `None`: nothing.
    pub a: Option<String>,
    /// What the second says.
    pub b: Option<String>,
}

/// Both outputs.
#[derive(Debug, Default)]
pub struct Comparison {
    /// The first.
    pub a: Totals,
    /// The second.
    pub b: Totals,
    /// Ticks that differ, with what differs.
    pub parted: Vec<(Time, Vec<Difference>)>,
}

/// Compares two outputs; the names stand in errors.
///
/// # Errors
/// Where one can't be read or holds something else than our records.
pub fn compare(
    a: (&str, impl BufRead),
    b: (&str, impl BufRead),
) -> Result<Comparison, CompareError> {
    let (mut a, mut b) = (records(a.0, a.1).peekable(), records(b.0, b.1).peekable());
    let mut comparison = Comparison::default();
    loop {
        let next = [next_end(&mut a)?, next_end(&mut b)?].into_iter().flatten().min();
        let Some(tick) = next else { return Ok(comparison) };
        let of_a = take_tick(&mut a, tick, &mut comparison.a)?;
        let of_b = take_tick(&mut b, tick, &mut comparison.b)?;
        let differences = differences(of_a, of_b);
        if !differences.is_empty() {
            comparison.parted.push((tick, differences));
        }
    }
}

type Read = Result<Written, CompareError>;

fn records(name: &str, reader: impl BufRead) -> impl Iterator<Item = Read> {
    let numbered = lines(reader).enumerate();
    let whole = numbered.filter(|(_, line)| !line.as_ref().is_ok_and(Vec::is_empty));
    whole.map(move |(before, line)| {
        let (name, before) = (name.to_owned(), before as u64);
        let line = line.map_err(|cause| CompareError::Unreadable {
            name: name.clone(),
            line: before,
            cause,
        })?;
        read(&line).map_err(|error| CompareError::Foreign {
            name,
            line: before + 1,
            problem: error.to_string(),
        })
    })
}

fn next_end<I: Iterator<Item = Read>>(
    records: &mut Peekable<I>,
) -> Result<Option<Time>, CompareError> {
    match records.peek() {
        Some(Ok(written)) => Ok(Some(written.time)),
        Some(Err(_)) => records.next().transpose().map(|_| None),
        None => Ok(None),
    }
}

/// What a tick says: by the place of the record's type in a tick and by what it is about, all that
/// is said of that.
type Told = BTreeMap<(u8, String), Vec<String>>;

fn take_tick<I: Iterator<Item = Read>>(
    records: &mut Peekable<I>,
    tick: Time,
    totals: &mut Totals,
) -> Result<Told, CompareError> {
    let mut told = Told::new();
    if next_end(records)?.is_some_and(|end| end <= tick) {
        totals.begin(tick);
    }
    while next_end(records)?.is_some_and(|end| end <= tick) {
        let Some(written) = records.next().transpose()? else { break };
        if let Body::Decision(decision) = written.body {
            totals.count(&decision.event);
            let (about, says) = told::told(&decision.event, decision.area.as_deref());
            told.entry((decision.event.rank(), about)).or_default().push(says);
        }
    }
    totals.end();
    Ok(told)
}

fn differences(a: Told, mut b: Told) -> Vec<Difference> {
    let mut both: BTreeMap<_, (Vec<String>, Vec<String>)> = BTreeMap::new();
    for (about, of_a) in a {
        let of_b = b.remove(&about).unwrap_or_default();
        both.insert(about, (of_a, of_b));
    }
    both.extend(b.into_iter().map(|(about, of_b)| (about, (Vec::new(), of_b))));
    let said = |says: Vec<String>| (!says.is_empty()).then(|| says.join("; "));
    let found = both.into_iter().filter_map(|((_, about), (mut of_a, mut of_b))| {
        of_a.sort_unstable();
        of_b.sort_unstable();
        (of_a != of_b).then(|| Difference { about, a: said(of_a), b: said(of_b) })
    });
    found.collect()
}
