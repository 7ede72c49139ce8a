//! Reports and comparisons, as a user asks for them: latency logs, the page of a run, two outputs
//! side by side.
//!
//! | family | promise |
//! | --- | --- |
//! | `report…` | a table, a plot, a page; what is no log is told |
//! | `run…` | the page that a run leaves shows the day, needs nothing from outside, escapes names |
//! | `compare…` | totals side by side, and the ticks that differ |

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "common/program.rs"]
mod program;
#[path = "common/record.rs"]
mod record;

use program::Folder;
use record::line;
use serde_json::{Value, json};

/// 2026-03-01T00:00:00Z.
const START_MS: i64 = 1_772_323_200_000;

const CONFIG: &str = "[[source]]\nkind = \"file\"\npaths = [\"in.jsonl\"]\n\
     [[sink]]\nkind = \"file\"\npath = \"orders.jsonl\"\n[latency]\nlog = \"latency.hlog\"\n";

/// Region `lacking` lacks from 10 MW upwards, of which bid `x` gives up to 4 and region B sends the
/// rest; for ten minutes, a reading a minute.
fn stream(lacking: &str, price: u32) -> String {
    let mut number = 0;
    let mut say = |second: i64, type_name: &str, data: &Value| {
        number += 1;
        let data = format!("\"data\":{data}");
        line("s", &number.to_string(), type_name, START_MS + 1_000 * second, &data) + "\n"
    };
    let mut text = [
        say(1, "grid.node", &json!({"node": "a", "region": lacking})),
        say(1, "grid.node", &json!({"node": "b", "region": "B"})),
        say(1, "grid.line", &json!({"line": "l", "from": "a", "to": "b", "capacity_mw": 20, "loss": 0})),
        say(1, "dr.program", &json!({"program": "p", "region": lacking, "capacity_mw": 7})),
        say(
            1,
            "dr.bid",
            &json!({"bid": "x", "participant": "v", "program": "p", "price": price, "min_mw": 0, "max_mw": 4,
                "start": "2026-03-01T00:00:00Z", "end": "2026-03-01T04:00:00Z"}),
        ),
    ]
    .concat();
    for minute in 0..10 {
        let a = json!({"node": "a", "generation_mw": 50, "load_mw": 60 + 2 * minute});
        let b = json!({"node": "b", "generation_mw": 80, "load_mw": 45});
        text += &say(3 + 60 * minute, "grid.telemetry", &a);
        text += &say(3 + 60 * minute, "grid.telemetry", &b);
    }
    text
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// What a page may not do: load anything, or run anything.
fn needs_nothing(page: &str) {
    let page = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for reach in ["http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link", "<img"]
    {
        assert!(!page.contains(reach), "a page reaches out with {reach}");
    }
}

/// Elements are closed in the order in which they were opened.
fn is_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    for piece in page.split('<').skip(1) {
        let tag = piece.split('>').next().unwrap();
        let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap();
        if name.starts_with('!') || name == "meta" || tag.ends_with('/') {
            continue;
        }
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closes what is open");
        } else {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn report_turns_logs_into_a_table_a_plot_and_a_page() {
    let folder = Folder::new();
    folder.write("in.jsonl", stream("A", 20));
    for log in ["one.hlog", "other.hlog"] {
        folder.run(&["replay", "--input", "in.jsonl", "--latency-log", log]).well();
    }
    let told = text(folder.run(&["report", "one.hlog"]).well());
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    for name in ["latency, ms", "count", "p50", "p99", "p99.9", "max", "mean"] {
        assert!(lines[0].contains(name), "{told}");
    }
    assert!(lines[1].starts_with("one.hlog"), "{told}");
    let both = ["report", "one.hlog", "other.hlog", "--svg", "plot.svg", "--html", "page.html"];
    assert_eq!(text(folder.run(&both).well()).lines().count(), 3);
    let (plot, page) = (text(folder.read("plot.svg")), text(folder.read("page.html")));
    is_well_formed(&plot);
    assert!(plot.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""), "{plot}");
    is_well_formed(&page);
    needs_nothing(&page);
    for told in ["Latency by percentile", "prefers-color-scheme:dark", "one.hlog", "other.hlog"] {
        assert!(plot.contains(told) && page.contains(told), "no «{told}»");
    }
    assert!(page.contains(" %)</td>"), "the second is held against the first: {page}");
}

#[test]
fn report_tells_what_is_no_log() {
    let folder = Folder::new();
    folder.write("in.jsonl", stream("A", 20));
    folder.write("empty.hlog", "");
    folder.write("broken.hlog", "0.0,1.0,0.1,not base64\n");
    folder.run(&["report", "missing.hlog"]).complains(1, &["missing.hlog"]);
    folder.run(&["report", "empty.hlog"]).complains(1, &["empty.hlog", "holds no interval"]);
    folder.run(&["report", "broken.hlog"]).complains(1, &["broken.hlog", "interval 1", ".hlog"]);
    folder.run(&["report", "in.jsonl"]).complains(1, &["in.jsonl"]);
    folder.run(&["report"]).complains(2, &["<FILE>"]);
}

#[test]
fn run_leaves_a_page_that_shows_the_day() {
    let folder = Folder::new();
    folder.run(&["run", "--dir", "day"]).well();
    let page = text(folder.read("day/report.html"));
    is_well_formed(&page);
    needs_nothing(&page);
    for told in [
        "Regions at a glance",
        "Region 1",
        "Region 2",
        "Region 3",
        "Demand response by region",
        "Transfers between regions",
        "Shortfall by region",
        "Unmet by region",
        "Islands",
        "Latency by percentile",
        "What it came to",
    ] {
        assert!(page.contains(told), "no «{told}»");
    }
    // Each plot is told to those who do not see it, under a name of its own.
    let plots = page.matches("<svg ").count();
    for number in 1..=plots {
        assert_eq!(page.matches(&format!("<desc id=\"d{number}\">")).count(), 1, "plot {number}");
    }
    assert!(plots >= 9, "{plots} plots");
}

#[test]
fn run_escapes_names_in_its_page() {
    let folder = Folder::new();
    folder.write("in.jsonl", stream("<script '&\"", 20));
    folder.write("run.toml", CONFIG);
    folder.run(&["run", "run.toml"]).well();
    let page = text(folder.read("report.html"));
    needs_nothing(&page);
    is_well_formed(&page);
    assert!(page.contains("Region &lt;script &#39;&amp;&quot;"));
}

#[test]
fn run_in_which_no_tick_closes_leaves_a_page_all_the_same() {
    let folder = Folder::new();
    folder.write("in.jsonl", "no record\n");
    folder.write("run.toml", CONFIG);
    folder.run(&["run", "run.toml"]).well();
    let page = text(folder.read("report.html"));
    is_well_formed(&page);
    assert!(page.contains("No tick closed."), "{page}");
}

#[test]
fn run_shows_what_was_lacking_and_what_was_done() {
    for workers in ["1", "2"] {
        let folder = Folder::new();
        folder.write("in.jsonl", stream("A", 20));
        folder.write("run.toml", CONFIG);
        folder.run(&["run", "run.toml", "--workers", workers]).well();
        let page = text(folder.read("report.html"));
        // 28 MW lack at the end: 4 from the bid, 20 over the line, 4 are left.
        let row = page.lines().find(|line| line.contains("<th scope=\"row\">A</th>")).unwrap();
        let cells: Vec<&str> =
            row.split("<td>").skip(1).map(|cell| cell.split('<').next().unwrap()).collect();
        let at = "00:09:04";
        assert_eq!(cells, ["78", at, "28", at, "4", "20", "4", at], "{row}");
        assert!(page.contains(">region A: from 4 to 4 MW</desc>"), "the bid is called at once");
        assert!(page.contains("B → A: from 6 to 20 MW</desc>"), "transfers grow");
    }
}

/// Replays both streams, and compares what was decided.
fn compared(folder: &Folder, a: &str, b: &str, more: &[&str]) -> Value {
    for (name, stream) in [("a", a), ("b", b)] {
        folder.write(&format!("{name}-in.jsonl"), stream);
        let (input, output) = (format!("{name}-in.jsonl"), format!("{name}.jsonl"));
        let replay = ["replay", "--input", &input, "--output", &output];
        let more = if name == "b" { more } else { &[] };
        folder.run(&[&replay[..], more].concat()).well();
    }
    let compare = ["compare", "--orders", "a.jsonl", "--orders", "b.jsonl", "--json"];
    serde_json::from_slice(&folder.run(&compare).well()).unwrap()
}

#[test]
fn compare_finds_nothing_between_an_output_and_itself() {
    let folder = Folder::new();
    let stream = stream("A", 20);
    let same = compared(&folder, &stream, &stream, &["--workers", "2"]);
    assert_eq!((&same["parted_at"], &same["ticks"]), (&Value::Null, &json!([])));
    assert_eq!(same["a"], same["b"]);
    let told = folder.run(&["compare", "--orders", "a.jsonl", "--orders", "b.jsonl"]).well();
    let told = text(told);
    assert!(told.starts_with("A is a.jsonl, B is b.jsonl\n"), "{told}");
    assert!(told.ends_with("\nno tick differs\n") && !told.contains('*'), "{told}");
}

#[test]
fn compare_tells_what_orders_came_to_over_time() {
    let folder = Folder::new();
    let short = stream("A", 20);
    let found = compared(&folder, &short, &short, &[]);
    let of = |kind: &str| {
        let orders = found["a"]["orders"].as_array().unwrap();
        orders.iter().find(|row| row["kind"] == kind).unwrap().clone()
    };
    // 4 MW from 00:00:04 to 00:09:04; over the line 6, 8 … 20, 20 MW, a minute each.
    assert_eq!(of("demand_response")["mwh"], 0.6);
    let sent: u32 = [6, 8, 10, 12, 14, 16, 18, 20, 20].iter().sum();
    let transfer = of("transfer");
    assert!(
        (transfer["mwh"].as_f64().unwrap() - f64::from(sent) / 60.0).abs() < 1e-5,
        "{transfer}"
    );
    // At 20 a MWh, and what B's energy costs.
    let cost = 0.6 * 20.0 + f64::from(sent) / 60.0 * 50.0;
    assert!((found["a"]["cost"].as_f64().unwrap() - cost).abs() < 1e-5, "{found}");
    // 2 MW for the minute before the last reading, and then 4.
    assert_eq!(found["a"]["unmet_mw_max"], 4);
    assert!((found["a"]["unmet_mwh"].as_f64().unwrap() - 2.0 / 60.0).abs() < 1e-5);
}

#[test]
fn compare_tells_where_two_configurations_part() {
    let folder = Folder::new();
    let stream = stream("A", 20);
    // With a deadband of 5 MW plans stand longer.
    let found = compared(&folder, &stream, &stream, &["--set", "dispatch.deadband_mw=5"]);
    let plans = |side: &str| found[side]["plans"].as_u64().unwrap();
    assert!(plans("a") > plans("b"), "{found}");
    assert_eq!(found["parted_at"], "2026-03-01T00:01:04.000Z");
    let first = found["ticks"][0]["differences"].as_array().unwrap();
    let transfer = first.iter().find(|one| one["about"] == "area A: transfer B > A").unwrap();
    assert_eq!(transfer["a"], "8 MW sent, 8 delivered");
    assert_eq!(transfer["b"], Value::Null);
    let told = folder.run(&["compare", "--orders", "a.jsonl", "--orders", "b.jsonl"]).well();
    let told = text(told);
    for line in
        ["they part at 2026-03-01T00:01:04.000Z", "    A  8 MW sent, 8 delivered", "    B  nothing"]
    {
        assert!(told.contains(line), "no «{line}» in {told}");
    }
    let marked = told.lines().find(|line| line.starts_with("plans ")).unwrap();
    assert!(marked.ends_with('*'), "{marked}");
}

#[test]
fn compare_tells_a_dearer_bid() {
    let folder = Folder::new();
    let found = compared(&folder, &stream("A", 20), &stream("A", 30), &[]);
    let cost = |side: &str| found[side]["cost"].as_f64().unwrap();
    assert!((cost("b") - cost("a") - 6.0).abs() < 1e-6, "10 more for each of 0.6 MWh: {found}");
    assert_eq!(found["a"]["orders"], found["b"]["orders"]);
}

#[test]
fn compare_refuses_what_it_cannot_read() {
    let folder = Folder::new();
    folder.write("in.jsonl", stream("A", 20));
    folder.run(&["replay", "--input", "in.jsonl", "--output", "a.jsonl"]).well();
    let against = |other: &str| folder.run(&["compare", "--orders", "a.jsonl", "--orders", other]);
    against("missing.jsonl").complains(1, &["missing.jsonl"]);
    against("in.jsonl").complains(1, &["in.jsonl", "line 1", "source"]);
    let orders = text(folder.read("a.jsonl"));
    let torn = orders.replacen("\"sequence\":7", "\"sequence\":\"seven\"", 1);
    assert_ne!(torn, orders);
    folder.write("torn.jsonl", torn);
    against("torn.jsonl").complains(1, &["torn.jsonl", "sequence"]);
    folder.run(&["compare", "--orders", "a.jsonl"]).complains(2, &["--orders A --orders B"]);
    folder.run(&["compare", "--orders", "-", "--orders", "-"]).complains(2, &["standard input"]);
    let piped = ["compare", "--orders", "-", "--orders", "a.jsonl", "--json"];
    let same = folder.run_with(&piped, orders.as_bytes()).well();
    let same: Value = serde_json::from_slice(&same).unwrap();
    assert_eq!(same["parted_at"], Value::Null);
}
