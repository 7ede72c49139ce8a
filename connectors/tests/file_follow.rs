//! Following a file that grows, is replaced, is cut off, or is not there yet.

#![cfg(feature = "file")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use gridweaver_connectors::file::{FileError, FileSource, GENERATION_BYTES, NamedFile, Options};
use gridweaver_connectors::{Batch, Progress, Source};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

struct Follower {
    source: FileSource,
    batch: Batch,
}

fn open(folder: &Path, start: u64) -> Result<Follower, FileError> {
    let options = Options { follow: true, start, ..Options::default() };
    let source = FileSource::open(NamedFile::new("log.jsonl", folder), &options)?;
    Ok(Follower { source, batch: Batch::new(100) })
}

fn append(folder: &Path, text: &str) {
    let path = folder.join("log.jsonl");
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

impl Follower {
    /// Reads until nothing has come for a few polls.
    fn drain(&mut self) -> Vec<(u64, String)> {
        let mut records = vec![];
        let mut waits = 0;
        while waits < 4 {
            match self.source.read(&mut self.batch).unwrap() {
                Progress::Read => {
                    let texts = self.batch.iter();
                    records.extend(
                        texts.map(|(at, text)| (at, String::from_utf8_lossy(text).into_owned())),
                    );
                }
                Progress::Waiting => waits += 1,
                Progress::Finished => panic!("a followed file never ends"),
            }
        }
        records
    }

    fn expect(&mut self, expected: &[(u64, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(at, text)| (*at, (*text).into())).collect();
        assert_eq!(self.drain(), expected);
    }
}

#[test]
fn more_is_read_as_it_comes_and_an_open_line_waits_for_its_newline() {
    let folder = tempfile::tempdir().unwrap();
    append(folder.path(), "one\ntw");
    let mut follower = open(folder.path(), 0).unwrap();
    assert!(!follower.source.is_finite());
    follower.expect(&[(0, "one")]);
    assert_eq!(follower.source.position(), 4);
    append(folder.path(), "o");
    follower.expect(&[]);
    append(folder.path(), "\n\nthree\n");
    follower.expect(&[(4, "two"), (9, "three")]);
    assert_eq!(follower.source.position(), 15);
}

#[test]
fn waiting_takes_its_time_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    append(folder.path(), "one\n");
    let mut follower = open(folder.path(), 0).unwrap();
    follower.expect(&[(0, "one")]);
    let begun = Instant::now();
    for _ in 0..10 {
        let progress = follower.source.read(&mut follower.batch).unwrap();
        assert_eq!(progress, Progress::Waiting);
    }
    assert!(begun.elapsed() > Duration::from_millis(200));
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_file_that_was_renamed_is_read_to_its_end_before_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    append(folder.path(), "one\n");
    let mut follower = open(folder.path(), 0).unwrap();
    follower.expect(&[(0, "one")]);
    fs::rename(folder.path().join("log.jsonl"), folder.path().join("log.jsonl.1")).unwrap();
    follower.expect(&[]);
    let mut old = OpenOptions::new().append(true).open(folder.path().join("log.jsonl.1")).unwrap();
    old.write_all(b"two\n").unwrap();
    follower.expect(&[(4, "two")]);
    // The new file is there, but its writer has not come yet.
    append(folder.path(), "");
    follower.expect(&[]);
    old.write_all(b"three\nopen").unwrap();
    append(folder.path(), "four\n");
    follower.expect(&[(8, "three"), (14, "open"), (GENERATION_BYTES, "four")]);
    append(folder.path(), "five\n");
    follower.expect(&[(GENERATION_BYTES + 5, "five")]);
    let mut again = open(folder.path(), GENERATION_BYTES + 5).unwrap();
    again.expect(&[(GENERATION_BYTES + 5, "five")]);
    let mut again = open(folder.path(), GENERATION_BYTES).unwrap();
    again.expect(&[(GENERATION_BYTES, "four"), (GENERATION_BYTES + 5, "five")]);
}

#[test]
fn a_file_that_was_cut_off_is_read_again_from_its_start() {
    let folder = tempfile::tempdir().unwrap();
    append(folder.path(), "one\ntwo\nop");
    let mut follower = open(folder.path(), 0).unwrap();
    follower.expect(&[(0, "one"), (4, "two")]);
    let path = folder.path().join("log.jsonl");
    OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    follower.expect(&[(8, "op")]);
    append(folder.path(), "three\n");
    follower.expect(&[(GENERATION_BYTES, "three")]);
    File::create(&path).unwrap().write_all(b"4\n").unwrap();
    follower.expect(&[(2 * GENERATION_BYTES, "4")]);
}

#[test]
fn a_file_that_is_not_there_yet_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut follower = open(folder.path(), 0).unwrap();
    follower.expect(&[]);
    append(folder.path(), "one\n");
    follower.expect(&[(0, "one")]);
    fs::remove_file(folder.path().join("log.jsonl")).unwrap();
    follower.expect(&[]);
    append(folder.path(), "two\n");
    follower.expect(&[(GENERATION_BYTES, "two")]);
}

#[test]
fn reading_goes_on_only_in_the_file_that_was_read_before() {
    let folder = tempfile::tempdir().unwrap();
    append(folder.path(), "one\ntwo\nopen");
    open(folder.path(), 4).unwrap().expect(&[(4, "two")]);
    open(folder.path(), 8).unwrap().expect(&[]);
    assert!(matches!(open(folder.path(), 99), Err(FileError::TooShort { .. })));
    let mut amid = open(folder.path(), 5).unwrap();
    let mut batch = Batch::new(10);
    assert!(amid.source.read(&mut batch).is_err());
    fs::remove_file(folder.path().join("log.jsonl")).unwrap();
    assert!(matches!(open(folder.path(), 4), Err(FileError::Missing { .. })));
}

#[test]
fn a_compressed_file_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { follow: true, ..Options::default() };
    let error = FileSource::open(NamedFile::new("a.jsonl.gz", folder.path()), &options).err();
    assert!(matches!(error, Some(FileError::FollowCompressed { .. })));
}

#[test]
fn a_followed_pipe_outlives_its_writers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let mut follower = open(folder.path(), 0).unwrap();
    follower.expect(&[]);
    fs::write(&path, "one\n").unwrap();
    follower.expect(&[(0, "one")]);
    fs::write(&path, "two\n").unwrap();
    follower.expect(&[(4, "two")]);
}
