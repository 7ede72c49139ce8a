//! Reading topics of a real Kafka: what is read and what never is, where it begins and ends, what
//! ends it.

#![cfg(feature = "kafka")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/kafka.rs"]
mod common;

use common::*;
use gridweaver_connectors::kafka::{
    Cluster, KafkaError, KafkaSource, SourceOptions, Start, Topics, partitions,
};
use gridweaver_connectors::{Batch, Progress, Source, SourceError};
use rdkafka::producer::Producer;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

type Records = Vec<(u64, String)>;

fn open(topic: &str, options: &SourceOptions) -> Result<KafkaSource, KafkaError> {
    KafkaSource::open(&cluster(), topic, 0, options)
}

fn from(start: Start) -> SourceOptions {
    SourceOptions { start, ..SourceOptions::default() }
}

fn finite(start: Start) -> SourceOptions {
    SourceOptions { is_finite: true, ..from(start) }
}

fn collect(batch: &Batch, records: &mut Records) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    records.extend(batch.iter().map(|(offset, bytes)| (offset, text(bytes))));
}

/// Reads until the source says one of these.
fn read_until(source: &mut KafkaSource, wanted: &[Progress]) -> Result<Records, SourceError> {
    let (mut batch, mut records) = (Batch::new(100), Vec::new());
    let begun = Instant::now();
    loop {
        let progress = source.read(&mut batch)?;
        collect(&batch, &mut records);
        if wanted.contains(&progress) {
            return Ok(records);
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "only {} records", records.len());
    }
}

fn read_all(source: &mut KafkaSource) -> Records {
    read_until(source, &[Progress::Finished]).unwrap()
}

fn read_what_is_there(source: &mut KafkaSource) -> Records {
    read_until(source, &[Progress::Waiting]).unwrap()
}

/// Reads until it fails.
fn failure(source: &mut KafkaSource) -> KafkaError {
    match read_until(source, &[]).unwrap_err() {
        SourceError::Kafka(error) => error,
        other => panic!("{other}"),
    }
}

fn numbered(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|number| format!("record {number}")).collect()
}

#[test]
fn records_come_in_order_with_their_offsets() {
    let topic = fresh_topic("order", 1);
    produce(BROKERS, &topic, &numbered(0..1000));
    let mut source = open(&topic, &finite(Start::Beginning)).unwrap();
    assert_eq!(source.name(), format!("kafka/{topic}/0"));
    assert!(source.is_finite());
    assert_eq!((source.position(), source.head()), (0, Some(1000)));
    let expected: Records = (0..1000).zip(numbered(0..1000)).collect();
    assert_eq!(read_all(&mut source), expected);
    assert_eq!((source.position(), source.head()), (1000, Some(1000)));
    // It stays finished.
    assert_eq!(source.read(&mut Batch::new(1)).unwrap(), Progress::Finished);
    let mut source = open(&topic, &finite(Start::Offset(990))).unwrap();
    assert_eq!(read_all(&mut source), expected[990..]);
    let mut source =
        open(&topic, &SourceOptions { until: Some(3), ..finite(Start::Offset(1)) }).unwrap();
    assert_eq!(read_all(&mut source), expected[1..3]);
    let mut source = open(&topic, &finite(Start::End)).unwrap();
    assert_eq!(read_all(&mut source), []);
}

#[test]
fn a_batch_holds_what_its_reader_allows_and_goes_on_behind_it() {
    let topic = fresh_topic("batch", 1);
    produce(BROKERS, &topic, &numbered(0..10));
    let mut source = open(&topic, &finite(Start::Beginning)).unwrap();
    let mut batch = Batch::new(3);
    let mut records = Vec::new();
    while source.read(&mut batch).unwrap() == Progress::Read {
        assert!(batch.len() <= 3);
        assert_eq!(source.position(), batch.iter().last().map_or(source.position(), |r| r.0 + 1));
        collect(&batch, &mut records);
    }
    assert_eq!(records.len(), 10);
}

