//! MATPOWER cases to records: one instant of a grid.
//!
//! - A bus is a node of its number's name, its `BUS_AREA` the region.
//! - The n-th branch is line `n`, in service where `BR_STATUS` says so. A `RATE_A` of 0 means
//!   unlimited and becomes 99 999 MW, as does one of `Inf` or out of range. Ratings are in MVA and
//!   taken for MW.
//! - Loads and generators in service are the telemetry, one reading a bus: a negative `Pd` counts
//!   as generation, a negative `Pg` as load; `available_mw` is Σ max(`Pg`, `Pmax`) over the
//!   generators, at least the generation. On an isolated bus (type 4) nothing is in service.
//! - A case knows no lengths, so lines have none and no losses: to make up a loss from the
//!   resistance would be an invention.
//! - Records come in the order nodes, lines, telemetry, all at one instant, from the source
//!   `matpower/<case>`, which is the file's name without its endings.
//!
//! What a case says of voltages, reactive power and costs has no place in records and is left.

mod tables;

use super::text::{self, Number};
use super::{ImportError, Place, Producer};
use gridweaver_model::record::{Line, Node, Telemetry};
use gridweaver_model::{Data, Lookup, Record, Text, Time, Watts};
use std::path::Path;
use tables::{NAMES, Row, Table};

/// The time of the records where none is asked for: 2026-01-01T00:00:00Z.
pub const DEFAULT_TIME: Time = Time(1_767_225_600_000);

/// What an unlimited line can carry.
const UNLIMITED: Watts = Watts(99_999_000_000);
/// The greatest power that a record can state, in MW.
const LIMIT_MW: u64 = 1_000_000;
const LIMIT: Watts = Watts(1_000_000_000_000);
/// The bus type of an isolated bus.
const ISOLATED: i64 = 4;

/// A column of a table: its index and its name in the MATPOWER manual.
type Column = (usize, &'static str);

const BUS_NUMBER: Column = (0, "BUS_I");
const BUS_TYPE: Column = (1, "BUS_TYPE");
const BUS_LOAD: Column = (2, "PD");
const BUS_AREA: Column = (6, "BUS_AREA");
const GENERATOR_BUS: Column = (0, "GEN_BUS");
const GENERATOR_OUTPUT: Column = (1, "PG");
const GENERATOR_STATUS: Column = (7, "GEN_STATUS");
const GENERATOR_MAX: Column = (8, "PMAX");
const BRANCH_FROM: Column = (0, "F_BUS");
const BRANCH_TO: Column = (1, "T_BUS");
const BRANCH_RATING: Column = (5, "RATE_A");
const BRANCH_STATUS: Column = (10, "BR_STATUS");

/// Imports a case at an instant.
///
/// # Errors
/// Where the file can't be read or is no case of version 2.
pub fn records(path: &Path, time: Time) -> Result<Vec<Record>, ImportError> {
    let text = text::read(path)?;
    let [buses, generators, branches] = tables::read(path, &text)?;
    let mut case = Case::default();
    Reader::new(path, 0, buses)?.each(|row| case.add_bus(row))?;
    Reader::new(path, 1, generators)?.each(|row| case.add_generator(row))?;
    Reader::new(path, 2, branches)?.each(|row| case.add_branch(row))?;
    Ok(case.into_records(&case_name(path), time))
}

/// The file's name without `.gz` and `.m`.
fn case_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
    name.strip_suffix(".m").unwrap_or(name).to_owned()
}

#[derive(Default)]
struct Case {
    buses: Vec<Bus>,
    by_number: Lookup<i64, usize>,
    branches: Vec<Branch>,
}

struct Bus {
    number: i64,
    area: i64,
    is_isolated: bool,
    generation: Watts,
    load: Watts,
    /// Σ max(`Pg`, `Pmax`).
    reachable: Watts,
}

struct Branch {
    from: i64,
    to: i64,
    capacity: Watts,
    in_service: bool,
}

impl Case {
    fn add_bus(&mut self, row: &Fields<'_>) -> Result<(), ImportError> {
        let number = row.integer(BUS_NUMBER)?;
        let is_isolated = row.integer(BUS_TYPE)? == ISOLATED;
        let mut bus = Bus {
            number,
            area: row.integer(BUS_AREA)?,
            is_isolated,
            generation: Watts::ZERO,
            load: Watts::ZERO,
            reachable: Watts::ZERO,
        };
        let load = row.power(BUS_LOAD)?;
        if !is_isolated {
            bus.add(-load);
        }
        if self.by_number.insert(number, self.buses.len()).is_some() {
            return Err(row.malformed(BUS_NUMBER, format!("bus {number} is there twice")));
        }
        self.buses.push(bus);
        Ok(())
    }

    fn add_generator(&mut self, row: &Fields<'_>) -> Result<(), ImportError> {
        let number = row.integer(GENERATOR_BUS)?;
        let Some(bus) = self.by_number.get(&number).map(|at| &mut self.buses[*at]) else {
            return Err(row.malformed(GENERATOR_BUS, format!("there is no bus {number}")));
        };
        let (output, max) = (row.power(GENERATOR_OUTPUT)?, row.capacity(GENERATOR_MAX)?);
        if row.is_positive(GENERATOR_STATUS)? && !bus.is_isolated {
            bus.add(output);
            bus.reachable += output.max(max);
        }
        Ok(())
    }

    fn add_branch(&mut self, row: &Fields<'_>) -> Result<(), ImportError> {
        self.branches.push(Branch {
            from: row.integer(BRANCH_FROM)?,
            to: row.integer(BRANCH_TO)?,
            capacity: row.rating(BRANCH_RATING)?,
            in_service: row.is_positive(BRANCH_STATUS)?,
        });
        Ok(())
    }

