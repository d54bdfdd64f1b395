//! Character references such as `&amp;`, `&#8217;` and `&hellip;`. The table of the two thousand names is the one
//! that the Markdown parser brings along: asking it keeps a second copy out of what the browser downloads.

use pulldown_cmark::{Event, Parser};
use std::collections::HashMap;

/// Longest name of the standard, `CounterClockwiseContourIntegral`, has 31 letters.
const NAME_BYTES: usize = 32;

/// Names that old pages write without the semicolon.
const BARE: [(&str, &str); 8] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("nbsp", "\u{a0}"),
    ("copy", "©"),
    ("reg", "®"),
    ("shy", "\u{ad}"),
];

/// What the numbers 128 to 159 meant in Windows-1252, as the standard (section 13.2.5.80) asks; 0 keeps the number.
const WINDOWS: [u16; 32] = [
    0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017D, 0, 0,
    0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E, 0x0178,
];

/// Decodes references and remembers those with names.
#[derive(Default)]
pub(super) struct References {
    named: HashMap<String, Option<String>>,
    number: String,
}

impl References {
    /// The reference at the start of `text`, which begins with `&`: its length and what it stands for.
    pub fn decode(&mut self, text: &str) -> Option<(usize, &str)> {
        let body = text.strip_prefix('&')?;
        match body.strip_prefix('#') {
            Some(number) => self.numeric(number).map(|(len, text)| (2 + len, text)),
            None => self.name(body).map(|(len, text)| (1 + len, text)),
        }
    }

    fn numeric(&mut self, text: &str) -> Option<(usize, &str)> {
        let (prefix, radix) = if text.starts_with(['x', 'X']) { (1, 16) } else { (0, 10) };
        let digits = &text[prefix..];
        let len = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
        if len == 0 {
            return None;
        }
        // Anything too long for 32 bits is no character either.
        let code = u32::from_str_radix(&digits[..len], radix).unwrap_or(u32::MAX);
        let code = match code.checked_sub(128).and_then(|at| WINDOWS.get(at as usize)) {
            Some(&meant) if meant != 0 => u32::from(meant),
            _ => code,
        };
        let character = char::from_u32(code).filter(|&c| c != '\0').unwrap_or(char::REPLACEMENT_CHARACTER);
        self.number.clear();
        self.number.push(character);
        let semicolon = digits[len..].starts_with(';');
        Some((prefix + len + usize::from(semicolon), &self.number))
    }

    fn name(&mut self, text: &str) -> Option<(usize, &str)> {
        let bytes = text.as_bytes();
        let len = bytes.iter().take(NAME_BYTES).take_while(|b| b.is_ascii_alphanumeric()).count();
        if bytes.get(len) == Some(&b';') {
            let name = &text[..len];
            if !self.named.contains_key(name) {
                self.named.insert(name.to_owned(), look_up(name));
            }
            if let Some(Some(text)) = self.named.get(name) {
                return Some((len + 1, text));
            }
        }
        let (name, text) = BARE.into_iter().find(|(name, _)| &text[..len] == *name)?;
        Some((name.len(), text))
    }
}

fn look_up(name: &str) -> Option<String> {
    let reference = format!("&{name};");
    let mut decoded = String::new();
    for event in Parser::new(&reference) {
        if let Event::Text(text) = event {
            decoded.push_str(&text);
        }
    }
    (!decoded.is_empty() && decoded != reference).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(usize, &str)>) {
        let mut references = References::default();
        assert_eq!(references.decode(text), expected, "{text}");
        assert_eq!(references.decode(text), expected, "{text} a second time");
    }

    #[test]
    fn named() {
        check("&amp;amp;", Some((5, "&")));
        check("&eacute;t", Some((8, "é")));
        check("&nGt;", Some((5, "≫\u{20d2}")));
        check("&CounterClockwiseContourIntegral;", Some((33, "∳")));
        check("&lt x", Some((3, "<")));
        check("&nbsp", Some((5, "\u{a0}")));
        check("&ampere", None);
        check("&nonsense;", None);
        check("&;", None);
        check("& ", None);
        check("&é;", None);
    }

    #[test]
    fn numeric() {
        check("&#65;", Some((5, "A")));
        check("&#x1F600;", Some((9, "😀")));
        check("&#X41 ", Some((5, "A")));
        check("&#146;", Some((6, "’")));
        check("&#129;", Some((6, "\u{81}")));
        check("&#0;", Some((4, "\u{fffd}")));
        check("&#xD800;", Some((8, "\u{fffd}")));
        check("&#99999999999;", Some((14, "\u{fffd}")));
        check("&#;", None);
        check("&#x;", None);
    }
}
