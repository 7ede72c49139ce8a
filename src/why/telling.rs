//! An explanation in plain words, for people who know grids and not this code.
//!
//! Nothing is found out here: every figure is one of the facts', with its unit. Long lists are cut
//! after the first rows and say by how much; the facts have all of them.

mod choice;
mod course;
mod page;

use super::facts::{Activation, Asks, Explanation, NodeChange, Sending, Shortfall, SinceEnough};
use super::units::{Mw, PerHour};
use gridweaver_model::{Millis, Ppm, Watts};
use page::Page;

/// An order's explanation as text.
#[must_use]
pub fn text(it: &Explanation) -> String {
    let mut page = Page::default();
    head(it, &mut page);
    match &it.asks {
        Asks::DemandResponse(activation) => activated(it, activation, &mut page),
        Asks::Transfer(sending) => sent(it, sending, &mut page),
        Asks::Curtailment { reason } => {
            page.say(&format!(
                "Load of {} is shed in area {}, because {reason}. What is not served is counted at \
                 the lost-load price of {}: {}.",
                it.mw, it.area, it.without.lost_load_price_per_mwh, it.cost_per_h
            ));
        }
    }
    if let Some(old) = &it.supersedes {
        page.say(&format!(
            "It replaces order {}, which stood at {} since {}.",
            old.order, old.mw, old.since
        ));
    }
    lacked(it, &it.shortfall, &mut page);
    course::planned(it, &mut page);
    choice::bids(it, &mut page);
    choice::paths(it, &mut page);
    choice::without(it, &mut page);
    course::ended(it, &mut page);
    course::checked(it, &mut page);
    page.finish()
}

fn head(it: &Explanation, page: &mut Page) {
    let (area, mw) = (&it.area, it.mw);
    let what = match &it.asks {
        Asks::DemandResponse(asked) => {
            format!("{} lowers its load in area {area} by {mw}", asked.participant)
        }
        Asks::Transfer(asked) => {
            let from = asked.path.first().map_or("", |area| area.as_str());
            format!("area {from} sends power to area {area}, where {mw} arrive")
        }
        Asks::Curtailment { .. } => format!("area {area} sheds {mw} of load"),
    };
    page.line(&format!("{}: {what}", it.order));
    page.line(&format!(
        "written {} (all times are UTC; prices and costs are in the input's currency)",
        it.time
    ));
    page.gap();
}

fn activated(it: &Explanation, asked: &Activation, page: &mut Page) {
    let place = asked.node.as_ref().map(|node| format!(" at node {node}")).unwrap_or_default();
    page.say(&format!(
        "The order takes {} of bid {} (which offers {} to {}){place}, under program {}. It runs \
         from {}{} until {} at the latest{}.",
        it.mw,
        asked.bid,
        asked.min_mw,
        asked.max_mw,
        asked.program,
        asked.start,
        if asked.notice_s.0 > Millis(0) {
            format!(" (the bid asks for {} of notice)", asked.notice_s)
        } else {
            String::new()
        },
        asked.until,
        if asked.min_run_s.0 > Millis(0) {
            format!(" and, once begun, for {} at least", asked.min_run_s)
        } else {
            String::new()
        },
    ));
    page.say(&format!(
        "It is paid {}: {}. It was chosen by its score of {} (the lower the better), which is the \
         price made dearer by unreliability (its reliability is {}) and cheaper by a long window \
         ({}). That is rank {} of the {} bids of its program that could be chosen.",
        asked.price_per_mwh,
        it.cost_per_h,
        asked.score_per_mwh,
        asked.reliability,
        asked.window_s,
        asked.rank,
        asked.ranked
    ));
}

fn sent(it: &Explanation, asked: &Sending, page: &mut Page) {
    let lines: Vec<String> = asked
        .lines
        .iter()
        .map(|part| match part.capacity_mw {
            Some(capacity) => {
                format!("line {} carries {} (it may carry {capacity})", part.line, part.mw)
            }
            None => format!("line {} carries {}", part.line, part.mw),
        })
        .collect();
    page.say(&format!(
        "Over the path {} the sender sends {}; {} are lost on the way and {} arrive: {}.",
        asked.path.join(" > "),
        asked.sent_mw,
        asked.loss_mw,
        asked.delivered_mw,
        lines.join(", ")
    ));
    page.say(&format!(
        "What arrives costs {} with energy ({} at the sender), losses and wheeling: {}. The \
         sender can spare {}; the receiver lacked {} after demand response.",
        asked.cost_per_mwh,
        asked.energy_price_per_mwh,
        it.cost_per_h,
        asked.surplus_mw,
        asked.need_mw
    ));
}

