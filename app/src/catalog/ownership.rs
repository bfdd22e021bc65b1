//! Ownership: how to reach an owner, what nobody owns, and moving things from one team to another.

use std::collections::BTreeMap;

use axum::extract::Query;
use leptos::prelude::*;
use model::{EntityId, TeamId, request::Named};
use portal::{
    Error,
    catalog::{
        self,
        ownership::{self, Contact, Movable, MovePlan, MovedOwner, OwnerCard, Unowned, UnownedList, Why},
    },
};
use serde::Deserialize;

use super::{Part, Parts, address, drawn, graph::counted, team_href};
use crate::{
    approvals::person,
    backend::{Answer, Cx, Head, Posted},
    ui::{
        Tone,
        badge::{Badge, Status},
        button::{Button, LinkButton, Weight},
        facts::{Fact, Facts},
        field::{Checkbox, TextArea},
        filter::FilterSelect,
        flash::Notice,
        form::{Form, FormActions, FormState},
        icon, number,
        page_head::{PageHead, Section},
        state::Empty,
        table::{Column, RowLink, SelectCell, Table},
        thing::{Kind, Thing},
        time::Time,
    },
};

const UNOWNED: &str = "/catalog/unowned";
const MOVE: &str = "/catalog/ownership";
/// As many names as are read at a glance.
const NAMES: usize = 12;

// ---- the card

/// Who owns it, and how to reach them now.
#[component]
pub fn OwnerBox(card: OwnerCard) -> impl IntoView {
    let OwnerCard { team, contact, moved } = card;
    let Some((name, shown)) = team else {
        return view! {
            <section class="owner-card" aria-label="Owner">
                <h2>"Nobody owns it"</h2>
                <p class="muted">
                    <a class="link" href=UNOWNED>"What has no owner"</a>
                    " says who might."
                </p>
            </section>
        }
        .into_any();
    };
    view! {
        <section class="owner-card" aria-label="Owner">
            <h2><Thing kind=Kind::Team name=shown href=team_href(&name) /></h2>
            {moved.map(|moved| view! { <Moved moved /> })}
            <Reached contact />
        </section>
    }
    .into_any()
}

#[component]
fn Moved(moved: MovedOwner) -> impl IntoView {
    let stated = match moved.stated {
        Some(stated) => view! { "The descriptor still says " <code class="code-inline">{stated}</code> "." }.into_any(),
        None => view! { "The descriptor still names no owner." }.into_any(),
    };
    let by = moved.by.map(|by| format!(" by {by}"));
    view! {
        <p class="small muted">
            "Moved here " <Time at=moved.at /> {by} ": " {moved.note} " " {stated}
        </p>
    }
}

/// Leads and ways to them.
#[component]
pub fn Reached(contact: Contact) -> impl IntoView {
    let leads = contact
        .leads
        .into_iter()
        .map(|lead| view! { <li><Thing kind=Kind::Person name=lead.name href=person(lead.id) /></li> })
        .collect::<Vec<_>>();
    let mut facts = Vec::new();
    if !leads.is_empty() {
        facts.push(Fact::new(if leads.len() == 1 { "Lead" } else { "Leads" }, view! { <ul>{leads}</ul> }));
    }
    let unreachable = contact.ways.is_empty();
    for way in contact.ways {
        let value = match way.href {
            Some(href) => {
                let shown = shortened(&way.text);
                view! { <a class="link break-anywhere" href=href rel="noopener noreferrer external">{shown}</a> }
                    .into_any()
            }
            None => way.text.into_any(),
        };
        facts.push(Fact::new(way.label, value));
    }
    view! {
        <Facts facts narrow=true />
        {unreachable
            .then(|| {
                view! {
                    <p class="small muted">
                        "How to reach them is not described: annotations such as "
                        <code class="code-inline">"rampart.dev/chat"</code>
                        " on their Group say it."
                    </p>
                }
            })}
    }
}

/// An address without what every address begins with.
fn shortened(text: &str) -> String {
    text.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/').to_owned()
}

// ---- what nobody owns

/// `/catalog/unowned`
pub async fn unowned(cx: Cx) -> Answer {
    unowned_page(&cx, FormState::default()).await
}

