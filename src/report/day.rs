//! The day of a run as an operator looks at it: balance, demand response, transfers, what stayed
//! unmet, islands, over time.

use super::chart::{Axis, Chart, LOOKS, Series, number, ranges};
use super::page::{Section, Table};
use crate::engine::{Course, Moment, RegionMoment};
use gridweaver_model::{Text, Time, Watts};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// So many regions have a plot of their own: those that lacked most, then those with most load.
const REGIONS_SHOWN: usize = 8;
/// So many lines fit a plot, each with a look of its own.
const LINES_SHOWN: usize = LOOKS;
/// So many rows fit a table.
const ROWS_SHOWN: usize = 40;

/// A line of a plot.
struct Line {
    name: String,
    /// At each moment.
    values: Vec<Watts>,
    look: usize,
}

type Figure = fn(&RegionMoment) -> Watts;

/// The sections of a run's page; none where no tick closed.
#[must_use]
pub fn day(course: &Course) -> Vec<Section> {
    let Some(day) = Day::of(course) else { return Vec::new() };
    vec![day.at_a_glance(), day.balances(), day.ordered(), day.missing(), day.topology()]
}

struct Day<'a> {
    moments: Vec<(Time, &'a Moment)>,
    /// Those that lacked most first, then those with most load.
    regions: Vec<&'a Text>,
    is_one_day: bool,
    x: Axis,
}

fn hours(time: Time) -> f64 {
    time.0 as f64 / 3_600_000.0
}

fn megawatts(power: Watts) -> f64 {
    power.0 as f64 / 1e6
}

impl<'a> Day<'a> {
    fn of(course: &'a Course) -> Option<Self> {
        let (first, _) = course.moments.first_key_value()?;
        let (last, _) = course.moments.last_key_value()?;
        let regions: BTreeSet<&Text> =
            course.moments.values().flat_map(|moment| moment.regions.keys()).collect();
        let moments = course.moments.iter().map(|(time, moment)| (*time, moment)).collect();
        let is_one_day = date(*first) == date(*last);
        let x = time_axis(*first, *last);
        let mut day = Self { moments, regions: Vec::new(), is_one_day, x };
        let mut ranked: Vec<&Text> = regions.into_iter().collect();
        ranked.sort_by_cached_key(|region| {
            Reverse((day.peak(region, |at| at.shortfall), day.peak(region, |at| at.load)))
        });
        day.regions = ranked;
        Some(day)
    }

    fn values(&self, region: &Text, figure: Figure) -> Vec<Watts> {
        let of = |moment: &Moment| moment.regions.get(region).map(figure).unwrap_or_default();
        self.moments.iter().map(|(_, moment)| of(moment)).collect()
    }

    fn peak(&self, region: &Text, figure: Figure) -> Watts {
        self.values(region, figure).into_iter().max().unwrap_or_default()
    }

    /// The greatest value and when it was reached first; nothing where it is 0.
    fn peak_and_when(&self, region: &Text, figure: Figure) -> [String; 2] {
        let values = self.values(region, figure).into_iter().zip(&self.moments);
        let peak = values.max_by_key(|(value, (time, _))| (*value, Reverse(*time)));
        match peak {
            Some((value, (time, _))) if value > Watts::ZERO => {
                [number(megawatts(value)), self.clock(*time)]
            }
            _ => ["0".into(), String::new()],
        }
    }

    /// The time of day, and the day where there are several.
    fn clock(&self, time: Time) -> String {
        let text = time.to_string().replace('T', " ");
        let from = if self.is_one_day { 11 } else { 5 };
        text.get(from..19).unwrap_or_default().to_owned()
    }

    fn at_a_glance(&self) -> Section {
        let columns = [
            "region",
            "load",
            "at",
            "shortfall",
            "at",
            "demand response",
            "received",
            "unmet",
            "at",
        ];
        let rows = self.regions.iter().take(ROWS_SHOWN).map(|region| {
            let mut row = vec![region.to_string()];
            row.extend(self.peak_and_when(region, |at| at.load));
            row.extend(self.peak_and_when(region, |at| at.shortfall));
            row.push(number(megawatts(self.peak(region, |at| at.demand_response))));
            row.push(number(megawatts(self.peak(region, |at| at.received))));
            row.extend(self.peak_and_when(region, |at| at.unmet));
            row
        });
        let left_out = self.regions.len().saturating_sub(ROWS_SHOWN);
        Section {
            heading: "Regions at a glance".into(),
            words: format!(
                "The greatest values of the day in MW, and when (UTC).{}",
                more(left_out, "regions")
            ),
            table: Some(Table { columns: columns.map(str::to_owned).into(), rows: rows.collect() }),
            ..Section::default()
        }
    }

