//! Something that is there when it is wanted: opens and closes without script.

use leptos::prelude::*;

use super::icon::{self, Icon};

#[component]
pub fn Fold(#[prop(into)] label: String, #[prop(optional)] open: bool, children: Children) -> impl IntoView {
    view! {
        <details class="fold" open=open>
            <summary>
                <Icon of=icon::NEXT />
                {label}
            </summary>
            {children()}
        </details>
    }
}

pub fn samples() -> impl IntoView {
    view! {
        <Fold label="Descriptor as it was read">
            <p>"apiVersion, kind, metadata and spec."</p>
        </Fold>
    }
}
