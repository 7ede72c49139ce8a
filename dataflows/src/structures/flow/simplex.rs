//! The generalised network simplex: flow at least cost over links that lose some of it.
//!
//! A basis of such a program has as many links as there are areas, and hangs every area by one of
//! them: on another area, or on the ground, where power comes from and goes to. Climbing from link
//! to link ends at the ground or in a cycle (where what goes round comes back as less or more).
//! So a basis is one link for each area, and everything a pivot needs is found by climbing.
//!
//! Promises to end, whatever floats do: the tolerance grows every so many pivots. Only + − × ÷, in
//! one order, so that the answer is the same everywhere. The caller brings a feasible basis, and
//! one without ties (all flows strictly within their limits), or else pivots may stand still.
//! It proves nothing: prices and flow are as good as the tolerance and the floats.

/// Two ways round whose gains agree this closely are taken as equal: a basis that tells them
/// apart would multiply rounding errors by as much.
const GAIN_TOLERANCE: f64 = 1e-8;

/// After so many pivots for each link, several times what was ever seen, the tolerance grows
/// tenfold; and after growing so often, when it exceeds any saving, the search is over.
const PATIENCE: usize = 4;
const GROWTHS_MAX: usize = 16;

/// The search for a link to enter looks at one block of links after another.
const BLOCKS: usize = 8;
const BLOCK_MIN: usize = 64;

/// A way for power to go, from `tail` to `head`.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) tail: usize,
    pub(super) head: usize,
    /// What arrives of each watt sent, above 0 and at most 1.
    pub(super) gain: f64,
    /// What each watt sent costs.
    pub(super) cost: f64,
    /// The most that may be sent.
    pub(super) capacity: f64,
}

impl Link {
    /// Where one comes from `area` over this link, and what a watt injected there becomes on it.
    fn climb(&self, area: usize) -> (usize, f64) {
        if self.tail == area { (self.head, self.gain) } else { (self.tail, 1.0 / self.gain) }
    }
}

/// What a link is to the basis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// An area hangs by it; its flow is what the balances leave it.
    Basic,
    /// It carries nothing.
    Empty,
    /// It carries its capacity.
    Full,
}

/// A link that would lower the cost, and which way its flow is to change (1 or −1).
struct Entering {
    link: usize,
    direction: f64,
}

/// A basis with its flow and its prices. The ground is the node after the last area.
pub(super) struct Forest {
    pub(super) links: Vec<Link>,
    pub(super) flow: Vec<f64>,
    pub(super) role: Vec<Role>,
    /// The link each area hangs by.
    hanger: Vec<usize>,
    /// What a watt is worth in each area; 0 at the ground.
    pub(super) price: Vec<f64>,
    /// What a watt becomes once round, for areas on a cycle of the basis; 0 for all others.
    round_gain: Vec<f64>,
    /// How much each area's hanger changes for one watt on the entering link, and the sum of the
    /// terms this was added up from. Zero but during a pivot.
    change: Vec<f64>,
    change_size: Vec<f64>,
    changed: Vec<usize>,
    /// Where the search for a link to enter goes on.
    next_block: usize,
    /// Scratch of `reprice`: the areas of the climb under way, and which areas are settled.
    climbed: Vec<usize>,
    progress: Vec<Progress>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Unseen,
    Climbing,
    Settled,
}

impl Forest {
    /// A forest over `hanger.len()` areas. `flow` must balance every area; hangers are basic, the
    /// other links empty.
    pub(super) fn new(links: Vec<Link>, flow: Vec<f64>, hanger: Vec<usize>) -> Forest {
        let areas = hanger.len();
        assert_eq!(links.len(), flow.len(), "every link has a flow");
        let mut role = vec![Role::Empty; links.len()];
        for &link in &hanger {
            assert!(role[link] == Role::Empty, "no two areas hang by one link");
            role[link] = Role::Basic;
        }
        let mut forest = Forest {
            links,
            flow,
            role,
            hanger,
            price: vec![0.0; areas + 1],
            round_gain: vec![0.0; areas + 1],
            change: vec![0.0; areas],
            change_size: vec![0.0; areas],
            changed: Vec::with_capacity(areas),
            next_block: 0,
            climbed: Vec::with_capacity(areas),
            progress: vec![Progress::Unseen; areas + 1],
        };
        forest.reprice();
        forest
    }

