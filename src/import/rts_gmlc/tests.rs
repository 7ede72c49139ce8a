//! A system of two regions and half a day, small enough to be reckoned by hand.

use crate::import::{Format, ImportError, Request, records, write};
use gridweaver_model::record::Telemetry;
use gridweaver_model::{Data, Metres, Millis, Price, Record, Time, Watts, decode};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const BUSES: &str = "Bus ID,Bus Name,MW Load,Area,lat,lng
101,Abel,30,1,33.5,-113.25
102,Adams,70,1,33.5,-113.5
201,Bach,50,2,34,-114
";
const BRANCHES: &str = "UID,From Bus,To Bus,Cont Rating,Length
A1,101,102,175,10
AB1,102,201,500,0
";
const DIRECT_CURRENT: &str = "UID,From Bus,To Bus,MW Load\r\nDC1,101,201,100\r\n";
/// A cheap unit, a dear one, one that starts at once, and wind.
const GENERATORS: &str = "GEN UID,Bus ID,Unit Type,PMax MW,PMin MW,Min Up Time Hr,\
Ramp Rate MW/Min,Start Time Warm Hr,Fuel Price $/MMBTU,Output_pct_0,Output_pct_1,HR_avg_0,\
HR_incr_1,VOM
101_STEAM_1,101,STEAM,100,20,8,2,10,2,0.5,1,10000,12000,0.5
102_CT_1,102,CT,50,10,1,1,0.25,4,0.5,1,10000,NA,0
201_STEAM_1,201,STEAM,80,10,8,4,10,3,1,NA,10000,NA,0
201_SYNC_COND_1,201,SYNC_COND,0,0,0,0,0,0,NA,NA,NA,NA,0
102_WIND_1,102,WIND,40,0,0,40,0,0,NA,NA,NA,NA,0
";

/// Writes a series with these columns; `value` gives each of a row's fields.
fn series(folder: &Path, name: &str, columns: &[&str], value: impl Fn(usize, usize) -> i64) {
    for (horizon, rows, per_hour) in [("DAY_AHEAD", 24, 1), ("REAL_TIME", 288, 12)] {
        let columns_text: String = columns.iter().map(|column| format!(",{column}")).collect();
        let mut text = format!("Year,Month,Day,\"Period\"{columns_text}\n");
        for row in 0..rows {
            write!(text, "2020,7,26,{}", row + 1).unwrap();
            for column in 0..columns.len() {
                write!(text, ",{}", value(row / per_hour, column)).unwrap();
            }
            text.push('\n');
        }
        fs::write(folder.join(format!("timeseries/{horizon}_{name}.csv")), text).unwrap();
    }
}

fn data_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (name, text) in [
        ("bus.csv", BUSES),
        ("branch.csv", BRANCHES),
        ("dc_branch.csv", DIRECT_CURRENT),
        ("gen.csv", GENERATORS),
    ] {
        fs::write(path.join(name), text).unwrap();
    }
    fs::create_dir(path.join("timeseries")).unwrap();
    series(path, "regional_Load", &["1", "2"], |_, column| [90, 40][column]);
    series(path, "regional_Spin_Up_R1", &["Spin_Up_R1"], |_, _| 3);
    series(path, "regional_Spin_Up_R2", &["Spin_Up_R2"], |_, _| 2);
    series(path, "wind", &["102_WIND_1"], |hour, _| if hour == 9 { 80 } else { 20 });
    for nothing in ["pv", "rtpv", "hydro", "Natural_Inflow"] {
        series(path, nothing, &[], |_, _| 0);
    }
    folder
}

fn time(text: &str) -> Time {
    Time::parse(&format!("2020-07-26T{text}Z")).unwrap()
}

fn import(folder: &Path, from: &str, until: &str, script: &str) -> Vec<Record> {
    let mut request = Request::new(Format::RtsGmlc, folder);
    (request.from, request.until) = (Some(time(from)), Some(time(until)));
    if !script.is_empty() {
        let path = folder.join("script.toml");
        fs::write(&path, script).unwrap();
        request.outages = Some(path);
    }
    records(&request).unwrap().collect()
}

/// Generation, load and available power in MW of a bus at a time.
fn reading(records: &[Record], bus: &str, at: &str) -> [i64; 3] {
    let readings = records.iter().filter(|record| record.time() == time(at));
    let mut of_bus = readings.filter_map(|record| match &record.data {
        Data::Telemetry(telemetry) if telemetry.node == bus => Some(telemetry),
        _ => None,
    });
    let Telemetry { generation, load, available, .. } = of_bus.next_back().unwrap();
    [generation.0, load.0, available.unwrap().0].map(|watts| watts / 1_000_000)
}

fn prices(records: &[Record], region: &str) -> Vec<(Time, Price)> {
    let told = records.iter().filter_map(|record| match &record.data {
        Data::EnergyPrice(told) if told.region == region => Some((record.time(), told.price)),
        _ => None,
    });
    told.collect()
}

