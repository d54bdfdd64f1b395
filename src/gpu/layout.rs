//! How weights and batches lie in memory for the kernels: pure functions of a model's shape, without a device.
//!
//! Rows are padded to 16 numbers as the CPU's are. Heads are moved apart besides, each to begin with a whole vector of
//! four: the projections write them so and the layer behind attention reads them so, because outputs of the one and
//! inputs of the other are permuted here, once.

use crate::error::{Error, Result};
use crate::kernel::padded;
use crate::model::bert::{BertConfig, Pooling};
use crate::model::float_weights::Codes;

/// Numbers of a head, at most: what `attention.wgsl` has memory for.
const HEAD_DEPTH: usize = 64;

/// Queries of a workgroup of `attention.wgsl`.
const QUERIES: usize = 16;

/// Tokens of a batch, at most, whatever a device can bind: a batch in hand cannot be given up.
const BATCH_TOKENS: usize = 8192;

/// Where heads lie in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    pub count: usize,
    /// Numbers of a head.
    pub depth: usize,
}

impl Heads {
    /// Errors: `Unsupported` for heads that are too deep for the kernel.
    pub fn of(config: &BertConfig) -> Result<Heads> {
        let heads = Heads { count: config.heads, depth: config.hidden / config.heads.max(1) };
        match heads.depth <= HEAD_DEPTH {
            true => Ok(heads),
            false => {
                Err(Error::unsupported(format!("heads of {} numbers on the GPU; it takes {HEAD_DEPTH}", heads.depth)))
            }
        }
    }

    /// Numbers from head to head.
    pub fn stride(&self) -> usize {
        self.depth.next_multiple_of(4)
    }

    /// Numbers of a row of heads, padded.
    pub fn width(&self) -> usize {
        padded(self.count * self.stride())
    }

    /// Where number `index` of a row without gaps lies.
    pub fn place(&self, index: usize) -> usize {
        index / self.depth * self.stride() + index % self.depth
    }
}

/// Linear layers over the same input, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// Padded.
    pub inputs: usize,
    pub outputs: usize,
    /// `[outputs, inputs]`, int8.
    pub codes: Vec<u8>,
    /// Scale and bias of each output.
    pub affine: Vec<f32>,
}

impl Linear {
    /// All zeros.
    pub fn new(inputs: usize, outputs: usize) -> Linear {
        Linear { inputs, outputs, codes: vec![0; inputs * outputs], affine: vec![0.0; 2 * outputs] }
    }

    /// Puts in a layer of the model; `output` and `input` say where each of its rows and columns goes.
    pub fn put(
        &mut self,
        layer: &Codes,
        bias: &[f32],
        output: impl Fn(usize) -> usize,
        input: impl Fn(usize) -> usize,
    ) {
        let cols = layer.data.len() / bias.len().max(1);
        let rows = layer.data.chunks_exact(cols.max(1)).zip(&layer.scales).zip(bias);
        for (row, ((codes, &scale), &bias)) in rows.enumerate() {
            let place = output(row);
            let slots = &mut self.codes[place * self.inputs..][..self.inputs];
            for (col, &code) in codes.iter().enumerate() {
                slots[input(col)] = code as u8;
            }
            self.affine[2 * place] = scale;
            self.affine[2 * place + 1] = bias;
        }
    }
}

/// Weight and bias of a normalisation in turn.
pub fn interleaved(weight: &[f32], bias: &[f32]) -> Vec<f32> {
    weight.iter().zip(bias).flat_map(|(&weight, &bias)| [weight, bias]).collect()
}

/// A batch as the CPU hands it over.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Sums of each token's embeddings, not yet normalised, `[tokens, padded(hidden)]`.
    pub sums: &'a [f32],
    /// Tokens of each sequence.
    pub lengths: &'a [u32],
}

