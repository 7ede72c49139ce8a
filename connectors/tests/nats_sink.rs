//! Writing ticks to a stream: what is there afterwards, what is gone on from, and what is an
//! error because somebody else wrote or what was written is gone.

#![cfg(feature = "nats")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/nats.rs"]
mod server;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use gridweaver_connectors::nats::{
    NatsError, NatsSink, Opened, Servers, SinkOptions, visit_ticks_from_the_end,
};
use gridweaver_connectors::{Guarantee, Sink, SinkError};
use server::{Admin, NatsServer, Proxy};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const STREAM: &str = "ORDERS";

fn line(kind: &str, number: usize, region: &str, padding: usize) -> String {
    let padding = "x".repeat(padding);
    format!(
        "{{\"specversion\":\"1.0\",\"id\":\"{number:020x}\",\"source\":\"gridweaver\",\
         \"type\":\"{kind}\",\"data\":{{\"region\":\"{region}\",\"padding\":\"{padding}\"}}}}\n"
    )
}

/// A tick of so many plans, in the regions `r0`, `r1` and `r2`.
fn tick(number: usize, plans: usize) -> String {
    let plans = (0..plans).map(|plan| {
        line("dispatch.plan_created", number * 1_000_000 + plan, &format!("r{}", plan % 3), 50)
    });
    plans.collect::<String>() + &line("dispatch.tick_closed", number, "", 0)
}

fn options() -> SinkOptions {
    SinkOptions { patience: Duration::from_secs(20), ..SinkOptions::new(STREAM, "grid") }
}

fn open(servers: &Servers) -> Result<Opened, NatsError> {
    NatsSink::open("nats/ORDERS", servers, &options())
}

fn write(sink: &mut NatsSink, text: &str) -> Result<(), NatsError> {
    let nats = |error| match error {
        SinkError::Nats(error) => error,
        error => panic!("{error}"),
    };
    sink.append(text.as_bytes()).map_err(nats)?;
    sink.commit().map_err(nats)
}

/// Everything in the stream, one line each.
fn text(admin: &Admin) -> String {
    admin.content(STREAM).into_iter().map(|(_, payload)| payload + "\n").collect()
}

fn lines(records: &[Vec<u8>]) -> String {
    records.iter().map(|record| String::from_utf8(record.clone()).unwrap() + "\n").collect()
}

/// What makes our stream of a tick, and publishes a part of it as a crash would have left it.
fn publish_lines(admin: &Admin, text: &str) {
    for line in text.lines() {
        let is_plan = line.contains("plan_created");
        let region = line.split("\"region\":\"").nth(1).unwrap().split('"').next().unwrap();
        let subject = match is_plan {
            true => format!("grid.dispatch.plan_created.{region}"),
            false => "grid.dispatch.tick_closed._".to_owned(),
        };
        admin.publish(&subject, line);
    }
}

#[test]
fn ticks_are_there_after_commit_each_record_on_its_subject() {
    let server = NatsServer::start();
    let opened = open(&server.servers()).unwrap();
    assert_eq!((opened.last_tick_closed, opened.records_of_next.len()), (None, 0));
    let mut sink = opened.sink;
    assert_eq!((sink.name(), sink.guarantee()), ("nats/ORDERS", Guarantee::Continued));
    sink.append(tick(1, 3).as_bytes()).unwrap();
    sink.append(tick(2, 0).as_bytes()).unwrap();
    assert_eq!(server.admin().last_sequence(STREAM), 0);
    sink.commit().unwrap();
    sink.commit().unwrap();
    let admin = server.admin();
    assert_eq!(text(&admin), tick(1, 3) + &tick(2, 0));
    let subjects: Vec<String> = admin.content(STREAM).into_iter().map(|record| record.0).collect();
    let expected = ["plan_created.r0", "plan_created.r1", "plan_created.r2", "tick_closed._"];
    let expected = expected.iter().chain([&"tick_closed._"]);
    let expected: Vec<String> = expected.map(|end| format!("grid.dispatch.{end}")).collect();
    assert_eq!(subjects, expected);
    drop(sink);
    let opened = open(&server.servers()).unwrap();
    let last = String::from_utf8(opened.last_tick_closed.unwrap()).unwrap() + "\n";
    assert_eq!((last, opened.records_of_next.len()), (tick(2, 0), 0));
    let mut sink = opened.sink;
    write(&mut sink, &tick(3, 1)).unwrap();
    assert_eq!(text(&admin), tick(1, 3) + &tick(2, 0) + &tick(3, 1));
}

