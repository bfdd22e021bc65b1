//! SVG files of strangers: written anew from what is known to be harmless, or refused.
//!
//! They are shown as `<img>` only, where a browser runs no script and loads nothing; this holds where somebody opens the
//! file by itself. Names: SVG 2 (W3C), elements and attributes that draw. Nothing is animated, nothing leads away.

use crate::ParseError;

const MAX_BYTES: usize = 4 << 20;
const MAX_DEPTH: usize = 64;

const ELEMENTS: &str = "svg g defs symbol use path rect circle ellipse line polyline polygon text tspan textPath title \
    desc linearGradient radialGradient stop clipPath mask pattern marker filter style switch image view \
    feBlend feColorMatrix feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap \
    feDistantLight feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feMerge feMergeNode \
    feMorphology feOffset fePointLight feSpecularLighting feSpotLight feTile feTurbulence";

const ATTRIBUTES: &str = "id class style lang width height viewBox preserveAspectRatio version x y x1 y1 x2 y2 cx cy r rx \
    ry fx fy fr dx dy d points transform pathLength rotate textLength lengthAdjust startOffset offset gradientUnits \
    gradientTransform spreadMethod patternUnits patternContentUnits patternTransform clipPathUnits maskUnits \
    maskContentUnits markerWidth markerHeight markerUnits refX refY orient filterUnits primitiveUnits in in2 result mode \
    type values tableValues slope intercept amplitude exponent operator k1 k2 k3 k4 order kernelMatrix divisor bias \
    targetX targetY edgeMode preserveAlpha surfaceScale diffuseConstant specularConstant specularExponent scale \
    xChannelSelector yChannelSelector azimuth elevation stdDeviation radius baseFrequency numOctaves seed stitchTiles \
    pointsAtX pointsAtY pointsAtZ z limitingConeAngle role aria-label aria-hidden aria-labelledby aria-describedby \
    alignment-baseline baseline-shift clip clip-path clip-rule color color-interpolation color-interpolation-filters \
    direction display dominant-baseline fill fill-opacity fill-rule filter flood-color flood-opacity font-family \
    font-size font-size-adjust font-stretch font-style font-variant font-weight image-rendering letter-spacing \
    lighting-color marker-end marker-mid marker-start mask mask-type opacity overflow paint-order pointer-events \
    shape-rendering stop-color stop-opacity stroke stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin \
    stroke-miterlimit stroke-opacity stroke-width text-anchor text-decoration text-rendering unicode-bidi vector-effect \
    visibility word-spacing writing-mode";

