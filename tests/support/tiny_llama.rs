//! A language model of a few thousand random numbers: its files, and its arithmetic written down plainly in f32, so that
//! the real implementation can be compared with something that shares no code with it.

use std::collections::BTreeMap;

const LAYERS: usize = 2;
const HIDDEN: usize = 32;
const HEADS: usize = 4;
const KEY_HEADS: usize = 2;
const INNER: usize = 64;
const DEPTH: usize = HIDDEN / HEADS;
const KEYS: usize = KEY_HEADS * DEPTH;
const EPS: f32 = 1e-5;
const BASE: f32 = 10_000.0;
const CONTEXT: u32 = 512;
const MARKS: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const VOCAB: usize = MARKS.len() + 256;

pub struct TinyLlama {
    /// Rows one after the other, by GGUF's names.
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

/// The characters of bytes in byte-level vocabularies, in the order of the bytes.
fn alphabet() -> Vec<char> {
    let prints = |byte: u32| (33..127).contains(&byte) || (161..256).contains(&byte) && byte != 173;
    let mut next = 256;
    let one = |byte: u32| {
        let code = if prints(byte) { byte } else { next };
        next += u32::from(!prints(byte));
        char::from_u32(code).unwrap()
    };
    (0..256).map(one).collect()
}

impl TinyLlama {
    pub fn new(seed: u64) -> TinyLlama {
        let mut state = seed;
        let mut random = move || {
            // Steele et al. 2014, SplitMix.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        let mut tensors = BTreeMap::new();
        let mut add = |name: String, shape: &[usize]| {
            let count = shape.iter().product();
            // Vectors are weights of norms, around 1.
            let number = |random: &mut dyn FnMut() -> f32| match shape.len() {
                1 => 1.0 + 0.2 * random(),
                _ => 0.4 * random(),
            };
            let numbers = (0..count).map(|_| number(&mut random)).collect();
            tensors.insert(name, (shape.to_vec(), numbers));
        };
        add("token_embd.weight".into(), &[VOCAB, HIDDEN]);
        add("output_norm.weight".into(), &[HIDDEN]);
        for layer in 0..LAYERS {
            let shapes: [(&str, &[usize]); 9] = [
                ("attn_norm", &[HIDDEN]),
                ("attn_q", &[HIDDEN, HIDDEN]),
                ("attn_k", &[KEYS, HIDDEN]),
                ("attn_v", &[KEYS, HIDDEN]),
                ("attn_output", &[HIDDEN, HIDDEN]),
                ("ffn_norm", &[HIDDEN]),
                ("ffn_gate", &[INNER, HIDDEN]),
                ("ffn_up", &[INNER, HIDDEN]),
                ("ffn_down", &[HIDDEN, INNER]),
            ];
            for (part, shape) in shapes {
                add(format!("blk.{layer}.{part}.weight"), shape);
            }
        }
        TinyLlama { tensors }
    }

    pub fn end(&self) -> u32 {
        2
    }

    /// Ids of a conversation: without merges, each byte is a token.
    pub fn chat(&self, instruction: &str, prompt: &str) -> Vec<u32> {
        let bytes = |text: &str| text.bytes().map(|byte| MARKS.len() as u32 + u32::from(byte)).collect::<Vec<_>>();
        let mut ids = Vec::new();
        for (role, text) in [("system", instruction), ("user", prompt)] {
            ids.push(1);
            ids.extend(bytes(&format!("{role}\n{text}")));
            ids.push(2);
            ids.extend(bytes("\n"));
        }
        ids.push(1);
        ids.extend(bytes("assistant\n"));
        ids
    }

    pub fn bytes(&self, ids: &[u32]) -> Vec<u8> {
        ids.iter().filter(|&&id| id as usize >= MARKS.len()).map(|&id| (id as usize - MARKS.len()) as u8).collect()
    }

    /// The best next token after those of the last 64 have lost a tenth.
    pub fn likeliest(&self, ids: &[u32]) -> u32 {
        let recent = &ids[ids.len().saturating_sub(64)..];
        let penalised = |(id, score): (usize, f32)| match recent.contains(&(id as u32)) {
            true if score > 0.0 => score / 1.1,
            true => score * 1.1,
            false => score,
        };
        let scores: Vec<f32> = self.scores(ids).into_iter().enumerate().map(penalised).collect();
        let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        scores.iter().position(|&score| score == best).unwrap() as u32
    }

    fn rows(&self, name: &str) -> std::slice::ChunksExact<'_, f32> {
        let (shape, numbers) = &self.tensors[name];
        numbers.chunks_exact(*shape.last().unwrap())
    }

    fn times(&self, name: &str, x: &[f32]) -> Vec<f32> {
        self.rows(name).map(|row| dot(row, x)).collect()
    }

    fn norm(&self, name: &str, x: &[f32]) -> Vec<f32> {
        let scale = (dot(x, x) / x.len() as f32 + EPS).sqrt();
        x.iter().zip(&self.tensors[name].1).map(|(x, weight)| x / scale * weight).collect()
    }

