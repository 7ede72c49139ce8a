//! The RTS-GMLC system to records: 73 buses, three regions, the year 2020 in steps of 5 minutes.
//!
//! The data are a test system, and what is made of them is a plausible history, not a recorded
//! one:
//!
//! - **As the data say:** buses with names and places, branches with lengths and continuous
//!   ratings (the direct-current line with its planned flow and without a loss), the load of each
//!   region, shared over its buses by their `MW Load`; wind, sun and water, generator by
//!   generator; the spinning reserve of each region.
//! - **By a rule:** how the other generators run, and with that generation, available power and
//!   the energy price of each region, which is the cost of its next MWh (`operation`).
//! - **Synthesised:** programs and bids (`bids`): there is no public data of real ones.
//! - **Scripted:** outages and other incidents (`incidents`), where a script is given.
//!
//! Power in telemetry is rounded to 10 kW. The data's clock is taken for UTC. How the generators
//! run depends on where the span begins: its first interval knows no ramps.

mod bids;
mod csv;
mod incidents;
mod operation;
mod series;
mod system;

use super::{ImportError, Producer, Request};
use bids::Customers;
use csv::Folder;
use gridweaver_model::record::{EnergyPrice, Line, Node, Reserve, Telemetry};
use gridweaver_model::units::divide_rounded;
use gridweaver_model::{Data, Millis, Price, Record, Text, Time, Watts};
use incidents::Incidents;
use operation::{Forecast, Need, Operation, PlantSeries, curtailed};
use series::{HOUR, INTERVAL, Series};
use std::collections::VecDeque;
use system::System;

/// The series of plants: by what drives them.
const NATURE: [&str; 5] = ["wind", "pv", "rtpv", "hydro", "Natural_Inflow"];

/// To what power is rounded in telemetry.
const RESOLUTION: Watts = Watts(10_000);

/// How far before the span commitment looks for units that must stay on.
const LOOK_BACK: Millis = Millis(24 * 3_600_000);

/// Imports what the request asks for.
///
/// # Errors
/// Where a file is missing or malformed, or the data hold nothing of the time asked for.
pub fn records(request: &Request) -> Result<impl Iterator<Item = Record> + use<>, ImportError> {
    let folder = Folder::open(&request.path)?;
    let system = System::read(&folder)?;
    let incidents = match &request.outages {
        Some(path) => Incidents::read(path, &system)?,
        None => Incidents::default(),
    };
    let (from, until) = match request.at {
        Some(at) => (Some(at), Some(at + Millis(1))),
        None => (request.from, request.until),
    };
    let actual = Actual::read(&folder, &system, from, until)?;
    let forecast = Forecast::read(&folder, &system, actual.load.start(), actual.load.end())?;
    Ok(History::new(system, incidents, actual, &forecast))
}

/// What came to pass.
struct Actual {
    load: Series,
    reserve: Vec<Series>,
    plants: Vec<PlantSeries>,
}

impl Actual {
    fn read(
        folder: &Folder,
        system: &System,
        from: Option<Time>,
        until: Option<Time>,
    ) -> Result<Self, ImportError> {
        let read =
            |name: &str| Series::read(folder, &format!("REAL_TIME_{name}"), INTERVAL, from, until);
        Ok(Self {
            load: loads(system, read)?,
            reserve: reserves(system, read)?,
            plants: plants(system, read)?,
        })
    }
}

impl Forecast {
    fn read(folder: &Folder, system: &System, start: Time, end: Time) -> Result<Self, ImportError> {
        // One hour more than is run: the last hour looks at the next.
        let (from, until) = (Time(start.0 - LOOK_BACK.0), end + HOUR);
        let read = |name: &str| {
            Series::read(folder, &format!("DAY_AHEAD_{name}"), HOUR, Some(from), Some(until))
        };
        Ok(Self {
            load: loads(system, read)?,
            reserve: reserves(system, read)?,
            plants: plants(system, read)?,
        })
    }
}

fn reserves(
    system: &System,
    read: impl Fn(&str) -> Result<Series, ImportError>,
) -> Result<Vec<Series>, ImportError> {
    system.regions.iter().map(|region| read(&format!("regional_Spin_Up_R{region}"))).collect()
}