#[test]
fn a_tick_larger_than_what_may_be_under_way_is_written_in_order() {
    let server = NatsServer::start();
    let mut sink = open(&server.servers()).unwrap().sink;
    write(&mut sink, &tick(1, 10_000)).unwrap();
    assert_eq!(text(&server.admin()), tick(1, 10_000));
}

#[test]
fn a_half_written_tick_is_gone_on_from_wherever_it_broke_off() {
    let server = NatsServer::start();
    drop(open(&server.servers()).unwrap());
    let admin = server.admin();
    let mut expected = String::new();
    for (number, there) in (1..).zip(0..=5) {
        let whole = tick(number, 5);
        let half: String = whole.split_inclusive('\n').take(there).collect();
        publish_lines(&admin, &half);
        let opened = open(&server.servers()).unwrap();
        assert_eq!(lines(&opened.records_of_next), half);
        assert_eq!(opened.last_tick_closed.is_some(), number > 1);
        let mut sink = opened.sink;
        write(&mut sink, &whole).unwrap();
        expected += &whole;
        assert_eq!(text(&admin), expected);
        write(&mut sink, &tick(number + 100, 1)).unwrap();
        expected += &tick(number + 100, 1);
    }
    assert_eq!(text(&admin), expected);
}

#[test]
fn a_half_written_tick_that_is_decided_otherwise_is_refused() {
    let server = NatsServer::start();
    let mut sink = open(&server.servers()).unwrap().sink;
    write(&mut sink, &tick(1, 2)).unwrap();
    drop(sink);
    let admin = server.admin();
    let half: String = tick(2, 5).split_inclusive('\n').take(3).collect();
    publish_lines(&admin, &half);
    let there = text(&admin);
    // Another record in its place; another tick; one that ends before what is there.
    let last = half.lines().last().unwrap().replace("xx", "yy");
    let changed = tick(2, 5).replace(half.lines().last().unwrap(), &last);
    let shorter = tick(2, 2);
    for (other, sequence) in [(changed, 6), (tick(3, 5), 4), (shorter, 6)] {
        let mut sink = open(&server.servers()).unwrap().sink;
        let error = write(&mut sink, &other).unwrap_err();
        let found = match &error {
            NatsError::Diverged { sequence, .. } => Some(*sequence),
            _ => None,
        };
        assert_eq!(found, Some(sequence), "{error}");
        assert!(matches!(sink.commit(), Err(SinkError::Nats(NatsError::FailedBefore { .. }))));
    }
    // A tick of which only the end is missing is not taken as whole.
    let mut sink = open(&server.servers()).unwrap().sink;
    let cut: String = tick(2, 5).split_inclusive('\n').take(3).collect();
    assert!(matches!(write(&mut sink, &cut), Err(NatsError::Diverged { sequence: 7, .. })));
    assert_eq!(text(&admin), there);
}

#[test]
fn a_stream_of_somebody_else_is_refused_and_left_as_it_is() {
    let server = NatsServer::start();
    let admin = server.admin();
    let cases: [(&[(&str, &str)], u64); 5] = [
        (&[("grid.notes", "hello")], 1),
        (&[("grid.dispatch.tick_closed._", "hello")], 1),
        (&[("grid.dispatch.tick_closed._", "TICK"), ("grid.notes", "hello")], 2),
        (&[("grid.dispatch.tick_closed._", "TICK"), ("grid.dispatch.plan_created.r9", "PLAN")], 2),
        (&[("grid.notes", "hello"), ("grid.dispatch.tick_closed._", "TICK")], 1),
    ];
    for (records, sequence) in cases {
        let subjects = vec!["grid.>".to_owned()];
        admin.create_with(STREAM, Config { subjects, ..Config::default() });
        for (subject, payload) in records {
            let (plan, tick) = (line("dispatch.plan_created", 1, "r1", 0), tick(1, 0));
            let payload = payload.replace("PLAN", plan.trim()).replace("TICK", tick.trim());
            admin.publish(subject, payload);
        }
        let error = open(&server.servers()).err().unwrap();
        let found = match &error {
            NatsError::Foreign { sequence, .. } => Some(*sequence),
            _ => None,
        };
        assert_eq!(found, Some(sequence), "{error}");
        assert_eq!(admin.content(STREAM).len(), records.len());
        admin.delete(STREAM);
    }
}

