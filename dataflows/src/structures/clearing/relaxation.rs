//! The problem with the minima of undecided offers dropped, under the decisions made so far.
//!
//! Promises: [`Relaxation::solve`] gives the least [`Worth`] of everything the decisions allow,
//! relaxed, in one pass: without minima it is a polymatroid, where filling in score order is
//! optimal; in offer order it also gives the earlier offer more. So it bounds every plan below a
//! node, and where no dropped minimum is violated it *is* a best plan there.
//!
//! Decisions carry dominance with them: where two offers share a program, the earlier one has
//! the lower minimum and the higher maximum, then whoever takes the later without the earlier
//! does no worse by swapping them (same power, no higher score, an earlier set). Not a search:
//! it only decides, undoes and solves.

/// What solving a node costs beside reading its offers, in reads: mostly undoing and branching.
pub(super) const NODE_VISITS: u64 = 48;

/// An offer that may be of use, with its maximum within its program's capacity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Thousandths per MWh, at least 0 and below the lost-load price.
    pub(super) score: i64,
    pub(super) min_w: i64,
    pub(super) max_w: i64,
    pub(super) program: usize,
    /// Index in the problem; rises with the entry's own.
    pub(super) offer: usize,
}

impl Entry {
    fn dominates(&self, other: &Entry) -> bool {
        self.min_w <= other.min_w && self.max_w >= other.max_w
    }
}

/// What is decided about an entry. One without a minimum is on from the start: that binds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Open,
    On,
    Off,
}

/// What plans are compared by before their sets are: least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Worth {
    /// Thousandths per MWh × watts, lost load included.
    pub(super) cost: i128,
    pub(super) over_w: i64,
    /// Power taken less the need.
    pub(super) balance_w: i64,
}

/// The answer of one relaxation; its amounts are in [`Relaxation::amounts_w`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Solved {
    pub(super) worth: Worth,
    /// The first entry that got some power, but less than its minimum.
    pub(super) violated: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Relaxation {
    pub(super) entries: Vec<Entry>,
    pub(super) decisions: Vec<Decision>,
    /// Per entry, as last solved.
    pub(super) amounts_w: Vec<i64>,
    /// The need and capacities before any minimum is set aside.
    pub(super) need_w: i64,
    pub(super) capacity_w: Vec<i64>,
    pub(super) lost_load_price: i64,
    /// The greatest problem index with power that is settled outside these entries.
    pub(super) settled_last: Option<usize>,
    /// Cost of what is settled outside, and of the minima of what is on.
    cost: i128,
    /// Need and capacities less the minima of what is on; below zero where those exceed them.
    need_left_w: i64,
    capacity_left_w: Vec<i64>,
    /// Per program, the entries that were open at the start.
    open: Vec<Vec<usize>>,
    /// Entries decided, in order, for [`Relaxation::undo`].
    trail: Vec<usize>,
    /// What every plan's power here is a multiple of: 1 unless all entries are blocks, where the
    /// minimum is the maximum.
    grain_w: i64,
    /// Scratch of `solve`.
    room_w: Vec<i64>,
    /// Entries read so far: the measure of work.
    pub(super) visits: u64,
    pub(super) nodes: u64,
}

impl Relaxation {
    pub(super) fn new(
        entries: Vec<Entry>,
        need_w: i64,
        capacity_w: Vec<i64>,
        lost_load_price: i64,
    ) -> Self {
        let start = |entry: &Entry| {
            if entry.min_w == 0 { Decision::On } else { Decision::Open }
        };
        let decisions = entries.iter().map(start).collect();
        Self::resume(entries, decisions, need_w, capacity_w, lost_load_price)
    }

    /// As `new`, with decisions that hold for good.
    pub(super) fn resume(
        entries: Vec<Entry>,
        decisions: Vec<Decision>,
        need_w: i64,
        capacity_w: Vec<i64>,
        lost_load_price: i64,
    ) -> Self {
        let mut open = vec![Vec::new(); capacity_w.len()];
        let mut capacity_left_w = capacity_w.clone();
        let mut need_left_w = need_w;
        let mut cost = 0;
        for (index, (entry, decision)) in entries.iter().zip(&decisions).enumerate() {
            match decision {
                Decision::Open => open[entry.program].push(index),
                Decision::On => {
                    capacity_left_w[entry.program] -= entry.min_w;
                    need_left_w -= entry.min_w;
                    cost += i128::from(entry.score) * i128::from(entry.min_w);
                }
                Decision::Off => {}
            }
        }
        Relaxation {
            grain_w: entries.iter().fold(0, grain_with).max(1),
            amounts_w: vec![0; entries.len()],
            room_w: vec![0; capacity_w.len()],
            trail: Vec::new(),
            settled_last: None,
            visits: 0,
            nodes: 0,
            entries,
            decisions,
            need_w,
            capacity_w,
            lost_load_price,
            cost,
            need_left_w,
            capacity_left_w,
            open,
        }
    }

    /// Adds what is settled outside these entries: its cost and its last problem index.
    pub(super) fn settle(&mut self, cost: i128, last: Option<usize>) {
        self.cost += cost;
        self.settled_last = last;
    }

    /// Where to [`Relaxation::undo`] to.
    pub(super) fn mark(&self) -> usize {
        self.trail.len()
    }

