//! From when a record was to be sent until its orders could be read, at several rates.

use crate::kafka::fresh_topic;
use crate::parameters::Parameters;
use crate::pipeline::Pipeline;
use crate::rounds::load_average;
use std::io::{self, Write as _};

const RATES: &str = "1000,5000,20000";
/// A grid large enough that something is decided in many ticks.
const GRID: [&str; 8] = ["--nodes", "2000", "--lines", "2600", "--regions", "40", "--bids", "4000"];
/// What is configured, by what it is called.
const ENGINES: [(&str, &str); 2] = [
    ("tick = \"100ms\", lateness = \"0s\"", "tick = \"100ms\"\nlateness = \"0s\""),
    ("the defaults: tick = \"4s\", lateness = \"2s\"", ""),
];

pub(crate) fn run(parameters: &Parameters) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let duration = format!("{}s", parameters.number("seconds", 60_u32));
    for (name, engine) in ENGINES {
        for rate in parameters.text("rates").unwrap_or(RATES).split(',') {
            let input = fresh_topic("grid", 1);
            let pipeline = Pipeline::start(&input, engine)?;
            let told = pipeline.beside(
                "bench",
                &[&GRID[..], &["--rate", rate, "--duration", &duration]].concat(),
            )?;
            writeln!(out, "\n{name}; load average {}\n{told}", load_average())?;
        }
    }
    Ok(())
}
