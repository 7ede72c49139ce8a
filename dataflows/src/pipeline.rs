//! The dataflow: every view as a named operator, and what flows between them.
//!
//! ```text
//! rows ─▶ dedup ─┬─ grid ──▶ islands ─┬─▶ interfaces ◀─ regions ──┐
//!                │                    ├─▶ violations              │
//!                │                    ├─▶ critical_lines          │
//!                ├─ telemetry ▶ latest ─▶ totals ◀─ bids ─────────┤
//!                ├─ bids, programs ─▶ programs ─▶ bids ───────────┤
//!                ├─ performance ─▶ facts ─▶ reliability ─▶ bids   │
//!                └─ answers ──────────────────────────────────────┴─▶ planner ─▶ closing
//!                                              chosen by the wall clock ───────────┘
//! ```
//!
//! `dedup` is sharded by identity, `latest` by node, `bids` by bid id, the differential views by
//! their keys; what must see all of the grid runs on the first worker. Every worker builds the
//! same dataflow.

use crate::bids::Bids;
use crate::by_tick::{View, by_key, by_tick, to_all, to_first};
use crate::change::{Change, KnownLine, Referrer};
use crate::closing::{ClosedTick, Closing};
use crate::critical_lines::CriticalLines;
use crate::dedup::{Dedup, Outcomes, Settled, identity_of, shard_hash};
use crate::differences::{collection, told};
use crate::facts::Facts;
use crate::interfaces::Interfaces;
use crate::islands::Islands;
use crate::latest::Latest;
use crate::picture::Picture;
use crate::planner::Planner;
use crate::programs::Programs;
use crate::regions::Regions;
use crate::reliability::reliability;
use crate::row::{Family, Row, key_hash};
use crate::saved::{Piece, Restored, Saved, Share};
use crate::totals::Totals;
use crate::unresolved::unresolved_telemetry;
use crate::violations::violations;
use differential_dataflow::VecCollection;
use gridweaver_model::decision::Violation;
use gridweaver_model::{Data, Rules, Text, Tick};
use std::cell::RefCell;
use std::rc::Rc;
use timely::dataflow::StreamVec;
use timely::dataflow::operators::generic::operator::empty;
use timely::dataflow::operators::vec::{Filter, Partition};
use timely::dataflow::operators::{Concatenate, OkErr};

/// What a worker can look into once the frontier has passed: complete on the first worker.
pub struct Views {
    /// Orders and what they rest on.
    pub planner: Rc<RefCell<Planner>>,
    /// Node loads.
    pub totals: Rc<RefCell<Totals>>,
    /// What losing a line would cut off; kept only where asked for.
    pub critical_lines: Option<Rc<RefCell<CriticalLines>>>,
    /// The other views; kept only where asked for.
    pub picture: Option<Rc<RefCell<Picture>>>,
    saved: Vec<Rc<RefCell<dyn Saved>>>,
}

impl Views {
    /// What a checkpoint keeps of this worker's views: sound where all of them have closed the same
    /// ticks.
    #[must_use]
    pub fn save(&self) -> Vec<Piece> {
        self.saved.iter().map(|view| view.borrow().save()).collect()
    }
}

