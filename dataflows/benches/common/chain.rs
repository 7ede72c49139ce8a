//! The views called one after the other on one thread, as `pipeline` joins them, without timely.
//!
//! Each is called in the ticks in which its operator would be: those in which it has input or
//! asked to be woken. Left out are the differential views (`violations`, `reliability`) and those
//! that a run keeps only where it is observed.
#![allow(dead_code, reason = "each bench uses a part of its helpers")]

use gridweaver_dataflows::bids::Bids;
use gridweaver_dataflows::by_tick::{Batches, View};
use gridweaver_dataflows::change::Change;
use gridweaver_dataflows::closing::{ClosedTick, Closing};
use gridweaver_dataflows::dedup::{Dedup, Outcomes, Settled};
use gridweaver_dataflows::interfaces::Interfaces;
use gridweaver_dataflows::islands::Islands;
use gridweaver_dataflows::latest::Latest;
use gridweaver_dataflows::planner::Planner;
use gridweaver_dataflows::programs::Programs;
use gridweaver_dataflows::regions::Regions;
use gridweaver_dataflows::row::{Family, Row};
use gridweaver_dataflows::totals::Totals;
use gridweaver_model::{Rules, Tick};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A view, the ticks in which it asked to be woken, and how long it has worked.
pub(crate) struct Driven<V> {
    name: &'static str,
    view: V,
    wakes: BTreeSet<Tick>,
    spent: Duration,
}

impl<V: View> Driven<V> {
    pub(crate) fn new(name: &'static str, view: V) -> Self {
        Self { name, view, wakes: BTreeSet::new(), spent: Duration::ZERO }
    }

    /// Calls the view, if there is a reason to.
    pub(crate) fn close(
        &mut self,
        tick: Tick,
        rows: Batches<V::Row>,
        changes: Batches<V::Change>,
    ) -> Vec<V::Out> {
        let mut told = Vec::new();
        let is_woken = self.wakes.remove(&tick);
        let has_input = !rows.is_empty() || changes.iter().any(|batch| !batch.is_empty());
        if is_woken || has_input {
            let started = Instant::now();
            let wake = self.view.close(tick, rows, changes, &mut told);
            self.spent += started.elapsed();
            self.wakes.extend(wake.filter(|wake| *wake > tick));
        }
        told
    }

    fn next_wake(&self) -> Option<Tick> {
        self.wakes.first().copied()
    }

    fn spent(&self) -> (&'static str, Duration) {
        (self.name, self.spent)
    }
}

/// All views before the planner.
pub(crate) struct Upstream {
    dedup: Driven<Dedup>,
    islands: Driven<Islands>,
    regions: Driven<Regions>,
    programs: Driven<Programs>,
    latest: Driven<Latest>,
    totals: Driven<Totals>,
    interfaces: Driven<Interfaces>,
    bids: Driven<Bids>,
}

/// What they tell in a tick.
#[derive(Default)]
pub(crate) struct Told {
    /// To the planner.
    pub(crate) answers: Batches<Row>,
    /// To the planner.
    pub(crate) planner: Batches<Change>,
    /// To closing.
    pub(crate) outcomes: Batches<Outcomes>,
    /// To closing.
    pub(crate) closing: Vec<Change>,
}

impl Upstream {
    pub(crate) fn new(rules: &Rules) -> Self {
        Self {
            dedup: Driven::new("dedup", Dedup::new(rules.clone())),
            islands: Driven::new("islands", Islands::new(rules)),
            regions: Driven::new("regions", Regions::new(rules)),
            programs: Driven::new("programs", Programs::new(rules)),
            latest: Driven::new("latest", Latest::new(rules)),
            totals: Driven::new("totals", Totals::new(rules)),
            interfaces: Driven::new("interfaces", Interfaces::default()),
            bids: Driven::new("bids", Bids::new(rules)),
        }
    }

