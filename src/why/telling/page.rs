//! Text in the making: headings, paragraphs broken at 96 columns, aligned tables.

use crate::why::units::Mw;

const WIDTH: usize = 96;

/// A text in the making.
#[derive(Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    /// A line as it stands.
    pub(super) fn line(&mut self, line: &str) {
        self.text += line.trim_end();
        self.text.push('\n');
    }

    /// An empty line, unless there is one.
    pub(super) fn gap(&mut self) {
        if !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A heading of its own.
    pub(super) fn heading(&mut self, heading: &str) {
        self.gap();
        self.line(heading);
        self.line(&"-".repeat(heading.chars().count()));
    }

    /// A paragraph.
    pub(super) fn say(&mut self, paragraph: &str) {
        self.wrapped(paragraph, "", "");
    }

    /// An item of a list.
    pub(super) fn item(&mut self, item: &str) {
        self.wrapped(item, "- ", "  ");
    }

    fn wrapped(&mut self, text: &str, first: &str, indent: &str) {
        let mut line = first.to_owned();
        let mut empty = true;
        for word in text.split_whitespace() {
            let next = line.chars().count() + word.chars().count() + usize::from(!empty);
            if !empty && next > WIDTH {
                self.line(&line);
                line = indent.to_owned();
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line += word;
            empty = false;
        }
        self.line(&line);
    }

    /// Figures under each other.
    pub(super) fn figures(&mut self, rows: &[(&str, Mw)]) {
        let rows = rows.iter().map(|(name, figure)| vec![(*name).to_owned(), figure.to_string()]);
        self.table(&[false, true], &rows.collect::<Vec<_>>());
    }

    /// A table; its first row may be a head. `right` says which columns are set to the right.
    pub(super) fn table(&mut self, right: &[bool], rows: &[Vec<String>]) {
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..right.len()).map(|at| width(at).unwrap_or(0)).collect();
        for row in rows {
            let mut line = " ".to_owned();
            for ((cell, width), right) in row.iter().zip(&widths).zip(right) {
                let width = *width;
                line +=
                    &if *right { format!(" {cell:>width$} ") } else { format!(" {cell:<width$} ") };
            }
            self.line(&line);
        }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}
