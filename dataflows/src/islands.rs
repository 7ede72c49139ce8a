//! `islands`: nodes and lines as they stand, the islands that live lines make of them, and the
//! areas that regions have in those islands.
//!
//! A line is live if it is in service, both its nodes exist, its ends differ and it can carry
//! something. A tick's records are folded first; then the graph takes only the net difference,
//! closing lines before it opens others, so that no passing state is ever seen. Everything told
//! is net and by name, except the handles in [`AreaKey`], which never leave the dataflow.

mod areas;

use self::areas::Areas;
use crate::by_tick::{Batches, View};
use crate::change::{AreaKey, Change, KnownLine, Tie};
use crate::refused::refused;
use crate::row::Row;
use crate::saved::{Piece, Restored, Saved, Share};
use crate::structures::connectivity::{Connectivity, EdgeIndex, Moves, NodeIndex, Place};
use crate::structures::lines::{LineState, LineView, Lines};
use crate::structures::upserts::{Upsert, Upserts, UpsertsState, earlier};
use gridweaver_model::{Data, Lookup, Rules, Text, Tick};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The state of `islands`.
pub struct Islands {
    rules: Rules,
    nodes: Upserts<Text, Text>,
    lines: Lines,
    /// Which lines name a node, whether or not it exists.
    lines_at: Lookup<Text, BTreeSet<Text>>,
    graph: Connectivity,
    placed: Lookup<Text, NodeIndex>,
    /// By line: the edge of a live line and the form told of a known one.
    drawn: Lookup<Text, Drawn>,
    /// By edge.
    line_of: Vec<Text>,
    areas: Areas,
    /// What the next tick must look at besides its records.
    touched: Touched,
}

/// Nodes with their regions, and lines, as their records say.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GridState {
    nodes: UpsertsState<Text, Text>,
    lines: Vec<(Text, LineState)>,
}

/// What has been told of a line.
#[derive(Default)]
struct Drawn {
    known: Option<KnownLine>,
    edge: Option<EdgeIndex>,
    ends: Option<(Text, Text)>,
    tie: Option<Tie>,
}

