//! How an order ended, and why: what the records say, and what of the input bears it out.

use super::facts::{Answer, End, Replacing};
use super::misfit::misfit;
use super::plan::{Plans, back_in, in_words, why_made};
use super::units::{At, Lasting, Mw};
use crate::verify::scene::{ONE_KILOWATT, Scene};
use gridweaver_dataflows::twins::book::{Kind, Standing};
use gridweaver_model::decision::{EndReason, Event};
use gridweaver_model::{Time, Watts};

/// What was noted of an order while it stood.
pub(super) struct Course<'a> {
    /// Since when the need that its plan was made for has been over.
    pub(super) idle_since: Option<Time>,
    /// What was answered to it.
    pub(super) answers: &'a [Answer],
    /// All plans so far.
    pub(super) plans: &'a Plans,
}

/// How an order that stood before the tick ended in it; `None` where it still stands.
pub(super) fn end(scene: &Scene<'_>, order: &Standing, course: &Course<'_>) -> Option<End> {
    let id = &order.order.id;
    if scene.book.standing.contains_key(id) {
        return None;
    }
    let lacks = scene.readings(&order.area).first().map_or(Watts::ZERO, |it| it.shortfall);
    let told = |reason, by, why| {
        Some(End { time: At(scene.end), reason, by, shortfall_mw: Mw(lacks), why })
    };
    let heirs = scene.book.standing.values().filter(|it| it.order.supersedes.as_ref() == Some(id));
    let heirs: Vec<&Standing> = heirs.filter(|it| scene.is_new(it)).collect();
    if !heirs.is_empty() {
        let why = why_superseded(scene, order, &heirs, course);
        let by = heirs
            .iter()
            .map(|heir| Replacing { order: heir.order.id.clone(), mw: Mw(heir.order.amount) });
        return told("superseded", by.collect(), why);
    }
    let reason = scene.records.iter().find_map(|recorded| match &recorded.decision.event {
        Event::OrderCancelled(it) if it.order == *id => Some(it.reason),
        _ => None,
    })?;
    told(reason.name(), vec![], why_cancelled(scene, order, reason, course))
}

fn why_superseded(
    scene: &Scene<'_>,
    order: &Standing,
    heirs: &[&Standing],
    course: &Course<'_>,
) -> String {
    let Some(new) = scene.new_plan_of(&heirs[0].area) else {
        return match (order.order.until, heirs[0].order.until) {
            (Some(old), Some(new)) if old != new => {
                format!("its bid's end moved from {} to {}", At(old), At(new))
            }
            _ => "it was written anew under the same plan".to_owned(),
        };
    };
    let why = why_made(scene, &new, course.plans);
    format!("{} was made: {why}", new.created.plan)
}

fn why_cancelled(
    scene: &Scene<'_>,
    order: &Standing,
    reason: EndReason,
    course: &Course<'_>,
) -> String {
    let detail = match reason {
        EndReason::Released => return why_released(scene, order, course),
        EndReason::Completed | EndReason::Failed | EndReason::OptedOut => {
            let answer = course.answers.iter().rev().find(|it| it.status == reason.name());
            answer.map(|answer| format!("answered at {}", answer.time))
        }
        EndReason::NoResponse => scene
            .rules
            .dispatch
            .response_timeout
            .map(|timeout| format!("the time for that is {}", Lasting(timeout))),
        EndReason::Expired => order.order.until.map(|until| format!("at {}", At(until))),
        EndReason::Withdrawn => order.order.kind.bid().and_then(|bid| {
            let version = scene.collections.offers.withdrawals.get(bid)?;
            Some(format!("at {}", At(version.time)))
        }),
        EndReason::Revised => revised(scene, order),
        EndReason::Constraint | EndReason::Removed => misfit(scene, order),
        EndReason::Island => island(scene, order),
    };
    let words = in_words(reason);
    detail.map_or_else(|| words.to_owned(), |detail| format!("{words}: {detail}"))
}

fn why_released(scene: &Scene<'_>, order: &Standing, course: &Course<'_>) -> String {
    let area = &order.area;
    if let Some(new) = scene.new_plan_of(area) {
        let why = why_made(scene, &new, course.plans);
        let (plan, shortfall) = (&new.created.plan, Mw(new.created.shortfall));
        return format!(
            "{plan} was made, for {shortfall}, and does without it; it was made because {why}"
        );
    }
    let dispatch = &scene.rules.dispatch;
    let (hold, deadband) = (dispatch.release_hold, Mw(dispatch.deadband));
    let plan = scene.plans_before.get(&order.plan).map(|plan| &plan.created);
    match course.idle_since {
        Some(since) if since + hold <= scene.end => {
            let lacked = match plan {
                Some(plan) if plan.shortfall <= dispatch.deadband => "nothing".to_owned(),
                _ => format!("less than the deadband of {deadband}"),
            };
            format!(
                "no longer needed: area {area} has lacked {lacked} since {}, for the release hold of \
                 {}{}",
                At(since),
                Lasting(hold),
                held_on(scene, order, since + hold)
            )
        }
        _ => match plan.map(|plan| plan.unmet).filter(|unmet| *unmet >= ONE_KILOWATT) {
            // What sheds less is adopted at once.
            Some(unmet) => format!(
                "no longer needed: the need of area {area} is over{}, and a plan that sheds {} is \
                 given up at once, without the release hold of {}",
                back_in(scene),
                Mw(unmet),
                Lasting(hold)
            ),
            None => in_words(EndReason::Released).to_owned(),
        },
    }
}

/// That an order's minimum run kept it beyond an instant at which it would have been released.
fn held_on(scene: &Scene<'_>, order: &Standing, due: Time) -> String {
    let bid = order.order.kind.bid().and_then(|bid| scene.bid(bid));
    let min_run = bid.and_then(|bid| bid.min_run).unwrap_or_default();
    let until = order.runs_from + min_run;
    if until <= due {
        return String::new();
    }
    format!("; its minimum run of {} kept it until {}", Lasting(min_run), At(until))
}

fn revised(scene: &Scene<'_>, order: &Standing) -> Option<String> {
    let bid = scene.bid(order.order.kind.bid()?)?;
    let (amount, min, max) = (order.order.amount, bid.min, bid.max);
    let offer = format!("bid {} now offers {} to {}", bid.bid, Mw(min), Mw(max));
    let program = &bid.program;
    let fits = (min..=max).contains(&amount);
    Some(if fits {
        format!("{offer} under program {program} until {}", At(bid.end))
    } else {
        offer
    })
}

/// The lines of an order's path that are live no more, or where its bid counts now.
fn island(scene: &Scene<'_>, order: &Standing) -> Option<String> {
    let Kind::Transfer { lines, .. } = &order.order.kind else {
        let area = &order.area;
        return Some(format!("its bid no longer counts in area {area}"));
    };
    let dead = lines.iter().filter(|share| !scene.shape.lines.contains_key(&share.line));
    let dead: Vec<String> = dead
        .map(|share| {
            let held = scene.collections.lines.get(&share.line);
            let word = held.and_then(|held| held.word.as_ref()).filter(|word| !word.value);
            match word {
                Some(word) => {
                    format!("line {} is out since {}", share.line, At(word.version.time))
                }
                None => format!("line {} is gone", share.line),
            }
        })
        .collect();
    (!dead.is_empty()).then(|| dead.join(", "))
}
