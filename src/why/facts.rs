//! What an explanation says, as data: `--json` prints it as it stands, `telling` puts it in words.
//!
//! Every figure is read from the records or rebuilt from the input, none is guessed. Fields bear
//! their unit; a `why` is a sentence for people.

use super::units::{At, Lasting, Mw, PerHour, PerMwh, Share};
use gridweaver_model::Text;
use serde::Serialize;

/// One order, explained.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The order.
    pub order: Text,
    /// `demand_response`, `transfer` or `curtailment`.
    pub kind: &'static str,
    /// The end of the tick that it was written in.
    pub time: At,
    /// The region that it serves.
    pub region: Text,
    /// The area that it serves.
    pub area: Text,
    /// Activated, delivered or shed.
    pub mw: Mw,
    /// What it costs: the price paid for an activation, energy and wheeling for a transfer, the
    /// lost-load price for a curtailment.
    pub cost_per_h: PerHour,
    /// What it asks for.
    pub asks: Asks,
    /// The order that it replaces.
    pub supersedes: Option<Replaced>,
    /// What the area lacked when it was written.
    pub shortfall: Shortfall,
    /// The plan that it was written with.
    pub plan: Option<Plan>,
    /// All that serves the area at the tick's end.
    pub serving: Vec<Serving>,
    /// The bids that there were to choose from, cheapest first.
    pub bids: Vec<Bid>,
    /// How many bids of the region were outside their windows.
    pub bids_outside_window: usize,
    /// How many bids of the region were in other areas of it, cut off from this one.
    pub bids_cut_off: usize,
    /// The other areas of the island.
    pub neighbours: Vec<Neighbour>,
    /// Lines out of service that would join the island to others.
    pub island_lines_out: Vec<LineOut>,
    /// The paths that there were to choose from, cheapest first.
    pub paths: Vec<Path>,
    /// What would serve in the order's place, all else standing.
    pub without: Without,
    /// What the participant answered.
    pub answers: Vec<Answer>,
    /// How the order ended.
    pub end: Option<End>,
    /// The end of the last tick recorded.
    pub recorded_until: At,
    /// What `verify` finds wrong in the ticks in which the order was written and ended.
    pub breaches: Vec<String>,
}

/// What an order asks for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Asks {
    /// A bid is activated.
    DemandResponse(Activation),
    /// Power is sent.
    Transfer(Sending),
    /// Load is shed.
    Curtailment {
        /// Why, as recorded.
        reason: Text,
    },
}

/// An activated bid.
#[derive(Clone, Debug, Serialize)]
pub struct Activation {
    /// The bid.
    pub bid: Text,
    /// Whose.
    pub participant: Text,
    /// Under which program.
    pub program: Text,
    /// Where the load falls.
    pub node: Option<Text>,
    /// Paid.
    pub price_per_mwh: PerMwh,
    /// What it was chosen by.
    pub score_per_mwh: PerMwh,
    /// Its place among the program's eligible bids.
    pub rank: u64,
    /// How many those are.
    pub ranked: usize,
    /// The participant's.
    pub reliability: Share,
    /// The bid's window.
    pub window_s: Lasting,
    /// The bid's least.
    pub min_mw: Mw,
    /// The bid's most.
    pub max_mw: Mw,
    /// When it begins.
    pub start: At,
    /// When it ends at the latest.
    pub until: At,
    /// How long ahead it must be told.
    pub notice_s: Lasting,
    /// How long it runs at least.
    pub min_run_s: Lasting,
    /// What the program had left before the plan.
    pub program_remaining_mw: Mw,
}

/// A transfer's way and figures.
#[derive(Clone, Debug, Serialize)]
pub struct Sending {
    /// The areas that it passes, sender first.
    pub path: Vec<Text>,
    /// What each line carries.
    pub lines: Vec<LinePart>,
    /// At the sender.
    pub sent_mw: Mw,
    /// At the receiver.
    pub delivered_mw: Mw,
    /// On the way.
    pub loss_mw: Mw,
    /// Per MWh delivered.
    pub cost_per_mwh: PerMwh,
    /// The sender's.
    pub energy_price_per_mwh: PerMwh,
    /// What the sender could send.
    pub surplus_mw: Mw,
    /// What the receiver lacked after demand response.
    pub need_mw: Mw,
}

