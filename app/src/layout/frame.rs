//! The frame around a page: navigation at the left, the bar with the way here, search and the person, and the footer.

use leptos::prelude::*;

use super::{
    chrome::{Chrome, Group, Person, Section, Theme},
    live::Listener,
    palette::Palette,
};
use crate::{
    backend::Head,
    ui::{avatar::Avatar, breadcrumb::Breadcrumb, flash::Notice, icon, icon::Icon, menu::Menu},
};

/// The frame with a page in it.
#[component]
pub fn Frame(head: Head, children: Children) -> impl IntoView {
    let chrome = use_context::<Chrome>().expect("the frame is shown with a chrome");
    let content_class = if head.wide { "content content-wide" } else { "content" };
    let frame_class = if chrome.folded { "frame frame-folded" } else { "frame" };
    let flash = chrome.flash.clone();

    if chrome.person.is_none() {
        return view! {
            <a class="skip-link" href="#main">"Skip to content"</a>
            {chrome.evaluation.then(evaluation)}
            <header class="bar">
                <Brand />
                <div class="bar-end">
                    <a class="button button-secondary" href=sign_in_href(&chrome)>"Sign in"</a>
                </div>
            </header>
            <main id="main" class=content_class tabindex="-1">
                {flash.map(|flash| view! { <Notice tone=flash.tone>{flash.text}</Notice> })}
                {children()}
            </main>
        }
        .into_any();
    }

    view! {
        <a class="skip-link" href="#main">"Skip to content"</a>
        <div class=frame_class>
            <Navigation chrome=chrome.clone() />
            <div class="frame-main">
                {chrome.evaluation.then(evaluation)}
                <Bar chrome=chrome.clone() head />
                <main id="main" class=content_class tabindex="-1">
                    {flash.map(|flash| view! { <Notice tone=flash.tone>{flash.text}</Notice> })}
                    {children()}
                </main>
                <footer class="footer">
                    <span>"Rampart " {env!("CARGO_PKG_VERSION")}</span>
                    <span>"Times in " {chrome.zone.label()}</span>
                    <a href="/docs/api">"API"</a>
                </footer>
            </div>
        </div>
        <Palette />
        <Listener mark=chrome.mark />
    }
    .into_any()
}

/// A page alone on the screen: before sign-in, and where nothing else should be in the way.
#[component]
pub fn Plain(children: Children) -> impl IntoView {
    let evaluation = use_context::<Chrome>().is_some_and(|chrome| chrome.evaluation).then(evaluation);
    view! {
        {evaluation}
        <main class="plain" id="main">
            <Brand />
            <div class="plain-box">{children()}</div>
        </main>
    }
}

fn evaluation() -> impl IntoView {
    view! {
        <aside class="evaluation" aria-label="Evaluation">
            <Icon of=icon::INFO />
            <span>"This is an evaluation: anyone on this machine can sign in. Do not put real data in it."</span>
        </aside>
    }
}

fn sign_in_href(chrome: &Chrome) -> String {
    format!("/sign-in?return_to={}", crate::backend::percent_encoded(&chrome.address))
}

#[component]
fn Brand() -> impl IntoView {
    view! {
        <a class="nav-brand" href="/">
            <svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true">
                <rect class="brand-ground" width="32" height="32" rx="7" />
                <path class="brand-wall" d="M7 8h4v3h3V8h4v3h3V8h4v7.5c0 4.900-3.600 8.300-9 10.500-5.400-2.200-9-5.600-9-10.500z" />
            </svg>
            <span class="nav-label">"Rampart"</span>
        </a>
    }
}

/// The navigation; a popover on small screens, so that it opens and closes without script.
#[component]
fn Navigation(chrome: Chrome) -> impl IntoView {
    let here = chrome.section();
    let links = |group: Group| {
        chrome
            .sections
            .iter()
            .filter(|section| section.group() == group)
            .map(|&section| {
                let count = if section == Section::Approvals { chrome.approvals } else { 0 };
                let topic = if section == Section::Approvals { chrome.topic.clone() } else { None };
                view! { <NavigationLink section count topic here=here == Some(section) /> }
            })
            .collect_view()
    };
    let administration = chrome.sections.iter().any(|section| section.group() == Group::Administration);
    let everyday = links(Group::Everyday);
    let administrative = links(Group::Administration);
    let return_to = chrome.address.clone();
    let (fold_to, fold_label) = if chrome.folded { ("open", "Show names") } else { ("folded", "Show icons only") };
    view! {
        <nav class="nav" id="nav" popover="auto" aria-label="Main">
            <Brand />
            <ul class="nav-list">{everyday}</ul>
            {administration
                .then(|| {
                    view! {
                        <h2 class="nav-heading">"Administration"</h2>
                        <ul class="nav-list">{administrative}</ul>
                    }
                })}
            <form class="nav-fold" method="post" action="/preferences">
                <input type="hidden" name="return_to" value=return_to />
                <button class="nav-link" name="nav" value=fold_to title=fold_label>
                    <Icon of=icon::FOLD />
                    <span class="nav-label">{fold_label}</span>
                </button>
            </form>
        </nav>
    }
}

