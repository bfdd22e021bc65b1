//! The document around a page: its head, and the loader that wakes islands on the pages that have any.

use leptos::prelude::*;

use super::chrome::Chrome;
use crate::backend::{Cx, Head, Site};

/// Renders the whole document; called with the page's owner and context in place.
pub fn document(cx: &Cx, head: &Head, body: impl FnOnce() -> AnyView) -> String {
    let body = body().to_html();
    let loader = body.contains("<leptos-island").then(|| loader(&cx.site));
    let Chrome { theme, .. } = &cx.chrome;
    let Site { style, font, icon, script, .. } = cx.site.as_ref().clone();
    let nonce = cx.nonce.to_string();
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
    let theme = theme.map(|theme| format!(" data-theme=\"{}\"", theme.as_str())).unwrap_or_default();
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
