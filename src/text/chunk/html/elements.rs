//! What each element means for plain text.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Part of the line.
    Inline,
    /// No content: `<br>`, a line end.
    Break,
    /// No content: `<hr>`, a paragraph end.
    Rule,
    /// A paragraph of its own.
    Block,
    /// A line of its own.
    Item,
    Row,
    Cell,
    Table,
    Preformatted,
    Heading(u8),
    Main,
    Article,
    /// The name of the page; not part of its text.
    Title,
    /// A header: of the page, and dropped, unless within the main text or an article.
    Header,
    /// Shown, but rarely what the page is about.
    Boilerplate,
    /// Never shown as text.
    Unseen,
}

use Kind::*;

/// Elements by name, sorted. Elements that are not here, such as `<wbr>` or `<img>`, count for nothing.
const ELEMENTS: [(&str, Kind); 98] = [
    ("a", Inline),
    ("abbr", Inline),
    ("address", Block),
    ("article", Article),
    ("aside", Boilerplate),
    ("audio", Unseen),
    ("b", Inline),
    ("blockquote", Block),
    ("body", Block),
    ("br", Break),
    ("button", Boilerplate),
    ("canvas", Unseen),
    ("caption", Item),
    ("center", Block),
    ("cite", Inline),
    ("code", Inline),
    ("datalist", Unseen),
    ("dd", Item),
    ("del", Inline),
    ("details", Block),
    ("dfn", Inline),
    ("dialog", Boilerplate),
    ("div", Block),
    ("dl", Block),
    ("dt", Item),
    ("em", Inline),
    ("fieldset", Block),
    ("figcaption", Block),
    ("figure", Block),
    ("font", Inline),
    ("footer", Boilerplate),
    ("form", Boilerplate),
    ("frameset", Block),
    ("h1", Heading(1)),
    ("h2", Heading(2)),
    ("h3", Heading(3)),
    ("h4", Heading(4)),
    ("h5", Heading(5)),
    ("h6", Heading(6)),
    ("head", Block),
    ("header", Header),
    ("hgroup", Block),
    ("hr", Rule),
    ("html", Block),
    ("i", Inline),
    ("iframe", Unseen),
    ("ins", Inline),
    ("kbd", Inline),
    ("label", Inline),
    ("legend", Block),
    ("li", Item),
    ("listing", Preformatted),
    ("main", Main),
    ("map", Unseen),
    ("mark", Inline),
    ("menu", Boilerplate),
    ("nav", Boilerplate),
    ("noembed", Unseen),
    ("noframes", Unseen),
    ("noscript", Unseen),
    ("object", Unseen),
    ("ol", Block),
    ("optgroup", Item),
    ("option", Item),
    ("output", Inline),
    ("p", Block),
    ("picture", Inline),
    ("pre", Preformatted),
    ("q", Inline),
    ("rp", Unseen),
    ("rt", Unseen),
    ("s", Inline),
    ("samp", Inline),
    ("script", Unseen),
    ("search", Boilerplate),
    ("section", Block),
    ("select", Boilerplate),
    ("small", Inline),
    ("span", Inline),
    ("strong", Inline),
    ("style", Unseen),
    ("sub", Inline),
    ("summary", Block),
    ("sup", Inline),
    ("svg", Unseen),
    ("table", Table),
    ("tbody", Block),
    ("td", Cell),
    ("template", Unseen),
    ("textarea", Boilerplate),
    ("th", Cell),
    ("time", Inline),
    ("title", Title),
    ("tr", Row),
    ("u", Inline),
    ("ul", Block),
    ("video", Unseen),
    ("xmp", Preformatted),
];

/// How many ids there are.
pub(super) const COUNT: usize = ELEMENTS.len();

/// The paragraph, which every block ends that begins inside it.
pub(super) const PARAGRAPH: u8 = {
    let mut id = 0;
    while ELEMENTS[id].0.len() != 1 || ELEMENTS[id].0.as_bytes()[0] != b'p' {
        id += 1;
    }
    id as u8
};

/// The id of an element by its name in any case.
pub(super) fn id(name: &str) -> Option<u8> {
    let mut lower = [0u8; 10];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    ELEMENTS.binary_search_by(|(name, _)| name.as_bytes().cmp(lower)).ok().map(|at| at as u8)
}

pub(super) fn kind(id: u8) -> Kind {
    ELEMENTS[id as usize].1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_found() {
        assert!(ELEMENTS.is_sorted_by_key(|(name, _)| name));
        for (at, (name, kind_of)) in ELEMENTS.into_iter().enumerate() {
            assert_eq!(id(&name.to_uppercase()), Some(at as u8), "{name}");
            assert_eq!(kind(at as u8), kind_of);
        }
        assert_eq!(ELEMENTS[PARAGRAPH as usize].0, "p");
        assert_eq!(id("blink"), None);
        assert_eq!(id("a-very-custom-element"), None);
    }
}
