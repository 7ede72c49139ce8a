//! Reading streams: order and sequences, where reading begins, and what is an error because a
//! record would be passed over in silence otherwise.

#![cfg(feature = "nats")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/nats.rs"]
mod server;

use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType};
use gridweaver_connectors::nats::{NatsError, NatsSource, SourceOptions, Start};
use gridweaver_connectors::{Batch, Progress, Source, SourceError};
use server::NatsServer;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

fn open(server: &NatsServer, options: &SourceOptions) -> Result<NatsSource, NatsError> {
    NatsSource::open(&server.servers(), "GRID", options)
}

fn from(start: Start) -> SourceOptions {
    SourceOptions { start, ..SourceOptions::default() }
}

fn finite(start: Start) -> SourceOptions {
    SourceOptions { is_finite: true, ..from(start) }
}

type Records = Vec<(u64, String)>;

fn take(batch: &Batch, records: &mut Records) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    records.extend(batch.iter().map(|(position, bytes)| (position, text(bytes))));
}

/// Reads to the end of a finite source.
fn read_all(source: &mut NatsSource) -> Records {
    let (mut batch, mut records) = (Batch::new(1000), Vec::new());
    let deadline = Instant::now() + PATIENCE;
    while source.read(&mut batch).unwrap() != Progress::Finished {
        take(&batch, &mut records);
        assert!(Instant::now() < deadline, "no end: {}", records.len());
    }
    records
}

/// Reads until nothing is there for now.
fn read_to_head(source: &mut NatsSource) -> Records {
    let (mut batch, mut records) = (Batch::new(1000), Vec::new());
    let deadline = Instant::now() + PATIENCE;
    while source.read(&mut batch).unwrap() != Progress::Waiting {
        take(&batch, &mut records);
        assert!(Instant::now() < deadline, "no head: {}", records.len());
    }
    records
}

fn read_count(source: &mut NatsSource, count: usize) -> Records {
    let (mut batch, mut records) = (Batch::new(count), Vec::new());
    let deadline = Instant::now() + PATIENCE;
    while records.len() < count {
        batch.set_records_max(count - records.len());
        source.read(&mut batch).unwrap();
        take(&batch, &mut records);
        assert!(Instant::now() < deadline, "only {}", records.len());
    }
    records
}

/// Reads until it fails.
fn read_to_error(source: &mut NatsSource) -> NatsError {
    let mut batch = Batch::new(1000);
    let deadline = Instant::now() + PATIENCE;
    loop {
        match source.read(&mut batch) {
            Err(SourceError::Nats(error)) => return error,
            Err(error) => panic!("{error}"),
            Ok(_) => assert!(Instant::now() < deadline, "no error at {}", source.position()),
        }
    }
}

/// Records `r<n>` at their sequences.
fn numbered(range: std::ops::Range<u64>) -> Records {
    range.map(|number| (number, format!("r{number}"))).collect()
}

fn grid(records: u64) -> (NatsServer, server::Admin) {
    let server = NatsServer::start();
    let admin = server.admin();
    admin.create("GRID");
    admin.publish_range("grid.a", 1..records + 1);
    (server, admin)
}

#[test]
fn records_come_in_order_with_their_sequences() {
    let (server, admin) = grid(20_000);
    let mut source = open(&server, &finite(Start::Beginning)).unwrap();
    admin.publish_range("grid.a", 20_001..20_010);
    assert_eq!(source.name(), "nats/GRID/0");
    assert_eq!(source.position(), 1);
    assert_eq!(source.head(), Some(20_001));
    assert!(source.is_finite());
    assert_eq!(read_all(&mut source), numbered(1..20_001));
    assert_eq!(source.position(), 20_001);
    let mut batch = Batch::new(10);
    assert_eq!(source.read(&mut batch).unwrap(), Progress::Finished);
}

#[test]
fn an_empty_stream_is_finished_or_waits() {
    let (server, admin) = grid(0);
    assert_eq!(read_all(&mut open(&server, &finite(Start::Beginning)).unwrap()), []);
    let mut source = open(&server, &from(Start::Beginning)).unwrap();
    assert_eq!(read_to_head(&mut source), []);
    admin.publish_range("grid.a", 1..3);
    assert_eq!(read_count(&mut source, 2), numbered(1..3));
    assert_eq!(read_to_head(&mut source), []);
    assert_eq!((source.position(), source.head()), (3, Some(3)));
}

