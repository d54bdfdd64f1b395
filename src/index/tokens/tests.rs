use super::*;
use crate::error::{ErrorKind, Result};
use crate::index::testing::{entries, lexical, some, Random};
use crate::index::{Beside, Bitset, BlobKind, Leg, Scored, Segment, SegmentBuilder};
use crate::kernel::scalar;
use crate::pace::{at_once, Unpaced};
use proptest::prelude::*;

fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}

/// Vectors near a few directions, as those of tokens are.
fn vectors(random: &mut Random, count: usize, dims: usize) -> Vec<f32> {
    let topic = |number: u32, random: &mut Random| -> Vec<f32> {
        let mut own = Random(u64::from(number) + 99);
        normalised((0..dims).map(|_| own.normal() + 0.7 * random.normal()).collect())
    };
    (0..count).flat_map(|_| topic(random.below(0..30), random)).collect()
}

fn fit(vectors: &[f32], dims: usize, bits: TokenBits) -> Codebook {
    at_once(Codebook::fit(vectors, dims, bits, &Unpaced)).unwrap()
}

/// A codebook of these bits, however few vectors there are.
fn codebook(random: &mut Random, dims: usize, bits: TokenBits) -> Codebook {
    let fitted = fit(&vectors(random, 700, dims), dims, bits);
    let bytes = fitted.encode().unwrap();
    assert_eq!(fitted.form().bits, TokenBits::Eight);
    match bits {
        TokenBits::Eight => fitted,
        TokenBits::Two => Codebook::decode(&with_bits(&bytes, 2)).unwrap(),
    }
}

/// The same blob with other bits in its head.
fn with_bits(bytes: &[u8], bits: u8) -> Vec<u8> {
    let frame = crate::codec::Frame::open(bytes, *b"CENT", 0).unwrap();
    let mut writer = crate::codec::FrameWriter::new(*b"CENT", 0);
    for tag in frame.tags() {
        let mut section = frame.section(tag).unwrap().to_vec();
        if tag == *b"HEAD" {
            section[8] = bits;
        }
        writer.section(tag, section);
    }
    writer.finish().unwrap()
}

fn rows(codebook: &Codebook, tokens: TokenView<'_>) -> Vec<Vec<f32>> {
    let mut out = Vec::new();
    codebook.dequantise(tokens, &mut out);
    out.chunks_exact(codebook.form().dims).map(<[f32]>::to_vec).collect()
}

fn split(vectors: &[f32], dims: usize) -> Vec<Vec<f32>> {
    vectors.chunks_exact(dims).map(<[f32]>::to_vec).collect()
}

