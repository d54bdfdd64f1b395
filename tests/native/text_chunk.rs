//! Chunkers from outside: what each strategy makes of a text, and what holds for any text.

use nearfield::text::{chunk, passage, ChunkOptions, Chunked, Strategy as By, TokenCounter, WordCounter, MIN_TOKENS};
use nearfield::ErrorKind;
use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation;

const ALL: [By; 5] = [By::Tokens, By::Sentences, By::Recursive, By::Markdown, By::Html];

fn options(strategy: By, size: usize, overlap: usize) -> ChunkOptions {
    ChunkOptions { strategy, size, overlap }
}

/// Context and text of every chunk, as `context: text`.
#[track_caller]
fn check(strategy: By, size: usize, overlap: usize, text: &str, expected: &[&str]) {
    let options = options(strategy, size, overlap);
    let chunked = chunk(text, &options, &WordCounter).unwrap();
    assert_laws(text, &options, &WordCounter, &chunked);
    let show = |c: &nearfield::text::Chunk| match c.context.is_empty() {
        true => chunked.text[c.span.clone()].to_owned(),
        false => format!("{}: {}", c.context, &chunked.text[c.span.clone()]),
    };
    assert_eq!(chunked.chunks.iter().map(show).collect::<Vec<_>>(), expected);
}

/// What the module promises, of any text that is not cut off at the front.
#[track_caller]
fn assert_laws(source: &str, options: &ChunkOptions, counter: &dyn TokenCounter, chunked: &Chunked) {
    let text = &*chunked.text;
    let mut bounds: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).collect();
    bounds.push(text.len());
    let is_bound = |at: usize| bounds.binary_search(&at).is_ok();
    let mut covered = 0;
    let mut last_start = None;
    for c in &chunked.chunks {
        let (span, piece) = (c.span.clone(), &text[c.span.clone()]);
        assert!(is_bound(span.start) && is_bound(span.end), "{span:?} cuts a grapheme of {text:?}");
        assert!(!piece.trim().is_empty(), "{span:?} is blank");
        let count = counter.count(&passage(&c.context, piece)) + counter.special_tokens();
        let single = piece.graphemes(true).nth(1).is_none();
        assert!(count <= options.size || single, "{span:?} has {count} tokens, size {}: {piece:?}", options.size);
        assert!(counter.count(&c.context) <= options.size / 4, "context {:?}", c.context);
        assert!(last_start.is_none_or(|last| last < span.start) && span.end > covered, "{span:?} out of order");
        if span.start > covered && !(covered == 0 && options.strategy == By::Markdown) {
            assert!(text[covered..span.start].trim().is_empty(), "{:?} lost", &text[covered..span.start]);
        }
        (covered, last_start) = (span.end, Some(span.start));
        assert!(c.source.start < c.source.end, "{:?} of {source:?}", c.source);
        assert!(source.get(c.source.clone()).is_some(), "source {:?} of {source:?}", c.source);
        if options.strategy != By::Html {
            assert_eq!(c.source, c.span);
        }
    }
    let front_matter_only = options.strategy == By::Markdown && covered == 0;
    assert!(front_matter_only || text[covered..].trim().is_empty(), "{:?} lost", &text[covered..]);
}

/// Four bytes or fewer a token, words or not, with two special tokens: no cut leaves the count as it was.
struct ByteCounter;

impl TokenCounter for ByteCounter {
    fn token_spans(&self, text: &str) -> Vec<(usize, usize)> {
        (0..text.len()).step_by(4).map(|start| (start, (start + 4).min(text.len()))).collect()
    }

    fn special_tokens(&self) -> usize {
        2
    }
}

/// Words of any length are one token in the whole text, and one token a byte when alone: as a word that is unknown
/// whole but known in parts.
struct FickleCounter;

impl TokenCounter for FickleCounter {
    fn token_spans(&self, text: &str) -> Vec<(usize, usize)> {
        match text.len() > 100 {
            true => vec![(0, text.len())],
            false => (0..text.len()).map(|start| (start, start + 1)).collect(),
        }
    }

