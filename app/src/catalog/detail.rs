//! One entity: its title line and tabs, which every feature's view of it shares, and the catalog's own views.

use axum::extract::Path;
use leptos::prelude::*;
use model::{
    EntityDetail, EntityRef, Kind, RelationType,
    entity::{EntityEvent, EntityEventKind, EntityRelation},
};
use portal::{
    Error, Snapshot,
    catalog::{self, ownership::OwnerCard},
    marks,
};

use super::{
    bin::{Discard, InBin},
    drawn,
    marks::{Since, Star},
    owner_of,
    ownership::OwnerBox,
    referred,
};
use crate::{
    backend::{Answer, Cx, Failure, Head},
    findings,
    ui::{
        Tone,
        badge::{Badge, Lifecycle},
        code::CodeBlock,
        facts::{Fact, Facts},
        fold::Fold,
        icon::{self, Icon},
        page_head::{PageHead, Section},
        state::Empty,
        table::{Column, Table},
        tabs::{Tab, Tabs},
        thing::Thing,
        time::Time,
        timeline::{Event, Timeline},
        words::capitalised,
    },
};

/// One view of an entity, at `/catalog/{kind}/{namespace}/{name}/{slug}`; the first is the entity's own address.
#[derive(Debug)]
pub struct EntityTab {
    pub slug: &'static str,
    pub label: &'static str,
    /// Of which kinds there is such a view.
    pub of: fn(Kind) -> bool,
}

/// In the order of the page. A feature that has a view of an entity adds its line here and its route, opens the entity
/// by [`open`] and shows it by [`page`].
pub const TABS: &[EntityTab] = &[
    EntityTab { slug: "", label: "Overview", of: |_| true },
    EntityTab { slug: "relations", label: "Relations", of: |_| true },
    EntityTab { slug: "environments", label: "Environments", of: crate::environments::list::is_asked_for },
    EntityTab { slug: "security", label: "Security", of: findings::service::has_tab },
    EntityTab {
        slug: "incidents",
        label: "Incidents",
        of: |kind| matches!(kind, Kind::Component | Kind::Api | Kind::Resource | Kind::System),
    },
    EntityTab { slug: "scorecards", label: "Scorecards", of: is_scored },
    EntityTab { slug: "compliance", label: "Compliance", of: is_scored },
    EntityTab { slug: "access", label: "Access", of: |_| true },
    EntityTab { slug: "changes", label: "Changes", of: |_| true },
];

/// Scorecards and benchmarks speak of things, not of people.
fn is_scored(kind: Kind) -> bool {
    !matches!(kind, Kind::User | Kind::Group)
}

/// The address's part that names an entity.
pub type EntityPath = Path<(String, String, String)>;

/// The entity that an address names, and the moment that everything else of the page is read from.
pub async fn open(cx: &Cx, Path((kind, namespace, name)): EntityPath) -> Result<(EntityDetail, Snapshot), Failure> {
    let kind: Kind = kind.parse().map_err(|_| Error::NotFound("catalog entity"))?;
    let mut snapshot = cx.portal.snapshot(&cx.actor).await?;
    let entity = catalog::detail(&mut snapshot, &EntityRef::new(kind, &namespace, &name)).await?;
    Ok((entity, snapshot))
}

/// A view of an entity under its title line and tabs.
pub fn page<V: IntoView + 'static>(
    cx: &Cx,
    entity: &EntityDetail,
    slug: &'static str,
    view: impl FnOnce() -> V + 'static,
) -> Answer {
    page_with(cx, entity, slug, None, view)
}

/// As [`page`], with what the reader can do at the right of the title.
fn page_with<V: IntoView + 'static>(
    cx: &Cx,
    entity: &EntityDetail,
    slug: &'static str,
    actions: Option<AnyView>,
    view: impl FnOnce() -> V + 'static,
) -> Answer {
    let head = Head::new(entity.summary.shown_name()).under("Catalog", "/catalog");
    let title = title(entity, actions);
    let tabs = tabs(entity, slug);
    let may_restore = catalog::may_import(&cx.portal, &cx.actor);
    let reference = entity.summary.reference.clone();
    let binned = entity.binned.clone().map(|binned| view! { <InBin binned reference may_restore /> });
    cx.page(head, move || {
        view! {
            {title}
            {binned}
            {tabs}
            {view()}
        }
    })
}

fn title(entity: &EntityDetail, actions: Option<AnyView>) -> AnyView {
    let one = &entity.summary;
    let kind = match &one.kind_type {
        Some(of) => format!("{} · {of}", one.reference.kind.label()),
        None => one.reference.kind.label().to_owned(),
    };
    let owner = one.owner.is_some().then(|| owner_of(one));
    let state = view! {
        <span class="thing">
            <Icon of=drawn(one.reference.kind).icon() />
            {kind}
        </span>
        {one.lifecycle.clone().map(|stage| view! { <Lifecycle stage /> })}
        {one.tier.clone().map(|tier| view! { <Badge>{in_words(&tier)}</Badge> })}
        {one.restricted.then(|| view! { <Badge tone=Some(Tone::Waived)>"Restricted"</Badge> })}
        {owner}
    };
    let actions = actions.unwrap_or_else(|| ().into_any());
    view! { <PageHead title=one.shown_name().to_owned() state=state.into_any() actions /> }.into_any()
}

