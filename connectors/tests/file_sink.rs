//! Writing ticks: what is kept at the start, what is refused, where a reader leaves.

#![cfg(feature = "file")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use gridweaver_connectors::file::{FileError, FileSink, Opened, Start, visit_ticks_from_the_end};
use gridweaver_connectors::{Guarantee, Sink, SinkError};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::Command;

fn line(kind: &str, number: usize, padding: usize) -> String {
    let padding = "x".repeat(padding);
    format!(
        "{{\"specversion\":\"1.0\",\"id\":\"{number:020x}\",\"source\":\"gridweaver\",\
         \"type\":\"{kind}\",\"padding\":\"{padding}\"}}\n"
    )
}

fn tick(number: usize, records: usize, padding: usize) -> String {
    let plans: String =
        (0..records).map(|_| line("dispatch.plan_created", number, padding)).collect();
    plans + &line("dispatch.tick_closed", number, 0)
}

fn open(path: &Path, start: Start) -> Result<Opened, FileError> {
    FileSink::open("file/orders.jsonl", path, start)
}

/// Resumes and tells what was kept and what the last tick was.
fn resumed(path: &Path) -> (String, Option<String>) {
    let opened = open(path, Start::Resume).unwrap();
    let last = opened.last_tick_closed.map(|text| String::from_utf8(text).unwrap() + "\n");
    (fs::read_to_string(path).unwrap(), last)
}

#[test]
fn what_is_appended_is_there_after_commit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folders/orders.jsonl");
    let mut sink = open(&path, Start::Anew).unwrap().sink;
    assert_eq!(sink.name(), "file/orders.jsonl");
    assert_eq!(sink.guarantee(), Guarantee::Resumable);
    sink.append(tick(1, 2, 0).as_bytes()).unwrap();
    sink.append(tick(2, 0, 0).as_bytes()).unwrap();
    sink.commit().unwrap();
    sink.commit().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), tick(1, 2, 0) + &tick(2, 0, 0));
    drop(sink);
    drop(open(&path, Start::Anew).unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
}

#[test]
fn a_torn_tick_is_cut_off_wherever_it_was_torn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let whole = tick(1, 3, 10) + &tick(2, 1, 10);
    let torn = tick(3, 2, 10);
    for length in (0..torn.len()).step_by(9) {
        fs::write(&path, whole.clone() + &torn[..length]).unwrap();
        let expected = Some(line("dispatch.tick_closed", 2, 0));
        assert_eq!(resumed(&path), (whole.clone(), expected), "{length}");
    }
    for length in (0..torn.len()).step_by(9) {
        fs::write(&path, &torn[..length]).unwrap();
        assert_eq!(resumed(&path), (String::new(), None), "{length}");
    }
}

#[test]
fn writing_goes_on_behind_the_last_tick() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    fs::write(&path, tick(1, 3, 10) + "{\"specv").unwrap();
    let mut sink = open(&path, Start::Resume).unwrap().sink;
    sink.append(tick(2, 1, 0).as_bytes()).unwrap();
    sink.commit().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), tick(1, 3, 10) + &tick(2, 1, 0));
}

#[test]
fn ticks_larger_than_any_block_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let (first, second) = (tick(1, 2, 300_000), tick(2, 5, 200_000));
    for torn in [0, 1, 100, 199_999, 200_000, 400_000, second.len() - 1] {
        fs::write(&path, first.clone() + &second[..torn]).unwrap();
        assert_eq!(resumed(&path).0, first, "{torn}");
    }
    fs::write(&path, first.clone() + &second).unwrap();
    assert_eq!(resumed(&path).0, first + &second);
}

#[test]
fn zeros_that_a_loss_of_power_left_are_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let next = tick(2, 1, 0);
    let mut holed = next.clone().into_bytes();
    holed[10..150].fill(0);
    holed.truncate(200);
    for rest in [vec![0; 5000], holed, [&next.as_bytes()[..50], &[0; 100]].concat()] {
        fs::write(&path, [tick(1, 1, 0).as_bytes(), &rest].concat()).unwrap();
        assert_eq!(resumed(&path).0, tick(1, 1, 0));
    }
}