/// `POST /catalog/unowned`
pub async fn give(cx: Cx, posted: Posted) -> Answer {
    let done = async {
        let entity: EntityId = posted.text("entity").parse().map_err(|_| Error::NotFound("catalog entity"))?;
        let to: TeamId = posted.text("to").parse().map_err(|_| Error::invalid("to", "choose a team"))?;
        ownership::give_ownership(&cx.portal, &cx.actor, entity, to, posted.text("note")).await
    };
    match done.await {
        Ok(()) => cx.redirect(UNOWNED, "It has an owner now"),
        Err(error) => unowned_page(&cx, posted.refused(error)?).await,
    }
}

async fn unowned_page(cx: &Cx, state: FormState) -> Answer {
    let list = ownership::unowned(&cx.portal, &cx.actor).await?;
    let sources = catalog::may_see_sources(&cx.portal, &cx.actor);
    let wrong = state.is_refused().then(|| {
        view! { <Notice tone=Tone::Wrong>"It was not given: somebody changed it meanwhile. Look again."</Notice> }
    });
    cx.form_page(Head::new("Unowned").under("Catalog", "/catalog"), &state, move || {
        view! { <AllUnowned list sources wrong=wrong.into_any() /> }
    })
}

#[component]
fn AllUnowned(list: UnownedList, sources: bool, wrong: AnyView) -> impl IntoView {
    let UnownedList { entities, more, may_give } = list;
    let count = format!("{}{}", number::grouped(entities.len() as u64), if more.is_empty() { "" } else { "+" });
    let state = if entities.is_empty() {
        view! { <Status tone=Tone::Good>"Everything has an owner with people in it"</Status> }
    } else {
        view! { <Status tone=Tone::Attention>{count} " without somebody who answers for it"</Status> }
    };
    let actions = view! { <LinkButton href=MOVE icon=Some(icon::TEAM)>"Move ownership"</LinkButton> };
    let sections = Why::ALL
        .into_iter()
        .map(|why| {
            let rows: Vec<Unowned> = entities.iter().filter(|one| one.why == why).cloned().collect();
            let more = more.contains(&why);
            let (title, what) = match why {
                Why::NoOwner => ("No owner named", "Their descriptors have no spec.owner."),
                Why::OwnerAbsent => ("Owner not in the catalog", "The group that they name is described nowhere."),
                Why::TeamEmpty => {
                    ("Team without people", "Their group is in the catalog, and nobody holds a role in its team.")
                }
            };
            (!rows.is_empty()).then(|| {
                view! {
                    <Section title>
                        <p class="muted">{what} {more.then_some(" The first hundred are shown.")}</p>
                        <UnownedTable caption=title rows may_give />
                    </Section>
                }
            })
        })
        .collect_view();
    let nothing = entities.is_empty().then(|| {
        view! {
            <Empty title="Nothing is without an owner" icon=icon::GOOD>
                "What names no owner, names one that is not in the catalog, or belongs to a team without people appears here."
            </Empty>
        }
    });
    view! {
        <PageHead title="Unowned" state=state.into_any() actions=actions.into_any() />
        <Parts current=Part::Unowned sources />
        {wrong}
        {sections}
        {nothing}
    }
}

