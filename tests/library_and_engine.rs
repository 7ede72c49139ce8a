//! The library and the engine are one implementation: what an embedder is told of a grid, its bids
//! and its transfers is what the dataflows decide from the same records.

#[path = "common/hostile.rs"]
mod hostile;
#[path = "common/playing.rs"]
mod playing;
#[path = "common/random.rs"]
mod random;
#[path = "common/record.rs"]
mod record;
#[path = "common/streams.rs"]
mod streams;
#[path = "common/world.rs"]
mod world;

use gridweaver::bids::{AcceptedBid, BidBook, EvaluationWindow};
use gridweaver::dispatch::{Alone, Dispatcher, Plan, Surplus};
use gridweaver::model::decision::Event as Decided;
use gridweaver::model::{Data, Decision, Price, Record, Rules, Time, Watts, decode};
use gridweaver::pipeline::UnifiedPipeline;
use gridweaver::state::State;
use gridweaver::topology::Topology;
use playing::{Play, RECORD_BYTES_MAX, decisions, lines};
use random::{Random, seeds};
use record::line;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use streams::{Manner, Stream};

/// The start of a tick.
const START_MS: i64 = world::START_MS;
const TICK_END: Time = Time(START_MS + 4_000);
const MW: i64 = 1_000_000;

#[test]
fn islands_and_violations_of_a_random_grid_are_the_engines() {
    let (mut islands, mut violations) = (0, 0);
    for seed in seeds(20) {
        let stream = Stream::unanswered(seed, Manner::Punctual);
        let (_, last) = stream.span();
        let at = Time(last + 100_000);
        let open_from = Some(stream.rules.tick_of(at));
        let play = Play { open_from, observed: true, ..Play::by(&stream.rules) };
        let partition = said_once(&stream);
        let outcome = play.partitions(&[Arc::clone(&partition)]).outcome;
        let state = State::of(at, outcome, &stream.rules).unwrap().json();
        let state: Value = serde_json::from_str(&state).unwrap();
        let topology = Topology::with_rules(&stream.rules);
        topology.apply(&records(&partition));

        for island in state["islands"].as_array().unwrap() {
            let name = island["island"].as_str().unwrap();
            let nodes = topology.reachable_within(name, u32::MAX);
            assert_eq!(nodes[0], name, "seed {seed}: an island is named by its least node");
            assert_eq!(
                nodes.len() as u64,
                island["nodes"].as_u64().unwrap(),
                "seed {seed}: {name}"
            );
            islands += 1;
        }
        let key = |kind: &str, subject: &str| format!("{kind} {subject}");
        let told: Vec<String> = state["violations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| key(row["kind"].as_str().unwrap(), row["subject"].as_str().unwrap()))
            .collect();
        let found = topology.validate_topology().into_iter();
        let found: Vec<String> = found.map(|one| key(one.kind.name(), &one.subject)).collect();
        assert_eq!(found, told, "seed {seed}");
        violations += told.len();
    }
    assert!(islands > 30 && violations > 30, "{islands} islands, {violations} violations: too few");
}

/// The stream's records without copies: which of two counts depends on the tick that they are in.
fn said_once(stream: &Stream) -> Arc<Vec<u8>> {
    let mut seen = BTreeSet::new();
    let mut text = Vec::new();
    for line in lines(&stream.whole()) {
        let Ok(record) = decode(line, RECORD_BYTES_MAX) else { continue };
        let version = &record.envelope.version;
        if seen.insert((version.source.clone(), version.id.clone())) {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
    }
    Arc::new(text)
}

fn records(text: &[u8]) -> Vec<Record> {
    lines(text).filter_map(|line| decode(line, RECORD_BYTES_MAX).ok()).collect()
}

/// `south` lacks power; it has bids, its neighbours have surpluses.
fn stressed(random: &mut Random) -> Arc<Vec<u8>> {
    let mut text = Vec::new();
    let mut say = |id: &str, type_name: &str, time_ms: i64, data: &str| {
        let data = format!(r#""data":{{{data}}}"#);
        text.extend(line("test", id, type_name, time_ms, &data).into_bytes());
        text.push(b'\n');
    };
    let regions = ["east", "north", "south", "west"];
    for region in regions {
        let of_region = format!(r#""node":"{region}","region":"{region}""#);
        say(&format!("n-{region}"), "grid.node", START_MS, &of_region);
        let (generation, load) = match region {
            "south" => (50, random.between(60, 250)),
            _ => (random.between(50, 120), 50),
        };
        let read = format!(r#""node":"{region}","generation_mw":{generation},"load_mw":{load}"#);
        say(&format!("t-{region}"), "grid.telemetry", START_MS, &read);
        let price = format!(r#""region":"{region}","price":{}"#, random.between(-5, 80));
        say(&format!("p-{region}"), "grid.energy_price", START_MS, &price);
    }
    for number in 0..random.between(3, 9) {
        let (from, to) = (*random.pick(&regions), *random.pick(&regions));
        let (capacity, loss) = (random.between(1, 60), random.between(0, 9_999));
        let ends = format!(r#""line":"l{number}","from":"{from}","to":"{to}""#);
        let figures = format!(r#""capacity_mw":{capacity},"loss":0.0{loss:04}"#);
        let wheeling = format!(r#""wheeling_price":{}"#, random.between(0, 9));
        say(&format!("l-{number}"), "grid.line", START_MS, &format!("{ends},{figures},{wheeling}"));
    }
    let capacity = random.between(20, 80);
    let program = format!(r#""program":"peak","region":"south","capacity_mw":{capacity}"#);
    say("program", "dr.program", START_MS, &format!(r#"{program},"max_price":900"#));
    for number in 0..random.between(0, 12) {
        let min = if random.chance(40) { random.between(1, 9) } else { 0 };
        let names = format!(r#""bid":"b{number}","participant":"mill","program":"peak""#);
        let price = random.between(1, 100) * 10;
        let max = random.between(9, 20);
        let figures = format!(r#""price":{price},"min_mw":{min},"max_mw":{max}"#);
        let (start, end) = (Time(START_MS), Time(START_MS + random.between(1, 9) * 3_600_000));
        let window = format!(r#""start":"{start}","end":"{end}""#);
        let submitted = START_MS + random.between(0, 3);
        say(&format!("b-{number}"), "dr.bid", submitted, &format!("{names},{figures},{window}"));
    }
    Arc::new(text)
}

/// What the engine decided in the one tick there is.
fn decided(partition: &Arc<Vec<u8>>) -> Vec<Decision> {
    let played = Play::by(&Rules::default()).partitions(&[Arc::clone(partition)]);
    decisions(&played.orders).remove(&TICK_END).unwrap_or_default()
}

fn evaluated(records: &[Record], need: Watts, pipeline: &UnifiedPipeline) -> Vec<AcceptedBid> {
    let book = BidBook::new(pipeline);
    for record in records {
        match &record.data {
            Data::Program(program) => {
                let capacity = program.capacity.unwrap();
                book.set_program("peak", "south", capacity, program.max_price).unwrap();
            }
            Data::Bid(bid) => drop(book.submit_bid((**bid).clone(), record.time()).unwrap()),
            _ => {}
        }
    }
    let window = EvaluationWindow::new(TICK_END, TICK_END + gridweaver::model::Millis(1));
    book.evaluate_bids("peak", window.with_need(need)).unwrap()
}

fn planned(
    records: &[Record],
    need: Watts,
    topology: &Topology,
    pipeline: &UnifiedPipeline,
) -> Plan {
    topology.apply(records);
    let mut dispatcher = Dispatcher::new(topology, &Alone, pipeline);
    for record in records {
        let Data::Telemetry(reading) = &record.data else { continue };
        let price = records.iter().find_map(|record| match &record.data {
            Data::EnergyPrice(energy) if energy.region == reading.node => Some(energy.price),
            _ => None,
        });
        let power = (reading.generation - reading.load).max(Watts::ZERO);
        let energy_price = price.unwrap_or(Price::ZERO);
        dispatcher.set_surplus(&reading.node, Surplus { power, energy_price });
    }
    dispatcher.build_plan("south", need).unwrap()
}

#[test]
fn accepted_bids_and_planned_transfers_are_the_engines() {
    let (mut activations, mut transfers) = (0, 0);
    for seed in seeds(100) {
        let partition = stressed(&mut Random::new(seed));
        let records = records(&partition);
        let (mut bids, mut orders, mut short) = (Vec::new(), Vec::new(), None);
        for decision in decided(&partition) {
            match decision.event {
                Decided::PlanCreated(plan) => short = Some((plan.shortfall, plan.demand_response)),
                Decided::DemandResponseActivated(order) => {
                    bids.push((order.bid, order.amount, order.price, order.score, order.rank));
                }
                Decided::TransferOrdered(order) => {
                    orders.push((order.path, order.sent, order.delivered));
                }
                _ => {}
            }
        }
        let (shortfall, met) = short.unwrap();
        assert!(shortfall >= Watts(10 * MW), "seed {seed}");

        let pipeline = UnifiedPipeline::new(1_000);
        let accepted = evaluated(&records, shortfall, &pipeline).into_iter();
        let mut accepted: Vec<_> =
            accepted.map(|bid| (bid.bid.0, bid.amount, bid.price, bid.score, bid.rank)).collect();
        accepted.sort_unstable();
        bids.sort_unstable();
        assert_eq!(accepted, bids, "seed {seed}");
        activations += bids.len();

        let topology = Topology::new();
        let plan = planned(&records, shortfall - met, &topology, &pipeline);
        let mut found = Vec::new();
        for transfer in plan.transfers() {
            let delivered = topology.stand_transfer(&transfer.path, transfer.sent).unwrap();
            assert_eq!(delivered, transfer.delivered, "seed {seed}");
            found.push((transfer.path, transfer.sent, delivered));
        }
        orders.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, orders, "seed {seed}");
        transfers += orders.len();
    }
    assert!(activations > 100 && transfers > 100, "{activations} and {transfers} orders: too few");
}
