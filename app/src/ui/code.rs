//! Code, configuration and identifiers.

use leptos::prelude::*;

/// Several lines; `label` names them for a screen reader.
#[component]
pub fn CodeBlock(#[prop(into)] label: String, #[prop(into)] code: String) -> impl IntoView {
    view! {
        <pre class="code" tabindex="0" role="region" aria-label=label>
            <code>{code}</code>
        </pre>
    }
}

/// An identifier within a text.
#[component]
pub fn Code(#[prop(into)] code: String) -> impl IntoView {
    view! { <code class="code-inline">{code}</code> }
}

pub fn samples() -> impl IntoView {
    view! {
        <CodeBlock
            label="Descriptor"
            code="apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: billing-api\n  description: a line that goes on and on, beyond what fits on a phone, so that it scrolls on its own\n"
        />
        <p class="mt-3">"The field " <Code code="spec.owner" /> " names no team of the catalog."</p>
    }
}