    fn special_tokens(&self) -> usize {
        1
    }
}

#[test]
fn tokens_take_whole_words_and_repeat_some() {
    check(By::Tokens, 8, 0, "a b c d e f g h i j", &["a b c d e f g h", "i j"]);
    check(By::Tokens, 8, 3, "a b c d e f g h i j k l m n", &["a b c d e f g h", "f g h i j k l m", "k l m n"]);
    check(By::Tokens, 8, 2, "天地玄黄宇宙洪荒日月", &["天地玄黄宇宙洪荒", "洪荒日月"]);
}

#[test]
fn sentences_stay_whole_where_they_fit() {
    let text = "One two three. Four five six. Seven eight nine ten. Eleven.";
    check(By::Sentences, 8, 0, text, &["One two three. Four five six.", "Seven eight nine ten. Eleven."]);
    let sliding = ["One two three. Four five.", "Four five. Six seven."];
    check(By::Sentences, 8, 3, "One two three. Four five. Six seven.", &sliding);
    check(By::Sentences, 8, 0, "a b c d e f g h i j. K.", &["a b c d e f g h", "i j. K."]);
}

#[test]
fn structure_is_kept_where_it_fits() {
    let text = "One two three four.\n\nFive six\nseven eight nine.\n\nTen.";
    check(By::Recursive, 8, 0, text, &["One two three four.", "Five six\nseven eight nine.\n\nTen."]);
    let text = "Aa bb cc. Dd ee.\n\nFf gg hh ii.";
    check(By::Recursive, 8, 3, text, &["Aa bb cc. Dd ee.", "Dd ee.\n\nFf gg hh ii."]);
}

#[test]
fn markdown_sections_carry_their_headings() {
    let text = "Intro.\n\n# Guide\n\n## Install\n\nRun it.\n\n## Use `db`\nSearch.\n# End\nBye.\n";
    let expected = [
        "Intro.",
        "Guide > Install: # Guide\n\n## Install\n\nRun it.",
        "Guide > Use db: ## Use `db`\nSearch.",
        "End: # End\nBye.",
    ];
    check(By::Markdown, 64, 0, text, &expected);
    check(By::Markdown, 64, 0, "Top\n===\na\n\nSub\n---\nb", &["Top: Top\n===\na", "Top > Sub: Sub\n---\nb"]);
    check(By::Markdown, 64, 0, "# A\n# B\n", &["A: # A", "B: # B"]);
    check(By::Markdown, 64, 0, "> # Quoted\n\n- # Listed\n", &["> # Quoted\n\n- # Listed"]);
}

#[test]
fn markdown_code_and_tables_stay_whole_where_they_fit() {
    let code = "```\na = 1\n\nb = 2\n```";
    let text = format!("One two three four five six seven.\n\n{code}\n\nEight nine.");
    check(By::Markdown, 16, 0, &text, &["One two three four five six seven.", &format!("{code}\n\nEight nine.")]);
    let table = "| a | b |\n|---|---|\n| c | d |";
    let text = format!("One two three four five six.\n{table}\n");
    check(By::Markdown, 40, 0, &format!("{}\n\n{table}", "w ".repeat(36)), &[&"w ".repeat(36)[..71], table]);
    check(By::Markdown, 64, 0, &text, &[text.trim_end()]);
    check(By::Markdown, 8, 0, "~~~\na b c d\ne f g h\n~~~", &["~~~\na b c d", "e f g h\n~~~"]);
}

