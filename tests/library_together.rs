//! The library from many threads: nothing is lost, doubled or overrun, whoever is first.
//!
//! | family | promise |
//! | --- | --- |
//! | `pipeline…` | every event has one outcome; a refused one leaves no trace |
//! | `dispatch…` | only the leader; no limit is overrun; all of a decision or nothing |
//! | `bids…` | rank does not depend on threads; a program is never overrun |

use gridweaver::bids::{AcceptedBid, BidBook, BidError, BidId, EvaluationWindow};
use gridweaver::dispatch::{Alone, DispatchError, Dispatcher, Elected, Surplus, Vote};
use gridweaver::model::decision::{BidState, Event as Decided};
use gridweaver::model::record::{Bid, EnergyPrice, Envelope, Version};
use gridweaver::model::{Data, Millis, Price, Record, Time, Watts};
use gridweaver::pipeline::{Event, Happening, SubmitError, UnifiedPipeline};
use gridweaver::topology::{Edge, Topology};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const THREADS: u64 = 8;
const MW: i64 = 1_000_000;

fn price(source: u64, sequence: u64) -> Record {
    let version = Version {
        time: Time(1_000 * i64::try_from(sequence).unwrap()),
        sequence,
        source: format!("s{source}").into(),
        id: format!("e{sequence}").into(),
    };
    let region = if sequence.is_multiple_of(2) { "west" } else { "east" };
    let data = Data::EnergyPrice(EnergyPrice { region: region.into(), price: Price(1) });
    Record { envelope: Envelope { version, correlation_id: None }, data }
}

#[test]
fn pipeline_gives_every_event_one_outcome_and_keeps_each_submitters_order() {
    const EACH: u64 = 2_000;
    let hooked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&hooked);
    let pipeline = UnifiedPipeline::new(64)
        .filter_by_region("west")
        .with_deduplication(Millis(1_000_000_000))
        .with_hook(move |happening, events| {
            if happening == Happening::Delivered {
                count.fetch_add(events, Ordering::Relaxed);
            }
        });
    let refused = AtomicU64::new(0);
    let mut delivered: Vec<Event> = Vec::new();
    thread::scope(|scope| {
        let submitters: Vec<_> = (0..THREADS)
            .map(|source| {
                let (pipeline, refused) = (&pipeline, &refused);
                scope.spawn(move || {
                    for sequence in 0..EACH {
                        // Each comes twice, and again whenever it is refused.
                        for _ in 0..2 {
                            while let Err(error) = pipeline.submit(price(source, sequence)) {
                                assert_eq!(error, SubmitError::BackPressure);
                                refused.fetch_add(1, Ordering::Relaxed);
                                thread::yield_now();
                            }
                        }
                    }
                })
            })
            .collect();
        while !submitters.iter().all(thread::ScopedJoinHandle::is_finished) {
            assert!(pipeline.waiting() <= 64, "memory is not bounded");
            let counts = pipeline.counts();
            let settled = counts.filtered + counts.deduplicated + counts.delivered;
            assert!(settled <= counts.submitted, "an outcome without a submission: {counts:?}");
            delivered.extend(pipeline.drain());
        }
    });
    delivered.extend(pipeline.drain());

    let counts = pipeline.counts();
    assert!(refused.load(Ordering::Relaxed) > 0, "the buffer never filled");
    assert_eq!(counts.submitted, 2 * THREADS * EACH);
    assert_eq!(counts.filtered, THREADS * EACH);
    assert_eq!(counts.deduplicated, THREADS * EACH / 2);
    assert_eq!((counts.delivered, hooked.load(Ordering::Relaxed)), (THREADS * EACH / 2, 8_000));
    for source in 0..THREADS {
        let source = format!("s{source}");
        let of_source = delivered.iter().filter(|event| event.source() == source);
        let sequences: Vec<u64> = of_source.map(Event::sequence).collect();
        assert_eq!(sequences, (0..EACH).step_by(2).collect::<Vec<_>>());
    }
}