    pub(super) fn undo(&mut self, mark: usize) {
        while self.trail.len() > mark {
            let index = self.trail.pop().expect("a mark lies within the trail");
            if self.decisions[index] == Decision::On {
                self.set_aside(index, -1);
            }
            self.decisions[index] = Decision::Open;
        }
    }

    /// Decides one open entry and nothing else.
    pub(super) fn decide_alone(&mut self, index: usize, decision: Decision) {
        debug_assert_eq!(self.decisions[index], Decision::Open, "an entry is decided twice");
        self.decisions[index] = decision;
        if decision == Decision::On {
            self.set_aside(index, 1);
        }
        self.trail.push(index);
    }

    /// Decides an open entry, and with it what dominance then decides.
    pub(super) fn decide(&mut self, index: usize, decision: Decision) {
        self.decide_alone(index, decision);
        let entry = self.entries[index];
        let open = std::mem::take(&mut self.open[entry.program]);
        let at = open.partition_point(|&other| other < index);
        let (earlier, later) = (&open[..at], &open[at + 1..]);
        let implied = if decision == Decision::On { earlier } else { later };
        for &other in implied {
            let other_entry = &self.entries[other];
            let implies = match decision {
                Decision::On => other_entry.dominates(&entry),
                Decision::Off | Decision::Open => entry.dominates(other_entry),
            };
            if implies && self.decisions[other] == Decision::Open {
                self.decide_alone(other, decision);
            }
        }
        self.visits += implied.len() as u64;
        self.open[entry.program] = open;
    }

    fn set_aside(&mut self, index: usize, sign: i64) {
        let entry = &self.entries[index];
        let min_w = sign * entry.min_w;
        self.capacity_left_w[entry.program] -= min_w;
        self.need_left_w -= min_w;
        self.cost += i128::from(entry.score) * i128::from(min_w);
    }

    /// The best of what is left, minima of open entries dropped; none where minima overrun a
    /// program.
    pub(super) fn solve(&mut self) -> Option<Solved> {
        self.nodes += 1;
        self.visits += NODE_VISITS + self.entries.len() as u64;
        if self.capacity_left_w.iter().any(|&left_w| left_w < 0) {
            return None;
        }
        self.room_w.copy_from_slice(&self.capacity_left_w);
        let mut left_w = self.need_left_w.max(0);
        let mut cost = self.cost;
        let mut violated = None;
        let mut last_score = 0;
        for (index, entry) in self.entries.iter().enumerate() {
            let decision = self.decisions[index];
            let base_w = if decision == Decision::On { entry.min_w } else { 0 };
            self.amounts_w[index] = base_w;
            if left_w == 0 || decision == Decision::Off {
                continue;
            }
            let room_w = &mut self.room_w[entry.program];
            let extra_w = (entry.max_w - base_w).min(left_w).min(*room_w);
            *room_w -= extra_w;
            left_w -= extra_w;
            cost += i128::from(entry.score) * i128::from(extra_w);
            self.amounts_w[index] += extra_w;
            last_score = if extra_w > 0 { entry.score } else { last_score };
            let too_little = decision == Decision::Open && extra_w > 0 && extra_w < entry.min_w;
            if too_little && violated.is_none() {
                violated = Some(index);
            }
        }
        cost += i128::from(self.lost_load_price) * i128::from(left_w);
        let over_w = (-self.need_left_w).max(0);
        let mut worth = Worth { cost, over_w, balance_w: over_w - left_w };
        if self.need_left_w > 0 && left_w == 0 {
            worth = self.round_to_grain(worth, last_score);
        }
        Some(Solved { worth, violated })
    }

    /// Where the need is met exactly but plans come in grains: the better of the nearest multiple
    /// below, short, and the one above, over. Cost is convex in the power taken and rises by
    /// `last_score` at the need, so no multiple further off is better.
    fn round_to_grain(&self, met: Worth, last_score: i64) -> Worth {
        let below_w = self.need_left_w % self.grain_w;
        if below_w == 0 {
            return met;
        }
        let above_w = self.grain_w - below_w;
        let saved = i128::from(self.lost_load_price - last_score);
        let cost_short = met.cost + saved * i128::from(below_w);
        let cost_over = met.cost + i128::from(last_score) * i128::from(above_w);
        let short = Worth { cost: cost_short, over_w: 0, balance_w: -below_w };
        short.min(Worth { cost: cost_over, over_w: above_w, balance_w: above_w })
    }

    /// Whether an entry's minimum still fits beside what is on.
    pub(super) fn fits(&self, index: usize) -> bool {
        let entry = &self.entries[index];
        entry.min_w <= self.capacity_left_w[entry.program]
    }

    /// Need less the minima of what is on.
    pub(super) fn need_left_w(&self) -> i64 {
        self.need_left_w
    }
}

/// The greatest common divisor of a grain and of all that an entry may take; start with 0.
pub(super) fn grain_with(grain_w: i64, entry: &Entry) -> i64 {
    let (mut a_w, mut b_w) = (grain_w, if entry.min_w < entry.max_w { 1 } else { entry.max_w });
    while b_w > 0 {
        (a_w, b_w) = (b_w, a_w % b_w);
    }
    a_w
}