fn product(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

const BITS: [TokenBits; 2] = [TokenBits::Two, TokenBits::Eight];

#[test]
fn codes_keep_directions_and_on_the_whole_inner_products() {
    let (mut random, dims) = (Random(1), 64);
    for (bits, least) in [(TokenBits::Two, 0.95), (TokenBits::Eight, 0.9999)] {
        let codebook = codebook(&mut random, dims, bits);
        let (given, query) = (vectors(&mut random, 2000, dims), vectors(&mut random, 40, dims));
        let kept = rows(&codebook, codebook.quantise(&given).view());
        let (mut cosines, mut errors) = (0.0, Vec::new());
        for (given, kept) in split(&given, dims).iter().zip(&kept) {
            cosines += cosine(given, kept) / 2000.0;
            errors.extend(split(&query, dims).iter().map(|query| product(query, kept) - product(query, given)));
        }
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        let spread = (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
        println!("{bits:?}: cosine {cosines:.4}, inner products err by {spread:.4}, on the whole {mean:.5}");
        assert!(cosines > least && mean.abs() < 0.002 && spread < 0.05, "{cosines} {mean} {spread}");
    }
}

#[test]
fn what_is_a_centroid_is_kept_exactly() {
    let codebook = codebook(&mut Random(2), 20, TokenBits::Two);
    for id in 0..codebook.form().centroids as usize {
        let centroid = codebook.centroid(id).to_vec();
        let kept = rows(&codebook, codebook.quantise(&centroid).view()).remove(0);
        assert!(cosine(&kept, &centroid) > 0.999_9);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn codes_are_taken_out_as_they_were_put_in(codes in proptest::collection::vec(0u8..=255, 1..150), two in any::<bool>()) {
        let bits = if two { TokenBits::Two } else { TokenBits::Eight };
        let codes: Vec<u8> = codes.into_iter().map(|code| if two { code & 3 } else { code }).collect();
        let form = TokenForm { codebook: 0, centroids: 1, dims: codes.len(), bits };
        let mut packed = Vec::new();
        form.pack(&codes, &mut packed);
        prop_assert_eq!(packed.len(), form.bytes());
        let mut steps = vec![0.0; codes.len()];
        form.steps(&packed, &mut steps);
        let (scale, offset) = form.affine();
        let mut activations = vec![0; codes.len()];
        form.activations(&packed, &mut activations);
        for ((code, step), activation) in codes.iter().zip(steps).zip(activations) {
            prop_assert_eq!(step, f32::from(*code) - if two { 1.5 } else { 127.5 });
            // Of eight bits the last is not read.
            let error = (f32::from(activation) * scale + offset - step).abs();
            prop_assert!(error <= if two { 0.0 } else { 0.5 }, "{}", error);
        }
    }

    #[test]
    fn scores_are_those_of_the_oracle(dims in 1usize..130, tokens in 1usize..40, asked in 1usize..50, eight in any::<bool>(), seed: u64) {
        let mut random = Random(seed);
        let codebook = codebook(&mut random, dims, BITS[usize::from(eight)]);
        let codes = codebook.quantise(&vectors(&mut random, tokens, dims));
        let query = vectors(&mut random, asked, dims);
        let (segment, _) = segment(&codebook, vec![vec![codes.clone()]]);
        let token_query = TokenQuery::new(&query, &codebook).unwrap();
        let score = token_query.score(&segment, 0, &mut TokenScratch::default()).unwrap().unwrap();
        let expected = scalar::max_sim(&split(&query, dims), &rows(&codebook, codes.view()));
        // A query token's numbers are rounded to one in 127 of the largest, and codes of eight bits to seven.
        prop_assert!((f64::from(score) - expected).abs() < 0.008 * asked as f64, "{score} {expected}");
    }
}

/// A segment of documents whose chunks have these tokens.
fn segment(codebook: &Codebook, documents: Vec<Vec<TokenCodes>>) -> (Segment, Vec<TokenCodes>) {
    let mut builder = SegmentBuilder::with(&lexical(), &[BlobKind::Colbert].into()).unwrap();
    let mut random = Random(7);
    for (number, chunks) in documents.iter().enumerate() {
        let mut entry = entries(&mut random, &format!("n{number}-"), 1, 1, 0).remove(0);
        entry.chunks = chunks.iter().map(|_| entry_of(&entry.document.text)).collect();
        let tokens = Some(ChunkTokens { form: codebook.form(), chunks });
        builder.add_with(&entry.document, &entry.chunks, None, Beside { tokens, ..Beside::default() }).unwrap();
    }
    (builder.seal(3).unwrap().open().unwrap(), documents.concat())
}

fn entry_of(text: &str) -> crate::index::ChunkEntry {
    let (span, unit) = (0..text.len(), crate::index::Unit::default());
    crate::index::ChunkEntry { span: span.clone(), source: span, context: String::new(), unit }
}

fn documents(random: &mut Random, codebook: &Codebook, count: usize) -> Vec<Vec<TokenCodes>> {
    let dims = codebook.form().dims;
    let chunk = |random: &mut Random| {
        let tokens = random.below(0..12) as usize;
        codebook.quantise(&vectors(random, tokens, dims))
    };
    (0..count).map(|_| (0..random.below(1..4)).map(|_| chunk(random)).collect()).collect()
}

#[test]
fn the_best_are_those_of_an_exhaustive_comparison() {
    for (count, k) in [(40, 10), (900, 10), (900, 400)] {
        let mut random = Random(count as u64);
        let codebook = codebook(&mut random, 32, TokenBits::Two);
        let segments: Vec<_> =
            [count, count / 2].map(|count| segment(&codebook, documents(&mut random, &codebook, count))).into();
        let query = vectors(&mut random, 9, 32);
        let token_query = TokenQuery::new(&query, &codebook).unwrap();
        let allowed: Vec<Option<Bitset>> =
            segments.iter().map(|(segment, _)| (k == 10).then(|| some(&mut random, segment.chunks(), 0.8))).collect();
        let mut expected = Vec::new();
        for (index, ((segment, chunks), allowed)) in (0..).zip(segments.iter().zip(&allowed)) {
            assert_eq!(segment.chunks() as usize, chunks.len());
            for chunk in 0..segment.chunks() {
                let score = token_query.score(segment, chunk, &mut TokenScratch::default()).unwrap();
                assert_eq!(score.is_none(), chunks[chunk as usize].is_empty());
                if allowed.as_ref().is_none_or(|allowed| allowed.contains(chunk)) {
                    expected.extend(score.map(|score| Scored { segment: index, chunk, score }));
                }
            }
        }
        expected.sort();
        expected.truncate(k);
        let legs: Vec<Leg> = segments
            .iter()
            .zip(&allowed)
            .map(|((segment, _), allowed)| Leg { segment, allowed: allowed.as_ref() })
            .collect();
        assert_eq!(token_top_k(&legs, &token_query, k).unwrap(), expected, "{count} {k}");
    }
}

#[test]
fn what_is_stored_is_read_and_copied() {
    let mut random = Random(4);
    for bits in BITS {
        let codebook = codebook(&mut random, 24, bits);
        let (first, chunks) = segment(&codebook, documents(&mut random, &codebook, 9));
        let read = |segment: &Segment, chunk: u32| {
            let view = segment.chunk_tokens(chunk).unwrap().unwrap();
            (view.centroids.to_vec(), view.steps.to_vec(), view.codes.to_vec())
        };
        for (number, codes) in (0..).zip(&chunks) {
            assert_eq!(read(&first, number), (codes.centroids.clone(), codes.steps.clone(), codes.codes.clone()));
        }
        let mut builder = SegmentBuilder::with(first.config(), &first.extras()).unwrap();
        let text = |segment: &Segment, doc: u32| "x".repeat(segment.doc(doc).unwrap().text.len());
        for doc in (0..first.docs()).rev() {
            builder.copy(&first, doc, &text(&first, doc), None).unwrap();
        }
        let merged = builder.seal(8).unwrap().open().unwrap();
        for doc in 0..first.docs() {
            let (from, to) = (first.doc_chunks(doc), merged.doc_chunks(first.docs() - 1 - doc));
            assert!(from.zip(to).all(|(from, to)| read(&first, from) == read(&merged, to)));
        }
        let form = codebook.form();
        let blob = seal_tokens(3, &ChunkTokens { form, chunks: &chunks }).unwrap();
        let stats = first.without_extras().with_extra(BlobKind::Colbert, &blob).unwrap().stats();
        assert_eq!((stats.tokens, stats.token_bytes), (first.stats().tokens, first.stats().token_bytes));
        assert_eq!(stats.tokens, chunks.iter().map(TokenCodes::len).sum::<usize>());
        // Codes of another codebook cannot stand beside them.
        let other = super::tests::codebook(&mut random, 24, bits);
        let mut builder = SegmentBuilder::with(first.config(), &first.extras()).unwrap();
        builder.copy(&first, 0, &text(&first, 0), None).unwrap();
        let (foreign, _) = segment(&other, documents(&mut random, &other, 2));
        let refused = builder.copy(&foreign, 1, &text(&foreign, 1), None).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::InvalidInput);
        assert!(builder.copy(&first.without_extras(), 1, &text(&first, 1), None).is_err());
        let query = TokenQuery::new(&vectors(&mut random, 3, 24), &other).unwrap();
        assert!(token_top_k(&[Leg { segment: &first, allowed: None }], &query, 3).is_err());
    }
}

#[test]
fn blobs_that_contradict_themselves_are_refused() {
    let mut random = Random(6);
    let codebook = codebook(&mut random, 8, TokenBits::Two);
    let (segment, chunks) = segment(&codebook, documents(&mut random, &codebook, 6));
    let form = codebook.form();
    let open = |form: TokenForm, chunks: &[TokenCodes], id: u64| -> Result<Segment> {
        segment.with_extra(BlobKind::Colbert, &seal_tokens(id, &ChunkTokens { form, chunks })?)
    };
    assert!(open(form, &chunks, 3).is_ok());
    assert!(open(form, &chunks, 4).is_err() && open(form, &chunks[1..], 3).is_err());
    assert!(open(TokenForm { dims: 9, ..form }, &chunks, 3).is_err());
    assert!(open(TokenForm { centroids: 1, ..form }, &chunks, 3).is_err());
    let mut bad = chunks.clone();
    let at = bad.iter().position(|chunk| !chunk.is_empty()).unwrap();
    bad[at].steps[0] = half::f16::NAN.to_bits();
    assert!(open(form, &bad, 3).is_err());
    let blob = seal_tokens(3, &ChunkTokens { form, chunks: &chunks }).unwrap();
    for at in 0..blob.len() {
        let mut spoilt = blob.clone();
        spoilt[at] ^= 4;
        assert_eq!(
            segment.with_extra(BlobKind::Colbert, &spoilt).err().map(|e| e.kind == ErrorKind::Internal),
            Some(false)
        );
    }
}

#[test]
fn a_codebook_is_stored_and_outgrown_until_it_is_final() {
    let mut random = Random(9);
    let codebook = codebook(&mut random, 12, TokenBits::Two);
    let bytes = codebook.encode().unwrap();
    let again = Codebook::decode(&bytes).unwrap();
    assert_eq!((again.form(), again.encode().unwrap()), (codebook.form(), bytes.clone()));
    for at in 0..bytes.len() {
        let mut spoilt = bytes.clone();
        spoilt[at] ^= 1;
        assert!(Codebook::decode(&spoilt).is_err());
    }
    assert!(Codebook::decode(&with_bits(&bytes, 3)).is_err());
    assert!(!codebook.is_outgrown(2799) && codebook.is_outgrown(2800));
    let empty = fit(&[], 12, TokenBits::Two);
    assert_eq!((empty.form().centroids, empty.is_outgrown(3), empty.is_outgrown(4)), (1, false, true));
    assert_eq!((Codebook::sample(96), Codebook::sample(384)), (65_536, 21_845));
    assert!(at_once(Codebook::fit(&[], 1025, TokenBits::Two, &Unpaced)).is_err());
    // Of as many tokens as it takes: final, and of the bits that are wanted.
    let few = fit(&vectors(&mut random, Codebook::sample(1024), 1024), 1024, TokenBits::Two);
    assert_eq!(few.form().bits, TokenBits::Two);
    assert!(!few.is_outgrown(u64::MAX));
}

#[test]
fn queries_that_cannot_be_are_refused() {
    let codebook = codebook(&mut Random(3), 8, TokenBits::Two);
    for bad in [vec![], vec![0.5; 9], vec![f32::NAN; 8], vec![0.1; 8 * 513]] {
        assert!(TokenQuery::new(&bad, &codebook).is_err());
    }
}