#[test]
fn pipeline_windows_are_aligned_to_the_epoch_and_wait_for_the_watermark() {
    let pipeline = UnifiedPipeline::new(100).window_events(Millis(10_000));
    for sequence in [25, 3, 12, 9] {
        pipeline.submit(price(1, sequence)).unwrap();
    }
    let shown = |windows: Vec<gridweaver::pipeline::Window>| -> Vec<(i64, Vec<u64>)> {
        let shown = windows.into_iter().map(|window| {
            assert_eq!(window.end.0, window.start.0 + 10_000);
            (window.start.0, window.events.iter().map(Event::sequence).collect())
        });
        shown.collect()
    };
    let over = pipeline.sort_by_sequence_until(Time(10_000));
    assert_eq!(shown(over), [(0, vec![3, 9])]);
    assert_eq!(shown(pipeline.sort_by_sequence()), [(10_000, vec![12]), (20_000, vec![25])]);
}

fn surplus(mw: i64) -> Surplus {
    Surplus { power: Watts(mw * MW), energy_price: Price(40_000) }
}

#[test]
fn dispatch_is_for_the_leader_alone() {
    let (topology, pipeline) = (Topology::new(), UnifiedPipeline::new(10));
    topology.add_edge(Edge::new("tie", "a", "b", Watts(9 * MW))).unwrap();
    // A tie of two votes goes to the least id; without a quorum nobody leads.
    let votes = vec![Vote::new("x", "n2"), Vote::new("y", "n1")];
    for (node, members, leads) in [("n1", 3, true), ("n2", 3, false), ("n1", 4, false)] {
        let elected = Elected { node: node.into(), votes: votes.clone(), members };
        let mut dispatcher = Dispatcher::new(&topology, &elected, &pipeline);
        dispatcher.set_surplus("a", surplus(5));
        let orders = dispatcher.cascade_dispatch("b", Watts(MW));
        assert_eq!(orders.is_ok(), leads, "{node} of {members}");
        assert!(leads || orders == Err(DispatchError::NotLeader));
    }
}

#[test]
fn dispatch_from_many_threads_overruns_no_line_and_tells_every_order() {
    let (topology, pipeline) = (Topology::new(), UnifiedPipeline::new(10_000));
    topology.add_edge(Edge::new("tie", "a", "b", Watts(100 * MW))).unwrap();
    let delivered = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut dispatcher = Dispatcher::new(&topology, &Alone, &pipeline);
                dispatcher.set_surplus("a", surplus(1_000));
                for _ in 0..40 {
                    match dispatcher.cascade_dispatch("b", Watts(MW)) {
                        Ok(orders) => {
                            let power: i64 = orders.iter().map(|order| order.delivered.0).sum();
                            delivered.fetch_add(u64::try_from(power).unwrap(), Ordering::Relaxed);
                        }
                        Err(DispatchError::Unmet { .. } | DispatchError::Outdated(_)) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            });
        }
    });
    assert_eq!(delivered.load(Ordering::Relaxed), 100_000_000);
    assert_eq!(topology.remaining_capacity("a", "b"), Watts::ZERO);
    let events = pipeline.drain();
    let sequences: Vec<u64> = events.iter().map(Event::sequence).collect();
    assert_eq!(sequences, (1..=events.len() as u64).collect::<Vec<_>>());
    let orders = events.iter().filter_map(|event| match event {
        Event::Decision(decided) => match &decided.decision.event {
            Decided::TransferOrdered(order) => Some(order.order.clone()),
            _ => None,
        },
        Event::Record(_) => None,
    });
    assert_eq!(orders.collect::<BTreeSet<_>>().len(), 100, "two orders of one name");
}

#[test]
fn dispatch_tells_a_plan_its_proof_its_limits_and_its_orders_in_sequence() {
    let (topology, pipeline) = (Topology::new(), UnifiedPipeline::new(10));
    topology.add_edge(Edge::new("tie", "a", "b", Watts(9 * MW))).unwrap();
    let mut dispatcher = Dispatcher::new(&topology, &Alone, &pipeline);
    dispatcher.set_surplus("a", surplus(5));
    let plan = dispatcher.build_plan("b", Watts(5 * MW)).unwrap();
    assert_eq!(dispatcher.adopt(&plan).unwrap().len(), 1);
    let events = pipeline.sort_by_sequence();
    let types: Vec<&str> = events.iter().map(Event::type_name).collect();
    assert_eq!(
        types,
        [
            "dispatch.plan_created",
            "dispatch.cascade_cleared",
            "dispatch.constraint_applied",
            "dispatch.transfer_ordered",
        ]
    );
    let Event::Decision(proof) = &events[1] else { panic!("no decision") };
    let Decided::CascadeCleared(proof) = &proof.decision.event else { panic!("no proof") };
    assert_eq!((proof.served, proof.unmet), (Watts(5 * MW), Watts::ZERO));
    assert!(proof.bound <= proof.cost * 1_000_000, "the prices prove more than the plan costs");

    // The same plan a second time would send what is no longer there.
    let spent = DispatchError::Spent { region: "a".into(), sent: Watts(5 * MW), left: Watts::ZERO };
    assert_eq!(dispatcher.adopt(&plan), Err(spent));
    assert_eq!(topology.remaining_capacity("a", "b"), Watts(4 * MW));
    // Nor does a plan stand on a grid that lost its line.
    dispatcher.set_surplus("a", surplus(5));
    topology.remove_edge("tie");
    assert!(matches!(dispatcher.adopt(&plan), Err(DispatchError::Outdated(_))));
    assert_eq!(pipeline.waiting(), 0);
}

