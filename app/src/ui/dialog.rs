//! A question over the page. It opens without script, as a popover that a button names.

use leptos::prelude::*;

use super::{
    button::{Button, Weight},
    field::TextField,
    form::{Form, FormActions},
    icon::{self, Icon},
};

/// Opened by `<Button opens=id>`; Escape, a click beside it and its own button close it.
#[component]
pub fn Dialog(id: &'static str, #[prop(into)] title: String, children: Children) -> impl IntoView {
    let title_id = format!("{id}-title");
    view! {
        <div class="dialog" id=id popover="auto" role="dialog" tabindex="-1" autofocus=true aria-labelledby=title_id>
            <div class="dialog-head">
                <h2 id=title_id.clone()>{title}</h2>
                <button
                    class="button button-quiet button-icon"
                    type="button"
                    popovertarget=id
                    popovertargetaction="hide"
                    aria-label="Close"
                >
                    <Icon of=icon::CLOSE />
                </button>
            </div>
            {children()}
        </div>
    }
}

pub fn samples() -> impl IntoView {
    view! {
        <Button opens="tear-down" weight=Weight::Danger>"Tear down billing-dev"</Button>
        <Dialog id="tear-down" title="Tear down billing-dev?">
            <p class="muted mb-4">
                "The database and its 1.2 GB of data are removed for good. Three people used it in the last hour."
            </p>
            <Form action="/dev/ui" name="tear-down-form">
                <TextField name="confirm" label="Type billing-dev to confirm" autocomplete="off" />
                <FormActions>
                    <Button weight=Weight::Danger>"Tear down"</Button>
                </FormActions>
            </Form>
        </Dialog>
    }
}