#[component]
fn NavigationLink(section: Section, count: u32, topic: Option<String>, here: bool) -> impl IntoView {
    view! {
        <li id=topic.is_some().then(|| format!("nav-{}", section.label().to_lowercase())) data-live=topic>
            <a
                class="nav-link"
                href=section.href()
                aria-current=here.then_some("page")
                title=section.label()
            >
                <Icon of=section.icon() />
                <span class="nav-label">{section.label()}</span>
                {(count > 0)
                    .then(|| {
                        view! {
                            <span class="nav-count">{count} <span class="only-spoken">" waiting"</span></span>
                        }
                    })}
            </a>
        </li>
    }
}

#[component]
fn Bar(chrome: Chrome, head: Head) -> impl IntoView {
    let person = chrome.person.clone();
    view! {
        <header class="bar">
            <button class="button button-quiet button-icon bar-toggle" popovertarget="nav" aria-label="Navigation">
                <Icon of=icon::MENU />
            </button>
            <Breadcrumb crumbs=head.crumbs here=head.title />
            <div class="bar-end">
                <search class="bar-search" aria-label="Everything">
                    <form action="/search">
                        <Icon of=icon::SEARCH />
                        <input class="input" type="search" name="q" placeholder="Search" aria-label="Search" data-palette="" />
                        <kbd aria-hidden="true">"Ctrl K"</kbd>
                    </form>
                    <a class="button button-quiet button-icon bar-search-link" href="/search" aria-label="Search">
                        <Icon of=icon::SEARCH />
                    </a>
                </search>
                <BarLink id="bar-running" href="/running" label="Running" count=chrome.running of=icon::RUNNING />
                <BarLink
                    id="bar-notifications"
                    href="/notifications"
                    label="Notifications"
                    count=chrome.notifications
                    of=icon::BELL
                />
                {person.map(|person| view! { <PersonMenu person theme=chrome.theme address=chrome.address /> })}
            </div>
        </header>
    }
}

/// A link of the bar with a count that changes by itself.
#[component]
fn BarLink(id: &'static str, href: &'static str, label: &'static str, count: u32, of: icon::Icon) -> impl IntoView {
    let topic = use_context::<Chrome>().and_then(|chrome| chrome.topic);
    let name = if count == 0 { label.to_owned() } else { format!("{label}: {count}") };
    let shown = if count > 99 { "99+".to_owned() } else { count.to_string() };
    view! {
        <span id=id data-live=topic aria-live="polite">
            <a class="button button-quiet button-icon" href=href title=label>
                <Icon of />
                <span class="only-spoken">{name}</span>
                {(count > 0).then(|| view! { <span class="bar-dot" aria-hidden="true">{shown}</span> })}
            </a>
        </span>
    }
}

#[component]
fn PersonMenu(person: Person, theme: Option<Theme>, address: String) -> impl IntoView {
    let Person { name, email, href } = person;
    let choices =
        [("light", "Light", Some(Theme::Light)), ("dark", "Dark", Some(Theme::Dark)), ("system", "System", None)]
            .into_iter()
            .map(|(value, label, choice)| {
                let pressed = if theme == choice { "true" } else { "false" };
                view! { <button name="theme" value=value aria-pressed=pressed>{label}</button> }
            })
            .collect_view();
    let label = format!("Account of {name}");
    view! {
        <Menu label quiet=true face=view! { <Avatar name=name.clone() /> }.into_any()>
            <div class="menu-head">
                <div class="cut">{name}</div>
                <div class="cut small muted">{email}</div>
            </div>
            <div class="menu-line"></div>
            <a class="menu-item" href=href>
                <Icon of=icon::PERSON />
                "Your page"
            </a>
            <a class="menu-item" href="/settings">
                <Icon of=icon::SETTINGS />
                "Settings and tokens"
            </a>
            <div class="menu-head">
                <form method="post" action="/preferences">
                    <input type="hidden" name="return_to" value=address />
                    <fieldset>
                        <legend class="small muted">"Theme"</legend>
                        <div class="choices">{choices}</div>
                    </fieldset>
                </form>
            </div>
            <div class="menu-line"></div>
            <form method="post" action="/sign-out">
                <button class="menu-item">
                    <Icon of=icon::SIGN_OUT />
                    "Sign out"
                </button>
            </form>
        </Menu>
    }
}
