//! A plot as SVG: axes with units, a legend, lines. Colours follow the reader's light or dark.
//!
//! It can be read without being seen: a title and a description say what is drawn. Half of the
//! looks of lines are dashed, so that colour is not all that tells them apart.

use std::fmt::Write as _;

const WIDTH: f64 = 920.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 18.0;
const BOTTOM: f64 = 48.0;
/// Where the legend's first row stands, and how far apart its rows are.
const LEGEND_TOP: f64 = 48.0;
const LEGEND_ROW: f64 = 20.0;
/// Wide enough for a letter of a legend.
const LETTER: f64 = 7.4;
/// Longer names are cut short in a legend.
const NAME_LETTERS_MAX: usize = 40;
/// Colours, and the same once more dashed.
pub const LOOKS: usize = 8;

/// What plots look like, for light and dark; without variables, which not all viewers know.
pub const STYLE: &str = "\
svg.chart{font:13px system-ui,sans-serif}\
svg.chart text{fill:#566070}svg.chart text.ink{fill:#1c2430}svg.chart text.title{font-size:15px;font-weight:600}\
svg.chart .paper{fill:#fff}svg.chart .rule{stroke:#e1e6ec;fill:none}svg.chart .axis{stroke:#8a95a5;fill:none}\
svg.chart .line{fill:none;stroke-width:1.9;stroke-linejoin:round}svg.chart .dashed{stroke-dasharray:6 4}svg.chart .above{fill:#d1242f;fill-opacity:.35}\
.c0{stroke:#1f6feb}.c1{stroke:#c2410c}.c2{stroke:#15803d}.c3{stroke:#8b2fc9}\
@media(prefers-color-scheme:dark){\
svg.chart text{fill:#9aa6b5}svg.chart text.ink{fill:#e6eaf0}\
svg.chart .paper{fill:#161b22}svg.chart .rule{stroke:#2a323d}svg.chart .axis{stroke:#667283}svg.chart .above{fill:#ff6b62;fill-opacity:.5}\
.c0{stroke:#6cb0ff}.c1{stroke:#ff9d5c}.c2{stroke:#5fd68b}.c3{stroke:#c59bff}}";

/// One line.
pub struct Series {
    /// In the legend.
    pub name: String,
    /// Points from left to right.
    pub points: Vec<(f64, f64)>,
    /// Whether a value holds until the next.
    pub is_step: bool,
    /// Which of the [`LOOKS`] it has; they repeat.
    pub look: usize,
}

/// Numbers along an axis, and where they are written.
#[derive(Clone)]
pub struct Axis {
    /// What it measures, with its unit.
    pub label: String,
    /// From here.
    pub least: f64,
    /// To here.
    pub greatest: f64,
    /// Places and their labels.
    pub marks: Vec<(f64, String)>,
}

/// A plot.
pub struct Chart {
    /// Above it.
    pub title: String,
    /// What is drawn, for those who do not see it.
    pub description: String,
    /// Horizontal.
    pub x: Axis,
    /// Vertical.
    pub y: Axis,
    /// Lines, at most eight of which look different.
    pub series: Vec<Series>,
    /// From the highest to the lowest mark, in pixels.
    pub height: f64,
    /// Shaded where one of two step lines, by their indices, is above the other, under this name.
    pub above: Option<(usize, usize, &'static str)>,
}

impl Axis {
    /// From 0 (or below, where values are) to a round number above the greatest value.
    #[must_use]
    pub fn linear(label: &str, values: impl Iterator<Item = f64>) -> Self {
        Self::around(label, values.chain([0.0]))
    }

    /// From a round number below the least value to one above the greatest.
    #[must_use]
    pub fn around(label: &str, values: impl Iterator<Item = f64>) -> Self {
        let (least, greatest) = range(values).unwrap_or((0.0, 0.0));
        let span = if greatest > least { greatest - least } else { 1.0 };
        let rough = span / 4.0;
        let power = 10f64.powf(rough.log10().floor());
        let factor = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|f| f * power >= rough);
        let step = factor.unwrap_or(10.0) * power;
        let (first, last) = ((least / step).floor(), ((least + span) / step).ceil());
        let mut marks = Vec::new();
        let mut at = first;
        while at <= last {
            marks.push((at * step, number(at * step)));
            at += 1.0;
        }
        Self { label: label.to_owned(), least: first * step, greatest: last * step, marks }
    }