#[component]
fn UnownedTable(caption: &'static str, rows: Vec<Unowned>, may_give: bool) -> impl IntoView {
    let rows = rows
        .into_iter()
        .map(|one| {
            let kind = drawn(one.reference.kind);
            let suggested = match one.suggested {
                Some(suggested) => {
                    let give = may_give.then(|| {
                        let hidden = vec![
                            ("entity".to_owned(), one.id.to_string()),
                            ("to".to_owned(), suggested.team.to_string()),
                            ("note".to_owned(), format!("{} {}", suggested.name, suggested.because)),
                        ];
                        let words = StoredValue::new((suggested.name.clone(), one.title.clone()));
                        view! {
                            <Form action=UNOWNED name="give" inline=true hidden>
                                <Button>
                                    {move || words.with_value(|(team, _)| format!("Give to {team}"))}
                                    <span class="only-spoken">
                                        {move || words.with_value(|(_, title)| format!(": {title}"))}
                                    </span>
                                </Button>
                            </Form>
                        }
                    });
                    view! {
                        <td class="table-cut">
                            <Thing kind=Kind::Team name=suggested.name.clone() href=team_href(&suggested.name) />
                            <div class="small muted">{suggested.because.clone()}</div>
                        </td>
                        <td class="table-tight">{give}</td>
                    }
                    .into_any()
                }
                None => view! {
                    <td class="muted">"Nothing points to a team"</td>
                    <td></td>
                }
                .into_any(),
            };
            view! {
                <tr>
                    <td class="table-cut">
                        <RowLink href=one.reference.href()>
                            <Thing kind name=one.title />
                        </RowLink>
                    </td>
                    <td class="table-wide-only table-cut muted">{one.owner.unwrap_or_else(|| "–".to_owned())}</td>
                    {suggested}
                </tr>
            }
        })
        .collect_view();
    let columns = vec![
        Column::new("Entity"),
        Column::new("Names").wide_only(),
        Column::new("Might belong to"),
        Column::new("").tight(),
    ];
    view! { <Table caption columns>{rows}</Table> }
}

// ---- moving

#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

/// `/catalog/ownership`
pub async fn choose(cx: Cx, Query(wanted): Query<Wanted>) -> Answer {
    show(&cx, &wanted, FormState::default()).await
}

/// `POST /catalog/ownership`
pub async fn submit(cx: Cx, posted: Posted) -> Answer {
    match moved(&cx, &posted).await {
        Ok((to, count)) => {
            let done = format!("{} moved", number::counted(count as u64, "entity", "entities"));
            cx.redirect(&address(MOVE, [("from", to.to_string())]), done)
        }
        Err(error) => {
            let wanted = Wanted { from: posted.text("from").to_owned(), to: posted.text("to").to_owned() };
            show(&cx, &wanted, posted.refused(error)?).await
        }
    }
}

async fn moved(cx: &Cx, posted: &Posted) -> portal::Result<(TeamId, usize)> {
    let from = team(posted.text("from"))?.ok_or_else(|| Error::invalid("from", "choose the present team"))?;
    let to = team(posted.text("to"))?.ok_or_else(|| Error::invalid("to", "choose the new team"))?;
    let chosen: Vec<EntityId> = posted
        .all("entity")
        .map(|id| id.parse().map_err(|_| Error::NotFound("catalog entity")))
        .collect::<portal::Result<_>>()?;
    if posted.checked("all") && !chosen.is_empty() {
        return Err(Error::invalid("all", "tick either this or some of the rows, not both"));
    }
    let only = (!posted.checked("all")).then_some(chosen.as_slice());
    let count = ownership::move_ownership(&cx.portal, &cx.actor, from, to, only, posted.text("note")).await?;
    Ok((to, count))
}

fn team(text: &str) -> portal::Result<Option<TeamId>> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Error::NotFound("team")),
    }
}

async fn show(cx: &Cx, wanted: &Wanted, state: FormState) -> Answer {
    let (from, to) = (team(&wanted.from)?, team(&wanted.to)?);
    let plan = ownership::move_plan(&cx.portal, &cx.actor, from, to).await?;
    let head = Head::new("Move ownership").under("Catalog", "/catalog").under("Unowned", UNOWNED);
    cx.form_page(head, &state.clone(), move || view! { <Moving plan state /> })
}

