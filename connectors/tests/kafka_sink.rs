//! Writing ticks to a real Kafka: whole or not at all, once, by one writer at a time, whatever
//! becomes of brokers, answers and writers.

#![cfg(feature = "kafka")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/kafka.rs"]
mod common;
#[path = "common/proxy.rs"]
mod proxy;

use common::*;
use gridweaver_connectors::kafka::{
    Cluster, KafkaDeadLetters, KafkaError, KafkaSink, Opened, SinkOptions, visit_ticks_from_the_end,
};
use gridweaver_connectors::{Guarantee, Sink, SinkError};
use proxy::Proxy;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const NAME: &str = "kafka/orders";

fn line(kind: &str, number: usize, subject: &str, data: &str) -> String {
    format!(
        "{{\"specversion\":\"1.0\",\"id\":\"{number:020x}\",\"source\":\"gridweaver\",\
         \"type\":\"{kind}\",\"subject\":\"{subject}\",\"data\":{data}}}"
    )
}

fn plan(number: usize, region: &str) -> String {
    line("dispatch.plan_created", number, "plan", &format!("{{\"region\":\"{region}\"}}"))
}

fn closed(number: usize) -> String {
    line("dispatch.tick_closed", number, NAME, "{\"records\":2}")
}

/// Two records and the end of a tick.
fn tick(number: usize) -> String {
    [plan(number * 10, "west"), plan(number * 10 + 1, "east"), closed(number)].join("\n") + "\n"
}

/// What the topic of records holds of ticks.
fn records_of(ticks: std::ops::Range<usize>) -> Vec<String> {
    let records = ticks.flat_map(|n| [plan(n * 10, "west"), plan(n * 10 + 1, "east")]);
    records.collect()
}

fn closed_of(ticks: std::ops::Range<usize>) -> Vec<String> {
    ticks.map(closed).collect()
}

fn options(topic: &str) -> SinkOptions {
    SinkOptions {
        topic: topic.to_owned(),
        topics: BTreeMap::new(),
        tick_topic: None,
        transactional_id: format!("{topic}-id"),
    }
}

/// A topic and its tick topic.
fn fresh_topics(name: &str, partitions: i32) -> String {
    let topic = fresh_topic(name, partitions);
    create_topic(BROKERS, &format!("{topic}.ticks"), 1, &[]);
    topic
}

fn open_at(cluster: &Cluster, topic: &str) -> Result<Opened, KafkaError> {
    KafkaSink::open(NAME, cluster, &options(topic))
}

fn open(topic: &str) -> Opened {
    open_at(&cluster(), topic).unwrap()
}

fn write(sink: &mut KafkaSink, number: usize) -> Result<(), KafkaError> {
    let written = sink.append(tick(number).as_bytes()).and_then(|()| sink.commit());
    written.map_err(|error| match error {
        SinkError::Kafka(error) => error,
        other => panic!("{other}"),
    })
}

fn text(bytes: Option<Vec<u8>>) -> Option<String> {
    bytes.map(|bytes| String::from_utf8(bytes).unwrap())
}

/// Every tick once, in order, and its records with it.
fn assert_holds(brokers: &str, topic: &str, ticks: std::ops::Range<usize>) {
    assert_eq!(seen_values(brokers, &format!("{topic}.ticks")), closed_of(ticks.clone()));
    assert_eq!(seen_values(brokers, topic), records_of(ticks));
}

#[test]
fn what_is_committed_is_there_and_gone_on_from() {
    let topic = fresh_topics("trip", 1);
    let Opened { mut sink, last_tick_closed } = open(&topic);
    assert_eq!((sink.name(), sink.guarantee()), (NAME, Guarantee::Transactional));
    assert_eq!(last_tick_closed, None);
    for number in 0..3 {
        write(&mut sink, number).unwrap();
    }
    // Several in one commit, and none.
    sink.append((tick(3) + &tick(4)).as_bytes()).unwrap();
    sink.append(tick(5).as_bytes()).unwrap();
    sink.commit().unwrap();
    sink.commit().unwrap();
    assert_holds(BROKERS, &topic, 0..6);
    let mut opened = open(&topic);
    assert_eq!(text(opened.last_tick_closed), Some(closed(5)));
    write(&mut opened.sink, 6).unwrap();
    assert_holds(BROKERS, &topic, 0..7);
}

