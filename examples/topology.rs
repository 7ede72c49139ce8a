//! Paths and capacity of a small grid, read while a line opens: `cargo run --example topology`.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use gridweaver::model::{Ppm, Text, Watts};
use gridweaver::topology::{Edge, Topology};

const MW: i64 = 1_000_000;

fn shown(path: Option<Vec<Text>>) -> String {
    path.map_or_else(|| "no path".to_owned(), |path| path.join(" > "))
}

fn main() -> anyhow::Result<()> {
    let topology = Topology::new();
    let line = |name, from, to, mw, ppm| Edge {
        loss: Ppm(ppm),
        ..Edge::new(name, from, to, Watts(mw * MW))
    };
    topology.add_edges([
        line("direct", "dam", "town", 40, 90_000),
        line("valley", "dam", "hill", 100, 20_000),
        line("ridge", "hill", "town", 60, 30_000),
        line("branch", "town", "mill", 20, 10_000),
    ])?;

    println!("fewest hops:  {}", shown(topology.find_path("dam", "town")));
    println!("least loss:   {}", shown(topology.cheapest_path("dam", "town")));
    println!("near town:    {}", topology.neighbors("town").join(", "));
    println!("two hops off: {}", topology.reachable_within("mill", 2).join(", "));

    let path = ["dam", "hill", "town"];
    let delivered = topology.stand_transfer(&path, Watts(50 * MW))?;
    println!("50 MW sent over the hill deliver {} W", delivered.0);
    println!("left on the ridge: {} W", topology.remaining_capacity("hill", "town").0);
    if let Err(refused) = topology.validate_transfer(&path, Watts(20 * MW)) {
        println!("20 MW more: {refused}");
    }

    // A snapshot stays as it is; the topology goes on.
    let before = topology.snapshot();
    topology.remove_edge("direct");
    println!("before: {}", shown(before.find_path("dam", "town")));
    println!("after:  {}", shown(topology.parallel_find_path("dam", "town")));
    println!("violations: {}", topology.validate_topology().len());
    Ok(())
}