    fn balances(&self) -> Section {
        let mut shown: Vec<&Text> = self.regions.iter().take(REGIONS_SHOWN).copied().collect();
        shown.sort_unstable();
        let left_out = self.regions.len() - shown.len();
        Section {
            heading: "Balance".into(),
            words: format!(
                "Where demand is above what is available, a region lacks power before any order. Demand is the metered load and what confirmed orders take off it. A region in several islands may lack power in one and have it in another: see the shortfall below. The axis does not begin at 0.{}",
                more(left_out, "regions")
            ),
            charts: shown.into_iter().map(|region| self.balance(region)).collect(),
            ..Section::default()
        }
    }

    fn balance(&self, region: &Text) -> Chart {
        let line = |name: &str, look, values| Line { name: name.to_owned(), values, look };
        let demand = self.values(region, |at| at.demand);
        let load = self.values(region, |at| at.load);
        let is_relieved = load != demand;
        // Generation follows demand closely: dashed, both can be seen.
        let mut lines = vec![
            line("demand", 1, demand),
            line("available", 0, self.values(region, |at| at.available)),
            line("generation", 6, self.values(region, |at| at.generation)),
        ];
        if is_relieved {
            lines.push(line("metered load", 7, load));
        }
        let values = lines.iter().flat_map(|line| &line.values).copied().map(megawatts);
        let y = Axis::around("MW", values);
        let chart = self.chart(&format!("Region {region}"), lines);
        Chart { y, above: Some((0, 1, "lacking")), ..chart }
    }

    fn ordered(&self) -> Section {
        self.section(
            "What was ordered",
            "Standing orders at each tick's end: what demand response is to take off, and what transfers are to deliver.",
            [
                ("Demand response by region", self.by_region(|at| at.demand_response)),
                ("Transfers between regions", self.transfers()),
            ],
        )
    }

    fn missing(&self) -> Section {
        self.section(
            "What was missing",
            "What regions lacked before any order, and what no order could serve.",
            [
                ("Shortfall by region", self.by_region(|at| at.shortfall)),
                ("Unmet by region", self.by_region(|at| at.unmet)),
            ],
        )
    }

    fn topology(&self) -> Section {
        let values =
            self.moments.iter().map(|(time, moment)| (hours(*time), moment.islands as f64));
        let (name, points) = ("islands".into(), values.collect());
        let series = Series { name, points, is_step: true, look: 0 };
        let islands = series.points.iter().map(|(_, count)| *count);
        let y = Axis::counted("islands", islands);
        let series = vec![series];
        let chart = Chart {
            title: "Islands".into(),
            description: ranges(&series, "islands"),
            x: self.x.clone(),
            y,
            series,
            height: 110.0,
            above: None,
        };
        Section {
            heading: "Topology".into(),
            words: "Parts of the grid that no line in service joins to others.".into(),
            charts: vec![chart],
            ..Section::default()
        }
    }

    /// A region looks the same in every plot.
    fn by_region(&self, figure: Figure) -> Vec<Line> {
        let lines = self.regions.iter().enumerate().map(|(look, region)| Line {
            name: format!("region {region}"),
            values: self.values(region, figure),
            look,
        });
        lines.collect()
    }

    /// By sending and receiving region; within a region, between its areas.
    fn transfers(&self) -> Vec<Line> {
        let mut flows: BTreeMap<(&Text, &Text), Vec<Watts>> = BTreeMap::new();
        for (index, (_, moment)) in self.moments.iter().enumerate() {
            for ((from, to), power) in &moment.transfers {
                let flow = flows.entry((from, to));
                flow.or_insert_with(|| vec![Watts::ZERO; self.moments.len()])[index] = *power;
            }
        }
        let lines = flows.into_iter().enumerate().map(|(look, ((from, to), values))| Line {
            name: format!("{from} → {to}"),
            values,
            look,
        });
        lines.collect()
    }

    /// Plots of the lines that are ever above 0, the greatest first; words where there are none.
    fn section<const N: usize>(
        &self,
        heading: &str,
        words: &str,
        plots: [(&str, Vec<Line>); N],
    ) -> Section {
        let mut section =
            Section { heading: heading.into(), words: words.into(), ..Section::default() };
        for (title, mut lines) in plots {
            lines.retain(|line| line.values.iter().any(|value| *value != Watts::ZERO));
            lines.sort_by_key(|line| Reverse(line.values.iter().max().copied()));
            let left_out = lines.len().saturating_sub(LINES_SHOWN);
            lines.truncate(LINES_SHOWN);
            if lines.is_empty() {
                section.words += &format!(" {title}: none.");
            } else {
                let rest = if left_out > 0 { format!(" ({left_out} more)") } else { String::new() };
                section.charts.push(self.chart(&format!("{title}{rest}"), lines));
            }
        }
        section
    }

