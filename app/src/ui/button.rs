//! What is pressed: buttons, and links that look like them. One primary on a page.

use leptos::prelude::*;

use super::icon::{self, Icon};

/// How much a button asks to be pressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weight {
    Primary,
    #[default]
    Secondary,
    Quiet,
    /// What cannot be undone.
    Danger,
}

impl Weight {
    const fn class(self) -> &'static str {
        match self {
            Self::Primary => "button button-primary",
            Self::Secondary => "button button-secondary",
            Self::Quiet => "button button-quiet",
            Self::Danger => "button button-danger",
        }
    }
}

/// A button of a form; its words say what will happen.
#[component]
pub fn Button(
    #[prop(optional)] weight: Weight,
    #[prop(optional_no_strip)] icon: Option<icon::Icon>,
    /// Sent with the form when this button is the one that was pressed.
    #[prop(optional, into)]
    name: Option<String>,
    #[prop(optional, into)] value: Option<String>,
    /// The id of an element with `popover` to open, instead of sending a form.
    #[prop(optional, into)]
    opens: Option<String>,
    /// The letter that presses it from anywhere on the page.
    #[prop(optional, into)]
    key: Option<String>,
    #[prop(optional)] disabled: bool,
    children: Children,
) -> impl IntoView {
    view! {
        <button
            class=weight.class()
            type=if opens.is_some() { "button" } else { "submit" }
            name=name
            value=value
            popovertarget=opens
            disabled=disabled
            data-key=key.clone()
            aria-keyshortcuts=key
        >
            {icon.map(|of| view! { <Icon of /> })}
            {children()}
        </button>
    }
}

/// A link that looks like a button: it leads somewhere and changes nothing.
#[component]
pub fn LinkButton(
    #[prop(into)] href: String,
    #[prop(optional)] weight: Weight,
    #[prop(optional_no_strip)] icon: Option<icon::Icon>,
    children: Children,
) -> impl IntoView {
    view! {
        <a class=weight.class() href=href>
            {icon.map(|of| view! { <Icon of /> })}
            {children()}
        </a>
    }
}

/// A button that is an icon alone; `label` is its name.
#[component]
pub fn IconButton(
    #[prop(into)] label: String,
    icon: icon::Icon,
    #[prop(optional, into)] name: Option<String>,
    #[prop(optional, into)] value: Option<String>,
) -> impl IntoView {
    view! {
        <button class="button button-quiet button-icon" name=name value=value aria-label=label.clone() title=label>
            <Icon of=icon />
        </button>
    }
}

pub fn samples() -> impl IntoView {
    view! {
        <div class="flex flex-wrap items-center gap-2">
            <Button weight=Weight::Primary icon=Some(icon::ADD)>"Request environment"</Button>
            <Button>"Extend by 8 hours"</Button>
            <Button weight=Weight::Quiet>"Not now"</Button>
            <Button weight=Weight::Danger icon=Some(icon::DELETE)>"Tear down billing-dev"</Button>
            <LinkButton href="#" icon=Some(icon::DOWNLOAD)>"Export"</LinkButton>
            <IconButton label="Refresh" icon=icon::REFRESH />
            <Button disabled=true>"Waits for the platform team"</Button>
        </div>
    }
}