#[test]
fn a_batch_that_is_full_stops_there_and_the_next_goes_on() {
    let (server, _admin) = grid(100);
    let mut source = open(&server, &finite(Start::Beginning)).unwrap();
    assert_eq!(read_count(&mut source, 7), numbered(1..8));
    assert_eq!(source.position(), 8);
    assert_eq!(read_all(&mut source), numbered(8..101));
}

#[test]
fn reading_begins_where_it_is_told() {
    let (server, admin) = grid(10);
    thread::sleep(Duration::from_millis(20));
    let eleventh = admin.publish("grid.a", "r11");
    let stream = admin.stream("GRID");
    let record = admin.wait(stream.get_raw_message(eleventh)).unwrap();
    let time_ms = i64::try_from(record.time.unix_timestamp_nanos() / 1_000_000).unwrap();
    admin.publish("grid.a", "r12");
    let read = |start| {
        let mut source = open(&server, &finite(start)).unwrap();
        let position = source.position();
        (position, read_all(&mut source))
    };
    assert_eq!(read(Start::Sequence(5)), (5, numbered(5..13)));
    assert_eq!(read(Start::Sequence(13)), (13, vec![]));
    assert_eq!(read(Start::Time(time_ms)), (11, numbered(11..13)));
    assert_eq!(read(Start::Time(0)), (1, numbered(1..13)));
    assert_eq!(read(Start::Time(time_ms + 3_600_000)), (13, vec![]));
    assert_eq!(read(Start::End), (13, vec![]));
    let mut source = open(&server, &from(Start::End)).unwrap();
    admin.publish("grid.a", "r13");
    assert_eq!(read_count(&mut source, 1), numbered(13..14));
}

#[test]
fn a_filter_brings_only_its_subjects_and_the_position_passes_the_others() {
    let (server, admin) = grid(3);
    admin.publish("grid.b", "r4");
    admin.publish_range("grid.a", 5..8);
    let filtered = |options| SourceOptions { subject: Some("grid.b".to_owned()), ..options };
    let mut source = open(&server, &filtered(finite(Start::Beginning))).unwrap();
    assert_eq!(read_all(&mut source), numbered(4..5));
    assert_eq!(source.position(), 8);
    let mut source = open(&server, &filtered(from(Start::Sequence(5)))).unwrap();
    assert_eq!(read_to_head(&mut source), []);
    assert_eq!(source.position(), 8);
    admin.publish_range("grid.a", 8..10);
    admin.publish("grid.b", "r10");
    assert_eq!(read_count(&mut source, 1), numbered(10..11));
    let bad = SourceOptions { subject: Some("grid..b".to_owned()), ..SourceOptions::default() };
    assert!(matches!(open(&server, &bad), Err(NatsError::BadSubject { .. })));
}

#[test]
fn a_record_over_the_limit_is_cut_and_its_length_told() {
    let server = NatsServer::start_with("max_payload: 4MB");
    let admin = server.admin();
    admin.create("GRID");
    // The largest is more than a pull asks for.
    let lengths = [99, 100, 101, 102, 3_000_000, 5_000, 0, 3];
    for length in lengths {
        admin.publish("grid.a", vec![b'x'; length]);
    }
    let options =
        SourceOptions { record_bytes_max: 100, queued_bytes_max: 1, ..finite(Start::Beginning) };
    let mut source = open(&server, &options).unwrap();
    let (mut batch, mut kept, mut full) = (Batch::new(100), Vec::new(), Vec::new());
    while source.read(&mut batch).unwrap() != Progress::Finished {
        kept.extend(batch.iter().map(|(_, bytes)| bytes.len()));
        full.extend((0..batch.len()).map(|index| batch.full_length(index)));
    }
    assert_eq!(full, lengths.map(|length| length as u64));
    assert_eq!(kept, [99, 100, 101, 101, 101, 101, 0, 3]);
}

#[test]
fn a_purge_of_what_was_not_read_is_an_error() {
    let (server, admin) = grid(50_000);
    let mut source = open(&server, &from(Start::Beginning)).unwrap();
    read_count(&mut source, 10);
    admin.purge("GRID");
    let position = |error: &NatsError| match error {
        NatsError::Lost { position, first: 50_001, .. } => Some(*position),
        _ => None,
    };
    let error = read_to_error(&mut source);
    assert!(position(&error).is_some_and(|position| position > 10), "{error}");
    assert!(error.to_string().contains("`GRID` begins at sequence 50001"), "{error}");
    let error = open(&server, &from(Start::Sequence(7))).err().unwrap();
    assert_eq!(position(&error), Some(7), "{error}");
    // What was read to its end has lost nothing.
    let mut source = open(&server, &from(Start::Sequence(50_001))).unwrap();
    admin.publish_range("grid.a", 50_001..50_003);
    assert_eq!(read_count(&mut source, 2), numbered(50_001..50_003));
    admin.purge("GRID");
    assert_eq!(read_to_head(&mut source), []);
    assert!(open(&server, &from(Start::Beginning)).is_ok());
}

