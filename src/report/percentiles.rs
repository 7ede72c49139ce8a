//! Latency logs as a section of a page: figures, percentiles, how they went over time.

use super::chart::{Axis, Chart, Series, number, ranges};
use super::latencies::Log;
use super::page::{Section, Table};

/// Points of a percentile plot.
const STEPS: u32 = 400;
/// What is plotted over time; the greatest first, as p99 often lies on it.
const OVER_TIME: [(&str, f64); 3] = [("greatest", 100.0), ("p99", 99.0), ("p50", 50.0)];

/// The section of these logs; each is held against the first.
#[must_use]
pub fn latency(logs: &[Log]) -> Section {
    let mut words = "In milliseconds.".to_owned();
    let mut whats: Vec<&str> = logs.iter().filter_map(|log| log.what.as_deref()).collect();
    whats.dedup();
    // Logs of different things have no words in common.
    if let [what] = whats[..] {
        let mut letters = what.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string());
        words = format!("{}{}, in milliseconds.", first.unwrap_or_default(), letters.as_str());
    }
    if logs.len() > 1 {
        words += " In brackets: against the first log.";
    }
    let charts = std::iter::once(percentiles(logs)).chain(over_time(logs)).collect();
    let table = Some(table(logs));
    Section { heading: "Latency".into(), words, table, charts, ..Section::default() }
}

/// A column a log.
fn table(logs: &[Log]) -> Table {
    let figures: Vec<_> = logs.iter().map(Log::figures).collect();
    let Some(first) = figures.first() else { return Table::default() };
    let names = logs.iter().map(|log| log.name.clone());
    let columns = std::iter::once("latency, ms".to_owned()).chain(names).collect();
    let counts = logs.iter().map(|log| number(log.all.len() as f64));
    let mut rows = vec![std::iter::once("count".to_owned()).chain(counts).collect()];
    for (place, (name, base)) in first.iter().enumerate() {
        let mut row = vec![(*name).to_owned()];
        for (index, (_, value)) in figures.iter().map(|of_log| of_log[place]).enumerate() {
            let beside = (value / base - 1.0) * 100.0;
            let beside = if index > 0 && beside.is_finite() {
                format!(" ({beside:+.0} %)").replace('-', "−")
            } else {
                String::new()
            };
            row.push(number(value) + &beside);
        }
        rows.push(row);
    }
    Table { columns, rows }
}

/// Latency by percentile: the nines evenly along, powers of ten upwards.
#[must_use]
pub fn percentiles(logs: &[Log]) -> Chart {
    let greatest = logs.iter().map(|log| log.all.len()).max().unwrap_or(1).max(10) as f64;
    let nines = greatest.log10().ceil().clamp(1.0, 7.0);
    let mut marks = vec![(0.0, "0 %".to_owned())];
    let mut at = 1.0;
    while at <= nines {
        marks.push((at, format!("{} %", number_of_nines(at))));
        at += 1.0;
    }
    let x = Axis { label: "percentile".into(), least: 0.0, greatest: nines, marks };
    let line = |log: &Log| {
        let points = (0..=STEPS).map(|step| {
            let place = nines * f64::from(step) / f64::from(STEPS);
            let micros = log.all.value_at_quantile(1.0 - 10f64.powf(-place)).max(1);
            (place, (micros as f64 / 1_000.0).log10())
        });
        Series { name: log.name.clone(), points: points.collect(), is_step: false, look: 0 }
    };
    let series = looking_apart(logs.iter().map(line).collect());
    let values = series.iter().flat_map(|series| &series.points);
    let y = Axis::logarithmic("latency, ms", values.map(|(_, y)| 10f64.powf(*y)));
    let told = logs.iter().map(|log| {
        let figures = log.figures().into_iter();
        let figures = figures.map(|(name, value)| format!("{name} {}", number(value)));
        format!("{}: {}", log.name, figures.collect::<Vec<_>>().join(", "))
    });
    let description =
        format!("Latency in ms by percentile. {}.", told.collect::<Vec<_>>().join("; "));
    let title = "Latency by percentile".into();
    Chart { title, description, x, y, series, height: 280.0, above: None }
}

fn number_of_nines(nines: f64) -> String {
    let percent = 100.0 - 10f64.powf(2.0 - nines);
    format!("{percent:.5}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// One log: its percentiles together; several: a plot a percentile. None where there is one
/// interval only.
fn over_time(logs: &[Log]) -> Vec<Chart> {
    if logs.iter().all(|log| log.intervals.len() < 2) {
        return Vec::new();
    }
    if let [log] = logs {
        let lines = OVER_TIME.iter().map(|(name, percentile)| line(log, name, *percentile));
        return vec![time_course("Latency over time", lines.collect())];
    }
    let chart = |(name, percentile)| {
        let lines = logs.iter().map(|log| line(log, &log.name, percentile));
        time_course(&format!("Latency over time, {name}"), lines.collect())
    };
    OVER_TIME.map(chart).into()
}

fn line(log: &Log, name: &str, percentile: f64) -> Series {
    let points = log.intervals.iter().map(|(start, histogram)| {
        (*start, histogram.value_at_percentile(percentile) as f64 / 1_000.0)
    });
    Series { name: name.to_owned(), points: points.collect(), is_step: false, look: 0 }
}

fn looking_apart(mut series: Vec<Series>) -> Vec<Series> {
    series.iter_mut().enumerate().for_each(|(look, series)| series.look = look);
    series
}

fn time_course(title: &str, series: Vec<Series>) -> Chart {
    let series = looking_apart(series);
    let points = || series.iter().flat_map(|series| &series.points);
    Chart {
        title: title.to_owned(),
        description: ranges(&series, "ms"),
        x: Axis::linear("seconds since the start", points().map(|(x, _)| *x)),
        y: Axis::linear("latency, ms", points().map(|(_, y)| *y)),
        series,
        height: 180.0,
        above: None,
    }
}