#[test]
fn what_was_aborted_is_never_read_and_gaps_are_passed_over() {
    let topic = fresh_topic("aborted", 1);
    let producer = transactional(BROKERS, &topic);
    begin(&producer, &topic, &["committed"]);
    producer.commit_transaction(Duration::from_secs(9)).unwrap();
    begin(&producer, &topic, &["aborted", "aborted too"]);
    producer.abort_transaction(Duration::from_secs(9)).unwrap();
    begin(&producer, &topic, &["committed later"]);
    producer.commit_transaction(Duration::from_secs(9)).unwrap();
    // 0, its end 1; 2, 3, their end 4; 5, its end 6.
    let expected = [(0, "committed".to_owned()), (5, "committed later".to_owned())];
    let mut source = open(&topic, &finite(Start::Beginning)).unwrap();
    assert_eq!(source.head(), Some(7));
    assert_eq!(read_all(&mut source), expected);
    assert_eq!(source.position(), 7, "the end of the last transaction is passed over");
    // The same live: it says that it waits, and has no lag.
    let mut source = open(&topic, &from(Start::Beginning)).unwrap();
    assert_eq!(read_what_is_there(&mut source), expected);
    assert_eq!((source.position(), source.head()), (7, Some(7)));
    // A position in a gap is a position.
    let mut source = open(&topic, &finite(Start::Offset(1))).unwrap();
    assert_eq!(read_all(&mut source), expected[1..]);
    // Aborted records alone at the end.
    begin(&producer, &topic, &["aborted at the end"]);
    producer.abort_transaction(Duration::from_secs(9)).unwrap();
    let mut source = open(&topic, &finite(Start::Offset(7))).unwrap();
    assert_eq!(read_all(&mut source), []);
    assert_eq!(source.position(), 9);
}

#[test]
fn an_open_transaction_holds_back_what_lies_behind_it() {
    let topic = fresh_topic("open", 1);
    produce(BROKERS, &topic, &["before"]);
    let producer = transactional(BROKERS, &topic);
    begin(&producer, &topic, &["inside"]);
    produce(BROKERS, &topic, &["behind"]);
    let mut source = open(&topic, &from(Start::Beginning)).unwrap();
    assert_eq!(read_what_is_there(&mut source), [(0, "before".to_owned())]);
    assert_eq!((source.position(), source.head()), (1, Some(1)));
    producer.commit_transaction(Duration::from_secs(9)).unwrap();
    let expected = [(1, "inside".to_owned()), (2, "behind".to_owned())];
    let (mut batch, mut records) = (Batch::new(100), Vec::new());
    while records.len() < 2 {
        source.read(&mut batch).unwrap();
        collect(&batch, &mut records);
    }
    assert_eq!(records, expected);
    // The end of the transaction is behind them.
    assert_eq!(read_what_is_there(&mut source), []);
    assert_eq!(source.position(), 4);
}

#[test]
fn of_an_oversized_record_only_the_beginning_is_passed_on() {
    let topic = unique("oversize");
    drop(fresh_topic("unused", 1));
    create_topic(BROKERS, &topic, 1, &[("max.message.bytes", "10000000")]);
    let large = vec![b'x'; 5_000_000];
    let values: [&[u8]; 4] = [b"small", &large, b"0123456789", b"0123456789a"];
    produce(BROKERS, &topic, &values);
    let options = SourceOptions { record_bytes_max: 10, ..finite(Start::Beginning) };
    let mut source = open(&topic, &options).unwrap();
    let mut batch = Batch::new(100);
    let mut seen = Vec::new();
    while source.read(&mut batch).unwrap() != Progress::Finished {
        for (index, (offset, bytes)) in batch.iter().enumerate() {
            seen.push((offset, bytes.len(), batch.full_length(index)));
        }
    }
    assert_eq!(seen, [(0, 5, 5), (1, 11, 5_000_000), (2, 10, 10), (3, 11, 11)]);
    assert_eq!(source.bytes_read(), 5_000_026);
}

