//! Reading files that end: what a line is, bounded memory, compression, pipes, positions.

#![cfg(feature = "file")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use gridweaver_connectors::contract::BATCH_BYTES;
use gridweaver_connectors::file::{FileError, FileSource, NamedFile, Options, expand};
use gridweaver_connectors::{Batch, Progress, Source, SourceError};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

fn written(folder: &Path, name: &str, content: &[u8]) -> NamedFile {
    fs::write(folder.join(name), content).unwrap();
    NamedFile::new(name, folder)
}

fn source(file: &NamedFile, start: u64) -> FileSource {
    let options = Options { start, record_bytes_max: 100, ..Options::default() };
    FileSource::open(file.clone(), &options).unwrap()
}

type Records = Vec<(u64, Vec<u8>)>;

/// All records up to the end or the first error.
fn read_all(source: &mut dyn Source, records_max: usize) -> (Records, Option<SourceError>) {
    let mut batch = Batch::new(records_max);
    let mut records = vec![];
    loop {
        match source.read(&mut batch) {
            Ok(Progress::Finished) => return (records, None),
            Ok(Progress::Read) => assert!(!batch.is_empty()),
            Ok(Progress::Waiting) => assert!(batch.is_empty()),
            Err(error) => return (records, Some(error)),
        }
        assert!(batch.len() <= records_max);
        records.extend(batch.iter().map(|(at, bytes)| (at, bytes.to_vec())));
    }
}

fn file_error(error: Option<SourceError>) -> FileError {
    match error {
        Some(SourceError::File(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstandard(content: &[u8]) -> Vec<u8> {
    // With checksums, as the command line tool writes them.
    let mut encoder = zstd::Encoder::new(vec![], 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_record_is_a_line_that_is_not_blank() {
    let folder = tempfile::tempdir().unwrap();
    let content = b"one\r\n\n  \t \r\ntwo\0\xff\r \n{}\r\r\nlast";
    let file = written(folder.path(), "a.jsonl", content);
    for records_max in [1, 2, 100] {
        let mut source = source(&file, 0);
        assert_eq!(source.name(), "file/a.jsonl/0");
        assert!(source.is_finite());
        assert_eq!(source.bytes_total(), Some(content.len() as u64));
        let (records, error) = read_all(&mut source, records_max);
        assert!(error.is_none());
        let expected: Records = vec![
            (0, b"one".to_vec()),
            (12, b"two\0\xff\r ".to_vec()),
            (20, b"{}\r".to_vec()),
            (25, b"last".to_vec()),
        ];
        assert_eq!(records, expected);
        assert_eq!(source.position(), content.len() as u64);
        assert_eq!(source.bytes_read(), content.len() as u64);
    }
}

#[test]
fn an_empty_file_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    for content in [&b""[..], b"\n", b" \n\r\n\t"] {
        let file = written(folder.path(), "a.jsonl", content);
        let (records, error) = read_all(&mut source(&file, 0), 10);
        assert!(records.is_empty() && error.is_none());
    }
}

#[test]
fn reading_goes_on_at_every_position_that_it_stopped_at() {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..40_000).map(|n| format!("{{\"line\":{n}}}\n\n")).collect();
    let text = format!("{lines}last without newline");
    let files = [
        written(folder.path(), "a.jsonl", text.as_bytes()),
        written(folder.path(), "a.jsonl.gz", &gzip(text.as_bytes())),
        written(folder.path(), "a.jsonl.zst", &zstandard(text.as_bytes())),
    ];
    for file in files {
        let (all, _) = read_all(&mut source(&file, 0), 1000);
        assert_eq!(all.len(), 40_001);
        let mut first = source(&file, 0);
        let mut batch = Batch::new(7_000);
        let mut taken = 0;
        loop {
            let progress = first.read(&mut batch).unwrap();
            taken += batch.len();
            let mut second = source(&file, first.position());
            assert_eq!(second.position(), first.position());
            let (rest, error) = read_all(&mut second, 50_000);
            assert!(error.is_none(), "{error:?}");
            assert_eq!(rest, all[taken..]);
            if progress == Progress::Finished {
                break;
            }
        }
    }
}

#[test]
fn another_file_than_the_one_read_before_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = b"one\ntwo\n";
    for name in ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"] {
        let content = match name {
            "a.jsonl" => text.to_vec(),
            "a.jsonl.gz" => gzip(text),
            _ => zstandard(text),
        };
        let file = written(folder.path(), name, &content);
        for at in [1, 3, 5, 7] {
            let (records, error) = read_all(&mut source(&file, at), 10);
            assert!(records.is_empty());
            let error = file_error(error);
            assert!(matches!(error, FileError::NoLineThere { position, .. } if position == at));
        }
        let (_, error) = read_all(&mut source(&file, 9), 10);
        assert!(matches!(file_error(error), FileError::TooShort { position: 9, .. }));
        let (records, error) = read_all(&mut source(&file, 8), 10);
        assert!(records.is_empty() && error.is_none());
    }
}

#[test]
fn a_line_over_the_limit_is_cut_and_its_length_told() {
    let folder = tempfile::tempdir().unwrap();
    let lengths = [99, 100, 101, 102, 5_000, 1_000_000, 3];
    for ending in ["\n", "\r\n"] {
        let content: String =
            lengths.iter().map(|length| format!("{}{ending}", "x".repeat(*length))).collect();
        let blank = format!("{}\n", " ".repeat(400_000));
        let file = written(folder.path(), "a.jsonl", (content + &blank + "end").as_bytes());
        let mut source = source(&file, 0);
        let mut batch = Batch::new(100);
        assert_eq!(source.read(&mut batch).unwrap(), Progress::Read);
        let full: Vec<_> = (0..batch.len()).map(|index| batch.full_length(index)).collect();
        assert_eq!(full, [99, 100, 101, 102, 5_000, 1_000_000, 3, 3]);
        let kept: Vec<_> = batch.iter().map(|(_, bytes)| bytes.len()).collect();
        assert_eq!(kept, [99, 100, 101, 101, 101, 101, 3, 3]);
    }
}

#[test]
fn an_endless_line_takes_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    // 8 GiB in zstandard's run-length blocks would take a while; 200 MiB shows the same.
    let zeros = vec![0; 1 << 20];
    let mut encoder = zstd::Encoder::new(vec![], 1).unwrap();
    for _ in 0..200 {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.write_all(b"\n{}\n").unwrap();
    let file = written(folder.path(), "a.zst", &encoder.finish().unwrap());
    let mut source = source(&file, 0);
    let mut batch = Batch::new(100);
    source.read(&mut batch).unwrap();
    let records: Vec<_> = batch.iter().map(|(at, bytes)| (at, bytes.len())).collect();
    assert_eq!(records, [(0, 101), ((200 << 20) + 1, 2)]);
    assert_eq!(batch.full_length(0), 200 << 20);
}

#[test]
fn batches_are_bounded_in_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..100_000).map(|n| format!("{n:060}\n")).collect();
    let file = written(folder.path(), "a.jsonl", text.as_bytes());
    let mut source = source(&file, 0);
    let mut batch = Batch::new(usize::MAX);
    let mut count = 0;
    while source.read(&mut batch).unwrap() == Progress::Read {
        assert!(batch.byte_count() < BATCH_BYTES + 100);
        count += batch.len();
    }
    assert_eq!(count, 100_000);
}

