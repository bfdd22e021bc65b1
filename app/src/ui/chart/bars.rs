//! Bars: stacked over positions, or a list of named ones.

use leptos::prelude::*;

use super::{ChartFrame, Hue, PLOT_PX, Scale, Series, as_float, positions_line, rounded};
use crate::ui::number;

/// At most five layers, the first at the bottom.
#[component]
pub fn StackedBars(#[prop(into)] caption: String, positions: Vec<String>, series: Vec<Series>) -> impl IntoView {
    let count = positions.len();
    let total = |at: usize| series.iter().filter_map(|one| one.values.get(at)).sum::<u64>();
    let scale = Scale::over((0..count).map(total).max().unwrap_or(0));
    let slot = 100.0 / as_float(count.max(1) as u64);
    let bars = (0..count)
        .flat_map(|at| {
            let mut below = 0;
            series
                .iter()
                .map(|one| {
                    let value = one.values.get(at).copied().unwrap_or(0);
                    let top = scale.y(as_float(below + value));
                    let height = scale.y(as_float(below)) - top;
                    below += value;
                    view! {
                        <g class=one.hue.class()>
                            <rect
                                class="hue-fill"
                                x=rounded(as_float(at as u64) * slot + slot * 0.15)
                                y=rounded(top)
                                width=rounded(slot * 0.7)
                                height=rounded(height)
                            />
                        </g>
                    }
                })
                .collect::<Vec<_>>()
        })
        .collect_view();
    let legend = series
        .iter()
        .map(|one| {
            view! {
                <li class=one.hue.class()>
                    <svg viewBox="0 0 10 10" aria-hidden="true">
                        <rect class="hue-fill" width="10" height="10" rx="2" />
                    </svg>
                    {one.label.clone()}
                </li>
            }
        })
        .collect_view();
    let line = positions_line(&positions);
    view! {
        <ChartFrame caption positions series>
            <div class="plot" aria-hidden="true">
                {scale.axis()}
                <svg class="plot-area" height=PLOT_PX viewBox=format!("0 0 100 {PLOT_PX}") preserveAspectRatio="none">
                    {scale.grid()}
                    {bars}
                </svg>
            </div>
            <div class="plot-of-bars">{line}</div>
            <ul class="legend">{legend}</ul>
        </ChartFrame>
    }
}

/// One named bar.
#[derive(Clone, Debug)]
pub struct Bar {
    label: String,
    value: u64,
    hue: Hue,
    href: Option<String>,
}

impl Bar {
    #[must_use]
    pub fn new(label: impl Into<String>, value: u64, hue: Hue) -> Self {
        Self { label: label.into(), value, hue, href: None }
    }

    /// Where the rows behind it are.
    #[must_use]
    pub fn href(mut self, href: impl Into<String>) -> Self {
        self.href = Some(href.into());
        self
    }
}

/// Names, bars and numbers in rows; it is its own table.
#[component]
pub fn BarList(#[prop(into)] caption: String, bars: Vec<Bar>) -> impl IntoView {
    let greatest = bars.iter().map(|bar| bar.value).max().unwrap_or(0).max(1);
    let rows = bars
        .into_iter()
        .map(|bar| {
            let width = rounded(as_float(bar.value) / as_float(greatest) * 100.0);
            let label = match bar.href {
                Some(href) => view! { <a class="link cut" href=href>{bar.label}</a> }.into_any(),
                None => view! { <span class="cut">{bar.label}</span> }.into_any(),
            };
            view! {
                <li>
                    {label}
                    <svg class=bar.hue.class() viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">
                        <rect class="hue-fill" width=width height="12" />
                    </svg>
                    <span class="number">{number::grouped(bar.value)}</span>
                </li>
            }
        })
        .collect_view();
    view! {
        <figure class="chart">
            <figcaption class="chart-caption">{caption}</figcaption>
            <ul class="bar-list">{rows}</ul>
        </figure>
    }
}
