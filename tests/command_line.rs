//! The command line: what a user types, what comes back, where it goes and with which exit code.
//!
//! | family | promise |
//! | --- | --- |
//! | `errors…` | one line that names what is wrong; exit code 2 for usage, 1 at run time |
//! | `replay…` | output, `-`, `--from`, `--until`, `--speed`, dead letters |
//! | `state…`, `verify…`, `import…` | what they print, and their exit codes |
//! | `run…` | the bundled day; a configuration; going on after a crash |
//! | `check…` | what a configuration would do, and each thing that is wrong with it |
//! | `completions…`, `man…` | made from the commands themselves |
//! | `a_reader…` | whoever leaves standard output ends the program quietly |

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "common/hostile.rs"]
mod hostile;
#[path = "common/playing.rs"]
mod playing;
#[path = "common/program.rs"]
mod program;
#[path = "common/random.rs"]
mod random;
#[path = "common/record.rs"]
mod record;
#[path = "common/streams.rs"]
mod streams;
#[path = "common/world.rs"]
mod world;

use hostile::record;
use playing::{assert_same, lines};
use program::Folder;
use serde_json::Value;
use std::time::{Duration, Instant};
use world::START_MS;

/// A folder with a small stream in it: region A lacks 10 MW, which B sends and bid `x` gives.
fn folder() -> Folder {
    let mut number = 0;
    let mut say = |second: i64, type_name: &str, data: &str| {
        number += 1;
        record(&number.to_string(), type_name, START_MS + 1_000 * second, data) + "\n"
    };
    let window = r#""start":"2026-03-01T00:00:00Z","end":"2026-03-01T04:00:00Z""#;
    let whose = r#""bid":"x","participant":"v","program":"p""#;
    let bid = format!(r#"{{{whose},"price":20,"min_mw":0,"max_mw":4,{window}}}"#);
    let mut text = [
        say(1, "grid.node", r#"{"node":"a","region":"A"}"#),
        say(1, "grid.node", r#"{"node":"b","region":"B"}"#),
        say(1, "grid.line", r#"{"line":"l","from":"a","to":"b","capacity_mw":20,"loss":0.02}"#),
        say(1, "dr.program", r#"{"program":"p","region":"A","capacity_mw":7}"#),
        say(1, "dr.bid", &bid),
        say(2, "grid.telemetry", r#"{"node":"b","generation_mw":80,"load_mw":45}"#),
    ]
    .concat();
    for tick in 0..10 {
        let load = 60 + 2 * tick;
        let data = format!(r#"{{"node":"a","generation_mw":50,"load_mw":{load}}}"#);
        text += &say(3 + 4 * tick, "grid.telemetry", &data);
    }
    text += "no record\n";
    let folder = Folder::new();
    folder.write("in.jsonl", text);
    folder
}

/// The whole replay of that stream.
fn whole(folder: &Folder) -> Vec<u8> {
    folder.run(&["replay", "--input", "in.jsonl", "--output", "whole.jsonl"]).well();
    folder.read("whole.jsonl")
}

fn parsed(text: &[u8]) -> Vec<Value> {
    lines(text).map(|line| serde_json::from_slice(line).unwrap()).collect()
}

#[test]
fn errors_of_usage_exit_with_2_and_name_the_field() {
    let folder = folder();
    folder.write("typo.toml", "[engine]\ntick = \"4s\"\nlatenes = \"2s\"\n");
    folder.write("value.toml", "[engine]\ntick = \"four\"\n");
    folder.write("empty.toml", "");
    let replay = ["replay", "--input", "in.jsonl", "--output", "out.jsonl"];
    let with = |more: &[&str]| folder.run(&[&replay[..], more].concat());
    with(&["--config", "typo.toml"])
        .complains(2, &["typo.toml", "line 3", "`latenes`", "did you mean `lateness`?"]);
    with(&["--config", "value.toml"]).complains(2, &["value.toml", "line 2", "`four`"]);
    with(&["--config", "missing.toml"]).complains(2, &["missing.toml"]);
    with(&["--set", "engine.tick=0s"]).complains(2, &["engine.tick"]);
    with(&["--set", "engine.latenes=1s"]).complains(2, &["did you mean `lateness`?"]);
    with(&["--set", "dispatch.flexibility_weight=1"])
        .complains(2, &["dispatch.flexibility_weight"]);
    with(&["--workers", "0"]).complains(2, &["--workers 0"]);
    folder.run(&["run", "empty.toml"]).complains(2, &["[[source]]"]);
    assert!(!folder.holds("out.jsonl"), "nothing is written before the settings are sound");
}

#[test]
fn errors_of_arguments_exit_with_2() {
    let folder = folder();
    let replay = ["replay", "--input", "in.jsonl", "--output", "out.jsonl"];
    let wrong: [&[&str]; 7] = [
        &[],
        &["no-such-command"],
        &["replay"],
        &["replay", "--no-such-option"],
        &[&replay[..], &["--from", "yesterday"]].concat(),
        &[&replay[..], &["--speed", "-1x"]].concat(),
        &[&replay[..], &["--speed", "fast"]].concat(),
    ];
    for arguments in wrong {
        let ran = folder.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(!ran.stderr.is_empty() && ran.stdout.is_empty(), "{arguments:?}: {ran:?}");
    }
    assert!(!folder.holds("out.jsonl"));
}

#[test]
fn errors_at_run_time_exit_with_1_and_name_the_file() {
    let folder = folder();
    let replay =
        |input: &str, output: &str| folder.run(&["replay", "--input", input, "--output", output]);
    replay("missing.jsonl", "out.jsonl").complains(1, &["missing.jsonl"]);
    replay("no*match.jsonl", "out.jsonl").complains(1, &["no*match.jsonl"]);
    replay(".", "out.jsonl").complains(1, &["folder"]);
    replay("in.jsonl", "/proc/no/such/folder").complains(1, &["/proc/no"]);
    let broken = zstd::encode_all(&folder.read("in.jsonl")[..], 1).unwrap();
    folder.write("broken.jsonl.zst", &broken[..broken.len() / 2]);
    replay("broken.jsonl.zst", "out.jsonl").complains(1, &["broken.jsonl.zst", "damaged"]);
    folder
        .run(&["verify", "--input", "in.jsonl", "--orders", "missing"])
        .complains(1, &["missing"]);
    folder
        .run(&["import", "matpower", "missing.m", "-o", "out.jsonl"])
        .complains(1, &["missing.m"]);
    if std::path::Path::new("/dev/full").exists() {
        replay("in.jsonl", "/dev/full").complains(1, &["/dev/full"]);
    }
}

#[test]
fn an_output_that_is_the_input_is_refused() {
    let folder = folder();
    let before = folder.read("in.jsonl");
    std::os::unix::fs::symlink("in.jsonl", folder.path().join("link.jsonl")).unwrap();
    for output in ["in.jsonl", "./in.jsonl", "link.jsonl"] {
        folder
            .run(&["replay", "--input", "in.jsonl", "--output", output])
            .complains(2, &["in.jsonl", "write elsewhere"]);
        folder
            .run(&["replay", "--input", "in.jsonl", "--dead-letters", output])
            .complains(2, &["in.jsonl", "write elsewhere"]);
        folder
            .run(&["replay", "--input", "*.jsonl", "--output", output])
            .complains(2, &["in.jsonl", "write elsewhere"]);
        assert_eq!(folder.read("in.jsonl"), before, "the input is as it was");
    }
    let source = "[[source]]\nkind = \"file\"\npaths = [\"*.jsonl\"]\n";
    folder.write("sink.toml", format!("{source}[[sink]]\nkind = \"file\"\npath = \"in.jsonl\"\n"));
    folder.write("letters.toml", format!("{source}[dead_letters]\npath = \"in.jsonl\"\n"));
    for config in ["sink.toml", "letters.toml"] {
        folder.run(&["run", config]).complains(2, &["in.jsonl", "write elsewhere"]);
        assert_eq!(folder.read("in.jsonl"), before, "the input is as it was");
    }
}

#[test]
fn replay_to_standard_output_writes_records_and_nothing_else() {
    let folder = folder();
    let whole = whole(&folder);
    assert!(!whole.is_empty());
    let arguments = ["replay", "--input", "in.jsonl", "--output", "-"];
    assert_same("standard output", &whole, &folder.run(&arguments).well());
    let piped = ["replay", "--input", "-", "--output", "-"];
    let found = folder.run_with(&piped, &folder.read("in.jsonl")).well();
    assert_same("standard input and output", &whole, &found);
}

#[test]
fn replay_writes_dead_letters_beside_its_output_or_where_it_is_told() {
    let folder = folder();
    folder.run(&["replay", "--input", "in.jsonl", "--output", "out.jsonl"]).well();
    let beside = folder.read("out.dead-letters.jsonl");
    assert_eq!(parsed(&beside).len(), 1);
    folder.run(&["replay", "--input", "in.jsonl", "--dead-letters", "dead"]).well();
    assert_eq!(folder.read("dead"), beside);
}

#[test]
fn replay_tells_what_it_came_to() {
    let folder = folder();
    let arguments = ["replay", "--input", "in.jsonl", "--latency-log", "latency.hlog"];
    let summary = String::from_utf8(folder.run(&arguments).well()).unwrap();
    for told in ["17 records", "10 ticks closed", "demand response", "transfer", "p99.9"] {
        assert!(summary.contains(told), "no «{told}» in {summary}");
    }
    assert!(folder.read("latency.hlog").starts_with(b"#"));
}

/// The records of the ticks that end after one instant and not after another.
fn ticks_between(text: &[u8], from: &str, until: &str) -> Vec<u8> {
    let kept = lines(text).filter(|line| {
        let record: Value = serde_json::from_slice(line).unwrap();
        let time = record["time"].as_str().unwrap();
        // Of one length and in UTC: ordered as text.
        time > from && time <= until
    });
    kept.flat_map(|line| [line, b"\n"].concat()).collect()
}

#[test]
fn replay_from_and_until_number_as_the_whole_replay_does() {
    let folder = folder();
    let whole = whole(&folder);
    let (from, until) = ("2026-03-01T00:00:12.000Z", "2026-03-01T00:00:28.000Z");
    let (first, last) = ("2026-03-01T00:00:00.000Z", "2026-03-01T00:01:00.000Z");
    let between = |from, until| {
        let expected = ticks_between(&whole, from, until);
        assert!(!expected.is_empty() && expected.len() < whole.len());
        expected
    };
    let run = |more: &[&str]| {
        let replay = ["replay", "--input", "in.jsonl", "--output", "-"];
        folder.run(&[&replay[..], more].concat()).well()
    };
    assert_same("--from", &between(from, last), &run(&["--from", from]));
    assert_same("--until", &between(first, until), &run(&["--until", until]));
    let found = run(&["--from", from, "--until", until]);
    assert_same("--from --until", &between(from, until), &found);
    // Within a tick: it ends after the one, and so is written; after the other, and so is open.
    let found = run(&["--from", "2026-03-01T00:00:11.999Z"]);
    assert_same("--from", &between("2026-03-01T00:00:08.000Z", last), &found);
    let found = run(&["--until", "2026-03-01T00:00:27.999Z"]);
    assert_same("--until", &between(first, "2026-03-01T00:00:24.000Z"), &found);
    assert!(run(&["--until", "2026-02-01T00:00:00Z"]).is_empty());
    assert!(run(&["--from", "2027-01-01T00:00:00Z"]).is_empty());
}

#[test]
fn replay_at_a_speed_takes_that_long_and_decides_the_same() {
    let folder = folder();
    let whole = whole(&folder);
    let begun = Instant::now();
    let arguments = ["replay", "--input", "in.jsonl", "--output", "-", "--speed", "60x"];
    assert_same("60x", &whole, &folder.run(&arguments).well());
    // 38 s of event time.
    assert!(begun.elapsed() >= Duration::from_millis(633), "{:?}", begun.elapsed());
}

#[test]
fn state_shows_a_time_as_json_and_for_people() {
    let folder = folder();
    let at = "2026-03-01T00:00:13Z";
    let json = folder.run(&["state", "--input", "in.jsonl", "--at", at, "--json"]).well();
    let state: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(state["time"], "2026-03-01T00:00:13.000Z");
    assert_eq!(state["tick"], "2026-03-01T00:00:12.000Z");
    assert_eq!(state["areas"][0]["area"], "A");
    assert_eq!(state["areas"][0]["shortfall_mw"], 14);
    assert_eq!(state["bids"][0]["status"], "accepted");
    assert_eq!(state["counters"]["read"], 17);
    assert_eq!(state["counters"]["dead_letters"]["not_json"], 1);
    let text = folder.run(&["state", "--input", "in.jsonl", "--at", at]).well();
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("state at 2026-03-01T00:00:13.000Z"), "{text}");
    for told in ["demand_response", "transfer", "17 records read", "1 dead letters"] {
        assert!(text.contains(told), "no «{told}» in {text}");
    }
    let ends = |kind: &str| {
        let line = text.lines().find(|line| line.contains(kind)).unwrap();
        line.split_whitespace().skip(4).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ends(" demand_response "), "issued x", "each order with its bid, {text}");
    assert_eq!(ends(" transfer "), "issued B > A", "or its path, {text}");
}

#[test]
fn state_before_the_first_tick_is_empty() {
    let folder = folder();
    let before = ["state", "--input", "in.jsonl", "--at", "2026-03-01T00:00:03Z", "--json"];
    let state: Value = serde_json::from_slice(&folder.run(&before).well()).unwrap();
    assert_eq!(state["tick"], Value::Null);
    for list in ["areas", "islands", "bids", "orders", "plans", "unresolved"] {
        assert_eq!(state[list], Value::Array(Vec::new()), "{list}");
    }
    assert_eq!((&state["counters"]["read"], &state["counters"]["open"]), (&17.into(), &16.into()));
}

#[test]
fn verify_exits_with_0_where_all_is_well_and_1_where_not() {
    let folder = folder();
    let whole = whole(&folder);
    let verify = ["verify", "--input", "in.jsonl", "--orders", "whole.jsonl"];
    assert_eq!(folder.run(&verify).well(), b"no breach\n");
    let piped = ["verify", "--input", "in.jsonl", "--orders", "-"];
    assert_eq!(folder.run_with(&piped, &whole).well(), b"no breach\n");
    let text = String::from_utf8(whole).unwrap();
    folder.write("whole.jsonl", text.replacen(r#""price":20"#, r#""price":19"#, 1));
    let ran = folder.run(&verify);
    assert_eq!(ran.code, Some(1));
    let breaches = String::from_utf8(ran.stdout).unwrap();
    assert!(breaches.contains("tick_closed digests its records"), "{breaches}");
    // Other settings are other rules.
    folder.write("whole.jsonl", &text);
    let other = [&verify[..], &["--set", "dispatch.reliability=0.5"]].concat();
    assert_eq!(folder.run(&other).code, Some(1));
}

#[test]
fn import_leads_to_replay() {
    let folder = Folder::new();
    folder.write(
        "two.m",
        "function mpc = two\nmpc.version = '2';\nmpc.baseMVA = 100;\n\
         mpc.bus = [\n1 3 50 0 0 0 1 1 0 138 1 1.1 0.9;\n2 1 70 0 0 0 2 1 0 138 1 1.1 0.9;\n];\n\
         mpc.gen = [\n1 90 0 0 0 1 100 1 150 0;\n2 20 0 0 0 1 100 1 20 0;\n];\n\
         mpc.branch = [\n1 2 0 0.1 0 30 0 0 0 0 1 -360 360;\n];\n",
    );
    let said = folder.run(&["import", "matpower", "two.m", "-o", "two.jsonl.zst"]).well();
    assert_eq!(String::from_utf8(said).unwrap(), "5 records written to two.jsonl.zst\n");
    let piped = folder.run(&["import", "matpower", "two.m", "-o", "-"]).well();
    let file = zstd::decode_all(&folder.read("two.jsonl.zst")[..]).unwrap();
    assert_same("import to standard output", &file, &piped);
    let orders = folder.run(&["replay", "--input", "two.jsonl.zst", "--output", "-"]).well();
    let transfer = parsed(&orders)
        .into_iter()
        .find(|record| record["type"] == "dispatch.transfer_ordered")
        .expect("bus 1 helps bus 2");
    // Bus 2 lacks 50 MW, the line carries 30.
    assert_eq!(transfer["data"]["delivered_mw"], 30);
    folder
        .run(&["import", "matpower", "two.m", "-o", "x", "--from", "2026-01-01T00:00:00Z"])
        .complains(2, &["--at"]);
}

#[test]
fn run_without_a_configuration_plays_the_bundled_day() {
    let folder = Folder::new();
    let said = folder.run(&["run", "--dir", "day"]).well();
    assert!(String::from_utf8(said).unwrap().contains("written to day: orders.jsonl"));
    let left = ["orders.jsonl", "dead-letters.jsonl", "latency.hlog", "report.html"];
    for name in left.into_iter().chain(["gridweaver.toml"]) {
        assert!(folder.holds(&format!("day/{name}")), "{name}");
    }
    let orders = folder.read("day/orders.jsonl");
    assert!(lines(&orders).count() > 1_000);
    let [input, config] = ["day/rts-gmlc-day.jsonl.zst", "day/gridweaver.toml"];
    let replay = ["replay", "--input", input, "--config", config, "--output", "-"];
    assert_same("replay of the day", &orders, &folder.run(&replay).well());
    // Once more, from the configuration that it left: nothing is written that is there already.
    folder.run(&["run", "day/gridweaver.toml"]).well();
    assert_same("run again", &orders, &folder.read("day/orders.jsonl"));
}

#[test]
fn run_goes_on_where_its_output_was_cut_off() {
    let folder = folder();
    folder.write(
        "run.toml",
        "[[source]]\nkind = \"file\"\npaths = [\"in.jsonl\"]\n\
         [[sink]]\nkind = \"file\"\npath = \"orders.jsonl\"\n\
         [[sink]]\nkind = \"file\"\npath = \"bids.jsonl\"\ntypes = [\"dr.*\"]\n",
    );
    folder.run(&["run", "run.toml"]).well();
    let (orders, bids) = (folder.read("orders.jsonl"), folder.read("bids.jsonl"));
    assert!(orders.len() > bids.len() && !bids.is_empty());
    assert_same("the first sink", &whole(&folder), &orders);
    for cut in [0, 1, orders.len() / 3, orders.len() / 2, orders.len() - 1, orders.len()] {
        folder.write("orders.jsonl", &orders[..cut]);
        folder.write("bids.jsonl", &bids[..cut.min(bids.len() / 2)]);
        folder.run(&["run", "run.toml", "--workers", "2"]).well();
        let what = format!("cut off after {cut} bytes");
        assert_same(&what, &orders, &folder.read("orders.jsonl"));
        assert_same(&what, &bids, &folder.read("bids.jsonl"));
    }
    // Pages that a loss of power left empty.
    folder.write("orders.jsonl", [&orders[..orders.len() / 2], &[0; 5_000][..]].concat());
    folder.run(&["run", "run.toml"]).well();
    assert_same("zeros at the end", &orders, &folder.read("orders.jsonl"));
}

#[test]
fn run_leaves_a_foreign_output_alone() {
    let folder = folder();
    folder.write(
        "run.toml",
        "[[source]]\nkind = \"file\"\npaths = [\"in.jsonl\"]\n\
         [[sink]]\nkind = \"file\"\npath = \"mine.jsonl\"\n",
    );
    folder.write("mine.jsonl", "my diary\n");
    folder.run(&["run", "run.toml"]).complains(1, &["mine.jsonl", "byte 0"]);
    assert_eq!(folder.read("mine.jsonl"), b"my diary\n");
}

#[test]
fn help_and_version_are_there_for_every_command() {
    let folder = Folder::new();
    let version = String::from_utf8(folder.run(&["--version"]).well()).unwrap();
    assert_eq!(version, format!("gridweaver {}\n", env!("CARGO_PKG_VERSION")));
    for command in COMMANDS {
        let help = String::from_utf8(folder.run(&[command, "--help"]).well()).unwrap();
        assert!(help.contains("Usage: gridweaver") && help.contains(command), "{help}");
    }
}

const COMMANDS: [&str; 10] = [
    "run",
    "replay",
    "state",
    "verify",
    "compare",
    "report",
    "import",
    "check",
    "completions",
    "man",
];

/// A configuration that is sound in a folder with a stream in it.
const SOUND: &str = "[engine]\ntick = \"4s\"\n\n[[source]]\nkind = \"file\"\npaths = [\"in*.jsonl\"]\n\n\
     [[sink]]\nkind = \"file\"\npath = \"out/orders.jsonl\"\ntypes = [\"dispatch.*\"]\n\n\
     [latency]\nlog = \"latency.hlog\"\n";

#[test]
fn check_says_what_a_configuration_would_do_and_leaves_no_trace() {
    let folder = folder();
    folder.write("c.toml", SOUND);
    // Nobody writes into it yet: that is no reason to wait.
    folder.pipe("in.pipe.jsonl");
    let told = String::from_utf8(folder.run(&["check", "c.toml"]).well()).unwrap();
    for line in [
        "2 file(s): in.jsonl, in.pipe.jsonl",
        "out/orders.jsonl",
        "latency.hlog",
        "report.html",
        "ticks of 4000 ms",
    ] {
        assert!(told.contains(line), "no «{line}» in {told}");
    }
    assert!(told.ends_with("sound\n"), "{told}");
    let mut left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    left.retain(|entry| entry.as_ref().unwrap().path().extension().unwrap() != "jsonl");
    assert_eq!(left.len(), 1, "the configuration alone: {left:?}");
    std::fs::remove_file(folder.path().join("in.pipe.jsonl")).unwrap();
    folder.run(&["run", "c.toml"]).well();
    assert!(folder.holds("out/orders.jsonl") && folder.holds("report.html"));
    folder.run(&["check", "c.toml"]).well();
}

#[test]
fn check_names_line_and_key_of_what_is_wrong() {
    let folder = folder();
    folder.write("file", "");
    let wrong = |from: &str, to: &str, named: &[&str]| {
        let text = SOUND.replacen(from, to, 1);
        assert_ne!(text, SOUND);
        folder.write("c.toml", text);
        folder.run(&["check", "c.toml"]).complains(2, &[&["c.toml: "][..], named].concat());
    };
    wrong("tick =", "tik =", &["line 2, engine.tik: ", "did you mean `tick`?"]);
    wrong("\"4s\"", "\"4\"", &["line 2, engine.tick: ", "`4` is no duration", "such as \"4s\""]);
    wrong("\"4s\"", "\"0s\"", &["line 2, engine.tick: ", "above 0"]);
    wrong("\"4s\"", "4s", &["line 2, engine.tick: "]);
    wrong("\"4s\"", "\"${NO_SUCH_VARIABLE_X}\"", &["line 2: ", "NO_SUCH_VARIABLE_X", "set it"]);
    wrong("[engine]", "[engin]", &["line 1, engin: ", "did you mean `engine`?"]);
    wrong(
        "kind = \"file\"",
        "kind = \"pulsar\"",
        &["line 5, source.kind: ", "`pulsar`", "there are: file"],
    );
    wrong("kind = \"file\"\n", "", &["line 4, source: ", "`kind` is missing"]);
    wrong("[\"in*.jsonl\"]", "\"in.jsonl\"", &["line 6, source.paths: ", "a list such as"]);
    wrong("tick = \"4s\"", "workers = -1", &["line 2, engine.workers: ", "not below 0"]);
    wrong("\n\n", "\ntick = \"1s\"\n", &["line 3, engine.tick: ", "twice"]);
    wrong("paths = ", "path = ", &["line 6, source.path: ", "did you mean `paths`?"]);
    wrong("in*.jsonl", "none*.jsonl", &["line 6, source 1, paths: ", "none*.jsonl"]);
    wrong("in*.jsonl", "none.jsonl", &["line 6, source 1, paths: ", "none.jsonl"]);
    wrong(
        "out/orders.jsonl",
        "in.jsonl",
        &["line 10, sink 1, path: ", "is the input", "elsewhere"],
    );
    wrong(
        "out/orders.jsonl",
        "file/orders.jsonl",
        &["line 10, sink 1, path: ", "cannot be written"],
    );
    wrong("out/orders.jsonl", "report.html", &["latency.log", "report.html", "sink 1, path"]);
    wrong("dispatch.*", "dispach.*", &["line 11, sink 1, types: ", "did you mean `dispatch."]);
    folder.write("c.toml", "");
    folder
        .run(&["check", "c.toml"])
        .complains(2, &["c.toml: source: there is none: add [[source]]"]);
    // All that is wrong is told at once.
    folder.write("c.toml", SOUND.replace("in*.jsonl", "none").replace("dispatch.*", "x"));
    folder.run(&["check", "c.toml"]).complains(2, &["line 6, source 1", "; also: line 11, sink 1"]);
    folder.run(&["check", "missing.toml"]).complains(2, &["missing.toml"]);
    folder.write("c.toml", SOUND);
    folder
        .run(&["check", "c.toml", "--set", "engine.tick=0s"])
        .complains(2, &["--set engine.tick=0s: engine.tick must be above 0"]);
    folder
        .run(&["check", "c.toml", "--set", "engine.workers=2", "--set", "engine.tik=1s"])
        .complains(2, &["--set engine.tik=1s: ", "did you mean `tick`?"]);
}

#[test]
fn run_refuses_two_outputs_that_are_one_file() {
    let folder = folder();
    folder.write("c.toml", SOUND.replace("out/orders.jsonl", "latency.hlog"));
    folder.run(&["run", "c.toml"]).complains(2, &["latency.log", "sink 1, path", "elsewhere"]);
    assert!(!folder.holds("latency.hlog"), "nothing is written before that is known");
}

#[test]
fn completions_know_every_command() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = String::from_utf8(folder.run(&["completions", shell]).well()).unwrap();
        for command in COMMANDS {
            assert!(script.contains(command), "{shell} does not complete {command}");
        }
        assert!(script.contains("dead-letters"), "{shell}");
    }
    folder.run(&["completions", "tcsh"]).complains(2, &["tcsh", "bash"]);
    // A shell takes it.
    folder.write("completions.bash", folder.run(&["completions", "bash"]).well());
    let script = "source completions.bash && complete -p gridweaver";
    let mut bash = std::process::Command::new("bash");
    let said = bash.args(["-c", script]).current_dir(folder.path()).output().unwrap();
    assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
}

#[test]
fn man_pages_are_there_for_every_command() {
    let folder = Folder::new();
    let page = String::from_utf8(folder.run(&["man"]).well()).unwrap();
    assert!(page.contains(".TH gridweaver 1") && page.contains(".SH SYNOPSIS"), "{page}");
    folder.run(&["man", "--dir", "man1"]).well();
    for command in COMMANDS {
        let one = String::from_utf8(folder.read(&format!("man1/gridweaver-{command}.1"))).unwrap();
        assert!(one.contains(".SH SYNOPSIS"), "{command}: {one}");
        let same = String::from_utf8(folder.run(&["man", command]).well()).unwrap();
        assert!(same.contains(".SH SYNOPSIS") && same.contains(command), "{same}");
    }
    folder.run(&["man", "no-such"]).complains(2, &["no-such", "--help"]);
}

#[test]
fn a_reader_that_leaves_standard_output_ends_the_program_quietly() {
    let folder = folder();
    folder.run(&["replay", "--input", "in.jsonl", "--output", "whole.jsonl"]).well();
    folder.run(&["replay", "--input", "in.jsonl", "--latency-log", "l.hlog"]).well();
    let commands: [&[&str]; 9] = [
        &["replay", "--input", "in.jsonl", "--output", "-"],
        &["replay", "--input", "in.jsonl"],
        &["state", "--input", "in.jsonl", "--at", "2026-03-01T00:00:13Z"],
        &["verify", "--input", "in.jsonl", "--orders", "whole.jsonl"],
        &["compare", "--orders", "whole.jsonl", "--orders", "whole.jsonl"],
        &["report", "l.hlog"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
    ];
    for arguments in commands {
        let mut child = folder.command(arguments).spawn().unwrap();
        // Nobody reads.
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
}
