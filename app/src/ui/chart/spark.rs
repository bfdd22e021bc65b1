//! The smallest charts: a line beside a number, a bar for a share.

use leptos::prelude::*;

use super::{Tone, as_float, rounded};
use crate::ui::number;

/// A line that repeats what the number beside it says; not spoken.
#[component]
pub fn Sparkline(values: Vec<f64>) -> impl IntoView {
    let greatest = values.iter().copied().fold(1.0, f64::max);
    let step = 78.0 / as_float(values.len().saturating_sub(1).max(1) as u64);
    let points: Vec<(f64, f64)> = values
        .iter()
        .enumerate()
        .map(|(at, value)| (1.0 + as_float(at as u64) * step, 22.0 - value / greatest * 20.0))
        .collect();
    let line = points.iter().map(|(x, y)| format!("{},{}", rounded(*x), rounded(*y))).collect::<Vec<_>>().join(" ");
    view! {
        <svg class="spark hue-1" viewBox="0 0 80 24" aria-hidden="true">
            <polyline class="chart-line hue-stroke" points=line />
            {points
                .last()
                .map(|(x, y)| view! { <circle class="hue-fill" cx=rounded(*x) cy=rounded(*y) r="2.5" /> })}
        </svg>
    }
}

/// "38 of 40" as a bar and a percentage.
#[component]
pub fn Meter(#[prop(into)] label: String, part: u64, whole: u64, tone: Tone) -> impl IntoView {
    let width = if whole == 0 { 0.0 } else { as_float(part.min(whole)) / as_float(whole) * 100.0 };
    let shown = number::percent(part, whole);
    let exact = format!("{label}: {} of {}", number::grouped(part), number::grouped(whole));
    view! {
        <span class=format!("meter hue-{}", tone.as_str()) title=exact>
            <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                <rect class="meter-ground" width="100" height="8" />
                <rect class="hue-fill" width=rounded(width) height="8" />
            </svg>
            <span class="only-spoken">{exact.clone()} ", "</span>
            <span>{shown}</span>
        </span>
    }
}
