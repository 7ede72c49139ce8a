//! Demand-response bids: submitted from many threads, ranked, cleared and applied.
//!
//! ```
//! use gridweaver::bids::{BidBook, EvaluationWindow};
//! use gridweaver::model::decision::BidState;
//! use gridweaver::model::record::Bid;
//! use gridweaver::model::{Price, Time, Watts};
//! use gridweaver::pipeline::UnifiedPipeline;
//!
//! let pipeline = UnifiedPipeline::new(1_000);
//! let book = BidBook::new(&pipeline);
//! book.set_program("peak", "west", Watts(50_000_000), None)?;
//! let bid = |bid: &str, price: i64| Bid {
//!     bid: bid.into(), participant: "mill".into(), program: "peak".into(), node: None,
//!     price: Price(price), min: Watts(0), max: Watts(20_000_000),
//!     start: Time(0), end: Time(7_200_000), notice: None, min_run: None, reliability: None,
//! };
//! let dear = book.submit_bid(bid("dear", 90_000), Time(1_000))?;
//! let cheap = book.submit_bid(bid("cheap", 60_000), Time(2_000))?;
//!
//! let window = EvaluationWindow::new(Time(3_600_000), Time(7_200_000)).with_need(Watts(15_000_000));
//! let accepted = book.evaluate_bids("peak", window)?;
//! assert_eq!((&accepted[0].bid, accepted[0].amount), (&cheap, Watts(15_000_000)));
//! assert_eq!(book.bid_status(&dear, Time(3_600_000))?.status, BidState::Rejected);
//! assert_eq!(book.apply_dispatch(&accepted, Time(3_600_000))?.len(), 1);
//! # Ok::<(), gridweaver::bids::BidError>(())
//! ```
//!
//! It is the engine's own `bids` view, its ranking and its clearing, driven by the caller's clock:
//! each call says what time it is, and time never goes back (an earlier one counts as the latest).
//! Promises: bids rank by (score, submission time, bid id), whatever thread was first; a program is
//! never overrun; each evaluation leaves an `audit.entry` in the pipeline, and before it a
//! `dr.bid_status` for every bid whose status turned since the last, by time as well; where the
//! pipeline has no room, nothing is decided.

mod held;

use super::lock;
use super::pipeline::UnifiedPipeline;
use gridweaver_dataflows::change::Change;
use gridweaver_model::decision::{BidStatus, DemandResponseActivated};
use gridweaver_model::record::{Bid, BidWithdrawn, Program};
use gridweaver_model::{Data, Millis, Ppm, Price, Rules, Text, Time, Watts};
use held::Held;
use std::fmt;
use std::sync::Mutex;
use thiserror::Error;

/// A bid's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BidId(pub Text);

impl fmt::Display for BidId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why a call on bids came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BidError {
    /// A bid or a program says what no record may say.
    #[error("{name}: {detail}: correct it and submit again")]
    BadRecord {
        /// The bid or the program.
        name: Text,
        /// The field, and what is wrong with it.
        detail: String,
    },
    /// No such bid, or it was forgotten a day after its end.
    #[error("there is no bid {0}: submit it first")]
    UnknownBid(BidId),
    /// No such program.
    #[error("there is no program {0}: set it first")]
    UnknownProgram(Text),
    /// The window is empty, or ends after the year 2199.
    #[error("the window must end after it starts, and before the year 2200")]
    BadWindow,
    /// The bid is not accepted at this amount, or was applied already.
    #[error("bid {0} is not accepted at this amount, or was applied already: evaluate anew")]
    NotAccepted(BidId),
    /// The pipeline has no room for the decision's events.
    #[error("the pipeline has no room for the decision's events: drain it, or make it larger")]
    BackPressure,
}

/// When demand response is needed, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvaluationWindow {
    /// From here; the time of the evaluation.
    pub start: Time,
    /// To here: a bid counts only if its own window lasts as long.
    pub end: Time,
    /// How much; all that the program has left where it does not say.
    pub need: Option<Watts>,
}

impl EvaluationWindow {
    /// A window that takes all that a program has left.
    #[must_use]
    pub fn new(start: Time, end: Time) -> Self {
        Self { start, end, need: None }
    }

    /// The same for a need.
    #[must_use]
    pub fn with_need(self, need: Watts) -> Self {
        Self { need: Some(need), ..self }
    }
}

/// What was accepted of a bid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedBid {
    /// The bid.
    pub bid: BidId,
    /// How much of it.
    pub amount: Watts,
    /// What is paid, per MWh.
    pub price: Price,
    /// What it was chosen by.
    pub score: Price,
    /// Its place among the program's eligible bids, from 1.
    pub rank: u64,
}

/// Bids and programs; see the module's documentation.
pub struct BidBook<'a> {
    pipeline: &'a UnifiedPipeline,
    held: Mutex<Held>,
}