#[test]
fn dispatch_that_its_pipeline_has_no_room_for_orders_nothing() {
    let (topology, pipeline) = (Topology::new(), UnifiedPipeline::new(1));
    topology.add_edge(Edge::new("tie", "a", "b", Watts(9 * MW))).unwrap();
    let mut dispatcher = Dispatcher::new(&topology, &Alone, &pipeline);
    dispatcher.set_surplus("a", surplus(5));
    let refused = dispatcher.cascade_dispatch("b", Watts(MW));
    assert_eq!(refused, Err(DispatchError::BackPressure));
    assert_eq!(topology.remaining_capacity("a", "b"), Watts(9 * MW));
    assert_eq!(pipeline.waiting(), 0);
}

fn bid(number: u64) -> Bid {
    Bid {
        bid: format!("b{number:03}").into(),
        participant: "mill".into(),
        program: "peak".into(),
        node: None,
        price: Price(60_000),
        min: Watts::ZERO,
        max: Watts(MW),
        start: Time(0),
        end: Time(7_200_000),
        notice: None,
        min_run: None,
        reliability: None,
    }
}

#[test]
fn bids_of_many_threads_rank_by_submission_time_then_id() {
    let pipeline = UnifiedPipeline::new(10_000);
    let book = BidBook::new(&pipeline);
    book.set_program("peak", "west", Watts(50 * MW), None).unwrap();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let book = &book;
            scope.spawn(move || {
                for number in (thread * 20..thread * 20 + 20).rev() {
                    // Two share each instant.
                    let time = Time(1_000 + i64::try_from(number / 2).unwrap());
                    let id = book.submit_bid(bid(number), time).unwrap();
                    assert_eq!(book.bid_status(&id, Time(2_000)).unwrap().bid, id.0);
                }
            });
        }
    });
    let window = EvaluationWindow::new(Time(10_000), Time(3_600_000));
    let accepted = book.evaluate_bids("peak", window).unwrap();
    let ids: Vec<String> = accepted.iter().map(|bid| bid.bid.to_string()).collect();
    assert_eq!(ids, (0..50).map(|number| format!("b{number:03}")).collect::<Vec<_>>());
    assert!(book.evaluate_bids("peak", window).unwrap().is_empty(), "the program was overrun");

    let audits =
        |events: &[Event]| events.iter().filter(|event| event.type_name() == "audit.entry").count();
    let events = pipeline.drain();
    assert_eq!(audits(&events), 2);
    let Some(Event::Decision(last)) = events.last() else { panic!("no decision") };
    let Decided::AuditEntry(entry) = &last.decision.event else { panic!("no audit") };
    assert_eq!((entry.considered, entry.accepted), (110, 0));
}

