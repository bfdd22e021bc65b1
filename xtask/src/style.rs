//! Holds the colours of `style/tokens.css` to their contrast, in light and in dark (WCAG 2.2, 1.4.3 and 1.4.11).

use std::collections::BTreeMap;

const TOKENS: &str = include_str!("../../style/tokens.css");

type Colour = [f64; 3];

/// Each token's colour in light and in dark.
fn tokens() -> BTreeMap<&'static str, [Colour; 2]> {
    TOKENS
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--")?.split_once(':'))
        .filter_map(|(name, value)| {
            let value = value.trim().trim_end_matches(';');
            let colours = match value.strip_prefix("light-dark(").and_then(|rest| rest.strip_suffix(')')) {
                Some(both) => {
                    let (light, dark) = both.split_once(", ")?;
                    [colour(light)?, colour(dark)?]
                }
                None => [colour(value)?; 2],
            };
            Some((name, colours))
        })
        .collect()
}

fn colour(text: &str) -> Option<Colour> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let channel = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok().map(|value| f64::from(value) / 255.0);
    Some([channel(0)?, channel(2)?, channel(4)?])
}

/// WCAG 2.2, "relative luminance".
fn luminance(colour: Colour) -> f64 {
    let [red, green, blue] =
        colour.map(|value| if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(one: Colour, other: Colour) -> f64 {
    let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
    one.max(other) / one.min(other)
}

/// Every pair that falls short of `least`, in words.
fn too_faint(pairs: &[(String, String)], least: f64) -> Vec<String> {
    let tokens = tokens();
    pairs
        .iter()
        .flat_map(|(text, ground)| {
            let (text_colours, ground_colours) = (tokens[text.as_str()], tokens[ground.as_str()]);
            ["light", "dark"].into_iter().enumerate().filter_map(move |(at, theme)| {
                let reached = contrast(text_colours[at], ground_colours[at]);
                (reached < least).then(|| format!("{text} on {ground} in {theme}: {reached:.2} of {least}"))
            })
        })
        .collect()
}

fn on(texts: &[&str], grounds: &[&str]) -> Vec<(String, String)> {
    texts.iter().flat_map(|text| grounds.iter().map(|ground| ((*text).to_owned(), (*ground).to_owned()))).collect()
}

const STATUSES: [&str; 5] = ["good", "attention", "wrong", "unknown", "waived"];
const SEVERITIES: [&str; 5] = ["critical", "high", "medium", "low", "info"];

#[test]
fn text_can_be_read_on_every_ground() {
    let mut pairs = on(&["text", "muted", "faint", "accent-text"], &["canvas", "panel", "sunken", "raised"]);
    pairs.extend(on(&STATUSES, &["canvas", "raised"]));
    pairs.extend(on(&["on-accent"], &["accent", "accent-strong", "wrong-solid"]));
    pairs.extend(on(&["text", "accent-text", "muted"], &["accent-soft"]));
    for name in STATUSES.iter().chain(&SEVERITIES) {
        pairs.push(((*name).to_owned(), format!("{name}-soft")));
        pairs.push(("text".to_owned(), format!("{name}-soft")));
    }
    assert_eq!(too_faint(&pairs, 4.5), Vec::<String>::new());
}

#[test]
fn marks_and_lines_that_carry_meaning_can_be_seen() {
    let mut pairs = on(&["line-strong", "accent"], &["canvas"]);
    for name in STATUSES.iter().chain(&SEVERITIES) {
        pairs.push((format!("{name}-mark"), "canvas".to_owned()));
    }
    pairs.extend(on(&["series-1", "series-2", "series-3", "series-4", "series-5"], &["canvas"]));
    assert_eq!(too_faint(&pairs, 3.0), Vec::<String>::new());
}