#[test]
fn a_transaction_takes_milliseconds() {
    let topic = fresh_topics("quick", 1);
    let mut sink = open(&topic).sink;
    let mut taken: Vec<_> = (0..41)
        .map(|number| {
            // As ticks come: the brokers still end the last transaction after they have answered.
            thread::sleep(Duration::from_millis(50));
            let begun = Instant::now();
            write(&mut sink, number).unwrap();
            begun.elapsed()
        })
        .collect();
    taken.sort();
    println!("{:?} a transaction", taken[20]);
    // A fraction of that on an idle machine; what this would show is a client that waits for 100.
    assert!(taken[20] < Duration::from_millis(40), "{:?}", taken[20]);
}

#[test]
fn what_was_appended_and_not_committed_is_not_there() {
    let topic = fresh_topics("uncommitted", 1);
    let mut sink = open(&topic).sink;
    sink.append(tick(0).as_bytes()).unwrap();
    drop(sink);
    assert_holds(BROKERS, &topic, 0..0);
    assert_eq!(open(&topic).last_tick_closed, None);
}

#[test]
fn records_go_to_the_topic_of_their_type_under_the_key_that_keeps_them_in_order() {
    let topic = fresh_topics("keys", 4);
    let bids = fresh_topic("bids", 2);
    let mut options = options(&topic);
    options.topics.insert("dr.bid_status".to_owned(), bids.clone());
    let mut sink = KafkaSink::open(NAME, &cluster(), &options).unwrap().sink;
    let lines = [
        ("topology.island_changed", "a", r#"{"island":"i1","region":null}"#, "i1"),
        ("topology.violation", "line-7", r#"{"region":"west"}"#, "line-7"),
        ("dispatch.order_cancelled", "o1", r#"{"region":"we\"st"}"#, "we\"st"),
        ("dispatch.cascade_cleared", "c1", r#"{"island":"i2","region":null}"#, "i2"),
        ("dispatch.transfer_ordered", "o2", r#"{"region":"north","island":"i2"}"#, "north"),
        ("dr.bid_status", "b1", r#"{"bid":"b1","region":"west"}"#, "b1"),
        ("audit.entry", "x", r#"{"region":null}"#, "_"),
        ("dispatch.shortfall_unmet", "p", "{}", "_"),
    ];
    let mut all: Vec<_> = lines
        .iter()
        .enumerate()
        .map(|(n, (kind, about, data, _))| line(kind, n, about, data))
        .collect();
    all.push(closed(1));
    sink.append((all.join("\n") + "\n").as_bytes()).unwrap();
    sink.commit().unwrap();
    let mut keys = BTreeMap::new();
    for record in seen(BROKERS, &topic) {
        keys.insert(record.value, record.key);
    }
    assert_eq!(keys.len(), 7, "all but the bid");
    for record in seen(BROKERS, &bids) {
        keys.insert(record.value, record.key);
    }
    let expected =
        lines.iter().zip(&all).map(|((.., key), line)| (line.clone(), (*key).to_owned()));
    assert_eq!(keys, expected.collect());
    let ticks = seen(BROKERS, &format!("{topic}.ticks"));
    assert_eq!((ticks[0].key.as_str(), ticks[0].value.clone()), ("_", closed(1)));
    // One key, one partition, in order, over restarts.
    for number in 2..12 {
        if number == 6 {
            sink = KafkaSink::open(NAME, &cluster(), &options).unwrap().sink;
        }
        write(&mut sink, number).unwrap();
    }
    let west: Vec<_> =
        seen(BROKERS, &topic).into_iter().filter(|record| record.key == "west").collect();
    assert_eq!(west.len(), 10);
    assert!(west.iter().all(|record| record.partition == west[0].partition));
    let expected: Vec<_> = (2..12).map(|number| plan(number * 10, "west")).collect();
    assert_eq!(west.into_iter().map(|record| record.value).collect::<Vec<_>>(), expected);
}

#[test]
fn who_opens_last_writes_and_the_other_says_that_it_was_fenced() {
    let topic = fresh_topics("fenced", 1);
    let mut first = open(&topic).sink;
    write(&mut first, 0).unwrap();
    first.append(tick(1).as_bytes()).unwrap();
    let mut second = open(&topic);
    assert_eq!(text(second.last_tick_closed), Some(closed(0)));
    let error = first.commit().unwrap_err();
    assert!(matches!(error, SinkError::Kafka(KafkaError::Fenced { .. })), "{error}");
    let text = error.to_string();
    assert!(text.contains("another engine") && text.contains("nothing more was written"), "{text}");
    let error = first.append(tick(2).as_bytes()).unwrap_err();
    assert!(matches!(error, SinkError::Kafka(KafkaError::FailedBefore { .. })), "{error}");
    write(&mut second.sink, 1).unwrap();
    assert_holds(BROKERS, &topic, 0..2);
}

#[test]
fn a_crash_in_the_middle_of_a_transaction_leaves_nothing() {
    let topic = fresh_topics("crash", 1);
    let mut sink = open(&topic).sink;
    write(&mut sink, 0).unwrap();
    drop(sink);
    // What a sink that is killed before its commit leaves behind.
    let producer = transactional(BROKERS, &options(&topic).transactional_id);
    begin(&producer, &topic, &[plan(10, "west")]);
    add(&producer, &format!("{topic}.ticks"), &[closed(1)]);
    drop(producer);
    let mut opened = open(&topic);
    assert_eq!(text(opened.last_tick_closed), Some(closed(0)));
    write(&mut opened.sink, 1).unwrap();
    assert_holds(BROKERS, &topic, 0..2);
}

#[test]
fn ticks_are_visited_from_the_last_to_the_first() {
    let topic = fresh_topics("visit", 1);
    let mut sink = open(&topic).sink;
    // Over more than one block, as each takes two offsets.
    let all: String = (0..300).map(|number| closed(number) + "\n").collect();
    sink.append(all.as_bytes()).unwrap();
    sink.commit().unwrap();
    let ticks = format!("{topic}.ticks");
    let visit = |count: usize| {
        let mut seen = Vec::new();
        visit_ticks_from_the_end(&cluster(), &ticks, |tick| {
            seen.push(String::from_utf8(tick.to_vec()).unwrap());
            seen.len() < count
        })
        .unwrap();
        seen
    };
    let expected: Vec<_> = (0..300).rev().map(closed).collect();
    assert_eq!(visit(3), expected[..3]);
    assert_eq!(visit(1000), expected);
    // Those that an open transaction holds back are not there yet.
    let producer = transactional(BROKERS, &unique("visitor"));
    begin(&producer, &ticks, &[closed(300)]);
    assert_eq!(visit(2), expected[..2]);
}

#[test]
fn a_tick_topic_of_something_else_is_refused_and_left_as_it_is() {
    let topic = fresh_topics("foreign", 1);
    let ticks = format!("{topic}.ticks");
    produce(BROKERS, &ticks, &["a diary"]);
    let error = open_at(&cluster(), &topic).err().unwrap();
    assert!(matches!(error, KafkaError::Foreign { offset: 0, .. }), "{error}");
    assert!(error.to_string().contains(&ticks), "{error}");
    assert_eq!(seen_values(BROKERS, &ticks), ["a diary"]);

    let topic = fresh_topics("other", 1);
    write(&mut open(&topic).sink, 0).unwrap();
    let error = KafkaSink::open("kafka/others", &cluster(), &options(&topic)).err().unwrap();
    assert!(matches!(&error, KafkaError::OtherSink { found, .. } if found == NAME), "{error}");

    // Someone else's transaction hides whether ours has ended.
    let topic = fresh_topics("held", 1);
    let producer = transactional(BROKERS, &unique("holder"));
    begin(&producer, &format!("{topic}.ticks"), &[closed(0)]);
    let error = open_at(&cluster(), &topic).err().unwrap();
    assert!(matches!(error, KafkaError::HeldOpen { .. }), "{error}");
}

#[test]
fn topics_that_are_missing_or_mixed_up_are_said_to_be_that() {
    let topic = fresh_topic("missing", 1);
    let error = open_at(&cluster(), &topic).err().unwrap();
    let expected = format!("{topic}.ticks");
    assert!(matches!(&error, KafkaError::MissingTopic { topic, .. } if *topic == expected));
    assert!(error.to_string().contains("--create"), "{error}");
    create_topic(BROKERS, &expected, 2, &[]);
    let error = open_at(&cluster(), &topic).err().unwrap();
    assert!(matches!(error, KafkaError::TickTopicPartitions { partitions: 2, .. }), "{error}");
    let error = open_at(&cluster(), &unique("nowhere")).err().unwrap();
    assert!(matches!(error, KafkaError::MissingTopic { .. }), "{error}");
    let bad = |change: fn(&mut SinkOptions)| {
        let mut options = options(&topic);
        change(&mut options);
        let error = KafkaSink::open(NAME, &cluster(), &options).err().unwrap();
        assert!(matches!(error, KafkaError::BadOptions { .. }), "{error}");
    };
    bad(|options| options.tick_topic = Some(options.topic.clone()));
    bad(|options| options.transactional_id.clear());
    bad(|options| {
        options.topics.insert("dispatch.tick_closed".to_owned(), "elsewhere".to_owned());
    });
}

#[test]
fn settings_that_would_break_a_promise_are_refused() {
    let topic = fresh_topics("settings", 1);
    for name in ["enable.idempotence", "transactional.id", "acks", "partitioner", "retries"] {
        let error = open_at(&cluster_of(BROKERS, &[(name, "1")]), &topic).err().unwrap();
        assert!(matches!(&error, KafkaError::RefusedSetting { setting, .. } if setting == name));
    }
    let error = open_at(&cluster_of(BROKERS, &[("linger.ms", "soon")]), &topic).err().unwrap();
    assert!(matches!(error, KafkaError::BadSetting { .. }), "{error}");
    let chosen = [("compression.type", "zstd"), ("transaction.timeout.ms", "5000")];
    let mut sink = open_at(&cluster_of(BROKERS, &chosen), &topic).unwrap().sink;
    write(&mut sink, 0).unwrap();
    assert_holds(BROKERS, &topic, 0..1);
}

#[test]
fn a_record_that_no_topic_takes_ends_it_with_advice_and_without_half_a_tick() {
    let topic = fresh_topic("large", 1);
    create_topic(BROKERS, &format!("{topic}.ticks"), 1, &[]);
    let mut sink = open(&topic).sink;
    let large = plan(0, &"x".repeat(1_200_000));
    sink.append([plan(1, "west"), large, closed(0)].join("\n").as_bytes()).unwrap();
    let error = sink.commit().unwrap_err();
    assert!(error.to_string().contains("message.max.bytes"), "{error}");
    drop(sink);
    assert_eq!(open(&topic).last_tick_closed, None);
    assert_holds(BROKERS, &topic, 0..0);
    let mut sink = open(&topic).sink;
    let error = sink.append(b"not a record\n").unwrap_err();
    assert!(matches!(error, SinkError::Kafka(KafkaError::BadLine { .. })), "{error}");
}

#[test]
fn dead_letters_are_there_after_commit_under_their_partition() {
    let topic = fresh_topic("dead", 2);
    let mut sink = KafkaDeadLetters::open("kafka/dead", &cluster(), &topic).unwrap();
    let letter = |source: &str, offset: usize, raw: &str| {
        format!(
            "{{\"source\":\"{source}\",\"offset\":{offset},\"reason\":\"not_json\",\
             \"detail\":\"d\",\"raw\":\"{raw}\",\"raw_encoding\":\"utf8\"}}\n"
        )
    };
    let letters: Vec<_> = (0..20).map(|n| letter(&format!("kafka/g/{}", n % 3), n, "x")).collect();
    sink.append(letters.concat().as_bytes()).unwrap();
    sink.commit().unwrap();
    // One that is too large for a topic is shortened, and ends nothing.
    sink.append(letter("kafka/g/0", 99, &"é".repeat(700_000)).as_bytes()).unwrap();
    sink.commit().unwrap();
    let records = seen(BROKERS, &topic);
    assert_eq!(records.len(), 21);
    for source in ["kafka/g/0", "kafka/g/1", "kafka/g/2"] {
        let of_one: Vec<_> = records.iter().filter(|record| record.key == source).collect();
        assert!(of_one.iter().all(|record| record.partition == of_one[0].partition));
        let texts: Vec<_> = of_one.iter().map(|record| record.value.clone() + "\n").collect();
        let expected: Vec<_> =
            letters.iter().filter(|letter| letter.contains(source)).cloned().collect();
        assert_eq!(texts[..expected.len()], expected);
    }
    let short = records.iter().find(|record| record.value.contains("\"offset\":99")).unwrap();
    assert!(short.value.contains("of the 1400000 bytes"), "{}", &short.value[..200]);
    let error = KafkaDeadLetters::open("dead", &cluster(), &unique("nowhere")).err().unwrap();
    assert!(matches!(error, KafkaError::MissingTopic { .. }), "{error}");
}

/// A broker of one's own with a topic and its tick topic.
fn broker_with_topics() -> KafkaBroker {
    let broker = KafkaBroker::start();
    make_topics(&broker);
    broker
}

fn make_topics(broker: &KafkaBroker) {
    create_topic(&broker.address(), "orders", 1, &[]);
    create_topic(&broker.address(), "orders.ticks", 1, &[]);
}

/// Writes ticks, one after the other, in a thread of its own.
fn write_ticks(
    mut sink: KafkaSink,
    ticks: std::ops::Range<usize>,
) -> thread::JoinHandle<Result<KafkaSink, KafkaError>> {
    thread::spawn(move || {
        for number in ticks {
            write(&mut sink, number)?;
            thread::sleep(Duration::from_millis(2));
        }
        Ok(sink)
    })
}

#[test]
fn a_broker_killed_or_stopped_in_the_middle_loses_and_doubles_nothing() {
    let mut broker = broker_with_topics();
    let sink = open_at(&cluster_of(&broker.address(), &[]), "orders").unwrap().sink;
    let reached = Arc::new(AtomicUsize::new(0));
    let writer = {
        let (mut sink, reached) = (sink, Arc::clone(&reached));
        thread::spawn(move || {
            (0..250).try_for_each(|number| {
                reached.store(number, Ordering::Relaxed);
                write(&mut sink, number)
            })
        })
    };
    let wait_until = |number| {
        while reached.load(Ordering::Relaxed) < number && !writer.is_finished() {
            thread::sleep(Duration::from_millis(1));
        }
    };
    for number in [20, 60] {
        wait_until(number);
        broker.kill();
        broker.restart();
    }
    wait_until(120);
    broker.freeze();
    thread::sleep(Duration::from_secs(3));
    broker.thaw();
    writer.join().unwrap().unwrap();
    assert_holds(&broker.address(), "orders", 0..250);
    broker.assert_sound();
}

#[test]
fn a_broker_away_for_longer_than_its_requests_live_is_waited_for() {
    let broker = broker_with_topics();
    let client = [("socket.timeout.ms", "1000")];
    let sink = open_at(&cluster_of(&broker.address(), &client), "orders").unwrap().sink;
    let writer = write_ticks(sink, 0..100);
    thread::sleep(Duration::from_millis(100));
    broker.freeze();
    thread::sleep(Duration::from_secs(6));
    broker.thaw();
    writer.join().unwrap().unwrap();
    assert_holds(&broker.address(), "orders", 0..100);
}

/// A broker behind a proxy, and a sink that talks to it through that.
fn behind_a_proxy(client: &[(&str, &str)]) -> (KafkaBroker, Proxy, KafkaSink) {
    let port = free_port();
    let proxy = Proxy::start(port);
    let broker = KafkaBroker::start_beside(port, proxy.port());
    make_topics(&broker);
    let sink = open_at(&cluster_of(&proxy.address(), client), "orders").unwrap().sink;
    (broker, proxy, sink)
}

/// Something of commits is kept back for so long: all ticks are written, once.
fn assert_outlived(client: &[(&str, &str)], keep_back: fn(&Proxy, bool), for_s: u64) {
    let (broker, proxy, mut sink) = behind_a_proxy(client);
    write(&mut sink, 0).unwrap();
    keep_back(&proxy, true);
    let writer = write_ticks(sink, 1..10);
    proxy.wait_until_held();
    thread::sleep(Duration::from_secs(for_s));
    keep_back(&proxy, false);
    writer.join().unwrap().unwrap();
    assert_holds(&broker.address(), "orders", 0..10);
}

/// What comes after 7 s is too late for these.
const IMPATIENT: [(&str, &str); 2] =
    [("transaction.timeout.ms", "4000"), ("socket.timeout.ms", "1500")];

#[test]
fn an_answer_to_a_commit_that_comes_late_is_waited_for() {
    // Longer than a call waits, shorter than a connection lives.
    assert_outlived(&[], Proxy::hold_commits, 4);
}

#[test]
fn a_tick_whose_commit_was_never_answered_is_found_and_not_written_twice() {
    assert_outlived(&IMPATIENT, Proxy::hold_commits, 7);
}

#[test]
fn a_tick_whose_commit_never_arrived_is_written_once() {
    assert_outlived(&IMPATIENT, Proxy::lose_commits, 7);
}

#[test]
fn a_transaction_that_the_broker_ended_for_its_age_is_no_reason_to_stop() {
    let client = [("transaction.timeout.ms", "4000")];
    let (broker, proxy, mut sink) = behind_a_proxy(&client);
    write(&mut sink, 0).unwrap();
    proxy.hold_records(true);
    let writer = write_ticks(sink, 1..10);
    proxy.wait_until_held();
    // The transaction is open, and nothing more is heard of it until the broker has given it up.
    proxy.hold_all(true);
    thread::sleep(Duration::from_secs(7));
    proxy.hold_records(false);
    proxy.hold_all(false);
    writer.join().unwrap().unwrap();
    assert_holds(&broker.address(), "orders", 0..10);
}

#[test]
fn a_zombie_that_comes_back_writes_nothing_more() {
    let client = [("transaction.timeout.ms", "3000")];
    let (broker, proxy, mut sink) = behind_a_proxy(&client);
    write(&mut sink, 0).unwrap();
    // It is cut off in the middle of a commit, for longer than its transaction lives.
    proxy.hold_all(true);
    let zombie = write_ticks(sink, 1..2);
    thread::sleep(Duration::from_millis(300));
    let mut second = open_at(&cluster_of(&broker.address(), &client), "orders").unwrap();
    assert_eq!(text(second.last_tick_closed), Some(closed(0)));
    write(&mut second.sink, 1).unwrap();
    write(&mut second.sink, 2).unwrap();
    thread::sleep(Duration::from_secs(4));
    proxy.hold_all(false);
    let error = zombie.join().unwrap().err().unwrap();
    assert!(matches!(error, KafkaError::Fenced { .. }), "{error}");
    write(&mut second.sink, 3).unwrap();
    assert_holds(&broker.address(), "orders", 0..4);
}
