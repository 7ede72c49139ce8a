//! How fast is the whole program beside a plain loop that keeps the same views, and what do its
//! parts cost?
//!
//! | contender | what it is |
//! | --- | --- |
//! | `plain_loop` | one thread, hash maps, serde_json; decides nothing and writes nothing |
//! | `engine` | the engine as a library: one worker, orders decided, written and made durable |
//! | `views` | the engine's decoder and views in one loop on one thread, without timely |
//!
//! `views` leaves out the differential views, and makes what it writes durable only once.
//!
//! They take turns over one made stream, each in a process of its own, so that the peak memory
//! (`VmHWM`) is its own; first on all cores, then on one. Ratios are to the plain loop of the same
//! round, and what is told is their median: of records/s, and of records per second of CPU, which
//! says more where others use the machine. Before each run as much memory is touched and given back
//! as any of them uses: on a virtual machine the first to touch memory pays for it, and that would be
//! whoever follows one that uses less.
//!
//! ```text
//! cargo bench --bench whole_program -- [events=2000000] [rounds=5] [seed=1] [dir=…] [file=…]
//! ```
//!
//! and all else that `stream.rs` names. `dir` is where the stream and the output are laid: durable
//! writing is as fast as its disk. `file` is a stream that is there already.

#[path = "../dataflows/benches/common/chain.rs"]
mod chain;
#[path = "whole_program/engine_run.rs"]
mod engine_run;
#[path = "../dataflows/benches/common/lattice.rs"]
mod lattice;
#[path = "common/parameters.rs"]
mod parameters;
#[path = "whole_program/plain_loop.rs"]
mod plain_loop;
#[path = "../tests/common/random.rs"]
#[allow(clippy::unwrap_used, reason = "it is a helper of tests")]
mod random;
#[path = "common/rounds.rs"]
mod rounds;
#[path = "common/stream.rs"]
mod stream;
#[path = "whole_program/views_run.rs"]
mod views_run;

use anyhow::{Context as _, bail, ensure};
use parameters::Parameters;
use rounds::{load_average, median};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
/// No contender: touches memory.
const TOUCH: &str = "touch";
const CONTENDERS: [&str; 3] = ["plain_loop", "engine", "views"];

/// What one run came to.
struct Run {
    records_per_s: f64,
    records_per_cpu_s: f64,
    peak_mb: f64,
    detail: String,
}

fn main() -> anyhow::Result<()> {
    let parameters = Parameters::from_arguments();
    match parameters.text("contender") {
        Some(contender) => contend(contender, &parameters),
        None => compare(&parameters),
    }
}

/// More than any contender uses.
const TOUCHED_BYTES: usize = 640 << 20;

/// A child: runs one contender and says what it came to.
fn contend(contender: &str, parameters: &Parameters) -> anyhow::Result<()> {
    if contender == TOUCH {
        std::hint::black_box(vec![1_u8; TOUCHED_BYTES]);
        return Ok(());
    }
    let path = |key| parameters.text(key).map(PathBuf::from).context("a child is told its files");
    let (input, output) = (path("file")?, path("output")?);
    let started = Instant::now();
    let (records, detail) = match contender {
        "plain_loop" => plain_loop::run(&input)?,
        "engine" => engine_run::run(&input, &output)?,
        "views" => views_run::run(&input, &output)?,
        other => bail!("there is no contender `{other}`"),
    };
    let seconds = started.elapsed().as_secs_f64();
    writeln!(io::stdout(), "{records} {seconds} {} {} {detail}", cpu_seconds()?, peak_kib()?)?;
    Ok(())
}

/// What all threads of this process have used, to a hundredth of a second.
fn cpu_seconds() -> anyhow::Result<f64> {
    let status = fs::read_to_string("/proc/self/stat")?;
    // The program's name, in brackets, may hold spaces.
    let (_, fields) = status.rsplit_once(") ").context("no name in /proc/self/stat")?;
    let mut hundredths = 0;
    for field in fields.split(' ').skip(11).take(2) {
        hundredths += field.parse::<u32>()?;
    }
    Ok(f64::from(hundredths) / 100.0)
}

