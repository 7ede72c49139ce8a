//! The CSV files of the data, plain or compressed.
//!
//! Files are found by name, whatever the case of its letters, in the folder given, in the
//! project's own layout (`RTS_Data/SourceData`, `RTS_Data/timeseries_data_files/*`) or flat
//! (`timeseries`). A field may be quoted; it may not hold a quote or a line break.

use crate::import::text::{self, Number};
use crate::import::{ImportError, Place};
use gridweaver_model::Watts;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the files lie below the folder given; `*` is every folder.
const LAYOUT: [&str; 7] = [
    "",
    "SourceData",
    "RTS_Data/SourceData",
    "timeseries",
    "timeseries_data_files/*",
    "RTS_Data/timeseries_data_files/*",
    "../timeseries_data_files/*",
];

/// All files of the data.
pub(super) struct Folder {
    path: PathBuf,
    /// By lower-case name, without `.gz`.
    files: BTreeMap<String, PathBuf>,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let unreadable = |cause| ImportError::Unreadable { path: path.to_owned(), cause };
        // What is named is a folder; that others of the layout are missing is no error.
        fs::read_dir(path).map_err(unreadable)?;
        let mut files = BTreeMap::new();
        for place in LAYOUT {
            let folders = match place.strip_suffix("/*") {
                Some(parent) => entries(&path.join(parent)),
                None => vec![path.join(place)],
            };
            for file in folders.iter().flat_map(|folder| entries(folder)) {
                let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
                let name = name.strip_suffix(".gz").unwrap_or(&name).to_owned();
                files.entry(name).or_insert(file);
            }
        }
        Ok(Self { path: path.to_owned(), files })
    }

    /// Reads the file of this name.
    pub(super) fn csv(&self, name: &str) -> Result<Csv, ImportError> {
        let Some(path) = self.files.get(&name.to_lowercase()) else {
            return Err(ImportError::NoFile { folder: self.path.clone(), name: name.to_owned() });
        };
        Ok(Csv { path: path.clone(), text: text::read(path)? })
    }
}

/// What a folder holds, sorted; nothing where it can't be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

/// One file.
pub(super) struct Csv {
    path: PathBuf,
    text: String,
}

/// A column by its name.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) index: usize,
    pub(super) name: String,
}

impl Csv {
    pub(super) fn columns(&self) -> Vec<Column> {
        let header = fields(self.text.lines().next().unwrap_or_default(), usize::MAX);
        let columns = header.into_iter().enumerate();
        columns.map(|(index, name)| Column { index, name: name.to_owned() }).collect()
    }

    /// A column that not every edition of the data has.
    pub(super) fn find(&self, name: &str) -> Option<Column> {
        self.columns().into_iter().find(|column| column.name == name)
    }

    pub(super) fn column(&self, name: &str) -> Result<Column, ImportError> {
        self.find(name).ok_or_else(|| {
            Place::new(&self.path, 1).malformed(format!("there is no column `{name}`"))
        })
    }

    /// The lines below the header; blank ones are none.
    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let lines = (1..).zip(self.text.lines()).skip(1);
        lines.filter(|(_, text)| !text.trim().is_empty()).map(|(line, text)| Line {
            path: &self.path,
            line,
            text,
        })
    }

    /// The rows below the header.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.lines().map(|line| line.row(usize::MAX))
    }

    /// The file as a whole, for errors.
    pub(super) fn place(&self) -> Place {
        Place::new(&self.path, 0)
    }
}

/// A line that is not yet taken apart.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    path: &'a Path,
    line: usize,
    text: &'a str,
}

impl<'a> Line<'a> {
    /// The line's first fields: of a year's rows most are only asked for their time.
    pub(super) fn row(self, fields_max: usize) -> Row<'a> {
        Row { path: self.path, line: self.line, fields: fields(self.text, fields_max) }
    }
}

/// One row of a file.
pub(super) struct Row<'a> {
    path: &'a Path,
    line: usize,
    fields: Vec<&'a str>,
}

impl<'a> Row<'a> {
    pub(super) fn place(&self, column: &Column) -> Place {
        Place { column: Some(column.name.clone()), ..Place::new(self.path, self.line) }
    }

    pub(super) fn text(&self, column: &Column) -> Result<&'a str, ImportError> {
        match self.fields.get(column.index) {
            Some(text) => Ok(text),
            None => Err(self
                .place(column)
                .malformed(format!("the row has only {} fields", self.fields.len()))),
        }
    }

    /// A number times `10^decimals`; `limit` bounds its magnitude.
    pub(super) fn scaled(
        &self,
        column: &Column,
        decimals: u32,
        limit: u64,
    ) -> Result<i64, ImportError> {
        let text = self.text(column)?;
        let number = Number::parse(text)
            .ok_or_else(|| self.place(column).malformed(format!("`{text}` is no number")))?;
        number
            .scaled(decimals, limit)
            .map_err(|problem| self.place(column).malformed(format!("`{text}` {problem}")))
    }

    /// A number, or `None` where the field says that there is none.
    pub(super) fn optional(
        &self,
        column: &Column,
        decimals: u32,
        limit: u64,
    ) -> Result<Option<i64>, ImportError> {
        match self.text(column)? {
            "" | "NA" => Ok(None),
            _ => self.scaled(column, decimals, limit).map(Some),
        }
    }

    /// MW, not below 0.
    pub(super) fn power(&self, column: &Column) -> Result<Watts, ImportError> {
        let watts = self.scaled(column, 6, 1_000_000)?;
        if watts < 0 {
            return Err(self.place(column).malformed("must not be below 0"));
        }
        Ok(Watts(watts))
    }
}

/// The first fields of a line, without their quotes.
fn fields(line: &str, fields_max: usize) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut rest = Some(line);
    while let Some(text) = rest
        && fields.len() < fields_max
    {
        let quoted = text.strip_prefix('"').and_then(|inner| inner.split_once('"'));
        let (field, behind) = match quoted {
            Some((field, behind)) => (field, behind.split_once(',').map(|(_, behind)| behind)),
            None => match text.split_once(',') {
                Some((field, behind)) => (field, Some(behind)),
                None => (text, None),
            },
        };
        fields.push(field.trim());
        rest = behind;
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::fields;

    #[test]
    fn fields_lose_their_quotes() {
        assert_eq!(fields("a,\"b,c\", d ,,\"\"", 9), ["a", "b,c", "d", "", ""]);
        assert_eq!(fields("1,2", 1), ["1"]);
    }
}