#[test]
fn markdown_front_matter_is_dropped_and_gives_the_title() {
    let title = |text: &str| chunk(text, &options(By::Markdown, 64, 0), &WordCounter).unwrap().title;
    let yaml = "---\ntitle: \"A \\\"B\\\"\"\ntags:\n  - x\n---\n# Head\ntext";
    check(By::Markdown, 64, 0, yaml, &["Head: # Head\ntext"]);
    assert_eq!(title(yaml).as_deref(), Some("A \"B\""));
    assert_eq!(title("\u{feff}---\r\ntitle: 'It''s'\r\n---\r\ntext").as_deref(), Some("It's"));
    assert_eq!(title("+++\ntitle = \"T\"\n+++\ntext").as_deref(), Some("T"));
    assert_eq!(title("---\ndate: 1\n---\n## Sub\n# Head *one*").as_deref(), Some("Head one"));
    assert_eq!(title("## Page\n### Sub\n## Next").as_deref(), Some("Page"));
    assert_eq!(title("### Sub\n## Page"), None);
    assert_eq!(title("text"), None);
    check(By::Markdown, 64, 0, "---\n\nNot: yaml\n\n---\n", &["---\n\nNot: yaml\n\n---"]);
    check(By::Markdown, 64, 0, "---\nProse here\n\n---\n", &["---\nProse here\n\n---"]);
    check(By::Markdown, 64, 0, "---\nnever: closed\n", &["---\nnever: closed"]);
    check(By::Markdown, 64, 0, "---\nonly: this\n---\n", &[]);
}

#[test]
fn long_contexts_are_shortened() {
    let text = "# One two three\n## Four five\n### Six seven\nText.";
    check(
        By::Markdown,
        64,
        0,
        text,
        &["One two three > Four five > Six seven: # One two three\n## Four five\n### Six seven\nText."],
    );
    let chunked = chunk(text, &options(By::Markdown, 24, 0), &WordCounter).unwrap();
    assert_eq!(chunked.chunks[0].context, "Four five > Six seven");
    let chunked = chunk(text, &options(By::Markdown, 8, 0), &WordCounter).unwrap();
    assert_eq!(chunked.chunks[0].context, "Six seven");
    let chunked = chunk("# a b c d e\nText", &options(By::Markdown, 8, 0), &WordCounter).unwrap();
    assert_eq!(chunked.chunks[0].context, "a b");
}

#[test]
fn html_becomes_text_with_spans_into_the_page() {
    let page = "<!doctype html><html><head><title>T &amp; U</title><script>no</script></head><body>\
        <nav>Menu</nav><h1>Guide</h1>\n<p>One <b>two</b>\n  three&nbsp;&lt;four&gt;.<p>Five\
        <ul><li>a<li>b</ul><pre>x\n  y</pre><footer>Foot</footer></body>";
    let chunked = chunk(page, &options(By::Html, 64, 0), &WordCounter).unwrap();
    assert_eq!(chunked.title.as_deref(), Some("T & U"));
    assert_eq!(chunked.text, "Guide\n\nOne two three\u{a0}<four>.\n\nFive\n\na\nb\n\nx\n  y");
    assert_eq!(chunked.chunks.len(), 1);
    assert_eq!(chunked.chunks[0].context, "Guide");
    let source = &page[chunked.chunks[0].source.clone()];
    assert!(source.starts_with("Guide</h1>") && source.ends_with("x\n  y"), "{source}");
}

#[track_caller]
fn check_html(page: &str, expected: &str) {
    let chunked = chunk(page, &options(By::Html, 64, 0), &WordCounter).unwrap();
    assert_eq!(chunked.text, expected, "{page}");
}

#[test]
fn html_main_text_is_preferred_and_boilerplate_dropped() {
    check_html("<div>Menu</div><main><p>Text</main><div>More</div>", "Text");
    check_html("<div role='main'>Text</div><div>More</div>", "Text");
    check_html("<main> </main><p>Text", "Text");
    check_html("<p>Menu</p><article>A long text</article><article>And more</article>", "A long text\n\nAnd more");
    check_html("<p>The text of the page itself</p><article>note</article>", "The text of the page itself\n\nnote");
    check_html("<header>Site</header><article><header><h1>Head</h1></header>Text</article>", "Head\n\nText");
    check_html("<p>a<span hidden>b</span><i aria-hidden=true>c</i><i style='display: none'>d</i>e", "ae");
    check_html("<div role=navigation>a</div>b<aside>c</aside><noscript>d</noscript><svg><title>e</title>f</svg>", "b");
    check_html("<form><p>All there is</p></form>", "All there is");
    check_html("<script>if (a < b) '<p>x</p>'</script><style>p{}</style><template>t</template>", "");
}

