//! Transfers for a shortfall, by the leader alone: `cargo run --example dispatch`.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use gridweaver::dispatch::{
    Constraint, DispatchError, Dispatcher, Elected, Surplus, Vote, determine_leader,
};
use gridweaver::model::{Price, Time, Watts};
use gridweaver::pipeline::UnifiedPipeline;
use gridweaver::topology::{Edge, Topology};

const MW: i64 = 1_000_000;

fn main() -> anyhow::Result<()> {
    let topology = Topology::new();
    topology.add_edges([
        Edge::new("north-west", "north", "west", Watts(80 * MW)),
        Edge::new("east-west", "east", "west", Watts(50 * MW)),
    ])?;
    let votes = vec![Vote::new("a", "b"), Vote::new("b", "b"), Vote::new("c", "a")];
    println!("leader: {}", determine_leader(&votes).unwrap_or_default());
    let node = Elected { node: "b".into(), votes, members: 3 };
    let pipeline = UnifiedPipeline::new(1_000);
    let mut dispatcher = Dispatcher::new(&topology, &node, &pipeline);
    dispatcher.set_time(Time(1_772_323_200_000));
    dispatcher
        .set_surplus("north", Surplus { power: Watts(100 * MW), energy_price: Price(40_000) });
    dispatcher.set_surplus("east", Surplus { power: Watts(30 * MW), energy_price: Price(60_000) });

    // What would it be, were the north to keep the most of its line?
    let plan = dispatcher.build_plan("west", Watts(60 * MW))?;
    let limit = Watts(20 * MW);
    let kept = Constraint::Interface { from: "north".into(), to: "west".into(), limit };
    let careful = dispatcher.apply_constraint(plan, &kept);
    println!("with 20 MW from the north, {} W stay unmet", careful.unmet().0);

    for order in dispatcher.cascade_dispatch("west", Watts(90 * MW))? {
        println!("{}: {} W delivered", order.path.join(" > "), order.delivered.0);
    }
    if let Err(DispatchError::Unmet { available, limits, .. }) =
        dispatcher.cascade_dispatch("west", Watts(90 * MW))
    {
        println!("of 90 MW more, {} W could be had", available.0);
        for limit in limits {
            println!("  {} {}", limit.constraint.name(), limit.subject);
        }
    }
    for event in pipeline.drain() {
        println!("{} {}", event.sequence(), event.type_name());
    }
    Ok(())
}
