//! A record as its one line of JSON, for what is written again: corrections, tests, migrations.
//!
//! Attributes and fields stand in the order of the contract, what is absent is left out, numbers
//! have as many decimals as they need. Reading the line gives the same record.

use crate::json::JsonWriter;
use crate::record::{Bid, InterfaceLimit, Line, Node, Program, Quality, Telemetry};
use crate::{Data, Metres, Microdegrees, Millis, Ppm, Price, Record, Watts};

/// Appends the record as one line, without a newline.
pub fn encode(record: &Record, out: &mut Vec<u8>) {
    let version = &record.envelope.version;
    let mut line = JsonWriter::object(out);
    line.text("specversion", "1.0");
    line.text("id", &version.id);
    line.text("source", &version.source);
    line.text("type", record.data.type_name());
    line.time("time", version.time);
    if version.sequence != 0 {
        line.integer("sequence", version.sequence.into());
    }
    if let Some(correlation) = &record.envelope.correlation_id {
        line.text("correlationid", correlation);
    }
    line.nested("data", |fields| data(&record.data, fields));
    line.end();
}

fn data(data: &Data, fields: &mut JsonWriter<'_>) {
    match data {
        Data::Response(response) => {
            fields.text("order", &response.order);
            fields.text("status", response.status.name());
            power(fields, "mw", response.confirmed);
        }
        Data::Bid(bid) => write_bid(bid, fields),
        Data::BidWithdrawn(withdrawn) => fields.text("bid", &withdrawn.bid),
        Data::Performance(performance) => {
            fields.text("participant", &performance.participant);
            fields.megawatts("instructed_mw", performance.instructed);
            fields.megawatts("delivered_mw", performance.delivered);
        }
        Data::Program(program) => write_program(program, fields),
        Data::EnergyPrice(energy) => {
            fields.text("region", &energy.region);
            fields.price("price", energy.price);
        }
        Data::InterfaceLimit(limit) => write_interface_limit(limit, fields),
        Data::Line(line) => write_line(line, fields),
        Data::LineStatus(status) => {
            fields.text("line", &status.line);
            fields.boolean("in_service", status.in_service);
        }
        Data::Node(node) => write_node(node, fields),
        Data::Reserve(reserve) => {
            fields.text("region", &reserve.region);
            fields.megawatts("reserve_mw", reserve.reserve);
        }
        Data::Shortfall(shortfall) => {
            fields.text("region", &shortfall.region);
            fields.megawatts("shortfall_mw", shortfall.shortfall);
        }
        Data::Telemetry(telemetry) => write_telemetry(telemetry, fields),
        Data::Watermark => {}
    }
}

fn write_node(node: &Node, fields: &mut JsonWriter<'_>) {
    fields.text("node", &node.node);
    text(fields, "region", node.region.as_deref());
    text(fields, "name", node.name.as_deref());
    angle(fields, "latitude", node.latitude);
    angle(fields, "longitude", node.longitude);
    boolean(fields, "removed", node.removed);
}

fn write_line(line: &Line, fields: &mut JsonWriter<'_>) {
    fields.text("line", &line.line);
    text(fields, "from", line.from.as_deref());
    text(fields, "to", line.to.as_deref());
    power(fields, "capacity_mw", line.capacity);
    if let Some(Metres(metres)) = line.length {
        fields.scaled("length_km", metres.into(), 3);
    }
    fraction(fields, "loss", line.loss);
    price(fields, "wheeling_price", line.wheeling_price);
    boolean(fields, "in_service", line.in_service);
    boolean(fields, "removed", line.removed);
}

fn write_telemetry(telemetry: &Telemetry, fields: &mut JsonWriter<'_>) {
    fields.text("node", &telemetry.node);
    fields.megawatts("generation_mw", telemetry.generation);
    fields.megawatts("load_mw", telemetry.load);
    power(fields, "available_mw", telemetry.available);
    let quality = telemetry.quality.map(|quality| match quality {
        Quality::Bad => "bad",
        Quality::Good => "good",
        Quality::Suspect => "suspect",
    });
    text(fields, "quality", quality);
}

fn write_interface_limit(limit: &InterfaceLimit, fields: &mut JsonWriter<'_>) {
    fields.text("from_region", &limit.from_region);
    fields.text("to_region", &limit.to_region);
    power(fields, "limit_mw", limit.limit);
    boolean(fields, "removed", limit.removed);
}

fn write_program(program: &Program, fields: &mut JsonWriter<'_>) {
    fields.text("program", &program.program);
    text(fields, "region", program.region.as_deref());
    power(fields, "capacity_mw", program.capacity);
    price(fields, "max_price", program.max_price);
    boolean(fields, "removed", program.removed);
}

fn write_bid(bid: &Bid, fields: &mut JsonWriter<'_>) {
    fields.text("bid", &bid.bid);
    fields.text("participant", &bid.participant);
    fields.text("program", &bid.program);
    text(fields, "node", bid.node.as_deref());
    fields.price("price", bid.price);
    fields.megawatts("min_mw", bid.min);
    fields.megawatts("max_mw", bid.max);
    fields.time("start", bid.start);
    fields.time("end", bid.end);
    seconds(fields, "notice_s", bid.notice);
    seconds(fields, "min_run_s", bid.min_run);
    fraction(fields, "reliability", bid.reliability);
}

fn text(fields: &mut JsonWriter<'_>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        fields.text(name, value);
    }
}

fn boolean(fields: &mut JsonWriter<'_>, name: &str, value: Option<bool>) {
    if let Some(value) = value {
        fields.boolean(name, value);
    }
}

fn power(fields: &mut JsonWriter<'_>, name: &str, value: Option<Watts>) {
    if let Some(value) = value {
        fields.megawatts(name, value);
    }
}

fn price(fields: &mut JsonWriter<'_>, name: &str, value: Option<Price>) {
    if let Some(value) = value {
        fields.price(name, value);
    }
}

fn fraction(fields: &mut JsonWriter<'_>, name: &str, value: Option<Ppm>) {
    if let Some(value) = value {
        fields.fraction(name, value);
    }
}

fn angle(fields: &mut JsonWriter<'_>, name: &str, value: Option<Microdegrees>) {
    if let Some(Microdegrees(value)) = value {
        fields.scaled(name, value.into(), 6);
    }
}

fn seconds(fields: &mut JsonWriter<'_>, name: &str, value: Option<Millis>) {
    if let Some(Millis(value)) = value {
        fields.scaled(name, value.into(), 3);
    }
}
