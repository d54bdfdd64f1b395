//! The encoder on WebGPU, on whatever adapter the browser has: each kernel beside its CPU twin over odd shapes, whole
//! passes beside the f32 reference, and what must happen when a device errs or goes. Devices are opened without anything
//! that not every device has: no feature, and no limit above the least (128 MiB of a buffer, 256 invocations).

#![cfg(all(target_arch = "wasm32", feature = "gpu"))]

#[allow(dead_code)]
#[path = "support/kernel_laws.rs"]
mod laws;
#[allow(dead_code)]
#[path = "support/tiny_encoder.rs"]
mod tiny;

use nearfield::gpu::choice::{self, Choice, Finding};
use nearfield::gpu::extras::{Extra, Extras};
use nearfield::gpu::layout::{Heads, Rows};
use nearfield::gpu::probe::Probe;
use nearfield::gpu::{Device, Encoder, Kernels, Sources};
use nearfield::model::bert::{BertConfig, Pooling, Readout};
use nearfield::model::{encoder, reference};
use nearfield::ErrorKind;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// What `held-f16.wgsl` does, as every device can: 16 bits a number, in words that the kernel packs and unpacks.
const IN_WORDS: &str = "
    alias Held = vec2u;
    fn hold(numbers: vec4f) -> Held { return vec2u(pack2x16float(numbers.xy), pack2x16float(numbers.zw)); }
    fn whole(held: Held) -> vec4f { return vec4f(unpack2x16float(held.x), unpack2x16float(held.y)); }
";

/// A device; none in browsers without WebGPU, which must say so. With it, there is an adapter wherever these tests run.
async fn device(wanted: Extras) -> Option<Rc<Device>> {
    match Device::open(wanted).await {
        Ok(device) => Some(Rc::new(device)),
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::Unsupported);
            assert_eq!(error.context, "this browser has no WebGPU (navigator.gpu)");
            None
        }
    }
}

/// What a device must have for `extras` if they have 16 bits [`IN_WORDS`].
fn needed(extras: Extras) -> Extras {
    extras.without(Extras::of(HALF))
}

/// `sources` with `extras`, on a device that has `wanted` of them.
async fn open_with(sources: &Sources, extras: Extras, wanted: Extras) -> Option<Probe> {
    let device = device(wanted).await?;
    let kernels = Rc::new(Kernels::compile(&device, sources, extras).await.unwrap());
    Some(Probe { device, kernels })
}

async fn open(sources: &Sources) -> Option<Probe> {
    open_with(sources, Extras::NONE, Extras::NONE).await
}

fn with_half(half: &str) -> Sources {
    Sources { half: half.into(), ..Sources::default() }
}

const HALF: fn(Extra) -> bool = |extra| extra == Extra::Half;

/// All that kernels can make use of in this browser, if they have 16 bits [`IN_WORDS`].
async fn possible() -> Extras {
    let offered = match device(Extras::ALL).await {
        Some(device) => device.extras(),
        None => Extras::NONE,
    };
    Extras::of(|extra| HALF(extra) || offered.has(extra))
}

/// Every variant of each kernel: the plain ones, those that make use of all that is possible, products of 16 bits (which
/// integers would displace), and those as they are shipped if this device takes them.
async fn probes() -> Vec<Probe> {
    let (half, words) = (Extras::of(HALF), with_half(IN_WORDS));
    let mut probes = Vec::new();
    for extras in [Extras::NONE, half, possible().await] {
        probes.extend(open_with(&words, extras, needed(extras)).await);
    }
    if device(half).await.is_some_and(|device| device.extras() == half) {
        probes.extend(open_with(&Sources::default(), half, half).await);
    }
    probes
}

