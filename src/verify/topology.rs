//! Islands and violations: what is recorded is what changed, no more and no less.

use super::breach::Breaches;
use super::scene::Scene;
use gridweaver_dataflows::twins::shape::Shape;
use gridweaver_model::Text;
use gridweaver_model::decision::{Event, IslandChanged, ViolationKind};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(scene: &Scene<'_>, breaches: &mut Breaches) {
    let said = scene.records.iter().any(|recorded| {
        matches!(recorded.decision.event, Event::IslandChanged(_) | Event::Violation(_))
    });
    if !said && std::ptr::eq(scene.shape_before, scene.shape) {
        return;
    }
    check_islands(scene, breaches);
    check_violations(scene, breaches);
}

fn check_islands(scene: &Scene<'_>, breaches: &mut Breaches) {
    const RULE: &str = "every island that changed is recorded";
    let (before, now) = (scene.shape_before, scene.shape);
    let names: BTreeSet<&Text> = before.islands.keys().chain(now.islands.keys()).collect();
    let same = |name: &&Text| {
        let nodes = |shape: &'_ Shape| shape.islands.get(*name).map(|it| it.nodes.len());
        nodes(before) == nodes(now)
            && before.islands.get(*name).map(|it| &it.nodes)
                == now.islands.get(*name).map(|it| &it.nodes)
    };
    let mut changed: BTreeSet<&Text> = names.into_iter().filter(|name| !same(name)).collect();
    for recorded in scene.records {
        let Event::IslandChanged(told) = &recorded.decision.event else { continue };
        if !changed.remove(&told.island) {
            let detail = format!("island {} did not change, or is told twice", told.island);
            breaches.tell(scene.end, recorded.line, RULE, detail);
        } else if let Some(detail) = wrong_island(told, before, now) {
            breaches.tell(scene.end, recorded.line, RULE, detail);
        }
    }
    for island in changed {
        let detail = format!("island {island} changed and no record says so");
        breaches.tell(scene.end, None, RULE, detail);
    }
}

fn wrong_island(told: &IslandChanged, before: &Shape, now: &Shape) -> Option<String> {
    let name = &told.island;
    let Some(island) = now.islands.get(name) else {
        let wrong = told.nodes != 0;
        return wrong.then(|| format!("island {name} is gone, {} nodes recorded", told.nodes));
    };
    let count = u64::try_from(island.nodes.len()).unwrap_or(u64::MAX);
    if told.nodes != count {
        return Some(format!("island {name} has {count} nodes, {} recorded", told.nodes));
    }
    if !told.regions.iter().eq(&island.regions) {
        return Some(format!("the regions of island {name} are {:?}", island.regions));
    }
    let came_from: BTreeSet<&Text> = island
        .nodes
        .iter()
        .filter_map(|node| before.areas.get(before.area_of.get(node)?))
        .map(|area| &area.island)
        .collect();
    let same = told.previous.iter().eq(came_from.iter().copied());
    (!same).then(|| format!("the nodes of island {name} were in {came_from:?}"))
}

fn check_violations(scene: &Scene<'_>, breaches: &mut Breaches) {
    const RULE: &str = "every violation that begins or ends is recorded";
    let (before, now) = (&scene.shape_before.violations, &scene.shape.violations);
    let mut changed: BTreeMap<&(ViolationKind, Text), bool> = BTreeMap::new();
    changed.extend(now.difference(before).map(|violation| (violation, false)));
    changed.extend(before.difference(now).map(|violation| (violation, true)));
    for recorded in scene.records {
        let Event::Violation(told) = &recorded.decision.event else { continue };
        if changed.remove(&(told.kind, told.subject.clone())) != Some(told.cleared) {
            let (kind, subject) = (told.kind.name(), &told.subject);
            let what = if told.cleared { "did not end" } else { "did not begin" };
            breaches.tell(scene.end, recorded.line, RULE, format!("{kind} of {subject} {what}"));
        }
    }
    for ((kind, subject), cleared) in changed {
        let what = if cleared { "ended" } else { "began" };
        let detail = format!("{} of {subject} {what} and no record says so", kind.name());
        breaches.tell(scene.end, None, RULE, detail);
    }
}
