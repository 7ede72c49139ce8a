//! Lines whose payload is wrong, for every field of every type: missing, null, twice, of the wrong
//! type, too long, out of range, contradictory. The detail must name the field.

use crate::hostile::refused;
use crate::{read, with_data};
use gridweaver_model::Reason::BadData;

#[test]
fn data_that_is_no_object() {
    for (type_name, _) in VALID {
        for data in ["5", "[]", "\"x\"", "true"] {
            refused(BadData, "data is not an object", with_data(type_name, data));
        }
        if *type_name != "source.watermark" {
            refused(BadData, "data is missing", with_data(type_name, ""));
            refused(BadData, "data is missing", with_data(type_name, "null"));
        }
    }
}

/// The required fields of every type, the first of them the key.
const VALID: &[(&str, &[(&str, &str)])] = &[
    ("grid.node", &[("node", "\"n\""), ("region", "\"r\"")]),
    ("grid.line", &[("line", "\"l\""), ("from", "\"a\""), ("to", "\"b\""), ("capacity_mw", "5")]),
    ("grid.line_status", &[("line", "\"l\""), ("in_service", "true")]),
    ("grid.telemetry", &[("node", "\"n\""), ("generation_mw", "1"), ("load_mw", "2")]),
    ("grid.reserve", &[("region", "\"r\""), ("reserve_mw", "1")]),
    ("grid.energy_price", &[("region", "\"r\""), ("price", "-1.5")]),
    (
        "grid.interface_limit",
        &[("from_region", "\"r\""), ("to_region", "\"s\""), ("limit_mw", "1")],
    ),
    ("grid.shortfall", &[("region", "\"r\""), ("shortfall_mw", "1")]),
    ("dr.program", &[("program", "\"p\""), ("region", "\"r\""), ("capacity_mw", "1")]),
    (
        "dr.bid",
        &[
            ("bid", "\"b\""),
            ("participant", "\"v\""),
            ("program", "\"p\""),
            ("price", "1"),
            ("min_mw", "1"),
            ("max_mw", "2"),
            ("start", "\"2026-03-01T12:00:00Z\""),
            ("end", "\"2026-03-01T13:00:00Z\""),
        ],
    ),
    ("dr.bid_withdrawn", &[("bid", "\"b\"")]),
    ("dr.performance", &[("participant", "\"v\""), ("instructed_mw", "2"), ("delivered_mw", "1")]),
    ("dispatch.response", &[("order", "\"o\""), ("status", "\"failed\"")]),
    ("source.watermark", &[]),
];

/// The fields of a type's payload as an object, one of them replaced or, with `""`, left out.
fn payload(fields: &[(&str, &str)], replaced: &str, value: &str) -> String {
    let mut members = vec![];
    for (name, usual) in fields {
        let value = if *name == replaced { value } else { usual };
        if !value.is_empty() {
            members.push(format!("\"{name}\":{value}"));
        }
    }
    if !fields.iter().any(|(name, _)| *name == replaced) && !value.is_empty() {
        members.push(format!("\"{replaced}\":{value}"));
    }
    format!("{{{}}}", members.join(","))
}

fn with_field(type_name: &str, name: &str, value: &str) -> String {
    let fields = VALID.iter().find(|(other, _)| *other == type_name).expect("a known type").1;
    with_data(type_name, &payload(fields, name, value))
}

#[test]
fn a_required_field_missing_twice_or_of_the_wrong_type() {
    for (type_name, fields) in VALID {
        assert!(read(with_data(type_name, &payload(fields, "", "")).as_bytes()).is_ok());
        for (name, usual) in *fields {
            let missing = format!("{name} is missing");
            refused(BadData, &missing, with_field(type_name, name, ""));
            refused(BadData, &missing, with_field(type_name, name, "null"));
            let twice = format!("{usual},\"{name}\":{usual}");
            refused(
                BadData,
                &format!("{name} is given twice"),
                with_field(type_name, name, &twice),
            );
            let wrong = if usual.starts_with('"') { "7" } else { "\"7\"" };
            for wrong in [wrong, "[]", "{}"] {
                refused(BadData, name, with_field(type_name, name, wrong));
            }
        }
    }
}