#[component]
fn Moving(plan: MovePlan, state: FormState) -> impl IntoView {
    if plan.from_teams.is_empty() {
        return view! {
            <PageHead title="Move ownership" />
            <Empty title="Nothing that you may move" icon=icon::TEAM>
                "Leads move what their own team owns, and platform administrators move what any team owns."
            </Empty>
        }
        .into_any();
    }
    let choices = |teams: &[model::access::TeamChoice], first: &str| {
        std::iter::once((String::new(), first.to_owned()))
            .chain(teams.iter().map(|team| (team.id.to_string(), team.name.clone())))
            .collect::<Vec<_>>()
    };
    let id =
        |team: &Option<model::access::TeamChoice>| team.as_ref().map(|team| team.id.to_string()).unwrap_or_default();
    let (from_teams, to_teams) =
        (choices(&plan.from_teams, "From which team"), choices(&plan.to_teams, "To which team"));
    let (from, to) = (id(&plan.from), id(&plan.to));
    let same = !from.is_empty() && from == to;
    let next = match (&plan.from, &plan.to) {
        (Some(_), Some(_)) if same => view! { <p class="muted">"Choose two different teams."</p> }.into_any(),
        (Some(from_team), _) if plan.entities.is_empty() => {
            view! { <p class="muted">{from_team.name.clone()} " owns nothing that you may see."</p> }.into_any()
        }
        (Some(_), Some(_)) => view! { <Means plan=plan.clone() state /> }.into_any(),
        _ => view! { <p class="muted">"What the move means is shown before anything changes."</p> }.into_any(),
    };
    view! {
        <PageHead title="Move ownership" />
        <p class="muted">
            "After a reorganisation: what one team owns becomes another's, at once and with everything that belongs to it. It stands over what descriptors say until they say the same."
        </p>
        <form class="filters mt-3" action=MOVE aria-label="From and to which team">
            <FilterSelect name="from" label="From which team" options=from_teams value=from />
            <FilterSelect name="to" label="To which team" options=to_teams value=to />
            <Button>"Show what it means"</Button>
        </form>
        {next}
    }
    .into_any()
}

/// What a move means, and the form that does it.
#[component]
fn Means(plan: MovePlan, state: FormState) -> impl IntoView {
    let (Some(from), Some(to)) = (plan.from.clone(), plan.to.clone()) else { return ().into_any() };
    let granted = plan.entities.iter().filter(|one| one.granted).count();
    let mut by_kind: BTreeMap<model::Kind, u64> = BTreeMap::new();
    for one in &plan.entities {
        *by_kind.entry(one.reference.kind).or_default() += 1;
    }
    let kinds: Vec<String> = by_kind.into_iter().map(|(kind, count)| counted(kind, count)).collect();
    let facts = vec![
        Fact::text("Owned now", kinds.join(", ")),
        Fact::new(format!("Gain access ({})", plan.gain.len()), names(&plan.gain)),
        Fact::new(format!("Lose access ({})", plan.lose.len()), names(&plan.lose)),
    ];
    let held = (granted > 0).then(|| {
        let words = number::counted(granted as u64, "entity has", "entities have");
        let rule = if plan.leads {
            "You lead the present team, so you may move them; the roles on them stay until they end."
        } else {
            "Only a lead of the present team moves those: they are not ticked."
        };
        view! { <Notice tone=Tone::Attention>{words} " roles or environments that people hold. " {rule}</Notice> }
    });
    let more =
        plan.more.then(|| view! { <p class="muted">"The first thousand are shown; move them, then the others."</p> });
    let leads = plan.leads;
    let all = granted == 0 || leads;
    let hidden = vec![("from".to_owned(), from.id.to_string()), ("to".to_owned(), to.id.to_string())];
    let (entities, to_name) = (StoredValue::new(plan.entities), StoredValue::new(to.name));
    let more_than_all = plan.more;
    view! {
        <Section title="What it means">
            <Facts facts />
            {held}
            {more}
        </Section>
        <h2 class="mt-6 mb-2">"Move them"</h2>
        <Form action=MOVE state hidden>
            {(all && !more_than_all)
                .then(|| {
                    let words = number::counted(entities.with_value(Vec::len) as u64, "entity", "entities");
                    view! {
                        <Checkbox
                            name="all"
                            label=format!("All {words}")
                            hint="Or tick some of them below."
                        />
                    }
                })}
            <TextArea name="note" label="Why" rows=2 hint="The history of each of them shows it." />
            <FormActions>
                <Button weight=Weight::Primary>{move || format!("Move to {}", to_name.get_value())}</Button>
                <LinkButton href=UNOWNED>"Cancel"</LinkButton>
            </FormActions>
            <Chosen entities=entities.get_value() leads />
        </Form>
    }
    .into_any()
}

