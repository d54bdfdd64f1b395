//! What a GGUF file must hold for candle to read a Llama from it: sizes that fit together, and every tensor in the shape
//! that these sizes ask for.

use crate::error::{Error, Result};
use crate::limits;
use crate::model::gguf::{Gguf, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Llama {
    pub vocab: usize,
    /// Longest sequence in tokens.
    pub context: usize,
}

impl Llama {
    pub fn check(file: &Gguf) -> Result<Llama> {
        let architecture = file.text("general.architecture")?;
        if architecture != "llama" || file.setting("llama.expert_count").is_some() {
            let message = format!("a language model of architecture {architecture:?}; supported is \"llama\", dense");
            return Err(Error::unsupported(message));
        }
        let layers = file.size("llama.block_count", limits::MODEL_LAYERS)?;
        let hidden = file.size("llama.embedding_length", limits::MODEL_HIDDEN)?;
        let inner = file.size("llama.feed_forward_length", limits::MODEL_INTERMEDIATE)?;
        let heads = file.size("llama.attention.head_count", hidden)?;
        let key_heads = file.size("llama.attention.head_count_kv", heads)?;
        let vocab = file.size("llama.vocab_size", limits::MODEL_VOCAB)?;
        let context = file.size("llama.context_length", limits::GGUF_CONTEXT)?;
        let rotated = file.size("llama.rope.dimension_count", hidden)?;
        let fits = hidden.is_multiple_of(heads) && heads.is_multiple_of(key_heads);
        if !fits || rotated != hidden / heads || !rotated.is_multiple_of(2) {
            let message = format!("{heads} heads with {key_heads} of keys, {rotated} rotated, in a width of {hidden}");
            return Err(Error::corrupt(message));
        }
        file.number("llama.attention.layer_norm_rms_epsilon")?;
        if let Some(base) = file.setting("llama.rope.freq_base") {
            if !matches!(base, Value::Float(base) if base.is_finite() && *base > 0.0) {
                return Err(Error::corrupt(format!("llama.rope.freq_base is {base:?}")));
            }
        }
        let keys = hidden / heads * key_heads;
        file.demand("token_embd.weight", &[vocab, hidden])?;
        file.demand("output_norm.weight", &[hidden])?;
        if file.has_tensor("output.weight") {
            file.demand("output.weight", &[vocab, hidden])?;
        }
        for layer in 0..layers {
            let demand = |part: &str, shape: &[usize]| file.demand(&format!("blk.{layer}.{part}.weight"), shape);
            demand("attn_norm", &[hidden])?;
            demand("attn_q", &[hidden, hidden])?;
            demand("attn_k", &[keys, hidden])?;
            demand("attn_v", &[keys, hidden])?;
            demand("attn_output", &[hidden, hidden])?;
            demand("ffn_norm", &[hidden])?;
            demand("ffn_gate", &[inner, hidden])?;
            demand("ffn_up", &[inner, hidden])?;
            demand("ffn_down", &[hidden, inner])?;
        }
        Ok(Llama { vocab, context })
    }
}
