//! The list of incidents: what is wrong now, and what was.

use axum::extract::Query;
use leptos::prelude::*;
use model::{Incident, IncidentFilter, IncidentSort, IncidentState, LiveIncidents, Page, PageRequest, Severity};
use portal::{
    Error,
    incidents::{self, mapping},
};

use super::{PATH, Part, Parts, State, owner_of, service_of};
use crate::{
    backend::{Answer, Cx, Head},
    catalog::{
        address,
        detail::{self, EntityPath},
    },
    ui::{
        badge::SeverityBadge,
        facet::{Chip, Chips},
        icon,
        live::Live,
        number,
        page_head::PageHead,
        pagination::{Pagination, SeeAll},
        search::SearchBox,
        state::Empty,
        table::{Column, Direction, RowLink, Table},
        time::Time,
    },
};

type Pairs = Query<Vec<(String, String)>>;

/// What is shown where nobody asks for anything else.
const LIVE: [IncidentState; 2] = [IncidentState::Open, IncidentState::Acknowledged];

/// `/incidents`
pub async fn list(cx: Cx, Query(pairs): Pairs) -> Answer {
    let filter = read(&pairs)?;
    let cursor = pairs.iter().find(|(key, _)| key == "cursor").map(|(_, value)| value.clone());
    let page = incidents::list(&cx.portal, &cx.actor, &filter, &PageRequest::at(cursor)).await?;
    let live = incidents::live(&cx.portal, &cx.actor).await?;
    let waiting = mapping::waiting(&cx.portal, &cx.actor).await?.and_then(|waiting| u64::try_from(waiting).ok());
    cx.page(Head::new("Incidents").wide(), move || {
        view! {
            <PageHead title="Incidents" state=in_words(&live).into_any() />
            <Parts current=Part::Incidents waiting />
            <Incidents filter page />
        }
    })
}

/// `/catalog/{kind}/{namespace}/{name}/incidents`
pub async fn of_entity(cx: Cx, path: EntityPath) -> Answer {
    let (entity, mut snapshot) = detail::open(&cx, path).await?;
    let found = incidents::of_entity(&mut snapshot, entity.summary.id).await?;
    let reference = entity.summary.reference.to_string();
    detail::page(&cx, &entity, "incidents", move || match found {
        None => view! {
            <Empty title="Its incidents are its team's" icon=icon::LOCK>
                "They are shown to people with a role in the team that owns it. A lead of that team can give you one."
            </Empty>
        }
        .into_any(),
        Some(incidents) if incidents.is_empty() => view! {
            <Empty title="No incidents" icon=icon::INCIDENT>
                "Alerts that name it by their label service, or by a rule, appear here."
            </Empty>
        }
        .into_any(),
        Some(incidents) => {
            let total = incidents.len() as u64;
            let all = address(PATH, [("service", reference.as_str()), ("state", "all")]);
            let rows = incidents.into_iter().map(|incident| view! { <Row incident within=true /> }).collect_view();
            view! {
                <Table caption="Incidents" columns=columns(&IncidentFilter::default(), true)>{rows}</Table>
                {(total == incidents::OF_ENTITY.unsigned_abs())
                    .then(|| view! { <SeeAll href=all total what="incidents and more" /> })}
            }
            .into_any()
        }
    })
}

fn in_words(live: &LiveIncidents) -> String {
    if live.open + live.acknowledged == 0 {
        return "All quiet".to_owned();
    }
    let mut words = vec![format!("{} open", live.open)];
    if live.acknowledged > 0 {
        words.push(format!("{} acknowledged", live.acknowledged));
    }
    if live.critical > 0 {
        words.push(format!("{} critical", live.critical));
    }
    words.join(", ")
}

fn read(pairs: &[(String, String)]) -> Result<IncidentFilter, Error> {
    let mut filter = IncidentFilter::default();
    let mut every_state = false;
    for (key, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        let wrong = |error: String| Error::invalid(key.clone(), error);
        match key.as_str() {
            "state" if value == "all" => every_state = true,
            "state" => filter.states.push(value.parse().map_err(wrong)?),
            "severity" => {
                let severity = value.parse::<Severity>().map_err(|error| wrong(error.to_string()))?;
                filter.severities.push(severity);
            }
            "service" => filter.service = Some(value.clone()),
            "owner" => filter.owners.push(value.clone()),
            "q" => filter.text = Some(value.clone()),
            "sort" => filter.sort = value.parse().map_err(wrong)?,
            _ => {}
        }
    }
    if filter.states.is_empty() && !every_state {
        filter.states = LIVE.to_vec();
    }
    Ok(filter)
}

