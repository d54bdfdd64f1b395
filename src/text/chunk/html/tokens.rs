//! A page as tags and text, by the rules of the HTML standard (section 13.2.5) as far as text depends on them:
//! comments, declarations, quoted attributes, elements whose content is no markup. Nothing is an error; a `<` that
//! begins nothing is text.

use std::ops::Range;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    Text(Range<usize>),
    Open { name: Range<usize>, attributes: Range<usize> },
    Close { name: Range<usize> },
}

pub(super) struct Tokens<'a> {
    html: &'a str,
    at: usize,
    /// The element whose end alone can end the coming text.
    raw: Option<Range<usize>>,
    /// No tag that begins behind here is ever closed, as a scan to the end of the page has shown.
    unclosed: usize,
    /// No further double quote, no further single quote.
    unquoted: [bool; 2],
}

/// Elements whose content is text up to their end tag.
const RAW: [&str; 8] = ["script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"];

impl<'a> Tokens<'a> {
    pub fn new(html: &'a str) -> Tokens<'a> {
        Tokens { html, at: 0, raw: None, unclosed: usize::MAX, unquoted: [false; 2] }
    }

    /// Where the text that begins at `at` ends: before the next tag, comment or declaration.
    fn text_end(&self, at: usize) -> usize {
        let bytes = self.html.as_bytes();
        let begins = |&lt: &usize| {
            let markup = match bytes.get(lt + 1) {
                Some(b'/') => bytes.get(lt + 2).is_some_and(|&b| b != b'<' && !b.is_ascii_whitespace()),
                Some(&next) => next.is_ascii_alphabetic() || next == b'!' || next == b'?',
                None => false,
            };
            markup && lt < self.unclosed
        };
        let mut marks = self.html[at..].match_indices('<').map(|(offset, _)| at + offset);
        marks.find(begins).unwrap_or(self.html.len())
    }

    /// Where the text of a raw element ends.
    fn raw_end(&self, name: &str) -> usize {
        let bytes = self.html.as_bytes();
        let ends = |&lt: &usize| {
            let from = lt + 2;
            let named = bytes.get(from..from + name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes()));
            let after = bytes.get(from + name.len());
            named && after.is_none_or(|&b| b.is_ascii_whitespace() || b == b'/' || b == b'>')
        };
        let mut marks = self.html[self.at..].match_indices("</").map(|(offset, _)| self.at + offset);
        marks.find(ends).unwrap_or(self.html.len())
    }

    /// Behind the `>` that ends the tag whose attributes begin at `at`. Quoted values are skipped, unless the quote is
    /// the last of its kind in the page.
    fn tag_end(&mut self, mut at: usize) -> Option<usize> {
        let bytes = self.html.as_bytes();
        let mut value = false;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'>' => return Some(at),
                b'"' | b'\'' if value => {
                    let lone = &mut self.unquoted[usize::from(byte == b'\'')];
                    let quote = || bytes[at..].iter().position(|&b| b == byte);
                    match if *lone { None } else { quote() } {
                        Some(len) => at += len + 1,
                        None => *lone = true,
                    }
                }
                _ => {}
            }
            // A quote opens a value only right behind the equals sign.
            value = byte == b'=' || (value && byte.is_ascii_whitespace());
        }
        None
    }

    /// A comment or a declaration, from `<!` or `<?` or `</` with no name behind it: where it ends.
    fn markup_end(&self, at: usize) -> usize {
        let rest = &self.html[at..];
        let behind = |mark: &str, from: usize| rest.get(from..).and_then(|r| Some(from + r.find(mark)? + mark.len()));
        let end = match rest.starts_with("<!--") {
            true if rest.starts_with("<!-->") => Some(5),
            true if rest.starts_with("<!--->") => Some(6),
            true => behind("-->", 4),
            false => behind(">", 2),
        };
        at + end.unwrap_or(rest.len())
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let html = self.html;
        if let Some(name) = self.raw.take() {
            let start = self.at;
            self.at = self.raw_end(&html[name]);
            if self.at > start {
                return Some(Token::Text(start..self.at));
            }
        }
        while self.at < html.len() {
            let start = self.at;
            let text_end = self.text_end(start);
            if text_end > start {
                self.at = text_end;
                return Some(Token::Text(start..text_end));
            }
            let close = html.as_bytes()[start + 1] == b'/';
            let name_start = start + 1 + usize::from(close);
            if !html.as_bytes().get(name_start).is_some_and(u8::is_ascii_alphabetic) {
                self.at = self.markup_end(start);
                continue;
            }
            let name_end = html[name_start..].find([' ', '\t', '\n', '\r', '\x0c', '/', '>']);
            let name = name_start..name_end.map_or(html.len(), |len| name_start + len);
            let Some(end) = self.tag_end(name.end) else {
                self.unclosed = start;
                continue;
            };
            self.at = end;
            if close {
                return Some(Token::Close { name });
            }
            self.raw = RAW.iter().any(|raw| html[name.clone()].eq_ignore_ascii_case(raw)).then(|| name.clone());
            return Some(Token::Open { attributes: name.end..end - 1, name });
        }
        None
    }
}

