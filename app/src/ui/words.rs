//! Words that begin small in the domain, as they stand on a page.

/// With a capital first letter.
#[must_use]
pub fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// As a sentence of its own: an error, say, that begins small and ends without a full stop.
#[must_use]
pub fn sentence(text: &str) -> String {
    let text = capitalised(text);
    if text.is_empty() || text.ends_with(['.', '?', '!']) { text } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_becomes_one_sentence() {
        assert_eq!(sentence("that name is taken"), "That name is taken.");
        assert_eq!(sentence("Is it?"), "Is it?");
        assert_eq!(sentence("élan"), "Élan.");
        assert_eq!(sentence(""), "");
    }
}
