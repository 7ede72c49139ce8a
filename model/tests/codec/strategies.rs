//! Records of every type with whatever the contract allows in them.

use gridweaver_model::record::{
    Answer, Bid, BidWithdrawn, EnergyPrice, InterfaceLimit, Line, LineStatus, Node, Performance,
    Program, Quality, Reserve, Response, Shortfall, Telemetry,
};
use gridweaver_model::{
    Data, Envelope, Metres, Microdegrees, Millis, Ppm, Price, Record, Text, Time, Version, Watts,
};
use proptest::option::of;
use proptest::prelude::*;

/// The first instant that is too late.
const END_MS: i64 = 7_258_118_400_000;

pub(crate) fn record() -> impl Strategy<Value = Record> {
    (envelope(), data()).prop_map(|(envelope, data)| Record { envelope, data })
}

fn envelope() -> impl Strategy<Value = Envelope> {
    let sequence = prop_oneof![Just(0), 0..100_000u64, any::<u64>()];
    (instant(), sequence, text(), text(), of(text())).prop_map(
        |(time, sequence, source, id, correlation)| Envelope {
            version: Version { time, sequence, source, id },
            correlation_id: correlation.map(|text| Box::from(text.as_str())),
        },
    )
}

fn data() -> impl Strategy<Value = Data> {
    prop_oneof![
        response().prop_map(|data| Data::Response(Box::new(data))),
        bid().prop_map(|data| Data::Bid(Box::new(data))),
        text().prop_map(|bid| Data::BidWithdrawn(BidWithdrawn { bid })),
        performance().prop_map(|data| Data::Performance(Box::new(data))),
        program().prop_map(|data| Data::Program(Box::new(data))),
        (region(), price())
            .prop_map(|(region, price)| Data::EnergyPrice(EnergyPrice { region, price })),
        interface_limit().prop_map(|data| Data::InterfaceLimit(Box::new(data))),
        line().prop_map(|data| Data::Line(Box::new(data))),
        (text(), any::<bool>())
            .prop_map(|(line, in_service)| Data::LineStatus(LineStatus { line, in_service })),
        node().prop_map(|data| Data::Node(Box::new(data))),
        (region(), power())
            .prop_map(|(region, reserve)| Data::Reserve(Reserve { region, reserve })),
        (region(), power())
            .prop_map(|(region, shortfall)| Data::Shortfall(Shortfall { region, shortfall })),
        telemetry().prop_map(Data::Telemetry),
        Just(Data::Watermark),
    ]
}

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![
        6 => "[a-z0-9/_.-]{1,30}",
        1 => "[ -~]{1,128}",
        1 => "\\PC{1,32}",
        1 => "(?s).{1,32}",
    ]
    .prop_map(Text::from)
}

fn region() -> impl Strategy<Value = Text> {
    text().prop_map(|text| Text::from(text.replace(['@', '>'], "-")))
}

fn instant() -> impl Strategy<Value = Time> {
    (0..END_MS).prop_map(Time)
}

/// A magnitude in units of `10^-decimals`: mostly few digits, sometimes all of them.
fn scaled(greatest: i64, unit: i64) -> impl Strategy<Value = i64> {
    prop_oneof![
        Just(0),
        Just(greatest),
        0..=greatest,
        (0..=greatest / unit).prop_map(move |whole| whole * unit),
        0..=unit,
    ]
}

fn power() -> impl Strategy<Value = Watts> {
    scaled(1_000_000_000_000, 1_000_000).prop_map(Watts)
}

fn price() -> impl Strategy<Value = Price> {
    (scaled(1_000_000_000, 1000), any::<bool>())
        .prop_map(|(value, below)| Price(if below { -value } else { value }))
}

fn share(greatest: i64) -> impl Strategy<Value = Ppm> {
    scaled(greatest, 1000).prop_map(|value| Ppm(u32::try_from(value).expect("at most one")))
}

fn angle(greatest: i64) -> impl Strategy<Value = Microdegrees> {
    (-greatest..=greatest).prop_map(Microdegrees)
}