/// Names and values of a tag's attributes, character references left as they are.
pub(super) fn attributes(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let space = |c: char| c.is_ascii_whitespace() || c == '/';
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(space);
        let mut chars = rest.char_indices().skip(1);
        let name_end = chars.find(|&(_, c)| space(c) || c == '=').map_or(rest.len(), |(at, _)| at);
        let (name, behind) = rest.split_at(name_end);
        if name.is_empty() {
            return None;
        }
        let Some(value) = behind.trim_ascii_start().strip_prefix('=') else {
            rest = behind;
            return Some((name, ""));
        };
        let value = value.trim_ascii_start();
        let quoted = value.strip_prefix(['"', '\'']);
        let (value, behind) = match quoted {
            Some(inner) => inner.split_once(&value[..1]).unwrap_or((inner, "")),
            None => value.split_at(value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len())),
        };
        rest = behind;
        Some((name, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(html: &str, expected: &[&str]) {
        let show = |token| match token {
            Token::Text(range) => html[range].to_owned(),
            Token::Open { name, attributes } => format!("<{}|{}>", &html[name], &html[attributes]),
            Token::Close { name } => format!("</{}>", &html[name]),
        };
        assert_eq!(Tokens::new(html).map(show).collect::<Vec<_>>(), expected, "{html}");
    }

    #[test]
    fn tags_and_text() {
        check("a<b>c</b>d", &["a", "<b|>", "c", "</b>", "d"]);
        check("<a href='x>y' b>", &["<a| href='x>y' b>"]);
        check("<a b=\"<c>\" d = '>'>x", &["<a| b=\"<c>\" d = '>'>", "x"]);
        check("<p it's>x</p>", &["<p| it's>", "x", "</p>"]);
        check("<br/><hr />", &["<br|/>", "<hr| />"]);
    }

    #[test]
    fn what_is_no_tag_is_text() {
        check("1 < 2 <3 a<", &["1 < 2 <3 a<"]);
        check("a <b c <d e", &["a ", "<b c <d e"]);
        check("x </ y", &["x </ y"]);
        check("<a b='c>d<i>e", &["<a| b='c>", "d", "<i|>", "e"]);
    }

    #[test]
    fn comments_and_declarations_vanish() {
        check("<!doctype html>a<!-- <p> > -->b<?xml v?>c</3>d<!-->e<![CDATA[f]]>g", &["a", "b", "c", "d", "e", "g"]);
        check("a<!-- never closed", &["a"]);
    }

    #[test]
    fn raw_elements_end_at_their_own_end_tag() {
        check("<script>a<b></p></scripty></SCRIPT >c", &["<script|>", "a<b></p></scripty>", "</SCRIPT>", "c"]);
        check("<title>a", &["<title|>", "a"]);
        check("<style></style>", &["<style|>", "</style>"]);
    }

    #[test]
    fn attributes_in_all_spellings() {
        let found: Vec<_> = attributes(" a b=1 c = 'x y' d=\"\" / =e f='open").collect();
        assert_eq!(found, [("a", ""), ("b", "1"), ("c", "x y"), ("d", ""), ("=e", ""), ("f", "open")]);
    }
}
