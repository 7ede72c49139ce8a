//! Every example of the library runs, and says what its reader is told that it says.

use std::fs;
use std::process::Command;

/// What an example prints. Where all tests are built, it lies beside this one.
fn output(example: &str) -> String {
    let test = std::env::current_exe().unwrap();
    let built = test.ancestors().nth(2).unwrap().join("examples").join(example);
    let run = if built.exists() {
        Command::new(built).output().unwrap()
    } else {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let arguments = ["run", "--quiet", "--locked", "--example", example];
        Command::new(cargo).args(arguments).output().unwrap()
    };
    assert!(run.status.success(), "{example}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

fn says(example: &str, lines: &[&str]) {
    let output = output(example);
    for line in lines {
        assert!(output.lines().any(|said| said == *line), "{example}: no «{line}» in\n{output}");
    }
}

#[test]
fn pipeline_delivers_windows_and_counts_what_it_dropped() {
    says(
        "pipeline",
        &[
            "scada: back-pressure after 4 events",
            "2026-03-01T12:00:00.000Z to 2026-03-01T12:00:30.000Z",
            "  3 scada grid.telemetry",
            "  4 market grid.energy_price",
            "submitted 5, filtered 1, deduplicated 1, delivered 3",
        ],
    );
}

#[test]
fn topology_finds_the_short_and_the_cheap_path() {
    says(
        "topology",
        &[
            "fewest hops:  dam > town",
            "least loss:   dam > hill > town",
            "50 MW sent over the hill deliver 47530000 W",
            "left on the ridge: 11000000 W",
            "before: dam > town",
            "after:  dam > hill > town",
        ],
    );
}

#[test]
fn dispatch_orders_the_cheaper_source_first_and_says_what_bounds_the_rest() {
    says(
        "dispatch",
        &[
            "leader: b",
            "north > west: 80000000 W delivered",
            "east > west: 10000000 W delivered",
            "of 90 MW more, 20000000 W could be had",
            "  surplus east",
            "  line_capacity north > west",
            "1 dispatch.plan_created",
        ],
    );
}

#[test]
fn bids_are_fair_by_submission_time() {
    says(
        "bids",
        &[
            "bid-3 rank 1: 10000000 W",
            "bid-1 rank 3: 5000000 W",
            "bid-0 at 2026-03-01T00:00:00.000Z: rejected, left out of the newest clearing",
            "bid-3 at 2026-03-01T02:00:00.000Z: expired, its window is over",
            "6 audit.entry",
        ],
    );
}

/// The crate's documentation compiles and runs it.
#[test]
fn the_readmes_example_is_the_crates_own() {
    let readme = fs::read_to_string("README.md").unwrap();
    let (_, example) = readme.split_once("```rust\n").expect("an example in Rust");
    let (example, _) = example.split_once("```").unwrap();
    let documented: String =
        example.lines().map(|line| format!("//! {line}").trim_end().to_owned() + "\n").collect();
    assert!(fs::read_to_string("src/lib.rs").unwrap().contains(&documented), "{documented}");
}