#[wasm_bindgen_test]
async fn products_match_their_twin() {
    let probes = probes().await;
    let shapes = [(1, 1, 1), (2, 17, 63), (31, 15, 65), (33, 100, 128), (64, 384, 48), (5, 1536, 20), (512, 33, 17)];
    for (seed, (rows, inputs, outputs)) in shapes.into_iter().enumerate() {
        for probe in &probes {
            probe.matmul(rows, inputs, outputs, seed as u64).await.unwrap();
        }
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
    let probes = probes().await;
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
        for (probe, variation) in probes.iter().flat_map(|probe| (0..3).map(move |variation| (probe, variation))) {
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
async fn passes_match_the_reference() {
    let probes = probes().await;
    let deep = BertConfig { max_positions: 512, ..tiny::config(192, 3, 500) };
    let mut configs: Vec<BertConfig> = tiny::SIZES.map(|(a, b, c)| tiny::config(a, b, c)).into();
    configs.push(deep);
    for (seed, config) in configs.iter().enumerate() {
        let cpu = encoder::Encoder::new(config, &mut tiny::weights(config, seed as u64)).unwrap();
        let readout = Readout::Vector { pooling: Pooling::Mean, normalize: true };
        let mut encoders = Vec::new();
        for Probe { device, kernels } in probes.clone() {
            encoders.push(Encoder::load(device, kernels, config.clone(), readout, &cpu).await.unwrap());
        }
        // The second batch is larger than the first, the third smaller: buffers grow and stay.
        for lengths in [&[3, 1][..], &[1, 17, 2, config.max_positions as u32, 5], &[30]] {
            let mut random = laws::Random(!seed as u64);
            let count = lengths.iter().sum::<u32>();
            let ids: Vec<u32> = (0..count).map(|_| random.between(0, 49) as u32).collect();
            let mut rest = &ids[..];
            let expected = lengths.iter().map(|&length| {
                let (sequence, after) = rest.split_at(length as usize);
                rest = after;
                reference::hidden_states(config, &cpu, sequence, &[]).unwrap()
            });
            let expected: Vec<_> = expected.collect();
            let sums = cpu.look_up(&ids, &[], lengths).unwrap();
            let rows = Rows { sums: &sums, lengths };
            for gpu in &encoders {
                let states = gpu.states(rows).await.unwrap();
                let vectors = gpu.run(rows).await.unwrap();
                let mut tokens = states.chunks_exact(config.hidden).map(<[f32]>::to_vec);
                for ((&length, expected), vector) in
                    lengths.iter().zip(&expected).zip(vectors.chunks_exact(config.hidden))
                {
                    let found: Vec<Vec<f32>> = tokens.by_ref().take(length as usize).collect();
                    let least = reference::least_cosine(&found, expected).unwrap();
                    assert!(least >= 0.9995, "{length} tokens: cosine {least}");
                    let pooled = reference::pool(expected, Pooling::Mean, true).unwrap();
                    let cosine: f32 = vector.iter().zip(&pooled).map(|(a, b)| a * b).sum();
                    assert!((cosine - 1.0).abs() < 1e-4, "{length} tokens: vector with cosine {cosine}");
                }
            }
        }
    }
}

/// One mistake in each kernel, of the kind that drivers make: the check of that kernel sees it.
#[wasm_bindgen_test]
async fn a_wrong_kernel_is_caught() {
    let spoilt = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    };
    let changed = |change: &dyn Fn(&mut Sources)| {
        let mut sources = with_half(IN_WORDS);
        change(&mut sources);
        sources
    };
    let product = changed(&|all| all.product = spoilt(&all.product, "word << 24u, word", "word << 16u, word"));
    let gelu = changed(&|all| all.product = spoilt(&all.product, "+ 0.5)", "+ 0.499)"));
    let add = changed(&|all| all.product = spoilt(&all.product, "out[at] +=", "out[at] ="));
    let sums = changed(&|all| all.packed = spoilt(&all.packed, "* 256.0", "* 255.0"));
    let integers = changed(&|all| all.quantise = spoilt(&all.quantise, "levels + 128", "levels"));
    let subgroups = changed(&|all| {
        all.reduce_subgroups = spoilt(&all.reduce_subgroups, "subgroupAdd(part)", "part");
    });
    let greatest = changed(&|all| {
        all.reduce_subgroups = spoilt(&all.reduce_subgroups, "subgroupMax(part)", "part");
    });
    let norm = changed(&|all| all.norm = spoilt(&all.norm, "total(index, squares)", "squares"));
    let attention = changed(&|all| {
        all.attention = spoilt(&all.attention, "exp(greatest - most)", "1.0");
        all.attention_half = spoilt(&all.attention_half, "at + key < length", "true");
    });
    let wide = changed(&|all| all.attention = spoilt(&all.attention, "products(key + 12u, q12, q13, q14, q15)", "0.0"));
    let pool = changed(&|all| all.pool = spoilt(&all.pool, "/ f32(range.y)", "/ f32(range.y + 1u)"));
    let logit = changed(&|all| all.logit = spoilt(&all.logit, "+ shape.bias", ""));
    let (none, half, most) = (Extras::NONE, Extras::of(HALF), possible().await);
    let mut cases = vec![
        ("matmul", &product, none),
        ("matmul", &product, half),
        ("matmul, Gelu", &gelu, none),
        ("matmul, Gelu", &gelu, half),
        ("matmul, Add", &add, most),
        ("norm", &norm, none),
        ("attention", &attention, none),
        ("attention", &wide, none),
        ("attention", &attention, half),
        ("pool", &pool, none),
        ("logit", &logit, none),
    ];
    if most.has(Extra::Subgroups) {
        cases.push(("norm", &subgroups, most));
    }
    if most.has(Extra::Packed) && most.has(Extra::Subgroups) {
        cases.push(("matmul", &greatest, most));
    }
    if most.has(Extra::Packed) {
        cases.extend([("matmul", &sums, most), ("matmul", &integers, most), ("matmul, Gelu", &gelu, most)]);
    }
    for (kernel, sources, extras) in cases {
        let Some(probe) = open_with(sources, extras, needed(extras)).await else { return };
        let error = probe.run().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert!(error.context.contains(&format!("computes wrongly: {kernel}")), "{kernel}: {error}");
    }
}

/// What a device offers is taken if it computes rightly, and left if not; the report says which.
#[wasm_bindgen_test]
async fn the_most_is_taken_that_computes_rightly() {
    let Some(device) = device(needed(Extras::ALL)).await else { return };
    let half = Extras::of(HALF);
    let choose = async |half_text: &str, offered: Extras| {
        let Choice { kernels, refused } = choice::choose(&device, &with_half(half_text), offered, None).await.unwrap();
        (kernels.extras(), refused)
    };
    assert_eq!(device.description().binding_bytes, 128 << 20);
    assert_eq!(choose(IN_WORDS, possible().await).await, (possible().await, None));
    // Sums of subgroups that are others than a device says cost it nothing else.
    if device.extras().has(Extra::Subgroups) {
        let sources = with_half(IN_WORDS);
        let wrong = Sources { reduce_subgroups: sources.reduce.replace("+=", "-="), ..sources };
        let Choice { kernels, refused } = choice::choose(&device, &wrong, possible().await, None).await.unwrap();
        assert_eq!(kernels.extras(), possible().await.without(Extras::of(|extra| extra == Extra::Subgroups)));
        assert!(refused.unwrap().starts_with("this GPU computes wrongly: norm"));
    }
    // Rounds to whole numbers, as a device might that takes one kind of number for another.
    let spoilt = IN_WORDS.replace("vec2u(pack2x16float(numbers.xy)", "vec2u(pack2x16float(floor(numbers.xy))");
    assert_ne!(spoilt, IN_WORDS);
    let (extras, refused) = choose(&spoilt, half).await;
    assert_eq!(extras, Extras::NONE);
    assert!(refused.unwrap().starts_with("this GPU computes wrongly: matmul"));
    // A device that was not asked for the feature does not compile what needs it.
    let (extras, refused) = choose(&Sources::default().half, half).await;
    assert_eq!(extras, Extras::NONE);
    assert!(refused.unwrap().starts_with("kernel matmul: WebGPU: "));
}

/// By a clock on which plain kernels are faster than those that make use of more.
#[wasm_bindgen_test]
async fn the_fastest_is_taken_of_those_that_compute_rightly() {
    let Some(device) = device(Extras::NONE).await else { return };
    let half = Extras::of(HALF);
    let calls = Cell::new(0);
    let clock = || {
        // At the beginning and the end of each of three batches, for one set and then the other.
        let call = calls.replace(calls.get() + 1);
        f64::from(call % 2) * [7.0, 5.0][call as usize / 6]
    };
    let chosen = choice::choose(&device, &with_half(IN_WORDS), half, Some(&clock)).await.unwrap();
    assert_eq!((chosen.kernels.extras(), chosen.refused, calls.get()), (Extras::NONE, None, 12));
}

/// Kernels that err do not err again, nor are those checked again that did not: a wrong one shows it.
#[wasm_bindgen_test]
async fn what_was_found_out_is_not_found_out_again() {
    let Some(device) = device(Extras::ALL).await else { return };
    let right = Sources::default();
    let wrong = Sources { logit: right.logit.replace("+ shape.bias", ""), ..right.clone() };
    let subject = |browser: &str| choice::subject(device.description(), device.extras(), browser);
    let find = async |sources: &Sources| {
        let chosen = choice::choose(&device, sources, device.extras(), None).await;
        choice::finding(subject("a browser"), &chosen).unwrap()
    };

    let sound = find(&right).await;
    let used: Vec<String> = device.extras().names().into_iter().map(String::from).collect();
    assert_eq!(sound, Finding { subject: subject("a browser"), passed: Some(used), refused: None });
    let recalled = choice::recall(&device, &wrong, &sound).await.unwrap().ok().unwrap();
    assert_eq!(recalled.kernels.extras(), device.extras());
    let nonsense = Sources { logit: "nonsense".into(), ..right.clone() };
    assert!(choice::recall(&device, &nonsense, &sound).await.is_none());

    let failed = find(&wrong).await;
    assert_eq!(failed.passed, None);
    let error = choice::recall(&device, &right, &failed).await.unwrap().err().unwrap();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.context.starts_with("this GPU computes wrongly: logit gave "), "{error}");
    assert!(error.context.ends_with(" (found out on an earlier visit)"), "{error}");

    assert_ne!(subject("a browser"), subject("its next version"));
    assert_ne!(right.digest(), wrong.digest());
    device.destroy();
    let lost = choice::choose(&device, &right, Extras::NONE, None).await;
    assert_eq!(choice::finding(subject("a browser"), &lost), None);
}

#[wasm_bindgen_test]
async fn a_kernel_that_does_not_compile_is_named() {
    let Some(probe) = open(&Sources::default()).await else { return };
    let sources = Sources { pool: "fn main() { nonsense }".into(), ..Sources::default() };
    let error = Kernels::compile(&probe.device, &sources, Extras::NONE).await.err().unwrap();
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
