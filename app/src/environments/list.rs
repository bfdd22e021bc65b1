//! The list of environments, by state and by who asked for them.

use axum::extract::Query;
use leptos::prelude::*;
use model::{EnvironmentState, environment::EnvironmentRow, page::PageRequest};
use portal::environments::{self, Filter, Listed, Sort};
use serde::Deserialize;

use super::{service_name, status};
use crate::{
    backend::{Answer, Cx, Head},
    catalog::{self, detail::EntityPath, team_href},
    ui::{
        button::{LinkButton, Weight},
        icon,
        menu::{Menu, MenuLink},
        page_head::{PageHead, Section},
        pagination::Pagination,
        state::Empty,
        table::{Column, Direction, RowLink, Table},
        tabs::{Tab, Tabs},
        thing::{Kind, Thing},
        time::Time,
    },
};

/// What the address says. An address that says something else shows the list as it is.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    mine: Option<String>,
    #[serde(default)]
    sort: Option<String>,
    #[serde(default)]
    cursor: Option<String>,
}

impl Asked {
    /// All, ended too; a state; or, where nothing is said, those that live.
    fn filter(&self) -> Filter {
        let state = self.state.as_deref().and_then(|state| state.parse().ok());
        Filter {
            state,
            living: state.is_none() && self.state.as_deref() != Some("all"),
            mine: self.mine.is_some(),
            ..Filter::default()
        }
    }

    fn sort(&self) -> Sort {
        match self.sort.as_deref() {
            Some("ends") => Sort::EndsSoonest,
            Some("name") => Sort::Name,
            _ => Sort::Newest,
        }
    }

    fn address(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut asked = Self { cursor: None, ..self.clone() };
        change(&mut asked);
        let pairs = [("state", asked.state), ("mine", asked.mine), ("sort", asked.sort), ("cursor", asked.cursor)];
        let query: Vec<String> =
            pairs.into_iter().filter_map(|(key, value)| value.map(|value| format!("{key}={value}"))).collect();
        if query.is_empty() { "/environments".to_owned() } else { format!("/environments?{}", query.join("&")) }
    }
}

/// `/environments`
pub async fn list(cx: Cx, Query(asked): Query<Asked>) -> Answer {
    let mut snapshot = cx.portal.snapshot(&cx.actor).await?;
    let page = PageRequest::at(asked.cursor.clone());
    let listed = environments::list(&mut snapshot, &asked.filter(), asked.sort(), &page).await?;
    cx.page(Head::new("Environments").wide(), move || view! { <Environments asked listed /> })
}

/// Of which catalog entities there are environments.
#[must_use]
pub fn is_asked_for(kind: model::Kind) -> bool {
    !matches!(kind, model::Kind::Group | model::Kind::User | model::Kind::Domain)
}

/// `/catalog/{kind}/{namespace}/{name}/environments`
pub async fn of_entity(cx: Cx, path: EntityPath) -> Answer {
    let (entity, mut snapshot) = catalog::detail::open(&cx, path).await?;
    let filter = Filter { entity: Some(entity.summary.id), ..Filter::default() };
    let listed = environments::list(&mut snapshot, &filter, Sort::Newest, &PageRequest::default()).await?;
    let name = entity.summary.shown_name().to_owned();
    let ask = format!("/environments/new?service={}", entity.summary.id);
    catalog::detail::page(&cx, &entity, "environments", move || view! { <OfEntity name ask rows=listed.page.items /> })
}

#[component]
fn OfEntity(name: String, ask: String, rows: Vec<EnvironmentRow>) -> impl IntoView {
    if rows.is_empty() {
        let title = format!("No environments for {name}");
        return view! {
            <Empty title icon=icon::ENVIRONMENT action=Some((ask, "Request environment".to_owned()))>
                "Environments that were made for it, and when they end, appear here."
            </Empty>
        }
        .into_any();
    }
    let more = view! {
        <LinkButton href=ask icon=Some(icon::ADD)>
            "Request environment"
        </LinkButton>
    }
    .into_any();
    let caption = format!("Environments of {name}");
    view! {
        <Section title="Environments" more>
            <Rows caption rows asked=None />
        </Section>
    }
    .into_any()
}

