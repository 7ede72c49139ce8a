//! The time series: a year in steps of 5 minutes (`REAL_TIME_*`) or an hour (`DAY_AHEAD_*`).
//!
//! A row's time is that of its date and period, period 1 beginning at midnight. The data's clock
//! is taken for UTC. Rows must follow each other without a gap.

use super::csv::{Column, Csv, Folder, Row};
use crate::import::{ImportError, Place};
use gridweaver_model::{Millis, Time, Watts};

/// Five minutes.
pub(super) const INTERVAL: Millis = Millis(300_000);
/// An hour.
pub(super) const HOUR: Millis = Millis(3_600_000);

/// The fields that say when stand first.
const WHEN_FIELDS: usize = 4;

/// The rows of one file that lie in a span.
pub(super) struct Series {
    start: Time,
    step: Millis,
    /// What the columns are called: generators, regions, products.
    pub(super) columns: Vec<String>,
    /// Row by row.
    values: Vec<Watts>,
    place: Place,
}

/// The columns that say when.
struct When {
    year: Column,
    month: Column,
    day: Column,
    period: Column,
}

impl When {
    fn of(csv: &Csv) -> Result<Self, ImportError> {
        Ok(Self {
            year: csv.column("Year")?,
            month: csv.column("Month")?,
            day: csv.column("Day")?,
            period: csv.column("Period")?,
        })
    }

    fn time(&self, row: &Row<'_>, step: Millis) -> Result<Time, ImportError> {
        let (year, month) = (row.scaled(&self.year, 0, 9999)?, row.scaled(&self.month, 0, 99)?);
        let (day, period) = (row.scaled(&self.day, 0, 99)?, row.scaled(&self.period, 0, 9999)?);
        let midnight = Time::parse(&format!("{year:04}-{month:02}-{day:02}T00:00:00Z"))
            .ok_or_else(|| row.place(&self.day).malformed("there is no such day"))?;
        Ok(midnight + Millis((period - 1) * step.0))
    }
}

impl Series {
    /// Reads what a file holds between `from` and `until`, where these are given.
    pub(super) fn read(
        folder: &Folder,
        name: &str,
        step: Millis,
        from: Option<Time>,
        until: Option<Time>,
    ) -> Result<Self, ImportError> {
        let csv = folder.csv(&format!("{name}.csv"))?;
        let when = When::of(&csv)?;
        let columns: Vec<_> = csv.columns().into_iter().skip(WHEN_FIELDS).collect();
        let mut start = None;
        let mut expected = None;
        let mut values = Vec::new();
        for line in csv.lines() {
            let head = line.row(WHEN_FIELDS);
            let time = when.time(&head, step)?;
            if expected.is_some_and(|expected| expected != time) {
                return Err(head.place(&when.period).malformed("rows are missing before this one"));
            }
            expected = Some(time + step);
            let is_wanted = from.is_none_or(|from| time + step > from)
                && until.is_none_or(|until| time < until);
            if !is_wanted {
                continue;
            }
            start.get_or_insert(time);
            let row = line.row(usize::MAX);
            for column in &columns {
                values.push(row.power(column)?);
            }
        }
        let Some(start) = start else {
            return Err(csv.place().malformed("it holds nothing of the time asked for"));
        };
        let columns = columns.into_iter().map(|column| column.name).collect();
        Ok(Self { start, step, columns, values, place: csv.place() })
    }

    pub(super) fn malformed(&self, problem: impl Into<String>) -> ImportError {
        self.place.clone().malformed(problem)
    }

    /// When its first row is.
    pub(super) fn start(&self) -> Time {
        self.start
    }

    /// When its last row is over.
    pub(super) fn end(&self) -> Time {
        let rows = self.values.len() / self.columns.len().max(1);
        self.start + Millis(self.step.0 * i64::try_from(rows).unwrap_or(i64::MAX))
    }

    /// The row that holds an instant; before the first row that one, behind the last row that.
    pub(super) fn at(&self, time: Time) -> &[Watts] {
        let width = self.columns.len();
        let last = (self.values.len() / width.max(1)).saturating_sub(1);
        let row = usize::try_from((time - self.start).0.div_euclid(self.step.0)).unwrap_or(0);
        &self.values[row.min(last) * width..][..width]
    }
}