#[test]
fn html_of_any_shape_is_read() {
    check_html("no markup at all", "no markup at all");
    check_html("1 < 2 &amp;&amp; 3 > 2 &unknown; &#x41;", "1 < 2 && 3 > 2 &unknown; A");
    check_html("<p>a</div></p></b>b<p", "a\n\nb<p");
    check_html("<div><nav>menu</div>text", "text");
    check_html("<p><b>x<p>y</b>z", "x\n\nyz");
    check_html("<table><tr><td>a<td>b<tr><th>c</table>d", "a\tb\nc\n\nd");
    check_html("a<br>b<br><br>c<hr>d", "a\nb\n\nc\n\nd");
    check_html("<pre>\n  a\n\n b</pre>", "  a\n\n b");
    check_html("<P>Upper</P><custom-tag>x</custom-tag>", "Upper\n\nx");
    check_html("a <!-- b --> c", "a c");
    check_html("<textarea>a</textarea><select><option>b</select>c", "c");
}

#[test]
fn html_sections_and_tables() {
    let page = "<h1>Guide</h1><h2>Install</h2><p>Run it.</p><h2>Use</h2><table><tr><td>a<td>b</table>";
    check(By::Html, 64, 0, page, &["Guide > Install: Guide\n\nInstall\n\nRun it.", "Guide > Use: Use\n\na\tb"]);
}

#[test]
fn none_is_the_whole_text() {
    let text = " one\n\ntwo ";
    let chunked = chunk(text, &options(By::None, 0, 0), &WordCounter).unwrap();
    assert_eq!((chunked.chunks.len(), &chunked.chunks[0].span), (1, &(1..9)));
}

#[test]
fn blank_text_has_no_chunks() {
    for strategy in ALL.into_iter().chain([By::None]) {
        for text in ["", " ", "\r\n\t\u{3000}\n"] {
            assert!(chunk(text, &options(strategy, 64, 8), &WordCounter).unwrap().chunks.is_empty());
        }
    }
}

#[test]
fn impossible_sizes_are_refused() {
    let kind = |size, overlap| chunk("a", &options(By::Tokens, size, overlap), &ByteCounter).err().map(|e| e.kind);
    assert_eq!(kind(MIN_TOKENS + 2, 0), None);
    assert_eq!(kind(MIN_TOKENS + 1, 0), Some(ErrorKind::InvalidInput));
    assert_eq!(kind(20, 9), None);
    assert_eq!(kind(20, 10), Some(ErrorKind::InvalidInput));
    assert_eq!(kind(21, 11), Some(ErrorKind::InvalidInput));
}

#[test]
fn binary_and_giant_graphemes_are_cut_by_bytes() {
    let zalgo = format!("a{}", "\u{301}".repeat(5000));
    let flags = "🇩🇪".repeat(3000);
    let noise: String = (0..20_000u32).filter_map(|i| char::from_u32(i.wrapping_mul(2_654_435_761) >> 21)).collect();
    for text in ["\0".repeat(50_000), "A".repeat(50_000), " \u{301}".repeat(9000), zalgo, flags, noise] {
        for strategy in ALL {
            for counter in [&WordCounter as &dyn TokenCounter, &ByteCounter, &FickleCounter] {
                let options = options(strategy, 32, 5);
                let chunked = chunk(&text, &options, counter).unwrap();
                assert_laws(&text, &options, counter, &chunked);
                let longest = chunked.chunks.iter().map(|c| c.span.len()).max().unwrap_or(0);
                assert!(longest <= 32 * 64 || text.starts_with('a'), "{longest}");
            }
        }
    }
}