impl Islands {
    /// An empty grid.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        Self {
            rules: rules.clone(),
            nodes: Upserts::new(rules),
            lines: Lines::new(rules),
            lines_at: Lookup::default(),
            graph: Connectivity::new(),
            placed: Lookup::default(),
            drawn: Lookup::default(),
            line_of: Vec::new(),
            areas: Areas::default(),
            touched: Touched::default(),
        }
    }

    /// Folds one record; what may be refused for its age comes after all others.
    fn fold(&mut self, row: Row, touched: &mut Touched, out: &mut Vec<Change>) {
        let very_late = row.origin.is_some();
        let version = row.record.envelope.version;
        let (key, outcome) = match row.record.data {
            Data::Node(node) => {
                let (key, region) = (node.node.clone(), node.live_region().cloned());
                touched.nodes.insert(key.clone());
                (key.clone(), self.nodes.offer(key, version, region, very_late))
            }
            Data::Line(line) => {
                let key = line.line.clone();
                touched.lines.insert(key.clone());
                (key, self.lines.offer_line(*line, version, very_late))
            }
            Data::LineStatus(status) => {
                touched.lines.insert(status.line.clone());
                let outcome =
                    self.lines.offer_word(&status.line, version, status.in_service, very_late);
                (status.line, outcome)
            }
            _ => return,
        };
        if outcome == Upsert::Refused {
            out.extend(refused(row.origin, &key, &self.rules));
        }
    }

    /// Brings the graph in step with what was folded.
    fn redraw(&mut self, touched: Touched, out: &mut Vec<Change>) {
        let mut lines = touched.lines;
        let mut gone = Vec::new();
        for name in touched.nodes {
            let region = self.nodes.get(&name).cloned();
            let placed = self.placed.get(&name).copied();
            let known = placed.map(|node| self.areas.region_name(self.graph.region_of(node)));
            if region.as_ref() == known {
                continue;
            }
            out.push(Change::Node { node: name.clone(), region: region.clone() });
            lines.extend(self.lines_at.get(&name).into_iter().flatten().cloned());
            match (placed, region) {
                (None, Some(region)) => {
                    out.push(Change::NodeExists { node: name.clone(), difference: 1 });
                    let region = self.areas.region_number(&region);
                    let node = self.graph.insert_node(Arc::<str>::from(name.as_str()), region);
                    self.placed.insert(name, node);
                }
                (Some(node), Some(region)) => {
                    self.graph.set_region(node, self.areas.region_number(&region));
                }
                (Some(node), None) => {
                    out.push(Change::NodeExists { node: name.clone(), difference: -1 });
                    self.placed.remove(&name);
                    gone.push(node);
                }
                (None, None) => {}
            }
        }
        let opened: Vec<EdgeIndex> =
            lines.iter().filter_map(|line| self.redraw_line(line, out)).collect();
        for edge in opened {
            self.graph.remove_edge(edge);
        }
        for node in gone {
            self.graph.remove_node(node);
        }
        let moves = self.graph.take_moves();
        self.tell_ties(&moves, &lines, out);
        self.tell_places(&moves, out);
        self.areas.tell(&self.graph, &moves, out);
    }

    /// Tells what a line has become and inserts its edge where it is live; returns the edge to be
    /// removed where it was live in another form.
    fn redraw_line(&mut self, name: &Text, out: &mut Vec<Change>) -> Option<EdgeIndex> {
        let view = self.lines.get(name);
        let mut drawn = self.drawn.remove(name).unwrap_or_default();
        let known = view.as_ref().map(|view| known_line(name, view));
        if drawn.known != known {
            self.note_ends(name, &drawn.known, &known);
            let forms = [(drawn.known.take(), -1), (known.clone(), 1)];
            out.extend(forms.into_iter().filter_map(|(line, difference)| {
                Some(Change::Line { line: Box::new(line?), difference })
            }));
            drawn.known = known;
        }
        let live = drawn.known.as_ref().filter(|known| {
            known.in_service
                && known.carries
                && known.from != known.to
                && self.placed.contains_key(&known.from)
                && self.placed.contains_key(&known.to)
        });
        let ends = live.map(|known| (known.from.clone(), known.to.clone()));
        // A node that went and came back in one tick was never removed, so names tell enough.
        let mut opened = None;
        if drawn.ends != ends {
            opened = drawn.edge.take();
            if let Some((from, to)) = &ends {
                let edge = self.graph.insert_edge(self.placed[from], self.placed[to]);
                self.remember_line(edge, name);
                drawn.edge = Some(edge);
            }
            out.push(Change::LiveLine { line: name.clone(), ends: ends.clone().map(Box::new) });
            drawn.ends = ends;
        }
        if drawn.known.is_some() || drawn.edge.is_some() || drawn.tie.is_some() {
            self.drawn.insert(name.clone(), drawn);
        }
        opened
    }

    fn remember_line(&mut self, edge: EdgeIndex, line: &Text) {
        let at = edge.0 as usize;
        if self.line_of.len() <= at {
            self.line_of.resize(at + 1, Text::default());
        }
        self.line_of[at] = line.clone();
    }

    fn note_ends(&mut self, name: &Text, old: &Option<KnownLine>, new: &Option<KnownLine>) {
        for end in old.iter().flat_map(|line| [&line.from, &line.to]) {
            if let Some(lines) = self.lines_at.get_mut(end) {
                lines.remove(name);
                if lines.is_empty() {
                    self.lines_at.remove(end);
                }
            }
        }
        for end in new.iter().flat_map(|line| [&line.from, &line.to]) {
            self.lines_at.entry(end.clone()).or_default().insert(name.clone());
        }
    }

    /// Tells the ties that differ: of the lines redrawn and of those at nodes that moved.
    fn tell_ties(&mut self, moves: &Moves, lines: &BTreeSet<Text>, out: &mut Vec<Change>) {
        let mut candidates = lines.clone();
        for moved in moves.nodes.iter().filter(|moved| moved.after.is_some()) {
            let links = self.graph.links(moved.node).iter();
            candidates.extend(links.map(|link| self.line_of[link.edge.0 as usize].clone()));
        }
        for name in candidates {
            let tie = self.tie(&name);
            let told = self.drawn.get(&name).and_then(|drawn| drawn.tie.as_ref());
            if tie.as_ref() == told {
                continue;
            }
            out.push(Change::Tie { line: name.clone(), tie: tie.clone().map(Box::new) });
            let drawn = self.drawn.entry(name.clone()).or_default();
            drawn.tie = tie;
            if drawn.known.is_none() && drawn.tie.is_none() {
                self.drawn.remove(&name);
            }
        }
    }

    /// The line as a tie, if it is live and joins two areas.
    fn tie(&self, name: &Text) -> Option<Tie> {
        let edge = self.drawn.get(name)?.edge?;
        let view = self.lines.get(name)?;
        let ends = [&view.from, &view.to].map(|end| self.placed[end]);
        let areas = ends.map(|node| self.area_of(node));
        debug_assert_eq!(self.graph.ends(edge), ends, "an edge joins its line's nodes");
        (areas[0] != areas[1]).then_some(Tie {
            areas,
            capacity: view.capacity,
            loss: self.rules.dispatch.line_loss(view.loss, view.length),
            wheeling_price: view.wheeling_price,
        })
    }

    fn area_of(&self, node: NodeIndex) -> AreaKey {
        area_key(Place {
            component: self.graph.component_of(node),
            region: self.graph.region_of(node),
        })
    }

    fn tell_places(&self, moves: &Moves, out: &mut Vec<Change>) {
        // A node that was removed and inserted again is two moves: where it is now counts.
        let mut places: BTreeMap<&str, Option<AreaKey>> = BTreeMap::new();
        for moved in &moves.nodes {
            let place = places.entry(self.graph.name(moved.node)).or_default();
            *place = moved.after.map(area_key).or(*place);
        }
        out.extend(
            places.into_iter().map(|(node, area)| Change::Placed { node: node.into(), area }),
        );
    }
}

