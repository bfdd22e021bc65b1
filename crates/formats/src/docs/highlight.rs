//! Colours for code: comments, texts, numbers, keywords and keys as spans with classes, for the languages met most.
//!
//! One small lexer and a table, and no grammar: what it gets wrong is a colour.

use comrak::html::escape;

/// `code` as HTML; plain where the language is not known.
pub(super) fn highlight(language: &str, code: &str) -> String {
    let language = language.to_ascii_lowercase();
    let mut out = Painter { html: String::with_capacity(code.len() * 2) };
    match LANGUAGES.iter().find(|known| known.names.contains(&language.as_str())) {
        Some(known) => known.paint(code, &mut out),
        None if matches!(language.as_str(), "diff" | "patch") => {
            for line in code.split_inclusive('\n') {
                out.put(line, difference(line));
            }
        }
        None => out.put(code, None),
    }
    out.html
}

fn difference(line: &str) -> Option<&'static str> {
    match line.as_bytes().first()? {
        b'+' => Some("added"),
        b'-' => Some("removed"),
        b'@' => Some("comment"),
        _ => None,
    }
}

struct Painter {
    html: String,
}

impl Painter {
    fn put(&mut self, text: &str, class: Option<&str>) {
        if let Some(class) = class {
            self.html.push_str("<span class=\"hl-");
            self.html.push_str(class);
            self.html.push_str("\">");
        }
        escape(&mut self.html, text).expect("a String takes what is written");
        if class.is_some() {
            self.html.push_str("</span>");
        }
    }
}

struct Language {
    names: &'static [&'static str],
    keywords: &'static str,
    /// SQL and the like write them in either case.
    any_case: bool,
    /// What begins a comment that its line ends.
    line: &'static [&'static str],
    block: Option<(&'static str, &'static str)>,
    /// What encloses a text, the longest first.
    quotes: &'static [&'static str],
    /// What follows a key.
    key: Option<char>,
}

const NONE: Language =
    Language { names: &[], keywords: "", any_case: false, line: &[], block: None, quotes: &["\"", "'"], key: None };
const C_LIKE: Language = Language { line: &["//"], block: Some(("/*", "*/")), ..NONE };