fn lacked(it: &Explanation, lacks: &Shortfall, page: &mut Page) {
    let area = &it.area;
    page.heading(&format!("What area {area} lacked"));
    let mut rows = vec![("load, as metered", lacks.load_mw)];
    if lacks.relief_mw.0 > Watts::ZERO {
        rows.push(("load that orders in force take off the meters", lacks.relief_mw));
    }
    rows.push(("less: what generation can reach", Mw(-lacks.available_mw.0)));
    let balance = lacks.load_mw.0 + lacks.relief_mw.0 - lacks.available_mw.0;
    let declared = lacks.declared_shortfall_mw;
    if declared.0 > Watts::ZERO {
        rows.push(("lacking by the meters", Mw(balance)));
        rows.push(("declared by the operator", declared));
    }
    rows.push(("shortfall", lacks.shortfall_mw));
    page.figures(&rows);
    if declared.0 > Watts::ZERO {
        let greater =
            if declared.0 > balance { "the operator's figure" } else { "the meters' figure" };
        page.say(&format!("The greater of the two counts: {greater}."));
    }
    page.say(&format!(
        "The area has {} node{} in island {} and was generating {}.",
        lacks.nodes,
        if lacks.nodes == 1 { "" } else { "s" },
        lacks.island,
        lacks.generation_mw
    ));
    if lacks.stale_nodes > 0 {
        page.say(&format!(
            "{} of its nodes have not been heard from for too long: {} of the load and {} of the \
             generation within reach are their last known figures.",
            lacks.stale_nodes, lacks.stale_load_mw, lacks.stale_available_mw
        ));
    }
    if let Some(since) = &lacks.since_enough {
        changed(it, since, page);
    }
}

fn changed(it: &Explanation, since: &SinceEnough, page: &mut Page) {
    let region = &it.region;
    let mut text = format!("Region {region} last lacked nothing at {}. ", since.time);
    if !since.lines_out.is_empty() {
        let (area, lines) = (&it.area, choice::listed(&since.lines_out));
        text += &format!("Since then area {area} lost lines to others: {lines}. ");
    }
    if since.reshaped {
        text += "Its nodes did not make up an area of their own then. ";
    }
    if it.shortfall.declared_shortfall_mw.0 > Watts::ZERO {
        let declared = it.shortfall.declared_shortfall_mw;
        text += &format!("Since then the operator declared that it lacks {declared}. ");
    }
    let (load, available) = (since.load_change_mw, since.available_change_mw);
    if (load.0, available.0) == (Watts::ZERO, Watts::ZERO) {
        text += "The load of its nodes and what their generation can reach are the same as then. ";
    } else {
        text += &format!(
            "Since then the load of its nodes changed by {} and what their generation can reach by \
             {}. ",
            signed(load),
            signed(available)
        );
    }
    if !since.nodes.is_empty() {
        let nodes: Vec<String> = since.nodes.iter().map(worsened).collect();
        text += &format!("Nodes that worsened most: {}.", nodes.join(", "));
    }
    page.say(&text);
}

fn worsened(node: &NodeChange) -> String {
    let mut changes = vec![];
    if node.available_change_mw.0 != Watts::ZERO {
        changes.push(format!("{} within reach", signed(node.available_change_mw)));
    }
    if node.load_change_mw.0 != Watts::ZERO {
        changes.push(format!("{} load", signed(node.load_change_mw)));
    }
    format!("node {} ({})", node.node, changes.join(", "))
}

/// A change, with its sign.
fn signed(change: Mw) -> String {
    if change.0 > Watts::ZERO { format!("+{change}") } else { change.to_string() }
}

/// A cost against another.
fn against(instead: PerHour, now: PerHour) -> String {
    let more = PerHour((instead.0 - now.0).abs());
    match instead.cmp(&now) {
        std::cmp::Ordering::Greater => format!("{more} more than this order"),
        std::cmp::Ordering::Less => format!("{more} less than this order"),
        std::cmp::Ordering::Equal => "as much as this order".to_owned(),
    }
}

/// Whether some share is none.
fn is_none(share: Ppm) -> bool {
    share.0 == 0
}
