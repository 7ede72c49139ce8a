//! What a book of bids holds, as of the latest instant that it was told.

use super::{AcceptedBid, BidError, BidId, EvaluationWindow};
use gridweaver_dataflows::change::{Change, Program};
use gridweaver_dataflows::planner::ranking::{Ranked, Ranking};
use gridweaver_dataflows::row::Row;
use gridweaver_dataflows::structures::clearing;
use gridweaver_model::decision::{
    AuditEntry, BidStatus, DemandResponseActivated, Event, derived_id,
};
use gridweaver_model::encode::encode;
use gridweaver_model::record::{Envelope, Version};
use gridweaver_model::{Data, Decision, Price, Record, Rules, Text, Time, Watts, decode_text};
use std::collections::{BTreeMap, BTreeSet};

/// No bid or program is longer as text.
const RECORD_BYTES_MAX: usize = 1 << 16;

/// What may be said of `name`, by the judge of records itself.
pub(super) fn judged(name: &Text, time: Time, data: Data) -> Result<Data, BidError> {
    let bad = |detail: String| BidError::BadRecord { name: name.clone(), detail };
    let record = Record { envelope: envelope(time, 1), data };
    let mut line = Vec::new();
    encode(&record, &mut line);
    let line = String::from_utf8_lossy(&line);
    let read = decode_text(&line, RECORD_BYTES_MAX).map_err(|refusal| bad(refusal.detail))?;
    // Instants that text has no room for come back as others.
    if read != record {
        return Err(bad("times must lie within the years 1970 to 2199".to_owned()));
    }
    Ok(read.data)
}

fn envelope(time: Time, sequence: u64) -> Envelope {
    let (source, id) = (Text::from("library"), Text::from("library"));
    Envelope { version: Version { time, sequence, source, id }, correlation_id: None }
}

/// See the module's documentation.
pub(super) struct Held {
    rules: Rules,
    now: Time,
    ranking: Ranking,
    /// Not yet given to the ranking.
    rows: Vec<Row>,
    changes: Vec<Change>,
    submitted: u64,
    /// Bids accepted under each program; some may have ended since.
    accepted: BTreeMap<Text, BTreeSet<Text>>,
    /// What turned since the last evaluation.
    untold: BTreeMap<Text, BidStatus>,
}

/// What an evaluation comes to, not yet in force.
pub(super) struct Evaluation {
    pub(super) program: Text,
    /// All bids that were considered, in rank order.
    pub(super) amounts: Vec<(Text, Watts)>,
    pub(super) accepted: Vec<AcceptedBid>,
    pub(super) decisions: Vec<Decision>,
}

impl Held {
    pub(super) fn new(rules: &Rules) -> Self {
        Self {
            rules: rules.clone(),
            now: Time(1),
            ranking: Ranking::new(rules),
            rows: Vec::new(),
            changes: Vec::new(),
            submitted: 0,
            accepted: BTreeMap::new(),
            untold: BTreeMap::new(),
        }
    }

    pub(super) fn now(&self) -> Time {
        self.now
    }

    pub(super) fn set_program(
        &mut self,
        program: Text,
        region: &str,
        capacity: Watts,
        max_price: Option<Price>,
    ) {
        // A bid without a node counts in its region: here every region of a program has a place.
        let place = Text::from(region);
        let details = Program { region: place.clone(), capacity, max_price };
        self.notice(Change::Node { node: place.clone(), region: Some(place) });
        self.notice(Change::Program { program, details: Some(Box::new(details)) });
    }

    pub(super) fn notice(&mut self, change: Change) {
        self.changes.push(change);
    }

    pub(super) fn take(&mut self, time: Time, data: Data) {
        self.submitted += 1;
        let record = Record { envelope: envelope(time, self.submitted), data };
        self.rows.push(Row { record, origin: None });
    }