    fn into_records(self, case_name: &str, time: Time) -> Vec<Record> {
        let mut producer = Producer::new(&format!("matpower/{case_name}"));
        let mut records = Vec::with_capacity(2 * self.buses.len() + self.branches.len());
        for bus in &self.buses {
            let (id, data) = bus.node();
            records.push(producer.record(time, id, data));
        }
        for (number, branch) in (1..).zip(&self.branches) {
            let (id, data) = branch.line(number);
            records.push(producer.record(time, id, data));
        }
        for bus in &self.buses {
            let (id, data) = bus.telemetry();
            records.push(producer.record(time, id, data));
        }
        records
    }
}

impl Bus {
    /// Counts an injection: generation where it is positive, else load.
    fn add(&mut self, injection: Watts) {
        self.generation += injection.max(Watts::ZERO);
        self.load += (-injection).max(Watts::ZERO);
    }

    fn node(&self) -> (Text, Data) {
        let node = Node {
            node: name(self.number),
            region: Some(name(self.area)),
            name: None,
            latitude: None,
            longitude: None,
            removed: None,
        };
        (Text::from(format!("node/{}", self.number)), Data::Node(Box::new(node)))
    }

    fn telemetry(&self) -> (Text, Data) {
        let telemetry = Telemetry {
            node: name(self.number),
            generation: self.generation.min(LIMIT),
            load: self.load.min(LIMIT),
            available: Some(self.reachable.max(self.generation).min(LIMIT)),
            quality: None,
        };
        (Text::from(format!("telemetry/{}", self.number)), Data::Telemetry(telemetry))
    }
}

impl Branch {
    fn line(&self, number: i64) -> (Text, Data) {
        let line = Line {
            line: name(number),
            from: Some(name(self.from)),
            to: Some(name(self.to)),
            capacity: Some(self.capacity),
            length: None,
            loss: None,
            wheeling_price: None,
            in_service: Some(self.in_service),
            removed: None,
        };
        (Text::from(format!("line/{number}")), Data::Line(Box::new(line)))
    }
}

fn name(number: i64) -> Text {
    Text::from(number.to_string())
}

/// A table that is there.
struct Reader<'a> {
    path: &'a Path,
    name: &'static str,
    table: Table<'a>,
}

impl<'a> Reader<'a> {
    fn new(path: &'a Path, at: usize, table: Option<Table<'a>>) -> Result<Self, ImportError> {
        let name = ["mpc.bus", "mpc.gen", "mpc.branch"][at];
        debug_assert!(name.ends_with(NAMES[at]), "the tables stand in the order of their names");
        let table =
            table.ok_or_else(|| ImportError::NoTable { path: path.to_owned(), table: name })?;
        Ok(Self { path, name, table })
    }

    fn each(
        &self,
        mut take: impl FnMut(&Fields<'_>) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        self.table.rows.iter().try_for_each(|row| take(&Fields { reader: self, row }))
    }
}

/// A row with what its errors need.
struct Fields<'a> {
    reader: &'a Reader<'a>,
    row: &'a Row<'a>,
}

impl<'a> Fields<'a> {
    fn malformed(&self, column: Column, problem: String) -> ImportError {
        let place = Place {
            table: Some(self.reader.name),
            column: Some(format!("{} ({})", column.1, column.0 + 1)),
            ..Place::new(self.reader.path, self.row.line)
        };
        place.malformed(problem)
    }

    fn number(&self, column: Column) -> Result<(&'a str, Number<'a>), ImportError> {
        let Some(text) = self.row.fields.get(column.0) else {
            let problem = format!("the row has only {} columns", self.row.fields.len());
            return Err(self.malformed(column, problem));
        };
        match Number::parse(text) {
            Some(number) => Ok((text, number)),
            None => Err(self.malformed(column, format!("`{text}` is no number"))),
        }
    }

    fn scaled(&self, column: Column, decimals: u32, limit: u64) -> Result<i64, ImportError> {
        let (text, number) = self.number(column)?;
        number
            .scaled(decimals, limit)
            .map_err(|problem| self.malformed(column, format!("`{text}` {problem}")))
    }

    fn integer(&self, column: Column) -> Result<i64, ImportError> {
        self.scaled(column, 0, 1_000_000_000_000)
    }

    fn power(&self, column: Column) -> Result<Watts, ImportError> {
        self.scaled(column, 6, LIMIT_MW).map(Watts)
    }

    fn is_positive(&self, column: Column) -> Result<bool, ImportError> {
        Ok(self.scaled(column, 6, 1_000_000_000)? > 0)
    }

    /// A generator's capacity, which may be unlimited.
    fn capacity(&self, column: Column) -> Result<Watts, ImportError> {
        match self.number(column)?.1 {
            Number::Infinite { is_negative: false } => Ok(UNLIMITED),
            _ => self.power(column),
        }
    }

    /// A branch's rating, of which 0 and all that no record can state mean unlimited.
    fn rating(&self, column: Column) -> Result<Watts, ImportError> {
        let (text, number) = self.number(column)?;
        match number {
            Number::Undefined => Err(self.malformed(column, format!("`{text}` is no rating"))),
            Number::Infinite { .. } => Ok(UNLIMITED),
            Number::Finite(_) => Ok(match number.scaled(6, LIMIT_MW) {
                Ok(watts) if watts > 0 => Watts(watts),
                _ => UNLIMITED,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
