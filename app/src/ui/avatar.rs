//! A person as two letters on a colour of their own; no picture is ever fetched from elsewhere.

use leptos::prelude::*;

#[component]
pub fn Avatar(#[prop(into)] name: String, #[prop(optional)] large: bool) -> impl IntoView {
    let size = if large { " avatar-large" } else { "" };
    let class = format!("avatar avatar-{}{size}", colour(&name));
    view! { <span class=class aria-hidden="true">{initials(&name)}</span> }
}

/// The first letters of the first and the last word.
fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().find(|letter| letter.is_alphanumeric()));
    let first = words.next();
    first.into_iter().chain(words.next_back()).flat_map(char::to_uppercase).collect()
}

/// One of the five colours; the same for the same name.
fn colour(name: &str) -> u32 {
    1 + name.chars().fold(0_u32, |sum, letter| sum.wrapping_mul(31).wrapping_add(u32::from(letter))) % 5
}

pub fn samples() -> impl IntoView {
    let names = ["Ada Lovelace", "Grace Hopper", "Barbara Liskov", "Émilie du Châtelet", "王小明", "root"];
    view! {
        <div class="flex flex-wrap items-center gap-3">
            {names.map(|name| view! { <Avatar name large=true /> }).collect_view()}
            {names.map(|name| view! { <Avatar name /> }).collect_view()}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_of_the_first_and_the_last_name() {
        assert_eq!(initials("Émilie du Châtelet"), "ÉC");
        assert_eq!(initials("root"), "R");
        assert_eq!(initials("  "), "");
    }
}
