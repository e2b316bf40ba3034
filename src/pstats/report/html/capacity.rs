//! The highest rate that a server holds, in the page: the result, and the curve of rate against P99 and errors as a drawing and a table. Both
//! scales of the drawing are logarithmic.

use super::body::{Body, Cell, shown};
use crate::cli::numbers::{milliseconds, number, percent};
use crate::page::escape;
use crate::pstats::report::capacity::{CapacityReport, HEAD, Point, TITLE};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
/// Room for the labels at the left and below.
const LEFT: f64 = 70.0;
const BELOW: f64 = 30.0;

/// Where a value is on a logarithmic scale from `low` to `high`, from 0 to 1.
fn place(value: f64, low: f64, high: f64) -> f64 {
    if high <= low { 0.5 } else { (value / low).ln() / (high / low).ln() }
}

/// Writes it into the page.
pub(super) fn write(page: &mut Body, found: &CapacityReport) {
    let facts = found.facts();
    let fact = |(name, figure, remark): &(&'static str, String, String)| {
        (*name, format!("{} <span class=\"faint\">{}</span>", shown(figure), shown(remark)))
    };
    page.facts(TITLE, &facts.iter().map(fact).collect::<Vec<_>>());
    let curve = found.curve();
    if curve.is_empty() {
        return;
    }
    const HEADING: &str = "P99 end to end by rate (both logarithmic; shaded: the interval)";
    page.begin(HEADING, "");
    page.put(&draw(found));
    let row = |point: &Point| {
        let cells = point.cells();
        let rate = Cell::measured(Some(point.rate), shown(&cells[0]));
        std::iter::once(rate).chain(cells[1..].iter().map(|cell| Cell::figure(cell))).collect()
    };
    page.table(HEADING, "", &HEAD, curve.iter().map(row).collect());
    page.end();
}

/// The drawing. Empty if there are fewer than two points.
fn draw(capacity: &CapacityReport) -> String {
    let curve: Vec<Point> =
        capacity.curve().into_iter().filter(|point| point.p99_ms.is_some_and(|ms| ms > 0.0)).collect();
    let ends = |of: &dyn Fn(&Point) -> f64| {
        let values = || curve.iter().map(of);
        (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max))
    };
    let p99 = |point: &Point| point.p99_ms.unwrap_or(1.0);
    let (rates, times) = (ends(&|point| point.rate), ends(&p99));
    if curve.len() < 2 {
        return String::new();
    }
    let x = |rate: f64| LEFT + (WIDTH - LEFT - 15.0) * place(rate, rates.0, rates.1).clamp(0.0, 1.0);
    let y = |ms: f64| HEIGHT - BELOW - (HEIGHT - BELOW - 15.0) * place(ms, times.0, times.1).clamp(0.0, 1.0);
    let mut svg = format!(
        "<svg width=\"100%\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"P99 end to end by rate: {} at {}/s, {} at {}/s\">\n",
        escape(&milliseconds(p99(&curve[0]))),
        number(curve[0].rate),
        escape(&milliseconds(p99(&curve[curve.len() - 1]))),
        number(curve[curve.len() - 1].rate),
    );
    if let (Some([low, high]), Some(interval)) = (capacity.found.interval, capacity.found.interval_in_words()) {
        svg.push_str(&format!(
            "<rect x=\"{:.1}\" y=\"10\" width=\"{:.1}\" height=\"{:.1}\" fill=\"var(--faint)\" opacity=\".3\"><title>{}</title></rect>\n",
            x(low),
            (x(high) - x(low)).max(2.0),
            HEIGHT - BELOW - 10.0,
            escape(&interval)
        ));
    }
    let line: Vec<String> = curve.iter().map(|point| format!("{:.1},{:.1}", x(point.rate), y(p99(point)))).collect();
    svg.push_str(&format!("<polyline points=\"{}\" fill=\"none\" stroke=\"var(--faint)\"/>\n", line.join(" ")));
    for point in &curve {
        let class = match point.held {
            held if held == point.steps => "good",
            0 => "bad",
            _ => "warn",
        };
        let words = format!(
            "{}/s: P99 {}, errors {}",
            number(point.rate),
            milliseconds(p99(point)),
            percent(point.error_rate.unwrap_or(0.0))
        );
        svg.push_str(&format!(
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"currentColor\"><title>{}</title></circle>\n",
            x(point.rate),
            y(p99(point)),
            escape(&words)
        ));
    }
    let mut label = |at: (f64, f64), anchor: &str, text: &str| {
        svg.push_str(&format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" font-size=\"12\" fill=\"currentColor\">{}</text>\n",
            at.0,
            at.1,
            escape(text)
        ));
    };
    for rate in [rates.0, (rates.0 * rates.1).sqrt(), rates.1] {
        label((x(rate), HEIGHT - 10.0), if rate == rates.1 { "end" } else { "middle" }, &format!("{}/s", number(rate)));
    }
    for ms in [times.0, (times.0 * times.1).sqrt(), times.1] {
        label((LEFT - 8.0, y(ms) + 4.0), "end", &milliseconds(ms));
    }
    svg + "</svg>\n"
}
