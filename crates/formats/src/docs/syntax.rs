//! MkDocs' blocks of indented lines - admonitions, foldable ones, tabs - as quotations that CommonMark can nest.
//!
//! Facts: Python-Markdown's admonition extension, and the Details and Tabbed extensions of PyMdown, as Material for
//! MkDocs documents them. Each block becomes a quotation that begins with a heading of the sixth level; the heading's
//! text begins with [`MARK`], the block's kind and [`END`]. A writer who puts these characters into a page gets an
//! admonition, and nothing else.

pub(super) const MARK: char = '\u{e000}';
pub(super) const END: char = '\u{e001}';

/// Blocks within each other; what is deeper stays text. The three keep what is written in proportion to what is read.
const MAX_DEPTH: usize = 16;
/// Columns from one block to the next within it, in a list.
const MAX_INDENT: usize = 40;
/// Empty lines in a row within a block.
const MAX_BLANK: usize = 50;

/// Markdown for CommonMark, and for each of its lines the line of the source, counted from one.
#[derive(Debug)]
pub(super) struct Prepared {
    pub text: String,
    pub lines: Vec<usize>,
}

/// Rewrites the blocks of `text`, whose lines end in a line feed.
pub(super) fn prepare(text: &str) -> Prepared {
    let mut writer = Writer { prepared: Prepared { text: String::with_capacity(text.len() + 64), lines: Vec::new() } };
    // The columns at which the open blocks' first lines begin.
    let mut open: Vec<usize> = Vec::new();
    let mut fence: Option<(char, usize)> = None;
    let mut blank: Vec<usize> = Vec::new();
    let mut in_list = false;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let rest = line.trim_start_matches([' ', '\t']);
        if rest.is_empty() {
            blank.push(number);
            continue;
        }
        let column = columns(line);
        let mut closed = false;
        while open.last().is_some_and(|begin| column < begin + 4) {
            open.pop();
            fence = None;
            closed = true;
        }
        let prefix = prefix(&open);
        let separate = closed && blank.is_empty();
        if !open.is_empty() {
            blank.truncate(MAX_BLANK);
        }
        for number in blank.drain(..) {
            writer.line(prefix.trim_end(), "", number);
        }
        if separate {
            writer.line(prefix.trim_end(), "", number);
        }
        let inside = open.last().map_or(0, |begin| begin + 4);
        let relative = column - inside;
        let body = if open.is_empty() { line.to_owned() } else { " ".repeat(relative) + rest };

        if let Some((mark, length)) = fence {
            if run(rest, mark) >= length && rest.trim_matches(mark).trim().is_empty() {
                fence = None;
            }
        } else if let Some(opened) = fence_of(rest).filter(|_| relative < 4 || in_list) {
            fence = Some(opened);
        } else {
            in_list = is_item(rest) || (in_list && relative > 0);
            if let Some(head) =
                head(rest).filter(|_| open.len() < MAX_DEPTH && relative < if in_list { MAX_INDENT } else { 4 })
            {
                writer.line(&prefix, &format!("{}> ###### {head}", " ".repeat(relative)), number);
                open.push(column);
                continue;
            }
        }
        writer.line(&prefix, &body, number);
    }
    writer.prepared
}

struct Writer {
    prepared: Prepared,
}

impl Writer {
    fn line(&mut self, prefix: &str, line: &str, number: usize) {
        self.prepared.text.push_str(prefix);
        self.prepared.text.push_str(line);
        self.prepared.text.push('\n');
        self.prepared.lines.push(number);
    }
}

fn prefix(open: &[usize]) -> String {
    let mut prefix = String::new();
    let mut inside = 0;
    for begin in open {
        prefix.push_str(&" ".repeat(begin - inside));
        prefix.push_str("> ");
        inside = begin + 4;
    }
    prefix
}

/// The column of the first letter, with a tab to the next fourth.
fn columns(line: &str) -> usize {
    line.chars().take_while(|letter| matches!(letter, ' ' | '\t')).fold(0, |column, letter| match letter {
        '\t' => column / 4 * 4 + 4,
        _ => column + 1,
    })
}