    /// Of things that are counted, from 0: no fractions.
    #[must_use]
    pub fn counted(label: &str, values: impl Iterator<Item = f64>) -> Self {
        let mut axis = Self::linear(label, values.chain([2.0]));
        axis.marks.retain(|(value, _)| value.fract().abs() < 1e-9);
        axis
    }

    /// Powers of ten around values above 0; the places are their logarithms.
    #[must_use]
    pub fn logarithmic(label: &str, values: impl Iterator<Item = f64>) -> Self {
        let (low, high) =
            range(values.filter(|value| *value > 0.0).map(f64::log10)).unwrap_or((0.0, 1.0));
        let (least, greatest) = (low.floor(), high.ceil().max(low.floor() + 1.0));
        let mut marks = Vec::new();
        let mut power = least;
        while power <= greatest {
            marks.push((power, number(10f64.powf(power))));
            power += 1.0;
        }
        Self { label: label.to_owned(), least, greatest, marks }
    }

    fn place(&self, value: f64) -> f64 {
        let span = (self.greatest - self.least).max(f64::MIN_POSITIVE);
        ((value - self.least) / span).clamp(0.0, 1.0)
    }
}

/// The least and the greatest, where there is any.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

/// At most three decimals, thousands apart: `12 345.5`.
#[must_use]
pub fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("−", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if fraction.is_empty() && whole == "0" {
        return "0".into();
    }
    let mut out = sign.to_owned();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    if fraction.is_empty() { out } else { out + "." + fraction }
}

/// What lines do, in words.
#[must_use]
pub fn ranges(series: &[Series], unit: &str) -> String {
    let told = series.iter().map(|series| match range(series.points.iter().map(|(_, y)| *y)) {
        Some((low, high)) => {
            format!("{}: from {} to {} {unit}", series.name, number(low), number(high))
        }
        None => format!("{}: no value", series.name),
    });
    told.collect::<Vec<_>>().join("; ")
}

/// Text within XML; what no XML may hold is shown as `�`.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ if letter.is_control() => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
    out
}

/// A name as a legend shows it.
fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME_LETTERS_MAX {
        return name.to_owned();
    }
    name.chars().take(NAME_LETTERS_MAX - 1).chain(['…']).collect()
}

/// The classes of a look.
fn classes(look: usize) -> String {
    let dashed = if look % LOOKS < LOOKS / 2 { "" } else { " dashed" };
    format!("line c{}{dashed}", look % (LOOKS / 2))
}

/// Where things stand, in pixels.
struct Layout {
    /// Of each line's legend: from the left, from above.
    legend: Vec<(f64, f64)>,
    top: f64,
    bottom: f64,
    height: f64,
}

