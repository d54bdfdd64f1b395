//! Normal form KC (UAX #15): characters that only look different become one, and marks are composed with their letters.

use super::packed::Packed;
use super::replaced::Replaced;
use super::runs::Runs;
use crate::sorting::sort_by_key;
use std::sync::OnceLock;

/// Shows `each` the characters of `text` in normal form KC.
pub fn nfkc(text: &str, each: &mut dyn FnMut(char)) {
    if text.is_ascii() {
        return text.chars().for_each(each);
    }
    let table = Table::get();
    if !text.chars().any(|c| table.is_affected(c)) {
        return text.chars().for_each(each);
    }
    let mut parts = Vec::new();
    text.chars().for_each(|c| table.decompose(c, &mut parts));
    table.compose(parts, each);
}

/// A letter of which NFKC leaves nothing to take apart, without its marks.
pub fn undecorated(mut c: char) -> char {
    let table = Table::get();
    while let Some([_, letter, _]) = table.pair(c) {
        c = letter;
    }
    c
}

struct Table {
    /// Combining classes.
    classes: Runs,
    /// A character, and the two that it is composed of; by the first.
    pairs: Vec<[char; 3]>,
    /// The same by the other two.
    composed: Vec<[char; 3]>,
    replaced: Replaced,
    /// One bit a character: whether it may change, or what is around it.
    affected: Vec<u64>,
}

/// Hangul's syllables and the letters that they are composed of: the first of each, and how many vowels and trailing
/// consonants (with none) there are.
const SYLLABLE: u32 = 0xac00;
const LEAD: u32 = 0x1100;
const VOWEL: u32 = 0x1161;
const TRAIL: u32 = 0x11a7;
const LEADS: u32 = 19;
const VOWELS: u32 = 21;
const TRAILS: u32 = 28;

fn character(code: u32) -> char {
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// How far a character is behind the first of some, if it is one of them.
fn place(c: char, first: u32, count: u32) -> Option<u32> {
    (c as u32).checked_sub(first).filter(|&place| place < count)
}

/// The letters of a syllable of Hangul.
pub(super) fn jamo(c: char) -> Option<impl Iterator<Item = char>> {
    let place = place(c, SYLLABLE, LEADS * VOWELS * TRAILS)?;
    let (lead, vowel, trail) = (place / (VOWELS * TRAILS), place / TRAILS % VOWELS, place % TRAILS);
    let trail = (trail > 0).then_some(TRAIL + trail);
    Some([LEAD + lead, VOWEL + vowel].into_iter().chain(trail).map(character))
}

impl Table {
    fn get() -> &'static Table {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(Table::unpack)
    }

    fn unpack() -> Table {
        let mut packed = Packed(include_bytes!(concat!(env!("OUT_DIR"), "/forms.bin")));
        let classes = Runs::unpack(&mut packed);
        let seconds = packed.chars();
        let mut last = ['\0'; 2];
        let pairs = (0..packed.varint()).map(|_| {
            last = last.map(|last| packed.near(last));
            [last[0], last[1], seconds[usize::from(packed.byte())]]
        });
        let pairs: Vec<[char; 3]> = pairs.collect();
        let mut composed = pairs.clone();
        sort_by_key(&mut composed, |pair| [pair[1], pair[2]]);
        let replaced = Replaced::unpack(&mut packed);
        let mut affected = Vec::new();
        let mut affect = |code: u32| {
            let word = code as usize / 64;
            if affected.len() <= word {
                affected.resize(word + 1, 0u64);
            }
            affected[word] |= 1 << (code % 64);
        };
        classes.codes().for_each(&mut affect);
        replaced.chars().for_each(|c| affect(c as u32));
        seconds.into_iter().for_each(|c| affect(c as u32));
        (VOWEL..TRAIL + TRAILS).for_each(affect);
        Table { classes, pairs, composed, replaced, affected }
    }

    fn is_affected(&self, c: char) -> bool {
        self.affected.get(c as usize / 64).is_some_and(|bits| bits >> (c as usize % 64) & 1 == 1)
    }

    fn pair(&self, c: char) -> Option<[char; 3]> {
        self.pairs.binary_search_by_key(&c, |pair| pair[0]).ok().map(|at| self.pairs[at])
    }

    /// Appends the full decomposition of a character with the classes of its parts. Marks are put into their order:
    /// behind those of their class or a lower one.
    fn decompose(&self, c: char, out: &mut Vec<(char, u8)>) {
        if let Some(parts) = jamo(c) {
            out.extend(parts.map(|part| (part, 0)));
        } else if let Some([_, first, second]) = self.pair(c) {
            self.decompose(first, out);
            self.decompose(second, out);
        } else if let Some(form) = self.replaced.form(c) {
            form.iter().for_each(|&part| self.decompose(part, out));
        } else {
            let class = self.classes.value(c);
            let behind = |&(_, before): &(char, u8)| class == 0 || before <= class;
            let at = out.iter().rposition(behind).map_or(0, |at| at + 1);
            out.insert(at, (c, class));
        }
    }

    /// Composes each mark with the last letter before it if no mark of the same class is between them.
    fn compose(&self, parts: Vec<(char, u8)>, each: &mut dyn FnMut(char)) {
        let mut out: Vec<char> = Vec::with_capacity(parts.len());
        let mut letter = None;
        // The class of what stands last behind the letter.
        let mut last = 0;
        for (c, class) in parts {
            if let Some(at) = letter {
                let adjacent = at + 1 == out.len();
                if adjacent || last < class {
                    if let Some(whole) = self.composed(out[at], c) {
                        out[at] = whole;
                        continue;
                    }
                }
            }
            if class == 0 {
                letter = Some(out.len());
            }
            last = class;
            out.push(c);
        }
        out.into_iter().for_each(each);
    }

    fn composed(&self, first: char, second: char) -> Option<char> {
        if let (Some(lead), Some(vowel)) = (place(first, LEAD, LEADS), place(second, VOWEL, VOWELS)) {
            return Some(character(SYLLABLE + (lead * VOWELS + vowel) * TRAILS));
        }
        let open = place(first, SYLLABLE, LEADS * VOWELS * TRAILS).filter(|place| place.is_multiple_of(TRAILS));
        if let (Some(_), Some(trail @ 1..)) = (open, place(second, TRAIL, TRAILS)) {
            return Some(character(first as u32 + trail));
        }
        let found = self.composed.binary_search_by_key(&[first, second], |pair| [pair[1], pair[2]]);
        found.ok().map(|at| self.composed[at][0])
    }
}
