//! The keyboard: the command palette, the list of shortcuts, and the keys that work on every page.
//!
//! Without script the search form in the bar does the same work; with it, Ctrl/Cmd-K and `/` open the palette, `?`
//! lists the shortcuts, `j` and `k` walk a list, `a` and `d` press what a page marks with `data-key`.

use leptos::{ev, html, prelude::*};
use serde::Deserialize;

/// What `GET /search/suggest?q=` answers, one for each thing found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Suggestion {
    pub title: String,
    /// What it is, in a word: Service, Team, Page.
    pub kind: String,
    pub href: String,
    /// Tells it from others of the same name.
    #[serde(default)]
    pub hint: String,
}

/// The shortcuts, as the dialog behind `?` lists them.
const SHORTCUTS: &[(&str, &[&str])] = &[
    ("Search and go to", &["Ctrl", "K"]),
    ("Search", &["/"]),
    ("Next and previous in a list", &["j", "k"]),
    ("Open what is selected", &["Enter"]),
    ("Approve", &["a"]),
    ("Decline", &["d"]),
    ("This list", &["?"]),
    ("Close", &["Esc"]),
];

#[island]
pub fn Palette() -> impl IntoView {
    let palette = NodeRef::<html::Dialog>::new();
    let shortcuts = NodeRef::<html::Dialog>::new();
    let input = NodeRef::<html::Input>::new();
    let query = RwSignal::new(String::new());
    let found = RwSignal::new(Vec::<Suggestion>::new());
    let chosen = RwSignal::new(0_usize);

    #[cfg(feature = "hydrate")]
    hands::listen(palette, shortcuts, input);
    #[cfg(feature = "hydrate")]
    hands::suggest_while_typing(query, found, chosen);

    let choose = move |event: ev::KeyboardEvent| {
        let count = found.with(Vec::len);
        match event.key().as_str() {
            "ArrowDown" if count > 0 => chosen.update(|at| *at = (*at + 1) % count),
            "ArrowUp" if count > 0 => chosen.update(|at| *at = (*at + count - 1) % count),
            "Enter" => {
                let href = found.with(|found| found.get(chosen.get()).map(|suggestion| suggestion.href.clone()));
                // Nothing to go to: the form searches for what was typed.
                let Some(href) = href else { return };
                if let Some(window) = web_sys::window() {
                    // A browser that refuses to go on leaves the palette open, which says enough.
                    let _ = window.location().set_href(&href);
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    let options = move || {
        found
            .get()
            .into_iter()
            .enumerate()
            .map(|(at, suggestion)| {
                let Suggestion { title, kind, href, hint } = suggestion;
                view! {
                    <li
                        class="palette-option"
                        role="option"
                        id=format!("palette-{at}")
                        aria-selected=move || if chosen.get() == at { "true" } else { "false" }
                        on:mousemove=move |_| chosen.set(at)
                        on:click=move |_| {
                            if let Some(window) = web_sys::window() {
                                let _ = window.location().set_href(&href);
                            }
                        }
                    >
                        <span>{title}</span>
                        <span class="muted small cut">{hint}</span>
                        <span class="palette-kind">{kind}</span>
                    </li>
                }
            })
            .collect_view()
    };
    let active = move || found.with(|found| (!found.is_empty()).then(|| format!("palette-{}", chosen.get())));
    let note = move || {
        let count = found.with(Vec::len);
        match (query.with(String::is_empty), count) {
            (true, _) => "Type a name: a service, a team, a person, an environment, a finding.".to_owned(),
            (false, 0) => "Nothing by that name yet. Enter searches everything.".to_owned(),
            (false, 1) => "1 result".to_owned(),
            (false, count) => format!("{count} results"),
        }
    };

    view! {
        <dialog class="palette" node_ref=palette aria-label="Search and go to">
            <form action="/search">
                <input
                    class="palette-input"
                    node_ref=input
                    name="q"
                    autocomplete="off"
                    spellcheck="false"
                    placeholder="Search or go to…"
                    role="combobox"
                    aria-label="Search and go to"
                    aria-controls="palette-list"
                    aria-autocomplete="list"
                    aria-expanded=move || if found.with(Vec::is_empty) { "false" } else { "true" }
                    aria-activedescendant=active
                    prop:value=query
                    on:input=move |event| query.set(event_target_value(&event))
                    on:keydown=choose
                />
            </form>
            <ul class="palette-list" id="palette-list" role="listbox" aria-label="Results">{options}</ul>
            <p class="palette-note" role="status">{note}</p>
        </dialog>
        <dialog class="dialog" node_ref=shortcuts aria-labelledby="shortcuts-title">
            <form method="dialog" class="dialog-head">
                <h2 id="shortcuts-title">"Keyboard shortcuts"</h2>
                <button class="button button-quiet">"Close"</button>
            </form>
            <dl class="shortcuts">
                {SHORTCUTS
                    .iter()
                    .map(|(what, keys)| {
                        view! {
                            <dt>{*what}</dt>
                            <dd>{keys.iter().map(|key| view! { <kbd>{*key}</kbd> " " }).collect_view()}</dd>
                        }
                    })
                    .collect_view()}
            </dl>
        </dialog>
    }
}

/// What only a browser can do: listen to keys, ask the server.
#[cfg(feature = "hydrate")]
mod hands {
    use std::time::Duration;

    use leptos::{
        __reexports::wasm_bindgen_futures::JsFuture,
        ev, html,
        leptos_dom::helpers::{TimeoutHandle, set_timeout_with_handle, window_event_listener},
        prelude::*,
        task::spawn_local,
        wasm_bindgen::{JsCast, JsValue},
    };
    use web_sys::{Document, Element, HtmlElement, NodeList, Response};

    use super::Suggestion;

    /// Long enough that fast typing asks once, short enough to feel immediate.
    const PAUSE_BEFORE_ASKING: Duration = Duration::from_millis(120);

    pub fn listen(palette: NodeRef<html::Dialog>, shortcuts: NodeRef<html::Dialog>, input: NodeRef<html::Input>) {
        let open_palette = move || {
            if let (Some(dialog), Some(input)) = (palette.get_untracked(), input.get_untracked()) {
                if !dialog.open() {
                    let _ = dialog.show_modal();
                }
                input.select();
            }
        };
        window_event_listener(ev::keydown, move |event| {
            let Some(document) = web_sys::window().and_then(|window| window.document()) else { return };
            let key = event.key();
            if key.eq_ignore_ascii_case("k") && (event.ctrl_key() || event.meta_key()) {
                event.prevent_default();
                return open_palette();
            }
            if key == "Escape" {
                return close_menus(&document, None);
            }
            let step = match key.as_str() {
                "ArrowDown" => 1,
                "ArrowUp" => -1,
                _ => 0,
            };
            if step != 0 && step_in_menu(&document, step) {
                return event.prevent_default();
            }
            let is_typing = document
                .active_element()
                .is_some_and(|element| element.matches("input, textarea, select, [contenteditable]").unwrap_or(false));
            let is_over = document.query_selector("dialog[open]").ok().flatten().is_some();
            if is_typing || is_over || event.ctrl_key() || event.meta_key() || event.alt_key() {
                return;
            }
            let done = match key.as_str() {
                "/" => {
                    open_palette();
                    true
                }
                "?" => shortcuts.get_untracked().is_some_and(|dialog| dialog.show_modal().is_ok()),
                "j" => walk(&document, 1),
                "k" => walk(&document, -1),
                _ => press(&document, &key),
            };
            if done {
                event.prevent_default();
            }
        });
        window_event_listener(ev::click, move |event| {
            let Some(document) = web_sys::window().and_then(|window| window.document()) else { return };
            let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
            if target.as_ref().is_some_and(|target| target.matches("dialog").unwrap_or(false)) {
                // A click on the backdrop has the dialog itself as its target.
                for dialog in [palette, shortcuts] {
                    if let Some(dialog) = dialog.get_untracked() {
                        dialog.close();
                    }
                }
            }
            close_menus(&document, target.as_ref());
        });
    }

    /// Asks for suggestions a moment after the last letter, and keeps only the answer to the last question.
    pub fn suggest_while_typing(query: RwSignal<String>, found: RwSignal<Vec<Suggestion>>, chosen: RwSignal<usize>) {
        let waiting = StoredValue::new(None::<TimeoutHandle>);
        Effect::new(move |_| {
            let asked = query.get();
            if let Some(handle) = waiting.get_value() {
                handle.clear();
            }
            if asked.trim().is_empty() {
                found.set(Vec::new());
                return;
            }
            let ask = move || {
                spawn_local(async move {
                    let suggestions = fetch(&asked).await.unwrap_or_default();
                    if query.get_untracked() == asked {
                        chosen.set(0);
                        found.set(suggestions);
                    }
                });
            };
            waiting.set_value(set_timeout_with_handle(ask, PAUSE_BEFORE_ASKING).ok());
        });
    }

    /// Nothing where the server does not answer: the form still searches.
    async fn fetch(query: &str) -> Option<Vec<Suggestion>> {
        let address = format!("/search/suggest?q={}", super::super::encoded(query));
        let promise = web_sys::window()?.fetch_with_str(&address);
        let response: Response = JsFuture::from(promise).await.ok()?.dyn_into().ok()?;
        if !response.ok() {
            return None;
        }
        let text: JsValue = JsFuture::from(response.text().ok()?).await.ok()?;
        serde_json::from_str(&text.as_string()?).ok()
    }

    /// Moves the focus within the open menu that has it; not where there is none.
    fn step_in_menu(document: &Document, step: i32) -> bool {
        let Some(active) = document.active_element() else { return false };
        let Ok(Some(menu)) = active.closest("details.menu[open]") else { return false };
        let items = elements(menu.query_selector_all(".menu-sheet :is(a[href], button)").ok());
        step_focus(&items, Some(&active), step)
    }

    /// Moves the focus to the next or previous row of the page's list.
    fn walk(document: &Document, step: i32) -> bool {
        step_focus(&elements(document.query_selector_all(".row-link").ok()), document.active_element().as_ref(), step)
    }

    fn elements(nodes: Option<NodeList>) -> Vec<HtmlElement> {
        let Some(nodes) = nodes else { return Vec::new() };
        (0..nodes.length()).filter_map(|at| nodes.get(at)?.dyn_into().ok()).collect()
    }

    /// From `active` to the next of `all` or the one before; to the first where `active` is none of them.
    fn step_focus(all: &[HtmlElement], active: Option<&Element>, step: i32) -> bool {
        let at = all.iter().position(|one| active.is_some_and(|active| one.is_same_node(Some(active))));
        let next = match at {
            None => 0,
            Some(at) if step > 0 => (at + 1).min(all.len().saturating_sub(1)),
            Some(at) => at.saturating_sub(1),
        };
        all.get(next).is_some_and(|one| one.focus().is_ok())
    }

    /// Presses what the page offers for a key: `<button data-key="a">`.
    fn press(document: &Document, key: &str) -> bool {
        if key.len() != 1 || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return false;
        }
        let offered = document.query_selector(&format!("[data-key='{key}']")).ok().flatten();
        match offered.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
            Some(element) => {
                element.click();
                true
            }
            None => false,
        }
    }

    /// Closes each open menu that `keep` is not inside of.
    fn close_menus(document: &Document, keep: Option<&Element>) {
        let Ok(menus) = document.query_selector_all("details.menu[open]") else { return };
        for at in 0..menus.length() {
            let Some(menu) = menus.get(at) else { continue };
            if keep.is_some_and(|keep| menu.contains(Some(keep))) {
                continue;
            }
            if let Ok(menu) = menu.dyn_into::<Element>() {
                let had_focus = document.active_element().is_some_and(|active| menu.contains(Some(&active)));
                let _ = menu.remove_attribute("open");
                let summary = menu.query_selector("summary").ok().flatten();
                if let (true, Some(Ok(summary))) =
                    (had_focus && keep.is_none(), summary.map(JsCast::dyn_into::<HtmlElement>))
                {
                    let _ = summary.focus();
                }
            }
        }
    }
}