/// The filter as the query that reads back as it.
fn pairs_of(filter: &IncidentFilter) -> Vec<(&'static str, String)> {
    let mut pairs = Vec::new();
    if filter.states.is_empty() {
        pairs.push(("state", "all".to_owned()));
    } else if filter.states != LIVE {
        pairs.extend(filter.states.iter().map(|state| ("state", state.to_string())));
    }
    pairs.extend(filter.severities.iter().map(|severity| ("severity", severity.to_string())));
    pairs.extend(filter.service.iter().map(|service| ("service", service.clone())));
    pairs.extend(filter.owners.iter().map(|owner| ("owner", owner.clone())));
    pairs.extend(filter.text.iter().map(|text| ("q", text.clone())));
    match filter.sort {
        IncidentSort::Opened => {}
        IncidentSort::Severity => pairs.push(("sort", "severity".to_owned())),
        IncidentSort::Heard => pairs.push(("sort", "heard".to_owned())),
    }
    pairs
}

fn columns(filter: &IncidentFilter, within: bool) -> Vec<Column> {
    let sorted = |column: Column, sort: IncidentSort| {
        if within {
            return column;
        }
        let href = address(PATH, pairs_of(&IncidentFilter { sort, ..filter.clone() }));
        column.sort(href, (filter.sort == sort).then_some(Direction::Descending))
    };
    let mut columns = vec![
        sorted(Column::new("Severity").tight(), IncidentSort::Severity),
        Column::new("Incident"),
        Column::new("State").tight(),
    ];
    if !within {
        columns.push(Column::new("Service").wide_only());
        columns.push(Column::new("Owner").wide_only());
    }
    columns.push(Column::number("Firing").wide_only());
    columns.push(sorted(Column::new("Opened").tight().wide_only(), IncidentSort::Opened));
    columns.push(sorted(Column::new("Last heard").tight().wide_only(), IncidentSort::Heard));
    columns
}

#[component]
fn Incidents(filter: IncidentFilter, page: Page<Incident>) -> impl IntoView {
    let keep: Vec<(String, String)> = pairs_of(&IncidentFilter { text: None, ..filter.clone() })
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let turned = |cursor: Option<&model::Cursor>| {
        cursor.map(|cursor| address(PATH, pairs_of(&filter).into_iter().chain([("cursor", cursor.0.clone())])))
    };
    let footer = view! {
        <Pagination
            first=page.first
            shown=page.items.len() as u64
            total=page.total.value
            more=!page.total.exact
            previous=turned(page.previous.as_ref()).unwrap_or_default()
            next=turned(page.next.as_ref()).unwrap_or_default()
        />
    };
    let columns = columns(&filter, false);
    let span = columns.len().to_string();
    let nothing =
        page.items.is_empty().then(|| view! { <tr><td colspan=span><Nothing filter=filter.clone() /></td></tr> });
    view! {
        <div class="filters">
            <SearchBox
                action=PATH
                label="Search incidents"
                value=filter.text.clone().unwrap_or_default()
                keep
            />
            <Narrow filter=filter.clone() />
            <Chips chips=chips(&filter) clear=PATH />
        </div>
        <Live id="incidents" topic="incidents:all">
            <Table caption="Incidents" columns footer=footer.into_any()>
                {page.items.into_iter().map(|incident| view! { <Row incident /> }).collect_view()}
                {nothing}
            </Table>
        </Live>
    }
}

#[component]
fn Nothing(filter: IncidentFilter) -> impl IntoView {
    if filter == (IncidentFilter { states: LIVE.to_vec(), ..IncidentFilter::default() }) {
        let all = address(PATH, [("state", "all")]);
        return view! {
            <Empty title="Nothing is wrong" icon=icon::GOOD action=Some((all, "Show resolved ones too".to_owned()))>
                "Alerts that Alertmanager delivers appear here as incidents of the service that they name."
            </Empty>
        }
        .into_any();
    }
    view! {
        <Empty title="No incident like that" icon=icon::SEARCH action=Some((PATH.to_owned(), "Show what is wrong now".to_owned()))>
            "None that you may see has all of this. Take a filter off, or search for part of a title."
        </Empty>
    }
    .into_any()
}