#[test]
fn compressed_files_of_many_parts_are_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let parts = [&b"one\ntw"[..], b"", b"o\nthree"];
    let (mut gz, mut zst) = (vec![], vec![]);
    for part in parts {
        gz.extend(gzip(part));
        zst.extend(zstandard(part));
    }
    for (name, content) in [("a.gz", gz), ("a.zst", zst)] {
        let file = written(folder.path(), name, &content);
        let mut source = source(&file, 0);
        assert_eq!(source.bytes_total(), Some(content.len() as u64));
        let (records, error) = read_all(&mut source, 10);
        assert!(error.is_none());
        let expected: Records =
            vec![(0, b"one".to_vec()), (4, b"two".to_vec()), (8, b"three".to_vec())];
        assert_eq!(records, expected);
        assert_eq!(source.bytes_read(), content.len() as u64);
    }
}

#[test]
fn damaged_compressed_data_fails_behind_its_last_whole_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = 1u64;
    let text: String = (0..20_000)
        .map(|n| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!("{n} {state:x}\n")
        })
        .collect();
    for (name, content) in [("a.gz", gzip(text.as_bytes())), ("a.zst", zstandard(text.as_bytes()))]
    {
        let mut damaged = content.clone();
        damaged[content.len() / 2..][..64].fill(0xaa);
        let mut trailing = content.clone();
        trailing.extend(b"this is no compressed data");
        let cases = [
            (content[..content.len() / 2].to_vec(), false),
            (content[..content.len() - 1].to_vec(), true),
            (trailing, true),
        ];
        for (bytes, is_nearly_whole) in cases {
            let file = written(folder.path(), name, &bytes);
            let (records, error) = read_all(&mut source(&file, 0), 1000);
            let error = file_error(error);
            let FileError::Damaged { path, position, .. } = &error else { panic!("{error:?}") };
            assert_eq!(path, &folder.path().join(name));
            for (at, line) in &records {
                let at = usize::try_from(*at).unwrap();
                let whole = &text.as_bytes()[at..];
                assert!(whole.starts_with(line) && whole[line.len()] == b'\n');
            }
            let read_to: usize = records.iter().map(|(_, line)| line.len() + 1).sum();
            assert!(*position >= read_to as u64 && *position <= read_to as u64 + 100);
            assert_eq!(records.len() == 20_000, is_nearly_whole, "{name}");
        }
        // What the decoder takes for text before it notices is passed on, and is then refused as
        // records; but it is noticed.
        let file = written(folder.path(), name, &damaged);
        let (_, error) = read_all(&mut source(&file, 0), 1000);
        assert!(matches!(file_error(error), FileError::Damaged { .. }));
    }
}

