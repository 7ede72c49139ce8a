//! What there was to choose from, in words: bids, paths, and what would serve in the order's place.

use super::page::Page;
use super::{against, is_none};
use crate::why::facts::{Asks, Bid, Explanation, LineOut, Neighbour, Path, Serving};
use crate::why::units::{Mw, PerHour};
use gridweaver_model::Watts;

/// The most rows of a table that are shown.
const ROWS_MAX: usize = 10;

/// The bids of the area: those before this one that were not taken in full, then those after it.
pub(super) fn bids(it: &Explanation, page: &mut Page) {
    page.heading(&format!("Bids of area {}", it.area));
    if it.bids.is_empty() {
        page.say("No bid of the area is within its window.");
    }
    match it.bids.iter().position(|bid| bid.this) {
        Some(at) => around(it, at, page),
        None => all(it, page),
    }
    if it.bids_outside_window > 0 {
        page.say(&format!(
            "{} further bids of region {} are outside their windows at that time.",
            it.bids_outside_window, it.region
        ));
    }
    if it.bids_cut_off > 0 {
        page.say(&format!(
            "{} bids of region {} lie in parts of it that no line joins to area {}: they cannot help.",
            it.bids_cut_off, it.region, it.area
        ));
    }
}

/// What came before and after the order's own bid.
fn around(it: &Explanation, at: usize, page: &mut Page) {
    let (before, after) = (&it.bids[..at], &it.bids[at + 1..]);
    let in_full = |bid: &&Bid| bid.taken_mw == bid.max_mw;
    let taken = before.iter().filter(in_full);
    let power: Watts = taken.clone().map(|bid| bid.taken_mw.0).sum();
    page.say(&match before.len() {
        0 => "No bid of the area had a lower score than this one.".to_owned(),
        count => format!(
            "{count} bids have a lower score than this one (or the same and came earlier); {} of \
             them are taken in full, {} together.",
            taken.count(),
            Mw(power)
        ),
    });
    let passed_over: Vec<&Bid> = before.iter().filter(|bid| !in_full(bid)).collect();
    if !passed_over.is_empty() {
        page.say("Cheaper, and not taken in full:");
        table(&passed_over, page);
    }
    page.say(&format!("This one: {}.", it.bids[at].why));
    if after.is_empty() {
        page.say("No bid of the area had a higher score.");
    } else {
        let taken = after.iter().filter(|bid| bid.taken_mw.0 > Watts::ZERO);
        let power: Watts = taken.clone().map(|bid| bid.taken_mw.0).sum();
        let held = match taken.clone().filter(|bid| bid.held).count() {
            0 => String::new(),
            held => format!(" ({held} of those must run on for their minimum runs)"),
        };
        let dearer = after.len();
        page.say(&match taken.count() {
            0 => format!("{dearer} bids have a higher score; none of them is taken."),
            taken => format!(
                "{dearer} bids have a higher score; {taken} of them are taken too{held}, {} \
                 together.",
                Mw(power)
            ),
        });
        let next: Vec<&Bid> = after.iter().filter(|bid| !in_full(bid)).collect();
        if !next.is_empty() {
            page.say("Next in line, and not taken in full:");
            table(&next, page);
        }
    }
}

fn all(it: &Explanation, page: &mut Page) {
    let taken = it.bids.iter().filter(|bid| bid.taken_mw.0 > Watts::ZERO);
    let power: Watts = taken.clone().map(|bid| bid.taken_mw.0).sum();
    if it.bids.is_empty() {
        return;
    }
    page.say(&format!(
        "Demand response comes first: {} of {} bids are taken, {} together.",
        taken.count(),
        it.bids.len(),
        Mw(power)
    ));
    let left: Vec<&Bid> = it.bids.iter().filter(|bid| bid.taken_mw != bid.max_mw).collect();
    if left.is_empty() {
        page.say("All of them are taken in full.");
    } else {
        page.say("Not taken in full:");
        table(&left, page);
    }
}

fn table(bids: &[&Bid], page: &mut Page) {
    let mut rows =
        vec![["bid", "score", "price", "offers", "taken", "why"].map(ToOwned::to_owned).to_vec()];
    for bid in bids.iter().take(ROWS_MAX) {
        rows.push(vec![
            bid.bid.to_string(),
            bid.score_per_mwh.to_string(),
            bid.price_per_mwh.to_string(),
            format!("{} to {}", number(bid.min_mw), bid.max_mw),
            bid.taken_mw.to_string(),
            bid.why.clone(),
        ]);
    }
    page.table(&[false, true, true, true, true, false], &rows);
    if bids.len() > ROWS_MAX {
        page.line(&format!("  … and {} more (--json has all)", bids.len() - ROWS_MAX));
    }
}