#[test]
fn an_optional_field_of_the_wrong_type_or_twice() {
    for (type_name, name, usual) in [
        ("grid.node", "name", "\"x\""),
        ("grid.node", "latitude", "1"),
        ("grid.node", "longitude", "1"),
        ("grid.node", "removed", "false"),
        ("grid.line", "length_km", "1"),
        ("grid.line", "loss", "0.1"),
        ("grid.line", "wheeling_price", "1"),
        ("grid.line", "in_service", "true"),
        ("grid.line", "removed", "true"),
        ("grid.telemetry", "available_mw", "1"),
        ("grid.telemetry", "quality", "\"good\""),
        ("grid.interface_limit", "removed", "false"),
        ("dr.program", "max_price", "1"),
        ("dr.program", "removed", "false"),
        ("dr.bid", "node", "\"n\""),
        ("dr.bid", "notice_s", "1"),
        ("dr.bid", "min_run_s", "1"),
        ("dr.bid", "reliability", "1"),
        ("dispatch.response", "mw", "1"),
    ] {
        for usual in [usual, "null"] {
            assert!(read(with_field(type_name, name, usual).as_bytes()).is_ok(), "{name}");
        }
        let wrong = if usual.starts_with('"') { "7" } else { "\"7\"" };
        for wrong in [wrong, "[]", "{}", "\"\""] {
            refused(BadData, name, with_field(type_name, name, wrong));
        }
        let twice = format!("{usual},\"{name}\":null");
        refused(BadData, &format!("{name} is given twice"), with_field(type_name, name, &twice));
    }
}

#[test]
fn a_text_empty_too_long_or_of_a_wrong_sign() {
    let long = format!("\"{}\"", "x".repeat(129));
    for (type_name, fields) in VALID {
        for (name, usual) in fields.iter().filter(|(_, usual)| usual.starts_with('"')) {
            refused(BadData, name, with_field(type_name, name, "\"\""));
            refused(BadData, name, with_field(type_name, name, &long));
            if name.ends_with("region") {
                for sign in ["@", ">", "\\u0040", "\\u003e"] {
                    let value = usual.replacen('"', &format!("\"{sign}"), 1);
                    refused(BadData, "@ or >", with_field(type_name, name, &value));
                }
            }
        }
    }
    refused(BadData, "quality", with_field("grid.telemetry", "quality", "\"fine\""));
    refused(BadData, "quality", with_field("grid.telemetry", "quality", "\"Good\""));
    refused(BadData, "status", with_field("dispatch.response", "status", "\"maybe\""));
    for name in ["start", "end"] {
        refused(BadData, name, with_field("dr.bid", name, "\"soon\""));
    }
}