    fn chart(&self, title: &str, lines: Vec<Line>) -> Chart {
        let series = lines.into_iter().map(|Line { name, values, look }| {
            let values = values.into_iter().map(megawatts);
            let points = self.moments.iter().map(|(time, _)| hours(*time)).zip(values).collect();
            Series { name, points, is_step: true, look }
        });
        let series: Vec<Series> = series.collect();
        let values = series.iter().flat_map(|series| &series.points).map(|(_, value)| *value);
        Chart {
            title: title.to_owned(),
            description: ranges(&series, "MW"),
            x: self.x.clone(),
            y: Axis::linear("MW", values),
            series,
            height: 180.0,
            above: None,
        }
    }
}

/// What is not shown, in words.
fn more(count: usize, what: &str) -> String {
    if count == 0 { String::new() } else { format!(" {count} more {what} are not shown.") }
}

fn date(time: Time) -> String {
    time.to_string().split('T').next().unwrap_or_default().to_owned()
}

/// From the first to the last instant in hours since the epoch, with a round number of marks.
fn time_axis(first: Time, last: Time) -> Axis {
    const STEPS_S: [i64; 14] =
        [1, 5, 10, 30, 60, 300, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 86_400, 604_800];
    let span_ms = (last - first).0.max(1);
    let fits = |step: &&i64| span_ms / (**step * 1_000) <= 12;
    let step_ms = STEPS_S.iter().find(fits).unwrap_or(&2_592_000) * 1_000;
    let mut marks = Vec::new();
    let mut at = first.0 + (-first.0).rem_euclid(step_ms);
    while at <= last.0 {
        let text = Time(at).to_string();
        let (from, to) = match step_ms {
            ..60_000 => (11, 19),
            60_000..86_400_000 => (11, 16),
            _ => (5, 10),
        };
        marks.push((hours(Time(at)), text.get(from..to).unwrap_or_default().to_owned()));
        at += step_ms;
    }
    let (from, to) = (date(first), date(last));
    let label = if from == to { format!("UTC, {from}") } else { format!("UTC, {from} to {to}") };
    Axis { label, least: hours(first), greatest: hours(Time(first.0 + span_ms)), marks }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(regions: &[(&str, i64)]) -> Course {
        let mut course = Course::default();
        for tick in 0..100_i64 {
            let moment = |unmet: i64| RegionMoment {
                load: Watts(1_000_000 * (100 + tick)),
                demand: Watts(1_000_000 * (100 + tick)),
                unmet: Watts(if tick == 60 { unmet } else { 0 }),
                ..RegionMoment::default()
            };
            let regions = regions.iter().map(|(name, unmet)| ((*name).into(), moment(*unmet)));
            let moment = Moment { regions: regions.collect(), islands: 1, ..Moment::default() };
            course.push(Time(1_772_323_200_000 + tick * 60_000), moment);
        }
        course
    }

    #[test]
    fn peaks_are_told_with_their_time() {
        let sections = day(&course(&[("north", 7_500_000), ("south", 0)]));
        let rows = &sections[0].table.as_ref().unwrap().rows;
        assert_eq!(rows[0][..3], ["north", "199", "01:39:00"]);
        assert_eq!(rows[0][7..], ["7.5", "01:00:00"]);
        assert_eq!(rows[1][7..], ["0", ""], "nothing is reached at no time");
    }

    #[test]
    fn what_never_happened_is_said_and_not_drawn() {
        let sections = day(&course(&[("north", 7_500_000)]));
        let missing = sections.iter().find(|one| one.heading == "What was missing").unwrap();
        assert!(missing.words.ends_with("Shortfall by region: none."), "{}", missing.words);
        let titles: Vec<&str> = missing.charts.iter().map(|chart| chart.title.as_str()).collect();
        assert_eq!(titles, ["Unmet by region"]);
        assert!(day(&Course::default()).is_empty());
    }

    #[test]
    fn many_regions_are_not_all_drawn_and_this_is_said() {
        let names: Vec<String> = (0..60).map(|number| format!("r{number:02}")).collect();
        let regions: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
        let sections = day(&course(&regions));
        assert!(sections[0].words.ends_with("20 more regions are not shown."));
        assert!(sections[1].words.ends_with("52 more regions are not shown."));
        assert_eq!(sections[1].charts.len(), REGIONS_SHOWN);
        let unmet = sections[3].charts.iter().find(|chart| chart.title.starts_with("Unmet"));
        assert_eq!(unmet.map(|chart| chart.title.as_str()), Some("Unmet by region (52 more)"));
    }

    #[test]
    fn the_time_axis_has_round_marks() {
        let axis = time_axis(Time(1_772_323_204_000), Time(1_772_323_204_000 + 86_000_000));
        let labels: Vec<&str> = axis.marks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels[..3], ["02:00", "04:00", "06:00"]);
        assert_eq!(axis.label, "UTC, 2026-03-01");
    }
}