#[test]
fn a_stream_that_may_drop_a_tick_is_refused() {
    let server = NatsServer::start();
    let admin = server.admin();
    let all = || Config { subjects: vec!["grid.>".to_owned()], ..Config::default() };
    let day = Duration::from_secs(24 * 3600);
    let unfit = [
        (Config { retention: RetentionPolicy::WorkQueue, ..all() }, "retention"),
        (Config { storage: StorageType::Memory, ..all() }, "in memory"),
        (Config { max_messages_per_subject: 1, ..all() }, "max_msgs_per_subject"),
        (Config { max_age: day / 2, ..all() }, "max_age"),
        (Config { max_messages: 100, ..all() }, "max_msgs"),
        (Config { max_bytes: 1000, ..all() }, "max_bytes"),
        (Config { no_ack: true, ..all() }, "no_ack"),
    ];
    for (config, why) in unfit {
        admin.create_with(STREAM, config);
        let error = open(&server.servers()).err().unwrap();
        assert!(matches!(error, NatsError::Unfit { .. }), "{error}");
        assert!(error.to_string().contains(why), "{error}");
        admin.delete(STREAM);
    }
    let fit = [
        all(),
        Config { max_age: day, ..all() },
        Config { max_messages: 100, discard: DiscardPolicy::New, ..all() },
    ];
    for config in fit {
        admin.create_with(STREAM, config);
        assert!(open(&server.servers()).is_ok());
        admin.delete(STREAM);
    }
}