/// Links that narrow by state and severity.
#[component]
fn Narrow(filter: IncidentFilter) -> impl IntoView {
    let states = [("Not resolved", LIVE.to_vec()), ("Resolved", vec![IncidentState::Resolved]), ("All", Vec::new())];
    let states = states.map(|(label, states)| {
        let on = filter.states == states;
        let href = address(PATH, pairs_of(&IncidentFilter { states, ..filter.clone() }));
        choice(label, href, on)
    });
    let severities =
        Severity::WORST_FIRST.into_iter().filter(|severity| !filter.severities.contains(severity)).map(|severity| {
            let severities = filter.severities.iter().copied().chain([severity]).collect();
            choice(severity.label(), address(PATH, pairs_of(&IncidentFilter { severities, ..filter.clone() })), false)
        });
    view! {
        {states.collect_view()}
        {severities.collect_view()}
    }
}

fn choice(label: &'static str, href: String, on: bool) -> impl IntoView {
    let class = if on { "chip chip-on" } else { "chip" };
    view! { <a class=class href=href aria-current=on.then_some("true")>{label}</a> }
}

fn chips(filter: &IncidentFilter) -> Vec<Chip> {
    let without = |changed: IncidentFilter| address(PATH, pairs_of(&changed));
    let mut chips = Vec::new();
    for severity in &filter.severities {
        let severities = filter.severities.iter().copied().filter(|other| other != severity).collect();
        let label = format!("Severity: {}", severity.label().to_lowercase());
        chips.push(Chip { label, without: without(IncidentFilter { severities, ..filter.clone() }) });
    }
    if let Some(service) = &filter.service {
        let label = format!("Service: {service}");
        chips.push(Chip { label, without: without(IncidentFilter { service: None, ..filter.clone() }) });
    }
    for owner in &filter.owners {
        let owners = filter.owners.iter().filter(|other| *other != owner).cloned().collect();
        chips.push(Chip {
            label: format!("Owner: {owner}"),
            without: without(IncidentFilter { owners, ..filter.clone() }),
        });
    }
    if let Some(text) = &filter.text {
        let label = format!("“{text}”");
        chips.push(Chip { label, without: without(IncidentFilter { text: None, ..filter.clone() }) });
    }
    chips
}

#[component]
fn Row(
    incident: Incident,
    /// On the page of its service, which need not be said again.
    #[prop(optional)]
    within: bool,
) -> impl IntoView {
    let (service, owner) = (service_of(&incident), owner_of(&incident));
    let firing = u64::try_from(incident.firing).unwrap_or_default();
    view! {
        <tr>
            <td>
                <SeverityBadge severity=incident.severity />
            </td>
            <td class="table-cut">
                <RowLink href=incident.href()>
                    <span class="muted">"#" {incident.number}</span>
                    " "
                    {incident.title.clone()}
                </RowLink>
            </td>
            <td class="table-tight">
                <State state=incident.state />
            </td>
            {(!within)
                .then(|| {
                    view! {
                        <td class="table-wide-only table-cut">{service}</td>
                        <td class="table-wide-only table-cut">{owner}</td>
                    }
                })}
            <td class="table-wide-only number">{number::grouped(firing)}</td>
            <td class="table-wide-only table-tight">
                <Time at=incident.opened_at />
            </td>
            <td class="table-wide-only table-tight">
                <Time at=incident.heard_at />
            </td>
        </tr>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_reads_back_from_its_address() {
        let all = IncidentFilter::default();
        for filter in [
            IncidentFilter { states: LIVE.to_vec(), ..all.clone() },
            all.clone(),
            IncidentFilter { states: vec![IncidentState::Resolved], ..all.clone() },
            IncidentFilter {
                states: LIVE.to_vec(),
                severities: vec![Severity::Critical, Severity::Low],
                service: Some("component:default/a".to_owned()),
                owners: vec!["payments".to_owned()],
                text: Some("disk full".to_owned()),
                sort: IncidentSort::Severity,
            },
        ] {
            let pairs: Vec<_> = pairs_of(&filter).into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            assert_eq!(read(&pairs).unwrap(), filter);
        }
    }
}