#[test]
fn records_that_the_limits_dropped_are_an_error() {
    let server = NatsServer::start();
    let admin = server.admin();
    admin.create_with("GRID", Config { max_messages: 10, ..Config::default() });
    admin.publish_range("grid.a", 1..6);
    let mut source = open(&server, &from(Start::Beginning)).unwrap();
    assert_eq!(read_to_head(&mut source), numbered(1..6));
    admin.publish_range("grid.a", 6..100);
    let error = read_to_error(&mut source);
    // Some of them were under way while the others were dropped.
    assert!(matches!(error, NatsError::Lost { position: 6.., first: 90, .. }), "{error}");
}

#[test]
fn records_deleted_one_by_one_are_passed_over() {
    let (server, admin) = grid(20);
    for sequence in [1, 5, 6, 7, 20] {
        admin.delete_message("GRID", sequence);
    }
    let expected: Records =
        numbered(2..20).into_iter().filter(|(at, _)| !(5..8).contains(at)).collect();
    let mut source = open(&server, &finite(Start::Beginning)).unwrap();
    assert_eq!(read_all(&mut source), expected);
    let mut source = open(&server, &from(Start::Beginning)).unwrap();
    assert_eq!(read_to_head(&mut source), expected);
    assert_eq!(source.position(), 21);
}

#[test]
fn a_stream_made_anew_is_an_error() {
    let (server, admin) = grid(10);
    let mut source = open(&server, &from(Start::Beginning)).unwrap();
    let identity = source.identity().map(str::to_owned);
    assert_eq!(read_to_head(&mut source), numbered(1..11));
    admin.delete("GRID");
    admin.create("GRID");
    admin.publish_range("grid.a", 1..100);
    let error = read_to_error(&mut source);
    assert!(matches!(error, NatsError::Recreated { .. }), "{error}");
    let options = SourceOptions { identity, ..from(Start::Sequence(11)) };
    let error = open(&server, &options).err().unwrap();
    assert!(matches!(error, NatsError::Recreated { .. }), "{error}");
    admin.delete("GRID");
    let error = open(&server, &options).err().unwrap();
    assert_eq!(error.to_string(), "there is no stream `GRID`: correct the name or create it");
}

#[test]
fn a_stream_deleted_while_it_is_read_is_an_error() {
    let (server, admin) = grid(10);
    let mut source = open(&server, &from(Start::Beginning)).unwrap();
    read_to_head(&mut source);
    admin.delete("GRID");
    let error = read_to_error(&mut source);
    assert!(matches!(error, NatsError::NoStream { .. }), "{error}");
    let mut batch = Batch::new(1);
    let error = source.read(&mut batch).unwrap_err();
    assert!(matches!(error, SourceError::Nats(NatsError::FailedBefore { .. })), "{error}");
}

#[test]
fn a_stream_put_back_to_an_older_copy_is_an_error() {
    let (mut server, admin) = grid(10);
    let copy = server.copy_store();
    let mut source = open(&server, &from(Start::Beginning)).unwrap();
    let identity = source.identity().map(str::to_owned);
    drop(admin);
    let admin = server.admin();
    admin.publish_range("grid.a", 11..21);
    assert_eq!(read_to_head(&mut source), numbered(1..21));
    server.put_back(&copy);
    let error = read_to_error(&mut source);
    assert!(matches!(error, NatsError::Shrunk { read: 20, last: 10, .. }), "{error}");
    let options = SourceOptions { identity, ..from(Start::Sequence(21)) };
    let error = open(&server, &options).err().unwrap();
    assert!(matches!(error, NatsError::Shrunk { read: 20, last: 10, .. }), "{error}");
}

#[test]
fn an_older_copy_that_was_written_to_again_is_an_error() {
    let (mut server, admin) = grid(10);
    let copy = server.copy_store();
    drop(admin);
    let mut source = open(&server, &from(Start::Beginning)).unwrap();
    server.admin().publish_range("grid.a", 11..16);
    assert_eq!(read_to_head(&mut source), numbered(1..16));
    server.put_back(&copy);
    server.admin().publish_range("grid.a", 11..40);
    let error = read_to_error(&mut source);
    assert!(matches!(error, NatsError::Rewritten { sequence: 15, .. }), "{error}");
}