#[test]
fn a_stream_that_is_full_or_deaf_to_a_subject_is_an_error_and_not_a_loss() {
    let server = NatsServer::start();
    let admin = server.admin();
    let full = Config {
        subjects: vec!["grid.>".to_owned()],
        max_messages: 5,
        discard: DiscardPolicy::New,
        ..Config::default()
    };
    admin.create_with(STREAM, full);
    let mut sink = open(&server.servers()).unwrap().sink;
    write(&mut sink, &tick(1, 2)).unwrap();
    let error = write(&mut sink, &tick(2, 5)).unwrap_err();
    assert!(matches!(error, NatsError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("maximum messages exceeded"), "{error}");
    admin.delete(STREAM);
    let subjects = vec!["grid.dispatch.tick_closed.>".to_owned()];
    admin.create_with(STREAM, Config { subjects, ..Config::default() });
    let mut sink = open(&server.servers()).unwrap().sink;
    write(&mut sink, &tick(1, 0)).unwrap();
    let error = write(&mut sink, &tick(2, 1)).unwrap_err();
    assert!(matches!(error, NatsError::SubjectNotTaken { .. }), "{error}");
    assert_eq!(text(&admin), tick(1, 0));
    admin.delete(STREAM);
    admin.create(STREAM);
    let error = open(&server.servers()).err().unwrap();
    assert!(matches!(error, NatsError::SubjectNotTaken { .. }), "{error}");
    admin.delete(STREAM);
    let kept = SinkOptions { may_create: false, ..options() };
    let error = NatsSink::open("nats/ORDERS", &server.servers(), &kept).err().unwrap();
    assert!(matches!(error, NatsError::NoStream { .. }), "{error}");
    let wild = SinkOptions { subject_prefix: "grid.*".to_owned(), ..options() };
    let error = NatsSink::open("nats/ORDERS", &server.servers(), &wild).err().unwrap();
    assert!(matches!(error, NatsError::BadSubject { .. }), "{error}");
}

#[test]
fn the_created_stream_stands_beside_one_that_takes_the_input() {
    let server = NatsServer::start();
    let subjects = ["grid.grid.>", "grid.dispatch.response.*", "grid.dr.bid.*"];
    let subjects = subjects.map(str::to_owned).to_vec();
    server.admin().create_with("GRID", Config { subjects, ..Config::default() });
    let mut sink = open(&server.servers()).unwrap().sink;
    write(&mut sink, &tick(1, 1)).unwrap();
    // One that takes everything leaves no room.
    let subjects = vec!["all.>".to_owned()];
    server.admin().create_with("ALL", Config { subjects, ..Config::default() });
    let beside = SinkOptions::new("OTHER", "all");
    let error = NatsSink::open("nats/OTHER", &server.servers(), &beside).err().unwrap();
    assert!(error.to_string().contains("subjects overlap"), "{error}");
}

#[test]
fn a_record_that_the_server_would_not_take_is_an_error_before_its_tick_is_written() {
    let server = NatsServer::start_with("max_payload: 8KB");
    let mut sink = open(&server.servers()).unwrap().sink;
    let large = line("dispatch.plan_created", 1, "r1", 9_000);
    let error = write(&mut sink, &(line("dispatch.plan_created", 1, "r1", 0) + &large));
    let error = error.unwrap_err();
    assert!(matches!(error, NatsError::TooLarge { limit: 8192, .. }), "{error}");
    let mut sink = open(&server.servers()).unwrap().sink;
    let error = write(&mut sink, "{\"no\":1}\n").unwrap_err();
    assert!(matches!(error, NatsError::NoRecord { .. }), "{error}");
    assert_eq!(server.admin().last_sequence(STREAM), 0);
}

#[test]
fn another_writer_ends_it_even_one_that_decides_the_same() {
    let server = NatsServer::start();
    let admin = server.admin();
    let mut first = open(&server.servers()).unwrap().sink;
    write(&mut first, &tick(1, 2)).unwrap();
    let mut second = open(&server.servers()).unwrap().sink;
    write(&mut second, &tick(2, 2)).unwrap();
    for other in [tick(2, 2), tick(3, 2)] {
        first.append(other.as_bytes()).unwrap();
        let error = first.commit().unwrap_err();
        assert!(
            matches!(error, SinkError::Nats(NatsError::AnotherWriter { sequence: 4, .. })),
            "{error}"
        );
        // As if it had stopped here, and a third one had been opened before it failed.
        first = open(&server.servers()).unwrap().sink;
        write(&mut second, &tick(9, 0)).unwrap_or_else(|error| panic!("{error}"));
        let error = write(&mut first, &tick(4, 1)).unwrap_err();
        assert!(matches!(error, NatsError::AnotherWriter { .. }), "{error}");
        first = open(&server.servers()).unwrap().sink;
        write(&mut first, &tick(5, 0)).unwrap();
        second = open(&server.servers()).unwrap().sink;
        assert!(text(&admin).ends_with(&tick(5, 0)));
        if other == tick(2, 2) {
            admin.delete(STREAM);
            first = open(&server.servers()).unwrap().sink;
            write(&mut first, &tick(1, 2)).unwrap();
            second = open(&server.servers()).unwrap().sink;
            write(&mut second, &tick(2, 2)).unwrap();
        }
    }
}

#[test]
fn the_last_words_of_a_dead_predecessor_are_taken_as_written() {
    let server = NatsServer::start();
    let admin = server.admin();
    let mut sink = open(&server.servers()).unwrap().sink;
    let begun: String = tick(1, 5).split_inclusive('\n').take(3).collect();
    publish_lines(&admin, &begun);
    write(&mut sink, &tick(1, 5)).unwrap();
    assert_eq!(text(&admin), tick(1, 5));
    // From then on nobody else may.
    publish_lines(&admin, &tick(2, 0));
    let error = write(&mut sink, &tick(2, 0)).unwrap_err();
    assert!(matches!(error, NatsError::AnotherWriter { sequence: 7, .. }), "{error}");
    // Other words than ours are another's, also at the beginning.
    let mut sink = open(&server.servers()).unwrap().sink;
    publish_lines(&admin, &tick(4, 0));
    let error = write(&mut sink, &tick(3, 0)).unwrap_err();
    assert!(matches!(error, NatsError::AnotherWriter { sequence: 8, .. }), "{error}");
}

#[test]
fn the_choices_that_open_a_half_written_tick_are_handed_out_first() {
    let server = NatsServer::start();
    let mut sink = open(&server.servers()).unwrap().sink;
    write(&mut sink, &tick(1, 1)).unwrap();
    drop(sink);
    let admin = server.admin();
    let choices = line("dispatch.tick_opened", 2, "", 0);
    admin.publish("grid.dispatch.tick_opened._", choices.trim_end());
    let opened = open(&server.servers()).unwrap();
    assert_eq!(lines(&opened.records_of_next), choices);
    let mut sink = opened.sink;
    write(&mut sink, &(choices.clone() + &tick(2, 1))).unwrap();
    assert_eq!(text(&admin), tick(1, 1) + &choices + &tick(2, 1));
}

#[test]
fn nothing_of_ours_follows_what_somebody_else_wrote_in_the_middle_of_a_tick() {
    for round in 0..5 {
        let server = NatsServer::start();
        let mut sink = open(&server.servers()).unwrap().sink;
        let url = server.url();
        let other = thread::spawn(move || {
            thread::sleep(Duration::from_millis(100 + 37 * round));
            Admin::connect(&url).publish("grid.audit.entry._", "somebody else");
        });
        let mut number = 0;
        let error = loop {
            number += 1;
            if let Err(error) = write(&mut sink, &tick(number, 5_000)) {
                break error;
            }
        };
        other.join().unwrap();
        assert!(matches!(error, NatsError::AnotherWriter { .. }), "{error}");
        let content = text(&server.admin());
        assert!(content.ends_with("somebody else\n"), "ours follow in round {round}");
        let ours: String = (1..=number).map(|number| tick(number, 5_000)).collect();
        assert!(ours.starts_with(content.strip_suffix("somebody else\n").unwrap()));
    }
}

/// Writes ticks until `until` says so, and tells what was committed.
fn keep_writing(mut sink: NatsSink, until: &AtomicBool, plans: usize) -> String {
    let mut written = String::new();
    let mut number = 0;
    while !until.load(Ordering::SeqCst) || number < 20 {
        number += 1;
        let text = tick(number, plans);
        write(&mut sink, &text).unwrap_or_else(|error| panic!("{error}"));
        written += &text;
    }
    written
}

#[test]
fn a_server_that_is_killed_again_and_again_neither_loses_nor_doubles() {
    let mut server = NatsServer::start();
    let sink = open(&server.servers()).unwrap().sink;
    let until = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&until);
    let writer = thread::spawn(move || keep_writing(sink, &seen, 300));
    for round in 0..8 {
        thread::sleep(Duration::from_millis(100 + 37 * round));
        server.kill();
        thread::sleep(Duration::from_millis(50));
        server.start_again();
    }
    thread::sleep(Duration::from_millis(1500));
    until.store(true, Ordering::SeqCst);
    let written = writer.join().unwrap();
    assert_eq!(text(&server.admin()), written);
}