fn tabs(entity: &EntityDetail, current: &str) -> AnyView {
    let href = entity.summary.reference.href();
    let tabs = TABS
        .iter()
        .filter(|tab| (tab.of)(entity.summary.reference.kind))
        .map(|tab| {
            let address = if tab.slug.is_empty() { href.clone() } else { format!("{href}/{}", tab.slug) };
            let count = (tab.slug == "relations").then_some(entity.relations.len() as u64);
            let tab = Tab::new(tab.label, address).current(tab.slug == current);
            match count {
                Some(count) => tab.count(count),
                None => tab,
            }
        })
        .collect();
    view! { <Tabs label=format!("Views of {}", entity.summary.shown_name()) tabs /> }.into_any()
}

/// `/catalog/{kind}/{namespace}/{name}`
pub async fn overview(cx: Cx, Path(path): EntityPath) -> Answer {
    let (entity, mut snapshot) = match open(&cx, Path(path.clone())).await {
        Ok(opened) => opened,
        Err(failure) => return super::missing::page(&cx, path, failure).await,
    };
    let (id, reference) = (entity.summary.id, entity.summary.reference.clone());
    let owner = catalog::ownership::owner_card(&mut snapshot, id).await?;
    let mark = marks::mark(&mut snapshot, id).await?;
    let news = match mark.looked_at.filter(|looked_at| *looked_at < entity.summary.updated_at) {
        Some(looked_at) => Some((looked_at, catalog::history(&mut snapshot, &reference).await?)),
        None => None,
    };
    drop(snapshot);
    if mark.is_new_visit {
        marks::visit(&cx.portal, &cx.actor, id).await?;
    }
    let (shown, changes) = (entity.clone(), format!("{}/changes", reference.href()));
    let discard = Discard::offered(&entity, catalog::may_import(&cx.portal, &cx.actor));
    let star = view! { <Star entity=reference mark /> }.into_any();
    page_with(&cx, &entity, "", Some(star), move || {
        view! {
            {news.map(|(looked_at, events)| view! { <Since looked_at events href=changes /> })}
            <Overview entity=shown owner />
            {discard.map(Discard::view)}
        }
    })
}

/// `/catalog/{kind}/{namespace}/{name}/changes`
pub async fn changes(cx: Cx, path: EntityPath) -> Answer {
    let (entity, mut snapshot) = open(&cx, path).await?;
    let events = catalog::history(&mut snapshot, &entity.summary.reference).await?;
    page(&cx, &entity, "changes", move || view! { <Changes events /> })
}

#[component]
fn Overview(entity: EntityDetail, owner: OwnerCard) -> impl IntoView {
    let one = &entity.summary;
    let mut facts = vec![
        Fact::new("System", referred(one.system.as_deref())),
        Fact::new("Domain", referred(entity.domain.as_deref())),
        Fact::new("Reference", view! { <code class="code-inline">{one.reference.to_string()}</code> }),
    ];
    if let Some(origin) = &entity.origin {
        facts.push(Fact::text("Source", format!("{} {}", origin.kind.label(), origin.source)));
        facts.push(Fact::text("File", format!("{}, line {}", origin.file, origin.line)));
    }
    for other in &entity.also_described {
        let words = format!("{} {}, {} line {}", other.kind.label(), other.source, other.file, other.line);
        facts.push(Fact::text("Also described by", words));
    }
    facts.push(Fact::new("Updated", view! { <Time at=one.updated_at /> }));
    let description = match one.description.clone() {
        Some(description) => view! { <p>{description}</p> }.into_any(),
        None => view! { <p class="muted">"The descriptor says nothing about what it is for."</p> }.into_any(),
    };
    let tags = (!one.tags.is_empty()).then(|| {
        let tags = one.tags.iter().map(|tag| {
            let href = super::address("/catalog", [("tag", tag)]);
            view! { <a class="chip" href=href>{tag.clone()}</a> }
        });
        view! { <div class="filters mt-3">{tags.collect_view()}</div> }
    });
    let descriptor = serde_json::to_string_pretty(&entity.descriptor).unwrap_or_default();
    let near: Vec<EntityRelation> = entity
        .relations
        .iter()
        .filter(|other| !matches!(other.relation, RelationType::OwnedBy | RelationType::PartOf))
        .take(12)
        .cloned()
        .collect();
    view! {
        <div class="beside">
            <div class="min-w-0">
                <Section title="What it is">{description} {tags}</Section>
                {(!entity.links.is_empty()).then(|| view! { <Links links=entity.links.clone() /> })}
                {(!near.is_empty()).then(|| view! { <Section title="Stands beside"><RelationTable relations=near /></Section> })}
                <div class="mt-6">
                    <Fold label="Descriptor as it was read">
                        <CodeBlock label="Descriptor" code=descriptor />
                    </Fold>
                </div>
            </div>
            <aside aria-label="Facts">
                {(one.reference.kind != Kind::User).then(|| view! { <OwnerBox card=owner /> })}
                <Facts facts narrow=true />
            </aside>
        </div>
    }
}