/// Lines that are out, each with the time.
pub(super) fn listed(lines: &[LineOut]) -> String {
    let told = lines.iter().map(|out| format!("{} (since {})", out.line, out.time));
    told.collect::<Vec<_>>().join(", ")
}

/// The first of two figures that share a unit.
fn number(power: Mw) -> String {
    power.to_string().trim_end_matches(" MW").to_owned()
}

/// Who else could send, and over which paths.
pub(super) fn paths(it: &Explanation, page: &mut Page) {
    page.heading("Help from other areas");
    let island = &it.shortfall.island;
    if it.neighbours.is_empty() {
        let lines = listed(&it.island_lines_out);
        let cut =
            if lines.is_empty() { lines } else { format!(" Lines to others are out: {lines}.") };
        page.say(&format!("Island {island} holds no other area: nobody can send power.{cut}"));
        return;
    }
    let mut others: Vec<&Neighbour> = it.neighbours.iter().collect();
    others.sort_by_key(|other| other.why.is_some());
    for other in others.iter().take(ROWS_MAX) {
        let (area, price) = (&other.area, other.energy_price_per_mwh);
        page.item(&match &other.why {
            Some(why) => format!("Area {area} has nothing to send: {why}."),
            None => format!(
                "Area {area} can spare {} at {price}; orders send {} of it.",
                other.surplus_mw, other.sent_mw
            ),
        });
    }
    if others.len() > ROWS_MAX {
        page.line(&format!("  … and {} more (--json has all)", others.len() - ROWS_MAX));
    }
    if it.paths.is_empty() {
        page.say(&format!("No path leads from an area with power to spare to area {}.", it.area));
        return;
    }
    let needed = it.plan.as_ref().is_some_and(|plan| plan.transfer_mw.0 > Watts::ZERO);
    if !needed && it.without.unmet_mw.0 == Watts::ZERO && matches!(it.asks, Asks::DemandResponse(_))
    {
        page.say("Transfers were not needed: demand response comes first, and meets the need.");
    }
    page.say("Paths, cheapest first:");
    let mut rows = vec![
        ["path", "per MWh arriving", "lost", "arrives", "room", "why no more"]
            .map(ToOwned::to_owned)
            .to_vec(),
    ];
    for path in it.paths.iter().take(ROWS_MAX) {
        rows.push(path_row(path));
    }
    page.table(&[false, true, true, true, true, false], &rows);
    if it.paths.len() > ROWS_MAX {
        page.line(&format!("  … and {} more (--json has all)", it.paths.len() - ROWS_MAX));
    }
}

fn path_row(path: &Path) -> Vec<String> {
    let lost = if is_none(path.loss.0) { "nothing".to_owned() } else { path.loss.to_string() };
    vec![
        format!("{}{}", path.path.join(" > "), if path.this { " (this order's)" } else { "" }),
        path.cost_per_mwh.to_string(),
        lost,
        path.delivered_mw.to_string(),
        path.left_mw.to_string(),
        path.why.clone(),
    ]
}

/// What would serve in the order's place.
pub(super) fn without(it: &Explanation, page: &mut Page) {
    page.heading("Without this order");
    let without = &it.without;
    if let Asks::Curtailment { .. } = it.asks {
        page.say(&format!(
            "Load would exceed what generation, demand response and transfers can reach by {}: \
             nothing else is left to serve it.",
            it.mw
        ));
        return;
    }
    if without.lacking_mw.0 == Watts::ZERO {
        page.say("Nothing would be lacking: other bids already give more than is needed.");
        return;
    }
    let path = match &it.asks {
        Asks::Transfer(asked) => format!(" and the path {} not used", asked.path.join(" > ")),
        _ => String::new(),
    };
    page.say(&format!(
        "With everything else as it stands{path}, {} would be lacking. It would be served by:",
        without.lacking_mw
    ));
    for instead in &without.instead {
        let cost = PerHour::of(instead.price_per_mwh.0, instead.mw.0);
        let (kind, name, price) = (instead.kind, &instead.name, instead.price_per_mwh);
        page.item(&format!("{} by {kind} {name} at {price}: {cost}", instead.mw));
    }
    if without.unmet_mw.0 > Watts::ZERO {
        let price = without.lost_load_price_per_mwh;
        let cost = PerHour::of(price.0, without.unmet_mw.0);
        let unmet = without.unmet_mw;
        page.item(&format!(
            "{unmet} by nothing: load shed, at the lost-load price of {price}: {cost}"
        ));
    }
    let total = without.cost_per_h;
    page.say(&format!("Together {total}, {}.", against(total, it.cost_per_h)));
}

/// The orders that serve an area, by kind.
pub(super) fn serving_by_kind<'a>(
    it: &'a Explanation,
    kind: &'a str,
) -> impl Iterator<Item = &'a Serving> {
    it.serving.iter().filter(move |serving| serving.kind == kind)
}
