//! What the views held at the end of the last closed tick, and how they came there.

use gridweaver_dataflows::critical_lines::CriticalLines;
use gridweaver_dataflows::picture::Picture;
use gridweaver_dataflows::pipeline::Views;
use gridweaver_dataflows::planner::{Course, Planner, PlannerPicture};
use gridweaver_dataflows::totals::Totals;
use gridweaver_model::{Text, Watts};
use std::collections::BTreeSet;

/// See the module's documentation.
#[derive(Debug)]
pub struct Observed {
    /// Areas, interfaces, programs, bids, orders, plans.
    pub planner: PlannerPicture,
    /// Islands, participants, violations, unresolved references, outcomes.
    pub picture: Picture,
    /// Critical lines, by name.
    pub critical_lines: Vec<CutOff>,
}

/// What losing a line would cut off.
#[derive(Debug)]
pub struct CutOff {
    /// The line.
    pub line: Text,
    /// Nodes on the smaller side.
    pub nodes: u64,
    /// Their load.
    pub load: Watts,
    /// Their regions, sorted.
    pub regions: Vec<Text>,
}

/// What a run is to keep besides its decisions.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) observed: bool,
    pub(super) course: bool,
}

/// What it kept.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) observed: Option<Observed>,
    pub(super) course: Option<Course>,
}

/// Looks at the views once they are complete.
pub(super) fn see(views: &Views) -> Seen {
    let planner = views.planner.borrow();
    let kept = views.critical_lines.as_ref().zip(views.picture.as_ref());
    let observed = kept.map(|(critical_lines, picture)| {
        observe(&planner, &views.totals.borrow(), &critical_lines.borrow(), &picture.borrow())
    });
    Seen { observed, course: planner.course().cloned() }
}

fn observe(
    planner: &Planner,
    totals: &Totals,
    critical_lines: &CriticalLines,
    picture: &Picture,
) -> Observed {
    let cut_off = critical_lines.list().into_iter().map(|line| {
        let regions: BTreeSet<&Text> = line.cut_off.iter().map(|(_, region)| *region).collect();
        CutOff {
            line: line.line.clone(),
            nodes: line.cut_off.len() as u64,
            load: line.cut_off.iter().map(|(node, _)| totals.load(&Text::from(*node))).sum(),
            regions: regions.into_iter().cloned().collect(),
        }
    });
    Observed {
        planner: planner.picture(),
        picture: picture.clone(),
        critical_lines: cut_off.collect(),
    }
}
