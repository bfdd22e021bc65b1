//! Charts: SVG made on the server, one idea each, labelled where the eye is, with a table behind them.
//!
//! The plot stretches to the width it is given while its height and all text stay in pixels, so a chart reads the
//! same at 320 px and at 1,280 px.

mod bars;
mod spark;
mod trend;

use leptos::prelude::*;
use model::Severity;

pub use bars::{Bar, BarList, StackedBars};
pub use spark::{Meter, Sparkline};
pub use trend::Trend;

use super::{
    Tone,
    icon::{self, Icon},
    number,
};

/// The height of a plot in pixels.
const PLOT_PX: f64 = 160.0;

/// What colour something has in every chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hue {
    /// The nth of things that have no colour of their own, from 1 to 5.
    Series(u8),
    Severity(Severity),
    Tone(Tone),
}

impl Hue {
    fn class(self) -> String {
        match self {
            Self::Series(nth) => format!("hue-{}", nth.clamp(1, 5)),
            Self::Severity(severity) => format!("hue-{severity}"),
            Self::Tone(tone) => format!("hue-{}", tone.as_str()),
        }
    }
}

/// One line, or one layer of a stack: a value for each of the chart's positions.
#[derive(Clone, Debug)]
pub struct Series {
    pub label: String,
    pub hue: Hue,
    pub values: Vec<u64>,
}

impl Series {
    #[must_use]
    pub fn new(label: impl Into<String>, hue: Hue, values: Vec<u64>) -> Self {
        Self { label: label.into(), hue, values }
    }
}

/// Caption, plot, and the same as a table for whoever wants the numbers.
#[component]
fn ChartFrame(
    caption: String,
    /// The names of the positions.
    positions: Vec<String>,
    series: Vec<Series>,
    children: Children,
) -> impl IntoView {
    let header =
        series.iter().map(|one| view! { <th scope="col" class="number">{one.label.clone()}</th> }).collect_view();
    let rows = positions
        .into_iter()
        .enumerate()
        .map(|(at, position)| {
            let cells = series
                .iter()
                .map(|one| {
                    let value = one.values.get(at).copied().map_or_else(|| "–".to_owned(), number::grouped);
                    view! { <td class="number">{value}</td> }
                })
                .collect_view();
            view! {
                <tr>
                    <th scope="row">{position}</th>
                    {cells}
                </tr>
            }
        })
        .collect_view();
    view! {
        <figure class="chart">
            <figcaption class="chart-caption">{caption}</figcaption>
            {children()}
            <details class="chart-table">
                <summary>
                    <Icon of=icon::NEXT />
                    "As a table"
                </summary>
                <table class="table table-plain">
                    <thead>
                        <tr>
                            <td></td>
                            {header}
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </details>
        </figure>
    }
}

/// Zero to a round number that nothing exceeds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale {
    top: u64,
}

impl Scale {
    fn over(greatest: u64) -> Self {
        let mut magnitude = 1_u64;
        loop {
            for step in [1, 2, 4, 5, 10] {
                let top = magnitude.saturating_mul(step);
                if top >= greatest && top.is_multiple_of(2) {
                    return Self { top };
                }
            }
            magnitude = magnitude.saturating_mul(10);
        }
    }

    /// Pixels from the top of the plot.
    fn y(self, value: f64) -> f64 {
        PLOT_PX - value / as_float(self.top) * PLOT_PX
    }

    /// The numbers at the left: top, middle, zero.
    fn axis(self) -> impl IntoView {
        let marks = [self.top, self.top / 2, 0];
        view! {
            <svg class="plot-axis" width="36" height=PLOT_PX viewBox=format!("0 0 36 {PLOT_PX}") aria-hidden="true">
                {marks
                    .map(|mark| {
                        view! {
                            <text x="28" y=rounded(self.y(as_float(mark)) + 4.0) text-anchor="end">
                                {short(mark)}
                            </text>
                        }
                    })
                    .collect_view()}
            </svg>
        }
    }