#[test]
fn acknowledgements_that_are_lost_or_come_late_neither_lose_nor_double() {
    let server = NatsServer::start();
    let proxy = Proxy::before(&server);
    let sink = open(&proxy.servers()).unwrap().sink;
    let until = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&until);
    let writer = thread::spawn(move || keep_writing(sink, &seen, 300));
    // Longer than an answer is waited for, then delivered; short; and lost with the connection.
    for (hold_ms, is_lost) in [(4_000, false), (100, false), (50, true), (300, true), (10, true)] {
        thread::sleep(Duration::from_millis(150));
        proxy.hold_answers();
        thread::sleep(Duration::from_millis(hold_ms));
        if is_lost {
            proxy.cut();
        }
        proxy.let_go();
    }
    thread::sleep(Duration::from_millis(1500));
    until.store(true, Ordering::SeqCst);
    let written = writer.join().unwrap();
    assert_eq!(text(&server.admin()), written);
}

#[test]
fn a_server_that_is_stopped_for_seconds_neither_loses_nor_doubles() {
    let server = NatsServer::start();
    let sink = open(&server.servers()).unwrap().sink;
    let until = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&until);
    let writer = thread::spawn(move || keep_writing(sink, &seen, 300));
    thread::sleep(Duration::from_millis(200));
    server.signal("-STOP");
    thread::sleep(Duration::from_secs(5));
    server.signal("-CONT");
    thread::sleep(Duration::from_millis(1500));
    until.store(true, Ordering::SeqCst);
    let written = writer.join().unwrap();
    assert_eq!(text(&server.admin()), written);
}