/// The series of all plants.
fn plants(
    system: &System,
    read: impl Fn(&str) -> Result<Series, ImportError>,
) -> Result<Vec<PlantSeries>, ImportError> {
    let of_kind = |name: &&str| {
        let series = read(name)?;
        let plant_of = |column: &String| {
            let found = system.plants.iter().position(|plant| plant.id == column.as_str());
            found.ok_or_else(|| series.malformed(format!("the system knows no `{column}`")))
        };
        let plants = series.columns.iter().map(plant_of).collect::<Result<_, _>>()?;
        Ok(PlantSeries { series, plants })
    };
    NATURE.iter().map(of_kind).collect()
}

/// The load by region, in the order of the system's regions.
fn loads(
    system: &System,
    read: impl Fn(&str) -> Result<Series, ImportError>,
) -> Result<Series, ImportError> {
    let series = read("regional_Load")?;
    let is_in_order = series.columns.iter().map(String::as_str).eq(system.regions.iter());
    if !is_in_order {
        return Err(series.malformed("its columns are not the regions of the buses"));
    }
    Ok(series)
}

/// The records, made interval by interval.
struct History {
    system: System,
    incidents: VecDeque<(Time, Text, Data)>,
    script: Incidents,
    actual: Actual,
    operation: Operation,
    customers: Customers,
    producer: Producer,
    /// When the next interval begins.
    time: Time,
    end: Time,
    ready: VecDeque<Record>,
    /// What was last said of each region.
    told: Vec<(Option<Price>, Option<Watts>)>,
}

impl Iterator for History {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        while self.ready.is_empty() && self.time < self.end {
            self.run_interval();
        }
        self.ready.pop_front()
    }
}

impl History {
    fn new(system: System, mut script: Incidents, actual: Actual, forecast: &Forecast) -> Self {
        let mut history = Self {
            incidents: std::mem::take(&mut script.records).into(),
            script,
            operation: Operation::new(&system, forecast),
            customers: Customers::new(&system),
            producer: Producer::new("rts-gmlc"),
            time: actual.load.start(),
            end: actual.load.end(),
            ready: VecDeque::new(),
            told: vec![(None, None); system.regions.len()],
            system,
            actual,
        };
        history.tell_incidents(history.time);
        history.tell_system();
        history
    }

    fn tell(&mut self, id: String, data: Data) {
        self.tell_at(self.time, id, data);
    }

    fn tell_at(&mut self, time: Time, id: String, data: Data) {
        self.ready.push_back(self.producer.record(time, id.into(), data));
    }

    /// Tells the incidents that happen before an instant.
    fn tell_incidents(&mut self, before: Time) {
        while self.incidents.front().is_some_and(|(time, _, _)| *time < before) {
            let Some((time, id, data)) = self.incidents.pop_front() else {
                break;
            };
            self.tell_at(time, id.into(), data);
        }
    }

    fn tell_system(&mut self) {
        let mut told = Vec::new();
        for bus in &self.system.buses {
            let node = Node {
                node: bus.id.clone(),
                region: Some(self.system.regions[bus.region].clone()),
                name: Some(bus.name.clone()),
                latitude: Some(bus.latitude),
                longitude: Some(bus.longitude),
                removed: None,
            };
            told.push((format!("node/{}", bus.id), Data::Node(Box::new(node))));
        }
        for branch in &self.system.branches {
            let line = Line {
                line: branch.id.clone(),
                from: Some(branch.from.clone()),
                to: Some(branch.to.clone()),
                capacity: Some(branch.capacity),
                length: branch.length,
                loss: None,
                wheeling_price: None,
                in_service: None,
                removed: None,
            };
            told.push((format!("line/{}", branch.id), Data::Line(Box::new(line))));
        }
        for program in bids::programs(&self.system) {
            told.push((format!("program/{}", program.program), Data::Program(Box::new(program))));
        }
        for (id, data) in told {
            self.tell(format!("{id}/{}", self.time), data);
        }
        let window = Time(self.time.0 - self.time.0.rem_euclid(bids::WINDOW.0));
        self.tell_bids(window);
        if window + bids::WINDOW < self.time + bids::AHEAD {
            self.tell_bids(window + bids::WINDOW);
        }
    }

    fn tell_bids(&mut self, window: Time) {
        for bid in self.customers.bids(&self.system, window) {
            self.tell(format!("bid/{}", bid.bid), Data::Bid(Box::new(bid)));
        }
    }

