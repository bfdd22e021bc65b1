//! Tables: sticky header, headers that sort by link, rows that are links, numbers at the right.

use leptos::prelude::*;
use model::Severity;

use super::{
    Tone,
    badge::{SeverityBadge, Status},
    button::Button,
    icon::{self, Icon},
    pagination::Pagination,
    state::Empty,
    thing::{Kind, Thing},
};

/// One column's header.
#[derive(Clone, Debug, Default)]
pub struct Column {
    label: String,
    number: bool,
    tight: bool,
    wide_only: bool,
    spoken: bool,
    sort: Option<ColumnSort>,
}

#[derive(Clone, Debug)]
struct ColumnSort {
    href: String,
    current: Option<Direction>,
}

/// How a column is sorted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

impl Column {
    #[must_use]
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), ..Self::default() }
    }

    /// Above the boxes of [`SelectCell`].
    #[must_use]
    pub fn select() -> Self {
        Self { label: "Select".to_owned(), spoken: true, ..Self::default() }
    }

    /// Right-aligned, with figures of one width.
    #[must_use]
    pub fn number(label: impl Into<String>) -> Self {
        Self { label: label.into(), number: true, ..Self::default() }
    }

    /// No wider than what is in it.
    #[must_use]
    pub fn tight(mut self) -> Self {
        self.tight = true;
        self
    }

    /// Left out on small screens; give its cells the class `table-wide-only` too.
    #[must_use]
    pub fn wide_only(mut self) -> Self {
        self.wide_only = true;
        self
    }

    /// Sorts by following `href`; `current` where the table is sorted by it now.
    #[must_use]
    pub fn sort(mut self, href: impl Into<String>, current: Option<Direction>) -> Self {
        self.sort = Some(ColumnSort { href: href.into(), current });
        self
    }

    fn view(self) -> impl IntoView {
        let class = [(self.number, "number"), (self.tight, "table-tight"), (self.wide_only, "table-wide-only")]
            .into_iter()
            .filter_map(|(on, class)| on.then_some(class))
            .collect::<Vec<_>>()
            .join(" ");
        let current = self.sort.as_ref().and_then(|sort| sort.current);
        let aria_sort = current.map(|direction| match direction {
            Direction::Ascending => "ascending",
            Direction::Descending => "descending",
        });
        let of = match current {
            Some(Direction::Ascending) => icon::UP,
            Some(Direction::Descending) => icon::DOWN,
            None => icon::BOTH_WAYS,
        };
        let label = match self.sort {
            Some(sort) => view! { <a href=sort.href>{self.label} <Icon of /></a> }.into_any(),
            // above buttons; a screen reader reads out every header
            None if self.label.is_empty() => view! { <span class="only-spoken">"Actions"</span> }.into_any(),
            None if self.spoken => view! { <span class="only-spoken">{self.label}</span> }.into_any(),
            None => self.label.into_any(),
        };
        view! {
            <th scope="col" class=(!class.is_empty()).then_some(class) aria-sort=aria_sort>
                {label}
            </th>
        }
    }
}

/// A table with its rows as children. `caption` names it for a screen reader; `footer` is its [`Pagination`].
#[component]
pub fn Table(
    #[prop(into)] caption: String,
    columns: Vec<Column>,
    #[prop(optional, into)] footer: Option<AnyView>,
    children: Children,
) -> impl IntoView {
    view! {
        <div class="table-wrap" role="region" aria-label=caption tabindex="0">
            <table class="table">
                <caption class="only-spoken">{caption.clone()}</caption>
                <thead>
                    <tr>{columns.into_iter().map(Column::view).collect_view()}</tr>
                </thead>
                <tbody>{children()}</tbody>
            </table>
        </div>
        {footer}
    }
}

/// A table whose rows can be ticked. What can be done with them appears once one is: `actions` are buttons of the form
/// that posts the ticked rows, each by its [`SelectCell`].
#[component]
pub fn Bulk(#[prop(into)] action: String, actions: AnyView, children: Children) -> impl IntoView {
    view! {
        <form class="bulk" method="post" action=action>
            {children()}
            <div class="bulk-bar">
                <span>"With the ticked:"</span>
                {actions}
            </div>
        </form>
    }
}

/// The box that ticks a row, in its first cell; the column before it is `Column::select()`.
#[component]
pub fn SelectCell(
    #[prop(default = "selected")] name: &'static str,
    #[prop(into)] value: String,
    /// The row's name.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    view! {
        <td class="table-select">
            <input type="checkbox" name=name value=value aria-label=format!("Select {label}") />
        </td>
    }
}

/// The link in a row's first cell; the whole row follows it, and `j`/`k` walk from one to the next.
#[component]
pub fn RowLink(#[prop(into)] href: String, children: Children) -> impl IntoView {
    view! { <a class="row-link" href=href>{children()}</a> }
}

pub fn samples() -> impl IntoView {
    let columns = || {
        vec![
            Column::select(),
            Column::new("Finding").sort("?sort=title", None),
            Column::new("Severity").sort("?sort=-severity", Some(Direction::Descending)).tight(),
            Column::new("Service").wide_only(),
            Column::new("State").tight(),
            Column::number("Age").sort("?sort=age", None),
        ]
    };
    let rows = [
        (
            "CVE-2026-1187 in openssl 3.0.11: a crafted certificate overruns a buffer",
            Severity::Critical,
            "billing-api",
            Tone::Wrong,
            "Open",
            41,
        ),
        ("SQL statement built from request input", Severity::High, "ledger", Tone::Attention, "Fix ready", 12),
        (
            "Container runs as root",
            Severity::Medium,
            "a-service-whose-name-is-far-longer-than-anyone-would-choose-on-purpose",
            Tone::Waived,
            "Waived",
            230,
        ),
        ("Outdated base image", Severity::Low, "search", Tone::Good, "Fixed", 0),
    ]
    .map(|(title, severity, service, tone, state, age)| {
        view! {
            <tr>
                <SelectCell value=title label=title />
                <td class="table-cut">
                    <RowLink href="#">{title}</RowLink>
                </td>
                <td>
                    <SeverityBadge severity />
                </td>
                <td class="table-wide-only table-cut">
                    <Thing kind=Kind::Component name=service href="#" />
                </td>
                <td>
                    <Status tone>{state}</Status>
                </td>
                <td class="number">{age} " d"</td>
            </tr>
        }
    })
    .collect_view();
    let footer = view! { <Pagination first=1 shown=50 total=12_431 next="?after=x" /> }.into_any();
    view! {
        <Bulk
            action="/dev/ui"
            actions=view! {
                <Button name="do" value="assign">"Assign…"</Button>
                <Button name="do" value="waive">"Ask for a waiver…"</Button>
            }
                .into_any()
        >
            <Table caption="Findings" columns=columns() footer=footer>
                {rows}
            </Table>
        </Bulk>
        <h3 class="mt-8 mb-2">"Without rows"</h3>
        <Table caption="Findings, none" columns=columns()>
            <tr>
                <td colspan="6">
                    <Empty icon=icon::FINDING title="No findings yet">
                        "They appear once a scan report of this service is uploaded."
                    </Empty>
                </td>
            </tr>
        </Table>
    }
}