/// Builds the dataflow over `rows`; returns the closed ticks, which are on the first worker.
/// `chosen`: what the wall clock chose, on the first worker.
/// `observed`: keep also the views that decide nothing, for whoever looks at the state.
/// `restored`: begin with what the views held then; no row of that tick or an earlier one may come.
pub fn pipeline<'scope>(
    rows: StreamVec<'scope, Tick, Vec<Row>>,
    chosen: StreamVec<'scope, Tick, Change>,
    rules: &Rules,
    observed: bool,
    restored: Option<&Restored>,
) -> (StreamVec<'scope, Tick, ClosedTick>, Views) {
    let scope = rows.scope();
    let mut keeping = Keeping::new(restored, Share { index: scope.index(), peers: scope.peers() });
    let nothing = || empty::<_, Vec<Change>>(scope);
    let no_rows = || empty::<_, Vec<Vec<Row>>>(scope);
    let only = |stream: &StreamVec<'scope, Tick, Change>, wanted: fn(&Change) -> bool| {
        stream.clone().filter(wanted)
    };

    let rows = by_key(rows, |row| shard_hash(identity_of(&row.record)));
    let dedup = keeping.sharded("dedup", Dedup::new(rules.clone()), rows, nothing());
    let Families { grid, regions, telemetry, programs, bids, facts, answers, outcomes } =
        families(dedup);

    let islands = keeping.whole("islands", &shared(Islands::new(rules)), to_first(grid), nothing());
    let regions =
        keeping.whole("regions", &shared(Regions::new(rules)), to_first(regions), nothing());
    let programs =
        keeping.whole("programs", &shared(Programs::new(rules)), to_first(programs), nothing());
    let latest = Latest::new(rules);
    let latest = keeping.sharded("latest", latest, by_key(telemetry, row_key), nothing());
    let (readings, late_readings) =
        apart(to_first(latest), |change| matches!(change, Change::Reading { .. }));

    let of_interfaces = joined([only(&islands, concerns_interfaces), regions.clone()]);
    let interfaces = shared(Interfaces::default());
    let interfaces = by_tick("interfaces", interfaces, no_rows(), of_interfaces, None);

    let facts = keeping.sharded("facts", Facts::new(rules), facts, nothing());
    let record = reliability(collection(facts, Some));
    let reliability = told("reliability", record, |participant: Text, reliability, _| {
        Some(Change::Reliability { participant, reliability })
    });
    let around_bids = joined([
        only(&islands, |change| matches!(change, Change::Node { .. })),
        programs.clone(),
        reliability.clone(),
    ]);
    let of_bids = to_all(around_bids);
    let bids = keeping.sharded("bids", Bids::new(rules), by_key(bids, row_key), of_bids);
    let (offers, of_bids) = apart(to_first(bids), |change| matches!(change, Change::Bid { .. }));

    let totals = shared(Totals::new(rules));
    let of_totals =
        joined([only(&islands, concerns_totals), only(&offers, names_a_node), readings.clone()]);
    let figures = by_tick("totals", Rc::clone(&totals), no_rows(), of_totals, None);

    let broken = violations(lines_of(&islands), nodes_of(&islands));
    let violations = told("violations", broken, |(kind, subject), detail, growth| {
        let (detail, cleared) = (detail.unwrap_or_default(), growth < 0);
        let violation = Violation { kind, subject, detail, cleared };
        (growth != 0).then(|| Change::Violation(Box::new(violation)))
    });

    let planner = shared(Planner::new(rules));
    let of_planner = joined([
        only(&islands, concerns_planner),
        figures,
        interfaces,
        regions.clone(),
        programs.clone(),
        offers,
    ]);
    let decided = keeping.whole("planner", &planner, to_first(answers), of_planner);

    let telling = joined([
        only(&islands, concerns_closing),
        only(&regions, concerns_closing),
        only(&programs, concerns_closing),
        only(&of_bids, concerns_closing),
        late_readings,
        violations,
    ]);
    let outcomes = to_first(outcomes);
    let of_closing = joined([telling.clone(), decided, chosen]);
    let closing = shared(Closing::new(rules));
    let closed = keeping.whole("closing", &closing, outcomes.clone(), of_closing);
    let Keeping { saved, .. } = keeping;
    let mut views = Views { planner, totals, critical_lines: None, picture: None, saved };
    if observed {
        let critical_lines = shared(CriticalLines::default());
        let lines = only(&islands, concerns_critical_lines);
        by_tick("critical_lines", Rc::clone(&critical_lines), no_rows(), lines, None);
        let unresolved = unresolved_telemetry(heard(readings), nodes_of(&islands));
        let unresolved = told("unresolved", unresolved.map(|node| (node, ())), missing_node);
        let seen = joined([
            telling,
            only(&islands, |change| matches!(change, Change::Island { .. })),
            only(&of_bids, |change| matches!(change, Change::Unresolved { .. })),
            reliability,
            unresolved,
        ]);
        let picture = shared(Picture::default());
        by_tick("picture", Rc::clone(&picture), outcomes, seen, None);
        views.critical_lines = Some(critical_lines);
        views.picture = Some(picture);
    }
    (closed, views)
}

fn shared<V>(view: V) -> Rc<RefCell<V>> {
    Rc::new(RefCell::new(view))
}

/// The views of which a checkpoint keeps something, and the one that they begin with.
struct Keeping<'a> {
    restored: Option<&'a Restored>,
    share: Share,
    saved: Vec<Rc<RefCell<dyn Saved>>>,
}

impl<'a> Keeping<'a> {
    fn new(restored: Option<&'a Restored>, share: Share) -> Self {
        Self { restored, share, saved: Vec::new() }
    }

    /// A view of which every worker holds a share.
    fn sharded<'scope, V>(
        &mut self,
        name: &str,
        view: V,
        rows: StreamVec<'scope, Tick, Vec<Row>>,
        changes: StreamVec<'scope, Tick, Change>,
    ) -> StreamVec<'scope, Tick, V::Out>
    where
        V: View<Row = Row, Change = Change> + Saved + 'static,
        V::Out: Clone + 'static,
    {
        let view = shared(view);
        let first = self.restored.map(|restored| {
            view.borrow_mut().restore(restored, self.share);
            restored.tick
        });
        let saved: Rc<RefCell<V>> = Rc::clone(&view);
        self.saved.push(saved);
        by_tick(name, view, rows, changes, first)
    }

    /// A view that is on the first worker alone.
    fn whole<'scope, V>(
        &mut self,
        name: &str,
        view: &Rc<RefCell<V>>,
        rows: StreamVec<'scope, Tick, Vec<V::Row>>,
        changes: StreamVec<'scope, Tick, Change>,
    ) -> StreamVec<'scope, Tick, V::Out>
    where
        V: View<Change = Change> + Saved + 'static,
        V::Row: Clone + 'static,
        V::Out: Clone + 'static,
    {
        let restored = self.restored.filter(|_| self.share.is_first());
        let first = restored.map(|restored| {
            view.borrow_mut().restore(restored, self.share);
            restored.tick
        });
        if self.share.is_first() {
            let saved: Rc<RefCell<V>> = Rc::clone(view);
            self.saved.push(saved);
        }
        by_tick(name, Rc::clone(view), rows, changes, first)
    }
}

