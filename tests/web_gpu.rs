//! The encoder on WebGPU, on whatever adapter the browser has: each kernel beside its CPU twin over odd shapes, whole
//! passes beside the f32 reference, and what must happen when a device errs or goes.

#![cfg(all(target_arch = "wasm32", feature = "gpu"))]

#[allow(dead_code)]
#[path = "support/kernel_laws.rs"]
mod laws;
#[allow(dead_code)]
#[path = "support/tiny_encoder.rs"]
mod tiny;

use nearfield::gpu::layout::{Heads, Rows};
use nearfield::gpu::probe::Probe;
use nearfield::gpu::{Device, Encoder, Kernels, Sources};
use nearfield::model::bert::{BertConfig, Pooling, Readout};
use nearfield::model::{encoder, reference};
use nearfield::ErrorKind;
use std::rc::Rc;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// None in browsers without WebGPU, which must say so; with it, there is an adapter wherever these tests run.
async fn open(sources: &Sources) -> Option<Probe> {
    match Device::open().await {
        Ok(device) => {
            let kernels = Kernels::compile(&device, sources).await.unwrap();
            Some(Probe { device: Rc::new(device), kernels: Rc::new(kernels) })
        }
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::Unsupported);
            assert_eq!(error.context, "this browser has no WebGPU (navigator.gpu)");
            None
        }
    }
}

#[wasm_bindgen_test]
async fn products_match_their_twin() {
    let Some(probe) = open(&Sources::default()).await else { return };
    let shapes = [(1, 1, 1), (2, 17, 63), (31, 15, 65), (33, 100, 128), (64, 384, 48), (5, 1536, 20), (512, 33, 17)];
    for (seed, (rows, inputs, outputs)) in shapes.into_iter().enumerate() {
        probe.matmul(rows, inputs, outputs, seed as u64).await.unwrap();
    }
}

#[wasm_bindgen_test]
async fn norms_match_their_twin() {
    let Some(probe) = open(&Sources::default()).await else { return };
    for (seed, (rows, width)) in [(1, 2), (3, 63), (64, 65), (512, 384), (7, 1000)].into_iter().enumerate() {
        probe.norm(rows, width, seed as u64).await.unwrap();
    }
}

/// The lengths at which tiles of 16 queries and blocks of 32 keys begin and end, the longest, and many short ones.
#[wasm_bindgen_test]
async fn attention_matches_its_twin() {
    let Some(probe) = open(&Sources::default()).await else { return };
    let many: Vec<u32> = (0..64).map(|i| 1 + i % 7).collect();
    let cases: [(&[u32], usize, usize); 7] = [
        (&[1], 1, 1),
        (&[15, 16, 17], 2, 5),
        (&[31, 1, 32, 33], 3, 32),
        (&[512], 1, 32),
        (&[100, 511], 2, 7),
        (&many, 12, 32),
        (&[63, 64, 65], 2, 64),
    ];
    for (seed, (lengths, count, depth)) in cases.into_iter().enumerate() {
        for variation in 0..3 {
            probe.attention(lengths, Heads { count, depth }, 10 * seed as u64 + variation).await.unwrap();
        }
    }
}

#[wasm_bindgen_test]
async fn readouts_match_their_twins() {
    let Some(probe) = open(&Sources::default()).await else { return };
    let many: Vec<u32> = (1..=64).collect();
    for (seed, (lengths, width)) in [(&[1][..], 1), (&[512, 3], 65), (&many, 384)].into_iter().enumerate() {
        probe.pool(lengths, width, seed as u64).await.unwrap();
        probe.logit(lengths.len(), width, seed as u64).await.unwrap();
    }
}

#[wasm_bindgen_test]
async fn a_device_that_computes_rightly_passes() {
    let Some(probe) = open(&Sources::default()).await else { return };
    probe.run().await.unwrap();
}

#[wasm_bindgen_test]
async fn passes_match_the_reference() {
    let Some(probe) = open(&Sources::default()).await else { return };
    let deep = BertConfig { max_positions: 512, ..tiny::config(192, 3, 500) };
    let mut configs: Vec<BertConfig> = tiny::SIZES.map(|(a, b, c)| tiny::config(a, b, c)).into();
    configs.push(deep);
    for (seed, config) in configs.iter().enumerate() {
        let cpu = encoder::Encoder::new(config, &mut tiny::weights(config, seed as u64)).unwrap();
        let readout = Readout::Vector { pooling: Pooling::Mean, normalize: true };
        let Probe { device, kernels } = probe.clone();
        let gpu = Encoder::load(device, kernels, config.clone(), readout, &cpu).await.unwrap();
        // The second batch is larger than the first, the third smaller: buffers grow and stay.
        for lengths in [&[3, 1][..], &[1, 17, 2, config.max_positions as u32, 5], &[30]] {
            let mut random = laws::Random(!seed as u64);
            let count = lengths.iter().sum::<u32>();
            let ids: Vec<u32> = (0..count).map(|_| random.between(0, 49) as u32).collect();
            let sums = cpu.look_up(&ids, &[], lengths).unwrap();
            let rows = Rows { sums: &sums, lengths };
            let states = gpu.states(rows).await.unwrap();
            let vectors = gpu.run(rows).await.unwrap();
            let mut tokens = states.chunks_exact(config.hidden).map(<[f32]>::to_vec);
            let mut first = 0;
            for (&length, vector) in lengths.iter().zip(vectors.chunks_exact(config.hidden)) {
                let length = length as usize;
                let found: Vec<Vec<f32>> = tokens.by_ref().take(length).collect();
                let expected = reference::hidden_states(config, &cpu, &ids[first..first + length], &[]).unwrap();
                let least = reference::least_cosine(&found, &expected).unwrap();
                assert!(least >= 0.9995, "{length} tokens: cosine {least}");
                let pooled = reference::pool(&expected, Pooling::Mean, true).unwrap();
                let cosine: f32 = vector.iter().zip(&pooled).map(|(a, b)| a * b).sum();
                assert!((cosine - 1.0).abs() < 1e-4, "{length} tokens: vector with cosine {cosine}");
                first += length;
            }
        }
    }
}

