//! `facts`: the performance that counts now, each fact as its newest revision says.
//!
//! A fact counts from the tick it is admitted to until the first that ends more than
//! `reliability_window` after its time. Revisions of one fact are held apart, each for its own
//! time, and the greatest by (sequence, time, data) counts: where it is over before an older one,
//! the older one counts again.

use crate::by_tick::{Batches, View};
use crate::change::Change;
use crate::dedup::identity_of;
use crate::row::Row;
use crate::saved::{Piece, Restored, Saved, Share};
use gridweaver_model::record::Performance;
use gridweaver_model::{Data, Lookup, Rules, Tick, Time};
use std::collections::{BTreeMap, BTreeSet};

/// What a participant delivered, and whether that begins to count (1) or ends (-1).
pub type Counted = (Performance, isize);

/// One revision of a fact: its sequence, its time, what it says.
pub(crate) type Revision = (u64, Time, Performance);

/// The state of `facts` on one worker: those whose identities hash there.
pub struct Facts {
    rules: Rules,
    held: Lookup<u128, BTreeSet<Revision>>,
    /// What is over in which tick.
    ending: BTreeMap<Tick, Vec<(u128, Revision)>>,
    /// What a checkpoint brought, to be told in the first tick.
    restored: Vec<Performance>,
}

impl Facts {
    /// No fact counts.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        let (held, ending, restored) = Default::default();
        Self { rules: rules.clone(), held, ending, restored }
    }

    /// The first tick in which a fact of that time counts no more.
    fn over_in(&self, time: Time) -> Tick {
        let over = Time(time.0 + self.rules.dispatch.reliability_window.0 + 1);
        self.rules.first_ending_at_or_after(over)
    }

    /// Changes the revisions of a fact and tells what that does to the one that counts.
    fn revise(
        &mut self,
        identity: u128,
        change: impl FnOnce(&mut BTreeSet<Revision>) -> bool,
        out: &mut Vec<Counted>,
    ) {
        let revisions = self.held.entry(identity).or_default();
        let before = revisions.last().cloned();
        if change(revisions) && revisions.last() != before.as_ref() {
            out.extend(before.map(|(.., fact)| (fact, -1)));
            out.extend(revisions.last().map(|(.., fact)| (fact.clone(), 1)));
        }
        if revisions.is_empty() {
            self.held.remove(&identity);
        }
    }

    fn hold(&mut self, identity: u128, revision: Revision, out: &mut Vec<Counted>) {
        let ending = self.ending.entry(self.over_in(revision.1)).or_default();
        ending.push((identity, revision.clone()));
        self.revise(identity, |revisions| revisions.insert(revision), out);
    }
}

impl View for Facts {
    type Row = Row;
    type Change = Change;
    type Out = Counted;

    fn close(
        &mut self,
        tick: Tick,
        rows: Batches<Row>,
        _: Batches<Change>,
        out: &mut Vec<Counted>,
    ) -> Option<Tick> {
        out.extend(self.restored.drain(..).map(|fact| (fact, 1)));
        for row in rows.into_iter().flatten() {
            let identity = identity_of(&row.record);
            let version = row.record.envelope.version;
            let Data::Performance(fact) = row.record.data else { continue };
            if self.over_in(version.time) > tick {
                self.hold(identity, (version.sequence, version.time, *fact), out);
            }
        }
        while let Some(entry) = self.ending.first_entry().filter(|entry| *entry.key() <= tick) {
            for (identity, revision) in entry.remove() {
                self.revise(identity, |revisions| revisions.remove(&revision), out);
            }
        }
        self.ending.keys().next().copied()
    }
}

impl Saved for Facts {
    fn save(&self) -> Piece {
        let revisions =
            self.held.iter().map(|(identity, held)| (*identity, held.iter().cloned().collect()));
        Piece::Facts(revisions.collect())
    }

    fn restore(&mut self, restored: &Restored, share: Share) {
        let mut told = Vec::new();
        for piece in &restored.pieces {
            let Piece::Facts(facts) = piece else { continue };
            for (identity, revisions) in facts.iter().filter(|(id, _)| share.holds_identity(*id)) {
                for revision in revisions {
                    self.hold(*identity, revision.clone(), &mut told);
                }
            }
        }
        let newest = self.held.values().filter_map(|revisions| revisions.last());
        self.restored = newest.map(|(.., fact)| fact.clone()).collect();
    }
}