impl Chart {
    /// As an SVG element. The number tells it apart from others on a page.
    #[must_use]
    pub fn svg(&self, number: usize) -> String {
        let layout = self.layout();
        let (title, description) = (escaped(&self.title), escaped(&self.description));
        let height = layout.height;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"t{number} d{number}\"><title id=\"t{number}\">{title}</title><desc id=\"d{number}\">{description}</desc><rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\" rx=\"6\"/><text class=\"ink title\" x=\"{LEFT}\" y=\"26\">{title}</text>"
        );
        self.write_axes(&layout, &mut out);
        if let Some((upper, lower, name)) = self.above {
            let (name, path) = (escaped(name), self.area_between(upper, lower, &layout));
            let (x, y) = layout.legend[self.series.len()];
            let (box_y, text_x) = (y - 10.0, x + 28.0);
            let _ = write!(
                out,
                "<path class=\"above\" d=\"{path}\"/><rect class=\"above\" x=\"{x:.1}\" y=\"{box_y}\" width=\"22\" height=\"11\"/><text class=\"ink\" x=\"{text_x:.1}\" y=\"{y}\">{name}</text>"
            );
        }
        for (series, (x, y)) in self.series.iter().zip(&layout.legend) {
            let look = classes(series.look);
            let (name, path) = (escaped(&shortened(&series.name)), self.path(series, &layout));
            let (stroke_y, text_x) = (y - 4.5, x + 28.0);
            let _ = write!(
                out,
                "<path class=\"{look}\" d=\"{path}\"/><path class=\"{look}\" d=\"M{x:.1} {stroke_y:.1}h22\"/><text class=\"ink\" x=\"{text_x:.1}\" y=\"{y}\">{name}</text>"
            );
        }
        out.push_str("</svg>\n");
        out
    }

    /// As a file of its own.
    #[must_use]
    pub fn file(&self) -> String {
        let style = format!("<style>{STYLE}</style><rect class=\"paper\"");
        self.svg(0).replacen("<rect class=\"paper\"", &style, 1)
    }

    fn layout(&self) -> Layout {
        let (mut x, mut y) = (LEFT, LEGEND_TOP);
        let mut legend = Vec::new();
        let names = self.series.iter().map(|series| series.name.as_str());
        for name in names.chain(self.above.map(|(.., name)| name)) {
            let width = 28.0 + shortened(name).chars().count() as f64 * LETTER;
            if x > LEFT && x + width > WIDTH - RIGHT {
                (x, y) = (LEFT, y + LEGEND_ROW);
            }
            legend.push((x, y));
            x += width + 18.0;
        }
        let top = y + 18.0;
        let bottom = top + self.height;
        Layout { legend, top, bottom, height: bottom + BOTTOM }
    }

    fn write_axes(&self, layout: &Layout, out: &mut String) {
        let (top, bottom, right) = (layout.top, layout.bottom, WIDTH - RIGHT);
        for (value, label) in &self.y.marks {
            let y = self.y_of(*value, layout);
            let (x, base, label) = (LEFT - 8.0, y + 4.5, escaped(label));
            let _ = write!(
                out,
                "<path class=\"rule\" d=\"M{LEFT} {y:.1}H{right}\"/><text x=\"{x}\" y=\"{base:.1}\" text-anchor=\"end\">{label}</text>"
            );
        }
        for (value, label) in &self.x.marks {
            let (x, base, label) = (self.x_of(*value), bottom + 18.0, escaped(label));
            let anchor = if right - x < 20.0 { "end" } else { "middle" };
            let _ = write!(
                out,
                "<path class=\"rule\" d=\"M{x:.1} {top}V{bottom}\"/><text x=\"{x:.1}\" y=\"{base}\" text-anchor=\"{anchor}\">{label}</text>"
            );
        }
        let (middle, low, side) =
            (f64::midpoint(LEFT, right), bottom + 39.0, f64::midpoint(top, bottom));
        let (x, y) = (escaped(&self.x.label), escaped(&self.y.label));
        let _ = write!(
            out,
            "<path class=\"axis\" d=\"M{LEFT} {bottom}H{right}\"/><text x=\"{middle}\" y=\"{low}\" text-anchor=\"middle\">{x}</text><text transform=\"translate(16 {side}) rotate(-90)\" text-anchor=\"middle\">{y}</text>"
        );
    }

    fn x_of(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y_of(&self, value: f64, layout: &Layout) -> f64 {
        layout.bottom - self.y.place(value) * self.height
    }

    /// Rectangles between two step lines, while the one is above the other.
    fn area_between(&self, upper: usize, lower: usize, layout: &Layout) -> String {
        let mut path = String::new();
        let (Some(upper), Some(lower)) = (self.series.get(upper), self.series.get(lower)) else {
            return path;
        };
        let pairs: Vec<_> = upper.points.iter().zip(&lower.points).collect();
        for pair in pairs.windows(2) {
            let [((from, high), (_, low)), ((to, _), _)] = pair else { continue };
            if high > low {
                let (left, right) = (self.x_of(*from), self.x_of(*to));
                let (top, bottom) = (self.y_of(*high, layout), self.y_of(*low, layout));
                let _ = write!(path, "M{left:.1} {top:.1}H{right:.1}V{bottom:.1}H{left:.1}Z");
            }
        }
        path
    }

    /// Points at which a line does not turn are left out.
    fn path(&self, series: &Series, layout: &Layout) -> String {
        let mut path = String::new();
        let mut held = None;
        for (index, (x, y)) in series.points.iter().enumerate() {
            let (x, y) = (self.x_of(*x), self.y_of(*y, layout));
            let at = (y * 10.0).round();
            if series.is_step && held == Some(at) {
                continue;
            }
            held = Some(at);
            let _ = match (index, series.is_step) {
                (0, _) => write!(path, "M{x:.1} {y:.1}"),
                (_, true) => write!(path, "H{x:.1}V{y:.1}"),
                (_, false) => write!(path, "L{x:.1} {y:.1}"),
            };
        }
        if series.is_step
            && let Some((x, _)) = series.points.last()
        {
            let _ = write!(path, "H{:.1}", self.x_of(*x));
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(names: &[&str]) -> Chart {
        let series = names.iter().map(|name| Series {
            name: (*name).to_owned(),
            points: vec![(0.0, 1.0), (1.0, 1.0), (2.0, 3.0)],
            is_step: true,
            look: 0,
        });
        Chart {
            title: "A & B".into(),
            description: "what is drawn".into(),
            x: Axis::linear("h", [0.0, 2.0].into_iter()),
            y: Axis::linear("MW", [1.0, 3.0].into_iter()),
            series: series.collect(),
            height: 100.0,
            above: None,
        }
    }

    #[test]
    fn no_name_gets_out_of_its_text() {
        let hostile = "</text><script>alert(1)</script>\"'&\u{1b}";
        let svg = chart(&[hostile]).svg(1);
        assert!(!svg.contains("<script>"), "{svg}");
        assert!(svg.contains("&lt;/text&gt;&lt;script&gt;"), "{svg}");
        assert!(svg.contains("&quot;&#39;&amp;\u{fffd}</text>"), "{svg}");
        assert!(svg.contains("A &amp; B</title>"), "{svg}");
    }

    #[test]
    fn a_legend_that_is_too_wide_goes_on_below() {
        let names = ["a long name of a transfer"; 8];
        let (one, eight) = (chart(&names[..1]).layout(), chart(&names).layout());
        assert!(eight.top > one.top, "the plot gives way");
        let right = |at: &(f64, f64)| at.0 + 28.0 + 25.0 * LETTER;
        assert!(eight.legend.iter().all(|at| right(at) <= WIDTH), "{:?}", eight.legend);
    }

    #[test]
    fn a_step_that_does_not_turn_is_not_drawn() {
        let chart = chart(&["one"]);
        let path = chart.path(&chart.series[0], &chart.layout());
        assert_eq!(path.matches('V').count(), 1, "{path}");
        assert!(path.starts_with("M78.0 ") && path.ends_with("H902.0"), "{path}");
    }

    #[test]
    fn what_is_above_is_shaded_while_it_is() {
        let mut chart = chart(&["upper", "lower"]);
        chart.series[1].points = vec![(0.0, 2.0), (1.0, 0.0), (2.0, 0.0)];
        chart.above = Some((0, 1, "lacking"));
        let layout = chart.layout();
        assert_eq!(layout.legend.len(), 3, "it stands in the legend");
        let area = chart.area_between(0, 1, &layout);
        assert_eq!(area.matches('M').count(), 1, "from the second point to the third: {area}");
    }

    #[test]
    fn axes_end_at_round_numbers_around_the_values() {
        let axis = Axis::linear("MW", [-30.0, 1_480.0].into_iter());
        assert_eq!((axis.least, axis.greatest), (-500.0, 1_500.0));
        let labels: Vec<&str> = axis.marks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["−500", "0", "500", "1\u{202f}000", "1\u{202f}500"]);
        let flat = Axis::linear("MW", [0.0].into_iter());
        assert!(flat.greatest > flat.least, "nothing at all still has a scale");
        let far = Axis::around("MW", [1_410.0, 2_390.0].into_iter());
        assert_eq!((far.least, far.greatest), (1_250.0, 2_500.0));
        let log = Axis::logarithmic("ms", [0.02, 7.0].into_iter());
        assert_eq!((log.least, log.greatest), (-2.0, 1.0));
        let counted = Axis::counted("islands", [1.0, 2.0].into_iter());
        assert!(counted.marks.iter().all(|(value, _)| value.fract() == 0.0));
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in
            [(0.0, "0"), (-0.0, "0"), (1.5, "1.5"), (0.0004, "0"), (123.4567, "123.457")]
        {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(1_234_567.0), "1\u{202f}234\u{202f}567");
    }
}
