//! New activations: the bid is what the order says, may be chosen, and is chosen within its bounds.

use super::breach::{Breaches, mw, per_mwh};
use super::scene::Scene;
use gridweaver_dataflows::twins::book::Kind;
use gridweaver_model::Text;
use gridweaver_model::decision::{Decision, DemandResponseActivated, Event};
use gridweaver_model::record::Bid;

pub(super) fn check(scene: &Scene<'_>, breaches: &mut Breaches) {
    for recorded in scene.records {
        if let Event::DemandResponseActivated(ordered) = &recorded.decision.event {
            let mut tell = |rule, detail| breaches.tell(scene.end, recorded.line, rule, detail);
            check_one(scene, &recorded.decision, ordered, &mut tell);
        }
    }
}

type Tell<'a> = dyn FnMut(&'static str, String) + 'a;

fn check_one(
    scene: &Scene<'_>,
    decision: &Decision,
    ordered: &DemandResponseActivated,
    tell: &mut Tell<'_>,
) {
    let name = &ordered.bid;
    let (Some(bid), Some(rated)) = (scene.bid(name), scene.rated().get(name)) else {
        tell("a bid that is activated exists", format!("there is no bid {name}"));
        return;
    };
    if let Some(why) = rated.barred
        && !is_moved_end(scene, ordered)
    {
        tell("a bid that is activated is eligible", format!("bid {name}: {why}"));
    }
    if ordered.participant != bid.participant || ordered.program != bid.program {
        let detail = format!("bid {name} is {}'s, under {}", bid.participant, bid.program);
        tell("an activation says what its bid says", detail);
    }
    if ordered.amount < bid.min || ordered.amount > bid.max || ordered.amount.0 <= 0 {
        let (asked, least, most) = (mw(ordered.amount), mw(bid.min), mw(bid.max));
        let detail = format!("bid {name} is activated at {asked}, it offers {least} to {most}");
        tell("no bid exceeds its bounds", detail);
    }
    if ordered.price != bid.price || ordered.until != bid.end {
        let detail = format!("bid {name} asks {} and ends {}", per_mwh(bid.price), bid.end);
        tell("an activation says what its bid says", detail);
    }
    if !starts_when_told(scene, ordered, bid) {
        let detail = format!("bid {name} starts {}, not its notice ahead", ordered.start);
        tell("an activation starts with its notice", detail);
    }
    if ordered.score != rated.score || (rated.eligible() && Some(ordered.rank) != rated.rank) {
        let (right, told) = (per_mwh(rated.score), per_mwh(ordered.score));
        let rank = rated.rank.map_or("none".into(), |rank| rank.to_string());
        let detail = format!(
            "bid {name}: score {right} and rank {rank}, recorded {told} and {}",
            ordered.rank
        );
        tell("score and rank are the twin's", detail);
    }
    let inputs = (ordered.min, ordered.max, ordered.reliability);
    if inputs != (bid.min, bid.max, rated.reliability) {
        let detail = format!("inputs of bid {name} are not its bounds and reliability");
        tell("inputs are the twin's", detail);
    }
    if decision.area != rated.area {
        let area = |area: &Option<Text>| area.clone().unwrap_or_else(|| "no area".into());
        let (right, told) = (area(&rated.area), area(&decision.area));
        let detail = format!("bid {name} counts in {right}, not in {told}");
        tell("a bid serves the area that it counts in", detail);
    }
}

/// Whether an order takes the place of one of the same bid and power: then it may follow a bid's
/// moved end though the bid is not cleared anew.
fn is_moved_end(scene: &Scene<'_>, ordered: &DemandResponseActivated) -> bool {
    let old = ordered.supersedes.as_ref().and_then(|old| scene.before.get(old));
    old.is_some_and(|old| {
        old.order.amount == ordered.amount
            && old.order.until != Some(ordered.until)
            && is_of_bid(&old.order.kind, &ordered.bid)
    })
}

pub(super) fn is_of_bid(kind: &Kind, name: &str) -> bool {
    matches!(kind, Kind::DemandResponse { bid, .. } if bid == name)
}

/// The notice counts from the tick's end; an order that replaces one may keep its start.
fn starts_when_told(scene: &Scene<'_>, ordered: &DemandResponseActivated, bid: &Bid) -> bool {
    let old = ordered.supersedes.as_ref().and_then(|old| scene.before.get(old));
    ordered.start == scene.end + bid.notice.unwrap_or_default()
        || old.is_some_and(|old| old.order.start == ordered.start)
}