fn run(text: &str, mark: char) -> usize {
    text.chars().take_while(|letter| *letter == mark).count()
}

fn fence_of(rest: &str) -> Option<(char, usize)> {
    // Also where an item of a list begins with it.
    let rest = rest.trim_start_matches(['-', '*', '+', ' ']);
    let mark = rest.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let length = run(rest, mark);
    (length >= 3 && (mark == '~' || !rest[length..].contains('`'))).then_some((mark, length))
}

fn is_item(rest: &str) -> bool {
    let number = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let bullet = rest.strip_prefix(['-', '*', '+']);
    let ordered = (number.len() < rest.len()).then(|| number.strip_prefix(['.', ')'])).flatten();
    bullet.or(ordered).is_some_and(|rest| rest.starts_with([' ', '\t']))
}

/// What the heading says for the first line of a block, where the line is one.
fn head(rest: &str) -> Option<String> {
    let (kind, rest) = if let Some(rest) = rest.strip_prefix("!!!") {
        ("note", rest)
    } else if let Some(rest) = rest.strip_prefix("???+") {
        ("open", rest)
    } else if let Some(rest) = rest.strip_prefix("???") {
        ("fold", rest)
    } else {
        let rest = rest.strip_prefix("===")?;
        ("tab", rest.strip_prefix(['!', '+']).unwrap_or(rest))
    };
    let rest = rest.strip_prefix([' ', '\t'])?.trim();
    let (words, title) = match rest.split_once('"') {
        Some((words, title)) => (words, Some(title.strip_suffix('"')?)),
        None => (rest, None),
    };
    let is_word = |word: &str| word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    if !words.split_whitespace().all(is_word) {
        return None;
    }
    let first = words.split_whitespace().next();
    let (word, title) = match (kind, first, title) {
        ("tab", None, Some(title)) => ("tab", title.to_owned()),
        ("tab", ..) | (_, None, None) => return None,
        (_, first, Some(title)) => (first.unwrap_or("note"), title.to_owned()),
        (_, Some(first), None) => (first, capital(first)),
    };
    Some(format!("{MARK}{kind} {}{END}{title}", word.to_ascii_lowercase()))
}

/// A word or a name of a file as a title.
pub(super) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(text: &str) -> String {
        prepare(text).text.replace(MARK, "@").replace(END, "|")
    }

    #[test]
    fn a_block_becomes_a_quotation_however_deep() {
        let text = "!!! note \"Read *this*\"\n    One\n\n    ??? tip\n        Two\n\n    Three\nFour\n";
        let wanted =
            "> ###### @note note|Read *this*\n> One\n>\n> > ###### @fold tip|Tip\n> > Two\n>\n> Three\n\nFour\n";
        assert_eq!(prepared(text), wanted);
        assert_eq!(prepare(text).lines, [1, 2, 3, 4, 5, 6, 7, 8, 8]);
    }

    #[test]
    fn blocks_side_by_side_stay_apart() {
        let text = "=== \"A\"\n    a\n=== \"B\"\n\n    b\n";
        assert_eq!(prepared(text), "> ###### @tab tab|A\n> a\n\n> ###### @tab tab|B\n>\n> b\n");
    }

    #[test]
    fn a_block_within_an_item_stays_there() {
        let text = "- item\n\n    !!! warning inline end\n        body\n- next\n";
        assert_eq!(prepared(text), "- item\n\n    > ###### @note warning|Warning\n    > body\n\n- next\n");
    }

    #[test]
    fn code_is_left_as_it_is() {
        for text in ["```\n!!! note\n    x\n```\n", "text\n\n    !!! note\n        x\n", "!!!\n=== x\n!!! a\"b\n"] {
            assert_eq!(prepared(text), text);
        }
        let text = "!!! note\n    ```\n    !!! tip\n    ```\n";
        assert_eq!(prepared(text), "> ###### @note note|Note\n> ```\n> !!! tip\n> ```\n");
    }
}
