//! The system itself: buses, branches, generators and what these cost.
//!
//! A generator that burns something is a [`Unit`], with a cost curve; one that takes what nature
//! gives (wind, sun, water) is a [`Plant`], and produces what its time series says. Storage and
//! synchronous condensers are left out: neither the series nor this import runs a storage.

use super::csv::{Csv, Folder, Row};
use crate::import::ImportError;
use gridweaver_model::units::divide_rounded;
use gridweaver_model::{Metres, Microdegrees, Price, Text, Watts};

/// All that the source data say.
pub(super) struct System {
    /// Names of the regions, sorted.
    pub(super) regions: Vec<Text>,
    pub(super) buses: Vec<Bus>,
    pub(super) branches: Vec<Branch>,
    pub(super) units: Vec<Unit>,
    pub(super) plants: Vec<Plant>,
}

pub(super) struct Bus {
    /// Its number.
    pub(super) id: Text,
    /// Its name; also that of the customer who lives there.
    pub(super) name: Text,
    pub(super) region: usize,
    /// Its share in its region's load, and the size of its load at the planned peak.
    pub(super) load: Watts,
    pub(super) latitude: Microdegrees,
    pub(super) longitude: Microdegrees,
}

pub(super) struct Branch {
    pub(super) id: Text,
    pub(super) from: Text,
    pub(super) to: Text,
    pub(super) capacity: Watts,
    /// Unknown of a direct-current line.
    pub(super) length: Option<Metres>,
}

/// A generator that burns something.
pub(super) struct Unit {
    pub(super) id: Text,
    pub(super) bus: usize,
    pub(super) region: usize,
    pub(super) max: Watts,
    pub(super) min: Watts,
    /// How far it moves in 5 minutes.
    pub(super) ramp: Watts,
    /// How long it stays on at least, in intervals of 5 minutes.
    pub(super) min_up: usize,
    /// How long it takes to start while warm, likewise.
    pub(super) start_up: usize,
    pub(super) curve: Curve,
}

/// A generator that takes what nature gives.
pub(super) struct Plant {
    pub(super) id: Text,
    pub(super) bus: usize,
    pub(super) region: usize,
    pub(super) max: Watts,
}

/// What the next MWh costs, by output: steps of a rising or at least known price.
pub(super) struct Curve {
    /// Up to this output, at this price.
    pub(super) steps: Vec<(Watts, Price)>,
}

impl Curve {
    /// The price of the next MWh at this output.
    pub(super) fn price_at(&self, output: Watts) -> Price {
        let step = self.steps.iter().find(|(upto, _)| output < *upto).or(self.steps.last());
        step.map_or(Price::ZERO, |(_, price)| *price)
    }

    /// The price of a MWh at full output, all of it counted.
    pub(super) fn average(&self) -> Price {
        let mut from = Watts::ZERO;
        let mut cost = 0i128;
        for (upto, price) in &self.steps {
            cost += i128::from((*upto - from).0) * i128::from(price.0);
            from = *upto;
        }
        if from <= Watts::ZERO {
            return Price::ZERO;
        }
        Price(i64::try_from(divide_rounded(cost, from.0.into())).unwrap_or(i64::MAX))
    }
}

impl System {
    pub(super) fn read(folder: &Folder) -> Result<Self, ImportError> {
        let mut system = Self {
            regions: Vec::new(),
            buses: Vec::new(),
            branches: Vec::new(),
            units: Vec::new(),
            plants: Vec::new(),
        };
        system.read_buses(&folder.csv("bus.csv")?)?;
        system.read_branches(&folder.csv("branch.csv")?)?;
        system.read_direct_current(&folder.csv("dc_branch.csv")?)?;
        system.read_generators(&folder.csv("gen.csv")?)?;
        Ok(system)
    }

    fn read_buses(&mut self, csv: &Csv) -> Result<(), ImportError> {
        let area = csv.column("Area")?;
        for row in csv.rows() {
            self.regions.push(row.text(&area)?.into());
        }
        self.regions.sort();
        self.regions.dedup();
        let (id, name) = (csv.column("Bus ID")?, csv.column("Bus Name")?);
        let load = csv.column("MW Load")?;
        let (latitude, longitude) = (csv.column("lat")?, csv.column("lng")?);
        for row in csv.rows() {
            let region = row.text(&area)?;
            self.buses.push(Bus {
                id: row.text(&id)?.into(),
                name: row.text(&name)?.into(),
                region: self.regions.iter().position(|known| known == region).unwrap_or(0),
                load: row.power(&load)?,
                latitude: Microdegrees(row.scaled(&latitude, 6, 90)?),
                longitude: Microdegrees(row.scaled(&longitude, 6, 180)?),
            });
        }
        Ok(())
    }