fn joined<'scope, const N: usize>(
    streams: [StreamVec<'scope, Tick, Change>; N],
) -> StreamVec<'scope, Tick, Change> {
    let scope = streams[0].scope();
    scope.concatenate(streams)
}

/// The changes that are wanted, and the others: what only one of two listeners needs is never
/// copied for the other.
fn apart<'scope>(
    changes: StreamVec<'scope, Tick, Change>,
    wanted: fn(&Change) -> bool,
) -> (StreamVec<'scope, Tick, Change>, StreamVec<'scope, Tick, Change>) {
    changes.ok_err(move |change| if wanted(&change) { Ok(change) } else { Err(change) })
}

/// What passed `dedup`, in batches, by the view that takes it.
struct Families<'scope> {
    grid: StreamVec<'scope, Tick, Vec<Row>>,
    regions: StreamVec<'scope, Tick, Vec<Row>>,
    telemetry: StreamVec<'scope, Tick, Vec<Row>>,
    programs: StreamVec<'scope, Tick, Vec<Row>>,
    bids: StreamVec<'scope, Tick, Vec<Row>>,
    facts: StreamVec<'scope, Tick, Vec<Row>>,
    answers: StreamVec<'scope, Tick, Vec<Row>>,
    outcomes: StreamVec<'scope, Tick, Vec<Outcomes>>,
}

fn families<'scope>(settled: StreamVec<'scope, Tick, Settled>) -> Families<'scope> {
    let (batches, outcomes) = settled.ok_err(|settled| match settled {
        Settled::Rows(family, rows) => Ok((family as u64, rows)),
        Settled::Outcomes(outcomes) => Err(vec![outcomes]),
    });
    let mut streams = batches.partition(Family::COUNT, |batch| batch).into_iter();
    // In the order of the families.
    let mut next = || streams.next().expect("a stream a family");
    Families {
        grid: next(),
        regions: next(),
        telemetry: next(),
        programs: next(),
        bids: next(),
        facts: next(),
        answers: next(),
        outcomes,
    }
}

/// The hash of the key by which `latest` and `bids` are sharded.
fn row_key(row: &Row) -> u64 {
    let key = match &row.record.data {
        Data::Telemetry(telemetry) => &telemetry.node,
        Data::Bid(bid) => &bid.bid,
        Data::BidWithdrawn(withdrawn) => &withdrawn.bid,
        _ => return 0,
    };
    key_hash(key)
}

fn lines_of<'scope>(
    islands: &StreamVec<'scope, Tick, Change>,
) -> VecCollection<'scope, Tick, KnownLine, isize> {
    collection(islands.clone(), |change| match change {
        Change::Line { line, difference } => Some((*line, difference.into())),
        _ => None,
    })
}

fn nodes_of<'scope>(
    islands: &StreamVec<'scope, Tick, Change>,
) -> VecCollection<'scope, Tick, Text, isize> {
    collection(islands.clone(), |change| match change {
        Change::NodeExists { node, difference } => Some((node, difference.into())),
        _ => None,
    })
}

/// The nodes that telemetry was heard of.
fn heard<'scope>(
    readings: StreamVec<'scope, Tick, Change>,
) -> VecCollection<'scope, Tick, Text, isize> {
    collection(readings, |change| match change {
        Change::Reading { node, first: true, .. } => Some((node, 1)),
        _ => None,
    })
}

fn missing_node(node: Text, missing: Option<()>, _: isize) -> Option<Change> {
    let missing = missing.map(|()| format!("node {node}").into());
    Some(Change::Unresolved { referrer: Referrer::Telemetry, key: node, missing })
}

fn concerns_totals(change: &Change) -> bool {
    matches!(change, Change::Placed { .. } | Change::Area { .. })
}

/// Of a bid whose node lies in its program's region: that is, one that exists.
fn names_a_node(change: &Change) -> bool {
    let Change::Bid { offer: Some(offer), .. } = change else { return false };
    offer.placed && offer.node.is_some()
}

fn concerns_interfaces(change: &Change) -> bool {
    matches!(change, Change::Tie { .. } | Change::Area { .. })
}

fn concerns_planner(change: &Change) -> bool {
    matches!(change, Change::Placed { .. } | Change::Area { .. } | Change::Succession { .. })
}

fn concerns_critical_lines(change: &Change) -> bool {
    matches!(change, Change::Node { .. } | Change::LiveLine { .. })
}

fn concerns_closing(change: &Change) -> bool {
    matches!(change, Change::Decision(_) | Change::Refused(_))
}