#[component]
fn Environments(asked: Asked, listed: Listed) -> impl IntoView {
    let Listed { page, states } = listed;
    let filter = asked.filter();
    let all: u64 = states.iter().map(|(_, count)| count.value).sum();
    let living: u64 =
        states.iter().filter(|(state, _)| *state != EnvironmentState::Ended).map(|(_, count)| count.value).sum();
    let state = match living {
        0 => "None at present".to_owned(),
        living => format!("{living} living"),
    };
    let mut tabs = vec![
        Tab::new("Living", asked.address(|asked| asked.state = None))
            .count(living)
            .current(filter.living && filter.state.is_none()),
    ];
    for state in EnvironmentState::ALL {
        let count = states.iter().find(|(other, _)| *other == state).map_or(0, |(_, count)| count.value);
        let current = filter.state == Some(state);
        if count > 0 || current {
            let address = asked.address(|asked| asked.state = Some(state.as_str().to_owned()));
            tabs.push(Tab::new(state.label(), address).count(count).current(current));
        }
    }
    let address = asked.address(|asked| asked.state = Some("all".to_owned()));
    tabs.push(Tab::new("All", address).count(all).current(!filter.living && filter.state.is_none()));

    let mine = asked.mine.is_some();
    let whose = asked.address(|asked| asked.mine = (!mine).then(|| "1".to_owned()));
    let at = |cursor: Option<model::Cursor>| {
        cursor.map(|cursor| asked.address(|asked| asked.cursor = Some(cursor.to_string())))
    };
    let (previous, next) = (at(page.previous.clone()).unwrap_or_default(), at(page.next.clone()).unwrap_or_default());
    let shown = page.items.len() as u64;
    let footer = pages(page.first, shown, page.total, previous, next);
    let rows = page.items;
    let content = if rows.is_empty() {
        view! {
            <Empty
                title="No environments here"
                icon=icon::ENVIRONMENT
                action=Some(("/environments/new".to_owned(), "Request environment".to_owned()))
            >
                "An environment is made from a template once it is approved, and taken away at its end."
            </Empty>
        }
        .into_any()
    } else {
        view! { <Rows caption="Environments" rows asked=Some(asked) footer=footer /> }.into_any()
    };
    view! {
        <PageHead
            title="Environments"
            state=state.into_any()
            actions=view! {
                <LinkButton href="/environments/new" weight=Weight::Primary icon=Some(icon::ADD)>
                    "Request environment"
                </LinkButton>
                <Menu label="More about environments">
                    <MenuLink href="/environments/templates" icon=Some(icon::TEMPLATE)>
                        "Templates"
                    </MenuLink>
                </Menu>
            }
                .into_any()
        />
        <Tabs label="States" tabs />
        <div class="filters">
            <a class=if mine { "chip chip-on" } else { "chip" } href=whose aria-current=mine.then_some("true")>
                "Asked for by me"
            </a>
        </div>
        {content}
    }
}

fn pages(first: u64, shown: u64, total: model::Count, previous: String, next: String) -> AnyView {
    let more = !total.exact;
    let total = total.value;
    match (previous.is_empty(), next.is_empty()) {
        (true, true) => view! { <Pagination first shown total more /> }.into_any(),
        (true, false) => view! { <Pagination first shown total more next /> }.into_any(),
        (false, true) => view! { <Pagination first shown total more previous /> }.into_any(),
        (false, false) => view! { <Pagination first shown total more previous next /> }.into_any(),
    }
}

/// `asked` where the columns sort.
#[component]
fn Rows(
    #[prop(into)] caption: String,
    rows: Vec<EnvironmentRow>,
    asked: Option<Asked>,
    #[prop(optional, into)] footer: Option<AnyView>,
) -> impl IntoView {
    let sorted = |column: Column, key: Option<&'static str>, sort: Sort| match &asked {
        Some(asked) => {
            let direction = if sort == Sort::Newest { Direction::Descending } else { Direction::Ascending };
            let address = asked.address(|asked| asked.sort = key.map(str::to_owned));
            column.sort(address, (asked.sort() == sort).then_some(direction))
        }
        None => column,
    };
    let columns = vec![
        sorted(Column::new("Name"), Some("name"), Sort::Name),
        Column::new("State").tight(),
        Column::new("Service").wide_only(),
        Column::new("Owner").tight().wide_only(),
        Column::new("Asked for by").tight().wide_only(),
        sorted(Column::new("Ends").tight(), Some("ends"), Sort::EndsSoonest),
        sorted(Column::new("Made").tight().wide_only(), None, Sort::Newest),
    ];
    let rows = rows
        .into_iter()
        .map(|row| {
            let href = row.href();
            let state = status(&row);
            let ends = match row.ended_at {
                Some(at) => view! { <Time at /> }.into_any(),
                None => view! { <Time at=row.expires_at /> }.into_any(),
            };
            let owner = row.owner_name.map(|name| {
                let href = team_href(&name);
                view! { <Thing kind=Kind::Team name href /> }
            });
            let requester = format!("/people/{}", row.requester);
            view! {
                <tr>
                    <td class="table-cut">
                        <RowLink href>{row.name}</RowLink>
                        <div class="small muted cut">{row.template_title} " · " {row.purpose}</div>
                    </td>
                    <td>{state}</td>
                    <td class="table-wide-only table-cut">
                        <Thing kind=Kind::Component name=service_name(&row.service) href=row.service_href />
                    </td>
                    <td class="table-wide-only">{owner}</td>
                    <td class="table-wide-only">
                        <Thing kind=Kind::Person name=row.requester_name href=requester />
                    </td>
                    <td>{ends}</td>
                    <td class="table-wide-only">
                        <Time at=row.created_at />
                    </td>
                </tr>
            }
        })
        .collect_view();
    match footer {
        Some(footer) => view! {
            <Table caption columns footer>
                {rows}
            </Table>
        }
        .into_any(),
        None => view! {
            <Table caption columns>
                {rows}
            </Table>
        }
        .into_any(),
    }
}
