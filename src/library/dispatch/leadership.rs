//! Who may dispatch: only one node at a time, the one that most of the others voted for.

use gridweaver_model::Text;
use std::collections::BTreeMap;

/// Whether this node leads now. Asked before every decision.
///
/// ```
/// # use gridweaver::dispatch::Leadership;
/// # use std::sync::atomic::{AtomicBool, Ordering};
/// /// Set by whoever follows the election.
/// struct Lease(AtomicBool);
///
/// impl Leadership for Lease {
///     fn leads(&self) -> bool {
///         self.0.load(Ordering::Acquire)
///     }
/// }
/// let lease: &dyn Leadership = &Lease(AtomicBool::new(false));
/// assert!(!lease.leads());
/// ```
pub trait Leadership: Send + Sync {
    /// True where this node, and no other, may decide.
    fn leads(&self) -> bool;
}

/// A node without others: it always leads.
///
/// ```
/// # use gridweaver::dispatch::{Leadership, Alone};
/// assert!(Alone.leads());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Alone;

impl Leadership for Alone {
    fn leads(&self) -> bool {
        true
    }
}

/// One node's vote for another, or for itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vote {
    /// Who votes.
    pub voter: Text,
    /// For whom.
    pub candidate: Text,
}

impl Vote {
    /// A vote of `voter` for `candidate`.
    #[must_use]
    pub fn new(voter: &str, candidate: &str) -> Self {
        Self { voter: voter.into(), candidate: candidate.into() }
    }
}

/// Each voter's one vote; of several, that for the least candidate.
fn counted(votes: &[Vote]) -> BTreeMap<&Text, &Text> {
    let mut counted = BTreeMap::new();
    for vote in votes {
        let candidate = counted.entry(&vote.voter).or_insert(&vote.candidate);
        *candidate = (*candidate).min(&vote.candidate);
    }
    counted
}

/// Whether more than half of `members` nodes voted.
///
/// ```
/// # use gridweaver::dispatch::{Vote, has_quorum};
/// let votes = [Vote::new("a", "b"), Vote::new("b", "b"), Vote::new("b", "b")];
/// assert!(has_quorum(&votes, 3) && !has_quorum(&votes, 4));
/// ```
#[must_use]
pub fn has_quorum(votes: &[Vote], members: usize) -> bool {
    2 * counted(votes).len() > members
}

/// The candidate with the most votes; ties go to the least node id. None without a vote.
///
/// ```
/// # use gridweaver::dispatch::{Vote, determine_leader};
/// let votes = [Vote::new("a", "c"), Vote::new("b", "b")];
/// assert_eq!(determine_leader(&votes).unwrap(), "b");
/// ```
#[must_use]
pub fn determine_leader(votes: &[Vote]) -> Option<Text> {
    let mut tally: BTreeMap<&Text, usize> = BTreeMap::new();
    for candidate in counted(votes).into_values() {
        *tally.entry(candidate).or_default() += 1;
    }
    let most = tally.values().copied().max()?;
    tally.into_iter().find(|(_, votes)| *votes == most).map(|(candidate, _)| candidate.clone())
}

/// What one node knows of an election: it leads where a quorum voted and made it the leader.
///
/// ```
/// # use gridweaver::dispatch::{Elected, Leadership, Vote};
/// let votes = vec![Vote::new("a", "a"), Vote::new("b", "a")];
/// let of = |node: &str| Elected { node: node.into(), votes: votes.clone(), members: 3 };
/// assert!(of("a").leads() && !of("b").leads());
/// ```
#[derive(Clone, Debug)]
pub struct Elected {
    /// This node.
    pub node: Text,
    /// The votes of the newest election.
    pub votes: Vec<Vote>,
    /// How many nodes may vote.
    pub members: usize,
}

impl Leadership for Elected {
    fn leads(&self) -> bool {
        has_quorum(&self.votes, self.members)
            && determine_leader(&self.votes).as_ref() == Some(&self.node)
    }
}
