//! What else one can do: a sheet of links and buttons behind one button, open and shut without script.

use leptos::prelude::*;

use super::icon::{self, Icon};

/// Children are elements of class `menu-item`: links, or buttons of a form.
#[component]
pub fn Menu(
    /// The name of the button.
    #[prop(into)]
    label: String,
    /// What the button shows instead of three dots.
    #[prop(optional, into)]
    face: Option<AnyView>,
    /// Without a border.
    #[prop(optional)]
    quiet: bool,
    /// Opens towards the right.
    #[prop(optional)]
    start: bool,
    children: Children,
) -> impl IntoView {
    let face = face.unwrap_or_else(|| view! { <Icon of=icon::MORE /> }.into_any());
    view! {
        <details class=if start { "menu menu-start" } else { "menu" }>
            <summary
                class=if quiet { "button button-quiet button-icon" } else { "button button-secondary button-icon" }
                title=label
            >
                {face}
                <span class="only-spoken">{label.clone()}</span>
            </summary>
            <div class="menu-sheet">{children()}</div>
        </details>
    }
}

#[component]
pub fn MenuLink(
    #[prop(into)] href: String,
    #[prop(optional_no_strip)] icon: Option<icon::Icon>,
    children: Children,
) -> impl IntoView {
    view! {
        <a class="menu-item" href=href>
            {icon.map(|of| view! { <Icon of /> })}
            {children()}
        </a>
    }
}

/// A button of the form around it, or of `form` by its id.
#[component]
pub fn MenuButton(
    #[prop(optional_no_strip)] icon: Option<icon::Icon>,
    #[prop(optional, into)] name: Option<String>,
    #[prop(optional, into)] value: Option<String>,
    /// The id of a dialog to open instead.
    #[prop(optional, into)]
    opens: Option<String>,
    #[prop(optional)] danger: bool,
    children: Children,
) -> impl IntoView {
    view! {
        <button
            class=if danger { "menu-item menu-item-danger" } else { "menu-item" }
            type=if opens.is_some() { "button" } else { "submit" }
            name=name
            value=value
            popovertarget=opens
        >
            {icon.map(|of| view! { <Icon of /> })}
            {children()}
        </button>
    }
}

pub fn samples() -> impl IntoView {
    view! {
        <Menu label="More about billing-dev" start=true>
            <MenuLink href="#" icon=Some(icon::EDIT)>"Change what it is for"</MenuLink>
            <MenuLink href="#" icon=Some(icon::DOWNLOAD)>"Export as CSV"</MenuLink>
            <div class="menu-line"></div>
            <MenuButton icon=Some(icon::DELETE) danger=true opens="tear-down">"Tear down…"</MenuButton>
        </Menu>
    }
}