#[component]
fn Links(links: Vec<model::Link>) -> impl IntoView {
    let links = links
        .into_iter()
        .map(|link| {
            let title = link.title.unwrap_or_else(|| link.url.clone());
            view! {
                <li>
                    <a class="link inline-flex items-center gap-1" href=link.url rel="noopener noreferrer external">
                        {title}
                        <Icon of=icon::EXTERNAL />
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <Section title="Links">
            <ul>{links}</ul>
        </Section>
    }
}

/// Relations as they are stated, what they name and is not there among them.
#[component]
pub(super) fn RelationTable(relations: Vec<EntityRelation>) -> impl IntoView {
    let rows = relations
        .into_iter()
        .map(|other| {
            let name = other.title.clone().unwrap_or_else(|| other.target.name.clone());
            let kind = drawn(other.target.kind);
            let named = if other.known {
                view! { <Thing kind name href=other.target.href() /> }.into_any()
            } else {
                view! { <Thing kind name /> }.into_any()
            };
            let known = (!other.known).then(|| view! { <span class="muted small">"Not found"</span> });
            view! {
                <tr>
                    <td class="table-tight">{capitalised(other.relation.label())}</td>
                    <td class="table-cut">{named}</td>
                    <td class="table-wide-only">{other.target.kind.label()}</td>
                    <td class="table-tight">{known}</td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![
        Column::new("Relation").tight(),
        Column::new("Entity"),
        Column::new("Kind").tight().wide_only(),
        Column::new("State").tight(),
    ];
    view! { <Table caption="Relations" columns>{rows}</Table> }
}

#[component]
fn Changes(events: Vec<EntityEvent>) -> impl IntoView {
    if events.is_empty() {
        return view! {
            <Empty title="No changes recorded" icon=icon::AUDIT>
                "What readings of its descriptor change appears here."
            </Empty>
        }
        .into_any();
    }
    let events = events
        .into_iter()
        .map(|event| {
            let (of, words) = match event.what {
                EntityEventKind::Created => (icon::ADD, "Came into the catalog"),
                EntityEventKind::Updated if event.changes.iter().any(|change| change.field == "note") => {
                    (icon::TEAM, "Moved to another owner")
                }
                EntityEventKind::Updated => (icon::EDIT, "Descriptor changed"),
                EntityEventKind::Binned => (icon::DELETE, "Went to the bin: no source described it"),
                EntityEventKind::Restored => (icon::REFRESH, "Came back from the bin"),
            };
            let by = match (event.by, event.source) {
                (Some(by), Some(source)) => format!(" · {by}, from {source}"),
                (Some(by), None) => format!(" · {by}"),
                (None, Some(source)) => format!(" · from {source}"),
                (None, None) => String::new(),
            };
            let title = view! { {words} <span class="muted">{by}</span> }.into_any();
            let changes = event
                .changes
                .into_iter()
                .map(|change| {
                    let value = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
                    let words = match (change.before, change.after) {
                        (None, None) => capitalised(&change.field),
                        (None, Some(note)) if change.field == "note" => note,
                        (before, after) => {
                            format!("{}: {} → {}", capitalised(&change.field), value(before), value(after))
                        }
                    };
                    view! { <li class="small">{words}</li> }
                })
                .collect_view();
            view! {
                <Event at=event.at icon=of title>
                    <ul>{changes}</ul>
                    {event.difference.map(|text| view! { <Difference text /> })}
                </Event>
            }
        })
        .collect_view();
    view! { <Timeline>{events}</Timeline> }.into_any()
}

/// What changed in the descriptor, folded away.
#[component]
fn Difference(text: String) -> impl IntoView {
    let lines = text
        .lines()
        .map(|line| {
            let text = format!("{line}\n");
            match line.as_bytes().first() {
                Some(b'+') => view! { <ins>{text}</ins> }.into_any(),
                Some(b'-') => view! { <del>{text}</del> }.into_any(),
                Some(b'@') => view! { <span class="muted">{format!("⋯{}\n", &line[1..])}</span> }.into_any(),
                _ => text.into_any(),
            }
        })
        .collect_view();
    view! {
        <Fold label="What changed in the descriptor">
            <pre class="difference" tabindex="0" role="region" aria-label="What changed in the descriptor">
                {lines}
            </pre>
        </Fold>
    }
}

/// A tier that is a bare number or letter says what it is.
pub(super) fn in_words(tier: &str) -> String {
    if tier.chars().count() <= 2 { format!("Tier {tier}") } else { tier.to_owned() }
}
