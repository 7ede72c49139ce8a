//! Lines that only just are records, and what exactly they say.

use crate::{read, with_attributes, with_data};
use gridweaver_model::record::{Bid, Line, Telemetry};
use gridweaver_model::{Data, Record, Time, Watts};

fn taken(line: &str) -> Record {
    read(line.as_bytes()).unwrap_or_else(|refusal| panic!("{line}: {refusal}"))
}

fn telemetry(fields: &str) -> Telemetry {
    let data = format!(r#"{{"node":"n","load_mw":1,{fields}}}"#);
    match taken(&with_data("grid.telemetry", &data)).data {
        Data::Telemetry(telemetry) => telemetry,
        other => panic!("{other:?}"),
    }
}

#[test]
fn numbers_are_the_decimal_text_rounded_half_away_from_zero() {
    for (text, watts) in [
        ("8.1665", 8_166_500),
        ("1.0000005", 1_000_001),
        ("1.00000049999999999", 1_000_000),
        ("1.000000499999999999999999999", 1_000_000),
        ("0.0000005", 1),
        ("5e-7", 1),
        ("49e-8", 0),
        ("7.77e2", 777_000_000),
        ("0.00077E+6", 770_000_000),
        ("-0", 0),
        ("1000000", 1_000_000_000_000),
        ("999999.9999999", 1_000_000_000_000),
        ("123456789012345678e-15", 123_456_789),
        ("0.123456789012345678", 123_457),
        ("123.456789012345678901234", 123_456_789),
    ] {
        let generation = telemetry(&format!("\"generation_mw\":{text}")).generation;
        assert_eq!(generation, Watts(watts), "{text}");
    }
}

#[test]
fn names_may_be_escaped_and_unknown_ones_come_as_they_like() {
    let escaped = r#"{"n\u006fde":"n","l\u006Fad_mw":1,"generation_mw":2,"\ud83d\ude00":null}"#;
    let plain = r#"{"node":"n","load_mw":1,"generation_mw":2}"#;
    let record = taken(&with_data("grid.telemetry", plain));
    assert_eq!(taken(&with_data("grid.telemetry", escaped)), record);
    let unknown = r#"{"colour":1,"node":"n","colour":[{}],"load_mw":1,"price":"x","generation_mw":2,
        "price":2,"id":7,"data":{"node":"m"}}"#;
    assert_eq!(taken(&with_data("grid.telemetry", unknown)), record);
    let ignored = [("subject", "7"), ("datacontenttype", "[]"), ("node", "\"x\""), ("x", "{}")];
    let line = with_attributes(&ignored).replacen('{', "{\"subject\":\"twice\",\"x\":null,", 1);
    assert_eq!(taken(&line).envelope, record.envelope);
}

#[test]
fn text_counts_in_bytes_once_it_is_unescaped() {
    for id in ["x".repeat(128), "\u{e9}".repeat(64), "\\u00e9".repeat(64), "\\u0000".repeat(128)] {
        let record = taken(&with_attributes(&[("id", &format!("\"{id}\""))]));
        assert_eq!(record.envelope.version.id.len(), 128);
    }
}

#[test]
fn a_sequence_is_digits_as_number_or_text() {
    for (text, sequence) in [
        ("0", 0),
        ("null", 0),
        ("17", 17),
        ("\"17\"", 17),
        ("\"00017\"", 17),
        ("\"000000000000000000000000000000017\"", 17),
        ("\"\\u0031\"", 1),
        ("999999999999999999", 999_999_999_999_999_999),
        ("18446744073709551615", u64::MAX),
        ("\"18446744073709551615\"", u64::MAX),
    ] {
        let record = taken(&with_attributes(&[("sequence", text)]));
        assert_eq!(record.envelope.version.sequence, sequence, "{text}");
    }
}

#[test]
fn every_form_of_a_time() {
    let noon = taken(&with_attributes(&[])).time();
    for text in [
        "2026-03-01T12:00:00Z",
        "2026-03-01t12:00:00z",
        "2026-03-01T12:00:00.000Z",
        "2026-03-01T12:00:00.0009999999999999Z",
        "2026-03-01T13:00:00.0+01:00",
        "2026-03-01T12:00:00-00:00",
        "2026-03-01T12:00:00\\u005a",
    ] {
        assert_eq!(taken(&with_attributes(&[("time", &format!("\"{text}\""))])).time(), noon);
    }
    let first = taken(&with_attributes(&[("time", "\"1970-01-01T00:00:00Z\"")]));
    assert_eq!(first.time(), Time(0));
}

#[test]
fn a_correlation_is_its_own_text_or_none() {
    let correlation =
        |value: &str| taken(&with_attributes(&[("correlationid", value)])).envelope.correlation_id;
    assert_eq!(correlation("null"), None);
    assert_eq!(correlation("\"\\u0063\"").as_deref(), Some("c"));
    assert_eq!(correlation(&format!("\"{}\"", "c".repeat(500))).map(|text| text.len()), Some(500));
}

#[test]
fn a_watermark_needs_no_data() {
    for data in ["", "null", "{}", r#"{"node":7,"node":8,"x":[1]}"#] {
        assert_eq!(taken(&with_data("source.watermark", data)).data, Data::Watermark);
    }
}

#[test]
fn a_removal_may_be_the_key_alone() {
    for (type_name, data) in [
        ("grid.node", r#"{"node":"n","removed":true}"#),
        ("grid.line", r#"{"line":"l","removed":true,"to":null}"#),
        ("grid.interface_limit", r#"{"from_region":"r","to_region":"s","removed":true}"#),
        ("dr.program", r#"{"program":"p","removed":true,"max_price":5}"#),
    ] {
        taken(&with_data(type_name, data));
    }
    let line = r#"{"line":"l","from":"a","to":"a","capacity_mw":0,"removed":false}"#;
    let Data::Line(line) = taken(&with_data("grid.line", line)).data else { panic!("a line") };
    let kept = Line { capacity: Some(Watts(0)), removed: Some(false), ..*line.clone() };
    assert_eq!(*line, kept);
}

#[test]
fn a_bid_may_be_all_or_nothing() {
    let bid = |min: &str, max: &str| -> Bid {
        let data = format!(
            r#"{{"bid":"b","participant":"v","program":"p","price":-5.0005,"min_mw":{min},
            "max_mw":{max},"start":"2026-03-01T12:00:00Z","end":"2026-03-01T12:00:00.001Z"}}"#
        );
        match taken(&with_data("dr.bid", &data)).data {
            Data::Bid(bid) => *bid,
            other => panic!("{other:?}"),
        }
    };
    for (min, max) in [("5", "5.0"), ("50e-1", "5"), ("5.0000001", "5.00000010"), ("0", "1e-6")] {
        let bid = bid(min, max);
        assert_eq!(bid.price.0, -5_001);
        assert!(bid.min <= bid.max && bid.max > Watts(0));
    }
}

#[test]
fn space_around_a_record_is_no_matter() {
    let line = with_attributes(&[]);
    let record = taken(&line);
    assert_eq!(taken(&format!(" \t{line}\r\n")), record);
    let spaced = line.replace(',', " ,\n").replace("\":", "\"\t: ").replace('}', " }");
    assert_eq!(taken(&spaced), record);
}