fn span() -> impl Strategy<Value = Millis> {
    scaled(1_000_000_000_000, 1000).prop_map(Millis)
}

/// A field that only a removal may lack.
fn unless<T>(removed: Option<bool>, value: Option<T>, usual: T) -> Option<T> {
    if removed == Some(true) { value } else { Some(value.unwrap_or(usual)) }
}

fn node() -> impl Strategy<Value = Node> {
    let angles = (of(angle(90_000_000)), of(angle(180_000_000)));
    (text(), of(region()), of(text()), angles, of(any::<bool>())).prop_map(
        |(node, region, name, (latitude, longitude), removed)| Node {
            node,
            region: unless(removed, region, "r".into()),
            name,
            latitude,
            longitude,
            removed,
        },
    )
}

fn line() -> impl Strategy<Value = Line> {
    let ends = (of(text()), of(text()), of(power()));
    let length = of(scaled(100_000_000, 1000).prop_map(Metres));
    let charges = (of(share(500_000)), of(scaled(1_000_000_000, 1000).prop_map(Price)));
    let states = (of(any::<bool>()), of(any::<bool>()));
    (text(), ends, length, charges, states).prop_map(
        |(line, (from, to, capacity), length, (loss, wheeling_price), (in_service, removed))| {
            Line {
                line,
                from: unless(removed, from, "a".into()),
                to: unless(removed, to, "b".into()),
                capacity: unless(removed, capacity, Watts(1)),
                length,
                loss,
                wheeling_price,
                in_service,
                removed,
            }
        },
    )
}

fn telemetry() -> impl Strategy<Value = Telemetry> {
    let quality = prop_oneof![Just(Quality::Bad), Just(Quality::Good), Just(Quality::Suspect)];
    (text(), power(), power(), of(power()), of(quality)).prop_map(
        |(node, generation, load, available, quality)| Telemetry {
            node,
            generation,
            load,
            available,
            quality,
        },
    )
}

fn interface_limit() -> impl Strategy<Value = InterfaceLimit> {
    (region(), region(), of(power()), of(any::<bool>())).prop_map(
        |(from_region, to_region, limit, removed)| InterfaceLimit {
            from_region,
            to_region,
            limit: unless(removed, limit, Watts(1)),
            removed,
        },
    )
}

fn program() -> impl Strategy<Value = Program> {
    (text(), of(region()), of(power()), of(price()), of(any::<bool>())).prop_map(
        |(program, region, capacity, max_price, removed)| Program {
            program,
            region: unless(removed, region, "r".into()),
            capacity: unless(removed, capacity, Watts(1)),
            max_price,
            removed,
        },
    )
}

fn bid() -> impl Strategy<Value = Bid> {
    let names = (text(), text(), text(), of(text()));
    let powers = (power(), power());
    let window = (0..END_MS - 1).prop_flat_map(|start| (Just(start), start + 1..END_MS));
    let rest = (of(span()), of(span()), of(share(1_000_000)));
    (names, price(), powers, window, rest).prop_map(
        |((bid, participant, program, node), price, (one, two), (start, end), rest)| Bid {
            bid,
            participant,
            program,
            node,
            price,
            min: one.min(two),
            max: one.max(two).max(Watts(1)),
            start: Time(start),
            end: Time(end),
            notice: rest.0,
            min_run: rest.1,
            reliability: rest.2,
        },
    )
}

fn performance() -> impl Strategy<Value = Performance> {
    (text(), power(), power()).prop_map(|(participant, instructed, delivered)| Performance {
        participant,
        instructed: instructed.max(Watts(1)),
        delivered,
    })
}

fn response() -> impl Strategy<Value = Response> {
    let status = prop_oneof![
        Just(Answer::Completed),
        Just(Answer::Failed),
        Just(Answer::OptedOut),
        Just(Answer::Received),
        Just(Answer::Started),
    ];
    (text(), status, of(power())).prop_map(|(order, status, confirmed)| Response {
        order,
        status,
        confirmed,
    })
}