static LANGUAGES: &[Language] = &[
    Language {
        names: &["rust", "rs"],
        keywords: "as async await break const continue crate dyn else enum extern false fn for if impl in let loop match \
                   mod move mut pub ref return self Self static struct super trait true type unsafe use where while",
        quotes: &["\""],
        ..C_LIKE
    },
    Language {
        names: &["go", "golang"],
        keywords: "break case chan const continue default defer else fallthrough false for func go goto if import \
                   interface map nil package range return select struct switch true type var",
        quotes: &["\"", "'", "`"],
        ..C_LIKE
    },
    Language {
        names: &["java", "kotlin", "kt", "kts", "scala", "groovy", "gradle", "csharp", "cs", "c#"],
        keywords: "abstract as async await boolean break byte case catch char class companion const continue data def \
                   default do double else enum extends false final finally float for foreach fun if implements import \
                   in instanceof int interface internal is long namespace new null object out override package private \
                   protected public readonly record return sealed short static string super switch synchronized this \
                   throw throws trait true try using val var void volatile when where while with yield",
        quotes: &["\"\"\"", "\"", "'"],
        ..C_LIKE
    },
    Language {
        names: &["javascript", "js", "jsx", "mjs", "typescript", "ts", "tsx"],
        keywords: "abstract any as async await boolean break case catch class const continue debugger declare default \
                   delete do else enum export extends false finally for from function if implements import in \
                   instanceof interface keyof let namespace never new null number of private protected public readonly \
                   return satisfies static string super switch this throw true try type typeof undefined unknown var \
                   void while with yield",
        quotes: &["\"", "'", "`"],
        ..C_LIKE
    },
    Language {
        names: &["c", "h", "cpp", "c++", "cc", "hpp", "protobuf", "proto"],
        keywords: "auto bool break case catch char class const constexpr continue default delete do double else enum \
                   explicit extern false float for goto if import inline int long message namespace new nullptr \
                   operator option package private protected public register repeated return rpc service short signed \
                   sizeof static string struct switch syntax template this throw true try typedef typename union \
                   unsigned using virtual void volatile while",
        ..C_LIKE
    },
    Language {
        names: &["python", "py", "python3"],
        keywords: "False None True and as assert async await break case class continue def del elif else except finally \
                   for from global if import in is lambda match nonlocal not or pass raise return self try while with \
                   yield",
        line: &["#"],
        quotes: &["\"\"\"", "'''", "\"", "'"],
        ..NONE
    },
    Language {
        names: &["ruby", "rb"],
        keywords: "alias and begin break case class def do else elsif end ensure false for if in module next nil not or \
                   require rescue retry return self super then true undef unless until when while yield",
        line: &["#"],
        ..NONE
    },
    Language {
        names: &["php"],
        keywords: "abstract array as break case catch class const continue default do echo else elseif extends false \
                   final finally fn for foreach function if implements interface match namespace new null private \
                   protected public readonly return static switch this throw trait true try use while yield",
        line: &["//", "#"],
        ..C_LIKE
    },
    Language {
        names: &["bash", "sh", "shell", "zsh", "console", "shell-session"],
        keywords: "break case continue do done elif else esac eval exec exit export fi for function if in local return \
                   set shift source then trap unset until while",
        line: &["#"],
        ..NONE
    },
    Language {
        names: &["dockerfile", "docker", "makefile", "make"],
        keywords: "ADD ARG AS CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL ONBUILD RUN SHELL STOPSIGNAL USER \
                   VOLUME WORKDIR define else endef endif export ifdef ifeq ifndef ifneq include",
        line: &["#"],
        ..NONE
    },
    Language {
        names: &["sql", "postgresql", "postgres", "mysql", "plpgsql"],
        keywords: "add all alter and as asc begin between by cascade case check column commit constraint create cross \
                   default delete desc distinct drop else end exists false foreign from full function grant group having \
                   if in index inner insert into is join key left like limit not null offset on or order outer primary \
                   references returning revoke right rollback select set table then trigger true union unique update \
                   using values view when where with",
        any_case: true,
        line: &["--"],
        block: Some(("/*", "*/")),
        ..NONE
    },
    Language { names: &["json", "json5", "jsonc"], keywords: "true false null", key: Some(':'), ..C_LIKE },
    Language {
        names: &["yaml", "yml"],
        keywords: "true false null yes no on off",
        line: &["#"],
        key: Some(':'),
        ..NONE
    },
    Language {
        names: &["toml", "ini", "cfg", "conf", "properties", "env", "dotenv"],
        keywords: "true false",
        line: &["#", ";"],
        quotes: &["\"\"\"", "'''", "\"", "'"],
        key: Some('='),
        ..NONE
    },
    Language {
        names: &["hcl", "terraform", "tf"],
        keywords: "data dynamic false for if in locals module null output provider resource terraform true variable",
        line: &["#", "//"],
        block: Some(("/*", "*/")),
        quotes: &["\""],
        key: Some('='),
        ..NONE
    },
    Language {
        names: &["graphql", "gql"],
        keywords: "directive enum extend false fragment implements input interface \
                   mutation null on query scalar schema subscription true type union",
        line: &["#"],
        quotes: &["\"\"\"", "\""],
        ..NONE
    },
    Language { names: &["css", "scss", "less"], key: Some(':'), ..C_LIKE },
    Language { names: &["xml", "html", "svg", "xhtml"], block: Some(("<!--", "-->")), key: Some('='), ..NONE },
];