/// The drawing without scripts, handlers, foreign content, animation, and addresses that lead out of the file.
///
/// # Errors
/// Where it is not well-formed XML in UTF-8 with `svg` as its root, declares entities, or is too large or too deep.
pub fn sanitise(bytes: &[u8]) -> Result<Vec<u8>, ParseError> {
    if bytes.len() > MAX_BYTES {
        return Err(ParseError::whole(format!("the drawing has more than {MAX_BYTES} bytes; make it simpler")));
    }
    let text =
        std::str::from_utf8(bytes).map_err(|_| ParseError::whole("the drawing is not UTF-8; save it as UTF-8"))?;
    let mut reader = Reader {
        text,
        at: 0,
        open: Vec::new(),
        skipped: None,
        style: String::new(),
        out: String::with_capacity(text.len()),
    };
    match reader.document() {
        Ok(()) => Ok(reader.out.into_bytes()),
        Err(reason) => Err(ParseError::offset(bytes, reader.at, reason)),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The open elements' names, each with whether it is written.
    open: Vec<(&'a str, bool)>,
    /// How many elements were open when what is left out began.
    skipped: Option<usize>,
    /// What the open style element says so far: it is judged as a whole.
    style: String,
    out: String,
}

type Read<T> = Result<T, &'static str>;

impl<'a> Reader<'a> {
    fn document(&mut self) -> Read<()> {
        let mut rooted = false;
        self.at += if self.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        while self.at < self.text.len() {
            let rest = self.rest();
            if rest.starts_with("<!--") {
                self.past("-->")?;
            } else if rest.starts_with("<?") {
                self.past("?>")?;
            } else if rest.starts_with("<![CDATA[") {
                self.at += "<![CDATA[".len();
                let inner = self.past("]]>")?;
                self.say(inner)?;
            } else if rest.starts_with("<!") {
                let declaration = self.past(">")?;
                let kind = declaration.get(..9).unwrap_or_default();
                if declaration.contains('[') || !kind.eq_ignore_ascii_case("<!DOCTYPE") {
                    return Err("the drawing declares entities; save it without them");
                }
            } else if rest.starts_with("</") {
                self.end()?;
            } else if rest.starts_with('<') {
                if rooted && self.open.is_empty() {
                    return Err("the drawing has a second root; leave one");
                }
                rooted = true;
                self.begin()?;
            } else {
                let text = &rest[..rest.find('<').unwrap_or(rest.len())];
                let said = unescape(text)?;
                self.say(&said)?;
                self.at += text.len();
            }
        }
        if rooted && self.open.is_empty() { Ok(()) } else { Err("the drawing ends before its root does") }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// What stands before `end`; goes past it.
    fn past(&mut self, end: &str) -> Read<&'a str> {
        let rest = self.rest();
        let length = rest.find(end).ok_or("a part of the drawing has no end")?;
        self.at += length + end.len();
        Ok(&rest[..length])
    }

    fn name(&mut self) -> Read<&'a str> {
        let rest = self.rest();
        let is_end = |letter: char| !(letter.is_alphanumeric() || matches!(letter, ':' | '-' | '_' | '.'));
        let name = &rest[..rest.find(is_end).unwrap_or(rest.len())];
        if !name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_') {
            return Err("the drawing is not well-formed: a name is missing");
        }
        self.at += name.len();
        Ok(name)
    }

    fn space(&mut self) -> bool {
        let rest = self.rest();
        let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        self.at += rest.len() - trimmed.len();
        trimmed.len() < rest.len()
    }

    fn say(&mut self, text: &str) -> Read<()> {
        if self.open.is_empty() {
            return if text.trim().is_empty() { Ok(()) } else { Err("the drawing has text outside its root") };
        }
        match self.open.last() {
            _ if self.skipped.is_some() => {}
            Some(("style", _)) => self.style.push_str(text),
            _ => escape(&mut self.out, text),
        }
        Ok(())
    }

    fn begin(&mut self) -> Read<()> {
        self.at += 1;
        let name = self.name()?;
        if self.open.is_empty() && name != "svg" {
            return Err("the root is not svg");
        }
        if self.open.len() >= MAX_DEPTH {
            return Err("the drawing nests elements too deep; make it flatter");
        }
        // What a link encloses is drawn, and leads nowhere.
        let written = if name == "a" { "g" } else { name };
        let in_style = self.open.last().is_some_and(|(name, _)| *name == "style");
        if self.skipped.is_none() && (in_style || !is_one_of(ELEMENTS, written)) {
            self.skipped = Some(self.open.len());
        }
        let mut tag = format!("<{written}");
        if self.open.is_empty() {
            tag.push_str(r#" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink""#);
        }
        let mut seen = Vec::new();
        let closed = loop {
            let spaced = self.space();
            if self.rest().starts_with("/>") {
                self.at += 2;
                break true;
            }
            if self.rest().starts_with('>') {
                self.at += 1;
                break false;
            }
            if !spaced {
                return Err("the drawing is not well-formed: attributes stand without space");
            }
            let attribute = self.name()?;
            self.space();
            if !self.rest().starts_with('=') {
                return Err("the drawing is not well-formed: an attribute has no value");
            }
            self.at += 1;
            self.space();
            let quote = match self.rest().as_bytes().first() {
                Some(b'"') => "\"",
                Some(b'\'') => "'",
                _ => return Err("the drawing is not well-formed: a value has no quotes"),
            };
            self.at += 1;
            let value = self.past(quote)?;
            if value.contains('<') {
                return Err("the drawing is not well-formed: a value holds a bracket");
            }
            let value = unescape(value)?;
            if seen.contains(&attribute) {
                return Err("the drawing is not well-formed: an attribute stands twice");
            }
            if seen.len() > 200 {
                return Err("an element of the drawing has too many attributes");
            }
            seen.push(attribute);
            if is_harmless(written, attribute, &value) {
                tag.push_str(&format!(" {attribute}=\""));
                escape(&mut tag, &value);
                tag.push('"');
            }
        };
        if self.skipped.is_none() {
            self.out.push_str(&tag);
            self.out.push_str(if closed { "/>" } else { ">" });
        }
        if closed {
            self.skipped = self.skipped.filter(|from| *from < self.open.len());
        } else {
            self.open.push((name, self.skipped.is_none()));
        }
        Ok(())
    }

    fn end(&mut self) -> Read<()> {
        self.at += 2;
        let name = self.name()?;
        self.space();
        if !self.rest().starts_with('>') {
            return Err("the drawing is not well-formed: an element's end has no end");
        }
        self.at += 1;
        match self.open.pop() {
            Some((open, written)) if open == name => {
                if written {
                    let style = std::mem::take(&mut self.style);
                    if css_is_safe(&style) {
                        escape(&mut self.out, &style);
                    }
                    self.out.push_str(&format!("</{}>", if name == "a" { "g" } else { name }));
                }
            }
            _ => return Err("the drawing is not well-formed: an element ends that did not begin"),
        }
        self.skipped = self.skipped.filter(|from| *from < self.open.len());
        Ok(())
    }
}

fn is_harmless(element: &str, attribute: &str, value: &str) -> bool {
    match attribute {
        "href" | "xlink:href" if element == "image" => ["png", "jpeg", "jpg", "gif", "webp"].iter().any(|kind| {
            value.strip_prefix(&format!("data:image/{kind};base64,")).is_some_and(|data| {
                data.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/= \r\n\t".contains(&byte))
            })
        }),
        "href" | "xlink:href" => value.starts_with('#'),
        "xml:space" => matches!(value, "preserve" | "default"),
        attribute => is_one_of(ATTRIBUTES, attribute) && css_is_safe(value),
    }
}

/// Whether a style, or a value that is read as one, stays within the file.
fn css_is_safe(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let within = |inner: &str| inner.trim_start().trim_start_matches(['"', '\'']).starts_with('#');
    // An escape or a comment could hide any of the words; nothing needs one.
    let hidden = text.contains('\\') || text.contains("/*");
    let leads_out =
        ["@", "javascript:", "vbscript:", "expression", "behavior", "-moz-binding", "image(", "image-set(", "src("];
    !hidden && !leads_out.iter().any(|word| text.contains(word)) && text.split("url(").skip(1).all(within)
}

fn is_one_of(names: &str, name: &str) -> bool {
    names.split_ascii_whitespace().any(|known| known == name)
}

fn unescape(text: &str) -> Read<String> {
    const UNKNOWN: &str = "the drawing uses an entity that XML does not know; write the character";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        out.push_str(before);
        let (entity, behind) = behind.split_once(';').ok_or(UNKNOWN)?;
        out.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            entity => {
                let number = entity.strip_prefix('#').ok_or(UNKNOWN)?;
                let code = match number.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16),
                    None => number.parse(),
                };
                code.ok().and_then(char::from_u32).ok_or(UNKNOWN)?
            }
        });
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML 1.0 has no other control characters.
            letter if letter.is_control() && !matches!(letter, '\t' | '\n' | '\r') => {}
            letter => out.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(svg: &str) -> String {
        String::from_utf8(sanitise(svg.as_bytes()).unwrap()).unwrap()
    }

    fn inside(svg: &str) -> String {
        let clean = clean(&format!("<svg>{svg}</svg>"));
        let begin = clean.find('>').unwrap() + 1;
        clean[begin..clean.len() - "</svg>".len()].to_owned()
    }

    #[test]
    fn a_drawing_stays_a_drawing() {
        let drawing = r##"<defs><linearGradient id="a"><stop offset="0" stop-color="#fff"/></linearGradient></defs><style>.b{fill:url(#a)}</style><g class="b" transform="scale(2)"><path d="M0 0L1 1" fill="url('#a')"/><text x="1">A &amp; B</text><use xlink:href="#a"/></g>"##;
        assert_eq!(inside(drawing), drawing);
        let whole = format!(
            "<?xml version='1.0'?>\n<!DOCTYPE svg PUBLIC \"x\" \"y\">\n<!-- c --><svg viewBox='0 0 1 1'>{drawing}</svg>\n"
        );
        assert!(clean(&whole).starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
        assert_eq!(clean(&clean(&whole)), clean(&whole), "what is clean stays as it is");
    }

    #[test]
    fn what_could_act_is_gone() {
        for (svg, wanted) in [
            ("<script>alert(1)</script>", ""),
            ("<SCRIPT>alert(1)</SCRIPT><g/>", "<g/>"),
            ("<g onload=\"x()\" ONCLICK='x()'/>", "<g/>"),
            ("<foreignObject><body xmlns='http://www.w3.org/1999/xhtml'><g/></body></foreignObject><g/>", "<g/>"),
            ("<a xlink:href='javascript:alert(1)'><text>t</text></a>", "<g><text>t</text></g>"),
            ("<use href='https://evil.example/x.svg#a'/>", "<use/>"),
            ("<use href='data:image/svg+xml;base64,PHN2Zz4='/>", "<use/>"),
            ("<image href='https://evil.example/x.png'/>", "<image/>"),
            ("<image href='data:image/svg+xml,x'/>", "<image/>"),
            ("<animate attributeName='href' to='javascript:x'/><set/>", ""),
            ("<style>@import 'https://evil.example';</style>", "<style></style>"),
            ("<style>a{b:u<![CDATA[rl(//evil.example)]]>}</style>", "<style></style>"),
            ("<style>a{}<g>b</g></style>", "<style>a{}</style>"),
            ("<g style='fill:url(https://evil.example)'/>", "<g/>"),
            ("<g fill='u\\72l(//evil.example)'/>", "<g/>"),
            ("<g style='a:url(&#x23;a);b:url(//evil)'/>", "<g/>"),
            ("<h:script xmlns:h='http://www.w3.org/1999/xhtml'>x</h:script>", ""),
            ("<text>&lt;script&gt;</text><![CDATA[<script>]]>", "<text>&lt;script&gt;</text>&lt;script&gt;"),
            ("<g xml:base='https://evil.example'/>", "<g/>"),
        ] {
            assert_eq!(inside(svg), wanted, "{svg}");
        }
    }

    #[test]
    fn what_is_no_drawing_is_refused_with_its_place() {
        for (svg, reason) in [
            ("<!DOCTYPE svg [<!ENTITY a 'x'>]><svg>&a;</svg>", "entities"),
            ("<svg>&a;</svg>", "entity"),
            ("<svg>&#xD800;</svg>", "entity"),
            ("<html><svg/></html>", "root"),
            ("<svg/><svg/>", "second root"),
            ("<svg/>x", "outside"),
            ("<svg><g></svg></g>", "well-formed"),
            ("<svg a=b/>", "quotes"),
            ("<svg a='<'/>", "bracket"),
            ("<svg x='1' x='2'/>", "twice"),
            ("<svg><!-- ", "no end"),
            ("<svg", "name"),
            ("", "ends"),
        ] {
            let error = sanitise(svg.as_bytes()).unwrap_err();
            assert!(error.reason.contains(reason) || svg == "<svg", "{svg}: {error}");
        }
        assert!(sanitise("<svg>".repeat(100).as_bytes()).unwrap_err().reason.contains("deep"));
        assert!(sanitise(&vec![b' '; MAX_BYTES + 1]).unwrap_err().reason.contains("bytes"));
        assert!(sanitise(b"\xff").is_err());
    }
}
