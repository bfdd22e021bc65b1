//! Words and marks of GraphQL and Protocol Buffers, with their lines and the comments before them.

use crate::{ParseError, Place};

/// Tokens of one definition.
const MAX_TOKENS: usize = 500_000;
/// Bytes of one name.
const MAX_NAME: usize = 256;
/// Brackets within each other, of whatever shape.
pub(super) const MAX_DEPTH: usize = 32;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name(String),
    Number(String),
    Text(String),
    Mark(char),
}

/// Which language's comments, names and texts are meant.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Language {
    GraphQl,
    Proto,
}

#[derive(Debug)]
struct Placed {
    token: Token,
    line: usize,
    /// What the comment right above it says.
    comment: String,
}

pub(super) struct Tokens {
    all: Vec<Placed>,
    next: usize,
    depth: usize,
}

impl Tokens {
    pub fn of(text: &str, language: Language) -> Result<Self, ParseError> {
        let mut lexer = Lexer { rest: text, line: 1, language, comment: String::new(), comment_end: 0 };
        let mut all: Vec<Placed> = Vec::new();
        loop {
            let last = all.last().map_or(0, |placed| placed.line);
            lexer.skip(last)?;
            let line = lexer.line;
            let Some(token) = lexer.token()? else { return Ok(Self { all, next: 0, depth: 0 }) };
            let comment = std::mem::take(&mut lexer.comment);
            let comment = if lexer.comment_end + 1 >= line { comment } else { String::new() };
            // The line where it ends: what is written behind it is about it, not about what follows.
            let placed = Placed { token, line, comment };
            all.push(placed);
            if all.len() > MAX_TOKENS {
                return Err(at(line, format!("there are more than {MAX_TOKENS} words and marks")));
            }
        }
    }

    pub fn is_done(&self) -> bool {
        self.next >= self.all.len()
    }

    pub fn peek(&self) -> Option<&Token> {
        self.all.get(self.next).map(|placed| &placed.token)
    }

    /// The token that is so many after the next.
    pub fn peek_at(&self, ahead: usize) -> Option<&Token> {
        self.all.get(self.next + ahead).map(|placed| &placed.token)
    }

    /// The comment above the next token.
    pub fn comment(&mut self) -> String {
        self.all.get_mut(self.next).map(|placed| std::mem::take(&mut placed.comment)).unwrap_or_default()
    }

    pub fn advance(&mut self) -> Option<Token> {
        let token = self.peek()?.clone();
        self.next += 1;
        Some(token)
    }

    pub fn is_mark(&self, mark: char) -> bool {
        self.peek() == Some(&Token::Mark(mark))
    }

    pub fn is_name(&self, name: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(found)) if found == name)
    }

    /// Passes a mark if it is the next.
    pub fn eat(&mut self, mark: char) -> bool {
        let found = self.is_mark(mark);
        self.next += usize::from(found);
        found
    }

    /// Passes a word if it is the next.
    pub fn eat_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        self.next += usize::from(found);
        found
    }

    pub fn expect(&mut self, mark: char) -> Result<(), ParseError> {
        if self.eat(mark) { Ok(()) } else { Err(self.wrong(&format!("{mark} is missing"))) }
    }

    pub fn name(&mut self, what: &str) -> Result<String, ParseError> {
        match self.peek() {
            Some(Token::Name(name)) => {
                let name = name.clone();
                self.next += 1;
                Ok(name)
            }
            _ => Err(self.wrong(&format!("{what} is missing"))),
        }
    }

    /// Goes one level in; each is left by [`Tokens::leave`].
    pub fn enter(&mut self) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong(&format!("brackets are more than {MAX_DEPTH} deep")));
        }
        Ok(())
    }

    pub fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// An error at the next token.
    pub fn wrong(&self, reason: &str) -> ParseError {
        at(self.line(), reason)
    }

    pub fn line(&self) -> usize {
        self.all.get(self.next).or(self.all.last()).map_or(1, |placed| placed.line)
    }
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    language: Language,
    comment: String,
    comment_end: usize,
}