    pub(crate) fn close(&mut self, tick: Tick, rows: Batches<Row>) -> Told {
        let mut by_family: [Batches<Row>; Family::COUNT as usize] = Default::default();
        let mut told = Told::default();
        for settled in self.dedup.close(tick, rows, Vec::new()) {
            match settled {
                Settled::Rows(family, rows) => by_family[family as usize].push(rows),
                Settled::Outcomes(outcomes) => told.outcomes.push(vec![outcomes]),
            }
        }
        let [grid, regions, telemetry, programs, bids, _facts, answers] = by_family;
        let islands = self.islands.close(tick, grid, Vec::new());
        let regions = self.regions.close(tick, regions, Vec::new());
        let programs = self.programs.close(tick, programs, Vec::new());
        let latest = self.latest.close(tick, telemetry, Vec::new());

        let of_totals =
            only(&islands, |change| matches!(change, Change::Placed { .. } | Change::Area { .. }));
        let figures = self.totals.close(tick, Vec::new(), vec![of_totals, latest.clone()]);
        let of_interfaces =
            only(&islands, |change| matches!(change, Change::Tie { .. } | Change::Area { .. }));
        let of_interfaces = vec![of_interfaces, regions.clone()];
        let interfaces = self.interfaces.close(tick, Vec::new(), of_interfaces);
        let around_bids = only(&islands, |change| matches!(change, Change::Node { .. }));
        let bids = self.bids.close(tick, bids, vec![around_bids, programs.clone()]);

        for changes in [&islands, &regions, &programs, &bids] {
            told.closing.extend(only(changes, |change| {
                matches!(change, Change::Decision(_) | Change::Refused(_))
            }));
        }
        let of_planner = only(&islands, |change| {
            matches!(
                change,
                Change::Placed { .. } | Change::Area { .. } | Change::Succession { .. }
            )
        });
        told.planner = vec![of_planner, latest, figures, interfaces, regions, programs, bids];
        told.answers = answers;
        told
    }

    fn next_wake(&self) -> Option<Tick> {
        let wakes = [
            self.islands.next_wake(),
            self.regions.next_wake(),
            self.programs.next_wake(),
            self.totals.next_wake(),
            self.interfaces.next_wake(),
            self.bids.next_wake(),
        ];
        wakes.into_iter().flatten().min()
    }
}

/// All views, from admitted rows to closed ticks.
pub(crate) struct Chain {
    upstream: Upstream,
    planner: Driven<Planner>,
    closing: Driven<Closing>,
}

impl Chain {
    pub(crate) fn new(rules: &Rules) -> Self {
        Self {
            upstream: Upstream::new(rules),
            planner: Driven::new("planner", Planner::new(rules)),
            closing: Driven::new("closing", Closing::new(rules)),
        }
    }

    /// Closes one tick; ticks come in order, and none that a view is to be woken in is passed over.
    pub(crate) fn close(&mut self, tick: Tick, rows: Batches<Row>) -> Vec<ClosedTick> {
        let told = self.upstream.close(tick, rows);
        let decided = self.planner.close(tick, told.answers, told.planner);
        self.closing.close(tick, told.outcomes, vec![told.closing, decided])
    }

    /// The next tick in which a view is to be woken.
    pub(crate) fn next_wake(&self) -> Option<Tick> {
        self.upstream.next_wake().into_iter().chain(self.planner.next_wake()).min()
    }

    /// How long each view has worked.
    pub(crate) fn spent(&self) -> Vec<(&'static str, Duration)> {
        let Upstream { dedup, islands, regions, programs, latest, totals, interfaces, bids } =
            &self.upstream;
        vec![
            dedup.spent(),
            islands.spent(),
            regions.spent(),
            programs.spent(),
            latest.spent(),
            totals.spent(),
            interfaces.spent(),
            bids.spent(),
            self.planner.spent(),
            self.closing.spent(),
        ]
    }
}

fn only(changes: &[Change], wanted: impl Fn(&Change) -> bool) -> Vec<Change> {
    changes.iter().filter(|change| wanted(change)).cloned().collect()
}
