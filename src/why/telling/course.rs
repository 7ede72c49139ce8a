//! The plan that an order belongs to, and its course to its end, in words.

use super::choice::serving_by_kind;
use super::page::Page;
use crate::why::facts::{Explanation, Plan};
use crate::why::units::Mw;
use gridweaver_model::Watts;

/// What was planned.
pub(super) fn planned(it: &Explanation, page: &mut Page) {
    let Some(plan) = &it.plan else { return };
    page.heading("What was planned");
    page.say(&format!("Plan {} was made at {}: {}.", plan.plan, plan.time, plan.why));
    page.table(&[false, true, false], &rows(it, plan));
    page.say(&format!("Its bids and transfers cost {} together.", plan.cost_per_h));
    if plan.held_mw.0 > Watts::ZERO {
        page.say(&format!(
            "{} of the demand response must run on, as bids have minimum runs.",
            plan.held_mw
        ));
    }
    if !plan.limits.is_empty() {
        page.say("Limits that the plan reached:");
        for limit in &plan.limits {
            page.item(&format!("{}.", limit.why));
        }
    }
}

fn rows(it: &Explanation, plan: &Plan) -> Vec<Vec<String>> {
    let row = |name: &str, figure: String, note: String| vec![name.to_owned(), figure, note];
    let told = |kind: &str| {
        let orders = serving_by_kind(it, kind).count();
        let kept = serving_by_kind(it, kind).filter(|order| order.stood).count();
        match (orders, kept) {
            (0, _) => String::new(),
            (1, 0) => "1 order".to_owned(),
            (_, 0) => format!("{orders} orders"),
            (1, _) => "1 order, which stood already".to_owned(),
            _ if kept == orders => format!("{orders} orders, all of which stood already"),
            _ => format!("{orders} orders, {kept} of which stood already"),
        }
    };
    let mut rows = vec![
        row("shortfall planned for", plan.shortfall_mw.to_string(), String::new()),
        row("by demand response", plan.demand_response_mw.to_string(), told("demand_response")),
    ];
    if plan.over_delivery_mw.0 > Watts::ZERO {
        let note = "beyond the need, as bids have minimums or must run on".to_owned();
        rows.push(row("besides", plan.over_delivery_mw.to_string(), note));
    }
    rows.push(row("by transfers, as they arrive", plan.transfer_mw.to_string(), told("transfer")));
    let shed = match told("curtailment") {
        told if told.is_empty() => told,
        told => format!("{told} to shed load"),
    };
    rows.push(row("met by nothing", plan.unmet_mw.to_string(), shed));
    rows
}

/// How it went on.
pub(super) fn ended(it: &Explanation, page: &mut Page) {
    page.heading("What became of it");
    if it.answers.is_empty() {
        page.say("The input holds no answer to it.");
    }
    for answer in &it.answers {
        let mw = answer.mw.map(|mw| format!(", {mw}")).unwrap_or_default();
        let status = answer.status.replace('_', " ");
        page.item(&format!("{}: answered {status}{mw}", answer.time));
    }
    match &it.end {
        None => {
            let until = it.recorded_until;
            page.say(&format!("It still stood at {until}, where the records end."));
        }
        Some(end) if end.by.is_empty() => {
            page.say(&format!(
                "It ended at {} ({}): {}. The area lacked {} then.",
                end.time,
                end.reason.replace('_', " "),
                end.why,
                or_nothing(end.shortfall_mw)
            ));
        }
        Some(end) => {
            let by: Vec<String> =
                end.by.iter().map(|heir| format!("{} ({})", heir.order, heir.mw)).collect();
            page.say(&format!(
                "It was replaced at {} by {}, as {}. The area lacked {} then.",
                end.time,
                by.join(" and "),
                end.why,
                or_nothing(end.shortfall_mw)
            ));
        }
    }
}

fn or_nothing(lacked: Mw) -> String {
    if lacked.0 == Watts::ZERO { "nothing".to_owned() } else { lacked.to_string() }
}

/// What `verify` says of its ticks.
pub(super) fn checked(it: &Explanation, page: &mut Page) {
    if it.breaches.is_empty() {
        page.say(
            "The records of the moments at which it was written and ended break no rule of dispatch \
             (checked anew).",
        );
        return;
    }
    page.heading("What is wrong with the records");
    page.say(
        "They break rules of dispatch when it was written or ended, so that what is said above may \
         not be what was seen then. Are --input and --config those that the orders were made with?",
    );
    for breach in it.breaches.iter().take(5) {
        page.item(breach);
    }
}