impl Lexer<'_> {
    /// Passes what stands between tokens; `last` is the line of the token before.
    fn skip(&mut self, last: usize) -> Result<(), ParseError> {
        loop {
            let trimmed = self.rest.trim_start_matches(|letter: char| {
                letter.is_whitespace() || letter == '\u{feff}' || (letter == ',' && self.language == Language::GraphQl)
            });
            self.pass(self.rest.len() - trimmed.len());
            let (begin, from, end) = match self.language {
                Language::GraphQl if self.rest.starts_with('#') => (self.line, 1, None),
                Language::Proto if self.rest.starts_with("//") => (self.line, 2, None),
                Language::Proto if self.rest.starts_with("/*") => (self.line, 2, Some("*/")),
                _ => return Ok(()),
            };
            let length = match end {
                None => self.rest.find('\n').unwrap_or(self.rest.len()),
                Some(end) => match self.rest[from..].find(end) {
                    Some(length) => length + from,
                    None => return Err(at(begin, "a comment has no end")),
                },
            };
            let said = self.rest[from..length].to_owned();
            self.pass(length + end.map_or(0, str::len));
            if begin != last && self.language == Language::Proto {
                self.remember(&said, begin);
            }
        }
    }

    fn remember(&mut self, said: &str, begin: usize) {
        if self.comment_end + 1 < begin {
            self.comment.clear();
        }
        for line in said.lines() {
            let line = line.trim().trim_start_matches(['/', '*']);
            if !self.comment.is_empty() {
                self.comment.push('\n');
            }
            self.comment.push_str(line.strip_prefix(' ').unwrap_or(line).trim_end());
        }
        self.comment_end = self.line;
    }

    fn token(&mut self) -> Result<Option<Token>, ParseError> {
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        let token = match first {
            '"' if self.language == Language::GraphQl && self.rest.starts_with("\"\"\"") => self.block()?,
            '"' => self.quoted('"')?,
            '\'' if self.language == Language::Proto => self.quoted('\'')?,
            '_' | 'a'..='z' | 'A'..='Z' => {
                let dots = self.language == Language::Proto;
                let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || (dots && letter == '.');
                let name = self.take_while(word);
                if name.len() > MAX_NAME || name.matches('.').count() > MAX_DEPTH {
                    return Err(at(self.line, format!("a name is longer than {MAX_NAME} bytes or {MAX_DEPTH} parts")));
                }
                Token::Name(name)
            }
            '0'..='9' => Token::Number(self.take_while(|letter| letter.is_ascii_alphanumeric() || letter == '.')),
            first if first.is_ascii_graphic() => {
                self.pass(1);
                Token::Mark(first)
            }
            _ => return Err(at(self.line, "a character stands here that means nothing in this language")),
        };
        Ok(Some(token))
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let length = self.rest.find(|letter| !wanted(letter)).unwrap_or(self.rest.len());
        let word = self.rest[..length].to_owned();
        self.pass(length);
        word
    }

    fn quoted(&mut self, quote: char) -> Result<Token, ParseError> {
        let mut text = String::new();
        let mut letters = self.rest.char_indices().skip(1);
        while let Some((index, letter)) = letters.next() {
            match letter {
                _ if letter == quote => {
                    self.pass(index + 1);
                    return Ok(Token::Text(text));
                }
                '\n' | '\0' => break,
                '\\' => match letters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((index, 'u')) if self.language == Language::GraphQl => {
                        let code = self.rest.get(index + 1..index + 5).filter(|hex| hex.is_ascii());
                        let letter = code.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
                        text.push(letter.filter(|letter| *letter != '\0').unwrap_or('\u{fffd}'));
                        for _ in 0..code.map_or(0, str::len) {
                            letters.next();
                        }
                    }
                    Some((_, letter @ ('"' | '\'' | '\\' | '/'))) => text.push(letter),
                    Some((_, letter)) if letter != '\n' => text.extend(['\\', letter]),
                    _ => break,
                },
                letter => text.push(letter),
            }
        }
        Err(at(self.line, "a text has no end"))
    }

    /// A text over several lines without the indentation that they share (GraphQL, October 2021, 2.9.4).
    fn block(&mut self) -> Result<Token, ParseError> {
        let (mut raw, mut index) = (String::new(), 3);
        loop {
            let rest = &self.rest[index..];
            if rest.starts_with("\"\"\"") {
                break;
            }
            if rest.starts_with("\\\"\"\"") {
                raw.push_str("\"\"\"");
                index += 4;
                continue;
            }
            match rest.chars().next() {
                None | Some('\0') => return Err(at(self.line, "a text has no end")),
                Some(letter) => {
                    raw.push(letter);
                    index += letter.len_utf8();
                }
            }
        }
        self.pass(index + 3);
        let lines = raw.lines().collect::<Vec<_>>();
        let indent = |line: &&str| line.len() - line.trim_start_matches([' ', '\t']).len();
        let shared = lines.iter().skip(1).filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
        let cut = |(number, line): (usize, &&str)| match number {
            0 => (*line).to_owned(),
            _ => line.get(shared..).unwrap_or_default().to_owned(),
        };
        let text = lines.iter().enumerate().map(cut).collect::<Vec<_>>().join("\n");
        Ok(Token::Text(text.trim_matches('\n').trim_end().to_owned()))
    }

    fn pass(&mut self, length: usize) {
        let (passed, rest) = self.rest.split_at(length);
        self.line += passed.matches('\n').count();
        self.rest = rest;
    }
}

pub(super) fn at(line: usize, reason: impl Into<String>) -> ParseError {
    ParseError { format: None, at: Place::Line { line, column: 1 }, reason: reason.into() }
}
