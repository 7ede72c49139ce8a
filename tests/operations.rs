//! What an operator sees of a live run: whether it is well, its figures, and who holds it back.

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "common/program.rs"]
mod program;
#[path = "common/record.rs"]
mod record;

use program::{Folder, free_address, http_answer, wait_until};
use record::line;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::TcpListener;

/// Two followed files of which the second says nothing.
fn followed(address: &str) -> Folder {
    let folder = Folder::new();
    let load = r#""data":{"node":"n","generation_mw":10,"load_mw":12}"#;
    let record = |id: &str, s: i64| line("scada", id, "grid.telemetry", s * 1_000, load);
    let lines =
        [record("1", 1), "no record".into(), record("2", 2), record("2", 2), record("3", 9)];
    folder.write("a.jsonl", lines.join("\n") + "\n");
    folder.write("b.jsonl", line("scada", "w", "source.watermark", 5_000, "\"data\":{}") + "\n");
    folder.write(
        "run.toml",
        format!(
            "[engine]\ntick = \"1s\"\nlateness = \"0s\"\nidle_timeout = \"off\"\n\
             stalled_after = \"200ms\"\ncheckpoint_every = \"50ms\"\n[http]\nlisten = \"{address}\"\n\
             [[source]]\nkind = \"file\"\npaths = [\"a.jsonl\", \"b.jsonl\"]\nfollow = true\n\
             [[sink]]\nkind = \"file\"\npath = \"orders.jsonl\"\n"
        ),
    );
    folder
}

#[test]
fn a_run_tells_its_figures_and_who_holds_it_back() {
    let address = free_address();
    let folder = followed(&address);
    let running = folder.spawn(&["run", "run.toml"]);
    wait_until("a tick", || http_answer(&address, "/metrics").contains("gridweaver_ticks_total 2"));
    assert!(http_answer(&address, "/healthz").starts_with("HTTP/1.1 200"));
    let text = http_answer(&address, "/metrics");
    for figure in [
        r#"gridweaver_partition_records_total{partition="file/a.jsonl/0",outcome="admitted"} 4"#,
        r#"gridweaver_partition_records_total{partition="file/a.jsonl/0",outcome="not_json"} 1"#,
        r#"gridweaver_partition_records_total{partition="file/b.jsonl/0",outcome="control"} 1"#,
        r#"gridweaver_partition_watermark_seconds{partition="file/b.jsonl/0"} 5.0"#,
        r#"gridweaver_partition_passed_over{partition="file/b.jsonl/0"} 0"#,
        r#"gridweaver_closed_records_total{outcome="applied"} 2"#,
        r#"gridweaver_closed_records_total{outcome="duplicate"} 1"#,
        "gridweaver_in_flight_records 1",
        "gridweaver_sink_queue 0",
        "gridweaver_tick_latency_seconds_count 2",
        r#"gridweaver_tick_latency_seconds_bucket{le="+Inf"} 2"#,
    ] {
        assert!(text.contains(figure), "no «{figure}» in\n{text}");
    }
    // The record of the tenth second waits for the second file.
    wait_until("that it stands", || http_answer(&address, "/readyz").starts_with("HTTP/1.1 503"));
    let told = http_answer(&address, "/readyz");
    assert!(told.contains("file/b.jsonl/0 holds it"), "{told}");
    let goes_on = line("scada", "x", "source.watermark", 20_000, "\"data\":{}") + "\n";
    let mut second = OpenOptions::new().append(true).open(folder.path().join("b.jsonl")).unwrap();
    second.write_all(goes_on.as_bytes()).unwrap();
    let holds = |figure: &str| http_answer(&address, "/metrics").contains(figure);
    wait_until("a checkpoint", || holds("gridweaver_checkpoint_bytes"));
    assert!(holds("gridweaver_checkpoint_age_seconds 0."));
    running.signal("TERM");
    let ended = running.finish();
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains("file/b.jsonl/0 holds it"), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "told once: {}", ended.stderr);
}

#[test]
fn an_address_that_is_taken_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let folder = followed(&address);
    folder.run(&["run", "run.toml"]).complains(1, &["http.listen", &address]);
}