impl Rows<'_> {
    pub fn tokens(&self) -> usize {
        self.lengths.iter().fold(0, |sum, &length| sum.saturating_add(length as usize))
    }

    /// Errors: `InvalidInput` for rows that do not fit the model or each other, `LimitExceeded` for too many.
    pub fn check(&self, config: &BertConfig, most: usize) -> Result<()> {
        let (tokens, width) = (self.tokens(), padded(config.hidden));
        if self.lengths.is_empty() || self.lengths.contains(&0) || tokens.checked_mul(width) != Some(self.sums.len()) {
            let (numbers, count) = (self.sums.len(), self.lengths.len());
            return Err(Error::invalid(format!("{numbers} numbers for {count} sequences of {tokens} rows of {width}")));
        }
        if tokens > most {
            return Err(Error::limit(format!("a batch of {tokens} tokens; this GPU takes {most}")));
        }
        Ok(())
    }

    /// First row and length of each sequence.
    fn spans(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let starts = self.lengths.iter().scan(0, |end, &length| {
            let start = *end;
            *end += length;
            Some(start)
        });
        starts.zip(self.lengths.iter().copied())
    }

    /// For each workgroup of attention: row of its first query, first row and length of the sequence, and nothing.
    pub fn tiles(&self) -> Vec<u32> {
        let tiles = self.spans().flat_map(|(first, length)| {
            (0..length).step_by(QUERIES).flat_map(move |query| [first + query, first, length, 0])
        });
        tiles.collect()
    }

    /// First row and number of rows that make the vector of each sequence.
    pub fn ranges(&self, pooling: Pooling) -> Vec<u32> {
        let range = |(first, length): (u32, u32)| match pooling {
            Pooling::Mean => [first, length],
            Pooling::Cls => [first, 1],
            Pooling::Last => [first + length - 1, 1],
        };
        self.spans().flat_map(range).collect()
    }
}

/// Tokens of a batch, at most, on a device that binds so many bytes of a buffer.
pub fn most_tokens(config: &BertConfig, heads: Heads, binding: usize) -> usize {
    let widest = padded(config.intermediate).max(3 * heads.width()).max(padded(config.hidden));
    (binding / (size_of::<f32>() * widest)).min(BATCH_TOKENS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: BertConfig = BertConfig {
        layers: 1,
        hidden: 10,
        heads: 2,
        intermediate: 20,
        vocab: 10,
        max_positions: 40,
        type_vocab: 2,
        layer_norm_eps: 1e-12,
    };

    #[test]
    fn heads_begin_with_a_whole_vector() {
        let heads = Heads::of(&CONFIG).unwrap();
        assert_eq!((heads.stride(), heads.width()), (8, 16));
        assert_eq!((0..10).map(|i| heads.place(i)).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 8, 9, 10, 11, 12]);
        let deep = BertConfig { hidden: 130, ..CONFIG };
        assert!(Heads::of(&deep).unwrap_err().context.contains("65 numbers"));
    }

    #[test]
    fn a_layer_goes_where_it_is_told() {
        let layer = Codes { data: vec![1, -2, 3, 4, 5, -6], scales: vec![0.5, 0.25] };
        let mut linear = Linear::new(16, 4);
        linear.put(&layer, &[7.0, 8.0], |row| 2 * row + 1, |col| 15 - col);
        let row = |at: usize| &linear.codes[at * 16..][..16];
        assert_eq!((&row(1)[13..], &row(3)[13..]), (&[3, 254, 1][..], &[250, 5, 4][..]));
        assert_eq!(linear.codes.iter().filter(|&&code| code != 0).count(), 6);
        assert_eq!(linear.affine, [0.0, 0.0, 0.5, 7.0, 0.0, 0.0, 0.25, 8.0]);
    }

    #[test]
    fn a_batch_is_cut_into_tiles_and_ranges() {
        let rows = Rows { sums: &vec![0.0; 16 * 36], lengths: &[17, 1, 18] };
        rows.check(&CONFIG, 36).unwrap();
        let tiles = [[0, 0, 17, 0], [16, 0, 17, 0], [17, 17, 1, 0], [18, 18, 18, 0], [34, 18, 18, 0]];
        assert_eq!(rows.tiles(), tiles.concat());
        assert_eq!(rows.ranges(Pooling::Mean), [0, 17, 17, 1, 18, 18]);
        assert_eq!(rows.ranges(Pooling::Cls), [0, 1, 17, 1, 18, 1]);
        assert_eq!(rows.ranges(Pooling::Last), [16, 1, 17, 1, 35, 1]);
    }

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        let refused = |sums: usize, lengths: &[u32]| {
            let sums = vec![0.0; sums];
            Rows { sums: &sums, lengths }.check(&CONFIG, 3).unwrap_err().context
        };
        assert!(refused(0, &[]).contains("0 sequences"));
        assert!(refused(16, &[1, 0]).contains("2 sequences"));
        assert!(refused(17, &[1]).contains("17 numbers"));
        assert_eq!(refused(64, &[2, 2]), "a batch of 4 tokens; this GPU takes 3");
    }

    #[test]
    fn a_batch_fits_what_a_device_binds() {
        let heads = Heads::of(&CONFIG).unwrap();
        assert_eq!(most_tokens(&CONFIG, heads, 48 * 4 * 10 + 5), 10);
        assert_eq!(most_tokens(&CONFIG, heads, 128 << 20), BATCH_TOKENS);
    }
}