#[test]
fn the_system_is_told_first() {
    let folder = data_folder();
    let records = import(folder.path(), "06:00:00", "07:00:00", "");
    let first = &records[0].envelope.version;
    assert_eq!(first.id, "node/101/2020-07-26T06:00:00.000Z");
    assert_eq!(
        (first.source.as_str(), first.sequence, first.time),
        ("rts-gmlc", 1, time("06:00:00"))
    );
    let Data::Node(node) = &records[0].data else { panic!() };
    assert_eq!((node.region.as_deref(), node.name.as_deref()), (Some("1"), Some("Abel")));
    assert_eq!(node.longitude.unwrap().0, -113_250_000);
    let Data::Line(line) = &records[3].data else { panic!() };
    assert_eq!((line.capacity, line.length), (Some(Watts(175_000_000)), Some(Metres(16_093))));
    let Data::Line(direct) = &records[5].data else { panic!() };
    assert_eq!((direct.capacity, direct.length), (Some(Watts(100_000_000)), None));
    let Data::Program(program) = &records[6].data else { panic!() };
    assert_eq!(program.program, "1-economic");
    assert_eq!(program.capacity, Some(Watts(2_000_000)));
}

#[test]
fn load_is_shared_and_units_run_by_merit_and_ramp() {
    let folder = data_folder();
    let records = import(folder.path(), "06:00:00", "12:00:00", "");
    // Region 1: 90 MW of load, 20 of wind; the steam unit alone covers 70 + 6.
    assert_eq!(reading(&records, "101", "06:00:00"), [70, 27, 80]);
    assert_eq!(reading(&records, "102", "06:00:00"), [20, 63, 20]);
    assert_eq!(reading(&records, "201", "06:00:00"), [40, 40, 60]);
    // At 9 h there are 40 MW of wind: as much as the plant has, and down by 10 a step.
    assert_eq!(reading(&records, "101", "09:00:00"), [60, 27, 70]);
    assert_eq!(reading(&records, "102", "09:00:00"), [30, 63, 40]);
    assert_eq!(reading(&records, "101", "09:05:00"), [50, 27, 60]);
    assert_eq!(reading(&records, "102", "09:05:00"), [40, 63, 40]);
    // 2 $ × 12 000 BTU/kWh + 0.5 $; free while wind is curtailed; and from half output on less.
    assert_eq!(
        prices(&records, "1"),
        [
            (time("06:00:00"), Price(24_500)),
            (time("09:00:00"), Price(0)),
            (time("09:05:00"), Price(24_500)),
        ]
    );
    assert_eq!(prices(&records, "2"), [(time("06:00:00"), Price(30_000))]);
}

#[test]
fn an_outage_is_missing_at_once_and_made_up_for_later() {
    let folder = data_folder();
    let script = "
[[generator]]
generator = \"101_STEAM_1\"
from = 2020-07-26T07:01:00Z
until = 2020-07-26T08:00:00Z
";
    let records = import(folder.path(), "06:00:00", "10:00:00", script);
    assert_eq!(reading(&records, "101", "07:00:00"), [70, 27, 80]);
    assert_eq!(reading(&records, "101", "07:05:00"), [0, 27, 0]);
    assert_eq!(reading(&records, "102", "07:05:00"), [20, 63, 20]);
    // The other unit takes a quarter of an hour to start, and then ramps up by 5 a step.
    assert_eq!(reading(&records, "102", "07:20:00"), [20, 63, 20]);
    assert_eq!(reading(&records, "102", "07:25:00"), [35, 63, 40]);
    assert_eq!(reading(&records, "102", "07:30:00"), [40, 63, 45]);
    // The first one is back at its minimum.
    assert_eq!(reading(&records, "101", "08:00:00"), [30, 27, 40]);
    let calm = "[[generator]]\ngenerator = \"102_WIND_1\"\nfrom = 2020-07-26T07:00:00Z\n";
    let records = import(folder.path(), "06:00:00", "10:00:00", calm);
    assert_eq!(reading(&records, "102", "07:00:00"), [0, 63, 0]);
    assert_eq!(reading(&records, "101", "07:00:00"), [80, 27, 90]);
}

#[test]
fn bids_follow_the_cost_of_generation() {
    let folder = data_folder();
    let records = import(folder.path(), "00:00:00", "12:00:00", "");
    let bids: Vec<_> = records
        .iter()
        .filter_map(|record| match &record.data {
            Data::Bid(bid) => Some((record.time(), bid)),
            _ => None,
        })
        .collect();
    // Three customers, two programs; the windows of 0, 6 and 12 h.
    assert_eq!(bids.len(), 18);
    let (made, bid) = bids[0];
    assert_eq!((bid.bid.as_str(), made), ("Abel/economic/2020-07-26T00", time("00:00:00")));
    assert_eq!(bid.price, Price(20_500 * 15 / 10));
    assert_eq!((bid.min, bid.max), (Watts(180_000), Watts(900_000)));
    let (made, bid) = bids[9];
    assert_eq!((bid.bid.as_str(), made), ("Adams/emergency/2020-07-26T06", time("05:00:00")));
    assert_eq!((bid.start, bid.end), (time("06:00:00"), time("12:00:00")));
    // Three quarters up a curve of 50 MW at 20.5, 50 at 24.5 and 25 at 40.
    assert_eq!(bid.price, Price(24_500 * 4));
    assert_eq!(bid.min_run, Some(Millis(900_000)));
}