    fn run_interval(&mut self) {
        let time = self.time;
        let power = self.plant_power();
        let (needs, by_region) = self.needs(&power);
        let (system, script) = (&self.system, &self.script);
        let is_out = |unit: usize| script.is_out(&system.units[unit].id, time);
        let outcomes = self.operation.step(system, time, &needs, &is_out);
        for (region, outcome) in outcomes.iter().enumerate() {
            self.tell_region(region, outcome.price, needs[region].reserve);
        }
        if (time + bids::AHEAD).0.rem_euclid(bids::WINDOW.0) == 0 {
            self.tell_bids(time + bids::AHEAD);
        }
        let mut buses = vec![(Watts::ZERO, Watts::ZERO); self.system.buses.len()];
        for (index, unit) in self.system.units.iter().enumerate() {
            let running = self.operation.unit(index);
            buses[unit.bus].0 += running.output;
            buses[unit.bus].1 += running.available;
        }
        for (plant, power) in self.system.plants.iter().zip(&power) {
            let region = plant.region;
            let cut = curtailed(*power, by_region[region], outcomes[region].curtailed);
            buses[plant.bus].0 += *power - cut;
            buses[plant.bus].1 += *power;
        }
        self.tell_telemetry(&buses);
        self.time = time + INTERVAL;
        self.tell_incidents(self.time.min(self.end));
    }

    /// What each plant could give.
    fn plant_power(&self) -> Vec<Watts> {
        let mut power = vec![Watts::ZERO; self.system.plants.len()];
        for PlantSeries { series, plants } in &self.actual.plants {
            for (index, given) in plants.iter().zip(series.at(self.time)) {
                let plant = &self.system.plants[*index];
                if !self.script.is_out(&plant.id, self.time) {
                    power[*index] += (*given).min(plant.max);
                }
            }
        }
        power
    }

    /// What each region asks of its units, and what its plants could give.
    fn needs(&self, power: &[Watts]) -> (Vec<Need>, Vec<Watts>) {
        let mut by_region = vec![Watts::ZERO; self.system.regions.len()];
        for (plant, power) in self.system.plants.iter().zip(power) {
            by_region[plant.region] += *power;
        }
        let loads = self.actual.load.at(self.time);
        let needs = (0..by_region.len()).map(|region| Need {
            load: loads[region] - by_region[region],
            reserve: self.actual.reserve[region].at(self.time)[0],
        });
        (needs.collect(), by_region)
    }

    /// Tells a region's price and reserve, where they have changed.
    fn tell_region(&mut self, region: usize, price: Price, reserve: Watts) {
        let name = self.system.regions[region].clone();
        let reserve = rounded(reserve.0.into());
        if self.told[region].0 != Some(price) {
            let data = Data::EnergyPrice(EnergyPrice { region: name.clone(), price });
            self.tell(format!("energy_price/{name}/{}", self.time), data);
        }
        if self.told[region].1 != Some(reserve) {
            let data = Data::Reserve(Reserve { region: name.clone(), reserve });
            self.tell(format!("reserve/{name}/{}", self.time), data);
        }
        self.told[region] = (Some(price), Some(reserve));
    }

    /// Tells generation and available power of each bus, and its part of its region's load.
    fn tell_telemetry(&mut self, buses: &[(Watts, Watts)]) {
        let mut planned = vec![Watts::ZERO; self.system.regions.len()];
        for bus in &self.system.buses {
            planned[bus.region] += bus.load;
        }
        for (index, (generation, available)) in buses.iter().enumerate() {
            let bus = &self.system.buses[index];
            if self.script.is_silent(&bus.id, self.time) {
                continue;
            }
            let region_load = i128::from(self.actual.load.at(self.time)[bus.region].0);
            let shared = region_load * i128::from(bus.load.0);
            let load = divide_rounded(shared, i128::from(planned[bus.region].0).max(1));
            let telemetry = Telemetry {
                node: bus.id.clone(),
                generation: rounded(generation.0.into()),
                load: rounded(load),
                available: Some(rounded(available.0.into())),
                quality: None,
            };
            let id = format!("telemetry/{}/{}", bus.id, self.time);
            self.tell(id, Data::Telemetry(telemetry));
        }
    }
}

/// Rounds to what telemetry resolves.
fn rounded(watts: i128) -> Watts {
    let steps = divide_rounded(watts, RESOLUTION.0.into());
    Watts(i64::try_from(steps).unwrap_or(0) * RESOLUTION.0)
}

#[cfg(test)]
mod tests;
