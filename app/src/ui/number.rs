//! Numbers as a page shows them.

/// `12,431`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 finding`, `12,431 findings`.
#[must_use]
pub fn counted(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {many}", grouped(number)) }
}

/// `87 %`; a dash where nothing was counted.
#[must_use]
pub fn share(percent: Option<impl std::fmt::Display>) -> String {
    percent.map_or_else(|| "–".to_owned(), |percent| format!("{percent} %"))
}

/// `87 %` without pretending to a precision that is not there; never 100 % before all are, never 0 % while one is.
#[must_use]
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return share(None::<u64>);
    }
    let rounded = (part * 100 + whole / 2) / whole;
    let shown = match rounded {
        100.. if part < whole => 99,
        0 if part > 0 => 1,
        rounded => rounded,
    };
    share(Some(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([0, 999, 1_000, 12_431, 1_000_000].map(grouped), ["0", "999", "1,000", "12,431", "1,000,000"]);
    }

    #[test]
    fn a_percentage_is_whole_only_when_everything_is() {
        assert_eq!(percent(999, 1_000), "99 %");
        assert_eq!(percent(1, 1_000), "1 %");
        assert_eq!(percent(1_000, 1_000), "100 %");
        assert_eq!(percent(0, 0), "–");
    }
}