    /// Pivots until no link could lower the cost by more than `tolerance` a watt.
    pub(super) fn minimise(&mut self, mut tolerance: f64) {
        for _ in 0..GROWTHS_MAX {
            for _ in 0..PATIENCE * self.links.len() {
                let Some(entering) = self.entering(tolerance) else {
                    return;
                };
                if !self.pivot(&entering) {
                    return;
                }
            }
            tolerance *= 10.0;
        }
    }

    /// The link that lowers the cost most for each watt, of the next few that are looked at; more
    /// of them only where none does. The first of those that tie.
    fn entering(&mut self, tolerance: f64) -> Option<Entering> {
        let links = self.links.len();
        let block = (links / BLOCKS).max(BLOCK_MIN);
        let mut looked_at = 0;
        while looked_at < links {
            let until = (self.next_block + block).min(links);
            let best = self.best_of(self.next_block..until, tolerance);
            looked_at += until - self.next_block;
            self.next_block = if until == links { 0 } else { until };
            if best.is_some() {
                return best;
            }
        }
        None
    }

    fn best_of(&self, range: std::ops::Range<usize>, tolerance: f64) -> Option<Entering> {
        let mut best = None;
        let mut best_saving = tolerance;
        for index in range {
            let (link, role) = (&self.links[index], self.role[index]);
            let saving = link.gain * self.price[link.head] - self.price[link.tail] - link.cost;
            let (saving, direction) = match role {
                Role::Basic => continue,
                Role::Empty => (saving, 1.0),
                Role::Full => (-saving, -1.0),
            };
            if saving > best_saving {
                best_saving = saving;
                best = Some(Entering { link: index, direction });
            }
        }
        best
    }

    /// Changes the entering link's flow until a link meets a limit, and lets that one leave.
    /// False where none would: costs are at least 0, so only rounding errors can suggest it.
    fn pivot(&mut self, entering: &Entering) -> bool {
        let Link { tail, head, gain, capacity, .. } = self.links[entering.link];
        self.inject(tail, -entering.direction);
        self.inject(head, entering.direction * gain);
        let (leaving, amount) = self.leaving(capacity);
        let moves = amount.is_finite();
        if moves {
            self.shift(entering, amount);
            match leaving {
                None => self.rest(entering.link, entering.direction > 0.0),
                Some(area) => {
                    self.rest(self.hanger[area], self.change[area] > 0.0);
                    self.rehang(entering.link, area);
                    self.reprice();
                }
            }
        }
        for &area in &self.changed {
            self.change[area] = 0.0;
            self.change_size[area] = 0.0;
        }
        self.changed.clear();
        moves
    }

    /// Adds to `change` how the hangers carry `amount` watts, injected at `area`, to the ground.
    fn inject(&mut self, mut area: usize, mut amount: f64) {
        let ground = self.hanger.len();
        while area != ground && self.round_gain[area] == 0.0 {
            (area, amount) = self.carry(area, amount);
        }
        if area != ground {
            // What comes round adds to what was injected, again and again: a geometric series.
            amount /= 1.0 - self.round_gain[area];
            let first = area;
            loop {
                (area, amount) = self.carry(area, amount);
                if area == first {
                    break;
                }
            }
        }
    }

    /// Lets the hanger of `area` take `amount` watts injected there. Returns where they show up
    /// next, and as how much.
    fn carry(&mut self, area: usize, amount: f64) -> (usize, f64) {
        let link = &self.links[self.hanger[area]];
        let (next, factor) = link.climb(area);
        let change = if link.tail == area { amount } else { -amount * factor };
        if self.change_size[area] == 0.0 {
            self.changed.push(area);
        }
        self.change[area] += change;
        self.change_size[area] += change.abs();
        (next, amount * factor)
    }

