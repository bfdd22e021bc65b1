//! Views of the list that somebody or a team keeps: chosen beside the search, kept by a form.

use axum::extract::{Path, Query};
use leptos::prelude::*;
use model::{EntityFilter, TeamId, ViewId, marks::SavedView};
use portal::{
    Error,
    marks::{self, NewView},
};

use super::{address, columns::Columns, list::PATH};
use crate::{
    backend::{Answer, Cx, Head, Posted},
    ui::{
        button::{Button, LinkButton, Weight},
        field::{SelectField, TextField},
        form::{Form, FormActions, FormState},
        icon::{self, Icon},
        menu::{Menu, MenuLink},
        page_head::{PageHead, Section},
        state::Empty,
        table::{Column, RowLink, Table},
    },
};

const VIEWS: &str = "/catalog/views";

/// The views that the reader has, and a way to keep this one; `pairs` are the list's address.
#[component]
pub fn ViewMenu(views: Vec<SavedView>, pairs: Vec<(&'static str, String)>) -> impl IntoView {
    let here = address(PATH, pairs.clone());
    let current = views.iter().find(|view| href(view) == here).map(|view| view.name.clone());
    let links = views
        .into_iter()
        .map(|view| {
            let of =
                view.team.as_ref().map(|(_, team)| view! { <span class="muted small">" of " {team.clone()}</span> });
            view! {
                <MenuLink href=href(&view)>
                    <span>{view.name.clone()} {of}</span>
                </MenuLink>
            }
        })
        .collect_view();
    let face = view! {
        <Icon of=icon::BOOKMARK />
        <span>{current.unwrap_or_else(|| "Views".to_owned())}</span>
    };
    view! {
        <Menu label="Saved views" face=face.into_any() start=true>
            {links}
            <MenuLink href=address(VIEWS, pairs) icon=Some(icon::ADD)>
                "Save this view or manage them"
            </MenuLink>
        </Menu>
    }
}

fn href(view: &SavedView) -> String {
    if view.query.is_empty() { PATH.to_owned() } else { format!("{PATH}?{}", view.query) }
}

/// `GET /catalog/views`: keeps the view of the address, and shows those there are.
pub async fn manage(cx: Cx, Query(pairs): Query<Vec<(String, String)>>) -> Answer {
    show(&cx, query_of(&pairs)?, FormState::default()).await
}

/// `POST /catalog/views`
pub async fn save(cx: Cx, posted: Posted) -> Answer {
    let team = match posted.text("team") {
        "" => None,
        team => Some(team.parse::<TeamId>().map_err(|_| Error::invalid("team", "is no team of yours"))?),
    };
    let (name, query) = (posted.text("name").to_owned(), posted.text("query").to_owned());
    let back = address_of(&query);
    let view = NewView { name: name.clone(), query: query.clone(), team };
    match marks::save_view(&cx.portal, &cx.actor, view).await {
        Ok(()) => cx.redirect(&back, format!("Kept the view {}", name.trim())),
        Err(error) => show(&cx, query, posted.refused(error)?).await,
    }
}

/// `POST /catalog/views/{id}/remove`
pub async fn remove(cx: Cx, Path(id): Path<String>) -> Answer {
    let id: ViewId = id.parse().map_err(|_| Error::NotFound("view"))?;
    let name = marks::remove_view(&cx.portal, &cx.actor, id).await?;
    cx.redirect(VIEWS, format!("Removed the view {name}"))
}

async fn show(cx: &Cx, query: String, state: FormState) -> Answer {
    let mut snapshot = cx.portal.snapshot(&cx.actor).await?;
    let views = marks::views(&mut snapshot).await?;
    let teams = marks::may_share_with(&mut snapshot).await?;
    let head = Head::new("Views").under("Catalog", PATH);
    let (filter, back) = (in_words(&query), address_of(&query));
    cx.form_page(head, &state.clone(), move || {
        let mut whose = vec![(String::new(), "Just for me".to_owned())];
        whose.extend(teams.into_iter().map(|(id, name)| (id.to_string(), format!("For everybody in {name}"))));
        view! {
            <PageHead title="Views of the catalog" actions=view! { <LinkButton href=back>"Back to the list"</LinkButton> }.into_any() />
            <Section title="Save a view">
                <p class="muted mb-3">{filter}</p>
                <Form action=VIEWS state hidden=vec![("query".to_owned(), query)]>
                    <TextField name="name" label="Name" placeholder="Our services" />
                    <SelectField name="team" label="Who sees it" options=whose.clone() optional=true />
                    <FormActions>
                        <Button weight=Weight::Primary>"Save view"</Button>
                    </FormActions>
                </Form>
            </Section>
            <Kept views />
        }
    })
}

#[component]
fn Kept(views: Vec<SavedView>) -> impl IntoView {
    if views.is_empty() {
        return view! {
            <Empty title="No views yet" icon=icon::BOOKMARK>
                "A view is the list with its search, filters, order and columns, one click away for you or your team."
            </Empty>
        }
        .into_any();
    }
    let rows = views
        .into_iter()
        .map(|view| {
            let whose = view.team.as_ref().map_or_else(|| "You".to_owned(), |(_, team)| team.clone());
            let remove = format!("{VIEWS}/{}/remove", view.id);
            let label = format!("Remove the view {}", view.name);
            view! {
                <tr>
                    <td class="table-cut">
                        <RowLink href=href(&view)>{view.name.clone()}</RowLink>
                    </td>
                    <td class="table-wide-only table-cut">{in_words(&view.query)}</td>
                    <td>{whose}</td>
                    <td class="table-tight">
                        <form method="post" action=remove>
                            <button class="button button-quiet button-small" type="submit" aria-label=label>
                                "Remove"
                            </button>
                        </form>
                    </td>
                </tr>
            }
        })
        .collect_view();
    let columns =
        vec![Column::new("View"), Column::new("Shows").wide_only(), Column::new("Seen by"), Column::new("").tight()];
    view! {
        <Section title="Views that you have">
            <Table caption="Saved views" columns>
                {rows}
            </Table>
        </Section>
    }
    .into_any()
}

/// Only what the list itself reads, as its own address would say it.
fn query_of(pairs: &[(String, String)]) -> Result<String, Error> {
    let filter = super::list::read(pairs)?;
    let pairs = filter.to_pairs().into_iter().chain(Columns::read(pairs).to_pairs());
    let address = address("", pairs);
    Ok(address.strip_prefix('?').unwrap_or_default().to_owned())
}

/// A kept query may be of an older time: what is no filter any more is left out.
fn address_of(query: &str) -> String {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    match query_of(&pairs) {
        Ok(query) if !query.is_empty() => format!("{PATH}?{query}"),
        _ => PATH.to_owned(),
    }
}

fn in_words(query: &str) -> String {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    let filter = EntityFilter::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let Ok(filter) = filter else { return "Filters that are not known any more".to_owned() };
    let chips = super::narrow::words(&filter);
    if chips.is_empty() { "The whole catalog".to_owned() } else { chips.join(" · ") }
}