#[test]
fn a_null_value_is_an_empty_record() {
    let topic = fresh_topic("null", 1);
    let record = |value| Produced { partition: 0, value, timestamp: None };
    produce_records(BROKERS, &topic, &[record(Some(b"a")), record(None), record(Some(b""))]);
    let mut source = open(&topic, &finite(Start::Beginning)).unwrap();
    let expected = [(0, "a".to_owned()), (1, String::new()), (2, String::new())];
    assert_eq!(read_all(&mut source), expected);
}

#[test]
fn reading_starts_at_a_time() {
    let topic = fresh_topic("time", 1);
    let at = |timestamp| Produced { partition: 0, value: Some(b"x"), timestamp: Some(timestamp) };
    produce_records(BROKERS, &topic, &[at(1_000_000), at(2_000_000), at(3_000_000)]);
    let start_at = |time| {
        let source = open(&topic, &from(Start::Time(time))).unwrap();
        source.position()
    };
    assert_eq!(start_at(0), 0);
    assert_eq!(start_at(2_000_000), 1);
    assert_eq!(start_at(2_000_001), 2);
    assert_eq!(start_at(9_000_000), 3, "where all are older, behind the last");
}

#[test]
fn an_end_is_waited_at_and_gone_on_from() {
    let topic = fresh_topic("live", 1);
    produce(BROKERS, &topic, &numbered(0..5));
    let mut source = open(&topic, &from(Start::End)).unwrap();
    assert!(!source.is_finite());
    assert_eq!(read_what_is_there(&mut source), []);
    for round in 0..3 {
        produce(BROKERS, &topic, &[format!("later {round}")]);
        let (mut batch, mut records) = (Batch::new(100), Vec::new());
        let begun = Instant::now();
        while records.is_empty() {
            source.read(&mut batch).unwrap();
            collect(&batch, &mut records);
            assert!(begun.elapsed() < Duration::from_secs(9));
        }
        assert_eq!(records, [(5 + round, format!("later {round}"))]);
    }
    assert_eq!(read_what_is_there(&mut source), []);
    assert_eq!((source.position(), source.head()), (8, Some(8)));
}

#[test]
fn to_look_ahead_tells_where_it_ends_and_passes_nothing_over() {
    let topic = fresh_topic("ahead", 1);
    produce(BROKERS, &topic, &numbered(0..3));
    let mut source = open(&topic, &from(Start::Beginning)).unwrap();
    assert_eq!(read_what_is_there(&mut source).len(), 3);
    produce(BROKERS, &topic, &numbered(3..8));
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(500));
        source.look_ahead().unwrap();
        assert_eq!(source.position(), 3);
    }
    assert_eq!(source.head(), Some(8));
    assert_eq!(read_what_is_there(&mut source).len(), 5);
}

#[test]
fn a_call_waits_for_about_a_tenth_of_a_second() {
    let topic = fresh_topic("wait", 1);
    let mut source = open(&topic, &from(Start::Beginning)).unwrap();
    let mut batch = Batch::new(100);
    source.read(&mut batch).unwrap();
    for _ in 0..15 {
        let begun = Instant::now();
        source.read(&mut batch).unwrap();
        let waited = begun.elapsed();
        assert!(waited < Duration::from_millis(400), "{waited:?}");
    }
}

#[test]
fn the_partitions_of_named_topics_are_found_sorted() {
    let [b, a] = ["b", "a"].map(|name| fresh_topic(name, 2));
    let topics = Topics::Names(vec![b.clone(), a.clone(), b.clone()]);
    let expected: Vec<_> =
        [&a, &b].into_iter().flat_map(|topic| [0, 1].map(|part| (topic.clone(), part))).collect();
    assert_eq!(partitions(&cluster(), &topics).unwrap(), expected);
    let missing = partitions(&cluster(), &Topics::Names(vec!["nowhere".to_owned()])).unwrap_err();
    assert!(matches!(missing, KafkaError::MissingTopic { .. }), "{missing}");
    assert!(missing.to_string().contains("--create --topic nowhere"), "{missing}");
}

