//! What a reading changed in a descriptor, line by line, short enough to keep with the entity's history.

use std::fmt::Write;

use serde_json::Value;

/// Unchanged lines around what changed.
const AROUND: usize = 2;
/// More lines than this are said to be more.
const MOST_LINES: usize = 120;
/// The letters of a line that are kept.
const LONGEST_LINE: usize = 240;
/// Beyond this many pairs of lines, what changed is shown as taken away and put there.
const MOST_PAIRS: usize = 250_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'a> {
    Same(&'a str),
    Gone(&'a str),
    Come(&'a str),
}

/// The difference of two descriptors as YAML: a line each that begins with a space, `-`, `+`, or `@` where lines are
/// left out. None where they read the same.
pub(super) fn difference(before: &Value, after: &Value) -> Option<String> {
    let (before, after) = (serde_yaml_ng::to_string(before).ok()?, serde_yaml_ng::to_string(after).ok()?);
    let lines = compared(&before.lines().collect::<Vec<_>>(), &after.lines().collect::<Vec<_>>());
    let is_near = |at: usize| {
        let near = &lines[at.saturating_sub(AROUND)..(at + AROUND + 1).min(lines.len())];
        near.iter().any(|line| !matches!(line, Line::Same(_)))
    };
    let (mut text, mut count, mut left_out) = (String::new(), 0, false);
    for (at, line) in lines.iter().enumerate() {
        if !is_near(at) {
            left_out = true;
            continue;
        }
        if count == MOST_LINES {
            let _ = writeln!(text, "@ more lines changed than are kept");
            break;
        }
        if left_out {
            text.push_str("@\n");
            left_out = false;
        }
        let (mark, line) = match line {
            Line::Same(line) => (' ', line),
            Line::Gone(line) => ('-', line),
            Line::Come(line) => ('+', line),
        };
        text.push(mark);
        text.extend(line.chars().take(LONGEST_LINE));
        text.push('\n');
        count += 1;
    }
    (count > 0).then_some(text)
}

/// The longest common subsequence between what both begin and end with.
fn compared<'a>(before: &[&'a str], after: &[&'a str]) -> Vec<Line<'a>> {
    let head = before.iter().zip(after).take_while(|(one, other)| one == other).count();
    let (old, new) = (&before[head..], &after[head..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(one, other)| one == other).count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);

    let mut lines: Vec<Line<'a>> = before[..head].iter().map(|line| Line::Same(line)).collect();
    if old.len().saturating_mul(new.len()) > MOST_PAIRS {
        lines.extend(old.iter().map(|line| Line::Gone(line)));
        lines.extend(new.iter().map(|line| Line::Come(line)));
    } else {
        // common[i][j]: how many lines old[i..] and new[j..] have in common, in order
        let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
        for i in (0..old.len()).rev() {
            for j in (0..new.len()).rev() {
                common[i][j] =
                    if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
            }
        }
        let (mut i, mut j) = (0, 0);
        while i < old.len() || j < new.len() {
            if i < old.len() && j < new.len() && old[i] == new[j] {
                lines.push(Line::Same(old[i]));
                (i, j) = (i + 1, j + 1);
            } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
                lines.push(Line::Gone(old[i]));
                i += 1;
            } else {
                lines.push(Line::Come(new[j]));
                j += 1;
            }
        }
    }
    lines.extend(before[before.len() - tail..].iter().map(|line| Line::Same(line)));
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_changed_line_stands_between_its_neighbours() {
        let (before, after) = (
            json!({ "a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": "x", "g": 7 }),
            json!({ "a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": "y", "g": 7 }),
        );
        assert_eq!(difference(&before, &after).unwrap(), "@\n d: 4\n e: 5\n-f: x\n+f: y\n g: 7\n");
        assert_eq!(difference(&before, &before), None);
    }

    #[test]
    fn a_descriptor_that_is_another_altogether_is_cut_short() {
        let many = |word: &str| Value::from((0..2_000).map(|n| format!("{word} {n}")).collect::<Vec<_>>());
        let text = difference(&many("one"), &many("two")).unwrap();
        assert!(text.lines().count() <= MOST_LINES + 2 && text.ends_with("than are kept\n"));
    }

    proptest! {
        #[test]
        fn what_is_gone_and_come_makes_one_of_the_other(
            before in prop::collection::vec("[abc]", 0..12),
            after in prop::collection::vec("[abc]", 0..12),
        ) {
            let (before, after): (Vec<&str>, Vec<&str>) =
                (before.iter().map(String::as_str).collect(), after.iter().map(String::as_str).collect());
            let lines = compared(&before, &after);
            let old: Vec<&str> = lines.iter().filter_map(|line| match line {
                Line::Same(line) | Line::Gone(line) => Some(*line),
                Line::Come(_) => None,
            }).collect();
            let new: Vec<&str> = lines.iter().filter_map(|line| match line {
                Line::Same(line) | Line::Come(line) => Some(*line),
                Line::Gone(_) => None,
            }).collect();
            prop_assert_eq!(old, before);
            prop_assert_eq!(new, after);
        }
    }
}
