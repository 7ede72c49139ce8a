//! The tables of a MATPOWER case, as text.
//!
//! A case is a program that assigns matrices; this reads those of the form `mpc.bus = [ … ];`
//! and runs nothing. Comments (`%` and `%{ … %}`), continuation (`...`), rows that end at a `;`
//! or with their line, and commas between numbers are understood. A case that computes with its
//! tables is refused: without running it its numbers would be wrong.

use crate::import::{ImportError, Place};
use std::path::Path;

/// The tables that an import needs.
pub(super) const NAMES: [&str; 3] = ["bus", "gen", "branch"];

/// One matrix.
#[derive(Debug, Default)]
pub(super) struct Table<'a> {
    pub(super) rows: Vec<Row<'a>>,
    /// The row that is not yet ended.
    open: Option<Row<'a>>,
}

/// One row of a matrix.
#[derive(Debug, Default)]
pub(super) struct Row<'a> {
    /// Where it begins, counted from 1.
    pub(super) line: usize,
    pub(super) fields: Vec<&'a str>,
}

/// Reads the tables [`NAMES`]; one that the file does not hold is `None`.
pub(super) fn read<'a>(
    path: &Path,
    text: &'a str,
) -> Result<[Option<Table<'a>>; NAMES.len()], ImportError> {
    let mut tables = [None, None, None];
    let mut open: Option<usize> = None;
    let mut comment_depth = 0u32;
    for (line, text) in (1..).zip(text.lines()) {
        match text.trim() {
            "%{" => comment_depth += 1,
            "%}" => comment_depth = comment_depth.saturating_sub(1),
            _ => {}
        }
        let mut code = if comment_depth > 0 { "" } else { before(text, "%") };
        if open.is_none() {
            match assignment(code) {
                Some(Assignment::Table(table, rest)) => {
                    (open, code) = (Some(table), rest);
                    tables[table] = Some(Table::default());
                }
                Some(Assignment::Computed(table)) => {
                    return Err(Place::new(path, line).malformed(format!(
                        "the case computes with its table `mpc.{}`, and only tables are read \
                         here: load it and save it again with `savecase`",
                        NAMES[table]
                    )));
                }
                None => continue,
            }
        }
        let Some(table) = open.and_then(|at| tables[at].as_mut()) else {
            continue;
        };
        let inside = before(code, "]");
        table.add(line, inside);
        if inside.len() < code.len() {
            table.end_row();
            open = None;
        }
    }
    if let Some(table) = open {
        let place = Place { table: Some(NAMES[table]), ..Place::new(path, text.lines().count()) };
        return Err(place.malformed("the table is not closed by a `]`: the file is cut short"));
    }
    Ok(tables)
}

impl<'a> Table<'a> {
    /// Adds what one line holds of the table.
    fn add(&mut self, line: usize, code: &'a str) {
        let kept = before(code, "...");
        let is_continued = kept.len() < code.len();
        let mut parts = kept.split(';').peekable();
        while let Some(part) = parts.next() {
            let is_between = |character: char| character.is_whitespace() || character == ',';
            for field in part.split(is_between).filter(|field| !field.is_empty()) {
                self.open.get_or_insert(Row { line, ..Row::default() }).fields.push(field);
            }
            if parts.peek().is_some() || !is_continued {
                self.end_row();
            }
        }
    }

    fn end_row(&mut self) {
        self.rows.extend(self.open.take());
    }
}

/// The text up to the first occurrence of a mark, all of it where there is none.
fn before<'a>(text: &'a str, mark: &str) -> &'a str {
    text.split_once(mark).map_or(text, |(head, _)| head)
}

enum Assignment<'a> {
    /// The index of a table, and what stands behind its `[`.
    Table(usize, &'a str),
    /// The index of a table that is assigned to in part.
    Computed(usize),
}

/// An assignment to one of the tables that are needed.
fn assignment(code: &str) -> Option<Assignment<'_>> {
    let (name, value) = code.split_once('=')?;
    let name = name.trim().strip_prefix("mpc.")?;
    let (field, index) = name.split_once('(').unwrap_or((name, ""));
    let table = NAMES.iter().position(|known| *known == field.trim())?;
    match value.trim_start().strip_prefix('[') {
        Some(rest) if index.is_empty() => Some(Assignment::Table(table, rest)),
        _ => Some(Assignment::Computed(table)),
    }
}
