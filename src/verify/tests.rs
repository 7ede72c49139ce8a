//! One small tick, decided by hand: accepted as it is, and refused in each way of breaking it.
//!
//! Region A lacks 10 MW. Bid `x` gives 4 of them. B can send 5, of which 4.9 arrive; 1.1 stay.
//! What B sends is scarce, so a MWh there is worth what it saves of lost load in A, less the loss.

use super::{Breach, verify};
use gridweaver_dataflows::twins::replay::reads;
use gridweaver_model::decision::{
    BidState, BidStatus, CascadeArea, CascadeCleared, CascadeInterface, CurtailmentRecorded,
    Decision, DemandResponseActivated, Event, IslandChanged, LineShare, PlanCreated, PlanInputs,
    ShortfallUnmet, TickClosed, TransferOrdered,
};
use gridweaver_model::{Ppm, Price, Rules, Text, Time, Watts};
use sha2::{Digest as _, Sha256};

const END: Time = Time(4_000);
const START: &str = "1970-01-01T00:00:01Z";

fn input() -> Vec<String> {
    let mut id = 0;
    let mut line = |type_name: &str, data: &str| {
        id += 1;
        let envelope = format!(r#""specversion":"1.0","id":"{id}","source":"s""#);
        format!(r#"{{{envelope},"type":"{type_name}","time":"{START}","data":{{{data}}}}}"#)
    };
    vec![
        line("grid.node", r#""node":"a","region":"A""#),
        line("grid.node", r#""node":"b","region":"B""#),
        line("grid.line", r#""line":"l","from":"a","to":"b","capacity_mw":20,"loss":0.02"#),
        line("grid.telemetry", r#""node":"a","generation_mw":50,"load_mw":60"#),
        line("grid.telemetry", r#""node":"b","generation_mw":50,"load_mw":45"#),
        line("dr.program", r#""program":"p","region":"A","capacity_mw":7"#),
        line("dr.bid", &bid("x", 50, 4)),
        line("dr.bid", &bid("y", 20_000, 9)),
    ]
}

fn bid(name: &str, price: u32, max_mw: u32) -> String {
    let window = r#""start":"1970-01-01T00:00:00Z","end":"1970-01-01T04:00:00Z""#;
    let whose = format!(r#""bid":"{name}","participant":"v","program":"p""#);
    format!(r#"{whose},"price":{price},"min_mw":0,"max_mw":{max_mw},{window}"#)
}

fn megawatts(value: f64) -> Watts {
    Watts((value * 1e6).round() as i64)
}

fn decisions() -> Vec<Decision> {
    let (a, mw) = (Text::from("A"), megawatts);
    let of_a = |event| Decision::of_area(event, &a, &a);
    vec![
        Decision::of_no_area(Event::IslandChanged(IslandChanged {
            island: "a".into(),
            nodes: 2,
            regions: vec!["A".into(), "B".into()],
            previous: vec![],
        })),
        of_a(Event::PlanCreated(Box::new(plan()))),
        Decision::of_no_area(Event::CascadeCleared(Box::new(cascade()))),
        of_a(Event::DemandResponseActivated(Box::new(activation()))),
        of_a(Event::TransferOrdered(Box::new(transfer()))),
        of_a(Event::CurtailmentRecorded(Box::new(CurtailmentRecorded {
            plan: "plan".into(),
            order: "o3".into(),
            amount: mw(1.1),
            reason: "nothing is left".into(),
            supersedes: None,
            need: mw(10.0),
            demand_response: mw(4.0),
            transfer: mw(4.9),
        }))),
        of_a(Event::ShortfallUnmet(ShortfallUnmet {
            plan: "plan".into(),
            shortfall: mw(10.0),
            met: mw(8.9),
            unmet: mw(1.1),
        })),
        status("x", BidState::Accepted, 4.0),
        status("y", BidState::Rejected, 0.0),
    ]
}

fn status(bid: &str, status: BidState, amount: f64) -> Decision {
    Decision::of_no_area(Event::BidStatus(BidStatus {
        bid: bid.into(),
        participant: "v".into(),
        program: "p".into(),
        status,
        amount: megawatts(amount),
        rank: None,
        reason: "test".into(),
    }))
}

fn cascade() -> CascadeCleared {
    let mw = megawatts;
    let row = |area: &str, need: f64, surplus: f64, price| CascadeArea {
        area: area.into(),
        need: mw(need),
        surplus: mw(surplus),
        energy_price: Price(50_000),
        price: Price(price),
    };
    let interface = |from: &str, to: &str, flow: f64| CascadeInterface {
        from_area: from.into(),
        to_area: to.into(),
        capacity: mw(20.0),
        loss: Ppm(20_000),
        wheeling_price: Price(0),
        flow: mw(flow),
    };
    CascadeCleared {
        island: "a".into(),
        areas: vec![row("A", 6.0, 0.0, 10_000_000), row("B", 0.0, 5.0, 9_800_000)],
        interfaces: vec![interface("A", "B", 0.0), interface("B", "A", 5.0)],
        served: mw(4.9),
        unmet: mw(1.1),
        cost: 250_000_000_000,
        bound: 11_250_000_000_000 * 1_000_000,
    }
}

fn plan() -> PlanCreated {
    let mw = megawatts;
    PlanCreated {
        plan: "plan".into(),
        island: "a".into(),
        tick: END,
        shortfall: mw(10.0),
        demand_response: mw(4.0),
        over_delivery: mw(0.0),
        transfer: mw(4.9),
        unmet: mw(1.1),
        cost: 450_000_000_000,
        gap: 0,
        supersedes: vec![],
        inputs: PlanInputs {
            generation: mw(50.0),
            available: mw(50.0),
            load: mw(60.0),
            ..Default::default()
        },
    }
}

fn activation() -> DemandResponseActivated {
    let mw = megawatts;
    DemandResponseActivated {
        plan: "plan".into(),
        order: "o1".into(),
        bid: "x".into(),
        participant: "v".into(),
        program: "p".into(),
        amount: mw(4.0),
        price: Price(50_000),
        // 50 × (1 + 0.1) × (1 − 0.1): the default reliability, and a window of four hours.
        score: Price(49_500),
        rank: 1,
        start: END,
        until: Time(14_400_000),
        supersedes: None,
        need: mw(10.0),
        min: mw(0.0),
        max: mw(4.0),
        program_remaining: mw(7.0),
        reliability: Ppm(900_000),
    }
}

fn transfer() -> TransferOrdered {
    let mw = megawatts;
    TransferOrdered {
        plan: "plan".into(),
        order: "o2".into(),
        path: vec!["B".into(), "A".into()],
        lines: vec![LineShare { line: "l".into(), power: mw(5.0) }],
        sent: mw(5.0),
        delivered: mw(4.9),
        cost: 250_000_000_000,
        supersedes: None,
        need: mw(6.0),
        surplus: mw(5.0),
        energy_price: Price(50_000),
    }
}

/// The lines of a stream of one tick.
fn stream(decisions: &[Decision]) -> Vec<Vec<u8>> {
    let mut lines = vec![];
    let mut digest = Sha256::new();
    for (sequence, decision) in (1..).zip(decisions) {
        let mut line = vec![];
        decision.write_line(&mut line, END, sequence);
        digest.update(&line);
        digest.update(b"\n");
        lines.push(line);
    }
    let records = u64::try_from(decisions.len()).unwrap();
    let digest = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let closed = TickClosed {
        sink: "orders.jsonl".into(),
        tick: END,
        term: 0,
        records,
        digest,
        passed_over: vec![],
        refused: vec![],
    };
    let mut line = vec![];
    closed.write_line(&mut line, records);
    lines.push(line);
    lines
}

fn breaches(input: &[String], lines: Vec<Vec<u8>>) -> Vec<Breach> {
    let bytes = input.join("\n");
    let partitions = vec![reads(bytes.as_bytes(), 1 << 20)];
    verify(partitions, lines.into_iter().map(Ok), &Rules::default())
}

/// Changes one decision of the tick and expects a rule to be broken by it.
fn expect(rule: &str, change: impl Fn(&mut Event)) {
    let mut decisions = decisions();
    for decision in &mut decisions {
        change(&mut decision.event);
    }
    let found = breaches(&input(), stream(&decisions));
    assert!(found.iter().any(|breach| breach.rule == rule), "{rule}: {found:?}");
}

#[test]
fn a_right_tick_is_accepted() {
    assert_eq!(breaches(&input(), stream(&decisions())), []);
}

#[test]
fn a_loss_that_is_a_watt_off_is_told() {
    expect("delivered is sent less each hop's loss", |event| {
        if let Event::TransferOrdered(it) = event {
            it.delivered.0 -= 1;
        }
    });
}

#[test]
fn a_dearer_choice_is_told() {
    expect("a clearing is optimal", |event| {
        if let Event::DemandResponseActivated(it) = event {
            it.amount.0 -= 1;
        }
    });
}

#[test]
fn a_certificate_that_proves_too_little_is_told() {
    expect("a cascade is within 0.1 % of the optimum", |event| {
        if let Event::CascadeCleared(it) = event {
            it.areas[1].price = Price(9_900_000);
        }
    });
}

#[test]
fn a_plan_that_does_not_add_up_is_told() {
    expect("met and unmet are the shortfall", |event| {
        if let Event::PlanCreated(it) = event {
            it.unmet.0 += 1;
        }
    });
}

#[test]
fn an_island_that_did_not_change_is_told() {
    expect("every island that changed is recorded", |event| {
        if let Event::IslandChanged(it) = event {
            it.nodes += 1;
        }
    });
}

#[test]
fn a_status_that_does_not_hold_is_told() {
    expect("every change of a bid's status is recorded", |event| {
        if let Event::BidStatus(it) = event {
            it.status = BidState::Rejected;
            it.amount = Watts::ZERO;
        }
    });
}

#[test]
fn what_breaks_later_without_a_record_is_told() {
    let mut input = input();
    let later = r#""type":"grid.line_status","time":"1970-01-01T00:00:05Z""#;
    let data = r#""data":{"line":"l","in_service":false}"#;
    input.push(format!(r#"{{"specversion":"1.0","id":"z","source":"s",{later},{data}}}"#));
    let found = breaches(&input, stream(&decisions()));
    let told = |rule: &str| found.iter().any(|breach| breach.rule == rule);
    assert!(told("a path's lines are live") && told("every tick is closed"), "{found:?}");
}

#[test]
fn a_bid_whose_window_began_long_ago_takes_nothing_back() {
    let mut input = input();
    let later = r#""type":"dr.bid","time":"1970-01-01T00:00:05Z""#;
    let data = bid("late", 70, 1);
    input.push(format!(
        r#"{{"specversion":"1.0","id":"z","source":"s",{later},"data":{{{data}}}}}"#
    ));
    let found = breaches(&input, stream(&decisions()));
    assert!(!found.is_empty() && found.iter().all(|breach| breach.tick == Some(Time(8_000))));
}

#[test]
fn a_shortfall_without_a_plan_is_told() {
    let decisions = &decisions()[..1];
    let found = breaches(&input(), stream(decisions));
    let rule = "an area in shortfall has a plan";
    assert!(found.iter().any(|breach| breach.rule == rule), "{found:?}");
}

#[test]
fn foreign_and_broken_lines_are_told_by_number_and_never_panic() {
    for text in [&b"{\"a\":"[..], b"\xff\xfe", b"[]", b"{\"specversion\":\"1.0\"}"] {
        let mut lines = stream(&decisions());
        lines.insert(2, text.to_vec());
        let found = breaches(&input(), lines);
        assert!(found.iter().any(|breach| breach.line == Some(3)), "{found:?}");
    }
}
