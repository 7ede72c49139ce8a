//! Branch and bound: the least worth (cost, then power over, then power taken) of a problem.
//!
//! Promises: a finished search proves that nothing is worth less than what it found or was given;
//! one that reaches its count gives the least bound of what it left open. Depth first on the
//! first offer that the relaxation gives less than its minimum. Which of several equal plans it
//! finds says nothing: that is settled afterwards (`ties`).

use super::narrowing::Incumbent;
use super::relaxation::{Decision, Relaxation, Worth};

pub(super) struct Outcome {
    /// The best plan found, if any is better than the one given.
    pub(super) best: Option<Incumbent>,
    /// No plan of this problem costs less, nor does the one given if it is cheaper.
    pub(super) bound: i128,
    pub(super) complete: bool,
}

/// A branching whose second side is still to be searched.
struct Frame {
    mark: usize,
    index: usize,
    second: Decision,
    worth: Worth,
}

pub(super) fn search(relaxation: &mut Relaxation, given: Worth, visits_max: u64) -> Outcome {
    let mut best = None;
    let mut least = given;
    let mut frames: Vec<Frame> = Vec::new();
    // The bound of the node about to be solved; nothing is known of the root before it is.
    let mut here = i128::MIN;
    loop {
        if relaxation.visits >= visits_max {
            let open = frames.iter().map(|frame| frame.worth.cost);
            let bound = open.fold(here.min(least.cost), i128::min);
            return Outcome { best, bound, complete: false };
        }
        let solved = relaxation.solve().filter(|solved| solved.worth < least);
        if let Some(solved) = solved {
            if let Some(index) = solved.violated {
                let (first, second) = sides(relaxation, index);
                frames.push(Frame { mark: relaxation.mark(), index, second, worth: solved.worth });
                relaxation.decide(index, first);
                here = solved.worth.cost;
                continue;
            }
            least = solved.worth;
            let amounts_w = relaxation.amounts_w.clone();
            best = Some(Incumbent { worth: least, amounts_w });
        }
        loop {
            let Some(frame) = frames.pop() else {
                return Outcome { best, bound: least.cost, complete: true };
            };
            relaxation.undo(frame.mark);
            if frame.worth < least {
                relaxation.decide(frame.index, frame.second);
                here = frame.worth.cost;
                break;
            }
        }
    }
}

/// Rounds to the nearer side first: on where at least half of the minimum is given.
fn sides(relaxation: &Relaxation, index: usize) -> (Decision, Decision) {
    if relaxation.amounts_w[index] >= relaxation.entries[index].min_w / 2 {
        (Decision::On, Decision::Off)
    } else {
        (Decision::Off, Decision::On)
    }
}