#[test]
fn new_partitions_and_new_topics_of_a_pattern_are_found_later() {
    let name = unique("pattern");
    create_topic(BROKERS, &format!("{name}-a"), 1, &[]);
    create_topic(BROKERS, &format!("not-{name}"), 1, &[]);
    let topics = Topics::Pattern(format!("^{name}-.*"));
    let found = |topics: &Topics| {
        let mut counts = BTreeMap::new();
        for (topic, _) in partitions(&cluster(), topics).unwrap() {
            *counts.entry(topic).or_insert(0) += 1;
        }
        counts.into_values().collect::<Vec<i32>>()
    };
    assert_eq!(found(&topics), [1]);
    add_partitions(BROKERS, &format!("{name}-a"), 3);
    create_topic(BROKERS, &format!("{name}-b"), 1, &[]);
    let begun = Instant::now();
    while found(&topics) != [3, 1] {
        assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", found(&topics));
    }
    let none = partitions(&cluster(), &Topics::Pattern("^nothing-like-it$".into())).unwrap_err();
    assert!(matches!(none, KafkaError::NoMatch { .. }), "{none}");
    let bad = partitions(&cluster(), &Topics::Pattern("(".into())).unwrap_err();
    assert!(matches!(bad, KafkaError::BadPattern { .. }), "{bad}");
}

#[test]
fn an_offset_out_of_range_is_an_error_at_both_ends() {
    let topic = fresh_topic("range", 1);
    produce(BROKERS, &topic, &numbered(0..10));
    delete_before(BROKERS, &topic, 0, 4);
    for offset in [0, 3, 11, 1_000_000] {
        let error = open(&topic, &from(Start::Offset(offset))).err().unwrap();
        let KafkaError::OffsetOutOfRange { low: 4, high: 10, .. } = &error else {
            panic!("{error}");
        };
        let text = error.to_string();
        assert!(text.contains(&topic) && text.contains(&format!("offset {offset} ")), "{text}");
    }
    let mut source = open(&topic, &finite(Start::Offset(4))).unwrap();
    assert_eq!(read_all(&mut source).len(), 6);
    let mut source = open(&topic, &finite(Start::Beginning)).unwrap();
    assert_eq!(read_all(&mut source)[0].0, 4);
}

#[test]
fn records_deleted_while_they_were_still_to_be_read_are_an_error() {
    let topic = fresh_topic("retention", 1);
    let large = "x".repeat(100_000);
    produce(BROKERS, &topic, &vec![large; 100]);
    // Little of it is fetched ahead.
    let options = SourceOptions { queued_bytes_max: 200_000, ..from(Start::Beginning) };
    let mut source = open(&topic, &options).unwrap();
    let mut batch = Batch::new(1);
    while batch.is_empty() {
        source.read(&mut batch).unwrap();
    }
    delete_before(BROKERS, &topic, 0, 90);
    let error = failure(&mut source);
    assert!(matches!(error, KafkaError::OffsetOutOfRange { low: 90, high: 100, .. }), "{error}");
}

#[test]
fn a_topic_has_an_identity_and_made_anew_it_has_another() {
    let topic = fresh_topic("remade", 1);
    produce(BROKERS, &topic, &numbered(0..3));
    let mut source = open(&topic, &from(Start::Beginning)).unwrap();
    let identity = source.identity().map(str::to_owned);
    assert!(identity.as_ref().is_some_and(|identity| identity.len() >= 16), "{identity:?}");
    assert_eq!(open(&topic, &from(Start::End)).unwrap().identity(), identity.as_deref());
    assert_eq!(read_what_is_there(&mut source).len(), 3);
    remake_topic(BROKERS, &topic);
    produce(BROKERS, &topic, &numbered(0..9));
    let error = failure(&mut source);
    assert!(
        matches!(
            error,
            KafkaError::Remade { .. }
                | KafkaError::Gone { .. }
                | KafkaError::OffsetOutOfRange { .. }
        ),
        "{error}"
    );
    let anew = open(&topic, &from(Start::Offset(3))).unwrap();
    assert_ne!(anew.identity(), identity.as_deref());
}