    fn read_branches(&mut self, csv: &Csv) -> Result<(), ImportError> {
        let (id, from, to) = (csv.column("UID")?, csv.column("From Bus")?, csv.column("To Bus")?);
        let (rating, length) = (csv.column("Cont Rating")?, csv.column("Length")?);
        for row in csv.rows() {
            let thousandths_of_a_mile = row.scaled(&length, 3, 10_000)?;
            let metres = divide_rounded(i128::from(thousandths_of_a_mile) * 1_609_344, 1_000_000);
            self.branches.push(Branch {
                id: row.text(&id)?.into(),
                from: row.text(&from)?.into(),
                to: row.text(&to)?.into(),
                capacity: row.power(&rating)?,
                length: i64::try_from(metres).ok().map(Metres),
            });
        }
        Ok(())
    }

    fn read_direct_current(&mut self, csv: &Csv) -> Result<(), ImportError> {
        let (id, from, to) = (csv.column("UID")?, csv.column("From Bus")?, csv.column("To Bus")?);
        let rating = csv.column("MW Load")?;
        for row in csv.rows() {
            self.branches.push(Branch {
                id: row.text(&id)?.into(),
                from: row.text(&from)?.into(),
                to: row.text(&to)?.into(),
                capacity: row.power(&rating)?,
                length: None,
            });
        }
        Ok(())
    }

    fn read_generators(&mut self, csv: &Csv) -> Result<(), ImportError> {
        let (id, kind) = (csv.column("GEN UID")?, csv.column("Unit Type")?);
        let (bus, max, min) =
            (csv.column("Bus ID")?, csv.column("PMax MW")?, csv.column("PMin MW")?);
        let ramp = csv.column("Ramp Rate MW/Min")?;
        let (min_up, start_up) = (csv.column("Min Up Time Hr")?, csv.column("Start Time Warm Hr")?);
        for row in csv.rows() {
            let bus_id = row.text(&bus)?;
            let Some(at) = self.buses.iter().position(|known| known.id == bus_id) else {
                return Err(row.place(&bus).malformed(format!("there is no bus `{bus_id}`")));
            };
            let (id, region) = (Text::from(row.text(&id)?), self.buses[at].region);
            let max = row.power(&max)?;
            match row.text(&kind)? {
                "WIND" | "PV" | "RTPV" | "HYDRO" | "ROR" | "CSP" => {
                    self.plants.push(Plant { id, bus: at, region, max });
                }
                "STEAM" | "CT" | "CC" | "NUCLEAR" => self.units.push(Unit {
                    id,
                    bus: at,
                    region,
                    max,
                    min: row.power(&min)?,
                    ramp: Watts(row.power(&ramp)?.0 * 5),
                    min_up: intervals(row.scaled(&min_up, 3, 10_000)?),
                    start_up: intervals(row.scaled(&start_up, 3, 10_000)?),
                    curve: curve(csv, &row, max)?,
                }),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Thousandths of an hour as intervals of 5 minutes, rounded up.
fn intervals(hours: i64) -> usize {
    usize::try_from(hours * 12).unwrap_or(0).div_ceil(1000)
}

/// A unit's steps: fuel price × heat rate, plus what running costs besides.
fn curve(csv: &Csv, row: &Row<'_>, max: Watts) -> Result<Curve, ImportError> {
    let fuel_price = row.scaled(&csv.column("Fuel Price $/MMBTU")?, 6, 1_000_000)?;
    let other_cost = match csv.find("VOM") {
        Some(column) => row.scaled(&column, 3, 1_000_000)?,
        None => 0,
    };
    let mut steps = Vec::new();
    for number in 0..5 {
        let rate_name = match number {
            0 => "HR_avg_0".to_owned(),
            _ => format!("HR_incr_{number}"),
        };
        let columns = (csv.find(&format!("Output_pct_{number}")), csv.find(&rate_name));
        let (Some(share), Some(rate)) = columns else {
            break;
        };
        let step = (row.optional(&share, 9, 1)?, row.optional(&rate, 3, 1_000_000)?);
        let (Some(share), Some(rate)) = step else {
            break;
        };
        let upto = divide_rounded(i128::from(max.0) * i128::from(share), 1_000_000_000);
        // Millionths of a $ per million BTU × thousandths of a BTU per kWh, in thousandths of a $
        // per MWh.
        let price = divide_rounded(i128::from(fuel_price) * i128::from(rate), 1_000_000_000);
        let price = i64::try_from(price).unwrap_or(i64::MAX).saturating_add(other_cost);
        steps.push((Watts(i64::try_from(upto).unwrap_or(i64::MAX)), Price(price)));
    }
    Ok(Curve { steps })
}