/// The names that a tick's records concern.
#[derive(Default)]
struct Touched {
    nodes: BTreeSet<Text>,
    lines: BTreeSet<Text>,
}

fn area_key(place: Place) -> AreaKey {
    AreaKey { component: place.component.0, region: place.region }
}

fn known_line(name: &Text, view: &LineView) -> KnownLine {
    KnownLine {
        line: name.clone(),
        from: view.from.clone(),
        to: view.to.clone(),
        carries: view.capacity.0 > 0,
        in_service: view.in_service,
    }
}

impl View for Islands {
    type Row = Row;
    type Change = Change;
    type Out = Change;

    fn close(
        &mut self,
        tick: Tick,
        rows: Batches<Row>,
        _: Batches<Change>,
        out: &mut Vec<Change>,
    ) -> Option<Tick> {
        let mut touched = std::mem::take(&mut self.touched);
        let (late, on_time): (Vec<Row>, Vec<Row>) =
            rows.into_iter().flatten().partition(|row| row.origin.is_some());
        for row in on_time.into_iter().chain(late) {
            self.fold(row, &mut touched, out);
        }
        self.redraw(touched, out);
        earlier(self.nodes.forget(tick), self.lines.forget(tick))
    }
}

impl Saved for Islands {
    fn save(&self) -> Piece {
        Piece::Islands(GridState { nodes: self.nodes.state(), lines: self.lines.state() })
    }

    fn restore(&mut self, restored: &Restored, _: Share) {
        for piece in &restored.pieces {
            let Piece::Islands(grid) = piece else { continue };
            self.touched.nodes.append(&mut self.nodes.restore(&grid.nodes));
            self.lines.restore(&grid.lines);
            self.touched.lines.extend(grid.lines.iter().map(|(line, _)| line.clone()));
        }
    }
}
