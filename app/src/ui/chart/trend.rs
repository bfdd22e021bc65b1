//! Lines over time, each named at its end.

use leptos::prelude::*;

use super::{ChartFrame, PLOT_PX, Scale, Series, as_float, positions_line, rounded};
use crate::ui::number;

/// How near two names may come, in pixels.
const NAME_HEIGHT_PX: f64 = 14.0;

/// At most five lines; `caption` states what they show. A single line has its area filled.
#[component]
pub fn Trend(#[prop(into)] caption: String, positions: Vec<String>, series: Vec<Series>) -> impl IntoView {
    let scale = Scale::over(series.iter().flat_map(|one| one.values.iter().copied()).max().unwrap_or(0));
    let empty = series.iter().all(|one| one.values.is_empty());
    let alone = series.len() == 1;
    let lines = series
        .iter()
        .map(|one| {
            let points = path(&one.values, scale);
            let area = alone.then(|| {
                let closed = format!("{points} L100 {PLOT_PX} L0 {PLOT_PX} Z");
                view! { <path class="hue-area" d=closed /> }
            });
            view! {
                <g class=one.hue.class()>
                    {area} <path class="chart-line hue-stroke" d=points vector-effect="non-scaling-stroke" />
                </g>
            }
        })
        .collect_view();
    let plot = if empty {
        view! { <p class="muted">"There are no values to draw."</p> }.into_any()
    } else {
        view! {
            <div class="plot" aria-hidden="true">
                {scale.axis()}
                <svg class="plot-area" height=PLOT_PX viewBox=format!("0 0 100 {PLOT_PX}") preserveAspectRatio="none">
                    {scale.grid()}
                    {lines}
                </svg>
                {names(&series, scale)}
            </div>
            {positions_line(&positions)}
        }
        .into_any()
    };
    view! {
        <ChartFrame caption positions series>
            {plot}
        </ChartFrame>
    }
}

fn path(values: &[u64], scale: Scale) -> String {
    let step = 100.0 / as_float(values.len().saturating_sub(1).max(1) as u64);
    values
        .iter()
        .enumerate()
        .map(|(at, &value)| {
            let letter = if at == 0 { 'M' } else { 'L' };
            format!("{letter}{} {}", rounded(as_float(at as u64) * step), rounded(scale.y(as_float(value))))
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Each line's name and last value at its end, moved apart where they would overlap.
fn names(series: &[Series], scale: Scale) -> impl IntoView + use<> {
    let mut ends: Vec<(f64, f64, &Series)> = series
        .iter()
        .filter_map(|one| one.values.last().map(|&value| scale.y(as_float(value))).map(|y| (y, y, one)))
        .collect();
    ends.sort_by(|left, right| left.0.total_cmp(&right.0));
    for at in 1..ends.len() {
        ends[at].1 = ends[at].1.max(ends[at - 1].1 + NAME_HEIGHT_PX);
    }
    let overflow = ends.last().map_or(0.0, |last| (last.1 - PLOT_PX).max(0.0));
    let names = ends
        .into_iter()
        .map(|(dot, name, one)| {
            let value = one.values.last().copied().map(number::grouped).unwrap_or_default();
            view! {
                <g class=one.hue.class()>
                    <circle class="hue-fill" cx="4" cy=rounded(dot) r="3.5" />
                    <text class="chart-strong" x="12" y=rounded(name - overflow + 4.0)>
                        {value}
                        <tspan class="chart-name" dx="4">
                            {one.label.clone()}
                        </tspan>
                    </text>
                </g>
            }
        })
        .collect_view();
    view! {
        <svg class="plot-names" width="104" height=PLOT_PX viewBox=format!("0 0 104 {PLOT_PX}")>
            {names}
        </svg>
    }
}