/// One mistake in each kernel, of the kind that drivers make: the check of that kernel sees it.
#[wasm_bindgen_test]
async fn a_wrong_kernel_is_caught() {
    let right = Sources::default();
    let spoilt = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    };
    let cases = [
        (
            "matmul",
            Sources { matmul: spoilt(&right.matmul, "word << 24u, word", "word << 16u, word"), ..right.clone() },
        ),
        ("matmul, Gelu", Sources { matmul: spoilt(&right.matmul, "+ 0.5)", "+ 0.499)"), ..right.clone() }),
        ("matmul, Add", Sources { matmul: spoilt(&right.matmul, "out[at] +=", "out[at] ="), ..right.clone() }),
        ("norm", Sources { norm: spoilt(&right.norm, "total(index, squares)", "squares"), ..right.clone() }),
        ("attention", Sources { attention: spoilt(&right.attention, "at + key < length", "true"), ..right.clone() }),
        ("pool", Sources { pool: spoilt(&right.pool, "/ f32(range.y)", "/ f32(range.y + 1u)"), ..right.clone() }),
        ("logit", Sources { logit: spoilt(&right.logit, "+ shape.bias", ""), ..right.clone() }),
    ];
    for (kernel, sources) in cases {
        let Some(probe) = open(&sources).await else { return };
        let error = probe.run().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert!(error.context.contains(&format!("computes wrongly: {kernel}")), "{kernel}: {error}");
    }
}

#[wasm_bindgen_test]
async fn a_kernel_that_does_not_compile_is_named() {
    let Some(probe) = open(&Sources::default()).await else { return };
    let sources = Sources { pool: "fn main() { nonsense }".into(), ..Sources::default() };
    let error = Kernels::compile(&probe.device, &sources).await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.context.starts_with("kernel pool: WebGPU: "), "{error}");
    // The device is none the worse for it.
    probe.run().await.unwrap();
}

async fn tiny_on(probe: &Probe, config: &BertConfig) -> (encoder::Encoder, Encoder) {
    let cpu = encoder::Encoder::new(config, &mut tiny::weights(config, 5)).unwrap();
    let readout = Readout::Vector { pooling: Pooling::Cls, normalize: false };
    let Probe { device, kernels } = probe.clone();
    let gpu = Encoder::load(device, kernels, config.clone(), readout, &cpu).await.unwrap();
    (cpu, gpu)
}

/// In the middle of a batch, before one, and while another device works.
#[wasm_bindgen_test]
async fn a_device_that_is_lost_fails_its_batches_and_no_others() {
    let Some(probe) = open(&Sources::default()).await else { return };
    let other = open(&Sources::default()).await.unwrap();
    let config = tiny::config(20, 2, 30);
    let (cpu, gpu) = tiny_on(&probe, &config).await;
    let (_, others) = tiny_on(&other, &config).await;
    let sums = cpu.look_up(&[7; 40], &[], &[40]).unwrap();
    let rows = Rows { sums: &sums, lengths: &[40] };
    let before = gpu.run(rows).await.unwrap();
    let destroy = async { probe.device.destroy() };
    let (lost, (), fine) = futures_util::future::join3(gpu.run(rows), destroy, others.run(rows)).await;
    assert_eq!(lost.unwrap_err().kind, ErrorKind::Unsupported);
    assert_eq!(fine.unwrap(), before);
    let error = gpu.run(rows).await.unwrap_err();
    assert!(error.context.contains("the GPU was lost"), "{error}");
    // Another device can be opened in its place.
    let again = open(&Sources::default()).await.unwrap();
    let (_, gpu) = tiny_on(&again, &config).await;
    assert_eq!(gpu.run(rows).await.unwrap(), before);
}

/// Two batches on one device, under way at the same time.
#[wasm_bindgen_test]
async fn batches_may_overlap() {
    let Some(probe) = open(&Sources::default()).await else { return };
    let config = tiny::config(20, 2, 30);
    let (cpu, gpu) = tiny_on(&probe, &config).await;
    let (first, second) = (cpu.look_up(&[7; 40], &[], &[40]).unwrap(), cpu.look_up(&[9; 5], &[], &[2, 3]).unwrap());
    let (first, second) = (Rows { sums: &first, lengths: &[40] }, Rows { sums: &second, lengths: &[2, 3] });
    let alone = (gpu.run(first).await.unwrap(), gpu.run(second).await.unwrap());
    let (a, b) = futures_util::future::join(gpu.run(first), gpu.run(second)).await;
    assert_eq!((a.unwrap(), b.unwrap()), alone);
}

#[wasm_bindgen_test]
async fn batches_that_do_not_fit_are_refused() {
    let Some(probe) = open(&Sources::default()).await else { return };
    let (_, gpu) = tiny_on(&probe, &tiny::config(20, 2, 30)).await;
    let most = gpu.most_tokens();
    let sums = vec![0.0; (most + 1) * 32];
    let kind = async |sums: &[f32], lengths: &[u32]| gpu.run(Rows { sums, lengths }).await.unwrap_err().kind;
    assert_eq!(kind(&sums, &[most as u32 + 1]).await, ErrorKind::LimitExceeded);
    assert_eq!(kind(&sums[..40], &[1]).await, ErrorKind::InvalidInput);
    assert_eq!(kind(&[], &[]).await, ErrorKind::InvalidInput);
}