/// The most memory that this process has had resident.
fn peak_kib() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.context("no VmHWM in /proc/self/status")?;
    Ok(peak.trim().trim_end_matches("kB").trim().parse()?)
}

/// The parent: makes the stream and lets the contenders take turns.
fn compare(parameters: &Parameters) -> anyhow::Result<()> {
    let folder = match parameters.text("dir") {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let mut out = io::stdout().lock();
    let file = match parameters.text("file") {
        Some(file) => PathBuf::from(file),
        None => {
            let file = folder.path().join("stream.jsonl");
            writeln!(out, "{}", stream::write(&file, parameters)?)?;
            file
        }
    };
    let rounds = parameters.number("rounds", ROUNDS).max(1);
    let mut places = vec![("all cores", None)];
    if Command::new("taskset").arg("-V").output().is_ok() {
        places.push(("one core", Some("0")));
    }
    writeln!(out, "{:.0} MB, {rounds} rounds", fs::metadata(&file)?.len() as f64 / 1e6)?;
    // Once unmeasured, so that the file is in memory.
    run_child(CONTENDERS[0], None, &file, folder.path())?;
    for (place, core) in places {
        writeln!(out, "\n{place}, load average {}", load_average())?;
        let mut runs: BTreeMap<&str, Vec<Run>> = BTreeMap::new();
        for _ in 0..rounds {
            for contender in CONTENDERS {
                let run = run_child(contender, core, &file, folder.path())?;
                runs.entry(contender).or_default().push(run);
            }
        }
        report(&mut out, &runs)?;
    }
    writeln!(out, "\nload average at the end {}", load_average())?;
    Ok(())
}

fn run_child(
    contender: &str,
    core: Option<&str>,
    file: &Path,
    folder: &Path,
) -> anyhow::Result<Run> {
    let program = std::env::current_exe()?;
    let touched = Command::new(&program).arg(format!("contender={TOUCH}")).status()?;
    ensure!(touched.success(), "memory could not be touched: {touched}");
    let mut command = match core {
        Some(core) => {
            let mut command = Command::new("taskset");
            command.args(["-c", core]).arg(program);
            command
        }
        None => Command::new(program),
    };
    let output = folder.join("orders.jsonl");
    command.arg(format!("contender={contender}"));
    command.arg(format!("file={}", file.display())).arg(format!("output={}", output.display()));
    let ended = command.output()?;
    let complaint = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "{contender} failed: {complaint}");
    let text = String::from_utf8(ended.stdout)?;
    let mut words = text.trim().splitn(5, ' ');
    let mut number = || -> anyhow::Result<f64> { Ok(words.next().unwrap_or_default().parse()?) };
    let (records, seconds, cpu_seconds, peak_kib) = (number()?, number()?, number()?, number()?);
    let detail = words.next().unwrap_or_default().to_owned();
    Ok(Run {
        records_per_s: records / seconds,
        records_per_cpu_s: records / cpu_seconds,
        peak_mb: peak_kib / 1024.0,
        detail,
    })
}

fn report(out: &mut impl io::Write, runs: &BTreeMap<&str, Vec<Run>>) -> io::Result<()> {
    let header = ["records/s", "ratio", "by CPU", "peak MB"];
    let [speed, ratio, by_cpu, peak] = header;
    writeln!(out, "{:<12}{speed:>12}{ratio:>8}{by_cpu:>8}{peak:>9}  in the first round", "")?;
    let plain = &runs[CONTENDERS[0]];
    for contender in CONTENDERS {
        let runs = &runs[contender];
        let ratio = |figure: fn(&Run) -> f64| {
            let pairs = runs.iter().zip(plain);
            median(pairs.map(|(run, plain)| figure(run) / figure(plain)))
        };
        let speed = median(runs.iter().map(|run| run.records_per_s));
        let by_time = ratio(|run| run.records_per_s);
        let by_cpu = ratio(|run| run.records_per_cpu_s);
        let peak = runs.iter().map(|run| run.peak_mb).fold(0.0, f64::max);
        let detail = &runs[0].detail;
        writeln!(
            out,
            "{contender:<12}{speed:>12.0}{by_time:>8.2}{by_cpu:>8.2}{peak:>9.0}  {detail}"
        )?;
    }
    Ok(())
}
