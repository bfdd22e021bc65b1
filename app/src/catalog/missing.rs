//! The address of an entity that is not there: who names it.

use leptos::prelude::*;
use model::{EntityRef, Kind};
use portal::{Error, catalog};

use super::detail::RelationTable;
use crate::{
    backend::{Answer, Cx, Failure, Head},
    ui::{
        Tone,
        badge::Status,
        page_head::{PageHead, Section},
    },
};

/// In place of `failure`, where others that the reader may see name the entity. It says the same whether there is none or
/// one that the reader may not see.
pub async fn page(cx: &Cx, (kind, namespace, name): (String, String, String), failure: Failure) -> Answer {
    if !failure.is_not_found() {
        return Err(failure);
    }
    let kind: Kind = kind.parse().map_err(|_| Error::NotFound("catalog entity"))?;
    let reference = EntityRef::new(kind, &namespace, &name);
    let naming = catalog::naming(&mut cx.portal.snapshot(&cx.actor).await?, &reference).await?;
    if naming.is_empty() {
        return Err(failure);
    }
    let head = Head::new(reference.name.clone()).under("Catalog", "/catalog");
    cx.missing_page(head, move || {
        let state = view! { <Status tone=Tone::Attention>"Not found"</Status> };
        view! {
            <PageHead title=reference.name.clone() state=state.into_any() />
            <p>
                "There is no " <code class="code-inline">{reference.to_string()}</code>
                " that you may see. These name it; a descriptor of it, or another name there, mends that."
            </p>
            <Section title="Who names it">
                <RelationTable relations=naming />
            </Section>
        }
    })
}