#[test]
fn a_deleted_topic_ends_it() {
    let topic = fresh_topic("deleted", 1);
    let mut source = open(&topic, &from(Start::Beginning)).unwrap();
    assert_eq!(read_what_is_there(&mut source), []);
    delete_topic(BROKERS, &topic);
    let error = failure(&mut source);
    assert!(matches!(error, KafkaError::Gone { .. }), "{error}");
}

#[test]
fn nothing_is_fetched_while_nobody_reads() {
    let topic = fresh_topic("memory", 1);
    let record = "x".repeat(10_000);
    produce(BROKERS, &topic, &vec![record; 20_000]);
    let options = SourceOptions { queued_bytes_max: 1 << 20, ..finite(Start::Beginning) };
    let before = resident_bytes();
    let mut source = open(&topic, &options).unwrap();
    source.read(&mut Batch::new(1)).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 60 << 20, "of 200 MB, {grown} bytes are held");
    // And all of it comes once it is read.
    assert_eq!(read_all(&mut source).len(), 19_999);
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn a_broker_that_is_away_ends_nothing_and_is_not_silence() {
    let mut broker = KafkaBroker::start();
    create_topic(&broker.address(), "grid", 1, &[]);
    produce(&broker.address(), "grid", &numbered(0..3));
    let cluster = cluster_of(&broker.address(), &[]);
    let mut source = KafkaSource::open(&cluster, "grid", 0, &from(Start::Beginning)).unwrap();
    assert_eq!(read_what_is_there(&mut source).len(), 3);
    let mut batch = Batch::new(100);
    // Away, or only stopped.
    for is_killed in [true, false] {
        if is_killed {
            broker.kill();
        } else {
            broker.freeze();
        }
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(4) {
            let progress = source.read(&mut batch).unwrap();
            if begun.elapsed() > Duration::from_millis(3500) {
                assert_eq!(progress, Progress::Read, "nobody knows whether there is more");
            }
        }
        if is_killed {
            broker.restart();
        } else {
            broker.thaw();
        }
        produce(&broker.address(), "grid", &["later"]);
        let (mut records, begun) = (Vec::new(), Instant::now());
        while records.is_empty() {
            source.read(&mut batch).unwrap();
            collect(&batch, &mut records);
            assert!(begun.elapsed() < Duration::from_secs(15));
        }
        assert_eq!(records.len(), 1);
        assert_eq!(read_what_is_there(&mut source), []);
    }
    // Dropped while the broker is away, it does not hang.
    broker.kill();
    let begun = Instant::now();
    drop(source);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn settings_that_would_break_a_promise_are_refused_and_unknown_ones_named() {
    let topic = fresh_topic("settings", 1);
    let open_with = |name: &str, value: &str| {
        let client = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let cluster = Cluster::new(&[BROKERS.to_owned()], client)?;
        KafkaSource::open(&cluster, &topic, 0, &from(Start::Beginning)).map(drop)
    };
    for name in [
        "group.id",
        "enable.auto.commit",
        "auto.offset.reset",
        "isolation.level",
        "bootstrap.servers",
        "enable.partition.eof",
    ] {
        let error = open_with(name, "x").unwrap_err();
        assert!(matches!(&error, KafkaError::RefusedSetting { setting, .. } if setting == name));
        assert!(error.to_string().contains(name), "{error}");
    }
    let error = open_with("sasl.mechanism", "GSSAPI").unwrap_err();
    assert!(matches!(error, KafkaError::RefusedSetting { .. }), "{error}");
    let error = open_with("no.such.setting", "secret").unwrap_err();
    assert!(matches!(error, KafkaError::BadSetting { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("no.such.setting") && !text.contains("secret"), "{text}");
    // One that is the user's to choose is taken.
    open_with("fetch.min.bytes", "1").unwrap();
    open_with("security.protocol", "PLAINTEXT").unwrap();
    assert!(matches!(Cluster::new(&[], BTreeMap::new()), Err(KafkaError::NoBrokers)));
}

#[test]
fn missing_brokers_are_said_to_be_that() {
    let nobody = cluster_of(&format!("127.0.0.1:{}", free_port()), &[]);
    let error = KafkaSource::open(&nobody, "grid", 0, &from(Start::Beginning)).err().unwrap();
    assert!(matches!(error, KafkaError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("127.0.0.1:"), "{error}");
}

#[test]
fn who_knows_the_password_is_let_in_over_an_encrypted_connection() {
    let (port, secure_port) = (free_port(), free_port());
    let folder = tempfile::tempdir().unwrap();
    let [store, certificate] = ["store.p12", "broker.pem"].map(|name| folder.path().join(name));
    certify(&store, &certificate);
    let extra = format!(
        "listeners=PLAINTEXT://127.0.0.1:{port},SECURE://127.0.0.1:{secure_port},\
         CONTROLLER://127.0.0.1:@CONTROLLER_PORT@\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port},SECURE://127.0.0.1:{secure_port}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT\n\
         sasl.enabled.mechanisms=PLAIN\n\
         listener.name.secure.ssl.keystore.location={}\n\
         listener.name.secure.ssl.keystore.password=weaving\n\
         listener.name.secure.ssl.keystore.type=PKCS12\n\
         listener.name.secure.plain.sasl.jaas.config=\
         org.apache.kafka.common.security.plain.PlainLoginModule required user_grid=\"weaver\";\n",
        store.display()
    );
    let broker = KafkaBroker::start_behind(port, port, &extra);
    create_topic(&broker.address(), "grid", 1, &[]);
    let open_as = |password: &str, certificate: Option<&str>| {
        let mut client = vec![
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "grid"),
            ("sasl.password", password),
        ];
        client.extend(certificate.map(|path| ("ssl.ca.location", path)));
        let cluster = cluster_of(&format!("127.0.0.1:{secure_port}"), &client);
        KafkaSource::open(&cluster, "grid", 0, &from(Start::Beginning))
    };
    let certificate = certificate.to_str().unwrap();
    assert_eq!(read_what_is_there(&mut open_as("weaver", Some(certificate)).unwrap()), []);
    let error = open_as("guessed", Some(certificate)).err().unwrap();
    assert!(matches!(error, KafkaError::Denied { .. }), "{error}");
    assert!(!error.to_string().contains("guessed"), "{error}");
    // Nobody vouches for this broker: it is not told the password.
    let error = open_as("weaver", None).err().unwrap();
    assert!(error.to_string().contains("certificate"), "{error}");
}

/// Makes a key for a broker, in a store, and the certificate that vouches for it.
fn certify(store: &Path, certificate: &Path) {
    let keytool = |action: &str, arguments: &[&str]| {
        let status = Command::new("keytool")
            .args([action, "-alias", "broker", "-storepass", "weaving", "-storetype", "PKCS12"])
            .arg("-keystore")
            .arg(store)
            .args(arguments)
            .stderr(Stdio::null())
            .status();
        assert!(status.unwrap().success());
    };
    let names = ["-dname", "CN=127.0.0.1", "-ext", "SAN=IP:127.0.0.1,DNS:127.0.0.1"];
    keytool("-genkeypair", &[&["-keyalg", "EC"], &names[..]].concat());
    keytool("-exportcert", &["-rfc", "-file", certificate.to_str().unwrap()]);
}
