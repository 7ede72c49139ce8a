//! Where transfers run: each order's hops, with the lines and nodes that carry them.
//!
//! Areas are renamed when islands change; lines and nodes are not. So a route is kept by its lines
//! and end nodes, and asked for its areas anew at every tick.

use super::breach::mw;
use gridweaver_dataflows::twins::shape::Shape;
use gridweaver_model::decision::LineShare;
use gridweaver_model::{Text, Watts};
use std::collections::{BTreeMap, BTreeSet};

/// The routes of all standing transfers, by order.
pub(crate) type Routes = BTreeMap<Text, Vec<Hop>>;

/// The live lines that join two areas, with their capacities, by both orders of the two.
pub(crate) type Joins = BTreeMap<(Text, Text), Vec<(Text, Watts)>>;

/// The lines between areas of a shape.
pub(super) fn joins(shape: &Shape) -> Joins {
    let mut joins = Joins::new();
    for (name, line) in &shape.lines {
        let (from, to) = (&shape.area_of[&line.from], &shape.area_of[&line.to]);
        if from != to {
            for pair in [(from, to), (to, from)] {
                let lines = joins.entry((pair.0.clone(), pair.1.clone())).or_default();
                lines.push((name.clone(), line.capacity));
            }
        }
    }
    joins
}

/// One line's part of a hop.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub(crate) line: Text,
    pub(crate) power: Watts,
    /// Its end in the sending area.
    from: Text,
    /// Its end in the receiving area.
    to: Text,
}

/// A step from one area to the next.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    /// What its lines carry together, at the sending end.
    pub(crate) sent: Watts,
    pub(crate) wires: Vec<Wire>,
}

/// The route of an order's lines over its path, as the shape is now.
pub(crate) fn route(path: &[Text], lines: &[LineShare], shape: &Shape) -> Result<Vec<Hop>, String> {
    let mut hops: Vec<Hop> =
        path.windows(2).map(|_| Hop { sent: Watts::ZERO, wires: vec![] }).collect();
    let mut used = BTreeSet::new();
    for share in lines {
        let Some(line) = shape.lines.get(&share.line) else {
            return Err(format!("line {} is not live", share.line));
        };
        if !used.insert(&share.line) {
            return Err(format!("line {} is listed twice", share.line));
        }
        if share.power < Watts::ZERO {
            return Err(format!("line {} carries {}", share.line, mw(share.power)));
        }
        let (from, to) = (&shape.area_of[&line.from], &shape.area_of[&line.to]);
        let wire = |from: &Text, to: &Text| {
            let (line, from, to) = (share.line.clone(), from.clone(), to.clone());
            Wire { line, power: share.power, from, to }
        };
        let found = path.windows(2).enumerate().find_map(|(at, hop)| {
            if hop[0] == *from && hop[1] == *to {
                Some((at, wire(&line.from, &line.to)))
            } else if hop[0] == *to && hop[1] == *from {
                Some((at, wire(&line.to, &line.from)))
            } else {
                None
            }
        });
        let Some((at, wire)) = found else {
            return Err(format!("line {} joins {from} and {to}, no hop of its path", share.line));
        };
        hops[at].sent += share.power;
        hops[at].wires.push(wire);
    }
    Ok(hops)
}

impl Hop {
    /// The areas that the hop joins now, sender first.
    pub(crate) fn areas_now(&self, shape: &Shape) -> Result<(Text, Text), String> {
        let mut joined: Option<(Text, Text)> = None;
        for wire in &self.wires {
            let name = &wire.line;
            let Some(line) = shape.lines.get(name) else {
                return Err(format!("line {name} is not live"));
            };
            let (Some(from), Some(to)) =
                (shape.area_of.get(&wire.from), shape.area_of.get(&wire.to))
            else {
                return Err(format!("line {name} was moved and an end of it is gone"));
            };
            let ends = (&shape.area_of[&line.from], &shape.area_of[&line.to]);
            if from == to || (ends != (from, to) && ends != (to, from)) {
                return Err(format!("line {name} no longer joins {from} and {to}"));
            }
            match &joined {
                Some(known) if (&known.0, &known.1) != (from, to) => {
                    return Err(format!(
                        "its lines join {} and {}, {from} and {to}",
                        known.0, known.1
                    ));
                }
                _ => joined = Some((from.clone(), to.clone())),
            }
        }
        joined.ok_or_else(|| "a hop has no line".to_owned())
    }
}

/// The areas that a route passes now, sender first.
pub(crate) fn path_now(route: &[Hop], shape: &Shape) -> Result<Vec<Text>, String> {
    let mut path: Vec<Text> = vec![];
    for hop in route {
        let (from, to) = hop.areas_now(shape)?;
        match path.last() {
            None => path.push(from),
            Some(last) if *last == from => {}
            Some(last) => return Err(format!("its path breaks between {last} and {from}")),
        }
        path.push(to);
    }
    Ok(path)
}
