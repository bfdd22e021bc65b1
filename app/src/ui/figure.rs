//! The answer of a page: at most five numbers, each with its change and the rows behind it.

use leptos::prelude::*;

use super::{
    chart::Sparkline,
    icon::{self, Icon},
    number,
};

/// Whether a number that grows is good news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    More,
    Fewer,
    Neither,
}

/// How far a number moved, and over what: "since last week".
#[derive(Clone, Debug)]
pub struct Change {
    pub by: i64,
    pub wish: Wish,
    pub since: String,
}

impl Change {
    #[must_use]
    pub fn new(by: i64, wish: Wish, since: impl Into<String>) -> Self {
        Self { by, wish, since: since.into() }
    }

    fn class(&self) -> &'static str {
        match (self.by.signum(), self.wish) {
            (1, Wish::More) | (-1, Wish::Fewer) => "figure-change figure-change-better",
            (-1, Wish::More) | (1, Wish::Fewer) => "figure-change figure-change-worse",
            _ => "figure-change",
        }
    }
}

/// A row of figures.
#[component]
pub fn Figures(children: Children) -> impl IntoView {
    view! { <div class="figures">{children()}</div> }
}

/// One number. `href` leads to the rows behind it; `trend` is drawn beside it.
#[component]
pub fn Figure(
    #[prop(into)] label: String,
    #[prop(into)] value: String,
    #[prop(optional_no_strip)] change: Option<Change>,
    #[prop(optional)] trend: Vec<f64>,
    #[prop(optional, into)] href: Option<String>,
) -> impl IntoView {
    let change = change.map(|change| {
        let class = change.class();
        let Change { by, since, .. } = change;
        let moved = by.unsigned_abs();
        let (icon, word) = match by.signum() {
            1 => (Some(icon::UP), format!("{} more", number::grouped(moved))),
            -1 => (Some(icon::DOWN), format!("{} fewer", number::grouped(moved))),
            _ => (None, "No change".to_owned()),
        };
        view! {
            <span class=class>
                {icon.map(|of| view! { <Icon of /> })}
                {word}
                " "
                {since}
            </span>
        }
    });
    let inside = view! {
        <span class="figure-label">{label}</span>
        <span class="figure-row">
            <span class="figure-value">{value}</span>
            {(trend.len() > 1).then(|| view! { <Sparkline values=trend /> })}
        </span>
        {change}
    };
    match href {
        Some(href) => view! { <a class="figure" href=href>{inside}</a> }.into_any(),
        None => view! { <div class="figure">{inside}</div> }.into_any(),
    }
}

/// A bordered part of a page, for things that are compared with each other.
#[component]
pub fn Card(children: Children) -> impl IntoView {
    view! { <div class="card">{children()}</div> }
}

pub fn samples() -> impl IntoView {
    view! {
        <Figures>
            <Figure
                label="Critical findings"
                value="12"
                href="#"
                change=Some(Change::new(-19, Wish::Fewer, "since October"))
                trend=vec![31.0, 30.0, 24.0, 25.0, 18.0, 14.0, 12.0]
            />
            <Figure label="Open incidents" value="2" href="#" change=Some(Change::new(1, Wish::Fewer, "since last week")) />
            <Figure label="Services at gold" value="38 %" href="#" change=Some(Change::new(4, Wish::More, "since last week")) />
            <Figure label="Environments" value="1,204" change=Some(Change::new(0, Wish::Neither, "since last week")) />
            <Figure label="Mean time to fix" value="–" />
        </Figures>
    }
}
