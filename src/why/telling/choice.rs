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
            "{} further bids of region {} are outside their windows: not begun, or over.",
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
    let taken: Vec<&Bid> = before.iter().filter(|bid| in_full(bid)).collect();
    page.say(&match before.len() {
        0 => "No bid of the area has a lower score than this one.".to_owned(),
        count => format!(
            "{} a lower score than this one (or the same and came earlier); {} taken in full{}.",
            have(count),
            share(taken.len(), count),
            together(&taken)
        ),
    });
    part("With a lower score, and not taken in full:", before, page);
    let this = &it.bids[at];
    page.say(&if in_full(this) {
        "This one is taken in full.".to_owned()
    } else {
        let (taken, most, why) = (this.taken_mw, this.max_mw, &this.why);
        format!("This one gives {taken} of the {most} that it offers: {why}.")
    });
    if after.is_empty() {
        page.say("No bid of the area has a higher score.");
        return;
    }
    let taken: Vec<&Bid> = after.iter().filter(|bid| bid.taken_mw.0 > Watts::ZERO).collect();
    let held = taken.iter().filter(|bid| bid.held).count();
    let held = match held {
        0 => String::new(),
        _ if held == taken.len() => " (as they must run on for their minimum runs)".to_owned(),
        1 => " (one of those must run on for its minimum run)".to_owned(),
        _ => format!(" ({held} of those must run on for their minimum runs)"),
    };
    page.say(&format!(
        "{} a higher score; {} taken{held}{}.",
        have(after.len()),
        share(taken.len(), after.len()),
        together(&taken)
    ));
    part("With a higher score, and not taken in full:", after, page);
}

fn in_full(bid: &Bid) -> bool {
    bid.taken_mw == bid.max_mw
}

/// `1 bid has` or `3 bids have`.
fn have(count: usize) -> String {
    if count == 1 { "1 bid has".to_owned() } else { format!("{count} bids have") }
}

/// How many of some bids, as the subject of what is said of them.
fn share(count: usize, of: usize) -> String {
    match (count, of) {
        (0, 1) => "it is not".to_owned(),
        (1, 1) => "it is".to_owned(),
        (0, _) => "none of them is".to_owned(),
        (1, _) => "1 of them is".to_owned(),
        _ if count == of => "all of them are".to_owned(),
        _ => format!("{count} of them are"),
    }
}

/// What some bids give together; nothing where there are none.
fn together(bids: &[&Bid]) -> String {
    let power = Mw(bids.iter().map(|bid| bid.taken_mw.0).sum());
    match bids.len() {
        0 => String::new(),
        1 => format!(", {power}"),
        _ => format!(", {power} together"),
    }
}

/// Those of some bids that are not taken in full, under a line of their own.
fn part(title: &str, bids: &[Bid], page: &mut Page) {
    let left: Vec<&Bid> = bids.iter().filter(|bid| !in_full(bid)).collect();
    if !left.is_empty() {
        page.say(title);
        table(&left, page);
    }
}

fn all(it: &Explanation, page: &mut Page) {
    let count = it.bids.len();
    if count == 0 {
        return;
    }
    let taken: Vec<&Bid> = it.bids.iter().filter(|bid| bid.taken_mw.0 > Watts::ZERO).collect();
    if it.bids.iter().all(in_full) {
        let which =
            if count == 1 { "the only bid is".to_owned() } else { format!("all {count} bids are") };
        page.say(&format!(
            "Demand response comes first: {which} taken in full{}.",
            together(&taken)
        ));
        return;
    }
    page.say(&format!(
        "Demand response comes first: of {count} bid{}, {} taken{}.",
        if count == 1 { "" } else { "s" },
        match taken.len() {
            0 => "none is".to_owned(),
            1 => "1 is".to_owned(),
            taken => format!("{taken} are"),
        },
        together(&taken)
    ));
    part("Not taken in full:", &it.bids, page);
}

fn table(bids: &[&Bid], page: &mut Page) {
    let mut rows = vec![
        ["bid", "score", "price", "reliable", "offers", "taken", "why"]
            .map(ToOwned::to_owned)
            .to_vec(),
    ];
    for bid in bids.iter().take(ROWS_MAX) {
        rows.push(vec![
            bid.bid.to_string(),
            bid.score_per_mwh.to_string(),
            bid.price_per_mwh.to_string(),
            bid.reliability.to_string(),
            format!("{} to {}", number(bid.min_mw), bid.max_mw),
            bid.taken_mw.to_string(),
            bid.why.clone(),
        ]);
    }
    page.table(&[false, true, true, true, true, true, false], &rows);
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
    if let (Asks::DemandResponse(_), Some(plan)) = (&it.asks, &it.plan) {
        let all_met = (plan.transfer_mw.0, plan.unmet_mw.0) == (Watts::ZERO, Watts::ZERO);
        page.say(if all_met {
            "Transfers were not needed: demand response comes first, whatever they cost, and meets \
             the need."
        } else {
            "Demand response comes first, whatever transfers cost; they serve what it leaves."
        });
    }
    page.say("Paths in use and the cheapest of each sender, cheapest first:");
    let mut rows = vec![
        ["path", "per MWh arriving", "lost", "arrives", "room left", "why no more"]
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
    let (lacking, total) = (without.lacking_mw, without.cost_per_h);
    let lost_load = without.lost_load_price_per_mwh;
    if without.instead.is_empty() {
        page.say(&format!(
            "With everything else as it stands{path}, {lacking} would be lacking and nothing could \
             serve it: load would be shed, at the lost-load price of {lost_load}: {total}, {}.",
            against(total, it.cost_per_h)
        ));
        return;
    }
    page.say(&format!(
        "With everything else as it stands{path}, {lacking} would be lacking. In its place there \
         would be:"
    ));
    for instead in &without.instead {
        let cost = PerHour::of(instead.price_per_mwh.0, instead.mw.0);
        let (kind, name, price) = (instead.kind, &instead.name, instead.price_per_mwh);
        page.item(&format!("{} by {kind} {name} at {price}: {cost}", instead.mw));
    }
    if without.unmet_mw.0 > Watts::ZERO {
        let unmet = without.unmet_mw;
        let cost = PerHour::of(lost_load.0, unmet.0);
        page.item(&format!(
            "{unmet} of load shed, as nothing could serve it, at the lost-load price of \
             {lost_load}: {cost}"
        ));
    }
    page.say(&format!("Together {total}, {}.", against(total, it.cost_per_h)));
    let over: Watts = without.instead.iter().map(|it| it.mw.0).sum::<Watts>() - lacking.0;
    if over > Watts::ZERO {
        page.say(&format!("{} of it is more than is lacking, as bids have minimums.", Mw(over)));
    }
    if matches!(it.asks, Asks::DemandResponse(_)) && total < it.cost_per_h {
        page.say(match without.instead.iter().any(|it| it.kind == "path") {
            true => {
                "That this would cost less does not count: transfers serve only what demand \
                 response leaves."
            }
            false => {
                "That this would cost less does not count: bids are chosen by their scores, and paid \
                 their prices."
            }
        });
    }
}

/// The orders that serve an area, by kind.
pub(super) fn serving_by_kind<'a>(
    it: &'a Explanation,
    kind: &'a str,
) -> impl Iterator<Item = &'a Serving> {
    it.serving.iter().filter(move |serving| serving.kind == kind)
}
