//! Characters in one form: compatibility composition and lower case first, then, for the term itself, letters without
//! the marks that only decorate them.

use super::super::unicode::{nfkc, undecorated};

/// Appends `text` in NFKC and lower case, digits of all scripts as ASCII, characters that are never seen left out.
pub(super) fn lower(text: &str, turkish: bool, out: &mut String) {
    let mut push = |c: char| match c {
        'A'..='Z' if !turkish => out.push(c.to_ascii_lowercase()),
        'a'..='z' | '0'..='9' => out.push(c),
        'I' if turkish => out.push('ı'),
        'İ' => out.push('i'),
        'ς' => out.push('σ'),
        '’' | 'ʼ' | '＇' => out.push('\''),
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' => {}
        // Some accents that stand alone decompose to one on a space.
        c if c.is_whitespace() || c.is_control() => {}
        _ => match digit(c) {
            Some(digit) => out.push(digit),
            None => c.to_lowercase().for_each(|c| out.push(c)),
        },
    };
    nfkc(text, &mut push);
}

/// Decimal digits of the scripts in use, each block ten in a row.
fn digit(c: char) -> Option<char> {
    const ZEROS: [char; 16] = [
        '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}', '\u{be6}', '\u{c66}',
        '\u{ce6}', '\u{d66}', '\u{e50}', '\u{ed0}', '\u{1040}', '\u{17e0}',
    ];
    let value = ZEROS.into_iter().find_map(|zero| (c as u32).checked_sub(zero as u32).filter(|&value| value < 10))?;
    char::from_digit(value, 10)
}

/// Appends `text`, which `lower` has seen, without decoration. Latin and Greek lose all marks; Cyrillic only stress
/// and the dots of `ё`, for `й` and `ї` are letters; Hebrew and Arabic the points that readers do without. Arabic
/// spellings of one letter become one, as in Lucene's `ArabicNormalizer`.
pub(super) fn fold(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '\0'..='\x7f' => out.push(c),
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'þ' => out.push_str("th"),
            'ø' | 'ɵ' => out.push('o'),
            'ð' | 'đ' | 'ɖ' => out.push('d'),
            'ł' | 'ƚ' => out.push('l'),
            'ħ' => out.push('h'),
            'ŧ' => out.push('t'),
            'ŋ' => out.push('n'),
            'ı' | 'ɨ' => out.push('i'),
            '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => {
                out.push(undecorated(c));
            }
            'ё' | 'ѐ' => out.push('е'),
            'ѝ' => out.push('и'),
            'آ' | 'أ' | 'إ' | 'ٱ' => out.push('ا'),
            'ى' | 'ی' => out.push('ي'),
            'ة' => out.push('ه'),
            'ک' => out.push('ك'),
            '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6e8}' => {}
            '\u{6ea}'..='\u{6ed}'
            | '\u{591}'..='\u{5bd}'
            | '\u{5bf}'
            | '\u{5c1}'
            | '\u{5c2}'
            | '\u{5c4}'..='\u{5c7}' => {}
            '\u{300}'..='\u{36f}' => {}
            _ => out.push(c),
        }
    }
}