#[test]
fn what_is_not_compressed_at_all_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in
        [("a.gz", &b"{\"plain\":true}\n"[..]), ("a.zst", b"{\"plain\":true}\n"), ("a.gz", b"")]
    {
        let file = written(folder.path(), name, content);
        let (records, error) = read_all(&mut source(&file, 0), 10);
        assert!(records.is_empty());
        assert!(matches!(file_error(error), FileError::Damaged { position: 0, .. }));
    }
}

fn fifo(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

#[test]
fn a_silent_pipe_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["pipe", "pipe.gz", "pipe.zst"] {
        let path = fifo(folder.path(), name);
        let mut source = source(&NamedFile::new(name, folder.path()), 0);
        let mut batch = Batch::new(10);
        let begun = Instant::now();
        for _ in 0..5 {
            assert_eq!(source.read(&mut batch).unwrap(), Progress::Waiting);
        }
        assert!(begun.elapsed() < Duration::from_secs(1));
        assert!(begun.elapsed() > Duration::from_millis(100), "it does not spin");
        let mut pipe = fs::OpenOptions::new().write(true).open(path).unwrap();
        let encode = |text: &[u8]| match name {
            "pipe" => text.to_vec(),
            "pipe.gz" => gzip(text),
            _ => zstandard(text),
        };
        for number in 0..3 {
            pipe.write_all(&encode(format!("line {number}\nopen ").as_bytes())).unwrap();
            let mut waits = 0;
            while source.read(&mut batch).unwrap() == Progress::Waiting {
                waits += 1;
                assert!(waits < 200);
            }
            assert_eq!(batch.len(), 1, "{name}");
            assert_eq!(source.read(&mut batch).unwrap(), Progress::Waiting);
        }
        drop(pipe);
        let (rest, error) = read_all(&mut source, 10);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(rest, [(31, b"open ".to_vec())], "{name}");
    }
}

#[test]
fn a_broken_off_compressed_pipe_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = fifo(folder.path(), "pipe.zst");
    let mut source = source(&NamedFile::new("pipe.zst", folder.path()), 0);
    let content = zstandard(b"one\ntwo\n");
    fs::write(path, &content[..content.len() - 3]).unwrap();
    let (_, error) = read_all(&mut source, 10);
    assert!(matches!(file_error(error), FileError::Damaged { .. }));
}

#[test]
fn names_and_patterns_find_each_file_once_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path();
    for name in ["b.jsonl", "a.jsonl", "c.txt", "d[1].jsonl"] {
        fs::write(base.join(name), b"").unwrap();
    }
    fs::create_dir(base.join("folder.jsonl")).unwrap();
    std::os::unix::fs::symlink(base.join("a.jsonl"), base.join("link.jsonl")).unwrap();
    let names = |patterns: &[&str]| -> Vec<String> {
        let patterns: Vec<_> = patterns.iter().map(|text| (*text).to_owned()).collect();
        expand(&patterns, base, false).unwrap().into_iter().map(|file| file.name).collect()
    };
    assert_eq!(names(&["*.jsonl"]), ["a.jsonl", "b.jsonl", "d[1].jsonl"]);
    assert_eq!(names(&["c.txt", "b.jsonl", "*"]), ["c.txt", "b.jsonl", "a.jsonl", "d[1].jsonl"]);
    assert_eq!(names(&["d[1].jsonl"]), ["d[1].jsonl"]);
    assert_eq!(names(&["-", "-"]), ["-"]);
    let absolute = base.join("b.jsonl").to_str().unwrap().to_owned();
    assert_eq!(names(&[&absolute, "b.jsonl"]), [absolute]);
}

#[test]
fn names_that_lead_nowhere_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path();
    let error = |name: &str, follow| expand(&[name.to_owned()], base, follow).unwrap_err();
    assert!(matches!(error("*.jsonl", false), FileError::NoMatch { .. }));
    assert!(matches!(error("*.jsonl", true), FileError::NoMatch { .. }));
    assert!(matches!(error("***", false), FileError::BadPattern { .. }));
    assert!(matches!(error("a.jsonl", false), FileError::Missing { .. }));
    assert!(matches!(error(".", false), FileError::Folder { .. }));
    assert!(expand(&["a.jsonl".to_owned()], base, true).is_ok());
    let text = error("*.jsonl", false).to_string();
    assert_eq!(text, "no file matches `*.jsonl`: correct the pattern or put the files there");
}
