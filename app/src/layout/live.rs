//! The island that keeps [`Live`](crate::ui::live::Live) parts of a page up to date.
//!
//! It listens to `GET /live?since=…&topic=…` (server-sent events) for every topic that the page names in `data-live`,
//! since the moment at which the page was made. An event's data is the topic that changed, or `*` where the server
//! cannot tell what was missed. An event carries no content: the page is fetched again, so that what is shown is always
//! what this person may see.

use leptos::prelude::*;

#[island]
pub fn Listener(mark: String) -> impl IntoView {
    #[cfg(feature = "hydrate")]
    ears::listen(&mark);
    #[cfg(not(feature = "hydrate"))]
    drop(mark);
    view! { <span hidden=true></span> }
}

#[cfg(feature = "hydrate")]
mod ears {
    use std::{cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

    use leptos::{
        __reexports::wasm_bindgen_futures::JsFuture,
        leptos_dom::helpers::set_timeout,
        task::spawn_local,
        wasm_bindgen::{JsCast, JsValue, closure::Closure},
    };
    use web_sys::{
        Document, DomParser, Element, EventSource, Headers, HtmlElement, MessageEvent, RequestInit, RequestRedirect,
        Response, SupportedType,
    };

    /// Changes come in bursts; one fetch shows them all.
    const GATHER: Duration = Duration::from_millis(150);
    const EVERYTHING: &str = "*";

    pub fn listen(mark: &str) {
        let topics: BTreeSet<String> = parts().iter().filter_map(|part| part.get_attribute("data-live")).collect();
        if topics.is_empty() {
            return;
        }
        let topics: String = topics.iter().map(|topic| format!("&topic={}", super::super::encoded(topic))).collect();
        let Ok(source) = EventSource::new(&format!("/live?since={mark}{topics}")) else { return };

        let waiting = Rc::new(RefCell::new(BTreeSet::new()));
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let Some(topic) = event.data().as_string() else { return };
            let is_first = waiting.borrow().is_empty();
            waiting.borrow_mut().insert(topic);
            if is_first {
                let waiting = Rc::clone(&waiting);
                set_timeout(move || refresh(waiting.take()), GATHER);
            }
        });
        source.set_onmessage(Some(on_message.as_ref().unchecked_ref()));

        // What happened while the connection was gone is not told again.
        let mut was_open = false;
        let on_open = Closure::<dyn FnMut()>::new(move || {
            if std::mem::replace(&mut was_open, true) {
                refresh(BTreeSet::from([EVERYTHING.to_owned()]));
            }
        });
        source.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        on_message.forget();
        on_open.forget();
    }

    fn refresh(topics: BTreeSet<String>) {
        spawn_local(async move {
            // The server is away or the session has ended: the page stays as it is, the next event tries again.
            let Some(fresh) = fetch_page().await else { return };
            for part in parts() {
                let topic = part.get_attribute("data-live").unwrap_or_default();
                if (topics.contains(EVERYTHING) || topics.contains(&topic))
                    && let Some(new) = fresh.get_element_by_id(&part.id())
                {
                    take_over(&part, &new);
                }
            }
        });
    }

    /// The page as it is now; fetching it says that nobody pressed anything.
    async fn fetch_page() -> Option<Document> {
        let window = web_sys::window()?;
        let headers = Headers::new().ok()?;
        headers.set("rampart-live", "1").ok()?;
        let request = RequestInit::new();
        request.set_headers(&headers);
        // A session that has ended leads to the sign-in, which is not for a script to follow.
        request.set_redirect(RequestRedirect::Manual);
        let address = window.location().href().ok()?;
        let response: Response =
            JsFuture::from(window.fetch_with_str_and_init(&address, &request)).await.ok()?.dyn_into().ok()?;
        if !response.ok() {
            return None;
        }
        let html: JsValue = JsFuture::from(response.text().ok()?).await.ok()?;
        DomParser::new().ok()?.parse_from_string(&html.as_string()?, SupportedType::TextHtml).ok()
    }

    /// Replaces what is inside, unless it is the same or somebody is typing there; the focus stays where it was.
    fn take_over(part: &Element, new: &Element) {
        const FOCUSABLE: &str = "a[href], button, summary";
        let html = new.inner_html();
        if html == part.inner_html() {
            return;
        }
        let active = part.owner_document().and_then(|document| document.active_element());
        let active = active.filter(|active| part.contains(Some(active)));
        if active.as_ref().is_some_and(|active| active.matches("input, textarea, select").unwrap_or(false)) {
            return;
        }
        let at = active.and_then(|active| {
            let all = part.query_selector_all(FOCUSABLE).ok()?;
            (0..all.length()).find(|&at| all.get(at).is_some_and(|node| node.is_same_node(Some(&active))))
        });
        part.set_inner_html(&html);
        let focus = at
            .and_then(|at| part.query_selector_all(FOCUSABLE).ok()?.get(at))
            .and_then(|node| node.dyn_into::<HtmlElement>().ok());
        if let Some(focus) = focus {
            // An element that cannot take the focus leaves it on the page, as a reload would.
            let _ = focus.focus();
        }
    }

    fn parts() -> Vec<Element> {
        let Some(document) = web_sys::window().and_then(|window| window.document()) else { return Vec::new() };
        let Ok(found) = document.query_selector_all("[data-live][id]") else { return Vec::new() };
        (0..found.length()).filter_map(|at| found.get(at)?.dyn_into().ok()).collect()
    }
}