#[test]
fn a_script_is_laid_over_the_time() {
    let folder = data_folder();
    let script = "
[[line]]
line = \"AB1\"
from = 2020-07-26T06:03:00Z
until = 2020-07-26T06:07:30Z
[[silence]]
bus = \"201\"
from = 2020-07-26T06:05:00Z
until = 2020-07-26T06:10:00Z
[[shortfall]]
region = \"2\"
mw = 12.5
from = 2020-07-26T06:01:00Z
[[interface_limit]]
from_region = \"1\"
to_region = \"2\"
mw = 7
from = 2020-07-26T08:05:00+02:00
until = 2020-07-26T09:00:00Z
[[performance]]
participant = \"Bach\"
instructed_mw = 2
delivered_mw = 1.1
at = 2020-07-25T12:00:00Z
[[withdrawal]]
bid = \"Abel/economic/2020-07-26T06\"
at = 2020-07-26T06:10:00Z
";
    let records = import(folder.path(), "06:00:00", "06:15:00", script);
    let times: Vec<_> = records.iter().map(Record::time).collect();
    assert!(times.is_sorted());
    let count =
        |kind: &str| records.iter().filter(|record| record.data.type_name() == kind).count();
    assert_eq!(count("grid.telemetry"), 3 * 3 - 1);
    assert_eq!(count("grid.line_status"), 2);
    assert_eq!(count("grid.shortfall"), 1);
    assert_eq!(count("grid.interface_limit"), 1);
    assert_eq!(count("dr.bid_withdrawn"), 1);
    assert_eq!(records[0].data.type_name(), "dr.performance");
    let mut ids: Vec<_> = records.iter().map(|record| &record.envelope.version.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), records.len());
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let folder = data_folder();
    let path = folder.path();
    let mut request = Request::new(Format::RtsGmlc, path);
    let mut error = |script: &str| {
        fs::write(path.join("bad.toml"), script).unwrap();
        request.outages = Some(path.join("bad.toml"));
        let error = records(&request).err().unwrap().to_string();
        error.replace(path.to_str().unwrap(), "")
    };
    let at = "from = 2020-07-26T06:03:00Z\n";
    assert_eq!(
        error(&format!("\n[[line]]\nline = \"A9\"\n{at}")),
        "`/bad.toml` line 3: the system knows no `A9`"
    );
    assert_eq!(
        error("[[line]]\nline = \"A1\"\nfrom = 2020-07-26\n"),
        "`/bad.toml` line 3: `2020-07-26` is no instant: write it as `2020-07-26T14:00:00Z`"
    );
    assert!(error(&format!("[[line]]\nname = \"A1\"\n{at}")).contains("unknown field `name`"));
    assert!(
        error(&format!("[[shortfall]]\nregion = \"1\"\nmw = -1\n{at}")).contains("is not from 0")
    );
    fs::write(path.join("gen.csv"), GENERATORS.replace("CT,50,", "CT,5o,")).unwrap();
    assert_eq!(error(""), "`/gen.csv` line 3, column `PMax MW`: `5o` is no number");
    fs::remove_file(path.join("gen.csv")).unwrap();
    assert!(error("").contains("holds no file `gen.csv`"));
}

#[test]
fn a_time_beyond_the_data_and_a_request_of_both_kinds_are_refused() {
    let folder = data_folder();
    let mut request = Request::new(Format::RtsGmlc, folder.path());
    request.at = Some(time("06:02:00"));
    let readings = records(&request).unwrap();
    let readings = readings.filter(|record| record.data.type_name() == "grid.telemetry");
    assert_eq!(readings.count(), 3);
    request.at = Some(time("06:02:00") + Millis(86_400_000));
    let error = records(&request).err().unwrap().to_string();
    assert!(error.ends_with("holds nothing of the time asked for"), "{error}");
    request.from = Some(time("06:00:00"));
    assert!(matches!(records(&request), Err(ImportError::Unsuited { .. })));
}

#[test]
fn the_output_is_the_same_in_every_form() {
    let folder = data_folder();
    let all = || import(folder.path(), "06:00:00", "07:00:00", "").into_iter();
    let count = u64::try_from(all().len()).unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst"] {
        assert_eq!(write(all(), &path(name)).unwrap(), count);
    }
    let plain = fs::read_to_string(path("out.jsonl")).unwrap();
    let read: Vec<_> =
        plain.lines().map(|line| decode(line.as_bytes(), 1 << 20).unwrap()).collect();
    assert_eq!(read, all().collect::<Vec<_>>());
    for name in ["out.jsonl.gz", "out.jsonl.zst"] {
        assert_eq!(crate::import::text::read(&path(name)).unwrap(), plain);
    }
    assert_eq!(write(all(), &path("new/out.jsonl")).unwrap(), count);
    assert!(write(all(), &path("out.jsonl/below")).is_err());
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    names.retain(|entry| entry.as_ref().unwrap().path().to_string_lossy().contains("unfinished"));
    assert!(names.is_empty());
}
