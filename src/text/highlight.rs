//! Where the terms of a query stand in a text, as ranges that a browser can use.

use super::Analyzer;
use crate::sorting::sort_by_key;
use std::collections::HashSet;
use std::ops::Range;

/// The places of `terms` in `text`, in UTF-16 code units: sorted, disjoint, overlapping and touching ones joined.
/// `analyzer` must be that of the text, and one that made terms of the query.
pub fn highlight(text: &str, terms: &HashSet<String>, analyzer: &Analyzer) -> Vec<Range<u32>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    analyzer.analyze(text, &mut |term, span| {
        if terms.contains(term) {
            spans.push(span);
        }
    });
    // A whole word comes before its parts, and a part may come before the word that a hyphen makes.
    sort_by_key(&mut spans, |span| span.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    let (mut bytes, mut units) = (0, 0);
    let mut advance = |to: usize| {
        units += text[bytes..to].encode_utf16().count() as u32;
        bytes = to;
        units
    };
    merged.into_iter().map(|span| advance(span.start)..advance(span.end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(language: &str, query: &str, text: &str, expected: &[(u32, u32)]) {
        let analyzer = Analyzer::new(language).unwrap();
        let terms = analyzer.terms(query).into_iter().collect();
        let found: Vec<_> = highlight(text, &terms, &analyzer).iter().map(|range| (range.start, range.end)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn words_by_their_stems() {
        check("en", "running dogs", "A dog ran; dogs run.", &[(2, 5), (11, 15), (16, 19)]);
        check("en", "the", "the end", &[]);
        check("en", "", "the end", &[]);
    }

    #[test]
    fn offsets_count_utf_16() {
        check("en", "dog", "😀 é dog", &[(5, 8)]);
        check("none", "été", "e\u{301}te\u{301}!", &[(0, 5)]);
    }

    #[test]
    fn overlapping_pairs_are_one_range() {
        check("zh", "人工智能", "说人工智能好", &[(1, 5)]);
        check("zh", "人工,能好", "说人工智能好", &[(1, 3), (4, 6)]);
    }

    #[test]
    fn compounds_and_parts() {
        check("en", "case", "snake_case here", &[(6, 10)]);
        check("en", "snake_case", "snake_case here", &[(0, 10)]);
        check("en", "covid19", "a covid-19 test", &[(2, 10)]);
    }

    proptest! {
        #[test]
        fn ranges_are_sorted_disjoint_and_within(text in "[a-c 中文字😀é'_.C+-]{0,40}", query in "[a-c中文字é+]{1,6}") {
            let analyzer = Analyzer::new("en").unwrap();
            let terms = analyzer.terms(&query).into_iter().collect();
            let ranges = highlight(&text, &terms, &analyzer);
            let units: Vec<u16> = text.encode_utf16().collect();
            for range in &ranges {
                prop_assert!(range.start < range.end && range.end as usize <= units.len());
                let found = String::from_utf16(&units[range.start as usize..range.end as usize]);
                prop_assert!(found.is_ok(), "a surrogate pair was cut");
            }
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