#[test]
fn a_number_out_of_range() {
    for (type_name, name, greatest, signed) in [
        ("grid.telemetry", "generation_mw", "1000000", false),
        ("grid.telemetry", "load_mw", "1000000", false),
        ("grid.telemetry", "available_mw", "1000000", false),
        ("grid.line", "capacity_mw", "1000000", false),
        ("grid.line", "length_km", "100000", false),
        ("grid.line", "loss", "0.5", false),
        ("grid.line", "wheeling_price", "1000000", false),
        ("grid.reserve", "reserve_mw", "1000000", false),
        ("grid.energy_price", "price", "1000000", true),
        ("grid.interface_limit", "limit_mw", "1000000", false),
        ("grid.shortfall", "shortfall_mw", "1000000", false),
        ("grid.node", "latitude", "90", true),
        ("grid.node", "longitude", "180", true),
        ("dr.program", "capacity_mw", "1000000", false),
        ("dr.program", "max_price", "1000000", true),
        ("dr.bid", "price", "1000000", true),
        ("dr.bid", "max_mw", "1000000", false),
        ("dr.bid", "notice_s", "1000000000", false),
        ("dr.bid", "min_run_s", "1000000000", false),
        ("dr.bid", "reliability", "1", false),
        ("dr.performance", "instructed_mw", "1000000", false),
        ("dr.performance", "delivered_mw", "1000000", false),
        ("dispatch.response", "mw", "1000000", false),
    ] {
        let point = if greatest.contains('.') { "" } else { "." };
        let fits = |value: &str| read(with_field(type_name, name, value).as_bytes()).is_ok();
        assert!(
            fits(greatest) && fits(&format!("{greatest}{point}000000000000000000000")),
            "{name}"
        );
        assert_eq!(fits(&format!("-{greatest}")), signed, "{name}");
        if !["max_mw", "instructed_mw"].contains(&name) {
            assert!(fits("0") && fits("-0") && fits("-0.0") && fits("0e99") && fits("1e-400"));
        }
        let above = [
            format!("{greatest}{point}0000001"),
            format!("{greatest}{point}000000000000000000000000000001"),
            "1000000001".to_owned(),
            "1e400".to_owned(),
            "1e99999999999999999999".to_owned(),
            "9".repeat(400),
        ];
        for value in &above {
            refused(BadData, name, with_field(type_name, name, value));
            refused(BadData, name, with_field(type_name, name, &format!("-{value}")));
        }
        if !signed {
            for value in ["-1", "-0.5", "-0.0000000000001", "-1e-400"] {
                refused(BadData, name, with_field(type_name, name, value));
            }
        }
    }
}

#[test]
fn fields_that_contradict_each_other() {
    for (min, max) in [("6", "5"), ("0", "0"), ("0", "0.0000004"), ("0", "1e-400"), ("0", "-0")] {
        let line = with_field("dr.bid", "min_mw", min);
        refused(BadData, "max_mw", line.replace("\"max_mw\":2", &format!("\"max_mw\":{max}")));
    }
    // Both round to 5 MW; the decimal text decides.
    for (min, max) in [("5.0000001", "5"), ("5.00000040", "5.0000003"), ("500001e-5", "5.00000999")]
    {
        let line = with_field("dr.bid", "min_mw", min);
        refused(
            BadData,
            "below min_mw",
            line.replace("\"max_mw\":2", &format!("\"max_mw\":{max}")),
        );
    }
    for end in ["2026-03-01T12:00:00Z", "2026-03-01T12:59:59+01:00", "2026-03-01T12:00:00.0009Z"] {
        refused(BadData, "end is not after", with_field("dr.bid", "end", &format!("\"{end}\"")));
    }
    for value in ["0", "0.0", "-0", "0.00000049", "1e-7"] {
        refused(BadData, "instructed_mw", with_field("dr.performance", "instructed_mw", value));
    }
}

#[test]
fn what_a_removal_still_needs() {
    for (type_name, data, named) in [
        ("grid.node", r#"{"removed":true}"#, "node is missing"),
        ("grid.line", r#"{"removed":true,"from":"a"}"#, "line is missing"),
        ("grid.interface_limit", r#"{"from_region":"r","removed":true}"#, "to_region is missing"),
        ("dr.program", r#"{"region":"r","removed":true}"#, "program is missing"),
        ("grid.node", r#"{"node":"n","removed":true,"region":"a@b"}"#, "region"),
        ("grid.node", r#"{"node":"n","removed":true,"latitude":91}"#, "latitude"),
        ("grid.line", r#"{"line":"l","removed":true,"capacity_mw":-1}"#, "capacity_mw"),
        ("grid.line", r#"{"line":"l","removed":true,"from":7}"#, "from"),
        ("grid.line", r#"{"line":"l","removed":1}"#, "removed"),
        ("grid.line", r#"{"line":"l","removed":"true"}"#, "removed"),
        ("grid.line", r#"{"line":"l","removed":false}"#, "from is missing"),
        ("dr.program", r#"{"program":"p","removed":null}"#, "region is missing"),
    ] {
        refused(BadData, named, with_data(type_name, data));
    }
}