impl<'a> BidBook<'a> {
    /// An empty book with the default rules, whose decisions go to `pipeline`.
    #[must_use]
    pub fn new(pipeline: &'a UnifiedPipeline) -> Self {
        Self::with_rules(pipeline, &Rules::default())
    }

    /// The same with other rules: those of scores, lead time and retention count.
    #[must_use]
    pub fn with_rules(pipeline: &'a UnifiedPipeline, rules: &Rules) -> Self {
        // A tick of one millisecond: the view then acts at the caller's instant.
        let rules = Rules { tick: Millis(1), ..rules.clone() };
        Self { pipeline, held: Mutex::new(Held::new(&rules)) }
    }

    /// Sets a program: its region, what its bids may reach together, and the price above which a
    /// bid is not eligible.
    ///
    /// # Errors
    ///
    /// Where a field is out of range, as in a record.
    pub fn set_program(
        &self,
        program: &str,
        region: &str,
        capacity: Watts,
        max_price: Option<Price>,
    ) -> Result<(), BidError> {
        let name = Text::from(program);
        let record = Program {
            program: name.clone(),
            region: Some(region.into()),
            capacity: Some(capacity),
            max_price,
            removed: None,
        };
        held::judged(&name, Time(0), Data::Program(Box::new(record)))?;
        lock(&self.held).set_program(name, region, capacity, max_price);
        Ok(())
    }

    /// Places a node, so that bids that name it count where their program's region is this one.
    pub fn set_node(&self, node: &str, region: &str) {
        let change = Change::Node { node: node.into(), region: Some(region.into()) };
        lock(&self.held).notice(change);
    }

    /// A participant's own record: delivered of what was instructed. Scores follow it.
    pub fn set_reliability(&self, participant: &str, reliability: Ppm) {
        let reliability = Some(reliability.min(Ppm::ONE));
        let participant = participant.into();
        lock(&self.held).notice(Change::Reliability { participant, reliability });
    }

    /// Submits a bid, or revises it: the newest submission of an id counts. Safe from many threads:
    /// rank is by score, submission time and id, never by who came first to this call.
    ///
    /// # Errors
    ///
    /// Where a field is out of range, as in a record.
    pub fn submit_bid(&self, bid: Bid, submitted: Time) -> Result<BidId, BidError> {
        let name = bid.bid.clone();
        let data = held::judged(&name, submitted, Data::Bid(Box::new(bid)))?;
        lock(&self.held).take(submitted, data);
        Ok(BidId(name))
    }

    /// Takes a bid back, for good.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub fn withdraw_bid(&self, bid: &BidId, time: Time) -> Result<(), BidError> {
        let mut held = lock(&self.held);
        held.advance(time);
        held.find(bid)?;
        held.take(time, Data::BidWithdrawn(BidWithdrawn { bid: bid.0.clone() }));
        Ok(())
    }

    /// Where a bid stands at `now`; one whose end has come is expired.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub fn bid_status(&self, bid: &BidId, now: Time) -> Result<BidStatus, BidError> {
        let mut held = lock(&self.held);
        held.advance(now);
        Ok(held.find(bid)?.status())
    }

    /// Accepts the least-cost set of a program's bids for a window, by rank. What was accepted
    /// before and still runs stays, and counts against the program.
    ///
    /// # Errors
    ///
    /// Where the program is unknown, the window empty, or the pipeline full; then nothing changed.
    pub fn evaluate_bids(
        &self,
        program: &str,
        window: EvaluationWindow,
    ) -> Result<Vec<AcceptedBid>, BidError> {
        if window.end <= window.start || window.end > Time::END {
            return Err(BidError::BadWindow);
        }
        let mut held = lock(&self.held);
        held.advance(window.start);
        let evaluation = held.evaluate(program, window)?;
        let told = self.pipeline.submit_decisions(held.now(), evaluation.decisions);
        told.map_err(|_| BidError::BackPressure)?;
        held.adopt(&evaluation.program, &evaluation.amounts);
        Ok(evaluation.accepted)
    }

    /// Orders what was accepted: one activation for each bid, an event each, all or none.
    ///
    /// # Errors
    ///
    /// Where one of them is no longer accepted at this amount or was applied already, or the
    /// pipeline is full; then nothing was ordered.
    pub fn apply_dispatch(
        &self,
        accepted: &[AcceptedBid],
        now: Time,
    ) -> Result<Vec<DemandResponseActivated>, BidError> {
        let mut held = lock(&self.held);
        held.advance(now);
        let orders = held.activations(accepted)?;
        let decisions = orders.iter().map(|order| held.activation_told(order)).collect();
        let told = self.pipeline.submit_decisions(held.now(), decisions);
        told.map_err(|_| BidError::BackPressure)?;
        held.order(&orders);
        Ok(orders)
    }
}