#[test]
fn a_foreign_file_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let ours = tick(1, 1, 0);
    let cases = [
        "notes\n".to_owned(),
        "notes".to_owned(),
        "notes\n".to_owned() + &ours,
        ours.clone() + "notes\n",
        ours.clone() + "notes",
        ours.clone() + "notes\n" + "{\"specv",
        ours.clone() + "\n",
        line("grid.node", 1, 0).replace("gridweaver", "scada/west"),
        "{\"specversion\":\"1.0\",\"id\":\"a\",\"source\":\"scada\",\"type\":\"x\"}\n".to_owned(),
        "x".repeat(1_000_000),
    ];
    for content in cases {
        fs::write(&path, &content).unwrap();
        let error = open(&path, Start::Resume).err();
        assert!(matches!(error, Some(FileError::Foreign { .. })), "{error:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn appending_keeps_all_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dead-letters.jsonl");
    let whole = "{\"source\":\"file/a.jsonl/0\"}\n".repeat(3);
    for torn in ["", "{", "{\"source\":\"file", "\0\0\0"] {
        for whole in [whole.as_str(), ""] {
            fs::write(&path, whole.to_owned() + torn).unwrap();
            drop(open(&path, Start::Append).unwrap());
            assert_eq!(fs::read_to_string(&path).unwrap(), whole);
        }
    }
    fs::write(&path, "notes").unwrap();
    assert!(matches!(open(&path, Start::Append), Err(FileError::Foreign { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "notes");
}

#[test]
fn one_process_writes_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let first = open(&path, Start::Resume).unwrap();
    for start in [Start::Anew, Start::Resume, Start::Append] {
        assert!(matches!(open(&path, start), Err(FileError::Busy { .. })));
    }
    drop(first);
    assert!(open(&path, Start::Resume).is_ok());
}

#[test]
fn a_pipe_is_only_written_to_and_its_reader_may_leave() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let reader = std::thread::spawn({
        let path = path.clone();
        move || {
            let mut text = vec![0; 10];
            File::open(path).unwrap().read_exact(&mut text).unwrap();
            text
        }
    });
    let mut sink = open(&path, Start::Resume).unwrap().sink;
    assert_eq!(sink.guarantee(), Guarantee::BestEffort);
    sink.append(b"123456789\n").unwrap();
    sink.commit().unwrap();
    assert_eq!(reader.join().unwrap(), b"123456789\n");
    let error = sink.append(b"more\n").unwrap_err();
    assert!(matches!(error, SinkError::ReaderGone { .. }), "{error:?}");
    let error = sink.append(b"more\n").unwrap_err();
    assert!(matches!(error, SinkError::File(FileError::FailedBefore { .. })));
}

#[test]
fn devices_and_standard_output_are_neither_cut_nor_synced() {
    for name in ["/dev/null", "-"] {
        for start in [Start::Anew, Start::Resume] {
            let mut sink = open(Path::new(name), start).unwrap().sink;
            sink.append(b"").unwrap();
            sink.commit().unwrap();
        }
    }
}

#[test]
fn a_full_disk_is_told_as_such() {
    let mut sink = open(Path::new("/dev/full"), Start::Anew).unwrap().sink;
    let error = sink.append(b"{}\n").unwrap_err();
    assert!(matches!(error, SinkError::File(FileError::NoSpace { .. })), "{error:?}");
    assert!(error.to_string().starts_with("no space left for `/dev/full`"));
}

#[test]
fn outputs_that_can_not_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(open(folder.path(), Start::Anew), Err(FileError::Folder { .. })));
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(open(&file.join("below"), Start::Anew), Err(FileError::Refused { .. })));
}

#[test]
fn ticks_are_read_back_from_the_last_to_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let text: String = (0..100).map(|number| tick(number, number % 5, 1000)).collect();
    fs::write(&path, text + "{\"specv").unwrap();
    let mut seen = vec![];
    visit_ticks_from_the_end(&path, |line| {
        seen.push(String::from_utf8(line.to_vec()).unwrap() + "\n");
        seen.len() < 98
    })
    .unwrap();
    let expected: Vec<_> =
        (2..100).rev().map(|number| line("dispatch.tick_closed", number, 0)).collect();
    assert_eq!(seen, expected);
}
