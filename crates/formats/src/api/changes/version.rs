//! Whether a version says that it breaks something.

/// Whether `new` is a later major version than `old` (semver.org 2.0.0): `2.0.0` after `1.9.3`, `v2` after `v1`. Before
/// 1.0.0 the second number is the one that counts; `v1beta2` and `v1` after `v1beta1` are new majors too, for such
/// packages change freely until they are stable. False where either is no version.
#[must_use]
pub fn is_major_bump(old: &str, new: &str) -> bool {
    let (Some(old), Some(new)) = (major(old), major(new)) else { return false };
    new > old
}

/// What has to rise: the major version, the minor one before 1.0.0, and the stage of a package that is not stable.
fn major(version: &str) -> Option<(u64, u64, (u8, u64))> {
    const STABLE: (u8, u64) = (2, 0);

    let version = version.trim();
    let digits = version.trim_start_matches(['v', 'V']);
    let is_word = digits.len() < version.len();
    let (first, rest) = leading(digits)?;
    if let Some(rest) = rest.strip_prefix('.') {
        let minor = leading(rest).map_or(0, |(minor, _)| minor);
        return Some((first, if first == 0 { minor } else { 0 }, STABLE));
    }
    let stage =
        ["alpha", "beta"].into_iter().zip(0..).find_map(|(name, stage)| Some((stage, rest.strip_prefix(name)?)));
    match stage.filter(|_| is_word) {
        Some((stage, rest)) => Some((first, 0, (stage, leading(rest).map_or(0, |(number, _)| number)))),
        None => Some((first, 0, STABLE)),
    }
}

fn leading(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_major_version_is_told_from_a_new_minor_one() {
        for (old, new) in [
            ("1.9.3", "2.0.0"),
            ("v1", "v2"),
            ("1", "2"),
            ("0.3.1", "0.4.0"),
            ("0.9.0", "1.0.0"),
            ("v1beta1", "v1beta2"),
            ("v1alpha3", "v1beta1"),
            ("v1beta1", "v1"),
            ("9.0.0", "10.0.0-rc.1"),
            ("2025-11-01", "2026-01-01"),
        ] {
            assert!(is_major_bump(old, new), "{old} {new}");
            assert!(!is_major_bump(new, old), "{new} {old}");
            assert!(!is_major_bump(new, new), "{new}");
        }
        for (old, new) in
            [("1.2.3", "1.3.0"), ("1.0.0-rc.1", "1.0.0"), ("", "1.0.0"), ("draft", "final"), ("0.3.1", "0.3.2")]
        {
            assert!(!is_major_bump(old, new), "{old} {new}");
        }
    }
}