#[test]
fn a_server_that_is_killed_and_comes_back_is_no_error() {
    let (mut server, admin) = grid(30_000);
    drop(admin);
    let mut source = open(&server, &from(Start::Beginning)).unwrap();
    let identity = source.identity().map(str::to_owned);
    let mut records = read_count(&mut source, 5_000);
    server.kill();
    let mut batch = Batch::new(1000);
    for _ in 0..5 {
        // What was under way may still come, nothing else does: above all no «nothing is there».
        let progress = source.read(&mut batch).unwrap();
        assert_eq!(progress, Progress::Read);
        take(&batch, &mut records);
    }
    server.start_again();
    server.admin().publish_range("grid.a", 30_001..30_011);
    let left = 30_010 - records.len();
    records.extend(read_count(&mut source, left));
    assert_eq!(records, numbered(1..30_011));
    let again = open(&server, &from(Start::End)).unwrap();
    assert_eq!(again.identity().map(str::to_owned), identity);
}

#[test]
fn a_server_that_is_stopped_for_a_while_is_no_error() {
    let (server, admin) = grid(20_000);
    let mut source = open(&server, &from(Start::Beginning)).unwrap();
    let mut records = read_count(&mut source, 100);
    server.signal("-STOP");
    let stopped = Instant::now();
    let mut batch = Batch::new(1000);
    while stopped.elapsed() < Duration::from_secs(4) {
        let called = Instant::now();
        let progress = source.read(&mut batch).unwrap();
        assert_eq!(progress, Progress::Read, "it was not read to its head");
        assert!(called.elapsed() < Duration::from_secs(2));
        take(&batch, &mut records);
    }
    server.signal("-CONT");
    let left = 20_000 - records.len();
    records.extend(read_count(&mut source, left));
    assert_eq!(records, numbered(1..20_001));
    admin.publish("grid.a", "r20001");
    assert_eq!(read_count(&mut source, 1), numbered(20_001..20_002));
}

#[test]
fn a_connection_that_is_cut_again_and_again_loses_no_record() {
    let (server, _admin) = grid(20_000);
    let proxy = server::Proxy::before(&server);
    let mut source = NatsSource::open(&proxy.servers(), "GRID", &finite(Start::Beginning)).unwrap();
    let (mut batch, mut records) = (Batch::new(500), Vec::new());
    let mut calls = 0;
    while source.read(&mut batch).unwrap() != Progress::Finished {
        take(&batch, &mut records);
        calls += 1;
        if calls % 7 == 0 {
            proxy.cut();
        }
    }
    assert_eq!(records, numbered(1..20_001));
}

/// The memory of this process that is in RAM.
fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
fn a_source_that_is_not_called_asks_for_nothing() {
    let (server, admin) = grid(10);
    let options = SourceOptions { queued_bytes_max: 1 << 20, ..from(Start::Beginning) };
    let mut source = open(&server, &options).unwrap();
    read_count(&mut source, 1);
    for _ in 0..200 {
        admin.publish("grid.a", vec![b'x'; 500_000]);
    }
    let before = resident_bytes();
    thread::sleep(Duration::from_secs(1));
    // Other tests of this file may run beside this one: they hold little.
    assert!(resident_bytes() < before + (40 << 20));
    let consumers = admin.stream("GRID");
    let delivered = admin.wait(async {
        use futures_util::TryStreamExt;
        let all: Vec<_> = consumers.consumers().try_collect().await.unwrap();
        all.iter().map(|consumer| consumer.delivered.stream_sequence).max().unwrap()
    });
    assert!(delivered < 20, "{delivered} records were sent unasked");
}

#[test]
fn streams_that_drop_what_is_not_read_are_refused() {
    let server = NatsServer::start();
    let admin = server.admin();
    let refused = |config: Config, why: &str| {
        admin.create_with("GRID", config);
        let error = open(&server, &from(Start::Beginning)).err().unwrap();
        assert!(matches!(error, NatsError::Unfit { .. }), "{error}");
        assert!(error.to_string().contains(why), "{error}");
        admin.delete("GRID");
    };
    let retention = |retention| Config { retention, ..Config::default() };
    refused(retention(RetentionPolicy::WorkQueue), "its retention is not `limits`");
    refused(retention(RetentionPolicy::Interest), "its retention is not `limits`");
    let last_of_each = Config { max_messages_per_subject: 1, ..Config::default() };
    refused(last_of_each, "`max_msgs_per_subject`");
    admin.create_with("GRID", Config { storage: StorageType::Memory, ..Config::default() });
    assert!(open(&server, &from(Start::Beginning)).is_ok());
}
