//! The title line of a page: what this is, its state in words, and what one can do.

use leptos::prelude::*;

use super::{
    Tone,
    badge::Status,
    button::{LinkButton, Weight},
    icon,
    menu::{Menu, MenuLink},
    thing::{Kind, Thing},
};

/// `state` says in words how it stands; `actions` has one primary button and a menu for the rest.
#[component]
pub fn PageHead(
    #[prop(into)] title: String,
    #[prop(optional, into)] state: Option<AnyView>,
    #[prop(optional, into)] actions: Option<AnyView>,
) -> impl IntoView {
    view! {
        <div class="page-head">
            <div class="page-head-text">
                <h1>{title}</h1>
                {state.map(|state| view! { <div class="page-state">{state}</div> })}
            </div>
            {actions.map(|actions| view! { <div class="page-actions">{actions}</div> })}
        </div>
    }
}

/// A part of a page with its title; `more` stands at the title's right.
#[component]
pub fn Section(
    #[prop(into)] title: String,
    #[prop(optional, into)] more: Option<AnyView>,
    children: Children,
) -> impl IntoView {
    view! {
        <section class="section">
            <div class="section-head">
                <h2>{title}</h2>
                {more}
            </div>
            {children()}
        </section>
    }
}

pub fn samples() -> impl IntoView {
    view! {
        <PageHead
            title="billing-api"
            state=view! {
                <Status tone=Tone::Wrong>"3 critical findings, oldest 41 days"</Status>
                <Thing kind=Kind::Team name="payments" href="#" />
            }
                .into_any()
            actions=view! {
                <LinkButton href="#" weight=Weight::Primary>
                    "Request environment"
                </LinkButton>
                <Menu label="More about billing-api">
                    <MenuLink href="#" icon=Some(icon::EDIT)>
                        "Edit descriptor"
                    </MenuLink>
                </Menu>
            }
                .into_any()
        />
    }
}