    /// Scores of all tokens for the place behind these, everything computed anew.
    pub fn scores(&self, ids: &[u32]) -> Vec<f32> {
        let embed = |&id: &u32| self.rows("token_embd.weight").nth(id as usize).unwrap().to_vec();
        let mut states: Vec<Vec<f32>> = ids.iter().map(embed).collect();
        for layer in 0..LAYERS {
            let name = |part: &str| format!("blk.{layer}.{part}.weight");
            let normed: Vec<_> = states.iter().map(|x| self.norm(&name("attn_norm"), x)).collect();
            let turned = |part: &str| -> Vec<Vec<f32>> {
                let project = |(at, x): (usize, &Vec<f32>)| rotate(self.times(&name(part), x), at);
                normed.iter().enumerate().map(project).collect()
            };
            let (queries, keys) = (turned("attn_q"), turned("attn_k"));
            let values: Vec<_> = normed.iter().map(|x| self.times(&name("attn_v"), x)).collect();
            for at in 0..states.len() {
                let mut mixed = Vec::new();
                for head in 0..HEADS {
                    let of = |head: usize| head * DEPTH..(head + 1) * DEPTH;
                    let shared = of(head / (HEADS / KEY_HEADS));
                    let score =
                        |key: &Vec<f32>| dot(&queries[at][of(head)], &key[shared.clone()]) / (DEPTH as f32).sqrt();
                    let shares: Vec<f32> = keys[..=at].iter().map(|key| score(key).exp()).collect();
                    let total: f32 = shares.iter().sum();
                    mixed.extend(shared.clone().map(|i| {
                        shares.iter().zip(&values).map(|(share, value)| share / total * value[i]).sum::<f32>()
                    }));
                }
                add(&mut states[at], &self.times(&name("attn_output"), &mixed));
            }
            for x in &mut states {
                let normed = self.norm(&name("ffn_norm"), x);
                let gate = self.times(&name("ffn_gate"), &normed);
                let up = self.times(&name("ffn_up"), &normed);
                let inner: Vec<f32> = gate.iter().zip(up).map(|(gate, up)| gate / (1.0 + (-gate).exp()) * up).collect();
                add(x, &self.times(&name("ffn_down"), &inner));
            }
        }
        self.times("token_embd.weight", &self.norm("output_norm.weight", states.last().unwrap()))
    }

    /// `tokenizer.json` with the vocabulary and no merges.
    pub fn tokenizer(&self) -> Vec<u8> {
        let vocab: serde_json::Map<_, _> =
            self.vocabulary().into_iter().zip(0..).map(|(t, id)| (t, id.into())).collect();
        let cut = serde_json::json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
        let model = serde_json::json!({ "type": "BPE", "vocab": vocab, "merges": [] });
        serde_json::json!({ "version": "1.0", "pre_tokenizer": cut, "model": model }).to_string().into_bytes()
    }

    fn vocabulary(&self) -> Vec<String> {
        MARKS.iter().map(|mark| mark.to_string()).chain(alphabet().iter().map(char::to_string)).collect()
    }

    pub fn header_bytes(&self) -> usize {
        self.header().len()
    }

    pub fn gguf(&self) -> Vec<u8> {
        let mut file = self.header();
        for (_, numbers) in self.tensors.values() {
            file.resize(file.len().next_multiple_of(32), 0);
            file.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        }
        file
    }

    fn header(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        let sizes = [
            ("llama.block_count", LAYERS as u32),
            ("llama.embedding_length", HIDDEN as u32),
            ("llama.feed_forward_length", INNER as u32),
            ("llama.attention.head_count", HEADS as u32),
            ("llama.attention.head_count_kv", KEY_HEADS as u32),
            ("llama.vocab_size", VOCAB as u32),
            ("llama.context_length", CONTEXT),
            ("llama.rope.dimension_count", DEPTH as u32),
        ];
        let numbers = [("llama.attention.layer_norm_rms_epsilon", EPS), ("llama.rope.freq_base", BASE)];
        let texts =
            [("general.architecture", "llama"), ("tokenizer.ggml.model", "gpt2"), ("tokenizer.ggml.pre", "smollm")];
        let lists = [("tokenizer.ggml.tokens", self.vocabulary()), ("tokenizer.ggml.merges", Vec::new())];
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend(((sizes.len() + numbers.len() + texts.len() + lists.len()) as u64).to_le_bytes());
        for (name, text) in texts {
            put(&mut out, name);
            out.extend(8u32.to_le_bytes());
            put(&mut out, text);
        }
        for (name, size) in sizes {
            put(&mut out, name);
            out.extend(4u32.to_le_bytes());
            out.extend(size.to_le_bytes());
        }
        for (name, number) in numbers {
            put(&mut out, name);
            out.extend(6u32.to_le_bytes());
            out.extend(number.to_le_bytes());
        }
        for (name, list) in lists {
            put(&mut out, name);
            out.extend([9u32.to_le_bytes(), 8u32.to_le_bytes()].concat());
            out.extend((list.len() as u64).to_le_bytes());
            list.iter().for_each(|text| put(&mut out, text));
        }
        let mut place = 0u64;
        for (name, (shape, numbers)) in &self.tensors {
            put(&mut out, name);
            out.extend((shape.len() as u32).to_le_bytes());
            shape.iter().rev().for_each(|&size| out.extend((size as u64).to_le_bytes()));
            out.extend(0u32.to_le_bytes());
            out.extend(place.to_le_bytes());
            place = (place + 4 * numbers.len() as u64).next_multiple_of(32);
        }
        out
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f32], what: &[f32]) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += what);
}

/// Rotates neighbouring numbers of each head by an angle that grows with the position (Su et al. 2021, "RoFormer").
fn rotate(mut x: Vec<f32>, position: usize) -> Vec<f32> {
    for head in x.chunks_exact_mut(DEPTH) {
        for (pair, numbers) in head.chunks_exact_mut(2).enumerate() {
            let angle = position as f32 / BASE.powf(2.0 * pair as f32 / DEPTH as f32);
            let (a, b) = (numbers[0], numbers[1]);
            numbers[0] = a * angle.cos() - b * angle.sin();
            numbers[1] = a * angle.sin() + b * angle.cos();
        }
    }
    x
}
