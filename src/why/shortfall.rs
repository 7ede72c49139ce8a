//! What an area lacked, what that came from, and what changed since its region last lacked nothing.

use super::facts::{LineOut, NodeChange, Shortfall, SinceEnough};
use super::units::{At, Mw};
use crate::verify::scene::{ONE_KILOWATT, Scene};
use gridweaver_dataflows::twins::totals::counts;
use gridweaver_model::decision::PlanCreated;
use gridweaver_model::{Text, Time, Watts};
use std::collections::{BTreeMap, BTreeSet};

/// The most nodes that are named.
const NODES_NAMED_MAX: usize = 5;

/// What the nodes of a region counted for when it lacked nothing.
#[derive(Clone, Default)]
pub(super) struct Enough {
    time: Time,
    /// Load and available power.
    nodes: BTreeMap<Text, (Watts, Watts)>,
    /// The nodes of each area.
    areas: BTreeMap<Text, BTreeSet<Text>>,
}

impl Enough {
    /// A region's nodes now, if none of its areas lacks anything.
    pub(super) fn of(scene: &Scene<'_>, region: &Text) -> Option<Self> {
        let areas = || scene.shape.areas.iter().filter(|(_, area)| area.region == *region);
        if areas().next().is_none() || areas().any(|(area, _)| scene.lacks(area)) {
            return None;
        }
        let nodes = areas().flat_map(|(_, area)| &area.nodes);
        Some(Self {
            time: scene.end,
            nodes: nodes.map(|node| (node.clone(), figures(scene, node))).collect(),
            areas: areas().map(|(name, area)| (name.clone(), area.nodes.clone())).collect(),
        })
    }
}

/// The load and the available power that a node counts for.
fn figures(scene: &Scene<'_>, node: &Text) -> (Watts, Watts) {
    if !counts(scene.collections, node, scene.end, scene.rules) {
        return (Watts::ZERO, Watts::ZERO);
    }
    let reading = scene.collections.telemetry.get(node).map(|held| &held.value);
    reading
        .map_or((Watts::ZERO, Watts::ZERO), |it| (it.load, it.available.unwrap_or(it.generation)))
}

/// What an area lacks at the tick's end, as its plan saw it where one was made then.
pub(super) fn shortfall(
    scene: &Scene<'_>,
    area: &Text,
    plan: Option<&PlanCreated>,
    enough: Option<&Enough>,
) -> Shortfall {
    let readings = scene.readings(area);
    let relief = plan.filter(|plan| plan.tick == scene.end).map(|plan| plan.inputs.relief);
    let seen = readings.iter().find(|it| Some(it.relief) == relief).or(readings.first());
    let Some(totals) = seen else { return Shortfall::default() };
    let nodes = scene.shape.areas.get(area).map(|it| &it.nodes);
    Shortfall {
        island: scene.island_of(area).cloned().unwrap_or_default(),
        nodes: nodes.map_or(0, BTreeSet::len),
        load_mw: Mw(totals.load),
        relief_mw: Mw(totals.relief),
        generation_mw: Mw(totals.generation),
        available_mw: Mw(totals.available),
        declared_shortfall_mw: Mw(totals.declared_shortfall),
        reserve_mw: Mw(totals.reserve),
        shortfall_mw: Mw(totals.shortfall),
        stale_nodes: usize::try_from(totals.stale_nodes).unwrap_or(usize::MAX),
        stale_load_mw: Mw(totals.stale_load),
        stale_available_mw: Mw(totals.stale_available),
        since_enough: enough.zip(nodes).map(|(then, nodes)| since(scene, area, nodes, then)),
    }
}

fn since(scene: &Scene<'_>, area: &Text, nodes: &BTreeSet<Text>, then: &Enough) -> SinceEnough {
    let (mut load, mut available) = (Watts::ZERO, Watts::ZERO);
    let mut changes = vec![];
    for node in nodes {
        let (old_load, old_available) = then.nodes.get(node).copied().unwrap_or_default();
        let (new_load, new_available) = figures(scene, node);
        let change = (new_load - old_load, new_available - old_available);
        load += change.0;
        available += change.1;
        if change.0 - change.1 >= ONE_KILOWATT {
            changes.push((change.1 - change.0, node, change));
        }
    }
    changes.sort();
    let named = changes.into_iter().take(NODES_NAMED_MAX).map(|(_, node, (load, available))| {
        let (load_change_mw, available_change_mw) = (Mw(load), Mw(available));
        NodeChange { node: node.clone(), load_change_mw, available_change_mw }
    });
    SinceEnough {
        time: At(then.time),
        load_change_mw: Mw(load),
        available_change_mw: Mw(available),
        nodes: named.collect(),
        lines_out: lines_out(scene, nodes, Some(then.time)),
        reshaped: then.areas.get(area) != Some(nodes) && !then.areas.values().any(|it| it == nodes),
    }
}

/// The lines between some nodes and others that are out of service; only those that went out after
/// an instant, where one is given.
pub(super) fn lines_out(
    scene: &Scene<'_>,
    nodes: &BTreeSet<Text>,
    since: Option<Time>,
) -> Vec<LineOut> {
    let out = scene.collections.lines.iter().filter_map(|(name, held)| {
        let (line, word) = (held.line()?, held.word.as_ref()?);
        let inside = |end: &Option<Text>| end.as_ref().is_some_and(|end| nodes.contains(end));
        let leaves = inside(&line.from) != inside(&line.to);
        let went_out = !held.in_service() && Some(word.version.time) > since;
        (leaves && went_out).then(|| LineOut { line: name.clone(), time: At(word.version.time) })
    });
    out.collect()
}
