//! Small cases, each showing one rule.

use super::{DEFAULT_TIME, records};
use crate::import::ImportError;
use gridweaver_model::decode;
use gridweaver_model::encode::encode;
use std::path::{Path, PathBuf};

const CASE: &str = "
function mpc = tiny
%% a comment with mpc.bus = [ in it
mpc.version = '2';
mpc.baseMVA = 100;
%{
mpc.bus = [ 9 9 9 ];
%}
mpc.bus = [   % number type Pd Qd Gs Bs area
\t1\t3\t10.5\t0\t0\t0\t7\t1\t0\t100;
\t2, 2, -4, 0, 0, 0, 7, 1;   3 1 0 0 ...  the row goes on
\t  0 0 8 1
\t4 4 50 0 0 0 8 1;
];
mpc.gen=[
  1 20 0 Inf -Inf 1 100 1 30 0;
  1 -5 0 0 0 1 100 1 -2 -9;
  2 1e1 0 0 0 1 100 1 Inf 0;
  3 7 0 0 0 1 100 0 70 0;
  4 7 0 0 0 1 100 1 70 0;
];
mpc.branch = [
  1 2 0 0.1 0 250.0000005 0 0 0 0 1 -360 360;
  2 3 0 0.1 0 0 0 0 0 0 0;
  3 1 0 0.1 0 Inf 0 0 0 0 1; 3 4 0 0.1 0 1e7 0 0 0 0 1; 1 3 0 0.1 0 -3 0 0 0 0 1 ];
mpc.gencost = [ 2 0 0 3 0 1 0 ];
mpc.bus_name = { 'one'; 'two % not a comment' };
";

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn lines(path: &Path) -> Vec<String> {
    let records = records(path, DEFAULT_TIME).unwrap();
    let mut lines = vec![];
    for record in records {
        let mut line = vec![];
        encode(&record, &mut line);
        assert_eq!(decode(&line, 1 << 20).unwrap(), record);
        lines.push(String::from_utf8(line).unwrap());
    }
    lines
}

/// The payloads of the records of one type.
fn data(lines: &[String], kind: &str) -> Vec<String> {
    let kind = format!("\"type\":\"{kind}\"");
    let of_kind = lines.iter().filter(|line| line.contains(&kind));
    of_kind.map(|line| line.split_once("\"data\":").unwrap().1.to_owned()).collect()
}

#[test]
fn a_case_becomes_nodes_lines_and_telemetry() {
    let folder = tempfile::tempdir().unwrap();
    let lines = lines(&written(folder.path(), "tiny.m", CASE));
    assert_eq!(
        lines[0],
        "{\"specversion\":\"1.0\",\"id\":\"node/1\",\"source\":\"matpower/tiny\",\
         \"type\":\"grid.node\",\"time\":\"2026-01-01T00:00:00.000Z\",\"sequence\":1,\
         \"data\":{\"node\":\"1\",\"region\":\"7\"}}"
    );
    assert_eq!(data(&lines, "grid.node").len(), 4);
    assert_eq!(
        data(&lines, "grid.line"),
        [
            ("1", "1", "2", "250.000001", true),
            ("2", "2", "3", "99999", false),
            ("3", "3", "1", "99999", true),
            ("4", "3", "4", "99999", true),
            ("5", "1", "3", "99999", true),
        ]
        .map(|(line, from, to, capacity, in_service)| format!(
            "{{\"line\":\"{line}\",\"from\":\"{from}\",\"to\":\"{to}\",\
             \"capacity_mw\":{capacity},\"in_service\":{in_service}}}}}"
        ))
    );
    assert_eq!(
        data(&lines, "grid.telemetry"),
        [
            ("1", "20", "15.5", "28"),
            ("2", "14", "0", "99999"),
            ("3", "0", "0", "0"),
            ("4", "0", "0", "0")
        ]
        .map(|(node, generation, load, available)| format!(
            "{{\"node\":\"{node}\",\"generation_mw\":{generation},\"load_mw\":{load},\
                 \"available_mw\":{available}}}}}"
        ))
    );
    let sequence: Vec<_> =
        (1..=lines.len()).map(|number| format!("\"sequence\":{number},")).collect();
    assert!(lines.iter().zip(&sequence).all(|(line, sequence)| line.contains(sequence)));
}

#[test]
fn a_compressed_case_is_the_same_case() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let plain = lines(&written(folder.path(), "tiny.m", CASE));
    let path = folder.path().join("tiny.m.gz");
    let file = std::fs::File::create(&path).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    encoder.write_all(CASE.as_bytes()).unwrap();
    encoder.finish().unwrap();
    assert_eq!(lines(&path), plain);
}

#[test]
fn errors_say_where() {
    let folder = tempfile::tempdir().unwrap();
    let error = |from: &str, to: &str| {
        assert!(CASE.contains(from));
        let path = written(folder.path(), "bad.m", &CASE.replace(from, to));
        let error = records(&path, DEFAULT_TIME).unwrap_err().to_string();
        error.replace(folder.path().to_str().unwrap(), "")
    };
    assert_eq!(
        error("10.5", "1O.5"),
        "`/bad.m` line 10, table `mpc.bus`, column `PD (3)`: `1O.5` is no number"
    );
    assert_eq!(
        error("10.5", "Inf"),
        "`/bad.m` line 10, table `mpc.bus`, column `PD (3)`: `Inf` must be finite"
    );
    assert_eq!(
        error("4 4 50 0 0 0 8 1", "4 4 50"),
        "`/bad.m` line 13, table `mpc.bus`, column `BUS_AREA (7)`: the row has only 3 columns"
    );
    assert_eq!(
        error("\t2, 2, -4", "\t1, 2, -4"),
        "`/bad.m` line 11, table `mpc.bus`, column `BUS_I (1)`: bus 1 is there twice"
    );
    assert_eq!(
        error("  3 7 0", "  5 7 0"),
        "`/bad.m` line 19, table `mpc.gen`, column `GEN_BUS (1)`: there is no bus 5"
    );
    assert!(error("];\nmpc.gen", "\nmpc.gen").contains("is no number"));
    assert!(error(&CASE[CASE.find("3 1 0 0.1").unwrap()..], "").contains("is not closed by a `]`"));
    assert!(error("mpc.gen=", "mpc.gens=").contains("holds no table `mpc.gen`"));
    assert!(
        error("mpc.gencost = [", "mpc.bus(:, 3) = [").contains("computes with its table `mpc.bus`")
    );
    let missing = records(&folder.path().join("none.m"), DEFAULT_TIME);
    assert!(matches!(missing, Err(ImportError::Unreadable { .. })));
}