#[test]
fn a_server_that_stays_away_ends_it_when_patience_does() {
    let mut server = NatsServer::start();
    let patient = SinkOptions { patience: Duration::from_secs(2), ..options() };
    let mut sink = NatsSink::open("nats/ORDERS", &server.servers(), &patient).unwrap().sink;
    write(&mut sink, &tick(1, 1)).unwrap();
    server.kill();
    let started = Instant::now();
    let error = write(&mut sink, &tick(2, 1)).unwrap_err();
    assert!(matches!(error, NatsError::Silent { waited_s: 2, .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(8));
}

#[test]
fn a_stream_put_back_to_an_older_copy_is_an_error() {
    let mut server = NatsServer::start();
    let mut sink = open(&server.servers()).unwrap().sink;
    write(&mut sink, &tick(1, 3)).unwrap();
    let copy = server.copy_store();
    write(&mut sink, &tick(2, 3)).unwrap();
    server.put_back(&copy);
    let error = write(&mut sink, &tick(3, 3)).unwrap_err();
    assert!(matches!(error, NatsError::OutputShrunk { written: 8, last: 4, .. }), "{error}");
    assert_eq!(text(&server.admin()), tick(1, 3));
}

#[test]
fn a_stream_made_anew_is_an_error() {
    let server = NatsServer::start();
    let admin = server.admin();
    let mut sink = open(&server.servers()).unwrap().sink;
    write(&mut sink, &tick(1, 3)).unwrap();
    let anew = || {
        admin.delete(STREAM);
        drop(open(&server.servers()).unwrap());
    };
    anew();
    let error = write(&mut sink, &tick(2, 3)).unwrap_err();
    assert!(matches!(error, NatsError::Recreated { .. }), "{error}");
    assert_eq!(admin.last_sequence(STREAM), 0);
    let mut sink = open(&server.servers()).unwrap().sink;
    admin.delete(STREAM);
    let error = write(&mut sink, &tick(2, 3)).unwrap_err();
    assert!(matches!(error, NatsError::NoStream { .. }), "{error}");
}

#[test]
fn a_purged_stream_is_an_error() {
    let server = NatsServer::start();
    let admin = server.admin();
    let mut sink = open(&server.servers()).unwrap().sink;
    write(&mut sink, &tick(1, 3)).unwrap();
    admin.purge(STREAM);
    let error = open(&server.servers()).err().unwrap();
    assert!(matches!(error, NatsError::EndGone { last: 4, .. }), "{error}");
    // The one that runs knows how far it had got; it is stopped all the same when a tick is torn.
    write(&mut sink, &tick(2, 3)).unwrap();
    admin.delete_message(STREAM, 8);
    let error = open(&server.servers()).err().unwrap();
    assert!(matches!(error, NatsError::EndGone { .. } | NatsError::TickTorn { .. }), "{error}");
}

#[test]
fn ticks_are_visited_from_the_last_to_the_first_no_further_than_wanted() {
    let server = NatsServer::start();
    let visit = |limit: usize| {
        let mut seen = Vec::new();
        visit_ticks_from_the_end(&server.servers(), STREAM, "grid", |tick| {
            seen.push(String::from_utf8(tick.to_vec()).unwrap() + "\n");
            seen.len() < limit
        })
        .map(|()| seen)
    };
    assert!(matches!(visit(1), Err(NatsError::NoStream { .. })));
    let mut sink = open(&server.servers()).unwrap().sink;
    assert_eq!(visit(1).unwrap(), [""; 0]);
    // One is longer than what is looked through at once.
    let plans = |number: usize| if number == 700 { 1_500 } else { number % 4 };
    for number in 1..=1_000 {
        sink.append(tick(number, plans(number)).as_bytes()).unwrap();
    }
    sink.commit().unwrap();
    let expected: Vec<String> = (1..=1_000).rev().map(|number| tick(number, 0)).collect();
    assert_eq!(visit(usize::MAX).unwrap(), expected);
    assert_eq!(visit(1).unwrap(), expected[..1]);
    assert_eq!(visit(500).unwrap(), expected[..500]);
    publish_lines(&server.admin(), &line("dispatch.plan_created", 7, "r1", 0));
    assert_eq!(visit(2).unwrap(), expected[..2]);
}