    /// Goes on to `now`, with all that was said.
    pub(super) fn advance(&mut self, now: Time) {
        self.now = self.now.max(now.min(Time::END));
        let (rows, changes) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.changes));
        for bid in self.ranking.settle(self.now, rows, changes) {
            if let Some(ranked) = self.ranking.get(&bid) {
                let status = ranked.status();
                self.untold.insert(bid, status);
            }
        }
    }

    pub(super) fn find<'a>(&'a self, bid: &'a BidId) -> Result<Ranked<'a>, BidError> {
        self.ranking.get(&bid.0).ok_or_else(|| BidError::UnknownBid(bid.clone()))
    }

    /// What a program's accepted bids that still run come to.
    fn committed(&self, program: &Text) -> Watts {
        let bids = self.accepted.get(program).into_iter().flatten();
        bids.filter_map(|bid| self.ranking.get(bid)?.accepted()).sum()
    }

    /// Clears a program, and says what that would come to.
    pub(super) fn evaluate(
        &self,
        program: &str,
        window: EvaluationWindow,
    ) -> Result<Evaluation, BidError> {
        let program = Text::from(program);
        let Some(details) = self.ranking.program(&program) else {
            return Err(BidError::UnknownProgram(program));
        };
        let left = (details.capacity - self.committed(&program)).max(Watts::ZERO);
        let candidates: Vec<Ranked<'_>> = self
            .ranking
            .eligible(&program)
            .filter(|bid| bid.accepted().is_none() && bid.offer().end >= window.end)
            .collect();
        let taken = self.clear(&candidates, left, window.need.unwrap_or(left));
        let considered = || candidates.iter().zip(taken.iter().copied());
        let accepted: Vec<AcceptedBid> =
            considered().filter(|(_, amount)| *amount > Watts::ZERO).map(accepted).collect();
        let mut statuses = self.untold.clone();
        for (bid, amount) in considered() {
            let (before, after) = (bid.status(), bid.status_after(amount));
            if before.status != after.status {
                statuses.insert(bid.bid().clone(), after);
            }
        }
        let statuses = statuses.into_values().map(|status| {
            let region = self.ranking.program(&status.program).map(|details| &details.region);
            decision(Event::BidStatus(status), region)
        });
        let audit = audit(&program, window, candidates.len(), &accepted);
        let audit = decision(Event::AuditEntry(audit), Some(&details.region));
        Ok(Evaluation {
            decisions: statuses.chain([audit]).collect(),
            amounts: considered().map(|(bid, amount)| (bid.bid().clone(), amount)).collect(),
            program,
            accepted,
        })
    }

    /// The least-cost amounts of candidates in rank order.
    fn clear(&self, candidates: &[Ranked<'_>], left: Watts, need: Watts) -> Vec<Watts> {
        let offers = candidates.iter().map(|bid| clearing::Offer {
            score: bid.offer().score.0,
            min_w: bid.offer().min.0,
            max_w: bid.offer().max.0,
            program: 0,
        });
        let problem = clearing::Problem {
            need_w: need.min(left).0.max(0),
            offers: offers.collect(),
            program_capacity_w: vec![left.0],
            lost_load_price: self.rules.dispatch.lost_load_price.0.max(0),
        };
        clearing::clear(&problem).taken_w.into_iter().map(Watts).collect()
    }

    /// Puts an evaluation in force: it was told.
    pub(super) fn adopt(&mut self, program: &Text, amounts: &[(Text, Watts)]) {
        self.ranking.decide(amounts);
        self.untold.clear();
        let bids = self.accepted.entry(program.clone()).or_default();
        bids.retain(|bid| self.ranking.get(bid).is_some_and(|held| held.accepted().is_some()));
        let taken = amounts.iter().filter(|(_, amount)| *amount > Watts::ZERO);
        bids.extend(taken.map(|(bid, _)| bid.clone()));
    }

    /// The orders on accepted bids, not yet standing.
    pub(super) fn activations(
        &self,
        accepted: &[AcceptedBid],
    ) -> Result<Vec<DemandResponseActivated>, BidError> {
        let mut seen = BTreeSet::new();
        let orders = accepted.iter().map(|bid| {
            let held = self.find(&bid.bid)?;
            let stands = held.accepted() == Some(bid.amount) && !held.is_ordered();
            if !stands || !seen.insert(&bid.bid) {
                return Err(BidError::NotAccepted(bid.bid.clone()));
            }
            Ok(self.activation(bid, held))
        });
        orders.collect()
    }

    fn activation(&self, bid: &AcceptedBid, held: Ranked<'_>) -> DemandResponseActivated {
        let (offer, time) = (held.offer(), self.now.to_string());
        let capacity = self.ranking.program(&offer.program).map(|program| program.capacity);
        let others = self.committed(&offer.program) - bid.amount;
        DemandResponseActivated {
            plan: derived_id("plan-", &[&time, &offer.program]),
            order: derived_id("dr-", &[&time, &bid.bid.0]),
            bid: bid.bid.0.clone(),
            participant: offer.participant.clone(),
            program: offer.program.clone(),
            amount: bid.amount,
            price: offer.price,
            score: offer.score,
            rank: bid.rank,
            start: self.now + offer.notice,
            until: offer.end,
            supersedes: None,
            need: bid.amount,
            min: offer.min,
            max: offer.max,
            program_remaining: capacity.unwrap_or_default() - others,
            reliability: offer.reliability,
        }
    }

    pub(super) fn activation_told(&self, order: &DemandResponseActivated) -> Decision {
        let region = self.ranking.program(&order.program).map(|details| &details.region);
        decision(Event::DemandResponseActivated(Box::new(order.clone())), region)
    }

    /// Makes orders stand: they were told.
    pub(super) fn order(&mut self, orders: &[DemandResponseActivated]) {
        for order in orders {
            self.ranking.order(&order.bid, order.order.clone());
        }
    }
}

fn accepted((bid, amount): (&Ranked<'_>, Watts)) -> AcceptedBid {
    AcceptedBid {
        bid: BidId(bid.bid().clone()),
        amount,
        price: bid.offer().price,
        score: bid.offer().score,
        rank: bid.rank().unwrap_or_default(),
    }
}

fn audit(
    program: &Text,
    window: EvaluationWindow,
    considered: usize,
    accepted: &[AcceptedBid],
) -> AuditEntry {
    let taken = accepted.len();
    AuditEntry {
        action: "evaluate".into(),
        subject: program.clone(),
        plan: None,
        decision: format!("{taken} of {considered} bids accepted").into(),
        reason: format!("least cost from {} to {}", window.start, window.end).into(),
        considered: considered as u64,
        accepted: taken as u64,
        rejected: (considered - taken) as u64,
        marginal_bid: accepted.last().map(|bid| bid.bid.0.clone()),
    }
}

fn decision(event: Event, region: Option<&Text>) -> Decision {
    Decision { event, region: region.cloned(), area: region.cloned() }
}