    /// The area whose hanger meets a limit first, and after how much on the entering link; none
    /// where the entering link itself does, at `capacity`.
    fn leaving(&self, capacity: f64) -> (Option<usize>, f64) {
        let mut leaving = None;
        let mut least = capacity;
        for &area in &self.changed {
            let change = self.change[area];
            if change.abs() <= GAIN_TOLERANCE * self.change_size[area] {
                continue;
            }
            let link = self.hanger[area];
            let flow = self.flow[link];
            let room = if change > 0.0 { self.links[link].capacity - flow } else { flow };
            let amount = room.max(0.0) / change.abs();
            if amount < least {
                least = amount;
                leaving = Some(area);
            }
        }
        (leaving, least)
    }

    fn shift(&mut self, entering: &Entering, amount: f64) {
        self.flow[entering.link] += entering.direction * amount;
        for &area in &self.changed {
            self.flow[self.hanger[area]] += self.change[area] * amount;
        }
    }

    /// A link comes to rest outside the basis, at the limit it met.
    fn rest(&mut self, link: usize, full: bool) {
        self.role[link] = if full { Role::Full } else { Role::Empty };
        self.flow[link] = if full { self.links[link].capacity } else { 0.0 };
    }

    /// Hangs the areas between the entering link and `leaving` the other way up: each by the link
    /// that the one before it hung by, so that `leaving` loses its own.
    fn rehang(&mut self, entering: usize, leaving: usize) {
        let Link { tail, head, .. } = self.links[entering];
        self.role[entering] = Role::Basic;
        let mut area = if self.leads_to(tail, leaving) { tail } else { head };
        let mut link = entering;
        while area != leaving {
            let next = self.links[self.hanger[area]].climb(area).0;
            link = std::mem::replace(&mut self.hanger[area], link);
            area = next;
        }
        self.hanger[area] = link;
    }

    fn leads_to(&self, from: usize, to: usize) -> bool {
        let ground = self.hanger.len();
        let mut area = from;
        for _ in 0..ground {
            if area == ground || area == to {
                break;
            }
            area = self.links[self.hanger[area]].climb(area).0;
        }
        area == to
    }

    /// Prices every area so that no hanger could save anything, and finds the cycles.
    fn reprice(&mut self) {
        let ground = self.hanger.len();
        self.progress.fill(Progress::Unseen);
        self.progress[ground] = Progress::Settled;
        for start in 0..ground {
            let mut area = start;
            while self.progress[area] == Progress::Unseen {
                self.progress[area] = Progress::Climbing;
                self.climbed.push(area);
                area = self.links[self.hanger[area]].climb(area).0;
            }
            if self.progress[area] == Progress::Climbing {
                self.settle_cycle(area);
            }
            while let Some(area) = self.climbed.pop() {
                if self.progress[area] == Progress::Climbing {
                    self.progress[area] = Progress::Settled;
                    self.price[area] = self.price_by_hanger(area);
                    self.round_gain[area] = 0.0;
                }
            }
        }
    }

    fn price_by_hanger(&self, area: usize) -> f64 {
        let link = &self.links[self.hanger[area]];
        if link.tail == area {
            link.gain * self.price[link.head] - link.cost
        } else {
            (self.price[link.tail] + link.cost) / link.gain
        }
    }

    /// Once round a cycle a price comes back as `gain × price + toll`, which must be the price.
    fn settle_cycle(&mut self, first: usize) {
        let (mut gain, mut toll) = (1.0, 0.0);
        let mut area = first;
        loop {
            let link = &self.links[self.hanger[area]];
            let (next, factor) = link.climb(area);
            let fee = if link.tail == area { -link.cost } else { link.cost * factor };
            toll += gain * fee;
            gain *= factor;
            area = next;
            if area == first {
                break;
            }
        }
        self.price[first] = toll / (1.0 - gain);
        self.progress[first] = Progress::Settled;
        self.round_gain[first] = gain;
        // The others hang one on the next, back to the first: price them from its end.
        while let Some(area) = self.climbed.pop() {
            if area == first {
                break;
            }
            self.progress[area] = Progress::Settled;
            self.price[area] = self.price_by_hanger(area);
            self.round_gain[area] = gain;
        }
    }
}
