//! Recorded decisions: where they are read from, and what the wall clock chose as they were made.

use super::{Failure, usage};
use anyhow::{Context as _, anyhow};
use gridweaver::connectors::file::STANDARD_STREAM;
use gridweaver::engine::Choices;
use gridweaver::model::Time;
use gridweaver::model::decision::TICK_CLOSED;
use gridweaver::model::decision::reading::{Body, read};
use memchr::memmem::Finder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read as _};
use std::path::Path;

/// What the wall clock chose, by the ends of the ticks that tell of it.
pub(super) type Chosen = BTreeMap<Time, Choices>;

/// Opens recorded decisions; `-` is standard input.
pub(super) fn recorded(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path.as_os_str() == STANDARD_STREAM {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path).with_context(|| format!("the orders `{}`", path.display()))?;
    Ok(Box::new(BufReader::with_capacity(1 << 20, file)))
}

/// Recorded decisions, and what the wall clock chose. Standard input is held in memory: it is
/// needed twice.
pub(super) fn recorded_and_chosen(path: &Path) -> Result<(Box<dyn BufRead>, Chosen), Failure> {
    if path.as_os_str() != STANDARD_STREAM {
        return Ok((recorded(path)?, chosen(recorded(path)?, path)?));
    }
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text).context("the orders on standard input")?;
    let chosen = chosen(Cursor::new(&text), path)?;
    Ok((Box::new(Cursor::new(text)), chosen))
}

/// Reads what the wall clock chose. Other records may stand between the ends of ticks; what can't be read is passed over, unless it is the end of a tick.
pub(super) fn chosen(mut lines: impl BufRead, path: &Path) -> Result<Chosen, Failure> {
    let tick_closed = Finder::new(TICK_CLOSED);
    let mut chosen = BTreeMap::new();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let length = lines.read_until(b'\n', &mut line);
        if length.with_context(|| format!("the ticks `{}`", path.display()))? == 0 {
            break;
        }
        if tick_closed.find(&line).is_none() {
            continue;
        }
        match read(line.trim_ascii_end()) {
            Ok(written) => {
                if let Body::TickClosed(closed) = written.body {
                    let (tick, choices) = (closed.tick, Choices::from(closed));
                    chosen.insert(tick, choices);
                }
            }
            Err(why) => {
                return Err(usage(anyhow!(
                    "`{}`, line {number}: no sound {TICK_CLOSED}: {why}; name what gridweaver wrote",
                    path.display()
                )));
            }
        }
    }
    Ok(chosen)
}