#[test]
fn ten_megabytes_are_chunked() {
    let paragraph = "# Head\n\nThe quick brown fox, wörtlich; jumps over <b>the</b> lazy dog. 天地玄黄 &amp; more.\n\n";
    let text = paragraph.repeat((10 << 20) / paragraph.len());
    for strategy in ALL {
        let chunked = chunk(&text, &options(strategy, 256, 32), &WordCounter).unwrap();
        assert!(chunked.chunks.len() > 1000);
    }
    let one_line = text.replace(['\n', ' ', '.'], "x");
    assert!(chunk(&one_line, &options(By::Recursive, 256, 32), &WordCounter).unwrap().chunks.len() > 1000);
}

/// Pieces of text, markup and trouble, strung together.
fn soup() -> impl Strategy<Value = String> {
    const PIECES: [&str; 71] = [
        "word",
        "Ein Satz. ",
        "two words ",
        " ",
        "  ",
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        "\t",
        "\0",
        "\u{b}",
        "\u{85}",
        "\u{2028}",
        "\u{a0}",
        "\u{301}",
        "\u{200d}",
        "\u{600}",
        "\u{fe0f}",
        "👩‍👩‍👧",
        "🇩🇪",
        "🇩",
        "ก",
        "ำ",
        "ภาษาไทย",
        "한국어 ",
        "天地。",
        "हिन्दी ",
        "e\u{301}",
        "\u{feff}",
        "# ",
        "## Head\n",
        "\n# Top\n\n",
        "```\n",
        "| a | b |\n",
        "|---|---|\n",
        "- ",
        "> ",
        "---\n",
        "===\n",
        "<p>",
        "</p>",
        "<h1>",
        "</h1>",
        "<h2 class='x'>",
        "<pre>",
        "</pre>",
        "<!--",
        "-->",
        "<main>",
        "</main>",
        "<nav>",
        "</nav>",
        "<table><tr><td>",
        "</table>",
        "<script>",
        "</script>",
        "<title>",
        "<div hidden>",
        "</div>",
        "<b>",
        "</b>",
        "<br>",
        "<",
        ">",
        "\"",
        "&amp;",
        "&",
        "&#x301;",
        "<article>",
        "a@b.c ",
    ];
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn laws_hold_for_any_text(
        text in prop_oneof![3 => soup(), 1 => "\\PC{0,200}", 1 => any::<String>()],
        strategy in prop::sample::select(&ALL[..]),
        size in 10usize..40,
        overlap in 0usize..20,
        which in 0usize..3,
    ) {
        let counter = [&WordCounter as &dyn TokenCounter, &ByteCounter, &FickleCounter][which];
        let options = options(strategy, size, overlap.min((size - 1) / 2));
        let chunked = chunk(&text, &options, counter).unwrap();
        if !(strategy == By::Markdown && text.trim_start_matches('\u{feff}').starts_with("---")) {
            assert_laws(&text, &options, counter, &chunked);
        }
    }

    #[test]
    fn source_spans_hold_the_words_of_the_chunk(words in prop::collection::vec("[a-z]{1,8}", 1..40), seed in any::<u64>()) {
        const TAGS: [&str; 6] = ["<p>", " <b>", "</b> ", "<br>", "\n", "<li>"];
        let mut page = String::new();
        for (i, word) in words.iter().enumerate() {
            page.push_str(TAGS[(seed >> (i % 60)) as usize % TAGS.len()]);
            page.push_str(word);
        }
        let chunked = chunk(&page, &options(By::Html, 10, 0), &WordCounter).unwrap();
        for c in &chunked.chunks {
            let (text, source) = (&chunked.text[c.span.clone()], &page[c.source.clone()]);
            let first: String = text.split_whitespace().next().unwrap_or("").to_owned();
            let last: String = text.split_whitespace().next_back().unwrap_or("").to_owned();
            prop_assert!(source.starts_with(&first[..1]) && source.ends_with(&last[last.len() - 1..]));
        }
    }
}
