//! A page of its own: sections with words, tables and plots, in one HTML file that needs nothing
//! from outside. Names come from whoever sends records: all text is escaped here.

use super::chart::{Chart, STYLE, escaped};
use std::fmt::Write as _;

/// A part of a page.
#[derive(Default)]
pub struct Section {
    /// Its heading.
    pub heading: String,
    /// What is to be seen, and how it is to be read.
    pub words: String,
    /// Text with its own line ends.
    pub listing: Option<String>,
    /// Figures.
    pub table: Option<Table>,
    /// Plots.
    pub charts: Vec<Chart>,
}

/// Figures by row; the first column names them.
#[derive(Default)]
pub struct Table {
    /// Heads.
    pub columns: Vec<String>,
    /// As many cells each as there are heads.
    pub rows: Vec<Vec<String>>,
}

const PAGE_STYLE: &str = "\
:root{color-scheme:light dark;--paper:#f6f8fa;--sheet:#fff;--ink:#1c2430;--dim:#566070;--rule:#d9dfe7}\
@media(prefers-color-scheme:dark){:root{--paper:#0d1117;--sheet:#161b22;--ink:#e6eaf0;--dim:#9aa6b5;--rule:#2a323d}}\
body{background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif;max-width:980px;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.2rem;margin:2.4rem 0 .2rem}p{color:var(--dim);margin:.2rem 0 .8rem;max-width:44rem}\
section{overflow-x:auto}svg.chart{display:block;width:100%;min-width:40rem;height:auto;margin:.8rem 0;border:1px solid var(--rule);border-radius:6px;box-sizing:border-box}\
pre{background:var(--sheet);border:1px solid var(--rule);border-radius:6px;padding:.8rem 1rem;overflow-x:auto;font:13px/1.5 ui-monospace,monospace}\
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums;background:var(--sheet);border:1px solid var(--rule)}\
td,th{padding:.3rem .8rem;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap}thead th{color:var(--dim);font-weight:600}\
td:first-child,th:first-child{text-align:left}tbody th{font-weight:500}\
@media print{body{background:none;margin:0;max-width:none}svg.chart,table,pre{break-inside:avoid}}";

/// The page.
#[must_use]
pub fn page(title: &str, words: &str, sections: &[Section]) -> String {
    let (title, words) = (escaped(title), escaped(words));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>{title}</title>\n<style>{PAGE_STYLE}{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{words}</p>\n<main>\n"
    );
    let mut number = 0;
    for section in sections {
        let (heading, words) = (escaped(&section.heading), escaped(&section.words));
        let _ = writeln!(out, "<section>\n<h2>{heading}</h2>\n<p>{words}</p>");
        if let Some(listing) = &section.listing {
            let lines: Vec<String> = listing.lines().map(escaped).collect();
            let _ = writeln!(out, "<pre>{}</pre>", lines.join("\n"));
        }
        if let Some(table) = &section.table {
            out.push_str(&table.html());
        }
        for chart in &section.charts {
            number += 1;
            out.push_str(&chart.svg(number));
        }
        out.push_str("</section>\n");
    }
    out + "</main>\n</body>\n</html>\n"
}

impl Table {
    fn html(&self) -> String {
        let mut out = "<table>\n<thead><tr>".to_owned();
        for column in &self.columns {
            let _ = write!(out, "<th scope=\"col\">{}</th>", escaped(column));
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            out.push_str("<tr>");
            for (index, cell) in row.iter().enumerate() {
                let cell = escaped(cell);
                let _ = match index {
                    0 => write!(out, "<th scope=\"row\">{cell}</th>"),
                    _ => write!(out, "<td>{cell}</td>"),
                };
            }
            out.push_str("</tr>\n");
        }
        out + "</tbody></table>\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_gets_out_of_its_place() {
        let hostile = "<img src=x onerror=alert(1)>&amp;";
        let section = Section {
            heading: hostile.into(),
            words: hostile.into(),
            listing: Some(hostile.into()),
            table: Some(Table {
                columns: vec![hostile.into(); 2],
                rows: vec![vec![hostile.into(); 2]],
            }),
            charts: Vec::new(),
        };
        let page = page(hostile, hostile, &[section]);
        assert!(!page.contains("<img"), "{page}");
        // The title twice, its words, a section's heading, words, listing, two heads, two cells.
        assert_eq!(page.matches("&lt;img src=x onerror=alert(1)&gt;&amp;amp;").count(), 10);
    }
}
