//! The security pages: the organisation's findings, one finding, a service's findings, and uploading a report.

pub mod detail;
pub mod list;
pub mod service;
pub mod upload;

use leptos::prelude::*;
use model::{
    FindingKind, Page, PageRequest, Severity,
    findings::{FindingState, FindingSummary, Stage},
};
use portal::{
    Error, Result,
    findings::{Filter, Sort, SortKey},
};

use crate::{
    catalog::address,
    ui::{
        Tone,
        badge::{SeverityBadge, Status},
        facet::{Chip, Chips},
        filter::{FilterForm, FilterSelect},
        icon,
        pagination::Pagination,
        state::Empty,
        table::{Column, Direction, RowLink, Table},
        thing::{Kind, Thing},
        time::Time,
    },
};

/// A list's filter, order and page as its address has them.
#[derive(Clone, Debug)]
struct Listing {
    /// Where the list is.
    path: String,
    filter: Filter,
    sort: Sort,
    request: PageRequest,
    /// A list of one service does not name it in each row.
    of_one_service: bool,
}

impl Listing {
    fn read(path: impl Into<String>, pairs: &[(String, String)]) -> Result<Self> {
        let value = |name: &str| {
            let found = pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim().to_owned());
            found.filter(|value| !value.is_empty())
        };
        let words = value("severity");
        let severity = words.iter().flat_map(|words| words.split(',')).map(|word| parsed("severity", word));
        Ok(Self {
            path: path.into(),
            filter: Filter {
                state: value("state").map(|word| parsed("state", &word)).transpose()?.unwrap_or_default(),
                severity: severity.collect::<Result<_>>()?,
                service: value("service"),
                owner: value("owner"),
                kind: value("kind").map(|word| parsed("kind", &word)).transpose()?,
                tool: value("tool"),
                stage: value("stage").map(|word| parsed("stage", &word)).transpose()?,
                fixable: value("fix").map(|word| word == "yes"),
                text: value("q"),
            },
            sort: value("sort").and_then(|word| Sort::parse(&word)).unwrap_or_default(),
            request: PageRequest::at(value("cursor")),
            of_one_service: false,
        })
    }

    /// What the address says, without the page.
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let Filter { state, severity, service, owner, kind, tool, stage, fixable, text } = &self.filter;
        let severity: Vec<&str> = severity.iter().map(|severity| severity.as_str()).collect();
        let all = [
            ("q", text.clone()),
            ("state", (*state != FindingState::default()).then(|| state.as_str().to_owned())),
            ("severity", Some(severity.join(","))),
            ("kind", kind.map(|kind| kind.as_str().to_owned())),
            ("stage", stage.map(|stage| stage.as_str().to_owned())),
            ("fix", fixable.map(|fixable| if fixable { "yes" } else { "no" }.to_owned())),
            ("tool", tool.clone()),
            ("service", service.clone().filter(|_| !self.of_one_service)),
            ("owner", owner.clone()),
            ("sort", (self.sort != Sort::default()).then(|| self.sort.as_str().to_owned())),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?))).collect()
    }

    fn address(&self, pairs: impl IntoIterator<Item = (&'static str, String)>) -> String {
        address(&self.path, pairs)
    }

    /// The same list with one thing of its address changed, from its first page.
    fn with(&self, name: &'static str, value: &str) -> String {
        let kept = self.pairs().into_iter().filter(|(key, _)| *key != name);
        self.address(kept.chain((!value.is_empty()).then(|| (name, value.to_owned()))))
    }

    fn narrows(&self) -> bool {
        self.pairs().iter().any(|(name, _)| *name != "sort")
    }
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(field: &str, word: &str) -> Result<T> {
    word.trim().parse().map_err(|error: T::Err| Error::invalid(field, error.to_string()))
}

/// Filters, rows and pages of a list of findings.
#[component]
fn FindingList(listing: Listing, page: Page<FindingSummary>) -> impl IntoView {
    let rows = if page.items.is_empty() {
        let (title, text) = if listing.narrows() {
            ("No finding is like that", "Take a filter off to see more.")
        } else {
            ("No findings", "They appear here once a report of a scanner is uploaded.")
        };
        let columns = if listing.of_one_service { "5" } else { "6" };
        view! {
            <tr>
                <td colspan=columns>
                    <Empty icon=icon::FINDING title>
                        {text}
                    </Empty>
                </td>
            </tr>
        }
        .into_any()
    } else {
        let named = !listing.of_one_service;
        page.items.iter().cloned().map(|finding| view! { <Row finding named /> }).collect_view().into_any()
    };
    let turned = |cursor: &Option<model::Cursor>| {
        let cursor = cursor.as_ref()?;
        Some(listing.address(listing.pairs().into_iter().chain([("cursor", cursor.0.clone())])))
    };
    let (previous, next) = (turned(&page.previous), turned(&page.next));
    let footer = view! {
        <Pagination
            first=page.first
            shown=page.items.len() as u64
            total=page.total.value
            more=!page.total.exact
            previous=previous.unwrap_or_default()
            next=next.unwrap_or_default()
        />
    };
    let columns = columns(&listing);
    view! {
        <Filters listing />
        <Table caption="Findings" columns footer=footer.into_any()>
            {rows}
        </Table>
    }
}

fn columns(listing: &Listing) -> Vec<Column> {
    let sort = |by: SortKey| {
        let on = listing.sort.by == by;
        // the worst and the oldest come first
        let descending = if on { !listing.sort.descending } else { by == SortKey::Severity };
        let current = on.then_some(if listing.sort.descending { Direction::Descending } else { Direction::Ascending });
        (listing.with("sort", Sort { by, descending }.as_str()), current)
    };
    let (by_severity, severity) = sort(SortKey::Severity);
    let (by_age, age) = sort(SortKey::FirstSeen);
    let mut columns = vec![Column::new("Finding"), Column::new("Severity").sort(by_severity, severity).tight()];
    if !listing.of_one_service {
        columns.push(Column::new("Service").tight().wide_only());
    }
    columns.extend([
        Column::new("Fix").tight().wide_only(),
        Column::new("Seen by").tight().wide_only(),
        Column::new("First seen").sort(by_age, age).tight(),
    ]);
    columns
}

#[component]
fn Row(finding: FindingSummary, named: bool) -> impl IntoView {
    let place = match (&finding.package, &finding.package_version, &finding.place) {
        (Some(package), Some(version), _) => Some(format!("{package} {version}")),
        (Some(package), None, _) => Some(package.clone()),
        (None, _, place) => place.clone(),
    };
    let known = finding.vulnerability_ids.first().filter(|id| !finding.title.contains(id.as_str())).cloned();
    let below: Vec<String> = known.into_iter().chain(place).collect();
    let service = named.then(|| {
        view! {
            <td class="table-wide-only">
                <Service reference=finding.service_ref.clone() />
            </td>
        }
    });
    // where there is no room for the column
    let of = named.then(|| finding.service_ref.rsplit('/').next().unwrap_or_default().to_owned());
    let of = of.map(|of| view! { <span class="md:hidden">{of} " "</span> });
    let href = finding.href();
    view! {
        <tr>
            <td class="table-cut">
                <RowLink href>{finding.title.clone()}</RowLink>
                <div class="small muted cut">{of} {below.join(" · ")}</div>
            </td>
            <td>
                <SeverityBadge severity=finding.severity />
            </td>
            {service}
            <td class="table-wide-only">{fix(finding.fixed_version.as_deref())}</td>
            <td class="table-wide-only">{finding.tools.join(", ")}</td>
            <td class="whitespace-nowrap">
                <Time at=finding.first_seen_at />
            </td>
        </tr>
    }
}

fn fix(versions: Option<&str>) -> AnyView {
    match versions {
        // a tool may name one version a branch of the package
        Some(versions) => {
            let first = versions.split([',', ' ']).next().unwrap_or(versions).to_owned();
            view! {
                <span class="mono" title=versions.to_owned()>
                    {first}
                </span>
            }
            .into_any()
        }
        None => view! { <span class="muted">"–"</span> }.into_any(),
    }
}

/// A service by its reference, `component:default/payments-api`.
#[component]
fn Service(#[prop(into)] reference: String) -> impl IntoView {
    let name = reference.rsplit('/').next().unwrap_or(&reference).to_owned();
    let href = service_href(&reference);
    view! { <Thing kind=Kind::Component name href /> }
}

/// The catalog's page of an entity.
fn service_href(reference: &str) -> String {
    format!("/catalog/{}", reference.replacen(':', "/", 1))
}

/// Open or closed, with the colour of it.
#[component]
fn State(state: FindingState) -> impl IntoView {
    let tone = match state {
        FindingState::Open => Tone::Wrong,
        FindingState::Closed => Tone::Good,
    };
    view! { <Status tone>{state.label()}</Status> }
}

#[component]
fn Filters(listing: Listing) -> impl IntoView {
    let Filter { state, severity, service, owner, kind, tool, stage, fixable, text } = listing.filter.clone();
    let option = |value: &str, words: &str| (value.to_owned(), words.to_owned());
    let any = |words: &str| vec![option("", words)];
    let states = FindingState::ALL.map(|state| option(state.as_str(), state.label())).to_vec();
    let mut severities = any("Any severity");
    severities.extend(Severity::WORST_FIRST.map(|severity| option(severity.as_str(), severity.label())));
    let chosen = severity.iter().map(|severity| severity.as_str()).collect::<Vec<_>>().join(",");
    if severity.len() > 1 {
        let words = severity.iter().map(|severity| severity.label()).collect::<Vec<_>>().join(" or ");
        severities.push(option(&chosen, &words));
    }
    let mut kinds = any("Any kind");
    kinds.extend(FindingKind::ALL.map(|kind| option(kind.as_str(), kind.label())));
    let mut stages = any("Any stage");
    stages.extend(Stage::ALL.map(|stage| option(stage.as_str(), stage.label())));
    let fixes = vec![option("", "Fix or not"), option("yes", "With a fix"), option("no", "Without a fix")];
    // what only a link can set is taken off by its chip
    let set: Vec<(&'static str, &str, String)> =
        [("tool", "Seen by", tool), ("service", "Service", service), ("owner", "Owner", owner)]
            .into_iter()
            .filter(|(name, ..)| !(listing.of_one_service && *name == "service"))
            .filter_map(|(name, label, value)| Some((name, label, value?)))
            .collect();
    let chips = set
        .iter()
        .map(|(name, label, value)| Chip { label: format!("{label}: {value}"), without: listing.with(name, "") })
        .collect();
    let sort = listing.pairs().into_iter().filter(|(name, _)| *name == "sort");
    let keep = set.iter().map(|(name, _, value)| (*name, value.clone())).chain(sort);
    let keep = keep.map(|(name, value)| (name.to_owned(), value)).collect();
    view! {
        <FilterForm action=listing.path.clone() label="Search findings" value=text.unwrap_or_default() keep>
            <FilterSelect name="state" label="State" options=states value=state.as_str() />
            <FilterSelect name="severity" label="Severity" options=severities value=chosen />
            <FilterSelect name="kind" label="Kind" options=kinds value=kind.map(FindingKind::as_str).unwrap_or_default() />
            <FilterSelect name="stage" label="Stage" options=stages value=stage.map(Stage::as_str).unwrap_or_default() />
            <FilterSelect
                name="fix"
                label="Fix"
                options=fixes
                value=fixable.map(|fixable| if fixable { "yes" } else { "no" }).unwrap_or_default()
            />
            <Chips chips clear=listing.path.clone() />
        </FilterForm>
    }
}
