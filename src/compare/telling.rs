//! A comparison as JSON and as text.

use super::{Comparison, Difference, Totals};
use crate::summary::mw;
use gridweaver_model::decimal;
use gridweaver_model::json::JsonWriter;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Ticks that the text shows in full.
const TICKS_SHOWN: usize = 10;
/// Differences of a tick that the text shows.
const DIFFERENCES_SHOWN: usize = 12;

impl Totals {
    fn write(&self, object: &mut JsonWriter<'_>) {
        object.integer("ticks", self.ticks.into());
        object.integer("records", self.records.into());
        object.objects("orders", &self.ordered, |row, (kind, ordered)| {
            row.text("kind", &kind.replace(' ', "_"));
            row.integer("orders", ordered.orders.into());
            row.megawatts("mw", ordered.power);
            row.scaled("mwh", ordered.energy_wh(), 6);
        });
        object.nested("cancelled", |row| {
            for (reason, count) in &self.cancelled {
                row.integer(reason.name(), (*count).into());
            }
        });
        object.integer("plans", self.plans.into());
        object.scaled("cost", self.cost(), 9);
        object.megawatts("unmet_mw_max", self.unmet_max);
        object.scaled("unmet_mwh", self.unmet_wh(), 6);
    }

    /// Figures for a person, by their place and name.
    fn rows(&self) -> BTreeMap<(u8, String), (String, String)> {
        let mut rows = BTreeMap::new();
        let mut row = |place, of: &str, name: String, figure: String| {
            rows.insert((place, of.to_owned()), (name, figure));
        };
        let energy = |watt_hours: i128| decimal::text(watt_hours / 1_000, 3);
        row(0, "", "ticks".into(), self.ticks.to_string());
        row(1, "", "records".into(), self.records.to_string());
        row(2, "", "plans".into(), self.plans.to_string());
        for (kind, ordered) in &self.ordered {
            row(3, &format!("{kind} 1"), format!("{kind}, orders"), ordered.orders.to_string());
            row(3, &format!("{kind} 2"), format!("{kind}, MW ordered"), mw(ordered.power));
            row(3, &format!("{kind} 3"), format!("{kind}, MWh"), energy(ordered.energy_wh()));
        }
        for (reason, count) in &self.cancelled {
            let reason = reason.name();
            row(4, reason, format!("cancelled, {reason}"), count.to_string());
        }
        row(5, "", "cost of what stood".into(), decimal::text(self.cost() / 10_000_000, 2));
        row(6, "", "unmet, MW at most".into(), mw(self.unmet_max));
        row(7, "", "unmet, MWh".into(), energy(self.unmet_wh()));
        rows
    }
}

impl Comparison {
    /// As one JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        let mut out = Vec::new();
        let mut object = JsonWriter::object(&mut out);
        object.nested("a", |side| self.a.write(side));
        object.nested("b", |side| self.b.write(side));
        match self.parted.first() {
            Some((tick, _)) => object.time("parted_at", *tick),
            None => object.null("parted_at"),
        }
        object.objects("ticks", &self.parted, |row, (tick, differences)| {
            row.time("tick", *tick);
            row.objects("differences", differences, |row, difference| {
                row.text("about", &difference.about);
                row.optional_text("a", difference.a.as_deref());
                row.optional_text("b", difference.b.as_deref());
            });
        });
        object.end();
        String::from_utf8_lossy(&out).into_owned()
    }

    /// For a person to read: figures side by side, then the first ticks that differ. A `*` marks
    /// figures that differ.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = format!("{:<28}{:>16}{:>16}\n", "", "A", "B");
        let (a, b) = (self.a.rows(), self.b.rows());
        let places: BTreeSet<_> = a.keys().chain(b.keys()).collect();
        for place in places {
            let name = a.get(place).or(b.get(place)).map_or("", |(name, _)| name);
            let figure = |side: &BTreeMap<_, (String, String)>| {
                side.get(place).map_or_else(|| "0".to_owned(), |(_, figure)| figure.clone())
            };
            let (a, b) = (figure(&a), figure(&b));
            let mark = if a == b { "" } else { "  *" };
            let _ = writeln!(out, "{name:<28}{a:>16}{b:>16}{mark}");
        }
        let Some((first, _)) = self.parted.first() else {
            out.push_str("\nno tick differs\n");
            return out;
        };
        let _ = writeln!(out, "\nthey part at {first}; ticks that differ: {}", self.parted.len());
        for (tick, differences) in self.parted.iter().take(TICKS_SHOWN) {
            let _ = writeln!(out, "\n{tick}");
            differences.iter().take(DIFFERENCES_SHOWN).for_each(|one| out.push_str(&one.text()));
            let more = differences.len().saturating_sub(DIFFERENCES_SHOWN);
            if more > 0 {
                let _ = writeln!(out, "  and {more} more; --json tells all");
            }
        }
        let more = self.parted.len().saturating_sub(TICKS_SHOWN);
        if more > 0 {
            let _ = writeln!(out, "\nand {more} more ticks; --json tells all");
        }
        out
    }
}

impl Difference {
    fn text(&self) -> String {
        let said = |says: &Option<String>| says.clone().unwrap_or_else(|| "nothing".into());
        format!("  {}\n    A  {}\n    B  {}\n", self.about, said(&self.a), said(&self.b))
    }
}