    /// The lines at those numbers.
    fn grid(self) -> impl IntoView {
        [self.top, self.top / 2, 0]
            .map(|mark| {
                let y = rounded(self.y(as_float(mark)));
                view! { <line class="chart-grid" x1="0" x2="100" y1=y.clone() y2=y vector-effect="non-scaling-stroke" /> }
            })
            .collect_view()
    }
}

/// The names under the plot: all where they fit, else the first, the middle and the last.
fn positions_line(positions: &[String]) -> impl IntoView + use<> {
    let shown: Vec<String> = match positions.len() {
        0..=6 => positions.to_vec(),
        count => [0, count / 2, count - 1].iter().map(|&at| positions[at].clone()).collect(),
    };
    view! {
        <div class="plot-positions chart-note" aria-hidden="true">
            {shown.into_iter().map(|position| view! { <span>{position}</span> }).collect_view()}
        </div>
    }
}

/// "12 k" where "12,000" would not fit beside an axis.
fn short(number: u64) -> String {
    match number {
        0..=9_999 => number::grouped(number),
        10_000..=9_999_999 => format!("{} k", number / 1_000),
        _ => format!("{} M", number / 1_000_000),
    }
}

fn rounded(value: f64) -> String {
    format!("{value:.1}")
}

/// Counts on a chart are far below what a float holds exactly; beyond that a pixel tells no difference.
fn as_float(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}

pub fn samples() -> impl IntoView {
    let months: Vec<String> = ["Jun", "Jul", "Aug", "Sep", "Oct", "Nov"].map(String::from).to_vec();
    let days: Vec<String> = (1..=30).map(|day| format!("{day} Nov")).collect();
    let by_severity = || {
        vec![
            Series::new("Critical", Hue::Severity(Severity::Critical), vec![28, 30, 29, 33, 31, 12]),
            Series::new("High", Hue::Severity(Severity::High), vec![90, 96, 104, 88, 71, 60]),
            Series::new("Medium", Hue::Severity(Severity::Medium), vec![120, 118, 131, 140, 122, 119]),
        ]
    };
    view! {
        <div class="grid gap-8 lg:grid-cols-2">
            <Trend
                caption="Critical findings fell from 31 to 12 since October"
                positions=months.clone()
                series=by_severity()
            />
            <Trend
                caption="Open incidents: 2, as a week ago"
                positions=days
                series=vec![
                    Series::new("Open", Hue::Series(1), (0..30).map(|day| [3, 2, 0, 1, 1, 4, 7][(day + 5) % 7]).collect()),
                ]
            />
            <StackedBars caption="New findings are mostly of medium severity" positions=months series=by_severity() />
            <BarList
                caption="Payments has a third of all critical findings"
                bars=vec![
                    Bar::new("payments", 4, Hue::Severity(Severity::Critical)).href("#"),
                    Bar::new("checkout", 3, Hue::Severity(Severity::Critical)).href("#"),
                    Bar::new("a team whose name does not fit", 1, Hue::Severity(Severity::Critical)),
                    Bar::new("search", 0, Hue::Severity(Severity::Critical)),
                ]
            />
            <div class="flex flex-col gap-2">
                <Meter part=38 whole=40 tone=Tone::Good label="Controls passed" />
                <Meter part=12 whole=40 tone=Tone::Wrong label="Controls passed" />
                <Meter part=0 whole=0 tone=Tone::Unknown label="Controls passed" />
                <Sparkline values=vec![3.0, 4.0, 2.0, 8.0, 6.0, 9.0] />
            </div>
            <Trend caption="Nothing was measured yet" positions=vec![] series=vec![] />
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_round_and_holds_its_greatest_value() {
        assert_eq!(
            [0, 1, 3, 7, 12, 33, 140, 12_431].map(|value| Scale::over(value).top),
            [2, 2, 4, 10, 20, 40, 200, 20_000]
        );
    }
}
