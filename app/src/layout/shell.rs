//! The document around a page: its head, and the loader that wakes islands on the pages that have any.

use leptos::prelude::*;

use super::chrome::Chrome;
use crate::backend::{Head, Site};

/// Renders the whole document; called with the page's owner and context in place.
pub fn document(chrome: &Chrome, site: &Site, nonce: &str, head: &Head, body: impl FnOnce() -> AnyView) -> String {
    let body = body().to_html();
    let loader = body.contains("<leptos-island").then(|| loader(site));
    let Site { style, font, icon, script, .. } = site.clone();
    let nonce = nonce.to_owned();
    let title = std::iter::once(head.title.as_str())
        .chain(head.crumbs.iter().rev().map(|(name, _)| name.as_str()))
        .chain(["Rampart"])
        .collect::<Vec<_>>()
        .join(" · ");

    let head = view! {
        <head>
            <meta charset="utf-8" />
            <meta name="viewport" content="width=device-width, initial-scale=1" />
            <meta name="color-scheme" content="light dark" />
            <title>{title}</title>
            <link rel="preload" href=font r#as="font" r#type="font/woff2" crossorigin="anonymous" />
            <link rel="stylesheet" href=style />
            <link rel="icon" href=icon r#type="image/svg+xml" />
            {loader
                .map(|loader| {
                    view! {
                        <link rel="modulepreload" href=script nonce=nonce.clone() />
                        <script type="module" nonce=nonce inner_html=loader></script>
                    }
                })}
        </head>
    };
    let theme = chrome.theme.map(|theme| format!(" data-theme=\"{}\"", theme.as_str())).unwrap_or_default();
    format!("<!DOCTYPE html><html lang=\"en\"{theme}>{}<body>{body}</body></html>", head.to_html())
}

/// Once the browser is idle: fetch the module, then hand each island element to the function that it names.
/// It also leaves the browser's time zone for the next page to be formatted in.
///
/// Islands do not nest, so the order in which they wake does not matter.
fn loader(site: &Site) -> String {
    let Site { script, wasm, .. } = site;
    format!(
        "const wake=async()=>{{\
            const m=await import({script:?});\
            await m.default({{module_or_path:{wasm:?}}});\
            m.hydrate();\
            document.querySelectorAll('leptos-island').forEach(i=>m[i.dataset.component](i));\
            document.documentElement.dataset.awake='';\
        }};\
        (self.requestIdleCallback||setTimeout)(wake);\
        const zone=Intl.DateTimeFormat().resolvedOptions().timeZone;\
        if(zone)document.cookie='zone='+encodeURIComponent(zone)+';path=/;max-age=31536000;samesite=lax'"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use leptos::reactive::owner::Owner;
    use time::OffsetDateTime;

    use super::*;
    use crate::layout::{chrome::Theme, palette::Palette};

    fn rendered(chrome: &Chrome, title: &str, body: impl FnOnce() -> AnyView) -> String {
        let site = Site { script: "/pkg/a.js".into(), wasm: "/pkg/a.wasm".into(), ..Site::default() };
        let owner = Owner::new_root(Some(Arc::new(hydration_context::SsrSharedContext::new_islands())));
        let html =
            owner.with(|| document(chrome, &site, "n0nce", &Head::new(title).under("Catalog", "/catalog"), body));
        owner.unset_with_forced_cleanup();
        html
    }

    fn signed_out() -> Chrome {
        Chrome::signed_out(OffsetDateTime::UNIX_EPOCH, "/")
    }

    #[test]
    fn a_page_without_islands_loads_no_script() {
        let html = rendered(&signed_out(), "billing", || view! { <p>"billing"</p> }.into_any());
        assert!(!html.contains("<script") && !html.contains("wasm"), "{html}");
    }

    #[test]
    fn every_script_of_a_page_carries_the_nonce() {
        let html = rendered(&signed_out(), "billing", || view! { <Palette /> }.into_any());
        assert!(html.contains("/pkg/a.wasm"));
        assert_eq!(html.matches("<script").count(), html.matches("nonce=\"n0nce\">const wake").count(), "{html}");
    }

    #[test]
    fn a_name_cannot_become_markup() {
        let html = rendered(&signed_out(), "</title><script>", || view! { <p>{"<b>"}</p> }.into_any());
        assert!(!html.contains("<script>") && !html.contains("<b>"), "{html}");
        assert!(html.contains("Catalog · Rampart"));
    }

    #[test]
    fn a_chosen_theme_is_on_the_document_and_the_systems_is_not() {
        let mut chrome = signed_out();
        assert!(rendered(&chrome, "x", || ().into_any()).contains("<html lang=\"en\">"));
        chrome.theme = Some(Theme::Dark);
        assert!(rendered(&chrome, "x", || ().into_any()).contains("<html lang=\"en\" data-theme=\"dark\">"));
    }
}