fn names(people: &[Named]) -> AnyView {
    if people.is_empty() {
        return view! { <span class="muted">"Nobody"</span> }.into_any();
    }
    let shown = people
        .iter()
        .take(NAMES)
        .map(|one| view! { <li><Thing kind=Kind::Person name=one.name.clone() href=person(one.id) /></li> })
        .collect_view();
    let rest = people.len().saturating_sub(NAMES);
    view! {
        <ul class="flex flex-wrap gap-x-4 gap-y-1">
            {shown} {(rest > 0).then(|| view! { <li class="muted">{format!("and {rest} more")}</li> })}
        </ul>
    }
    .into_any()
}

#[component]
fn Chosen(entities: Vec<Movable>, leads: bool) -> impl IntoView {
    let rows = entities
        .into_iter()
        .map(|one| {
            let may = leads || !one.granted;
            let select = if may {
                view! { <SelectCell name="entity" value=one.id.to_string() label=one.title.clone() /> }.into_any()
            } else {
                view! { <td class="table-select"></td> }.into_any()
            };
            view! {
                <tr>
                    {select}
                    <td class="table-cut">
                        <Thing kind=drawn(one.reference.kind) name=one.title.clone() href=one.reference.href() />
                    </td>
                    <td class="table-wide-only table-cut muted">{one.stated.clone().unwrap_or_else(|| "–".to_owned())}</td>
                    <td class="table-tight">{one.granted.then(|| view! { <Badge>"Held by people"</Badge> })}</td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![
        Column::select().tight(),
        Column::new("Entity"),
        Column::new("Descriptor says").wide_only(),
        Column::new("State").tight(),
    ];
    view! { <Table caption="What can be moved" columns>{rows}</Table> }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{EntityRef, access::TeamChoice};

    fn html(view: impl FnOnce() -> AnyView) -> String {
        Owner::new().with(|| view().to_html())
    }

    fn movable(name: &str, granted: bool) -> Movable {
        Movable {
            id: format!("00000000-0000-0000-0000-{:012}", name.len()).parse().unwrap(),
            reference: format!("component:default/{name}").parse::<EntityRef>().unwrap(),
            title: name.to_owned(),
            owner: Some("group:default/payments".to_owned()),
            stated: Some("payments".to_owned()),
            restricted: false,
            granted,
        }
    }

    fn plan(leads: bool) -> MovePlan {
        let team = |id: u8, name: &str| TeamChoice {
            id: format!("00000000-0000-0000-0000-{id:012}").parse().unwrap(),
            name: name.to_owned(),
        };
        MovePlan {
            from_teams: vec![team(1, "Payments")],
            to_teams: vec![team(1, "Payments"), team(2, "Web")],
            from: Some(team(1, "Payments")),
            to: Some(team(2, "Web")),
            entities: vec![movable("checkout", false), movable("vault", true)],
            leads,
            ..MovePlan::default()
        }
    }

    #[test]
    fn what_people_hold_is_not_ticked_for_one_who_does_not_lead_the_team() {
        let shown = html(|| view! { <Moving plan=plan(false) state=FormState::default() /> }.into_any());
        assert_eq!(shown.matches("name=\"entity\"").count(), 1, "{shown}");
        assert!(shown.contains("Only a lead of the present team") && !shown.contains("name=\"all\""), "{shown}");
        let shown = html(|| view! { <Moving plan=plan(true) state=FormState::default() /> }.into_any());
        assert_eq!(shown.matches("name=\"entity\"").count(), 2, "{shown}");
        assert!(shown.contains("All 2 entities") && shown.contains("Move to Web"), "{shown}");
    }

    #[test]
    fn a_moved_entity_says_what_its_descriptor_still_says() {
        let card = OwnerCard {
            team: Some(("web".to_owned(), "Web".to_owned())),
            contact: Contact::default(),
            moved: Some(MovedOwner {
                stated: Some("payments".to_owned()),
                by: Some("Lena".to_owned()),
                at: time::OffsetDateTime::UNIX_EPOCH,
                note: "One team now".to_owned(),
            }),
        };
        let shown = html(|| {
            provide_context(crate::layout::chrome::Chrome::signed_out(time::OffsetDateTime::UNIX_EPOCH, "/"));
            view! { <OwnerBox card /> }.into_any()
        });
        assert!(shown.contains("The descriptor still says") && shown.contains("payments"), "{shown}");
        assert!(shown.contains("One team now") && shown.contains("rampart.dev/chat"), "{shown}");
    }
}