impl Language {
    fn paint(&self, code: &str, out: &mut Painter) {
        let mut plain = 0;
        let mut at = 0;
        while let Some(letter) = code[at..].chars().next() {
            let rest = &code[at..];
            let begins_word = code[..at].chars().next_back().is_none_or(|before| !is_word(before));
            let found = self.comment(rest, code[..at].chars().next_back()).map(|length| (length, Some("comment")));
            let found =
                found.or_else(|| self.text(rest).map(|length| (length, self.key(&rest[length..]).or(Some("string")))));
            let (length, class) = found.unwrap_or_else(|| {
                if !begins_word || !is_word(letter) {
                    return (letter.len_utf8(), None);
                }
                if letter.is_ascii_digit() {
                    let number = |letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '.');
                    return (rest.find(number).unwrap_or(rest.len()), Some("number"));
                }
                // A key may be written with dashes and dots.
                let dotted = |letter: char| !(is_word(letter) || self.key.is_some() && matches!(letter, '-' | '.'));
                let length = rest.find(dotted).unwrap_or(rest.len());
                (length, self.key(&rest[length..]).or_else(|| self.is_keyword(&rest[..length]).then_some("keyword")))
            });
            if class.is_some() {
                out.put(&code[plain..at], None);
                out.put(&code[at..at + length], class);
                plain = at + length;
            }
            at += length;
        }
        out.put(&code[plain..], None);
    }

    /// How long the comment is that `rest` begins with.
    fn comment(&self, rest: &str, before: Option<char>) -> Option<usize> {
        if let Some((begin, end)) = self.block
            && rest.starts_with(begin)
        {
            return Some(rest[begin.len()..].find(end).map_or(rest.len(), |at| begin.len() + at + end.len()));
        }
        // `#` and `;` within a word are none: `$#`, `a;b`, `https://`.
        let alone = before.is_none_or(|before| before.is_whitespace() || matches!(before, ';' | '{' | '}' | ')' | ','));
        let begins = alone && self.line.iter().any(|mark| rest.starts_with(mark));
        begins.then(|| rest.find('\n').unwrap_or(rest.len()))
    }

    /// How long the text in quotes is that `rest` begins with; one that its line does not end is none.
    fn text(&self, rest: &str) -> Option<usize> {
        let quote = self.quotes.iter().find(|quote| rest.starts_with(**quote))?;
        let many_lines = quote.len() > 1 || *quote == "`";
        let mut at = quote.len();
        while let Some(letter) = rest[at..].chars().next() {
            if rest[at..].starts_with(quote) {
                return Some(at + quote.len());
            }
            match letter {
                '\n' if !many_lines => return None,
                '\\' => at += 1 + rest[at + 1..].chars().next().map_or(0, char::len_utf8),
                letter => at += letter.len_utf8(),
            }
        }
        many_lines.then_some(rest.len())
    }

    fn key(&self, behind: &str) -> Option<&'static str> {
        behind.trim_start_matches(' ').starts_with(self.key?).then_some("key")
    }

    fn is_keyword(&self, word: &str) -> bool {
        let is = |known: &str| if self.any_case { known.eq_ignore_ascii_case(word) } else { known == word };
        self.keywords.split_ascii_whitespace().any(is)
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[k fn]` for a span of the class that begins with k.
    fn short(language: &str, code: &str) -> String {
        let html = highlight(language, code);
        let short = html.replace("</span>", "]");
        ["comment", "string", "number", "keyword", "key", "added", "removed"]
            .iter()
            .fold(short, |text, class| text.replace(&format!("<span class=\"hl-{class}\">"), &format!("[{class} ")))
    }

    #[test]
    fn each_kind_of_word_has_its_colour() {
        for (language, code, wanted) in [
            ("rust", "fn f<'a>() // x < y\n1_0", "[keyword fn] f&lt;'a&gt;() [comment // x &lt; y]\n[number 1_0]"),
            (
                "Python",
                "def f(): return '''a\nb''' # c",
                "[keyword def] f(): [keyword return] [string '''a\nb'''] [comment # c]",
            ),
            ("sql", "SELECT 'a' -- b", "[keyword SELECT] [string 'a'] [comment -- b]"),
            ("json", r#"{"a": true}"#, "{[key &quot;a&quot;]: [keyword true]}"),
            ("yaml", "a-b: https://x #y", "[key a-b]: [key https]://x [comment #y]"),
            ("bash", "echo $# # x", "echo $# [comment # x]"),
            ("diff", "+a\n-b\n c\n", "[added +a\n][removed -b\n] c\n"),
            ("klingon", "if <b>", "if &lt;b&gt;"),
            ("js", "`a\n${b}` /* c", "[string `a\n${b}`] [comment /* c]"),
            ("c", "\"open\nint", "&quot;open\n[keyword int]"),
        ] {
            assert_eq!(short(language, code), wanted, "{language}");
        }
    }
}
