//! The twins' answer to `gridweaver state`: every view at one tick's end, computed from scratch.
//!
//! A [`Picture`] is a function of the collections, the book of orders and the rules alone.

use super::book::{Book, Kind};
use super::collections::Collections;
use super::critical::{CutOff, critical_lines};
use super::interfaces::{Interfaces, interfaces};
use super::ladder::{Rated, ladder, reliabilities};
use super::offers::Life;
use super::shape::Shape;
use super::totals::{Totals, node_load, totals};
use gridweaver_model::decision::BidState;
use gridweaver_model::{Ppm, Rules, Text, Time, Watts};
use std::collections::BTreeMap;

/// A program's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramRow {
    /// Its region.
    pub region: Text,
    /// What its bids may reach together.
    pub capacity: Watts,
    /// What standing orders activate under it.
    pub committed: Watts,
}

/// A bid's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BidRow {
    /// Its program.
    pub program: Text,
    /// Whose bid.
    pub participant: Text,
    /// Where it stands.
    pub status: BidState,
    /// What the ladder says of it.
    pub rated: Rated,
    /// What standing orders activate of it.
    pub amount: Watts,
}

/// A reference to something that is not there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unresolved {
    /// The type of the record that waits.
    pub type_name: &'static str,
    /// Its key.
    pub key: Text,
    /// What it waits for.
    pub missing: Text,
}

/// Every view at a tick's end.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The tick's end.
    pub end: Time,
    /// Islands, areas, violations.
    pub shape: Shape,
    /// By sending and receiving area.
    pub interfaces: Interfaces,
    /// What standing orders send over them.
    pub flows: BTreeMap<(Text, Text), Watts>,
    /// By line.
    pub critical_lines: BTreeMap<Text, CutOff>,
    /// By area.
    pub totals: BTreeMap<Text, Totals>,
    /// By program.
    pub programs: BTreeMap<Text, ProgramRow>,
    /// By bid.
    pub bids: BTreeMap<Text, BidRow>,
    /// Those with a record of their own.
    pub participants: BTreeMap<Text, Ppm>,
    /// Standing orders and plans.
    pub book: Book,
    /// What waits for something.
    pub unresolved: Vec<Unresolved>,
}

impl Picture {
    /// The picture at a tick's end, with the relief that the tick was decided from.
    #[must_use]
    pub fn of(
        collections: &Collections,
        book: &Book,
        relief: &BTreeMap<Text, Watts>,
        end: Time,
        rules: &Rules,
    ) -> Self {
        let shape = Shape::of(collections, rules);
        let interfaces = interfaces(collections, &shape);
        let totals = totals(collections, &shape, relief, end, rules);
        let load = |node: &Text| node_load(collections, node, end, rules);
        let critical_lines = critical_lines(&shape, load);
        let (committed, activated) = commitments(book);
        let rated = ladder(collections, &shape, &book.out, end, rules);
        Self {
            end,
            flows: flows(book, &interfaces),
            critical_lines,
            totals,
            programs: program_rows(collections, &committed),
            bids: bid_rows(collections, book, rated, &activated),
            participants: reliabilities(collections, end, rules),
            book: book.clone(),
            unresolved: unresolved(collections, &shape),
            shape,
            interfaces,
        }
    }
}

/// What standing orders activate, by program and by bid.
#[must_use]
pub fn commitments(book: &Book) -> (BTreeMap<Text, Watts>, BTreeMap<Text, Watts>) {
    let (mut programs, mut bids) = (BTreeMap::new(), BTreeMap::new());
    for standing in book.standing.values() {
        if let Kind::DemandResponse { bid, program, .. } = &standing.order.kind {
            *programs.entry(program.clone()).or_insert(Watts::ZERO) += standing.order.amount;
            *bids.entry(bid.clone()).or_insert(Watts::ZERO) += standing.order.amount;
        }
    }
    (programs, bids)
}

/// What standing transfers send over each interface, at its sending end.
fn flows(book: &Book, interfaces: &Interfaces) -> BTreeMap<(Text, Text), Watts> {
    let mut flows: BTreeMap<(Text, Text), Watts> = BTreeMap::new();
    for standing in book.standing.values() {
        let Kind::Transfer { sent, .. } = &standing.order.kind else { continue };
        let mut power = *sent;
        for hop in standing.path.windows(2) {
            let pair = (hop[0].clone(), hop[1].clone());
            let Some(interface) = interfaces.get(&pair) else {
                break;
            };
            *flows.entry(pair).or_default() += power;
            power = power - loss_of(power, interface.loss);
        }
    }
    flows
}

/// What a hop loses of what is sent: rounded up to the watt.
#[must_use]
pub fn loss_of(sent: Watts, loss: Ppm) -> Watts {
    let exact = i128::from(sent.0) * i128::from(loss.0);
    Watts(i64::try_from((exact + 999_999).div_euclid(1_000_000)).unwrap_or(i64::MAX))
}

fn program_rows(
    collections: &Collections,
    committed: &BTreeMap<Text, Watts>,
) -> BTreeMap<Text, ProgramRow> {
    let live = collections.offers.programs.iter().filter(|(_, held)| !held.value.is_removed());
    live.map(|(name, held)| {
        let row = ProgramRow {
            region: held.value.region.clone().unwrap_or_default(),
            capacity: held.value.capacity.unwrap_or_default(),
            committed: committed.get(name).copied().unwrap_or_default(),
        };
        (name.clone(), row)
    })
    .collect()
}

fn bid_rows(
    collections: &Collections,
    book: &Book,
    rated: BTreeMap<Text, Rated>,
    activated: &BTreeMap<Text, Watts>,
) -> BTreeMap<Text, BidRow> {
    let mut rows = BTreeMap::new();
    for (name, rated) in rated {
        let Some(known) = collections.offers.bids.get(&name) else { continue };
        let bid = &known.held.value;
        let status = match rated.life {
            Life::Withdrawn => BidState::Withdrawn,
            Life::Expired => BidState::Expired,
            Life::Live if activated.contains_key(&name) => BidState::Accepted,
            // Which of the two it is follows from clearings: what was written of it last is taken.
            Life::Live => match book.told.get(&name) {
                Some((BidState::Rejected, _)) => BidState::Rejected,
                _ => BidState::Pending,
            },
        };
        let row = BidRow {
            program: bid.program.clone(),
            participant: bid.participant.clone(),
            status,
            amount: activated.get(&name).copied().unwrap_or_default(),
            rated,
        };
        rows.insert(name, row);
    }
    rows
}

/// Telemetry of unknown nodes, and live bids on unknown programs or nodes.
fn unresolved(collections: &Collections, shape: &Shape) -> Vec<Unresolved> {
    let mut found = vec![];
    for (key, known) in &collections.offers.bids {
        let bid = &known.held.value;
        if collections.offers.program(&bid.program).is_none() {
            let missing = bid.program.clone();
            found.push(Unresolved { type_name: "dr.bid", key: key.clone(), missing });
        } else if let Some(node) = &bid.node
            && !shape.area_of.contains_key(node)
        {
            found.push(Unresolved { type_name: "dr.bid", key: key.clone(), missing: node.clone() });
        }
    }
    for node in collections.telemetry.keys() {
        if !shape.area_of.contains_key(node) {
            let (key, missing) = (node.clone(), node.clone());
            found.push(Unresolved { type_name: "grid.telemetry", key, missing });
        }
    }
    found
}