#[test]
fn bids_evaluated_by_many_threads_are_accepted_and_applied_once() {
    let pipeline = UnifiedPipeline::new(10_000);
    let book = BidBook::new(&pipeline);
    book.set_program("peak", "west", Watts(50 * MW), None).unwrap();
    for number in 0..160 {
        book.submit_bid(bid(number), Time(1_000)).unwrap();
    }
    let ordered = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for now in 10_000..10_020 {
                    let window = EvaluationWindow::new(Time(now), Time(3_600_000));
                    let accepted = book.evaluate_bids("peak", window.with_need(Watts(MW))).unwrap();
                    let orders = book.apply_dispatch(&accepted, Time(now)).unwrap();
                    ordered.fetch_add(orders.len() as u64, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(ordered.load(Ordering::Relaxed), 50, "the program holds fifty bids of 1 MW");
    let told = pipeline.drain().into_iter().filter_map(|event| match event {
        Event::Decision(decided) => match &decided.decision.event {
            Decided::DemandResponseActivated(order) => Some(order.bid.clone()),
            _ => None,
        },
        Event::Record(_) => None,
    });
    assert_eq!(told.collect::<BTreeSet<_>>().len(), 50, "each once");
}

#[test]
fn bids_of_which_anything_turned_are_told_with_the_next_evaluation() {
    let pipeline = UnifiedPipeline::new(100);
    let book = BidBook::new(&pipeline);
    book.set_program("peak", "west", Watts(MW), None).unwrap();
    for number in 1..=3 {
        book.submit_bid(bid(number), Time(1_000)).unwrap();
    }
    let statuses = |now: i64| -> Vec<String> {
        let window = EvaluationWindow::new(Time(now), Time(now + 1));
        book.evaluate_bids("peak", window).unwrap();
        let told = pipeline.drain().into_iter().filter_map(|event| match event {
            Event::Decision(decided) => match &decided.decision.event {
                Decided::BidStatus(told) => Some(format!("{} {}", told.bid, told.status.name())),
                _ => None,
            },
            Event::Record(_) => None,
        });
        told.collect()
    };
    assert_eq!(statuses(10_000), ["b001 accepted", "b002 rejected", "b003 rejected"]);
    assert!(statuses(20_000).is_empty(), "nothing turned");
    // The capacity of what is withdrawn is had again; a revision that no longer fits lapses.
    book.withdraw_bid(&BidId("b001".into()), Time(30_000)).unwrap();
    assert_eq!(statuses(30_000), ["b001 withdrawn", "b002 accepted"]);
    book.submit_bid(Bid { max: Watts(MW / 2), ..bid(2) }, Time(40_000)).unwrap();
    assert_eq!(statuses(40_000), ["b002 accepted", "b003 accepted"]);
    assert_eq!(statuses(7_200_000), ["b002 expired", "b003 expired"]);
}

#[test]
fn bids_that_no_room_is_left_to_tell_of_are_not_decided() {
    let pipeline = UnifiedPipeline::new(1);
    let book = BidBook::new(&pipeline);
    book.set_program("peak", "west", Watts(MW), None).unwrap();
    let id = book.submit_bid(bid(1), Time(1_000)).unwrap();
    let window = EvaluationWindow::new(Time(10_000), Time(3_600_000));
    assert_eq!(book.evaluate_bids("peak", window), Err(BidError::BackPressure));
    assert_eq!(book.bid_status(&id, Time(10_000)).unwrap().status, BidState::Pending);
    assert_eq!(pipeline.waiting(), 0);
}

#[test]
fn bids_are_applied_once_and_expire_by_the_callers_time() {
    let pipeline = UnifiedPipeline::new(100);
    let book = BidBook::new(&pipeline);
    book.set_program("peak", "west", Watts(MW), None).unwrap();
    let id: BidId = book.submit_bid(bid(1), Time(1_000)).unwrap();
    let window = EvaluationWindow::new(Time(10_000), Time(3_600_000));
    let accepted: Vec<AcceptedBid> = book.evaluate_bids("peak", window).unwrap();
    assert_eq!(book.apply_dispatch(&accepted, Time(10_000)).unwrap().len(), 1);
    let again = book.apply_dispatch(&accepted, Time(10_000));
    assert_eq!(again, Err(BidError::NotAccepted(id.clone())));
    let status = |ms: i64| book.bid_status(&id, Time(ms)).unwrap().status;
    assert_eq!((status(7_199_999), status(7_200_000)), (BidState::Accepted, BidState::Expired));
    let refusal = |bid, time| book.submit_bid(bid, time).unwrap_err().to_string();
    assert_eq!(
        refusal(Bid { max: Watts(-1), ..bid(2) }, Time(0)),
        "b002: max_mw is below 0: correct it and submit again"
    );
    for time in [Time(-1), Time::END, Time(i64::MAX), Time(i64::MIN)] {
        assert!(refusal(bid(2), time).starts_with("b002: "), "submitted at {}", time.0);
        assert!(refusal(Bid { end: time, ..bid(2) }, Time(0)).starts_with("b002: "));
    }
}