/// A line's part of a transfer.
#[derive(Clone, Debug, Serialize)]
pub struct LinePart {
    /// The line.
    pub line: Text,
    /// What it carries of the order.
    pub mw: Mw,
    /// What it may carry.
    pub capacity_mw: Option<Mw>,
}

/// An order that another replaced.
#[derive(Clone, Debug, Serialize)]
pub struct Replaced {
    /// The order.
    pub order: Text,
    /// What it stood at.
    pub mw: Mw,
    /// When it was written.
    pub since: At,
}

/// What an area lacked, and what that came from.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Shortfall {
    /// The island that the area lies in.
    pub island: Text,
    /// The area's nodes.
    pub nodes: usize,
    /// As metered.
    pub load_mw: Mw,
    /// What confirmed orders take off the meters.
    pub relief_mw: Mw,
    /// Generated.
    pub generation_mw: Mw,
    /// What generation could reach within the lead time.
    pub available_mw: Mw,
    /// Declared by an operator.
    pub declared_shortfall_mw: Mw,
    /// Held back from export.
    pub reserve_mw: Mw,
    /// What is lacking.
    pub shortfall_mw: Mw,
    /// Nodes whose newest reading is too old.
    pub stale_nodes: usize,
    /// The load that they hold.
    pub stale_load_mw: Mw,
    /// The available power that they hold.
    pub stale_available_mw: Mw,
    /// What changed since the region last lacked nothing.
    pub since_enough: Option<SinceEnough>,
}

/// What changed in an area since its region last lacked nothing.
#[derive(Clone, Debug, Serialize)]
pub struct SinceEnough {
    /// The end of the last tick in which it lacked nothing.
    pub time: At,
    /// How much load rose.
    pub load_change_mw: Mw,
    /// How much available power rose.
    pub available_change_mw: Mw,
    /// Nodes whose balance worsened, the most first.
    pub nodes: Vec<NodeChange>,
    /// Lines out since, that joined the area to nodes outside it.
    pub lines_out: Vec<LineOut>,
    /// Whether the area consisted of other nodes then.
    pub reshaped: bool,
}

/// A line that went out of service.
#[derive(Clone, Debug, Serialize)]
pub struct LineOut {
    /// The line.
    pub line: Text,
    /// Since when.
    pub time: At,
}

/// How a node changed.
#[derive(Clone, Debug, Serialize)]
pub struct NodeChange {
    /// The node.
    pub node: Text,
    /// How much its load rose.
    pub load_change_mw: Mw,
    /// How much its available power rose.
    pub available_change_mw: Mw,
}

/// A plan, and why it was made.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The plan.
    pub plan: Text,
    /// The end of the tick that it was made in.
    pub time: At,
    /// Why it was made.
    pub why: String,
    /// The plans that it replaces.
    pub supersedes: Vec<Text>,
    /// What it was made for.
    pub shortfall_mw: Mw,
    /// Served by demand response.
    pub demand_response_mw: Mw,
    /// Activated beyond the shortfall.
    pub over_delivery_mw: Mw,
    /// Delivered by transfers.
    pub transfer_mw: Mw,
    /// Left.
    pub unmet_mw: Mw,
    /// Of activations and transfers.
    pub cost_per_h: PerHour,
    /// Activations held by their minimum run.
    pub held_mw: Mw,
    /// The limits that it reached.
    pub limits: Vec<Limit>,
}

/// A limit that a plan reached.
#[derive(Clone, Debug, Serialize)]
pub struct Limit {
    /// As in `dispatch.constraint_applied`.
    pub constraint: &'static str,
    /// Whose limit.
    pub subject: Text,
    /// The limit.
    pub limit_mw: Mw,
    /// What the plan still wanted through it.
    pub requested_mw: Mw,
    /// What it got.
    pub granted_mw: Mw,
    /// In words.
    pub why: String,
}

/// An order that serves the area.
#[derive(Clone, Debug, Serialize)]
pub struct Serving {
    /// The order.
    pub order: Text,
    /// Its kind.
    pub kind: &'static str,
    /// The bid or the path.
    pub by: String,
    /// Its power.
    pub mw: Mw,
    /// When it was written.
    pub since: At,
    /// Whether it stood before the tick.
    pub stood: bool,
}

/// A bid that there was to choose from.
#[derive(Clone, Debug, Serialize)]
pub struct Bid {
    /// The bid.
    pub bid: Text,
    /// Under which program.
    pub program: Text,
    /// Per MWh.
    pub price_per_mwh: PerMwh,
    /// What it is chosen by.
    pub score_per_mwh: PerMwh,
    /// Its participant's, which the score makes up for.
    pub reliability: Share,
    /// Its place among its program's eligible bids.
    pub rank: Option<u64>,
    /// Its least.
    pub min_mw: Mw,
    /// Its most.
    pub max_mw: Mw,
    /// What stands on it at the tick's end.
    pub taken_mw: Mw,
    /// The order that stands on it.
    pub order: Option<Text>,
    /// Whether its minimum run held it, so that it was not chosen anew.
    pub held: bool,
    /// Whether it is this order's.
    pub this: bool,
    /// Why so much was taken and no more.
    pub why: String,
}

/// Another area of the island.
#[derive(Clone, Debug, Serialize)]
pub struct Neighbour {
    /// The area.
    pub area: Text,
    /// What it can send.
    pub surplus_mw: Mw,
    /// What it sends, all orders together.
    pub sent_mw: Mw,
    /// Per MWh.
    pub energy_price_per_mwh: PerMwh,
    /// Where it has nothing to send: why.
    pub why: Option<String>,
}

/// A path that there was to choose from.
#[derive(Clone, Debug, Serialize)]
pub struct Path {
    /// The areas that it passes, sender first.
    pub path: Vec<Text>,
    /// Per MWh delivered, energy, wheeling and losses together.
    pub cost_per_mwh: PerMwh,
    /// Lost on the way, of what is sent.
    pub loss: Share,
    /// What the orders to this area deliver over it.
    pub delivered_mw: Mw,
    /// What more could be sent over it.
    pub left_mw: Mw,
    /// Whether it is this order's.
    pub this: bool,
    /// Why so much was sent and no more.
    pub why: String,
}

/// What would serve in an order's place, all else standing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Without {
    /// What would be lacking.
    pub lacking_mw: Mw,
    /// What would serve it, the next best first.
    pub instead: Vec<Instead>,
    /// What could be served by nothing.
    pub unmet_mw: Mw,
    /// The price of what is not served.
    pub lost_load_price_per_mwh: PerMwh,
    /// What it would all cost, lost load included.
    pub cost_per_h: PerHour,
}

/// Something that would serve in an order's place.
#[derive(Clone, Debug, Serialize)]
pub struct Instead {
    /// `bid` or `path`.
    pub kind: &'static str,
    /// Which.
    pub name: String,
    /// How much it would deliver.
    pub mw: Mw,
    /// Per MWh.
    pub price_per_mwh: PerMwh,
}

/// An answer to the order.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// When it was given.
    pub time: At,
    /// What it says.
    pub status: &'static str,
    /// The relief confirmed, where it names one.
    pub mw: Option<Mw>,
}

/// How an order ended.
#[derive(Clone, Debug, Serialize)]
pub struct End {
    /// The end of the tick in which it did.
    pub time: At,
    /// `superseded`, or the reason as in `dispatch.order_cancelled`.
    pub reason: &'static str,
    /// The orders in its place.
    pub by: Vec<Replacing>,
    /// What the area lacked then.
    pub shortfall_mw: Mw,
    /// In words.
    pub why: String,
}

/// An order in another's place.
#[derive(Clone, Debug, Serialize)]
pub struct Replacing {
    /// The order.
    pub order: Text,
    /// Its power.
    pub mw: Mw,
}
